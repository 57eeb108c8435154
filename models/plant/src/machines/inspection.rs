//! A dark-field wafer inspection tool: a laser spot on a turning stage, a detector, and reference spheres on the chuck.
//!
//! ```text
//!   [laser I -> P] -> focus -> spot w -> [wafer: defects] -> light -> [detector gain g] -> counts, bins
//!                                   \--> [reference spheres on the chuck] -> signal: P g / w^2
//!   [stage] jitter <- bearings, floor
//!   load, align, scan, unload; every eight hours a control wafer
//! ```

use aegis_models::physics::gauge::capture_share;
use aegis_models::{Command, PointIx, Record, ThreatKind, Time};

use super::control::{places, refuse, show, switch, take};
use super::lot::Lot;
use crate::{
    E10, FaultSpec, Harm, Job, Kind, Machine, ProcessFault, Quality, Refusal, Setup, Step, Supply,
    UnknownFault,
};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind =
    Kind { name: "inspection", faults: FAULTS, build: |s| Box::new(Inspection::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "laser_weak",
        doc: "the laser ages before its time: more current for the same light, until the light falls",
        unit: "share of its slope that is lost",
        typical: 0.3,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "stage_vibration",
        doc: "the stage's air bearing is rough: jitter of the spot, and a floor as quiet as ever",
        unit: "nm of added jitter",
        typical: 60.0,
        threats: &[ThreatKind::EquipmentDegradation, ThreatKind::BearingFailure],
    },
    FaultSpec {
        name: "detector_drift",
        doc: "the photomultiplier loses gain: defects are missed, and the count looks better than ever",
        unit: "share of the gain that is lost",
        typical: 0.4,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "focus_off",
        doc: "the focus is off: a wider spot, less light in it, and small defects are missed",
        unit: "um of defocus",
        typical: 3.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "incoming_defects",
        doc: "lots arrive with more defects than the line makes: the tool is sound and tells the truth",
        unit: "defects of a wafer beyond those of a sound line",
        typical: 80.0,
        threats: &[ThreatKind::Contamination, ThreatKind::QualityDefect],
    },
];

/// Defects above the threshold on a sound line's wafer, and how many the air of a sound bay adds [1/wafer].
const DEFECTS: f64 = 40.0;
const FROM_AIR: f64 = 2.0;
/// Threshold and smallest defect [nm].
const THRESHOLD_NM: f64 = 60.0;
const SMALLEST_NM: f64 = 45.0;
/// The gauge's own error: wafer by wafer, and lot by lot as the wafer is set up [-].
const REPEATS: f64 = 0.03;
const REPRODUCES: f64 = 0.015;
/// Share of the bins on review [-]: particles, scratches, residues; the rest is pattern.
const BINS: [f64; 3] = [0.55, 0.15, 0.2];
/// Laser: power that is kept [mW], slope of a new one [mW/A], threshold and the most its driver gives [A]; ageing [1/h].
const POWER_MW: f64 = 200.0;
const SLOPE_MW_PER_A: f64 = 80.0;
const THRESHOLD_A: f64 = 0.5;
const MOST_A: f64 = 3.6;
const AGES_PER_H: f64 = 1.0e-5;
/// Diode temperature over the process water at nominal flow [K], and what a kelvin costs in slope [-].
const DIODE_K: f64 = 7.0;
const SLOPE_PER_K: f64 = 0.004;
const DIODE_TAU_S: f64 = 30.0;
/// Signal of the reference spheres at nominal [mV], spot in focus [um], Rayleigh length [um].
const SIGNAL_MV: f64 = 500.0;
const SPOT_UM: f64 = 4.0;
const RAYLEIGH_UM: f64 = 4.0;
/// The gain falls so much in an hour until the next control wafer sets it right [1/h].
const GAIN_PER_H: f64 = 2.0e-4;
/// Jitter of a sound stage [nm], what a um/s of floor beyond class VC-E adds [nm], and what costs half the light [nm].
const JITTER_NM: f64 = 15.0;
const FLOOR_NM: f64 = 4.0;
const HALF_NM: f64 = 250.0;
/// The steps [s]; the record is made so long after the unloading began [s]; the control wafer comes so often [s].
const LOAD_S: f64 = 9.0;
const ALIGN_S: f64 = 8.0;
const SCAN_S: [f64; 2] = [36.0, 60.0];
const UNLOAD_S: f64 = 13.0;
const MEASURE_S: f64 = 8.0;
const EXCHANGE_S: f64 = 20.0;
const CONTROL_EVERY_S: f64 = 28_800.0;
const CONTROL_S: f64 = 180.0;
/// A lot that passes although so many of its defects are missed [-] is an escape; so many such wafers are one.
const MISSED: f64 = 0.2;
const ESCAPE_WAFERS: u32 = 50;

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle = 0,
    Load = 1,
    Align = 2,
    Scan = 3,
    Unload = 4,
    Control = 5,
}

/// Its points, in the order of the values that a step shows.
const POINTS: [&str; 24] = [
    "state",
    "e10_state",
    "recipe",
    "run_enable",
    "wafers",
    "laser_power",
    "laser_power_sp",
    "laser_current",
    "diode_temp",
    "reference_signal",
    "spot_width",
    "focus_error",
    "detector_voltage",
    "dark_signal",
    "stage_jitter",
    "stage_speed",
    "floor_vibration",
    "air_particles",
    "bay_temp",
    "water_in_temp",
    "water_flow",
    "mains_voltage",
    "control_age",
    "control_count",
];

struct Inspection {
    points: [PointIx; POINTS.len()],
    wafer: u16,
    /// This tool against the typical one [-] -- parameter: slope, signal, capture.
    spread: [f64; 3],
    /// Set-point of the laser [mW] -- input.
    power_sp: f64,
    enabled: bool,
    lot: Lot,
    job: Option<Job>,
    recipe: u16,
    phase: Phase,
    /// Time left in the phase [s] -- state.
    left_s: f64,
    measured: bool,
    /// Laser: light [mW], current [A], temperature of the diode [degC], hours of life -- state.
    power: f64,
    current: f64,
    diode_c: f64,
    hours: f64,
    /// Time since the control wafer [s], and what it counted over what it holds [-] -- state.
    control_s: f64,
    control: f64,
    /// How the present lot is set up [-] -- state.
    setup: f64,
    wafers: f64,
    escapes: u32,
    /// Faults.
    weak: f64,
    rough: f64,
    drift: f64,
    defocus: f64,
    incoming: f64,
}

impl Inspection {
    fn new(setup: Setup<'_>) -> Inspection {
        let rng = setup.rng;
        let spread = [rng.between(0.97, 1.03), rng.between(0.97, 1.03), rng.between(0.98, 1.02)];
        let hours = rng.between(0.0, 5_000.0);
        let slope = SLOPE_MW_PER_A * spread[0] * (1.0 - AGES_PER_H * hours);
        Inspection {
            points: places(setup.profile, POINTS),
            wafer: setup.profile.record_ix("wafer").expect("profile inspection has a record wafer"),
            spread,
            power_sp: POWER_MW,
            enabled: true,
            lot: Supply::default()
                .job
                .map_or_else(Lot::default, |job| Lot::begun(job, 1 + (rng.uniform() * 24.0) as u32)),
            job: None,
            recipe: 1,
            phase: Phase::Idle,
            left_s: rng.between(0.0, LOAD_S),
            measured: true,
            power: POWER_MW,
            current: THRESHOLD_A + POWER_MW / slope,
            diode_c: Supply::default().process_water.temp_c + DIODE_K,
            hours,
            control_s: rng.between(0.0, CONTROL_EVERY_S),
            control: 1.0,
            setup: 1.0 + REPRODUCES * rng.normal().clamp(-2.0, 2.0),
            wafers: (rng.uniform() * 5_000.0).floor(),
            escapes: 0,
            weak: 0.0,
            rough: 0.0,
            drift: 0.0,
            defocus: 0.0,
            incoming: 0.0,
        }
    }

    /// The sequence of steps.
    fn advance(&mut self, cx: &mut Step<'_>) {
        self.control_s += cx.dt_s;
        self.hours += cx.dt_s / 3_600.0;
        if !self.enabled || cx.supply.mains < 0.7 {
            (self.phase, self.left_s) = (Phase::Idle, 0.0);
            return;
        }
        self.left_s -= cx.dt_s;
        if self.phase == Phase::Unload && !self.measured && self.left_s <= UNLOAD_S - MEASURE_S {
            self.measured = true;
            self.measure(cx);
        }
        if self.left_s > 0.0 {
            return;
        }
        (self.phase, self.left_s) = match self.phase {
            Phase::Load => (Phase::Align, ALIGN_S),
            Phase::Align => (Phase::Scan, SCAN_S[usize::from(self.recipe == 2)]),
            Phase::Scan => {
                self.measured = false;
                (Phase::Unload, UNLOAD_S)
            }
            Phase::Unload if self.control_s >= CONTROL_EVERY_S => (Phase::Control, CONTROL_S),
            Phase::Control => {
                // What it counts of what it holds, and the gain is set right for what the tool's own ageing took.
                self.control = self.caught() / self.sound() * (1.0 + REPEATS * cx.rng.normal());
                self.control_s = 0.0;
                (Phase::Idle, 0.0)
            }
            Phase::Idle | Phase::Unload => match self.lot.next(cx.supply, cx.dt_s) {
                Some(job) => {
                    (self.job, self.recipe) = (Some(job), job.recipe);
                    (Phase::Load, LOAD_S)
                }
                None => (Phase::Idle, 0.0),
            },
        };
    }

    /// Gain of the detector over that after its last control [-].
    fn gain(&self) -> f64 {
        (1.0 - self.drift) * (1.0 - GAIN_PER_H * self.control_s / 3_600.0)
    }

    /// Spot on the wafer [um]: `w0 sqrt(1 + (z / zR)^2)`.
    fn spot_um(&self) -> f64 {
        let z = self.defocus / RAYLEIGH_UM;
        SPOT_UM * (1.0 + z * z).sqrt()
    }

    /// Light that reaches the detector's output over nominal [-].
    fn light(&self) -> f64 {
        let spot = SPOT_UM / self.spot_um();
        self.power / POWER_MW * self.gain() * spot * spot
    }

    /// Share of a wafer's defects that is caught [-].
    fn caught(&self) -> f64 {
        let jitter = self.rough / HALF_NM;
        capture_share(self.light() / (1.0 + jitter * jitter), THRESHOLD_NM, SMALLEST_NM)
    }

    /// The same of a sound tool [-].
    fn sound(&self) -> f64 {
        capture_share(1.0, THRESHOLD_NM, SMALLEST_NM)
    }

    /// A wafer's record: what is on it as far as the tool sees it, by bins.
    fn measure(&mut self, cx: &mut Step<'_>) {
        let incoming = self.job.map_or_else(Quality::default, |j| j.quality);
        let air = FROM_AIR * cx.supply.air.particles_per_m3 / 400.0;
        let there = DEFECTS - FROM_AIR + air + incoming.defects_per_wafer + self.incoming;
        let share = self.caught() / self.sound();
        let mean = there * share * self.spread[2] * self.setup;
        // Counting statistics and the gauge's repeatability.
        let sigma = (mean + (REPEATS * mean) * (REPEATS * mean)).sqrt();
        let count = (mean + sigma * cx.rng.normal()).round().max(0.0);
        let bins = BINS.map(|b| (count * b + 0.5 * cx.rng.normal()).round().clamp(0.0, count));
        let next_setup = 1.0 + REPRODUCES * cx.rng.normal().clamp(-2.0, 2.0);
        let signal = SIGNAL_MV * self.spread[1] * self.light() * (1.0 + 0.004 * cx.rng.normal());
        let values = vec![
            count,
            bins[0],
            bins[1],
            bins[2],
            signal,
            self.power,
            self.spot_um(),
            self.control_s / 3_600.0,
        ];
        cx.image.records.push(Record { kind: self.wafer, values });
        self.wafers += 1.0;
        if share < 1.0 - MISSED {
            self.escapes += 1;
            if self.escapes == ESCAPE_WAFERS {
                cx.image
                    .harm
                    .push(Harm { what: "bad wafers have passed: the tool has missed their defects" });
            }
        } else {
            self.escapes = 0;
        }
        // It looks, and adds nothing but what falls from the air.
        let got = Quality { defects_per_wafer: (air - FROM_AIR).max(0.0), ..Quality::default() };
        if let Some(quality) = self.lot.done(incoming, got, EXCHANGE_S) {
            self.setup = next_setup;
            cx.given.finished = Some(quality);
        }
    }

    /// The laser and the loop that keeps its light.
    fn shine(&mut self, supply: &Supply, dt_s: f64) {
        let water = &supply.process_water;
        let diode = water.temp_c + DIODE_K / water.flow.max(0.1);
        self.diode_c += (diode - self.diode_c) * (dt_s / (DIODE_TAU_S + dt_s));
        let slope = SLOPE_MW_PER_A
            * self.spread[0]
            * (1.0 - AGES_PER_H * self.hours)
            * (1.0 - self.weak)
            * (1.0 - SLOPE_PER_K * (self.diode_c - 25.0)).max(0.1);
        let on = if self.enabled && supply.mains >= 0.7 { 1.0 } else { 0.0 };
        let wanted = (THRESHOLD_A + self.power_sp / slope.max(1.0)).min(MOST_A) * on;
        self.current += (wanted - self.current) * (dt_s / (0.5 + dt_s));
        self.power = (slope * (self.current - THRESHOLD_A)).max(0.0);
    }

    fn e10(&self) -> E10 {
        match self.phase {
            Phase::Control => E10::ScheduledDown,
            Phase::Idle => E10::Standby,
            _ => E10::Productive,
        }
    }

    fn show(&self, cx: &mut Step<'_>) {
        let supply = cx.supply;
        let scan = self.phase == Phase::Scan;
        let floor = (supply.floor_um_per_s - 3.0).max(0.0);
        let moving = if scan { 1.0 } else { 0.2 };
        let values: [f64; POINTS.len()] = [
            f64::from(self.phase as u8),
            self.e10().number(),
            f64::from(self.recipe),
            f64::from(self.enabled),
            self.wafers,
            self.power,
            self.power_sp,
            self.current,
            self.diode_c,
            SIGNAL_MV * self.spread[1] * self.light(),
            self.spot_um(),
            1_000.0 * self.defocus,
            620.0,
            2.0,
            moving * (JITTER_NM + self.rough) + FLOOR_NM * floor,
            if scan { 4.0 } else { 0.0 },
            supply.floor_um_per_s,
            supply.air.particles_per_m3,
            supply.air.temp_c,
            supply.process_water.temp_c,
            4.0 * supply.process_water.flow,
            230.0 * supply.mains,
            self.control_s / 3_600.0,
            self.control,
        ];
        show(cx, self.points, values);
    }
}

impl Machine for Inspection {
    fn step(&mut self, cx: &mut Step<'_>) {
        self.advance(cx);
        self.shine(cx.supply, cx.dt_s);
        self.show(cx);
        cx.given.takes.water_w = 800.0;
        cx.given.takes.air_w = 500.0;
        cx.given.takes.exhaust_m3_per_s = 0.03;
        cx.given.floor_um_per_s = if self.phase == Phase::Scan { 0.5 } else { 0.1 };
        cx.given.e10 = self.e10();
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "laser_power_sp" => take(c, &mut self.power_sp, [50.0, 250.0]),
            "run_enable" => switch(c, &mut self.enabled),
            _ => refuse(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "laser_weak" => self.weak = size.min(0.95),
            "stage_vibration" => self.rough = size,
            "detector_drift" => self.drift = size.min(0.98),
            "focus_off" => self.defocus = size.min(30.0),
            "incoming_defects" => self.incoming = size,
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.weak, self.rough, self.drift, self.defocus, self.incoming) = (0.0, 0.0, 0.0, 0.0, 0.0);
        (self.control_s, self.control, self.escapes) = (0.0, 1.0, 0);
    }
}
