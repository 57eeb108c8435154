//! What a restart must not forget: snapshot, events, and this start's number.
//!
//! Events are told exactly once. A batch of them is first saved together with the snapshot that made them, atomically
//! (written aside, fsynced, renamed), and only then appended to `events.jsonl`. After a crash in between, what the log
//! lacks is appended from the snapshot; a line torn in the middle is cut off and comes again from there.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use aegis_models::Event;
use aegis_sentinel::Snapshot;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::clock;

/// The log is put aside at this size, and so many are kept.
const LOG_BYTES: u64 = 64 << 20;
const LOGS_KEPT: u32 = 4;

/// A sentinel's folder. While it is held, no other sentinel can have it.
pub struct Disk {
    dir: PathBuf,
    log: File,
    log_bytes: u64,
    _lock: File,
}

/// What was found on the disk.
pub struct Found {
    /// This start's number, never used before.
    pub boot: u64,
    /// The last snapshot, and how long ago it was taken on the wall clock.
    pub snapshot: Option<(Snapshot, std::time::Duration)>,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    wall_ns: u64,
    outbox: Vec<Event>,
    agent: Snapshot,
}

impl Disk {
    /// Opens a sentinel's folder, repairs its log, and counts this start.
    pub fn open(dir: &Path) -> anyhow::Result<(Disk, Found)> {
        let about = || dir.display().to_string();
        fs::create_dir_all(dir).with_context(about)?;
        let lock = File::create(dir.join("lock")).with_context(about)?;
        if lock.try_lock().is_err() {
            bail!("{}: another sentinel uses this state_dir", dir.display());
        }
        let boot = count_start(dir).with_context(about)?;
        let saved = read_saved(dir)?;
        let mut log = OpenOptions::new().create(true).read(true).append(true).open(dir.join("events.jsonl"));
        let log = log.as_mut().map_err(|e| anyhow::anyhow!("{}: {e}", dir.display()))?;
        let last = repair(log).with_context(about)?;
        let mut disk = Disk { dir: dir.to_owned(), log: log.try_clone()?, log_bytes: 0, _lock: lock };
        disk.log_bytes = disk.log.metadata()?.len();
        let snapshot = match saved {
            None => None,
            Some(saved) => {
                let missing: Vec<Event> = saved.outbox.into_iter().filter(|e| e.seq > last).collect();
                disk.append(&missing)?;
                Some((saved.agent, clock::gap_since(saved.wall_ns)))
            }
        };
        Ok((disk, Found { boot, snapshot }))
    }

    /// Makes a snapshot and the events it made durable.
    pub fn save(&mut self, agent: Snapshot, events: &[Event]) -> anyhow::Result<()> {
        let saved = Saved { wall_ns: clock::wall_ns(), outbox: events.to_vec(), agent };
        write_atomically(&self.dir, "snapshot.json", &serde_json::to_vec(&saved)?)?;
        self.append(events)
    }

    /// Appends events to the log alone, for an agent that has none of its own any more.
    pub fn append(&mut self, events: &[Event]) -> anyhow::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        if self.log_bytes > LOG_BYTES {
            self.rotate()?;
        }
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        self.log.write_all(&lines)?;
        self.log.sync_data()?;
        self.log_bytes += lines.len() as u64;
        Ok(())
    }

    /// The folder in which people leave their answers.
    pub fn inbox(&self) -> PathBuf {
        self.dir.join("inbox")
    }

    fn rotate(&mut self) -> anyhow::Result<()> {
        let name = |n: u32| self.dir.join(format!("events.{n}.jsonl"));
        for n in (1..LOGS_KEPT).rev() {
            if name(n).exists() {
                fs::rename(name(n), name(n + 1))?;
            }
        }
        fs::rename(self.dir.join("events.jsonl"), name(1))?;
        self.log = OpenOptions::new().create(true).append(true).open(self.dir.join("events.jsonl"))?;
        self.log_bytes = 0;
        Ok(())
    }
}

fn read_saved(dir: &Path) -> anyhow::Result<Option<Saved>> {
    let path = dir.join("snapshot.json");
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| path.display().to_string()),
    };
    let advice = "not a snapshot of this version; remove it to learn again from the start";
    let saved = serde_json::from_slice(&bytes).with_context(|| format!("{}: {advice}", path.display()))?;
    Ok(Some(saved))
}

/// Cuts a torn last line and gives the number of the last event.
fn repair(log: &mut File) -> anyhow::Result<u64> {
    let mut text = Vec::new();
    log.seek(SeekFrom::Start(0))?;
    log.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    if whole < text.len() {
        log.set_len(whole as u64)?;
        log.sync_all()?;
    }
    let last = text[..whole].split(|b| *b == b'\n').rfind(|line| !line.is_empty());
    Ok(match last {
        None => 0,
        Some(line) => {
            serde_json::from_slice::<Event>(line).context("events.jsonl: the last line is no event")?.seq
        }
    })
}

fn count_start(dir: &Path) -> anyhow::Result<u64> {
    let path = dir.join("starts");
    let before = match fs::read_to_string(&path) {
        Ok(text) => {
            text.trim().parse().with_context(|| format!("{}: {text:?} is no number", path.display()))?
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => 0,
        Err(e) => return Err(e.into()),
    };
    let boot: u64 = before + 1;
    write_atomically(dir, "starts", format!("{boot}\n").as_bytes())?;
    Ok(boot)
}

/// After a crash the file is the old one or the new one, and never a part of either.
fn write_atomically(dir: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let aside = dir.join(format!("{name}.new"));
    let mut file = File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, dir.join(name))?;
    // The rename itself must outlive a power cut.
    File::open(dir)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use aegis_models::event::{Body, Source};
    use aegis_models::{Profile, Time};
    use aegis_sentinel::{Agent, AgentConfig, MachineConfig, Policy};

    use super::*;

    fn agent() -> Agent {
        let profile = std::sync::Arc::new(Profile::built_in("ffu").unwrap());
        let machines = vec![MachineConfig::new("FFU-01".into(), profile)];
        Agent::new(
            AgentConfig { name: "a".into(), boot: 1, key: None, policy: Policy::built_in(), machines },
            Time::ZERO,
        )
    }

    fn event(seq: u64) -> Event {
        let body = Body::AgentFailed { reason: format!("number {seq}") };
        Event { time: Time::from_secs(seq), source: Source::Sentinel, seq, body }
    }

    fn logged(dir: &Path) -> Vec<u64> {
        let text = fs::read_to_string(dir.join("events.jsonl")).unwrap();
        text.lines().map(|l| serde_json::from_str::<Event>(l).unwrap().seq).collect()
    }

    /// A crash may come between any two bytes that are appended: no event is lost, none is told twice.
    #[test]
    fn events_are_told_exactly_once_wherever_the_log_was_cut() {
        let dir = tempfile::tempdir().unwrap();
        {
            let (mut disk, found) = Disk::open(dir.path()).unwrap();
            assert!(found.snapshot.is_none());
            disk.save(agent().snapshot(), &[event(1), event(2)]).unwrap();
            disk.save(agent().snapshot(), &[event(3), event(4)]).unwrap();
        }
        let whole = fs::read(dir.path().join("events.jsonl")).unwrap();
        let third = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(1).unwrap().0 + 1;
        for cut in third..=whole.len() {
            fs::write(dir.path().join("events.jsonl"), &whole[..cut]).unwrap();
            let (_, found) = Disk::open(dir.path()).unwrap();
            assert!(found.snapshot.is_some());
            assert_eq!(logged(dir.path()), [1, 2, 3, 4], "cut at byte {cut}");
        }
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
}
