//! What goes into an agent and what comes out.

use aegis_models::{Command, CommandId, Event, Frame, MachineIx};
use serde::{Deserialize, Serialize};

use crate::approval::{SignedAnswer, SignedStop};

/// Everything that can happen to an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum Input {
    /// A machine's values.
    Frame(Frame),
    /// The connection to a machine came or went.
    Link {
        /// Which machine.
        machine: MachineIx,
        /// Whether it answers.
        up: bool,
        /// Why.
        detail: String,
    },
    /// The shell has made an intent durable: the write may leave.
    Durable {
        /// Which intent.
        id: CommandId,
    },
    /// How a write ended.
    Written {
        /// Which one.
        id: CommandId,
        /// The device's answer, or the lack of one.
        outcome: WriteOutcome,
    },
    /// A person's signed answer to a proposal.
    Answer(SignedAnswer),
    /// A person's own signed stop.
    Stop(SignedStop),
    /// A person has seen an incident.
    Acknowledge {
        /// Its name.
        incident: String,
    },
    /// A machine is in a cascade, whatever its own incidents say: its zone is RED until it is none again.
    Raise {
        /// Which machine.
        machine: MachineIx,
        /// The cascade.
        cascade: Option<String>,
    },
    /// Time has passed.
    Tick,
}

/// How a write ended. A device that refuses is not a link that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum WriteOutcome {
    /// The device took it.
    Accepted,
    /// The device said no; nothing has changed.
    Refused {
        /// In the device's words.
        reason: String,
    },
    /// No answer came: it may or may not have been taken.
    Unknown {
        /// What happened on the way.
        reason: String,
    },
}

/// What an agent wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// To be recorded and shown.
    Event(Event),
    /// The agent's snapshot is to be made durable, then [`Input::Durable`] said with this id. Nothing is sent before.
    Intend(CommandId),
    /// To be written to the device, once.
    Write(Command),
}
