//! Incidents: threats merged over a machine and a cause, so that one fault is one thing to look at.

use std::time::Duration;

use aegis_models::event::{Incident, IncidentState};
use aegis_models::{Severity, Threat, ThreatKind, Time, Zone, limits};
use serde::{Deserialize, Serialize};

use crate::diagnose::Diagnosis;

/// An incident ends when its symptoms have been quiet this long.
pub const HOLD_OFF: Duration = Duration::from_secs(120);
/// The same cause within this time after the end is the same incident again.
const REOPEN: Duration = Duration::from_secs(600);
/// A lower severity must last this long before it is believed.
const CALM_DOWN: Duration = Duration::from_secs(60);
/// Ended incidents that are remembered for reopening.
const REMEMBERED: usize = 8;

/// The incidents of one machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Book {
    /// Those not resolved.
    pub open: Vec<Tracked>,
    ended: Vec<Incident>,
    next: u64,
}

/// An open incident and what has been done about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tracked {
    /// The incident.
    pub incident: Incident,
    channels: Vec<usize>,
    quiet_since: Option<Time>,
    milder_since: Option<Time>,
    /// The tier of its last decision.
    pub zone: Zone,
    /// Decide again at the next occasion.
    pub undecided: bool,
    /// Decide again at this moment.
    pub review_at: Option<Time>,
    /// A person has answered the proposal that its present threat led to: it is not put again.
    pub answered: bool,
    /// Set-points whose change had no effect: they are not tried again.
    pub tried: Vec<String>,
    /// Set-points whose change was lost on its way once.
    pub lost: Vec<String>,
    /// The last decision, in words: the same one is not said twice.
    pub said: String,
}

/// What happened to an incident.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It is new.
    Opened(Incident),
    /// Its threat, severity or condition changed.
    Updated(Incident),
    /// It is over.
    Resolved(Incident),
}

impl Book {
    /// Merges what is diagnosed now. `name` makes an incident's name from its number. A machine that is not seen is not
    /// well: while `blind`, no symptom counts as quiet.
    pub fn merge(
        &mut self,
        found: Vec<Diagnosis>,
        blind: bool,
        machine: &str,
        now: Time,
        name: impl Fn(u64) -> String,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let causes: Vec<String> = found.iter().map(|d| d.threat.cause.clone()).collect();
        for t in &mut self.open {
            if blind {
                t.quiet_since = None;
            } else if !causes.contains(&t.incident.threat.cause) {
                t.quiet_since.get_or_insert(now);
            }
        }
        for d in found {
            if let Some(t) = self.open.iter_mut().find(|t| t.incident.threat.cause == d.threat.cause) {
                if t.see(d, now) {
                    changes.push(Change::Updated(t.incident.clone()));
                }
                continue;
            }
            // The same channels under another name are the same fault. With more to see, the picture has become clearer;
            // with less, a fault is fading or half hidden, and keeps its name.
            let same = self.open.iter_mut().find(|t| {
                !causes.contains(&t.incident.threat.cause)
                    && t.channels.iter().any(|c| d.channels.contains(c))
            });
            if let Some(t) = same {
                if t.would_be_clearer(&d) {
                    t.rename(d, now);
                    changes.push(Change::Updated(t.incident.clone()));
                } else {
                    t.linger(now);
                }
            } else if self.open.len() < limits::OPEN_INCIDENTS_PER_MACHINE {
                changes.push(self.begin(d, machine, now, &name));
            }
        }
        changes.extend(self.end_quiet(now));
        changes
    }

    /// The worst tier of the open incidents.
    pub fn zone(&self) -> Zone {
        self.open.iter().map(|t| t.zone).max().unwrap_or(Zone::Green)
    }

    /// The open incident of that name.
    pub fn find(&mut self, id: &str) -> Option<&mut Tracked> {
        self.open.iter_mut().find(|t| t.incident.id == id)
    }

    fn begin(&mut self, d: Diagnosis, machine: &str, now: Time, name: impl Fn(u64) -> String) -> Change {
        let again = self
            .ended
            .iter()
            .position(|i| i.threat.cause == d.threat.cause && now.since(i.last_seen) <= REOPEN + HOLD_OFF);
        let (incident, reopened) = match again {
            Some(at) => {
                let mut i = self.ended.remove(at);
                i.peak = i.peak.max(d.threat.severity);
                (i.state, i.threat, i.last_seen) = (IncidentState::Open, d.threat, now);
                i.count += 1;
                i.revision += 1;
                (i, true)
            }
            None => {
                self.next += 1;
                let incident = Incident {
                    id: name(self.next),
                    machine: machine.to_owned(),
                    peak: d.threat.severity,
                    threat: d.threat,
                    state: IncidentState::Open,
                    first_seen: now,
                    last_seen: now,
                    count: 1,
                    revision: 0,
                };
                (incident, false)
            }
        };
        self.open.push(Tracked {
            incident: incident.clone(),
            channels: d.channels,
            quiet_since: None,
            milder_since: None,
            // Until it is decided, nobody may act.
            zone: Zone::Red,
            undecided: true,
            review_at: None,
            answered: false,
            tried: Vec::new(),
            lost: Vec::new(),
            said: String::new(),
        });
        if reopened { Change::Updated(incident) } else { Change::Opened(incident) }
    }

    fn end_quiet(&mut self, now: Time) -> Vec<Change> {
        let mut changes = Vec::new();
        let over = |t: &Tracked| t.quiet_since.is_some_and(|q| now.since(q) >= HOLD_OFF);
        while let Some(at) = self.open.iter().position(over) {
            let mut incident = self.open.remove(at).incident;
            incident.state = IncidentState::Resolved;
            incident.revision += 1;
            changes.push(Change::Resolved(incident.clone()));
            self.ended.push(incident);
            if self.ended.len() > REMEMBERED {
                self.ended.remove(0);
            }
        }
        changes
    }
}

impl Tracked {
    /// The same threat again. True when a reader must know: it got worse, lastingly milder, or its part is named.
    fn see(&mut self, d: Diagnosis, now: Time) -> bool {
        self.quiet_since = None;
        self.incident.last_seen = now;
        self.incident.count += 1;
        self.remember(&d.channels);
        let before = (self.incident.threat.severity, self.incident.threat.kind);
        let severity = self.believe(d.threat.severity, now);
        let doubtful = (d.threat.confidence < self.incident.threat.confidence - 0.05)
            || (d.threat.confidence > self.incident.threat.confidence + 0.05);
        // A waveform has named the part: a reader must know, and nothing else of it changes.
        let named = match (self.incident.threat.evidence.first(), d.threat.evidence.first()) {
            (Some(old), Some(new)) => {
                new.strip_prefix(old.as_str()).is_some_and(|part| part.starts_with(": "))
            }
            _ => false,
        };
        self.incident.threat = Threat { severity, ..d.threat };
        self.undecided |= doubtful;
        let changed = before != (severity, self.incident.threat.kind) || named;
        if changed {
            self.changed();
        }
        changed
    }

    fn would_be_clearer(&self, d: &Diagnosis) -> bool {
        let unnamed = |kind| kind == ThreatKind::Anomaly;
        let grows = d.channels.iter().any(|c| !self.channels.contains(c));
        !unnamed(d.threat.kind) && (unnamed(self.incident.threat.kind) || grows)
    }

    fn linger(&mut self, now: Time) {
        self.quiet_since = None;
        self.incident.last_seen = now;
        self.incident.count += 1;
    }

    fn rename(&mut self, d: Diagnosis, now: Time) {
        self.quiet_since = None;
        self.milder_since = None;
        self.incident.last_seen = now;
        self.incident.count += 1;
        self.remember(&d.channels);
        self.incident.threat = d.threat;
        self.changed();
    }

    fn remember(&mut self, channels: &[usize]) {
        for c in channels {
            if !self.channels.contains(c) {
                self.channels.push(*c);
            }
        }
    }

    fn believe(&mut self, told: Severity, now: Time) -> Severity {
        let held = self.incident.threat.severity;
        if told >= held {
            self.milder_since = None;
            return told;
        }
        let since = *self.milder_since.get_or_insert(now);
        if now.since(since) < CALM_DOWN {
            return held;
        }
        self.milder_since = None;
        told
    }

    fn changed(&mut self) {
        self.incident.peak = self.incident.peak.max(self.incident.threat.severity);
        self.incident.revision += 1;
        self.undecided = true;
        self.answered = false;
    }

    /// Moves its condition; false when it stands there already.
    pub fn set_state(&mut self, state: IncidentState) -> bool {
        let changes = self.incident.state != state;
        if changes {
            self.incident.state = state;
            self.incident.revision += 1;
        }
        changes
    }
}
