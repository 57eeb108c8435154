use std::time::Duration;

use aegis_adapters::bacnet::apdu::{AbortPdu, ErrorPdu, RejectPdu, SimpleAck};
use aegis_adapters::bacnet::enums::{
    AbortReason, ConfirmedServiceChoice as Confirmed, ErrorClass, ErrorCode, PropertyIdentifier as P,
    RejectReason,
};
use aegis_adapters::bacnet::service::{self, Announcement, Request};
use aegis_adapters::bacnet::{
    Apdu, Client, ClientOptions, Datagrams, Handle, Pipe, PropertyValue as V, apdu, pipe, serve,
};
use aegis_adapters::{ClientError, LinkError, Served};
use aegis_models::{PointIx, Quality, Sample, Time};
use bytes::Bytes;
use proptest::prelude::*;
use tokio::time::Instant;

use super::client_support::*;
use super::support::*;

#[tokio::test(start_paused = true)]
async fn a_clean_link_shows_the_image_of_the_device_and_carries_writes() {
    let (mut client, handle) = served();
    client.greet().await.unwrap();
    assert_eq!(binding().groups().len(), 2, "seconds and minutes");
    for (i, expected) in groups(&image()).into_iter().enumerate() {
        assert_eq!(client.read_group(i).await.unwrap(), expected);
    }
    let (sp, enable, stage) = (point("supply_temp_sp"), point("enable"), point("stage"));
    client.write_point(sp, 21.7).await.unwrap();
    client.write_point(enable, 0.0).await.unwrap();
    client.write_point(stage, 3.0).await.unwrap();
    assert_eq!(client.read_point(sp).await.unwrap().value, f64::from(21.7_f32));
    client.relinquish(stage).await.unwrap();
    let expected = [(sp, f64::from(21.7_f32)), (enable, 0.0), (stage, 3.0), (stage, 2.0)];
    assert_eq!(handle.take_writes(), expected);

    for (point, value) in
        [(point("supply_temp"), 1.0), (point("unbound"), 1.0), (sp, 30.1), (sp, f64::NAN), (stage, 4.0)]
    {
        let refused = client.write_point(point, value).await.unwrap_err();
        assert!(matches!(refused, ClientError::Unwritable { .. }), "{refused}");
    }
    assert!(!client.is_closed());
}

#[tokio::test(start_paused = true)]
async fn quality_is_what_the_device_says_of_the_value() {
    let (mut client, handle) = served();
    let wanted = [("supply_temp", Quality::Bad), ("mode", Quality::Uncertain), ("valve", Quality::Uncertain)];
    let sample = |(id, quality)| Sample { point: point(id), value: 1.0, quality };
    handle.publish(&frame(wanted.map(sample).to_vec()));
    let samples = client.read_group(0).await.unwrap();
    for s in samples {
        let expected = wanted.iter().find(|(id, _)| point(id) == s.point).map_or(Quality::Good, |(_, q)| *q);
        assert_eq!(s.quality, expected, "{s:?}");
    }
    // Out of service is somebody's word, not the process's.
    let (near, far) = pipe(address(1), address(2));
    let mut device = session();
    write_property(&mut device, of("supply_temp"), P::OUT_OF_SERVICE, &V::Boolean(true), None).unwrap();
    tokio::spawn(serve(far, Handle::new(device), std::future::pending()));
    let mut client = Client::attach(near, address(2), binding(), options());
    assert_eq!(client.read_point(point("supply_temp")).await.unwrap().quality, Quality::Uncertain);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_the_standards_words_and_the_client_goes_on() {
    let (mut client, far) = client();
    let error = |r: apdu::ConfirmedRequest| {
        Some(Apdu::Error(ErrorPdu {
            invoke_id: r.invoke_id,
            service_choice: r.service_choice,
            error_class: ErrorClass::PROPERTY,
            error_code: ErrorCode::WRITE_ACCESS_DENIED,
            error_data: Bytes::new(),
        }))
    };
    device(far, error);
    let refused = client.write_point(point("enable"), 0.0).await.unwrap_err().to_string();
    assert!(refused.ends_with("with error property write-access-denied"), "{refused}");
    let refused = client.read_group(0).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused { .. }), "{refused}");
    assert!(!client.is_closed());

    let (mut client, far) = self::client();
    device(far, |r| {
        let abort_reason = AbortReason::OUT_OF_RESOURCES;
        Some(Apdu::Abort(AbortPdu { sent_by_server: true, invoke_id: r.invoke_id, abort_reason }))
    });
    let refused = client.read_group(0).await.unwrap_err().to_string();
    assert!(refused.ends_with("with abort out-of-resources"), "{refused}");
    assert!(!client.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_point_that_is_not_there_is_bad_and_its_neighbours_are_good() {
    let (near, far) = pipe(address(1), address(2));
    let changed = text().replace("\"analog-input\", instance = 1", "\"analog-input\", instance = 99");
    let other = aegis_models::Profile::parse(&changed).unwrap();
    let binding = std::sync::Arc::new(aegis_adapters::bacnet::Binding::new(&other).unwrap());
    tokio::spawn(serve(far, Handle::new(session()), std::future::pending()));
    let mut client = Client::attach(near, address(2), binding, options());
    for s in client.read_group(0).await.unwrap() {
        assert_eq!(s.quality == Quality::Bad, s.point == point("supply_temp"), "{s:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_without_read_property_multiple_is_read_one_by_one() {
    let (mut client, far) = client();
    let mut device_session = session();
    device(far, move |r| {
        if r.service_choice == Confirmed::READ_PROPERTY_MULTIPLE {
            let reject_reason = RejectReason::UNRECOGNIZED_SERVICE;
            return Some(Apdu::Reject(RejectPdu { invoke_id: r.invoke_id, reject_reason }));
        }
        ask_apdu(&mut device_session, Time::ZERO, &Apdu::ConfirmedRequest(r)).pop()
    });
    for _ in 0..2 {
        assert_eq!(client.read_group(0).await.unwrap(), groups(&image())[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_with_short_answers_is_asked_for_less() {
    let (mut client, far) = client();
    let mut device_session = session();
    let (asked, mut counts) = std::sync::mpsc::channel();
    device(far, move |mut r| {
        r.max_apdu_length = 128;
        if let Some(Ok(Request::ReadPropertyMultiple(all))) =
            Request::decode(r.service_choice, &r.service_request)
        {
            asked.send(all.len()).unwrap();
        }
        ask_apdu(&mut device_session, Time::ZERO, &Apdu::ConfirmedRequest(r)).pop()
    });
    assert_eq!(client.read_group(0).await.unwrap(), groups(&image())[0]);
    let first: Vec<usize> = counts.try_iter().collect();
    assert_eq!(first, [7, 3, 3, 1], "half of what was too much, and then no more");
    assert_eq!(client.read_group(0).await.unwrap(), groups(&image())[0]);
    assert_eq!(counts.try_iter().collect::<Vec<_>>(), [3, 3, 1]);
    let _ = &mut counts;
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_asked_again_and_silence_closes_the_client() {
    let (mut client, far) = client();
    let mut device_session = session();
    let mut asked = 0;
    device(far, move |r| {
        asked += 1;
        // Two of three are lost.
        (asked % 3 == 0)
            .then(|| ask_apdu(&mut device_session, Time::ZERO, &Apdu::ConfirmedRequest(r)).remove(0))
    });
    let began = Instant::now();
    assert_eq!(client.read_group(0).await.unwrap(), groups(&image())[0]);
    assert_eq!(began.elapsed(), Duration::from_millis(1000));

    let (mut client, _far) = self::client();
    let began = Instant::now();
    let e = client.read_group(0).await.unwrap_err();
    assert!(matches!(e, ClientError::Link(LinkError::Timeout(t)) if t == Duration::from_millis(1500)), "{e}");
    assert_eq!(began.elapsed(), Duration::from_millis(1500));
    assert!(client.is_closed());
    let e = client.read_group(0).await.unwrap_err();
    assert!(matches!(e, ClientError::Link(LinkError::Closed)), "{e}");
}

#[tokio::test(start_paused = true)]
async fn only_the_answer_to_the_request_is_taken_for_it() {
    let (mut client, mut far) = client();
    tokio::spawn(async move {
        loop {
            let datagram = recv(&mut far).await;
            let Apdu::ConfirmedRequest(r) = apdu(&datagram) else { panic!() };
            // Of another request, of another service, and noise.
            send(
                &mut far,
                &Apdu::SimpleAck(SimpleAck { invoke_id: r.invoke_id + 1, service_choice: r.service_choice }),
            )
            .await;
            let service_choice = Confirmed::READ_PROPERTY;
            send(&mut far, &Apdu::SimpleAck(SimpleAck { invoke_id: r.invoke_id, service_choice })).await;
            std::future::poll_fn(|cx| far.poll_send(cx, &[0xFF; 40], address(1))).await.unwrap();
        }
    });
    let e = client.write_point(point("enable"), 0.0).await.unwrap_err();
    assert!(matches!(e, ClientError::Link(LinkError::Timeout(_))), "{e}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_makes_no_sense_closes_the_client() {
    for body in [&[0xFF_u8; 8][..], &[], &[0x0C, 0, 0, 0, 9, 0x1E, 0x1F]] {
        let (mut client, far) = client();
        device(far, move |r| Some(complex(&r, Bytes::from_static(body))));
        let e = client.read_group(0).await.unwrap_err();
        assert!(matches!(e, ClientError::Link(LinkError::Mismatch(_))), "{e}");
        assert!(client.is_closed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_read_leaves_a_client_that_takes_no_late_answer_for_its_own() {
    let (mut client, far) = client();
    let mut device_session = session();
    let (go, mut wait) = tokio::sync::mpsc::channel::<()>(8);
    let mut far = far;
    tokio::spawn(async move {
        while wait.recv().await.is_some() {
            let Apdu::ConfirmedRequest(r) = apdu(&recv(&mut far).await) else { panic!() };
            let answer = ask_apdu(&mut device_session, Time::ZERO, &Apdu::ConfirmedRequest(r)).remove(0);
            send(&mut far, &answer).await;
        }
    });
    tokio::select! {
        biased;
        _ = client.read_point(point("supply_temp")) => panic!("nobody answers yet"),
        () = tokio::time::sleep(Duration::from_millis(100)) => {}
    }
    for _ in 0..3 {
        go.send(()).await.unwrap();
    }
    let read = client.read_point(point("run_hours")).await.unwrap();
    assert_eq!((read.point, read.value), (point("run_hours"), 70_001.0));
}

#[tokio::test(start_paused = true)]
async fn greeting_finds_the_device_or_says_why_not() {
    let (client, far) = client();
    drop(client);
    let _ = far;
    // The right instance, the wrong one.
    for (wanted, found) in [(INSTANCE, true), (7, false)] {
        let (near, far) = pipe(address(1), address(2));
        let mut device = far;
        tokio::spawn(async move {
            loop {
                recv(&mut device).await;
                let i_am =
                    Announcement::IAm { device: device_id(), max_apdu: 480, segmentation: 3, vendor: 1 };
                send(&mut device, &unconfirmed(&i_am)).await;
            }
        });
        let options = ClientOptions { device: Some(wanted), ..options() };
        let mut client = Client::attach(near, address(2), binding(), options);
        let greeted = client.greet().await;
        assert_eq!(greeted.is_ok(), found);
        if let Err(e) = greeted {
            assert_eq!(e.to_string(), format!("the device answered something else: it is device {INSTANCE}"));
        }
    }
    // Nobody.
    let (mut client, _far) = self::client();
    assert!(matches!(client.greet().await, Err(LinkError::Timeout(_))));
    // A device whose I-Am never comes back still says who it is.
    for (wanted, said) in
        [(None, None), (Some(INSTANCE), None), (Some(7), Some("it does not say that it is device 7"))]
    {
        let (near, far) = pipe(address(1), address(2));
        let options = ClientOptions { device: wanted, ..options() };
        let mut client = Client::attach(near, address(2), binding(), options);
        let mut device_session = session();
        device(far, move |r| ask_apdu(&mut device_session, Time::ZERO, &Apdu::ConfirmedRequest(r)).pop());
        let greeted = client.greet().await.map_err(|e| e.to_string());
        match said {
            None => greeted.unwrap(),
            Some(said) => assert!(greeted.as_ref().is_err_and(|e| e.contains(said)), "{greeted:?}"),
        }
        // Nothing is ever written to another one.
        assert_eq!(client.write_point(point("enable"), 0.0).await.is_ok(), said.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_put_back_is_taken_back_and_follows_whoever_it_followed() {
    let (sp, id) = (point("supply_temp_sp"), of("supply_temp_sp"));
    let array = |client: &Handle| client.take_writes();
    for by_schedule in [false, true] {
        let (near, far) = pipe(address(1), address(2));
        let mut device = session();
        if by_schedule {
            write(&mut device, id, &V::Real(20.0), Some(15)).unwrap();
        }
        device.take_writes();
        let handle = Handle::new(device);
        tokio::spawn(serve(far, handle.clone(), std::future::pending()));
        let mut client = Client::attach(near, address(2), binding(), options());
        let before = client.read_point(sp).await.unwrap().value;
        assert_eq!(before, if by_schedule { 20.0 } else { 18.0 });
        // Written although it holds already: nobody commands it at this priority yet.
        client.write_or_relinquish(sp, before).await.unwrap();
        client.write_or_relinquish(sp, 25.0).await.unwrap();
        assert_eq!(client.read_point(sp).await.unwrap().value, 25.0);
        client.write_or_relinquish(sp, before).await.unwrap();
        assert_eq!(array(&handle).last(), Some(&(sp, before)));
        assert_eq!(client.read_point(sp).await.unwrap().value, before);
        // The slot is free: a relinquished one has nothing to take back.
        let mut other = Client::attach(far_reader(&handle), address(2), binding(), options());
        other.relinquish(sp).await.unwrap();
        assert_eq!(array(&handle), [], "nobody commands at 10 any more");
    }
}

/// Another station's way to a device that is served.
fn far_reader(handle: &Handle) -> Pipe {
    let (near, far) = pipe(address(1), address(2));
    tokio::spawn(serve(far, handle.clone(), std::future::pending()));
    near
}

#[tokio::test(start_paused = true)]
async fn a_device_that_says_what_it_takes_is_asked_for_no_more() {
    let (mut client, far) = client();
    let mut device_session = session();
    let (asked, counts) = std::sync::mpsc::channel();
    device(far, move |r| {
        let asks = Request::decode(r.service_choice, &r.service_request);
        if let Some(Ok(Request::ReadProperty(object, of))) = &asks
            && of.property == P::MAX_APDU_LENGTH_ACCEPTED
        {
            let mut ack = bytes::BytesMut::new();
            service::open_read_ack(&mut ack, object, *of);
            ack.extend_from_slice(&tagged(&V::Unsigned(128)));
            service::close_read_ack(&mut ack);
            return Some(complex(&r, ack.freeze()));
        }
        if let Some(Ok(Request::ReadPropertyMultiple(all))) = asks {
            asked.send(all.len()).unwrap();
        }
        ask_apdu(&mut device_session, Time::ZERO, &Apdu::ConfirmedRequest(r)).pop()
    });
    client.greet().await.unwrap();
    client.read_group(0).await.unwrap();
    assert!(counts.try_iter().all(|n| n <= 3), "128 octets hold three points");
}

#[tokio::test(start_paused = true)]
async fn subscribed_changes_are_heard_and_subscriptions_renewed() {
    for confirmed in [false, true] {
        let (mut client, handle) = served();
        assert_eq!(client.subscribe(confirmed, 60).await.unwrap(), 8);
        // The first word of every subscription.
        for _ in 0..8 {
            client.heard().await.unwrap();
        }
        for minute in 1..5 {
            let value = f64::from(20 + minute);
            handle.publish(&frame(vec![good("supply_temp", value)]));
            assert_eq!(client.heard().await.unwrap(), good("supply_temp", value), "minute {minute}");
            // Longer than the subscription lasts: what renews it also tells again.
            let renewed = tokio::time::timeout(Duration::from_secs(59), async {
                loop {
                    client.heard().await.unwrap();
                }
            });
            assert!(renewed.await.is_err());
        }
        // Reading goes on beside it.
        assert_eq!(client.read_point(point("run_hours")).await.unwrap().value, 70_001.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_falls_silent_is_noticed_when_subscriptions_are_renewed() {
    let (mut client, far) = client();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = serve(far, Handle::new(session()), async {
        let _ = stopped.await;
    });
    tokio::spawn(serving);
    client.subscribe(false, 60).await.unwrap();
    for _ in 0..8 {
        client.heard().await.unwrap();
    }
    stop.send(()).unwrap();
    let e = client.heard().await.unwrap_err();
    assert!(matches!(e, LinkError::Timeout(_)), "{e}");
    assert!(client.is_closed());
}

#[test]
fn two_runs_in_virtual_time_are_the_same() {
    let run = || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (mut client, handle) = served();
            let began = Instant::now();
            let mut log = Vec::new();
            client.subscribe(true, 30).await.unwrap();
            for i in 0..50 {
                handle.publish(&frame(vec![good("supply_temp", f64::from(i))]));
                let heard = tokio::time::timeout(Duration::from_secs(2), client.heard()).await;
                log.push((began.elapsed(), format!("{heard:?}")));
                log.push((began.elapsed(), format!("{:?}", client.read_group(0).await)));
            }
            log
        })
    };
    assert_eq!(run(), run());
}

#[test]
fn the_acknowledgements_of_several_reads_are_read() {
    // A service's own decoder, on what the device makes, is used throughout; here on what it must refuse.
    for bad in
        [&[0x0C][..], &[0x0C, 0, 0, 0, 1, 0x1E], &[0x0C, 0, 0, 0, 1, 0x1E, 0x29, 0x55, 0x5E, 0x91, 1, 0x5F]]
    {
        assert!(service::decode_read_multiple_ack(bad).is_err(), "{bad:02X?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_published_is_read_back(unit in prop::collection::vec(0.0..=1.0_f64, 8)) {
        let samples: Vec<Sample> = binding()
            .places()
            .iter()
            .zip(&unit)
            .map(|(p, u)| {
                let value = p.held(p.range[0] + u * (p.range[1] - p.range[0]));
                Sample { point: p.point, value, quality: Quality::Good }
            })
            .collect();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let read = runtime.block_on(async {
            let (mut client, handle) = served();
            handle.publish(&frame(samples.clone()));
            let mut read = client.read_group(0).await.unwrap();
            read.extend(client.read_group(1).await.unwrap());
            read
        });
        let mut read = read;
        read.sort_by_key(|s| s.point);
        prop_assert_eq!(read, samples);
        prop_assert_eq!(PointIx(8), point("unbound"));
    }
}
