use super::*;

fn transport() -> Transport {
    Transport::new(&Site::built_in(), Seed(7)).expect("the built-in site has a rail")
}

fn run(t: &mut Transport, seconds: u32) -> Vec<Report> {
    let mut all = Vec::new();
    for _ in 0..10 * seconds {
        t.step(0.1);
        all.extend(t.take_reports());
    }
    all
}

#[test]
fn carriers_are_fetched_and_brought_and_nothing_comes_too_near() {
    let mut t = transport();
    let reports = run(&mut t, 3_600);
    let brought = reports.iter().filter(|r| matches!(r, Report::Brought(_))).count();
    assert!((40..=75).contains(&brought), "{brought} an hour");
    assert!(t.harm.is_empty() && t.readings.collisions == 0, "{:?}", t.harm);
    assert!(t.readings.short_m() < 0.1, "{} m", t.readings.short_m());
    assert!((40.0..300.0).contains(&t.readings.delivery.get()), "{} s", t.readings.delivery.get());
}

#[test]
fn a_carrier_asked_for_comes_to_its_place() {
    let mut t = transport();
    t.carry_lots();
    t.request(17, Place::Port(0), Place::Port(2));
    assert_eq!(run(&mut t, 400), [Report::Fetched(17), Report::Brought(17)]);
    assert!(t.view().vehicles.iter().all(|v| v.lot.is_none()));
}

#[test]
fn the_view_shows_a_carrier_on_its_way_down() {
    let mut t = transport();
    t.carry_lots();
    t.request(17, Place::Port(0), Place::Port(2));
    let mut lowest = 0.0f64;
    for _ in 0..4_000 {
        t.step(0.1);
        for v in t.view().vehicles {
            lowest = lowest.max(v.hangs.map_or(0.0, |h| h[2]));
            assert!(v.hangs.is_none() || v.lot == Some(17));
        }
    }
    assert!((lowest - 3.3).abs() < 0.4, "{lowest} m");
}

#[test]
fn each_fault_does_its_harm_and_no_other() {
    let struck = |set: fn(&mut Faults)| {
        let mut t = transport();
        set(&mut t.faults);
        let reports = run(&mut t, 7_200);
        let lost = reports.iter().filter(|r| matches!(r, Report::Lost(_))).count();
        (t, lost)
    };
    let (t, lost) = struck(|f| f.slip = 0.05);
    assert!(t.harm.iter().all(|h| h.contains("too hard")) && !t.harm.is_empty(), "{:?}", t.harm);
    assert!(t.readings.belt.get() > 5.0 && lost == 0);
    let (t, lost) = struck(|f| f.grip = 0.7);
    assert!(lost > 0 && t.readings.drops == lost as u32 && t.readings.grip_pct() < 31.0);
    let (t, lost) = struck(|f| f.headway = 1.0);
    assert!(t.readings.collisions > 0 && lost == 0, "{} collisions", t.readings.collisions);
    let (t, _) = struck(|f| f.headway = 0.45);
    assert!(t.readings.collisions == 0 && t.readings.short_m() > 0.3, "{} m", t.readings.short_m());
    let (t, _) = struck(|f| f.worn = 8.0);
    assert!(t.readings.creep.get() > 1.0 && t.harm.is_empty(), "{} mm/m", t.readings.creep.get());
}

#[test]
fn an_earthquake_stops_everything_and_it_runs_again() {
    let mut t = transport();
    run(&mut t, 600);
    t.faults.quake_gal = 80.0;
    run(&mut t, 20);
    let before = t.view();
    assert!(before.stopped && t.floor_um_per_s(3.0) > 5.0e4);
    run(&mut t, 10);
    let moved = |a: &TransportView, b: &TransportView| {
        a.vehicles.iter().zip(&b.vehicles).any(|(a, b)| a.at_m != b.at_m)
    };
    assert!(!moved(&before, &t.view()));
    t.faults.quake_gal = 0.0;
    run(&mut t, 590);
    assert!(t.view().stopped, "somebody looks at it first");
    run(&mut t, 60);
    assert!(!t.view().stopped && moved(&before, &t.view()));
}

#[test]
fn a_hoist_waits_for_whoever_stands_below() {
    let delivery = |per_h: f64| {
        let mut t = transport();
        t.faults.intrusions_per_h = per_h;
        run(&mut t, 7_200);
        assert!(t.harm.is_empty());
        t.intrusions.per_h()
    };
    assert_eq!((delivery(0.0), delivery(12.0)), (0.0, 12.0));
    // Somebody stays below the only hoist at work.
    let waits = |per_h: f64| {
        let mut t = transport();
        t.carry_lots();
        // Where they come while no hoist works.
        t.request(1, Place::Port(0), Place::Stocker);
        t.faults.intrusions_per_h = per_h;
        (0..300).take_while(|_| run(&mut t, 1).is_empty()).count()
    };
    let (free, held) = (waits(0.0), waits(1_000_000.0));
    assert!(free < 100 && held > 200, "{free} s and {held} s");
}

#[test]
fn two_runs_are_one() {
    let (mut a, mut b) = (transport(), transport());
    let (ra, rb) = (run(&mut a, 1_800), run(&mut b, 1_800));
    assert_eq!((ra, a.view()), (rb, b.view()));
}
