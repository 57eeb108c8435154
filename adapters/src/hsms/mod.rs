//! SECS-II and GEM over HSMS-SS.
//!
//! `codec` (items), `sml` (items as text), `frame` and `session` (HSMS) are shared; [`gem`] is the equipment and
//! [`serve`] its shell, [`host`] the host and [`client`] its own. All but the two shells are pure.
//!
//! Clauses cited as *E5* are those of SEMI E5 (SECS-II), *E30* of SEMI E30 (GEM), *E37* of SEMI E37 and E37.1 (HSMS).

pub mod binding;
pub mod client;
pub mod codec;
pub mod frame;
pub mod gem;
pub mod host;
pub mod item;
pub mod message;
pub mod serve;
pub mod session;
pub mod sml;

pub use binding::{BadBinding, Binding};
pub use client::Client;
pub use item::Item;
pub use message::Message;
