//! Tier `wire`: twin and sentinel exchange real bytes over in-memory links, in virtual time, deterministic to the bit.
//!
//! The links are the production sentinel's own, the servers those of `aegis serve`; between them lies a
//! [`Line`](aegis_sim::link::Line) with the scenario's link faults. The runtime's clock is paused: it moves only when
//! nobody has anything left to do, so that an exchange takes no time but the one that a fault gives it. A machine whose
//! protocol's library owns its sockets takes part with its samples as they are bound.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aegis_adapters::bacnet::{Pipe, pipe};
use aegis_adapters::hsms::session::Timers;
use aegis_edge::clock::Clock;
use aegis_edge::config::{Equipment, HsmsLink};
use aegis_edge::link::{self, FromLink, Wires, WriteOrder};
use aegis_models::{Command, Frame, MachineIx, Profile, Record, Sample, Seed, Site, Time};
use aegis_sentinel::{Input, WriteOutcome};
use aegis_sim::STEP;
use aegis_sim::host::door::{self, Door, Setting};
use aegis_sim::host::obey;
use aegis_sim::link::{Line, Shore, ferry, pump};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::run::RunError;
use crate::world::World;

/// How long before each tick the machines move, so that a tick's readings are of that tick.
const LEAD: Duration = Duration::from_millis(1);
/// After this time nothing is still under way that no fault holds back.
const SETTLE: Duration = Duration::from_millis(1);
/// Orders and their outcomes go to and fro at most so often within a tick.
const ROUNDS: u32 = 16;
/// How long an answer may take, as in a configuration that does not say.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long a link over HSMS stays away at least: a plant's T5 of ten seconds would hide how the rest comes back.
const SEPARATION: Duration = Duration::from_millis(250);
/// Bytes that one end of a stream may send ahead.
const AHEAD: usize = 64 << 10;

/// One machine's way to the sentinel.
enum Way {
    /// Over real bytes.
    Wire { door: Arc<Door>, line: Line, orders: mpsc::Sender<WriteOrder>, profile: Arc<Profile> },
    /// As bound samples; the sentinel has been told whether the link stands.
    Bound { up: bool },
}

/// Where the sentinel's links find the machines.
#[derive(Clone)]
struct Memory {
    machines: Arc<BTreeMap<String, Machine>>,
}

/// A machine as its links find it.
struct Machine {
    door: Arc<Door>,
    line: Line,
    /// What carries datagrams now: a link that comes back opens a socket anew, and the one before it is closed.
    ferrying: Mutex<JoinSet<()>>,
}

impl Memory {
    fn machine(&self, name: &str) -> io::Result<&Machine> {
        self.machines.get(name).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }
}

impl Wires for Memory {
    type Stream = DuplexStream;

    async fn connect(&self, address: &str) -> io::Result<DuplexStream> {
        let Machine { door, line, .. } = self.machine(address)?;
        if !line.admits().await {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let ((ours, theirs), (inner, outer)) = (duplex(AHEAD), duplex(AHEAD));
        let serving = door.stream(inner).ok_or(io::ErrorKind::Unsupported)?;
        tokio::spawn(serving);
        tokio::spawn(pump(theirs, outer, line.clone()));
        Ok(ours)
    }

    type Datagrams = Pipe;

    async fn datagrams(&self, address: &str) -> io::Result<(Pipe, SocketAddr)> {
        let Machine { door, line, ferrying } = self.machine(address)?;
        let (agent, device) = door::stations();
        let ((ours, theirs), (outer, inner)) = (pipe(agent, device), pipe(agent, device));
        let serving = door.datagrams(inner).ok_or(io::ErrorKind::Unsupported)?;
        let (near, far) = (Shore { socket: theirs, to: agent }, Shore { socket: outer, to: device });
        let mut ferrying = ferrying.lock().unwrap_or_else(PoisonError::into_inner);
        ferrying.abort_all();
        ferrying.spawn(serving);
        ferrying.spawn(ferry(near, far, line.clone()));
        Ok((ours, device))
    }
}

/// Lets a world live for so many steps. `look` sees it after each.
pub fn live(
    world: &mut World,
    site: &Site,
    seed: Seed,
    steps: u64,
    look: &mut dyn FnMut(&World, u64),
) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(RunError::Runtime)?;
    runtime.block_on(async {
        let mut tier = Tier::open(world, site, seed)?;
        for n in 0..steps {
            tier.step(world).await?;
            look(world, n);
        }
        Ok(())
    })
}

struct Tier {
    site: Site,
    ways: Vec<Way>,
    from_links: mpsc::Receiver<FromLink>,
    clock: Clock,
}

impl Tier {
    fn open(world: &World, site: &Site, seed: Seed) -> Result<Tier, RunError> {
        let clock = Clock::start(Time::ZERO, 1.0);
        let (to_core, from_links) = mpsc::channel(1_024);
        let mut machines = BTreeMap::new();
        let setting = Setting::virtual_time();
        let mut starting = Vec::new();
        let mut ways = Vec::new();
        for (i, entry) in site.machines.iter().enumerate() {
            let machine = MachineIx(i as u16);
            let profile = world.twin.profile(machine);
            let first = entry.endpoints.first().filter(|e| door::in_memory(e.protocol));
            let door = first.map(|e| Door::in_memory(e, entry, profile, &setting)).transpose();
            let fail = |source| RunError::NoDoor { machine: entry.name.clone(), source };
            let Some((endpoint, door)) = first.zip(door.map_err(fail)?) else {
                ways.push(Way::Bound { up: true });
                continue;
            };
            let clean = || Line::new(&entry.name, endpoint.protocol, vec![], seed, 1.0);
            let line = world.line(machine).cloned().unwrap_or_else(clean);
            let door = Arc::new(door);
            let (inner, ferrying) = (Arc::clone(&door), Mutex::default());
            let reached = Machine { door: inner, line: line.clone(), ferrying };
            machines.insert(entry.name.clone(), reached);
            // Names are addresses here: sites may give several machines the same port 0.
            let equipment = Equipment {
                unit: Some(endpoint.unit),
                hsms: HsmsLink {
                    timers: Timers { t3: TIMEOUT, t5: SEPARATION, ..Timers::default() },
                    passive: false,
                },
                ..Equipment::new(&entry.name, Arc::clone(profile), endpoint.protocol, &entry.name, TIMEOUT)
            };
            let (orders, taken) = mpsc::channel(16);
            starting.push((machine, equipment, taken));
            ways.push(Way::Wire { door, line, orders, profile: Arc::clone(profile) });
        }
        let memory = Memory { machines: Arc::new(machines) };
        for (machine, equipment, taken) in starting {
            tokio::spawn(link::run(machine, equipment, memory.clone(), clock, to_core.clone(), taken));
        }
        Ok(Tier { site: site.clone(), ways, from_links, clock })
    }

    /// One tick: the machines move, the links ask and are answered, the sentinel thinks, its orders go out.
    async fn step(&mut self, world: &mut World) -> Result<(), RunError> {
        let tick = world.twin.now().after(STEP);
        let at = self.clock.instant(tick);
        sleep_until(at - LEAD).await;
        for (i, way) in self.ways.iter().enumerate() {
            if let Way::Wire { door, .. } = way {
                for (point, value) in door.served().take_writes() {
                    obey(&mut world.twin, &self.site, MachineIx(i as u16), point, value);
                }
            }
        }
        let mut frames = Vec::new();
        let now = world.advance(&mut frames)?;
        let mut bound = Vec::new();
        for way in &self.ways {
            if let Way::Wire { line, door, .. } = way
                && line.overruns()
            {
                door.run_over();
            }
        }
        for frame in frames {
            match &self.ways[usize::from(frame.machine.0)] {
                Way::Wire { door, .. } => door.served().publish(&frame),
                Way::Bound { .. } => bound.push(frame),
            }
        }
        sleep_until(at + SETTLE).await;
        self.take(world, now, bound)?;
        for round in 0..ROUNDS {
            if round == 1 {
                world.go_about(now)?;
            }
            let orders = world.take_orders();
            if orders.is_empty() && round > 0 {
                break;
            }
            for command in orders {
                self.send(world, now, &command)?;
            }
            sleep_until(at + SETTLE * (round + 2)).await;
            self.take(world, now, Vec::new())?;
        }
        Ok(())
    }

    /// Gives the sentinel what its links have heard, machine by machine.
    fn take(&mut self, world: &mut World, now: Time, bound: Vec<Frame>) -> Result<(), RunError> {
        let mut inputs: Vec<(MachineIx, Input)> = Vec::new();
        for (i, way) in self.ways.iter_mut().enumerate() {
            let machine = MachineIx(i as u16);
            if let Way::Bound { up } = way {
                let lost = world.lost(machine, now);
                if lost.is_none() != *up {
                    *up = lost.is_none();
                    let detail = lost.unwrap_or_default().to_owned();
                    inputs.push((machine, Input::Link { machine, up: *up, detail }));
                }
            }
        }
        for frame in bound {
            if world.passes(frame.machine) {
                inputs.push((frame.machine, Input::Frame(frame)));
            }
        }
        while let Ok(message) = self.from_links.try_recv() {
            let input = match message {
                FromLink::Heard(machine, heard) => {
                    // What a machine says by itself it says a moment before the tick whose readings it is about.
                    let early = heard.time < now && now.since(heard.time) <= LEAD;
                    let time = if early { now } else { heard.time };
                    let said = (time, heard.samples, heard.records);
                    let Some((samples, records)) = joined(&mut inputs, machine, said) else { continue };
                    (machine, Input::Frame(Frame { time, machine, samples, records, bursts: vec![] }))
                }
                FromLink::State(machine, up, detail) => (machine, Input::Link { machine, up, detail }),
                // After everything that was heard: what is read back must not be older than the write.
                FromLink::Written(id, outcome) => (MachineIx(u16::MAX), Input::Written { id, outcome }),
            };
            inputs.push(input);
        }
        inputs.sort_by_key(|(machine, _)| *machine);
        for (_, input) in inputs {
            match input {
                Input::Frame(frame) => world.hear(now, frame)?,
                other => world.say(now, other)?,
            }
        }
        Ok(())
    }

    fn send(&mut self, world: &mut World, now: Time, command: &Command) -> Result<(), RunError> {
        let refused = |reason: &str| WriteOutcome::Refused { reason: reason.to_owned() };
        let found = self.site.find(&command.machine).map(|m| (m, &self.ways[usize::from(m.0)]));
        let outcome = match found {
            None => refused("no such machine"),
            Some((_, Way::Bound { up: false })) => refused("not connected: nothing was sent"),
            Some((m, Way::Bound { .. })) => match world.twin.command(m, command) {
                Ok(()) => WriteOutcome::Accepted,
                Err(e) => refused(&e.to_string()),
            },
            Some((_, Way::Wire { orders, profile, .. })) => {
                let order = profile.point_ix(&command.point).map(|point| WriteOrder {
                    id: command.id,
                    point,
                    value: command.value,
                    expires: self.clock.now().after(TIMEOUT),
                    revoked: Arc::new(AtomicBool::new(false)),
                });
                match order.map(|o| orders.try_send(o)) {
                    Some(Ok(())) => return Ok(()),
                    _ => refused("the link takes no orders: nothing was sent"),
                }
            }
        };
        Ok(world.say(now, Input::Written { id: command.id, outcome })?)
    }
}

type Said = (Vec<Sample>, Vec<Record>);

/// Adds what a machine said to what it said of the same moment before; gives it back where there is none.
fn joined(
    inputs: &mut [(MachineIx, Input)],
    machine: MachineIx,
    (time, samples, records): (Time, Vec<Sample>, Vec<Record>),
) -> Option<Said> {
    let before = inputs.iter_mut().rev().find_map(|(m, input)| match input {
        Input::Frame(frame) if *m == machine && frame.time == time => Some(frame),
        _ => None,
    });
    let Some(frame) = before else { return Some((samples, records)) };
    frame.samples.extend(samples);
    frame.samples.sort_by_key(|s| s.point);
    frame.records.extend(records);
    None
}
