use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("etcher");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "etcher",
        &[
            ("rf_match_drift", "source_reflected", 20.0, 40.0),
            ("rf_match_drift", "etch_time", 1.03, 1.2),
            ("mfc_drift", "throttle", 0.94, 0.99),
            ("chamber_leak", "base_pressure", 2.0, 6.0),
            ("chamber_leak", "nitrogen_line", 2.0, 3.5),
            ("he_backside_leak", "he_flow", 4.0, 6.0),
            ("he_backside_leak", "wafer_peak", 1.1, 1.4),
            ("chuck_cooling", "chuck_temp", 1.1, 1.5),
            ("endpoint_clouded", "endpoint_level", 0.55, 0.65),
            ("endpoint_clouded", "etch_time", 0.98, 1.02),
            ("pump_degradation", "throttle", 1.03, 1.15),
        ],
    );
}

#[test]
fn what_the_building_gives_shows_in_the_tool() {
    let after = |change: fn(&mut Rig), point: &str| {
        let mut rig = Rig::new("etcher", 5);
        let before = rig.mean(point, 600);
        change(&mut rig);
        rig.run(1_200);
        rig.mean(point, 600) - before
    };
    assert!(after(|rig| rig.supply.process_water.temp_c = 23.0, "chuck_temp") > 4.5);
    assert!(after(|rig| rig.supply.process_water.flow = 0.3, "wafer_peak") > 2.0);
    let mut rig = Rig::new("etcher", 5);
    rig.supply.exhaust_pa = 40.0;
    rig.run(10);
    assert_eq!((rig.get("state"), rig.get("e10_state")), (0.0, 5.0), "the gas box shuts");
}

#[test]
fn it_holds_what_a_recording_of_such_a_tool_shows() {
    // Wise et al. 1999: 75 sccm each, 12 mTorr behind a valve at 49 %, 350 W at the coil.
    let mut rig = Rig::new("etcher", 3);
    while rig.get("state") != 4.0 {
        rig.step();
    }
    rig.run(10);
    assert!((rig.get("pressure") - 12.0).abs() < 0.05, "{}", rig.get("pressure"));
    assert!((rig.get("throttle") - 49.0).abs() < 1.0, "{}", rig.get("throttle"));
    assert_eq!(rig.get("source_forward"), 350.0);
    assert!(rig.get("source_reflected") < 2.0);
}

#[test]
fn it_works_while_there_is_work_and_gives_its_lot_on_once() {
    let mut rig = Rig::new("etcher", 5);
    rig.supply.job = rig.supply.job.map(|j| crate::Job { lot: 7, pieces: 3, recipe: 2, ..j });
    rig.inject("chamber_leak", 2.0);
    let mut finished = Vec::new();
    for _ in 0..3_600 * 2 {
        rig.step();
        if let Some(quality) = rig.given.finished {
            finished.push(quality);
            rig.supply.job = None;
        }
    }
    assert_eq!(finished.len(), 1);
    assert!(finished[0].defects_per_wafer >= 1.0, "{finished:?}");
    assert_eq!((rig.get("state"), rig.get("e10_state")), (0.0, 2.0));
}

#[test]
fn a_chuck_that_has_stood_is_warmed_before_the_next_wafer() {
    let mut rig = Rig::new("etcher", 5);
    let job = rig.supply.job;
    let first_chuck = |rig: &mut Rig| {
        while rig.get("state") != 3.0 {
            rig.step();
        }
        rig.get("chuck_temp")
    };
    rig.run(1_200);
    let warm = first_chuck(&mut rig);
    rig.supply.job = None;
    rig.run(1_200);
    let cold = rig.get("chuck_temp");
    rig.supply.job = job;
    let again = first_chuck(&mut rig);
    assert!(cold < warm - 1.5 && again > warm - 1.0, "{warm}, then {cold}, then {again} degC");
}
