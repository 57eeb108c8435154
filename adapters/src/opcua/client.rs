//! The sentinel's side: hears a machine's points by a subscription, and writes its set-points.
//!
//! A device that refuses is not a link that failed: after a refusal the session goes on. A session that is lost, for
//! whatever reason, stays lost: the client is closed for good, and its owner connects anew, which begins with the
//! whole image, so that nothing is missed in between.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aegis_models::{PointIx, Quality, Sample};
use opcua::client::{MonitoredItem, SubscriptionCallbacks};
use opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, CallMethodRequest, DataChangeFilter, DataChangeTrigger,
    DataValue, DeadbandType, Error, ExtensionObject, Identifier, MonitoredItemCreateRequest, MonitoringMode,
    MonitoringParameters, NodeId, ReadValueId, ReferenceTypeId, StatusCode, TimestampsToReturn, Variant,
    VariantScalarTypeId, WriteValue,
};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::binding::{Binding, Place};
use super::session::{ClientOptions, Link, Loss, establish, failed, is_loss, millis};
use super::values;
use crate::client::{ClientError, LinkError};
use crate::limits::{OPCUA_NODES_PER_REQUEST, OPCUA_QUEUED_VALUES};

/// A connection to one machine.
pub struct Client {
    /// None once the link has failed.
    link: Option<Link>,
    binding: Arc<Binding>,
    timeout: Duration,
    nodes: Vec<Node>,
    notes: Vec<String>,
    image: Vec<Sample>,
    repeat: Interval,
}

/// What the server says of one place.
#[derive(Debug)]
struct Node {
    id: NodeId,
    scalar: VariantScalarTypeId,
    missing: bool,
    /// The method that sets it, and the object that it belongs to.
    method: Option<(NodeId, NodeId)>,
}

impl Client {
    /// Connects to `address`, as `host:port` or `opc.tcp://host:port/path`, and subscribes to every bound point.
    pub async fn connect(
        address: &str,
        binding: Arc<Binding>,
        options: &ClientOptions,
    ) -> Result<Client, LinkError> {
        let url = if address.contains("://") { address.to_owned() } else { format!("opc.tcp://{address}") };
        let link = establish(&url, options).await?;
        let mut repeat = interval(options.image.max(Duration::from_millis(1)));
        repeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let none = |p: &Place| Sample { point: p.point, value: f64::NAN, quality: Quality::Bad };
        let image = binding.places().iter().map(none).collect();
        let (timeout_, nodes, notes) = (options.timeout, Vec::new(), Vec::new());
        let mut client = Client { link: Some(link), binding, timeout: timeout_, nodes, notes, image, repeat };
        // Each request has its own bound; together they have one too.
        let setup = timeout(timeout_.saturating_mul(2), client.set_up(options)).await;
        setup.map_err(|_| LinkError::Timeout(timeout_))??;
        Ok(client)
    }

    async fn set_up(&mut self, options: &ClientOptions) -> Result<(), LinkError> {
        self.find_nodes().await?;
        self.find_methods().await?;
        self.subscribe(options).await
    }

    /// Whether the link has failed: connect anew.
    pub fn is_closed(&self) -> bool {
        self.link.is_none()
    }

    /// What it hears and where.
    pub fn binding(&self) -> &Arc<Binding> {
        &self.binding
    }

    /// What is amiss with the machine's address space: nodes that the profile names and the machine has not.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Waits until the machine has told something, or the whole image is due again, and returns it in the profile's
    /// order. Several changes of one point come in several calls, in order. May be given up at any moment.
    pub async fn heard(&mut self) -> Result<Vec<Sample>, LinkError> {
        loop {
            let link = self.link.as_ref().ok_or(LinkError::Closed)?;
            let mut changes = link.inbox.take();
            if !changes.is_empty() {
                changes.sort_by_key(|(place, _)| *place);
                for (place, sample) in &changes {
                    self.image[*place] = *sample;
                }
                return Ok(changes.into_iter().map(|(_, sample)| sample).collect());
            }
            if let Some(loss) = link.inbox.loss() {
                return Err(self.close(loss));
            }
            tokio::select! {
                () = link.inbox.news.notified() => {}
                _ = self.repeat.tick() => return Ok(self.image.clone()),
            }
        }
    }

    /// Reads all points, in the profile's order.
    pub async fn read_points(&mut self) -> Result<Vec<Sample>, ClientError> {
        let values = self.read(AttributeId::Value).await?;
        let places = self.binding.places().iter().zip(values);
        self.image = places.map(|(place, value)| sample(place.point, &value)).collect();
        Ok(self.image.clone())
    }

    /// Writes one point [the point's unit], by a write or by its method as the profile says, and waits until the
    /// machine confirms. The value must be in the point's range; what is sent is the nearest one that the machine's
    /// type holds.
    pub async fn write_point(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        let refuse = |problem| Err(ClientError::Unwritable { point, problem });
        let Some(i) = self.binding.index(point).filter(|i| self.binding.places()[*i].writable) else {
            return refuse("the profile does not let it be written");
        };
        let place = &self.binding.places()[i];
        if !place.accepts(place.data.quantise(value)) {
            return refuse("the value is outside its range");
        }
        let session = Arc::clone(&self.link.as_ref().ok_or(LinkError::Closed)?.session);
        let (node, by_method, name) = (&self.nodes[i], place.by_method, place.node.clone());
        if node.missing {
            return refuse("the machine has no such node");
        }
        let Some(variant) = values::pack(node.scalar, place.data.quantise(value)) else {
            return refuse("the machine holds no number there");
        };
        let (what, answer) = if by_method {
            let Some((object, method)) = node.method.clone() else {
                return refuse("the machine has no method for it");
            };
            let what = format!("the call of {}", place.method.as_deref().unwrap_or_default());
            let call = CallMethodRequest {
                object_id: object,
                method_id: method,
                input_arguments: Some(vec![variant]),
            };
            let answer = self.bounded(session.call_one(call)).await;
            (what, answer.map(|result| call_status(result.status_code, result.input_argument_results)))
        } else {
            let write = WriteValue {
                node_id: node.id.clone(),
                attribute_id: AttributeId::Value as u32,
                index_range: Default::default(),
                value: DataValue::value_only(variant),
            };
            let answer = self.bounded(session.write(&[write])).await;
            let first = |statuses: Vec<StatusCode>| {
                statuses.first().copied().unwrap_or(StatusCode::BadUnknownResponse)
            };
            (format!("the write of {name}"), answer.map(first))
        };
        let status = match answer {
            Ok(status) => status,
            Err(Failure::Silent) => return Err(self.close(Loss::Silent).into()),
            Err(Failure::Error(e)) if is_loss(e.status()) => return Err(self.failed(e).into()),
            Err(Failure::Error(e)) => e.status(),
        };
        if status.is_good() { Ok(()) } else { Err(ClientError::Refused { what, answer: status.to_string() }) }
    }

    /// Takes leave of the server; a client that is only dropped does so in the background.
    pub async fn disconnect(mut self) {
        if let Some(link) = self.link.take() {
            let _ = timeout(self.timeout, link.session.disconnect()).await;
        }
    }

    /// A request's answer, or that there was none in time.
    async fn bounded<T>(&self, request: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
        match timeout(self.timeout, request).await {
            Ok(answer) => answer.map_err(Failure::Error),
            Err(_) => Err(Failure::Silent),
        }
    }

    fn failed(&mut self, e: Error) -> LinkError {
        self.link = None;
        failed(self.timeout)(e)
    }

    fn close(&mut self, loss: Loss) -> LinkError {
        self.link = None;
        loss.error(self.timeout)
    }

    async fn ask<T, R>(
        &mut self,
        request: impl FnOnce(Arc<opcua::client::Session>) -> R,
    ) -> Result<T, LinkError>
    where
        R: Future<Output = Result<T, Error>>,
    {
        let session = Arc::clone(&self.link.as_ref().ok_or(LinkError::Closed)?.session);
        match self.bounded(request(session)).await {
            Ok(answer) => Ok(answer),
            Err(Failure::Silent) => Err(self.close(Loss::Silent)),
            Err(Failure::Error(e)) => Err(self.failed(e)),
        }
    }

    async fn read(&mut self, attribute: AttributeId) -> Result<Vec<DataValue>, LinkError> {
        let read = |node: &Node| ReadValueId {
            node_id: node.id.clone(),
            attribute_id: attribute as u32,
            ..ReadValueId::default()
        };
        let wanted: Vec<ReadValueId> = self.nodes.iter().map(read).collect();
        let mut values = Vec::new();
        for part in wanted.chunks(OPCUA_NODES_PER_REQUEST) {
            let part = part.to_vec();
            let count = part.len();
            let answer = self
                .ask(|session| async move { session.read(&part, TimestampsToReturn::Neither, 0.0).await })
                .await?;
            if answer.len() != count {
                return Err(self.mismatch(format!("{} values to a read of {count}", answer.len())));
            }
            values.extend(answer);
        }
        Ok(values)
    }

    fn mismatch(&mut self, what: String) -> LinkError {
        self.link = None;
        LinkError::Mismatch(what)
    }

    /// Finds the namespace, and of each node whether it is there and what type it has; its value is the first image.
    async fn find_nodes(&mut self) -> Result<(), LinkError> {
        let namespaces = self.ask(|session| async move { session.read_namespace_array().await }).await?;
        let Some(namespace) = namespaces.get_index(self.binding.namespace()) else {
            let uri = self.binding.namespace().to_owned();
            return Err(self.mismatch(format!("the machine has no namespace {uri}: is it of this kind?")));
        };
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
            // Handles are ours: the place, counted from 1.
            let place = (item.client_handle() as usize).wrapping_sub(1);
            if let Some(point) = points.get(place) {
                changed.push(place, sample(*point, &value));
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
        for part in present.chunks(OPCUA_NODES_PER_REQUEST) {
            let refused = self.monitor(id, part, options.deadband).await?;
            // A server that knows no deadband tells everything.
            let again: Vec<usize> = refused.iter().map(|(i, _)| *i).collect();
            if again.is_empty() {
                continue;
            }
            for (i, status) in self.monitor(id, &again, false).await? {
                let node = &self.binding.places()[i].node;
                self.notes.push(format!("node {node} can not be monitored: {status}"));
                self.image[i].quality = Quality::Bad;
            }
        }
        Ok(())
    }

    /// Monitors some places, and tells which the server refused.
    async fn monitor(
        &mut self,
        subscription: u32,
        places: &[usize],
        deadband: bool,
    ) -> Result<Vec<(usize, StatusCode)>, LinkError> {
        let item = |i: &usize| {
            let place = &self.binding.places()[*i];
            let silent = if deadband { place.deadband } else { 0.0 };
            let filter = DataChangeFilter {
                trigger: DataChangeTrigger::StatusValue,
                deadband_type: if silent > 0.0 { DeadbandType::Absolute } else { DeadbandType::None } as u32,
                deadband_value: silent,
            };
            let item = ReadValueId {
                node_id: self.nodes[*i].id.clone(),
                attribute_id: AttributeId::Value as u32,
                ..ReadValueId::default()
            };
            MonitoredItemCreateRequest {
                item_to_monitor: item,
                monitoring_mode: MonitoringMode::Reporting,
                requested_parameters: MonitoringParameters {
                    client_handle: *i as u32 + 1,
                    // As fast as the machine has values: a slower sampling would hide what happens between.
                    sampling_interval: 0.0,
                    filter: ExtensionObject::from_message(filter),
                    queue_size: OPCUA_QUEUED_VALUES as u32,
                    discard_oldest: true,
                },
            }
        };
        let items: Vec<MonitoredItemCreateRequest> = places.iter().map(item).collect();
        let results = self
            .ask(|session| async move {
                session.create_monitored_items(subscription, TimestampsToReturn::Source, items).await
            })
            .await?;
        let statuses: BTreeSet<(usize, u32)> =
            places.iter().zip(&results).map(|(i, r)| (*i, r.result.status_code.bits())).collect();
        let refused = |(i, bits): (usize, u32)| {
            let status = StatusCode::from(bits);
            (!status.is_good()).then_some((i, status))
        };
        Ok(statuses.into_iter().filter_map(refused).collect())
    }
}

enum Failure {
    Silent,
    Error(Error),
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

fn sample(point: PointIx, value: &DataValue) -> Sample {
    let quality = values::quality(value.status());
    match value.value.as_ref().and_then(values::unpack) {
        Some((number, _)) if quality != Quality::Bad => Sample { point, value: number, quality },
        _ => Sample { point, value: f64::NAN, quality: Quality::Bad },
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

/// Part 4, 5.12.2: the reason for a refused argument stands with the argument.
fn call_status(status: StatusCode, arguments: Option<Vec<StatusCode>>) -> StatusCode {
    let wrong = arguments.into_iter().flatten().find(|s| !s.is_good());
    if status == StatusCode::BadInvalidArgument { wrong.unwrap_or(status) } else { status }
}
