//! Tier `live`: the same scenario over real sockets, with the real programs as children of this one.
//!
//! `aegis serve` runs the twin at a pace and `aegis sentinel`, the production shell, watches it. Both end when this
//! process ends, however it ends: they hold the other end of a pipe.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use aegis_models::event::{Event, Source};
use aegis_models::{Body, Site};
use anyhow::{Context, bail, ensure};

use crate::endpoints::sentinel_config;
use crate::expect::judge_events;
use crate::file::Scenario;
use crate::run::Outcome;
use crate::score::score;

/// A child has to say its first word within this time.
const FIRST_WORD: Duration = Duration::from_secs(30);

/// A program that ends with this process.
struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Program {
    fn start(args: &[&str]) -> anyhow::Result<Program> {
        let own = std::env::current_exe().context("this program's own path")?;
        let mut child = Command::new(own)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| args.join(" "))?;
        let stdout = child.stdout.take().context("the child has no output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Program { child, lines })
    }

    /// Closes its input, which asks it to end, and waits a while before it is made to.
    fn end(mut self, patience: Duration) -> Vec<String> {
        drop(self.child.stdin.take());
        // The reader thread ends with the child's output, and the channel with it.
        let mut rest = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(patience) {
            rest.push(line);
        }
        rest
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a scenario live, `pace` fab seconds a second. Times are those of the sentinel's own clock, which starts a moment
/// after the twin's.
pub fn run(
    path: &Path,
    scenario: &Scenario,
    site: &Site,
    seed: Option<u64>,
    pace: f64,
) -> anyhow::Result<Outcome> {
    let part = scenario.part_of(site);
    if let Some(m) = part.machines.iter().find(|m| m.endpoints.is_empty()) {
        bail!("{} has no endpoint: tier live takes machines that are served", m.name);
    }
    ensure!(scenario.operators.is_empty(), "operators need a hub: tier live has none yet");
    let seed = seed.unwrap_or(scenario.seed);
    let file = path.to_str().context("the path is not UTF-8")?;
    let (seed_text, pace_text) = (seed.to_string(), pace.to_string());
    let twin = Program::start(&[
        "serve",
        "--scenario",
        file,
        "--seed",
        &seed_text,
        "--pace",
        &pace_text,
        "--port",
        "0",
        "--once",
        "--json",
        "--until-stdin-closes",
    ])?;
    let first = twin.lines.recv_timeout(FIRST_WORD).context("aegis serve says nothing")?;
    let served: Site = serde_json::from_str(&first).context("aegis serve does not say where it listens")?;
    let dir = std::env::temp_dir().join(format!("aegis-live-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let result = watch(&dir, &served, scenario, pace, twin);
    std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
    let events = result?;
    let verdicts = judge_events(scenario, &events);
    Ok(Outcome {
        scenario: path.to_owned(),
        title: scenario.title.clone(),
        seed,
        passed: verdicts.iter().all(|v| v.met),
        score: score(scenario, site, &events, 0),
        verdicts,
        events,
    })
}

fn watch(
    dir: &Path,
    served: &Site,
    scenario: &Scenario,
    pace: f64,
    twin: Program,
) -> anyhow::Result<Vec<Event>> {
    let config = dir.join("sentinel.toml");
    std::fs::write(&config, sentinel_config(served, pace, "state"))?;
    let config = config.to_str().context("the path is not UTF-8")?;
    let sentinel = Program::start(&["sentinel", "--config", config, "--json", "--until-stdin-closes"])?;
    // The twin ends by itself when the scenario does; twice the time is more than it can need.
    let limit = Duration::from_secs_f64(2.0 * scenario.duration.secs_f64() / pace + 60.0);
    let mut truth = Vec::new();
    while let Ok(line) = twin.lines.recv_timeout(limit) {
        truth.push(line);
    }
    let told = sentinel.end(Duration::from_secs(10));
    let mut events: Vec<Event> = Vec::new();
    for line in truth.iter().chain(&told) {
        events.push(serde_json::from_str(line).with_context(|| line.clone())?);
    }
    // The link is lost when the twin ends: that belongs to the end of the run, not to the scenario.
    let end = aegis_models::Time::ZERO.after(scenario.duration.0);
    let after_the_end = |e: &Event| e.source == Source::Sentinel && e.time >= end;
    events.retain(|e| !after_the_end(e) && !matches!(e.body, Body::Link { .. }));
    events.sort_by_key(Event::key);
    Ok(events)
}
