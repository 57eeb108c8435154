//! A mill behind MTConnect, and what its documents say.

use std::sync::{Arc, LazyLock};

use aegis_adapters::mtconnect::xml::{self, Element};
use aegis_adapters::mtconnect::{Agent, AgentOptions, Binding, Body, Response, ServeOptions, Served};
use aegis_models::{Frame, MachineIx, PointIx, Profile, Quality, Sample, Time};

/// 2026-01-01T00:00:00Z.
pub const BASE_NS: u64 = 1_767_225_600_000_000_000;
pub const INSTANCE: u64 = 4711;

pub fn cnc() -> &'static Profile {
    static CNC: LazyLock<Profile> = LazyLock::new(|| Profile::built_in("cnc").unwrap());
    &CNC
}

pub fn binding() -> Arc<Binding> {
    static BINDING: LazyLock<Arc<Binding>> = LazyLock::new(|| Arc::new(Binding::new(cnc()).unwrap()));
    Arc::clone(&BINDING)
}

pub fn point(id: &str) -> PointIx {
    cnc().point_ix(id).unwrap()
}

/// A mill in a cut, `step` seconds into it: as its types hold the values.
pub fn image(step: u64) -> Vec<f64> {
    let value = |id: &str| match id {
        "state" => 2.0,
        "spindle_speed" => 998.7 + (step % 7) as f64,
        "spindle_power" => 3.3,
        "spindle_temp" => 31.4,
        "coolant_flow" => 11.97,
        "tool_age" => 5.0 + step as f64 / 60.0,
        "parts" => (step / 60) as f64,
        _ => f64::NAN,
    };
    let middle = |[low, high]: [f64; 2]| low + (high - low) / 3.0;
    let points = cnc().points.iter();
    let known = |p: &aegis_models::profile::PointSpec| {
        Some(value(&p.id)).filter(|v| !v.is_nan()).or(p.nominal).unwrap_or(middle(p.range))
    };
    points.map(|p| p.data.quantise(known(p))).collect()
}

pub fn frame(time: Time, values: &[f64]) -> Frame {
    let sample = |(i, value): (u16, &f64)| Sample {
        point: PointIx(i),
        value: *value,
        quality: if value.is_nan() { Quality::Bad } else { Quality::Good },
    };
    Frame {
        time,
        machine: MachineIx(0),
        samples: (0..).zip(values).map(sample).collect(),
        records: Vec::new(),
        bursts: Vec::new(),
    }
}

/// A mill of which nothing was published yet.
pub fn silent(buffer: usize) -> Agent {
    Agent::new(binding(), AgentOptions { buffer, ..AgentOptions::new("CNC-01", INSTANCE, BASE_NS) })
}

/// A mill of which `steps` seconds were published.
pub fn mill(buffer: usize, steps: u64) -> Agent {
    let mut agent = silent(buffer);
    for step in 0..steps {
        agent.publish(&frame(Time::from_secs(step), &image(step)));
    }
    agent
}

pub fn served(agent: Agent) -> Served {
    Served::new(agent, &ServeOptions::default())
}

/// The document that answers a GET, with its status.
pub fn get(agent: &Agent, target: &str) -> (u16, Element) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Response { status, content_type, body } = agent.request("GET", path, query);
    let Body::Whole(draft) = body else { panic!("{target} is a stream") };
    assert_eq!(content_type, "application/xml");
    (status, xml::read(draft.write().as_bytes()).unwrap())
}

/// The document that answers a GET, which succeeds.
pub fn fetch(agent: &Agent, target: &str) -> Element {
    let (status, root) = get(agent, target);
    assert_eq!(status, 200, "{target}: {root:?}");
    root
}

/// All elements below, in the order of the document.
pub fn all(root: &Element) -> Vec<&Element> {
    let mut found = vec![root];
    root.children.iter().for_each(|c| found.extend(all(c)));
    found
}

/// The observations of a data item, in the order of the document.
pub fn observed<'a>(root: &'a Element, id: &str) -> Vec<&'a Element> {
    all(root).into_iter().filter(|e| e.attribute("dataItemId") == Some(id)).collect()
}

/// The text of the only observation of a data item.
pub fn told<'a>(root: &'a Element, id: &str) -> &'a str {
    let found = observed(root, id);
    assert_eq!(found.len(), 1, "{id}");
    &found[0].text
}

pub fn header(root: &Element, name: &str) -> u64 {
    root.child("Header").unwrap().attribute(name).unwrap().parse().unwrap()
}
