//! What the twin asks of a machine.

use aegis_models::profile::Profile;
use aegis_models::{Command, PointIx, Record, Rng, ThreatKind, Time};

use crate::supply::{Given, Supply};

/// One machine's physics.
pub trait Machine: Send {
    /// Lives through one step and leaves the true value of every point in the image.
    fn step(&mut self, cx: &mut Step<'_>);

    /// Takes a set-point, or says why not. The effect shows from the next step on.
    fn command(&mut self, command: &Command, now: Time) -> Result<(), Refusal>;

    /// Sets the present size of a fault; zero ends it. Called again whenever the size changes.
    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault>;

    /// A maintenance crew renews what wears: filter, tool, capillary, bearing, belt.
    fn service(&mut self);

    /// From now on (or no longer) the kind's scheduled maintenance does not happen: what wears is used beyond its life.
    /// Says whether there is any to skip; false for a kind that has none.
    fn skip_maintenance(&mut self, _skip: bool) -> bool {
        false
    }
}

/// All that a step may use.
pub struct Step<'a> {
    /// The moment at which the step ends.
    pub now: Time,
    /// Its length [s].
    pub dt_s: f64,
    /// The machine's own stream, for what varies from part to part and bond to bond.
    pub rng: &'a mut Rng,
    /// What it gets.
    pub supply: &'a Supply,
    /// What it gives; cleared before the step.
    pub given: &'a mut Given,
    /// Where the true values go.
    pub image: &'a mut Image,
}

/// The true values of a machine's points, and what has just happened.
#[derive(Clone, Debug, Default)]
pub struct Image {
    values: Vec<f64>,
    /// Happenings that ended in this step; the twin takes them after each step.
    pub records: Vec<Record>,
    /// Harm that the process took in this step; the twin takes it after each step.
    pub harm: Vec<Harm>,
}

impl Image {
    /// An image of so many points, all at zero.
    pub fn new(points: usize) -> Image {
        Image { values: vec![0.0; points], ..Image::default() }
    }

    /// Sets the true value of a point.
    pub fn set(&mut self, point: PointIx, value: f64) {
        self.values[usize::from(point.0)] = value;
    }

    /// The true value of a point.
    pub fn get(&self, point: PointIx) -> f64 {
        self.values[usize::from(point.0)]
    }
}

/// Something is lost for good: a part scrapped, a spindle seized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Harm {
    /// What.
    pub what: &'static str,
}

/// The present size of a fault.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessFault {
    /// One of the kind's [`FaultSpec`]s.
    pub name: String,
    /// In the fault's own unit; zero is health.
    pub magnitude: f64,
}

/// A fault that a kind can have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultSpec {
    /// Its name in scenario files: `filter_clog`.
    pub name: &'static str,
    /// What goes wrong and what it looks like.
    pub doc: &'static str,
    /// The unit of its magnitude.
    pub unit: &'static str,
    /// A magnitude that a sound machine would be stopped for; the default in scenario files.
    pub typical: f64,
    /// The diagnosis that is right: the first is best, the others are accepted.
    pub threats: &'static [ThreatKind],
}

/// What a machine is built from.
pub struct Setup<'a> {
    /// Its kind's profile.
    pub profile: &'a Profile,
    /// ISO 14644-1 class of its bay.
    pub iso_class: f64,
    /// Air volume that one fan filter unit keeps clean [m3].
    pub volume_m3_per_ffu: f64,
    /// The machine's own stream, for what differs from unit to unit.
    pub rng: &'a mut Rng,
}

/// A kind of machine as the registry knows it.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The profile's name: `ffu`.
    pub name: &'static str,
    /// The faults it can have.
    pub faults: &'static [FaultSpec],
    /// Builds one, running at nominal duty and warm.
    pub build: fn(Setup<'_>) -> Box<dyn Machine>,
}

/// The machine does not take a command.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such set-point.
    #[error("{0} cannot be written")]
    NotWritable(String),
    /// The value is outside the range the machine accepts.
    #[error("{point}: {value} lies outside {low} to {high}")]
    OutOfRange {
        /// The set-point.
        point: String,
        /// What was asked.
        value: f64,
        /// The lowest it takes.
        low: f64,
        /// The highest it takes.
        high: f64,
    },
    /// The value names something that the machine does not have.
    #[error("{point}: the machine has none of number {value}")]
    NotHeld {
        /// The set-point.
        point: String,
        /// What was asked.
        value: f64,
    },
}

/// The kind has no such fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no fault is named {name}; there are {}", known.join(", "))]
pub struct UnknownFault {
    /// What was asked.
    pub name: String,
    /// What there is.
    pub known: Vec<&'static str>,
}
