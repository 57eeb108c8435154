//! How well the sentinel did, held against the twin's own truth.

use std::collections::BTreeMap;

use aegis_models::event::{Body, Event, Incident};
use aegis_models::{ThreatKind, Time};
use serde::Serialize;

use crate::file::Scenario;
use crate::truth::{Sort, Truth, Truths};
use crate::zones::ZoneVerdict;

/// The score of one run, or the sum over several.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// Faults that could be seen and should be named.
    pub faults: u32,
    /// Faults with an incident of a right threat on their machine.
    pub detected: u32,
    /// Faults that had an incident, but only of a wrong threat.
    pub misnamed: u32,
    /// Faults without any incident.
    pub missed: u32,
    /// Incidents in all.
    pub incidents: u32,
    /// Incidents on machines that a fault of another machine had truly reached.
    pub effects: u32,
    /// Incidents that nothing true can explain.
    pub false_alarms: u32,
    /// Decisions whose zone is what the policy says of the truth.
    pub zones_right: u32,
    /// Decisions whose zone is not.
    pub zones_wrong: u32,
    /// Commands that the sentinel sent in RED.
    pub writes_in_red: u32,
    /// From the moment at which each detected fault could first be seen to its incident [s].
    pub latencies_s: Vec<f64>,
    /// The same over the time from that moment to the first harm, or to the end of the run where none came [-].
    pub hastes: Vec<f64>,
    /// Harm that came to the process.
    pub damage: u32,
    /// Harm that would have come without the sentinel, and did not.
    pub damage_avoided: u32,
    /// For each best right threat how often each threat was named on the machine.
    pub confusion: BTreeMap<String, BTreeMap<String, u32>>,
    /// For each layer its faults, those found, and those named right.
    pub layers: BTreeMap<Sort, [u32; 3]>,
    /// What was missed, misnamed, false or in the wrong zone, in words.
    pub flaws: Vec<String>,
}

/// A fault that has no incident on its machine is named so in the confusion table.
pub const NOTHING: &str = "(missed)";
/// A false alarm has this truth in the confusion table.
pub const HEALTHY: &str = "(healthy)";

impl Score {
    /// Adds another run's.
    pub fn add(&mut self, other: &Score) {
        self.faults += other.faults;
        self.detected += other.detected;
        self.misnamed += other.misnamed;
        self.missed += other.missed;
        self.incidents += other.incidents;
        self.effects += other.effects;
        self.false_alarms += other.false_alarms;
        self.zones_right += other.zones_right;
        self.zones_wrong += other.zones_wrong;
        self.writes_in_red += other.writes_in_red;
        self.latencies_s.extend(&other.latencies_s);
        self.hastes.extend(&other.hastes);
        self.damage += other.damage;
        self.damage_avoided += other.damage_avoided;
        for (layer, counts) in &other.layers {
            let mine = self.layers.entry(*layer).or_default();
            mine.iter_mut().zip(counts).for_each(|(a, b)| *a += b);
        }
        for (truth, row) in &other.confusion {
            for (named, n) in row {
                *self.confusion.entry(truth.clone()).or_default().entry(named.clone()).or_default() += n;
            }
        }
        self.flaws.extend(other.flaws.iter().cloned());
    }

    /// The median latency [s].
    pub fn median_latency_s(&self) -> Option<f64> {
        median(&self.latencies_s)
    }

    /// The median share of the time to harm that went by unseen [-].
    pub fn median_haste(&self) -> Option<f64> {
        median(&self.hastes)
    }

    /// Faults found over faults that could be seen [-].
    pub fn recall(&self) -> Option<f64> {
        share(self.detected + self.misnamed, self.faults)
    }

    /// Incidents that something true explains over all [-].
    pub fn precision(&self) -> Option<f64> {
        share(self.incidents - self.false_alarms, self.incidents)
    }

    /// Faults named right over those found [-].
    pub fn diagnosis(&self) -> Option<f64> {
        share(self.detected, self.detected + self.misnamed)
    }

    /// Decisions in the right zone over all that can be judged [-].
    pub fn zones(&self) -> Option<f64> {
        share(self.zones_right, self.zones_right + self.zones_wrong)
    }

    fn count(&mut self, truth: String, named: String) {
        *self.confusion.entry(truth).or_default().entry(named).or_default() += 1;
    }
}

fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// Scores a run.
pub fn score(scenario: &Scenario, events: &[Event], truths: &Truths, zones: &ZoneVerdict) -> Score {
    let incidents = last_of_each(events);
    let damage = events.iter().filter(|e| matches!(e.body, Body::Damage { .. })).count() as u32;
    let mut total = Score {
        incidents: incidents.len() as u32,
        damage,
        damage_avoided: truths.undefended.saturating_sub(damage),
        zones_right: zones.right,
        zones_wrong: zones.wrong,
        writes_in_red: zones.writes_in_red,
        flaws: zones.flaws.clone(),
        ..Score::default()
    };
    let end = Time::ZERO.after(scenario.duration.0);
    // What a person does wrong is counted only where something need be said; what no instrument shows, not at all.
    for t in truths.faults.iter().filter(|t| !t.threats.is_empty()) {
        if let Some(observable) = t.observable {
            score_fault(&mut total, t, observable, &incidents, end);
        }
    }
    for i in &incidents {
        match explanation(scenario, truths, i) {
            Explanation::Fault | Explanation::Link => {}
            Explanation::Effect => total.effects += 1,
            Explanation::None => {
                total.false_alarms += 1;
                total.count(HEALTHY.to_owned(), i.threat.kind.to_string());
                let (kind, cause) = (i.threat.kind, &i.threat.cause);
                total.flaws.push(format!("{} at {}: false alarm, {kind} ({cause})", i.machine, i.first_seen));
            }
        }
    }
    total
}

/// Every incident as it was last told.
fn last_of_each(events: &[Event]) -> Vec<Incident> {
    let mut all: Vec<Incident> = Vec::new();
    for e in events {
        match &e.body {
            Body::IncidentOpened { incident }
            | Body::IncidentUpdated { incident }
            | Body::IncidentResolved { incident } => match all.iter_mut().find(|i| i.id == incident.id) {
                Some(i) => *i = incident.clone(),
                None => all.push(incident.clone()),
            },
            _ => {}
        }
    }
    all
}

fn score_fault(total: &mut Score, t: &Truth, observable: Time, incidents: &[Incident], end: Time) {
    let mine: Vec<&Incident> =
        incidents.iter().filter(|i| i.machine == t.machine && i.last_seen >= t.onset).collect();
    let truth = t.threats[0].to_string();
    total.faults += 1;
    let layer = total.layers.entry(t.layer).or_default();
    layer[0] += 1;
    layer[1] += u32::from(!mine.is_empty());
    layer[2] += u32::from(mine.iter().any(|i| t.threats.contains(&i.threat.kind)));
    let what = format!("{} {} from {}", t.machine, t.fault, t.onset);
    let right = mine.iter().filter(|i| t.threats.contains(&i.threat.kind));
    if let Some(first) = right.min_by_key(|i| i.first_seen) {
        total.detected += 1;
        let latency = first.first_seen.since(observable).as_secs_f64();
        total.latencies_s.push(latency);
        let time = t.harm.unwrap_or(end).since(observable).as_secs_f64();
        total.hastes.push(latency / time.max(1.0));
        total.count(truth, first.threat.kind.to_string());
        return;
    }
    match mine.first() {
        None => {
            total.missed += 1;
            total.count(truth.clone(), NOTHING.to_owned());
            total.flaws.push(format!("{what}: missed, {truth} could be seen from {observable}"));
        }
        Some(first) => {
            total.misnamed += 1;
            for i in &mine {
                total.count(truth.clone(), i.threat.kind.to_string());
            }
            let (kind, cause) = (first.threat.kind, &first.threat.cause);
            total.flaws.push(format!("{what}: misnamed, {kind} ({cause}) for {truth}"));
        }
    }
}

/// What explains an incident.
enum Explanation {
    /// A fault of its own machine.
    Fault,
    /// A fault of another machine, which had truly reached this one.
    Effect,
    /// Its machine's wire.
    Link,
    None,
}

fn explanation(scenario: &Scenario, truths: &Truths, i: &Incident) -> Explanation {
    if truths.faults.iter().any(|t| t.machine == i.machine && i.last_seen >= t.onset) {
        return Explanation::Fault;
    }
    // A link can lose a machine or spoil its values, and nothing else.
    let by_link = matches!(i.threat.kind, ThreatKind::SensorFault | ThreatKind::CommunicationLoss)
        && scenario
            .links
            .iter()
            .any(|l| *l.target.get_ref() == i.machine && i.last_seen >= Time::ZERO.after(l.onset.0));
    if by_link {
        return Explanation::Link;
    }
    let reached = |t: &Truth| t.chain.iter().any(|r| r.machine == i.machine && r.at <= i.last_seen);
    if truths.faults.iter().any(reached) { Explanation::Effect } else { Explanation::None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegis_models::event::{IncidentState, Source};
    use aegis_models::{Severity, Site, Threat};

    fn scenario() -> Scenario {
        let text = "title = 't'\nwhy = 'w'\nseed = 1\nduration = '1h'\n\
            [[inject]]\ntarget = 'FFU-03'\nfault = 'filter_clog'\nonset = '20m'\n";
        Scenario::parse(text, &Site::built_in()).unwrap()
    }

    fn truth() -> Truths {
        let reached = |machine: &str, s| crate::truth::Reached {
            machine: machine.to_owned(),
            point: "x".to_owned(),
            at: Time::from_secs(s),
        };
        let fault = Truth {
            machine: "FFU-03".to_owned(),
            fault: "filter_clog".to_owned(),
            layer: Sort::Process,
            onset: Time::from_secs(1_200),
            observable: Some(Time::from_secs(1_260)),
            chain: vec![reached("FFU-03", 1_260), reached("AHU-01", 1_500)],
            threats: vec![ThreatKind::FilterEndOfLife],
            zone: None,
            harm: Some(Time::from_secs(2_260)),
        };
        Truths { faults: vec![fault], undefended: 1 }
    }

    fn opened(machine: &str, kind: ThreatKind, s: u64) -> Event {
        let at = Time::from_secs(s);
        let threat = Threat {
            kind,
            cause: "c".to_owned(),
            severity: Severity::Low,
            confidence: 1.0,
            evidence: vec![],
            over: None,
        };
        let incident = Incident {
            id: format!("{machine}-{s}"),
            machine: machine.to_owned(),
            threat,
            state: IncidentState::Open,
            first_seen: at,
            last_seen: at,
            count: 1,
            peak: Severity::Low,
            revision: 0,
        };
        Event { time: at, source: Source::Sentinel, seq: s, body: Body::IncidentOpened { incident } }
    }

    fn scored(events: &[Event]) -> Score {
        score(&scenario(), events, &truth(), &ZoneVerdict::default())
    }

    #[test]
    fn latency_counts_from_the_first_observable_moment_and_haste_to_the_first_harm() {
        let s = scored(&[opened("FFU-03", ThreatKind::FilterEndOfLife, 1_360)]);
        assert_eq!(
            (s.faults, s.detected, s.median_latency_s(), s.median_haste()),
            (1, 1, Some(100.0), Some(0.1))
        );
        assert_eq!((s.recall(), s.precision(), s.diagnosis()), (Some(1.0), Some(1.0), Some(1.0)));
        assert_eq!(s.damage_avoided, 1);
    }

    #[test]
    fn what_a_fault_has_truly_reached_is_an_effect_and_anything_else_a_false_alarm() {
        let s = scored(&[
            opened("AHU-01", ThreatKind::Anomaly, 1_400),
            opened("AHU-01", ThreatKind::Anomaly, 1_600),
            opened("FFU-04", ThreatKind::Anomaly, 1_600),
        ]);
        assert_eq!((s.incidents, s.effects, s.false_alarms, s.missed), (3, 1, 2, 1));
        assert_eq!(s.confusion[HEALTHY]["Anomaly"], 2);
        assert_eq!(s.confusion["FilterEndOfLife"][NOTHING], 1);
    }

    #[test]
    fn a_wrong_name_is_found_but_not_right_and_sums_add_up() {
        let mut s = scored(&[opened("FFU-03", ThreatKind::SensorFault, 1_300)]);
        assert_eq!((s.misnamed, s.recall(), s.diagnosis()), (1, Some(1.0), Some(0.0)));
        assert_eq!(s.confusion["FilterEndOfLife"]["SensorFault"], 1);
        s.add(&scored(&[opened("FFU-03", ThreatKind::FilterEndOfLife, 1_300)]));
        assert_eq!((s.faults, s.detected, s.diagnosis()), (2, 1, Some(0.5)));
    }
}
