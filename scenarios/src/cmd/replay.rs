//! `aegis replay`: a recorded run, fed to a fresh sentinel.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{MET, NOT_MET, print};
use crate::timeline;

#[derive(clap::Args)]
#[command(after_help = "Example:
  aegis run scenarios/library/facility/ffu-filter-clog.toml --record runs && aegis replay runs/ffu-filter-clog")]
pub struct Args {
    /// A recording made by `aegis run --record`
    dir: PathBuf,
    /// Print the sentinel's events as JSON Lines
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let replay = crate::replay::replay(&args.dir)?;
    let mut text = String::new();
    for e in &replay.events {
        text += &if args.json { serde_json::to_string(e)? } else { timeline::line(e) };
        text.push('\n');
    }
    print(&text)?;
    let Some(at) = replay.first_difference() else {
        anstream::eprintln!("the same {} events as recorded", replay.events.len());
        return Ok(ExitCode::from(MET));
    };
    let show = |e: Option<&aegis_models::Event>| e.map_or("nothing".to_owned(), timeline::line);
    anstream::eprintln!(
        "event {} differs\n  recorded: {}\n  now:      {}",
        at + 1,
        show(replay.recorded.get(at)),
        show(replay.events.get(at))
    );
    Ok(ExitCode::from(NOT_MET))
}
