//! Exponentially weighted mean of the standardised value (Roberts 1959): slow drift.

use aegis_models::Time;
use serde::{Deserialize, Serialize};

use super::Obs;

/// Weight of a new value. 0.1 sees a shift of one scale in about 20 values.
const WEIGHT: f64 = 0.1;

/// A value counts for at most this many scales, so that one glitch is no drift.
const CLIP: f64 = 6.0;

/// No limit lies below this: six standard deviations of the statistic on independent Gaussian values,
/// sqrt(w / (2 - w)) = 0.229.
pub const FLOOR: f64 = 1.38;

/// Values that come faster than this are averaged first: drift is slow, and neighbours say the same thing [ns].
pub(super) const BLOCK_NS: u64 = 1_000_000_000;

/// Mean of the values of one second.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Block {
    start: Option<Time>,
    sum: f64,
    count: u32,
}

impl Block {
    /// The mean of the block that this value completes, if it does.
    pub fn push(&mut self, time: Time, z: f64) -> Option<f64> {
        let start = *self.start.get_or_insert(time);
        if time.ns.saturating_sub(start.ns) < BLOCK_NS || self.count == 0 {
            self.sum += z;
            self.count += 1;
            return None;
        }
        let mean = self.sum / f64::from(self.count);
        *self = Block { start: Some(time), sum: z, count: 1 };
        Some(mean)
    }
}

/// The mean so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Ewma {
    block: Block,
    mean: f64,
}

impl Ewma {
    pub(super) fn push(&mut self, obs: &Obs) -> f64 {
        if let Some(z) = self.block.push(obs.time, obs.z.clamp(-CLIP, CLIP)) {
            self.mean += WEIGHT * (z - self.mean);
        }
        self.mean
    }
}
