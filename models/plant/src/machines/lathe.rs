//! A turning centre that repeats one shaft: a roughing and a finishing pass over a bar of mild steel.
//!
//! ```text
//!   [ spindle, coolant ] -- chuck -- ( bar 60 mm ) <- tool: ap, f -> Kienzle force x wear
//!   load 15 s, rough 60 s, finish 30 s, idle 15 s
//! ```

use aegis_models::physics::chatter::Mode;
use aegis_models::physics::cutting::{MILD_STEEL, power_kw};
use aegis_models::physics::vibration::unbalance_factor;
use aegis_models::profile::BurstSpec;
use aegis_models::{Command, PointIx, Rng, ThreatKind, Time};

use super::control::{places, refuse, show, switch, take};
use super::spindle::{Design, Edge, Plan, Spindle};
use crate::vibration::Vibration;
use crate::{E10, FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, Supply, UnknownFault};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind = Kind { name: "lathe", faults: FAULTS, build: |s| Box::new(Lathe::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "coolant_loss",
        doc: "a hose or pump fails: flow falls behind its set-point, the spindle warms and grows",
        unit: "share of the flow that is lost",
        typical: 0.8,
        threats: &[ThreatKind::CoolantFailure],
    },
    FaultSpec {
        name: "bearing_defect",
        doc: "a race spalls: shocks in the envelope band, hardly any velocity",
        unit: "gE of added envelope",
        typical: 2.0,
        threats: &[ThreatKind::BearingFailure],
    },
    FaultSpec {
        name: "tool_wear_accelerated",
        doc: "the insert wears this many times faster than planned: power rises beyond what its age accounts for",
        unit: "times the planned rate, beyond the plan",
        typical: 3.0,
        threats: &[ThreatKind::ToolWear],
    },
    FaultSpec {
        name: "chatter",
        doc: "the roughing cut passes the stability limit at this speed: bar and tool excite each other",
        unit: "depth of cut over the stability limit",
        typical: 1.3,
        threats: &[ThreatKind::Chatter],
    },
    FaultSpec {
        name: "thermal_runaway",
        doc: "bearing preload grows with temperature: friction makes heat that makes friction",
        unit: "friction added by a kelvin, over what cooling takes away by a kelvin",
        typical: 1.2,
        threats: &[ThreatKind::ThermalRunaway, ThreatKind::ThermalDrift, ThreatKind::EquipmentDegradation],
    },
];

/// A pass: depth of cut and feed per turn [mm], diameter that is cut [mm].
#[derive(Clone, Copy)]
struct Pass {
    depth_mm: f64,
    feed_mm: f64,
    diameter_mm: f64,
}

const ROUGH: Pass = Pass { depth_mm: 2.0, feed_mm: 0.25, diameter_mm: 60.0 };
const FINISH: Pass = Pass { depth_mm: 0.5, feed_mm: 0.1, diameter_mm: 56.0 };
/// Spindle speed [rpm]: 170 m/min at the bar.
const SPEED_RPM: f64 = 900.0;
/// Drive efficiency [-], and power of the turning spindle without friction [kW].
const EFFICIENCY: f64 = 0.8;
const DRIVE_KW: f64 = 0.3;
/// Nominal coolant flow [l/min].
const COOLANT_L_PER_MIN: f64 = 10.0;
const SPINDLE: Design = Design {
    speed_rpm: SPEED_RPM,
    drive_tau_s: 0.8,
    friction_w: 250.0,
    cut_heat: 0.015,
    capacity_j_per_k: 15_000.0,
    coolant_w_per_k: 24.0,
    air_w_per_k: 4.0,
    coolant_l_per_min: COOLANT_L_PER_MIN,
    length_m: 0.35,
};
/// Carbide inserts.
const EDGE: Plan = Plan { life_min: 30.0, change_min: 27.0, taylor_n: 0.25, wear_gain: 0.3 };
/// The part program [s].
const LOAD_S: f64 = 15.0;
const ROUGH_S: f64 = 60.0;
const FINISH_S: f64 = 30.0;
const IDLE_S: f64 = 15.0;
/// Velocity roughing, finishing and idling [mm/s RMS]; what a unit of depth beyond the limit adds [mm/s]; envelope of
/// sound bearings [gE].
const ROUGH_VIBRATION: f64 = 1.3;
const FINISH_VIBRATION: f64 = 0.7;
const IDLE_VIBRATION: f64 = 0.35;
const CHATTER_GAIN: f64 = 16.0;
const BASE_ENVELOPE: f64 = 0.4;
/// Residual unbalance of chuck and bar at nominal speed [mm/s RMS], noise of the turning spindle and of the cut [m/s2 RMS],
/// and how hard a spalled race shocks for each gE of envelope [m/s2].
const UNBALANCE_MM_S: f64 = 0.25;
const IDLE_NOISE: f64 = 0.5;
const CUT_NOISE: f64 = 0.9;
const SHOCK_PER_GE: f64 = 12.0;
/// A shaft is out of tolerance beyond this growth over the warm spindle's [um].
const TOLERANCE_UM: f64 = 40.0;
/// The mode of bar and turret that can chatter; the cut meets its own wave once a turn.
const MODE: Mode = Mode { stiffness_n_per_m: 8.0e7, damping: 0.04, frequency_hz: 180.0, kf_n_per_m2: 2.0e9 };
/// What the water warms on a slow way through the cooler [K].
const COOLER_K: f64 = 3.0;
/// Below this share of the mains the drive trips [-], and it starts again after [s].
const TRIP_MAINS: f64 = 0.7;
const RESTART_S: f64 = 300.0;

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle = 0,
    Load = 1,
    Rough = 2,
    Finish = 3,
}

const POINTS: [&str; 20] = [
    "state",
    "e10_state",
    "spindle_speed",
    "spindle_speed_sp",
    "feed_override",
    "feed_per_rev",
    "depth_of_cut",
    "spindle_power",
    "vibration_rms",
    "vibration_envelope",
    "spindle_temp",
    "spindle_growth",
    "water_temp",
    "coolant_temp",
    "coolant_flow",
    "coolant_flow_sp",
    "tool_age",
    "parts",
    "run_enable",
    "feed_hold",
];

struct Lathe {
    points: [PointIx; POINTS.len()],
    /// Specific cutting force of this stock over the table's [-] -- parameter.
    stock: f64,
    /// Set-points -- input.
    speed_sp: f64,
    feed_override: f64,
    coolant_sp: f64,
    enabled: bool,
    feed_hold: bool,
    phase: Phase,
    left_s: f64,
    spindle: Spindle,
    edge: Edge,
    /// Vibration in excess of a stable cut [mm/s] -- state.
    excess: f64,
    parts: f64,
    down_s: f64,
    /// Power of a sharp edge in each pass at nominal speed and feed [kW] -- from the law, once.
    sharp_kw: [f64; 2],
    /// Limit depth at nominal speed over that at present speed [-] -- kept while the speed does not change.
    limit_ratio: f64,
    limit_for: f64,
    nominal_limit_m: f64,
    /// Faults.
    bearing: f64,
    chatter: f64,
    scrapped: bool,
    /// Nobody changes the insert.
    skipped: bool,
}

impl Lathe {
    fn new(setup: Setup<'_>) -> Lathe {
        let rng: &mut Rng = setup.rng;
        let stock = rng.between(0.98, 1.02);
        let sharp = |pass: Pass| {
            let v = std::f64::consts::PI * pass.diameter_mm * SPEED_RPM / 1_000.0;
            let kc = MILD_STEEL.kc_n_per_mm2(pass.feed_mm);
            stock * power_kw(pass.depth_mm, pass.feed_mm, v, kc, EFFICIENCY)
        };
        let mut lathe = Lathe {
            points: places(setup.profile, POINTS),
            stock,
            speed_sp: SPEED_RPM,
            feed_override: 100.0,
            coolant_sp: COOLANT_L_PER_MIN,
            enabled: true,
            feed_hold: false,
            phase: Phase::Load,
            left_s: rng.between(1.0, LOAD_S),
            spindle: Spindle::new(SPINDLE),
            edge: Edge::aged(EDGE, rng.between(0.0, EDGE.change_min)),
            excess: 0.0,
            parts: (rng.uniform() * 5_000.0).floor(),
            down_s: 0.0,
            sharp_kw: [sharp(ROUGH), sharp(FINISH)],
            limit_ratio: 1.0,
            limit_for: SPEED_RPM,
            nominal_limit_m: MODE.limit_m(60.0 / SPEED_RPM),
            bearing: 0.0,
            chatter: 0.0,
            scrapped: false,
            skipped: false,
        };
        lathe.warm_up(rng);
        lathe
    }

    /// Two hours of parts, so that a run begins with a warm spindle.
    fn warm_up(&mut self, rng: &mut Rng) {
        let supply = Supply::default();
        let mut mean = 0.0;
        for n in 0..7_200 {
            self.advance(1.0, &supply, rng);
            let cut = self.cutting_kw();
            self.spindle.heat(1.0, cut, supply.air.temp_c, supply.process_water.temp_c);
            if n >= 3_600 {
                mean += self.spindle.growth() / 3_600.0;
            }
        }
        self.spindle.warm_growth = mean;
    }

    /// The part program, spindle and edge.
    fn advance(&mut self, dt_s: f64, supply: &Supply, rng: &mut Rng) {
        if supply.mains < TRIP_MAINS {
            self.down_s = RESTART_S;
        }
        self.down_s = (self.down_s - dt_s).max(0.0);
        let stands = !self.enabled || self.spindle.seized || self.down_s > 0.0;
        let passes = matches!(self.phase, Phase::Rough | Phase::Finish);
        let held = self.feed_hold && passes;
        if !(stands || held) {
            // A slower feed takes longer over the same part.
            let pace = if passes { self.feed_override / 100.0 * self.spindle.speed / SPEED_RPM } else { 1.0 };
            self.left_s -= dt_s * pace.max(0.05);
        }
        if self.left_s <= 0.0 {
            self.next_phase(rng);
        }
        let wanted = if stands || self.phase == Phase::Load { 0.0 } else { self.speed_sp };
        self.spindle.follow(wanted, self.coolant_sp, dt_s);
        if self.pass().is_some() {
            self.edge.cut(dt_s, self.spindle.turns());
        }
    }

    fn next_phase(&mut self, rng: &mut Rng) {
        (self.phase, self.left_s) = match self.phase {
            Phase::Load => (Phase::Rough, ROUGH_S),
            Phase::Rough => (Phase::Finish, FINISH_S),
            Phase::Finish => (Phase::Idle, IDLE_S),
            Phase::Idle => {
                self.parts += 1.0;
                if !self.skipped {
                    self.edge.change_when_due();
                }
                // Hands and grippers are not clocks.
                (Phase::Load, LOAD_S * rng.between(0.95, 1.05))
            }
        };
    }

    /// The pass that the edge is in, with the power of a sharp one.
    fn pass(&self) -> Option<(Pass, f64)> {
        if self.feed_hold || self.spindle.speed < 0.5 * self.speed_sp {
            return None;
        }
        match self.phase {
            Phase::Rough => Some((ROUGH, self.sharp_kw[0])),
            Phase::Finish => Some((FINISH, self.sharp_kw[1])),
            _ => None,
        }
    }

    /// Power that goes into the chip now [kW].
    fn cutting_kw(&self) -> f64 {
        let Some((pass, sharp)) = self.pass() else { return 0.0 };
        let kw = sharp * self.spindle.turns() * self.edge.force();
        if self.feed_override == 100.0 {
            return kw;
        }
        let feed = pass.feed_mm * self.feed_override / 100.0;
        let kc = MILD_STEEL.kc_n_per_mm2(feed.max(1e-3)) / MILD_STEEL.kc_n_per_mm2(pass.feed_mm);
        kw * self.feed_override / 100.0 * kc
    }

    /// Velocity in the cut: beyond the limit it grows within a second to where the tool leaves the cut.
    fn vibrate(&mut self, dt_s: f64) -> f64 {
        let speed = self.spindle.speed;
        let roughs = self.phase == Phase::Rough && self.pass().is_some();
        let mut over = 0.0;
        if roughs && self.chatter > 0.0 {
            if self.limit_for != speed {
                self.limit_for = speed;
                self.limit_ratio = self.nominal_limit_m / MODE.limit_m(60.0 / speed);
            }
            over = (self.chatter * self.limit_ratio - 1.0).max(0.0);
        }
        self.excess += (CHATTER_GAIN * over - self.excess) * (dt_s / (0.5 + dt_s));
        let base = match self.pass() {
            Some(_) if roughs => ROUGH_VIBRATION * self.stock,
            Some(_) => FINISH_VIBRATION,
            None => IDLE_VIBRATION * self.spindle.turns(),
        };
        // A tenth of a bearing's shocks shows as velocity, if that.
        base + self.excess + 0.02 * self.bearing
    }

    /// What an accelerometer at the front bearing picks up now.
    fn vibration(&self) -> Vibration {
        let turns = self.spindle.turns();
        let (cut, noise) = match self.pass() {
            Some(_) if self.phase == Phase::Rough => (ROUGH_VIBRATION * self.stock, CUT_NOISE),
            Some(_) => (FINISH_VIBRATION, CUT_NOISE),
            None => (IDLE_VIBRATION * turns, IDLE_NOISE * turns),
        };
        let unbalance = UNBALANCE_MM_S * unbalance_factor(self.spindle.speed, SPEED_RPM);
        Vibration {
            rpm: self.spindle.speed,
            unbalance_mm_s: unbalance,
            misalignment_mm_s: 0.1 * turns,
            looseness_mm_s: 0.0,
            // The bar is never quite round: the cut swells twice a turn.
            passing: (2.0, (cut - unbalance).max(0.0)),
            tone: (MODE.frequency_hz, self.excess),
            shock_m_s2: SHOCK_PER_GE * self.bearing * turns,
            noise_m_s2: noise,
        }
    }

    fn harm(&mut self, cx: &mut Step<'_>) {
        let grown = self.spindle.growth() - self.spindle.warm_growth > TOLERANCE_UM;
        let bad = grown || self.edge.spent() || self.excess > 4.0;
        if bad && !self.scrapped && self.pass().is_some() {
            self.scrapped = true;
            cx.image.harm.push(Harm { what: "the shaft in the machine is out of tolerance" });
        }
        if self.phase == Phase::Load {
            self.scrapped = false;
        }
    }

    fn e10(&self) -> E10 {
        match () {
            () if self.spindle.seized || self.down_s > 0.0 => E10::UnscheduledDown,
            () if !self.enabled => E10::Standby,
            () => E10::Productive,
        }
    }
}

impl Machine for Lathe {
    fn step(&mut self, cx: &mut Step<'_>) {
        self.advance(cx.dt_s, cx.supply, cx.rng);
        let cut_kw = self.cutting_kw();
        let water = &cx.supply.process_water;
        let water_c = water.temp_c + COOLER_K * (1.0 / water.flow.max(0.1) - 1.0);
        if self.spindle.heat(cx.dt_s, cut_kw, cx.supply.air.temp_c, water_c) {
            cx.image.harm.push(Harm { what: "the spindle has seized" });
        }
        let vibration = self.vibrate(cx.dt_s);
        self.harm(cx);
        let turns = self.spindle.turns();
        let power = DRIVE_KW * turns + self.spindle.friction_w() / 1_000.0 + cut_kw;
        let pass = self.pass().map(|(pass, _)| pass);
        let values: [f64; POINTS.len()] = [
            f64::from(self.phase as u8),
            self.e10().number(),
            self.spindle.speed,
            self.speed_sp,
            self.feed_override,
            pass.map_or(0.0, |p| p.feed_mm * self.feed_override / 100.0),
            pass.map_or(0.0, |p| p.depth_mm),
            power,
            vibration,
            (BASE_ENVELOPE + self.bearing) * turns,
            self.spindle.temp,
            self.spindle.growth(),
            water_c,
            self.spindle.coolant_c(water_c),
            self.spindle.coolant,
            self.coolant_sp,
            self.edge.age,
            self.parts,
            f64::from(self.enabled),
            f64::from(self.feed_hold),
        ];
        show(cx, self.points, values);
        cx.given.takes.water_w = self.spindle.to_coolant_w(water_c).max(0.0);
        cx.given.takes.air_w = 500.0 + 300.0 * cut_kw;
        // A roughing cut shakes the floor.
        cx.given.floor_um_per_s = if pass.is_some() { 2.0 * vibration } else { 0.3 };
        cx.given.e10 = self.e10();
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "spindle_speed_sp" => take(c, &mut self.speed_sp, [100.0, 4_500.0]),
            "feed_override" => take(c, &mut self.feed_override, [0.0, 150.0]),
            "coolant_flow_sp" => take(c, &mut self.coolant_sp, [0.0, 30.0]),
            "run_enable" => switch(c, &mut self.enabled),
            "feed_hold" => switch(c, &mut self.feed_hold),
            _ => refuse(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "coolant_loss" => self.spindle.coolant_loss = size.min(1.0),
            "bearing_defect" => self.bearing = size,
            "tool_wear_accelerated" => self.edge.faster = size,
            "chatter" => self.chatter = size,
            "thermal_runaway" => self.spindle.runaway = size,
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn skip_maintenance(&mut self, skip: bool) -> bool {
        self.skipped = skip;
        true
    }

    fn burst(&mut self, spec: &BurstSpec, rng: &mut Rng) -> Option<Vec<f64>> {
        self.spindle.burst(self.speed_sp, &self.vibration(), spec, rng)
    }

    fn service(&mut self) {
        self.spindle.service();
        (self.bearing, self.chatter, self.edge.faster) = (0.0, 0.0, 0.0);
        self.edge.renew();
    }
}
