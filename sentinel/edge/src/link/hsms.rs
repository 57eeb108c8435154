//! A machine on SECS/GEM: variables in rounds, records as the equipment reports them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use aegis_adapters::hsms::session::{Options, Role};
use aegis_adapters::hsms::{BadBinding, Binding, Client};
use aegis_adapters::{ClientError, LinkError};
use aegis_models::{PointIx, Profile, Sample, Time};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::rounds::Rounds;
use super::{Dial, Heard, Talk, Wires};
use crate::clock::{Clock, wall_ns};
use crate::config::{Equipment, HsmsLink};

/// The longest pause of a host that waits for its equipment to connect.
const PASSIVE_PAUSE: Duration = Duration::from_secs(1);

/// Why a profile cannot be bound to GEM variables, if it cannot.
pub fn unfit(profile: &Profile) -> Option<String> {
    Binding::new(profile).err().map(|e| e.to_string())
}

/// A machine on HSMS-SS, the sentinel being its host.
pub struct Hsms<W> {
    equipment: Equipment,
    binding: Arc<Binding>,
    wires: W,
    clock: Clock,
    /// Where a passive host is connected to; none until it was first.
    listener: Option<TcpListener>,
}

impl<W> Hsms<W> {
    /// The machine, not yet connected.
    pub fn new(equipment: Equipment, wires: W, clock: Clock) -> Result<Hsms<W>, BadBinding> {
        let binding = Arc::new(Binding::new(&equipment.profile)?);
        Ok(Hsms { equipment, binding, wires, clock, listener: None })
    }

    /// Waits for the equipment to connect, for T5 at most.
    async fn connected_to(&mut self) -> Result<TcpStream, LinkError> {
        let listener = match &mut self.listener {
            Some(listener) => listener,
            none => none.insert(TcpListener::bind(&self.equipment.address).await?),
        };
        let limit = self.equipment.hsms.timers.t5;
        let (stream, _) =
            timeout(limit, listener.accept()).await.map_err(|_| LinkError::Timeout(limit))??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn attach<S>(&self, stream: S) -> Result<Host, LinkError>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let HsmsLink { timers, passive } = self.equipment.hsms;
        let role = if passive { Role::Passive } else { Role::Active };
        // Checked with the configuration to lie in 0 to 32767.
        let device = self.equipment.unit.unwrap_or(1) as u16;
        let options = Options { role, device, timers };
        let unix_ms = (wall_ns() / 1_000_000) as i64;
        let client = Client::attach(stream, options, unix_ms, Arc::clone(&self.binding)).await?;
        let periods = self.binding.groups().iter().map(|g| g.period.0);
        Ok(Host {
            client,
            rounds: Rounds::new(periods, self.clock),
            clock: self.clock,
            round: None,
            lost: None,
        })
    }
}

impl<W: Wires> Dial for Hsms<W> {
    type Talk = Host;

    async fn dial(&mut self) -> Result<Host, LinkError> {
        if self.equipment.hsms.passive {
            let stream = self.connected_to().await?;
            return self.attach(stream).await;
        }
        let limit = self.equipment.timeout;
        let connected = timeout(limit, self.wires.connect(&self.equipment.address)).await;
        self.attach(connected.map_err(|_| LinkError::Timeout(limit))??).await
    }

    /// T5 (E37), for whoever connects.
    fn separation(&self) -> Duration {
        if self.equipment.hsms.passive { Duration::ZERO } else { self.equipment.hsms.timers.t5 }
    }

    /// An equipment that has connected waits no longer than T6 to be selected.
    fn longest_pause(&self) -> Duration {
        if self.equipment.hsms.passive { PASSIVE_PAUSE } else { Duration::MAX }
    }
}

/// One connection.
pub struct Host {
    client: Client,
    rounds: Rounds,
    clock: Clock,
    /// The round of reading that is under way. It holds back no write: HSMS knows several open transactions.
    round: Option<Round>,
    /// What ended the connection while it was waited for.
    lost: Option<LinkError>,
}

/// A round of reading.
struct Round {
    time: Time,
    /// Groups not yet read.
    left: VecDeque<usize>,
    samples: Vec<Sample>,
    note: String,
}

impl Host {
    /// Reads what is left of the round that is under way.
    async fn go_on(&mut self) -> Result<(), LinkError> {
        let Some(round) = &mut self.round else { return Ok(()) };
        while let Some(group) = round.left.front().copied() {
            match self.client.read_group(group).await {
                Ok(read) => round.samples.extend(read),
                Err(ClientError::Link(e)) => return Err(e),
                Err(refused) => round.note = refused.to_string(),
            }
            round.left.pop_front();
        }
        round.samples.sort_by_key(|s| s.point);
        Ok(())
    }
}

impl Talk for Host {
    async fn due(&mut self) {
        if self.round.is_none() {
            tokio::select! {
                biased;
                heard = self.client.heard() => {
                    self.lost = heard.err();
                    return;
                }
                () = self.rounds.wait() => {}
            }
            let (time, due) = self.rounds.begin();
            self.round = Some(Round { time, left: due.into(), samples: Vec::new(), note: String::new() });
        }
        self.lost = self.go_on().await.err();
    }

    async fn hear(&mut self) -> Result<Heard, LinkError> {
        if let Some(e) = self.lost.take() {
            return Err(e);
        }
        let mut heard = match self.round.take() {
            Some(Round { time, samples, note, .. }) => Heard { time, samples, note, ..Heard::default() },
            None => Heard { time: self.clock.now(), records: self.client.take_records(), ..Heard::default() },
        };
        if heard.note.is_empty() {
            heard.note = self.client.note();
        }
        Ok(heard)
    }

    async fn write(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        self.client.write_point(point, value).await
    }

    async fn leave(&mut self) {
        self.client.leave().await;
    }
}
