use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("upw");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "upw",
        &[
            ("resin_exhausted", "resistivity", 0.85, 0.95),
            ("resin_exhausted", "silica", 5.0, 20.0),
            ("uv_lamp_weak", "uv_intensity", 0.59, 0.61),
            ("uv_lamp_weak", "toc", 1.4, 1.8),
            ("filter_breach", "particles", 5.5, 6.5),
            ("filter_breach", "filter_dp", 0.93, 0.97),
            ("filter_plugged", "filter_dp", 1.5, 1.7),
            ("pump_worn", "pump_vibration", 2.5, 4.0),
            ("pump_worn", "pump_speed", 1.03, 1.1),
            ("air_ingress", "oxygen", 30.0, 100.0),
            ("air_ingress", "feed_resistivity", 0.2, 0.7),
        ],
    );
}

#[test]
fn silica_comes_before_salt() {
    let mut rig = Rig::new("upw", 5);
    let (silica, salt) = (rig.mean("silica", 10), rig.mean("resistivity", 10));
    rig.inject("resin_exhausted", 28.0);
    rig.run(60);
    assert!(rig.get("silica") > 1.5 * silica);
    assert!(rig.get("resistivity") > 0.995 * salt, "{}", rig.get("resistivity"));
}

#[test]
fn the_loop_keeps_its_pressure_under_load_and_loses_it_with_the_mains() {
    let mut rig = Rig::new("upw", 5);
    rig.supply.load.upw_l_per_min = 120.0;
    rig.run(120);
    let water = rig.given.upw.expect("it gives water");
    assert!((water.pressure_kpa - 300.0).abs() < 3.0, "{}", water.pressure_kpa);
    assert!(water.resistivity_mohm_cm > 18.1 && rig.get("loop_flow") > 21.0);
    rig.supply.mains = 0.6;
    rig.step();
    rig.supply.mains = 1.0;
    rig.run(15);
    assert!(rig.given.upw.expect("it gives water").pressure_kpa < 50.0);
    rig.run(120);
    assert!(rig.given.upw.expect("it gives water").pressure_kpa > 290.0);
}
