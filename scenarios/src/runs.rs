//! A recording of recipe runs, judged run by run against the first healthy ones (FDC).

use aegis_adapters::csv::Recording;
use aegis_sentinel::detect::runs::{Baseline, FEWEST_RUNS, Farthest, Feature, Run};

/// Without a given number, this share of the runs is taken as healthy.
const HEALTHY_SHARE: f64 = 0.3;

/// What is said of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunVerdict {
    /// The run, as the recording numbers it.
    pub run: f64,
    /// It is not as the healthy runs are.
    pub alarm: bool,
    /// An incident opens: the run before was healthy.
    pub event: bool,
    /// The channel that is farthest from the baseline.
    pub channel: String,
    /// Which step and feature, in words; empty without an alarm.
    pub why: String,
}

/// Runs cannot be judged.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadRuns {
    /// No column is a channel.
    #[error("no column changes and holds numbers: there is nothing to watch")]
    NoChannel,
    /// Too few to learn from.
    #[error("{found} of {all} runs to learn from; at least {FEWEST_RUNS} would be right")]
    TooFew {
        /// Runs to learn from.
        found: usize,
        /// Runs in the recording.
        all: usize,
    },
    /// A row without a run or step.
    #[error("row {0}: no run, or no step; a number in each would be right")]
    NoRun(usize),
}

/// Judges every run of `recording`; `keys` holds the run and the step of each row.
pub fn judge(
    recording: &Recording,
    keys: &Recording,
    baseline: Option<usize>,
) -> Result<Vec<RunVerdict>, BadRuns> {
    if recording.columns.is_empty() {
        return Err(BadRuns::NoChannel);
    }
    let runs = summarise(recording, keys)?;
    let healthy = baseline.unwrap_or((HEALTHY_SHARE * runs.len() as f64) as usize).min(runs.len());
    let learned: Vec<Run> = runs[..healthy].iter().map(|(_, r)| r.clone()).collect();
    let chart = Baseline::learn(&learned).ok_or(BadRuns::TooFew { found: healthy, all: runs.len() })?;
    let mut ill = false;
    let verdict = |(i, (run, summary)): (usize, &(f64, Run))| {
        // A run that was learned from is no evidence of anything.
        let found = chart.judge(summary).filter(|_| i >= healthy);
        let alarm = found.is_some_and(|f| f.ratio > 1.0);
        let event = alarm && !ill;
        ill = alarm;
        let name = |f: &Farthest| match f.feature {
            Feature::Rows => "step".to_owned(),
            Feature::Level(c) | Feature::Spread(c) => recording.columns[c].clone(),
        };
        RunVerdict {
            run: *run,
            alarm,
            event,
            channel: found.as_ref().map(name).unwrap_or_default(),
            why: found.filter(|_| alarm).map(|f| words(&f, &name(&f))).unwrap_or_default(),
        }
    };
    Ok(runs.iter().enumerate().map(verdict).collect())
}

fn words(f: &Farthest, channel: &str) -> String {
    let what = match f.feature {
        Feature::Rows => {
            return format!("step {} has {} rows, {} in healthy runs", f.step, f.value, f.expected);
        }
        Feature::Level(_) => "median",
        Feature::Spread(_) => "standard deviation",
    };
    format!(
        "{channel} in step {}: {what} {:.4} against {:.4} in healthy runs, {:.1} times its limit",
        f.step, f.value, f.expected, f.ratio
    )
}

/// The runs in the order in which they begin; rows of a run need not stand together.
fn summarise(recording: &Recording, keys: &Recording) -> Result<Vec<(f64, Run)>, BadRuns> {
    let mut order: Vec<f64> = Vec::new();
    let mut rows: Vec<Vec<(i64, &[Option<f64>])>> = Vec::new();
    for (i, (key, values)) in keys.rows.iter().zip(&recording.rows).enumerate() {
        let (Some(Some(run)), Some(Some(step))) = (key.first(), key.get(1)) else {
            return Err(BadRuns::NoRun(i));
        };
        // The run at hand is most often the latest one.
        let at = order.iter().rposition(|r| r == run).unwrap_or_else(|| {
            order.push(*run);
            rows.push(Vec::new());
            order.len() - 1
        });
        rows[at].push((*step as i64, values));
    }
    Ok(order.into_iter().zip(rows.into_iter().map(Run::new)).collect())
}
