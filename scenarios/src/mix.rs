//! Random fault mixes: which faults on which machines, when, how fast and how large, all from one seed.
//!
//! How large is counted in the observable: the smallest magnitude at which the fault can be seen at all in its time,
//! found by bisection over twins without noise.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aegis_models::profile::Role;
use aegis_models::{PointIx, Rng, Seed, Site, Time};
use aegis_sim::{BadTwin, FaultPlan, Layer, STEP, SensorFault, kinds};
use serde::Serialize;

use crate::file::Scenario;
use crate::truth::{Sort, first_seen};

/// The sentinel learns for so long before the first fault may begin [s].
const LEARN_S: f64 = 3_600.0;
/// The first fault begins within so much time then [s].
const SPREAD_S: f64 = 1_800.0;
/// Ramps are drawn log-uniformly between these [s]; one fault in three is a step.
const RAMP_S: (f64, f64) = (60.0, 1_200.0);
/// A fault has so long, from its full size on, to be seen [s].
const TIME_S: f64 = 1_800.0;
/// And the sentinel so long besides [s].
const GRACE_S: f64 = 1_800.0;
/// Bisections of the observable: from four decades to a few per cent.
const BISECTIONS: u32 = 7;
/// The observable is looked for from this share of the typical size up to this many times it [-].
const SOUGHT: (f64, f64) = (1e-3, 10.0);

/// A sort of fault that mixes are made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Species {
    /// The machine kind.
    pub kind: String,
    /// The fault's name in scenario files.
    pub fault: String,
    /// The instrument, for a fault of one.
    pub point: Option<String>,
}

/// The smallest magnitude of each sort of fault that can be seen; none where it has no size, or can never be seen.
pub type Observables = BTreeMap<Species, Option<f64>>;

/// How large the faults of a mix are, in times the observable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// At least.
    pub low: f64,
    /// At most.
    pub high: f64,
}

/// What can be seen.
pub const SEEN: Sizes = Sizes { low: 1.0, high: 10.0 };
/// What can hardly be seen, or not at all.
pub const SMALL: Sizes = Sizes { low: 0.1, high: 1.0 };

/// A mix as a scenario.
pub struct Mix {
    /// Its scenario.
    pub scenario: Scenario,
    /// The same as a file, for whoever looks closer.
    pub text: String,
}

/// Every sort of fault that the site's machines can have, of those layers.
pub fn species(site: &Site, layers: &[Sort]) -> Vec<Species> {
    let mut kinds: Vec<&str> = site.machines.iter().map(|m| m.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut all = Vec::new();
    for kind in kinds {
        let of = |fault: &str, point: Option<&str>| Species {
            kind: kind.to_owned(),
            fault: fault.to_owned(),
            point: point.map(str::to_owned),
        };
        if layers.contains(&Sort::Process) {
            let faults = kinds::find(kind).map_or(&[][..], |k| k.faults);
            all.extend(faults.iter().map(|f| of(f.name, None)));
        }
        if layers.contains(&Sort::Sensor) {
            let profile = site.kinds.get(kind).expect("the site is checked");
            let measured = profile.points.iter().filter(|p| p.role == Role::Measurement && p.accuracy > 0.0);
            for p in measured {
                all.extend(SensorFault::ALL.into_iter().map(|f| of(f.common().name, Some(&p.id))));
            }
        }
    }
    all
}

/// The part of the site that is one machine of that kind.
fn alone(site: &Site, kind: &str) -> Site {
    let mut part = site.clone();
    let first = site.machines.iter().position(|m| m.kind == kind);
    let mut n = 0;
    part.machines.retain(|_| {
        n += 1;
        Some(n - 1) == first
    });
    part.prune_couplings();
    part
}

/// The smallest magnitude at which a sort of fault can be seen in its time, on a machine that stands alone.
pub fn observable(site: &Site, seed: Seed, of: &Species) -> Result<Option<f64>, BadTwin> {
    let part = alone(site, &of.kind);
    let profile = site.kinds.get(&of.kind).expect("the site is checked");
    let sensor = SensorFault::find(&of.fault);
    let point = of.point.as_ref().and_then(|p| profile.point_ix(p));
    let typical = match (sensor, point) {
        (Some(f), Some(p)) if f.common().unit.is_some() => profile.point(p).accuracy * 10.0,
        (Some(_), _) => return Ok(None),
        _ => {
            let faults = kinds::find(&of.kind).map_or(&[][..], |k| k.faults);
            faults.iter().find(|f| f.name == of.fault).map_or(0.0, |f| f.typical)
        }
    };
    let layer = sensor.zip(point).map_or(Layer::Process, |(f, p): (_, PointIx)| Layer::Sensor(p, f));
    let onset = Time::from_secs(600);
    let steps = ((600.0 + TIME_S) / STEP.as_secs_f64()) as u64;
    let seen = |magnitude: f64| {
        let plan = FaultPlan {
            machine: 0,
            name: of.fault.clone(),
            layer,
            onset,
            ramp: std::time::Duration::ZERO,
            duration: None,
            intermittent: None,
            magnitude,
        };
        first_seen(&part, seed, &plan, steps).map(|t| t.is_some())
    };
    let (mut low, mut high) = (typical * SOUGHT.0, typical * SOUGHT.1);
    if !seen(high)? {
        return Ok(None);
    }
    if seen(low)? {
        return Ok(Some(low));
    }
    for _ in 0..BISECTIONS {
        let middle = (low * high).sqrt();
        if seen(middle)? { high = middle } else { low = middle }
    }
    Ok(Some(high))
}

/// The mix of that number: one to three faults on different machines of kinds drawn alike.
pub fn draw(
    site: &Site,
    seed: u64,
    number: u32,
    all: &[Species],
    known: &Observables,
    sizes: Sizes,
    alone: bool,
) -> Option<Mix> {
    let mut rng = Seed(seed).stream(&format!("mix/{number}"));
    let count = 1 + u32::from(rng.chance(0.3)) + u32::from(rng.chance(0.1));
    let mut text = String::new();
    let mut taken: Vec<&str> = Vec::new();
    let mut end: f64 = 0.0;
    for _ in 0..count {
        let Some(of) = pick(&mut rng, all, known, sizes) else { continue };
        let machines: Vec<&str> = site
            .machines
            .iter()
            .filter(|m| m.kind == of.kind && !taken.contains(&m.name.as_str()))
            .map(|m| m.name.as_str())
            .collect();
        let Some(machine) = choose(&mut rng, &machines) else { continue };
        taken.push(machine);
        let onset = (LEARN_S + rng.between(0.0, SPREAD_S)).round();
        let slow = rng.log_between(RAMP_S.0, RAMP_S.1).round();
        let step = rng.chance(1.0 / 3.0);
        let times = rng.log_between(sizes.low, sizes.high);
        let known = known.get(of).copied().flatten();
        let grows = of.fault == SensorFault::Drift.common().name;
        let ramp = if known.is_none() || (step && !grows) { 0.0 } else { slow };
        end = end.max(onset + ramp + TIME_S + GRACE_S);
        let _ = write!(
            text,
            "\n[[inject]]\ntarget = \"{machine}\"\nfault = \"{}\"\nonset = \"{onset}s\"\n",
            of.fault
        );
        if let Some(point) = &of.point {
            let _ = writeln!(text, "point = \"{point}\"");
        }
        if let Some(observable) = known {
            let _ = writeln!(
                text,
                "ramp = \"{ramp}s\"\nmagnitude = {:?} # {times:.2} times the observable",
                observable * times
            );
        }
    }
    if taken.is_empty() {
        return None;
    }
    let part = if alone { format!("machines = {taken:?}\n") } else { String::new() };
    let head = format!(
        "title = \"Mix {number} of seed {seed}\"\nwhy = \"Faults that nobody chose.\"\nseed = {}\n\
         duration = \"{end}s\"\ntags = [\"mix\"]\n{part}",
        mix_seed(seed, number)
    );
    let text = head + &text;
    let scenario = Scenario::parse(&text, site).expect("every name in it was taken from the site");
    Some(Mix { scenario, text })
}

/// A mix has a seed of its own, which stands in its file; TOML's integers have a sign.
fn mix_seed(seed: u64, number: u32) -> u64 {
    let mut rng = Seed(seed).stream(&format!("mix/{number}/run"));
    (rng.uniform() * 1e15) as u64
}

/// A fault that has a size to be drawn in: first a kind, then a layer, then one of its faults, all alike.
fn pick<'a>(rng: &mut Rng, all: &'a [Species], known: &Observables, sizes: Sizes) -> Option<&'a Species> {
    // What has no size has no small one; what can never be seen is no fault that anyone could find.
    let fits = |s: &&Species| match known.get(*s) {
        Some(Some(_)) => true,
        _ => sizes.high > 1.0 && SensorFault::find(&s.fault).is_some_and(|f| f.common().unit.is_none()),
    };
    let mut kinds: Vec<&str> = all.iter().filter(fits).map(|s| s.kind.as_str()).collect();
    kinds.dedup();
    let kind = choose(rng, &kinds)?;
    let of_kind = || all.iter().filter(fits).filter(move |s| s.kind == kind);
    let process: Vec<&Species> = of_kind().filter(|s| s.point.is_none()).collect();
    let sensor: Vec<&Species> = of_kind().filter(|s| s.point.is_some()).collect();
    let of_sensor = rng.chance(0.25);
    let from = if (of_sensor && !sensor.is_empty()) || process.is_empty() { &sensor } else { &process };
    choose(rng, from)
}

fn choose<T: Copy>(rng: &mut Rng, from: &[T]) -> Option<T> {
    let at = (rng.uniform() * from.len() as f64) as usize;
    from.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ffu() -> Site {
        let mut site = Site::built_in();
        site.machines.retain(|m| m.kind == "ffu");
        site.prune_couplings();
        site
    }

    #[test]
    fn the_observable_is_the_smallest_size_that_three_sigma_show() {
        let site = ffu();
        let bias = Species {
            kind: "ffu".to_owned(),
            fault: "sensor_bias".to_owned(),
            point: Some("airflow".to_owned()),
        };
        // The instrument repeats within 5 m3/h.
        let found = observable(&site, Seed(1), &bias).unwrap().unwrap();
        assert!((15.0..16.5).contains(&found), "{found}");
        let silent = Species { fault: "sensor_dropout".to_owned(), ..bias };
        assert_eq!(observable(&site, Seed(1), &silent).unwrap(), None);
    }

    #[test]
    fn a_mix_is_the_same_from_the_same_seed_and_holds_its_sizes() {
        let site = ffu();
        let all = species(&site, &[Sort::Process, Sort::Sensor]);
        assert!(all.len() > 30, "{}", all.len());
        let sized = |s: &Species| SensorFault::find(&s.fault).is_none_or(|f| f.common().unit.is_some());
        let known: Observables = all.iter().map(|s| (s.clone(), sized(s).then_some(2.0))).collect();
        let mix = |seed, n| draw(&site, seed, n, &all, &known, SEEN, true).unwrap();
        assert_eq!(mix(7, 3).text, mix(7, 3).text);
        assert_ne!(mix(7, 3).text, mix(8, 3).text);
        for n in 0..200 {
            let scenario = mix(7, n).scenario;
            assert!((1..=3).contains(&scenario.injects.len()));
            for i in &scenario.injects {
                assert!(i.magnitude.is_none_or(|m| (2.0..20.0).contains(&m)), "{:?}", i.magnitude);
                assert!(i.onset.0.as_secs() >= 3_600);
            }
        }
    }
}
