//! Foreign clients against the served twin.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;

use aegis_models::{Protocol, Site};

use super::script;
use crate::support::{Served, aegis, aegis_path, stdout_of};

/// Lets a client prove every machine that speaks a protocol. Each has to be named in what it tells.
fn prove(name: &str, protocol: Protocol) {
    prove_at(&Served::start(&[]).site, name, protocol);
}

/// The same, on the machines of a site that is served already.
pub(super) fn prove_at(site: &Site, name: &str, protocol: Protocol) {
    let fab = fab_of(site);
    let mut peer = script(name);
    let mut peer = peer
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    // A script that cannot begin may end before it has read all, and then says why.
    let _ = peer.stdin.take().expect("piped").write_all(fab.to_string().as_bytes());
    let output = peer.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name}: {told}\n{}", String::from_utf8_lossy(&output.stderr));
    let speaks = |m: &&aegis_models::site::MachineEntry| m.endpoints.iter().any(|e| e.protocol == protocol);
    let names: BTreeSet<&str> = site.machines.iter().filter(speaks).map(|m| m.name.as_str()).collect();
    assert!(!names.is_empty(), "no machine speaks {protocol}");
    for machine in names {
        assert!(told.contains(machine), "{name} says nothing of {machine}: {told}");
    }
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
fn secsgem_establishes_reads_commands_and_provokes_every_machine_on_hsms() {
    prove("gem_host.py", Protocol::Hsms);
}

#[test]
fn secsgem_sees_what_an_operator_does_and_finds_the_spool_after_a_restart() {
    let output = script("gem_life.py").arg(aegis_path()).output().expect("python starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn lxml_finds_the_documents_of_every_mtconnect_agent_valid() {
    prove("mtconnect_documents.py", Protocol::Mtconnect);
}

#[test]
fn bacpypes3_reads_commands_and_provokes_every_machine_on_bacnet() {
    prove("bacnet_client.py", Protocol::Bacnet);
}
