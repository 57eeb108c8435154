//! A machine on BACnet/IP.

use std::collections::BTreeMap;
use std::sync::Arc;

use aegis_adapters::bacnet::{BadBinding, Binding, Client, ClientOptions, Patience, Priority};
use aegis_adapters::{ClientError, LinkError};
use aegis_models::{PointIx, Profile, Sample};
use tokio::time::timeout;

use super::rounds::Rounds;
use super::{Dial, Heard, Talk, Wires};
use crate::clock::Clock;
use crate::config::Equipment;

/// A datagram that is lost is asked for again so often within the equipment's timeout.
const RETRIES: u8 = 1;
/// How long a subscription lasts that is not renewed [s]: a sentinel that is gone is told nothing for longer.
const LIFETIME_S: u32 = 300;
/// Rounds in which a device that tells its changes is not read: what a lost notification said is known after them.
const RESTS: u32 = 9;

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
        // Checked with the configuration to lie in 1 to 16.
        let priority = Priority::new(self.equipment.priority).unwrap_or(Priority::PROGRAM);
        let options = ClientOptions { patience, priority, device: self.equipment.unit };
        let mut client = Client::attach(socket, address, Arc::clone(&self.binding), options);
        client.greet().await?;
        if self.equipment.cov {
            subscribe(&mut client).await?;
        }
        let periods = self.binding.groups().iter().map(|g| g.period.0);
        Ok(Rounder {
            client,
            stop: stop_of(&self.equipment.profile),
            rounds: Rounds::new(periods, self.clock),
            told: BTreeMap::new(),
            rests: vec![0; self.binding.groups().len()],
            lost: None,
        })
    }
}

/// Has the device tell changes, each of them confirmed where it agrees to that.
async fn subscribe(client: &mut Client) -> Result<(), LinkError> {
    for confirmed in [true, false] {
        match client.subscribe(confirmed, LIFETIME_S).await {
            Ok(0) | Err(ClientError::Refused { .. } | ClientError::Unwritable { .. }) => {}
            Ok(_) => return Ok(()),
            Err(ClientError::Link(e)) => return Err(e),
        }
    }
    Ok(())
}

fn stop_of(profile: &Profile) -> Option<(PointIx, f64)> {
    let stop = profile.stop.as_ref()?;
    Some((profile.point_ix(&stop.point)?, stop.value))
}

/// One device that answers, read in rounds.
pub struct Rounder {
    client: Client,
    /// What stops the machine: point and value.
    stop: Option<(PointIx, f64)>,
    rounds: Rounds,
    /// What the device last said of the points whose changes it tells.
    told: BTreeMap<PointIx, Sample>,
    /// For each group, how many rounds it may still go without being read.
    rests: Vec<u32>,
    /// What ended the conversation while it was waited for.
    lost: Option<LinkError>,
}

impl Rounder {
    /// What the device has told of a group; none when it does not tell of all of it, or it is time to read it.
    fn told(&mut self, group: usize) -> Option<Vec<Sample>> {
        let rest = self.rests[group].checked_sub(1)?;
        let places = &self.client.binding().groups()[group].places;
        let told = places.iter().map(|p| self.told.get(&p.point).filter(|_| self.client.tells(p.point)));
        let told = told.map(|s| s.copied()).collect::<Option<Vec<_>>>()?;
        self.rests[group] = rest;
        Some(told)
    }

    async fn read(&mut self, group: usize) -> Result<Vec<Sample>, ClientError> {
        if let Some(told) = self.told(group) {
            return Ok(told);
        }
        let read = self.client.read_group(group).await?;
        self.told.extend(read.iter().map(|s| (s.point, *s)));
        self.rests[group] = RESTS;
        Ok(read)
    }
}

impl Talk for Rounder {
    async fn due(&mut self) {
        loop {
            tokio::select! {
                biased;
                // Without subscriptions nothing is ever told.
                heard = self.client.heard() => match heard {
                    Ok(sample) => drop(self.told.insert(sample.point, sample)),
                    Err(e) => {
                        self.lost = Some(e);
                        return;
                    }
                },
                () = self.rounds.wait() => return,
            }
        }
    }

    async fn hear(&mut self) -> Result<Heard, LinkError> {
        if let Some(e) = self.lost.take() {
            return Err(e);
        }
        let (time, due) = self.rounds.begin();
        let mut heard = Heard { time, ..Heard::default() };
        for group in due {
            match self.read(group).await {
                Ok(read) => heard.samples.extend(read),
                Err(ClientError::Link(e)) => return Err(e),
                Err(refused) => heard.note = refused.to_string(),
            }
        }
        heard.samples.sort_by_key(|s| s.point);
        Ok(heard)
    }

    async fn write(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        // A stop is commanded even where others command the same: they may think better of it.
        if self.stop == Some((point, value)) {
            return self.client.write_point(point, value).await;
        }
        self.client.write_or_relinquish(point, value).await
    }
}
