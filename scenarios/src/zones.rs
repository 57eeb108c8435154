//! Holds each decision of a run against what the policy says of the truth at that moment, and each write against RED.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use aegis_models::event::{Body, Event, ExecutionStep};
use aegis_models::{MachineIx, Site, ThreatKind, Time, Zone};
use aegis_sentinel::{Policy, SafetyCircuit};
use aegis_sim::{FaultPlan, Twin};
use serde::Serialize;

use crate::file::Scenario;
use crate::rulings::{Ruling, Rulings};
use crate::truth::{Reached, Truth, right_threats, value};
use crate::world::{fault_plan, link_fault};

/// The truth is looked at so often [steps].
const EVERY: u64 = 10;
/// What was true within so many seconds is still the moment's truth: severity is read from smoothed values, and a milder
/// one is believed after a minute (`sentinel/core/src/incident.rs`).
const REMEMBERED_S: usize = 90;

/// Looks at true values while a run goes on, and judges the decisions that come.
pub struct Zones {
    watched: Vec<Watched>,
    /// The machines that each fault reaches, of those that reach several: RED is right there, as for every cascade.
    cascades: Vec<Vec<Reached>>,
    cursor: usize,
    /// The threat of each incident as it was last told.
    named: BTreeMap<String, ThreatKind>,
    causes: BTreeMap<String, String>,
    standing: BTreeMap<String, Zone>,
    /// Machines on which an answer was tried in vain: RED is right there beside the policy's own.
    in_vain: BTreeSet<String>,
    /// What was found.
    pub verdict: ZoneVerdict,
}

/// How the decisions and writes of a run stand to the truth.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ZoneVerdict {
    /// Decisions over faulty machines in the zone that the policy gives to the truth.
    pub right: u32,
    /// Decisions in another.
    pub wrong: u32,
    /// Commands that the sentinel sent to a machine in RED, or where the truth is RED.
    pub writes_in_red: u32,
    /// Each wrong decision and forbidden write, in words.
    pub flaws: Vec<String>,
}

/// A fault and what the policy has lately said of it.
struct Watched {
    machine: MachineIx,
    name: String,
    plan: FaultPlan,
    rulings: Rulings,
    recent: VecDeque<Vec<Ruling>>,
}

impl Zones {
    /// About a scenario's faults. `site` is its part of the site.
    pub fn new(scenario: &Scenario, site: &Site, truths: &[Truth]) -> Zones {
        let circuit = SafetyCircuit::new(Policy::built_in());
        let watched = scenario.injects.iter().map(|inject| {
            let plan = fault_plan(inject, site);
            let entry = &site.machines[plan.machine];
            let machine = MachineIx(plan.machine as u16);
            let profile = Arc::clone(site.profile(machine));
            let threats = right_threats(&entry.kind, inject);
            Watched {
                machine,
                name: entry.name.clone(),
                plan,
                rulings: Rulings::new(circuit.clone(), profile, threats),
                recent: VecDeque::new(),
            }
        });
        Zones {
            watched: watched.collect(),
            cascades: truths.iter().filter(|t| t.chain.len() > 1).map(|t| t.chain.clone()).collect(),
            cursor: 0,
            named: BTreeMap::new(),
            causes: BTreeMap::new(),
            standing: BTreeMap::new(),
            in_vain: BTreeSet::new(),
            verdict: ZoneVerdict::default(),
        }
    }

    /// Looks once, after step `n`.
    pub fn look(&mut self, scenario: &Scenario, twin: &Twin, events: &[Event], n: u64) {
        if n.is_multiple_of(EVERY) {
            for w in self.watched.iter_mut().filter(|w| twin.now() >= w.plan.onset) {
                w.recent.push_back(w.rulings.of(&|p| value(twin, w.machine, p)));
                if w.recent.len() > REMEMBERED_S {
                    w.recent.pop_front();
                }
            }
        }
        for event in &events[self.cursor..] {
            self.take(scenario, event);
        }
        self.cursor = events.len();
    }

    fn take(&mut self, scenario: &Scenario, event: &Event) {
        match &event.body {
            Body::IncidentOpened { incident } | Body::IncidentUpdated { incident } => {
                self.named.insert(incident.id.clone(), incident.threat.kind);
                self.causes.insert(incident.id.clone(), incident.threat.cause.clone());
            }
            Body::Zone { machine, zone } => {
                self.standing.insert(machine.clone(), *zone);
            }
            Body::Decision { incident, machine, zone, .. } => {
                self.judge(scenario, incident, machine, *zone, event.time);
            }
            Body::Execution { incident, command, step, .. } => match step {
                ExecutionStep::Sent => self.judge_write(incident, &command.machine, event.time),
                ExecutionStep::NoEffect | ExecutionStep::Refused | ExecutionStep::Held => {
                    self.in_vain.insert(command.machine.clone());
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// The zones that the policy gave to the truth of a machine lately. Where one of the faults' right diagnoses has the
    /// incident's own cause, that one counts; else all that are right.
    fn allowed(&self, incident: &str, machine: &str) -> BTreeSet<Zone> {
        let kind = self.named.get(incident);
        let cause = self.causes.get(incident);
        let recent = || {
            let mine = self.watched.iter().filter(move |w| w.name == machine);
            mine.flat_map(|w| w.recent.iter().flatten())
        };
        let same = |r: &&Ruling| Some(&r.threat) == kind && Some(&r.cause) == cause;
        let exact: BTreeSet<Zone> = recent().filter(same).map(|r| r.zone).collect();
        if exact.is_empty() { recent().map(|r| r.zone).collect() } else { exact }
    }

    fn judge(&mut self, scenario: &Scenario, incident: &str, machine: &str, zone: Zone, at: Time) {
        let mut allowed = self.allowed(incident, machine);
        // Where nothing is wrong with the machine itself, there is no truth to hold a zone against.
        if allowed.is_empty() {
            return;
        }
        let mine = scenario.links.iter().filter(|l| l.target.get_ref() == machine);
        let blind = mine.map(link_fault).any(|l| at >= l.onset);
        let reached = |r: &Reached| r.machine == machine && r.at <= at;
        let cascade = self.cascades.iter().any(|c| c.iter().any(reached));
        if blind || cascade || self.in_vain.contains(machine) {
            allowed.insert(Zone::Red);
        }
        if allowed.contains(&zone) {
            self.verdict.right += 1;
            return;
        }
        self.verdict.wrong += 1;
        let right: Vec<String> = allowed.iter().map(Zone::to_string).collect();
        let named = self.named.get(incident).map_or("nothing".to_owned(), ThreatKind::to_string);
        self.verdict.flaws.push(format!(
            "{machine} at {at}: {named} is decided {zone}, where the truth is {}",
            right.join(" or ")
        ));
    }

    fn judge_write(&mut self, incident: &str, machine: &str, at: Time) {
        // A person's own stop belongs to no incident, and passes in every zone.
        if !self.named.contains_key(incident) {
            return;
        }
        let truth = self.allowed(incident, machine);
        let truly_red = !truth.is_empty() && truth.iter().all(|z| *z == Zone::Red);
        if self.standing.get(machine) == Some(&Zone::Red) || truly_red {
            self.verdict.writes_in_red += 1;
            let why = if truly_red { "the truth is RED" } else { "the machine stands in RED" };
            self.verdict.flaws.push(format!("{machine} at {at}: a command is sent where {why}"));
        }
    }
}
