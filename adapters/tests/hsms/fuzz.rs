//! Arbitrary bytes, and messages with bytes changed, against every decoder; the same bodies as under the fuzzer.

use proptest::prelude::*;

#[path = "../../fuzz/bodies/hsms.rs"]
mod bodies;

const CASES: u32 = if cfg!(debug_assertions) { 2_000 } else { 200_000 };

/// The beginnings of real items.
fn items() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        vec![0x01, 0x02],
        vec![0x01, 0x00],
        vec![0xB1, 0x04, 0, 0, 0x07, 0xD1],
        vec![0x41, 0x03, b'a', b'"', b'\n'],
        vec![0x21, 0x01, 0x80],
        vec![0x25, 0x01, 0x01],
        vec![0x91, 0x04, 0x7F, 0xC0, 0, 0],
        vec![0x81, 0x08, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0],
        vec![0x65, 0x02, 0xFF, 0x01],
        vec![0x49, 0x03, 0, 2, b'x'],
        vec![0x02, 0x00, 0x01],
    ]);
    let piece = prop_oneof![6 => pieces, 1 => prop::collection::vec(any::<u8>(), 0..4)];
    prop::collection::vec(piece, 0..8).prop_map(|p| p.concat())
}

const SML: &[&str] = &[
    "S1F3",
    " W",
    " .",
    "<L ",
    "[2]",
    "<U4 1>",
    "<A \"x\" 0x0A>",
    "<C 2 \"\u{e4}\">",
    ">",
    "<F4 1e9>",
    "\n",
];

/// Requests that an equipment or a host knows, with their times, among others.
fn conversations() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        (1, 3),
        (1, 11),
        (1, 13),
        (1, 15),
        (1, 17),
        (1, 21),
        (1, 23),
        (2, 13),
        (2, 15),
        (2, 17),
        (2, 23),
        (2, 29),
        (2, 31),
        (2, 33),
        (2, 35),
        (2, 37),
        (2, 41),
        (2, 43),
        (2, 45),
        (2, 47),
        (2, 49),
        (5, 1),
        (5, 3),
        (5, 5),
        (6, 11),
        (6, 15),
        (6, 19),
        (6, 23),
        (7, 1),
        (7, 3),
        (7, 5),
        (7, 17),
        (7, 19),
        (10, 3),
        (10, 5),
        (1, 4),
        (1, 14),
        (2, 34),
    ]);
    let piece = (any::<u8>(), any::<u8>(), known, items(), any::<[u8; 2]>(), prop::bool::weighted(0.9));
    let piece = piece.prop_map(|(time, stype, (stream, function), body, noise, keep)| {
        let (stream, function) = if keep { (stream, function) } else { (noise[0], noise[1]) };
        let mut bytes = vec![time, stype, stream, function];
        bytes.extend(body);
        bytes.resize(24, 0x01);
        bytes
    });
    prop::collection::vec(piece, 0..6).prop_map(|p| p.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn any_bytes_are_an_item_or_an_error(data in items()) {
        bodies::item(&data);
    }

    #[test]
    fn any_bytes_are_sml_or_an_error(data in prop::collection::vec(prop::sample::select(SML), 0..12)) {
        bodies::text(data.concat().as_bytes());
    }

    #[test]
    fn any_bytes_from_a_host_leave_the_equipment_serving(data in conversations()) {
        bodies::equipment(&data);
    }

    #[test]
    fn any_bytes_from_an_equipment_leave_the_host_whole(data in conversations()) {
        bodies::host(&data);
    }

    #[test]
    fn any_bytes_on_a_connection_are_borne(data in prop::collection::vec(prop_oneof![4 => 0..12_u8, 1 => any::<u8>()], 0..80)) {
        bodies::stream(&data);
    }
}
