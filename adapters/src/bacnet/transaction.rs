//! Confirmed requests that await their answer (clause 5.4.4): invoke ids, retries, deadlines. Pure.

use std::time::Duration;

use aegis_models::Time;

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// APDU_Timeout: after that long without an answer the request is sent again.
    pub timeout: Duration,
    /// Number_Of_APDU_Retries: how often it is sent again.
    pub retries: u8,
}

impl Default for Patience {
    /// 12.11: three seconds and three retries are what the standard recommends.
    fn default() -> Patience {
        Patience { timeout: Duration::from_secs(3), retries: 3 }
    }
}

impl Patience {
    /// Two retries, so spaced that a request without an answer fails after `whole`.
    pub fn within(whole: Duration) -> Patience {
        const RETRIES: u8 = 2;
        Patience { timeout: whole / (u32::from(RETRIES) + 1), retries: RETRIES }
    }

    /// How long a request without an answer takes to fail.
    pub fn whole(&self) -> Duration {
        self.timeout.saturating_mul(u32::from(self.retries) + 1)
    }
}

/// A request under way.
#[derive(Clone, Debug)]
pub(super) struct Transaction<T> {
    pub(super) invoke: u8,
    /// What it is about, for whoever asked.
    pub(super) about: T,
    datagram: Vec<u8>,
    deadline: Time,
    left: u8,
}

/// Requests under way, each with an invoke id of its own.
#[derive(Clone, Debug)]
pub(super) struct Transactions<T> {
    patience: Patience,
    next: u8,
    open: Vec<Transaction<T>>,
}

impl<T> Transactions<T> {
    pub(super) fn new(patience: Patience) -> Transactions<T> {
        Transactions { patience, next: 0, open: Vec::new() }
    }

    /// An invoke id that no open request has; none when all 256 are taken.
    pub(super) fn free_id(&self) -> Option<u8> {
        (0..=u8::MAX).map(|i| self.next.wrapping_add(i)).find(|id| self.open.iter().all(|t| t.invoke != *id))
    }

    /// Opens a request that is sent now as `datagram`. The id is one of [`Transactions::free_id`].
    pub(super) fn open(&mut self, now: Time, invoke: u8, about: T, datagram: Vec<u8>) {
        assert!(self.open.iter().all(|t| t.invoke != invoke), "the invoke id is free");
        self.next = invoke.wrapping_add(1);
        let deadline = now.after(self.patience.timeout);
        self.open.push(Transaction { invoke, about, datagram, deadline, left: self.patience.retries });
    }

    /// Closes the request of that id, if it is one of those that `which` picks.
    pub(super) fn close(&mut self, invoke: u8, which: impl Fn(&T) -> bool) -> Option<T> {
        let i = self.open.iter().position(|t| t.invoke == invoke && which(&t.about))?;
        Some(self.open.remove(i).about)
    }

    /// Drops the requests about what `which` picks: an answer to them is no longer waited for.
    pub(super) fn forget(&mut self, which: impl Fn(&T) -> bool) {
        self.open.retain(|t| !which(&t.about));
    }

    pub(super) fn any(&self, which: impl Fn(&T) -> bool) -> bool {
        self.open.iter().any(|t| which(&t.about))
    }

    /// Sends again what is due, and gives up what has been sent often enough: those come back.
    pub(super) fn advance(&mut self, now: Time, mut send: impl FnMut(&T, Vec<u8>)) -> Vec<T> {
        for t in self.open.iter_mut().filter(|t| t.deadline <= now && t.left > 0) {
            t.left -= 1;
            t.deadline = now.after(self.patience.timeout);
            send(&t.about, t.datagram.clone());
        }
        self.open.extract_if(.., |t| t.deadline <= now).map(|t| t.about).collect()
    }

    /// When [`Transactions::advance`] has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.open.iter().map(|t| t.deadline).min()
    }
}
