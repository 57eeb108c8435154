//! The wire between a machine and whoever watches it, and what goes wrong there.
//!
//! A [`Line`] is one machine's wire over the whole of a run: it holds the faults that a scenario plans for it and gives
//! each frame that passes a verdict, from a random stream of its own. [`pump`] carries the bytes of one connection
//! over it, and [`ferry`] the datagrams between two sides, whether the ends are sockets or memory.

mod ferry;
mod frames;
mod line;
mod plan;
mod proxy;
mod pump;
mod way;

pub use ferry::{Shore, ferry};
pub use line::Line;
pub use plan::{LinkFault, LinkKind, Toward};
pub use proxy::{proxy, proxy_datagrams};
pub use pump::pump;
