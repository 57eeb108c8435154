use super::*;
use crate::Seed;
use crate::physics::bearing::SKF_6205;

/// A second or two of noise with shocks that ring at 3 kHz `order` times a turn, this strong against the noise.
fn shocked(order: f64, strength: f64, seconds: f64, seed: u64) -> Vec<f64> {
    let (rate, hz) = (25_600.0, 1_797.0 / 60.0);
    let mut rng = Seed(seed).stream("shocks");
    let mut x: Vec<f64> = (0..(seconds * rate) as usize).map(|_| rng.normal()).collect();
    let mut t = 0.0;
    while order > 0.0 && t < seconds {
        for i in 0..100 {
            let s = i as f64 / rate;
            if let Some(x) = x.get_mut((t * rate) as usize + i) {
                *x += strength * libm::exp(-800.0 * s) * libm::sin(2.0 * std::f64::consts::PI * 3_000.0 * s);
            }
        }
        t += (1.0 + 0.01 * rng.normal()) / (order * hz);
    }
    x
}

fn found(values: &[f64]) -> BearingLines {
    bearing_lines(&mut Plans::default(), values, 25_600.0, 1_797.0, &SKF_6205).unwrap()
}

/// How far noise alone comes above chance: what any limit must lie beyond.
#[test]
fn noise_has_no_lines() {
    let most = |family: Family| {
        (0..40).map(|seed| found(&shocked(0.0, 0.0, 1.0, seed)).of(family).excess()).fold(f64::MIN, f64::max)
    };
    for (family, limit) in
        [(Family::Outer, 0.6), (Family::Inner, 0.6), (Family::Ball, 0.6), (Family::Cage, 0.5)]
    {
        assert!(most(family) < limit, "{family:?}: {}", most(family));
    }
}

#[test]
fn each_race_shows_in_its_own_family_at_any_slip() {
    let lines = SKF_6205.lines();
    for slip in [-0.01, 0.0, 0.01] {
        let ftf = lines.ftf * (1.0 + slip);
        for (family, order) in [(Family::Outer, 9.0 * ftf), (Family::Inner, 9.0 * (1.0 - ftf))] {
            let f = found(&shocked(order, 5.0, 1.0, 1));
            let of = f.of(family);
            assert!(of.excess() > 1.5 && of.depth > 0.2, "{of:?}");
            assert!((of.lines[0].0 / order - 1.0).abs() < 0.01, "{of:?}");
            assert!(of.band_hz[0] < 3_000.0 && of.band_hz[1] > 3_000.0, "{of:?}");
            let other = if family == Family::Outer { Family::Inner } else { Family::Outer };
            assert!(f.of(other).excess() + 0.8 < of.excess(), "{f:?}");
        }
    }
}

#[test]
fn longer_waveforms_are_taken_in_parts() {
    let f = found(&shocked(SKF_6205.lines().bpfo, 1.5, 21.0, 2));
    assert!(f.of(Family::Outer).excess() > 1.0, "{f:?}");
}

#[test]
fn a_rate_without_room_for_a_band_is_refused() {
    let x = shocked(0.0, 0.0, 1.0, 1);
    let told = bearing_lines(&mut Plans::default(), &x, 2_000.0, 1_797.0, &SKF_6205).unwrap_err().to_string();
    assert!(told.contains("at least 3125 Hz"), "{told}");
    let odd = Bearing { elements: 2, ..SKF_6205 };
    assert!(bearing_lines(&mut Plans::default(), &x, 25_600.0, 1_797.0, &odd).is_err());
}
