//! The twin and the sentinel in one process, on one virtual clock: the tier `points`.

use std::sync::Arc;
use std::time::Duration;

use aegis_models::event::{Body, Event, Proposal, Source};
use aegis_models::{ActionKind, Frame, MachineIx, Profile, Seed, Site, Time, limits};
use aegis_plant::machines;
use aegis_sentinel::approval::Answer;
use aegis_sentinel::{
    Agent, AgentConfig, Input, MachineConfig, Output, Policy, SigningKey, Stop, WriteOutcome,
};
use aegis_sim::record::{BadRecording, Recorder};
use aegis_sim::{BadTwin, FaultPlan, Layer, SensorFault, Twin, TwinOptions};

use crate::file::{Deed, Inject, Operator, Scenario};

/// A crew reaches a machine this long after its maintenance was approved, and renews what wears.
const CREW: Duration = Duration::from_secs(180);

/// The harness signs for its operators with this key. A real sentinel trusts the hub's.
pub fn operator_key() -> SigningKey {
    SigningKey::from_secret(*b"aegis harness: not a secret key!")
}

/// A scenario at work.
pub struct World {
    /// The machines.
    pub twin: Twin,
    agent: Agent,
    site: Site,
    scenario: Scenario,
    appointments: Vec<Appointment>,
    operator_seq: u64,
    stop_serial: u64,
    order: u64,
    frames: Vec<Frame>,
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
    Answer(Proposal, bool),
    Acknowledge(String),
    Stop(String),
    Service(MachineIx),
}

/// The machines of a site as an agent is told of them.
pub fn machine_configs(site: &Site) -> Vec<MachineConfig> {
    let mut profiles: Vec<(String, Arc<Profile>)> = Vec::new();
    let mut profile = |kind: &str| match profiles.iter().find(|(k, _)| k == kind) {
        Some((_, p)) => Arc::clone(p),
        None => {
            let p = Arc::new(Profile::built_in(kind).expect("the site is checked"));
            profiles.push((kind.to_owned(), Arc::clone(&p)));
            p
        }
    };
    site.machines.iter().map(|m| MachineConfig::new(m.name.clone(), profile(&m.kind))).collect()
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
    let (layer, typical) = match SensorFault::find(name) {
        Some(sensor) => {
            let profile = Profile::built_in(kind).expect("checked with the site");
            let point = inject.point.as_ref().and_then(|p| profile.point_ix(p.get_ref()));
            (Layer::Sensor(point.expect("checked with the file"), sensor), 0.0)
        }
        None => {
            let faults = machines::find(kind).map_or(&[][..], |k| k.faults);
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
        magnitude: inject.magnitude.unwrap_or(typical),
    }
}

/// A twin with a scenario's faults planned. `site` is the scenario's part of the site.
pub fn twin_for(scenario: &Scenario, site: &Site, seed: Seed) -> Result<Twin, BadTwin> {
    let mut twin = Twin::new(site, &TwinOptions { seed, noise: true })?;
    for inject in &scenario.injects {
        twin.plan(fault_plan(inject, site))?;
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
        let stops = scenario.operators.iter().filter(|o| o.does == Deed::Stop);
        let appointments = stops
            .map(|o| Appointment {
                at: Time::ZERO.after(o.after.0),
                what: Task::Stop(o.target.get_ref().clone()),
            })
            .collect();
        Ok(World {
            twin: twin_for(scenario, &site, seed)?,
            agent: agent_for(&site, Time::ZERO),
            site,
            scenario: scenario.clone(),
            appointments,
            operator_seq: 0,
            stop_serial: 0,
            order: 0,
            frames: Vec::new(),
            events: Vec::new(),
            recorder,
        })
    }

    /// Lives through one base step.
    pub fn step(&mut self) -> Result<(), BadRecording> {
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear();
        self.twin.step(&mut frames);
        let now = self.twin.now();
        for event in self.twin.take_truth() {
            self.tell(event)?;
        }
        for frame in frames.drain(..) {
            if let Some(r) = &mut self.recorder {
                r.frame(self.order, &frame)?;
            }
            self.order += 1;
            self.agent.handle(now, Input::Frame(frame));
            self.drain(now)?;
        }
        self.frames = frames;
        self.keep_appointments(now)?;
        if self.agent.poll_timeout().is_some_and(|t| t <= now) {
            self.say(now, Input::Tick)?;
            self.drain(now)?;
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

    /// Tells the agent something that is no frame, and keeps it for replay.
    fn say(&mut self, now: Time, input: Input) -> Result<(), BadRecording> {
        if let Some(r) = &mut self.recorder {
            r.input(self.order, now, &input)?;
        }
        self.order += 1;
        self.agent.handle(now, input);
        Ok(())
    }

    fn drain(&mut self, now: Time) -> Result<(), BadRecording> {
        while let Some(output) = self.agent.poll() {
            match output {
                Output::Event(event) => {
                    self.make_appointments(&event, now);
                    self.tell(event)?;
                }
                // Nothing outlives this process, so that an intent is as durable at once as it will ever be.
                Output::Intend(id) => self.say(now, Input::Durable { id })?,
                Output::Write(command) => {
                    let machine = self.site.find(&command.machine);
                    let result = machine.map(|m| self.twin.command(m, &command));
                    let outcome = match result {
                        Some(Ok(())) => WriteOutcome::Accepted,
                        Some(Err(refusal)) => WriteOutcome::Refused { reason: refusal.to_string() },
                        None => WriteOutcome::Refused { reason: "no such machine".to_owned() },
                    };
                    self.say(now, Input::Written { id: command.id, outcome })?;
                }
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
                for o in theirs(&p.machine, &[Deed::Approve, Deed::Reject]) {
                    let what = Task::Answer(p.clone(), o.does == Deed::Approve);
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
                self.drain(now)?;
            }
        }
        Ok(())
    }

    fn perform(&mut self, task: Task, now: Time) -> Result<Option<Input>, BadRecording> {
        const WHO: &str = "operator";
        Ok(Some(match task {
            Task::Answer(proposal, approve) => {
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
        }))
    }

    fn tell_operator(&mut self, now: Time, body: Body) -> Result<(), BadRecording> {
        self.operator_seq += 1;
        self.tell(Event { time: now, source: Source::Operator, seq: self.operator_seq, body })
    }
}

const _: () = assert!(limits::OUTPUTS_PER_AGENT > 1_000);
