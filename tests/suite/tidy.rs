//! The architecture, as a test: who may know whom, what pure crates must not touch, and what stands at the top.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// The whole table of design: who may know whom, by folder. What is absent is forbidden.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("models/base", &[]),
    ("models/plant", &["models/base"]),
    ("adapters", &["models/base"]),
    ("sim", &["models/plant", "adapters", "models/base"]),
    ("sentinel/core", &["models/base"]),
    ("sentinel/edge", &["sentinel/core", "adapters", "models/base"]),
    ("scenarios", &["models/base", "models/plant", "adapters", "sim", "sentinel/core", "sentinel/edge"]),
    (
        "tests",
        &["models/base", "models/plant", "adapters", "sim", "sentinel/core", "sentinel/edge", "scenarios"],
    ),
];

/// Crates that are functions of their inputs alone.
const PURE: &[&str] = &["models/base", "models/plant", "sentinel/core"];

/// What a pure crate may depend on outside the house.
const PURE_MAY_USE: &[&str] = &[
    "ed25519-dalek",
    "libm",
    "rand_core",
    "rand_distr",
    "rand_xoshiro",
    "schemars",
    "serde",
    "serde_json",
    "strsim",
    "thiserror",
    "toml",
];

/// Third-party crates that live in one room.
const ONE_ROOM: &[(&str, &[&str])] = &[
    ("async-opcua", &["adapters"]),
    ("axum", &["adapters"]),
    ("bacnet-encoding", &["adapters"]),
    ("bacnet-types", &["adapters"]),
    ("hyper", &["adapters"]),
    ("quick-xml", &["adapters"]),
    ("tokio-modbus", &["adapters"]),
    ("tokio-serial", &["adapters", "sentinel/edge"]),
    ("parquet", &["sim"]),
    ("rapier3d", &["sim"]),
    ("clap", &["scenarios", "sentinel/edge"]),
    ("indicatif", &["scenarios"]),
    ("jiff", &["adapters"]),
];

/// What stands at the top, and nothing else.
const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "sim",
    "sentinel",
    "scenarios",
    "models",
    "adapters",
    "viz",
    "tests",
];

/// Folder of each package, its normal and build dependencies by name.
fn manifests() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .expect("the manifests can be read");
    let folder = |p: &cargo_metadata::Package| {
        let dir = p.manifest_path.parent().expect("a manifest lies in a folder").as_std_path().to_owned();
        dir.strip_prefix(root()).expect("inside the repository").to_string_lossy().into_owned()
    };
    let depends = |p: &cargo_metadata::Package| {
        // Development dependencies run no product: a sentinel's tests may look at what the sentinel may not.
        let counts = |d: &&cargo_metadata::Dependency| {
            d.kind != cargo_metadata::DependencyKind::Development || folder(p) == "tests"
        };
        p.dependencies.iter().filter(counts).map(|d| d.name.clone()).collect()
    };
    metadata.packages.iter().map(|p| (folder(p), (p.name.to_string(), depends(p)))).collect()
}

fn sources(dir: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() && path.file_name().is_some_and(|n| n != "target" && n != ".git") {
            sources(&path, ending, found);
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
}

#[test]
fn nobody_knows_whom_it_must_not() {
    let manifests = manifests();
    let folder_of: BTreeMap<&str, &str> =
        manifests.iter().map(|(f, (name, _))| (name.as_str(), f.as_str())).collect();
    for (folder, (_, depends)) in &manifests {
        let (_, may) = MAY_KNOW
            .iter()
            .find(|(f, _)| f == folder)
            .unwrap_or_else(|| panic!("{folder} is no room of the design"));
        for name in depends {
            if let Some(target) = folder_of.get(name.as_str()) {
                assert!(
                    may.contains(target),
                    "{folder} must not know {target}: see ARCHITECTURE.md, who may know whom"
                );
            }
        }
    }
    for (folder, _) in MAY_KNOW {
        assert!(manifests.contains_key(*folder), "{folder} is gone: take it out of the table");
    }
}

#[test]
fn third_parties_stay_in_their_rooms() {
    for (folder, (_, depends)) in manifests() {
        for (name, rooms) in ONE_ROOM {
            assert!(
                !depends.contains(*name) || rooms.contains(&folder.as_str()) || folder == "tests",
                "{folder} uses {name}, which lives in {rooms:?}"
            );
        }
        if PURE.contains(&folder.as_str()) {
            for name in depends.iter().filter(|n| !n.starts_with("aegis-")) {
                assert!(PURE_MAY_USE.contains(&name.as_str()), "{folder} is pure and uses {name}");
            }
        }
    }
}

#[test]
fn versions_stand_once() {
    for (folder, _) in MAY_KNOW {
        let text =
            fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("the manifest can be read");
        let manifest: toml::Table = text.parse().expect("the manifest is TOML");
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in manifest.get(section).and_then(|s| s.as_table()).into_iter().flatten() {
                let inherits = value.get("workspace").and_then(|w| w.as_bool()) == Some(true);
                assert!(
                    inherits,
                    "{folder}: {name} states a version; it belongs to the root's workspace.dependencies"
                );
            }
        }
    }
}

#[test]
fn pure_crates_touch_nothing() {
    let banned = [
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "std::process",
        "std::io",
        "Instant",
        "SystemTime",
        "HashMap",
        "HashSet",
        "tokio",
        "println!",
        "eprintln!",
        "unsafe ",
    ];
    for crate_dir in PURE {
        let mut files = Vec::new();
        sources(&root().join(crate_dir).join("src"), "rs", &mut files);
        assert!(!files.is_empty());
        for file in files {
            let text = fs::read_to_string(&file).expect("the source can be read");
            for (n, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or("");
                for word in banned {
                    assert!(!code.contains(word), "{}:{}: {word} in a pure crate", file.display(), n + 1);
                }
            }
        }
    }
}

#[test]
fn the_os_clock_is_read_in_one_file_of_each_shell() {
    let mut files = Vec::new();
    sources(&root(), "rs", &mut files);
    for file in files.iter().filter(|f| !f.ends_with("suite/tidy.rs")) {
        let text = fs::read_to_string(file).expect("the source can be read");
        let reads = text.contains("Instant::now()") || text.contains("SystemTime::now()");
        // The adapters' tests read the runtime's clock, which they have paused; the lints keep them off the system's.
        let harness = |c: std::path::Component| c.as_os_str() == "benches" || c.as_os_str() == "tests";
        let inside = file.strip_prefix(root()).expect("inside the repository");
        assert!(
            !reads || file.ends_with("clock.rs") || inside.components().skip(1).any(harness),
            "{} reads the OS clock: only a shell's clock.rs may",
            file.display()
        );
    }
}

#[test]
fn nothing_unfinished_is_left() {
    let marks = [
        ["to", "do!("].concat(),
        ["unimplement", "ed!("].concat(),
        ["#[ig", "nore"].concat(),
        ["db", "g!("].concat(),
        ["FIX", "ME"].concat(),
    ];
    let mut files = Vec::new();
    for ending in ["rs", "py", "toml", "md"] {
        sources(&root(), ending, &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).expect("the source can be read");
        for mark in &marks {
            assert!(!text.contains(mark), "{} holds {mark}", file.display());
        }
    }
}

#[test]
fn the_top_level_is_fixed() {
    for entry in fs::read_dir(root()).expect("the root can be read") {
        let name = entry.expect("the entry can be read").file_name().to_string_lossy().into_owned();
        assert!(
            name.starts_with('.') || name == "target" || TOP.contains(&name.as_str()),
            "{name} has no place at the top"
        );
    }
}

/// A law that is held against nothing published is an opinion.
#[test]
fn every_law_has_its_sheet() {
    let files = std::fs::read_dir(root().join("models/base/src/physics")).expect("readable");
    let files = files.map(|f| f.expect("readable").path());
    let mut laws: Vec<String> =
        files.map(|p| p.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    laws.retain(|name| !["mod", "published", "residual"].contains(&name.as_str()));
    laws.sort();
    let sheets = aegis_models::physics::published::SHEETS.iter().map(|s| s.law);
    assert_eq!(laws, sheets.collect::<Vec<_>>());
}

#[test]
fn every_fuzz_target_is_listed_and_the_other_way_round() {
    let fuzz = root().join("adapters/fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("it can be read");
    let mut files = Vec::new();
    sources(&fuzz.join("fuzz_targets"), "rs", &mut files);
    assert!(files.len() > 15, "{files:?}");
    for file in &files {
        let name = file.file_stem().expect("a file has a name").to_string_lossy();
        assert!(
            manifest.contains(&format!("name = \"{name}\"\n")),
            "{name} is no target of adapters/fuzz/Cargo.toml"
        );
    }
    assert_eq!(manifest.matches("[[bin]]").count(), files.len());
}
