use std::time::Duration;

use aegis_adapters::LinkError;
use aegis_adapters::mtconnect::read::{self, Document};
use aegis_adapters::mtconnect::{Agent, AgentOptions, Exchange, Heard, Mode, multipart, xml};
use aegis_models::{Quality, Time};

use super::support::{BASE_NS, binding, cnc, fetch, frame, get, image, mill, point};

const POLL: Mode = Mode::Poll { interval: Duration::from_secs(1) };
const STREAM: Mode = Mode::Stream { interval: Duration::ZERO, heartbeat: Duration::from_secs(1) };
const PATIENCE: Duration = Duration::from_secs(5);

fn exchange(mode: Mode) -> Exchange {
    Exchange::new("CNC-01", binding(), mode, PATIENCE)
}

/// Answers the request that is due with that document.
fn answer(x: &mut Exchange, now: Time, status: u16, document: &str) -> Result<String, LinkError> {
    let target = x.request(now).expect("a request is due");
    x.head(status, "text/xml; charset=utf-8")?;
    // However it is cut.
    for chunk in document.as_bytes().chunks(1000) {
        x.body(now, chunk)?;
    }
    x.end(now)?;
    Ok(target)
}

/// Answers the request that is due as the agent would.
fn ask(x: &mut Exchange, now: Time, agent: &Agent) -> String {
    let target = x.request(now).expect("a request is due");
    let (status, root) = get(agent, &target);
    x.head(status, "application/xml").unwrap();
    x.body(now, root.document().as_bytes()).unwrap();
    x.end(now).unwrap();
    target
}

fn drain(x: &mut Exchange) -> Vec<Heard> {
    std::iter::from_fn(|| x.poll()).collect()
}

/// An exchange that has heard the state of that agent.
fn settled(agent: &Agent) -> Exchange {
    let mut x = exchange(POLL);
    assert_eq!(ask(&mut x, Time::ZERO, agent), "/CNC-01/probe");
    assert_eq!(ask(&mut x, Time::ZERO, agent), "/CNC-01/current");
    let heard = drain(&mut x);
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].samples.len(), heard[0].note.as_deref()), (cnc().points.len(), None));
    x
}

fn values(heard: &Heard) -> Vec<f64> {
    assert!(heard.samples.iter().all(|s| s.quality == Quality::Good), "{heard:?}");
    heard.samples.iter().map(|s| s.value).collect()
}

#[test]
fn each_second_is_heard_once_and_whole() {
    let mut agent = mill(2000, 1);
    let mut x = settled(&agent);
    for second in 1..50 {
        let now = Time::from_secs(second);
        agent.publish(&frame(now, &image(second)));
        assert!(ask(&mut x, now, &agent).starts_with("/CNC-01/sample?from="));
        let heard = drain(&mut x);
        assert_eq!(heard.len(), 1, "{second}: {heard:?}");
        assert_eq!(values(&heard[0]), image(second), "events that did not change too");
        assert_eq!(heard[0].unix_ns, BASE_NS + now.ns);
        assert_eq!(x.poll_timeout(), Time::from_secs(second + 1).max(now));
    }
}

#[test]
fn polling_faster_than_the_machine_speaks_hears_nothing_twice() {
    let mut agent = mill(2000, 1);
    let mut x = settled(&agent);
    let mut heard = 0;
    for tenth in 1..100 {
        if tenth % 10 == 0 {
            agent.publish(&frame(Time::from_millis(100 * tenth), &image(tenth / 10)));
        }
        let due = x.poll_timeout().max(Time::from_millis(100 * tenth));
        ask(&mut x, due, &agent);
        heard += drain(&mut x).len();
    }
    assert_eq!(heard, 9);
}

#[test]
fn a_backlog_is_heard_moment_by_moment_in_as_many_requests_as_it_takes() {
    // At most 1,000 observations come at once, and at most as many as the agent's buffer holds.
    for (seconds, buffer) in [(2, 40), (2, 2000), (100, 2000), (250, 5000)] {
        let mut agent = mill(buffer, 1);
        let mut x = settled(&agent);
        for second in 1..=seconds {
            agent.publish(&frame(Time::from_secs(second), &image(second)));
        }
        let (mut heard, mut asked) = (Vec::new(), 0);
        while heard.len() < seconds as usize && asked < 10 {
            let due = x.poll_timeout();
            ask(&mut x, due, &agent);
            asked += 1;
            heard.extend(drain(&mut x));
        }
        let told: Vec<_> = heard.iter().map(values).collect();
        assert_eq!(told, (1..=seconds).map(image).collect::<Vec<_>>(), "{seconds} {buffer}");
        assert_eq!(asked, (seconds * 13).div_ceil(1000), "{seconds} {buffer}");
    }
}

#[test]
fn a_reply_that_ends_within_a_moment_waits_for_the_rest() {
    let mut agent = mill(2000, 1);
    let mut x = settled(&agent);
    agent.publish(&frame(Time::from_secs(1), &image(1)));
    let now = Time::from_secs(1);
    let target = x.request(now).unwrap().replace("count=1000", "count=5");
    x.head(200, "text/xml").unwrap();
    x.body(now, fetch(&agent, &target).document().as_bytes()).unwrap();
    x.end(now).unwrap();
    assert_eq!(drain(&mut x), []);
    assert_eq!(x.poll_timeout(), now, "the rest is asked for at once");
    ask(&mut x, now, &agent);
    assert_eq!(drain(&mut x).iter().map(values).collect::<Vec<_>>(), [image(1)]);
}

#[test]
fn what_an_agent_does_not_repeat_still_holds_while_its_clock_moves() {
    let agent = mill(2000, 1);
    let mut x = settled(&agent);
    // An agent of another make, which tells nothing that did not change: here, nothing at all.
    let empty = |second: u64| {
        let document = fetch(&agent, &format!("/sample?from={}", agent.next_sequence())).document();
        document.replace(
            "creationTime=\"2026-01-01T00:00:00.",
            &format!("creationTime=\"2026-01-01T00:00:{second:02}."),
        )
    };
    let mut heard = Vec::new();
    for second in 1..=6 {
        answer(&mut x, Time::from_secs(second), 200, &empty(second)).unwrap();
        heard.extend(drain(&mut x));
    }
    assert_eq!(heard.iter().map(values).collect::<Vec<_>>(), vec![image(0); 3], "every other period");
    // Its clock stands still: nothing is said in its place.
    for second in 7..20 {
        answer(&mut x, Time::from_secs(second), 200, &empty(6)).unwrap();
        assert_eq!(drain(&mut x), []);
    }
}

#[test]
fn observations_that_the_agent_forgot_are_a_gap_that_is_told() {
    let mut agent = mill(60, 1);
    let mut x = settled(&agent);
    for second in 1..=20 {
        agent.publish(&frame(Time::from_secs(second), &image(second)));
    }
    assert!(ask(&mut x, Time::from_secs(20), &agent).contains("/sample"));
    assert_eq!(ask(&mut x, Time::from_secs(20), &agent), "/CNC-01/current");
    let heard = drain(&mut x);
    assert_eq!(heard.len(), 1);
    assert_eq!(values(&heard[0]), image(20));
    assert!(
        heard[0].note.as_ref().unwrap().contains("has forgotten what came from observation"),
        "{heard:?}"
    );
    agent.publish(&frame(Time::from_secs(21), &image(21)));
    ask(&mut x, Time::from_secs(21), &agent);
    assert_eq!(drain(&mut x).iter().map(values).collect::<Vec<_>>(), [image(21)]);
}

#[test]
fn another_instance_is_a_restart_that_is_told_and_probed_again() {
    let agent = mill(2000, 3);
    let mut x = settled(&agent);
    let mut again = Agent::new(binding(), AgentOptions::new("CNC-01", 4712, BASE_NS));
    for second in 0..30 {
        again.publish(&frame(Time::from_secs(second), &image(second)));
    }
    let now = Time::from_secs(30);
    let asked: Vec<_> = (0..3).map(|_| ask(&mut x, now, &again)).collect();
    assert!(asked[0].contains("/sample"));
    assert_eq!(asked[1..], ["/CNC-01/probe", "/CNC-01/current"]);
    let heard = drain(&mut x);
    assert_eq!((heard.len(), heard[0].note.as_deref()), (1, Some("the agent has restarted")));
    assert_eq!(values(&heard[0]), image(29));
    // One that counts from the beginning, which also has not the number asked for.
    let fresh = Agent::new(binding(), AgentOptions::new("CNC-01", 4713, BASE_NS));
    let asked: Vec<_> = (0..4).map(|_| ask(&mut x, Time::from_secs(60), &fresh)).collect();
    assert_eq!(asked[1..], ["/CNC-01/current", "/CNC-01/probe", "/CNC-01/current"]);
    let heard = drain(&mut x);
    assert!(heard[0].note.as_ref().unwrap().contains("the agent has restarted"), "{heard:?}");
    assert!(heard[0].samples.iter().all(|s| s.quality == Quality::Bad && s.value.is_nan()));
}

#[test]
fn over_another_link_it_goes_on_from_the_number_it_was_at() {
    let mut agent = mill(2000, 1);
    let mut x = settled(&agent);
    let asked = x.request(Time::from_secs(1)).unwrap();
    x.lost(Time::from_secs(2));
    agent.publish(&frame(Time::from_secs(1), &image(1)));
    agent.publish(&frame(Time::from_secs(2), &image(2)));
    assert_eq!(ask(&mut x, Time::from_secs(2), &agent), asked);
    assert_eq!(drain(&mut x).iter().map(values).collect::<Vec<_>>(), [image(1), image(2)]);
}

#[test]
fn data_items_are_found_by_what_they_are_and_converted_from_the_units_they_have() {
    let agent = mill(2000, 1);
    // A machine of another make: other identifiers, other units, some items fewer.
    let foreign = |target: &str| {
        let text = fetch(&agent, target).document();
        let text = text.replace("\"spindle_power\"", "\"x17\"").replace("dev.", "d1.");
        let text = text.replace("id=\"coolant_flow\"", "id=\"coolant_flow\" x=\"\"");
        text.replace("type=\"PART_COUNT\"", "type=\"CYCLE_COUNT\"").replace("units=\"COUNT\"", "")
    };
    let mut x = exchange(POLL);
    answer(&mut x, Time::ZERO, 200, &foreign("/probe")).unwrap();
    answer(&mut x, Time::ZERO, 200, &foreign("/current")).unwrap();
    let heard = drain(&mut x).remove(0);
    assert_eq!(heard.note.as_deref(), Some("the device has not: EVENT PART_COUNT ALL of Controller/Path"));
    for (s, value) in heard.samples.iter().zip(image(0)) {
        let missing = s.point == point("parts");
        assert_eq!((s.quality == Quality::Bad, s.value == value), (missing, !missing), "{s:?}");
    }

    let mut x = exchange(POLL);
    let watts = fetch(&agent, "/probe").document();
    let celsius = watts.replace("units=\"WATT\"", "units=\"CELSIUS\"");
    answer(&mut x, Time::ZERO, 200, &celsius).unwrap();
    ask(&mut x, Time::ZERO, &agent);
    let note = drain(&mut x).remove(0).note.unwrap();
    assert!(note.ends_with("SAMPLE WATTAGE ACTUAL of Axes/Rotary[C] in \"CELSIUS\""), "{note}");

    let mut x = exchange(POLL);
    let rps = watts.replace("units=\"REVOLUTION/MINUTE\"", "units=\"REVOLUTION/SECOND\"");
    answer(&mut x, Time::ZERO, 200, &rps).unwrap();
    let current = fetch(&agent, "/current").document().replace(">998.7<", ">16.645<");
    answer(&mut x, Time::ZERO, 200, &current).unwrap();
    let heard = drain(&mut x).remove(0);
    let speed = heard.samples.iter().find(|s| s.point == point("spindle_speed")).unwrap();
    assert_eq!(speed.value, f64::from(998.7_f32));
}

#[test]
fn a_value_that_is_none_is_bad_and_its_neighbours_are_good() {
    let agent = mill(2000, 1);
    for nonsense in ["", "NaN", "inf", "1e999", "twelve", "1 2 3"] {
        let mut x = exchange(POLL);
        ask(&mut x, Time::ZERO, &agent);
        let text = fetch(&agent, "/current").document().replace(">3300<", &format!(">{nonsense}<"));
        answer(&mut x, Time::ZERO, 200, &text).unwrap();
        for s in &drain(&mut x)[0].samples {
            assert_eq!(s.quality == Quality::Bad, s.point == point("spindle_power"), "{nonsense}: {s:?}");
        }
    }
}

#[test]
fn replies_that_are_none_of_an_agent_end_the_link_with_the_reason() {
    let agent = mill(2000, 1);
    let probe = fetch(&agent, "/probe").document();
    let current = fetch(&agent, "/current").document();
    let refused = get(&agent, "/nobody/probe").1.document();
    for (document, reason) in [
        ("", "no document: it ends too early"),
        ("<html>", "no document"),
        ("<html></html>", "the root is html"),
        ("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "it has a document type"),
        ("<a>&b;</a>", "an unknown entity"),
        (&current, "another document than Probe has"),
        (&refused, "NO_DEVICE: no device is called nobody"),
        (&probe.replace("CNC-01", "CNC-02"), "the agent describes no device CNC-01"),
        (&probe.replace("DataItem", "Item"), "has none of the data items"),
        (&probe.replace("instanceId", "instance"), "instanceId of Header is missing"),
        (&"<a>".repeat(100), "too many levels"),
        (&format!("<a>{}</a>", "<b/>".repeat(60_000)), "too many elements"),
        (
            &format!("<a {}/>", (0..40).map(|i| format!("b{i}=\"\" ")).collect::<String>()),
            "too many attributes",
        ),
    ] {
        let e = answer(&mut exchange(POLL), Time::ZERO, 200, document).unwrap_err();
        assert!(matches!(&e, LinkError::Mismatch(m) if m.contains(reason)), "{reason}: {e}");
    }
    let mut x = exchange(POLL);
    let long = answer(&mut x, Time::ZERO, 200, &"x".repeat(5 << 20)).unwrap_err();
    assert!(long.to_string().contains("too long"), "{long}");
    for status in [100, 204, 302] {
        let e = answer(&mut exchange(POLL), Time::ZERO, status, &probe).unwrap_err();
        assert!(e.to_string().contains(&format!("HTTP status {status}")), "{e}");
    }
    // Numbers that go back would make what was heard come again.
    let mut x = settled(&agent);
    let back = fetch(&agent, "/sample?from=1&count=5").document();
    let e = answer(&mut x, Time::from_secs(60), 200, &back).unwrap_err();
    assert!(e.to_string().contains("went back"), "{e}");
}

#[test]
fn a_reply_that_does_not_come_is_too_late_by_the_timeout() {
    let mut x = exchange(POLL);
    x.request(Time::from_secs(3)).unwrap();
    assert_eq!(x.poll_timeout(), Time::from_secs(8));
    assert!(x.check(Time::from_millis(7_999)).is_ok());
    assert!(matches!(x.check(Time::from_secs(8)), Err(LinkError::Timeout(PATIENCE))));
    assert_eq!(x.request(Time::from_secs(4)), None, "one at a time");
}

/// An exchange in a stream that has just begun.
fn streaming(agent: &Agent) -> Exchange {
    let mut x = exchange(STREAM);
    ask(&mut x, Time::ZERO, agent);
    ask(&mut x, Time::ZERO, agent);
    drain(&mut x);
    let target = x.request(Time::ZERO).unwrap();
    assert!(target.ends_with("&interval=0&heartbeat=1000"), "{target}");
    x.head(200, "multipart/x-mixed-replace;boundary=aegis").unwrap();
    x
}

fn part(document: &xml::Element) -> Vec<u8> {
    multipart::part("aegis", &document.document())
}

#[test]
fn a_stream_is_heard_part_by_part_and_its_silence_is_bounded() {
    let mut agent = mill(2000, 1);
    let mut x = streaming(&agent);
    for second in 1..10 {
        let now = Time::from_secs(second);
        let from = agent.next_sequence();
        agent.publish(&frame(now, &image(second)));
        for chunk in part(&fetch(&agent, &format!("/sample?from={from}"))).chunks(333) {
            x.body(now, chunk).unwrap();
        }
        assert_eq!(drain(&mut x).iter().map(values).collect::<Vec<_>>(), [image(second)]);
        assert_eq!(x.poll_timeout(), now.after(Duration::from_secs(6)));
    }
    // The agent ends it: it is asked for again from where it was, but not without end.
    let now = Time::from_secs(10);
    x.end(now).unwrap();
    assert_eq!(x.request(now), None);
    let now = now.after(Duration::from_millis(100));
    assert!(x.request(now).unwrap().contains(&format!("from={}", agent.next_sequence())));
}

#[test]
fn errors_of_any_version_are_understood() {
    let old = "<Error errorCode='OUT_OF_RANGE'>gone</Error>";
    let new = "<OutOfRange errorCode='OUT_OF_RANGE'><URI>/sample</URI><ErrorMessage>gone</ErrorMessage></OutOfRange>";
    for errors in [old.to_owned(), format!("<Errors>{old}</Errors>"), format!("<Errors>{new}</Errors>")] {
        let text = format!("<MTConnectError><Header instanceId='1'/>{errors}</MTConnectError>");
        let read = read::document(text.as_bytes()).unwrap();
        assert_eq!(read, Document::Error(vec![("OUT_OF_RANGE".to_owned(), "gone".to_owned())]), "{text}");
    }
}

#[test]
fn a_stream_that_the_buffer_has_left_behind_ends_in_the_state() {
    let mut agent = mill(60, 1);
    let mut x = streaming(&agent);
    (1..20).for_each(|s| agent.publish(&frame(Time::from_secs(s), &image(s))));
    let now = Time::from_secs(20);
    x.body(now, &part(&get(&agent, "/sample?from=1").1)).unwrap();
    assert!(x.drains());
    x.end(now).unwrap();
    assert_eq!(ask(&mut x, now, &agent), "/CNC-01/current");
    assert!(drain(&mut x)[0].note.as_ref().unwrap().contains("has forgotten"));
}

#[test]
fn streams_that_are_none_end_the_link() {
    let agent = mill(2000, 1);
    for (body, reason) in [
        (b"--other\r\n".to_vec(), "no boundary where a part should begin"),
        (b"--aegis\r\nContent-type: text/xml\r\n\r\n".to_vec(), "no Content-length"),
        (b"--aegis\r\nContent-length: -1\r\n\r\n".to_vec(), "is no number"),
        (b"--aegis\r\nContent-length: 99999999\r\n\r\n".to_vec(), "too long"),
        ([b"--aegis\r\n".as_slice(), &[b'x'; 3000]].concat(), "does not end"),
        (multipart::part("aegis", "<html/>"), "the root is html"),
    ] {
        let e = streaming(&agent).body(Time::ZERO, &body).unwrap_err();
        assert!(matches!(&e, LinkError::Mismatch(m) if m.contains(reason)), "{reason}: {e}");
    }
    let mut x = streaming(&agent);
    x.body(Time::ZERO, b"--aegis\r\nContent-le").unwrap();
    assert!(x.end(Time::ZERO).unwrap_err().to_string().contains("in the middle of a part"));
    for kind in [
        "multipart/x-mixed-replace",
        "multipart/x-mixed-replace;boundary=",
        "multipart/x-mixed-replace;boundary=a b",
    ] {
        let mut x = exchange(STREAM);
        x.request(Time::ZERO).unwrap();
        assert!(x.head(200, kind).unwrap_err().to_string().contains("no boundary"), "{kind}");
    }
}
