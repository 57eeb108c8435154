//! What one sample costs through all detectors of a point. `cargo bench -p aegis-sentinel`.
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Duration;

use aegis_models::profile::{DataType, Watch};
use aegis_models::{Seed, Time};
use aegis_sentinel::detect::{Channel, ChannelSpec};
use criterion::{Criterion, criterion_group, criterion_main};

fn detect(c: &mut Criterion) {
    let spec = ChannelSpec {
        id: "airflow".to_owned(),
        unit: "m3/h".to_owned(),
        data: DataType::F32,
        watch: vec![Watch::Level, Watch::Rate, Watch::Ewma, Watch::Shift, Watch::Stuck],
        accuracy: 1.0,
        tolerance: 0.0,
        range: Some([0.0, 2_000.0]),
        only: None,
        span: Duration::from_secs(600),
        min_samples: 100,
    };
    let mut rng = Seed(1).stream("bench");
    let values: Vec<f64> = (0..4_096).map(|_| 1_000.0 + 5.0 * rng.normal()).collect();
    let mut channel = Channel::default();
    let mut second = 0;
    for x in &values {
        second += 1;
        channel.observe(&spec, 0, Time::from_secs(second), *x);
    }
    c.bench_function("one sample through all detectors of a point", |b| {
        b.iter(|| {
            second += 1;
            let x = values[second as usize % values.len()];
            black_box(channel.observe(&spec, 0, Time::from_secs(second), x))
        });
    });
}

criterion_group!(benches, detect);
criterion_main!(benches);
