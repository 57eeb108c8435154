//! A scanner at 193 nm with its track: wafer after wafer, each with a record of overlay, focus, dose and line width.
//!
//! ```text
//!   [laser HV, gas] -> pulse E -> dose --> [reticle, haze] --> dose at the wafer
//!                                              |
//!                          [ lens ]  x1, x2 = heat of the light, corrected; T by process water
//!                                              |
//!   [floor] -> mounts -> [ stage, chuck ] settle, motion, spots --> overlay, CD = CD0 + a E + b F^2
//!   load 10 s, align 14 s, expose 36 s
//! ```

use aegis_models::physics::excimer::Excimer;
use aegis_models::physics::imaging::Bossung;
use aegis_models::physics::overlay::{LensHeating, air_path_nm, wafer_growth_nm};
use aegis_models::{Command, PointIx, Record, Rng, ThreatKind, Time};

use super::control::{places, refuse, show, switch, take};
use super::lot::Lot;
use crate::{
    E10, FaultSpec, Harm, Job, Kind, Machine, ProcessFault, Quality, Refusal, Setup, Step, Supply,
    UnknownFault,
};
use stage::Stage;

mod stage;
#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind =
    Kind { name: "lithography", faults: FAULTS, build: |s| Box::new(Lithography::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "lens_heating_uncorrected",
        doc: "the lens model no longer corrects what the light heats: focus and magnification go with the duty",
        unit: "share of the correction that is lost",
        typical: 0.8,
        threats: &[ThreatKind::ThermalDrift],
    },
    FaultSpec {
        name: "dose_drift",
        doc: "the laser's chamber ages: the voltage rises to its end, then pulses and dose fall short",
        unit: "share of the laser's gain that is lost",
        typical: 0.3,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "focus_offset",
        doc: "the level sensor reads the resist's surface wrong: images print out of a focus that it calls good",
        unit: "nm of focus",
        typical: 120.0,
        threats: &[ThreatKind::QualityDefect, ThreatKind::SensorFault],
    },
    FaultSpec {
        name: "stage_bearing",
        doc: "an air bearing loses stiffness and damping: the stage settles late and trembles in the scan",
        unit: "share of the damping that is lost",
        typical: 0.5,
        threats: &[ThreatKind::EquipmentDegradation, ThreatKind::BearingFailure],
    },
    FaultSpec {
        name: "chuck_contamination",
        doc: "a particle between wafer and chuck: a spot stands out of focus on every wafer",
        unit: "nm of height at the spot",
        typical: 200.0,
        threats: &[ThreatKind::Contamination],
    },
    FaultSpec {
        name: "reticle_haze",
        doc: "salts grow on the reticle: less light passes, and lines print wide at a dose that reads right",
        unit: "share of the light that is lost",
        typical: 0.08,
        threats: &[ThreatKind::Contamination],
    },
];

/// What a recipe sets.
#[derive(Clone, Copy)]
struct Program {
    /// Dose [mJ/cm2].
    dose_mj: f64,
    /// Light on the lens over that of recipe 1 [-].
    power: f64,
}

/// Recipes 1 (gate) and 2 (contact); any other number runs as the first.
const PROGRAMS: [Program; 2] = [Program { dose_mj: 28.0, power: 1.0 }, Program { dose_mj: 34.0, power: 0.7 }];
/// Dose that recipe 1 takes [mJ/cm2], and the line it prints: 10 % of the width for 10 % of dose or a tenth of a micrometre.
const LINE: Bossung =
    Bossung { best_nm: 65.0, dose_mj_per_cm2: 28.0, dose_nm: -65.0, focus_nm_per_um2: 650.0 };
/// Laser: 10 mJ at 1,600 V; gas is renewed after 100 million pulses, 4 kHz while it exposes.
const LASER: Excimer = Excimer { energy_mj: 10.0, voltage_v: 1_600.0, exponent: 3.0, per_mpulse: 0.0012 };
const HIGHEST_V: f64 = 1_760.0;
const GAS_LIFE_MPULSE: f64 = 100.0;
const MPULSE_PER_S: f64 = 0.004;
/// Lens: focus shift at the duty of recipe 1 without correction, in two parts; the magnification that goes with it
/// [ppm/nm]; and what the lens model leaves of both [-].
const LENS: LensHeating = LensHeating { shift_nm: [200.0, 100.0], tau_s: [300.0, 1_800.0] };
const PPM_PER_NM: f64 = 0.003;
const UNCORRECTED: f64 = 0.02;
/// Lens body: set temperature [degC]; the cooler reaches it with water up to this much below [K]; its time constant [s];
/// focus and magnification for a kelvin off [nm/K, ppm/K].
const LENS_C: f64 = 22.0;
const COOLER_K: f64 = 2.6;
const LENS_TAU_S: f64 = 400.0;
const LENS_NM_PER_K: f64 = 40.0;
const LENS_PPM_PER_K: f64 = 1.0;
/// Air around stage and lens: the share of a change of the bay that comes through, and its time constant [s].
const ENCLOSURE_SHARE: f64 = 0.03;
const ENCLOSURE_TAU_S: f64 = 600.0;
/// Share of a wafer's growth that alignment leaves, half the field, radius, and the interferometer's path [mm]; time from
/// alignment to the middle of exposure [s].
const ALIGNMENT_LEAVES: f64 = 0.1;
const HALF_FIELD_MM: f64 = 13.0;
const RADIUS_MM: f64 = 150.0;
const PATH_MM: f64 = 300.0;
const ALIGN_TO_EXPOSE_S: f64 = 25.0;
/// Overlay of a sound tool: one sigma over the fields [nm], and the mean that its grid keeps [nm].
const FIELD_SIGMA_NM: f64 = 2.2;
const GRID_NM: f64 = 1.0;
/// Height of the worst spot of a clean chuck [nm].
const CLEAN_SPOT_NM: f64 = 28.0;
/// A wafer is out of its limits beyond these; so many in a row are a lot to be stripped and done again.
const LIMIT_CD_NM: f64 = 4.5;
const LIMIT_OVERLAY_NM: f64 = 12.0;
const LIMIT_SPOT_NM: f64 = 150.0;
const LOST_WAFERS: u32 = 10;
/// The steps of a wafer, change of a carrier, renewal of the gas, and restart after the mains failed [s].
const LOAD_S: f64 = 10.0;
const ALIGN_S: f64 = 14.0;
const EXPOSE_S: f64 = 36.0;
const CARRIER_S: f64 = 20.0;
const REFILL_S: f64 = 300.0;
const RESTART_S: f64 = 600.0;
/// The record comes so long before the exposure ends [s].
const REPORT_S: f64 = 1.5;
/// Below this share of the mains the laser's supply trips [-] (SEMI F47: 0.5 for 0.2 s, 0.7 for 0.5 s; this one holds less).
const TRIP_MAINS: f64 = 0.8;

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle = 0,
    Load = 1,
    Align = 2,
    Expose = 3,
    Refill = 4,
}

const POINTS: [&str; 21] = [
    "state",
    "e10_state",
    "run_enable",
    "wafers",
    "dose_adj",
    "focus_sp",
    "gas_age",
    "pulse_energy",
    "laser_voltage",
    "stage_motion",
    "settle_time",
    "floor_velocity",
    "lens_temp",
    "enclosure_temp",
    "bay_temp",
    "water_temp",
    "water_flow",
    "developer_pressure",
    "exhaust_pressure",
    "mains_voltage",
    "bay_vapour",
];

struct Lithography {
    points: [PointIx; POINTS.len()],
    wafer: u16,
    /// Gain of this laser, height of this chuck's worst spot [-, nm] -- parameters.
    gain: f64,
    clean_nm: f64,
    stage: Stage,
    /// Set-points -- input.
    enabled: bool,
    dose_adj_pct: f64,
    focus_sp_nm: f64,
    phase: Phase,
    /// Time left in the phase [s], and whether the wafer's record is out -- state.
    left_s: f64,
    reported: bool,
    lot: Lot,
    job: Option<Job>,
    recipe: usize,
    wafers: f64,
    gas_age: f64,
    voltage_v: f64,
    pulse_mj: f64,
    /// Parts of the lens's focus shift before correction [nm] -- state.
    lens_nm: [f64; 2],
    lens_c: f64,
    enclosure_c: f64,
    /// Change of the enclosure's temperature [K/s] -- state.
    gradient: f64,
    /// Dirt that the bay's air leaves on the chuck [nm] -- state.
    dirt_nm: f64,
    down_s: f64,
    bad: u32,
    /// Faults.
    uncorrected: f64,
    laser: f64,
    level_nm: f64,
    spot_nm: f64,
    haze: f64,
    /// Nobody renews the gas.
    skipped: bool,
}

impl Lithography {
    fn new(setup: Setup<'_>) -> Lithography {
        let rng: &mut Rng = setup.rng;
        let job = Supply::default().job.expect("work without end");
        let duty = EXPOSE_S / (LOAD_S + ALIGN_S + EXPOSE_S);
        Lithography {
            points: places(setup.profile, POINTS),
            wafer: setup.profile.record_ix("wafer").expect("profile lithography has a record wafer"),
            gain: rng.between(0.99, 1.01),
            stage: Stage::new(rng),
            clean_nm: CLEAN_SPOT_NM * rng.between(0.9, 1.1),
            enabled: true,
            dose_adj_pct: 0.0,
            focus_sp_nm: 0.0,
            phase: Phase::Load,
            left_s: rng.between(1.0, LOAD_S),
            reported: false,
            lot: Lot::begun(job, 1 + (rng.uniform() * f64::from(job.pieces)) as u32),
            job: Some(job),
            recipe: 0,
            wafers: (rng.uniform() * 5_000.0).floor(),
            gas_age: rng.between(0.0, 0.9 * GAS_LIFE_MPULSE),
            voltage_v: LASER.voltage_v,
            pulse_mj: 0.0,
            lens_nm: LENS.shift_nm.map(|a| a * duty),
            lens_c: LENS_C,
            enclosure_c: LENS_C,
            gradient: 0.0,
            dirt_nm: 0.0,
            down_s: 0.0,
            bad: 0,
            uncorrected: 0.0,
            laser: 0.0,
            level_nm: 0.0,
            spot_nm: 0.0,
            haze: 0.0,
            skipped: false,
        }
    }

    /// The steps of a wafer.
    fn advance(&mut self, cx: &mut Step<'_>) {
        if cx.supply.mains < TRIP_MAINS {
            self.down_s = RESTART_S;
        }
        self.down_s = (self.down_s - cx.dt_s).max(0.0);
        if !self.enabled || self.down_s > 0.0 {
            self.phase = Phase::Idle;
            self.left_s = 0.0;
            return;
        }
        self.left_s -= cx.dt_s;
        if self.phase == Phase::Expose && !self.reported && self.left_s <= REPORT_S {
            self.reported = true;
            self.report(cx);
        }
        if self.left_s > 0.0 {
            return;
        }
        (self.phase, self.left_s) = match self.phase {
            Phase::Load => (Phase::Align, ALIGN_S),
            Phase::Align => (Phase::Expose, EXPOSE_S),
            Phase::Expose | Phase::Idle | Phase::Refill => self.take(cx),
        };
        self.reported &= self.phase == Phase::Expose;
    }

    /// The next wafer, when there is one.
    fn take(&mut self, cx: &mut Step<'_>) -> (Phase, f64) {
        if self.gas_age >= GAS_LIFE_MPULSE && self.phase == Phase::Expose && !self.skipped {
            self.gas_age = 0.0;
            return (Phase::Refill, REFILL_S);
        }
        self.job = self.lot.next(cx.supply, cx.dt_s);
        let Some(job) = self.job else { return (Phase::Idle, 0.0) };
        self.recipe = usize::from(job.recipe == 2);
        // Grippers are not clocks.
        (Phase::Load, LOAD_S * cx.rng.between(0.95, 1.05))
    }

    /// Laser: its voltage follows the energy that is asked, as far as it goes.
    fn pulse(&mut self, dt_s: f64) {
        if self.phase != Phase::Expose {
            self.pulse_mj = 0.0;
            return;
        }
        self.gas_age += MPULSE_PER_S * dt_s;
        let gain = self.gain * (1.0 - self.laser);
        let asked = LASER.voltage_for(LASER.energy_mj, gain, self.gas_age).min(HIGHEST_V);
        self.voltage_v = asked;
        self.pulse_mj =
            if asked < HIGHEST_V { LASER.energy_mj } else { gain * LASER.pulse_mj(asked, self.gas_age) };
    }

    /// Lens, enclosure and stage.
    fn drift(&mut self, supply: &Supply, dt_s: f64) {
        let power = if self.phase == Phase::Expose {
            PROGRAMS[self.recipe].power * (1.0 - self.haze) * self.pulse_mj / LASER.energy_mj
        } else {
            0.0
        };
        self.lens_nm = LENS.after(self.lens_nm, power, dt_s);
        // The cooler gives what the lens needs as long as its water is cold enough; less flow warms it on its way.
        let reach = supply.process_water.temp_c + COOLER_K / supply.process_water.flow.max(0.1);
        self.lens_c += (reach.max(LENS_C) - self.lens_c) * (dt_s / (LENS_TAU_S + dt_s));
        let around = LENS_C + ENCLOSURE_SHARE * (supply.air.temp_c - 21.0) + 0.1 * (self.lens_c - LENS_C);
        self.gradient = (around - self.enclosure_c) / (ENCLOSURE_TAU_S + dt_s);
        self.enclosure_c += self.gradient * dt_s;
        self.stage.scan(supply.floor_um_per_s);
    }

    /// Focus shift and magnification that reach the wafer from the lens [nm, ppm].
    fn lens_leaves(&self) -> (f64, f64) {
        let left = UNCORRECTED + (1.0 - UNCORRECTED) * self.uncorrected;
        let heated = left * (self.lens_nm[0] + self.lens_nm[1]);
        let warm = self.lens_c - LENS_C;
        (heated + LENS_NM_PER_K * warm, PPM_PER_NM * heated + LENS_PPM_PER_K * warm)
    }

    /// Overlay along one axis, mean and three sigma [nm]: what is the same on every field adds, the rest as squares.
    fn overlay_nm(&self, ppm: f64, vary: f64) -> f64 {
        let warm = self.enclosure_c - LENS_C;
        let since = self.gradient * ALIGN_TO_EXPOSE_S;
        let edge = ALIGNMENT_LEAVES * wafer_growth_nm(RADIUS_MM, warm)
            + wafer_growth_nm(RADIUS_MM, since)
            + air_path_nm(PATH_MM, since);
        let sigma = (FIELD_SIGMA_NM * FIELD_SIGMA_NM + self.stage.motion_nm * self.stage.motion_nm).sqrt();
        // A part in a million of half a field's millimetres is as many nanometres.
        GRID_NM + edge.abs() + HALF_FIELD_MM * ppm.abs() + 3.0 * sigma * (1.0 + vary)
    }

    /// The wafer's record, in the order of the profile's fields, and what it adds to its lot.
    fn report(&mut self, cx: &mut Step<'_>) {
        let noise: [f64; 8] = std::array::from_fn(|_| cx.rng.normal());
        let program = PROGRAMS[self.recipe];
        let dose = program.dose_mj * (1.0 + self.dose_adj_pct / 100.0) * self.pulse_mj / LASER.energy_mj;
        let (lens_nm, ppm) = self.lens_leaves();
        // A set-point moves the image; the level sensor's error moves it unseen.
        let level = self.focus_sp_nm + 2.0 * noise[0];
        let image = level + lens_nm + self.level_nm;
        let at_wafer = dose * (1.0 - self.haze) * (28.0 / program.dose_mj);
        let developer = 0.05 * (180.0 - cx.supply.chemical_kpa).max(0.0);
        let width =
            LINE.width_nm(at_wafer, image) + 5.0 * cx.supply.air.vapour_ppm + developer + 0.3 * noise[1];
        let (x, y) = (self.overlay_nm(ppm, 0.02 * noise[2]), self.overlay_nm(ppm, 0.02 * noise[3]));
        let settle_ms = self.stage.settle_ms() * (1.0 + 0.002 * noise[4]);
        let falls = (cx.supply.air.particles_per_m3 / 400.0 - 1.0).max(0.0);
        self.dirt_nm += 0.01 * falls;
        let spot = self.clean_nm * (1.0 + 0.05 * noise[5]) + self.dirt_nm + self.spot_nm;
        let ppm = ppm + 0.01 * noise[6];
        let lens_nm = lens_nm + 0.3 * noise[7];
        let values =
            vec![x, y, level, image, lens_nm, ppm, dose, width, settle_ms, spot, 100.0 * (1.0 - self.haze)];
        cx.image.records.push(Record { kind: self.wafer, values });
        self.wafers += 1.0;
        let (off, overlay) = ((width - LINE.best_nm).abs(), x.max(y));
        let added = Quality {
            overlay_nm: (overlay - 10.0).max(0.0),
            cd_nm: (off - 2.0).max(0.0),
            defects_per_wafer: 0.05 * falls + 0.02 * (spot - 60.0).max(0.0),
            ..Quality::default()
        };
        let incoming = self.job.map(|j| j.quality).unwrap_or_default();
        cx.given.finished = self.lot.done(incoming, added, CARRIER_S);
        let out = off > LIMIT_CD_NM || overlay > LIMIT_OVERLAY_NM || spot > LIMIT_SPOT_NM;
        self.bad = if out { self.bad + 1 } else { 0 };
        if self.bad == LOST_WAFERS {
            cx.image.harm.push(Harm { what: "ten wafers in a row are out of their limits: the lot is lost" });
        }
    }

    fn e10(&self) -> E10 {
        match self.phase {
            Phase::Refill => E10::ScheduledDown,
            Phase::Idle if self.down_s > 0.0 => E10::UnscheduledDown,
            Phase::Idle => E10::Standby,
            _ => E10::Productive,
        }
    }

    fn show(&self, cx: &mut Step<'_>) {
        let supply = cx.supply;
        let at_work = !matches!(self.phase, Phase::Idle | Phase::Refill);
        let state = self.phase as u8 + if at_work { 10 * self.recipe as u8 } else { 0 };
        let values: [f64; POINTS.len()] = [
            f64::from(state),
            self.e10().number(),
            f64::from(self.enabled),
            self.wafers,
            self.dose_adj_pct,
            self.focus_sp_nm,
            self.gas_age,
            self.pulse_mj,
            if self.phase == Phase::Expose { self.voltage_v } else { 0.0 },
            self.stage.motion_nm,
            if self.phase == Phase::Expose { self.stage.settle_ms() } else { 0.0 },
            supply.floor_um_per_s,
            self.lens_c,
            self.enclosure_c,
            supply.air.temp_c,
            supply.process_water.temp_c,
            15.0 * supply.process_water.flow,
            supply.chemical_kpa,
            supply.exhaust_pa,
            400.0 * supply.mains,
            supply.air.vapour_ppm,
        ];
        show(cx, self.points, values);
    }
}

impl Machine for Lithography {
    fn step(&mut self, cx: &mut Step<'_>) {
        self.advance(cx);
        self.pulse(cx.dt_s);
        self.drift(cx.supply, cx.dt_s);
        self.show(cx);
        let working = self.e10() == E10::Productive;
        let takes = &mut cx.given.takes;
        takes.water_w = if working { 12_000.0 } else { 6_000.0 };
        takes.air_w = 2_500.0;
        takes.exhaust_m3_per_s = 0.12;
        takes.fumes = if working { 0.3 } else { 0.1 };
        takes.upw_l_per_min = if working { 2.0 } else { 0.2 };
        takes.chemical_l_per_min = if working { 0.05 } else { 0.0 };
        cx.given.floor_um_per_s = if working { 0.4 } else { 0.1 };
        cx.given.e10 = self.e10();
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "dose_adj" => take(c, &mut self.dose_adj_pct, [-10.0, 10.0]),
            "focus_sp" => take(c, &mut self.focus_sp_nm, [-200.0, 200.0]),
            "run_enable" => switch(c, &mut self.enabled),
            _ => refuse(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "lens_heating_uncorrected" => self.uncorrected = size.min(1.0),
            "dose_drift" => self.laser = size.min(0.9),
            "focus_offset" => self.level_nm = size,
            "stage_bearing" => self.stage.bearing = size.min(0.8),
            "chuck_contamination" => self.spot_nm = size,
            "reticle_haze" => self.haze = size.min(0.9),
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn skip_maintenance(&mut self, skip: bool) -> bool {
        self.skipped = skip;
        true
    }

    fn service(&mut self) {
        (self.uncorrected, self.laser, self.level_nm) = (0.0, 0.0, 0.0);
        (self.stage.bearing, self.spot_nm, self.haze) = (0.0, 0.0, 0.0);
        (self.gas_age, self.dirt_nm, self.bad) = (0.0, 0.0, 0);
    }
}
