//! Machines on one virtual clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aegis_models::event::{Body, Event, Source};
use aegis_models::profile::{BurstSpec, Profile};
use aegis_models::{Burst, Command, CommandId, Frame, MachineIx, PointIx, Record, Rng, Seed, Site, Time};
use aegis_plant::{Given, Image, Kind, Machine, ProcessFault, Refusal, Setup, Step, Supply};
use rayon::prelude::*;

use crate::amhs::{self, Shared, TransportView};
use crate::fault::{FaultPlan, Layer};
use crate::instrument::Instruments;
use crate::kinds;
use crate::lots::Lots;
use crate::network::Network;

/// The base step. A machine may take smaller ones inside.
pub const STEP: Duration = Duration::from_millis(100);
/// When a machine takes its first waveforms.
const FIRST_BURST: Time = Time::from_secs(60);
/// Ticks between two looks at whether a waveform is due.
const BURST_TICKS: u64 = 10;

/// How long coupled machines live together before the twin begins: the air of a bay settles within an hour.
const SETTLING: Duration = Duration::from_secs(3_600);
/// From so many machines on, stepping on several threads pays.
const WORTH_THREADS: usize = 256;

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
    /// The kind has no maintenance that could be skipped.
    #[error("{machine}: a {kind} has no scheduled maintenance that could be skipped")]
    NoMaintenance {
        /// Which machine.
        machine: String,
        /// Its kind.
        kind: String,
    },
}

/// Machines on one virtual clock.
pub struct Twin {
    now: Time,
    tick: u64,
    units: Vec<Unit>,
    /// What each machine gave in the last step, and is supplied with in the next.
    given: Vec<Given>,
    supplies: Vec<Supply>,
    network: Network,
    /// What carries the lots, where the site has a rail; its equipment shares it.
    transport: Option<Shared>,
    pub(crate) lots: Option<Lots>,
    faults: Vec<Scheduled>,
    truth: Vec<Event>,
    seq: u64,
}

struct Unit {
    name: String,
    profile: Arc<Profile>,
    machine: Box<dyn Machine>,
    image: Image,
    /// What its instruments showed in the last step.
    frame: Option<Frame>,
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
    /// Whether it is there, for a fault that comes and goes.
    acts: bool,
    /// The set-point before somebody wrote another.
    before: f64,
    /// A crew has renewed what wears: the fault is gone before its time.
    repaired: bool,
}

impl Twin {
    /// A twin of that site, all machines running at nominal duty.
    pub fn new(site: &Site, options: &TwinOptions) -> Result<Twin, BadTwin> {
        Twin::with_kinds(site, options, kinds::all())
    }

    /// The same, of those kinds.
    pub fn with_kinds(site: &Site, options: &TwinOptions, kinds: &[Kind]) -> Result<Twin, BadTwin> {
        let lots = Lots::new(site);
        let transport = amhs::beside(site, options.seed, lots.is_some());
        let units = (0..site.machines.len())
            .map(|i| Unit::new(site, MachineIx(i as u16), options, kinds, transport.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        let mut twin = Twin {
            now: Time::ZERO,
            tick: 0,
            given: vec![Given::default(); units.len()],
            supplies: vec![Supply::default(); units.len()],
            network: Network::new(site, STEP.as_secs_f64()),
            transport,
            lots,
            units,
            faults: Vec::new(),
            truth: Vec::new(),
            seq: 0,
        };
        twin.settle();
        Ok(twin)
    }

    /// Machines that depend on each other have long done so when the twin begins.
    fn settle(&mut self) {
        if self.network.is_empty() {
            return;
        }
        for tick in 1..=SETTLING.as_nanos() / STEP.as_nanos() {
            let now = Time::ZERO.after(STEP * tick as u32);
            self.live(now, None);
        }
        for unit in &mut self.units {
            unit.image.records.clear();
            unit.image.harm.clear();
        }
        self.lots.iter_mut().for_each(Lots::forget);
    }

    /// Plans a fault. A machine that cannot have it says which it can.
    pub fn plan(&mut self, plan: FaultPlan) -> Result<(), BadTwin> {
        let unit = &mut self.units[plan.machine];
        if plan.layer == Layer::Process {
            let probe = ProcessFault { name: plan.name.clone(), magnitude: 0.0 };
            let bad = |source| BadTwin::UnknownFault { machine: unit.name.clone(), source };
            unit.machine.inject(&probe).map_err(bad)?;
        }
        if plan.layer == Layer::SkippedMaintenance && !unit.machine.skip_maintenance(false) {
            let kind = unit.profile.kind.clone();
            return Err(BadTwin::NoMaintenance { machine: unit.name.clone(), kind });
        }
        let fresh = Scheduled { plan, active: false, told: 0.0, acts: false, before: 0.0, repaired: false };
        self.faults.push(fresh);
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
        for s in self.faults.iter_mut().filter(|s| s.plan.machine == i && s.plan.layer.is_renewed()) {
            s.repaired |= s.plan.active(now);
        }
    }

    /// Tells of a fault that is none of a machine's own: of a person at the sentinel.
    pub fn tell_fault(&mut self, machine: MachineIx, fault: &str) {
        let machine = self.units[usize::from(machine.0)].name.clone();
        self.tell(Body::FaultOnset { machine, fault: fault.to_owned(), magnitude: 1.0 });
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
        self.live(self.now.after(self.settled()), Some(self.tick));
        for i in 0..self.units.len() {
            let unit = &mut self.units[i];
            frames.extend(unit.frame.take());
            if !unit.image.harm.is_empty() {
                let machine = unit.name.clone();
                for harm in std::mem::take(&mut unit.image.harm) {
                    self.tell(Body::Damage { machine: machine.clone(), what: harm.what.to_owned() });
                }
            }
        }
    }

    /// How long the machines had lived before the twin began.
    fn settled(&self) -> Duration {
        if self.network.is_empty() { Duration::ZERO } else { SETTLING }
    }

    /// Every machine lives through one step that ends at `plant_now`, and leaves its frame where `tick` asks for one.
    /// They touch only what is their own, so that it is the same in whatever order, and on however many threads.
    fn live(&mut self, plant_now: Time, tick: Option<u64>) {
        if !self.network.is_quiet() {
            self.network.exchange(&self.given, &mut self.supplies);
        }
        self.carry();
        let frame_time = self.now;
        let step = |(i, ((unit, supply), given)): (usize, ((&mut Unit, &Supply), &mut Given))| {
            unit.step(plant_now, supply, given);
            unit.frame = tick.and_then(|tick| unit.read(frame_time, MachineIx(i as u16), tick));
        };
        let (units, given) = (&mut self.units, &mut self.given);
        if units.len() < WORTH_THREADS {
            units.iter_mut().zip(&self.supplies).zip(given.iter_mut()).enumerate().for_each(step);
        } else {
            let units = units.par_iter_mut().with_min_len(WORTH_THREADS / 4);
            units.zip(&self.supplies).zip(given.par_iter_mut()).enumerate().for_each(step);
        }
    }

    /// The lots move on, and each tool gets its work; the earth shakes all floors alike.
    fn carry(&mut self) {
        let Some(shared) = &self.transport else { return };
        let mut transport = amhs::lock(shared);
        transport.step(STEP.as_secs_f64());
        for supply in &mut self.supplies {
            // Without couplings nobody else says how quiet the floor is.
            let quiet = Supply::default().floor_um_per_s;
            let own = if self.network.is_empty() { quiet } else { supply.floor_um_per_s };
            supply.floor_um_per_s = transport.floor_um_per_s(own);
        }
        if let Some(lots) = &mut self.lots {
            lots.step(STEP.as_secs_f64(), &self.given, &mut self.supplies, &mut transport);
        }
    }

    /// Where vehicles, carriers and people are; none where the site has no rail or nobody uses it.
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
            let acts = active && s.plan.acts(self.now);
            let level = if active { s.plan.level(self.now) } else { 0.0 };
            if (active, acts, level) == (s.active, s.acts, s.told) {
                continue;
            }
            let (turned, came_or_went) = (active != s.active, acts != s.acts);
            (s.active, s.acts, s.told) = (active, acts, level);
            let (machine, fault) = (self.units[s.plan.machine].name.clone(), s.plan.name.clone());
            let magnitude = s.plan.magnitude;
            let unit = &mut self.units[s.plan.machine];
            match s.plan.layer {
                Layer::Process => unit
                    .machine
                    .inject(&ProcessFault { name: fault.clone(), magnitude: level })
                    .expect("probed when it was planned"),
                Layer::Sensor(point, kind) => {
                    unit.instruments.set_fault(k, point, kind, acts.then_some(level));
                }
                Layer::Mains => self.network.mains = 1.0 - level.clamp(0.0, 1.0),
                Layer::Clock => unit.instruments.clock_ahead_s = level,
                Layer::SkippedMaintenance => {
                    unit.machine.skip_maintenance(acts);
                }
                Layer::WrongRecipe(point) if came_or_went => {
                    s.before = if acts { unit.image.get(point) } else { s.before };
                    let value = if acts { magnitude } else { s.before };
                    unit.told_by_a_person(point, value, self.now);
                }
                // A line strikes by itself; here it is only told.
                Layer::WrongRecipe(_) | Layer::Link => {}
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
    /// A person writes a set-point through the machine's own door. One that the machine refuses stays as it is, and the
    /// next frame shows it.
    fn told_by_a_person(&mut self, point: PointIx, value: f64, now: Time) {
        let id = CommandId { boot: 0, number: 0 };
        let point = self.profile.point(point).id.clone();
        let _ = self.machine.command(&Command { id, machine: self.name.clone(), point, value }, now);
    }

    fn new(
        site: &Site,
        ix: MachineIx,
        options: &TwinOptions,
        kinds: &[Kind],
        transport: Option<&Shared>,
    ) -> Result<Unit, BadTwin> {
        let entry = site.machine(ix);
        let kind = kinds.iter().find(|k| k.name == entry.kind).ok_or_else(|| BadTwin::UnknownKind {
            machine: entry.name.clone(),
            kind: entry.kind.clone(),
            known: kinds.iter().map(|k| k.name).collect(),
        })?;
        let profile = Arc::clone(site.profile(ix));
        let stream = |what: &str| options.seed.stream(&format!("machine/{}/{what}", entry.name));
        let bay = site.bay(&entry.bay).expect("checked with the site");
        let own = transport.and_then(|t| amhs::face(&entry.kind, &profile, t));
        let alone = || {
            (kind.build)(Setup {
                profile: &profile,
                iso_class: bay.iso_class,
                volume_m3_per_ffu: bay.volume_m3_per_ffu,
                rng: &mut stream("build"),
            })
        };
        let machine = own.unwrap_or_else(alone);
        Ok(Unit {
            name: entry.name.clone(),
            machine,
            image: Image::new(profile.points.len()),
            frame: None,
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
        })
    }

    fn step(&mut self, now: Time, supply: &Supply, given: &mut Given) {
        *given = Given::default();
        self.machine.step(&mut Step {
            now,
            dt_s: STEP.as_secs_f64(),
            rng: &mut self.rng,
            supply,
            given,
            image: &mut self.image,
        });
    }

    /// What the instruments show at this tick, if anything is due.
    fn read(&mut self, time: Time, machine: MachineIx, tick: u64) -> Option<Frame> {
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
        Some(Frame { time: self.instruments.stamp(time), machine, samples, records, bursts })
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
