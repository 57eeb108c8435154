use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("cmp");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "cmp",
        &[
            ("pad_glazed", "removal", 0.7, 0.85),
            ("slurry_starved", "removal", 0.8, 0.95),
            ("carrier_membrane_leak", "non_uniformity", 1.5, 4.0),
            ("conditioner_worn", "removal", 0.85, 0.985),
        ],
    );
}

#[test]
fn it_needs_its_supplies() {
    let mut rig = Rig::new("cmp", 3);
    let sound = rig.mean("removal", 900);
    assert!((100.0..140.0).contains(&sound), "{sound} nm");
    rig.supply.chemical_kpa = 40.0;
    rig.run(200);
    assert!(rig.mean("removal", 900) < 0.9 * sound, "a weak line starves the pad");
    rig.supply.chemical_kpa = 200.0;
    rig.supply.process_water.temp_c = 28.0;
    let warm = rig.mean("pad_temp", 900);
    rig.supply.process_water.temp_c = 18.0;
    assert!(warm > rig.mean("pad_temp", 900) + 5.0);
    rig.supply.upw.pressure_kpa = 100.0;
    let mut finished = Vec::new();
    for _ in 0..60_000 {
        rig.step();
        finished.extend(rig.given.finished);
    }
    assert!(finished.len() >= 2 && finished[1].defects_per_wafer > 4.0, "slurry stays on them: {finished:?}");
}

#[test]
fn it_stands_by_when_starved_and_when_blocked() {
    let mut rig = Rig::new("cmp", 4);
    rig.supply.blocked = true;
    rig.run(3_600);
    assert_eq!((rig.get("state"), rig.get("e10_state")), (0.0, 2.0), "its lot cannot leave");
    rig.supply.blocked = false;
    rig.run(60);
    assert_eq!(rig.get("e10_state"), 1.0);
    rig.supply.job = None;
    rig.run(600);
    assert_eq!((rig.get("state"), rig.get("e10_state")), (0.0, 2.0), "there is no work");
}

#[test]
fn what_shows_in_the_polish_shows_at_once() {
    let polish = |rig: &mut Rig, point: &str| {
        // In the middle of the next polish.
        while rig.get("state") == 2.0 {
            rig.step();
        }
        while rig.get("state") != 2.0 {
            rig.step();
        }
        rig.run(20);
        rig.get(point)
    };
    for (fault, point, low, high) in [
        ("conditioner_worn", "disk_torque", 0.48, 0.52),
        ("platen_bearing", "platen_vibration", 3.0, 4.0),
        ("carrier_membrane_leak", "membrane_flow", 30.0, 50.0),
        ("pad_glazed", "platen_current", 0.85, 0.95),
    ] {
        let mut rig = Rig::new("cmp", 6);
        rig.step();
        let sound = polish(&mut rig, point);
        rig.strike(fault);
        let ratio = polish(&mut rig, point) / sound;
        assert!((low..=high).contains(&ratio), "{fault}: {point} at {ratio:.3} of what it was");
    }
}
