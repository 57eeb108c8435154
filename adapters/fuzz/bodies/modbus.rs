//! Arbitrary bytes against every decoder of Modbus: no panic, bounded memory, and what is read is written the same.

use std::sync::LazyLock;
use std::time::Duration;

use aegis_adapters::modbus::rtu::{self, frame};
use aegis_adapters::modbus::{Binding, Device, RegisterMap, Session, Units, codec};
use aegis_models::{Profile, Time};

fn device() -> RegisterMap {
    static DEVICE: LazyLock<RegisterMap> = LazyLock::new(|| {
        let profile = Profile::built_in("ffu").expect("it comes with Aegis");
        let mut map = RegisterMap::new(Binding::new(&profile).expect("it has registers").into());
        map.publish(&vec![1.0; profile.points.len()]);
        map
    });
    DEVICE.clone()
}

/// A request's PDU.
pub fn request(data: &[u8]) {
    let Ok(request) = codec::decode_request(data) else { return };
    let mut out = Vec::new();
    codec::encode_request(&request, &mut out).expect("what was read fits a frame");
    assert_eq!(codec::decode_request(&out), Ok(request));
}

/// A response's PDU.
pub fn response(data: &[u8]) {
    let Ok(Ok(response)) = codec::decode_response(data) else { return };
    let mut out = Vec::new();
    if codec::encode_response(&response, &mut out).is_ok() {
        assert_eq!(codec::decode_response(&out), Ok(Ok(response)));
    }
}

/// A TCP connection to a device.
pub fn session(data: &[u8]) {
    let (mut map, mut out) = (device(), Vec::new());
    let mut session = Session::new(Units::Only(1));
    for piece in data.chunks(37) {
        session.receive(piece, &mut map, &mut out);
    }
    assert!(out.len() <= (data.len() / 8 + 1) * codec::MAX_ADU);
}

/// A serial line of two units: the first byte of each piece says how long the line was silent before it.
pub fn line(data: &[u8]) {
    let (mut map, mut other, mut out) = (device(), device(), Vec::new());
    let mut stations: [(u8, &mut dyn Device); 2] = [(1, &mut map), (2, &mut other)];
    let mut session = rtu::Session::new(Duration::from_millis(4));
    let mut now = Time::ZERO;
    for piece in data.chunks(29) {
        now = now.after(Duration::from_millis(u64::from(piece[0] % 8)));
        session.receive(now, &piece[1..], &mut stations, &mut out);
    }
    assert!(out.len() <= (data.len() / 4 + 1) * rtu::MAX_FRAME);
    // After a silence a whole frame is answered, whatever came before.
    now = now.after(Duration::from_millis(4));
    session.timeout(now, &mut stations, &mut out);
    out.clear();
    session.receive(now, &frame(1, &[1, 0, 0, 0, 1]), &mut stations, &mut out);
    assert!(rtu::open(&out).is_some_and(|(unit, _)| unit == 1));
}

/// A master's line: whatever comes before the reply, it is found, and what is found is no other.
pub fn awaited(data: &[u8]) {
    let reply = [3, 4, 1, 2, 3, 4];
    let mut awaited = rtu::Awaited::new(9, &[3, 0, 0, 0, 2]);
    for piece in data.chunks(29) {
        if let Some(found) = awaited.receive(piece) {
            assert!(found[..2] == reply[..2] && found.len() == 6 || found[0] == 0x83 && found.len() == 2);
            return;
        }
    }
    assert_eq!(awaited.receive(&frame(9, &reply)), Some(reply.to_vec()));
}
