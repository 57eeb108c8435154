//! Vibration severity, and what motion makes of displacement.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Velocity of a harmonic motion [mm/s RMS]: `pi f d_pp / sqrt 2`, with the peak-to-peak displacement in mm.
pub fn velocity_rms_mm_s(peak_to_peak_mm: f64, frequency_hz: f64) -> f64 {
    std::f64::consts::PI * frequency_hz * peak_to_peak_mm / std::f64::consts::SQRT_2
}

/// Evaluation zones of a machine in operation (ISO 20816-3:2022, annex A).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Zones {
    /// Zone boundaries A/B, B/C and C/D [mm/s RMS].
    pub boundaries_mm_s: [f64; 3],
}

/// Group 2 (15 to 300 kW), rigid foundation.
pub const GROUP_2_RIGID: Zones = Zones { boundaries_mm_s: [1.4, 2.8, 4.5] };
/// Group 2, flexible foundation.
pub const GROUP_2_FLEXIBLE: Zones = Zones { boundaries_mm_s: [2.3, 4.5, 7.1] };

impl Zones {
    /// The letter of the zone that a velocity lies in.
    pub fn zone(&self, velocity_mm_s: f64) -> char {
        match self.boundaries_mm_s.iter().filter(|b| velocity_mm_s > **b).count() {
            0 => 'A',
            1 => 'B',
            2 => 'C',
            _ => 'D',
        }
    }
}

/// Unbalance: the force grows with the square of the speed, and so does the velocity of a stiff mount [-].
pub fn unbalance_factor(n_rpm: f64, n0_rpm: f64) -> f64 {
    let r = n_rpm / n0_rpm;
    r * r
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Velocity at nominal speed [mm/s]: unbalance grows with the square of the speed.
    Law {
        name: "unbalance",
        inputs: &["velocity_mm_s", "speed_rpm"],
        params: &["n0_rpm"],
        eval: |q, p| (q[1] > 0.1 * p[0]).then(|| q[0] / unbalance_factor(q[1], p[0])),
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "vibration",
    equation: "v = pi f d / sqrt 2; zones A to D",
    valid: "harmonic motion; machines of 15 to 300 kW",
    source: "ISO 20816-3:2022, annex A",
    checks: &[Check {
        what: "0.1 mm from peak to peak at 25 Hz",
        unit: "mm/s",
        from: "by hand",
        published: 5.554,
        ours: || velocity_rms_mm_s(0.1, 25.0),
        within: 1e-4,
    }],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 0.1 mm at 25 Hz is 5.55 mm/s.
    #[test]
    fn displacement_to_velocity() {
        assert!((velocity_rms_mm_s(0.1, 25.0) - 5.554).abs() < 0.001);
    }

    #[test]
    fn zones_change_at_their_boundaries() {
        let letters: String = [1.0, 2.0, 3.0, 5.0].iter().map(|v| GROUP_2_RIGID.zone(*v)).collect();
        assert_eq!(letters, "ABCD");
        assert_eq!(GROUP_2_FLEXIBLE.zone(4.5), 'B', "a boundary belongs to the better zone");
    }
}
