use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("scrubber");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "scrubber",
        &[
            ("fan_belt", "fan_command", 1.1, 1.16),
            ("fan_bearing", "fan_vibration", 2.4, 3.2),
            ("fan_bearing", "fan_current", 1.05, 1.2),
            ("packing_fouled", "packing_dp", 1.8, 2.1),
            ("packing_fouled", "fan_speed", 1.1, 1.25),
            ("dosing_failed", "dose_flow", 0.2, 0.6),
            ("dosing_failed", "ph", 0.75, 0.95),
            ("recirc_pump_failing", "liquid_flow", 0.8, 0.92),
            ("recirc_pump_failing", "pump_vibration", 2.0, 3.5),
            ("damper_stuck", "fan_pressure", 1.5, 2.5),
        ],
    );
}

#[test]
fn a_dry_bed_and_a_sour_sump_let_acid_through() {
    for fault in ["recirc_pump_failing", "dosing_failed"] {
        let mut rig = Rig::new("scrubber", 5);
        let before = rig.mean("outlet_ppm", 600);
        rig.inject(fault, 100.0);
        rig.run(3 * 3_600);
        assert!(rig.get("outlet_ppm") > 5.0 * before, "{fault}: {} after {before}", rig.get("outlet_ppm"));
    }
}

#[test]
fn more_tools_draw_more_and_keep_their_suction() {
    let mut rig = Rig::new("scrubber", 5);
    let before = rig.mean("airflow", 60);
    rig.supply.load.exhaust_m3_per_s = 0.4;
    rig.supply.load.fumes = 3.0;
    rig.run(900);
    assert!(rig.mean("airflow", 60) > 1.06 * before);
    assert!((rig.given.exhaust_pa.expect("it keeps suction") - 250.0).abs() < 5.0);
    rig.inject("fan_belt", 60.0);
    rig.run(900);
    assert!(rig.given.exhaust_pa.expect("it keeps suction") < 120.0);
}
