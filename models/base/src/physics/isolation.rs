//! A mass on soft mounts over a floor that shakes, and how long a stage takes to come to rest.

use super::published::{Check, Sheet};
use super::residual::Law;

const TAU: f64 = 2.0 * std::f64::consts::PI;

/// Motion of an isolated mass over that of the floor [-]: `sqrt((1 + (2 z r)^2) / ((1 - r^2)^2 + (2 z r)^2))`, `r = f / fn`.
/// One degree of freedom, viscous damping.
pub fn transmissibility(frequency_hz: f64, natural_hz: f64, damping: f64) -> f64 {
    let r = frequency_hz / natural_hz;
    let loss = 2.0 * damping * r;
    let stiff = 1.0 - r * r;
    ((1.0 + loss * loss) / (stiff * stiff + loss * loss)).sqrt()
}

/// Displacement of a sine of that velocity [nm], both RMS: `v / (2 pi f)`.
pub fn displacement_nm(velocity_um_per_s: f64, frequency_hz: f64) -> f64 {
    1_000.0 * velocity_um_per_s / (TAU * frequency_hz)
}

/// Velocity of a sine of that acceleration [um/s], both RMS: `a / (2 pi f)`.
pub fn velocity_um_per_s(acceleration_ug: f64, frequency_hz: f64) -> f64 {
    9.806_65 * acceleration_ug / (TAU * frequency_hz)
}

/// Time until the envelope of a damped swing has fallen to that share [s]: `-ln(share) / (z wn)`, z below 1.
pub fn settling_s(share: f64, natural_hz: f64, damping: f64) -> f64 {
    -libm::log(share) / (damping * TAU * natural_hz)
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Motion of an isolated stage less its own and what the floor puts into it, which add as squares [nm].
    Law {
        name: "isolated_motion",
        inputs: &["motion_nm", "floor_um_per_s"],
        params: &["own_nm", "nm_per_um_per_s"],
        eval: |q, p| {
            let floor = p[1] * q[1];
            Some(q[0] - (p[0] * p[0] + floor * floor).sqrt())
        },
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "isolation",
    equation: "T = sqrt((1 + (2zr)^2) / ((1 - r^2)^2 + (2zr)^2)); x = v / (2 pi f); ts = -ln(share) / (z wn)",
    valid: "one degree of freedom, viscous damping below critical",
    source: "Den Hartog, Mechanical Vibrations; IEST-RP-CC012; Ogata, Modern Control Engineering",
    checks: &[
        Check {
            what: "transmissibility at root 2 times the natural frequency, any damping",
            unit: "-",
            from: "Den Hartog, Mechanical Vibrations, 2.12",
            published: 1.0,
            ours: || transmissibility(10.0 * 2.0_f64.sqrt(), 10.0, 0.3),
            within: 1e-9,
        },
        Check {
            what: "velocity of 260 ug at 8 Hz, where curve VC-A turns",
            unit: "um/s",
            from: "IEST-RP-CC012, VC-A",
            published: 50.0,
            ours: || velocity_um_per_s(260.0, 8.0),
            within: 0.02,
        },
        Check {
            what: "settling to 2 %, over 1 / (z wn)",
            unit: "-",
            from: "Ogata, Modern Control Engineering, 5-3: 4",
            published: 4.0,
            ours: || settling_s(0.02, 1.0 / TAU, 1.0),
            within: 0.025,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: r = 3, z = 0.1: sqrt(1.36 / 64.36) = 0.1454; 3.12 um/s at 10 Hz are 49.7 nm.
    #[test]
    fn soft_mounts_keep_the_floor_away() {
        assert!((transmissibility(30.0, 10.0, 0.1) - 0.1454).abs() < 1e-4);
        assert!((displacement_nm(3.12, 10.0) - 49.66).abs() < 0.01);
        assert!(transmissibility(10.0, 10.0, 0.1) > 5.0, "at resonance it is worse than none");
    }
}
