//! `events.jsonl`: one event a line, each exactly once, in order.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use aegis_models::Event;
use anyhow::Context;
use serde::Deserialize;

use super::sync_names;

/// The log is put aside at this size, and so many are kept.
const BYTES: u64 = 64 << 20;
const KEPT: u32 = 4;

pub struct Log {
    dir: PathBuf,
    file: File,
    /// What is known to stand in it.
    bytes: u64,
    /// An append failed half-way: behind `bytes` anything may stand.
    torn: bool,
}

impl Log {
    /// Opens the log, cuts off what a crash left half written, and gives the number of its last event. Events from
    /// `unsure_from` on may not have been durable yet: they are the snapshot's outbox.
    pub fn open(dir: &Path, unsure_from: u64) -> anyhow::Result<(Log, u64)> {
        let mut file = open(dir)?;
        sync_names(dir)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let (whole, last) = whole(&text, unsure_from);
        if whole < text.len() {
            file.set_len(whole as u64)?;
            file.sync_all()?;
        }
        Ok((Log { dir: dir.to_owned(), file, bytes: whole as u64, torn: false }, last))
    }

    /// Appends events durably. After an error none of them stands in the log, whatever part was written: the next
    /// append begins where the last good one ended.
    pub fn append(&mut self, events: &[Event]) -> anyhow::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        if self.torn {
            self.file.set_len(self.bytes)?;
        }
        self.torn = true;
        self.file.write_all(&lines).context("events.jsonl")?;
        self.file.sync_data().context("events.jsonl")?;
        self.torn = false;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Begins a new file when this one is large.
    pub fn rotate_if_full(&mut self) -> anyhow::Result<()> {
        if self.bytes > BYTES { self.put_aside() } else { Ok(()) }
    }

    /// Begins a new file, if anything stands in this one. It can be tried again after an error.
    pub fn put_aside(&mut self) -> anyhow::Result<()> {
        if self.bytes == 0 {
            return Ok(());
        }
        if self.torn {
            self.file.set_len(self.bytes)?;
            self.torn = false;
        }
        let name = |n: u32| self.dir.join(format!("events.{n}.jsonl"));
        let current = self.dir.join("events.jsonl");
        if current.exists() {
            for n in (1..KEPT).rev() {
                rename_if_there(&name(n), &name(n + 1))?;
            }
            fs::rename(&current, name(1))?;
        }
        self.file = open(&self.dir)?;
        self.bytes = 0;
        sync_names(&self.dir)
    }

    #[cfg(test)]
    pub fn tear(&mut self, what: &[u8]) {
        self.file.write_all(what).unwrap();
        self.torn = true;
    }
}

fn open(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join("events.jsonl");
    let file = OpenOptions::new().create(true).read(true).append(true).open(&path);
    file.with_context(|| path.display().to_string())
}

fn rename_if_there(from: &Path, to: &Path) -> anyhow::Result<()> {
    match fs::rename(from, to) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e).with_context(|| from.display().to_string()),
        _ => Ok(()),
    }
}

/// How much of a log is whole, and the number of the last event in it.
///
/// A batch that was not yet durable may be torn anywhere, not only at its end: a power cut keeps pages in any order.
/// Damage among what was durable already is another matter and is left as it is, for what follows it stands.
fn whole(text: &[u8], unsure_from: u64) -> (usize, u64) {
    #[derive(Deserialize)]
    struct Numbered {
        seq: u64,
    }
    let (mut at, mut keep, mut last, mut intact) = (0, 0, 0, true);
    for line in text.split_inclusive(|b| *b == b'\n') {
        at += line.len();
        let read = || serde_json::from_slice::<Numbered>(line).ok();
        match line.ends_with(b"\n").then(read).flatten() {
            Some(Numbered { seq }) if intact || seq < unsure_from => {
                (keep, last, intact) = (at, seq, true);
            }
            Some(_) => {}
            None => intact = false,
        }
    }
    (keep, last)
}

#[cfg(test)]
mod tests {
    use super::whole;

    fn lines(text: &str) -> String {
        // A letter is a damaged line, a digit an event of that number.
        text.chars()
            .map(|c| if c.is_ascii_digit() { format!("{{\"seq\":{c}}}\n") } else { "??\n".into() })
            .collect()
    }

    #[test]
    fn a_batch_may_be_torn_anywhere_and_what_was_durable_stands() {
        for (text, unsure_from, kept, last) in [
            ("", u64::MAX, "", 0),
            ("1234", 3, "1234", 4),
            ("12x4", 3, "12", 2),
            ("12xx", 3, "12", 2),
            ("1x34", 4, "1x34", 4),
            ("1x3x5", 4, "1x3", 3),
            ("x", u64::MAX, "", 0),
        ] {
            let (keep, seq) = whole(lines(text).as_bytes(), unsure_from);
            assert_eq!((keep, seq), (lines(kept).len(), last), "{text}");
        }
    }
}
