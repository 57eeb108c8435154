//! The scenario file: what happens to the fab, and what must and must not come of it.

mod check;

use std::path::{Path, PathBuf};

use aegis_models::event::ExecutionStep;
use aegis_models::spell::{line_of, with_nearest};
use aegis_models::{ActionKind, Protocol, Severity, Site, Span, ThreatKind, Zone, limits};
use aegis_sim::link::{LinkKind, Toward};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;

/// A scenario as a person writes it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What happens, in a line.
    pub title: String,
    /// Why it matters in a fab.
    pub why: String,
    /// The one number from which the run follows; `--seed` overrides it.
    pub seed: u64,
    /// How long it lasts, in fab time.
    pub duration: Span,
    /// The first tier that can show it, which is the one it runs at when nothing else is asked.
    #[serde(default)]
    pub tier: Tier,
    /// Words to filter by; `long` runs only with `--long`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The machines that take part, by name; all when empty. Fewer machines run faster.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub machines: Vec<Spanned<String>>,
    /// How machines that speak several protocols are watched, where it is not over their first.
    #[serde(rename = "over", default)]
    pub overs: Vec<Over>,
    /// What goes wrong.
    #[serde(rename = "inject", default)]
    pub injects: Vec<Inject>,
    /// What goes wrong on the wires.
    #[serde(rename = "link", default)]
    pub links: Vec<Link>,
    /// What people do.
    #[serde(rename = "operator", default)]
    pub operators: Vec<Operator>,
    /// What must come of it.
    #[serde(rename = "expect", default)]
    pub expects: Vec<Expect>,
    /// What must not.
    #[serde(rename = "forbid", default)]
    pub forbids: Vec<Forbid>,
}

/// Over which of its protocols a machine is watched.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Over {
    /// The machine.
    #[schemars(with = "String")]
    pub target: Spanned<String>,
    /// One that it serves.
    pub protocol: Protocol,
}

/// A fault.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inject {
    /// A name for it, so that an expectation can count from its onset.
    #[serde(default)]
    pub id: Option<String>,
    /// The machine.
    #[schemars(with = "String")]
    pub target: Spanned<String>,
    /// A fault of its kind, of an instrument, of its clock, or of a person: `aegis faults` lists them all.
    #[schemars(with = "String")]
    pub fault: Spanned<String>,
    /// The instrument, for a fault of one; the set-point, for a `wrong_recipe`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub point: Option<Spanned<String>>,
    /// When it begins.
    pub onset: Span,
    /// How long it grows until it has its full size; a step when absent.
    #[serde(default)]
    pub ramp: Span,
    /// When it ends, counted from the onset; never when absent.
    #[serde(default)]
    pub duration: Option<Span>,
    /// How it comes and goes between its onset and its end; it stays when absent.
    #[serde(default)]
    pub intermittent: Option<ComesAndGoes>,
    /// Its full size, in the fault's own unit; the kind's typical size when absent. For a `wrong_recipe`, what is
    /// written.
    #[serde(default)]
    pub magnitude: Option<f64>,
    /// The threats that are right for what a person does wrong, the best first: they follow from what is written and to
    /// which machine. None when nothing need be said.
    #[serde(default)]
    pub threats: Vec<ThreatKind>,
}

/// How a fault comes and goes, as a loose contact does.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComesAndGoes {
    /// From one coming to the next.
    pub period: Span,
    /// The share of each period in which it is there, above 0 and below 1.
    pub duty: f64,
}

/// How much of the real thing runs.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Twin and sentinel in this process on a virtual clock, samples handed over as they are; bit-exact
    #[default]
    Points,
    /// The same through real protocol bytes, with the faults of links; bit-exact
    Wire,
    /// Real binaries, real sockets, a paced clock
    Live,
}

/// A fault of a machine's wire.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// A name for it, so that an expectation can count from its onset.
    #[serde(default)]
    pub id: Option<String>,
    /// The machine.
    #[schemars(with = "String")]
    pub target: Spanned<String>,
    /// What happens to frames, or to the connection.
    pub fault: LinkKind,
    /// When it begins.
    pub onset: Span,
    /// When it ends, counted from the onset; never when absent.
    #[serde(default)]
    pub duration: Option<Span>,
    /// The share of frames (of values, for a status) that it strikes, above 0, at most 1.
    #[serde(default = "all")]
    pub share: f64,
    /// How long frames are held, for delay and jitter.
    #[serde(default)]
    pub delay: Option<Span>,
    /// What still passes, for a slow reader [bytes per second].
    #[serde(default)]
    pub rate: Option<f64>,
    /// The direction that it strikes; both when absent.
    #[serde(default)]
    pub toward: Option<Toward>,
}

fn all() -> f64 {
    1.0
}

/// What a person does.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// At which machine.
    #[schemars(with = "String")]
    pub target: Spanned<String>,
    /// What they do once there is something to do it to.
    pub does: Deed,
    /// How long they take: from the proposal, from the incident, or (for a stop) from the beginning.
    pub after: Span,
}

/// What a person can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Say yes to a proposal.
    Approve,
    /// Say yes where no would be right: the same to the sentinel, and a fault of a person in the truth.
    WronglyApprove,
    /// Say no to a proposal.
    Reject,
    /// Say that they have seen an incident.
    Acknowledge,
    /// Give their own, separately signed stop.
    Stop,
}

/// What must come of it. Every field that is given must hold at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The machine.
    #[schemars(with = "String")]
    pub target: Spanned<String>,
    /// An incident of this threat.
    #[serde(default)]
    pub incident: Option<ThreatKind>,
    /// The incident reaches at least this severity.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// The incident's decision stands in this zone.
    #[serde(default)]
    pub zone: Option<Zone>,
    /// The incident is over before the end.
    #[serde(default)]
    pub resolved: bool,
    /// An action of this kind is carried out or proposed.
    #[serde(default)]
    pub action: Option<ActionKind>,
    /// A command comes this far.
    #[serde(default)]
    pub outcome: Option<ExecutionStep>,
    /// A person's answer is taken (true) or refused (false).
    #[serde(default)]
    pub answer: Option<bool>,
    /// A point's true value lies within bounds.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub point: Option<Spanned<String>>,
    /// The point lies above this.
    #[serde(default)]
    pub above: Option<f64>,
    /// The point lies below this.
    #[serde(default)]
    pub below: Option<f64>,
    /// From when on the point's bounds hold, until the end; at the end alone when absent.
    #[serde(default)]
    pub from: Option<Span>,
    /// How soon after the onset of an inject.
    #[serde(default)]
    pub within: Option<Span>,
    /// The inject to count from, by its id; the first on the same machine when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub of: Option<Spanned<String>>,
}

/// What must not come of it. Every field that is given must hold at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Forbid {
    /// On this machine; on any when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub target: Option<Spanned<String>>,
    /// An incident of one of these threats.
    #[serde(default)]
    pub incident: Vec<ThreatKind>,
    /// Any incident at all.
    #[serde(default)]
    pub any_incident: bool,
    /// Any command sent to the machine.
    #[serde(default)]
    pub write: bool,
    /// Harm to the process.
    #[serde(default)]
    pub damage: bool,
}

/// A scenario file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {problem}", path.display())]
pub struct BadScenario {
    /// Which file.
    pub path: PathBuf,
    /// Which line, counted from 1.
    pub line: usize,
    /// What was found, and what would be right.
    pub problem: String,
}

/// Where in the text a problem lies, and what it is.
type Problem = (Option<usize>, String);

impl Scenario {
    /// Reads and checks a scenario file.
    pub fn read(path: &Path, site: &Site) -> Result<Scenario, BadScenario> {
        let bad = |line, problem| BadScenario { path: path.to_owned(), line, problem };
        let size = std::fs::metadata(path).map_err(|e| bad(1, e.to_string()))?.len();
        if size > limits::FILE_BYTES {
            return Err(bad(1, format!("{size} bytes; a scenario has at most {}", limits::FILE_BYTES)));
        }
        let text = std::fs::read_to_string(path).map_err(|e| bad(1, e.to_string()))?;
        Scenario::parse(&text, site)
            .map_err(|(at, problem)| bad(at.map_or(1, |at| line_of(&text, at)), problem))
    }

    /// Reads and checks the text of a scenario.
    pub(crate) fn parse(text: &str, site: &Site) -> Result<Scenario, Problem> {
        let scenario: Scenario =
            toml::from_str(text).map_err(|e| (e.span().map(|s| s.start), with_nearest(e.message())))?;
        scenario.check(site)?;
        Ok(scenario)
    }

    /// The part of the site that takes part. Each machine's first endpoint is the one over which it is watched.
    pub fn part_of(&self, site: &Site) -> Site {
        let mut part = site.clone();
        if !self.machines.is_empty() {
            part.machines.retain(|m| self.machines.iter().any(|n| n.get_ref() == &m.name));
        }
        part.prune_couplings();
        for over in &self.overs {
            let machine = part.machines.iter_mut().find(|m| &m.name == over.target.get_ref());
            if let Some(machine) = machine {
                machine.endpoints.sort_by_key(|e| e.protocol != over.protocol);
            }
        }
        part
    }

    /// Why it cannot run at that tier, if it cannot.
    pub fn unfit_for(&self, tier: Tier, site: &Site) -> Option<String> {
        if let Some(l) = self.links.iter().find(|l| tier == Tier::Points && l.fault.needs_frames()) {
            let (fault, target) = (l.fault.name(), l.target.get_ref());
            return Some(format!(
                "{fault} on the link of {target} strikes frames: tier points has none, wire has"
            ));
        }
        if tier < self.tier {
            return Some(format!("it needs tier {:?}", self.tier).to_lowercase());
        }
        // Its library owns its sockets: there are no frames to strike but real ones.
        let part = self.part_of(site);
        let sockets = |l: &&Link| {
            let first = part.find(l.target.get_ref()).and_then(|m| part.machine(m).endpoints.first());
            first.is_some_and(|e| e.protocol == Protocol::Opcua)
        };
        let l = self.links.iter().filter(|l| tier == Tier::Wire && l.fault.needs_frames()).find(sockets)?;
        let (fault, target) = (l.fault.name(), l.target.get_ref());
        Some(format!(
            "{fault} on the link of {target}: OPC UA has frames at tier live only; cut, half_open or status would be right"
        ))
    }

    fn ids(&self) -> impl Iterator<Item = &str> + Clone {
        let links = self.links.iter().filter_map(|l| l.id.as_deref());
        self.injects.iter().filter_map(|i| i.id.as_deref()).chain(links)
    }

    /// The onset that an expectation counts from: of the inject or link it names, or of the first on its machine.
    pub fn onset_for(&self, e: &Expect) -> Option<Span> {
        let injects = self.injects.iter().map(|i| (&i.id, &i.target, i.onset));
        let mut all = injects.chain(self.links.iter().map(|l| (&l.id, &l.target, l.onset)));
        all.find(|(id, target, _)| match &e.of {
            Some(of) => id.as_ref() == Some(of.get_ref()),
            None => target.get_ref() == e.target.get_ref(),
        })
        .map(|(.., onset)| onset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "title = \"t\"\nwhy = \"w\"\nseed = 1\nduration = \"10m\"\n";

    fn refused(rest: &str) -> String {
        let text = format!("{HEAD}{rest}");
        let (at, problem) = Scenario::parse(&text, &Site::built_in()).unwrap_err();
        format!("{}: {problem}", at.map_or(1, |at| line_of(&text, at)))
    }

    #[test]
    fn a_bad_file_is_told_where_what_and_what_would_be_right() {
        let inject = |rest: &str| format!("[[inject]]\ntarget = \"FFU-03\"\nonset = \"1m\"\n{rest}");
        let cases = [
            ("tag = [\"x\"]\n".to_owned(), "5: unknown field `tag`", "did you mean \"tags\"?"),
            (inject("fault = \"filter_clg\"\n"), "8: no fault \"filter_clg\" of a ffu", "\"filter_clog\"?"),
            (
                inject("fault = \"sensor_bias\"\npoint = \"airflo\"\nmagnitude = 1.0\n"),
                "9: a ffu has no point",
                "\"airflow\"?",
            ),
            (inject("fault = \"sensor_stuck\"\n"), "8:", "needs a point"),
            (
                inject("fault = \"sensor_stuck\"\npoint = \"airflow\"\nmagnitude = 1.0\n"),
                "8: sensor_stuck has no size",
                "",
            ),
            (
                inject("fault = \"sensor_quantisation\"\npoint = \"airflow\"\nmagnitude = -1.0\n"),
                "8: sensor_quantisation: magnitude -1",
                "above 0",
            ),
            (
                inject("fault = \"sensor_drift\"\npoint = \"airflow\"\nmagnitude = 1.0\n"),
                "8: sensor_drift needs a ramp",
                "sensor_bias",
            ),
            (
                inject("fault = \"filter_clog\"\nintermittent = { period = \"1m\", duty = 1.5 }\n"),
                "8: duty = 1.5",
                "above 0 and below 1",
            ),
            (
                inject("fault = \"sensor_clock_skew\"\npoint = \"airflow\"\nmagnitude = 1.0\n"),
                "9: sensor_clock_skew takes no point",
                "",
            ),
            (
                inject("fault = \"wrong_recipe\"\npoint = \"airflow\"\nmagnitude = 1.0\n"),
                "9: airflow cannot be written",
                "\"fan_speed_sp\"",
            ),
            (
                inject("fault = \"wrong_recipe\"\npoint = \"fan_speed_sp\"\nmagnitude = 9000.0\n"),
                "8: wrong_recipe: magnitude 9000",
                "0 to 2000",
            ),
            (
                inject(
                    "fault = \"wrong_recipe\"\npoint = \"fan_speed_sp\"\nmagnitude = 1200.0\nramp = \"5m\"\n",
                ),
                "8: wrong_recipe takes no ramp",
                "",
            ),
            (inject("fault = \"skipped_maintenance\"\n"), "8: a ffu has no scheduled maintenance", ""),
            (inject("fault = \"wrong_approval\"\n"), "8: wrong_approval is an operator's", "wrongly_approve"),
            (
                inject("fault = \"filter_clog\"\nthreats = [\"Anomaly\"]\n"),
                "8: filter_clog takes no threats",
                "",
            ),
            (
                "[[expect]]\ntarget = \"FFU-99\"\nincident = \"Chatter\"\n".to_owned(),
                "6: no machine \"FFU-99\"",
                "FFU-0",
            ),
            (
                "[[expect]]\ntarget = \"FFU-03\"\nincident = \"Chater\"\n".to_owned(),
                "7: unknown variant `Chater`",
                "\"Chatter\"?",
            ),
            ("[[expect]]\ntarget = \"FFU-03\"\n".to_owned(), "6:", "needs incident"),
            ("[[forbid]]\ntarget = \"FFU-03\"\n".to_owned(), "6:", "a forbid needs"),
            (
                "[[link]]\ntarget = \"FFU-03\"\nonset = \"1m\"\nfault = \"los\"\n".to_owned(),
                "8: unknown variant `los`",
                "\"loss\"?",
            ),
            (
                "[[over]]\ntarget = \"FFU-03\"\nprotocol = \"hsms\"\n".to_owned(),
                "6: FFU-03 does not speak hsms: it speaks modbus-tcp",
                "",
            ),
            (
                "[[link]]\ntarget = \"FFU-03\"\nonset = \"1m\"\nfault = \"delay\"\n".to_owned(),
                "6: delay needs a delay",
                "",
            ),
        ];
        for (rest, what, hint) in cases {
            let told = refused(&rest);
            assert!(told.starts_with(what) && told.contains(hint), "{rest}\n{told}");
        }
    }
}
