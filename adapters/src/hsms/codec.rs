//! SECS-II items as bytes (E5, data structures). Pure.
//!
//! An item is a format byte, one to three length bytes, and its values, big end first. The format byte holds the
//! format code in its upper six bits and the number of length bytes in its lower two. The length of a list counts its
//! items, any other counts bytes.

use super::Item;
use crate::limits::{HSMS_DEPTH, HSMS_ITEMS, HSMS_MESSAGE_BYTES};

/// Why bytes are no item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside an item.
    #[error("the bytes end inside an item at {0}")]
    Truncated(usize),
    /// A format code that E5 does not have.
    #[error("format code {code:o} (octal) at {at} is none of E5's")]
    UnknownFormat {
        /// The code.
        code: u8,
        /// Where.
        at: usize,
    },
    /// An item has at least one length byte.
    #[error("the item at {0} has no length bytes")]
    NoLength(usize),
    /// The values of an array are not a whole number of elements.
    #[error("the item at {at} has {bytes} bytes, which is no whole number of its elements")]
    OddLength {
        /// Where.
        at: usize,
        /// Its length.
        bytes: usize,
    },
    /// More after the item.
    #[error("{0} bytes follow the item")]
    Trailing(usize),
    /// Lists in lists in lists.
    #[error("lists are nested deeper than {HSMS_DEPTH}")]
    TooDeep,
    /// More items than any message of equipment has.
    #[error("more than {HSMS_ITEMS} items")]
    TooMany,
}

/// Why an item cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Longer than three length bytes can say.
    #[error("an item of {0} bytes or items: three length bytes count to 16777215")]
    TooLong(usize),
    /// Larger than this side sends.
    #[error("a message body of {0} bytes; at most {HSMS_MESSAGE_BYTES} are sent")]
    TooLarge(usize),
    /// Lists in lists in lists.
    #[error("lists are nested deeper than {HSMS_DEPTH}")]
    TooDeep,
}

/// The format codes of E5, in octal as the standard prints them.
mod code {
    pub const LIST: u8 = 0o00;
    pub const BINARY: u8 = 0o10;
    pub const BOOLEAN: u8 = 0o11;
    pub const ASCII: u8 = 0o20;
    pub const JIS8: u8 = 0o21;
    pub const LOCAL: u8 = 0o22;
    pub const I8: u8 = 0o30;
    pub const I1: u8 = 0o31;
    pub const I2: u8 = 0o32;
    pub const I4: u8 = 0o34;
    pub const F8: u8 = 0o40;
    pub const F4: u8 = 0o44;
    pub const U8: u8 = 0o50;
    pub const U1: u8 = 0o51;
    pub const U2: u8 = 0o52;
    pub const U4: u8 = 0o54;
}

/// An item as bytes.
pub fn encode(item: &Item) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    put(item, 0, &mut out)?;
    if out.len() > HSMS_MESSAGE_BYTES { Err(EncodeError::TooLarge(out.len())) } else { Ok(out) }
}

fn put(item: &Item, depth: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match item {
        Item::List(items) => {
            if depth >= HSMS_DEPTH {
                return Err(EncodeError::TooDeep);
            }
            head(code::LIST, items.len(), out)?;
            items.iter().try_for_each(|i| put(i, depth + 1, out))
        }
        Item::Binary(v) => bytes(code::BINARY, v, out),
        Item::Boolean(v) => array(code::BOOLEAN, v, |b| [u8::from(b)], out),
        Item::Ascii(v) => bytes(code::ASCII, v, out),
        Item::Jis8(v) => bytes(code::JIS8, v, out),
        Item::Local(encoding, text) => {
            head(code::LOCAL, 2 + text.len(), out)?;
            out.extend_from_slice(&encoding.to_be_bytes());
            out.extend_from_slice(text);
            Ok(())
        }
        Item::I8(v) => array(code::I8, v, i64::to_be_bytes, out),
        Item::I1(v) => array(code::I1, v, i8::to_be_bytes, out),
        Item::I2(v) => array(code::I2, v, i16::to_be_bytes, out),
        Item::I4(v) => array(code::I4, v, i32::to_be_bytes, out),
        Item::F8(v) => array(code::F8, v, f64::to_be_bytes, out),
        Item::F4(v) => array(code::F4, v, f32::to_be_bytes, out),
        Item::U8(v) => array(code::U8, v, u64::to_be_bytes, out),
        Item::U1(v) => bytes(code::U1, v, out),
        Item::U2(v) => array(code::U2, v, u16::to_be_bytes, out),
        Item::U4(v) => array(code::U4, v, u32::to_be_bytes, out),
    }
}

fn head(code: u8, length: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    // As few length bytes as will do.
    let [zero, high, middle, low] =
        u32::try_from(length).map_err(|_| EncodeError::TooLong(length))?.to_be_bytes();
    match (zero, high, middle) {
        (0, 0, 0) => out.extend_from_slice(&[code << 2 | 1, low]),
        (0, 0, _) => out.extend_from_slice(&[code << 2 | 2, middle, low]),
        (0, ..) => out.extend_from_slice(&[code << 2 | 3, high, middle, low]),
        _ => return Err(EncodeError::TooLong(length)),
    }
    Ok(())
}

fn bytes(code: u8, values: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    head(code, values.len(), out)?;
    out.extend_from_slice(values);
    Ok(())
}

fn array<T: Copy, const N: usize>(
    code: u8,
    values: &[T],
    be: impl Fn(T) -> [u8; N],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    head(code, values.len() * N, out)?;
    values.iter().for_each(|v| out.extend_from_slice(&be(*v)));
    Ok(())
}

/// The item that a message's body is; none for a message without one.
pub fn decode(body: &[u8]) -> Result<Option<Item>, DecodeError> {
    if body.is_empty() {
        return Ok(None);
    }
    let mut input = Input { body, at: 0, items: 0 };
    let item = input.item(0)?;
    match body.len() - input.at {
        0 => Ok(Some(item)),
        rest => Err(DecodeError::Trailing(rest)),
    }
}

struct Input<'a> {
    body: &'a [u8],
    at: usize,
    items: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let taken = self.at.checked_add(n).and_then(|end| self.body.get(self.at..end));
        let taken = taken.ok_or(DecodeError::Truncated(self.at))?;
        self.at += n;
        Ok(taken)
    }

    fn item(&mut self, depth: usize) -> Result<Item, DecodeError> {
        let at = self.at;
        self.items += 1;
        if self.items > HSMS_ITEMS {
            return Err(DecodeError::TooMany);
        }
        let format = self.take(1)?[0];
        let (code, lengths) = (format >> 2, usize::from(format & 3));
        if lengths == 0 {
            return Err(DecodeError::NoLength(at));
        }
        let length = self.take(lengths)?.iter().fold(0, |n, b| n << 8 | usize::from(*b));
        if code == code::LIST {
            if depth >= HSMS_DEPTH {
                return Err(DecodeError::TooDeep);
            }
            // An item takes two bytes at least: a length that claims more is not believed, and nothing is set aside.
            if length > (self.body.len() - self.at) / 2 {
                return Err(DecodeError::Truncated(self.at));
            }
            return Ok(Item::List((0..length).map(|_| self.item(depth + 1)).collect::<Result<_, _>>()?));
        }
        let odd = DecodeError::OddLength { at, bytes: length };
        let values = self.take(length)?;
        Ok(match code {
            code::BINARY => Item::Binary(values.to_vec()),
            code::BOOLEAN => Item::Boolean(values.iter().map(|b| *b != 0).collect()),
            code::ASCII => Item::Ascii(values.to_vec()),
            code::JIS8 => Item::Jis8(values.to_vec()),
            code::LOCAL => {
                let (encoding, text) = values.split_at_checked(2).ok_or(odd)?;
                Item::Local(u16::from_be_bytes([encoding[0], encoding[1]]), text.to_vec())
            }
            code::I8 => Item::I8(elements(values, i64::from_be_bytes).ok_or(odd)?),
            code::I1 => Item::I1(elements(values, i8::from_be_bytes).ok_or(odd)?),
            code::I2 => Item::I2(elements(values, i16::from_be_bytes).ok_or(odd)?),
            code::I4 => Item::I4(elements(values, i32::from_be_bytes).ok_or(odd)?),
            code::F8 => Item::F8(elements(values, f64::from_be_bytes).ok_or(odd)?),
            code::F4 => Item::F4(elements(values, f32::from_be_bytes).ok_or(odd)?),
            code::U8 => Item::U8(elements(values, u64::from_be_bytes).ok_or(odd)?),
            code::U1 => Item::U1(values.to_vec()),
            code::U2 => Item::U2(elements(values, u16::from_be_bytes).ok_or(odd)?),
            code::U4 => Item::U4(elements(values, u32::from_be_bytes).ok_or(odd)?),
            _ => return Err(DecodeError::UnknownFormat { code, at }),
        })
    }
}

fn elements<T, const N: usize>(values: &[u8], be: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (whole, rest) = values.as_chunks::<N>();
    rest.is_empty().then(|| whole.iter().map(|v| be(*v)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes as E5 has them, worked by hand.
    #[test]
    fn items_are_the_bytes_that_the_standard_says() {
        for (item, bytes) in [
            (Item::List(vec![]), &[0x01, 0][..]),
            (
                Item::List(vec![Item::U1(vec![7]), Item::text("AB")]),
                &[0x01, 2, 0xA5, 1, 7, 0x41, 2, b'A', b'B'],
            ),
            (Item::Binary(vec![0xFF]), &[0x21, 1, 0xFF]),
            (Item::Boolean(vec![true, false]), &[0x25, 2, 1, 0]),
            (Item::Jis8(vec![0xB1]), &[0x45, 1, 0xB1]),
            (Item::Local(2, vec![b'x']), &[0x49, 3, 0, 2, b'x']),
            (Item::I8(vec![-1]), &[0x61, 8, 255, 255, 255, 255, 255, 255, 255, 255]),
            (Item::I1(vec![-2]), &[0x65, 1, 0xFE]),
            (Item::I2(vec![-2]), &[0x69, 2, 0xFF, 0xFE]),
            (Item::I4(vec![1]), &[0x71, 4, 0, 0, 0, 1]),
            (Item::F8(vec![1.0]), &[0x81, 8, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0]),
            (Item::F4(vec![1.0]), &[0x91, 4, 0x3F, 0x80, 0, 0]),
            (Item::U8(vec![1]), &[0xA1, 8, 0, 0, 0, 0, 0, 0, 0, 1]),
            (Item::U2(vec![1, 2]), &[0xA9, 4, 0, 1, 0, 2]),
            (Item::U4(vec![1001]), &[0xB1, 4, 0, 0, 3, 0xE9]),
        ] {
            assert_eq!(encode(&item).unwrap(), bytes, "{item:?}");
            assert_eq!(decode(bytes).unwrap(), Some(item));
        }
        assert_eq!(decode(&[]).unwrap(), None);
        let long = Item::Binary(vec![0; 70_000]);
        assert_eq!(encode(&long).unwrap()[..4], [0x23, 1, 0x11, 0x70]);
        assert_eq!(decode(&encode(&long).unwrap()).unwrap(), Some(long));
    }

    #[test]
    fn what_is_no_item_is_told() {
        let deep: Vec<u8> = [0x01, 1].repeat(HSMS_DEPTH + 1);
        for (bytes, error) in [
            (&[0x01][..], DecodeError::Truncated(1)),
            (&[0x00, 1], DecodeError::NoLength(0)),
            (&[0xFD, 0], DecodeError::UnknownFormat { code: 0o77, at: 0 }),
            (&[0xA9, 3, 0, 0, 0], DecodeError::OddLength { at: 0, bytes: 3 }),
            (&[0xA5, 1, 7, 9], DecodeError::Trailing(1)),
            (&[0x03, 0xFF, 0xFF, 0xFF], DecodeError::Truncated(4)),
            (&deep, DecodeError::TooDeep),
        ] {
            assert_eq!(decode(bytes), Err(error));
        }
    }
}
