//! The shell of the device: a socket around [`Session`], and the handle of whoever owns the machine.
//!
//! Whatever peers send costs a bounded amount: one datagram at a time, one answer to each, so many waiting.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aegis_models::{Frame, PointIx, Time};
use tokio::sync::Notify;
use tokio::time::{sleep, sleep_until};

use super::datagrams::{self, Datagrams};
use super::server::Session;
use crate::{Served, clock, limits};

/// A served device, seen by its owner.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    session: Mutex<Session>,
    published: Notify,
}

impl Handle {
    /// A device that is not served yet.
    pub fn new(session: Session) -> Handle {
        Handle { shared: Arc::new(Shared { session: Mutex::new(session), published: Notify::new() }) }
    }

    /// A session whose owner panicked still holds whole values: writes are all or nothing.
    fn session(&self) -> MutexGuard<'_, Session> {
        self.shared.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Served for Handle {
    fn publish(&self, frame: &Frame) {
        self.session().publish(&frame.samples, &frame.records);
        self.shared.published.notify_one();
    }

    fn take_writes(&self) -> Vec<(PointIx, f64)> {
        self.session().take_writes()
    }
}

/// Serves the device to all who send datagrams, until `stop` is ready or the future is dropped.
///
/// The session is locked for one datagram at a time and never across a wait.
pub async fn serve<D: Datagrams>(mut socket: D, handle: Handle, stop: impl Future<Output = ()>) {
    let began = clock::now();
    // One octet more than a datagram may have, so that a longer one shows as such.
    let mut buf = [0; limits::BACNET_DATAGRAM_BYTES + 1];
    tokio::pin!(stop);
    loop {
        loop {
            // Bound to a name, the lock would be held across the wait.
            let Some((to, datagram)) = handle.session().poll_transmit() else { break };
            tokio::select! {
                biased;
                () = &mut stop => return,
                // What cannot be sent is lost, as datagrams are: who misses it asks again.
                _ = datagrams::send(&mut socket, &datagram, to) => {}
            }
        }
        let due = handle.session().poll_timeout();
        let alarm = async {
            match due {
                Some(due) => sleep_until(began + due.since(Time::ZERO)).await,
                None => std::future::pending().await,
            }
        };
        let now = || Time::ZERO.after(began.elapsed());
        tokio::select! {
            biased;
            () = &mut stop => return,
            // Requests first, each of which also does what is due: neither they nor the subscribers can be kept waiting.
            received = datagrams::recv(&mut socket, &mut buf) => match received {
                Ok((from, n)) => handle.session().receive(now(), from, &buf[..n]),
                Err(_) => {
                    sleep(limits::ACCEPT_PAUSE).await;
                    handle.session().advance(now());
                }
            },
            () = alarm => handle.session().advance(now()),
            () = handle.shared.published.notified() => handle.session().advance(now()),
        }
    }
}
