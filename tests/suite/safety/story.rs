//! A small machine, an agent over it, and the oracle that judges what the agent writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aegis_models::event::{Body, ExecutionStep, Proposal};
use aegis_models::{
    Command, CommandId, Event, Frame, MachineIx, PointIx, Profile, Quality, Sample, Seed, Time, Zone,
};
use aegis_sentinel::approval::Answer;
use aegis_sentinel::{
    Agent, AgentConfig, Input, MachineConfig, Output, Policy, SignedAnswer, SigningKey, Snapshot, Stop,
    WriteOutcome,
};

const PROFILE: &str = include_str!("rig.toml");
const POLICY: &str = include_str!("policy.toml");

/// One happening of a story.
#[derive(Clone, Debug)]
pub enum Op {
    /// So many seconds go by.
    Wait(u8),
    /// What the instruments show from now on.
    Show { green: bool, yellow: bool, red: bool },
    /// The state point says something nobody knows, or is itself again.
    Confuse(bool),
    /// Values stop coming, or come again.
    Silence(bool),
    /// The values come with bad quality.
    Spoil(bool),
    /// The shell says that the link is down or up.
    Link(bool),
    /// What the device does with writes from now on.
    Device(Device),
    /// Intents become durable at once, or only when this is said again.
    Disk(bool),
    /// Somebody answers the newest proposal.
    Answer(Forgery, bool),
    /// Somebody orders a stop.
    Stop(Forgery),
    /// The process is killed and starts again from its last snapshot.
    Restart,
    /// Somebody has seen every incident.
    Acknowledge,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Device {
    Obeys,
    Ignores,
    Refuses,
    LosesAnswers,
    Misreads,
    WithoutEffect,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Forgery {
    None,
    WrongKey,
    OtherValue,
    OtherNonce,
    OtherPolicy,
    LaterExpiry,
    Replay,
    Late,
}

fn key() -> SigningKey {
    SigningKey::from_secret([3; 32])
}

fn config(boot: u64) -> AgentConfig {
    static PARTS: OnceLock<(Arc<Profile>, Policy)> = OnceLock::new();
    let (profile, policy) = PARTS.get_or_init(|| {
        (Arc::new(Profile::parse(PROFILE).expect("valid")), Policy::parse(POLICY).expect("valid"))
    });
    AgentConfig {
        name: "test".into(),
        boot,
        key: Some(key().public()),
        policy: policy.clone(),
        machines: vec![MachineConfig::new("RIG".into(), Arc::clone(profile))],
    }
}

/// An agent that has learned the healthy machine, as every story begins.
fn learned() -> Snapshot {
    static LEARNED: OnceLock<Snapshot> = OnceLock::new();
    let make = || {
        let mut agent = Agent::new(config(1), Time::ZERO);
        let mut rng = Seed(5).stream("rig");
        for s in 1..=60 {
            let mut rig = Rig::default();
            let noise = [rng.normal(), rng.normal(), rng.normal()];
            agent.handle(Time::from_secs(s), Input::Frame(rig.frame(Time::from_secs(s), noise)));
            while agent.poll().is_some() {}
        }
        agent.snapshot()
    };
    LEARNED.get_or_init(make).clone()
}

/// The machine.
#[derive(Clone)]
pub struct Rig {
    show: [bool; 3],
    confused: bool,
    spoiled: bool,
    pub sp: [f64; 2],
    effect_of: [f64; 2],
    pub run: f64,
    device: Device,
}

impl Default for Rig {
    fn default() -> Rig {
        Rig {
            show: [false; 3],
            confused: false,
            spoiled: false,
            sp: [100.0; 2],
            effect_of: [100.0; 2],
            run: 1.0,
            device: Device::Obeys,
        }
    }
}

impl Rig {
    fn frame(&mut self, time: Time, noise: [f64; 3]) -> Frame {
        let level = |i: usize| 50.0 + 0.1 * noise[i] + if self.show[i] { 20.0 } else { 0.0 };
        let effect = 100.0 * self.effect_of[0] / 100.0 + (self.effect_of[1] - 100.0);
        let state = if self.confused { 7.0 } else { 1.0 };
        let values = [state, level(0), level(1), level(2), effect, self.sp[0], self.sp[1], self.run];
        let quality = if self.spoiled { Quality::Bad } else { Quality::Good };
        let sample = |(i, value): (usize, &f64)| Sample { point: PointIx(i as u16), value: *value, quality };
        Frame {
            time,
            machine: MachineIx(0),
            samples: values.iter().enumerate().map(sample).collect(),
            records: vec![],
            bursts: vec![],
        }
    }

    fn write(&mut self, c: &Command) -> WriteOutcome {
        let slot = match c.point.as_str() {
            "run" => {
                self.run = c.value;
                return WriteOutcome::Accepted;
            }
            "sp_green" => 0,
            _ => 1,
        };
        let taken = match self.device {
            Device::Refuses => return WriteOutcome::Refused { reason: "no".into() },
            Device::Ignores => return WriteOutcome::Accepted,
            Device::Misreads => c.value + 3.0,
            _ => c.value,
        };
        self.sp[slot] = taken;
        if self.device != Device::WithoutEffect {
            self.effect_of[slot] = taken;
        }
        match self.device {
            Device::LosesAnswers => WriteOutcome::Unknown { reason: "cut".into() },
            _ => WriteOutcome::Accepted,
        }
    }
}

/// Drives one story and judges every write.
pub struct Story {
    pub agent: Agent,
    pub rig: Rig,
    now: Time,
    boot: u64,
    disk_prompt: bool,
    owed: Vec<CommandId>,
    pub saved: Snapshot,
    silent: bool,
    // What the oracle knows, from what it told the agent and from what the agent told the world.
    last_good: Time,
    link_up: bool,
    confused: bool,
    pub zones: BTreeMap<String, Zone>,
    green: BTreeSet<String>,
    proposals: Vec<Proposal>,
    approved: BTreeMap<CommandId, Proposal>,
    answered: Vec<SignedAnswer>,
    durable: BTreeSet<CommandId>,
    written: BTreeSet<CommandId>,
    last_write: BTreeMap<String, Time>,
    executions: BTreeMap<CommandId, (String, Command)>,
    pub rollbacks: BTreeMap<CommandId, f64>,
    froms: BTreeMap<String, f64>,
    stops: Vec<(u64, Time)>,
    stop_serial: u64,
    stops_allowed: u32,
    pub writes: u32,
}

impl Story {
    pub fn new() -> Story {
        let saved = learned();
        let now = saved.time;
        let agent = Agent::restore(config(2), saved.clone(), now).expect("its own snapshot");
        Story {
            agent,
            rig: Rig::default(),
            now,
            boot: 2,
            disk_prompt: true,
            owed: vec![],
            saved,
            silent: false,
            last_good: now,
            link_up: true,
            confused: false,
            zones: BTreeMap::new(),
            green: BTreeSet::new(),
            proposals: vec![],
            approved: BTreeMap::new(),
            answered: vec![],
            durable: BTreeSet::new(),
            written: BTreeSet::new(),
            last_write: BTreeMap::new(),
            executions: BTreeMap::new(),
            rollbacks: BTreeMap::new(),
            froms: BTreeMap::new(),
            stops: vec![],
            stop_serial: 0,
            stops_allowed: 0,
            writes: 0,
        }
    }

    fn say(&mut self, input: Input) {
        self.agent.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.agent.poll() {
            match output {
                Output::Event(e) => self.hear(e),
                Output::Intend(id) if self.disk_prompt => self.make_durable(id),
                Output::Intend(id) => self.owed.push(id),
                Output::Write(command) => {
                    self.judge(&command);
                    let outcome = self.rig.write(&command);
                    self.agent.handle(self.now, Input::Written { id: command.id, outcome });
                }
            }
        }
    }

    fn make_durable(&mut self, id: CommandId) {
        self.durable.insert(id);
        // An intent is durable because the snapshot that holds it is.
        self.saved = self.agent.snapshot();
        self.agent.handle(self.now, Input::Durable { id });
    }

    fn hear(&mut self, event: Event) {
        match event.body {
            Body::IncidentOpened { incident } => {
                self.zones.insert(incident.id, Zone::Red);
            }
            Body::IncidentResolved { incident } => {
                self.zones.remove(&incident.id);
            }
            Body::Decision { incident, zone, action, .. } => {
                if zone == Zone::Green && action.write.is_some() {
                    self.green.insert(incident.clone());
                }
                self.zones.insert(incident, zone);
            }
            Body::Proposal(p) => self.proposals.push(p),
            Body::Execution { incident, command, step, .. } => match step {
                ExecutionStep::Intended => {
                    self.froms.insert(command.point.clone(), self.rig_value(&command.point));
                    self.executions.insert(command.id, (incident, command));
                }
                ExecutionStep::RollingBack => {
                    let from = self.froms[&command.point];
                    self.rollbacks.insert(command.id, from);
                    self.executions.insert(command.id, (incident, command));
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn rig_value(&self, point: &str) -> f64 {
        match point {
            "sp_green" => self.rig.sp[0],
            "sp_yellow" => self.rig.sp[1],
            _ => self.rig.run,
        }
    }

    /// Invariants 1 to 4, for one write.
    fn judge(&mut self, c: &Command) {
        self.writes += 1;
        assert!(self.durable.contains(&c.id), "{c:?} left before its intent was durable");
        assert!(self.written.insert(c.id), "{c:?} was sent twice");
        let (incident, intended) = self.executions.get(&c.id).expect("a write follows its intent");
        assert_eq!(intended, c, "what left is not what was intended");
        if c.point == "run" {
            assert!(self.stops_allowed > 0, "a stop that nobody ordered, or that was refused");
            self.stops_allowed -= 1;
            return;
        }
        // 1: nothing in RED.
        assert!(self.zones.values().all(|z| *z != Zone::Red), "{c:?} in RED: {:?}", self.zones);
        // 4: nothing on unknown, stale or contradictory input.
        assert!(self.link_up, "{c:?} with the link down");
        assert!(self.now.since(self.last_good) <= Duration::from_secs(7), "{c:?} on stale values");
        assert!(!self.confused, "{c:?} while the machine is in an unknown state");
        // 3: envelope, cumulative bound, rate limit.
        let (low, high) = if c.point == "sp_green" { (90.0, 110.0) } else { (60.0, 110.0) };
        assert!((low..=high).contains(&c.value), "{c:?} outside its envelope");
        if let Some(last) = self.last_write.insert(c.point.clone(), self.now) {
            assert!(self.now.since(last) >= Duration::from_secs(10), "{c:?} faster than its rate limit");
        }
        if let Some(from) = self.rollbacks.get(&c.id) {
            assert_eq!(c.value, *from, "a rollback goes back to the value it named");
            return;
        }
        if c.point == "sp_green" {
            assert!(self.green.contains(incident), "{c:?} without a GREEN decision");
            assert!(c.value - 100.0 <= 10.0, "steps add up beyond 10 %");
            return;
        }
        // 2: YELLOW only with a live, signed approval of exactly that proposal, of this start, once.
        let proposal = self.approved.remove(&c.id).unwrap_or_else(|| panic!("{c:?} without an approval"));
        let named = proposal.action.write.expect("a proposal to write");
        assert_eq!((named.point.as_str(), named.to), (c.point.as_str(), c.value));
        assert_eq!(proposal.nonce.boot, self.boot, "a restart voids proposals");
    }

    fn second(&mut self, noise: [f64; 3]) {
        self.now = self.now.after(Duration::from_secs(1));
        if self.silent {
            return self.say(Input::Tick);
        }
        let frame = self.rig.frame(self.now, noise);
        if !self.rig.spoiled {
            self.last_good = self.now;
            self.confused = self.rig.confused;
        }
        self.say(Input::Frame(frame));
    }

    fn answer(&mut self, forgery: Forgery, approve: bool) {
        if forgery == Forgery::Replay {
            if let Some(old) = self.answered.last().cloned() {
                self.say(Input::Answer(old));
            }
            return;
        }
        let Some(proposal) = self.proposals.last().cloned() else { return };
        if forgery == Forgery::Late {
            for _ in 0..41 {
                self.second([0.0; 3]);
            }
        }
        let mut answer = Answer::to(&proposal, approve, "ann");
        let mut signer = key();
        match forgery {
            Forgery::WrongKey => signer = SigningKey::from_secret([4; 32]),
            Forgery::OtherValue => {
                if let Some(w) = &mut answer.action.write {
                    w.to -= 1.0;
                }
            }
            Forgery::OtherNonce => answer.nonce.number += 1,
            Forgery::OtherPolicy => answer.policy_version += 1,
            Forgery::LaterExpiry => answer.expires = answer.expires.after(Duration::from_secs(60)),
            _ => {}
        }
        let signed = signer.sign_answer(answer);
        let in_time = self.now < proposal.expires && proposal.nonce.boot == self.boot;
        // A second yes to the same proposal is harmless: no command leaves twice, whoever asks.
        if forgery == Forgery::None && approve && in_time {
            self.approved.insert(proposal.nonce, proposal);
        }
        self.answered.push(signed.clone());
        self.say(Input::Answer(signed));
    }

    fn stop(&mut self, forgery: Forgery) {
        let (mut serial, mut expires) = (self.stop_serial + 1, self.now.after(Duration::from_secs(10)));
        let mut signer = key();
        let mut machine = "RIG".to_owned();
        match forgery {
            Forgery::None => {}
            Forgery::WrongKey => signer = SigningKey::from_secret([4; 32]),
            Forgery::Replay => match self.stops.last() {
                Some((s, e)) => (serial, expires) = (*s, *e),
                None => return,
            },
            Forgery::Late => expires = self.now,
            _ => machine = "RIG-2".to_owned(),
        }
        if forgery == Forgery::None {
            self.stop_serial = serial;
            self.stops.push((serial, expires));
            self.stops_allowed += 1;
        }
        let stop = Stop { machine, serial, expires, operator: "ann".into() };
        self.say(Input::Stop(signer.sign_stop(stop)));
    }

    pub fn restart(&mut self) {
        self.boot += 1;
        self.owed.clear();
        self.approved.clear();
        self.stops_allowed = 0;
        // An incident of the last seconds may be unknown to the snapshot; whatever is open is told again.
        let agent =
            Agent::restore(config(self.boot), self.saved.clone(), self.now).expect("its own snapshot");
        self.agent = agent;
        self.zones.clear();
        self.link_up = true;
        self.last_good = self.now;
        self.drain();
    }

    pub fn live(&mut self, op: &Op, rng: &mut aegis_models::Rng) {
        match op {
            Op::Wait(seconds) => {
                for _ in 0..*seconds {
                    self.second([rng.normal(), rng.normal(), rng.normal()]);
                }
            }
            Op::Show { green, yellow, red } => self.rig.show = [*green, *yellow, *red],
            Op::Confuse(yes) => self.rig.confused = *yes,
            Op::Silence(yes) => self.silent = *yes,
            Op::Spoil(yes) => self.rig.spoiled = *yes,
            Op::Link(up) => {
                self.link_up = *up;
                self.say(Input::Link { machine: MachineIx(0), up: *up, detail: "cable".into() });
            }
            Op::Device(device) => self.rig.device = *device,
            Op::Disk(prompt) => {
                self.disk_prompt = *prompt;
                for id in std::mem::take(&mut self.owed) {
                    self.make_durable(id);
                    self.drain();
                }
            }
            Op::Answer(forgery, approve) => self.answer(*forgery, *approve),
            Op::Stop(forgery) => self.stop(*forgery),
            Op::Restart => self.restart(),
            Op::Acknowledge => {
                for incident in self.zones.keys().cloned().collect::<Vec<_>>() {
                    self.say(Input::Acknowledge { incident });
                }
            }
        }
    }
}
