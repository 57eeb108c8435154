//! What an accelerometer on a rotating machine picks up, made of the machine's state.
//!
//! ```text
//! shaft      unbalance 1x, misalignment 2x 3x, looseness 1/2x 3x ... 10x   [mm/s RMS]
//! bearing    a spall is rolled over -> shock -> two modes of the housing ring   [m/s2]
//! rest       noise of cutting, air and oil                                   [m/s2 RMS]
//! ```
//!
//! Shocks follow McFadden and Smith (*Model for the vibration produced by a single point defect in a rolling element
//! bearing*, J. Sound Vib. 96, 1984): each element strikes the spall as it comes by, as hard as it is loaded, and the
//! cage that carries it slips and wanders by about a per cent (Randall and Antoni 2011). Tones are turned by rotation
//! and not by a sine for each sample, and a shock is one table: a burst costs about a millisecond.

use aegis_models::Rng;
use aegis_models::physics::bearing::Bearing;

/// Lines of a shaft: orders, and what of them is told.
const LOOSE_ORDERS: [f64; 11] = [0.5, 1.5, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
/// The modes of a housing that a shock rings: frequency [Hz], damping [-], share [-].
const MODES: [(f64, f64, f64); 2] = [(3_100.0, 0.03, 1.0), (6_400.0, 0.025, 0.5)];
/// Where noise begins [Hz].
const NOISE_FROM_HZ: f64 = 400.0;
/// Length of what a shock rings [s].
const RING_S: f64 = 0.008;
/// A cage lags its kinematics by this share, give or take, from burst to burst [-].
const SLIP: f64 = 0.006;
/// How much the time between two shocks scatters [-].
const JITTER: f64 = 0.01;

/// A machine's vibration at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vibration {
    /// Speed of the shaft [rpm].
    pub rpm: f64,
    /// Velocity once a turn [mm/s RMS].
    pub unbalance_mm_s: f64,
    /// Velocity twice a turn; half of it three times [mm/s RMS].
    pub misalignment_mm_s: f64,
    /// Velocity at each of many harmonics and halves [mm/s RMS].
    pub looseness_mm_s: f64,
    /// A forced line: times a turn, and velocity (teeth, blades) [-, mm/s RMS].
    pub passing: (f64, f64),
    /// A line that no turn explains (chatter): frequency and velocity [Hz, mm/s RMS].
    pub tone: (f64, f64),
    /// How hard a fully loaded element strikes the spall [m/s2].
    pub shock_m_s2: f64,
    /// Noise [m/s2 RMS].
    pub noise_m_s2: f64,
}

/// Where a spall is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spall {
    /// On the race that stands, in the load zone.
    Outer,
    /// On the race that turns.
    Inner,
    /// On one element, which strikes both races in each of its turns.
    Ball,
}

impl Vibration {
    /// `n` samples of acceleration [m/s2]. It draws the same numbers whatever is wrong.
    pub fn burst(&self, bearing: &Bearing, spall: Spall, rate_hz: f64, n: usize, rng: &mut Rng) -> Vec<f64> {
        // Air, oil and chips are heard above a few hundred hertz; below, they would be velocity.
        let keep = libm::exp(-2.0 * std::f64::consts::PI * NOISE_FROM_HZ / rate_hz);
        let (mut high, mut before) = (0.0, 0.0);
        let mut x: Vec<f64> = (0..n)
            .map(|_| {
                let now = self.noise_m_s2 * rng.normal();
                high = keep * (high + now - before);
                before = now;
                high
            })
            .collect();
        let hz = self.rpm / 60.0;
        let mut line = |at_hz: f64, mm_s: f64, phase: f64| {
            let peak = mm_s / 1_000.0 * std::f64::consts::SQRT_2 * 2.0 * std::f64::consts::PI * at_hz;
            if peak > 0.0 && at_hz < 0.45 * rate_hz {
                turn(&mut x, 2.0 * std::f64::consts::PI * at_hz / rate_hz, phase, peak);
            }
        };
        let mut phases = (0..16).map(|_| rng.between(0.0, 2.0 * std::f64::consts::PI)).collect::<Vec<_>>();
        let mut phase = || phases.pop().unwrap_or(0.0);
        line(hz, self.unbalance_mm_s, phase());
        line(2.0 * hz, self.misalignment_mm_s, phase());
        line(3.0 * hz, 0.5 * self.misalignment_mm_s, phase());
        line(self.passing.0 * hz, self.passing.1, phase());
        line(self.tone.0, self.tone.1, phase());
        for order in LOOSE_ORDERS {
            line(order * hz, self.looseness_mm_s, phase());
        }
        self.ring(&mut x, bearing, spall, rate_hz, rng);
        x
    }

    fn ring(&self, x: &mut [f64], bearing: &Bearing, spall: Spall, rate_hz: f64, rng: &mut Rng) {
        let lines = bearing.lines();
        let hz = self.rpm / 60.0;
        let cage = lines.ftf * (1.0 - SLIP * (1.0 + 0.3 * rng.normal())) * hz;
        let elements = f64::from(bearing.elements);
        let (rate, turns) = match spall {
            Spall::Outer => (elements * cage, 0.0),
            Spall::Inner => (elements * (hz - cage), hz),
            Spall::Ball => (2.0 * lines.bsf * hz, cage),
        };
        let shock = shock(rate_hz);
        let mut t = rng.uniform() / rate;
        let end = x.len() as f64 / rate_hz;
        while t < end {
            let strength =
                self.shock_m_s2 * load(2.0 * std::f64::consts::PI * turns * t) * (1.0 + 0.15 * rng.normal());
            if strength != 0.0 {
                strike(x, &shock, t * rate_hz, strength);
            }
            t += (1.0 + JITTER * rng.normal()).max(0.5) / rate;
        }
    }
}

/// Share of the greatest load at an angle from the middle of the load zone (Stribeck's distribution with a little
/// preload; Harris and Kotzalas, ch. 7) [-].
fn load(angle: f64) -> f64 {
    0.1 + 0.9 * (1.0 - 0.9 * (1.0 - libm::cos(angle))).max(0.0)
}

/// What one shock rings, sample by sample.
fn shock(rate_hz: f64) -> Vec<f64> {
    let mut table = vec![0.0; (RING_S * rate_hz) as usize];
    for (hz, damping, share) in MODES.into_iter().filter(|m| m.0 < 0.45 * rate_hz) {
        let omega = 2.0 * std::f64::consts::PI * hz / rate_hz;
        let decay = libm::exp(-damping * omega);
        let (mut sin, mut cos, mut size) = (0.0, 1.0, share);
        let (s, c) = libm::sincos(omega);
        for x in &mut table {
            *x += size * sin;
            (sin, cos) = (sin * c + cos * s, cos * c - sin * s);
            size *= decay;
        }
    }
    // A housing comes back to rest: what its acceleration adds up to is nothing.
    let mean = table.iter().sum::<f64>() / table.len() as f64;
    let (n, mut left) = (table.len() as f64, 0.0);
    for (i, x) in table.iter_mut().enumerate() {
        let share = 2.0 * mean * (1.0 - i as f64 / n);
        left += share;
        *x -= share;
    }
    if let Some(first) = table.first_mut() {
        *first += left - mean * n;
    }
    table
}

/// Adds a shock that begins between two samples: shared between both, by how near they are.
fn strike(x: &mut [f64], shock: &[f64], at: f64, strength: f64) {
    let (first, late) = (at as usize, at - (at as usize) as f64);
    for (i, s) in shock.iter().enumerate() {
        if let Some(x) = x.get_mut(first + i) {
            *x += strength * (1.0 - late) * s;
        }
        if let Some(x) = x.get_mut(first + i + 1) {
            *x += strength * late * s;
        }
    }
}

/// Adds a tone that turns by `step` radians a sample.
fn turn(x: &mut [f64], step: f64, phase: f64, peak: f64) {
    let (s, c) = libm::sincos(step);
    let (mut sin, mut cos) = libm::sincos(phase);
    for x in x {
        *x += peak * sin;
        (sin, cos) = (sin * c + cos * s, cos * c - sin * s);
    }
}

#[cfg(test)]
mod tests {
    use aegis_models::Seed;
    use aegis_models::physics::bearing::SKF_6205;
    use aegis_models::signal::{Family, OrderSpectrum, Plans, bearing_lines, features};

    use super::*;

    const SOUND: Vibration = Vibration {
        rpm: 1_797.0,
        unbalance_mm_s: 0.8,
        misalignment_mm_s: 0.2,
        looseness_mm_s: 0.0,
        passing: (5.0, 0.3),
        tone: (0.0, 0.0),
        shock_m_s2: 0.0,
        noise_m_s2: 1.0,
    };

    fn burst(v: &Vibration, spall: Spall) -> Vec<f64> {
        v.burst(&SKF_6205, spall, 25_600.0, 25_600, &mut Seed(3).stream("burst"))
    }

    #[test]
    fn a_line_has_the_velocity_that_it_was_given() {
        let x = burst(&SOUND, Spall::Outer);
        let o = OrderSpectrum::new(&mut Plans::default(), &x, 25_600.0, 1_797.0).unwrap();
        for (order, mm_s) in [(1.0, 0.8), (2.0, 0.2), (5.0, 0.3)] {
            // A line between two bins reads up to 15 % low through Hann's window.
            assert!((o.line(order).0 / mm_s - 0.95).abs() < 0.12, "{order}: {:?}", o.line(order));
        }
    }

    #[test]
    fn each_spall_sounds_in_its_own_family_and_hardly_moves_the_velocity() {
        let sound = features(&mut Plans::default(), &burst(&SOUND, Spall::Outer), 25_600.0).unwrap();
        for (spall, family) in
            [(Spall::Outer, Family::Outer), (Spall::Inner, Family::Inner), (Spall::Ball, Family::Ball)]
        {
            let x = burst(&Vibration { shock_m_s2: 12.0, ..SOUND }, spall);
            let found = bearing_lines(&mut Plans::default(), &x, 25_600.0, 1_797.0, &SKF_6205).unwrap();
            assert!(found.of(family).excess() > 0.8, "{spall:?}: {found:?}");
            let f = features(&mut Plans::default(), &x, 25_600.0).unwrap();
            assert!(f.envelope_rms_m_s2 > 1.2 * sound.envelope_rms_m_s2, "{f:?} against {sound:?}");
            assert!((f.velocity_rms_mm_s / sound.velocity_rms_mm_s - 1.0).abs() < 0.1, "{f:?} {sound:?}");
        }
    }

    /// A faulty burst differs from a sound one by the fault alone.
    #[test]
    fn it_draws_the_same_numbers_whatever_is_wrong() {
        for spall in [Spall::Outer, Spall::Inner, Spall::Ball] {
            let after = |shock_m_s2| {
                let mut rng = Seed(4).stream("burst");
                let v = Vibration { shock_m_s2, ..SOUND };
                v.burst(&SKF_6205, spall, 25_600.0, 25_600, &mut rng);
                rng.uniform().to_bits()
            };
            assert_eq!(after(0.0), after(20.0));
        }
    }
}
