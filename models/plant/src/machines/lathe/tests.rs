use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("lathe");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "lathe",
        &[
            ("coolant_loss", "coolant_flow", 0.15, 0.25),
            ("coolant_loss", "spindle_temp", 1.2, 2.5),
            ("bearing_defect", "vibration_envelope", 4.0, 7.0),
            ("bearing_defect", "vibration_rms", 1.0, 1.2),
            ("chatter", "vibration_rms", 2.5, 8.0),
            ("thermal_runaway", "spindle_temp", 1.05, 3.0),
        ],
    );
}

#[test]
fn accelerated_wear_costs_power_beyond_the_plan() {
    let wear = |rate: f64| {
        let mut rig = Rig::new("lathe", 5);
        rig.machine.service();
        rig.inject("tool_wear_accelerated", rate);
        rig.run(1_200);
        rig.mean("spindle_power", 600)
    };
    assert!(wear(3.0) > 1.1 * wear(0.0));
}

#[test]
fn less_speed_is_less_heat() {
    let mut rig = Rig::new("lathe", 5);
    let warm = rig.mean("spindle_temp", 1_200);
    rig.command("spindle_speed_sp", 600.0).expect("inside its range");
    rig.run(3_600);
    assert!(rig.mean("spindle_temp", 1_200) < warm - 1.0);
    rig.command("run_enable", 0.0).expect("it can be stopped");
    rig.run(60);
    assert_eq!(rig.get("spindle_speed"), 0.0);
}
