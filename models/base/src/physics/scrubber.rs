//! A packed bed that washes acid out of air: its pressure drop and what it leaves in the gas.
//!
//! Pressure drop of turbulent gas through a wetted packing, `dp = K Q^2`, up to flooding at `0.115 Fp^0.7` inches of water
//! a foot (Kister and Gill, Chem. Eng. Progress 87, 1991); absorption of an acid into an alkaline liquid, which holds none
//! of it back: `y = y0 exp(-N)` (EPA Air Pollution Control Cost Manual, section 5.2, chapter 1).

use super::published::{Check, Sheet};
use super::residual::Law;

/// Pressure drop at which a packing of that factor [1/ft] floods [Pa/m]; 10 to 60 /ft.
pub fn flooding_pa_per_m(packing_factor_per_ft: f64) -> f64 {
    // An inch of water a foot is 249.09 Pa over 0.3048 m.
    0.115 * libm::pow(packing_factor_per_ft, 0.7) * 249.09 / 0.304_8
}

/// What is left of an acid after so many transfer units [-].
pub fn passed(transfer_units: f64) -> f64 {
    libm::exp(-transfer_units)
}

/// Transfer units over those at nominal duty [-], for liquid and gas flows over their nominals: in an irrigated packing
/// the height of a unit goes with `G^0.3 L^-0.5` (Perry's Handbook, 8th edition, section 16), here with the liquid alone
/// below its nominal flow.
pub fn unit_factor(liquid: f64, gas: f64) -> f64 {
    libm::sqrt(liquid.clamp(0.0, 1.0)) * libm::pow(gas.max(0.1), -0.3)
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Turbulent resistance [Pa s2/m6]: grows as salt and slime close the packing, whatever the flow.
    Law {
        name: "packing_resistance",
        inputs: &["drop_pa", "flow_m3_per_h"],
        params: &[],
        eval: |q, _| {
            let flow = q[1] / 3_600.0;
            (flow > 0.1).then(|| q[0] / (flow * flow))
        },
    },
    // Pressure of the fan, less suction of the duct, drop of the packing and what demister and stack take [Pa]: nought while
    // the gauges agree and the damper is open.
    Law {
        name: "exhaust_train",
        inputs: &["fan_pa", "duct_pa", "packing_pa", "flow_m3_per_h"],
        params: &["stack_pa_s2_per_m6"],
        eval: |q, p| {
            let flow = q[3] / 3_600.0;
            (flow > 0.1).then(|| q[0] - q[1] - q[2] - p[0] * flow * flow)
        },
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "scrubber",
    equation: "dp = K Q^2; y = y0 exp(-N); flooding 0.115 Fp^0.7 in. of water a foot",
    valid: "packing factors of 10 to 60 /ft; acid into alkaline liquid",
    source: "Kister and Gill, Chem. Eng. Progress 87, 1991; EPA Air Pollution Control Cost Manual 5.2.1",
    checks: &[
        Check {
            what: "flooding of a packing of factor 60 /ft",
            unit: "Pa/m",
            from: "Strigle, Packed Tower Design, 2nd ed.: 2.0 in. of water a foot",
            published: 1_634.4,
            ours: || flooding_pa_per_m(60.0),
            within: 0.02,
        },
        Check {
            what: "transfer units for 99 % removal",
            unit: "-",
            from: "EPA Cost Manual 5.2.1: ln(1 / (1 - 0.99))",
            published: 4.605,
            ours: || -libm::log(passed(4.605)),
            within: 1e-6,
        },
        Check {
            what: "acid left by 4.605 transfer units",
            unit: "-",
            from: "EPA Cost Manual 5.2.1",
            published: 0.01,
            ours: || passed(4.605),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_liquid_washes_less() {
        assert!((unit_factor(1.0, 1.0) - 1.0).abs() < 1e-12);
        assert!((unit_factor(0.25, 1.0) - 0.5).abs() < 1e-12);
        assert!(unit_factor(1.0, 1.5) < 1.0);
        assert_eq!((LAWS[0].eval)(&[450.0, 10_800.0], &[]), Some(50.0));
        assert_eq!((LAWS[0].eval)(&[450.0, 0.0], &[]), None);
    }
}
