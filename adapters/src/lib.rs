//! Adapters: how points travel over a field protocol, or come out of a recording.
//!
//! One folder a protocol, each with the same rooms where they apply: `codec` (bytes and messages, pure), `server` (a
//! session without a socket, pure), `serve` (its shell), `client`, and `binding` (points and addresses). Each is a
//! cargo feature, and none is on by default.

#[cfg(feature = "csv")]
pub mod csv;
pub mod limits;
#[cfg(feature = "modbus")]
pub mod modbus;
