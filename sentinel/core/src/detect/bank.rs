//! What a channel has learned of one regime: level, scale, and the statistics over it with their limits.

use aegis_models::Time;
use aegis_models::profile::{DataType, Direction};
use serde::{Deserialize, Serialize};

use super::channel::ChannelSpec;
use super::limit::quantile;
use super::{Obs, Statistic};

/// The share of the learning span that level and scale are fitted on; limits are learned on the rest.
const FIT_SHARE: f64 = 0.6;
/// Times MAD, it is a standard deviation on Gaussian values.
const MAD_TO_SIGMA: f64 = 1.4826;
/// A quiet channel's level follows its values this much slower than it was learned.
const ADAPT_SLOWNESS: f64 = 20.0;
/// How far the level may follow in all, from where it was learned [scales]: a fault must not become the normal.
pub(super) const DRIFT_BUDGET: f64 = 1.0;

/// Level, scale and the armed statistics of one regime.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Bank {
    pub level: f64,
    learned_level: f64,
    pub scale: f64,
    follow: f64,
    armed: Vec<Armed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Armed {
    statistic: Statistic,
    limit: f64,
    /// Values in a row beyond the limit, with the sign of their side.
    run: i16,
}

/// The loudest statistic of one value.
pub(super) struct Loudest {
    pub ratio: f64,
    /// What a person is shown: the value, or how often a flag is set.
    pub shown: f64,
    pub confirmed: bool,
    pub direction: Direction,
    pub detector: &'static str,
}

impl Loudest {
    /// Whether it says which way the channel moves.
    pub fn moves(&self) -> bool {
        matches!(self.direction, Direction::High | Direction::Low)
    }
}

impl Bank {
    /// Learns from values of one regime, in their order.
    pub fn learn(spec: &ChannelSpec, rows: &[(Time, f64)]) -> Bank {
        let fit_rows = ((rows.len() as f64 * FIT_SHARE) as usize).max(1);
        let fit: Vec<f64> = rows[..fit_rows].iter().map(|(_, x)| *x).collect();
        let level = match spec.data {
            // A flag's level is how often it is set.
            DataType::Bool => fit.iter().sum::<f64>() / fit.len() as f64,
            _ => quantile(&fit, 0.5),
        };
        let deviations: Vec<f64> = fit.iter().map(|x| (x - level).abs()).collect();
        let mut scale = MAD_TO_SIGMA * quantile(&deviations, 0.5);
        if scale == 0.0 {
            // More than half of the values are the same: take what the others say.
            scale = (deviations.iter().map(|d| d * d).sum::<f64>() / deviations.len() as f64).sqrt();
        }
        let scale = scale.max(0.5 * spec.accuracy).max(1e-6 * level.abs()).max(1e-12);
        let obs: Vec<Obs> =
            rows.iter().map(|(time, x)| Obs { time: *time, x: *x, z: (x - level) / scale }).collect();
        let armed = spec
            .watch
            .iter()
            .filter_map(|w| Statistic::new(*w, spec.data))
            .map(|mut statistic| {
                let values: Vec<f64> = obs.iter().map(|o| statistic.push(o)).collect();
                let limit = statistic.limit(&values[fit_rows.min(values.len() - 1)..], &obs).max(1e-12);
                Armed { statistic, limit, run: 0 }
            })
            .collect();
        let follow = 1.0 / (ADAPT_SLOWNESS * rows.len() as f64);
        Bank { level, learned_level: level, scale, follow, armed }
    }

    /// Takes a value and says which of its statistics is loudest.
    pub fn push(&mut self, time: Time, x: f64) -> Loudest {
        let obs = Obs { time, x, z: (x - self.level) / self.scale };
        let mut loudest =
            Loudest { ratio: 0.0, shown: x, confirmed: false, direction: Direction::High, detector: "" };
        for a in &mut self.armed {
            let value = a.statistic.push(&obs);
            let ratio = value.abs() / a.limit;
            if ratio < 1.0 {
                a.run = 0;
            } else if value > 0.0 {
                a.run = a.run.max(0).saturating_add(1);
            } else {
                a.run = a.run.min(0).saturating_sub(1);
            }
            let confirmed = a.run.unsigned_abs() >= u16::from(a.statistic.confirm());
            if (confirmed, ratio) > (loudest.confirmed, loudest.ratio) {
                let (direction, detector) = (a.statistic.direction(value), a.statistic.name());
                let shown = if matches!(a.statistic, Statistic::Flag(_)) { value } else { x };
                loudest = Loudest { ratio, shown, confirmed, direction, detector };
            }
        }
        loudest
    }

    /// The level follows a quiet channel slowly, and never further than the drift budget.
    pub fn follow(&mut self, x: f64) {
        let room = DRIFT_BUDGET * self.scale;
        self.level = (self.level + self.follow * (x - self.level))
            .clamp(self.learned_level - room, self.learned_level + room);
    }

    /// What comes next is no neighbour of what came before.
    pub fn break_off(&mut self) {
        for a in &mut self.armed {
            if let Statistic::Rate(r) = &mut a.statistic {
                r.forget();
            }
        }
    }
}
