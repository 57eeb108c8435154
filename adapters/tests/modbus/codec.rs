use std::borrow::Cow;

use aegis_adapters::modbus::codec::{self, BadLength, Split, Unsendable};
use aegis_adapters::modbus::{ExceptionCode, Request, Response, Session, Units, Verdict};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::support::{adu, device};

const CASES: u32 = if cfg!(debug_assertions) { 5_000 } else { 200_000 };

/// What a request is refused with.
fn refusal(pdu: &[u8]) -> ExceptionCode {
    let refused = codec::decode_request(pdu).expect_err("the request is malformed");
    assert_eq!(refused.function.value(), pdu.first().copied().unwrap_or(0));
    refused.exception
}

#[test]
fn the_examples_of_the_specification_are_read_as_printed() {
    // AP 6.1, 6.3, 6.5, 6.6, 6.11, 6.12, 6.16, 6.17, 6.21: the example of each clause.
    for (pdu, request) in [
        (&[1, 0x00, 0x13, 0x00, 0x13][..], Request::ReadCoils(0x13, 0x13)),
        (&[3, 0x00, 0x6B, 0x00, 0x03], Request::ReadHoldingRegisters(0x6B, 3)),
        (&[5, 0x00, 0xAC, 0xFF, 0x00], Request::WriteSingleCoil(0xAC, true)),
        (&[6, 0x00, 0x01, 0x00, 0x03], Request::WriteSingleRegister(1, 3)),
        (
            &[15, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01],
            Request::WriteMultipleCoils(
                0x13,
                Cow::Owned([1, 0, 1, 1, 0, 0, 1, 1, 1, 0].map(|b| b == 1).to_vec()),
            ),
        ),
        (
            &[16, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02],
            Request::WriteMultipleRegisters(1, Cow::Owned(vec![0x0A, 0x0102])),
        ),
        (&[22, 0x00, 0x04, 0x00, 0xF2, 0x00, 0x25], Request::MaskWriteRegister(4, 0xF2, 0x25)),
        (
            &[23, 0, 0x03, 0, 0x06, 0, 0x0E, 0, 0x03, 0x06, 0, 0xFF, 0, 0xFF, 0, 0xFF],
            Request::ReadWriteMultipleRegisters(3, 6, 14, Cow::Owned(vec![0xFF; 3])),
        ),
        (&[43, 14, 1, 0], Request::Custom(43, Cow::Owned(vec![14, 1, 0]))),
    ] {
        assert_eq!(codec::decode_request(pdu).unwrap(), request);
        let mut out = Vec::new();
        codec::encode_request(&request, &mut out).unwrap();
        assert_eq!(out, pdu);
    }
    let mut out = Vec::new();
    codec::encode_response(&Response::ReadHoldingRegisters(vec![0x022B, 0, 0x64]), &mut out).unwrap();
    assert_eq!(out, [3, 6, 0x02, 0x2B, 0x00, 0x00, 0x00, 0x64]);
}

#[test]
fn a_malformed_request_is_the_exception_that_the_specification_asks_for() {
    use ExceptionCode::{IllegalDataValue, IllegalFunction};
    for code in [0, 7, 8, 11, 12, 17, 20, 21, 24, 43, 65, 127, 128, 0x83, 255] {
        assert_eq!(refusal(&[code, 0, 0, 0, 1]), IllegalFunction, "function {code}");
    }
    for (pdu, why) in [
        (&[1, 0, 0, 0, 0][..], "no bits"),
        (&[1, 0, 0, 0x07, 0xD1], "2,001 bits"),
        (&[3, 0, 0, 0, 0], "no registers"),
        (&[4, 0, 0, 0, 126], "126 registers"),
        (&[3, 0, 0, 1], "too short"),
        (&[3, 0, 0, 0, 1, 0], "too long"),
        (&[3], "nothing behind the function"),
        (&[5, 0, 0, 0, 1], "neither on nor off"),
        (&[5, 0, 0, 0xFF, 0xFF], "neither on nor off"),
        (&[6, 0, 0, 0], "half a register"),
        (&[15, 0, 0, 0, 9, 1, 0xFF], "9 coils in one byte"),
        (&[15, 0, 0, 0, 8, 2, 0xFF], "byte count too large"),
        (&[15, 0, 0, 0, 0, 0], "no coils"),
        (&[16, 0, 0, 0, 1, 2, 0], "half a register"),
        (&[16, 0, 0, 0, 2, 2, 0, 0], "two registers in two bytes"),
        (&[16, 0, 0, 0, 0, 0], "no registers"),
        (&[16, 0, 0], "too short"),
    ] {
        assert_eq!(refusal(pdu), IllegalDataValue, "{why}");
    }
    let mut most = vec![16, 0, 0, 0, 123, 246];
    most.extend([0; 246]);
    assert!(codec::decode_request(&most).is_ok());
    let mut more = vec![16, 0, 0, 0, 124, 248];
    more.extend([0; 248]);
    assert_eq!(refusal(&more), IllegalDataValue);
}

#[test]
fn frames_are_cut_off_a_stream_as_the_guide_says() {
    let whole = adu(1, 9, &[3, 0, 0, 0, 1]);
    for cut in 0..whole.len() {
        assert_eq!(codec::split(&whole[..cut]), Split::Incomplete, "{cut} bytes");
    }
    assert!(matches!(codec::split(&whole), Split::Adu { pdu: [3, 0, 0, 0, 1], taken: 12, .. }));
    let mut foreign = whole;
    foreign[3] = 1;
    assert_eq!(codec::split(&foreign), Split::Foreign { taken: 12 });
    for length in [0, 1, 255, 0xFFFF] {
        let [high, low] = u16::to_be_bytes(length);
        assert_eq!(codec::split(&[0, 0, 0, 0, high, low]), Split::Lost(BadLength(length)));
    }
}

#[test]
fn what_fits_no_frame_is_not_sent() {
    let mut out = Vec::new();
    let wide = Request::WriteMultipleRegisters(0, Cow::Owned(vec![0; 124]));
    assert_eq!(codec::encode_request(&wide, &mut out), Err(Unsendable(16)));
    let wide = Response::ReadInputRegisters(vec![0; 126]);
    assert_eq!(codec::encode_response(&wide, &mut out), Err(Unsendable(4)));
    let other = Request::ReportServerId;
    assert_eq!(codec::encode_request(&other, &mut out), Err(Unsendable(17)));
}

fn requests() -> impl Strategy<Value = Request<'static>> {
    prop_oneof![
        (any::<u16>(), 1..=2000_u16).prop_map(|(a, n)| Request::ReadCoils(a, n)),
        (any::<u16>(), 1..=2000_u16).prop_map(|(a, n)| Request::ReadDiscreteInputs(a, n)),
        (any::<u16>(), 1..=125_u16).prop_map(|(a, n)| Request::ReadHoldingRegisters(a, n)),
        (any::<u16>(), 1..=125_u16).prop_map(|(a, n)| Request::ReadInputRegisters(a, n)),
        (any::<u16>(), any::<bool>()).prop_map(|(a, v)| Request::WriteSingleCoil(a, v)),
        (any::<u16>(), any::<u16>()).prop_map(|(a, v)| Request::WriteSingleRegister(a, v)),
        (any::<u16>(), prop::collection::vec(any::<bool>(), 1..=64))
            .prop_map(|(a, v)| Request::WriteMultipleCoils(a, v.into())),
        (any::<u16>(), prop::collection::vec(any::<u16>(), 1..=123))
            .prop_map(|(a, v)| Request::WriteMultipleRegisters(a, v.into())),
    ]
}

fn responses() -> impl Strategy<Value = Response> {
    let bytes = || prop::collection::vec(any::<[bool; 8]>(), 1..=250).prop_map(|v| v.concat());
    prop_oneof![
        bytes().prop_map(Response::ReadCoils),
        bytes().prop_map(Response::ReadDiscreteInputs),
        prop::collection::vec(any::<u16>(), 1..=125).prop_map(Response::ReadHoldingRegisters),
        prop::collection::vec(any::<u16>(), 1..=125).prop_map(Response::ReadInputRegisters),
        (any::<u16>(), any::<bool>()).prop_map(|(a, v)| Response::WriteSingleCoil(a, v)),
        (any::<u16>(), any::<u16>()).prop_map(|(a, v)| Response::WriteSingleRegister(a, v)),
        (any::<u16>(), any::<u16>()).prop_map(|(a, n)| Response::WriteMultipleCoils(a, n)),
        (any::<u16>(), any::<u16>()).prop_map(|(a, n)| Response::WriteMultipleRegisters(a, n)),
    ]
}

/// Requests that a fan filter unit mostly grants: small addresses, few values, set-points in range.
fn granted() -> impl Strategy<Value = Request<'static>> {
    let speed = (0..2000_u16).prop_map(|rpm| {
        let bits = f32::from(rpm).to_bits();
        Request::WriteMultipleRegisters(100, vec![(bits >> 16) as u16, bits as u16].into())
    });
    prop_oneof![
        (0..14_u16, 1..4_u16).prop_map(|(a, n)| Request::ReadInputRegisters(a, n)),
        (0..14_u16, 1..4_u16).prop_map(|(a, n)| Request::ReadHoldingRegisters(a, n)),
        (0..2_u16, 1..3_u16).prop_map(|(a, n)| Request::ReadDiscreteInputs(a, n)),
        any::<bool>().prop_map(|on| Request::WriteSingleCoil(0, on)),
        speed,
    ]
}

/// Messages: whole ones, whole ones with one byte changed or cut off, and noise. Noise alone rarely gets past the
/// first check.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let encode = |request: Request<'static>| {
        let mut pdu = Vec::new();
        codec::encode_request(&request, &mut pdu).unwrap();
        pdu
    };
    let whole = || prop_oneof![3 => granted().prop_map(encode), 1 => requests().prop_map(encode)];
    let changed = (whole(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut pdu, at, byte)| {
        let at = at.index(pdu.len());
        pdu[at] = byte;
        pdu
    });
    let cut = (whole(), any::<prop::sample::Index>()).prop_map(|(mut pdu, at)| {
        pdu.truncate(1 + at.index(pdu.len()));
        pdu
    });
    prop_oneof![4 => whole(), 2 => changed, 1 => cut, 1 => prop::collection::vec(any::<u8>(), 1..12)]
}

/// Streams of frames, some of another unit or protocol, some with a broken header; and noise.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let unit = prop_oneof![8 => Just(1_u8), 1 => any::<u8>()];
    let header = prop_oneof![12 => Just(None), 1 => (2..6_usize, any::<u8>()).prop_map(Some)];
    let frame = (any::<u16>(), unit, messages(), header).prop_map(|(transaction, unit, pdu, broken)| {
        let mut bytes = adu(transaction, unit, &pdu);
        if let Some((at, byte)) = broken {
            bytes[at] = byte;
        }
        bytes
    });
    prop_oneof![
        8 => prop::collection::vec(frame, 1..5).prop_map(|f| f.concat()),
        1 => prop::collection::vec(any::<u8>(), 0..64),
    ]
}

/// A property over inputs that are all refused at the door proves nothing: these reach every room.
#[test]
fn the_generated_streams_reach_grants_refusals_writes_and_broken_framing() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let [mut granted, mut refused, mut wrote, mut lost] = [0; 4];
    for _ in 0..1000 {
        let stream = streams().new_tree(&mut runner).unwrap().current();
        let (mut map, mut out) = (device(), Vec::new());
        let verdict = Session::new(Units::Only(1)).receive(&stream, &mut map, &mut out);
        let mut rest = &out[..];
        let mut codes = Vec::new();
        while let Split::Adu { pdu, taken, .. } = codec::split(rest) {
            codes.push(pdu[0]);
            rest = &rest[taken..];
        }
        granted += u32::from(codes.iter().any(|c| c & 0x80 == 0));
        refused += u32::from(codes.iter().any(|c| c & 0x80 != 0));
        wrote += u32::from(!map.take_writes().is_empty());
        lost += u32::from(matches!(verdict, Verdict::Close(_)));
    }
    let reached = [granted, refused, wrote, lost];
    assert!(reached.iter().all(|n| *n >= 100), "of 1,000 streams: {reached:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    /// Arbitrary bytes give a message or an error, and what is read is written again to the same bytes.
    #[test]
    fn any_bytes_are_a_request_or_an_error(pdu in prop_oneof![
        3 => messages(),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ]) {
        if let Ok(request) = codec::decode_request(&pdu) {
            let mut out = Vec::new();
            codec::encode_request(&request, &mut out).unwrap();
            // The unused bits of the last byte of coils may be anything, and are written as zeros.
            if pdu[0] == 15 {
                prop_assert_eq!(codec::decode_request(&out).unwrap(), request);
            } else {
                prop_assert_eq!(out, pdu);
            }
        }
    }

    /// The same of what a device may send: a response, one with a byte changed, and noise.
    #[test]
    fn any_bytes_are_a_response_or_an_error(
        response in responses(),
        at in any::<prop::sample::Index>(),
        change in prop::option::of(any::<u8>()),
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut pdu = Vec::new();
        codec::encode_response(&response, &mut pdu).unwrap();
        if let Some(byte) = change {
            let at = at.index(pdu.len());
            pdu[at] = byte;
        }
        for pdu in [pdu, noise] {
            if let Ok(Ok(response)) = codec::decode_response(&pdu)
                && pdu.len() < codec::MAX_PDU
            {
                let mut out = Vec::new();
                codec::encode_response(&response, &mut out).unwrap();
                prop_assert_eq!(out, pdu);
            }
        }
    }

    /// However a stream is cut, the session answers the same, and keeps less than a frame.
    #[test]
    fn a_session_answers_the_same_however_the_stream_is_cut(stream in streams(), cut in any::<prop::sample::Index>()) {
        let at = cut.index(stream.len() + 1);
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        let (mut a, mut b) = (Session::new(Units::Only(1)), Session::new(Units::Only(1)));
        let (mut ours, mut theirs) = (device(), device());
        let verdict = a.receive(&stream, &mut ours, &mut whole);
        b.receive(&stream[..at], &mut theirs, &mut parts);
        let last = b.receive(&stream[at..], &mut theirs, &mut parts);
        prop_assert_eq!(&whole, &parts);
        prop_assert_eq!(matches!(verdict, Verdict::Close(_)), matches!(last, Verdict::Close(_)));
        prop_assert_eq!(ours.take_writes(), theirs.take_writes());
        prop_assert!(whole.len() <= (stream.len() / 8 + 1) * codec::MAX_ADU);
    }

    #[test]
    fn requests_survive_the_wire(request in requests()) {
        let mut out = Vec::new();
        codec::encode_request(&request, &mut out).unwrap();
        prop_assert!(out.len() <= codec::MAX_PDU);
        prop_assert_eq!(codec::decode_request(&out).unwrap(), request);
    }

    #[test]
    fn responses_survive_the_wire(response in responses()) {
        let mut out = Vec::new();
        codec::encode_response(&response, &mut out).unwrap();
        prop_assert!(out.len() <= codec::MAX_PDU);
        prop_assert_eq!(codec::decode_response(&out).unwrap().unwrap(), response);
    }
}
