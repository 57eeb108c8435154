//! What the hoist controller makes of its vehicles: means over the last hoists, the worst of the last minutes, counts.

use std::collections::VecDeque;

use aegis_models::Seed;

use super::bodies::Outcome;

/// A mean looks back over so many happenings.
const KEPT: usize = 32;
/// The worst is that of so many minutes.
const MINUTES: usize = 10;
/// Current of a hoist motor without a load [A], and what a kilogram adds [A/kg].
const IDLE_A: f64 = 1.2;
const A_PER_KG: f64 = 0.32;
/// What a slipping drum adds to the current, a share of it for each share of the way [-].
const SLIP_GAIN: f64 = 4.0;

/// A mean over the last happenings.
#[derive(Default)]
pub(super) struct Mean(VecDeque<f64>);

impl Mean {
    /// One more.
    pub fn push(&mut self, x: f64) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(x);
    }

    /// The mean.
    pub fn get(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len().max(1) as f64
    }
}

/// The controller's readings.
pub(super) struct Readings {
    /// Largest swing of a hoist [deg].
    pub swing: Mean,
    /// Belt encoder against range finder [mm].
    pub belt: Mean,
    /// Speed of setting down [mm/s].
    pub touchdown: Mean,
    /// Motor current with a load [A].
    pub current: Mean,
    /// Wheel against rail [mm/m].
    pub creep: Mean,
    /// From the asking for a carrier to its place [s].
    pub delivery: Mean,
    /// Least force of a gripper over the nominal [%], by vehicle.
    grips: Vec<f64>,
    /// What was missing to the gap that the speed asks for [m]: this minute's worst, and those of the last ones.
    short: f64,
    shorts: VecDeque<f64>,
    minute: u64,
    /// When carriers were brought in the last hour [s].
    brought: VecDeque<f64>,
    pub collisions: u32,
    pub drops: u32,
}

impl Readings {
    /// Those of a rail with so many vehicles that has long run.
    pub fn new(seed: Seed, vehicles: usize) -> Readings {
        let mut rng = seed.stream("transport/readings");
        let mut warm = |low: f64, high: f64| {
            let mut mean = Mean::default();
            (0..KEPT).for_each(|_| mean.push(rng.between(low, high)));
            mean
        };
        Readings {
            swing: warm(0.5, 0.7),
            belt: warm(1.3, 1.7),
            touchdown: warm(48.0, 52.0),
            current: warm(4.03, 4.13),
            creep: warm(0.45, 0.55),
            delivery: warm(80.0, 120.0),
            grips: vec![1.0; vehicles],
            short: 0.0,
            shorts: VecDeque::new(),
            minute: 0,
            brought: VecDeque::new(),
            collisions: 0,
            drops: 0,
        }
    }

    /// A hoist of vehicle `i` is over.
    pub fn hoisted(&mut self, i: usize, o: &Outcome, mass_kg: f64, slip: f64, grip: f64, down: bool) {
        self.swing.push(o.swing_deg);
        self.belt.push(o.belt_mm);
        if down {
            self.touchdown.push(1_000.0 * o.touchdown_m_per_s);
        }
        self.current.push((IDLE_A + A_PER_KG * mass_kg) * (1.0 + SLIP_GAIN * slip));
        self.grips[i] = grip;
    }

    /// A carrier is where it was to go, so long after it was asked for.
    pub fn brought(&mut self, now_s: f64, took_s: f64) {
        self.brought.push_back(now_s);
        self.delivery.push(took_s);
    }

    /// So much was missing to the gap that the speed asks for [m]; below nought nothing was.
    pub fn gap(&mut self, short_m: f64) {
        self.short = self.short.max(short_m);
    }

    /// The end of a step.
    pub fn tick(&mut self, now_s: f64) {
        while self.brought.front().is_some_and(|b| now_s - b > 3_600.0) {
            self.brought.pop_front();
        }
        let minute = (now_s / 60.0) as u64;
        if minute != self.minute {
            self.minute = minute;
            if self.shorts.len() == MINUTES {
                self.shorts.pop_front();
            }
            self.shorts.push_back(self.short);
            self.short = 0.0;
        }
    }

    /// The worst of the last minutes [m].
    pub fn short_m(&self) -> f64 {
        self.shorts.iter().fold(self.short, |a, b| a.max(*b))
    }

    /// The weakest gripper [%].
    pub fn grip_pct(&self) -> f64 {
        100.0 * self.grips.iter().fold(1.0, |a: f64, b| a.min(*b))
    }

    /// Carriers brought in the last hour.
    pub fn moves_per_h(&self) -> f64 {
        self.brought.len() as f64
    }
}
