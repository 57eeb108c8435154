//! `aegis run`: scenarios, a line each or a timeline.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aegis_models::Site;
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{BAD_INPUT, MET, NOT_MET, print, production};
use crate::file::{Scenario, Tier};
use crate::run::{Outcome, RunError};
use crate::score::Score;
use crate::{junit, live, parallel, timeline};

#[derive(clap::Args)]
#[command(after_help = "Exit status: 0 every expectation met, 1 one failed, 2 a file cannot be used.

Examples:
  aegis run scenarios/library --junit results.xml
  aegis run scenarios/library --filter sensor --json
  aegis run scenarios/library/facility/ffu-filter-clog.toml --seed 42 --record /tmp/clog")]
pub struct Args {
    /// The machines, instead of the built-in site
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// Scenario files, or folders of them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Run with this seed instead of each scenario's own
    #[arg(long)]
    seed: Option<u64>,
    /// How much of the real thing runs; what each scenario asks for when absent
    #[arg(long, value_enum)]
    tier: Option<Tier>,
    /// One JSON object a scenario, a line each
    #[arg(long)]
    json: bool,
    /// Write a JUnit report for CI
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Keep each run under this folder: events as JSON Lines, samples as Parquet
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Only scenarios whose path, title or tags hold this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Include the scenarios tagged "long"
    #[arg(long)]
    long: bool,
    /// How many fab seconds pass in a second, for tier live
    #[arg(long, default_value_t = 20.0, value_parser = super::pace)]
    pace: f64,
}

struct Job {
    path: PathBuf,
    scenario: Scenario,
    tier: Tier,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let site = super::site(args.site.as_deref())?;
    let mut jobs = Vec::new();
    let mut bad = 0;
    let files = find_files(&args.paths)?;
    let single = files.len() == 1;
    for path in files {
        match Scenario::read(&path, &site) {
            Ok(scenario) if wanted(&args, &path, &scenario, single) => {
                let tier = args.tier.unwrap_or(scenario.tier);
                if let Some(why) = scenario.unfit_for(tier, &site) {
                    anstream::eprintln!("{}: {why}", path.display());
                    bad += 1;
                } else {
                    jobs.push(Job { path, scenario, tier });
                }
            }
            Ok(_) => {}
            Err(e) => {
                anstream::eprintln!("{e}");
                bad += 1;
            }
        }
    }
    if bad > 0 {
        return Ok(ExitCode::from(BAD_INPUT));
    }
    if jobs.is_empty() {
        bail!("no scenario is left to run: check the paths, --filter and --long");
    }
    let outcomes = run_all(&args, &site, &jobs)?;
    if args.json {
        for o in &outcomes {
            print(&format!("{}\n", serde_json::to_string(o)?))?;
        }
    } else {
        report(&outcomes)?;
    }
    if let Some(file) = &args.junit {
        std::fs::write(file, junit::report(&outcomes)?).with_context(|| file.display().to_string())?;
    }
    for o in outcomes.iter().filter(|o| !o.passed) {
        complain(o);
    }
    Ok(ExitCode::from(if outcomes.iter().all(|o| o.passed) { MET } else { NOT_MET }))
}

fn wanted(args: &Args, path: &Path, scenario: &Scenario, single: bool) -> bool {
    let long = scenario.tags.iter().any(|t| t == "long");
    if long && !args.long && !single {
        return false;
    }
    args.filter.as_ref().is_none_or(|f| {
        path.to_string_lossy().contains(f.as_str())
            || scenario.title.contains(f.as_str())
            || scenario.tags.iter().any(|t| t.contains(f.as_str()))
    })
}

/// Every TOML file under the paths, in an order that does not depend on the file system.
pub(super) fn find_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    fn collect(path: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
        let about = || format!("{}", path.display());
        if !path.is_dir() {
            std::fs::metadata(path).with_context(about)?;
            found.push(path.to_owned());
            return Ok(());
        }
        let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
            .with_context(about)?
            .map(|e| e.map(|e| e.path()))
            .collect::<Result<_, _>>()
            .with_context(about)?;
        entries.sort();
        for entry in entries {
            if entry.is_dir() || entry.extension().is_some_and(|e| e == "toml") {
                collect(&entry, found)?;
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    for path in paths {
        collect(path, &mut found)?;
    }
    found.dedup();
    Ok(found)
}

/// Runs the jobs on all cores; the outcomes come back in the order of the jobs.
fn run_all(args: &Args, site: &Site, jobs: &[Job]) -> anyhow::Result<Vec<Outcome>> {
    // A live run needs the ports and the pace to itself.
    let threads = match jobs.iter().any(|j| j.tier == Tier::Live) {
        true => 1,
        false => parallel::threads(jobs.len()),
    };
    let bar = progress_bar(jobs.len());
    let done = parallel::all(jobs, threads, |job| {
        let outcome = run_one(args, site, job, &bar);
        bar.inc(1_000);
        outcome
    });
    bar.finish_and_clear();
    done.into_iter().map(|o| o.map_err(anyhow::Error::from)).collect()
}

#[derive(Debug, thiserror::Error)]
enum RunOneError {
    #[error("{0}: {1}")]
    Run(String, RunError),
    #[error("{0}: {1:#}")]
    Live(String, anyhow::Error),
}

fn run_one(args: &Args, site: &Site, job: &Job, bar: &ProgressBar) -> Result<Outcome, RunOneError> {
    let name = job.path.display().to_string();
    match job.tier {
        Tier::Points | Tier::Wire => {
            let dir = args
                .record
                .as_ref()
                .map(|d| d.join(job.path.with_extension("").file_name().unwrap_or_default()));
            let progress = |share: f64| bar.set_message(format!("{name} {:.0} %", 100.0 * share));
            crate::run::run(&job.path, &job.scenario, site, job.tier, args.seed, dir.as_deref(), &progress)
                .map_err(|e| RunOneError::Run(name.clone(), e))
        }
        Tier::Live => live::run(&job.path, &job.scenario, site, args.seed, args.pace)
            .map_err(|e| RunOneError::Live(name, e)),
    }
}

/// A bar on a terminal; nothing in a pipe.
fn progress_bar(jobs: usize) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:30} {percent} % {wide_msg}").expect("the template is valid");
    let bar = ProgressBar::with_draw_target(Some(1_000 * jobs as u64), ProgressDrawTarget::stderr());
    bar.with_style(style)
}

fn report(outcomes: &[Outcome]) -> anyhow::Result<()> {
    let mut text = String::new();
    let mut total = Score::default();
    if let [only] = outcomes {
        for event in &only.events {
            text += &timeline::line(event);
            text.push('\n');
        }
        text.push('\n');
        if let Some(made) = &only.production {
            text += &production::table(made);
            text.push('\n');
        }
        for v in &only.verdicts {
            text += &format!("{}  {}: {}\n", mark(v.met), v.asked, v.seen);
        }
        text += &format!("\n{} (seed {})\n", only.title, only.seed);
    }
    for o in outcomes {
        total.add(&o.score);
        if outcomes.len() > 1 {
            let incidents =
                o.events.iter().filter(|e| matches!(e.body, aegis_models::Body::IncidentOpened { .. }));
            let latency = o.score.median_latency_s().map_or("-".to_owned(), |s| format!("{s:.0} s"));
            text += &format!(
                "{}  {:<58} {:>3} incidents  latency {latency:>7}  {}\n",
                mark(o.passed),
                o.scenario.display().to_string(),
                incidents.count(),
                o.title
            );
        }
    }
    text += &summary(outcomes, &total);
    print(&text)
}

fn mark(met: bool) -> String {
    let (style, word) = match met {
        true => (anstyle::AnsiColor::Green.on_default(), "ok  "),
        false => (anstyle::AnsiColor::Red.on_default().bold(), "FAIL"),
    };
    format!("{style}{word}{style:#}")
}

fn summary(outcomes: &[Outcome], s: &Score) -> String {
    let passed = outcomes.iter().filter(|o| o.passed).count();
    let latency = s.median_latency_s().map_or("-".to_owned(), |l| format!("{l:.0} s"));
    format!(
        "{passed} of {} scenarios as expected | faults {}: named right {}, named wrong {}, missed {} | false alarms {} | \
         zones right {} of {} | median latency {latency} | damage {}, avoided {}\n",
        outcomes.len(),
        s.faults,
        s.detected,
        s.misnamed,
        s.missed,
        s.false_alarms,
        s.zones_right,
        s.zones_right + s.zones_wrong,
        s.damage,
        s.damage_avoided
    )
}

/// A failure prints the scenario, the seed, the commit and the one command that replays it.
fn complain(o: &Outcome) {
    let git = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let commit =
        git.ok().filter(|g| g.status.success()).map(|g| String::from_utf8_lossy(&g.stdout).trim().to_owned());
    anstream::eprintln!("\n{}: {}", o.scenario.display(), o.title);
    for v in o.verdicts.iter().filter(|v| !v.met) {
        anstream::eprintln!("  not met: {}\n           {}", v.asked, v.seen);
    }
    anstream::eprintln!(
        "  at commit {}: cargo aegis run {} --seed {}",
        commit.as_deref().unwrap_or("unknown"),
        o.scenario.display(),
        o.seed
    );
}
