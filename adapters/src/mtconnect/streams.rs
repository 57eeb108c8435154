//! Who of many streams has to end when all places are taken.
//!
//! A client asks again for a stream that its agent ended, from the observation it was at: ending one costs a request
//! and no observation.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The streams of one agent.
#[derive(Debug)]
pub(super) struct Streams {
    most: usize,
    most_per_peer: usize,
    taken: Vec<Taken>,
    /// Counts parts and arrivals.
    clock: u64,
}

#[derive(Debug)]
struct Taken {
    number: u64,
    peer: Option<IpAddr>,
    /// When it last gave a part, or came.
    used: u64,
    end: Arc<Notify>,
}

/// The place of one stream, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    streams: Arc<Mutex<Streams>>,
    number: u64,
    end: Arc<Notify>,
}

impl Streams {
    pub fn new(most: usize, most_per_peer: usize) -> Streams {
        Streams { most: most.max(1), most_per_peer: most_per_peer.max(1), taken: Vec::new(), clock: 0 }
    }

    /// A place for a stream to that peer. When it has too many, its own least used one ends; when all are taken, the
    /// least used of all.
    pub fn place(streams: &Arc<Mutex<Streams>>, peer: Option<IpAddr>) -> Place {
        let mut own = lock(streams);
        let of_peer = |t: &Taken| peer.is_some() && t.peer == peer;
        if own.taken.iter().filter(|t| of_peer(t)).count() >= own.most_per_peer {
            own.end(of_peer);
        }
        if own.taken.len() >= own.most {
            own.end(|_| true);
        }
        own.clock += 1;
        let (number, end) = (own.clock, Arc::new(Notify::new()));
        own.taken.push(Taken { number, peer, used: number, end: Arc::clone(&end) });
        Place { streams: Arc::clone(streams), number, end }
    }

    fn end(&mut self, of: impl Fn(&Taken) -> bool) {
        let those = self.taken.iter().enumerate().filter(|(_, t)| of(t));
        if let Some((least, _)) = those.min_by_key(|(_, t)| t.used) {
            self.taken.swap_remove(least).end.notify_one();
        }
    }
}

impl Place {
    /// The stream gives a part.
    pub fn mark(&self) {
        let mut streams = lock(&self.streams);
        streams.clock += 1;
        let used = streams.clock;
        if let Some(own) = streams.taken.iter_mut().find(|t| t.number == self.number) {
            own.used = used;
        }
    }

    /// Ready when the place is another's.
    pub async fn ended(&self) {
        self.end.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.streams).taken.retain(|t| t.number != self.number);
    }
}

fn lock(streams: &Mutex<Streams>) -> std::sync::MutexGuard<'_, Streams> {
    // Each change is whole before anything could panic.
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_used_stream_ends_and_a_peer_crowds_out_itself_first() {
        let streams = Arc::new(Mutex::new(Streams::new(4, 2)));
        let peer = |n: u8| Some(IpAddr::from([10, 0, 0, n]));
        let numbers = || lock(&streams).taken.iter().map(|t| t.number).collect::<Vec<_>>();
        let first = Streams::place(&streams, peer(1));
        let crowd: Vec<Place> = (0..5).map(|_| Streams::place(&streams, peer(2))).collect();
        let mut left = numbers();
        left.sort_unstable();
        assert_eq!(left, [first.number, crowd[3].number, crowd[4].number]);
        // Two more of others: all are taken, and the one that gave nothing for longest ends.
        let third = Streams::place(&streams, peer(3));
        first.mark();
        crowd[4].mark();
        third.mark();
        let fourth = Streams::place(&streams, peer(4));
        assert!(!numbers().contains(&crowd[3].number));
        drop((third, fourth));
        assert_eq!(numbers().len(), 2);
    }
}
