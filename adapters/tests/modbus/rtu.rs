//! Serial frames: the session without a line, on a pseudo-terminal pair, and over TCP.

use std::sync::Arc;
use std::time::Duration;

use aegis_adapters::modbus::rtu::{BROADCAST, Session, frame, open};
use aegis_adapters::modbus::{Client, Framing, LineTiming, ServeOptions, serve, serve_line};
use aegis_adapters::{ClientError, LinkError};
use aegis_models::{Quality, Time};
use tokio::net::TcpListener;
use tokio_serial::SerialStream;

use super::support::{binding, device, image, point, shared};

const SILENCE: Duration = Duration::from_millis(4);
const PATIENCE: Duration = Duration::from_secs(5);

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

/// A read of one holding register of the first set-point.
fn read(unit: u8) -> Vec<u8> {
    frame(unit, &[3, 0, 100, 0, 2])
}

#[test]
fn a_frame_is_answered_however_it_is_cut() {
    let mut device = device();
    let whole = read(7);
    for cut in 0..=whole.len() {
        let mut session = Session::new(7, SILENCE);
        let mut out = Vec::new();
        session.receive(at(0), &whole[..cut], &mut device, &mut out);
        session.receive(at(1), &whole[cut..], &mut device, &mut out);
        let (unit, pdu) = open(&out).expect("a whole frame comes back");
        assert_eq!((unit, pdu[0], pdu[1]), (7, 3, 4));
        assert_eq!(session.poll_timeout(), None, "nothing is awaited");
    }
}

#[test]
fn what_is_damaged_or_for_another_is_not_answered() {
    let mut device = device();
    let mut session = Session::new(7, SILENCE);
    let mut out = Vec::new();
    let mut damaged = read(7);
    damaged[3] ^= 1;
    session.receive(at(0), &damaged, &mut device, &mut out);
    // Until the line is silent nothing counts, not even a whole frame.
    session.receive(at(1), &read(7), &mut device, &mut out);
    session.receive(at(20), &read(8), &mut device, &mut out);
    assert!(out.is_empty(), "neither is answered");
    session.receive(at(40), &read(7), &mut device, &mut out);
    assert!(open(&out).is_some(), "the next one is");
}

#[test]
fn a_frame_that_stops_half_way_is_forgotten_with_the_silence() {
    let mut device = device();
    let mut session = Session::new(7, SILENCE);
    let mut out = Vec::new();
    session.receive(at(0), &read(7)[..5], &mut device, &mut out);
    assert_eq!(session.poll_timeout(), Some(at(4)));
    session.timeout(at(4), &mut device, &mut out);
    session.receive(at(5), &read(7), &mut device, &mut out);
    assert!(open(&out).is_some());
}

#[test]
fn a_broadcast_is_obeyed_and_a_function_that_is_none_refused() {
    let mut device = device();
    let mut session = Session::new(7, SILENCE);
    let mut out = Vec::new();
    let value = 1_500.0_f32.to_be_bytes();
    let write = [&[16, 0, 100, 0, 2, 4][..], &value].concat();
    session.receive(at(0), &frame(BROADCAST, &write), &mut device, &mut out);
    assert!(out.is_empty());
    assert_eq!(device.take_writes(), [(point("fan_speed_sp"), 1_500.0)]);
    // Its length cannot be told: the silence ends it.
    session.receive(at(10), &frame(7, &[99, 1, 2]), &mut device, &mut out);
    assert!(out.is_empty());
    session.timeout(at(14), &mut device, &mut out);
    assert_eq!(open(&out), Some((7, &[99 | 0x80, 1][..])));
}

async fn reads_and_writes(client: &mut Client) {
    let mut samples = client.read_group(0).await.expect("it answers");
    samples.retain(|s| s.quality == Quality::Good);
    let want = image();
    assert!(!samples.is_empty());
    for s in &samples {
        let value = f64::from(want[usize::from(s.point.0)] as f32);
        assert_eq!(s.value, value, "{:?}", s.point);
    }
    client.write_point(point("fan_speed_sp"), 1_450.0).await.expect("it may");
    assert_eq!(client.read_point(point("fan_speed_sp")).await.expect("it answers").value, 1_450.0);
}

#[tokio::test]
async fn a_machine_on_a_serial_line() {
    let (device_end, master_end) = SerialStream::pair().expect("a pair of pseudo-terminals");
    let device = shared();
    let timing = LineTiming { silence: SILENCE, idle: None };
    let line = Arc::clone(&device);
    let served = tokio::spawn(async move { serve_line(device_end, &line, 7, timing, PATIENCE, || {}).await });
    let mut client = Client::attach_line(master_end, 7, binding(), PATIENCE);
    reads_and_writes(&mut client).await;
    served.abort();
}

#[tokio::test]
async fn serial_frames_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = ServeOptions { framing: Framing::Rtu(7), ..ServeOptions::default() };
    let served = tokio::spawn(serve(listener, shared(), options, std::future::pending()));
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut client = Client::attach_line(stream, 7, binding(), PATIENCE);
    reads_and_writes(&mut client).await;
    // Nobody answers for another address: that is silence, as on a wire.
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut client = Client::attach_line(stream, 8, binding(), Duration::from_millis(300));
    let silent = client.read_group(0).await.unwrap_err();
    assert!(matches!(silent, ClientError::Link(LinkError::Timeout(_))), "{silent}");
    served.abort();
}
