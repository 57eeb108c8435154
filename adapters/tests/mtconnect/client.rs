use std::time::Duration;

use aegis_adapters::mtconnect::{Agent, AgentOptions, Client, Mode, ServeOptions, Served, serve_stream};
use aegis_adapters::{LinkError, Served as _};
use aegis_models::{Quality, Time};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};

use super::support::{BASE_NS, binding, fetch, frame, image, mill, served};

const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Mode = Mode::Poll { interval: Duration::from_secs(1) };

/// A client of that agent over an in-memory stream.
fn client(agent: &Served) -> Client {
    let (near, far) = duplex(4096);
    tokio::spawn(serve_stream(far, agent.clone(), ServeOptions::default()));
    Client::attach(near, "CNC-01", binding(), PATIENCE)
}

/// Publishes a second of the mill each second, from the first on.
fn run(agent: &Served) {
    let agent = agent.clone();
    tokio::spawn(async move {
        for second in 1.. {
            sleep(Duration::from_secs(1)).await;
            agent.publish(&frame(Time::from_secs(second), &image(second)));
        }
    });
}

/// What is heard of the next moments, with when.
async fn hear(client: &mut Client, moments: usize) -> Vec<(Duration, u64, Vec<f64>)> {
    let began = Instant::now();
    let mut heard = Vec::new();
    for _ in 0..moments {
        let h = client.heard().await.unwrap();
        assert!(h.note.is_none() && h.samples.iter().all(|s| s.quality == Quality::Good), "{h:?}");
        heard.push((began.elapsed(), h.unix_ns - BASE_NS, h.samples.iter().map(|s| s.value).collect()));
    }
    heard
}

#[tokio::test(start_paused = true)]
async fn a_stream_brings_each_second_as_it_is_published_and_every_run_is_the_same() {
    let once = async || {
        let agent = served(mill(2000, 1));
        let mut client = client(&agent);
        run(&agent);
        hear(&mut client, 200).await
    };
    let heard = once().await;
    for (second, (at, stamp, values)) in (0..).zip(&heard) {
        assert_eq!(values, &image(second), "{second}");
        assert_eq!(*stamp, second * 1_000_000_000);
        assert!(at.as_millis() / 10 == u128::from(second * 100), "at once: {at:?}");
    }
    assert_eq!(once().await, heard);
}

#[tokio::test(start_paused = true)]
async fn polling_brings_the_same() {
    let agent = served(mill(2000, 1));
    let mut client = client(&agent).with_mode(POLL);
    run(&agent);
    let heard = hear(&mut client, 100).await;
    let values: Vec<_> = heard.into_iter().map(|(_, _, values)| values).collect();
    assert_eq!(values, (0..100).map(image).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_call_may_be_dropped_at_any_time_and_nothing_is_lost() {
    for mode in [POLL, Mode::Stream { interval: Duration::ZERO, heartbeat: Duration::from_secs(1) }] {
        let agent = served(mill(2000, 1));
        let mut client = client(&agent).with_mode(mode);
        run(&agent);
        let mut heard = Vec::new();
        let mut dropped = 0;
        while heard.len() < 30 {
            // Whether the first look finds something or not, and a little later again.
            for patience in [0, 1, 130] {
                match timeout(Duration::from_millis(patience), client.heard()).await {
                    Ok(h) => heard.push(h.unwrap().samples.iter().map(|s| s.value).collect::<Vec<_>>()),
                    Err(_) => dropped += 1,
                }
            }
        }
        assert!(dropped > 100, "{dropped}");
        assert_eq!(heard, (0..heard.len() as u64).map(image).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_cut_it_goes_on_over_another_link_without_a_gap() {
    let agent = served(mill(2000, 1));
    let (near, far) = duplex(4096);
    let link = tokio::spawn(serve_stream(far, agent.clone(), ServeOptions::default()));
    let mut client = Client::attach(near, "CNC-01", binding(), PATIENCE);
    run(&agent);
    hear(&mut client, 5).await;
    link.abort();
    let e = client.heard().await.unwrap_err();
    assert_eq!(e.to_string(), "the link broke: the agent closed the connection");
    assert!(client.is_closed());
    assert!(matches!(client.heard().await, Err(LinkError::Closed)));
    assert!(matches!(client.reconnect().await, Err(LinkError::Closed)), "over a stream it has no address");
    sleep(Duration::from_secs(10)).await;
    let (near, far) = duplex(4096);
    tokio::spawn(serve_stream(far, agent.clone(), ServeOptions::default()));
    let mut client = Client::resume(near, client.into_exchange());
    let values: Vec<_> = hear(&mut client, 20).await.into_iter().map(|(_, _, values)| values).collect();
    assert_eq!(values, (5..25).map(image).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_starts_again_or_forgets_is_told_and_heard_on() {
    let agent = served(mill(2000, 3));
    let mut client = client(&agent);
    assert_eq!(hear(&mut client, 1).await[0].2, image(2));
    agent.with(Agent::run_over);
    let h = client.heard().await.unwrap();
    assert!(h.note.as_ref().unwrap().contains("has forgotten"), "{h:?}");
    agent.with(|a| *a = Agent::new(binding(), AgentOptions::new("CNC-01", 9, BASE_NS)));
    agent.publish(&frame(Time::from_secs(1), &image(1)));
    let h = client.heard().await.unwrap();
    assert!(h.note.as_ref().unwrap().contains("the agent has restarted"), "{h:?}");
    assert_eq!(h.samples.iter().map(|s| s.value).collect::<Vec<_>>(), image(1));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_says_nothing_is_given_up_after_the_timeout() {
    let (near, _far) = duplex(4096);
    let mut client = Client::attach(near, "CNC-01", binding(), PATIENCE);
    let began = Instant::now();
    let e = client.heard().await.unwrap_err();
    assert!(matches!(e, LinkError::Timeout(PATIENCE)), "{e}");
    assert_eq!(began.elapsed().as_secs(), 5);
    assert!(client.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_sign_of_life_is_given_up() {
    let agent = served(mill(2000, 1));
    let (near, mut middle) = duplex(1 << 20);
    let (mut other, far) = duplex(1 << 20);
    tokio::spawn(serve_stream(far, agent.clone(), ServeOptions::default()));
    // Half open: after three seconds nothing goes through any more, and nobody says so.
    tokio::spawn(async move {
        let _ = timeout(Duration::from_secs(3), tokio::io::copy_bidirectional(&mut middle, &mut other)).await;
        sleep(Duration::from_secs(600)).await;
        drop((middle, other));
    });
    run(&agent);
    let mut client = Client::attach(near, "CNC-01", binding(), PATIENCE);
    let began = Instant::now();
    let e = loop {
        if let Err(e) = client.heard().await {
            break e;
        }
    };
    assert!(matches!(e, LinkError::Timeout(PATIENCE)), "{e}");
    assert_eq!(began.elapsed().as_secs(), 8, "a heartbeat and the timeout after the last part");
}

/// A client whose agent answers its requests with these bytes, one after another.
fn answered(replies: Vec<Vec<u8>>) -> Client {
    let (near, mut far) = duplex(1 << 20);
    tokio::spawn(async move {
        for reply in replies {
            if until_blank_line(&mut far).await.is_err() || far.write_all(&reply).await.is_err() {
                return;
            }
        }
        sleep(Duration::from_secs(600)).await;
    });
    Client::attach(near, "CNC-01", binding(), PATIENCE)
}

async fn until_blank_line(stream: &mut DuplexStream) -> std::io::Result<()> {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        seen.push(stream.read_u8().await?);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn after_a_reply_that_is_none_the_stream_is_not_used_again() {
    let http =
        |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
    let probe = fetch(&mill(10, 1), "/probe").document();
    for (replies, what) in [
        (vec![b"\x00\x01\x02\x03\x04\x05\x06\x07\r\n\r\n".to_vec()], "noise"),
        (vec![b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf".to_vec(), Vec::new()], "half a body"),
        (vec![http("<html></html>")], "a page"),
        (vec![http(&probe), http(&probe)], "another document"),
        (vec![[b"HTTP/1.1 200 OK\r\n".as_slice(), &b"a: b\r\n".repeat(5000)].concat()], "endless headers"),
        (vec![[b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 100_000]].concat()], "a body without end"),
    ] {
        let mut client = answered(replies);
        let first = client.heard().await.unwrap_err();
        assert!(!matches!(first, LinkError::Closed), "{what}: {first}");
        assert!(client.is_closed(), "{what}");
        assert!(matches!(client.heard().await, Err(LinkError::Closed)), "{what}");
    }
}
