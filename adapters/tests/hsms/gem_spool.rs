//! What is kept for a host that is not there, and what survives a restart.

use std::time::Duration;

use aegis_adapters::hsms::Item;
use aegis_adapters::hsms::gem::{BadEquipment, BadState, Equipment};
use aegis_models::Profile;
use proptest::prelude::*;

use super::gem_support::*;

/// Spools events, and has bonds told.
fn spooling() -> Pair {
    let mut p = Pair::running();
    assert_eq!(p.body(2, 43, l(vec![l(vec![u1(6), l(vec![u1(11)])])])), l(vec![b(0), l(vec![])]));
    assert_eq!(p.code(2, 37, l(vec![Item::Boolean(vec![true]), ids(&[1001, 13, 14, 15])])), 0);
    p
}

#[test]
fn gem_spooling() {
    let mut p = spooling();
    assert_eq!(p.code(6, 23, u1(0)), 2, "nothing is spooled");
    p.disconnect();
    for i in 0..5 {
        p.bond(&[("bonds_of_capillary", f64::from(i))]);
    }
    assert_eq!(p.equipment.spooled(), 6);
    // A restart keeps all of it.
    let saved = p.equipment.state();
    p.equipment = Equipment::new(&bonder(), options(), &saved).unwrap();
    p.connect();
    assert_eq!(p.sv(11), u4(6));
    assert_ne!(p.sv(14), a(""));
    // Until the host has asked, what is new goes behind the old.
    p.bond(&[("bonds_of_capillary", 5.0)]);
    assert!(p.heard.is_empty());
    assert_eq!(p.code(2, 15, l(vec![l(vec![u4(71), u1(3)])])), 0);
    assert_eq!(p.code(6, 23, u1(0)), 0);
    assert_eq!(p.heard.len(), 3, "MaxSpoolTransmit is three");
    assert_eq!(p.events(), [1001, 13, 1001]);
    assert_eq!(p.code(2, 15, l(vec![l(vec![u4(71), u1(0)])])), 0);
    assert_eq!(p.code(6, 23, u1(0)), 0);
    assert_eq!(p.events(), [1001, 1001, 1001, 1001, 14], "and the spool says that it is empty");
    assert_eq!((p.sv(11), p.sv(12)), (u4(0), u4(7)));
    p.bond(&[]);
    assert_eq!(p.events(), [1001], "then all is as before");
}

#[test]
fn a_spool_is_purged_at_the_hosts_word() {
    let mut p = spooling();
    p.disconnect();
    p.bond(&[]);
    p.connect();
    assert_eq!(p.code(6, 23, u1(1)), 0);
    assert_eq!((p.equipment.spooled(), p.events()), (0, vec![14]));
    assert_eq!(p.code(6, 23, u1(1)), 2);
}

#[test]
fn what_was_not_acknowledged_is_spooled_when_the_link_is_lost() {
    let mut p = spooling();
    p.answers = false;
    p.bond(&[]);
    assert_eq!(p.events(), [1001]);
    p.cut();
    p.answers = true;
    p.connect();
    assert_eq!(p.code(6, 23, u1(0)), 0);
    assert_eq!(p.events(), [1001, 13, 14]);
}

#[test]
fn a_transmission_that_fails_keeps_what_was_not_acknowledged() {
    let mut p = spooling();
    p.disconnect();
    p.bond(&[]);
    p.bond(&[]);
    p.connect();
    p.answers = false;
    assert_eq!(p.code(6, 23, u1(0)), 0);
    assert_eq!(p.code(6, 23, u1(0)), 1, "it is under way");
    p.pass(Duration::from_secs(46));
    assert_eq!(p.equipment.spooled(), 4, "both bonds, the activation, and the failure");
    p.heard.clear();
    p.answers = true;
    assert_eq!(p.code(6, 23, u1(0)), 0);
    assert_eq!(p.events(), [1001, 13, 1001, 15, 14]);
}

#[test]
fn a_full_spool_keeps_the_old_or_the_new_as_the_host_chose() {
    for overwrite in [false, true] {
        let mut p = spooling();
        assert_eq!(p.code(2, 15, l(vec![l(vec![u4(72), Item::Boolean(vec![overwrite])])])), 0);
        p.disconnect();
        let most = aegis_adapters::limits::GEM_SPOOL_MESSAGES;
        for i in 0..most + 10 {
            p.bond(&[("bonds_of_capillary", i as f64)]);
        }
        assert_eq!(p.equipment.spooled(), most);
        p.connect();
        // SpoolingActivated is among them.
        assert_eq!(p.sv(12), u4(most as u32 + 11));
        assert_eq!(p.sv(13) == a(""), overwrite);
        assert_eq!(p.code(2, 15, l(vec![l(vec![u4(71), u1(1)])])), 0);
        assert_eq!(p.code(6, 23, u1(0)), 0);
        let first = p.heard.remove(0).body.unwrap();
        let bonds = part(&part(&part(&part(&first, 2), 0), 1), 9);
        assert_eq!(bonds, u4(if overwrite { 10 } else { 0 }));
    }
}

#[test]
fn streams_that_cannot_be_spooled_are_refused() {
    let mut p = Pair::running();
    let ask = |stream: u8, functions: &[u8]| {
        l(vec![l(vec![u1(stream), l(functions.iter().map(|f| u1(*f)).collect())])])
    };
    for (stream, functions, code, blamed) in
        [(1, &[13][..], 1, &[][..]), (8, &[], 2, &[]), (6, &[13], 3, &[13]), (6, &[12], 4, &[12])]
    {
        let blamed = l(blamed.iter().map(|f| u1(*f)).collect());
        let refused = l(vec![b(1), l(vec![l(vec![u1(stream), b(code), blamed])])]);
        assert_eq!(p.body(2, 43, ask(stream, functions)), refused);
    }
    for stream in [2, 5, 6, 7, 9, 10] {
        assert_eq!(p.body(2, 43, ask(stream, &[])), l(vec![b(0), l(vec![])]), "stream {stream}");
    }
    assert_eq!(p.body(2, 43, l(vec![])), l(vec![b(0), l(vec![])]));
}

#[test]
fn only_its_own_reply_takes_a_message_out_of_the_spool() {
    for odd in [(6, 0), (6, 14), (5, 12)] {
        let mut p = spooling();
        p.disconnect();
        p.bond(&[]);
        p.connect();
        p.replies_with = Some(odd);
        assert_eq!(p.code(6, 23, u1(0)), 0);
        assert_eq!(p.events(), [1001], "the transmission ends there");
        // The bond, the activation, and SpoolTransmitFailure.
        assert_eq!(p.equipment.spooled(), 3, "S{}F{} is no S6F12", odd.0, odd.1);
        p.replies_with = None;
        assert_eq!(p.code(6, 23, u1(0)), 0);
        assert_eq!(p.events(), [1001, 13, 15, 14]);
    }
}

#[test]
fn a_spool_that_is_switched_off_says_so() {
    let mut p = spooling();
    p.disconnect();
    p.bond(&[]);
    p.connect();
    assert_eq!(p.code(2, 15, l(vec![l(vec![u4(73), Item::Boolean(vec![false])])])), 0);
    assert_eq!((p.equipment.spooled(), p.events()), (0, vec![14]));
    p.disconnect();
    p.bond(&[]);
    assert_eq!(p.equipment.spooled(), 0);
}

#[test]
fn a_recipe_on_its_way_to_the_host_is_spooled_too() {
    let mut p = Pair::running();
    assert_eq!(p.body(2, 43, l(vec![l(vec![u1(7), l(vec![])])])), l(vec![b(0), l(vec![])]));
    p.disconnect();
    assert!(p.equipment.operator_upload(p.now, "BGA-64"));
    assert_eq!(p.equipment.spooled(), 1);
    p.connect();
    assert_eq!(p.code(6, 23, u1(0)), 0);
    let sent: Vec<_> = p.heard.iter().map(|m| (m.stream, m.function)).collect();
    assert_eq!(sent, [(7, 1), (7, 3)], "the inquiry is granted, and the recipe follows");
    assert_eq!((p.equipment.spooled(), p.equipment.recipe_error()), (0, ""));
}

#[test]
fn a_restart_forgets_nothing_that_the_host_set_up() {
    let mut p = Pair::running();
    p.report(900, &[2001, 1], 1001);
    assert_eq!(p.code(2, 37, l(vec![Item::Boolean(vec![true]), ids(&[1001, 2001])])), 0);
    assert_eq!(p.code(5, 3, l(vec![b(0x80), u4(2)])), 0);
    assert_eq!(p.code(2, 15, l(vec![l(vec![u4(70), u1(33)])])), 0);
    assert_eq!(p.code(2, 31, a("2031010203040506")), 0);
    assert_eq!(p.code(7, 3, l(vec![a("DFN-8"), body(35)])), 0);
    let limit = l(vec![b(1), l(vec![Item::F4(vec![80.0]), Item::F4(vec![75.0])])]);
    assert_eq!(part(&p.body(2, 45, l(vec![u4(1), l(vec![l(vec![u4(1005), l(vec![limit])])])])), 0), b(0));
    p.bond(&[("bonds_of_capillary", 49_500.0)]);
    p.equipment.operator_local(p.now);
    let saved = p.equipment.state();
    let mut again = Pair::of(Equipment::new(&bonder(), options(), &saved).unwrap());
    assert_eq!(again.equipment.state(), saved, "what is restored is saved as the same");
    again.connect();
    assert_eq!(again.sv(2), u1(4));
    assert_eq!(again.sv(5), ids(&[1001, 2001]));
    assert_eq!((again.sv(6), again.sv(7)), (ids(&[2]), ids(&[2])));
    assert_eq!(again.body(2, 13, ids(&[70])), l(vec![Item::U2(vec![33])]));
    assert_eq!(again.sv(1), a("2031010203040496"), "as far on as its owner says that it is");
    assert_eq!(len(&again.body(7, 19, None)), 3);
    assert_eq!(len(&part(&part(&part(&again.body(2, 47, ids(&[1005])), 0), 1), 3)), 1);
    again.bond(&[("bonds_of_capillary", 49_501.0)]);
    assert_eq!(again.events(), [1001], "what was told is not told again");
    // What is not ours is refused.
    assert_eq!(
        Equipment::new(&bonder(), options(), &saved[..saved.len() - 3]).unwrap_err(),
        BadEquipment::State(BadState::Damaged)
    );
    let ffu = Profile::built_in("ffu").unwrap();
    assert_eq!(Equipment::new(&ffu, options(), &[]).unwrap_err(), BadEquipment::NoGem("ffu".into()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 500 } else { 20_000 }))]

    /// A state that a disk spoiled is an error, or is one that can be saved again.
    #[test]
    fn any_bytes_as_a_saved_state_do_not_panic(at in 0usize..4000, byte: u8, cut in 0usize..4000) {
        let mut p = Pair::new();
        p.report(900, &[2001, 1], 1001);
        let mut saved = p.equipment.state();
        let (at, cut) = (at % saved.len(), cut % saved.len());
        saved[at] = byte;
        if byte % 2 == 0 {
            saved.truncate(cut);
        }
        if let Ok(equipment) = Equipment::new(&bonder(), options(), &saved) {
            let again = equipment.state();
            prop_assert!(Equipment::new(&bonder(), options(), &again).is_ok());
        }
    }
}
