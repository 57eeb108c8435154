//! Heat in machines: a lumped mass, forced convection, and growth.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Coefficient of linear expansion of a steel spindle [1/K] (12 um/(m K)).
pub const STEEL_EXPANSION_PER_K: f64 = 12.0e-6;

/// Growth of a length that is warmer by `warmer_k` [um]: `alpha L dT`.
pub fn growth_um(length_m: f64, warmer_k: f64) -> f64 {
    STEEL_EXPANSION_PER_K * length_m * warmer_k * 1e6
}

/// Temperature after `dt_s` of a lumped mass: `C dT/dt = Q - hA (T - T_fluid)` [degC]. An implicit Euler step: stable at
/// any step.
pub fn lumped_after(
    t_c: f64,
    heat_w: f64,
    ha_w_per_k: f64,
    fluid_c: f64,
    capacity_j_per_k: f64,
    dt_s: f64,
) -> f64 {
    (capacity_j_per_k * t_c + dt_s * (heat_w + ha_w_per_k * fluid_c)) / (capacity_j_per_k + dt_s * ha_w_per_k)
}

/// Conductance to a turbulent flow, over that at nominal flow [-]: `(V/V0)^0.8` (Dittus and Boelter 1930).
pub fn convection_factor(flow_ratio: f64) -> f64 {
    libm::pow(flow_ratio.max(0.0), 0.8)
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Measured growth less that of the measured temperature [um].
    Law {
        name: "thermal_growth",
        inputs: &["growth_um", "temperature_c"],
        params: &["length_m", "reference_c"],
        eval: |q, p| Some(q[0] - growth_um(p[0], q[1] - p[1])),
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "thermal",
    equation: "C dT/dt = Q - hA (T - Tf); dL = alpha L dT; h ~ V^0.8",
    valid: "one lumped mass; turbulent flow",
    source: "Incropera and DeWitt; Dittus and Boelter 1930",
    checks: &[
        Check {
            what: "growth of 0.3 m of steel by 20 K",
            unit: "um",
            from: "by hand",
            published: 72.0,
            ours: || growth_um(0.3, 20.0),
            within: 1e-9,
        },
        Check {
            what: "conductance at half the flow",
            unit: "-",
            from: "by hand",
            published: 0.574,
            ours: || convection_factor(0.5),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 12e-6 x 0.3 m x 20 K = 72 um.
    #[test]
    fn a_spindle_grows_72_um() {
        assert!((growth_um(0.3, 20.0) - 72.0).abs() < 1e-9);
    }

    /// A step of heat takes the mass to Q / hA, 63.2 % of it in C / hA.
    #[test]
    fn a_lumped_mass_follows_its_time_constant() {
        let mut t = 20.0;
        for _ in 0..3_000 {
            t = lumped_after(t, 450.0, 45.0, 20.0, 13_500.0, 0.1);
        }
        assert!((t - 20.0 - 10.0 * 0.632).abs() < 0.02, "{t}");
        assert!((convection_factor(0.5) - 0.574).abs() < 0.001);
    }
}
