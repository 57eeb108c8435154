//! Airborne particles: the ISO 14644-1 classes and the mass balance of a room.

use super::published::{Check, Sheet};

/// Highest concentration of particles of at least `size_um` in a class [1/m3] (ISO 14644-1:1999, 3.2, equation 1):
/// `C = 10^N (0.1 / D)^2.08`, for 0.1 to 5 um. Within 0.24 % of the table's rounded values at 0.5 um.
pub fn class_limit_per_m3(iso_class: f64, size_um: f64) -> f64 {
    libm::pow(10.0, iso_class) * libm::pow(0.1 / size_um, 2.08)
}

/// A well-mixed room: `dC/dt = G/V - n (C - C_supply)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Room {
    /// Air that one unit keeps clean [m3] -- parameter.
    pub volume_m3: f64,
    /// Particles that people and tools give off there [1/s] -- parameter.
    pub source_per_s: f64,
}

impl Room {
    /// Concentration after `dt_s` seconds of `flow_m3_per_s` at `supply_per_m3` [1/m3]. An implicit Euler step: stable
    /// at any step.
    pub fn after(&self, now_per_m3: f64, supply_per_m3: f64, flow_m3_per_s: f64, dt_s: f64) -> f64 {
        let n = flow_m3_per_s / self.volume_m3;
        (now_per_m3 + dt_s * (self.source_per_s / self.volume_m3 + n * supply_per_m3)) / (1.0 + dt_s * n)
    }

    /// Concentration that it settles at [1/m3].
    pub fn steady_per_m3(&self, supply_per_m3: f64, flow_m3_per_s: f64) -> f64 {
        supply_per_m3 + self.source_per_s / flow_m3_per_s
    }
}

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "clean_room",
    equation: "C = 10^N (0.1 / D)^2.08; dC/dt = G/V - n (C - C_supply)",
    valid: "0.1 to 5 um; a well-mixed room",
    source: "ISO 14644-1:1999, 3.2, equation 1",
    checks: &[
        Check {
            what: "ISO 5 at 0.5 um",
            unit: "1/m3",
            from: "ISO 14644-1, table 1",
            published: 3_520.0,
            ours: || class_limit_per_m3(5.0, 0.5),
            within: 0.002_4,
        },
        Check {
            what: "ISO 7 at 0.5 um",
            unit: "1/m3",
            from: "ISO 14644-1, table 1",
            published: 352_000.0,
            ours: || class_limit_per_m3(7.0, 0.5),
            within: 0.002_4,
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// ISO 14644-1, table 1, at 0.5 um.
    #[test]
    fn class_limits_agree_with_the_table() {
        for (class, table) in [(5.0, 3_520.0), (6.0, 35_200.0), (7.0, 352_000.0)] {
            let ours = class_limit_per_m3(class, 0.5);
            assert!((ours / table - 1.0).abs() < 0.0024, "ISO {class}: {ours}");
        }
    }

    /// 100 : 1 recovery takes ln(100) / n: at 60 air changes an hour, 4.6 minutes.
    #[test]
    fn recovery_takes_the_textbook_time() {
        let room = Room { volume_m3: 60.0, source_per_s: 0.0 };
        let (mut c, mut s) = (1.0e5, 0.0_f64);
        while c > 1.0e3 {
            c = room.after(c, 0.0, 1.0, 0.1);
            s += 0.1;
        }
        assert!((s / 60.0 - 4.605).abs() < 0.02, "{} min", s / 60.0);
        let fed = Room { volume_m3: 60.0, source_per_s: 500.0 };
        let settled = (0..100_000).fold(0.0, |c, _| fed.after(c, 100.0, 1.0, 1.0));
        assert!((settled - fed.steady_per_m3(100.0, 1.0)).abs() < 1e-6);
    }
}
