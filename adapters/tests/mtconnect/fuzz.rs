//! The bodies of the fuzz targets, in the ordinary run.

use proptest::prelude::*;

use super::support::mill;

#[path = "../../fuzz/bodies/mtconnect.rs"]
mod bodies;

const CASES: u32 = if cfg!(debug_assertions) { 2_000 } else { 200_000 };

/// Bytes as they are, or pieces that a decoder knows, in any order.
fn pieces(known: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop::sample::select(known).prop_map(|t| t.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..200),
        4 => prop::collection::vec(piece, 0..24).prop_map(|p| p.concat()),
    ]
}

/// A real document with a few bytes changed.
fn documents() -> impl Strategy<Value = Vec<u8>> {
    let agent = mill(200, 3);
    let targets = ["/probe", "/current", "/sample", "/assets", "/sample"];
    let whole = targets.map(|t| match agent.request("GET", t, "").body {
        aegis_adapters::mtconnect::Body::Whole(draft) => draft.write().into_bytes(),
        aegis_adapters::mtconnect::Body::Stream(_) => unreachable!("{t} asks for no stream"),
    });
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (prop::sample::select(whole.to_vec()), changes).prop_map(|(mut document, changes)| {
        for (at, to) in changes {
            let at = at.index(document.len());
            document[at] = to;
        }
        document
    })
}

const QUERY: &[&str] = &[
    "/",
    "probe",
    "current",
    "sample",
    "asset",
    "assets",
    "CNC-01",
    "?",
    "&",
    "=",
    "from=",
    "to=",
    "count=",
    "-",
    "1",
    "7",
    "64",
    "0",
    "at=",
    "path=",
    "interval=",
    "heartbeat=",
    "device=",
    "removed=true",
    "type=",
    "%20",
    "%2F",
    "%",
    ";",
    "+",
    "//Axes",
    "[@id=\"dev\"]",
];
const PATH: &[&str] = &[
    "/",
    "//",
    "*",
    "Axes",
    "Rotary",
    "DataItem",
    "[",
    "]",
    "@",
    "name",
    "type",
    "=",
    "\"",
    "'",
    "\"C\"",
    "'WATTAGE'",
    " and ",
    " or ",
    "|",
    " ",
    "x:",
    "[@type=\"WATTAGE\"]",
    "(",
    ".",
];
const XML: &[&str] = &[
    "<",
    ">",
    "/>",
    "</",
    "<a>",
    "</a>",
    "<b c=\"d\">",
    "</b>",
    "<x:y/>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?xml ?>",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "&amp;",
    "&b;",
    "&#65;",
    "&#x0;",
    "&#10;",
    " ",
    "\n",
    "text",
    "\u{FEFF}",
    "\r",
    "\t",
    "<MTConnectStreams>",
    "<Header instanceId=\"1\"/>",
    "</MTConnectStreams>",
];
const PARTS: &[&str] = &[
    "--b",
    "--b\r\n",
    "--b--",
    "\r\n",
    "\r\n\r\n",
    "Content-length: ",
    "content-length:3",
    "0",
    "3",
    "9999999999",
    "abc",
    "Content-type: text/xml\r\n",
    ":",
    "-",
    "--b\r\nContent-length: 3\r\n\r\nabc\r\n",
    "--b\r\nContent-length: 0\r\n\r\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn any_bytes_are_a_request_or_a_refusal(data in pieces(QUERY)) {
        bodies::query(&data);
    }

    #[test]
    fn any_bytes_are_a_path_or_an_error(data in pieces(PATH)) {
        bodies::path(&data);
    }

    #[test]
    fn any_bytes_are_xml_or_an_error(data in pieces(XML)) {
        bodies::document(&data);
    }

    #[test]
    fn any_bytes_are_parts_or_an_error(
        (cut, data) in (any::<u8>(), pieces(PARTS)),
    ) {
        bodies::multipart(&[&[cut], data.as_slice()].concat());
    }
}

proptest! {
    // A document takes long to read next to a request.
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 500 } else { 200_000 }))]

    #[test]
    fn any_bytes_in_a_document_are_a_document_or_an_error(data in documents()) {
        bodies::document(&data);
    }

    #[test]
    fn any_bytes_from_an_agent_leave_a_client_whole(
        data in prop::collection::vec(prop_oneof![4 => 0..9_u8, 1 => any::<u8>()], 0..60),
    ) {
        bodies::exchange(&data);
    }
}
