//! HSMS-SS frame by frame: what comes in, what goes out, and what time does (E37, E37.1).

use std::time::Duration;

use aegis_adapters::hsms::frame::{BadLength, HEADER, Header, Reader, frame};
use aegis_adapters::hsms::session::{CloseReason, Event, Options, Role, SendError, Session, Timers};
use aegis_adapters::hsms::{Item, Message, codec};
use aegis_adapters::limits;
use aegis_models::Time;

use super::gem_support::Pair;

const DEVICE: u16 = 5;
const CONTROL: u16 = 0xFFFF;
const S: fn(u64) -> Duration = Duration::from_secs;

/// Session types (E37).
const SELECT: u8 = 1;
const DESELECT: u8 = 3;
const LINKTEST: u8 = 5;
const REJECT: u8 = 7;
const SEPARATE: u8 = 9;

/// A control message.
fn control(stype: u8, byte2: u8, byte3: u8, system: u32) -> Header {
    Header { session: CONTROL, byte2, byte3, ptype: 0, stype, system }
}

/// A data message: stream with or without the W bit, function.
fn data(byte2: u8, byte3: u8, system: u32) -> Header {
    Header { session: DEVICE, byte2, byte3, ptype: 0, stype: 0, system }
}

/// What a step of a conversation makes the session say of itself.
#[derive(Debug, PartialEq)]
enum Told {
    Selected,
    Deselected,
    Primary(u8, u8),
    Reply(u8, u8),
    TimedOut(Option<u8>),
    Undecodable,
    WrongDevice,
    Close(CloseReason),
}

struct Link {
    session: Session,
    now: Time,
}

impl Link {
    fn new(role: Role) -> Link {
        let timers = Timers { linktest: Some(S(30)), ..Timers::default() };
        let mut link =
            Link { session: Session::new(Options { role, device: DEVICE, timers }), now: Time::ZERO };
        link.session.connected(link.now);
        link
    }

    fn selected() -> Link {
        let mut link = Link::new(Role::Passive);
        link.take(&control(SELECT, 0, 0, 1), &[]);
        assert_eq!((link.sent(), link.told()), (vec![control(SELECT + 1, 0, 0, 1)], vec![Told::Selected]));
        link
    }

    fn take(&mut self, header: &Header, body: &[u8]) {
        self.session.receive(self.now, &frame(header, body));
    }

    /// The headers that went out.
    fn sent(&mut self) -> Vec<Header> {
        let mut reader = Reader::default();
        while let Some(bytes) = self.session.transmit() {
            reader.push(&bytes);
        }
        std::iter::from_fn(|| reader.pop().unwrap().map(|(header, _)| header)).collect()
    }

    fn told(&mut self) -> Vec<Told> {
        let event = |e| match e {
            Event::Selected => Told::Selected,
            Event::Deselected => Told::Deselected,
            Event::Primary(r) => Told::Primary(r.message.stream, r.message.function),
            Event::Reply(r) => Told::Reply(r.message.stream, r.message.function),
            Event::TimedOut { rejected, .. } => Told::TimedOut(rejected),
            Event::Undecodable { .. } => Told::Undecodable,
            Event::WrongDevice { .. } => Told::WrongDevice,
            Event::Close(why) => Told::Close(why),
        };
        std::iter::from_fn(|| self.session.event()).map(event).collect()
    }

    /// Time passes, with all that is due in it.
    fn pass(&mut self, by: Duration) {
        let until = self.now.after(by);
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.session.timeout(self.now);
        }
        self.now = until;
    }

    fn ask(&mut self, function: u8) -> u32 {
        let message = Message { stream: 1, function, wants_reply: true, body: None };
        let system = self.session.send(self.now, &message).unwrap();
        assert_eq!(self.sent(), [data(0x81, function, system)]);
        system
    }
}

/// A frame that comes in, with its body; what goes out; what the owner is told.
type Row = (Header, &'static [u8], Vec<Header>, Vec<Told>);

#[test]
fn every_frame_has_its_answer() {
    let ptype = |header: Header, ptype| Header { ptype, ..header };
    let other = |header: Header| Header { session: 9, ..header };
    let reject =
        |header: Header, what, why| Header { byte2: what, byte3: why, stype: REJECT, ptype: 0, ..header };
    // Before a select, and after.
    let not_selected: Vec<Row> = vec![
        // Reason 4: not selected. Its byte 2 is the session type.
        (data(0x81, 1, 7), &[], vec![reject(data(0x81, 1, 7), 0, 4)], vec![]),
        // Reason 1: no such session type; reason 2: no such presentation type, in byte 2.
        (control(8, 0, 0, 7), &[], vec![reject(control(8, 0, 0, 7), 8, 1)], vec![]),
        (control(255, 0, 0, 7), &[], vec![reject(control(255, 0, 0, 7), 255, 1)], vec![]),
        (ptype(data(0x81, 1, 7), 3), &[], vec![reject(data(0x81, 1, 7), 3, 2)], vec![]),
        // Reason 3: an answer to nothing.
        (control(SELECT + 1, 0, 0, 7), &[], vec![reject(control(2, 0, 0, 7), 2, 3)], vec![]),
        (control(DESELECT + 1, 0, 0, 7), &[], vec![reject(control(4, 0, 0, 7), 4, 3)], vec![]),
        (control(LINKTEST + 1, 0, 0, 7), &[], vec![reject(control(6, 0, 0, 7), 6, 3)], vec![]),
        (control(LINKTEST, 0, 0, 7), &[], vec![control(LINKTEST + 1, 0, 0, 7)], vec![]),
        // Deselect status 1: not selected.
        (control(DESELECT, 0, 0, 7), &[], vec![control(DESELECT + 1, 0, 1, 7)], vec![]),
        (control(REJECT, 0, 4, 7), &[], vec![], vec![]),
        (control(SELECT, 0, 0, 7), &[], vec![control(SELECT + 1, 0, 0, 7)], vec![Told::Selected]),
        (control(SEPARATE, 0, 0, 7), &[], vec![], vec![Told::Close(CloseReason::Separated)]),
    ];
    let selected: Vec<Row> = vec![
        // Select status 1: active already.
        (control(SELECT, 0, 0, 7), &[], vec![control(SELECT + 1, 0, 1, 7)], vec![]),
        (control(LINKTEST, 0, 0, 7), &[], vec![control(LINKTEST + 1, 0, 0, 7)], vec![]),
        (control(8, 0, 0, 7), &[], vec![reject(control(8, 0, 0, 7), 8, 1)], vec![]),
        (ptype(data(0x81, 1, 7), 1), &[], vec![reject(data(0x81, 1, 7), 1, 2)], vec![]),
        (control(LINKTEST + 1, 0, 0, 7), &[], vec![reject(control(6, 0, 0, 7), 6, 3)], vec![]),
        (data(0x81, 1, 7), &[], vec![], vec![Told::Primary(1, 1)]),
        (data(0x81, 3, 7), &[0x01, 0], vec![], vec![Told::Primary(1, 3)]),
        (data(0x81, 3, 7), &[0xFF], vec![], vec![Told::Undecodable]),
        (other(data(0x81, 1, 7)), &[], vec![], vec![Told::WrongDevice]),
        // A reply to nothing, and one after T3, are let go.
        (data(0x01, 2, 7), &[], vec![], vec![]),
        (control(DESELECT, 0, 0, 7), &[], vec![control(DESELECT + 1, 0, 0, 7)], vec![Told::Deselected]),
        (
            control(SEPARATE, 0, 0, 7),
            &[],
            vec![],
            vec![Told::Deselected, Told::Close(CloseReason::Separated)],
        ),
    ];
    for (begin, table) in [
        (Link::new as fn(Role) -> Link, not_selected),
        ((|_| Link::selected()) as fn(Role) -> Link, selected),
    ] {
        for (header, body, sent, told) in table {
            let mut link = begin(Role::Passive);
            link.take(&header, body);
            assert_eq!((link.sent(), link.told()), (sent, told), "{header:?}");
        }
    }
}

#[test]
fn each_timer_does_what_it_is_for() {
    // T7: nobody selects. A linktest does not hold it up.
    let mut link = Link::new(Role::Passive);
    link.pass(S(9));
    link.take(&control(LINKTEST, 0, 0, 1), &[]);
    assert_eq!(link.told(), []);
    link.pass(S(1));
    assert_eq!(link.told(), [Told::Close(CloseReason::T7)]);
    // And again after a deselect.
    let mut link = Link::selected();
    link.pass(S(20));
    link.take(&control(DESELECT, 0, 0, 2), &[]);
    link.pass(S(10));
    assert_eq!(link.told(), [Told::Deselected, Told::Close(CloseReason::T7)]);
    // T6: a select, and a linktest, that is not answered.
    let mut link = Link::new(Role::Active);
    assert_eq!(link.sent(), [control(SELECT, 0, 0, 1)]);
    link.pass(S(5));
    assert_eq!(link.told(), [Told::Close(CloseReason::T6)]);
    let mut link = Link::selected();
    link.pass(S(30));
    let [test] = link.sent()[..] else { panic!("one linktest") };
    assert_eq!((test.stype, test.session), (LINKTEST, CONTROL));
    link.take(&control(LINKTEST + 1, 0, 0, test.system), &[]);
    link.pass(S(34));
    assert_eq!(link.told(), []);
    link.pass(S(1));
    assert_eq!(link.told(), [Told::Deselected, Told::Close(CloseReason::T6)]);
    // T8: a message that stops in its middle, wherever.
    for cut in [1, 3, 4, 13, 15] {
        let mut link = Link::selected();
        link.session.receive(link.now, &frame(&data(0x81, 3, 2), &[0x01, 0])[..cut]);
        link.pass(S(4));
        assert_eq!(link.told(), []);
        link.pass(S(1));
        assert_eq!(link.told(), [Told::Deselected, Told::Close(CloseReason::T8)], "{cut}");
    }
    // T3: the transaction ends and the session does not; a reject ends it before.
    let mut link = Link::selected();
    link.ask(1);
    link.pass(S(30));
    link.sent().into_iter().for_each(|h| link.take(&control(LINKTEST + 1, 0, 0, h.system), &[]));
    link.pass(S(14));
    assert_eq!(link.told(), []);
    link.pass(S(1));
    assert_eq!(link.told(), [Told::TimedOut(None)]);
    let late = link.ask(1);
    link.take(&Header { byte2: 0, byte3: 4, stype: REJECT, ..data(0, 0, late) }, &[]);
    assert_eq!(link.told(), [Told::TimedOut(Some(4))]);
    let answered = link.ask(3);
    link.take(&data(0x01, 4, answered), &[0x01, 0]);
    assert_eq!(link.told(), [Told::Reply(1, 4)]);
    assert!(link.session.is_selected());
}

#[test]
fn an_active_entity_takes_a_select_that_is_given_and_leaves_where_it_is_refused() {
    for (status, told) in [
        (0, vec![Told::Selected]),
        (1, vec![Told::Selected]),
        (2, vec![Told::Close(CloseReason::NotSelected(2))]),
        (3, vec![Told::Close(CloseReason::NotSelected(3))]),
    ] {
        let mut link = Link::new(Role::Active);
        link.take(&control(SELECT + 1, 0, status, 1), &[]);
        assert_eq!(link.told(), told, "status {status}");
    }
    let mut link = Link::new(Role::Active);
    link.sent();
    link.take(&control(SELECT + 1, 0, 0, 77), &[]);
    assert_eq!(link.told(), [], "the answer to another select");
    link.take(&control(REJECT, SELECT, 1, 1), &[]);
    assert_eq!(link.told(), [Told::Close(CloseReason::NotSelected(1))]);
    // What is said without a session is told to who says it.
    let message = Message { stream: 1, function: 1, wants_reply: true, body: None };
    assert_eq!(link.session.send(link.now, &message), Err(SendError::NotSelected));
    let mut link = Link::selected();
    link.session.separate(link.now);
    assert_eq!(link.sent().iter().map(|h| h.stype).collect::<Vec<_>>(), [SEPARATE]);
    assert_eq!(link.told(), [Told::Deselected, Told::Close(CloseReason::Asked)]);
}

#[test]
fn a_length_that_no_message_has_ends_the_connection() {
    for length in [0, 9, (HEADER + limits::HSMS_MESSAGE_BYTES + 1) as u32, u32::MAX] {
        let mut link = Link::selected();
        link.session.receive(link.now, &length.to_be_bytes());
        let why = CloseReason::Length(BadLength(length));
        assert_eq!(link.told(), [Told::Deselected, Told::Close(why)]);
        // Whatever comes behind is nobody's.
        link.take(&data(0x81, 1, 9), &[]);
        assert_eq!((link.sent(), link.told()), (vec![], vec![]));
    }
}

#[test]
fn a_message_of_many_megabytes_goes_there_and_back() {
    let mut p = Pair::running();
    let bytes: Vec<u8> = (0..8_u32 << 20).map(|n| (n % 251) as u8).collect();
    assert_eq!(p.body(2, 25, Item::Binary(bytes.clone())), Item::Binary(bytes.clone()));
    // And in pieces, as a network brings it.
    let mut link = Link::selected();
    let body = codec::encode(&Item::Binary(bytes)).unwrap();
    for piece in frame(&data(0x82, 25, 3), &body).chunks(1_460) {
        assert_eq!(link.told(), []);
        link.session.receive(link.now, piece);
        link.now = link.now.after(Duration::from_millis(1));
    }
    assert_eq!(link.told(), [Told::Primary(2, 25)]);
}
