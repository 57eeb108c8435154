//! One point as a BACnet object: its properties, and what writes do to it (clause 12). Pure.

use aegis_models::profile::{BacnetType, DataType};
use aegis_models::{Profile, Quality};
use bacnet_encoding::primitives as put;
use bacnet_types::enums::{EngineeringUnits, ErrorCode, PropertyIdentifier as P, Reliability};
use bacnet_types::primitives::PropertyValue;
use bytes::BytesMut;

use super::array::Elements;
use super::binding::Place;
use super::priority::{Priority, PriorityArray};
use super::reader::Reader;
use super::service::{PropertyRef, Refusal};
use super::units;

/// Published values that may differ from a command before the machine is taken to have a will of its own.
const PATIENCE: u8 = 2;

/// One point as an object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) place: Place,
    pub(super) name: String,
    doc: String,
    units: EngineeringUnits,
    /// The names of the states; of a binary object, inactive and active.
    texts: Vec<String>,
    /// The smallest change that the instrument can tell [the point's unit]; none where nobody says.
    resolution: Option<f64>,
    cov_increment: f64,
    /// What the machine last said [the point's unit].
    live: f64,
    quality: Quality,
    /// While out of service: what is shown instead of what the machine says.
    simulated: Option<Simulated>,
    command: Option<Command>,
}

/// What an object that is out of service shows.
#[derive(Clone, Copy, Debug)]
struct Simulated {
    /// Of a reading; what is commanded has its priority array [the point's unit].
    value: f64,
    reliability: Reliability,
}

/// What makes an object commandable.
#[derive(Clone, Debug)]
struct Command {
    array: PriorityArray,
    /// Published values that the machine may still take to follow.
    patience: u8,
    /// The machine does not follow.
    overridden: bool,
    /// How far what it says may lie from what was commanded [the point's unit].
    tolerance: f64,
}

/// What a write asks of the machine.
pub(super) type Effect = Option<f64>;

impl Object {
    pub(super) fn new(place: Place, profile: &Profile) -> Object {
        let spec = profile.point(place.point);
        let span = spec.range[1] - spec.range[0];
        let rest = spec.nominal.unwrap_or(spec.range[0].max(0.0).min(spec.range[1]));
        let names = profile.regime.as_ref().filter(|r| r.point == spec.id).map(|r| &r.names);
        let texts = match place.kind {
            BacnetType::MultiStateValue => (0..place.states())
                .map(|i| {
                    let state = place.range[0] as i64 + i64::from(i);
                    let name = names.and_then(|n| n.get(&state.to_string()));
                    name.cloned().unwrap_or_else(|| format!("state {state}"))
                })
                .collect(),
            BacnetType::BinaryInput | BacnetType::BinaryValue => ["inactive", "active"]
                .iter()
                .enumerate()
                .map(|(i, usual)| {
                    let name = names.and_then(|n| n.get(&i.to_string()));
                    name.cloned().unwrap_or_else(|| (*usual).to_owned())
                })
                .collect(),
            _ => Vec::new(),
        };
        let resolution = match spec.data {
            DataType::F32 => (spec.accuracy > 0.0).then_some(spec.accuracy),
            _ => Some(1.0),
        };
        let at = spec.bacnet.as_ref();
        Object {
            name: spec.id.clone(),
            doc: spec.doc.clone(),
            units: units::engineering(&spec.unit),
            texts,
            resolution,
            cov_increment: at.and_then(|b| b.cov_increment).unwrap_or(span / 1_000.0),
            live: place.held(rest),
            // Until it is published, nobody knows it.
            quality: Quality::Bad,
            simulated: None,
            command: place.writable.then(|| Command {
                array: PriorityArray::new(place.held(rest)),
                patience: 0,
                overridden: false,
                tolerance: 6.0 * spec.accuracy + span * 1e-6,
            }),
            place,
        }
    }

    /// What the machine says. `pending` when a write has yet to reach it: what it says is older than that.
    pub(super) fn publish(&mut self, value: f64, quality: Quality, pending: bool) {
        if quality == Quality::Bad || !value.is_finite() {
            self.quality = Quality::Bad;
            return;
        }
        self.quality = quality;
        self.live = self.place.held(value);
        let Some(c) = self.command.as_mut().filter(|_| !pending && self.simulated.is_none()) else { return };
        if (self.live - c.array.effective()).abs() <= c.tolerance {
            c.overridden = false;
            c.patience = 0;
            if c.array.active().is_none() {
                c.array.set_relinquish_default(self.live);
            }
        } else if c.patience > 0 {
            c.patience -= 1;
        } else if c.array.active().is_none() && self.place.accepts(self.live) {
            // Nobody commands: the machine's own set-point is what it falls back to.
            c.array.set_relinquish_default(self.live);
            c.overridden = false;
        } else {
            c.overridden = true;
        }
    }

    /// What Present_Value shows [the point's unit].
    pub(super) fn present(&self) -> f64 {
        match &self.command {
            Some(c) => c.array.effective(),
            None => self.simulated.map_or(self.live, |s| s.value),
        }
    }

    /// The change that subscribers are told of; none where every change is told.
    pub(super) fn cov_increment(&self) -> Option<f64> {
        self.place.kind.is_analogue().then_some(self.cov_increment)
    }

    /// Out of service it is as it was when the object went, or as somebody says (12.2.12, Out_Of_Service).
    fn reliability(&self) -> Reliability {
        if let Some(s) = self.simulated {
            return s.reliability;
        }
        match self.quality {
            Quality::Good => Reliability::NO_FAULT_DETECTED,
            Quality::Uncertain => Reliability::UNRELIABLE_OTHER,
            Quality::Bad if self.place.kind.is_input() => Reliability::NO_SENSOR,
            Quality::Bad => Reliability::COMMUNICATION_FAILURE,
        }
    }

    /// In-alarm, fault, overridden, out-of-service, from the highest bit on (clause 21, BACnetStatusFlags).
    pub(super) fn status_flags(&self) -> u8 {
        let fault = u8::from(self.reliability() != Reliability::NO_FAULT_DETECTED) << 6;
        let overridden = u8::from(self.command.as_ref().is_some_and(|c| c.overridden)) << 5;
        fault | overridden | u8::from(self.simulated.is_some()) << 4
    }

    /// The present value as it stands on the wire.
    pub(super) fn put_present(&self, out: &mut BytesMut) {
        self.put_value(self.present(), out);
    }

    /// The status flags as they stand on the wire.
    pub(super) fn put_status(&self, out: &mut BytesMut) {
        put::encode_app_bit_string(out, 4, &[self.status_flags()]);
    }

    fn put_value(&self, value: f64, out: &mut BytesMut) {
        // What is shown is finite: publish and write let nothing else in.
        let value = self.place.pack(value).unwrap_or(PropertyValue::Null);
        put::encode_property_value(out, &value).expect("a number has a form");
    }

    /// The properties that the standard requires of the object's type (12.2 to 12.20), present value first.
    pub(super) fn required(&self) -> Vec<P> {
        let mut list = vec![P::OBJECT_IDENTIFIER, P::OBJECT_NAME, P::OBJECT_TYPE, P::PRESENT_VALUE];
        list.extend([P::STATUS_FLAGS, P::EVENT_STATE, P::OUT_OF_SERVICE]);
        match self.place.kind {
            BacnetType::AnalogInput | BacnetType::AnalogValue => list.push(P::UNITS),
            BacnetType::AnalogOutput => list.extend([P::UNITS, P::PRIORITY_ARRAY, P::RELINQUISH_DEFAULT]),
            BacnetType::BinaryInput => list.push(P::POLARITY),
            BacnetType::BinaryValue => {}
            BacnetType::MultiStateValue => list.push(P::NUMBER_OF_STATES),
        }
        list
    }

    /// The properties that it has besides.
    pub(super) fn optional(&self) -> Vec<P> {
        let mut list = vec![P::DESCRIPTION, P::RELIABILITY];
        if self.place.kind.is_analogue() {
            list.extend([P::MIN_PRES_VALUE, P::MAX_PRES_VALUE]);
            list.extend(self.resolution.map(|_| P::RESOLUTION));
            list.push(P::COV_INCREMENT);
        }
        match self.place.kind {
            BacnetType::MultiStateValue => list.push(P::STATE_TEXT),
            BacnetType::BinaryInput | BacnetType::BinaryValue => {
                list.extend([P::INACTIVE_TEXT, P::ACTIVE_TEXT]);
            }
            _ => {}
        }
        if self.command.is_some() && self.place.kind != BacnetType::AnalogOutput {
            list.extend([P::PRIORITY_ARRAY, P::RELINQUISH_DEFAULT]);
        }
        list
    }

    fn has(&self, property: P) -> bool {
        property == P::PROPERTY_LIST
            || self.required().contains(&property)
            || self.optional().contains(&property)
    }

    /// Appends the property as tagged values, or leaves `out` alone and says why not.
    pub(super) fn read(&self, of: PropertyRef, out: &mut BytesMut) -> Result<(), Refusal> {
        if !self.has(of.property) {
            return Err(Refusal::property(ErrorCode::UNKNOWN_PROPERTY));
        }
        let [low, high] = self.place.range;
        let real = |v: f64, out: &mut BytesMut| put::encode_app_real(out, v as f32);
        let text = |t: &str, out: &mut BytesMut| {
            put::encode_app_character_string(out, t).expect("a profile's text fits a string");
        };
        let elements = Elements { index: of.index };
        match (of.property, &self.command) {
            (P::PRIORITY_ARRAY, Some(c)) => {
                return elements.write(c.array.slots(), out, |slot, out| match slot {
                    Some(v) => self.put_value(*v, out),
                    None => put::encode_app_null(out),
                });
            }
            (P::STATE_TEXT, _) => return elements.write(&self.texts, out, |t, out| text(t, out)),
            (P::PROPERTY_LIST, _) => {
                // 12.2.22: without those that every object has and the list itself.
                let mut list = self.required().split_off(3);
                list.extend(self.optional());
                let put_one = |p: &P, out: &mut BytesMut| put::encode_app_enumerated(out, p.to_raw());
                return elements.write(&list, out, put_one);
            }
            _ => elements.none()?,
        }
        match (of.property, &self.command) {
            (P::OBJECT_IDENTIFIER, _) => put::encode_app_object_id(out, &self.place.object),
            (P::OBJECT_NAME, _) => text(&self.name, out),
            (P::DESCRIPTION, _) => text(&self.doc, out),
            (P::OBJECT_TYPE, _) => {
                put::encode_app_enumerated(out, self.place.object.object_type().to_raw());
            }
            (P::PRESENT_VALUE, _) => self.put_present(out),
            (P::STATUS_FLAGS, _) => self.put_status(out),
            // Normal: no alarm is made here.
            (P::EVENT_STATE, _) => put::encode_app_enumerated(out, 0),
            (P::OUT_OF_SERVICE, _) => put::encode_app_boolean(out, self.simulated.is_some()),
            (P::RELIABILITY, _) => put::encode_app_enumerated(out, self.reliability().to_raw()),
            (P::UNITS, _) => put::encode_app_enumerated(out, self.units.to_raw()),
            (P::INACTIVE_TEXT, _) => text(&self.texts[0], out),
            (P::ACTIVE_TEXT, _) => text(&self.texts[1], out),
            // Normal: active is 1.
            (P::POLARITY, _) => put::encode_app_enumerated(out, 0),
            (P::MIN_PRES_VALUE, _) => real(low, out),
            (P::MAX_PRES_VALUE, _) => real(high, out),
            (P::RESOLUTION, _) => real(self.resolution.unwrap_or(0.0), out),
            (P::COV_INCREMENT, _) => real(self.cov_increment, out),
            (P::NUMBER_OF_STATES, _) => put::encode_app_unsigned(out, self.place.states().into()),
            (P::RELINQUISH_DEFAULT, Some(c)) => self.put_value(c.array.relinquish_default(), out),
            _ => return Err(Refusal::property(ErrorCode::UNKNOWN_PROPERTY)),
        }
        Ok(())
    }

    /// Writes a property, wholly or, with a refusal, not at all.
    pub(super) fn write(
        &mut self,
        of: PropertyRef,
        value: &[u8],
        priority: Option<u8>,
    ) -> Result<Effect, Refusal> {
        if !self.has(of.property) {
            return Err(Refusal::property(ErrorCode::UNKNOWN_PROPERTY));
        }
        let writable = match of.property {
            P::PRESENT_VALUE => self.command.is_some() || self.simulated.is_some(),
            P::RELIABILITY => self.simulated.is_some(),
            P::OUT_OF_SERVICE | P::COV_INCREMENT => true,
            _ => false,
        };
        if !writable {
            return Err(Refusal::property(ErrorCode::WRITE_ACCESS_DENIED));
        }
        // None of the writable ones is an array.
        Elements { index: of.index }.none()?;
        let wrong = Refusal::property(ErrorCode::INVALID_DATA_TYPE);
        let mut r = Reader::new(value);
        let value = r.value().map_err(|_| wrong)?;
        r.end().map_err(|_| wrong)?;
        match (of.property, value) {
            (P::PRESENT_VALUE, value) => self.write_present(&value, priority),
            (P::OUT_OF_SERVICE, PropertyValue::Boolean(out)) => Ok(self.set_out_of_service(out)),
            (P::RELIABILITY, PropertyValue::Enumerated(n)) => {
                if let Some(s) = &mut self.simulated {
                    s.reliability = Reliability::from_raw(n);
                }
                Ok(None)
            }
            (P::COV_INCREMENT, PropertyValue::Real(v)) if v.is_finite() && v >= 0.0 => {
                self.cov_increment = f64::from(v);
                Ok(None)
            }
            (P::COV_INCREMENT, PropertyValue::Real(_)) => {
                Err(Refusal::property(ErrorCode::VALUE_OUT_OF_RANGE))
            }
            _ => Err(wrong),
        }
    }

    fn write_present(&mut self, value: &PropertyValue, priority: Option<u8>) -> Result<Effect, Refusal> {
        let priority = priority.and_then(Priority::new).unwrap_or(Priority::LOWEST);
        let value = match value {
            PropertyValue::Null if self.command.is_some() => None,
            value => Some(self.wanted(value)?),
        };
        let Some(c) = &mut self.command else {
            if let (Some(s), Some(value)) = (&mut self.simulated, value) {
                s.value = value;
            }
            return Ok(None);
        };
        if priority == Priority::MINIMUM_TIMES {
            return Err(Refusal::property(ErrorCode::WRITE_ACCESS_DENIED));
        }
        let holds = c.array.set(priority, value);
        // Out of service, what is commanded is decoupled from what is driven (12.3.10).
        if !holds || self.simulated.is_some() {
            return Ok(None);
        }
        c.patience = PATIENCE;
        c.overridden = false;
        Ok(Some(c.array.effective()))
    }

    /// A value that a write may carry.
    fn wanted(&self, value: &PropertyValue) -> Result<f64, Refusal> {
        let out_of_range = Refusal::property(ErrorCode::VALUE_OUT_OF_RANGE);
        let wanted = match self.place.unpack(value) {
            Some(v) => v,
            // The right type, but no such state.
            None => match (self.place.kind, value) {
                (BacnetType::BinaryInput | BacnetType::BinaryValue, PropertyValue::Enumerated(_))
                | (BacnetType::MultiStateValue, PropertyValue::Unsigned(_)) => return Err(out_of_range),
                _ => return Err(Refusal::property(ErrorCode::INVALID_DATA_TYPE)),
            },
        };
        // NaN lies in no range, and must not be quantised into one.
        if wanted.is_nan() {
            return Err(out_of_range);
        }
        let held = self.place.held(wanted);
        if self.place.accepts(wanted) && self.place.accepts(held) { Ok(held) } else { Err(out_of_range) }
    }

    /// Out of service, what is shown no longer follows the machine (12.2.10 and its like): it stands as it was.
    fn set_out_of_service(&mut self, out: bool) -> Effect {
        if out {
            let now = Simulated { value: self.live, reliability: self.reliability() };
            self.simulated.get_or_insert(now);
            return None;
        }
        let returns = self.simulated.take().is_some();
        let live = self.live;
        let c =
            self.command.as_mut().filter(|c| returns && (live - c.array.effective()).abs() > c.tolerance)?;
        c.patience = PATIENCE;
        Some(c.array.effective())
    }
}
