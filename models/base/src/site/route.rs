//! Routes: which kinds of tool a lot visits, and when the next lot may start.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Site;
use crate::Span;
use crate::spell::nearest;

/// The way of one product from its first tool to its last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The product: `qfn`.
    pub name: String,
    /// When the next lot may start.
    pub release: Release,
    /// Dies of one wafer: what a killer defect is a share of.
    pub dies_per_wafer: u32,
    /// The tools, in order.
    #[serde(rename = "step")]
    pub steps: Vec<RouteStep>,
}

/// When lots start: one at a time, and only while few are under way (CONWIP: Spearman, Woodruff and Hopp 1990).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The least time between two lots.
    pub every: Span,
    /// Lots of this route that may be under way at once.
    pub wip_cap: u32,
}

/// One step of a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteStep {
    /// The kind of tool: `etcher`.
    pub kind: String,
    /// The recipe that it runs.
    #[serde(default = "first")]
    pub recipe: u16,
    /// Pieces of the lot at this step, as its tool counts them: wafers before dicing, strips or shots of strips after.
    pub pieces: u32,
}

fn first() -> u16 {
    1
}

impl Site {
    /// What is wrong with the routes, and what would be right.
    pub(super) fn route_problem(&self) -> Option<String> {
        for (i, r) in self.routes.iter().enumerate() {
            let name = &r.name;
            if self.routes[..i].iter().any(|other| other.name == *name) {
                return Some(format!("route {name} stands twice"));
            }
            if r.steps.is_empty() {
                return Some(format!("route {name} has no step"));
            }
            if r.release.wip_cap == 0 || r.release.every.0.is_zero() {
                return Some(format!(
                    "route {name}: release needs a wip_cap of 1 or more and an every above 0s"
                ));
            }
            if r.dies_per_wafer == 0 {
                return Some(format!("route {name}: dies_per_wafer of 1 or more would be right"));
            }
            for s in &r.steps {
                if self.kinds.get(&s.kind).is_none() {
                    let near = nearest(&s.kind, self.kinds.names());
                    return Some(format!("route {name}: no kind is named {}{near}", s.kind));
                }
                if s.pieces == 0 || s.recipe == 0 {
                    let kind = &s.kind;
                    return Some(format!("route {name}: {kind} needs recipe and pieces of 1 or more"));
                }
            }
        }
        let mut tools = self.routes.iter().flat_map(|r| &r.steps).map(|s| &s.kind);
        match (self.routes.is_empty(), &self.rail) {
            (false, None) => Some("a route needs a rail that carries its lots".to_owned()),
            (false, Some(rail)) => {
                // One tool of a kind is enough: the further lines of a scaled fab have no rail.
                let without = |kind: &&String| {
                    let mut of = self.machines.iter().filter(|m| m.kind == **kind).peekable();
                    of.peek().is_some() && of.all(|m| rail.port(&m.name).is_none())
                };
                let kind = tools.find(without)?;
                Some(format!("a route visits {kind}, and none of its tools has a port on the rail"))
            }
            (true, _) => None,
        }
    }
}
