//! How fast the fab runs with its sentinel in the loop, on one core; and that memory stays flat.
//!
//! `cargo bench -p aegis-scenarios`. The figure to read: ten fab minutes of 18 machines an iteration; 3,000 times real time
//! would be 200 ms.
#![allow(missing_docs)]

use std::hint::black_box;

use aegis_models::{Seed, Site};
use aegis_scenarios::file::Scenario;
use aegis_scenarios::world::World;
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

fn fab(c: &mut Criterion) {
    let (scenario, site) = ordinary();
    let mut world = World::new(&scenario, &site, Seed(1), None).expect("it builds");
    let mut run =
        |minutes: u64| (0..minutes * MINUTE).for_each(|_| world.step().expect("nothing is recorded"));
    // Past learning, as a fab is most of its life.
    run(30);
    c.benchmark_group("18 machines and their sentinel").sample_size(20).bench_function("ten minutes", |b| {
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

criterion_group!(benches, fab);
criterion_main!(benches);
