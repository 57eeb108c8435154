//! Sawing with a thin diamond blade: speed at the rim, power into the kerf, contact, and how a blade wears.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Energy that silicon takes to be ground away by a fine blade [J/mm3]: far above that of cutting, since most grains rub.
pub const SILICON_J_PER_MM3: f64 = 60.0;

/// Speed at the rim [m/s]: `pi d n`.
pub fn rim_m_per_s(diameter_mm: f64, turns_rpm: f64) -> f64 {
    std::f64::consts::PI * diameter_mm / 1e3 * turns_rpm / 60.0
}

/// Power into the kerf [W]: energy for each volume times the volume that goes in a second, `u b a v`.
pub fn power_w(u_j_per_mm3: f64, kerf_um: f64, depth_um: f64, feed_mm_per_s: f64) -> f64 {
    u_j_per_mm3 * kerf_um * depth_um * 1e-6 * feed_mm_per_s
}

/// Length over which the rim touches the kerf [mm]: `sqrt(a d)` (Malkin and Guo, *Grinding Technology*, 2nd ed., ch. 3).
pub fn contact_mm(depth_mm: f64, diameter_mm: f64) -> f64 {
    (depth_mm * diameter_mm).sqrt()
}

/// How far a blade's rim wears [um] for so much kerf [m]: the volume ratio G of grinding over a rim as wide as the kerf.
pub fn rim_wear_um(length_m: f64, depth_um: f64, diameter_mm: f64, g_ratio: f64) -> f64 {
    length_m * 1e3 * depth_um / (g_ratio * std::f64::consts::PI * diameter_mm)
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Current of the spindle in the cut over what kerf, depth, feed and the cuts since dressing account for [-].
    Law {
        name: "sawing_load",
        inputs: &["current_a", "kerf_um", "feed_mm_per_s", "since_dress"],
        params: &["idle_a", "w_per_a", "u_j_per_mm3", "depth_um", "dulls_per_piece"],
        eval: |q, p| {
            let sharp = power_w(p[2], q[1], p[3], q[2]) / p[1];
            let expected = sharp * (1.0 + p[4] * q[3]);
            (expected > 0.05).then(|| (q[0] - p[0]) / expected)
        },
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "sawing",
    equation: "v = pi d n; P = u b a vf; l = sqrt(a d); wear = L a / (G pi d)",
    valid: "thin diamond blades in silicon, 20 to 100 mm/s; contact far shorter than the blade's radius",
    source: "Malkin and Guo, Grinding Technology, 2nd ed., ch. 3 and 11",
    checks: &[
        Check {
            what: "rim of a hub blade of 2.187 in (55.55 mm) at 30,000 rpm",
            unit: "m/s",
            from: "by hand",
            published: 87.26,
            ours: || rim_m_per_s(55.55, 30_000.0),
            within: 1e-3,
        },
        Check {
            what: "an inch, in which blades are sold",
            unit: "mm",
            from: "NIST SP 811, appendix B",
            published: 25.4,
            ours: || 55.549_8 / 2.187,
            within: 1e-6,
        },
        Check {
            what: "contact at a depth of 0.3 mm",
            unit: "mm",
            from: "by hand",
            published: 4.082,
            ours: || contact_mm(0.3, 55.55),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 60 J/mm3 x 0.05 mm x 0.3 mm x 50 mm/s = 45 W.
    #[test]
    fn a_cut_takes_45_w() {
        assert!((power_w(60.0, 50.0, 300.0, 50.0) - 45.0).abs() < 1e-9);
        assert!((rim_m_per_s(55.55, 30_000.0) - 87.26).abs() < 0.01);
    }

    /// By hand: 20 m x 0.3 mm is 6,000 mm2 of kerf wall; over a rim of 174.5 mm and G 70,000, 0.491 um.
    #[test]
    fn a_wafer_costs_half_a_micrometre() {
        assert!((rim_wear_um(20.0, 300.0, 55.55, 70_000.0) - 0.491).abs() < 1e-3);
    }
}
