//! `aegis-sentinel`, the production program.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// Endpoint security for physical machines: the sentinel.
#[derive(Parser)]
#[command(name = "aegis-sentinel", version)]
struct Cli {
    #[command(flatten)]
    args: aegis_edge::SentinelArgs,
}

fn main() -> ExitCode {
    match aegis_edge::run(Cli::parse().args) {
        Ok(code) => code,
        Err(e) => {
            // `eprintln!` would panic where nobody reads.
            let _ = writeln!(std::io::stderr(), "aegis-sentinel: {e:#}");
            ExitCode::from(2)
        }
    }
}
