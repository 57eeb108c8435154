//! Foreign clients against the served twin.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Output, Stdio};

use aegis_models::{Protocol, Site};

use super::script;
use crate::support::{Served, aegis, stdout_of};

/// Lets a client prove every machine that speaks a protocol. Each has to be named in what it tells.
fn prove(name: &str, protocol: Protocol) {
    prove_at(&Served::start(&[]).site, name, protocol);
}

/// The same, on the machines of a site that is served already.
pub(super) fn prove_at(site: &Site, name: &str, protocol: Protocol) {
    let output = examined(name, &fab_of(site));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name}: {told}\n{}", String::from_utf8_lossy(&output.stderr));
    let speaks = |m: &&aegis_models::site::MachineEntry| m.endpoints.iter().any(|e| e.protocol == protocol);
    let names: BTreeSet<&str> = site.machines.iter().filter(speaks).map(|m| m.name.as_str()).collect();
    assert!(!names.is_empty(), "no machine speaks {protocol}");
    for machine in names {
        assert!(told.contains(machine), "{name} says nothing of {machine}: {told}");
    }
}

/// What a client makes of machines.
fn examined(name: &str, fab: &serde_json::Value) -> Output {
    let mut peer = script(name);
    let mut peer = peer
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    // A script that cannot begin may end before it has read all, and then says why.
    let _ = peer.stdin.take().expect("piped").write_all(fab.to_string().as_bytes());
    peer.wait_with_output().expect("it ends")
}

/// What `aegis fab --json` says, with the addresses at which machines listen in this run.
fn fab_of(site: &Site) -> serde_json::Value {
    let mut fab: serde_json::Value =
        serde_json::from_str(&stdout_of(&aegis(&["fab", "--json"]))).expect("the fab as JSON");
    fab.as_array_mut().expect("a list").retain_mut(|machine| {
        let listens = site.machines.iter().find(|m| machine["name"] == m.name.as_str());
        if let Some(listens) = listens {
            machine["endpoints"] = serde_json::to_value(&listens.endpoints).expect("plain data");
        }
        listens.is_some()
    });
    fab
}

#[test]
fn pymodbus_reads_writes_and_provokes_every_machine_on_modbus() {
    prove("modbus_client.py", Protocol::ModbusTcp);
}

#[test]
fn asyncua_reads_writes_and_provokes_every_machine_on_opc_ua() {
    prove("opcua_client.py", Protocol::Opcua);
}

#[test]
fn asyncua_comes_in_over_protected_channels_once_it_is_trusted_and_with_the_right_password_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |part: &str| dir.path().join(part).display().to_string();
    std::fs::write(at("password"), "of this test").expect("written");
    let (pki, password) = (at("pki"), at("password"));
    let served = Served::start(&["--pki", &pki, "--user", "operator", "--password-file", &password]);
    let mut mill = served.site.clone();
    mill.machines.retain(|m| m.name == "CNC-01");
    let with = |mode: &str, password: &str| {
        let mut fab = fab_of(&mill);
        fab[0]["security"] = serde_json::json!({
            "mode": mode, "user": "operator", "password": password, "certificate": at("peer.der"), "key": at("peer.pem"),
        });
        let output = examined("opcua_client.py", &fab);
        let told = [output.stdout, output.stderr].map(|t| String::from_utf8_lossy(&t).into_owned()).concat();
        (output.status.success(), told)
    };
    let (came_in, told) = with("SignAndEncrypt", "of this test");
    assert!(!came_in && told.contains("FAIL CNC-01 connect"), "a stranger: {told}");
    // What an administrator does: the certificate of the stranger goes among the trusted, under any name.
    std::fs::copy(at("peer.der"), at("pki/trusted/peer.crt")).expect("copied");
    for mode in ["Sign", "SignAndEncrypt"] {
        let (came_in, told) = with(mode, "of this test");
        assert!(came_in, "{mode}: {told}");
    }
    let (came_in, told) = with("SignAndEncrypt", "of another test");
    assert!(!came_in && told.contains("FAIL CNC-01 connect"), "a wrong password: {told}");
    assert!(told.contains("BadUserAccessDenied"), "{told}");
}

#[test]
fn secsgem_establishes_reads_commands_and_provokes_every_machine_on_hsms() {
    prove("gem_host.py", Protocol::Hsms);
}

#[test]
fn lxml_finds_the_documents_of_every_mtconnect_agent_valid() {
    prove("mtconnect_documents.py", Protocol::Mtconnect);
}

#[test]
fn bacpypes3_reads_commands_and_provokes_every_machine_on_bacnet() {
    prove("bacnet_client.py", Protocol::Bacnet);
}
