use aegis_adapters::bacnet::apdu::SimpleAck;
use aegis_adapters::bacnet::enums::{
    ConfirmedServiceChoice as Confirmed, ErrorClass, ErrorCode, ObjectType, PropertyIdentifier as P,
};
use aegis_adapters::bacnet::service::{Announcement, Notification, PropertyRef, Request};
use aegis_adapters::bacnet::{Apdu, ObjectIdentifier, PropertyValue as V, Session, codec};
use aegis_adapters::limits;
use aegis_models::{Quality, Sample, Time};

use super::support::*;

fn subscribe(object: ObjectIdentifier, terms: Option<(bool, u32)>) -> Apdu {
    Apdu::ConfirmedRequest(confirmed(7, &Request::SubscribeCov { process: 5, object, terms }))
}

/// The notifications among what the device sends, and the invoke ids of the confirmed ones.
fn notifications(apdus: Vec<Apdu>) -> Vec<(Option<u8>, Notification)> {
    apdus
        .into_iter()
        .filter_map(|apdu| match apdu {
            Apdu::ConfirmedRequest(r) => match Request::decode(r.service_choice, &r.service_request) {
                Some(Ok(Request::CovNotification(n))) => Some((Some(r.invoke_id), n)),
                other => panic!("{other:?}"),
            },
            Apdu::UnconfirmedRequest(r) => match Announcement::decode(r.service_choice, &r.service_request) {
                Some(Announcement::CovNotification(n)) => Some((None, n)),
                other => panic!("{other:?}"),
            },
            Apdu::SimpleAck(_) => None,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// What the device tells when the point takes that value.
fn publish(s: &mut Session, now: Time, sample: Sample) -> Vec<(Option<u8>, Notification)> {
    s.publish(&[sample], &[]);
    assert!(s.poll_timeout().is_some_and(|t| t <= now), "there is something to tell at once");
    s.advance(now);
    notifications(sent(s).into_iter().map(|(_, apdu)| apdu).collect())
}

fn begun(terms: (bool, u32), id: &str) -> (Session, Vec<(Option<u8>, Notification)>) {
    let mut s = session();
    let answers = ask_apdu(&mut s, Time::ZERO, &subscribe(of(id), Some(terms)));
    assert!(matches!(answers[0], Apdu::SimpleAck(_)), "the answer comes before the first notification");
    (s, notifications(answers))
}

fn value(n: &Notification) -> V {
    assert_eq!(n.values[0].0, PropertyRef::of(P::PRESENT_VALUE));
    assert_eq!(n.values[1].0, PropertyRef::of(P::STATUS_FLAGS));
    values(&n.values[0].1).remove(0)
}

const T1: Time = Time::from_secs(10);

#[test]
fn a_subscriber_is_told_at_once_and_then_of_changes_by_the_increment() {
    let (mut s, first) = begun((false, 0), "supply_temp");
    let [(None, n)] = &first[..] else { panic!("{first:?}") };
    assert_eq!((n.process, n.device, n.object, n.remaining), (5, device_id(), of("supply_temp"), 0));
    assert_eq!(value(n), V::Real(17.9));
    // Told at 17.9; the increment is 0.5.
    for (v, told) in [(18.2, false), (17.5, false), (18.5, true), (18.9, false), (18.0, true)] {
        let n = publish(&mut s, T1, good("supply_temp", v));
        assert_eq!(n.len(), usize::from(told), "{v}");
        assert!(n.iter().all(|(_, n)| value(n) == V::Real(v as f32)));
    }
    // Status counts as much as value; other points do not.
    let bad = Sample { point: point("supply_temp"), value: 0.0, quality: Quality::Bad };
    assert_eq!(publish(&mut s, T1, bad).len(), 1);
    assert_eq!(publish(&mut s, T1, bad).len(), 0);
    assert_eq!(publish(&mut s, T1, good("valve", 41.0)).len(), 0);
}

#[test]
fn states_are_told_at_every_change_and_so_are_writes() {
    let (mut s, _) = begun((false, 0), "filter_alarm");
    assert_eq!(publish(&mut s, T1, good("filter_alarm", 1.0)).len(), 1);
    assert_eq!(publish(&mut s, T1, good("filter_alarm", 1.0)).len(), 0);
    let (mut s, _) = begun((false, 0), "stage");
    let request = Request::WriteProperty(aegis_adapters::bacnet::service::Write {
        object: of("stage"),
        property: PropertyRef::of(P::PRESENT_VALUE),
        value: tagged(&V::Unsigned(3)),
        priority: Some(8),
    });
    let told = notifications(ask_apdu(&mut s, T1, &Apdu::ConfirmedRequest(confirmed(1, &request))));
    assert_eq!(told.len(), 1);
    assert_eq!(value(&told[0].1), V::Unsigned(3));
}

#[test]
fn a_lifetime_ends_and_can_be_renewed() {
    let (mut s, first) = begun((false, 60), "supply_temp");
    assert_eq!(first[0].1.remaining, 60);
    assert_eq!(s.poll_timeout(), Some(Time::from_secs(60)));
    let told = publish(&mut s, Time::from_millis(10_500), good("supply_temp", 30.0));
    assert_eq!(told[0].1.remaining, 50, "what is left, rounded up");
    // Renewed at 50 s for another 60.
    let again = ask_apdu(&mut s, Time::from_secs(50), &subscribe(of("supply_temp"), Some((false, 60))));
    assert_eq!(notifications(again).len(), 1);
    assert_eq!(publish(&mut s, Time::from_secs(109), good("supply_temp", 10.0)).len(), 1);
    assert_eq!(publish(&mut s, Time::from_secs(110), good("supply_temp", 30.0)).len(), 0);
    assert_eq!(s.poll_timeout(), None);
}

#[test]
fn a_cancelled_subscription_tells_nothing_more() {
    let (mut s, _) = begun((false, 0), "supply_temp");
    let active =
        |s: &mut Session| read(s, device_id(), PropertyRef::of(P::ACTIVE_COV_SUBSCRIPTIONS)).unwrap().len();
    assert_ne!(active(&mut s), 0);
    for _ in 0..2 {
        let answers = ask_apdu(&mut s, T1, &subscribe(of("supply_temp"), None));
        assert!(matches!(answers[..], [Apdu::SimpleAck(_)]), "cancelling twice is no error");
    }
    assert_eq!(publish(&mut s, T1, good("supply_temp", 40.0)), []);
    assert_eq!(active(&mut s), 0);
}

#[test]
fn a_confirmed_notification_is_repeated_until_confirmed_and_the_latest_value_follows() {
    let (mut s, first) = begun((true, 0), "supply_temp");
    let (Some(invoke), _) = first[0] else { panic!("{first:?}") };
    // While it is under way nothing else is sent, however much changes.
    assert_eq!(publish(&mut s, Time::from_secs(1), good("supply_temp", 30.0)), []);
    assert_eq!(publish(&mut s, Time::from_secs(2), good("supply_temp", 40.0)), []);
    assert_eq!(s.poll_timeout(), Some(Time::from_secs(3)));
    s.advance(Time::from_secs(3));
    let repeated = notifications(sent(&mut s).into_iter().map(|(_, a)| a).collect());
    assert_eq!(repeated, first);

    let ack = |service_choice, invoke_id| Apdu::SimpleAck(SimpleAck { invoke_id, service_choice });
    // Confirmations of something else, or by somebody else, are none.
    assert_eq!(ask_apdu(&mut s, Time::from_secs(4), &ack(Confirmed::READ_PROPERTY, invoke)), []);
    assert_eq!(
        ask_apdu(&mut s, Time::from_secs(4), &ack(Confirmed::CONFIRMED_COV_NOTIFICATION, invoke + 1)),
        []
    );
    let stranger = codec::datagram(&near(), false, &ack(Confirmed::CONFIRMED_COV_NOTIFICATION, invoke));
    s.receive(Time::from_secs(4), address(9), &stranger);
    assert_eq!(sent(&mut s), []);
    let next = ask_apdu(&mut s, Time::from_secs(4), &ack(Confirmed::CONFIRMED_COV_NOTIFICATION, invoke));
    let next = notifications(next);
    assert_eq!(next.len(), 1);
    assert_eq!(value(&next[0].1), V::Real(40.0));
}

#[test]
fn a_subscriber_that_never_confirms_is_asked_so_often_and_not_more() {
    let (mut s, _) = begun((true, 0), "supply_temp");
    let mut repeated = 0;
    while let Some(due) = s.poll_timeout() {
        s.advance(due);
        repeated += sent(&mut s).len();
        assert!(repeated <= 3, "three retries");
    }
    assert_eq!(repeated, 3);
    // It is still told of the next change.
    assert_eq!(publish(&mut s, T1, good("supply_temp", 40.0)).len(), 1);
}

#[test]
fn what_cannot_be_subscribed_to_is_refused() {
    let s = &mut session();
    for (object, code) in [
        (device_id(), ErrorCode::OPTIONAL_FUNCTIONALITY_NOT_SUPPORTED),
        (object(ObjectType::ANALOG_INPUT, 99), ErrorCode::UNKNOWN_OBJECT),
    ] {
        for terms in [Some((false, 0)), None] {
            let answers = ask_apdu(s, Time::ZERO, &subscribe(object, terms));
            let [Apdu::Error(e)] = &answers[..] else { panic!("{answers:?}") };
            assert_eq!((e.error_class, e.error_code), (ErrorClass::OBJECT, code));
        }
    }
}

#[test]
fn subscriptions_are_bounded_for_one_peer_and_in_all() {
    let mut s = session();
    let mut from = |ip: u8, process| {
        let peer = codec::Peer { address: ([127, 0, 0, ip], 9).into(), route: None };
        let request = Request::SubscribeCov { process, object: of("valve"), terms: Some((false, 0)) };
        let apdu = Apdu::ConfirmedRequest(confirmed(1, &request));
        s.receive(Time::ZERO, peer.address, &codec::datagram(&peer, true, &apdu));
        match sent(&mut s).remove(0).1 {
            Apdu::SimpleAck(_) => true,
            Apdu::Error(e) => {
                assert_eq!(e.error_code, ErrorCode::NO_SPACE_TO_ADD_LIST_ELEMENT);
                false
            }
            other => panic!("{other:?}"),
        }
    };
    let mut taken = 0;
    for ip in 1..=20 {
        let of_peer = (0..100).filter(|process| from(ip, *process)).count();
        assert!(of_peer <= limits::BACNET_SUBSCRIPTIONS_PER_PEER);
        taken += of_peer;
    }
    assert_eq!(taken, limits::BACNET_SUBSCRIPTIONS);
    // Renewing what one has is always possible.
    assert!(from(1, 0));
}

#[test]
fn notifications_that_nobody_confirms_do_not_keep_the_device_from_others() {
    let mut s = session();
    for round in 0..2_000_u32 {
        let now = Time::from_millis(u64::from(round));
        for terms in [Some((true, 0)), None] {
            let request = Request::SubscribeCov { process: round, object: of("valve"), terms };
            let answers = ask_apdu(&mut s, now, &Apdu::ConfirmedRequest(confirmed(7, &request)));
            assert!(matches!(answers[0], Apdu::SimpleAck(_)), "{answers:?}");
        }
        assert_eq!(s.poll_timeout(), None, "a subscription that is over waits for nothing");
    }
    // Those whose time is over are given up likewise.
    let mut s = session();
    ask_apdu(&mut s, Time::ZERO, &subscribe(of("valve"), Some((true, 1))));
    s.advance(Time::from_secs(1));
    assert_eq!(s.poll_timeout(), None);
}

#[test]
fn who_finds_no_room_among_the_datagrams_is_told_when_there_is_some() {
    let mut s = session();
    for (n, process) in (0..60_u32).enumerate() {
        let request = Request::SubscribeCov { process, object: of("supply_temp"), terms: Some((false, 0)) };
        ask_apdu(&mut s, Time::ZERO, &Apdu::ConfirmedRequest(confirmed(n as u8, &request)));
    }
    let mut told = 0;
    for turn in 0..20 {
        s.publish(&[good("supply_temp", 20.0 + f64::from(turn))], &[]);
        s.advance(T1);
        assert_eq!(s.poll_timeout(), None, "nothing is due before there is room");
    }
    while s.poll_transmit().is_some() {
        told += 1;
    }
    assert_eq!(told, limits::BACNET_QUEUED_DATAGRAMS);
    assert!(s.poll_timeout().is_some_and(|due| due <= T1), "the rest is told now");
    s.advance(T1);
    assert!(!sent(&mut s).is_empty());
    assert_eq!(s.poll_timeout(), None);
}
