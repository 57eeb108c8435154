use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};
use crate::supply::{Job, Quality};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("test_handler");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "test_handler",
        &[
            ("socket_worn", "contact_force", 0.69, 0.71),
            ("socket_worn", "contact_resistance", 1.3, 1.6),
            ("soak_heater_failing", "soak_duty", 1.6, 1.85),
            ("pick_vacuum_leak", "pick_vacuum", 0.74, 0.76),
            ("pick_vacuum_leak", "throughput", 0.1, 0.7),
            ("index_slow", "index_time", 1.24, 1.26),
            ("index_slow", "throughput", 0.9, 0.97),
        ],
    );
}

#[test]
fn a_dirty_socket_throws_good_packages_away() {
    let mut rig = Rig::new("test_handler", 5);
    rig.machine.service();
    let (clean, yield_) = (rig.mean("contact_resistance", 600), rig.mean("test_yield", 1_200));
    rig.strike("contact_contaminated");
    let dirty = rig.mean("contact_resistance", 600);
    assert!((18.0..22.0).contains(&(dirty - clean)), "{clean} to {dirty} mohm");
    let now = rig.mean("test_yield", 1_200);
    assert!(now < yield_ - 5.0, "{yield_} to {now} %");
}

/// What earlier steps left in a lot is found here, in the bin of function, with the contacts as they were.
#[test]
fn what_came_in_bad_is_binned_as_bad_function() {
    let fails = |quality: Quality| {
        let mut rig = Rig::new("test_handler", 5);
        rig.supply.job = Some(Job { lot: 3, recipe: 1, pieces: 25, quality });
        (rig.mean("function_fails", 3_600), rig.mean("open_fails", 3_600))
    };
    let (sound, open) = fails(Quality::default());
    let (weak, still) = fails(Quality { weak_joints: 0.1, ..Quality::default() });
    assert!((0.8..2.5).contains(&sound) && (10.0..13.5).contains(&weak), "{sound} and {weak} %");
    assert!((open - still).abs() < 1.0);
    let (misplaced, _) = fails(Quality { overlay_nm: 8.0, ..Quality::default() });
    assert!(misplaced > sound + 5.0, "{misplaced} %");
}
