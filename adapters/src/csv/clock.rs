//! The clock column: texts that are moments.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Timestamp, fmt::strtime};

/// The names of a column that may be the clock.
pub const CLOCK_NAMES: [&str; 4] = ["datetime", "timestamp", "Datetime", "Time"];

/// Where a recording's time comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clock {
    /// A column of that name.
    Column(String),
    /// The row number: one second a row.
    Rows {
        /// Why a column with a clock's name is not the clock; none when there is no such column.
        why: Option<String>,
    },
}

/// A moment as a recording writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// Wall-clock time [ns since 1970].
    Wall(i128),
    /// A number [s].
    Number(f64),
}

impl Moment {
    fn parse(text: &str) -> Option<Moment> {
        if let Ok(number) = text.parse::<f64>() {
            return number.is_finite().then_some(Moment::Number(number));
        }
        // With an offset from UTC the moment is exact; without, the offset is taken to be the same in all rows.
        if let Ok(exact) = text.parse::<Timestamp>() {
            return Some(Moment::Wall(exact.as_nanosecond()));
        }
        let civil: DateTime = match text.parse() {
            Ok(civil) => civil,
            // 2004.02.12.10.32.39, as the bearing rigs of IMS write it.
            Err(_) => strtime::parse("%Y.%m.%d.%H.%M.%S", text).ok()?.to_datetime().ok()?,
        };
        Some(Moment::Wall(Offset::UTC.to_timestamp(civil).ok()?.as_nanosecond()))
    }

    /// Time since `earlier` [s]; none when the two are of different kinds.
    fn since(self, earlier: Moment) -> Option<f64> {
        match (self, earlier) {
            (Moment::Wall(a), Moment::Wall(b)) => Some((a - b) as f64 * 1e-9),
            (Moment::Number(a), Moment::Number(b)) => Some(a - b),
            _ => None,
        }
    }
}

/// A column that may turn out to be the clock, fed row by row.
pub(super) struct Candidate {
    name: String,
    first: Option<Moment>,
    seconds: Vec<f64>,
    fault: Option<String>,
}

impl Candidate {
    pub(super) fn new(name: &str) -> Candidate {
        Candidate { name: name.to_owned(), first: None, seconds: Vec::new(), fault: None }
    }

    pub(super) fn push(&mut self, text: &str, line: u64) {
        if self.fault.is_some() {
            return;
        }
        let at = Moment::parse(text).and_then(|m| m.since(*self.first.get_or_insert(m)));
        let last = self.seconds.last().copied().unwrap_or(0.0);
        match at {
            Some(s) if s >= last => self.seconds.push(s),
            Some(_) => self.fault = Some(format!("column {:?} runs backwards in line {line}", self.name)),
            None => {
                let shown: String = text.chars().take(40).collect();
                self.fault =
                    Some(format!("column {:?} holds {shown:?} in line {line}, which is no time", self.name));
            }
        }
    }
}

/// The first candidate that is a clock for all `rows`, else the row number.
pub(super) fn choose(candidates: Vec<Candidate>, rows: usize) -> (Clock, Vec<f64>) {
    let mut why = None;
    for c in candidates {
        match c.fault {
            None => return (Clock::Column(c.name), c.seconds),
            Some(fault) => why = why.or(Some(fault)),
        }
    }
    (Clock::Rows { why }, (0..rows).map(|i| i as f64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(a: &str, b: &str) -> Option<f64> {
        Moment::parse(b)?.since(Moment::parse(a)?)
    }

    #[test]
    fn moments_are_read_as_recordings_write_them() {
        for (a, b, s) in [
            ("2020-02-08 13:30:47", "2020-02-08 13:30:48", 1.0),
            ("2020-02-08T13:30:47.25", "2020-02-08T13:30:48.75", 1.5),
            ("2020-02-28 23:59:59", "2020-02-29 00:00:00.000001", 1.000001),
            ("2004.02.12.10.32.39", "2004.02.12.10.42.39", 600.0),
            ("2020-02-08T13:30:47Z", "2020-02-08T15:30:48+02:00", 1.0),
            ("2020-02-08 13:30", "2020-02-08 13:31", 60.0),
            ("2020-02-08", "2020-02-09", 86_400.0),
            ("11.946", "13.028", 1.082),
            ("1581168647", "1581168648.5", 1.5),
        ] {
            let found = gap(a, b).unwrap_or_else(|| panic!("{a} .. {b}"));
            assert!((found - s).abs() < 1e-9, "{a} .. {b}: {found}");
        }
        for bad in ["", "noon", "2020-13-01 00:00:00", "NaN", "inf", "2004.02.12", "12/31/2020 10:00"] {
            assert_eq!(Moment::parse(bad), None, "{bad:?}");
        }
        assert_eq!(gap("5", "2020-02-08"), None);
    }
}
