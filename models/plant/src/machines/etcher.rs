//! A plasma etcher for aluminium: chlorine gases, a coil that makes the plasma, a bias that draws it down to the wafer.
//!
//! ```text
//!   BCl3, Cl2 --MFC-->[ chamber p ]--throttle--[ turbo pump ]--> exhaust
//!   generator -> L match -> coil -> plasma R(p, P) -> rate, emission -> [window] -> endpoint
//!                                     |
//!   [ wafer T ]--h(He)--[ chuck T ]--UA--> process water
//!   load 10 s, stabilise 8 s, main etch until the endpoint (about 40 s), over etch 25 s
//! ```

use aegis_models::physics::plasma_etch::{rate_share, seasoning};
use aegis_models::{Command, PointIx, Record, Rng, ThreatKind, Time};

use super::control::{places, refuse, show, switch, take};
use super::lot::Lot;
use crate::{
    E10, FaultSpec, Harm, Job, Kind, Machine, ProcessFault, Quality, Refusal, Setup, Step, Supply,
    UnknownFault,
};
use chamber::Chamber;
use chuck::{CHUCK_L_PER_MIN, Chuck};
use light::Light;
use matches::Matches;

mod chamber;
mod chuck;
mod light;
mod matches;
#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind = Kind { name: "etcher", faults: FAULTS, build: |s| Box::new(Etcher::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "rf_match_drift",
        doc: "the match settles beside its null: power comes back, less reaches the plasma, the etch is slow",
        unit: "share by which the tune reactance is off",
        typical: 0.12,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "mfc_drift",
        doc: "the chlorine controller passes less than it shows: the throttle closes, the etch is slow",
        unit: "share of the flow that is missing",
        typical: 0.12,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "chamber_leak",
        doc: "air gets in: the throttle opens, nitrogen glows, the base pressure is high",
        unit: "sccm of air",
        typical: 2.0,
        threats: &[ThreatKind::Contamination, ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "he_backside_leak",
        doc: "helium escapes under the wafer: more flows, its pressure falls, the wafer is warm",
        unit: "times the sound flow that is lost beside it",
        typical: 6.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "chuck_cooling",
        doc: "the chuck's own loop clogs: less water goes through it while the building's comes cold and flows",
        unit: "share of the flow that is lost",
        typical: 0.7,
        threats: &[ThreatKind::CoolantFailure],
    },
    FaultSpec {
        name: "endpoint_clouded",
        doc: "polymer grows on the endpoint's window: all lines fade alike, and the etch is as always",
        unit: "share of the light that is lost",
        typical: 0.4,
        threats: &[ThreatKind::Contamination],
    },
    FaultSpec {
        name: "pump_degradation",
        doc: "the turbo pump loses speed and draws more current: the throttle opens for the same gas",
        unit: "share of the speed that is lost",
        typical: 0.25,
        threats: &[ThreatKind::EquipmentDegradation],
    },
];

/// What a recipe sets: source and bias [W], BCl3 and Cl2 [sccm], pressure [mTorr].
#[derive(Clone, Copy)]
struct Program {
    source_w: f64,
    bias_w: f64,
    bcl3_sccm: f64,
    cl2_sccm: f64,
    pressure_mtorr: f64,
}

/// Recipe 1 has the powers, flows and pressure of a LAM 9600's main etch (Wise et al. 1999); any number but 2 runs as it.
const PROGRAMS: [Program; 2] = [
    Program { source_w: 350.0, bias_w: 133.0, bcl3_sccm: 75.0, cl2_sccm: 75.0, pressure_mtorr: 12.0 },
    Program { source_w: 320.0, bias_w: 150.0, bcl3_sccm: 85.0, cl2_sccm: 65.0, pressure_mtorr: 11.0 },
];
/// Film [nm], rate at the nominal point [nm/min], and the over etch beyond the endpoint [s].
const FILM_NM: f64 = 360.0;
const RATE_NM_PER_MIN: f64 = 540.0;
const OVER_S: f64 = 25.0;
/// The main etch gives up here [s]: no endpoint was found.
const TIME_OUT_S: f64 = 60.0;
/// Load and stabilise, change of a carrier, wet clean, restart after the mains or the exhaust failed [s].
const LOAD_S: f64 = 10.0;
const STABILISE_S: f64 = 8.0;
const CARRIER_S: f64 = 20.0;
const CLEAN_S: f64 = 2_400.0;
const RESTART_S: f64 = 600.0;
/// The record comes so long before the over etch ends [s].
const REPORT_S: f64 = 1.5;
/// Wet clean after so many hours of plasma [h], dummy wafers after it, and how a clean chamber is slow [-, wafers].
const CLEAN_HOURS: f64 = 60.0;
const DUMMIES: f64 = 8.0;
const SEASON: (f64, f64) = (0.04, 20.0);
/// A chuck that has stood for so long is cold [s], and plasma without product warms it before the next wafer for so long [s].
const COLD_S: f64 = 30.0;
const WARM_S: f64 = 130.0;
/// Share of rate that a sccm of air costs [-].
const AIR_COSTS: f64 = 0.01;
/// Wafer temperature of a sound tool at the end of the main etch [degC], and the rate's reference.
const WAFER_C: f64 = 37.5;
/// Current of the pump's drive at nominal [A], and what a lost share of speed adds.
const PUMP_A: f64 = 4.0;
const PUMP_ADDS: f64 = 2.0;
/// Limits of a good wafer; so many bad ones in a row are a lot lost.
const LIMIT_WAFER_C: f64 = 42.5;
const LIMIT_PACE: f64 = 1.08;
const LIMIT_AIR_SCCM: f64 = 1.5;
const LOST_WAFERS: u32 = 12;
/// Below this the supplies trip [share of mains], and the gas box shuts [Pa].
const TRIP_MAINS: f64 = 0.8;
const TRIP_EXHAUST_PA: f64 = 80.0;

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle = 0,
    Load = 1,
    Stabilise = 2,
    Main = 3,
    Over = 4,
    Clean = 5,
    Season = 6,
}

const POINTS: [&str; 31] = [
    "state",
    "e10_state",
    "run_enable",
    "wafers",
    "source_adj",
    "pressure_sp",
    "bcl3_sp",
    "cl2_sp",
    "bcl3_flow",
    "cl2_flow",
    "pressure",
    "throttle",
    "source_forward",
    "source_reflected",
    "source_load",
    "source_tune",
    "bias_forward",
    "bias_load",
    "bias_tune",
    "endpoint",
    "nitrogen_line",
    "he_pressure",
    "he_flow",
    "wafer_temp",
    "chuck_temp",
    "chuck_flow",
    "water_temp",
    "water_flow",
    "pump_current",
    "exhaust_pressure",
    "mains_voltage",
];

struct Etcher {
    points: [PointIx; POINTS.len()],
    wafer: u16,
    /// Rate of this chamber over nominal [-] -- parameter.
    rate: f64,
    /// Set-points -- input.
    enabled: bool,
    source_adj_pct: f64,
    phase: Phase,
    left_s: f64,
    reported: bool,
    lot: Lot,
    job: Option<Job>,
    recipe: usize,
    wafers: f64,
    since_clean: f64,
    rf_hours: f64,
    /// Film left and time of the main etch on this wafer [nm, s]; what it was loaded with -- state.
    film_nm: f64,
    etch_s: f64,
    /// Base pressure before this wafer [uTorr] -- state.
    base_utorr: f64,
    chamber: Chamber,
    matches: Matches,
    light: Light,
    chuck: Chuck,
    down_s: f64,
    /// How long it has stood since the last plasma [s] -- state.
    idle_s: f64,
    bad: u32,
    /// Nobody cleans the chamber.
    skipped: bool,
}

impl Etcher {
    fn new(setup: Setup<'_>) -> Etcher {
        let rng: &mut Rng = setup.rng;
        let job = Supply::default().job.expect("work without end");
        let matches = Matches::new(rng.between(0.97, 1.03));
        Etcher {
            points: places(setup.profile, POINTS),
            wafer: setup.profile.record_ix("wafer").expect("profile etcher has a record wafer"),
            rate: rng.between(0.99, 1.01),
            light: Light::new(rng.between(0.95, 1.05)),
            enabled: true,
            source_adj_pct: 0.0,
            phase: Phase::Load,
            left_s: rng.between(1.0, LOAD_S),
            reported: false,
            lot: Lot::begun(job, 1 + (rng.uniform() * f64::from(job.pieces)) as u32),
            job: Some(job),
            recipe: 0,
            wafers: (rng.uniform() * 5_000.0).floor(),
            since_clean: (100.0 + rng.uniform() * 2_000.0).floor(),
            rf_hours: rng.between(2.0, 0.9 * CLEAN_HOURS),
            film_nm: FILM_NM,
            etch_s: 0.0,
            base_utorr: 10.0,
            chamber: Chamber::empty(),
            matches,
            chuck: Chuck::rested(),
            down_s: 0.0,
            idle_s: 0.0,
            bad: 0,
            skipped: false,
        }
    }

    fn program(&self) -> Program {
        let p = PROGRAMS[self.recipe];
        Program { source_w: p.source_w * (1.0 + self.source_adj_pct / 100.0), ..p }
    }

    fn plasma(&self) -> bool {
        matches!(self.phase, Phase::Main | Phase::Over | Phase::Season)
    }

    /// The steps of a wafer.
    fn advance(&mut self, cx: &mut Step<'_>) {
        if cx.supply.mains < TRIP_MAINS || cx.supply.exhaust_pa < TRIP_EXHAUST_PA {
            self.down_s = RESTART_S;
        }
        self.down_s = (self.down_s - cx.dt_s).max(0.0);
        if self.phase == Phase::Idle {
            self.idle_s += cx.dt_s;
        }
        if !self.enabled || self.down_s > 0.0 {
            (self.phase, self.left_s) = (Phase::Idle, 0.0);
            return;
        }
        self.left_s -= cx.dt_s;
        if self.phase == Phase::Over && !self.reported && self.left_s <= REPORT_S {
            self.reported = true;
            self.report(cx);
        }
        // The endpoint is seen in the fall of the light; behind a window that passes nothing it is not.
        if self.phase == Phase::Main && (self.light.fallen() || self.etch_s >= TIME_OUT_S) {
            self.left_s = 0.0;
        }
        if self.left_s > 0.0 {
            return;
        }
        (self.phase, self.left_s) = match self.phase {
            Phase::Load => (Phase::Stabilise, STABILISE_S),
            Phase::Stabilise => {
                let cold = std::mem::take(&mut self.idle_s) > COLD_S;
                match (self.since_clean < DUMMIES, cold) {
                    (true, _) => (Phase::Season, OVER_S + 40.0),
                    (false, true) => (Phase::Season, WARM_S),
                    (false, false) => (Phase::Main, TIME_OUT_S + 1.0),
                }
            }
            Phase::Main => (Phase::Over, OVER_S),
            Phase::Over if self.rf_hours >= CLEAN_HOURS && !self.skipped => {
                (self.rf_hours, self.since_clean) = (0.0, 0.0);
                (Phase::Clean, CLEAN_S)
            }
            Phase::Season => {
                self.since_clean += 1.0;
                self.load(cx.rng)
            }
            Phase::Over | Phase::Idle | Phase::Clean => self.take(cx),
        };
    }

    /// The next wafer, when there is one.
    fn take(&mut self, cx: &mut Step<'_>) -> (Phase, f64) {
        self.job = self.lot.next(cx.supply, cx.dt_s);
        let Some(job) = self.job else { return (Phase::Idle, 0.0) };
        self.recipe = usize::from(job.recipe == 2);
        self.load(cx.rng)
    }

    fn load(&mut self, rng: &mut Rng) -> (Phase, f64) {
        let thick = self.job.map_or(0.0, |j| j.quality.thickness_pct);
        self.film_nm = FILM_NM * (1.0 + thick / 100.0) * (1.0 + 0.004 * rng.normal());
        (self.etch_s, self.reported) = (0.0, false);
        self.light.begin();
        self.chuck.hottest_c = 0.0;
        // Grippers are not clocks.
        (Phase::Load, LOAD_S * rng.between(0.95, 1.05))
    }

    /// Matches, film and light.
    fn etch(&mut self, dt_s: f64, mains: f64) {
        if !self.plasma() {
            self.matches.reflected = 0.0;
            return;
        }
        let program = self.program();
        let forward = program.source_w * (mains / 0.9).min(1.0);
        self.matches.follow(forward, self.chamber.pressure, dt_s);
        self.rf_hours += dt_s / 3_600.0;
        let delivered = self.matches.delivered(forward);
        let dense = self.chamber.pressure / 12.0;
        let chlorine = self.chamber.chlorine() / 75.0;
        let rate = RATE_NM_PER_MIN
            * self.rate
            * rate_share(delivered, chlorine, dense, self.chuck.wafer_c - WAFER_C)
            * seasoning(self.since_clean, SEASON.0, SEASON.1)
            * (1.0 - AIR_COSTS * self.chamber.leak).max(0.1);
        if self.phase == Phase::Main {
            self.etch_s += dt_s;
        }
        self.film_nm = (self.film_nm - rate * dt_s / 60.0).max(0.0);
        self.light.follow(self.film_nm > 0.0, dt_s);
        if self.phase == Phase::Main && self.etch_s > 10.0 && self.film_nm > 0.0 {
            self.light.on_film(self.light.endpoint(delivered, self.rf_hours));
        }
    }

    /// The wafer's record, in the order of the profile's fields, and what it adds to its lot.
    fn report(&mut self, cx: &mut Step<'_>) {
        let noise: [f64; 3] = std::array::from_fn(|_| cx.rng.normal());
        let values = vec![
            self.etch_s,
            self.light.plateau() * (1.0 + 0.004 * noise[0]),
            self.base_utorr * (1.0 + 0.03 * noise[1]),
            self.chuck.hottest_c + 0.1 * noise[2],
            self.rf_hours,
            self.since_clean,
        ];
        cx.image.records.push(Record { kind: self.wafer, values });
        self.wafers += 1.0;
        self.since_clean += 1.0;
        let p = PROGRAMS[self.recipe];
        let nominal = rate_share(p.source_w / 350.0, p.cl2_sccm / 75.0, p.pressure_mtorr / 12.0, 0.0);
        let pace = self.etch_s * nominal / (60.0 * FILM_NM / RATE_NM_PER_MIN);
        let warm = self.chuck.hottest_c - WAFER_C;
        let falls = (cx.supply.air.particles_per_m3 / 400.0 - 1.0).max(0.0);
        let added = Quality {
            cd_nm: 0.4 * (warm.abs() - 2.0).max(0.0) + 20.0 * (pace - 1.06).max(0.0),
            defects_per_wafer: 0.02 * falls + 0.5 * self.chamber.leak,
            ..Quality::default()
        };
        let incoming = self.job.map(|j| j.quality).unwrap_or_default();
        cx.given.finished = self.lot.done(incoming, added, CARRIER_S);
        let missed = self.etch_s >= TIME_OUT_S;
        let out = self.chuck.hottest_c > LIMIT_WAFER_C
            || pace > LIMIT_PACE
            || self.chamber.leak > LIMIT_AIR_SCCM
            || missed;
        self.bad = if out { self.bad + 1 } else { 0 };
        if self.bad == LOST_WAFERS {
            cx.image
                .harm
                .push(Harm { what: "twelve wafers in a row are out of their limits: the lot is scrap" });
        }
    }

    fn e10(&self) -> E10 {
        match self.phase {
            Phase::Clean | Phase::Season => E10::ScheduledDown,
            Phase::Idle if self.down_s > 0.0 => E10::UnscheduledDown,
            Phase::Idle => E10::Standby,
            _ => E10::Productive,
        }
    }

    fn show(&self, cx: &mut Step<'_>) {
        let (supply, program) = (cx.supply, self.program());
        let at_work = matches!(self.phase, Phase::Load | Phase::Stabilise | Phase::Main | Phase::Over);
        let state = self.phase as u8 + if at_work { 10 * self.recipe as u8 } else { 0 };
        let lit = |value: f64| if self.plasma() { value } else { 0.0 };
        let forward = program.source_w * (supply.mains / 0.9).min(1.0);
        let (delivered, hours) = (self.matches.delivered(forward), self.rf_hours);
        let [coil_load, coil_tune, bias_load, bias_tune] = self.matches.shown();
        let (he_torr, he_sccm) = self.chuck.helium(self.plasma());
        let water_flow = CHUCK_L_PER_MIN * supply.process_water.flow;
        let values: [f64; POINTS.len()] = [
            f64::from(state),
            self.e10().number(),
            f64::from(self.enabled),
            self.wafers,
            self.source_adj_pct,
            program.pressure_mtorr,
            program.bcl3_sccm,
            program.cl2_sccm,
            self.chamber.bcl3,
            self.chamber.cl2,
            self.chamber.pressure,
            self.chamber.throttle_pct,
            lit(forward),
            self.matches.reflected,
            coil_load,
            coil_tune,
            lit(program.bias_w),
            bias_load,
            bias_tune,
            lit(self.light.endpoint(delivered, hours)),
            lit(self.light.nitrogen(self.chamber.leak, delivered, hours)),
            he_torr,
            he_sccm,
            self.chuck.wafer_c,
            self.chuck.chuck_c,
            water_flow * (1.0 - self.chuck.cooling),
            supply.process_water.temp_c,
            water_flow,
            PUMP_A * (1.0 + PUMP_ADDS * self.chamber.pump),
            supply.exhaust_pa,
            400.0 * supply.mains,
        ];
        show(cx, self.points, values);
    }
}

impl Machine for Etcher {
    fn step(&mut self, cx: &mut Step<'_>) {
        self.advance(cx);
        let program = self.program();
        let on = self.plasma() || self.phase == Phase::Stabilise;
        self.chamber.flow(on.then_some(program), cx.dt_s);
        if self.phase == Phase::Load {
            self.base_utorr = 1_000.0 * self.chamber.pressure;
        }
        self.etch(cx.dt_s, cx.supply.mains);
        let power = program.source_w + program.bias_w - self.matches.reflected;
        self.chuck.heat(self.plasma().then_some(power), cx.supply, cx.dt_s);
        self.show(cx);
        let takes = &mut cx.given.takes;
        takes.water_w = if self.plasma() { 3_500.0 } else { 2_000.0 };
        takes.air_w = 800.0;
        takes.exhaust_m3_per_s = 0.1;
        takes.fumes = if self.plasma() { 1.0 } else { 0.1 };
        cx.given.floor_um_per_s = 0.3;
        cx.given.e10 = self.e10();
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "run_enable" => switch(c, &mut self.enabled),
            "source_adj" => take(c, &mut self.source_adj_pct, [-10.0, 10.0]),
            _ => refuse(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "rf_match_drift" => self.matches.mismatch = size.min(0.3),
            "mfc_drift" => self.chamber.mfc = size.min(0.9),
            "chamber_leak" => self.chamber.leak = size,
            "he_backside_leak" => self.chuck.helium = size.min(40.0),
            "chuck_cooling" => self.chuck.cooling = size.min(0.95),
            "endpoint_clouded" => self.light.clouded = size.min(0.95),
            "pump_degradation" => self.chamber.pump = size.min(0.8),
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn skip_maintenance(&mut self, skip: bool) -> bool {
        self.skipped = skip;
        true
    }

    fn service(&mut self) {
        (self.matches.mismatch, self.chamber.mfc, self.chamber.leak, self.chuck.helium) =
            (0.0, 0.0, 0.0, 0.0);
        (self.chuck.cooling, self.light.clouded, self.chamber.pump, self.bad) = (0.0, 0.0, 0.0, 0);
        self.rf_hours = 0.0;
    }
}
