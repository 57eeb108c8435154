//! Tier `live`: the same scenario over real sockets, with the real programs as children of this one.
//!
//! `aegis serve` runs the twin at a pace and `aegis sentinel`, the production shell, watches it. Both end when this
//! process ends, however it ends: they hold the other end of a pipe.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use aegis_models::event::{Event, Source};
use aegis_models::{Body, Seed, Site};
use aegis_sim::STEP;
use anyhow::{Context, bail, ensure};

use crate::endpoints::sentinel_config;
use crate::expect::judge_events;
use crate::file::Scenario;
use crate::run::Outcome;
use crate::score::score;
use crate::truth::truths;
use crate::zones::ZoneVerdict;

/// A child has to say its first word within this time.
const FIRST_WORD: Duration = Duration::from_secs(30);

/// A child that has said its last word is looked at again after this time.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

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

    /// Writes a line to its input.
    fn say(&mut self, line: &str) -> anyhow::Result<()> {
        let stdin = self.child.stdin.as_mut().context("the child has no input")?;
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).context("the child reads no more")
    }

    /// Whether it has ended by itself.
    fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().context("a child that cannot be asked")
    }

    /// Closes its input, which asks it to end, and waits a while: gives what it still told, and how it ended.
    fn end(mut self, patience: Duration) -> anyhow::Result<(Vec<String>, ExitStatus)> {
        drop(self.child.stdin.take());
        // The reader thread ends with the child's output, and the channel with it.
        let mut rest = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(patience) {
            rest.push(line);
        }
        for _ in 0..patience.as_millis() / LOOK_AGAIN.as_millis() {
            if let Some(status) = self.ended()? {
                return Ok((rest, status));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        bail!("a child does not end though its input has")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a scenario live, `pace` fab seconds a second. Times are those of the sentinel's own clock, which starts a moment
/// before the twin's.
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
        "--on-word",
    ])?;
    let first = twin.lines.recv_timeout(FIRST_WORD).context("aegis serve says nothing")?;
    let served: Site = serde_json::from_str(&first).context("aegis serve does not say where it listens")?;
    let dir = std::env::temp_dir().join(format!("aegis-live-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let result = watch(&dir, &served, scenario, pace, twin);
    std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
    let events = result?;
    let verdicts = judge_events(scenario, &events);
    let steps = scenario.duration.0.as_nanos().div_ceil(STEP.as_nanos()) as u64;
    let truths = truths(scenario, &part, Seed(seed), steps)?;
    Ok(Outcome {
        scenario: path.to_owned(),
        title: scenario.title.clone(),
        seed,
        passed: verdicts.iter().all(|v| v.met),
        score: score(scenario, &events, &truths, &ZoneVerdict::default()),
        truth: truths.faults,
        production: None,
        verdicts,
        events,
    })
}

fn watch(
    dir: &Path,
    served: &Site,
    scenario: &Scenario,
    pace: f64,
    mut twin: Program,
) -> anyhow::Result<Vec<Event>> {
    let config = dir.join("sentinel.toml");
    std::fs::write(&config, sentinel_config(served, pace, "state"))?;
    let config = config.to_str().context("the path is not UTF-8")?;
    let mut sentinel = Program::start(&["sentinel", "--config", config, "--json", "--until-stdin-closes"])?;
    // Both clocks begin together: what the scenario times by the fab's falls into the same moment of the sentinel's.
    let started = sentinel.lines.recv_timeout(FIRST_WORD).context("aegis sentinel says nothing")?;
    twin.say("go")?;
    // The twin ends by itself when the scenario does; twice the time is more than it can need.
    let limit = Duration::from_secs_f64(2.0 * scenario.duration.secs_f64() / pace + 60.0);
    let mut truth = vec![started];
    while let Ok(line) = twin.lines.recv_timeout(limit) {
        truth.push(line);
    }
    // Whoever is not there to the end has watched nothing: no scenario is met by that.
    if let Some(status) = sentinel.ended()? {
        bail!("aegis sentinel ended before the scenario did: {status}");
    }
    for (name, (lines, status)) in
        [("serve", twin.end(Duration::from_secs(10))?), ("sentinel", sentinel.end(Duration::from_secs(10))?)]
    {
        ensure!(status.success(), "aegis {name} failed: {status}");
        truth.extend(lines);
    }
    let mut events: Vec<Event> = Vec::new();
    for line in &truth {
        events.push(serde_json::from_str(line).with_context(|| line.clone())?);
    }
    // The link is lost when the twin ends: that belongs to the end of the run, not to the scenario.
    let end = aegis_models::Time::ZERO.after(scenario.duration.0);
    let after_the_end = |e: &Event| e.source == Source::Sentinel && e.time >= end;
    events.retain(|e| !after_the_end(e) && !matches!(e.body, Body::Link { .. }));
    events.sort_by_key(Event::key);
    Ok(events)
}
