//! An operator at the served GEM equipment: orders from standard input, a line each.

use std::collections::BTreeMap;
use std::io::{BufRead, Write as _};

use aegis_adapters::hsms::serve::Handle;
use tokio::sync::mpsc;

/// Lines that may wait: who writes faster waits instead.
const WAITING: usize = 16;

/// Obeys until standard input ends.
pub async fn obey(equipment: BTreeMap<String, Handle>) {
    let (sender, mut lines) = mpsc::channel(WAITING);
    // Reading standard input blocks: a thread of its own waits for its lines and its end.
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        lines.take_while(|line| sender.blocking_send(line.clone()).is_ok()).for_each(drop);
    });
    while let Some(line) = lines.recv().await {
        if !line.trim().is_empty() {
            // Beside what a program reads from standard output.
            let _ = writeln!(anstream::stderr(), "{}", answer(&equipment, &line));
        }
    }
}

/// What comes of one line: the machine's panel, or why nothing was done.
fn answer(equipment: &BTreeMap<String, Handle>, line: &str) -> String {
    let (name, order) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let Some(handle) = equipment.get(name) else {
        let known: Vec<_> = equipment.keys().map(String::as_str).collect();
        return format!("{name}: no GEM equipment is named so; there are {}", known.join(", "));
    };
    match handle.with(|e, now| e.operate(now, order)) {
        Ok(panel) => format!("{name}: {panel}"),
        Err(e) => format!("{name}: not done: {e}"),
    }
}
