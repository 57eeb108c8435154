//! Values of variables, and what a host asks of them: S1F3, S1F11, S1F21.

use aegis_models::profile::GemClass;

use super::super::Item;
use super::catalog::{self, Origin};
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::own::{self, Own};
use super::read::{self, Id, Illegal};
use super::recipes::ppid_item;

impl Equipment {
    /// The value of a variable of any class; `None` when there is no such variable.
    pub(super) fn value(&self, vid: u32) -> Option<Item> {
        let variable = self.catalog.variables.get(&vid)?;
        Some(match variable.origin {
            Origin::Point(ix) => catalog::item(variable.data, self.machine.value(ix)),
            Origin::Own(Own::Constant(i)) => catalog::item(variable.data, self.constants.get(i)),
            Origin::Own(own) => self.own_value(own),
        })
    }

    fn own_value(&self, own: Own) -> Item {
        let h = &self.happened;
        let numbers =
            |ids: &mut dyn Iterator<Item = u32>| Item::List(ids.map(|i| Item::U4(vec![i])).collect());
        match own {
            Own::Clock => Item::text(&self.time_text()),
            Own::ControlState => self.control_item(),
            Own::ProcessState => Item::U1(vec![self.process.state as u8]),
            Own::PreviousProcessState => Item::U1(vec![self.process.previous as u8]),
            Own::EventsEnabled => numbers(&mut self.reports.enabled()),
            Own::AlarmsEnabled => numbers(&mut self.alarms.enabled.iter().copied()),
            Own::AlarmsSet => numbers(&mut self.alarms.set.iter().copied()),
            Own::PpExecName => ppid_item(&self.executing()),
            Own::Model => Item::text(&self.catalog.layout.model),
            Own::Software => Item::text(&self.catalog.layout.software),
            Own::SpoolCountActual => Item::U4(vec![self.spool.len() as u32]),
            Own::SpoolCountTotal => Item::U4(vec![self.spool.total]),
            Own::SpoolFullTime => Item::text(&self.spool.full_time),
            Own::SpoolStartTime => Item::text(&self.spool.start_time),
            // 1: unformatted process programs (E30, process recipe management).
            Own::PpFormat => Item::U1(vec![1]),
            Own::AlarmId => Item::U4(vec![h.alarm_id]),
            Own::EcidChanged => Item::U4(vec![h.ecid_changed]),
            Own::PpChangeName => ppid_item(&h.pp_change_name),
            Own::PpChangeStatus => Item::U1(vec![h.pp_change_status]),
            Own::PpError => Item::text(&h.pp_error),
            Own::OperatorCommand => Item::text(&h.operator_command),
            Own::EventLimit => Item::Binary(h.event_limit.clone()),
            Own::LimitVariable => Item::U4(vec![h.limit_variable]),
            Own::TransitionType => Item::Binary(vec![h.transition_type]),
            Own::CommandName => Item::text(&h.command_name),
            Own::Constant(i) => catalog::item(own::CONSTANTS[i].data, self.constants.get(i)),
        }
    }

    /// The wall clock in the form that the constant TimeFormat asks for.
    pub(super) fn time_text(&self) -> String {
        self.clock.text(self.now, self.constants.get(own::TIME_FORMAT) as u8)
    }

    /// The identifiers that a request names; all of a class when it names none.
    pub(super) fn asked(&self, class: GemClass, body: Option<&Item>) -> Result<Vec<Id>, Illegal> {
        let all: Vec<u32> = self.catalog.of(class).map(|(id, _)| id).collect();
        read::named(body, all.iter())
    }

    /// S1F3: values of status variables, an empty list for each that is none.
    pub(super) fn s1f3(&self, body: Option<&Item>) -> Result<Answer, Illegal> {
        self.values_of(GemClass::Status, body)
    }

    /// Values of a class, by number.
    pub(super) fn values_of(&self, class: GemClass, body: Option<&Item>) -> Result<Answer, Illegal> {
        let value = |id: &Id| self.catalog.get(class, id).and_then(|(vid, _)| self.value(vid));
        let ids = self.asked(class, body)?;
        Ok(Answer::rows(ids.iter().map(|id| value(id).unwrap_or_else(|| Item::List(vec![])))))
    }

    /// S1F11: names and units of status variables.
    pub(super) fn s1f11(&self, body: Option<&Item>) -> Result<Answer, Illegal> {
        self.names_of(GemClass::Status, body)
    }

    /// S1F21: names and units of data values.
    pub(super) fn s1f21(&self, body: Option<&Item>) -> Result<Answer, Illegal> {
        self.names_of(GemClass::Data, body)
    }

    fn names_of(&self, class: GemClass, body: Option<&Item>) -> Result<Answer, Illegal> {
        let row = |id: &Id| {
            let known = self.catalog.get(class, id);
            let (name, unit) = known.map_or(("", ""), |(_, v)| (v.name.as_str(), v.unit.as_str()));
            Item::List(vec![id.item(), Item::text(name), Item::text(unit)])
        };
        Ok(Answer::rows(self.asked(class, body)?.iter().map(row)))
    }
}
