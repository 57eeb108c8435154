//! Fan and system: the affinity laws, and where a fan's curve meets a filter's.
//!
//! Affinity laws (ASHRAE Handbook, HVAC Systems and Equipment, Fans): at one point of the curve `Q ~ n`, `dP ~ n^2`,
//! `P ~ n^3`. With the curve `dP = p0 r^2 - a Q^2`, `r = n / n0`, they hold exactly.

use super::published::{Check, Sheet};
use super::residual::Law;

/// A fan with its housing, before a medium of laminar resistance.
///
/// ```text
/// dP |\__ p0 r^2 - a Q^2     fan less housing
///    |   \__ . '
///    |    . 'X               operating point
///    | . '    \   R Q        filter (Darcy)
///    +----------------- Q
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fan {
    /// Pressure at no flow and nominal speed [Pa] -- parameter, 100 to 1,000.
    pub p0_pa: f64,
    /// Fall of the curve, housing loss included [Pa s2/m6] -- parameter.
    pub a_pa_s2_per_m6: f64,
    /// Nominal speed [rpm] -- parameter.
    pub n0_rpm: f64,
}

impl Fan {
    /// Pressure left for the filter at that speed and flow [Pa].
    pub fn pressure_pa(&self, n_rpm: f64, flow_m3_per_s: f64) -> f64 {
        let r = n_rpm / self.n0_rpm;
        self.p0_pa * r * r - self.a_pa_s2_per_m6 * flow_m3_per_s * flow_m3_per_s
    }

    /// Flow through a filter of impedance `z_pa_s_per_m3` [m3/s]: the positive root of `a Q^2 + Z Q = p0 r^2`.
    pub fn flow_m3_per_s(&self, n_rpm: f64, z_pa_s_per_m3: f64) -> f64 {
        let r = n_rpm / self.n0_rpm;
        let a = self.a_pa_s2_per_m6;
        ((z_pa_s_per_m3 * z_pa_s_per_m3 + 4.0 * a * self.p0_pa * r * r).sqrt() - z_pa_s_per_m3) / (2.0 * a)
    }
}

/// Electrical power of a fan that moves `flow_m3_per_s` against `pressure_pa` [W].
pub fn electrical_power_w(pressure_pa: f64, flow_m3_per_s: f64, efficiency: f64) -> f64 {
    pressure_pa * flow_m3_per_s / efficiency
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // What the filter takes, less what the fan's curve leaves at that speed and flow [Pa]: nought as long as gauge, flow
    // meter and tachometer all tell the truth, however loaded the filter is.
    Law {
        name: "fan_curve",
        inputs: &["drop_pa", "flow_m3_per_h", "speed_rpm"],
        params: &["p0_pa", "a_pa_s2_per_m6", "n0_rpm"],
        eval: |q, p| {
            let fan = Fan { p0_pa: p[0], a_pa_s2_per_m6: p[1], n0_rpm: p[2] };
            (q[2] > 0.1 * p[2]).then(|| q[0] - fan.pressure_pa(q[2], q[1] / 3_600.0))
        },
    },
    // Flow at nominal speed [the flow's unit]: by affinity it does not change with speed.
    Law {
        name: "affinity_flow",
        inputs: &["flow", "speed_rpm"],
        params: &["n0_rpm"],
        eval: |q, p| (q[1] > 0.1 * p[0]).then(|| q[0] * p[0] / q[1]),
    },
    // Motor current beyond what the moved air takes [A].
    Law {
        name: "fan_current",
        inputs: &["current_a", "drop_pa", "flow_m3_per_h"],
        params: &["housing_pa_s2_per_m6", "efficiency", "volts"],
        eval: |q, p| {
            let flow = q[2] / 3_600.0;
            let power = electrical_power_w(q[1] + p[0] * flow * flow, flow, p[1]);
            Some(q[0] - power / p[2])
        },
    },
];

const UNIT_FAN: Fan = Fan { p0_pa: 300.0, a_pa_s2_per_m6: 1_716.0, n0_rpm: 1_400.0 };

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "fan",
    equation: "dP = p0 (n/n0)^2 - a Q^2; Q ~ n, dP ~ n^2, P ~ n^3",
    valid: "one housing, one density",
    source: "ASHRAE Handbook, HVAC Systems and Equipment, Fans",
    checks: &[
        Check {
            what: "flow of a unit of 1.2 x 0.6 m at 0.45 m/s",
            unit: "m3/h",
            from: "makers' data sheets of fan filter units",
            published: 1_166.0,
            ours: || 3_600.0 * UNIT_FAN.flow_m3_per_s(1_400.0, 370.0),
            within: 2e-3,
        },
        Check {
            what: "pressure at a tenth more speed, over that before",
            unit: "-",
            from: "affinity law",
            published: 1.21,
            ours: || UNIT_FAN.pressure_pa(1_540.0, 0.33) / UNIT_FAN.pressure_pa(1_400.0, 0.3),
            within: 1e-9,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    const FAN: Fan = Fan { p0_pa: 300.0, a_pa_s2_per_m6: 1_716.0, n0_rpm: 1_400.0 };

    /// By hand: Z = 370 Pa s/m3 at 0.324 m3/s is 120 Pa; 300 - 1716 x 0.324^2 = 119.9 Pa.
    #[test]
    fn a_clean_hepa_filter_stands_at_120_pa() {
        let q = FAN.flow_m3_per_s(1_400.0, 370.0);
        assert!((q * 3_600.0 - 1_166.0).abs() < 2.0, "{} m3/h", q * 3_600.0);
        assert!((FAN.pressure_pa(1_400.0, q) - 120.0).abs() < 0.5);
        assert!((FAN.pressure_pa(1_400.0, q) - 370.0 * q).abs() < 1e-9, "both curves meet");
    }

    /// Affinity: through an impedance that grows with the flow (turbulent system), Q ~ n and dP ~ n^2 exactly; at no
    /// flow dP ~ n^2.
    #[test]
    fn affinity_laws_hold() {
        assert!((FAN.pressure_pa(700.0, 0.0) - 75.0).abs() < 1e-9);
        let (q1, q2) = (0.3, 0.3 * 1.1);
        let (p1, p2) = (FAN.pressure_pa(1_400.0, q1), FAN.pressure_pa(1_540.0, q2));
        assert!((p2 / p1 - 1.21).abs() < 1e-12);
        let power = electrical_power_w(p2, q2, 0.4) / electrical_power_w(p1, q1, 0.4);
        assert!((power - 1.331).abs() < 1e-12);
    }

    #[test]
    fn clogging_at_constant_speed_lowers_flow_and_raises_pressure_drop() {
        let (clean, clogged) = (FAN.flow_m3_per_s(1_400.0, 370.0), FAN.flow_m3_per_s(1_400.0, 740.0));
        assert!(clogged < clean && 740.0 * clogged > 370.0 * clean);
    }
}
