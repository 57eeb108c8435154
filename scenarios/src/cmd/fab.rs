//! `aegis fab`: the fab's machines.

use std::path::PathBuf;
use std::process::ExitCode;

use aegis_models::site::Endpoint;
use aegis_models::{MachineIx, Profile, Site};
use serde::Serialize;

use super::{MET, print};

#[derive(clap::Args)]
#[command(after_help = "Examples:
  aegis fab
  aegis fab --json | jq '.[] | {name, endpoints}'")]
pub struct Args {
    /// Every machine with its endpoints and its profile, as JSON
    #[arg(long)]
    json: bool,
    /// The machines and where they listen, instead of the built-in site
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
}

#[derive(Serialize)]
struct Machine<'a> {
    name: &'a str,
    kind: &'a str,
    bay: &'a str,
    endpoints: &'a [Endpoint],
    profile: &'a Profile,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let site = super::site(args.site.as_deref())?;
    let text = if args.json {
        let machines: Vec<Machine<'_>> = machines(&site).collect();
        format!("{}\n", serde_json::to_string_pretty(&machines)?)
    } else {
        table(&site)
    };
    print(&text)?;
    Ok(ExitCode::from(MET))
}

fn machines(site: &Site) -> impl Iterator<Item = Machine<'_>> {
    site.machines.iter().enumerate().map(|(i, m)| Machine {
        name: &m.name,
        kind: &m.kind,
        bay: &m.bay,
        endpoints: &m.endpoints,
        profile: site.profile(MachineIx(i as u16)),
    })
}

fn table(site: &Site) -> String {
    let mut text =
        format!("{:<8} {:<12} {:<6} {:<11} {:<16} points\n", "machine", "kind", "bay", "protocol", "address");
    for m in machines(site) {
        let points = m.profile.points.len();
        let mut row = |protocol: &str, address: &str| {
            text +=
                &format!("{:<8} {:<12} {:<6} {protocol:<11} {address:<16} {points}\n", m.name, m.kind, m.bay);
        };
        if m.endpoints.is_empty() {
            row("-", "-");
        }
        m.endpoints.iter().for_each(|e| row(e.protocol.name(), &e.address));
    }
    text
}
