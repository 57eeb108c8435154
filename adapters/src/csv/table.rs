//! Header and rows.

use csv::{ByteRecord, Reader, ReaderBuilder, Trim};

use super::clock::{self, CLOCK_NAMES, Candidate};
use super::{BadCsv, Options, Recording};
use crate::limits;

/// Texts that say that there is no value; letters in any case.
const NONE: [&str; 8] = ["", "nan", "na", "n/a", "null", "none", "-", "?"];

/// A column that may turn out to be a channel.
struct Channel {
    name: String,
    /// Its place in the file.
    at: usize,
    first: Option<f64>,
    varies: bool,
}

impl Channel {
    fn see(&mut self, value: Option<f64>) {
        if let Some(x) = value {
            self.varies |= *self.first.get_or_insert(x) != x;
        }
    }
}

pub(super) fn parse(
    file: &str,
    bytes: &[u8],
    options: &Options,
    wanted: Option<&[String]>,
) -> Result<Recording, BadCsv> {
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(bytes, options)?)
        .trim(Trim::All)
        .flexible(true)
        .from_reader(bytes);
    let header = header(file, &mut reader)?;
    let mut channels = channels(file, &header, options, wanted)?;
    let mut clocks: Vec<(usize, Candidate)> = (0..header.len())
        .filter(|i| is_clock(&header[*i]) && !options.ignore.contains(&header[*i]))
        .map(|i| (i, Candidate::new(&header[i])))
        .collect();
    let mut rows = Vec::new();
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|e| broken(file, e))? {
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != header.len() {
            return Err(BadCsv::Ragged {
                file: file.to_owned(),
                line,
                found: record.len(),
                expected: header.len(),
            });
        }
        for (i, candidate) in &mut clocks {
            candidate.push(&String::from_utf8_lossy(&record[*i]), line);
        }
        let mut row = Vec::with_capacity(channels.len());
        for channel in &mut channels {
            let value = value(&record[channel.at]).map_err(|found| BadCsv::Cell {
                file: file.to_owned(),
                line,
                column: channel.name.clone(),
                found,
            })?;
            channel.see(value);
            row.push(value);
        }
        rows.push(row);
    }
    if wanted.is_none() {
        drop_idle(&mut channels, &mut rows);
    }
    let (clock, seconds) = clock::choose(clocks.into_iter().map(|(_, c)| c).collect(), rows.len());
    Ok(Recording { columns: channels.into_iter().map(|c| c.name).collect(), rows, seconds, clock })
}

fn is_clock(name: &str) -> bool {
    CLOCK_NAMES.contains(&name)
}

fn delimiter(bytes: &[u8], options: &Options) -> Result<u8, BadCsv> {
    match options.delimiter {
        Some(c) if c.is_ascii() && !"\"\r\n".contains(c) => Ok(c as u8),
        Some(c) => Err(BadCsv::Delimiter(c)),
        None => {
            let header = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
            let count = |d: u8| header.iter().filter(|b| **b == d).count();
            // Of equals the last wins: a comma, when the header has a single column.
            Ok([b'\t', b';', b','].into_iter().max_by_key(|d| count(*d)).unwrap_or(b','))
        }
    }
}

fn header(file: &str, reader: &mut Reader<&[u8]>) -> Result<Vec<String>, BadCsv> {
    let record = reader.byte_headers().map_err(|e| broken(file, e))?.clone();
    let refuse = |problem: String| {
        let line = record.position().map_or(1, |p| p.line().max(1));
        Err(BadCsv::Header { file: file.to_owned(), line, problem })
    };
    // Names may be in any encoding (a degree sign in Latin-1): they only have to differ.
    let names: Vec<String> = record.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
    if names.is_empty() {
        return refuse("nothing; a header with the columns' names would be right".to_owned());
    }
    if names.len() > limits::CSV_COLUMNS {
        return refuse(format!("{} columns; at most {} would be right", names.len(), limits::CSV_COLUMNS));
    }
    if names.iter().any(|n| !n.is_empty()) && names.iter().all(|n| n.is_empty() || n.parse::<f64>().is_ok()) {
        return refuse(format!(
            "numbers, such as {:?}; a header with the columns' names would be right",
            names[0]
        ));
    }
    let twice = |(i, n): &(usize, &String)| !n.is_empty() && names[..*i].contains(n);
    if let Some((_, name)) = names.iter().enumerate().find(twice) {
        return refuse(format!("two columns are named {name:?}; a name for each would be right"));
    }
    Ok(names)
}

/// The columns that may be channels. An unnamed one has nothing to be told by: the first is an index, and any other
/// comes from a delimiter at the end of each line.
fn channels(
    file: &str,
    header: &[String],
    options: &Options,
    wanted: Option<&[String]>,
) -> Result<Vec<Channel>, BadCsv> {
    let channel =
        |(at, name): (usize, &String)| Channel { name: name.clone(), at, first: None, varies: false };
    let Some(wanted) = wanted else {
        let may = |n: &String| !n.is_empty() && !is_clock(n) && !options.ignore.contains(n);
        return Ok(header.iter().enumerate().filter(|(_, n)| may(n)).map(channel).collect());
    };
    let find = |name: &String| match header.iter().position(|h| h == name) {
        Some(at) => Ok(channel((at, name))),
        None => Err(BadCsv::Missing {
            file: file.to_owned(),
            column: name.clone(),
            known: header.join(", ").chars().take(400).collect(),
        }),
    };
    wanted.iter().map(find).collect()
}

/// A cell as a value; the text itself when it is neither a number nor a word for none.
fn value(cell: &[u8]) -> Result<Option<f64>, String> {
    let number = std::str::from_utf8(cell).ok().and_then(|text| text.parse::<f64>().ok());
    match number {
        // An infinity is what a logger writes when it divided by nothing: no measurement.
        Some(x) => Ok(x.is_finite().then_some(x)),
        None if NONE.iter().any(|none| cell.eq_ignore_ascii_case(none.as_bytes())) => Ok(None),
        None => Err(String::from_utf8_lossy(cell).chars().take(80).collect()),
    }
}

/// Takes out the columns that never change.
fn drop_idle(channels: &mut Vec<Channel>, rows: &mut [Vec<Option<f64>>]) {
    let varies: Vec<bool> = channels.iter().map(|c| c.varies).collect();
    channels.retain(|c| c.varies);
    for row in rows {
        let mut keep = varies.iter();
        row.retain(|_| *keep.next().expect("a row has a value for each channel"));
        row.shrink_to_fit();
    }
}

fn broken(file: &str, error: csv::Error) -> BadCsv {
    let file = file.to_owned();
    match error.into_kind() {
        csv::ErrorKind::Io(source) => BadCsv::Io { file, source },
        // Records of bytes that may differ in length fail for no other reason.
        kind => BadCsv::Io { file, source: std::io::Error::other(format!("{kind:?}")) },
    }
}
