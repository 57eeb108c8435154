//! The processing state model (E30), which follows what the machine does and what it was told.
//!
//! ```text
//!   INIT --> IDLE --> SETUP --> READY --> EXECUTING <--> PAUSE
//!              ^                             |             |
//!              +-----------------------------+-------------+
//! ```

use aegis_models::profile::GemProcessState;

use super::catalog::Condition;
use super::equipment::Equipment;
use super::own::OwnEvent;

/// Where the model stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    pub state: GemProcessState,
    pub previous: GemProcessState,
    /// Whether the machine works.
    pub running: bool,
    /// Where a command wants it to be once it works no more.
    pub wanted: Option<Wanted>,
}

/// What a command wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wanted {
    pub state: GemProcessState,
    /// The command's number.
    pub by: u64,
}

impl Equipment {
    /// The processing state.
    pub fn process_state(&self) -> GemProcessState {
        self.process.state
    }

    /// Follows the machine: it works, or works no more.
    pub(super) fn follow_process(&mut self) {
        let before = self.process.running;
        if let Some(running) = &self.catalog.running {
            let value = self.machine.value(running.point);
            if value.is_nan() {
                return;
            }
            self.process.running = running.rule.holds(before, value);
        }
        match (self.process.state, self.process.running) {
            (GemProcessState::Init, false) => self.enter(GemProcessState::Idle),
            (GemProcessState::Executing, true) => {}
            (from, true) => {
                self.process.wanted = None;
                self.enter(GemProcessState::Executing);
                if from != GemProcessState::Pause {
                    self.fire_own(OwnEvent::ProcessingStarted);
                }
            }
            (GemProcessState::Executing, false) => match self.process.wanted.take().map(|w| w.state) {
                Some(GemProcessState::Pause) => self.enter(GemProcessState::Pause),
                Some(state) => {
                    self.enter(state);
                    self.fire_own(OwnEvent::ProcessingStopped);
                }
                None => {
                    self.enter(GemProcessState::Idle);
                    // It may still work and does not: its work is done. Otherwise somebody told it by a set-point.
                    self.fire_own(if self.may_work() {
                        OwnEvent::ProcessingCompleted
                    } else {
                        OwnEvent::ProcessingStopped
                    });
                }
            },
            (_, false) => {}
        }
    }

    /// Whether nothing forbids the machine to work.
    fn may_work(&self) -> bool {
        let allowed = |c: &Condition| c.rule.holds(false, self.machine.value(c.point));
        self.catalog.enabled.as_ref().is_none_or(allowed)
    }

    /// The state changes, which is an event.
    pub(super) fn enter(&mut self, state: GemProcessState) {
        if self.process.state == state {
            return;
        }
        self.process.previous = std::mem::replace(&mut self.process.state, state);
        self.fire_own(OwnEvent::ProcessingStateChange);
    }
}
