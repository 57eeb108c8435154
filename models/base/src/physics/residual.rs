//! Laws as the sentinel uses them: quantities in, one number out that stands still while the law holds.

/// A law over named quantities.
pub struct Law {
    /// Its name in profiles.
    pub name: &'static str,
    /// The quantities it needs, each bound to a point.
    pub inputs: &'static [&'static str],
    /// Its constants, each given in the profile.
    pub params: &'static [&'static str],
    /// Inputs and constants in the order of the lists above; none where the law says nothing (no flow, standstill).
    pub eval: fn(&[f64], &[f64]) -> Option<f64>,
}

/// Every law a profile may name. Each stands with its physics.
pub const LAWS: &[&[Law]] = &[
    GENERAL,
    super::bond::LAWS,
    super::chiller::LAWS,
    super::coil::LAWS,
    super::contact::LAWS,
    super::cutting::LAWS,
    super::deposition::LAWS,
    super::die_attach::LAWS,
    super::excimer::LAWS,
    super::fan::LAWS,
    super::filter::LAWS,
    super::gauge::LAWS,
    super::held_zone::LAWS,
    super::imaging::LAWS,
    super::isolation::LAWS,
    super::molding::LAWS,
    super::plasma_etch::LAWS,
    super::plate::LAWS,
    super::polishing::LAWS,
    super::pump::LAWS,
    super::pure_water::LAWS,
    super::reflow::LAWS,
    super::refrigerant::LAWS,
    super::sawing::LAWS,
    super::scrubber::LAWS,
    super::thermal::LAWS,
    super::throttle::LAWS,
    super::vibration::LAWS,
];

/// Laws that hold of anything.
const GENERAL: &[Law] = &[
    // How far something stays behind what it was told [%].
    Law {
        name: "shortfall_pct",
        inputs: &["wanted", "actual"],
        params: &[],
        eval: |q, _| (q[0].abs() > 1e-9).then(|| 100.0 * (q[0] - q[1]) / q[0]),
    },
    // What is left of something, or how much of it arrives [%].
    Law {
        name: "share_pct",
        inputs: &["part", "whole"],
        params: &[],
        eval: |q, _| (q[1].abs() > 1e-9).then(|| 100.0 * q[0] / q[1]),
    },
    // How far something lies below a limit [its unit]: nought above it.
    Law {
        name: "below_limit",
        inputs: &["value"],
        params: &["limit"],
        eval: |q, p| Some((p[0] - q[0]).max(0.0)),
    },
    // One less the other [their unit]: two instruments of one quantity, or a quantity and its set-point.
    Law { name: "difference", inputs: &["one", "other"], params: &[], eval: |q, _| Some(q[0] - q[1]) },
    // How far a counter of use has gone beyond the life that is planned for what wears [the counter's unit].
    Law { name: "overdue", inputs: &["used"], params: &["life"], eval: |q, p| Some((q[0] - p[0]).max(0.0)) },
];

/// The law of that name.
pub fn find(name: &str) -> Option<&'static Law> {
    LAWS.iter().copied().flatten().find(|l| l.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::{coil, fan};

    fn value(law: &str, inputs: &[f64], params: &[f64]) -> Option<f64> {
        let law = find(law).unwrap();
        assert_eq!((inputs.len(), params.len()), (law.inputs.len(), law.params.len()));
        (law.eval)(inputs, params)
    }

    #[test]
    fn each_law_stands_still_while_it_holds() {
        let fan = fan::Fan { p0_pa: 300.0, a_pa_s2_per_m6: 1_716.0, n0_rpm: 1_400.0 };
        for (n, z) in [(1_400.0, 370.0), (1_540.0, 370.0), (1_400.0, 740.0)] {
            let q = fan.flow_m3_per_s(n, z);
            let (dp, flow) = (z * q, q * 3_600.0);
            assert!((value("filter_impedance", &[dp, flow], &[]).unwrap() - z).abs() < 1e-9);
            let left = value("fan_curve", &[dp, flow, n], &[300.0, 1_716.0, 1_400.0]).unwrap();
            assert!(left.abs() < 1e-9, "clogging and speed leave the fan's curve alone: {left}");
        }
        let at = |n: f64| value("affinity_flow", &[1_166.0 * n / 1_400.0, n], &[1_400.0]).unwrap();
        assert!((at(1_540.0) - at(1_400.0)).abs() < 1e-9);
        assert_eq!(value("shortfall_pct", &[1_400.0, 1_260.0], &[]), Some(10.0));
        assert_eq!(value("overdue", &[36.0], &[40.0]), Some(0.0));
        assert_eq!(value("overdue", &[43.0], &[40.0]), Some(3.0));
        // 120 Pa and 20 Pa of housing at 0.324 m3/s are 45.4 W of air; at 0.36 and 230 V, 0.548 A.
        let over = value("fan_current", &[0.648, 120.0, 1_166.4], &[190.5, 0.36, 230.0]).unwrap();
        assert!((over - 0.1).abs() < 0.001, "{over}");
        // A coil of 9 kW/K between 5 m3/s of air (6,036 W/K) and 40 l/min of water (2,791 W/K).
        let (air, water) = (6_036.0, 4_186.0 * 40.0 / 60.0);
        let passed = coil::effectiveness(9_000.0 / water, water / air) * water * (22.4 - 7.0);
        let told = [22.4, 22.4 - passed / air, 7.0, 40.0, 18_000.0];
        let ua = value("coil_conductance", &told, &[18_000.0]).unwrap();
        assert!((ua - 9.0).abs() < 1e-9, "{ua}");
        assert_eq!(
            value("coil_conductance", &[22.4, 22.4, 7.0, 0.0, 18_000.0], &[18_000.0]),
            None,
            "no water"
        );
        let cut = [300.0 / 1_000.0, 3.0, 0.2, 0.0, 0.0];
        let params = [0.4, 63.0, 1_988.0, 0.263, 0.8, 40.0, 0.3];
        assert_eq!(value("cutting_power", &cut, &params), None, "a spindle that stands says nothing");
        assert_eq!(value("thermal_growth", &[72.0, 40.0], &[0.3, 20.0]), Some(0.0));
        assert_eq!(value("motional_resistance", &[20.0, 288.0, 120.0], &[]), Some(0.0));
        assert_eq!(value("bond_strength", &[14.0, 288.0, 0.0], &[14.0, 288.0, 250.0, 1e-6]), Some(1.0));
        assert_eq!(
            value("unbalance", &[0.968, 1_540.0], &[1_400.0]).map(|v| (v * 1e6).round()),
            Some(800_000.0)
        );
    }
}
