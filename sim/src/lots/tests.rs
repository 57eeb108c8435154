use aegis_models::Seed;
use aegis_plant::E10;

use super::*;

/// Three kinds that the site may know stand for three steps; what they do here is a stand-in's: so many seconds a piece.
const SITE: &str = "name='x'\n[[bay]]\nid='b'\niso_class=5\nvolume_m3_per_ffu=9\n\
    [[machine]]\nname='A1'\nkind='cnc'\nbay='b'\n[[machine]]\nname='A2'\nkind='cnc'\nbay='b'\n\
    [[machine]]\nname='B'\nkind='ahu'\nbay='b'\n[[machine]]\nname='C'\nkind='wire_bonder'\nbay='b'\n\
    [rail]\nstraight_m=40\nradius_m=4\nhoist_m=2.6\nvehicles=4\nspeed_m_per_s=3\naccel_m_per_s2=1.5\n\
    jerk_m_per_s3=3\nheadway_m=1\nstocker_m=100\nplaces=2\n\
    port=[{machine='A1', at_m=5},{machine='A2', at_m=12},{machine='B', at_m=25},{machine='C', at_m=60}]\n\
    [[route]]\nname='p'\nrelease={every='5m', wip_cap=12}\ndies_per_wafer=500\n\
    step=[{kind='cnc', pieces=10},{kind='ahu', recipe=3, pieces=10},{kind='wire_bonder', pieces=20}]\n";

/// A tool that takes so long for a piece.
struct StandIn {
    piece_s: f64,
    lot: Option<(u32, f64)>,
    broken: bool,
    added: Quality,
}

impl StandIn {
    fn step(&mut self, dt_s: f64, supply: &Supply) -> Given {
        let mut given = Given { e10: E10::Standby, ..Given::default() };
        if self.broken {
            given.e10 = E10::UnscheduledDown;
            return given;
        }
        if let (None, Some(job), false) = (self.lot, supply.job, supply.blocked) {
            self.lot = Some((job.lot, self.piece_s * f64::from(job.pieces)));
        }
        if let (Some((lot, left)), Some(job)) = (&mut self.lot, supply.job) {
            assert_eq!(*lot, job.lot, "a lot in work is not taken away");
            given.e10 = E10::Productive;
            *left -= dt_s;
            if *left <= 0.0 {
                self.lot = None;
                given.finished = Some(Quality {
                    weak_joints: job.quality.weak_joints + self.added.weak_joints,
                    defects_per_wafer: job.quality.defects_per_wafer + self.added.defects_per_wafer,
                    ..job.quality
                });
            }
        }
        given
    }
}

struct Fab {
    lots: Lots,
    transport: Transport,
    tools: Vec<StandIn>,
    given: Vec<Given>,
    supplies: Vec<Supply>,
}

impl Fab {
    fn new(paces: [f64; 4]) -> Fab {
        let site = Site::parse(SITE).expect("a sound site");
        let mut transport = Transport::new(&site, Seed(3)).expect("it has a rail");
        transport.carry_lots();
        let stand_in = |piece_s| StandIn { piece_s, lot: None, broken: false, added: Quality::default() };
        Fab {
            lots: Lots::new(&site).expect("all tools are there"),
            transport,
            tools: paces.map(stand_in).into(),
            given: vec![Given::default(); 4],
            supplies: vec![Supply::default(); 4],
        }
    }

    fn run(&mut self, hours: f64) {
        for _ in 0..(36_000.0 * hours) as u64 {
            self.transport.step(0.1);
            self.lots.step(0.1, &self.given, &mut self.supplies, &mut self.transport);
            let stepped = self.tools.iter_mut().zip(&self.supplies).map(|(t, s)| t.step(0.1, s));
            self.given = stepped.collect();
            assert!(self.lots.tools.iter().all(|t| t.queue.len() + t.coming <= 2 && t.done.len() <= 2));
        }
    }
}

#[test]
fn the_slowest_tool_sets_the_pace_and_little_s_law_holds() {
    // A lot takes 600 s on each of two As, 450 s on B, 300 s on C: B makes 8 an hour at most.
    let mut fab = Fab::new([60.0, 60.0, 45.0, 15.0]);
    fab.run(4.0);
    fab.lots.forget();
    fab.run(40.0);
    let line = fab.lots.production().line;
    assert!((7.6..=8.0).contains(&line.throughput_per_h), "{line:?}");
    let little = line.throughput_per_h * line.cycle_time_s / 3_600.0;
    assert!((little / line.wip - 1.0).abs() < 0.03, "{little} by Little, {line:?}");
    assert!((11.0..=12.0).contains(&line.wip), "{line:?}");
    let tools = fab.lots.production().tools;
    let by = |name: &str| tools.iter().find(|t| t.machine == name).expect("it is there").clone();
    assert!(by("B").oee.operational > 0.95 && by("B").starved_s < 3_000.0, "{:?}", by("B"));
    // C works 300 s of 450 and has nothing to do in the rest; an A works 600 s of 900 and cannot get rid of it.
    assert!((by("C").oee.operational - 0.667).abs() < 0.04 && by("C").starved_s > 40_000.0, "{:?}", by("C"));
    assert!(by("A1").blocked_s > 3.0 * by("A1").starved_s, "{:?}", by("A1"));
    assert!((by("A1").oee.rate - 1.0).abs() < 0.01 && by("A1").oee.quality == 1.0);
}

#[test]
fn a_tool_that_fails_starves_those_after_it_and_blocks_those_before() {
    let mut fab = Fab::new([60.0, 60.0, 45.0, 15.0]);
    fab.run(4.0);
    fab.lots.forget();
    fab.tools[2].broken = true;
    fab.run(8.0);
    let line = fab.lots.production().line;
    assert!(line.completed <= 6, "{line:?}");
    let tools = fab.lots.production().tools;
    let by = |name: &str| tools.iter().find(|t| t.machine == name).expect("it is there").clone();
    // The step in which it broke was begun as a sound one.
    assert!(by("B").oee.availability < 1e-5);
    assert!(by("C").starved_s > 6.5 * 3_600.0 && by("A1").blocked_s > 5.0 * 3_600.0, "{tools:?}");
    fab.tools[2].broken = false;
    fab.lots.forget();
    fab.run(8.0);
    assert!(fab.lots.production().line.completed > 55, "{:?}", fab.lots.production().line);
}

#[test]
fn what_a_step_does_to_a_lot_is_the_next_step_s_to_bear() {
    let mut fab = Fab::new([60.0, 60.0, 45.0, 15.0]);
    fab.tools[0].added.weak_joints = 0.1;
    fab.tools[1].added.weak_joints = 0.1;
    fab.tools[2].added.defects_per_wafer = 50.0;
    fab.run(6.0);
    fab.lots.forget();
    fab.run(10.0);
    // B works 450 s on a lot, C 300 s.
    let job = (0..50).find_map(|_| {
        fab.run(0.01);
        fab.supplies[3].job
    });
    let job = job.expect("C has work now and then");
    assert_eq!((job.pieces, job.quality.weak_joints, job.quality.defects_per_wafer), (20, 0.1, 50.0));
    let b = fab.supplies[2].job.expect("B has work");
    assert_eq!((b.recipe, b.quality.weak_joints), (3, 0.1));
    let tools = fab.lots.production().tools;
    let quality = |name: &str| tools.iter().find(|t| t.machine == name).expect("it is there").oee.quality;
    for (name, good) in [("A1", 0.9), ("B", 0.9), ("C", 1.0)] {
        assert!((quality(name) - good).abs() < 1e-9, "{name}: {}", quality(name));
    }
}

#[test]
fn a_fallen_carrier_is_a_lost_lot_and_frees_its_places() {
    let mut fab = Fab::new([60.0, 60.0, 45.0, 15.0]);
    fab.run(2.0);
    let (wip, victim) = (fab.lots.wip(), *fab.lots.lots.keys().next().expect("lots are under way"));
    fab.lots.hear(Report::Lost(victim));
    assert_eq!((fab.lots.wip(), fab.lots.production().line.lost), (wip - 1, 1));
}

#[test]
fn a_part_of_the_site_without_all_tools_of_a_route_has_no_lots() {
    let mut site = Site::parse(SITE).expect("a sound site");
    site.machines.retain(|m| m.name != "A1");
    assert!(Lots::new(&site).is_some(), "another of its kind is there");
    site.machines.retain(|m| m.name != "B");
    assert!(Lots::new(&site).is_none());
}

/// The built-in fab's own tools over their rail, without what supplies them.
fn built_in_line() -> crate::Twin {
    let mut site = Site::built_in();
    let rail = site.rail.clone().expect("it has a rail");
    site.machines.retain(|m| rail.port(&m.name).is_some());
    site.couplings.clear();
    crate::Twin::new(&site, &crate::TwinOptions { seed: Seed(5), noise: true }).expect("it builds")
}

fn run_line(twin: &mut crate::Twin, hours: u32) {
    let mut frames = Vec::new();
    for _ in 0..36_000 * hours {
        twin.step(&mut frames);
        frames.clear();
    }
}

#[test]
fn the_fab_s_lots_go_from_deposition_to_test_and_the_polisher_sets_the_pace() {
    let mut twin = built_in_line();
    // What it has found under way is through by then.
    run_line(&mut twin, 24);
    twin.lots.as_mut().expect("its routes have their tools").forget();
    run_line(&mut twin, 24);
    let made = twin.lots().expect("they are still there").production();
    let line = made.line;
    // A lot in 49 minutes, and one in 135.
    assert!((38..=42).contains(&line.completed) && line.lost == 0, "{line:?}");
    let little = line.throughput_per_h * line.cycle_time_s / 3_600.0;
    assert!((little / line.wip - 1.0).abs() < 0.1, "{little} by Little, {line:?}");
    let load = |t: &ToolMetrics| t.e10_s[0] / line.span_s;
    let busiest = made.tools.iter().max_by(|a, b| load(a).total_cmp(&load(b))).expect("there are tools");
    assert_eq!(busiest.machine, "CMP-01");
    assert!((0.84..0.92).contains(&load(busiest)), "{busiest:?}");
    for t in made.tools.iter().filter(|t| t.machine != "CMP-01") {
        assert!(t.lots >= 4 && (0.3..0.87).contains(&load(t)), "{} works {:.2}", t.machine, load(t));
        assert!((0.3..1.0).contains(&t.oee.overall()) && t.oee.quality > 0.99, "{t:?}");
    }
}
