//! `aegis bearing`: what a recorded waveform says of a rolling bearing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aegis_adapters::csv::{self, Options};
use aegis_models::physics::bearing::{Bearing, KNOWN};
use aegis_models::physics::vibration::GROUP_2_RIGID;
use aegis_models::signal::{Family, Plans};
use aegis_models::spell::nearest;
use aegis_sentinel::detect::spectrum::{BearingVerdict, ShaftFinding, diagnose_bearing, limit, shaft_faults};
use anyhow::Context;
use serde_json::json;

use super::{MET, print};

#[derive(clap::Args)]
#[command(
    after_help = "The recording is a table with a header and one sample a row, in any unit. A second or more at 10 kHz or more is
right: at least 12 turns of the shaft. Orders are turns of the shaft; a line's ratio is its power over the noise around it.

Examples:
  aegis bearing --csv drive-end.csv --rate 12000 --rpm 1797 --bearing 6205
  aegis bearing --csv rig.csv --column x2 --rate 20000 --rpm 2000 --bearing ZA-2115 --json
  aegis bearing --csv fan.csv --rate 25600 --rpm 1460 --elements 8 --element-mm 12.3 --pitch-mm 46.4"
)]
pub struct Args {
    /// The recording
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// The column that holds the waveform, where there are several
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
    /// Samples a second
    #[arg(long, value_name = "HZ")]
    rate: f64,
    /// The shaft's speed, within 1.5 %
    #[arg(long, value_name = "N")]
    rpm: f64,
    /// The bearing, where it is one that is known: 6203, 6205, ZA-2115
    #[arg(long, value_name = "NAME", required_unless_present = "elements", conflicts_with = "elements")]
    bearing: Option<String>,
    /// Rolling elements of any other bearing
    #[arg(long, value_name = "N", requires = "element_mm", requires = "pitch_mm")]
    elements: Option<u32>,
    /// Their diameter [mm]
    #[arg(long, value_name = "D")]
    element_mm: Option<f64>,
    /// Their pitch diameter [mm]
    #[arg(long, value_name = "D")]
    pitch_mm: Option<f64>,
    /// Their contact angle [degrees]
    #[arg(long, value_name = "A", default_value_t = 0.0)]
    contact_deg: f64,
    /// m/s2 in one unit of the recording (9.80665 for g): the shaft is judged too, by ISO 20816-3, group 2
    #[arg(long, value_name = "M_S2")]
    scale: Option<f64>,
    /// What separates columns; found out when absent
    #[arg(long, value_name = "C")]
    delimiter: Option<char>,
    /// The same as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let bearing = geometry(&args)?;
    let values = waveform(&args.csv, args.column.as_deref(), args.delimiter)?;
    let verdict = diagnose_bearing(&mut Plans::default(), &values, args.rate, args.rpm, &bearing)
        .with_context(|| args.csv.display().to_string())?;
    let shaft = args.scale.map(|scale| shaft(&values, scale, args.rate, verdict.lines.rpm)).transpose()?;
    let shaft = shaft.as_deref();
    print(&if args.json { format!("{}\n", value(&verdict, shaft)) } else { words(&verdict, shaft) })?;
    Ok(ExitCode::from(MET))
}

/// What is wrong with the shaft, by a recording of which one unit is `scale` m/s2.
fn shaft(values: &[f64], scale: f64, rate_hz: f64, rpm: f64) -> anyhow::Result<Vec<ShaftFinding>> {
    anyhow::ensure!(
        scale.is_finite() && scale > 0.0,
        "--scale {scale}: a number above zero would be right, 9.80665 for g"
    );
    let m_s2: Vec<f64> = values.iter().map(|x| scale * x).collect();
    Ok(shaft_faults(&mut Plans::default(), &m_s2, rate_hz, rpm, &GROUP_2_RIGID)?)
}

fn geometry(args: &Args) -> anyhow::Result<Bearing> {
    if let (Some(elements), Some(element_mm), Some(pitch_mm)) =
        (args.elements, args.element_mm, args.pitch_mm)
    {
        anyhow::ensure!(
            (0.0..60.0).contains(&args.contact_deg),
            "--contact-deg {}: 0 to 60 degrees would be right",
            args.contact_deg
        );
        return Ok(Bearing { elements, element_mm, pitch_mm, contact_rad: args.contact_deg.to_radians() });
    }
    let name = args.bearing.as_deref().unwrap_or_default();
    let known = KNOWN.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, b)| *b);
    known.with_context(|| {
        let names: Vec<&str> = KNOWN.iter().map(|(n, _)| *n).collect();
        format!(
            "--bearing {name}: no bearing is known by that name{}; --elements, --element-mm and --pitch-mm take any",
            nearest(name, names.iter().copied())
        )
    })
}

/// The one column of samples, without a gap.
fn waveform(file: &Path, column: Option<&str>, delimiter: Option<char>) -> anyhow::Result<Vec<f64>> {
    let options = Options { delimiter, ignore: vec![] };
    let recording = match column {
        Some(name) => csv::read_channels(file, &options, &[name.to_owned()])?,
        None => csv::read(file, &options)?,
    };
    let name = file.display();
    anyhow::ensure!(
        !recording.columns.is_empty(),
        "{name}: no column changes and holds numbers; a column of samples would be right"
    );
    anyhow::ensure!(
        recording.columns.len() == 1,
        "{name}: several columns hold numbers ({}); --column with one of them would be right",
        recording.columns.join(", ")
    );
    let sample = |(i, row): (usize, &Vec<Option<f64>>)| {
        // The header is line 1.
        row[0].with_context(|| format!("{name}:{}: no value; a waveform without a gap would be right", i + 2))
    };
    recording.rows.iter().enumerate().map(sample).collect()
}

fn value(v: &BearingVerdict, shaft: Option<&[ShaftFinding]>) -> serde_json::Value {
    let families = Family::ALL.map(|family| {
        let f = v.lines.of(family);
        json!({
            "line": family.line(), "score": f.score, "chance": f.chance, "limit": f.chance + limit(family),
            "depth": f.depth, "band_hz": f.band_hz,
            "lines": f.lines.iter().map(|(order, ratio)| json!({ "order": order, "ratio": ratio })).collect::<Vec<_>>(),
        })
    });
    json!({
        "fault": v.fault.word(), "ratio": v.ratio, "rpm": v.lines.rpm, "kurtosis": v.kurtosis,
        "evidence": v.evidence, "families": families,
        "shaft": shaft.map(|found| {
            found.iter().map(|f| json!({ "fault": f.fault.word(), "why": f.why })).collect::<Vec<_>>()
        }),
    })
}

fn words(v: &BearingVerdict, shaft: Option<&[ShaftFinding]>) -> String {
    let mut text = format!("fault: {}\n", v.fault.word());
    for e in &v.evidence {
        text += &format!("  {e}\n");
    }
    text += &format!("  shaft at {:.1} rpm, kurtosis {:.1}\n", v.lines.rpm, v.kurtosis);
    if let Some(found) = shaft {
        if found.is_empty() {
            text += "shaft: none\n";
        }
        for f in found {
            text += &format!("shaft: {}\n  {}\n", f.fault.word(), f.why);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unbalance of 4 mm/s at 25 Hz is 0.889 m/s2 of amplitude, here in g.
    #[test]
    fn a_shaft_is_judged_by_what_a_unit_of_the_recording_is() {
        let omega = std::f64::consts::TAU * 25.0;
        let amplitude = 4.0e-3 * std::f64::consts::SQRT_2 * omega / 9.806_65;
        // A sine by its difference equation: the step is so small that three terms of its series are exact.
        let step = omega / 25_600.0;
        let square = step * step;
        let first = step * (1.0 - square / 6.0 + square * square / 120.0);
        let twice_cos = 2.0 - square + square * square / 12.0;
        let sine = std::iter::successors(Some((0.0, first)), |(a, b)| Some((*b, twice_cos * b - a)));
        let g: Vec<f64> = sine.take(25_600).map(|(x, _)| amplitude * x).collect();
        let told =
            |scale| shaft(&g, scale, 25_600.0, 1_500.0).map(|f| f.iter().map(|f| f.fault.word()).collect());
        assert_eq!(told(9.806_65).unwrap(), ["unbalance"]);
        assert_eq!(told(1.0).unwrap(), [""; 0], "below zone B it is a shaft that turns");
        let refused: anyhow::Result<Vec<&str>> = told(-1.0);
        assert!(refused.unwrap_err().to_string().starts_with("--scale -1"));
    }

    #[test]
    fn a_waveform_is_one_column_without_a_gap() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.csv");
        let told = |text: &str, column: Option<&str>| {
            std::fs::write(&path, text).unwrap();
            waveform(&path, column, None).map(|w| format!("{w:?}")).unwrap_or_else(|e| format!("{e:#}"))
        };
        assert_eq!(told("g\n1\n2\n", None), "[1.0, 2.0]");
        assert_eq!(told("g,h\n1,5\n2,4\n", Some("h")), "[5.0, 4.0]");
        assert!(told("g,h\n1,5\n2,4\n", None).contains("--column with one of them"));
        assert!(told("g,h\n1,5\n2,4\n", Some("k")).contains("no column is named \"k\""));
        assert!(told("g,h\n1,5\n,4\n3,3\n", Some("g")).contains("w.csv:3: no value"));
        assert!(told("g\n1\n1\n", None).contains("no column changes"));
    }
}
