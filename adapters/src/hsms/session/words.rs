//! The words of a session: how it is set up, what it tells, and why it ends.

use std::time::Duration;

use super::super::codec::EncodeError;
use super::super::frame::{BadLength, HEADER, Header};
use super::super::message::Message;
use crate::limits::{HSMS_QUEUED_BYTES, HSMS_TRANSACTIONS};

/// How long each side waits for what (E37, timeouts). The defaults are the standard's typical values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// For the reply to a primary message.
    pub t3: Duration,
    /// Between two attempts to connect; the shell of an active entity keeps it.
    pub t5: Duration,
    /// For the answer to a control message.
    pub t6: Duration,
    /// For the first select.
    pub t7: Duration,
    /// Between two bytes of one message.
    pub t8: Duration,
    /// How often the link is tested; none for never.
    pub linktest: Option<Duration>,
}

impl Default for Timers {
    fn default() -> Timers {
        let s = Duration::from_secs;
        Timers { t3: s(45), t5: s(10), t6: s(5), t7: s(10), t8: s(5), linktest: Some(s(30)) }
    }
}

/// Who connects and selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It listens and is selected, as equipment does by default.
    Passive,
    /// It connects and selects.
    Active,
}

/// How a session is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Who connects.
    pub role: Role,
    /// The device identifier: the session id of its data messages.
    pub device: u16,
    /// Its timers.
    pub timers: Timers,
}

/// A data message that came.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Its header: MHEAD of stream 9.
    pub header: Header,
    /// Its system bytes: what a reply repeats.
    pub system: u32,
    /// What it says.
    pub message: Message,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Data messages can be exchanged.
    Selected,
    /// They no longer can.
    Deselected,
    /// The peer asks or tells something.
    Primary(Received),
    /// The peer answers.
    Reply(Received),
    /// No answer came within T3, or none will come. The transaction is closed.
    TimedOut {
        /// Of the message that was sent.
        system: u32,
        /// Its header: SHEAD of S9F9.
        header: [u8; HEADER],
        /// The reason with which the peer rejected the message before T3 ran out (E37, Reject.req).
        rejected: Option<u8>,
    },
    /// A data message whose body is no item: S9F7 for an equipment.
    Undecodable {
        /// Its header.
        header: [u8; HEADER],
        /// Its system bytes.
        system: u32,
    },
    /// A data message for another device: S9F1 for an equipment.
    WrongDevice {
        /// Its header.
        header: [u8; HEADER],
        /// Its system bytes.
        system: u32,
    },
    /// The connection must be closed once all is transmitted.
    Close(CloseReason),
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The peer takes its leave.
    #[error("the peer separates")]
    Separated,
    /// This side takes its leave.
    #[error("separated")]
    Asked,
    /// The peer does not let itself be selected.
    #[error("select is refused with status {0}")]
    NotSelected(u8),
    /// A control message was not answered.
    #[error("no answer to a control message within T6")]
    T6,
    /// Nobody selected in time.
    #[error("not selected within T7")]
    T7,
    /// A message stopped in its middle.
    #[error("a message stopped for longer than T8")]
    T8,
    /// What comes is no HSMS.
    #[error(transparent)]
    Length(#[from] BadLength),
    /// The peer takes nothing.
    #[error("{HSMS_QUEUED_BYTES} bytes wait and the peer takes none")]
    Stuck,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No connection is selected.
    #[error("no host or equipment is selected")]
    NotSelected,
    /// As many transactions are open as there may be.
    #[error("{HSMS_TRANSACTIONS} transactions are open")]
    Busy,
    /// The peer takes nothing.
    #[error("{HSMS_QUEUED_BYTES} bytes wait and the peer takes none")]
    Full,
    /// The message cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}
