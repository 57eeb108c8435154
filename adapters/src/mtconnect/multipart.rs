//! A stream of documents in one reply: `multipart/x-mixed-replace`, written and read (RFC 2046, 5.1).

use crate::limits;

/// Why a stream cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadStream {
    /// The reply has no usable boundary.
    #[error("the stream has no boundary: {0:?}")]
    NoBoundary(String),
    /// Where a part should begin, something else does.
    #[error("the stream has no boundary where a part should begin")]
    Lost,
    /// The head of a part is malformed.
    #[error("the head of a part: {0}")]
    Head(&'static str),
    /// Beyond a bound of [`limits`].
    #[error("a part of {0} bytes is too long")]
    TooLong(usize),
}

/// One part, with the boundary in front.
pub fn part(boundary: &str, document: &str) -> Vec<u8> {
    let length = document.len();
    let head = format!("--{boundary}\r\nContent-type: application/xml\r\nContent-length: {length}\r\n\r\n");
    [head.as_bytes(), document.as_bytes(), b"\r\n"].concat()
}

/// The boundary in a reply's media type; none when the reply is no stream.
pub fn boundary(content_type: &str) -> Result<Option<String>, BadStream> {
    let mut parameters = content_type.split(';').map(str::trim);
    if !parameters.next().is_some_and(|t| t.eq_ignore_ascii_case("multipart/x-mixed-replace")) {
        return Ok(None);
    }
    let bad = || BadStream::NoBoundary(content_type.chars().take(80).collect());
    let value = parameters.find_map(|p| {
        let (name, value) = p.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(value.trim())
    });
    let value = value.ok_or_else(bad)?;
    let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    // RFC 2046 lets it be 70 characters; some agents write the dashes of the delimiter into the parameter.
    let value = value.strip_prefix("--").unwrap_or(value);
    let good = !value.is_empty() && value.len() <= 70 && value.chars().all(|c| c.is_ascii_graphic());
    if good { Ok(Some(value.to_owned())) } else { Err(bad()) }
}

/// Cuts a stream into its parts. It keeps less than one part between calls.
#[derive(Debug)]
pub struct Parts {
    delimiter: Vec<u8>,
    rest: Vec<u8>,
    /// Bytes of the part whose head was read.
    length: Option<usize>,
    ended: bool,
}

impl Parts {
    /// A stream with that boundary.
    pub fn new(boundary: &str) -> Parts {
        Parts {
            delimiter: format!("--{boundary}").into_bytes(),
            rest: Vec::new(),
            length: None,
            ended: false,
        }
    }

    /// Takes what came in, however cut, and appends the parts that are whole. What comes behind the end is let go.
    pub fn push(&mut self, bytes: &[u8], parts: &mut Vec<Vec<u8>>) -> Result<(), BadStream> {
        self.rest.extend_from_slice(bytes);
        let mut at = 0;
        let outcome = loop {
            match self.step(&self.rest[at..]) {
                Ok(Step::More) => break Ok(()),
                Ok(Step::Head { length, taken }) => {
                    self.length = Some(length);
                    at += taken;
                }
                Ok(Step::Part { length }) => {
                    parts.push(self.rest[at..at + length].to_vec());
                    self.length = None;
                    at += length;
                }
                Ok(Step::End) => {
                    self.ended = true;
                    at = self.rest.len();
                    break Ok(());
                }
                Err(e) => break Err(e),
            }
        };
        self.rest.drain(..at);
        outcome
    }

    /// Whether the closing boundary came.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Bytes kept of a part that is not whole yet.
    pub fn kept(&self) -> usize {
        self.rest.len()
    }

    /// Whether a stream may end here: behind a part, and not within one.
    pub fn rests(&self) -> bool {
        self.ended || (self.length.is_none() && self.rest.iter().all(|b| matches!(b, b'\r' | b'\n')))
    }

    fn step(&self, rest: &[u8]) -> Result<Step, BadStream> {
        if self.ended {
            return Ok(Step::End);
        }
        if let Some(length) = self.length {
            return Ok(if rest.len() < length { Step::More } else { Step::Part { length } });
        }
        // Line ends in front of a boundary belong to it.
        let space = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let line = &rest[space..];
        let known = line.len().min(self.delimiter.len());
        if line[..known] != self.delimiter[..known] || space > limits::MTCONNECT_PART_HEADER_BYTES {
            return Err(BadStream::Lost);
        }
        if line[known..].starts_with(b"--") && known == self.delimiter.len() {
            return Ok(Step::End);
        }
        let Some(end) = find(line, b"\r\n\r\n") else {
            let bounded = line.len() <= limits::MTCONNECT_PART_HEADER_BYTES;
            return if bounded { Ok(Step::More) } else { Err(BadStream::Head("it does not end")) };
        };
        if end > limits::MTCONNECT_PART_HEADER_BYTES {
            return Err(BadStream::Head("it does not end"));
        }
        let head = std::str::from_utf8(&line[known..end]).map_err(|_| BadStream::Head("it is not UTF-8"))?;
        let mut lines = head.split("\r\n");
        if lines.next().is_none_or(|first| !first.trim().is_empty()) {
            return Err(BadStream::Lost);
        }
        let length = lines.find_map(|l| {
            let (name, value) = l.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        });
        match length {
            // The search for a boundary in a document that may hold it would be a guess.
            None => Err(BadStream::Head("it has no Content-length")),
            Some(Err(_)) => Err(BadStream::Head("its Content-length is no number")),
            Some(Ok(length)) if length > limits::MTCONNECT_DOCUMENT_BYTES => Err(BadStream::TooLong(length)),
            Some(Ok(length)) => Ok(Step::Head { length, taken: space + end + 4 }),
        }
    }
}

enum Step {
    More,
    Head { length: usize, taken: usize },
    Part { length: usize },
    End,
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}
