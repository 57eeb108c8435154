//! What every tool of the assembly line has besides its process: recipes, lots, an operator's switch, planned work, and
//! the points that say so.

use aegis_models::{Command, PointIx, Profile};

use super::control::{places, show, switch};
use super::magazine::{Duty, Magazine};
use super::recipes::{Recipes, Setting};
use crate::supply::{E10, Quality};
use crate::{Refusal, Step};

/// What the activity point shows while planned work is done, and while the tool is down; a recipe's number while it works.
const MAINTENANCE: f64 = 100.0;
const DOWN: f64 = 101.0;
/// A magazine is exchanged in this time [s].
const EXCHANGE_S: f64 = 10.0;
/// Nominal line voltage [V].
const LINE_V: f64 = 230.0;

/// The common points, in the order of [`StripTool::show`].
const COMMON: [&str; 9] = [
    "recipe",
    "activity",
    "e10_state",
    "working",
    "strips",
    "lots",
    "run_enable",
    "line_voltage",
    "bay_temp",
];

/// A tool that works on strips.
pub(super) struct StripTool<const N: usize> {
    /// What it works by.
    pub recipes: Recipes<N>,
    common: [PointIx; COMMON.len()],
    set: [PointIx; N],
    magazine: Magazine,
    enabled: bool,
    /// Planned work that is left [s] -- state.
    planned_s: f64,
    activity: f64,
    e10: E10,
    strips: f64,
    finished: f64,
}

impl<const N: usize> StripTool<N> {
    /// A tool with these recipes, of which the first runs.
    pub fn new(profile: &Profile, settings: [Setting; N], programs: &[[f64; N]]) -> StripTool<N> {
        let recipes = Recipes::new(settings, programs);
        StripTool {
            common: places(profile, COMMON),
            set: places(profile, recipes.names()),
            recipes,
            magazine: Magazine::new(EXCHANGE_S),
            enabled: true,
            planned_s: 0.0,
            activity: 0.0,
            e10: E10::Standby,
            strips: 0.0,
            finished: 0.0,
        }
    }

    /// Whether it works on a strip in this step.
    pub fn works(&mut self, cx: &Step<'_>) -> bool {
        let running = f64::from(self.recipes.number);
        if self.planned_s > 0.0 && self.enabled {
            self.planned_s -= cx.dt_s;
            (self.activity, self.e10) = (MAINTENANCE, E10::ScheduledDown);
            return false;
        }
        let duty = self.magazine.duty(cx.dt_s, cx.supply, self.enabled);
        if let Duty::Begin(job) = duty {
            self.recipes.load(job.recipe);
        }
        (self.activity, self.e10) = match duty {
            Duty::Begin(_) | Duty::Work => (running, E10::Productive),
            Duty::Exchange => (0.0, E10::Productive),
            Duty::Standby => (0.0, E10::Standby),
            Duty::Down => (DOWN, E10::UnscheduledDown),
        };
        duty == Duty::Work
    }

    /// What earlier steps have made of the lot in work.
    pub fn incoming(&self) -> Quality {
        self.magazine.incoming()
    }

    /// A strip is done, with this share of weak joints.
    pub fn strip_done(&mut self, weak: f64, cx: &mut Step<'_>) {
        self.strips += 1.0;
        if let Some(quality) = self.magazine.strip_done(weak) {
            self.finished += 1.0;
            cx.given.finished = Some(quality);
        }
    }

    /// Planned work begins now and takes that long.
    pub fn plan(&mut self, seconds: f64) {
        self.planned_s = seconds;
    }

    /// Sets the common points and what the tool does.
    pub fn show(&self, cx: &mut Step<'_>) {
        cx.given.e10 = self.e10;
        let values = [
            f64::from(self.recipes.number),
            self.activity,
            self.e10.number(),
            f64::from(self.activity > 0.0 && self.activity < MAINTENANCE),
            self.strips,
            self.finished,
            f64::from(self.enabled),
            LINE_V * cx.supply.mains,
            cx.supply.air.temp_c,
        ];
        show(cx, self.common, values);
        show(cx, self.set, self.recipes.program);
    }

    /// Takes a recipe, a value of its program, or the switch.
    pub fn command(&mut self, c: &Command) -> Result<(), Refusal> {
        match c.point.as_str() {
            "run_enable" => switch(c, &mut self.enabled),
            "recipe" => self.recipes.select(c),
            _ => self.recipes.set(c),
        }
    }
}
