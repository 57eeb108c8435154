use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("chiller");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "chiller",
        &[
            ("condenser_fouling", "cond_pressure", 1.03, 1.2),
            ("condenser_fouling", "power", 1.02, 1.25),
            ("refrigerant_loss", "evap_pressure", 0.9, 0.99),
            ("refrigerant_loss", "liquid_temp", 1.1, 1.3),
            ("compressor_bearing", "compressor_envelope", 5.0, 10.0),
            ("compressor_bearing", "oil_temp", 1.05, 1.15),
            ("pump_cavitation", "pump_speed", 1.05, 1.12),
            ("pump_cavitation", "pump_envelope", 4.0, 9.0),
            ("valve_stuck", "pcw_supply_temp", 1.02, 1.6),
            ("plate_fouling", "valve_position", 1.05, 2.0),
        ],
    );
}

#[test]
fn its_load_and_the_mains_reach_its_water() {
    let mut rig = Rig::new("chiller", 5);
    rig.run(60);
    let before = rig.get("power");
    rig.supply.load.water_w = 100_000.0;
    rig.run(3_600);
    assert!(rig.get("power") > 1.05 * before, "more heat is more power");
    assert!(
        (rig.get("chw_supply_temp") - 7.0).abs() < 0.2 && (rig.get("pcw_supply_temp") - 18.0).abs() < 0.2
    );
    rig.supply.mains = 0.5;
    rig.step();
    rig.supply.mains = 1.0;
    rig.run(120);
    assert_eq!(rig.get("running"), 0.0, "a sag drops the starter out, and it may not start again at once");
    assert!(rig.given.chilled_water_c.expect("it gives chilled water") > 8.0);
    rig.run(1_800);
    assert_eq!(rig.get("mode"), 2.0);
    assert!((rig.get("chw_supply_temp") - 7.0).abs() < 0.5, "{}", rig.get("chw_supply_temp"));
}

#[test]
fn energy_is_kept() {
    let mut rig = Rig::new("chiller", 5);
    rig.run(60);
    let g = |p: &str| rig.get(p);
    let taken = 4.186 * g("chw_flow") * (g("chw_return_temp") - g("chw_supply_temp"));
    let given = 4.186 * g("cw_flow") * (g("cw_leaving_temp") - g("cw_entering_temp"));
    // The water that comes back warms a little within the second after the heat was taken.
    assert!((taken + g("power") - given).abs() < 2.0, "{taken} + {} against {given}", g("power"));
    let cop = taken / g("power");
    assert!((5.0..8.0).contains(&cop), "COP {cop}");
}
