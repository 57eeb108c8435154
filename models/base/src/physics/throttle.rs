//! Gas through a chamber: what flows in is what the pump takes, past a valve that holds the pressure.

use super::published::{Check, Sheet};
use super::residual::Law;

/// A standard cubic centimetre a minute as throughput [mTorr l/s].
pub const MTORR_L_PER_S_PER_SCCM: f64 = 12.67;

/// A pump behind a throttle valve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    /// Speed at the chamber with an open valve [l/s].
    pub open_l_per_s: f64,
    /// Exponent of the speed over the valve's opening [-].
    pub exponent: f64,
}

impl Throttle {
    /// Speed at that opening [l/s], 5 to 100 %: `S = S0 (v/100)^m`.
    pub fn speed_l_per_s(&self, valve_pct: f64) -> f64 {
        self.open_l_per_s * libm::pow(valve_pct / 100.0, self.exponent)
    }

    /// What is taken at that pressure and opening [sccm]: `Q = p S`.
    pub fn taken_sccm(&self, pressure_mtorr: f64, valve_pct: f64) -> f64 {
        pressure_mtorr * self.speed_l_per_s(valve_pct) / MTORR_L_PER_S_PER_SCCM
    }
}

/// Pressure of a chamber after `dt_s` [mTorr]: `V dp/dt = Q - p S`, an implicit step.
pub fn pressure_after(
    pressure_mtorr: f64,
    flow_sccm: f64,
    speed_l_per_s: f64,
    volume_l: f64,
    dt_s: f64,
) -> f64 {
    (pressure_mtorr * volume_l + dt_s * MTORR_L_PER_S_PER_SCCM * flow_sccm)
        / (volume_l + dt_s * speed_l_per_s)
}

/// What the sentinel makes of it.
pub(super) const LAWS: &[Law] = &[
    // What pump and valve take at the measured pressure, less what the flow controllers say they let in [sccm].
    Law {
        name: "gas_throughput",
        inputs: &["pressure_mtorr", "valve_pct", "first_sccm", "second_sccm"],
        params: &["open_l_per_s", "exponent"],
        eval: |q, p| {
            let throttle = Throttle { open_l_per_s: p[0], exponent: p[1] };
            let fed = q[2] + q[3];
            (fed > 1.0 && q[1] > 1.0).then(|| throttle.taken_sccm(q[0], q[1]) - fed)
        },
    },
];

const LAM_9600: Throttle = Throttle { open_l_per_s: 880.0, exponent: 2.4 };

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "throttle",
    equation: "Q = p S; S = S0 (v/100)^m; V dp/dt = Q - p S",
    valid: "a valve that limits the flow, 5 to 80 % open; m 2.4 as in the recording of a LAM 9600",
    source: "O'Hanlon, A User's Guide to Vacuum Technology, 2 and 7; Wise et al., J. Chemometrics 13 (1999)",
    checks: &[
        Check {
            what: "valve at 3 mTorr more, from 49 % at 12 mTorr",
            unit: "%",
            from: "Wise et al. 1999, LAM 9600, run Pr +3, step 4: 45",
            published: 45.0,
            ours: || 49.0 * libm::pow(15.0 / 12.0, -1.0 / LAM_9600.exponent),
            within: 0.02,
        },
        Check {
            what: "valve at 2 mTorr less, from 49 % at 12 mTorr",
            unit: "%",
            from: "Wise et al. 1999, LAM 9600, run Pr -2, step 4: 53",
            published: 53.0,
            ours: || 49.0 * libm::pow(10.0 / 12.0, -1.0 / LAM_9600.exponent),
            within: 0.02,
        },
        Check {
            what: "1,000 sccm as throughput",
            unit: "Torr l/s",
            from: "O'Hanlon, table of conversions: 12.7",
            published: 12.7,
            ours: || MTORR_L_PER_S_PER_SCCM,
            within: 5e-3,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 150 sccm at 158.9 l/s are 12.67 x 150 / 158.9 = 11.96 mTorr.
    #[test]
    fn what_flows_in_is_what_the_pump_takes() {
        let speed = LAM_9600.speed_l_per_s(49.0);
        assert!((speed - 158.9).abs() < 0.5, "{speed}");
        let mut p = 0.0;
        for _ in 0..100 {
            p = pressure_after(p, 150.0, speed, 30.0, 0.1);
        }
        assert!((LAM_9600.taken_sccm(p, 49.0) - 150.0).abs() < 1e-6, "{p}");
    }
}
