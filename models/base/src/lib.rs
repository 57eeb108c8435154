//! The words and laws that every other Aegis crate speaks.
//!
//! Pure: no input or output, no OS clock, no threads, no hash order, no platform `libm`. What is here is either
//! vocabulary ([`Time`], [`Sample`], [`Event`], [`Threat`], [`Action`], [`Zone`]), data a user may write
//! ([`profile`], [`site`]), or physics ([`physics`], one law a file).

pub mod action;
pub mod event;
pub mod limits;
pub mod physics;
pub mod profile;
pub mod sample;
pub mod seed;
pub mod signal;
pub mod site;
pub mod spell;
pub mod threat;
pub mod time;

pub use action::{Action, ActionKind, Command, CommandId};
pub use event::{Body, Event, Source};
pub use profile::Profile;
pub use sample::{Frame, PointIx, Quality, Record, Sample};
pub use seed::{Rng, Seed};
pub use site::{MachineIx, Protocol, Site};
pub use threat::{Severity, Threat, ThreatKind, Zone};
pub use time::{Span, Time};
