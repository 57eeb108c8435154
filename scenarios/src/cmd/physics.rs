//! `aegis physics`: the laws that the twin is made of, and how near they come to what is published.

use std::process::ExitCode;

use aegis_models::physics::published::{SHEETS, Sheet};
use serde_json::json;

use super::{MET, print};

#[derive(clap::Args)]
#[command(after_help = "Examples:
  aegis physics
  aegis physics --json | jq '.[].checks[] | {what, published, ours}'")]
pub struct Args {
    /// The same as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let text = if args.json {
        format!("{}\n", serde_json::to_string_pretty(&SHEETS.iter().copied().map(value).collect::<Vec<_>>())?)
    } else {
        SHEETS.iter().copied().map(words).collect::<Vec<_>>().join("\n")
    };
    print(&text)?;
    Ok(ExitCode::from(MET))
}

fn value(sheet: &Sheet) -> serde_json::Value {
    let checks = sheet.checks.iter().map(|c| {
        json!({
            "what": c.what, "unit": c.unit, "from": c.from, "published": c.published, "ours": (c.ours)(),
            "error": c.error(), "within": c.within,
        })
    });
    json!({
        "law": sheet.law, "equation": sheet.equation, "valid": sheet.valid, "source": sheet.source,
        "checks": checks.collect::<Vec<_>>(),
    })
}

fn words(sheet: &Sheet) -> String {
    let mut text = format!(
        "{}: {}\n  holds for {}\n  source: {}\n",
        sheet.law, sheet.equation, sheet.valid, sheet.source
    );
    for c in sheet.checks {
        let (ours, error) = ((c.ours)(), 100.0 * c.error());
        text += &format!(
            "  {:<66} {:>10} {:>10} {:<8} {error:>+7.3} %  {}\n",
            c.what,
            c.published,
            figures(ours),
            c.unit,
            c.from
        );
    }
    text
}

/// Six figures, as many as any source gives.
fn figures(x: f64) -> String {
    let whole = format!("{:.0}", x.abs()).len();
    let text = format!("{x:.*}", 6_usize.saturating_sub(whole));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
