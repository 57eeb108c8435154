//! From symptoms to threats: the fewest signatures that explain what is seen.

use std::time::Duration;

use aegis_models::profile::{Direction, Signature};
use aegis_models::{Severity, Threat, ThreatKind, Time, limits};

use crate::monitor::{Monitor, Plan, Symptom, figure};

/// A symptom must last this long before it counts, and still be seen beyond its limit then: its companions need time
/// to show, and what noise alone lifts over a limit comes down again sooner.
const MATURE: Duration = Duration::from_secs(5);
/// What no signature explains is an anomaly after this long.
const UNEXPLAINED: Duration = Duration::from_secs(30);
/// Sure enough to begin with, when every needed symptom shows.
const BASE_CONFIDENCE: f64 = 0.7;
/// What all supporting symptoms together add.
const SUPPORT: f64 = 0.2;
/// What symptoms far beyond their limits add.
const CLARITY: f64 = 0.09;
/// What each symptom takes away that the diagnosis does not explain.
const DOUBT: f64 = 0.1;

/// A threat and the channels whose symptoms it explains.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// What is wrong.
    pub threat: Threat,
    /// The explained channels.
    pub channels: Vec<usize>,
}

/// Explains the present symptoms of a machine.
pub fn diagnose(plan: &Plan, monitor: &Monitor, now: Time) -> Vec<Diagnosis> {
    let all = monitor.symptoms(plan);
    let mut open: Vec<&Symptom> = all.iter().filter(|s| s.last.since(s.since) >= MATURE).collect();
    // What all channels say together supports what some say by themselves; alone it is an anomaly, never a doubt.
    let together = open.iter().position(|s| s.channel == plan.channels.len()).map(|at| open.remove(at));
    let mut found = sensors(plan, &mut open);
    // A liar takes part in no further reasoning: its residuals are explained, its own values are worth nothing.
    let seen = open.clone();
    let mut matches: Vec<_> = plan.profile.signatures.iter().filter(|s| shows(s, &seen)).collect();
    while let Some(best) = take_best(&mut matches, &open) {
        let explained: Vec<&Symptom> = seen.iter().filter(|s| names(best, s)).copied().collect();
        open.retain(|s| !names(best, s));
        found.push(judged(plan, monitor, best, &explained, now));
    }
    // Companions of a diagnosed fault that no table lists raise no alarm of their own, but they make it less sure: far
    // enough from what is known, the policy finds no row, and the answer is RED.
    let diagnosed = found.iter().any(|d| d.threat.kind != ThreatKind::SensorFault);
    if diagnosed {
        for d in found.iter_mut().filter(|d| d.threat.kind != ThreatKind::SensorFault) {
            d.threat.confidence = (d.threat.confidence - DOUBT * open.len() as f64).max(0.0);
            d.threat.evidence.extend(open.iter().map(|s| format!("not explained: {}", s.text())));
            d.threat.evidence.truncate(limits::EVIDENCE_PER_THREAT);
            d.channels.extend(open.iter().map(|s| s.channel));
        }
    } else if let Some(d) = anomaly(&open, now) {
        found.push(d);
    } else if let Some(d) = together.filter(|_| found.is_empty()).and_then(|t| anomaly(&[t], now)) {
        found.push(d);
    }
    if let Some(t) = together {
        for d in &mut found {
            d.channels.push(t.channel);
            d.threat.evidence.push(t.text());
            d.threat.evidence.truncate(limits::EVIDENCE_PER_THREAT);
        }
    }
    found
}

/// Instruments that betray themselves: stuck, outside their range, or silent while the machine speaks.
fn sensors(plan: &Plan, open: &mut Vec<&Symptom>) -> Vec<Diagnosis> {
    let betrays = |s: &&Symptom| {
        matches!(s.term.direction, Direction::Stuck | Direction::OutOfRange | Direction::Stale)
    };
    let liars: Vec<&Symptom> = open.iter().filter(|s| betrays(s)).copied().collect();
    let mut found = Vec::new();
    for liar in liars {
        let tainted = |channel: usize| {
            channel == liar.channel
                || channel.checked_sub(plan.profile.points.len()).is_some_and(|k| {
                    plan.residuals[k].inputs().iter().any(|p| usize::from(p.0) == liar.channel)
                })
        };
        let channels = open.iter().map(|s| s.channel).filter(|c| tainted(*c)).collect();
        open.retain(|s| !tainted(s.channel));
        found.push(Diagnosis {
            threat: Threat {
                kind: ThreatKind::SensorFault,
                cause: format!("sensor-{}", liar.term.channel),
                severity: Severity::Low,
                confidence: 0.9,
                evidence: vec![liar.text()],
                over: None,
            },
            channels,
        });
    }
    found
}

fn shows(signature: &Signature, seen: &[&Symptom]) -> bool {
    let is_seen = |t: &aegis_models::profile::Term| {
        seen.iter().any(|s| s.term.channel == t.channel && t.direction.covers(s.term.direction))
    };
    signature.needs.iter().all(is_seen) && !signature.excludes.iter().any(is_seen)
}

fn names(signature: &Signature, symptom: &Symptom) -> bool {
    signature
        .needs
        .iter()
        .chain(&signature.supports)
        .any(|t| t.channel == symptom.term.channel && t.direction.covers(symptom.term.direction))
}

/// Takes out the signature that explains most; first in the profile wins a tie. None is left that explains a need.
fn take_best<'a>(matches: &mut Vec<&'a Signature>, open: &[&Symptom]) -> Option<&'a Signature> {
    matches.retain(|s| {
        let news = |t: &aegis_models::profile::Term| {
            open.iter().any(|o| o.term.channel == t.channel && t.direction.covers(o.term.direction))
        };
        s.needs.iter().any(news)
    });
    let score = |s: &Signature| (open.iter().filter(|o| names(s, o)).count(), s.needs.len());
    let best = matches.iter().enumerate().max_by_key(|(i, s)| (score(s), std::cmp::Reverse(*i)))?.0;
    Some(matches.remove(best))
}

fn judged(plan: &Plan, monitor: &Monitor, s: &Signature, explained: &[&Symptom], now: Time) -> Diagnosis {
    let supported = s.supports.iter().filter(|t| {
        explained.iter().any(|e| e.term.channel == t.channel && t.direction.covers(e.term.direction))
    });
    let share = if s.supports.is_empty() { 1.0 } else { supported.count() as f64 / s.supports.len() as f64 };
    let loudest = explained.iter().map(|e| e.peak).fold(0.0, f64::max);
    let confidence = BASE_CONFIDENCE + SUPPORT * share + CLARITY * (loudest - 1.0).clamp(0.0, 1.0);
    let value = |channel: &str| plan.channel(channel).and_then(|i| monitor.smooth[i]);
    let mut severity = s.severity.base;
    let mut evidence = vec![s.why.clone()];
    for rule in &s.severity.raise {
        let Some(x) = value(&rule.channel) else { continue };
        let (holds, limit, way) = match (rule.above, rule.below) {
            (Some(limit), _) => (x > limit, limit, "above"),
            (_, Some(limit)) => (x < limit, limit, "below"),
            _ => continue,
        };
        if holds && rule.to > severity {
            severity = rule.to;
            evidence.push(format!("{} {} is {way} {}: {severity}", rule.channel, figure(x), figure(limit)));
        }
    }
    let mut by_weight: Vec<&&Symptom> = explained.iter().collect();
    by_weight.sort_by(|a, b| b.peak.total_cmp(&a.peak).then(a.channel.cmp(&b.channel)));
    evidence.extend(by_weight.iter().map(|e| e.text()));
    if let Some(first) = explained.iter().map(|e| e.since).min() {
        evidence.push(format!("first seen {:.0} s ago", now.since(first).as_secs_f64()));
    }
    evidence.truncate(limits::EVIDENCE_PER_THREAT);
    Diagnosis {
        threat: Threat {
            kind: s.threat,
            cause: s.cause.clone(),
            severity,
            confidence,
            evidence,
            over: s.over,
        },
        channels: explained.iter().map(|e| e.channel).collect(),
    }
}

fn anomaly(open: &[&Symptom], now: Time) -> Option<Diagnosis> {
    if !open.iter().any(|s| now.since(s.since) >= UNEXPLAINED) {
        return None;
    }
    let mut by_weight = open.to_vec();
    by_weight.sort_by(|a, b| b.peak.total_cmp(&a.peak).then(a.channel.cmp(&b.channel)));
    let severity = match by_weight[0].peak {
        p if p >= 5.0 => Severity::High,
        p if p >= 2.0 => Severity::Medium,
        _ => Severity::Low,
    };
    let evidence = by_weight.iter().map(|s| s.text()).take(limits::EVIDENCE_PER_THREAT).collect();
    Some(Diagnosis {
        threat: Threat {
            kind: ThreatKind::Anomaly,
            cause: "unexplained".to_owned(),
            severity,
            confidence: 0.5,
            evidence,
            over: None,
        },
        channels: open.iter().map(|s| s.channel).collect(),
    })
}
