//! Faults as data: what, where, from when, how fast, how much, how long.

use std::time::Duration;

use aegis_models::{PointIx, Time};

/// One fault of one machine over time.
///
/// ```text
/// magnitude |          ____________
///           |        /             |
///         0 |______/               |______
///                  ^onset  ^+ramp  ^onset + duration
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FaultPlan {
    /// The machine's place in the site.
    pub machine: usize,
    /// Its name in scenario files.
    pub name: String,
    /// What it acts on.
    pub layer: Layer,
    /// When it begins.
    pub onset: Time,
    /// How long it grows until it has its full size.
    pub ramp: Duration,
    /// When it ends, counted from the onset; none for never.
    pub duration: Option<Duration>,
    /// Its full size, in the fault's own unit.
    pub magnitude: f64,
}

/// What a fault acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The machine's own physics.
    Process,
    /// One of its instruments.
    Sensor(PointIx, SensorFault),
    /// Its wire: the machine itself knows nothing of it.
    Link,
}

/// What can be wrong with an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SensorFault {
    /// It shows the value of the onset for ever.
    Stuck,
    /// It shows so much too much.
    Bias,
    /// The same, growing over the ramp.
    Drift,
    /// It shows nothing.
    Dropout,
}

impl SensorFault {
    /// Every instrument fault with its name in scenario files and what it looks like.
    pub const ALL: [(&'static str, SensorFault, &'static str); 4] = [
        ("sensor_stuck", SensorFault::Stuck, "the instrument shows the value of the onset for ever"),
        ("sensor_bias", SensorFault::Bias, "the instrument shows `magnitude` [the point's unit] too much"),
        (
            "sensor_drift",
            SensorFault::Drift,
            "the instrument's error grows over `ramp` to `magnitude` [the point's unit]",
        ),
        ("sensor_dropout", SensorFault::Dropout, "the instrument shows nothing: its quality is bad"),
    ];

    /// The instrument fault of that name.
    pub fn find(name: &str) -> Option<SensorFault> {
        SensorFault::ALL.iter().find(|(n, ..)| *n == name).map(|(_, f, _)| *f)
    }
}

impl FaultPlan {
    /// Its size at that moment; zero before and after.
    pub fn level(&self, now: Time) -> f64 {
        if now < self.onset || self.duration.is_some_and(|d| now >= self.onset.after(d)) {
            return 0.0;
        }
        if self.ramp.is_zero() {
            return self.magnitude;
        }
        self.magnitude * (now.since(self.onset).as_secs_f64() / self.ramp.as_secs_f64()).min(1.0)
    }

    /// Whether it is at work at that moment, however small.
    pub fn active(&self, now: Time) -> bool {
        now >= self.onset && self.duration.is_none_or(|d| now < self.onset.after(d))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_grows_stays_and_ends() {
        let plan = FaultPlan {
            machine: 0,
            name: "filter_clog".into(),
            layer: Layer::Process,
            onset: Time::from_secs(100),
            ramp: Duration::from_secs(10),
            duration: Some(Duration::from_secs(50)),
            magnitude: 2.0,
        };
        let at = |s| plan.level(Time::from_secs(s));
        assert_eq!([at(99), at(100), at(105), at(110), at(149), at(150)], [0.0, 0.0, 1.0, 2.0, 2.0, 0.0]);
        assert!(plan.active(Time::from_secs(100)) && !plan.active(Time::from_secs(150)));
    }
}
