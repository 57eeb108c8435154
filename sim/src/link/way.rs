//! Frames under way in one direction, in the order in which they arrive.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::clock;

/// Frames under way in one direction; beyond, the sender has to wait, or a datagram is lost.
pub const UNDER_WAY: usize = 256;
/// How long an overtaken frame waits for the one that overtakes it.
const OVERTAKEN: Duration = Duration::from_millis(500);

/// Frames under way.
#[derive(Default)]
pub struct Way {
    /// When each is due, earliest first.
    frames: VecDeque<(Instant, Vec<u8>)>,
}

impl Way {
    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether nothing more fits.
    pub fn is_full(&self) -> bool {
        self.frames.len() >= UNDER_WAY
    }

    /// Puts a frame on its way: behind those that are there, or, overtaken, behind the one that comes next.
    pub fn send_on(&mut self, after: Duration, bytes: Vec<u8>, overtaken: bool) {
        let now = clock::now();
        let last = self.frames.iter().map(|(at, _)| *at).filter(|at| *at < now + OVERTAKEN).max();
        let due = if overtaken { now + after + OVERTAKEN } else { (now + after).max(last.unwrap_or(now)) };
        let place = self.frames.partition_point(|(at, _)| *at <= due);
        self.frames.insert(place, (due, bytes));
    }

    /// Waits until the first is due; never ready when nothing is under way. To be followed by [`Way::pop`].
    pub async fn due(&self) {
        match self.frames.front() {
            Some((at, _)) => sleep_until(*at).await,
            None => std::future::pending().await,
        }
    }

    /// Takes the first.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        self.frames.pop_front().map(|(_, bytes)| bytes)
    }
}
