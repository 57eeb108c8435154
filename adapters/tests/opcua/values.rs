//! Whatever a machine publishes is what a client reads.

use aegis_adapters::Served;
use aegis_models::{Frame, MachineIx, PointIx, Quality, Sample, Time};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::support::{Running, free, mill};

/// Any values that the points' types hold, at any quality, for any part of the points.
fn any_samples() -> impl Strategy<Value = Vec<Sample>> {
    let count = mill().points.len();
    let one = (any::<bool>(), any::<f64>(), 0.0..1.0, 0..4u8);
    prop::collection::vec(one, count).prop_map(|drawn| {
        let mill = mill();
        let made = drawn.into_iter().enumerate().filter_map(|(i, (there, wild, share, kind))| {
            let spec = &mill.points[i];
            let [low, high] = spec.range;
            let value = if kind == 3 { wild } else { low + (high - low) * share };
            let quality = [Quality::Good, Quality::Uncertain, Quality::Bad, Quality::Good][usize::from(kind)];
            there.then(|| Sample { point: PointIx(i as u16), value: spec.data.quantise(value), quality })
        });
        made.collect()
    })
}

#[test]
fn any_sequence_of_frames_is_read_back_equal() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases = if cfg!(debug_assertions) { 64 } else { 512 };
    runtime.block_on(async {
        let server = Running::start(&free()).await;
        let mut client = server.client().await;
        let count = mill().points.len();
        let mut expected = vec![(f64::NAN, Quality::Bad); count];
        let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(7), ..Config::default() });
        for case in 0..cases {
            let samples = any_samples().new_tree(&mut runner).unwrap().current();
            for s in &samples {
                let finite = s.value.is_finite();
                expected[usize::from(s.point.0)] = (s.value, if finite { s.quality } else { Quality::Bad });
            }
            let time = Time::from_millis(100 * case);
            server.mill.publish(&Frame {
                time,
                machine: MachineIx(0),
                samples,
                records: Vec::new(),
                bursts: Vec::new(),
            });
            let read = client.read_points().await.unwrap();
            for (s, (value, quality)) in read.iter().zip(&expected) {
                assert_eq!(s.quality, *quality, "case {case}, point {}", s.point.0);
                assert!(*quality == Quality::Bad || s.value == *value, "case {case}: {s:?}, not {value}");
            }
        }
    });
}
