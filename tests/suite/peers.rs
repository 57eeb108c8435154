//! The wire, proven by a client that nobody here wrote.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::support::{Running, aegis, aegis_path, root, stdout_of};

/// A test that needs a foreign client fails without it: it is never left out.
#[test]
fn pymodbus_reads_writes_and_provokes_every_ffu() {
    let python = root().join("target/peers/bin/python");
    assert!(
        python.exists(),
        "{} is missing: tests/run makes it and installs pymodbus there",
        python.display()
    );
    let mut serve = Command::new(aegis_path());
    serve.args(["serve", "--port", "0", "--json", "--until-stdin-closes"]).current_dir(root());
    let mut twin = Running::start(&mut serve);
    let mut first = String::new();
    BufReader::new(twin.0.stdout.take().expect("piped")).read_line(&mut first).expect("a line");
    let served: serde_json::Value = serde_json::from_str(&first).expect("the served site");
    let mut fab: serde_json::Value =
        serde_json::from_str(&stdout_of(&aegis(&["fab", "--json"]))).expect("the fab as JSON");
    for machine in fab.as_array_mut().expect("a list") {
        let listens =
            served["machine"].as_array().expect("machines").iter().find(|m| m["name"] == machine["name"]);
        machine["address"] = listens.expect("the same fab")["address"].clone();
    }
    let mut peer = Command::new(python)
        .arg("tests/peers/modbus_ffu.py")
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    peer.stdin.take().expect("piped").write_all(fab.to_string().as_bytes()).expect("it reads");
    let output = peer.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    for n in 1..=8 {
        assert!(told.contains(&format!("FFU-0{n}")), "{told}");
    }
}
