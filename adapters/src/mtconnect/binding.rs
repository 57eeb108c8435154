//! Points and data items: which data item each point of a profile is, and how its value stands in a document.

use std::fmt;
use std::time::Duration;

use aegis_models::profile::{ConditionSpec, DataItemCategory, DataType, PointSpec, ToolSpec, units_ratio};
use aegis_models::{PointIx, Profile};

/// What stands where there is no value (Part 3, `UNAVAILABLE`).
pub const UNAVAILABLE: &str = "UNAVAILABLE";

/// Why a profile cannot be bound.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBinding {
    /// The device has nothing to tell.
    #[error("profile {0}: no point is an MTConnect data item")]
    Empty(String),
    /// The device has no description.
    #[error("profile {0}: has no [mtconnect] section")]
    NoLayout(String),
    /// A row that cannot be told.
    #[error("profile {kind}: {what}: {problem}")]
    Misplaced {
        /// The profile.
        kind: String,
        /// The point or condition.
        what: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// One step of a component's path: `Rotary[C]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// The component type, as its element is called.
    pub kind: String,
    /// Its name, where several of one type stand side by side.
    pub name: Option<String>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}[{name}]", self.kind),
            None => f.write_str(&self.kind),
        }
    }
}

/// A point as a data item.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The point.
    pub point: PointIx,
    /// Its name, which is also the identifier of the data item where we are the agent.
    pub id: String,
    /// What it measures or sets.
    pub doc: String,
    /// The component, from the device down.
    pub component: Vec<Step>,
    /// Sample or event.
    pub category: DataItemCategory,
    /// Its type.
    pub kind: String,
    /// Its subtype.
    pub sub_type: Option<String>,
    /// Its statistic.
    pub statistic: Option<String>,
    /// The unit on the wire.
    pub units: Option<String>,
    /// The point's own unit.
    pub unit: String,
    /// What one of the point's unit is in `units`.
    pub ratio: f64,
    /// Values that are told as words.
    pub words: Vec<(f64, String)>,
    /// How the device holds the value.
    pub data: DataType,
    /// How often it is told, if it is a sample.
    pub period: Duration,
    /// The instrument's range [the point's unit].
    pub range: [f64; 2],
}

impl Item {
    fn of(point: PointIx, spec: &PointSpec) -> Result<Option<Item>, &'static str> {
        let Some(row) = &spec.mtconnect else { return Ok(None) };
        let ratio = match &row.units {
            Some(units) => units_ratio(&spec.unit, units).ok_or("its unit can not be told in its units")?,
            None if row.category == DataItemCategory::Sample => return Err("a sample needs units"),
            None => 1.0,
        };
        let word = |(value, word): (&String, &String)| Some((value.parse().ok()?, word.clone()));
        let words = row.words.iter().map(word).collect::<Option<_>>().ok_or("a word belongs to a number")?;
        Ok(Some(Item {
            point,
            id: spec.id.clone(),
            doc: spec.doc.clone(),
            component: steps(&row.component).ok_or("its component is no path")?,
            category: row.category,
            kind: row.kind.clone(),
            sub_type: row.sub_type.clone(),
            statistic: row.statistic.clone(),
            units: row.units.clone(),
            unit: spec.unit.clone(),
            ratio,
            words,
            data: spec.data,
            period: spec.period.0,
            range: spec.range,
        }))
    }

    /// The value as it stands in a document [`Self::units`]; none when it has no word or is no number.
    pub fn tell(&self, value: f64) -> Option<String> {
        if !self.words.is_empty() {
            return self.words.iter().find(|(v, _)| *v == value).map(|(_, word)| word.clone());
        }
        if !value.is_finite() {
            return None;
        }
        // The shortest text that reads as this value again: of most values a single-precision one.
        let scaled = value * self.ratio;
        let short = (scaled as f32).to_string();
        if self.hear(&short, self.ratio) == Some(value) { Some(short) } else { Some(scaled.to_string()) }
    }

    /// The value that a text of a document stands for [the point's unit], where one of that unit is `ratio` of the
    /// document's; none when it stands for none.
    pub fn hear(&self, text: &str, ratio: f64) -> Option<f64> {
        let text = text.trim();
        if !self.words.is_empty() {
            return self.words.iter().find(|(_, w)| w == text).map(|(value, _)| *value);
        }
        let told: f64 = text.parse().ok()?;
        let value = told / ratio;
        value.is_finite().then(|| self.data.quantise(value))
    }

    /// As people write it: `SAMPLE ROTARY_VELOCITY ACTUAL of Axes/Rotary[C]`.
    pub fn title(&self) -> String {
        let mut title = format!("{} {}", category(self.category), self.kind);
        for more in [&self.sub_type, &self.statistic].into_iter().flatten() {
            title.push(' ');
            title.push_str(more);
        }
        let path: Vec<String> = self.component.iter().map(Step::to_string).collect();
        if path.is_empty() { title } else { format!("{title} of {}", path.join("/")) }
    }
}

/// How a category is called in documents.
pub(super) fn category(category: DataItemCategory) -> &'static str {
    match category {
        DataItemCategory::Sample => "SAMPLE",
        DataItemCategory::Event => "EVENT",
    }
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let step = |text: &str| match text.split_once('[') {
        Some((kind, name)) => {
            Some(Step { kind: kind.to_owned(), name: Some(name.strip_suffix(']')?.to_owned()) })
        }
        None => Some(Step { kind: text.to_owned(), name: None }),
    };
    path.split('/').filter(|s| !s.is_empty()).map(step).collect()
}

/// A condition over a bound point.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Which of [`Binding::items`] it watches.
    pub item: usize,
    /// Its bands and its code.
    pub spec: ConditionSpec,
}

/// What a condition says (Part 3, `CONDITION`). Above or below tells which end of a band was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The value lies in both bands.
    Normal,
    /// It left the narrower band, at its upper end when `high`.
    Warning {
        /// Whether it lies above.
        high: bool,
    },
    /// It left the wider band, at its upper end when `high`.
    Fault {
        /// Whether it lies above.
        high: bool,
    },
}

impl Condition {
    /// What the condition says of a value.
    pub fn judge(&self, value: f64) -> Level {
        let ([low_fault, high_fault], [low, high]) = (self.spec.fault, self.spec.warning);
        if value < low_fault || value > high_fault {
            Level::Fault { high: value > high_fault }
        } else if value < low || value > high {
            Level::Warning { high: value > high }
        } else {
            Level::Normal
        }
    }
}

/// A profile's points as data items of one device. The same for agent and client.
#[derive(Clone, Debug)]
pub struct Binding {
    kind: String,
    title: String,
    manufacturer: String,
    model: String,
    items: Vec<Item>,
    conditions: Vec<Condition>,
    tool: Option<(PointIx, ToolSpec)>,
}

impl Binding {
    /// Binds every point that is a data item.
    pub fn new(profile: &Profile) -> Result<Binding, BadBinding> {
        let misplaced = |what: &str, problem| {
            let (kind, what) = (profile.kind.clone(), what.to_owned());
            BadBinding::Misplaced { kind, what, problem }
        };
        let mut items: Vec<Item> = Vec::new();
        for (ix, spec) in (0..).map(PointIx).zip(&profile.points) {
            items.extend(Item::of(ix, spec).map_err(|problem| misplaced(&spec.id, problem))?);
        }
        if items.is_empty() {
            return Err(BadBinding::Empty(profile.kind.clone()));
        }
        let Some(layout) = &profile.mtconnect else { return Err(BadBinding::NoLayout(profile.kind.clone())) };
        let mut conditions = Vec::new();
        for spec in &layout.conditions {
            let item = items.iter().position(|i| i.id == spec.point);
            let item = item.ok_or_else(|| misplaced(&spec.native_code, "its point is no data item"))?;
            conditions.push(Condition { item, spec: spec.clone() });
        }
        let tool = match &layout.tool {
            Some(t) => {
                let age = profile.point_ix(&t.age).ok_or_else(|| misplaced("tool", "its age is no point"))?;
                Some((age, t.clone()))
            }
            None => None,
        };
        Ok(Binding {
            kind: profile.kind.clone(),
            title: profile.title.clone(),
            manufacturer: layout.manufacturer.clone(),
            model: layout.model.clone(),
            items,
            conditions,
            tool,
        })
    }

    /// The kind of machine.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What people call it, who made it, and its model.
    pub(super) fn description(&self) -> [&str; 3] {
        [&self.title, &self.manufacturer, &self.model]
    }

    /// The bound points, in the profile's order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The place of a point among [`Self::items`]; none when it is no data item.
    pub fn item_ix(&self, point: PointIx) -> Option<usize> {
        self.items.binary_search_by_key(&point, |i| i.point).ok()
    }

    /// The conditions, in the profile's order.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// The tool in the spindle, and the point that tells its age.
    pub fn tool(&self) -> Option<&(PointIx, ToolSpec)> {
        self.tool.as_ref()
    }

    /// The shortest period of a point.
    pub fn period(&self) -> Duration {
        self.items.iter().map(|i| i.period).min().unwrap_or(Duration::from_secs(1))
    }
}
