//! A machine on Modbus.

use std::sync::Arc;
use std::time::Duration;

use aegis_adapters::modbus::{BadBinding, Binding, Client, SerialSettings};
use aegis_adapters::{ClientError, LinkError};
use aegis_models::{PointIx, Profile, Protocol};
use tokio::time::timeout;

use super::rounds::Rounds;
use super::{Dial, Heard, Talk, Wires};
use crate::clock::Clock;
use crate::config::Equipment;

/// Why a profile cannot be bound to registers, if it cannot.
pub fn unfit(profile: &Profile) -> Option<String> {
    Binding::new(profile).err().map(|e| e.to_string())
}

/// A machine on Modbus: TCP, a serial port, or serial frames over TCP.
pub struct Modbus<W> {
    equipment: Equipment,
    binding: Arc<Binding>,
    wires: W,
    clock: Clock,
}

impl<W> Modbus<W> {
    /// The machine, not yet connected.
    pub fn new(equipment: Equipment, wires: W, clock: Clock) -> Result<Modbus<W>, BadBinding> {
        let binding = Arc::new(Binding::new(&equipment.profile)?);
        Ok(Modbus { equipment, binding, wires, clock })
    }
}

impl<W: Wires> Modbus<W> {
    async fn stream(&self) -> Result<W::Stream, LinkError> {
        let limit = self.equipment.timeout;
        let connected = timeout(limit, self.wires.connect(&self.equipment.address)).await;
        Ok(connected.map_err(|_| LinkError::Timeout(limit))??)
    }
}

impl<W: Wires> Dial for Modbus<W> {
    type Talk = Rounder;

    async fn dial(&mut self) -> Result<Rounder, LinkError> {
        let Equipment { protocol, address, line, timeout: limit, .. } = &self.equipment;
        // Checked with the configuration to lie in 0 to 255.
        let unit = self.equipment.unit.map_or(1, |u| u as u8);
        let binding = Arc::clone(&self.binding);
        let client = match protocol {
            Protocol::ModbusRtu => {
                // Checked with the configuration as well.
                let settings: SerialSettings = self.equipment.serial.parse().unwrap_or_default();
                line.open(settings.silence(), || async { Ok(settings.open(address)?) }).await?;
                Client::attach_line(line.clone(), unit, binding, *limit)
            }
            Protocol::ModbusRtuOverTcp => {
                // The gateway keeps the silence on its own wire.
                line.open(Duration::ZERO, || self.stream()).await?;
                Client::attach_line(line.clone(), unit, binding, *limit)
            }
            _ => Client::attach(self.stream().await?, unit, binding, *limit),
        };
        let periods = self.binding.groups().iter().map(|g| g.period.0);
        Ok(Rounder { client, rounds: Rounds::new(periods, self.clock) })
    }
}

/// One connection, read in rounds.
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
                // It refuses all of these and is there: the points go stale, and the core knows why.
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
