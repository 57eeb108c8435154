//! The client's shell: reads a machine's points, writes its set-points, and hears of changes, over any [`Datagrams`].
//!
//! A device that refuses is not a link that failed: after a refusal the client goes on; after silence through all
//! retries, or an answer that is none, it is closed for good, and its owner connects anew.

mod read;
mod write;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use aegis_models::{PointIx, Sample, Time};
use bacnet_types::enums::{ObjectType, PropertyIdentifier as P};
use bacnet_types::primitives::{ObjectIdentifier, PropertyValue};
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until, timeout};

use super::binding::{Binding, Place};
use super::datagrams::{self, Datagrams};
use super::exchange::{Event, Exchange, Reply};
use super::priority::Priority;
use super::reader::Reader;
use super::reading;
use super::service::{self, Announcement, PropertyRef, PropertyResult, Request};
use super::transaction::Patience;
use crate::client::{ClientError, LinkError};
use crate::{clock, limits};

/// This client's number in its subscriptions: its address tells it from any other.
const PROCESS: u32 = 1;
/// Octets of an answer that a point's three properties take at most.
const OCTETS_PER_POINT: u32 = 40;

/// How a client treats its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long each answer is waited for.
    pub patience: Patience,
    /// At which priority set-points are written.
    pub priority: Priority,
    /// The instance that the device must have, when it says who it is; none for any.
    pub device: Option<u32>,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions { patience: Patience::default(), priority: Priority::PROGRAM, device: None }
    }
}

/// A conversation with one device.
pub struct Client {
    socket: Box<dyn Datagrams>,
    exchange: Exchange,
    binding: Arc<Binding>,
    options: ClientOptions,
    began: Instant,
    closed: bool,
    /// Points that one request reads: fewer once the device found an answer too long.
    points_per_read: usize,
    /// Whether the device knows ReadPropertyMultiple.
    multiple: bool,
    heard: VecDeque<Sample>,
    subscription: Option<Subscription>,
}

/// The points that the device tells changes of.
struct Subscription {
    points: Vec<Place>,
    confirmed: bool,
    lifetime_s: u32,
    /// When the next one is renewed, and which.
    renew: Time,
    next: usize,
}

impl Client {
    /// Opens a socket, and makes sure that a device answers at `address`, as `host:port`.
    pub async fn connect(
        address: &str,
        binding: Arc<Binding>,
        options: ClientOptions,
    ) -> Result<Client, LinkError> {
        let whole = options.patience.whole();
        let found = timeout(whole, tokio::net::lookup_host(address)).await;
        let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("{address} has no address"));
        let address = found.map_err(|_| LinkError::Timeout(whole))??.next().ok_or_else(unknown)?;
        let local: SocketAddr = match address {
            SocketAddr::V4(v4) if v4.ip().is_loopback() => (Ipv4Addr::LOCALHOST, 0).into(),
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(local).await?;
        let mut client = Client::attach(socket, address, binding, options);
        client.greet().await?;
        Ok(client)
    }

    /// Talks over a socket that is open already. Nothing is sent yet.
    pub fn attach(
        socket: impl Datagrams + 'static,
        address: SocketAddr,
        binding: Arc<Binding>,
        options: ClientOptions,
    ) -> Client {
        Client {
            socket: Box::new(socket),
            exchange: Exchange::new(address, PROCESS, options.patience),
            binding,
            options,
            began: clock::now(),
            closed: false,
            points_per_read: limits::BACNET_POINTS_PER_READ,
            multiple: true,
            heard: VecDeque::new(),
            subscription: None,
        }
    }

    /// Makes sure that the right device answers: asks who it is, and where no I-Am comes back (many devices broadcast it,
    /// which this socket need not hear) reads it of the device object.
    pub async fn greet(&mut self) -> Result<(), LinkError> {
        let limits = self.options.device.map(|d| (d, d));
        self.exchange.announce(&Announcement::WhoIs(limits));
        let patience = self.now().after(self.options.patience.timeout);
        while let Some(event) = self.event(Some(patience)).await? {
            let Event::IAm { instance, max_apdu } = event else {
                self.keep(event);
                continue;
            };
            if self.options.device.is_some_and(|d| d != instance) {
                return Err(self.mismatch(format!("it is device {instance}")));
            }
            self.fit(max_apdu);
            return Ok(());
        }
        // 15.5: of the last instance, any device answers for itself.
        let instance = self.options.device.unwrap_or(ObjectIdentifier::WILDCARD_INSTANCE);
        let Ok(device) = ObjectIdentifier::new(ObjectType::DEVICE, instance) else {
            return Err(self.mismatch(format!("nobody can be device {instance}")));
        };
        let own = self.call(&Request::ReadProperty(device, PropertyRef::of(P::OBJECT_IDENTIFIER))).await?;
        let found = match one_value(&own) {
            Some(PropertyValue::ObjectIdentifier(found)) => Some(found),
            _ => None,
        };
        if self.options.device.is_some() && found != Some(device) {
            let what = match found {
                Some(other) => format!("it is device {}", other.instance_number()),
                None => format!("it does not say that it is device {instance}"),
            };
            return Err(self.mismatch(what));
        }
        let most = PropertyRef::of(P::MAX_APDU_LENGTH_ACCEPTED);
        let most = self.call(&Request::ReadProperty(found.unwrap_or(device), most)).await?;
        if let Some(PropertyValue::Unsigned(most)) = one_value(&most) {
            self.fit(u32::try_from(most).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    /// Asks for no more at once than fits an answer of so many octets.
    fn fit(&mut self, max_apdu: u32) {
        let most = (max_apdu / OCTETS_PER_POINT) as usize;
        self.points_per_read = most.clamp(1, limits::BACNET_POINTS_PER_READ);
    }

    /// Whether the link has failed: connect anew.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// What it reads.
    pub fn binding(&self) -> &Arc<Binding> {
        &self.binding
    }

    /// Asks the device to tell changes of all points, for `lifetime_s` seconds (0 for ever), and says how many it agrees
    /// to. [`Client::heard`] renews them when half of that is over, and nothing else does.
    pub async fn subscribe(&mut self, confirmed: bool, lifetime_s: u32) -> Result<usize, ClientError> {
        let binding = Arc::clone(&self.binding);
        let mut points = Vec::new();
        for place in binding.places() {
            let request = subscribe(place, confirmed, lifetime_s);
            if self.call(&request).await? == Reply::Done {
                points.push(*place);
            }
        }
        let agreed = points.len();
        let renew = renewal(self.now(), lifetime_s);
        self.subscription = Some(Subscription { points, confirmed, lifetime_s, renew, next: 0 });
        Ok(agreed)
    }

    /// Whether the device agreed to tell changes of the point.
    pub fn tells(&self, point: PointIx) -> bool {
        self.subscription.as_ref().is_some_and(|s| s.points.iter().any(|p| p.point == point))
    }

    /// Waits until the device tells of a change, and renews the subscriptions meanwhile. It may be given up at any moment
    /// and called again.
    ///
    /// A notification has no reliability: a value that a read would find uncertain is bad here while its fault flag is set.
    pub async fn heard(&mut self) -> Result<Sample, LinkError> {
        loop {
            if let Some(sample) = self.heard.pop_front() {
                return Ok(sample);
            }
            if self.closed {
                return Err(LinkError::Closed);
            }
            let renew = self.renew();
            match self.event(renew).await? {
                Some(Event::Aside(None)) => return Err(self.silent()),
                Some(event) => self.keep(event),
                None => {}
            }
        }
    }

    /// Renews the next subscription when it is time, one after the other. When it is time again.
    fn renew(&mut self) -> Option<Time> {
        let now = self.now();
        let s = self.subscription.as_mut().filter(|s| s.lifetime_s > 0 && !s.points.is_empty())?;
        // The answer to the one before is waited for.
        if self.exchange.is_aside() {
            return None;
        }
        if s.renew > now {
            return Some(s.renew);
        }
        let place = s.points[s.next];
        s.next += 1;
        if s.next == s.points.len() {
            s.next = 0;
            s.renew = renewal(now, s.lifetime_s);
        }
        self.exchange.aside(now, &subscribe(&place, s.confirmed, s.lifetime_s));
        None
    }

    /// What was not waited for.
    fn keep(&mut self, event: Event) {
        let Event::Notified(n) = event else { return };
        let Some(i) = self.binding.find(&n.object) else { return };
        let results: Vec<PropertyResult> = n.values.into_iter().map(|(p, v)| (p, Ok(v))).collect();
        // A notification without a present value tells nothing of the point.
        let Ok(sample) = reading::sample(&self.binding.places()[i], &results) else { return };
        if self.heard.len() >= limits::BACNET_QUEUED_NOTIFICATIONS {
            self.heard.pop_front();
        }
        self.heard.push_back(sample);
    }

    async fn call(&mut self, request: &Request) -> Result<Reply, LinkError> {
        if self.closed {
            return Err(LinkError::Closed);
        }
        self.exchange.call(self.now(), request);
        loop {
            match self.event(None).await? {
                Some(Event::Called(Some(reply))) => return Ok(reply),
                Some(Event::Called(None)) => return Err(self.silent()),
                Some(event) => self.keep(event),
                None => {}
            }
        }
    }

    /// The next event; none when `until` comes first. All that is under way stays in the exchange: the future may be
    /// dropped.
    async fn event(&mut self, until: Option<Time>) -> Result<Option<Event>, LinkError> {
        let mut buf = [0; limits::BACNET_DATAGRAM_BYTES + 1];
        loop {
            while let Some(datagram) = self.exchange.poll_transmit() {
                let to = self.exchange.address();
                if let Err(e) = datagrams::send(&mut *self.socket, &datagram, to).await {
                    self.closed = true;
                    return Err(e.into());
                }
            }
            if let Some(event) = self.exchange.poll_event() {
                return Ok(Some(event));
            }
            if until.is_some_and(|until| until <= self.now()) {
                return Ok(None);
            }
            let due = self.exchange.poll_timeout().into_iter().chain(until).min();
            let alarm = async {
                match due {
                    Some(due) => sleep_until(self.began + due.since(Time::ZERO)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                received = datagrams::recv(&mut *self.socket, &mut buf) => match received {
                    Ok((from, n)) => self.exchange.receive(from, &buf[..n]),
                    Err(e) => {
                        self.closed = true;
                        return Err(e.into());
                    }
                },
                () = alarm => {}
            }
            self.exchange.advance(self.now());
        }
    }

    fn now(&self) -> Time {
        Time::ZERO.after(self.began.elapsed())
    }

    fn silent(&mut self) -> LinkError {
        self.closed = true;
        LinkError::Timeout(self.options.patience.whole())
    }

    fn mismatch(&mut self, what: String) -> LinkError {
        self.closed = true;
        LinkError::Mismatch(what)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("device", &self.exchange.address())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

/// The application-tagged values of a read; none where it was refused, or they are malformed.
fn values(reply: &Reply) -> Vec<PropertyValue> {
    let Reply::Data(data) = reply else { return Vec::new() };
    let Ok((_, _, octets)) = service::decode_read_ack(data) else { return Vec::new() };
    let (mut r, mut all) = (Reader::new(&octets), Vec::new());
    while !r.is_empty() {
        match r.value() {
            Ok(value) => all.push(value),
            Err(_) => return Vec::new(),
        }
    }
    all
}

fn one_value(reply: &Reply) -> Option<PropertyValue> {
    <[PropertyValue; 1]>::try_from(values(reply)).ok().map(|[one]| one)
}

fn subscribe(place: &Place, confirmed: bool, lifetime_s: u32) -> Request {
    Request::SubscribeCov { process: PROCESS, object: place.object, terms: Some((confirmed, lifetime_s)) }
}

fn renewal(now: Time, lifetime_s: u32) -> Time {
    now.after(std::time::Duration::from_secs(lifetime_s.into()) / 2)
}

fn refused(what: String, reply: &Reply) -> ClientError {
    let words = |name: Option<&str>, raw: u32| {
        name.map_or_else(|| raw.to_string(), |n| n.to_lowercase().replace('_', "-"))
    };
    let answer = match reply {
        Reply::Refused(r) => {
            let class = words(r.class.name(), r.class.to_raw().into());
            format!("error {class} {}", words(r.code.name(), r.code.to_raw().into()))
        }
        Reply::Rejected(r) => format!("reject {}", words(r.name(), r.to_raw().into())),
        Reply::Aborted(r) => format!("abort {}", words(r.name(), r.to_raw().into())),
        Reply::Done | Reply::Data(_) => "an answer to another request".to_owned(),
    };
    ClientError::Refused { what, answer }
}
