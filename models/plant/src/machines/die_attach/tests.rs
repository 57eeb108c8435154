use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};
use crate::supply::{E10, Job, Quality};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("die_attach");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "die_attach",
        &[
            ("epoxy_aged", "epoxy_volume", 0.70, 0.78),
            ("dispense_clogged", "epoxy_volume", 0.68, 0.75),
            ("dispense_clogged", "bond_line", 0.82, 0.87),
            ("collet_worn", "pick_vacuum", 0.74, 0.76),
            ("cure_oven_cold", "cure_duty", 1.7, 2.0),
            ("cure_oven_cold", "die_shear", 0.5, 0.95),
            ("force_low", "die_force", 0.69, 0.71),
            ("force_low", "bond_line", 1.08, 1.11),
        ],
    );
}

#[test]
fn dies_lie_beside_their_place_when_vision_or_bay_drift() {
    let mut rig = Rig::new("die_attach", 5);
    let before = rig.mean("placement_x", 600);
    rig.strike("placement_drift");
    let drifted = rig.mean("placement_x", 600) - before;
    assert!((14.0..16.0).contains(&drifted), "{drifted} um");
    rig.machine.service();
    rig.supply.air.temp_c += 3.0;
    rig.run(3_600);
    let grown = rig.mean("placement_x", 600) - before;
    assert!((13.0..15.5).contains(&grown), "0.4 m of steel by 3 K: {grown} um");
}

#[test]
fn a_lot_comes_out_as_good_as_it_was_made() {
    let weak = |fault: Option<&str>| {
        let mut rig = Rig::new("die_attach", 3);
        rig.supply.job = Some(Job { lot: 9, recipe: 2, pieces: 3, quality: Quality::default() });
        if let Some(fault) = fault {
            rig.strike(fault);
        }
        let mut done = Vec::new();
        for _ in 0..2_000 {
            rig.step();
            done.extend(rig.given.finished);
            if !done.is_empty() {
                rig.supply.job = None;
            }
        }
        assert_eq!((done.len(), rig.get("recipe"), rig.get("activity")), (1, 2.0, 0.0));
        assert_eq!((rig.given.e10, rig.get("e10_state")), (E10::Standby, 2.0));
        done[0].weak_joints
    };
    assert!(weak(None) < 0.01);
    assert!(weak(Some("dispense_clogged")) > 0.1);
}
