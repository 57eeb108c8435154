//! A liquid that has leaked: how fast it evaporates, and what ventilation makes of its vapour.
//!
//! Evaporation from a pool: EPA, *Risk Management Program Guidance for Offsite Consequence Analysis* (EPA 550-B-99-009),
//! appendix D, equation D-1, here in SI. Vapour in a ventilated room: well mixed, `V dC/dt = G - Q C` (ACGIH, *Industrial
//! Ventilation*, chapter 4).

use super::published::{Check, Sheet};

/// Volume of a mole of vapour at 25 degC [l/mol].
pub const MOLAR_L: f64 = 24.45;

/// Evaporation from a pool [kg/s]: air speed [m/s], molar mass [g/mol], area [m2], vapour pressure [Pa], temperature [degC].
pub fn evaporation_kg_per_s(speed: f64, molar_g: f64, area_m2: f64, vapour_pa: f64, t_c: f64) -> f64 {
    let (square_feet, mmhg, kelvin) = (area_m2 / 0.092_903, vapour_pa / 133.322, t_c + 273.15);
    let pounds_per_min = 0.284 * libm::pow(speed, 0.78) * libm::pow(molar_g, 2.0 / 3.0) * square_feet * mmhg
        / (82.05 * kelvin);
    pounds_per_min * 0.453_592 / 60.0
}

/// Concentration after `dt_s` in a well mixed room of `volume_m3` that `flow_m3_per_s` airs, with `source_ppm_m3_per_s` let
/// into it [ppm].
pub fn mixed_after(
    c_ppm: f64,
    source_ppm_m3_per_s: f64,
    flow_m3_per_s: f64,
    volume_m3: f64,
    dt_s: f64,
) -> f64 {
    // An implicit step: stable at any length.
    (c_ppm * volume_m3 + source_ppm_m3_per_s * dt_s) / (volume_m3 + flow_m3_per_s * dt_s)
}

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "spill",
    equation: "E = 0.284 u^0.78 M^(2/3) A p / (82.05 T) lb/min, ft2, mmHg; V dC/dt = G - Q C",
    valid: "pools below their boiling point; well mixed air",
    source: "EPA 550-B-99-009, appendix D, D-1; ACGIH, Industrial Ventilation, ch. 4",
    checks: &[
        Check {
            what: "liquid factor ambient of acrylonitrile (53.06 g/mol, 108 mmHg, 25 degC)",
            unit: "lb/min/ft2 less the wind",
            from: "EPA 550-B-99-009, exhibit B-2",
            published: 0.018,
            ours: || {
                let kg = evaporation_kg_per_s(1.0, 53.06, 0.092_903, 108.0 * 133.322, 25.0);
                kg * 60.0 / 0.453_592
            },
            within: 0.03,
        },
        Check {
            what: "share left after one air change",
            unit: "-",
            from: "ACGIH: exp(-1)",
            published: 0.3679,
            ours: || (0..10_000).fold(1.0, |c, _| mixed_after(c, 0.0, 1.0, 100.0, 0.01)),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_source_reaches_source_over_flow() {
        let c = (0..100_000).fold(0.0, |c, _| mixed_after(c, 20.0, 0.5, 2.0, 0.1));
        assert!((c - 40.0).abs() < 1e-6, "{c}");
    }

    /// Isopropanol (60.1 g/mol, 5.9 kPa at 25 degC) from half a square metre under 0.3 m/s of air: a gram in some ten seconds.
    #[test]
    fn a_pool_of_isopropanol() {
        let kg = evaporation_kg_per_s(0.3, 60.1, 0.5, 5_900.0, 25.0);
        assert!((0.5e-4..4e-4).contains(&kg), "{kg}");
    }
}
