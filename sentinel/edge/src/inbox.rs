//! Answers that people leave as files, until a hub carries them: `inbox/*.json`, each an answer, a stop or an
//! acknowledgement in the form of an [`Input`]. What is taken moves to `done/`, what is none of these to `refused/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aegis_models::limits;
use aegis_sentinel::Input;

use crate::voice::complain;

/// Files that one look takes; the next look takes more.
const FILES: usize = 64;
/// Looks after which a file that ends too early is no longer being written.
const LOOKS: u32 = 25;

/// The folder, and what is known of files that could not be taken.
pub struct Inbox {
    dir: PathBuf,
    /// How often a file was looked at in vain. Only files that still lie there stand here.
    looks: BTreeMap<PathBuf, u32>,
}

enum Content {
    /// What a person may say.
    Word(Input),
    /// It ends too early: perhaps somebody writes it just now.
    Unfinished(String),
    /// It counts for nothing, and why.
    Wrong(String),
}

impl Inbox {
    /// The inbox in that folder.
    pub fn new(dir: PathBuf) -> Inbox {
        Inbox { dir, looks: BTreeMap::new() }
    }

    /// Takes what lies there, in the order of the names.
    pub fn take(&mut self) -> Vec<Input> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let mut files: Vec<_> = entries
            .filter_map(|e| e.ok().map(|e| e.path()))
            .filter(|p| p.extension().is_some_and(|e| e == "json"))
            .collect();
        files.sort();
        self.looks.retain(|p, _| files.binary_search(p).is_ok());
        files.retain(|p| self.looks.get(p).is_none_or(|n| *n < LOOKS));
        files.truncate(FILES);
        files.iter().filter_map(|path| self.take_one(path)).collect()
    }

    fn take_one(&mut self, path: &Path) -> Option<Input> {
        match read(path) {
            // Away before it is obeyed: a crash in between loses an answer, which can be given again, but never
            // gives one twice.
            Content::Word(input) => return self.put(path, "done").then_some(input),
            Content::Unfinished(why) => {
                let n = self.looks.entry(path.to_owned()).or_insert(0);
                *n += 1;
                if *n < LOOKS {
                    return None;
                }
                complain(format_args!("{}: {why}", path.display()));
            }
            Content::Wrong(why) => complain(format_args!("{}: {why}", path.display())),
        }
        self.put(path, "refused");
        None
    }

    /// Moves a file out of the way. One that cannot be moved counts for nothing, and is not complained of again.
    fn put(&mut self, path: &Path, folder: &str) -> bool {
        let folder = self.dir.join(folder);
        let to = folder.join(path.file_name().unwrap_or_default());
        match fs::create_dir_all(&folder).and_then(|()| fs::rename(path, &to)) {
            Ok(()) => true,
            Err(e) => {
                complain(format_args!("{}: it cannot be put there: {e}", to.display()));
                self.looks.insert(path.to_owned(), LOOKS);
                false
            }
        }
    }
}

fn read(path: &Path) -> Content {
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(e) => return Content::Wrong(e.to_string()),
    };
    if !about.is_file() || about.len() > limits::FILE_BYTES {
        return Content::Wrong(format!("not a file of at most {} bytes", limits::FILE_BYTES));
    }
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) => return Content::Wrong(e.to_string()),
    };
    match serde_json::from_slice(&bytes) {
        Ok(input @ (Input::Answer(_) | Input::Stop(_) | Input::Acknowledge { .. })) => Content::Word(input),
        // Nothing else is a person's to say: a frame from here would be a forged measurement.
        Ok(_) => Content::Wrong("only answer, stop and acknowledge count".to_owned()),
        Err(e) if e.is_eof() => Content::Unfinished(e.to_string()),
        Err(e) => Content::Wrong(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: &str = r#"{"input":"acknowledge","incident":"a/FFU-01/1"}"#;

    fn names(dir: PathBuf) -> Vec<String> {
        let entries = fs::read_dir(dir).into_iter().flatten();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_person_says_three_things_and_everything_else_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| fs::write(dir.path().join(name), text).unwrap();
        write("1.json", SEEN.as_bytes());
        write("2.json", br#"{"input":"durable","id":{"boot":1,"number":1}}"#);
        write(
            "3.json",
            br#"{"input":"written","id":{"boot":1,"number":1},"outcome":{"outcome":"accepted"}}"#,
        );
        write("4.json", br#"{"input":"link","machine":0,"up":true,"detail":""}"#);
        write("5.json", b"no JSON");
        write("6.json", &vec![b' '; limits::FILE_BYTES as usize + 1]);
        fs::create_dir(dir.path().join("7.json")).unwrap();
        write("note.txt", b"left alone");
        let mut inbox = Inbox::new(dir.path().to_owned());
        let taken = inbox.take();
        assert_eq!(taken, [Input::Acknowledge { incident: "a/FFU-01/1".to_owned() }]);
        assert_eq!(inbox.take(), [], "once");
        assert_eq!(names(dir.path().join("done")), ["1.json"]);
        let refused = ["2.json", "3.json", "4.json", "5.json", "6.json", "7.json"];
        assert_eq!(names(dir.path().join("refused")), refused);
        assert_eq!(names(dir.path().to_owned()), ["done", "note.txt", "refused"]);
    }

    #[test]
    fn a_file_that_is_being_written_is_waited_for_and_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let mut inbox = Inbox::new(dir.path().to_owned());
        fs::write(dir.path().join("1.json"), &SEEN[..20]).unwrap();
        assert_eq!(inbox.take(), []);
        fs::write(dir.path().join("1.json"), SEEN).unwrap();
        assert_eq!(inbox.take().len(), 1);
        fs::write(dir.path().join("2.json"), &SEEN[..20]).unwrap();
        (0..LOOKS).for_each(|_| assert_eq!(inbox.take(), []));
        assert_eq!(names(dir.path().join("refused")), ["2.json"]);
    }

    #[test]
    fn a_word_that_cannot_be_put_away_is_not_obeyed_again_and_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("done"), "a file where the folder belongs").unwrap();
        fs::write(dir.path().join("1.json"), SEEN).unwrap();
        let mut inbox = Inbox::new(dir.path().to_owned());
        (0..3).for_each(|_| assert_eq!(inbox.take(), []));
    }
}
