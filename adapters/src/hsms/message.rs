//! SECS-II messages: stream, function, and an item or nothing.

use super::Item;

/// A message, without the header fields that belong to its transport.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Stream, 0 to 127.
    pub stream: u8,
    /// Function: odd for a primary message, even for its reply.
    pub function: u8,
    /// Whether a reply is wanted (the W bit).
    pub wants_reply: bool,
    /// Its body; some messages are a header alone.
    pub body: Option<Item>,
}
