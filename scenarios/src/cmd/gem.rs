//! `aegis gem`: what the twin's GEM equipment complies with.

use std::process::ExitCode;

use aegis_adapters::hsms::gem::compliance::{Kind, statement};

use super::{MET, print};

#[derive(clap::Args)]
#[command(after_help = "Examples:
  aegis gem --compliance
  aegis gem --compliance --json | jq '.[] | select(.kind == \"additional\")'")]
pub struct Args {
    /// Print the GEM compliance statement (SEMI E30), each row with the test that backs it
    #[arg(long, required = true)]
    compliance: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    debug_assert!(args.compliance, "clap asks for it");
    if args.json {
        let rows: Vec<_> = statement()
            .iter()
            .map(|r| {
                serde_json::json!({
                    "kind": word(r.kind), "name": r.name, "implemented": r.implemented, "compliant": r.compliant,
                    "messages": r.messages, "test": r.test,
                })
            })
            .collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&rows)?))?;
        return Ok(ExitCode::from(MET));
    }
    let yes = |b: bool| if b { "yes" } else { "no" };
    let mut text = format!(
        "{:<35} {:<11} {:<11} {:<9} backed by\n",
        "GEM requirement or capability", "", "implemented", "compliant"
    );
    for r in statement() {
        text += &format!(
            "{:<35} {:<11} {:<11} {:<9} {}\n",
            r.name,
            word(r.kind),
            yes(r.implemented),
            yes(r.compliant),
            r.test
        );
    }
    print(&text)?;
    Ok(ExitCode::from(MET))
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Fundamental => "fundamental",
        Kind::Additional => "additional",
    }
}
