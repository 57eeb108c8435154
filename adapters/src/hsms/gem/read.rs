//! Taking items apart: what a host sends is what E5 says, or it is [`Illegal`] and answered with S9F7.

use super::super::Item;

/// The item is not of the form that the message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Illegal;

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
        // E5 lets identifiers be text as well.
        Item::Ascii(v) => std::str::from_utf8(v).ok().and_then(|t| t.trim().parse().ok()).ok_or(Illegal),
        _ => Err(Illegal),
    }
}

/// An identifier: SVID, CEID, RPTID, ALID and their like. One that no table of ours can hold is still an identifier,
/// of nothing.
pub(super) fn id(item: &Item) -> Result<u32, Illegal> {
    Ok(u32::try_from(whole(item)?).unwrap_or(u32::MAX))
}

/// A list of identifiers.
pub(super) fn ids(item: &Item) -> Result<Vec<u32>, Illegal> {
    list(item)?.iter().map(id).collect()
}

/// Identifiers as one array item, which is how S5F5 has them; an empty item of any format is an empty array.
pub(super) fn array(item: &Item) -> Result<Vec<u32>, Illegal> {
    let wide = |v: i64| u32::try_from(v).unwrap_or(u32::MAX);
    Ok(match item {
        Item::List(items) => items.iter().map(id).collect::<Result<_, _>>()?,
        Item::U1(v) => v.iter().map(|v| u32::from(*v)).collect(),
        Item::U2(v) => v.iter().map(|v| u32::from(*v)).collect(),
        Item::U4(v) => v.clone(),
        Item::U8(v) => v.iter().map(|v| u32::try_from(*v).unwrap_or(u32::MAX)).collect(),
        Item::I1(v) => v.iter().map(|v| wide(i64::from(*v))).collect(),
        Item::I2(v) => v.iter().map(|v| wide(i64::from(*v))).collect(),
        Item::I4(v) => v.iter().map(|v| wide(i64::from(*v))).collect(),
        Item::I8(v) => v.iter().map(|v| wide(*v)).collect(),
        Item::Binary(v) if v.is_empty() => Vec::new(),
        Item::Ascii(v) if v.is_empty() => Vec::new(),
        _ => return Err(Illegal),
    })
}

/// A text.
pub(super) fn text(item: &Item) -> Result<String, Illegal> {
    match item {
        Item::Ascii(v) | Item::Jis8(v) | Item::Local(_, v) => Ok(String::from_utf8_lossy(v).into_owned()),
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
