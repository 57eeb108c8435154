use super::super::rig::{Rig, a_week_of_nominal_duty, each_fault_shows};

#[test]
fn a_week_of_nominal_duty_stays_inside_every_limit() {
    a_week_of_nominal_duty("lithography");
}

#[test]
fn each_fault_shows_where_it_should() {
    each_fault_shows(
        "lithography",
        &[
            ("lens_heating_uncorrected", "lens_focus", 20.0, 60.0),
            ("lens_heating_uncorrected", "overlay_x", 1.2, 4.0),
            ("dose_drift", "dose", 0.8, 0.97),
            ("focus_offset", "line_width", 1.1, 1.3),
            ("stage_bearing", "settle_mean", 1.9, 2.1),
            ("stage_bearing", "overlay_y", 1.3, 2.5),
            ("chuck_contamination", "focus_spot", 5.0, 10.0),
            ("reticle_haze", "reticle_transmission", 0.91, 0.93),
            ("reticle_haze", "line_width", 1.05, 1.12),
        ],
    );
}

#[test]
fn what_the_building_gives_shows_in_the_tool() {
    let after = |change: fn(&mut Rig), point: &str| {
        let mut rig = Rig::new("lithography", 5);
        let before = rig.mean(point, 600);
        change(&mut rig);
        rig.run(1_800);
        rig.mean(point, 600) - before
    };
    let warm_water = |rig: &mut Rig| rig.supply.process_water.temp_c = 22.0;
    assert!(after(warm_water, "lens_temp") > 1.0);
    assert!(after(warm_water, "line_width") > 1.0);
    assert!(after(|rig| rig.supply.air.temp_c = 24.0, "overlay_x") > 0.5);
    assert!(after(|rig| rig.supply.floor_um_per_s = 25.0, "stage_motion") > 0.5);
    assert!(after(|rig| rig.supply.air.vapour_ppm = 1.0, "line_width") > 4.0);
}

#[test]
fn it_works_while_there_is_work_and_gives_its_lot_on_once() {
    let mut rig = Rig::new("lithography", 5);
    rig.supply.job = rig.supply.job.map(|j| crate::Job { lot: 7, pieces: 3, recipe: 2, ..j });
    rig.inject("reticle_haze", 0.1);
    let mut finished = Vec::new();
    for _ in 0..3_600 * 2 {
        rig.step();
        if let Some(quality) = rig.given.finished {
            finished.push(quality);
            rig.supply.job = None;
        }
    }
    assert_eq!(finished.len(), 1);
    assert!(finished[0].cd_nm > 3.0, "{finished:?}");
    assert_eq!((rig.get("state"), rig.get("e10_state")), (0.0, 2.0));
}
