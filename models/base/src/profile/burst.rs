//! Waveforms: what is sampled far faster than a point, now and then.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Span;
use crate::physics::bearing::Bearing;

/// A waveform that a machine takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BurstSpec {
    /// Its name: `spindle_acceleration`.
    pub id: String,
    /// What it is of, and where the sensor sits.
    pub doc: String,
    /// [unit]; `m/s2`.
    pub unit: String,
    /// Samples a second [Hz].
    pub rate_hz: f64,
    /// Samples of one waveform.
    pub samples: u32,
    /// The time between two; the first comes soon after the machine runs.
    pub period: Span,
    /// When one is taken besides: as a vibration node does that watches its own level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<BurstTrigger>,
    /// The point that tells the shaft's speed [rpm].
    pub speed: String,
    /// The bearing that it is judged for.
    pub bearing: BearingSpec,
    /// Identifier of its OPC UA variable, below the machine, with dots: `Spindle.Vibration.Waveform`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opcua_node: Option<String>,
    /// The channel that its judgement makes: the strongest family of the bearing's lines over its limit.
    pub channel: String,
    /// In which regimes it is judged, by name; empty for all.
    #[serde(default)]
    pub only: Vec<String>,
}

/// What makes a node take a waveform of its own accord.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BurstTrigger {
    /// The point that it watches.
    pub point: String,
    /// How far that must have risen since the last waveform [the point's unit].
    pub rise: f64,
    /// The least time between two waveforms.
    pub min_interval: Span,
}

/// A rolling bearing's geometry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BearingSpec {
    /// Rolling elements.
    pub elements: u32,
    /// Their diameter [mm].
    pub element_mm: f64,
    /// Pitch diameter [mm].
    pub pitch_mm: f64,
    /// Contact angle [degrees].
    #[serde(default)]
    pub contact_deg: f64,
}

impl BearingSpec {
    /// As the laws take it.
    pub fn bearing(&self) -> Bearing {
        Bearing {
            elements: self.elements,
            element_mm: self.element_mm,
            pitch_mm: self.pitch_mm,
            contact_rad: self.contact_deg.to_radians(),
        }
    }
}
