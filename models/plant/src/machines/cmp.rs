//! A polisher: one wafer under a carrier on a turning pad, with slurry, a conditioner and a rinse.
//!
//! ```text
//!   slurry line -> [pump] -> flow --.      carrier: membrane P, leak
//!                                   v         |
//!   [ platen n, I, T ]  pad: texture g <--- wafer: r = Kp(g, slurry) P v
//!        bearing            ^ conditioner (torque)
//!   load, polish, rinse (ultrapure water); pad and disk are changed together
//! ```

use aegis_models::physics::polishing::{
    OXIDE_PER_PA, force_n, platen_current_a, removal_nm_per_min, sliding_m_per_s, texture_after,
};
use aegis_models::physics::thermal::lumped_after;
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
pub(super) const KIND: Kind = Kind { name: "cmp", faults: FAULTS, build: |s| Box::new(Cmp::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "pad_glazed",
        doc: "the pad's asperities flatten: less removal and less friction, with slurry and conditioner as ever",
        unit: "share of the texture that is lost",
        typical: 0.3,
        threats: &[ThreatKind::ToolWear],
    },
    FaultSpec {
        name: "slurry_starved",
        doc: "the tool's slurry nozzle clogs: flow falls behind its set-point, the pad runs dry and warm",
        unit: "share of the flow that is lost",
        typical: 0.5,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "carrier_membrane_leak",
        doc: "the carrier's membrane leaks: air flows through it, the edge is pressed less and polished less",
        unit: "sccm of air",
        typical: 150.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "conditioner_worn",
        doc: "the disk's diamonds are dull before their time: it cuts with less torque, and the pad glazes in the end",
        unit: "share of its cutting that is lost",
        typical: 0.5,
        threats: &[ThreatKind::ToolWear],
    },
    FaultSpec {
        name: "platen_bearing",
        doc: "the platen's bearing spalls: vibration rises, and the drive needs a little more current",
        unit: "mm/s of added velocity",
        typical: 3.0,
        threats: &[ThreatKind::BearingFailure],
    },
];

/// Wafer [m], its distance from the platen's axis [m], nominal speed [rpm], pressure [kPa] and slurry flow [ml/min].
const WAFER_M: f64 = 0.3;
const OFFSET_M: f64 = 0.09;
const SPEED_RPM: f64 = 90.0;
const PRESSURE_KPA: f64 = 28.0;
const SLURRY_ML: f64 = 250.0;
/// Slurry pressure at which the pump still gives its flow [kPa].
const SLURRY_LEAST_KPA: f64 = 120.0;
/// Friction of oxide on an open wet pad [-], what a glazed one keeps of it [-], and what a dry one adds [-].
const FRICTION: f64 = 0.35;
const GLAZED_KEEPS: f64 = 0.6;
const DRY_ADDS: f64 = 0.4;
/// Platen drive: idle current [A], torque of an ampere after the gear [Nm/A], and what a mm/s of bad bearing adds [A].
const IDLE_A: f64 = 6.0;
const NM_PER_A: f64 = 8.0;
const BEARING_A: f64 = 0.15;
/// Pad texture: glazing under nominal load and opening by a sound disk [1/s]; together they keep it at 0.9.
const GLAZES_PER_S: f64 = 0.002;
const OPENS_PER_S: f64 = 0.018;
const OPEN: f64 = 0.9;
/// Torque of a sound conditioner [Nm].
const DISK_NM: f64 = 4.0;
/// Planned life of pad and disk [wafers], what each wafer costs in removal [-] and of the disk's cutting [-], and the
/// change with its break-in [s].
const PAD_WAFERS: f64 = 600.0;
const WEAR_PER_WAFER: f64 = 5.0e-5;
const DISK_PER_WAFER: f64 = 5.0e-5;
const CHANGE_S: f64 = 900.0;
/// Heat of the pad: capacity [J/K], to the platen's water and to slurry and air [W/K], share of the friction that stays.
const PAD_J_PER_K: f64 = 900.0;
const WATER_W_PER_K: f64 = 35.0;
const SLURRY_W_PER_K: f64 = 12.0;
const STAYS: f64 = 0.8;
/// Membrane: what its regulator can feed against a leak [sccm] before the pressure falls, and its own flow [sccm].
const FEEDS_SCCM: f64 = 300.0;
const SOUND_SCCM: f64 = 4.0;
/// What a sccm of leak takes from the edge's pressure [-].
const EDGE_PER_SCCM: f64 = 4.0e-4;
/// Rinse with ultrapure water at nominal pressure [l/min].
const RINSE_L_PER_MIN: f64 = 8.0;
/// Vibration of a sound platen that polishes, and that turns empty [mm/s].
const POLISH_MM_S: f64 = 1.2;
const TURN_MM_S: f64 = 0.6;
/// The steps [s]; the record is made so long after the rinse began [s].
const LOAD_S: f64 = 12.0;
const POLISH_S: [f64; 2] = [50.0, 70.0];
const RINSE_S: f64 = 14.0;
const MEASURE_S: f64 = 8.0;
const EXCHANGE_S: f64 = 20.0;
/// Beyond these a wafer is bad: removal over nominal less one [-], non-uniformity [%]; so many of them are a lot.
const BAD: (f64, f64) = (0.12, 8.0);
const SCRAP_WAFERS: u32 = 15;
/// A platen's bearing seizes after so much of added velocity and time [mm/s x s].
const SEIZURE: f64 = 3.0e4;

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle = 0,
    Load = 1,
    Polish = 2,
    Rinse = 3,
    Change = 4,
}

/// Its points, in the order of the values that a step shows.
const POINTS: [&str; 26] = [
    "state",
    "e10_state",
    "recipe",
    "run_enable",
    "wafers",
    "pad_wafers",
    "pressure_sp",
    "speed_sp",
    "slurry_sp",
    "down_pressure",
    "retaining_pressure",
    "membrane_flow",
    "platen_speed",
    "platen_current",
    "platen_vibration",
    "pad_temp",
    "slurry_flow",
    "slurry_pressure",
    "disk_torque",
    "disk_force",
    "rinse_flow",
    "upw_pressure",
    "water_in_temp",
    "water_flow",
    "mains_voltage",
    "upw_resistivity",
];

struct Cmp {
    points: [PointIx; POINTS.len()],
    wafer: u16,
    /// This tool against the typical one [-] -- parameter: removal, friction, disk.
    spread: [f64; 3],
    /// Set-points -- input: pressure [kPa], speed [rpm], slurry [ml/min].
    set: [f64; 3],
    enabled: bool,
    lot: Lot,
    job: Option<Job>,
    recipe: u16,
    phase: Phase,
    /// Time left in the phase [s] -- state.
    left_s: f64,
    measured: bool,
    speed: f64,
    pressure: f64,
    slurry: f64,
    /// Texture of the pad [-], its temperature [degC], wafers that it has polished -- state.
    texture: f64,
    pad_c: f64,
    pad_wafers: f64,
    current: f64,
    /// Removal in the middle and at the edge [nm]; sums over the polish: time [s], pressure, speed -- state.
    removed: [f64; 2],
    sums: [f64; 3],
    wafers: f64,
    bad: u32,
    shaken: f64,
    seized: bool,
    /// Faults.
    glazed: f64,
    starved: f64,
    leak: f64,
    dull: f64,
    bearing: f64,
}

impl Cmp {
    fn new(setup: Setup<'_>) -> Cmp {
        let rng = setup.rng;
        Cmp {
            points: places(setup.profile, POINTS),
            wafer: setup.profile.record_ix("wafer").expect("profile cmp has a record wafer"),
            spread: [rng.between(0.97, 1.03), rng.between(0.97, 1.03), rng.between(0.97, 1.03)],
            set: [PRESSURE_KPA, SPEED_RPM, SLURRY_ML],
            enabled: true,
            lot: Supply::default()
                .job
                .map_or_else(Lot::default, |job| Lot::begun(job, 1 + (rng.uniform() * 24.0) as u32)),
            job: None,
            recipe: 1,
            phase: Phase::Idle,
            left_s: rng.between(0.0, LOAD_S),
            measured: true,
            speed: SPEED_RPM,
            pressure: 0.0,
            slurry: SLURRY_ML,
            texture: OPEN,
            pad_c: 27.0,
            pad_wafers: (rng.uniform() * PAD_WAFERS).floor(),
            current: IDLE_A,
            removed: [0.0; 2],
            sums: [0.0; 3],
            wafers: (rng.uniform() * 5_000.0).floor(),
            bad: 0,
            shaken: 0.0,
            seized: false,
            glazed: 0.0,
            starved: 0.0,
            leak: 0.0,
            dull: 0.0,
            bearing: 0.0,
        }
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
                (self.removed, self.sums) = ([0.0; 2], [0.0; 3]);
                (Phase::Polish, POLISH_S[usize::from(self.recipe == 2)])
            }
            Phase::Polish => {
                self.measured = false;
                (Phase::Rinse, RINSE_S)
            }
            Phase::Rinse if self.pad_wafers >= PAD_WAFERS => (Phase::Change, CHANGE_S),
            Phase::Change => {
                (self.pad_wafers, self.texture) = (0.0, OPEN);
                (Phase::Idle, 0.0)
            }
            Phase::Idle | Phase::Rinse => match self.lot.next(cx.supply, cx.dt_s) {
                Some(job) => {
                    (self.job, self.recipe) = (Some(job), job.recipe);
                    (Phase::Load, LOAD_S)
                }
                None => (Phase::Idle, 0.0),
            },
        };
    }

    /// A wafer's record, what it adds to its lot, and what is lost with it.
    fn measure(&mut self, cx: &mut Step<'_>) {
        let [middle, edge] = self.removed;
        let mean = 0.6 * middle + 0.4 * edge;
        let uniformity = 2.0 + 100.0 * (middle - edge).abs() / mean.max(1.0) + 0.15 * cx.rng.normal();
        let removal = mean * (1.0 + 0.008 * cx.rng.normal());
        let [time_s, pressure, speed] = self.sums;
        let time = time_s.max(0.1);
        // Slurry that the rinse leaves behind, and what the water itself brings.
        let rinse = RINSE_L_PER_MIN * cx.supply.upw.pressure_kpa / 300.0;
        let left =
            8.0 * (1.0 - rinse / RINSE_L_PER_MIN).max(0.0) + (cx.supply.upw.particles_per_ml - 1.0).max(0.0);
        let scratches = 0.02 * self.leak + 20.0 * (self.starved - 0.3).max(0.0);
        self.pad_wafers += 1.0;
        self.wafers += 1.0;
        let sound = removal_nm_per_min(OXIDE_PER_PA, PRESSURE_KPA, sliding_m_per_s(SPEED_RPM, OFFSET_M))
            * POLISH_S[usize::from(self.recipe == 2)]
            / 60.0
            * self.spread[0];
        let off = (mean / sound - 1.0).abs();
        if off > BAD.0 || uniformity > BAD.1 {
            self.bad += 1;
            if self.bad == SCRAP_WAFERS {
                cx.image.harm.push(Harm { what: "a lot is polished wrongly: the wafers are scrap" });
            }
        } else {
            self.bad = 0;
        }
        let values =
            vec![removal, uniformity.max(0.0), pressure / time, speed / time, time_s, self.pad_wafers];
        cx.image.records.push(Record { kind: self.wafer, values });
        let got = Quality {
            thickness_pct: 100.0 * (off - 0.05).max(0.0),
            defects_per_wafer: left + scratches,
            ..Quality::default()
        };
        let incoming = self.job.map_or_else(Quality::default, |j| j.quality);
        if let Some(quality) = self.lot.done(incoming, got, EXCHANGE_S) {
            cx.given.finished = Some(quality);
        }
    }

    /// Drive, carrier and slurry on their way to what they were told.
    fn follow(&mut self, supply: &Supply, dt_s: f64) {
        let polish = self.phase == Phase::Polish;
        let stands = !self.enabled || self.seized || self.phase == Phase::Change;
        let toward = |now: f64, wanted: f64, tau_s: f64| now + (wanted - now) * (dt_s / (tau_s + dt_s));
        let turns = if stands || supply.mains < 0.6 { 0.0 } else { self.set[1] };
        self.speed = toward(self.speed, turns, 1.0);
        // Beyond what the regulator can feed, the membrane's pressure falls.
        let held = 1.0 / (1.0 + (self.leak - FEEDS_SCCM).max(0.0) / FEEDS_SCCM);
        self.pressure = toward(self.pressure, if polish { self.set[0] * held } else { 0.0 }, 0.8);
        let line = (supply.chemical_kpa / SLURRY_LEAST_KPA).clamp(0.0, 1.0);
        let flow = if polish { self.set[2] * line * (1.0 - self.starved) } else { 0.0 };
        self.slurry = toward(self.slurry, flow, 1.0);
    }

    /// The wafer, the pad under it, and the drive that turns it.
    fn polish(&mut self, supply: &Supply, dt_s: f64) {
        let v = sliding_m_per_s(self.speed, OFFSET_M);
        let texture = self.texture * (1.0 - self.glazed);
        let wet = (self.slurry / SLURRY_ML).clamp(0.0, 1.0);
        let force = force_n(self.pressure, WAFER_M);
        let mu = FRICTION
            * self.spread[1]
            * (GLAZED_KEEPS + (1.0 - GLAZED_KEEPS) * texture / OPEN)
            * (1.0 + DRY_ADDS * (1.0 - wet));
        let rubbed = if self.pressure > 0.5 { mu } else { 0.0 };
        self.current = platen_current_a(IDLE_A * self.speed / SPEED_RPM, rubbed, force, OFFSET_M, NM_PER_A)
            + BEARING_A * self.bearing;
        let cutting = self.phase == Phase::Polish;
        let disk = self.disk() * self.spread[2];
        if cutting {
            let glazes = GLAZES_PER_S * self.pressure * v / (PRESSURE_KPA * 0.848);
            self.texture = texture_after(self.texture, glazes, OPENS_PER_S * disk, dt_s);
            // Less slurry carries fewer abrasives to the wafer: nothing at first, more and more below half.
            let fed = (1.6 * wet).min(1.0);
            let kp = OXIDE_PER_PA
                * self.spread[0]
                * (0.3 + 0.7 * texture / OPEN)
                * (0.4 + 0.6 * fed)
                * (1.0 - WEAR_PER_WAFER * self.pad_wafers);
            let rate = removal_nm_per_min(kp, self.pressure, v) * dt_s / 60.0;
            self.removed[0] += rate;
            self.removed[1] += rate * (1.0 - EDGE_PER_SCCM * self.leak).max(0.2) * 0.99;
            self.sums =
                [self.sums[0] + dt_s, self.sums[1] + self.pressure * dt_s, self.sums[2] + self.speed * dt_s];
        }
        let water = &supply.process_water;
        let to_water = WATER_W_PER_K * water.flow.max(0.05);
        let to_slurry = SLURRY_W_PER_K * (0.3 + 0.7 * wet);
        let fluid = (to_water * water.temp_c + to_slurry * supply.air.temp_c) / (to_water + to_slurry);
        let heat = STAYS * rubbed * force * v;
        self.pad_c = lumped_after(self.pad_c, heat, to_water + to_slurry, fluid, PAD_J_PER_K, dt_s);
    }

    /// What the disk still cuts [-].
    fn disk(&self) -> f64 {
        (1.0 - self.dull) * (1.0 - DISK_PER_WAFER * self.pad_wafers)
    }

    fn wear(&mut self, cx: &mut Step<'_>) {
        self.shaken += self.bearing * cx.dt_s;
        if self.shaken > SEIZURE && !self.seized {
            self.seized = true;
            cx.image.harm.push(Harm { what: "the platen's bearing has seized" });
        }
    }

    fn e10(&self) -> E10 {
        match self.phase {
            _ if self.seized => E10::UnscheduledDown,
            Phase::Change => E10::ScheduledDown,
            Phase::Idle => E10::Standby,
            _ => E10::Productive,
        }
    }

    fn show(&self, cx: &mut Step<'_>) {
        let supply = cx.supply;
        let polish = self.phase == Phase::Polish;
        let turns = self.speed / SPEED_RPM;
        let floor = 0.01 * (supply.floor_um_per_s - 3.0).max(0.0);
        let vibration = turns * (if polish { POLISH_MM_S } else { TURN_MM_S } + self.bearing) + floor;
        let rinse =
            if self.phase == Phase::Rinse { RINSE_L_PER_MIN * supply.upw.pressure_kpa / 300.0 } else { 0.0 };
        let disk = if polish { self.disk() * self.spread[2] } else { 0.0 };
        let values: [f64; POINTS.len()] = [
            f64::from(self.phase as u8),
            self.e10().number(),
            f64::from(self.recipe),
            f64::from(self.enabled),
            self.wafers,
            self.pad_wafers,
            self.set[0],
            self.set[1],
            self.set[2],
            self.pressure,
            1.15 * self.pressure,
            if polish { SOUND_SCCM + self.leak.min(2.0 * FEEDS_SCCM) } else { 0.0 },
            self.speed,
            self.current,
            vibration,
            self.pad_c,
            self.slurry,
            supply.chemical_kpa,
            DISK_NM * disk,
            if polish { 30.0 } else { 0.0 },
            rinse,
            supply.upw.pressure_kpa,
            supply.process_water.temp_c,
            12.0 * supply.process_water.flow,
            230.0 * supply.mains,
            supply.upw.resistivity_mohm_cm,
        ];
        show(cx, self.points, values);
    }
}

impl Machine for Cmp {
    fn step(&mut self, cx: &mut Step<'_>) {
        self.advance(cx);
        self.follow(cx.supply, cx.dt_s);
        self.polish(cx.supply, cx.dt_s);
        self.wear(cx);
        self.show(cx);
        let polish = self.phase == Phase::Polish;
        cx.given.takes.water_w =
            WATER_W_PER_K * (self.pad_c - cx.supply.process_water.temp_c).max(0.0) + 600.0;
        cx.given.takes.air_w = 400.0;
        cx.given.takes.exhaust_m3_per_s = 0.1;
        cx.given.takes.fumes = 0.1;
        cx.given.takes.chemical_l_per_min = self.slurry / 1_000.0;
        cx.given.takes.upw_l_per_min = match self.phase {
            Phase::Rinse => RINSE_L_PER_MIN * cx.supply.upw.pressure_kpa / 300.0,
            _ => 1.0,
        };
        cx.given.floor_um_per_s =
            if polish { 2.0 } else { 1.0 } * self.speed / SPEED_RPM + 0.5 * self.bearing;
        cx.given.e10 = self.e10();
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "pressure_sp" => take(c, &mut self.set[0], [10.0, 50.0]),
            "speed_sp" => take(c, &mut self.set[1], [30.0, 150.0]),
            "slurry_sp" => take(c, &mut self.set[2], [0.0, 500.0]),
            "run_enable" => switch(c, &mut self.enabled),
            _ => refuse(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "pad_glazed" => self.glazed = size.min(0.95),
            "slurry_starved" => self.starved = size.min(1.0),
            "carrier_membrane_leak" => self.leak = size,
            "conditioner_worn" => self.dull = size.min(1.0),
            "platen_bearing" => self.bearing = size,
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.glazed, self.starved, self.leak, self.dull, self.bearing) = (0.0, 0.0, 0.0, 0.0, 0.0);
        (self.pad_wafers, self.texture, self.bad, self.shaken, self.seized) = (0.0, OPEN, 0, 0.0, false);
    }
}
