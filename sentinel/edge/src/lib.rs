//! The production shell of the sentinel: what stands between [`aegis_sentinel::Agent`] and the world.
//!
//! It owns the clock, the links to equipment and the disk, and nothing else: every decision is the agent's. It knows
//! no twin; simulated and real equipment differ by their addresses.

pub mod clock;
pub mod config;
pub mod disk;
mod inbox;
pub mod link;
mod shell;
pub mod supervise;
mod voice;

pub use shell::stdin_closed;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

/// The command line of the sentinel.
#[derive(clap::Args)]
#[command(after_help = "Exit status: 0 stopped as asked, 2 the configuration cannot be used.

Examples:
  aegis-sentinel --config sentinel.toml
  aegis-sentinel --config sentinel.toml --check")]
pub struct SentinelArgs {
    /// What to watch, and how
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print events as JSON Lines
    #[arg(long)]
    json: bool,
    /// Print nothing
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Check the configuration and stop
    #[arg(long)]
    check: bool,
    /// Stop when standard input ends, as it does when the program that started this one is gone
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

/// Runs the sentinel until it is told to stop.
pub fn run(args: SentinelArgs) -> anyhow::Result<ExitCode> {
    let config = config::Config::read(&args.config)?;
    if args.check {
        let _ = writeln!(
            std::io::stdout(),
            "{}: {} machines, all is well",
            args.config.display(),
            config.equipment.len()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let form = match (args.json, args.quiet) {
        (true, _) => voice::Form::Json,
        (_, true) => voice::Form::Silent,
        _ => voice::Form::Words,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(shell::run(config, form, args.until_stdin_closes))?;
    // Links may sit in a connect that nobody waits for any more.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}
