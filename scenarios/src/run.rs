//! Runs a scenario from beginning to end and judges it.

use std::path::{Path, PathBuf};

use aegis_models::event::Event;
use aegis_models::{Seed, Site, Time};
use aegis_sim::lots::{Lots, Production};
use aegis_sim::record::{BadRecording, Recorder};
use aegis_sim::{BadTwin, STEP};
use serde::Serialize;

use crate::expect::{Probes, Verdict, judge};
use crate::file::{Scenario, Tier};
use crate::score::{Score, score};
use crate::truth::{Truth, truths};
use crate::wire;
use crate::world::{World, machine_configs};
use crate::zones::Zones;

/// A scenario that has run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The scenario's file.
    pub scenario: PathBuf,
    /// Its title.
    pub title: String,
    /// The seed it ran with.
    pub seed: u64,
    /// Whether every expectation and every ban held.
    pub passed: bool,
    /// Each of them.
    pub verdicts: Vec<Verdict>,
    /// How well the sentinel did.
    pub score: Score,
    /// What was true of each fault.
    pub truth: Vec<Truth>,
    /// What the lots' line has made; none where the part of the site has no line, and at tier live.
    pub production: Option<Production>,
    /// The timeline.
    pub events: Vec<Event>,
}

/// What a recording says of itself in `run.json`.
#[derive(Clone, Debug, Serialize, serde::Deserialize)]
pub struct About {
    /// The scenario's file.
    pub scenario: PathBuf,
    /// The seed it ran with.
    pub seed: u64,
    /// How long it lasted [ns].
    pub duration_ns: u64,
    /// The machines that took part, in their order.
    pub site: Site,
}

/// A run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The twin cannot be built.
    #[error(transparent)]
    Twin(#[from] BadTwin),
    /// The recording cannot be kept.
    #[error(transparent)]
    Recording(#[from] BadRecording),
    /// A machine cannot speak the protocol that the site gives it.
    #[error("{machine}: {source}")]
    NoDoor {
        /// Which machine.
        machine: String,
        /// Why.
        source: aegis_sim::host::door::NoDoor,
    },
    /// The system gives no runtime.
    #[error("no runtime: {0}")]
    Runtime(std::io::Error),
}

/// Runs a scenario on the virtual clock, at tier `points` or `wire`. `progress` is told the share that is done, now and
/// then.
pub fn run(
    path: &Path,
    scenario: &Scenario,
    site: &Site,
    tier: Tier,
    seed: Option<u64>,
    record: Option<&Path>,
    progress: &dyn Fn(f64),
) -> Result<Outcome, RunError> {
    let seed = seed.unwrap_or(scenario.seed);
    let part = scenario.part_of(site);
    let about = About {
        scenario: path.to_owned(),
        seed,
        duration_ns: Time::ZERO.after(scenario.duration.0).ns,
        site: part.clone(),
    };
    let recorder = match record {
        Some(dir) => {
            let machines: Vec<_> = machine_configs(&part).into_iter().map(|m| (m.name, m.profile)).collect();
            Some(Recorder::create(dir, &about, &machines)?)
        }
        None => None,
    };
    let mut world = World::new(scenario, site, Seed(seed), recorder)?;
    let mut probes = Probes::new(scenario, &part, &world.twin);
    let steps = scenario.duration.0.as_nanos().div_ceil(STEP.as_nanos()) as u64;
    let truths = truths(scenario, &part, Seed(seed), steps)?;
    let mut zones = Zones::new(scenario, &part, &truths.faults);
    let mut look = |world: &World, n: u64| {
        probes.look(scenario, &world.twin);
        zones.look(scenario, &world.twin, &world.events, n);
        if n.is_multiple_of(6_000) {
            progress(n as f64 / steps as f64);
        }
    };
    if tier == Tier::Wire {
        wire::live(&mut world, &part, Seed(seed), steps, &mut look)?;
    } else {
        for n in 0..steps {
            world.step()?;
            look(&world, n);
        }
    }
    let production = world.twin.lots().map(Lots::production);
    let events = world.finish()?;
    let verdicts = judge(scenario, &events, &probes);
    Ok(Outcome {
        scenario: path.to_owned(),
        title: scenario.title.clone(),
        seed,
        passed: verdicts.iter().all(|v| v.met),
        score: score(scenario, &events, &truths, &zones.verdict),
        truth: truths.faults,
        production,
        verdicts,
        events,
    })
}
