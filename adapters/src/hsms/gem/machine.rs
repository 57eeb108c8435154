//! What the machine does, seen in its frames: values, changes, happenings; and the events that come of them.

use aegis_models::{Frame, PointIx, Quality, Time};

use super::catalog::{Catalog, Trigger};
use super::equipment::Equipment;
use super::own::OwnEvent;

/// The last that is known of the machine.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    /// One value a point [the point's unit]; NaN before the first, and while the instrument has none.
    pub values: Vec<f64>,
    /// Of each trigger of the catalog: whether its condition holds.
    pub held: Vec<bool>,
}

/// The data values that belong to the event that is just happening.
#[derive(Clone, Debug, Default)]
pub(super) struct Happened {
    pub alarm_id: u32,
    pub ecid_changed: u32,
    pub pp_change_name: String,
    pub pp_change_status: u8,
    pub pp_error: String,
    pub operator_command: String,
    pub event_limit: Vec<u8>,
    pub limit_variable: u32,
    pub transition_type: u8,
    pub command_name: String,
}

impl Machine {
    pub fn new(points: usize, catalog: &Catalog) -> Machine {
        Machine { values: vec![f64::NAN; points], held: vec![false; catalog.triggers.len()] }
    }

    pub fn value(&self, point: PointIx) -> f64 {
        self.values.get(usize::from(point.0)).copied().unwrap_or(f64::NAN)
    }
}

impl Equipment {
    /// What the machine's instruments said at one moment, and what happened up to it.
    pub fn publish(&mut self, now: Time, frame: &Frame) {
        self.advance(now);
        for record in &frame.records {
            let Some(fields) = self.catalog.records.get(usize::from(record.kind)).cloned() else { continue };
            let values: Vec<_> = fields.into_iter().zip(record.values.iter().copied()).collect();
            self.take(&values, Some(record.kind));
        }
        let value = |q: Quality, v: f64| if q == Quality::Bad { f64::NAN } else { v };
        let values: Vec<_> = frame.samples.iter().map(|s| (s.point, value(s.quality, s.value))).collect();
        self.take(&values, None);
        self.follow_process();
        self.commands_read_back();
        self.pump();
    }

    /// Takes values that hold together, then tells what they mean: alarms, limits, events.
    fn take(&mut self, values: &[(PointIx, f64)], record: Option<u16>) {
        let mut changed = Vec::new();
        for (point, value) in values {
            let Some(slot) = self.machine.values.get_mut(usize::from(point.0)) else { continue };
            let before = std::mem::replace(slot, *value);
            if before != *value && !before.is_nan() && !value.is_nan() {
                changed.push(*point);
            }
        }
        for i in 0..self.catalog.triggers.len() {
            let (ceid, trigger) = &self.catalog.triggers[i];
            let ceid = *ceid;
            let fires = match trigger {
                Trigger::Record(kind) => record == Some(*kind),
                Trigger::RecordWith { record: kind, when } => {
                    record == Some(*kind) && when.rule.holds(false, self.machine.value(when.point))
                }
                Trigger::Changed(point) => changed.contains(point),
                Trigger::Crosses(when) => {
                    let held = self.machine.held[i];
                    let holds = when.rule.holds(held, self.machine.value(when.point));
                    self.machine.held[i] = holds;
                    self.revision += u64::from(holds != held);
                    holds && !held
                }
            };
            if fires {
                self.fire(ceid);
            }
        }
        self.watch_alarms();
        for (point, _) in values {
            self.watch_limits(*point);
        }
        for point in changed {
            self.constant_changed(point);
        }
    }

    /// A set-point has another value: the host's doing, or the operator's, which is an event (E30, equipment constants).
    fn constant_changed(&mut self, point: PointIx) {
        let Some(ecid) = self.catalog.constants.get(&point).copied() else { return };
        if self.constants.expected(point, self.machine.value(point)) {
            return;
        }
        self.happened.ecid_changed = ecid;
        self.fire_own(OwnEvent::OperatorConstantChange);
    }
}
