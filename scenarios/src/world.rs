//! The twin, the sentinel and the people of a scenario in one process, on one virtual clock.
//!
//! How values reach the sentinel and its commands the machines is the tier's: at tier `points` directly, at tier
//! [`wire`](crate::wire) through real bytes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aegis_models::event::{Body, Event, Proposal, Source};
use aegis_models::{ActionKind, Command, Frame, MachineIx, Seed, Site, Time, limits};
use aegis_sentinel::approval::Answer;
use aegis_sentinel::{
    Agent, AgentConfig, Correlator, Input, MachineConfig, Output, Policy, SigningKey, Stop, Verdict,
    WriteOutcome,
};
use aegis_sim::fault::{CLOCK_SKEW, MAINS_SAG};
use aegis_sim::link::{Line, LinkFault, LinkKind};
use aegis_sim::record::{BadRecording, Recorder};
use aegis_sim::{
    BadTwin, FaultPlan, Intermittent, Layer, PersonFault, SensorFault, Twin, TwinOptions, kinds,
};

use crate::file::{Deed, Inject, Link, Operator, Scenario};

/// A crew reaches a machine this long after its maintenance was approved, and renews what wears.
const CREW: Duration = Duration::from_secs(180);

/// How long the sentinel waits for a machine whose link has no frames: what a configuration that does not say gives it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The harness signs for its operators with this key. A real sentinel trusts the hub's.
pub fn operator_key() -> SigningKey {
    SigningKey::from_secret(*b"aegis harness: not a secret key!")
}

/// A scenario at work.
pub struct World {
    /// The machines.
    pub twin: Twin,
    agent: Agent,
    correlator: Correlator,
    correlation_seq: u64,
    site: Site,
    scenario: Scenario,
    appointments: Vec<Appointment>,
    operator_seq: u64,
    stop_serial: u64,
    order: u64,
    orders: Vec<Command>,
    /// The wires of machines whose links have faults.
    lines: BTreeMap<MachineIx, Line>,
    /// Links that the sentinel has been told are down, at tier `points`.
    down: Vec<MachineIx>,
    /// All that has been told so far, in order.
    pub events: Vec<Event>,
    recorder: Option<Recorder>,
}

/// Something a person will do.
struct Appointment {
    at: Time,
    what: Task,
}

enum Task {
    Answer(Proposal, Deed),
    Acknowledge(String),
    Stop(String),
    Set(MachineIx, String, f64),
    Service(MachineIx),
}

/// The machines of a site as an agent is told of them.
pub fn machine_configs(site: &Site) -> Vec<MachineConfig> {
    let machines = (0..site.machines.len()).map(|i| MachineIx(i as u16));
    machines.map(|m| MachineConfig::new(site.machine(m).name.clone(), Arc::clone(site.profile(m)))).collect()
}

/// An agent over a site's machines, as the harness runs it.
pub fn agent_for(site: &Site, now: Time) -> Agent {
    let config = AgentConfig {
        name: "fab".to_owned(),
        boot: 1,
        key: Some(operator_key().public()),
        policy: Policy::built_in(),
        machines: machine_configs(site),
    };
    Agent::new(config, now)
}

/// The plan of an inject. The file has been checked.
pub fn fault_plan(inject: &Inject, site: &Site) -> FaultPlan {
    let machine = site.find(inject.target.get_ref()).expect("checked with the file");
    let kind = &site.machine(machine).kind;
    let name = inject.fault.get_ref();
    let point = || {
        let profile = site.profile(machine);
        let point = inject.point.as_ref().and_then(|p| profile.point_ix(p.get_ref()));
        point.expect("checked with the file")
    };
    let (layer, typical) = match (SensorFault::find(name), PersonFault::find(name)) {
        (Some(sensor), _) => (Layer::Sensor(point(), sensor), 0.0),
        (_, Some(PersonFault::WrongRecipe)) => (Layer::WrongRecipe(point()), 0.0),
        (_, Some(_)) => (Layer::SkippedMaintenance, 1.0),
        _ if name == CLOCK_SKEW => (Layer::Clock, 0.0),
        _ if name == MAINS_SAG => (Layer::Mains, 0.0),
        _ => {
            let faults = kinds::find(kind).map_or(&[][..], |k| k.faults);
            let spec = faults.iter().find(|f| f.name == name).expect("checked with the file");
            (Layer::Process, spec.typical)
        }
    };
    FaultPlan {
        machine: usize::from(machine.0),
        name: name.clone(),
        layer,
        onset: Time::ZERO.after(inject.onset.0),
        ramp: inject.ramp.0,
        duration: inject.duration.map(|d| d.0),
        intermittent: inject.intermittent.map(|i| Intermittent { period: i.period.0, duty: i.duty }),
        magnitude: inject.magnitude.unwrap_or(typical),
    }
}

/// The fault of a link. The file has been checked.
pub fn link_fault(link: &Link) -> LinkFault {
    LinkFault {
        kind: link.fault,
        onset: Time::ZERO.after(link.onset.0),
        duration: link.duration.map(|d| d.0),
        share: link.share,
        delay: link.delay.unwrap_or_default().0,
        rate: link.rate.unwrap_or(f64::INFINITY),
        toward: link.toward,
    }
}

/// The lines of the machines whose links have faults.
pub fn lines(scenario: &Scenario, site: &Site, seed: Seed, pace: f64) -> BTreeMap<MachineIx, Line> {
    let mut lines = BTreeMap::new();
    for (i, entry) in site.machines.iter().enumerate() {
        let mine = |l: &&Link| l.target.get_ref() == &entry.name;
        let faults: Vec<LinkFault> = scenario.links.iter().filter(mine).map(link_fault).collect();
        if let (false, Some(first)) = (faults.is_empty(), entry.endpoints.first()) {
            lines.insert(MachineIx(i as u16), Line::new(&entry.name, first.protocol, faults, seed, pace));
        }
    }
    lines
}

/// A twin with a scenario's faults planned; those of links it only tells. `site` is the scenario's part of the site.
pub fn twin_for(scenario: &Scenario, site: &Site, seed: Seed) -> Result<Twin, BadTwin> {
    let mut twin = Twin::new(site, &TwinOptions { seed, noise: true })?;
    for inject in &scenario.injects {
        twin.plan(fault_plan(inject, site))?;
    }
    for link in &scenario.links {
        let machine = site.find(link.target.get_ref()).expect("checked with the file");
        twin.plan(FaultPlan {
            machine: usize::from(machine.0),
            name: format!("link_{}", link.fault.name()),
            layer: Layer::Link,
            onset: Time::ZERO.after(link.onset.0),
            ramp: Duration::ZERO,
            duration: link.duration.map(|d| d.0),
            intermittent: None,
            magnitude: link.share,
        })?;
    }
    Ok(twin)
}

impl World {
    /// A scenario about to begin.
    pub fn new(
        scenario: &Scenario,
        site: &Site,
        seed: Seed,
        recorder: Option<Recorder>,
    ) -> Result<World, BadTwin> {
        let site = scenario.part_of(site);
        let planned = |o: &Operator| {
            let target = o.target.get_ref();
            let what = match (o.does, &o.point, o.value) {
                (Deed::Stop, ..) => Task::Stop(target.clone()),
                (Deed::Set, Some(point), Some(value)) => {
                    Task::Set(site.find(target)?, point.get_ref().clone(), value)
                }
                _ => return None,
            };
            Some(Appointment { at: Time::ZERO.after(o.after.0), what })
        };
        let appointments = scenario.operators.iter().filter_map(planned).collect();
        Ok(World {
            twin: twin_for(scenario, &site, seed)?,
            lines: lines(scenario, &site, seed, 1.0),
            agent: agent_for(&site, Time::ZERO),
            correlator: Correlator::new(&site),
            correlation_seq: 0,
            site,
            scenario: scenario.clone(),
            appointments,
            operator_seq: 0,
            stop_serial: 0,
            order: 0,
            orders: Vec::new(),
            down: Vec::new(),
            events: Vec::new(),
            recorder,
        })
    }

    /// Lives through one base step at tier `points`.
    pub fn step(&mut self) -> Result<(), BadRecording> {
        let mut frames = Vec::new();
        let now = self.advance(&mut frames)?;
        self.tell_links(now)?;
        for frame in frames {
            if self.passes(frame.machine) {
                self.hear(now, frame)?;
                self.carry_out(now)?;
            }
        }
        self.go_about(now)?;
        self.carry_out(now)
    }

    /// At tier `points` a link stands or does not.
    fn tell_links(&mut self, now: Time) -> Result<(), BadRecording> {
        for i in 0..self.site.machines.len() {
            let machine = MachineIx(i as u16);
            let (lost, was) = (self.lost(machine, now), self.down.contains(&machine));
            if lost.is_some() != was {
                self.down.retain(|m| *m != machine);
                if lost.is_some() {
                    self.down.push(machine);
                }
                let detail = lost.unwrap_or_default().to_owned();
                self.say(now, Input::Link { machine, up: lost.is_none(), detail })?;
                self.carry_out(now)?;
            }
        }
        Ok(())
    }

    /// Why a link without frames does not stand, as the sentinel would find out: of a cut it is told, and where all
    /// vanishes its own time-out tells it.
    pub fn lost(&self, machine: MachineIx, now: Time) -> Option<&'static str> {
        let name = &self.site.machine(machine).name;
        let mine = |l: &&Link| l.target.get_ref() == name;
        let mut at_work = self.scenario.links.iter().filter(mine).map(link_fault).filter(|l| l.active(now));
        at_work.find_map(|l| match l.kind {
            LinkKind::Cut => Some("the link is cut"),
            LinkKind::HalfOpen if now >= l.onset.after(PATIENCE) => Some("nothing has come in time"),
            _ => None,
        })
    }

    /// Whether values pass a machine's link that has no frames.
    pub fn passes(&self, machine: MachineIx) -> bool {
        self.lines.get(&machine).is_none_or(|line| !line.is_dead())
    }

    /// The wire of a machine, if something goes wrong there.
    pub fn line(&self, machine: MachineIx) -> Option<&Line> {
        self.lines.get(&machine)
    }

    /// Moves the machines by one base step. What their instruments show is not yet the sentinel's.
    pub fn advance(&mut self, frames: &mut Vec<Frame>) -> Result<Time, BadRecording> {
        self.twin.step(frames);
        for event in self.twin.take_truth() {
            self.tell(event)?;
        }
        let now = self.twin.now();
        self.lines.values().for_each(|line| line.advance(now));
        for frame in frames {
            if let Some(line) = self.lines.get(&frame.machine) {
                line.blemish(frame);
            }
        }
        Ok(now)
    }

    /// Gives the sentinel a machine's values.
    pub fn hear(&mut self, now: Time, frame: Frame) -> Result<(), BadRecording> {
        if let Some(r) = &mut self.recorder {
            r.frame(self.order, &frame)?;
        }
        self.order += 1;
        self.agent.handle(now, Input::Frame(frame));
        self.drain(now)
    }

    /// Tells the sentinel something that is no frame, and keeps it for replay.
    pub fn say(&mut self, now: Time, input: Input) -> Result<(), BadRecording> {
        self.put(now, input)?;
        self.drain(now)
    }

    /// People do what they have to do, and the sentinel's own deadlines are kept.
    pub fn go_about(&mut self, now: Time) -> Result<(), BadRecording> {
        self.keep_appointments(now)?;
        if self.agent.poll_timeout().is_some_and(|t| t <= now) {
            self.say(now, Input::Tick)?;
        }
        Ok(())
    }

    /// The writes that the sentinel has ordered since the last call.
    pub fn take_orders(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.orders)
    }

    /// Hands every order to its machine at once.
    fn carry_out(&mut self, now: Time) -> Result<(), BadRecording> {
        while !self.orders.is_empty() {
            for command in self.take_orders() {
                let refused = |reason: &str| WriteOutcome::Refused { reason: reason.to_owned() };
                let outcome = match self.site.find(&command.machine) {
                    None => refused("no such machine"),
                    Some(m) if self.down.contains(&m) => refused("not connected: nothing was sent"),
                    Some(m) => match self.twin.command(m, &command) {
                        Ok(()) => WriteOutcome::Accepted,
                        Err(refusal) => refused(&refusal.to_string()),
                    },
                };
                self.say(now, Input::Written { id: command.id, outcome })?;
            }
        }
        Ok(())
    }

    /// The end: what was recorded is complete.
    pub fn finish(self) -> Result<Vec<Event>, BadRecording> {
        if let Some(recorder) = self.recorder {
            recorder.finish()?;
        }
        Ok(self.events)
    }

    fn tell(&mut self, event: Event) -> Result<(), BadRecording> {
        if let Some(r) = &mut self.recorder {
            r.event(&event)?;
        }
        self.events.push(event);
        Ok(())
    }

    fn put(&mut self, now: Time, input: Input) -> Result<(), BadRecording> {
        if let Some(r) = &mut self.recorder {
            r.input(self.order, now, &input)?;
        }
        self.order += 1;
        self.agent.handle(now, input);
        Ok(())
    }

    fn drain(&mut self, now: Time) -> Result<(), BadRecording> {
        self.drain_agent(now)?;
        while let Some(verdict) = self.correlator.poll() {
            match verdict {
                Verdict::Tell(body) => {
                    self.correlation_seq += 1;
                    let (source, seq) = (Source::Correlation, self.correlation_seq);
                    self.tell(Event { time: now, source, seq, body })?;
                }
                Verdict::Raise { machine, cascade } => {
                    self.put(now, Input::Raise { machine, cascade })?;
                    self.drain_agent(now)?;
                }
            }
        }
        Ok(())
    }

    fn drain_agent(&mut self, now: Time) -> Result<(), BadRecording> {
        while let Some(output) = self.agent.poll() {
            match output {
                Output::Event(event) => {
                    self.make_appointments(&event, now);
                    self.correlator.observe(&event);
                    self.tell(event)?;
                }
                // Nothing outlives this process, so that an intent is as durable at once as it will ever be.
                Output::Intend(id) => self.put(now, Input::Durable { id })?,
                Output::Write(command) => self.orders.push(command),
            }
        }
        Ok(())
    }

    /// People react to what they are shown.
    fn make_appointments(&mut self, event: &Event, now: Time) {
        let theirs = |machine: &str, does: &[Deed]| -> Vec<Operator> {
            let fits = |o: &&Operator| o.target.get_ref() == machine && does.contains(&o.does);
            self.scenario.operators.iter().filter(fits).cloned().collect()
        };
        let mut new = Vec::new();
        match &event.body {
            Body::Proposal(p) => {
                for o in theirs(&p.machine, &[Deed::Approve, Deed::WronglyApprove, Deed::Reject]) {
                    let what = Task::Answer(p.clone(), o.does);
                    new.push(Appointment { at: now.after(o.after.0), what });
                }
            }
            Body::IncidentOpened { incident } => {
                for o in theirs(&incident.machine, &[Deed::Acknowledge]) {
                    let what = Task::Acknowledge(incident.id.clone());
                    new.push(Appointment { at: now.after(o.after.0), what });
                }
            }
            Body::Done { machine, action, .. } if action.kind == ActionKind::ScheduleMaintenance => {
                if let Some(ix) = self.site.find(machine) {
                    new.push(Appointment { at: now.after(CREW), what: Task::Service(ix) });
                }
            }
            _ => {}
        }
        self.appointments.extend(new);
    }

    fn keep_appointments(&mut self, now: Time) -> Result<(), BadRecording> {
        while let Some(k) = self.appointments.iter().position(|a| a.at <= now) {
            let task = self.appointments.remove(k).what;
            let input = self.perform(task, now)?;
            if let Some(input) = input {
                self.say(now, input)?;
            }
        }
        Ok(())
    }

    fn perform(&mut self, task: Task, now: Time) -> Result<Option<Input>, BadRecording> {
        const WHO: &str = "operator";
        Ok(Some(match task {
            Task::Answer(proposal, deed) => {
                let approve = deed != Deed::Reject;
                if deed == Deed::WronglyApprove
                    && let Some(machine) = self.site.find(&proposal.machine)
                {
                    self.twin.tell_fault(machine, PersonFault::WrongApproval.common().name);
                }
                let body = Body::Answer { nonce: proposal.nonce, approve, approver: WHO.to_owned() };
                self.tell_operator(now, body)?;
                Input::Answer(operator_key().sign_answer(Answer::to(&proposal, approve, WHO)))
            }
            Task::Acknowledge(incident) => Input::Acknowledge { incident },
            Task::Stop(machine) => {
                self.stop_serial += 1;
                let expires = now.after(Duration::from_secs(30));
                let stop = Stop { machine, serial: self.stop_serial, expires, operator: WHO.to_owned() };
                Input::Stop(operator_key().sign_stop(stop))
            }
            Task::Service(machine) => {
                self.twin.service(machine);
                return Ok(None);
            }
            Task::Set(machine, point, value) => {
                // At the panel: the sentinel sees only that it has changed. A machine that refuses keeps what it had.
                let name = self.site.machine(machine).name.clone();
                let id = aegis_models::CommandId { boot: 0, number: 0 };
                let _ = self.twin.command(machine, &Command { id, machine: name, point, value });
                return Ok(None);
            }
        }))
    }

    fn tell_operator(&mut self, now: Time, body: Body) -> Result<(), BadRecording> {
        self.operator_seq += 1;
        self.tell(Event { time: now, source: Source::Operator, seq: self.operator_seq, body })
    }
}

const _: () = assert!(limits::OUTPUTS_PER_AGENT > 1_000);
