//! The unchanged detectors over a recording of equipment that nobody here simulated.
//!
//! The recording becomes one machine whose every column is a point; its rows are fed to an [`Agent`] as a wire would
//! feed them. Nothing is tuned to a recording: only the channels and the healthy span differ.

use std::sync::Arc;
use std::time::Duration;

use aegis_adapters::csv::Recording;
use aegis_models::event::Body;
use aegis_models::profile::{Access, Calibration, DataType, PointSpec, Profile, Role, Watch};
use aegis_models::{Frame, MachineIx, PointIx, Quality, Sample, Span, ThreatKind, Time};
use aegis_sentinel::{Agent, AgentConfig, Input, MachineConfig, Output, Policy};

/// Without a given span, this share of the rows is taken as healthy, and never more than [`MOST_ROWS`].
const HEALTHY_SHARE: f64 = 0.15;
const MOST_ROWS: usize = 750;
const FEWEST_ROWS: usize = 20;

/// What the detectors say of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowVerdict {
    /// Some channel is in alarm here.
    pub alarm: bool,
    /// An incident opens here.
    pub event: bool,
    /// A change of some channel is declared here.
    pub shift: bool,
    /// The worst channel in alarm.
    pub channel: String,
    /// Which law or statistic spoke, in words.
    pub why: String,
}

/// Where the healthy span comes from.
pub enum Baseline {
    /// A recording of its own, with the same channels in the same order.
    Recording(Recording),
    /// The first rows of the recording itself.
    Rows(usize),
    /// A share of the recording's first rows.
    Default,
}

/// A recording cannot be judged.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadDetect {
    /// No column is a channel.
    #[error("no column changes and holds numbers: there is nothing to watch")]
    NoChannel,
    /// Too little to learn from.
    #[error("{0} rows to learn from; at least {FEWEST_ROWS} would be right")]
    TooShort(usize),
}

/// Judges every row of `recording`.
pub fn detect(recording: &Recording, baseline: Baseline) -> Result<Vec<RowVerdict>, BadDetect> {
    if recording.columns.is_empty() {
        return Err(BadDetect::NoChannel);
    }
    let profile = Arc::new(profile(recording));
    let config = AgentConfig {
        name: "detect".to_owned(),
        boot: 1,
        key: None,
        policy: Policy::built_in(),
        machines: vec![MachineConfig::new("recording".to_owned(), profile)],
    };
    let mut feed = Feed { agent: Agent::new(config, Time::ZERO), offset_s: 0.0 };
    let learn = match &baseline {
        Baseline::Recording(b) => b.rows.len(),
        Baseline::Rows(n) => (*n).min(recording.rows.len()),
        Baseline::Default => ((HEALTHY_SHARE * recording.rows.len() as f64) as usize).min(MOST_ROWS),
    };
    if learn < FEWEST_ROWS {
        return Err(BadDetect::TooShort(learn));
    }
    if let Baseline::Recording(b) = &baseline {
        feed.learn_from(b);
    }
    let mut verdicts = Vec::with_capacity(recording.rows.len());
    for (i, row) in recording.rows.iter().enumerate() {
        if i == learn && !matches!(baseline, Baseline::Recording(_)) {
            feed.agent.end_learning();
        }
        verdicts.push(feed.row(recording.seconds[i], row.iter().copied()));
    }
    Ok(verdicts)
}

struct Feed {
    agent: Agent,
    /// Added to a recording's clock, so that the baseline lies before it [s].
    offset_s: f64,
}

impl Feed {
    fn learn_from(&mut self, baseline: &Recording) {
        for (row, s) in baseline.rows.iter().zip(&baseline.seconds) {
            self.row(*s, row.iter().copied());
        }
        self.agent.end_learning();
        self.agent.break_off();
        self.offset_s = baseline.seconds.last().copied().unwrap_or(0.0) + period(baseline);
    }

    fn row(&mut self, second: f64, values: impl Iterator<Item = Option<f64>>) -> RowVerdict {
        let time = Time { ns: ((second + self.offset_s).max(0.0) * 1e9) as u64 };
        let samples = values
            .enumerate()
            .map(|(i, x)| Sample {
                point: PointIx(i as u16),
                value: x.unwrap_or(0.0),
                quality: if x.is_some() { Quality::Good } else { Quality::Bad },
            })
            .collect();
        let machine = MachineIx(0);
        self.agent.handle(time, Input::Frame(Frame { time, machine, samples, records: vec![] }));
        let mut verdict = RowVerdict {
            alarm: false,
            event: false,
            shift: false,
            channel: String::new(),
            why: String::new(),
        };
        while let Some(output) = self.agent.poll() {
            match output {
                Output::Event(e) => {
                    if let Body::IncidentOpened { incident } = e.body {
                        verdict.event |= incident.threat.kind == ThreatKind::SensorFault;
                    }
                }
                Output::Intend(_) | Output::Write(_) => unreachable!("a recording has no set-points"),
            }
        }
        let heard = self.agent.heard(machine);
        (verdict.shift, verdict.event) = (heard.change, verdict.event || heard.news);
        let worst = self.agent.symptoms(machine).into_iter().max_by(|a, b| a.peak.total_cmp(&b.peak));
        if let Some(s) = worst {
            verdict.alarm = true;
            verdict.why = s.text();
            verdict.channel = s.shares.into_iter().next().map_or(s.term.channel, |(first, _)| first);
        }
        verdict
    }
}

/// The recording as a kind of machine: every column a point with every detector, and nothing else known of it.
fn profile(recording: &Recording) -> Profile {
    let period = Span(Duration::from_secs_f64(period(recording)));
    let points = recording
        .columns
        .iter()
        .map(|name| PointSpec {
            id: name.clone(),
            doc: String::new(),
            unit: String::new(),
            role: Role::Measurement,
            data: DataType::F32,
            access: Access::Read,
            period,
            range: [f64::MIN, f64::MAX],
            nominal: None,
            accuracy: 0.0,
            tolerance: 0.0,
            record: None,
            // Of raw columns nobody knows whether they stay where they were: the levels that do not wander are for laws.
            watch: vec![Watch::Stuck],
            only: vec![],
            modbus: None,
            opcua: None,
            mtconnect: None,
            gem: None,
            bacnet: None,
        })
        .collect();
    Profile {
        kind: "recording".to_owned(),
        title: "A recording".to_owned(),
        doc: String::new(),
        // Learning ends where the caller says.
        calibration: Calibration { span: Span(Duration::MAX), min_samples: u32::MAX, multivariate: true },
        regime: None,
        settle: Span::default(),
        modbus: Default::default(),
        opcua: None,
        mtconnect: None,
        gem: None,
        bacnet: None,
        points,
        records: vec![],
        residuals: vec![],
        lives: vec![],
        commands: vec![],
        stop: None,
        signatures: vec![],
    }
}

/// The median time between rows [s]; one second when the clock tells none.
fn period(recording: &Recording) -> f64 {
    let mut gaps: Vec<f64> = recording.seconds.windows(2).map(|w| w[1] - w[0]).filter(|g| *g > 0.0).collect();
    gaps.sort_by(f64::total_cmp);
    gaps.get(gaps.len() / 2).copied().unwrap_or(1.0).clamp(1e-3, 1e7)
}
