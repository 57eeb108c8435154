//! What the server answers to a client that knows nothing of profiles.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_adapters::Served;
use aegis_models::Quality;
use opcua::client::{ClientBuilder, EventCallback, HistoryReadAction, IdentityToken, Session};
use opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, CallMethodRequest, DataValue, DateTime, EUInformation,
    EventFilter, ExtensionObject, HistoryData, HistoryEvent, HistoryReadValueId, MessageSecurityMode,
    MonitoredItemCreateRequest, NodeId, ObjectId, ObjectTypeId, QualifiedName, Range, ReadAtTimeDetails,
    ReadEventDetails, ReadProcessedDetails, ReadRawModifiedDetails, ReadValueId, ReferenceTypeId,
    SimpleAttributeOperand, StatusCode, TimestampsToReturn, UserTokenPolicy, Variant, WriteValue,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::{BEGAN, Running, SOON, free, point};

struct Peer {
    session: Arc<Session>,
    namespace: u16,
}

impl Peer {
    async fn of(server: &Running) -> Peer {
        let mut client = ClientBuilder::new()
            .application_name("peer")
            .application_uri("urn:peer")
            .pki_dir("\0")
            .client()
            .unwrap();
        let url = format!("opc.tcp://{}", server.address);
        let endpoint = (url.as_str(), "None", MessageSecurityMode::None, UserTokenPolicy::anonymous());
        let (session, events) =
            client.connect_to_endpoint_directly(endpoint, IdentityToken::Anonymous).unwrap();
        events.spawn();
        timeout(SOON, session.wait_for_connection()).await.unwrap();
        let namespace = session.get_namespace_index("urn:aegis:cnc").await.unwrap();
        Peer { session, namespace }
    }

    fn id(&self, node: &str) -> NodeId {
        NodeId::new(self.namespace, node)
    }

    async fn value(&self, node: impl Into<NodeId>) -> DataValue {
        let read = ReadValueId {
            node_id: node.into(),
            attribute_id: AttributeId::Value as u32,
            ..ReadValueId::default()
        };
        self.session.read(&[read], TimestampsToReturn::Both, 0.0).await.unwrap().remove(0)
    }

    async fn property<T: Clone + Send + Sync + 'static>(&self, node: &str) -> T {
        match self.value(self.id(node)).await.value {
            Some(Variant::ExtensionObject(o)) => o.inner_as::<T>().unwrap().clone(),
            other => panic!("{node}: {other:?}"),
        }
    }

    async fn browse(&self, node: impl Into<NodeId>) -> Vec<String> {
        let browse = BrowseDescription {
            node_id: node.into(),
            browse_direction: BrowseDirection::Forward,
            reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
            include_subtypes: true,
            node_class_mask: 0,
            result_mask: 63,
        };
        let found = self.session.browse(&[browse], 0, None).await.unwrap().remove(0);
        found.references.unwrap_or_default().into_iter().map(|r| r.browse_name.name.to_string()).collect()
    }

    async fn write(&self, node: &str, value: impl Into<Variant>) -> StatusCode {
        let write = WriteValue {
            node_id: self.id(node),
            attribute_id: AttributeId::Value as u32,
            value: DataValue::value_only(value),
            ..WriteValue::default()
        };
        self.session.write(&[write]).await.unwrap()[0]
    }

    async fn call(
        &self,
        object: &str,
        method: &str,
        arguments: Vec<Variant>,
    ) -> (StatusCode, Vec<StatusCode>) {
        let call = CallMethodRequest {
            object_id: self.id(object),
            method_id: self.id(method),
            input_arguments: Some(arguments),
        };
        let result = self.session.call_one(call).await.unwrap();
        (result.status_code, result.input_argument_results.unwrap_or_default())
    }

    async fn history(&self, details: ReadRawModifiedDetails) -> (StatusCode, Vec<f64>) {
        let mut from =
            HistoryReadValueId { node_id: self.id("Spindle.BearingTemperature"), ..Default::default() };
        let mut values = Vec::new();
        loop {
            let action = HistoryReadAction::ReadRawModifiedDetails(details.clone());
            let nodes = [from.clone()];
            let read = self.session.history_read(action, TimestampsToReturn::Source, false, &nodes);
            let result = read.await.unwrap().remove(0);
            let data = result.history_data.into_inner_as::<HistoryData>();
            let told = data.into_iter().flat_map(|d| d.data_values.unwrap_or_default());
            values.extend(told.map(|v| aegis_adapters::opcua::values::unpack(&v.value.unwrap()).unwrap().0));
            if result.continuation_point.is_null() {
                return (result.status_code, values);
            }
            from.continuation_point = result.continuation_point;
        }
    }
}

#[tokio::test]
async fn the_address_space_is_typed_after_the_companion_models() {
    let server = Running::start(&free()).await;
    server.publish(0, &[("state", 2.0, Quality::Good)]);
    let peer = Peer::of(&server).await;
    assert!(peer.browse(ObjectId::ObjectsFolder).await.contains(&"CNC-01".to_owned()));
    assert!(peer.browse(ObjectId::ObjectsFolder).await.contains(&"Machines".to_owned()));
    let machinery = peer.session.get_namespace_index("http://opcfoundation.org/UA/Machinery/").await.unwrap();
    assert_eq!(peer.browse(NodeId::new(machinery, 1001u32)).await, ["CNC-01"]);
    let mut parts = peer.browse(peer.id("Machine")).await;
    parts.sort();
    assert_eq!(parts, ["Channel", "Control", "Coolant", "Identification", "Spindle", "Tool"]);
    for (name, wanted) in [("Manufacturer", "Aegis"), ("Model", "Mill-300")] {
        let value = peer.value(peer.id(&format!("Identification.{name}"))).await.value;
        assert!(matches!(&value, Some(Variant::LocalizedText(t)) if t.text.as_ref() == wanted), "{value:?}");
    }
    for (name, wanted) in [
        ("SerialNumber", "CNC-01"),
        ("DeviceClass", "Milling machine"),
        ("ProductInstanceUri", "urn:aegis:cnc:CNC-01"),
    ] {
        assert_eq!(peer.value(peer.id(&format!("Identification.{name}"))).await.value, Some(wanted.into()));
    }
    let range: Range = peer.property("Spindle.BearingTemperature.EURange").await;
    assert_eq!((range.low, range.high), (0.0, 150.0));
    let unit: EUInformation = peer.property("Spindle.BearingTemperature.EngineeringUnits").await;
    assert_eq!((unit.unit_id, unit.display_name.text.as_ref()), (4_408_652, "°C"));
    let text = peer.value(peer.id("Channel.State.ValueAsText")).await.value;
    assert!(matches!(&text, Some(Variant::LocalizedText(t)) if t.text.as_ref() == "cut"), "{text:?}");
}

#[tokio::test]
async fn values_carry_status_and_the_moment_of_their_frame() {
    let server = Running::start(&free()).await;
    server.publish(1500, &[("coolant_temp", 20.0, Quality::Bad)]);
    let peer = Peer::of(&server).await;
    let good = peer.value(peer.id("Coolant.Flow")).await;
    assert_eq!((good.value, good.status), (Some(Variant::Float(12.0)), Some(StatusCode::Good)));
    let moment = aegis_adapters::opcua::values::ticks(BEGAN + 1_500_000_000);
    assert_eq!(good.source_timestamp.map(|t| t.ticks()), Some(moment));
    let bad = peer.value(peer.id("Coolant.ReturnTemperature")).await;
    assert_eq!(bad.status, Some(StatusCode::BadSensorFailure));
    assert_eq!(peer.value(peer.id("Coolant.Nothing")).await.status, Some(StatusCode::BadNodeIdUnknown));
}

#[tokio::test]
async fn writes_and_calls_are_checked() {
    let server = Running::start(&free()).await;
    server.publish(0, &[]);
    let peer = Peer::of(&server).await;
    assert_eq!(peer.write("Coolant.CommandedFlow", 13.0f32).await, StatusCode::Good);
    assert_eq!(peer.write("Coolant.CommandedFlow", 31.0f32).await, StatusCode::BadOutOfRange);
    assert_eq!(peer.write("Coolant.CommandedFlow", f32::NAN).await, StatusCode::BadOutOfRange);
    assert_eq!(peer.write("Coolant.CommandedFlow", 13.0f64).await, StatusCode::BadTypeMismatch);
    assert_eq!(peer.write("Coolant.CommandedFlow", "much").await, StatusCode::BadTypeMismatch);
    assert_eq!(peer.write("Coolant.Flow", 13.0f32).await, StatusCode::BadNotWritable);
    assert_eq!(peer.write("Coolant.Flow.EURange", 13.0f32).await, StatusCode::BadNotWritable);
    assert_eq!(peer.write("Coolant.Nothing", 13.0f32).await, StatusCode::BadNodeIdUnknown);
    let call = |arguments| peer.call("Spindle", "Spindle.SetSpeed", arguments);
    let invalid = StatusCode::BadInvalidArgument;
    assert_eq!(call(vec![900.0f32.into()]).await, (StatusCode::Good, vec![]));
    assert_eq!(call(vec![12_001.0f32.into()]).await, (invalid, vec![StatusCode::BadOutOfRange]));
    assert_eq!(call(vec![900i32.into()]).await, (invalid, vec![StatusCode::BadTypeMismatch]));
    assert_eq!(call(vec![]).await.0, StatusCode::BadArgumentsMissing);
    assert_eq!(call(vec![1.0f32.into(), 2.0f32.into()]).await.0, StatusCode::BadTooManyArguments);
    assert_eq!(
        peer.call("Coolant", "Spindle.SetSpeed", vec![900.0f32.into()]).await.0,
        StatusCode::BadMethodInvalid
    );
    assert_eq!(peer.call("Control", "Control.Stop", vec![]).await.0, StatusCode::Good);
    let wanted = [("coolant_flow_sp", 13.0), ("spindle_speed_sp", 900.0), ("run_enable", 0.0)];
    assert_eq!(server.mill.take_writes(), wanted.map(|(id, value)| (point(id), value)));
}

#[tokio::test]
async fn the_last_hour_can_be_read() {
    let server = Running::start(&free()).await;
    let peer = Peer::of(&server).await;
    // More than fits into one reply.
    let count = 5 * aegis_adapters::limits::OPCUA_HISTORY_REPLY as u64 / 2;
    for s in 0..count {
        server.publish(1000 * s, &[("spindle_temp", (s % 100) as f64, Quality::Good)]);
    }
    let moment = |s: u64| DateTime::from(aegis_adapters::opcua::values::ticks(BEGAN + s * 1_000_000_000));
    let read = |start, end, most| {
        peer.history(ReadRawModifiedDetails {
            is_read_modified: false,
            start_time: start,
            end_time: end,
            num_values_per_node: most,
            return_bounds: false,
        })
    };
    let (status, values) = read(moment(100), moment(103), 0).await;
    assert_eq!((status, values), (StatusCode::Good, vec![0.0, 1.0, 2.0]));
    assert_eq!(read(DateTime::null(), moment(103), 2).await.1, [3.0, 2.0]);
    assert_eq!(read(moment(0), moment(count), 0).await.1.len() as u64, count);
    assert_eq!(read(moment(0), DateTime::null(), 0).await.0, StatusCode::BadHistoryOperationInvalid);
    assert_eq!(read(moment(1_000_000), moment(1_000_001), 0).await.0, StatusCode::GoodNoData);
}

#[tokio::test]
async fn a_history_is_bounded_on_request() {
    let server = Running::start(&free()).await;
    let peer = Peer::of(&server).await;
    for s in 1..=5 {
        server.publish(1000 * s, &[("spindle_temp", s as f64, Quality::Good)]);
    }
    let moment = |ms: u64| DateTime::from(aegis_adapters::opcua::values::ticks(BEGAN + ms * 1_000_000));
    let read = async |start: u64, end: u64| {
        let details = ReadRawModifiedDetails {
            is_read_modified: false,
            start_time: moment(start),
            end_time: moment(end),
            num_values_per_node: 0,
            return_bounds: true,
        };
        let node =
            HistoryReadValueId { node_id: peer.id("Spindle.BearingTemperature"), ..Default::default() };
        let action = HistoryReadAction::ReadRawModifiedDetails(details);
        let result = peer
            .session
            .history_read(action, TimestampsToReturn::Source, false, &[node])
            .await
            .unwrap()
            .remove(0);
        let values = result.history_data.into_inner_as::<HistoryData>().unwrap().data_values.unwrap();
        let told = |v: DataValue| match v.value {
            Some(value) => aegis_adapters::opcua::values::unpack(&value).unwrap().0,
            None => {
                assert_eq!(v.status, Some(StatusCode::BadBoundNotFound));
                f64::NAN
            }
        };
        format!("{:?}", values.into_iter().map(told).collect::<Vec<_>>())
    };
    assert_eq!(read(2_500, 3_500).await, "[2.0, 3.0, 4.0]");
    assert_eq!(read(2_000, 4_000).await, "[2.0, 3.0, 4.0]", "what stands at an end bounds it");
    assert_eq!(read(3_500, 2_500).await, "[4.0, 3.0, 2.0]");
    assert_eq!(read(500, 6_000).await, "[NaN, 1.0, 2.0, 3.0, 4.0, 5.0, NaN]");
}

#[tokio::test]
async fn a_history_that_is_not_kept_is_refused() {
    let server = Running::start(&free()).await;
    server.publish(1_000, &[]);
    let peer = Peer::of(&server).await;
    let moment = |s: u64| DateTime::from(aegis_adapters::opcua::values::ticks(BEGAN + s * 1_000_000_000));
    let actions = [
        HistoryReadAction::ReadAtTimeDetails(ReadAtTimeDetails {
            req_times: Some(vec![moment(1)]),
            use_simple_bounds: false,
        }),
        HistoryReadAction::ReadProcessedDetails(ReadProcessedDetails {
            start_time: moment(0),
            end_time: moment(2),
            processing_interval: 1_000.0,
            aggregate_type: Some(vec![ObjectId::AggregateFunction_Average.into()]),
            ..Default::default()
        }),
        HistoryReadAction::ReadRawModifiedDetails(ReadRawModifiedDetails {
            is_read_modified: true,
            start_time: moment(0),
            end_time: moment(2),
            num_values_per_node: 0,
            return_bounds: false,
        }),
    ];
    for action in actions {
        let node = HistoryReadValueId { node_id: peer.id("Coolant.Flow"), ..Default::default() };
        let what = format!("{action:?}");
        let read = peer.session.history_read(action, TimestampsToReturn::Source, false, &[node]).await;
        assert_eq!(read.unwrap()[0].status_code, StatusCode::BadHistoryOperationUnsupported, "{what}");
    }
}

#[tokio::test]
async fn events_of_the_last_hour_can_be_read() {
    let server = Running::start(&free()).await;
    server.publish(0, &[]);
    server.publish(1_000, &[("coolant_flow", 12.0, Quality::Bad)]);
    server.publish(2_000, &[("coolant_flow", 41.0, Quality::Good)]);
    let peer = Peer::of(&server).await;
    let field = |name: &str| SimpleAttributeOperand {
        type_definition_id: ObjectTypeId::BaseEventType.into(),
        browse_path: Some(vec![QualifiedName::new(0, name)]),
        attribute_id: AttributeId::Value as u32,
        ..Default::default()
    };
    let moment = |ms: u64| DateTime::from(aegis_adapters::opcua::values::ticks(BEGAN + ms * 1_000_000));
    let read = async |node: NodeId, start: u64, end: u64| {
        let details = ReadEventDetails {
            num_values_per_node: 0,
            start_time: moment(start),
            end_time: moment(end),
            filter: EventFilter {
                select_clauses: Some(["Severity"].map(field).into()),
                ..EventFilter::default()
            },
        };
        let node = HistoryReadValueId { node_id: node, ..Default::default() };
        let action = HistoryReadAction::ReadEventDetails(details);
        let result = peer
            .session
            .history_read(action, TimestampsToReturn::Source, false, &[node])
            .await
            .unwrap()
            .remove(0);
        let events = result.history_data.into_inner_as::<HistoryEvent>().and_then(|h| h.events);
        let fields = events.into_iter().flatten().flat_map(|e| e.event_fields.unwrap_or_default());
        (result.status_code, fields.map(|f| f.to_string()).collect::<Vec<_>>())
    };
    let told = |severities: &[&str]| (StatusCode::Good, severities.iter().map(|s| (*s).to_owned()).collect());
    let machine = || peer.id("Machine");
    assert_eq!(read(machine(), 0, 1_500).await, told(&["700"]));
    assert_eq!(read(machine(), 0, 9_000).await, told(&["700", "100", "500"]));
    assert_eq!(read(machine(), 9_000, 0).await, told(&["500", "100", "700"]));
    assert_eq!(read(machine(), 5_000, 9_000).await.0, StatusCode::GoodNoData);
    assert_eq!(read(peer.id("Coolant"), 0, 9_000).await.0, StatusCode::BadHistoryOperationUnsupported);
}

#[tokio::test]
async fn events_are_told_to_those_who_listen() {
    let server = Running::start(&free()).await;
    server.publish(0, &[]);
    let peer = Peer::of(&server).await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&heard);
    let callback = EventCallback::new(move |fields, _| sink.lock().unwrap().extend(fields));
    let id = peer
        .session
        .create_subscription(Duration::from_millis(50), 100, 10, 0, 0, true, callback)
        .await
        .unwrap();
    let field = |name: &str| SimpleAttributeOperand {
        type_definition_id: ObjectTypeId::BaseEventType.into(),
        browse_path: Some(vec![QualifiedName::new(0, name)]),
        attribute_id: AttributeId::Value as u32,
        ..Default::default()
    };
    let filter = EventFilter {
        select_clauses: Some(["SourceName", "Severity", "Message"].map(field).into()),
        ..EventFilter::default()
    };
    let mut item: MonitoredItemCreateRequest = peer.id("Machine").into();
    item.item_to_monitor.attribute_id = AttributeId::EventNotifier as u32;
    item.requested_parameters.filter = ExtensionObject::from_message(filter);
    item.requested_parameters.queue_size = 100;
    let created =
        peer.session.create_monitored_items(id, TimestampsToReturn::Both, vec![item]).await.unwrap();
    assert_eq!(created[0].result.status_code, StatusCode::Good);
    server.publish(100, &[("coolant_flow", 12.0, Quality::Bad)]);
    server.publish(200, &[("coolant_flow", 41.0, Quality::Good)]);
    assert_eq!(peer.write("Control.FeedHold", true).await, StatusCode::Good);
    let all = async {
        while heard.lock().unwrap().len() < 4 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, all).await.expect("four events");
    let told: Vec<String> =
        heard.lock().unwrap().iter().map(|f| format!("{} {} {}", f[0], f[1], f[2])).collect();
    let has = |words: &[&str]| told.iter().any(|t| words.iter().all(|w| t.contains(w)));
    assert!(has(&["Coolant.Flow", "700", "no value"]), "{told:?}");
    assert!(has(&["Coolant.Flow", "100", "again"]), "{told:?}");
    assert!(has(&["Coolant.Flow", "500", "out of range"]), "{told:?}");
    assert!(has(&["Control.FeedHold", "200", "set to 1"]), "{told:?}");
}

/// A hello and an unprotected channel (Part 6, 7.1.2.3 and 6.7.4), without a session.
fn hello_and_open(url: &str) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let words = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let chunk = |kind: &[u8], body: Vec<u8>| [kind, &(8 + body.len() as u32).to_le_bytes(), &body].concat();
    let none = u32::MAX;
    let hello = [words(&[0, 65_535, 65_535, 0, 0]), text(url)].concat();
    let open = [
        words(&[0]),
        text("http://opcfoundation.org/UA/SecurityPolicy#None"),
        // No certificates; sequence and request number.
        words(&[none, none, 1, 1]),
        // OpenSecureChannelRequest; a request header without session, time, diagnostics, audit and further parts.
        vec![1, 0, 0xBE, 1, 0, 0],
        words(&[0, 0, 1, 0, none, 0]),
        vec![0, 0, 0],
        // Version, issue, unprotected, no nonce, an hour.
        words(&[0, 0, 1, none, 3_600_000]),
    ];
    [chunk(b"HELF", hello), chunk(b"OPNF", open.concat())].concat()
}

/// Whether the other side has closed by now.
async fn closed(stream: &mut TcpStream, within: Duration) -> bool {
    let mut rest = [0; 1024];
    let reading = async { while let Ok(1..) = stream.read(&mut rest).await {} };
    timeout(within, reading).await.is_ok()
}

#[tokio::test]
async fn channels_without_a_session_push_each_other_out_and_nobody_at_work() {
    let server = Running::start(&free()).await;
    server.publish(0, &[]);
    let peer = Peer::of(&server).await;
    let most = aegis_adapters::limits::OPCUA_CONNECTIONS;
    let mut idle = Vec::new();
    for _ in 0..2 * most {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&hello_and_open("opc.tcp://127.0.0.1:1/")).await.unwrap();
        // Acknowledged and opened: what follows a chunk's type and size is counted by it.
        let mut first = [0; 8];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first[..4], b"ACKF");
        idle.push(stream);
    }
    let mut open = 0;
    for stream in &mut idle {
        open += usize::from(!closed(stream, Duration::from_millis(20)).await);
    }
    assert!((1..most).contains(&open), "{open} of {} are open", idle.len());
    assert!(peer.value(peer.id("Coolant.Flow")).await.status == Some(StatusCode::Good), "who works stays");
    // Those that are left come to no session, and are closed.
    for stream in &mut idle {
        assert!(closed(stream, SOON).await);
    }
    assert!(peer.value(peer.id("Coolant.Flow")).await.status == Some(StatusCode::Good));
}

#[tokio::test]
async fn a_client_is_told_the_port_that_it_can_reach() {
    let server = Running::start(&free()).await;
    let url = format!("opc.tcp://{}", server.address);
    let client =
        ClientBuilder::new().application_name("peer").application_uri("urn:peer").pki_dir("\0").client();
    let offered = client.unwrap().get_server_endpoints_from_url(url.as_str()).await.unwrap();
    let urls: Vec<&str> = offered.iter().map(|e| e.endpoint_url.as_ref()).collect();
    assert!(urls.iter().all(|u| u.contains(&format!(":{}", server.address.port()))), "{urls:?}");
}

#[tokio::test]
async fn sessions_are_bounded() {
    let server = Running::start(&free()).await;
    let mut peers = Vec::new();
    for _ in 0..aegis_adapters::limits::OPCUA_SESSIONS {
        peers.push(Peer::of(&server).await);
    }
    let options = super::support::quick();
    let binding = super::support::binding();
    let one_more =
        aegis_adapters::opcua::Client::connect(&server.address.to_string(), binding, &options).await;
    assert!(one_more.is_err());
    server.publish(0, &[]);
    let first = peers[0].value(peers[0].id("Coolant.Flow")).await;
    assert_eq!(first.status, Some(StatusCode::Good), "those that are in stay in");
    peers[1].session.disconnect().await.unwrap();
    assert!(matches!(server.client().await.read_points().await, Ok(read) if !read.is_empty()));
}
