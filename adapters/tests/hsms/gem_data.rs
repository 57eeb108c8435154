//! What the equipment tells: events, reports, variables, traces, limits, alarms, names.

use std::time::Duration;

use aegis_adapters::hsms::Item;
use aegis_adapters::hsms::gem::Equipment;
use aegis_adapters::limits;

use super::gem_support::*;

const BOND: [u32; 10] = [2001, 2002, 2003, 2004, 2005, 2006, 2007, 2008, 2009, 2010];

fn f4(v: f32) -> Item {
    Item::F4(vec![v])
}

#[test]
fn gem_event_notification() {
    let mut p = Pair::running();
    p.bond(&[]);
    assert!(p.heard.is_empty(), "no event is told before the host enables it");
    assert_eq!(p.code(2, 37, l(vec![Item::Boolean(vec![true]), ids(&[1001, 1003, 1004, 2001])])), 0);
    p.bond(&[("bond_force", 44.5), ("shear_strength", f64::NAN), ("nsop", 1.0)]);
    let report = p.heard[0].body.clone().unwrap();
    let values = part(&part(&part(&report, 2), 0), 1);
    let expected = [44.5, 15.0, 120.0, 288.0, 20.0, 150.0, 12.0].map(f4).into_iter();
    // A strength that could not be measured is an item without a value.
    let expected = expected.chain([Item::F4(vec![]), Item::Boolean(vec![true]), u4(1000)]).collect();
    assert_eq!(values, l(expected));
    assert_eq!(p.events(), [1001, 1003]);
    p.bond(&[("nsop", 1.0)]);
    assert_eq!(p.events(), [1001, 1003], "each non-stick is one");
    p.samples(&[("units", 8.0)]);
    assert_eq!(p.events(), [1004]);
    p.samples(&[("units", 8.0)]);
    // The capillary's age is told once, and again for the next capillary.
    for (bonds, due) in
        [(48_999.0, false), (49_001.0, true), (49_002.0, false), (0.0, false), (49_001.0, true)]
    {
        p.bond(&[("bonds_of_capillary", bonds)]);
        assert_eq!(p.events().contains(&2001), due, "{bonds}");
    }
    // Without the W bit no reply is asked for.
    assert_eq!(p.code(2, 15, l(vec![l(vec![u4(80), Item::Boolean(vec![false])])])), 0);
    p.bond(&[]);
    assert!(!p.heard[0].wants_reply);
}

#[test]
fn gem_dynamic_event_reports() {
    let mut p = Pair::running();
    let define = |rows: Vec<Item>| l(vec![u4(1), l(rows)]);
    let row = |id: u32, rest: &[u32]| l(vec![u4(id), ids(rest)]);
    // All is deleted, then defined, linked and enabled.
    assert_eq!(p.code(2, 33, define(vec![])), 0);
    assert_eq!(p.code(2, 33, define(vec![row(1, &BOND), row(2, &[2, 1001])])), 0);
    assert_eq!(p.code(2, 33, define(vec![row(1, &[2001])])), 3, "defined already");
    assert_eq!(p.code(2, 33, define(vec![row(3, &[2001]), row(4, &[77_777])])), 4, "no such variable");
    assert_eq!(p.body(6, 19, u4(3)), l(vec![]), "a message that is refused leaves nothing behind");
    assert_eq!(p.code(2, 35, define(vec![row(1001, &[1, 2])])), 0);
    assert_eq!(p.code(2, 35, define(vec![row(1001, &[1])])), 3, "linked already");
    assert_eq!(p.code(2, 35, define(vec![row(77_777, &[1])])), 4, "no such event");
    assert_eq!(p.code(2, 35, define(vec![row(1002, &[9])])), 5, "no such report");
    assert_eq!(p.code(2, 37, l(vec![Item::Boolean(vec![true]), ids(&[1001, 77_777])])), 1);
    assert_eq!(p.code(2, 37, l(vec![Item::Boolean(vec![true]), ids(&[1001])])), 0);
    assert_eq!(p.sv(5), ids(&[1001]));
    p.bond(&[]);
    let body = p.heard[0].body.clone().unwrap();
    let reports = part(&body, 2);
    assert_eq!((part(&part(&reports, 0), 0), len(&part(&part(&reports, 0), 1))), (u4(1), 10));
    assert_eq!(part(&reports, 1), l(vec![u4(2), l(vec![u1(5), Item::U2(vec![1])])]));
    // Now, when asked for: the event, the report, and both with their variables named.
    assert_eq!(part(&p.body(6, 15, u4(1001)), 2), reports);
    assert_eq!(p.body(6, 19, u4(2)), l(vec![u1(5), Item::U2(vec![1])]));
    let named = l(vec![l(vec![u4(2), u1(5)]), l(vec![u4(1001), Item::U2(vec![1])])]);
    assert_eq!(p.body(6, 21, u4(2)), named);
    assert_eq!(part(&part(&part(&p.body(6, 17, u4(1001)), 2), 1), 1), named);
    // A long definition is announced, a report deleted with its links, an event unlinked.
    assert_eq!(p.code(2, 39, l(vec![u4(5), u4(10_000)])), 0);
    assert_eq!(p.code(2, 39, l(vec![u4(6), u4(100_000_000)])), 2);
    assert_eq!(p.code(2, 33, l(vec![u4(5), l(vec![row(1, &[])])])), 0);
    p.pass(Duration::from_secs(60));
    assert_eq!(part(&p.body(6, 15, u4(1001)), 2), l(vec![part(&reports, 1)]));
    assert_eq!(p.code(2, 35, define(vec![row(1001, &[])])), 0);
    assert_eq!(part(&p.body(6, 15, u4(1001)), 2), l(vec![]));
}

#[test]
fn what_one_event_may_carry_is_bounded_when_it_is_set_up() {
    let mut p = Pair::running();
    let define = |rows: Vec<Item>| l(vec![u4(1), l(rows)]);
    let report = |id: u32, vid: u32, times: usize| l(vec![u4(id), ids(&vec![vid; times])]);
    let most = limits::GEM_EVENT_VALUES;
    assert_eq!(p.code(2, 33, define(vec![report(1, 2001, most + 1)])), 1, "DRACK 1: no space");
    assert_eq!(p.code(2, 33, define(vec![report(1, 2001, most), report(2, 2001, 1)])), 0);
    assert_eq!(p.code(2, 35, define(vec![l(vec![u4(1001), ids(&[1, 2])])])), 1, "LRACK 1: no space");
    assert_eq!(
        p.code(2, 35, define(vec![l(vec![u4(1001), ids(&vec![1; 600])])])),
        3,
        "the same report again"
    );
    assert_eq!(p.code(2, 35, define(vec![l(vec![u4(1001), ids(&[1])])])), 0);
    assert_eq!(len(&part(&part(&part(&p.body(6, 15, u4(1001)), 2), 0), 1)), most);
    // A list counts as all that it may hold.
    assert_eq!(p.code(2, 33, define(vec![report(3, 5, most / 10)])), 1);
    let trace = l(vec![u4(1), a("000001"), u4(8), u4(1), ids(&vec![5; most / 10])]);
    assert_eq!(p.code(2, 23, trace), 1);
    // Of a reply that would be too long the host gets an abort, and neither the session nor the memory suffers.
    p.enable_events();
    for (stream, function, id) in [(1, 3, 5), (1, 23, 1001)] {
        let m = p.ask(stream, function, ids(&vec![id; limits::GEM_REQUEST_ITEMS - 1]));
        assert_eq!((m.stream, m.function, m.body), (stream, 0, None));
    }
    assert_eq!(p.sv(1006), u4(7));
}

#[test]
fn identifiers_are_what_the_host_made_them_of() {
    let mut p = Pair::running();
    p.enable_events();
    let define = |id: &Item, vid: u32| l(vec![u4(1), l(vec![l(vec![id.clone(), ids(&[vid])])])]);
    // None of these is another's, nor the largest of four bytes.
    let names = [
        a("BONDS"),
        a("bonds"),
        Item::U8(vec![1 << 40]),
        Item::U8(vec![u64::MAX]),
        Item::I4(vec![-1]),
        u4(u32::MAX),
        u4(7),
    ];
    for (i, id) in names.iter().enumerate() {
        assert_eq!(p.code(2, 33, define(id, 2001 + i as u32)), 0, "{id:?}");
    }
    assert_eq!(p.code(2, 33, define(&u1(7), 2001)), 3, "the same number is the same report");
    let wide = |id: &Item| if let Item::I4(v) = id { Item::I8(vec![v[0].into()]) } else { id.clone() };
    let link = l(vec![u4(1), l(vec![l(vec![u4(1002), l(names.to_vec())])])]);
    assert_eq!(p.code(2, 35, link), 0);
    let saved = p.equipment.state();
    for round in 0..2 {
        let reports = part(&p.body(6, 15, u4(1002)), 2);
        let told: Vec<_> = (0..names.len()).map(|i| part(&part(&reports, i), 0)).collect();
        assert_eq!(told, names.iter().map(wide).collect::<Vec<_>>(), "round {round}");
        // And so after a restart.
        p = Pair::of(Equipment::new(&bonder(), options(), &saved).unwrap());
        p.connect();
    }
    // A trace by a name; a DATAID that is one.
    let trace = |id: Item, total: u32| l(vec![id, a("000001"), u4(total), u4(1), ids(&[2])]);
    assert_eq!(p.code(2, 23, trace(a("T-1"), 2)), 0);
    assert_eq!(p.code(2, 23, trace(a("T-2"), 0)), 0, "ends another");
    p.pass(Duration::from_millis(2100));
    assert_eq!(p.heard.iter().filter(|m| part(m.body.as_ref().unwrap(), 0) == a("T-1")).count(), 2);
    assert_eq!(p.code(2, 39, l(vec![a("D-1"), u4(100)])), 0);
    assert_eq!(p.code(2, 33, l(vec![a("D-2"), l(vec![l(vec![u4(90), ids(&[1])])])])), 0);
    // What is nothing of ours is told with the name that the host gave it.
    for id in [a("NOTHING"), Item::U8(vec![1 << 41]), u4(77_777)] {
        assert_eq!(p.body(1, 3, l(vec![id.clone()])), l(vec![l(vec![])]));
        assert_eq!(p.body(1, 11, l(vec![id.clone()])), l(vec![l(vec![id.clone(), a(""), a("")])]));
        assert_eq!(p.body(6, 19, id.clone()), l(vec![]));
        let set = l(vec![l(vec![id.clone(), u1(1)])]);
        assert_eq!(p.code(2, 15, set), 1);
        assert_eq!(p.code(2, 37, l(vec![Item::Boolean(vec![true]), l(vec![id.clone()])])), 1);
        assert_eq!(p.code(5, 3, l(vec![b(0x80), id.clone()])), 1);
        assert_eq!(p.code(2, 35, l(vec![u4(1), l(vec![l(vec![u4(1004), l(vec![id.clone()])])])])), 5);
        assert_eq!(part(&part(&p.body(2, 47, l(vec![id.clone()])), 0), 0), id);
    }
}

#[test]
fn what_a_host_defines_takes_the_place_of_what_the_profile_did() {
    let mut p = Pair::new();
    let rows = |rows: Vec<Item>| l(vec![u4(1), l(rows)]);
    // As a host does that knows of no reports: its own number, though the profile has one of it, on an event that has one.
    assert_eq!(p.code(2, 33, rows(vec![l(vec![u4(1001), ids(&[1006])])])), 0);
    assert_eq!(p.code(2, 35, rows(vec![l(vec![u4(1004), ids(&[1001])])])), 0);
    let carried = l(vec![l(vec![u4(1001), l(vec![u4(7)])])]);
    p.samples(&[("units", 7.0)]);
    assert_eq!(part(&p.body(6, 15, u4(1004)), 2), carried);
    assert_eq!(part(&p.body(6, 15, u4(1001)), 2), l(vec![]), "the report that it carried is another's now");
    assert_eq!(len(&part(&p.body(6, 15, u4(1005)), 2)), 1, "what nobody touched is as it was");
    // What a host defined is no preset any more, not even after a restart.
    p = Pair::of(Equipment::new(&bonder(), options(), &p.equipment.state()).unwrap());
    p.connect();
    assert_eq!(p.code(2, 33, rows(vec![l(vec![u4(1001), ids(&[1006])])])), 3);
    assert_eq!(p.code(2, 35, rows(vec![l(vec![u4(1004), ids(&[1001])])])), 3);
    assert_eq!(p.code(2, 35, rows(vec![l(vec![u4(1005), ids(&[1001])])])), 0);
}

#[test]
fn gem_variable_data_collection() {
    let mut p = Pair::running();
    p.bond(&[("bond_force", 46.0)]);
    // A report may hold variables of every class.
    let rows = l(vec![l(vec![u4(900), ids(&[2001, 1006, 3001, 70, 2])])]);
    assert_eq!(p.code(2, 33, l(vec![u4(1), rows])), 0);
    let expected = vec![f4(46.0), u4(7), f4(0.0), Item::U2(vec![10]), u1(5)];
    assert_eq!(p.body(6, 19, u4(900)), l(expected));
    let names = p.body(1, 21, ids(&[2001, 5]));
    let expected = vec![l(vec![u4(2001), a("BondForce"), a("gf")]), l(vec![u4(5), a(""), a("")])];
    assert_eq!(names, l(expected));
    assert!(len(&p.body(1, 21, l(vec![]))) > BOND.len());
}

#[test]
fn gem_trace_data_collection() {
    let mut p = Pair::running();
    let trace = |period: &str, total: u32, group: u32, svids: &[u32]| {
        l(vec![u4(3), a(period), u4(total), u4(group), ids(svids)])
    };
    assert_eq!(p.code(2, 23, trace("00000200", 4, 2, &[1006, 2])), 0);
    p.pass(Duration::from_millis(4100));
    p.samples(&[("units", 9.0)]);
    assert_eq!(p.heard.len(), 1);
    let first = p.heard.remove(0).body.unwrap();
    assert_eq!((part(&first, 0), part(&first, 1)), (u4(3), u4(2)));
    assert_eq!(part(&first, 3), l(vec![u4(7), u1(5), u4(7), u1(5)]));
    p.pass(Duration::from_secs(60));
    let second = p.heard.remove(0).body.unwrap();
    assert_eq!((part(&second, 1), part(&second, 3)), (u4(4), l(vec![u4(9), u1(5), u4(9), u1(5)])));
    assert!(p.heard.is_empty(), "a trace ends after its samples");
    // One that is ended early is silent; one that cannot be is refused.
    assert_eq!(p.code(2, 23, trace("000001", 1000, 1, &[1006])), 0);
    assert_eq!(p.code(2, 23, trace("000001", 0, 0, &[])), 0);
    p.pass(Duration::from_secs(5));
    assert!(p.heard.is_empty());
    assert_eq!(p.code(2, 23, trace("1s", 4, 2, &[1006])), 3);
    assert_eq!(p.code(2, 23, trace("000001", 4, 2, &[2001])), 4, "a data value is no status variable");
    assert_eq!(p.code(2, 23, trace("000001", 4, 5, &[1006])), 5);
}

#[test]
fn gem_status_data_collection() {
    let mut p = Pair::running();
    let expected = vec![u4(7), Item::U2(vec![1]), l(vec![]), u1(5)];
    assert_eq!(p.body(1, 3, ids(&[1006, 1001, 77_777, 2])), l(expected));
    let all = p.body(1, 3, l(vec![]));
    let names = p.body(1, 11, l(vec![]));
    assert_eq!(len(&all), len(&names));
    let named: Vec<_> = (0..len(&names)).map(|i| part(&part(&names, i), 1)).collect();
    for needed in ["Clock", "ControlState", "ProcessState", "EventsEnabled", "AlarmsSet", "UnitCount", "OEE"]
    {
        assert!(named.contains(&a(needed)), "{needed}");
    }
    assert_eq!(p.body(1, 11, ids(&[1005])), l(vec![l(vec![u4(1005), a("OEE"), a("%")])]));
}

#[test]
fn gem_documentation() {
    let mut p = Pair::new();
    // Whatever the equipment has it names: variables, constants, events, alarms.
    for (stream, function, least) in [(1, 11, 20), (1, 21, 15), (1, 23, 40), (2, 29, 14), (5, 5, 5)] {
        let body = if (stream, function) == (5, 5) { Item::U4(vec![]) } else { l(vec![]) };
        let rows = p.body(stream, function, body);
        assert!(len(&rows) >= least, "S{stream}F{function}: {}", len(&rows));
        for i in 0..len(&rows) {
            let name = if stream == 5 { part(&part(&rows, i), 2) } else { part(&part(&rows, i), 1) };
            assert_ne!(name, a(""), "S{stream}F{function}");
        }
    }
    let event = p.body(1, 23, ids(&[1001]));
    assert_eq!(event, l(vec![l(vec![u4(1001), a("BondCompleted"), ids(&BOND)])]));
}

#[test]
fn gem_alarm_management() {
    let mut p = Pair::running();
    p.enable_events();
    p.bond(&[("usg_impedance", 31.0)]);
    // Not enabled: the events come, S5F1 does not.
    assert!(p.heard.iter().all(|m| m.stream != 5));
    assert_eq!(p.events(), [1002, 1001, 3041, 3001]);
    assert_eq!(p.sv(7), ids(&[4]));
    p.bond(&[("usg_impedance", 29.0)]);
    assert_eq!(p.sv(7), ids(&[4]), "until it is back at its clear level");
    assert_eq!(p.code(5, 3, l(vec![b(0x80), u4(4)])), 0);
    assert_eq!(p.code(5, 3, l(vec![b(0x80), u4(99)])), 1);
    p.heard.clear();
    p.bond(&[("usg_impedance", 27.0)]);
    let cleared = p.heard.iter().find(|m| m.stream == 5).unwrap().body.clone().unwrap();
    assert_eq!(cleared, l(vec![b(3), u4(4), a("Ultrasonic transducer impedance high")]));
    assert_eq!(p.events(), [1002, 1001, 3042, 3001]);
    p.bond(&[("usg_impedance", 31.0)]);
    let set = p.heard.iter().find(|m| m.stream == 5).unwrap().body.clone().unwrap();
    assert_eq!(part(&set, 0), b(0x83));
    assert_eq!(p.body(5, 5, Item::U4(vec![4])), l(vec![set.clone()]));
    assert_eq!(len(&p.body(5, 5, Item::U4(vec![]))), 5);
    assert_eq!(p.body(5, 7, None), l(vec![set]));
    assert_eq!(p.sv(6), ids(&[4]));
    assert_eq!(p.code(5, 3, l(vec![b(0), Item::U4(vec![])])), 0);
    assert_eq!(p.body(5, 7, None), l(vec![]));
}

#[test]
fn gem_limits_monitoring() {
    let mut p = Pair::running();
    p.report(900, &[46, 47, 48], 12);
    p.enable_events();
    p.samples(&[("oee", 90.0)]);
    let define = |rows: Vec<Item>| l(vec![u4(1), l(rows)]);
    let limit = |id: u8, upper: f32, lower: f32| l(vec![b(id), l(vec![f4(upper), f4(lower)])]);
    let limits = l(vec![u4(1005), l(vec![limit(1, 80.0, 75.0), limit(2, 60.0, 55.0)])]);
    assert_eq!(p.body(2, 45, define(vec![limits])), l(vec![b(0), l(vec![])]));
    let defined = l(vec![l(vec![b(1), f4(80.0), f4(75.0)]), l(vec![b(2), f4(60.0), f4(55.0)])]);
    let shown = l(vec![u4(1005), l(vec![a("%"), f4(0.0), f4(100.0), defined])]);
    assert_eq!(p.body(2, 47, ids(&[1005])), l(vec![shown]));
    // Within the deadband nothing is crossed; through it each zone change is told once.
    let mut crossed = Vec::new();
    for oee in [78.0, 74.0, 78.0, 50.0, 78.0, 81.0] {
        p.heard.clear();
        p.samples(&[("oee", oee)]);
        let reports = p.heard.iter().filter(|m| m.stream == 6);
        crossed.extend(reports.map(|m| part(&part(&part(m.body.as_ref().unwrap(), 2), 0), 1)));
    }
    let told = |limit: u8, kind: u8| l(vec![b(limit), u4(1005), b(kind)]);
    assert_eq!(crossed, [told(1, 1), told(2, 1), told(2, 0), told(1, 0)]);
    // What cannot be is refused with its reason, and nothing of the message is done.
    let refusal = |p: &mut Pair, row: Item| part(&part(&p.body(2, 45, define(vec![row])), 1), 0);
    let wrong = |id: u8, code: u8| l(vec![b(id), b(code)]);
    let row = |limit| l(vec![u4(1005), l(vec![limit])]);
    assert_eq!(refusal(&mut p, row(limit(8, 80.0, 75.0))), l(vec![u4(1005), b(4), wrong(8, 1)]));
    assert_eq!(refusal(&mut p, row(limit(1, 180.0, 75.0))), l(vec![u4(1005), b(4), wrong(1, 2)]));
    assert_eq!(refusal(&mut p, row(limit(1, 80.0, -5.0))), l(vec![u4(1005), b(4), wrong(1, 3)]));
    assert_eq!(refusal(&mut p, row(limit(1, 70.0, 75.0))), l(vec![u4(1005), b(4), wrong(1, 4)]));
    assert_eq!(refusal(&mut p, l(vec![u4(77_777), l(vec![])])), l(vec![u4(77_777), b(1), l(vec![])]));
    assert_eq!(refusal(&mut p, l(vec![u4(1), l(vec![])])), l(vec![u4(1), b(2), l(vec![])]));
    // One limit goes, then all.
    assert_eq!(part(&p.body(2, 45, define(vec![row(l(vec![b(1), l(vec![])]))])), 0), b(0));
    let left = |p: &mut Pair| len(&part(&part(&part(&p.body(2, 47, ids(&[1005])), 0), 1), 3));
    assert_eq!(left(&mut p), 1);
    assert_eq!(part(&p.body(2, 45, define(vec![])), 0), b(0));
    assert_eq!(left(&mut p), 0);
}

#[test]
fn gem_material_movement() {
    let mut p = Pair::running();
    p.report(900, &[1006], 1006);
    p.enable_events();
    p.samples(&[("units", 8.0)]);
    let removed = p.heard.iter().find(|m| ceid(m) == 1006).unwrap().body.clone().unwrap();
    assert_eq!(part(&removed, 2), l(vec![l(vec![u4(900), l(vec![u4(8)])])]));
    // A unit left, and the next is there.
    assert_eq!(p.events(), [1004, 1006, 1007]);
}
