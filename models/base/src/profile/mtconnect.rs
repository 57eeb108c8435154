//! Which MTConnect data items points are, in which unit they travel, and what else the device tells of itself.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::refuse;
use super::{BadProfile, PointSpec, Profile};

/// Which data item a point is, and of which component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataItem {
    /// The component, from the device down: `Axes/Rotary[C]`, each step a component type and, in brackets, its name;
    /// empty for the device itself.
    pub component: String,
    /// Its type: `ROTARY_VELOCITY`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its subtype: `COMMANDED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_type: Option<String>,
    /// Whether it is sampled or tells changes.
    #[serde(default)]
    pub category: DataItemCategory,
    /// The unit on the wire: `WATT`. A sample needs one, and the point's own unit is converted to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// What was made of the signal: `ROOT_MEAN_SQUARE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<String>,
    /// The word that stands on the wire for each value, for an event whose values are words: `{ 2 = "ACTIVE" }`. A
    /// value that is not listed has no word and is told as unavailable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, String>,
}

/// The two kinds of data item that hold a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataItemCategory {
    /// A number that moves all the time; told at the point's period.
    #[default]
    Sample,
    /// A state or a count; told when it changes.
    Event,
}

/// How a kind shows itself over MTConnect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MtconnectLayout {
    /// Who made it, for the device's description.
    pub manufacturer: String,
    /// What its maker calls the model, for the device's description.
    #[serde(default)]
    pub model: String,
    /// The alarms of its own controller.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ConditionSpec>,
    /// The tool in its spindle, which it tells as an asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolSpec>,
}

/// A condition: an alarm of the device's own controller over one point, of the type of the point's data item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionSpec {
    /// The point it watches, which is a data item.
    pub point: String,
    /// What the controller's manual calls it.
    pub native_code: String,
    /// Below or above this band the condition is a warning [the point's unit].
    pub warning: [f64; 2],
    /// Below or above this band the condition is a fault [the point's unit]; it holds the band of the warning.
    pub fault: [f64; 2],
}

/// The tool in the spindle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolSpec {
    /// The point that counts how long the tool has cut, in minutes; it falls when the tool is replaced.
    pub age: String,
    /// The kind of tool, as the tool crib names it.
    pub tool_id: String,
    /// How long it may cut [min].
    pub life_min: f64,
    /// How long it has cut when a new one is due to be made ready [min].
    pub warning_min: f64,
}

/// What one of a profile's unit is in an MTConnect unit; none when the two measure different things.
///
/// Every pair is a ratio: none of the units that profiles use has a zero of its own.
pub fn units_ratio(unit: &str, units: &str) -> Option<f64> {
    let ratio = match (unit, units) {
        ("A", "AMPERE")
        | ("V", "VOLT")
        | ("W", "WATT")
        | ("Hz", "HERTZ")
        | ("N", "NEWTON")
        | ("Pa", "PASCAL")
        | ("s", "SECOND")
        | ("degC", "CELSIUS")
        | ("%", "PERCENT")
        | ("deg", "DEGREE")
        | ("kg", "KILOGRAM")
        | ("l", "LITER")
        | ("rpm", "REVOLUTION/MINUTE")
        | ("mm", "MILLIMETER" | "MILLIMETER/REVOLUTION")
        | ("mm/s", "MILLIMETER/SECOND")
        | ("m/s2", "METER/SECOND^2")
        | ("", "COUNT") => 1.0,
        ("kW", "WATT") | ("kPa", "PASCAL") | ("kN", "NEWTON") | ("kHz", "HERTZ") => 1e3,
        ("bar", "PASCAL") => 1e5,
        ("m", "MILLIMETER") => 1e3,
        ("um", "MILLIMETER") => 1e-3,
        // ISO 80000-3: standard acceleration of free fall.
        ("g" | "gE", "METER/SECOND^2") => 9.806_65,
        ("min", "SECOND") => 60.0,
        ("h", "SECOND") => 3_600.0,
        ("l/min", "LITER/SECOND") => 1.0 / 60.0,
        ("mm/min", "MILLIMETER/SECOND") => 1.0 / 60.0,
        ("rpm", "REVOLUTION/SECOND") => 1.0 / 60.0,
        _ => return None,
    };
    Some(ratio)
}

impl Profile {
    pub(super) fn check_mtconnect(&self) -> Result<(), BadProfile> {
        let mut taken = BTreeSet::new();
        for p in &self.points {
            let Some(item) = &p.mtconnect else { continue };
            let place = || format!("point {}", p.id);
            if self.mtconnect.is_none() {
                return refuse(
                    place(),
                    "is an MTConnect data item, but the profile has no [mtconnect] section",
                );
            }
            if let Some(problem) = item.problem(p) {
                return refuse(place(), format!("mtconnect: {problem}"));
            }
            if !taken.insert((&item.component, item.category, &item.kind, &item.sub_type, &item.statistic)) {
                return refuse(place(), "mtconnect: another point is the same data item");
            }
        }
        let Some(layout) = &self.mtconnect else { return Ok(()) };
        let mut codes = BTreeSet::new();
        for c in &layout.conditions {
            let place = || format!("mtconnect condition {}", c.native_code);
            if !self.points.iter().any(|p| p.id == c.point && p.mtconnect.is_some()) {
                return refuse(place(), format!("point {} is no MTConnect data item", c.point));
            }
            let ([low_fault, high_fault], [low, high]) = (c.fault, c.warning);
            if !(low_fault <= low && low < high && high <= high_fault) {
                return refuse(place(), "the fault band must hold the warning band");
            }
            if c.native_code.is_empty() || !codes.insert(&c.native_code) {
                return refuse(place(), "each condition needs a native code of its own");
            }
        }
        if let Some(tool) = &layout.tool {
            if !self.points.iter().any(|p| p.id == tool.age && p.unit == "min") {
                return refuse("mtconnect tool".into(), format!("age: {} is no point in minutes", tool.age));
            }
            if !(0.0 < tool.warning_min && tool.warning_min <= tool.life_min && tool.life_min.is_finite()) {
                return refuse("mtconnect tool".into(), "warning_min must lie between 0 and life_min");
            }
        }
        Ok(())
    }
}

impl DataItem {
    fn problem(&self, point: &PointSpec) -> Option<&'static str> {
        let word = |text: &str, extra: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
        };
        let steps = self.component.split('/').filter(|_| !self.component.is_empty());
        for step in steps {
            let (kind, name) = match step.split_once('[') {
                Some((kind, rest)) => (kind, rest.strip_suffix(']').unwrap_or("")),
                None => (step, "-"),
            };
            if !kind.starts_with(|c: char| c.is_ascii_uppercase()) || !word(kind, "") || !word(name, "_-.") {
                return Some("component: write steps such as \"Axes/Rotary[C]\"");
            }
        }
        // Of an extension, the prefix of its namespace stands in front.
        if ![Some(&self.kind), self.sub_type.as_ref()].into_iter().flatten().all(|w| word(w, "_:")) {
            return Some("type and sub_type are words such as ROTARY_VELOCITY");
        }
        if point.record.is_some() {
            return Some("a field of a record has no value to tell between happenings");
        }
        match (&self.units, self.category) {
            (None, DataItemCategory::Sample) => return Some("a sample needs units"),
            (Some(u), _) if units_ratio(&point.unit, u).is_none() => {
                return Some("the point's unit can not be told in these units");
            }
            _ => {}
        }
        if self.words.is_empty() {
            return None;
        }
        if self.category == DataItemCategory::Sample || self.units.is_some() {
            return Some("words belong to an event without units");
        }
        if self.words.keys().any(|k| k.parse::<u32>().is_err()) {
            return Some("words: each key is a whole number");
        }
        let distinct: BTreeSet<&String> = self.words.values().collect();
        if distinct.len() < self.words.len() || !distinct.into_iter().all(|w| word(w, "_")) {
            return Some("words: each value has a word of its own, such as ACTIVE");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of the CNC's profile after `from` was replaced by `to`.
    fn said(from: &str, to: &str) -> String {
        let (_, text) = Profile::built_ins().iter().find(|(kind, _)| *kind == "cnc").unwrap();
        assert!(text.contains(from), "{from}");
        Profile::parse(&text.replacen(from, to, 1)).expect_err("the change is wrong").to_string()
    }

    #[test]
    fn what_can_not_be_a_data_item_is_refused_with_its_reason() {
        for (from, to, reason) in [
            ("units = \"WATT\"", "units = \"CELSIUS\"", "the point's unit can not be told"),
            (", units = \"WATT\"", "", "a sample needs units"),
            ("component = \"Axes/Rotary[C]\"", "component = \"Axes/Rotary[C\"", "component: write steps"),
            ("component = \"Axes/Rotary[C]\"", "component = \"axes\"", "component: write steps"),
            ("type = \"WATTAGE\"", "type = \"WATT AGE\"", "are words such as"),
            ("2 = \"ACTIVE\"", "2 = \"READY\"", "a word of its own"),
            ("2 = \"ACTIVE\"", "cut = \"ACTIVE\"", "each key is a whole number"),
            ("sub_type = \"COMMANDED\"", "sub_type = \"ACTUAL\"", "another point is the same data item"),
            ("age = \"tool_age\"", "age = \"parts\"", "is no point in minutes"),
            ("warning_min = 36.0", "warning_min = 41.0", "warning_min must lie"),
        ] {
            let said = said(from, to);
            assert!(said.contains(reason), "{from} -> {to}: {said}");
        }
    }

    #[test]
    fn units_of_different_things_have_no_ratio() {
        assert_eq!(units_ratio("kW", "WATT"), Some(1000.0));
        assert_eq!(units_ratio("l/min", "LITER/SECOND").map(|r| r * 60.0), Some(1.0));
        assert_eq!(units_ratio("kW", "CELSIUS"), None);
        assert_eq!(units_ratio("degC", "KELVIN"), None);
    }
}
