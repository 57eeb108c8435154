//! Answers that people leave as files, until a hub carries them: `inbox/*.json`, each an answer, a stop or an
//! acknowledgement in the form of an [`Input`].

use std::fs;
use std::path::Path;

use aegis_models::limits;
use aegis_sentinel::Input;

/// Takes what lies in the inbox, oldest name first. What is no answer is put aside under `refused/`.
pub fn take(dir: &Path) -> Vec<Input> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    files.iter().filter_map(|path| take_one(dir, path)).collect()
}

fn take_one(dir: &Path, path: &Path) -> Option<Input> {
    let small = fs::metadata(path).is_ok_and(|m| m.len() <= limits::FILE_BYTES);
    let read = small.then(|| fs::read(path).ok()).flatten()?;
    match serde_json::from_slice(&read) {
        // Nothing else is a person's to say: a frame from here would be a forged measurement.
        Ok(input @ (Input::Answer(_) | Input::Stop(_) | Input::Acknowledge { .. })) => {
            // Gone before it is obeyed: a crash in between loses an answer, which can be given again, but never
            // gives one twice.
            fs::remove_file(path).ok().map(|()| input)
        }
        other => {
            let why = other
                .map_or_else(|e| e.to_string(), |_| "only answer, stop and acknowledge count".to_owned());
            eprintln!("aegis-sentinel: {}: {why}", path.display());
            let aside = dir.join("refused");
            let moved = fs::create_dir_all(&aside)
                .and_then(|()| fs::rename(path, aside.join(path.file_name().unwrap_or_default())));
            if let Err(e) = moved {
                eprintln!("aegis-sentinel: {}: {e}", aside.display());
            }
            None
        }
    }
}
