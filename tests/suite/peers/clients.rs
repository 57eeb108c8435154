//! Foreign clients against the served twin.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use aegis_models::profile::{DataType, PointSpec};
use aegis_models::{Frame, MachineIx, PointIx, Profile, Protocol, Quality, Sample, Site, Time};
use aegis_sim::host::door::{Door, Setting};

use super::script;
use crate::support::{Running, Served, aegis, aegis_path, stdout_of};

/// Lets a client prove every machine that speaks a protocol. Each has to be named in what it tells.
fn prove(name: &str, protocol: Protocol) {
    prove_at(&Served::busy(&[]).site, name, protocol);
}

/// The same, on the machines of a site that is served already.
pub(super) fn prove_at(site: &Site, name: &str, protocol: Protocol) {
    prove_of(&fab_of(site), site, name, &[], protocol);
}

/// The same, of machines as `aegis fab --json` describes them, with arguments for the client.
fn prove_of(fab: &serde_json::Value, site: &Site, name: &str, args: &[&str], protocol: Protocol) {
    let output = examined(name, args, fab);
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
fn examined(name: &str, args: &[&str], fab: &serde_json::Value) -> Output {
    let mut peer = script(name);
    let mut peer = peer
        .args(args)
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

/// A serial line of pseudo-terminals, and the paths of its two ends.
pub(super) fn serial_line() -> (Running, [String; 2]) {
    let mut line = Running::start(&mut script("serial_line.py"));
    let told = line.lines().recv_timeout(Duration::from_secs(60)).expect("two ends of a line");
    let ends: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let end = |i: usize| ends["ends"][i].as_str().expect("a path").to_owned();
    (line, [end(0), end(1)])
}

/// Serves fan filter units that share a line: FFU-01 and -02 behind one gateway, FFU-03 and -04 on one serial port. A
/// sentinel's configuration for them lies in `dir` as `watch.toml`.
pub(super) fn serve_shared_lines(dir: &Path, serial: &str, pace: &str) -> Served {
    let path = dir.join("site.toml");
    std::fs::write(&path, shared_lines(serial)).expect("written");
    // Both units of the gateway are behind one port, so that 0 for any will not do.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
    let (path, port) = (path.display().to_string(), free.port().to_string());
    let config = dir.join("watch.toml").display().to_string();
    Served::start(&["--site", &path, "--port", &port, "--pace", pace, "--sentinel-config", &config])
}

/// Their site.
fn shared_lines(port: &str) -> String {
    let mut site =
        "name = \"lines\"\n[[bay]]\nid = \"bay-1\"\niso_class = 5\nvolume_m3_per_ffu = 3.4\n".to_owned();
    let gateway = "protocol = \"modbus-rtu-over-tcp\", address = \"127.0.0.1:1\"".to_owned();
    let serial = format!("protocol = \"modbus-rtu\", address = {port:?}, serial = \"19200 8N1\"");
    for (name, unit, line) in
        [("FFU-01", 7, &gateway), ("FFU-02", 8, &gateway), ("FFU-03", 7, &serial), ("FFU-04", 8, &serial)]
    {
        site += &format!(
            "[[machine]]\nname = \"{name}\"\nkind = \"ffu\"\nbay = \"bay-1\"\n\
             endpoints = [{{ {line}, unit = {unit} }}]\n"
        );
    }
    site
}

#[test]
fn pymodbus_does_the_same_with_serial_frames_over_tcp_and_on_a_serial_line() {
    let (_line, [far, near]) = serial_line();
    let dir = tempfile::tempdir().expect("a folder");
    let served = serve_shared_lines(dir.path(), &far, "1");
    let gateway = |i: usize| served.site.machines[i].endpoints[0].address.clone();
    assert_eq!(gateway(0), gateway(1), "one port for both");
    let mut site = served.site.clone();
    for endpoint in site.machines.iter_mut().flat_map(|m| &mut m.endpoints) {
        if endpoint.protocol == Protocol::ModbusRtu {
            endpoint.address.clone_from(&near);
        }
    }
    for protocol in [Protocol::ModbusRtuOverTcp, Protocol::ModbusRtu] {
        let args = ["--protocol", protocol.name()];
        prove_of(&fab_of(&site), &site, "modbus_client.py", &args, protocol);
    }
}

/// No built-in kind has a set-point of one register, which functions 06 and 22 can write.
#[test]
fn pymodbus_writes_single_registers_and_bits_of_them() {
    let mut site = Site::built_in();
    site.machines.retain(|m| m.name == "FFU-01");
    let mut profile = Profile::built_in("ffu").expect("it comes with Aegis");
    for p in &mut profile.points {
        if p.id == "fan_speed_sp" {
            p.data = DataType::U16;
        }
    }
    let middle = |[low, high]: [f64; 2]| low + (high - low) / 4.0;
    let value = |p: &PointSpec| p.data.quantise(p.nominal.unwrap_or(middle(p.range)));
    let sample = |(i, p)| Sample { point: PointIx(i), value: value(p), quality: Quality::Good };
    let samples = (0..).zip(&profile.points).map(sample).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (entry, setting) = (site.machines[0].clone(), Setting::now());
    let open = Door::listen(&entry.endpoints[0], "127.0.0.1:0", &entry, &profile, &setting);
    let (door, address, serving) = runtime.block_on(open).expect("it is served");
    door.served().publish(&Frame {
        time: Time::ZERO,
        machine: MachineIx(0),
        samples,
        records: vec![],
        bursts: vec![],
    });
    runtime.spawn(serving);
    site.machines[0].endpoints[0].address = address;
    let mut fab = fab_of(&site);
    fab[0]["profile"] = serde_json::to_value(&profile).expect("plain data");
    prove_of(&fab, &site, "modbus_client.py", &[], Protocol::ModbusTcp);
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
        let output = examined("opcua_client.py", &[], &fab);
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
