use std::sync::Arc;

use aegis_models::{MachineIx, Profile, Sample, Seed};

use super::*;

const RPM: f64 = 900.0;

fn plan() -> Plan {
    Plan::new(MachineConfig::new("CNC-01".to_owned(), Arc::new(Profile::built_in("cnc").unwrap())))
}

/// A second of a spindle whose outer race is spalled, by hand: shocks at BPFO, each ringing at 3 kHz, in noise.
fn wave(plan: &Plan, strength: f64) -> Burst {
    let rate_hz = plan.profile.bursts[0].rate_hz;
    let mut rng = Seed(11).stream("made");
    let mut values: Vec<f64> = (0..25_600).map(|_| rng.normal()).collect();
    let every = rate_hz / (plan.bursts[0].1.lines().bpfo * RPM / 60.0);
    for shock in (0..).map(|k| f64::from(k) * every).take_while(|t| *t < 25_000.0) {
        for i in 0..200 {
            let s = f64::from(i) / rate_hz;
            let ring = libm::exp(-800.0 * s) * libm::sin(std::f64::consts::TAU * 3_000.0 * s);
            values[shock as usize + i as usize] += strength * ring;
        }
    }
    Burst { kind: 0, rate_hz, values }
}

/// A frame in which every point has its nominal value, the state and the speed those given.
fn frame(plan: &Plan, s: u64, state: f64, bursts: Vec<Burst>) -> Frame {
    let value = |p: &aegis_models::profile::PointSpec| match p.id.as_str() {
        "state" => state,
        "spindle_speed" => RPM,
        _ => p.nominal.unwrap_or((p.range[0] + p.range[1]) / 2.0),
    };
    let points = (0..).map(PointIx).zip(&plan.profile.points);
    let samples = points.map(|(point, p)| Sample { point, value: value(p), quality: Quality::Good });
    Frame {
        time: Time::from_secs(s),
        machine: MachineIx(0),
        samples: samples.collect(),
        records: vec![],
        bursts,
    }
}

const CUT: f64 = 2.0;
const LOAD: f64 = 1.0;

/// A monitor that has seen its machine cut for some seconds.
fn cutting(plan: &Plan) -> Monitor {
    let mut monitor = Monitor::new(plan);
    (0..10).for_each(|s| monitor.observe(plan, &frame(plan, s, CUT, vec![]), &mut vec![]));
    monitor
}

fn told(plan: &Plan, monitor: &mut Monitor, frame: &Frame) -> bool {
    let mut raised = vec![];
    monitor.observe(plan, frame, &mut raised);
    raised.contains(&plan.channel("bearing_line").unwrap())
}

#[test]
fn a_waveform_of_a_spalled_race_is_a_symptom_with_its_line_in_words() {
    let plan = plan();
    let mut monitor = cutting(&plan);
    let i = plan.channel("bearing_line").unwrap();
    assert!(!told(&plan, &mut monitor, &frame(&plan, 10, CUT, vec![wave(&plan, 0.0)])));
    let sound = monitor.latest[i].expect("noise has a ratio");
    assert!(sound < 1.0, "{sound}");
    assert!(told(&plan, &mut monitor, &frame(&plan, 40, CUT, vec![wave(&plan, 8.0)])));
    assert!(monitor.latest[i].is_some_and(|r| r > 1.0), "{:?}", monitor.latest[i]);
    let symptom = monitor.symptoms(&plan).into_iter().find(|s| s.channel == i).unwrap();
    assert_eq!((symptom.part.as_str(), symptom.term.direction), ("the outer race", Direction::High));
    assert!(symptom.text().contains("BPFO"), "{}", symptom.text());
}

#[test]
fn a_waveform_says_nothing_where_it_is_not_judged() {
    let plan = plan();
    let i = plan.channel("bearing_line").unwrap();
    let spalled = || vec![wave(&plan, 8.0)];
    // While the machine loads, or has just begun to; with no speed; of an unknown kind; too short to analyse.
    let mut loading = cutting(&plan);
    (10..20).for_each(|s| assert!(!told(&plan, &mut loading, &frame(&plan, s, LOAD, spalled()))));
    let mut dead = frame(&plan, 10, CUT, spalled());
    let speed = plan.profile.point_ix("spindle_speed").unwrap();
    dead.samples[usize::from(speed.0)].quality = Quality::Bad;
    let mut foreign = frame(&plan, 10, CUT, spalled());
    foreign.bursts[0].kind = 7;
    let mut short = frame(&plan, 10, CUT, spalled());
    short.bursts[0].values.truncate(100);
    for frame in [dead, foreign, short] {
        let mut monitor = cutting(&plan);
        assert!(!told(&plan, &mut monitor, &frame));
        assert_eq!(monitor.latest[i], None);
    }
    assert_eq!(loading.latest[i], None);
}

#[test]
fn a_restored_monitor_judges_waveforms_as_the_one_that_was_kept() {
    let plan = plan();
    let mut monitor = cutting(&plan);
    assert!(told(&plan, &mut monitor, &frame(&plan, 10, CUT, vec![wave(&plan, 8.0)])));
    let kept = serde_json::to_vec(&monitor).unwrap();
    let mut restored: Monitor = serde_json::from_slice(&kept).unwrap();
    assert!(restored.fits(&plan));
    assert_eq!(restored.symptoms(&plan), monitor.symptoms(&plan));
    for (s, strength) in [(40, 8.0), (70, 0.0), (100, 0.0)] {
        let next = frame(&plan, s, CUT, vec![wave(&plan, strength)]);
        assert_eq!(told(&plan, &mut restored, &next), told(&plan, &mut monitor, &next));
        assert_eq!(restored.symptoms(&plan), monitor.symptoms(&plan), "{s}");
    }
    let i = plan.channel("bearing_line").unwrap();
    assert!(restored.channels[i].claim.is_none(), "two sound waveforms withdraw it");
}
