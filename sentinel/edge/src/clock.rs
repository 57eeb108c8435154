//! The one file that reads the OS clock.
#![allow(clippy::disallowed_methods)]

use std::time::{Duration, SystemTime};

use aegis_models::Time;
use tokio::time::Instant;

/// A sentinel that was off for longer goes on as if it had been off so long: its figures are stale in any case.
const LONGEST_GAP: Duration = Duration::from_secs(30 * 86_400);

/// The agent's monotonic clock. It is the runtime's, so that it stands where a runtime's clock is paused.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    origin: Time,
    rate: f64,
}

impl Clock {
    /// A clock that reads `origin` now and runs `rate` times as fast as the wall's.
    pub fn start(origin: Time, rate: f64) -> Clock {
        Clock { started: Instant::now(), origin, rate }
    }

    /// The agent's time.
    pub fn now(&self) -> Time {
        self.origin.after(self.started.elapsed().mul_f64(self.rate))
    }

    /// The runtime's moment at which the agent's clock reads that.
    pub fn instant(&self, time: Time) -> Instant {
        self.started + time.since(self.origin).div_f64(self.rate)
    }

    /// Seconds of the agent's time in a second of the wall's.
    pub fn rate(&self) -> f64 {
        self.rate
    }
}

/// Nanoseconds since 1970, a label for what is kept over restarts.
pub fn wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// How long ago a label was put on; nothing when the wall's clock was set back since.
pub fn gap_since(label_ns: u64) -> Duration {
    Duration::from_nanos(wall_ns().saturating_sub(label_ns)).min(LONGEST_GAP)
}
