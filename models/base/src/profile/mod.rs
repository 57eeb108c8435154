//! A machine kind as data: its points, their protocol addresses, and what the sentinel watches over them.
//!
//! One TOML file serves both ends of every wire: the twin's server side and the sentinel's client side. It holds what
//! a data sheet and a commissioning engineer know, and no answer key: signatures say what a fault looks like from
//! outside, as a maintenance manual does.

mod bacnet;
mod burst;
mod check;
mod gem;
mod gem_check;
mod kinds;
mod mtconnect;
mod opcua;
mod point;
mod signature;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use bacnet::{BacnetLayout, BacnetObject, BacnetType};
pub use burst::{BearingSpec, BurstSpec, BurstTrigger};
pub use check::BadProfile;
pub use gem::{
    GEM_FIRST_ID, GemAlarm, GemAlarmCategory, GemAlarmEdge, GemClass, GemCommand, GemCondition, GemEvent,
    GemLayout, GemParameter, GemProcess, GemProcessState, GemRecipe, GemRecipeParameter, GemRecipes,
    GemReport, GemTrigger, GemUntil, GemVariable, GemWrite,
};
pub use kinds::Kinds;
pub use mtconnect::{ConditionSpec, DataItem, DataItemCategory, MtconnectLayout, ToolSpec, units_ratio};
pub use opcua::{OpcuaLayout, OpcuaNode, OpcuaWrite};
pub use point::{Access, DataType, ModbusAddress, ModbusTable, PointSpec, Role, Watch};
pub use signature::{Direction, RaiseRule, SeverityRule, Signature, Term};

use crate::{PointIx, Span};

/// A kind of machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The kind's name, as a site refers to it: `ffu`.
    pub kind: String,
    /// What people call it: `Fan filter unit`.
    pub title: String,
    /// What it is and which conditions its numbers hold for.
    pub doc: String,
    /// How long the sentinel learns before it judges.
    pub calibration: Calibration,
    /// Which point says what the machine is doing; without one there is a single regime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regime: Option<Regime>,
    /// How long after a change of regime or of a set-point the values are still on their way, and not judged.
    #[serde(default)]
    pub settle: Span,
    /// What takes longer than that: heat and dirt after a stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
    /// How its numbers lie in Modbus registers.
    #[serde(default)]
    pub modbus: ModbusLayout,
    /// How it shows itself over OPC UA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opcua: Option<OpcuaLayout>,
    /// How it shows itself over MTConnect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtconnect: Option<MtconnectLayout>,
    /// How it shows itself over SECS/GEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gem: Option<GemLayout>,
    /// How it shows itself over BACnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bacnet: Option<BacnetLayout>,
    /// Its points.
    #[serde(rename = "point")]
    pub points: Vec<PointSpec>,
    /// Its happenings: groups of points that are valued together, once each time.
    #[serde(rename = "record", default)]
    pub records: Vec<RecordSpec>,
    /// Its waveforms.
    #[serde(rename = "burst", default, skip_serializing_if = "Vec::is_empty")]
    pub bursts: Vec<BurstSpec>,
    /// Quantities that a law of physics makes from points, and that stand still while the law holds.
    #[serde(rename = "residual", default)]
    pub residuals: Vec<Residual>,
    /// Its parts that wear, and where they end.
    #[serde(rename = "life", default, skip_serializing_if = "Vec::is_empty")]
    pub lives: Vec<LifeSpec>,
    /// The set-points the sentinel may write, and how far.
    #[serde(rename = "command", default)]
    pub commands: Vec<CommandSpec>,
    /// What an operator's own signed stop writes; without it the machine cannot be stopped from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopSpec>,
    /// What each threat looks like.
    #[serde(rename = "signature", default)]
    pub signatures: Vec<Signature>,
}

/// How long a machine takes to be itself again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// After a stop it is not judged for this long, nor longer than twice the time it stood.
    pub span: Span,
    /// After these points have changed it is not judged for as long: another recipe may be another temperature.
    #[serde(default)]
    pub after: Vec<String>,
}

/// How long the sentinel learns before it judges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The learning span, in sample time and counted separately for each regime of each point.
    pub span: Span,
    /// The fewest good samples that make a baseline.
    #[serde(default = "hundred")]
    pub min_samples: u32,
    /// Whether the watched channels are also judged together, each against a level that may wander: MEWMA, Hotelling T2
    /// and Q.
    #[serde(default)]
    pub multivariate: bool,
}

fn hundred() -> u32 {
    100
}

/// The point that tells what the machine is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Regime {
    /// A point with the role `state`.
    pub point: String,
    /// A name for each of its values.
    pub names: BTreeMap<String, String>,
}

/// How a kind's numbers lie in Modbus registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModbusLayout {
    /// Which half of a 32-bit value comes first.
    #[serde(default)]
    pub word_order: WordOrder,
    /// Which byte of each register comes first on the wire.
    #[serde(default)]
    pub byte_order: ByteOrder,
}

/// Which byte of a register comes first on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ByteOrder {
    /// The high byte, as the specification has it (AP 4.2).
    #[default]
    HighFirst,
    /// The low byte, as some devices do.
    LowFirst,
}

/// Which half of a 32-bit value lies in the lower register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WordOrder {
    /// The high word first, as most devices do.
    #[default]
    HighFirst,
    /// The low word first.
    LowFirst,
}

/// A happening whose values come together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSpec {
    /// Its name: `bond`.
    pub id: String,
    /// What happens.
    pub doc: String,
    /// Its fields, in the order of a [`crate::Record`]: points whose `record` names it.
    pub fields: Vec<String>,
}

/// A quantity that a law makes from points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// The channel's name.
    pub id: String,
    /// Its meaning.
    pub doc: String,
    /// [unit].
    pub unit: String,
    /// The law, one of [`crate::physics::residual::LAWS`].
    pub law: String,
    /// The law's quantities, each from a point.
    pub inputs: BTreeMap<String, String>,
    /// The law's constants for this kind of machine.
    #[serde(default)]
    pub params: BTreeMap<String, f64>,
    /// How finely the law holds, one standard deviation [unit]: what is learned is not taken to be finer than half of it.
    #[serde(default)]
    pub accuracy: f64,
    /// How far it may lie from what was learned without meaning anything [unit].
    #[serde(default)]
    pub tolerance: f64,
    /// The detectors over it.
    pub watch: Vec<Watch>,
    /// In which regimes it is judged, by name; empty for all.
    #[serde(default)]
    pub only: Vec<String>,
}

/// A part that wears, and the value of a channel at which it is due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifeSpec {
    /// What people call it: `filter`.
    pub part: String,
    /// The point or residual that shows its wear.
    pub channel: String,
    /// The value at which it is due [the channel's unit].
    pub end: f64,
}

/// A set-point that the sentinel may write, and how far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandSpec {
    /// A point with access `write`.
    pub point: String,
    /// Lowest and highest value ever to be written [the point's unit]; absolute, so steps do not add up beyond it.
    pub envelope: [f64; 2],
    /// The least time between two writes.
    pub min_interval: Span,
    /// How far the value read back may lie from the one written [the point's unit].
    pub tolerance: f64,
}

/// What stops a machine: a write to its own controller. No ISO 13850 emergency stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopSpec {
    /// A point with access `write`.
    pub point: String,
    /// The value that stops the machine.
    pub value: f64,
}

impl Profile {
    /// The profile of that kind which comes with Aegis.
    pub fn built_in(kind: &str) -> Option<Profile> {
        let (_, text) = BUILT_IN.iter().find(|(k, _)| *k == kind)?;
        Some(Profile::parse(text).unwrap_or_else(|e| panic!("built-in profile {kind}: {e}")))
    }

    /// The kinds that come with Aegis, with their TOML.
    pub fn built_ins() -> &'static [(&'static str, &'static str)] {
        BUILT_IN
    }

    /// Reads and checks a profile.
    pub fn parse(text: &str) -> Result<Profile, BadProfile> {
        let profile: Profile = toml::from_str(text)?;
        profile.check()?;
        Ok(profile)
    }

    /// The place of the point of that name.
    pub fn point_ix(&self, id: &str) -> Option<PointIx> {
        self.points.iter().position(|p| p.id == id).map(|i| PointIx(i as u16))
    }

    /// The point at that place.
    pub fn point(&self, ix: PointIx) -> &PointSpec {
        &self.points[usize::from(ix.0)]
    }

    /// The place of the record kind of that name.
    pub fn record_ix(&self, id: &str) -> Option<u16> {
        self.records.iter().position(|r| r.id == id).map(|i| i as u16)
    }

    /// The place of the waveform of that name.
    pub fn burst_ix(&self, id: &str) -> Option<u16> {
        self.bursts.iter().position(|b| b.id == id).map(|i| i as u16)
    }

    /// What the sentinel may do to that point.
    pub fn command(&self, point: &str) -> Option<&CommandSpec> {
        self.commands.iter().find(|c| c.point == point)
    }
}

const BUILT_IN: &[(&str, &str)] = &[
    ("ahu", include_str!("../../profiles/ahu.toml")),
    ("chemical_delivery", include_str!("../../profiles/chemical_delivery.toml")),
    ("chiller", include_str!("../../profiles/chiller.toml")),
    ("cmp", include_str!("../../profiles/cmp.toml")),
    ("cnc", include_str!("../../profiles/cnc.toml")),
    ("deposition", include_str!("../../profiles/deposition.toml")),
    ("dicing_saw", include_str!("../../profiles/dicing_saw.toml")),
    ("die_attach", include_str!("../../profiles/die_attach.toml")),
    ("etcher", include_str!("../../profiles/etcher.toml")),
    ("ffu", include_str!("../../profiles/ffu.toml")),
    ("flip_chip", include_str!("../../profiles/flip_chip.toml")),
    ("floor_sensor", include_str!("../../profiles/floor_sensor.toml")),
    ("hoist", include_str!("../../profiles/hoist.toml")),
    ("inspection", include_str!("../../profiles/inspection.toml")),
    ("lathe", include_str!("../../profiles/lathe.toml")),
    ("lithography", include_str!("../../profiles/lithography.toml")),
    ("mold", include_str!("../../profiles/mold.toml")),
    ("scrubber", include_str!("../../profiles/scrubber.toml")),
    ("test_handler", include_str!("../../profiles/test_handler.toml")),
    ("upw", include_str!("../../profiles/upw.toml")),
    ("wire_bonder", include_str!("../../profiles/wire_bonder.toml")),
];
