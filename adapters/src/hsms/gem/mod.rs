//! The equipment side of GEM (SEMI E30): everything a host may ask of a machine, and everything a machine tells it.
//!
//! [`Equipment`] is pure: bytes and [`aegis_models::Time`] in; bytes, writes to points and the next deadline out. It
//! knows a machine by its profile alone: values and records go in by `publish`, and events, alarms, traces and
//! states come of them.
//!
//! ```text
//!   frames --> machine --> events, alarms, limits, traces --> outbox --> session --> bytes
//!                 |                                              |          |
//!              process states                                  spool     dispatch <-- bytes
//!                                                                           |
//!                                                   writes to points <-- remote commands, constants
//! ```

mod alarms;
mod catalog;
pub(super) mod clock;
mod communications;
pub mod compliance;
mod constants;
mod control;
mod dispatch;
mod equipment;
mod limits;
mod machine;
mod operator;
mod own;
mod process;
mod read;
mod recipes;
mod remote;
mod reports;
mod send;
mod spool;
mod store;
mod terminal;
mod trace;
mod variables;

pub use control::ControlState;
pub use equipment::{BadEquipment, Equipment, EquipmentOptions};
pub use operator::BadOrder;
pub use store::BadState;
