//! Writes: remote commands where the profile has one that does it (S2F41), constants where not (S2F15).

use std::sync::Arc;

use aegis_models::{PointIx, Time};

use super::super::Item;
use super::{About, Ask, Heard, Host, Outcome, Refusal, code, list};
use crate::limits::GEM_PENDING_COMMANDS;

/// HCACK (E5): done.
const DONE: u8 = 0;
/// HCACK: it cannot be performed now.
const CANNOT_NOW: u8 = 2;
/// HCACK: it will be performed, and an event will tell.
const LATER: u8 = 4;
/// HCACK: rejected, already in the desired condition.
const ALREADY: u8 = 5;

/// A write that is under way.
pub(super) struct Writing {
    point: PointIx,
    value: f64,
    /// What the first command that could not be performed in the machine's state was answered.
    refused: Option<Refusal>,
}

/// A command that the equipment performs later.
pub(super) struct Pending {
    name: String,
    /// The event that tells its end.
    ceid: u32,
    /// It should have ended by then: T3 after it was taken.
    pub until: Time,
}

impl Host {
    /// Writes a set-point: by the remote command that writes this value to it, else by S2F15. False when there is neither,
    /// or the value lies outside the range: nothing is sent. [`Heard::Written`] ends it.
    pub fn write(&mut self, now: Time, point: PointIx, value: f64) -> bool {
        self.writing = Some(Writing { point, value, refused: None });
        let sent = self.command(now, 0) || self.constant(now);
        if !sent {
            self.writing = None;
        }
        self.work(now);
        sent
    }

    /// Sends the first remote command from that place on that writes what is to be written.
    fn command(&mut self, now: Time, from: usize) -> bool {
        let Some(Writing { point, value, .. }) = self.writing else { return false };
        let binding = Arc::clone(&self.binding);
        let mut serving = binding.commands().iter().enumerate().skip(from);
        let found = serving.find_map(|(n, c)| Some((n, c, c.parameters(point, value)?)));
        let Some((n, command, parameters)) = found else { return false };
        let parameters = parameters.into_iter().map(|(name, item)| list([Item::text(&name), item]));
        let body = list([Item::text(&command.name), Item::List(parameters.collect())]);
        self.ask(now, Ask::Command(n), 2, 41, Some(body));
        true
    }

    fn constant(&mut self, now: Time) -> bool {
        let Some(Writing { point, value, .. }) = self.writing else { return false };
        let constant = self.binding.constant(point).and_then(|c| Some((c.ecid, c.item(value)?)));
        let Some((ecid, item)) = constant else { return false };
        let body = list([list([Item::U4(vec![ecid]), item])]);
        self.ask(now, Ask::Constant, 2, 15, Some(body));
        true
    }

    pub(super) fn write_ends(&mut self, now: Time, ask: Ask, outcome: Outcome) {
        let binding = Arc::clone(&self.binding);
        let command = match ask {
            Ask::Command(n) => binding.commands().get(n).map(|c| (n, c)),
            _ => None,
        };
        let what = command.map_or_else(|| "S2F15".to_owned(), |(_, c)| format!("S2F41 {}", c.name));
        let answer = match outcome {
            Outcome::Silent => return self.hear(Heard::Silent),
            // It may have been done all the same.
            Outcome::Garbled(why) => return self.hear(Heard::Garbled(format!("{why}, to {what}"))),
            Outcome::Aborted => Some("an abort".to_owned()),
            Outcome::Refused(why) => Some(why),
            Outcome::Answer(body) => match (code(body.as_ref(), command.is_some()), command) {
                (None, _) => {
                    return self.hear(Heard::Garbled(format!("no acknowledge code as the answer to {what}")));
                }
                (Some(DONE), _) => None,
                (Some(LATER), Some((_, c))) => {
                    if let Some(ceid) = c.finished.filter(|_| self.setup.tells_finished) {
                        self.await_end(now, &c.name, ceid);
                    }
                    None
                }
                // What was to be brought about is there. Reading it back shows whether it is.
                (Some(ALREADY), Some(_)) => None,
                (Some(hcack), Some((n, _))) => {
                    let answer = format!("HCACK {hcack}{}{}", hcack_words(hcack), wrong(body.as_ref()));
                    // In another state of the machine another command does it: START when idle, RESUME in a pause.
                    if hcack == CANNOT_NOW {
                        if let Some(w) = &mut self.writing {
                            w.refused.get_or_insert(Refusal { what: what.clone(), answer: answer.clone() });
                        }
                        if self.command(now, n + 1) {
                            return;
                        }
                    }
                    Some(answer)
                }
                (Some(eac), None) => Some(format!("EAC {eac}{}", eac_words(eac))),
            },
        };
        let first = self.writing.take().and_then(|w| w.refused);
        self.hear(Heard::Written(answer.map(|answer| first.unwrap_or(Refusal { what, answer }))));
    }

    fn await_end(&mut self, now: Time, name: &str, ceid: u32) {
        self.pending.retain(|p| p.name != name);
        if self.pending.len() < GEM_PENDING_COMMANDS {
            let until = now.after(self.session.options().timers.t3);
            self.pending.push(Pending { name: name.to_owned(), ceid, until });
        }
    }

    /// An event came that may be the end of a command.
    pub(super) fn command_finished(&mut self, ceid: u32) {
        let before = self.pending.len();
        self.pending.retain(|p| p.ceid != ceid);
        if self.pending.len() < before {
            self.notes.remove(&About::Command);
        }
    }

    /// Commands that were to be performed later and whose end did not come.
    pub(super) fn commands_due(&mut self, now: Time) {
        let t3 = self.session.options().timers.t3;
        let late: Vec<_> = self.pending.iter().filter(|p| p.until <= now).map(|p| p.name.clone()).collect();
        self.pending.retain(|p| p.until > now);
        for name in late {
            self.note_of(About::Command, format!("{name} was accepted and has not finished within {t3:?}"));
        }
    }
}

/// The first parameter that the equipment does not like: `L,2 HCACK L,n L,2 CPNAME CPACK`.
fn wrong(body: Option<&Item>) -> String {
    let Some(Item::List(parts)) = body else { return String::new() };
    let Some(Item::List(rows)) = parts.get(1) else { return String::new() };
    match rows.first() {
        Some(Item::List(row)) => match row.first() {
            Some(Item::Ascii(name)) => format!(": {}", String::from_utf8_lossy(name)),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// E5, HCACK.
fn hcack_words(hcack: u8) -> &'static str {
    match hcack {
        1 => ", no such command",
        CANNOT_NOW => ", it cannot be performed now",
        3 => ", a parameter is not valid",
        6 => ", no such object",
        _ => "",
    }
}

/// E5, EAC.
fn eac_words(eac: u8) -> &'static str {
    match eac {
        1 => ", no such constant",
        2 => ", busy",
        3 => ", out of range",
        _ => "",
    }
}
