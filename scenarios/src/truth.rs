//! What a run's faults really did: when each could first be seen and where, what it harmed, and what is right to say.
//!
//! Found out by twins without noise and without a sentinel that are stepped together: a faultless one, and one for each
//! fault with that fault alone. Where their instruments first differ by three sigma, the fault can be seen.

use std::collections::VecDeque;
use std::sync::Arc;

use aegis_models::event::Body;
use aegis_models::profile::{PointSpec, Profile, Role};
use aegis_models::{Frame, MachineIx, PointIx, Quality, Record, Seed, Site, ThreatKind, Time, Zone};
use aegis_sentinel::{Policy, SafetyCircuit};
use aegis_sim::fault::{CLOCK, CLOCK_SKEW, MAINS, MAINS_SAG};
use aegis_sim::{BadTwin, FaultPlan, PersonFault, SensorFault, Twin, TwinOptions, kinds};
use serde::Serialize;

use crate::file::{Inject, Scenario};
use crate::rulings::{Rulings, worst};
use crate::world::fault_plan;

/// Differences of so many of the instrument's standard deviations can be seen.
const SIGMAS: f64 = 3.0;
/// A computed value without an accuracy of its own differs when it does so by this share of its range.
const COMPUTED: f64 = 1e-3;
/// Happenings by which one twin may run ahead of the other before that itself is a difference.
const AHEAD: usize = 2;
/// The policy's answer to the truth is asked for so often [steps].
const ASKED_EVERY: u64 = 100;

/// What is true of one fault of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Truth {
    /// The faulty machine.
    pub machine: String,
    /// Its fault.
    pub fault: String,
    /// What sort of fault.
    pub layer: Sort,
    /// When it begins.
    pub onset: Time,
    /// When it could first be seen at any point of any machine; none when it never could.
    pub observable: Option<Time>,
    /// The machines at which it could be seen, in the order in which it reached them.
    pub chain: Vec<Reached>,
    /// The diagnoses that are right; the first is best. None where nothing need be said.
    pub threats: Vec<ThreatKind>,
    /// The zone that the policy gives to the truth, at its worst.
    pub zone: Option<Zone>,
    /// When the first harm comes that this fault alone does when nobody answers.
    pub harm: Option<Time>,
}

/// The layers of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The machine's own physics.
    Process,
    /// Instruments and clocks.
    Sensor,
    /// The wire.
    Link,
    /// People.
    Person,
}

/// A machine at which a fault could be seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reached {
    /// Which machine.
    pub machine: String,
    /// The point that differed first.
    pub point: String,
    /// When.
    pub at: Time,
}

/// The truth of a scenario's faults.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Truths {
    /// One for each inject, in their order.
    pub faults: Vec<Truth>,
    /// The harm that all of them together do when nobody answers.
    pub undefended: u32,
}

/// The sort of a fault, by its name in scenario files.
pub fn sort_of(fault: &str) -> Sort {
    if PersonFault::find(fault).is_some() {
        Sort::Person
    } else if SensorFault::find(fault).is_some() || fault == CLOCK_SKEW {
        Sort::Sensor
    } else {
        Sort::Process
    }
}

/// The threats that are right for an inject on a machine of that kind; the first is best.
pub fn right_threats(kind: &str, inject: &Inject) -> Vec<ThreatKind> {
    let fault = inject.fault.get_ref();
    if PersonFault::find(fault).is_some() {
        return inject.threats.clone();
    }
    if let Some(sensor) = SensorFault::find(fault) {
        return sensor.common().threats.to_vec();
    }
    if fault == CLOCK_SKEW {
        return CLOCK.threats.to_vec();
    }
    if fault == MAINS_SAG {
        return MAINS.threats.to_vec();
    }
    let faults = kinds::find(kind).map_or(&[][..], |k| k.faults);
    faults.iter().find(|f| f.name == fault).map_or(vec![], |f| f.threats.to_vec())
}

/// The true value of a point; of a happening's field, which has none between happenings, its last reading.
pub fn value(twin: &Twin, machine: MachineIx, point: PointIx) -> f64 {
    match twin.profile(machine).point(point).record {
        None => twin.true_value(machine, point),
        Some(_) => twin.readings(machine)[usize::from(point.0)].value,
    }
}

/// Works out what is true of a scenario's faults over so many steps. `site` is its part of the site.
pub fn truths(scenario: &Scenario, site: &Site, seed: Seed, steps: u64) -> Result<Truths, BadTwin> {
    if scenario.injects.is_empty() {
        return Ok(Truths::default());
    }
    let options = TwinOptions { seed, noise: false };
    let mut pairs = Vec::new();
    for inject in &scenario.injects {
        pairs.push(Pair::new(site, &options, fault_plan(inject, site))?);
    }
    let mut all = match pairs.len() {
        1 => None,
        _ => {
            let mut twin = Twin::new(site, &options)?;
            scenario.injects.iter().try_for_each(|i| twin.plan(fault_plan(i, site)))?;
            Some(twin)
        }
    };
    let mut asked = asked(scenario, site);
    let mut sound = Twin::new(site, &options)?;
    let (mut frames, mut unused, mut undefended) = (Vec::new(), Vec::new(), 0);
    for n in 0..steps {
        frames.clear();
        sound.step(&mut frames);
        for (pair, (rulings, zone)) in pairs.iter_mut().zip(&mut asked) {
            let harmed = pair.step(&frames);
            if n.is_multiple_of(ASKED_EVERY) && pair.first().is_some() && pair.acts() {
                let machine = MachineIx(pair.plan.machine as u16);
                let now = rulings.of(&|p| value(&pair.twin, machine, p));
                *zone = worst(&now).max(*zone);
            }
            undefended += if all.is_none() { harmed } else { 0 };
        }
        if let Some(twin) = &mut all {
            unused.clear();
            twin.step(&mut unused);
            undefended += harms(twin);
        }
    }
    let told = scenario.injects.iter().zip(&pairs).zip(asked);
    let faults = told.map(|((inject, pair), (_, zone))| pair.truth(inject, site, zone)).collect();
    Ok(Truths { faults, undefended })
}

/// What the policy is asked about each fault, and its worst answer so far.
fn asked(scenario: &Scenario, site: &Site) -> Vec<(Rulings, Option<Zone>)> {
    let circuit = SafetyCircuit::new(Policy::built_in());
    let of = |i: &Inject| {
        let machine = site.find(i.target.get_ref()).expect("checked with the file");
        let threats = right_threats(&site.machine(machine).kind, i);
        (Rulings::new(circuit.clone(), Arc::clone(site.profile(machine)), threats), None)
    };
    scenario.injects.iter().map(of).collect()
}

/// Whether that fault can be seen at all within so many steps, and when first.
pub fn first_seen(site: &Site, seed: Seed, plan: &FaultPlan, steps: u64) -> Result<Option<Time>, BadTwin> {
    let options = TwinOptions { seed, noise: false };
    let mut sound = Twin::new(site, &options)?;
    let mut pair = Pair::new(site, &options, plan.clone())?;
    let mut frames = Vec::new();
    for _ in 0..steps {
        frames.clear();
        sound.step(&mut frames);
        pair.step(&frames);
        if pair.first().is_some() {
            break;
        }
    }
    Ok(pair.first())
}

/// A twin with one fault, held against the faultless one.
struct Pair {
    twin: Twin,
    plan: FaultPlan,
    frames: Vec<Frame>,
    /// For each machine where the fault was first seen.
    seen: Vec<Option<(Time, PointIx)>>,
    /// For each machine the happenings of either twin that the other has not had yet.
    waiting: Vec<[VecDeque<Record>; 2]>,
    harm: Option<Time>,
}

impl Pair {
    fn new(site: &Site, options: &TwinOptions, plan: FaultPlan) -> Result<Pair, BadTwin> {
        let mut twin = Twin::new(site, options)?;
        twin.plan(plan.clone())?;
        let machines = site.machines.len();
        Ok(Pair {
            twin,
            plan,
            frames: Vec::new(),
            seen: vec![None; machines],
            waiting: (0..machines).map(|_| Default::default()).collect(),
            harm: None,
        })
    }

    /// One step, after which the faultless twin's instruments showed `sound`. Gives the harm done in it.
    fn step(&mut self, sound: &[Frame]) -> u32 {
        self.frames.clear();
        self.twin.step(&mut self.frames);
        let now = self.twin.now();
        // Nothing differs before the onset but what waits for its counterpart, and nothing does that then.
        if now >= self.plan.onset {
            self.compare(sound, now);
        }
        let harmed = harms(&mut self.twin);
        if harmed > 0 && self.harm.is_none() {
            self.harm = Some(now);
        }
        harmed
    }

    fn compare(&mut self, sound: &[Frame], now: Time) {
        let Pair { twin, frames, seen, waiting, .. } = self;
        for (i, seen) in seen.iter_mut().enumerate().filter(|(_, s)| s.is_none()) {
            let machine = MachineIx(i as u16);
            let profile = twin.profile(machine);
            let (a, b) = (frame_of(sound, machine), frame_of(&frames[..], machine));
            for (queue, frame) in waiting[i].iter_mut().zip([a, b]) {
                queue.extend(frame.into_iter().flat_map(|f| f.records.iter().cloned()));
            }
            let found = match (a, b) {
                (Some(a), Some(b)) => {
                    let clock = (a.time != b.time).then_some(PointIx(0));
                    let mut pairs = a.samples.iter().zip(&b.samples);
                    clock.or_else(|| {
                        pairs
                            .find(|(a, b)| {
                                a.quality != b.quality
                                    || a.quality != Quality::Bad
                                        && differ(profile.point(a.point), a.value, b.value)
                            })
                            .map(|(a, _)| a.point)
                    })
                }
                _ => None,
            };
            *seen = found.or_else(|| compare_records(profile, &mut waiting[i])).map(|p| (now, p));
        }
    }

    fn first(&self) -> Option<Time> {
        self.seen.iter().flatten().map(|(t, _)| *t).min()
    }

    fn acts(&self) -> bool {
        self.plan.acts(self.twin.now())
    }

    fn truth(&self, inject: &Inject, site: &Site, zone: Option<Zone>) -> Truth {
        let entry = &site.machines[self.plan.machine];
        let mut reached: Vec<(Time, usize, PointIx)> =
            self.seen.iter().enumerate().filter_map(|(i, s)| s.map(|(t, p)| (t, i, p))).collect();
        reached.sort_by_key(|(t, i, _)| (*t, *i != self.plan.machine, *i));
        let chain = reached.iter().map(|(at, i, p)| Reached {
            machine: site.machines[*i].name.clone(),
            point: self.twin.profile(MachineIx(*i as u16)).point(*p).id.clone(),
            at: *at,
        });
        Truth {
            machine: entry.name.clone(),
            fault: self.plan.name.clone(),
            layer: sort_of(&self.plan.name),
            onset: self.plan.onset,
            observable: self.first(),
            chain: chain.collect(),
            threats: right_threats(&entry.kind, inject),
            zone,
            harm: self.harm,
        }
    }
}

/// A machine's frame among those of a step, which stand in the site's order.
fn frame_of(frames: &[Frame], machine: MachineIx) -> Option<&Frame> {
    frames.binary_search_by_key(&machine, |f| f.machine).ok().map(|at| &frames[at])
}

fn harms(twin: &mut Twin) -> u32 {
    twin.take_truth().iter().filter(|e| matches!(e.body, Body::Damage { .. })).count() as u32
}

/// Whether a technician with both instruments before them could tell the two values apart.
fn differ(spec: &PointSpec, a: f64, b: f64) -> bool {
    if a.is_nan() || b.is_nan() {
        return a.is_nan() != b.is_nan();
    }
    let apart = (a - b).abs();
    match spec.role {
        Role::Measurement if spec.accuracy > 0.0 => apart > SIGMAS * spec.accuracy,
        Role::Measurement if spec.unit.is_empty() => apart > 0.0,
        Role::Measurement => apart > COMPUTED * (spec.range[1] - spec.range[0]),
        Role::Setpoint | Role::State | Role::Counter => apart > 0.0,
    }
}

/// Holds happening against happening, by their order and not by their moment: the point that differs first.
fn compare_records(profile: &Profile, [a, b]: &mut [VecDeque<Record>; 2]) -> Option<PointIx> {
    let field = |kind: u16, k: usize| {
        profile.records.get(usize::from(kind)).and_then(|r| profile.point_ix(r.fields.get(k)?))
    };
    while let (Some(x), Some(y)) = (a.front(), b.front()) {
        let at = x.values.iter().zip(&y.values).enumerate().find_map(|(k, (x_k, y_k))| {
            field(x.kind, k).filter(|p| x.kind != y.kind || differ(profile.point(*p), *x_k, *y_k))
        });
        if at.is_some() {
            return at;
        }
        a.pop_front();
        b.pop_front();
    }
    let ahead = [a, b].into_iter().find(|q| q.len() > AHEAD)?;
    field(ahead.front()?.kind, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn site() -> Site {
        let mut site = Site::built_in();
        site.machines.retain(|m| m.name == "FFU-03");
        site.prune_couplings();
        site
    }

    fn seen(fault: &str, magnitude: f64, ramp_s: u64) -> Option<f64> {
        let plan = FaultPlan {
            machine: 0,
            name: fault.to_owned(),
            layer: aegis_sim::Layer::Process,
            onset: Time::from_secs(60),
            ramp: Duration::from_secs(ramp_s),
            duration: None,
            intermittent: None,
            magnitude,
        };
        first_seen(&site(), Seed(3), &plan, 6_000).unwrap().map(Time::secs_f64)
    }

    #[test]
    fn a_fault_is_seen_once_it_moves_an_instrument_by_three_sigma() {
        let step = seen("filter_clog", 1.0, 0).unwrap();
        assert!((60.0..62.0).contains(&step), "{step}");
        let ramp = seen("filter_clog", 1.0, 500).unwrap();
        assert!((62.0..120.0).contains(&ramp), "{ramp}");
        assert_eq!(seen("filter_clog", 1e-4, 0), None, "no instrument resolves that");
    }

    #[test]
    fn twins_without_a_fault_never_differ() {
        assert_eq!(seen("filter_clog", 0.0, 0), None);
        assert_eq!(seen("vfd_slip", 0.0, 0), None);
    }

    #[test]
    fn a_state_differs_by_anything_and_a_measurement_by_three_sigma() {
        let profile = Profile::built_in("ffu").unwrap();
        let spec = |id| profile.point(profile.point_ix(id).unwrap());
        assert!(!differ(spec("airflow"), 1_000.0, 1_015.0) && differ(spec("airflow"), 1_000.0, 1_015.1));
        assert!(differ(spec("fan_speed_sp"), 1_400.0, 1_400.5) && !differ(spec("running"), 1.0, 1.0));
        assert!(differ(spec("airflow"), f64::NAN, 1.0) && !differ(spec("airflow"), f64::NAN, f64::NAN));
    }
}
