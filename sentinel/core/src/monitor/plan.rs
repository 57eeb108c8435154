//! What never changes about a watched machine.

use std::sync::Arc;
use std::time::Duration;

use aegis_models::physics::bearing::Bearing;
use aegis_models::profile::{DataType, Role};
use aegis_models::{PointIx, Profile};

use crate::detect::ChannelSpec;
use crate::detect::residual::Bound;

/// A point is stale after this many of its periods without a good value, and never before its machine's patience ends.
const STALE_PERIODS: u32 = 5;

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
    /// Points first, then residuals, then what waveforms are judged by.
    pub channels: Vec<ChannelSpec>,
    /// The laws over its points, in the order of the residual channels.
    pub residuals: Vec<Bound>,
    /// The channels of its wearing parts, and where each ends.
    pub lives: Vec<(usize, f64)>,
    /// The channels that are judged together; none when the profile does not ask for it.
    pub joint: Vec<usize>,
    pub(super) record_fields: Vec<Vec<PointIx>>,
    /// For each kind of waveform, the point that tells the shaft's speed, and the bearing.
    pub(super) bursts: Vec<(PointIx, Bearing)>,
    pub(super) regime_point: Option<PointIx>,
    pub(super) regimes: Vec<u16>,
    pub(super) setpoints: Vec<PointIx>,
    /// The machine does nothing while this point has this value.
    pub(super) stopped_by: Option<(PointIx, f64)>,
    pub(super) settle: Duration,
    /// How long it takes after a stop, and after which points have changed.
    pub(super) warm_up: (Duration, Vec<PointIx>),
    patience: Duration,
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
        let bursts = profile.bursts.iter().map(|b| ChannelSpec {
            id: b.channel.clone(),
            unit: String::new(),
            data: Default::default(),
            // Its limit is its own: nothing is learned.
            watch: vec![],
            accuracy: 0.0,
            tolerance: 0.0,
            range: None,
            only: regimes_of(&b.only),
            span,
            min_samples,
        });
        let channels: Vec<ChannelSpec> = points.chain(residuals).chain(bursts).collect();
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
            bursts: profile
                .bursts
                .iter()
                .filter_map(|b| Some((profile.point_ix(&b.speed)?, b.bearing.bearing())))
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
            warm_up: profile.warm_up.as_ref().map_or_else(Default::default, |w| {
                (w.span.0, w.after.iter().filter_map(|id| profile.point_ix(id)).collect())
            }),
            patience,
            profile,
        }
    }

    /// The place of the channel of that name.
    pub fn channel(&self, id: &str) -> Option<usize> {
        self.channels.iter().position(|c| c.id == id)
    }

    /// After this long without a good value a point is stale.
    pub(super) fn stale_after(&self, point: usize) -> Duration {
        (self.profile.points[point].period.0 * STALE_PERIODS).max(self.patience)
    }

    /// After this long without a frame the whole machine is stale.
    pub fn silent_after(&self) -> Duration {
        let polled = self.profile.points.iter().enumerate().filter(|(_, p)| p.record.is_none());
        polled.map(|(i, _)| self.stale_after(i)).min().unwrap_or(self.patience)
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
