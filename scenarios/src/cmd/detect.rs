//! `aegis detect`: the unchanged detectors over a recording of real equipment.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aegis_adapters::csv::{self, Options};
use anyhow::Context;

use super::{MET, print};
use crate::detect::{Baseline, detect};
use crate::runs::judge;

#[derive(clap::Args)]
#[command(
    after_help = "The output has a row for each row of the recording: row, alarm (a channel is in alarm),
event (an incident opens: something larger than what was already shown), shift (a change is declared),
channel (the worst), why (in words). With --run it has a row for each run of a recipe.

Examples:
  aegis detect --csv pump.csv --out verdict.csv --baseline-rows 400
  aegis detect --csv today.csv --out verdict.csv --baseline healthy.csv --ignore batch,operator
  aegis detect --csv etcher.csv --out verdict.csv --run wafer --step step --baseline-runs 20"
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
    /// The column that numbers the runs of a recipe: judge run by run, each step by itself
    #[arg(long, value_name = "COLUMN", requires = "step", conflicts_with_all = ["baseline", "baseline_rows"])]
    run: Option<String>,
    /// The column that numbers the steps of the recipe
    #[arg(long, value_name = "COLUMN", requires = "run")]
    step: Option<String>,
    /// So many first runs are healthy; the first 30 % when absent
    #[arg(long, value_name = "N", requires = "run")]
    baseline_runs: Option<usize>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match (&args.run, &args.step) {
        (Some(run), Some(step)) => by_run(&args, run, step),
        _ => by_row(args),
    }
}

/// Run by run: what a fab calls FDC.
fn by_run(args: &Args, run: &str, step: &str) -> anyhow::Result<ExitCode> {
    let keys = [run.to_owned(), step.to_owned()];
    let mut options = Options { delimiter: args.delimiter, ignore: args.ignore.clone() };
    let rows = csv::read_channels(&args.csv, &options, &keys)?;
    options.ignore.extend(keys);
    let recording = csv::read(&args.csv, &options)?;
    let verdicts =
        judge(&recording, &rows, args.baseline_runs).with_context(|| args.csv.display().to_string())?;
    let mut out = ::csv::Writer::from_writer(Vec::new());
    out.write_record(["run", "alarm", "event", "shift", "channel", "why"])?;
    for v in &verdicts {
        // What changed between runs is what the alarm of a run tells.
        out.write_record([
            &v.run.to_string(),
            flag(v.alarm),
            flag(v.event),
            flag(v.event),
            &v.channel,
            &v.why,
        ])?;
    }
    deliver(args.out.as_deref(), out)?;
    anstream::eprintln!(
        "{} runs, {} channels: {} runs in alarm",
        verdicts.len(),
        recording.columns.len(),
        verdicts.iter().filter(|v| v.alarm).count()
    );
    Ok(ExitCode::from(MET))
}

fn by_row(args: Args) -> anyhow::Result<ExitCode> {
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
        out.write_record([
            &row.to_string(),
            flag(v.alarm),
            flag(v.event),
            flag(v.shift),
            &v.channel,
            &v.why,
        ])?;
    }
    deliver(args.out.as_deref(), out)?;
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

fn flag(b: bool) -> &'static str {
    if b { "1" } else { "0" }
}

/// Writes the table to the file, or to standard output.
fn deliver(file: Option<&Path>, table: ::csv::Writer<Vec<u8>>) -> anyhow::Result<()> {
    let bytes = table.into_inner().map_err(|e| e.into_error())?;
    match file {
        Some(path) => std::fs::write(path, bytes).with_context(|| path.display().to_string()),
        None => print(&String::from_utf8(bytes)?),
    }
}
