//! A run, kept: samples as Parquet, everything else as JSON Lines.
//!
//! ```text
//! DIR/run.json         what was run: scenario, seed, machines
//!     events.jsonl     the timeline, one event a line
//!     inputs.jsonl     what the sentinel was told besides samples, one a line, with its place among the frames
//!     samples.parquet  one row a value: order, time_ns, machine, point, value, quality, record; -1 where a value is of
//!                      no record, -2 where it is one of a waveform, whose name stands for the point's
//! ```
//!
//! pandas, DuckDB and `aegis replay` read the same files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aegis_models::{Burst, Event, Frame, MachineIx, Profile, Quality, Record, Sample, Time};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Rows of one chunk: an hour of the fab is a few dozen of them.
const CHUNK_ROWS: usize = 128 * 1024;
/// The record of a value that is of none, and of one that is of a waveform.
const NO_RECORD: i32 = -1;
const WAVEFORM: i32 = -2;

const SCHEMA: &str = "message samples {
    REQUIRED INT64 order;
    REQUIRED INT64 time_ns;
    REQUIRED BYTE_ARRAY machine (UTF8);
    REQUIRED BYTE_ARRAY point (UTF8);
    REQUIRED DOUBLE value;
    REQUIRED INT32 quality;
    REQUIRED INT32 record;
}";

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BadRecording {
    /// The disk says no.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it says.
        source: std::io::Error,
    },
    /// The samples are no Parquet, or not ours.
    #[error("{path}: {source}")]
    Parquet {
        /// Which file.
        path: PathBuf,
        /// What it says.
        source: parquet::errors::ParquetError,
    },
    /// A line is no JSON of the right sort.
    #[error("{path}:{line}: {source}")]
    Json {
        /// Which file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What it says.
        source: serde_json::Error,
    },
    /// The samples name what the site does not have.
    #[error("{path}: no machine {machine} with a point {point} in this site")]
    Unknown {
        /// Which file.
        path: PathBuf,
        /// The machine.
        machine: String,
        /// The point.
        point: String,
    },
}

/// Writes a recording.
pub struct Recorder {
    dir: PathBuf,
    events: BufWriter<File>,
    inputs: BufWriter<File>,
    samples: SerializedFileWriter<File>,
    columns: Columns,
    machines: Vec<(ByteArray, Vec<ByteArray>, Arc<Profile>)>,
}

#[derive(Default)]
struct Columns {
    order: Vec<i64>,
    time: Vec<i64>,
    machine: Vec<ByteArray>,
    point: Vec<ByteArray>,
    value: Vec<f64>,
    quality: Vec<i32>,
    record: Vec<i32>,
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> BadRecording + '_ {
    move |source| BadRecording::Io { path: path.to_owned(), source }
}

fn parquet(path: &Path) -> impl Fn(parquet::errors::ParquetError) -> BadRecording + '_ {
    move |source| BadRecording::Parquet { path: path.to_owned(), source }
}

impl Recorder {
    /// Begins a recording in `dir`, over whatever recording was there. `about` becomes `run.json`.
    pub fn create(
        dir: &Path,
        about: &impl Serialize,
        machines: &[(String, Arc<Profile>)],
    ) -> Result<Recorder, BadRecording> {
        fs::create_dir_all(dir).map_err(io(dir))?;
        let create = |name: &str| {
            let path = dir.join(name);
            File::create(&path).map_err(io(&path))
        };
        let run = dir.join("run.json");
        let about = serde_json::to_vec_pretty(about).map_err(|source| BadRecording::Json {
            path: run.clone(),
            line: 1,
            source,
        })?;
        fs::write(&run, about).map_err(io(&run))?;
        let path = dir.join("samples.parquet");
        let level = ZstdLevel::try_new(3).map_err(parquet(&path))?;
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(parquet(&path))?);
        let samples = SerializedFileWriter::new(create("samples.parquet")?, schema, Arc::new(properties))
            .map_err(parquet(&path))?;
        let names = |m: &(String, Arc<Profile>)| {
            let points = m.1.points.iter().map(|p| ByteArray::from(p.id.as_str())).collect();
            (ByteArray::from(m.0.as_str()), points, Arc::clone(&m.1))
        };
        Ok(Recorder {
            dir: dir.to_owned(),
            events: BufWriter::new(create("events.jsonl")?),
            inputs: BufWriter::new(create("inputs.jsonl")?),
            samples,
            columns: Columns::default(),
            machines: machines.iter().map(names).collect(),
        })
    }

    /// Keeps an event.
    pub fn event(&mut self, event: &Event) -> Result<(), BadRecording> {
        write_line(&mut self.events, &self.dir.join("events.jsonl"), event)
    }

    /// Keeps what the sentinel was told at its place `order` among the frames.
    pub fn input(&mut self, order: u64, time: Time, input: &impl Serialize) -> Result<(), BadRecording> {
        write_line(&mut self.inputs, &self.dir.join("inputs.jsonl"), &(order, time, input))
    }

    /// Keeps a frame at its place.
    pub fn frame(&mut self, order: u64, frame: &Frame) -> Result<(), BadRecording> {
        let (machine, points, profile) = &self.machines[usize::from(frame.machine.0)];
        let mut row = |point: usize, value: f64, quality: Quality, record: i32| {
            let c = &mut self.columns;
            c.order.push(order as i64);
            c.time.push(frame.time.ns as i64);
            c.machine.push(machine.clone());
            c.point.push(points[point].clone());
            c.value.push(value);
            c.quality.push(quality as i32);
            c.record.push(record);
        };
        for s in &frame.samples {
            row(usize::from(s.point.0), s.value, s.quality, NO_RECORD);
        }
        for (n, r) in frame.records.iter().enumerate() {
            let fields = &profile.records[usize::from(r.kind)].fields;
            for (field, value) in fields.iter().zip(&r.values) {
                let point = profile.point_ix(field).expect("checked with the profile");
                let quality = if value.is_nan() { Quality::Bad } else { Quality::Good };
                row(usize::from(point.0), *value, quality, n as i32);
            }
        }
        for b in &frame.bursts {
            let name = ByteArray::from(profile.bursts[usize::from(b.kind)].id.as_str());
            let c = &mut self.columns;
            for value in &b.values {
                c.order.push(order as i64);
                c.time.push(frame.time.ns as i64);
                c.machine.push(machine.clone());
                c.point.push(name.clone());
                c.value.push(*value);
                c.quality.push(Quality::Good as i32);
                c.record.push(WAVEFORM);
            }
        }
        if self.columns.order.len() >= CHUNK_ROWS { self.flush() } else { Ok(()) }
    }

    /// Ends the recording.
    pub fn finish(mut self) -> Result<(), BadRecording> {
        self.flush()?;
        let path = self.dir.join("samples.parquet");
        self.samples.close().map_err(parquet(&path))?;
        self.events.flush().map_err(io(&self.dir))?;
        self.inputs.flush().map_err(io(&self.dir))
    }

    fn flush(&mut self) -> Result<(), BadRecording> {
        let c = std::mem::take(&mut self.columns);
        if c.order.is_empty() {
            return Ok(());
        }
        let path = self.dir.join("samples.parquet");
        let mut write = || {
            let mut group = self.samples.next_row_group()?;
            macro_rules! column {
                ($type:ty, $values:expr) => {
                    if let Some(mut column) = group.next_column()? {
                        column.typed::<$type>().write_batch($values, None, None)?;
                        column.close()?;
                    }
                };
            }
            column!(Int64Type, &c.order);
            column!(Int64Type, &c.time);
            column!(ByteArrayType, &c.machine);
            column!(ByteArrayType, &c.point);
            column!(DoubleType, &c.value);
            column!(Int32Type, &c.quality);
            column!(Int32Type, &c.record);
            group.close().map(|_| ())
        };
        write().map_err(parquet(&path))
    }
}

fn write_line(out: &mut BufWriter<File>, path: &Path, value: &impl Serialize) -> Result<(), BadRecording> {
    serde_json::to_writer(&mut *out, value).map_err(|source| BadRecording::Json {
        path: path.to_owned(),
        line: 0,
        source,
    })?;
    out.write_all(b"\n").map_err(io(path))
}

/// Reads a file of JSON Lines.
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, BadRecording> {
    let file = File::open(path).map_err(io(path))?;
    let mut all = Vec::new();
    for (i, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(io(path))?;
        let value = serde_json::from_str(&line).map_err(|source| BadRecording::Json {
            path: path.to_owned(),
            line: i + 1,
            source,
        })?;
        all.push(value);
    }
    Ok(all)
}

/// Reads the frames of a recording, chunk by chunk, in their order.
pub struct Frames {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    next_group: usize,
    /// Machines by name, with their points by name.
    machines: BTreeMap<String, (MachineIx, Arc<Profile>)>,
    /// The frame that the last chunk may have cut in two.
    open: Option<(u64, Frame)>,
}

impl Frames {
    /// Opens the samples of the recording in `dir`, of machines in this order.
    pub fn open(dir: &Path, machines: &[(String, Arc<Profile>)]) -> Result<Frames, BadRecording> {
        let path = dir.join("samples.parquet");
        let file = File::open(&path).map_err(io(&path))?;
        let reader = SerializedFileReader::new(file).map_err(parquet(&path))?;
        let numbered = machines.iter().enumerate();
        let machines =
            numbered.map(|(i, (n, p))| (n.clone(), (MachineIx(i as u16), Arc::clone(p)))).collect();
        Ok(Frames { path, reader, next_group: 0, machines, open: None })
    }

    /// The next chunk of frames with their places; none at the end.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<(u64, Frame)>>, BadRecording> {
        if self.next_group >= self.reader.num_row_groups() {
            return Ok(self.open.take().map(|f| vec![f]));
        }
        let c = self.read_group().map_err(parquet(&self.path))?;
        self.next_group += 1;
        let mut frames = Vec::new();
        for row in 0..c.order.len() {
            self.take_row(&c, row, &mut frames)?;
        }
        Ok(Some(frames))
    }

    fn read_group(&self) -> Result<Columns, parquet::errors::ParquetError> {
        let group = self.reader.get_row_group(self.next_group)?;
        let rows = group.metadata().num_rows() as usize;
        let group = group.as_ref();
        Ok(Columns {
            order: column::<Int64Type>(group, 0, rows)?,
            time: column::<Int64Type>(group, 1, rows)?,
            machine: column::<ByteArrayType>(group, 2, rows)?,
            point: column::<ByteArrayType>(group, 3, rows)?,
            value: column::<DoubleType>(group, 4, rows)?,
            quality: column::<Int32Type>(group, 5, rows)?,
            record: column::<Int32Type>(group, 6, rows)?,
        })
    }

    fn take_row(
        &mut self,
        c: &Columns,
        row: usize,
        frames: &mut Vec<(u64, Frame)>,
    ) -> Result<(), BadRecording> {
        let text = |b: &ByteArray| String::from_utf8_lossy(b.data()).into_owned();
        let unknown = || BadRecording::Unknown {
            path: self.path.clone(),
            machine: text(&c.machine[row]),
            point: text(&c.point[row]),
        };
        let (machine, profile) = self.machines.get(&text(&c.machine[row])).ok_or_else(unknown)?;
        let (order, machine) = (c.order[row] as u64, *machine);
        if self.open.as_ref().is_none_or(|(o, _)| *o != order) {
            frames.extend(self.open.take());
            let time = Time { ns: c.time[row] as u64 };
            self.open =
                Some((order, Frame { time, machine, samples: vec![], records: vec![], bursts: vec![] }));
        }
        let Some((_, frame)) = &mut self.open else { return Ok(()) };
        let value = c.value[row];
        if c.record[row] == WAVEFORM {
            let kind = profile.burst_ix(&text(&c.point[row])).ok_or_else(unknown)?;
            match frame.bursts.last_mut().filter(|b| b.kind == kind) {
                Some(b) => b.values.push(value),
                None => {
                    let rate_hz = profile.bursts[usize::from(kind)].rate_hz;
                    frame.bursts.push(Burst { kind, rate_hz, values: vec![value] });
                }
            }
            return Ok(());
        }
        let point = profile.point_ix(&text(&c.point[row])).ok_or_else(unknown)?;
        let Ok(record) = usize::try_from(c.record[row]) else {
            let quality = match c.quality[row] {
                0 => Quality::Good,
                1 => Quality::Uncertain,
                _ => Quality::Bad,
            };
            frame.samples.push(Sample { point, value, quality });
            return Ok(());
        };
        let kind = profile.point(point).record.as_deref().and_then(|r| profile.record_ix(r)).unwrap_or(0);
        if frame.records.len() <= record {
            frame.records.push(Record { kind, values: vec![] });
        }
        frame.records[record].values.push(value);
        Ok(())
    }
}

fn column<T: DataType>(
    group: &dyn RowGroupReader,
    at: usize,
    rows: usize,
) -> Result<Vec<T::T>, parquet::errors::ParquetError> {
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(at)?);
    let mut values = Vec::with_capacity(rows);
    while values.len() < rows {
        let (read, ..) = reader.read_records(rows - values.len(), None, None, &mut values)?;
        if read == 0 {
            break;
        }
    }
    Ok(values)
}
