//! The digital twin: machines on one virtual clock, their instruments, their faults, and what can be kept of a run.
//!
//! The engine knows no pace: [`Twin::step`] moves everything by one base step, and whoever calls it decides whether a
//! step takes a microsecond or a tenth of a second. The [`host`] calls it at a pace and serves the machines' endpoints.

pub mod amhs;
mod clock;
pub mod fault;
pub mod host;
pub mod instrument;
pub mod kinds;
pub mod link;
pub mod lots;
mod network;
pub mod record;
mod twin;

pub use fault::{CommonFault, FaultPlan, Intermittent, Layer, PersonFault, SensorFault};
pub use twin::{BadTwin, STEP, Twin, TwinOptions};
