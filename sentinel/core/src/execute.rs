//! The execution track of one command: intended, made durable, sent, read back, effect checked, or rolled back.
//!
//! ```text
//! AwaitDurable -> AwaitWritten -> AwaitReadBack -> AwaitEffect -> done
//!                       |               |               `-> roll back (unless RED: hold) -> AwaitDurable ...
//!                       `-> Unknown ----'   a lost answer is read back, never sent again
//! ```

use std::time::Duration;

use aegis_models::event::ExecutionStep;
use aegis_models::{Command, Time, Zone};
use serde::{Deserialize, Serialize};

use crate::io::WriteOutcome;
use crate::safety::EffectRule;

/// An intent must be durable, and a write answered, within this time.
const ANSWER: Duration = Duration::from_secs(15);
/// A set-point must read back within this time.
const READ_BACK: Duration = Duration::from_secs(15);

/// One command on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Over which incident.
    pub incident: String,
    /// The order now on its way.
    pub command: Command,
    /// The value the set-point had before [its unit].
    pub from: f64,
    /// How near a reading must be to count as the value [the set-point's unit].
    pub tolerance: f64,
    /// What must be seen; none for a stop and for a rollback.
    pub effect: Option<EffectRule>,
    /// The effect channel's smoothed value before [its unit].
    pub before: Option<f64>,
    /// This command takes an earlier one back.
    pub rollback: bool,
    /// A person's own stop: it passes in RED.
    pub stop: bool,
    /// Where it stands.
    pub phase: Phase,
    /// When it stops waiting there.
    pub deadline: Time,
    /// What the set-point last read as while it was waited for [its unit].
    pub seen: Option<f64>,
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Its intent is not yet durable: nothing may be sent.
    AwaitDurable,
    /// Sent, not answered.
    AwaitWritten,
    /// It may or may not have arrived: only reading tells.
    Unknown,
    /// Taken by the device, not yet read back.
    AwaitReadBack,
    /// Read back; the effect is still to show.
    AwaitEffect,
    /// A rollback is due and waits for the set-point's rate limit.
    AwaitRollback,
}

/// What an execution's step means for the agent.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It goes on, and this is worth telling.
    Step(ExecutionStep, String),
    /// It is over, and this is worth telling.
    Over(ExecutionStep, String, End),
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As hoped.
    Well,
    /// It did nothing, and nothing is left to take back.
    Vain,
    /// It never arrived: the way there failed, and the machine knows nothing of it.
    Lost,
    /// It is not known what the machine does now.
    Doubt,
}

impl Execution {
    /// The agent may send the command now.
    pub fn sent(&mut self, now: Time) {
        self.phase = Phase::AwaitWritten;
        self.deadline = now.after(ANSWER);
        self.seen = None;
    }

    /// A rollback's intent is asked for; the command carries its own name.
    pub fn roll_back(&mut self, command: Command, now: Time) {
        let to = std::mem::replace(&mut self.command, command).value;
        self.from = to;
        self.rollback = true;
        self.effect = None;
        self.phase = Phase::AwaitDurable;
        self.deadline = now.after(ANSWER);
    }

    /// The process stopped in between. True when a write may have been under way, whose outcome is unknown now.
    pub fn interrupted(&mut self, now: Time) -> bool {
        let under_way = matches!(self.phase, Phase::AwaitDurable | Phase::AwaitWritten);
        if under_way {
            self.phase = Phase::Unknown;
        }
        self.seen = None;
        self.deadline = now.after(READ_BACK.max(Duration::from_secs(60)));
        under_way
    }

    /// The device answered, or did not.
    pub fn written(&mut self, outcome: &WriteOutcome, now: Time) -> Progress {
        self.deadline = now.after(READ_BACK);
        match outcome {
            WriteOutcome::Accepted => {
                self.phase = Phase::AwaitReadBack;
                Progress::Step(ExecutionStep::Acknowledged, "the device took it".to_owned())
            }
            WriteOutcome::Refused { reason } => {
                Progress::Over(ExecutionStep::Refused, reason.clone(), End::Vain)
            }
            WriteOutcome::Unknown { reason } => {
                self.phase = Phase::Unknown;
                Progress::Step(ExecutionStep::Sent, format!("no answer ({reason}): reading it back"))
            }
        }
    }

    /// The set-point reads `value`.
    pub fn reads(&mut self, value: f64, now: Time) -> Option<Progress> {
        if !matches!(self.phase, Phase::AwaitReadBack | Phase::Unknown) {
            return None;
        }
        let near = |x: f64| (value - x).abs() <= self.tolerance;
        if near(self.command.value) {
            let (step, detail) = (ExecutionStep::ReadBack, format!("reads {value}"));
            if self.rollback {
                return Some(Progress::Over(ExecutionStep::RolledBack, detail, End::Vain));
            }
            let Some(effect) = self.effect.as_ref().filter(|e| e.change_pct != 0.0) else {
                let step = if self.stop { step } else { ExecutionStep::EffectVerified };
                return Some(Progress::Over(step, detail, End::Well));
            };
            self.deadline = now.after(effect.window.0);
            self.phase = Phase::AwaitEffect;
            return Some(Progress::Step(step, detail));
        }
        // A device may take a moment to show what it took; only after the deadline is the old value an answer.
        self.seen = Some(value);
        (now >= self.deadline).then(|| self.read_back_failed())
    }

    /// The effect channel stands at `value`, smoothed.
    pub fn effect_reads(&mut self, value: f64) -> Option<Progress> {
        let (Phase::AwaitEffect, Some(effect), Some(before)) = (self.phase, &self.effect, self.before) else {
            return None;
        };
        let change = 100.0 * (value - before) / before.abs().max(f64::MIN_POSITIVE);
        let shows =
            if effect.change_pct > 0.0 { change >= effect.change_pct } else { change <= effect.change_pct };
        shows.then(|| {
            let detail = format!("{} moved {change:+.1} %", effect.channel);
            Progress::Over(ExecutionStep::EffectVerified, detail, End::Well)
        })
    }

    /// The machine is silent: what nobody can see is neither there nor missing, and what waits to be seen waits on. A
    /// person's stop does not: whoever gave it must hear in time that it is not confirmed.
    pub fn unseen(&mut self, now: Time) {
        let more = match (self.phase, &self.effect) {
            (Phase::Unknown | Phase::AwaitReadBack, _) => READ_BACK,
            (Phase::AwaitEffect, Some(effect)) => effect.window.0,
            _ => return,
        };
        if !self.stop {
            self.deadline = self.deadline.max(now.after(more));
            self.seen = None;
        }
    }

    /// Time has passed. In RED nothing is taken back: hold and alert.
    pub fn late(&mut self, now: Time, zone: Zone) -> Option<Progress> {
        if now < self.deadline {
            return None;
        }
        match self.phase {
            Phase::AwaitDurable => Some(Progress::Over(
                ExecutionStep::Held,
                "the intent was not made durable".to_owned(),
                End::Vain,
            )),
            Phase::AwaitWritten => {
                self.phase = Phase::Unknown;
                self.deadline = now.after(READ_BACK);
                Some(Progress::Step(ExecutionStep::Sent, "no answer in time: reading it back".to_owned()))
            }
            Phase::Unknown | Phase::AwaitReadBack => Some(self.read_back_failed()),
            Phase::AwaitEffect if zone == Zone::Red => {
                let detail = "no effect, and the zone is RED: held where it is".to_owned();
                Some(Progress::Over(ExecutionStep::Held, detail, End::Doubt))
            }
            Phase::AwaitEffect => {
                self.phase = Phase::AwaitRollback;
                let window = self.effect.as_ref().map(|e| e.window).unwrap_or_default();
                Some(Progress::Step(ExecutionStep::NoEffect, format!("none within {window}")))
            }
            Phase::AwaitRollback if zone == Zone::Red => {
                let detail = "the zone is RED: not taken back".to_owned();
                Some(Progress::Over(ExecutionStep::Held, detail, End::Doubt))
            }
            Phase::AwaitRollback => None,
        }
    }

    fn read_back_failed(&self) -> Progress {
        match self.seen {
            Some(v) if (v - self.from).abs() <= self.tolerance => {
                // A device that said it took it and did not is another matter than a way that lost it.
                let end = if self.phase == Phase::Unknown { End::Lost } else { End::Vain };
                Progress::Over(ExecutionStep::Held, format!("still reads {v}: it was not taken"), end)
            }
            Some(v) => {
                Progress::Over(ExecutionStep::Held, format!("reads {v}, which nobody asked for"), End::Doubt)
            }
            None => Progress::Over(ExecutionStep::Held, "does not read back".to_owned(), End::Doubt),
        }
    }
}
