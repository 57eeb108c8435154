//! What a served machine answers: values, writes, calls and history of its nodes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aegis_models::PointIx;
use async_trait::async_trait;
use opcua::nodes::{BaseEventType, ParsedEventFilter};
use opcua::server::address_space::AddressSpace;
use opcua::server::diagnostics::NamespaceMetadata;
use opcua::server::node_manager::memory::InMemoryNodeManagerImpl;
use opcua::server::node_manager::{
    HistoryNode, MethodCall, ParsedReadValueId, RequestContext, ServerContext, WriteNode,
};
use opcua::server::{ContinuationPoint, SubscriptionCache};
use opcua::sync::RwLock;
use opcua::types::{
    AttributeId, DataValue, DateTime, HistoryData, HistoryEvent, HistoryEventFieldList, Identifier, NodeId,
    NumericRange, ReadAnnotationDataDetails, ReadAtTimeDetails, ReadEventDetails, ReadProcessedDetails,
    ReadRawModifiedDetails, StatusCode, TimestampsToReturn, Variant,
};

use super::binding::{Binding, Deed};
use super::events::Teller;
use super::image::{Image, Shown};
use super::space::Space;
use crate::limits::OPCUA_HISTORY_REPLY;

/// One machine behind its address space, shared by its server and its owner.
pub(super) struct Device {
    pub(super) binding: Arc<Binding>,
    pub(super) space: Space,
    image: Mutex<Image>,
    teller: Teller,
}

impl Device {
    pub(super) fn new(binding: Arc<Binding>, space: Space, image: Image, teller: Teller) -> Device {
        Device { binding, space, image: Mutex::new(image), teller }
    }

    pub(super) fn image(&self) -> MutexGuard<'_, Image> {
        // What a panicking thread left is one frame at worst, and the next frame mends it.
        self.image.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_writes(&self) -> Vec<(PointIx, f64)> {
        self.image().take_writes()
    }

    /// Tells those who listen. Every value is told again with every frame, changed or not: the library holds back
    /// what a subscription's filter does not let through, and a client that subscribed in this very moment, between
    /// its first value and its place on the list, has what it missed with the next frame.
    pub(super) fn tell(&self, shown: &Shown, subscriptions: &SubscriptionCache) {
        let mut notifier = subscriptions.data_notifier();
        for i in &shown.renewed {
            if let Some(mut items) = notifier.notify_for(&self.space.variables[*i], AttributeId::Value) {
                items.data_value(self.image().current(*i));
            }
            if let Some(id) = &self.space.texts[*i]
                && let Some(mut items) = notifier.notify_for(id, AttributeId::Value)
            {
                items.data_value(self.text(*i));
            }
        }
        for w in &shown.waves {
            if let Some(mut items) = notifier.notify_for(&self.space.waves[*w], AttributeId::Value) {
                items.data_value(self.image().wave(*w));
            }
        }
        drop(notifier);
        self.teller.tell(shown, &self.binding, &self.space, subscriptions);
    }

    /// The name of a state's value (Part 8, 5.3.3.4: ValueAsText).
    fn text(&self, i: usize) -> DataValue {
        let mut value = self.image().current(i);
        let held = self.image().held(i);
        value.value = value.value.and(held).map(|held| Variant::from(self.space.state_name(i, held.value)));
        value
    }

    fn value(&self, id: &NodeId) -> Option<DataValue> {
        let Identifier::String(node) = &id.identifier else { return None };
        if id.namespace != self.space.namespace {
            return None;
        }
        if let Some(i) = self.binding.variable(node.as_ref()) {
            return Some(self.image().current(i));
        }
        if let Some(w) = self.space.waves.iter().position(|wave| wave == id) {
            return Some(self.image().wave(w));
        }
        let of_text = |text: &Option<NodeId>| text.as_ref() == Some(id);
        self.space.texts.iter().position(of_text).map(|i| self.text(i))
    }

    fn variable(&self, id: &NodeId) -> Option<usize> {
        match &id.identifier {
            Identifier::String(node) if id.namespace == self.space.namespace => {
                self.binding.variable(node.as_ref())
            }
            _ => None,
        }
    }

    fn write_node(&self, context: &RequestContext, space: &AddressSpace, node: &WriteNode) -> StatusCode {
        let asked = node.value();
        let Some(found) = space.find_node(&asked.node_id) else { return StatusCode::BadNodeIdUnknown };
        let Some(i) = self.variable(&asked.node_id).filter(|_| asked.attribute_id == AttributeId::Value)
        else {
            return StatusCode::BadNotWritable;
        };
        if !self.binding.places()[i].writable {
            return StatusCode::BadNotWritable;
        }
        // What the node allows, less what the user may not.
        if opcua::server::address_space::is_writable(context, found, AttributeId::Value).is_err() {
            return StatusCode::BadUserAccessDenied;
        }
        if asked.index_range != NumericRange::None {
            return StatusCode::BadIndexRangeNoData;
        }
        // A status besides the value (Part 4, 5.11.4.2) is nothing that a machine takes. Clients often send the moment
        // unasked; what counts is when it was taken.
        if asked.value.status.is_some_and(|s| !s.is_good()) {
            return StatusCode::BadWriteNotSupported;
        }
        let Some(value) = &asked.value.value else { return StatusCode::BadTypeMismatch };
        let taken = self.image().write(i, value);
        match taken {
            Ok(shown) => {
                self.tell(&shown, context.subscriptions());
                StatusCode::Good
            }
            Err(status) => status,
        }
    }

    /// Part 4, 5.12.2: what is wrong with an argument stands in the argument's own result.
    fn call_method(&self, context: &RequestContext, call: &mut MethodCall) {
        let id = call.method_id();
        let deed = match &id.identifier {
            Identifier::String(method) if id.namespace == self.space.namespace => {
                self.binding.methods().get(method.as_ref() as &str).copied()
            }
            _ => None,
        };
        let taken = match (deed, call.arguments()) {
            (Some(Deed::Set(i)), [value]) => self.image().write(i, value),
            (Some(Deed::Stop(i, value)), []) => self.image().command(i, value),
            (Some(_), _) => return call.set_status(StatusCode::BadArgumentsMissing),
            (None, _) => return call.set_status(StatusCode::BadMethodInvalid),
        };
        match taken {
            Ok(shown) => {
                self.tell(&shown, context.subscriptions());
                call.set_status(StatusCode::Good);
            }
            Err(wrong @ (StatusCode::BadOutOfRange | StatusCode::BadTypeMismatch)) => {
                call.set_argument_error(vec![wrong]);
            }
            Err(status) => call.set_status(status),
        }
    }

    fn read_history(
        &self,
        details: &ReadRawModifiedDetails,
        node: &mut HistoryNode,
        stamps: TimestampsToReturn,
    ) {
        let Some(i) = self.variable(node.node_id()) else {
            return node.set_status(StatusCode::BadHistoryOperationUnsupported);
        };
        let resumed = match node.continuation_point() {
            Some(point) => match point.get::<Resume>() {
                Some(resume) => Some(*resume),
                None => return node.set_status(StatusCode::BadContinuationPointInvalid),
            },
            None => None,
        };
        let begins = resumed.is_none();
        let Some(Resume { from, to, left }) = resumed.or_else(|| Resume::asked(details)) else {
            return node.set_status(StatusCode::BadHistoryOperationInvalid);
        };
        let image = self.image();
        let backwards = to < from;
        let bounds = details.return_bounds;
        let first = if bounds && begins { image.bound_before(i, from, backwards) } else { None };
        let left = left - usize::from(first.is_some());
        let most = left.min(OPCUA_HISTORY_REPLY);
        let mut values = image.history(i, from, to, most + 1);
        let more = values.len() > most;
        values.truncate(most);
        if more && left > most {
            let last = values.last().and_then(|v| v.source_timestamp).map_or(to, |t| t.ticks());
            let next = if backwards { last - 1 } else { last + 1 };
            let resume = Resume { from: next, to, left: left - most };
            node.set_next_continuation_point(Some(ContinuationPoint::new(Box::new(resume))));
        }
        // A range without an end has none to be bounded at, and one of no length has held it already.
        let ends = bounds && !more && left > values.len() && Resume::is_given(to);
        if ends && (from != to || values.is_empty()) {
            values.push(image.bound_after(i, to, backwards));
        }
        values.splice(0..0, first);
        drop(image);
        for value in &mut values {
            keep_stamps(value, stamps);
        }
        let status = if values.is_empty() { StatusCode::GoodNoData } else { StatusCode::Good };
        node.set_result(HistoryData { data_values: Some(values) });
        node.set_status(status);
    }

    /// Part 11, 6.5.2: what happened in the last hour, as a filter lets it through.
    fn read_events(&self, context: &RequestContext, details: &ReadEventDetails, node: &mut HistoryNode) {
        if *node.node_id() != self.space.machine {
            return node.set_status(StatusCode::BadHistoryOperationUnsupported);
        }
        let range = Resume::range(&details.start_time, &details.end_time, details.num_values_per_node);
        let Some(Resume { from, to, left }) = range else {
            return node.set_status(StatusCode::BadHistoryOperationInvalid);
        };
        let types = context.get_type_tree_for_user();
        let filter = match ParsedEventFilter::new(details.filter.clone(), types.get()).1 {
            Ok(filter) => filter,
            Err(status) => return node.set_status(status),
        };
        let fields = |event: &BaseEventType| filter.evaluate(event, 0, types.get());
        let lists = self.teller.past(from, to, left, fields);
        let events: Vec<HistoryEventFieldList> =
            lists.into_iter().map(|list| HistoryEventFieldList { event_fields: list.event_fields }).collect();
        node.set_status(if events.is_empty() { StatusCode::GoodNoData } else { StatusCode::Good });
        node.set_result(HistoryEvent { events: Some(events) });
    }
}

/// Where a history read goes on.
#[derive(Clone, Copy, Debug)]
struct Resume {
    from: i64,
    to: i64,
    left: usize,
}

impl Resume {
    fn asked(details: &ReadRawModifiedDetails) -> Option<Resume> {
        Resume::range(&details.start_time, &details.end_time, details.num_values_per_node)
    }

    /// Part 11, 6.5.3.2: at least two of start, end and number; without an end forwards, without a start backwards.
    fn range(start: &DateTime, end: &DateTime, count: u32) -> Option<Resume> {
        let given = |t: &DateTime| if t.is_null() { None } else { Some(t.ticks()) };
        let count = count as usize;
        let left = if count == 0 { usize::MAX } else { count };
        let (from, to) = match (given(start), given(end)) {
            (Some(from), Some(to)) => (from, to),
            (Some(from), None) if count > 0 => (from, i64::MAX),
            (None, Some(to)) if count > 0 => (to, i64::MIN),
            _ => return None,
        };
        Some(Resume { from, to, left })
    }

    /// Whether the end of a range was asked for.
    fn is_given(to: i64) -> bool {
        to != i64::MAX && to != i64::MIN
    }
}

fn refuse(nodes: &mut [&mut &mut HistoryNode]) -> Result<(), StatusCode> {
    nodes.iter_mut().for_each(|node| node.set_status(StatusCode::BadHistoryOperationUnsupported));
    Ok(())
}

fn keep_stamps(value: &mut DataValue, stamps: TimestampsToReturn) {
    use TimestampsToReturn::{Both, Server, Source};
    if !matches!(stamps, Both | Source) {
        value.source_timestamp = None;
    }
    if !matches!(stamps, Both | Server) {
        value.server_timestamp = None;
    }
}

/// The library's view of a device.
pub(super) struct Nodes(pub(super) Arc<Device>);

#[async_trait]
impl InMemoryNodeManagerImpl for Nodes {
    async fn init(&self, _: &mut AddressSpace, _: ServerContext) {}

    fn name(&self) -> &str {
        "machine"
    }

    fn namespaces(&self) -> Vec<NamespaceMetadata> {
        self.0.space.metadata.clone()
    }

    async fn read_values(
        &self,
        context: &RequestContext,
        address_space: &RwLock<AddressSpace>,
        nodes: &[&ParsedReadValueId],
        max_age: f64,
        stamps: TimestampsToReturn,
    ) -> Vec<DataValue> {
        let space = address_space.read();
        let read = |node: &&ParsedReadValueId| {
            let Some(mut value) = self.0.value(&node.node_id) else {
                return space.read(context, node, max_age, stamps);
            };
            if let Err(status) = space.validate_node_read(context, node) {
                return DataValue { status: Some(status), ..DataValue::default() };
            }
            if node.index_range != NumericRange::None {
                let status = Some(StatusCode::BadIndexRangeNoData);
                return DataValue { status, ..DataValue::default() };
            }
            keep_stamps(&mut value, stamps);
            value
        };
        nodes.iter().map(read).collect()
    }

    async fn write(
        &self,
        context: &RequestContext,
        address_space: &RwLock<AddressSpace>,
        nodes_to_write: &mut [&mut WriteNode],
    ) -> Result<(), StatusCode> {
        let space = address_space.read();
        for node in nodes_to_write {
            let status = self.0.write_node(context, &space, node);
            node.set_status(status);
        }
        Ok(())
    }

    async fn call(
        &self,
        context: &RequestContext,
        _: &RwLock<AddressSpace>,
        methods_to_call: &mut [&mut &mut MethodCall],
    ) -> Result<(), StatusCode> {
        for call in methods_to_call {
            self.0.call_method(context, call);
        }
        Ok(())
    }

    async fn history_read_raw_modified(
        &self,
        _: &RequestContext,
        details: &ReadRawModifiedDetails,
        nodes: &mut [&mut &mut HistoryNode],
        stamps: TimestampsToReturn,
    ) -> Result<(), StatusCode> {
        if details.is_read_modified {
            return refuse(nodes);
        }
        for node in nodes {
            self.0.read_history(details, node, stamps);
        }
        Ok(())
    }

    async fn history_read_processed(
        &self,
        _: &RequestContext,
        _: &ReadProcessedDetails,
        nodes: &mut [&mut &mut HistoryNode],
        _: TimestampsToReturn,
    ) -> Result<(), StatusCode> {
        refuse(nodes)
    }

    async fn history_read_at_time(
        &self,
        _: &RequestContext,
        _: &ReadAtTimeDetails,
        nodes: &mut [&mut &mut HistoryNode],
        _: TimestampsToReturn,
    ) -> Result<(), StatusCode> {
        refuse(nodes)
    }

    async fn history_read_annotations(
        &self,
        _: &RequestContext,
        _: &ReadAnnotationDataDetails,
        nodes: &mut [&mut &mut HistoryNode],
        _: TimestampsToReturn,
    ) -> Result<(), StatusCode> {
        refuse(nodes)
    }

    async fn history_read_events(
        &self,
        context: &RequestContext,
        details: &ReadEventDetails,
        nodes: &mut [&mut &mut HistoryNode],
        _: TimestampsToReturn,
    ) -> Result<(), StatusCode> {
        for node in nodes {
            self.0.read_events(context, details, node);
        }
        Ok(())
    }
}
