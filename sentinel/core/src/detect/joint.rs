//! All columns of a machine together, in each regime by itself: every column's departure from its wandering level
//! ([`local`](super::local)), the joint mean ([`mewma`](super::mewma)), T2 and Q ([`pca`](super::pca)); what changed
//! ([`change`](super::change)) and what is news ([`news`](super::news)).
//!
//! Fitted on the first part of the learning rows; the limits are learned on the rest.

use aegis_models::Time;
use serde::{Deserialize, Serialize};

use super::change::{self, Change};
use super::eigen::{covariance, symmetric};
use super::limit::learn_for;
use super::local::{Local, MIDDLE, WEIGHTS};
use super::mewma::Mewma;
use super::news::News;
use super::pca::Pca;
use super::{SAMPLES_PER_FALSE_FINDING, learn_limit};

/// Rows that are kept while learning, at most.
const LEARNING_ROWS: usize = 1_000;
/// The share of the learning rows that covariances are fitted on.
const FIT_SHARE: f64 = 0.6;
/// A column is in alarm beyond this departure [standard deviations]. They are those of autocorrelated values around a
/// level that wanders, with heavier tails than Gauss's.
const DEPARTURE_LIMIT: f64 = 5.5;
/// A deviation counts for at most this much in what columns share [scales].
const CLIP: f64 = 8.0;
/// Above this share of its limit the joint mean holds all levels.
const HOLDS_LEVELS: f64 = 0.8;
/// Rows in a row beyond the limit of T2 or Q: one wild row is a glitch.
const CONFIRM: u8 = 3;
/// Rows in a row that must be calm before an alarm ends.
const CALM_ROWS: u32 = 10;
/// One change that is none in so many rows of a column.
const ROWS_PER_FALSE_CHANGE: f64 = 1.0e4;
/// After a change is declared, the columns that follow it belong to it for so many rows.
const CHANGE_HOLD: u64 = 40;
/// What follows within so many rows of something newsworthy belongs to it.
const NEWS_HOLD: u64 = 60;
/// Columns that an alarm names, at most.
const NAMED: usize = 3;

/// The statistics over all columns of a machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Joint {
    models: Vec<(u16, Model)>,
    /// What is wrong now.
    pub alarm: Option<Alarm>,
    calm: u32,
}

/// What the columns together claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The statistic that spoke loudest.
    pub statistic: String,
    /// Its value over its limit, now.
    pub ratio: f64,
    /// The largest that ratio has been.
    pub peak: f64,
    /// The columns it comes from, most first, with their shares of it.
    pub shares: Vec<(usize, f64)>,
    /// The first column's value then [its unit].
    pub value: f64,
    /// Where that column's level would be [its unit].
    pub expected: f64,
    /// When it began.
    pub since: Time,
    /// When it was last beyond its limit.
    pub last: Time,
}

/// What one row brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// An alarm begins.
    pub began: bool,
    /// Some column changed here.
    pub change: bool,
    /// Something larger than what was already shown.
    pub news: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Model {
    Learning(Vec<Vec<f64>>),
    Judging(Box<Judge>),
}

/// What was learned of one regime.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Judge {
    columns: Vec<Column>,
    mewma: Mewma,
    mewma_limit: f64,
    pca: Pca,
    t2_limit: f64,
    q_limit: f64,
    /// Rows in a row beyond the limits of T2 and Q.
    beyond: [u8; 2],
    held: bool,
    row: u64,
    changed: Option<u64>,
    newsworthy: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Column {
    local: Local,
    change: Change,
    change_limit: f64,
    news: News,
}

/// The loudest statistic of a row.
struct Loudest {
    ratio: f64,
    statistic: &'static str,
}

impl Joint {
    /// Whether any regime has a baseline.
    pub fn judges(&self) -> bool {
        self.models.iter().any(|(_, m)| matches!(m, Model::Judging(_)))
    }

    /// Takes a row, a value for every column. Learning ends after `learn` rows.
    pub fn observe(&mut self, regime: u16, time: Time, row: &[f64], learn: usize) -> Heard {
        let at = match self.models.iter().position(|(r, _)| *r == regime) {
            Some(at) => at,
            None => {
                self.models.push((regime, Model::Learning(Vec::new())));
                self.models.len() - 1
            }
        };
        match &mut self.models[at].1 {
            Model::Learning(rows) => {
                rows.push(row.to_vec());
                if rows.len() >= learn {
                    self.models[at].1 = Model::Judging(Box::new(Judge::learn(rows)));
                }
                Heard::default()
            }
            Model::Judging(judge) => {
                let loudest = judge.take(row);
                let was = self.alarm.is_some();
                if loudest.ratio > 1.0 {
                    raise(&mut self.alarm, judge, &loudest, row, time);
                    self.calm = 0;
                } else if let Some(alarm) = &mut self.alarm {
                    alarm.ratio = loudest.ratio;
                    // As for a channel: what was barely beyond its limit must fall well below it.
                    let clear = (0.3 * alarm.peak).clamp(0.6, 0.95);
                    self.calm = if loudest.ratio < clear { self.calm + 1 } else { 0 };
                    if self.calm >= CALM_ROWS {
                        self.alarm = None;
                    }
                }
                let turned = was != self.alarm.is_some();
                Heard { began: turned && !was, change: judge.changed(turned), news: judge.has_news() }
            }
        }
    }

    /// Ends learning in every regime with what there is.
    pub fn end_learning(&mut self) {
        for (_, model) in &mut self.models {
            if let Model::Learning(rows) = model
                && rows.len() >= 2
            {
                *model = Model::Judging(Box::new(Judge::learn(rows)));
            }
        }
    }

    /// Whether what it remembers is of rows as wide as that.
    pub fn fits(&self, width: usize) -> bool {
        self.models.iter().all(|(_, m)| match m {
            Model::Learning(rows) => rows.iter().all(|r| r.len() == width),
            Model::Judging(judge) => judge.columns.len() == width,
        })
    }

    /// What comes next is no neighbour of what came before: another regime, another set-point, another recording.
    pub fn forget(&mut self) {
        for (_, model) in &mut self.models {
            if let Model::Judging(judge) = model {
                judge.forget();
            }
        }
    }
}

fn raise(alarm: &mut Option<Alarm>, judge: &Judge, loudest: &Loudest, row: &[f64], time: Time) {
    let begins = alarm.is_none();
    let alarm = alarm.get_or_insert_with(|| Alarm {
        statistic: String::new(),
        ratio: 0.0,
        peak: 0.0,
        shares: Vec::new(),
        value: 0.0,
        expected: 0.0,
        since: time,
        last: time,
    });
    (alarm.ratio, alarm.last) = (loudest.ratio, time);
    if begins || loudest.ratio > alarm.peak {
        alarm.peak = loudest.ratio;
        loudest.statistic.clone_into(&mut alarm.statistic);
        alarm.shares = judge.shares(loudest.statistic);
        let (first, _) = alarm.shares[0];
        (alarm.value, alarm.expected) = (row[first], judge.columns[first].local.expected());
    }
}

/// The names of the statistics, as they stand in alarms.
const DEPARTURE: &str = "departure from its level";
const MEWMA: &str = "MEWMA";
const T2: &str = "Hotelling T2";
const Q: &str = "squared prediction error Q";

impl Judge {
    fn learn(rows: &[Vec<f64>]) -> Judge {
        let width = rows[0].len();
        let mut columns: Vec<Column> =
            (0..width).map(|j| Column::learn(&rows.iter().map(|r| r[j]).collect::<Vec<_>>())).collect();
        let mut again: Vec<Local> = columns.iter().map(|c| c.local.rewound()).collect();
        let deviations: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| {
                let of = |(local, x): (&mut Local, &f64)| {
                    local.take(*x);
                    let off = local.deviation().clamp(-CLIP, CLIP);
                    local.track();
                    off
                };
                again.iter_mut().zip(row).map(of).collect()
            })
            .collect();
        let fit = ((rows.len() as f64 * FIT_SHARE) as usize).max(2).min(rows.len());
        let eigen = symmetric(covariance(&deviations[..fit]));
        let (mut mewma, pca, sure) = (Mewma::new(&eigen), Pca::new(&eigen), vec![1.0; width]);
        let means: Vec<f64> = deviations
            .iter()
            .map(|d| {
                mewma.take(d);
                mewma.value(&sure)
            })
            .collect();
        let (t2, q): (Vec<f64>, Vec<f64>) = deviations[fit..].iter().map(|d| pca.values(d)).unzip();
        columns.iter_mut().for_each(|c| c.local.forget());
        Judge {
            columns,
            mewma,
            mewma_limit: learn_limit(&means[fit..], 1e-6),
            pca,
            t2_limit: learn_limit(&t2, 1e-6),
            q_limit: learn_limit(&q, 1e-6),
            beyond: [0; 2],
            held: false,
            row: 0,
            changed: None,
            newsworthy: None,
        }
    }

    fn take(&mut self, row: &[f64]) -> Loudest {
        self.row += 1;
        for (c, x) in self.columns.iter_mut().zip(row) {
            c.local.take(*x);
        }
        let (deviations, sure) = (self.deviations(), self.sureness());
        self.mewma.take(&deviations);
        let mean = self.mewma.value(&sure) / self.mewma_limit;
        let (t2, q) = self.pca.values(&deviations);
        let farthest = self.columns.iter().map(|c| c.local.departure(MIDDLE).abs()).fold(0.0, f64::max);
        self.held = mean >= HOLDS_LEVELS;
        let mut loudest = Loudest { ratio: farthest / DEPARTURE_LIMIT, statistic: DEPARTURE };
        if mean > loudest.ratio {
            loudest = Loudest { ratio: mean, statistic: MEWMA };
        }
        for (k, (ratio, statistic)) in
            [(t2 / self.t2_limit, T2), (q / self.q_limit, Q)].into_iter().enumerate()
        {
            self.beyond[k] = if ratio > 1.0 { self.beyond[k].saturating_add(1) } else { 0 };
            if self.beyond[k] >= CONFIRM && ratio > loudest.ratio {
                loudest = Loudest { ratio, statistic };
            }
        }
        loudest
    }

    /// Whether a change is declared at this row; `turned` when an alarm began or ended here. The levels follow after.
    fn changed(&mut self, turned: bool) -> bool {
        let mut declared = turned;
        for c in &mut self.columns {
            let t = c.change.push(c.local.position(), c.local.wandering);
            declared |= c.change.declares(t.abs() / c.change_limit);
        }
        let fresh = declared && self.changed.is_none_or(|at| self.row - at >= CHANGE_HOLD);
        if fresh {
            self.changed = Some(self.row);
        }
        fresh
    }

    /// Whether this row brought news. Ends the row: the levels follow.
    fn has_news(&mut self) -> bool {
        let (width, mut news) = (self.columns.len(), false);
        for c in &mut self.columns {
            for k in [0, WEIGHTS.len() - 1] {
                news |= c.news.push(k, c.local.departure(k), width);
            }
            c.local.follow(!self.held);
        }
        let fresh = news && self.newsworthy.is_none_or(|at| self.row - at >= NEWS_HOLD);
        if news {
            self.newsworthy = Some(self.row);
        }
        fresh
    }

    /// The columns that a statistic's value comes from, most first.
    fn shares(&self, statistic: &str) -> Vec<(usize, f64)> {
        let deviations = self.deviations();
        let parts = match statistic {
            MEWMA => self.mewma.shares(&self.sureness()),
            T2 => self.pca.t2_shares(&deviations),
            Q => self.pca.q_shares(&deviations),
            _ => self.columns.iter().map(|c| c.local.departure(MIDDLE)).map(|r| r * r).collect(),
        };
        let total: f64 = parts.iter().map(|p| p.max(0.0)).sum::<f64>().max(1e-12);
        let mut shares: Vec<(usize, f64)> = parts.iter().map(|p| p.max(0.0) / total).enumerate().collect();
        shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        shares.truncate(NAMED);
        shares
    }

    fn deviations(&self) -> Vec<f64> {
        self.columns.iter().map(|c| c.local.deviation().clamp(-CLIP, CLIP)).collect()
    }

    fn sureness(&self) -> Vec<f64> {
        self.columns.iter().map(|c| c.local.sureness()).collect()
    }

    fn forget(&mut self) {
        for c in &mut self.columns {
            c.local.forget();
            c.change.forget();
        }
        self.mewma.forget();
        self.beyond = [0; 2];
    }
}

impl Column {
    fn learn(values: &[f64]) -> Column {
        let local = Local::learn(values);
        let (mut again, mut change) = (local.rewound(), Change::default());
        let stood: Vec<f64> = values
            .iter()
            .map(|x| {
                again.take(*x);
                change.push(again.position(), local.wandering)
            })
            .skip_while(|t| *t == 0.0)
            .collect();
        let change_limit = learn_for(&stood, change::FLOOR, ROWS_PER_FALSE_CHANGE);
        Column { local, change, change_limit, news: News::default() }
    }
}

/// Rows that a machine learns from which asks for `min_samples`.
pub fn learning_rows(min_samples: u32) -> usize {
    LEARNING_ROWS.max(min_samples as usize)
}

const _: () = assert!(ROWS_PER_FALSE_CHANGE < SAMPLES_PER_FALSE_FINDING);
