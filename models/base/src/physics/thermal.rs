//! Heat in machines: a lumped mass, forced convection, and growth.

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
