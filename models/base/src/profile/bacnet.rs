//! Which BACnet objects points are.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::refuse;
use super::{Access, BadProfile, DataType, PointSpec, Profile};

/// Which object a point is the present value of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BacnetObject {
    /// Its type.
    pub object: BacnetType,
    /// Its instance number, 0 to 4194302.
    pub instance: u32,
    /// For an analogue object: the change that subscribers are told of [the point's unit]. A thousandth of the range when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cov_increment: Option<f64>,
}

impl BacnetObject {
    /// Instances are 22 bits wide, and the last of them means "any" (ASHRAE 135, clause 12.1).
    pub const MAX_INSTANCE: u32 = 4_194_302;
    /// States of a multi-state object that are still worth a name each.
    pub const MAX_STATES: f64 = 256.0;

    /// Why that point can not be this object; none when it can.
    pub fn problem(&self, point: &PointSpec) -> Option<&'static str> {
        let [low, high] = point.range;
        let whole = low.fract() == 0.0 && high.fract() == 0.0;
        if self.instance > BacnetObject::MAX_INSTANCE {
            return Some("its instance lies beyond 4194302");
        }
        if self.object.is_input() && point.access == Access::Write {
            return Some("a point that can be written belongs to an output or value object, not to an input");
        }
        if self.object == BacnetType::AnalogOutput && point.access == Access::Read {
            return Some("an analog output is always written: its point needs access \"write\"");
        }
        if self.cov_increment.is_some_and(|c| !(c.is_finite() && c >= 0.0)) {
            return Some("cov_increment must not be negative");
        }
        match self.object {
            BacnetType::BinaryInput | BacnetType::BinaryValue if point.data != DataType::Bool => {
                Some("a binary object belongs to a bool")
            }
            BacnetType::MultiStateValue if matches!(point.data, DataType::Bool | DataType::F32) => {
                Some("a multi-state object belongs to a whole number")
            }
            BacnetType::MultiStateValue if !((low == 0.0 || low == 1.0) && whole) => {
                Some("states count from 0 or 1: its range must begin there, and end at a whole number")
            }
            BacnetType::MultiStateValue if high - low >= BacnetObject::MAX_STATES => {
                Some("a multi-state object has at most 256 states")
            }
            _ if !self.object.is_analogue() && self.cov_increment.is_some() => {
                Some("only an analog object has a cov_increment")
            }
            _ if self.object.is_analogue() && point.data == DataType::Bool => {
                Some("a bool belongs to a binary object")
            }
            // Beyond 2^24 single precision skips whole numbers.
            _ if self.object.is_analogue() && point.data == DataType::U32 && high > 16_777_216.0 => {
                Some("an analog object holds whole numbers up to 16777216: the range goes beyond")
            }
            _ => None,
        }
    }
}

/// The object types that hold a point (ASHRAE 135, clause 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BacnetType {
    /// An analogue reading.
    AnalogInput,
    /// An analogue set-point that drives something.
    AnalogOutput,
    /// An analogue value kept by the controller.
    AnalogValue,
    /// A reading of two states.
    BinaryInput,
    /// A two-state value kept by the controller.
    BinaryValue,
    /// A value of several states.
    MultiStateValue,
}

impl BacnetType {
    /// Whether its present value is a REAL.
    pub fn is_analogue(self) -> bool {
        matches!(self, BacnetType::AnalogInput | BacnetType::AnalogOutput | BacnetType::AnalogValue)
    }

    /// Whether it is a reading, which nobody commands.
    pub fn is_input(self) -> bool {
        matches!(self, BacnetType::AnalogInput | BacnetType::BinaryInput)
    }
}

/// How a kind shows itself over BACnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BacnetLayout {
    /// What its device object calls its model.
    pub model: String,
    /// Its maker's name.
    #[serde(default = "aegis")]
    pub vendor: String,
    /// Its maker's number as ASHRAE gives them out; 999 stands for none.
    #[serde(default = "no_vendor")]
    pub vendor_id: u16,
}

fn aegis() -> String {
    "Aegis".to_owned()
}

fn no_vendor() -> u16 {
    999
}

impl Profile {
    pub(super) fn check_bacnet(&self) -> Result<(), BadProfile> {
        let mut taken = BTreeSet::new();
        for p in &self.points {
            let Some(at) = &p.bacnet else { continue };
            let place = || format!("point {}", p.id);
            if self.bacnet.is_none() {
                return refuse(place(), "is a BACnet object, but there is no [bacnet] section");
            }
            if let Some(problem) = at.problem(p) {
                return refuse(place(), problem);
            }
            if !taken.insert((at.object, at.instance)) {
                return refuse(place(), format!("{:?} {} is taken by another point", at.object, at.instance));
            }
        }
        Ok(())
    }
}
