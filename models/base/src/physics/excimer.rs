//! Pulse energy of an excimer laser, over its discharge voltage and the age of its gas.

use super::published::{Check, Sheet};
use super::residual::Law;

/// A laser about its working point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Excimer {
    /// Pulse energy at nominal voltage with fresh gas [mJ].
    pub energy_mj: f64,
    /// Nominal discharge voltage [V].
    pub voltage_v: f64,
    /// Exponent of the energy over voltage about the working point [-].
    pub exponent: f64,
    /// Share of the energy that a million pulses cost [-].
    pub per_mpulse: f64,
}

impl Excimer {
    /// Pulse energy [mJ]: `E0 (V/V0)^m (1 - k N)`, within a fifth of the nominal voltage.
    pub fn pulse_mj(&self, voltage_v: f64, age_mpulse: f64) -> f64 {
        self.energy_mj
            * libm::pow(voltage_v / self.voltage_v, self.exponent)
            * (1.0 - self.per_mpulse * age_mpulse)
    }

    /// Voltage that gives so much energy of a laser of that gain [V].
    pub fn voltage_for(&self, energy_mj: f64, gain: f64, age_mpulse: f64) -> f64 {
        let asked = energy_mj / (self.energy_mj * gain * (1.0 - self.per_mpulse * age_mpulse));
        self.voltage_v * libm::pow(asked, 1.0 / self.exponent)
    }
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Pulse energy over what voltage and the gas's age account for [-].
    Law {
        name: "laser_gain",
        inputs: &["pulse_mj", "voltage_v", "age_mpulse"],
        params: &["energy_mj", "voltage_v", "exponent", "per_mpulse"],
        eval: |q, p| {
            let laser = Excimer { energy_mj: p[0], voltage_v: p[1], exponent: p[2], per_mpulse: p[3] };
            // Without a discharge there is nothing to judge.
            (q[1] > 0.5 * p[1] && q[0] > 0.0).then(|| q[0] / laser.pulse_mj(q[1], q[2]))
        },
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "excimer",
    equation: "E = E0 (V/V0)^m (1 - k N)",
    valid: "within a fifth of the nominal voltage; until the gas is renewed",
    source: "Basting and Marowsky, Excimer Laser Technology, ch. 2: energy over voltage and gas life",
    checks: &[Check {
        what: "voltage for a tenth less gain, exponent 3",
        unit: "V over nominal",
        from: "by hand",
        published: 1.035_74,
        ours: || {
            let laser = Excimer { energy_mj: 10.0, voltage_v: 1.0, exponent: 3.0, per_mpulse: 0.0 };
            laser.voltage_for(10.0, 0.9, 0.0)
        },
        within: 1e-4,
    }],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_voltage_makes_good_what_the_gas_has_lost() {
        let laser = Excimer { energy_mj: 10.0, voltage_v: 1_600.0, exponent: 3.0, per_mpulse: 0.0012 };
        let v = laser.voltage_for(10.0, 0.95, 80.0);
        assert!((0.95 * laser.pulse_mj(v, 80.0) - 10.0).abs() < 1e-9);
        assert!(v > 1_600.0);
    }
}
