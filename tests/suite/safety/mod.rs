//! The safety invariants, over the whole agent: whatever happens to it, in whatever order, these never break.
//!
//! A generated story drives an agent and a small machine: values that are healthy, GREEN, YELLOW or RED, missing,
//! impossible or contradictory; links that drop; devices that refuse, ignore or do not answer; intents that become
//! durable late; restarts at any moment; answers that are right, late, forged, altered or repeated; stops of the same
//! sorts. An oracle of its own, which knows only what was told to the agent, judges every write.

mod story;

use aegis_models::{MachineIx, Seed, Zone};
use aegis_sentinel::Snapshot;
use proptest::prelude::*;
use story::{Device, Forgery, Op, Story};

fn op() -> impl Strategy<Value = Op> {
    let device = prop_oneof![
        3 => Just(Device::Obeys),
        1 => Just(Device::Ignores),
        1 => Just(Device::Refuses),
        1 => Just(Device::LosesAnswers),
        1 => Just(Device::Misreads),
        2 => Just(Device::WithoutEffect),
    ];
    let forgery = prop_oneof![
        8 => Just(Forgery::None),
        1 => Just(Forgery::WrongKey),
        1 => Just(Forgery::OtherValue),
        1 => Just(Forgery::OtherNonce),
        1 => Just(Forgery::OtherPolicy),
        1 => Just(Forgery::LaterExpiry),
        1 => Just(Forgery::Replay),
        1 => Just(Forgery::Late),
    ];
    prop_oneof![
        8 => (1_u8..20).prop_map(Op::Wait),
        6 => (prop::bool::weighted(0.6), prop::bool::weighted(0.5), prop::bool::weighted(0.25))
            .prop_map(|(green, yellow, red)| Op::Show { green, yellow, red }),
        1 => prop::bool::ANY.prop_map(Op::Confuse),
        1 => prop::bool::ANY.prop_map(Op::Silence),
        1 => prop::bool::ANY.prop_map(Op::Spoil),
        1 => prop::bool::ANY.prop_map(Op::Link),
        2 => device.prop_map(Op::Device),
        3 => prop::bool::ANY.prop_map(Op::Disk),
        5 => (forgery.clone(), prop::bool::weighted(0.85)).prop_map(|(f, yes)| Op::Answer(f, yes)),
        1 => forgery.prop_map(Op::Stop),
        1 => Just(Op::Restart),
        1 => Just(Op::Acknowledge),
    ]
}

fn cases() -> u32 {
    // The figure that counts is the release build's; a debug build looks at a sample.
    if cfg!(debug_assertions) { 1_000 } else { 100_000 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_story_breaks_the_safety_invariants(ops in prop::collection::vec(op(), 1..14), seed in any::<u64>()) {
        let mut story = Story::new();
        let mut rng = Seed(seed).stream("story");
        for op in &ops {
            story.live(op, &mut rng);
        }
    }
}

/// A property that never sees a write proves nothing: plain stories must write, ask, roll back and stop.
#[test]
fn plain_stories_write_in_every_way_they_may() {
    let told = |ops: &[Op]| {
        let mut story = Story::new();
        let mut rng = Seed(1).stream("story");
        ops.iter().for_each(|op| story.live(op, &mut rng));
        (story.writes, story.rollbacks.len(), story.rig)
    };
    let show = |green, yellow, red| Op::Show { green, yellow, red };
    let (writes, _, rig) = told(&[show(true, false, false), Op::Wait(19), Op::Wait(19), Op::Wait(19)]);
    assert!(writes == 2 && rig.sp[0] == 110.0, "GREEN acts in bounded steps: {writes}, {:?}", rig.sp);
    let (writes, ..) = told(&[show(false, true, false), Op::Wait(19)]);
    assert_eq!(writes, 0, "YELLOW waits");
    let (writes, _, rig) =
        told(&[show(false, true, false), Op::Wait(19), Op::Answer(Forgery::None, true), Op::Wait(19)]);
    assert!(writes == 1 && rig.sp[1] == 75.0, "an approval lets it act");
    let (writes, rollbacks, rig) = told(&[
        Op::Device(Device::WithoutEffect),
        show(true, false, false),
        Op::Wait(19),
        Op::Wait(19),
        Op::Wait(19),
    ]);
    assert!(writes == 2 && rollbacks == 1 && rig.sp[0] == 100.0, "without effect it is taken back");
    let late = [
        Op::Disk(false),
        show(true, false, false),
        Op::Wait(9),
        show(true, false, true),
        Op::Wait(9),
        Op::Disk(true),
        Op::Wait(2),
    ];
    assert_eq!(told(&late).0, 0, "an intent that becomes durable in RED stays an intent");
    let (writes, rollbacks, _) = told(&[
        Op::Device(Device::WithoutEffect),
        show(true, false, false),
        Op::Wait(9),
        show(true, false, true),
        Op::Wait(19),
        Op::Wait(19),
    ]);
    assert!(writes == 1 && rollbacks == 0, "in RED nothing is taken back: {writes}, {rollbacks}");
    let (writes, ..) = told(&[show(true, true, true), Op::Wait(19), Op::Wait(19)]);
    assert_eq!(writes, 0, "RED touches nothing");
    let (writes, _, rig) =
        told(&[show(false, false, true), Op::Wait(19), Op::Stop(Forgery::None), Op::Wait(2)]);
    assert!(writes == 1 && rig.run == 0.0, "a person's own stop passes in RED");
}

#[test]
fn a_restart_in_the_middle_of_a_fault_neither_forgets_nor_learns_it() {
    let mut story = Story::new();
    let mut rng = Seed(2).stream("story");
    story.live(&Op::Show { green: false, yellow: false, red: true }, &mut rng);
    story.live(&Op::Wait(15), &mut rng);
    let before: Vec<String> = story.zones.keys().cloned().collect();
    assert_eq!(before.len(), 1);
    let bytes = story.agent.snapshot().to_json().expect("JSON");
    story.saved = Snapshot::from_json(&bytes).expect("its own");
    story.restart();
    for _ in 0..40 {
        story.live(&Op::Wait(15), &mut rng);
    }
    assert_eq!(story.agent.zone(MachineIx(0)), Zone::Red, "ten minutes later it still stands");
    assert_eq!(story.zones.keys().cloned().collect::<Vec<_>>(), before, "and it is the same incident");
    story.live(&Op::Show { green: false, yellow: false, red: false }, &mut rng);
    for _ in 0..12 {
        story.live(&Op::Wait(15), &mut rng);
    }
    assert_eq!(story.agent.zone(MachineIx(0)), Zone::Green, "healthy values are still the normal ones");
}

#[test]
fn a_machine_that_falls_silent_is_not_well() {
    let mut story = Story::new();
    let mut rng = Seed(3).stream("story");
    story.live(&Op::Show { green: false, yellow: false, red: true }, &mut rng);
    story.live(&Op::Wait(15), &mut rng);
    let fault = story.zones.keys().next().cloned().expect("an incident");
    story.live(&Op::Silence(true), &mut rng);
    for _ in 0..40 {
        story.live(&Op::Wait(15), &mut rng);
    }
    assert!(story.zones.contains_key(&fault), "ten minutes without a value have cured nothing");
    assert_eq!(story.zones.len(), 2, "and the silence is an incident of its own");
    assert_eq!(story.agent.zone(MachineIx(0)), Zone::Red);
}
