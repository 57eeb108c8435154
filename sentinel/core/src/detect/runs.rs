//! Recipe-run statistics, what a fab calls fault detection and classification (FDC; SEMI E133): each run of a recipe is
//! summarised by step and channel, and held against the healthy runs of the same tool.
//!
//! Limits come from leaving each healthy run out in turn: what a run looks like to a baseline that has not seen it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limit::quantile;

/// The share of a step's rows that is left out at its beginning: the step is still settling.
const SETTLING: f64 = 0.1;
/// Steps with fewer rows are taken whole.
const SHORT_STEP: usize = 9;
/// Times MAD, it is a standard deviation on Gaussian values.
const MAD_TO_SIGMA: f64 = 1.4826;
/// A level is not known better than this share of the spread within its step.
const LEVEL_FLOOR: f64 = 0.25;
/// A spread is not known better than this share of itself.
const SPREAD_FLOOR: f64 = 0.1;
/// A step's length is not known better than this [rows].
const ROWS_FLOOR: f64 = 2.0;
/// Nothing is known better than this share of its value.
const RELATIVE_FLOOR: f64 = 1e-4;
/// The budget: one false alarm in so many runs.
const RUNS_PER_FALSE_ALARM: f64 = 200.0;
/// No tail is shorter than this share of the median: a few runs show too little of it.
const LEAST_TAIL: f64 = 0.1;
/// How far out a step is that healthy runs always have, or never [standard deviations].
const WRONG_STEP: f64 = 100.0;
/// The fewest healthy runs that make a baseline.
pub const FEWEST_RUNS: usize = 5;

/// What a summary of a step tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Feature {
    /// How many rows the step has.
    Rows,
    /// The median of a channel.
    Level(usize),
    /// The standard deviation of a channel.
    Spread(usize),
}

/// One run: a value for every feature of every step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    features: BTreeMap<(i64, Feature), f64>,
}

impl Run {
    /// Summarises the rows of a run: each its recipe step, and a value for every channel where there is one.
    pub fn new<'a>(rows: impl IntoIterator<Item = (i64, &'a [Option<f64>])>) -> Run {
        let mut steps: BTreeMap<i64, Vec<&[Option<f64>]>> = BTreeMap::new();
        for (step, values) in rows {
            steps.entry(step).or_default().push(values);
        }
        let mut features = BTreeMap::new();
        for (step, rows) in steps {
            features.insert((step, Feature::Rows), rows.len() as f64);
            let skip = if rows.len() < SHORT_STEP { 0 } else { (SETTLING * rows.len() as f64) as usize };
            for channel in 0..rows[0].len() {
                let x: Vec<f64> = rows[skip..].iter().filter_map(|r| r[channel]).collect();
                if x.is_empty() {
                    continue;
                }
                let mean = x.iter().sum::<f64>() / x.len() as f64;
                let spread = (x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / x.len() as f64).sqrt();
                features.insert((step, Feature::Level(channel)), median(&x));
                features.insert((step, Feature::Spread(channel)), spread);
            }
        }
        Run { features }
    }
}

/// The healthy runs of a tool and recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    models: Vec<Model>,
    limit: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Model {
    step: i64,
    feature: Feature,
    level: f64,
    scale: f64,
}

/// The feature of a run that is farthest from the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Farthest {
    /// The recipe step.
    pub step: i64,
    /// What of it.
    pub feature: Feature,
    /// Its value [the channel's unit, or rows].
    pub value: f64,
    /// The value it should have.
    pub expected: f64,
    /// Its distance over the limit: an alarm above 1.
    pub ratio: f64,
}

impl Baseline {
    /// Learns from healthy runs, [`FEWEST_RUNS`] at least; none when there are fewer.
    pub fn learn(runs: &[Run]) -> Option<Baseline> {
        if runs.len() < FEWEST_RUNS {
            return None;
        }
        let all: Vec<&Run> = runs.iter().collect();
        let left_out: Vec<f64> = (0..runs.len())
            .map(|out| {
                let others: Vec<&Run> =
                    all.iter().enumerate().filter(|(i, _)| *i != out).map(|(_, r)| *r).collect();
                farthest(&models(&others), &runs[out]).map_or(0.0, |f| f.ratio)
            })
            .collect();
        // An exponential tail through the quartiles: one odd run among the healthy ones does not set the limit.
        let (half, quarter) = (quantile(&left_out, 0.5), quantile(&left_out, 0.75));
        let tail = ((quarter - half) / core::f64::consts::LN_2).max(LEAST_TAIL * half);
        let limit = half + tail * libm::log(0.5 * RUNS_PER_FALSE_ALARM);
        Some(Baseline { models: models(&all), limit: limit.max(1e-6) })
    }

    /// Holds a run against the baseline.
    pub fn judge(&self, run: &Run) -> Option<Farthest> {
        farthest(&self.models, run).map(|f| Farthest { ratio: f.ratio / self.limit, ..f })
    }
}

/// Level and scale of each feature that at least half of the runs have.
fn models(runs: &[&Run]) -> Vec<Model> {
    let mut values: BTreeMap<(i64, Feature), Vec<f64>> = BTreeMap::new();
    for run in runs {
        for (key, value) in &run.features {
            values.entry(*key).or_default().push(*value);
        }
    }
    let spread =
        |step: i64, channel: usize| values.get(&(step, Feature::Spread(channel))).map_or(0.0, |v| median(v));
    values
        .iter()
        .filter(|(_, v)| 2 * v.len() >= runs.len())
        .map(|(&(step, feature), v)| {
            let level = median(v);
            let off: Vec<f64> = v.iter().map(|x| (x - level).abs()).collect();
            let common = (off.iter().map(|d| d * d).sum::<f64>() / off.len() as f64).sqrt();
            let floor = match feature {
                Feature::Rows => ROWS_FLOOR,
                Feature::Level(c) => LEVEL_FLOOR * spread(step, c),
                Feature::Spread(c) => SPREAD_FLOOR * spread(step, c),
            };
            let scale = (MAD_TO_SIGMA * median(&off)).max(common).max(floor);
            Model { step, feature, level, scale: scale.max(RELATIVE_FLOOR * level.abs()).max(1e-9) }
        })
        .collect()
}

/// The farthest feature, its distance [standard deviations] as the ratio.
fn farthest(models: &[Model], run: &Run) -> Option<Farthest> {
    let known = models.iter().filter_map(|m| {
        let found = run.features.get(&(m.step, m.feature));
        let (value, distance) = match (found, m.feature) {
            (Some(x), _) => (*x, (x - m.level).abs() / m.scale),
            (None, Feature::Rows) => (0.0, WRONG_STEP),
            (None, _) => return None,
        };
        Some(Farthest { step: m.step, feature: m.feature, value, expected: m.level, ratio: distance })
    });
    let strange = run
        .features
        .iter()
        .filter(|((step, feature), _)| *feature == Feature::Rows && !models.iter().any(|m| m.step == *step));
    let strange = strange.map(|(&(step, feature), value)| Farthest {
        step,
        feature,
        value: *value,
        expected: 0.0,
        ratio: WRONG_STEP,
    });
    known.chain(strange).max_by(|a, b| a.ratio.total_cmp(&b.ratio))
}

/// The middle value, or the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    if n == 0 { 0.0 } else { 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegis_models::Seed;

    /// A run of two steps and two channels; in step 5 the second is `off` higher.
    fn run(seed: u64, off: f64, steps: &[i64]) -> Run {
        let mut rng = Seed(seed).stream("run");
        let tool = 0.5 * rng.normal();
        let rows: Vec<(i64, [Option<f64>; 2])> = steps
            .iter()
            .flat_map(|s| (0..40).map(|_| *s))
            .map(|step| {
                let shift = if step == 5 { off } else { 0.0 };
                (step, [Some(100.0 + rng.normal() + tool), Some(10.0 * step as f64 + rng.normal() + shift)])
            })
            .collect();
        Run::new(rows.iter().map(|(s, v)| (*s, v.as_slice())))
    }

    #[test]
    fn a_shifted_channel_is_named_with_its_step_and_healthy_runs_pass() {
        let healthy: Vec<Run> = (0..20).map(|i| run(i, 0.0, &[4, 5])).collect();
        let baseline = Baseline::learn(&healthy).unwrap();
        let alarms =
            (100..300).filter(|i| baseline.judge(&run(*i, 0.0, &[4, 5])).unwrap().ratio > 1.0).count();
        assert!(alarms <= 6, "{alarms} of 200");
        let f = baseline.judge(&run(50, 3.0, &[4, 5])).unwrap();
        assert!(f.ratio > 1.0 && f.step == 5 && f.feature == Feature::Level(1), "{f:?}");
    }

    #[test]
    fn a_missing_step_and_a_strange_one_are_alarms() {
        let healthy: Vec<Run> = (0..10).map(|i| run(i, 0.0, &[4, 5])).collect();
        let baseline = Baseline::learn(&healthy).unwrap();
        for steps in [&[4][..], &[4, 5, 6]] {
            let f = baseline.judge(&run(60, 0.0, steps)).unwrap();
            assert!(f.ratio > 1.0 && f.feature == Feature::Rows, "{steps:?}: {f:?}");
        }
        assert_eq!(Baseline::learn(&healthy[..4]), None);
    }
}
