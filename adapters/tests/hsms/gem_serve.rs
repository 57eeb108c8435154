//! The equipment's shell: over streams under tokio's paused clock, and over sockets.

use std::time::Duration;

use aegis_adapters::hsms::gem::Equipment;
use aegis_adapters::hsms::serve::{Handle, ServeOptions, serve, serve_active, serve_stream};
use aegis_adapters::hsms::session::{Event, Options, Role, Session, Timers};
use aegis_adapters::hsms::{Item, Message};
use aegis_adapters::{Served, limits};
use aegis_models::{Frame, MachineIx, Profile, Quality, Record, Sample, Time};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::gem_support::{a, b, bonder, ids, l, options, part, u1};

const WAIT: Duration = Duration::from_secs(20);

fn handle() -> Handle {
    Handle::new(Equipment::new(&bonder(), options(), &[]).unwrap())
}

/// A host on a stream.
struct Host<S> {
    stream: S,
    session: Session,
    base: Instant,
    heard: Vec<Message>,
    replies: Vec<(u32, Message)>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Host<S> {
    fn on(stream: S, role: Role) -> Host<S> {
        let session =
            Session::new(Options { role, device: 0, timers: Timers { linktest: None, ..Timers::default() } });
        Host { stream, session, base: Instant::now(), heard: vec![], replies: vec![] }
    }

    fn now(&self) -> Time {
        Time::ZERO.after(Instant::now().duration_since(self.base))
    }

    /// Establishes communications.
    async fn greet(&mut self) {
        self.session.connected(self.now());
        self.until(|h| h.session.is_selected()).await;
        self.ask(1, 13, l(vec![])).await;
    }

    /// Exchanges until that holds.
    async fn until(&mut self, holds: impl Fn(&Host<S>) -> bool) {
        let mut chunk = [0; 4096];
        loop {
            while let Some(event) = self.session.event() {
                match event {
                    Event::Primary(r) => {
                        if r.message.wants_reply {
                            let establishes = r.message.function == 13;
                            let body = if establishes { l(vec![b(0), l(vec![])]) } else { b(0) };
                            let function = r.message.function + 1;
                            let reply = Message {
                                stream: r.message.stream,
                                function,
                                wants_reply: false,
                                body: Some(body),
                            };
                            self.session.reply(r.system, &reply).unwrap();
                        }
                        self.heard.push(r.message);
                    }
                    Event::Reply(r) => self.replies.push((r.system, r.message)),
                    _ => {}
                }
            }
            while let Some(bytes) = self.session.transmit() {
                self.stream.write_all(&bytes).await.unwrap();
            }
            if holds(self) {
                return;
            }
            let n = timeout(WAIT, self.stream.read(&mut chunk)).await.expect("the equipment speaks").unwrap();
            assert_ne!(n, 0, "the equipment closed the connection");
            self.session.receive(self.now(), &chunk[..n]);
        }
    }

    async fn ask(&mut self, stream: u8, function: u8, body: impl Into<Option<Item>>) -> Item {
        let message = Message { stream, function, wants_reply: true, body: body.into() };
        let system = self.session.send(self.now(), &message).unwrap();
        self.until(|h| h.replies.iter().any(|(s, _)| *s == system)).await;
        let i = self.replies.iter().position(|(s, _)| *s == system).unwrap();
        self.replies.remove(i).1.body.expect("a body")
    }
}

fn frame(profile: &Profile, samples: &[(&str, f64)], bond: bool) -> Frame {
    let point = |id: &str| profile.point_ix(id).unwrap();
    let sample =
        |(id, value): &(&str, f64)| Sample { point: point(id), value: *value, quality: Quality::Good };
    let sound =
        Record { kind: 0, values: vec![45.0, 15.0, 120.0, 288.0, 20.0, 150.0, 12.0, 14.0, 0.0, 100.0] };
    Frame {
        time: Time::ZERO,
        machine: MachineIx(0),
        samples: samples.iter().map(sample).collect(),
        records: if bond { vec![sound] } else { vec![] },
        bursts: vec![],
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_owner_publishes_wakes_the_connection() {
    let (ours, theirs) = duplex(256);
    let handle = handle();
    let served = tokio::spawn({
        let handle = handle.clone();
        async move { serve_stream(ours, &handle, ServeOptions::default()).await }
    });
    let mut host = Host::on(theirs, Role::Active);
    host.greet().await;
    let enable = l(vec![Item::Boolean(vec![true]), ids(&[1001])]);
    assert_eq!(host.ask(2, 37, enable).await, b(0));
    handle.publish(&frame(&bonder(), &[("run_enable", 1.0)], true));
    host.until(|h| h.heard.iter().any(|m| (m.stream, m.function) == (6, 11))).await;
    // And what the host writes is the owner's.
    let adjust = l(vec![a("BOND_FORCE_ADJ"), l(vec![l(vec![a("PERCENT"), Item::F4(vec![2.0])])])]);
    assert_eq!(part(&host.ask(2, 41, adjust).await, 0), b(4));
    assert_eq!(handle.take_writes(), [(bonder().point_ix("bond_force_adj").unwrap(), 2.0)]);
    drop(host);
    timeout(WAIT, served).await.unwrap().unwrap();
    assert!(!handle.with(|e, _| e.is_communicating()));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_says_nothing_or_takes_nothing_is_let_go() {
    // Nothing said: T7.
    let (ours, _theirs) = duplex(256);
    let silent = handle();
    timeout(Duration::from_secs(11), serve_stream(ours, &silent, ServeOptions::default())).await.expect("T7");
    // A byte every four seconds keeps T8 from running out, and T7 ends it all the same.
    let (ours, mut theirs) = duplex(256);
    tokio::spawn(async move {
        for byte in [0, 0, 0, 10, 0, 0] {
            let _ = theirs.write_all(&[byte]).await;
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
        std::future::pending::<()>().await;
    });
    timeout(Duration::from_secs(30), serve_stream(ours, &silent, ServeOptions::default())).await.expect("T7");
    // Requests without end, and no reply read: reading stops, and after a while the connection is closed.
    let (ours, theirs) = duplex(1 << 16);
    let flooded = handle();
    let served = tokio::spawn({
        let handle = flooded.clone();
        async move { serve_stream(ours, &handle, ServeOptions::default()).await }
    });
    let mut host = Host::on(theirs, Role::Active);
    host.greet().await;
    let request = Message { stream: 1, function: 11, wants_reply: true, body: Some(l(vec![])) };
    host.session.send(host.now(), &request).unwrap();
    let request = host.session.transmit().unwrap();
    let flood = async { while host.stream.write_all(&request).await.is_ok() {} };
    let (_, ended) =
        timeout(limits::GEM_WRITE * 3, async { tokio::join!(flood, served) }).await.expect("let go");
    ended.unwrap();
    assert!(!flooded.with(|e, _| e.is_communicating()));
}

#[tokio::test]
async fn one_host_is_served_and_others_are_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let handle = handle();
    let served = tokio::spawn(serve(listener, handle.clone(), ServeOptions::default(), async {
        let _ = stopped.await;
    }));
    let mut host = Host::on(TcpStream::connect(address).await.unwrap(), Role::Active);
    host.greet().await;
    for _ in 0..200 {
        let mut other = TcpStream::connect(address).await.unwrap();
        let mut byte = [0];
        // Closed by the equipment: the end of the stream, or a reset.
        let ended = timeout(WAIT, other.read(&mut byte)).await.expect("it is closed");
        assert!(matches!(ended, Ok(0) | Err(_)));
    }
    assert_eq!(host.ask(1, 3, ids(&[2])).await, l(vec![u1(5)]));
    // When the host has gone, the next one is served.
    drop(host);
    let mut next = None;
    for _ in 0..1_000 {
        let mut host = Host::on(TcpStream::connect(address).await.unwrap(), Role::Active);
        host.session.connected(host.now());
        let select = host.session.transmit().unwrap();
        let _ = host.stream.write_all(&select).await;
        let mut bytes = [0; 14];
        if let Ok(Ok(_)) = timeout(WAIT, host.stream.read_exact(&mut bytes)).await {
            host.session.receive(host.now(), &bytes);
            next = Some(host);
            break;
        }
    }
    let mut next = next.expect("the next host is served");
    next.until(|h| h.session.is_selected()).await;
    next.ask(1, 13, l(vec![])).await;
    stop.send(()).unwrap();
    timeout(WAIT, served).await.unwrap().unwrap();
    assert!(!handle.with(|e, _| e.is_communicating()));
}

#[tokio::test]
async fn an_active_equipment_connects_to_its_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut active = options();
    active.session.role = Role::Active;
    let handle = Handle::new(Equipment::new(&bonder(), active, &[]).unwrap());
    let options = ServeOptions { t5: Duration::from_millis(10), ..ServeOptions::default() };
    let served = tokio::spawn(serve_active(address, handle.clone(), options, std::future::pending()));
    // Twice: after the first connection ends it comes again.
    for _ in 0..2 {
        let (stream, _) = timeout(WAIT, listener.accept()).await.expect("it connects").unwrap();
        let mut host = Host::on(stream, Role::Passive);
        host.greet().await;
        assert_eq!(host.ask(1, 3, ids(&[2])).await, l(vec![u1(5)]));
    }
    served.abort();
}
