//! Moist air: saturation pressure, humidity ratio, relative humidity.
//!
//! Saturation over water by Magnus' form with the coefficients of Alduchov and Eskridge (J. Appl. Meteorology 35, 1996,
//! equation 21): within 0.4 % from -40 to 50 degC. Humidity ratio as ASHRAE Handbook, Fundamentals (2017), chapter 1,
//! equation 20.

use super::published::{Check, Sheet};

/// Standard atmosphere [Pa].
pub const ATMOSPHERE_PA: f64 = 101_325.0;
/// Density of air at 20 degC [kg/m3].
pub const DENSITY_KG_PER_M3: f64 = 1.2;
/// Specific heat of air [J/(kg K)].
pub const HEAT_J_PER_KG_K: f64 = 1_006.0;
/// Molar mass of water over that of dry air [-].
const MASS_RATIO: f64 = 0.621_945;

/// Pressure of saturated vapour over water at `t_c` [Pa]; -40 to 50 degC.
pub fn saturation_pa(t_c: f64) -> f64 {
    610.94 * libm::exp(17.625 * t_c / (t_c + 243.04))
}

/// Water in a kilogram of dry air that is saturated at `t_c` [kg/kg].
pub fn saturated_kg_per_kg(t_c: f64) -> f64 {
    let vapour = saturation_pa(t_c);
    MASS_RATIO * vapour / (ATMOSPHERE_PA - vapour)
}

/// Relative humidity of air that holds `kg_per_kg` at `t_c` [%]; 100 at most.
pub fn relative_pct(kg_per_kg: f64, t_c: f64) -> f64 {
    let vapour = ATMOSPHERE_PA * kg_per_kg / (MASS_RATIO + kg_per_kg);
    (100.0 * vapour / saturation_pa(t_c)).min(100.0)
}

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "moist_air",
    equation: "es = 610.94 exp(17.625 t / (t + 243.04)); w = 0.621945 e / (p - e)",
    valid: "-40 to 50 degC over water, within 0.4 %",
    source: "Alduchov and Eskridge, J. Appl. Meteorology 35, 1996; ASHRAE Fundamentals 2017, ch. 1",
    checks: &[
        Check {
            what: "saturation at 20 degC",
            unit: "Pa",
            from: "ASHRAE Fundamentals, ch. 1, table 3",
            published: 2_338.8,
            ours: || saturation_pa(20.0),
            within: 0.004,
        },
        Check {
            what: "water in saturated air at 20 degC",
            unit: "g/kg",
            from: "ASHRAE Fundamentals, ch. 1, table 2",
            published: 14.76,
            ours: || 1e3 * saturated_kg_per_kg(20.0),
            // The table's air is real: its enhancement factor of 1.004 is left out here.
            within: 0.007,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// ASHRAE Fundamentals, chapter 1, tables 2 and 3: 2,338.8 Pa and 14.76 g/kg at 20 degC; 1,002.1 Pa at 7 degC.
    #[test]
    fn saturation_as_the_tables_have_it() {
        assert!((saturation_pa(20.0) - 2_338.8).abs() < 10.0, "{}", saturation_pa(20.0));
        assert!((saturation_pa(7.0) - 1_002.1).abs() < 4.0, "{}", saturation_pa(7.0));
        assert!((saturated_kg_per_kg(20.0) - 0.014_76).abs() < 1e-4);
    }

    /// By hand: at 22 degC and 45 %, 0.45 x 2,644 Pa is 7.39 g/kg.
    #[test]
    fn a_clean_room_at_45_percent() {
        assert!((relative_pct(0.007_39, 22.0) - 45.0).abs() < 0.3, "{}", relative_pct(0.007_39, 22.0));
        assert_eq!(relative_pct(0.03, 20.0), 100.0);
    }
}
