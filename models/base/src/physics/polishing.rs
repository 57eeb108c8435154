//! Chemical mechanical polishing: removal after Preston (1927), friction, and a pad that glazes and is opened again.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Preston's coefficient of thermal oxide under silica slurry on a fresh hard pad [1/Pa].
pub const OXIDE_PER_PA: f64 = 1.0e-13;

/// Removal [nm/min] under `pressure_kpa` at `speed_m_per_s`: `Kp P v`.
pub fn removal_nm_per_min(kp_per_pa: f64, pressure_kpa: f64, speed_m_per_s: f64) -> f64 {
    kp_per_pa * pressure_kpa * 1e3 * speed_m_per_s * 60.0 * 1e9
}

/// Speed between pad and wafer where both turn alike [m/s]: the same everywhere, that of the carrier's axis.
pub fn sliding_m_per_s(turns_rpm: f64, offset_m: f64) -> f64 {
    2.0 * std::f64::consts::PI * turns_rpm / 60.0 * offset_m
}

/// Texture of a pad after `dt_s` [0 glazed to 1 open]: polishing flattens its asperities at `glazes_per_s`, the conditioner
/// cuts new ones at `opens_per_s`. An implicit Euler step.
pub fn texture_after(texture: f64, glazes_per_s: f64, opens_per_s: f64, dt_s: f64) -> f64 {
    (texture + dt_s * opens_per_s) / (1.0 + dt_s * (glazes_per_s + opens_per_s))
}

/// Current of a platen drive [A]: idle, and what the wafer's friction asks: `mu F r / k`.
pub fn platen_current_a(idle_a: f64, mu: f64, force_n: f64, offset_m: f64, nm_per_a: f64) -> f64 {
    idle_a + mu * force_n * offset_m / nm_per_a
}

/// Force on a wafer of `diameter_m` under a pressure [N].
pub fn force_n(pressure_kpa: f64, diameter_m: f64) -> f64 {
    pressure_kpa * 1e3 * std::f64::consts::PI / 4.0 * diameter_m * diameter_m
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Removal over what pressure, speed, time and the pad's planned wear account for [-].
    Law {
        name: "preston",
        inputs: &["removal_nm", "pressure_kpa", "turns_rpm", "time_s", "pad_wafers"],
        params: &["kp_per_pa", "offset_m", "wear_per_wafer"],
        eval: |q, p| {
            let rate = removal_nm_per_min(p[0], q[1], sliding_m_per_s(q[2], p[1]));
            let expected = rate * q[3] / 60.0 * (1.0 - p[2] * q[4]);
            (expected > 1.0).then(|| q[0] / expected)
        },
    },
    // Coefficient of friction from the platen's current and the pressure [-].
    Law {
        name: "polish_friction",
        inputs: &["current_a", "pressure_kpa"],
        params: &["idle_a", "diameter_m", "offset_m", "nm_per_a"],
        eval: |q, p| {
            let force = force_n(q[1], p[1]);
            (force > 50.0).then(|| (q[0] - p[0]) * p[3] / (force * p[2]))
        },
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "polishing",
    equation: "r = Kp P v; v = 2 pi n R; dg/dt = -a g + c (1 - g); I = I0 + mu F R / k",
    valid: "wafer and platen turn alike; oxide, 10 to 50 kPa, 0.5 to 1.5 m/s",
    source: "Preston, J. Soc. Glass Technol. 11 (1927) 214; Kp of oxide after published calculators and data",
    checks: &[
        Check {
            what: "oxide at 28 kPa and 0.85 m/s, within the usual 50 to 300 nm/min",
            unit: "nm/min",
            from: "Jizhi, CMP material removal rate and pad parameters, 2026 (the middle of the range)",
            published: 175.0,
            ours: || removal_nm_per_min(OXIDE_PER_PA, 28.0, 0.85),
            within: 0.71,
        },
        Check {
            what: "pressure of 4 psi",
            unit: "kPa",
            from: "NIST SP 811, appendix B (1 lbf is 4.448222 N, 1 in is 25.4 mm)",
            published: 27.579,
            ours: || 4.0 * 4.448_222 / (0.025_4 * 0.025_4) / 1e3,
            within: 1e-4,
        },
        Check {
            what: "oxide at 28 kPa and 0.85 m/s",
            unit: "nm/min",
            from: "by hand",
            published: 142.8,
            ours: || removal_nm_per_min(OXIDE_PER_PA, 28.0, 0.85),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 1e-13 x 28,000 x 0.85 m/s = 2.38 nm/s.
    #[test]
    fn preston_by_hand() {
        assert!((removal_nm_per_min(1e-13, 28.0, 0.85) - 142.8).abs() < 1e-9);
        // 90 turns a minute at 0.09 m: 9.425 x 0.09 = 0.848 m/s.
        assert!((sliding_m_per_s(90.0, 0.09) - 0.848_2).abs() < 1e-4);
        // 28 kPa on 300 mm: 1,979 N.
        assert!((force_n(28.0, 0.3) - 1_979.2).abs() < 0.1);
    }

    #[test]
    fn a_pad_settles_between_glazing_and_opening() {
        let settled = (0..100_000).fold(0.2, |g, _| texture_after(g, 0.01, 0.09, 1.0));
        assert!((settled - 0.9).abs() < 1e-9, "{settled}");
        assert!(texture_after(0.9, 0.01, 0.0, 60.0) < 0.6, "without a conditioner it glazes in minutes");
    }
}
