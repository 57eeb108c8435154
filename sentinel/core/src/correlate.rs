//! Cascades: incidents of many machines that have one root, found along the site's coupling graph.
//!
//! It sees the incidents of every agent and may only raise zones: a machine in a cascade is RED, whatever its own
//! agent would do, until the cascade is over. What it cannot connect it leaves alone.
//!
//! ```text
//!   CHL-01 condenser fouled --process water--> ETCH-01 chuck warm
//!        (root)             `-process water--> LITHO-02 lens warm        one cascade, root CHL-01
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use aegis_models::event::{Body, Cascade, Effect, Event, Incident, IncidentState};
use aegis_models::site::{Carrier, Edge};
use aegis_models::{MachineIx, Site, ThreatKind, Time, limits};

/// A cause may be noticed this much later than its effect: instruments differ in how soon they see.
const LATE_CAUSE: Duration = Duration::from_secs(1_800);
/// Machines that the same supply troubles within this time have a cause in common.
const TOGETHER: Duration = Duration::from_secs(900);
/// So many machines at once, with nothing in common but the mains, were struck through the mains.
const MAINS_STRIKES: usize = 3;
/// The mains strike everybody within this time.
const AT_ONCE: Duration = Duration::from_secs(60);

/// The cascades of a site.
pub struct Correlator {
    names: Vec<String>,
    /// The arrows that end at each machine.
    feeds: Vec<Vec<Edge>>,
    /// Incidents that are not over, by name.
    open: BTreeMap<String, Incident>,
    cascades: Vec<Cascade>,
    /// Which cascade each machine has been told to be in.
    raised: BTreeMap<MachineIx, String>,
    number: u64,
    out: VecDeque<Verdict>,
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// To be told on the timeline.
    Tell(Body),
    /// A machine's zone is RED while it is in a cascade; none when it is out of it.
    Raise {
        /// Which machine.
        machine: MachineIx,
        /// Which cascade.
        cascade: Option<String>,
    },
}

/// One group, before it is compared with what is known.
struct Group {
    root: String,
    cause: Option<String>,
    effects: Vec<Effect>,
    evidence: Vec<String>,
    since: Time,
}

impl Correlator {
    /// A correlator over a site's coupling graph.
    pub fn new(site: &Site) -> Correlator {
        let mut feeds = vec![Vec::new(); site.machines.len()];
        for edge in site.edges() {
            feeds[usize::from(edge.to.0)].push(edge);
        }
        Correlator {
            names: site.machines.iter().map(|m| m.name.clone()).collect(),
            feeds,
            open: BTreeMap::new(),
            cascades: Vec::new(),
            raised: BTreeMap::new(),
            number: 0,
            out: VecDeque::new(),
        }
    }

    /// Takes in what an agent says. Drain [`Correlator::poll`] after every call.
    pub fn observe(&mut self, event: &Event) {
        let incident = match &event.body {
            Body::IncidentOpened { incident }
            | Body::IncidentUpdated { incident }
            | Body::IncidentResolved { incident } => incident,
            _ => return,
        };
        if incident.state == IncidentState::Resolved {
            self.open.remove(&incident.id);
        } else if self.open.len() < limits::INCIDENTS_CORRELATED || self.open.contains_key(&incident.id) {
            self.open.insert(incident.id.clone(), incident.clone());
        }
        self.review();
    }

    /// What is to be told or done next, in order.
    pub fn poll(&mut self) -> Option<Verdict> {
        self.out.pop_front()
    }

    /// The cascades that are not over.
    pub fn cascades(&self) -> &[Cascade] {
        &self.cascades
    }

    fn ix(&self, name: &str) -> Option<MachineIx> {
        self.names.iter().position(|n| n == name).map(|i| MachineIx(i as u16))
    }

    /// The machines that feed this one over that carrier.
    fn givers(&self, machine: &str, over: Carrier) -> Vec<MachineIx> {
        let Some(ix) = self.ix(machine) else { return Vec::new() };
        self.feeds[usize::from(ix.0)].iter().filter(|e| e.carries == over).map(|e| e.from).collect()
    }

    /// What explains an incident one step up the graph: the earliest open one of a machine that feeds it.
    fn parent(&self, effect: &Incident) -> Option<&Incident> {
        let over = effect.threat.over?;
        let givers = self.givers(&effect.machine, over);
        let mut candidates: Vec<&Incident> = self
            .open
            .values()
            .filter(|i| self.ix(&i.machine).is_some_and(|m| givers.contains(&m)))
            .filter(|i| {
                i.id != effect.id && explains(i) && i.first_seen <= effect.first_seen.after(LATE_CAUSE)
            })
            .collect();
        // A giver's own failure explains more than what it suffers itself; then the earliest.
        candidates.sort_by_key(|i| (i.threat.over.is_some(), i.first_seen, i.id.clone()));
        candidates.first().copied()
    }

    /// Groups all that is open anew, and tells what has changed.
    fn review(&mut self) {
        let mut groups = self.known_roots();
        let explained: BTreeSet<String> =
            groups.iter().flat_map(|g| g.effects.iter().map(|e| e.incident.clone())).collect();
        groups.extend(self.hidden_roots(&explained));
        self.tell(groups);
    }

    /// Effects whose chain ends at an incident of a machine upstream.
    fn known_roots(&self) -> Vec<Group> {
        let mut by_root: BTreeMap<String, Vec<Effect>> = BTreeMap::new();
        for effect in self.open.values() {
            let mut top = effect;
            let mut seen = BTreeSet::from([effect.id.as_str()]);
            while let Some(parent) = self.parent(top) {
                if !seen.insert(parent.id.as_str()) {
                    break;
                }
                top = parent;
            }
            if let (Some(over), true) = (effect.threat.over, top.id != effect.id) {
                let (incident, machine) = (effect.id.clone(), effect.machine.clone());
                by_root.entry(top.id.clone()).or_default().push(Effect { machine, incident, over });
            }
        }
        let group = |(root, effects): (String, Vec<Effect>)| {
            let cause = &self.open[&root];
            let first = cause.threat.evidence.first().cloned().unwrap_or_default();
            let mut evidence = vec![format!("{} on {}: {first}", cause.threat.kind, cause.machine)];
            evidence.extend(effects.iter().map(|e| {
                let i = &self.open[&e.incident];
                format!("{} reaches {}: {} ({})", e.over, e.machine, i.threat.kind, i.threat.cause)
            }));
            evidence.truncate(limits::EVIDENCE_PER_THREAT);
            Group {
                root: cause.machine.clone(),
                cause: Some(root),
                effects,
                evidence,
                since: cause.first_seen,
            }
        };
        by_root.into_iter().map(group).collect()
    }

    /// Machines that suffer over the same supply at the same time, and nobody who feeds them says why.
    fn hidden_roots(&self, explained: &BTreeSet<String>) -> Vec<Group> {
        let mut by_giver: BTreeMap<(Carrier, Option<MachineIx>), Vec<&Incident>> = BTreeMap::new();
        for i in self.open.values().filter(|i| !explained.contains(&i.id)) {
            let Some(over) = i.threat.over else { continue };
            if over == Carrier::Mains {
                by_giver.entry((over, None)).or_default().push(i);
            }
            for giver in self.givers(&i.machine, over) {
                by_giver.entry((over, Some(giver))).or_default().push(i);
            }
        }
        let mut candidates: Vec<_> = by_giver.into_iter().collect();
        // Whoever would explain most comes first; what it explains needs no second root.
        candidates.sort_by_key(|((over, giver), all)| (std::cmp::Reverse(all.len()), *over, *giver));
        let mut groups = Vec::new();
        let mut taken: BTreeSet<&str> = BTreeSet::new();
        for ((over, giver), all) in candidates {
            let mut rest: Vec<&Incident> =
                all.into_iter().filter(|i| !taken.contains(i.id.as_str())).collect();
            rest.sort_by_key(|i| (i.first_seen, i.id.clone()));
            let Some(first) = rest.first().map(|i| i.first_seen) else { continue };
            let (within, least) = if giver.is_some() { (TOGETHER, 2) } else { (AT_ONCE, MAINS_STRIKES) };
            rest.retain(|i| i.first_seen.since(first) <= within);
            let machines: BTreeSet<&str> = rest.iter().map(|i| i.machine.as_str()).collect();
            if machines.len() < least {
                continue;
            }
            taken.extend(rest.iter().map(|i| i.id.as_str()));
            let root = giver.map_or("mains", |g| self.names[usize::from(g.0)].as_str()).to_owned();
            let effects: Vec<Effect> = rest
                .iter()
                .map(|i| Effect { machine: i.machine.clone(), incident: i.id.clone(), over })
                .collect();
            let evidence = vec![format!(
                "{} machines suffer over {over} within {:.0} s of each other, and all get it from {root}, which has no \
                 incident of its own: look there first",
                machines.len(),
                rest.last().map_or(0.0, |l| l.first_seen.since(first).as_secs_f64())
            )];
            groups.push(Group { root, cause: None, effects, evidence, since: first });
        }
        groups
    }

    /// Holds the groups against the cascades that are known.
    fn tell(&mut self, groups: Vec<Group>) {
        let mut still = Vec::new();
        for g in groups {
            let shares = |c: &Cascade| {
                c.root == g.root
                    || c.effects.iter().any(|e| g.effects.iter().any(|f| f.incident == e.incident))
            };
            match self.cascades.iter().position(shares) {
                Some(at) => {
                    let mut known = self.cascades.remove(at);
                    let changed =
                        (&known.root, &known.cause, &known.effects) != (&g.root, &g.cause, &g.effects);
                    (known.root, known.cause, known.effects) = (g.root, g.cause, g.effects);
                    if changed {
                        known.evidence = g.evidence;
                        known.revision += 1;
                        self.out.push_back(Verdict::Tell(Body::Cascade { cascade: known.clone() }));
                    }
                    still.push(known);
                }
                None => {
                    self.number += 1;
                    let known = Cascade {
                        id: format!("cascade/{}", self.number),
                        root: g.root,
                        cause: g.cause,
                        effects: g.effects,
                        evidence: g.evidence,
                        first_seen: g.since,
                        over: false,
                        revision: 0,
                    };
                    self.out.push_back(Verdict::Tell(Body::Cascade { cascade: known.clone() }));
                    still.push(known);
                }
            }
        }
        for mut ended in std::mem::replace(&mut self.cascades, still) {
            ended.over = true;
            ended.revision += 1;
            self.out.push_back(Verdict::Tell(Body::Cascade { cascade: ended }));
        }
        self.raise();
    }

    fn raise(&mut self) {
        let mut now = BTreeMap::new();
        for c in &self.cascades {
            let members = c.effects.iter().map(|e| &e.machine).chain([&c.root]);
            for m in members.filter_map(|m| self.ix(m)) {
                now.entry(m).or_insert_with(|| c.id.clone());
            }
        }
        for machine in self.raised.keys().filter(|m| !now.contains_key(m)) {
            self.out.push_back(Verdict::Raise { machine: *machine, cascade: None });
        }
        for (machine, cascade) in now.iter().filter(|(m, c)| self.raised.get(m) != Some(c)) {
            self.out.push_back(Verdict::Raise { machine: *machine, cascade: Some(cascade.clone()) });
        }
        self.raised = now;
    }
}

/// Whether an incident says something of what its machine gives to others: an instrument that lies and a line that is
/// cut do not.
fn explains(i: &Incident) -> bool {
    !matches!(i.threat.kind, ThreatKind::SensorFault | ThreatKind::CommunicationLoss)
}

#[cfg(test)]
mod tests;
