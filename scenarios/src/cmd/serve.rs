//! `aegis serve`: the twin's machines on their real protocols.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use aegis_models::{Event, MachineIx, Seed, Site, Time};
use aegis_sim::host::Host;
use aegis_sim::host::door::Setting;
use aegis_sim::host::state::StateFolder;
use aegis_sim::{STEP, Twin, TwinOptions};
use anyhow::Context;

use super::{MET, client, print};
use crate::endpoints::{move_ports, sentinel_config};
use crate::file::Scenario;
use crate::timeline;
use crate::world::{lines, twin_for};

#[derive(clap::Args)]
#[command(after_help = "Examples:
  aegis serve
  aegis serve --scenario scenarios/library/facility/ffu-filter-clog.toml --pace 20 --sentinel-config sentinel.toml
  aegis serve --site serial-line.toml    machines and addresses of one's own: a serial port, a gateway
  aegis serve --state served --operator       orders as \"WB-01 offline\" from standard input
  aegis serve --port 15020        ports 15020 and the following instead of the site's")]
pub struct Args {
    /// The machines and where they listen, instead of the built-in site
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// Inject the faults of this scenario
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Fab seconds in a second
    #[arg(long, default_value_t = 1.0, value_parser = super::pace)]
    pace: f64,
    /// Listen on this port and the following; 0 for any free ones
    #[arg(long)]
    port: Option<u16>,
    /// The run's seed; the scenario's, or 1, when absent
    #[arg(long)]
    seed: Option<u64>,
    /// Stop when the scenario ends, instead of going on
    #[arg(long, requires = "scenario")]
    once: bool,
    /// Offer OPC UA signed and encrypted as well, with certificates and trust list in this folder, made when missing
    #[arg(long, value_name = "DIR")]
    pki: Option<PathBuf>,
    /// Who may write over OPC UA, instead of everybody; needs --pki and --password-file
    #[arg(long, value_name = "NAME", requires_all = ["pki", "password_file"])]
    user: Option<String>,
    /// A file with that user's password in its first line
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Write the configuration of a sentinel for exactly these machines to this file
    #[arg(long, value_name = "FILE")]
    sentinel_config: Option<PathBuf>,
    /// Keep in this folder, made when missing, what GEM equipment must not lose by a restart: spool, reports, recipes
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Take an operator's orders to GEM equipment from standard input, as `WB-01 offline`; `WB-01 help` lists them
    #[arg(long)]
    operator: bool,
    /// First the site as it is served, then the truth, as JSON Lines
    #[arg(long)]
    json: bool,
    /// Stop when standard input ends, as it does when the program that started this one is gone
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
    /// Fab time begins with the first line of standard input: machines can be reached before
    #[arg(long, hide = true, conflicts_with = "operator")]
    on_word: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let code = runtime.block_on(serve(args));
    runtime.shutdown_background();
    code
}

async fn serve(args: Args) -> anyhow::Result<ExitCode> {
    let mut site = super::site(args.site.as_deref())?;
    let scenario = args.scenario.as_ref().map(|path| Scenario::read(path, &site)).transpose()?;
    if let Some(s) = &scenario {
        site = s.part_of(&site);
    }
    if let Some(port) = args.port {
        move_ports(&mut site, port).map_err(anyhow::Error::msg)?;
    }
    let seed = Seed(args.seed.or(scenario.as_ref().map(|s| s.seed)).unwrap_or(1));
    let twin = match &scenario {
        Some(s) => twin_for(s, &site, seed)?,
        None => Twin::new(&site, &TwinOptions { seed, noise: true })?,
    };
    let end = scenario.as_ref().filter(|_| args.once).map(|s| Time::ZERO.after(s.duration.0));
    let lines = scenario.as_ref().map(|s| lines(s, &site, seed, args.pace)).unwrap_or_default();
    let state = args.state.clone().map(|path| StateFolder { path, warn });
    let setting = Setting { pki: args.pki.clone(), user: user(&args)?, state, ..Setting::now() };
    let mut host = Host::open(twin, site, lines, &setting).await?;
    if let Some(file) = &args.sentinel_config {
        let text = sentinel_config(host.site(), args.pace, "aegis-state");
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
    }
    print(&greeting(&args, host.site())?)?;
    if args.on_word {
        let word = || std::io::stdin().lock().read_line(&mut String::new());
        tokio::task::spawn_blocking(word).await.context("nobody waits")?.context("standard input")?;
    }
    let equipment = host.equipment();
    let operator = async {
        super::operator::obey(equipment).await;
        // Without an operator the machines go on.
        if !args.until_stdin_closes {
            std::future::pending().await
        }
    };
    let tell = |_: &Twin, truth: Vec<Event>| {
        for event in truth {
            let line =
                if args.json { serde_json::to_string(&event).ok() } else { Some(timeline::line(&event)) };
            // A reader that has gone away must not stop the machines.
            let _ = line.map(|line| print(&format!("{line}\n")));
        }
    };
    tokio::select! {
        ended = host.run(args.pace, end, tell) => ended?,
        _ = tokio::signal::ctrl_c() => {}
        () = operator, if args.operator => {}
        () = aegis_edge::stdin_closed(), if args.until_stdin_closes && !args.operator => {}
    }
    host.finish();
    // Beside what a program reads from standard output: only a person asks how the twin kept its time.
    let _ = writeln!(
        anstream::stderr(),
        "the latest tick was {:.1} ms late, where a step takes {:.1} ms",
        host.most_late().as_secs_f64() * 1e3,
        STEP.as_secs_f64() * 1e3 / args.pace
    );
    Ok(ExitCode::from(MET))
}

fn warn(what: &str) {
    let _ = writeln!(anstream::stderr(), "{what}");
}

fn user(args: &Args) -> anyhow::Result<Option<(String, String)>> {
    let Some((name, file)) = args.user.as_ref().zip(args.password_file.as_ref()) else { return Ok(None) };
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let password = text.lines().next().unwrap_or_default();
    anyhow::ensure!(
        !password.is_empty(),
        "{}: the first line is empty: a password would be right",
        file.display()
    );
    Ok(Some((name.clone(), password.to_owned())))
}

fn greeting(args: &Args, site: &Site) -> anyhow::Result<String> {
    if args.json {
        return Ok(format!("{}\n", serde_json::to_string(site)?));
    }
    let mut text = format!("{:<8} {:<11} {:<17} a public client\n", "machine", "protocol", "address");
    for (i, m) in site.machines.iter().enumerate() {
        let profile = site.profile(MachineIx(i as u16));
        for e in &m.endpoints {
            let client = client::one_line(profile, e).unwrap_or_default();
            text += &format!("{:<8} {:<11} {:<17} {client}\n", m.name, e.protocol, e.address);
        }
    }
    let watch = match &args.sentinel_config {
        Some(file) => format!("a sentinel for them: aegis sentinel --config {}", file.display()),
        None => "with --sentinel-config FILE, a sentinel's configuration for them is written".to_owned(),
    };
    text += &format!("at pace {}; {watch}\nCtrl-C stops\n", args.pace);
    Ok(text)
}
