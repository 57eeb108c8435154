//! What could be done about a threat, and the one form in which anything is ever written to a machine.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds of answer a policy may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ActionKind {
    /// Write a set-point within the profile's envelope.
    AdjustParameter,
    /// Write a lower speed within the profile's envelope.
    ReduceSpeed,
    /// Stop the feed, keep the spindle.
    FeedHold,
    /// Ask the machine's own controller to stop. Not an ISO 13850 emergency stop.
    EmergencyStop,
    /// Ask maintenance to come at once.
    ScheduleMaintenance,
    /// Put the work on the list.
    CreateWorkOrder,
    /// Tell people.
    SendAlert,
    /// Write it down.
    LogOnly,
}

impl ActionKind {
    /// Whether carrying it out writes to a machine.
    pub fn writes(self) -> bool {
        matches!(
            self,
            ActionKind::AdjustParameter
                | ActionKind::ReduceSpeed
                | ActionKind::FeedHold
                | ActionKind::EmergencyStop
        )
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// What a decision proposes or does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Action {
    /// What sort of answer.
    pub kind: ActionKind,
    /// The set-point to write, for the kinds that write.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub write: Option<SetPoint>,
    /// What a person reads.
    pub text: String,
}

/// A set-point and its change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SetPoint {
    /// The point's name in the profile.
    pub point: String,
    /// The value before, to which a change without effect is rolled back.
    pub from: f64,
    /// The value to write.
    pub to: f64,
}

/// Names one command for ever: which start of which agent, and its number since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct CommandId {
    /// The agent's start, unique by the shell's word.
    pub boot: u64,
    /// Counts commands and proposals since.
    pub number: u64,
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.boot & 0xffff_ffff, self.number)
    }
}

/// An order to write one set-point of one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    /// Which order.
    pub id: CommandId,
    /// The machine's name in the site.
    pub machine: String,
    /// The point's name in the profile.
    pub point: String,
    /// The value to write, in the point's unit.
    pub value: f64,
}
