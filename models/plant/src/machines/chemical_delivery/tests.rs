use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("chemical_delivery");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "chemical_delivery",
        &[
            ("leak", "vapour", 20.0, 400.0),
            ("leak", "pump_flow", 1.015, 1.04),
            ("filter_plugged", "filter_dp", 1.9, 2.1),
            ("pump_diaphragm_worn", "strokes", 1.25, 1.4),
            ("regulator_drift", "line_pressure", 1.1, 1.15),
        ],
    );
}

#[test]
fn a_drum_that_is_not_changed_runs_dry() {
    let mut rig = Rig::new("chemical_delivery", 5);
    rig.strike("changeover_failed");
    rig.run(3_600);
    assert!(rig.get("drum_level") < 1.0, "{}", rig.get("drum_level"));
    assert!(rig.given.chemical_kpa.expect("it gives chemical") < 50.0);
    assert!(rig.get("strokes") > 100.0, "a pump that draws gas races");
    rig.machine.service();
    rig.run(600);
    assert!((rig.given.chemical_kpa.expect("it gives chemical") - 200.0).abs() < 5.0);
}

#[test]
fn a_weak_exhaust_lets_vapour_into_the_bay() {
    let vapour = |exhaust_pa: f64| {
        let mut rig = Rig::new("chemical_delivery", 5);
        rig.supply.exhaust_pa = exhaust_pa;
        rig.strike("leak");
        rig.run(3_600);
        (rig.get("vapour"), rig.given.air.vapour_ppm)
    };
    let (strong, weak) = (vapour(250.0), vapour(60.0));
    assert!(weak.0 > 1.5 * strong.0 && weak.1 > 10.0 * strong.1, "{strong:?} {weak:?}");
}

#[test]
fn vapour_decays_with_the_air_changes() {
    let mut rig = Rig::new("chemical_delivery", 5);
    rig.strike("leak");
    rig.run(1_800);
    rig.machine.service();
    let before = rig.get("vapour") - 2.0;
    // 1.5 m3 aired by 0.12 m3/s: an air change is 12.5 s.
    rig.run(25);
    let left = (rig.get("vapour") - 2.0) / before;
    assert!((left - 0.135).abs() < 0.03, "{left}");
}
