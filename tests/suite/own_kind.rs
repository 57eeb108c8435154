//! A kind of machine that nobody but this test knows: it runs, it is served, and the shipped sentinel watches it.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use aegis_models::event::Body;
use aegis_models::profile::Kinds;
use aegis_models::{MachineIx, PointIx, Profile, Seed, Site, ThreatKind, Time};
use aegis_plant::{FaultSpec, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};
use aegis_sim::host::Host;
use aegis_sim::host::door::Setting;
use aegis_sim::{FaultPlan, Layer, Twin, TwinOptions};

use crate::support::{Log, Running, bin_path};

/// Fab seconds in a second.
const PACE: f64 = 50.0;
/// The heater fails when the sentinel has learned the oven: five minutes, and some.
const ONSET: Time = Time::from_secs(400);

const FAULTS: &[FaultSpec] = &[FaultSpec {
    name: "element_aged",
    doc: "the heating element loses conductance: more duty for the same temperature",
    unit: "share of its power",
    typical: 0.4,
    threats: &[ThreatKind::EquipmentDegradation],
}];

const OVEN: Kind = Kind { name: "oven", faults: FAULTS, build: |setup| Box::new(Oven::new(&setup)) };

const PROFILE: &str = r#"
kind = "oven"
title = "Curing oven"
doc = "A heated box that holds its temperature by the duty of one element."
settle = "10s"
calibration = { span = "5m", min_samples = 200 }
[[point]]
id = "temperature"
doc = "Air in the oven"
unit = "degC"
period = "1s"
range = [0.0, 300.0]
accuracy = 0.1
watch = ["level", "stuck"]
modbus = { table = "input", address = 0 }
[[point]]
id = "duty"
doc = "Duty of the element"
unit = "%"
period = "1s"
range = [0.0, 100.0]
accuracy = 0.2
watch = ["level", "ewma"]
modbus = { table = "input", address = 2 }
[[signature]]
threat = "EquipmentDegradation"
cause = "element"
why = "The same temperature takes more duty: the element has aged"
needs = ["duty:high"]
severity = { base = "Medium" }
"#;

struct Oven {
    temperature: PointIx,
    duty: PointIx,
    temp_c: f64,
    aged: f64,
}

impl Oven {
    const SET_C: f64 = 150.0;
    const ELEMENT_W: f64 = 2_000.0;
    const LOSS_W_PER_K: f64 = 6.0;
    const HEAT_J_PER_K: f64 = 8_000.0;

    fn new(setup: &Setup<'_>) -> Oven {
        let point = |id| setup.profile.point_ix(id).expect("a point of the profile");
        Oven { temperature: point("temperature"), duty: point("duty"), temp_c: Oven::SET_C, aged: 0.0 }
    }
}

impl Machine for Oven {
    fn step(&mut self, cx: &mut Step<'_>) {
        let air_c = cx.supply.air.temp_c;
        let power_w = Oven::ELEMENT_W * (1.0 - self.aged);
        let wanted_w = Oven::LOSS_W_PER_K * (Oven::SET_C - air_c) + 200.0 * (Oven::SET_C - self.temp_c);
        let duty = (wanted_w / power_w).clamp(0.0, 1.0);
        let net_w = duty * power_w - Oven::LOSS_W_PER_K * (self.temp_c - air_c);
        self.temp_c += net_w / Oven::HEAT_J_PER_K * cx.dt_s;
        cx.image.set(self.temperature, self.temp_c);
        cx.image.set(self.duty, 100.0 * duty);
    }

    fn command(&mut self, c: &aegis_models::Command, _now: Time) -> Result<(), Refusal> {
        Err(Refusal::NotWritable(c.point.clone()))
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        if fault.name != FAULTS[0].name {
            return Err(UnknownFault { name: fault.name.clone(), known: vec![FAULTS[0].name] });
        }
        self.aged = fault.magnitude.clamp(0.0, 0.9);
        Ok(())
    }

    fn service(&mut self) {
        self.aged = 0.0;
    }
}

fn site() -> Site {
    let text = "name = \"x\"\n[[bay]]\nid = \"b\"\niso_class = 6\nvolume_m3_per_ffu = 5\n[[machine]]\nname = \"OVEN-01\"\n\
        kind = \"oven\"\nbay = \"b\"\nendpoints = [{ protocol = \"modbus-tcp\", address = \"127.0.0.1:0\" }]\n";
    assert!(Site::parse(text).unwrap_err().to_string().contains("no kind is named oven"));
    let kinds = Kinds::built_in().with(Profile::parse(PROFILE).expect("the profile is valid"));
    Site::parse_with(text, kinds).expect("the site is valid")
}

#[tokio::test]
async fn a_kind_of_ones_own_runs_is_served_and_is_watched() {
    let site = site();
    let options = TwinOptions { seed: Seed(3), noise: true };
    assert!(Twin::new(&site, &options).is_err(), "the twin's own kinds have no oven");
    let mut twin = Twin::with_kinds(&site, &options, &[OVEN]).expect("a twin");
    twin.plan(FaultPlan {
        machine: 0,
        name: FAULTS[0].name.to_owned(),
        layer: Layer::Process,
        onset: ONSET,
        ramp: Duration::from_secs(30),
        duration: None,
        magnitude: FAULTS[0].typical,
    })
    .expect("an oven has that fault");

    let mut host = Host::open(twin, site, BTreeMap::new(), &Setting::now()).await.expect("it listens");
    let address = host.site().machine(MachineIx(0)).endpoints[0].address.clone();
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("oven.toml"), PROFILE).expect("written");
    let config = format!(
        "agent = \"test\"\nstate_dir = \"state\"\nclock_rate = {PACE:?}\n[[equipment]]\nname = \"OVEN-01\"\n\
         profile = \"oven.toml\"\nprotocol = \"modbus-tcp\"\naddress = {address:?}\n"
    );
    std::fs::write(dir.path().join("sentinel.toml"), config).expect("written");
    let mut command = Command::new(bin_path("aegis-sentinel"));
    command.arg("--config").arg(dir.path().join("sentinel.toml")).args(["--quiet", "--until-stdin-closes"]);
    let _sentinel = Running::start(&mut command);
    let log = Log::of(dir.path());

    // Time for what is found, and no more: 20 min of fab time are 24 s.
    host.run(PACE, Some(Time::from_secs(1_200)), |_, _| {}).await.expect("it runs");
    let found = |b: &Body| {
        matches!(b, Body::IncidentOpened { incident }
            if incident.threat.kind == ThreatKind::EquipmentDegradation && incident.threat.cause == "element")
    };
    assert!(log.has(|b| matches!(b, Body::Watching { .. })), "it was never learned:\n{}", log.words());
    assert!(log.has(found), "the fault was not found:\n{}", log.words());
}
