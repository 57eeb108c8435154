//! Thermosonic wire bonding: the transducer at resonance, what a bond holds, and what it must.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Least pull strength of a gold wire, before and after stress screening is the same here [gf] (MIL-STD-883, method
/// 2011, table I, post seal off for 25, 32 and 38 um).
pub fn least_pull_gf(wire_um: f64) -> Option<f64> {
    match wire_um {
        w if (24.0..=26.0).contains(&w) => Some(3.0),
        w if (31.0..=33.0).contains(&w) => Some(4.0),
        w if (37.0..=39.0).contains(&w) => Some(5.0),
        _ => None,
    }
}

/// Shear strength of a ball that bonds well [gf]: about `2.5 d^2`, with the ball's diameter in mil.
pub fn ball_shear_gf(ball_um: f64) -> f64 {
    let mil = ball_um / 25.4;
    2.5 * mil * mil
}

/// Bond strength against ultrasonic power, over its best [-]: a downward parabola around the best power, never below 0.
pub fn strength_share(power: f64, best_power: f64, width: f64) -> f64 {
    let x = (power - best_power) / width;
    (1.0 - x * x).max(0.0)
}

/// An ultrasonic transducer near resonance: Butterworth and Van Dyke's series branch `R L C` beside `C0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transducer {
    /// Motional resistance [ohm]: losses, and what the bond takes.
    pub r_ohm: f64,
    /// Motional inductance [H].
    pub l_h: f64,
    /// Motional capacitance [F].
    pub c_f: f64,
    /// Capacitance of the clamped stack [F].
    pub c0_f: f64,
}

impl Transducer {
    /// Series resonance [Hz].
    pub fn resonance_hz(&self) -> f64 {
        1.0 / (2.0 * std::f64::consts::PI * (self.l_h * self.c_f).sqrt())
    }

    /// Size of the impedance at that frequency [ohm].
    pub fn impedance_ohm(&self, frequency_hz: f64) -> f64 {
        let w = 2.0 * std::f64::consts::PI * frequency_hz;
        let x = w * self.l_h - 1.0 / (w * self.c_f);
        // Y = j w C0 + 1 / (R + j X)
        let size = self.r_ohm * self.r_ohm + x * x;
        let (g, b) = (self.r_ohm / size, w * self.c0_f - x / size);
        1.0 / (g * g + b * b).sqrt()
    }
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Shear strength over what power and planned capillary wear account for [-].
    Law {
        name: "bond_strength",
        inputs: &["shear_gf", "power_mw", "bonds"],
        params: &["best_gf", "best_mw", "width_mw", "wear_per_bond"],
        eval: |q, p| {
            let expected = p[0] * strength_share(q[1], p[1], p[2]) * (1.0 - p[3] * q[2]);
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

const TRANSDUCER: Transducer = Transducer { r_ohm: 20.0, l_h: 58.7e-3, c_f: 30.0e-12, c0_f: 1.0e-9 };

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "bond",
    equation: "f = 1 / (2 pi sqrt(L C)), Z(f) = R at resonance (C0 beside); shear = 2.5 d^2 gf, d in mil",
    valid: "near series resonance; gold balls that bond well",
    source: "Butterworth and Van Dyke's circuit; MIL-STD-883, method 2011",
    checks: &[
        Check {
            what: "resonance of 58.7 mH and 30 pF",
            unit: "Hz",
            from: "by hand",
            published: 119_933.0,
            ours: || TRANSDUCER.resonance_hz(),
            within: 2e-4,
        },
        Check {
            what: "shear strength of a ball of 60 um",
            unit: "gf",
            from: "by hand",
            published: 13.95,
            ours: || ball_shear_gf(60.0),
            within: 1e-3,
        },
        Check {
            what: "least pull of a gold wire of 25 um",
            unit: "gf",
            from: "MIL-STD-883, method 2011, table I",
            published: 3.0,
            ours: || least_pull_gf(25.0).unwrap_or(f64::NAN),
            within: 0.0,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: L = 58.7 mH, C = 30 pF resonate at 119.9 kHz; there the branch is R, and 1 nF beside it takes 0.01 %.
    #[test]
    fn at_resonance_the_impedance_is_the_motional_resistance() {
        let t = Transducer { r_ohm: 20.0, l_h: 58.7e-3, c_f: 30.0e-12, c0_f: 1.0e-9 };
        let f = t.resonance_hz();
        assert!((f - 119_933.0).abs() < 20.0, "{f}");
        assert!((t.impedance_ohm(f) - 20.0).abs() < 0.01);
        assert!(t.impedance_ohm(f * 1.01) > 100.0, "one per cent beside, it is far larger");
    }

    /// By hand: 60 um is 2.362 mil, 2.5 x 5.58 = 13.95 gf.
    #[test]
    fn strengths() {
        assert!((ball_shear_gf(60.0) - 13.95).abs() < 0.01);
        assert_eq!(least_pull_gf(25.0), Some(3.0));
        assert_eq!(least_pull_gf(28.0), None);
        assert_eq!(strength_share(1.0, 1.0, 0.8), 1.0);
        assert!((strength_share(1.4, 1.0, 0.8) - 0.75).abs() < 1e-12);
        assert_eq!(strength_share(9.0, 1.0, 0.8), 0.0);
    }
}
