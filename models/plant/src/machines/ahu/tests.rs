use super::super::rig::{a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("ahu");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "ahu",
        &[
            ("filter_clog", "airflow", 0.88, 0.96),
            ("filter_clog", "filter_dp", 1.6, 1.95),
            ("belt_slip", "fan_speed", 0.915, 0.925),
            ("belt_slip", "overpressure", 0.4, 0.9),
            ("motor_bearing_wear", "vibration", 3.0, 3.6),
            ("motor_bearing_wear", "motor_current", 1.05, 1.2),
            ("coil_fouling", "valve_position", 1.03, 1.4),
            ("valve_stuck", "bay_temp", 1.02, 1.6),
            ("damper_stuck", "overpressure", 0.0, 0.3),
            ("chilled_water_warm", "valve_position", 1.05, 1.4),
        ],
    );
}
