//! Electric contacts: what a spring presses through, and what films add.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Resistance of a round spot between two like metals [ohm]: `rho / (2 a)` (Holm).
pub fn constriction_ohm(rho_ohm_m: f64, radius_m: f64) -> f64 {
    rho_ohm_m / (2.0 * radius_m)
}

/// Radius of the spot that a force makes in a metal of that hardness [m]: `F = H pi a^2`, the softer one yields.
pub fn spot_radius_m(force_n: f64, hardness_pa: f64) -> f64 {
    (force_n / (std::f64::consts::PI * hardness_pa)).sqrt()
}

/// A probe on a lead [mohm]: the constriction, and a film whose part is that of its area.
pub fn probe_mohm(force_n: f64, film_mohm: f64) -> f64 {
    let spot = spot_radius_m(force_n, TIN_HARDNESS_PA);
    1_000.0 * constriction_ohm(TIN_OHM_M, spot) + film_mohm * PROBE_N / force_n
}

/// Tin, as leads are plated with it: resistivity [ohm m] and hardness [Pa].
const TIN_OHM_M: f64 = 1.15e-7;
const TIN_HARDNESS_PA: f64 = 1.5e8;
/// Force for which a film's part is given [N].
const PROBE_N: f64 = 0.25;

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Contact resistance over what force, and planned film since the last cleaning, account for [-].
    Law {
        name: "contact_resistance",
        inputs: &["resistance_mohm", "force_n", "touches"],
        params: &["film_mohm", "mohm_per_touch"],
        eval: |q, p| (q[1] > 0.01).then(|| q[0] / probe_mohm(q[1], p[0] + p[1] * q[2])),
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "contact",
    equation: "R = rho / (2 a); F = H pi a^2; a film adds in inverse proportion to the area",
    valid: "one spot far smaller than the parts; the softer metal has yielded",
    source: "Holm, Electric Contacts, 4th ed. 1967; Slade, Electrical Contacts, ch. 1",
    checks: &[
        Check {
            what: "copper (1.75e-8 ohm m), a spot of 10 um radius",
            unit: "mohm",
            from: "Slade, Electrical Contacts, table 1.1",
            published: 0.88,
            ours: || 1_000.0 * constriction_ohm(1.75e-8, 10e-6),
            within: 0.01,
        },
        Check {
            what: "tin (1.15e-7 ohm m, 150 MPa) at 0.25 N",
            unit: "mohm",
            from: "by hand",
            published: 2.496,
            ours: || probe_mohm(0.25, 0.0),
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::residual::find;

    /// Holm: without a film resistance goes with the root of the force.
    #[test]
    fn a_slack_spring_and_a_film_are_told_apart() {
        assert!((probe_mohm(1.0, 0.0) / probe_mohm(0.25, 0.0) - 0.5).abs() < 1e-12);
        let law =
            |r: f64, f: f64| (find("contact_resistance").unwrap().eval)(&[r, f, 1_000.0], &[12.0, 0.003]);
        assert_eq!(law(probe_mohm(0.25, 15.0), 0.25), Some(1.0));
        assert_eq!(law(probe_mohm(0.15, 15.0), 0.15), Some(1.0), "a slack spring is accounted for");
        assert!(law(probe_mohm(0.25, 35.0), 0.25).unwrap() > 2.0);
        assert_eq!(law(10.0, 0.0), None, "nothing presses");
    }
}
