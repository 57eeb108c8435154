//! The agent of one device, without a socket: frames in, documents out. Pure.

use std::sync::Arc;

use aegis_models::profile::DataItemCategory;
use aegis_models::{Frame, Quality, Sample};

use super::asset::Tools;
use super::binding::Binding;
use super::buffer::{Buffer, Observation, Value};
use super::device::{Model, Source};
use super::document::{Draft, Writer};
use super::feed::Feed;
use super::path::Path;
use super::query::{self, ErrorCode, Refusal, Request, refuse};
use crate::limits;

/// The media type of every document.
pub const MEDIA: &str = "application/xml";

/// Who the agent is, and how much it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentOptions {
    /// The device's name.
    pub device: String,
    /// The device's identifier, the same for its whole life.
    pub uuid: String,
    /// Who sends: the agent's host.
    pub sender: String,
    /// Which life of the agent this is: another whenever its sequence numbers begin anew.
    pub instance_id: u64,
    /// The wall clock at [`aegis_models::Time::ZERO`] [ns since 1970].
    pub base_unix_ns: u64,
    /// Observations that it keeps.
    pub buffer: usize,
    /// Assets that it keeps.
    pub assets: usize,
}

impl AgentOptions {
    /// An agent for the device of that name, with the sizes of [`limits`].
    pub fn new(device: impl Into<String>, instance_id: u64, base_unix_ns: u64) -> AgentOptions {
        let device = device.into();
        AgentOptions {
            uuid: device.clone(),
            sender: "aegis".to_owned(),
            device,
            instance_id,
            base_unix_ns,
            buffer: limits::MTCONNECT_BUFFER,
            assets: limits::MTCONNECT_ASSETS,
        }
    }
}

/// What an agent answers.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The media type.
    pub content_type: String,
    /// What it says.
    pub body: Body,
}

/// The body of a response.
#[derive(Debug)]
pub enum Body {
    /// One document, yet to be written: which takes time, and nothing more of the agent.
    Whole(Draft),
    /// One document after another, until the client has enough.
    Stream(Box<Feed>),
}

/// What never changes in an agent's life.
#[derive(Debug)]
pub(super) struct Known {
    pub options: AgentOptions,
    pub binding: Arc<Binding>,
    pub model: Model,
}

/// One device and what was observed of it.
#[derive(Debug)]
pub struct Agent {
    known: Arc<Known>,
    buffer: Buffer,
    tools: Option<Tools>,
    now_ns: u64,
}

impl Agent {
    /// An agent that has observed nothing: all its data items are unavailable.
    pub fn new(binding: Arc<Binding>, options: AgentOptions) -> Agent {
        let model = Model::new(&binding, &options);
        let buffer = Buffer::new(options.buffer, model.entries.len(), options.base_unix_ns);
        let tools = binding.tool().map(|(_, spec)| Tools::new(spec.clone(), &options.uuid, options.assets));
        let now_ns = options.base_unix_ns;
        Agent { known: Arc::new(Known { options, binding, model }), buffer, tools, now_ns }
    }

    /// Takes what the machine's instruments said at one moment.
    ///
    /// Events and conditions are kept when they change, samples at their point's period. A value that is bad, no number,
    /// or has no word is unavailable. A moment before the last one counts as the last.
    pub fn publish(&mut self, frame: &Frame) {
        self.now_ns = self.now_ns.max(self.known.options.base_unix_ns.saturating_add(frame.time.ns));
        let word = if self.answers(frame) { Value::Text("AVAILABLE".into()) } else { Value::Unavailable };
        self.change(self.known.model.place(Source::Availability), word);
        for sample in &frame.samples {
            if let Some(i) = self.known.binding.item_ix(sample.point) {
                self.observe(i, sample);
            }
            self.hear_tool(sample);
        }
    }

    /// Whether anything at all is known of the device, with that frame: one whose every value is bad is gone.
    fn answers(&self, frame: &Frame) -> bool {
        let good = |s: &Sample| s.quality != Quality::Bad && s.value.is_finite();
        let told =
            |item: usize| frame.samples.iter().any(|s| self.known.binding.item_ix(s.point) == Some(item));
        frame.samples.iter().any(good)
            || self
                .known
                .model
                .of_item
                .iter()
                .enumerate()
                .any(|(item, entry)| !told(item) && self.buffer.latest(*entry).value != Value::Unavailable)
    }

    /// Forgets what was observed, as a buffer does that ran over: the numbers go on, and who asks for what came before
    /// is out of range.
    pub fn run_over(&mut self) {
        self.buffer.run_over();
        let entry = self.known.model.place(Source::Availability);
        let value = self.buffer.latest(entry).value.clone();
        self.buffer.push(entry, self.now_ns, value);
    }

    /// Answers a request for `path` with `query`, both still percent-encoded.
    pub fn request(&self, method: &str, path: &str, query: &str) -> Response {
        let answer = match method {
            "GET" | "HEAD" => query::parse(path, query).and_then(|request| self.answer(request)),
            _ => refuse(ErrorCode::Unsupported, format!("an agent only reads: it has no {method}")),
        };
        match answer {
            Ok(Body::Whole(document)) => whole(200, document),
            Ok(Body::Stream(feed)) => {
                Response { status: 200, content_type: feed.content_type(), body: Body::Stream(feed) }
            }
            Err(refusal) => self.refusal(&refusal),
        }
    }

    /// The error document that tells that.
    pub fn refusal(&self, refusal: &Refusal) -> Response {
        whole(refusal.code.status(), self.writer().error(refusal))
    }

    /// How much was observed: another number whenever there is something new.
    pub fn next_sequence(&self) -> u64 {
        self.buffer.next()
    }

    pub(super) fn writer(&self) -> Writer<'_> {
        let Agent { known, buffer, tools, now_ns } = self;
        Writer { known, buffer, tools: tools.as_ref(), now_ns: *now_ns }
    }

    pub(super) fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    fn answer(&self, request: Request) -> Result<Body, Refusal> {
        let document = match request {
            Request::Probe { device } => {
                self.check_device(device.as_deref())?;
                self.writer().devices()
            }
            Request::Current { device, at, path, interval } => {
                self.check_device(device.as_deref())?;
                let wanted = self.wanted(path.as_ref())?;
                if let Some(interval) = interval {
                    return Ok(Body::Stream(Box::new(Feed::current(
                        self.known.options.instance_id,
                        wanted,
                        interval,
                    ))));
                }
                self.current(at, &wanted)?
            }
            Request::Sample { device, from, to, count, path, interval, heartbeat } => {
                self.check_device(device.as_deref())?;
                let wanted = self.wanted(path.as_ref())?;
                let count = self.check_count(count)?;
                if let Some(interval) = interval {
                    let from = from.unwrap_or(self.buffer.first());
                    self.check_sequence("from", from, self.buffer.next())?;
                    let id = self.known.options.instance_id;
                    let feed = Feed::sample(id, wanted, from, count.unsigned_abs(), interval, heartbeat);
                    return Ok(Body::Stream(Box::new(feed)));
                }
                self.sample(from, to, count, &wanted)?
            }
            Request::Assets { device, ids, kind, removed, count } => {
                self.check_device(device.as_deref())?;
                self.assets(&ids, kind.as_deref(), removed, count)?
            }
        };
        Ok(Body::Whole(document))
    }

    /// The state of the data items that are wanted.
    pub(super) fn current(&self, at: Option<u64>, wanted: &[bool]) -> Result<Draft, Refusal> {
        let observations: Vec<&Observation> = match at {
            Some(at) => {
                self.check_sequence("at", at, self.buffer.last())?;
                self.buffer.state_at(at)
            }
            None => (0..self.known.model.entries.len()).map(|e| self.buffer.latest(e)).collect(),
        };
        let observations: Vec<&Observation> = observations.into_iter().filter(|o| wanted[o.entry]).collect();
        Ok(self.writer().streams(&observations, self.buffer.next()))
    }

    fn sample(
        &self,
        from: Option<u64>,
        to: Option<u64>,
        count: i64,
        wanted: &[bool],
    ) -> Result<Draft, Refusal> {
        let most = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        let of_item = |entry: usize| wanted[entry];
        if let Some(from) = from {
            self.check_sequence("from", from, self.buffer.next())?;
        }
        let run = if count < 0 {
            self.buffer.backward(from.unwrap_or(self.buffer.last()), most, of_item)
        } else {
            let from = from.unwrap_or(self.buffer.first());
            if let Some(to) = to {
                self.check_sequence("to", to, self.buffer.last())?;
                if to < from {
                    return refuse(
                        ErrorCode::OutOfRange,
                        format!("to is {to}, which lies before from, {from}"),
                    );
                }
            }
            self.buffer.forward(from, to.unwrap_or(u64::MAX), most, of_item)
        };
        Ok(self.writer().streams(&run.observations, run.next))
    }

    fn assets(
        &self,
        ids: &[String],
        kind: Option<&str>,
        removed: bool,
        count: Option<usize>,
    ) -> Result<Draft, Refusal> {
        let mut found = Vec::new();
        if let Some(tools) = &self.tools {
            for id in ids {
                let Some(tool) = tools.newest().find(|t| t.id == *id) else { return no_asset(id) };
                found.push(tools.element(tool));
            }
            if ids.is_empty() && kind.is_none_or(|k| k == super::asset::CUTTING_TOOL) {
                let shown = tools.newest().filter(|t| removed || !t.removed);
                found = shown.take(count.unwrap_or(usize::MAX)).map(|t| tools.element(t)).collect();
            }
        } else if let [id, ..] = ids {
            return no_asset(id);
        }
        Ok(self.writer().assets(found))
    }

    fn check_device(&self, device: Option<&str>) -> Result<(), Refusal> {
        match device {
            Some(d) if d != self.known.options.device && d != self.known.options.uuid => refuse(
                ErrorCode::NoDevice,
                format!("no device is called {d}; there is {}", self.known.options.device),
            ),
            _ => Ok(()),
        }
    }

    fn check_count(&self, count: Option<i64>) -> Result<i64, Refusal> {
        let Some(count) = count else { return Ok(limits::MTCONNECT_DEFAULT_COUNT as i64) };
        let most = self.buffer.most() as u64;
        if count.unsigned_abs() > most {
            return refuse(ErrorCode::OutOfRange, format!("count is {count}; the buffer holds {most}"));
        }
        // Part 1 has count as the most that is given: an agent may give fewer, and the header says where to go on.
        let most = limits::MTCONNECT_COUNT as i64;
        Ok(count.clamp(-most, most))
    }

    fn check_sequence(&self, name: &str, sequence: u64, last: u64) -> Result<(), Refusal> {
        let first = self.buffer.first();
        if (first..=last).contains(&sequence) {
            return Ok(());
        }
        refuse(ErrorCode::OutOfRange, format!("{name} is {sequence}; {first} to {last} would be right"))
    }

    /// Which entries a path names.
    fn wanted(&self, path: Option<&Path>) -> Result<Vec<bool>, Refusal> {
        let Some(path) = path else { return Ok(vec![true; self.known.model.entries.len()]) };
        let mut wanted = vec![false; self.known.model.entries.len()];
        // Paths begin at the root of the devices document, of which the model holds what is below.
        let root = super::xml::Element::new("MTConnectDevices").holding(self.known.model.devices.clone());
        for id in path.select(&root) {
            if let Some(entry) = self.known.model.find(id) {
                wanted[entry] = true;
            }
        }
        if !wanted.contains(&true) {
            return refuse(ErrorCode::InvalidPath, format!("{path} names no data item"));
        }
        Ok(wanted)
    }

    fn observe(&mut self, ix: usize, sample: &Sample) {
        let known = Arc::clone(&self.known);
        let item = &known.binding.items()[ix];
        let value = match sample.quality {
            Quality::Bad => f64::NAN,
            Quality::Good | Quality::Uncertain => item.data.quantise(sample.value),
        };
        let told = sample.value.is_finite() && item.tell(value).is_some();
        let value = if told { Value::Number(value) } else { Value::Unavailable };
        let entry = self.known.model.of_item[ix];
        let latest = self.buffer.latest(entry);
        let period = u64::try_from(item.period.as_nanos()).unwrap_or(u64::MAX);
        let due = self.now_ns.saturating_sub(latest.unix_ns) >= period;
        let keep = match (item.category, &value, &latest.value) {
            (DataItemCategory::Sample, Value::Number(_), Value::Number(_)) => due,
            (_, new, old) => new != old,
        };
        if keep {
            self.buffer.push(entry, self.now_ns, value.clone());
        }
        for (i, condition) in known.binding.conditions().iter().enumerate() {
            if condition.item == ix {
                let level = match &value {
                    Value::Number(value) => Value::Level(condition.judge(*value)),
                    _ => Value::Unavailable,
                };
                self.change(self.known.model.of_condition[i], level);
            }
        }
    }

    fn hear_tool(&mut self, sample: &Sample) {
        let age = self.known.binding.tool().is_some_and(|(point, _)| *point == sample.point);
        let Some(tools) = self.tools.as_mut().filter(|_| age && sample.quality != Quality::Bad) else {
            return;
        };
        let Some(change) = tools.hear(sample.value, self.now_ns) else { return };
        for (source, id) in
            [(Source::AssetRemoved, change.removed), (Source::AssetChanged, Some(change.changed))]
        {
            if let Some(id) = id {
                self.buffer.push(self.known.model.place(source), self.now_ns, Value::Text(id.into()));
            }
        }
    }

    fn change(&mut self, entry: usize, value: Value) {
        if self.buffer.latest(entry).value != value {
            self.buffer.push(entry, self.now_ns, value);
        }
    }
}

fn whole(status: u16, document: Draft) -> Response {
    Response { status, content_type: MEDIA.to_owned(), body: Body::Whole(document) }
}

fn no_asset<T>(id: &str) -> Result<T, Refusal> {
    refuse(ErrorCode::AssetNotFound, format!("no asset is called {id}"))
}
