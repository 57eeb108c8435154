//! Who a device says it is: function 43, MEI type 14, read device identification (AP 6.21). Pure.

use aegis_models::Profile;
use tokio_modbus::ExceptionCode;

use super::codec::MAX_PDU;

/// MEI type of the device identification.
pub const MEI: u8 = 14;
/// Function, MEI type, code, conformity, more, next object, number of objects.
const HEAD: usize = 7;
/// Regular identification, by stream and one by one (AP 6.21, conformity level).
const CONFORMITY: u8 = 0x82;
/// Longest object [bytes]: each fits a reply, and half a dozen fit one.
const LONGEST: usize = 64;
/// Objects up to this one are basic, and every device has them.
const LAST_BASIC: u8 = 2;
/// Objects up to this one are regular.
const LAST_REGULAR: u8 = 6;

/// The objects that a device tells of itself, by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    objects: Objects,
}

impl Identity {
    /// A machine of that kind: vendor, product code, revision, product name, model name.
    pub fn of(profile: &Profile) -> Identity {
        let short = |text: &str| text.chars().filter(char::is_ascii).take(LONGEST).collect();
        let revision = env!("CARGO_PKG_VERSION");
        let objects =
            [(0, "Aegis"), (1, &profile.kind), (2, revision), (4, &profile.title), (5, &profile.kind)];
        Identity { objects: objects.map(|(id, text)| (id, short(text))).into() }
    }

    /// The reply to a request for `code` from `object` on, without its function code.
    ///
    /// Codes 1 to 3 give a stream of objects, basic, regular or extended; one that begins with an object that is not
    /// there begins anew. Code 4 gives one object, and one that is not there is exception 02. Another code is 03.
    pub fn answer(&self, code: u8, object: u8) -> Result<Vec<u8>, ExceptionCode> {
        let has = |id| self.objects.iter().any(|(o, _)| *o == id);
        let (first, last) = match code {
            1 => (object, LAST_BASIC),
            2 => (object, LAST_REGULAR),
            3 => (object, u8::MAX),
            4 if has(object) => (object, object),
            4 => return Err(ExceptionCode::IllegalDataAddress),
            _ => return Err(ExceptionCode::IllegalDataValue),
        };
        let first = if has(first) && first <= last { first } else { 0 };
        let (mut list, mut count, mut next) = (Vec::new(), 0, None);
        for (id, text) in self.objects.iter().filter(|(id, _)| (first..=last).contains(id)) {
            if HEAD + list.len() + 2 + text.len() > MAX_PDU {
                next = Some(*id);
                break;
            }
            list.extend_from_slice(&[*id, text.len() as u8]);
            list.extend_from_slice(text.as_bytes());
            count += 1;
        }
        let more = if next.is_some() { 0xFF } else { 0 };
        let mut reply = vec![MEI, code, CONFORMITY, more, next.unwrap_or(0), count];
        reply.append(&mut list);
        Ok(reply)
    }
}

/// What a device says of itself, by the numbers of the objects.
pub type Objects = Vec<(u8, String)>;

/// The objects of a reply, without its function code, and the object from which on more follow.
pub(super) fn read(body: &[u8]) -> Option<(Objects, Option<u8>)> {
    let [MEI, _code, _conformity, more, next, count, list @ ..] = body else { return None };
    let (mut objects, mut rest) = (Vec::new(), list);
    for _ in 0..*count {
        let [id, length, tail @ ..] = rest else { return None };
        let (text, behind) = tail.split_at_checked(usize::from(*length))?;
        objects.push((*id, String::from_utf8_lossy(text).into_owned()));
        rest = behind;
    }
    rest.is_empty().then_some((objects, (*more == 0xFF).then_some(*next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity::of(&Profile::built_in("ffu").unwrap())
    }

    #[test]
    fn basic_regular_and_single_objects_as_the_specification_has_them() {
        let basic = identity().answer(1, 0).unwrap();
        assert_eq!(basic[..6], [14, 1, 0x82, 0, 0, 3]);
        assert_eq!(basic[6..13], [0, 5, b'A', b'e', b'g', b'i', b's']);
        assert_eq!(identity().answer(2, 0).unwrap()[5], 5);
        assert_eq!(identity().answer(4, 1).unwrap(), [&[14, 4, 0x82, 0, 0, 1, 1, 3][..], b"ffu"].concat());
        assert_eq!(identity().answer(4, 3), Err(ExceptionCode::IllegalDataAddress));
        assert_eq!(identity().answer(5, 0), Err(ExceptionCode::IllegalDataValue));
        assert_eq!(identity().answer(1, 77), identity().answer(1, 0), "an unknown object begins anew");
    }

    #[test]
    fn what_does_not_fit_one_reply_follows() {
        let many = Identity { objects: (0..8).map(|id| (id, "x".repeat(LONGEST))).collect() };
        let (mut next, mut told) = (0, 0);
        loop {
            let reply = many.answer(3, next).unwrap();
            let (objects, more) = read(&reply).unwrap();
            assert_eq!((objects.len(), more.is_some()), (usize::from(reply[5]), reply[3] == 0xFF));
            assert!(reply.len() < MAX_PDU);
            told += reply[5];
            if reply[3] == 0 {
                break;
            }
            next = reply[4];
        }
        assert_eq!(told, 8);
    }
}
