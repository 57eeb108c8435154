use std::net::SocketAddr;
use std::time::Duration;

use aegis_adapters::mtconnect::{Client, Mode, ServeOptions, Served, serve};
use aegis_adapters::{LinkError, Served as _};
use aegis_models::Time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::support::{binding, fetch, frame, image, mill};

const SOON: Duration = Duration::from_secs(5);

/// An agent on a port of its own, its handle, and what stops it.
async fn agent(options: ServeOptions, buffer: usize) -> (SocketAddr, Served, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = Served::new(mill(buffer, 1), &options);
    let handle = served.clone();
    tokio::spawn(async move {
        serve(listener, served, options, async {
            let _ = stopped.await;
        })
        .await;
    });
    (address, handle, stop)
}

async fn client(address: SocketAddr) -> Client {
    Client::connect(&address.to_string(), "CNC-01", binding(), SOON).await.unwrap()
}

/// Hears of that second of the mill.
async fn hears(client: &mut Client, agent: &Served, second: u64) {
    agent.publish(&frame(Time::from_secs(second), &image(second)));
    let heard = timeout(SOON, client.heard()).await.expect("in time").expect("a moment");
    assert_eq!(heard.samples.iter().map(|s| s.value).collect::<Vec<_>>(), image(second));
}

/// What comes in reply to these bytes until the connection ends.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut reply = Vec::new();
    // What a broken connection said before it broke counts too.
    let _ = timeout(SOON, stream.read_to_end(&mut reply)).await.expect("the agent ends the connection");
    String::from_utf8(reply).unwrap()
}

async fn ends(stream: &mut TcpStream) -> bool {
    let mut buf = [0; 4096];
    loop {
        match timeout(SOON, stream.read(&mut buf)).await {
            Ok(Ok(0) | Err(_)) => return true,
            Ok(Ok(_)) => {}
            Err(_) => return false,
        }
    }
}

#[tokio::test]
async fn any_http_client_gets_documents_with_their_status() {
    let (address, _served, _stop) = agent(ServeOptions::default(), 2000).await;
    let reply = raw(address, b"GET /CNC-01/probe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("content-type: application/xml"),
        "{head}"
    );
    assert_eq!(body, fetch(&mill(2000, 1), "/probe").document());
    for (request, status) in [
        ("GET /nobody/current HTTP/1.0", "404"),
        ("GET /sample?count=x HTTP/1.0", "400"),
        ("PUT /CNC-01 HTTP/1.0", "405"),
        ("HEAD /current HTTP/1.0", "200"),
        ("HEAD /sample?interval=10 HTTP/1.0", "200"),
    ] {
        let reply = raw(address, format!("{request}\r\n\r\n").as_bytes()).await;
        assert!(reply.split(' ').nth(1) == Some(status), "{request}: {reply}");
        assert_eq!(reply.contains("<MTConnectError"), status != "200", "{reply}");
    }
}

#[tokio::test]
async fn two_hundred_peers_that_say_nothing_do_not_push_out_a_client_at_work() {
    let (address, served, _stop) =
        agent(ServeOptions { connections: 8, ..ServeOptions::default() }, 2000).await;
    let mut client = client(address).await;
    timeout(SOON, client.heard()).await.unwrap().unwrap();
    let mut silent = Vec::new();
    for second in 1..=200 {
        silent.push(TcpStream::connect(address).await.unwrap());
        hears(&mut client, &served, second).await;
    }
    assert!(ends(&mut silent[0]).await, "the oldest that says nothing is closed");
    hears(&mut client, &served, 201).await;
}

#[tokio::test]
async fn a_peer_that_drips_its_request_is_closed_and_one_that_asks_is_not() {
    let options = ServeOptions { idle: Duration::from_millis(300), ..ServeOptions::default() };
    let (address, served, _stop) = agent(options, 2000).await;
    let mut client = client(address).await;
    timeout(SOON, client.heard()).await.unwrap().unwrap();
    let mut dripping = TcpStream::connect(address).await.unwrap();
    for (second, byte) in (1..).zip(b"GET /probe") {
        let _ = dripping.write_all(&[*byte]).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        hears(&mut client, &served, second).await;
    }
    assert!(ends(&mut dripping).await);
    hears(&mut client, &served, 11).await;
}

#[tokio::test]
async fn malformed_and_endless_requests_cost_their_sender_the_connection_and_nobody_else() {
    let (address, served, _stop) = agent(ServeOptions::default(), 2000).await;
    let mut client = client(address).await;
    timeout(SOON, client.heard()).await.unwrap().unwrap();
    let endless = [b"GET /".as_slice(), &[b'a'; 100_000]].concat();
    let headers = [b"GET /probe HTTP/1.1\r\n".as_slice(), &b"a: b\r\n".repeat(10_000), b"\r\n"].concat();
    for (second, bytes) in (1..).zip([&[0xFF; 64][..], b"\r\n\r\nX\r\n\r\n", &endless, &headers]) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // It may be closed before all of it is sent.
        let _ = stream.write_all(bytes).await;
        assert!(ends(&mut stream).await);
        hears(&mut client, &served, second).await;
    }
}

#[tokio::test]
async fn a_reader_of_a_stream_that_stops_reading_is_cut_and_the_others_hear_on() {
    let options = ServeOptions { write: Duration::from_millis(300), ..ServeOptions::default() };
    let (address, served, _stop) = agent(options, 2000).await;
    let mut client = client(address).await;
    timeout(SOON, client.heard()).await.unwrap().unwrap();
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /current?interval=1 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // It takes nothing: what the system buffers for it fills, and then the agent waits no longer than it says.
    let cut = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if slow.write_all(b" ").await.is_err() {
                break;
            }
        }
    };
    let mut second = 0;
    let on = async {
        loop {
            second += 1;
            hears(&mut client, &served, second).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        outcome = timeout(Duration::from_secs(60), cut) => outcome.expect("the slow reader is cut"),
        () = on => {}
    }
    // The second that was under way may come before the last one.
    served.publish(&frame(Time::from_secs(second + 1), &image(second + 1)));
    let last =
        async { while client.heard().await.expect("a moment").samples[1].value != image(second + 1)[1] {} };
    timeout(SOON, last).await.expect("in time");
}

/// A stream over a connection of its own, which is open.
async fn stream(address: SocketAddr, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 15];
    timeout(SOON, stream.read_exact(&mut head)).await.unwrap().unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    stream
}

#[tokio::test]
async fn streams_that_are_left_idle_lock_nobody_out() {
    let options = ServeOptions { streams: 4, streams_per_peer: 4, ..ServeOptions::default() };
    let (address, served, _stop) = agent(options, 2000).await;
    let mut client = client(address).await;
    timeout(SOON, client.heard()).await.unwrap().unwrap();
    let mut idle = Vec::new();
    for second in 1..=12 {
        idle.push(stream(address, "/sample?interval=10&heartbeat=600000").await);
        hears(&mut client, &served, second).await;
    }
    assert!(ends(&mut idle[0]).await, "the one least in use is ended");
    let current = raw(address, b"GET /current HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(current.starts_with("HTTP/1.1 200"), "{current}");
}

#[tokio::test]
async fn a_long_document_is_cut_and_a_stream_of_many_is_written_in_pieces() {
    let (address, served, _stop) = agent(ServeOptions::default(), 20_000).await;
    (1..1_500).for_each(|s| served.publish(&frame(Time::from_secs(s), &image(s))));
    let request = b"GET /sample?count=20000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let all = raw(address, request).await;
    assert_eq!(all.matches(" sequence=").count(), aegis_adapters::limits::MTCONNECT_COUNT);
    let next = served.with(|a| a.next_sequence());
    assert!(!all.contains(&format!("nextSequence=\"{next}\"")), "the header says where to go on");
    // Several at once take turns, and all are answered.
    let asked = (0..8).map(|_| tokio::spawn(raw(address, request))).collect::<Vec<_>>();
    for reply in asked {
        assert_eq!(reply.await.unwrap().len(), all.len());
    }
}

/// The only thread that may write long documents is held: they wait, and everybody else goes on.
#[test]
fn a_long_document_is_written_beside_everything_else() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (address, served, _stop) = agent(ServeOptions::default(), 20_000).await;
        (1..100).for_each(|s| served.publish(&frame(Time::from_secs(s), &image(s))));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let holder = tokio::task::spawn_blocking(move || held.recv());
        let request = |n| format!("GET /sample?count={n} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let ask = |n| tokio::spawn(async move { raw(address, request(n).as_bytes()).await });
        let long = [ask(1_000), ask(1_000)];
        let mut client = client(address).await;
        timeout(SOON, client.heard()).await.unwrap().unwrap();
        for second in 100..110 {
            assert!(ask(100).await.unwrap().contains("<MTConnectStreams"));
            hears(&mut client, &served, second).await;
        }
        assert!(long.iter().all(|l| !l.is_finished()));
        release.send(()).expect("it waits");
        for reply in long {
            assert!(reply.await.unwrap().matches(" sequence=").count() == 1_000);
        }
        holder.await.unwrap().expect("it was released");
    });
}

#[tokio::test]
async fn a_client_with_an_address_opens_again_what_the_agent_ends_between_replies() {
    // Each connection is closed when it has been silent for longer than this, which is shorter than the poll.
    let options = ServeOptions { idle: Duration::from_millis(100), ..ServeOptions::default() };
    let (address, served, _stop) = agent(options, 2000).await;
    let poll = Mode::Poll { interval: Duration::from_millis(300) };
    let mut client = client(address).await.with_mode(poll);
    timeout(SOON, client.heard()).await.unwrap().unwrap();
    for second in 1..5 {
        hears(&mut client, &served, second).await;
    }
}

#[tokio::test]
async fn stopping_the_agent_ends_its_connections_and_reconnecting_goes_on() {
    let (address, served, stop) = agent(ServeOptions::default(), 2000).await;
    let mut client = client(address).await;
    timeout(SOON, client.heard()).await.unwrap().unwrap();
    stop.send(()).unwrap();
    let e = timeout(SOON, client.heard()).await.unwrap().unwrap_err();
    assert!(matches!(e, LinkError::Broken(_)), "{e}");
    assert!(client.reconnect().await.is_err(), "nobody listens");
    served.publish(&frame(Time::from_secs(1), &image(1)));
    let listener = TcpListener::bind(address).await.unwrap();
    let handle = served.clone();
    tokio::spawn(serve(listener, handle, ServeOptions::default(), std::future::pending()));
    client.reconnect().await.unwrap();
    let heard = timeout(SOON, client.heard()).await.unwrap().unwrap();
    assert_eq!((heard.samples.iter().map(|s| s.value).collect::<Vec<_>>(), heard.note), (image(1), None));
    assert!(served.take_writes().is_empty());
}

#[tokio::test]
async fn an_agent_that_ends_the_connection_behind_each_reply_is_heard_all_the_same() {
    // As agents before HTTP/1.1 do: nothing is kept open.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = Served::new(mill(2000, 1), &ServeOptions::default());
    let agent = served.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(b) => request.push(b),
                    Err(_) => break,
                }
            }
            let request = String::from_utf8(request).unwrap();
            let Some(target) = request.split(' ').nth(1) else { continue };
            let body = agent.with(|a| super::support::get(a, target).1.document());
            let head = format!(
                "HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    });
    let mut client = client(address).await.with_mode(Mode::Poll { interval: Duration::from_millis(20) });
    timeout(SOON, client.heard()).await.unwrap().unwrap();
    for second in 1..10 {
        hears(&mut client, &served, second).await;
    }
}
