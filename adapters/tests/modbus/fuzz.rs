//! Arbitrary bytes, and frames with bytes changed, against every decoder; the same bodies as under the fuzzer.

use aegis_adapters::modbus::rtu::frame;
use proptest::prelude::*;

use super::bodies;

const CASES: u32 = if cfg!(debug_assertions) { 2_000 } else { 200_000 };

/// The beginnings of real requests, so that noise reaches the depths.
fn pdus() -> impl Strategy<Value = Vec<u8>> {
    let head = prop::sample::select(vec![
        vec![1, 0, 0, 0, 1],
        vec![3, 0, 0, 0, 2],
        vec![5, 0, 0, 0xFF, 0],
        vec![6, 0, 100, 1, 2],
        vec![15, 0, 0, 0, 1, 1, 1],
        vec![16, 0, 100, 0, 2, 4, 0x44, 0xB7, 0xC0, 0],
        vec![22, 0, 100, 0xFF, 0, 0, 7],
        vec![23, 0, 0, 0, 2, 0, 100, 0, 2, 4, 0x44, 0xB7, 0xC0, 0],
        vec![43, 14, 1, 0],
        vec![43, 14, 4, 2],
        vec![],
    ]);
    let change = prop::option::of((any::<prop::sample::Index>(), any::<u8>()));
    (head, change, prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(mut pdu, change, tail)| {
        if let Some((at, byte)) = change.filter(|_| !pdu.is_empty()) {
            let at = at.index(pdu.len());
            pdu[at] = byte;
            pdu.extend(tail);
        }
        pdu
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn any_bytes_as_a_request_are_read_or_refused(pdu in pdus()) {
        bodies::request(&pdu);
        bodies::response(&pdu);
    }

    #[test]
    fn any_bytes_on_a_connection_leave_the_device_serving(pdus in prop::collection::vec(pdus(), 0..4)) {
        let frames = pdus.iter().map(|p| [&[0, 7, 0, 0, 0, p.len() as u8 + 1, 1][..], p].concat());
        bodies::session(&frames.collect::<Vec<_>>().concat());
    }

    #[test]
    fn any_bytes_on_a_line_leave_the_device_serving(pdus in prop::collection::vec(pdus(), 0..4)) {
        bodies::line(&pdus.iter().map(|p| frame(1, p)).collect::<Vec<_>>().concat());
    }

    #[test]
    fn any_bytes_before_a_reply_do_not_hide_it(pdus in prop::collection::vec(pdus(), 0..4), noise: Vec<u8>) {
        bodies::awaited(&noise);
        bodies::awaited(&pdus.iter().map(|p| frame(9, p)).collect::<Vec<_>>().concat());
    }
}
