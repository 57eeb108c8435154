//! What a channel shows, in words that a technician accepts.

use aegis_models::Time;
use aegis_models::profile::{Direction, Term};

/// A channel's present departure, as diagnosis and people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Symptom {
    /// The place of its channel: points first, then residuals.
    pub channel: usize,
    /// The channel and which way it moves.
    pub term: Term,
    /// The statistic that spoke loudest.
    pub detector: String,
    /// What a waveform shows, in words; empty for what is no waveform's.
    pub note: String,
    /// What is at fault, in words that stay the same while it is; empty for what is no waveform's.
    pub part: String,
    /// The statistic's value over its limit at its worst.
    pub peak: f64,
    /// The channel's value at its worst [its unit].
    pub value: f64,
    /// The level it should have [its unit].
    pub expected: f64,
    /// Its unit.
    pub unit: String,
    /// When it began.
    pub since: Time,
    /// When it was last beyond its limit.
    pub last: Time,
    /// Of all channels together: those it comes from, most first, with their shares.
    pub shares: Vec<(String, f64)>,
}

impl Symptom {
    /// In words a technician accepts.
    pub fn text(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let name = &self.term.channel;
        if let Some((first, share)) = self.shares.first() {
            let others: Vec<String> =
                self.shares[1..].iter().map(|(n, s)| format!("{n} ({:.0} %)", 100.0 * s)).collect();
            let more =
                if others.is_empty() { String::new() } else { format!(", then {}", others.join(", ")) };
            return format!(
                "{} of all channels at {:.1} times its limit since {}, most from {first} ({:.0} %): {}{unit} against \
                 {}{unit} where its level would be{more}",
                self.detector,
                self.peak,
                self.since,
                100.0 * share,
                figure(self.value),
                figure(self.expected),
            );
        }
        match self.term.direction {
            Direction::Stale => format!("{name}: no good value for {:.0} s", self.value),
            Direction::Stuck => {
                format!("{name} stands still at {}{unit} since {}", figure(self.value), self.since)
            }
            Direction::OutOfRange => format!(
                "{name} at {}{unit} is beyond the instrument's range, which ends at {}{unit}",
                figure(self.value),
                figure(self.expected)
            ),
            Direction::High if !self.note.is_empty() => {
                format!("{name}, {}: {}; seen since {}", self.part, self.note, self.since)
            }
            way => format!(
                "{name} is {way}: {}{unit} against {}{unit} as learned, {} at {:.1} times its limit since {}",
                figure(self.value),
                figure(self.expected),
                self.detector,
                self.peak,
                self.since
            ),
        }
    }
}

/// Four significant digits, as an instrument would show.
pub(crate) fn figure(x: f64) -> String {
    let size = x.abs();
    if size >= 1e6 || (size > 0.0 && size < 1e-3) {
        format!("{x:.2e}")
    } else if size >= 1_000.0 {
        format!("{x:.0}")
    } else if size >= 10.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.3}")
    }
}
