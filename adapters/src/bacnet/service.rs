//! The services this device and its client speak: parameters as values, to octets and back (clauses 13, 15, 16). Pure.

mod acks;

use bacnet_encoding::primitives as put;
use bacnet_encoding::tags::{encode_closing_tag, encode_opening_tag};
use bacnet_types::enums::{
    ConfirmedServiceChoice as Confirmed, ErrorClass, ErrorCode, PropertyIdentifier, RejectReason,
    UnconfirmedServiceChoice as Unconfirmed,
};
use bacnet_types::primitives::{ObjectIdentifier, PropertyValue};
use bytes::{Bytes, BytesMut};

use super::reader::{self, Reader, Reject};
use crate::limits;

pub use acks::{close_read_ack, decode_read_ack, decode_read_multiple_ack, open_read_ack, put_result};

/// Why a property was not read or written (clause 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The class.
    pub class: ErrorClass,
    /// The code.
    pub code: ErrorCode,
}

impl Refusal {
    pub(super) const fn object(code: ErrorCode) -> Refusal {
        Refusal { class: ErrorClass::OBJECT, code }
    }

    pub(super) const fn property(code: ErrorCode) -> Refusal {
        Refusal { class: ErrorClass::PROPERTY, code }
    }
}

/// A property, or one element of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PropertyRef {
    /// Which.
    pub property: PropertyIdentifier,
    /// Which element; 0 for their number, none for all.
    pub index: Option<u32>,
}

impl PropertyRef {
    /// All of a property.
    pub const fn of(property: PropertyIdentifier) -> PropertyRef {
        PropertyRef { property, index: None }
    }

    fn read(r: &mut Reader<'_>, property: u8, index: u8) -> Result<PropertyRef, Reject> {
        let property = PropertyIdentifier::from_raw(r.unsigned(property)?);
        Ok(PropertyRef { property, index: r.optional_unsigned(index)? })
    }

    pub(super) fn write(self, out: &mut BytesMut, property: u8, index: u8) {
        put::encode_ctx_enumerated(out, property, self.property.to_raw());
        if let Some(i) = self.index {
            put::encode_ctx_unsigned(out, index, i.into());
        }
    }
}

/// One property to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The object.
    pub object: ObjectIdentifier,
    /// The property.
    pub property: PropertyRef,
    /// Its value, as tagged octets.
    pub value: Bytes,
    /// 1 to 16; none for the lowest, 16.
    pub priority: Option<u8>,
}

/// That a value changed (13.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The subscriber's number of its own process.
    pub process: u32,
    /// The device that tells.
    pub device: ObjectIdentifier,
    /// The object that changed.
    pub object: ObjectIdentifier,
    /// Until the subscription ends [s]; 0 for never.
    pub remaining: u32,
    /// Properties with their values, as tagged octets.
    pub values: Vec<(PropertyRef, Bytes)>,
}

/// A confirmed service request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// 15.5.
    ReadProperty(ObjectIdentifier, PropertyRef),
    /// 15.7.
    ReadPropertyMultiple(Vec<(ObjectIdentifier, Vec<PropertyRef>)>),
    /// 15.9.
    WriteProperty(Write),
    /// 15.10.
    WritePropertyMultiple(Vec<Write>),
    /// 13.14.
    SubscribeCov {
        /// The subscriber's number of its own process.
        process: u32,
        /// The object to watch.
        object: ObjectIdentifier,
        /// Whether notifications are confirmed, and for how long they go on [s], 0 for ever; none cancels.
        terms: Option<(bool, u32)>,
    },
    /// 13.6.
    CovNotification(Notification),
}

/// An unconfirmed service request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// 16.10: which devices, by instance; none for all.
    WhoIs(Option<(u32, u32)>),
    /// 16.10.
    IAm {
        /// The device.
        device: ObjectIdentifier,
        /// The longest APDU that it accepts [octets].
        max_apdu: u32,
        /// What it can do of segmentation (clause 21, BACnetSegmentation).
        segmentation: u32,
        /// Its vendor.
        vendor: u32,
    },
    /// 16.9.
    WhoHas {
        /// Which devices, by instance; none for all.
        limits: Option<(u32, u32)>,
        /// What is looked for.
        what: Sought,
    },
    /// 16.9.
    IHave {
        /// The device.
        device: ObjectIdentifier,
        /// The object.
        object: ObjectIdentifier,
        /// The object's name.
        name: String,
    },
    /// 13.7.
    CovNotification(Notification),
}

/// What Who-Has looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// An object.
    Object(ObjectIdentifier),
    /// The object of that name.
    Name(String),
}

/// One property of ReadPropertyMultiple's answer.
pub type PropertyResult = (PropertyRef, Result<Bytes, Refusal>);

impl Request {
    /// Reads the parameters of a service; none for a service that is not spoken here.
    pub fn decode(service: Confirmed, data: &[u8]) -> Option<Result<Request, RejectReason>> {
        let r = &mut Reader::new(data);
        let request = match service {
            Confirmed::READ_PROPERTY => {
                r.object(0).and_then(|o| Ok(Request::ReadProperty(o, PropertyRef::read(r, 1, 2)?)))
            }
            Confirmed::READ_PROPERTY_MULTIPLE => specifications(r).map(Request::ReadPropertyMultiple),
            Confirmed::WRITE_PROPERTY => write(r).map(Request::WriteProperty),
            Confirmed::WRITE_PROPERTY_MULTIPLE => writes(r).map(Request::WritePropertyMultiple),
            Confirmed::SUBSCRIBE_COV => subscription(r),
            Confirmed::CONFIRMED_COV_NOTIFICATION => notification(r).map(Request::CovNotification),
            _ => return None,
        };
        Some(request.and_then(|request| r.end().map(|()| request)))
    }

    /// The service and its parameters.
    pub fn encode(&self) -> (Confirmed, Bytes) {
        let mut out = BytesMut::new();
        let service = match self {
            Request::ReadProperty(object, property) => {
                put::encode_ctx_object_id(&mut out, 0, object);
                property.write(&mut out, 1, 2);
                Confirmed::READ_PROPERTY
            }
            Request::ReadPropertyMultiple(specifications) => {
                for (object, properties) in specifications {
                    put::encode_ctx_object_id(&mut out, 0, object);
                    encode_opening_tag(&mut out, 1);
                    properties.iter().for_each(|p| p.write(&mut out, 0, 1));
                    encode_closing_tag(&mut out, 1);
                }
                Confirmed::READ_PROPERTY_MULTIPLE
            }
            Request::WriteProperty(w) => {
                put::encode_ctx_object_id(&mut out, 0, &w.object);
                w.property.write(&mut out, 1, 2);
                put_enclosed(&mut out, 3, &w.value);
                if let Some(p) = w.priority {
                    put::encode_ctx_unsigned(&mut out, 4, p.into());
                }
                Confirmed::WRITE_PROPERTY
            }
            Request::WritePropertyMultiple(writes) => {
                for run in writes.chunk_by(|a, b| a.object == b.object) {
                    put::encode_ctx_object_id(&mut out, 0, &run[0].object);
                    encode_opening_tag(&mut out, 1);
                    for w in run {
                        put_value(&mut out, w.property, &w.value);
                        if let Some(p) = w.priority {
                            put::encode_ctx_unsigned(&mut out, 3, p.into());
                        }
                    }
                    encode_closing_tag(&mut out, 1);
                }
                Confirmed::WRITE_PROPERTY_MULTIPLE
            }
            Request::SubscribeCov { process, object, terms } => {
                put::encode_ctx_unsigned(&mut out, 0, (*process).into());
                put::encode_ctx_object_id(&mut out, 1, object);
                if let Some((confirmed, lifetime)) = terms {
                    put::encode_ctx_boolean(&mut out, 2, *confirmed);
                    put::encode_ctx_unsigned(&mut out, 3, (*lifetime).into());
                }
                Confirmed::SUBSCRIBE_COV
            }
            Request::CovNotification(n) => {
                n.encode(&mut out);
                Confirmed::CONFIRMED_COV_NOTIFICATION
            }
        };
        (service, out.freeze())
    }
}

impl Announcement {
    /// Reads the parameters of a service; none for one that is malformed or not spoken here: nobody waits for a word.
    pub fn decode(service: Unconfirmed, data: &[u8]) -> Option<Announcement> {
        let r = &mut Reader::new(data);
        let announcement = match service {
            Unconfirmed::WHO_IS => Announcement::WhoIs(instances(r).ok()?),
            Unconfirmed::I_AM => {
                let device = match r.value().ok()? {
                    PropertyValue::ObjectIdentifier(id) => id,
                    _ => return None,
                };
                let mut unsigned = || match r.value().ok()? {
                    PropertyValue::Unsigned(n) => u32::try_from(n).ok(),
                    _ => None,
                };
                let max_apdu = unsigned()?;
                let segmentation = r.enumerated().ok()?;
                let PropertyValue::Unsigned(vendor) = r.value().ok()? else { return None };
                Announcement::IAm { device, max_apdu, segmentation, vendor: u32::try_from(vendor).ok()? }
            }
            Unconfirmed::WHO_HAS => {
                let limits = instances(r).ok()?;
                let what = match r.optional_object(2).ok()? {
                    Some(object) => Sought::Object(object),
                    None => Sought::Name(reader::text(r.required(3).ok()?).ok()?),
                };
                Announcement::WhoHas { limits, what }
            }
            Unconfirmed::I_HAVE => match (r.value().ok()?, r.value().ok()?, r.value().ok()?) {
                (
                    PropertyValue::ObjectIdentifier(device),
                    PropertyValue::ObjectIdentifier(object),
                    PropertyValue::CharacterString(name),
                ) => Announcement::IHave { device, object, name },
                _ => return None,
            },
            Unconfirmed::UNCONFIRMED_COV_NOTIFICATION => Announcement::CovNotification(notification(r).ok()?),
            _ => return None,
        };
        r.end().ok().map(|()| announcement)
    }

    /// The service and its parameters.
    pub fn encode(&self) -> (Unconfirmed, Bytes) {
        let mut out = BytesMut::new();
        let service = match self {
            Announcement::WhoIs(limits) => {
                put_instances(&mut out, *limits);
                Unconfirmed::WHO_IS
            }
            Announcement::IAm { device, max_apdu, segmentation, vendor } => {
                put::encode_app_object_id(&mut out, device);
                put::encode_app_unsigned(&mut out, (*max_apdu).into());
                put::encode_app_enumerated(&mut out, *segmentation);
                put::encode_app_unsigned(&mut out, (*vendor).into());
                Unconfirmed::I_AM
            }
            Announcement::WhoHas { limits, what } => {
                put_instances(&mut out, *limits);
                match what {
                    Sought::Object(object) => put::encode_ctx_object_id(&mut out, 2, object),
                    Sought::Name(name) => {
                        put::encode_ctx_character_string(&mut out, 3, name).expect("a name fits a string");
                    }
                }
                Unconfirmed::WHO_HAS
            }
            Announcement::IHave { device, object, name } => {
                put::encode_app_object_id(&mut out, device);
                put::encode_app_object_id(&mut out, object);
                put::encode_app_character_string(&mut out, name).expect("a name fits a string");
                Unconfirmed::I_HAVE
            }
            Announcement::CovNotification(n) => {
                n.encode(&mut out);
                Unconfirmed::UNCONFIRMED_COV_NOTIFICATION
            }
        };
        (service, out.freeze())
    }
}

impl Notification {
    fn encode(&self, out: &mut BytesMut) {
        put::encode_ctx_unsigned(out, 0, self.process.into());
        put::encode_ctx_object_id(out, 1, &self.device);
        put::encode_ctx_object_id(out, 2, &self.object);
        put::encode_ctx_unsigned(out, 3, self.remaining.into());
        encode_opening_tag(out, 4);
        for (property, value) in &self.values {
            put_value(out, *property, value);
        }
        encode_closing_tag(out, 4);
    }
}

pub(super) fn put_refusal(out: &mut BytesMut, refusal: Refusal) {
    put::encode_app_enumerated(out, refusal.class.to_raw().into());
    put::encode_app_enumerated(out, refusal.code.to_raw().into());
}

fn put_enclosed(out: &mut BytesMut, tag: u8, value: &[u8]) {
    encode_opening_tag(out, tag);
    out.extend_from_slice(value);
    encode_closing_tag(out, tag);
}

/// BACnetPropertyValue without its priority (clause 21).
fn put_value(out: &mut BytesMut, property: PropertyRef, value: &[u8]) {
    property.write(out, 0, 1);
    put_enclosed(out, 2, value);
}

fn put_instances(out: &mut BytesMut, limits: Option<(u32, u32)>) {
    if let Some((low, high)) = limits {
        put::encode_ctx_unsigned(out, 0, low.into());
        put::encode_ctx_unsigned(out, 1, high.into());
    }
}

/// Both limits or none (16.10.1.1).
fn instances(r: &mut Reader<'_>) -> Result<Option<(u32, u32)>, Reject> {
    match r.optional_unsigned(0)? {
        Some(low) => Ok(Some((low, r.unsigned(1)?))),
        None => Ok(None),
    }
}

fn specifications(r: &mut Reader<'_>) -> Result<Vec<(ObjectIdentifier, Vec<PropertyRef>)>, Reject> {
    let mut specifications = Vec::new();
    let mut named = 0;
    while specifications.is_empty() || !r.is_empty() {
        let object = r.object(0)?;
        r.opening(1)?;
        let mut properties = Vec::new();
        while properties.is_empty() || !r.closes(1)? {
            properties.push(PropertyRef::read(r, 0, 1)?);
            named += 1;
            if named > limits::BACNET_REFERENCES {
                return Err(RejectReason::BUFFER_OVERFLOW);
            }
        }
        specifications.push((object, properties));
    }
    Ok(specifications)
}

fn priority(number: Option<u32>) -> Result<Option<u8>, Reject> {
    match number {
        None => Ok(None),
        Some(p @ 1..=16) => Ok(Some(p as u8)),
        Some(_) => Err(RejectReason::PARAMETER_OUT_OF_RANGE),
    }
}

/// What is to be written: tags with nothing between them are no value.
fn some_value(r: &mut Reader<'_>, tag: u8) -> Result<Bytes, Reject> {
    match r.enclosed(tag)? {
        [] => Err(RejectReason::MISSING_REQUIRED_PARAMETER),
        value => Ok(Bytes::copy_from_slice(value)),
    }
}

fn write(r: &mut Reader<'_>) -> Result<Write, Reject> {
    let (object, property) = (r.object(0)?, PropertyRef::read(r, 1, 2)?);
    let value = some_value(r, 3)?;
    Ok(Write { object, property, value, priority: priority(r.optional_unsigned(4)?)? })
}

fn writes(r: &mut Reader<'_>) -> Result<Vec<Write>, Reject> {
    let mut writes = Vec::new();
    while writes.is_empty() || !r.is_empty() {
        let object = r.object(0)?;
        r.opening(1)?;
        let before = writes.len();
        while writes.len() == before || !r.closes(1)? {
            let property = PropertyRef::read(r, 0, 1)?;
            let value = some_value(r, 2)?;
            writes.push(Write { object, property, value, priority: priority(r.optional_unsigned(3)?)? });
            if writes.len() > limits::BACNET_REFERENCES {
                return Err(RejectReason::BUFFER_OVERFLOW);
            }
        }
    }
    Ok(writes)
}

fn subscription(r: &mut Reader<'_>) -> Result<Request, Reject> {
    let (process, object) = (r.unsigned(0)?, r.object(1)?);
    let terms = match (r.optional_boolean(2)?, r.optional_unsigned(3)?) {
        (None, None) => None,
        (Some(confirmed), lifetime) => Some((confirmed, lifetime.unwrap_or(0))),
        (None, Some(_)) => return Err(RejectReason::MISSING_REQUIRED_PARAMETER),
    };
    Ok(Request::SubscribeCov { process, object, terms })
}

fn notification(r: &mut Reader<'_>) -> Result<Notification, Reject> {
    let (process, device, object, remaining) = (r.unsigned(0)?, r.object(1)?, r.object(2)?, r.unsigned(3)?);
    r.opening(4)?;
    let mut values = Vec::new();
    while !r.closes(4)? {
        let property = PropertyRef::read(r, 0, 1)?;
        values.push((property, Bytes::copy_from_slice(r.enclosed(2)?)));
        priority(r.optional_unsigned(3)?)?;
        if values.len() > limits::BACNET_REFERENCES {
            return Err(RejectReason::BUFFER_OVERFLOW);
        }
    }
    Ok(Notification { process, device, object, remaining, values })
}
