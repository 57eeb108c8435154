//! Every scenario of the library does what it says, and its timeline is held.

use aegis_models::Site;
use aegis_models::event::Body;
use aegis_scenarios::file::Scenario;
use aegis_scenarios::run::run;
use aegis_scenarios::timeline;

use crate::support::{aegis, root, stdout_of};

pub fn library() -> Vec<std::path::PathBuf> {
    fn collect(dir: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        let mut entries: Vec<_> =
            std::fs::read_dir(dir).expect("readable").map(|e| e.expect("readable").path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() { collect(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    collect(&root().join("scenarios/library"), &mut found);
    found
}

/// The timelines are goldens: read the diff before you accept it with `cargo insta accept`.
#[test]
fn every_scenario_meets_its_expectations_and_its_timeline_is_held() {
    let site = Site::built_in();
    for path in library() {
        let scenario = Scenario::read(&path, &site).unwrap_or_else(|e| panic!("{e}"));
        if scenario.tags.iter().any(|t| t == "long") {
            continue;
        }
        let relative = path.strip_prefix(root()).expect("inside the repository").to_owned();
        let outcome = run(&relative, &scenario, &site, scenario.tier, None, None, &|_| {}).expect("it runs");
        let unmet: Vec<_> = outcome.verdicts.iter().filter(|v| !v.met).collect();
        assert!(unmet.is_empty(), "{}: {unmet:#?}", relative.display());
        let told = outcome.events.iter().filter(|e| !matches!(e.body, Body::Watching { .. }));
        let text: String = told.map(|e| strip(&timeline::line(e)) + "\n").collect();
        let name = relative
            .with_extension("")
            .to_string_lossy()
            .replace("scenarios/library/", "")
            .replace('/', "__");
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, text);
        });
    }
}

/// What the README shows of the first command is what it prints.
#[test]
fn the_readme_shows_the_real_timeline() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("readable");
    let golden = root().join("tests/snapshots/facility__ffu-filter-clog.snap");
    let golden = std::fs::read_to_string(golden).expect("readable");
    let shown =
        readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a timeline");
    for line in shown.lines() {
        let (from, whole) = match line.strip_suffix(" ...") {
            Some(beginning) => (beginning, false),
            None => (line, true),
        };
        let real = golden.lines().any(|l| if whole { l == from } else { l.starts_with(from) });
        assert!(real, "README.md: {line}");
    }
}

/// Takes the colours out.
fn strip(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('\u{1b}') {
        plain += &rest[..at];
        rest = rest[at..].split_once('m').map_or("", |(_, r)| r);
    }
    plain + rest
}

#[test]
fn a_bad_file_is_exit_2_with_file_and_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("bad.toml");
    std::fs::write(&file, "title = \"x\"\nwhy = \"y\"\nseed = 1\nduration = \"1m\"\ncolour = 3\n")
        .expect("written");
    let output = aegis(&["run", &file.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("bad.toml:5:") && told.contains("colour"), "{told}");
}

#[test]
fn a_failed_expectation_is_exit_1_with_the_command_that_replays_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("unmet.toml");
    let text = "title = \"x\"\nwhy = \"y\"\nseed = 77\nduration = \"1m\"\nmachines = [\"FFU-01\"]\n\
        [[expect]]\ntarget = \"FFU-01\"\nincident = \"Chatter\"\n";
    std::fs::write(&file, text).expect("written");
    let junit = dir.path().join("junit.xml");
    let output = aegis(&["run", &file.to_string_lossy(), "--junit", &junit.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("--seed 77") && told.contains("missing: incident Chatter"), "{told}");
    assert!(std::fs::read_to_string(junit).expect("a report").contains("<failure"));
}

#[test]
fn schemas_are_json_and_name_their_fields() {
    for (what, field) in [
        ("scenario", "inject"),
        ("profile", "signature"),
        ("site", "bay"),
        ("policy", "row"),
        ("event", "time"),
    ] {
        let text = stdout_of(&aegis(&["schema", what]));
        let schema: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert!(
            schema["properties"].get(field).is_some() || text.contains(&format!("\"{field}\"")),
            "{what}"
        );
    }
}

#[test]
fn no_argument_makes_a_panic() {
    for args in [
        &["run", "no-such-file.toml"][..],
        &["run", "scenarios/library/facility/ffu-filter-clog.toml", "--tier", "live", "--pace", "0"],
        &["run", "scenarios/library/human/rejected.toml", "--tier", "live"],
        &["run", "scenarios/library", "--filter", "nothing is called this"],
        &["serve", "--port", "0", "--pace", "NaN"],
        &["serve", "--scenario", "README.md"],
        &["serve", "--port", "65530"],
        &["serve", "--port", "0", "--sentinel-config", "no-such-folder/sentinel.toml"],
        &["replay", "no-such-folder"],
        &["sentinel", "--config", "Cargo.toml"],
        &["schema", "dream"],
    ] {
        let output = aegis(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stderr.is_empty(), "{args:?} says nothing");
    }
}
