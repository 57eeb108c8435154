//! Die attach with epoxy: what a needle gives, how thin a die presses it, and what must hold.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Boltzmann's constant [eV/K].
const BOLTZMANN_EV: f64 = 8.617_333e-5;
/// The absolute temperature of 0 degC [K].
const ZERO_C: f64 = 273.15;
/// Activation energy of an uncured epoxy's viscosity [eV] (about 35 kJ/mol, the usual range is 30 to 60).
pub const FLOW_EV: f64 = 0.36;

/// How much faster a process of that activation energy goes at `t_c` than at `reference_c` [-] (Arrhenius).
pub fn arrhenius(energy_ev: f64, reference_c: f64, t_c: f64) -> f64 {
    libm::exp(energy_ev / BOLTZMANN_EV * (1.0 / (reference_c + ZERO_C) - 1.0 / (t_c + ZERO_C)))
}

/// Viscosity of a one-part epoxy over that of a fresh one at `reference_c` [-]. It doubles in its pot life, which is how
/// makers define it, and falls with temperature.
pub fn viscosity_factor(age_h: f64, pot_life_h: f64, reference_c: f64, t_c: f64) -> f64 {
    libm::exp2(age_h / pot_life_h) / arrhenius(FLOW_EV, reference_c, t_c)
}

/// Volume that a needle gives in a pressure pulse [nl]: `V = pi r^4 dp t / (8 mu L)` (Hagen and Poiseuille).
pub fn dispensed_nl(radius_mm: f64, length_mm: f64, pressure_kpa: f64, time_ms: f64, mu_pa_s: f64) -> f64 {
    let square = radius_mm * radius_mm;
    // kPa ms is Pa s, and mm^3 is 1000 nl.
    1_000.0 * std::f64::consts::PI * square * square * pressure_kpa * time_ms / (8.0 * mu_pa_s * length_mm)
}

/// Bond line under a die that pressed a drop for so long [um]: `h^4 = 3 mu V^2 / (8 pi F t)` (Dienes and Klemm 1946,
/// the parallel-plate plastometer, once the plates are far closer than they began).
pub fn bond_line_um(volume_nl: f64, mu_pa_s: f64, force_n: f64, time_s: f64) -> f64 {
    let v = volume_nl * 1e-12;
    let h4 = 3.0 * mu_pa_s * v * v / (8.0 * std::f64::consts::PI * force_n * time_s);
    1e6 * h4.sqrt().sqrt()
}

/// Least die shear strength [kgf] (MIL-STD-883, method 2019, figure 2019-4): 2.5 kgf above 64e-4 square inches, below
/// that in proportion, from 0.04 kgf for each 1e-4 square inch.
pub fn least_shear_kgf(area_mm2: f64) -> f64 {
    let square_inch_e4 = area_mm2 / 645.16 * 1e4;
    (0.04 * square_inch_e4).min(2.5)
}

/// Below this force a load cell of a few mN no longer says what a bond line should be [N].
const LEAST_FORCE_N: f64 = 0.3;

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Dispensed volume over what pulse, age and temperature account for [-].
    Law {
        name: "dispensed_volume",
        inputs: &["volume_nl", "pressure_kpa", "time_ms", "age_h", "temp_c"],
        params: &["nl_per_kpa_ms", "pot_life_h", "reference_c"],
        eval: |q, p| {
            let mu = viscosity_factor(q[3], p[1], p[2], q[4]);
            let expected = p[0] * q[1] * q[2] / mu;
            (expected > 1.0).then(|| q[0] / expected)
        },
    },
    // Bond line over what volume, force, age and temperature account for [-].
    Law {
        name: "squeezed_bond_line",
        inputs: &["bond_line_um", "volume_nl", "force_n", "age_h", "temp_c"],
        params: &["mu_pa_s", "time_s", "pot_life_h", "reference_c"],
        eval: |q, p| {
            let mu = p[0] * viscosity_factor(q[3], p[2], p[3], q[4]);
            (q[1] > 1.0 && q[2] > LEAST_FORCE_N).then(|| q[0] / bond_line_um(q[1], mu, q[2], p[1]))
        },
    },
    // The viscosity that drops tell over the one that the bond line tells, inverted: one while both gauges are right [-].
    Law {
        name: "epoxy_agreement",
        inputs: &["volume_nl", "pressure_kpa", "time_ms", "bond_line_um", "force_n", "age_h", "temp_c"],
        params: &["nl_per_kpa_ms", "mu_pa_s", "time_s", "pot_life_h", "reference_c"],
        eval: |q, p| {
            let factor = viscosity_factor(q[5], p[3], p[4], q[6]);
            let given = q[0] * factor / (p[0] * q[1] * q[2]);
            let squeezed = q[3] / bond_line_um(q[0], p[1] * factor, q[4], p[2]);
            (q[0] > 1.0 && q[4] > LEAST_FORCE_N).then(|| given * squeezed * squeezed * squeezed * squeezed)
        },
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "die_attach",
    equation: "V = pi r^4 dp t / (8 mu L); h^4 = 3 mu V^2 / (8 pi F t); mu = mu0 2^(age / pot life) / AF(T)",
    valid: "Newtonian epoxy within its pot life; creeping flow; a die that wets to its edge",
    source: "Hagen and Poiseuille; Dienes and Klemm, J. Appl. Phys. 17 (1946) 458; JEDEC JEP122 (Arrhenius); MIL-STD-883, method 2019",
    checks: &[
        Check {
            what: "acceleration from 55 to 85 degC at 0.7 eV",
            unit: "-",
            from: "JEDEC JEP122, worked widely",
            published: 7.95,
            ours: || arrhenius(0.7, 55.0, 85.0),
            within: 0.01,
        },
        Check {
            what: "least shear of a die of 10 mm2",
            unit: "kgf",
            from: "MIL-STD-883, method 2019, figure 2019-4",
            published: 2.5,
            ours: || least_shear_kgf(10.0),
            within: 0.0,
        },
        Check {
            what: "needle of 0.2 mm radius and 10 mm, 200 kPa, 250 ms, 20 Pa s",
            unit: "nl",
            from: "by hand",
            published: 157.1,
            ours: || dispensed_nl(0.2, 10.0, 200.0, 250.0, 20.0),
            within: 1e-3,
        },
        Check {
            what: "bond line of 157 nl of 20 Pa s under 1.5 N for 0.2 s",
            unit: "um",
            from: "by hand",
            published: 21.04,
            ours: || bond_line_um(157.0, 20.0, 1.5, 0.2),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::residual::find;

    #[test]
    fn aged_epoxy_is_thick_and_a_blocked_needle_is_not() {
        let mu = |age| 20.0 * viscosity_factor(age, 24.0, 22.5, 22.5);
        assert_eq!(mu(24.0), 40.0, "its pot life is over");
        let give = |r: f64, mu: f64| dispensed_nl(r, 10.0, 200.0, 250.0, mu);
        let (fresh, aged, blocked) = (give(0.2, mu(0.0)), give(0.2, 1.35 * mu(0.0)), give(0.184, mu(0.0)));
        let per_pulse = fresh / (200.0 * 250.0);
        let volume = |v| {
            (find("dispensed_volume").unwrap().eval)(&[v, 200.0, 250.0, 0.0, 22.5], &[per_pulse, 24.0, 22.5])
        };
        let squeeze = |v: f64, mu: f64| {
            let h = bond_line_um(v, mu, 1.5, 0.2);
            (find("squeezed_bond_line").unwrap().eval)(&[h, v, 1.5, 0.0, 22.5], &[20.0, 0.2, 24.0, 22.5])
                .unwrap()
        };
        assert!((volume(fresh).unwrap() - 1.0).abs() < 1e-9);
        assert!(
            (volume(aged).unwrap() - 0.741).abs() < 0.001 && (volume(blocked).unwrap() - 0.716).abs() < 0.001
        );
        let agree = |v: f64, h: f64| {
            let params = [per_pulse, 20.0, 0.2, 24.0, 22.5];
            (find("epoxy_agreement").unwrap().eval)(&[v, 200.0, 250.0, h, 1.5, 0.0, 22.5], &params).unwrap()
        };
        let line = bond_line_um(aged, 27.0, 1.5, 0.2);
        assert!((agree(aged, line) - 1.0).abs() < 1e-9, "drops and bond line tell of the same epoxy");
        assert!(agree(aged, 1.1 * line) > 1.4, "a laser that lies");
        assert!((squeeze(aged, 27.0) - 1.078).abs() < 0.001 && (squeeze(blocked, 20.0) - 1.0).abs() < 1e-9);
    }
}
