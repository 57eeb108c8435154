//! Frames under way in one direction, in the order in which they arrive.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::clock;

/// Frames under way in one direction; beyond, the sender has to wait, or a datagram is lost.
pub const UNDER_WAY: usize = 256;
/// Bytes under way in one direction, as a receiver's window has them; beyond, the sender has to wait as well.
const WINDOW: usize = 64 << 10;

/// How a frame travels. Times are those of the runtime's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Travel {
    /// How long it is held.
    pub hold: Duration,
    /// How long its reader takes for it, once what came before is read.
    pub reading: Duration,
    /// It comes after the frame behind it, for which it waits at most so long.
    pub overtaken: Option<Duration>,
}

/// Frames under way.
#[derive(Default)]
pub struct Way {
    /// When each is due. Their order is the one in which they were sent, but for those overtaken.
    frames: VecDeque<(Instant, Vec<u8>)>,
    /// Frames that wait to be overtaken, and until when.
    waiting: VecDeque<(Instant, Vec<u8>)>,
    /// When the last that was sent in its order is due: what is sent later does not come before it.
    last: Option<Instant>,
    bytes: usize,
}

impl Way {
    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.waiting.is_empty()
    }

    /// Whether nothing more fits.
    pub fn is_full(&self) -> bool {
        self.frames.len() + self.waiting.len() >= UNDER_WAY || self.bytes >= WINDOW
    }

    /// Puts a frame on its way: behind those that are there, or, overtaken, behind the one that comes next.
    pub fn send_on(&mut self, bytes: Vec<u8>, travel: Travel) {
        let now = clock::now();
        self.bytes += bytes.len();
        if let Some(patience) = travel.overtaken {
            self.waiting.push_back((now + travel.hold + patience, bytes));
            return;
        }
        let due = (now + travel.hold).max(self.last.unwrap_or(now)) + travel.reading;
        self.last = Some(due);
        self.frames.push_back((due, bytes));
        let overtaken = self.waiting.drain(..).map(|(_, bytes)| (due, bytes));
        self.frames.extend(overtaken);
    }

    /// Waits until the first is due; never ready when nothing is under way. To be followed by [`Way::pop`].
    pub async fn due(&self) {
        let first = [&self.frames, &self.waiting].into_iter().filter_map(|q| Some(q.front()?.0)).min();
        match first {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Takes the first.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        let due = |q: &VecDeque<(Instant, Vec<u8>)>| q.front().map(|(at, _)| *at);
        // What nobody overtook in time goes on by itself.
        let alone = due(&self.waiting).is_some_and(|w| due(&self.frames).is_none_or(|f| w < f));
        let (_, bytes) = if alone { self.waiting.pop_front() } else { self.frames.pop_front() }?;
        self.bytes -= bytes.len();
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// What arrives, and how long after the first was sent [ms].
    async fn arrivals(way: &mut Way, began: Instant) -> Vec<(u8, u128)> {
        let mut seen = Vec::new();
        while !way.is_empty() {
            way.due().await;
            seen.push((way.pop().unwrap()[0], began.elapsed().as_millis()));
        }
        seen
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_holds_one_frame_holds_those_behind_it() {
        let (mut way, began) = (Way::default(), clock::now());
        for (n, hold) in [(0, 1_400), (1, 100), (2, 0)] {
            way.send_on(vec![n], Travel { hold: MS(hold), ..Travel::default() });
        }
        assert_eq!(arrivals(&mut way, began).await, [(0, 1_400), (1, 1_400), (2, 1_400)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_reads_one_frame_after_the_other_and_its_window_fills() {
        let (mut way, began) = (Way::default(), clock::now());
        for n in 0..3 {
            way.send_on(vec![n], Travel { reading: MS(1_000), ..Travel::default() });
        }
        assert_eq!(arrivals(&mut way, began).await, [(0, 1_000), (1, 2_000), (2, 3_000)]);
        way.send_on(vec![0; WINDOW], Travel { reading: MS(1_000), ..Travel::default() });
        assert!(way.is_full());
        way.due().await;
        way.pop();
        assert!(!way.is_full());
    }

    #[tokio::test(start_paused = true)]
    async fn an_overtaken_frame_waits_for_the_next_and_not_for_ever() {
        let (mut way, began) = (Way::default(), clock::now());
        let overtaken = Travel { overtaken: Some(MS(500)), ..Travel::default() };
        way.send_on(vec![0], overtaken);
        way.send_on(vec![1], Travel::default());
        way.send_on(vec![2], overtaken);
        assert_eq!(arrivals(&mut way, began).await, [(1, 0), (0, 0), (2, 500)]);
    }
}
