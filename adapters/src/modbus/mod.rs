//! Modbus over TCP, on serial lines, and as serial frames over TCP.
//!
//! The codec and the server session are pure: bytes in, bytes out. [`serve`](serve::serve) and [`Client`] are the
//! shells around them. Clauses cited as *AP* are those of the MODBUS Application Protocol Specification V1.1b3, those
//! cited as *IG* of the MODBUS Messaging on TCP/IP Implementation Guide V1.0b.

pub mod binding;
pub mod client;
pub mod codec;
pub mod identity;
pub mod line;
mod map;
mod plan;
pub mod rtu;
pub mod serial;
pub mod serve;
pub mod server;

pub use binding::{BadBinding, Binding, Place};
pub use client::Client;
pub use identity::Identity;
pub use line::Line;
pub use map::RegisterMap;
pub use plan::{Block, Group};
pub use serial::SerialSettings;
pub use serve::{LineTiming, ServeOptions, Stations, serve, serve_line, serve_rtu, serve_stream};
pub use server::{Device, Session, Units, Verdict};
pub use tokio_modbus::{ExceptionCode, ExceptionResponse, FunctionCode, Request, Response};
