//! The Safety Circuit: a policy, and the total function that reads it.
//!
//! [`SafetyCircuit::decide`] knows no error: whatever is unknown, stale, contradictory or outside the policy is RED.

use aegis_models::action::SetPoint;
use aegis_models::profile::{CommandSpec, Profile};
use aegis_models::{Action, ActionKind, Severity, Span, Threat, ThreatKind, Zone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which threats the sentinel may answer, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Counts changes of this policy: an approval given under another version does not count.
    pub version: u64,
    /// How long a proposal waits for its approval.
    pub proposal_ttl: Span,
    /// How long an answered incident is left alone before it is looked at again.
    pub review: Span,
    /// The first row that fits a threat decides; none that fits is RED.
    #[serde(rename = "row", default)]
    pub rows: Vec<Row>,
}

/// One answer to one sort of threat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// It answers this threat.
    pub threat: ThreatKind,
    /// Only for this cause, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Only for machines of these kinds, if given.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Only at these severities.
    pub severity: Vec<Severity>,
    /// Only when at least this sure, in [0, 1].
    pub min_confidence: f64,
    /// The tier.
    pub zone: Zone,
    /// What is done.
    pub action: ActionKind,
    /// What a person reads.
    pub text: String,
    /// The change, for the actions that write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<WriteRule>,
    /// How its effect shows, for the actions that write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<EffectRule>,
}

/// A bounded change of a set-point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteRule {
    /// The set-point.
    pub point: String,
    /// One step, with its sign [% of nominal].
    pub change_pct: f64,
    /// The furthest from nominal that all steps together may lead [% of nominal].
    pub max_total_pct: f64,
}

/// What must be seen after a write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EffectRule {
    /// The point or residual that must move.
    pub channel: String,
    /// How far, with its sign [% of its value before the write]; for zero the reading back of the set-point is enough.
    pub change_pct: f64,
    /// Within which time.
    pub window: Span,
}

/// What the Safety Circuit may know of a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineState<'a> {
    /// Its kind's profile.
    pub profile: &'a Profile,
    /// Values are coming in, good ones.
    pub fresh: bool,
    /// The machine says of itself something that the profile does not know, or a command left it in an unknown state.
    pub contradictory: bool,
    /// Good latest value of each point, in the profile's order.
    pub latest: &'a [Option<f64>],
}

/// What may happen.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The tier.
    pub zone: Zone,
    /// What is done, proposed or, in RED, said.
    pub action: Action,
    /// How the effect shows, for a write.
    pub effect: Option<EffectRule>,
    /// Why this and nothing else.
    pub reason: String,
}

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadPolicy {
    /// The text is not the TOML of a policy.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A row makes no sense.
    #[error("row {row} ({threat}): {problem}")]
    Meaning {
        /// Which row, counted from 1.
        row: usize,
        /// Its threat.
        threat: ThreatKind,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl Policy {
    /// The policy that comes with Aegis.
    pub fn built_in() -> Policy {
        Policy::parse(include_str!("../policy.toml")).expect("the built-in policy is valid")
    }

    /// Reads and checks a policy.
    pub fn parse(text: &str) -> Result<Policy, BadPolicy> {
        let policy: Policy = toml::from_str(text)?;
        for (i, row) in policy.rows.iter().enumerate() {
            if let Err(problem) = row.check() {
                return Err(BadPolicy::Meaning { row: i + 1, threat: row.threat, problem });
            }
        }
        Ok(policy)
    }
}

impl Row {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.min_confidence) {
            return Err(format!("min_confidence = {} must lie in 0 to 1", self.min_confidence));
        }
        if self.zone == Zone::Red && self.action != ActionKind::SendAlert {
            return Err(format!("{} in RED: only SendAlert is possible", self.action));
        }
        match (&self.write, self.action.writes()) {
            (None, true) => return Err(format!("{} needs a write", self.action)),
            (Some(_), false) => return Err(format!("{} writes nothing", self.action)),
            _ => {}
        }
        if self.write.is_some() != self.effect.is_some() {
            return Err("a write and its effect belong together".into());
        }
        if let Some(w) = &self.write
            && !(w.change_pct.is_finite() && w.change_pct != 0.0 && w.max_total_pct > 0.0)
        {
            return Err("write: change_pct must not be 0 and max_total_pct must be above 0".into());
        }
        if self.effect.as_ref().is_some_and(|e| !e.change_pct.is_finite() || e.window.0.is_zero()) {
            return Err("effect: change_pct must be a number and window longer than 0".into());
        }
        Ok(())
    }

    fn fits(&self, t: &Threat, kind: &str) -> bool {
        self.threat == t.kind
            && self.cause.as_ref().is_none_or(|c| *c == t.cause)
            && (self.kinds.is_empty() || self.kinds.iter().any(|k| k == kind))
            && self.severity.contains(&t.severity)
            && t.confidence >= self.min_confidence
    }
}

impl Decision {
    /// RED, for a reason that no policy knows of.
    pub(crate) fn alert(reason: String) -> Decision {
        let action = Action { kind: ActionKind::SendAlert, write: None, text: reason.clone() };
        Decision { zone: Zone::Red, action, effect: None, reason }
    }
}

/// Reads the policy.
#[derive(Clone, Debug, PartialEq)]
pub struct SafetyCircuit {
    policy: Policy,
}

impl SafetyCircuit {
    /// A circuit under that policy.
    pub fn new(policy: Policy) -> SafetyCircuit {
        SafetyCircuit { policy }
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What may happen about a threat. Total; any doubt is RED.
    pub fn decide(&self, t: &Threat, m: &MachineState<'_>) -> Decision {
        if !m.fresh {
            return red(t, "the machine's values are stale");
        }
        if m.contradictory {
            return red(t, "the machine contradicts itself");
        }
        if !t.confidence.is_finite() {
            return red(t, "the diagnosis has no confidence");
        }
        let Some(row) = self.policy.rows.iter().find(|r| r.fits(t, &m.profile.kind)) else {
            return red(t, "no row of the policy answers this");
        };
        if row.zone == Zone::Red {
            return red(t, "the policy says so");
        }
        let reason = format!("policy {}: {} {}", self.policy.version, row.threat, t.severity);
        let action = |write| Action { kind: row.action, write, text: row.text.clone() };
        let Some(rule) = &row.write else {
            return Decision { zone: row.zone, action: action(None), effect: None, reason };
        };
        match step(rule, m) {
            Step::To(set) => {
                Decision { zone: row.zone, action: action(Some(set)), effect: row.effect.clone(), reason }
            }
            Step::Spent => Decision {
                zone: row.zone,
                action: alert(t),
                effect: None,
                reason: format!("{reason}, but {} is already as far from nominal as it may go", rule.point),
            },
            Step::Doubt(why) => red(t, why),
        }
    }
}

enum Step {
    To(SetPoint),
    Spent,
    Doubt(&'static str),
}

/// The bounded next value of a set-point: cumulative against nominal, inside the profile's envelope.
fn step(rule: &WriteRule, m: &MachineState<'_>) -> Step {
    let Some(ix) = m.profile.point_ix(&rule.point) else {
        return Step::Doubt("the machine has no such set-point");
    };
    let Some(command) = m.profile.command(&rule.point) else {
        return Step::Doubt("the profile allows no write to that set-point");
    };
    let Some(nominal) = m.profile.point(ix).nominal else {
        return Step::Doubt("the set-point has no nominal");
    };
    let Some(from) = m.latest.get(usize::from(ix.0)).copied().flatten() else {
        return Step::Doubt("the set-point's present value is unknown");
    };
    if !inside(command, from) {
        return Step::Doubt("the set-point stands outside its envelope");
    }
    let reach = (nominal * rule.max_total_pct / 100.0).abs();
    let low = command.envelope[0].max(nominal - reach);
    let high = command.envelope[1].min(nominal + reach);
    let wanted = from + nominal * rule.change_pct / 100.0;
    // A set-point that somebody has moved further already is not moved back under the name of mitigation.
    let to = if rule.change_pct > 0.0 { wanted.min(high).max(from) } else { wanted.max(low).min(from) };
    let to = m.profile.point(ix).data.quantise(to);
    if (to - from).abs() <= command.tolerance {
        return Step::Spent;
    }
    if !inside(command, to) {
        return Step::Doubt("the step would leave the envelope");
    }
    Step::To(SetPoint { point: rule.point.clone(), from, to })
}

/// Whether a value lies inside a set-point's envelope.
pub fn inside(command: &CommandSpec, value: f64) -> bool {
    (command.envelope[0]..=command.envelope[1]).contains(&value)
}

fn red(t: &Threat, why: &str) -> Decision {
    Decision { zone: Zone::Red, action: alert(t), effect: None, reason: why.to_owned() }
}

fn alert(t: &Threat) -> Action {
    let text = format!("{} ({}), {}", t.kind, t.cause, t.severity);
    Action { kind: ActionKind::SendAlert, write: None, text }
}
