//! Transfer molding of epoxy compounds: viscosity that heat lowers and cure raises, fill time, degree of cure, and the air
//! that stays behind.

use super::published::{Check, Sheet};
use super::residual::Law;

/// The absolute temperature of 0 degC [K].
const ZERO_C: f64 = 273.15;

/// An epoxy molding compound: Castro and Macosko's viscosity over Kamal's kinetics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compound {
    /// Viscosity at the reference temperature without cure [Pa s].
    pub mu_pa_s: f64,
    /// Reference temperature [degC].
    pub reference_c: f64,
    /// How viscosity falls with temperature [K]: `exp(Tb / T)`.
    pub flow_k: f64,
    /// Conversion at the gel point [-].
    pub gel: f64,
    /// Castro and Macosko's exponents: `C1 + C2 a`.
    pub c1: f64,
    /// The second of them.
    pub c2: f64,
    /// Kamal's rates at the reference temperature [1/s]: of itself, and catalysed by what has reacted.
    pub k1_per_s: f64,
    /// The second of them.
    pub k2_per_s: f64,
    /// Activation temperature of both [K].
    pub cure_k: f64,
    /// Order of the reaction [-].
    pub order: f64,
}

/// A compound of the common kind: 175 degC, gel in half a minute, hard in one.
pub const COMMON: Compound = Compound {
    mu_pa_s: 8.0,
    reference_c: 175.0,
    flow_k: 5_400.0,
    gel: 0.577,
    c1: 1.5,
    c2: 1.0,
    k1_per_s: 0.002,
    k2_per_s: 0.12,
    cure_k: 9_626.0,
    order: 1.2,
};

/// A mold that a plunger fills at a held pressure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// Transfer pressure [MPa].
    pub pressure_mpa: f64,
    /// Temperature of the mold [degC].
    pub mold_c: f64,
    /// Temperature of the pellet as it goes in [degC].
    pub preheat_c: f64,
}

/// Resistance of runners and cavities [1/s at 1 Pa and 1 Pa s]: fills in 8 s at 7 MPa, 175 degC, and a pellet of 95 degC.
const RUNNER: f64 = 3.973_734e6;
/// The compound takes the mold's temperature in this time [s].
const WARM_S: f64 = 2.5;
/// Longest fill that is followed [s]: by then any compound has set.
const LONGEST_S: f64 = 60.0;
/// Step of the integration [s].
const STEP_S: f64 = 0.1;

/// Conversion at which a network of units with so many ends gels [-]: `1 / sqrt(f - 1)` (Flory 1941, with epoxy of two
/// ends in balance).
pub fn gel_conversion(ends: f64) -> f64 {
    1.0 / (ends - 1.0).sqrt()
}

impl Compound {
    /// Viscosity [Pa s]: `mu(T) (ag / (ag - a))^(C1 + C2 a)`.
    pub fn viscosity_pa_s(&self, t_c: f64, conversion: f64) -> f64 {
        let warm = libm::exp(self.flow_k * (1.0 / (t_c + ZERO_C) - 1.0 / (self.reference_c + ZERO_C)));
        let left = (self.gel - conversion).max(1e-3);
        self.mu_pa_s * warm * libm::pow(self.gel / left, self.c1 + self.c2 * conversion)
    }

    /// Rate of cure [1/s]: `(k1 + k2 a) (1 - a)^n`.
    pub fn rate_per_s(&self, t_c: f64, conversion: f64) -> f64 {
        let warm = libm::exp(self.cure_k * (1.0 / (self.reference_c + ZERO_C) - 1.0 / (t_c + ZERO_C)));
        let left = (1.0 - conversion).max(0.0);
        warm * (self.k1_per_s + self.k2_per_s * conversion) * libm::pow(left, self.order)
    }

    /// Fill time [s] of a compound that is so much thicker than this one [-], and its conversion when the mold is full.
    pub fn fills_in(&self, fill: Fill, thicker: f64) -> (f64, f64) {
        let (mut time, mut filled, mut conversion) = (0.0, 0.0, 0.0);
        while time < LONGEST_S {
            let t_c = fill.mold_c - (fill.mold_c - fill.preheat_c) * libm::exp(-time / WARM_S);
            let flow = fill.pressure_mpa * 1e6 / (RUNNER * thicker * self.viscosity_pa_s(t_c, conversion));
            if filled + flow * STEP_S >= 1.0 {
                return (time + (1.0 - filled) / flow, conversion);
            }
            filled += flow * STEP_S;
            conversion = (conversion + STEP_S * self.rate_per_s(t_c, conversion)).min(self.gel);
            time += STEP_S;
        }
        (LONGEST_S, conversion)
    }

    /// Conversion after so long in the mold [-].
    pub fn cured(&self, t_c: f64, from: f64, time_s: f64) -> f64 {
        let steps = (time_s / 0.5).ceil().clamp(0.0, 1_000.0) as u32;
        let dt = time_s / f64::from(steps.max(1));
        (0..steps).fold(from, |a, _| (a + dt * self.rate_per_s(t_c, a)).min(1.0))
    }
}

/// Share of a void's volume that is left under pressure, over that under another [-] (Boyle): `p0 / p`.
pub fn compressed(pressure_mpa: f64, reference_mpa: f64) -> f64 {
    reference_mpa / pressure_mpa
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Fill time over what pressure, mold and pellet account for [-].
    Law {
        name: "transfer_fill",
        inputs: &["fill_s", "pressure_mpa", "upper_c", "lower_c", "preheat_c"],
        params: &[],
        eval: |q, _| {
            let fill = Fill { pressure_mpa: q[1], mold_c: 0.5 * (q[2] + q[3]), preheat_c: q[4] };
            (q[1] > 0.5 && fill.mold_c > 100.0).then(|| q[0] / COMMON.fills_in(fill, 1.0).0)
        },
    },
    // Voids over what the pressure that packs them accounts for [-].
    Law {
        name: "trapped_air",
        inputs: &["void_pct", "pressure_mpa"],
        params: &["void_pct", "pressure_mpa"],
        eval: |q, p| (q[1] > 0.5).then(|| q[0] / (p[0] * compressed(q[1], p[1]))),
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "molding",
    equation: "mu = mu(T) (ag / (ag - a))^(C1 + C2 a); da/dt = (k1 + k2 a)(1 - a)^n; ag = 1 / sqrt(f - 1); p V = const",
    valid: "before the gel point; a compound at one temperature; held pressure",
    source: "Castro and Macosko 1980, 1982; Kamal and Sourour 1973; Flory 1941; Boyle",
    checks: &[
        Check {
            what: "gel point of an epoxy with a hardener of four ends",
            unit: "-",
            from: "Flory 1941, worked widely",
            published: 0.577,
            ours: || gel_conversion(4.0),
            within: 1e-3,
        },
        Check {
            what: "viscosity half-way to the gel point over none, C1 1.5, C2 1",
            unit: "-",
            from: "by hand",
            published: 3.455,
            ours: || COMMON.viscosity_pa_s(175.0, 0.2885) / COMMON.viscosity_pa_s(175.0, 0.0),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    const NOMINAL: Fill = Fill { pressure_mpa: 7.0, mold_c: 175.0, preheat_c: 95.0 };

    #[test]
    fn a_mold_fills_in_8_s_and_slower_when_cold_thick_or_slack() {
        let fills = |fill, thicker| COMMON.fills_in(fill, thicker).0;
        assert!((fills(NOMINAL, 1.0) - 8.0).abs() < 0.01);
        assert!((fills(Fill { pressure_mpa: 4.9, ..NOMINAL }, 1.0) - 10.13).abs() < 0.02);
        assert!((fills(Fill { mold_c: 170.0, ..NOMINAL }, 1.0) - 8.62).abs() < 0.02);
        assert!((fills(NOMINAL, 1.4) - 9.99).abs() < 0.02);
        assert_eq!(
            fills(Fill { pressure_mpa: 0.1, ..NOMINAL }, 5.0),
            LONGEST_S,
            "it sets before it is there"
        );
        assert_eq!(COMMON.gel, 0.577);
    }

    #[test]
    fn cure_wants_time_and_heat() {
        assert!(COMMON.cured(175.0, 0.0, 60.0) > 0.85 && COMMON.cured(160.0, 0.0, 60.0) < 0.5);
        assert_eq!(COMMON.cured(175.0, 0.3, 0.0), 0.3);
    }
}
