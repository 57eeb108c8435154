use aegis_models::event::{Body, Source};
use aegis_models::{Profile, Time};
use aegis_sentinel::{Agent, AgentConfig, MachineConfig, Policy};

use super::*;

/// The memory of an agent that has told its first event.
fn snapshot() -> Snapshot {
    let profile = std::sync::Arc::new(Profile::built_in("ffu").unwrap());
    let machines = vec![MachineConfig::new("FFU-01".into(), profile)];
    let config = AgentConfig { name: "a".into(), boot: 1, key: None, policy: Policy::built_in(), machines };
    Agent::new(config, Time::ZERO).snapshot()
}

fn events(numbers: std::ops::RangeInclusive<u64>) -> Vec<Event> {
    let body = |n| Body::AgentFailed { reason: format!("number {n}") };
    let event = |n| Event { time: Time::from_secs(n), source: Source::Sentinel, seq: n, body: body(n) };
    numbers.map(event).collect()
}

fn logged(dir: &Path) -> Vec<u64> {
    let text = fs::read_to_string(dir.join("events.jsonl")).unwrap();
    text.lines().map(|l| serde_json::from_str::<Event>(l).unwrap().seq).collect()
}

/// A folder after two batches of two events.
fn used() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, found) = Disk::open(dir.path()).unwrap();
    assert!(found.snapshot.is_none());
    disk.save(snapshot(), &events(1..=2)).unwrap();
    disk.save(snapshot(), &events(3..=4)).unwrap();
    dir
}

/// A crash may come between any two bytes that are appended: no event is lost, none is told twice.
#[test]
fn events_are_told_exactly_once_wherever_the_log_was_cut() {
    let dir = used();
    let whole = fs::read(dir.path().join("events.jsonl")).unwrap();
    let third = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(1).unwrap().0 + 1;
    for cut in third..=whole.len() {
        fs::write(dir.path().join("events.jsonl"), &whole[..cut]).unwrap();
        let (_, found) = Disk::open(dir.path()).unwrap();
        assert!(found.snapshot.is_some_and(|(s, _)| s.seq() == 4), "numbers go on behind the log");
        assert_eq!(logged(dir.path()), [1, 2, 3, 4], "cut at byte {cut}");
    }
}

/// A full disk takes a part of a batch and refuses the rest.
#[test]
fn an_append_that_failed_half_way_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, _) = Disk::open(dir.path()).unwrap();
    disk.save(snapshot(), &events(1..=1)).unwrap();
    let text = serde_json::to_string(&events(2..=2)[0]).unwrap();
    disk.log.tear(format!("{text}\n{}", &text[..9]).as_bytes());
    disk.save(snapshot(), &events(2..=3)).unwrap();
    assert_eq!(logged(dir.path()), [1, 2, 3]);
}

#[test]
fn numbers_go_on_behind_what_a_failed_agent_told() {
    let dir = used();
    let (mut disk, _) = Disk::open(dir.path()).unwrap();
    disk.append(&events(5..=6)).unwrap();
    drop(disk);
    let (_, found) = Disk::open(dir.path()).unwrap();
    assert_eq!(found.snapshot.unwrap().0.seq(), 6);
    assert_eq!(logged(dir.path()), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_damaged_snapshot_falls_back_to_the_one_before_and_says_so() {
    let dir = used();
    let path = dir.path().join("snapshot.json");
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() / 2], &flipped[..], &[]] {
        fs::write(&path, damaged).unwrap();
        let (_, found) = Disk::open(dir.path()).unwrap();
        assert!(found.snapshot.is_some_and(|(s, _)| s.seq() == 4));
        assert_eq!(logged(dir.path()), [1, 2, 3, 4]);
    }
    fs::write(dir.path().join("snapshot.before.json"), "{").unwrap();
    let told = format!("{:#}", Disk::open(dir.path()).err().unwrap());
    assert!(told.contains("snapshot.json: damaged"), "{told}");
}

/// Whoever removes the snapshot starts anew: with numbers from 1, in a log of their own.
#[test]
fn without_a_snapshot_the_old_log_is_put_aside() {
    let dir = used();
    fs::remove_file(dir.path().join("snapshot.json")).unwrap();
    let (mut disk, found) = Disk::open(dir.path()).unwrap();
    assert!(found.snapshot.is_none() && dir.path().join("events.1.jsonl").exists());
    disk.save(snapshot(), &events(1..=1)).unwrap();
    assert_eq!(logged(dir.path()), [1]);
}

#[test]
fn every_start_has_a_number_of_its_own_and_the_folder_to_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, first) = Disk::open(dir.path()).unwrap();
    assert!(Disk::open(dir.path()).err().unwrap().to_string().contains("another sentinel"));
    drop(disk);
    let (_, second) = Disk::open(dir.path()).unwrap();
    assert!(second.boot > first.boot);
}
