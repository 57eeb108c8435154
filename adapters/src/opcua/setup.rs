//! What a client does before it hears: it finds the nodes, subscribes, and asks for what it missed.

use std::sync::Arc;
use std::time::Duration;

use aegis_models::{PointIx, Quality};
use opcua::client::{HistoryReadAction, MonitoredItem, SubscriptionCallbacks};
use opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, DataChangeFilter, DataChangeTrigger, DataValue,
    DeadbandType, ExtensionObject, HistoryData, HistoryReadResult, HistoryReadValueId, Identifier,
    MonitoredItemCreateRequest, MonitoredItemCreateResult, MonitoringMode, MonitoringParameters, NodeId,
    ReadRawModifiedDetails, ReadValueId, ReferenceTypeId, StatusCode, TimestampsToReturn, Variant,
    VariantScalarTypeId,
};
use tokio::time::timeout;

use super::binding::Place;
use super::client::{Client, Failure, Node, sample};
use super::moment::{Change, Placed};
use super::session::{ClientOptions, Loss, is_loss, millis};
use super::{values, wave};
use crate::client::LinkError;
use crate::limits::{
    OPCUA_HISTORY_NODES, OPCUA_MISSED, OPCUA_MISSED_VALUES, OPCUA_NODES_PER_REQUEST, OPCUA_QUEUED_VALUES,
    OPCUA_RECALL, OPCUA_SKEW,
};

/// The bit of an AccessLevel that lets history be read (Part 3, 8.57).
const HISTORY_READ: u8 = 4;

impl Client {
    /// Each request has its own bound; together they have one too.
    pub(super) async fn set_up(&mut self, options: &ClientOptions) -> Result<(), LinkError> {
        let bound = self.timeout.saturating_mul(2);
        self.memory.stamps().fit(self.binding.places().len(), self.binding.waves().len());
        let last = self.last_heard();
        self.notes.extend(self.link.as_ref().and_then(|link| link.note.clone()));
        let subscribed = async {
            self.find_nodes().await?;
            self.find_methods().await?;
            self.subscribe(options).await
        };
        timeout(bound, subscribed).await.map_err(|_| LinkError::Timeout(self.timeout))??;
        if let Some(last) = last {
            self.recall(last).await?;
        }
        Ok(())
    }

    /// Until when an earlier connection heard the machine, and each of its places; none when there was none.
    fn last_heard(&self) -> Option<LastHeard> {
        let stamps = self.memory.stamps();
        let places = (0..self.binding.places().len()).map(|i| stamps.heard_until(i)).collect();
        Some(LastHeard { newest: stamps.newest()?, places })
    }

    /// Asks for the history since then. A server that keeps none, or does not tell it, leaves a gap that is noted.
    async fn recall(&mut self, last: LastHeard) -> Result<(), LinkError> {
        let access = self.read(AttributeId::AccessLevel).await?;
        let kept = |i: &usize| {
            let access = access.get(*i).and_then(|v| v.value.as_ref()).and_then(values::unpack);
            last.places[*i].is_some() && access.is_some_and(|(bits, _)| bits as u8 & HISTORY_READ != 0)
        };
        let places: Vec<usize> = (0..self.nodes.len()).filter(kept).collect();
        let mut missing = self.nodes.len() - places.len();
        let asked = async {
            for part in places.chunks(OPCUA_HISTORY_NODES) {
                missing += self.recall_part(part, &last).await?;
            }
            Ok::<(), LinkError>(())
        };
        match timeout(OPCUA_RECALL, asked).await {
            Ok(told) => told?,
            Err(_) => missing = self.nodes.len(),
        }
        if missing > 0 {
            let all = self.nodes.len();
            self.notes.push(format!(
                "of {missing} of {all} points the server tells no history: what they did while the link was down is not known"
            ));
        }
        Ok(())
    }

    /// Asks for the history of some places; gives how many of them tell none, or not all of it.
    async fn recall_part(&mut self, part: &[usize], last: &LastHeard) -> Result<usize, LinkError> {
        let now = self.memory.stamps().newest().unwrap_or(last.newest);
        let ticks = |span: Duration| (span.as_nanos() / 100) as i64;
        let long_ago = now - ticks(OPCUA_MISSED);
        // A server samples its points one after the other: some may not have been told when others were.
        let from = (last.newest - ticks(OPCUA_SKEW)).max(long_ago);
        let details = ReadRawModifiedDetails {
            is_read_modified: false,
            start_time: values::date_time(from),
            end_time: values::date_time(now + ticks(OPCUA_MISSED)),
            num_values_per_node: 0,
            return_bounds: false,
        };
        let node =
            |i: &usize| HistoryReadValueId { node_id: self.nodes[*i].id.clone(), ..Default::default() };
        let mut wanted: Vec<(usize, HistoryReadValueId)> = part.iter().map(|i| (*i, node(i))).collect();
        let mut told = vec![0; self.nodes.len()];
        let mut missing = if last.newest < long_ago { part.len() } else { 0 };
        while !wanted.is_empty() {
            // Beyond the bound nothing is asked but that the server forgets where it was.
            let release = part.iter().any(|i| told[*i] > OPCUA_MISSED_VALUES);
            let Some(results) = self.history(&details, release, &wanted).await? else {
                return Ok(part.len());
            };
            if release {
                return Ok(part.len());
            }
            let mut more = Vec::new();
            for ((i, mut id), result) in wanted.into_iter().zip(results) {
                if result.status_code.is_bad() {
                    missing += 1;
                    continue;
                }
                let values = result.history_data.into_inner_as::<HistoryData>();
                let values = values.and_then(|data| data.data_values).unwrap_or_default();
                told[i] += values.len();
                self.take_history(i, &values, last.places[i]);
                if !result.continuation_point.is_null_or_empty() {
                    id.continuation_point = result.continuation_point;
                    more.push((i, id));
                }
            }
            wanted = more;
        }
        Ok(missing.min(part.len()))
    }

    /// One request for history; none when the server refuses it as a whole.
    async fn history(
        &mut self,
        details: &ReadRawModifiedDetails,
        release: bool,
        wanted: &[(usize, HistoryReadValueId)],
    ) -> Result<Option<Vec<HistoryReadResult>>, LinkError> {
        let session = Arc::clone(&self.link.as_ref().ok_or(LinkError::Closed)?.session);
        let action = HistoryReadAction::ReadRawModifiedDetails(details.clone());
        let nodes: Vec<HistoryReadValueId> = wanted.iter().map(|(_, id)| id.clone()).collect();
        match self.bounded(session.history_read(action, TimestampsToReturn::Source, release, &nodes)).await {
            Ok(results) if results.len() == nodes.len() => Ok(Some(results)),
            Ok(_) => Ok(None),
            Err(Failure::Silent) => Err(self.close(Loss::Silent)),
            Err(Failure::Error(e)) if is_loss(e.status()) => Err(self.failed(e)),
            Err(Failure::Error(_)) => Ok(None),
        }
    }

    /// What a place's history tells is told before the first image, which is never older than it.
    fn take_history(&mut self, i: usize, values: &[DataValue], heard_until: Option<i64>) {
        let (point, mut stamps) = (self.binding.places()[i].point, self.memory.stamps());
        let mut missed: Vec<Placed> = Vec::new();
        for value in values {
            let change = Change::of(i, sample(point, value), value);
            let newer = change.source > stamps.heard_until(i);
            let Some(moment) = stamps.recall(&change, heard_until.unwrap_or(i64::MAX)) else { continue };
            if newer {
                self.image[i] = change.sample;
            }
            missed.push((Some(moment), i, change.sample));
        }
        self.waiting.add(missed);
    }

    /// Finds the namespace, and of each node whether it is there and what type it has; its value is the first image.
    async fn find_nodes(&mut self) -> Result<(), LinkError> {
        let namespaces = self.ask(|session| async move { session.read_namespace_array().await }).await?;
        let Some(namespace) = namespaces.get_index(self.binding.namespace()) else {
            let uri = self.binding.namespace().to_owned();
            return Err(self.mismatch(format!("the machine has no namespace {uri}: is it of this kind?")));
        };
        self.namespace = namespace;
        let node = |place: &Place| Node {
            id: NodeId::new(namespace, place.node.as_str()),
            scalar: values::scalar(place.data),
            missing: false,
            method: place.method.as_ref().map(|m| (NodeId::null(), NodeId::new(namespace, m.as_str()))),
        };
        self.nodes = self.binding.places().iter().map(node).collect();
        let types = self.read(AttributeId::DataType).await?;
        let values = self.read(AttributeId::Value).await?;
        for (i, (kind, value)) in types.iter().zip(&values).enumerate() {
            let place = &self.binding.places()[i];
            self.nodes[i].missing = kind.status() == StatusCode::BadNodeIdUnknown;
            if self.nodes[i].missing {
                self.notes.push(format!("there is no node {}", place.node));
            }
            let told = value.value.as_ref().and_then(values::unpack).map(|(_, scalar)| scalar);
            if let Some(scalar) = told.or_else(|| scalar_of(kind.value.as_ref()?)) {
                self.nodes[i].scalar = scalar;
            }
            self.image[i] = sample(place.point, value);
            self.memory.stamps().read(&Change::of(i, self.image[i], value));
        }
        Ok(())
    }

    /// Finds the objects that the methods belong to: a call names both.
    async fn find_methods(&mut self) -> Result<(), LinkError> {
        let with_method: Vec<usize> = (0..self.nodes.len())
            .filter(|i| self.binding.places()[*i].by_method && self.nodes[*i].method.is_some())
            .collect();
        for part in with_method.chunks(OPCUA_NODES_PER_REQUEST) {
            let browse = |i: &usize| BrowseDescription {
                node_id: self.nodes[*i]
                    .method
                    .as_ref()
                    .map_or_else(NodeId::null, |(_, method)| method.clone()),
                browse_direction: BrowseDirection::Inverse,
                reference_type_id: ReferenceTypeId::HasComponent.into(),
                include_subtypes: true,
                node_class_mask: 0,
                result_mask: 0,
            };
            let browse: Vec<BrowseDescription> = part.iter().map(browse).collect();
            let results = self.ask(|session| async move { session.browse(&browse, 1, None).await }).await?;
            for (i, result) in part.iter().zip(results) {
                let object = result.references.into_iter().flatten().next().map(|r| r.node_id.node_id);
                let node = &mut self.nodes[*i];
                node.method = object.and_then(|object| Some((object, node.method.take()?.1)));
                if node.method.is_none() {
                    let method = self.binding.places()[*i].method.as_deref().unwrap_or_default();
                    self.notes.push(format!("there is no method {method}"));
                }
            }
        }
        Ok(())
    }

    async fn subscribe(&mut self, options: &ClientOptions) -> Result<(), LinkError> {
        let Some(link) = &self.link else { return Err(LinkError::Closed) };
        let (changed, ended) = (Arc::clone(&link.inbox), Arc::clone(&link.inbox));
        let points: Vec<PointIx> = self.binding.places().iter().map(|p| p.point).collect();
        let on_value = move |value: DataValue, item: &MonitoredItem| {
            // Handles are ours: the place, counted from 1, and after the last of them the waveforms.
            let place = (item.client_handle() as usize).wrapping_sub(1);
            if let Some(point) = points.get(place) {
                // Part 4, 7.39.1: the overflow bit says that the queue ran over before this value.
                let overflow = value.status().overflow();
                changed.push(Change::of(place, sample(*point, &value), &value), overflow);
            } else if let Some((ticks, samples)) = wave::samples(&value) {
                changed.push_wave((place - points.len(), ticks, samples));
            }
        };
        let on_status = move |change: opcua::types::StatusChangeNotification| {
            ended.lose(Loss::Broken(format!("the server ended the subscription: {}", change.status)));
        };
        let callbacks = SubscriptionCallbacks::new(on_status, on_value, |_, _| {});
        let interval = options.publishing.max(Duration::from_millis(1));
        let beats = |span: Duration| (millis(span) / millis(interval).max(1)).max(1);
        let (keep_alive, lifetime) = (beats(self.timeout / 3), beats(self.timeout.saturating_mul(4)));
        let lifetime = lifetime.max(keep_alive * 3);
        let id = self
            .ask(|session| async move {
                session.create_subscription(interval, lifetime, keep_alive, 0, 0, true, callbacks).await
            })
            .await?;
        let present: Vec<usize> = (0..self.nodes.len()).filter(|i| !self.nodes[*i].missing).collect();
        let mut granted = Granted::default();
        for part in present.chunks(OPCUA_NODES_PER_REQUEST) {
            let refused = self.monitor(id, part, options.deadband, options, &mut granted).await?;
            // A server that knows no deadband tells everything.
            let again: Vec<usize> = refused.iter().map(|(i, _)| *i).collect();
            if again.is_empty() {
                continue;
            }
            for (i, status) in self.monitor(id, &again, false, options, &mut granted).await? {
                let node = &self.binding.places()[i].node;
                self.notes.push(format!("node {node} can not be monitored: {status}"));
                self.image[i].quality = Quality::Bad;
            }
        }
        self.notes.extend(granted.notes());
        self.subscribe_waves(id).await
    }

    /// Monitors some places, and tells which the server refused.
    async fn monitor(
        &mut self,
        subscription: u32,
        places: &[usize],
        deadband: bool,
        options: &ClientOptions,
        granted: &mut Granted,
    ) -> Result<Vec<(usize, StatusCode)>, LinkError> {
        let item = |i: &usize| self.item(*i, deadband, options.rate);
        let items: Vec<MonitoredItemCreateRequest> = places.iter().map(item).collect();
        let results = self
            .ask(|session| async move {
                session.create_monitored_items(subscription, TimestampsToReturn::Both, items).await
            })
            .await?;
        let mut refused = Vec::new();
        for (i, created) in places.iter().zip(&results) {
            let status = created.result.status_code;
            if status.is_good() {
                let asked = created.requested_parameters.sampling_interval;
                granted.note(&created.result, asked, options.publishing);
            } else {
                refused.push((*i, status));
            }
        }
        Ok(refused)
    }

    fn item(&self, i: usize, deadband: bool, rate: f64) -> MonitoredItemCreateRequest {
        let place = &self.binding.places()[i];
        let silent = if deadband { place.deadband } else { 0.0 };
        let filter = DataChangeFilter {
            trigger: DataChangeTrigger::StatusValue,
            deadband_type: if silent > 0.0 { DeadbandType::Absolute } else { DeadbandType::None } as u32,
            deadband_value: silent,
        };
        MonitoredItemCreateRequest {
            item_to_monitor: ReadValueId {
                node_id: self.nodes[i].id.clone(),
                attribute_id: AttributeId::Value as u32,
                ..ReadValueId::default()
            },
            monitoring_mode: MonitoringMode::Reporting,
            requested_parameters: MonitoringParameters {
                client_handle: i as u32 + 1,
                // What happens has no period: it is told when it does (Part 4, 7.21).
                sampling_interval: if place.happens {
                    0.0
                } else {
                    place.period.0.as_secs_f64() * 1e3 / rate
                },
                filter: ExtensionObject::from_message(filter),
                queue_size: OPCUA_QUEUED_VALUES as u32,
                discard_oldest: true,
            },
        }
    }
}

/// Until when an earlier connection heard a machine [100 ns since 1601].
struct LastHeard {
    newest: i64,
    places: Vec<Option<i64>>,
}

/// What a server granted less of than was asked.
#[derive(Debug, Default)]
struct Granted {
    slower: usize,
    slowest_ms: f64,
    short: usize,
}

impl Granted {
    fn note(&mut self, result: &MonitoredItemCreateResult, asked_ms: f64, publishing: Duration) {
        let sampled_ms = result.revised_sampling_interval;
        // Zero and less are the server's own choice of what is fastest. A hundredth is rounding.
        if asked_ms > 0.0 && sampled_ms > asked_ms * 1.01 {
            self.slower += 1;
            self.slowest_ms = self.slowest_ms.max(sampled_ms);
        }
        // As many values as come in two publishing intervals must wait.
        let between = publishing.as_secs_f64() * 1e3 / sampled_ms.max(1.0);
        if asked_ms > 0.0 && f64::from(result.revised_queue_size) < 2.0 * between {
            self.short += 1;
        }
    }

    fn notes(&self) -> impl Iterator<Item = String> {
        let (slower, slowest, short) = (self.slower, self.slowest_ms, self.short);
        let slower = (slower > 0).then(|| {
            format!("the server samples {slower} points slower than their periods, up to every {slowest} ms")
        });
        let short = (short > 0)
            .then(|| format!("the server's queues for {short} points are too short: values may be lost"));
        slower.into_iter().chain(short)
    }
}

/// The scalar of a DataType attribute: built-in types have the numbers of their encodings (Part 6, 5.1.2).
fn scalar_of(data_type: &Variant) -> Option<VariantScalarTypeId> {
    let Variant::NodeId(id) = data_type else { return None };
    let Identifier::Numeric(number) = id.identifier else { return None };
    use VariantScalarTypeId as S;
    let scalars = [
        S::Boolean,
        S::SByte,
        S::Byte,
        S::Int16,
        S::UInt16,
        S::Int32,
        S::UInt32,
        S::Int64,
        S::UInt64,
        S::Float,
        S::Double,
    ];
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    (id.namespace == 0).then(|| scalars.get(index).copied())?
}
