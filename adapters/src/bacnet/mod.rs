//! BACnet/IP.
//!
//! Codec and sessions are pure: datagrams and time in; datagrams, events and the next deadline out.
//! [`serve`](serve::serve) and [`Client`] are the shells around them, over a UDP socket or any other [`Datagrams`].
//! Clauses cited are those of ANSI/ASHRAE 135-2012.

mod array;
pub mod binding;
pub mod bvll;
pub mod client;
pub mod codec;
mod cov;
pub mod datagrams;
pub mod device;
pub mod exchange;
mod object;
mod priority;
mod reader;
mod reading;
pub mod serve;
pub mod server;
pub mod service;
mod transaction;
mod units;

pub use bacnet_encoding::apdu::{self, Apdu};
pub use bacnet_types::enums;
pub use bacnet_types::primitives::{ObjectIdentifier, PropertyValue};
pub use binding::{BadBinding, Binding, Group, Place};
pub use client::{Client, ClientOptions};
pub use datagrams::{Datagrams, Pipe, pipe};
pub use device::{Device, Identity, MAX_APDU};
pub use priority::{Priority, PriorityArray};
pub use serve::{Handle, serve};
pub use server::Session;
pub use transaction::Patience;
pub use units::engineering;
