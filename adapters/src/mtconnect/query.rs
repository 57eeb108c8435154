//! What a client asks of an agent: a path and its parameters, checked, and back to text (Part 1, HTTP requests).

use std::fmt;
use std::time::Duration;

use super::path::{self, Path};
use crate::limits;

/// A request that an agent can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What the devices are made of.
    Probe {
        /// The device by name or uuid; all when absent.
        device: Option<String>,
    },
    /// The latest value of everything.
    Current {
        /// The device by name or uuid; all when absent.
        device: Option<String>,
        /// The state as of this sequence number.
        at: Option<u64>,
        /// Of these data items only.
        path: Option<Path>,
        /// Again and again, this far apart.
        interval: Option<Duration>,
    },
    /// What was observed.
    Sample {
        /// The device by name or uuid; all when absent.
        device: Option<String>,
        /// From this sequence number on, or back from it.
        from: Option<u64>,
        /// Up to and with this one.
        to: Option<u64>,
        /// At most so many; backwards when negative.
        count: Option<i64>,
        /// Of these data items only.
        path: Option<Path>,
        /// Whatever comes next too, at most this often.
        interval: Option<Duration>,
        /// A sign of life when nothing came for so long.
        heartbeat: Option<Duration>,
    },
    /// The things the machine uses.
    Assets {
        /// The device by name or uuid; all when absent.
        device: Option<String>,
        /// These ones; all when empty.
        ids: Vec<String>,
        /// Of this type only.
        kind: Option<String>,
        /// Also those that were removed.
        removed: bool,
        /// At most so many, the newest.
        count: Option<usize>,
    },
}

/// Why a request is not answered (Part 1, `errorCode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The thing named by an asset's identifier is not there.
    AssetNotFound,
    /// A parameter is malformed or out of place.
    InvalidRequest,
    /// The path of the URI is none that an agent has.
    InvalidUri,
    /// `path` is malformed or names no data item.
    InvalidPath,
    /// No device is called so.
    NoDevice,
    /// A number lies outside of what the agent holds or grants.
    OutOfRange,
    /// The agent does not do this.
    Unsupported,
}

impl ErrorCode {
    /// The word of the standard.
    pub fn word(self) -> &'static str {
        match self {
            ErrorCode::AssetNotFound => "ASSET_NOT_FOUND",
            ErrorCode::InvalidRequest => "INVALID_REQUEST",
            ErrorCode::InvalidUri => "INVALID_URI",
            ErrorCode::InvalidPath => "INVALID_PATH",
            ErrorCode::NoDevice => "NO_DEVICE",
            ErrorCode::OutOfRange => "OUT_OF_RANGE",
            ErrorCode::Unsupported => "UNSUPPORTED",
        }
    }

    /// The status of the HTTP reply that says so.
    pub fn status(self) -> u16 {
        match self {
            ErrorCode::InvalidRequest | ErrorCode::InvalidPath => 400,
            ErrorCode::AssetNotFound
            | ErrorCode::InvalidUri
            | ErrorCode::NoDevice
            | ErrorCode::OutOfRange => 404,
            ErrorCode::Unsupported => 405,
        }
    }
}

/// A request that is not answered, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.word())]
pub struct Refusal {
    /// The standard's word.
    pub code: ErrorCode,
    /// What was found, for a person.
    pub message: String,
}

/// A refusal with that reason.
pub(super) fn refuse<T>(code: ErrorCode, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { code, message: message.into() })
}

/// Reads the path and the query of a URI, still percent-encoded. Sequence numbers are checked by the agent, which
/// knows its buffer.
pub fn parse(path: &str, query: &str) -> Result<Request, Refusal> {
    if path.len() + query.len() > limits::MTCONNECT_TARGET_BYTES {
        return refuse(ErrorCode::InvalidUri, "the request is too long");
    }
    let segments: Vec<String> =
        path.split('/').filter(|s| !s.is_empty()).map(|s| decode(s, false)).collect::<Result<_, _>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let mut parameters = Parameters::read(query)?;
    let (device, rest) = match segments.as_slice() {
        [] => (None, ["probe"].as_slice()),
        [verb, ..] if VERBS.contains(verb) => (None, segments.as_slice()),
        // A device by itself is what it is made of.
        [device] => (Some((*device).to_owned()), ["probe"].as_slice()),
        [device, rest @ ..] => (Some((*device).to_owned()), rest),
    };
    let device = match (device, parameters.take("device")) {
        (Some(_), Some(_)) => return refuse(ErrorCode::InvalidRequest, "the device is named twice"),
        (a, b) => a.or(b),
    };
    let request = match rest {
        ["probe"] => Request::Probe { device },
        ["current"] => current(device, &mut parameters)?,
        ["sample"] => sample(device, &mut parameters)?,
        ["asset" | "assets"] => assets(device, Vec::new(), &mut parameters)?,
        ["asset" | "assets", ids] => {
            let ids: Vec<String> = ids.split(';').filter(|i| !i.is_empty()).map(str::to_owned).collect();
            if ids.is_empty() {
                return refuse(ErrorCode::InvalidUri, "no asset is named");
            }
            assets(device, ids, &mut parameters)?
        }
        other => return refuse(ErrorCode::InvalidUri, format!("an agent has no /{}", other.join("/"))),
    };
    parameters.end()?;
    Ok(request)
}

const VERBS: [&str; 5] = ["probe", "current", "sample", "asset", "assets"];

fn current(device: Option<String>, p: &mut Parameters) -> Result<Request, Refusal> {
    let (at, path, interval) = (p.number("at")?, p.path()?, p.millis("interval")?);
    if at.is_some() && interval.is_some() {
        return refuse(ErrorCode::InvalidRequest, "at and interval exclude each other");
    }
    Ok(Request::Current { device, at, path, interval })
}

fn sample(device: Option<String>, p: &mut Parameters) -> Result<Request, Refusal> {
    let (from, to, count) = (p.number("from")?, p.number("to")?, p.number::<i64>("count")?);
    let (path, interval, heartbeat) = (p.path()?, p.millis("interval")?, p.millis("heartbeat")?);
    if count == Some(0) {
        return refuse(ErrorCode::OutOfRange, "count must not be 0");
    }
    if count.is_some_and(|c| c < 0) && (to.is_some() || interval.is_some()) {
        return refuse(ErrorCode::InvalidRequest, "a negative count goes neither with to nor with interval");
    }
    if to.is_some() && interval.is_some() {
        return refuse(ErrorCode::InvalidRequest, "to and interval exclude each other");
    }
    if heartbeat.is_some_and(|h| h.is_zero()) {
        return refuse(ErrorCode::OutOfRange, "heartbeat must not be 0");
    }
    Ok(Request::Sample { device, from, to, count, path, interval, heartbeat })
}

fn assets(device: Option<String>, ids: Vec<String>, p: &mut Parameters) -> Result<Request, Refusal> {
    let kind = p.take("type");
    let removed = match p.take("removed").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            return refuse(ErrorCode::InvalidRequest, format!("removed is true or false, not {other:?}"));
        }
    };
    let count = p.number("count")?;
    if count == Some(0) {
        return refuse(ErrorCode::OutOfRange, "count must not be 0");
    }
    Ok(Request::Assets { device, ids, kind, removed, count })
}

/// The parameters of a query that were not taken yet.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn read(query: &str) -> Result<Parameters, Refusal> {
        let mut read: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                return refuse(ErrorCode::InvalidRequest, format!("{pair:?} has no value"));
            };
            let (name, value) = (decode(name, true)?, decode(value, true)?);
            if read.len() == limits::MTCONNECT_PARAMETERS {
                return refuse(ErrorCode::InvalidRequest, "too many parameters");
            }
            if read.iter().any(|(n, _)| *n == name) {
                return refuse(ErrorCode::InvalidRequest, format!("{name} stands twice"));
            }
            read.push((name, value));
        }
        // How the text is indented is no matter of the agent's.
        read.retain(|(name, _)| name != "pretty");
        Ok(Parameters(read))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.swap_remove(at).1)
    }

    fn number<T: std::str::FromStr>(&mut self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.take(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => refuse(ErrorCode::InvalidRequest, format!("{name} is a whole number, not {text:?}")),
        }
    }

    fn millis(&mut self, name: &str) -> Result<Option<Duration>, Refusal> {
        match self.number::<u64>(name)? {
            Some(ms) if ms > limits::MTCONNECT_INTERVAL_MS => {
                let most = limits::MTCONNECT_INTERVAL_MS;
                refuse(ErrorCode::OutOfRange, format!("{name} is at most {most} milliseconds"))
            }
            ms => Ok(ms.map(Duration::from_millis)),
        }
    }

    fn path(&mut self) -> Result<Option<Path>, Refusal> {
        let Some(text) = self.take("path") else { return Ok(None) };
        path::parse(&text).map(Some).or_else(|e| refuse(ErrorCode::InvalidPath, e.to_string()))
    }

    fn end(self) -> Result<(), Refusal> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                refuse(ErrorCode::InvalidRequest, format!("the request has no parameter {name}"))
            }
        }
    }
}

/// RFC 3986, 2.1; in a query a plus is a space.
fn decode(text: &str, plus: bool) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |d: &u8| (*d as char).to_digit(16).unwrap_or(0) as u8;
                bytes.push(digit(high) << 4 | digit(low));
                rest = after;
            }
            (b'%', _) => {
                return refuse(ErrorCode::InvalidUri, "a percent sign without two hexadecimal digits");
            }
            (b'+', _) if plus => bytes.push(b' '),
            (b, _) => bytes.push(*b),
        }
    }
    String::from_utf8(bytes).or_else(|_| refuse(ErrorCode::InvalidUri, "the request is not UTF-8"))
}

/// RFC 3986, 2.3: everything but the unreserved characters is encoded.
fn encode(text: &str, out: &mut String) {
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(b as char);
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
}

/// The target of the request line. A device that no path can name goes into the query.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut query: Vec<(&str, String)> = Vec::new();
        let (device, verb) = match self {
            Request::Probe { device } => (device, "probe".to_owned()),
            Request::Current { device, at, path, interval } => {
                query.extend(at.map(|n| ("at", n.to_string())));
                query.extend(path.as_ref().map(|p| ("path", p.to_string())));
                query.extend(interval.map(|d| ("interval", d.as_millis().to_string())));
                (device, "current".to_owned())
            }
            Request::Sample { device, from, to, count, path, interval, heartbeat } => {
                query.extend(from.map(|n| ("from", n.to_string())));
                query.extend(to.map(|n| ("to", n.to_string())));
                query.extend(count.map(|n| ("count", n.to_string())));
                query.extend(path.as_ref().map(|p| ("path", p.to_string())));
                query.extend(interval.map(|d| ("interval", d.as_millis().to_string())));
                query.extend(heartbeat.map(|d| ("heartbeat", d.as_millis().to_string())));
                (device, "sample".to_owned())
            }
            Request::Assets { device, ids, kind, removed, count } => {
                let mut verb = "assets".to_owned();
                if !ids.is_empty() {
                    verb = "asset/".to_owned();
                    encode(&ids.join(";"), &mut verb);
                }
                query.extend(kind.as_ref().map(|k| ("type", k.clone())));
                query.extend(removed.then(|| ("removed", "true".to_owned())));
                query.extend(count.map(|n| ("count", n.to_string())));
                (device, verb)
            }
        };
        let mut out = String::new();
        match device.as_deref() {
            Some(name) if name.is_empty() || VERBS.contains(&name) => query.push(("device", name.to_owned())),
            Some(name) => {
                out.push('/');
                encode(name, &mut out);
            }
            None => {}
        }
        out.push('/');
        out.push_str(&verb);
        for (i, (name, value)) in query.iter().enumerate() {
            out.push(if i == 0 { '?' } else { '&' });
            out.push_str(name);
            out.push('=');
            encode(value, &mut out);
        }
        f.write_str(&out)
    }
}
