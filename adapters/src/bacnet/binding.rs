//! Points and objects: which object each point of a profile is, and how its value becomes a present value.

use std::collections::{BTreeMap, BTreeSet};

use aegis_models::profile::{Access, BacnetType, DataType, PointSpec};
use aegis_models::{PointIx, Profile, Span};
use bacnet_types::enums::ObjectType;
use bacnet_types::primitives::{ObjectIdentifier, PropertyValue};

/// Why a profile cannot be bound.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBinding {
    /// Nothing to read or write.
    #[error("profile {0}: no point is a BACnet object")]
    Empty(String),
    /// An object that cannot be.
    #[error("profile {kind}: point {point}: {problem}")]
    Misplaced {
        /// The profile.
        kind: String,
        /// The point.
        point: String,
        /// What is wrong with its object.
        problem: &'static str,
    },
}

/// Which object one point is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The point.
    pub point: PointIx,
    /// Its object's type.
    pub kind: BacnetType,
    /// Its object.
    pub object: ObjectIdentifier,
    /// How its value is held.
    pub data: DataType,
    /// Whether it can be written, and so has a priority array.
    pub writable: bool,
    /// The values that a write may carry [the point's unit].
    pub range: [f64; 2],
}

impl Place {
    fn of(point: PointIx, spec: &PointSpec) -> Option<Result<Place, &'static str>> {
        let at = spec.bacnet.as_ref()?;
        if let Some(problem) = at.problem(spec) {
            return Some(Err(problem));
        }
        let object = ObjectIdentifier::new_addressable(object_type(at.object), at.instance);
        Some(object.map_err(|_| "its instance lies beyond 4194302").map(|object| Place {
            point,
            kind: at.object,
            object,
            data: spec.data,
            writable: spec.access == Access::Write,
            range: spec.range,
        }))
    }

    /// Whether a write of `value` lies in the range, whose ends count as the device holds them.
    pub fn accepts(&self, value: f64) -> bool {
        let [low, high] = self.range.map(|end| self.held(end));
        (low..=high).contains(&value)
    }

    /// The nearest value that the object holds: analogue objects hold single precision (clause 12.1).
    pub fn held(&self, value: f64) -> f64 {
        let value = self.data.quantise(value);
        match self.kind {
            BacnetType::AnalogInput | BacnetType::AnalogOutput | BacnetType::AnalogValue => {
                f64::from(value as f32)
            }
            _ => value,
        }
    }

    /// A value as the present value of the object; none for one that is no number.
    ///
    /// The states of a multi-state object count from 1 (12.20.4): a range that begins at 0 is moved up by one.
    pub fn pack(&self, value: f64) -> Option<PropertyValue> {
        if value.is_nan() {
            return None;
        }
        let value = self.held(value);
        Some(match self.kind {
            BacnetType::AnalogInput | BacnetType::AnalogOutput | BacnetType::AnalogValue => {
                PropertyValue::Real(value as f32)
            }
            BacnetType::BinaryInput | BacnetType::BinaryValue => {
                PropertyValue::Enumerated(u32::from(value != 0.0))
            }
            BacnetType::MultiStateValue => {
                let state = value - self.first_state() + 1.0;
                PropertyValue::Unsigned(state.max(1.0) as u64)
            }
        })
    }

    /// A present value as a value of the point; none when it is of another datatype, or no state. Strict: the datatype
    /// that the standard gives to the object's type.
    pub fn unpack(&self, value: &PropertyValue) -> Option<f64> {
        match (self.kind, value) {
            (
                BacnetType::AnalogInput | BacnetType::AnalogOutput | BacnetType::AnalogValue,
                PropertyValue::Real(v),
            ) => Some(f64::from(*v)),
            (BacnetType::BinaryInput | BacnetType::BinaryValue, PropertyValue::Enumerated(n @ 0..=1)) => {
                Some(f64::from(*n))
            }
            (BacnetType::MultiStateValue, PropertyValue::Unsigned(n @ 1..=0xFFFF)) => {
                Some(*n as f64 - 1.0 + self.first_state())
            }
            _ => None,
        }
    }

    /// States of a multi-state object.
    pub fn states(&self) -> u32 {
        (self.range[1] - self.first_state()).max(0.0) as u32 + 1
    }

    fn first_state(&self) -> f64 {
        self.range[0]
    }
}

fn object_type(kind: BacnetType) -> ObjectType {
    match kind {
        BacnetType::AnalogInput => ObjectType::ANALOG_INPUT,
        BacnetType::AnalogOutput => ObjectType::ANALOG_OUTPUT,
        BacnetType::AnalogValue => ObjectType::ANALOG_VALUE,
        BacnetType::BinaryInput => ObjectType::BINARY_INPUT,
        BacnetType::BinaryValue => ObjectType::BINARY_VALUE,
        BacnetType::MultiStateValue => ObjectType::MULTI_STATE_VALUE,
    }
}

/// All points of one period.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// How often they are sampled.
    pub period: Span,
    /// The points, in the profile's order.
    pub places: Vec<Place>,
}

/// A profile's points as BACnet objects. The same for server and client.
#[derive(Clone, Debug)]
pub struct Binding {
    places: Vec<Place>,
    by_object: BTreeMap<(u32, u32), usize>,
    groups: Vec<Group>,
}

impl Binding {
    /// Binds every point that is a BACnet object.
    pub fn new(profile: &Profile) -> Result<Binding, BadBinding> {
        let mut places = Vec::new();
        let mut taken = BTreeSet::new();
        for (ix, spec) in (0..).map(PointIx).zip(&profile.points) {
            let misplaced = |problem| BadBinding::Misplaced {
                kind: profile.kind.clone(),
                point: spec.id.clone(),
                problem,
            };
            let Some(place) = Place::of(ix, spec) else { continue };
            let place = place.map_err(misplaced)?;
            if !taken.insert(key(&place.object)) {
                return Err(misplaced("another point is that object"));
            }
            places.push(place);
        }
        if places.is_empty() {
            return Err(BadBinding::Empty(profile.kind.clone()));
        }
        let mut by_period: BTreeMap<Span, Vec<Place>> = BTreeMap::new();
        for p in &places {
            by_period.entry(profile.point(p.point).period).or_default().push(*p);
        }
        let groups = by_period.into_iter().map(|(period, places)| Group { period, places }).collect();
        let by_object = places.iter().enumerate().map(|(i, p)| (key(&p.object), i)).collect();
        Ok(Binding { places, by_object, groups })
    }

    /// The bound points, in the profile's order.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Which object a point is; none when it is not bound.
    pub fn place(&self, point: PointIx) -> Option<&Place> {
        self.places.binary_search_by_key(&point, |p| p.point).ok().map(|i| &self.places[i])
    }

    /// Which of [`Binding::places`] an object is.
    pub fn find(&self, object: &ObjectIdentifier) -> Option<usize> {
        self.by_object.get(&key(object)).copied()
    }

    /// The points of each period, the shortest first.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
}

fn key(object: &ObjectIdentifier) -> (u32, u32) {
    (object.object_type().to_raw(), object.instance_number())
}
