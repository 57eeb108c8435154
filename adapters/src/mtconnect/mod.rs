//! MTConnect 2.x: an agent that tells a machine's data items, and a client that hears them.
//!
//! Pure: [`Agent`] (requests in, documents out), [`Feed`](feed::Feed) (one client's stream), and [`Exchange`] (what a
//! client asks next, and what the replies mean). [`serve`](serve::serve) and [`Client`] are the shells around them, over
//! HTTP/1.1. MTConnect only reads: nothing can be written.
//!
//! Clauses are those of the MTConnect Standard: *Part 1* fundamentals, *Part 2* devices, *Part 3* observations,
//! *Part 4.1* cutting tools.

pub mod agent;
mod asset;
pub mod binding;
mod buffer;
pub mod client;
mod device;
mod document;
pub mod exchange;
pub mod feed;
mod image;
pub mod multipart;
pub mod path;
pub mod query;
pub mod read;
pub mod serve;
mod stamp;
mod streams;
pub mod xml;

pub use agent::{Agent, AgentOptions, Body, Response};
pub use binding::{BadBinding, Binding};
pub use client::Client;
pub use document::Draft;
pub use exchange::{Exchange, Heard, Mode};
pub use serve::{ServeOptions, Served, serve, serve_stream};

/// The version of the standard that the agent's documents follow.
pub const VERSION: &str = "2.4";
