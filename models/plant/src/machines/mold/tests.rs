use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("mold");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "mold",
        &[
            ("heater_zone_failed", "upper_duty", 1.6, 1.8),
            ("heater_zone_failed", "cure_degree", 0.0, 0.95),
            ("transfer_pressure_low", "transfer_pressure", 0.74, 0.76),
            ("transfer_pressure_low", "fill_time", 1.15, 1.3),
            ("compound_aged", "fill_time", 1.2, 1.3),
            ("vent_clogged", "void_rate", 2.2, 2.8),
            ("clamp_force_low", "flash", 4.0, 12.0),
        ],
    );
}

#[test]
fn warm_and_scarce_water_shows_in_oil_and_heaters() {
    let mut rig = Rig::new("mold", 5);
    rig.run(600);
    let (oil, duty) = (rig.get("oil_temp"), rig.get("lower_duty"));
    rig.supply.process_water.temp_c = 26.0;
    rig.run(5_400);
    assert!(rig.get("oil_temp") > oil + 7.5, "{} degC", rig.get("oil_temp"));
    rig.supply.process_water.temp_c = 18.0;
    rig.supply.process_water.flow = 0.2;
    rig.run(5_400);
    assert!(rig.get("lower_duty") < 0.9 * duty && rig.get("oil_temp") > oil + 5.0);
    assert!((rig.get("lower_temp") - 175.0).abs() < 0.5, "the controller holds it");
}
