//! A machine as a BACnet device: its device object, the objects of its points, and the writes that wait (12.11). Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use aegis_models::{PointIx, Profile, Quality, Record, Sample};
use bacnet_encoding::primitives as put;
use bacnet_types::enums::{
    ConfirmedServiceChoice as Confirmed, ErrorClass, ErrorCode, ObjectType, PropertyIdentifier as P,
};
use bacnet_types::primitives::ObjectIdentifier;
use bytes::BytesMut;

use super::array::Elements;
use super::binding::{BadBinding, Binding};
use super::object::Object;
use super::service::{PropertyRef, Refusal, Sought, Write};
use crate::limits;

/// The longest APDU that this device and client take [octets]: all that BACnet/IP carries.
pub const MAX_APDU: u16 = 1476;
/// BACnetSegmentation (clause 21): none.
pub(super) const NO_SEGMENTATION: u32 = 3;
/// 135-2012: the last revision before every device needs a Network Port object.
const PROTOCOL_REVISION: u64 = 14;
/// Services that revision 14 counts in Protocol_Services_Supported.
const SERVICES: usize = 40;
/// Object types that revision 14 counts in Protocol_Object_Types_Supported.
const OBJECT_TYPES: usize = 55;

/// Who a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name, unique on its network: the machine's.
    pub name: String,
    /// Its instance number, 0 to 4194302, unique on its network.
    pub instance: u32,
}

/// The objects of one machine.
#[derive(Clone, Debug)]
pub struct Device {
    id: ObjectIdentifier,
    name: String,
    title: String,
    model: String,
    vendor: String,
    vendor_id: u16,
    binding: Arc<Binding>,
    /// In the order of the binding's places.
    objects: Vec<Object>,
    /// For each kind of record, the points of its fields.
    records: Vec<Vec<Option<PointIx>>>,
    writes: VecDeque<(PointIx, f64)>,
}

impl Device {
    /// A machine none of whose points has a value yet. An instance beyond 4194302 is taken for the last one.
    pub fn new(identity: &Identity, profile: &Profile) -> Result<Device, BadBinding> {
        let binding = Arc::new(Binding::new(profile)?);
        let instance = identity.instance.min(ObjectIdentifier::MAX_ADDRESSABLE_INSTANCE);
        let id = ObjectIdentifier::new(ObjectType::DEVICE, instance).expect("the instance is in range");
        let layout = profile.bacnet.as_ref();
        let fields = |r: &aegis_models::profile::RecordSpec| {
            r.fields.iter().map(|f| profile.point_ix(f)).collect::<Vec<_>>()
        };
        Ok(Device {
            id,
            name: identity.name.clone(),
            title: profile.title.clone(),
            model: layout.map_or_else(|| profile.kind.clone(), |l| l.model.clone()),
            vendor: layout.map_or_else(|| "Aegis".to_owned(), |l| l.vendor.clone()),
            vendor_id: layout.map_or(999, |l| l.vendor_id),
            objects: binding.places().iter().map(|p| Object::new(*p, profile)).collect(),
            records: profile.records.iter().map(fields).collect(),
            binding,
            writes: VecDeque::new(),
        })
    }

    /// The device object's identifier.
    pub fn id(&self) -> ObjectIdentifier {
        self.id
    }

    /// Which object each point is.
    pub fn binding(&self) -> &Arc<Binding> {
        &self.binding
    }

    pub(super) fn vendor_id(&self) -> u16 {
        self.vendor_id
    }

    pub(super) fn object(&self, i: usize) -> &Object {
        &self.objects[i]
    }

    /// Shows some points' values, and those that ended happenings had.
    pub fn publish(&mut self, samples: &[Sample], records: &[Record]) {
        for s in samples {
            self.show(s.point, s.value, s.quality);
        }
        for record in records {
            let Some(fields) = self.records.get(usize::from(record.kind)).cloned() else { continue };
            for (point, value) in fields.iter().zip(&record.values) {
                // A happening that yields no value leaves the last one standing.
                if let Some(point) = point.filter(|_| !value.is_nan()) {
                    self.show(point, *value, Quality::Good);
                }
            }
        }
    }

    fn show(&mut self, point: PointIx, value: f64, quality: Quality) {
        let Ok(i) = self.binding.places().binary_search_by_key(&point, |p| p.point) else { return };
        let pending = self.writes.iter().any(|(p, _)| *p == point);
        self.objects[i].publish(value, quality, pending);
    }

    /// What clients' commands came to since the last call, in order, all of it in the points' ranges [the point's unit].
    pub fn take_writes(&mut self) -> Vec<(PointIx, f64)> {
        self.writes.drain(..).collect()
    }

    /// 15.5: instance 4194303 of the device object means this device, whatever its number.
    pub(super) fn resolve(&self, object: ObjectIdentifier) -> ObjectIdentifier {
        let wildcard = object.object_type() == ObjectType::DEVICE
            && object.instance_number() == ObjectIdentifier::WILDCARD_INSTANCE;
        if wildcard { self.id } else { object }
    }

    /// The place of a point's object.
    pub(super) fn find(&self, object: &ObjectIdentifier) -> Option<usize> {
        self.binding.find(object)
    }

    /// What Who-Has looks for, with its name.
    pub(super) fn seek(&self, what: &Sought) -> Option<(ObjectIdentifier, &str)> {
        let own = std::iter::once((self.id, self.name.as_str()));
        let mut all = own.chain(self.objects.iter().map(|o| (o.place.object, o.name.as_str())));
        all.find(|(id, name)| match what {
            Sought::Object(object) => id == object,
            Sought::Name(wanted) => name == wanted,
        })
    }

    /// The properties that ALL, REQUIRED or OPTIONAL stand for (15.7.3.1.2); none for any other.
    pub(super) fn expand(&self, object: &ObjectIdentifier, property: P) -> Option<Vec<P>> {
        let (required, optional) = match self.find(object) {
            Some(i) => (self.objects[i].required(), self.objects[i].optional()),
            None => (DEVICE_REQUIRED.to_vec(), DEVICE_OPTIONAL.to_vec()),
        };
        match property {
            P::ALL => Some([required, optional].concat()),
            P::REQUIRED => Some(required),
            P::OPTIONAL => Some(optional),
            _ => None,
        }
    }

    /// Whether there is such an object.
    pub(super) fn holds(&self, object: &ObjectIdentifier) -> bool {
        *object == self.id || self.find(object).is_some()
    }

    /// Appends the property as tagged values, or leaves `out` alone and says why not. `subscriptions` are the tagged
    /// values of Active_COV_Subscriptions, which the device does not keep.
    pub(super) fn read(
        &self,
        object: &ObjectIdentifier,
        of: PropertyRef,
        subscriptions: impl FnOnce(&mut BytesMut),
        out: &mut BytesMut,
    ) -> Result<(), Refusal> {
        if let Some(i) = self.find(object) {
            return self.objects[i].read(of, out);
        }
        if *object != self.id {
            return Err(Refusal::object(ErrorCode::UNKNOWN_OBJECT));
        }
        self.read_own(of, subscriptions, out)
    }

    fn read_own(
        &self,
        of: PropertyRef,
        subscriptions: impl FnOnce(&mut BytesMut),
        out: &mut BytesMut,
    ) -> Result<(), Refusal> {
        let known = of.property == P::PROPERTY_LIST
            || DEVICE_REQUIRED.contains(&of.property)
            || DEVICE_OPTIONAL.contains(&of.property);
        if !known {
            return Err(Refusal::property(ErrorCode::UNKNOWN_PROPERTY));
        }
        let elements = Elements { index: of.index };
        match of.property {
            P::OBJECT_LIST => {
                let list: Vec<_> =
                    std::iter::once(self.id).chain(self.objects.iter().map(|o| o.place.object)).collect();
                return elements.write(&list, out, |id, out| put::encode_app_object_id(out, id));
            }
            P::PROPERTY_LIST => {
                let list = [&DEVICE_REQUIRED[3..], DEVICE_OPTIONAL].concat();
                return elements.write(&list, out, |p, out| put::encode_app_enumerated(out, p.to_raw()));
            }
            _ => elements.none()?,
        }
        let text = |t: &str, out: &mut BytesMut| {
            put::encode_app_character_string(out, t).expect("a profile's text fits a string");
        };
        match of.property {
            P::OBJECT_IDENTIFIER => put::encode_app_object_id(out, &self.id),
            P::OBJECT_NAME => text(&self.name, out),
            P::OBJECT_TYPE => put::encode_app_enumerated(out, ObjectType::DEVICE.to_raw()),
            // Operational.
            P::SYSTEM_STATUS => put::encode_app_enumerated(out, 0),
            P::VENDOR_NAME => text(&self.vendor, out),
            P::VENDOR_IDENTIFIER => put::encode_app_unsigned(out, self.vendor_id.into()),
            P::MODEL_NAME => text(&self.model, out),
            P::FIRMWARE_REVISION | P::APPLICATION_SOFTWARE_VERSION => text(env!("CARGO_PKG_VERSION"), out),
            P::DESCRIPTION => text(&self.title, out),
            P::PROTOCOL_VERSION => put::encode_app_unsigned(out, 1),
            P::PROTOCOL_REVISION => put::encode_app_unsigned(out, PROTOCOL_REVISION),
            P::PROTOCOL_SERVICES_SUPPORTED => put_bits(out, SERVICES, &services()),
            P::PROTOCOL_OBJECT_TYPES_SUPPORTED => put_bits(out, OBJECT_TYPES, &object_types()),
            P::MAX_APDU_LENGTH_ACCEPTED => put::encode_app_unsigned(out, MAX_APDU.into()),
            P::SEGMENTATION_SUPPORTED => put::encode_app_enumerated(out, NO_SEGMENTATION),
            P::APDU_TIMEOUT => {
                let ms = super::transaction::Patience::default().timeout.as_millis();
                put::encode_app_unsigned(out, ms as u64);
            }
            P::NUMBER_OF_APDU_RETRIES => {
                put::encode_app_unsigned(out, super::transaction::Patience::default().retries.into());
            }
            // It looks nobody up: the list is empty.
            P::DEVICE_ADDRESS_BINDING => {}
            // The objects are those of the profile, for good.
            P::DATABASE_REVISION => put::encode_app_unsigned(out, 1),
            P::ACTIVE_COV_SUBSCRIPTIONS => subscriptions(out),
            _ => return Err(Refusal::property(ErrorCode::UNKNOWN_PROPERTY)),
        }
        Ok(())
    }

    /// Writes a property. What it asks of the machine waits for its owner.
    pub(super) fn write(&mut self, w: &Write) -> Result<(), Refusal> {
        let object = self.resolve(w.object);
        let Some(i) = self.find(&object) else {
            let known = DEVICE_REQUIRED.contains(&w.property.property)
                || DEVICE_OPTIONAL.contains(&w.property.property)
                || w.property.property == P::PROPERTY_LIST;
            return Err(match (object == self.id, known) {
                (false, _) => Refusal::object(ErrorCode::UNKNOWN_OBJECT),
                (true, true) => Refusal::property(ErrorCode::WRITE_ACCESS_DENIED),
                (true, false) => Refusal::property(ErrorCode::UNKNOWN_PROPERTY),
            });
        };
        if self.writes.len() >= limits::BACNET_QUEUED_WRITES {
            return Err(Refusal {
                class: ErrorClass::RESOURCES,
                code: ErrorCode::NO_SPACE_TO_WRITE_PROPERTY,
            });
        }
        let effect = self.objects[i].write(w.property, &w.value, w.priority)?;
        self.writes.extend(effect.map(|value| (self.objects[i].place.point, value)));
        Ok(())
    }
}

/// What 12.11 requires at revision 14, the three that every object has first.
const DEVICE_REQUIRED: &[P] = &[
    P::OBJECT_IDENTIFIER,
    P::OBJECT_NAME,
    P::OBJECT_TYPE,
    P::SYSTEM_STATUS,
    P::VENDOR_NAME,
    P::VENDOR_IDENTIFIER,
    P::MODEL_NAME,
    P::FIRMWARE_REVISION,
    P::APPLICATION_SOFTWARE_VERSION,
    P::PROTOCOL_VERSION,
    P::PROTOCOL_REVISION,
    P::PROTOCOL_SERVICES_SUPPORTED,
    P::PROTOCOL_OBJECT_TYPES_SUPPORTED,
    P::OBJECT_LIST,
    P::MAX_APDU_LENGTH_ACCEPTED,
    P::SEGMENTATION_SUPPORTED,
    P::APDU_TIMEOUT,
    P::NUMBER_OF_APDU_RETRIES,
    P::DEVICE_ADDRESS_BINDING,
    P::DATABASE_REVISION,
];

/// Active_COV_Subscriptions belongs to every device that takes them.
const DEVICE_OPTIONAL: &[P] = &[P::DESCRIPTION, P::ACTIVE_COV_SUBSCRIPTIONS];

/// BACnetServicesSupported (clause 21): the confirmed ones executed here have the same number as their choice.
fn services() -> Vec<u32> {
    let confirmed = [
        Confirmed::SUBSCRIBE_COV,
        Confirmed::READ_PROPERTY,
        Confirmed::READ_PROPERTY_MULTIPLE,
        Confirmed::WRITE_PROPERTY,
        Confirmed::WRITE_PROPERTY_MULTIPLE,
    ];
    // Behind the confirmed ones: Who-Has and Who-Is.
    confirmed.iter().map(|s| u32::from(s.to_raw())).chain([33, 34]).collect()
}

fn object_types() -> Vec<u32> {
    [
        ObjectType::ANALOG_INPUT,
        ObjectType::ANALOG_OUTPUT,
        ObjectType::ANALOG_VALUE,
        ObjectType::BINARY_INPUT,
        ObjectType::BINARY_VALUE,
        ObjectType::DEVICE,
        ObjectType::MULTI_STATE_VALUE,
    ]
    .map(ObjectType::to_raw)
    .to_vec()
}

/// A bit string of that many bits, with those set.
fn put_bits(out: &mut BytesMut, length: usize, set: &[u32]) {
    let mut data = vec![0_u8; length.div_ceil(8)];
    for bit in set.iter().map(|b| *b as usize).filter(|b| *b < length) {
        data[bit / 8] |= 0x80 >> (bit % 8);
    }
    put::encode_app_bit_string(out, (data.len() * 8 - length) as u8, &data);
}
