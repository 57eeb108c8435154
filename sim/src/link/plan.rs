//! Link faults as data: what happens to which frames, from when, for how long.

use std::time::Duration;

use aegis_models::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One fault of one machine's wire.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkFault {
    /// What happens.
    pub kind: LinkKind,
    /// When it begins.
    pub onset: Time,
    /// When it ends, counted from the onset; none for never.
    pub duration: Option<Duration>,
    /// The share of frames (of values, for a status) that it strikes, 0 to 1.
    pub share: f64,
    /// How long frames are held, for delay and jitter [fab time].
    pub delay: Duration,
    /// What still passes, for a slow reader [bytes per second of fab time].
    pub rate: f64,
    /// Frames of which direction it strikes; none for both.
    pub toward: Option<Toward>,
}

impl LinkFault {
    /// Whether it is at work at that moment.
    pub fn active(&self, now: Time) -> bool {
        now >= self.onset && self.duration.is_none_or(|d| now < self.onset.after(d))
    }
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Toward {
    /// To the machine.
    Device,
    /// To the sentinel.
    Sentinel,
}

/// What can happen to a frame, or to the connection that carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// The connection is closed, and nobody connects.
    Cut,
    /// Bytes vanish on their way, both ways, and nobody is told: a cable pulled behind a switch.
    HalfOpen,
    /// Frames are held for `delay`.
    Delay,
    /// Frames are held for up to `delay`, each for a time of its own; their order stays.
    Jitter,
    /// Frames vanish, as a gateway drops them.
    Loss,
    /// Frames come twice: the copy a moment later, as over a loop.
    Duplicate,
    /// Frames come after the one behind them.
    Reorder,
    /// One byte of a frame is another.
    Corrupt,
    /// Frames lose their end.
    Truncate,
    /// Only `rate` bytes a second are taken.
    SlowReader,
    /// The device says that it is busy, in its protocol's words; where that has none it leaves requests unanswered until
    /// the asker's timer runs out.
    Busy,
    /// What a device kept for whoever reads on is gone: an MTConnect agent's buffer ran over.
    Overrun,
    /// A server says of values that they are not to be trusted: its own connection to the machine comes and goes.
    Status,
}

impl LinkKind {
    /// Every kind with its name in scenario files and what it does.
    pub const ALL: [(&'static str, LinkKind, &'static str); 13] = [
        ("cut", LinkKind::Cut, "the connection is closed, and nobody connects"),
        ("half_open", LinkKind::HalfOpen, "bytes vanish both ways and nobody is told"),
        ("delay", LinkKind::Delay, "frames are held for `delay`"),
        ("jitter", LinkKind::Jitter, "frames are held for up to `delay`"),
        ("loss", LinkKind::Loss, "a `share` of frames vanishes"),
        ("duplicate", LinkKind::Duplicate, "a `share` of frames comes twice"),
        ("reorder", LinkKind::Reorder, "a `share` of frames comes after the one behind it"),
        ("corrupt", LinkKind::Corrupt, "one byte in a `share` of frames is another"),
        ("truncate", LinkKind::Truncate, "a `share` of frames loses its end"),
        ("slow_reader", LinkKind::SlowReader, "only `rate` bytes a second are taken"),
        (
            "busy",
            LinkKind::Busy,
            "the device says to a `share` of requests that it is busy, or nothing at all",
        ),
        ("overrun", LinkKind::Overrun, "an MTConnect agent's buffer runs over again and again: OUT_OF_RANGE"),
        (
            "status",
            LinkKind::Status,
            "the server gives a `share` of values with a bad status: they are not to be trusted",
        ),
    ];

    /// Its name in scenario files.
    pub fn name(self) -> &'static str {
        LinkKind::ALL.iter().find(|(_, k, _)| *k == self).map_or("", |(name, ..)| name)
    }

    /// Whether it is a matter of frames, which tier `points` does not have.
    pub fn needs_frames(self) -> bool {
        !matches!(self, LinkKind::Cut | LinkKind::HalfOpen | LinkKind::Status)
    }
}
