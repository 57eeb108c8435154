//! A host and an equipment that exchange bytes in memory, in virtual time.

use std::time::Duration;

use aegis_adapters::hsms::frame::{Header, frame};
use aegis_adapters::hsms::gem::{Equipment, EquipmentOptions};
use aegis_adapters::hsms::session::{Event, Options, Role, Session, Timers};
use aegis_adapters::hsms::{Item, Message};
use aegis_models::{Frame, MachineIx, PointIx, Profile, Quality, Record, Sample, Time};

/// 2024-02-29 12:00:00 UTC [ms].
pub const NOON_MS: i64 = 1_709_208_000_000;

pub fn l(items: Vec<Item>) -> Item {
    Item::List(items)
}
pub fn u4(n: u32) -> Item {
    Item::U4(vec![n])
}
pub fn u1(n: u8) -> Item {
    Item::U1(vec![n])
}
pub fn b(n: u8) -> Item {
    Item::Binary(vec![n])
}
pub fn a(text: &str) -> Item {
    Item::text(text)
}
pub fn ids(ids: &[u32]) -> Item {
    l(ids.iter().map(|i| u4(*i)).collect())
}

/// The set-points of recipe QFN-32.
pub const PROGRAM: [(&str, f64); 5] = [
    ("force_set", 45.0),
    ("time_set", 15.0),
    ("current_set", 120.0),
    ("stage_set", 150.0),
    ("bonds_set", 40.0),
];

/// The body of a recipe with that force [gf].
pub fn body(force: u32) -> Item {
    a(&format!("FORCE {force} gf; TIME 12 ms; CURRENT 110 mA; STAGE 140 degC; BONDS 8; NOTE of a host"))
}

pub fn bonder() -> Profile {
    Profile::built_in("wire_bonder").unwrap()
}

pub fn options() -> EquipmentOptions {
    EquipmentOptions {
        session: Options { role: Role::Passive, device: 0, timers: Timers::default() },
        unix_ms: NOON_MS,
        conversation: Duration::from_secs(45),
        command: Duration::from_secs(60),
    }
}

pub struct Pair {
    pub profile: Profile,
    pub equipment: Equipment,
    pub host: Session,
    pub now: Time,
    /// Primary messages that the host got, in order, and has not looked at.
    pub heard: Vec<Message>,
    /// Whether the host answers them.
    pub answers: bool,
    /// The stream and function of its answers, where they are not the right ones.
    pub replies_with: Option<(u8, u8)>,
    /// Whether it rejects them instead.
    pub rejects: bool,
    replies: Vec<(u32, Message)>,
    connected: bool,
}

impl Pair {
    /// A host that has established communications with a bonder.
    pub fn new() -> Pair {
        let mut pair = Pair::of(Equipment::new(&bonder(), options(), &[]).unwrap());
        pair.connect();
        assert!(pair.equipment.is_communicating());
        pair
    }

    /// The same with the machine's first values, all that came of them forgotten.
    pub fn running() -> Pair {
        let mut pair = Pair::new();
        let started = [("run_enable", 1.0), ("bonding", 1.0), ("recipe", 1.0), ("units", 7.0)];
        pair.samples(&[&started[..], &[("bond_force_adj", 0.0)], &PROGRAM].concat());
        pair.heard.clear();
        pair
    }

    pub fn of(equipment: Equipment) -> Pair {
        let host = Session::new(Options { role: Role::Active, device: 0, timers: Timers::default() });
        Pair {
            profile: bonder(),
            equipment,
            host,
            now: Time::from_secs(1),
            heard: vec![],
            answers: true,
            replies_with: None,
            rejects: false,
            replies: vec![],
            connected: false,
        }
    }

    pub fn connect(&mut self) {
        self.connected = true;
        self.equipment.connected(self.now);
        self.host.connected(self.now);
        self.exchange();
        self.heard.clear();
    }

    pub fn disconnect(&mut self) {
        self.exchange();
        self.cut();
    }

    /// The link is gone, and with it what was on it.
    pub fn cut(&mut self) {
        self.connected = false;
        while self.equipment.transmit().is_some() {}
        while self.host.transmit().is_some() {}
        self.equipment.disconnected(self.now);
        self.host.disconnected(self.now);
        while self.host.event().is_some() {}
    }

    /// Carries bytes both ways until nothing moves.
    pub fn exchange(&mut self) {
        for _ in 0..100_000 {
            let mut moved = false;
            if self.connected {
                while let Some(bytes) = self.equipment.transmit() {
                    self.host.receive(self.now, &bytes);
                    moved = true;
                }
            }
            while let Some(event) = self.host.event() {
                moved = true;
                match event {
                    Event::Primary(r) => {
                        if self.rejects {
                            let reject = Header { byte2: 0, byte3: 4, stype: 7, ..r.header };
                            self.equipment.receive(self.now, &frame(&reject, &[]));
                        } else if self.answers && r.message.wants_reply {
                            let mut reply = acknowledgement(&r.message);
                            if let Some((stream, function)) = self.replies_with {
                                (reply.stream, reply.function) = (stream, function);
                            }
                            self.host.reply(r.system, &reply).unwrap();
                        }
                        self.heard.push(r.message);
                    }
                    Event::Reply(r) => self.replies.push((r.system, r.message)),
                    _ => {}
                }
            }
            if self.connected {
                while let Some(bytes) = self.host.transmit() {
                    self.equipment.receive(self.now, &bytes);
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
        panic!("host and equipment never fall silent");
    }

    /// Sends a primary message and gives its reply, or the message of stream 9 that came instead.
    pub fn ask(&mut self, stream: u8, function: u8, body: impl Into<Option<Item>>) -> Message {
        let message = Message { stream, function, wants_reply: true, body: body.into() };
        let system = self.host.send(self.now, &message).unwrap();
        self.exchange();
        if let Some(i) = self.replies.iter().position(|(s, _)| *s == system) {
            return self.replies.remove(i).1;
        }
        match self.heard.iter().rposition(|m| m.stream == 9) {
            Some(i) => self.heard.remove(i),
            None => panic!("S{stream}F{function} is not answered"),
        }
    }

    /// The body of the reply, which is of the function after.
    pub fn body(&mut self, stream: u8, function: u8, body: impl Into<Option<Item>>) -> Item {
        let reply = self.ask(stream, function, body);
        assert_eq!((reply.stream, reply.function), (stream, function + 1), "{reply:?}");
        reply.body.expect("a body")
    }

    /// The single code that the reply is.
    pub fn code(&mut self, stream: u8, function: u8, body: impl Into<Option<Item>>) -> u8 {
        match self.body(stream, function, body) {
            Item::Binary(v) if v.len() == 1 => v[0],
            other => panic!("{other:?} is no code"),
        }
    }

    /// The value of one status variable.
    pub fn sv(&mut self, svid: u32) -> Item {
        match self.body(1, 3, ids(&[svid])) {
            Item::List(mut v) if v.len() == 1 => v.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// Time passes, with all that is due in it.
    pub fn pass(&mut self, d: Duration) {
        let until = self.now.after(d);
        for _ in 0..100_000 {
            let due = [self.equipment.poll_timeout(), self.host.poll_timeout()].into_iter().flatten().min();
            let Some(due) = due.filter(|t| *t <= until) else { break };
            self.now = self.now.max(due);
            self.equipment.timeout(self.now);
            self.host.timeout(self.now);
            self.exchange();
        }
        self.now = until;
    }

    fn frame(&self, samples: &[(&str, f64)], records: Vec<Record>) -> Frame {
        let sample = |(id, value): &(&str, f64)| Sample {
            point: self.point(id),
            value: *value,
            quality: Quality::Good,
        };
        let samples = samples.iter().map(sample).collect();
        Frame { time: self.now, machine: MachineIx(0), samples, records, bursts: vec![] }
    }

    pub fn point(&self, id: &str) -> PointIx {
        self.profile.point_ix(id).unwrap()
    }

    /// The machine's values, a tenth of a second later.
    pub fn samples(&mut self, samples: &[(&str, f64)]) {
        self.now = self.now.after(Duration::from_millis(100));
        let frame = self.frame(samples, vec![]);
        self.equipment.publish(self.now, &frame);
        self.exchange();
    }

    /// A bond, a tenth of a second later: sound but for what is said of it.
    pub fn bond(&mut self, odd: &[(&str, f64)]) {
        self.now = self.now.after(Duration::from_millis(100));
        let fields = self.profile.records[0].fields.clone();
        let sound = [45.0, 15.0, 120.0, 288.0, 20.0, 150.0, 12.0, 14.0, 0.0, 1_000.0];
        let value =
            |(id, sound): (&String, f64)| odd.iter().find(|(o, _)| o == id).map_or(sound, |(_, v)| *v);
        let values = fields.iter().zip(sound).map(value).collect();
        let frame = self.frame(&[], vec![Record { kind: 0, values }]);
        self.equipment.publish(self.now, &frame);
        self.exchange();
    }

    /// Makes what the host wrote true, as a machine does, and gives it.
    pub fn obey(&mut self) -> Vec<(String, f64)> {
        let writes = self.equipment.take_writes();
        let named: Vec<_> = writes.iter().map(|(ix, v)| (self.profile.point(*ix).id.clone(), *v)).collect();
        let mut samples: Vec<_> = named.iter().map(|(id, v)| (id.as_str(), *v)).collect();
        let runs: Vec<_> = samples.iter().filter(|(id, _)| *id == "run_enable").map(|(_, v)| *v).collect();
        samples.extend(runs.into_iter().map(|v| ("bonding", v)));
        self.samples(&samples);
        named
    }

    /// Enables all events.
    pub fn enable_events(&mut self) {
        assert_eq!(self.code(2, 37, l(vec![Item::Boolean(vec![true]), l(vec![])])), 0);
    }

    /// The CEIDs of the events heard since, in order.
    pub fn events(&mut self) -> Vec<u32> {
        let heard = std::mem::take(&mut self.heard);
        heard.iter().filter(|m| (m.stream, m.function) == (6, 11)).map(ceid).collect()
    }

    /// Defines a report and links it to an event, with none before it.
    pub fn report(&mut self, rptid: u32, vids: &[u32], event: u32) {
        let link = |ids: &[u32]| l(vec![u4(1), l(vec![l(vec![u4(event), self::ids(ids)])])]);
        assert_eq!(self.code(2, 33, l(vec![u4(1), l(vec![l(vec![u4(rptid), ids(vids)])])])), 0);
        assert_eq!(self.code(2, 35, link(&[])), 0);
        assert_eq!(self.code(2, 35, link(&[rptid])), 0);
    }
}

/// CEID of S6F11.
pub fn ceid(m: &Message) -> u32 {
    match &part(m.body.as_ref().unwrap(), 1) {
        Item::U4(v) => v[0],
        other => panic!("{other:?} is no CEID"),
    }
}

/// An item of a list.
pub fn part(item: &Item, i: usize) -> Item {
    match item {
        Item::List(items) => items[i].clone(),
        other => panic!("{other:?} is no list"),
    }
}

/// Items of a list.
pub fn len(item: &Item) -> usize {
    match item {
        Item::List(items) => items.len(),
        other => panic!("{other:?} is no list"),
    }
}

/// What a well-behaved host answers.
fn acknowledgement(m: &Message) -> Message {
    let body = match (m.stream, m.function) {
        (1, 13) => l(vec![b(0), l(vec![])]),
        (1, 1) => l(vec![]),
        (7, 5) => l(vec![a("HOST-1"), body(30)]),
        _ => b(0),
    };
    Message { stream: m.stream, function: m.function + 1, wants_reply: false, body: Some(body) }
}
