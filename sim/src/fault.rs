//! Faults as data: what, where, from when, how fast, how much, how long, and how steadily.

use std::time::Duration;

use aegis_models::{PointIx, ThreatKind, Time};

/// One fault of one machine over time. Any number may act on a machine at once.
///
/// ```text
/// magnitude |          ____________                 |          __    __    __
///           |        /             |                |        /|  |  |  |  |  |
///         0 |______/               |______        0 |______/  |__|  |__|  |__|____
///                  ^onset  ^+ramp  ^onset + duration       ^onset      intermittent
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
    /// How long it grows until it has its full size; nought for a step.
    pub ramp: Duration,
    /// When it ends, counted from the onset; none for never.
    pub duration: Option<Duration>,
    /// How it comes and goes meanwhile; none for a fault that stays.
    pub intermittent: Option<Intermittent>,
    /// Its full size, in the fault's own unit.
    pub magnitude: f64,
}

/// A fault that comes and goes, as a loose contact does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intermittent {
    /// From one coming to the next.
    pub period: Duration,
    /// The share of each period in which it is there, counted from its beginning (0 to 1).
    pub duty: f64,
}

/// What a fault acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The machine's own physics.
    Process,
    /// One of its instruments.
    Sensor(PointIx, SensorFault),
    /// The clock by which the machine stamps its values.
    Clock,
    /// Its wire: the machine itself knows nothing of it.
    Link,
    /// A person who writes one of its set-points; at the end of the fault the old value is written back.
    WrongRecipe(PointIx),
    /// Its scheduled maintenance does not happen.
    SkippedMaintenance,
}

impl Layer {
    /// Whether a crew that renews what wears ends it.
    pub fn is_renewed(self) -> bool {
        matches!(self, Layer::Process | Layer::SkippedMaintenance)
    }
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
    /// Single readings are off.
    Spike,
    /// It shows nothing.
    Dropout,
    /// It shows whole steps only.
    Quantisation,
}

/// A fault that any kind of machine can have, as `aegis faults` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommonFault {
    /// Its name in scenario files.
    pub name: &'static str,
    /// What goes wrong and what it looks like.
    pub doc: &'static str,
    /// The unit of its magnitude; none when it has no size.
    pub unit: Option<&'static str>,
    /// The diagnosis that is right: the first is best, the others are accepted; none where only its effects show.
    pub threats: &'static [ThreatKind],
}

/// The share of readings that a spiking instrument spoils [-].
pub const SPIKES: f64 = 0.05;

/// The name of the fault of a clock.
pub const CLOCK_SKEW: &str = "sensor_clock_skew";

/// What can be wrong with a machine's clock.
pub const CLOCK: CommonFault = CommonFault {
    name: CLOCK_SKEW,
    doc: "the machine's clock runs off: its values bear stamps that lie ahead (or, below nought, behind)",
    unit: Some("s"),
    threats: &[ThreatKind::CommunicationLoss, ThreatKind::SensorFault],
};

impl SensorFault {
    /// Every instrument fault.
    pub const ALL: [SensorFault; 6] = [
        SensorFault::Stuck,
        SensorFault::Bias,
        SensorFault::Drift,
        SensorFault::Spike,
        SensorFault::Dropout,
        SensorFault::Quantisation,
    ];

    /// What people write and read of it.
    pub fn common(self) -> CommonFault {
        let (name, doc, unit) = match self {
            SensorFault::Stuck => {
                ("sensor_stuck", "the instrument shows the value of the onset for ever", None)
            }
            SensorFault::Bias => {
                ("sensor_bias", "the instrument shows so much too much", Some("the point's unit"))
            }
            SensorFault::Drift => {
                ("sensor_drift", "the instrument's error grows over the ramp", Some("the point's unit"))
            }
            SensorFault::Spike => {
                ("sensor_spike", "one reading in twenty is off by so much", Some("the point's unit"))
            }
            SensorFault::Dropout => {
                ("sensor_dropout", "the instrument shows nothing: its quality is bad", None)
            }
            SensorFault::Quantisation => (
                "sensor_quantisation",
                "the instrument shows whole steps of this size only",
                Some("the point's unit"),
            ),
        };
        CommonFault { name, doc, unit, threats: &[ThreatKind::SensorFault] }
    }

    /// The instrument fault of that name.
    pub fn find(name: &str) -> Option<SensorFault> {
        SensorFault::ALL.into_iter().find(|f| f.common().name == name)
    }
}

/// What a person can do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonFault {
    /// Somebody writes another recipe or set-point to the machine.
    WrongRecipe,
    /// The machine's scheduled maintenance does not happen.
    SkippedMaintenance,
    /// An operator approves what should have been rejected.
    WrongApproval,
}

impl PersonFault {
    /// Every one of them.
    pub const ALL: [PersonFault; 3] =
        [PersonFault::WrongRecipe, PersonFault::SkippedMaintenance, PersonFault::WrongApproval];

    /// What people write and read of it.
    pub fn common(self) -> CommonFault {
        let (name, doc, unit) = match self {
            PersonFault::WrongRecipe => (
                "wrong_recipe",
                "somebody writes this value to a set-point or selects this recipe; the machine does as it is told",
                Some("the set-point's unit"),
            ),
            PersonFault::SkippedMaintenance => (
                "skipped_maintenance",
                "the planned change of what wears does not happen: it is worn beyond its life",
                None,
            ),
            PersonFault::WrongApproval => (
                "wrong_approval",
                "an operator approves a proposal that should have been rejected (operator: does = \"wrongly_approve\")",
                None,
            ),
        };
        CommonFault { name, doc, unit, threats: &[] }
    }

    /// The fault of that name.
    pub fn find(name: &str) -> Option<PersonFault> {
        PersonFault::ALL.into_iter().find(|f| f.common().name == name)
    }
}

impl FaultPlan {
    /// Its size at that moment; zero before and after, and while it is away.
    pub fn level(&self, now: Time) -> f64 {
        if !self.acts(now) {
            return 0.0;
        }
        if self.ramp.is_zero() {
            return self.magnitude;
        }
        self.magnitude * (now.since(self.onset).as_secs_f64() / self.ramp.as_secs_f64()).min(1.0)
    }

    /// Whether that moment lies between its onset and its end.
    pub fn active(&self, now: Time) -> bool {
        now >= self.onset && self.duration.is_none_or(|d| now < self.onset.after(d))
    }

    /// Whether it is at work at that moment, however small.
    pub fn acts(&self, now: Time) -> bool {
        self.active(now)
            && self.intermittent.is_none_or(|i| {
                let (period, into) = (i.period.as_nanos().max(1), now.since(self.onset).as_nanos());
                ((into % period) as f64) < i.duty * period as f64
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> FaultPlan {
        FaultPlan {
            machine: 0,
            name: "filter_clog".into(),
            layer: Layer::Process,
            onset: Time::from_secs(100),
            ramp: Duration::from_secs(10),
            duration: Some(Duration::from_secs(50)),
            intermittent: None,
            magnitude: 2.0,
        }
    }

    #[test]
    fn a_fault_grows_stays_and_ends() {
        let plan = plan();
        let at = |s| plan.level(Time::from_secs(s));
        assert_eq!([at(99), at(100), at(105), at(110), at(149), at(150)], [0.0, 0.0, 1.0, 2.0, 2.0, 0.0]);
        assert!(plan.active(Time::from_secs(100)) && !plan.active(Time::from_secs(150)));
    }

    #[test]
    fn a_loose_contact_comes_and_goes_and_grows_meanwhile() {
        let intermittent = Some(Intermittent { period: Duration::from_secs(4), duty: 0.5 });
        let plan = FaultPlan { intermittent, ..plan() };
        let at = |s| plan.level(Time::from_secs(s));
        assert_eq!([at(101), at(102), at(103), at(105), at(113), at(115)], [0.2, 0.0, 0.0, 1.0, 2.0, 0.0]);
        assert!(plan.active(Time::from_secs(102)), "it is not over while it is away");
        assert!(!plan.acts(Time::from_secs(102)) && !plan.acts(Time::from_secs(152)));
    }

    #[test]
    fn every_common_fault_is_found_by_its_name_alone() {
        for f in SensorFault::ALL {
            assert_eq!(SensorFault::find(f.common().name), Some(f));
            assert_eq!(PersonFault::find(f.common().name), None);
        }
        for f in PersonFault::ALL {
            assert_eq!(PersonFault::find(f.common().name), Some(f));
        }
        assert_eq!(SensorFault::find(CLOCK_SKEW), None, "a clock is no instrument of one point");
    }
}
