//! The floor: who walks there, who stands where nobody may, and the earth itself.

use std::f64::consts::PI;

use aegis_models::site::{Floor, Walk};

/// Waves of an earthquake's strong part: frequency [Hz], share of the peak acceleration, phase [rad]. Two a direction.
const WAVES: [[(f64, f64, f64); 2]; 2] =
    [[(1.1, 0.55, 0.0), (3.3, 0.45, 1.0)], [(1.4, 0.6, 2.0), (4.1, 0.4, 0.5)]];
/// One gal in metres a square second.
const GAL: f64 = 0.01;
/// Traffic of carts and the air's fans, in the worst third octave [um/s]: class VC-E.
pub(super) const QUIET_UM_PER_S: f64 = 3.0;
/// A person who has come into a zone stays so long [s].
const STAY_S: f64 = 25.0;

/// An earthquake at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Quake {
    /// Where the building is from its place, along and across [m].
    pub shift_m: [f64; 2],
    /// RMS velocity of the floor, both directions [um/s].
    pub rms_um_per_s: f64,
}

/// The earth, `peak_gal` being the largest acceleration, after so many seconds.
pub(super) fn quake(peak_gal: f64, at_s: f64) -> Quake {
    if peak_gal <= 0.0 {
        return Quake::default();
    }
    let mut quake = Quake::default();
    let mut square = 0.0;
    for (shift, waves) in quake.shift_m.iter_mut().zip(WAVES) {
        for (f, share, phase) in waves {
            let w = 2.0 * PI * f;
            let a = share * peak_gal * GAL;
            // x = -a / w^2 where the acceleration is a sine.
            *shift -= a / (w * w) * libm::sin(w * at_s + phase);
            square += (a / w) * (a / w) / 2.0;
        }
    }
    quake.rms_um_per_s = 1e6 * square.sqrt();
    quake
}

/// Somebody in a zone that nobody may enter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Intruder {
    /// Below which of the rail's ports.
    pub port: usize,
    left_s: f64,
}

/// Those who come where nobody may, by a fault of order.
#[derive(Default)]
pub(super) struct Intrusions {
    /// Who stands there.
    pub now: Option<Intruder>,
    due: f64,
    /// Begins of the last ten minutes [s].
    begun_s: Vec<f64>,
}

impl Intrusions {
    /// One step: `per_h` come in an hour, to where `port` says.
    pub fn step(&mut self, now_s: f64, dt_s: f64, per_h: f64, port: usize) {
        if let Some(i) = &mut self.now {
            i.left_s -= dt_s;
            if i.left_s <= 0.0 {
                self.now = None;
            }
        }
        self.due += per_h * dt_s / 3_600.0;
        if self.due >= 1.0 && self.now.is_none() {
            self.due -= 1.0;
            self.now = Some(Intruder { port, left_s: STAY_S });
            self.begun_s.push(now_s);
        }
        if per_h == 0.0 {
            self.due = 0.0;
        }
        self.begun_s.retain(|b| now_s - b < 600.0);
    }

    /// How many came in the last ten minutes, as a rate [1/h].
    pub fn per_h(&self) -> f64 {
        6.0 * self.begun_s.len() as f64
    }
}

/// Where a walker is [m, m]; none while he is elsewhere.
pub(super) fn walker(walk: &Walk, now_s: f64) -> Option<[f64; 2]> {
    let legs: Vec<([f64; 2], [f64; 2], f64)> = walk
        .path
        .windows(2)
        .map(|w| (w[0], w[1], libm::hypot(w[1][0] - w[0][0], w[1][1] - w[0][1])))
        .collect();
    let way: f64 = legs.iter().map(|l| l.2).sum();
    let gone = now_s.rem_euclid(walk.every.0.as_secs_f64()) * walk.speed_m_per_s;
    if gone > 2.0 * way {
        return None;
    }
    let mut left = if gone <= way { gone } else { 2.0 * way - gone };
    for (a, b, l) in &legs {
        if left <= *l && *l > 0.0 {
            let k = left / l;
            return Some([a[0] + k * (b[0] - a[0]), a[1] + k * (b[1] - a[1])]);
        }
        left -= l;
    }
    walk.path.last().copied()
}

/// How many are on the floor.
pub(super) fn people(floor: Option<&Floor>, now_s: f64) -> usize {
    floor.map_or(0, |f| f.walks.iter().filter(|w| walker(w, now_s).is_some()).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earth_moves_as_its_acceleration_says() {
        // The second difference of the way is the acceleration: its peak lies below the asked, and not far.
        let (h, mut peak) = (0.001, 0.0f64);
        for i in 0..20_000 {
            let x = |k: i32| quake(100.0, f64::from(i + k) * h).shift_m[0];
            peak = peak.max(((x(1) - 2.0 * x(0) + x(-1)) / (h * h)).abs());
        }
        assert!((0.8..=1.001).contains(&peak), "{peak} m/s2 for 100 gal");
        // 0.55 m/s2 at 1.1 Hz and so on: about 80 mm/s.
        let rms = quake(100.0, 0.0).rms_um_per_s;
        assert!((7.0e4..1.1e5).contains(&rms), "{rms} um/s");
        assert_eq!(quake(0.0, 5.0), Quake::default());
    }

    #[test]
    fn a_walker_goes_there_and_back_and_then_is_elsewhere() {
        let walk = Walk {
            who: "w".into(),
            cart: false,
            path: vec![[0.0, 0.0], [10.0, 0.0], [10.0, 5.0]],
            speed_m_per_s: 1.0,
            every: aegis_models::Span::secs(60),
        };
        assert_eq!(walker(&walk, 4.0), Some([4.0, 0.0]));
        assert_eq!(walker(&walk, 12.0), Some([10.0, 2.0]));
        assert_eq!(walker(&walk, 26.0), Some([4.0, 0.0]));
        assert_eq!(walker(&walk, 40.0), None);
        assert_eq!(walker(&walk, 64.0), Some([4.0, 0.0]));
    }

    #[test]
    fn those_who_intrude_are_counted() {
        let mut i = Intrusions::default();
        for s in 0..36_000 {
            i.step(f64::from(s) * 0.1, 0.1, 12.0, 3);
        }
        assert_eq!(i.per_h(), 12.0);
        for s in 36_000..43_000 {
            i.step(f64::from(s) * 0.1, 0.1, 0.0, 3);
        }
        assert_eq!((i.per_h(), i.now), (0.0, None));
    }
}
