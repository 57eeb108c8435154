//! The twin at a pace, its machines on their real endpoints.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aegis_adapters::modbus::RegisterMap;
use aegis_adapters::modbus::binding::Binding;
use aegis_adapters::modbus::serve::{ServeOptions, serve};
use aegis_adapters::modbus::server::Units;
use aegis_models::{Command, CommandId, Event, Frame, MachineIx, Site, Time};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::{STEP, Twin};

/// The longest that several steps are taken at once to keep the pace [wall time].
const BATCH: Duration = Duration::from_millis(10);
/// Steps before a machine is served: one second.
const FIRST_STEPS: u32 = 10;

/// A twin cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("{machine}: {address}: {source}")]
    Listen {
        /// Which machine.
        machine: String,
        /// Where it should listen.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The pace is no pace.
    #[error("pace {0}: 0.001 to 1000 would be right")]
    Pace(f64),
}

/// One served machine.
struct Endpoint {
    machine: MachineIx,
    map: Arc<Mutex<RegisterMap>>,
}

/// A twin whose machines listen, not yet running.
pub struct Host {
    twin: Twin,
    site: Site,
    endpoints: Vec<Endpoint>,
    servers: JoinSet<()>,
}

impl Host {
    /// Opens the endpoint of every machine of the site that has an address. A port 0 becomes a free one.
    pub async fn open(twin: Twin, mut site: Site) -> Result<Host, ServeError> {
        let mut endpoints = Vec::new();
        let mut servers = JoinSet::new();
        for (i, entry) in site.machines.iter_mut().enumerate() {
            let machine = MachineIx(i as u16);
            let (Some(address), Ok(binding)) = (&mut entry.address, Binding::new(twin.profile(machine)))
            else {
                continue;
            };
            let fail =
                |source| ServeError::Listen { machine: entry.name.clone(), address: address.clone(), source };
            let listener = TcpListener::bind(address.as_str()).await.map_err(fail)?;
            let bound = listener.local_addr().map_err(fail)?;
            *address = bound.to_string();
            let map = Arc::new(Mutex::new(RegisterMap::new(Arc::new(binding))));
            let options = ServeOptions { units: Units::Only(entry.unit), ..ServeOptions::default() };
            servers.spawn(serve(listener, Arc::clone(&map), options, std::future::pending()));
            endpoints.push(Endpoint { machine, map });
        }
        let mut host = Host { twin, site, endpoints, servers };
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
            ticks.tick().await;
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
        self.take_writes();
        self.twin.step(frames);
        for frame in frames.drain(..) {
            if let Some(e) = self.endpoints.iter().find(|e| e.machine == frame.machine) {
                e.map.lock().unwrap_or_else(PoisonError::into_inner).publish_samples(&frame.samples);
            }
        }
    }

    /// What clients have written since the last step reaches the machines before the next.
    fn take_writes(&mut self) {
        for e in &self.endpoints {
            let writes = e.map.lock().unwrap_or_else(PoisonError::into_inner).take_writes();
            for (point, value) in writes {
                let profile = Arc::clone(self.twin.profile(e.machine));
                let command = Command {
                    // A device does not know who writes, nor whether it was a sentinel.
                    id: CommandId { boot: 0, number: 0 },
                    machine: self.site.machine(e.machine).name.clone(),
                    point: profile.point(point).id.clone(),
                    value,
                };
                // The map has checked type and range; a machine that still refuses keeps its own set-point, and the next
                // frame shows it.
                let _ = self.twin.command(e.machine, &command);
            }
        }
    }
}
