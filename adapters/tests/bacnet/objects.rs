use std::collections::BTreeSet;

use aegis_adapters::bacnet::enums::{ErrorClass, ErrorCode, ObjectType, PropertyIdentifier as P};
use aegis_adapters::bacnet::service::{self, PropertyRef, Request};
use aegis_adapters::bacnet::{Apdu, BadBinding, Binding, ObjectIdentifier, PropertyValue as V, engineering};
use aegis_models::profile::{BacnetType, DataType};
use aegis_models::{Profile, Quality, Sample};

use super::support::*;

fn text(t: &str) -> V {
    V::CharacterString(t.into())
}

fn one(id: &str, property: P) -> V {
    let values = read(&mut session(), of(id), PropertyRef::of(property)).unwrap();
    assert_eq!(values.len(), 1);
    values.into_iter().next().unwrap()
}

fn flags(bits: u8) -> V {
    V::BitString { unused_bits: 4, data: vec![bits] }
}

#[test]
fn each_object_says_what_the_profile_says_of_its_point() {
    for (id, property, value) in [
        ("supply_temp", P::OBJECT_NAME, text("supply_temp")),
        ("supply_temp", P::DESCRIPTION, text("Temperature of the supply air.")),
        ("supply_temp", P::OBJECT_TYPE, V::Enumerated(0)),
        ("supply_temp", P::PRESENT_VALUE, V::Real(17.9)),
        ("supply_temp", P::STATUS_FLAGS, flags(0)),
        ("supply_temp", P::EVENT_STATE, V::Enumerated(0)),
        ("supply_temp", P::OUT_OF_SERVICE, V::Boolean(false)),
        ("supply_temp", P::RELIABILITY, V::Enumerated(0)),
        // degrees-celsius
        ("supply_temp", P::UNITS, V::Enumerated(62)),
        ("supply_temp", P::MIN_PRES_VALUE, V::Real(-20.0)),
        ("supply_temp", P::MAX_PRES_VALUE, V::Real(60.0)),
        ("supply_temp", P::RESOLUTION, V::Real(0.1)),
        ("supply_temp", P::COV_INCREMENT, V::Real(0.5)),
        ("supply_temp_sp", P::COV_INCREMENT, V::Real(0.018)),
        ("valve", P::OBJECT_TYPE, V::Enumerated(1)),
        ("valve", P::RELINQUISH_DEFAULT, V::Real(40.0)),
        ("run_hours", P::PRESENT_VALUE, V::Real(70_001.0)),
        ("run_hours", P::RESOLUTION, V::Real(1.0)),
        ("filter_alarm", P::PRESENT_VALUE, V::Enumerated(0)),
        ("filter_alarm", P::POLARITY, V::Enumerated(0)),
        ("filter_alarm", P::INACTIVE_TEXT, text("inactive")),
        ("enable", P::ACTIVE_TEXT, text("active")),
        ("enable", P::PRESENT_VALUE, V::Enumerated(1)),
        // States count from 1; the point's from 0.
        ("mode", P::PRESENT_VALUE, V::Unsigned(2)),
        ("mode", P::NUMBER_OF_STATES, V::Unsigned(3)),
        ("stage", P::PRESENT_VALUE, V::Unsigned(2)),
    ] {
        assert_eq!(one(id, property), value, "{id} {property}");
    }
    let states = read(&mut session(), of("mode"), PropertyRef::of(P::STATE_TEXT)).unwrap();
    assert_eq!(states, ["off", "cooling", "heating"].map(text));
    let states = read(&mut session(), of("stage"), PropertyRef::of(P::STATE_TEXT)).unwrap();
    assert_eq!(states, ["state 1", "state 2", "state 3"].map(text));
}

#[test]
fn the_device_object_describes_the_device() {
    let s = &mut session();
    let mut device = |property| read(s, device_id(), PropertyRef::of(property)).unwrap();
    assert_eq!(device(P::OBJECT_NAME), [text("AHU-01")]);
    assert_eq!(device(P::MODEL_NAME), [text("AHU-1")]);
    assert_eq!(device(P::VENDOR_NAME), [text("Aegis")]);
    assert_eq!(device(P::MAX_APDU_LENGTH_ACCEPTED), [V::Unsigned(1476)]);
    assert_eq!(device(P::SEGMENTATION_SUPPORTED), [V::Enumerated(3)]);
    assert_eq!(device(P::PROTOCOL_REVISION), [V::Unsigned(14)]);
    assert_eq!(device(P::DEVICE_ADDRESS_BINDING), []);
    assert_eq!(device(P::ACTIVE_COV_SUBSCRIPTIONS), []);
    let list = device(P::OBJECT_LIST);
    let expected: Vec<V> = std::iter::once(device_id())
        .chain(binding().places().iter().map(|p| p.object))
        .map(V::ObjectIdentifier)
        .collect();
    assert_eq!(list, expected);
    // Bits 5, 12, 14, 15, 16 (the services executed) and 33, 34 (Who-Has, Who-Is).
    let services = V::BitString { unused_bits: 0, data: vec![0x04, 0x0B, 0x80, 0, 0x60] };
    assert_eq!(device(P::PROTOCOL_SERVICES_SUPPORTED), [services]);
    // Bits 0, 1, 2, 3, 5, 8 and 19 of 55.
    let types = V::BitString { unused_bits: 1, data: vec![0xF4, 0x80, 0x10, 0, 0, 0, 0] };
    assert_eq!(device(P::PROTOCOL_OBJECT_TYPES_SUPPORTED), [types]);
    // 15.5: the wildcard instance is this device, and the answer says which.
    let wildcard = object(ObjectType::DEVICE, ObjectIdentifier::WILDCARD_INSTANCE);
    let id = read(s, wildcard, PropertyRef::of(P::OBJECT_IDENTIFIER)).unwrap();
    assert_eq!(id, [V::ObjectIdentifier(device_id())]);
}

#[test]
fn property_lists_name_exactly_what_can_be_read() {
    let s = &mut session();
    let mut objects: Vec<ObjectIdentifier> = binding().places().iter().map(|p| p.object).collect();
    objects.push(device_id());
    for object in objects {
        let listed: BTreeSet<u32> = read(s, object, PropertyRef::of(P::PROPERTY_LIST))
            .unwrap()
            .into_iter()
            .map(|v| match v {
                V::Enumerated(n) => n,
                other => panic!("{other:?}"),
            })
            .collect();
        let unlisted = [P::OBJECT_IDENTIFIER, P::OBJECT_NAME, P::OBJECT_TYPE, P::PROPERTY_LIST];
        for property in (0..520).map(P::from_raw) {
            let found = read(s, object, PropertyRef::of(property));
            if listed.contains(&property.to_raw()) || unlisted.contains(&property) {
                found.unwrap_or_else(|e| panic!("{object} {property}: {e:?}"));
            } else {
                assert_eq!(
                    found,
                    Err((ErrorClass::PROPERTY, ErrorCode::UNKNOWN_PROPERTY)),
                    "{object} {property}"
                );
            }
        }
    }
}

#[test]
fn arrays_are_read_whole_by_element_and_by_count() {
    let s = &mut session();
    let mut at = |property, index| read(s, of("mode"), PropertyRef { property, index: Some(index) });
    assert_eq!(at(P::STATE_TEXT, 0), Ok(vec![V::Unsigned(3)]));
    assert_eq!(at(P::STATE_TEXT, 3), Ok(vec![text("heating")]));
    for index in [4, u32::MAX] {
        assert_eq!(at(P::STATE_TEXT, index), Err((ErrorClass::PROPERTY, ErrorCode::INVALID_ARRAY_INDEX)));
    }
    let scalar = at(P::PRESENT_VALUE, 1);
    assert_eq!(scalar, Err((ErrorClass::PROPERTY, ErrorCode::PROPERTY_IS_NOT_AN_ARRAY)));
    let count = read(s, device_id(), PropertyRef { property: P::OBJECT_LIST, index: Some(0) });
    assert_eq!(count, Ok(vec![V::Unsigned(9)]));
    let array = read(s, of("valve"), PropertyRef { property: P::PRIORITY_ARRAY, index: None }).unwrap();
    assert_eq!(array, vec![V::Null; 16]);
}

#[test]
fn a_bad_value_is_a_fault_and_the_last_value_stands() {
    for (id, quality, reliability) in [
        ("supply_temp", Quality::Bad, 1),
        ("supply_temp", Quality::Uncertain, 7),
        ("run_hours", Quality::Bad, 12),
        ("supply_temp_sp", Quality::Uncertain, 7),
    ] {
        let mut s = session();
        let before = read(&mut s, of(id), PropertyRef::of(P::PRESENT_VALUE)).unwrap();
        let value = if quality == Quality::Bad { 0.0 } else { image()[usize::from(point(id).0)].value };
        s.publish(&[Sample { point: point(id), value, quality }], &[]);
        let mut now = |property| read(&mut s, of(id), PropertyRef::of(property)).unwrap().remove(0);
        assert_eq!(vec![now(P::PRESENT_VALUE)], before, "{id}");
        assert_eq!(now(P::RELIABILITY), V::Enumerated(reliability), "{id}");
        assert_eq!(now(P::STATUS_FLAGS), flags(0x40), "{id}");
        s.publish(&[good(id, value)], &[]);
        assert_eq!(read(&mut s, of(id), PropertyRef::of(P::STATUS_FLAGS)).unwrap(), [flags(0)]);
    }
}

#[test]
fn all_required_and_optional_stand_for_their_properties() {
    let s = &mut session();
    let mut names = |object, property| {
        let request = Request::ReadPropertyMultiple(vec![(object, vec![PropertyRef::of(property)])]);
        match ask(s, &request) {
            Apdu::ComplexAck(ack) => {
                let objects = service::decode_read_multiple_ack(&ack.service_ack).unwrap();
                let (found, results) = &objects[0];
                assert_eq!((objects.len(), *found), (1, object));
                assert!(results.iter().all(|(_, r)| r.is_ok()), "{results:?}");
                results.iter().map(|(p, _)| p.property).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    for object in binding().places().iter().map(|p| p.object).chain([device_id()]) {
        let (all, required, optional) =
            (names(object, P::ALL), names(object, P::REQUIRED), names(object, P::OPTIONAL));
        assert_eq!(all, [required.clone(), optional].concat());
        assert!(!all.contains(&P::PROPERTY_LIST), "15.7.3.1.2");
        assert!(required.contains(&P::OBJECT_NAME));
    }
}

#[test]
fn a_read_of_several_answers_each_by_itself() {
    let s = &mut session();
    let nowhere = object(ObjectType::ANALOG_INPUT, 99);
    let several = vec![PropertyRef::of(P::PRESENT_VALUE), PropertyRef::of(P::POLARITY)];
    let request = Request::ReadPropertyMultiple(vec![
        (of("supply_temp"), several),
        (nowhere, vec![PropertyRef::of(P::PRESENT_VALUE), PropertyRef::of(P::ALL)]),
    ]);
    let Apdu::ComplexAck(ack) = ask(s, &request) else { panic!() };
    let objects = service::decode_read_multiple_ack(&ack.service_ack).unwrap();
    let codes: Vec<Vec<_>> = objects
        .iter()
        .map(|(_, r)| r.iter().map(|(_, v)| v.as_ref().err().map(|e| e.code)).collect())
        .collect();
    assert_eq!(
        codes,
        [
            vec![None, Some(ErrorCode::UNKNOWN_PROPERTY)],
            vec![Some(ErrorCode::UNKNOWN_OBJECT), Some(ErrorCode::UNKNOWN_OBJECT)]
        ]
    );
}

#[test]
fn a_profile_that_makes_no_objects_is_refused() {
    let mut none = profile().clone();
    none.points.iter_mut().for_each(|p| p.bacnet = None);
    assert_eq!(Binding::new(&none).unwrap_err(), BadBinding::Empty("unit".into()));
    let mut twice = profile().clone();
    twice.points[3].bacnet = twice.points[2].bacnet;
    assert!(Binding::new(&twice).is_err());

    for (from, to, problem) in [
        ("instance = 7", "instance = 8", "AnalogValue 8 is taken by another point"),
        ("instance = 7", "instance = 4194303", "its instance lies beyond 4194302"),
        ("instance = 7", "instance = 7, cov_increment = -1.0", "cov_increment must not be negative"),
        ("bacnet = { model = \"AHU-1\" }", "", "there is no [bacnet] section"),
        ("\"binary-input\"", "\"analog-input\"", "a bool belongs to a binary object"),
        ("\"analog-value\", instance = 7", "\"analog-input\", instance = 7", "not to an input"),
        ("\"analog-value\", instance = 8", "\"analog-output\", instance = 8", "needs access \"write\""),
        ("\"analog-value\", instance = 8", "\"binary-value\", instance = 8", "belongs to a bool"),
        ("range = [0.0, 1000000.0]", "range = [0.0, 4e9]", "up to 16777216"),
        ("range = [1.0, 3.0]", "range = [2.0, 3.0]", "count from 0 or 1"),
        ("range = [1.0, 3.0]", "range = [1.0, 2.5]", "whole number"),
    ] {
        let changed = self::text_with(from, to);
        let error = Profile::parse(&changed).expect_err(problem).to_string();
        assert!(error.contains(problem), "{error}");
    }
}

fn text_with(from: &str, to: &str) -> String {
    let all = super::support::text();
    assert!(all.contains(from), "{from}");
    all.replacen(from, to, 1)
}

#[test]
fn values_travel_as_the_objects_type_holds_them() {
    for place in binding().places() {
        let [low, high] = place.range;
        for value in [low, high, place.held((low + high) / 2.0)] {
            let value = place.held(value);
            assert_eq!(place.unpack(&place.pack(value).unwrap()), Some(value), "{place:?}");
        }
        assert_eq!(place.pack(f64::NAN), None);
        assert_eq!(place.unpack(&V::Null), None);
        match place.kind {
            BacnetType::MultiStateValue => assert_eq!(place.unpack(&V::Unsigned(0)), None),
            BacnetType::BinaryInput | BacnetType::BinaryValue => {
                assert_eq!(place.unpack(&V::Enumerated(2)), None);
                assert_eq!(place.data, DataType::Bool);
            }
            _ => assert_eq!(place.unpack(&V::Unsigned(1)), None),
        }
    }
    assert_eq!(engineering("parsec").to_raw(), 95, "no-units");
}
