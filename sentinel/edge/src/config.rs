//! `sentinel.toml`: what a user may write, and what the code reads.

mod equipment;

use std::path::{Path, PathBuf};

use aegis_models::spell::{line_of, with_nearest};
use aegis_models::{Protocol, limits};
use aegis_sentinel::{Policy, PublicKey};
use anyhow::{Context, bail, ensure};
#[cfg(feature = "hsms")]
pub use equipment::HsmsLink;
pub use equipment::{BACNET_PRIORITY, Equipment, Security};
use equipment::{EquipmentEntry, equipment_of, share_line};
use serde::Deserialize;

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

fn one() -> f64 {
    1.0
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
            let mut new = equipment_of(e, dir, &at)?;
            share_line(&mut new, &equipment, e, &at)?;
            equipment.push(new);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aegis_adapters::hsms::session::Timers;

    use super::*;

    const GOOD: &str = "agent = \"a\"\nstate_dir = \"s\"\n[[equipment]]\nname = \"FFU-01\"\nkind = \"ffu\"\n\
        protocol = \"modbus-tcp\"\naddress = \"127.0.0.1:5021\"\n";

    const MODBUS: &str = "kind = \"ffu\"\nprotocol = \"modbus-tcp\"\naddress = \"127.0.0.1:5021\"\n";
    const OPCUA: &str = "kind = \"cnc\"\nprotocol = \"opcua\"\naddress = \"127.0.0.1:4841\"\n";
    /// Two machines on one serial line.
    fn on_line(first: &str, second: &str) -> String {
        let machine = |name: &str, unit: &str| {
            format!(
                "[[equipment]]\nname = \"{name}\"\nkind = \"ffu\"\nprotocol = \"modbus-rtu\"\n\
                 address = \"/dev/ttyS9\"\n{unit}\n"
            )
        };
        format!("agent = \"a\"\nstate_dir = \"s\"\n{}{}", machine("A", first), machine("B", second))
    }

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
        assert_eq!(told(&on_line("unit = 7", "unit = 8")), "");
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
            ("5021\"", "5021\"\nserial = \"9600 8N1\"", "sentinel.toml:8: serial goes with modbus-rtu"),
            ("5021\"", "5021\"\ntimeout = \"0s\"", "sentinel.toml:8: timeout = 0s: at least 10ms"),
            ("5021\"", "0\"", "sentinel.toml:7: address"),
            (
                "modbus-tcp\"",
                "modbus-rtu\"\nserial = \"fast\"",
                "sentinel.toml:7: serial = \"fast\": baud rate, data bits, parity and stop bits would be right",
            ),
            (
                "5021\"",
                "5021\"\nuser = \"Ada\"",
                "sentinel.toml:8: user goes with opcua: modbus-tcp has none",
            ),
            ("5021\"", "5021\"\nsecurity = \"sign\"", "sentinel.toml:8: security goes with opcua"),
            (MODBUS, OPCUA, ""),
            (MODBUS, &format!("{OPCUA}user = \"Ada\"\n"), "user and password_file go together"),
            (MODBUS, &format!("{OPCUA}security = \"sign\"\n"), "a protected link needs pki"),
            (
                GOOD,
                &on_line("unit = 7", "unit = 7"),
                "sentinel.toml:14: unit 7 of /dev/ttyS9 is A: each equipment on a line needs a unit of its own",
            ),
            (GOOD, &on_line("unit = 1", ""), "sentinel.toml:13: unit 1 of /dev/ttyS9 is A"),
            (
                GOOD,
                &on_line("unit = 7", "unit = 8\nserial = \"9600 8N1\""),
                "sentinel.toml:15: /dev/ttyS9 is set as modbus-rtu 19200 8E1 for A: one line has one setting",
            ),
            ("5021\"", "5021\"\npriority = 9", "sentinel.toml:8: priority goes with bacnet"),
            ("5021\"", "5021\"\ncov = true", "sentinel.toml:8: cov goes with bacnet"),
            (
                "5021\"",
                "5021\"\nhsms = { t3 = \"2s\" }",
                "sentinel.toml:8: hsms goes with hsms: modbus-tcp has none",
            ),
        ] {
            let told = told(&GOOD.replacen(from, to, 1));
            assert!(told.contains(what) && told.is_empty() == what.is_empty(), "{told}");
        }
    }

    #[test]
    fn an_hsms_link_has_the_timers_of_e37_or_those_that_are_given() {
        let bonder = GOOD.replace("ffu", "wire_bonder").replace("modbus-tcp", "hsms");
        let read = |more: &str| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("sentinel.toml");
            std::fs::write(&path, format!("{bonder}{more}\n")).unwrap();
            Config::read(&path).map(|c| c.equipment[0].hsms).map_err(|e| format!("{e:#}"))
        };
        let usual = read("").unwrap();
        let (t3, t5) = (usual.timers.t3.as_secs(), usual.timers.t5.as_secs());
        assert_eq!((t3, t5, usual.passive), (45, 10, false));
        let given =
            read("hsms = { t3 = \"120s\", t5 = \"500ms\", linktest = \"0s\", passive = true }").unwrap();
        let (t3, t5) = (Duration::from_secs(120), Duration::from_millis(500));
        let timers = Timers { t3, t5, linktest: None, ..usual.timers };
        assert_eq!(given, HsmsLink { timers, passive: true });
        for (wrong, what) in [
            ("hsms = { t8 = \"0s\" }", "sentinel.toml:8: t8 = 0ns: 10 ms to 240 s would be right"),
            ("hsms = { t4 = \"1s\" }", "unknown field"),
        ] {
            let told = read(wrong).unwrap_err();
            assert!(told.contains(what), "{told}");
        }
    }

    #[test]
    fn a_bacnet_device_is_written_at_ten_or_as_given() {
        let unit = GOOD.replace("ffu", "ahu").replace("modbus-tcp", "bacnet");
        let read = |more: &str| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("sentinel.toml");
            std::fs::write(&path, format!("{unit}{more}\n")).unwrap();
            Config::read(&path).map(|c| c.equipment[0].priority).map_err(|e| format!("{e:#}"))
        };
        assert_eq!(read(""), Ok(10));
        assert_eq!(read("priority = 16"), Ok(16));
        for wrong in ["priority = 0", "priority = 6", "priority = 17"] {
            let told = read(wrong).unwrap_err();
            assert!(
                told.contains(&format!("sentinel.toml:8: {wrong}: 1 to 16 but 6 would be right")),
                "{told}"
            );
        }
    }
}
