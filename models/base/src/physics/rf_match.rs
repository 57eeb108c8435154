//! A match network between a generator and a plasma, and the power that comes back when it is off.

use super::published::{Check, Sheet};

/// Impedance of generator and line [ohm].
pub const LINE_OHM: f64 = 50.0;

/// Share of the power that a load of that impedance sends back [-]: `|(Z - Z0) / (Z + Z0)|^2`.
pub fn reflected_share(r_ohm: f64, x_ohm: f64) -> f64 {
    let (less, more) = (r_ohm - LINE_OHM, r_ohm + LINE_OHM);
    (less * less + x_ohm * x_ohm) / (more * more + x_ohm * x_ohm)
}

/// An L network: a shunt (load) capacitor at the generator's side, a series (tune) reactance to the plasma.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LNetwork {
    /// Susceptance of the shunt capacitor [S].
    pub shunt_s: f64,
    /// Reactance in series with the plasma, its own included [ohm].
    pub series_ohm: f64,
}

impl LNetwork {
    /// What matches a plasma of that resistance, which is below the line's (Lieberman and Lichtenberg, 11.2):
    /// `X = sqrt(R (Z0 - R))`, `B = X / (R^2 + X^2)`.
    pub fn matching(r_ohm: f64) -> LNetwork {
        let series_ohm = (r_ohm * (LINE_OHM - r_ohm)).max(0.0).sqrt();
        LNetwork { shunt_s: series_ohm / (r_ohm * r_ohm + series_ohm * series_ohm), series_ohm }
    }

    /// What the generator sees of a plasma of that resistance [ohm, ohm].
    pub fn input_ohm(&self, r_ohm: f64) -> (f64, f64) {
        let size = r_ohm * r_ohm + self.series_ohm * self.series_ohm;
        let (g, b) = (r_ohm / size, self.shunt_s - self.series_ohm / size);
        let admittance = g * g + b * b;
        (g / admittance, -b / admittance)
    }

    /// Share of the power that comes back from a plasma of that resistance [-].
    pub fn reflected_share(&self, r_ohm: f64) -> f64 {
        let (r, x) = self.input_ohm(r_ohm);
        reflected_share(r, x)
    }
}

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "rf_match",
    equation: "|G|^2 = |(Z - Z0)/(Z + Z0)|^2; X = sqrt(R (Z0 - R)), B = X / (R^2 + X^2)",
    valid: "lossless network, plasma below 50 ohm",
    source: "Pozar, Microwave Engineering, 2.3; Lieberman and Lichtenberg, 11.2",
    checks: &[
        Check {
            what: "power that a standing wave ratio of 2 sends back",
            unit: "%",
            from: "Pozar, Microwave Engineering: 11.1 %",
            published: 11.1,
            ours: || 100.0 * reflected_share(100.0, 0.0),
            within: 2e-3,
        },
        Check {
            what: "quality factor of the network at 2 ohm, X / R",
            unit: "-",
            from: "by hand",
            published: 4.899,
            ours: || LNetwork::matching(2.0).series_ohm / 2.0,
            within: 1e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matched_network_sends_nothing_back_and_one_that_is_off_does() {
        for r in [0.5, 2.0, 10.0] {
            let network = LNetwork::matching(r);
            let (seen, x) = network.input_ohm(r);
            assert!((seen - LINE_OHM).abs() < 1e-9 && x.abs() < 1e-9, "{r}: {seen} {x}");
            assert!(network.reflected_share(r) < 1e-20);
        }
        let mut off = LNetwork::matching(2.0);
        off.series_ohm *= 1.05;
        assert!((0.01..0.02).contains(&off.reflected_share(2.0)), "{}", off.reflected_share(2.0));
    }
}
