use aegis_adapters::bacnet::bvll::{BadBvll, Bvll};
use aegis_adapters::bacnet::enums::{ConfirmedServiceChoice as Confirmed, PropertyIdentifier as P};
use aegis_adapters::bacnet::service::{PropertyRef, Request, Write};
use aegis_adapters::bacnet::{ObjectIdentifier, enums::ObjectType};
use bytes::Bytes;
use proptest::prelude::*;

use super::support::*;
use crate::bodies;

const CASES: u32 = if cfg!(debug_assertions) { 2_000 } else { 200_000 };

/// Octets, among them many that begin as datagrams, APDUs and parameters do.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let noise = || prop::collection::vec(any::<u8>(), 0..200);
    let tags = || {
        let pieces: Vec<&'static [u8]> = vec![
            &[0x0C, 0x00, 0x00, 0x00, 0x01],
            &[0x0C, 0x00, 0x80, 0x00, 0x07],
            &[0x0C, 0x02, 0x00, 0x0F, 0xA1],
            &[0x1C, 0x00, 0x00, 0x00, 0x01],
            &[0x19, 0x55],
            &[0x09, 0x55],
            &[0x09, 0x08],
            &[0x09, 0x6F],
            &[0x29, 0x01],
            &[0x39, 0x3C],
            &[0x1E],
            &[0x1F],
            &[0x2E],
            &[0x2F],
            &[0x3E],
            &[0x3F],
            &[0x4E],
            &[0x4F],
            &[0x44, 0x41, 0xA0, 0x00, 0x00],
            &[0x00],
            &[0x91, 0x01],
            &[0x49, 0x08],
            &[0x82, 0x04, 0x40],
            &[0xC4, 0x02, 0x00, 0x0F, 0xA1],
            &[0x22, 0x05, 0xC4],
            &[0x75, 0x03, 0x00, 0x41, 0x42],
        ];
        prop::collection::vec(prop::sample::select(pieces), 0..16).prop_map(|p| p.concat())
    };
    let apdu = |tags: BoxedStrategy<Vec<u8>>| {
        prop_oneof![
            (prop::sample::select(vec![1_u8, 5, 12, 14, 15, 16, 17, 20]), any::<u8>(), tags.clone())
                .prop_map(|(service, id, t)| [&[0x00, 0x05, id, service][..], &t].concat()),
            (prop::sample::select(vec![0_u8, 1, 2, 7, 8]), tags.clone()).prop_map(|(service, t)| [
                &[0x10, service][..],
                &t
            ]
            .concat()),
            (any::<u8>(), prop::sample::select(vec![12_u8, 14]), tags.clone())
                .prop_map(|(id, service, t)| [&[0x30, id, service][..], &t].concat()),
            (2..8_u8, noise()).prop_map(|(kind, t)| [&[kind << 4][..], &t].concat()),
        ]
    };
    let datagram = (prop::sample::select(vec![0x0A_u8, 0x0A, 0x0A, 0x0B]), apdu(tags().boxed())).prop_map(
        |(function, apdu)| {
            let mut whole = Bvll::Unicast([&[1, 0][..], &apdu].concat().into()).encode();
            whole[1] = function;
            whole
        },
    );
    prop_oneof![1 => noise(), 2 => tags(), 2 => apdu(tags().boxed()), 4 => datagram]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_datagram_or_an_error(data in octets()) {
        bodies::datagram(&data);
    }

    #[test]
    fn any_bytes_are_an_apdu_or_an_error(data in octets()) {
        bodies::apdu(&data);
    }

    #[test]
    fn any_bytes_are_parameters_of_each_service_or_an_error(data in octets()) {
        bodies::service(&data);
    }

    #[test]
    fn any_bytes_leave_the_device_serving(first in octets(), second in octets()) {
        bodies::server(&bodies::frames(&[&first, &second]));
    }

    #[test]
    fn any_bytes_leave_the_client_bounded(first in octets(), second in octets()) {
        bodies::client(&bodies::frames(&[&first, &second]));
    }
}

#[test]
fn the_examples_of_the_standard_are_read_and_written_as_printed() {
    // Annex F.3.5: ReadProperty of the present value of analog input 5.
    let id = |kind, instance| ObjectIdentifier::new(kind, instance).unwrap();
    let read = Request::ReadProperty(id(ObjectType::ANALOG_INPUT, 5), PropertyRef::of(P::PRESENT_VALUE));
    // Annex F.3.8: WriteProperty of 180.0 to the present value of analog value 1.
    let write = Request::WriteProperty(Write {
        object: id(ObjectType::ANALOG_VALUE, 1),
        property: PropertyRef::of(P::PRESENT_VALUE),
        value: Bytes::from_static(&[0x44, 0x43, 0x34, 0x00, 0x00]),
        priority: None,
    });
    // Annex F.1.10: SubscribeCOV by process 18 to analog input 10, confirmed.
    let subscribe = Request::SubscribeCov {
        process: 18,
        object: id(ObjectType::ANALOG_INPUT, 10),
        terms: Some((true, 0)),
    };
    for (request, service, octets) in [
        (read, Confirmed::READ_PROPERTY, &[0x0C, 0x00, 0x00, 0x00, 0x05, 0x19, 0x55][..]),
        (
            write,
            Confirmed::WRITE_PROPERTY,
            &[0x0C, 0x00, 0x80, 0x00, 0x01, 0x19, 0x55, 0x3E, 0x44, 0x43, 0x34, 0x00, 0x00, 0x3F],
        ),
        (
            subscribe,
            Confirmed::SUBSCRIBE_COV,
            &[0x09, 0x12, 0x1C, 0x00, 0x00, 0x00, 0x0A, 0x29, 0x01, 0x39, 0x00],
        ),
    ] {
        assert_eq!(Request::decode(service, octets), Some(Ok(request.clone())));
        assert_eq!(request.encode(), (service, Bytes::copy_from_slice(octets)));
    }
}

#[test]
fn link_headers_are_read_as_annex_j_says() {
    let decode = |octets: &[u8]| Bvll::decode(&Bytes::copy_from_slice(octets));
    assert_eq!(decode(&[0x81, 0x0A, 0, 6, 1, 0]), Ok(Bvll::Unicast(Bytes::from_static(&[1, 0]))));
    assert_eq!(decode(&[0x81, 0x00, 0, 6, 0, 0x30]), Ok(Bvll::Result(0x30)));
    let forwarded = [0x81, 0x04, 0, 11, 127, 0, 0, 1, 0xBA, 0xC0, 1];
    let origin = address(47_808);
    assert_eq!(decode(&forwarded), Ok(Bvll::Forwarded { origin, npdu: Bytes::from_static(&[1]) }));
    assert_eq!(decode(&[0x81, 0x0A, 0]), Err(BadBvll::Short));
    assert_eq!(decode(&[0x82, 0x0A, 0, 4]), Err(BadBvll::Foreign(0x82)));
    assert_eq!(decode(&[0x81, 0x0A, 0, 5]), Err(BadBvll::Length { said: 5, found: 4 }));
    assert_eq!(decode(&[0x81, 0x00, 0, 5, 0]), Err(BadBvll::Short));
}
