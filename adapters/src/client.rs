//! What may come of a client's request, the same for every protocol.

use std::io;
use std::time::Duration;

use aegis_models::PointIx;

/// Why a read or write came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The device understood and refused; the connection goes on.
    #[error("the device refused {what} with {answer}")]
    Refused {
        /// The read or write.
        what: String,
        /// Its reason, in the protocol's words: `exception 02`, `HCACK 2`, `BadOutOfRange`.
        answer: String,
    },
    /// Nothing was sent: the point cannot be written, or not with that value.
    #[error("point {} was not written: {problem}", point.0)]
    Unwritable {
        /// The point.
        point: PointIx,
        /// Why.
        problem: &'static str,
    },
    /// The connection failed and is closed.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Why a connection failed. What was under way may or may not have happened.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The device did not answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The stream broke, or carried what is none of this protocol.
    #[error("the link broke: {0}")]
    Broken(#[from] io::Error),
    /// The reply was not one to the request.
    #[error("the device answered something else: {0}")]
    Mismatch(String),
    /// An earlier failure closed the connection.
    #[error("the connection is closed")]
    Closed,
}
