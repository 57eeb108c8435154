use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("dicing_saw");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "dicing_saw",
        &[
            ("blade_worn_early", "blade_wear", 3.5, 4.5),
            ("blade_chipped", "chipping", 2.0, 3.5),
            ("water_low", "chipping", 1.3, 2.0),
            ("water_low", "spindle_load", 1.03, 1.15),
            ("spindle_bearing", "spindle_envelope", 4.0, 8.0),
            ("chuck_vacuum_leak", "chipping", 1.2, 1.8),
        ],
    );
}

#[test]
fn it_needs_its_supplies() {
    let mut rig = Rig::new("dicing_saw", 3);
    let sound = rig.mean("chipping", 1_800);
    rig.supply.upw.pressure_kpa = 60.0;
    rig.run(120);
    assert!(rig.mean("chipping", 1_800) > 1.2 * sound, "a weak line cuts dry");
    rig.supply.process_water.temp_c = 30.0;
    rig.run(900);
    assert!(rig.get("spindle_temp") > 34.0);
    rig.supply.job = None;
    rig.run(1_200);
    assert_eq!((rig.get("state"), rig.get("e10_state")), (0.0, 2.0));
    assert_eq!(rig.get("cutting"), 0.0);
}

#[test]
fn a_saw_cuts_by_the_recipe_that_it_was_told() {
    let mut rig = Rig::new("dicing_saw", 4);
    rig.run(60);
    rig.command("recipe", 2.0).expect("it has two");
    rig.run(200);
    assert_eq!((rig.get("recipe"), rig.get("feed_sp")), (2.0, 40.0));
    assert!((39.9..40.1).contains(&rig.mean("cut_feed", 600)));
    for none in [0.0, 3.0, 100.0] {
        rig.command("recipe", none).expect_err("it has none of that number");
    }
    rig.command("feed_sp", 30.0).expect("inside its range");
    rig.command("recipe", 3.0).expect("it was just set");
    rig.step();
    assert_eq!(rig.get("feed_sp"), 30.0);
    assert!(rig.command("feed_sp", 500.0).is_err());
}
