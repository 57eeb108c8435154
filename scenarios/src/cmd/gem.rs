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
                    "messages": r.messages, "test": r.test, "remark": r.remark,
                })
            })
            .collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&rows)?))?;
        return Ok(ExitCode::from(MET));
    }
    let yes = |b: bool| if b { "yes" } else { "no" };
    let line = |cells: [&str; 7]| {
        let [name, kind, implemented, compliant, messages, test, remark] = cells;
        let line = format!(
            "{name:<35} {kind:<11} {implemented:<11} {compliant:<9} {messages:<47} {test:<32} {remark}"
        );
        line.trim_end().to_owned() + "\n"
    };
    let head = "GEM requirement or capability";
    let mut text = line([head, "", "implemented", "compliant", "messages", "backed by", "remark"]);
    for r in statement() {
        let (implemented, compliant) = (yes(r.implemented), yes(r.compliant));
        text += &line([r.name, word(r.kind), implemented, compliant, r.messages, r.test, r.remark]);
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
