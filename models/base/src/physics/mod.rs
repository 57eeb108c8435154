//! The laws, one a file. Each states its equation, units, valid range and source, and is tested against hand-worked
//! numbers. The twin moves by them; the sentinel holds measurements against them.

pub mod bearing;
pub mod bond;
pub mod chatter;
pub mod clean_room;
pub mod coil;
pub mod contact;
pub mod cutting;
pub mod die_attach;
pub mod fan;
pub mod filter;
pub mod held_zone;
pub mod moist_air;
pub mod molding;
pub mod published;
pub mod reflow;
pub mod residual;
pub mod thermal;
pub mod tool_life;
pub mod vibration;
