//! A machine behind an MTConnect agent. It can only be read.

use std::sync::Arc;
use std::time::Duration;

use aegis_adapters::mtconnect::{BadBinding, Binding, Client, Exchange, Mode};
use aegis_adapters::{ClientError, LinkError, mtconnect};
use aegis_models::{PointIx, Profile, Time};
use tokio::sync::{Mutex, OwnedMutexGuard};

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

/// A machine behind an agent. What was heard over one connection is gone on from over the next.
pub struct Agent {
    listener: Arc<Mutex<Listener>>,
}

impl Agent {
    /// The machine, its agent not yet asked.
    pub fn new<W: Wires>(equipment: Equipment, wires: W, clock: Clock) -> Result<Agent, BadBinding> {
        let binding = Arc::new(Binding::new(&equipment.profile)?);
        let periods = equipment.profile.points.iter().map(|p| p.period.0);
        let fastest = periods.min().unwrap_or(FASTEST).div_f64(clock.rate());
        // A stream has a part for each change; where changes come faster than anybody should be asked, they are polled.
        let mode = if fastest < FASTEST {
            Mode::Poll { interval: FASTEST }
        } else {
            Mode::Stream { interval: Duration::ZERO, heartbeat: fastest }
        };
        let exchange = Exchange::new(&equipment.device, binding, mode, equipment.timeout);
        let address = equipment.address.clone();
        let open = move || {
            let (wires, address) = (wires.clone(), address.clone());
            async move { wires.connect(&address).await }
        };
        let client = Client::dialled(open, &equipment.address, exchange);
        let listener = Listener {
            client,
            moments: Moments::new(clock),
            told: None,
            last: Time::ZERO,
            note: String::new(),
        };
        Ok(Agent { listener: Arc::new(Mutex::new(listener)) })
    }
}

impl Dial for Agent {
    type Talk = OwnedMutexGuard<Listener>;

    async fn dial(&mut self) -> Result<OwnedMutexGuard<Listener>, LinkError> {
        // The last connection's guard is gone with it.
        let mut listener = Arc::clone(&self.listener).lock_owned().await;
        listener.client.reconnect().await?;
        Ok(listener)
    }
}

/// What is heard of the agent.
pub struct Listener {
    client: Client,
    /// What came while it was waited for.
    told: Option<Result<mtconnect::Heard, LinkError>>,
    moments: Moments,
    last: Time,
    note: String,
}

impl Talk for OwnedMutexGuard<Listener> {
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
        self.moments.came(told.told_ns);
        self.last = self.moments.of(told.unix_ns);
        Ok(Heard { time: self.last, samples: told.samples, note: self.note.clone(), ..Heard::default() })
    }

    async fn write(&mut self, point: PointIx, _value: f64) -> Result<(), ClientError> {
        Err(ClientError::Unwritable { point, problem: "MTConnect only reads" })
    }
}

#[cfg(test)]
mod tests;
