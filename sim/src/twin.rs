//! Machines on one virtual clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aegis_models::event::{Body, Event, Source};
use aegis_models::profile::Profile;
use aegis_models::{Command, Frame, MachineIx, PointIx, Record, Rng, Seed, Site, Time};
use aegis_plant::{Given, Image, Machine, ProcessFault, Refusal, Setup, Step, Supply};

use crate::amhs::{self, Shared, TransportView};
use crate::fault::{FaultPlan, Layer};
use crate::instrument::Instruments;
use crate::kinds;
use crate::lots::Lots;

/// The base step. A machine may take smaller ones inside.
pub const STEP: Duration = Duration::from_millis(100);

/// How a twin is set up.
#[derive(Clone, Debug)]
pub struct TwinOptions {
    /// The one number from which everything follows.
    pub seed: Seed,
    /// Whether instruments are noisy; without noise two runs differ only by what was done to them.
    pub noise: bool,
}

/// Why a twin cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BadTwin {
    /// The plant has no such kind.
    #[error("{machine}: the twin cannot simulate a {kind:?}; it knows {}", known.join(", "))]
    UnknownKind {
        /// Which machine.
        machine: String,
        /// Its kind.
        kind: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The kind has no such fault.
    #[error("{machine}: {source}")]
    UnknownFault {
        /// Which machine.
        machine: String,
        /// What it says.
        source: aegis_plant::UnknownFault,
    },
}

/// Machines on one virtual clock.
pub struct Twin {
    now: Time,
    tick: u64,
    units: Vec<Unit>,
    /// What carries the lots, where the site has a rail; its equipment shares it.
    transport: Option<Shared>,
    lots: Option<Lots>,
    faults: Vec<Scheduled>,
    truth: Vec<Event>,
    seq: u64,
}

struct Unit {
    name: String,
    profile: Arc<Profile>,
    machine: Box<dyn Machine>,
    image: Image,
    supply: Supply,
    given: Given,
    rng: Rng,
    instruments: Instruments,
    /// Points by how many ticks lie between their samples.
    schedule: Vec<(u64, Vec<PointIx>)>,
    record_fields: Vec<Vec<PointIx>>,
}

struct Scheduled {
    plan: FaultPlan,
    active: bool,
    told: f64,
    /// A crew has renewed what wears: the fault is gone before its time.
    repaired: bool,
}

impl Twin {
    /// A twin of that site, all machines running at nominal duty.
    pub fn new(site: &Site, options: &TwinOptions) -> Result<Twin, BadTwin> {
        let mut profiles: BTreeMap<&str, Arc<Profile>> = BTreeMap::new();
        let mut units = Vec::with_capacity(site.machines.len());
        let lots = Lots::new(site);
        let transport = amhs::beside(site, options.seed, lots.is_some());
        for entry in &site.machines {
            let unknown = || BadTwin::UnknownKind {
                machine: entry.name.clone(),
                kind: entry.kind.clone(),
                known: kinds::all().iter().map(|k| k.name).collect(),
            };
            let kind = kinds::find(&entry.kind).ok_or_else(unknown)?;
            let profile = match profiles.get(entry.kind.as_str()) {
                Some(p) => Arc::clone(p),
                None => {
                    let p = Arc::new(Profile::built_in(&entry.kind).ok_or_else(unknown)?);
                    profiles.insert(&entry.kind, Arc::clone(&p));
                    p
                }
            };
            let stream = |what: &str| options.seed.stream(&format!("machine/{}/{what}", entry.name));
            let bay = site.bay(&entry.bay).expect("checked with the site");
            let own = transport.as_ref().and_then(|t| amhs::face(&entry.kind, &profile, t));
            let alone = || {
                (kind.build)(Setup {
                    profile: &profile,
                    iso_class: bay.iso_class,
                    volume_m3_per_ffu: bay.volume_m3_per_ffu,
                    rng: &mut stream("build"),
                })
            };
            let machine = own.unwrap_or_else(alone);
            units.push(Unit {
                name: entry.name.clone(),
                machine,
                image: Image::new(profile.points.len()),
                supply: Supply::default(),
                given: Given::default(),
                rng: stream("process"),
                instruments: Instruments::new(&profile, stream("noise"), options.noise),
                schedule: schedule(&profile),
                record_fields: profile
                    .records
                    .iter()
                    .map(|r| r.fields.iter().filter_map(|f| profile.point_ix(f)).collect())
                    .collect(),
                profile,
            });
        }
        let (now, faults, truth) = (Time::ZERO, Vec::new(), Vec::new());
        Ok(Twin { now, tick: 0, units, transport, lots, faults, truth, seq: 0 })
    }

    /// Plans a fault. A machine that cannot have it says which it can.
    pub fn plan(&mut self, plan: FaultPlan) -> Result<(), BadTwin> {
        let unit = &mut self.units[plan.machine];
        if plan.layer == Layer::Process {
            let probe = ProcessFault { name: plan.name.clone(), magnitude: 0.0 };
            let bad = |source| BadTwin::UnknownFault { machine: unit.name.clone(), source };
            unit.machine.inject(&probe).map_err(bad)?;
        }
        self.faults.push(Scheduled { plan, active: false, told: 0.0, repaired: false });
        Ok(())
    }

    /// The moment up to which everything has happened.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The profile of a machine.
    pub fn profile(&self, machine: MachineIx) -> &Arc<Profile> {
        &self.units[usize::from(machine.0)].profile
    }

    /// What a machine's instruments show, point by point, as its wire would carry it.
    pub fn readings(&self, machine: MachineIx) -> &[aegis_models::Sample] {
        &self.units[usize::from(machine.0)].instruments.readings
    }

    /// The true value of a point, for the harness alone.
    pub fn true_value(&self, machine: MachineIx, point: PointIx) -> f64 {
        self.units[usize::from(machine.0)].image.get(point)
    }

    /// Writes a set-point.
    pub fn command(&mut self, machine: MachineIx, command: &Command) -> Result<(), Refusal> {
        let now = self.now;
        self.units[usize::from(machine.0)].machine.command(command, now)
    }

    /// A maintenance crew renews what wears on a machine, and with it ends the process faults at work there.
    pub fn service(&mut self, machine: MachineIx) {
        let i = usize::from(machine.0);
        self.units[i].machine.service();
        let now = self.now;
        for s in self.faults.iter_mut().filter(|s| s.plan.machine == i && s.plan.layer == Layer::Process) {
            s.repaired |= s.plan.active(now);
        }
    }

    /// Takes the truth told since the last call.
    pub fn take_truth(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.truth)
    }

    /// Moves everything by one [`STEP`] and pushes what the instruments show at its end, in the site's order.
    pub fn step(&mut self, frames: &mut Vec<Frame>) {
        self.now = self.now.after(STEP);
        self.tick += 1;
        self.apply_faults();
        self.carry();
        for i in 0..self.units.len() {
            let unit = &mut self.units[i];
            unit.given = Given::default();
            unit.machine.step(&mut Step {
                now: self.now,
                dt_s: STEP.as_secs_f64(),
                rng: &mut unit.rng,
                supply: &unit.supply,
                given: &mut unit.given,
                image: &mut unit.image,
            });
            if let Some(frame) = unit.frame(self.now, MachineIx(i as u16), self.tick) {
                frames.push(frame);
            }
            if !unit.image.harm.is_empty() {
                let machine = unit.name.clone();
                for harm in std::mem::take(&mut unit.image.harm) {
                    self.tell(Body::Damage { machine: machine.clone(), what: harm.what.to_owned() });
                }
            }
        }
    }

    /// The lots move on, and each tool gets its work; the earth shakes all floors alike.
    fn carry(&mut self) {
        let Some(shared) = &self.transport else { return };
        let mut transport = amhs::lock(shared);
        transport.step(STEP.as_secs_f64());
        let floor = transport.floor_um_per_s(Supply::default().floor_um_per_s);
        self.units.iter_mut().for_each(|u| u.supply.floor_um_per_s = floor);
        if let Some(lots) = &mut self.lots {
            let given: Vec<Given> = self.units.iter().map(|u| u.given).collect();
            let mut supplies: Vec<Supply> = self.units.iter().map(|u| u.supply).collect();
            lots.step(STEP.as_secs_f64(), &given, &mut supplies, &mut transport);
            self.units.iter_mut().zip(supplies).for_each(|(u, s)| u.supply = s);
        }
    }

    /// Where vehicles, carriers and people are; none where the site has no rail.
    pub fn transport(&self) -> Option<TransportView> {
        self.transport.as_ref().map(|t| amhs::lock(t).view())
    }

    /// The lots and what the line has made of them; none where no route has all its tools.
    pub fn lots(&self) -> Option<&Lots> {
        self.lots.as_ref()
    }

    fn tell(&mut self, body: Body) {
        self.seq += 1;
        self.truth.push(Event { time: self.now, source: Source::Truth, seq: self.seq, body });
    }

    fn apply_faults(&mut self) {
        for k in 0..self.faults.len() {
            let s = &mut self.faults[k];
            let active = s.plan.active(self.now) && !s.repaired;
            let level = if active { s.plan.level(self.now) } else { 0.0 };
            if active == s.active && level == s.told {
                continue;
            }
            let turned = active != s.active;
            (s.active, s.told) = (active, level);
            let (machine, fault) = (self.units[s.plan.machine].name.clone(), s.plan.name.clone());
            let magnitude = s.plan.magnitude;
            let unit = &mut self.units[s.plan.machine];
            match s.plan.layer {
                Layer::Process => unit
                    .machine
                    .inject(&ProcessFault { name: fault.clone(), magnitude: level })
                    .expect("probed when it was planned"),
                Layer::Sensor(point, kind) => {
                    unit.instruments.set_fault(k, point, kind, active.then_some(level));
                }
                // A line strikes by itself; here it is only told.
                Layer::Link => {}
            }
            if turned {
                self.tell(if active {
                    Body::FaultOnset { machine, fault, magnitude }
                } else {
                    Body::FaultEnd { machine, fault }
                });
            }
        }
    }
}

impl Unit {
    /// What the instruments show at this tick, if anything is due.
    fn frame(&mut self, time: Time, machine: MachineIx, tick: u64) -> Option<Frame> {
        let due: usize =
            self.schedule.iter().filter(|(every, _)| tick.is_multiple_of(*every)).map(|(_, p)| p.len()).sum();
        if due == 0 && self.image.records.is_empty() {
            return None;
        }
        let mut samples = Vec::with_capacity(due);
        for (_, points) in self.schedule.iter().filter(|(every, _)| tick.is_multiple_of(*every)) {
            for p in points {
                samples.push(self.instruments.read(&self.profile, *p, self.image.get(*p)));
            }
        }
        let mut records = std::mem::take(&mut self.image.records);
        for record in &mut records {
            self.read_record(record);
        }
        Some(Frame { time, machine, samples, records })
    }

    fn read_record(&mut self, record: &mut Record) {
        for (point, value) in self.record_fields[usize::from(record.kind)].iter().zip(&mut record.values) {
            if value.is_finite() {
                let sample = self.instruments.read(&self.profile, *point, *value);
                *value = if sample.quality == aegis_models::Quality::Bad { f64::NAN } else { sample.value };
            }
        }
    }
}

/// Points by how many ticks lie between their samples; fields of records have no schedule.
fn schedule(profile: &Profile) -> Vec<(u64, Vec<PointIx>)> {
    let mut groups: BTreeMap<u64, Vec<PointIx>> = BTreeMap::new();
    for (i, p) in profile.points.iter().enumerate().filter(|(_, p)| p.record.is_none()) {
        let every = (p.period.0.as_nanos() / STEP.as_nanos()).max(1) as u64;
        groups.entry(every).or_default().push(PointIx(i as u16));
    }
    groups.into_iter().collect()
}
