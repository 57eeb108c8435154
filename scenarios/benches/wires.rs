//! Closed-loop reads of one load program against our servers and a foreign one in turn: medians of five, a line each.
//!
//! `cargo bench --workspace --bench wires`, after `tests/run` has made the Python environment.
//!
//! The load never sleeps: it asks its sockets over and over, so that what is measured is the server and not how long a
//! machine takes to wake a client.
#![allow(missing_docs, clippy::disallowed_methods)]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aegis_models::{Profile, Protocol, Site};
use aegis_scenarios::endpoints::sentinel_config;
use opcua::client::{ClientBuilder, IdentityToken};
use opcua::crypto::SecurityPolicy;
use opcua::types::{
    EndpointDescription, MessageSecurityMode, NodeId, ReadValueId, TimestampsToReturn, UserTokenPolicy,
    Variant,
};

const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
/// How long the sentinel reads all endpoints.
const WATCHED: Duration = Duration::from_secs(30);
/// Whoever has not answered by then is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("inside the repository").to_owned()
}

/// A program that ends with this one.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    /// Starts it, and gives the first line that it says.
    fn start(mut command: Command, first: Option<&str>) -> (Program, String) {
        let mut child = command
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        if let Some(first) = first {
            writeln!(child.stdin.as_mut().expect("piped"), "{first}").expect("it reads");
        }
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("it speaks");
        (Program(child), line)
    }

    /// A foreign server, with a machine's profile where it takes one.
    fn peer(script: &str, kind: Option<&str>) -> (Program, String) {
        let mut command = Command::new(root().join("target/peers/bin/python"));
        command.arg(root().join("tests/peers").join(script));
        let profile = kind.map(|k| Profile::built_in(k).expect("it comes with Aegis"));
        let order =
            profile.map(|profile| serde_json::json!({ "profile": profile, "name": "peer" }).to_string());
        let (program, line) = Program::start(command, order.as_deref());
        let said: serde_json::Value = serde_json::from_str(&line).expect("it says where it listens");
        (program, format!("127.0.0.1:{}", said["port"]))
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Exchanges a second, median of the rounds. Every connection has one request under way; one thread sends them all and
/// then takes all replies.
fn rate<C>(mut ends: Vec<C>, ask: impl Fn(&mut C), answer: impl Fn(&mut C)) -> f64 {
    let round = |_| {
        let (began, mut done) = (Instant::now(), 0);
        while began.elapsed() < ROUND {
            ends.iter_mut().for_each(&ask);
            ends.iter_mut().for_each(&answer);
            done += ends.len();
        }
        done as f64 / began.elapsed().as_secs_f64()
    };
    median((0..ROUNDS).map(round).collect())
}

/// What arrives, without sleeping meanwhile.
fn spin<T>(mut receive: impl FnMut() -> std::io::Result<T>) -> T {
    let began = Instant::now();
    loop {
        match receive() {
            Ok(got) => return got,
            Err(e) if e.kind() == ErrorKind::WouldBlock && began.elapsed() < PATIENCE => {}
            Err(e) => panic!("no answer: {e}"),
        }
    }
}

/// A connection, and what has arrived on it without being taken.
struct Tcp {
    stream: TcpStream,
    arrived: Vec<u8>,
}

impl Tcp {
    fn connect(address: &str) -> Tcp {
        // A Python program says that it serves a moment before it does.
        let stream = (0..100).find_map(|_| {
            TcpStream::connect(address).map_err(|_| std::thread::sleep(Duration::from_millis(100))).ok()
        });
        let stream = stream.expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        stream.set_nonblocking(true).expect("a socket");
        Tcp { stream, arrived: Vec::new() }
    }

    fn send(&mut self, bytes: &[u8]) {
        assert_eq!(self.stream.write(bytes).expect("sent"), bytes.len());
    }

    /// The next bytes, so many.
    fn take(&mut self, n: usize) -> Vec<u8> {
        let mut chunk = [0; 4_096];
        while self.arrived.len() < n {
            let got = spin(|| self.stream.read(&mut chunk));
            assert!(got > 0, "it has hung up");
            self.arrived.extend_from_slice(&chunk[..got]);
        }
        self.arrived.drain(..n).collect()
    }
}

fn modbus(address: &str) -> f64 {
    // Function 03 of the 16 registers from 0: so far reaches the mirror of a fan filter unit's inputs.
    const COUNT: u8 = 16;
    let ask = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, COUNT];
    rate(
        (0..8).map(|_| Tcp::connect(address)).collect(),
        |tcp: &mut Tcp| tcp.send(&ask),
        |tcp| assert_eq!(tcp.take(9 + 2 * usize::from(COUNT))[7..9], [3, 2 * COUNT]),
    )
}

/// One HSMS message: its header's bytes from stream to system, and its body.
fn read_hsms(tcp: &mut Tcp) -> ([u8; 10], Vec<u8>) {
    let length = tcp.take(4).try_into().expect("four bytes");
    let mut bytes = tcp.take(u32::from_be_bytes(length) as usize);
    let header = bytes[..10].try_into().expect("a header");
    (header, bytes.split_off(10))
}

fn send_hsms(tcp: &mut Tcp, header: [u8; 10], body: &[u8]) {
    let length = (10 + body.len() as u32).to_be_bytes();
    tcp.send(&[&length[..], &header, body].concat());
}

/// A selected session with communications established; whatever the equipment asks meanwhile is answered.
fn hsms(address: &str) -> Tcp {
    let mut stream = Tcp::connect(address);
    send_hsms(&mut stream, [0xFF, 0xFF, 0, 0, 0, 1, 0, 0, 0, 1], &[]);
    while read_hsms(&mut stream).0[5] != 2 {}
    send_hsms(&mut stream, [0, 1, 0x81, 13, 0, 0, 0, 0, 0, 2], &[1, 0]);
    loop {
        let (h, _) = read_hsms(&mut stream);
        match (h[2] & 0x7F, h[3]) {
            // Its own S1F13 may cross ours: either, answered, establishes communications (E30).
            (1, 13) => {
                let reply = [h[0], h[1], 1, 14, 0, 0, h[6], h[7], h[8], h[9]];
                send_hsms(&mut stream, reply, &[1, 2, 0x21, 1, 0, 1, 0]);
                send_hsms(&mut stream, [0, 1, 0x81, 17, 0, 0, 0, 0, 0, 3], &[]);
            }
            (1, 14) => send_hsms(&mut stream, [0, 1, 0x81, 17, 0, 0, 0, 0, 0, 4], &[]),
            (1, 18) => return stream,
            _ => {}
        }
    }
}

fn secs(address: &str, svids: &[u32]) -> f64 {
    // S1F3 of 20 status variables: all that the profile has, again and again.
    let mut body = vec![1, 20];
    for svid in svids.iter().cycle().take(20) {
        body.extend_from_slice(&[0xB1, 4]);
        body.extend_from_slice(&svid.to_be_bytes());
    }
    rate(
        vec![hsms(address)],
        |stream: &mut Tcp| send_hsms(stream, [0, 1, 0x81, 3, 0, 0, 0, 0, 1, 0], &body),
        |stream| loop {
            let (h, reply) = read_hsms(stream);
            if (h[2], h[3]) == (1, 4) {
                assert_eq!(reply[..2], [1, 20]);
                return;
            }
        },
    )
}

fn bacnet(address: &str) -> f64 {
    // ReadProperty of analog-input 1, present-value.
    let ask = [0x81, 0x0A, 0, 17, 1, 4, 0, 5, 1, 12, 0x0C, 0, 0, 0, 1, 0x19, 85];
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(address).expect("a socket");
    socket.set_nonblocking(true).expect("a socket");
    rate(
        vec![socket],
        |socket: &mut UdpSocket| assert_eq!(socket.send(&ask).expect("sent"), ask.len()),
        |socket| {
            let mut reply = [0; 1_500];
            let n = spin(|| socket.recv(&mut reply));
            assert!(n > 17 && reply[6] >> 4 == 3, "{:?}", &reply[..n]);
        },
    )
}

/// Reads of 20 values a second, with the client of our own OPC UA library.
fn opcua(address: &str) -> f64 {
    let profile = Profile::built_in("cnc").expect("it comes with Aegis");
    let nodes: Vec<&str> =
        profile.points.iter().filter_map(|p| Some(p.opcua.as_ref()?.node.as_str())).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(1).build();
    runtime.expect("a runtime").block_on(async {
        // A task that always has more to do keeps the runtime awake, and its sockets asked.
        let awake = tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        let url = format!("opc.tcp://{address}");
        let mut client = ClientBuilder::new()
            .application_name("load")
            .application_uri("urn:aegis:load")
            .pki_dir(std::env::temp_dir().join("aegis-no-pki"))
            .create_sample_keypair(false)
            .client()
            .expect("a client");
        let endpoint = EndpointDescription::from((
            url.as_str(),
            SecurityPolicy::None.to_str(),
            MessageSecurityMode::None,
            UserTokenPolicy::anonymous(),
        ));
        let connected = client.connect_to_matching_endpoint(endpoint, IdentityToken::Anonymous).await;
        let (session, events) = connected.expect("it listens");
        let events = events.spawn();
        session.wait_for_connection().await;
        let spaces = NodeId::new(0, 2255_u32);
        let named =
            session.read(&[spaces.into()], TimestampsToReturn::Neither, 0.0).await.expect("its namespaces");
        let Some(Variant::Array(named)) = &named[0].value else { panic!("no list: {named:?}") };
        let of_profiles = |v: &Variant| {
            let name = v.to_string();
            name.contains("urn:aegis:") && !name.contains(":machine:")
        };
        let space = named.values.iter().position(of_profiles).expect("the profiles' namespace") as u16;
        let ask: Vec<ReadValueId> =
            nodes.iter().cycle().take(20).map(|n| NodeId::new(space, *n).into()).collect();
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            let (began, mut done) = (Instant::now(), 0);
            while began.elapsed() < ROUND {
                let values = session.read(&ask, TimestampsToReturn::Both, 0.0).await.expect("answered");
                assert!(values.iter().all(|v| v.value.is_some()), "{values:?}");
                done += 1;
            }
            rates.push(f64::from(done) / began.elapsed().as_secs_f64());
        }
        let _ = session.disconnect().await;
        let _ = events.await;
        awake.abort();
        median(rates)
    })
}

fn line(what: &str, ours: f64, peer: &str, theirs: f64) {
    println!("{what:<46} {ours:>9.0}/s   {peer:<10} {theirs:>8.0}/s   {:>6.1} times", ours / theirs);
}

/// The latest tick of a served twin while the production sentinel reads every endpoint ten times a second [ms], and the
/// length of a step [ms].
fn late(aegis: &Path) -> (f64, f64) {
    let mut twin = Command::new(aegis)
        .args(["serve", "--port", "0", "--json", "--until-stdin-closes"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(twin.stdout.take().expect("piped")).lines();
    let first = lines.next().expect("the served site").expect("text");
    let site: Site = serde_json::from_str(&first).expect("a site");
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("sentinel.toml");
    // Ten seconds of its clock in a second: what it would read once a second it reads ten times.
    std::fs::write(&path, sentinel_config(&site, 10.0, "state")).expect("written");
    let mut sentinel = Command::new(aegis);
    sentinel.args(["sentinel", "--quiet", "--until-stdin-closes", "--config"]).arg(&path);
    let sentinel = Program(sentinel.stdin(Stdio::piped()).spawn().expect("it starts"));
    std::thread::sleep(WATCHED);
    drop(sentinel);
    drop(twin.stdin.take());
    let told = twin.wait_with_output().expect("it ends");
    // "the latest tick was X ms late, where a step takes Y ms"
    let told = String::from_utf8_lossy(&told.stderr);
    let numbers: Vec<f64> = told.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [late_ms, step_ms] = numbers[..] else { panic!("how late it was is not told: {told}") };
    (late_ms, step_ms)
}

/// A twin that serves all its machines, and where they listen.
fn serve(aegis: &Path) -> (Program, Site) {
    let mut serve = Command::new(aegis);
    serve.args(["serve", "--port", "0", "--json", "--until-stdin-closes"]);
    let (twin, first) = Program::start(serve, None);
    (twin, serde_json::from_str(&first).expect("the served site"))
}

/// The machines that speak a protocol, over it.
fn part(site: &Site, protocol: Protocol) -> Site {
    let mut part = site.clone();
    part.machines.iter_mut().for_each(|m| m.endpoints.retain(|e| e.protocol == protocol));
    part.machines.retain(|m| !m.endpoints.is_empty());
    part
}

/// How many machines a sentinel that is built for one protocol reads ten times a second, and its memory [MiB].
fn memory(feature: &str, site: &Site) -> (usize, f64) {
    let target = root().join("target/single");
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--locked", "-p", "aegis-edge", "--no-default-features"])
        .args(["--features", feature, "--target-dir"])
        .arg(&target)
        .current_dir(root())
        .status();
    assert!(built.expect("cargo starts").success(), "it does not build for {feature} alone");
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("sentinel.toml");
    std::fs::write(&path, sentinel_config(site, 10.0, "state")).expect("written");
    let mut sentinel = Command::new(target.join("release/aegis-sentinel"));
    sentinel.args(["--quiet", "--until-stdin-closes", "--config"]).arg(&path);
    let sentinel = Program(sentinel.stdin(Stdio::piped()).spawn().expect("it starts"));
    std::thread::sleep(WATCHED / 2);
    let status = std::fs::read_to_string(format!("/proc/{}/status", sentinel.0.id())).expect("it runs");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("Linux tells it");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    (site.machines.len(), kib / 1_024.0)
}

fn main() {
    let aegis = std::env::current_exe().expect("a path");
    let aegis = aegis.parent().and_then(|d| d.parent()).expect("target/release/deps").join("aegis");
    assert!(aegis.exists(), "{} is not built: cargo build --release first", aegis.display());
    let (twin, site) = serve(&aegis);
    let ours = |protocol| {
        let endpoint = site.machines.iter().flat_map(|m| &m.endpoints).find(|e| e.protocol == protocol);
        endpoint.expect("it is served").address.clone()
    };
    let bonder = Profile::built_in("wire_bonder").expect("it comes with Aegis");
    let status = bonder.points.iter().filter(|p| p.record.is_none());
    let svids: Vec<u32> = status.filter_map(|p| Some(p.gem.as_ref()?.vid)).collect();
    println!("the twin serves all its machines meanwhile; one load program, medians of {ROUNDS}");
    {
        let (_peer, theirs) = Program::peer("modbus_plain.py", None);
        let (a, b) = (modbus(&ours(Protocol::ModbusTcp)), modbus(&theirs));
        line("Modbus FC03, 16 registers, 8 connections", a, "pymodbus", b);
    }
    {
        let (_peer, theirs) = Program::peer("gem_equipment.py", Some("wire_bonder"));
        let (a, b) = (secs(&ours(Protocol::Hsms), &svids), secs(&theirs, &svids));
        line("HSMS S1F3, 20 values, one connection", a, "secsgem", b);
    }
    {
        let (_peer, theirs) = Program::peer("bacnet_device.py", Some("ahu"));
        let (a, b) = (bacnet(&ours(Protocol::Bacnet)), bacnet(&theirs));
        line("BACnet ReadProperty", a, "bacpypes3", b);
    }
    {
        let (_peer, theirs) = Program::peer("opcua_server.py", Some("cnc"));
        let (a, b) = (opcua(&ours(Protocol::Opcua)), opcua(&theirs));
        line("OPC UA read of 20 values, one session", a, "asyncua", b);
    }
    drop(twin);
    let (late_ms, step_ms) = late(&aegis);
    println!(
        "all endpoints read at 10 Hz for {} s: the latest tick was {late_ms:.1} ms late, where a step takes {step_ms:.0} ms",
        WATCHED.as_secs()
    );
    let (_twin, site) = serve(&aegis);
    for (feature, protocol) in [
        ("modbus", Protocol::ModbusTcp),
        ("hsms", Protocol::Hsms),
        ("bacnet", Protocol::Bacnet),
        ("mtconnect", Protocol::Mtconnect),
        ("opcua", Protocol::Opcua),
    ] {
        let (machines, mib) = memory(feature, &part(&site, protocol));
        println!(
            "aegis-sentinel built for {feature} alone, {machines} machines at 10 Hz: {mib:.1} MiB resident"
        );
    }
}
