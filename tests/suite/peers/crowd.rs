//! Two hundred rude peers at one machine of each protocol, while foreign clients prove all the others.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aegis_models::{Protocol, Site};

use super::clients::prove_at;
use crate::support::Served;

/// Connections to one machine.
const CROWD: usize = 200;
/// The twin's memory may not pass this [kB]: what it takes in a debug build when left in peace, and as much again.
const MOST_KB: u64 = 600_000;

const PROOFS: [(Protocol, &str); 5] = [
    (Protocol::ModbusTcp, "modbus_client.py"),
    (Protocol::Opcua, "opcua_client.py"),
    (Protocol::Hsms, "gem_host.py"),
    (Protocol::Mtconnect, "mtconnect_documents.py"),
    (Protocol::Bacnet, "bacnet_client.py"),
];

/// One peer: a third say nothing, a third say all they can, a third a byte now and then. Who is put out comes again.
struct Rude {
    address: String,
    stream: Option<TcpStream>,
    says: usize,
    /// What it says first, and then is silent.
    opens: Option<Vec<u8>>,
}

impl Rude {
    fn turn(&mut self) {
        let Some(stream) = &mut self.stream else {
            self.stream = TcpStream::connect(&self.address).ok().filter(|s| s.set_nonblocking(true).is_ok());
            if let (Some(stream), Some(opens)) = (&mut self.stream, &self.opens) {
                let _ = stream.write(opens);
            }
            return;
        };
        let garbage = [0xA5; 4_096];
        let told = match self.says {
            0 => Ok(0),
            1 => stream.write(&garbage),
            // A greeting of each protocol begins with other bytes; nought is a length that never ends.
            _ => stream.write(&[0]),
        };
        let would_wait = |e: &std::io::Error| {
            matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        };
        let put_out = match stream.read(&mut [0; 64]) {
            Ok(read) => read == 0,
            Err(e) => !would_wait(&e),
        };
        if put_out || told.is_err_and(|e| !would_wait(&e)) {
            self.stream = None;
        }
    }
}

/// A hello and an unprotected secure channel of OPC UA (Part 6, 7.1.2.3 and 6.7.4), after which a session should come.
fn channel() -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let words = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let chunk = |kind: &[u8], body: Vec<u8>| [kind, &(8 + body.len() as u32).to_le_bytes(), &body].concat();
    let none = u32::MAX;
    let hello = [words(&[0, 65_535, 65_535, 0, 0]), text("opc.tcp://127.0.0.1:4840/")].concat();
    let open = [
        words(&[0]),
        text("http://opcfoundation.org/UA/SecurityPolicy#None"),
        words(&[none, none, 1, 1]),
        vec![1, 0, 0xBE, 1, 0, 0],
        words(&[0, 0, 1, 0, none, 0]),
        vec![0, 0, 0],
        words(&[0, 0, 1, none, 3_600_000]),
    ];
    [chunk(b"HELF", hello), chunk(b"OPNF", open.concat())].concat()
}

/// Crowds these addresses, one of them with channels as well, until told to stop; gives how often somebody was at it.
fn crowd(tcp: &[String], opcua: &str, udp: &str, stop: &AtomicBool) -> u64 {
    let peer = |address: &String, says, opens| Rude { address: address.clone(), stream: None, says, opens };
    let mut rude: Vec<Rude> =
        tcp.iter().flat_map(|address| (0..CROWD).map(|i| peer(address, i % 3, None))).collect();
    rude.extend((0..CROWD).map(|_| peer(&opcua.to_owned(), 0, Some(channel()))));
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let mut turns = 0;
    while !stop.load(Ordering::Relaxed) {
        rude.iter_mut().for_each(Rude::turn);
        for size in 0..CROWD {
            let _ = socket.send_to(&vec![0x81; size], udp);
        }
        turns += 1;
        // The crowd shares two cores with those that it annoys.
        std::thread::sleep(Duration::from_millis(20));
    }
    turns
}

fn address(site: &Site, machine: &str, protocol: Protocol) -> String {
    let entry = site.machines.iter().find(|m| m.name == machine).expect("served");
    let endpoint = entry.endpoints.iter().find(|e| e.protocol == protocol).expect("it speaks it");
    endpoint.address.trim_start_matches("opc.tcp://").trim_start_matches("http://").to_owned()
}

/// The most memory that a process has had so far [kB].
fn peak_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("Linux tells it");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

#[test]
fn a_crowd_at_one_machine_keeps_nobody_from_the_others_nor_from_it_later() {
    let twin = Served::busy(&[]);
    let victims = ["FFU-01", "CNC-01", "WB-01", "AHU-01"];
    let at = |machine, protocol| address(&twin.site, machine, protocol);
    let tcp = [
        at("FFU-01", Protocol::ModbusTcp),
        at("CNC-01", Protocol::Opcua),
        at("CNC-01", Protocol::Mtconnect),
        at("WB-01", Protocol::Hsms),
    ];
    let udp = at("AHU-01", Protocol::Bacnet);
    let mut others = twin.site.clone();
    others.machines.retain(|m| !victims.contains(&m.name.as_str()));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let crowd = scope.spawn(|| crowd(&tcp, &tcp[1], &udp, &stop));
        let proven = std::panic::catch_unwind(|| {
            for (protocol, client) in PROOFS {
                prove_at(&others, client, protocol);
            }
        });
        stop.store(true, Ordering::Relaxed);
        assert!(crowd.join().expect("it ends") > 10, "a crowd that was hardly there proves nothing");
        if let Err(e) = proven {
            std::panic::resume_unwind(e);
        }
    });
    let peak = peak_kb(twin.twin.0.id());
    assert!(peak < MOST_KB, "{peak} kB");
    others = twin.site.clone();
    others.machines.retain(|m| victims.contains(&m.name.as_str()));
    for (protocol, client) in PROOFS {
        prove_at(&others, client, protocol);
    }
}
