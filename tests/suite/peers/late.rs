//! What a line does to an OPC UA machine's values on their way is no fault of the machine.
//!
//! The library of OPC UA owns its sockets, so that only real ones can be delayed: tier live.

use std::process::Command;
use std::time::Duration;

use aegis_models::event::Body;
use aegis_models::{ThreatKind, Time};

use crate::support::{Log, Running, Served, bin_path};

const PACE: &str = "20";
/// When the line begins to hold back.
const ONSET_S: u64 = 12 * 60;
/// The scenario's 22 minutes at its pace, and as much again [wall time].
const MOST_WAITS: u32 = 1_500;
const WAIT: Duration = Duration::from_millis(100);

#[test]
fn values_held_back_by_a_line_are_no_fault_of_the_machine() {
    let dir = tempfile::tempdir().expect("a folder");
    let scenario = dir.path().join("late.toml");
    let text = format!(
        "title = \"Late\"\nwhy = \"A congested network holds values back\"\nseed = 21\nduration = \"22m\"\n\
         tier = \"live\"\nmachines = [\"CNC-01\"]\n[[link]]\ntarget = \"CNC-01\"\nfault = \"jitter\"\n\
         onset = \"{ONSET_S}s\"\nduration = \"30m\"\ndelay = \"10s\"\n"
    );
    std::fs::write(&scenario, text).expect("written");
    let mut served =
        Served::start(&["--pace", PACE, "--once", "--scenario", scenario.to_str().expect("a path")]);
    let config = format!(
        "agent = \"late\"\nstate_dir = \"state\"\nclock_rate = {PACE}.0\n[[equipment]]\nname = \"CNC-01\"\n\
         kind = \"cnc\"\nprotocol = \"opcua\"\naddress = {:?}\n",
        served.site.machines[0].endpoints[0].address
    );
    std::fs::write(dir.path().join("sentinel.toml"), config).expect("written");
    let mut command = Command::new(bin_path("aegis-sentinel"));
    command.arg("--config").arg(dir.path().join("sentinel.toml")).args(["--quiet", "--until-stdin-closes"]);
    let _sentinel = Running::start(&mut command);
    let log = Log::of(dir.path());
    log.wait("a baseline", |b| matches!(b, Body::Watching { .. }));
    let watched = log.events().iter().map(|e| e.time).max().expect("it began");
    assert!(watched < Time::from_secs(ONSET_S), "it learned on a clean line");
    for waits in 0.. {
        if served.twin.0.try_wait().expect("a child").is_some() {
            break;
        }
        assert!(waits < MOST_WAITS, "the scenario does not end");
        std::thread::sleep(WAIT);
    }
    let of_the_machine = |b: &Body| match b {
        Body::IncidentOpened { incident } | Body::IncidentUpdated { incident } => {
            !matches!(incident.threat.kind, ThreatKind::SensorFault | ThreatKind::CommunicationLoss)
        }
        Body::Execution { .. } => true,
        _ => false,
    };
    assert!(!log.has(of_the_machine), "{}", log.words());
}
