//! Adapters: how points travel over a field protocol, or come out of a recording.
//!
//! One folder a protocol, each with the same rooms where they apply: `codec` (bytes and messages, pure), `server` (a
//! session without a socket, pure), `serve` (its shell), `client`, and `binding` (points and addresses). Each is a
//! cargo feature, and none is on by default.

#[cfg(feature = "bacnet")]
pub mod bacnet;
pub mod client;
#[cfg(any(
    feature = "bacnet",
    feature = "hsms",
    feature = "modbus",
    feature = "mtconnect",
    feature = "opcua"
))]
mod clock;
#[cfg(feature = "csv")]
pub mod csv;
#[cfg(feature = "hsms")]
pub mod hsms;
pub mod limits;
#[cfg(feature = "modbus")]
pub mod modbus;
#[cfg(feature = "mtconnect")]
pub mod mtconnect;
#[cfg(feature = "opcua")]
pub mod opcua;
#[cfg(any(feature = "modbus", feature = "mtconnect", feature = "opcua"))]
mod seats;
pub mod served;

pub use client::{ClientError, LinkError};
pub use served::Served;
