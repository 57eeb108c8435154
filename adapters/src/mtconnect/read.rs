//! What an agent's documents say, to a client: any agent's, of any 1.x or 2.x version.

use super::binding::{Item, Step, UNAVAILABLE, category};
use super::stamp;
use super::xml::{self, BadXml, Element};

/// Why a reply is no document of an agent.
#[derive(Debug, thiserror::Error)]
pub enum BadDocument {
    /// It cannot be read at all.
    #[error(transparent)]
    Xml(#[from] BadXml),
    /// It is XML of something else.
    #[error("the root is {0}, which is no MTConnect document")]
    Root(String),
    /// Something that each has is missing or is no number.
    #[error("{0} is missing or malformed")]
    Lacks(&'static str),
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// What devices are made of.
    Devices {
        /// Which life of the agent.
        instance_id: u64,
        /// The devices.
        devices: Vec<Device>,
    },
    /// What was observed.
    Streams(Streams),
    /// Things that machines use, which a client of points has no use for.
    Assets,
    /// Why a request was not answered, as code and text.
    Error(Vec<(String, String)>),
}

/// A device, as its agent describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its identifier.
    pub uuid: String,
    /// All its data items.
    pub items: Vec<Described>,
}

/// A data item, as its agent describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its identifier, by which observations name it.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// SAMPLE, EVENT or CONDITION.
    pub category: String,
    /// Its type.
    pub kind: String,
    /// Its subtype.
    pub sub_type: Option<String>,
    /// Its statistic.
    pub statistic: Option<String>,
    /// The unit of its values.
    pub units: Option<String>,
    /// Its component, from the device down.
    pub component: Vec<Step>,
}

/// A streams document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streams {
    /// Which life of the agent.
    pub instance_id: u64,
    /// Observations that the agent keeps, if it says so.
    pub buffer: Option<u64>,
    /// The number of the oldest observation that the agent keeps.
    pub first: u64,
    /// The number of the newest.
    pub last: u64,
    /// The number to go on from.
    pub next: u64,
    /// When the document was made [ns since 1970].
    pub created_ns: u64,
    /// Samples and events, in the order of their numbers. Conditions are left out: they tell no point's value.
    pub observations: Vec<Observed>,
}

/// A sample or an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The identifier of its data item.
    pub id: String,
    /// Its number.
    pub sequence: u64,
    /// When it held [ns since 1970].
    pub unix_ns: u64,
    /// What it says; none when it is unavailable.
    pub text: Option<String>,
}

/// Reads a document.
pub fn document(bytes: &[u8]) -> Result<Document, BadDocument> {
    let root = xml::read(bytes)?;
    let header = || root.child("Header").ok_or(BadDocument::Lacks("Header"));
    match root.local() {
        "MTConnectDevices" => {
            let instance_id = number(header()?, "instanceId", "instanceId of Header")?;
            let devices = root.child("Devices").ok_or(BadDocument::Lacks("Devices"))?;
            // An agent may list itself beside its devices; it is none.
            let devices = devices.children.iter().filter(|d| d.local() == "Device").map(device);
            Ok(Document::Devices { instance_id, devices: devices.collect::<Result<_, _>>()? })
        }
        "MTConnectStreams" => Ok(Document::Streams(streams(header()?, &root)?)),
        "MTConnectAssets" => Ok(Document::Assets),
        "MTConnectError" => {
            // Before version 1.1 there was one error, without the element around it.
            let errors = root.child("Errors").unwrap_or(&root);
            // From version 2.6 on each kind of error is an element of its own, with its text in an element inside.
            let error = |e: &Element| {
                let code = e.attribute("errorCode")?.to_owned();
                let text = e.child("ErrorMessage").map_or(&e.text, |m| &m.text);
                Some((code, text.clone()))
            };
            Ok(Document::Error(errors.children.iter().filter_map(error).collect()))
        }
        _ => Err(BadDocument::Root(root.name.chars().take(80).collect())),
    }
}

fn number(element: &Element, name: &str, what: &'static str) -> Result<u64, BadDocument> {
    element.attribute(name).and_then(|v| v.parse().ok()).ok_or(BadDocument::Lacks(what))
}

fn device(element: &Element) -> Result<Device, BadDocument> {
    let text = |name| element.attribute(name).map(str::to_owned);
    let name = text("name").ok_or(BadDocument::Lacks("name of Device"))?;
    let mut items = Vec::new();
    collect(element, &mut Vec::new(), &mut items);
    Ok(Device { name, uuid: text("uuid").unwrap_or_default(), items })
}

/// The data items of a component and of those in it. How deep is bounded by the reader.
fn collect(component: &Element, path: &mut Vec<Step>, items: &mut Vec<Described>) {
    for group in &component.children {
        match group.local() {
            "DataItems" => items.extend(group.children.iter().filter_map(|e| described(e, path))),
            "Components" => {
                for inner in &group.children {
                    let name = inner.attribute("name").map(str::to_owned);
                    path.push(Step { kind: inner.local().to_owned(), name });
                    collect(inner, path, items);
                    path.pop();
                }
            }
            _ => {}
        }
    }
}

fn described(element: &Element, path: &[Step]) -> Option<Described> {
    let text = |name| element.attribute(name).map(str::to_owned);
    Some(Described {
        id: text("id")?,
        name: text("name"),
        category: text("category")?,
        kind: text("type")?,
        sub_type: text("subType"),
        statistic: text("statistic"),
        units: text("units"),
        component: path.to_vec(),
    })
}

impl Described {
    /// Whether this is the data item that a profile means. Components must agree in type from the device down, and in
    /// name where the profile gives one.
    pub fn is(&self, item: &Item) -> bool {
        let same = |(own, wanted): (&Step, &Step)| {
            own.kind == wanted.kind && (wanted.name.is_none() || own.name == wanted.name)
        };
        self.category == category(item.category)
            && self.kind == item.kind
            && self.sub_type == item.sub_type
            && self.statistic == item.statistic
            && self.component.len() == item.component.len()
            && self.component.iter().zip(&item.component).all(same)
    }
}

fn streams(header: &Element, root: &Element) -> Result<Streams, BadDocument> {
    let mut observations = Vec::new();
    let devices = root.child("Streams").ok_or(BadDocument::Lacks("Streams"))?;
    let components = devices.children.iter().flat_map(|d| &d.children);
    for group in components.flat_map(|c| &c.children).filter(|g| matches!(g.local(), "Samples" | "Events")) {
        for e in &group.children {
            let stamp = e.attribute("timestamp").and_then(stamp::parse);
            observations.push(Observed {
                id: e
                    .attribute("dataItemId")
                    .ok_or(BadDocument::Lacks("dataItemId of an observation"))?
                    .to_owned(),
                sequence: number(e, "sequence", "sequence of an observation")?,
                unix_ns: stamp.ok_or(BadDocument::Lacks("timestamp of an observation"))?,
                text: (e.text != UNAVAILABLE).then(|| e.text.clone()),
            });
        }
    }
    observations.sort_by_key(|o| o.sequence);
    let created = header.attribute("creationTime").and_then(stamp::parse);
    Ok(Streams {
        instance_id: number(header, "instanceId", "instanceId of Header")?,
        buffer: header.attribute("bufferSize").and_then(|v| v.parse().ok()),
        first: number(header, "firstSequence", "firstSequence of Header")?,
        last: number(header, "lastSequence", "lastSequence of Header")?,
        next: number(header, "nextSequence", "nextSequence of Header")?,
        created_ns: created.ok_or(BadDocument::Lacks("creationTime of Header"))?,
        observations,
    })
}
