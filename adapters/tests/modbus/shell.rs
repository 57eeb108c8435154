use std::net::SocketAddr;
use std::time::Duration;

use aegis_adapters::modbus::{Client, ServeOptions, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::support::{adu, binding, point, shared};

const SOON: Duration = Duration::from_secs(5);

/// A server on a port of its own, and what stops it.
async fn server(options: ServeOptions) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        serve(listener, shared(), options, async {
            let _ = stopped.await;
        })
        .await;
    });
    (address, stop, task)
}

async fn client(address: SocketAddr) -> Client {
    Client::connect(&address.to_string(), 1, binding(), SOON).await.unwrap()
}

/// Whether the server ends this connection.
async fn ends(stream: &mut TcpStream) -> bool {
    let mut buf = [0; 64];
    loop {
        match timeout(SOON, stream.read(&mut buf)).await {
            Ok(Ok(0) | Err(_)) => return true,
            Ok(Ok(_)) => {}
            Err(_) => return false,
        }
    }
}

#[tokio::test]
async fn two_hundred_peers_that_say_nothing_do_not_push_out_a_master_at_work() {
    let (address, _stop, _task) = server(ServeOptions { connections: 8, ..ServeOptions::default() }).await;
    let mut client = client(address).await;
    client.read_group(0).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(address).await.unwrap());
        client.read_point(point("airflow")).await.unwrap();
    }
    assert!(ends(&mut silent[0]).await, "the oldest that says nothing is closed");
    client.read_group(0).await.unwrap();
}

#[tokio::test]
async fn a_peer_that_drips_bytes_is_closed_and_one_that_asks_is_not() {
    let options = ServeOptions { idle: Duration::from_millis(300), ..ServeOptions::default() };
    let (address, _stop, _task) = server(options).await;
    let mut client = client(address).await;
    let mut dripping = TcpStream::connect(address).await.unwrap();
    let frame = adu(0, 1, &[16, 0, 100, 0, 2, 4, 0x44, 0xAF, 0, 0]);
    for byte in &frame[..10] {
        let _ = dripping.write_all(&[*byte]).await;
        client.read_point(point("airflow")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(ends(&mut dripping).await);
    client.read_point(point("airflow")).await.unwrap();
}

#[tokio::test]
async fn a_peer_that_asks_and_never_reads_is_closed() {
    let options = ServeOptions { write: Duration::from_millis(200), ..ServeOptions::default() };
    let (address, _stop, _task) = server(options).await;
    let mut greedy = TcpStream::connect(address).await.unwrap();
    let batch = adu(0, 1, &[4, 0, 0, 0, 16]).repeat(1000);
    let flood = async { while greedy.write_all(&batch).await.is_ok() {} };
    timeout(4 * SOON, flood).await.expect("the server hangs up on it");
    client(address).await.read_group(0).await.unwrap();
}

#[tokio::test]
async fn malformed_frames_cost_their_sender_the_connection_and_nobody_else() {
    let (address, _stop, _task) = server(ServeOptions::default()).await;
    let mut client = client(address).await;
    let mut broken = TcpStream::connect(address).await.unwrap();
    broken.write_all(&[0xFF; 32]).await.unwrap();
    assert!(ends(&mut broken).await);
    client.read_group(0).await.unwrap();
}

#[tokio::test]
async fn stopping_the_server_ends_its_connections() {
    let (address, stop, task) = server(ServeOptions::default()).await;
    let mut client = client(address).await;
    client.read_group(0).await.unwrap();
    stop.send(()).unwrap();
    timeout(SOON, task).await.unwrap().unwrap();
    assert!(client.read_group(0).await.is_err());
    assert!(Client::connect(&address.to_string(), 1, binding(), SOON).await.is_err());
}
