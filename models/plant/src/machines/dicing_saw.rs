//! A dicing saw: a thin blade on a fast spindle cuts wafer after wafer into dies, under water, on a vacuum chuck.
//!
//! ```text
//!   [spindle n, I] --- [blade: exposure, sharpness, rim] --- kerf b, chips
//!      bearing, T            | water (ultrapure) flow             |
//!      process water                                [chuck: vacuum] wafer, feed v
//!   load, cut, rinse; dressing every 80 wafers, a new blade when its exposure is used up
//! ```

use aegis_models::physics::sawing::{SILICON_J_PER_MM3, power_w, rim_wear_um};
use aegis_models::{Command, PointIx, Profile, Record, ThreatKind, Time};

use super::control::{places, show, switch};
use super::lot::Lot;
use super::recipes::{Recipes, Setting};
use crate::{
    E10, FaultSpec, Harm, Job, Kind, Machine, ProcessFault, Quality, Refusal, Setup, Step, Supply,
    UnknownFault,
};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind =
    Kind { name: "dicing_saw", faults: FAULTS, build: |s| Box::new(DicingSaw::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "blade_worn_early",
        doc: "the blade's bond is too soft: its rim wears many times faster than planned, and cuts a little easier",
        unit: "times the planned wear, beyond the plan",
        typical: 3.0,
        threats: &[ThreatKind::ToolWear],
    },
    FaultSpec {
        name: "blade_chipped",
        doc: "a piece of the rim is gone: light passes the blade, it shakes and chips the dies' edges",
        unit: "share of the rim that is gone",
        typical: 0.1,
        threats: &[ThreatKind::ToolWear, ThreatKind::QualityDefect],
    },
    FaultSpec {
        name: "water_low",
        doc: "a nozzle clogs: less water than told while the line has pressure; the cut takes more power and chips",
        unit: "share of the flow that is lost",
        typical: 0.4,
        threats: &[ThreatKind::CoolantFailure],
    },
    FaultSpec {
        name: "spindle_bearing",
        doc: "the spindle's bearing is damaged: shocks in the envelope band, hardly any velocity, and some warmth",
        unit: "gE of added envelope",
        typical: 2.0,
        threats: &[ThreatKind::BearingFailure],
    },
    FaultSpec {
        name: "chuck_vacuum_leak",
        doc: "the chuck leaks: the wafer is held less and moves under the blade",
        unit: "share of the vacuum that is lost",
        typical: 0.3,
        threats: &[ThreatKind::EquipmentDegradation],
    },
];

/// What a recipe sets: feed [mm/s], speed [rpm], water [l/min].
const SET: [Setting; 3] =
    [("feed_sp", 10.0, 100.0), ("speed_sp", 10_000.0, 40_000.0), ("water_sp", 0.5, 4.0)];
/// Recipes 1 (logic) and 2 (memory, slower and wetter), which the machine has from the start.
const LOGIC: [f64; 3] = [50.0, 30_000.0, 2.0];
const MEMORY: [f64; 3] = [40.0, 30_000.0, 2.2];

/// Blade: diameter and new exposure [mm], where it is changed [mm], what a grinding ratio of it is [-].
const BLADE_MM: f64 = 55.55;
const EXPOSURE_UM: f64 = 800.0;
const CHANGE_UM: f64 = 450.0;
const G_RATIO: f64 = 70_000.0;
/// Kerf of a sound blade and depth of the cut [um], length of all streets [m].
const KERF_UM: f64 = 50.0;
const DEPTH_UM: f64 = 300.0;
const STREETS_M: f64 = 20.0;
/// Spindle: idle current [A], power of an ampere [W/A], what each wafer since dressing adds to the cut's power [-].
const IDLE_A: f64 = 1.2;
const W_PER_A: f64 = 40.0;
const DULLS: f64 = 5.0e-4;
/// Wafers between dressings; dressing and blade change [s].
const DRESS_WAFERS: f64 = 80.0;
const DRESS_S: f64 = 120.0;
const CHANGE_S: f64 = 600.0;
/// After it the spindle runs warm while the blade is dressed [s].
const WARM_S: f64 = 720.0;
/// Chips of a sound cut [um]; what a dry cut and a whole rim add [um], and a loose wafer [um].
const CHIPS_UM: f64 = 6.0;
const DRY_UM: f64 = 9.0;
const RIM_UM: f64 = 120.0;
const LOOSE_UM: f64 = 15.0;
/// Vibration of a sound spindle in the cut [mm/s], its envelope [gE], and what a whole rim adds [mm/s].
const VIBRATION: f64 = 0.5;
const ENVELOPE: f64 = 0.4;
const RIM_MM_S: f64 = 3.0;
/// Light that passes beside a sound rim [%].
const LIGHT_PCT: f64 = 4.0;
/// Vacuum of the chuck below ambient [kPa].
const VACUUM_KPA: f64 = 85.0;
/// Spindle's housing over the process water at nominal flow [K], what a gE of bad bearing adds [K], and its lag [s].
const SPINDLE_K: f64 = 6.0;
const BEARING_K: f64 = 1.5;
const SPINDLE_TAU_S: f64 = 90.0;
/// The steps [s]; the record is made so long after the rinse began [s]; feed at which the cut takes its time [mm/s].
const LOAD_S: f64 = 12.0;
const CUT_S: f64 = 60.0;
const RINSE_S: f64 = 14.0;
const MEASURE_S: f64 = 8.0;
const EXCHANGE_S: f64 = 20.0;
/// Dies with chips beyond this are bad [um]; so many such wafers are a lot. A bearing lasts so long [gE s].
const BAD_UM: f64 = 13.0;
const SCRAP_WAFERS: u32 = 15;
const SEIZURE: f64 = 3.0e4;

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle = 0,
    Load = 1,
    Cut = 2,
    Rinse = 3,
    Dress = 4,
    Change = 5,
}

/// Its points, in the order of the values that a step shows.
const POINTS: [&str; 25] = [
    "state",
    "e10_state",
    "recipe",
    "run_enable",
    "cutting",
    "wafers",
    "feed_sp",
    "speed_sp",
    "water_sp",
    "feed",
    "spindle_speed",
    "spindle_current",
    "spindle_vibration",
    "spindle_envelope",
    "spindle_temp",
    "water_flow",
    "water_pressure",
    "chuck_vacuum",
    "blade_light",
    "blade_left",
    "water_in_temp",
    "cooling_flow",
    "mains_voltage",
    "cut_length",
    "since_dress",
];

struct DicingSaw {
    points: [PointIx; POINTS.len()],
    wafer: u16,
    /// This saw and its material against the typical ones [-] -- parameter: cut, wear, chips.
    spread: [f64; 3],
    /// What it cuts by: feed [mm/s], speed [rpm], water [l/min] -- input.
    recipes: Recipes<3>,
    enabled: bool,
    lot: Lot,
    job: Option<Job>,
    phase: Phase,
    /// Time left in the phase [s] -- state.
    left_s: f64,
    measured: bool,
    speed: f64,
    water: f64,
    vacuum: f64,
    spindle_c: f64,
    current: f64,
    /// Exposure of the blade [um], wafers since dressing, kerf cut with it [m] -- state.
    exposure: f64,
    since_dress: f64,
    cut_m: f64,
    /// Sums over the cut: time [s], current [A], chips [um]; exposure when it began [um] -- state.
    sums: [f64; 3],
    began_um: f64,
    wafers: f64,
    bad: u32,
    shocks: f64,
    seized: bool,
    /// Faults.
    soft: f64,
    chipped: f64,
    clogged: f64,
    bearing: f64,
    leak: f64,
}

impl DicingSaw {
    fn new(setup: Setup<'_>) -> DicingSaw {
        let rng = setup.rng;
        let profile: &Profile = setup.profile;
        let exposure = rng.between(CHANGE_UM + 10.0, EXPOSURE_UM);
        DicingSaw {
            points: places(profile, POINTS),
            wafer: profile.record_ix("wafer").expect("profile dicing_saw has a record wafer"),
            spread: [rng.between(0.97, 1.03), rng.between(0.95, 1.05), rng.between(0.95, 1.05)],
            recipes: Recipes::new(SET, &[LOGIC, MEMORY]),
            enabled: true,
            lot: Supply::default()
                .job
                .map_or_else(Lot::default, |job| Lot::begun(job, 1 + (rng.uniform() * 24.0) as u32)),
            job: None,
            phase: Phase::Idle,
            left_s: rng.between(0.0, LOAD_S),
            measured: true,
            speed: LOGIC[1],
            water: 0.0,
            vacuum: VACUUM_KPA,
            spindle_c: Supply::default().process_water.temp_c + SPINDLE_K,
            current: IDLE_A,
            exposure,
            since_dress: (rng.uniform() * DRESS_WAFERS).floor(),
            cut_m: 0.0,
            sums: [0.0; 3],
            began_um: exposure,
            wafers: (rng.uniform() * 5_000.0).floor(),
            bad: 0,
            shocks: 0.0,
            seized: false,
            soft: 0.0,
            chipped: 0.0,
            clogged: 0.0,
            bearing: 0.0,
            leak: 0.0,
        }
    }

    /// Takes the next piece of the lot, by the recipe that its route asks for where the saw has it.
    fn begin(&mut self, job: Job) -> (Phase, f64) {
        let another = self.job.is_none_or(|j| j.lot != job.lot);
        if another && job.recipe != self.recipes.number {
            self.recipes.load(job.recipe);
        }
        self.job = Some(job);
        (Phase::Load, LOAD_S)
    }

    /// The sequence of steps.
    fn advance(&mut self, cx: &mut Step<'_>) {
        if !self.enabled || self.seized {
            (self.phase, self.left_s) = (Phase::Idle, 0.0);
            return;
        }
        self.left_s -= cx.dt_s;
        if self.phase == Phase::Rinse && !self.measured && self.left_s <= RINSE_S - MEASURE_S {
            self.measured = true;
            self.measure(cx);
        }
        if self.left_s > 0.0 {
            return;
        }
        (self.phase, self.left_s) = match self.phase {
            Phase::Load => {
                (self.sums, self.began_um) = ([0.0; 3], self.exposure);
                (Phase::Cut, CUT_S * LOGIC[0] / self.recipes.program[0].max(1.0))
            }
            Phase::Cut => {
                self.measured = false;
                (Phase::Rinse, RINSE_S)
            }
            Phase::Rinse if self.exposure <= CHANGE_UM => (Phase::Change, CHANGE_S),
            Phase::Rinse if self.since_dress >= DRESS_WAFERS => (Phase::Dress, DRESS_S),
            Phase::Change => {
                // The spindle runs warm with its new blade before it cuts.
                (self.exposure, self.cut_m) = (EXPOSURE_UM, 0.0);
                (Phase::Dress, WARM_S)
            }
            Phase::Dress => {
                self.since_dress = 0.0;
                (Phase::Idle, 0.0)
            }
            Phase::Idle | Phase::Rinse => match self.lot.next(cx.supply, cx.dt_s) {
                Some(job) => self.begin(job),
                None => (Phase::Idle, 0.0),
            },
        };
    }

    /// A wafer's record, what it adds to its lot, and what is lost with it.
    fn measure(&mut self, cx: &mut Step<'_>) {
        let [time_s, current, chips] = self.sums;
        let time = time_s.max(0.1);
        let kerf = KERF_UM + 30.0 * self.chipped + 0.25 * cx.rng.normal();
        let chips = chips / time;
        let shown = chips * (1.0 + 0.05 * cx.rng.normal());
        let wear = (self.began_um - self.exposure).max(0.0) + 0.02 * cx.rng.normal();
        let load = current / time + 0.008 * cx.rng.normal();
        let values =
            vec![kerf, shown.max(0.0), load, wear, self.recipes.program[0], self.since_dress, self.exposure];
        cx.image.records.push(Record { kind: self.wafer, values });
        self.wafers += 1.0;
        self.since_dress += 1.0;
        if chips > BAD_UM {
            self.bad += 1;
            if self.bad == SCRAP_WAFERS {
                cx.image.harm.push(Harm { what: "chips reach into the dies: the lot is scrap" });
            }
        } else {
            self.bad = 0;
        }
        let sound = CHIPS_UM * self.spread[2];
        let got = Quality { chipping_um: (chips - 1.2 * sound).max(0.0), ..Quality::default() };
        let incoming = self.job.map_or_else(Quality::default, |j| j.quality);
        if let Some(quality) = self.lot.done(incoming, got, EXCHANGE_S) {
            cx.given.finished = Some(quality);
        }
    }

    /// Spindle, water, vacuum and the cut.
    fn cut(&mut self, supply: &Supply, dt_s: f64) {
        let cutting = self.phase == Phase::Cut;
        let toward = |now: f64, wanted: f64, tau_s: f64| now + (wanted - now) * (dt_s / (tau_s + dt_s));
        let turns = !self.seized && self.enabled && self.phase != Phase::Change;
        let [feed, speed, water] = self.recipes.program;
        self.speed = toward(self.speed, if turns { speed * supply.mains.min(1.0) } else { 0.0 }, 1.5);
        // The nozzles are fed through a controller that needs two thirds of the line's pressure.
        let line = (supply.upw.pressure_kpa / 200.0).clamp(0.0, 1.0).sqrt();
        let flows = cutting || self.phase == Phase::Dress;
        let flow = if flows { water * line * (1.0 - self.clogged) } else { 0.0 };
        self.water = toward(self.water, flow, 0.8);
        let held = self.phase != Phase::Idle;
        self.vacuum = toward(self.vacuum, if held { VACUUM_KPA * (1.0 - self.leak) } else { 0.0 }, 0.5);
        let wet = (self.water / LOGIC[2]).clamp(0.0, 1.0);
        let turning = self.speed / LOGIC[1];
        self.current = IDLE_A * turning;
        if cutting {
            let dull = 1.0 + DULLS * self.since_dress;
            let soft = 1.0 - 0.05 * (self.soft / 3.0).min(1.0);
            let u = SILICON_J_PER_MM3 * self.spread[0] * dull * soft * (1.0 + 0.3 * (1.0 - wet));
            self.current += power_w(u, KERF_UM + 30.0 * self.chipped, DEPTH_UM, feed) / W_PER_A;
            let step_m = STREETS_M * feed / LOGIC[0] * dt_s / CUT_S;
            let wear = self.spread[1] * (1.0 + self.soft);
            self.exposure =
                (self.exposure - wear * rim_wear_um(step_m, DEPTH_UM, BLADE_MM, G_RATIO)).max(0.0);
            self.cut_m += step_m;
            let loose = ((70.0 - self.vacuum) / 70.0).max(0.0);
            let chips = self.spread[2] * CHIPS_UM * (1.0 + 0.5 * DULLS * self.since_dress)
                + DRY_UM * (1.0 - wet)
                + RIM_UM * self.chipped
                + LOOSE_UM * loose;
            self.sums =
                [self.sums[0] + dt_s, self.sums[1] + self.current * dt_s, self.sums[2] + chips * dt_s];
        }
        let water = &supply.process_water;
        let warm = water.temp_c + (SPINDLE_K + BEARING_K * self.bearing) * turning / water.flow.max(0.1);
        self.spindle_c = toward(self.spindle_c, warm, SPINDLE_TAU_S);
    }

    fn wear(&mut self, cx: &mut Step<'_>) {
        self.shocks += self.bearing * cx.dt_s;
        if (self.shocks > SEIZURE || self.spindle_c > 70.0) && !self.seized {
            self.seized = true;
            cx.image.harm.push(Harm { what: "the spindle has seized" });
        }
    }

    fn e10(&self) -> E10 {
        match self.phase {
            _ if self.seized => E10::UnscheduledDown,
            Phase::Dress | Phase::Change => E10::ScheduledDown,
            Phase::Idle => E10::Standby,
            _ => E10::Productive,
        }
    }

    fn show(&self, cx: &mut Step<'_>) {
        let supply = cx.supply;
        let cutting = self.phase == Phase::Cut;
        let turning = self.speed / LOGIC[1];
        let floor = 0.01 * (supply.floor_um_per_s - 3.0).max(0.0);
        let shakes = turning * (VIBRATION + RIM_MM_S * self.chipped + 0.03 * self.bearing) + floor;
        let [feed, speed, water] = self.recipes.program;
        let values: [f64; POINTS.len()] = [
            f64::from(self.phase as u8),
            self.e10().number(),
            f64::from(self.recipes.number),
            f64::from(self.enabled),
            f64::from(self.e10() == E10::Productive),
            self.wafers,
            feed,
            speed,
            water,
            if cutting { feed } else { 0.0 },
            self.speed,
            self.current,
            shakes,
            turning * (ENVELOPE + self.bearing),
            self.spindle_c,
            self.water,
            supply.upw.pressure_kpa,
            self.vacuum,
            LIGHT_PCT + 100.0 * self.chipped,
            self.exposure,
            supply.process_water.temp_c,
            1.5 * supply.process_water.flow,
            230.0 * supply.mains,
            self.cut_m,
            self.since_dress,
        ];
        show(cx, self.points, values);
    }
}

impl Machine for DicingSaw {
    fn step(&mut self, cx: &mut Step<'_>) {
        self.advance(cx);
        self.cut(cx.supply, cx.dt_s);
        self.wear(cx);
        self.show(cx);
        cx.given.takes.water_w = 40.0 * (self.spindle_c - cx.supply.process_water.temp_c).max(0.0);
        cx.given.takes.air_w = 300.0;
        cx.given.takes.exhaust_m3_per_s = 0.05;
        cx.given.takes.upw_l_per_min = self.water + if self.phase == Phase::Rinse { 2.0 } else { 0.0 };
        cx.given.floor_um_per_s = 0.5 * self.speed / LOGIC[1] + 10.0 * self.chipped + 0.2 * self.bearing;
        cx.given.e10 = self.e10();
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "run_enable" => switch(c, &mut self.enabled),
            "recipe" => self.recipes.select(c),
            _ => self.recipes.set(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "blade_worn_early" => self.soft = size,
            "blade_chipped" => self.chipped = size.min(1.0),
            "water_low" => self.clogged = size.min(1.0),
            "spindle_bearing" => self.bearing = size,
            "chuck_vacuum_leak" => self.leak = size.min(1.0),
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.soft, self.chipped, self.clogged, self.bearing, self.leak) = (0.0, 0.0, 0.0, 0.0, 0.0);
        (self.exposure, self.cut_m, self.since_dress, self.bad) = (EXPOSURE_UM, 0.0, 0.0, 0);
        (self.shocks, self.seized) = (0.0, false);
    }
}
