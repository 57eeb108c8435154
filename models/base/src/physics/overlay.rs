//! What temperature does to a wafer and to the light that measures its place, and to a lens that light heats.

use super::published::{Check, Sheet};

/// Refractivity of air at 20 degC and 101.325 kPa for the interferometer's 633 nm [-] (Boensch and Potulski 1998).
const REFRACTIVITY: f64 = 2.714e-4;

/// Coefficient of linear expansion of silicon [1/K], 120 to 1,500 K (Okada and Tokumaru 1984).
pub fn silicon_expansion_per_k(temp_c: f64) -> f64 {
    let t = temp_c + 273.15;
    (3.725 * (1.0 - libm::exp(-5.88e-3 * (t - 124.0))) + 5.548e-4 * t) * 1e-6
}

/// How far a point of a free wafer moves from its centre at cleanroom temperature [nm].
pub fn wafer_growth_nm(radius_mm: f64, warmer_k: f64) -> f64 {
    silicon_expansion_per_k(22.0) * radius_mm * 1e6 * warmer_k
}

/// By how much an interferometer's path in air seems longer when the air is warmer by so much [nm]: `(n - 1) L dT / T`,
/// with the sign of the error.
pub fn air_path_nm(path_mm: f64, warmer_k: f64) -> f64 {
    -REFRACTIVITY / 293.15 * path_mm * 1e6 * warmer_k
}

/// Focus shift of a lens that absorbs light: two parts of it warm at paces of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LensHeating {
    /// Shift of each part after long duty at nominal power [nm].
    pub shift_nm: [f64; 2],
    /// Their time constants [s].
    pub tau_s: [f64; 2],
}

impl LensHeating {
    /// Both parts after `dt_s` at that share of nominal power [nm]: `dx/dt = (A p - x) / tau`, an implicit step.
    pub fn after(&self, parts_nm: [f64; 2], power: f64, dt_s: f64) -> [f64; 2] {
        let part = |i: usize| {
            let share = dt_s / (self.tau_s[i] + dt_s);
            parts_nm[i] + share * (self.shift_nm[i] * power - parts_nm[i])
        };
        [part(0), part(1)]
    }
}

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "overlay",
    equation: "dr = alpha(T) r dT; dL = -(n - 1) L dT / T; F = sum Ai (1 - exp(-t / taui))",
    valid: "silicon 120 to 1,500 K; air near 20 degC; two lumped parts of a lens",
    source: "Okada and Tokumaru 1984; Boensch and Potulski 1998; Levinson, Principles of Lithography",
    checks: &[
        Check {
            what: "expansion of silicon at 22.5 degC",
            unit: "1e-6/K",
            from: "Mohr and Taylor, CODATA 1998 (lattice of silicon): 2.56",
            published: 2.56,
            ours: || 1e6 * silicon_expansion_per_k(22.5),
            within: 0.015,
        },
        Check {
            what: "error of an interferometer for a kelvin of its air",
            unit: "ppm",
            from: "NIST, Engineering Metrology Toolbox: 1 ppm for 1 degC",
            published: -1.0,
            ours: || air_path_nm(1.0, 1.0),
            within: 0.08,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 2.53e-6 x 150 mm x 0.1 K = 38 nm.
    #[test]
    fn a_tenth_of_a_kelvin_moves_the_edge_by_38_nm() {
        assert!((wafer_growth_nm(150.0, 0.1) - 37.9).abs() < 0.3);
    }

    #[test]
    fn each_part_of_a_lens_has_its_own_pace() {
        let lens = LensHeating { shift_nm: [120.0, 60.0], tau_s: [300.0, 1_800.0] };
        let mut x = [0.0, 0.0];
        for _ in 0..3_000 {
            x = lens.after(x, 1.0, 0.1);
        }
        assert!((x[0] - 120.0 * 0.632).abs() < 0.2, "{x:?}");
        assert!((x[1] - 60.0 * 0.1535).abs() < 0.2, "{x:?}");
    }
}
