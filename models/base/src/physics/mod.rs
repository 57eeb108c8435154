//! The laws, one a file. Each states its equation, units, valid range and source, and is tested against hand-worked
//! numbers. The twin moves by them; the sentinel holds measurements against them.

pub mod acid;
pub mod bearing;
pub mod bond;
pub mod chatter;
pub mod chiller;
pub mod clean_room;
pub mod coil;
pub mod cutting;
pub mod fan;
pub mod filter;
pub mod moist_air;
pub mod plate;
pub mod published;
pub mod pump;
pub mod pure_water;
pub mod refrigerant;
pub mod residual;
pub mod scrubber;
pub mod spill;
pub mod thermal;
pub mod tool_life;
pub mod vibration;
