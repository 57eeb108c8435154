//! What whoever owns a machine sees of the server in front of it, the same for every protocol.

use aegis_models::{Frame, PointIx};

/// A served machine: values go in, what clients wrote comes out. A handle: the server's sessions hold the rest.
pub trait Served: Send + Sync {
    /// Shows what the machine's instruments said at one moment, and what happened up to it. Times never go back.
    fn publish(&self, frame: &Frame);

    /// What clients wrote since the last call, in order, all of it in the points' ranges [the point's unit].
    fn take_writes(&self) -> Vec<(PointIx, f64)>;
}
