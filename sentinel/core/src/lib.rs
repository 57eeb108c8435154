//! The sentinel: everything that must be right, without a socket, a file or a clock.
//!
//! An [`Agent`] watches a set of machines. Frames of samples go in by [`Agent::handle`]; events, intents and writes come
//! out by [`Agent::poll`]; the next moment at which it wants to be woken comes from [`Agent::poll_timeout`]. It draws
//! no random number and reads no clock: the same inputs give the same outputs, byte for byte.
//!
//! ```text
//! frame -> detect (channel by channel) -> diagnose (signatures) -> incident -> safety circuit -> action
//!                                                                                 |  GREEN  execute
//!                                                                                 |  YELLOW propose, wait for a signature
//!                                                                                 |  RED    alert
//! ```

mod agent;
pub mod approval;
pub mod correlate;
pub mod detect;
mod diagnose;
mod execute;
mod incident;
mod io;
mod life;
mod machine;
mod monitor;
pub mod safety;
mod snapshot;

pub use agent::{Agent, AgentConfig};
pub use approval::{Answer, PublicKey, SignedAnswer, SignedStop, SigningKey, Stop};
pub use correlate::{Correlator, Verdict};
pub use io::{Input, Output, WriteOutcome};
pub use monitor::{MachineConfig, Symptom};
pub use safety::{Decision, MachineState, Policy, SafetyCircuit};
pub use snapshot::{BadSnapshot, Snapshot};
