//! What a restart must not forget: snapshot, events, and this start's number.
//!
//! Events are told exactly once. A batch of them is first saved together with the snapshot that made them, atomically
//! (written aside, fsynced, renamed), and only then appended to `events.jsonl`. After a crash in between, what the log
//! lacks is appended from the snapshot; what was torn is cut off and comes again from there.

mod log;
mod saved;

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aegis_models::Event;
use aegis_sentinel::Snapshot;
use anyhow::{Context, bail};

use crate::clock;
use crate::voice::complain;
use log::Log;

/// A sentinel's folder. While it is held, no other sentinel can have it.
pub struct Disk {
    dir: PathBuf,
    log: Log,
    /// The last snapshot's file is damaged: the one before it must not make room for it.
    damaged: bool,
    _lock: File,
}

/// What was found on the disk.
pub struct Found {
    /// This start's number, never used before.
    pub boot: u64,
    /// The last snapshot, and how long ago it was taken on the wall clock.
    pub snapshot: Option<(Snapshot, Duration)>,
}

impl Disk {
    /// Opens a sentinel's folder, repairs its log, and counts this start.
    pub fn open(dir: &Path) -> anyhow::Result<(Disk, Found)> {
        let about = || dir.display().to_string();
        fs::create_dir_all(dir.join("inbox")).with_context(about)?;
        let lock = File::create(dir.join("lock")).with_context(about)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("{}: another sentinel uses this state_dir", dir.display())
            }
            Err(TryLockError::Error(e)) => return Err(e).context("it cannot be locked").with_context(about),
        }
        let boot = count_start(dir).with_context(about)?;
        let read = saved::read(dir)?;
        let unsure_from = read.as_ref().and_then(|r| r.saved.outbox.first()).map_or(u64::MAX, |e| e.seq);
        let (mut log, last) = Log::open(dir, unsure_from).with_context(about)?;
        let Some(read) = read else {
            // Numbers begin anew with the agent, and so does the log: in one file they would repeat.
            log.put_aside().with_context(about)?;
            let disk = Disk { dir: dir.to_owned(), log, damaged: false, _lock: lock };
            return Ok((disk, Found { boot, snapshot: None }));
        };
        if read.outdated {
            complain(format_args!("{}: snapshot.json is damaged; the one before it is used", dir.display()));
        }
        let missing: Vec<Event> = read.saved.outbox.into_iter().filter(|e| e.seq > last).collect();
        log.append(&missing).with_context(about)?;
        let last = missing.last().map_or(last, |e| e.seq);
        // An agent that failed went on in the log alone, and so did one whose snapshot was lost.
        let agent = read.saved.agent.numbered_from(last);
        let snapshot = Some((agent, clock::gap_since(read.saved.wall_ns)));
        let disk = Disk { dir: dir.to_owned(), log, damaged: read.outdated, _lock: lock };
        Ok((disk, Found { boot, snapshot }))
    }

    /// Makes a snapshot and the events it made durable.
    pub fn save(&mut self, agent: Snapshot, events: &[Event]) -> anyhow::Result<()> {
        if !self.damaged {
            saved::keep_last(&self.dir);
        }
        saved::write(&self.dir, agent, events)?;
        self.damaged = false;
        // Only here: an empty log is right only beside a snapshot that holds what comes next.
        self.log.rotate_if_full()?;
        self.log.append(events)
    }

    /// Appends events to the log alone, for an agent that has no snapshot any more.
    pub fn append(&mut self, events: &[Event]) -> anyhow::Result<()> {
        self.log.append(events)
    }

    /// The folder in which people leave their answers.
    pub fn inbox(&self) -> PathBuf {
        self.dir.join("inbox")
    }
}

fn count_start(dir: &Path) -> anyhow::Result<u64> {
    let path = dir.join("starts");
    let before: u64 = match fs::read_to_string(&path) {
        Ok(text) => {
            text.trim().parse().with_context(|| format!("{}: {text:?} is no number", path.display()))?
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => 0,
        Err(e) => return Err(e.into()),
    };
    let boot = before + 1;
    write_atomically(dir, "starts", format!("{boot}\n").as_bytes())?;
    Ok(boot)
}

/// After a crash the file is the old one or the new one, and never a part of either.
fn write_atomically(dir: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let aside = dir.join(format!("{name}.new"));
    let mut file = File::create(&aside).with_context(|| aside.display().to_string())?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, dir.join(name))?;
    sync_names(dir)
}

/// A rename, or a new file's name, must outlive a power cut as its bytes do.
fn sync_names(dir: &Path) -> anyhow::Result<()> {
    Ok(File::open(dir)?.sync_all()?)
}

#[cfg(test)]
mod tests;
