use std::time::Duration;

use aegis_adapters::mtconnect::query::{self, ErrorCode, Request};

use super::support::{all, fetch, get, mill};

fn parse(target: &str) -> Result<Request, ErrorCode> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    query::parse(path, query).map_err(|refusal| refusal.code)
}

#[test]
fn requests_are_read_as_they_are_meant() {
    let device = Some("CNC-01".to_owned());
    assert_eq!(parse("/"), Ok(Request::Probe { device: None }));
    assert_eq!(parse("/CNC-01"), Ok(Request::Probe { device: device.clone() }));
    assert_eq!(parse("/CNC%2D01/probe"), Ok(Request::Probe { device: device.clone() }));
    assert_eq!(parse("/probe?device=CNC-01&pretty=true"), Ok(Request::Probe { device: device.clone() }));
    let ms = Duration::from_millis;
    let sample = Request::Sample {
        device,
        from: Some(12),
        to: None,
        count: Some(7),
        path: None,
        interval: Some(ms(0)),
        heartbeat: Some(ms(500)),
    };
    assert_eq!(parse("/CNC-01/sample?heartbeat=500&interval=0&count=7&from=12"), Ok(sample));
    let Ok(Request::Assets { ids, removed: true, count: Some(3), .. }) =
        parse("/asset/a%3Bb;c?removed=true&count=3")
    else {
        panic!("three assets")
    };
    assert_eq!(ids, ["a", "b", "c"]);
}

#[test]
fn what_is_wrong_with_a_request_has_the_standards_word() {
    use ErrorCode::{InvalidPath, InvalidRequest, InvalidUri, OutOfRange};
    for (target, code) in [
        ("/CNC-01/reset", InvalidUri),
        ("/probe/more", InvalidUri),
        ("/asset/;", InvalidUri),
        ("/a%GG", InvalidUri),
        ("/%FF", InvalidUri),
        ("/current?at=now", InvalidRequest),
        ("/current?at=-1", InvalidRequest),
        ("/current?at=1&interval=5", InvalidRequest),
        ("/current?from=1", InvalidRequest),
        ("/current?at", InvalidRequest),
        ("/current?at=1&at=2", InvalidRequest),
        ("/CNC-01/current?device=CNC-01", InvalidRequest),
        ("/sample?count=0", OutOfRange),
        ("/sample?count=1.5", InvalidRequest),
        ("/sample?count=-5&interval=10", InvalidRequest),
        ("/sample?count=-5&to=10", InvalidRequest),
        ("/sample?from=1&to=10&interval=10", InvalidRequest),
        ("/sample?interval=600001", OutOfRange),
        ("/sample?interval=10&heartbeat=0", OutOfRange),
        ("/sample?path=Axes", InvalidPath),
        ("/sample?path=//Axes[last()]", InvalidPath),
        ("/assets?removed=yes", InvalidRequest),
        ("/assets?count=0", OutOfRange),
    ] {
        assert_eq!(parse(target), Err(code), "{target}");
    }
    assert_eq!(parse(&format!("/{}", "a".repeat(5000))), Err(InvalidUri));
    let many: Vec<String> = (0..20).map(|i| format!("p{i}=1")).collect();
    assert_eq!(parse(&format!("/probe?{}", many.join("&"))), Err(InvalidRequest));
    assert_eq!(parse(&format!("/sample?path={}", "//*".repeat(100))), Err(InvalidPath));
}

/// The identifiers that a path lets through.
fn chosen(path: &str) -> Vec<String> {
    let root = fetch(&mill(100, 1), &format!("/current?path={path}"));
    let mut ids: Vec<String> =
        all(&root).iter().filter_map(|e| e.attribute("dataItemId").map(str::to_owned)).collect();
    ids.sort();
    ids
}

#[test]
fn a_path_names_data_items_or_components_with_all_that_is_in_them() {
    let coolant =
        ["coolant_flow", "coolant_flow.cond", "coolant_flow_sp", "coolant_temp", "coolant_temp.cond"];
    assert_eq!(chosen("//Coolant"), coolant);
    assert_eq!(chosen("//Systems/Components/Coolant//DataItem"), coolant);
    assert_eq!(chosen("/MTConnectDevices/Devices/Device[@name='CNC-01']//Coolant"), coolant);
    assert_eq!(
        chosen("//Coolant//DataItem[@category=\"CONDITION\"]"),
        ["coolant_flow.cond", "coolant_temp.cond"]
    );
    assert_eq!(
        chosen("//DataItem[@type='FLOW' and @subType='ACTUAL']"),
        ["coolant_flow", "coolant_flow.cond"]
    );
    assert_eq!(chosen("//DataItem[@type='FLOW'][@category='SAMPLE']"), ["coolant_flow", "coolant_flow_sp"]);
    assert_eq!(
        chosen("//DataItem[@type='WATTAGE' or @type='EXECUTION']"),
        ["spindle_power", "spindle_power.cond", "state"]
    );
    assert_eq!(
        chosen("//Rotary[@name='C']//DataItem[@type='WATTAGE']|//Path//DataItem[@type='EXECUTION']"),
        ["spindle_power", "spindle_power.cond", "state"]
    );
    let conditions = ["coolant_flow.cond", "coolant_temp.cond"];
    for path in [
        "//Coolant//DataItem[@category!='SAMPLE']",
        "//Coolant//DataItem[not(@category='SAMPLE')]",
        "//Coolant//DataItem[@id and not(@category = 'SAMPLE' or @category='EVENT')]",
        "//Coolant//DataItem[(@type='FLOW' or @type='TEMPERATURE') and @category='CONDITION']",
    ] {
        assert_eq!(chosen(path), conditions, "{path}");
    }
    assert_eq!(chosen("//Coolant//DataItem[@nothing or not(@nothing!='x')]"), coolant);
    for nothing in ["//Linear", "//Rotary[@name='X']", "/Device", "//Systems/Coolant", "//Device/DataItem"] {
        let (status, root) = get(&mill(100, 1), &format!("/current?path={nothing}"));
        let error = root.child("Errors").unwrap().child("Error").unwrap();
        assert_eq!((status, error.attribute("errorCode")), (400, Some("INVALID_PATH")), "{nothing}");
    }
}
