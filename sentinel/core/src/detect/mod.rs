//! Detection: one statistic a file, each with a limit of its own that is learned from the channel.
//!
//! A channel is a point or a residual. While it learns it only collects; then every statistic over it is armed with a
//! limit taken from rows that were not used to fit level and scale, because textbook limits assume independent samples
//! and process data are not. A symptom is raised by any statistic alone: asking for level *and* rate at once would
//! exclude the slow faults, which are most faults.

mod bank;
mod change;
mod channel;
pub mod eigen;
mod ewma;
mod flag;
mod joint;
mod level;
mod limit;
mod local;
mod mewma;
mod news;
mod pca;
mod rate;
pub mod residual;
pub mod runs;
mod shift;
pub mod spectrum;
mod stuck;

use aegis_models::event::Finding;
use aegis_models::profile::{DataType, Direction, Watch};
use aegis_models::{Sample, Time};
use serde::{Deserialize, Serialize};

pub use channel::{Channel, ChannelSpec, Claim};
pub use joint::{Alarm, Heard, Joint, learning_rows};
pub use limit::{SAMPLES_PER_FALSE_FINDING, learn as learn_limit};

/// A detector of a site's own, beside those of the profile. It sees every sample of one machine.
pub trait Detector: Send {
    /// Looks at one sample; a claim becomes a finding and counts towards the diagnosis.
    fn observe(&mut self, sample: &Sample, now: Time) -> Option<Finding>;
}

/// One observation, raw and standardised.
#[derive(Clone, Copy, Debug)]
pub struct Obs {
    /// When.
    pub time: Time,
    /// The value [the channel's unit].
    pub x: f64,
    /// Its distance from the learned level [learned scales].
    pub z: f64,
}

/// The statistics there are. A new one is a file, a variant and its arms here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Statistic {
    /// See [`level`].
    Level(level::Level),
    /// See [`rate`].
    Rate(rate::Rate),
    /// See [`ewma`].
    Ewma(ewma::Ewma),
    /// See [`flag`].
    Flag(flag::Flag),
    /// See [`shift`].
    Shift(shift::Shift),
    /// See [`stuck`].
    Stuck(stuck::Stuck),
}

impl Statistic {
    /// The statistic that a profile asks for.
    pub fn new(watch: Watch, data: DataType) -> Option<Statistic> {
        // A flag has no level to be far from and no rate: only how often it is set can change.
        Some(match (watch, data) {
            (Watch::Ewma, DataType::Bool) => Statistic::Flag(flag::Flag::default()),
            (_, DataType::Bool) => return None,
            (Watch::Level, _) => Statistic::Level(level::Level),
            (Watch::Rate, _) => Statistic::Rate(rate::Rate::default()),
            (Watch::Ewma, _) => Statistic::Ewma(ewma::Ewma::default()),
            (Watch::Shift, _) => Statistic::Shift(shift::Shift::default()),
            (Watch::Stuck, _) => Statistic::Stuck(stuck::Stuck::default()),
        })
    }

    /// Takes an observation and says where the statistic stands, with the sign of the departure.
    pub fn push(&mut self, obs: &Obs) -> f64 {
        match self {
            Statistic::Level(s) => s.push(obs),
            Statistic::Rate(s) => s.push(obs),
            Statistic::Ewma(s) => s.push(obs),
            Statistic::Flag(s) => s.push(obs),
            Statistic::Shift(s) => s.push(obs),
            Statistic::Stuck(s) => s.push(obs),
        }
    }

    /// The limit, from the statistic's values over the held-out rows of `learned`.
    fn limit(&self, held_out: &[f64], learned: &[Obs]) -> f64 {
        match self {
            Statistic::Level(_) => learn_limit(held_out, level::FLOOR),
            Statistic::Rate(_) => learn_limit(held_out, 0.0),
            Statistic::Ewma(_) => learn_limit(held_out, ewma::FLOOR),
            Statistic::Flag(_) => flag::limit(learned),
            Statistic::Shift(_) => learn_limit(held_out, shift::FLOOR),
            Statistic::Stuck(_) => stuck::limit(learned),
        }
    }

    /// How many values in a row must lie beyond the limit on the same side.
    fn confirm(&self) -> u8 {
        match self {
            // One wild value is a glitch of the instrument or the wire, three in a row are a process.
            Statistic::Level(_) => 3,
            Statistic::Rate(_) => 2,
            _ => 1,
        }
    }

    /// What the departure means.
    fn direction(&self, value: f64) -> Direction {
        match self {
            Statistic::Stuck(_) => Direction::Stuck,
            _ if value < 0.0 => Direction::Low,
            _ => Direction::High,
        }
    }

    /// The name in findings.
    pub fn name(&self) -> &'static str {
        match self {
            Statistic::Level(_) => "level",
            Statistic::Rate(_) => "rate",
            Statistic::Ewma(_) => "ewma",
            Statistic::Flag(_) => "flag",
            Statistic::Shift(_) => "shift",
            Statistic::Stuck(_) => "stuck",
        }
    }
}
