//! The one-line clients that `aegis serve` prints work as they stand.

use std::process::Command;
use std::time::Duration;

use super::python;
use crate::support::{Running, aegis_path, root};

/// Whether a client has told a value.
type Reads = fn(&str) -> bool;

/// A number and nothing else.
fn value(told: &str) -> bool {
    told.trim().parse().is_ok_and(f64::is_finite)
}

#[test]
fn the_printed_one_liner_of_each_protocol_reads_a_value() {
    let mut serve = Command::new(aegis_path());
    let mut twin = Running::start(serve.args(["serve", "--port", "0", "--until-stdin-closes"]));
    let told = twin.lines();
    let line = || told.recv_timeout(Duration::from_secs(60)).expect("the table");
    // Machine, protocol, address, and the rest of the line is the command.
    let table: Vec<Vec<String>> = std::iter::from_fn(|| Some(line()).filter(|l| !l.starts_with("Ctrl-C")))
        .map(|l| {
            l.splitn(2, "127.0.0.1")
                .flat_map(|half| {
                    let (first, rest) = half.split_once(' ').unwrap_or((half, ""));
                    [first.to_owned(), rest.trim().to_owned()]
                })
                .collect()
        })
        .collect();
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = python().parent().expect("a folder").to_owned();
    let reads: [(&str, Reads); 5] = [
        ("modbus-tcp", |told| told.contains("registers=[")),
        ("opcua", value),
        ("mtconnect", |told| told.contains("<MTConnectStreams")),
        ("hsms", |told| told.contains("<U2 ") || told.contains("<F4 ")),
        ("bacnet", value),
    ];
    for (protocol, read) in reads {
        let row = table.iter().find(|row| row.get(1).is_some_and(|p| p == protocol) && row.len() == 4);
        let client = &row.unwrap_or_else(|| panic!("no machine is served over {protocol}"))[3];
        let output = Command::new("timeout")
            .args(["60", "sh", "-c", client])
            .env("PATH", format!("{}:{path}", bin.display()))
            .current_dir(root())
            .output()
            .expect("a shell");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && read(&told),
            "{}\n{told}\n{}",
            client,
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
