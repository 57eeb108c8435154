//! What comes off a wire: samples of points, grouped by the moment and the machine they belong to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{MachineIx, Time};

/// The place of a point in its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PointIx(pub u16);

/// How far a value can be trusted, as OPC UA and most field protocols grade it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// The device vouches for it.
    #[default]
    Good,
    /// The device doubts it (a substituted or held value).
    Uncertain,
    /// No value: sensor failed, read refused, link down.
    Bad,
}

/// One point's value at one moment. Flags are 0 and 1, states are small whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Which point of the machine's profile.
    pub point: PointIx,
    /// In the point's unit; meaningless when the quality is [`Quality::Bad`].
    pub value: f64,
    /// How far to trust it.
    pub quality: Quality,
}

/// All samples of one machine that share one moment: what one poll, one publish, or one tick yields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// When the values held.
    pub time: Time,
    /// Whose they are.
    pub machine: MachineIx,
    /// In the order of the profile.
    pub samples: Vec<Sample>,
    /// Happenings that ended at this moment, in order.
    pub records: Vec<Record>,
    /// Waveforms that ended at this moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bursts: Vec<Burst>,
}

/// A waveform: many samples of one quantity at an even rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Burst {
    /// The place of its kind in the profile's bursts.
    pub kind: u16,
    /// Samples a second [Hz].
    pub rate_hz: f64,
    /// The samples, in the kind's unit, the last at the frame's time.
    pub values: Vec<f64>,
}

/// The values of one happening: a bond, a wafer, a recipe step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The place of its kind in the profile's records.
    pub kind: u16,
    /// One value for each of the kind's fields, in their order; NaN where the happening yields none.
    pub values: Vec<f64>,
}
