//! What the equipment asks or tells by itself.

use std::sync::Arc;

use aegis_models::{Record, Time};

use super::super::binding::number;
use super::super::frame::{HEADER, Header};
use super::super::session::Received;
use super::super::{Item, Message};
use super::{About, Heard, Host, Outcome, list};

impl Host {
    pub(super) fn take(&mut self, now: Time, received: &Received) {
        let m = &received.message;
        let ack = || Some(Item::Binary(vec![0]));
        let body = match (m.stream, m.function) {
            (1, 1) => Some(list([])),
            (1, 13) => Some(list([Item::Binary(vec![0]), list([])])),
            (2, 17) => Some(Item::text(&self.clock.text(now, 1))),
            (2, 25) => m.body.clone(),
            (5, 1) => {
                self.take_alarm(now, m.body.as_ref());
                ack()
            }
            // GRANT6 0: a message of several blocks may come, which HSMS does not need to be asked (E5).
            (6, 5) => ack(),
            (6, 11) => {
                self.take_event(m.body.as_ref(), false);
                ack()
            }
            (6, 13) => {
                self.take_event(m.body.as_ref(), true);
                ack()
            }
            (6, 1 | 23) | (10, 1) => ack(),
            (9, function) => return self.take_error(now, function, m.body.as_ref()),
            // A stream or function that this host does not know is ended by function 0 (E5).
            _ => return self.answer(received, 0, None),
        };
        self.answer(received, m.function + 1, body);
        if (m.stream, m.function) == (1, 13) {
            self.equipment_establishes(now);
        }
    }

    fn answer(&mut self, received: &Received, function: u8, body: Option<Item>) {
        if received.message.wants_reply {
            let stream = received.message.stream;
            let message = Message { stream, function, wants_reply: false, body };
            // A link that takes no reply is found out by its own timers.
            let _ = self.session.reply(received.system, &message);
        }
    }

    /// S9F1, F3, F5, F7, F11: a message of this host's is not answered, and MHEAD says which (E5).
    fn take_error(&mut self, now: Time, function: u8, body: Option<&Item>) {
        let words = format!("S9F{function}{}", error_words(function));
        let about = match body {
            Some(Item::Binary(head)) if matches!(function, 1 | 3 | 5 | 7 | 11) => {
                <[u8; HEADER]>::try_from(&head[..]).ok().map(|h| Header::from_bytes(h).system)
            }
            _ => None,
        };
        match about.filter(|system| self.asked.contains_key(system)) {
            Some(system) => {
                self.session.forget(system);
                self.conclude(now, system, Outcome::Refused(words));
            }
            None => self.note_of(About::Other, format!("the equipment says {words}")),
        }
    }

    /// S6F11 `L,3 DATAID CEID L,n L,2 RPTID L,m V`; annotated (S6F13) each V is `L,2 VID V`.
    fn take_event(&mut self, body: Option<&Item>, annotated: bool) {
        let Some(Item::List(parts)) = body else { return };
        let [_, ceid, Item::List(reports)] = &parts[..] else { return };
        let Some(ceid) = number(ceid) else { return };
        self.command_finished(ceid as u32);
        let binding = Arc::clone(&self.binding);
        for r in binding.records().iter().filter(|r| ceid == f64::from(r.ceid)) {
            let mine = |report: &&Item| match report {
                Item::List(p) => p.first().and_then(number) == Some(f64::from(r.rptid)),
                _ => false,
            };
            let Some(Item::List(parts)) = reports.iter().find(mine) else { continue };
            let [_, Item::List(values)] = &parts[..] else { continue };
            let mut values = values.iter().map(|v| match v {
                Item::List(pair) if annotated => pair.get(1),
                v => Some(v),
            });
            let mut next = || values.next().flatten().and_then(number).unwrap_or(f64::NAN);
            let values = r.fields.iter().map(|f| if f.is_some() { next() } else { f64::NAN }).collect();
            self.hear(Heard::Record(Record { kind: r.kind, values }));
        }
    }

    /// S5F1 `L,3 ALCD ALID ALTX`: bit 8 of ALCD says whether it is set.
    fn take_alarm(&mut self, now: Time, body: Option<&Item>) {
        let Some(Item::List(parts)) = body else { return };
        let [Item::Binary(alcd), alid, Item::Ascii(text)] = &parts[..] else { return };
        let set = alcd.first().is_some_and(|c| c & 0x80 != 0);
        let Some(alid) = number(alid) else { return };
        self.alarms.take(now, alid as u32, set, &String::from_utf8_lossy(text));
    }
}

/// E5, stream 9.
fn error_words(function: u8) -> &'static str {
    match function {
        1 => ", another device",
        3 => ", no such stream",
        5 => ", no such function",
        7 => ", data that it does not understand",
        9 => ", it had no answer in time",
        11 => ", too much data",
        13 => ", what was announced did not come",
        _ => "",
    }
}
