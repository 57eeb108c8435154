//! Stream 9, and what a host may do wrong.

use std::time::Duration;

use aegis_adapters::hsms::frame::{Header, frame};
use aegis_adapters::hsms::gem::Equipment;
use aegis_adapters::hsms::gem::compliance::{Kind, statement};
use aegis_adapters::hsms::session::{Options, Role, Session, Timers};
use aegis_adapters::hsms::{Item, Message};
use aegis_adapters::limits;

use super::gem_support::*;

/// The header in an S9 message.
fn header(m: &Message) -> Vec<u8> {
    match &m.body {
        Some(Item::Binary(h)) => h.clone(),
        other => panic!("{other:?} is no header"),
    }
}

#[test]
fn gem_error_messages() {
    let mut p = Pair::running();
    // S9F3: an unknown stream; S9F5: an unknown function; S9F7: data that the function has not.
    for (stream, function, body, error) in [
        (64, 1, None, 3),
        (3, 1, None, 3),
        (1, 99, None, 5),
        (7, 23, Some(l(vec![])), 5),
        (1, 3, Some(a("all")), 7),
        (2, 33, Some(l(vec![u4(1)])), 7),
        (2, 41, None, 7),
        (1, 13, Some(u4(1)), 7),
        (7, 5, Some(u4(1)), 7),
        (2, 33, Some(l(vec![u4(1), l(vec![l(vec![Item::F4(vec![1.0]), l(vec![])])])])), 7),
    ] {
        let m = p.ask(stream, function, body);
        assert_eq!((m.stream, m.function), (9, error), "S{stream}F{function}");
        assert_eq!(header(&m)[2..4], [stream | 0x80, function], "with the header of what caused it");
    }
    // S9F1: another device's. S9F7: a body that is no item.
    for (session, body, error) in [(9, &[][..], 1), (0, &[0xFF], 7)] {
        let header = Header { session, byte2: 0x81, byte3: 3, ptype: 0, stype: 0, system: 77 };
        p.equipment.receive(p.now, &frame(&header, body));
        p.exchange();
        let m = p.heard.pop().unwrap();
        assert_eq!(
            (m.stream, m.function, m.body),
            (9, error, Some(Item::Binary(header.to_bytes().to_vec())))
        );
    }
    // A loop-back without a body is one all the same.
    let m = p.ask(2, 25, None);
    assert_eq!((m.stream, m.function, m.body), (2, 26, None));
    // S9F11: more than the equipment takes.
    let many = ids(&vec![1; limits::GEM_REQUEST_ITEMS + 1]);
    assert_eq!(p.ask(1, 3, many).function, 11);
    // S9F13: what was announced does not come.
    assert_eq!(p.code(2, 39, l(vec![u4(8), u4(1000)])), 0);
    p.heard.clear();
    p.pass(Duration::from_secs(46));
    assert_eq!(p.heard[0].body, Some(l(vec![a("S02F33"), u4(8)])));
    assert_eq!((p.heard[0].stream, p.heard[0].function), (9, 13));
    // S9F9: the host does not answer within T3; the session goes on.
    p.enable_events();
    p.heard.clear();
    p.answers = false;
    p.samples(&[("units", 8.0)]);
    p.pass(Duration::from_secs(46));
    let late: Vec<_> =
        p.heard.iter().filter(|m| m.stream == 9).map(|m| (m.function, header(m)[2..4].to_vec())).collect();
    assert_eq!(late, [(9, vec![0x86, 11]), (9, vec![0x86, 11]), (9, vec![0x86, 11])]);
    assert!(p.host.is_selected());
    p.answers = true;
    assert_eq!(p.sv(1006), u4(8));
    // One that the host rejects has no timer that could run out.
    p.rejects = true;
    p.heard.clear();
    p.samples(&[("units", 9.0)]);
    p.pass(Duration::from_secs(46));
    assert_eq!(p.heard.iter().filter(|m| m.stream == 9).count(), 0);
    p.rejects = false;
    assert_eq!(p.sv(1006), u4(9), "and the session goes on");
    // Errors that the host tells ask for nothing.
    p.heard.clear();
    let told = Message { stream: 9, function: 5, wants_reply: false, body: Some(Item::Binary(vec![0; 10])) };
    p.host.send(p.now, &told).unwrap();
    p.exchange();
    assert!(p.heard.is_empty());
}

#[test]
fn a_message_for_another_device_is_s9f1() {
    let mut p = Pair::new();
    let mut stranger = Session::new(Options { role: Role::Active, device: 9, timers: Timers::default() });
    stranger.connected(p.now);
    // A select and a message of device 9, as one connection might carry them.
    let select = stranger.transmit().unwrap();
    let mut equipment = Equipment::new(&bonder(), options(), &[]).unwrap();
    equipment.connected(p.now);
    equipment.receive(p.now, &select);
    while let Some(bytes) = equipment.transmit() {
        stranger.receive(p.now, &bytes);
    }
    stranger.send(p.now, &Message { stream: 1, function: 1, wants_reply: true, body: None }).unwrap();
    equipment.receive(p.now, &stranger.transmit().unwrap());
    let bytes = equipment.transmit().unwrap();
    assert_eq!(bytes[4..8], [0, 0, 9, 1], "{bytes:02x?}");
    p.exchange();
}

#[test]
fn a_host_that_takes_nothing_costs_bounded_memory() {
    let mut p = Pair::running();
    p.enable_events();
    p.answers = false;
    for _ in 0..3_000 {
        p.bond(&[]);
    }
    // So many are under way; the rest waits, and beyond that is given up and counted.
    assert_eq!(p.events().len(), limits::GEM_OPEN_TRANSACTIONS);
    assert!(p.equipment.lost() >= 2 * 3_000 - 2 * limits::GEM_QUEUED_MESSAGES as u64);
    // Without the W bit it is the transport that takes nothing.
    let mut p = Pair::running();
    assert_eq!(p.code(2, 15, l(vec![l(vec![u4(80), Item::Boolean(vec![false])])])), 0);
    p.enable_events();
    let frame_of = |p: &mut Pair| {
        let records = vec![aegis_models::Record { kind: 0, values: vec![1.0; 10] }];
        aegis_models::Frame {
            time: p.now,
            machine: aegis_models::MachineIx(0),
            samples: vec![],
            records,
            bursts: vec![],
        }
    };
    for _ in 0..3_000 {
        let frame = frame_of(&mut p);
        p.equipment.publish(p.now, &frame);
    }
    assert!(p.equipment.lost() > 0);
    p.exchange();
    assert!(p.events().len() <= limits::GEM_QUEUED_MESSAGES + limits::GEM_OPEN_TRANSACTIONS);
}

#[test]
fn writes_that_nobody_takes_are_refused_beyond_a_bound() {
    let mut p = Pair::running();
    let set = l(vec![l(vec![u4(3001), Item::F4(vec![1.0])])]);
    for _ in 0..limits::GEM_QUEUED_WRITES {
        assert_eq!(p.code(2, 15, set.clone()), 0);
    }
    assert_eq!(p.code(2, 15, set.clone()), 2);
    assert_eq!(p.equipment.take_writes().len(), limits::GEM_QUEUED_WRITES);
    assert_eq!(p.code(2, 15, set), 0);
}

#[test]
fn the_statement_has_its_rows_and_each_names_its_test() {
    let rows = statement();
    let of = |kind| rows.iter().filter(|r| r.kind == kind).count();
    assert_eq!((rows.len(), of(Kind::Fundamental), of(Kind::Additional)), (23, 8, 15));
    let text = [
        include_str!("gem_states.rs"),
        include_str!("gem_data.rs"),
        include_str!("gem_commands.rs"),
        include_str!("gem_spool.rs"),
        include_str!("gem_errors.rs"),
    ]
    .concat();
    for row in rows {
        assert!(text.contains(&format!("#[test]\nfn {}()", row.test)), "{}: no test {}", row.name, row.test);
        // Whatever is not wholly so says what is missing.
        assert!(row.implemented && (row.compliant || !row.remark.is_empty()), "{}", row.name);
    }
}
