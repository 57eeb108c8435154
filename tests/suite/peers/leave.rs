//! The shipped program takes leave of an equipment that knows next to nothing of GEM.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use aegis_adapters::hsms::frame::{Header, Reader, frame};

use crate::support::{Running, bin_path};

/// Session types of E37.
const SELECT_REQ: u8 = 1;
const SEPARATE_REQ: u8 = 9;
/// How long each word of the sentinel may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The next message, or none when the sentinel has closed the connection.
fn next(stream: &mut TcpStream, reader: &mut Reader) -> Option<Header> {
    let mut chunk = [0; 4096];
    loop {
        if let Some((header, _)) = reader.pop().expect("HSMS") {
            return Some(header);
        }
        match stream.read(&mut chunk) {
            Ok(0) => return None,
            Ok(n) => reader.push(&chunk[..n]),
            Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
            Err(e) => panic!("the sentinel says nothing: {e}"),
        }
    }
}

/// What the equipment answers: select and S1F13 as it should, and to all else that it knows no such function (S9F5).
fn answer(header: Header) -> Option<Vec<u8>> {
    if header.stype == SELECT_REQ {
        return Some(frame(&Header { stype: SELECT_REQ + 1, ..header }, &[]));
    }
    let primary = header.stype == 0 && header.byte3 % 2 == 1;
    primary.then(|| match (header.byte2 & 0x7F, header.byte3) {
        // `L,2 <B 0> <L,0>`
        (1, 13) => frame(&Header { byte2: 1, byte3: 14, ..header }, &[1, 2, 0x21, 1, 0, 1, 0]),
        _ => {
            let head = [&[0x21, 10][..], &header.to_bytes()].concat();
            frame(&Header { byte2: 9, byte3: 5, system: 77, ..header }, &head)
        }
    })
}

#[test]
fn the_sentinel_separates_from_a_meagre_equipment_when_it_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("sentinel.toml");
    let text = format!(
        "agent = \"leaver\"\nstate_dir = \"state\"\n[[equipment]]\nname = \"WB-01\"\nkind = \"wire_bonder\"\n\
         protocol = \"hsms\"\naddress = {address:?}\nhsms = {{ t3 = \"60s\" }}\n"
    );
    std::fs::write(&config, text).expect("written");
    let mut command = Command::new(bin_path("aegis-sentinel"));
    let mut sentinel =
        Running::start(command.arg("--config").arg(&config).args(["--quiet", "--until-stdin-closes"]));
    let (mut stream, _) = listener.accept().expect("the sentinel connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let (mut reader, mut reads, mut last) = (Reader::default(), 0, 0);
    while let Some(header) = next(&mut stream, &mut reader) {
        last = header.stype;
        if let Some(bytes) = answer(header) {
            // It may have gone between its last word and this answer.
            let _ = stream.write_all(&bytes);
        }
        // It reads although nothing of what it set up was known, and goes on reading although that is not known either.
        reads += usize::from(header.stype == 0 && (header.byte2 & 0x7F, header.byte3) == (1, 3));
        if reads == 2 {
            drop(sentinel.0.stdin.take());
        }
    }
    assert!(reads >= 2);
    assert_eq!(last, SEPARATE_REQ);
}
