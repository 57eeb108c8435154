//! Holds a run against what its scenario expects and forbids.

use aegis_models::event::{Body, Event, Incident};
use aegis_models::{PointIx, Site, Time};
use aegis_sim::Twin;
use serde::Serialize;

use crate::file::{Expect, Forbid, Scenario};

/// One expectation and whether it was met.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// What was asked, in words.
    pub asked: String,
    /// Whether it holds.
    pub met: bool,
    /// What was seen.
    pub seen: String,
}

/// Looks at true values while the run goes on, for expectations over points.
pub struct Probes {
    probes: Vec<Probe>,
}

struct Probe {
    expect: usize,
    machine: aegis_models::MachineIx,
    point: PointIx,
    from: Time,
    seen: Option<(Time, f64)>,
    violated: bool,
}

impl Probes {
    /// The probes that a scenario asks for. `site` is its part of the site.
    pub fn new(scenario: &Scenario, site: &Site, twin: &Twin) -> Probes {
        let end = Time::ZERO.after(scenario.duration.0);
        let probe = |(expect, e): (usize, &Expect)| {
            let machine = site.find(e.target.get_ref())?;
            let point = twin.profile(machine).point_ix(e.point.as_ref()?.get_ref())?;
            let from = e.from.map_or(end, |s| Time::ZERO.after(s.0));
            Some(Probe { expect, machine, point, from, seen: None, violated: false })
        };
        Probes { probes: scenario.expects.iter().enumerate().filter_map(probe).collect() }
    }

    /// Looks once.
    pub fn look(&mut self, scenario: &Scenario, twin: &Twin) {
        let now = twin.now();
        for p in self.probes.iter_mut().filter(|p| now >= p.from && !p.violated) {
            let value = twin.true_value(p.machine, p.point);
            let e = &scenario.expects[p.expect];
            p.violated = e.above.is_some_and(|a| value <= a) || e.below.is_some_and(|b| value >= b);
            p.seen = Some((now, value));
        }
    }
}

/// Every expectation and every ban of a scenario, held against what happened.
pub fn judge(scenario: &Scenario, events: &[Event], probes: &Probes) -> Vec<Verdict> {
    let expects = scenario.expects.iter().enumerate().map(|(i, e)| {
        let probe = probes.probes.iter().find(|p| p.expect == i);
        expected(scenario, e, events, probe)
    });
    expects.chain(scenario.forbids.iter().map(|f| forbidden(f, events))).collect()
}

/// The same where no true value can be looked at, as in a live run: expectations over points are left out.
pub fn judge_events(scenario: &Scenario, events: &[Event]) -> Vec<Verdict> {
    let expects = scenario.expects.iter().filter(|e| e.point.is_none());
    let expects = expects.map(|e| expected(scenario, e, events, None));
    expects.chain(scenario.forbids.iter().map(|f| forbidden(f, events))).collect()
}

fn incident_of(body: &Body) -> Option<&Incident> {
    match body {
        Body::IncidentOpened { incident }
        | Body::IncidentUpdated { incident }
        | Body::IncidentResolved { incident } => Some(incident),
        _ => None,
    }
}

/// All conditions of one expectation; each must be met by some event in its time.
fn expected(scenario: &Scenario, e: &Expect, events: &[Event], probe: Option<&Probe>) -> Verdict {
    let target = e.target.get_ref();
    let onset = scenario.onset_for(e).map(|s| Time::ZERO.after(s.0));
    let deadline = match (onset, e.within) {
        (Some(onset), Some(within)) => onset.after(within.0),
        _ => Time { ns: u64::MAX },
    };
    let from = onset.unwrap_or(Time::ZERO);
    let in_time: Vec<&Event> = events.iter().filter(|v| v.time >= from && v.time <= deadline).collect();
    let mut asked = vec![target.clone()];
    let mut missing = Vec::new();
    let mut seen = Vec::new();
    let mut hold = |what: String, at: Option<String>| {
        match at {
            Some(at) => seen.push(at),
            None => missing.push(what.clone()),
        }
        asked.push(what);
    };
    let mut named = None;
    if let Some(kind) = e.incident {
        let fits = |i: &Incident| {
            i.machine == *target && i.threat.kind == kind && e.severity.is_none_or(|s| i.threat.severity >= s)
        };
        let first = in_time.iter().find_map(|v| Some((v.time, incident_of(&v.body).filter(|i| fits(i))?)));
        named = first.map(|(_, i)| i.id.clone());
        let severity = e.severity.map_or(String::new(), |s| format!(" at least {s}"));
        hold(format!("incident {kind}{severity}"), first.map(|(t, i)| format!("{} at {t}", i.id)));
    }
    let about = |incident: &str, machine: &str| named.as_deref().map_or(machine == target, |n| n == incident);
    if let Some(zone) = e.zone {
        let found = in_time.iter().find_map(|v| match &v.body {
            Body::Decision { incident, machine, zone: z, .. } if *z == zone && about(incident, machine) => {
                Some(format!("{zone} at {}", v.time))
            }
            _ => None,
        });
        hold(format!("zone {zone}"), found);
    }
    if let Some(kind) = e.action {
        let found = in_time.iter().find_map(|v| match &v.body {
            Body::Decision { incident, machine, action, .. }
                if action.kind == kind && about(incident, machine) =>
            {
                Some(format!("{kind} at {}", v.time))
            }
            _ => None,
        });
        hold(format!("action {kind}"), found);
    }
    if let Some(step) = e.outcome {
        let found = in_time.iter().find_map(|v| match &v.body {
            Body::Execution { command, step: s, .. } if *s == step && command.machine == *target => {
                Some(format!("{step} at {}", v.time))
            }
            _ => None,
        });
        hold(format!("command {step}"), found);
    }
    if let Some(wanted) = e.answer {
        let found = in_time.iter().find_map(|v| match &v.body {
            Body::AnswerTaken { accepted, reason, .. } if *accepted == wanted => {
                Some(format!("{reason} at {}", v.time))
            }
            _ => None,
        });
        hold(format!("answer {}", if wanted { "taken" } else { "refused" }), found);
    }
    if e.resolved {
        let found = events.iter().find_map(|v| match &v.body {
            Body::IncidentResolved { incident } if Some(&incident.id) == named.as_ref() => {
                Some(format!("over at {}", v.time))
            }
            _ => None,
        });
        hold("incident over".to_owned(), found);
    }
    if let Some(p) = probe {
        let name = e.point.as_ref().map_or("", |p| p.get_ref());
        let bounds = [e.above.map(|a| format!("above {a}")), e.below.map(|b| format!("below {b}"))];
        let what = format!(
            "{name} {} from {}",
            bounds.into_iter().flatten().collect::<Vec<_>>().join(" and "),
            p.from
        );
        let value = p.seen.map_or("never seen".to_owned(), |(t, v)| format!("{name} = {v:.4} at {t}"));
        if p.violated || p.seen.is_none() {
            missing.push(format!("{what} ({value})"));
            asked.push(what);
        } else {
            hold(what, Some(value));
        }
    }
    if let (Some(within), Some(onset)) = (e.within, onset) {
        asked.push(format!("within {within} of {onset}"));
    }
    let met = missing.is_empty();
    let seen = if met { seen.join(", ") } else { format!("missing: {}", missing.join(", ")) };
    Verdict { asked: asked.join(", "), met, seen }
}

fn forbidden(f: &Forbid, events: &[Event]) -> Verdict {
    let here = |machine: &str| f.target.as_ref().is_none_or(|t| t.get_ref() == machine);
    let offends = |v: &Event| match &v.body {
        Body::IncidentOpened { incident: i } | Body::IncidentUpdated { incident: i } if here(&i.machine) => {
            (f.any_incident || f.incident.contains(&i.threat.kind))
                .then(|| format!("{} {} at {}", i.id, i.threat.kind, v.time))
        }
        Body::Execution { command, step, .. }
            if f.write && here(&command.machine) && *step == aegis_models::event::ExecutionStep::Sent =>
        {
            Some(format!("write of {} at {}", command.point, v.time))
        }
        Body::Damage { machine, what } if f.damage && here(machine) => Some(format!("{what} at {}", v.time)),
        _ => None,
    };
    let mut what: Vec<String> = f.incident.iter().map(|k| format!("incident {k}")).collect();
    for (asked, name) in [(f.any_incident, "any incident"), (f.write, "a write"), (f.damage, "damage")] {
        if asked {
            what.push(name.to_owned());
        }
    }
    let place = f.target.as_ref().map_or("anywhere", |t| t.get_ref());
    let first = events.iter().find_map(offends);
    Verdict {
        asked: format!("{place}, no {}", what.join(", no ")),
        met: first.is_none(),
        seen: first.unwrap_or_else(|| "none".to_owned()),
    }
}
