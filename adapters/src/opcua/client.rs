//! The sentinel's side: hears a machine's points by a subscription, and writes its set-points.
//!
//! A device that refuses is not a link that failed: after a refusal the session goes on. A session that is lost, for
//! whatever reason, stays lost: the client is closed for good, and its owner connects anew with what it remembers of the
//! last one ([`Client::resume`]). That begins with what was missed in between, as far as the server keeps a history, and
//! with the whole image.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aegis_models::{Burst, PointIx, Quality, Sample};
use opcua::types::{
    AttributeId, CallMethodRequest, DataValue, Error, NodeId, ReadValueId, StatusCode, TimestampsToReturn,
    VariantScalarTypeId, WriteValue,
};
use tokio::time::{Interval, MissedTickBehavior, interval_at, timeout};

use super::binding::{Binding, Place};
use super::moment::{By, Moment, Stamp, Stamps, Waiting};
use super::session::{ClientOptions, Link, Loss, establish, failed, is_loss};
use super::values;
use crate::client::{ClientError, LinkError};
use crate::clock;
use crate::limits::OPCUA_NODES_PER_REQUEST;

/// A connection to one machine.
pub struct Client {
    /// None once the link has failed.
    pub(super) link: Option<Link>,
    pub(super) binding: Arc<Binding>,
    pub(super) timeout: Duration,
    pub(super) nodes: Vec<Node>,
    pub(super) notes: Vec<String>,
    pub(super) image: Vec<Sample>,
    pub(super) memory: Memory,
    pub(super) waiting: Waiting,
    /// Index of the machine's namespace.
    pub(super) namespace: u16,
    /// Of each of the binding's waveforms, the rate that the machine tells [Hz].
    pub(super) rates: Vec<f64>,
    /// Waveforms that came, and are told when all values have been.
    waves: VecDeque<(Stamp, Burst)>,
    repeat: Interval,
    /// The moment of the last image [100 ns since 1601]; none before the first.
    imaged: Option<Option<i64>>,
    /// Changes closer together than this are of one moment [100 ns].
    within: i64,
}

/// What has been heard of a machine, over all the connections to it. A handle: clones are the same memory.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Stamps>>);

impl Memory {
    pub(super) fn stamps(&self) -> MutexGuard<'_, Stamps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a machine told of one moment.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When it was so; none where nobody says, and it is as of now.
    pub moment: Option<Moment>,
    /// In the profile's order, each point once.
    pub samples: Vec<Sample>,
    /// Waveforms that ended at that moment.
    pub bursts: Vec<Burst>,
}

/// What the server says of one place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) scalar: VariantScalarTypeId,
    pub(super) missing: bool,
    /// The method that sets it, and the object that it belongs to.
    pub(super) method: Option<(NodeId, NodeId)>,
}

impl Client {
    /// Connects to `address`, as `host:port` or `opc.tcp://host:port/path`, and subscribes to every bound point.
    pub async fn connect(
        address: &str,
        binding: Arc<Binding>,
        options: &ClientOptions,
    ) -> Result<Client, LinkError> {
        Client::resume(address, binding, options, &Memory::default()).await
    }

    /// Connects anew, with the memory of earlier connections: what the server's history holds of the time in between
    /// is told before anything else, each value with its own moment.
    pub async fn resume(
        address: &str,
        binding: Arc<Binding>,
        options: &ClientOptions,
        memory: &Memory,
    ) -> Result<Client, LinkError> {
        let url = if address.contains("://") { address.to_owned() } else { format!("opc.tcp://{address}") };
        let link = establish(&url, options).await?;
        let every = options.image.max(Duration::from_millis(1));
        let mut repeat = interval_at(clock::now() + every, every);
        repeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let none = |p: &Place| Sample { point: p.point, value: f64::NAN, quality: Quality::Bad };
        let fastest = binding.places().iter().map(|p| p.period.0).min().unwrap_or_default();
        let mut client = Client {
            link: Some(link),
            timeout: options.timeout,
            nodes: Vec::new(),
            notes: Vec::new(),
            image: binding.places().iter().map(none).collect(),
            memory: memory.clone(),
            waiting: Waiting::default(),
            namespace: 0,
            rates: Vec::new(),
            waves: VecDeque::new(),
            repeat,
            imaged: None,
            within: (fastest.as_nanos() / 400) as i64,
            binding,
        };
        client.set_up(options).await?;
        Ok(client)
    }

    /// Whether the link has failed: connect anew.
    pub fn is_closed(&self) -> bool {
        self.link.is_none()
    }

    /// What it hears and where.
    pub fn binding(&self) -> &Arc<Binding> {
        &self.binding
    }

    /// What is amiss while the link stands: nodes that the profile names and the machine has not, what the server grants
    /// less of than was asked, values that were lost.
    pub fn notes(&self) -> Vec<String> {
        let lossy = self.link.iter().flat_map(|link| link.inbox.lossy());
        let lossy: Vec<&str> = lossy.map(|place| self.binding.places()[place].node.as_str()).collect();
        let lost = lossy.first().map(|first| match lossy.len() - 1 {
            0 => format!("values of {first} were lost: a queue ran over"),
            more => format!("values of {first} and {more} more were lost: queues ran over"),
        });
        self.notes.iter().cloned().chain(lost).collect()
    }

    /// Waits until the machine has told something, or the whole image is due again, and returns it with its moment. What
    /// came together and held one after the other comes in several calls, the oldest first. The image is repeated only
    /// while the server is heard: what a line holds back may have changed. May be given up at any moment.
    pub async fn heard(&mut self) -> Result<Heard, LinkError> {
        loop {
            let link = self.link.as_ref().ok_or(LinkError::Closed)?;
            let loss = link.inbox.loss();
            if let Some(heard) = self.next() {
                return Ok(heard);
            }
            if let Some(loss) = loss {
                return Err(self.close(loss));
            }
            let Some(link) = &self.link else { return Err(LinkError::Closed) };
            tokio::select! {
                () = link.inbox.news.notified() => {}
                _ = self.repeat.tick() => if link.inbox.take_alive() {
                    return Ok(self.whole());
                }
            }
        }
    }

    /// What has come already. What a history told is followed by the first image, and that by what has changed since.
    fn next(&mut self) -> Option<Heard> {
        let mut stamps = self.memory.stamps();
        if self.imaged.is_some() {
            let (came, waves) = self.link.as_ref()?.inbox.take();
            let judged = came.iter().filter_map(|c| Some((stamps.judge(c)?, c.place, c.sample)));
            self.waiting.add(judged);
            for (w, ticks, values) in waves {
                let (kind, rate_hz) = (self.binding.waves()[w].kind, self.rates[w]);
                let judged = stamps.judge_wave(w, ticks);
                self.waves.extend(judged.map(|stamp| (stamp, Burst { kind, rate_hz, values })));
            }
        }
        let Some((moment, changes)) = self.waiting.take(self.within) else {
            if let Some((stamp, burst)) = self.waves.pop_front() {
                let moment = Some(stamps.moment(stamp));
                return Some(Heard { moment, samples: Vec::new(), bursts: vec![burst] });
            }
            drop(stamps);
            return self.imaged.is_none().then(|| self.whole());
        };
        if self.imaged.is_some() {
            changes.iter().for_each(|(place, sample)| self.image[*place] = *sample);
        }
        let samples = changes.into_iter().map(|(_, sample)| sample).collect();
        Some(Heard { moment: moment.map(|m| stamps.moment(m)), samples, bursts: Vec::new() })
    }

    /// The image, as of the newest moment that any source told: whatever held earlier has been told. What was told of
    /// that very moment is left out. Where no source has told anything new, it is as of now.
    fn whole(&mut self) -> Heard {
        let stamps = self.memory.stamps();
        let newest = stamps.newest();
        let moved = newest.filter(|_| self.imaged != Some(newest));
        let first = self.imaged.replace(newest).is_none();
        let old = |i: &usize| first || moved.is_none() || stamps.heard_until(*i) != moved;
        let samples = (0..self.image.len()).filter(old).map(|i| self.image[i]).collect();
        let moment = moved.map(|t| stamps.moment((By::Source, t)));
        Heard { moment, samples, bursts: Vec::new() }
    }

    /// Reads all points, in the profile's order.
    pub async fn read_points(&mut self) -> Result<Vec<Sample>, ClientError> {
        let values = self.read(AttributeId::Value).await?;
        let places = self.binding.places().iter().zip(values);
        Ok(places.map(|(place, value)| sample(place.point, &value)).collect())
    }

    /// Writes one point [the point's unit], by a write or by its method as the profile says, and waits until the
    /// machine confirms. The value must be in the point's range; what is sent is the nearest one that the machine's
    /// type holds.
    pub async fn write_point(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        let refuse = |problem| Err(ClientError::Unwritable { point, problem });
        let Some(i) = self.binding.index(point).filter(|i| self.binding.places()[*i].writable) else {
            return refuse("the profile does not let it be written");
        };
        let place = &self.binding.places()[i];
        if !place.accepts(place.data.quantise(value)) {
            return refuse("the value is outside its range");
        }
        let session = Arc::clone(&self.link.as_ref().ok_or(LinkError::Closed)?.session);
        let (node, by_method, name) = (&self.nodes[i], place.by_method, place.node.clone());
        if node.missing {
            return refuse("the machine has no such node");
        }
        let Some(variant) = values::pack(node.scalar, place.data.quantise(value)) else {
            return refuse("the machine holds no number there");
        };
        let (what, answer) = if by_method {
            let Some((object, method)) = node.method.clone() else {
                return refuse("the machine has no method for it");
            };
            let what = format!("the call of {}", place.method.as_deref().unwrap_or_default());
            let call = CallMethodRequest {
                object_id: object,
                method_id: method,
                input_arguments: Some(vec![variant]),
            };
            let answer = self.bounded(session.call_one(call)).await;
            (what, answer.map(|result| call_status(result.status_code, result.input_argument_results)))
        } else {
            let write = WriteValue {
                node_id: node.id.clone(),
                attribute_id: AttributeId::Value as u32,
                index_range: Default::default(),
                value: DataValue::value_only(variant),
            };
            let answer = self.bounded(session.write(&[write])).await;
            let first = |statuses: Vec<StatusCode>| {
                statuses.first().copied().unwrap_or(StatusCode::BadUnknownResponse)
            };
            (format!("the write of {name}"), answer.map(first))
        };
        let status = match answer {
            Ok(status) => status,
            Err(Failure::Silent) => return Err(self.close(Loss::Silent).into()),
            Err(Failure::Error(e)) if is_loss(e.status()) => return Err(self.failed(e).into()),
            Err(Failure::Error(e)) => e.status(),
        };
        if status.is_good() { Ok(()) } else { Err(ClientError::Refused { what, answer: status.to_string() }) }
    }

    /// Takes leave of the server; a client that is only dropped does so in the background.
    pub async fn disconnect(mut self) {
        if let Some(link) = self.link.take() {
            let _ = timeout(self.timeout, link.session.disconnect()).await;
        }
    }

    /// A request's answer, or that there was none in time.
    pub(super) async fn bounded<T>(
        &self,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        match timeout(self.timeout, request).await {
            Ok(answer) => answer.map_err(Failure::Error),
            Err(_) => Err(Failure::Silent),
        }
    }

    pub(super) fn failed(&mut self, e: Error) -> LinkError {
        self.link = None;
        failed(self.timeout)(e)
    }

    pub(super) fn close(&mut self, loss: Loss) -> LinkError {
        self.link = None;
        loss.error(self.timeout)
    }

    pub(super) async fn ask<T, R>(
        &mut self,
        request: impl FnOnce(Arc<opcua::client::Session>) -> R,
    ) -> Result<T, LinkError>
    where
        R: Future<Output = Result<T, Error>>,
    {
        let session = Arc::clone(&self.link.as_ref().ok_or(LinkError::Closed)?.session);
        match self.bounded(request(session)).await {
            Ok(answer) => Ok(answer),
            Err(Failure::Silent) => Err(self.close(Loss::Silent)),
            Err(Failure::Error(e)) => Err(self.failed(e)),
        }
    }

    pub(super) async fn read(&mut self, attribute: AttributeId) -> Result<Vec<DataValue>, LinkError> {
        let read = |node: &Node| ReadValueId {
            node_id: node.id.clone(),
            attribute_id: attribute as u32,
            ..ReadValueId::default()
        };
        let wanted: Vec<ReadValueId> = self.nodes.iter().map(read).collect();
        let mut values = Vec::new();
        for part in wanted.chunks(OPCUA_NODES_PER_REQUEST) {
            let part = part.to_vec();
            let count = part.len();
            let answer = self
                .ask(|session| async move { session.read(&part, TimestampsToReturn::Both, 0.0).await })
                .await?;
            if answer.len() != count {
                return Err(self.mismatch(format!("{} values to a read of {count}", answer.len())));
            }
            values.extend(answer);
        }
        Ok(values)
    }

    pub(super) fn mismatch(&mut self, what: String) -> LinkError {
        self.link = None;
        LinkError::Mismatch(what)
    }
}

pub(super) enum Failure {
    Silent,
    Error(Error),
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

pub(super) fn sample(point: PointIx, value: &DataValue) -> Sample {
    let quality = values::quality(value.status());
    match value.value.as_ref().and_then(values::unpack) {
        Some((number, _)) if quality != Quality::Bad => Sample { point, value: number, quality },
        _ => Sample { point, value: f64::NAN, quality: Quality::Bad },
    }
}

/// Part 4, 5.12.2: the reason for a refused argument stands with the argument.
fn call_status(status: StatusCode, arguments: Option<Vec<StatusCode>>) -> StatusCode {
    let wrong = arguments.into_iter().flatten().find(|s| !s.is_good());
    if status == StatusCode::BadInvalidArgument { wrong.unwrap_or(status) } else { status }
}
