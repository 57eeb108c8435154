//! Change per second of sample time, over two sampling steps.
//!
//! Over one step a single wild value would look like a jump up and a jump down; over two, and asked to show twice in a
//! row on the same side, only a jump that stays is seen.

use aegis_models::Time;
use serde::{Deserialize, Serialize};

use super::Obs;

/// Remembers two values.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Rate {
    before: Option<(Time, f64)>,
    last: Option<(Time, f64)>,
}

impl Rate {
    pub(super) fn push(&mut self, obs: &Obs) -> f64 {
        let rate = match self.before {
            Some((t, x)) if obs.time > t => (obs.x - x) / obs.time.since(t).as_secs_f64(),
            _ => 0.0,
        };
        self.before = self.last;
        self.last = Some((obs.time, obs.x));
        rate
    }

    /// Starts afresh: what lies before a change of regime is no neighbour of what comes after.
    pub(super) fn forget(&mut self) {
        *self = Rate::default();
    }
}
