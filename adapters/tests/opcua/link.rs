//! What a client hears, writes and loses.

use std::sync::Arc;
use std::time::Duration;

use aegis_adapters::opcua::{Binding, Client, ClientOptions, Memory};
use aegis_adapters::{ClientError, LinkError, Served};
use aegis_models::{PointIx, Quality};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::support::{BEGAN, Running, SOON, binding, frame, free, hear, mill, of, point, quick};

#[tokio::test]
async fn every_point_is_read_as_it_was_published() {
    let server = Running::start(&free()).await;
    let wanted = frame(100, &[("coolant_temp", 0.0, Quality::Bad), ("tool_age", 12.5, Quality::Uncertain)]);
    server.mill.publish(&wanted);
    let mut client = server.client().await;
    assert!(client.notes().is_empty(), "{:?}", client.notes());
    let read = client.read_points().await.unwrap();
    assert_eq!(read.len(), mill().points.len());
    for (was, is) in wanted.samples.iter().zip(&read) {
        assert_eq!((was.point, was.quality), (is.point, is.quality));
        assert!(was.quality == Quality::Bad || was.value == is.value, "{was:?} {is:?}");
    }
}

#[tokio::test]
async fn a_point_without_a_value_yet_is_bad() {
    let server = Running::start(&free()).await;
    let mut client = server.client().await;
    assert!(client.read_points().await.unwrap().iter().all(|s| s.quality == Quality::Bad));
}

#[tokio::test]
async fn each_change_is_heard_once_and_in_order() {
    let server = Running::start(&free()).await;
    server.publish(0, &[("spindle_temp", 20.0, Quality::Good)]);
    let mut client = server.client().await;
    hear(&mut client, |s| of(s, "spindle_temp").filter(|s| s.value == 20.0)).await;
    // Faster than the publishing interval: several changes share a message.
    for (i, value) in (21..=40).enumerate() {
        server.publish(100 * (i as u64 + 1), &[("spindle_temp", f64::from(value), Quality::Good)]);
        tokio::task::yield_now().await;
    }
    let mut values = Vec::new();
    hear(&mut client, |s| {
        values.extend(of(s, "spindle_temp").map(|s| s.value));
        (values.last() == Some(&40.0)).then_some(())
    })
    .await;
    values.retain(|v| *v > 20.0);
    assert_eq!(values, (21..=40).map(f64::from).collect::<Vec<_>>());
}

/// What is heard of a point, with its moments after [`BEGAN`] [ms], until its value is `last`.
async fn history_of(client: &mut Client, id: &str, last: f64) -> Vec<(Option<u64>, f64)> {
    let mut told = Vec::new();
    let hearing = async {
        while told.last().is_none_or(|(_, value)| *value != last) {
            let heard = client.heard().await.unwrap();
            let ms = heard.moment.map(|m| (m.unix_ns - BEGAN) / 1_000_000);
            told.extend(of(&heard.samples, id).map(|s| (ms, s.value)));
        }
    };
    timeout(SOON, hearing).await.expect("it is heard soon");
    told
}

#[tokio::test]
async fn values_that_waited_come_one_after_the_other_with_their_own_moments() {
    let server = Running::start(&free()).await;
    server.publish(0, &[("spindle_temp", 20.0, Quality::Good)]);
    let mut client = server.client().await;
    assert_eq!(history_of(&mut client, "spindle_temp", 20.0).await, [(Some(0), 20.0)]);
    // All of it waits at the server, and comes in one message.
    for n in 1..=20 {
        let rising = [
            ("spindle_temp", 20.0 + n as f64, Quality::Good),
            ("coolant_flow", 12.0 + n as f64 / 2.0, Quality::Good),
        ];
        server.publish(100 * n, &rising);
    }
    let told = history_of(&mut client, "spindle_temp", 40.0).await;
    assert_eq!(told, (1..=20).map(|n| (Some(100 * n), 20.0 + n as f64)).collect::<Vec<_>>());
    assert!(client.notes().is_empty(), "{:?}", client.notes());
}

#[tokio::test]
async fn values_that_a_full_queue_lost_are_noted() {
    let server = Running::start(&free()).await;
    server.publish(0, &[("spindle_temp", 20.0, Quality::Good)]);
    let mut client = server.client().await;
    history_of(&mut client, "spindle_temp", 20.0).await;
    let count = 2 * aegis_adapters::limits::OPCUA_QUEUED_VALUES as u64;
    for n in 1..=count {
        server.publish(100 * n, &[("spindle_temp", 20.0 + n as f64 / 10.0, Quality::Good)]);
    }
    let last = f64::from((20.0 + count as f64 / 10.0) as f32);
    let told = history_of(&mut client, "spindle_temp", last).await;
    assert!(told.len() < count as usize, "{told:?}");
    assert_eq!(client.notes(), ["values of Spindle.BearingTemperature were lost: a queue ran over"]);
}

#[tokio::test]
async fn what_happened_while_the_link_was_down_is_told_first_and_with_its_own_moments() {
    let server = Running::start(&free()).await;
    server.publish(0, &[("spindle_temp", 20.0, Quality::Good)]);
    let memory = Memory::default();
    let address = server.address.to_string();
    let mut client = Client::resume(&address, binding(), &quick(), &memory).await.unwrap();
    server.publish(1_000, &[("spindle_temp", 21.0, Quality::Good)]);
    history_of(&mut client, "spindle_temp", 21.0).await;
    client.disconnect().await;
    // A spike that is over before anybody is back.
    for (s, value) in [(2, 22.0), (3, 95.0), (4, 23.0), (5, 24.0)] {
        server.publish(1_000 * s, &[("spindle_temp", value, Quality::Good)]);
    }
    let mut client = Client::resume(&address, binding(), &quick(), &memory).await.unwrap();
    assert!(client.notes().is_empty(), "{:?}", client.notes());
    server.publish(6_000, &[("spindle_temp", 25.0, Quality::Good)]);
    let told = history_of(&mut client, "spindle_temp", 25.0).await;
    let wanted = [(2, 22.0), (3, 95.0), (4, 23.0), (5, 24.0), (5, 24.0), (6, 25.0)];
    assert_eq!(told, wanted.map(|(s, value)| (Some(1_000 * s), value)), "the fifth is the image");
}

#[tokio::test]
async fn a_change_of_quality_alone_is_heard() {
    let server = Running::start(&free()).await;
    server.publish(0, &[("coolant_flow", 12.0, Quality::Good)]);
    let mut client = server.client().await;
    for (ms, quality) in [(100, Quality::Uncertain), (200, Quality::Bad), (300, Quality::Good)] {
        server.publish(ms, &[("coolant_flow", 12.0, quality)]);
        let heard = hear(&mut client, |s| of(s, "coolant_flow").filter(|s| s.quality == quality)).await;
        assert!(quality == Quality::Bad || heard.value == 12.0);
    }
}

#[tokio::test]
async fn a_deadband_holds_back_what_says_nothing() {
    let server = Running::start(&free()).await;
    server.publish(0, &[("spindle_temp", 20.0, Quality::Good)]);
    let mut client = server.client_with(&ClientOptions { deadband: true, ..quick() }).await;
    hear(&mut client, |s| of(s, "spindle_temp")).await;
    // Its repeatability is 0.2 K.
    server.publish(100, &[("spindle_temp", 20.01, Quality::Good)]);
    server.publish(200, &[("spindle_temp", 20.5, Quality::Good)]);
    let mut heard = Vec::new();
    hear(&mut client, |s| {
        heard.extend(of(s, "spindle_temp").map(|s| s.value as f32));
        (heard.last() == Some(&20.5)).then_some(())
    })
    .await;
    assert!(!heard.contains(&20.01), "{heard:?}");
}

#[tokio::test]
async fn a_steady_image_is_repeated() {
    let server = Running::start(&free()).await;
    server.publish(0, &[]);
    // The server is heard of three times within the timeout, changed or not.
    let image = Duration::from_millis(20);
    let options = ClientOptions { image, timeout: Duration::from_secs(1), ..quick() };
    let mut client = server.client_with(&options).await;
    let mut whole = 0;
    hear(&mut client, |s| {
        whole += usize::from(s.len() == mill().points.len());
        (whole >= 5).then_some(())
    })
    .await;
    let image = client.heard().await.unwrap();
    assert_eq!(image.moment, None, "nothing has changed: it is as of now");
    assert_eq!(
        of(&image.samples, "coolant_flow_sp").map(|s| (s.value, s.quality)),
        Some((12.0, Quality::Good))
    );
}

#[tokio::test]
async fn set_points_are_written_by_value_and_by_method() {
    let server = Running::start(&free()).await;
    server.publish(0, &[]);
    let mut client = server.client().await;
    let wanted = [
        ("coolant_flow_sp", 13.5),
        ("feed_override", 95.0),
        ("run_enable", 0.0),
        ("spindle_speed_sp", 900.0),
    ];
    for (id, value) in wanted {
        client.write_point(point(id), value).await.unwrap();
        let read = client.read_points().await.unwrap();
        assert_eq!(of(&read, id).map(|s| s.value), Some(value), "{id} reads back at once");
    }
    // Frames that the machine made before it knew do not undo what a client sees.
    server.publish(100, &[]);
    assert_eq!(of(&client.read_points().await.unwrap(), "feed_override").map(|s| s.value), Some(95.0));
    assert_eq!(server.mill.take_writes(), wanted.map(|(id, value)| (point(id), value)));
    assert_eq!(server.mill.take_writes(), []);
    server.publish(200, &[]);
    assert_eq!(of(&client.read_points().await.unwrap(), "feed_override").map(|s| s.value), Some(100.0));
}

#[tokio::test]
async fn what_may_not_be_written_is_not_sent() {
    let server = Running::start(&free()).await;
    let mut client = server.client().await;
    for (id, value) in [("spindle_temp", 20.0), ("feed_override", 151.0), ("feed_override", f64::NAN)] {
        let refused = client.write_point(point(id), value).await;
        assert!(matches!(refused, Err(ClientError::Unwritable { .. })), "{id} {value}: {refused:?}");
    }
    assert_eq!(server.mill.take_writes(), []);
    assert!(!client.is_closed());
}

#[tokio::test]
async fn a_machine_s_refusal_leaves_the_link_standing() {
    let server = Running::start(&free()).await;
    server.publish(0, &[]);
    // A client that believes in wider ranges than the machine has, and in other ways to write.
    let mut other = mill();
    for p in &mut other.points {
        if matches!(p.id.as_str(), "feed_override" | "coolant_flow_sp") {
            p.range = [0.0, 1000.0];
        }
        if p.id == "spindle_temp" {
            p.access = aegis_models::profile::Access::Write;
        }
    }
    let binding = Arc::new(Binding::new(&other).unwrap());
    let mut client = Client::connect(&server.address.to_string(), binding, &quick()).await.unwrap();
    for (id, value, wanted) in [
        ("coolant_flow_sp", 500.0, "BadOutOfRange"),
        ("feed_override", 500.0, "BadOutOfRange"),
        ("spindle_temp", 20.0, "BadNotWritable"),
    ] {
        match client.write_point(point(id), value).await {
            Err(ClientError::Refused { answer, .. }) => assert_eq!(answer, wanted, "{id}"),
            other => panic!("{id}: {other:?}"),
        }
    }
    assert_eq!(server.mill.take_writes(), []);
    client.write_point(point("feed_override"), 95.0).await.unwrap();
}

#[tokio::test]
async fn a_node_that_is_not_there_is_named_and_bad() {
    let server = Running::start(&free()).await;
    server.publish(0, &[]);
    let mut other = mill();
    other.points[point("spindle_temp").0 as usize].opcua.as_mut().unwrap().node = "Spindle.Nowhere".into();
    let binding = Arc::new(Binding::new(&other).unwrap());
    let mut client = Client::connect(&server.address.to_string(), binding, &quick()).await.unwrap();
    assert_eq!(client.notes(), ["there is no node Spindle.Nowhere"]);
    let read = client.read_points().await.unwrap();
    assert_eq!(of(&read, "spindle_temp").map(|s| s.quality), Some(Quality::Bad));
    assert_eq!(of(&read, "coolant_flow").map(|s| s.quality), Some(Quality::Good));
}

#[tokio::test]
async fn another_kind_of_machine_is_refused() {
    let server = Running::start(&free()).await;
    let mut other = mill();
    other.opcua.as_mut().unwrap().namespace = "urn:somebody:else".into();
    let binding = Arc::new(Binding::new(&other).unwrap());
    let refused = Client::connect(&server.address.to_string(), binding, &quick()).await;
    assert!(
        matches!(&refused, Err(LinkError::Mismatch(why)) if why.contains("urn:somebody:else")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_server_that_stops_ends_the_link_and_one_that_is_back_is_heard_again() {
    let server = Running::start(&free()).await;
    server.publish(0, &[("spindle_temp", 20.0, Quality::Good)]);
    let address = server.address;
    let mut client = server.client().await;
    hear(&mut client, |s| of(s, "spindle_temp")).await;
    server.stop().await;
    let lost = timeout(SOON, async {
        loop {
            if let Err(e) = client.heard().await {
                break e;
            }
        }
    });
    let lost = lost.await.unwrap();
    assert!(matches!(lost, LinkError::Broken(_)), "{lost:?}");
    assert!(client.is_closed());
    assert!(matches!(client.heard().await, Err(LinkError::Closed)));
    assert!(matches!(
        client.write_point(point("feed_override"), 95.0).await,
        Err(ClientError::Link(LinkError::Closed))
    ));
    assert!(Client::connect(&address.to_string(), binding(), &quick()).await.is_err());

    let server = Running::start_at(address, &free()).await;
    server.publish(0, &[("spindle_temp", 33.0, Quality::Good)]);
    let mut client = server.client().await;
    let first = client.heard().await.unwrap();
    let value = of(&first.samples, "spindle_temp").map(|s| s.value);
    assert_eq!(value, Some(33.0), "the whole image comes first");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_noticed_within_the_timeout() {
    // A relay that stops carrying bytes, with both ends still open.
    let server = Running::start(&free()).await;
    server.publish(0, &[]);
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = relay.local_addr().unwrap();
    let (cut, is_cut) = tokio::sync::watch::channel(false);
    let target = server.address;
    tokio::spawn(async move {
        loop {
            let (mut near, _) = relay.accept().await.unwrap();
            let mut far = tokio::net::TcpStream::connect(target).await.unwrap();
            let mut cut = is_cut.clone();
            tokio::spawn(async move {
                let cut = async { drop(cut.wait_for(|cut| *cut).await) };
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
                    () = cut => {}
                }
                std::future::pending::<()>().await;
            });
        }
    });
    let options = ClientOptions { timeout: Duration::from_millis(600), ..quick() };
    let mut client = Client::connect(&address.to_string(), binding(), &options).await.unwrap();
    client.heard().await.unwrap();
    cut.send(true).unwrap();
    let lost = timeout(SOON, async {
        loop {
            if let Err(e) = client.heard().await {
                break e;
            }
        }
    });
    assert!(matches!(lost.await.unwrap(), LinkError::Timeout(_)));
}

#[tokio::test]
async fn a_peer_that_accepts_and_says_nothing_costs_the_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ClientOptions { timeout: Duration::from_millis(200), ..quick() };
    let address = silent.local_addr().unwrap().to_string();
    let refused = timeout(SOON, Client::connect(&address, binding(), &options)).await.unwrap();
    assert!(matches!(refused, Err(LinkError::Timeout(_))), "{refused:?}");
}

#[tokio::test]
async fn hearing_may_be_given_up_at_any_moment() {
    let server = Running::start(&free()).await;
    server.publish(0, &[("spindle_temp", 20.0, Quality::Good)]);
    let mut client = server.client().await;
    hear(&mut client, |s| of(s, "spindle_temp")).await;
    let mut values = Vec::new();
    for value in 21..=30 {
        server.publish(100 * (value - 20), &[("spindle_temp", value as f64, Quality::Good)]);
        // Given up again and again, at whatever point it is.
        for _ in 0..20 {
            if let Ok(Ok(heard)) = timeout(Duration::from_millis(1), client.heard()).await {
                values.extend(of(&heard.samples, "spindle_temp").map(|s| s.value as u64));
            }
        }
    }
    if values.last() != Some(&30) {
        hear(&mut client, |s| {
            values.extend(of(s, "spindle_temp").map(|s| s.value as u64));
            (values.last() == Some(&30)).then_some(())
        })
        .await;
    }
    values.retain(|v| *v > 20);
    assert_eq!(values, (21..=30).collect::<Vec<_>>());
}

#[test]
fn every_point_of_the_mill_has_a_node() {
    let binding = binding();
    assert_eq!(binding.places().len(), mill().points.len());
    assert!((0..mill().points.len()).all(|i| binding.index(PointIx(i as u16)) == Some(i)));
}
