//! The device as agents describe it: its tree of components, and the data items in them.
//!
//! One tree serves all: it is written as the devices document, searched by `path`, and groups observations in streams.

use aegis_models::profile::DataItemCategory;

use super::agent::AgentOptions;
use super::binding::{self, Binding, Step};
use super::xml::Element;

/// The identifier of the device element.
const DEVICE_ID: &str = "dev";

/// What a data item tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A point, by its place among the binding's items.
    Point(usize),
    /// A condition, by its place among the binding's.
    Condition(usize),
    /// Whether the device is there at all.
    Availability,
    /// The asset that came or changed last.
    AssetChanged,
    /// The asset that was removed last.
    AssetRemoved,
}

/// One data item of the device.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its identifier, unique in the document.
    pub id: String,
    /// Its component, by its place among [`Model::components`].
    pub component: usize,
    /// What it tells.
    pub source: Source,
    /// SAMPLE, EVENT or CONDITION.
    pub category: &'static str,
    /// Its type.
    pub kind: String,
    /// Its subtype.
    pub sub_type: Option<String>,
    /// Its statistic.
    pub statistic: Option<String>,
    /// The element that holds its observations in a stream.
    pub tag: String,
}

/// One component of the device; the device itself is the first.
#[derive(Clone, Debug)]
pub(super) struct Component {
    /// The path from the device down.
    path: Vec<Step>,
    /// Its identifier.
    pub id: String,
    /// Its type, as its element is called.
    pub tag: String,
    /// Its name.
    pub name: Option<String>,
}

/// The device and all its data items, those of one component side by side.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// The components in the order of the document, each behind its parent.
    pub components: Vec<Component>,
    /// The data items, by component.
    pub entries: Vec<Entry>,
    /// `Devices` with the device in it, as the document has it.
    pub devices: Element,
    /// The entry of each of the binding's items.
    pub of_item: Vec<usize>,
    /// The entry of each of the binding's conditions.
    pub of_condition: Vec<usize>,
}

impl Model {
    pub fn new(binding: &Binding, options: &AgentOptions) -> Model {
        let mut paths: Vec<Vec<Step>> = vec![Vec::new()];
        for item in binding.items() {
            for depth in 1..=item.component.len() {
                let path = &item.component[..depth];
                if !paths.iter().any(|p| p == path) {
                    // Behind the last of its parent's own, so that the order is that of the document.
                    let parent = &path[..depth - 1];
                    let at = paths.iter().rposition(|p| p.starts_with(parent)).map_or(paths.len(), |i| i + 1);
                    paths.insert(at, path.to_vec());
                }
            }
        }
        let components: Vec<Component> = paths.into_iter().map(|path| component(path, options)).collect();
        let mut entries = special();
        for (i, c) in components.iter().enumerate() {
            let items = binding.items().iter().enumerate().filter(|(_, item)| item.component == c.path);
            for (n, item) in items {
                entries.push(entry(
                    item.id.clone(),
                    i,
                    Source::Point(n),
                    binding::category(item.category),
                    item,
                ));
            }
            let conditions = binding.conditions().iter().enumerate();
            for (n, condition) in conditions {
                let item = &binding.items()[condition.item];
                if item.component == c.path {
                    let id = format!("{}.cond", item.id);
                    entries.push(entry(id, i, Source::Condition(n), "CONDITION", item));
                }
            }
        }
        let place =
            |source| entries.iter().position(|e| e.source == source).expect("every source has an entry");
        let of_item = (0..binding.items().len()).map(|i| place(Source::Point(i))).collect();
        let of_condition = (0..binding.conditions().len()).map(|i| place(Source::Condition(i))).collect();
        let devices = Element::new("Devices").holding(device(binding, options, &components, &entries));
        Model { components, entries, devices, of_item, of_condition }
    }

    /// The entry of that source.
    pub fn place(&self, source: Source) -> usize {
        self.entries.iter().position(|e| e.source == source).expect("every source has an entry")
    }

    /// The place of the data item of that identifier.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.entries.iter().position(|e| e.id == id)
    }
}

fn component(path: Vec<Step>, options: &AgentOptions) -> Component {
    let Some(last) = path.last() else {
        let (id, tag, name) = (DEVICE_ID.to_owned(), "Device".to_owned(), Some(options.device.clone()));
        return Component { path, id, tag, name };
    };
    let (tag, name) = (last.kind.clone(), last.name.clone());
    let mut id = DEVICE_ID.to_owned();
    for step in &path {
        id.push('.');
        id.push_str(&step.kind);
        // Two dashes, which no type holds: the identifier is as unique as the path.
        if let Some(name) = &step.name {
            id.push_str("--");
            id.push_str(name);
        }
    }
    Component { path, id, tag, name }
}

/// Part 2: what every device tells of itself.
fn special() -> Vec<Entry> {
    let entry = |id: &str, source, kind: &str| Entry {
        id: format!("{DEVICE_ID}.{id}"),
        component: 0,
        source,
        category: "EVENT",
        kind: kind.to_owned(),
        sub_type: None,
        statistic: None,
        tag: pascal(kind),
    };
    vec![
        entry("avail", Source::Availability, "AVAILABILITY"),
        entry("asset_chg", Source::AssetChanged, "ASSET_CHANGED"),
        entry("asset_rem", Source::AssetRemoved, "ASSET_REMOVED"),
    ]
}

fn entry(
    id: String,
    component: usize,
    source: Source,
    category: &'static str,
    item: &binding::Item,
) -> Entry {
    let tag = if category == "CONDITION" { "Condition".to_owned() } else { pascal(&item.kind) };
    let (kind, sub_type, statistic) = (item.kind.clone(), item.sub_type.clone(), item.statistic.clone());
    Entry { id, component, source, category, kind, sub_type, statistic, tag }
}

/// Part 3: an observation's element is called after the type of its data item.
pub(super) fn pascal(kind: &str) -> String {
    let (prefix, kind) = match kind.rsplit_once(':') {
        Some((prefix, kind)) => (format!("{prefix}:"), kind),
        None => (String::new(), kind),
    };
    let word = |part: &str| match part {
        "PH" | "AC" | "DC" | "URI" => part.to_owned(),
        "MTCONNECT" => "MTConnect".to_owned(),
        _ => {
            let mut chars = part.chars();
            chars.next().into_iter().chain(chars.flat_map(char::to_lowercase)).collect()
        }
    };
    prefix + &kind.split('_').map(word).collect::<String>()
}

fn device(binding: &Binding, options: &AgentOptions, components: &[Component], entries: &[Entry]) -> Element {
    let [title, manufacturer, model] = binding.description();
    let description = Element::new("Description")
        .with("manufacturer", manufacturer)
        .with("model", model)
        .with("serialNumber", &options.uuid)
        .saying(title);
    let mut device = Element::new("Device")
        .with("id", DEVICE_ID)
        .with("name", &options.device)
        .with("uuid", &options.uuid)
        .with("mtconnectVersion", super::VERSION)
        .holding(description);
    fill(&mut device, 0, binding, components, entries);
    device
}

/// Puts a component's data items and components into its element.
fn fill(element: &mut Element, at: usize, binding: &Binding, components: &[Component], entries: &[Entry]) {
    let own = entries.iter().filter(|e| e.component == at).map(|e| data_item(e, binding));
    let items = Element { children: own.collect(), ..Element::new("DataItems") };
    if !items.children.is_empty() {
        element.children.push(items);
    }
    let path = &components[at].path;
    let mut inner = Element::new("Components");
    for (i, c) in components.iter().enumerate() {
        if c.path.len() == path.len() + 1 && c.path.starts_with(path) {
            let mut child = Element::new(&c.tag).with("id", &c.id);
            if let Some(name) = &c.name {
                child = child.with("name", name);
            }
            fill(&mut child, i, binding, components, entries);
            inner.children.push(child);
        }
    }
    if !inner.children.is_empty() {
        element.children.push(inner);
    }
}

fn data_item(entry: &Entry, binding: &Binding) -> Element {
    let mut e = Element::new("DataItem")
        .with("id", &entry.id)
        .with("category", entry.category)
        .with("type", &entry.kind);
    for (name, value) in [("subType", &entry.sub_type), ("statistic", &entry.statistic)] {
        if let Some(value) = value {
            e = e.with(name, value);
        }
    }
    let item = match entry.source {
        Source::Point(i) => &binding.items()[i],
        Source::AssetChanged | Source::AssetRemoved => return e.with("discrete", "true"),
        Source::Condition(_) | Source::Availability => return e,
    };
    e = e.with("name", &item.id);
    if let Some(units) = &item.units {
        e = e.with("units", units);
        if let Some(native) = native_units(&item.unit).filter(|n| n != units) {
            e = e.with("nativeUnits", native);
        }
    }
    if item.category == DataItemCategory::Sample {
        // What the instrument can show, as the document's unit has it.
        let [low, high] = item.range.map(|end| item.tell(item.data.quantise(end)).unwrap_or_default());
        let constraints = Element::new("Constraints")
            .holding(Element::new("Minimum").saying(low))
            .holding(Element::new("Maximum").saying(high));
        e = e.holding(constraints);
    }
    e
}

/// Part 2, `nativeUnits`: how the standard calls the units that profiles use, where it has a word.
fn native_units(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "rpm" => "REVOLUTION/MINUTE",
        "kW" => "KILOWATT",
        "l/min" => "LITER/MINUTE",
        "mm/min" => "MILLIMETER/MINUTE",
        "min" => "MINUTE",
        "h" => "HOUR",
        "bar" => "BAR",
        "g" | "gE" => "GRAVITATIONAL_ACCELERATION",
        _ => return None,
    })
}
