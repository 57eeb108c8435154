//! Every row of every profile is exercised: all points of every kind of machine, through each of its protocols, both
//! ways, against the machine's own image.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aegis_adapters::Served;
use aegis_adapters::hsms::gem;
use aegis_adapters::hsms::serve::{Handle, ServeOptions, serve_active};
use aegis_adapters::hsms::session::{Options, Role, Timers};
use aegis_edge::clock::Clock;
use aegis_edge::config::{Equipment, HsmsLink};
use aegis_edge::link::{self, FromLink, Network, WriteOrder};
use aegis_models::profile::{Access, DataType, GemClass, PointSpec};
use aegis_models::site::{Endpoint, MachineEntry};
use aegis_models::{
    CommandId, Frame, MachineIx, PointIx, Profile, Protocol, Quality, Record, Sample, Site, Time,
};
use aegis_sentinel::WriteOutcome;
use aegis_sim::host::door::{Door, Setting};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Everything that is awaited comes within this time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A value that no other point has and that the type holds exactly.
fn value(profile: &Profile, point: PointIx, turn: u32) -> f64 {
    let spec = profile.point(point);
    let [low, high] = spec.range;
    let share = (f64::from(point.0) + 1.0 + f64::from(turn) / 7.0) / (profile.points.len() as f64 + 2.0);
    match spec.data {
        DataType::Bool => f64::from((u32::from(point.0) + turn) % 2),
        data => data.quantise(low + (high - low) * share).clamp(low, high),
    }
}

/// Whether a protocol has a row for the point: what a profile leaves out is not served.
fn rowed(protocol: Protocol, spec: &PointSpec) -> bool {
    match protocol {
        Protocol::ModbusTcp | Protocol::ModbusRtu | Protocol::ModbusRtuOverTcp => spec.modbus.is_some(),
        Protocol::Opcua => spec.opcua.is_some(),
        Protocol::Hsms => spec.gem.is_some(),
        Protocol::Bacnet => spec.bacnet.is_some(),
        Protocol::Mtconnect => spec.mtconnect.is_some(),
    }
}

struct Wire {
    door: Door,
    profile: Arc<Profile>,
    from_link: mpsc::Receiver<FromLink>,
    orders: mpsc::Sender<WriteOrder>,
    image: BTreeMap<PointIx, Sample>,
    records: Vec<Record>,
    now: Time,
}

impl Wire {
    async fn open(entry: &MachineEntry, endpoint: &Endpoint, cov: bool) -> Wire {
        let profile = Arc::new(Profile::built_in(&entry.kind).expect("the site is checked"));
        let opened = Door::listen(endpoint, "127.0.0.1:0", entry, &profile, &Setting::now()).await;
        let (door, address, serving) = opened.unwrap_or_else(|e| panic!("{}: {e}", entry.name));
        tokio::spawn(serving);
        let timeout = Duration::from_secs(5);
        let equipment = Equipment {
            unit: Some(endpoint.unit),
            cov,
            ..Equipment::new(&entry.name, Arc::clone(&profile), endpoint.protocol, &address, timeout)
        };
        let (to_core, from_link) = mpsc::channel(256);
        let (orders, taken) = mpsc::channel(16);
        let clock = Clock::start(Time::ZERO, 1.0);
        tokio::spawn(link::run(MachineIx(0), equipment, Network, clock, to_core, taken));
        let (image, records) = (BTreeMap::new(), Vec::new());
        Wire { door, profile, from_link, orders, image, records, now: Time::ZERO }
    }

    /// Shows values, and what happened, so much later that each point is due.
    fn publish(&mut self, samples: Vec<Sample>, records: Vec<Record>) {
        let slowest = self.profile.points.iter().map(|p| p.period.0).max().expect("it has points");
        self.now = self.now.after(slowest);
        let frame = Frame { time: self.now, machine: MachineIx(0), samples, records, bursts: vec![] };
        self.door.served().publish(&frame);
    }

    /// Takes what the link says until it satisfies.
    async fn hear(&mut self, what: &str, mut satisfied: impl FnMut(&Wire) -> bool) {
        let waited = timeout(PATIENCE, async {
            while !satisfied(self) {
                match self.from_link.recv().await.expect("the link lives") {
                    FromLink::Heard(_, heard) => {
                        self.image.extend(heard.samples.into_iter().map(|s| (s.point, s)));
                        self.records.extend(heard.records);
                    }
                    FromLink::State(_, up, why) => assert!(up || self.image.is_empty(), "{what}: {why}"),
                    FromLink::Written(..) => {}
                }
            }
        })
        .await;
        waited.unwrap_or_else(|_| panic!("{what} does not come; heard: {:?} {:?}", self.image, self.records));
    }

    async fn write(&mut self, point: PointIx, value: f64) -> WriteOutcome {
        let order = WriteOrder {
            id: CommandId { boot: 1, number: u64::from(point.0) },
            point,
            value,
            expires: Time::from_secs(1_000_000),
            revoked: Arc::new(AtomicBool::new(false)),
        };
        self.orders.send(order).await.expect("the link lives");
        let outcome = timeout(PATIENCE, async {
            loop {
                if let FromLink::Written(_, outcome) = self.from_link.recv().await.expect("the link lives") {
                    return outcome;
                }
            }
        });
        outcome.await.expect("a write ends")
    }
}

/// All points and records of a machine over one of its endpoints, and all its set-points back.
async fn walk(entry: &MachineEntry, endpoint: &Endpoint, cov: bool) {
    let mut wire = Wire::open(entry, endpoint, cov).await;
    let profile = Arc::clone(&wire.profile);
    let protocol = endpoint.protocol;
    let about = format!("{} over {protocol}", entry.kind);
    let all = || (0..profile.points.len() as u16).map(PointIx);
    let shown: Vec<PointIx> = all().filter(|p| rowed(protocol, profile.point(*p))).collect();
    assert!(!shown.is_empty(), "{about}: no point has a row");
    // A field of a record has a value only with its record, but where a protocol knows nothing of records.
    let with_records = protocol == Protocol::Hsms;
    let read: Vec<PointIx> =
        shown.iter().copied().filter(|p| !with_records || profile.point(*p).record.is_none()).collect();
    for turn in 0..2 {
        let sample = |p| Sample { point: p, value: value(&profile, p, turn), quality: Quality::Good };
        wire.publish(all().map(sample).collect(), vec![]);
        let want: Vec<Sample> = read.iter().copied().map(sample).collect();
        let same = |w: &Wire| want.iter().all(|s| w.image.get(&s.point) == Some(s));
        let missing =
            |w: &Wire| want.iter().filter(|s| w.image.get(&s.point) != Some(*s)).cloned().collect::<Vec<_>>();
        let what = format!("{about}, turn {turn}: {:?}", missing(&wire).first());
        wire.hear(&what, same).await;
    }
    if with_records {
        for (kind, spec) in profile.records.iter().enumerate() {
            let fields = spec.fields.iter().map(|f| profile.point_ix(f).expect("checked with the profile"));
            let values = fields.map(|p| value(&profile, p, 3)).collect();
            let record = Record { kind: kind as u16, values };
            wire.publish(vec![], vec![record.clone()]);
            wire.hear(&format!("{about}: {}", spec.id), |w| w.records.contains(&record)).await;
        }
    }
    wire.door.served().take_writes();
    // Over GEM a recipe is selected by a remote command: constants alone are written.
    let written = |spec: &PointSpec| {
        spec.access == Access::Write
            && (protocol != Protocol::Hsms || spec.gem_class() == Some(GemClass::Constant))
    };
    for point in shown.into_iter().filter(|p| written(profile.point(*p))) {
        // Another value than the last: a command to do what is done already writes nothing.
        let value = value(&profile, point, 4);
        let outcome = wire.write(point, value).await;
        let id = &profile.point(point).id;
        if protocol == Protocol::Mtconnect {
            assert!(matches!(outcome, WriteOutcome::Refused { .. }), "{about}: {id}: {outcome:?}");
            continue;
        }
        assert_eq!(outcome, WriteOutcome::Accepted, "{about}: {id}");
        assert_eq!(wire.door.served().take_writes(), [(point, value)], "{about}: {id}");
    }
}

#[test]
fn every_point_of_every_kind_crosses_each_of_its_wires_both_ways() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let site = Site::built_in();
    let mut walked = BTreeMap::new();
    for entry in &site.machines {
        for endpoint in &entry.endpoints {
            if walked.insert((entry.kind.clone(), endpoint.protocol.name()), ()).is_none() {
                runtime.block_on(walk(entry, endpoint, false));
                if endpoint.protocol == Protocol::Bacnet {
                    // And once more by what the device tells of its changes.
                    runtime.block_on(walk(entry, endpoint, true));
                }
            }
        }
    }
    for (kind, protocol) in [
        ("ffu", "modbus-tcp"),
        ("cnc", "opcua"),
        ("cnc", "mtconnect"),
        ("wire_bonder", "hsms"),
        ("ahu", "bacnet"),
    ] {
        assert!(walked.contains_key(&(kind.to_owned(), protocol)), "{kind} over {protocol}: {walked:?}");
    }
}

#[test]
fn an_equipment_that_connects_by_itself_is_heard_by_a_sentinel_that_listens() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let profile = Arc::new(Profile::built_in("wire_bonder").expect("it comes with Aegis"));
        let session = Options { role: Role::Active, device: 7, timers: Timers::default() };
        let (conversation, command) = (Duration::from_secs(45), Duration::from_secs(30));
        let options = gem::EquipmentOptions { session, unix_ms: 0, conversation, command };
        let handle = Handle::new(gem::Equipment::new(&profile, options, &[]).expect("a bonder"));
        let units = profile.point_ix("units").expect("it counts units");
        let temp = profile.records[0].fields.iter().position(|f| f == "capillary_temp").expect("a field");
        let samples = vec![Sample { point: units, value: 41.0, quality: Quality::Good }];
        handle.publish(&Frame { time: Time::ZERO, machine: MachineIx(0), samples, records: vec![], bursts: vec![] });
        let often = ServeOptions { t5: Duration::from_millis(50), ..ServeOptions::default() };
        tokio::spawn(serve_active(address, handle.clone(), often, std::future::pending()));
        let equipment = Equipment {
            unit: Some(7),
            hsms: HsmsLink { passive: true, ..HsmsLink::default() },
            ..Equipment::new("WB-01", Arc::clone(&profile), Protocol::Hsms, &address.to_string(), Duration::from_secs(5))
        };
        let (to_core, mut from_link) = mpsc::channel(256);
        let (_orders, taken) = mpsc::channel(16);
        let clock = Clock::start(Time::ZERO, 1.0);
        tokio::spawn(link::run(MachineIx(0), equipment, Network, clock, to_core, taken));
        let heard = timeout(PATIENCE, async {
            loop {
                match from_link.recv().await.expect("the link lives") {
                    FromLink::Heard(_, heard)
                        if heard.samples.iter().any(|s| s.point == units && s.value == 41.0) =>
                    {
                        return;
                    }
                    other => drop(other),
                }
            }
        });
        heard.await.expect("it is heard");
        // An alarm is set by a bond that was too hot, and told with the link.
        let mut values = vec![1.0; profile.records[0].fields.len()];
        values[temp] = 200.0;
        let records = vec![Record { kind: 0, values }];
        handle.publish(&Frame { time: Time::from_secs(1), machine: MachineIx(0), samples: vec![], records, bursts: vec![] });
        let told = timeout(PATIENCE, async {
            let text = "alarm 5: Capillary temperature high";
            while !matches!(from_link.recv().await.expect("the link lives"), FromLink::State(_, true, note) if note.contains(text)) {}
        });
        told.await.expect("the alarm is told");
    });
}
