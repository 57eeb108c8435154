use std::sync::Arc;

use aegis_adapters::modbus::codec::BadLength;
use aegis_adapters::modbus::{Binding, RegisterMap, Session, Units, Verdict};
use aegis_models::{Quality, Sample, profile};

use super::support::{adu, ask, binding, device, ffu, image, point};

#[test]
fn measurements_are_input_registers_and_stand_again_among_the_holding_registers() {
    let mut map = device();
    // airflow at input register 0: 1,166.0 is 0x4491_C000.
    assert_eq!(ask(&mut map, &[4, 0, 0, 0, 2]), [4, 4, 0x44, 0x91, 0xC0, 0x00]);
    assert_eq!(ask(&mut map, &[3, 0, 0, 0, 2]), [3, 4, 0x44, 0x91, 0xC0, 0x00]);
    let input = ask(&mut map, &[4, 0, 0, 0, 16]);
    let holding = ask(&mut map, &[3, 0, 0, 0, 16]);
    assert_eq!(input[1..], holding[1..]);
}

#[test]
fn exceptions_are_those_of_the_specification() {
    let mut map = device();
    for (pdu, answer, why) in [
        (&[17][..], [0x91, 1], "a function the device has not"),
        (&[43, 13, 0, 0], [0xAB, 1], "another MEI type"),
        (&[43, 14, 4, 3], [0xAB, 2], "an object the device has not"),
        (&[43, 14, 9, 0], [0xAB, 3], "a code that is none"),
        (&[22, 0, 0, 0, 0, 0, 0], [0x96, 2], "the mirror cannot be written"),
        (&[22, 0, 100, 0xFF, 0xFF, 0, 0], [0x96, 3], "half a float"),
        (&[23, 0, 0, 0, 1, 0, 0, 0, 1, 2, 0, 0], [0x97, 2], "the mirror cannot be written"),
        (&[23, 0, 0, 0, 126, 0, 100, 0, 2, 4, 0x44, 0xBB, 0x80, 0], [0x97, 3], "more than it may read"),
        (&[3, 0, 16, 0, 1], [0x83, 2], "behind the mirror"),
        (&[4, 0, 15, 0, 2], [0x84, 2], "the last register and one more"),
        (&[4, 0xFF, 0xFF, 0, 2], [0x84, 2], "beyond 65535"),
        (&[1, 0, 1, 0, 1], [0x81, 2], "no such coil"),
        (&[6, 0, 0, 0, 1], [0x86, 2], "the mirror cannot be written"),
        (&[5, 0, 9, 0xFF, 0], [0x85, 2], "no such coil"),
        (&[16, 0, 14, 0, 2, 4, 0, 0, 0, 0], [0x90, 2], "the mirror cannot be written"),
        (&[16, 0, 100, 0, 3, 6, 0, 0, 0, 0, 0, 0], [0x90, 2], "one register behind the set-point"),
        (&[4, 0, 0, 0, 126], [0x84, 3], "more than a request may read"),
        (&[6, 0, 100, 0x44, 0xAF], [0x86, 3], "half a float"),
        (&[16, 0, 101, 0, 1, 2, 0, 0], [0x90, 3], "the other half"),
        (&[16, 0, 100, 0, 2, 4, 0x45, 0x00, 0x00, 0x00], [0x90, 3], "2,048 rpm, over the range"),
        (&[16, 0, 100, 0, 2, 4, 0x7F, 0xC0, 0x00, 0x00], [0x90, 3], "NaN"),
        (&[16, 0, 100, 0, 2, 4, 0x7F, 0x80, 0x00, 0x00], [0x90, 3], "infinity"),
    ] {
        assert_eq!(ask(&mut map, pdu), answer, "{why}");
    }
    assert_eq!(map.take_writes(), [], "what is refused is not written");
}

/// AP 6.16 prints it: 0x12 under the masks 0xF2 and 0x25 becomes 0x17.
#[test]
fn a_mask_and_a_write_with_a_read_do_as_the_specification_says() {
    let mut profile = super::support::ffu();
    let word = profile.points.iter_mut().find(|p| p.id == "fan_speed_sp").unwrap();
    (word.data, word.range) = (aegis_models::profile::DataType::U16, [0.0, 65_535.0]);
    let binding = aegis_adapters::modbus::Binding::new(&profile).unwrap();
    let mut map = aegis_adapters::modbus::RegisterMap::new(binding.into());
    assert_eq!(ask(&mut map, &[6, 0, 100, 0, 0x12]), [6, 0, 100, 0, 0x12]);
    let mask = [22, 0, 100, 0, 0xF2, 0, 0x25];
    assert_eq!(ask(&mut map, &mask), mask);
    assert_eq!(ask(&mut map, &[3, 0, 100, 0, 1]), [3, 2, 0, 0x17]);
    // The write happens before the read.
    assert_eq!(ask(&mut map, &[23, 0, 100, 0, 1, 0, 100, 0, 1, 2, 0x12, 0x34]), [23, 2, 0x12, 0x34]);
    let told = ask(&mut map, &[43, 14, 4, 1]);
    assert_eq!(told, [&[43, 14, 4, 0x82, 0, 0, 1, 1, 3][..], b"ffu"].concat());
}

#[test]
fn registers_lie_in_the_byte_order_of_the_profile() {
    let mut profile = super::support::ffu();
    profile.modbus.byte_order = aegis_models::profile::ByteOrder::LowFirst;
    let binding = aegis_adapters::modbus::Binding::new(&profile).unwrap();
    let mut map = aegis_adapters::modbus::RegisterMap::new(binding.into());
    // 1,500.0 is 0x44BB_8000.
    ask(&mut map, &[16, 0, 100, 0, 2, 4, 0xBB, 0x44, 0x00, 0x80]);
    assert_eq!(map.take_writes(), [(point("fan_speed_sp"), 1_500.0)]);
}

#[test]
fn a_write_is_echoed_read_back_and_handed_to_the_owner() {
    let mut map = device();
    // 1,500.0 is 0x44BB_8000.
    let write = [16, 0, 100, 0, 2, 4, 0x44, 0xBB, 0x80, 0x00];
    assert_eq!(ask(&mut map, &write), write[..5]);
    assert_eq!(ask(&mut map, &[5, 0, 0, 0, 0]), [5, 0, 0, 0, 0]);
    assert_eq!(ask(&mut map, &[15, 0, 0, 0, 1, 1, 1]), [15, 0, 0, 0, 1]);
    let back = [3, 4, 0x44, 0xBB, 0x80, 0x00];
    assert_eq!(ask(&mut map, &[3, 0, 100, 0, 2]), back);
    // An image from before the owner took the writes does not hide them.
    map.publish(&image());
    assert_eq!(ask(&mut map, &[3, 0, 100, 0, 2]), back);
    let (speed, enable) = (point("fan_speed_sp"), point("run_enable"));
    assert_eq!(map.take_writes(), [(speed, 1500.0), (enable, 0.0), (enable, 1.0)]);
    map.publish(&image());
    assert_eq!(ask(&mut map, &[3, 0, 100, 0, 2]), [3, 4, 0x44, 0xAF, 0x00, 0x00]);
}

#[test]
fn an_owner_that_takes_no_writes_makes_a_busy_device() {
    let mut map = device();
    let answers: Vec<_> = (0..257).map(|_| ask(&mut map, &[5, 0, 0, 0xFF, 0])).collect();
    assert!(answers[..256].iter().all(|a| a[0] == 5));
    assert_eq!(answers[256], [0x85, 6]);
    assert_eq!(map.take_writes().len(), 256);
}

#[test]
fn a_point_without_a_value_is_nan_or_a_device_failure() {
    let mut map = RegisterMap::new(binding());
    assert_eq!(ask(&mut map, &[4, 0, 0, 0, 2]), [4, 4, 0x7F, 0xC0, 0x00, 0x00]);
    assert_eq!(ask(&mut map, &[4, 0, 14, 0, 2]), [0x84, 4], "run_hours is a whole number");
    let good = Sample { point: point("run_hours"), value: 70_000.0, quality: Quality::Good };
    map.publish_samples(&[good]);
    assert_eq!(ask(&mut map, &[4, 0, 14, 0, 2]), [4, 4, 0, 1, 0x11, 0x70]);
    map.publish_samples(&[Sample { quality: Quality::Bad, ..good }]);
    assert_eq!(ask(&mut map, &[4, 0, 14, 0, 2]), [0x84, 4]);
}

#[test]
fn pipelined_requests_are_answered_in_order_and_foreign_ones_dropped() {
    let mut foreign = adu(2, 1, &[3, 0, 0, 0, 1]);
    foreign[2] = 1;
    let stream = [adu(1, 1, &[1, 0, 0, 0, 1]), foreign, adu(3, 1, &[2, 0, 0, 0, 2])].concat();
    let mut values = image();
    values[usize::from(point("motor_fault").0)] = 0.0;
    let mut map = device();
    map.publish(&values);
    let mut out = Vec::new();
    let mut session = Session::new(Units::Any);
    let mut answered = 0;
    for byte in &stream {
        match session.receive(&[*byte], &mut map, &mut out) {
            Verdict::Open { answered: n } => answered += n,
            Verdict::Close(e) => panic!("{e}"),
        }
    }
    assert_eq!(answered, 2);
    // The coil run_enable is on, and of the discrete inputs running, the first.
    assert_eq!(out, [adu(1, 1, &[1, 1, 1]), adu(3, 1, &[2, 1, 1])].concat());
}

#[test]
fn broken_framing_ends_the_connection_after_the_replies() {
    let mut stream = adu(1, 1, &[1, 0, 0, 0, 1]);
    stream.extend([0, 2, 0, 0, 0, 1, 1]);
    let mut out = Vec::new();
    let mut session = Session::new(Units::Any);
    let lost = Verdict::Close(BadLength(1));
    assert_eq!(session.receive(&stream, &mut device(), &mut out), lost);
    assert_eq!(out, adu(1, 1, &[1, 1, 1]));
    assert_eq!(session.receive(&adu(3, 1, &[1, 0, 0, 0, 1]), &mut device(), &mut out), lost);
    assert_eq!(out.len(), 10, "a lost connection answers no more");
}

#[test]
fn a_server_answers_to_its_own_unit_and_to_those_that_mean_the_device() {
    for (units, unit, answer) in [
        (Units::Only(5), 5, &[1, 1, 1][..]),
        (Units::Only(5), 0, &[1, 1, 1]),
        (Units::Only(5), 255, &[1, 1, 1]),
        (Units::Only(5), 6, &[0x81, 0x0B]),
        (Units::Any, 6, &[1, 1, 1]),
    ] {
        let mut out = Vec::new();
        Session::new(units).receive(&adu(1, unit, &[1, 0, 0, 0, 1]), &mut device(), &mut out);
        assert_eq!(out, adu(1, unit, answer), "{units:?} asked as {unit}");
    }
}

#[test]
fn a_write_of_several_points_happens_as_a_whole_or_not_at_all() {
    // Two set-points side by side: the fan's speed at 100 and, moved here, a second one behind it.
    let mut profile = ffu();
    let speed = point("fan_speed_sp");
    let other = point("airflow");
    let second = &mut profile.points[usize::from(other.0)];
    second.access = profile::Access::Write;
    second.modbus = Some(profile::ModbusAddress { table: profile::ModbusTable::Holding, address: 102 });
    let mut map = RegisterMap::new(Arc::new(Binding::new(&profile).unwrap()));
    map.publish(&image());
    let before = ask(&mut map, &[3, 0, 100, 0, 4]);
    // 1,500 rpm is fine and 5,000 m3/h (0x459C_4000) is over the range of the second.
    let refused = [16, 0, 100, 0, 4, 8, 0x44, 0xBB, 0x80, 0, 0x45, 0x9C, 0x40, 0];
    assert_eq!(ask(&mut map, &refused), [0x90, 3]);
    assert_eq!(map.take_writes(), []);
    assert_eq!(ask(&mut map, &[3, 0, 100, 0, 4]), before);
    let granted = [16, 0, 100, 0, 4, 8, 0x44, 0xBB, 0x80, 0, 0x44, 0x7A, 0, 0];
    assert_eq!(ask(&mut map, &granted), granted[..5]);
    assert_eq!(map.take_writes(), [(speed, 1500.0), (other, 1000.0)]);
}
