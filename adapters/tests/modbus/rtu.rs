//! Serial frames: the session without a line, on a pseudo-terminal pair, and over TCP.

use std::time::Duration;

use aegis_adapters::modbus::rtu::{BROADCAST, Session, frame, open};
use aegis_adapters::modbus::{
    Client, Device, Line, LineTiming, RegisterMap, SerialSettings, ServeOptions, Stations, serve_line,
    serve_rtu,
};
use aegis_adapters::{ClientError, LinkError, limits};
use aegis_models::{Quality, Time};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
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

/// What a line with that one station says to pieces that came at those moments; the silence is always waited for.
fn said(unit: u8, device: &mut RegisterMap, pieces: &[(u64, &[u8])]) -> Vec<u8> {
    let mut session = Session::new(SILENCE);
    let mut out = Vec::new();
    for (ms, bytes) in pieces {
        if let Some(due) = session.poll_timeout().filter(|due| *due <= at(*ms)) {
            session.timeout(due, &mut [(unit, device)], &mut out);
        }
        session.receive(at(*ms), bytes, &mut [(unit, device)], &mut out);
    }
    if let Some(due) = session.poll_timeout() {
        session.timeout(due, &mut [(unit, device)], &mut out);
    }
    assert_eq!(session.poll_timeout(), None, "nothing is awaited");
    out
}

#[test]
fn a_frame_is_answered_however_it_is_cut() {
    let whole = read(7);
    for cut in 0..=whole.len() {
        let out = said(7, &mut device(), &[(0, &whole[..cut]), (1, &whole[cut..])]);
        let (unit, pdu) = open(&out).expect("a whole frame comes back");
        assert_eq!((unit, pdu[0], pdu[1]), (7, 3, 4));
    }
}

#[test]
fn what_is_damaged_or_for_another_is_not_answered() {
    let mut damaged = read(7);
    damaged[3] ^= 1;
    assert!(said(7, &mut device(), &[(0, &damaged), (20, &read(8))]).is_empty());
    for pieces in [vec![(0, &damaged[..]), (20, &read(7))], vec![(0, &damaged[..]), (1, &read(7))]] {
        let out = said(7, &mut device(), &pieces);
        assert_eq!(open(&out).map(|(unit, pdu)| (unit, pdu[0])), Some((7, 3)), "the next one is");
    }
}

#[test]
fn a_frame_that_stops_half_way_is_forgotten_with_the_silence() {
    let mut session = Session::new(SILENCE);
    let mut device = device();
    let stations: &mut [(u8, &mut dyn Device)] = &mut [(7, &mut device)];
    let mut out = Vec::new();
    session.receive(at(0), &read(7)[..5], stations, &mut out);
    assert_eq!(session.poll_timeout(), Some(at(4)));
    session.timeout(at(4), stations, &mut out);
    session.receive(at(5), &read(7), stations, &mut out);
    assert!(open(&out).is_some());
}

#[test]
fn what_the_others_of_a_line_are_asked_and_say_hides_no_request() {
    let mut other = device();
    let asked: [&[u8]; 6] = [
        &[4, 0, 0, 0, 10],
        &[1, 0, 0, 0, 1],
        &[6, 0, 100, 0, 1],
        &[23, 0, 100, 0, 2, 0, 100, 0, 2, 4, 0x44, 0xAF, 0, 0],
        &[43, 14, 1, 0],
        &[99, 1, 2],
    ];
    for pdu in asked {
        let request = frame(8, pdu);
        let reply = said(8, &mut other, &[(0, &request)]);
        let own = read(7);
        let answered = |pieces: &[(u64, &[u8])]| {
            let out = said(7, &mut device(), pieces);
            open(&out).map(|(unit, pdu)| (unit, pdu[0])) == Some((7, 3))
        };
        assert!(answered(&[(0, &request), (10, &reply), (20, &own)]), "{pdu:?} in turn");
        // As an operating system hands them on: in pieces that are none of the wire's.
        let run = [&request[..], &reply, &own].concat();
        assert!(answered(&[(0, &run)]), "{pdu:?} in one piece");
        for cut in 1..run.len() {
            assert!(answered(&[(0, &run[..cut]), (1, &run[cut..])]), "{pdu:?} cut at {cut}");
        }
        let tail = [&reply[reply.len() / 2..], &own].concat();
        assert!(answered(&[(0, &request), (10, &tail)]), "{pdu:?}: half a reply before the request");
    }
}

#[test]
fn a_broadcast_is_obeyed_and_a_function_that_is_none_refused() {
    let mut device = device();
    let value = 1_500.0_f32.to_be_bytes();
    let write = [&[16, 0, 100, 0, 2, 4][..], &value].concat();
    assert!(said(7, &mut device, &[(0, &frame(BROADCAST, &write))]).is_empty());
    assert_eq!(device.take_writes(), [(point("fan_speed_sp"), 1_500.0)]);
    // Their lengths cannot be told: the silence ends them.
    let out = said(7, &mut device, &[(0, &frame(7, &[99, 1, 2]))]);
    assert_eq!(open(&out), Some((7, &[99 | 0x80, 1][..])));
    let out = said(7, &mut device, &[(0, &frame(7, &[43, 13, 1, 0, 0, 0]))]);
    assert_eq!(open(&out), Some((7, &[43 | 0x80, 1][..])), "another MEI type is a function that it has not");
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

/// Two units on one line: the speed that each is told tells them apart.
fn two_units() -> Stations<RegisterMap> {
    let (slow, mut values) = (shared(), image());
    values[usize::from(point("fan_speed").0)] = 1_000.0;
    slow.lock().unwrap().publish(&values);
    [(7, slow), (8, shared())].into()
}

async fn speed(client: &mut Client) -> f64 {
    client.read_point(point("fan_speed")).await.expect("it answers").value
}

/// Two masters' clients on one line, both at once, with a third that nobody answers.
async fn share(line: Line, patience: Duration) {
    let unit = |unit| Client::attach_line(line.clone(), unit, binding(), patience);
    let (mut seven, mut eight, mut nobody) = (unit(7), unit(8), unit(9));
    for _ in 0..20 {
        let speeds = tokio::join!(speed(&mut seven), speed(&mut eight));
        assert_eq!(speeds, (1_000.0, image()[usize::from(point("fan_speed").0)]));
    }
    let silent = nobody.read_group(0);
    let (silent, _) = tokio::join!(silent, speed(&mut seven));
    assert!(matches!(silent, Err(ClientError::Link(LinkError::Timeout(_)))));
    reads_and_writes(&mut eight).await;
    assert!(!seven.is_closed() && !eight.is_closed() && nobody.is_closed());
}

#[tokio::test]
async fn two_machines_share_a_serial_line() {
    let (devices, master) = SerialStream::pair().expect("a pair of pseudo-terminals");
    let timing = LineTiming::wire(SILENCE);
    let stations = two_units();
    let served = tokio::spawn(async move { serve_line(devices, &stations, timing, PATIENCE, || {}).await });
    share(Line::over(master, SILENCE), Duration::from_secs(1)).await;
    served.abort();
}

#[tokio::test]
async fn two_machines_share_a_gateway() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served =
        tokio::spawn(serve_rtu(listener, two_units(), ServeOptions::default(), std::future::pending()));
    let line = Line::default();
    let open = || async { Ok(TcpStream::connect(address).await?) };
    line.open(Duration::ZERO, open).await.unwrap();
    share(line, Duration::from_secs(1)).await;
    served.abort();
}

/// What the devices of a line get: whole requests, each with the moment it came.
async fn next_request(line: &mut DuplexStream) -> (Vec<u8>, Instant) {
    let mut request = [0; 8];
    line.read_exact(&mut request).await.expect("the master lives");
    (request.to_vec(), Instant::now())
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_is_not_taken_for_the_next_one() {
    let (master, mut devices) = duplex(4096);
    let line = Line::over(master, Duration::from_micros(2_005));
    let served = tokio::spawn(async move {
        let mut device = device();
        for n in 0.. {
            let (request, _) = next_request(&mut devices).await;
            let reply = said(7, &mut device, &[(0, &request)]);
            if n == 0 {
                sleep(Duration::from_millis(2_600)).await;
            }
            devices.write_all(&reply).await.unwrap();
        }
    });
    let dial = || Client::attach_line(line.clone(), 7, binding(), Duration::from_secs(2));
    let mut client = dial();
    // Both are two input registers: nothing but time tells their replies apart.
    let (first, second) = (point("fan_speed"), point("filter_dp"));
    let late = client.read_point(first).await.unwrap_err();
    assert!(matches!(late, ClientError::Link(LinkError::Timeout(_))), "{late}");
    let mut client = dial();
    for p in [second, first, second] {
        assert_eq!(client.read_point(p).await.unwrap().value, image()[usize::from(p.0)], "{p:?}");
    }
    served.abort();
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_answers_something_else_is_let_go() {
    let (master, mut devices) = duplex(4096);
    let served = tokio::spawn(async move {
        let mut device = device();
        loop {
            let (request, _) = next_request(&mut devices).await;
            let reply = said(7, &mut device, &[(0, &request)]);
            let mut damaged = reply.clone();
            damaged[4] ^= 1;
            let before = [
                frame(8, &reply[1..reply.len() - 2]),
                frame(7, &[1, 1, 1]),
                frame(7, &[4, 2, 1, 1]),
                damaged,
                vec![7, 4],
            ];
            devices.write_all(&before.concat()).await.unwrap();
            devices.write_all(&reply).await.unwrap();
            // What comes behind it is nobody's either.
            devices.write_all(&frame(7, &[4, 4, 0, 0, 0, 0])).await.unwrap();
        }
    });
    let mut client = Client::attach_line(Line::over(master, SILENCE), 7, binding(), PATIENCE);
    for _ in 0..3 {
        assert_eq!(speed(&mut client).await, image()[usize::from(point("fan_speed").0)]);
    }
    served.abort();
}

/// SL 2.5.1.1: 3.5 characters between two frames, which are 2.005 ms at 19,200 baud.
#[tokio::test(start_paused = true)]
async fn both_ends_keep_the_silence_between_frames() {
    let silence = SerialSettings::default().silence();
    assert_eq!(silence.as_micros(), 2_005);
    let (master, mut devices) = duplex(4096);
    let served = tokio::spawn(async move {
        let (mut device, mut replied) = (device(), None);
        for _ in 0..5 {
            let (request, came) = next_request(&mut devices).await;
            if let Some(replied) = replied {
                assert!(came.duration_since(replied) >= silence);
            }
            devices.write_all(&said(7, &mut device, &[(0, &request)])).await.unwrap();
            replied = Some(Instant::now());
        }
    });
    let mut client = Client::attach_line(Line::over(master, silence), 7, binding(), PATIENCE);
    for _ in 0..5 {
        speed(&mut client).await;
    }
    served.await.expect("each request came after the silence");

    let (mut master, devices) = duplex(4096);
    let stations = two_units();
    let served = tokio::spawn(async move {
        serve_line(devices, &stations, LineTiming::wire(silence), PATIENCE, || {}).await;
    });
    let asked = Instant::now();
    master.write_all(&read(7)).await.unwrap();
    master.read_exact(&mut [0; 9]).await.unwrap();
    assert!(asked.elapsed() >= silence);
    served.abort();
}

#[tokio::test(start_paused = true)]
async fn a_line_on_which_nothing_is_heard_is_opened_anew() {
    let line = Line::default();
    let mut held = Vec::new();
    for n in 0..=limits::MODBUS_LINE_UNANSWERED {
        let (master, devices) = duplex(4096);
        let opened = std::cell::Cell::new(false);
        let open = || {
            opened.set(true);
            std::future::ready(Ok(master))
        };
        line.open(SILENCE, open).await.unwrap();
        assert_eq!(opened.get(), n == 0 || n == limits::MODBUS_LINE_UNANSWERED, "attempt {n}");
        held.push(devices);
        let mut client = Client::attach_line(line.clone(), 7, binding(), Duration::from_secs(1));
        let silent = client.read_group(0).await.unwrap_err();
        assert!(matches!(silent, ClientError::Link(LinkError::Timeout(_))), "{silent}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_waits_too_long_for_the_line_is_not_sent() {
    let (master, mut devices) = duplex(4096);
    let line = Line::over(master, SILENCE);
    let mut reader = Client::attach_line(line.clone(), 8, binding(), Duration::from_secs(5));
    let mut writer = Client::attach_line(line, 7, binding(), Duration::from_secs(1));
    let (read, written) =
        tokio::join!(reader.read_point(point("fan_speed")), writer.write_point(point("run_enable"), 0.0));
    assert!(matches!(read, Err(ClientError::Link(LinkError::Timeout(_)))));
    let refused = written.unwrap_err();
    assert!(refused.to_string().contains("busy with other units"), "{refused}");
    assert_eq!(next_request(&mut devices).await.0[0], 8);
    drop((reader, writer));
    assert_eq!(devices.read(&mut [0; 8]).await.unwrap(), 0, "nothing else was sent");
}
