//! A machine behind an MTConnect agent. It can only be read.

use std::sync::Arc;
use std::time::Duration;

use aegis_adapters::mtconnect::{BadBinding, Binding, Client, Mode};
use aegis_adapters::{ClientError, LinkError, mtconnect};
use aegis_models::{PointIx, Profile, Time};
use tokio::time::timeout;

use super::moments::Moments;
use super::{Dial, Heard, Talk, Wires};
use crate::clock::Clock;
use crate::config::Equipment;

/// Faster than ten times a second [wall time] no agent is asked.
const FASTEST: Duration = Duration::from_millis(100);

/// Why a profile cannot be bound to data items, if it cannot.
pub fn unfit(profile: &Profile) -> Option<String> {
    Binding::new(profile).err().map(|e| e.to_string())
}

/// A machine behind an agent.
pub struct Agent<W> {
    equipment: Equipment,
    binding: Arc<Binding>,
    wires: W,
    clock: Clock,
}

impl<W> Agent<W> {
    /// The machine, its agent not yet asked.
    pub fn new(equipment: Equipment, wires: W, clock: Clock) -> Result<Agent<W>, BadBinding> {
        let binding = Arc::new(Binding::new(&equipment.profile)?);
        Ok(Agent { equipment, binding, wires, clock })
    }
}

impl<W: Wires> Dial for Agent<W> {
    type Talk = Listener;

    async fn dial(&mut self) -> Result<Listener, LinkError> {
        let limit = self.equipment.timeout;
        let connected = timeout(limit, self.wires.connect(&self.equipment.address)).await;
        let stream = connected.map_err(|_| LinkError::Timeout(limit))??;
        let periods = self.equipment.profile.points.iter().map(|p| p.period.0);
        let fastest = periods.min().unwrap_or(FASTEST).div_f64(self.clock.rate()).max(FASTEST);
        let binding = Arc::clone(&self.binding);
        let client = Client::attach(stream, &self.equipment.device, binding, limit)
            .with_mode(Mode::Poll { interval: fastest });
        Ok(Listener {
            client,
            moments: Moments::new(self.clock),
            told: None,
            last: Time::ZERO,
            note: String::new(),
        })
    }
}

/// One connection to the agent.
pub struct Listener {
    client: Client,
    /// What came while it was waited for.
    told: Option<Result<mtconnect::Heard, LinkError>>,
    moments: Moments,
    last: Time,
    note: String,
}

impl Talk for Listener {
    async fn due(&mut self) {
        if self.told.is_none() {
            self.told = Some(self.client.heard().await);
        }
    }

    async fn hear(&mut self) -> Result<Heard, LinkError> {
        let Some(told) = self.told.take() else { return Ok(Heard { time: self.last, ..Heard::default() }) };
        let told = told?;
        if let Some(note) = told.note {
            self.note = note;
        }
        self.moments.came(told.unix_ns);
        self.last = self.moments.of(told.unix_ns);
        Ok(Heard { time: self.last, samples: told.samples, records: Vec::new(), note: self.note.clone() })
    }

    async fn write(&mut self, point: PointIx, _value: f64) -> Result<(), ClientError> {
        Err(ClientError::Unwritable { point, problem: "MTConnect only reads" })
    }
}
