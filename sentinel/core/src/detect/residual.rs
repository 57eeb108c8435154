//! Physics residuals: what a law of `models::physics` makes of the points, watched like a point of its own.

use aegis_models::physics::residual::{self, Law};
use aegis_models::{PointIx, Profile};

/// A law bound to the points of a profile.
pub struct Bound {
    law: &'static Law,
    inputs: Vec<PointIx>,
    params: Vec<f64>,
    /// It is worth evaluating when this point, its slowest, has a new value.
    pub trigger: PointIx,
}

impl Bound {
    /// Binds the residuals of a profile, which has been checked.
    pub fn all(profile: &Profile) -> Vec<Bound> {
        profile
            .residuals
            .iter()
            .map(|r| {
                let law = residual::find(&r.law).expect("checked with the profile");
                let point =
                    |name: &&str| profile.point_ix(&r.inputs[*name]).expect("checked with the profile");
                let inputs: Vec<PointIx> = law.inputs.iter().map(point).collect();
                let params = law.params.iter().map(|name| r.params[*name]).collect();
                // Fields of a record come together and last; a steady point beside them holds its value meanwhile.
                let slowness = |p: &&PointIx| {
                    let spec = profile.point(**p);
                    (spec.record.is_some(), spec.period, std::cmp::Reverse(**p))
                };
                let trigger = *inputs.iter().max_by_key(slowness).expect("a law has inputs");
                Bound { law, inputs, params, trigger }
            })
            .collect()
    }

    /// The points the law uses.
    pub fn inputs(&self) -> &[PointIx] {
        &self.inputs
    }

    /// The law's value for the points' latest good values; none when one is missing or the law says nothing.
    pub fn value(&self, latest: &[Option<f64>]) -> Option<f64> {
        let mut inputs = [0.0; 12];
        let inputs = inputs.get_mut(..self.inputs.len())?;
        for (slot, p) in inputs.iter_mut().zip(&self.inputs) {
            *slot = latest[usize::from(p.0)]?;
        }
        (self.law.eval)(inputs, &self.params).filter(|v| v.is_finite())
    }
}
