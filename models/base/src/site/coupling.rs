//! The coupling graph: what runs from one machine to another, so that a fault of one becomes trouble of the next.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MachineIx, Site};
use crate::Span;
use crate::spell::nearest;

/// Something that runs from machines to machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coupling {
    /// What runs.
    pub carries: Carrier,
    /// The machines that it comes from; several share the load.
    pub from: Vec<String>,
    /// The machines that it goes to; a bay stands for all in it.
    pub to: Vec<String>,
    /// How long a change takes on its way.
    #[serde(default)]
    pub delay: Span,
    /// The share that arrives: of vibration at what it shakes, of a load at what has to bear it.
    #[serde(default = "whole")]
    pub gain: f64,
}

fn whole() -> f64 {
    1.0
}

/// What runs from one machine to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// The air of a bay: temperature, humidity, overpressure, particles, vapour.
    Air,
    /// Chilled water for coils.
    ChilledWater,
    /// Process cooling water.
    ProcessWater,
    /// Suction of the exhaust.
    Exhaust,
    /// Ultrapure water.
    Upw,
    /// Process chemicals.
    Chemical,
    /// Vibration through the floor.
    Floor,
    /// Lots.
    Lots,
    /// The mains. The whole site hangs on them: no coupling names it.
    Mains,
}

impl std::fmt::Display for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Carrier::Air => "air",
            Carrier::ChilledWater => "chilled water",
            Carrier::ProcessWater => "process water",
            Carrier::Exhaust => "exhaust",
            Carrier::Upw => "ultrapure water",
            Carrier::Chemical => "chemicals",
            Carrier::Floor => "vibration of the floor",
            Carrier::Lots => "lots",
            Carrier::Mains => "the mains",
        })
    }
}

/// One arrow of the graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// What runs.
    pub carries: Carrier,
    /// From where.
    pub from: MachineIx,
    /// To where.
    pub to: MachineIx,
    /// How long a change takes on its way.
    pub delay: Span,
    /// The share that arrives, as the coupling has it.
    pub gain: f64,
}

impl Site {
    /// Every arrow of the coupling graph, in the site's order. A machine is not coupled to itself.
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        for c in &self.couplings {
            for to in self.receivers(c) {
                for from in c.from.iter().filter_map(|f| self.find(f)).filter(|f| *f != to) {
                    edges.push(Edge { carries: c.carries, from, to, delay: c.delay, gain: c.gain });
                }
            }
        }
        edges
    }

    /// The machines that a coupling goes to, each once.
    pub fn receivers(&self, c: &Coupling) -> Vec<MachineIx> {
        let goes = |m: &super::MachineEntry| c.to.contains(&m.name) || c.to.contains(&m.bay);
        let machines = self.machines.iter().enumerate();
        machines.filter(|(_, m)| goes(m)).map(|(i, _)| MachineIx(i as u16)).collect()
    }

    /// What is wrong with a coupling, and what would be right.
    pub(super) fn coupling_problem(&self, c: &Coupling) -> Option<String> {
        let machines = || self.machines.iter().map(|m| m.name.as_str());
        let bays = || self.bays.iter().map(|b| b.id.as_str());
        if c.carries == Carrier::Mains {
            return Some("everything hangs on the mains: no coupling carries them".to_owned());
        }
        if c.from.is_empty() || c.to.is_empty() {
            return Some(format!("the coupling of {} names nobody in from or in to", c.carries));
        }
        if let Some(f) = c.from.iter().find(|f| !machines().any(|m| m == *f)) {
            return Some(format!(
                "the coupling of {} comes from no machine {f:?}{}",
                c.carries,
                nearest(f, machines())
            ));
        }
        if let Some(t) = c.to.iter().find(|t| !machines().chain(bays()).any(|m| m == *t)) {
            let near = nearest(t, machines().chain(bays()));
            return Some(format!("the coupling of {} goes to no machine or bay {t:?}{near}", c.carries));
        }
        (!(0.0..=1.0).contains(&c.gain))
            .then(|| format!("the coupling of {} has gain {}: 0 to 1 would be right", c.carries, c.gain))
    }

    /// Takes out of the graph what is no longer on the site.
    pub fn prune_couplings(&mut self) {
        let machines: Vec<String> = self.machines.iter().map(|m| m.name.clone()).collect();
        let bays: Vec<String> = self.bays.iter().map(|b| b.id.clone()).collect();
        for c in &mut self.couplings {
            c.from.retain(|f| machines.contains(f));
            c.to.retain(|t| machines.contains(t) || bays.contains(t));
        }
        self.couplings.retain(|c| !c.from.is_empty() && !c.to.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "name='x'\n[[bay]]\nid='b'\niso_class=5\nvolume_m3_per_ffu=9\n\
        [[machine]]\nname='A'\nkind='ahu'\nbay='b'\n[[machine]]\nname='F'\nkind='ffu'\nbay='b'\n\
        [[machine]]\nname='C'\nkind='cnc'\nbay='b'\n";

    #[test]
    fn a_bay_stands_for_all_in_it_but_not_for_the_giver() {
        let text = format!("{SITE}[[coupling]]\ncarries='air'\nfrom=['A','F']\nto=['b']\ndelay='30s'\n");
        let site = Site::parse(&text).unwrap();
        let arrows: Vec<_> = site.edges().iter().map(|e| (e.from.0, e.to.0)).collect();
        assert_eq!(arrows, [(1, 0), (0, 1), (0, 2), (1, 2)]);
        let mut part = site.clone();
        part.machines.retain(|m| m.name != "A");
        part.prune_couplings();
        assert_eq!(part.edges().len(), 1);
    }

    #[test]
    fn a_coupling_that_names_nothing_is_refused() {
        let refused = |rest: &str| {
            Site::parse(&format!("{SITE}[[coupling]]\ncarries='air'\n{rest}")).unwrap_err().to_string()
        };
        assert!(refused("from=['AA']\nto=['b']\n").contains("from no machine \"AA\""));
        assert!(refused("from=['A']\nto=['bb']\n").contains("no machine or bay \"bb\""));
        assert!(refused("from=[]\nto=['b']\n").contains("names nobody"));
        assert!(refused("from=['A']\nto=['b']\ngain=2\n").contains("0 to 1"));
    }
}
