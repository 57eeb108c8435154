//! What a device's words about a point are worth: present value, status flags and reliability to a sample. Pure.

use aegis_models::{Quality, Sample};
use bacnet_types::enums::{ErrorClass, ErrorCode, PropertyIdentifier as P, Reliability};
use bacnet_types::primitives::PropertyValue;

use super::binding::Place;
use super::reader::Reader;
use super::service::{PropertyRef, PropertyResult, Refusal};

/// The properties that tell what a point's value is worth.
pub(super) const ASKED: [PropertyRef; 3] =
    [PropertyRef::of(P::PRESENT_VALUE), PropertyRef::of(P::STATUS_FLAGS), PropertyRef::of(P::RELIABILITY)];

/// The single tagged value in `octets`.
pub(super) fn single(octets: &[u8]) -> Option<PropertyValue> {
    let mut r = Reader::new(octets);
    let value = r.value().ok()?;
    r.end().ok().map(|()| value)
}

/// The sample that the properties of a point's object make; a refusal when its present value was refused.
pub(super) fn sample(place: &Place, results: &[PropertyResult]) -> Result<Sample, Refusal> {
    let find = |property: P| {
        let of = PropertyRef::of(property);
        results.iter().find(|(p, _)| *p == of).map(|(_, result)| result.as_ref())
    };
    let missing = Refusal { class: ErrorClass::PROPERTY, code: ErrorCode::UNKNOWN_PROPERTY };
    let value = find(P::PRESENT_VALUE).unwrap_or(Err(&missing)).map_err(|refusal| *refusal)?;
    // Flags and reliability are looked at where a device has them.
    let other = |property| find(property).and_then(Result::ok).and_then(|octets| single(octets));
    let flags = match other(P::STATUS_FLAGS) {
        Some(PropertyValue::BitString { data, .. }) => data.first().copied().unwrap_or(0),
        _ => 0,
    };
    let reliability = match other(P::RELIABILITY) {
        Some(PropertyValue::Enumerated(n)) => Some(Reliability::from_raw(n)),
        _ => None,
    };
    let value = single(value).and_then(|v| lenient(place, &v)).filter(|v| v.is_finite());
    Ok(match value {
        Some(value) => Sample { point: place.point, value, quality: quality(flags, reliability) },
        None => bad(place),
    })
}

/// No value.
pub(super) fn bad(place: &Place) -> Sample {
    Sample { point: place.point, value: 0.0, quality: Quality::Bad }
}

/// In-alarm does not make a value worse. Out of service or overridden, it is somebody's word and not the process's. With a
/// fault it is no value, unless the device says that it is merely unsure.
fn quality(flags: u8, reliability: Option<Reliability>) -> Quality {
    let (fault, overridden, out_of_service) = (flags & 0x40 != 0, flags & 0x20 != 0, flags & 0x10 != 0);
    match reliability {
        Some(Reliability::UNRELIABLE_OTHER) => Quality::Uncertain,
        _ if fault => Quality::Bad,
        _ if overridden || out_of_service => Quality::Uncertain,
        _ => Quality::Good,
    }
}

/// A present value, also in datatypes that devices use although the standard says otherwise.
fn lenient(place: &Place, value: &PropertyValue) -> Option<f64> {
    if let Some(v) = place.unpack(value) {
        return Some(v);
    }
    match value {
        _ if place.kind.is_analogue() => match value {
            PropertyValue::Double(v) => Some(*v),
            PropertyValue::Unsigned(n) => Some(*n as f64),
            PropertyValue::Signed(n) => Some(f64::from(*n)),
            _ => None,
        },
        PropertyValue::Boolean(b) => place.unpack(&PropertyValue::Enumerated(u32::from(*b))),
        PropertyValue::Unsigned(n @ 0..=1) => place.unpack(&PropertyValue::Enumerated(*n as u32)),
        PropertyValue::Enumerated(n) => place.unpack(&PropertyValue::Unsigned((*n).into())),
        _ => None,
    }
}
