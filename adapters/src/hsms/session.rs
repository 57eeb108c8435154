//! HSMS-SS without a socket: bytes and time in; bytes, events and the next deadline out (E37, E37.1). Pure.
//!
//! ```text
//! not connected --connected()--> connected, not selected --select--> selected
//!       ^                              |  T7                 |  separate, T6, T8, bad length
//!       `---------- Close -------------+---------------------'
//! ```
//!
//! After every call, take what [`Session::transmit`] and [`Session::event`] give until they give nothing.

mod words;

use std::collections::{BTreeMap, VecDeque};

use aegis_models::Time;

use super::codec;
use super::frame::{HEADER, Header, Reader, frame};
use super::message::Message;
use crate::limits::{HSMS_QUEUED_BYTES, HSMS_TRANSACTIONS};

pub use words::{CloseReason, Event, Options, Received, Role, SendError, Timers};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No connection, or one that is to be closed.
    NotConnected,
    NotSelected,
    Selected,
}

/// Session types (E37, message types).
mod stype {
    pub const DATA: u8 = 0;
    pub const SELECT_REQ: u8 = 1;
    pub const SELECT_RSP: u8 = 2;
    pub const DESELECT_REQ: u8 = 3;
    pub const DESELECT_RSP: u8 = 4;
    pub const LINKTEST_REQ: u8 = 5;
    pub const LINKTEST_RSP: u8 = 6;
    pub const REJECT_REQ: u8 = 7;
    pub const SEPARATE_REQ: u8 = 9;
}

/// Reasons of a reject (E37, Reject.req).
mod reason {
    pub const STYPE_NOT_SUPPORTED: u8 = 1;
    pub const PTYPE_NOT_SUPPORTED: u8 = 2;
    pub const TRANSACTION_NOT_OPEN: u8 = 3;
    pub const NOT_SELECTED: u8 = 4;
}

/// The session id of control messages in HSMS-SS.
const CONTROL: u16 = 0xFFFF;

struct Open {
    deadline: Time,
    header: [u8; HEADER],
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("state", &self.state)
            .field("open", &self.open.len())
            .finish_non_exhaustive()
    }
}

/// One side of one HSMS-SS connection.
pub struct Session {
    options: Options,
    state: State,
    reader: Reader,
    /// When the last byte came.
    heard: Time,
    /// When the connection was made: T7 runs from here.
    since: Time,
    /// Replies that are waited for.
    open: BTreeMap<u32, Open>,
    /// The control message that waits for its answer: its type, its system bytes, and when T6 ends.
    control: Option<(u8, u32, Time)>,
    next_linktest: Option<Time>,
    system: u32,
    out: VecDeque<Vec<u8>>,
    out_bytes: usize,
    events: VecDeque<Event>,
}

impl Session {
    /// A session without a connection.
    pub fn new(options: Options) -> Session {
        Session {
            options,
            state: State::NotConnected,
            reader: Reader::default(),
            heard: Time::ZERO,
            since: Time::ZERO,
            open: BTreeMap::new(),
            control: None,
            next_linktest: None,
            system: 0,
            out: VecDeque::new(),
            out_bytes: 0,
            events: VecDeque::new(),
        }
    }

    /// Its set-up.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// A transport connection stands. An active entity selects at once.
    pub fn connected(&mut self, now: Time) {
        self.clear();
        (self.state, self.since, self.heard) = (State::NotSelected, now, now);
        if self.options.role == Role::Active {
            self.ask(now, stype::SELECT_REQ);
        }
    }

    /// The transport connection is gone.
    pub fn disconnected(&mut self, _now: Time) {
        if self.state == State::Selected {
            self.events.push_back(Event::Deselected);
        }
        self.clear();
    }

    /// Bytes have come.
    pub fn receive(&mut self, now: Time, bytes: &[u8]) {
        if self.state == State::NotConnected || bytes.is_empty() {
            return;
        }
        self.heard = now;
        self.reader.push(bytes);
        while self.state != State::NotConnected {
            match self.reader.pop() {
                Ok(Some((header, body))) => self.take(now, header, &body),
                Ok(None) => return,
                Err(e) => return self.close(e.into()),
            }
        }
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Time) {
        let timers = self.options.timers;
        let late: Vec<u32> = self.open.iter().filter(|(_, o)| o.deadline <= now).map(|(s, _)| *s).collect();
        for system in late {
            if let Some(open) = self.open.remove(&system) {
                self.events.push_back(Event::TimedOut { system, header: open.header, rejected: None });
            }
        }
        if self.control.is_some_and(|(.., deadline)| deadline <= now) {
            return self.close(CloseReason::T6);
        }
        if self.state == State::NotSelected && now >= self.since.after(timers.t7) {
            return self.close(CloseReason::T7);
        }
        if self.reader.is_waiting() && now >= self.heard.after(timers.t8) {
            return self.close(CloseReason::T8);
        }
        if self.next_linktest.is_some_and(|t| t <= now) {
            self.next_linktest = timers.linktest.map(|every| now.after(every));
            if self.control.is_none() {
                self.ask(now, stype::LINKTEST_REQ);
            }
        }
    }

    /// When [`Session::timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        let t7 = (self.state == State::NotSelected).then(|| self.since.after(self.options.timers.t7));
        let t8 = self.reader.is_waiting().then(|| self.heard.after(self.options.timers.t8));
        let t3 = self.open.values().map(|o| o.deadline).min();
        let t6 = self.control.map(|(.., deadline)| deadline);
        [t7, t8, t3, t6, self.next_linktest].into_iter().flatten().min()
    }

    /// Bytes to be sent, in order.
    pub fn transmit(&mut self) -> Option<Vec<u8>> {
        let bytes = self.out.pop_front()?;
        self.out_bytes -= bytes.len();
        Some(bytes)
    }

    /// What has happened, in order.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether data messages can be exchanged.
    pub fn is_selected(&self) -> bool {
        self.state == State::Selected
    }

    /// Sends a primary message and gives its system bytes; when it wants a reply, T3 runs.
    pub fn send(&mut self, now: Time, message: &Message) -> Result<u32, SendError> {
        if message.wants_reply && self.open.len() >= HSMS_TRANSACTIONS {
            return Err(SendError::Busy);
        }
        let system = self.next_system();
        let header = self.put_data(system, message)?;
        if message.wants_reply {
            let deadline = now.after(self.options.timers.t3);
            self.open.insert(system, Open { deadline, header: header.to_bytes() });
        }
        Ok(system)
    }

    /// Sends the reply to a primary message.
    pub fn reply(&mut self, to: u32, message: &Message) -> Result<(), SendError> {
        self.put_data(to, message).map(drop)
    }

    /// A transaction will have no reply: the peer has said so in a message of its own (stream 9).
    pub fn forget(&mut self, system: u32) {
        self.open.remove(&system);
    }

    /// Takes leave.
    pub fn separate(&mut self, _now: Time) {
        if self.state == State::NotConnected {
            return;
        }
        let system = self.next_system();
        self.put(&control(stype::SEPARATE_REQ, 0, 0, system), &[]);
        self.close(CloseReason::Asked);
    }

    fn take(&mut self, now: Time, header: Header, body: &[u8]) {
        if header.ptype != 0 {
            return self.reject(&header, header.ptype, reason::PTYPE_NOT_SUPPORTED);
        }
        match header.stype {
            stype::DATA => self.take_data(header, body),
            stype::SELECT_REQ => {
                // HSMS-SS has one session: who selects again is told that it is active already.
                let status = u8::from(self.state == State::Selected);
                self.put(&answer(&header, stype::SELECT_RSP, status), &[]);
                if status == 0 {
                    self.select(now);
                }
            }
            stype::DESELECT_REQ => {
                let status = u8::from(self.state != State::Selected);
                self.put(&answer(&header, stype::DESELECT_RSP, status), &[]);
                if status == 0 {
                    self.deselect(now);
                }
            }
            stype::LINKTEST_REQ => self.put(&answer(&header, stype::LINKTEST_RSP, 0), &[]),
            stype::SELECT_RSP | stype::DESELECT_RSP | stype::LINKTEST_RSP => self.take_answer(now, &header),
            // Whatever was rejected is not answered any more.
            stype::REJECT_REQ => {
                self.open.remove(&header.system).into_iter().for_each(|o| {
                    let rejected = Some(header.byte3);
                    self.events.push_back(Event::TimedOut {
                        system: header.system,
                        header: o.header,
                        rejected,
                    });
                });
                if self.control.is_some_and(|(_, system, _)| system == header.system) {
                    self.control = None;
                    if self.state == State::NotSelected && self.options.role == Role::Active {
                        self.close(CloseReason::NotSelected(header.byte3));
                    }
                }
            }
            stype::SEPARATE_REQ => self.close(CloseReason::Separated),
            other => self.reject(&header, other, reason::STYPE_NOT_SUPPORTED),
        }
    }

    fn take_answer(&mut self, now: Time, header: &Header) {
        let asked =
            self.control.filter(|(asked, system, _)| (asked + 1, *system) == (header.stype, header.system));
        if asked.is_none() {
            return self.reject(header, header.stype, reason::TRANSACTION_NOT_OPEN);
        }
        self.control = None;
        // Status 1 says that the session is active already, which is what was asked for.
        match (header.stype, header.byte3) {
            (stype::SELECT_RSP, 0 | 1) => self.select(now),
            (stype::SELECT_RSP, status) => self.close(CloseReason::NotSelected(status)),
            _ => {}
        }
    }

    fn take_data(&mut self, header: Header, body: &[u8]) {
        if self.state != State::Selected {
            return self.reject(&header, stype::DATA, reason::NOT_SELECTED);
        }
        let (bytes, system) = (header.to_bytes(), header.system);
        if header.session != self.options.device {
            return self.events.push_back(Event::WrongDevice { header: bytes, system });
        }
        let primary = header.byte3 % 2 == 1;
        if !primary && self.open.remove(&system).is_none() {
            // The answer to nothing, or one that comes after T3: E5 asks for no more than to leave it.
            return;
        }
        let Ok(item) = codec::decode(body) else {
            return self.events.push_back(Event::Undecodable { header: bytes, system });
        };
        let message = Message {
            stream: header.byte2 & 0x7F,
            function: header.byte3,
            wants_reply: header.byte2 & 0x80 != 0,
            body: item,
        };
        let received = Received { header, system, message };
        self.events.push_back(if primary { Event::Primary(received) } else { Event::Reply(received) });
    }

    fn select(&mut self, now: Time) {
        if self.state == State::NotSelected {
            self.state = State::Selected;
            self.next_linktest = self.options.timers.linktest.map(|every| now.after(every));
            self.events.push_back(Event::Selected);
        }
    }

    fn deselect(&mut self, now: Time) {
        (self.state, self.since, self.next_linktest) = (State::NotSelected, now, None);
        self.open.clear();
        self.events.push_back(Event::Deselected);
    }

    fn close(&mut self, why: CloseReason) {
        if self.state == State::Selected {
            self.events.push_back(Event::Deselected);
        }
        self.state = State::NotConnected;
        self.reader = Reader::default();
        self.open.clear();
        (self.control, self.next_linktest) = (None, None);
        self.events.push_back(Event::Close(why));
    }

    fn clear(&mut self) {
        self.state = State::NotConnected;
        self.reader = Reader::default();
        self.open.clear();
        self.out.clear();
        self.out_bytes = 0;
        (self.control, self.next_linktest) = (None, None);
    }

    fn ask(&mut self, now: Time, stype: u8) {
        let system = self.next_system();
        self.control = Some((stype, system, now.after(self.options.timers.t6)));
        self.put(&control(stype, 0, 0, system), &[]);
    }

    fn reject(&mut self, header: &Header, what: u8, why: u8) {
        let reject =
            Header { session: header.session, ..control(stype::REJECT_REQ, what, why, header.system) };
        self.put(&reject, &[]);
    }

    fn put_data(&mut self, system: u32, message: &Message) -> Result<Header, SendError> {
        if self.state != State::Selected {
            return Err(SendError::NotSelected);
        }
        let body = message.body.as_ref().map(codec::encode).transpose()?.unwrap_or_default();
        if self.out_bytes + body.len() > HSMS_QUEUED_BYTES {
            return Err(SendError::Full);
        }
        let header = Header {
            session: self.options.device,
            byte2: message.stream & 0x7F | u8::from(message.wants_reply) << 7,
            byte3: message.function,
            ptype: 0,
            stype: stype::DATA,
            system,
        };
        self.put(&header, &body);
        Ok(header)
    }

    fn put(&mut self, header: &Header, body: &[u8]) {
        let bytes = frame(header, body);
        self.out_bytes += bytes.len();
        self.out.push_back(bytes);
        // A peer that asks for more than it takes would fill the memory with answers.
        if self.out_bytes > 2 * HSMS_QUEUED_BYTES && self.state != State::NotConnected {
            self.close(CloseReason::Stuck);
        }
    }

    fn next_system(&mut self) -> u32 {
        loop {
            self.system = self.system.wrapping_add(1).max(1);
            if !self.open.contains_key(&self.system) {
                return self.system;
            }
        }
    }
}

fn control(stype: u8, byte2: u8, byte3: u8, system: u32) -> Header {
    Header { session: CONTROL, byte2, byte3, ptype: 0, stype, system }
}

/// The answer to a control message: the same session and system bytes.
fn answer(to: &Header, stype: u8, status: u8) -> Header {
    Header { session: to.session, ..control(stype, 0, status, to.system) }
}
