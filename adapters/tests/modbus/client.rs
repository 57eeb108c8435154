use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_adapters::modbus::{
    Binding, Client, Line, LineTiming, RegisterMap, ServeOptions, Units, serve_line, serve_stream,
};
use aegis_adapters::{ClientError, LinkError};
use aegis_models::profile::DataType;
use aegis_models::{Quality, Sample};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::support::{adu, binding, ffu, image, point, shared};

const PATIENCE: Duration = Duration::from_millis(200);

/// A client, and the far end of its stream.
fn client() -> (Client, DuplexStream) {
    let (near, far) = duplex(4096);
    (Client::attach(near, 1, binding(), PATIENCE), far)
}

/// A client whose device sends `reply` after the first request.
async fn answered(reply: &[u8]) -> Client {
    let (client, mut far) = client();
    let reply = reply.to_vec();
    tokio::spawn(async move {
        let mut request = [0; 12];
        far.read_exact(&mut request).await.unwrap();
        far.write_all(&reply).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    });
    client
}

#[tokio::test]
async fn a_clean_link_shows_the_image_of_the_device_and_carries_writes() {
    let (mut client, far) = client();
    let device = shared();
    let served = device.clone();
    tokio::spawn(async move { serve_stream(far, &served, ServeOptions::default(), || {}).await });

    let samples = client.read_group(0).await.unwrap();
    let good = |(i, value)| Sample { point: aegis_models::PointIx(i), value, quality: Quality::Good };
    let expected: Vec<Sample> = (0..).zip(image()).map(good).collect();
    assert_eq!(samples, expected);

    let (speed, enable, airflow) = (point("fan_speed_sp"), point("run_enable"), point("airflow"));
    client.write_point(speed, 1499.9).await.unwrap();
    client.write_point(enable, 0.0).await.unwrap();
    assert_eq!(client.read_point(speed).await.unwrap().value, f64::from(1499.9_f32));
    let writes = device.lock().unwrap().take_writes();
    assert_eq!(writes, [(speed, f64::from(1499.9_f32)), (enable, 0.0)]);

    for (point, value) in [(airflow, 1.0), (speed, 2000.1), (speed, f64::NAN)] {
        let refused = client.write_point(point, value).await.unwrap_err();
        assert!(matches!(refused, ClientError::Unwritable { .. }), "{refused}");
    }
    assert!(!client.is_closed());
}

/// Every function that reading and writing points does not need, which other devices may.
async fn other_functions(client: &mut Client) {
    let who = client.identify().await.unwrap();
    assert_eq!(who[..2], [(0, "Aegis".to_owned()), (1, "ffu".to_owned())]);
    assert_eq!(who.len(), 3);

    client.write_coils(0, &[false]).await.unwrap();
    assert_eq!(client.read_point(point("run_enable")).await.unwrap().value, 0.0);
    client.write_coils(0, &[true]).await.unwrap();
    let refused = client.write_coils(0, &[true; 9]).await.unwrap_err();
    assert!(refused.to_string().contains("the write of 9 coils from 0 with exception 02"), "{refused}");

    // 1,480 as a 32-bit float, high word first.
    let words = [0x44B9, 0];
    assert_eq!(client.write_and_read(100, &words, 100, 2).await.unwrap(), words);
    assert_eq!(client.read_point(point("fan_speed_sp")).await.unwrap().value, 1_480.0);

    // Half of a float cannot be set; a measurement cannot be written.
    for (address, exception) in [(100, "exception 03"), (0, "exception 02")] {
        let refused = client.mask_write(address, 0xFFFE, 1).await.unwrap_err();
        assert!(refused.to_string().contains(exception), "{refused}");
    }
    assert!(!client.is_closed());
}

#[tokio::test]
async fn what_points_do_not_need_is_there_for_other_devices() {
    let (mut client, far) = client();
    tokio::spawn(async move { serve_stream(far, &shared(), ServeOptions::default(), || {}).await });
    other_functions(&mut client).await;

    let (near, far) = duplex(4096);
    let timing = LineTiming::wire(Duration::from_millis(2));
    tokio::spawn(async move { serve_line(far, &[(1, shared())], timing, PATIENCE, || {}).await });
    let line = Line::over(near, Duration::from_millis(2));
    other_functions(&mut Client::attach_line(line, 1, binding(), PATIENCE)).await;
}

#[tokio::test]
async fn a_mask_sets_bits_of_a_register() {
    let mut profile = ffu();
    let speed = usize::from(point("fan_speed_sp").0);
    profile.points[speed].data = DataType::U16;
    let binding = Arc::new(Binding::new(&profile).unwrap());
    let map = Arc::new(Mutex::new(RegisterMap::new(Arc::clone(&binding))));
    map.lock().unwrap().publish(&image());
    let (near, far) = duplex(4096);
    let served = Arc::clone(&map);
    tokio::spawn(async move { serve_stream(far, &served, ServeOptions::default(), || {}).await });
    let mut client = Client::attach(near, 1, binding, PATIENCE);
    client.write_point(point("fan_speed_sp"), f64::from(0b101_0000_0000)).await.unwrap();
    // AP 6.16: what the mask keeps, and what it sets where it does not.
    client.mask_write(100, !0b111, 0b011).await.unwrap();
    assert_eq!(client.read_point(point("fan_speed_sp")).await.unwrap().value, f64::from(0b101_0000_0011));
}

#[tokio::test]
async fn a_point_without_a_value_is_bad_and_its_neighbours_are_good() {
    let (mut client, far) = client();
    let device = shared();
    let served = device.clone();
    tokio::spawn(async move { serve_stream(far, &served, ServeOptions::default(), || {}).await });
    let mut values = image();
    let gone = [point("filter_dp"), point("run_hours"), point("motor_fault")];
    gone.iter().for_each(|p| values[usize::from(p.0)] = f64::NAN);
    device.lock().unwrap().publish(&values);
    let samples = client.read_group(0).await.unwrap();
    assert_eq!(samples.len(), image().len());
    for s in samples {
        assert_eq!(s.quality == Quality::Bad, gone.contains(&s.point), "{s:?}");
    }
}

#[tokio::test]
async fn a_device_that_refuses_is_not_a_link_that_failed() {
    let (near, far) = duplex(4096);
    let mut client = Client::attach(near, 9, binding(), PATIENCE);
    let options = ServeOptions { units: Units::Only(1), ..ServeOptions::default() };
    tokio::spawn(async move { serve_stream(far, &shared(), options, || {}).await });
    for _ in 0..2 {
        match client.read_group(0).await.unwrap_err() {
            // 0B, gateway target device failed to respond (AP 7).
            ClientError::Refused { answer, .. } => assert!(answer.contains("exception 0B"), "{answer}"),
            other => panic!("{other}"),
        }
    }
    assert!(!client.is_closed());
}

#[tokio::test]
async fn after_a_failure_the_stream_is_not_used_again() {
    // The first request is for the one coil, in transaction 0.
    for (reply, what) in [
        (vec![], "silence"),
        (adu(0, 1, &[1, 1, 1])[..5].to_vec(), "half a reply"),
        (adu(1, 1, &[1, 1, 1]), "the reply to another request"),
        (adu(0, 2, &[1, 1, 1]), "the reply of another unit"),
        (adu(0, 1, &[2, 1, 1]), "another function"),
        (adu(0, 1, &[1, 2, 1, 1]), "more bits than were asked for"),
        (adu(0, 1, &[1, 0]), "fewer bits than were asked for"),
        (adu(0, 1, &[0x81]), "half an exception"),
        (vec![0, 0, 0, 7, 0, 2, 1, 1], "another protocol"),
        (vec![0, 0, 0, 0, 0, 0, 0, 0], "a length of nothing"),
        (vec![0xFF; 64], "noise"),
    ] {
        let mut client = answered(&reply).await;
        let first = client.read_group(0).await.unwrap_err();
        assert!(matches!(first, ClientError::Link(_)), "{what}: {first}");
        assert!(client.is_closed(), "{what}");
        let then = client.read_group(0).await.unwrap_err();
        assert!(matches!(then, ClientError::Link(LinkError::Closed)), "{what}: {then}");
    }
}

#[tokio::test]
async fn a_device_that_hangs_up_is_named_as_such() {
    let (mut client, far) = client();
    drop(far);
    let e = client.read_point(point("airflow")).await.unwrap_err();
    assert!(matches!(e, ClientError::Link(LinkError::Broken(_))), "{e}");

    let (mut client, mut far) = self::client();
    tokio::spawn(async move { far.read_exact(&mut [0; 12]).await });
    let e = client.read_point(point("airflow")).await.unwrap_err();
    assert_eq!(e.to_string(), "the link broke: the device closed the connection");
}

#[tokio::test]
async fn a_read_that_its_caller_drops_leaves_a_closed_client() {
    let (mut client, _far) = client();
    tokio::select! {
        biased;
        _ = client.read_group(0) => panic!("nobody answers"),
        () = tokio::time::sleep(Duration::from_millis(20)) => {}
    }
    assert!(client.is_closed());
}

#[tokio::test]
async fn a_confirmation_of_something_else_is_no_confirmation() {
    let mut client = answered(&adu(0, 1, &[5, 0, 0, 0xFF, 0])).await;
    let e = client.write_point(point("run_enable"), 0.0).await.unwrap_err();
    assert!(matches!(e, ClientError::Link(LinkError::Mismatch(_))), "{e}");
    assert!(client.is_closed());
}
