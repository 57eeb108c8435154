//! Closed-loop reads of one load program against our servers and a foreign one in turn: medians of five, a line each.
//!
//! `cargo bench -p aegis-scenarios --bench wires`, after `tests/run` has made the Python environment.
#![allow(missing_docs, clippy::disallowed_methods)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aegis_models::{Profile, Protocol, Site};

const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;

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

/// Exchanges a second, median of five rounds: `exchange` is one request and its reply, on each of so many connections.
fn rate<C: Send>(connections: usize, open: impl Fn() -> C, exchange: impl Fn(&mut C) + Sync) -> f64 {
    let mut rates: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let mut ends: Vec<C> = (0..connections).map(|_| open()).collect();
            let done: u64 = std::thread::scope(|scope| {
                let run = |end: &mut C| {
                    let (began, mut n) = (Instant::now(), 0);
                    while began.elapsed() < ROUND {
                        exchange(end);
                        n += 1;
                    }
                    n
                };
                let threads: Vec<_> = ends.iter_mut().map(|end| scope.spawn(move || run(end))).collect();
                threads.into_iter().map(|t| t.join().expect("a round ends")).sum()
            });
            done as f64 / ROUND.as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates[ROUNDS / 2]
}

fn tcp(address: &str) -> TcpStream {
    // A Python program says that it serves a moment before it does.
    let stream = (0..100).find_map(|_| {
        TcpStream::connect(address).map_err(|_| std::thread::sleep(Duration::from_millis(100))).ok()
    });
    let stream = stream.expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    stream
}

fn modbus(address: &str) -> f64 {
    // Function 03, 20 registers from 0: the mirror of the inputs reaches so far, or the peer's hundred.
    let count = 16;
    let ask = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, count];
    rate(
        8,
        || tcp(address),
        |stream: &mut TcpStream| {
            stream.write_all(&ask).expect("sent");
            let mut reply = [0; 9 + 32];
            stream.read_exact(&mut reply).expect("answered");
            assert_eq!(reply[7..9], [3, 32]);
        },
    )
}

/// One HSMS message: its header's bytes from stream to system, and its body.
fn read_hsms(stream: &mut TcpStream) -> ([u8; 10], Vec<u8>) {
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("answered");
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut bytes).expect("answered");
    let header = bytes[..10].try_into().expect("a header");
    (header, bytes.split_off(10))
}

fn send_hsms(stream: &mut TcpStream, header: [u8; 10], body: &[u8]) {
    let length = (10 + body.len() as u32).to_be_bytes();
    stream.write_all(&[&length[..], &header, body].concat()).expect("sent");
}

/// A selected session with communications established; whatever the equipment asks meanwhile is answered.
fn hsms(address: &str) -> TcpStream {
    let mut stream = tcp(address);
    send_hsms(&mut stream, [0xFF, 0xFF, 0, 0, 0, 1, 0, 0, 0, 1], &[]);
    while read_hsms(&mut stream).0[5] != 2 {}
    send_hsms(&mut stream, [0, 1, 0x81, 13, 0, 0, 0, 0, 0, 2], &[1, 0]);
    let mut sent_online = false;
    loop {
        let (h, _) = read_hsms(&mut stream);
        match (h[2] & 0x7F, h[3]) {
            // S1F13 of its own: accepted.
            (1, 13) => send_hsms(
                &mut stream,
                [h[0], h[1], 1, 14, 0, 0, h[6], h[7], h[8], h[9]],
                &[1, 2, 0x21, 1, 0, 1, 0],
            ),
            (1, 14) => {
                send_hsms(&mut stream, [0, 1, 0x81, 17, 0, 0, 0, 0, 0, 3], &[]);
                sent_online = true;
            }
            (1, 18) if sent_online => return stream,
            _ => {}
        }
    }
}

fn secs(address: &str, svid: u32) -> f64 {
    // S1F3 of 20 status variables.
    let mut body = vec![1, 20];
    for _ in 0..20 {
        body.extend_from_slice(&[0xB1, 4]);
        body.extend_from_slice(&svid.to_be_bytes());
    }
    let ask = |stream: &mut TcpStream| {
        send_hsms(stream, [0, 1, 0x81, 3, 0, 0, 0, 0, 1, 0], &body);
        loop {
            let (h, reply) = read_hsms(stream);
            if (h[2], h[3]) == (1, 4) {
                assert_eq!(reply[..2], [1, 20]);
                return;
            }
        }
    };
    rate(1, || hsms(address), ask)
}

fn bacnet(address: &str) -> f64 {
    // ReadProperty of analog-input 1, present-value.
    let ask = [0x81, 0x0A, 0, 17, 1, 4, 0, 5, 1, 12, 0x0C, 0, 0, 0, 1, 0x19, 85];
    let open = || {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(address).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
        socket
    };
    rate(1, open, |socket: &mut UdpSocket| {
        socket.send(&ask).expect("sent");
        let mut reply = [0; 1_500];
        let n = socket.recv(&mut reply).expect("answered");
        assert!(n > 17 && reply[6] >> 4 == 3, "{:?}", &reply[..n]);
    })
}

/// Reads a second with asyncua as the client, which is slower than either server.
fn opcua(address: &str) -> f64 {
    let profile = Profile::built_in("cnc").expect("it comes with Aegis");
    let nodes: Vec<String> =
        profile.points.iter().filter_map(|p| Some(p.opcua.as_ref()?.node.clone())).collect();
    let twenty = nodes.iter().cycle().take(20);
    let run = || {
        let output = Command::new(root().join("target/peers/bin/python"))
            .arg(root().join("tests/peers/opcua_load.py"))
            .args([&format!("opc.tcp://{address}"), "2"])
            .args(twenty.clone())
            .output()
            .expect("python starts");
        let told = String::from_utf8_lossy(&output.stdout);
        told.trim().parse::<f64>().unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    };
    let mut rates: Vec<f64> = (0..ROUNDS).map(|_| run()).collect();
    rates.sort_by(f64::total_cmp);
    rates[ROUNDS / 2]
}

fn line(what: &str, ours: f64, peer: &str, theirs: f64) {
    println!("{what:<46} {ours:>9.0}/s   {peer:<10} {theirs:>8.0}/s   {:>6.1} times", ours / theirs);
}

fn main() {
    let aegis = std::env::current_exe().expect("a path");
    let aegis = aegis.parent().and_then(|d| d.parent()).expect("target/release/deps").join("aegis");
    assert!(aegis.exists(), "{} is not built: cargo build --release first", aegis.display());
    let mut serve = Command::new(aegis);
    serve.args(["serve", "--port", "0", "--json", "--until-stdin-closes"]);
    let (_twin, first) = Program::start(serve, None);
    let site: Site = serde_json::from_str(&first).expect("the served site");
    let ours = |protocol| {
        let endpoint = site.machines.iter().flat_map(|m| &m.endpoints).find(|e| e.protocol == protocol);
        endpoint.expect("it is served").address.clone()
    };
    let bonder = Profile::built_in("wire_bonder").expect("it comes with Aegis");
    let status =
        bonder.points.iter().find(|p| p.record.is_none() && p.gem.is_some()).expect("a status variable");
    let svid = status.gem.as_ref().expect("it has one").vid;
    println!("the twin serves all its machines meanwhile; one load program, medians of {ROUNDS}");
    {
        let (_peer, theirs) = Program::peer("modbus_plain.py", None);
        let (a, b) = (modbus(&ours(Protocol::ModbusTcp)), modbus(&theirs));
        line("Modbus FC03, 16 registers, 8 connections", a, "pymodbus", b);
    }
    {
        let (_peer, theirs) = Program::peer("gem_equipment.py", Some("wire_bonder"));
        let (a, b) = (secs(&ours(Protocol::Hsms), svid), secs(&theirs, svid));
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
        line("OPC UA read of 20 values, asyncua as client", a, "asyncua", b);
    }
}
