//! What the equipment has, from its profile and from E30: variables, events, alarms, and how values become items.

use std::collections::BTreeMap;

use aegis_models::profile::{DataType, GemAlarm, GemClass, GemCondition, GemLayout, GemTrigger};
use aegis_models::{PointIx, Profile};

use super::super::Item;
use super::own::{self, Own};
use super::read::Id;

/// Where a variable's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A point of the machine.
    Point(PointIx),
    /// The equipment itself.
    Own(Own),
}

/// A variable: SV, DVVAL or ECV.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub class: GemClass,
    pub name: String,
    pub unit: String,
    pub origin: Origin,
    /// For numbers: how it is held, and its range.
    pub data: DataType,
    pub range: [f64; 2],
    /// For constants: the value it has unless somebody changes it.
    pub default: f64,
}

/// A collection event.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub name: String,
    /// The variables that mean something when it happens.
    pub vids: Vec<u32>,
    pub enabled: bool,
}

/// A condition over a point, by its place.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub point: PointIx,
    pub rule: GemCondition,
}

/// What in the machine's data triggers an event.
#[derive(Clone, Debug)]
pub(super) enum Trigger {
    Record(u16),
    RecordWith { record: u16, when: Condition },
    Changed(PointIx),
    Crosses(Condition),
}

/// How a point is held, and its range.
pub(super) type Held = (DataType, [f64; 2]);

/// All that does not change while the equipment lives.
#[derive(Clone, Debug)]
pub(super) struct Catalog {
    pub profile: Profile,
    pub layout: GemLayout,
    pub variables: BTreeMap<u32, Variable>,
    pub events: BTreeMap<u32, Event>,
    /// CEIDs and what triggers them, in the order of the profile.
    pub triggers: Vec<(u32, Trigger)>,
    /// Alarms and their conditions, in the order of their ALIDs.
    pub alarms: BTreeMap<u32, (GemAlarm, Condition)>,
    /// While it holds the machine works, and while it holds it may.
    pub running: Option<Condition>,
    pub enabled: Option<Condition>,
    /// The point that says which recipe runs, and whether it can be written.
    pub recipe: Option<(PointIx, bool)>,
    /// The fields of each kind of record.
    pub records: Vec<Vec<PointIx>>,
    /// The ECID of each point that is a constant.
    pub constants: BTreeMap<PointIx, u32>,
    /// How each point of the profile is held, and its range.
    pub points: Vec<Held>,
    /// The place of each point by its name.
    pub names: BTreeMap<String, PointIx>,
}

impl Catalog {
    /// What a checked profile says; `None` when it has no GEM section.
    pub fn new(profile: &Profile) -> Option<Catalog> {
        let layout = profile.gem.clone()?;
        let condition = |rule: &GemCondition| {
            Some(Condition { point: profile.point_ix(&rule.point)?, rule: rule.clone() })
        };
        let mut variables = own_variables();
        let mut constants = BTreeMap::new();
        for (ix, p) in (0..).map(PointIx).zip(&profile.points) {
            let (Some(class), Some(gem)) = (p.gem_class(), &p.gem) else { continue };
            if class == GemClass::Constant {
                constants.insert(ix, gem.vid);
            }
            let variable = Variable {
                class,
                name: p.gem_name().to_owned(),
                unit: p.unit.clone(),
                origin: Origin::Point(ix),
                data: p.data,
                range: p.range,
                default: p.nominal.unwrap_or(p.range[0]),
            };
            variables.insert(gem.vid, variable);
        }
        let (events, triggers) = events(profile, &layout, &condition);
        let alarms =
            layout.alarms.iter().filter_map(|a| Some((a.alid, (a.clone(), condition(&a.when)?)))).collect();
        let records = profile.records.iter();
        Some(Catalog {
            profile: profile.clone(),
            variables,
            events,
            triggers,
            alarms,
            running: layout.process.as_ref().and_then(|p| condition(&p.running)),
            enabled: layout.process.as_ref().and_then(|p| condition(p.enabled.as_ref()?)),
            recipe: layout.recipes.as_ref().and_then(|r| {
                let ix = profile.point_ix(&r.point)?;
                Some((ix, profile.point(ix).access == aegis_models::profile::Access::Write))
            }),
            records: records.map(|r| r.fields.iter().filter_map(|f| profile.point_ix(f)).collect()).collect(),
            constants,
            points: profile.points.iter().map(|p| (p.data, p.range)).collect(),
            names: (0..).map(PointIx).zip(&profile.points).map(|(ix, p)| (p.id.clone(), ix)).collect(),
            layout,
        })
    }

    /// The place of the point of that name.
    pub fn point(&self, name: &str) -> Option<PointIx> {
        self.names.get(name).copied()
    }

    /// The identifiers of a class, in order.
    pub fn of(&self, class: GemClass) -> impl Iterator<Item = (u32, &Variable)> {
        self.variables.iter().filter(move |(_, v)| v.class == class).map(|(id, v)| (*id, v))
    }

    /// The variable of that class and identifier, with its number.
    pub fn get(&self, class: GemClass, id: &Id) -> Option<(u32, &Variable)> {
        let vid = id.number()?;
        Some((vid, self.variables.get(&vid).filter(|v| v.class == class)?))
    }

    /// The number of a variable of any class.
    pub fn variable(&self, id: &Id) -> Option<u32> {
        id.number().filter(|vid| self.variables.contains_key(vid))
    }

    /// The most items that the values of these variables can have, lists with all that may stand in them.
    pub fn items(&self, vids: &[u32]) -> usize {
        let items = |vid: &u32| match self.variables.get(vid).map(|v| v.origin) {
            Some(Origin::Own(Own::EventsEnabled)) => 1 + self.events.len(),
            Some(Origin::Own(Own::AlarmsEnabled | Own::AlarmsSet)) => 1 + self.alarms.len(),
            _ => 1,
        };
        vids.iter().map(items).sum()
    }
}

fn own_variables() -> BTreeMap<u32, Variable> {
    let plain = own::VARIABLES.iter().map(|(vid, class, name, unit, what)| {
        let variable = Variable {
            class: *class,
            name: (*name).to_owned(),
            unit: (*unit).to_owned(),
            origin: Origin::Own(*what),
            data: DataType::U32,
            range: [0.0, 0.0],
            default: 0.0,
        };
        (*vid, variable)
    });
    let constants = own::CONSTANTS.iter().enumerate().map(|(i, c)| {
        let variable = Variable {
            class: GemClass::Constant,
            name: c.name.to_owned(),
            unit: c.unit.to_owned(),
            origin: Origin::Own(Own::Constant(i)),
            data: c.data,
            range: c.range,
            default: c.default,
        };
        (c.ecid, variable)
    });
    plain.chain(constants).collect()
}

fn events(
    profile: &Profile,
    layout: &GemLayout,
    condition: &dyn Fn(&GemCondition) -> Option<Condition>,
) -> (BTreeMap<u32, Event>, Vec<(u32, Trigger)>) {
    let own = own::EVENTS.iter().map(|(ceid, name, vids)| {
        (*ceid, Event { name: (*name).to_owned(), vids: vids.to_vec(), enabled: false })
    });
    let mut events: BTreeMap<u32, Event> = own.collect();
    let mut triggers = Vec::new();
    let vid = |point: &str| profile.gem_vid(point);
    let fields = |record: u16| -> Vec<u32> {
        profile.records[usize::from(record)].fields.iter().filter_map(|f| vid(f)).collect()
    };
    for e in &layout.events {
        let trigger = match &e.on {
            GemTrigger::Record(r) => profile.record_ix(r).map(Trigger::Record),
            GemTrigger::RecordWith(c) => condition(c).and_then(|when| {
                let record = profile.record_ix(profile.point(when.point).record.as_ref()?)?;
                Some(Trigger::RecordWith { record, when })
            }),
            GemTrigger::Changed(p) => profile.point_ix(p).map(Trigger::Changed),
            GemTrigger::Crosses(c) => condition(c).map(Trigger::Crosses),
            GemTrigger::Alarm(_) | GemTrigger::Finished(_) => None,
        };
        let vids = match (&e.on, &trigger) {
            (_, Some(Trigger::Record(r) | Trigger::RecordWith { record: r, .. })) => fields(*r),
            (GemTrigger::Changed(p), _) => vid(p).into_iter().collect(),
            (GemTrigger::Crosses(c), _) => vid(&c.point).into_iter().collect(),
            (GemTrigger::Alarm(_), _) => vec![40],
            _ => vec![49],
        };
        events.insert(e.ceid, Event { name: e.name.clone(), vids, enabled: e.enabled });
        triggers.extend(trigger.map(|t| (e.ceid, t)));
    }
    for a in &layout.alarms {
        for (ceid, what) in [(a.set_ceid, "Detected"), (a.clear_ceid, "Cleared")] {
            let name = format!("Alarm{}{what}", a.alid);
            events.insert(ceid, Event { name, vids: vec![40], enabled: false });
        }
    }
    (events, triggers)
}

/// A value as an item of the format in which the device holds it; without a value, an item of no elements.
pub(super) fn item(data: DataType, value: f64) -> Item {
    fn some<T>(value: f64, convert: impl Fn(f64) -> T) -> Vec<T> {
        if value.is_nan() { Vec::new() } else { vec![convert(value)] }
    }
    match data {
        DataType::F32 => Item::F4(some(value, |v| v as f32)),
        DataType::U16 => Item::U2(some(value, |v| v as u16)),
        DataType::I16 => Item::I2(some(value, |v| v as i16)),
        DataType::U32 => Item::U4(some(value, |v| v as u32)),
        DataType::Bool => Item::Boolean(some(value, |v| v != 0.0)),
    }
}
