//! How fast the fab runs with its sentinel in the loop, how its cost grows with its size, and that memory stays flat.
//!
//! `cargo bench --workspace --bench fab`. The figures to read: ten fab minutes of the whole fab an iteration, where 1,000
//! times real time would be 600 ms; the exponent of cost against machines, where 1 is linear; and what transport adds to a
//! step of the machines.
#![allow(missing_docs, clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::Instant;

use aegis_models::{Seed, Site};
use aegis_scenarios::file::Scenario;
use aegis_scenarios::world::World;
use aegis_sim::{Twin, TwinOptions};
use criterion::{Criterion, criterion_group, criterion_main};

const MINUTE: u64 = 600;

fn ordinary() -> (Scenario, Site) {
    let site = Site::built_in();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("library/nominal/day.toml");
    (Scenario::read(&path, &site).expect("the library is valid"), site)
}

/// Resident memory [KiB], where the system tells it.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
}

/// Seconds for a fab minute of so many lines, the least of five.
fn minute_of(lines: u32, scenario: &Scenario, site: &Site) -> (usize, f64) {
    let site = site.scaled(lines);
    let mut world = World::new(scenario, &site, Seed(1), None).expect("it builds");
    let mut run = || (0..MINUTE).for_each(|_| world.step().expect("nothing is recorded"));
    run();
    let timed = || {
        let begin = Instant::now();
        run();
        begin.elapsed().as_secs_f64()
    };
    let least = std::iter::repeat_with(timed).take(5).fold(f64::INFINITY, f64::min);
    (site.machines.len(), least)
}

/// How cost grows from one fab to a hundred.
fn growth(_: &mut Criterion) {
    let (scenario, site) = ordinary();
    let costs = [1, 10, 100].map(|lines| minute_of(lines, &scenario, &site));
    for (machines, seconds) in costs {
        println!(
            "{machines:>5} machines: {:.1} ms a fab minute, {:.0} times real time",
            1e3 * seconds,
            60.0 / seconds
        );
    }
    let [(n0, t0), .., (n1, t1)] = costs;
    println!("cost ~ machines^{:.3}", (t1 / t0).ln() / (n1 as f64 / n0 as f64).ln());
}

/// What carriers and lots cost beside the machines: an hour of the twin alone.
fn transport(_: &mut Criterion) {
    let lots = Site::built_in();
    let mut carriers = lots.clone();
    carriers.routes.clear();
    let mut machines = carriers.clone();
    machines.machines.retain(|m| m.kind != "hoist" && m.kind != "floor_sensor");
    (machines.rail, machines.floor) = (None, None);
    for (what, site) in [("machines", machines), ("and carriers", carriers), ("and lots", lots)] {
        let mut twin = Twin::new(&site, &TwinOptions { seed: Seed(1), noise: true }).expect("it builds");
        let mut frames = Vec::new();
        let begin = Instant::now();
        for _ in 0..60 * MINUTE {
            twin.step(&mut frames);
            frames.clear();
        }
        println!("{what:<13} {:.1} us a step", 1e6 * begin.elapsed().as_secs_f64() / (60 * MINUTE) as f64);
    }
}

fn fab(c: &mut Criterion) {
    let (scenario, site) = ordinary();
    let mut world = World::new(&scenario, &site, Seed(1), None).expect("it builds");
    let mut run =
        |minutes: u64| (0..minutes * MINUTE).for_each(|_| world.step().expect("nothing is recorded"));
    // Past learning, as a fab is most of its life.
    run(30);
    c.benchmark_group("the fab and its sentinel").sample_size(20).bench_function("ten minutes", |b| {
        b.iter(|| run(black_box(10)));
    });
    println!("resident memory over a simulated day:");
    for hour in 0..=24 {
        if hour % 6 == 0 {
            println!(
                "  hour {hour:>2}: {} KiB",
                resident_kib().map_or("unknown".to_owned(), |k| k.to_string())
            );
        }
        run(60);
    }
}

criterion_group!(benches, fab, growth, transport);
criterion_main!(benches);
