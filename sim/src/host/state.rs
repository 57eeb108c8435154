//! What a GEM equipment keeps through a restart of the program: spool, reports, recipes, constants. One file a machine.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aegis_adapters::hsms::serve::Handle;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// A change reaches the disk within about this time: what is spooled in it, a crash may lose.
const SAVE_EVERY: Duration = Duration::from_millis(250);

/// Where machines keep their state.
#[derive(Clone, Debug)]
pub struct StateFolder {
    /// The folder, made when missing.
    pub path: PathBuf,
    /// Says what a person should know: a file that cannot be read or written.
    pub warn: fn(&str),
}

/// The file of one machine.
#[derive(Clone, Debug)]
pub struct StateFile {
    path: PathBuf,
    warn: fn(&str),
}

impl StateFile {
    /// The file of that machine, with what it holds; nothing the first time.
    pub fn open(folder: &StateFolder, machine: &str) -> io::Result<(StateFile, Vec<u8>)> {
        fs::create_dir_all(&folder.path)?;
        let file = StateFile { path: folder.path.join(format!("{machine}.gem")), warn: folder.warn };
        match fs::read(&file.path) {
            Ok(bytes) => Ok((file, bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok((file, Vec::new())),
            Err(e) => Err(e),
        }
    }

    /// What the file holds cannot be used: the machine begins anew, and the file stays beside its own for a person.
    pub fn set_aside(&self, why: &dyn Display) -> io::Result<()> {
        let aside = self.path.with_extension("gem.damaged");
        fs::rename(&self.path, &aside)?;
        (self.warn)(&format!(
            "{}: {why}: the machine begins anew; the file is now {}",
            self.path.display(),
            aside.display()
        ));
        Ok(())
    }

    /// Writes the state whenever it has changed, for ever.
    pub async fn keep(self, handle: Handle) {
        let (mut kept, mut failed) = (0, false);
        loop {
            sleep(SAVE_EVERY).await;
            let Some((revision, bytes)) = handle.state_since(kept) else { continue };
            let file = self.clone();
            // The disk may be slow, and the machines must not wait for it.
            match spawn_blocking(move || file.write(&bytes)).await {
                Ok(Ok(())) => (kept, failed) = (revision, false),
                Ok(Err(e)) if !failed => {
                    (self.warn)(&format!("{}: not written, tried again: {e}", self.path.display()));
                    failed = true;
                }
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }

    /// Writes the state a last time, when the program ends.
    pub fn finish(&self, handle: &Handle) {
        if let Some((_, bytes)) = handle.state_since(0)
            && let Err(e) = self.write(&bytes)
        {
            (self.warn)(&format!("{}: not written: {e}", self.path.display()));
        }
    }

    /// Whole or not at all, and on the disk when this returns: written aside, synced, renamed.
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let aside = self.path.with_extension("gem.new");
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, &self.path)?;
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_and_one_that_is_damaged_is_kept_aside() {
        let dir = std::env::temp_dir().join(format!("aegis-gem-state-{}", std::process::id()));
        let folder = StateFolder { path: dir.clone(), warn: |_| {} };
        let (file, empty) = StateFile::open(&folder, "WB-01").unwrap();
        assert!(empty.is_empty());
        for bytes in [&b"one"[..], b"another"] {
            file.write(bytes).unwrap();
            assert_eq!(StateFile::open(&folder, "WB-01").unwrap().1, bytes);
        }
        file.set_aside(&"damaged").unwrap();
        assert!(StateFile::open(&folder, "WB-01").unwrap().1.is_empty());
        assert_eq!(fs::read(dir.join("WB-01.gem.damaged")).unwrap(), b"another");
        // What cannot be a folder is told.
        let bad = StateFolder { path: dir.join("WB-01.gem.damaged"), warn: |_| {} };
        assert!(StateFile::open(&bad, "WB-01").is_err());
        fs::remove_dir_all(dir).unwrap();
    }
}
