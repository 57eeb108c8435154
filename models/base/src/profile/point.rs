//! One named quantity of a kind of machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BacnetObject, DataItem, GemVariable, OpcuaNode};
use crate::Span;

/// One named quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointSpec {
    /// Its name: lower case with underscores.
    pub id: String,
    /// What it measures or sets.
    pub doc: String,
    /// [unit], as it stands on the data sheet; empty for flags and states.
    #[serde(default)]
    pub unit: String,
    /// What it is for.
    #[serde(default)]
    pub role: Role,
    /// How the device holds it: values are quantised to this type before anybody sees them.
    #[serde(rename = "type", default)]
    pub data: DataType,
    /// Whether it can be written.
    #[serde(default)]
    pub access: Access,
    /// How often it is sampled.
    pub period: Span,
    /// The instrument's range [unit]: what lies outside cannot be measured.
    pub range: [f64; 2],
    /// The value at nominal duty [unit]; for a set-point, what changes are counted against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nominal: Option<f64>,
    /// The instrument's repeatability, one standard deviation [unit].
    #[serde(default)]
    pub accuracy: f64,
    /// How far it may lie from what was learned without meaning anything [unit]: what a supply is agreed to hold.
    #[serde(default)]
    pub tolerance: f64,
    /// The record it is a field of; such a point has a value only when the happening ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The detectors over it, besides range and staleness, which hold for every point.
    #[serde(default)]
    pub watch: Vec<Watch>,
    /// In which regimes it is judged, by name; empty for all.
    #[serde(default)]
    pub only: Vec<String>,
    /// Where it lies on a Modbus device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modbus: Option<ModbusAddress>,
    /// Where it lies in an OPC UA address space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opcua: Option<OpcuaNode>,
    /// Which MTConnect data item it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtconnect: Option<DataItem>,
    /// Which GEM variable it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gem: Option<GemVariable>,
    /// Which BACnet object it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bacnet: Option<BacnetObject>,
}

/// What a point is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An instrument's reading.
    #[default]
    Measurement,
    /// A value somebody sets.
    Setpoint,
    /// What the machine is doing.
    State,
    /// A number that only grows, until it is reset.
    Counter,
}

/// How a device holds a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataType {
    /// IEEE 754 single precision.
    #[default]
    F32,
    /// Unsigned 16-bit whole number.
    U16,
    /// Signed 16-bit whole number.
    I16,
    /// Unsigned 32-bit whole number.
    U32,
    /// True (1) or false (0).
    Bool,
}

impl DataType {
    /// The nearest value that this type can hold.
    pub fn quantise(self, value: f64) -> f64 {
        match self {
            DataType::F32 => f64::from(value as f32),
            DataType::U16 => value.round().clamp(0.0, 65_535.0),
            DataType::I16 => value.round().clamp(-32_768.0, 32_767.0),
            DataType::U32 => value.round().clamp(0.0, 4_294_967_295.0),
            DataType::Bool => f64::from(value != 0.0),
        }
    }
}

/// Whether a point can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It can only be read.
    #[default]
    Read,
    /// It can be read and written.
    Write,
}

/// A detector over a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// Distance of one value from its learned level.
    Level,
    /// Change per second of sample time.
    Rate,
    /// Exponentially weighted mean: slow drift.
    Ewma,
    /// Mean of a short window against a long one: sudden small change.
    Shift,
    /// A value that has stopped living.
    Stuck,
}

/// Where a point lies on a Modbus device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModbusAddress {
    /// Which of the four tables.
    pub table: ModbusTable,
    /// The first register or bit, counted from 0 as on the wire.
    pub address: u16,
}

/// The four tables of the Modbus data model (Modbus Application Protocol V1.1b3, 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModbusTable {
    /// Coils: bits to read and write.
    Coil,
    /// Discrete inputs: bits to read.
    Discrete,
    /// Input registers: words to read.
    Input,
    /// Holding registers: words to read and write.
    Holding,
}

impl DataType {
    /// Registers that a value takes.
    pub fn registers(self) -> u16 {
        match self {
            DataType::F32 | DataType::U32 => 2,
            _ => 1,
        }
    }
}
