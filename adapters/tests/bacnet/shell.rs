use std::net::SocketAddr;
use std::time::Duration;

use aegis_adapters::bacnet::codec;
use aegis_adapters::bacnet::service::Announcement;
use aegis_adapters::bacnet::{Client, ClientOptions, Handle, Patience, serve};
use aegis_adapters::{LinkError, Served};
use aegis_models::{Frame, MachineIx, Time};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::support::*;

const SOON: Duration = Duration::from_secs(30);

struct Served1 {
    address: SocketAddr,
    handle: Handle,
    stop: tokio::sync::oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn server() -> Served1 {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let handle = Handle::new(session());
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let stopped = async {
        let _ = stopped.await;
    };
    let task = tokio::spawn(serve(socket, handle.clone(), stopped));
    Served1 { address, handle, stop, task }
}

async fn client(address: SocketAddr) -> Client {
    Client::connect(&address.to_string(), binding(), ClientOptions::default()).await.unwrap()
}

#[tokio::test]
async fn over_udp_values_writes_and_changes_go_both_ways() {
    let served = server().await;
    let mut client = client(served.address).await;
    let read = timeout(SOON, client.read_group(0)).await.unwrap().unwrap();
    assert_eq!(read.len(), 7);
    client.write_point(point("supply_temp_sp"), 25.0).await.unwrap();
    assert_eq!(served.handle.take_writes(), [(point("supply_temp_sp"), 25.0)]);
    assert_eq!(client.subscribe(true, 600).await.unwrap(), 8);
    let frame = Frame {
        time: Time::ZERO,
        machine: MachineIx(0),
        samples: vec![good("supply_temp", 33.0)],
        records: vec![],
        bursts: vec![],
    };
    served.handle.publish(&frame);
    let told = timeout(SOON, async {
        loop {
            let sample = client.heard().await.unwrap();
            if sample == good("supply_temp", 33.0) {
                return;
            }
        }
    });
    told.await.unwrap();
}

#[tokio::test]
async fn noise_and_a_flood_leave_others_served() {
    let served = server().await;
    let noisy = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let who_is = codec::datagram(&near(), false, &unconfirmed(&Announcement::WhoIs(None)));
    for i in 0..2_000_u32 {
        let noise = i.to_be_bytes().repeat(1 + (i as usize % 400));
        noisy.send_to(&noise, served.address).await.unwrap();
        noisy.send_to(&who_is, served.address).await.unwrap();
    }
    // Empty, and longer than a datagram of BACnet may be.
    noisy.send_to(&[], served.address).await.unwrap();
    noisy.send_to(&[0x81; 9_000], served.address).await.unwrap();
    let mut client = client(served.address).await;
    timeout(SOON, client.read_group(0)).await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_ends_the_server_and_a_silent_address_is_no_device() {
    let served = server().await;
    served.stop.send(()).unwrap();
    timeout(SOON, served.task).await.unwrap().unwrap();
    let options = ClientOptions {
        patience: Patience { timeout: Duration::from_millis(50), retries: 1 },
        ..ClientOptions::default()
    };
    let e = Client::connect(&served.address.to_string(), binding(), options).await.unwrap_err();
    assert!(matches!(e, LinkError::Timeout(_) | LinkError::Broken(_)), "{e}");
    assert!(Client::connect("no such host:1", binding(), options).await.is_err());
}
