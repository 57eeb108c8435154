//! Any bytes at the decoders of MTConnect: a value or an error, within bounds, and what was read is written to read as
//! the same again.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aegis_adapters::limits;
use aegis_adapters::mtconnect::multipart::{self, Parts};
use aegis_adapters::mtconnect::xml::{self, Element};
use aegis_adapters::mtconnect::{Agent, AgentOptions, Binding, Body, Exchange, Mode, path, query, read};
use aegis_models::{Frame, MachineIx, PointIx, Profile, Quality, Sample, Time};

/// A request line's target, cut at its first question mark.
pub fn query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (path, query) = text.split_once('?').unwrap_or((&text, ""));
    match query::parse(path, query) {
        Ok(request) => {
            let target = request.to_string();
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            // Encoding makes longer: what no longer fits is refused, and only that.
            if target.len() <= limits::MTCONNECT_TARGET_BYTES {
                assert_eq!(query::parse(path, query).as_ref(), Ok(&request), "{target}");
            }
        }
        Err(refusal) => assert!((400..600).contains(&refusal.code.status())),
    }
    let agent = &KNOWN.agent;
    let response = agent.request("GET", path, query);
    if let Body::Whole(draft) = response.body {
        let document = draft.write();
        read::document(document.as_bytes()).expect("an agent's own document can be read");
    }
}

/// A `path`.
pub fn path(data: &[u8]) {
    let Ok(read) = path::parse(&String::from_utf8_lossy(data)) else { return };
    let written = read.to_string();
    assert_eq!(path::parse(&written).as_ref(), Ok(&read), "{written}");
    assert!(read.select(&KNOWN.probe).len() <= 64);
}

/// A document.
pub fn document(data: &[u8]) {
    if let Ok(root) = xml::read(data) {
        let mut elements = 0;
        measure(&root, 1, &mut elements);
        assert!(elements <= limits::MTCONNECT_ELEMENTS);
        let written = root.document();
        // References make longer: what no longer fits is refused, and only that.
        if written.len() <= limits::MTCONNECT_DOCUMENT_BYTES {
            assert_eq!(xml::read(written.as_bytes()).expect("what was written can be read"), root);
        }
    }
    let _ = read::document(data);
}

fn measure(element: &Element, depth: usize, elements: &mut usize) {
    *elements += 1;
    assert!(depth <= limits::MTCONNECT_DEPTH && element.attributes.len() <= limits::MTCONNECT_ATTRIBUTES);
    element.children.iter().for_each(|c| measure(c, depth + 1, elements));
}

/// A stream of parts, whose first byte says how it is cut.
pub fn multipart(data: &[u8]) {
    let Some((first, data)) = data.split_first() else { return };
    let read = |size: usize| {
        let (mut parts, mut whole) = (Parts::new("b"), Vec::new());
        for chunk in data.chunks(size) {
            if let Err(e) = parts.push(chunk, &mut whole) {
                return (whole, Some(e));
            }
            let most = limits::MTCONNECT_DOCUMENT_BYTES + 2 * limits::MTCONNECT_PART_HEADER_BYTES;
            assert!(parts.kept() <= most + size);
        }
        (whole, None)
    };
    let (parts, _) = read(usize::from(*first).max(1));
    assert_eq!(parts, read(data.len().max(1)).0, "the parts are the same however the stream is cut");
    for part in parts.iter().filter_map(|p| std::str::from_utf8(p).ok()) {
        let (mut again, mut whole) = (Parts::new("b"), Vec::new());
        again.push(&multipart::part("b", part), &mut whole).expect("what was written can be read");
        assert_eq!(whole, [part.as_bytes()]);
    }
    let _ = multipart::boundary(&String::from_utf8_lossy(data));
}

/// A talk with an agent that answers anything: each byte is a turn, some of which take what follows as their own.
pub fn exchange(data: &[u8]) {
    let Some((first, mut data)) = data.split_first() else { return };
    let mode = match first % 2 {
        0 => Mode::Poll { interval: Duration::from_millis(500) },
        _ => Mode::Stream { interval: Duration::ZERO, heartbeat: Duration::from_secs(1) },
    };
    let binding = Arc::clone(&KNOWN.binding);
    let points = binding.items().len();
    let mut exchange = Exchange::new("CNC-01", binding, mode, Duration::from_secs(5));
    let mut now = Time::ZERO;
    let mut take = |n: usize| {
        let (taken, rest) = data.split_at(n.min(data.len()));
        data = rest;
        taken
    };
    while let [turn] = take(1) {
        let outcome = match turn % 9 {
            0 => {
                now = now.after(Duration::from_millis(u64::from(take(1).first().copied().unwrap_or(1)) * 10));
                exchange.check(now)
            }
            1 | 2 => {
                let _ = exchange.request(now.max(exchange.poll_timeout()));
                exchange.head(200, "application/xml")
            }
            3 => {
                let _ = exchange.request(now.max(exchange.poll_timeout()));
                exchange.head(200, "multipart/x-mixed-replace;boundary=b")
            }
            4 => exchange.body(now, take(usize::from(*turn))),
            5 | 6 => {
                // A real document, with a few bytes changed.
                let [which, at, to] = *take(3) else { break };
                let mut document = KNOWN.documents[usize::from(which) % KNOWN.documents.len()].clone();
                let place = usize::from(at) * 37 % document.len();
                if which >= 64 {
                    document[place] = to;
                }
                if turn % 9 == 6 {
                    document = multipart::part("b", &String::from_utf8_lossy(&document));
                }
                exchange.body(now, &document)
            }
            7 => exchange.end(now),
            _ => {
                exchange.lost(now);
                Ok(())
            }
        };
        while let Some(heard) = exchange.poll() {
            assert!(heard.samples.len() <= points);
            assert!(heard.samples.is_sorted_by(|a, b| a.point < b.point), "each point once, in order");
            for s in &heard.samples {
                assert_eq!(s.quality == Quality::Bad, s.value.is_nan());
            }
            assert!(heard.note.is_none_or(|n| n.len() < 4096));
        }
        if outcome.is_err() {
            exchange.lost(now);
        }
    }
}

/// An agent and what it said.
struct Known {
    binding: Arc<Binding>,
    agent: Agent,
    probe: Element,
    documents: Vec<Vec<u8>>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let profile = Profile::built_in("cnc").expect("the profile comes with Aegis");
    let binding = Arc::new(Binding::new(&profile).expect("the profile is bound"));
    let options = AgentOptions { buffer: 64, ..AgentOptions::new("CNC-01", 1, 1_767_225_600_000_000_000) };
    let mut agent = Agent::new(Arc::clone(&binding), options);
    for second in 0..5 {
        let value =
            |p: &aegis_models::profile::PointSpec| p.nominal.unwrap_or(p.range[0]) + second as f64 / 8.0;
        let sample = |(i, p): (u16, &aegis_models::profile::PointSpec)| {
            let value = p.data.quantise(value(p));
            Sample { point: PointIx(i), value, quality: Quality::Good }
        };
        let samples = (0..).zip(&profile.points).map(sample).collect();
        let (time, machine) = (Time::from_secs(second), MachineIx(0));
        agent.publish(&Frame { time, machine, samples, records: Vec::new(), bursts: Vec::new() });
    }
    let targets = [
        ("/probe", ""),
        ("/current", ""),
        ("/sample", "count=8"),
        ("/sample", "count=64"),
        ("/sample", "from=1"),
        ("/assets", ""),
    ];
    let document = |(path, query): &(&str, &str)| match agent.request("GET", path, query).body {
        Body::Whole(draft) => draft.write().into_bytes(),
        Body::Stream(_) => Vec::new(),
    };
    let documents: Vec<Vec<u8>> = targets.iter().map(document).collect();
    let probe = xml::read(&documents[0]).expect("an agent's own document can be read");
    Known { binding, agent, probe, documents }
});
