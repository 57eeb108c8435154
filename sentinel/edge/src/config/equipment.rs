//! One piece of equipment in the configuration: what a user may write of it, its checks, and what the code reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "hsms")]
use aegis_adapters::hsms::session::Timers;
use aegis_models::spell::nearest;
use aegis_models::{Profile, Protocol, Span};
use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use toml::Spanned;

use super::SPOKEN;
use crate::link;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EquipmentEntry {
    /// The machine's name.
    pub(super) name: Spanned<String>,
    /// A kind that comes with Aegis.
    kind: Option<Spanned<String>>,
    /// A profile of one's own; relative to this file.
    profile: Option<Spanned<PathBuf>>,
    /// How it speaks.
    protocol: Spanned<String>,
    /// `host:port`; for `modbus-rtu` the path of the serial port, for `opcua` an `opc.tcp` URL as well.
    address: Spanned<String>,
    /// The Modbus unit identifier, the HSMS device identifier, or the BACnet device instance.
    unit: Option<Spanned<u32>>,
    /// Its name where the protocol names devices (MTConnect); the machine's own when absent.
    device: Option<Spanned<String>>,
    /// How OPC UA messages are protected: none, sign, or sign_and_encrypt.
    security: Option<Spanned<Security>>,
    /// Folder of certificates and trust list, for a protected link; relative to this file.
    pki: Option<Spanned<PathBuf>>,
    /// Who the sentinel says it is, where the protocol asks.
    user: Option<Spanned<String>>,
    /// A file with that user's password in its first line; relative to this file.
    password_file: Option<PathBuf>,
    /// How a serial port is set: baud, data bits, parity, stop bits.
    serial: Option<Spanned<String>>,
    /// How long an answer may take.
    #[serde(default = "two_seconds")]
    timeout: Spanned<Span>,
    /// How an HSMS link is set up: its timers and who connects.
    hsms: Option<Spanned<HsmsEntry>>,
    /// At which of the sixteen priorities a BACnet device is written: 10 when absent.
    priority: Option<Spanned<u8>>,
    /// Whether a BACnet device tells changes by itself (COV), and is polled a tenth as often.
    cov: Option<Spanned<bool>>,
}

/// What a user may write of an HSMS link; what is absent is as E37 has it.
#[cfg_attr(not(feature = "hsms"), allow(dead_code, reason = "it is understood, and then refused"))]
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HsmsEntry {
    /// For the reply to a message.
    t3: Option<Span>,
    /// Between two attempts to connect.
    t5: Option<Span>,
    /// For the answer to a control message.
    t6: Option<Span>,
    /// For the select of whoever has connected.
    t7: Option<Span>,
    /// Between two bytes of a message.
    t8: Option<Span>,
    /// How often the link is tested; 0 s for never.
    linktest: Option<Span>,
    /// The equipment connects, to `address`, where the sentinel listens.
    #[serde(default)]
    passive: bool,
}

/// How the messages of a link are protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Not at all.
    #[default]
    None,
    /// Nobody can change them unseen.
    Sign,
    /// And nobody else can read them.
    SignAndEncrypt,
}

fn two_seconds() -> Spanned<Span> {
    Spanned::new(0..0, Span::secs(2))
}

/// One machine and how it is reached.
pub struct Equipment {
    /// Its name.
    pub name: String,
    /// Its kind's profile.
    pub profile: Arc<Profile>,
    /// How it speaks.
    pub protocol: Protocol,
    /// Where it listens.
    pub address: String,
    /// Its number behind the address; none for the protocol's usual one.
    pub unit: Option<u32>,
    /// Its name behind the address.
    pub device: String,
    /// How messages are protected.
    pub security: Security,
    /// Folder of certificates and trust list.
    pub pki: Option<PathBuf>,
    /// User and password.
    pub login: Option<(String, String)>,
    /// How its serial port is set: `19200 8E1`.
    pub serial: String,
    /// How long an answer may take, on the wall clock.
    pub timeout: Duration,
    /// The line that it shares with the others at its address, where the protocol has such.
    #[cfg(feature = "modbus")]
    pub line: aegis_adapters::modbus::Line,
    /// How an HSMS link is set up.
    #[cfg(feature = "hsms")]
    pub hsms: HsmsLink,
    /// At which priority a BACnet device is written, 1 to 16.
    pub priority: u8,
    /// Whether a BACnet device is asked to tell changes by itself. What changes by less than an object's increment is
    /// then not heard of before the next poll: a baseline knows less of its noise.
    pub cov: bool,
}

/// The priority at which a BACnet device is written. ASHRAE 135 (19.2.2) gives 1 and 2 to life safety, 5 to critical
/// equipment, 6 to minimum on and off times and 8 to a person's hand; 9 to 16 are for programs. At 10 the sentinel
/// overrules schedules, which commonly write at 16 and 15, and yields to people.
pub const BACNET_PRIORITY: u8 = 10;

/// An HSMS link: its timers, on the wall clock but for T5, which follows the agent's, and who connects (E37).
#[cfg(feature = "hsms")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HsmsLink {
    /// How long the sentinel waits for what.
    pub timers: Timers,
    /// The equipment connects, and the sentinel listens at the machine's address.
    pub passive: bool,
}

pub(super) fn equipment_of(
    e: &EquipmentEntry,
    dir: &Path,
    at: &dyn Fn(usize) -> String,
) -> anyhow::Result<Equipment> {
    let own = e.name.get_ref();
    let protocol = protocol_of(e, at)?;
    let profile = Arc::new(profile_of(e, dir, at)?);
    if let Some(why) = link::unfit(protocol, &profile) {
        bail!("{}: {own} cannot be reached over {protocol}: {why}", at(e.protocol.span().start));
    }
    if let Some(unit) = &e.unit {
        let (units, found) = (protocol.units(), *unit.get_ref());
        let (low, high) = (units.start(), units.end());
        ensure!(
            units.contains(&found),
            "{}: unit = {found}: {low} to {high} would be right for {protocol}",
            at(unit.span().start)
        );
    }
    check_fields(e, protocol, at)?;
    let login = login_of(e, dir, at)?;
    #[cfg(feature = "modbus")]
    if let Some(serial) = &e.serial
        && let Err(why) = serial.get_ref().parse::<aegis_adapters::modbus::SerialSettings>()
    {
        bail!("{}: serial = {why}", at(serial.span().start));
    }
    let security = e.security.as_ref().map_or(Security::None, |s| *s.get_ref());
    ensure!(
        security == Security::None || e.pki.is_some(),
        "{}: {own}: a protected link needs pki, a folder for its certificates",
        at(e.name.span().start)
    );
    ensure!(
        login.is_none() || security != Security::None,
        "{}: {own}: a password travels over a protected link only: say security",
        at(e.name.span().start)
    );
    let (timeout, least) = (e.timeout.get_ref().0, Duration::from_millis(10));
    ensure!(
        timeout >= least,
        "{}: timeout = {}: at least 10ms would be right",
        at(e.timeout.span().start),
        e.timeout.get_ref()
    );
    Ok(Equipment {
        name: own.clone(),
        profile,
        protocol,
        address: address_of(e, protocol, at)?,
        unit: e.unit.as_ref().map(|u| *u.get_ref()),
        device: e.device.as_ref().map_or_else(|| own.clone(), |d| d.get_ref().clone()),
        security,
        pki: e.pki.as_ref().map(|p| dir.join(p.get_ref())),
        login,
        serial: e.serial.as_ref().map_or_else(|| "19200 8E1".to_owned(), |s| s.get_ref().clone()),
        timeout,
        #[cfg(feature = "hsms")]
        hsms: hsms_of(e, at)?,
        priority: priority_of(e, at)?,
        cov: e.cov.as_ref().is_some_and(|cov| *cov.get_ref()),
        #[cfg(feature = "modbus")]
        line: Default::default(),
    })
}

/// A field that its protocol has no use for is a misunderstanding: whoever asks for encryption must not get none.
fn check_fields(e: &EquipmentEntry, protocol: Protocol, at: &dyn Fn(usize) -> String) -> anyhow::Result<()> {
    let start = |span: std::ops::Range<usize>| span.start;
    for (field, given, goes_with) in [
        ("serial", e.serial.as_ref().map(|f| start(f.span())), Protocol::ModbusRtu),
        ("device", e.device.as_ref().map(|f| start(f.span())), Protocol::Mtconnect),
        ("security", e.security.as_ref().map(|f| start(f.span())), Protocol::Opcua),
        ("pki", e.pki.as_ref().map(|f| start(f.span())), Protocol::Opcua),
        ("user", e.user.as_ref().map(|f| start(f.span())), Protocol::Opcua),
        ("hsms", e.hsms.as_ref().map(|f| start(f.span())), Protocol::Hsms),
        ("cov", e.cov.as_ref().map(|f| start(f.span())), Protocol::Bacnet),
        ("priority", e.priority.as_ref().map(|f| start(f.span())), Protocol::Bacnet),
    ] {
        if let Some(place) = given.filter(|_| protocol != goes_with) {
            bail!("{}: {field} goes with {goes_with}: {protocol} has none", at(place));
        }
    }
    Ok(())
}

/// Puts equipment on the line of those at the same address. They are told apart by their units alone.
pub(super) fn share_line(
    new: &mut Equipment,
    others: &[Equipment],
    e: &EquipmentEntry,
    at: &dyn Fn(usize) -> String,
) -> anyhow::Result<()> {
    let on_line = |o: &&Equipment| o.protocol.shares_line() && o.address == new.address;
    for other in others.iter().filter(|_| new.protocol.shares_line()).filter(on_line) {
        let (path, name) = (&new.address, &other.name);
        let unit = new.unit.unwrap_or(1);
        ensure!(
            other.unit.unwrap_or(1) != unit,
            "{}: unit {unit} of {path} is {name}: each equipment on a line needs a unit of its own",
            at(e.unit.as_ref().map_or(e.address.span().start, |u| u.span().start))
        );
        ensure!(
            (other.protocol, &other.serial) == (new.protocol, &new.serial),
            "{}: {path} is set as {} {} for {name}: one line has one setting",
            at(e.serial.as_ref().map_or(e.address.span().start, |s| s.span().start)),
            other.protocol,
            other.serial
        );
        #[cfg(feature = "modbus")]
        {
            new.line = other.line.clone();
        }
    }
    Ok(())
}

/// User and password, where they are given.
fn login_of(
    e: &EquipmentEntry,
    dir: &Path,
    at: &dyn Fn(usize) -> String,
) -> anyhow::Result<Option<(String, String)>> {
    match (&e.user, &e.password_file) {
        (None, None) => Ok(None),
        (Some(user), Some(file)) => {
            let path = dir.join(file);
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let password = text.lines().next().unwrap_or_default();
            ensure!(!password.is_empty(), "{}: the first line is the password: it is empty", path.display());
            Ok(Some((user.get_ref().clone(), password.to_owned())))
        }
        _ => bail!("{}: {}: user and password_file go together", at(e.name.span().start), e.name.get_ref()),
    }
}

#[cfg(feature = "hsms")]
fn hsms_of(e: &EquipmentEntry, at: &dyn Fn(usize) -> String) -> anyhow::Result<HsmsLink> {
    let usual = HsmsLink::default();
    let Some(entry) = &e.hsms else { return Ok(usual) };
    let place = at(entry.span().start);
    let HsmsEntry { t3, t5, t6, t7, t8, linktest, passive } = *entry.get_ref();
    let timer = |name: &str, given: Option<Span>, usual: Duration| {
        let given = given.map_or(usual, |s| s.0);
        // E37 has 240 s as the longest of any; less than 10 ms no network keeps.
        let valid = (Duration::from_millis(10)..=Duration::from_secs(240)).contains(&given);
        ensure!(valid, "{place}: {name} = {given:?}: 10 ms to 240 s would be right");
        Ok(given)
    };
    let timers = Timers {
        t3: timer("t3", t3, usual.timers.t3)?,
        t5: timer("t5", t5, usual.timers.t5)?,
        t6: timer("t6", t6, usual.timers.t6)?,
        t7: timer("t7", t7, usual.timers.t7)?,
        t8: timer("t8", t8, usual.timers.t8)?,
        linktest: match linktest {
            None => usual.timers.linktest,
            Some(never) if never.0.is_zero() => None,
            given => Some(timer("linktest", given, Duration::ZERO)?),
        },
    };
    Ok(HsmsLink { timers, passive })
}

fn priority_of(e: &EquipmentEntry, at: &dyn Fn(usize) -> String) -> anyhow::Result<u8> {
    let Some(priority) = &e.priority else { return Ok(BACNET_PRIORITY) };
    let (place, found) = (at(priority.span().start), *priority.get_ref());
    // 19.2.3: 6 is kept for minimum on and off times, and nobody writes there.
    ensure!(
        (1..=16).contains(&found) && found != 6,
        "{place}: priority = {found}: 1 to 16 but 6 would be right"
    );
    Ok(found)
}

impl Equipment {
    /// A machine at an address, with all else as usual.
    pub fn new(
        name: &str,
        profile: Arc<Profile>,
        protocol: Protocol,
        address: &str,
        timeout: Duration,
    ) -> Equipment {
        Equipment {
            name: name.to_owned(),
            profile,
            protocol,
            address: address.to_owned(),
            unit: None,
            device: name.to_owned(),
            security: Security::None,
            pki: None,
            login: None,
            serial: String::new(),
            timeout,
            #[cfg(feature = "hsms")]
            hsms: HsmsLink::default(),
            priority: BACNET_PRIORITY,
            cov: false,
            #[cfg(feature = "modbus")]
            line: Default::default(),
        }
    }
}

fn profile_of(e: &EquipmentEntry, dir: &Path, at: &dyn Fn(usize) -> String) -> anyhow::Result<Profile> {
    match (&e.kind, &e.profile) {
        (Some(kind), None) => Profile::built_in(kind.get_ref()).with_context(|| {
            let known = Profile::built_ins().iter().map(|(k, _)| *k);
            format!(
                "{}: unknown kind {:?}{}",
                at(kind.span().start),
                kind.get_ref(),
                nearest(kind.get_ref(), known)
            )
        }),
        (None, Some(file)) => {
            let path = dir.join(file.get_ref());
            let about = || format!("{}: {}", at(file.span().start), path.display());
            let text = std::fs::read_to_string(&path).with_context(about)?;
            Profile::parse(&text).with_context(about)
        }
        _ => bail!("{}: say either kind or profile", at(e.name.span().start)),
    }
}

fn protocol_of(e: &EquipmentEntry, at: &dyn Fn(usize) -> String) -> anyhow::Result<Protocol> {
    let name = e.protocol.get_ref();
    if let Some(left_out) = Protocol::ALL.iter().find(|p| p.name() == name && !SPOKEN.contains(p)) {
        bail!("{}: this build does not speak {left_out}", at(e.protocol.span().start));
    }
    let found = SPOKEN.iter().copied().find(|p| p.name() == name);
    found.with_context(|| {
        let known = SPOKEN.iter().map(|p| p.name());
        format!("{}: unknown protocol {name:?}{}", at(e.protocol.span().start), nearest(name, known))
    })
}

/// `host:port`, or of OPC UA a whole URL; the name is looked up at each connection, so that equipment may move.
fn address_of(
    e: &EquipmentEntry,
    protocol: Protocol,
    at: &dyn Fn(usize) -> String,
) -> anyhow::Result<String> {
    let text = e.address.get_ref();
    let opcua = protocol == Protocol::Opcua;
    let authority = match text.strip_prefix("opc.tcp://").filter(|_| opcua) {
        Some(rest) => rest.split_once('/').map_or(rest, |(authority, _)| authority),
        None => text.as_str(),
    };
    let valid = protocol == Protocol::ModbusRtu
        || authority
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0));
    let or_url = if opcua { " or opc.tcp://host:port/path" } else { "" };
    ensure!(valid, "{}: address {text:?}: host:port{or_url} would be right", at(e.address.span().start));
    Ok(text.clone())
}
