//! Same seed, same bytes: run against run, thread against thread, replay against run.

use std::path::Path;

use aegis_models::Site;
use aegis_scenarios::file::{Scenario, Tier};
use aegis_scenarios::run::run;

use crate::support::{aegis, root, stdout_of};

const SCENARIO: &str = "scenarios/library/facility/ffu-filter-clog.toml";

fn timeline(seed: Option<u64>, site: &Site) -> String {
    let path = root().join(SCENARIO);
    let scenario = Scenario::read(&path, site).expect("the scenario is valid");
    let outcome =
        run(Path::new(SCENARIO), &scenario, site, Tier::Points, seed, None, &|_| {}).expect("it runs");
    serde_json::to_string(&outcome.events).expect("events are JSON")
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_thread() {
    let site = Site::built_in();
    let here = timeline(None, &site);
    let there: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| timeline(None, &site))).collect();
        threads.into_iter().map(|t| t.join().expect("the thread ends")).collect()
    });
    assert!(there.iter().all(|t| *t == here));
    assert_ne!(timeline(Some(99), &site), here, "another seed must give another run");
}

#[test]
fn a_new_machine_shifts_nobody_elses_numbers() {
    let mut site = Site::built_in();
    let before = timeline(None, &site);
    let mut newcomer = site.machines[0].clone();
    newcomer.name = "FFU-99".to_owned();
    site.machines.insert(0, newcomer);
    let scenario = Scenario::read(&root().join(SCENARIO), &site).expect("valid");
    let mut wider = scenario.clone();
    wider.machines.clear();
    let all = run(Path::new(SCENARIO), &wider, &site, Tier::Points, None, None, &|_| {}).expect("it runs");
    let target = scenario.injects[0].target.get_ref();
    // What is said of the faulty machine is the same, whoever else is there.
    let of_target = |json: &str| -> Vec<String> {
        let events: Vec<serde_json::Value> = serde_json::from_str(json).expect("JSON");
        let about = |e: &&serde_json::Value| e.get("channel").is_some() && e["machine"] == target.as_str();
        events.iter().filter(about).map(|e| format!("{} {}", e["time"], e["text"])).collect()
    };
    let (old, new) = (of_target(&before), of_target(&serde_json::to_string(&all.events).expect("JSON")));
    assert!(!old.is_empty());
    assert_eq!(old, new);
}

#[test]
fn a_replay_makes_the_recorded_events_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let place = dir.path().to_string_lossy().into_owned();
    let recorded = aegis(&["run", SCENARIO, "--record", &place]);
    stdout_of(&recorded);
    let replayed = aegis(&["replay", &format!("{place}/ffu-filter-clog"), "--json"]);
    assert!(stdout_of(&replayed).lines().count() > 5);
    assert!(String::from_utf8_lossy(&replayed.stderr).contains("the same"));
    // A recording that was tampered with is found out.
    let events = dir.path().join("ffu-filter-clog/events.jsonl");
    let text = std::fs::read_to_string(&events).expect("the events can be read");
    std::fs::write(&events, text.replacen("filter-loading", "filter-lauding", 1))
        .expect("they can be written");
    assert_eq!(aegis(&["replay", &format!("{place}/ffu-filter-clog")]).status.code(), Some(1));
}

#[test]
fn json_output_is_the_same_twice() {
    let once = || stdout_of(&aegis(&["run", "scenarios/library/facility", "--json"]));
    assert_eq!(once(), once());
}

/// A score is met or not, and says the same, however many threads work on it.
#[test]
fn a_score_is_the_same_on_any_number_of_threads() {
    let on = |threads: &str| {
        let mixes = ["--mixes", "2", "--seeds", "5,6", "--kinds", "ffu", "--alone"];
        let args =
            [&["score"][..], &mixes, &["--layers", "process", "--json", "--threads", threads]].concat();
        String::from_utf8(aegis(&args).stdout).expect("aegis prints UTF-8")
    };
    let one = on("1");
    let report: serde_json::Value = serde_json::from_str(&one).expect("JSON");
    assert!(report["mixes"]["faults"].as_u64() >= Some(4), "{one}");
    assert_eq!(one, on("3"));
}
