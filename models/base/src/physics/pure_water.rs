//! Ultrapure water: conductivity of what is dissolved and of the water itself, temperature compensation, the exhaustion of
//! a resin, and ultraviolet light against organic carbon.
//!
//! Conductivity of pure water: Marsh and Stokes (Aust. J. Chem. 17, 1964), `0.05498 + 2.9326e-3 d + 6.0629e-5 d^2 + 4.269e-7
//! d^3` uS/cm with `d = t - 25`; ions of salts gain 2 % a kelvin (ASTM D1125). Breakthrough of a bed: Thomas (J. Am. Chem.
//! Soc. 66, 1944) as a logistic curve. Oxidation of organic carbon at 185 nm: first order in dose.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Conductivity of pure water at `t_c` [uS/cm]; 0 to 50 degC.
pub fn pure_us_per_cm(t_c: f64) -> f64 {
    let d = t_c - 25.0;
    0.054_98 + 2.932_6e-3 * d + 6.062_9e-5 * d * d + 4.269e-7 * d * d * d
}

/// Resistivity [Mohm cm] at `t_c` of water whose ions add `ions_us_per_cm` at 25 degC.
pub fn resistivity_mohm_cm(ions_us_per_cm: f64, t_c: f64) -> f64 {
    1.0 / (pure_us_per_cm(t_c) + ions_us_per_cm * (1.0 + 0.02 * (t_c - 25.0)))
}

/// The resistivity [Mohm cm] that water of `mohm_cm` at `t_c` would have at 25 degC.
pub fn compensated_mohm_cm(mohm_cm: f64, t_c: f64) -> f64 {
    let ions = (1.0 / mohm_cm - pure_us_per_cm(t_c)) / (1.0 + 0.02 * (t_c - 25.0));
    1.0 / (pure_us_per_cm(25.0) + ions)
}

/// Share of the ions that a bed lets through when `used` of its capacity is spent [-]; `sharpness` is Thomas' rate constant
/// times capacity over flow.
pub fn breakthrough(used: f64, sharpness: f64) -> f64 {
    1.0 / (1.0 + libm::exp(sharpness * (1.0 - used)))
}

/// Share of the organic carbon that a lamp leaves [-]: `decades` is its log reduction at nominal dose; dose is over nominal.
pub fn carbon_left(decades: f64, dose: f64) -> f64 {
    libm::exp(-std::f64::consts::LN_10 * decades * dose)
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Resistivity at 25 degC [Mohm cm] from that measured and the temperature.
    Law {
        name: "resistivity_25",
        inputs: &["mohm_cm", "temperature_c"],
        params: &[],
        eval: |q, _| (q[0] > 0.01 && (0.0..=50.0).contains(&q[1])).then(|| compensated_mohm_cm(q[0], q[1])),
    },
    // The same, less what another meter reports at 25 degC [Mohm cm]: nought while both cells tell the truth.
    Law {
        name: "resistivity_spread",
        inputs: &["mohm_cm", "temperature_c", "reported"],
        params: &[],
        eval: |q, _| {
            (q[0] > 0.01 && (0.0..=50.0).contains(&q[1])).then(|| compensated_mohm_cm(q[0], q[1]) - q[2])
        },
    },
    // Decades of organic carbon that a lamp takes off at nominal flow [-]: dose goes with one over the flow.
    Law {
        name: "carbon_decades",
        inputs: &["before_ppb", "after_ppb", "flow"],
        params: &["nominal_flow"],
        eval: |q, p| {
            (q[0] > 0.05 && q[1] > 0.01 && q[2] > 0.1 * p[0]).then(|| libm::log10(q[0] / q[1]) * q[2] / p[0])
        },
    },
    // Resistance of a filter, laminar through its membrane [the pressure's unit over the flow's].
    Law {
        name: "liquid_filter",
        inputs: &["drop_kpa", "flow"],
        params: &[],
        eval: |q, _| (q[1] > 0.001).then(|| q[0] / q[1]),
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "pure_water",
    equation: "k = 0.05498 + 2.9326e-3 d + 6.0629e-5 d^2 + 4.269e-7 d^3, d = t - 25; ions 2 %/K",
    valid: "0 to 50 degC",
    source: "Marsh and Stokes, Aust. J. Chem. 17, 1964; Thomas, J. Am. Chem. Soc. 66, 1944",
    checks: &[
        Check {
            what: "resistivity of pure water at 25 degC",
            unit: "Mohm cm",
            from: "Light, Licht, Bevilacqua and Morash, Electrochem. Solid-State Lett. 8, 2005",
            published: 18.18,
            ours: || resistivity_mohm_cm(0.0, 25.0),
            within: 2e-3,
        },
        Check {
            what: "resistivity of pure water at 20 degC, from the mobilities of H+ and OH- and Kw there",
            unit: "Mohm cm",
            from: "CRC Handbook: 325.2 and 182.5 S cm2/mol, pKw 14.167",
            published: 23.94,
            ours: || resistivity_mohm_cm(0.0, 20.0),
            within: 5e-3,
        },
        Check {
            what: "resistivity of pure water at 10 degC, from the same",
            unit: "Mohm cm",
            from: "CRC Handbook: 275.6 and 149.6 S cm2/mol, pKw 14.535",
            published: 43.67,
            ours: || resistivity_mohm_cm(0.0, 10.0),
            within: 0.015,
        },
        Check {
            what: "share that a half spent bed lets through at its middle",
            unit: "-",
            from: "Thomas: C/C0 = 1/2 at capacity",
            published: 0.5,
            ours: || breakthrough(1.0, 40.0),
            within: 1e-9,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compensation_takes_the_temperature_out() {
        for ions in [0.0, 0.001, 0.05] {
            let at_25 = resistivity_mohm_cm(ions, 25.0);
            for t in [18.0, 22.0, 28.0] {
                let back = compensated_mohm_cm(resistivity_mohm_cm(ions, t), t);
                assert!((back - at_25).abs() < 1e-9, "{ions} {t}: {back}");
            }
        }
    }

    /// Pure water loses about 5 % of its resistivity a kelvin.
    #[test]
    fn five_percent_a_kelvin() {
        let slope = resistivity_mohm_cm(0.0, 26.0) / resistivity_mohm_cm(0.0, 25.0) - 1.0;
        assert!((-0.056..-0.046).contains(&slope), "{slope}");
        assert!((carbon_left(1.0, 1.0) - 0.1).abs() < 1e-9);
        assert!(breakthrough(0.8, 40.0) < 1e-3);
    }
}
