//! How well the sentinel did, held against the twin's own truth.

use aegis_models::event::{Body, Event, Incident};
use aegis_models::{MachineIx, Site, Span, Threat, ThreatKind, Time, Zone};
use aegis_sentinel::{MachineState, Policy, SafetyCircuit};
use aegis_sim::{SensorFault, kinds};
use serde::Serialize;

use crate::expect::last_zone;
use crate::file::Scenario;
use crate::world::machine_configs;

/// The score of one run, or the sum over several.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// Faults that were injected.
    pub faults: u32,
    /// Faults with an incident of a right threat on their machine.
    pub detected: u32,
    /// Faults that had an incident, but only of a wrong threat.
    pub misnamed: u32,
    /// Faults without any incident.
    pub missed: u32,
    /// Incidents on a machine that no fault can explain.
    pub false_alarms: u32,
    /// Incidents whose zone is what the policy says of the truth.
    pub zones_right: u32,
    /// Incidents whose zone is not.
    pub zones_wrong: u32,
    /// From each detected fault's onset to its incident [s].
    pub latencies_s: Vec<f64>,
    /// Harm that came to the process.
    pub damage: u32,
    /// Harm that would have come without the sentinel, and did not.
    pub damage_avoided: u32,
}

impl Score {
    /// Adds another run's.
    pub fn add(&mut self, other: &Score) {
        self.faults += other.faults;
        self.detected += other.detected;
        self.misnamed += other.misnamed;
        self.missed += other.missed;
        self.false_alarms += other.false_alarms;
        self.zones_right += other.zones_right;
        self.zones_wrong += other.zones_wrong;
        self.latencies_s.extend(&other.latencies_s);
        self.damage += other.damage;
        self.damage_avoided += other.damage_avoided;
    }

    /// The median latency [s].
    pub fn median_latency_s(&self) -> Option<f64> {
        let mut sorted = self.latencies_s.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }
}

/// The threats that are right for a fault of a machine kind; the first is best.
pub fn right_threats(kind: &str, fault: &str) -> Vec<ThreatKind> {
    if SensorFault::find(fault).is_some() {
        return vec![ThreatKind::SensorFault];
    }
    let faults = kinds::find(kind).map_or(&[][..], |k| k.faults);
    faults.iter().find(|f| f.name == fault).map_or(vec![], |f| f.threats.to_vec())
}

/// Scores a run. `undefended` counts the harm in the same run without the sentinel.
pub fn score(scenario: &Scenario, site: &Site, events: &[Event], undefended: u32) -> Score {
    let site = scenario.part_of(site);
    let mut all: Vec<Incident> = Vec::new();
    for e in events {
        match &e.body {
            Body::IncidentOpened { incident } => all.push(incident.clone()),
            Body::IncidentUpdated { incident } | Body::IncidentResolved { incident } => {
                if let Some(i) = all.iter_mut().find(|i| i.id == incident.id) {
                    *i = incident.clone();
                }
            }
            _ => {}
        }
    }
    let damage = events.iter().filter(|e| matches!(e.body, Body::Damage { .. })).count() as u32;
    let mut total = Score { damage, damage_avoided: undefended.saturating_sub(damage), ..Score::default() };
    for inject in &scenario.injects {
        let target = inject.target.get_ref();
        let kind = site.find(target).map_or("", |m| site.machine(m).kind.as_str());
        let right = right_threats(kind, inject.fault.get_ref());
        let onset = Time::ZERO.after(inject.onset.0);
        let mine: Vec<&Incident> =
            all.iter().filter(|i| i.machine == *target && i.last_seen >= onset).collect();
        total.faults += 1;
        match mine.iter().find(|i| right.contains(&i.threat.kind)) {
            Some(i) => {
                total.detected += 1;
                total.latencies_s.push(i.first_seen.since(onset).as_secs_f64());
            }
            None if mine.is_empty() => total.missed += 1,
            None => total.misnamed += 1,
        }
    }
    let machines = machine_configs(&site);
    for i in &all {
        let began =
            |target: &str, onset: Span| target == i.machine && i.last_seen >= Time::ZERO.after(onset.0);
        let by_fault = scenario.injects.iter().any(|f| began(f.target.get_ref(), f.onset));
        // A link can lose a machine or spoil its values, and nothing else.
        let by_link = matches!(i.threat.kind, ThreatKind::SensorFault | ThreatKind::CommunicationLoss)
            && scenario.links.iter().any(|l| began(l.target.get_ref(), l.onset));
        if !by_fault && !by_link {
            total.false_alarms += 1;
            continue;
        }
        let Some(ix) = site.find(&i.machine) else { continue };
        if last_zone(events, &i.id).is_some_and(|z| allowed(&site, &machines, ix, i).contains(&z)) {
            total.zones_right += 1;
        } else {
            total.zones_wrong += 1;
        }
    }
    total
}

/// The zones that the policy gives to the incident's threat on a machine in order. RED is never wrong by being careful
/// when an answer was tried in vain, so that it is right beside the policy's own.
fn allowed(
    site: &Site,
    machines: &[aegis_sentinel::MachineConfig],
    ix: MachineIx,
    i: &Incident,
) -> Vec<Zone> {
    let profile = &machines[usize::from(ix.0)].profile;
    debug_assert_eq!(site.machine(ix).name, machines[usize::from(ix.0)].name);
    let nominal: Vec<Option<f64>> = profile.points.iter().map(|p| p.nominal).collect();
    let state = MachineState { profile, fresh: true, contradictory: false, latest: &nominal };
    let threat = Threat { confidence: 1.0, ..i.threat.clone() };
    let zone = SafetyCircuit::new(Policy::built_in()).decide(&threat, &state).zone;
    if zone == Zone::Green { vec![Zone::Green, Zone::Red] } else { vec![zone] }
}
