//! A value that has stopped living: the same number for far longer than it ever stood while learning.

use serde::{Deserialize, Serialize};

use super::Obs;

/// A run this long is suspicious at the least [samples].
const SHORTEST: f64 = 30.0;
/// Times the longest run that was seen while learning.
const FACTOR: f64 = 6.0;

/// The run so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Stuck {
    last: Option<f64>,
    run: u32,
}

impl Stuck {
    pub(super) fn push(&mut self, obs: &Obs) -> f64 {
        if self.last == Some(obs.x) {
            self.run = self.run.saturating_add(1);
        } else {
            self.run = 0;
            self.last = Some(obs.x);
        }
        f64::from(self.run)
    }
}

/// A channel that hardly moved while learning cannot be judged: its limit is out of reach.
pub(super) fn limit(learned: &[Obs]) -> f64 {
    let (mut counter, mut longest, mut changes) = (Stuck::default(), 0.0_f64, 0_usize);
    for o in learned {
        let run = counter.push(o);
        longest = longest.max(run);
        changes += usize::from(run == 0.0);
    }
    if changes * 4 < learned.len() { f64::MAX } else { (longest * FACTOR).max(SHORTEST) }
}
