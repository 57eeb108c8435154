//! One machine as the sentinel sees it: its latest values, its regime, its channels and their symptoms.

use std::sync::Arc;
use std::time::Duration;

use aegis_models::event::Finding;
use aegis_models::profile::{DataType, Direction, Role, Term};
use aegis_models::{Frame, PointIx, Profile, Quality, Time};
use serde::{Deserialize, Serialize};

use crate::detect::residual::Bound;
use crate::detect::{Channel, ChannelSpec, Heard, Joint, learning_rows};

/// A point is stale after this many of its periods without a good value, and never before its machine's patience ends.
const STALE_PERIODS: u32 = 5;
/// Weight of a new value in the smoothed one.
const SMOOTHING: f64 = 0.2;
/// The name of all channels together, where a channel is named.
pub const MULTIVARIATE: &str = "multivariate";
/// The channels are looked at together no more often than this, about once a second: neighbours say the same thing.
const JOINT_PERIOD: Duration = Duration::from_millis(900);

/// One machine to watch.
#[derive(Clone)]
pub struct MachineConfig {
    /// Its name in the site.
    pub name: String,
    /// Its kind's profile.
    pub profile: Arc<Profile>,
    /// Nothing is stale sooner than this without a good value: what its link may need to answer, or to give up.
    pub patience: Duration,
}

impl MachineConfig {
    /// A machine on a prompt link.
    pub fn new(name: String, profile: Arc<Profile>) -> MachineConfig {
        MachineConfig { name, profile, patience: Duration::from_secs(5) }
    }
}

/// What never changes about a machine while an agent runs.
pub struct Plan {
    /// The machine's name in the site.
    pub name: String,
    /// Its kind's profile.
    pub profile: Arc<Profile>,
    /// Points first, then residuals.
    pub channels: Vec<ChannelSpec>,
    /// The laws over its points, in the order of the residual channels.
    pub residuals: Vec<Bound>,
    /// The channels of its wearing parts, and where each ends.
    pub lives: Vec<(usize, f64)>,
    /// The channels that are judged together; none when the profile does not ask for it.
    pub joint: Vec<usize>,
    record_fields: Vec<Vec<PointIx>>,
    regime_point: Option<PointIx>,
    regimes: Vec<u16>,
    setpoints: Vec<PointIx>,
    /// The machine does nothing while this point has this value.
    stopped_by: Option<(PointIx, f64)>,
    settle: Duration,
    patience: Duration,
}

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
    /// Whether it has said that it watches.
    pub announced: bool,
    checked_stale: Time,
}

/// A channel's present departure, as diagnosis and people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Symptom {
    /// The place of its channel: points first, then residuals.
    pub channel: usize,
    /// The channel and which way it moves.
    pub term: Term,
    /// The statistic that spoke loudest.
    pub detector: String,
    /// The statistic's value over its limit at its worst.
    pub peak: f64,
    /// The channel's value at its worst [its unit].
    pub value: f64,
    /// The level it should have [its unit].
    pub expected: f64,
    /// Its unit.
    pub unit: String,
    /// When it began.
    pub since: Time,
    /// When it was last beyond its limit.
    pub last: Time,
    /// Of all channels together: those it comes from, most first, with their shares.
    pub shares: Vec<(String, f64)>,
}

impl Symptom {
    /// In words a technician accepts.
    pub fn text(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let name = &self.term.channel;
        if let Some((first, share)) = self.shares.first() {
            let others: Vec<String> =
                self.shares[1..].iter().map(|(n, s)| format!("{n} ({:.0} %)", 100.0 * s)).collect();
            let more =
                if others.is_empty() { String::new() } else { format!(", then {}", others.join(", ")) };
            return format!(
                "{} of all channels at {:.1} times its limit since {}, most from {first} ({:.0} %): {}{unit} against \
                 {}{unit} where its level would be{more}",
                self.detector,
                self.peak,
                self.since,
                100.0 * share,
                figure(self.value),
                figure(self.expected),
            );
        }
        match self.term.direction {
            Direction::Stale => format!("{name}: no good value for {:.0} s", self.value),
            Direction::Stuck => {
                format!("{name} stands still at {}{unit} since {}", figure(self.value), self.since)
            }
            Direction::OutOfRange => format!(
                "{name} at {}{unit} is beyond the instrument's range, which ends at {}{unit}",
                figure(self.value),
                figure(self.expected)
            ),
            way => format!(
                "{name} is {way}: {}{unit} against {}{unit} as learned, {} at {:.1} times its limit since {}",
                figure(self.value),
                figure(self.expected),
                self.detector,
                self.peak,
                self.since
            ),
        }
    }
}

/// The channels that are judged together: those that are watched in every regime and have a value all the time.
fn joint(profile: &Profile, channels: &[ChannelSpec]) -> Vec<usize> {
    if !profile.calibration.multivariate {
        return Vec::new();
    }
    let steady = |i: usize| profile.points.get(i).is_none_or(|p| p.record.is_none());
    let fits = |(i, c): &(usize, &ChannelSpec)| {
        !c.watch.is_empty() && c.only.is_none() && c.data != DataType::Bool && steady(*i)
    };
    channels.iter().enumerate().filter(fits).map(|(i, _)| i).collect()
}

/// Four significant digits, as an instrument would show.
pub(crate) fn figure(x: f64) -> String {
    let size = x.abs();
    if size >= 1e6 || (size > 0.0 && size < 1e-3) {
        format!("{x:.2e}")
    } else if size >= 1_000.0 {
        format!("{x:.0}")
    } else if size >= 10.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.3}")
    }
}

impl Plan {
    /// What is made of a machine's configuration.
    pub fn new(config: MachineConfig) -> Plan {
        let MachineConfig { name, profile, patience } = config;
        let regimes_of = |names: &[String]| {
            (!names.is_empty()).then(|| {
                let all = &profile.regime.as_ref().expect("checked with the profile").names;
                all.iter().filter(|(_, n)| names.contains(n)).filter_map(|(k, _)| k.parse().ok()).collect()
            })
        };
        let (span, min_samples) = (profile.calibration.span.0, profile.calibration.min_samples);
        let points = profile.points.iter().map(|p| ChannelSpec {
            id: p.id.clone(),
            unit: p.unit.clone(),
            data: p.data,
            watch: p.watch.clone(),
            accuracy: p.accuracy,
            tolerance: p.tolerance,
            range: Some(p.range),
            only: regimes_of(&p.only),
            span,
            min_samples,
        });
        let residuals = profile.residuals.iter().map(|r| ChannelSpec {
            id: r.id.clone(),
            unit: r.unit.clone(),
            data: Default::default(),
            watch: r.watch.clone(),
            accuracy: r.accuracy,
            tolerance: r.tolerance,
            range: None,
            only: regimes_of(&r.only),
            span,
            min_samples,
        });
        let channels: Vec<ChannelSpec> = points.chain(residuals).collect();
        let lives = profile.lives.iter();
        let place = |id: &str| channels.iter().position(|c| c.id == id).expect("checked with the profile");
        let lives = lives.map(|l| (place(&l.channel), l.end)).collect();
        let regime = profile.regime.as_ref();
        Plan {
            name,
            lives,
            joint: joint(&profile, &channels),
            channels,
            residuals: Bound::all(&profile),
            record_fields: profile
                .records
                .iter()
                .map(|r| r.fields.iter().filter_map(|f| profile.point_ix(f)).collect())
                .collect(),
            regime_point: regime.and_then(|r| profile.point_ix(&r.point)),
            regimes: regime.map_or(vec![], |r| r.names.keys().filter_map(|k| k.parse().ok()).collect()),
            setpoints: profile
                .points
                .iter()
                .enumerate()
                .filter(|(_, p)| p.role == Role::Setpoint)
                .map(|(i, _)| PointIx(i as u16))
                .collect(),
            stopped_by: profile.stop.as_ref().and_then(|s| Some((profile.point_ix(&s.point)?, s.value))),
            settle: profile.settle.0,
            patience,
            profile,
        }
    }

    /// The place of the channel of that name.
    pub fn channel(&self, id: &str) -> Option<usize> {
        self.channels.iter().position(|c| c.id == id)
    }

    fn stale_after(&self, point: usize) -> Duration {
        (self.profile.points[point].period.0 * STALE_PERIODS).max(self.patience)
    }

    /// After this long without a frame the whole machine is stale.
    pub fn silent_after(&self) -> Duration {
        let polled = self.profile.points.iter().enumerate().filter(|(_, p)| p.record.is_none());
        polled.map(|(i, _)| self.stale_after(i)).min().unwrap_or(self.patience)
    }
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
        let settling = stopped
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
