//! The loop: wait for the earliest of value, answer, timer and signal; one `handle`; drain; act; repeat.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aegis_models::{Command, Event, Frame, MachineIx, Profile};
use aegis_sentinel::{Agent, AgentConfig, Input, MachineConfig, Output, WriteOutcome};
use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::clock::Clock;
use crate::config::Config;
use crate::disk::Disk;
use crate::inbox::Inbox;
use crate::link::{self, FromLink, Network, WriteOrder};
use crate::supervise::Supervised;
use crate::voice::{Form, Voice, complain};

/// Events wait at most this long until they are durable and told.
const SETTLE: Duration = Duration::from_millis(200);
/// Without any event, baselines are saved this often.
const SAVE_EVERY: u32 = 300;
/// Rounds of reading that may wait for the core.
const QUEUE: usize = 1_024;
/// Events that wait for a disk that fails; beyond, the oldest are given up.
const OUTBOX: usize = 20_000;

/// How long the links may take to take leave of their machines when the sentinel ends.
const LEAVE: Duration = Duration::from_secs(2);

struct Shell {
    clock: Clock,
    disk: Disk,
    agent: Supervised,
    inbox: Inbox,
    machines: Vec<Watched>,
    /// Set when the agent has failed: what it ordered is not sent any more.
    revoked: Arc<AtomicBool>,
    /// Made by the agent, not yet durable.
    outbox: Vec<Event>,
    /// How many of the outbox have been told already, which only a disk that fails brings about.
    told: usize,
    voice: Voice,
    disk_failed: bool,
}

/// A machine as the shell sees it.
struct Watched {
    name: String,
    profile: Arc<Profile>,
    orders: mpsc::Sender<WriteOrder>,
    /// How long an order may wait for the link [agent's time].
    patience: Duration,
}

/// Runs a sentinel until it is told to stop.
pub async fn run(config: Config, form: Form, until_stdin_closes: bool) -> anyhow::Result<()> {
    let (disk, found) = Disk::open(&config.state_dir)?;
    let machines: Vec<MachineConfig> = config
        .equipment
        .iter()
        .map(|e| MachineConfig {
            // A link that is still within its time is not yet silent; five seconds are the least in any case.
            patience: e.timeout.mul_f64(config.clock_rate).max(Duration::from_secs(5)),
            ..MachineConfig::new(e.name.clone(), Arc::clone(&e.profile))
        })
        .collect();
    let agent_config = AgentConfig {
        name: config.agent,
        boot: found.boot,
        key: config.key,
        policy: config.policy,
        machines,
    };
    let rate = config.clock_rate;
    let (clock, mut agent) = match found.snapshot {
        None => {
            let clock = Clock::start(aegis_models::Time::ZERO, rate);
            (clock, Agent::new(agent_config, clock.now()))
        }
        Some((snapshot, gap)) => {
            let clock = Clock::start(snapshot.time.after(gap.mul_f64(rate)), rate);
            let agent = Agent::restore(agent_config, snapshot, clock.now())
                .with_context(|| format!("{}", config.state_dir.join("snapshot.json").display()))?;
            (clock, agent)
        }
    };
    let first = std::iter::from_fn(|| agent.poll()).collect();
    let (to_core, mut from_links) = mpsc::channel(QUEUE);
    let mut watched = Vec::new();
    let mut links = JoinSet::new();
    for (i, equipment) in config.equipment.into_iter().enumerate() {
        let (orders, taken) = mpsc::channel(16);
        watched.push(Watched {
            name: equipment.name.clone(),
            profile: Arc::clone(&equipment.profile),
            orders,
            patience: equipment.timeout.mul_f64(rate),
        });
        links.spawn(link::run(MachineIx(i as u16), equipment, Network, clock, to_core.clone(), taken));
    }
    drop(to_core);
    let mut shell = Shell {
        clock,
        inbox: Inbox::new(disk.inbox()),
        disk,
        agent: Supervised::new(agent, found.boot),
        machines: watched,
        revoked: Arc::default(),
        outbox: vec![],
        told: 0,
        voice: Voice::new(form),
        disk_failed: false,
    };
    shell.act(first);
    shell.keep(&mut from_links, until_stdin_closes).await;
    shell.save();
    shell.voice.end();
    // A link ends when nobody orders or listens any more. One that hangs is left to end with the program.
    shell.machines.clear();
    drop(from_links);
    let _ = timeout(LEAVE, links.join_all()).await;
    Ok(())
}

impl Shell {
    async fn keep(&mut self, from_links: &mut mpsc::Receiver<FromLink>, until_stdin_closes: bool) {
        let mut settle = interval(SETTLE);
        settle.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut quiet = 0;
        let mut stop = std::pin::pin!(told_to_stop(until_stdin_closes));
        loop {
            tokio::select! {
                // Values that have come are taken before anybody asks whether they are late.
                biased;
                () = &mut stop => return,
                Some(message) = from_links.recv() => self.take(message),
                _ = settle.tick() => {
                    for input in self.inbox.take() {
                        self.handle(input);
                    }
                    if self.agent.poll_timeout().is_none_or(|t| t <= self.clock.now()) {
                        self.handle(Input::Tick);
                    }
                    quiet += 1;
                    if !self.outbox.is_empty() || quiet >= SAVE_EVERY {
                        quiet = 0;
                        self.save();
                    }
                }
            }
        }
    }

    fn take(&mut self, message: FromLink) {
        self.handle(match message {
            FromLink::Heard(machine, heard) => Input::Frame(Frame {
                time: heard.time,
                machine,
                samples: heard.samples,
                records: heard.records,
                bursts: heard.bursts,
            }),
            FromLink::State(machine, up, detail) => Input::Link { machine, up, detail },
            FromLink::Written(id, outcome) => Input::Written { id, outcome },
        });
    }

    fn handle(&mut self, input: Input) {
        let outputs = self.agent.handle(self.clock.now(), input);
        self.revoked.store(self.agent.failed(), Ordering::Relaxed);
        self.act(outputs);
    }

    /// Does what the agent wants. All its events stand in the outbox before anything else, an intent is durable before
    /// its write leaves, and without a disk it does not leave.
    fn act(&mut self, outputs: Vec<Output>) {
        let (mut intents, mut writes) = (Vec::new(), Vec::new());
        for output in outputs {
            match output {
                Output::Event(event) => self.outbox.push(event),
                Output::Intend(id) => intents.push(id),
                Output::Write(command) => writes.push(command),
            }
        }
        for command in writes {
            self.send(&command);
        }
        if !intents.is_empty() && self.save() {
            for id in intents {
                self.handle(Input::Durable { id });
            }
        }
    }

    fn send(&mut self, command: &Command) {
        let now = self.clock.now();
        let order = self.machines.iter().find(|m| m.name == command.machine).and_then(|m| {
            let order = WriteOrder {
                id: command.id,
                point: m.profile.point_ix(&command.point)?,
                value: command.value,
                expires: now.after(m.patience),
                revoked: Arc::clone(&self.revoked),
            };
            m.orders.try_send(order).ok()
        });
        if order.is_none() {
            let reason = "the link takes no orders: nothing was sent".to_owned();
            self.handle(Input::Written { id: command.id, outcome: WriteOutcome::Refused { reason } });
        }
    }

    /// Makes everything durable and tells it. False when the disk says no: then nothing may be sent to a machine, and
    /// what happens is told all the same.
    fn save(&mut self) -> bool {
        let result = match self.agent.snapshot() {
            Some(snapshot) => self.disk.save(snapshot, &self.outbox),
            None => self.disk.append(&self.outbox),
        };
        if let Err(e) = &result
            && !self.disk_failed
        {
            complain(format_args!(
                "the disk fails, nothing is written to machines until it works again: {e:#}"
            ));
        }
        self.disk_failed = result.is_err();
        self.outbox[self.told..].iter().for_each(|e| self.voice.tell(e));
        if self.disk_failed {
            // They go to the disk when it works again.
            let excess = self.outbox.len().saturating_sub(OUTBOX);
            if excess > 0 {
                complain(format_args!(
                    "{excess} events were told and will not stand in the log: the disk fails"
                ));
                self.outbox.drain(..excess);
            }
            self.told = self.outbox.len();
            return false;
        }
        self.outbox.clear();
        self.told = 0;
        !self.agent.failed()
    }
}

async fn told_to_stop(until_stdin_closes: bool) {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        _ = interrupted => {}
        () = terminated => {}
        () = stdin_closed(), if until_stdin_closes => {}
    }
}

/// Ready when standard input ends, which it does when the program that started this one is gone.
pub async fn stdin_closed() {
    let (sender, closed) = tokio::sync::oneshot::channel::<()>();
    // Reading standard input blocks: a thread of its own waits for its end.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(sender);
    });
    let _ = closed.await;
}
