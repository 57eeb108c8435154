//! A fan filter unit behind Modbus, and frames to ask it.

use std::sync::{Arc, LazyLock, Mutex};

use aegis_adapters::modbus::codec::{self, Header};
use aegis_adapters::modbus::{Binding, RegisterMap, Session, Units, Verdict};
use aegis_models::{PointIx, Profile};

pub fn ffu() -> Profile {
    Profile::built_in("ffu").unwrap()
}

pub fn binding() -> Arc<Binding> {
    Arc::new(Binding::new(&ffu()).unwrap())
}

/// A unit whose every point is at its nominal value, or in the middle of its range, as its type holds it.
pub fn image() -> Vec<f64> {
    let middle = |[low, high]: [f64; 2]| low + (high - low) / 4.0;
    ffu().points.iter().map(|p| p.data.quantise(p.nominal.unwrap_or(middle(p.range)))).collect()
}

/// Made once: the property tests take one for each case.
pub fn device() -> RegisterMap {
    static DEVICE: LazyLock<RegisterMap> = LazyLock::new(|| {
        let mut map = RegisterMap::new(binding());
        map.publish(&image());
        map
    });
    DEVICE.clone()
}

pub fn shared() -> Arc<Mutex<RegisterMap>> {
    Arc::new(Mutex::new(device()))
}

pub fn point(id: &str) -> PointIx {
    ffu().point_ix(id).unwrap()
}

/// A frame around a message.
pub fn adu(transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let written = codec::frame(Header { transaction, unit }, &mut out, |out| {
        out.extend_from_slice(pdu);
        Ok::<(), ()>(())
    });
    written.unwrap();
    out
}

/// The message that answers `pdu`.
pub fn ask(map: &mut RegisterMap, pdu: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let verdict = Session::new(Units::Any).receive(&adu(7, 1, pdu), map, &mut out);
    assert_eq!(verdict, Verdict::Open { answered: 1 });
    assert_eq!(out[..4], [0, 7, 0, 0]);
    assert_eq!(usize::from(out[5]), out.len() - 6);
    out.split_off(7)
}
