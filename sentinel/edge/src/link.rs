//! One task for each machine: it connects, hears, writes, and comes back when it was lost.
//!
//! What is the same for every protocol stands here; what differs stands in one file each, as a [`Dial`] and its
//! [`Talk`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aegis_adapters::{ClientError, LinkError};
use aegis_models::{Burst, CommandId, MachineIx, PointIx, Profile, Protocol, Record, Sample, Time};
use aegis_sentinel::WriteOutcome;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};

use crate::clock::Clock;
use crate::config::Equipment;

#[cfg(feature = "bacnet")]
mod bacnet;
#[cfg(feature = "hsms")]
mod hsms;
#[cfg(feature = "modbus")]
mod modbus;
#[cfg(any(feature = "mtconnect", feature = "opcua"))]
mod moments;
#[cfg(feature = "mtconnect")]
mod mtconnect;
#[cfg(feature = "opcua")]
mod opcua;
#[cfg(any(feature = "bacnet", feature = "hsms", feature = "modbus"))]
mod rounds;

/// What a link tells the core.
#[derive(Debug)]
pub enum FromLink {
    /// Values and happenings.
    Heard(MachineIx, Heard),
    /// It came or went, or still stands but has this to say.
    State(MachineIx, bool, String),
    /// How a write ended.
    Written(CommandId, WriteOutcome),
}

/// What a machine said at one moment.
#[derive(Debug, Default)]
pub struct Heard {
    /// When it was asked, or said it unasked. A device that answers late is rather older than it says than younger.
    pub time: Time,
    /// In the profile's order.
    pub samples: Vec<Sample>,
    /// In the order in which they happened.
    pub records: Vec<Record>,
    /// Waveforms that ended then.
    pub bursts: Vec<Burst>,
    /// What it refuses, or what is amiss with the link while it stands; empty when all is well.
    pub note: String,
}

/// What the core orders. Each is sent once, and its outcome told once.
#[derive(Clone, Debug)]
pub struct WriteOrder {
    /// The command's identity.
    pub id: CommandId,
    /// The set-point.
    pub point: PointIx,
    /// Its new value.
    pub value: f64,
    /// It is not sent any more from then on: what was decided long ago is not what would be decided now.
    pub expires: Time,
    /// Nothing is sent any more at all: whoever decided it has failed since.
    pub revoked: Arc<AtomicBool>,
}

impl WriteOrder {
    /// Why it may not leave, if it may not.
    fn void(&self, now: Time) -> Option<&'static str> {
        if self.revoked.load(Ordering::Relaxed) {
            Some("the agent has failed: nothing was sent")
        } else if now >= self.expires {
            Some("it waited too long for the link: nothing was sent")
        } else {
            None
        }
    }
}

/// What carries the bytes of protocols. Real equipment is reached by [`Network`].
pub trait Wires: Clone + Send + Sync + 'static {
    /// A connected stream.
    type Stream: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin + 'static;

    /// Connects to a machine at its `host:port`.
    fn connect(&self, address: &str) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// A socket for datagrams.
    #[cfg(feature = "bacnet")]
    type Datagrams: aegis_adapters::bacnet::Datagrams + 'static;

    /// Opens a socket, and finds the address behind a machine's `host:port`.
    #[cfg(feature = "bacnet")]
    fn datagrams(
        &self,
        address: &str,
    ) -> impl Future<Output = io::Result<(Self::Datagrams, std::net::SocketAddr)>> + Send;
}

/// TCP and UDP.
#[derive(Clone, Copy, Debug)]
pub struct Network;

impl Wires for Network {
    type Stream = TcpStream;

    async fn connect(&self, address: &str) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        // Requests are small and each waits for its reply: holding them back would only delay.
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    #[cfg(feature = "bacnet")]
    type Datagrams = tokio::net::UdpSocket;

    #[cfg(feature = "bacnet")]
    async fn datagrams(&self, address: &str) -> io::Result<(tokio::net::UdpSocket, std::net::SocketAddr)> {
        let found = tokio::net::lookup_host(address).await?.next();
        let to =
            found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{address} is nowhere")))?;
        // Bound to the interface that leads there alone: on loopback nobody else can send to it.
        let any: std::net::IpAddr = match to.ip() {
            ip if ip.is_loopback() => ip,
            std::net::IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            std::net::IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        Ok((tokio::net::UdpSocket::bind((any, 0)).await?, to))
    }
}

/// How one protocol connects to one machine, again and again.
trait Dial {
    type Talk: Talk;

    /// Connects, within the equipment's timeout.
    async fn dial(&mut self) -> Result<Self::Talk, LinkError>;

    /// The least time between two attempts to connect [agent's time].
    fn separation(&self) -> Duration {
        Duration::ZERO
    }

    /// The longest pause after an attempt.
    fn longest_pause(&self) -> Duration {
        Backoff::LONGEST
    }
}

/// One connection to one machine.
trait Talk {
    /// Waits until there is something to hear. It may be given up at any moment and called again.
    async fn due(&mut self);

    /// Hears it. Not to be given up half-way.
    async fn hear(&mut self) -> Result<Heard, LinkError>;

    /// Writes a set-point and waits for the device's answer.
    async fn write(&mut self, point: PointIx, value: f64) -> Result<(), ClientError>;

    /// Takes leave, where the protocol has a word for it: the link is given up, or the sentinel ends.
    async fn leave(&mut self) {}
}

/// Why a profile cannot be spoken over that protocol, if it cannot.
pub fn unfit(protocol: Protocol, profile: &Profile) -> Option<String> {
    match protocol {
        #[cfg(feature = "modbus")]
        Protocol::ModbusTcp | Protocol::ModbusRtu | Protocol::ModbusRtuOverTcp => modbus::unfit(profile),
        #[cfg(feature = "opcua")]
        Protocol::Opcua => opcua::unfit(profile),
        #[cfg(feature = "hsms")]
        Protocol::Hsms => hsms::unfit(profile),
        #[cfg(feature = "bacnet")]
        Protocol::Bacnet => bacnet::unfit(profile),
        #[cfg(feature = "mtconnect")]
        Protocol::Mtconnect => mtconnect::unfit(profile),
        #[allow(unreachable_patterns, reason = "a build for fewer protocols leaves the rest")]
        other => Some(format!("this build does not speak {other}")),
    }
}

/// Serves a machine until the core is gone.
pub async fn run<W: Wires>(
    machine: MachineIx,
    equipment: Equipment,
    #[allow(unused_variables, reason = "for OPC UA alone it has no use: that library connects by itself")]
    wires: W,
    clock: Clock,
    to_core: mpsc::Sender<FromLink>,
    orders: mpsc::Receiver<WriteOrder>,
) {
    let core = Core { machine, clock, to_core, orders };
    match equipment.protocol {
        #[cfg(feature = "modbus")]
        Protocol::ModbusTcp | Protocol::ModbusRtu | Protocol::ModbusRtuOverTcp => {
            match modbus::Modbus::new(equipment, wires, clock) {
                Ok(dial) => core.serve(dial).await,
                Err(e) => core.give_up(e.to_string()).await,
            }
        }
        #[cfg(feature = "opcua")]
        Protocol::Opcua => match opcua::Opcua::new(equipment, clock) {
            Ok(dial) => core.serve(dial).await,
            Err(e) => core.give_up(e.to_string()).await,
        },
        #[cfg(feature = "hsms")]
        Protocol::Hsms => match hsms::Hsms::new(equipment, wires, clock) {
            Ok(dial) => core.serve(dial).await,
            Err(e) => core.give_up(e.to_string()).await,
        },
        #[cfg(feature = "bacnet")]
        Protocol::Bacnet => match bacnet::Bacnet::new(equipment, wires, clock) {
            Ok(dial) => core.serve(dial).await,
            Err(e) => core.give_up(e.to_string()).await,
        },
        #[cfg(feature = "mtconnect")]
        Protocol::Mtconnect => match mtconnect::Agent::new(equipment, wires, clock) {
            Ok(dial) => core.serve(dial).await,
            Err(e) => core.give_up(e.to_string()).await,
        },
        #[allow(unreachable_patterns, reason = "a build for fewer protocols leaves the rest")]
        other => core.give_up(format!("this build does not speak {other}")).await,
    }
}

/// The agent's end of a link. Every method gives none when the agent is gone.
struct Core {
    machine: MachineIx,
    clock: Clock,
    to_core: mpsc::Sender<FromLink>,
    orders: mpsc::Receiver<WriteOrder>,
}

impl Core {
    async fn serve(mut self, mut dial: impl Dial) {
        let mut backoff = Backoff(Backoff::FIRST);
        loop {
            let next = self.clock.instant(self.clock.now().after(dial.separation()));
            let Some(dialled) = self.meanwhile(dial.dial()).await else { return };
            let why = match dialled {
                Ok(mut talk) => {
                    let lost = self.converse(&mut talk, &mut backoff).await;
                    talk.leave().await;
                    match lost {
                        Some(why) => why,
                        None => return,
                    }
                }
                Err(e) => e.to_string(),
            };
            if self.tell(FromLink::State(self.machine, false, why)).await.is_none() {
                return;
            }
            let pause = backoff.next().min(dial.longest_pause());
            if self.meanwhile(async { tokio::join!(sleep(pause), sleep_until(next)) }).await.is_none() {
                return;
            }
        }
    }

    /// The machine cannot be spoken to at all.
    async fn give_up(mut self, why: String) {
        let _ = self.tell(FromLink::State(self.machine, false, why)).await;
        while self.meanwhile(sleep(Backoff::LONGEST)).await.is_some() {}
    }

    /// Hears and writes until the link is lost, and says why.
    async fn converse(&mut self, talk: &mut impl Talk, backoff: &mut Backoff) -> Option<String> {
        let mut said: Option<String> = None;
        loop {
            tokio::select! {
                // A write does not wait for a round of reading.
                biased;
                order = self.orders.recv() => {
                    let lost = self.write(talk, order?).await?;
                    if lost.is_some() {
                        return lost;
                    }
                }
                () = talk.due() => {
                    let heard = match talk.hear().await {
                        Ok(heard) => heard,
                        Err(e) => return Some(e.to_string()),
                    };
                    if said.as_ref() != Some(&heard.note) {
                        *backoff = Backoff(Backoff::FIRST);
                        self.tell(FromLink::State(self.machine, true, heard.note.clone())).await?;
                        said = Some(heard.note.clone());
                    }
                    self.tell(FromLink::Heard(self.machine, heard)).await?;
                }
            }
        }
    }

    /// Carries out an order, once, and tells how it ended.
    async fn write(&mut self, talk: &mut impl Talk, order: WriteOrder) -> Option<Option<String>> {
        let (outcome, lost) = match order.void(self.clock.now()) {
            Some(reason) => (WriteOutcome::Refused { reason: reason.to_owned() }, None),
            None => match talk.write(order.point, order.value).await {
                Ok(()) => (WriteOutcome::Accepted, None),
                Err(ClientError::Link(e)) => {
                    (WriteOutcome::Unknown { reason: e.to_string() }, Some(e.to_string()))
                }
                Err(refused) => (WriteOutcome::Refused { reason: refused.to_string() }, None),
            },
        };
        self.tell(FromLink::Written(order.id, outcome)).await?;
        Some(lost)
    }

    /// Does that while there is no link. Orders that come meanwhile are not sent, and are told so.
    async fn meanwhile<T>(&mut self, what: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(what);
        loop {
            tokio::select! {
                biased;
                order = self.orders.recv() => {
                    let reason = "not connected: nothing was sent".to_owned();
                    let outcome = WriteOutcome::Refused { reason };
                    self.tell(FromLink::Written(order?.id, outcome)).await?;
                }
                done = &mut what => return Some(done),
            }
        }
    }

    async fn tell(&self, what: FromLink) -> Option<()> {
        self.to_core.send(what).await.ok()
    }
}

/// How long to wait before the next attempt: longer each time, up to ten seconds.
struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(10);

    fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (self.0 * 2).min(Backoff::LONGEST);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_and_ends_at_ten_seconds() {
        let mut backoff = Backoff(Backoff::FIRST);
        let waits: Vec<u64> = (0..8).map(|_| backoff.next().as_millis() as u64).collect();
        assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    }

    /// A machine that is never there; tells when it is looked for.
    struct Away(mpsc::UnboundedSender<Time>, Clock);

    enum Nobody {}

    impl Talk for Nobody {
        async fn due(&mut self) {
            match *self {}
        }

        async fn hear(&mut self) -> Result<Heard, LinkError> {
            match *self {}
        }

        async fn write(&mut self, _: PointIx, _: f64) -> Result<(), ClientError> {
            match *self {}
        }
    }

    impl Dial for Away {
        type Talk = Nobody;

        async fn dial(&mut self) -> Result<Nobody, LinkError> {
            self.0.send(self.1.now()).expect("the test listens");
            sleep(Duration::from_secs(1)).await;
            Err(LinkError::Closed)
        }

        fn separation(&self) -> Duration {
            Duration::from_secs(10)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_to_connect_keep_their_distance_on_the_agents_clock() {
        // Twenty seconds of the agent pass in one.
        let clock = Clock::start(Time::ZERO, 20.0);
        let (dialled, mut at) = mpsc::unbounded_channel();
        let (to_core, mut told) = mpsc::channel(16);
        let (orders, taken) = mpsc::channel(16);
        let core = Core { machine: MachineIx(0), clock, to_core, orders: taken };
        let serving = tokio::spawn(core.serve(Away(dialled, clock)));
        let first = at.recv().await.expect("the first attempt");
        // An order during an attempt is not kept for later.
        let revoked = Arc::new(AtomicBool::new(false));
        let id = CommandId { boot: 1, number: 1 };
        let expires = Time::from_secs(1_000);
        orders.send(WriteOrder { id, point: PointIx(0), value: 1.0, expires, revoked }).await.expect("taken");
        let outcome = told.recv().await.expect("the link lives");
        assert!(matches!(outcome, FromLink::Written(_, WriteOutcome::Refused { .. })), "{outcome:?}");
        // An attempt of a second is twenty of the agent's, and a quarter of a second five more.
        let second = at.recv().await.expect("the second attempt");
        assert_eq!(second.since(first).as_secs(), 25);
        drop(orders);
        serving.await.expect("it ends with its orders");
    }

    #[test]
    fn an_order_that_waited_too_long_or_whose_agent_failed_is_void() {
        let revoked = Arc::new(AtomicBool::new(false));
        let id = CommandId { boot: 1, number: 1 };
        let order = WriteOrder {
            id,
            point: PointIx(0),
            value: 1.0,
            expires: Time::from_secs(10),
            revoked: Arc::clone(&revoked),
        };
        assert_eq!(order.void(Time::from_secs(9)), None);
        assert!(order.void(Time::from_secs(10)).is_some_and(|why| why.contains("too long")));
        revoked.store(true, Ordering::Relaxed);
        assert!(order.void(Time::from_secs(9)).is_some_and(|why| why.contains("failed")));
    }
}
