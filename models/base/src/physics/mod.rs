//! The laws, one a file. Each states its equation, units, valid range and source, and is tested against hand-worked
//! numbers. The twin moves by them; the sentinel holds measurements against them.

pub mod bearing;
pub mod bond;
pub mod chatter;
pub mod clean_room;
pub mod coil;
pub mod cutting;
pub mod excimer;
pub mod fan;
pub mod filter;
pub mod helium_gap;
pub mod imaging;
pub mod isolation;
pub mod moist_air;
pub mod overlay;
pub mod plasma_etch;
pub mod published;
pub mod residual;
pub mod rf_match;
pub mod thermal;
pub mod throttle;
pub mod tool_life;
pub mod vibration;
