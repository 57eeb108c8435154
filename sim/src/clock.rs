//! The one file of the twin's shells that reads a clock: the runtime's, which stands still where it is
//! paused, and the wall's, which time stamps begin from.

use tokio::time::Instant;

/// The runtime's present moment.
pub fn now() -> Instant {
    Instant::now()
}

/// The wall clock [ns since 1970].
pub fn unix_ns() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "the one place where the twin reads the wall clock")]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
}
