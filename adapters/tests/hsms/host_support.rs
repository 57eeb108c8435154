//! A host that exchanges bytes in memory, in virtual time, with an equipment that a test makes up.

use std::sync::Arc;
use std::time::Duration;

use aegis_adapters::hsms::frame::{Header, Reader, frame};
use aegis_adapters::hsms::gem::Equipment;
use aegis_adapters::hsms::host::{Heard, Host};
use aegis_adapters::hsms::session::{Options, Role, Timers};
use aegis_adapters::hsms::{Binding, Item, Message, codec};
use aegis_models::{PointIx, Quality, Sample, Time};

use super::gem_support::*;

/// What becomes of a message of the host.
pub enum Fate {
    /// It is answered by that function with that body.
    Answer(u8, Option<Item>),
    /// It is answered by bytes that are no item.
    Noise,
    /// Stream 9 with its header.
    Error(u8),
    /// Nothing comes.
    Nothing,
}

/// What an equipment answers that does all as it should; for values, as many noughts as were asked for.
pub fn well(m: &Message) -> Fate {
    let asked = m.body.as_ref().map_or(0, |b| if let Item::List(v) = b { v.len() } else { 0 });
    let body = match (m.stream, m.function) {
        (1, 13) | (2, 41) => l(vec![b(0), l(vec![])]),
        (1, 3) | (2, 13) => l(vec![u4(0); asked]),
        (6, 15) => l(vec![u4(1), m.body.clone().unwrap(), l(vec![])]),
        _ => b(0),
    };
    Fate::Answer(m.function + 1, Some(body))
}

/// A host of a bonder, and what it says.
pub struct Rig {
    pub host: Host,
    pub now: Time,
    /// What the host sent, in order.
    pub sent: Vec<Message>,
    pub heard: Vec<Heard>,
    reader: Reader,
    /// System bytes of the messages that the equipment sends by itself.
    system: u32,
}

impl Rig {
    pub fn new() -> Rig {
        let binding = Arc::new(Binding::new(&bonder()).unwrap());
        let timers = Timers { linktest: None, ..Timers::default() };
        let options = Options { role: Role::Active, device: 0, timers };
        let mut host = Host::new(options, NOON_MS, binding);
        let now = Time::from_secs(1);
        host.connected(now);
        Rig { host, now, sent: vec![], heard: vec![], reader: Reader::default(), system: 1_000_000 }
    }

    /// Answers all that the host asks, until it asks nothing more.
    pub fn answer(&mut self, mut fate: impl FnMut(&Message) -> Fate) {
        for _ in 0..1_000 {
            let Some(bytes) = self.host.transmit() else { break };
            self.reader.push(&bytes);
            while let Some((header, body)) = self.reader.pop().unwrap() {
                if header.stype == 1 {
                    let answer = Header { stype: 2, byte2: 0, byte3: 0, ..header };
                    self.host.receive(self.now, &frame(&answer, &[]));
                } else if header.stype == 0 {
                    self.take(header, &body, &mut fate);
                }
            }
        }
        while let Some(heard) = self.host.heard() {
            self.heard.push(heard);
        }
    }

    fn take(&mut self, header: Header, body: &[u8], fate: &mut impl FnMut(&Message) -> Fate) {
        let message = Message {
            stream: header.byte2 & 0x7F,
            function: header.byte3,
            wants_reply: header.byte2 & 0x80 != 0,
            body: codec::decode(body).unwrap(),
        };
        if message.wants_reply {
            let back = |function| Header { byte2: message.stream, byte3: function, ..header };
            let answer = match fate(&message) {
                Fate::Answer(function, body) => {
                    let body = body.map(|b| codec::encode(&b).unwrap()).unwrap_or_default();
                    Some(frame(&back(function), &body))
                }
                Fate::Noise => Some(frame(&back(message.function + 1), &[0xFF, 0x01])),
                Fate::Error(function) => {
                    let head = Item::Binary(header.to_bytes().to_vec());
                    let about = Header { byte2: 9, byte3: function, system: 77, ..header };
                    Some(frame(&about, &codec::encode(&head).unwrap()))
                }
                Fate::Nothing => None,
            };
            answer.into_iter().for_each(|a| self.host.receive(self.now, &a));
        }
        self.sent.push(message);
    }

    /// The equipment tells or asks something by itself; gives what the host answers, if anything.
    pub fn tell(&mut self, stream: u8, function: u8, body: Option<Item>) -> Option<Message> {
        self.system += 1;
        let header = Header {
            session: 0,
            byte2: stream | 0x80,
            byte3: function,
            ptype: 0,
            stype: 0,
            system: self.system,
        };
        let body = body.map(|b| codec::encode(&b).unwrap()).unwrap_or_default();
        self.host.receive(self.now, &frame(&header, &body));
        let before = self.sent.len();
        self.answer(well);
        self.sent[before..].iter().find(|m| m.stream == stream && m.function % 2 == 0).cloned()
    }

    /// Time passes until the host has nothing left to wait for, or so long at most.
    pub fn pass(&mut self, most: Duration, mut fate: impl FnMut(&Message) -> Fate) {
        let until = self.now.after(most);
        for _ in 0..1_000 {
            let Some(due) = self.host.poll_timeout().filter(|t| *t <= until) else { break };
            self.now = self.now.max(due);
            self.host.timeout(self.now);
            self.answer(&mut fate);
        }
        self.now = until;
    }

    pub fn asked(&self, stream: u8, function: u8) -> usize {
        self.sent.iter().filter(|m| (m.stream, m.function) == (stream, function)).count()
    }

    pub fn note(&self) -> String {
        self.host.note(self.now)
    }
}

/// The host and the twin's own kind of equipment on one line.
pub struct Line {
    pub host: Host,
    pub equipment: Equipment,
    pub now: Time,
    pub heard: Vec<Heard>,
    /// Messages of both sides with their direction: true for the host's.
    pub seen: Vec<(bool, Message)>,
}

impl Line {
    /// Connected, and set up as far as the equipment lets itself.
    pub fn with(equipment: Equipment) -> Line {
        let now = Time::from_secs(1);
        let Rig { host, .. } = Rig::new();
        let mut line = Line { host, equipment, now, heard: vec![], seen: vec![] };
        line.equipment.connected(now);
        line.exchange();
        line
    }

    pub fn exchange(&mut self) {
        let (mut ours, mut theirs) = (Reader::default(), Reader::default());
        for _ in 0..10_000 {
            let mut moved = false;
            while let Some(bytes) = self.host.transmit() {
                ours.push(&bytes);
                self.equipment.receive(self.now, &bytes);
                moved = true;
            }
            while let Some(bytes) = self.equipment.transmit() {
                theirs.push(&bytes);
                self.host.receive(self.now, &bytes);
                moved = true;
            }
            for (reader, host) in [(&mut ours, true), (&mut theirs, false)] {
                while let Some((header, body)) = reader.pop().unwrap() {
                    if header.stype == 0 {
                        let (stream, function) = (header.byte2 & 0x7F, header.byte3);
                        let (wants_reply, body) = (header.byte2 & 0x80 != 0, codec::decode(&body).unwrap());
                        self.seen.push((host, Message { stream, function, wants_reply, body }));
                    }
                }
            }
            while let Some(heard) = self.host.heard() {
                self.heard.push(heard);
            }
            if !moved {
                return;
            }
        }
        panic!("host and equipment never fall silent");
    }

    pub fn publish(&mut self, samples: &[(&str, f64)], bond: bool) {
        let profile = bonder();
        let sample = |(id, value): &(&str, f64)| Sample {
            point: profile.point_ix(id).unwrap(),
            value: *value,
            quality: Quality::Good,
        };
        let sound = vec![45.0, 15.0, 120.0, 288.0, 20.0, 150.0, 12.0, 14.0, 0.0, 100.0];
        let records = if bond { vec![aegis_models::Record { kind: 0, values: sound }] } else { vec![] };
        self.now = self.now.after(Duration::from_millis(100));
        let samples = samples.iter().map(sample).collect();
        let frame = aegis_models::Frame {
            time: self.now,
            machine: aegis_models::MachineIx(0),
            samples,
            records,
            bursts: vec![],
        };
        self.equipment.publish(self.now, &frame);
        self.exchange();
    }

    pub fn read(&mut self, group: usize) {
        self.host.read(self.now, group);
        self.exchange();
    }

    /// What became of a write.
    pub fn write(&mut self, id: &str, value: f64) -> Heard {
        let point: PointIx = bonder().point_ix(id).unwrap();
        assert!(self.host.write(self.now, point, value), "{id} = {value}");
        self.exchange();
        self.heard.pop().expect("a write ends")
    }

    pub fn records(&self) -> usize {
        self.heard.iter().filter(|h| matches!(h, Heard::Record(_))).count()
    }
}
