use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("ffu");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "ffu",
        &[
            ("filter_clog", "airflow", 0.70, 0.85),
            ("filter_clog", "filter_dp", 1.4, 1.8),
            ("filter_tear", "particles_05um", 10.0, 100.0),
            ("filter_tear", "filter_dp", 0.90, 0.99),
            ("motor_bearing_wear", "vibration", 3.0, 6.0),
            ("motor_bearing_wear", "motor_current", 1.05, 1.5),
            ("vfd_slip", "fan_speed", 0.895, 0.905),
            ("vfd_slip", "airflow", 0.85, 0.92),
        ],
    );
}

#[test]
fn more_speed_is_more_air_through_a_clogged_filter() {
    let mut rig = Rig::new("ffu", 5);
    rig.strike("filter_clog");
    let clogged = rig.mean("airflow", 60);
    rig.command("fan_speed_sp", 1_540.0).expect("inside its range");
    rig.run(60);
    assert!(rig.mean("airflow", 60) > 1.1 * clogged);
    assert!(rig.command("fan_speed_sp", 9_999.0).is_err());
    assert!(rig.command("airflow", 1.0).is_err());
}
