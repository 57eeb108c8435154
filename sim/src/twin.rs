//! Machines on one virtual clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aegis_models::event::{Body, Event, Source};
use aegis_models::profile::{BurstSpec, Profile};
use aegis_models::{Burst, Command, Frame, MachineIx, PointIx, Record, Rng, Seed, Site, Time};
use aegis_plant::{Given, Image, Machine, ProcessFault, Refusal, Setup, Step, Supply, machines};

use crate::fault::{FaultPlan, Layer};
use crate::instrument::Instruments;

/// The base step. A machine may take smaller ones inside.
pub const STEP: Duration = Duration::from_millis(100);
/// When a machine takes its first waveforms.
const FIRST_BURST: Time = Time::from_secs(60);
/// Ticks between two looks at whether a waveform is due.
const BURST_TICKS: u64 = 10;

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
    bursts: Vec<BurstClock>,
    burst_rng: Rng,
}

/// When a waveform is next taken.
struct BurstClock {
    next: Time,
    /// When the last was, and what its trigger's point showed then.
    last: Option<(Time, f64)>,
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
        for entry in &site.machines {
            let unknown = || BadTwin::UnknownKind {
                machine: entry.name.clone(),
                kind: entry.kind.clone(),
                known: machines::KINDS.iter().map(|k| k.name).collect(),
            };
            let kind = machines::find(&entry.kind).ok_or_else(unknown)?;
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
            let machine = (kind.build)(Setup {
                profile: &profile,
                iso_class: bay.iso_class,
                volume_m3_per_ffu: bay.volume_m3_per_ffu,
                rng: &mut stream("build"),
            });
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
                bursts: profile.bursts.iter().map(|_| BurstClock { next: FIRST_BURST, last: None }).collect(),
                burst_rng: stream("burst"),
                profile,
            });
        }
        Ok(Twin { now: Time::ZERO, tick: 0, units, faults: Vec::new(), truth: Vec::new(), seq: 0 })
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
        // What a trigger watches is what its instrument showed last.
        let bursts = if tick.is_multiple_of(BURST_TICKS) { self.take_bursts(time) } else { vec![] };
        if due == 0 && self.image.records.is_empty() && bursts.is_empty() {
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
        Some(Frame { time, machine, samples, records, bursts })
    }

    /// The waveforms that are due, or that their triggers ask for; one that cannot be taken now is taken when it can.
    fn take_bursts(&mut self, now: Time) -> Vec<Burst> {
        let mut taken = Vec::new();
        for (kind, (spec, clock)) in self.profile.bursts.iter().zip(&mut self.bursts).enumerate() {
            let shown = trigger_shows(spec, &self.profile, &self.instruments);
            if now < clock.next && !triggered(spec, clock, shown, now) {
                continue;
            }
            let Some(mut values) = self.machine.burst(spec, &mut self.burst_rng) else { continue };
            // As a wire carries it.
            values.iter_mut().for_each(|x| *x = f64::from(*x as f32));
            clock.next = now.after(spec.period.0);
            clock.last = Some((now, shown));
            taken.push(Burst { kind: kind as u16, rate_hz: spec.rate_hz, values });
        }
        taken
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

/// What the point of a waveform's trigger shows.
fn trigger_shows(spec: &BurstSpec, profile: &Profile, instruments: &Instruments) -> f64 {
    let point = spec.trigger.as_ref().and_then(|t| profile.point_ix(&t.point));
    point.map_or(0.0, |p| instruments.readings[usize::from(p.0)].value)
}

/// Whether that point has risen far enough since the last waveform.
fn triggered(spec: &BurstSpec, clock: &BurstClock, shown: f64, now: Time) -> bool {
    let (Some(t), Some((last, before))) = (&spec.trigger, clock.last) else { return false };
    shown >= before + t.rise && now.since(last) >= t.min_interval.0
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
