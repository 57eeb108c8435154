//! `aegis fab`: the fab's machines, and the configuration that points a sentinel at them.

use std::process::ExitCode;

use aegis_models::profile::{Access, DataType, ModbusTable, WordOrder};
use aegis_models::{Profile, Site};
use serde::Serialize;

use super::{MET, print};
use crate::endpoints::{move_ports, sentinel_config};

#[derive(clap::Args)]
#[command(after_help = "Examples:
  aegis fab
  aegis fab --json | jq '.[] | select(.protocol)'
  aegis fab --sentinel-config > sentinel.toml")]
pub struct Args {
    /// Every machine with its points, as JSON
    #[arg(long, conflicts_with = "sentinel_config")]
    json: bool,
    /// The configuration of a sentinel for the served machines
    #[arg(long)]
    sentinel_config: bool,
    /// The pace that `aegis serve` runs at: fab seconds in a second
    #[arg(long, default_value_t = 1.0, value_parser = super::pace)]
    pace: f64,
    /// The first port of `aegis serve --port`, when it was given
    #[arg(long)]
    port: Option<u16>,
}

#[derive(Serialize)]
struct Machine {
    name: String,
    kind: String,
    bay: String,
    protocol: Option<&'static str>,
    address: Option<String>,
    unit: u8,
    word_order: WordOrder,
    points: Vec<Point>,
}

#[derive(Serialize)]
struct Point {
    id: String,
    unit: String,
    #[serde(rename = "type")]
    data: DataType,
    access: Access,
    range: [f64; 2],
    nominal: Option<f64>,
    period_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<ModbusTable>,
    #[serde(rename = "register", skip_serializing_if = "Option::is_none")]
    address: Option<u16>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut site = Site::built_in();
    if let Some(port) = args.port {
        move_ports(&mut site, port);
    }
    let text = if args.json {
        let machines: Vec<Machine> = site.machines.iter().map(machine).collect();
        format!("{}\n", serde_json::to_string_pretty(&machines)?)
    } else if args.sentinel_config {
        sentinel_config(&site, args.pace, "aegis-state")
    } else {
        table(&site)
    };
    print(&text)?;
    Ok(ExitCode::from(MET))
}

fn machine(m: &aegis_models::site::MachineEntry) -> Machine {
    let profile = Profile::built_in(&m.kind).expect("the site is checked");
    Machine {
        name: m.name.clone(),
        kind: m.kind.clone(),
        bay: m.bay.clone(),
        protocol: m.address.as_ref().map(|_| "modbus-tcp"),
        address: m.address.clone(),
        unit: m.unit,
        word_order: profile.modbus.word_order,
        points: profile
            .points
            .into_iter()
            .map(|p| Point {
                unit: p.unit,
                data: p.data,
                access: p.access,
                range: p.range,
                nominal: p.nominal,
                period_s: p.period.secs_f64(),
                table: p.modbus.map(|m| m.table),
                address: p.modbus.map(|m| m.address),
                id: p.id,
            })
            .collect(),
    }
}

fn table(site: &Site) -> String {
    let mut text =
        format!("{:<8} {:<12} {:<6} {:<11} {:<16} points\n", "machine", "kind", "bay", "protocol", "address");
    for m in &site.machines {
        let m = machine(m);
        text += &format!(
            "{:<8} {:<12} {:<6} {:<11} {:<16} {}\n",
            m.name,
            m.kind,
            m.bay,
            m.protocol.unwrap_or("-"),
            m.address.as_deref().unwrap_or("-"),
            m.points.len()
        );
    }
    text
}
