//! Tier `wire`: real bytes change nothing while the link is clean, and invent nothing while it is not.

use std::collections::BTreeSet;

use aegis_models::event::{Body, Event};
use aegis_models::{Protocol, Site, ThreatKind};
use aegis_scenarios::file::{Scenario, Tier};
use aegis_scenarios::run::run;
use aegis_sim::link::LinkKind;

use crate::scenarios::library;
use crate::support::{aegis, root};

/// What was told, but for the links themselves: at tier `points` there are none.
fn told(path: &std::path::Path, scenario: &Scenario, site: &Site, tier: Tier) -> Vec<Event> {
    let outcome = run(path, scenario, site, tier, None, None, &|_| {}).expect("it runs");
    let mut events = outcome.events;
    events.retain(|e| !matches!(e.body, Body::Link { .. }));
    for (n, e) in events.iter_mut().enumerate() {
        // Links took numbers of their own.
        e.seq = n as u64;
    }
    events
}

#[test]
fn over_a_clean_wire_the_sentinel_tells_what_it_tells_at_tier_points() {
    let site = Site::built_in();
    let mut compared = 0;
    for path in library() {
        let scenario = Scenario::read(&path, &site).unwrap_or_else(|e| panic!("{e}"));
        if !scenario.links.is_empty() || scenario.tags.iter().any(|t| t == "long") {
            continue;
        }
        let [points, wire] = [Tier::Points, Tier::Wire].map(|tier| told(&path, &scenario, &site, tier));
        let differs = points.iter().zip(&wire).find(|(p, w)| p != w);
        assert_eq!(differs, None, "{}", path.display());
        assert_eq!(points.len(), wire.len(), "{}", path.display());
        compared += 1;
    }
    assert!(compared > 20, "only {compared} scenarios were compared");
}

/// Runs a scenario in which nothing but links is at fault, and fails on any threat that is no link's, and on any write.
fn blames_no_machine(path: &std::path::Path, scenario: &Scenario, site: &Site, seed: u64) -> Vec<Event> {
    let outcome = run(path, scenario, site, Tier::Wire, Some(seed), None, &|_| {}).expect("it runs");
    for e in &outcome.events {
        if let Body::IncidentOpened { incident } | Body::IncidentUpdated { incident } = &e.body {
            let kind = incident.threat.kind;
            let of_the_link = matches!(kind, ThreatKind::SensorFault | ThreatKind::CommunicationLoss);
            assert!(of_the_link, "{} with seed {seed}: {incident:?}", path.display());
        }
        assert!(!matches!(e.body, Body::Execution { .. }), "{}: nothing is written", path.display());
    }
    outcome.events
}

#[test]
fn a_faulty_link_is_never_taken_for_a_faulty_machine() {
    let site = Site::built_in();
    for path in library().into_iter().filter(|p| p.parent().is_some_and(|d| d.ends_with("link"))) {
        let scenario = Scenario::read(&path, &site).unwrap_or_else(|e| panic!("{e}"));
        for seed in (0..8).filter(|_| scenario.injects.is_empty()) {
            blames_no_machine(&path, &scenario, &site, seed);
        }
    }
}

/// Every kind of link fault on every protocol, weak and strong, short and long.
#[test]
fn no_link_fault_on_any_protocol_is_taken_for_a_faulty_machine() {
    let site = Site::built_in();
    let dir = tempfile::tempdir().expect("a folder");
    let (mut ran, mut struck) = (BTreeSet::new(), BTreeSet::new());
    for (machine, over) in [
        ("FFU-06", "modbus-tcp"),
        ("CNC-03", "opcua"),
        ("CNC-04", "mtconnect"),
        ("WB-03", "hsms"),
        ("AHU-02", "bacnet"),
    ] {
        for (fault, ..) in LinkKind::ALL {
            let faults: String = [(0.03, "100ms", 400.0), (0.3, "900ms", 60.0), (1.0, "3s", 5.0)]
                .iter()
                .zip([14, 18, 22])
                .map(|((share, delay, rate), minute)| {
                    let extra = match fault {
                        "delay" | "jitter" => format!("delay = \"{delay}\"\n"),
                        "slow_reader" => format!("rate = {rate}\n"),
                        _ => String::new(),
                    };
                    format!(
                        "[[link]]\ntarget = \"{machine}\"\nfault = \"{fault}\"\nonset = \"{minute}m\"\n\
                         duration = \"2m\"\nshare = {share}\n{extra}"
                    )
                })
                .collect();
            let text = format!(
                "title = \"x\"\nwhy = \"y\"\nseed = 3\nduration = \"27m\"\ntier = \"wire\"\n\
                 machines = [\"{machine}\"]\n[[over]]\ntarget = \"{machine}\"\nprotocol = \"{over}\"\n{faults}"
            );
            let path = dir.path().join(format!("{over}-{fault}.toml"));
            std::fs::write(&path, text).expect("written");
            // Not every protocol can suffer every fault: an unsound combination is refused, as another test shows.
            let Ok(scenario) = Scenario::read(&path, &site) else { continue };
            if scenario.unfit_for(Tier::Wire, &site).is_some() {
                continue;
            }
            let events = blames_no_machine(&path, &scenario, &site, 3);
            ran.insert((over, fault));
            if events.iter().any(|e| matches!(e.body, Body::IncidentOpened { .. })) {
                struck.insert((over, fault));
            }
        }
    }
    assert!(ran.len() >= 48, "{} combinations ran: {ran:?}", ran.len());
    // Most of them are strong enough to be noticed: a fault that does nothing would prove nothing.
    assert!(struck.len() >= 36, "{} were noticed; not: {:?}", struck.len(), ran.difference(&struck));
}

#[test]
fn what_a_tier_cannot_show_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("frames.toml");
    for (machine, fault, tier, told) in [
        ("FFU-01", "loss", "points", "strikes frames: tier points has none"),
        ("CNC-01", "loss", "wire", "OPC UA has frames at tier live only"),
        ("CNC-01", "overrun", "wire", "opcua keeps nothing that could run over: mtconnect does"),
    ] {
        let text = format!(
            "title = \"x\"\nwhy = \"y\"\nseed = 1\nduration = \"1m\"\ntier = \"wire\"\nmachines = [\"{machine}\"]\n\
             [[link]]\ntarget = \"{machine}\"\nfault = \"{fault}\"\nonset = \"10s\"\n"
        );
        std::fs::write(&file, text).expect("written");
        let output = aegis(&["run", &file.to_string_lossy(), "--tier", tier]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("frames.toml") && said.contains(told), "{said}");
    }
    assert!(root().join("scenarios/library/link/cut-during-mitigation.toml").exists());
}

/// The fab with its mills behind their agents alone, as many are.
fn behind_agents() -> Site {
    let mut site = Site::built_in();
    for machine in &mut site.machines {
        machine.endpoints.retain(|e| machine.kind != "cnc" || e.protocol == Protocol::Mtconnect);
    }
    site
}

#[test]
fn over_mtconnect_the_sentinel_finds_the_same_incidents() {
    let site = behind_agents();
    let incidents = |path: &std::path::Path, tier| -> BTreeSet<(String, ThreatKind, String)> {
        let scenario = Scenario::read(path, &site).unwrap_or_else(|e| panic!("{e}"));
        let outcome = run(path, &scenario, &site, tier, None, None, &|_| {}).expect("it runs");
        let incident = |e: &Event| match &e.body {
            Body::IncidentOpened { incident } | Body::IncidentUpdated { incident } => {
                Some((incident.machine.clone(), incident.threat.kind, incident.threat.cause.clone()))
            }
            _ => None,
        };
        outcome.events.iter().filter_map(incident).collect()
    };
    for name in ["chatter", "coolant-loss", "tool-wear-accelerated"] {
        let path = root().join(format!("scenarios/library/precision/cnc-{name}.toml"));
        let points = incidents(&path, Tier::Points);
        assert!(!points.is_empty());
        assert_eq!(incidents(&path, Tier::Wire), points, "{name}");
    }
}
