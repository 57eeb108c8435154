//! The answers to reads, to octets and back.

use bacnet_encoding::primitives as put;
use bacnet_encoding::tags::{encode_closing_tag, encode_opening_tag};
use bacnet_types::enums::{ErrorClass, ErrorCode, RejectReason};
use bacnet_types::primitives::ObjectIdentifier;
use bytes::{Bytes, BytesMut};

use super::super::reader::Reader;
use super::{PropertyRef, PropertyResult, Refusal, put_enclosed, put_refusal};

/// The answer to ReadProperty (15.5.2): object, property, value.
pub fn decode_read_ack(data: &[u8]) -> Result<(ObjectIdentifier, PropertyRef, Bytes), RejectReason> {
    let r = &mut Reader::new(data);
    let ack = (r.object(0)?, PropertyRef::read(r, 1, 2)?, Bytes::copy_from_slice(r.enclosed(3)?));
    r.end().map(|()| ack)
}

/// Writes the answer to ReadProperty up to its value, which [`close_read_ack`] ends.
pub fn open_read_ack(out: &mut BytesMut, object: &ObjectIdentifier, property: PropertyRef) {
    put::encode_ctx_object_id(out, 0, object);
    property.write(out, 1, 2);
    encode_opening_tag(out, 3);
}

/// Ends the answer to ReadProperty.
pub fn close_read_ack(out: &mut BytesMut) {
    encode_closing_tag(out, 3);
}

/// The answer to ReadPropertyMultiple (15.7.2).
pub fn decode_read_multiple_ack(
    data: &[u8],
) -> Result<Vec<(ObjectIdentifier, Vec<PropertyResult>)>, RejectReason> {
    let r = &mut Reader::new(data);
    let mut objects = Vec::new();
    while !r.is_empty() {
        let object = r.object(0)?;
        r.opening(1)?;
        let mut results = Vec::new();
        while !r.closes(1)? {
            let property = PropertyRef::read(r, 2, 3)?;
            if r.opens(5)? {
                let (class, code) = (r.enumerated()?, r.enumerated()?);
                let narrow = |n: u32| u16::try_from(n).map_err(|_| RejectReason::PARAMETER_OUT_OF_RANGE);
                let refusal = Refusal {
                    class: ErrorClass::from_raw(narrow(class)?),
                    code: ErrorCode::from_raw(narrow(code)?),
                };
                if !r.closes(5)? {
                    return Err(RejectReason::INVALID_TAG);
                }
                results.push((property, Err(refusal)));
            } else {
                results.push((property, Ok(Bytes::copy_from_slice(r.enclosed(4)?))));
            }
        }
        objects.push((object, results));
    }
    Ok(objects)
}

/// Writes one property of ReadPropertyMultiple's answer.
pub fn put_result(out: &mut BytesMut, property: PropertyRef, result: Result<&[u8], Refusal>) {
    property.write(out, 2, 3);
    match result {
        Ok(value) => put_enclosed(out, 4, value),
        Err(refusal) => {
            encode_opening_tag(out, 5);
            put_refusal(out, refusal);
            encode_closing_tag(out, 5);
        }
    }
}
