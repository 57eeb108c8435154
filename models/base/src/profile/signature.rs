//! What a threat looks like from outside: which channels move, which way, and which must not.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::site::Carrier;
use crate::{Severity, ThreatKind};

/// What one threat looks like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The threat it points to.
    pub threat: ThreatKind,
    /// The cause within the threat; incidents merge by machine and cause.
    pub cause: String,
    /// The reasoning, in a sentence a technician accepts.
    pub why: String,
    /// Every one of these must show.
    pub needs: Vec<Term>,
    /// Each of these that shows makes it surer.
    #[serde(default)]
    pub supports: Vec<Term>,
    /// None of these may show.
    #[serde(default)]
    pub excludes: Vec<Term>,
    /// The supply that brings it, where the machine itself is sound: what feeds it is to be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Carrier>,
    /// How bad it is.
    pub severity: SeverityRule,
}

/// How bad a threat is, from the values of channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeverityRule {
    /// To begin with.
    pub base: Severity,
    /// The worst of these that holds.
    #[serde(default)]
    pub raise: Vec<RaiseRule>,
}

/// Raises the severity once a channel passes a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RaiseRule {
    /// The severity it raises to.
    pub to: Severity,
    /// The point or residual to look at.
    pub channel: String,
    /// It holds above this value [the channel's unit].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// It holds below this value [the channel's unit].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
}

/// A channel and the way it moves: `airflow:low`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// A point or residual.
    pub channel: String,
    /// The way.
    pub direction: Direction,
}

/// The way in which a channel is not as learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Above its level, or rising too fast.
    High,
    /// Below its level, or falling too fast.
    Low,
    /// Above or below.
    Any,
    /// Not moving at all.
    Stuck,
    /// Outside the instrument's range.
    OutOfRange,
    /// No good value for too long.
    Stale,
}

impl Direction {
    /// Whether a symptom seen in direction `seen` is one of these.
    pub fn covers(self, seen: Direction) -> bool {
        self == seen || (self == Direction::Any && matches!(seen, Direction::High | Direction::Low))
    }

    const NAMES: [(Direction, &'static str); 6] = [
        (Direction::High, "high"),
        (Direction::Low, "low"),
        (Direction::Any, "any"),
        (Direction::Stuck, "stuck"),
        (Direction::OutOfRange, "out_of_range"),
        (Direction::Stale, "stale"),
    ];
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, name) = Direction::NAMES.iter().find(|(d, _)| d == self).expect("every direction has a name");
        f.pad(name)
    }
}

impl FromStr for Term {
    type Err = String;

    fn from_str(text: &str) -> Result<Term, String> {
        let refuse = || {
            let names: Vec<_> = Direction::NAMES.iter().map(|(_, n)| *n).collect();
            format!("{text:?} is no symptom: write channel:direction with one of {}", names.join(", "))
        };
        let (channel, way) = text.split_once(':').ok_or_else(refuse)?;
        let (direction, _) = Direction::NAMES.iter().find(|(_, n)| *n == way).ok_or_else(refuse)?;
        Ok(Term { channel: channel.to_owned(), direction: *direction })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.channel, self.direction)
    }
}

impl Serialize for Term {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Term, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Term {
    fn schema_name() -> Cow<'static, str> {
        "Term".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A channel and the way it moves, such as \"airflow:low\".",
            "pattern": "^[a-z0-9_]+:(high|low|any|stuck|out_of_range|stale)$",
        })
    }
}
