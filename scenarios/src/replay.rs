//! Feeds a recording to a fresh sentinel: the same inputs must make the same events.

use std::path::Path;

use aegis_models::event::{Event, Source};
use aegis_models::{Frame, Time};
use aegis_sentinel::{Input, Output};
use aegis_sim::STEP;
use aegis_sim::record::{BadRecording, Frames, read_lines};

use crate::run::About;
use crate::world::{agent_for, machine_configs};

/// What a replay made, beside what was recorded.
pub struct Replay {
    /// The sentinel's events now.
    pub events: Vec<Event>,
    /// The sentinel's events as recorded.
    pub recorded: Vec<Event>,
}

impl Replay {
    /// The first place at which they differ.
    pub fn first_difference(&self) -> Option<usize> {
        let longest = self.events.len().max(self.recorded.len());
        (0..longest).find(|i| self.events.get(*i) != self.recorded.get(*i))
    }
}

/// A recording could not be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error(transparent)]
    Recording(#[from] BadRecording),
    /// `run.json` is missing or no such thing.
    #[error("{0}: {1}; a recording made by aegis run --record would be right")]
    About(String, String),
}

/// What a recording says of itself.
pub fn about(dir: &Path) -> Result<About, ReplayError> {
    let path = dir.join("run.json");
    let bad = |e: String| ReplayError::About(path.display().to_string(), e);
    let text = std::fs::read_to_string(&path).map_err(|e| bad(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| bad(e.to_string()))
}

/// Replays the recording in `dir`.
pub fn replay(dir: &Path) -> Result<Replay, ReplayError> {
    let about = about(dir)?;
    let machines: Vec<_> = machine_configs(&about.site).into_iter().map(|m| (m.name, m.profile)).collect();
    let mut frames =
        Ordered { frames: Frames::open(dir, &machines)?, chunk: Vec::new().into_iter().peekable() };
    let said: Vec<(u64, Time, Input)> = read_lines(&dir.join("inputs.jsonl"))?;
    let mut said = said.into_iter().peekable();
    let told: Vec<Event> = read_lines(&dir.join("events.jsonl"))?;
    let mut agent = agent_for(&about.site, Time::ZERO);
    let mut events = Vec::new();
    let mut now = Time::ZERO;
    while now.ns < about.duration_ns {
        now = now.after(STEP);
        loop {
            let frame = frames.peek()?.filter(|(_, t)| *t <= now).map(|(order, _)| order);
            let input = said.peek().filter(|(_, t, _)| *t <= now).map(|(order, ..)| *order);
            let next = match (frame, input) {
                (None, None) => break,
                (Some(f), i) if i.is_none_or(|i| f < i) => frames.chunk.next().map(|(_, f)| Input::Frame(f)),
                _ => said.next().map(|(_, _, input)| input),
            };
            let Some(input) = next else { break };
            agent.handle(now, input);
            drain(&mut agent, &mut events);
        }
    }
    let recorded = told.into_iter().filter(|e| e.source == Source::Sentinel).collect();
    Ok(Replay { events, recorded })
}

fn drain(agent: &mut aegis_sentinel::Agent, events: &mut Vec<Event>) {
    while let Some(output) = agent.poll() {
        // Intents and writes were answered when the recording was made: the answers stand among the inputs.
        if let Output::Event(event) = output {
            events.push(event);
        }
    }
}

/// Frames in order, chunk by chunk.
struct Ordered {
    frames: Frames,
    chunk: std::iter::Peekable<std::vec::IntoIter<(u64, Frame)>>,
}

impl Ordered {
    fn peek(&mut self) -> Result<Option<(u64, Time)>, BadRecording> {
        while self.chunk.peek().is_none() {
            match self.frames.next_chunk()? {
                Some(chunk) => self.chunk = chunk.into_iter().peekable(),
                None => return Ok(None),
            }
        }
        Ok(self.chunk.peek().map(|(order, f)| (*order, f.time)))
    }
}
