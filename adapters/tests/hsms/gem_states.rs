//! State models, identification and who is in charge.

use std::time::Duration;

use aegis_adapters::hsms::gem::{ControlState, Equipment};
use aegis_adapters::hsms::{Item, Message};
use aegis_models::profile::GemProcessState;

use super::gem_support::*;

fn identity() -> Item {
    l(vec![a("AEGIS-WB25"), a("1.0.0")])
}

#[test]
fn gem_state_models() {
    let mut p = Pair::of(Equipment::new(&bonder(), options(), &[]).unwrap());
    assert!(!p.equipment.is_communicating());
    assert_eq!(p.equipment.control_state(), ControlState::Remote);
    p.connect();
    assert!(p.equipment.is_communicating());
    assert_eq!(p.sv(2), u1(5));
    p.enable_events();
    // On-line to off-line and back, by the host; the way is told by events.
    assert_eq!(p.code(1, 15, None), 0);
    assert_eq!((p.equipment.control_state(), p.events()), (ControlState::HostOffline, vec![1]));
    assert_eq!(p.code(1, 17, None), 0);
    assert_eq!((p.equipment.control_state(), p.events()), (ControlState::Remote, vec![3]));
    p.equipment.operator_local(p.now);
    p.exchange();
    assert_eq!((p.equipment.control_state(), p.events()), (ControlState::Local, vec![4, 2]));
    assert_eq!(p.sv(2), u1(4));
    // A link that is lost ends communications, and a new one begins them again.
    p.disconnect();
    assert!(!p.equipment.is_communicating());
    p.connect();
    assert!(p.equipment.is_communicating());
    // Disabled there is no session.
    p.equipment.disable(p.now);
    p.exchange();
    assert!(!p.equipment.is_communicating() && !p.equipment.is_enabled() && !p.host.is_selected());
}

#[test]
fn gem_host_initiated_establish() {
    let mut p = Pair::of(Equipment::new(&bonder(), options(), &[]).unwrap());
    p.answers = false;
    p.connect();
    // The equipment's own S1F13 is unanswered; until the host establishes, nothing else is answered.
    assert!(!p.equipment.is_communicating());
    let early = Message { stream: 1, function: 1, wants_reply: true, body: None };
    p.host.send(p.now, &early).unwrap();
    p.exchange();
    assert!(p.heard.is_empty());
    assert_eq!(p.body(1, 13, l(vec![])), l(vec![b(0), identity()]));
    assert!(p.equipment.is_communicating());
    assert_eq!(p.body(1, 1, None), identity());
}

#[test]
fn gem_establish_communications() {
    let mut p = Pair::of(Equipment::new(&bonder(), options(), &[]).unwrap());
    p.answers = false;
    p.connect();
    // T3 runs out: S9F9, the session lives, and after EstablishCommunicationsTimeout the next attempt comes.
    p.pass(Duration::from_secs(46));
    let kinds: Vec<_> = p.heard.iter().map(|m| (m.stream, m.function)).collect();
    assert_eq!(kinds, [(9, 9)]);
    assert!(p.host.is_selected());
    p.answers = true;
    p.pass(Duration::from_secs(10));
    let again = p.heard.pop().unwrap();
    assert_eq!((again.stream, again.function, again.body), (1, 13, Some(identity())));
    assert!(p.equipment.is_communicating());
    // A host may establish again at any time.
    assert_eq!(p.body(1, 13, l(vec![])), l(vec![b(0), identity()]));
}

#[test]
fn gem_online_identification() {
    let mut p = Pair::new();
    assert_eq!(p.body(1, 1, None), identity());
    assert_eq!(p.sv(9), a("AEGIS-WB25"));
    assert_eq!(p.sv(10), a("1.0.0"));
    // S2F25, the loop-back, gives back what it got.
    assert_eq!(p.body(2, 25, Item::Binary(vec![0, 1, 254, 255])), Item::Binary(vec![0, 1, 254, 255]));
}

#[test]
fn gem_control_operator_initiated() {
    let mut p = Pair::running();
    p.enable_events();
    p.equipment.operator_offline(p.now);
    p.exchange();
    assert_eq!((p.equipment.control_state(), p.events()), (ControlState::EquipmentOffline, vec![4, 1]));
    // Off-line, the host may establish communications and gets aborts for the rest; it cannot ask on-line.
    assert_eq!(p.body(1, 13, l(vec![])), l(vec![b(0), identity()]));
    let abort = p.ask(1, 3, l(vec![]));
    assert_eq!((abort.stream, abort.function, abort.body), (1, 0, None));
    assert_eq!(p.code(1, 17, None), 1);
    p.bond(&[]);
    assert!(p.heard.is_empty(), "nothing is told off-line");
    // On-line again by S1F1, which the host answers.
    p.equipment.operator_online(p.now);
    assert_eq!(p.equipment.control_state(), ControlState::AttemptOnline);
    p.exchange();
    assert_eq!(p.equipment.control_state(), ControlState::Remote);
    assert_eq!((p.heard[0].stream, p.heard[0].function), (1, 1));
    assert_eq!(p.events(), [3]);
    // A host that does not answer it leaves the equipment off-line.
    p.equipment.operator_offline(p.now);
    p.answers = false;
    p.equipment.operator_online(p.now);
    p.pass(Duration::from_secs(46));
    assert_eq!(p.equipment.control_state(), ControlState::EquipmentOffline);
}

#[test]
fn gem_control_host_initiated() {
    let mut p = Pair::running();
    p.enable_events();
    assert_eq!(p.code(1, 17, None), 2, "on-line already");
    assert_eq!(p.code(1, 15, None), 0);
    assert_eq!((p.equipment.control_state(), p.events()), (ControlState::HostOffline, vec![1]));
    let abort = p.ask(2, 41, l(vec![a("STOP"), l(vec![])]));
    assert_eq!((abort.stream, abort.function), (2, 0));
    assert_eq!(p.code(1, 17, None), 0);
    assert_eq!((p.equipment.control_state(), p.events()), (ControlState::Remote, vec![3]));
}

#[test]
fn gem_processing_states() {
    let mut p = Pair::new();
    p.report(900, &[3, 4], 8);
    p.enable_events();
    assert_eq!(p.sv(3), u1(0));
    p.samples(&[&[("run_enable", 0.0), ("bonding", 0.0), ("recipe", 1.0)][..], &PROGRAM].concat());
    let change = p.heard[0].body.clone().unwrap();
    assert_eq!(part(&part(&part(&change, 2), 0), 1), l(vec![u1(1), u1(0)]), "INIT to IDLE");
    assert_eq!(p.events(), [8]);
    // What it may and what it does are two things.
    p.samples(&[("run_enable", 1.0)]);
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Idle, vec![9]));
    p.samples(&[("bonding", 1.0)]);
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Executing, vec![8, 5]));
    // Paused and resumed by commands; then its work ends by nobody's word.
    assert_eq!(part(&p.body(2, 41, l(vec![a("PAUSE"), l(vec![])])), 0), b(4));
    p.obey();
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Pause, vec![8, 4003]));
    assert_eq!((p.sv(3), p.sv(4)), (u1(5), u1(4)));
    assert_eq!(part(&p.body(2, 41, l(vec![a("RESUME"), l(vec![])])), 0), b(4));
    p.obey();
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Executing, vec![8, 4004]));
    p.samples(&[("bonding", 0.0)]);
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Idle, vec![8, 6]));
    // A recipe is selected: SETUP, then READY; and work begins.
    assert_eq!(part(&p.body(2, 41, select("QFN-32")), 0), b(4));
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Setup, vec![8]));
    p.obey();
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Ready, vec![11, 8, 4006]));
    assert_eq!(part(&p.body(2, 41, l(vec![a("START"), l(vec![])])), 0), b(4));
    p.obey();
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Executing, vec![8, 5, 4001]));
    assert_eq!(part(&p.body(2, 41, l(vec![a("STOP"), l(vec![])])), 0), b(4));
    p.obey();
    assert_eq!((p.equipment.process_state(), p.events()), (GemProcessState::Idle, vec![8, 7, 4002]));
}

#[test]
fn the_constants_say_how_the_equipment_begins_and_goes_on_line() {
    let set = |rows: &[(u32, u8)]| l(rows.iter().map(|(id, v)| l(vec![u4(*id), u1(*v)])).collect());
    // OnLineSubstate 4: local, from the next time on, unless the operator turned the switch.
    let mut p = Pair::running();
    assert_eq!(p.code(2, 15, set(&[(78, 4)])), 0);
    assert_eq!((p.code(1, 15, None), p.code(1, 17, None)), (0, 0));
    assert_eq!(p.equipment.control_state(), ControlState::Local);
    p.equipment.operator_remote(p.now);
    assert_eq!((p.code(1, 15, None), p.code(1, 17, None)), (0, 0));
    assert_eq!(p.equipment.control_state(), ControlState::Remote);
    // A restart keeps the switch; without it the constant holds from the start.
    let again = Equipment::new(&bonder(), options(), &p.equipment.state()).unwrap();
    assert_eq!(again.control_state(), ControlState::Remote);
    let mut p = Pair::new();
    assert_eq!(p.code(2, 15, set(&[(78, 4)])), 0);
    let again = Equipment::new(&bonder(), options(), &p.equipment.state()).unwrap();
    assert_eq!(again.control_state(), ControlState::Local);
    // InitControlState off-line with OffLineSubstate 2: the attempt is made once there is a host.
    assert_eq!(p.code(2, 15, set(&[(75, 1), (76, 2)])), 0);
    let saved = p.equipment.state();
    for (answers, reached) in [(true, ControlState::Local), (false, ControlState::EquipmentOffline)] {
        let mut p = Pair::of(Equipment::new(&bonder(), options(), &saved).unwrap());
        assert_eq!(p.equipment.control_state(), ControlState::AttemptOnline);
        p.answers = false;
        p.connect();
        assert_eq!(p.equipment.control_state(), ControlState::AttemptOnline, "nobody there to ask");
        p.answers = answers;
        p.body(1, 13, l(vec![]));
        assert_eq!(p.heard.iter().filter(|m| (m.stream, m.function) == (1, 1)).count(), 1);
        p.pass(Duration::from_secs(46));
        assert_eq!(p.equipment.control_state(), reached);
    }
}

pub fn select(ppid: &str) -> Item {
    l(vec![a("PP-SELECT"), l(vec![l(vec![a("PPID"), a(ppid)])])])
}
