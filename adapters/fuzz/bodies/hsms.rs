//! Arbitrary bytes against every decoder of HSMS and SECS-II: no panic, bounded memory, and what is read is written the same.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aegis_adapters::hsms::frame::{Header, frame};
use aegis_adapters::hsms::gem::{Equipment, EquipmentOptions};
use aegis_adapters::hsms::host::{Heard, Host};
use aegis_adapters::hsms::session::{Options, Role, Timers};
use aegis_adapters::hsms::{Binding, codec, sml};
use aegis_models::{Profile, Time};

static BONDER: LazyLock<Profile> =
    LazyLock::new(|| Profile::built_in("wire_bonder").expect("it comes with Aegis"));

fn options(role: Role) -> Options {
    Options { role, device: 1, timers: Timers::default() }
}

/// A message body.
pub fn item(data: &[u8]) {
    let Ok(Some(item)) = codec::decode(data) else { return };
    let bytes = codec::encode(&item).expect("what was read can be sent");
    let again = codec::decode(&bytes).expect("what was sent can be read").expect("an item");
    // Numbers that are none are equal to nothing, and are the same bytes.
    assert_eq!(codec::encode(&again), Ok(bytes));
    let text = sml::write_item(&item);
    let read = sml::read_item(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(sml::write_item(&read), text);
}

/// A text that may be SML.
pub fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(message) = sml::read_message(&text) {
        let written = sml::write_message(&message);
        assert_eq!(sml::read_message(&written).map(|m| sml::write_message(&m)), Ok(written));
    }
}

/// Messages for a peer: each a byte of time, a byte for the session type, stream and function, and a body. The rest of the
/// header is right, so that noise reaches the depths.
fn messages(data: &[u8]) -> impl Iterator<Item = (Duration, Vec<u8>)> {
    data.chunks(24).zip(1_u32..).map(|(piece, system)| {
        let at = |i: usize| piece.get(i).copied().unwrap_or(0);
        let stype = if at(1) < 200 { 0 } else { at(1) % 12 };
        let session = if stype == 0 { 1 } else { 0xFFFF };
        let header = Header { session, byte2: at(2) | 0x80, byte3: at(3), ptype: 0, stype, system };
        (Duration::from_millis(u64::from(at(0)) * 40), frame(&header, piece.get(4..).unwrap_or_default()))
    })
}

/// What establishes a session and communications with the equipment.
fn greeting() -> Vec<u8> {
    let select = Header { session: 0xFFFF, byte2: 0, byte3: 0, ptype: 0, stype: 1, system: 900 };
    let establish = Header { session: 1, byte2: 0x81, byte3: 13, ptype: 0, stype: 0, system: 901 };
    [frame(&select, &[]), frame(&establish, &[1, 0])].concat()
}

/// Whatever a host sends to an equipment.
pub fn equipment(data: &[u8]) {
    let session = options(Role::Passive);
    let (conversation, command) = (Duration::from_secs(45), Duration::from_secs(60));
    let setup = EquipmentOptions { session, unix_ms: 0, conversation, command };
    let mut equipment = Equipment::new(&BONDER, setup, &[]).expect("the bonder is a GEM equipment");
    let mut now = Time::ZERO;
    equipment.connected(now);
    equipment.receive(now, &greeting());
    let mut sent = 0;
    for (after, bytes) in messages(data) {
        now = now.after(after);
        if equipment.poll_timeout().is_some_and(|due| due <= now) {
            equipment.timeout(now);
        }
        equipment.receive(now, &bytes);
        while let Some(bytes) = equipment.transmit() {
            sent += bytes.len();
        }
        equipment.take_writes();
    }
    assert!(sent <= 100_000 + data.len() * 20_000, "{sent} bytes for {}", data.len());
}

/// Whatever an equipment sends to a host: every read and write of it ends, and in bounded time.
pub fn host(data: &[u8]) {
    let binding = Arc::new(Binding::new(&BONDER).expect("the bonder has variables"));
    // Without link tests nothing but its own end can end an ask.
    let timers = Timers { linktest: None, ..Timers::default() };
    let mut host = Host::new(Options { role: Role::Active, device: 1, timers }, 0, binding);
    let stop = BONDER.point_ix("run_enable").expect("it can be stopped");
    let mut now = Time::ZERO;
    host.connected(now);
    // What lets the host ask: the answers to its select and to S1F13.
    let select = Header { session: 0xFFFF, byte2: 0, byte3: 0, ptype: 0, stype: 2, system: 1 };
    let establish = Header { session: 1, byte2: 1, byte3: 14, ptype: 0, stype: 0, system: 2 };
    host.receive(now, &[frame(&select, &[]), frame(&establish, &[1, 2, 0x21, 1, 0, 1, 0])].concat());
    let (mut sent, mut heard, mut asked) = (0, 0, None);
    for (n, (after, bytes)) in messages(data).enumerate() {
        now = now.after(after);
        if host.poll_timeout().is_some_and(|due| due <= now) {
            host.timeout(now);
        }
        if asked.is_none() {
            asked = Some(now);
            match n % 2 {
                0 => host.read(now, 0),
                _ => assert!(host.write(now, stop, 0.0), "a command does it"),
            }
        }
        host.receive(now, &bytes);
        while let Some(bytes) = host.transmit() {
            sent += bytes.len();
        }
        heard += drain(&mut host, &mut asked);
    }
    // A write may be tried by each command that does it, and T3 runs for each.
    while let Some(since) = asked {
        let due = host.poll_timeout().expect("what is asked has a deadline");
        now = now.max(due);
        assert!(
            now.since(since) <= timers.t3 * 4,
            "asked at {since:?}, and nothing came of it until {now:?}"
        );
        host.timeout(now);
        heard += drain(&mut host, &mut asked);
    }
    assert!(sent <= 100_000 + data.len() * 1_000 && heard <= 100 + data.len() * 10, "{sent} {heard}");
}

/// Takes what the host has heard; what ends an ask ends it, and so does the end of the link.
fn drain(host: &mut Host, asked: &mut Option<Time>) -> usize {
    let mut n = 0;
    while let Some(heard) = host.heard() {
        if !matches!(heard, Heard::Up | Heard::Record(_)) {
            *asked = None;
        }
        n += 1;
    }
    n
}

/// Bytes as they are, to an equipment that nobody has greeted.
pub fn stream(data: &[u8]) {
    let session = options(Role::Passive);
    let (conversation, command) = (Duration::from_secs(45), Duration::from_secs(60));
    let setup = EquipmentOptions { session, unix_ms: 0, conversation, command };
    let mut equipment = Equipment::new(&BONDER, setup, &[]).expect("the bonder is a GEM equipment");
    equipment.connected(Time::ZERO);
    for piece in data.chunks(7) {
        equipment.receive(Time::ZERO, piece);
        while equipment.transmit().is_some() {}
    }
}
