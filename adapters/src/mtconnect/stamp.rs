//! Moments of the wall clock as they stand in documents: ISO 8601 in UTC, and nanoseconds since 1970 inside.

use jiff::Timestamp;

/// `2026-01-01T00:00:00.100000Z`, to the microsecond.
pub fn format(unix_ns: u64) -> String {
    // Every u64 of nanoseconds lies before the year 2555.
    let stamp = Timestamp::from_nanosecond(i128::from(unix_ns)).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{stamp:.6}")
}

/// The moment that a document names; none when it names none, or one before 1970.
pub fn parse(text: &str) -> Option<u64> {
    let stamp: Timestamp = text.parse().ok()?;
    u64::try_from(stamp.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_they_are_written() {
        let ns = 1_767_225_600_100_000_000;
        assert_eq!(format(ns), "2026-01-01T00:00:00.100000Z");
        assert_eq!(parse(&format(ns)), Some(ns));
        assert_eq!(parse("2026-01-01T00:00:00Z"), Some(1_767_225_600_000_000_000));
        assert_eq!(parse("2026-01-01T01:00:00+01:00"), Some(1_767_225_600_000_000_000));
        for bad in ["", "now", "2026-01-01", "1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
