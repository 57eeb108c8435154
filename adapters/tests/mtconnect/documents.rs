//! What every document of an agent keeps, without the published schema. Against the schema itself the documents are
//! validated by a foreign peer, where the environment variable `AEGIS_MTCONNECT_XSD` names its folder.

use std::collections::BTreeSet;

use aegis_adapters::mtconnect::xml::Element;
use aegis_adapters::mtconnect::{Binding, Exchange, Mode};
use aegis_models::profile::{DataItemCategory, Profile};
use aegis_models::{Quality, Time};

use super::support::{all, binding, cnc, fetch, frame, get, header, image, mill, silent};

const HEADER: &[&str] = &["version", "creationTime", "instanceId", "sender"];

fn kind(root: &Element) -> &str {
    root.name.strip_prefix("MTConnect").unwrap()
}

#[test]
fn every_document_has_its_namespace_and_header() {
    let agent = mill(1000, 3);
    for (target, name, more) in [
        ("/probe", "Devices", &["bufferSize", "assetBufferSize", "assetCount", "deviceModelChangeTime"][..]),
        (
            "/current",
            "Streams",
            &["bufferSize", "nextSequence", "firstSequence", "lastSequence", "deviceModelChangeTime"],
        ),
        (
            "/sample",
            "Streams",
            &["bufferSize", "nextSequence", "firstSequence", "lastSequence", "deviceModelChangeTime"],
        ),
        ("/assets", "Assets", &["assetBufferSize", "assetCount", "deviceModelChangeTime"]),
        ("/nobody/probe", "Error", &["bufferSize"]),
    ] {
        let (_, root) = get(&agent, target);
        assert_eq!(kind(&root), name);
        assert_eq!(root.attribute("xmlns"), Some(format!("urn:mtconnect.org:MTConnect{name}:2.4").as_str()));
        let h = root.child("Header").unwrap();
        let names: BTreeSet<&str> = h.attributes.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, HEADER.iter().chain(more).copied().collect(), "{target}");
        assert_eq!(header(&root, "instanceId"), 4711);
        assert_eq!(h.attribute("creationTime"), Some("2026-01-01T00:00:02.000000Z"));
    }
}

#[test]
fn identifiers_are_unique_names_and_every_observation_has_its_data_item() {
    let agent = mill(1000, 3);
    let probe = fetch(&agent, "/probe");
    let mut ids = BTreeSet::new();
    for e in all(&probe) {
        let Some(id) = e.attribute("id") else { continue };
        assert!(id.starts_with(|c: char| c.is_ascii_alphabetic()) && !id.contains([' ', ':', '[']), "{id}");
        assert!(ids.insert(id), "{id} stands twice");
    }
    for target in ["/current", "/sample?count=1000"] {
        let root = fetch(&agent, target);
        for stream in all(&root).into_iter().filter(|e| e.name == "ComponentStream") {
            let component = stream.attribute("componentId").unwrap();
            let described = all(&probe).into_iter().find(|e| e.attribute("id") == Some(component)).unwrap();
            assert_eq!(stream.attribute("component"), Some(described.name.as_str()));
            assert_eq!(stream.attribute("name"), described.attribute("name"));
            for group in &stream.children {
                for e in &group.children {
                    let id = e.attribute("dataItemId").unwrap();
                    let item = described.child("DataItems").unwrap().children.iter();
                    let item = item.clone().find(|i| i.attribute("id") == Some(id)).expect(id);
                    let group_of = match item.attribute("category").unwrap() {
                        "SAMPLE" => "Samples",
                        "EVENT" => "Events",
                        _ => "Condition",
                    };
                    assert_eq!(group.name, group_of, "{id}");
                    for name in ["subType", "statistic", "name"] {
                        assert_eq!(e.attribute(name), item.attribute(name), "{id} {name}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_data_item_of_the_profile_is_described_as_the_profile_says() {
    let probe = fetch(&mill(100, 1), "/probe");
    for p in &cnc().points {
        let row = p.mtconnect.as_ref().unwrap_or_else(|| panic!("{} has no data item", p.id));
        let found: Vec<_> = all(&probe).into_iter().filter(|e| e.attribute("id") == Some(&p.id)).collect();
        let [item] = found.as_slice() else { panic!("{} is described {} times", p.id, found.len()) };
        let category = if row.category == DataItemCategory::Sample { "SAMPLE" } else { "EVENT" };
        assert_eq!(item.attribute("category"), Some(category));
        assert_eq!(item.attribute("type"), Some(row.kind.as_str()));
        assert_eq!(item.attribute("subType"), row.sub_type.as_deref());
        assert_eq!(item.attribute("units"), row.units.as_deref());
    }
}

/// What the client makes of the document that the agent gives for an image.
fn there_and_back(values: &[f64]) -> Vec<(f64, Quality)> {
    let mut agent = silent(1000);
    agent.publish(&frame(Time::ZERO, values));
    let mode = Mode::Poll { interval: std::time::Duration::from_secs(1) };
    let mut exchange = Exchange::new("CNC-01", binding(), mode, std::time::Duration::from_secs(5));
    loop {
        if let Some(heard) = exchange.poll() {
            return heard.samples.iter().map(|s| (s.value, s.quality)).collect();
        }
        let target = exchange.request(Time::ZERO).unwrap();
        exchange.head(200, "text/xml").unwrap();
        exchange.body(Time::ZERO, fetch(&agent, &target).document().as_bytes()).unwrap();
        exchange.end(Time::ZERO).unwrap();
    }
}

#[test]
fn every_point_comes_through_the_wire_to_the_bit() {
    let ends = |share: f64| -> Vec<f64> {
        let points = cnc().points.iter();
        let value = |p: &aegis_models::profile::PointSpec| match &p.mtconnect.as_ref().unwrap().words {
            words if words.is_empty() => p.data.quantise(p.range[0] + share * (p.range[1] - p.range[0])),
            words => words.keys().nth((share * 2.0) as usize % words.len()).unwrap().parse().unwrap(),
        };
        points.map(value).collect()
    };
    let mut images = vec![image(0), image(77)];
    images.extend((0..=100).map(|i| ends(f64::from(i) / 100.0)));
    for values in images {
        let expected: Vec<_> = values.iter().map(|v| (*v, Quality::Good)).collect();
        assert_eq!(there_and_back(&values), expected);
    }
    for (i, p) in cnc().points.iter().enumerate() {
        let mut values = image(0);
        values[i] = f64::NAN;
        let heard = there_and_back(&values);
        for (n, (value, quality)) in heard.iter().enumerate() {
            assert_eq!((*quality == Quality::Bad, value.is_nan()), (n == i, n == i), "{}", p.id);
        }
    }
}

#[test]
fn every_built_in_profile_with_a_section_can_be_bound() {
    for (kind, _) in Profile::built_ins() {
        let profile = Profile::built_in(kind).unwrap();
        assert_eq!(Binding::new(&profile).is_ok(), profile.mtconnect.is_some(), "{kind}");
    }
}
