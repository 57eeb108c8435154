//! A centrifugal pump: its curve, the affinity laws, and the power in its water.
//!
//! Affinity laws and water power as in ANSI/HI 14.3 (rotodynamic pumps): `Q ~ n`, `H ~ n^2`, `P = dp Q / eta`.

use super::published::{Check, Sheet};
use super::residual::Law;

/// A pump by its curve `dp = p0 r^2 - a Q^2`, `r = n / n0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pump {
    /// Pressure at no flow and nominal speed [kPa] -- parameter.
    pub p0_kpa: f64,
    /// Fall of the curve [kPa s2/l2] -- parameter.
    pub a: f64,
    /// Nominal speed [rpm] -- parameter.
    pub n0_rpm: f64,
}

impl Pump {
    /// Pressure that it gives at that speed and flow [kPa].
    pub fn pressure_kpa(&self, n_rpm: f64, l_per_s: f64) -> f64 {
        let r = n_rpm / self.n0_rpm;
        self.p0_kpa * r * r - self.a * l_per_s * l_per_s
    }

    /// Flow through a circuit that takes `k Q^2` over a static pressure [l/s]; `lost` is the share of its own pressure that
    /// the pump no longer gives.
    pub fn flow_l_per_s(&self, n_rpm: f64, k: f64, static_kpa: f64, lost: f64) -> f64 {
        let r = n_rpm / self.n0_rpm;
        let own = self.p0_kpa * r * r * (1.0 - lost) - static_kpa;
        (own.max(0.0) / (self.a + k)).sqrt()
    }
}

/// Power of a pump [kW] that gives `kpa` to `l_per_s` at that efficiency.
pub fn power_kw(kpa: f64, l_per_s: f64, efficiency: f64) -> f64 {
    kpa * l_per_s / 1_000.0 / efficiency
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Pressure that a pump gives, less what its curve promises at that speed and flow [kPa]: nought for a sound pump at any
    // speed and valve, below for one that is worn or cavitates.
    Law {
        name: "pump_curve",
        inputs: &["pressure_kpa", "flow_l_per_s", "speed_rpm"],
        params: &["p0_kpa", "a_kpa_s2_per_l2", "n0_rpm"],
        eval: |q, p| {
            let pump = Pump { p0_kpa: p[0], a: p[1], n0_rpm: p[2] };
            (q[2] > 0.2 * p[2]).then(|| q[0] - pump.pressure_kpa(q[2], q[1]))
        },
    },
    // Power beyond what the water takes [kW].
    Law {
        name: "pump_power",
        inputs: &["power_kw", "pressure_kpa", "flow_l_per_s"],
        params: &["efficiency"],
        eval: |q, p| (q[2] > 0.01).then(|| q[0] - power_kw(q[1], q[2], p[0])),
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "pump",
    equation: "dp = p0 (n/n0)^2 - a Q^2; P = dp Q / eta",
    valid: "one impeller, one density",
    source: "ANSI/HI 14.3, rotodynamic pumps",
    checks: &[
        Check {
            what: "water power of 1,000 gpm at 100 ft",
            unit: "kW",
            from: "Hydraulic Institute: gpm ft / 3,960 in hp",
            published: 18.83,
            ours: || power_kw(30.48 * 9.806_65 * 0.9982, 63.09, 1.0),
            within: 2e-3,
        },
        Check {
            what: "pressure at a tenth more speed, over that before",
            unit: "-",
            from: "affinity law",
            published: 1.21,
            ours: || LOOP.pressure_kpa(3_190.0, 11.0) / LOOP.pressure_kpa(2_900.0, 10.0),
            within: 1e-9,
        },
    ],
};

const LOOP: Pump = Pump { p0_kpa: 480.0, a: 0.62, n0_rpm: 2_900.0 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flow_is_where_pump_and_circuit_meet() {
        for (n, k, lifted) in [(2_900.0, 2.0, 0.0), (2_600.0, 1.5, 80.0)] {
            let q = LOOP.flow_l_per_s(n, k, lifted, 0.0);
            assert!((LOOP.pressure_kpa(n, q) - k * q * q - lifted).abs() < 1e-9);
            let told = (LAWS[0].eval)(&[k * q * q + lifted, q, n], &[480.0, 0.62, 2_900.0]).unwrap();
            assert!(told.abs() < 1e-9, "{told}");
        }
        assert!(LOOP.flow_l_per_s(2_900.0, 2.0, 0.0, 0.2) < LOOP.flow_l_per_s(2_900.0, 2.0, 0.0, 0.0));
        assert_eq!(LOOP.flow_l_per_s(500.0, 2.0, 100.0, 0.0), 0.0, "it does not lift the column");
    }
}
