//! Points and nodes: where each point of a profile lies in the machine's address space.

use std::collections::BTreeMap;

use aegis_models::profile::{Access, DataType, OpcuaWrite, PointSpec, Role};
use aegis_models::{PointIx, Profile, Span};

use super::wave::Wave;
use crate::limits::OPCUA_ARRAY;

/// Why a profile cannot be bound.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBinding {
    /// It does not say how its kind shows itself.
    #[error("profile {0}: there is no [opcua] section")]
    NoLayout(String),
    /// Nothing to read or write.
    #[error("profile {0}: no point has an OPC UA node")]
    Empty(String),
    /// A waveform that fits in no message.
    #[error("burst {burst}: {samples} samples; at most {OPCUA_ARRAY} would be right for an OPC UA node")]
    Long {
        /// Its name.
        burst: String,
        /// What it has.
        samples: u32,
    },
}

/// Where one point lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The point.
    pub point: PointIx,
    /// Identifier of its variable.
    pub node: String,
    /// Identifier of the method that sets it.
    pub method: Option<String>,
    /// Whether a client sets it by that method.
    pub by_method: bool,
    /// How its value is held.
    pub data: DataType,
    /// What it is for.
    pub role: Role,
    /// Whether it can be written.
    pub writable: bool,
    /// The values that a write may carry [the point's unit].
    pub range: [f64; 2],
    /// How often it is sampled.
    pub period: Span,
    /// Whether it changes when something happens (it is set, a wafer is done) and not with a period.
    pub happens: bool,
    /// The largest change that a client need not hear of [the point's unit]; 0 for every change.
    pub deadband: f64,
}

impl Place {
    fn of(point: PointIx, spec: &PointSpec) -> Option<Place> {
        let at = spec.opcua.as_ref()?;
        let measured = spec.role == Role::Measurement && spec.data != DataType::Bool;
        Some(Place {
            point,
            node: at.node.clone(),
            method: at.method.clone(),
            by_method: at.write == OpcuaWrite::Method,
            data: spec.data,
            role: spec.role,
            writable: spec.access == Access::Write,
            range: spec.range,
            period: spec.period,
            happens: spec.access == Access::Write || spec.record.is_some(),
            // Below a tenth of the repeatability a change tells nothing, and hides no stuck sensor.
            deadband: if measured { spec.accuracy / 10.0 } else { 0.0 },
        })
    }

    /// Whether a value lies in the range, whose ends count as the device holds them.
    pub fn accepts(&self, value: f64) -> bool {
        let [low, high] = self.range.map(|end| self.data.quantise(end));
        (low..=high).contains(&value)
    }
}

/// The object that a node lies in: the path without its last name; none for one right below the machine.
pub fn object(node: &str) -> Option<&str> {
    node.rsplit_once('.').map(|(object, _)| object)
}

/// The last name of a path.
pub fn name(node: &str) -> &str {
    node.rsplit_once('.').map_or(node, |(_, name)| name)
}

/// What a method does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deed {
    /// Sets the point of that place to its only argument.
    Set(usize),
    /// Takes no argument and sets the point of that place to what stops the machine.
    Stop(usize, f64),
}

/// A profile's points as OPC UA nodes. The same for server and client.
#[derive(Clone, Debug)]
pub struct Binding {
    namespace: String,
    places: Vec<Place>,
    /// The places' indices by the point's place in the profile.
    by_point: Vec<Option<usize>>,
    by_node: BTreeMap<String, usize>,
    deeds: BTreeMap<String, Deed>,
    /// For each record kind, the places of its fields.
    records: Vec<Vec<Option<usize>>>,
    waves: Vec<Wave>,
}

impl Binding {
    /// Binds every point that has an OPC UA node.
    pub fn new(profile: &Profile) -> Result<Binding, BadBinding> {
        let layout = profile.opcua.as_ref().ok_or_else(|| BadBinding::NoLayout(profile.kind.clone()))?;
        let specs = (0..).map(PointIx).zip(&profile.points);
        let places: Vec<Place> = specs.filter_map(|(ix, spec)| Place::of(ix, spec)).collect();
        if places.is_empty() {
            return Err(BadBinding::Empty(profile.kind.clone()));
        }
        let mut by_point = vec![None; profile.points.len()];
        let (mut by_node, mut deeds) = (BTreeMap::new(), BTreeMap::new());
        for (i, place) in places.iter().enumerate() {
            by_point[usize::from(place.point.0)] = Some(i);
            by_node.insert(place.node.clone(), i);
            if let Some(method) = &place.method {
                deeds.insert(method.clone(), Deed::Set(i));
            }
        }
        let of_point = |id: &str| by_point[usize::from(profile.point_ix(id)?.0)];
        if let (Some(method), Some(stop)) = (&layout.stop_method, &profile.stop)
            && let Some(i) = of_point(&stop.point)
        {
            deeds.insert(method.clone(), Deed::Stop(i, stop.value));
        }
        let records =
            profile.records.iter().map(|r| r.fields.iter().map(|f| of_point(f)).collect()).collect();
        let (namespace, waves) = (layout.namespace.clone(), Wave::all(profile)?);
        Ok(Binding { namespace, places, by_point, by_node, deeds, records, waves })
    }

    /// URI of the namespace of its nodes.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Where the bound points lie, in the profile's order.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The index among [`Binding::places`] of a point; none when it has no node.
    pub fn index(&self, point: PointIx) -> Option<usize> {
        *self.by_point.get(usize::from(point.0))?
    }

    /// The index among [`Binding::places`] of the variable with that identifier.
    pub fn variable(&self, node: &str) -> Option<usize> {
        self.by_node.get(node).copied()
    }

    /// Where the waveforms lie, in the profile's order.
    pub fn waves(&self) -> &[Wave] {
        &self.waves
    }

    /// The methods by identifier.
    pub fn methods(&self) -> &BTreeMap<String, Deed> {
        &self.deeds
    }

    /// The places of the fields of a record kind, in their order; none for a field that has no node.
    pub fn fields(&self, record: u16) -> &[Option<usize>] {
        self.records.get(usize::from(record)).map_or(&[], Vec::as_slice)
    }
}
