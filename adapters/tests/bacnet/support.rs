//! An air handling unit behind BACnet, and datagrams to ask it.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use aegis_adapters::bacnet::apdu::{ConfirmedRequest, UnconfirmedRequest, decode_apdu};
use aegis_adapters::bacnet::codec::{self, Opened, Peer};
use aegis_adapters::bacnet::enums::{ErrorClass, ErrorCode, ObjectType, PropertyIdentifier};
use aegis_adapters::bacnet::service::{self, Announcement, PropertyRef, Request, Write};
use aegis_adapters::bacnet::{
    Apdu, Binding, Device, Identity, MAX_APDU, ObjectIdentifier, Patience, PropertyValue, Session,
};
use aegis_models::{PointIx, Profile, Quality, Sample, Time};

pub const INSTANCE: u32 = 4001;

const PROFILE: &str = r#"
kind = "unit"
title = "Small air handling unit"
doc = "One object of each type."
calibration = { span = "10m" }
regime = { point = "mode", names = { 0 = "off", 1 = "cooling", 2 = "heating" } }
bacnet = { model = "AHU-1" }

[[point]]
id = "supply_temp"
doc = "Temperature of the supply air."
unit = "degC"
period = "1s"
range = [-20.0, 60.0]
accuracy = 0.1
bacnet = { object = "analog-input", instance = 1, cov_increment = 0.5 }

[[point]]
id = "valve"
doc = "Opening of the cooling valve."
unit = "%"
role = "setpoint"
access = "write"
period = "1s"
range = [0.0, 100.0]
nominal = 40.0
bacnet = { object = "analog-output", instance = 1 }

[[point]]
id = "supply_temp_sp"
doc = "Set-point of the supply air."
unit = "degC"
role = "setpoint"
access = "write"
period = "1s"
range = [12.0, 30.0]
nominal = 18.0
bacnet = { object = "analog-value", instance = 7 }

[[point]]
id = "run_hours"
doc = "Hours since commissioning."
unit = "h"
role = "counter"
type = "u32"
period = "1m"
range = [0.0, 1000000.0]
bacnet = { object = "analog-value", instance = 8 }

[[point]]
id = "filter_alarm"
doc = "The filter's pressure switch."
role = "state"
type = "bool"
period = "1s"
range = [0.0, 1.0]
bacnet = { object = "binary-input", instance = 1 }

[[point]]
id = "enable"
doc = "Lets the unit run."
role = "setpoint"
type = "bool"
access = "write"
period = "1s"
range = [0.0, 1.0]
nominal = 1.0
bacnet = { object = "binary-value", instance = 1 }

[[point]]
id = "mode"
doc = "What the unit does."
role = "state"
type = "u16"
period = "1s"
range = [0.0, 2.0]
bacnet = { object = "multi-state-value", instance = 1 }

[[point]]
id = "stage"
doc = "Fan stage."
role = "setpoint"
type = "u16"
access = "write"
period = "1s"
range = [1.0, 3.0]
nominal = 2.0
bacnet = { object = "multi-state-value", instance = 2 }

[[point]]
id = "unbound"
doc = "Not on the wire."
period = "1s"
range = [0.0, 1.0]
"#;

pub fn text() -> &'static str {
    PROFILE
}

/// Made once: the property tests take one for each case.
pub fn profile() -> &'static Profile {
    static MADE: LazyLock<Profile> = LazyLock::new(|| Profile::parse(PROFILE).unwrap());
    &MADE
}

pub fn binding() -> Arc<Binding> {
    Arc::new(Binding::new(profile()).unwrap())
}

pub fn point(id: &str) -> PointIx {
    profile().point_ix(id).unwrap()
}

pub fn good(id: &str, value: f64) -> Sample {
    Sample { point: point(id), value, quality: Quality::Good }
}

/// A unit as it runs.
pub fn image() -> Vec<Sample> {
    [
        ("supply_temp", f64::from(17.9_f32)),
        ("valve", 40.0),
        ("supply_temp_sp", 18.0),
        ("run_hours", 70_001.0),
        ("filter_alarm", 0.0),
        ("enable", 1.0),
        ("mode", 1.0),
        ("stage", 2.0),
    ]
    .map(|(id, v)| good(id, v))
    .to_vec()
}

/// Made once, too.
pub fn session() -> Session {
    static MADE: LazyLock<Device> = LazyLock::new(|| {
        let identity = Identity { name: "AHU-01".into(), instance: INSTANCE };
        Device::new(&identity, profile()).unwrap()
    });
    let mut session = Session::new(MADE.clone(), Patience::default());
    session.publish(&image(), &[]);
    session.advance(Time::ZERO);
    session
}

pub fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// Where the one who asks sits.
pub fn near() -> Peer {
    Peer { address: address(40_000), route: None }
}

pub fn object(kind: ObjectType, instance: u32) -> ObjectIdentifier {
    ObjectIdentifier::new(kind, instance).unwrap()
}

pub fn of(id: &str) -> ObjectIdentifier {
    binding().place(point(id)).unwrap().object
}

pub fn device_id() -> ObjectIdentifier {
    object(ObjectType::DEVICE, INSTANCE)
}

pub fn confirmed(invoke_id: u8, request: &Request) -> ConfirmedRequest {
    let (service_choice, service_request) = request.encode();
    ConfirmedRequest {
        segmented: false,
        more_follows: false,
        segmented_response_accepted: false,
        max_segments: None,
        max_apdu_length: MAX_APDU,
        invoke_id,
        sequence_number: None,
        proposed_window_size: None,
        service_choice,
        service_request,
    }
}

pub fn unconfirmed(announcement: &Announcement) -> Apdu {
    let (service_choice, service_request) = announcement.encode();
    Apdu::UnconfirmedRequest(UnconfirmedRequest { service_choice, service_request })
}

/// What a datagram of the session's carries.
pub fn apdu(datagram: &[u8]) -> Apdu {
    match codec::open(address(1), datagram).unwrap() {
        Opened::Apdu(received) => decode_apdu(received.apdu).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// All that the session sends, to whom.
pub fn sent(session: &mut Session) -> Vec<(SocketAddr, Apdu)> {
    std::iter::from_fn(|| session.poll_transmit()).map(|(to, d)| (to, apdu(&d))).collect()
}

/// The answer to an APDU from [`near`].
pub fn ask_apdu(session: &mut Session, now: Time, asked: &Apdu) -> Vec<Apdu> {
    session.receive(now, near().address, &codec::datagram(&near(), true, asked));
    let sent = sent(session);
    assert!(sent.iter().all(|(to, _)| *to == near().address));
    sent.into_iter().map(|(_, apdu)| apdu).collect()
}

/// The one answer to a request.
pub fn ask(session: &mut Session, request: &Request) -> Apdu {
    let mut answers = ask_apdu(session, Time::ZERO, &Apdu::ConfirmedRequest(confirmed(7, request)));
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.remove(0)
}

/// The tagged values that a property is read as, or the error.
pub fn read(
    session: &mut Session,
    object: ObjectIdentifier,
    property: PropertyRef,
) -> Result<Vec<PropertyValue>, (ErrorClass, ErrorCode)> {
    match ask(session, &Request::ReadProperty(object, property)) {
        Apdu::ComplexAck(ack) => {
            let (found, of, value) = service::decode_read_ack(&ack.service_ack).unwrap();
            assert_eq!((ack.invoke_id, of), (7, property));
            assert_eq!(found.object_type(), object.object_type());
            Ok(values(&value))
        }
        Apdu::Error(e) => Err((e.error_class, e.error_code)),
        other => panic!("{other:?}"),
    }
}

pub fn values(octets: &[u8]) -> Vec<PropertyValue> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        let (value, next) =
            bacnet_encoding::primitives::decode_application_value(octets, at).expect("tagged values");
        all.push(value);
        at = next;
    }
    all
}

pub fn tagged(value: &PropertyValue) -> bytes::Bytes {
    let mut out = bytes::BytesMut::new();
    bacnet_encoding::primitives::encode_property_value(&mut out, value).unwrap();
    out.freeze()
}

/// Writes a present value.
pub fn write(
    session: &mut Session,
    object: ObjectIdentifier,
    value: &PropertyValue,
    priority: Option<u8>,
) -> Result<(), (ErrorClass, ErrorCode)> {
    write_property(session, object, PropertyIdentifier::PRESENT_VALUE, value, priority)
}

pub fn write_property(
    session: &mut Session,
    object: ObjectIdentifier,
    property: PropertyIdentifier,
    value: &PropertyValue,
    priority: Option<u8>,
) -> Result<(), (ErrorClass, ErrorCode)> {
    let property = PropertyRef::of(property);
    match ask(session, &Request::WriteProperty(Write { object, property, value: tagged(value), priority })) {
        Apdu::SimpleAck(_) => Ok(()),
        Apdu::Error(e) => Err((e.error_class, e.error_code)),
        other => panic!("{other:?}"),
    }
}
