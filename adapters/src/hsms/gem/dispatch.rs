//! What a host asks, by stream and function, and who answers; what is nobody's is an error of stream 9.

use super::super::session::{Received, SendError};
use super::super::{Item, Message};
use super::control::ControlState;
use super::equipment::Equipment;
use super::read::Illegal;
use crate::limits;

/// What a request comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// The reply's body.
    Body(Item),
    /// A reply that is a header alone.
    Header,
    /// SxF0: the reply would be longer than a message may be (E5, abort transaction).
    Abort,
    /// S9F5: this function is not the equipment's.
    NoFunction,
}

impl Answer {
    /// A reply that is one acknowledgement code.
    pub fn code(code: u8) -> Answer {
        Answer::Body(Item::Binary(vec![code]))
    }

    /// A reply that is a list of rows. A host may name what it likes as often as it likes: beyond a bound it gets none.
    pub fn rows(rows: impl Iterator<Item = Item>) -> Answer {
        let (mut list, mut items) = (Vec::new(), 0);
        for row in rows {
            items += count(&row);
            if items > limits::GEM_REPLY_ITEMS {
                return Answer::Abort;
            }
            list.push(row);
        }
        Answer::Body(Item::List(list))
    }
}

/// Requests that only read.
const READS: &[(u8, u8)] = &[
    (1, 1),
    (1, 3),
    (1, 11),
    (1, 13),
    (1, 21),
    (1, 23),
    (2, 13),
    (2, 17),
    (2, 25),
    (2, 29),
    (2, 47),
    (5, 5),
    (5, 7),
    (6, 15),
    (6, 17),
    (6, 19),
    (6, 21),
    (7, 5),
    (7, 19),
];

/// Streams of which the equipment knows any function.
const STREAMS: &[u8] = &[1, 2, 5, 6, 7, 9, 10];

impl Equipment {
    /// A primary message of the host, which may change what a restart must keep.
    pub(super) fn primary(&mut self, received: &Received) {
        let m = &received.message;
        let establishes = (m.stream, m.function) == (1, 13);
        if !self.is_communicating() && !establishes {
            // Communications first (E30): nothing else is answered.
            return self.heard_while_not_communicating();
        }
        // What a host says of errors of ours asks for nothing.
        if m.stream == 9 {
            return;
        }
        let header = received.header.to_bytes();
        // Off-line, a host may greet, and ask the equipment on-line where it may; the rest is aborted (E30, control).
        if !self.control.state.is_online() && !establishes && !self.may_ask_online(m) {
            return self.reply(received, 0, None);
        }
        if m.body.as_ref().is_some_and(|b| count(b) > limits::GEM_REQUEST_ITEMS) {
            return self.error(11, Some(header));
        }
        if !STREAMS.contains(&m.stream) {
            return self.error(3, Some(header));
        }
        if !READS.contains(&(m.stream, m.function)) {
            self.changed();
        }
        match self.answer(m) {
            Ok(Answer::Body(body)) => self.reply(received, m.function + 1, Some(body)),
            Ok(Answer::Header) => self.reply(received, m.function + 1, None),
            Ok(Answer::Abort) => self.reply(received, 0, None),
            Ok(Answer::NoFunction) => self.error(5, Some(header)),
            Err(Illegal) => self.error(7, Some(header)),
        }
    }

    fn may_ask_online(&self, m: &Message) -> bool {
        (m.stream, m.function) == (1, 17) && self.control.state != ControlState::AttemptOnline
    }

    fn reply(&mut self, received: &Received, function: u8, body: Option<Item>) {
        if !received.message.wants_reply {
            return;
        }
        let stream = received.message.stream;
        let reply = Message { stream, function, wants_reply: false, body };
        if let Err(SendError::Encode(_)) = self.session.reply(received.system, &reply) {
            let abort = Message { stream, function: 0, wants_reply: false, body: None };
            let _ = self.session.reply(received.system, &abort);
        }
    }

    fn answer(&mut self, m: &Message) -> Result<Answer, Illegal> {
        let body = m.body.as_ref();
        match (m.stream, m.function) {
            (1, 1) => self.s1f1(),
            (1, 3) => self.s1f3(body),
            (1, 11) => self.s1f11(body),
            (1, 13) => self.s1f13(body),
            (1, 15) => Ok(self.s1f15()),
            (1, 17) => Ok(self.s1f17()),
            (1, 21) => self.s1f21(body),
            (1, 23) => self.s1f23(body),
            (2, 13) => self.s2f13(body),
            (2, 15) => self.s2f15(body),
            (2, 17) => Ok(self.s2f17()),
            (2, 21) => self.s2f21(body),
            (2, 23) => self.s2f23(body),
            // A loop-back: the same again.
            (2, 25) => Ok(body.cloned().map_or(Answer::Header, Answer::Body)),
            (2, 29) => self.s2f29(body),
            (2, 31) => self.s2f31(body),
            (2, 33) => self.s2f33(body),
            (2, 35) => self.s2f35(body),
            (2, 37) => self.s2f37(body),
            (2, 39) => self.s2f39(body),
            (2, 41) => self.s2f41(body),
            (2, 43) => self.s2f43(body),
            (2, 45) => self.s2f45(body),
            (2, 47) => self.s2f47(body),
            (2, 49) => self.s2f49(body),
            (5, 3) => self.s5f3(body),
            (5, 5) => self.s5f5(body),
            (5, 7) => Ok(self.s5f7()),
            (6, 15) => self.event_now(body, false),
            (6, 17) => self.event_now(body, true),
            (6, 19) => self.report_now(body, false),
            (6, 21) => self.report_now(body, true),
            (6, 23) => self.s6f23(body),
            (7, 1) => self.s7f1(body),
            (7, 3) => self.s7f3(body),
            (7, 5) => self.s7f5(body),
            (7, 17) => self.s7f17(body),
            (7, 19) => Ok(self.s7f19()),
            (10, 3) => self.s10f3(body),
            (10, 5) => self.s10f5(body),
            (10, 9) => self.s10f9(body),
            _ => Ok(Answer::NoFunction),
        }
    }
}

/// Items of a body, its lists included.
fn count(item: &Item) -> usize {
    match item {
        Item::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Item::U1(v) => v.len(),
        Item::U2(v) => v.len(),
        Item::U4(v) => v.len(),
        Item::U8(v) => v.len(),
        _ => 1,
    }
}
