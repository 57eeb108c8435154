//! The link against agents that cut it, start anew, or end the connection behind each reply.

use std::time::Duration;

use aegis_adapters::Served as _;
use aegis_adapters::mtconnect::feed::Next;
use aegis_adapters::mtconnect::{
    Agent, AgentOptions, Binding, Body, Response, ServeOptions, Served, serve_stream,
};
use aegis_models::{Frame, MachineIx, PointIx, Profile, Protocol, Quality, Sample};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::super::{FromLink, Network, run};
use super::*;

/// Everything that is awaited comes within this time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

fn profile() -> Arc<Profile> {
    Arc::new(Profile::built_in("cnc").unwrap())
}

/// One life of a mill's agent.
fn life(instance: u64) -> Served {
    let binding = Arc::new(Binding::new(&profile()).unwrap());
    Served::new(Agent::new(binding, AgentOptions::new("CNC-01", instance, 0)), &ServeOptions::default())
}

/// The point that tells the seconds apart.
fn counter() -> PointIx {
    profile().point_ix("spindle_speed").unwrap()
}

/// That second of the mill: every point has a value.
fn publish(agent: &Served, second: u64) {
    let sample = |(i, p): (u16, &aegis_models::profile::PointSpec)| {
        let point = PointIx(i);
        let value = if point == counter() { 1_000.0 + second as f64 } else { p.range[0] };
        Sample { point, value: p.data.quantise(value), quality: Quality::Good }
    };
    let samples = (0..).zip(&profile().points).map(sample).collect();
    let time = Time::from_secs(second);
    agent.publish(&Frame { time, machine: MachineIx(0), samples, records: vec![], bursts: vec![] });
}

/// A production link to that address.
fn link(address: std::net::SocketAddr) -> mpsc::Receiver<FromLink> {
    let equipment = Equipment::new(
        "CNC-01",
        profile(),
        Protocol::Mtconnect,
        &address.to_string(),
        Duration::from_secs(5),
    );
    let (to_core, from_link) = mpsc::channel(256);
    let (orders, taken) = mpsc::channel(1);
    let clock = Clock::start(Time::ZERO, 1.0);
    tokio::spawn(async move {
        run(MachineIx(0), equipment, Network, clock, to_core, taken).await;
        drop(orders);
    });
    from_link
}

/// What the link says until it has told of that second: the seconds in turn, and its notes.
async fn hear(from_link: &mut mpsc::Receiver<FromLink>, until: u64) -> (Vec<u64>, Vec<String>) {
    let (mut seconds, mut notes): (Vec<u64>, Vec<String>) = (vec![], vec![]);
    let heard = timeout(PATIENCE, async {
        while seconds.last() != Some(&until) {
            match from_link.recv().await.expect("the link lives") {
                FromLink::Heard(_, heard) => {
                    let own = heard.samples.iter().find(|s| s.point == counter());
                    let second = own.filter(|s| s.quality == Quality::Good).map(|s| s.value as u64 - 1_000);
                    seconds.extend(second.filter(|s| seconds.last() != Some(s)));
                }
                FromLink::State(_, true, note) => notes.push(note),
                FromLink::State(..) | FromLink::Written(..) => {}
            }
        }
    })
    .await;
    heard.unwrap_or_else(|_| panic!("second {until} does not come: {seconds:?} {notes:?}"));
    (seconds, notes)
}

/// Serves whichever life of the agent is the present one, over connections that end when it changes or is cut.
async fn serve_lives(listener: TcpListener, lives: watch::Receiver<Served>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let mut lives = lives.clone();
        let agent = lives.borrow_and_update().clone();
        tokio::spawn(async move {
            tokio::select! {
                () = serve_stream(stream, agent, ServeOptions::default()) => {}
                _ = lives.changed() => {}
            }
        });
    }
}

#[tokio::test]
async fn over_a_cut_no_observation_is_lost_and_a_restart_is_noticed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let first = life(1);
    let (lives, present) = watch::channel(first.clone());
    tokio::spawn(serve_lives(listener, present));
    publish(&first, 0);
    let mut from_link = link(address);
    let (mut seconds, _) = hear(&mut from_link, 0).await;
    for cut in 0..3 {
        // It is cut, and the mill goes on; so it does once the link is back.
        lives.send_replace(first.clone());
        (cut * 20 + 1..=cut * 20 + 15).for_each(|s| publish(&first, s));
        seconds.extend(hear(&mut from_link, cut * 20 + 15).await.0);
        (cut * 20 + 16..=cut * 20 + 20).for_each(|s| publish(&first, s));
        seconds.extend(hear(&mut from_link, cut * 20 + 20).await.0);
    }
    seconds.dedup();
    assert_eq!(seconds, (0..=60).collect::<Vec<_>>());

    // As many observations as before, so that the numbers alone tell nothing.
    let second = life(2);
    (0..=60).for_each(|s| publish(&second, s));
    publish(&second, 70);
    lives.send_replace(second.clone());
    let (_, notes) = hear(&mut from_link, 70).await;
    assert!(notes.iter().any(|n| n.contains("restarted")), "{notes:?}");
    publish(&second, 71);
    hear(&mut from_link, 71).await;
}

/// One reply, behind which the agent ends the connection: of a stream, the first part.
async fn reply_once(mut stream: TcpStream, agent: &Served) -> Option<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?);
    }
    let request = String::from_utf8(request).ok()?;
    let (path, query) = request.split(' ').nth(1).map(|t| t.split_once('?').unwrap_or((t, "")))?;
    let (kind, body) = agent.with(|a| {
        let Response { content_type, body, .. } = a.request("GET", path, query);
        let bytes = match body {
            Body::Whole(draft) => draft.write().into_bytes(),
            Body::Stream(mut feed) => match feed.poll(Time::ZERO, a) {
                Next::Part(part) => part.write(),
                _ => Vec::new(),
            },
        };
        (content_type, bytes)
    });
    let head = format!("HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), &body].concat()).await.ok()
}

#[tokio::test]
async fn an_agent_that_ends_the_connection_behind_each_reply_is_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let agent = life(1);
    let served = agent.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            reply_once(stream, &served).await;
        }
    });
    publish(&agent, 0);
    let mut from_link = link(address);
    let (mut seconds, _) = hear(&mut from_link, 0).await;
    for second in 1..=10 {
        publish(&agent, second);
        seconds.extend(hear(&mut from_link, second).await.0);
    }
    seconds.dedup();
    assert_eq!(seconds, (0..=10).collect::<Vec<_>>());
}
