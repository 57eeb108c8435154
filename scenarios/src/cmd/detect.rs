//! `aegis detect`: the unchanged detectors over a recording of real equipment.

use std::path::PathBuf;
use std::process::ExitCode;

use aegis_adapters::csv::{self, Options};
use anyhow::Context;

use super::{MET, print};
use crate::detect::{Baseline, detect};

#[derive(clap::Args)]
#[command(
    after_help = "The output has a row for each row of the recording: row, alarm (a channel is in alarm),
event (an incident opens), shift (a change is declared), channel (the worst), why (in words).

Examples:
  aegis detect --csv pump.csv --out verdict.csv --baseline-rows 400
  aegis detect --csv today.csv --out verdict.csv --baseline healthy.csv --ignore batch,operator"
)]
pub struct Args {
    /// The recording
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// Where the verdicts go; standard output when absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A recording of the healthy equipment
    #[arg(long, value_name = "FILE", conflicts_with = "baseline_rows")]
    baseline: Option<PathBuf>,
    /// So many first rows are healthy; without any baseline, the first 15 %, and at most 750 rows, are taken
    #[arg(long, value_name = "N")]
    baseline_rows: Option<usize>,
    /// What separates columns; found out when absent
    #[arg(long, value_name = "C")]
    delimiter: Option<char>,
    /// Columns that are no channels, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    ignore: Vec<String>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let options = Options { delimiter: args.delimiter, ignore: args.ignore };
    let recording = csv::read(&args.csv, &options)?;
    let baseline = match (&args.baseline, args.baseline_rows) {
        (Some(path), _) => Baseline::Recording(csv::read_channels(path, &options, &recording.columns)?),
        (None, Some(rows)) => Baseline::Rows(rows),
        (None, None) => Baseline::Default,
    };
    let verdicts = detect(&recording, baseline).with_context(|| args.csv.display().to_string())?;
    let mut out = ::csv::Writer::from_writer(Vec::new());
    out.write_record(["row", "alarm", "event", "shift", "channel", "why"])?;
    for (row, v) in verdicts.iter().enumerate() {
        let flag = |b: bool| if b { "1" } else { "0" };
        out.write_record([
            &row.to_string(),
            flag(v.alarm),
            flag(v.event),
            flag(v.shift),
            &v.channel,
            &v.why,
        ])?;
    }
    let bytes = out.into_inner().map_err(|e| e.into_error())?;
    match &args.out {
        Some(path) => std::fs::write(path, bytes).with_context(|| path.display().to_string())?,
        None => print(&String::from_utf8(bytes)?)?,
    }
    let rows = |f: fn(&crate::detect::RowVerdict) -> bool| verdicts.iter().filter(|v| f(v)).count();
    anstream::eprintln!(
        "{} rows, {} channels: {} rows in alarm, {} incidents, {} changes",
        verdicts.len(),
        recording.columns.len(),
        rows(|v| v.alarm),
        rows(|v| v.event),
        rows(|v| v.shift)
    );
    Ok(ExitCode::from(MET))
}
