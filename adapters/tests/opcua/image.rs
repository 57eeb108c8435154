//! What a server remembers, and what it tells of it.

use std::sync::Arc;

use aegis_adapters::opcua::image::{Happening, Image};
use aegis_adapters::opcua::values;
use aegis_models::Quality;
use opcua::types::{StatusCode, Variant};

use super::support::{BEGAN, binding, frame, point};

fn ticks(ms: u64) -> i64 {
    values::ticks(BEGAN + ms * 1_000_000)
}

fn publish(image: &mut Image, ms: u64, change: &[(&str, f64, Quality)]) -> Vec<Happening> {
    image.publish(&frame(ms, change), ticks(ms)).happenings
}

fn place(id: &str) -> usize {
    binding().index(point(id)).unwrap()
}

fn numbers(values: &[opcua::types::DataValue]) -> Vec<f64> {
    values.iter().map(|v| values::unpack(v.value.as_ref().unwrap()).unwrap().0).collect()
}

#[test]
fn the_last_hour_is_remembered_a_value_a_period() {
    let binding = binding();
    let mut image = Image::new(Arc::clone(&binding), ticks(0));
    // Two hours at 2 Hz, of a point with a period of 1 s.
    for i in 0..14_400u64 {
        publish(&mut image, 500 * i, &[("spindle_temp", (i % 100) as f64, Quality::Good)]);
    }
    let i = place("spindle_temp");
    let all = image.history(i, i64::MIN, i64::MAX, usize::MAX);
    // The last frame was at 7,199.5 s, so that the hour begins at 3,599.5 s.
    assert_eq!(all.len(), 3_600);
    let last = 500 * 14_398;
    assert_eq!(all.first().unwrap().source_timestamp.unwrap().ticks(), ticks(3_600_000));
    assert_eq!(all.last().unwrap().source_timestamp.unwrap().ticks(), ticks(last));
}

#[test]
fn history_runs_forwards_and_backwards_and_leaves_out_its_end() {
    let mut image = Image::new(binding(), ticks(0));
    for s in 0..10u64 {
        publish(&mut image, 1000 * s, &[("spindle_temp", s as f64, Quality::Good)]);
    }
    let i = place("spindle_temp");
    let read = |from, to, most| numbers(&image.history(i, ticks(from), ticks(to), most));
    assert_eq!(read(2000, 5000, 100), [2.0, 3.0, 4.0]);
    assert_eq!(read(5000, 2000, 100), [5.0, 4.0, 3.0]);
    assert_eq!(read(0, 9000, 3), [0.0, 1.0, 2.0]);
    assert_eq!(read(4000, 4000, 100), [4.0]);
    assert_eq!(read(20_000, 30_000, 100), [0.0; 0]);
}

#[test]
fn happenings_are_told_once() {
    let mut image = Image::new(binding(), ticks(0));
    let i = place("coolant_flow");
    let flow = |value, quality| [("coolant_flow", value, quality)];
    assert_eq!(publish(&mut image, 0, &flow(12.0, Quality::Good)), []);
    assert_eq!(publish(&mut image, 100, &flow(12.0, Quality::Bad)), [Happening::Lost(i)]);
    assert_eq!(publish(&mut image, 200, &flow(12.0, Quality::Bad)), []);
    assert_eq!(publish(&mut image, 300, &flow(12.0, Quality::Good)), [Happening::Recovered(i)]);
    assert_eq!(publish(&mut image, 400, &flow(41.0, Quality::Good)), [Happening::OutOfRange(i, 41.0)]);
    assert_eq!(publish(&mut image, 500, &flow(42.0, Quality::Good)), []);
    assert_eq!(publish(&mut image, 600, &flow(40.0, Quality::Good)), [Happening::InRange(i, 40.0)]);
}

#[test]
fn writes_are_checked_for_type_and_range_and_queued_to_a_bound() {
    let mut image = Image::new(binding(), ticks(0));
    let i = place("feed_override");
    let mut write = |i, value: Variant| image.write(i, &value).map(|_| ());
    assert_eq!(write(place("spindle_temp"), Variant::Float(20.0)), Err(StatusCode::BadNotWritable));
    for wrong in [Variant::Double(95.0), Variant::from("95"), Variant::from(vec![95.0f32]), Variant::Empty] {
        assert_eq!(write(i, wrong), Err(StatusCode::BadTypeMismatch));
    }
    for outside in [-0.1, 150.1, f32::NAN, f32::INFINITY] {
        assert_eq!(write(i, Variant::Float(outside)), Err(StatusCode::BadOutOfRange));
    }
    for _ in 0..aegis_adapters::limits::OPCUA_QUEUED_WRITES {
        assert_eq!(write(i, Variant::Float(95.0)), Ok(()));
    }
    assert_eq!(write(i, Variant::Float(95.0)), Err(StatusCode::BadTooManyOperations));
    assert_eq!(image.take_writes().len(), aegis_adapters::limits::OPCUA_QUEUED_WRITES);
    assert!(image.write(i, &Variant::Float(95.0)).is_ok());
}
