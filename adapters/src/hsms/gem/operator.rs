//! What an operator says at the machine: one line an order.

use aegis_models::Time;

use super::control::ControlState;
use super::equipment::Equipment;

/// An order that is none, or that cannot be done now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadOrder(String);

/// Every order, for who needs to be told.
const ORDERS: &str = "online, offline, local, remote, enable, disable, terminal TEXT, recognise, upload PPID, \
                      download PPID, constant NAME VALUE, show";

impl Equipment {
    /// Does what an operator says, and gives what the panel shows then.
    pub fn operate(&mut self, now: Time, order: &str) -> Result<String, BadOrder> {
        let (verb, rest) = order.trim().split_once(char::is_whitespace).unwrap_or((order.trim(), ""));
        let (rest, refuse) = (rest.trim(), |why: &str| Err(BadOrder(why.to_owned())));
        let takes_nothing = !matches!(verb, "terminal" | "upload" | "download" | "constant");
        if takes_nothing && !rest.is_empty() {
            return refuse(&format!("{verb} takes nothing behind it, and {rest:?} stands there"));
        }
        let state = self.control_state();
        match verb {
            "online" => match state {
                ControlState::EquipmentOffline => self.operator_online(now),
                ControlState::HostOffline => {
                    return refuse("the host took it off-line: offline first, then online, would be right");
                }
                _ => return refuse("it is on-line, or tries to be, already"),
            },
            "offline" if state == ControlState::EquipmentOffline => return refuse("it is off-line already"),
            "offline" => self.operator_offline(now),
            "local" => self.operator_local(now),
            "remote" => self.operator_remote(now),
            "enable" => self.enable(now),
            "disable" => self.disable(now),
            "terminal" if rest.is_empty() => return refuse("terminal without a text: terminal TEXT"),
            "terminal" if !self.operator_text(now, rest) => {
                return refuse("the text is too long, or the equipment off-line");
            }
            "recognise" if !self.terminal_waits() => return refuse("no text waits to be recognised"),
            "recognise" => self.operator_recognises(now),
            "upload" if !self.operator_upload(now, rest) => {
                return refuse("there is no recipe of that name, or the equipment is off-line");
            }
            "download" if rest.is_empty() || !self.operator_download(now, rest) => {
                return refuse("a recipe's name would be right here, and an equipment that is on-line");
            }
            "constant" => {
                let (name, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                if !value.trim().parse().is_ok_and(|v| self.operator_constant(now, name, v)) {
                    return refuse("no constant of the equipment has that name and may have that value");
                }
            }
            "terminal" | "upload" | "download" | "show" => {}
            _ => return refuse(&format!("{verb:?} is no order: {ORDERS}")),
        }
        Ok(self.panel())
    }

    /// What the operator's panel shows.
    fn panel(&self) -> String {
        let control = match self.control_state() {
            ControlState::EquipmentOffline => "off-line",
            ControlState::AttemptOnline => "attempts to go on-line",
            ControlState::HostOffline => "off-line by the host",
            ControlState::Local => "on-line, local",
            ControlState::Remote => "on-line, remote",
        };
        let host = match (self.is_enabled(), self.is_communicating()) {
            (false, _) => "host not wanted",
            (true, false) => "no host",
            (true, true) => "communicating",
        };
        let mut panel = format!("{control}; {host}; {:?}; {} spooled", self.process_state(), self.spooled());
        for line in self.terminal() {
            panel += &format!("; {:?}", line);
        }
        panel
    }
}
