//! Events in words: one line each, for people.

use aegis_models::event::{Body, Event, ExecutionStep};
use aegis_models::{Action, Zone};
use anstyle::{AnsiColor, Style};

/// Who a line is about, what sort of line it is, and what it says.
struct Line {
    subject: String,
    sort: &'static str,
    text: String,
    style: Style,
}

const PLAIN: Style = Style::new();
const DIM: Style = Style::new().dimmed();

const fn colour(c: AnsiColor) -> Style {
    c.on_default()
}

/// The style in which a zone is printed. The word always stands beside the colour.
pub fn zone_style(zone: Zone) -> Style {
    match zone {
        Zone::Green => colour(AnsiColor::Green),
        Zone::Yellow => colour(AnsiColor::Yellow).bold(),
        Zone::Red => colour(AnsiColor::Red).bold(),
    }
}

/// One event as a line, with styles that a pipe strips.
pub fn line(event: &Event) -> String {
    let Line { subject, sort, text, style } = describe(event);
    format!("{}  {subject:<7} {style}{sort:<9}{style:#} {text}", event.time)
}

fn action(a: &Action) -> String {
    match &a.write {
        Some(w) => format!("{}: {} {} -> {} ({})", a.kind, w.point, w.from, w.to, a.text),
        None => format!("{}: {}", a.kind, a.text),
    }
}

fn describe(event: &Event) -> Line {
    let line = |subject: &str, sort, text: String, style| Line { subject: subject.to_owned(), sort, text, style };
    match &event.body {
        Body::FaultOnset { machine, fault, magnitude } => {
            line(machine, "fault", format!("{fault} begins, up to {magnitude}"), colour(AnsiColor::Magenta))
        }
        Body::FaultEnd { machine, fault } => {
            line(machine, "fault", format!("{fault} ends"), colour(AnsiColor::Magenta))
        }
        Body::Damage { machine, what } => line(machine, "DAMAGE", what.clone(), colour(AnsiColor::Red).bold()),
        Body::Watching { machine, channels } => {
            line(machine, "watching", format!("{channels} channels have a baseline"), DIM)
        }
        Body::Finding(f) => line(&f.machine, "finding", f.text.clone(), colour(AnsiColor::Cyan)),
        Body::IncidentOpened { incident: i } => {
            let t = &i.threat;
            let why = t.evidence.first().map_or("", String::as_str);
            let text = format!(
                "{} opens: {} ({}), {}, {:.0} % sure. {why}",
                i.id,
                t.kind,
                t.cause,
                t.severity,
                100.0 * t.confidence
            );
            line(&i.machine, "incident", text, colour(AnsiColor::Yellow))
        }
        Body::IncidentUpdated { incident: i } => {
            let t = &i.threat;
            let text = format!("{} is now {} ({}), {}, {}", i.id, t.kind, t.cause, t.severity, i.state);
            line(&i.machine, "incident", text, colour(AnsiColor::Yellow))
        }
        Body::IncidentResolved { incident: i } => {
            let text = format!("{} is over: {} ({}), at worst {}", i.id, i.threat.kind, i.threat.cause, i.peak);
            line(&i.machine, "incident", text, colour(AnsiColor::Green))
        }
        Body::Decision { machine, zone, action: a, reason, .. } => {
            line(machine, "decision", format!("{zone}: {}. Why: {reason}", action(a)), zone_style(*zone))
        }
        Body::Zone { machine, zone } => line(machine, "zone", format!("{zone}"), zone_style(*zone)),
        Body::Proposal(p) => {
            let text = format!("{} waits for approval until {}: {}", p.nonce, p.expires, action(&p.action));
            line(&p.machine, "proposal", text, zone_style(Zone::Yellow))
        }
        Body::ProposalVoid { nonce, reason } => line("", "proposal", format!("{nonce} is void: {reason}"), DIM),
        Body::Answer { nonce, approve, approver } => {
            let verb = if *approve { "approves" } else { "rejects" };
            line("", "operator", format!("{approver} {verb} {nonce}"), colour(AnsiColor::Blue))
        }
        Body::AnswerTaken { nonce, accepted, reason } => {
            let verdict = if *accepted { "taken" } else { "refused" };
            line("", "answer", format!("{nonce} {verdict}: {reason}"), colour(AnsiColor::Blue))
        }
        Body::Execution { command, step, detail, .. } => {
            let sort = match step {
                ExecutionStep::EffectVerified | ExecutionStep::NoEffect => "effect",
                _ => "write",
            };
            let text = format!("{} {} {step}: {detail}", command.id, command.point);
            line(&command.machine, sort, text, PLAIN.bold())
        }
        Body::Done { machine, action: a, .. } => line(machine, "action", action(a), PLAIN.bold()),
        Body::Link { machine, up, detail } => {
            let text = if *up { "answers again".to_owned() } else { format!("lost: {detail}") };
            line(machine, "link", text, colour(AnsiColor::Red))
        }
        Body::Started { agent, restored, .. } => {
            let how = if *restored { "goes on where it was" } else { "starts" };
            line(agent, "sentinel", how.to_owned(), DIM)
        }
        Body::AgentFailed { reason } => {
            line("", "FAILED", format!("the agent only alerts from here on: {reason}"), colour(AnsiColor::Red).bold())
        }
    }
}
