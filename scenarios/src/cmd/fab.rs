//! `aegis fab`: the fab's machines.

use std::path::PathBuf;
use std::process::ExitCode;

use aegis_models::site::Endpoint;
use aegis_models::{MachineIx, Profile, Site, limits};
use serde::Serialize;

use super::{MET, print};

#[derive(clap::Args)]
#[command(after_help = "Examples:
  aegis fab
  aegis fab --json | jq '.[] | {name, endpoints}'
  aegis fab --scale 100 --toml > big.toml && aegis run scenarios/library/nominal/hour.toml --site big.toml")]
pub struct Args {
    /// Every machine with its endpoints and its profile, as JSON
    #[arg(long)]
    json: bool,
    /// So many such fabs, each with names of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=400))]
    scale: u32,
    /// The site as a file that --site takes
    #[arg(long, conflicts_with = "json")]
    toml: bool,
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
    let site = super::site(args.site.as_deref())?.scaled(args.scale);
    anyhow::ensure!(
        site.machines.len() <= limits::MACHINES_PER_SITE,
        "--scale {}: {} machines; a site has at most {}",
        args.scale,
        site.machines.len(),
        limits::MACHINES_PER_SITE
    );
    let text = if args.toml {
        toml::to_string(&site)?
    } else if args.json {
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
    let mut text = format!(
        "{:<12} {:<17} {:<9} {:<11} {:<16} points\n",
        "machine", "kind", "bay", "protocol", "address"
    );
    for m in machines(site) {
        let points = m.profile.points.len();
        let mut row = |protocol: &str, address: &str| {
            text += &format!(
                "{:<12} {:<17} {:<9} {protocol:<11} {address:<16} {points}\n",
                m.name, m.kind, m.bay
            );
        };
        if m.endpoints.is_empty() {
            row("-", "-");
        }
        m.endpoints.iter().for_each(|e| row(e.protocol.name(), &e.address));
    }
    text
}
