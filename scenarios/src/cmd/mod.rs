//! The command line: one file a command.

mod client;
mod detect;
mod fab;
mod gem;
mod operator;
mod replay;
mod run;
mod schema;
mod serve;

use std::process::ExitCode;

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
  aegis run scenarios/library/ffu/filter-clog.toml   one scenario, with its timeline
  aegis serve --pace 1                               the twin's machines on their real protocols
  aegis fab --sentinel-config > sentinel.toml        the configuration that points a sentinel at them
  aegis sentinel --config sentinel.toml              the production sentinel")]
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
    /// List the fab's machines, or print the sentinel's configuration for them
    Fab(fab::Args),
    /// Print what the twin's SECS/GEM equipment complies with
    Gem(gem::Args),
    /// Run the detectors over a recording of real equipment
    Detect(detect::Args),
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
        Command::Gem(args) => gem::run(args),
        Command::Detect(args) => detect::run(args),
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

/// Writes to standard output; a reader that has gone away is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    match anstream::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
