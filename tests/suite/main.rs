//! One integration binary for everything that needs more than one crate.

mod determinism;
mod disk;
mod loop_closed;
mod own_kind;
mod peers;
mod recordings;
mod safety;
mod scenarios;
mod support;
mod tidy;
mod wire;
