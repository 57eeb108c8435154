//! Terminal services: texts between host and operator. S10F1 to S10F6, S10F9.

use std::collections::VecDeque;

use aegis_models::Time;

use super::super::{Item, Message};
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::own::{self, OwnEvent};
use super::read::{self, Illegal};
use super::send::Purpose;
use crate::limits;

/// What the operator's terminal shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Terminal {
    /// Lines of the last texts.
    shown: VecDeque<String>,
    /// Whether the operator has not yet recognised the last text.
    unrecognised: bool,
}

/// ACKC10 (E5).
const SHOWN: u8 = 0;
const NOT_SHOWN: u8 = 1;
const NO_TERMINAL: u8 = 2;

impl Equipment {
    /// What the operator's terminal shows, oldest line first.
    pub fn terminal(&self) -> impl Iterator<Item = &str> {
        self.terminal.shown.iter().map(String::as_str)
    }

    /// Whether a text waits for the operator to recognise it.
    pub fn terminal_waits(&self) -> bool {
        self.terminal.unrecognised
    }

    /// The operator has read the text, which is an event (E30, equipment terminal services).
    pub fn operator_recognises(&mut self, now: Time) {
        self.advance(now);
        if std::mem::take(&mut self.terminal.unrecognised) {
            self.fire_own(OwnEvent::MessageRecognition);
            self.pump();
        }
    }

    /// The operator sends a text to the host: S10F1. False when it is too long or the equipment is off-line.
    pub fn operator_text(&mut self, now: Time, text: &str) -> bool {
        self.advance(now);
        if !self.control.state.is_online() || text.len() > limits::GEM_TERMINAL_BYTES {
            return false;
        }
        let body = Item::List(vec![Item::Binary(vec![0]), Item::text(text)]);
        let wants_reply = self.constants.flag(own::W_BIT_S10);
        self.queue(Message { stream: 10, function: 1, wants_reply, body: Some(body) }, Purpose::Report);
        self.pump();
        true
    }

    /// S10F3: one text for the operator.
    pub(super) fn s10f3(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let [terminal, text] = read::fields(body.ok_or(Illegal)?)?;
        let (terminal, text) = (read::byte(terminal)?, read::text(text)?);
        Ok(Answer::code(self.show(terminal, vec![text])))
    }

    /// S10F5: several lines.
    pub(super) fn s10f5(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let [terminal, lines] = read::fields(body.ok_or(Illegal)?)?;
        let lines = read::list(lines)?.iter().map(read::text).collect::<Result<Vec<_>, _>>()?;
        let terminal = read::byte(terminal)?;
        Ok(Answer::code(self.show(terminal, lines)))
    }

    /// S10F9: a text for all terminals, of which there is one.
    pub(super) fn s10f9(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let text = read::text(body.ok_or(Illegal)?)?;
        Ok(Answer::code(self.show(0, vec![text])))
    }

    /// A new text takes the place of the old; an empty one clears the terminal.
    fn show(&mut self, terminal: u8, lines: Vec<String>) -> u8 {
        if terminal != 0 {
            return NO_TERMINAL;
        }
        if lines.len() > limits::GEM_TERMINAL_LINES
            || lines.iter().map(String::len).sum::<usize>() > limits::GEM_TERMINAL_BYTES
        {
            return NOT_SHOWN;
        }
        self.terminal.unrecognised = lines.iter().any(|l| !l.is_empty());
        self.terminal.shown = lines.into_iter().filter(|l| !l.is_empty()).collect();
        SHOWN
    }
}
