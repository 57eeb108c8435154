//! Events of a machine: what clients that listen are told besides values (Part 5, 6.4), and what is remembered of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use opcua::nodes::{BaseEventType, Event};
use opcua::server::SubscriptionCache;
use opcua::types::{ByteString, ObjectTypeId};

use super::binding::Binding;
use super::image::{Happening, Shown};
use super::space::Space;
use super::values;
use crate::limits::{OPCUA_HISTORY, OPCUA_HISTORY_EVENTS};

/// Numbers and tells events.
#[derive(Debug)]
pub(super) struct Teller {
    /// Tells the events of one server's life from those of another [ns since 1970].
    began: u64,
    count: AtomicU64,
    /// The last hour's, with their moments [100 ns since 1601].
    past: Mutex<VecDeque<(i64, BaseEventType)>>,
}

impl Teller {
    pub(super) fn new(began: u64) -> Teller {
        Teller { began, count: AtomicU64::new(0), past: Mutex::default() }
    }

    pub(super) fn tell(
        &self,
        shown: &Shown,
        binding: &Binding,
        space: &Space,
        subscriptions: &SubscriptionCache,
    ) {
        if shown.happenings.is_empty() {
            return;
        }
        let event = |h: &Happening| self.event(*h, shown.ticks, binding, space);
        let events: Vec<BaseEventType> = shown.happenings.iter().map(event).collect();
        subscriptions.notify_events(events.iter().map(|event| (event as &dyn Event, &space.machine)));
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.extend(events.into_iter().map(|event| (shown.ticks, event)));
        let oldest = shown.ticks - (OPCUA_HISTORY.as_nanos() / 100) as i64;
        while past.len() > OPCUA_HISTORY_EVENTS || past.front().is_some_and(|(t, _)| *t < oldest) {
            past.pop_front();
        }
    }

    /// At most `most` of what `pick` makes of the events with `from <= ticks < to`, the oldest first; or, for
    /// `to < from`, of those with `to < ticks <= from`, the newest first.
    pub(super) fn past<T>(
        &self,
        from: i64,
        to: i64,
        most: usize,
        pick: impl Fn(&BaseEventType) -> Option<T>,
    ) -> Vec<T> {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if from <= to {
            let within = past.iter().filter(|(t, _)| (from..to).contains(t) || *t == from);
            within.filter_map(|(_, event)| pick(event)).take(most).collect()
        } else {
            let within = past.iter().rev().filter(|(t, _)| *t <= from && *t > to);
            within.filter_map(|(_, event)| pick(event)).take(most).collect()
        }
    }

    fn event(&self, happening: Happening, ticks: i64, binding: &Binding, space: &Space) -> BaseEventType {
        use ObjectTypeId::{BaseEventType as Base, DeviceFailureEventType as Failure};
        let (i, severity, kind, message) = match happening {
            Happening::Lost(i) => (i, 700, Failure, "has no value".to_owned()),
            Happening::Recovered(i) => (i, 100, Base, "has a value again".to_owned()),
            Happening::OutOfRange(i, value) => (i, 500, Base, format!("is out of range: {value}")),
            Happening::InRange(i, value) => (i, 100, Base, format!("is back in range: {value}")),
            Happening::Commanded(i, value) => (i, 200, Base, format!("was set to {value}")),
        };
        let place = &binding.places()[i];
        let mut id = self.began.to_be_bytes().to_vec();
        id.extend(self.count.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let text = format!("{} {message}", place.node);
        BaseEventType::new(kind, ByteString::from(id), text, values::date_time(ticks))
            .set_source_node(space.variables[i].clone())
            .set_source_name(place.node.as_str().into())
            .set_severity(severity)
    }
}
