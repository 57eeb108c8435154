//! The production sentinel against servers that nobody here wrote.
//!
//! Behind each foreign server stands a machine of the twin: its readings are set there, and what is written there is
//! obeyed. The sentinel is the shipped program; the same one then watches the served twin.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use aegis_models::event::{Body, ExecutionStep};
use aegis_models::profile::{Access, Role};
use aegis_models::{
    Command as Order, CommandId, Frame, MachineIx, Profile, Quality, Seed, Site, ThreatKind, Time,
};
use aegis_scenarios::world::operator_key;
use aegis_sentinel::{Input, Stop};
use aegis_sim::{FaultPlan, Layer, STEP, Twin, TwinOptions};
use serde_json::{Value, json};

use super::clients::{serial_line, serve_shared_lines};
use super::script;
use crate::support::{Log, Running, Served, bin_path, program_hash};

/// Fab seconds in a second.
const PACE: f64 = 20.0;
/// How often the foreign server is told how things stand [fab time]; its clients hardly ask more often.
const TOLD_EACH: u32 = 10;
/// When the machine fails: after its baseline is learned.
const ONSET: Time = Time::from_secs(11 * 60);
/// How long what is awaited may take [wall time].
const PATIENCE: Duration = Duration::from_secs(240);

/// A foreign server, and what is expected of the sentinel that watches it.
struct Peer {
    script: &'static str,
    args: &'static [&'static str],
    protocol: &'static str,
    machine: &'static str,
    fault: &'static str,
    threat: ThreatKind,
    /// What the server says of the write besides the point and its value.
    by: &'static str,
    /// Whether it lets in nobody but a user over a protected channel.
    secured: bool,
}

/// A sentinel that watches a foreign server.
struct Watch {
    dir: tempfile::TempDir,
    log: Log,
    _sentinel: Running,
    /// Of the program that runs.
    hash: String,
    kind: String,
    address: String,
}

/// Who that is, and the password.
const USER: (&str, &str) = ("operator", "of this test");

impl Peer {
    /// The machine behind its server, and the sentinel that watches it, with those lines of configuration besides.
    fn begin(&self, more: &str) -> (Plant, Watch) {
        let mut site = Site::built_in();
        site.machines.retain(|m| m.name == self.machine);
        let kind = site.machines[0].kind.clone();
        let profile = Profile::built_in(&kind).expect("it comes with Aegis");
        let mut twin = Twin::new(&site, &TwinOptions { seed: Seed(7), noise: true }).expect("a twin");
        let fault = FaultPlan {
            machine: 0,
            name: self.fault.to_owned(),
            layer: Layer::Process,
            onset: ONSET,
            ramp: Duration::from_secs(60),
            duration: None,
            intermittent: None,
            magnitude: typical(&kind, self.fault),
        };
        twin.plan(fault).expect("the kind has that fault");

        let dir = tempfile::tempdir().expect("a folder");
        let at = |part: &str| dir.path().join(part);
        let mut server = Running::start(script(self.script).args(self.args));
        let told = server.lines();
        let mut order = json!({ "name": self.machine, "profile": profile });
        if self.secured {
            // The machine's certificate is trusted beforehand, under a name of the administrator's.
            std::fs::create_dir_all(at("pki/trusted")).expect("a folder");
            std::fs::write(at("password"), USER.1).expect("written");
            order["security"] = json!({
                "user": USER.0,
                "password": USER.1,
                "certificate": at("pki/trusted/the mill.der"),
                "key": at("key.pem"),
            });
        }
        server.say(&order);
        let first = told.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| {
            panic!("{} does not serve: see what it says above", self.script);
        });
        let port = &serde_json::from_str::<Value>(&first).expect("JSON")["port"];
        // A serial port's path, or a port of this machine.
        let address = port.as_str().map_or_else(|| format!("127.0.0.1:{port}"), str::to_owned);

        let (log, sentinel) = self.watch(dir.path(), &kind, &address, more);
        let hash = program_hash(&sentinel);
        println!("{} against {}: aegis-sentinel {hash}", self.protocol, self.script);
        let plant = Plant { twin, profile, server, told, written: Vec::new(), obeys: true };
        (plant, Watch { dir, log, _sentinel: sentinel, hash, kind, address })
    }

    fn prove(&self) {
        let (mut plant, watch) = self.begin("");
        let Watch { dir, log, hash, kind, address, .. } = &watch;
        // It may get its name when there is more to see.
        let opened = |b: &Body| match b {
            Body::IncidentOpened { incident } | Body::IncidentUpdated { incident } => {
                incident.threat.kind == self.threat
            }
            _ => false,
        };
        plant.live_until(log, "an incident", opened);
        // A person's own stop is written whatever the zone: the one command that every kind has.
        let expires = Time::from_secs(1_000_000);
        let stop = Stop { machine: self.machine.to_owned(), serial: 1, expires, operator: "Ada".to_owned() };
        let word = serde_json::to_string(&Input::Stop(operator_key().sign_stop(stop))).expect("plain data");
        let inbox = dir.path().join("state/inbox");
        std::fs::create_dir_all(&inbox).expect("a folder");
        std::fs::write(inbox.join("stop.json"), word).expect("written");
        let read_back = |b: &Body| matches!(b, Body::Execution { step: ExecutionStep::ReadBack, .. });
        plant.live_until(log, "a write that is read back", read_back);
        let written = &plant.written;
        assert!(written.iter().any(|w| w.contains(self.by)), "{} was told of {written:?}", self.script);
        if address.starts_with("127.") && !self.secured {
            self.watch_the_twin(kind, hash);
        }
    }

    /// The machine does not do as its controller is told: what the sentinel changed it takes back. Gives what was written.
    fn prove_that_vain_writes_are_taken_back(&self, more: &str) -> Vec<Value> {
        let (mut plant, watch) = self.begin(more);
        plant.obeys = false;
        let back = |b: &Body| matches!(b, Body::Execution { step: ExecutionStep::RolledBack, .. });
        plant.live_until(&watch.log, "a write that is taken back", back);
        plant.step(false);
        plant.written.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Starts the shipped program on an address.
    fn watch(&self, dir: &Path, kind: &str, address: &str, more: &str) -> (Log, Running) {
        let mut config = format!(
            "agent = \"foreign\"\nstate_dir = \"state\"\nclock_rate = {PACE:?}\napproval_key = \"{}\"\n\
             [[equipment]]\nname = {:?}\nkind = {kind:?}\nprotocol = {:?}\naddress = {address:?}\n",
            operator_key().public().to_hex(),
            self.machine,
            self.protocol
        );
        if self.protocol == "modbus-rtu" {
            // Pseudo-terminals know no parity.
            config += "serial = \"19200 8N1\"\n";
        }
        if self.secured {
            config += "security = \"sign_and_encrypt\"\npki = \"pki\"\npassword_file = \"password\"\n";
            config += &format!("user = {:?}\n", USER.0);
        }
        config += more;
        std::fs::write(dir.join("sentinel.toml"), config).expect("written");
        let mut command = Command::new(bin_path("aegis-sentinel"));
        command.arg("--config").arg(dir.join("sentinel.toml")).args(["--quiet", "--until-stdin-closes"]);
        (Log::of(dir), Running::start(&mut command))
    }

    /// The same program, with nothing changed but the address, hears the served twin.
    fn watch_the_twin(&self, kind: &str, hash: &str) {
        let served = Served::busy(&["--pace", &PACE.to_string()]);
        let machine =
            served.site.machines.iter().find(|m| m.name == self.machine).expect("the built-in site");
        let dir = tempfile::tempdir().expect("a folder");
        let (log, sentinel) = self.watch(dir.path(), kind, &machine.endpoints[0].address, "");
        let same = program_hash(&sentinel);
        println!("{} against the twin: aegis-sentinel {same}", self.protocol);
        assert_eq!(same, hash, "what is tested on the twin is what watches real equipment");
        log.wait("a baseline", |b| matches!(b, Body::Watching { .. }));
    }
}

/// A machine behind a foreign server.
struct Plant {
    twin: Twin,
    profile: Profile,
    server: Running,
    told: mpsc::Receiver<String>,
    /// What was written to the server.
    written: Vec<String>,
    /// Whether the machine does what is written.
    obeys: bool,
}

impl Plant {
    /// Lets the machine live at its pace until the sentinel has said something, at most four minutes more.
    fn live_until(&mut self, log: &Log, what: &str, is: impl Fn(&Body) -> bool) {
        let turn = (STEP * TOLD_EACH).div_f64(PACE);
        let most = self.twin.now().after(PATIENCE.mul_f64(PACE));
        while !log.has(&is) {
            assert!(self.twin.now() < most, "{what} does not come:\n{}", log.words());
            for n in 1..=TOLD_EACH {
                self.step(n == TOLD_EACH);
            }
            std::thread::sleep(turn);
        }
    }

    fn step(&mut self, tell: bool) {
        while let Ok(line) = self.told.try_recv() {
            let said: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line}: {e}"));
            let Some(point) = said["written"].as_str() else { continue };
            self.written.push(line.clone());
            let value = said["value"].as_f64().or(said["value"].as_bool().map(f64::from));
            let Some(value) = value.filter(|_| self.obeys) else { continue };
            let id = CommandId { boot: 0, number: 0 };
            let order = Order { id, machine: String::new(), point: point.to_owned(), value };
            self.twin.command(MachineIx(0), &order).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        let mut frames = Vec::new();
        self.twin.step(&mut frames);
        for frame in frames {
            self.tell(&frame, tell);
        }
    }

    fn tell(&mut self, frame: &Frame, values: bool) {
        let mut set = serde_json::Map::new();
        // What others may set is theirs: it was told with the first values, and changes when they write it.
        for s in frame.samples.iter().filter(|_| values) {
            let point = self.profile.point(s.point);
            if point.access == Access::Read || point.role == Role::State {
                let value = if s.quality == Quality::Good { json!(s.value) } else { Value::Null };
                set.insert(point.id.clone(), value);
            }
        }
        if !set.is_empty() {
            self.server.say(&json!({ "at": frame.time.secs_f64(), "set": set }));
        }
        for r in &frame.records {
            let spec = &self.profile.records[usize::from(r.kind)];
            let fields: serde_json::Map<String, Value> =
                spec.fields.iter().zip(&r.values).map(|(f, v)| (f.clone(), json!(v))).collect();
            self.server.say(&json!({ "record": { "kind": spec.id, "values": fields } }));
        }
    }
}

fn typical(kind: &str, fault: &str) -> f64 {
    let kind = aegis_plant::machines::find(kind).expect("a kind that is simulated");
    kind.faults.iter().find(|f| f.name == fault).expect("the kind has that fault").typical
}

#[test]
fn a_fan_filter_unit_served_by_pymodbus_is_watched_and_written() {
    Peer {
        script: "modbus_server.py",
        args: &[],
        protocol: "modbus-tcp",
        machine: "FFU-03",
        fault: "filter_clog",
        threat: ThreatKind::FilterEndOfLife,
        by: "",
        secured: false,
    }
    .prove();
}

#[test]
fn a_machining_centre_served_by_asyncua_is_watched_and_written() {
    Peer {
        script: "opcua_server.py",
        args: &[],
        protocol: "opcua",
        machine: "CNC-01",
        fault: "chatter",
        threat: ThreatKind::Chatter,
        by: "",
        secured: false,
    }
    .prove();
}

#[test]
fn a_machining_centre_served_by_asyncua_to_one_user_over_protected_channels_is_watched_and_written() {
    Peer {
        script: "opcua_server.py",
        args: &[],
        protocol: "opcua",
        machine: "CNC-01",
        fault: "chatter",
        threat: ThreatKind::Chatter,
        by: "",
        secured: true,
    }
    .prove();
}

#[test]
fn a_wire_bonder_served_by_secsgem_is_watched_and_written() {
    Peer {
        script: "gem_equipment.py",
        args: &[],
        protocol: "hsms",
        machine: "WB-06",
        fault: "clamp_loose",
        threat: ThreatKind::QualityDefect,
        by: "S2F41 STOP",
        secured: false,
    }
    .prove();
}

#[test]
fn an_air_handling_unit_served_by_bacpypes3_is_watched_and_written() {
    Peer {
        script: "bacnet_device.py",
        args: &[],
        protocol: "bacnet",
        machine: "AHU-02",
        fault: "damper_stuck",
        threat: ThreatKind::FacilityIntegrity,
        by: "",
        secured: false,
    }
    .prove();
}

#[test]
fn what_was_changed_in_vain_at_an_air_handling_unit_served_by_bacpypes3_is_taken_back() {
    let peer = Peer {
        script: "bacnet_device.py",
        args: &[],
        protocol: "bacnet",
        machine: "AHU-02",
        fault: "filter_clog",
        threat: ThreatKind::FilterEndOfLife,
        by: "",
        secured: false,
    };
    // The device tells its changes by itself, and has the number that it should have.
    let written = peer.prove_that_vain_writes_are_taken_back("unit = 5001\ncov = true\n");
    let at_ten = |w: &&Value| w["written"] == "fan_speed_sp" && w["priority"] == 10;
    let values: Vec<&Value> = written.iter().filter(at_ten).map(|w| &w["value"]).collect();
    let [raised, back] = values[..] else { panic!("{written:?}") };
    assert!(raised.as_f64().is_some_and(|v| v > 900.0), "{written:?}");
    assert!(back.is_null(), "relinquished, so that the device's own set-point holds again: {written:?}");
}

#[test]
fn a_fan_filter_unit_on_a_serial_line_served_by_pymodbus_is_watched_and_written() {
    Peer {
        script: "modbus_server.py",
        args: &["--serial"],
        protocol: "modbus-rtu",
        machine: "FFU-03",
        fault: "filter_clog",
        threat: ThreatKind::FilterEndOfLife,
        by: "",
        secured: false,
    }
    .prove();
}

#[test]
fn fan_filter_units_that_share_a_line_are_watched_by_one_sentinel() {
    let (_line, [far, near]) = serial_line();
    let dir = tempfile::tempdir().expect("a folder");
    // Two units have their rounds in a tenth of a second over a line that keeps its silences.
    let pace = "10";
    let served = serve_shared_lines(dir.path(), &far, pace);
    let told = std::fs::read_to_string(dir.path().join("watch.toml")).expect("written when it is served");
    let config = told.replace(&far, &near).replace("aegis-state", "state");
    std::fs::write(dir.path().join("sentinel.toml"), config).expect("written");
    let mut command = Command::new(bin_path("aegis-sentinel"));
    command.arg("--config").arg(dir.path().join("sentinel.toml")).args(["--quiet", "--until-stdin-closes"]);
    let (log, _sentinel) = (Log::of(dir.path()), Running::start(&mut command));
    for m in &served.site.machines {
        let learned = |b: &Body| matches!(b, Body::Watching { machine, .. } if *machine == m.name);
        log.wait(&format!("a baseline of {}", m.name), learned);
    }
    assert!(!log.has(|b| matches!(b, Body::Link { up: false, .. })), "{}", log.words());
}
