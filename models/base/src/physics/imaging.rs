//! What a projection lens resolves, how deep its focus is, and what dose and focus make of a line's width.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Half pitch that a lens resolves [nm]: `k1 lambda / NA` (Rayleigh 1879; Lin 1986). `k1` 0.25 is the limit of one exposure.
pub fn resolution_nm(k1: f64, wavelength_nm: f64, na: f64) -> f64 {
    k1 * wavelength_nm / na
}

/// Depth of focus of a dry lens [nm]: `k2 lambda / NA^2`, for an aperture up to about 0.93.
pub fn depth_of_focus_nm(k2: f64, wavelength_nm: f64, na: f64) -> f64 {
    k2 * wavelength_nm / (na * na)
}

/// A line in resist about its best dose and focus (Bossung 1977): straight in dose, a parabola in focus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bossung {
    /// Width at best dose and focus [nm].
    pub best_nm: f64,
    /// Best dose [mJ/cm2].
    pub dose_mj_per_cm2: f64,
    /// Width that a doubled dose would add [nm]; below nought for lines in positive resist.
    pub dose_nm: f64,
    /// Curvature in focus [nm/um2].
    pub focus_nm_per_um2: f64,
}

impl Bossung {
    /// Width of the line [nm]: `CD = CD0 + a (E / E0 - 1) + b F^2`, within a fifth of the dose and the depth of focus.
    pub fn width_nm(&self, dose_mj_per_cm2: f64, focus_nm: f64) -> f64 {
        let focus_um = focus_nm / 1_000.0;
        self.best_nm
            + self.dose_nm * (dose_mj_per_cm2 / self.dose_mj_per_cm2 - 1.0)
            + self.focus_nm_per_um2 * focus_um * focus_um
    }
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Measured width less that of the measured dose and focus [nm].
    Law {
        name: "line_width",
        inputs: &["width_nm", "dose_mj_per_cm2", "focus_nm"],
        params: &["best_nm", "best_mj_per_cm2", "dose_nm", "focus_nm_per_um2"],
        eval: |q, p| {
            let line =
                Bossung { best_nm: p[0], dose_mj_per_cm2: p[1], dose_nm: p[2], focus_nm_per_um2: p[3] };
            (q[1] > 0.0).then(|| q[0] - line.width_nm(q[1], q[2]))
        },
    },
    // Focus as the printed image shows it, less what the level sensor and the lens's own image sensor account for [nm].
    Law {
        name: "focus_of_image",
        inputs: &["image_nm", "level_nm", "lens_nm"],
        params: &[],
        eval: |q, _| Some(q[0] - q[1] - q[2]),
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "imaging",
    equation: "R = k1 lambda / NA; DOF = k2 lambda / NA^2; CD = CD0 + a (E/E0 - 1) + b F^2",
    valid: "one exposure; dose within 20 %, focus within the depth of focus",
    source: "Lin 1986; Bossung 1977; Mack, Fundamental Principles of Optical Lithography",
    checks: &[
        Check {
            what: "half pitch limit of ArF immersion, NA 1.35, k1 0.25",
            unit: "nm",
            from: "ITRS 2011, Lithography: single exposure ends at 36 nm",
            published: 36.0,
            ours: || resolution_nm(0.25, 193.0, 1.35),
            within: 0.015,
        },
        Check {
            what: "depth of focus at 193 nm, NA 0.93, k2 1",
            unit: "nm",
            from: "by hand",
            published: 223.0,
            ours: || depth_of_focus_nm(1.0, 193.0, 0.93),
            within: 2e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: -65 x -0.1 + 650 x 0.01 = 13 nm.
    #[test]
    fn a_tenth_less_dose_and_a_tenth_of_a_micrometre_each_cost_a_tenth_of_the_line() {
        let line = Bossung { best_nm: 65.0, dose_mj_per_cm2: 28.0, dose_nm: -65.0, focus_nm_per_um2: 650.0 };
        assert!((line.width_nm(25.2, 100.0) - 78.0).abs() < 1e-9);
        assert_eq!(line.width_nm(28.0, -40.0), line.width_nm(28.0, 40.0));
    }
}
