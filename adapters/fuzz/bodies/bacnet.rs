//! What must hold of any octets that reach the BACnet codec and sessions.

use std::net::SocketAddr;
use std::sync::LazyLock;

use aegis_adapters::bacnet::apdu::{decode_apdu, encode_apdu};
use aegis_adapters::bacnet::bvll::Bvll;
use aegis_adapters::bacnet::codec::{self, Opened};
use aegis_adapters::bacnet::enums::{ConfirmedServiceChoice, PropertyIdentifier, UnconfirmedServiceChoice};
use aegis_adapters::bacnet::exchange::{Event, Exchange};
use aegis_adapters::bacnet::service::{self, Announcement, PropertyRef, Request};
use aegis_adapters::bacnet::{Binding, Device, Identity, MAX_APDU, Patience, Session};
use aegis_adapters::limits;
use aegis_models::{PointIx, Profile, Quality, Sample, Time};
use bytes::{Bytes, BytesMut};

const PROFILE: &str = r#"
kind = "unit"
title = "Unit"
doc = "A reading and a set-point."
calibration = { span = "1m" }
bacnet = { model = "U" }

[[point]]
id = "reading"
doc = "A reading."
unit = "degC"
period = "1s"
range = [0.0, 50.0]
bacnet = { object = "analog-input", instance = 1 }

[[point]]
id = "setting"
doc = "A set-point."
role = "setpoint"
access = "write"
period = "1s"
range = [0.0, 100.0]
nominal = 50.0
bacnet = { object = "analog-value", instance = 7 }
"#;

fn peer() -> SocketAddr {
    ([127, 0, 0, 1], 47_809).into()
}

/// What a device sends fits a datagram of BACnet/IP, with the longest of network headers.
const LONGEST: usize = MAX_APDU as usize + 32;

/// A datagram decodes to what encodes to the same octets, or is an error.
pub fn datagram(data: &[u8]) {
    let octets = Bytes::copy_from_slice(data);
    if let Ok(bvll) = Bvll::decode(&octets) {
        let again = Bytes::from(bvll.encode());
        assert_eq!(Bvll::decode(&again).as_ref(), Ok(&bvll));
        assert_eq!(again, octets);
    }
    if let Ok(Opened::Apdu(received)) = codec::open(peer(), data) {
        assert!(received.apdu.len() <= data.len());
        if let Ok(apdu) = decode_apdu(received.apdu)
            && encode_apdu(&mut BytesMut::new(), &apdu).is_ok()
        {
            let sent = codec::datagram(&codec::Peer { address: peer(), route: None }, false, &apdu);
            let Ok(Opened::Apdu(back)) = codec::open(peer(), &sent) else { panic!("our own datagram opens") };
            assert_eq!(decode_apdu(back.apdu).as_ref().ok(), Some(&apdu));
        }
    }
}

/// An APDU decodes to what encodes to something that decodes the same, or is an error.
pub fn apdu(data: &[u8]) {
    let Ok(apdu) = decode_apdu(Bytes::copy_from_slice(data)) else { return };
    let mut out = BytesMut::new();
    // The decoder takes a segment's window of 0, which the encoder does not make.
    if encode_apdu(&mut out, &apdu).is_ok() {
        assert_eq!(decode_apdu(out.freeze()).ok(), Some(apdu));
    }
}

/// The parameters of every service decode to what encodes to something that decodes the same, or are an error.
pub fn service(data: &[u8]) {
    for choice in (0..=40).map(ConfirmedServiceChoice::from_raw) {
        if let Some(Ok(request)) = Request::decode(choice, data) {
            let (service, octets) = request.encode();
            assert_eq!(service, choice);
            assert_eq!(Request::decode(service, &octets), Some(Ok(request)));
        }
    }
    for choice in (0..=12).map(UnconfirmedServiceChoice::from_raw) {
        if let Some(announcement) = Announcement::decode(choice, data) {
            let (service, octets) = announcement.encode();
            assert_eq!(service, choice);
            assert_eq!(Announcement::decode(service, &octets), Some(announcement));
        }
    }
    if let Ok((object, property, value)) = service::decode_read_ack(data) {
        let mut out = BytesMut::new();
        service::open_read_ack(&mut out, &object, property);
        out.extend_from_slice(&value);
        service::close_read_ack(&mut out);
        assert_eq!(service::decode_read_ack(&out), Ok((object, property, value)));
    }
    if let Ok(objects) = service::decode_read_multiple_ack(data) {
        assert!(objects.iter().map(|(_, r)| r.len() + 1).sum::<usize>() <= data.len());
    }
}

/// Datagrams as the session bodies take them: each behind its length in two octets.
#[allow(dead_code)]
pub fn frames(datagrams: &[&[u8]]) -> Vec<u8> {
    datagrams
        .iter()
        .flat_map(|d| (d.len() as u16).to_be_bytes().into_iter().chain(d.iter().copied()))
        .collect()
}

fn each(mut data: &[u8], mut take: impl FnMut(&[u8])) {
    while let Some(([high, low], rest)) = data.split_first_chunk::<2>().map(|(n, rest)| (*n, rest)) {
        let n = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        take(&rest[..n]);
        data = &rest[n..];
    }
}

/// Whatever datagrams come, a device sends a bounded amount, writes only values in range, and serves on.
pub fn server(data: &[u8]) {
    static DEVICE: LazyLock<(Device, Profile)> = LazyLock::new(|| {
        let profile = Profile::parse(PROFILE).expect("the profile is right");
        let identity = Identity { name: "U".into(), instance: 4001 };
        (Device::new(&identity, &profile).expect("it can be bound"), profile)
    });
    let (device, profile) = &*DEVICE;
    let mut session = Session::new(device.clone(), Patience::default());
    let mut now = Time::ZERO;
    each(data, |datagram| {
        session.receive(now, peer(), datagram);
        let value = now.secs_f64();
        session.publish(&[Sample { point: PointIx(0), value, quality: Quality::Good }], &[]);
        session.advance(now);
        // Whatever came, nothing is due at once for good: who serves others may turn to them.
        assert!(session.poll_timeout().is_none_or(|due| due > now), "due at once after its time");
        let mut sent = 0;
        while let Some((_, datagram)) = session.poll_transmit() {
            assert!(datagram.len() <= LONGEST, "{} octets", datagram.len());
            sent += 1;
        }
        // One answer, and a notification for each subscription.
        assert!(sent <= 2 + limits::BACNET_SUBSCRIPTIONS);
        for (point, value) in session.take_writes() {
            let [low, high] = profile.point(point).range;
            assert!((low..=high).contains(&value), "{value}");
        }
        now = now.after(std::time::Duration::from_secs(1));
    });
    let mut exchange = Exchange::new(peer(), 1, Patience::default());
    let object = device.binding().places()[0].object;
    let own = PropertyRef::of(PropertyIdentifier::OBJECT_NAME);
    exchange.call(now, &Request::ReadProperty(object, own));
    session.receive(now, peer(), &exchange.poll_transmit().expect("it asks"));
    while let Some((_, datagram)) = session.poll_transmit() {
        exchange.receive(peer(), &datagram);
    }
    let mut events = std::iter::from_fn(|| exchange.poll_event());
    assert!(events.any(|e| matches!(e, Event::Called(Some(_)))), "it answers as ever");
}

/// Whatever datagrams come, a client keeps and sends a bounded amount, and its call ends.
pub fn client(data: &[u8]) {
    let binding = {
        static BINDING: LazyLock<Binding> = LazyLock::new(|| {
            Binding::new(&Profile::parse(PROFILE).expect("the profile is right")).expect("it can be bound")
        });
        &*BINDING
    };
    let patience = Patience::default();
    let mut exchange = Exchange::new(peer(), 1, patience);
    let of = vec![PropertyRef::of(PropertyIdentifier::PRESENT_VALUE)];
    let all = binding.places().iter().map(|p| (p.object, of.clone())).collect();
    exchange.call(Time::ZERO, &Request::ReadPropertyMultiple(all));
    let mut ended = 0;
    let mut drain = |exchange: &mut Exchange| {
        let mut sent = 0;
        while let Some(datagram) = exchange.poll_transmit() {
            assert!(datagram.len() <= LONGEST);
            sent += 1;
        }
        assert!(sent <= 2, "one answer, and one request again");
        while let Some(event) = exchange.poll_event() {
            ended += usize::from(matches!(event, Event::Called(_)));
            assert!(ended <= 1, "a call ends once");
        }
        ended
    };
    drain(&mut exchange);
    each(data, |datagram| {
        exchange.receive(peer(), datagram);
        drain(&mut exchange);
    });
    let mut rounds = 0;
    while let Some(due) = exchange.poll_timeout() {
        exchange.advance(due);
        drain(&mut exchange);
        rounds += 1;
        assert!(rounds <= u32::from(patience.retries) + 1, "it gives up");
    }
    assert_eq!(drain(&mut exchange), 1, "the call has ended");
}
