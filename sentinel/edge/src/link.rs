//! One task for each machine: polls it, writes to it, and comes back when it was lost.

use std::time::Duration;

use aegis_models::{CommandId, MachineIx, PointIx, Sample};
use aegis_sentinel::WriteOutcome;
use tokio::sync::mpsc;

use crate::config::{Equipment, Protocol};

/// What a link tells the core.
pub enum FromLink {
    /// One round of reading.
    Samples(MachineIx, Vec<Sample>),
    /// It came or went.
    State(MachineIx, bool, String),
    /// How a write ended.
    Written(CommandId, WriteOutcome),
}

/// What the core tells a link.
pub struct WriteOrder {
    /// Which command.
    pub id: CommandId,
    /// Which set-point.
    pub point: PointIx,
    /// Its new value.
    pub value: f64,
}

/// Serves a machine until the core is gone.
pub async fn run(
    machine: MachineIx,
    equipment: Equipment,
    clock_rate: f64,
    to_core: mpsc::Sender<FromLink>,
    orders: mpsc::Receiver<WriteOrder>,
) {
    match equipment.protocol {
        #[cfg(feature = "modbus")]
        Protocol::ModbusTcp => modbus::run(machine, equipment, clock_rate, to_core, orders).await,
    }
}

/// Waits longer from failure to failure, and never longer than ten seconds.
struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(250);

    fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (self.0 * 2).min(Duration::from_secs(10));
        now
    }
}

#[cfg(feature = "modbus")]
mod modbus {
    use std::sync::Arc;

    use aegis_adapters::modbus::binding::Binding;
    use aegis_adapters::modbus::client::{Client, ClientError};
    use tokio::time::{MissedTickBehavior, interval, sleep};

    use super::*;

    pub async fn run(
        machine: MachineIx,
        equipment: Equipment,
        clock_rate: f64,
        to_core: mpsc::Sender<FromLink>,
        mut orders: mpsc::Receiver<WriteOrder>,
    ) {
        let binding = match Binding::new(&equipment.profile) {
            Ok(binding) => Arc::new(binding),
            Err(e) => {
                let _ = to_core.send(FromLink::State(machine, false, e.to_string())).await;
                return;
            }
        };
        let rounds = Rounds::new(&binding, clock_rate);
        let mut backoff = Backoff(Backoff::FIRST);
        loop {
            let (address, unit, limit) = (&equipment.address, equipment.unit, equipment.timeout);
            let why = match Client::connect(address, unit, Arc::clone(&binding), limit).await {
                Ok(mut client) => {
                    match converse(machine, &mut client, &rounds, &to_core, &mut orders, &mut backoff).await {
                        Some(why) => why,
                        None => return,
                    }
                }
                Err(e) => e.to_string(),
            };
            if to_core.send(FromLink::State(machine, false, why)).await.is_err() {
                return;
            }
            // Orders that come while there is no link were not sent.
            let wait = sleep(backoff.next());
            tokio::pin!(wait);
            loop {
                tokio::select! {
                    () = &mut wait => break,
                    order = orders.recv() => {
                        let Some(order) = order else { return };
                        let outcome = WriteOutcome::Refused { reason: "not connected: nothing was sent".to_owned() };
                        if to_core.send(FromLink::Written(order.id, outcome)).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Which groups are due at which tick of the fastest period.
    struct Rounds {
        tick: Duration,
        every: Vec<u64>,
    }

    impl Rounds {
        fn new(binding: &Binding, clock_rate: f64) -> Rounds {
            let periods = || binding.groups().iter().map(|g| g.period.0);
            let fastest = periods().min().unwrap_or(Duration::from_secs(1));
            Rounds {
                // Faster than a hundred rounds a second no device of this sort is asked.
                tick: fastest.div_f64(clock_rate).max(Duration::from_millis(10)),
                every: periods().map(|p| (p.as_nanos() / fastest.as_nanos()).max(1) as u64).collect(),
            }
        }
    }

    /// Reads and writes until the link is lost (and why), or the core is gone (none).
    async fn converse(
        machine: MachineIx,
        client: &mut Client,
        rounds: &Rounds,
        to_core: &mpsc::Sender<FromLink>,
        orders: &mut mpsc::Receiver<WriteOrder>,
        backoff: &mut Backoff,
    ) -> Option<String> {
        let mut ticks = interval(rounds.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut n = 0_u64;
        let mut announced = false;
        loop {
            tokio::select! {
                // A write does not wait for a round of reading.
                biased;
                order = orders.recv() => {
                    let order = order?;
                    let (outcome, lost) = match client.write_point(order.point, order.value).await {
                        Ok(()) => (WriteOutcome::Accepted, None),
                        Err(ClientError::Link(e)) => {
                            (WriteOutcome::Unknown { reason: e.to_string() }, Some(e.to_string()))
                        }
                        Err(refused) => (WriteOutcome::Refused { reason: refused.to_string() }, None),
                    };
                    to_core.send(FromLink::Written(order.id, outcome)).await.ok()?;
                    if lost.is_some() {
                        return lost;
                    }
                }
                _ = ticks.tick() => {
                    let mut samples = Vec::new();
                    for (group, _) in rounds.every.iter().enumerate().filter(|(_, e)| n.is_multiple_of(**e)) {
                        match client.read_group(group).await {
                            Ok(read) => samples.extend(read),
                            Err(ClientError::Link(e)) => return Some(e.to_string()),
                            // It refuses all of these and is there: the points go stale, the rest goes on.
                            Err(_) => {}
                        }
                    }
                    n += 1;
                    if !announced {
                        announced = true;
                        *backoff = Backoff(Backoff::FIRST);
                        to_core.send(FromLink::State(machine, true, String::new())).await.ok()?;
                    }
                    to_core.send(FromLink::Samples(machine, samples)).await.ok()?;
                }
            }
        }
    }
}
