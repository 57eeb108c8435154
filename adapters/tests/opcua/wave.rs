//! Waveforms from a machine to a client.

use aegis_adapters::Served;
use aegis_adapters::opcua::{Client, Memory};
use aegis_models::{Burst, Frame, Quality};
use tokio::time::timeout;

use super::support::{BEGAN, Running, SOON, binding, frame, free, mill, quick};

/// As many samples as the mill's waveform has, each another number that a Float holds.
fn samples(first: f64) -> Vec<f64> {
    (0..mill().bursts[0].samples).map(|i| first + f64::from(i) / 4.0).collect()
}

fn with_wave(ms: u64, first: f64) -> Frame {
    let rate_hz = mill().bursts[0].rate_hz;
    Frame { bursts: vec![Burst { kind: 0, rate_hz, values: samples(first) }], ..frame(ms, &[]) }
}

/// The next waveform and its moment after [`BEGAN`] [ms].
async fn next_wave(client: &mut Client) -> (u64, Burst) {
    let hearing = async {
        loop {
            let mut heard = client.heard().await.unwrap();
            if let Some(burst) = heard.bursts.pop() {
                assert!(heard.bursts.is_empty(), "one at a time");
                return ((heard.moment.unwrap().unix_ns - BEGAN) / 1_000_000, burst);
            }
        }
    };
    timeout(SOON, hearing).await.expect("it is heard soon")
}

#[tokio::test]
async fn a_waveform_is_heard_whole_with_its_rate_and_moment() {
    let server = Running::start(&free()).await;
    server.publish(0, &[]);
    let mut client = server.client().await;
    assert!(client.notes().is_empty(), "{:?}", client.notes());
    for (ms, first) in [(1_000, 0.0), (30_000, -7.5)] {
        server.mill.publish(&with_wave(ms, first));
        let (at, burst) = next_wave(&mut client).await;
        assert_eq!((at, burst.kind, burst.rate_hz), (ms, 0, 25_600.0));
        assert!(burst.values == samples(first), "every sample comes as it was");
    }
}

#[tokio::test]
async fn a_waveform_that_is_known_or_old_is_not_told_to_a_new_connection() {
    let server = Running::start(&free()).await;
    let (address, memory) = (server.address.to_string(), Memory::default());
    server.mill.publish(&with_wave(1_000, 0.0));
    let mut client = Client::resume(&address, binding(), &quick(), &memory).await.unwrap();
    assert_eq!(next_wave(&mut client).await.0, 1_000, "the first connection learns it");
    client.disconnect().await;
    let mut client = Client::resume(&address, binding(), &quick(), &memory).await.unwrap();
    server.mill.publish(&with_wave(2_000, 1.0));
    assert_eq!(next_wave(&mut client).await.0, 2_000, "what is known is not told again");
    // A minute later it says nothing of what the machine does now.
    server.publish(62_000, &[("spindle_temp", 21.0, Quality::Good)]);
    let mut late = server.client().await;
    server.mill.publish(&with_wave(63_000, 2.0));
    assert_eq!(next_wave(&mut late).await.0, 63_000);
}
