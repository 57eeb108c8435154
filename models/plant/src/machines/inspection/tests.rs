use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};
use crate::{Job, Quality};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("inspection");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "inspection",
        &[
            ("laser_weak", "laser_current", 1.2, 1.6),
            ("stage_vibration", "stage_jitter", 2.0, 6.0),
            ("detector_drift", "reference_signal", 0.55, 0.65),
            ("detector_drift", "defects", 0.75, 0.95),
            ("focus_off", "spot_width", 1.2, 1.3),
            ("incoming_defects", "defects", 2.5, 3.5),
        ],
    );
}

#[test]
fn it_tells_what_earlier_steps_have_left() {
    let mut rig = Rig::new("inspection", 3);
    let sound = rig.mean("defects", 1_800);
    let quality = Quality { defects_per_wafer: 80.0, ..Quality::default() };
    rig.supply.job = Some(Job { lot: 2, recipe: 1, pieces: 25, quality });
    rig.run(120);
    let dirty = rig.mean("defects", 1_800);
    assert!((65.0..95.0).contains(&(dirty - sound)), "{sound} then {dirty}");
    // A blind tool misses them.
    rig.inject("detector_drift", 0.9);
    assert!(rig.mean("defects", 1_800) < 0.7 * dirty);
}

#[test]
fn floor_water_and_air_reach_it() {
    let mut rig = Rig::new("inspection", 4);
    rig.run(60);
    let (jitter, current) = (rig.mean("stage_jitter", 600), rig.mean("laser_current", 600));
    rig.supply.floor_um_per_s = 12.0;
    rig.supply.process_water.temp_c = 28.0;
    rig.supply.air.particles_per_m3 = 8_000.0;
    rig.run(300);
    assert!(rig.mean("stage_jitter", 600) > 2.0 * jitter);
    assert!(rig.mean("laser_current", 600) > 1.02 * current, "a warm diode needs more current");
    assert!(rig.mean("defects", 1_800) > 60.0, "what falls from the air is on the wafers");
    rig.supply.job = None;
    rig.run(600);
    assert_eq!((rig.get("state"), rig.get("e10_state")), (0.0, 2.0));
}
