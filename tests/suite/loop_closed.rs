//! The real thing: the served twin and the production sentinel as processes, over TCP, killed at bad moments.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use aegis_models::event::{Body, ExecutionStep, IncidentState};
use aegis_models::{Site, ThreatKind};

use crate::support::{Log, Running, Served, aegis, aegis_path, stdout_of};

const SCENARIO: &str = "scenarios/library/facility/ffu-filter-clog-fast.toml";
/// Fab seconds in a second: a stall of a quarter of a second is not yet a lost machine.
const PACE: &str = "20";

fn incidents(json: &str) -> BTreeSet<(String, String, String)> {
    let outcome: serde_json::Value = serde_json::from_str(json).expect("one scenario, one object");
    let mut last = std::collections::BTreeMap::new();
    for e in outcome["events"].as_array().expect("events") {
        if let Some(i) = e.get("incident").filter(|i| i.is_object()) {
            let text = |v: &serde_json::Value| v.as_str().expect("text").to_owned();
            last.insert(
                text(&i["id"]),
                (text(&i["machine"]), text(&i["threat"]["kind"]), text(&i["threat"]["cause"])),
            );
        }
    }
    last.into_values().collect()
}

#[test]
fn all_three_tiers_find_the_same_incidents_though_the_link_is_cut_in_the_middle_of_a_mitigation() {
    const CUT: &str = "scenarios/library/link/cut-during-mitigation.toml";
    let run =
        |tier: &str| incidents(&stdout_of(&aegis(&["run", CUT, "--json", "--tier", tier, "--pace", PACE])));
    let points = run("points");
    assert_eq!(points.len(), 2);
    assert_eq!(run("wire"), points);
    assert_eq!(run("live"), points);
}

/// A twin and a sentinel, and the sentinel's folder.
struct Plant {
    dir: tempfile::TempDir,
    log: Log,
    port: String,
    twin: Running,
    sentinel: Running,
}

impl Plant {
    fn start() -> Plant {
        let dir = tempfile::tempdir().expect("a folder");
        let (twin, site) = Plant::twin("0");
        let address = site.machines[0].endpoints[0].address.clone();
        let port = address.rsplit(':').next().expect("a port").to_owned();
        let config =
            aegis_scenarios::endpoints::sentinel_config(&site, PACE.parse().expect("a number"), "state");
        std::fs::write(dir.path().join("sentinel.toml"), config).expect("written");
        let sentinel = Plant::sentinel(dir.path());
        let log = Log::of(dir.path());
        Plant { dir, log, port, twin, sentinel }
    }

    fn twin(port: &str) -> (Running, Site) {
        let Served { twin, site } = Served::start(&["--scenario", SCENARIO, "--pace", PACE, "--port", port]);
        (twin, site)
    }

    fn sentinel(dir: &Path) -> Running {
        let mut command = Command::new(aegis_path());
        command
            .args(["sentinel", "--config"])
            .arg(dir.join("sentinel.toml"))
            .args(["--quiet", "--until-stdin-closes"]);
        Running::start(&mut command)
    }

    /// kill -9, and a new start from what the disk holds.
    fn kill_sentinel(&mut self) {
        self.sentinel.kill();
        self.sentinel = Plant::sentinel(self.dir.path());
    }
}

fn step(body: &Body, wanted: ExecutionStep) -> bool {
    matches!(body, Body::Execution { step, .. } if *step == wanted)
}

#[test]
fn kills_on_either_side_lose_nothing_and_double_nothing() {
    let mut plant = Plant::start();
    plant.log.wait("a baseline", |b| matches!(b, Body::Watching { .. }));
    plant.kill_sentinel();
    plant.log.wait("an incident", |b| matches!(b, Body::IncidentOpened { .. }));
    plant.kill_sentinel();
    plant.log.wait("a write", |b| step(b, ExecutionStep::Sent));
    plant.kill_sentinel();
    plant.log.wait("the effect on the airflow", |b| step(b, ExecutionStep::EffectVerified));
    plant.twin.kill();
    let lost = |b: &Body| matches!(b, Body::IncidentOpened { incident } if incident.threat.kind == ThreatKind::CommunicationLoss);
    plant.log.wait("the loss of the machine", lost);
    plant.twin = Plant::twin(&plant.port).0;
    let over = |b: &Body| matches!(b, Body::IncidentResolved { incident } if incident.threat.kind == ThreatKind::CommunicationLoss);
    plant.log.wait("the end of the loss", over);

    let events = plant.log.events();
    let numbers: Vec<u64> = events.iter().map(|e| e.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "every event once, none left out");
    let mut opened = BTreeSet::new();
    let mut sent = BTreeSet::new();
    for e in &events {
        match &e.body {
            Body::IncidentOpened { incident } => {
                assert!(
                    opened.insert(incident.threat.cause.clone()),
                    "{} opens twice",
                    incident.threat.cause
                );
                assert_eq!(incident.state, IncidentState::Open);
            }
            Body::Execution { command, step: ExecutionStep::Sent, detail, .. }
                if !detail.contains("reading it back") =>
            {
                assert!(sent.insert(command.id), "{} is sent twice", command.id);
            }
            Body::AgentFailed { reason } => panic!("{reason}"),
            _ => {}
        }
    }
    let started = events.iter().filter(|e| matches!(e.body, Body::Started { restored: true, .. })).count();
    assert_eq!(started, 3, "three restarts remember");
    assert!(opened.contains("filter-loading") && opened.contains("link"), "{opened:?}");
}
