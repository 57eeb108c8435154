use aegis_adapters::bacnet::enums::{ErrorClass, ErrorCode, PropertyIdentifier as P};
use aegis_adapters::bacnet::service::{PropertyRef, Request, Write};
use aegis_adapters::bacnet::{Apdu, Priority, PriorityArray, PropertyValue as V, Session};
use aegis_models::{PointIx, Quality, Sample};
use proptest::prelude::*;

use super::support::*;

fn present(s: &mut Session, id: &str) -> V {
    read(s, of(id), PropertyRef::of(P::PRESENT_VALUE)).unwrap().remove(0)
}

fn property(s: &mut Session, id: &str, property: P) -> Vec<V> {
    read(s, of(id), PropertyRef::of(property)).unwrap()
}

fn overridden(s: &mut Session, id: &str) -> bool {
    match &property(s, id, P::STATUS_FLAGS)[0] {
        V::BitString { data, .. } => data[0] & 0x20 != 0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_highest_priority_reaches_the_machine_and_relinquishing_falls_back() {
    let s = &mut session();
    let (sp, id) = (point("supply_temp_sp"), of("supply_temp_sp"));
    write(s, id, &V::Real(20.0), Some(8)).unwrap();
    write(s, id, &V::Real(25.0), None).unwrap();
    assert_eq!(present(s, "supply_temp_sp"), V::Real(20.0));
    write(s, id, &V::Real(22.0), Some(3)).unwrap();
    // What 16 commands has not reached the machine: it never held.
    assert_eq!(s.take_writes(), [(sp, 20.0), (sp, 22.0)]);
    let array = property(s, "supply_temp_sp", P::PRIORITY_ARRAY);
    assert_eq!((&array[2], &array[7], &array[15]), (&V::Real(22.0), &V::Real(20.0), &V::Real(25.0)));
    assert_eq!(array.iter().filter(|v| **v == V::Null).count(), 13);

    write(s, id, &V::Null, Some(8)).unwrap();
    assert_eq!(s.take_writes(), []);
    write(s, id, &V::Null, Some(3)).unwrap();
    write(s, id, &V::Null, None).unwrap();
    assert_eq!(s.take_writes(), [(sp, 25.0), (sp, 18.0)]);
    assert_eq!(present(s, "supply_temp_sp"), V::Real(18.0));
}

#[test]
fn a_repeated_command_is_repeated_to_the_machine() {
    let s = &mut session();
    for _ in 0..2 {
        write(s, of("enable"), &V::Enumerated(0), Some(8)).unwrap();
        assert_eq!(s.take_writes(), [(point("enable"), 0.0)]);
    }
}

#[test]
fn the_machines_own_set_point_is_what_relinquishing_falls_back_to() {
    let s = &mut session();
    // Somebody turned it at the machine.
    s.publish(&[good("supply_temp_sp", 21.0)], &[]);
    assert_eq!(present(s, "supply_temp_sp"), V::Real(21.0));
    write(s, of("supply_temp_sp"), &V::Real(15.0), Some(8)).unwrap();
    // The machine has not heard of it yet, and then follows.
    s.publish(&[good("supply_temp_sp", 21.0)], &[]);
    assert_eq!(s.take_writes().len(), 1);
    s.publish(&[good("supply_temp_sp", 21.0)], &[]);
    s.publish(&[good("supply_temp_sp", 15.0)], &[]);
    assert!(!overridden(s, "supply_temp_sp"));
    assert_eq!(property(s, "supply_temp_sp", P::RELINQUISH_DEFAULT), [V::Real(21.0)]);
    write(s, of("supply_temp_sp"), &V::Null, Some(8)).unwrap();
    assert_eq!(s.take_writes(), [(point("supply_temp_sp"), 21.0)]);
    // A frame from before the write must not become the default.
    s.publish(&[good("supply_temp_sp", 15.0)], &[]);
    assert_eq!(present(s, "supply_temp_sp"), V::Real(21.0));
}

#[test]
fn a_machine_that_does_not_follow_is_overridden() {
    let s = &mut session();
    write(s, of("valve"), &V::Real(90.0), Some(8)).unwrap();
    s.take_writes();
    for _ in 0..2 {
        s.publish(&[good("valve", 40.0)], &[]);
        assert!(!overridden(s, "valve"));
    }
    s.publish(&[good("valve", 40.0)], &[]);
    assert!(overridden(s, "valve"));
    assert_eq!(present(s, "valve"), V::Real(90.0));
    s.publish(&[good("valve", 90.0)], &[]);
    assert!(!overridden(s, "valve"));
}

#[test]
fn what_may_not_be_written_is_refused_for_the_right_reason() {
    const WRITE_ACCESS_DENIED: ErrorCode = ErrorCode::WRITE_ACCESS_DENIED;
    const VALUE_OUT_OF_RANGE: ErrorCode = ErrorCode::VALUE_OUT_OF_RANGE;
    const INVALID_DATA_TYPE: ErrorCode = ErrorCode::INVALID_DATA_TYPE;
    const UNKNOWN_PROPERTY: ErrorCode = ErrorCode::UNKNOWN_PROPERTY;
    let mut s = session();
    let before = s.take_writes();
    for (id, value, priority, code) in [
        ("supply_temp", V::Real(1.0), None, WRITE_ACCESS_DENIED),
        ("run_hours", V::Real(1.0), None, WRITE_ACCESS_DENIED),
        ("mode", V::Unsigned(1), None, WRITE_ACCESS_DENIED),
        ("supply_temp_sp", V::Real(30.1), None, VALUE_OUT_OF_RANGE),
        ("supply_temp_sp", V::Real(f32::NAN), None, VALUE_OUT_OF_RANGE),
        ("supply_temp_sp", V::Real(f32::INFINITY), None, VALUE_OUT_OF_RANGE),
        ("supply_temp_sp", V::Unsigned(20), None, INVALID_DATA_TYPE),
        ("supply_temp_sp", V::Double(20.0), None, INVALID_DATA_TYPE),
        ("supply_temp_sp", V::CharacterString("20".into()), None, INVALID_DATA_TYPE),
        ("supply_temp_sp", V::Real(20.0), Some(6), WRITE_ACCESS_DENIED),
        ("enable", V::Enumerated(2), None, VALUE_OUT_OF_RANGE),
        ("enable", V::Boolean(true), None, INVALID_DATA_TYPE),
        ("stage", V::Unsigned(0), None, VALUE_OUT_OF_RANGE),
        ("stage", V::Unsigned(4), None, VALUE_OUT_OF_RANGE),
        ("stage", V::Unsigned(u64::MAX), None, VALUE_OUT_OF_RANGE),
        ("stage", V::Real(2.0), None, INVALID_DATA_TYPE),
    ] {
        let shown = present(&mut s, id);
        assert_eq!(
            write(&mut s, of(id), &value, priority),
            Err((ErrorClass::PROPERTY, code)),
            "{id} {value:?}"
        );
        assert_eq!(present(&mut s, id), shown);
    }
    for (property, value, code) in [
        (P::UNITS, V::Enumerated(62), WRITE_ACCESS_DENIED),
        (P::OBJECT_NAME, V::CharacterString("x".into()), WRITE_ACCESS_DENIED),
        (P::PRIORITY_ARRAY, V::Null, WRITE_ACCESS_DENIED),
        (P::RELINQUISH_DEFAULT, V::Real(1.0), WRITE_ACCESS_DENIED),
        (P::POLARITY, V::Enumerated(0), UNKNOWN_PROPERTY),
        (P::OUT_OF_SERVICE, V::Enumerated(1), INVALID_DATA_TYPE),
        (P::COV_INCREMENT, V::Real(-1.0), VALUE_OUT_OF_RANGE),
        (P::COV_INCREMENT, V::Unsigned(1), INVALID_DATA_TYPE),
    ] {
        let refused = write_property(&mut s, of("valve"), property, &value, None);
        assert_eq!(refused, Err((ErrorClass::PROPERTY, code)), "{property}");
    }
    let nowhere = object(aegis_adapters::bacnet::enums::ObjectType::ANALOG_VALUE, 99);
    assert_eq!(
        write(&mut s, nowhere, &V::Real(1.0), None),
        Err((ErrorClass::OBJECT, ErrorCode::UNKNOWN_OBJECT))
    );
    let own = write_property(&mut s, device_id(), P::OBJECT_NAME, &V::CharacterString("x".into()), None);
    assert_eq!(own, Err((ErrorClass::PROPERTY, WRITE_ACCESS_DENIED)));
    let own = write_property(&mut s, device_id(), P::PRESENT_VALUE, &V::Null, None);
    assert_eq!(own, Err((ErrorClass::PROPERTY, UNKNOWN_PROPERTY)));
    assert_eq!(s.take_writes(), before);
}

#[test]
fn writes_nobody_takes_fill_a_bounded_queue() {
    let s = &mut session();
    let mut accepted = 0;
    while write(s, of("supply_temp_sp"), &V::Real(20.0), Some(8)).is_ok() {
        accepted += 1;
        assert!(accepted < 10_000, "the queue has no end");
    }
    let full = write(s, of("supply_temp_sp"), &V::Real(20.0), Some(8));
    assert_eq!(full, Err((ErrorClass::RESOURCES, ErrorCode::NO_SPACE_TO_WRITE_PROPERTY)));
    assert_eq!(s.take_writes().len(), accepted);
    write(s, of("supply_temp_sp"), &V::Real(20.0), Some(8)).unwrap();
}

#[test]
fn out_of_service_decouples_the_object_from_the_machine() {
    let s = &mut session();
    let out = |s: &mut Session, id: &str, yes| {
        write_property(s, of(id), P::OUT_OF_SERVICE, &V::Boolean(yes), None).unwrap();
    };
    // A reading stands as it was, and so does its reliability.
    out(s, "supply_temp", true);
    let stood = present(s, "supply_temp");
    s.publish(&[Sample { quality: Quality::Uncertain, ..good("supply_temp", 44.0) }], &[]);
    assert_eq!(present(s, "supply_temp"), stood);
    assert_eq!(property(s, "supply_temp", P::RELIABILITY), [V::Enumerated(0)]);
    // Both can be simulated: 2 is over-range.
    write_property(s, of("supply_temp"), P::RELIABILITY, &V::Enumerated(2), None).unwrap();
    assert_eq!(
        property(s, "supply_temp", P::STATUS_FLAGS),
        [V::BitString { unused_bits: 4, data: vec![0x50] }]
    );
    write_property(s, of("supply_temp"), P::RELIABILITY, &V::Enumerated(0), None).unwrap();
    // Being told twice changes nothing.
    out(s, "supply_temp", true);
    assert_eq!(present(s, "supply_temp"), stood);
    write(s, of("supply_temp"), &V::Real(55.0), None).unwrap();
    s.publish(&[good("supply_temp", 16.0)], &[]);
    assert_eq!(present(s, "supply_temp"), V::Real(55.0));
    assert_eq!(
        property(s, "supply_temp", P::STATUS_FLAGS),
        [V::BitString { unused_bits: 4, data: vec![0x10] }]
    );
    assert_eq!(
        write(s, of("supply_temp"), &V::Null, None),
        Err((ErrorClass::PROPERTY, ErrorCode::INVALID_DATA_TYPE))
    );
    out(s, "supply_temp", false);
    assert_eq!(present(s, "supply_temp"), V::Real(16.0));
    assert_eq!(s.take_writes(), []);
    assert_eq!(
        write_property(s, of("supply_temp"), P::RELIABILITY, &V::Enumerated(2), None),
        Err((ErrorClass::PROPERTY, ErrorCode::WRITE_ACCESS_DENIED)),
        "in service it is the machine's own"
    );

    // A command is kept back until the object is in service again.
    out(s, "supply_temp_sp", true);
    write(s, of("supply_temp_sp"), &V::Real(25.0), Some(8)).unwrap();
    s.publish(&[good("supply_temp_sp", 18.0)], &[]);
    assert_eq!(present(s, "supply_temp_sp"), V::Real(25.0));
    assert_eq!(s.take_writes(), []);
    out(s, "supply_temp_sp", false);
    assert_eq!(s.take_writes(), [(point("supply_temp_sp"), 25.0)]);
}

#[test]
fn several_writes_in_one_request_stop_at_the_first_that_fails() {
    let s = &mut session();
    let write = |id: &str, value| Write {
        object: of(id),
        property: PropertyRef::of(P::PRESENT_VALUE),
        value: tagged(&value),
        priority: Some(8),
    };
    let both = vec![write("enable", V::Enumerated(0)), write("stage", V::Unsigned(3))];
    assert!(matches!(ask(s, &Request::WritePropertyMultiple(both)), Apdu::SimpleAck(_)));
    assert_eq!(s.take_writes(), [(point("enable"), 0.0), (point("stage"), 3.0)]);
    let third =
        vec![write("enable", V::Enumerated(1)), write("stage", V::Unsigned(9)), write("valve", V::Real(1.0))];
    let Apdu::Error(e) = ask(s, &Request::WritePropertyMultiple(third)) else { panic!() };
    assert_eq!((e.error_class, e.error_code), (ErrorClass::PROPERTY, ErrorCode::VALUE_OUT_OF_RANGE));
    // 15.10.1.3: which write failed, behind the class and the code.
    let failed = values_of_first_failed(&e.error_data);
    assert_eq!(failed, (of("stage"), P::PRESENT_VALUE.to_raw()));
    assert_eq!(s.take_writes(), [(point("enable"), 1.0)]);
}

fn values_of_first_failed(body: &[u8]) -> (aegis_adapters::bacnet::ObjectIdentifier, u32) {
    // [0] class code [/0] [1] object property [/1]
    let (opening, rest) = body.split_at(1);
    assert_eq!(opening, [0x0E]);
    let end = rest.iter().position(|b| *b == 0x0F).unwrap();
    let reference = &rest[end + 1..];
    assert_eq!((reference[0], reference[1], reference[6], reference[8]), (0x1E, 0x0C, 0x19, 0x1F));
    let id = aegis_adapters::bacnet::ObjectIdentifier::decode(&reference[2..6]).unwrap();
    (id, u32::from(reference[7]))
}

/// The obvious model: a sorted list of who commands what.
#[derive(Default)]
struct Model(Vec<(u8, f64)>);

impl Model {
    fn set(&mut self, priority: u8, value: Option<f64>) {
        self.0.retain(|(p, _)| *p != priority);
        self.0.extend(value.map(|v| (priority, v)));
        self.0.sort_by_key(|(p, _)| *p);
    }

    fn effective(&self, default: f64) -> f64 {
        self.0.first().map_or(default, |(_, v)| *v)
    }
}

fn commands() -> impl Strategy<Value = Vec<(u8, Option<f64>)>> {
    prop::collection::vec((1..=16_u8, prop::option::of((12..=30).prop_map(f64::from))), 0..40)
}

proptest! {
    #[test]
    fn the_priority_array_is_what_the_model_is(commands in commands()) {
        let mut array = PriorityArray::new(18.0);
        let mut model = Model::default();
        for (p, value) in commands {
            let before = array.effective();
            let held = array.set(Priority::new(p).unwrap(), value);
            model.set(p, value);
            prop_assert_eq!(array.effective(), model.effective(18.0));
            prop_assert_eq!(array.active().map(Priority::number), model.0.first().map(|(p, _)| *p));
            // What changes what holds is always told.
            prop_assert!(held || array.effective() == before);
        }
    }

    #[test]
    fn over_the_wire_the_machine_gets_what_the_model_says(commands in commands()) {
        let mut s = session();
        let mut model = Model::default();
        let mut machine = 18.0;
        for (p, value) in commands {
            let written = write(&mut s, of("supply_temp_sp"), &value.map_or(V::Null, |v| V::Real(v as f32)), Some(p));
            if p == 6 {
                prop_assert_eq!(written, Err((ErrorClass::PROPERTY, ErrorCode::WRITE_ACCESS_DENIED)));
                continue;
            }
            prop_assert_eq!(written, Ok(()));
            model.set(p, value);
            for (point, value) in s.take_writes() {
                prop_assert_eq!(point, PointIx(2));
                machine = value;
            }
            s.publish(&[good("supply_temp_sp", machine)], &[]);
            prop_assert_eq!(machine, model.effective(18.0));
            prop_assert_eq!(present(&mut s, "supply_temp_sp"), V::Real(machine as f32));
        }
    }
}
