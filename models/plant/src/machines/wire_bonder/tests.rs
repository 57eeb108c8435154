use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};
use crate::supply::{E10, Job, Quality};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("wire_bonder");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "wire_bonder",
        &[
            ("contaminated_pad", "shear_strength", 0.7, 0.95),
            ("contaminated_pad", "nsop", 10.0, 1e6),
            ("worn_capillary", "deformation", 0.8, 0.95),
            ("usg_drift", "usg_impedance", 1.15, 1.25),
            ("clamp_loose", "bond_force", 0.8, 0.97),
        ],
    );
}

#[test]
fn a_bonder_bonds_by_the_recipe_that_it_was_told() {
    let mut rig = Rig::new("wire_bonder", 1);
    // Units in two hours: 40 bonds of half a second and an index, or 64.
    let units = |rig: &mut Rig| {
        let before = rig.get("units");
        rig.run(7_200);
        rig.get("units") - before
    };
    rig.step();
    let short = units(&mut rig);
    rig.command("recipe", 2.0).expect("it has two");
    let long = units(&mut rig);
    assert_eq!(rig.get("recipe"), 2.0);
    assert!((1.4..1.6).contains(&(short / long)), "{short} units of 40 bonds, {long} of 64");
    let force = rig.mean("bond_force", 600);
    assert!((39.0..41.0).contains(&force), "{force} gf");
    assert!((114.9..115.1).contains(&rig.mean("usg_current", 60)));
    // A number is a recipe only once a program was set for it.
    for none in [0.0, 3.0, 100.0] {
        rig.command("recipe", none).expect_err("it has none of that number");
    }
    rig.command("force_set", 30.0).expect("inside its range");
    rig.command("bonds_set", 8.0).expect("inside its range");
    rig.command("recipe", 3.0).expect("it was just set");
    let force = rig.mean("bond_force", 600);
    assert!((29.0..31.0).contains(&force), "{force} gf");
    rig.command("recipe", 1.0).expect("it has two");
    rig.command("recipe", 3.0).expect("it keeps it");
    rig.step();
    assert_eq!((rig.get("force_set"), rig.get("bonds_set")), (30.0, 8.0));
    assert!(rig.command("force_set", 101.0).is_err());
    // Stopped it works no more.
    rig.command("run_enable", 0.0).expect("it can be stopped");
    rig.step();
    assert_eq!(rig.get("bonding"), 0.0);
}

#[test]
fn a_lot_carries_on_how_well_it_was_bonded() {
    let weak = |fault: Option<&str>| {
        let mut rig = Rig::new("wire_bonder", 3);
        rig.supply.job = Some(Job { lot: 9, recipe: 2, pieces: 2, quality: Quality::default() });
        if let Some(fault) = fault {
            rig.strike(fault);
        }
        let mut done = Vec::new();
        for _ in 0..6_000 {
            rig.step();
            done.extend(rig.given.finished);
            if !done.is_empty() {
                rig.supply.job = None;
            }
        }
        // Two strips of three units, then nothing lies there.
        assert_eq!((done.len(), rig.get("recipe"), rig.get("bonding")), (1, 2.0, 0.0));
        assert_eq!((rig.given.e10, rig.get("e10_state")), (E10::Standby, 2.0));
        done[0].weak_joints
    };
    assert!(weak(None) < 0.02);
    assert!(weak(Some("contaminated_pad")) > 0.1);
}
