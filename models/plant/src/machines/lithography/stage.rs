//! The wafer stage: how still it holds in a scan, and how soon after a step.

use aegis_models::Rng;
use aegis_models::physics::isolation::{displacement_nm, settling_s, transmissibility};

/// Stage: natural frequency of its control [Hz], damping [-], share to which a step must settle (10 nm of 5 um), motion of
/// its own in a scan [nm].
const STAGE_HZ: f64 = 150.0;
const STAGE_DAMPING: f64 = 0.3;
const SETTLED: f64 = 0.002;
const STAGE_NM: f64 = 1.2;
/// Mounts: the floor's worst band and their natural frequency [Hz], damping [-]; how much of what passes the stage's
/// control leaves [-].
const FLOOR_HZ: f64 = 12.0;
const MOUNT_HZ: f64 = 1.5;
const MOUNT_DAMPING: f64 = 0.3;
const CONTROL_LEAVES: f64 = 0.12;

/// A stage on its mounts.
pub(super) struct Stage {
    /// Damping of this stage's control [-], motion that the floor puts into it [nm s/um] -- parameters.
    damping: f64,
    floor_gain: f64,
    /// Motion in a scan [nm] -- state.
    pub(super) motion_nm: f64,
    /// Share of the damping that a bad bearing takes -- fault.
    pub(super) bearing: f64,
}

impl Stage {
    /// One of the make; each is a little different.
    pub(super) fn new(rng: &mut Rng) -> Stage {
        let floor_gain = displacement_nm(1.0, FLOOR_HZ)
            * transmissibility(FLOOR_HZ, MOUNT_HZ, MOUNT_DAMPING)
            * CONTROL_LEAVES;
        let damping = STAGE_DAMPING * rng.between(0.98, 1.02);
        Stage { damping, floor_gain, motion_nm: STAGE_NM, bearing: 0.0 }
    }

    /// Share of the damping that is left [-].
    fn sound(&self) -> f64 {
        1.0 - self.bearing
    }

    /// Moves over a floor of that velocity [um/s].
    pub(super) fn scan(&mut self, floor_um_per_s: f64) {
        let ringing = STAGE_DAMPING / self.damping / self.sound();
        let own = STAGE_NM * ringing * ringing;
        let floor = self.floor_gain * floor_um_per_s;
        self.motion_nm = (own * own + floor * floor).sqrt();
    }

    /// Time to come to rest now [ms].
    pub(super) fn settle_ms(&self) -> f64 {
        1_000.0 * settling_s(SETTLED, STAGE_HZ, self.damping * self.sound())
    }
}
