//! Tier `wire`: real bytes change nothing while the link is clean, and invent nothing while it is not.

use std::collections::BTreeSet;

use aegis_models::event::{Body, Event};
use aegis_models::{Protocol, Site, ThreatKind};
use aegis_scenarios::file::{Scenario, Tier};
use aegis_scenarios::run::run;

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

#[test]
fn a_faulty_link_is_never_taken_for_a_faulty_machine() {
    let site = Site::built_in();
    for path in library().into_iter().filter(|p| p.parent().is_some_and(|d| d.ends_with("link"))) {
        let scenario = Scenario::read(&path, &site).unwrap_or_else(|e| panic!("{e}"));
        if !scenario.injects.is_empty() {
            continue;
        }
        for seed in 0..8 {
            let outcome =
                run(&path, &scenario, &site, Tier::Wire, Some(seed), None, &|_| {}).expect("it runs");
            for e in &outcome.events {
                if let Body::IncidentOpened { incident } | Body::IncidentUpdated { incident } = &e.body {
                    let kind = incident.threat.kind;
                    let of_the_link = matches!(kind, ThreatKind::SensorFault | ThreatKind::CommunicationLoss);
                    assert!(of_the_link, "{} with seed {seed}: {incident:?}", path.display());
                }
                assert!(!matches!(e.body, Body::Execution { .. }), "{}: nothing is written", path.display());
            }
        }
    }
}

#[test]
fn what_a_tier_cannot_show_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("frames.toml");
    for (machine, tier, told) in [
        ("FFU-01", "points", "strikes frames: tier points has none"),
        ("CNC-01", "wire", "OPC UA has frames at tier live only"),
    ] {
        let text = format!(
            "title = \"x\"\nwhy = \"y\"\nseed = 1\nduration = \"1m\"\ntier = \"wire\"\nmachines = [\"{machine}\"]\n\
             [[link]]\ntarget = \"{machine}\"\nfault = \"loss\"\nonset = \"10s\"\n"
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
fn an_agent_whose_buffer_runs_over_costs_values_and_invents_none() {
    let site = behind_agents();
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("overrun.toml");
    let link = "[[link]]\ntarget = \"CNC-01\"\nfault = \"overrun\"\nonset = \"15m\"\nduration = \"5m\"\nshare = 0.3\n";
    let head = "title = \"An agent's buffer runs over\"\nwhy = \"Its disk is slow.\"\nseed = 5\nduration = \"30m\"\n\
                tier = \"wire\"\nmachines = [\"CNC-01\"]\n";
    std::fs::write(&path, format!("{head}{link}[[forbid]]\ntarget = \"CNC-01\"\nwrite = true\n"))
        .expect("written");
    let scenario = Scenario::read(&path, &site).unwrap_or_else(|e| panic!("{e}"));
    let outcome = run(&path, &scenario, &site, Tier::Wire, None, None, &|_| {}).expect("it runs");
    assert!(outcome.passed);
    for e in &outcome.events {
        if let Body::IncidentOpened { incident } = &e.body {
            let kind = incident.threat.kind;
            assert!(matches!(kind, ThreatKind::SensorFault | ThreatKind::CommunicationLoss), "{incident:?}");
        }
    }
    // Where nothing is kept nothing runs over.
    let built_in = Scenario::read(&path, &Site::built_in()).expect_err("its first endpoint is no agent");
    assert!(built_in.to_string().contains("opcua keeps nothing that could run over"), "{built_in}");
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
        let path = root().join(format!("scenarios/library/cnc/{name}.toml"));
        let points = incidents(&path, Tier::Points);
        assert!(!points.is_empty());
        assert_eq!(incidents(&path, Tier::Wire), points, "{name}");
    }
}
