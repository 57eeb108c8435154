//! One channel: learns level, scale and limits for each regime, then holds every value against them.

use std::time::Duration;

use aegis_models::Time;
use aegis_models::profile::{DataType, Direction, Watch};
use serde::{Deserialize, Serialize};

use super::bank::{Bank, Loudest};

/// Samples that a channel keeps while it learns, at most: ten minutes at 10 Hz.
const LEARNING_SAMPLES: usize = 6_000;
/// Below this share of every limit a channel is quiet, and its level may follow.
const QUIET: f64 = 0.5;
/// What lies within its tolerance is no nearer to a claim than this.
const TOLERATED: f64 = 0.55;
/// Values in a row that must be calm before a symptom ends.
const CALM_SAMPLES: u32 = 10;

/// What a channel is and how it is watched.
#[derive(Clone, Debug)]
pub struct ChannelSpec {
    /// The point's or residual's name.
    pub id: String,
    /// [unit].
    pub unit: String,
    /// How the device holds it.
    pub data: DataType,
    /// The statistics over it.
    pub watch: Vec<Watch>,
    /// The instrument's repeatability [unit]; no scale is taken below half of it.
    pub accuracy: f64,
    /// How far it may lie from its level without meaning anything [unit].
    pub tolerance: f64,
    /// The instrument's range; residuals have none.
    pub range: Option<[f64; 2]>,
    /// The regimes it is judged in; none for all.
    pub only: Option<Vec<u16>>,
    /// Learning span, in sample time within one regime.
    pub span: Duration,
    /// The fewest samples that make a baseline.
    pub min_samples: u32,
}

/// A channel's learned state and its present symptom.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Channel {
    models: Vec<(u16, Model)>,
    /// What is wrong with it now.
    pub claim: Option<Claim>,
    outside: u32,
}

/// What a channel claims.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Which way.
    pub direction: Direction,
    /// The statistic that spoke loudest.
    pub detector: String,
    /// The channel's value then [unit].
    pub value: f64,
    /// The level it should have [unit].
    pub expected: f64,
    /// The statistic's value over its limit, now.
    pub ratio: f64,
    /// The largest that ratio has been.
    pub peak: f64,
    /// When it began.
    pub since: Time,
    /// When it was last beyond its limit.
    pub last: Time,
    /// Values beyond the limit so far.
    pub count: u64,
    /// What a waveform shows, in words; empty for what is no waveform's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// What is at fault, in words that stay the same while it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
    calm: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Model {
    Learning(Vec<(Time, f64)>),
    Judging(Box<Bank>),
}

impl Channel {
    /// Whether any regime has a baseline.
    pub fn judges(&self) -> bool {
        self.models.iter().any(|(_, m)| matches!(m, Model::Judging(_)))
    }

    /// The learned level and scale of a regime [the channel's unit].
    pub fn baseline(&self, regime: u16) -> Option<(f64, f64)> {
        match self.models.iter().find(|(r, _)| *r == regime)? {
            (_, Model::Judging(b)) => Some((b.level, b.scale)),
            _ => None,
        }
    }

    /// How near the channel is to a claim, from 0 (calm) over 1 (at a limit) upwards.
    pub fn ratio(&self) -> f64 {
        self.claim.as_ref().map_or(0.0, |c| c.ratio)
    }

    /// Takes a good value. True when a claim begins, with this value.
    pub fn observe(&mut self, spec: &ChannelSpec, regime: u16, time: Time, x: f64) -> bool {
        if let Some([low, high]) = spec.range {
            if !(low..=high).contains(&x) {
                return self.out_of_range(time, x, if x < low { low } else { high });
            }
            self.outside = 0;
        }
        // What is not judged proves nothing: a claim from another regime stands until that regime comes again.
        if spec.watch.is_empty() || spec.only.as_ref().is_some_and(|o| !o.contains(&regime)) {
            self.end_range_claim();
            return false;
        }
        let at = match self.models.iter().position(|(r, _)| *r == regime) {
            Some(at) => at,
            None => {
                self.models.push((regime, Model::Learning(Vec::new())));
                self.models.len() - 1
            }
        };
        match &mut self.models[at].1 {
            Model::Learning(rows) => {
                rows.push((time, x));
                let (first, _) = rows[0];
                let enough = rows.len() >= spec.min_samples as usize && time.since(first) >= spec.span;
                if enough || rows.len() >= LEARNING_SAMPLES.max(spec.min_samples as usize) {
                    let bank = Bank::learn(spec, rows);
                    self.models[at].1 = Model::Judging(Box::new(bank));
                }
                self.end_range_claim();
                false
            }
            Model::Judging(bank) => {
                let mut loudest = bank.push(time, x);
                if loudest.moves() && (x - bank.level).abs() < spec.tolerance {
                    (loudest.ratio, loudest.confirmed) = (loudest.ratio.min(TOLERATED), false);
                }
                if loudest.ratio < QUIET && self.claim.is_none() && spec.data != DataType::Bool {
                    bank.follow(x);
                }
                let level = bank.level;
                self.judge(&loudest, level, time)
            }
        }
    }

    /// Ends learning in every regime with what there is.
    pub fn end_learning(&mut self, spec: &ChannelSpec) {
        for (_, model) in &mut self.models {
            if let Model::Learning(rows) = model
                && rows.len() >= 2
            {
                *model = Model::Judging(Box::new(Bank::learn(spec, rows)));
            }
        }
    }

    /// Another regime has begun: neighbours before and after are not compared.
    pub fn regime_changed(&mut self) {
        for (_, model) in &mut self.models {
            if let Model::Judging(bank) = model {
                bank.break_off();
            }
        }
    }

    /// No good value has come for too long, or one has come again.
    pub fn set_stale(&mut self, stale: bool, time: Time, silent_for: f64) -> bool {
        let is = self.claim.as_ref().is_some_and(|c| c.direction == Direction::Stale);
        match (stale, is) {
            (true, false) => {
                self.claim = Some(Claim::new(Direction::Stale, "stale", silent_for, 0.0, 1.0, time));
                true
            }
            (false, true) => {
                self.claim = None;
                false
            }
            _ => {
                if let Some(c) = self.claim.as_mut().filter(|_| stale) {
                    (c.last, c.value) = (time, silent_for);
                }
                false
            }
        }
    }

    /// Takes what a waveform's analysis says, which knows its own limit: a ratio of 1. A waveform is a long average by
    /// itself, so that one is enough to claim and two to withdraw. True when a claim begins.
    pub fn observe_waveform(&mut self, time: Time, ratio: f64, part: &str, note: String) -> bool {
        let loudest = Loudest {
            ratio,
            shown: ratio,
            confirmed: ratio >= 1.0,
            direction: Direction::High,
            detector: "spectrum",
        };
        let begins = self.judge(&loudest, 1.0, time);
        if let Some(claim) = self.claim.as_mut() {
            if loudest.confirmed {
                (claim.note, claim.part) = (note, part.to_owned());
            } else if claim.calm == 1 {
                claim.calm += CALM_SAMPLES - 2;
            }
        }
        begins
    }

    fn out_of_range(&mut self, time: Time, x: f64, bound: f64) -> bool {
        self.outside += 1;
        match &mut self.claim {
            Some(c) if c.direction == Direction::OutOfRange => {
                (c.last, c.value, c.calm) = (time, x, 0);
                c.count += 1;
                false
            }
            // Three in a row, as for any single value.
            _ if self.outside < 3 => false,
            _ => {
                self.claim = Some(Claim::new(Direction::OutOfRange, "range", x, bound, 2.0, time));
                true
            }
        }
    }

    fn judge(&mut self, loudest: &Loudest, level: f64, time: Time) -> bool {
        let Some(claim) = &mut self.claim else {
            if !loudest.confirmed {
                return false;
            }
            let Loudest { direction, detector, ratio, shown, .. } = *loudest;
            self.claim = Some(Claim::new(direction, detector, shown, level, ratio, time));
            return true;
        };
        if loudest.confirmed {
            // The loudest statistic tells which way; range and staleness end on their own terms.
            let turned = claim.direction != loudest.direction;
            claim.direction = loudest.direction;
            claim.count += 1;
            claim.last = time;
            claim.calm = 0;
            claim.ratio = loudest.ratio;
            if loudest.ratio > claim.peak || turned {
                claim.peak = claim.peak.max(loudest.ratio);
                claim.value = loudest.shown;
                claim.expected = level;
                loudest.detector.clone_into(&mut claim.detector);
            }
            return turned;
        }
        self.settle_claim(loudest.ratio);
        false
    }

    /// A value that is within the instrument's range, and not judged further, ends a claim of its being outside.
    fn end_range_claim(&mut self) {
        if self.claim.as_ref().is_some_and(|c| c.direction == Direction::OutOfRange) {
            self.settle_claim(0.0);
        }
    }

    /// Counts a calm value; enough of them end the claim. What was barely beyond its limit must fall well below it, or
    /// it would come and go; what was far beyond need only come back within.
    fn settle_claim(&mut self, ratio: f64) {
        let Some(claim) = &mut self.claim else { return };
        claim.ratio = ratio;
        let clear_level = (0.3 * claim.peak).clamp(0.6, 0.95);
        claim.calm = if ratio < clear_level { claim.calm + 1 } else { 0 };
        if claim.calm >= CALM_SAMPLES {
            self.claim = None;
        }
    }
}

impl Claim {
    fn new(direction: Direction, detector: &str, value: f64, expected: f64, ratio: f64, time: Time) -> Claim {
        Claim {
            direction,
            detector: detector.to_owned(),
            value,
            expected,
            ratio,
            peak: ratio,
            since: time,
            last: time,
            count: 1,
            note: String::new(),
            part: String::new(),
            calm: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bank::DRIFT_BUDGET;
    use super::*;
    use aegis_models::Seed;

    fn spec() -> ChannelSpec {
        ChannelSpec {
            id: "airflow".into(),
            unit: "m3/h".into(),
            data: DataType::F32,
            watch: vec![Watch::Level, Watch::Rate, Watch::Ewma, Watch::Shift, Watch::Stuck],
            accuracy: 1.0,
            tolerance: 0.0,
            range: Some([0.0, 2_000.0]),
            only: None,
            span: Duration::from_secs(600),
            min_samples: 100,
        }
    }

    /// Feeds `seconds` of noise around what `level` says and returns when the first claim began, and the claim.
    fn watch(
        channel: &mut Channel,
        from: u64,
        seconds: u64,
        level: impl Fn(u64) -> f64,
    ) -> Option<(u64, Claim)> {
        let mut rng = Seed(from).stream("noise");
        let mut first = None;
        for s in from..from + seconds {
            let x = level(s) + 5.0 * rng.normal();
            if channel.observe(&spec(), 0, Time::from_secs(s), x) && first.is_none() {
                first = Some((s - from, channel.claim.clone().unwrap()));
            }
        }
        first
    }

    #[test]
    fn a_waveform_claims_at_once_and_withdraws_after_two() {
        let mut c = Channel::default();
        let at = Time::from_secs;
        assert!(!c.observe_waveform(at(0), 0.5, "", String::new()) && c.claim.is_none());
        assert!(c.observe_waveform(at(600), 2.0, "the outer race", "BPFO".to_owned()));
        assert!(!c.observe_waveform(at(1_200), 3.0, "the outer race", "BPFO".to_owned()));
        let claim = c.claim.clone().unwrap();
        assert_eq!((claim.part.as_str(), claim.peak, claim.count), ("the outer race", 3.0, 2));
        c.observe_waveform(at(1_800), 0.3, "", String::new());
        assert_eq!(c.claim.as_ref().unwrap().part, "the outer race", "one quiet waveform is not enough");
        c.observe_waveform(at(2_400), 0.3, "", String::new());
        assert!(c.claim.is_none());
    }

    #[test]
    fn a_quiet_day_raises_nothing_and_each_fault_shape_is_seen() {
        let mut healthy = Channel::default();
        assert_eq!(watch(&mut healthy, 0, 86_400, |_| 1_000.0), None);
        type Shape = fn(u64) -> f64;
        let cases: [(&str, Shape, u64); 4] = [
            ("a jump of ten scales", |_| 1_050.0, 5),
            ("a jump of two scales", |_| 1_010.0, 60),
            ("a drift of one scale in ten minutes", |s| 1_000.0 + (s % 86_400) as f64 / 120.0, 1_500),
            ("a fall", |_| 985.0, 60),
        ];
        for (what, shape, within) in cases {
            let (after, claim) = watch(&mut healthy.clone(), 86_400, 3_600, shape)
                .unwrap_or_else(|| panic!("{what} is missed"));
            assert!(after <= within, "{what}: {after} s");
            let up = shape(86_400 + 3_000) > 1_000.0;
            assert_eq!(claim.direction, if up { Direction::High } else { Direction::Low }, "{what}");
        }
    }

    #[test]
    fn a_fault_is_not_learned_as_normal() {
        let mut channel = Channel::default();
        watch(&mut channel, 0, 3_600, |_| 1_000.0);
        watch(&mut channel, 3_600, 86_400, |_| 1_012.0);
        let (level, scale) = channel.baseline(0).unwrap();
        assert!((level - 1_000.0).abs() < DRIFT_BUDGET * scale, "{level}");
        assert!(channel.claim.is_some(), "a day later it still stands");
    }

    #[test]
    fn a_dead_value_and_an_impossible_one_are_symptoms_of_their_own() {
        let mut channel = Channel::default();
        watch(&mut channel, 0, 3_600, |_| 1_000.0);
        let mut dead = channel.clone();
        for s in 3_600..3_800 {
            dead.observe(&spec(), 0, Time::from_secs(s), 1_001.5);
        }
        assert_eq!(dead.claim.unwrap().direction, Direction::Stuck);
        for s in 3_600..3_603 {
            channel.observe(&spec(), 0, Time::from_secs(s), 9_999.0);
        }
        assert_eq!(channel.claim.unwrap().direction, Direction::OutOfRange);
    }

    #[test]
    fn one_wild_value_is_no_symptom() {
        let mut channel = Channel::default();
        watch(&mut channel, 0, 3_600, |_| 1_000.0);
        assert!(!channel.observe(&spec(), 0, Time::from_secs(3_600), 1_900.0));
        assert_eq!(watch(&mut channel, 3_601, 600, |_| 1_000.0), None);
    }
}
