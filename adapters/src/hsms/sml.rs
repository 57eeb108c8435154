//! SML: SECS-II messages as people write and read them, for logs and tests. Pure.
//!
//! `S1F3 W <L [2] <U4 2001> <A "x">> .`: stream and function, W where a reply is wanted, the item, a full stop. In brackets
//! stands the number of items or values, which a reader checks where it is given. Bytes that are no printable ASCII stand
//! in a text as numbers: `<A "a" 0x0A "b">`.

use std::fmt::Write;

use super::{Item, Message};
use crate::limits::{HSMS_DEPTH, HSMS_ITEMS};

/// Why a text is no message or item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct BadSml {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What stands there, and what would be right.
    pub problem: String,
}

/// A message as text.
pub fn write_message(message: &Message) -> String {
    let mut out = format!("S{}F{}", message.stream, message.function);
    if message.wants_reply {
        out += " W";
    }
    if let Some(body) = &message.body {
        out.push('\n');
        write_at(body, 1, &mut out);
    }
    out + " ."
}

/// An item as text, lists over several lines.
pub fn write_item(item: &Item) -> String {
    let mut out = String::new();
    write_at(item, 0, &mut out);
    out
}

fn write_at(item: &Item, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let _ = write!(out, "{indent}<");
    match item {
        Item::List(items) => {
            let _ = write!(out, "L [{}]", items.len());
            for item in items {
                out.push('\n');
                write_at(item, depth + 1, out);
            }
            if !items.is_empty() {
                let _ = write!(out, "\n{indent}");
            }
        }
        Item::Binary(v) => hex("B", v, out),
        Item::Boolean(v) => all("BOOLEAN", v.iter().map(|b| if *b { "TRUE" } else { "FALSE" }), out),
        Item::Ascii(v) => text("A", v, out),
        Item::Jis8(v) => text("J", v, out),
        Item::Local(code, v) => text(&format!("C {code}"), v, out),
        Item::I1(v) => all("I1", v, out),
        Item::I2(v) => all("I2", v, out),
        Item::I4(v) => all("I4", v, out),
        Item::I8(v) => all("I8", v, out),
        // The shortest text that is read as the same number.
        Item::F4(v) => all("F4", v.iter().map(|f| format!("{f:?}")), out),
        Item::F8(v) => all("F8", v.iter().map(|f| format!("{f:?}")), out),
        Item::U1(v) => all("U1", v, out),
        Item::U2(v) => all("U2", v, out),
        Item::U4(v) => all("U4", v, out),
        Item::U8(v) => all("U8", v, out),
    }
    out.push('>');
}

fn all(name: &str, values: impl IntoIterator<Item = impl std::fmt::Display>, out: &mut String) {
    out.push_str(name);
    for value in values {
        let _ = write!(out, " {value}");
    }
}

fn hex(name: &str, bytes: &[u8], out: &mut String) {
    all(name, bytes.iter().map(|b| format!("0x{b:02X}")), out);
}

fn text(name: &str, bytes: &[u8], out: &mut String) {
    out.push_str(name);
    let plain = |b: &u8| (b' '..=b'~').contains(b) && *b != b'"';
    for run in bytes.chunk_by(|a, b| plain(a) == plain(b)) {
        if plain(&run[0]) {
            let _ = write!(out, " \"{}\"", String::from_utf8_lossy(run));
        } else {
            hex("", run, out);
        }
    }
}

/// Reads a message.
pub fn read_message(text: &str) -> Result<Message, BadSml> {
    let mut r = Reader { text, at: 0, items: 0 };
    let head = r.word();
    let numbers = head.strip_prefix('S').and_then(|h| h.split_once('F'));
    let numbers = numbers.and_then(|(s, f)| Some((s.parse().ok()?, f.parse().ok()?)));
    let Some((stream @ 0..=127, function)) = numbers else {
        return Err(r.bad(format!("{head:?} is no stream and function: S1F3 would be right")));
    };
    let wants_reply = r.next_is('W');
    let body = if r.peek() == Some('<') { Some(r.item(0)?) } else { None };
    if !r.next_is('.') {
        return Err(r.bad("a full stop would be right here".to_owned()));
    }
    r.end()?;
    Ok(Message { stream, function, wants_reply, body })
}

/// Reads an item.
pub fn read_item(text: &str) -> Result<Item, BadSml> {
    let mut r = Reader { text, at: 0, items: 0 };
    let item = r.item(0)?;
    r.end()?;
    Ok(item)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    items: usize,
}

impl<'a> Reader<'a> {
    fn bad(&self, problem: String) -> BadSml {
        let before = &self.text[..self.at];
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        BadSml {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem,
        }
    }

    fn peek(&mut self) -> Option<char> {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        rest.chars().next()
    }

    fn next_is(&mut self, c: char) -> bool {
        let is = self.peek() == Some(c);
        self.at += if is { c.len_utf8() } else { 0 };
        is
    }

    /// What stands up to a blank, a bracket or a quotation mark; may be empty.
    fn word(&mut self) -> &'a str {
        self.peek();
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| c.is_whitespace() || "<>[]\"".contains(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn end(&mut self) -> Result<(), BadSml> {
        match self.peek() {
            None => Ok(()),
            Some(c) => Err(self.bad(format!("{c:?} follows what is whole already"))),
        }
    }

    fn item(&mut self, depth: usize) -> Result<Item, BadSml> {
        self.items += 1;
        if depth > HSMS_DEPTH || self.items > HSMS_ITEMS {
            return Err(self.bad(format!("deeper than {HSMS_DEPTH} lists, or more than {HSMS_ITEMS} items")));
        }
        if !self.next_is('<') {
            return Err(self.bad("an item would be right here, as <U4 1>".to_owned()));
        }
        let name = self.word();
        let count = self.count()?;
        let item = match name {
            "L" => {
                let mut items = Vec::new();
                while self.peek() == Some('<') {
                    items.push(self.item(depth + 1)?);
                }
                Item::List(items)
            }
            "B" => Item::Binary(self.bytes()?),
            "BOOLEAN" => Item::Boolean(self.values(|w| match w.to_ascii_uppercase().as_str() {
                "TRUE" | "T" | "1" => Some(true),
                "FALSE" | "F" | "0" => Some(false),
                _ => None,
            })?),
            "A" => Item::Ascii(self.bytes()?),
            "J" => Item::Jis8(self.bytes()?),
            "C" => {
                let code = self.word();
                let Ok(code) = code.parse() else {
                    return Err(
                        self.bad(format!("{code:?} is no encoding: a number up to 65535 would be right"))
                    );
                };
                Item::Local(code, self.bytes()?)
            }
            "I1" => Item::I1(self.values(|w| w.parse().ok())?),
            "I2" => Item::I2(self.values(|w| w.parse().ok())?),
            "I4" => Item::I4(self.values(|w| w.parse().ok())?),
            "I8" => Item::I8(self.values(|w| w.parse().ok())?),
            "F4" => Item::F4(self.values(|w| w.parse().ok())?),
            "F8" => Item::F8(self.values(|w| w.parse().ok())?),
            "U1" => Item::U1(self.values(|w| u8::try_from(unsigned(w)?).ok())?),
            "U2" => Item::U2(self.values(|w| u16::try_from(unsigned(w)?).ok())?),
            "U4" => Item::U4(self.values(|w| u32::try_from(unsigned(w)?).ok())?),
            "U8" => Item::U8(self.values(unsigned)?),
            other => {
                return Err(self.bad(format!("{other:?} is no format: L, B, BOOLEAN, A, J, C, I1 to U8")));
            }
        };
        if let Some(count) = count.filter(|c| *c != len(&item)) {
            return Err(self.bad(format!("[{count}] was announced, and {} came", len(&item))));
        }
        if !self.next_is('>') {
            return Err(self.bad("> would be right here".to_owned()));
        }
        Ok(item)
    }

    fn count(&mut self) -> Result<Option<usize>, BadSml> {
        if !self.next_is('[') {
            return Ok(None);
        }
        let word = self.word();
        let Ok(count) = word.parse() else { return Err(self.bad(format!("{word:?} is no number of items"))) };
        if !self.next_is(']') {
            return Err(self.bad("] would be right here".to_owned()));
        }
        Ok(Some(count))
    }

    fn values<T>(&mut self, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, BadSml> {
        let mut values = Vec::new();
        while !matches!(self.peek(), None | Some('>')) {
            let word = self.word();
            let Some(value) = read(word) else {
                return Err(self.bad(format!("{word:?} is no value of that format")));
            };
            values.push(value);
        }
        Ok(values)
    }

    /// Texts in quotation marks, and bytes as numbers.
    fn bytes(&mut self) -> Result<Vec<u8>, BadSml> {
        let mut bytes = Vec::new();
        loop {
            match self.peek() {
                None | Some('>') => return Ok(bytes),
                Some('"') => {
                    self.at += 1;
                    let rest = &self.text[self.at..];
                    let Some(end) = rest.find('"') else {
                        return Err(self.bad("a text without its second quotation mark".to_owned()));
                    };
                    bytes.extend_from_slice(&rest.as_bytes()[..end]);
                    self.at += end + 1;
                }
                Some(_) => {
                    let word = self.word();
                    let byte = match word.strip_prefix("0x") {
                        Some(hex) => u8::from_str_radix(hex, 16).ok(),
                        None => word.parse().ok(),
                    };
                    let Some(byte) = byte else {
                        return Err(self.bad(format!("{word:?} is no byte: 0x0A or 10 would be right")));
                    };
                    bytes.push(byte);
                }
            }
        }
    }
}

/// A number without a sign, in tens or as `0x1F`.
fn unsigned(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(hex) if !hex.starts_with('+') => u64::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None => word.parse().ok(),
    }
}

/// Items of a list, values or bytes of any other.
fn len(item: &Item) -> usize {
    match item {
        Item::List(v) => v.len(),
        Item::Binary(v) | Item::Ascii(v) | Item::Jis8(v) | Item::Local(_, v) | Item::U1(v) => v.len(),
        Item::Boolean(v) => v.len(),
        Item::I1(v) => v.len(),
        Item::I2(v) => v.len(),
        Item::I4(v) => v.len(),
        Item::I8(v) => v.len(),
        Item::F4(v) => v.len(),
        Item::F8(v) => v.len(),
        Item::U2(v) => v.len(),
        Item::U4(v) => v.len(),
        Item::U8(v) => v.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_written_and_read() {
        let body = Item::List(vec![
            Item::U4(vec![2001, 7]),
            Item::text("a \"b\"\n"),
            Item::List(vec![]),
            Item::Boolean(vec![true]),
            Item::F4(vec![1.5, -0.1]),
            Item::Local(2, b"x".to_vec()),
            Item::Binary(vec![0, 255]),
        ]);
        let message = Message { stream: 6, function: 11, wants_reply: true, body: Some(body) };
        let text = write_message(&message);
        assert!(
            text.starts_with("S6F11 W\n  <L [7]\n    <U4 2001 7>\n    <A \"a \" 0x22 \"b\" 0x22 0x0A>"),
            "{text}"
        );
        assert_eq!(read_message(&text), Ok(message));
        let bare = Message { stream: 1, function: 1, wants_reply: true, body: None };
        assert_eq!(write_message(&bare), "S1F1 W .");
        assert_eq!(read_message("S1F1 W."), Ok(bare));
        // As other tools write it.
        assert_eq!(read_item("<BOOLEAN True false T>"), Ok(Item::Boolean(vec![true, false, true])));
        assert_eq!(read_item("<U1 0xFF 7>"), Ok(Item::U1(vec![255, 7])));
        assert_eq!(read_item("<U8 0xFFFFFFFFFFFFFFFF>"), Ok(Item::U8(vec![u64::MAX])));
        assert!(read_item("<U2 0x10000>").is_err() && read_item("<U1 0x+1>").is_err());
    }

    #[test]
    fn what_is_wrong_is_told_where_and_what_would_be_right() {
        for (text, place, says) in [
            ("S1F300 .", (1, 7), "S1F3 would be right"),
            ("S1F3 W <L [2] <U4 1>> .", (1, 21), "[2] was announced, and 1 came"),
            ("S1F3\n<U9 1> .", (2, 5), "\"U9\" is no format"),
            ("S1F3 <U1 256> .", (1, 13), "no value of that format"),
            ("S1F3 <A \"x> .", (1, 10), "second quotation mark"),
            ("S1F3 <U1 1>", (1, 12), "a full stop"),
        ] {
            let e = read_message(text).unwrap_err();
            assert!(e.problem.contains(says), "{e}");
            assert_eq!((e.line, e.column), place, "{e}");
        }
    }
}
