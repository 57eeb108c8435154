//! A GEM host without a socket (E30): it establishes communication, has its reports defined, reads, writes, and takes
//! what the equipment tells by itself. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use aegis_models::{PointIx, Record, Sample, Time};

use super::binding::{Binding, number, sample};
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
    /// A write was answered: none for yes, else the equipment's word.
    Written(Option<String>),
    /// An alarm was set or cleared.
    Alarm {
        /// ALID.
        alid: u32,
        /// Whether it is set.
        set: bool,
        /// ALTX.
        text: String,
    },
    /// What the equipment does not do as this host would have it; the rest goes on.
    Note(String),
    /// The equipment did not answer in time.
    Silent,
    /// The connection must be closed.
    Close(CloseReason),
}

/// The steps by which a host makes an equipment tell what it needs, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Establish,
    GoOnline,
    ForgetReports,
    DefineReports,
    LinkReports,
    EnableEvents,
    EnableAlarms,
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Setup(Step),
    Status,
    Constants,
    Write,
}

/// A group that is being read.
struct Reading {
    group: usize,
    samples: Vec<Sample>,
    missing: u32,
}

/// A GEM host over one session.
pub struct Host {
    session: Session,
    binding: Arc<Binding>,
    asked: BTreeMap<u32, Ask>,
    reading: Option<Reading>,
    up: bool,
    heard: VecDeque<Heard>,
}

impl Host {
    /// A host of a machine of that binding.
    pub fn new(options: Options, binding: Arc<Binding>) -> Host {
        Host {
            session: Session::new(options),
            binding,
            asked: BTreeMap::new(),
            reading: None,
            up: false,
            heard: VecDeque::new(),
        }
    }

    /// What it asks for.
    pub fn binding(&self) -> &Arc<Binding> {
        &self.binding
    }

    /// Whether communication is established.
    pub fn is_up(&self) -> bool {
        self.up
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
    }

    /// When [`Host::timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.session.poll_timeout()
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
    pub fn read(&mut self, now: Time, group: usize) {
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

    /// Writes a set-point by S2F15. False when it is none, or the value lies outside its range: nothing is sent.
    /// [`Heard::Written`] ends it.
    pub fn write(&mut self, now: Time, point: PointIx, value: f64) -> bool {
        let constant = self.binding.constant(point).and_then(|c| Some((c.ecid, c.item(value)?)));
        let Some((ecid, item)) = constant else { return false };
        let body = list([list([Item::U4(vec![ecid]), item])]);
        self.ask(now, Ask::Write, 2, 15, Some(body));
        self.work(now);
        true
    }

    /// Takes leave.
    pub fn separate(&mut self, now: Time) {
        self.session.separate(now);
        self.work(now);
    }

    fn ask(&mut self, now: Time, ask: Ask, stream: u8, function: u8, body: Option<Item>) -> bool {
        match self.session.send(now, &Message { stream, function, wants_reply: true, body }) {
            Ok(system) => {
                self.asked.insert(system, ask);
                true
            }
            Err(e) => {
                self.hear(Heard::Note(e.to_string()));
                self.hear(Heard::Silent);
                false
            }
        }
    }

    /// Does all that the session has seen.
    fn work(&mut self, now: Time) {
        while let Some(event) = self.session.event() {
            match event {
                Event::Selected => self.setup(now, Step::Establish),
                Event::Deselected => {
                    self.up = false;
                    self.asked.clear();
                    self.reading = None;
                }
                Event::Primary(received) => self.take(&received),
                Event::Reply(received) => self.take_reply(now, received),
                Event::TimedOut { system, .. } => {
                    self.asked.remove(&system);
                    self.hear(Heard::Silent);
                }
                Event::Undecodable { .. } => {
                    self.hear(Heard::Note("a message that is no SECS-II".to_owned()))
                }
                Event::WrongDevice { header, .. } => {
                    let device = u16::from_be_bytes([header[0], header[1]]);
                    self.hear(Heard::Note(format!("the equipment says that it is device {device}")));
                }
                Event::Close(why) => self.hear(Heard::Close(why)),
            }
        }
    }

    /// Takes the first step, from there on, that has something to ask.
    fn setup(&mut self, now: Time, from: Step) {
        let binding = Arc::clone(&self.binding);
        let records = binding.records();
        let id = |n: u32| Item::U4(vec![n]);
        let dataid = || Item::U4(vec![1]);
        let mut step = Some(from);
        while let Some(s) = step {
            let ask = match s {
                Step::Establish => Some((1, 13, Some(list([])))),
                Step::GoOnline => Some((1, 17, None)),
                // An empty list of reports takes all of them away, and their links (E5, S2F33).
                Step::ForgetReports if !records.is_empty() => Some((2, 33, Some(list([dataid(), list([])])))),
                Step::DefineReports if !records.is_empty() => {
                    let report = |r: &super::binding::Reported| {
                        list([id(r.rptid), Item::List(r.fields.iter().flatten().map(|v| id(*v)).collect())])
                    };
                    Some((2, 33, Some(list([dataid(), Item::List(records.iter().map(report).collect())]))))
                }
                Step::LinkReports if !records.is_empty() => {
                    let link = |r: &super::binding::Reported| list([id(r.ceid), list([id(r.rptid)])]);
                    Some((2, 35, Some(list([dataid(), Item::List(records.iter().map(link).collect())]))))
                }
                Step::EnableEvents if !records.is_empty() => {
                    let ceids = Item::List(records.iter().map(|r| id(r.ceid)).collect());
                    Some((2, 37, Some(list([Item::Boolean(vec![true]), ceids]))))
                }
                // An ALID of length zero means all alarms (E5, S5F3).
                Step::EnableAlarms => Some((5, 3, Some(list([Item::Binary(vec![0x80]), Item::U4(vec![])])))),
                _ => None,
            };
            if let Some((stream, function, body)) = ask {
                self.ask(now, Ask::Setup(s), stream, function, body);
                return;
            }
            step = s.next();
        }
    }

    fn take_reply(&mut self, now: Time, received: Received) {
        let Some(ask) = self.asked.remove(&received.system) else { return };
        let body = received.message.body;
        // Function 0 ends a transaction without an answer (E5).
        let aborted = received.message.function == 0;
        match ask {
            Ask::Setup(Step::Establish) if aborted || code(body.as_ref(), true) != Some(0) => {
                self.hear(Heard::Note("S1F13 is refused: the equipment does not communicate".to_owned()));
                self.hear(Heard::Silent);
            }
            Ask::Setup(step) => {
                let answer = code(body.as_ref(), step == Step::Establish);
                // S1F18: 2 says that it is on-line already, which is what was asked for.
                let well = answer == Some(0) || (step == Step::GoOnline && answer == Some(2));
                if aborted || !well {
                    let answer = answer.map_or("abort".to_owned(), |a| a.to_string());
                    self.hear(Heard::Note(format!("the equipment answers {answer} to {}", step.words())));
                }
                match step.next() {
                    Some(next) => self.setup(now, next),
                    None => {
                        self.up = true;
                        self.hear(Heard::Up);
                    }
                }
            }
            Ask::Write => {
                let answer = match code(body.as_ref(), false) {
                    Some(0) if !aborted => None,
                    Some(eac) if !aborted => Some(format!("EAC {eac}{}", eac_words(eac))),
                    _ => Some("an abort".to_owned()),
                };
                self.hear(Heard::Written(answer));
            }
            Ask::Status | Ask::Constants => self.take_values(ask, body.filter(|_| !aborted)),
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
        reading.missing -= 1;
        if reading.missing == 0
            && let Some(mut done) = self.reading.take()
        {
            done.samples.sort_by_key(|s| s.point);
            self.hear(Heard::Samples(done.samples));
        }
    }

    /// What the equipment asks or tells by itself.
    fn take(&mut self, received: &Received) {
        let m = &received.message;
        let ack = || Some(Item::Binary(vec![0]));
        let body = match (m.stream, m.function) {
            (1, 1) => Some(list([])),
            (1, 13) => Some(list([Item::Binary(vec![0]), list([])])),
            (2, 25) => m.body.clone(),
            (5, 1) => {
                self.take_alarm(m.body.as_ref());
                ack()
            }
            (6, 11) => {
                self.take_event(m.body.as_ref());
                ack()
            }
            (6, 1 | 23) | (10, 1) => ack(),
            (9, function) => {
                self.hear(Heard::Note(format!("the equipment says S9F{function}")));
                None
            }
            // A stream or function that this host does not know is ended by function 0 (E5).
            _ => return self.answer(received, 0, None),
        };
        self.answer(received, m.function + 1, body);
    }

    fn answer(&mut self, received: &Received, function: u8, body: Option<Item>) {
        if received.message.wants_reply {
            let stream = received.message.stream;
            let message = Message { stream, function, wants_reply: false, body };
            // A link that takes no reply is found out by its own timers.
            let _ = self.session.reply(received.system, &message);
        }
    }

    fn take_event(&mut self, body: Option<&Item>) {
        let Some(Item::List(parts)) = body else { return };
        let [_, ceid, Item::List(reports)] = &parts[..] else { return };
        let binding = Arc::clone(&self.binding);
        for r in binding.records().iter().filter(|r| number(ceid) == Some(f64::from(r.ceid))) {
            let mine = |report: &&Item| match report {
                Item::List(p) => p.first().and_then(number) == Some(f64::from(r.rptid)),
                _ => false,
            };
            let Some(Item::List(parts)) = reports.iter().find(mine) else { continue };
            let [_, Item::List(values)] = &parts[..] else { continue };
            let mut values = values.iter();
            let mut next = || values.next().and_then(number).unwrap_or(f64::NAN);
            let values = r.fields.iter().map(|f| if f.is_some() { next() } else { f64::NAN }).collect();
            self.hear(Heard::Record(Record { kind: r.kind, values }));
        }
    }

    fn take_alarm(&mut self, body: Option<&Item>) {
        let Some(Item::List(parts)) = body else { return };
        let [Item::Binary(alcd), alid, Item::Ascii(text)] = &parts[..] else { return };
        let set = alcd.first().is_some_and(|c| c & 0x80 != 0);
        let alid = number(alid).unwrap_or_default() as u32;
        self.hear(Heard::Alarm { alid, set, text: String::from_utf8_lossy(text).into_owned() });
    }

    fn hear(&mut self, what: Heard) {
        // Whoever does not listen loses the oldest records first: what is asked for is asked again.
        if self.heard.len() >= HSMS_HEARD {
            self.heard.pop_front();
        }
        self.heard.push_back(what);
    }
}

impl Step {
    fn next(self) -> Option<Step> {
        match self {
            Step::Establish => Some(Step::GoOnline),
            Step::GoOnline => Some(Step::ForgetReports),
            Step::ForgetReports => Some(Step::DefineReports),
            Step::DefineReports => Some(Step::LinkReports),
            Step::LinkReports => Some(Step::EnableEvents),
            Step::EnableEvents => Some(Step::EnableAlarms),
            Step::EnableAlarms => None,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Step::Establish => "S1F13",
            Step::GoOnline => "S1F17: it does not go on-line",
            Step::ForgetReports | Step::DefineReports => "S2F33: records are not reported",
            Step::LinkReports => "S2F35: records are not reported",
            Step::EnableEvents => "S2F37: records are not reported",
            Step::EnableAlarms => "S5F3: alarms are not told",
        }
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

/// E5, EAC.
fn eac_words(eac: u8) -> &'static str {
    match eac {
        1 => ", no such constant",
        2 => ", busy",
        3 => ", out of range",
        _ => "",
    }
}
