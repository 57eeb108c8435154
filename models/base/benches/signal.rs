//! What a second of acceleration costs: its transform, and the search for a bearing's lines in it.
//! `cargo bench -p aegis-models`.
#![allow(missing_docs)]

use std::hint::black_box;

use aegis_models::Seed;
use aegis_models::physics::bearing::SKF_6205;
use aegis_models::signal::{Plans, bearing_lines};
use criterion::{Criterion, criterion_group, criterion_main};

fn signal(c: &mut Criterion) {
    let mut rng = Seed(1).stream("bench");
    let values: Vec<f64> = (0..25_600).map(|_| rng.normal()).collect();
    let mut plans = Plans::default();
    c.bench_function("transform of 25,600 samples", |b| {
        b.iter(|| black_box(plans.real(25_600).forward(&values)));
    });
    c.bench_function("lines of a bearing in 25,600 samples", |b| {
        b.iter(|| black_box(bearing_lines(&mut plans, &values, 25_600.0, 1_797.0, &SKF_6205)));
    });
}

criterion_group!(benches, signal);
criterion_main!(benches);
