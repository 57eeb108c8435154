//! Events in words: what a person reads, without a colour.

use super::{Body, Event, ExecutionStep};
use crate::Action;

/// Who an event is about, what sort of event it is, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The machine, where there is one.
    pub subject: String,
    /// A word for the sort.
    pub sort: &'static str,
    /// A sentence.
    pub text: String,
}

/// One event as a line.
pub fn line(event: &Event) -> String {
    let Words { subject, sort, text } = words(event);
    format!("{}  {subject:<7} {sort:<9} {text}", event.time)
}

fn action(a: &Action) -> String {
    match &a.write {
        Some(w) => format!("{}: {} {} -> {} ({})", a.kind, w.point, w.from, w.to, a.text),
        None => format!("{}: {}", a.kind, a.text),
    }
}

/// One event in words.
pub fn words(event: &Event) -> Words {
    let line = |subject: &str, sort, text: String| Words { subject: subject.to_owned(), sort, text };
    match &event.body {
        Body::FaultOnset { machine, fault, magnitude } => {
            line(machine, "fault", format!("{fault} begins, up to {magnitude}"))
        }
        Body::FaultEnd { machine, fault } => line(machine, "fault", format!("{fault} ends")),
        Body::Damage { machine, what } => line(machine, "DAMAGE", what.clone()),
        Body::Watching { machine, channels } => {
            line(machine, "watching", format!("{channels} channels have a baseline"))
        }
        Body::Finding(f) => line(&f.machine, "finding", f.text.clone()),
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
            line(&i.machine, "incident", text)
        }
        Body::IncidentUpdated { incident: i } => {
            let t = &i.threat;
            let text = format!("{} is now {} ({}), {}, {}", i.id, t.kind, t.cause, t.severity, i.state);
            line(&i.machine, "incident", text)
        }
        Body::IncidentResolved { incident: i } => {
            let text =
                format!("{} is over: {} ({}), at worst {}", i.id, i.threat.kind, i.threat.cause, i.peak);
            line(&i.machine, "incident", text)
        }
        Body::Life { machine, part, channel, text, .. } => {
            line(machine, "life", format!("{part}: {text}, by {channel}"))
        }
        Body::Cascade { cascade: c } => {
            let reached: Vec<&str> = c.effects.iter().map(|e| e.machine.as_str()).collect();
            let why = c.evidence.first().map_or("", String::as_str);
            let text = match c.over {
                true => format!("{} is over", c.id),
                false => format!("{} reaches {} and begins here: {why}", c.id, reached.join(", ")),
            };
            line(&c.root, "cascade", text)
        }
        Body::Decision { machine, zone, action: a, reason, .. } => {
            line(machine, "decision", format!("{zone}: {}. Why: {reason}", action(a)))
        }
        Body::Zone { machine, zone } => line(machine, "zone", format!("{zone}")),
        Body::Proposal(p) => {
            let text = format!("{} waits for approval until {}: {}", p.nonce, p.expires, action(&p.action));
            line(&p.machine, "proposal", text)
        }
        Body::ProposalVoid { nonce, reason } => line("", "proposal", format!("{nonce} is void: {reason}")),
        Body::Answer { nonce, approve, approver } => {
            let verb = if *approve { "approves" } else { "rejects" };
            line("", "operator", format!("{approver} {verb} {nonce}"))
        }
        Body::AnswerTaken { nonce, accepted, reason } => {
            let verdict = if *accepted { "taken" } else { "refused" };
            line("", "answer", format!("{nonce} {verdict}: {reason}"))
        }
        Body::Execution { command, step, detail, .. } => {
            let sort = match step {
                ExecutionStep::EffectVerified | ExecutionStep::NoEffect => "effect",
                _ => "write",
            };
            let text = format!("{} {} {step}: {detail}", command.id, command.point);
            line(&command.machine, sort, text)
        }
        Body::Done { machine, action: a, .. } => line(machine, "action", action(a)),
        Body::Link { machine, up, detail } => {
            let text = if *up { "answers again".to_owned() } else { format!("lost: {detail}") };
            line(machine, "link", text)
        }
        Body::Started { agent, restored, .. } => {
            let how = if *restored { "goes on where it was" } else { "starts" };
            line(agent, "sentinel", how.to_owned())
        }
        Body::AgentFailed { reason } => {
            line("", "FAILED", format!("the agent only alerts from here on: {reason}"))
        }
    }
}
