//! Who of many connections has to go when all are taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::AbortHandle;

/// When a connection was last of use, on a clock that counts uses and arrivals; 0 before its first request.
#[derive(Debug, Default)]
pub(crate) struct Used {
    last: AtomicU64,
    clock: Arc<AtomicU64>,
}

impl Used {
    /// It is of use now.
    pub(crate) fn mark(&self) {
        self.last.store(self.clock.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

struct Seat {
    arrived: u64,
    used: Arc<Used>,
    task: AbortHandle,
}

/// So many connections at once. When all are taken, the one unused for longest is closed (as the MODBUS Messaging
/// Implementation Guide, 4.2, advises). Those that never asked anything go first, so that peers which only connect push
/// each other out, and no client at work.
pub(crate) struct Seats {
    most: usize,
    taken: Vec<Seat>,
    clock: Arc<AtomicU64>,
}

impl Seats {
    /// Room for `most`, at least one.
    pub(crate) fn new(most: usize) -> Seats {
        Seats { most: most.max(1), taken: Vec::new(), clock: Arc::default() }
    }

    /// Seats the connection that `spawn` starts.
    pub(crate) fn seat(&mut self, spawn: impl FnOnce(Arc<Used>) -> AbortHandle) {
        self.taken.retain(|s| !s.task.is_finished());
        if self.taken.len() >= self.most {
            let key = |s: &Seat| (s.used.last.load(Ordering::Relaxed), s.arrived);
            if let Some(least) = (0..self.taken.len()).min_by_key(|i| key(&self.taken[*i])) {
                self.taken.swap_remove(least).task.abort();
            }
        }
        let used = Arc::new(Used { last: AtomicU64::new(0), clock: Arc::clone(&self.clock) });
        let arrived = self.clock.fetch_add(1, Ordering::Relaxed) + 1;
        self.taken.push(Seat { arrived, used: Arc::clone(&used), task: spawn(used) });
    }
}
