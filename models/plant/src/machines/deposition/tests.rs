use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("deposition");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "deposition",
        &[
            ("heater_zone_failing", "zone_duty_3", 1.3, 1.7),
            ("heater_zone_failing", "uniformity", 1.05, 20.0),
            ("mfc_drift", "thickness", 0.94, 0.97),
            ("precursor_depleted", "line_pressure", 0.25, 0.35),
            ("precursor_depleted", "thickness", 0.45, 0.6),
            ("vacuum_leak", "particles", 3.0, 8.0),
        ],
    );
}

#[test]
fn it_needs_its_supplies() {
    // Film of the wafers in ten minutes.
    let film = |rig: &mut Rig| {
        rig.run(300);
        rig.mean("thickness", 600)
    };
    let mut rig = Rig::new("deposition", 3);
    let sound = film(&mut rig);
    assert!((60.0..75.0).contains(&sound), "{sound} nm");
    rig.supply.process_water.temp_c = 30.0;
    rig.run(300);
    assert!(rig.get("wall_temp") > 38.0, "warm water makes warm walls");
    rig.supply.mains = 0.7;
    rig.run(600);
    assert!(rig.get("zone_temp_3") < 676.0, "half the power does not keep the edge hot");
    rig.supply.mains = 1.0;
    rig.supply.exhaust_pa = 50.0;
    rig.run(600);
    let wafers = rig.get("wafers");
    rig.run(600);
    assert_eq!((rig.get("wafers"), rig.get("state")), (wafers, 2.0), "no silane without suction");
}

#[test]
fn a_lot_is_finished_once_with_what_was_added() {
    let mut rig = Rig::new("deposition", 4);
    rig.inject("vacuum_leak", 10.0);
    let mut finished = Vec::new();
    let mut working = false;
    for _ in 0..36_000 {
        rig.step();
        finished.extend(rig.given.finished);
        if finished.len() == 1 && working {
            rig.supply.job = None;
        }
        working = true;
    }
    assert_eq!(finished.len(), 1, "no job, no other lot");
    assert!((20.0..30.0).contains(&finished[0].defects_per_wafer), "{:?}", finished[0]);
    assert_eq!((rig.get("state"), rig.get("e10_state")), (0.0, 2.0), "it stands by");
}
