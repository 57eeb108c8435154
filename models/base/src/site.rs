//! A site: which machines there are, where they stand and how they are reached. Data, for a real plant as for the twin.

mod coupling;
mod rail;
mod route;
mod scale;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use coupling::{Carrier, Coupling, Edge};
pub use rail::{Floor, Port, Rail, Walk};
pub use route::{Release, Route, RouteStep};

use crate::profile::{Kinds, Profile};
use crate::spell::nearest;
use crate::{Span, limits};

/// The place of a machine in its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MachineIx(pub u16);

/// Machines, bays and addresses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The site's name.
    pub name: String,
    /// The rooms that share one air.
    #[serde(rename = "bay")]
    pub bays: Vec<Bay>,
    /// In the order that numbers them.
    #[serde(rename = "machine")]
    pub machines: Vec<MachineEntry>,
    /// What runs from one to another.
    #[serde(rename = "coupling", default, skip_serializing_if = "Vec::is_empty")]
    pub couplings: Vec<Coupling>,
    /// The ways of its products.
    #[serde(rename = "route", default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// The rail that carries lots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rail: Option<Rail>,
    /// The floor beneath it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Floor>,
    /// What its machines' kinds are.
    #[serde(skip)]
    pub kinds: Kinds,
}

/// A room that shares one air.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bay {
    /// Its name: `bay-1`.
    pub id: String,
    /// ISO 14644-1 class number that its air must keep.
    pub iso_class: f64,
    /// Volume of air that one of its fan filter units keeps clean [m3].
    pub volume_m3_per_ffu: f64,
}

/// One machine of a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineEntry {
    /// Its name: `FFU-07`.
    pub name: String,
    /// Its kind, which names the profile: `ffu`.
    pub kind: String,
    /// The bay it stands in.
    pub bay: String,
    /// Where it listens; the first is the one that a sentinel uses. None when no wire serves it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
}

/// One door of a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where, as `host:port`; for `modbus-rtu` the path of a serial port.
    pub address: String,
    /// Its number behind the address: the Modbus unit identifier, the HSMS device identifier, the BACnet device
    /// instance.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub unit: u32,
    /// How a serial port is set: `19200 8E1`, which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// For HSMS: how the equipment connects, and how long it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hsms: Option<HsmsOptions>,
}

/// An HSMS equipment, where it differs from E37's typical values: passive, T3 45 s, T5 10 s, T6 5 s, T7 10 s, T8 5 s.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HsmsOptions {
    /// The host that it connects to, as `host:port`, instead of being connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<String>,
    /// For the reply to a message: 1 s to 120 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t3: Option<Span>,
    /// Between two attempts to connect: 1 s to 240 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t5: Option<Span>,
    /// For the answer to a control message: 1 s to 240 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t6: Option<Span>,
    /// For the first select: 1 s to 240 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t7: Option<Span>,
    /// Between two bytes of a message: 1 s to 120 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t8: Option<Span>,
    /// How often the link is tested: 1 s to 1 h, 30 s when absent; `0s` for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linktest: Option<Span>,
}

impl HsmsOptions {
    /// What is wrong with it, and what would be right.
    fn problem(&self) -> Option<String> {
        let host = self.connect.as_deref().filter(|c| {
            let port = c.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            !port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|p| p > 0))
        });
        if let Some(host) = host {
            return Some(format!("connect = {host:?}: host:port, as \"10.0.0.5:5000\", would be right"));
        }
        // The ranges of E37, parameter settings.
        let timers = [
            ("t3", self.t3, 120),
            ("t5", self.t5, 240),
            ("t6", self.t6, 240),
            ("t7", self.t7, 240),
            ("t8", self.t8, 120),
            ("linktest", self.linktest.filter(|l| *l != Span::secs(0)), 3_600),
        ];
        timers.into_iter().find_map(|(name, span, most)| {
            let (span, most) = (span?, Span::secs(most));
            let fits = (Span::secs(1)..=most).contains(&span);
            (!fits).then(|| format!("{name} = {span}: 1s to {most} would be right"))
        })
    }
}

/// A field protocol, with what carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Modbus TCP.
    ModbusTcp,
    /// Modbus RTU frames over a TCP connection, as serial device servers carry them.
    ModbusRtuOverTcp,
    /// Modbus RTU on a serial line.
    ModbusRtu,
    /// OPC UA over its binary TCP transport.
    Opcua,
    /// SECS-II and GEM over HSMS-SS.
    Hsms,
    /// BACnet/IP.
    Bacnet,
    /// MTConnect over HTTP.
    Mtconnect,
}

impl Protocol {
    /// The numbers that a device behind an address can have.
    pub fn units(self) -> std::ops::RangeInclusive<u32> {
        match self {
            // 0 is a broadcast, 248 to 255 are reserved or the device itself (Modbus over serial line V1.02, 2.2).
            Protocol::ModbusTcp | Protocol::ModbusRtuOverTcp => 0..=255,
            Protocol::ModbusRtu => 1..=247,
            Protocol::Hsms => 0..=0x7FFF,
            Protocol::Bacnet => 0..=4_194_302,
            Protocol::Opcua | Protocol::Mtconnect => 1..=1,
        }
    }

    /// Whether devices at one address share a line and are told apart by their units alone.
    pub fn shares_line(self) -> bool {
        matches!(self, Protocol::ModbusRtu | Protocol::ModbusRtuOverTcp)
    }

    /// Every protocol.
    pub const ALL: [Protocol; 7] = [
        Protocol::ModbusTcp,
        Protocol::ModbusRtuOverTcp,
        Protocol::ModbusRtu,
        Protocol::Opcua,
        Protocol::Hsms,
        Protocol::Bacnet,
        Protocol::Mtconnect,
    ];

    /// Its name, as files have it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::ModbusTcp => "modbus-tcp",
            Protocol::ModbusRtuOverTcp => "modbus-rtu-over-tcp",
            Protocol::ModbusRtu => "modbus-rtu",
            Protocol::Opcua => "opcua",
            Protocol::Hsms => "hsms",
            Protocol::Bacnet => "bacnet",
            Protocol::Mtconnect => "mtconnect",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

fn one() -> u32 {
    1
}

fn is_one(unit: &u32) -> bool {
    *unit == 1
}

/// Why a site cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadSite {
    /// The text is not the TOML of a site.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A name stands twice, or names nothing.
    #[error("{what}")]
    Meaning {
        /// The byte of the text that it stands at.
        at: usize,
        /// What is wrong.
        what: String,
    },
}

/// Where the machines stand in a site's text.
#[derive(Deserialize)]
struct Places {
    #[serde(rename = "machine")]
    machines: Vec<toml::Spanned<serde::de::IgnoredAny>>,
}

impl Site {
    /// The fab that the twin simulates. Built in, so that every program knows the same machines.
    pub fn built_in() -> Site {
        Site::parse(include_str!("../site.toml")).expect("the built-in site is valid")
    }

    /// Reads and checks a site of the kinds that come with Aegis.
    pub fn parse(text: &str) -> Result<Site, BadSite> {
        Site::parse_with(text, Kinds::built_in())
    }

    /// Reads and checks a site of those kinds.
    pub fn parse_with(text: &str, kinds: Kinds) -> Result<Site, BadSite> {
        let mut site: Site = toml::from_str(text)?;
        site.kinds = kinds;
        let places: Places = toml::from_str(text)?;
        if site.machines.is_empty() || site.machines.len() > limits::MACHINES_PER_SITE {
            let what = format!("a site has 1 to {} machines", limits::MACHINES_PER_SITE);
            return Err(BadSite::Meaning { at: 0, what });
        }
        let mut names = BTreeSet::new();
        let mut lines: Vec<(&MachineEntry, &Endpoint)> = Vec::new();
        for (m, place) in site.machines.iter().zip(&places.machines) {
            let bad = |what| Err(BadSite::Meaning { at: place.span().start, what });
            if !names.insert(&m.name) {
                return bad(format!("machine {} stands twice", m.name));
            }
            if site.kinds.get(&m.kind).is_none() {
                let (name, kind) = (&m.name, &m.kind);
                let near = nearest(kind, site.kinds.names());
                return bad(format!("machine {name}: no kind is named {kind}{near}"));
            }
            for e in &m.endpoints {
                if let Some(hsms) = &e.hsms {
                    if e.protocol != Protocol::Hsms {
                        return bad(format!(
                            "machine {}: hsms options of an endpoint that speaks {}",
                            m.name, e.protocol
                        ));
                    }
                    if let Some(problem) = hsms.problem() {
                        return bad(format!("machine {}: hsms {problem}", m.name));
                    }
                }
                let (units, unit) = (e.protocol.units(), e.unit);
                if !units.contains(&unit) {
                    let (low, high) = (units.start(), units.end());
                    return bad(format!(
                        "machine {}: {} unit {unit}: {low} to {high} would be right",
                        m.name, e.protocol
                    ));
                }
                if e.serial.is_some() && e.protocol != Protocol::ModbusRtu {
                    return bad(format!(
                        "machine {}: serial says how a port is set: it goes with modbus-rtu",
                        m.name
                    ));
                }
                // Port 0 is a port of its own each time.
                if e.protocol.shares_line() && !e.address.ends_with(":0") {
                    for (other, o) in lines.iter().filter(|(_, o)| o.address == e.address) {
                        let (own, other, at) = (&m.name, &other.name, &e.address);
                        if (o.protocol, &o.serial) != (e.protocol, &e.serial) {
                            return bad(format!(
                                "machines {other} and {own} are set differently on one line, {at}"
                            ));
                        }
                        if o.unit == unit {
                            return bad(format!("machines {other} and {own} are both unit {unit} of {at}"));
                        }
                    }
                    lines.push((m, e));
                }
            }
            if !site.bays.iter().any(|b| b.id == m.bay) {
                return bad(format!("machine {}: no bay is named {}", m.name, m.bay));
            }
        }
        let transport = || site.rail_problem().or_else(|| site.route_problem());
        match site.couplings.iter().find_map(|c| site.coupling_problem(c)).or_else(transport) {
            Some(what) => Err(BadSite::Meaning { at: 0, what }),
            None => Ok(site),
        }
    }

    /// The machine of that name.
    pub fn find(&self, name: &str) -> Option<MachineIx> {
        self.machines.iter().position(|m| m.name == name).map(|i| MachineIx(i as u16))
    }

    /// The entry at that place.
    pub fn machine(&self, ix: MachineIx) -> &MachineEntry {
        &self.machines[usize::from(ix.0)]
    }

    /// What the kind of the machine at that place is.
    pub fn profile(&self, ix: MachineIx) -> &Arc<Profile> {
        self.kinds.get(&self.machine(ix).kind).expect("checked when the site was read")
    }

    /// The bay of that name.
    pub fn bay(&self, id: &str) -> Option<&Bay> {
        self.bays.iter().find(|b| b.id == id)
    }
}

impl fmt::Display for MachineIx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_site_names_profiles_that_exist() {
        for m in Site::built_in().machines {
            assert!(Profile::built_in(&m.kind).is_some(), "{} is a {}", m.name, m.kind);
        }
    }

    #[test]
    fn a_protocol_is_named_in_files_as_it_names_itself() {
        for p in Protocol::ALL {
            assert_eq!(serde_json::to_value(p).unwrap(), p.name());
        }
    }

    #[test]
    fn machines_share_a_line_with_a_unit_each() {
        let site = |second: &str| {
            let machine = |name: &str, endpoint: &str| {
                format!(
                    "[[machine]]\nname='{name}'\nkind='ffu'\nbay='b'\n\
                     endpoints=[{{protocol='modbus-rtu', address='/dev/ttyS9', {endpoint}}}]\n"
                )
            };
            let bay = "name='x'\n[[bay]]\nid='b'\niso_class=5\nvolume_m3_per_ffu=9\n";
            Site::parse(&format!("{bay}{}{}", machine("A", "unit=7"), machine("B", second)))
                .map_err(|e| e.to_string())
        };
        assert!(site("unit=8").is_ok());
        assert_eq!(site("unit=7").unwrap_err(), "machines A and B are both unit 7 of /dev/ttyS9");
        assert!(site("unit=8, serial='9600 8N1'").unwrap_err().contains("set differently on one line"));
    }

    #[test]
    fn a_site_with_a_name_twice_is_refused() {
        let text = "name='x'\n[[bay]]\nid='b'\niso_class=5\nvolume_m3_per_ffu=9\n\
            [[machine]]\nname='A'\nkind='ffu'\nbay='b'\n[[machine]]\nname='A'\nkind='ffu'\nbay='b'\n";
        assert!(Site::parse(text).unwrap_err().to_string().contains("A stands twice"));
    }

    #[test]
    fn hsms_options_that_make_no_sense_are_refused_with_what_would_be_right() {
        let parse = |protocol: &str, options: &str| {
            Site::parse(&format!(
                "name='x'\n[[bay]]\nid='b'\niso_class=5\nvolume_m3_per_ffu=9\n[[machine]]\nname='A'\n\
                 kind='wire_bonder'\nbay='b'\nendpoints=[{{protocol='{protocol}',address='127.0.0.1:5000',hsms={{{options}}}}}]"
            ))
        };
        let whole = "connect='host-1:5000',t3='1m',t5='240s',t6='5s',t7='10s',t8='1s',linktest='0s'";
        let site = parse("hsms", whole).unwrap();
        assert_eq!(site.machines[0].endpoints[0].hsms.as_ref().unwrap().t3, Some(Span::secs(60)));
        for (protocol, options, why) in [
            ("hsms", "t3='0s'", "t3 = 0s: 1s to 2m would be right"),
            ("hsms", "t8='121s'", "t8 = 2m1s: 1s to 2m"),
            ("hsms", "linktest='2h'", "linktest = 2h: 1s to 1h"),
            ("hsms", "connect='host-1'", "host:port"),
            ("hsms", "connect=':5000'", "host:port"),
            ("hsms", "connect='h:0'", "host:port"),
            ("hsms", "t4='1s'", "unknown field"),
            ("modbus-tcp", "t3='1s'", "speaks modbus-tcp"),
        ] {
            let e = parse(protocol, options).unwrap_err().to_string();
            assert!(e.contains(why), "{options}: {e}");
        }
    }
}
