//! Primary messages of the equipment: queued, sent a few at a time, spooled when there is nobody to take them.

use std::collections::{BTreeMap, VecDeque};

use super::super::session::SendError;
use super::super::{Item, Message};
use super::communications::Communications;
use super::equipment::Equipment;
use super::own::{self, OwnEvent};
use super::read::{self, Id};
use crate::limits;

/// What a primary message is for: what its reply, or its lack, leads to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Purpose {
    /// S1F13.
    Establish,
    /// S1F1, to go on-line.
    AreYouThere,
    /// An event, alarm, trace or text: an acknowledgement ends it.
    Report,
    /// The same, out of the spool.
    Spooled,
    /// S7F1: may this recipe be sent?
    UploadInquiry(String),
    /// S7F3: is the recipe taken?
    Upload(String),
    /// S7F5: give this recipe.
    Download(String),
}

/// A primary message under way.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub purpose: Purpose,
    pub message: Message,
}

/// What waits to be sent, and what waits for a reply.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Sent>,
    /// Bytes that wait, about.
    bytes: usize,
    /// By system bytes.
    open: BTreeMap<u32, Sent>,
    /// DATAID of the next report.
    data_id: u32,
    /// Messages given up.
    pub lost: u64,
    /// Messages without a reply that were sent since the transport last took all that there was.
    unsent: usize,
}

impl Equipment {
    /// Sends a message at once, if the session takes it.
    pub(super) fn send_now(&mut self, message: Message, purpose: Purpose) -> Result<(), SendError> {
        let system = self.session.send(self.now, &message)?;
        if message.wants_reply {
            self.outbox.open.insert(system, Sent { purpose, message });
        } else {
            self.outbox.unsent += 1;
        }
        Ok(())
    }

    /// Sends a message when its turn comes; spools it when there is nobody to take it, or when earlier ones are spooled.
    pub(super) fn queue(&mut self, message: Message, purpose: Purpose) {
        let spoolable = self.spools(&message);
        if spoolable && (self.spool.active() || !self.is_communicating()) {
            return self.spool(message);
        }
        // Behind a host that takes nothing the queue ends: what is newest is given up.
        let bytes = self.outbox.bytes + weight(&message);
        let full = self.outbox.queue.len() >= limits::GEM_QUEUED_MESSAGES || bytes > limits::GEM_QUEUED_BYTES;
        if full || !self.is_communicating() {
            self.outbox.lost += 1;
            return;
        }
        // What waits is kept, until the host has acknowledged it.
        if spoolable {
            self.changed();
        }
        self.outbox.bytes = bytes;
        self.outbox.queue.push_back(Sent { purpose, message });
    }

    /// Sends what may be sent: a few transactions at a time, so that a slow host is not buried.
    pub(super) fn flush(&mut self) {
        while self.is_communicating() && self.has_turn() {
            let Some(sent) = self.outbox.queue.pop_front() else { break };
            match self.send_now(sent.message.clone(), sent.purpose.clone()) {
                Ok(()) => {}
                // What no message can hold must not hold up the others.
                Err(SendError::Encode(_)) => self.outbox.lost += 1,
                Err(_) => {
                    self.outbox.queue.push_front(sent);
                    break;
                }
            }
            self.outbox.bytes -= weight(&sent.message);
        }
        self.unload();
    }

    /// Whether one more message may be on its way.
    pub(super) fn has_turn(&self) -> bool {
        self.outbox.open.len() + self.outbox.unsent < limits::GEM_OPEN_TRANSACTIONS
    }

    /// The transport has taken all that there was: those without a reply are gone.
    pub(super) fn all_taken(&mut self) {
        if std::mem::take(&mut self.outbox.unsent) > 0 {
            self.flush();
        }
    }

    /// A reply, an abort (SxF0) among them.
    pub(super) fn replied(&mut self, system: u32, reply: &Message) {
        let Some(sent) = self.outbox.open.remove(&system) else { return };
        self.concluded(sent, Some(reply));
    }

    /// No reply within T3: S9F9, and the session goes on (E30, error messages).
    pub(super) fn unanswered(&mut self, system: u32, header: [u8; 10]) {
        let Some(sent) = self.outbox.open.remove(&system) else { return self.error(9, Some(header)) };
        // A host that established communications by its own S1F13 owes no answer to ours.
        if sent.purpose != Purpose::Establish || !self.is_communicating() {
            self.error(9, Some(header));
        }
        self.concluded(sent, None);
    }

    /// The host rejected the message: there will be no reply.
    pub(super) fn refused(&mut self, system: u32) {
        if let Some(sent) = self.outbox.open.remove(&system) {
            self.concluded(sent, None);
        }
    }

    /// A reply that cannot be read is none.
    pub(super) fn given_up(&mut self, system: u32, header: [u8; 10]) {
        // The function is the header's fourth byte: an even one is a reply's (E5).
        if header[3].is_multiple_of(2)
            && let Some(sent) = self.outbox.open.remove(&system)
        {
            self.concluded(sent, None);
        }
    }

    fn concluded(&mut self, sent: Sent, reply: Option<&Message>) {
        // Only the function after the primary's own is its reply (E5): an abort, SxF0, is none.
        let answers =
            |m: &&Message| (m.stream, m.function) == (sent.message.stream, sent.message.function + 1);
        let reply = reply.filter(answers);
        if self.spools(&sent.message) {
            self.changed();
        }
        match sent.purpose {
            Purpose::Establish => self.established(reply),
            Purpose::AreYouThere => self.attempted(reply),
            Purpose::Report => {}
            Purpose::Spooled => {
                if reply.is_some() {
                    self.spooled_recipe(&sent.message, reply);
                }
                self.unloaded(sent.message, reply.is_some());
            }
            Purpose::UploadInquiry(ppid) => self.upload_granted(ppid, code(reply)),
            Purpose::Upload(ppid) => self.uploaded(&ppid, code(reply)),
            Purpose::Download(ppid) => self.downloaded(&ppid, reply),
        }
    }

    /// The link is gone: what was under way or waiting is spooled, oldest first, where the host wants that.
    pub(super) fn outbox_lost(&mut self) {
        debug_assert!(self.communications != Communications::Communicating);
        (self.outbox.unsent, self.outbox.bytes) = (0, 0);
        let open = std::mem::take(&mut self.outbox.open);
        let waiting = std::mem::take(&mut self.outbox.queue);
        for sent in open.into_values().chain(waiting) {
            match sent.purpose {
                Purpose::Spooled => self.unloaded(sent.message, false),
                Purpose::Establish => {}
                Purpose::AreYouThere => self.attempted(None),
                _ if self.spools(&sent.message) => self.spool(sent.message),
                Purpose::Report => self.outbox.lost += 1,
                Purpose::UploadInquiry(ppid) | Purpose::Upload(ppid) | Purpose::Download(ppid) => {
                    self.recipe_failed(&ppid, "the link was lost");
                }
            }
        }
    }

    pub(super) fn fire_own(&mut self, event: OwnEvent) {
        self.fire(event as u32);
    }

    /// A collection event: S6F11 with the reports linked to it, when the host wants it (E30, event notification).
    pub(super) fn fire(&mut self, ceid: u32) {
        if !self.control.state.is_online() || !self.reports.is_enabled(ceid) {
            return;
        }
        self.outbox.data_id = self.outbox.data_id.wrapping_add(1);
        let body = self.event_report(self.outbox.data_id, &Id::of(ceid), false);
        let wants_reply = self.constants.flag(own::W_BIT_S6);
        self.queue(Message { stream: 6, function: 11, wants_reply, body: Some(body) }, Purpose::Report);
    }

    /// DATAID of a report that a host asked for.
    pub(super) fn next_data_id(&mut self) -> u32 {
        self.outbox.data_id = self.outbox.data_id.wrapping_add(1);
        self.outbox.data_id
    }

    /// Messages that were sent and not acknowledged, and those that wait for their turn, oldest first, but for those that
    /// the spool holds.
    pub(super) fn unacknowledged(&self) -> impl Iterator<Item = &Message> {
        let all = self.outbox.open.values().chain(&self.outbox.queue);
        all.filter(|s| s.purpose != Purpose::Spooled).map(|s| &s.message)
    }
}

/// The acknowledgement code of a reply whose body is just that.
pub(super) fn code(reply: Option<&Message>) -> Option<u8> {
    match reply?.body.as_ref()? {
        Item::List(_) => None,
        item => read::byte(item).ok(),
    }
}

/// About how many bytes a message takes.
pub(super) fn weight(message: &Message) -> usize {
    fn of(item: &Item) -> usize {
        4 + match item {
            Item::List(items) => items.iter().map(of).sum(),
            Item::Ascii(v) | Item::Jis8(v) | Item::Local(_, v) | Item::Binary(v) | Item::U1(v) => v.len(),
            Item::I1(v) => v.len(),
            Item::Boolean(v) => v.len(),
            Item::I2(v) => 2 * v.len(),
            Item::U2(v) => 2 * v.len(),
            Item::I4(v) => 4 * v.len(),
            Item::U4(v) => 4 * v.len(),
            Item::F4(v) => 4 * v.len(),
            Item::I8(v) => 8 * v.len(),
            Item::U8(v) => 8 * v.len(),
            Item::F8(v) => 8 * v.len(),
        }
    }
    10 + message.body.as_ref().map_or(0, of)
}
