//! `aegis faults`: everything that a scenario can do to a machine, its instruments, its wire and its people.

use std::process::ExitCode;

use aegis_models::ThreatKind;
use aegis_sim::fault::{CLOCK, CommonFault, MAINS};
use aegis_sim::link::LinkKind;
use aegis_sim::{PersonFault, SensorFault, kinds};
use serde::Serialize;

use super::{MET, print};
use crate::truth::Sort;

#[derive(clap::Args)]
#[command(
    after_help = "Any of them can be combined, ramped, timed and made to come and go; see `aegis schema scenario`.

Examples:
  aegis faults
  aegis faults --kind ffu
  aegis faults --json | jq '.[] | select(.layer == \"process\") | .fault'"
)]
pub struct Args {
    /// Only what machines of this kind can have
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// The same as JSON
    #[arg(long)]
    json: bool,
}

/// A fault as people look it up.
#[derive(Serialize)]
struct Row {
    layer: Sort,
    /// The machine kind; none when any can have it.
    kind: Option<&'static str>,
    fault: &'static str,
    /// Of its magnitude; none when it has no size.
    unit: Option<&'static str>,
    typical: Option<f64>,
    /// The right diagnoses, the best first; none where only its effects show.
    threats: Vec<ThreatKind>,
    looks_like: &'static str,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(kind) = &args.kind
        && kinds::find(kind).is_none()
    {
        let known: Vec<&str> = kinds::all().iter().map(|k| k.name).collect();
        anyhow::bail!("no kind is named {kind}: there are {}", known.join(", "));
    }
    let rows = rows(args.kind.as_deref());
    let text = match args.json {
        true => format!("{}\n", serde_json::to_string_pretty(&rows)?),
        false => table(&rows),
    };
    print(&text)?;
    Ok(ExitCode::from(MET))
}

fn rows(only: Option<&str>) -> Vec<Row> {
    let kinds = kinds::all().iter().filter(|k| only.is_none_or(|o| o == k.name));
    let process = kinds.flat_map(|k| {
        k.faults.iter().map(move |f| Row {
            layer: Sort::Process,
            kind: Some(k.name),
            fault: f.name,
            unit: Some(f.unit),
            typical: Some(f.typical),
            threats: f.threats.to_vec(),
            looks_like: f.doc,
        })
    });
    let common = |layer: Sort, f: CommonFault| Row {
        layer,
        kind: None,
        fault: f.name,
        unit: f.unit,
        typical: None,
        threats: f.threats.to_vec(),
        looks_like: f.doc,
    };
    let sensors = SensorFault::ALL.into_iter().map(SensorFault::common).chain([CLOCK]);
    let links = LinkKind::ALL.into_iter().map(|(fault, kind, looks_like)| Row {
        layer: Sort::Link,
        kind: None,
        fault,
        unit: Some(unit_of(kind)),
        typical: None,
        threats: vec![ThreatKind::CommunicationLoss, ThreatKind::SensorFault],
        looks_like,
    });
    let people = PersonFault::ALL.into_iter().map(PersonFault::common);
    process
        .chain([common(Sort::Process, MAINS)])
        .chain(sensors.map(|f| common(Sort::Sensor, f)))
        .chain(links)
        .chain(people.map(|f| common(Sort::Person, f)))
        .collect()
}

/// What a link fault is measured in.
fn unit_of(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Delay | LinkKind::Jitter => "time held",
        LinkKind::SlowReader => "bytes/s",
        _ => "share struck",
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut layer = None;
    for r in rows {
        if layer != Some(r.layer) {
            layer = Some(r.layer);
            text += &format!("{}{}\n", if text.is_empty() { "" } else { "\n" }, title(r.layer));
        }
        let threats: Vec<String> = r.threats.iter().map(ThreatKind::to_string).collect();
        let right = if threats.is_empty() { "(its effects)".to_owned() } else { threats.join(", ") };
        let size = match (r.typical, r.unit) {
            (Some(x), Some(unit)) => format!("{x} {unit}"),
            (None, Some(unit)) => format!("[{unit}]"),
            _ => "-".to_owned(),
        };
        text += &format!(
            "  {:<14} {:<24} {right:<36} {}\n  {:<14} {:<24} size: {size}\n",
            r.kind.unwrap_or("any"),
            r.fault,
            r.looks_like,
            "",
            ""
        );
    }
    let count = |sort| rows.iter().filter(|r| r.layer == sort).count();
    let kinds: std::collections::BTreeSet<_> = rows.iter().filter_map(|r| r.kind).collect();
    text + &format!(
        "\n{} faults: {} of the process in {} kinds, {} of instruments and clocks, {} of links, {} of people\n",
        rows.len(),
        count(Sort::Process),
        kinds.len(),
        count(Sort::Sensor),
        count(Sort::Link),
        count(Sort::Person)
    )
}

fn title(layer: Sort) -> &'static str {
    match layer {
        Sort::Process => "process: the machine's own physics (inject)",
        Sort::Sensor => "sensor: an instrument or the machine's clock lies (inject, with a point)",
        Sort::Link => "link: the wire (link)",
        Sort::Person => "person: somebody does what is wrong (inject, operator)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_listed_with_what_is_right_to_say_of_it() {
        let all = rows(None);
        let of_kinds: usize = kinds::all().iter().map(|k| k.faults.len()).sum();
        assert_eq!(all.len(), of_kinds + 8 + LinkKind::ALL.len() + 3);
        assert!(all.iter().all(|r| !r.looks_like.is_empty()));
        assert!(all.iter().filter(|r| r.layer != Sort::Person).all(|r| !r.threats.is_empty()));
        for k in kinds::all() {
            assert!(k.faults.len() >= 4, "{} has {} faults", k.name, k.faults.len());
        }
        let text = table(&all);
        assert!(text.ends_with(" of people\n") && text.contains("sensor_clock_skew"));
        assert!(rows(Some("ffu")).iter().all(|r| r.kind.is_none_or(|k| k == "ffu")));
    }
}
