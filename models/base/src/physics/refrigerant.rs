//! Saturation of refrigerant R-134a, by which gauges tell the temperatures that a chiller boils and condenses at.
//!
//! Antoine's form, fitted to the table of ASHRAE Handbook, Fundamentals, chapter 30 (Refrigerant 134a): within 0.05 % from
//! -10 to 50 degC.

use super::published::{Check, Sheet};
use super::residual::Law;

const A: f64 = 14.574_631;
const B: f64 = 2_185.610_9;
const C: f64 = 245.7;

/// Pressure of the saturated refrigerant at `t_c` [kPa absolute]; -10 to 50 degC.
pub fn saturation_kpa(t_c: f64) -> f64 {
    libm::exp(A - B / (t_c + C))
}

/// Temperature at which it boils and condenses at that absolute pressure [degC]; 200 to 1,320 kPa.
pub fn saturation_c(kpa: f64) -> f64 {
    B / (A - libm::log(kpa.max(1.0))) - C
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // How much warmer the suction gas is than what boils [K]: rises when the evaporator lacks refrigerant.
    Law {
        name: "superheat",
        inputs: &["suction_c", "evaporating_kpa"],
        params: &[],
        eval: |q, _| (q[1] > 50.0).then(|| q[0] - saturation_c(q[1])),
    },
    // How much colder the liquid is than what condenses [K]: falls when refrigerant is missing.
    Law {
        name: "subcooling",
        inputs: &["liquid_c", "condensing_kpa"],
        params: &[],
        eval: |q, _| (q[1] > 50.0).then(|| saturation_c(q[1]) - q[0]),
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "refrigerant",
    equation: "ln p = 14.574631 - 2185.6109 / (t + 245.7), p in kPa",
    valid: "R-134a, -10 to 50 degC",
    source: "ASHRAE Handbook, Fundamentals, ch. 30, Refrigerant 134a",
    checks: &[
        Check {
            what: "saturation of R-134a at 0 degC",
            unit: "kPa",
            from: "ASHRAE Fundamentals, ch. 30",
            published: 292.8,
            ours: || saturation_kpa(0.0),
            within: 1e-3,
        },
        Check {
            what: "saturation of R-134a at 40 degC",
            unit: "kPa",
            from: "ASHRAE Fundamentals, ch. 30",
            published: 1_016.6,
            ours: || saturation_kpa(40.0),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Mechanical Engineers' Handbook, table 14: R-134a boils at 31.35 degC under 8 bar and at 39.41 degC under 10 bar.
    #[test]
    fn boiling_points_of_another_table() {
        assert!((saturation_c(800.0) - 31.35).abs() < 0.1, "{}", saturation_c(800.0));
        assert!((saturation_c(1_000.0) - 39.41).abs() < 0.1, "{}", saturation_c(1_000.0));
        assert!((saturation_c(saturation_kpa(12.5)) - 12.5).abs() < 1e-9);
    }
}
