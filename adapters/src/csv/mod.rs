//! Recordings of equipment as tables of text: one row a moment, one column a channel.
//!
//! Which column is the clock, and what is no channel, is found out as [`read`] says; the rest is numbers. A cell that
//! is neither a number nor empty is an error that names its place: a recording is judged as a whole or not at all.

mod clock;
mod table;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use clock::{CLOCK_NAMES, Clock};

use crate::limits;

/// What a reader is told about a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What separates the columns; when absent, the one of comma, semicolon and tab that the header has most of.
    pub delimiter: Option<char>,
    /// Columns that are neither channel nor clock. Names that the recording has not are no error.
    pub ignore: Vec<String>,
}

/// A recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The channels' names, in the file's order.
    pub columns: Vec<String>,
    /// For each row, a value for each channel; none where the cell is empty or says that there is no value.
    pub rows: Vec<Vec<Option<f64>>>,
    /// For each row, the time since the first [s]; it never decreases, and rows may share a moment.
    pub seconds: Vec<f64>,
    /// Where `seconds` come from.
    pub clock: Clock,
}

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadCsv {
    /// The file cannot be read.
    #[error("{file}")]
    Io {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is larger than what is held in memory.
    #[error("{file}: larger than {most} bytes, the most that a recording may have")]
    TooLarge {
        /// The file.
        file: String,
        /// The most, in bytes.
        most: u64,
    },
    /// A delimiter that separates nothing.
    #[error("delimiter {0:?}: a single ASCII character other than a quote or line end would be right")]
    Delimiter(char),
    /// The first line is no header.
    #[error("{file}:{line}: {problem}")]
    Header {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// A row with more or fewer cells than the header.
    #[error("{file}:{line}: {found} cells; {expected}, as in the header, would be right")]
    Ragged {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// Its cells.
        found: usize,
        /// The header's cells.
        expected: usize,
    },
    /// A cell that is no number.
    #[error(
        "{file}:{line}: column {column:?}: {found:?}; a number with a decimal point would be right, or --ignore the column"
    )]
    Cell {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The column's name.
        column: String,
        /// What stands there.
        found: String,
    },
    /// A channel that was asked for by name is not there.
    #[error("{file}: no column is named {column:?}; there are {known}")]
    Missing {
        /// The file.
        file: String,
        /// The channel.
        column: String,
        /// The columns there are.
        known: String,
    },
}

/// Reads the recording in `file`.
///
/// - A column that is named as one of [`CLOCK_NAMES`] and parses as time, or as seconds, is the clock; without one, or
///   when it runs backwards, the row number is. Such a column is never a channel.
/// - An unnamed first column is an index and no channel, as is what [`Options::ignore`] names.
/// - A column with one value only, or with none, is no channel: there is nothing to watch in it.
pub fn read(file: impl AsRef<Path>, options: &Options) -> Result<Recording, BadCsv> {
    let (name, bytes) = load(file.as_ref())?;
    parse(&name, &bytes, options)
}

/// Reads these channels of the recording in `file`, in this order, constant or not: the healthy span of another
/// recording, in which a valve may stand still that moves in the other.
pub fn read_channels(
    file: impl AsRef<Path>,
    options: &Options,
    channels: &[String],
) -> Result<Recording, BadCsv> {
    let (name, bytes) = load(file.as_ref())?;
    table::parse(&name, &bytes, options, Some(channels))
}

/// Reads a recording from `bytes`; `name` stands for the file in errors. See [`read`].
pub fn parse(name: &str, bytes: &[u8], options: &Options) -> Result<Recording, BadCsv> {
    table::parse(name, bytes, options, None)
}

fn load(path: &Path) -> Result<(String, Vec<u8>), BadCsv> {
    let name = path.display().to_string();
    let failed = |source| BadCsv::Io { file: name.clone(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(limits::CSV_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limits::CSV_BYTES {
        return Err(BadCsv::TooLarge { file: name, most: limits::CSV_BYTES });
    }
    Ok((name, bytes))
}
