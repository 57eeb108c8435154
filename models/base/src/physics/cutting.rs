//! Cutting force and power after Kienzle (Kienzle and Victor 1957): `kc = kc11 h^-m`.

use super::published::{Check, Sheet};
use super::residual::Law;
use super::tool_life;

/// A work material.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Material {
    /// Specific cutting force at 1 mm chip thickness [N/mm2].
    pub kc11_n_per_mm2: f64,
    /// Exponent of the chip thickness [-].
    pub m: f64,
}

/// Mild steel (Sandvik Coromant and Tschaetsch, *Metal Forming and Machining*, tables).
pub const MILD_STEEL: Material = Material { kc11_n_per_mm2: 1_988.0, m: 0.263 };

impl Material {
    /// Specific cutting force at that chip thickness, 0.05 to 2.5 mm [N/mm2].
    pub fn kc_n_per_mm2(&self, h_mm: f64) -> f64 {
        self.kc11_n_per_mm2 * libm::pow(h_mm, -self.m)
    }
}

/// Power of a cut [kW]: `ap f vc kc / (60e3 eta)`, with depth and feed in mm, cutting speed in m/min.
pub fn power_kw(
    depth_mm: f64,
    feed_mm: f64,
    speed_m_per_min: f64,
    kc_n_per_mm2: f64,
    efficiency: f64,
) -> f64 {
    depth_mm * feed_mm * speed_m_per_min * kc_n_per_mm2 / (60.0e3 * efficiency)
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Power of a cut over what depth, feed, speed and planned wear account for [-].
    Law {
        name: "cutting_power",
        inputs: &["power_kw", "depth_mm", "feed_mm_per_rev", "speed_rpm", "tool_age_min"],
        params: &["idle_kw", "diameter_mm", "kc11_n_per_mm2", "m", "efficiency", "life_min", "wear_gain"],
        eval: |q, p| {
            if q[1] < 0.05 || q[2] < 0.01 || q[3] < 100.0 {
                return None;
            }
            let kc = Material { kc11_n_per_mm2: p[2], m: p[3] }.kc_n_per_mm2(q[2]);
            let v_m_per_min = std::f64::consts::PI * p[1] * q[3] / 1_000.0;
            let vb = tool_life::END_OF_LIFE_VB_MM * q[4] / p[5];
            let expected =
                power_kw(q[1], q[2], v_m_per_min, kc, p[4]) * tool_life::wear_force_factor(vb, p[6]);
            Some((q[0] - p[0]) / expected)
        },
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "cutting",
    equation: "kc = kc1.1 h^-m; P = ap f vc kc / (60e3 eta)",
    valid: "chips of 0.05 to 2.5 mm",
    source: "Kienzle and Victor 1957",
    checks: &[
        Check {
            what: "power of 3 mm, 0.2 mm, 120 m/min, 3,100 N/mm2, efficiency 0.8",
            unit: "kW",
            from: "Sandvik Coromant, worked example",
            published: 4.65,
            ours: || power_kw(3.0, 0.2, 120.0, 3_100.0, 0.8),
            within: 1e-3,
        },
        Check {
            what: "specific force of mild steel at 0.2 mm",
            unit: "N/mm2",
            from: "by hand",
            published: 3_035.6,
            ours: || MILD_STEEL.kc_n_per_mm2(0.2),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Sandvik's worked example: 3 mm, 0.2 mm, 120 m/min, 3,100 N/mm2, 0.8 gives 4.65 kW.
    #[test]
    fn the_published_example() {
        assert!((power_kw(3.0, 0.2, 120.0, 3_100.0, 0.8) - 4.65).abs() < 0.001);
    }

    /// By hand: 1988 x 0.2^-0.263 = 1988 x 1.5269 = 3,035.6 N/mm2.
    #[test]
    fn thin_chips_cost_more() {
        assert!((MILD_STEEL.kc_n_per_mm2(0.2) - 3_035.6).abs() < 1.0);
        assert_eq!(MILD_STEEL.kc_n_per_mm2(1.0), 1_988.0);
    }
}
