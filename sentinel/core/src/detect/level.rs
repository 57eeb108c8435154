//! Distance of one value from its learned level, in robust standard deviations (median and MAD, Iglewicz and Hoaglin
//! 1993). Sees large faults at once; blind to slow ones.

use serde::{Deserialize, Serialize};

use super::Obs;

/// No limit lies below this [scales]. A Gaussian channel at 1 Hz passes it once in sixteen years; with a scale learned
/// from six minutes of it, which may be a tenth too small, still only once in eight months.
pub const FLOOR: f64 = 6.0;

/// Has no memory.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Level;

impl Level {
    pub(super) fn push(self, obs: &Obs) -> f64 {
        obs.z
    }
}
