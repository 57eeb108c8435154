//! A zone that a controller holds warm: what its heater has to give, and two thermometers in one block.

use super::published::{Check, Sheet};
use super::residual::Law;

/// Rise of a zone over what surrounds it, when it stands still [K]: `dT = P / G`.
pub fn rise_k(heat_w: f64, conductance_w_per_k: f64) -> f64 {
    heat_w / conductance_w_per_k
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // Heater duty over what the zone's rise over its surroundings takes [-].
    Law {
        name: "heater_duty",
        inputs: &["duty_pct", "temp_c", "around_c"],
        params: &["pct_per_k"],
        eval: |q, p| {
            let rise = q[1] - q[2];
            (rise > 10.0).then(|| q[0] / (p[0] * rise))
        },
    },
    // Two thermocouples of one block, the controller's and the limiter's, apart [K].
    Law {
        name: "thermocouple_pair",
        inputs: &["control_c", "limit_c"],
        params: &[],
        eval: |q, _| Some(q[0] - q[1]),
    },
];

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "held_zone",
    equation: "P = G (T - Ta) at rest; two thermometers of one block read the same",
    valid: "a block of one temperature, held for longer than its time constant",
    source: "Incropera and DeWitt, 5.1; Hedengren, Temperature Control Lab (TCLab), first-order fit",
    checks: &[Check {
        what: "rise of a TCLab heater at 50 %, of gain 0.718 K/%",
        unit: "K",
        from: "TCLab",
        published: 35.9,
        ours: || rise_k(50.0, 1.0 / 0.718),
        within: 1e-3,
    }],
};

#[cfg(test)]
mod tests {
    use crate::physics::residual::find;

    /// By hand: 0.4 % a kelvin over 125 K are 50 %.
    #[test]
    fn the_duty_of_a_sound_zone_is_one() {
        let duty = find("heater_duty").unwrap();
        assert_eq!((duty.eval)(&[50.0, 147.0, 22.0], &[0.4]), Some(1.0));
        assert_eq!((duty.eval)(&[75.0, 147.0, 22.0], &[0.4]), Some(1.5));
        assert_eq!((duty.eval)(&[100.0, 30.0, 22.0], &[0.4]), None, "a cold zone says nothing");
        assert_eq!((find("thermocouple_pair").unwrap().eval)(&[151.0, 150.0], &[]), Some(1.0));
    }
}
