//! `aegis schema`: the JSON Schema of what a user may write, for editors.

use std::process::ExitCode;

use aegis_models::{Event, Profile, Site};
use aegis_sentinel::Policy;
use schemars::schema_for;

use super::{MET, print};
use crate::file::Scenario;

#[derive(clap::Args)]
#[command(after_help = "Example, with the Even Better TOML extension or taplo:
  aegis schema scenario > scenario.schema.json")]
pub struct Args {
    /// Which file
    #[arg(value_enum)]
    what: What,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// Scenario files
    Scenario,
    /// Machine profiles
    Profile,
    /// Sites
    Site,
    /// The Safety Circuit's policy
    Policy,
    /// Events, as recordings and `--json` hold them
    Event,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let schema = match args.what {
        What::Scenario => schema_for!(Scenario),
        What::Profile => schema_for!(Profile),
        What::Site => schema_for!(Site),
        What::Policy => schema_for!(Policy),
        What::Event => schema_for!(Event),
    };
    print(&format!("{}\n", serde_json::to_string_pretty(&schema)?))?;
    Ok(ExitCode::from(MET))
}
