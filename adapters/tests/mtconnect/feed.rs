use std::time::Duration;

use aegis_adapters::mtconnect::feed::{Feed, Next};
use aegis_adapters::mtconnect::multipart::{self, Parts};
use aegis_adapters::mtconnect::xml::{self, Element};
use aegis_adapters::mtconnect::{Agent, Body};
use aegis_models::Time;

use super::support::{all, fetch, frame, header, image, mill};

const MS: fn(u64) -> Time = Time::from_millis;

/// The stream that answers a GET.
fn feed(agent: &Agent, query: &str) -> Feed {
    let response = agent.request("GET", "/CNC-01/sample", query);
    assert_eq!(response.status, 200);
    let Body::Stream(feed) = response.body else { panic!("{query} is no stream") };
    assert_eq!(response.content_type, feed.content_type());
    *feed
}

/// The document of the part that comes next.
fn part(feed: &mut Feed, now: Time, agent: &Agent) -> Element {
    let Next::Part(part) = feed.poll(now, agent) else { panic!("no part at {now}") };
    let bytes = part.write();
    let boundary = multipart::boundary(&feed.content_type()).unwrap().unwrap();
    let (mut parts, mut whole) = (Parts::new(&boundary), Vec::new());
    parts.push(&bytes, &mut whole).unwrap();
    assert!(parts.rests() && whole.len() == 1);
    xml::read(&whole[0]).unwrap()
}

fn waits(next: Next) -> Time {
    let Next::Wait(until) = next else { panic!("{next:?}") };
    until
}

fn numbers(root: &Element) -> Vec<u64> {
    let number = |e: &&Element| e.attribute("sequence")?.parse().ok();
    let mut numbers: Vec<u64> = all(root).iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn parts_follow_each_other_without_a_gap_and_not_faster_than_the_interval() {
    let mut agent = mill(2000, 3);
    let mut feed = feed(&agent, "from=10&count=20&interval=100&heartbeat=1000");
    let mut heard = Vec::new();
    let mut now = MS(0);
    while heard.len() < 60 {
        let root = part(&mut feed, now, &agent);
        heard.extend(numbers(&root));
        assert_eq!(header(&root, "nextSequence"), heard.last().unwrap() + 1);
        let due = now.after(Duration::from_millis(100));
        assert_eq!(waits(feed.poll(now, &agent)), due);
        now = due;
        agent.publish(&frame(Time::from_secs(3 + heard.len() as u64), &image(3)));
    }
    assert_eq!(heard, (10..10 + heard.len() as u64).collect::<Vec<_>>());
}

#[test]
fn silence_is_broken_by_a_heartbeat_and_ended_by_news() {
    let mut agent = mill(2000, 1);
    let mut feed = feed(&agent, &format!("from={}&interval=0&heartbeat=1000", agent.next_sequence()));
    assert!(numbers(&part(&mut feed, MS(0), &agent)).is_empty(), "the first part comes at once");
    assert_eq!(waits(feed.poll(MS(1), &agent)), MS(10), "as soon as possible is not at once");
    assert_eq!(waits(feed.poll(MS(10), &agent)), MS(1000));
    assert_eq!(waits(feed.poll(MS(999), &agent)), MS(1000));
    assert!(numbers(&part(&mut feed, MS(1000), &agent)).is_empty());
    assert_eq!(waits(feed.poll(MS(1500), &agent)), MS(2000));
    agent.publish(&frame(Time::from_secs(1), &image(1)));
    assert_eq!(numbers(&part(&mut feed, MS(1500), &agent)).len(), 13);
    assert_eq!(waits(feed.poll(MS(1510), &agent)), MS(2500));
}

#[test]
fn what_the_path_leaves_out_is_passed_over() {
    let mut agent = mill(2000, 1);
    let query = format!(
        "from={}&interval=0&path=//DataItem[@type='FLOW'][@category='SAMPLE']",
        agent.next_sequence()
    );
    let mut feed = feed(&agent, &query);
    part(&mut feed, MS(0), &agent);
    agent.publish(&frame(Time::from_secs(1), &image(1)));
    let root = part(&mut feed, MS(10), &agent);
    assert_eq!(numbers(&root).len(), 2);
    assert_eq!(header(&root, "nextSequence"), agent.next_sequence());
}

#[test]
fn a_stream_that_lags_behind_the_buffer_is_told_so_and_ends() {
    let mut agent = mill(40, 1);
    let mut feed = feed(&agent, &format!("from={}&interval=0", agent.next_sequence()));
    part(&mut feed, MS(0), &agent);
    (1..10).for_each(|s| agent.publish(&frame(Time::from_secs(s), &image(s))));
    let Next::Part(part) = feed.poll(MS(10), &agent) else { panic!("no part") };
    let text = String::from_utf8(part.write()).unwrap();
    assert!(text.contains("errorCode=\"OUT_OF_RANGE\"") && text.ends_with("--\r\n"), "{text}");
    assert!(matches!(feed.poll(MS(20), &agent), Next::End));
}

#[test]
fn the_state_can_be_streamed_too() {
    let mut agent = mill(2000, 1);
    let Body::Stream(mut feed) = agent.request("GET", "/current", "interval=500").body else {
        panic!("no stream")
    };
    let state = |root: &Element| root.children[1].clone();
    assert_eq!(state(&part(&mut feed, MS(0), &agent)), state(&fetch(&agent, "/current")));
    assert_eq!(waits(feed.poll(MS(1), &agent)), MS(500));
    agent.publish(&frame(Time::from_secs(1), &image(1)));
    assert_eq!(state(&part(&mut feed, MS(500), &agent)), state(&fetch(&agent, "/current")));
    // Also of no interval at all something remains.
    let Body::Stream(mut feed) = agent.request("GET", "/current", "interval=0").body else {
        panic!("no stream")
    };
    part(&mut feed, MS(0), &agent);
    assert_eq!(waits(feed.poll(MS(0), &agent)), MS(10));
}
