//! The one timeline record. Recorder, expectations, snapshots, views and replay all read the same events.

pub mod words;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::profile::Direction;
use crate::site::Carrier;
use crate::{Action, Command, CommandId, Severity, Threat, ThreatKind, Time, Zone};

/// One happening on the timeline. Its order is total: by time, then source, then number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// When.
    pub time: Time,
    /// Who says so.
    pub source: Source,
    /// Counts the source's events.
    pub seq: u64,
    /// What.
    #[serde(flatten)]
    pub body: Body,
}

impl Event {
    /// What events are sorted by.
    pub fn key(&self) -> (Time, Source, u64) {
        (self.time, self.source, self.seq)
    }
}

/// Who an event comes from, in the order in which simultaneous events are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The twin's own truth: only the harness sees it.
    Truth,
    /// A person.
    Operator,
    /// The sentinel.
    Sentinel,
    /// What sees the incidents of all agents together.
    Correlation,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Body {
    /// The twin starts to apply a fault.
    FaultOnset {
        /// To which machine.
        machine: String,
        /// The fault, as `aegis schema` lists them.
        fault: String,
        /// Its full size, in the fault's own unit.
        magnitude: f64,
    },
    /// The twin stops applying a fault.
    FaultEnd {
        /// To which machine.
        machine: String,
        /// Which fault.
        fault: String,
    },
    /// The process has taken harm.
    Damage {
        /// Which machine.
        machine: String,
        /// What is lost.
        what: String,
    },
    /// The sentinel has learned a machine and begins to judge it.
    Watching {
        /// Which machine.
        machine: String,
        /// The channels with a baseline.
        channels: u32,
    },
    /// A detector claims that a channel is not as learned.
    Finding(Finding),
    /// An incident opens.
    IncidentOpened {
        /// The incident.
        incident: Incident,
    },
    /// An incident changes its threat, severity or condition.
    IncidentUpdated {
        /// The incident as it is now.
        incident: Incident,
    },
    /// An incident is over.
    IncidentResolved {
        /// The incident as it ends.
        incident: Incident,
    },
    /// A part's wear shows how long it still lasts; told first, and each time half of it is gone.
    Life {
        /// On which machine.
        machine: String,
        /// Which part.
        part: String,
        /// The channel that shows its wear.
        channel: String,
        /// Where the channel stands [its unit].
        value: f64,
        /// Where the part is due [its unit].
        end: f64,
        /// How long it lasts, most likely [s].
        remaining_s: f64,
        /// At least so long, at 90 % for the interval [s].
        low_s: f64,
        /// At most so long [s]; none when the wear might as well stop.
        high_s: Option<f64>,
        /// The same in words.
        text: String,
    },
    /// Incidents of several machines have one root, or no longer.
    Cascade {
        /// As it is now.
        cascade: Cascade,
    },
    /// The Safety Circuit has decided.
    Decision {
        /// Over which incident.
        incident: String,
        /// On which machine.
        machine: String,
        /// The tier.
        zone: Zone,
        /// What it lets happen.
        action: Action,
        /// Why this zone and no other.
        reason: String,
    },
    /// A machine stands in another zone.
    Zone {
        /// Which machine.
        machine: String,
        /// Where it stands now.
        zone: Zone,
    },
    /// YELLOW: an action waits for a signed approval.
    Proposal(Proposal),
    /// A proposal is void: expired, overtaken, rejected, or the zone turned RED.
    ProposalVoid {
        /// Which.
        nonce: CommandId,
        /// Why.
        reason: String,
    },
    /// A person answered a proposal.
    Answer {
        /// Which proposal.
        nonce: CommandId,
        /// Yes or no.
        approve: bool,
        /// Who.
        approver: String,
    },
    /// The sentinel took the answer, or says why not.
    AnswerTaken {
        /// Which proposal.
        nonce: CommandId,
        /// Whether it counts.
        accepted: bool,
        /// Why.
        reason: String,
    },
    /// A step on the execution track of a command.
    Execution {
        /// Over which incident.
        incident: String,
        /// The order.
        command: Command,
        /// How far it has come.
        step: ExecutionStep,
        /// In words.
        detail: String,
    },
    /// An action that writes nothing was carried out.
    Done {
        /// Over which incident.
        incident: String,
        /// On which machine.
        machine: String,
        /// What was done.
        action: Action,
    },
    /// The connection to a machine came or went.
    Link {
        /// Which machine.
        machine: String,
        /// Whether it answers.
        up: bool,
        /// Why.
        detail: String,
    },
    /// The sentinel started.
    Started {
        /// The agent's name.
        agent: String,
        /// This start's number.
        boot: u64,
        /// Whether it remembers an earlier one.
        restored: bool,
    },
    /// The agent failed: it only alerts from here on.
    AgentFailed {
        /// What happened.
        reason: String,
    },
}

/// A detector's claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// On which machine.
    pub machine: String,
    /// Over which point or residual.
    pub channel: String,
    /// By which statistic or law.
    pub detector: String,
    /// Which way.
    pub direction: Direction,
    /// The channel's value [the channel's unit].
    pub value: f64,
    /// The value it should have [the channel's unit].
    pub expected: f64,
    /// How many times the limit the statistic stands at.
    pub ratio: f64,
    /// In words: law or statistic, value, limit, since when.
    pub text: String,
}

/// Threats grouped over a machine and cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// Its name: agent, machine and number. Never used again.
    pub id: String,
    /// The machine.
    pub machine: String,
    /// The threat as it is understood now.
    pub threat: Threat,
    /// Its condition.
    pub state: IncidentState,
    /// When it was first seen.
    pub first_seen: Time,
    /// When it was last seen.
    pub last_seen: Time,
    /// How many findings were merged into it.
    pub count: u64,
    /// The worst severity it has had.
    pub peak: Severity,
    /// Counts its changes: a reader ignores an older one.
    pub revision: u64,
}

/// Incidents of several machines that have one root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cascade {
    /// Its name.
    pub id: String,
    /// The machine where it begins, or `mains`.
    pub root: String,
    /// The root's own incident; none while nothing is seen there, and only what it feeds suffers.
    pub cause: Option<String>,
    /// What it has reached, in the order of their incidents' names.
    pub effects: Vec<Effect>,
    /// Why these belong together.
    pub evidence: Vec<String>,
    /// When its root was first seen.
    pub first_seen: Time,
    /// Whether it is over.
    pub over: bool,
    /// Counts its changes.
    pub revision: u64,
}

/// A machine that a cascade has reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Effect {
    /// Which machine.
    pub machine: String,
    /// Its incident.
    pub incident: String,
    /// What brought it.
    pub over: Carrier,
}

/// The lifecycle of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Nobody and nothing has answered yet.
    Open,
    /// A person has seen it.
    Acknowledged,
    /// An answer is under way.
    Mitigating,
    /// Its findings have been quiet for the hold-off.
    Resolved,
}

/// An action that waits for a signed approval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// Names it for ever.
    pub nonce: CommandId,
    /// Over which incident.
    pub incident: String,
    /// The machine.
    pub machine: String,
    /// Of which threat.
    pub threat: ThreatKind,
    /// What would be done.
    pub action: Action,
    /// The version of the policy that asked for it.
    pub policy_version: u64,
    /// On the sentinel's own monotonic clock.
    pub expires: Time,
}

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStep {
    /// The intent is to be made durable; nothing has been sent.
    Intended,
    /// On its way to the device.
    Sent,
    /// The device took it.
    Acknowledged,
    /// The device refused it.
    Refused,
    /// The set-point reads back as written.
    ReadBack,
    /// The effect shows.
    EffectVerified,
    /// No effect within the window.
    NoEffect,
    /// The value it named before is being written back.
    RollingBack,
    /// The old value reads back.
    RolledBack,
    /// Held where it is: the zone is RED, or the outcome is unknown.
    Held,
}

impl fmt::Display for ExecutionStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ExecutionStep::Intended => "intended",
            ExecutionStep::Sent => "sent",
            ExecutionStep::Acknowledged => "acknowledged",
            ExecutionStep::Refused => "refused",
            ExecutionStep::ReadBack => "read back",
            ExecutionStep::EffectVerified => "effect verified",
            ExecutionStep::NoEffect => "no effect",
            ExecutionStep::RollingBack => "rolling back",
            ExecutionStep::RolledBack => "rolled back",
            ExecutionStep::Held => "held",
        })
    }
}

impl fmt::Display for IncidentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            IncidentState::Open => "open",
            IncidentState::Acknowledged => "acknowledged",
            IncidentState::Mitigating => "mitigating",
            IncidentState::Resolved => "resolved",
        })
    }
}
