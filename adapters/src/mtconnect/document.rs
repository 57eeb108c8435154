//! The four documents of an agent: devices, streams, assets, and errors.

use std::sync::Arc;

use super::agent::{AgentOptions, Known};
use super::asset::{CUTTING_TOOL, Tools};
use super::binding::{Level, UNAVAILABLE};
use super::buffer::{Buffer, Observation, Value};
use super::device::{Entry, Source};
use super::query::Refusal;
use super::stamp;
use super::xml::Element;

/// What documents are made from.
pub(super) struct Writer<'a> {
    pub known: &'a Arc<Known>,
    pub buffer: &'a Buffer,
    pub tools: Option<&'a Tools>,
    /// The agent's clock [ns since 1970].
    pub now_ns: u64,
}

/// A document that holds all it needs: it is written where it keeps nobody waiting.
#[derive(Clone, Debug)]
pub struct Draft(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Whole(Box<Element>),
    Streams(Box<Streams>),
}

/// Observations and what the header says of them.
#[derive(Clone, Debug)]
struct Streams {
    known: Arc<Known>,
    now_ns: u64,
    /// The buffer's size, and the numbers of its first and last.
    buffer: [u64; 3],
    next: u64,
    observations: Vec<Observation>,
}

impl Draft {
    /// Its text.
    pub fn write(self) -> String {
        match self.0 {
            Kind::Whole(root) => root.document(),
            Kind::Streams(streams) => streams.write(),
        }
    }

    /// How much there is to write.
    pub fn observations(&self) -> usize {
        match &self.0 {
            Kind::Whole(_) => 0,
            Kind::Streams(streams) => streams.observations.len(),
        }
    }
}

impl Writer<'_> {
    /// What the device is made of.
    pub fn devices(&self) -> Draft {
        let mut header = self.common_header().with("bufferSize", self.buffer.most().to_string());
        let present = self.present();
        header = self.with_assets(header, present);
        if present > 0 {
            let count =
                Element::new("AssetCount").with("assetType", CUTTING_TOOL).saying(present.to_string());
            header = header.holding(Element::new("AssetCounts").holding(count));
        }
        draft(root("Devices").holding(header).holding(self.known.model.devices.clone()))
    }

    /// What was observed, by component; `next` is the number to go on from.
    pub fn streams(&self, observations: &[&Observation], next: u64) -> Draft {
        let buffer = [self.buffer.most() as u64, self.buffer.first(), self.buffer.last()];
        let observations = observations.iter().map(|o| (*o).clone()).collect();
        let (known, now_ns) = (Arc::clone(self.known), self.now_ns);
        Draft(Kind::Streams(Box::new(Streams { known, now_ns, buffer, next, observations })))
    }

    /// These assets.
    pub fn assets(&self, assets: Vec<Element>) -> Draft {
        let header = self.with_assets(self.common_header(), self.present());
        draft(root("Assets").holding(header).holding(Element { children: assets, ..Element::new("Assets") }))
    }

    /// Why a request was not answered.
    pub fn error(&self, refusal: &Refusal) -> Draft {
        let header =
            header(&self.known.options, self.now_ns).with("bufferSize", self.buffer.most().to_string());
        let error = Element::new("Error").with("errorCode", refusal.code.word()).saying(&refusal.message);
        draft(root("Error").holding(header).holding(Element::new("Errors").holding(error)))
    }

    fn common_header(&self) -> Element {
        common_header(&self.known.options, self.now_ns)
    }

    fn with_assets(&self, header: Element, present: usize) -> Element {
        let most = self.tools.map_or(0, Tools::most);
        header.with("assetBufferSize", most.to_string()).with("assetCount", present.to_string())
    }

    /// Assets that were not removed.
    fn present(&self) -> usize {
        self.tools.map_or(0, |t| t.newest().filter(|tool| !tool.removed).count())
    }
}

fn draft(root: Element) -> Draft {
    Draft(Kind::Whole(Box::new(root)))
}

/// Part 1: what every header says.
fn header(options: &AgentOptions, now_ns: u64) -> Element {
    Element::new("Header")
        .with("version", super::VERSION)
        .with("creationTime", stamp::format(now_ns))
        .with("instanceId", options.instance_id.to_string())
        .with("sender", &options.sender)
}

/// Part 1: what every header but that of an error says.
fn common_header(options: &AgentOptions, now_ns: u64) -> Element {
    header(options, now_ns).with("deviceModelChangeTime", stamp::format(options.base_unix_ns))
}

impl Streams {
    fn write(&self) -> String {
        let Known { options, model, .. } = &*self.known;
        let [most, first, last] = self.buffer;
        let header = common_header(options, self.now_ns)
            .with("bufferSize", most.to_string())
            .with("nextSequence", self.next.to_string())
            .with("firstSequence", first.to_string())
            .with("lastSequence", last.to_string());
        let mut stream =
            Element::new("DeviceStream").with("name", &options.device).with("uuid", &options.uuid);
        for (i, component) in model.components.iter().enumerate() {
            let mut own = Element::new("ComponentStream")
                .with("component", &component.tag)
                .with("componentId", &component.id);
            if let Some(name) = &component.name {
                own = own.with("name", name);
            }
            for (category, group) in [("SAMPLE", "Samples"), ("EVENT", "Events"), ("CONDITION", "Condition")]
            {
                let of_group = |o: &&Observation| {
                    let entry = &model.entries[o.entry];
                    entry.component == i && entry.category == category
                };
                let children: Vec<Element> =
                    self.observations.iter().filter(of_group).map(|o| self.observation(o)).collect();
                if !children.is_empty() {
                    own.children.push(Element { children, ..Element::new(group) });
                }
            }
            if !own.children.is_empty() {
                stream.children.push(own);
            }
        }
        root("Streams").holding(header).holding(Element::new("Streams").holding(stream)).document()
    }

    fn observation(&self, o: &Observation) -> Element {
        let entry = &self.known.model.entries[o.entry];
        let tag = match &o.value {
            Value::Level(Level::Normal) => "Normal",
            Value::Level(Level::Warning { .. }) => "Warning",
            Value::Level(Level::Fault { .. }) => "Fault",
            _ if entry.category == "CONDITION" => "Unavailable",
            _ => &entry.tag,
        };
        let mut e = Element::new(tag)
            .with("dataItemId", &entry.id)
            .with("sequence", o.sequence.to_string())
            .with("timestamp", stamp::format(o.unix_ns));
        if entry.category == "CONDITION" {
            e = e.with("type", &entry.kind);
        }
        for (name, value) in [("subType", &entry.sub_type), ("statistic", &entry.statistic)] {
            if let Some(value) = value {
                e = e.with(name, value);
            }
        }
        match entry.source {
            Source::Condition(i) => return self.condition(e, i, &o.value),
            Source::Point(i) => e = e.with("name", &self.known.binding.items()[i].id),
            Source::AssetChanged | Source::AssetRemoved => e = e.with("assetType", CUTTING_TOOL),
            Source::Availability => {}
        }
        let text = self.text(entry, &o.value);
        e.saying(text.unwrap_or_else(|| UNAVAILABLE.to_owned()))
    }

    fn text(&self, entry: &Entry, value: &Value) -> Option<String> {
        match (value, entry.source) {
            (Value::Text(text), _) => Some(text.to_string()),
            (Value::Number(value), Source::Point(i)) => self.known.binding.items()[i].tell(*value),
            _ => None,
        }
    }

    /// Part 3: a condition in warning or fault names its code, and which limit was passed.
    fn condition(&self, e: Element, ix: usize, value: &Value) -> Element {
        let condition = &self.known.binding.conditions()[ix];
        let id = &self.known.binding.items()[condition.item].id;
        let (high, what) = match value {
            Value::Level(Level::Warning { high }) => (*high, "its warning limit"),
            Value::Level(Level::Fault { high }) => (*high, "its fault limit"),
            _ => return e,
        };
        let (qualifier, way) = if high { ("HIGH", "above") } else { ("LOW", "below") };
        e.with("nativeCode", &condition.spec.native_code)
            .with("qualifier", qualifier)
            .saying(format!("{id} is {way} {what}"))
    }
}

fn root(kind: &str) -> Element {
    let namespace = format!("urn:mtconnect.org:MTConnect{kind}:{}", super::VERSION);
    Element::new(format!("MTConnect{kind}")).with("xmlns", namespace)
}
