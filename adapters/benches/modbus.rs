//! What one request costs the server: a read of 20 holding registers, from bytes to bytes.

use std::hint::black_box;
use std::sync::Arc;

use aegis_adapters::modbus::{Binding, RegisterMap, Session, Units};
use aegis_models::Profile;
use aegis_models::profile::{DataType, ModbusAddress, ModbusTable};
use criterion::{Criterion, criterion_group, criterion_main};

/// A machine of ten 32-bit measurements, which its 20 first registers hold.
fn device() -> RegisterMap {
    let mut profile = Profile::built_in("ffu").expect("it comes with Aegis");
    profile.points.truncate(10);
    for (i, p) in (0..).zip(&mut profile.points) {
        p.data = DataType::F32;
        p.access = Default::default();
        p.modbus = Some(ModbusAddress { table: ModbusTable::Input, address: 2 * i });
    }
    let mut map = RegisterMap::new(Arc::new(Binding::new(&profile).expect("ten points side by side")));
    map.publish(&[21.5; 10]);
    map
}

fn fc03(c: &mut Criterion) {
    let mut map = device();
    let mut session = Session::new(Units::Any);
    let mut out = Vec::new();
    let request = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 20];
    c.bench_function("modbus session FC03 of 20 registers", |b| {
        b.iter(|| {
            out.clear();
            session.receive(black_box(&request), &mut map, &mut out);
            assert_eq!(out.len(), 49);
        });
    });
}

criterion_group!(benches, fc03);
criterion_main!(benches);
