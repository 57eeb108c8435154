use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("flip_chip");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "flip_chip",
        &[
            ("reflow_zone_failed", "zone3_duty", 1.5, 1.7),
            ("reflow_zone_failed", "above_liquidus", 0.0, 0.9),
            ("flux_low", "flux_height", 0.64, 0.66),
            ("flux_low", "bump_shear", 0.85, 0.93),
            ("bump_oxidised", "bump_shear", 0.7, 0.8),
            ("bump_oxidised", "standoff", 1.05, 1.2),
            ("conveyor_slow", "above_liquidus", 1.2, 1.4),
            ("conveyor_slow", "conveyor_speed", 0.79, 0.81),
        ],
    );
}

#[test]
fn dies_lie_beside_their_place_when_the_vision_drifts() {
    let mut rig = Rig::new("flip_chip", 5);
    let before = rig.mean("placement_x", 600);
    rig.strike("placement_drift");
    let drifted = rig.mean("placement_x", 600) - before;
    assert!((5.5..6.5).contains(&drifted), "{drifted} um");
}

#[test]
fn scarce_water_cools_boards_late() {
    let mut rig = Rig::new("flip_chip", 5);
    let before = rig.mean("above_liquidus", 1_200);
    rig.supply.process_water.flow = 0.2;
    rig.run(1_800);
    assert!(rig.get("cool_temp") > 90.0, "{} degC", rig.get("cool_temp"));
    assert!(rig.mean("above_liquidus", 1_200) > before + 0.5);
}
