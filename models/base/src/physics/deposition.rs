//! Chemical vapour deposition that the surface's reaction limits: Arrhenius in temperature, half order in silane.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Boltzmann's constant [eV/K] (CODATA 2018).
pub const BOLTZMANN_EV_PER_K: f64 = 8.617_333e-5;
/// Activation energy of polysilicon from silane at low pressure [eV] (Adams, in Sze, *VLSI Technology*, 2nd ed., ch. 6).
pub const POLYSILICON_EV: f64 = 1.7;
/// The rate that furnaces run at [nm/min], with its temperature [K] and partial pressure of silane [Pa].
const ANCHOR: (f64, f64, f64) = (10.0, 893.15, 26.7);
/// A standard cubic centimetre a minute [Pa m3/s]: 101,325 Pa over a minute.
pub const PA_M3_PER_S_PER_SCCM: f64 = 101_325.0e-6 / 60.0;

/// How much faster a process of activation energy `ev` goes at `t_k` than at `reference_k` [-].
pub fn arrhenius(ev: f64, t_k: f64, reference_k: f64) -> f64 {
    libm::exp(ev / BOLTZMANN_EV_PER_K * (1.0 / reference_k - 1.0 / t_k))
}

/// Growth of polysilicon [nm/min] at `t_c` [degC, 560 to 720] under `silane_pa` of silane [Pa]: reaction of half order
/// (Kuehne et al., 900 to 950 K).
pub fn polysilicon_nm_per_min(t_c: f64, silane_pa: f64) -> f64 {
    let (rate, at_k, at_pa) = ANCHOR;
    rate * arrhenius(POLYSILICON_EV, t_c + 273.15, at_k) * (silane_pa.max(0.0) / at_pa).sqrt()
}

/// What a heater zone loses [W]: grey radiation to the walls, and conduction to them.
pub fn zone_loss_w(t_c: f64, wall_c: f64, radiation_w_per_k4: f64, conduction_w_per_k: f64) -> f64 {
    let fourth = |c: f64| (c + 273.15).powi(4);
    radiation_w_per_k4 * (fourth(t_c) - fourth(wall_c)) + conduction_w_per_k * (t_c - wall_c)
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Thickness over what temperature, silane and time account for [-].
    Law {
        name: "film_thickness",
        inputs: &["thickness_nm", "temp_c", "silane_pa", "time_s"],
        params: &[],
        eval: |q, _| {
            let expected = polysilicon_nm_per_min(q[1], q[2]) * q[3] / 60.0;
            (expected > 1.0).then(|| q[0] / expected)
        },
    },
    // What a throttled pump takes away over what flows in [-].
    Law {
        name: "gas_balance",
        inputs: &["pressure_pa", "throttle_pct", "flow_a_sccm", "flow_b_sccm"],
        params: &["speed_m3_per_s"],
        eval: |q, p| {
            let in_pa = (q[2] + q[3]) * PA_M3_PER_S_PER_SCCM;
            (in_pa > 0.05).then(|| q[0] * q[1] / 100.0 * p[0] / in_pa)
        },
    },
    // Electric power over what the controller's duty asks of a sound element [-].
    Law {
        name: "heater_gain",
        inputs: &["power_w", "duty_pct"],
        params: &["rated_w"],
        eval: |q, p| (q[1] > 5.0).then(|| q[0] / (q[1] / 100.0 * p[0])),
    },
    // Heating power less what a zone of that temperature loses to the walls and gives to the wafer [W].
    Law {
        name: "zone_balance",
        inputs: &["power_w", "temp_c", "wall_c", "wafer_c"],
        params: &["radiation_w_per_k4", "conduction_w_per_k", "wafer_w_per_k"],
        eval: |q, p| Some(q[0] - zone_loss_w(q[1], q[2], p[0], p[1]) - p[2] * (q[1] - q[3])),
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "deposition",
    equation: "r = r0 exp(-Ea/k (1/T - 1/T0)) (p/p0)^(1/2); loss = e s A (T^4 - Tw^4) + G (T - Tw); Q = S p",
    valid: "polysilicon from silane, 560 to 720 C, limited by the surface's reaction",
    source: "Adams in Sze, VLSI Technology, 2nd ed., ch. 6; Kuehne et al. (half order); JEDEC JEP122",
    checks: &[
        Check {
            what: "acceleration from 55 to 85 C at 0.7 eV",
            unit: "-",
            from: "JEDEC JEP122, Arrhenius factor",
            published: 7.95,
            ours: || arrhenius(0.7, 358.15, 328.15),
            within: 2e-3,
        },
        Check {
            what: "flow of 1,000 sccm",
            unit: "Pa m3/s",
            from: "NIST SP 811, appendix B (standard atmosphere)",
            published: 1.688_75,
            ours: || 1_000.0 * PA_M3_PER_S_PER_SCCM,
            within: 1e-5,
        },
        Check {
            what: "growth at 680 C and 133 Pa of silane, from 10 nm/min at 620 C and 26.7 Pa",
            unit: "nm/min",
            from: "by hand",
            published: 89.7,
            ours: || polysilicon_nm_per_min(680.0, 133.0),
            within: 5e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 1.7 eV over k is 19,728 K, so that at 680 C (953 K) a kelvin is 2.17 %.
    #[test]
    fn a_kelvin_is_two_per_cent_and_twice_the_silane_four_tenths() {
        let rate = polysilicon_nm_per_min(680.0, 133.0);
        assert!((polysilicon_nm_per_min(681.0, 133.0) / rate - 1.021_9).abs() < 5e-4);
        assert!((polysilicon_nm_per_min(680.0, 266.0) / rate - std::f64::consts::SQRT_2).abs() < 1e-12);
        assert_eq!(polysilicon_nm_per_min(680.0, -1.0), 0.0);
    }

    /// By hand: 1.4175e-9 (953.15^4 - 298.15^4) = 1,158.8 W, and 655 W by conduction.
    #[test]
    fn a_hot_zone_mostly_radiates() {
        assert!((zone_loss_w(680.0, 25.0, 1.4175e-9, 1.0) - 1_813.8).abs() < 1.0);
        assert_eq!(zone_loss_w(25.0, 25.0, 1.4175e-9, 1.0), 0.0);
    }
}
