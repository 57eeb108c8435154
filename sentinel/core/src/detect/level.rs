//! Distance of one value from its learned level, in robust standard deviations (median and MAD, Iglewicz and Hoaglin
//! 1993). Sees large faults at once; blind to slow ones.

use serde::{Deserialize, Serialize};

use super::Obs;

/// No limit lies below this [scales]: a Gaussian channel at 1 Hz passes it once in seventeen years.
pub const FLOOR: f64 = 5.5;

/// Has no memory.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Level;

impl Level {
    pub(super) fn push(self, obs: &Obs) -> f64 {
        obs.z
    }
}
