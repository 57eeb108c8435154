//! `sentinel.toml`: what a user may write, and what the code reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aegis_models::spell::{line_of, nearest, with_nearest};
use aegis_models::{Profile, Protocol, Span, limits};
use aegis_sentinel::{Policy, PublicKey};
use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use toml::Spanned;

use crate::link;

/// What a user may write.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The agent's name; incidents carry it.
    agent: String,
    /// Where it keeps what a restart must not forget; relative to this file.
    state_dir: PathBuf,
    /// Equipment seconds in a second of the wall clock: 1 but for an accelerated trainer.
    #[serde(default = "one")]
    clock_rate: f64,
    /// The Safety Circuit's policy; the built-in one when absent; relative to this file.
    policy: Option<PathBuf>,
    /// Whose signatures count, as 64 hexadecimal digits; without it nothing YELLOW can be approved.
    approval_key: Option<String>,
    /// What it watches.
    #[serde(default)]
    equipment: Vec<EquipmentEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EquipmentEntry {
    /// The machine's name.
    name: Spanned<String>,
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
    device: Option<String>,
    /// How OPC UA messages are protected: none, sign, or sign_and_encrypt.
    security: Option<Security>,
    /// Folder of certificates and trust list, for a protected link; relative to this file.
    pki: Option<PathBuf>,
    /// Who the sentinel says it is, where the protocol asks.
    user: Option<String>,
    /// A file with that user's password in its first line; relative to this file.
    password_file: Option<PathBuf>,
    /// How a serial port is set: baud, data bits, parity, stop bits.
    serial: Option<Spanned<String>>,
    /// How long an answer may take.
    #[serde(default = "two_seconds")]
    timeout: Span,
}

fn one() -> f64 {
    1.0
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

fn two_seconds() -> Span {
    Span::secs(2)
}

/// What the code reads.
pub struct Config {
    /// The agent's name.
    pub agent: String,
    /// Where it keeps what a restart must not forget.
    pub state_dir: PathBuf,
    /// Equipment seconds in a second of the wall clock.
    pub clock_rate: f64,
    /// The Safety Circuit's policy.
    pub policy: Policy,
    /// Whose signatures count.
    pub key: Option<PublicKey>,
    /// What it watches.
    pub equipment: Vec<Equipment>,
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
}

/// The protocols that this build speaks.
pub const SPOKEN: &[Protocol] = &[
    #[cfg(feature = "modbus")]
    Protocol::ModbusTcp,
    #[cfg(feature = "modbus")]
    Protocol::ModbusRtu,
    #[cfg(feature = "modbus")]
    Protocol::ModbusRtuOverTcp,
    #[cfg(feature = "opcua")]
    Protocol::Opcua,
    #[cfg(feature = "hsms")]
    Protocol::Hsms,
    #[cfg(feature = "bacnet")]
    Protocol::Bacnet,
    #[cfg(feature = "mtconnect")]
    Protocol::Mtconnect,
];

impl Config {
    /// Reads and checks a configuration. An error names file, line, field, what was found and what would be right.
    pub fn read(path: &Path) -> anyhow::Result<Config> {
        let size = std::fs::metadata(path).with_context(|| path.display().to_string())?.len();
        ensure!(size <= limits::FILE_BYTES, "{}: {size} bytes are too many", path.display());
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let file: File = toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(1, |s| line_of(&text, s.start));
            anyhow::anyhow!("{}:{line}: {}", path.display(), with_nearest(e.message()))
        })?;
        Config::checked(file, path, &text)
    }

    fn checked(file: File, path: &Path, text: &str) -> anyhow::Result<Config> {
        let dir = path.parent().unwrap_or(Path::new(""));
        let name = path.display();
        ensure!(!file.agent.is_empty(), "{name}: agent must have a name");
        let rate = file.clock_rate;
        ensure!(
            (0.001..=1_000.0).contains(&rate),
            "{name}: clock_rate = {rate}: 0.001 to 1000 would be right; 1 is real equipment"
        );
        ensure!(!file.equipment.is_empty(), "{name}: there is no [[equipment]] to watch");
        let policy = match &file.policy {
            None => Policy::built_in(),
            Some(p) => {
                let p = dir.join(p);
                let text = std::fs::read_to_string(&p).with_context(|| p.display().to_string())?;
                Policy::parse(&text).with_context(|| p.display().to_string())?
            }
        };
        let key = file.approval_key.as_deref().map(PublicKey::from_hex).transpose();
        let key = key.with_context(|| format!("{name}: approval_key"))?;
        let mut equipment: Vec<Equipment> = Vec::with_capacity(file.equipment.len());
        for e in &file.equipment {
            let at = |field: usize| format!("{name}:{}", line_of(text, field));
            let own = e.name.get_ref();
            if equipment.iter().any(|o| o.name == *own) {
                bail!("{}: {own} stands twice", at(e.name.span().start));
            }
            equipment.push(equipment_of(e, dir, &at)?);
        }
        Ok(Config {
            agent: file.agent,
            state_dir: dir.join(file.state_dir),
            clock_rate: rate,
            policy,
            key,
            equipment,
        })
    }
}

fn equipment_of(e: &EquipmentEntry, dir: &Path, at: &dyn Fn(usize) -> String) -> anyhow::Result<Equipment> {
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
    let login = match (&e.user, &e.password_file) {
        (None, None) => None,
        (Some(user), Some(file)) => {
            let path = dir.join(file);
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            Some((user.clone(), text.lines().next().unwrap_or_default().to_owned()))
        }
        _ => bail!("{}: {own}: user and password_file go together", at(e.name.span().start)),
    };
    if let Some(serial) = &e.serial {
        ensure!(
            protocol == Protocol::ModbusRtu,
            "{}: serial says how a port is set: it goes with modbus-rtu",
            at(serial.span().start)
        );
        #[cfg(feature = "modbus")]
        if let Err(why) = serial.get_ref().parse::<aegis_adapters::modbus::SerialSettings>() {
            bail!("{}: serial = {why}", at(serial.span().start));
        }
    }
    let security = e.security.unwrap_or_default();
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
    Ok(Equipment {
        name: own.clone(),
        profile,
        protocol,
        address: address_of(e, protocol, at)?,
        unit: e.unit.as_ref().map(|u| *u.get_ref()),
        device: e.device.clone().unwrap_or_else(|| own.clone()),
        security,
        pki: e.pki.as_ref().map(|p| dir.join(p)),
        login,
        serial: e.serial.as_ref().map_or_else(|| "19200 8E1".to_owned(), |s| s.get_ref().clone()),
        timeout: e.timeout.0.max(Duration::from_millis(10)),
    })
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
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    let or_url = if opcua { " or opc.tcp://host:port/path" } else { "" };
    ensure!(valid, "{}: address {text:?}: host:port{or_url} would be right", at(e.address.span().start));
    Ok(text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "agent = \"a\"\nstate_dir = \"s\"\n[[equipment]]\nname = \"FFU-01\"\nkind = \"ffu\"\n\
        protocol = \"modbus-tcp\"\naddress = \"127.0.0.1:5021\"\n";

    fn told(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sentinel.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path).map(|_| String::new()).unwrap_or_else(|e| format!("{e:#}"))
    }

    #[test]
    fn a_machine_on_opc_ua_may_have_a_whole_url() {
        let opcua = GOOD.replace("\"ffu\"", "\"cnc\"").replace("modbus-tcp", "opcua");
        let at = |address: &str| told(&opcua.replace("127.0.0.1:5021", address));
        for right in ["10.0.0.1:4840", "opc.tcp://10.0.0.1:4840", "opc.tcp://mill.plant:4840/cell/3:1"] {
            assert_eq!(at(right), "");
        }
        for wrong in ["opc.tcp://10.0.0.1/path", "http://10.0.0.1:80/", "10.0.0.1"] {
            assert!(
                at(wrong).contains("host:port or opc.tcp://host:port/path would be right"),
                "{}",
                at(wrong)
            );
        }
        let url = GOOD.replace("127.0.0.1:5021", "opc.tcp://127.0.0.1:5021/x");
        assert!(told(&url).contains("host:port would be right"));
    }

    #[test]
    fn a_bad_configuration_is_told_where_what_and_what_would_be_right() {
        assert_eq!(told(GOOD), "");
        for (from, to, what) in [
            ("state_dir", "statedir", "did you mean \"state_dir\"?"),
            ("\"ffu\"", "\"fu\"", "sentinel.toml:5: unknown kind \"fu\"; did you mean \"ffu\"?"),
            (
                "modbus-tcp",
                "modbus-tpc",
                "sentinel.toml:6: unknown protocol \"modbus-tpc\"; did you mean \"modbus-tcp\"?",
            ),
            (
                "127.0.0.1:5021",
                "127.0.0.1",
                "sentinel.toml:7: address \"127.0.0.1\": host:port would be right",
            ),
            (
                "agent = \"a\"",
                "agent = \"a\"\nclock_rate = 0.0",
                "clock_rate = 0: 0.001 to 1000 would be right",
            ),
            ("agent = \"a\"", "agent = \"a\"\napproval_key = \"12\"", "64 hexadecimal digits"),
            ("modbus-tcp", "hsms", "sentinel.toml:6: FFU-01 cannot be reached over hsms: profile ffu"),
            (
                "5021\"",
                "5021\"\nunit = 300",
                "sentinel.toml:8: unit = 300: 0 to 255 would be right for modbus-tcp",
            ),
            ("5021\"", "5021\"\nserial = \"9600 8N1\"", "sentinel.toml:8: serial says how a port is set"),
            (
                "modbus-tcp\"",
                "modbus-rtu\"\nserial = \"fast\"",
                "sentinel.toml:7: serial = \"fast\": baud rate, data bits, parity and stop bits would be right",
            ),
            ("5021\"", "5021\"\nuser = \"Ada\"", "user and password_file go together"),
            ("5021\"", "5021\"\nsecurity = \"sign\"", "a protected link needs pki"),
        ] {
            let told = told(&GOOD.replacen(from, to, 1));
            assert!(told.contains(what), "{told}");
        }
    }
}
