//! The command line: one file a command.

mod bearing;
mod client;
mod detect;
mod fab;
mod faults;
mod gem;
mod operator;
mod physics;
mod production;
mod replay;
mod run;
mod schema;
mod score;
mod serve;

use std::path::Path;
use std::process::ExitCode;

use aegis_models::site::BadSite;
use aegis_models::spell::{line_of, with_nearest};
use aegis_models::{Site, limits};
use anyhow::Context;
use clap::{Parser, Subcommand};

/// All was well, and every expectation met.
pub const MET: u8 = 0;
/// An expectation failed, or a replay differs.
pub const NOT_MET: u8 = 1;
/// A file or an argument cannot be used.
pub const BAD_INPUT: u8 = 2;

/// Endpoint security for physical machines: the digital twin, its scenarios, and the sentinel that guards them.
#[derive(Parser)]
#[command(name = "aegis", version, arg_required_else_help = true)]
#[command(after_help = "Examples:
  aegis run scenarios/library                        every scenario, one line each
  aegis run scenarios/library/facility/ffu-filter-clog.toml   one scenario, with its timeline
  aegis serve --sentinel-config sentinel.toml        the twin's machines on their real protocols
  aegis sentinel --config sentinel.toml              the production sentinel, watching them")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios and hold them against what they expect
    Run(run::Args),
    /// Serve the twin's machines over their real protocols
    Serve(serve::Args),
    /// List the fab's machines
    Fab(fab::Args),
    /// List every fault that a scenario can inject
    Faults(faults::Args),
    /// Measure the sentinel: over scenarios, random fault mixes, and days without a fault
    Score(score::Args),
    /// Print what the twin's SECS/GEM equipment complies with
    Gem(gem::Args),
    /// Print each law of physics with its source, what is published, and ours
    Physics(physics::Args),
    /// Run the detectors over a recording of real equipment
    Detect(detect::Args),
    /// Diagnose a rolling bearing from a recorded waveform
    Bearing(bearing::Args),
    /// Feed a recorded run to a fresh sentinel and compare
    Replay(replay::Args),
    /// Print the JSON Schema of what a user may write
    Schema(schema::Args),
    /// The production sentinel, as `aegis-sentinel`
    Sentinel(aegis_edge::SentinelArgs),
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Fab(args) => fab::run(args),
        Command::Faults(args) => faults::run(args),
        Command::Score(args) => score::run(args),
        Command::Gem(args) => gem::run(args),
        Command::Physics(args) => physics::run(args),
        Command::Detect(args) => detect::run(args),
        Command::Bearing(args) => bearing::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Sentinel(args) => aegis_edge::run(args),
    };
    match result {
        Ok(code) => code,
        Err(e) => {
            anstream::eprintln!("aegis: {e:#}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// A pace: fab seconds in a second.
fn pace(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(pace) if (0.001..=1_000.0).contains(&pace) => Ok(pace),
        _ => Err("0.001 to 1000 would be right".to_owned()),
    }
}

/// The site in a file, or the built-in one.
fn site(file: Option<&Path>) -> anyhow::Result<Site> {
    let Some(path) = file else { return Ok(Site::built_in()) };
    let name = path.display();
    let size = std::fs::metadata(path).with_context(|| name.to_string())?.len();
    anyhow::ensure!(size <= limits::FILE_BYTES, "{name}: {size} bytes are too many");
    let text = std::fs::read_to_string(path).with_context(|| name.to_string())?;
    Site::parse(&text).map_err(|e| match e {
        BadSite::Toml(e) => {
            let line = e.span().map_or(1, |s| line_of(&text, s.start));
            anyhow::anyhow!("{name}:{line}: {}", with_nearest(e.message()))
        }
        BadSite::Meaning { at, what } => anyhow::anyhow!("{name}:{}: {what}", line_of(&text, at)),
    })
}

/// Writes to standard output; a reader that has gone away is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    match anstream::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_site_is_told_where_and_what_would_be_right() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("site.toml");
        let good = "name = \"x\"\n[[bay]]\nid = \"b\"\niso_class = 5\nvolume_m3_per_ffu = 9\n[[machine]]\n\
            name = \"A\"\nkind = \"ffu\"\nbay = \"b\"\n[[machine]]\nname = \"B\"\nkind = \"ffu\"\nbay = \"b\"\n";
        let told = |text: &str| {
            std::fs::write(&path, text).unwrap();
            site(Some(&path)).map(|_| String::new()).unwrap_or_else(|e| format!("{e:#}"))
        };
        assert_eq!(told(good), "");
        for (from, to, what) in [
            ("iso_class", "isoclass", "site.toml:4: unknown field `isoclass`"),
            ("\"B\"", "\"A\"", "site.toml:10: machine A stands twice"),
            ("\"B\"\nkind = \"ffu\"", "\"B\"\nkind = \"fu\"", "site.toml:10: machine B: no kind is named fu"),
        ] {
            let told = told(&good.replacen(from, to, 1));
            assert!(told.contains(what), "{told}");
        }
    }
}
