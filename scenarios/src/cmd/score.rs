//! `aegis score`: how good the sentinel is, over the library, over random fault mixes, and over days without a fault.

mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use aegis_models::{Seed, Site};
use aegis_sim::BadTwin;
use anyhow::Context;

use self::report::{Nominal, Report};
use super::{MET, NOT_MET, print};
use crate::file::{Scenario, Tier};
use crate::mix::{self, Mix, Observables, Sizes, Species};
use crate::parallel;
use crate::run::{RunError, run as run_scenario};
use crate::score::Score;
use crate::truth::Sort;

#[derive(clap::Args)]
#[command(after_help = "Exit status: 0 every figure is met, 1 one is not, 2 a file cannot be used.

Examples:
  aegis score scenarios/library
  aegis score --mixes 100 --seeds 101,102,103
  aegis score --mixes 40 --seeds 7 --kinds ffu,ahu --alone --keep /tmp/flawed
  aegis score --nominal-days 30 --seeds 101,102,103")]
pub struct Args {
    /// Scenario files, or folders of them
    paths: Vec<PathBuf>,
    /// Run so many random fault mixes on each seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    mixes: u32,
    /// Run so many days without a fault on each seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    nominal_days: u32,
    /// The seeds of mixes and days
    #[arg(long, value_delimiter = ',', default_value = "1")]
    seeds: Vec<u64>,
    /// The faults of mixes are of these layers
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Sort::Process, Sort::Sensor])]
    layers: Vec<Sort>,
    /// Mixes and days are of machines of these kinds only
    #[arg(long, value_delimiter = ',', value_name = "KIND")]
    kinds: Vec<String>,
    /// In each mix only the faulty machines run
    #[arg(long)]
    alone: bool,
    /// As many mixes more of faults from a tenth of the observable up to it; they are reported apart
    #[arg(long)]
    small: bool,
    /// Include the scenarios tagged "long"
    #[arg(long)]
    long: bool,
    /// Keep the scenario of each mix in which something went wrong in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Run on so many threads; the results are the same
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !args.paths.is_empty() || args.mixes > 0 || args.nominal_days > 0,
        "there is nothing to score: give scenarios, --mixes or --nominal-days"
    );
    let mut site = Site::built_in();
    let mut report = Report::default();
    if !args.paths.is_empty() {
        report.library = Some(library(&args, &site)?);
    }
    if !args.kinds.is_empty() {
        for kind in &args.kinds {
            anyhow::ensure!(site.machines.iter().any(|m| &m.kind == kind), "the site has no {kind}");
        }
        site.machines.retain(|m| args.kinds.contains(&m.kind));
        site.prune_couplings();
    }
    if args.mixes > 0 {
        let all = mix::species(&site, &args.layers);
        let known = observables(&args, &site, &all)?;
        report.unseen = all.iter().filter(|s| has_size(s) && known[*s].is_none()).cloned().collect();
        report.mixes = Some(mixes(&args, &site, &all, &known, mix::SEEN)?);
        if args.small {
            report.small = Some(mixes(&args, &site, &all, &known, mix::SMALL)?);
        }
    }
    if args.nominal_days > 0 {
        report.nominal = nominal(&args, &site)?;
    }
    let text = match args.json {
        true => format!("{}\n", serde_json::to_string_pretty(&report.with_figures())?),
        false => report.words(),
    };
    print(&text)?;
    Ok(ExitCode::from(if report.met() { MET } else { NOT_MET }))
}

fn has_size(s: &Species) -> bool {
    aegis_sim::SensorFault::find(&s.fault).is_none_or(|f| f.common().unit.is_some())
}

fn threads(args: &Args, jobs: usize) -> usize {
    args.threads.unwrap_or_else(|| parallel::threads(jobs))
}

/// The library as it stands, each scenario with its own seed, at the first tier that can show it.
fn library(args: &Args, site: &Site) -> anyhow::Result<Score> {
    let mut jobs = Vec::new();
    for path in super::run::find_files(&args.paths)? {
        let scenario = Scenario::read(&path, site)?;
        let fits = scenario.tier != Tier::Live && scenario.unfit_for(scenario.tier, site).is_none();
        if fits && (args.long || !scenario.tags.iter().any(|t| t == "long")) {
            jobs.push((path, scenario));
        }
    }
    let done = parallel::all(&jobs, threads(args, jobs.len()), |(path, s)| {
        let outcome = run_scenario(path, s, site, s.tier, None, None, &|_| {});
        outcome.map(|o| named(o.score, &path.display().to_string()))
    });
    sum(done)
}

/// A run's score, whose flaws say which run they are of.
fn named(mut score: Score, run: &str) -> Score {
    score.flaws.iter_mut().for_each(|f| *f = format!("{run}: {f}"));
    score
}

fn sum(done: Vec<Result<Score, RunError>>) -> anyhow::Result<Score> {
    let mut total = Score::default();
    for score in done {
        total.add(&score?);
    }
    Ok(total)
}

fn observables(args: &Args, site: &Site, all: &[Species]) -> Result<Observables, BadTwin> {
    // Of one seed for all, so that a mix is the same whichever others are run beside it.
    let found = parallel::all(all, threads(args, all.len()), |s| mix::observable(site, Seed(1), s));
    all.iter().cloned().zip(found).map(|(s, o)| Ok((s, o?))).collect()
}

fn mixes(
    args: &Args,
    site: &Site,
    all: &[Species],
    known: &Observables,
    sizes: Sizes,
) -> anyhow::Result<Score> {
    let numbers = args.seeds.iter().flat_map(|seed| (0..args.mixes).map(move |n| (*seed, n)));
    let drawn = numbers
        .filter_map(|(seed, n)| Some((seed, n, mix::draw(site, seed, n, all, known, sizes, args.alone)?)));
    let jobs: Vec<(u64, u32, Mix)> = drawn.collect();
    let done = parallel::all(&jobs, threads(args, jobs.len()), |(seed, n, mix)| {
        let name = PathBuf::from(format!("mix-{seed}-{n}"));
        let outcome = run_scenario(&name, &mix.scenario, site, Tier::Points, None, None, &|_| {});
        outcome.map(|o| named(o.score, &name.display().to_string()))
    });
    if let Some(dir) = &args.keep {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        for ((seed, n, mix), score) in jobs.iter().zip(&done) {
            if score.as_ref().is_ok_and(|s| !s.flaws.is_empty()) {
                let file = dir.join(format!("mix-{seed}-{n}.toml"));
                std::fs::write(&file, &mix.text).with_context(|| file.display().to_string())?;
            }
        }
    }
    sum(done)
}

/// Days on which nothing is wrong: every incident is one too many.
fn nominal(args: &Args, site: &Site) -> anyhow::Result<Vec<Nominal>> {
    let jobs = &args.seeds;
    let done = parallel::all(jobs, threads(args, jobs.len()), |seed| {
        let text = format!(
            "title = \"Days without a fault\"\nwhy = \"Alarms that nobody needs make people deaf.\"\n\
             seed = {seed}\nduration = \"{}d\"\n",
            args.nominal_days
        );
        let scenario = Scenario::parse(&text, site).expect("it names nothing");
        let name = PathBuf::from(format!("nominal-{seed}"));
        let outcome = run_scenario(&name, &scenario, site, Tier::Points, None, None, &|_| {})?;
        Ok::<Nominal, RunError>(Nominal {
            seed: *seed,
            days: args.nominal_days,
            alarms: outcome.score.incidents,
            flaws: outcome.score.flaws,
        })
    });
    Ok(done.into_iter().collect::<Result<_, _>>()?)
}
