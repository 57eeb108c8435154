//! A GEM host without a socket (E30): it establishes communication, has its reports defined, reads, commands, and takes
//! what the equipment tells by itself. Pure.
//!
//! Whatever becomes of a message that wants a reply (the reply, function 0, stream 9, noise, or nothing within T3), the
//! ask that it belongs to is concluded by it: no ask waits for good.

mod alarms;
mod commands;
mod setup;
mod told;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use aegis_models::{PointIx, Record, Sample, Time};

use self::alarms::Alarms;
use self::commands::{Pending, Writing};
use self::setup::{Setup, Step};
use super::binding::{Binding, number, sample};
use super::frame::HEADER;
use super::gem::clock::Clock;
use super::session::{CloseReason, Event, Options, Received, Session};
use super::{Item, Message};
use crate::limits::HSMS_HEARD;

/// What a host has heard.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Communication is established and the reports are there.
    Up,
    /// A group that was asked for.
    Samples(Vec<Sample>),
    /// A happening that the equipment reported.
    Record(Record),
    /// A write was answered: none for yes.
    Written(Option<Refusal>),
    /// What the equipment sent cannot be an answer, and what it did with what was asked is not known.
    Garbled(String),
    /// The equipment did not answer in time.
    Silent,
    /// The connection must be closed.
    Close(CloseReason),
}

/// A write that the equipment refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was sent: `S2F41 STOP`.
    pub what: String,
    /// The equipment's answer, in words.
    pub answer: String,
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Setup(Step),
    Status,
    Constants,
    /// The remote command of that place in the binding.
    Command(usize),
    Constant,
}

/// A message that waits for its reply.
#[derive(Clone, Copy, Debug)]
struct Asked {
    ask: Ask,
    stream: u8,
    function: u8,
}

/// What became of a message that wants a reply.
enum Outcome {
    Answer(Option<Item>),
    /// Function 0: the equipment ends the transaction without an answer (E5), as it does off-line.
    Aborted,
    /// A message of stream 9 about it.
    Refused(String),
    /// Something came that is no answer.
    Garbled(String),
    /// Nothing came within T3.
    Silent,
}

/// A group that is being read.
struct Reading {
    group: usize,
    samples: Vec<Sample>,
    missing: u32,
}

/// What a note is about: it stands until the same is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Setup(Step),
    Reading,
    Command,
    Other,
}

/// A GEM host over one session.
pub struct Host {
    session: Session,
    binding: Arc<Binding>,
    clock: Clock,
    asked: BTreeMap<u32, Asked>,
    setup: Setup,
    reading: Option<Reading>,
    writing: Option<Writing>,
    pending: Vec<Pending>,
    notes: BTreeMap<About, String>,
    alarms: Alarms,
    heard: VecDeque<Heard>,
}

impl Host {
    /// A host of a machine of that binding, whose clock shows `unix_ms` [ms since 1970] at [`Time::ZERO`].
    pub fn new(options: Options, unix_ms: i64, binding: Arc<Binding>) -> Host {
        Host {
            session: Session::new(options),
            binding,
            clock: Clock { zero_ms: unix_ms, offset_ms: 0 },
            asked: BTreeMap::new(),
            setup: Setup::default(),
            reading: None,
            writing: None,
            pending: Vec::new(),
            notes: BTreeMap::new(),
            alarms: Alarms::default(),
            heard: VecDeque::new(),
        }
    }

    /// What it asks for.
    pub fn binding(&self) -> &Arc<Binding> {
        &self.binding
    }

    /// How its session is set up.
    pub fn options(&self) -> &Options {
        self.session.options()
    }

    /// Whether communication is established.
    pub fn is_up(&self) -> bool {
        self.setup.up
    }

    /// The most transactions, one after another, that a setup takes.
    pub fn setup_asks(&self) -> u32 {
        Step::COUNT + self.binding.records().len() as u32
    }

    /// What the equipment does not do as this host would have it, and its alarms; empty when all is well.
    pub fn note(&self, now: Time) -> String {
        let alarms = self.alarms.words(now);
        let notes = self.notes.values().cloned().chain(alarms);
        notes.collect::<Vec<_>>().join("; ")
    }

    /// A transport connection stands.
    pub fn connected(&mut self, now: Time) {
        self.session.connected(now);
        self.work(now);
    }

    /// The transport connection is gone.
    pub fn disconnected(&mut self, now: Time) {
        self.session.disconnected(now);
        self.work(now);
    }

    /// Bytes have come.
    pub fn receive(&mut self, now: Time, bytes: &[u8]) {
        self.session.receive(now, bytes);
        self.work(now);
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Time) {
        self.session.timeout(now);
        self.work(now);
        self.commands_due(now);
    }

    /// When [`Host::timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        let pending = self.pending.iter().map(|p| p.until).min();
        [self.session.poll_timeout(), pending].into_iter().flatten().min()
    }

    /// Bytes to be sent, in order.
    pub fn transmit(&mut self) -> Option<Vec<u8>> {
        self.session.transmit()
    }

    /// What was heard, in order.
    pub fn heard(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }

    /// Whether something was heard.
    pub fn has_heard(&self) -> bool {
        !self.heard.is_empty()
    }

    /// Asks for [`Binding::groups`]`[group]`: status variables by S1F3, constants by S2F13. [`Heard::Samples`] ends it.
    /// What was asked before and not answered yet is not waited for any more.
    pub fn read(&mut self, now: Time, group: usize) {
        for system in self.reads_under_way() {
            self.asked.remove(&system);
            self.session.forget(system);
        }
        let binding = Arc::clone(&self.binding);
        let g = &binding.groups()[group];
        let ids = |of: &[(PointIx, u32)]| Item::List(of.iter().map(|(_, id)| Item::U4(vec![*id])).collect());
        self.reading = Some(Reading { group, samples: Vec::new(), missing: 0 });
        for (stream, function, ask, of) in
            [(1, 3, Ask::Status, &g.status), (2, 13, Ask::Constants, &g.constants)]
        {
            if !of.is_empty()
                && self.ask(now, ask, stream, function, Some(ids(of)))
                && let Some(r) = &mut self.reading
            {
                r.missing += 1;
            }
        }
        self.work(now);
    }

    fn reads_under_way(&self) -> Vec<u32> {
        let reads = |a: &Asked| matches!(a.ask, Ask::Status | Ask::Constants);
        self.asked.iter().filter(|(_, a)| reads(a)).map(|(system, _)| *system).collect()
    }

    /// Takes leave.
    pub fn separate(&mut self, now: Time) {
        self.session.separate(now);
        self.work(now);
    }

    fn ask(&mut self, now: Time, ask: Ask, stream: u8, function: u8, body: Option<Item>) -> bool {
        match self.session.send(now, &Message { stream, function, wants_reply: true, body }) {
            Ok(system) => {
                self.asked.insert(system, Asked { ask, stream, function });
                true
            }
            Err(e) => {
                self.note_of(About::Other, e.to_string());
                self.hear(Heard::Silent);
                false
            }
        }
    }

    /// Does all that the session has seen.
    fn work(&mut self, now: Time) {
        while let Some(event) = self.session.event() {
            match event {
                Event::Selected => self.set_up(now, Step::Establish),
                Event::Deselected => {
                    self.setup = Setup::default();
                    self.asked.clear();
                    self.pending.clear();
                    (self.reading, self.writing) = (None, None);
                }
                Event::Primary(received) => self.take(now, &received),
                Event::Reply(received) => self.take_reply(now, received),
                Event::TimedOut { system, .. } => self.conclude(now, system, Outcome::Silent),
                Event::Undecodable { header, system } => {
                    let what = || "a message that is no SECS-II".to_owned();
                    if header[3].is_multiple_of(2) {
                        self.conclude(now, system, Outcome::Garbled(what()));
                    } else {
                        self.note_of(About::Other, what());
                    }
                }
                Event::WrongDevice { header, system } => self.wrong_device(header, system),
                Event::Close(why) => self.hear(Heard::Close(why)),
            }
        }
    }

    /// Nothing that another device says is about this machine. When it answers, it is the one that is there.
    fn wrong_device(&mut self, header: [u8; HEADER], system: u32) {
        let (found, own) = (u16::from_be_bytes([header[0], header[1]]), self.session.options().device);
        let words = format!("the equipment says that it is device {found}, and not {own}");
        if header[3].is_multiple_of(2) && self.asked.contains_key(&system) {
            self.hear(Heard::Garbled(words));
        } else {
            self.note_of(About::Other, words);
        }
    }

    fn take_reply(&mut self, now: Time, received: Received) {
        let Some(asked) = self.asked.get(&received.system) else { return };
        let m = received.message;
        let outcome = match m.function {
            0 if m.stream == asked.stream => Outcome::Aborted,
            f if (m.stream, f) == (asked.stream, asked.function + 1) => Outcome::Answer(m.body),
            f => Outcome::Garbled(format!(
                "S{}F{f} as the answer to S{}F{}",
                m.stream, asked.stream, asked.function
            )),
        };
        self.conclude(now, received.system, outcome);
    }

    /// Ends the ask that was sent with those system bytes, if one waits.
    fn conclude(&mut self, now: Time, system: u32, outcome: Outcome) {
        let Some(Asked { ask, stream, function }) = self.asked.remove(&system) else { return };
        match ask {
            Ask::Setup(step) => self.step_ends(now, step, outcome),
            Ask::Status | Ask::Constants => {
                self.reading_ends(now, ask, &format!("S{stream}F{function}"), outcome)
            }
            Ask::Command(_) | Ask::Constant => self.write_ends(now, ask, outcome),
        }
    }

    fn reading_ends(&mut self, now: Time, ask: Ask, what: &str, outcome: Outcome) {
        let body = match outcome {
            Outcome::Answer(body) => body,
            Outcome::Silent => return self.hear(Heard::Silent),
            Outcome::Aborted => {
                self.setup.aborted();
                self.note_of(About::Reading, format!("{what} is aborted: the equipment is off-line"));
                None
            }
            Outcome::Refused(why) | Outcome::Garbled(why) => {
                self.note_of(About::Reading, format!("{what} is answered by {why}"));
                None
            }
        };
        let answered = body.is_some();
        self.take_values(ask, body);
        if answered {
            self.notes.remove(&About::Reading);
            self.set_up_again(now);
        }
    }

    fn take_values(&mut self, ask: Ask, body: Option<Item>) {
        let binding = Arc::clone(&self.binding);
        let Some(reading) = &mut self.reading else { return };
        let group = &binding.groups()[reading.group];
        let of = if ask == Ask::Status { &group.status } else { &group.constants };
        let values = match &body {
            Some(Item::List(values)) if values.len() == of.len() => &values[..],
            _ => &[],
        };
        reading.samples.extend(of.iter().enumerate().map(|(i, (point, _))| sample(*point, values.get(i))));
        reading.missing = reading.missing.saturating_sub(1);
        if reading.missing == 0
            && let Some(mut done) = self.reading.take()
        {
            done.samples.sort_by_key(|s| s.point);
            self.hear(Heard::Samples(done.samples));
        }
    }

    fn note_of(&mut self, about: About, words: String) {
        self.notes.insert(about, words);
    }

    fn hear(&mut self, what: Heard) {
        // Whoever does not listen loses the oldest records first: what is asked for is asked again.
        if self.heard.len() >= HSMS_HEARD {
            self.heard.pop_front();
        }
        self.heard.push_back(what);
    }
}

fn list<const N: usize>(items: [Item; N]) -> Item {
    Item::List(items.into())
}

/// The acknowledge code of a reply: alone, or first in a list.
fn code(body: Option<&Item>, listed: bool) -> Option<u8> {
    let item = match body? {
        Item::List(parts) if listed => parts.first()?,
        item => item,
    };
    number(item).filter(|n| (0.0..256.0).contains(n)).map(|n| n as u8)
}
