//! `aegis`, the command people type.

use std::process::ExitCode;

fn main() -> ExitCode {
    aegis_scenarios::cmd::main()
}
