//! A column's departure from a level that wanders: the local level model (Harvey, *Forecasting, Structural Time Series
//! Models and the Kalman Filter*, 1989, 2.3).
//!
//! Process values do not stay where they were learned: a tank warms up, a bearing runs in. How much a level wanders is
//! learned beside it. While a value is calm its level is followed at the gain that this wandering asks for; while it
//! departs the level is held, and less and less is claimed of where it would be by now. A departure is measured in the
//! standard deviation of both, noise and wandering.

use serde::{Deserialize, Serialize};

use super::limit::quantile;

/// Weights of a new value in the smoothed departures: the value itself, some five values, some twenty.
pub const WEIGHTS: [f64; 3] = [1.0, 0.3, 0.1];
/// The smoothed departure of these that says whether a value is calm, and is held against the limit of an alarm.
pub const MIDDLE: usize = 1;
/// Below this departure a value is calm and its level may follow [standard deviations].
const CALM: f64 = 2.0;
/// The share of the wandering seen while learning that is followed. A level that came back is no drift.
const BELIEVED: f64 = 0.3;
/// Wandering that learning cannot rule out: within another span as long, this variance [scales squared].
const UNSEEN: f64 = 0.2;
/// The level follows by this share of a departure at most.
const FASTEST: f64 = 0.05;
/// Values in the blocks whose means are compared to tell wandering from noise.
const BLOCK: usize = 20;
/// How far apart the blocks lie [values].
const LAG: usize = 60;
/// Values around whose mean noise is measured.
const NOISE_WINDOW: usize = 100;
/// When calm again, what was not known of the level is forgotten by this share with every value.
const FORGET: f64 = 0.02;
/// Times MAD, it is a standard deviation on Gaussian values.
const MAD_TO_SIGMA: f64 = 1.4826;

/// A column's scale, noise and wandering as learned, and its level now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Local {
    /// What it was about while learning [the column's unit].
    origin: f64,
    /// One standard deviation then [the column's unit].
    scale: f64,
    /// How much the level wanders from one value to the next [scales squared].
    pub wandering: f64,
    gain: f64,
    /// Variance of the smoothed departures, in the order of [`WEIGHTS`] [scales squared].
    noise: [f64; 3],
    /// How much variance the level can have gathered at most [scales squared].
    most: f64,
    /// Where the level is, from the origin [scales].
    level: f64,
    /// Variance of the level [scales squared].
    uncertain: f64,
    /// Smoothed departures from the level [scales].
    smooth: [f64; 3],
    latest: f64,
}

impl Local {
    /// Learns a column from its values in a healthy span, and stands at its end.
    pub fn learn(values: &[f64]) -> Local {
        let origin = quantile(values, 0.5);
        let off: Vec<f64> = values.iter().map(|x| (x - origin).abs()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        // The larger of the robust and the common one: of a quantised value most deviations may be none at all.
        let scale = (MAD_TO_SIGMA * quantile(&off, 0.5))
            .max(variance(values, mean).sqrt())
            .max(1e-6 * origin.abs())
            .max(1e-12);
        let z: Vec<f64> = values.iter().map(|x| (x - origin) / scale).collect();
        let wandering = (BELIEVED * wandering(&z)).max(UNSEEN / z.len() as f64);
        let gain = wandering.sqrt().min(FASTEST);
        let mut local = Local {
            origin,
            scale,
            wandering,
            gain,
            noise: WEIGHTS.map(|w| noise(&z, w)),
            most: wandering * z.len() as f64,
            level: 0.0,
            // What the filter settles at when the gain is small: wandering over gain.
            uncertain: wandering.sqrt(),
            smooth: [0.0; 3],
            latest: 0.0,
        };
        for x in values {
            local.take(*x);
            local.track();
        }
        local
    }

    /// The same column at the beginning of its learning span.
    pub fn rewound(&self) -> Local {
        Local { level: 0.0, uncertain: self.wandering.sqrt(), smooth: [0.0; 3], ..self.clone() }
    }

    /// Forgets departures: what comes next is no neighbour of what came before.
    pub fn forget(&mut self) {
        self.smooth = [0.0; 3];
    }

    /// Takes a value; [`Local::follow`] must come after.
    pub fn take(&mut self, x: f64) {
        self.latest = (x - self.origin) / self.scale;
        let off = self.latest - self.level;
        for (s, w) in self.smooth.iter_mut().zip(WEIGHTS) {
            *s += w * (off - *s);
        }
    }

    /// The departure smoothed by `WEIGHTS[k]` [its standard deviations].
    pub fn departure(&self, k: usize) -> f64 {
        self.smooth[k] / (self.noise[k] + self.uncertain).sqrt()
    }

    /// The latest value's departure, not smoothed [scales].
    pub fn deviation(&self) -> f64 {
        self.latest - self.level
    }

    /// The latest value from where the column was learned [scales].
    pub fn position(&self) -> f64 {
        self.latest
    }

    /// What share of a departure counts, now that the level is less sure than it was.
    pub fn sureness(&self) -> f64 {
        let gathered = (self.uncertain - self.wandering.sqrt()).max(0.0);
        (self.noise[MIDDLE] / (self.noise[MIDDLE] + gathered)).sqrt()
    }

    /// Follows the level when the value is calm, and its machine too; else knows less of it.
    pub fn follow(&mut self, machine_is_calm: bool) {
        if machine_is_calm && self.departure(MIDDLE).abs() < CALM {
            self.track();
            self.uncertain = self.wandering.sqrt().max(self.uncertain * (1.0 - FORGET));
        } else {
            self.uncertain = (self.uncertain + self.wandering).min(self.most.max(self.wandering.sqrt()));
        }
    }

    /// Follows the level, calm or not: what is learned from is healthy.
    pub fn track(&mut self) {
        let step = self.gain * self.deviation();
        self.level += step;
        self.smooth.iter_mut().for_each(|s| *s -= step);
    }

    /// The level where it would be now [the column's unit].
    pub fn expected(&self) -> f64 {
        self.origin + self.scale * self.level
    }
}

fn variance(values: &[f64], around: f64) -> f64 {
    values.iter().map(|x| (x - around) * (x - around)).sum::<f64>() / values.len().max(1) as f64
}

/// How much the level of `z` wanders from one value to the next: what the means of distant blocks differ by more than
/// those of neighbours.
fn wandering(z: &[f64]) -> f64 {
    let lag = LAG.min(z.len() / 4);
    let block = BLOCK.min(lag / 2);
    if block == 0 || lag <= block {
        return 0.0;
    }
    let means: Vec<f64> = z.windows(block).map(|w| w.iter().sum::<f64>() / block as f64).collect();
    let apart = |by: usize| {
        let pairs = means.len() - by;
        means.iter().zip(&means[by..]).map(|(a, b)| (b - a) * (b - a)).sum::<f64>() / pairs as f64
    };
    ((apart(lag) - apart(block)) / (lag - block) as f64).max(0.0)
}

/// Variance of the values of `z`, smoothed by `weight`, around their own recent mean.
fn noise(z: &[f64], weight: f64) -> f64 {
    let window = NOISE_WINDOW.min(z.len() / 4).max(1);
    let mut smooth = 0.0;
    let smoothed: Vec<f64> = z
        .iter()
        .map(|x| {
            smooth += weight * (x - smooth);
            smooth
        })
        .collect();
    let settled = &smoothed[BLOCK.min(z.len() / 4)..];
    let off: Vec<f64> =
        settled.windows(window).map(|w| w[window - 1] - w.iter().sum::<f64>() / window as f64).collect();
    variance(&off, 0.0).max(1e-4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegis_models::Seed;

    /// A column of unit noise around `level(row)`.
    fn column(rows: usize, seed: u64, level: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut rng = Seed(seed).stream("local");
        (0..rows).map(|i| 500.0 + 4.0 * (rng.normal() + level(i))).collect()
    }

    fn largest(local: &mut Local, values: &[f64]) -> f64 {
        values.iter().fold(0.0, |most: f64, x| {
            local.take(*x);
            local.follow(true);
            most.max(local.departure(MIDDLE).abs())
        })
    }

    #[test]
    fn a_level_that_drifted_while_learning_may_drift_on_and_a_step_is_seen() {
        let drift = |i: usize| 0.01 * i as f64;
        let values = column(2_000, 1, drift);
        let mut local = Local::learn(&values[..600]);
        assert!(largest(&mut local, &values[600..]) < 5.0);
        let stepped: Vec<f64> = column(100, 2, |i| drift(2_000 + i) + 8.0);
        assert!(largest(&mut local, &stepped) > 5.5);
    }

    #[test]
    fn a_steady_level_does_not_learn_a_fault() {
        let mut local = Local::learn(&column(600, 3, |_| 0.0));
        let (steady, faulty) = (column(2_000, 4, |_| 0.0), column(2_000, 5, |_| 6.0));
        assert!(largest(&mut local, &steady) < 5.5);
        largest(&mut local, &faulty);
        assert!(local.departure(MIDDLE) > 5.5, "{}", local.departure(MIDDLE));
        assert!((local.expected() - 500.0).abs() < 4.0);
    }
}
