//! A machine behind an MTConnect agent. It can only be read.

use std::sync::Arc;
use std::time::Duration;

use aegis_adapters::mtconnect::{BadBinding, Binding, Client, Mode};
use aegis_adapters::{ClientError, LinkError, mtconnect};
use aegis_models::{PointIx, Profile, Time};
use tokio::time::timeout;

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
            clock: self.clock,
            told: None,
            ahead: None,
            last: Time::ZERO,
            note: String::new(),
        })
    }
}

/// One connection to the agent.
pub struct Listener {
    client: Client,
    clock: Clock,
    /// What came while it was waited for.
    told: Option<Result<mtconnect::Heard, LinkError>>,
    /// By how much the agent's clock is ahead of ours [ns]: two clocks need not agree, only run alike.
    ahead: Option<i128>,
    last: Time,
    note: String,
}

impl Listener {
    /// When that moment of the agent's clock was, on ours: never in the future, and never before what came before.
    fn moment(&mut self, unix_ns: u64) -> Time {
        let now = self.clock.now();
        let theirs = i128::from(unix_ns);
        let rate = self.clock.rate();
        let ahead = *self.ahead.get_or_insert_with(|| theirs - i128::from(now.ns));
        let ours = u64::try_from(theirs - ahead).unwrap_or(0);
        // An agent whose clock was set, or a twin at a pace: what comes is at most as old as the answer was late.
        let stale = now.ns.saturating_sub(ours) > (10e9 * rate) as u64 || ours > now.ns;
        if stale {
            self.ahead = Some(theirs - i128::from(now.ns));
        }
        self.last = Time { ns: if stale { now.ns } else { ours } }.max(self.last);
        self.last
    }
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
        Ok(Heard {
            time: self.moment(told.unix_ns),
            samples: told.samples,
            records: Vec::new(),
            note: self.note.clone(),
        })
    }

    async fn write(&mut self, point: PointIx, _value: f64) -> Result<(), ClientError> {
        Err(ClientError::Unwritable { point, problem: "MTConnect only reads" })
    }
}
