//! Tool life after Taylor (1907), `V T^n = C`, and the force that flank wear costs.

use super::published::{Check, Sheet};

/// Flank wear at which a carbide tool is at its end [mm] (ISO 3685:1993, 7.1: VB 0.3 mm for even wear).
pub const END_OF_LIFE_VB_MM: f64 = 0.3;

/// Tool life at another cutting speed [the unit of `life`]: `T = T0 (V0 / V)^(1/n)`; carbide n 0.20 to 0.30.
pub fn life_at_speed(life: f64, speed_ratio: f64, n: f64) -> f64 {
    life * libm::pow(speed_ratio, -1.0 / n)
}

/// Cutting force of a worn edge over that of a sharp one [-]: linear in flank wear, `gain` at the end of life.
pub fn wear_force_factor(vb_mm: f64, gain: f64) -> f64 {
    1.0 + gain * vb_mm / END_OF_LIFE_VB_MM
}

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "tool_life",
    equation: "V T^n = C",
    valid: "carbide, n 0.20 to 0.30, until flank wear of 0.3 mm",
    source: "Taylor 1907; ISO 3685:1993, 7.1",
    checks: &[Check {
        what: "life at a fifth more speed, n 0.25",
        unit: "-",
        from: "by hand",
        published: 0.482,
        ours: || life_at_speed(1.0, 1.2, 0.25),
        within: 1e-3,
    }],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 1.2^-4 = 0.482.
    #[test]
    fn a_fifth_more_speed_halves_the_life() {
        assert!((life_at_speed(1.0, 1.2, 0.25) - 0.482).abs() < 0.001);
        assert!((wear_force_factor(0.3, 0.3) - 1.3).abs() < 1e-12);
    }
}
