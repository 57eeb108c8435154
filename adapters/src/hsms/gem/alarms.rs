//! Alarms: set and cleared by conditions over points; S5F1 to S5F8.

use std::collections::BTreeSet;

use aegis_models::profile::{GemAlarmEdge, GemTrigger};

use super::super::{Item, Message};
use super::catalog::Catalog;
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::own;
use super::read::{self, Id, Illegal};
use super::send::Purpose;

/// Which alarms are set, and which are told, by ALID.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Alarms {
    pub set: BTreeSet<u32>,
    pub enabled: BTreeSet<u32>,
}

/// Bit 8 of ALCD: the alarm is set (E5).
const SET: u8 = 0x80;

impl Alarms {
    pub fn new(catalog: &Catalog) -> Alarms {
        let enabled = catalog.alarms.iter().filter(|(_, (a, _))| a.enabled).map(|(id, _)| *id).collect();
        Alarms { set: BTreeSet::new(), enabled }
    }
}

impl Equipment {
    /// Sets and clears alarms by what the machine's values now are.
    pub(super) fn watch_alarms(&mut self) {
        let mut turned = Vec::new();
        for (alid, (_, when)) in &self.catalog.alarms {
            let before = self.alarms.set.contains(alid);
            let now = when.rule.holds(before, self.machine.value(when.point));
            if now != before {
                turned.push((*alid, now));
            }
        }
        for (alid, set) in turned {
            self.turn_alarm(alid, set);
        }
    }

    /// S5F1 where it is enabled, then the events of that alarm (E30, alarm management).
    fn turn_alarm(&mut self, alid: u32, set: bool) {
        self.changed();
        if set {
            self.alarms.set.insert(alid);
        } else {
            self.alarms.set.remove(&alid);
        }
        if self.control.state.is_online() && self.alarms.enabled.contains(&alid) {
            let wants_reply = self.constants.flag(own::W_BIT_S5);
            let message =
                Message { stream: 5, function: 1, wants_reply, body: Some(self.alarm_row(&Id::of(alid))) };
            self.queue(message, Purpose::Report);
        }
        self.happened.alarm_id = alid;
        let Some((alarm, _)) = self.catalog.alarms.get(&alid) else { return };
        let own = if set { alarm.set_ceid } else { alarm.clear_ceid };
        let told = |edge: &GemAlarmEdge| match edge {
            GemAlarmEdge::Set => set,
            GemAlarmEdge::Cleared => !set,
            GemAlarmEdge::Changed => true,
        };
        let general = self.catalog.layout.events.iter().filter(|e| match &e.on {
            GemTrigger::Alarm(edge) => told(edge),
            _ => false,
        });
        let ceids: Vec<u32> = std::iter::once(own).chain(general.map(|e| e.ceid)).collect();
        for ceid in ceids {
            self.fire(ceid);
        }
    }

    /// ALCD, ALID, ALTX; code and text empty for an alarm that is none.
    fn alarm_row(&self, id: &Id) -> Item {
        let (code, text) = match id.number().and_then(|alid| self.catalog.alarms.get(&alid)) {
            Some((a, _)) => {
                let set = if self.alarms.set.contains(&a.alid) { SET } else { 0 };
                (vec![set | a.category as u8], a.text.as_str())
            }
            None => (Vec::new(), ""),
        };
        Item::List(vec![Item::Binary(code), id.item(), Item::text(text)])
    }

    /// S5F3: whether an alarm is told; without an ALID, all. ACKC5 1: no such alarm.
    pub(super) fn s5f3(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let [aled, alid] = read::fields(body.ok_or(Illegal)?)?;
        // Bit 8 of ALED says it (E5).
        let (told, alids) =
            (read::byte(aled)? & 0x80 != 0, read::named_in_array(Some(alid), self.catalog.alarms.keys())?);
        let known = |id: &Id| id.number().filter(|alid| self.catalog.alarms.contains_key(alid));
        let Some(alids) = alids.iter().map(known).collect::<Option<Vec<u32>>>() else {
            return Ok(Answer::code(1));
        };
        for alid in alids {
            if told {
                self.alarms.enabled.insert(alid);
            } else {
                self.alarms.enabled.remove(&alid);
            }
        }
        Ok(Answer::code(0))
    }

    /// S5F5: alarms with their state; without ALIDs, all.
    pub(super) fn s5f5(&self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let alids = read::named_in_array(body, self.catalog.alarms.keys())?;
        Ok(Answer::rows(alids.iter().map(|id| self.alarm_row(id))))
    }

    /// S5F7: the alarms that are told.
    pub(super) fn s5f7(&self) -> Answer {
        Answer::Body(Item::List(self.alarms.enabled.iter().map(|a| self.alarm_row(&Id::of(*a))).collect()))
    }
}
