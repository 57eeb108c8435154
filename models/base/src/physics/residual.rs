//! Laws as the sentinel uses them: quantities in, one number out that stands still while the law holds.

use super::{bond, coil, cutting, fan, filter, moist_air, thermal, tool_life, vibration};

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

/// Every law a profile may name.
pub const LAWS: &[Law] = &[
    // dP / Q [Pa s/m3]: constant for a medium, grows as it loads.
    Law {
        name: "filter_impedance",
        inputs: &["drop_pa", "flow_m3_per_h"],
        params: &[],
        eval: |q, _| filter::impedance_pa_s_per_m3(q[0], q[1]),
    },
    // What the filter takes, less what the fan's curve leaves at that speed and flow [Pa]: nought as long as gauge, flow
    // meter and tachometer all tell the truth, however loaded the filter is.
    Law {
        name: "fan_curve",
        inputs: &["drop_pa", "flow_m3_per_h", "speed_rpm"],
        params: &["p0_pa", "a_pa_s2_per_m6", "n0_rpm"],
        eval: |q, p| {
            let fan = fan::Fan { p0_pa: p[0], a_pa_s2_per_m6: p[1], n0_rpm: p[2] };
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
    // How far something stays behind what it was told [%].
    Law {
        name: "shortfall_pct",
        inputs: &["wanted", "actual"],
        params: &[],
        eval: |q, _| (q[0].abs() > 1e-9).then(|| 100.0 * (q[0] - q[1]) / q[0]),
    },
    // Motor current beyond what the moved air takes [A].
    Law {
        name: "fan_current",
        inputs: &["current_a", "drop_pa", "flow_m3_per_h"],
        params: &["housing_pa_s2_per_m6", "efficiency", "volts"],
        eval: |q, p| {
            let flow = q[2] / 3_600.0;
            let power = fan::electrical_power_w(q[1] + p[0] * flow * flow, flow, p[1]);
            Some(q[0] - power / p[2])
        },
    },
    // Conductance of a cooling coil at nominal airflow [kW/K]: falls as it fouls, whatever load, valve and fan do.
    Law {
        name: "coil_conductance",
        inputs: &["entering_c", "leaving_c", "water_c", "water_l_per_min", "flow_m3_per_h"],
        params: &["nominal_m3_per_h"],
        eval: |q, p| {
            let air = moist_air::DENSITY_KG_PER_M3 * moist_air::HEAT_J_PER_KG_K * q[4] / 3_600.0;
            // A litre of water is a kilogram.
            let water = coil::WATER_J_PER_KG_K * q[3] / 60.0;
            let (least, most) = (air.min(water), air.max(water));
            if least < 50.0 || q[0] - q[2] < 2.0 {
                return None;
            }
            let passed = air * (q[0] - q[1]) / (least * (q[0] - q[2]));
            let ntu = coil::transfer_units(passed, least / most)?;
            Some(ntu * least / 1_000.0 / coil::flow_factor(q[4], p[0]))
        },
    },
    // Velocity at nominal speed [mm/s]: unbalance grows with the square of the speed.
    Law {
        name: "unbalance",
        inputs: &["velocity_mm_s", "speed_rpm"],
        params: &["n0_rpm"],
        eval: |q, p| (q[1] > 0.1 * p[0]).then(|| q[0] / vibration::unbalance_factor(q[1], p[0])),
    },
    // Power of a cut over what depth, feed, speed and planned wear account for [-].
    Law {
        name: "cutting_power",
        inputs: &["power_kw", "depth_mm", "feed_mm_per_rev", "speed_rpm", "tool_age_min"],
        params: &["idle_kw", "diameter_mm", "kc11_n_per_mm2", "m", "efficiency", "life_min", "wear_gain"],
        eval: |q, p| {
            if q[1] < 0.05 || q[2] < 0.01 || q[3] < 100.0 {
                return None;
            }
            let kc = cutting::Material { kc11_n_per_mm2: p[2], m: p[3] }.kc_n_per_mm2(q[2]);
            let v_m_per_min = std::f64::consts::PI * p[1] * q[3] / 1_000.0;
            let vb = tool_life::END_OF_LIFE_VB_MM * q[4] / p[5];
            let expected =
                cutting::power_kw(q[1], q[2], v_m_per_min, kc, p[4]) * tool_life::wear_force_factor(vb, p[6]);
            Some((q[0] - p[0]) / expected)
        },
    },
    // Measured growth less that of the measured temperature [um].
    Law {
        name: "thermal_growth",
        inputs: &["growth_um", "temperature_c"],
        params: &["length_m", "reference_c"],
        eval: |q, p| Some(q[0] - thermal::growth_um(p[0], q[1] - p[1])),
    },
    // Shear strength over what power and planned capillary wear account for [-].
    Law {
        name: "bond_strength",
        inputs: &["shear_gf", "power_mw", "bonds"],
        params: &["best_gf", "best_mw", "width_mw", "wear_per_bond"],
        eval: |q, p| {
            let expected = p[0] * bond::strength_share(q[1], p[1], p[2]) * (1.0 - p[3] * q[2]);
            (expected > 0.1 * p[0]).then(|| q[0] / expected)
        },
    },
    // Measured impedance less P / I^2 [ohm]: at resonance the transducer is its motional resistance.
    Law {
        name: "motional_resistance",
        inputs: &["impedance_ohm", "power_mw", "current_ma"],
        params: &[],
        eval: |q, _| (q[2] > 1.0).then(|| q[0] - 1_000.0 * q[1] / (q[2] * q[2])),
    },
];

/// The law of that name.
pub fn find(name: &str) -> Option<&'static Law> {
    LAWS.iter().find(|l| l.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

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
