//! A machine on SECS/GEM: variables in rounds, records as the equipment reports them.

use std::sync::Arc;

use aegis_adapters::hsms::{BadBinding, Binding, Client};
use aegis_adapters::{ClientError, LinkError};
use aegis_models::{PointIx, Profile};
use tokio::time::timeout;

use super::rounds::Rounds;
use super::{Dial, Heard, Talk, Wires};
use crate::clock::Clock;
use crate::config::Equipment;

/// Why a profile cannot be bound to GEM variables, if it cannot.
pub fn unfit(profile: &Profile) -> Option<String> {
    Binding::new(profile).err().map(|e| e.to_string())
}

/// A machine on HSMS-SS, the sentinel being the active host.
pub struct Hsms<W> {
    equipment: Equipment,
    binding: Arc<Binding>,
    wires: W,
    clock: Clock,
}

impl<W> Hsms<W> {
    /// The machine, not yet connected.
    pub fn new(equipment: Equipment, wires: W, clock: Clock) -> Result<Hsms<W>, BadBinding> {
        let binding = Arc::new(Binding::new(&equipment.profile)?);
        Ok(Hsms { equipment, binding, wires, clock })
    }
}

impl<W: Wires> Dial for Hsms<W> {
    type Talk = Host;

    async fn dial(&mut self) -> Result<Host, LinkError> {
        let limit = self.equipment.timeout;
        let connected = timeout(limit, self.wires.connect(&self.equipment.address)).await;
        let stream = connected.map_err(|_| LinkError::Timeout(limit))??;
        // Checked with the configuration to lie in 0 to 32767.
        let device = self.equipment.unit.unwrap_or(1) as u16;
        let client = Client::attach(stream, device, Arc::clone(&self.binding), limit).await?;
        let periods = self.binding.groups().iter().map(|g| g.period.0);
        Ok(Host { client, rounds: Rounds::new(periods, self.clock), clock: self.clock, lost: None })
    }
}

/// One connection.
pub struct Host {
    client: Client,
    rounds: Rounds,
    clock: Clock,
    /// What ended the connection while it was waited for.
    lost: Option<LinkError>,
}

impl Talk for Host {
    async fn due(&mut self) {
        tokio::select! {
            biased;
            heard = self.client.heard() => self.lost = heard.err(),
            () = self.rounds.wait() => {}
        }
    }

    async fn hear(&mut self) -> Result<Heard, LinkError> {
        if let Some(e) = self.lost.take() {
            return Err(e);
        }
        let mut heard =
            Heard { time: self.clock.now(), records: self.client.take_records(), ..Heard::default() };
        if heard.records.is_empty() {
            let (time, due) = self.rounds.begin();
            heard.time = time;
            for group in due {
                match self.client.read_group(group).await {
                    Ok(read) => heard.samples.extend(read),
                    Err(ClientError::Link(e)) => return Err(e),
                    Err(refused) => heard.note = refused.to_string(),
                }
            }
            heard.samples.sort_by_key(|s| s.point);
        }
        if heard.note.is_empty() {
            self.client.note().clone_into(&mut heard.note);
        }
        Ok(heard)
    }

    async fn write(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        self.client.write_point(point, value).await
    }
}
