//! What the sentinel says: events on standard output, complaints on standard error. Neither may stop the guard.

use std::fmt::Arguments;
use std::io::{Write, stderr, stdout};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::time::Duration;

use aegis_models::Event;
use aegis_models::event::words;

/// Lines that may wait for a reader who is slow.
const LINES: usize = 10_000;
/// How long what still waits may take to be read when the sentinel ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How events are told on standard output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A line each, for people.
    Words,
    /// A JSON object each.
    Json,
    /// Not at all.
    Silent,
}

/// Standard output, written by a thread of its own: a reader that stands still must not stop the guard.
pub struct Voice {
    form: Form,
    lines: SyncSender<String>,
    said_all: Receiver<()>,
    /// Lines that nobody was there to read.
    lost: u64,
}

impl Voice {
    /// A voice that tells events in that form.
    pub fn new(form: Form) -> Voice {
        let (lines, waiting) = sync_channel::<String>(LINES);
        let (done, said_all) = channel::<()>();
        std::thread::spawn(move || {
            // What is told to a reader that has gone away is still taken, so that nothing piles up.
            waiting.iter().for_each(|line| drop(writeln!(stdout(), "{line}")));
            drop(done);
        });
        Voice { form, lines, said_all, lost: 0 }
    }

    /// Tells an event. It never waits: what finds no room stands in the log alone.
    pub fn tell(&mut self, event: &Event) {
        let line = match self.form {
            Form::Silent => return,
            Form::Words => words::line(event),
            Form::Json => serde_json::to_string(event).unwrap_or_default(),
        };
        match self.lines.try_send(line) {
            Ok(()) if self.lost > 0 => {
                let lost = std::mem::take(&mut self.lost);
                complain(format_args!(
                    "{lost} events were not printed, for nobody read them; the log has them"
                ));
            }
            Err(TrySendError::Full(_)) => self.lost += 1,
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        }
    }

    /// Waits, for a bounded time, until everything is told.
    pub fn end(self) {
        let Voice { lines, said_all, .. } = self;
        drop(lines);
        // Nothing is ever sent: it ends with the thread, or with the time.
        let _ = said_all.recv_timeout(LAST_WORDS);
    }
}

/// Says what is wrong on standard error. `eprintln!` would panic when its reader is gone, and end the guard.
pub fn complain(what: Arguments<'_>) {
    let _ = writeln!(stderr(), "aegis-sentinel: {what}");
}
