//! XML as a tree: what a document says, within bounds, and back to text.
//!
//! There is no document type: a document that brings one is refused, so no entity but the five of XML itself is ever
//! expanded. Namespaces stay as prefixes.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::limits;

/// One element with all that is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name, with its prefix.
    pub name: String,
    /// Its attributes, in order, each name once.
    pub attributes: Vec<(String, String)>,
    /// The text directly in it, without the space around.
    pub text: String,
    /// Its elements, in order.
    pub children: Vec<Element>,
}

/// Why bytes are no document.
#[derive(Debug, thiserror::Error)]
pub enum BadXml {
    /// Not well-formed.
    #[error("no XML: {0}")]
    Malformed(#[from] quick_xml::Error),
    /// Well-formed perhaps, but nothing an agent sends.
    #[error("no document: {0}")]
    Unwanted(&'static str),
    /// Beyond a bound of [`limits`].
    #[error("the document has too many {0}")]
    TooMany(&'static str),
}

impl Element {
    /// An element of that name, with nothing in it.
    pub fn new(name: impl Into<String>) -> Element {
        Element { name: name.into(), ..Element::default() }
    }

    /// The same with one more attribute.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Element {
        self.attributes.push((name.to_owned(), value.into()));
        self
    }

    /// The same with text in it.
    pub fn saying(mut self, text: impl Into<String>) -> Element {
        self.text = text.into();
        self
    }

    /// The same with one more element in it.
    pub fn holding(mut self, child: Element) -> Element {
        self.children.push(child);
        self
    }

    /// The name without its prefix.
    pub fn local(&self) -> &str {
        self.name.rsplit(':').next().unwrap_or(&self.name)
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The first element in it whose name, without prefix, is that.
    pub fn child(&self, local: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.local() == local)
    }

    /// The document whose root this is.
    pub fn document(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut out);
        out.push('\n');
        out
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape(value, out);
            out.push('"');
        }
        if self.text.is_empty() && self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        escape(&self.text, out);
        for child in &self.children {
            child.write(out);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

/// Appends text so that a reader gets the same: in attributes even line ends survive only as references.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            // No reference can bring these in (XML 1.0, 4.1): what a peer sent is quoted with a mark in their place.
            c if !is_char(c) => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
}

/// Reads a document, in UTF-8.
pub fn read(bytes: &[u8]) -> Result<Element, BadXml> {
    if bytes.len() > limits::MTCONNECT_DOCUMENT_BYTES {
        return Err(BadXml::TooMany("bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| BadXml::Unwanted("it is not UTF-8"))?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{FEFF}'));
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    loop {
        match reader.read_event()? {
            Event::Start(start) => {
                begin(&start, root.is_some(), open.len(), &mut elements)?;
                open.push(element(&start)?);
            }
            Event::Empty(start) => {
                begin(&start, root.is_some(), open.len(), &mut elements)?;
                close(element(&start)?, &mut open, &mut root);
            }
            Event::End(_) => {
                let done = open.pop().ok_or(BadXml::Unwanted("an end without a beginning"))?;
                close(done, &mut open, &mut root);
            }
            Event::Text(t) => say(&t.xml10_content(), &mut open)?,
            Event::CData(t) => say(&t.xml10_content(), &mut open)?,
            Event::GeneralRef(r) => {
                let c = match r.resolve_char_ref()? {
                    Some(c) => c,
                    None => predefined(&r.xml10_content()).ok_or(BadXml::Unwanted("an unknown entity"))?,
                };
                say(c.encode_utf8(&mut [0; 4]), &mut open)?;
            }
            Event::DocType(_) => return Err(BadXml::Unwanted("it has a document type")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        _ => Err(BadXml::Unwanted("it ends too early")),
    }
}

fn begin(start: &BytesStart<'_>, rooted: bool, depth: usize, elements: &mut usize) -> Result<(), BadXml> {
    *elements += 1;
    if rooted {
        return Err(BadXml::Unwanted("it has two roots"));
    }
    if depth >= limits::MTCONNECT_DEPTH {
        return Err(BadXml::TooMany("levels"));
    }
    if *elements > limits::MTCONNECT_ELEMENTS {
        return Err(BadXml::TooMany("elements"));
    }
    if !is_name(start.name().as_ref()) {
        return Err(BadXml::Unwanted("an element's name is no name"));
    }
    Ok(())
}

fn element(start: &BytesStart<'_>) -> Result<Element, BadXml> {
    let mut element = Element::new(start.name().as_ref());
    for attribute in start.attributes() {
        let attribute = attribute.map_err(quick_xml::Error::from)?;
        if element.attributes.len() == limits::MTCONNECT_ATTRIBUTES {
            return Err(BadXml::TooMany("attributes"));
        }
        let name: &str = attribute.key.as_ref();
        if !is_name(name) {
            return Err(BadXml::Unwanted("an attribute's name is no name"));
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0)?;
        if !value.chars().all(is_char) {
            return Err(BadXml::Unwanted("a character that XML has not"));
        }
        element.attributes.push((name.to_owned(), value.into_owned()));
    }
    Ok(element)
}

fn close(mut done: Element, open: &mut [Element], root: &mut Option<Element>) {
    let trimmed = done.text.trim();
    if trimmed.len() < done.text.len() {
        done.text = trimmed.to_owned();
    }
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None => *root = Some(done),
    }
}

fn say(text: &str, open: &mut [Element]) -> Result<(), BadXml> {
    if !text.chars().all(is_char) {
        return Err(BadXml::Unwanted("a character that XML has not"));
    }
    match open.last_mut() {
        Some(inner) => inner.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(BadXml::Unwanted("text outside the root")),
    }
    Ok(())
}

/// XML 1.0, 4.6.
fn predefined(entity: &str) -> Option<char> {
    Some(match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// XML 1.0, 2.3, in the part that agents use.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || "_:".contains(c))
        && name.chars().all(|c| c.is_alphanumeric() || "_:-.".contains(c))
}

/// XML 1.0, 2.2.
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{FFFE}' | '\u{FFFF}'))
}
