//! Taking items apart: what a host sends is what E5 says, or it is [`Illegal`] and answered with S9F7.

use super::super::Item;
use crate::limits;

/// The item is not of the form that the message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Illegal;

/// An identifier as a host gave it: SVID, CEID, RPTID, TRID, ALID and their like. E5 lets each be a number of any size
/// or a text; one that no table of ours holds is still an identifier, of nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Id {
    Number(i128),
    Text(Vec<u8>),
}

impl Id {
    /// One of ours.
    pub fn of(number: u32) -> Id {
        Id::Number(i128::from(number))
    }

    /// Its number in the equipment's own tables, where it can have one. Some hosts write their numbers as text.
    pub fn number(&self) -> Option<u32> {
        match self {
            Id::Number(n) => u32::try_from(*n).ok(),
            Id::Text(t) => std::str::from_utf8(t).ok()?.trim().parse().ok(),
        }
    }

    /// As the equipment writes it.
    pub fn item(&self) -> Item {
        match self {
            Id::Text(t) => Item::Ascii(t.clone()),
            Id::Number(n) => match (u32::try_from(*n), u64::try_from(*n)) {
                (Ok(n), _) => Item::U4(vec![n]),
                (_, Ok(n)) => Item::U8(vec![n]),
                // Below nought it came as a signed number of at most eight bytes.
                _ => Item::I8(vec![*n as i64]),
            },
        }
    }
}

/// The items of a list.
pub(super) fn list(item: &Item) -> Result<&[Item], Illegal> {
    match item {
        Item::List(items) => Ok(items),
        _ => Err(Illegal),
    }
}

/// A list of just so many items.
pub(super) fn fields<const N: usize>(item: &Item) -> Result<&[Item; N], Illegal> {
    list(item)?.try_into().map_err(|_| Illegal)
}

/// The one value of an item of whole numbers, of any size.
pub(super) fn whole(item: &Item) -> Result<i64, Illegal> {
    match item {
        Item::U1(v) => one(v).map(i64::from),
        Item::U2(v) => one(v).map(i64::from),
        Item::U4(v) => one(v).map(i64::from),
        Item::U8(v) => one(v).and_then(|v| i64::try_from(v).map_err(|_| Illegal)),
        Item::I1(v) => one(v).map(i64::from),
        Item::I2(v) => one(v).map(i64::from),
        Item::I4(v) => one(v).map(i64::from),
        Item::I8(v) => one(v),
        Item::Binary(v) => one(v).map(i64::from),
        Item::Ascii(v) => std::str::from_utf8(v).ok().and_then(|t| t.trim().parse().ok()).ok_or(Illegal),
        _ => Err(Illegal),
    }
}

/// An identifier.
pub(super) fn id(item: &Item) -> Result<Id, Illegal> {
    match item {
        Item::Ascii(v) if v.len() <= limits::GEM_ID_BYTES => Ok(Id::Text(v.clone())),
        Item::Ascii(_) => Err(Illegal),
        Item::U8(v) => one(v).map(|n| Id::Number(i128::from(n))),
        _ => whole(item).map(|n| Id::Number(i128::from(n))),
    }
}

/// A list of identifiers.
pub(super) fn ids(item: &Item) -> Result<Vec<Id>, Illegal> {
    list(item)?.iter().map(id).collect()
}

/// The identifiers that a request names; all of ours when it names none. E5 has an empty list there; some hosts send no
/// body at all.
pub(super) fn named<'a>(body: Option<&Item>, all: impl Iterator<Item = &'a u32>) -> Result<Vec<Id>, Illegal> {
    Ok(or_all(body.map_or(Ok(Vec::new()), ids)?, all))
}

/// The same where they come as one array (stream 5).
pub(super) fn named_in_array<'a>(
    body: Option<&Item>,
    all: impl Iterator<Item = &'a u32>,
) -> Result<Vec<Id>, Illegal> {
    Ok(or_all(body.map_or(Ok(Vec::new()), array)?, all))
}

fn or_all<'a>(ids: Vec<Id>, all: impl Iterator<Item = &'a u32>) -> Vec<Id> {
    if ids.is_empty() { all.map(|n| Id::of(*n)).collect() } else { ids }
}

/// Identifiers as one array item, which is how S5F5 has them; an empty item of any format is an empty array.
pub(super) fn array(item: &Item) -> Result<Vec<Id>, Illegal> {
    fn all<T: Copy + Into<i128>>(values: &[T]) -> Vec<Id> {
        values.iter().map(|v| Id::Number((*v).into())).collect()
    }
    Ok(match item {
        Item::List(items) => items.iter().map(id).collect::<Result<_, _>>()?,
        Item::U1(v) => all(v),
        Item::U2(v) => all(v),
        Item::U4(v) => all(v),
        Item::U8(v) => all(v),
        Item::I1(v) => all(v),
        Item::I2(v) => all(v),
        Item::I4(v) => all(v),
        Item::I8(v) => all(v),
        Item::Binary(v) if v.is_empty() => Vec::new(),
        Item::Ascii(v) if v.is_empty() => Vec::new(),
        _ => vec![id(item)?],
    })
}

/// Numbers of ours as one array item, as a saved state has them.
pub(super) fn numbers(item: &Item) -> Result<Vec<u32>, Illegal> {
    array(item)?.iter().map(|id| id.number().ok_or(Illegal)).collect()
}

/// A text.
pub(super) fn text(item: &Item) -> Result<String, Illegal> {
    match item {
        Item::Ascii(v) | Item::Jis8(v) | Item::Local(_, v) => Ok(String::from_utf8_lossy(v).into_owned()),
        _ => Err(Illegal),
    }
}

/// A name, which E5 lets be a text or a number (RCMD, CPNAME): a number is its digits.
pub(super) fn name(item: &Item) -> Result<String, Illegal> {
    match item {
        Item::Ascii(_) | Item::Jis8(_) | Item::Local(..) => text(item),
        Item::Binary(_) => Err(Illegal),
        Item::U8(v) => one(v).map(|n| n.to_string()),
        _ => whole(item).map(|n| n.to_string()),
    }
}

/// A PPID: text or binary (E5). A character for each byte, so that no two are taken for one.
pub(super) fn ppid(item: &Item) -> Result<String, Illegal> {
    match item {
        Item::Ascii(v) | Item::Binary(v) => Ok(v.iter().map(|b| char::from(*b)).collect()),
        _ => Err(Illegal),
    }
}

/// One byte, binary or unsigned.
pub(super) fn byte(item: &Item) -> Result<u8, Illegal> {
    match item {
        Item::Binary(v) | Item::U1(v) => one(v),
        _ => Err(Illegal),
    }
}

/// A truth value.
pub(super) fn flag(item: &Item) -> Result<bool, Illegal> {
    match item {
        Item::Boolean(v) => one(v),
        _ => byte(item).map(|b| b != 0),
    }
}

/// A number of any format, truth values as 0 and 1.
pub(super) fn number(item: &Item) -> Result<f64, Illegal> {
    match item {
        Item::F4(v) => one(v).map(f64::from),
        Item::F8(v) => one(v),
        Item::Boolean(v) => one(v).map(f64::from),
        Item::U8(v) => one(v).map(|n| n as f64),
        Item::Ascii(v) => std::str::from_utf8(v).ok().and_then(|t| t.trim().parse().ok()).ok_or(Illegal),
        _ => whole(item).map(|v| v as f64),
    }
}

fn one<T: Copy>(values: &[T]) -> Result<T, Illegal> {
    match values {
        [value] => Ok(*value),
        _ => Err(Illegal),
    }
}
