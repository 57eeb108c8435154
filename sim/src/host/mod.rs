//! The twin at a pace, its machines on their real endpoints.

pub mod door;
pub mod state;

use std::collections::BTreeMap;
use std::time::Duration;

use aegis_adapters::hsms::serve::Handle;
use aegis_models::site::Endpoint;
use aegis_models::{Command, CommandId, Event, Frame, MachineIx, PointIx, Protocol, Site, Time};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::link::{Line, proxy, proxy_datagrams};
use crate::{STEP, Twin, clock};
use door::{Door, NoDoor, OpenError, Serving, Setting, listen_line};

/// The longest that several steps are taken at once to keep the pace [wall time].
const BATCH: Duration = Duration::from_millis(10);
/// Steps before a machine is served: one second.
const FIRST_STEPS: u32 = 10;

/// Where a server listens that is reached over a line only.
const HIDDEN: &str = "127.0.0.1:0";

/// A twin cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("{machine}: {protocol} at {address}")]
    Listen {
        /// Which machine.
        machine: String,
        /// What it should speak.
        protocol: Protocol,
        /// Where it should listen.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A machine cannot speak a protocol that the site gives it.
    #[error("{machine}")]
    NoDoor {
        /// Which machine.
        machine: String,
        /// Why.
        source: NoDoor,
    },
    /// The pace is no pace.
    #[error("pace {0}: 0.001 to 1000 would be right")]
    Pace(f64),
}

/// A twin whose machines listen, not yet running.
pub struct Host {
    twin: Twin,
    site: Site,
    doors: Vec<(MachineIx, Door)>,
    lines: Vec<(MachineIx, Line)>,
    servers: JoinSet<()>,
    most_late: Duration,
}

impl Host {
    /// Opens every endpoint of the site. A port 0 becomes a free one. A machine with a line is reached over it, at its
    /// first endpoint. Machines at one serial port, or at one address with serial frames, are served there together.
    pub async fn open(
        twin: Twin,
        mut site: Site,
        mut lines: BTreeMap<MachineIx, Line>,
        setting: &Setting,
    ) -> Result<Host, ServeError> {
        let all_lines = lines.iter().map(|(m, l)| (*m, l.clone())).collect();
        let mut doors = Vec::new();
        let mut servers = JoinSet::new();
        let mut shared: Vec<(String, Endpoint, Vec<_>)> = Vec::new();
        for (i, entry) in site.machines.iter_mut().enumerate() {
            let ix = MachineIx(i as u16);
            let named = entry.clone();
            for endpoint in &mut entry.endpoints {
                let public = endpoint.address.clone();
                let line = lines.remove(&ix);
                if line.is_none() && endpoint.protocol.shares_line() && !public.ends_with(":0") {
                    let door = Door::in_memory(endpoint, &named, twin.profile(ix), setting);
                    let door = door.map_err(|e| failed(&named.name, endpoint, e.into()))?;
                    let same = shared.iter_mut().find(|(_, e, _)| e.address == public);
                    match same {
                        Some((_, _, stations)) => stations.extend(door.station()),
                        None => {
                            let stations = door.station().into_iter().collect();
                            shared.push((named.name.clone(), endpoint.clone(), stations));
                        }
                    }
                    doors.push((ix, door));
                    continue;
                }
                let address = if line.is_some() { HIDDEN } else { &public };
                let opened = Door::listen(endpoint, address, &named, twin.profile(ix), setting).await;
                let (door, mut bound, serving) = opened.map_err(|e| failed(&named.name, endpoint, e))?;
                servers.spawn(serving);
                if let Some(line) = line {
                    let (outer, carrying) = in_front(endpoint.protocol, &public, bound, line)
                        .await
                        .map_err(|e| failed(&named.name, endpoint, e.into()))?;
                    servers.spawn(carrying);
                    bound = outer;
                }
                endpoint.address = bound;
                doors.push((ix, door));
            }
        }
        for (machine, endpoint, stations) in shared {
            let (_, serving) = listen_line(&endpoint, &endpoint.address, stations.into())
                .await
                .map_err(|e| failed(&machine, &endpoint, e))?;
            servers.spawn(serving);
        }
        let mut host = Host { twin, site, doors, lines: all_lines, servers, most_late: Duration::ZERO };
        // Nobody reads a device that has no values yet: the slowest points come once a second.
        for _ in 0..FIRST_STEPS {
            host.step(&mut Vec::new());
        }
        Ok(host)
    }

    /// The site with the addresses at which its machines really listen.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The GEM equipment among its machines, by name: what their operators have before them.
    pub fn equipment(&self) -> BTreeMap<String, Handle> {
        let named = |(machine, door): &(MachineIx, Door)| {
            Some((self.site.machine(*machine).name.clone(), door.equipment()?.clone()))
        };
        self.doors.iter().filter_map(named).collect()
    }

    /// Writes what must survive a restart a last time, before the program ends.
    pub fn finish(&self) {
        self.doors.iter().for_each(|(_, door)| door.finish());
    }

    /// How late its latest tick was: more than a [`STEP`] at its pace, and clients have read old values meanwhile.
    pub fn most_late(&self) -> Duration {
        self.most_late
    }

    /// Runs at `pace` fab seconds a second until `end`, or for ever, or until the future is dropped. `look` sees the twin
    /// after each batch of steps, with the truth told in it.
    pub async fn run(
        &mut self,
        pace: f64,
        end: Option<Time>,
        mut look: impl FnMut(&Twin, Vec<Event>),
    ) -> Result<(), ServeError> {
        if !(0.001..=1_000.0).contains(&pace) {
            return Err(ServeError::Pace(pace));
        }
        // A whole number of steps for each wait, so that no pace drifts.
        let step = STEP.div_f64(pace);
        let batch = (BATCH.as_secs_f64() / step.as_secs_f64()).ceil().max(1.0) as u32;
        let mut ticks = interval(step * batch);
        // A host that was held up catches up: fab time must not fall behind the pace.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut frames = Vec::new();
        loop {
            let due = ticks.tick().await;
            self.most_late = self.most_late.max(clock::now().saturating_duration_since(due));
            for _ in 0..batch {
                self.step(&mut frames);
                if end.is_some_and(|end| self.twin.now() >= end) {
                    break;
                }
            }
            let truth = self.twin.take_truth();
            look(&self.twin, truth);
            if end.is_some_and(|end| self.twin.now() >= end) {
                self.servers.abort_all();
                return Ok(());
            }
        }
    }

    fn step(&mut self, frames: &mut Vec<Frame>) {
        // What clients have written since the last step reaches the machines before the next.
        for (machine, door) in &self.doors {
            for (point, value) in door.served().take_writes() {
                obey(&mut self.twin, &self.site, *machine, point, value);
            }
        }
        self.twin.step(frames);
        for (machine, line) in &self.lines {
            line.advance(self.twin.now());
            if line.overruns() {
                self.doors.iter().filter(|(m, _)| m == machine).for_each(|(_, door)| door.run_over());
            }
        }
        for mut frame in frames.drain(..) {
            if let Some((_, line)) = self.lines.iter().find(|(m, _)| *m == frame.machine) {
                line.blemish(&mut frame);
            }
            for (_, door) in self.doors.iter().filter(|(m, _)| *m == frame.machine) {
                door.served().publish(&frame);
            }
        }
    }
}

/// Puts a line in front of a server: gives the address at which it listens, and what carries the bytes.
async fn in_front(
    protocol: Protocol,
    public: &str,
    inner: String,
    line: Line,
) -> std::io::Result<(String, Serving)> {
    if protocol == Protocol::Bacnet {
        let socket = UdpSocket::bind(public).await?;
        let bound = socket.local_addr()?.to_string();
        let inner = inner.parse().map_err(std::io::Error::other)?;
        return Ok((bound, Box::pin(proxy_datagrams(socket, inner, line))));
    }
    let listener = TcpListener::bind(public).await?;
    let bound = listener.local_addr()?.to_string();
    Ok((bound, Box::pin(proxy(listener, inner, line))))
}

fn failed(machine: &str, endpoint: &Endpoint, e: OpenError) -> ServeError {
    let machine = machine.to_owned();
    match e {
        OpenError::NoDoor(source) => ServeError::NoDoor { machine, source },
        OpenError::Io(source) => {
            let (protocol, address) = (endpoint.protocol, endpoint.address.clone());
            ServeError::Listen { machine, protocol, address, source }
        }
    }
}

/// Hands a machine what a client wrote to it.
pub fn obey(twin: &mut Twin, site: &Site, machine: MachineIx, point: PointIx, value: f64) {
    let command = Command {
        // A device does not know who writes, nor whether it was a sentinel.
        id: CommandId { boot: 0, number: 0 },
        machine: site.machine(machine).name.clone(),
        point: twin.profile(machine).point(point).id.clone(),
        value,
    };
    // The server has checked type and range; a machine that still refuses keeps its own set-point, and the next frame
    // shows it.
    let _ = twin.command(machine, &command);
}
