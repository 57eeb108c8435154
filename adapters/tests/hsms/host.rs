//! The host against equipment that refuses, babbles, sleeps, starts again, and against one that does as it should.

use std::time::Duration;

use aegis_adapters::hsms::gem::Equipment;
use aegis_adapters::hsms::host::{Heard, Refusal};
use aegis_adapters::hsms::{Item, Message};
use aegis_models::Quality;

use super::gem_support::*;
use super::host_support::*;

fn refused(what: &str, answer: &str) -> Heard {
    Heard::Written(Some(Refusal { what: what.to_owned(), answer: answer.to_owned() }))
}

fn up() -> Rig {
    let mut rig = Rig::new();
    rig.answer(well);
    assert_eq!(rig.heard, [Heard::Up]);
    assert_eq!(rig.note(), "");
    rig.heard.clear();
    rig
}

fn qualities(heard: &[Heard]) -> Vec<Quality> {
    match heard {
        [Heard::Samples(samples)] => samples.iter().map(|s| s.quality).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reply_that_is_noise_ends_what_was_asked() {
    let mut rig = up();
    rig.host.read(rig.now, 0);
    rig.answer(|_| Fate::Noise);
    assert!(qualities(&rig.heard).iter().all(|q| *q == Quality::Bad));
    assert!(rig.note().contains("no SECS-II"), "{}", rig.note());
    rig.heard.clear();
    rig.host.read(rig.now, 0);
    rig.answer(well);
    assert!(qualities(&rig.heard).iter().all(|q| *q == Quality::Good));
    assert_eq!(rig.note(), "", "what is well again is not told any more");
    // What a write did that was answered by noise, or by another function, nobody knows.
    let stop = bonder().point_ix("run_enable").unwrap();
    for fate in [
        |_: &Message| Fate::Noise,
        |_: &Message| Fate::Answer(16, None),
        |_: &Message| Fate::Answer(42, None),
    ] {
        rig.heard.clear();
        assert!(rig.host.write(rig.now, stop, 0.0));
        rig.answer(fate);
        assert!(matches!(&rig.heard[..], [Heard::Garbled(_)]), "{:?}", rig.heard);
    }
    // And one that is not answered at all ends with T3.
    rig.heard.clear();
    assert!(rig.host.write(rig.now, stop, 0.0));
    rig.answer(|_| Fate::Nothing);
    rig.pass(Duration::from_secs(46), well);
    assert_eq!(rig.heard, [Heard::Silent]);
}

#[test]
fn an_equipment_without_most_of_gem_is_read_all_the_same() {
    let lacks = |m: &Message| match (m.stream, m.function) {
        (1, 17) | (5, 3) | (2, 33 | 35 | 37 | 41) | (6, 15) => Fate::Error(5),
        _ => well(m),
    };
    let mut rig = Rig::new();
    rig.answer(lacks);
    assert_eq!(rig.heard, [Heard::Up]);
    for said in ["S9F5, no such function to S1F17", "records are not reported", "alarms are not told"] {
        assert!(rig.note().contains(said), "{}", rig.note());
    }
    rig.heard.clear();
    rig.host.read(rig.now, 0);
    rig.answer(lacks);
    assert!(qualities(&rig.heard).iter().all(|q| *q == Quality::Good));
    rig.heard.clear();
    let stop = bonder().point_ix("run_enable").unwrap();
    assert!(rig.host.write(rig.now, stop, 0.0));
    rig.answer(lacks);
    assert_eq!(rig.heard, [refused("S2F41 STOP", "S9F5, no such function")]);
    // One that says nothing at all, as it should not, is a link that fails with T3.
    let mut rig = Rig::new();
    let deaf = |m: &Message| if m.stream == 1 { well(m) } else { Fate::Nothing };
    rig.answer(deaf);
    assert_eq!(rig.heard, []);
    rig.pass(Duration::from_secs(46), deaf);
    assert_eq!(rig.heard, [Heard::Silent]);
    // Without S1F13 there are no communications.
    let mut rig = Rig::new();
    rig.answer(|_| Fate::Error(5));
    assert!(matches!(&rig.heard[..], [Heard::Garbled(why)] if why.contains("S9F5")), "{:?}", rig.heard);
}

#[test]
fn a_set_point_is_written_by_the_command_that_does_it() {
    let mut line = Line::with(Equipment::new(&bonder(), options(), &[]).unwrap());
    assert_eq!(line.heard.pop(), Some(Heard::Up));
    assert_eq!(line.host.note(line.now), "");
    line.publish(&[("run_enable", 1.0), ("bonding", 1.0), ("bond_force_adj", 0.0), ("recipe", 1.0)], false);
    assert_eq!(line.write("run_enable", 0.0), Heard::Written(None));
    let command = line.seen.iter().rfind(|(host, m)| *host && m.stream == 2).map(|(_, m)| m.clone()).unwrap();
    assert_eq!((command.function, command.body), (41, Some(l(vec![a("STOP"), l(vec![])]))));
    let run = bonder().point_ix("run_enable").unwrap();
    assert_eq!(line.equipment.take_writes(), [(run, 0.0)]);
    // It was taken, HCACK 4, and its end comes with the machine's obeying.
    line.publish(&[("run_enable", 0.0), ("bonding", 0.0)], false);
    assert!(line.seen.iter().any(|(host, m)| !host && (m.stream, m.function) == (6, 11) && ceid(m) == 4002));
    line.now = line.now.after(Duration::from_secs(46));
    line.host.timeout(line.now);
    assert_eq!(line.host.note(line.now), "");
    // What is done already needs nothing.
    assert_eq!(line.write("run_enable", 0.0), Heard::Written(None));
    assert_eq!(line.equipment.take_writes(), []);
    assert_eq!(line.write("bond_force_adj", 2.5), Heard::Written(None));
    let command = line.seen.iter().rfind(|(host, m)| *host && m.stream == 2).map(|(_, m)| m.clone()).unwrap();
    let percent = l(vec![a("PERCENT"), Item::F4(vec![2.5])]);
    assert_eq!(command.body, Some(l(vec![a("BOND_FORCE_ADJ"), l(vec![percent])])));
    assert_eq!(line.equipment.take_writes().len(), 1);
    // This one is never obeyed: that is told when its time is up.
    line.now = line.now.after(Duration::from_secs(46));
    line.host.timeout(line.now);
    assert!(line.host.note(line.now).contains("BOND_FORCE_ADJ was accepted and has not finished"));
    // The operator alone commands a local machine.
    line.equipment.operator_local(line.now);
    line.exchange();
    assert_eq!(line.write("run_enable", 1.0), refused("S2F41 START", "HCACK 2, it cannot be performed now"));
    let commands = line.seen.iter().filter(|(host, m)| *host && (m.stream, m.function) == (2, 41)).count();
    assert_eq!(commands, 5, "RESUME was tried as well");
}

#[test]
fn codes_of_commands_are_told_in_words() {
    let mut rig = up();
    let force = bonder().point_ix("bond_force_adj").unwrap();
    for (hcack, wrong, words) in [
        (1, l(vec![]), "HCACK 1, no such command"),
        (3, l(vec![l(vec![a("PERCENT"), b(2)])]), "HCACK 3, a parameter is not valid: PERCENT"),
        (6, l(vec![]), "HCACK 6, no such object"),
        (64, l(vec![]), "HCACK 64"),
    ] {
        rig.heard.clear();
        assert!(rig.host.write(rig.now, force, 1.0));
        rig.answer(|_| Fate::Answer(42, Some(l(vec![b(hcack), wrong.clone()]))));
        assert_eq!(rig.heard, [refused("S2F41 BOND_FORCE_ADJ", words)]);
    }
    assert!(!rig.host.write(rig.now, force, 50.0), "outside its range nothing is sent");
}

#[test]
fn an_equipment_that_was_off_line_is_told_again_what_to_report() {
    let mut equipment = Equipment::new(&bonder(), options(), &[]).unwrap();
    let mut line = {
        equipment.operator_offline(aegis_models::Time::from_secs(1));
        Line::with(equipment)
    };
    assert!(line.host.note(line.now).contains("S2F33"), "{}", line.host.note(line.now));
    line.read(0);
    assert!(line.host.note(line.now).contains("off-line"), "{}", line.host.note(line.now));
    line.publish(&[], true);
    assert_eq!(line.records(), 0);
    line.equipment.operator_online(line.now);
    line.exchange();
    line.read(0);
    line.publish(&[], true);
    assert_eq!(line.records(), 1);
    assert_eq!(line.host.note(line.now), "");
    // Nothing is told again while all is well.
    let before = line.seen.len();
    line.read(0);
    assert!(!line.seen[before..].iter().any(|(_, m)| m.function == 33), "{:?}", &line.seen[before..]);
}

#[test]
fn an_equipment_that_begins_anew_is_told_again_what_to_report() {
    let mut rig = up();
    let (defined, linked) = (rig.asked(2, 33), rig.asked(2, 35));
    let answer = rig.tell(1, 13, Some(l(vec![a("AEGIS-WB25"), a("1.0.0")]))).unwrap();
    assert_eq!((answer.function, part(&answer.body.unwrap(), 0)), (14, b(0)));
    assert_eq!((rig.asked(2, 33), rig.asked(2, 35)), (2 * defined, 2 * linked));
    assert_eq!(rig.asked(1, 13), 1, "communications are there");
    // One that aborts a step and answers reads all the while is not told without end.
    let refuses = |m: &Message| if m.function == 37 { Fate::Answer(0, None) } else { well(m) };
    let mut rig = Rig::new();
    rig.answer(refuses);
    for _ in 0..10 {
        rig.host.read(rig.now, 0);
        rig.answer(refuses);
    }
    assert!(rig.asked(2, 33) <= 4, "{}", rig.asked(2, 33));
}

#[test]
fn reports_of_others_stay_as_they_are() {
    let mut line = Line::with(Equipment::new(&bonder(), options(), &[]).unwrap());
    let emptied =
        |m: &Message| (m.stream, m.function) == (2, 33) && len(&part(m.body.as_ref().unwrap(), 1)) == 0;
    assert!(!line.seen.iter().any(|(host, m)| *host && emptied(m)), "that would take everybody's away");
    line.publish(&[], true);
    let event = line.seen.iter().rfind(|(host, m)| !host && m.function == 11 && ceid(m) == 1001);
    let reports = part(event.unwrap().1.body.as_ref().unwrap(), 2);
    // The profile's own, which was linked before, and the host's.
    assert_eq!((len(&reports), part(&part(&reports, 0), 0)), (2, u4(1001)));
    assert_eq!(line.records(), 1);
}

#[test]
fn what_an_equipment_asks_is_answered() {
    let mut rig = up();
    for (stream, function, body, answer) in [
        (1, 1, None, l(vec![])),
        (2, 17, None, a("2024022912000100")),
        (2, 25, Some(b(7)), b(7)),
        (6, 5, Some(l(vec![u4(1), u4(4096)])), b(0)),
        (6, 1, Some(l(vec![])), b(0)),
    ] {
        let reply = rig.tell(stream, function, body).unwrap();
        assert_eq!((reply.function, reply.body), (function + 1, Some(answer)), "S{stream}F{function}");
    }
    assert_eq!(rig.tell(64, 1, None).unwrap().function, 0);
    // An annotated event report says its values as well.
    let defined = rig.sent.iter().rfind(|m| m.function == 33).and_then(|m| m.body.clone()).unwrap();
    let rptid = part(&part(&part(&defined, 1), 0), 0);
    let value = |n: u32| l(vec![u4(2_000 + n), u4(n)]);
    let report = l(vec![rptid, l((1..=10).map(value).collect())]);
    rig.tell(6, 13, Some(l(vec![u4(1), u4(1001), l(vec![report])])));
    assert!(matches!(&rig.heard[..], [Heard::Record(r)] if r.values[9] == 10.0), "{:?}", rig.heard);
}

#[test]
fn alarms_are_told_while_they_are_set() {
    let mut rig = up();
    let alarm = |alcd| Some(l(vec![b(alcd), u4(5), a("Capillary temperature high")]));
    assert_eq!(rig.tell(5, 1, alarm(0x82)).unwrap().body, Some(b(0)));
    assert_eq!(rig.note(), "alarm 5: Capillary temperature high");
    rig.tell(5, 1, alarm(0x02));
    rig.pass(Duration::from_secs(61), well);
    assert_eq!(rig.note(), "");
}
