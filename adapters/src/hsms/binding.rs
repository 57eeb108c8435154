//! Points and variables: what a host asks a machine of that profile for, and how values travel.

use std::collections::BTreeMap;

use aegis_models::profile::{DataType, GemClass, GemCommand, GemTrigger};
use aegis_models::{PointIx, Profile, Quality, Sample, Span};

use super::Item;

/// Report identifiers of this host begin here, one for each kind of record: far from what people number theirs by, so
/// that the reports of another host of the same equipment are not these.
const FIRST_REPORT: u32 = 0x5AE6_1000;

/// Why a profile cannot be bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBinding {
    /// No section, or nothing in it.
    #[error("profile {0}: it has no [gem] section, or no point with a GEM variable")]
    Empty(String),
    /// Fields without an event that carries them.
    #[error("profile {kind}: no GEM event tells that a {record} has ended")]
    NoEvent {
        /// The profile.
        kind: String,
        /// The record.
        record: String,
    },
}

/// Variables that are read together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// How often.
    pub period: Span,
    /// Status variables: points and SVIDs, asked by S1F3.
    pub status: Vec<(PointIx, u32)>,
    /// Equipment constants: points and ECIDs, asked by S2F13.
    pub constants: Vec<(PointIx, u32)>,
}

/// A kind of record, as an event reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported {
    /// The record's place in the profile.
    pub kind: u16,
    /// The event.
    pub ceid: u32,
    /// The report that this host links to it.
    pub rptid: u32,
    /// The record's fields, in order: DVIDs; none for a field that is no variable.
    pub fields: Vec<Option<u32>>,
}

/// A profile's points as variables of a GEM equipment.
#[derive(Clone, Debug)]
pub struct Binding {
    groups: Vec<Group>,
    records: Vec<Reported>,
    constants: BTreeMap<PointIx, Constant>,
    commands: Vec<Commanded>,
}

/// A remote command that writes one point and does nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Commanded {
    /// RCMD.
    pub name: String,
    /// What it writes.
    point: PointIx,
    what: What,
    /// How the point's value is held.
    data: DataType,
    /// The event that tells its end, where it does not end at once.
    pub finished: Option<u32>,
}

/// What a command writes to its point.
#[derive(Clone, Debug, PartialEq)]
enum What {
    /// Always this [the point's unit].
    Fixed(f64),
    /// The value of its one parameter.
    Parameter { name: String, range: [f64; 2] },
}

/// A set-point as an equipment constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant {
    /// Its ECID.
    pub ecid: u32,
    /// How its value is held.
    pub data: DataType,
    /// The values that a write may carry [the point's unit].
    pub range: [f64; 2],
}

impl Binding {
    /// Binds every point that is a GEM variable.
    pub fn new(profile: &Profile) -> Result<Binding, BadBinding> {
        let mut groups: BTreeMap<Span, Group> = BTreeMap::new();
        let mut constants = BTreeMap::new();
        for (ix, p) in (0..).map(PointIx).zip(&profile.points) {
            let (Some(v), Some(class)) = (&p.gem, p.gem_class()) else { continue };
            let group = || Group { period: p.period, status: vec![], constants: vec![] };
            match class {
                GemClass::Status => groups.entry(p.period).or_insert_with(group).status.push((ix, v.vid)),
                GemClass::Constant => {
                    groups.entry(p.period).or_insert_with(group).constants.push((ix, v.vid));
                    constants.insert(ix, Constant { ecid: v.vid, data: p.data, range: p.range });
                }
                GemClass::Data => {}
            }
        }
        let gem = profile.gem.as_ref().filter(|_| !groups.is_empty());
        let gem = gem.ok_or_else(|| BadBinding::Empty(profile.kind.clone()))?;
        let mut records = Vec::new();
        for (kind, r) in (0..).zip(&profile.records) {
            let tells = |t: &GemTrigger| matches!(t, GemTrigger::Record(id) if *id == r.id);
            // Several may come of one happening, its start among them: the one that the profile reports with its values
            // is its end, or else the last.
            let reported = |ceid| gem.reports.iter().any(|r| r.events.contains(&ceid));
            let all = || gem.events.iter().filter(|e| tells(&e.on));
            let event = all().find(|e| reported(e.ceid)).or_else(|| all().next_back());
            let no_event = || BadBinding::NoEvent { kind: profile.kind.clone(), record: r.id.clone() };
            let vid =
                |f: &String| profile.points[usize::from(profile.point_ix(f)?.0)].gem.as_ref().map(|v| v.vid);
            let fields: Vec<Option<u32>> = r.fields.iter().map(vid).collect();
            let ceid = event.ok_or_else(no_event)?.ceid;
            records.push(Reported { kind, ceid, rptid: FIRST_REPORT + u32::from(kind), fields });
        }
        let commands = gem.commands.iter().filter_map(|c| Commanded::new(profile, c)).collect();
        Ok(Binding { groups: groups.into_values().collect(), records, constants, commands })
    }

    /// The variables that are read together, the shortest period first.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The records that events report.
    pub fn records(&self) -> &[Reported] {
        &self.records
    }

    /// The remote commands that write one point, in the profile's order.
    pub fn commands(&self) -> &[Commanded] {
        &self.commands
    }

    /// A set-point's constant; none for a point that cannot be written.
    pub fn constant(&self, point: PointIx) -> Option<&Constant> {
        self.constants.get(&point)
    }
}

impl Commanded {
    /// None for a command that writes nothing, or more than one point, or selects a recipe besides.
    fn new(profile: &Profile, command: &GemCommand) -> Option<Commanded> {
        let [write] = &command.writes[..] else { return None };
        let point = profile.point_ix(&write.point).filter(|_| command.selects.is_none())?;
        let what = match (write.value, &write.parameter, &command.parameters[..]) {
            (Some(value), None, []) => What::Fixed(value),
            (None, Some(name), [p]) if p.name == *name => {
                What::Parameter { name: name.clone(), range: p.range? }
            }
            _ => return None,
        };
        let events = profile.gem.as_ref().map_or(&[][..], |gem| &gem.events);
        let ends = |t: &GemTrigger| matches!(t, GemTrigger::Finished(c) if *c == command.name);
        let finished =
            events.iter().find(|e| ends(&e.on)).map(|e| e.ceid).filter(|_| command.until.is_some());
        let data = profile.point(point).data;
        Some(Commanded { name: command.name.clone(), point, what, data, finished })
    }

    /// Its parameters when it is to write that value to that point; none when it does not.
    pub fn parameters(&self, point: PointIx, value: f64) -> Option<Vec<(String, Item)>> {
        if point != self.point {
            return None;
        }
        match &self.what {
            What::Fixed(fixed) => (self.data.quantise(*fixed) == self.data.quantise(value)).then(Vec::new),
            What::Parameter { name, range } => Some(vec![(name.clone(), item(self.data, *range, value)?)]),
        }
    }
}

impl Constant {
    /// A value as the constant holds it; none when it lies outside the range.
    pub fn item(&self, value: f64) -> Option<Item> {
        item(self.data, self.range, value)
    }
}

/// A value as an item of that type; none when it lies outside the range.
fn item(data: DataType, range: [f64; 2], value: f64) -> Option<Item> {
    let [low, high] = range.map(|end| data.quantise(end));
    let value = data.quantise(value);
    (low..=high).contains(&value).then(|| match data {
        DataType::F32 => Item::F4(vec![value as f32]),
        DataType::U16 => Item::U2(vec![value as u16]),
        DataType::I16 => Item::I2(vec![value as i16]),
        DataType::U32 => Item::U4(vec![value as u32]),
        DataType::Bool => Item::Boolean(vec![value != 0.0]),
    })
}

/// What an item is worth as a number; none when it is none. Equipment that has no value sends an empty item.
pub fn number(item: &Item) -> Option<f64> {
    let value = match item {
        Item::Boolean(v) => f64::from(u8::from(*one(v)?)),
        Item::Binary(v) | Item::U1(v) => f64::from(*one(v)?),
        Item::U2(v) => f64::from(*one(v)?),
        Item::U4(v) => f64::from(*one(v)?),
        Item::U8(v) => *one(v)? as f64,
        Item::I1(v) => f64::from(*one(v)?),
        Item::I2(v) => f64::from(*one(v)?),
        Item::I4(v) => f64::from(*one(v)?),
        Item::I8(v) => *one(v)? as f64,
        Item::F4(v) => f64::from(*one(v)?),
        Item::F8(v) => *one(v)?,
        // Some equipment sends every value as text.
        Item::Ascii(v) => std::str::from_utf8(v).ok()?.trim().parse().ok()?,
        Item::List(_) | Item::Jis8(_) | Item::Local(..) => return None,
    };
    value.is_finite().then_some(value)
}

/// An item as a point's sample.
pub fn sample(point: PointIx, item: Option<&Item>) -> Sample {
    match item.and_then(number) {
        Some(value) => Sample { point, value, quality: Quality::Good },
        None => Sample { point, value: 0.0, quality: Quality::Bad },
    }
}

fn one<T>(values: &[T]) -> Option<&T> {
    match values {
        [one] => Some(one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bonder_is_bound_by_its_profile() {
        let profile = Profile::built_in("wire_bonder").unwrap();
        let binding = Binding::new(&profile).unwrap();
        let polled: usize = binding.groups().iter().map(|g| g.status.len() + g.constants.len()).sum();
        let fields: usize = binding.records().iter().map(|r| r.fields.len()).sum();
        assert_eq!(polled + fields, profile.points.len(), "every point travels");
        assert_eq!(binding.records()[0].ceid, 1001);
        let force = profile.point_ix("bond_force_adj").unwrap();
        assert_eq!(binding.constant(force).unwrap().item(5.0), Some(Item::F4(vec![5.0])));
        assert_eq!(binding.constant(force).unwrap().item(50.0), None);
        assert!(Binding::new(&Profile::built_in("ffu").unwrap()).is_err());
        let run = profile.point_ix("run_enable").unwrap();
        let serving = |point, value| {
            let of = |c: &Commanded| Some((c.name.clone(), c.parameters(point, value)?, c.finished));
            binding.commands().iter().filter_map(of).collect::<Vec<_>>()
        };
        let names: Vec<_> = serving(run, 0.0).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["STOP", "PAUSE", "ABORT"]);
        let adjust =
            ("BOND_FORCE_ADJ".to_owned(), vec![("PERCENT".to_owned(), Item::F4(vec![2.5]))], Some(4007));
        assert_eq!(serving(force, 2.5), [adjust]);
        assert_eq!(serving(force, 50.0), []);
    }

    #[test]
    fn a_value_is_one_number_or_none() {
        assert_eq!(number(&Item::U4(vec![7])), Some(7.0));
        assert_eq!(number(&Item::text(" 2.5 ")), Some(2.5));
        for none in [Item::U4(vec![]), Item::F4(vec![f32::NAN]), Item::text("off"), Item::List(vec![])] {
            assert_eq!(number(&none), None, "{none:?}");
        }
        assert_eq!(sample(PointIx(3), None).quality, Quality::Bad);
    }
}
