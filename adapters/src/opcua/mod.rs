//! OPC UA: a server in front of one machine, and a client that hears it.
//!
//! The bytes, sessions and sockets are `async-opcua`'s; what is ours is the address space, what a machine answers, and
//! what a client makes of it. Pure: [`Binding`] (points and nodes), [`values`] (numbers and variants), [`Image`](image::Image)
//! (what is shown and remembered), [`moment`] (when it held) and [`units`]. [`open`] and [`serve`](serve::serve) make a server, [`Client`] a client.
//!
//! Clauses are those of OPC 10000 (*Part 3* to *Part 11*), OPC 10000-100 (Devices) and OPC 40001-1 (Machinery).

pub mod binding;
pub mod client;
mod device;
mod events;
mod front;
pub mod image;
pub mod moment;
mod pki;
mod security;
pub mod serve;
mod session;
mod setup;
mod space;
pub mod units;
pub mod values;
mod wave;

pub use binding::{BadBinding, Binding, Place};
pub use client::{Client, Heard, Memory};
pub use moment::{By, Moment};
pub use security::{Anonymous, Mode, Secret};
pub use serve::{Endpoint, Handle, ServeError, ServeOptions, open, serve};
pub use session::{ClientOptions, Login};
pub use wave::{SAMPLE_RATE, Wave};
