//! Time as an argument: monotonic nanoseconds since the run, or the agent, began.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A moment: nanoseconds since the run (or the agent) began. Wall-clock time is a label put on at the edge.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Time {
    /// Nanoseconds since the beginning.
    pub ns: u64,
}

impl Time {
    /// The beginning.
    pub const ZERO: Time = Time { ns: 0 };

    /// The moment `s` seconds after the beginning.
    pub const fn from_secs(s: u64) -> Time {
        Time { ns: s * 1_000_000_000 }
    }

    /// The moment `ms` milliseconds after the beginning.
    pub const fn from_millis(ms: u64) -> Time {
        Time { ns: ms * 1_000_000 }
    }

    /// Seconds since the beginning [s].
    pub fn secs_f64(self) -> f64 {
        self.ns as f64 * 1e-9
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.ns.saturating_sub(earlier.ns))
    }

    /// The moment `d` later; the end of time when that does not fit.
    pub fn after(self, d: Duration) -> Time {
        Time { ns: self.ns.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)) }
    }
}

/// `00:12:30.4`, with the days in front from the second day on.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.ns / 100_000_000;
        let (s, t) = (tenths / 10, tenths % 10);
        let (d, h, m, s) = (s / 86_400, s / 3_600 % 24, s / 60 % 60, s % 60);
        if d > 0 {
            write!(f, "{d}d ")?;
        }
        write!(f, "{h:02}:{m:02}:{s:02}.{t}")
    }
}

/// A duration as people write it: `90s`, `1h30m`, `250ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// A span of `s` seconds.
    pub const fn secs(s: u64) -> Span {
        Span(Duration::from_secs(s))
    }

    /// Its length [s].
    pub fn secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }
}

/// Why a text is no [`Span`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no duration: write a number with ms, s, m, h or d, such as \"90s\" or \"1h30m\"")]
pub struct BadSpan(String);

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Span, BadSpan> {
        let bad = || BadSpan(text.to_owned());
        let mut total = Duration::ZERO;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
            let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
            rest = &rest[digits..];
            let unit_len = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let secs = match rest[..unit_len].trim() {
                "ms" => 1e-3,
                "s" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return Err(bad()),
            };
            let part = Duration::try_from_secs_f64(number * secs).map_err(|_| bad())?;
            total = total.checked_add(part).ok_or_else(bad)?;
            rest = &rest[unit_len..];
        }
        // What does not fit in Time's nanoseconds (584 years) is a typing error, not a plan.
        if total > Duration::from_nanos(u64::MAX / 2) { Err(bad()) } else { Ok(Span(total)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ms = self.0.as_millis();
        if ms == 0 {
            return write!(f, "0s");
        }
        for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
            if ms >= size {
                write!(f, "{}{unit}", ms / size)?;
                ms %= size;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Span, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A duration: numbers with ms, s, m, h or d, such as \"90s\" or \"1h30m\".",
            "pattern": r"^(\s*[0-9]+(\.[0-9]+)?\s*(ms|s|m|min|h|d))+$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_print_the_same() {
        for (text, ms) in [("90s", 90_000), ("1h30m", 5_400_000), ("250ms", 250), ("1d", 86_400_000)] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0.as_millis(), ms);
            assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }
        assert_eq!("0.5m".parse::<Span>().unwrap(), Span::secs(30));
        for bad in ["", "5", "ten s", "5 parsecs", "-3s", "9e9d", "1..2s", "99999999999999d"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn time_prints_as_a_clock() {
        assert_eq!(Time::from_millis(750_400).to_string(), "00:12:30.4");
        assert_eq!(Time::from_secs(90_061).to_string(), "1d 01:01:01.0");
    }
}
