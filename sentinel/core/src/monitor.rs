//! One machine as the sentinel sees it: its latest values, its regime, its channels and their symptoms.

mod plan;
mod symptom;

use std::time::Duration;

use aegis_models::event::Finding;
use aegis_models::profile::{Direction, Term};
use aegis_models::signal::Plans;
use aegis_models::{Burst, Frame, PointIx, Quality, Time};
use serde::{Deserialize, Serialize};

use crate::detect::spectrum::{BearingFault, diagnose_bearing};
use crate::detect::{Channel, Heard, Joint, learning_rows};

pub use plan::{MachineConfig, Plan};
pub use symptom::Symptom;
pub(crate) use symptom::figure;

/// Weight of a new value in the smoothed one.
const SMOOTHING: f64 = 0.2;
/// The name of all channels together, where a channel is named.
pub const MULTIVARIATE: &str = "multivariate";
/// The channels are looked at together no more often than this, about once a second: neighbours say the same thing.
const JOINT_PERIOD: Duration = Duration::from_millis(900);

/// What a machine's monitor remembers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Monitor {
    /// One for each of the plan's channels.
    pub channels: Vec<Channel>,
    /// The latest good value of each channel [its unit].
    pub latest: Vec<Option<f64>>,
    /// The same, smoothed over about ten values: what severity and effects are read from.
    pub smooth: Vec<Option<f64>>,
    last_good: Vec<Option<Time>>,
    /// Points whose last value was bad: what they hold now nobody knows.
    in_doubt: Vec<bool>,
    /// What the channels say together.
    #[serde(default)]
    pub joint: Joint,
    /// What they said at their last row.
    #[serde(default)]
    pub heard: Heard,
    #[serde(default)]
    joined: Option<Time>,
    /// When the last frame came.
    pub last_frame: Option<Time>,
    /// When the last frame with a good value came.
    pub last_good_frame: Option<Time>,
    regime: Option<u16>,
    /// When the machine was last told, or began, to do something else.
    changed: Option<Time>,
    /// The state point says something that the profile does not know.
    pub unknown_regime: bool,
    /// Since when it has been told to stand.
    stands_since: Option<Time>,
    /// When it has had its time after a stand or a change.
    warm_at: Option<Time>,
    /// Whether it has said that it watches.
    pub announced: bool,
    checked_stale: Time,
    /// Transforms that were made for waveforms; not remembered.
    #[serde(skip)]
    plans: Plans,
}

impl Monitor {
    /// A monitor that knows nothing yet.
    pub fn new(plan: &Plan) -> Monitor {
        let n = plan.channels.len();
        Monitor {
            channels: vec![Channel::default(); n],
            latest: vec![None; n],
            smooth: vec![None; n],
            last_good: vec![None; n],
            in_doubt: vec![false; plan.profile.points.len()],
            ..Monitor::default()
        }
    }

    /// Whether what it remembers fits the plan.
    pub fn fits(&self, plan: &Plan) -> bool {
        let n = plan.channels.len();
        self.channels.len() == n
            && self.latest.len() == n
            && self.smooth.len() == n
            && self.last_good.len() == n
            && self.in_doubt.len() == plan.profile.points.len()
            && self.joint.fits(plan.joint.len())
    }

    /// Takes a machine's values; the channels in which a claim began are pushed to `raised`.
    pub fn observe(&mut self, plan: &Plan, frame: &Frame, raised: &mut Vec<usize>) {
        let now = frame.time;
        self.last_frame = Some(now);
        let regime_was_in_doubt = plan.regime_point.is_some_and(|p| self.in_doubt[usize::from(p.0)]);
        for s in &frame.samples {
            if let Some(in_doubt) = self.in_doubt.get_mut(usize::from(s.point.0)) {
                *in_doubt = s.quality == Quality::Bad || !s.value.is_finite();
            }
        }
        if regime_was_in_doubt && !self.regime_in_doubt(plan) {
            // Whatever it did meanwhile, it may just have begun to do what it says now.
            self.changed = Some(now);
        }
        self.take_regime(plan, frame);
        self.take_setpoints(plan, frame);
        // A machine that was told to stop is not a machine that fails: only its instruments are still looked at.
        let stopped = plan.stopped_by.is_some_and(|(p, v)| {
            let told =
                frame.samples.iter().find(|s| s.point == p && s.quality == Quality::Good).map(|s| s.value);
            told.or(self.latest[usize::from(p.0)]) == Some(v)
        });
        self.warm_up(plan, frame, stopped);
        let settling = stopped
            || self.warm_at.is_some_and(|t| now < t)
            || self.regime_point_unknown(plan)
            || self.regime_in_doubt(plan)
            || self.changed.is_some_and(|t| now.since(t) < plan.settle);
        let regime = self.regime.unwrap_or(0);
        for s in &frame.samples {
            let i = usize::from(s.point.0);
            if i >= plan.profile.points.len() || s.quality == Quality::Bad || !s.value.is_finite() {
                continue;
            }
            self.last_good_frame = Some(now);
            self.last_good[i] = Some(now);
            self.take(i, s.value);
            if self.channels[i].set_stale(false, now, 0.0) {
                raised.push(i);
            }
            if !settling && self.channels[i].observe(&plan.channels[i], regime, now, s.value) {
                raised.push(i);
            }
        }
        if !settling {
            let is_new = |p: PointIx| frame.samples.iter().any(|s| s.point == p && s.quality != Quality::Bad);
            self.observe_residuals(plan, regime, now, is_new, raised);
        }
        self.heard = Heard::default();
        if !settling && !plan.joint.is_empty() {
            self.observe_joint(plan, regime, now, raised);
        }
        for record in &frame.records {
            self.observe_record(plan, regime, settling, now, record, raised);
        }
        if !settling {
            for burst in &frame.bursts {
                self.observe_burst(plan, regime, now, burst, raised);
            }
        }
        if now.since(self.checked_stale) >= Duration::from_secs(1) {
            self.checked_stale = now;
            self.find_stale(plan, now, raised);
        }
    }

    /// Whether a whole machine has said nothing for too long, or of more than half of its points nothing good: then the
    /// way to it is lost, and not each of its instruments by itself.
    pub fn silent(&self, plan: &Plan, now: Time) -> bool {
        let (stale, polled) = self.stale_points(plan, now);
        2 * stale > polled || self.last_good_frame.is_some_and(|t| now.since(t) > plan.silent_after())
    }

    /// How many of the points that ever had a value have none any more, and how many those are.
    pub fn stale_points(&self, plan: &Plan, now: Time) -> (usize, usize) {
        let polled = (0..plan.profile.points.len()).filter(|i| plan.profile.points[*i].record.is_none());
        let seen = polled.filter_map(|i| Some((i, self.last_good[i]?)));
        seen.fold((0, 0), |(stale, all), (i, t)| {
            (stale + usize::from(now.since(t) > plan.stale_after(i)), all + 1)
        })
    }

    /// The channels that are not as learned.
    pub fn symptoms(&self, plan: &Plan) -> Vec<Symptom> {
        let claims = self.channels.iter().enumerate().filter_map(|(i, c)| Some((i, c.claim.as_ref()?)));
        claims
            .map(|(channel, c)| Symptom {
                channel,
                term: Term { channel: plan.channels[channel].id.clone(), direction: c.direction },
                detector: c.detector.clone(),
                note: c.note.clone(),
                part: c.part.clone(),
                peak: c.peak,
                value: c.value,
                expected: c.expected,
                unit: plan.channels[channel].unit.clone(),
                since: c.since,
                last: c.last,
                shares: Vec::new(),
            })
            .chain(self.joint_symptom(plan))
            .collect()
    }

    /// What all channels together claim; its place is behind theirs.
    fn joint_symptom(&self, plan: &Plan) -> Option<Symptom> {
        let a = self.joint.alarm.as_ref()?;
        let spec = |column: usize| &plan.channels[plan.joint[column]];
        Some(Symptom {
            channel: plan.channels.len(),
            term: Term {
                channel: MULTIVARIATE.to_owned(),
                direction: if a.value < a.expected { Direction::Low } else { Direction::High },
            },
            detector: a.statistic.clone(),
            note: String::new(),
            part: String::new(),
            peak: a.peak,
            value: a.value,
            expected: a.expected,
            unit: spec(a.shares.first()?.0).unit.clone(),
            since: a.since,
            last: a.last,
            shares: a.shares.iter().map(|(c, s)| (spec(*c).id.clone(), *s)).collect(),
        })
    }

    /// The finding that a claim of that channel makes.
    pub fn finding(&self, plan: &Plan, channel: usize) -> Option<Finding> {
        let symptom = self.symptoms(plan).into_iter().find(|s| s.channel == channel)?;
        Some(Finding {
            machine: plan.name.clone(),
            channel: symptom.term.channel.clone(),
            detector: symptom.detector.clone(),
            direction: symptom.term.direction,
            value: symptom.value,
            expected: symptom.expected,
            ratio: symptom.peak,
            text: symptom.text(),
        })
    }

    /// Channels with a baseline, once every watched point that has had values has one.
    pub fn ready(&self, plan: &Plan) -> Option<u32> {
        let watched = || self.channels.iter().zip(&plan.channels).filter(|(_, s)| !s.watch.is_empty());
        let ready = watched().filter(|(c, _)| c.judges()).count();
        (ready > 0 && watched().all(|(c, s)| c.judges() || s.only.is_some())).then_some(ready as u32)
    }

    fn take(&mut self, channel: usize, x: f64) {
        self.latest[channel] = Some(x);
        let smooth = self.smooth[channel].unwrap_or(x);
        self.smooth[channel] = Some(smooth + SMOOTHING * (x - smooth));
    }

    /// The process restarts after a stop: nothing is stale before it had time to come again.
    pub fn resume(&mut self, now: Time) {
        for t in self.last_good.iter_mut().chain([&mut self.last_good_frame, &mut self.last_frame]).flatten()
        {
            *t = now;
        }
        self.break_off();
    }

    /// What comes next is no neighbour of what came before.
    pub fn break_off(&mut self) {
        self.channels.iter_mut().for_each(Channel::regime_changed);
        self.joint.forget();
    }

    fn regime_point_unknown(&self, plan: &Plan) -> bool {
        plan.regime_point.is_some() && (self.regime.is_none() || self.unknown_regime)
    }

    /// A value is held against what is normal for what the machine is doing: while that is in doubt, so is this.
    fn regime_in_doubt(&self, plan: &Plan) -> bool {
        plan.regime_point.is_some_and(|p| self.in_doubt[usize::from(p.0)])
    }

    fn take_regime(&mut self, plan: &Plan, frame: &Frame) {
        let Some(point) = plan.regime_point else { return };
        let Some(s) = frame.samples.iter().find(|s| s.point == point && s.quality == Quality::Good) else {
            return;
        };
        let told = s.value as u16;
        self.unknown_regime = f64::from(told) != s.value || !plan.regimes.contains(&told);
        if !self.unknown_regime && self.regime != Some(told) {
            self.regime = Some(told);
            self.changed = Some(frame.time);
            self.break_off();
        }
    }

    /// What has stood, or does something else, needs its time: told before the frame's values are taken.
    fn warm_up(&mut self, plan: &Plan, frame: &Frame, stopped: bool) {
        let (now, (span, after)) = (frame.time, &plan.warm_up);
        match (stopped, self.stands_since) {
            (true, None) => self.stands_since = Some(now),
            (false, Some(since)) => {
                self.stands_since = None;
                self.warm_at = Some(now.after((2 * now.since(since)).min(*span)));
            }
            _ => {}
        }
        let moved = |s: &aegis_models::Sample| {
            s.quality == Quality::Good
                && after.contains(&s.point)
                && self.latest[usize::from(s.point.0)].is_some_and(|before| before != s.value)
        };
        if frame.samples.iter().any(moved) {
            self.warm_at = self.warm_at.max(Some(now.after(*span)));
        }
    }

    /// A machine that is told something else moves for a while: that is no fault, whoever told it.
    fn take_setpoints(&mut self, plan: &Plan, frame: &Frame) {
        for s in
            frame.samples.iter().filter(|s| s.quality == Quality::Good && plan.setpoints.contains(&s.point))
        {
            if self.latest[usize::from(s.point.0)].is_some_and(|before| before != s.value) {
                self.changed = Some(frame.time);
                self.break_off();
            }
        }
    }

    /// A row of all channels, once each has a value and none is in doubt.
    fn observe_joint(&mut self, plan: &Plan, regime: u16, now: Time, raised: &mut Vec<usize>) {
        if self.joined.is_some_and(|t| now.since(t) < JOINT_PERIOD) {
            return;
        }
        let row: Option<Vec<f64>> = plan.joint.iter().map(|c| self.latest[*c]).collect();
        let Some(row) = row else { return };
        self.joined = Some(now);
        let learn = learning_rows(plan.profile.calibration.min_samples);
        self.heard = self.joint.observe(regime, now, &row, learn);
        if self.heard.began {
            raised.push(plan.channels.len());
        }
    }

    fn observe_residuals(
        &mut self,
        plan: &Plan,
        regime: u16,
        now: Time,
        is_new: impl Fn(PointIx) -> bool,
        raised: &mut Vec<usize>,
    ) {
        for (k, law) in plan.residuals.iter().enumerate() {
            if !is_new(law.trigger) {
                continue;
            }
            let i = plan.profile.points.len() + k;
            // A law over values of different moments says nothing.
            let value = law
                .value(&self.latest)
                .filter(|_| !law.inputs().iter().any(|p| self.in_doubt[usize::from(p.0)]));
            self.latest[i] = value;
            let Some(x) = value else { continue };
            self.take(i, x);
            if self.channels[i].observe(&plan.channels[i], regime, now, x) {
                raised.push(i);
            }
        }
    }

    fn observe_record(
        &mut self,
        plan: &Plan,
        regime: u16,
        settling: bool,
        now: Time,
        record: &aegis_models::Record,
        raised: &mut Vec<usize>,
    ) {
        let Some(fields) = plan.record_fields.get(usize::from(record.kind)) else { return };
        for (p, x) in fields.iter().zip(&record.values) {
            let i = usize::from(p.0);
            // A happening that yields no value for a field (no strength without a bond) leaves none behind.
            self.latest[i] = None;
            if !x.is_finite() {
                continue;
            }
            self.take(i, *x);
            if !settling && self.channels[i].observe(&plan.channels[i], regime, now, *x) {
                raised.push(i);
            }
        }
        if !settling {
            self.observe_residuals(plan, regime, now, |p| fields.contains(&p), raised);
        }
    }

    /// A waveform whose shaft's speed is known becomes a value of its channel: the strongest family of the bearing's lines
    /// over its limit. One that cannot be analysed (too few turns, a dead sensor) says nothing.
    fn observe_burst(&mut self, plan: &Plan, regime: u16, now: Time, burst: &Burst, raised: &mut Vec<usize>) {
        let kind = usize::from(burst.kind);
        let Some((speed, bearing)) = plan.bursts.get(kind) else { return };
        let i = plan.profile.points.len() + plan.residuals.len() + kind;
        let judged = plan.channels[i].only.as_ref().is_none_or(|o| o.contains(&regime));
        let speed = usize::from(speed.0);
        let Some(rpm) = self.latest[speed].filter(|_| judged && !self.in_doubt[speed]) else { return };
        let Ok(v) = diagnose_bearing(&mut self.plans, &burst.values, burst.rate_hz, rpm, bearing) else {
            return;
        };
        let (ratio, part) = match v.fault {
            // Lines of several families may each stand below what they mean together, and the other way round.
            BearingFault::None => (v.ratio.min(0.99), ""),
            BearingFault::Inner => (v.ratio.max(1.0), "the inner race"),
            BearingFault::Outer => (v.ratio.max(1.0), "the outer race"),
            BearingFault::Ball => (v.ratio.max(1.0), "a rolling element or the cage"),
        };
        self.take(i, ratio);
        if self.channels[i].observe_waveform(now, ratio, part, v.evidence.join("; ")) {
            raised.push(i);
        }
    }

    fn find_stale(&mut self, plan: &Plan, now: Time, raised: &mut Vec<usize>) {
        for (i, point) in plan.profile.points.iter().enumerate() {
            // A field has a value only when its happening ends, and a point that never had one is not lost.
            let Some(last) = self.last_good[i].filter(|_| point.record.is_none()) else { continue };
            let silent = now.since(last);
            if silent > plan.stale_after(i) && self.channels[i].set_stale(true, now, silent.as_secs_f64()) {
                raised.push(i);
            }
        }
    }
}

#[cfg(test)]
mod tests;
