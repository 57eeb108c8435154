//! A machine on BACnet/IP.

use std::sync::Arc;

use aegis_adapters::bacnet::{BadBinding, Binding, Client, ClientOptions, Patience};
use aegis_adapters::{ClientError, LinkError};
use aegis_models::{PointIx, Profile};
use tokio::time::timeout;

use super::rounds::Rounds;
use super::{Dial, Heard, Talk, Wires};
use crate::clock::Clock;
use crate::config::Equipment;

/// A datagram that is lost is asked for again so often within the equipment's timeout.
const RETRIES: u8 = 1;

/// Why a profile cannot be bound to BACnet objects, if it cannot.
pub fn unfit(profile: &Profile) -> Option<String> {
    Binding::new(profile).err().map(|e| e.to_string())
}

/// A machine on BACnet/IP.
pub struct Bacnet<W> {
    equipment: Equipment,
    binding: Arc<Binding>,
    wires: W,
    clock: Clock,
}

impl<W> Bacnet<W> {
    /// The machine, not yet found.
    pub fn new(equipment: Equipment, wires: W, clock: Clock) -> Result<Bacnet<W>, BadBinding> {
        let binding = Arc::new(Binding::new(&equipment.profile)?);
        Ok(Bacnet { equipment, binding, wires, clock })
    }
}

impl<W: Wires> Dial for Bacnet<W> {
    type Talk = Rounder;

    async fn dial(&mut self) -> Result<Rounder, LinkError> {
        let limit = self.equipment.timeout;
        let opened = timeout(limit, self.wires.datagrams(&self.equipment.address)).await;
        let (socket, address) = opened.map_err(|_| LinkError::Timeout(limit))??;
        let patience = Patience { timeout: limit / (u32::from(RETRIES) + 1), retries: RETRIES };
        let options = ClientOptions { patience, device: self.equipment.unit, ..ClientOptions::default() };
        let mut client = Client::attach(socket, address, Arc::clone(&self.binding), options);
        client.greet().await?;
        let periods = self.binding.groups().iter().map(|g| g.period.0);
        Ok(Rounder { client, rounds: Rounds::new(periods, self.clock) })
    }
}

/// One device that answers, read in rounds.
pub struct Rounder {
    client: Client,
    rounds: Rounds,
}

impl Talk for Rounder {
    async fn due(&mut self) {
        self.rounds.wait().await;
    }

    async fn hear(&mut self) -> Result<Heard, LinkError> {
        let (time, due) = self.rounds.begin();
        let mut heard = Heard { time, ..Heard::default() };
        for group in due {
            match self.client.read_group(group).await {
                Ok(read) => heard.samples.extend(read),
                Err(ClientError::Link(e)) => return Err(e),
                Err(refused) => heard.note = refused.to_string(),
            }
        }
        heard.samples.sort_by_key(|s| s.point);
        Ok(heard)
    }

    async fn write(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        self.client.write_point(point, value).await
    }
}
