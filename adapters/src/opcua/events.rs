//! Events of a machine: what clients that listen are told besides values (Part 5, 6.4).

use std::sync::atomic::{AtomicU64, Ordering};

use opcua::nodes::{BaseEventType, Event};
use opcua::server::SubscriptionCache;
use opcua::types::{ByteString, ObjectTypeId};

use super::binding::Binding;
use super::image::{Happening, Shown};
use super::space::Space;
use super::values;

/// Numbers and tells events.
#[derive(Debug)]
pub(super) struct Teller {
    /// Tells the events of one server's life from those of another [ns since 1970].
    began: u64,
    count: AtomicU64,
}

impl Teller {
    pub(super) fn new(began: u64) -> Teller {
        Teller { began, count: AtomicU64::new(0) }
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
