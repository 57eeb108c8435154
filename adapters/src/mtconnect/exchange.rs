//! The client's side of the talk with an agent, without the socket: which request comes next, and what the replies mean.
//! Pure.
//!
//! ```text
//!          .-- the agent is another life of itself --.
//!          v                                          |
//!        probe ----> current ----> sample from next --+
//!                       ^                |  ^    |
//!                       '- OUT_OF_RANGE -'  '----'
//! ```
//!
//! An agent need not repeat what did not change, so what was told holds until it is told otherwise, and is said again
//! once a period as long as the agent's own clock moves. Observations of one moment come as one [`Heard`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aegis_models::profile::units_ratio;
use aegis_models::{Sample, Time};

use super::binding::Binding;
use super::image::{Image, Kind, Moment};
use super::multipart::{self, Parts};
use super::query::Request;
use super::read::{self, Device, Document, Observed, Streams};
use crate::client::LinkError;
use crate::limits;

/// Observations asked for at once.
const COUNT: u64 = 1000;

/// An agent that ends its streams at once is not asked for the next one more often than that.
const AGAIN: Duration = Duration::from_millis(100);

/// How the client keeps up with the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It asks again and again.
    Poll {
        /// From one request to the next, as long as nothing more waits.
        interval: Duration,
    },
    /// It asks once, and the agent sends whatever comes.
    Stream {
        /// The least time between two parts.
        interval: Duration,
        /// A sign of life comes when nothing else did for so long.
        heartbeat: Duration,
    },
}

/// What the agent told of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// The values, in the order of the profile. A data item that is unavailable, or that the agent does not have, is of
    /// bad quality.
    pub samples: Vec<Sample>,
    /// When they held, by the agent's clock [ns since 1970].
    pub unix_ns: u64,
    /// When the agent said so, by its own clock [ns since 1970]: what it kept while nobody asked is older.
    pub told_ns: u64,
    /// What else is worth telling: a restart of the agent, a gap, data items that it does not have.
    pub note: Option<String>,
}

/// What was asked last and is not answered in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Probe,
    Current,
    Sample,
}

#[derive(Debug)]
enum State {
    /// The next request goes out then.
    Rest { ask: Ask, at: Time },
    /// The reply, or more of it, is due by then.
    Wait { ask: Ask, until: Time, reply: Reply },
    /// The reply means nothing any more; it ends by then, and this is asked next.
    Drain { then: Ask, until: Time },
}

#[derive(Debug)]
enum Reply {
    Head,
    Document(Vec<u8>),
    Stream(Parts),
}

/// The talk with one agent about one device.
#[derive(Debug)]
pub struct Exchange {
    device: String,
    binding: Arc<Binding>,
    mode: Mode,
    timeout: Duration,
    state: State,
    /// Which life of the agent the rest is about.
    instance: Option<u64>,
    /// Of each data item that the agent has, which of ours it is and what one of our unit is in its unit.
    known: BTreeMap<String, (usize, f64)>,
    image: Image,
    next: u64,
    /// Observations that the agent's buffer holds, which bounds what may be asked for at once.
    buffer: u64,
    /// When the agent last said anything, by its own clock [ns since 1970].
    told_ns: u64,
    moments: VecDeque<Moment>,
    /// The last moment of a reply that was cut by its count: the rest of it comes next.
    open: Option<Moment>,
    note: Option<String>,
}

impl Exchange {
    /// A talk about the device of that name or uuid. `timeout` bounds each reply, and in a stream the silence beyond a
    /// heartbeat.
    pub fn new(device: impl Into<String>, binding: Arc<Binding>, mode: Mode, timeout: Duration) -> Exchange {
        let image = Image::new(Arc::clone(&binding));
        Exchange {
            device: device.into(),
            binding,
            mode,
            timeout,
            state: State::Rest { ask: Ask::Probe, at: Time::ZERO },
            instance: None,
            known: BTreeMap::new(),
            image,
            next: 0,
            buffer: COUNT,
            told_ns: 0,
            moments: VecDeque::new(),
            open: None,
            note: None,
        }
    }

    /// What it reads.
    pub fn binding(&self) -> &Arc<Binding> {
        &self.binding
    }

    /// Which device it is about.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// How long a reply may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The next moment that was heard of. Drain it after every call that takes something.
    pub fn poll(&mut self) -> Option<Heard> {
        while let Some(moment) = self.moments.pop_front() {
            let samples = self.image.take(&moment);
            if !samples.is_empty() || self.note.is_some() {
                let (unix_ns, told_ns) = (moment.unix_ns, self.told_ns.max(moment.unix_ns));
                return Some(Heard { samples, unix_ns, told_ns, note: self.note.take() });
            }
        }
        None
    }

    /// When the next request is due, or a reply too late.
    pub fn poll_timeout(&self) -> Time {
        match self.state {
            State::Rest { at, .. } => at,
            State::Wait { until, .. } | State::Drain { until, .. } => until,
        }
    }

    /// The target of the request that is due; none when it is not yet, or when a reply is awaited.
    pub fn request(&mut self, now: Time) -> Option<String> {
        let State::Rest { ask, at } = self.state else { return None };
        if now < at {
            return None;
        }
        self.state = State::Wait { ask, until: now.after(self.timeout), reply: Reply::Head };
        let device = Some(self.device.clone());
        let request = match ask {
            Ask::Probe => Request::Probe { device },
            Ask::Current => Request::Current { device, at: None, path: None, interval: None },
            Ask::Sample => {
                let (interval, heartbeat) = match self.mode {
                    Mode::Poll { .. } => (None, None),
                    Mode::Stream { interval, heartbeat } => (Some(interval), Some(heartbeat)),
                };
                let count = i64::try_from(COUNT.min(self.buffer)).ok();
                Request::Sample {
                    device,
                    from: Some(self.next),
                    to: None,
                    count,
                    path: None,
                    interval,
                    heartbeat,
                }
            }
        };
        Some(request.to_string())
    }

    /// Takes the head of the reply.
    pub fn head(&mut self, status: u16, content_type: &str) -> Result<(), LinkError> {
        let State::Wait { ask, reply: reply @ Reply::Head, .. } = &mut self.state else {
            return Err(LinkError::Mismatch("a reply to no request".to_owned()));
        };
        let boundary = multipart::boundary(content_type).map_err(mismatch)?;
        *reply = match boundary {
            Some(boundary) if *ask == Ask::Sample && status == 200 => Reply::Stream(Parts::new(&boundary)),
            Some(_) => return Err(LinkError::Mismatch("a stream that was not asked for".to_owned())),
            // Errors have bodies too, and say more than the status does.
            None if status == 200 || (400..600).contains(&status) => Reply::Document(Vec::new()),
            None => return Err(LinkError::Mismatch(format!("HTTP status {status}"))),
        };
        Ok(())
    }

    /// Takes more of the reply's body.
    pub fn body(&mut self, now: Time, bytes: &[u8]) -> Result<(), LinkError> {
        let whole = match (&mut self.state, self.mode) {
            (State::Wait { until, reply: Reply::Stream(parts), .. }, Mode::Stream { heartbeat, .. }) => {
                *until = now.after(heartbeat.saturating_add(self.timeout));
                let mut whole = Vec::new();
                parts.push(bytes, &mut whole).map_err(mismatch)?;
                whole
            }
            (State::Wait { reply: Reply::Document(document), .. }, _) => {
                if document.len() + bytes.len() > limits::MTCONNECT_DOCUMENT_BYTES {
                    return Err(LinkError::Mismatch("a document that is too long".to_owned()));
                }
                document.extend_from_slice(bytes);
                return Ok(());
            }
            (State::Drain { .. }, _) => return Ok(()),
            _ => return Err(LinkError::Mismatch("a body without a head".to_owned())),
        };
        for part in whole {
            let read = read::document(&part).map_err(mismatch)?;
            if let Some(then) = self.take(Ask::Sample, read)? {
                self.state = State::Drain { then, until: now.after(self.timeout) };
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes the end of the reply's body.
    pub fn end(&mut self, now: Time) -> Result<(), LinkError> {
        let rest = State::Rest { ask: Ask::Probe, at: now };
        let (ask, at) = match std::mem::replace(&mut self.state, rest) {
            State::Wait { ask, until, reply: Reply::Document(document) } => {
                let then = self.take(ask, read::document(&document).map_err(mismatch)?)?;
                let caught_up = self.open.is_none();
                match (then, self.mode) {
                    (Some(then), _) => (then, now),
                    // A moment between requests, counted from when this one went out.
                    (None, Mode::Poll { interval }) if caught_up => {
                        let patience = u64::try_from(self.timeout.as_nanos()).unwrap_or(u64::MAX);
                        let asked = Time { ns: until.ns.saturating_sub(patience) };
                        (Ask::Sample, asked.after(interval).max(now))
                    }
                    (None, Mode::Poll { .. }) => (Ask::Sample, now),
                    (None, Mode::Stream { .. }) => {
                        return Err(LinkError::Mismatch(
                            "one document where a stream was asked for".to_owned(),
                        ));
                    }
                }
            }
            State::Wait { reply: Reply::Stream(parts), .. } if !parts.rests() => {
                return Err(LinkError::Mismatch("a stream that ended in the middle of a part".to_owned()));
            }
            // An agent may end a stream whenever it likes: it is asked for again from where it was.
            State::Wait { reply: Reply::Stream(_), .. } => (Ask::Sample, now.after(AGAIN)),
            State::Drain { then, .. } => (then, now),
            State::Wait { reply: Reply::Head, .. } | State::Rest { .. } => {
                return Err(LinkError::Mismatch("the end of no reply".to_owned()));
            }
        };
        self.state = State::Rest { ask, at };
        Ok(())
    }

    /// Whether what still comes of the reply means nothing: another connection would serve sooner.
    pub fn drains(&self) -> bool {
        matches!(self.state, State::Drain { .. })
    }

    /// Says whether a reply is too late.
    pub fn check(&self, now: Time) -> Result<(), LinkError> {
        match self.state {
            State::Wait { until, .. } | State::Drain { until, .. } if now >= until => {
                Err(LinkError::Timeout(self.timeout))
            }
            _ => Ok(()),
        }
    }

    /// The link is gone. Over the next one it goes on from the observation it was at, if the agent still has it.
    pub fn lost(&mut self, now: Time) {
        let ask = match self.state {
            State::Rest { ask, .. } => ask,
            State::Wait { ask, .. } => ask,
            State::Drain { then, .. } => then,
        };
        self.state = State::Rest { ask, at: now };
    }

    /// The agent said what cannot be gone on from: it is asked from the beginning again.
    pub fn begin_anew(&mut self, now: Time) {
        self.state = State::Rest { ask: Ask::Probe, at: now };
        self.instance = None;
        self.open = None;
    }

    /// Takes a document; what is to be asked next, where that does not follow from the mode.
    fn take(&mut self, ask: Ask, document: Document) -> Result<Option<Ask>, LinkError> {
        if let Document::Streams(streams) = &document {
            self.told_ns = streams.created_ns;
        }
        match (ask, document) {
            (Ask::Probe, Document::Devices { instance_id, devices }) => {
                self.learn(instance_id, &devices)?;
                Ok(Some(Ask::Current))
            }
            (Ask::Current | Ask::Sample, Document::Streams(streams))
                if self.instance != Some(streams.instance_id) =>
            {
                self.remark("the agent has restarted".to_owned());
                self.open = None;
                Ok(Some(Ask::Probe))
            }
            (Ask::Current, Document::Streams(streams)) => {
                self.next = streams.next;
                self.buffer = streams.buffer.unwrap_or(COUNT).max(1);
                let values = self.values(&streams.observations);
                self.open = None;
                let kind = Kind::State;
                self.moments.push_back(Moment { unix_ns: streams.created_ns, values, kind });
                Ok(Some(Ask::Sample))
            }
            (Ask::Sample, Document::Streams(streams)) => self.advance(&streams).map(|()| None),
            (Ask::Sample, Document::Error(errors))
                if errors.iter().any(|(code, _)| code == "OUT_OF_RANGE") =>
            {
                self.remark(format!("the agent has forgotten what came from observation {} on", self.next));
                self.open = None;
                Ok(Some(Ask::Current))
            }
            (_, Document::Error(errors)) => {
                let said = errors.first().map_or_else(String::new, |(code, text)| format!("{code}: {text}"));
                Err(LinkError::Mismatch(said.chars().take(200).collect()))
            }
            (ask, _) => Err(LinkError::Mismatch(format!("another document than {ask:?} has"))),
        }
    }

    /// Finds the profile's data items among those of the device.
    fn learn(&mut self, instance_id: u64, devices: &[Device]) -> Result<(), LinkError> {
        let called = |d: &&Device| d.name == self.device || d.uuid == self.device;
        let Some(device) = devices.iter().find(called) else {
            return Err(LinkError::Mismatch(format!("the agent describes no device {}", self.device)));
        };
        self.known.clear();
        let mut missing = Vec::new();
        let binding = Arc::clone(&self.binding);
        for (i, item) in binding.items().iter().enumerate() {
            let mut fitting: Vec<_> = device.items.iter().filter(|d| d.is(item)).collect();
            if fitting.len() > 1 {
                // Several of one type in one component are told apart by what they are called.
                fitting.retain(|d| d.id == item.id || d.name.as_ref() == Some(&item.id));
            }
            let ratio = |units: &Option<String>| match units {
                Some(units) if item.units.is_some() => units_ratio(&item.unit, units),
                _ => Some(item.ratio),
            };
            match fitting.as_slice() {
                [one] if ratio(&one.units).is_some() => {
                    self.known.insert(one.id.clone(), (i, ratio(&one.units).unwrap_or(item.ratio)));
                }
                [one] => {
                    missing.push(format!("{} in {:?}", item.title(), one.units.as_deref().unwrap_or("")))
                }
                [] => missing.push(item.title()),
                _ => missing.push(format!("one {}", item.title())),
            }
        }
        if self.known.is_empty() {
            return Err(LinkError::Mismatch(format!(
                "the device {} has none of the data items",
                self.device
            )));
        }
        if !missing.is_empty() {
            missing.sort();
            self.remark(format!("the device has not: {}", missing.join(", ")));
        }
        self.instance = Some(instance_id);
        self.image = Image::new(binding);
        self.open = None;
        Ok(())
    }

    fn advance(&mut self, streams: &Streams) -> Result<(), LinkError> {
        if streams.next < self.next {
            let problem = format!("the agent went back from observation {} to {}", self.next, streams.next);
            return Err(LinkError::Mismatch(problem));
        }
        if streams.first > self.next {
            self.remark(format!("observations {} to {} are lost", self.next, streams.first - 1));
        }
        let mut moment = self.open.take();
        for group in streams.observations.chunk_by(|a, b| a.unix_ns == b.unix_ns) {
            // What was asked for again after a lost link may come again.
            let fresh: Vec<Observed> = group.iter().filter(|o| o.sequence >= self.next).cloned().collect();
            let values = self.values(&fresh);
            match &mut moment {
                Some(m) if m.unix_ns == group[0].unix_ns => m.values.extend(values),
                _ => {
                    let fresh = Moment { unix_ns: group[0].unix_ns, values, kind: Kind::Change };
                    self.moments.extend(moment.replace(fresh));
                }
            }
        }
        // As long as more waits, the last moment may not be whole; an empty reply cannot be part of one.
        if streams.next <= streams.last && streams.next > self.next {
            self.open = moment;
        } else {
            self.moments.extend(moment);
            if streams.observations.is_empty() {
                let (unix_ns, values) = (streams.created_ns, Vec::new());
                self.moments.push_back(Moment { unix_ns, values, kind: Kind::Life });
            }
        }
        self.next = streams.next;
        Ok(())
    }

    fn values(&self, observations: &[Observed]) -> Vec<(usize, Option<f64>)> {
        let value = |o: &Observed| {
            let (i, ratio) = self.known.get(&o.id)?;
            let item = &self.binding.items()[*i];
            Some((*i, o.text.as_ref().and_then(|text| item.hear(text, *ratio))))
        };
        observations.iter().filter_map(value).collect()
    }

    fn remark(&mut self, note: String) {
        self.note = Some(match self.note.take() {
            // Told with the next moment; a peer that never gives one makes no endless note.
            Some(before) if before.len() < 1000 => format!("{before}; {note}"),
            _ => note,
        });
    }
}

fn mismatch(e: impl std::fmt::Display) -> LinkError {
    LinkError::Mismatch(e.to_string())
}
