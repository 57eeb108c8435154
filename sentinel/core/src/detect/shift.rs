//! Mean of a short window against the mean of the long one before it: a small sudden change, declared once.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::ewma::Block;
use super::{Obs, limit};

/// Values in the short window: 15 s at 1 Hz.
const SHORT: usize = 15;
/// Values in the long window before it: 60 s at 1 Hz.
const LONG: usize = 60;
/// A value counts for at most this many scales.
const CLIP: f64 = 8.0;
/// No limit lies below this: six standard deviations of the difference of two independent means, sqrt(1/15 + 1/60).
pub const FLOOR: f64 = 1.73;

/// Both windows, the newest value last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Shift {
    block: Block,
    values: VecDeque<f64>,
    short_sum: f64,
    long_sum: f64,
    since_sum: u32,
    stands_at: f64,
}

impl Shift {
    pub(super) fn push(&mut self, obs: &Obs) -> f64 {
        let Some(z) = self.block.push(obs.time, obs.z.clamp(-CLIP, CLIP)) else { return self.stands_at };
        self.values.push_back(z);
        self.short_sum += z;
        if self.values.len() > SHORT {
            let crossing = self.values[self.values.len() - 1 - SHORT];
            self.short_sum -= crossing;
            self.long_sum += crossing;
        }
        if self.values.len() > SHORT + LONG {
            self.long_sum -= self.values.pop_front().unwrap_or(0.0);
        }
        self.since_sum += 1;
        if self.since_sum >= 1_000 {
            // Running sums gather rounding; begin again from the values themselves now and then.
            self.since_sum = 0;
            let split = self.values.len().saturating_sub(SHORT);
            self.long_sum = self.values.iter().take(split).sum();
            self.short_sum = self.values.iter().skip(split).sum();
        }
        // With half a long window there is enough to compare with.
        let long = self.values.len().saturating_sub(SHORT);
        self.stands_at =
            if long < LONG / 2 { 0.0 } else { self.short_sum / SHORT as f64 - self.long_sum / long as f64 };
        self.stands_at
    }
}

const _: () = assert!(limit::CLUSTER_GAP < SHORT);
