//! A water chiller: the capacity and power of its compressor by the DOE-2 curves, and its two shells by their transfer
//! units.
//!
//! Capacity and power as in DOE-2.1 and EnergyPlus (Engineering Reference, Electric EIR Chiller): `Q = Q0 CAPFT(te, tc)`,
//! `P = P0 CAPFT EIRFT(te, tc) EIRFPLR(plr)`, with the temperature of the leaving chilled and of the entering condenser
//! water. The coefficients are those of the data set "DOE-2 Centrifugal/5.50COP" that EnergyPlus comes with: 5 to 10 degC
//! leaving, 24 to 35 degC entering; beyond, the curves are only smooth.

use super::coil::WATER_J_PER_KG_K;
use super::published::{Check, Sheet};
use super::refrigerant::saturation_c;
use super::residual::Law;

/// Coefficients of 1, te, te^2, tc, tc^2, te tc.
const CAPFT: [f64; 6] = [0.257_896, 0.038_901_6, -2.170_8e-4, 0.046_868_4, -9.428_4e-4, -3.434_4e-4];
const EIRFT: [f64; 6] = [0.933_884, -0.058_212, 4.500_36e-3, 2.43e-3, 4.86e-4, -1.215e-3];
/// Coefficients of 1, plr, plr^2.
const EIRFPLR: [f64; 3] = [0.222_903, 0.313_387, 0.463_710];

fn biquadratic(c: &[f64; 6], e: f64, w: f64) -> f64 {
    c[0] + c[1] * e + c[2] * e * e + c[3] * w + c[4] * w * w + c[5] * e * w
}

/// Capacity over that at 6.67 degC leaving the evaporator and 29.4 degC entering the condenser [-].
pub fn capacity_factor(leaving_c: f64, entering_c: f64) -> f64 {
    biquadratic(&CAPFT, leaving_c, entering_c)
}

/// Power of the compressor over that at full load and the temperatures above [-], at a share `plr` (0.1 to 1) of the
/// capacity that it then has.
pub fn power_factor(leaving_c: f64, entering_c: f64, plr: f64) -> f64 {
    let part = EIRFPLR[0] + EIRFPLR[1] * plr + EIRFPLR[2] * plr * plr;
    capacity_factor(leaving_c, entering_c) * biquadratic(&EIRFT, leaving_c, entering_c) * part
}

/// Share of the greatest possible heat that water takes from, or gives to, a shell at one temperature [-], for `ntu` =
/// UA / C: a coil's effectiveness with one stream that boils or condenses.
pub fn shell_effectiveness(ntu: f64) -> f64 {
    1.0 - libm::exp(-ntu)
}

/// Conductance of a shell at `shell_c` from the water through its tubes [kW/K]; none where it cannot be told.
pub fn shell_conductance(shell_c: f64, in_c: f64, out_c: f64, l_per_s: f64) -> Option<f64> {
    let (far, near) = (shell_c - in_c, shell_c - out_c);
    let ratio = far / near;
    (l_per_s > 1.0 && ratio.is_finite() && ratio > 1.02)
        .then(|| l_per_s * WATER_J_PER_KG_K / 1_000.0 * libm::log(ratio))
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Conductance of condenser or evaporator [kW/K]: falls as tubes foul or run dry, whatever the load.
    Law {
        name: "shell_conductance",
        inputs: &["shell_kpa", "in_c", "out_c", "water_l_per_s"],
        params: &[],
        eval: |q, _| shell_conductance(saturation_c(q[0]), q[1], q[2], q[3]),
    },
    // Heat in less heat out over heat out [%], as a test of a chiller has to show it (AHRI 550/590, 5.6): nought while
    // temperatures, flow meters and power meter agree.
    Law {
        name: "heat_balance",
        inputs: &[
            "chilled_in_c",
            "chilled_out_c",
            "chilled_l_per_s",
            "condenser_in_c",
            "condenser_out_c",
            "condenser_l_per_s",
            "power_kw",
        ],
        params: &[],
        eval: |q, _| {
            let c = WATER_J_PER_KG_K / 1_000.0;
            let taken = q[2] * c * (q[0] - q[1]);
            let given = q[5] * c * (q[4] - q[3]);
            (given > 50.0 && q[6] > 5.0).then(|| 100.0 * (taken + q[6] - given) / given)
        },
    },
    // Power against that of the sound chiller at the same load and water [%].
    Law {
        name: "chiller_power",
        inputs: &["chilled_in_c", "chilled_out_c", "chilled_l_per_s", "condenser_in_c", "power_kw"],
        params: &["capacity_kw", "power_kw"],
        eval: |q, p| {
            let load = q[2] * WATER_J_PER_KG_K / 1_000.0 * (q[0] - q[1]);
            let plr = load / (p[0] * capacity_factor(q[1], q[3]));
            (plr > 0.1 && q[4] > 5.0).then(|| 100.0 * (q[4] / (p[1] * power_factor(q[1], q[3], plr)) - 1.0))
        },
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "chiller",
    equation: "P = P0 CAPFT EIRFT(te, tc) (0.2229 + 0.3134 plr + 0.4637 plr^2); UA = C ln((ts - ti) / (ts - to))",
    valid: "centrifugal, 5 to 10 degC leaving, 24 to 35 degC entering, plr 0.1 to 1",
    source: "EnergyPlus Engineering Reference, Electric EIR Chiller; data set DOE-2 Centrifugal/5.50COP",
    checks: &[
        Check {
            what: "capacity at 6.67 and 29.4 degC, over the reference",
            unit: "-",
            from: "EnergyPlus data set, reference conditions",
            published: 1.0,
            ours: || capacity_factor(6.67, 29.4),
            within: 0.005,
        },
        Check {
            what: "COP at 6.67 and 29.4 degC, full load, of a chiller rated 5.5",
            unit: "-",
            from: "EnergyPlus data set, reference conditions",
            published: 5.5,
            ours: || 5.5 * capacity_factor(6.67, 29.4) / power_factor(6.67, 29.4, 1.0),
            within: 0.005,
        },
        Check {
            what: "effectiveness of a condenser of 3 transfer units",
            unit: "-",
            from: "Incropera, table 11.3, ratio 0",
            published: 0.950,
            ours: || shell_effectiveness(3.0),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curves_are_one_at_the_reference_and_move_the_right_way() {
        assert!((power_factor(6.67, 29.4, 1.0) - 1.0).abs() < 0.005);
        // Warmer condenser water: less capacity and more power for each kilowatt.
        assert!(capacity_factor(7.0, 34.0) < capacity_factor(7.0, 26.0));
        let specific = |c: f64| power_factor(7.0, c, 0.7) / capacity_factor(7.0, c);
        assert!(specific(34.0) > specific(26.0));
    }

    #[test]
    fn a_shell_tells_its_conductance() {
        let (ua, flow, inlet, shell) = (225.0, 45.0, 24.0, 30.0);
        let c = flow * WATER_J_PER_KG_K / 1_000.0;
        let out = inlet + shell_effectiveness(ua / c) * (shell - inlet);
        let told = shell_conductance(shell, inlet, out, flow).unwrap();
        assert!((told - ua).abs() < 1e-9, "{told}");
        assert_eq!(shell_conductance(30.0, 30.0, 30.0, 45.0), None);
    }
}
