//! Heat from a wafer to its chuck through helium too thin to be a fluid.

use super::published::{Check, Sheet};

/// Gas constant [J/(mol K)].
const R: f64 = 8.314_46;

/// Heat that a gas carries between two walls nearer than its free path, for each pascal and kelvin [W/(m2 K Pa)], at full
/// accommodation: `(g + 1)/(g - 1) sqrt(R / (8 pi M T))` (Corruccini 1959).
pub fn free_molecular_w_per_m2_k_pa(heat_ratio: f64, molar_kg: f64, temp_k: f64) -> f64 {
    (heat_ratio + 1.0) / (heat_ratio - 1.0) * (R / (8.0 * std::f64::consts::PI * molar_kg * temp_k)).sqrt()
}

/// Conductance of helium behind a wafer [W/(m2 K)], at 300 K, 1 to 20 Torr, for that accommodation.
pub fn helium_w_per_m2_k(pressure_torr: f64, accommodation: f64) -> f64 {
    // The law at 300 K, worked out once: 2.10.
    const HELIUM: f64 = 2.1;
    const PA_PER_TORR: f64 = 133.322;
    accommodation * HELIUM * PA_PER_TORR * pressure_torr
}

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "helium_gap",
    equation: "h = a (g + 1)/(g - 1) sqrt(R / (8 pi M T)) p",
    valid: "gap below the free path: micrometres at 1 to 20 Torr",
    source: "Corruccini, Vacuum 7-8 (1959); Barron, Cryogenic Heat Transfer",
    checks: &[
        Check {
            what: "helium at 300 K",
            unit: "W/(m2 K Pa)",
            from: "Corruccini 1959: 2.1",
            published: 2.1,
            ours: || free_molecular_w_per_m2_k_pa(5.0 / 3.0, 4.002_6e-3, 300.0),
            within: 0.01,
        },
        Check {
            what: "air at 300 K",
            unit: "W/(m2 K Pa)",
            from: "Corruccini 1959: 1.2",
            published: 1.2,
            ours: || free_molecular_w_per_m2_k_pa(1.4, 28.96e-3, 300.0),
            within: 0.03,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 0.15 x 2.1 x 1,333 = 420 W/(m2 K).
    #[test]
    fn helium_cools_as_it_is_dense() {
        assert!((helium_w_per_m2_k(10.0, 0.15) - 420.0).abs() < 0.1);
    }
}
