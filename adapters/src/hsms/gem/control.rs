//! The control state model (E30): who is in charge, and how much of it the host may be.

use aegis_models::Time;

use super::super::{Item, Message};
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::own::{self, OwnEvent};
use super::read::Illegal;
use super::send::Purpose;

/// The states, by their ControlState value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlState {
    /// Off-line by the operator's word.
    EquipmentOffline = 1,
    /// S1F1 is sent, to see whether a host is there.
    AttemptOnline = 2,
    /// Off-line by the host's word, which alone can change it.
    HostOffline = 3,
    /// On-line; the operator commands.
    Local = 4,
    /// On-line; the host commands.
    Remote = 5,
}

impl ControlState {
    /// Whether host and equipment exchange more than greetings.
    pub fn is_online(self) -> bool {
        matches!(self, ControlState::Local | ControlState::Remote)
    }

    pub(super) fn numbered(n: f64) -> ControlState {
        match n as u8 {
            1 => ControlState::EquipmentOffline,
            2 => ControlState::AttemptOnline,
            3 => ControlState::HostOffline,
            4 => ControlState::Local,
            _ => ControlState::Remote,
        }
    }
}

/// Where the model stands.
#[derive(Clone, Debug)]
pub(super) struct Control {
    pub state: ControlState,
    /// Local or remote, as the operator turned the switch; untouched, the constant OnLineSubstate says.
    pub switch: Option<ControlState>,
    /// Whether the S1F1 of an attempt waits for its answer.
    asked: bool,
    /// The operator's last word on on-line or off-line, which a restart keeps; without one the constants say.
    pub operator: Option<bool>,
}

impl Default for Control {
    fn default() -> Control {
        Control { state: ControlState::EquipmentOffline, switch: None, asked: false, operator: None }
    }
}

impl Equipment {
    /// The control state.
    pub fn control_state(&self) -> ControlState {
        self.control.state
    }

    /// The operator asks to go on-line: S1F1 asks whether a host is there.
    pub fn operator_online(&mut self, now: Time) {
        self.advance(now);
        self.changed();
        self.control.operator = Some(true);
        self.operator_did("ON-LINE");
        if self.control.state == ControlState::EquipmentOffline {
            self.attempt_online();
        }
        self.pump();
    }

    /// The operator goes off-line.
    pub fn operator_offline(&mut self, now: Time) {
        self.advance(now);
        self.changed();
        self.control.operator = Some(false);
        self.operator_did("OFF-LINE");
        self.go_offline(ControlState::EquipmentOffline);
        self.pump();
    }

    /// The operator turns the switch to local.
    pub fn operator_local(&mut self, now: Time) {
        self.switch(now, ControlState::Local, "LOCAL");
    }

    /// The operator turns the switch to remote.
    pub fn operator_remote(&mut self, now: Time) {
        self.switch(now, ControlState::Remote, "REMOTE");
    }

    fn switch(&mut self, now: Time, to: ControlState, name: &str) {
        self.advance(now);
        self.changed();
        self.control.switch = Some(to);
        self.operator_did(name);
        if self.control.state.is_online() && self.control.state != to {
            self.go_online();
        }
        self.pump();
    }

    /// E30 asks for an event on every operator's command while the host is in charge.
    pub(super) fn operator_did(&mut self, command: &str) {
        self.happened.operator_command = command.to_owned();
        if self.control.state == ControlState::Remote {
            self.fire_own(OwnEvent::OperatorCommandIssued);
        }
    }

    /// The state after switching on (E30, control state model, default entries).
    pub(super) fn start_control(&mut self) {
        let online = self.control.operator.unwrap_or(self.constants.get(own::INIT_CONTROL_STATE) == 2.0);
        // An operator who went off-line wants no attempt.
        let operator = self.control.operator.is_some();
        self.control.state = match (online, ControlState::numbered(self.constants.get(own::OFFLINE_SUBSTATE)))
        {
            (true, _) => self.online_as(),
            (false, ControlState::AttemptOnline) if operator => ControlState::EquipmentOffline,
            // The attempt is made as soon as there is a host.
            (false, state) => state,
        };
    }

    fn online_as(&self) -> ControlState {
        let constant = ControlState::numbered(self.constants.get(own::ONLINE_SUBSTATE));
        self.control.switch.unwrap_or(constant)
    }

    /// S1F1 for an attempt that waits for a host, now that communications are established.
    pub(super) fn attempt_due(&mut self) {
        let waits = self.control.state == ControlState::AttemptOnline && !self.control.asked;
        if waits && self.is_communicating() {
            self.attempt_online();
        }
    }

    fn online_failed(&self) -> ControlState {
        match ControlState::numbered(self.constants.get(own::ONLINE_FAILED)) {
            ControlState::HostOffline => ControlState::HostOffline,
            _ => ControlState::EquipmentOffline,
        }
    }

    fn attempt_online(&mut self) {
        let message = Message { stream: 1, function: 1, wants_reply: true, body: None };
        let sent = self.is_communicating() && self.send_now(message, Purpose::AreYouThere).is_ok();
        self.control.asked = sent;
        self.control.state = if sent { ControlState::AttemptOnline } else { self.online_failed() };
    }

    /// What came of our S1F1.
    pub(super) fn attempted(&mut self, reply: Option<&Message>) {
        if !std::mem::take(&mut self.control.asked) || self.control.state != ControlState::AttemptOnline {
            return;
        }
        match reply {
            Some(m) if (m.stream, m.function) == (1, 2) => self.go_online(),
            _ => self.control.state = self.online_failed(),
        }
    }

    pub(super) fn control_link_lost(&mut self) {
        self.attempted(None);
    }

    fn go_online(&mut self) {
        self.control.state = self.online_as();
        self.fire_own(match self.control.state {
            ControlState::Local => OwnEvent::ControlStateLocal,
            _ => OwnEvent::ControlStateRemote,
        });
    }

    /// The event is the last that is told before the silence.
    fn go_offline(&mut self, to: ControlState) {
        if self.control.state.is_online() {
            self.fire_own(OwnEvent::EquipmentOffline);
            self.traces.clear();
        }
        self.control.state = to;
    }

    /// S1F15: the host takes the equipment off-line.
    pub(super) fn s1f15(&mut self) -> Answer {
        self.go_offline(ControlState::HostOffline);
        Answer::code(0)
    }

    /// S1F17: the host asks it on-line, which it may where it took it off-line itself.
    pub(super) fn s1f17(&mut self) -> Answer {
        match self.control.state {
            ControlState::HostOffline => {
                self.go_online();
                Answer::code(0)
            }
            ControlState::Local | ControlState::Remote => Answer::code(2),
            _ => Answer::code(1),
        }
    }

    /// S1F1: is it there.
    pub(super) fn s1f1(&mut self) -> Result<Answer, Illegal> {
        Ok(Answer::Body(self.identity()))
    }

    pub(super) fn control_item(&self) -> Item {
        Item::U1(vec![self.control.state as u8])
    }
}
