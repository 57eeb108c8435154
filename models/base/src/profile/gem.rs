//! What a kind tells a GEM host: variables, events, alarms, constants, recipes and remote commands (SEMI E30).
//!
//! The same rows serve both ends: the equipment answers from them, and a host knows from them what to ask for.
//! Clauses cited as *E5* and *E30* are those of SEMI E5 and E30.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, DataType, PointSpec, Profile, Role};
use crate::PointIx;

/// Identifiers (of variables, events and reports) below this one belong to the equipment itself: its clock, its
/// states, its spool. A profile's own begin here.
pub const GEM_FIRST_ID: u32 = 200;

/// Which variable of the equipment a point is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemVariable {
    /// Its variable identifier: an SVID, a DVID or an ECID, by its class. At least [`GEM_FIRST_ID`].
    pub vid: u32,
    /// SVNAME, DVVALNAME or ECNAME; the point's own name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The three classes of variables (E30, variable items).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GemClass {
    /// SV: valid at any time.
    Status,
    /// DVVAL: valid when the event that goes with it happens.
    Data,
    /// ECV: a setting that the host may change.
    Constant,
}

/// How a kind shows itself over SECS/GEM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemLayout {
    /// MDLN, at most 20 characters (E5).
    pub model: String,
    /// SOFTREV, at most 20 characters (E5).
    pub software: String,
    /// What the processing state follows; without it the equipment stays IDLE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<GemProcess>,
    /// Where recipes come from; without it there are process programs as files alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipes: Option<GemRecipes>,
    /// Its collection events. Several that one happening triggers come in the order of this list.
    #[serde(rename = "event", default)]
    pub events: Vec<GemEvent>,
    /// The reports that are defined before a host defines any.
    #[serde(rename = "report", default)]
    pub reports: Vec<GemReport>,
    /// Its alarms.
    #[serde(rename = "alarm", default)]
    pub alarms: Vec<GemAlarm>,
    /// Its remote commands.
    #[serde(rename = "command", default)]
    pub commands: Vec<GemCommand>,
}

/// The states of the processing state model (E30, equipment processing states), by their ProcessState value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GemProcessState {
    /// 0: the equipment has just been switched on and has not yet heard of the machine.
    #[default]
    Init = 0,
    /// 1: it waits for work.
    Idle = 1,
    /// 2: it prepares for the recipe that was selected, or to start.
    Setup = 2,
    /// 3: it is prepared and waits for a start.
    Ready = 3,
    /// 4: it works.
    Executing = 4,
    /// 5: it holds within its work, which can be resumed.
    Pause = 5,
}

/// What the processing state follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemProcess {
    /// Holds while the machine works.
    pub running: GemCondition,
    /// Holds while it may work. A machine that may and works no more has completed its work; one that may not was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<GemCondition>,
}

/// A condition over one point, with the level at which it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemCondition {
    /// The point.
    pub point: String,
    /// It begins when the value rises above this [the point's unit].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// It begins when the value falls below this [the point's unit].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// It ends when the value is back at this [the point's unit]; the level where it begins when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear: Option<f64>,
}

impl GemCondition {
    /// Whether the condition holds after `value`, when it held before or not. A value that is no number changes nothing.
    pub fn holds(&self, before: bool, value: f64) -> bool {
        if value.is_nan() {
            return before;
        }
        let over = self.above.is_some_and(|a| {
            value > a || (before && value > self.clear.filter(|_| self.below.is_none()).unwrap_or(a))
        });
        let under = self.below.is_some_and(|b| {
            value < b || (before && value < self.clear.filter(|_| self.above.is_none()).unwrap_or(b))
        });
        over || under
    }
}

/// A collection event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemEvent {
    /// Its identifier, at least [`GEM_FIRST_ID`].
    pub ceid: u32,
    /// CENAME.
    pub name: String,
    /// What happens.
    #[serde(default)]
    pub doc: String,
    /// What in the machine's data triggers it.
    pub on: GemTrigger,
    /// Whether it is reported before a host says so.
    #[serde(default)]
    pub enabled: bool,
}

/// What triggers a collection event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum GemTrigger {
    /// A happening of that kind ended: `{ record = "bond" }`.
    Record(String),
    /// A happening ended whose field is beyond a level, each time: `{ record_with = { point = "nsop", above = 0.5 } }`.
    RecordWith(GemCondition),
    /// A point has another value than before: `{ changed = "units" }`.
    Changed(String),
    /// A point came beyond a level, until it is back: `{ crosses = { point = "wear", above = 0.9, clear = 0.5 } }`.
    Crosses(GemCondition),
    /// An alarm did: `{ alarm = "set" }`.
    Alarm(GemAlarmEdge),
    /// A remote command that was accepted for later has finished: `{ finished = "STOP" }`.
    Finished(String),
}

/// What an alarm did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GemAlarmEdge {
    /// It was set.
    Set,
    /// It was cleared.
    Cleared,
    /// Either.
    Changed,
}

/// A report that is there from the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemReport {
    /// Its identifier, at least [`GEM_FIRST_ID`].
    pub rptid: u32,
    /// Its values, in order: names of points that are variables, or identifiers below [`GEM_FIRST_ID`] as text.
    pub values: Vec<String>,
    /// The events that carry it.
    pub events: Vec<u32>,
}

/// The category of an alarm: bits 7 to 1 of ALCD (E5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GemAlarmCategory {
    /// 1: personal safety.
    PersonalSafety = 1,
    /// 2: equipment safety.
    EquipmentSafety = 2,
    /// 3: a parameter is out of control, as a warning.
    ParameterWarning = 3,
    /// 4: a parameter is out of control, as an error.
    ParameterError = 4,
    /// 5: an error that cannot be recovered.
    Irrecoverable = 5,
    /// 6: the equipment's status, as a warning.
    StatusWarning = 6,
    /// 7: a flag for attention.
    Attention = 7,
    /// 8: the integrity of data.
    DataIntegrity = 8,
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemAlarm {
    /// Its identifier.
    pub alid: u32,
    /// ALTX, at most 120 characters (E5).
    pub text: String,
    /// Its category.
    pub category: GemAlarmCategory,
    /// While it is set.
    pub when: GemCondition,
    /// The collection event of its being set, at least [`GEM_FIRST_ID`] (E30 asks one for each alarm).
    pub set_ceid: u32,
    /// The collection event of its being cleared.
    pub clear_ceid: u32,
    /// Whether it is reported before a host says so.
    #[serde(default)]
    pub enabled: bool,
}

/// The machine's recipes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemRecipes {
    /// The point that says which one runs, by its number. A recipe that is selected is written to it where it can be
    /// written; else only the one that runs can be selected.
    pub point: String,
    /// What a body sets, and so what the machine runs. Without any, bodies are kept and mean nothing.
    #[serde(rename = "parameter", default)]
    pub parameters: Vec<GemRecipeParameter>,
    /// Those that are there from the start.
    #[serde(rename = "recipe", default)]
    pub recipes: Vec<GemRecipe>,
}

/// A parameter of a recipe: `FORCE 45 gf` in its body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemRecipeParameter {
    /// Its name in a body.
    pub name: String,
    /// The set-point that it is written to, in that point's unit.
    pub point: String,
}

/// A process program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemRecipe {
    /// PPID, at most 120 characters (E5).
    pub ppid: String,
    /// The number by which the machine knows it.
    pub value: f64,
    /// PPBODY: fields apart by semicolons, each parameter of the machine once as name, value and unit.
    pub body: String,
}

/// A remote command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemCommand {
    /// RCMD.
    pub name: String,
    /// What it does.
    #[serde(default)]
    pub doc: String,
    /// In which processing states it can be performed; empty for all.
    #[serde(default)]
    pub states: Vec<GemProcessState>,
    /// Its parameters, all of them needed.
    #[serde(default)]
    pub parameters: Vec<GemParameter>,
    /// What it writes, in order.
    #[serde(default)]
    pub writes: Vec<GemWrite>,
    /// The parameter that names a recipe, which the command selects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selects: Option<String>,
    /// The processing state that it leads to once the machine has done as told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enters: Option<GemProcessState>,
    /// How its end is known when it does not end at once: it is then answered with HCACK 4, and events on
    /// `{ finished = .. }` tell the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<GemUntil>,
}

/// How the end of a remote command is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GemUntil {
    /// Every point that it wrote reads as it was written.
    ReadBack,
}

/// A parameter of a remote command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemParameter {
    /// CPNAME.
    pub name: String,
    /// What it says.
    #[serde(default)]
    pub doc: String,
    /// For a number: lowest and highest value. A parameter without a range is a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
}

/// A write that a remote command makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GemWrite {
    /// A point with access `write`.
    pub point: String,
    /// What is written: this value [the point's unit] ..
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// .. or the value of this parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
}

impl PointSpec {
    /// The class of the variable that a point is: the fields of a record are data values, set-points that can be
    /// written are constants, all others are status variables. `None` for a point that is no variable.
    pub fn gem_class(&self) -> Option<GemClass> {
        self.gem.as_ref()?;
        Some(if self.record.is_some() {
            GemClass::Data
        } else if self.role == Role::Setpoint && self.access == Access::Write {
            GemClass::Constant
        } else {
            GemClass::Status
        })
    }

    /// The name by which a host sees the variable.
    pub fn gem_name(&self) -> &str {
        self.gem.as_ref().and_then(|g| g.name.as_deref()).unwrap_or(&self.id)
    }
}

impl GemReport {
    /// The identifiers of its values. Names that are none were refused when the profile was read.
    pub fn vids(&self, profile: &Profile) -> Vec<u32> {
        self.values.iter().filter_map(|v| profile.gem_vid(v)).collect()
    }
}

impl Profile {
    /// The identifier of a variable by the name of its point, or of one of the equipment's own by its number as text.
    pub fn gem_vid(&self, value: &str) -> Option<u32> {
        if let Some(p) = self.points.iter().find(|p| p.id == value) {
            return p.gem.as_ref().map(|g| g.vid);
        }
        value.parse().ok().filter(|v| (1..GEM_FIRST_ID).contains(v))
    }

    /// What the body of a recipe sets: every parameter of the machine once, in the unit and range of its point; other
    /// fields say something to people. None for a body that this machine cannot run. A machine whose recipes have no
    /// parameters is set to nothing by any body, text or not.
    pub fn gem_program(&self, body: Option<&str>) -> Option<Vec<(PointIx, f64)>> {
        let parameters = &self.gem.as_ref()?.recipes.as_ref().map_or(&[][..], |r| &r.parameters);
        let mut program = Vec::new();
        for p in *parameters {
            let words = body?.split(';').map(|field| field.split_whitespace().collect::<Vec<_>>());
            let of_name: Vec<Vec<&str>> = words.filter(|w| w.first() == Some(&p.name.as_str())).collect();
            let [field] = of_name.as_slice() else { return None };
            let point = self.point_ix(&p.point)?;
            let spec = self.point(point);
            let value: f64 = match field.as_slice() {
                [_, value] if spec.unit.is_empty() => value.parse().ok()?,
                [_, value, unit] if *unit == spec.unit => value.parse().ok()?,
                _ => return None,
            };
            let whole = spec.data == DataType::F32 || value.fract() == 0.0;
            if !whole || !(spec.range[0]..=spec.range[1]).contains(&value) {
                return None;
            }
            program.push((point, spec.data.quantise(value)));
        }
        Some(program)
    }
}
