//! How often a flag is set: an exponentially weighted proportion (Yeh, McGrath, Sembower and Shen 2008).

use serde::{Deserialize, Serialize};

use super::Obs;

/// Weight of a new value: the memory is about fifty happenings.
const WEIGHT: f64 = 0.02;

/// The proportion so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Flag {
    proportion: f64,
}

impl Flag {
    pub(super) fn push(&mut self, obs: &Obs) -> f64 {
        self.proportion += WEIGHT * (obs.x - self.proportion);
        self.proportion
    }
}

/// Five standard deviations above the learned proportion, and never so low that two happenings alone would pass it.
pub(super) fn limit(learned: &[Obs]) -> f64 {
    let set = learned.iter().filter(|o| o.x != 0.0).count() as f64;
    let p = (set + 1.0) / (learned.len() as f64 + 2.0);
    let sigma = (p * (1.0 - p) * WEIGHT / (2.0 - WEIGHT)).sqrt();
    p + (5.0 * sigma).max(2.5 * WEIGHT)
}
