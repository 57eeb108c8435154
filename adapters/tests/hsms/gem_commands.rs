//! What a host may change: commands, constants, recipes, the clock, the operator's terminal.

use std::time::Duration;

use aegis_adapters::hsms::{Item, Message};
use aegis_models::profile::GemProcessState;

use super::gem_states::select;
use super::gem_support::*;

/// The text of [`body`].
fn program(force: u32) -> String {
    match body(force) {
        Item::Ascii(text) => String::from_utf8(text).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn plain(name: &str) -> Item {
    l(vec![a(name), l(vec![])])
}

fn adjust(percent: Item) -> Item {
    l(vec![a("BOND_FORCE_ADJ"), l(vec![l(vec![a("PERCENT"), percent])])])
}

fn hcack(code: u8) -> Item {
    l(vec![b(code), l(vec![])])
}

#[test]
fn gem_remote_control() {
    let mut p = Pair::running();
    p.enable_events();
    // HCACK 4: accepted; the write goes out, and the event comes when the machine has done it and not before.
    assert_eq!(p.body(2, 41, adjust(Item::F4(vec![5.0]))), hcack(4));
    p.samples(&[("bond_force_adj", 0.0)]);
    assert!(!p.events().contains(&4007));
    assert_eq!(p.obey(), [("bond_force_adj".to_owned(), 5.0)]);
    assert_eq!(p.events(), [4007], "and it is no change of the operator's");
    assert_eq!(p.body(2, 41, plain("LAUNCH")), hcack(1));
    assert_eq!(p.body(2, 41, plain("RESUME")), hcack(5), "it works already");
    assert_eq!(p.body(2, 41, select("QFN-32")), hcack(2), "not while it works");
    let wrong = |name: &str, code: u8| l(vec![b(3), l(vec![l(vec![a(name), b(code)])])]);
    assert_eq!(p.body(2, 41, adjust(Item::F4(vec![21.0]))), wrong("PERCENT", 2));
    assert_eq!(p.body(2, 41, adjust(Item::F4(vec![f32::NAN]))), wrong("PERCENT", 2));
    assert_eq!(p.body(2, 41, adjust(l(vec![]))), wrong("PERCENT", 3));
    assert_eq!(p.body(2, 41, plain("BOND_FORCE_ADJ")), wrong("PERCENT", 2), "it is missing");
    let foreign = l(vec![a("STOP"), l(vec![l(vec![a("WHY"), a("so")])])]);
    assert_eq!(p.body(2, 41, foreign), wrong("WHY", 1));
    assert!(p.equipment.take_writes().is_empty(), "what is refused writes nothing");
    // The enhanced form, and the one without parameters.
    let enhanced = |object: &str| {
        let parameters = l(vec![l(vec![a("PERCENT"), Item::I2(vec![-3])])]);
        l(vec![u4(0), a(object), a("BOND_FORCE_ADJ"), parameters])
    };
    assert_eq!(p.body(2, 49, enhanced("DOOR")), hcack(6));
    assert_eq!(p.body(2, 49, enhanced("")), hcack(4));
    assert_eq!(p.obey(), [("bond_force_adj".to_owned(), -3.0)]);
    assert_eq!(p.code(2, 21, a("STOP")), 4);
    assert_eq!(p.obey(), [("run_enable".to_owned(), 0.0)]);
    assert_eq!(p.equipment.process_state(), GemProcessState::Idle);
    p.heard.clear();
    // A machine that does not do as told: the host learns that no end will come.
    assert_eq!(p.body(2, 41, plain("START")), hcack(4));
    p.pass(Duration::from_secs(61));
    assert_eq!(p.events(), [17]);
    // A recipe that the machine cannot be told, and one that is none.
    assert_eq!(p.body(2, 41, select("NO SUCH")), l(vec![b(3), l(vec![l(vec![a("PPID"), b(2)])])]));
    // The operator alone commands while the equipment is local.
    p.equipment.operator_local(p.now);
    p.equipment.take_writes();
    assert_eq!(p.body(2, 41, adjust(Item::F4(vec![1.0]))), hcack(2));
    assert!(p.equipment.take_writes().is_empty());
}

#[test]
fn a_machine_that_stands_for_want_of_work_is_told_to_stop_all_the_same() {
    let mut p = Pair::running();
    p.samples(&[("bonding", 0.0)]);
    assert_eq!(p.equipment.process_state(), GemProcessState::Idle);
    assert_eq!(p.body(2, 41, plain("STOP")), hcack(4), "it would go on with the next strip");
    assert_eq!(p.obey(), [("run_enable".to_owned(), 0.0)]);
    assert_eq!(p.body(2, 41, plain("STOP")), hcack(5));
    assert!(p.equipment.take_writes().is_empty());
}

#[test]
fn a_recipe_is_selected_by_writing_what_it_says_and_its_number() {
    let mut p = Pair::new();
    p.samples(&[&[("run_enable", 0.0), ("bonding", 0.0), ("recipe", 1.0)][..], &PROGRAM].concat());
    p.enable_events();
    assert_eq!(p.sv(8), a("QFN-32"));
    assert_eq!(p.body(2, 41, select("BGA-64")), hcack(4));
    assert_eq!(p.equipment.process_state(), GemProcessState::Setup);
    p.heard.clear();
    let program = |values: [f64; 6]| {
        let names = PROGRAM.iter().map(|(id, _)| (*id).to_owned()).chain(["recipe".to_owned()]);
        names.zip(values).collect::<Vec<_>>()
    };
    assert_eq!(p.obey(), program([40.0, 12.0, 115.0, 150.0, 64.0, 2.0]));
    assert_eq!(p.equipment.process_state(), GemProcessState::Ready);
    assert_eq!(p.events(), [1005, 11, 8, 4006]);
    assert_eq!(p.sv(8), a("BGA-64"));
    // One that the host sent runs as its body says, under a number of its own; another body is another recipe.
    for (force, number) in [(35, 3.0), (36, 4.0), (36, 4.0)] {
        assert_eq!(p.code(7, 3, l(vec![Item::Binary(b"DFN-8".to_vec()), body(force)])), 0);
        let by_name = l(vec![a("PP-SELECT"), l(vec![l(vec![a("PPID"), Item::Binary(b"DFN-8".to_vec())])])]);
        assert_eq!(p.body(2, 41, by_name), hcack(4));
        assert_eq!(p.obey(), program([f64::from(force), 12.0, 110.0, 140.0, 8.0, number]));
        assert_eq!(p.sv(8), a("DFN-8"));
    }
    // ACKC7 5: bodies that this machine cannot run.
    for bad in [
        Item::Binary(vec![0, 1, 255]),
        a("FORCE 45 gf"),
        a("FORCE 45 gf; TIME 12 ms; CURRENT 110 mA; STAGE 140 degC; BONDS 8; FORCE 46 gf"),
        a("FORCE 45 N; TIME 12 ms; CURRENT 110 mA; STAGE 140 degC; BONDS 8"),
        a("FORCE 450 gf; TIME 12 ms; CURRENT 110 mA; STAGE 140 degC; BONDS 8"),
        a("FORCE 45 gf; TIME 12 ms; CURRENT 110 mA; STAGE 140 degC; BONDS 8.5"),
        a("FORCE NaN gf; TIME 12 ms; CURRENT 110 mA; STAGE 140 degC; BONDS 8"),
    ] {
        assert_eq!(p.code(7, 3, l(vec![a("BAD"), bad.clone()])), 5, "{bad:?}");
    }
    // PPIDs are bytes: no two are taken for one.
    for (ppid, force) in [(vec![0xC3, 0xA4], 20), (vec![0xE4], 21), (vec![0xFF], 22)] {
        assert_eq!(p.code(7, 3, l(vec![Item::Binary(ppid), body(force)])), 0);
    }
    assert_eq!(p.body(7, 5, Item::Binary(vec![0xE4])), l(vec![Item::Ascii(vec![0xE4]), body(21)]));
}

#[test]
fn processing_that_is_ended_by_a_word_is_stopped_and_by_itself_is_completed() {
    let mut p = Pair::running();
    assert_eq!(p.code(2, 37, l(vec![Item::Boolean(vec![true]), ids(&[5, 6, 7, 4002, 4005])])), 0);
    // By a set-point, whoever wrote it.
    assert_eq!(p.code(2, 15, l(vec![l(vec![u4(3002), Item::Boolean(vec![false])])])), 0);
    p.obey();
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Idle, vec![7]));
    // It may work on, and has done all that it had to.
    p.samples(&[("run_enable", 1.0), ("bonding", 1.0)]);
    p.samples(&[("bonding", 0.0)]);
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Idle, vec![5, 6]));
    // STOP and ABORT end what PAUSE holds.
    for (name, finished) in [("STOP", 4002), ("ABORT", 4005)] {
        p.samples(&[("run_enable", 1.0), ("bonding", 1.0)]);
        assert_eq!(p.body(2, 41, plain("PAUSE")), hcack(4));
        p.obey();
        p.heard.clear();
        assert_eq!(p.body(2, 41, plain(name)), hcack(4));
        p.obey();
        assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Idle, vec![7, finished]));
    }
    // The order is taken at once, the machine stands later: the end is told when it stands.
    p.samples(&[("run_enable", 1.0), ("bonding", 1.0)]);
    assert_eq!(p.body(2, 41, plain("STOP")), hcack(4));
    p.heard.clear();
    p.samples(&[("run_enable", 0.0)]);
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Executing, vec![]));
    p.samples(&[("bonding", 0.0)]);
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Idle, vec![7, 4002]));
}

#[test]
fn a_command_that_fails_takes_back_what_it_wanted_and_no_more() {
    let mut p = Pair::running();
    p.enable_events();
    assert_eq!(p.body(2, 41, adjust(Item::F4(vec![5.0]))), hcack(4));
    p.pass(Duration::from_secs(30));
    assert_eq!(p.body(2, 41, plain("PAUSE")), hcack(4));
    p.pass(Duration::from_secs(31));
    assert_eq!(p.events(), [17], "the adjustment is not made");
    p.samples(&[("run_enable", 0.0), ("bonding", 0.0)]);
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Pause, vec![8, 4003]));
}

#[test]
fn names_that_are_numbers_are_names_of_nothing() {
    let mut p = Pair::running();
    for rcmd in [u1(7), Item::I1(vec![-7]), Item::U8(vec![u64::MAX])] {
        assert_eq!(p.body(2, 41, l(vec![rcmd.clone(), l(vec![])])), hcack(1));
        assert_eq!(p.code(2, 21, rcmd), 1);
    }
    let numbered = l(vec![a("BOND_FORCE_ADJ"), l(vec![l(vec![u4(1), Item::F4(vec![1.0])])])]);
    let wrong = l(vec![l(vec![u4(1), b(1)]), l(vec![a("PERCENT"), b(2)])]);
    assert_eq!(p.body(2, 41, numbered), l(vec![b(3), wrong]));
}

#[test]
fn gem_equipment_constants() {
    let mut p = Pair::running();
    p.enable_events();
    let set = |rows: &[(u32, Item)]| l(rows.iter().map(|(id, v)| l(vec![u4(*id), v.clone()])).collect());
    assert_eq!(
        p.body(2, 13, ids(&[3001, 70, 9999])),
        l(vec![Item::F4(vec![0.0]), Item::U2(vec![10]), l(vec![])])
    );
    let rows = p.body(2, 29, ids(&[3001, 9999]));
    let row = vec![Item::F4(vec![-20.0]), Item::F4(vec![20.0]), Item::F4(vec![0.0]), a("%")];
    let mut expected = vec![u4(3001), a("BondForceAdj")];
    expected.extend(row);
    assert_eq!(part(&rows, 0), l(expected));
    assert_eq!(part(&rows, 1), l(vec![u4(9999), a(""), a(""), a(""), a(""), a("")]));
    // A constant of the machine is a write to its point; the host's own change is no event.
    assert_eq!(p.code(2, 15, set(&[(3001, Item::F4(vec![2.5])), (70, u1(20))])), 0);
    assert_eq!(p.obey(), [("bond_force_adj".to_owned(), 2.5)]);
    assert_eq!(p.events(), [0; 0]);
    assert_eq!(p.body(2, 13, ids(&[3001, 70])), l(vec![Item::F4(vec![2.5]), Item::U2(vec![20])]));
    // All or nothing, with the reason.
    for (id, value, code) in [
        (9999, u1(1), 1),
        (3001, Item::F4(vec![20.5]), 3),
        (3001, Item::F8(vec![f64::NAN]), 3),
        (70, u1(0), 3),
        (70, Item::F4(vec![1.5]), 3),
        (70, a("soon"), 3),
    ] {
        assert_eq!(p.code(2, 15, set(&[(71, u1(9)), (id, value)])), code, "{id}");
    }
    assert_eq!(p.body(2, 13, ids(&[71])), l(vec![u4(0)]));
    assert!(p.equipment.take_writes().is_empty());
    // The operator's change is an event that names it.
    p.report(900, &[41], 9);
    p.samples(&[("bond_force_adj", 1.0)]);
    let changed = p.heard.pop().unwrap().body.unwrap();
    assert_eq!(part(&changed, 2), l(vec![l(vec![u4(900), l(vec![u4(3001)])])]));
    assert!(p.equipment.operator_constant(p.now, "TimeFormat", 0.0));
    p.exchange();
    assert_eq!(p.events(), [9]);
    // Local, the host changes nothing of the machine.
    p.equipment.operator_local(p.now);
    assert_eq!(p.code(2, 15, set(&[(3001, Item::F4(vec![2.5]))])), 2);
    assert_eq!(p.code(2, 15, set(&[(70, u1(30))])), 0);
}

#[test]
fn gem_process_recipes() {
    let mut p = Pair::running();
    p.enable_events();
    p.report(900, &[42, 43], 10);
    assert_eq!(p.body(7, 19, None), l(vec![a("BGA-64"), a("QFN-32")]));
    let whole = p.body(7, 5, a("QFN-32"));
    assert_eq!((part(&whole, 0), len(&whole)), (a("QFN-32"), 2));
    assert_eq!(p.body(7, 5, a("NONE")), l(vec![]));
    // The host sends one, asking first.
    assert_eq!(p.code(7, 1, l(vec![a("DFN-8"), u4(12)])), 0);
    assert_eq!(p.code(7, 3, l(vec![a("DFN-8"), body(35)])), 0);
    assert_eq!(p.body(7, 5, a("DFN-8")), l(vec![a("DFN-8"), body(35)]));
    assert_eq!(p.code(7, 1, l(vec![a("HUGE"), u4(1 << 30)])), 2);
    assert_eq!(p.code(7, 1, l(vec![a(""), u4(1)])), 3);
    assert_eq!(p.code(7, 3, l(vec![a("HUGE"), Item::Binary(vec![0; (1 << 20) + 1])])), 2);
    // What runs is neither replaced nor deleted.
    assert_eq!(p.code(7, 1, l(vec![a("QFN-32"), u4(1)])), 5);
    assert_eq!(p.code(7, 3, l(vec![a("QFN-32"), a("x")])), 1);
    assert_eq!(p.code(7, 17, l(vec![a("DFN-8"), a("QFN-32")])), 1);
    assert_eq!(p.code(7, 17, l(vec![a("DFN-8"), a("NONE")])), 4);
    assert_eq!(p.code(7, 17, l(vec![a("DFN-8")])), 0);
    assert_eq!(p.body(7, 19, None), l(vec![a("BGA-64"), a("QFN-32")]));
    assert_eq!(p.events(), [0; 0], "the host's own changes are no events");
    // The operator's are.
    let changed = |p: &mut Pair| {
        p.exchange();
        part(&part(&part(&p.heard.pop().unwrap().body.unwrap(), 2), 0), 1)
    };
    assert!(p.equipment.operator_recipe(p.now, "NEW", &program(30)));
    assert_eq!(changed(&mut p), l(vec![a("NEW"), u1(1)]));
    assert!(!p.equipment.operator_recipe(p.now, "NEW", "1"), "nothing that the machine could run");
    assert!(p.equipment.operator_recipe(p.now, "NEW", &program(31)));
    assert_eq!(changed(&mut p), l(vec![a("NEW"), u1(2)]));
    // Sent to the host and fetched from it at the operator's word.
    p.heard.clear();
    assert!(p.equipment.operator_upload(p.now, "NEW"));
    p.exchange();
    let sent: Vec<_> = p.heard.iter().map(|m| (m.stream, m.function)).collect();
    assert_eq!(sent, [(7, 1), (7, 3)]);
    assert_eq!(p.heard[1].body, Some(l(vec![a("NEW"), body(31)])));
    assert!(p.equipment.operator_download(p.now, "HOST-1"));
    p.exchange();
    assert_eq!(p.equipment.recipe_error(), "");
    assert_eq!(p.body(7, 5, a("HOST-1")), l(vec![a("HOST-1"), body(30)]));
    assert!(p.equipment.operator_delete_recipe(p.now, "NEW"));
    assert_eq!(changed(&mut p), l(vec![a("NEW"), u1(3)]));
    // A granted program that does not come is a conversation timeout.
    assert_eq!(p.code(7, 1, l(vec![a("LATE"), u4(1)])), 0);
    p.heard.clear();
    p.pass(Duration::from_secs(46));
    let late =
        Message { stream: 9, function: 13, wants_reply: false, body: Some(l(vec![a("S07F03"), a("LATE")])) };
    assert_eq!(p.heard, [late]);
}

#[test]
fn gem_terminal_services() {
    let mut p = Pair::running();
    p.enable_events();
    assert_eq!(p.code(10, 3, l(vec![b(0), a("Bring wire")])), 0);
    assert_eq!(p.equipment.terminal().collect::<Vec<_>>(), ["Bring wire"]);
    assert_eq!(p.code(10, 5, l(vec![b(0), l(vec![a("one"), a("two")])])), 0);
    assert_eq!(p.equipment.terminal().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(p.code(10, 9, a("to all")), 0);
    assert!(p.equipment.terminal_waits());
    p.equipment.operator_recognises(p.now);
    p.exchange();
    assert_eq!(p.events(), [16]);
    assert_eq!(p.code(10, 3, l(vec![b(7), a("nobody there")])), 2);
    assert_eq!(p.code(10, 3, l(vec![b(0), a(&"long ".repeat(2000))])), 1);
    // The operator answers.
    assert!(p.equipment.operator_text(p.now, "Wire is here"));
    p.exchange();
    assert_eq!((p.heard[0].stream, p.heard[0].function), (10, 1));
    assert_eq!(p.heard[0].body, Some(l(vec![b(0), a("Wire is here")])));
}

#[test]
fn gem_clock() {
    let mut p = Pair::running();
    let started = p.now.secs_f64();
    assert!((1.0..2.0).contains(&started));
    assert_eq!(p.body(2, 17, None), a("2024022912000110"));
    assert_eq!(p.code(2, 31, a("2031010203040506")), 0);
    assert_eq!(p.sv(1), a("2031010203040506"));
    p.pass(Duration::from_secs(60));
    assert_eq!(p.body(2, 17, None), a("2031010203050506"));
    for bad in ["2031130203040506", "2031-01-02T03:05:05+25:00", "noon", "", "20310102030405"] {
        assert_eq!(p.code(2, 31, a(bad)), 1, "{bad}");
    }
    for text in ["2031-01-02T12:05:05.06+09:00", "2031-01-02T03:05:05.060000Z"] {
        assert_eq!(p.code(2, 31, a(text)), 0, "{text}");
        assert_eq!(p.body(2, 17, None), a("2031010203050506"));
    }
    for (format, shown) in [(0, "310102030505"), (2, "2031-01-02T03:05:05.06Z"), (1, "2031010203050506")] {
        assert_eq!(p.code(2, 15, l(vec![l(vec![u4(74), u1(format)])])), 0);
        assert_eq!(p.body(2, 17, None), a(shown));
    }
    assert_eq!(p.code(2, 31, a("310102030405")), 0);
    assert_eq!(p.sv(1), a("2031010203040500"));
}
