use aegis_adapters::bacnet::apdu::{AbortPdu, RejectPdu};
use aegis_adapters::bacnet::bvll::Bvll;
use aegis_adapters::bacnet::codec::{self, Peer};
use aegis_adapters::bacnet::enums::{
    AbortReason, ConfirmedServiceChoice as Confirmed, ObjectType, PropertyIdentifier as P, RejectReason,
};
use aegis_adapters::bacnet::service::{Announcement, PropertyRef, Request, Sought, Write};
use aegis_adapters::bacnet::{Apdu, PropertyValue as V};
use aegis_adapters::limits;
use aegis_models::{Frame, MachineIx, Record, Time};
use bytes::Bytes;

use super::support::*;

fn raw(s: &mut aegis_adapters::bacnet::Session, service: Confirmed, parameters: &[u8]) -> Apdu {
    let mut request = confirmed(7, &Request::ReadProperty(device_id(), PropertyRef::of(P::OBJECT_NAME)));
    request.service_choice = service;
    request.service_request = Bytes::copy_from_slice(parameters);
    let mut answers = ask_apdu(s, Time::ZERO, &Apdu::ConfirmedRequest(request));
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

#[test]
fn malformed_parameters_are_rejected_for_the_right_reason() {
    let s = &mut session();
    let whole = [0x0C, 0x00, 0x00, 0x00, 0x01, 0x19, 0x55];
    for (service, parameters, reason) in [
        (Confirmed::READ_PROPERTY, &[][..], RejectReason::MISSING_REQUIRED_PARAMETER),
        (Confirmed::READ_PROPERTY, &whole[..5], RejectReason::MISSING_REQUIRED_PARAMETER),
        (Confirmed::READ_PROPERTY, &whole[..6], RejectReason::MISSING_REQUIRED_PARAMETER),
        (Confirmed::READ_PROPERTY, &whole[..3], RejectReason::MISSING_REQUIRED_PARAMETER),
        (Confirmed::READ_PROPERTY, &whole[5..], RejectReason::INVALID_TAG),
        (Confirmed::READ_PROPERTY, &[&whole[..], &[0x39, 0x00]].concat(), RejectReason::TOO_MANY_ARGUMENTS),
        // An object identifier of three octets.
        (Confirmed::READ_PROPERTY, &[0x0B, 0, 0, 1, 0x19, 0x55], RejectReason::INVALID_DATA_ENCODING),
        // A write of nothing.
        (
            Confirmed::WRITE_PROPERTY,
            &[&whole[..], &[0x3E, 0x3F]].concat(),
            RejectReason::MISSING_REQUIRED_PARAMETER,
        ),
        (
            Confirmed::WRITE_PROPERTY_MULTIPLE,
            &[&whole[..5], &[0x1E, 0x09, 0x55, 0x2E, 0x2F, 0x1F]].concat(),
            RejectReason::MISSING_REQUIRED_PARAMETER,
        ),
        (Confirmed::READ_PROPERTY_MULTIPLE, &[], RejectReason::MISSING_REQUIRED_PARAMETER),
        (Confirmed::READ_PROPERTY_MULTIPLE, &whole[..5], RejectReason::MISSING_REQUIRED_PARAMETER),
        (Confirmed::READ_PROPERTY_MULTIPLE, &[0x0C, 0, 0, 0, 1, 0x1E, 0x1F], RejectReason::INVALID_TAG),
        // No closing tag.
        (
            Confirmed::READ_PROPERTY_MULTIPLE,
            &[0x0C, 0, 0, 0, 1, 0x1E, 0x09, 0x55],
            RejectReason::MISSING_REQUIRED_PARAMETER,
        ),
        // Priority 17.
        (
            Confirmed::WRITE_PROPERTY,
            &[0x0C, 0, 0x80, 0, 7, 0x19, 0x55, 0x3E, 0x44, 0, 0, 0, 0, 0x3F, 0x49, 17],
            RejectReason::PARAMETER_OUT_OF_RANGE,
        ),
        (Confirmed::WRITE_PROPERTY, &whole, RejectReason::MISSING_REQUIRED_PARAMETER),
        (Confirmed::SUBSCRIBE_COV, &[0x09, 1], RejectReason::MISSING_REQUIRED_PARAMETER),
        // A lifetime, but not whether confirmed.
        (
            Confirmed::SUBSCRIBE_COV,
            &[0x09, 1, 0x1C, 0, 0, 0, 1, 0x39, 60],
            RejectReason::MISSING_REQUIRED_PARAMETER,
        ),
        (Confirmed::READ_RANGE, &whole, RejectReason::UNRECOGNIZED_SERVICE),
        (Confirmed::CONFIRMED_PRIVATE_TRANSFER, &[], RejectReason::UNRECOGNIZED_SERVICE),
        (Confirmed::from_raw(200), &[], RejectReason::UNRECOGNIZED_SERVICE),
    ] {
        let expected = Apdu::Reject(RejectPdu { invoke_id: 7, reject_reason: reason });
        assert_eq!(raw(s, service, parameters), expected, "{service} {parameters:02X?}");
    }
}

#[test]
fn what_needs_segments_is_aborted() {
    let s = &mut session();
    let abort = |reason| Apdu::Abort(AbortPdu { sent_by_server: true, invoke_id: 7, abort_reason: reason });
    let mut segmented = confirmed(7, &Request::ReadProperty(device_id(), PropertyRef::of(P::OBJECT_LIST)));
    segmented.segmented = true;
    let answers = ask_apdu(s, Time::ZERO, &Apdu::ConfirmedRequest(segmented));
    assert_eq!(answers, [abort(AbortReason::SEGMENTATION_NOT_SUPPORTED)]);

    let everything = vec![PropertyRef::of(P::ALL)];
    let twice = [binding().places(), binding().places()].concat();
    let all = twice.iter().map(|p| (p.object, everything.clone())).collect();
    let mut request = confirmed(7, &Request::ReadPropertyMultiple(all));
    let answers = ask_apdu(s, Time::ZERO, &Apdu::ConfirmedRequest(request.clone()));
    assert_eq!(answers, [abort(AbortReason::SEGMENTATION_NOT_SUPPORTED)]);
    // A small station gets small answers.
    request = confirmed(7, &Request::ReadProperty(device_id(), PropertyRef::of(P::OBJECT_LIST)));
    request.max_apdu_length = 50;
    let answers = ask_apdu(s, Time::ZERO, &Apdu::ConfirmedRequest(request.clone()));
    assert_eq!(answers, [abort(AbortReason::SEGMENTATION_NOT_SUPPORTED)]);
    request.max_apdu_length = 480;
    let answers = ask_apdu(s, Time::ZERO, &Apdu::ConfirmedRequest(request));
    assert!(matches!(answers[..], [Apdu::ComplexAck(_)]));
}

#[test]
fn nobody_silences_or_restarts_the_device_from_afar() {
    let s = &mut session();
    let enable = [0x19, 1];
    let with_password = [0x19, 1, 0x2D, 6, 0, b'a', b'd', b'm', b'i', b'n'];
    for (service, parameters) in [
        (Confirmed::DEVICE_COMMUNICATION_CONTROL, &enable[..]),
        (Confirmed::DEVICE_COMMUNICATION_CONTROL, &with_password),
        (Confirmed::REINITIALIZE_DEVICE, &[0x09, 0]),
        (Confirmed::REINITIALIZE_DEVICE, &[0x09, 0, 0x1D, 6, 0, b'a', b'd', b'm', b'i', b'n']),
    ] {
        // As Protocol_Services_Supported says.
        let Apdu::Reject(r) = raw(s, service, parameters) else { panic!("{service}") };
        assert_eq!(r.reject_reason, RejectReason::UNRECOGNIZED_SERVICE);
    }
    assert!(read(s, of("valve"), PropertyRef::of(P::PRESENT_VALUE)).is_ok());
}

#[test]
fn who_is_and_who_has_find_the_device_and_its_objects() {
    let s = &mut session();
    let mut ask = |a: Announcement| ask_apdu(s, Time::ZERO, &unconfirmed(&a));
    let i_am =
        unconfirmed(&Announcement::IAm { device: device_id(), max_apdu: 1476, segmentation: 3, vendor: 999 });
    for (limits, meant) in [
        (None, true),
        (Some((0, 4_194_303)), true),
        (Some((INSTANCE, INSTANCE)), true),
        (Some((INSTANCE + 1, 4_194_303)), false),
        (Some((INSTANCE, 0)), false),
    ] {
        let expected = if meant { vec![i_am.clone()] } else { vec![] };
        assert_eq!(ask(Announcement::WhoIs(limits)), expected, "{limits:?}");
    }
    let i_have = |object, name: &str| {
        vec![unconfirmed(&Announcement::IHave { device: device_id(), object, name: name.into() })]
    };
    for (what, expected) in [
        (Sought::Object(of("valve")), i_have(of("valve"), "valve")),
        (Sought::Name("supply_temp".into()), i_have(of("supply_temp"), "supply_temp")),
        (Sought::Name("AHU-01".into()), i_have(device_id(), "AHU-01")),
        (Sought::Name("nobody".into()), vec![]),
        (Sought::Object(object(ObjectType::ANALOG_INPUT, 50)), vec![]),
    ] {
        assert_eq!(ask(Announcement::WhoHas { limits: None, what: what.clone() }), expected, "{what:?}");
        assert_eq!(ask(Announcement::WhoHas { limits: Some((1, 2)), what }), []);
    }
}

/// The datagrams that the device sends for one.
fn answers(s: &mut aegis_adapters::bacnet::Session, datagram: &[u8]) -> Vec<(std::net::SocketAddr, Vec<u8>)> {
    s.receive(Time::ZERO, near().address, datagram);
    std::iter::from_fn(|| s.poll_transmit()).collect()
}

#[test]
fn what_only_a_bbmd_does_is_refused() {
    let s = &mut session();
    for (function, code) in [(1, 0x10), (2, 0x20), (5, 0x30), (6, 0x40), (8, 0x50), (9, 0x60)] {
        let nak = vec![0x81, 0, 0, 6, 0, code];
        assert_eq!(
            answers(s, &[0x81, function, 0, 6, 0, 60]),
            [(near().address, nak)],
            "function {function}"
        );
    }
    for datagram in [
        &[][..],
        &[0x81],
        &[0x81, 0x0A, 0, 4],
        &[0x81, 0x0A, 0, 5, 1],
        &[0x82, 0x0A, 0, 4],
        &[0x81, 0x0A, 0, 9, 1],
        &[0x81, 0x00, 0, 6, 0, 0],
        &[0x81, 0x03, 0, 4],
        &[0x81, 0x07, 0, 4],
        &[0x81, 0x0C, 0, 4],
        &[0x81, 0x04, 0, 8, 1, 2, 3, 4],
    ] {
        assert_eq!(answers(s, datagram), [], "{datagram:02X?}");
    }
}

#[test]
fn the_network_layer_takes_what_is_for_this_station() {
    let s = &mut session();
    let who_is = [0x10, 0x08];
    let npdu = |control: &[u8]| {
        let npdu = [&[1], control, &who_is].concat();
        Bvll::Unicast(npdu.into()).encode()
    };
    // For the own network, for everybody, for another network, a network message, a reserved version.
    assert_eq!(answers(s, &npdu(&[0x00])).len(), 1);
    assert_eq!(answers(s, &npdu(&[0x20, 0xFF, 0xFF, 0, 255])).len(), 1);
    assert_eq!(answers(s, &npdu(&[0x20, 0x00, 0x05, 1, 9, 255])), []);
    assert_eq!(answers(s, &npdu(&[0x80])), []);
    assert_eq!(answers(s, &Bvll::Unicast(vec![2, 0, 0x10, 0x08].into()).encode()), []);

    // From behind a router: the answer goes back there.
    let routed = answers(s, &npdu(&[0x08, 0x00, 0x07, 1, 0x2A]));
    assert_eq!(routed.len(), 1);
    assert_eq!(routed[0].1[4..11], [1, 0x20, 0x00, 0x07, 1, 0x2A, 255]);

    // Passed on by a BBMD: the answer goes to the origin.
    let origin = address(47_809);
    let forwarded = Bvll::Forwarded { origin, npdu: vec![1, 0, 0x10, 0x08].into() }.encode();
    assert_eq!(answers(s, &forwarded).first().map(|(to, _)| *to), Some(origin));

    // A request for everybody that wants an answer gets none.
    let ask = Request::ReadProperty(of("valve"), PropertyRef::of(P::PRESENT_VALUE));
    let mut whole = codec::datagram(&near(), true, &Apdu::ConfirmedRequest(confirmed(1, &ask)));
    assert_eq!(answers(s, &whole).len(), 1);
    whole[1] = 0x0B;
    assert_eq!(answers(s, &whole), []);
}

#[test]
fn apdus_that_belong_to_no_transaction_are_dropped() {
    let s = &mut session();
    for apdu in [
        &[0x20, 9, 12][..],
        &[0x30, 9, 12, 0x0C, 0, 0, 0, 1],
        &[0x40, 9, 0, 1],
        &[0x50, 9, 12, 0x91, 1, 0x91, 1],
        &[0x60, 9, 1],
        &[0x70, 9, 1],
        &[0x71, 9, 1],
        &[0x80, 1, 2, 3],
        &[0x10],
        &[0x10, 0x08, 0x09, 1],
        &[0x10, 0x63],
        &[0x00, 0x05],
        &[0xF0; 40],
    ] {
        let npdu = [&[1, 0], apdu].concat();
        assert_eq!(answers(s, &Bvll::Unicast(npdu.into()).encode()), [], "{apdu:02X?}");
    }
    // A header whose maximum APDU length is reserved, or that has no service: its sender is told.
    for apdu in [&[0x00, 0x0F, 9, 12][..], &[0x00, 0x05, 9]] {
        let npdu = [&[1, 4], apdu].concat();
        let told = answers(s, &Bvll::Unicast(npdu.into()).encode());
        assert_eq!(told[0].1[6..], [0x60, 9, 0], "{apdu:02X?}");
    }
}

#[test]
fn datagrams_beyond_the_limit_are_dropped() {
    let s = &mut session();
    let mut npdu = vec![1, 0, 0x10, 0x08];
    npdu.resize(limits::BACNET_DATAGRAM_BYTES, 0);
    assert_eq!(answers(s, &Bvll::Unicast(npdu.into()).encode()), []);
}

#[test]
fn a_flood_is_answered_one_by_one_and_nothing_piles_up() {
    let s = &mut session();
    let who_is = codec::datagram(&near(), false, &unconfirmed(&Announcement::WhoIs(None)));
    for _ in 0..10_000 {
        s.receive(Time::ZERO, near().address, &who_is);
    }
    let waiting = std::iter::from_fn(|| s.poll_transmit()).count();
    assert_eq!(waiting, limits::BACNET_QUEUED_DATAGRAMS);
    assert!(read(s, of("valve"), PropertyRef::of(P::PRESENT_VALUE)).is_ok());
}

#[test]
fn a_routed_peer_and_a_near_one_are_not_the_same() {
    let far = Peer {
        address: near().address,
        route: Some(bacnet_encoding::npdu::NpduAddress {
            network: 7,
            mac_address: [1_u8].into_iter().collect(),
        }),
    };
    let s = &mut session();
    let request = Request::ReadProperty(of("valve"), PropertyRef::of(P::PRESENT_VALUE));
    // What a client behind a router sends reaches this station with its source; the reply names it as destination.
    let sent = codec::datagram(&far, true, &Apdu::ConfirmedRequest(confirmed(3, &request)));
    assert_eq!(sent[4..6], [1, 0x24]);
    assert_eq!(answers(s, &sent), [], "it is for network 7");
}

#[test]
fn a_happening_shows_its_values() {
    let text = text().replace("doc = \"Temperature of the supply air.\"", "doc = \"x\"\nrecord = \"purge\"")
        + "\n[[record]]\nid = \"purge\"\ndoc = \"A purge.\"\nfields = [\"supply_temp\"]\n";
    let profile = aegis_models::Profile::parse(&text).unwrap();
    let identity = aegis_adapters::bacnet::Identity { name: "A".into(), instance: 1 };
    let device = aegis_adapters::bacnet::Device::new(&identity, &profile).unwrap();
    let mut s = aegis_adapters::bacnet::Session::new(device, Default::default());
    let frame = Frame {
        time: Time::ZERO,
        machine: MachineIx(0),
        samples: vec![],
        records: vec![Record { kind: 0, values: vec![21.5] }],
        bursts: vec![],
    };
    s.publish(&frame.samples, &frame.records);
    s.advance(Time::ZERO);
    assert_eq!(read(&mut s, of("supply_temp"), PropertyRef::of(P::PRESENT_VALUE)), Ok(vec![V::Real(21.5)]));
    let write = Write {
        object: of("supply_temp"),
        property: PropertyRef::of(P::PRESENT_VALUE),
        value: tagged(&V::Real(1.0)),
        priority: None,
    };
    assert!(matches!(ask(&mut s, &Request::WriteProperty(write)), Apdu::Error(_)));
}
