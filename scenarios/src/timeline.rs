//! The timeline for a terminal: events in words, with a colour for each sort.

use aegis_models::Zone;
use aegis_models::event::words::{Words, words};
use aegis_models::event::{Body, Event};
use anstyle::{AnsiColor, Style};

const DIM: Style = Style::new().dimmed();

const fn colour(c: AnsiColor) -> Style {
    c.on_default()
}

/// The style in which a zone is printed. The word always stands beside the colour.
fn zone_style(zone: Zone) -> Style {
    match zone {
        Zone::Green => colour(AnsiColor::Green),
        Zone::Yellow => colour(AnsiColor::Yellow).bold(),
        Zone::Red => colour(AnsiColor::Red).bold(),
    }
}

/// One event as a line, with styles that a pipe strips.
pub fn line(event: &Event) -> String {
    let Words { subject, sort, text } = words(event);
    let style = style(&event.body);
    format!("{}  {subject:<7} {style}{sort:<9}{style:#} {text}", event.time)
}

fn style(body: &Body) -> Style {
    match body {
        Body::FaultOnset { .. } | Body::FaultEnd { .. } => colour(AnsiColor::Magenta),
        Body::Damage { .. } | Body::AgentFailed { .. } => colour(AnsiColor::Red).bold(),
        Body::Link { .. } => colour(AnsiColor::Red),
        Body::Life { .. } => colour(AnsiColor::Blue),
        Body::Finding(_) => colour(AnsiColor::Cyan),
        Body::IncidentOpened { .. } | Body::IncidentUpdated { .. } => colour(AnsiColor::Yellow),
        Body::Cascade { .. } => colour(AnsiColor::Red).bold(),
        Body::IncidentResolved { .. } => colour(AnsiColor::Green),
        Body::Decision { zone, .. } | Body::Zone { zone, .. } => zone_style(*zone),
        Body::Proposal(_) => zone_style(Zone::Yellow),
        Body::Answer { .. } | Body::AnswerTaken { .. } => colour(AnsiColor::Blue),
        Body::Execution { .. } | Body::Done { .. } => Style::new().bold(),
        Body::Watching { .. } | Body::ProposalVoid { .. } | Body::Started { .. } => DIM,
    }
}
