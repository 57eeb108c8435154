//! The host's shell on a stream, under tokio's paused clock.

use std::sync::Arc;
use std::time::Duration;

use aegis_adapters::hsms::frame::{Header, Reader, frame};
use aegis_adapters::hsms::gem::Equipment;
use aegis_adapters::hsms::serve::{Handle, ServeOptions, serve_stream};
use aegis_adapters::hsms::session::{Options, Role, Timers};
use aegis_adapters::hsms::{Binding, Client};
use aegis_adapters::{ClientError, LinkError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::gem_support::*;

fn host(role: Role) -> Options {
    Options { role, device: 0, timers: Timers { t3: Duration::from_secs(2), ..Timers::default() } }
}

fn binding() -> Arc<Binding> {
    Arc::new(Binding::new(&bonder()).unwrap())
}

/// Session types that the host sends until it is silent for a minute; select is answered, and nothing else.
async fn heard_by_a_mute_equipment(mut stream: DuplexStream) -> Vec<u8> {
    let (mut reader, mut chunk, mut types) = (Reader::default(), [0; 1024], vec![]);
    while let Ok(Ok(n)) = timeout(Duration::from_secs(60), stream.read(&mut chunk)).await {
        if n == 0 {
            break;
        }
        reader.push(&chunk[..n]);
        while let Some((header, _)) = reader.pop().unwrap() {
            types.push(header.stype);
            if header.stype == 1 {
                stream.write_all(&frame(&Header { stype: 2, ..header }, &[])).await.unwrap();
            }
        }
    }
    types
}

#[tokio::test(start_paused = true)]
async fn a_host_that_gives_up_says_so() {
    let (ours, theirs) = duplex(4096);
    let equipment = tokio::spawn(heard_by_a_mute_equipment(theirs));
    let given_up = Client::attach(ours, host(Role::Active), NOON_MS, binding()).await;
    assert!(matches!(given_up, Err(LinkError::Timeout(t)) if t == Duration::from_secs(2)), "{given_up:?}");
    // Select, S1F13 that nobody answers, and separate.
    assert_eq!(equipment.await.unwrap(), [1, 0, 9]);
}

/// An equipment that leaves reads unanswered until it was commanded, and then answers them.
async fn slow_reader(mut stream: DuplexStream) {
    let (mut reader, mut chunk, mut kept, mut commanded) = (Reader::default(), [0; 4096], vec![], false);
    while let Ok(n @ 1..) = stream.read(&mut chunk).await {
        reader.push(&chunk[..n]);
        while let Some((header, body)) = reader.pop().unwrap() {
            let back = |body: &[u8]| {
                let (stream, function) = (header.byte2 & 0x7F, header.byte3 + 1);
                frame(&Header { byte2: stream, byte3: function, ..header }, body)
            };
            // `L,2 <B 0> <L,0>`, `<B 0>`, or as many empty values as were asked for.
            match (header.stype, header.byte2 & 0x7F, header.byte3) {
                (1, ..) => stream.write_all(&frame(&Header { stype: 2, ..header }, &[])).await.unwrap(),
                (0, 1, 13) => stream.write_all(&back(&[1, 2, 0x21, 1, 0, 1, 0])).await.unwrap(),
                (0, 1, 3) | (0, 2, 13) => {
                    kept.push(back(&[&[1, body[1]][..], &[0xB1, 0].repeat(body[1].into())].concat()));
                }
                (0, 2, 41) => {
                    stream.write_all(&back(&[1, 2, 0x21, 1, 0, 1, 0])).await.unwrap();
                    commanded = true;
                }
                _ => stream.write_all(&back(&[0x21, 1, 0])).await.unwrap(),
            }
        }
        if commanded {
            for late in kept.drain(..) {
                stream.write_all(&late).await.unwrap();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_not_answered_holds_back_no_write() {
    let (ours, theirs) = duplex(4096);
    tokio::spawn(slow_reader(theirs));
    let mut client = Client::attach(ours, host(Role::Active), NOON_MS, binding()).await.unwrap();
    let given_up = timeout(Duration::from_secs(1), client.read_group(0)).await;
    assert!(given_up.is_err(), "it is not answered");
    client.write_point(bonder().point_ix("run_enable").unwrap(), 0.0).await.unwrap();
    // The same read goes on: its answer came meanwhile, or is still to come.
    let samples = client.read_group(0).await.unwrap();
    assert!(!samples.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_passive_host_is_selected_reads_commands_and_takes_leave() {
    let (ours, theirs) = duplex(4096);
    let mut active = options();
    active.session.role = Role::Active;
    let handle = Handle::new(Equipment::new(&bonder(), active, &[]).unwrap());
    let serving = tokio::spawn({
        let handle = handle.clone();
        async move { serve_stream(theirs, &handle, ServeOptions::default()).await }
    });
    let mut client = Client::attach(ours, host(Role::Passive), NOON_MS, binding()).await.unwrap();
    assert_eq!(client.note(), "");
    let samples = client.read_group(0).await.unwrap();
    assert_eq!(samples.len(), binding().groups()[0].status.len() + binding().groups()[0].constants.len());
    let force = bonder().point_ix("bond_force_adj").unwrap();
    client.write_point(force, 2.0).await.unwrap();
    assert_eq!(handle.with(|e, _| e.take_writes()), [(force, 2.0)]);
    let refused = client.write_point(force, 50.0).await;
    assert!(matches!(refused, Err(ClientError::Unwritable { .. })), "{refused:?}");
    client.leave().await;
    serving.await.unwrap();
    assert!(!handle.with(|e, _| e.is_communicating()));
    assert!(matches!(client.read_group(0).await, Err(ClientError::Link(_))));
}
