use aegis_adapters::mtconnect::xml::Element;
use aegis_adapters::mtconnect::{Agent, Body};
use aegis_models::{Quality, Time};

use super::support::{all, fetch, frame, get, header, image, mill, observed, point, silent, told};

const MS: fn(u64) -> Time = Time::from_millis;

/// Publishes the image of the first second with one point changed.
fn publish(agent: &mut Agent, time: Time, id: &str, value: f64) {
    let mut values = image(0);
    values[usize::from(point(id).0)] = value;
    agent.publish(&frame(time, &values));
}

/// The error code of a refusal, with its status.
fn refused(agent: &Agent, target: &str) -> (u16, String) {
    let (status, root) = get(agent, target);
    let errors = root.child("Errors").expect(target);
    assert_eq!(errors.children.len(), 1);
    (status, errors.children[0].attribute("errorCode").unwrap().to_owned())
}

fn sequences(agent: &Agent, target: &str) -> Vec<u64> {
    let root = fetch(agent, target);
    let number = |e: &&aegis_adapters::mtconnect::xml::Element| e.attribute("sequence")?.parse().ok();
    let mut numbers: Vec<u64> = all(&root).iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn before_anything_was_published_all_is_unavailable() {
    let agent = silent(1000);
    let root = fetch(&agent, "/current");
    for e in all(&root).iter().filter(|e| e.attribute("dataItemId").is_some()) {
        let unavailable = if e.name == "Unavailable" { e.text.is_empty() } else { e.text == "UNAVAILABLE" };
        assert!(unavailable, "{e:?}");
        assert_eq!(e.attribute("timestamp"), Some("2026-01-01T00:00:00.000000Z"));
    }
    assert_eq!((header(&root, "firstSequence"), header(&root, "lastSequence")), (1, 25));
    assert_eq!(header(&root, "nextSequence"), 26);
}

#[test]
fn values_travel_in_the_units_of_the_standard() {
    let root = fetch(&mill(1000, 1), "/current");
    assert_eq!(told(&root, "dev.avail"), "AVAILABLE");
    assert_eq!(told(&root, "spindle_power"), "3300", "kW as W");
    assert_eq!(told(&root, "coolant_flow_sp"), "0.2", "l/min as l/s");
    assert_eq!(told(&root, "tool_age"), "300", "min as s");
    assert_eq!(told(&root, "spindle_temp"), "31.4");
    assert_eq!(told(&root, "state"), "ACTIVE");
    assert_eq!(told(&root, "run_enable"), "ON");
    assert_eq!(told(&root, "parts"), "0");
}

#[test]
fn samples_are_kept_at_their_period_and_events_when_they_change() {
    let mut agent = silent(1000);
    for tenth in 0..=20 {
        publish(&mut agent, MS(100 * tenth), "state", if tenth < 13 { 2.0 } else { 0.0 });
    }
    let root = fetch(&agent, "/sample?count=1000");
    let stamps = |id: &str| -> Vec<String> {
        observed(&root, id)
            .iter()
            .skip(1)
            .map(|e| e.attribute("timestamp").unwrap()[17..].to_owned())
            .collect()
    };
    assert_eq!(stamps("spindle_temp"), ["00.000000Z", "01.000000Z", "02.000000Z"]);
    assert_eq!(stamps("state"), ["00.000000Z", "01.300000Z"]);
    assert_eq!(stamps("dev.avail"), ["00.000000Z"]);
}

#[test]
fn what_is_bad_or_has_no_word_is_unavailable_at_once_and_only_once() {
    for (id, value) in [("spindle_temp", f64::NAN), ("spindle_temp", f64::INFINITY), ("state", 7.0)] {
        let mut agent = mill(1000, 1);
        for tenth in 1..=20 {
            publish(&mut agent, MS(100 * tenth), id, value);
        }
        let root = fetch(&agent, "/sample?count=1000");
        let said: Vec<_> = observed(&root, id).iter().map(|e| e.text == "UNAVAILABLE").collect();
        assert_eq!(said, [true, false, true], "{id} {value}");
        publish(&mut agent, MS(2100), id, image(0)[usize::from(point(id).0)]);
        assert_ne!(told(&fetch(&agent, "/current"), id), "UNAVAILABLE");
    }
    // A quality tells it too, whatever the value is.
    let mut agent = mill(1000, 1);
    let mut bad = frame(MS(500), &image(0));
    bad.samples.iter_mut().for_each(|s| s.quality = Quality::Bad);
    agent.publish(&bad);
    let root = fetch(&agent, "/current");
    assert_eq!(told(&root, "spindle_temp"), "UNAVAILABLE");
    assert_eq!(observed(&root, "spindle_temp.cond")[0].name, "Unavailable");
    assert_eq!(told(&root, "dev.avail"), "UNAVAILABLE", "a machine of which nothing is known is gone");
    publish(&mut agent, MS(600), "spindle_temp", 31.0);
    assert_eq!(told(&fetch(&agent, "/current"), "dev.avail"), "AVAILABLE");
}

#[test]
fn the_state_as_of_the_first_observation_has_every_data_item() {
    let agent = mill(2000, 1);
    let items = observed_ids(&fetch(&agent, "/current"));
    let first = fetch(&agent, "/current?at=1");
    assert_eq!(observed_ids(&first), items);
    assert_eq!(told(&first, "spindle_temp"), "UNAVAILABLE");
}

fn observed_ids(root: &Element) -> Vec<String> {
    all(root).iter().filter_map(|e| e.attribute("dataItemId").map(str::to_owned)).collect()
}

#[test]
fn a_condition_goes_from_normal_to_warning_to_fault_and_back() {
    let mut agent = silent(1000);
    for (second, temperature) in [31.0, 61.0, 62.0, 81.0, 61.0, f64::NAN, 31.0].into_iter().enumerate() {
        publish(&mut agent, Time::from_secs(second as u64), "spindle_temp", temperature);
    }
    let root = fetch(&agent, "/sample?count=1000");
    let found = observed(&root, "spindle_temp.cond");
    let said: Vec<_> = found
        .iter()
        .map(|e| (e.name.as_str(), e.attribute("nativeCode"), e.attribute("qualifier")))
        .collect();
    let code = Some("SP-0700");
    assert_eq!(
        said,
        [
            ("Unavailable", None, None),
            ("Normal", None, None),
            ("Warning", code, Some("HIGH")),
            ("Fault", code, Some("HIGH")),
            ("Warning", code, Some("HIGH")),
            ("Unavailable", None, None),
            ("Normal", None, None),
        ]
    );
    assert!(found.iter().all(|e| e.attribute("type") == Some("TEMPERATURE")));
    publish(&mut agent, Time::from_secs(9), "coolant_flow", 0.5);
    let root = fetch(&agent, "/current");
    let flow = observed(&root, "coolant_flow.cond")[0];
    assert_eq!((flow.name.as_str(), flow.attribute("qualifier")), ("Fault", Some("LOW")));
}

#[test]
fn samples_are_fetched_forward_backward_and_in_between() {
    let agent = mill(1000, 4);
    let last = header(&fetch(&agent, "/current"), "lastSequence");
    assert_eq!(sequences(&agent, "/sample"), (1..=last.min(100)).collect::<Vec<_>>());
    assert_eq!(sequences(&agent, "/sample?from=30&count=3"), [30, 31, 32]);
    assert_eq!(sequences(&agent, "/sample?from=30&to=31"), [30, 31]);
    assert_eq!(sequences(&agent, "/sample?count=-2"), [last - 1, last]);
    assert_eq!(sequences(&agent, "/sample?from=30&count=-2"), [29, 30]);
    assert!(sequences(&agent, &format!("/sample?from={}", last + 1)).is_empty());
    let next = |target: &str| header(&fetch(&agent, target), "nextSequence");
    assert_eq!(next("/sample?from=30&count=3"), 33);
    assert_eq!(next("/sample?from=30&to=31"), 32);
    assert_eq!(next("/sample?from=30&count=-2"), 28);
    assert_eq!(next(&format!("/sample?from={}", last + 1)), last + 1);
    let wattage = "/sample?count=2&path=//DataItem[@type='WATTAGE'][@category='SAMPLE']";
    let found = sequences(&agent, wattage);
    assert_eq!(found.len(), 2);
    assert_eq!(next(wattage), found[1] + 1);
}

#[test]
fn the_state_at_an_earlier_number_is_as_it_was() {
    let mut agent = mill(40, 1);
    publish(&mut agent, MS(1000), "spindle_temp", 40.0);
    let changed = header(&fetch(&agent, "/current"), "lastSequence");
    publish(&mut agent, MS(2000), "spindle_temp", 50.0);
    let root = fetch(&agent, &format!("/current?at={changed}"));
    assert_eq!(told(&root, "spindle_temp"), "40");
    assert_eq!(told(&root, "state"), "ACTIVE", "observed before the buffer begins");
    assert_eq!(told(&fetch(&agent, "/current"), "spindle_temp"), "50");
}

#[test]
fn numbers_outside_of_the_buffer_are_out_of_range() {
    let agent = mill(40, 10);
    let root = fetch(&agent, "/current");
    let (first, last) = (header(&root, "firstSequence"), header(&root, "lastSequence"));
    assert_eq!((last - first + 1, header(&root, "bufferSize")), (40, 40));
    let out = (404, "OUT_OF_RANGE".to_owned());
    for target in [
        format!("/sample?from={}", first - 1),
        format!("/sample?from={}", last + 2),
        format!("/sample?from={}&interval=10", first - 1),
        format!("/sample?from={last}&to={}", last - 1),
        format!("/sample?to={}", last + 1),
        format!("/current?at={}", first - 1),
        format!("/current?at={}", last + 1),
        "/sample?count=41".to_owned(),
        "/sample?count=-41".to_owned(),
        "/sample?from=0".to_owned(),
    ] {
        assert_eq!(refused(&agent, &target), out, "{target}");
    }
    let before = last;
    let mut agent = agent;
    agent.run_over();
    assert_eq!(refused(&agent, &format!("/sample?from={}", before + 1)), out);
    assert_eq!(told(&fetch(&agent, "/current"), "spindle_temp"), "31.4", "the state stays");
}

#[test]
fn who_asks_for_another_device_or_wants_to_write_is_told_so() {
    let agent = mill(100, 1);
    for target in ["/CNC-02/probe", "/CNC-02/current", "/CNC-02", "/sample?device=x", "/CNC-02/assets"] {
        assert_eq!(refused(&agent, target), (404, "NO_DEVICE".to_owned()), "{target}");
    }
    for method in ["PUT", "POST", "DELETE", "OPTIONS", ""] {
        let response = agent.request(method, "/probe", "");
        let Body::Whole(draft) = response.body else { panic!("{method} is a stream") };
        let text = draft.write();
        assert!(response.status == 405 && text.contains("errorCode=\"UNSUPPORTED\""), "{method}: {text}");
    }
}

#[test]
fn the_tool_in_the_spindle_is_an_asset_and_a_worn_one_leaves() {
    let mut agent = silent(1000);
    publish(&mut agent, MS(0), "tool_age", 35.9);
    publish(&mut agent, MS(1000), "tool_age", 40.2);
    let root = fetch(&agent, "/assets");
    assert_eq!((header(&root, "assetCount"), header(&root, "assetBufferSize")), (1, 1024));
    let tool = &root.child("Assets").unwrap().children[0];
    assert_eq!((tool.name.as_str(), tool.attribute("toolId")), ("CuttingTool", Some("FM-63")));
    let cycle = tool.child("CuttingToolLifeCycle").unwrap();
    let life = cycle.child("ToolLife").unwrap();
    assert_eq!(
        (life.text.as_str(), life.attribute("limit"), life.attribute("warning")),
        ("40.2", Some("40"), Some("36"))
    );
    let status: Vec<_> =
        cycle.child("CutterStatus").unwrap().children.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(status, ["USED", "EXPIRED"]);
    let first = tool.attribute("assetId").unwrap().to_owned();

    publish(&mut agent, MS(2000), "tool_age", 0.0);
    let ids = |target: &str| -> Vec<String> {
        let root = fetch(&agent, target);
        let assets = &root.child("Assets").unwrap().children;
        assets.iter().map(|a| a.attribute("assetId").unwrap().to_owned()).collect()
    };
    let second = ids("/assets")[0].clone();
    assert_ne!(first, second);
    assert_eq!(ids("/assets?removed=true"), [second.clone(), first.clone()]);
    assert_eq!(ids("/assets?removed=true&count=1"), std::slice::from_ref(&second));
    assert_eq!(ids(&format!("/asset/{second};{first}")), [second.clone(), first.clone()]);
    assert_eq!(ids("/assets?type=Pallet"), [] as [String; 0]);
    assert_eq!(refused(&agent, "/asset/none").1, "ASSET_NOT_FOUND");
    let root = fetch(&agent, "/current");
    assert_eq!(
        (told(&root, "dev.asset_chg"), told(&root, "dev.asset_rem")),
        (second.as_str(), first.as_str())
    );
    assert_eq!(
        fetch(&agent, "/probe").child("Header").unwrap().child("AssetCounts").unwrap().children[0].text,
        "1"
    );
}

#[test]
fn a_moment_before_the_last_one_counts_as_the_last() {
    let mut agent = mill(1000, 5);
    publish(&mut agent, MS(0), "state", 0.0);
    let root = fetch(&agent, "/current");
    let state = observed(&root, "state")[0];
    assert_eq!(
        (state.text.as_str(), state.attribute("timestamp")),
        ("READY", Some("2026-01-01T00:00:04.000000Z"))
    );
}
