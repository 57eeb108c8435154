//! How a tool's time and a line's lots are counted.

use aegis_plant::{E10, Quality};
use serde::Serialize;

/// What a line has made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LineMetrics {
    /// How long was measured [s].
    pub span_s: f64,
    /// Lots completed.
    pub completed: u32,
    /// Lots lost.
    pub lost: u32,
    /// Lots an hour [1/h].
    pub throughput_per_h: f64,
    /// Carriers brought to their places an hour [1/h].
    pub carried_per_h: f64,
    /// From release to completion, mean over the completed that were released in the run [s].
    pub cycle_time_s: f64,
    /// Lots under way, mean over time.
    pub wip: f64,
}

/// How a tool has spent its time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolMetrics {
    /// The machine.
    pub machine: String,
    /// Time in each state of SEMI E10, by its number less one [s].
    pub e10_s: [f64; 6],
    /// Standby with nothing to work on [s].
    pub starved_s: f64,
    /// Standby because what is done cannot leave [s].
    pub blocked_s: f64,
    /// Lots finished.
    pub lots: u32,
    /// Overall equipment efficiency.
    pub oee: Oee,
}

/// What a line has made, and with what.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Production {
    /// The line.
    pub line: LineMetrics,
    /// Its tools, in the order of the routes.
    pub tools: Vec<ToolMetrics>,
}

/// Overall equipment efficiency and its factors, each in [0, 1] (SEMI E79-0304).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Oee {
    /// Uptime over all time (availability efficiency).
    pub availability: f64,
    /// Productive time over uptime (operational efficiency).
    pub operational: f64,
    /// Theoretical over actual production time (rate efficiency); the tool's own best pace is the theoretical one.
    pub rate: f64,
    /// Good over all pieces (quality efficiency).
    pub quality: f64,
}

impl Oee {
    /// The product of the four.
    pub fn overall(self) -> f64 {
        self.availability * self.operational * self.rate * self.quality
    }
}

/// Counts a tool's time.
#[derive(Default)]
pub(super) struct ToolClock {
    e10_s: [f64; 6],
    starved_s: f64,
    blocked_s: f64,
    lots: u32,
    pieces: f64,
    good: f64,
    /// Pieces of lots whose work was all seen.
    paced: f64,
    /// Productive time of the lot in work, and of those [s].
    lot_s: f64,
    finished_s: f64,
    /// Its best pace so far [s a piece].
    best_s: Option<f64>,
}

impl ToolClock {
    /// One step in that state, with nothing in work or with done lots that fill their places.
    pub fn tick(&mut self, dt_s: f64, state: E10, empty: bool, blocked: bool) {
        self.e10_s[state as usize - 1] += dt_s;
        match state {
            E10::Standby if empty => self.starved_s += dt_s,
            E10::Standby if blocked => self.blocked_s += dt_s,
            E10::Productive => self.lot_s += dt_s,
            _ => {}
        }
    }

    /// A lot of so many pieces is finished. What was found at work says nothing of the pace.
    pub fn finish(&mut self, pieces: u32, found: bool, was: Quality, is: Quality, dies_per_wafer: f64) {
        let n = f64::from(pieces);
        let killed = (is.defects_per_wafer - was.defects_per_wafer).max(0.0) / dies_per_wafer;
        let weak = (is.weak_joints - was.weak_joints).max(0.0);
        self.good += n * (1.0 - (killed + weak).min(1.0));
        let lot_s = std::mem::take(&mut self.lot_s);
        (self.pieces, self.lots) = (self.pieces + n, self.lots + 1);
        if !found {
            self.best_s = Some(self.best_s.map_or(lot_s / n, |b| b.min(lot_s / n)));
            (self.paced, self.finished_s) = (self.paced + n, self.finished_s + lot_s);
        }
    }

    /// Counts anew. The best pace is the tool's own and stays.
    pub fn forget(&mut self) {
        let (best_s, lot_s) = (self.best_s, self.lot_s);
        *self = ToolClock { best_s, lot_s, ..ToolClock::default() };
    }

    pub fn metrics(&self, machine: &str) -> ToolMetrics {
        let of = |state: E10| self.e10_s[state as usize - 1];
        // All but non-scheduled time is operations time (SEMI E10-0304, 5).
        let total = self.e10_s.iter().sum::<f64>() - of(E10::NonScheduled);
        let up = of(E10::Productive) + of(E10::Standby) + of(E10::Engineering);
        let share = |part: f64, whole: f64| if whole > 0.0 { (part / whole).min(1.0) } else { 0.0 };
        ToolMetrics {
            machine: machine.to_owned(),
            e10_s: self.e10_s,
            starved_s: self.starved_s,
            blocked_s: self.blocked_s,
            lots: self.lots,
            oee: Oee {
                availability: share(up, total),
                operational: share(of(E10::Productive), up),
                rate: share(self.best_s.unwrap_or(0.0) * self.paced, self.finished_s),
                quality: share(self.good, self.pieces),
            },
        }
    }
}

/// Counts a line's lots.
#[derive(Default)]
pub(super) struct LineClock {
    span_s: f64,
    lot_s: f64,
    completed: u32,
    timed: u32,
    cycle_s: f64,
    pub lost: u32,
    pub carried: u32,
}

impl LineClock {
    /// One step with so many lots under way.
    pub fn tick(&mut self, dt_s: f64, wip: usize) {
        self.span_s += dt_s;
        self.lot_s += dt_s * wip as f64;
    }

    /// A lot is complete, so long after its release.
    pub fn complete(&mut self, cycle_s: Option<f64>) {
        self.completed += 1;
        if let Some(cycle_s) = cycle_s {
            self.timed += 1;
            self.cycle_s += cycle_s;
        }
    }

    pub fn metrics(&self) -> LineMetrics {
        let per = |sum: f64, n: f64| if n > 0.0 { sum / n } else { 0.0 };
        LineMetrics {
            span_s: self.span_s,
            completed: self.completed,
            lost: self.lost,
            throughput_per_h: per(3_600.0 * f64::from(self.completed), self.span_s),
            carried_per_h: per(3_600.0 * f64::from(self.carried), self.span_s),
            cycle_time_s: per(self.cycle_s, f64::from(self.timed)),
            wip: per(self.lot_s, self.span_s),
        }
    }
}
