//! A single-wafer chamber that grows polysilicon from silane on a heater of three zones.
//!
//! ```text
//!   cylinder -> [MFC silane] --.                 three zones: P -> C, T --radiation, conduction--> walls, water
//!               [MFC carrier] -+-> chamber p, wafer T --> film r(T, p) over the zones
//!                     leak ----'      |
//!                              throttle, pump S
//!   load, heat, deposit, unload; after each lot the chamber is cleaned
//! ```

use aegis_models::physics::deposition::{PA_M3_PER_S_PER_SCCM, polysilicon_nm_per_min, zone_loss_w};
use aegis_models::{Command, PointIx, Record, ThreatKind, Time};

use super::control::{places, refuse, switch, take};
use super::lot::Lot;
use crate::{
    E10, FaultSpec, Harm, Job, Kind, Machine, ProcessFault, Quality, Refusal, Setup, Step, Supply,
    UnknownFault,
};

mod show;
#[cfg(test)]
mod tests;

use show::POINTS;

/// The kind, for the registry.
pub(super) const KIND: Kind =
    Kind { name: "deposition", faults: FAULTS, build: |s| Box::new(Deposition::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "heater_zone_failing",
        doc: "the outer zone's element burns through: less power at the same duty, until the edge grows cold",
        unit: "share of the element's power that is lost",
        typical: 0.35,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "mfc_drift",
        doc: "the silane controller lets through less than it shows: thinner film, and less for the pump than flows in",
        unit: "share of the shown flow that does not come",
        typical: 0.15,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "precursor_depleted",
        doc: "the silane cylinder runs out: line pressure falls, then the flow behind its set-point",
        unit: "share of the line pressure that is lost",
        typical: 0.7,
        threats: &[ThreatKind::FacilityIntegrity],
    },
    FaultSpec {
        name: "vacuum_leak",
        doc: "a seal leaks: the empty chamber does not come down, and oxidised silane falls on the wafers",
        unit: "sccm of air",
        typical: 10.0,
        threats: &[ThreatKind::Contamination],
    },
];

/// Zones of the heater, from the middle to the edge, and the share of the wafer that lies over each [-].
const ZONES: usize = 3;
const SHARE: [f64; ZONES] = [0.2, 0.33, 0.47];
/// Heat capacity of a zone [J/K], rated power of its element [W], loss by radiation [W/K4] and conduction [W/K].
const CAPACITY_J_PER_K: f64 = 1_500.0;
const RATED_W: f64 = 3_500.0;
const RADIATION: f64 = 1.417_5e-9;
const CONDUCTION: f64 = 1.0;
/// The edge sees more wall than the middle [-].
const EXPOSED: [f64; ZONES] = [1.0, 1.05, 1.2];
/// Between neighbouring zones, and from a zone to the wafer above it [W/K]; heat capacity of that part [J/K].
const NEIGHBOUR_W_PER_K: f64 = 8.0;
const WAFER_W_PER_K: f64 = 8.0;
const WAFER_J_PER_K: f64 = 30.0;
/// A wafer comes from the preheat station at this temperature [degC].
const PREHEAT_C: f64 = 400.0;
/// The temperature controller [W/K, s].
const GAIN_W_PER_K: f64 = 400.0;
const RESET_S: f64 = 12.0;
/// Set-points of the process: heater [degC], pressure [Pa], flows [sccm].
const TEMP_C: f64 = 680.0;
const PRESSURE_PA: f64 = 266.0;
const SILANE_SCCM: f64 = 500.0;
const CARRIER_SCCM: f64 = 500.0;
/// Chamber [m3], speed of the pump with its throttle open [m3/s], what walls give off [sccm].
const CHAMBER_M3: f64 = 0.01;
const PUMP_M3_PER_S: f64 = 0.015;
const OUTGAS_SCCM: f64 = 3.0;
/// A flow controller follows in this time [s]; the throttle's trim in this one.
const MFC_TAU_S: f64 = 1.0;
const TRIM_PER_S: f64 = 0.3;
/// Silane line: pressure behind the regulator, the least that a controller works with [kPa], its full scale [sccm].
const LINE_KPA: f64 = 250.0;
const LEAST_KPA: f64 = 60.0;
const FULL_SCALE_SCCM: f64 = 1_000.0;
/// A standard cubic centimetre of silane [kg]; a full cylinder and one to be changed [kg], and the change [s].
const KG_PER_CM3: f64 = 32.12e-3 / 22_414.0;
const CYLINDER_KG: f64 = 10.0;
const CHANGE_KG: f64 = 1.0;
const CHANGE_S: f64 = 300.0;
/// Cooling water at nominal supply [l/min]; a litre a minute carries this [W/K]; the walls follow in this time [s].
const WATER_L_PER_MIN: f64 = 12.0;
const WATER_W_PER_K: f64 = 69.7;
const WALL_TAU_S: f64 = 20.0;
/// From the walls to the water in them [W/K].
const WALL_W_PER_K: f64 = 1_300.0;
/// Silane is let in only with so much suction at the gas box [Pa].
const LEAST_EXHAUST_PA: f64 = 120.0;
/// The steps [s]; a wafer's record is made so long after its unloading began [s].
const LOAD_S: f64 = 10.0;
const HEAT_S: f64 = 14.0;
const DEPOSIT_S: [f64; 2] = [45.0, 60.0];
const UNLOAD_S: f64 = 13.0;
const MEASURE_S: f64 = 8.0;
const CLEAN_S: f64 = 40.0;
/// Particles of a sound chamber, one from the air of a sound bay among them, and what a sccm of leak adds [1/wafer].
const PARTICLES: f64 = 5.0;
const PER_SCCM: f64 = 2.5;
/// Beyond these a wafer is bad: thickness [%], non-uniformity [%], particles [1/wafer]; so many of them are a lot.
const BAD: (f64, f64, f64) = (6.0, 4.0, 25.0);
const SCRAP_WAFERS: u32 = 20;

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle = 0,
    Load = 1,
    Heat = 2,
    Deposit = 3,
    Unload = 4,
    Clean = 5,
}

struct Deposition {
    points: [PointIx; POINTS.len()],
    wafer: u16,
    /// This chamber against the typical one [-] -- parameter: growth, loss of each zone, speed of the pump.
    growth: f64,
    loss: [f64; ZONES],
    pump: f64,
    /// Set-points -- input: temperature [degC], silane, carrier [sccm], pressure [Pa].
    set: [f64; 4],
    enabled: bool,
    lot: Lot,
    job: Option<Job>,
    recipe: u16,
    phase: Phase,
    /// Time left in the phase, and of a cylinder change [s] -- state.
    left_s: f64,
    change_s: f64,
    measured: bool,
    /// Temperatures [degC], controller's memory and duty [W, -] -- state.
    zone_c: [f64; ZONES],
    wafer_c: [f64; ZONES],
    integral: [f64; ZONES],
    duty: [f64; ZONES],
    power: [f64; ZONES],
    wall_c: f64,
    /// Flows as the controllers show them [sccm], pressure [Pa], throttle [-] and its trim [-] -- state.
    silane: f64,
    carrier: f64,
    pressure: f64,
    throttle: f64,
    trim: f64,
    cylinder_kg: f64,
    /// Film over each zone [nm], and sums over the deposition: time [s], temperature, silane [Pa] -- state.
    film: [f64; ZONES],
    rate: f64,
    sums: [f64; 3],
    wafers: f64,
    since_clean: f64,
    bad: u32,
    /// Faults.
    heater: f64,
    mfc: f64,
    depleted: f64,
    leak: f64,
}

impl Deposition {
    fn new(setup: Setup<'_>) -> Deposition {
        let rng = setup.rng;
        let loss = EXPOSED.map(|e| e * rng.between(0.98, 1.02));
        let kept = loss.map(|l| l * zone_loss_w(TEMP_C, 25.0, RADIATION, CONDUCTION));
        let left = 1 + (rng.uniform() * 24.0) as u32;
        Deposition {
            points: places(setup.profile, POINTS),
            wafer: setup.profile.record_ix("wafer").expect("profile deposition has a record wafer"),
            growth: rng.between(0.98, 1.02),
            loss,
            pump: rng.between(0.98, 1.02),
            set: [TEMP_C, SILANE_SCCM, CARRIER_SCCM, PRESSURE_PA],
            enabled: true,
            lot: Supply::default().job.map_or_else(Lot::default, |job| Lot::begun(job, left)),
            job: None,
            recipe: 1,
            phase: Phase::Idle,
            left_s: rng.between(0.0, LOAD_S),
            change_s: 0.0,
            measured: true,
            zone_c: [TEMP_C; ZONES],
            wafer_c: [PREHEAT_C; ZONES],
            integral: kept,
            duty: kept.map(|w| w / RATED_W),
            power: kept,
            wall_c: 29.0,
            silane: 0.0,
            carrier: 0.0,
            pressure: 1.0,
            throttle: 1.0,
            trim: 1.0,
            cylinder_kg: rng.between(2.0, CYLINDER_KG),
            film: [0.0; ZONES],
            rate: 0.0,
            sums: [0.0; 3],
            wafers: (rng.uniform() * 5_000.0).floor(),
            since_clean: f64::from(25 - left),
            bad: 0,
            heater: 0.0,
            mfc: 0.0,
            depleted: 0.0,
            leak: 0.0,
        }
    }

    /// The sequence of steps.
    fn advance(&mut self, cx: &mut Step<'_>) {
        if !self.enabled {
            (self.phase, self.left_s) = (Phase::Idle, 0.0);
            return;
        }
        if self.change_s > 0.0 {
            self.change_s -= cx.dt_s;
            if self.change_s <= 0.0 {
                self.cylinder_kg = CYLINDER_KG;
            }
            return;
        }
        let held =
            self.phase == Phase::Heat && cx.supply.exhaust_pa < LEAST_EXHAUST_PA && self.left_s <= cx.dt_s;
        if !held {
            self.left_s -= cx.dt_s;
        }
        if self.phase == Phase::Unload && !self.measured && self.left_s <= UNLOAD_S - MEASURE_S {
            self.measured = true;
            self.measure(cx);
        }
        if self.left_s > 0.0 {
            return;
        }
        (self.phase, self.left_s) = match self.phase {
            Phase::Idle => {
                let Some(job) = self.lot.next(cx.supply, cx.dt_s) else { return };
                (self.job, self.recipe) = (Some(job), job.recipe);
                (Phase::Load, LOAD_S)
            }
            Phase::Load => {
                (self.wafer_c, self.film, self.sums) = ([PREHEAT_C; ZONES], [0.0; ZONES], [0.0; 3]);
                (Phase::Heat, HEAT_S)
            }
            Phase::Heat => (Phase::Deposit, DEPOSIT_S[usize::from(self.recipe == 2)]),
            Phase::Deposit => {
                self.measured = false;
                (Phase::Unload, UNLOAD_S)
            }
            Phase::Unload => match self.lot.next(cx.supply, cx.dt_s) {
                Some(job) => {
                    (self.job, self.recipe) = (Some(job), job.recipe);
                    (Phase::Load, LOAD_S)
                }
                None if self.since_clean > 0.0 => (Phase::Clean, CLEAN_S),
                None => (Phase::Idle, 0.0),
            },
            Phase::Clean => {
                self.since_clean = 0.0;
                if self.cylinder_kg < CHANGE_KG {
                    self.change_s = CHANGE_S;
                }
                (Phase::Idle, 0.0)
            }
        };
    }

    /// A wafer's record, what it adds to its lot, and what is lost with it.
    fn measure(&mut self, cx: &mut Step<'_>) {
        let mean: f64 = self.film.iter().zip(SHARE).map(|(f, s)| f * s).sum();
        let (low, high) = self.film.iter().fold((f64::MAX, 0.0_f64), |(l, h), f| (l.min(*f), h.max(*f)));
        let uniformity = 0.8 + 50.0 * (high - low) / mean.max(1.0);
        let air = cx.supply.air.particles_per_m3 / 400.0;
        let expected = PARTICLES - 1.0 + air + PER_SCCM * self.leak;
        let particles = (expected + expected.sqrt() * cx.rng.normal()).round().max(0.0);
        let [time_s, temp, silane_pa] = self.sums;
        let time = time_s.max(0.1);
        let thickness = mean * (1.0 + 0.004 * cx.rng.normal());
        self.wafers += 1.0;
        self.since_clean += 1.0;
        let wanted = polysilicon_nm_per_min(TEMP_C, PRESSURE_PA * SILANE_SCCM / (SILANE_SCCM + CARRIER_SCCM))
            * DEPOSIT_S[usize::from(self.recipe == 2)]
            / 60.0
            * self.growth;
        let off_pct = 100.0 * (mean / wanted - 1.0).abs();
        if off_pct > BAD.0 || uniformity > BAD.1 || particles > BAD.2 {
            self.bad += 1;
            if self.bad == SCRAP_WAFERS {
                cx.image.harm.push(Harm { what: "a lot of bad films: the wafers are scrap" });
            }
        } else {
            self.bad = 0;
        }
        let values = vec![thickness, uniformity, temp / time, silane_pa / time, time_s, particles];
        cx.image.records.push(Record { kind: self.wafer, values });
        let got = Quality {
            thickness_pct: (off_pct - 2.0).max(0.0),
            defects_per_wafer: (expected - PARTICLES).max(0.0),
            ..Quality::default()
        };
        let incoming = self.job.map_or_else(Quality::default, |j| j.quality);
        if let Some(quality) = self.lot.done(incoming, got, CLEAN_S + 1.0) {
            cx.given.finished = Some(quality);
        }
    }

    /// Gas in, gas out, and the throttle that keeps the pressure.
    fn flow(&mut self, dt_s: f64) {
        let gas = matches!(self.phase, Phase::Heat | Phase::Deposit);
        let line = LINE_KPA * (1.0 - self.depleted);
        let can = FULL_SCALE_SCCM * ((line - LEAST_KPA) / (LINE_KPA - LEAST_KPA)).max(0.0);
        let silane = if self.phase == Phase::Deposit { self.set[1].min(can) } else { 0.0 };
        let carrier = if gas { self.set[2] } else { 0.0 };
        let k = dt_s / (MFC_TAU_S + dt_s);
        self.silane += (silane - self.silane) * k;
        self.carrier += (carrier - self.carrier) * k;
        let comes = self.silane * (1.0 - self.mfc);
        self.cylinder_kg = (self.cylinder_kg - comes / 60.0 * dt_s * KG_PER_CM3).max(0.0);
        let full = PUMP_M3_PER_S * self.pump;
        if gas {
            let asked =
                (self.silane + self.carrier) * PA_M3_PER_S_PER_SCCM / (self.set[3].max(1.0) * PUMP_M3_PER_S);
            // Near the set-point the trim learns what the flows and the pump really are.
            let off = self.pressure / self.set[3].max(1.0) - 1.0;
            if off.abs() < 0.3 {
                self.trim = (self.trim + TRIM_PER_S * off * dt_s).clamp(0.3, 3.0);
            }
            self.throttle = (asked * self.trim).clamp(0.005, 1.0);
        } else {
            self.throttle += (1.0 - self.throttle) * (dt_s / (0.5 + dt_s));
        }
        let into = (comes + self.carrier + self.leak + OUTGAS_SCCM) * PA_M3_PER_S_PER_SCCM;
        let speed = self.throttle * full;
        self.pressure = (self.pressure + dt_s * into / CHAMBER_M3) / (1.0 + dt_s * speed / CHAMBER_M3);
    }

    /// The three zones, the wafer above them and the walls around them.
    fn heat(&mut self, supply: &Supply, dt_s: f64) {
        let mains = supply.mains * supply.mains;
        let on_wafer = matches!(self.phase, Phase::Heat | Phase::Deposit);
        let before = self.zone_c;
        let mut lost = 0.0;
        for z in 0..ZONES {
            let error = self.set[0] - before[z];
            let wanted = self.integral[z] + GAIN_W_PER_K * error;
            let duty = (wanted / RATED_W).clamp(0.0, 1.0);
            if duty * RATED_W == wanted {
                self.integral[z] += GAIN_W_PER_K / RESET_S * error * dt_s;
            }
            let sound = if z == ZONES - 1 { 1.0 - self.heater } else { 1.0 };
            let power = duty * RATED_W * sound * mains;
            let loss = self.loss[z] * zone_loss_w(before[z], self.wall_c, RADIATION, CONDUCTION);
            let beside = |n: usize| NEIGHBOUR_W_PER_K * (before[n] - before[z]);
            let beside =
                if z > 0 { beside(z - 1) } else { 0.0 } + if z + 1 < ZONES { beside(z + 1) } else { 0.0 };
            let up = if on_wafer { WAFER_W_PER_K * (before[z] - self.wafer_c[z]) } else { 0.0 };
            self.zone_c[z] += (power - loss + beside - up) * dt_s / CAPACITY_J_PER_K;
            self.wafer_c[z] += up * dt_s / WAFER_J_PER_K;
            (self.duty[z], self.power[z]) = (duty, power);
            lost += loss;
        }
        let water = &supply.process_water;
        let carries = WATER_W_PER_K * WATER_L_PER_MIN * water.flow.max(0.05);
        let wall = water.temp_c + lost / carries + lost / WALL_W_PER_K;
        self.wall_c += (wall - self.wall_c) * (dt_s / (WALL_TAU_S + dt_s));
    }

    fn grow(&mut self, dt_s: f64) {
        self.rate = 0.0;
        if self.phase != Phase::Deposit {
            return;
        }
        let comes = self.silane * (1.0 - self.mfc);
        let all = comes + self.carrier + self.leak + OUTGAS_SCCM;
        let silane_pa = self.pressure * comes / all.max(1.0);
        for (z, share) in SHARE.into_iter().enumerate() {
            let rate = self.growth * polysilicon_nm_per_min(self.wafer_c[z], silane_pa);
            self.film[z] += rate * dt_s / 60.0;
            self.rate += share * rate;
        }
        // What the tool itself knows: the temperatures and flows that its instruments show.
        let shown = self.pressure * self.silane / (self.silane + self.carrier).max(1.0);
        let seen: f64 = self.wafer_c.iter().zip(SHARE).map(|(t, s)| t * s).sum();
        self.sums = [self.sums[0] + dt_s, self.sums[1] + seen * dt_s, self.sums[2] + shown * dt_s];
    }

    fn e10(&self) -> E10 {
        match self.phase {
            _ if self.change_s > 0.0 => E10::ScheduledDown,
            Phase::Clean => E10::ScheduledDown,
            Phase::Idle => E10::Standby,
            _ => E10::Productive,
        }
    }
}

impl Machine for Deposition {
    fn step(&mut self, cx: &mut Step<'_>) {
        self.advance(cx);
        self.flow(cx.dt_s);
        self.heat(cx.supply, cx.dt_s);
        self.grow(cx.dt_s);
        self.show(cx);
        let heat: f64 = self.power.iter().sum();
        cx.given.takes.water_w = 0.9 * heat;
        cx.given.takes.air_w = 0.1 * heat;
        cx.given.takes.exhaust_m3_per_s = 0.15;
        cx.given.takes.fumes = if self.phase == Phase::Deposit { 1.0 } else { 0.2 };
        cx.given.floor_um_per_s = 0.3;
        cx.given.e10 = self.e10();
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "temp_sp" => take(c, &mut self.set[0], [560.0, 720.0]),
            "silane_sp" => take(c, &mut self.set[1], [0.0, 1_000.0]),
            "carrier_sp" => take(c, &mut self.set[2], [0.0, 1_000.0]),
            "pressure_sp" => take(c, &mut self.set[3], [50.0, 600.0]),
            "run_enable" => switch(c, &mut self.enabled),
            _ => refuse(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "heater_zone_failing" => self.heater = size.min(0.95),
            "mfc_drift" => self.mfc = size.min(0.9),
            "precursor_depleted" => self.depleted = size.min(0.98),
            "vacuum_leak" => self.leak = size,
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.heater, self.mfc, self.depleted, self.leak) = (0.0, 0.0, 0.0, 0.0);
        (self.cylinder_kg, self.bad) = (CYLINDER_KG, 0);
    }
}
