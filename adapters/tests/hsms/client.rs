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
