//! The laws, one a file. Each states its equation, units, valid range and source, and is tested against hand-worked
//! numbers. The twin moves by them; the sentinel holds measurements against them.

pub mod acid;
pub mod bearing;
pub mod bond;
pub mod chatter;
pub mod chiller;
pub mod clean_room;
pub mod coil;
pub mod contact;
pub mod cutting;
pub mod deposition;
pub mod die_attach;
pub mod fan;
pub mod filter;
pub mod gauge;
pub mod held_zone;
pub mod moist_air;
pub mod molding;
pub mod plate;
pub mod polishing;
pub mod published;
pub mod pump;
pub mod pure_water;
pub mod reflow;
pub mod refrigerant;
pub mod residual;
pub mod sawing;
pub mod scrubber;
pub mod spill;
pub mod thermal;
pub mod tool_life;
pub mod vibration;
