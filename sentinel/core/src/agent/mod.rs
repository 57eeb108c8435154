//! The whole sentinel of a set of machines, without a socket.

mod act;
mod lives;
mod peers;
mod people;
mod track;

use std::collections::VecDeque;
use std::time::Duration;

use aegis_models::event::{Body, Event, Finding, Source};
use aegis_models::{CommandId, Frame, MachineIx, Quality, Severity, Threat, ThreatKind, Time, Zone, limits};

use crate::approval::PublicKey;
use crate::detect::{Detector, Heard};
use crate::diagnose::{Diagnosis, diagnose};
use crate::incident::Change;
use crate::io::{Input, Output};
use crate::machine::Machine;
use crate::monitor::{MachineConfig, Plan, Symptom};
use crate::safety::{MachineState, Policy, SafetyCircuit};
use crate::snapshot::{BadSnapshot, Snapshot};

/// Symptoms are looked at, and deadlines kept, this often.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// What an agent is told when it starts.
pub struct AgentConfig {
    /// Its name; incidents carry it.
    pub name: String,
    /// This start's number, never used before: the shell's word. Commands and proposals carry it.
    pub boot: u64,
    /// Whose signatures count; without one no proposal can be approved.
    pub key: Option<PublicKey>,
    /// What may be answered, and how.
    pub policy: Policy,
    /// The machines it watches; [`MachineIx`] counts them.
    pub machines: Vec<MachineConfig>,
}

/// The whole sentinel of a set of machines, without a socket.
pub struct Agent {
    name: String,
    boot: u64,
    key: Option<PublicKey>,
    circuit: SafetyCircuit,
    plans: Vec<Plan>,
    machines: Vec<Machine>,
    now: Time,
    housekept: Option<Time>,
    seq: u64,
    number: u64,
    stop_serial: u64,
    out: VecDeque<Output>,
    raised: Vec<usize>,
    detectors: Vec<(MachineIx, Box<dyn Detector>)>,
    /// Whose link has been told down since this process began: why it still is, is news after a restart.
    told_down: Vec<bool>,
}

impl Agent {
    /// A sentinel that knows nothing yet.
    pub fn new(config: AgentConfig, now: Time) -> Agent {
        let plans: Vec<Plan> = config.machines.into_iter().map(Plan::new).collect();
        let machines = plans.iter().map(Machine::new).collect();
        let told_down = vec![false; plans.len()];
        let mut agent = Agent {
            name: config.name,
            boot: config.boot,
            key: config.key,
            circuit: SafetyCircuit::new(config.policy),
            plans,
            machines,
            now,
            housekept: None,
            seq: 0,
            number: 0,
            stop_serial: 0,
            out: VecDeque::new(),
            raised: Vec::new(),
            detectors: Vec::new(),
            told_down,
        };
        agent.emit(Body::Started { agent: agent.name.clone(), boot: agent.boot, restored: false });
        agent
    }

    /// A sentinel that goes on where `snapshot` was taken. Proposals are void; a command under way has an unknown
    /// outcome and is read back, never sent again.
    pub fn restore(config: AgentConfig, snapshot: Snapshot, now: Time) -> Result<Agent, BadSnapshot> {
        let now = now.max(snapshot.time);
        let mut agent = Agent::new(config, now);
        agent.out.clear();
        (agent.seq, agent.stop_serial) = (snapshot.seq, snapshot.stop_serial);
        for mut m in snapshot.machines {
            let Some(i) = agent.plans.iter().position(|p| p.name == m.name) else {
                return Err(BadSnapshot::UnknownMachine(m.name));
            };
            if !m.monitor.fits(&agent.plans[i]) || m.lives.len() != agent.plans[i].lives.len() {
                return Err(BadSnapshot::OtherProfile(m.name));
            }
            m.monitor.resume(now);
            agent.machines[i] = m;
        }
        agent.emit(Body::Started { agent: agent.name.clone(), boot: agent.boot, restored: true });
        for i in 0..agent.machines.len() {
            agent.void_all(i, "the sentinel was restarted");
            let m = &mut agent.machines[i];
            m.book.open.iter_mut().for_each(|t| {
                t.undecided = true;
                t.said.clear();
            });
            for e in m.execution.iter_mut().chain(&mut m.stopping) {
                if e.interrupted(now) {
                    // It may have left at the very last moment: the rate limit counts from there.
                    m.last_write.insert(e.command.point.clone(), now);
                }
            }
        }
        Ok(agent)
    }

    /// All that a restart must not forget.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.now, self.seq, self.stop_serial, self.machines.clone())
    }

    /// Adds a detector of the site's own over one machine.
    pub fn attach(&mut self, machine: MachineIx, detector: Box<dyn Detector>) {
        self.detectors.push((machine, detector));
    }

    /// Takes in what happened. Drain [`Agent::poll`] after every call.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.now = self.now.max(now);
        // A shell that does not drain would make an agent that acts on what nobody sees.
        if self.out.len() >= limits::OUTPUTS_PER_AGENT {
            return;
        }
        match input {
            Input::Frame(frame) => self.take_frame(frame),
            Input::Link { machine, up, detail } => self.take_link(machine, up, detail),
            Input::Durable { id } => self.take_durable(id),
            Input::Written { id, outcome } => self.take_written(id, &outcome),
            Input::Answer(signed) => self.take_answer(&signed),
            Input::Stop(signed) => self.take_stop(&signed),
            Input::Acknowledge { incident } => self.take_acknowledgement(&incident),
            Input::Raise { machine, cascade } => self.take_raise(machine, cascade),
            Input::Tick => {}
        }
        if self.housekept.is_none_or(|t| self.now.since(t) >= HOUSEKEEPING) {
            self.housekept = Some(self.now);
            for i in 0..self.machines.len() {
                self.keep_house(i);
            }
        }
    }

    /// What is to be done next, in order.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Tick`] is due at the latest.
    pub fn poll_timeout(&self) -> Option<Time> {
        Some(self.housekept.map_or(self.now, |t| t.after(HOUSEKEEPING)))
    }

    /// Where a machine stands.
    pub fn zone(&self, machine: MachineIx) -> Zone {
        self.machines[usize::from(machine.0)].zone
    }

    /// What is not as learned about a machine.
    pub fn symptoms(&self, machine: MachineIx) -> Vec<Symptom> {
        let i = usize::from(machine.0);
        self.machines[i].monitor.symptoms(&self.plans[i])
    }

    /// Ends learning now, with what there is: the caller knows that the healthy span ends here.
    pub fn end_learning(&mut self) {
        for (m, plan) in self.machines.iter_mut().zip(&self.plans) {
            for (channel, spec) in m.monitor.channels.iter_mut().zip(&plan.channels) {
                channel.end_learning(spec);
            }
            m.monitor.joint.end_learning();
        }
    }

    /// What the channels of a machine said together at its latest frame.
    pub fn heard(&self, machine: MachineIx) -> Heard {
        self.machines[usize::from(machine.0)].monitor.heard
    }

    /// What comes next is no neighbour of what came before: another recording begins.
    pub fn break_off(&mut self) {
        self.machines.iter_mut().for_each(|m| m.monitor.break_off());
    }

    fn emit(&mut self, body: Body) {
        self.seq += 1;
        let event = Event { time: self.now, source: Source::Sentinel, seq: self.seq, body };
        self.out.push_back(Output::Event(event));
    }

    fn next_id(&mut self) -> CommandId {
        self.number += 1;
        CommandId { boot: self.boot, number: self.number }
    }

    fn index(&self, machine: MachineIx) -> Option<usize> {
        Some(usize::from(machine.0)).filter(|i| *i < self.machines.len())
    }

    fn take_frame(&mut self, mut frame: Frame) {
        let Some(i) = self.index(frame.machine) else { return };
        // A frame from the future or the far past would poison every rate: it is taken as of now.
        frame.time = frame.time.min(self.now);
        let mut raised = std::mem::take(&mut self.raised);
        raised.clear();
        self.machines[i].monitor.observe(&self.plans[i], &frame, &mut raised);
        for channel in raised.drain(..) {
            if let Some(finding) = self.machines[i].monitor.finding(&self.plans[i], channel) {
                self.emit(Body::Finding(finding));
            }
        }
        self.raised = raised;
        self.ask_detectors(i, &frame);
        if self.machines[i].execution.is_some() || self.machines[i].stopping.is_some() {
            self.track_frame(i, &frame);
        }
    }

    fn ask_detectors(&mut self, i: usize, frame: &Frame) {
        let mut claims: Vec<Finding> = Vec::new();
        for (machine, detector) in &mut self.detectors {
            if usize::from(machine.0) == i {
                let good = frame.samples.iter().filter(|s| s.quality == Quality::Good);
                claims.extend(good.filter_map(|s| detector.observe(s, frame.time)));
            }
        }
        claims.into_iter().for_each(|f| self.emit(Body::Finding(f)));
    }

    fn take_link(&mut self, machine: MachineIx, up: bool, detail: String) {
        let Some(i) = self.index(machine) else { return };
        let m = &mut self.machines[i];
        detail.clone_into(&mut m.link_detail);
        let news = m.link_up != up || !(up || self.told_down[i]);
        self.told_down[i] |= !up;
        if news {
            m.link_up = up;
            let machine = m.name.clone();
            self.emit(Body::Link { machine, up, detail });
        }
    }

    /// A cascade makes RED what it reaches; all is decided anew.
    fn take_raise(&mut self, machine: MachineIx, cascade: Option<String>) {
        let Some(i) = self.index(machine) else { return };
        let m = &mut self.machines[i];
        if m.cascade != cascade {
            m.cascade = cascade;
            m.book.open.iter_mut().for_each(|t| t.undecided = true);
            self.decide(i);
            self.set_zone(i);
        }
    }

    /// Once a second for each machine: what is wrong, what may be done, what is late.
    fn keep_house(&mut self, i: usize) {
        let (plan, m) = (&self.plans[i], &self.machines[i]);
        if !m.monitor.announced
            && let Some(channels) = m.monitor.ready(plan)
        {
            let machine = m.name.clone();
            self.machines[i].monitor.announced = true;
            self.emit(Body::Watching { machine, channels });
        }
        let blind = self.blind(i);
        self.follow_lives(i);
        let mut found = self.diagnose(i, blind);
        self.ask_peers(i, &mut found);
        self.add_lives(i, &mut found);
        if !found.is_empty() || !self.machines[i].book.open.is_empty() {
            let (agent, machine) = (self.name.clone(), self.machines[i].name.clone());
            let name = |n: u64| format!("{agent}/{machine}/{n}");
            for change in self.machines[i].book.merge(found, blind, &machine, self.now, name) {
                self.emit(match change {
                    Change::Opened(incident) => Body::IncidentOpened { incident },
                    Change::Updated(incident) => Body::IncidentUpdated { incident },
                    Change::Resolved(incident) => Body::IncidentResolved { incident },
                });
            }
            self.decide(i);
        }
        self.set_zone(i);
        self.expire(i);
        self.track_time(i);
    }

    /// A machine that has fallen silent, or was never reached.
    fn blind(&self, i: usize) -> bool {
        let m = &self.machines[i];
        m.monitor.silent(&self.plans[i], self.now) || (!m.link_up && m.monitor.last_frame.is_none())
    }

    fn diagnose(&self, i: usize, blind: bool) -> Vec<Diagnosis> {
        let (plan, m) = (&self.plans[i], &self.machines[i]);
        if blind {
            let silent = m.monitor.last_good_frame.map_or(0.0, |t| self.now.since(t).as_secs_f64());
            let (stale, polled) = m.monitor.stale_points(plan, self.now);
            let why = if m.link_detail.is_empty() { "no answer" } else { &m.link_detail };
            return vec![Diagnosis {
                threat: Threat {
                    kind: ThreatKind::CommunicationLoss,
                    cause: "link".to_owned(),
                    severity: Severity::Medium,
                    confidence: 0.95,
                    evidence: vec![if stale == polled || stale == 0 {
                        format!("no good value for {silent:.0} s: {why}")
                    } else {
                        format!("{stale} of {polled} points have no good value: {why}")
                    }],
                    over: None,
                },
                channels: Vec::new(),
            }];
        }
        if m.monitor.joint.alarm.is_none() && m.monitor.channels.iter().all(|c| c.claim.is_none()) {
            return Vec::new();
        }
        diagnose(plan, &m.monitor, self.now)
    }

    fn state(&self, i: usize) -> MachineState<'_> {
        let (plan, m) = (&self.plans[i], &self.machines[i]);
        MachineState {
            profile: &plan.profile,
            fresh: m.link_up && m.monitor.last_good_frame.is_some() && !m.monitor.silent(plan, self.now),
            contradictory: m.contradictory || m.monitor.unknown_regime,
            latest: &m.monitor.latest,
        }
    }

    /// The machine's zone is the worst of its incidents'.
    fn set_zone(&mut self, i: usize) {
        let zone = self.machines[i].worst();
        if zone != self.machines[i].zone {
            self.machines[i].zone = zone;
            let machine = self.machines[i].name.clone();
            self.emit(Body::Zone { machine, zone });
        }
        if zone == Zone::Red {
            self.void_all(i, "the zone is RED");
        }
    }
}
