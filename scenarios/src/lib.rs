//! The harness: it sees everything, the twin's truth included, and turns it into regression tests, demos and figures.

pub mod cmd;
pub mod detect;
pub mod endpoints;
pub mod expect;
pub mod file;
pub mod junit;
pub mod live;
pub mod mix;
pub mod parallel;
pub mod replay;
pub mod rulings;
pub mod run;
pub mod runs;
pub mod score;
pub mod timeline;
pub mod truth;
pub mod wire;
pub mod world;
pub mod zones;
