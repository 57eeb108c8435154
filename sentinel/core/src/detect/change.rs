//! When a column changed: the mean of a short window against that of the long one before it, in the spread of both
//! (two-sample t, Welch 1947, pooled). A change is declared once, and apart from whether anything is in alarm.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Values in the short window.
const SHORT: usize = 10;
/// Values in the long window before it.
const LONG: usize = 60;
/// A change is over when the statistic has fallen to this share of its limit; only then can another be declared.
const REARMED: f64 = 0.7;
/// No limit lies below this [standard deviations of the difference].
pub const FLOOR: f64 = 4.0;

/// Both windows, the newest value last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Change {
    values: VecDeque<f64>,
    declared: bool,
}

impl Change {
    /// Takes a value and says how far apart the windows are [standard deviations], for a level that wanders by
    /// `wandering` from one value to the next.
    pub fn push(&mut self, z: f64, wandering: f64) -> f64 {
        self.values.push_back(z);
        if self.values.len() > SHORT + LONG {
            self.values.pop_front();
        }
        if self.values.len() < SHORT + LONG {
            return 0.0;
        }
        let (long, short) = (moments(self.values.iter().take(LONG)), moments(self.values.iter().skip(LONG)));
        let pooled = (long.1 + short.1) / (SHORT + LONG - 2) as f64;
        let apart = wandering * (SHORT + LONG) as f64 / 3.0;
        // A calm spell is no reason to be surer than learning was.
        let variance = pooled.max(1.0) * (1.0 / SHORT as f64 + 1.0 / LONG as f64) + apart;
        (short.0 - long.0) / variance.sqrt()
    }

    /// Whether a change is declared now, the statistic being at `ratio` times its limit.
    pub fn declares(&mut self, ratio: f64) -> bool {
        if ratio < REARMED {
            self.declared = false;
        }
        let now = ratio > 1.0 && !self.declared;
        self.declared |= now;
        now
    }

    /// Forgets both windows.
    pub fn forget(&mut self) {
        *self = Change::default();
    }
}

/// Mean, and the sum of squares around it.
fn moments<'a>(values: impl ExactSizeIterator<Item = &'a f64> + Clone) -> (f64, f64) {
    let mean = values.clone().sum::<f64>() / values.len().max(1) as f64;
    (mean, values.map(|x| (x - mean) * (x - mean)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegis_models::Seed;

    #[test]
    fn a_step_is_declared_once_and_soon() {
        let mut rng = Seed(6).stream("change");
        let mut change = Change::default();
        let at: Vec<usize> = (0..600)
            .filter(|i| {
                let t = change.push(rng.normal() + if *i >= 300 { 3.0 } else { 0.0 }, 0.0);
                change.declares(t.abs() / 5.0)
            })
            .collect();
        assert_eq!(at.len(), 1, "{at:?}");
        assert!((300..315).contains(&at[0]), "{at:?}");
    }
}
