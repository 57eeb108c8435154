//! All that a restart must not forget: baselines, incidents, intents.

use aegis_models::Time;
use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// Counts changes of what a snapshot holds.
const FORMAT: u32 = 1;

/// An agent's memory at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    format: u32,
    /// When it was taken, on the agent's clock; a restored agent's clock goes on from here.
    pub time: Time,
    pub(crate) seq: u64,
    pub(crate) stop_serial: u64,
    pub(crate) machines: Vec<Machine>,
}

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadSnapshot {
    /// It is no snapshot.
    #[error("not a snapshot: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Another version of Aegis wrote it.
    #[error("snapshot format {0}; this version reads {FORMAT}")]
    OtherFormat(u32),
    /// It remembers a machine that the configuration does not have.
    #[error("it remembers {0}, which the configuration does not have: put it back, or remove the snapshot")]
    UnknownMachine(String),
    /// A machine's profile has changed since.
    #[error("the profile of {0} has changed since: restore it, or remove the snapshot to learn again")]
    OtherProfile(String),
}

impl Snapshot {
    pub(crate) fn new(time: Time, seq: u64, stop_serial: u64, machines: Vec<Machine>) -> Snapshot {
        Snapshot { format: FORMAT, time, seq, stop_serial, machines }
    }

    /// How many events the agent had told when it was taken.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The same memory, its events numbered on behind that one: a number that was told once names one event for ever.
    pub fn numbered_from(mut self, seq: u64) -> Snapshot {
        self.seq = self.seq.max(seq);
        self
    }

    /// As JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, BadSnapshot> {
        Ok(serde_json::to_vec(self)?)
    }

    /// From JSON.
    pub fn from_json(bytes: &[u8]) -> Result<Snapshot, BadSnapshot> {
        let snapshot: Snapshot = serde_json::from_slice(bytes)?;
        if snapshot.format == FORMAT { Ok(snapshot) } else { Err(BadSnapshot::OtherFormat(snapshot.format)) }
    }
}
