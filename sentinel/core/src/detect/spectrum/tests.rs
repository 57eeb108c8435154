use aegis_models::physics::bearing::{Bearing, REXNORD_ZA_2115, SKF_6203, SKF_6205};
use aegis_models::physics::vibration::GROUP_2_RIGID;
use aegis_models::{Rng, Seed};

use super::*;

/// A bearing made by hand: shocks at the times at which a defect is rolled over, each ringing two modes of a housing
/// (McFadden and Smith, *Model for the vibration produced by a single point defect in a rolling element bearing*, J.
/// Sound Vib. 96, 1984), with Stribeck's load zone and a cage that slips and wanders.
struct Made {
    fault: BearingFault,
    bearing: Bearing,
    rpm: f64,
    rate_hz: f64,
    seconds: f64,
    /// How much slower than kinematics the cage runs [-].
    slip: f64,
    /// RMS of what rings over that of the noise [-].
    strength: f64,
    /// Length of the spall over the way between two shocks of one element [-]: how much the shocks' times scatter.
    spread: f64,
    seed: u64,
}

impl Made {
    fn new(fault: BearingFault, seed: u64) -> Made {
        Made {
            fault,
            bearing: SKF_6205,
            rpm: 1_797.0,
            rate_hz: 25_600.0,
            seconds: 1.0,
            slip: 0.005,
            strength: 0.5,
            spread: 0.01,
            seed,
        }
    }

    fn values(&self) -> Vec<f64> {
        let mut rng = Seed(self.seed).stream("made");
        let n = (self.seconds * self.rate_hz) as usize;
        let mut ring = vec![0.0; n];
        self.shocks(&mut rng).into_iter().for_each(|(t, a)| self.strike(&mut ring, t, a));
        let power = ring.iter().map(|x| x * x).sum::<f64>() / n as f64;
        let scale = if power > 0.0 { self.strength / power.sqrt() } else { 0.0 };
        let phase = rng.between(0.0, std::f64::consts::TAU);
        (0..n)
            .map(|i| {
                // A shaft, its harmonics, and mains.
                let t = i as f64 / self.rate_hz;
                let turn = |hz: f64| libm::sin(2.0 * std::f64::consts::PI * hz * t + phase);
                let hz = self.rpm / 60.0;
                scale * ring[i] + 0.5 * turn(hz) + 0.3 * turn(2.0 * hz) + 0.2 * turn(100.0) + rng.normal()
            })
            .collect()
    }

    /// Moments [s] and strengths of the shocks.
    fn shocks(&self, rng: &mut Rng) -> Vec<(f64, f64)> {
        let lines = self.bearing.lines();
        let hz = self.rpm / 60.0;
        let cage = lines.ftf * (1.0 - self.slip) * hz;
        let elements = f64::from(self.bearing.elements);
        let rate = match self.fault {
            BearingFault::None => return vec![],
            BearingFault::Outer => elements * cage,
            BearingFault::Inner => elements * (hz - cage),
            BearingFault::Ball => 2.0 * lines.bsf * (1.0 - self.slip) * hz,
        };
        // Load over a load zone of 120 degrees around the bottom; outside it there is a little preload.
        let load = |angle: f64| (1.5 * libm::cos(angle) - 0.5).max(0.0) + 0.1;
        let mut shocks = Vec::new();
        let mut t = rng.uniform() / rate;
        while t < self.seconds {
            let angle = 2.0 * std::f64::consts::PI * t;
            let strength = match self.fault {
                BearingFault::Outer => 1.0,
                BearingFault::Inner => load(angle * hz),
                _ => load(angle * cage),
            };
            shocks.push((t, strength * (1.0 + 0.1 * rng.normal())));
            t += (1.0 + self.spread * rng.normal()) / rate;
        }
        shocks
    }

    fn strike(&self, ring: &mut [f64], t: f64, strength: f64) {
        let first = (t * self.rate_hz).ceil() as usize;
        for (i, x) in ring.iter_mut().enumerate().skip(first).take((0.01 * self.rate_hz) as usize) {
            let s = i as f64 / self.rate_hz - t;
            let mode = |hz: f64, damping: f64| {
                let omega = 2.0 * std::f64::consts::PI * hz;
                libm::exp(-damping * omega * s) * libm::sin(omega * s)
            };
            *x += strength * (mode(2_800.0, 0.04) + 0.6 * mode(4_900.0, 0.03));
        }
    }

    fn verdict(&self) -> BearingVerdict {
        let v =
            diagnose_bearing(&mut Plans::default(), &self.values(), self.rate_hz, self.rpm, &self.bearing);
        v.unwrap()
    }
}

const FAULTS: [BearingFault; 3] = [BearingFault::Outer, BearingFault::Inner, BearingFault::Ball];

#[test]
fn each_fault_is_named_over_a_grid_of_speeds_slips_and_rates() {
    let mut wrong = Vec::new();
    let mut all = 0;
    for (i, rpm) in [900.0, 1_460.0, 1_797.0, 3_580.0].into_iter().enumerate() {
        for (k, slip) in [0.0, 0.008, 0.018].into_iter().enumerate() {
            for (j, rate_hz) in [12_000.0, 25_600.0, 48_000.0].into_iter().enumerate() {
                for fault in FAULTS {
                    let seed = (100 * i + 10 * k + j) as u64;
                    let made = Made { rpm, slip, rate_hz, seconds: 2.0, ..Made::new(fault, seed) };
                    let v = made.verdict();
                    all += 1;
                    if v.fault != fault {
                        wrong.push((fault, rpm, slip, rate_hz, v.fault));
                    }
                }
            }
        }
    }
    assert!(wrong.len() * 25 <= all, "{} of {all}: {wrong:?}", wrong.len());
}

#[test]
fn weak_and_strong_and_smeared_defects_are_named() {
    for fault in FAULTS {
        for (strength, spread) in [(0.35, 0.005), (1.0, 0.01), (4.0, 0.01), (2.0, 0.02)] {
            let v = Made { strength, spread, seconds: 2.0, ..Made::new(fault, 3) }.verdict();
            assert_eq!(v.fault, fault, "{strength} {spread}: {:?}", v.evidence);
        }
    }
}

#[test]
fn other_bearings_have_other_lines() {
    for bearing in [SKF_6203, REXNORD_ZA_2115] {
        for fault in [BearingFault::Outer, BearingFault::Inner] {
            let v = Made { bearing, strength: 1.0, seconds: 2.0, ..Made::new(fault, 5) }.verdict();
            assert_eq!(v.fault, fault, "{:?}", v.evidence);
        }
    }
    // The lines of one bearing mean nothing to another.
    let made = Made { strength: 1.0, seconds: 2.0, ..Made::new(BearingFault::Outer, 5) };
    let v =
        diagnose_bearing(&mut Plans::default(), &made.values(), made.rate_hz, made.rpm, &SKF_6203).unwrap();
    assert_ne!(v.fault, BearingFault::Outer, "{:?}", v.evidence);
}

#[test]
fn a_sound_bearing_is_none_however_loud_it_is() {
    for seed in 0..60 {
        let rpm = 600.0 + 50.0 * seed as f64;
        let v = Made { rpm, seconds: 2.0, ..Made::new(BearingFault::None, seed) }.verdict();
        assert_eq!(v.fault, BearingFault::None, "{rpm}: {:?}", v.evidence);
    }
}

#[test]
fn the_evidence_names_the_line_its_order_and_its_limit() {
    let v = Made::new(BearingFault::Outer, 1).verdict();
    assert!(v.evidence[0].starts_with("BPFO at 3.5"), "{:?}", v.evidence);
    assert!(v.evidence[0].contains("against a limit of") && v.ratio > 1.0, "{:?}", v.evidence);
}

/// A second of acceleration whose lines have these velocities [order, mm/s RMS], at 1,500 rpm.
fn shaken(lines: &[(f64, f64)]) -> Vec<f64> {
    let mut rng = Seed(8).stream("shaken");
    let line = |t: f64| -> f64 {
        let one = |(order, v): &(f64, f64)| {
            let omega = 2.0 * std::f64::consts::PI * 25.0 * order;
            v / 1_000.0 * std::f64::consts::SQRT_2 * omega * libm::sin(omega * t + order)
        };
        lines.iter().map(one).sum()
    };
    (0..51_200).map(|i| line(f64::from(i) / 25_600.0) + 0.05 * rng.normal()).collect()
}

#[test]
fn a_shaft_tells_unbalance_misalignment_and_looseness_apart() {
    let told = |lines: &[(f64, f64)]| {
        let f =
            shaft_faults(&mut Plans::default(), &shaken(lines), 25_600.0, 1_500.0, &GROUP_2_RIGID).unwrap();
        f.into_iter().map(|f| f.fault).next()
    };
    assert_eq!(told(&[(1.0, 1.0), (2.0, 0.6)]), None, "zone A is nobody's fault");
    assert_eq!(told(&[(1.0, 4.0), (2.0, 0.5)]), Some(ShaftFault::Unbalance));
    assert_eq!(told(&[(1.0, 2.0), (2.0, 2.5), (3.0, 0.5)]), Some(ShaftFault::Misalignment));
    assert_eq!(told(&[(1.0, 2.0), (3.0, 1.8)]), Some(ShaftFault::Misalignment));
    let loose: Vec<(f64, f64)> = (1..=20).map(|k| (0.5 * f64::from(k), 1.0)).collect();
    assert_eq!(told(&loose), Some(ShaftFault::Looseness));
    assert_eq!(told(&[(4.7, 4.0)]), None, "what is no shaft's line is no shaft's fault");
}
