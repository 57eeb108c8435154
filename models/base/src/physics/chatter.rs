//! Regenerative chatter: the depth of cut at which a tool begins to cut its own waves.
//!
//! One mode of vibration, orthogonal cutting (Tobias and Fishwick 1958; Altintas, *Manufacturing Automation*, 2nd ed.,
//! ch. 4): `m x'' + c x' + k x = -Kf b (x(t) - x(t - T))`.

use super::published::{Check, Sheet};

/// A mode of the spindle and tool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mode {
    /// Stiffness [N/m] -- parameter.
    pub stiffness_n_per_m: f64,
    /// Damping ratio [-] -- parameter.
    pub damping: f64,
    /// Natural frequency [Hz] -- parameter.
    pub frequency_hz: f64,
    /// Cutting coefficient [N/m2] -- parameter; 2,000 MPa for steel.
    pub kf_n_per_m2: f64,
}

impl Mode {
    /// The depth of cut below which no speed chatters [m]: `2 k z (1 + z) / Kf`.
    pub fn lowest_limit_m(&self) -> f64 {
        2.0 * self.stiffness_n_per_m * self.damping * (1.0 + self.damping) / self.kf_n_per_m2
    }

    /// Real and imaginary part of the mode's compliance at that frequency [m/N].
    fn compliance(&self, frequency_hz: f64) -> (f64, f64) {
        let r = frequency_hz / self.frequency_hz;
        let (a, b) = (1.0 - r * r, 2.0 * self.damping * r);
        let size = self.stiffness_n_per_m * (a * a + b * b);
        (a / size, -b / size)
    }

    /// The limit depth and the tooth period at which chatter of that frequency stands, in lobe `lobe` [m, s]. None where
    /// the real part is not negative: nothing regenerates there.
    pub fn lobe(&self, chatter_hz: f64, lobe: u32) -> Option<(f64, f64)> {
        let (re, im) = self.compliance(chatter_hz);
        if re >= 0.0 {
            return None;
        }
        let depth = -1.0 / (2.0 * self.kf_n_per_m2 * re);
        // Phase between the wave being cut and the one cut a period ago.
        let phase = 2.0 * std::f64::consts::PI - 2.0 * libm::atan(re / im);
        let turns = f64::from(lobe) + phase / (2.0 * std::f64::consts::PI);
        Some((depth, turns / chatter_hz))
    }

    /// The limit depth at a tooth period [m]: the lowest over chatter frequencies and lobes.
    pub fn limit_m(&self, period_s: f64) -> f64 {
        let mut lowest = f64::MAX;
        for lobe in 0..40 {
            for step in 1..400 {
                let hz = self.frequency_hz * (1.0 + f64::from(step) * 0.001);
                if let Some((depth, t)) = self.lobe(hz, lobe)
                    && (t / period_s - 1.0).abs() < 0.01
                {
                    lowest = lowest.min(depth);
                }
            }
        }
        lowest
    }
}

const LATHE_MODE: Mode =
    Mode { stiffness_n_per_m: 2.0e7, damping: 0.03, frequency_hz: 600.0, kf_n_per_m2: 2.0e9 };

/// What it is held against.
pub(super) const SHEET: Sheet = Sheet {
    law: "chatter",
    equation: "b_lim = -1 / (2 Kf Re G), lowest 2 k z (1 + z) / Kf",
    valid: "one mode, orthogonal cutting, full engagement",
    source: "Tobias and Fishwick 1958; Altintas, Manufacturing Automation, 2nd ed., ch. 4",
    checks: &[Check {
        what: "lowest limit at k 2e7 N/m, z 0.03, Kf 2,000 MPa",
        unit: "mm",
        from: "by hand",
        published: 0.618,
        ours: || 1e3 * LATHE_MODE.lowest_limit_m(),
        within: 1e-3,
    }],
};

#[cfg(test)]
mod tests {
    use super::*;

    const MODE: Mode =
        Mode { stiffness_n_per_m: 2.0e7, damping: 0.03, frequency_hz: 600.0, kf_n_per_m2: 2.0e9 };

    /// Whether a small disturbance grows, by stepping the delay equation itself (semi-implicit Euler).
    fn grows(mode: &Mode, depth_m: f64, period_s: f64) -> bool {
        let omega = 2.0 * std::f64::consts::PI * mode.frequency_hz;
        let mass = mode.stiffness_n_per_m / (omega * omega);
        let damping = 2.0 * mode.damping * mass * omega;
        let steps_per_period = 4_000_usize;
        let dt = period_s / steps_per_period as f64;
        let mut past = vec![0.0_f64; steps_per_period];
        let (mut x, mut v) = (1.0e-6, 0.0);
        let (mut early, mut late) = (0.0_f64, 0.0_f64);
        let periods = 400;
        for n in 0..periods * steps_per_period {
            let slot = n % steps_per_period;
            let force = -mode.kf_n_per_m2 * depth_m * (x - past[slot]);
            past[slot] = x;
            v += dt * (force - damping * v - mode.stiffness_n_per_m * x) / mass;
            x += dt * v;
            if n / steps_per_period >= periods - 20 {
                late = late.max(x.abs());
            } else if (periods / 2..periods / 2 + 20).contains(&(n / steps_per_period)) {
                early = early.max(x.abs());
            }
        }
        late > early
    }

    /// By hand: 2 x 2e7 x 0.03 x 1.03 / 2e9 = 0.618 mm.
    #[test]
    fn the_lowest_limit() {
        assert!((MODE.lowest_limit_m() * 1e3 - 0.618).abs() < 0.0005);
    }

    #[test]
    fn the_delay_equation_flips_at_the_analytic_limit() {
        // The bottom of a lobe lies at f_n sqrt(1 + 2 z); two lobes, and one point up the flank of a lobe.
        let bottom = MODE.frequency_hz * (1.0 + 2.0 * MODE.damping).sqrt();
        for (hz, lobe) in [(bottom, 1), (bottom, 3), (bottom * 1.03, 2)] {
            let (depth, period) = MODE.lobe(hz, lobe).unwrap();
            assert!(depth >= MODE.lowest_limit_m() * 0.999);
            assert!(!grows(&MODE, 0.95 * depth, period), "stable 5 % below {depth} at {hz} Hz, lobe {lobe}");
            assert!(grows(&MODE, 1.05 * depth, period), "chatter 5 % above {depth} at {hz} Hz, lobe {lobe}");
        }
    }

    #[test]
    fn the_limit_depends_on_speed() {
        let bottom = MODE.lobe(MODE.frequency_hz * (1.0 + 2.0 * MODE.damping).sqrt(), 1).unwrap().1;
        let low = MODE.limit_m(bottom);
        assert!((low / MODE.lowest_limit_m() - 1.0).abs() < 0.05, "{low}");
        assert!(MODE.limit_m(bottom * 0.8) > 1.5 * low, "between the lobes a deeper cut is stable");
    }
}
