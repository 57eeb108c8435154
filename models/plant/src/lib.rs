//! The answer key: how each kind of machine really behaves, and how it really breaks. Known to the twin alone.
//!
//! Pure: a machine is a struct with a [`Machine::step`]. What an instrument makes of the truth (noise, quantisation,
//! sensor faults) is the twin's business, not the machine's.

mod machine;
pub mod machines;
mod supply;
pub mod vibration;

pub use machine::{FaultSpec, Harm, Image, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};
pub use supply::{Air, E10, Given, GivenAir, Job, Load, ProcessWater, Quality, Supply, Upw};
