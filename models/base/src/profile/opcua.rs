//! How a kind of machine shows itself over OPC UA, and where its points lie in the address space.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a kind shows itself over OPC UA. Node ids are string identifiers in its own namespace and hold no machine's
/// name, so that one profile fits every machine of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpcuaLayout {
    /// URI of the namespace that its nodes live in; clients look up its index when they connect.
    pub namespace: String,
    /// Who makes it, for the device identification of OPC 10000-100.
    #[serde(default)]
    pub manufacturer: String,
    /// The maker's name of the kind.
    #[serde(default)]
    pub model: String,
    /// What kind of device it is, as OPC 10000-100 uses the word: `Milling machine`.
    #[serde(default)]
    pub device_class: String,
    /// Identifier of the method without arguments that does what the profile's `stop` says; none when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_method: Option<String>,
}

/// Where a point lies in the device's own namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpcuaNode {
    /// Its string identifier, which is also its path: `Spindle.Load` is the variable Load of the object Spindle.
    pub node: String,
    /// Identifier of the method that sets it and takes the value as its only argument: `Spindle.SetSpeed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// How a client sets it.
    #[serde(default, skip_serializing_if = "OpcuaWrite::is_value")]
    pub write: OpcuaWrite,
}

/// How a client sets a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpcuaWrite {
    /// By a write to its variable.
    #[default]
    Value,
    /// By a call of its method.
    Method,
}

impl OpcuaWrite {
    fn is_value(&self) -> bool {
        *self == OpcuaWrite::Value
    }
}
