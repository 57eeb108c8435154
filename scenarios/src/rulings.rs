//! What the policy says of the truth: the severity that a profile's rules give to the true values, and the zone.

use std::sync::Arc;

use aegis_models::profile::{Profile, Residual, Signature};
use aegis_models::{PointIx, Severity, Threat, ThreatKind, Zone, physics};
use aegis_sentinel::{MachineState, SafetyCircuit};

/// What is asked about one fault of one machine.
pub struct Rulings {
    circuit: SafetyCircuit,
    profile: Arc<Profile>,
    /// The right diagnoses, the best first.
    pub threats: Vec<ThreatKind>,
}

/// What the policy says of one right diagnosis.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruling {
    /// The diagnosis.
    pub threat: ThreatKind,
    /// Its cause, as the profile names it; empty where no signature stands for it.
    pub cause: String,
    /// How bad it really is.
    pub severity: Severity,
    /// The zone that the policy gives it.
    pub zone: Zone,
}

impl Rulings {
    /// About a fault of a machine of that kind, for which those diagnoses are right.
    pub fn new(circuit: SafetyCircuit, profile: Arc<Profile>, threats: Vec<ThreatKind>) -> Rulings {
        Rulings { circuit, profile, threats }
    }

    /// What the policy says when the machine's points have these true values.
    pub fn of(&self, value: &dyn Fn(PointIx) -> f64) -> Vec<Ruling> {
        let latest: Vec<Option<f64>> =
            (0..self.profile.points.len()).map(|i| Some(value(PointIx(i as u16)))).collect();
        let mut all = Vec::new();
        for kind in &self.threats {
            let mut signatures = self.profile.signatures.iter().filter(|s| s.threat == *kind).peekable();
            if signatures.peek().is_none() {
                all.push(self.rule(*kind, "", Severity::Low, &latest));
            }
            for s in signatures {
                all.push(self.rule(*kind, &s.cause, self.severity(s, value), &latest));
            }
        }
        all
    }

    fn rule(&self, kind: ThreatKind, cause: &str, severity: Severity, latest: &[Option<f64>]) -> Ruling {
        let state = MachineState { profile: &self.profile, fresh: true, contradictory: false, latest };
        let threat =
            Threat { kind, cause: cause.to_owned(), severity, confidence: 1.0, evidence: vec![], over: None };
        let zone = self.circuit.decide(&threat, &state).zone;
        Ruling { threat: kind, cause: cause.to_owned(), severity, zone }
    }

    fn severity(&self, signature: &Signature, value: &dyn Fn(PointIx) -> f64) -> Severity {
        let holds = |r: &&aegis_models::profile::RaiseRule| {
            channel(&self.profile, &r.channel, value)
                .is_some_and(|x| r.above.is_some_and(|a| x > a) || r.below.is_some_and(|b| x < b))
        };
        let raised = signature.severity.raise.iter().filter(holds).map(|r| r.to).max();
        raised.unwrap_or(signature.severity.base).max(signature.severity.base)
    }
}

/// The worst zone among rulings.
pub fn worst(rulings: &[Ruling]) -> Option<Zone> {
    rulings.iter().map(|r| r.zone).max()
}

/// A channel's true value: a point's own, or what a law makes of several.
fn channel(profile: &Profile, id: &str, value: &dyn Fn(PointIx) -> f64) -> Option<f64> {
    if let Some(point) = profile.point_ix(id) {
        return Some(value(point));
    }
    let residual: &Residual = profile.residuals.iter().find(|r| r.id == id)?;
    let law = physics::residual::find(&residual.law)?;
    let input = |q: &&str| profile.point_ix(residual.inputs.get(*q)?).map(value);
    let inputs: Vec<f64> = law.inputs.iter().map(input).collect::<Option<_>>()?;
    let params: Vec<f64> =
        law.params.iter().map(|p| residual.params.get(*p).copied()).collect::<Option<_>>()?;
    (law.eval)(&inputs, &params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegis_sentinel::Policy;

    fn zones(threat: ThreatKind, airflow: f64) -> Vec<(String, Zone)> {
        let profile = Arc::new(Profile::built_in("ffu").unwrap());
        let nominal: Vec<f64> = profile.points.iter().map(|p| p.nominal.unwrap_or(0.0)).collect();
        let flow = usize::from(profile.point_ix("airflow").unwrap().0);
        let rulings = Rulings::new(SafetyCircuit::new(Policy::built_in()), profile, vec![threat]);
        let value = |p: PointIx| if usize::from(p.0) == flow { airflow } else { nominal[usize::from(p.0)] };
        rulings.of(&value).into_iter().map(|r| (r.cause, r.zone)).collect()
    }

    #[test]
    fn the_zone_follows_the_true_values_and_the_policy() {
        let loading = |flow| zones(ThreatKind::FilterEndOfLife, flow);
        assert_eq!(loading(1_150.0), [("filter-loading".to_owned(), Zone::Green)]);
        assert_eq!(loading(900.0), [("filter-loading".to_owned(), Zone::Green)]);
        assert_eq!(zones(ThreatKind::BearingFailure, 1_166.0), [("motor-bearing".to_owned(), Zone::Red)]);
        assert_eq!(zones(ThreatKind::CommunicationLoss, 1_166.0), [(String::new(), Zone::Red)]);
    }
}
