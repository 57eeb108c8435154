//! The snapshot's file: sealed with a checksum, and with the one before it kept beside it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use aegis_models::Event;
use aegis_sentinel::Snapshot;
use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::write_atomically;
use crate::clock;

const NAME: &str = "snapshot.json";
const BEFORE: &str = "snapshot.before.json";

/// The file is one JSON object, `{"crc32":"0123abcd","saved":{..}}`. The checksum covers the bytes of `saved` as they
/// stand, and tells a damaged file from a whole one where JSON alone would read a flipped digit as a measurement.
const HEAD: usize = r#"{"crc32":"00000000","saved":"#.len();

#[derive(Serialize, Deserialize)]
pub struct Saved {
    pub wall_ns: u64,
    /// The events made since the snapshot before; the log may or may not have them.
    pub outbox: Vec<Event>,
    pub agent: Snapshot,
}

/// What was read, and whether it is older than the last one written.
pub struct Read {
    pub saved: Saved,
    pub outdated: bool,
}

/// Gives the last snapshot a second name, under which it stays when it is replaced: the first name is never absent.
/// Where that cannot be done there is no fallback, and no harm.
pub fn keep_last(dir: &Path) {
    let before = dir.join(BEFORE);
    let _ = fs::remove_file(&before);
    let _ = fs::hard_link(dir.join(NAME), &before);
}

/// Writes a snapshot and its events durably.
pub fn write(dir: &Path, agent: Snapshot, events: &[Event]) -> anyhow::Result<()> {
    let saved = Saved { wall_ns: clock::wall_ns(), outbox: events.to_vec(), agent };
    write_atomically(dir, NAME, &seal(&serde_json::to_vec(&saved)?))
}

/// The last snapshot that is whole. None when there is none: whoever removes it wants to start anew.
pub fn read(dir: &Path) -> anyhow::Result<Option<Read>> {
    let last = match fs::read(dir.join(NAME)) {
        Ok(bytes) => unseal(&bytes),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| dir.join(NAME).display().to_string()),
    };
    let (body, outdated) = match last {
        Some(body) => (body, false),
        None => {
            let before = fs::read(dir.join(BEFORE)).ok().and_then(|bytes| unseal(&bytes));
            let advice = "damaged, and so is the one before it; remove it to learn again from the start";
            (before.with_context(|| format!("{}: {advice}", dir.join(NAME).display()))?, true)
        }
    };
    let advice = "not a snapshot of this version; remove it to learn again from the start";
    let saved =
        serde_json::from_slice(&body).with_context(|| format!("{}: {advice}", dir.join(NAME).display()))?;
    Ok(Some(Read { saved, outdated }))
}

fn seal(body: &[u8]) -> Vec<u8> {
    let head = format!(r#"{{"crc32":"{:08x}","saved":"#, crc32fast::hash(body));
    debug_assert_eq!(head.len(), HEAD);
    [head.as_bytes(), body, b"}\n"].concat()
}

fn unseal(bytes: &[u8]) -> Option<Vec<u8>> {
    let body = bytes.get(HEAD..)?.strip_suffix(b"}\n")?;
    (seal(body) == bytes).then(|| body.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_for_the_bytes_it_was_made_for_and_for_no_others() {
        // The check value of ISO-HDLC, as in zip and Ethernet.
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
        let sealed = seal(br#"{"a":1}"#);
        assert_eq!(unseal(&sealed).unwrap(), br#"{"a":1}"#);
        assert!(serde_json::from_slice::<serde_json::Value>(&sealed).is_ok(), "it is JSON as its name says");
        for i in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[i] ^= 1;
            assert!(unseal(&flipped).is_none(), "a bit of byte {i}");
            assert!(unseal(&sealed[..i]).is_none(), "cut at {i}");
        }
    }
}
