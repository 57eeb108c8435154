//! A vertical mill that repeats one part, with the heat, wear and vibration that come of it.
//!
//! ```text
//!        drive P = idle + friction + cut
//!          |
//!   [ spindle C, T ]---hA(V)---> coolant V, process water
//!     |  growth = alpha L (T - 20)
//!   (tool VB) ap, f, n -> Kienzle force x wear
//!     |
//!   [ part ]  load 20 s, cut 80 s, idle 20 s
//! ```

use aegis_models::physics::chatter::Mode;
use aegis_models::physics::cutting::{MILD_STEEL, power_kw};
use aegis_models::physics::vibration::unbalance_factor;
use aegis_models::profile::BurstSpec;
use aegis_models::{Command, PointIx, Profile, Rng, ThreatKind, Time};

use super::control::{refuse, switch, take};
use super::spindle::{Design, Edge, Plan, Spindle};
use crate::vibration::Vibration;
use crate::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, Supply, UnknownFault};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind = Kind { name: "cnc", faults: FAULTS, build: |s| Box::new(Cnc::new(s)) };

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
        doc: "the edge wears this many times faster than planned: power rises beyond what the tool's age accounts for",
        unit: "times the planned rate, beyond the plan",
        typical: 3.0,
        threats: &[ThreatKind::ToolWear],
    },
    FaultSpec {
        name: "chatter",
        doc: "the cut passes the stability limit at this speed: self-excited vibration in the cut",
        unit: "depth of cut over the stability limit",
        typical: 1.3,
        threats: &[ThreatKind::Chatter],
    },
    FaultSpec {
        name: "thermal_runaway",
        doc: "bearing preload grows with temperature: friction makes heat that makes friction",
        unit: "friction added by a kelvin, over what cooling takes away by a kelvin",
        typical: 1.2,
        threats: &[ThreatKind::ThermalRunaway, ThreatKind::ThermalDrift],
    },
];

/// Programmed depth of cut [mm], feed per turn [mm], spindle speed [rpm], cutter diameter [mm].
const DEPTH_MM: f64 = 0.5;
const FEED_MM: f64 = 0.2;
const SPEED_RPM: f64 = 1_000.0;
const CUTTER_MM: f64 = 63.0;
/// Drive and gear efficiency [-], and power of the turning spindle without friction [kW].
const EFFICIENCY: f64 = 0.8;
const DRIVE_KW: f64 = 0.25;
const SPINDLE: Design = Design {
    speed_rpm: SPEED_RPM,
    drive_tau_s: 0.5,
    friction_w: 200.0,
    cut_heat: 0.02,
    capacity_j_per_k: 12_000.0,
    coolant_w_per_k: 22.0,
    air_w_per_k: 3.0,
    coolant_l_per_min: COOLANT_L_PER_MIN,
    length_m: 0.3,
};
/// Nominal coolant flow [l/min].
const COOLANT_L_PER_MIN: f64 = 12.0;
/// Carbide inserts.
const EDGE: Plan = Plan { life_min: 40.0, change_min: 36.0, taylor_n: 0.25, wear_gain: 0.3 };
/// The part program [s].
const LOAD_S: f64 = 20.0;
const CUT_S: f64 = 80.0;
const IDLE_S: f64 = 20.0;
/// Velocity in a stable cut and idling [mm/s RMS]; what a unit of depth beyond the limit adds until the tool leaves the
/// cut [mm/s]; envelope of sound bearings [gE].
const CUT_VIBRATION: f64 = 1.1;
const IDLE_VIBRATION: f64 = 0.4;
const CHATTER_GAIN: f64 = 18.0;
const BASE_ENVELOPE: f64 = 0.5;
/// A part is out of tolerance beyond this growth over the warm spindle's [um].
const TOLERANCE_UM: f64 = 40.0;
/// The mode of spindle and tool that can chatter.
const MODE: Mode = Mode { stiffness_n_per_m: 2.0e7, damping: 0.03, frequency_hz: 600.0, kf_n_per_m2: 2.0e9 };
/// Teeth of the cutter.
const TEETH: f64 = 5.0;
/// Residual unbalance of spindle and tool at nominal speed [mm/s RMS], noise of the turning spindle and of the cut
/// [m/s2 RMS], and how hard a spalled race shocks for each gE of envelope [m/s2].
const UNBALANCE_MM_S: f64 = 0.3;
const IDLE_NOISE: f64 = 0.6;
const CUT_NOISE: f64 = 1.0;
const SHOCK_PER_GE: f64 = 12.0;

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle = 0,
    Load = 1,
    Cut = 2,
}

struct Cnc {
    points: Points,
    /// Specific cutting force of this stock over the table's [-] -- parameter.
    stock: f64,
    /// Set-points -- input.
    speed_sp: f64,
    feed_override: f64,
    coolant_sp: f64,
    enabled: bool,
    feed_hold: bool,
    phase: Phase,
    /// Time left in the phase [s] -- state.
    left_s: f64,
    spindle: Spindle,
    edge: Edge,
    /// Vibration in excess of a stable cut [mm/s] -- state.
    excess: f64,
    parts: f64,
    /// Cutting power of a sharp edge at present feed and speed [kW] -- kept while neither changes.
    sharp_kw: f64,
    sharp_for: (f64, f64),
    /// Limit depth at nominal speed over that at present speed [-] -- kept while the speed does not change.
    limit_ratio: f64,
    limit_for: f64,
    nominal_limit_m: f64,
    /// Faults.
    bearing: f64,
    chatter: f64,
    /// Nobody changes the tool.
    skipped: bool,
    scrapped: bool,
}

struct Points {
    state: PointIx,
    spindle_speed: PointIx,
    spindle_speed_sp: PointIx,
    feed_override: PointIx,
    feed_per_rev: PointIx,
    depth: PointIx,
    power: PointIx,
    vibration_rms: PointIx,
    vibration_envelope: PointIx,
    temp: PointIx,
    growth: PointIx,
    coolant_temp: PointIx,
    coolant_flow: PointIx,
    coolant_flow_sp: PointIx,
    tool_age: PointIx,
    parts: PointIx,
    run_enable: PointIx,
    feed_hold: PointIx,
}

impl Points {
    fn of(profile: &Profile) -> Points {
        let p = |id| profile.point_ix(id).unwrap_or_else(|| panic!("profile cnc has a point {id}"));
        Points {
            state: p("state"),
            spindle_speed: p("spindle_speed"),
            spindle_speed_sp: p("spindle_speed_sp"),
            feed_override: p("feed_override"),
            feed_per_rev: p("feed_per_rev"),
            depth: p("depth_of_cut"),
            power: p("spindle_power"),
            vibration_rms: p("vibration_rms"),
            vibration_envelope: p("vibration_envelope"),
            temp: p("spindle_temp"),
            growth: p("spindle_growth"),
            coolant_temp: p("coolant_temp"),
            coolant_flow: p("coolant_flow"),
            coolant_flow_sp: p("coolant_flow_sp"),
            tool_age: p("tool_age"),
            parts: p("parts"),
            run_enable: p("run_enable"),
            feed_hold: p("feed_hold"),
        }
    }
}

impl Cnc {
    fn new(setup: Setup<'_>) -> Cnc {
        let rng: &mut Rng = setup.rng;
        let nominal_limit_m = MODE.limit_m(60.0 / (SPEED_RPM * TEETH));
        let tool_age = rng.between(0.0, EDGE.change_min);
        let mut cnc = Cnc {
            points: Points::of(setup.profile),
            stock: rng.between(0.98, 1.02),
            speed_sp: SPEED_RPM,
            feed_override: 100.0,
            coolant_sp: COOLANT_L_PER_MIN,
            enabled: true,
            feed_hold: false,
            phase: Phase::Load,
            left_s: rng.between(1.0, LOAD_S),
            spindle: Spindle::new(SPINDLE),
            edge: Edge::aged(EDGE, tool_age),
            excess: 0.0,
            parts: 0.0,
            sharp_kw: 0.0,
            sharp_for: (0.0, 0.0),
            limit_ratio: 1.0,
            limit_for: SPEED_RPM,
            nominal_limit_m,
            bearing: 0.0,
            chatter: 0.0,
            skipped: false,
            scrapped: false,
        };
        cnc.warm_up(rng);
        cnc
    }

    /// Two hours of parts, so that a run begins with a warm spindle.
    fn warm_up(&mut self, rng: &mut Rng) {
        let (air, water) = (Supply::default().air.temp_c, Supply::default().process_water.temp_c);
        let mut mean = 0.0;
        for n in 0..7_200 {
            self.advance(1.0, rng);
            let cut = self.cutting_kw();
            self.spindle.heat(1.0, cut, air, water);
            if n >= 3_600 {
                mean += self.spindle.growth() / 3_600.0;
            }
        }
        self.spindle.warm_growth = mean;
        self.parts = (rng.uniform() * 5_000.0).floor();
    }

    /// The part program, the spindle and the pump.
    fn advance(&mut self, dt_s: f64, rng: &mut Rng) {
        let stands = !self.enabled || self.spindle.seized;
        let held = self.feed_hold && self.phase == Phase::Cut;
        if !stands && !held {
            // A slower feed takes longer over the same part.
            let pace = if self.phase == Phase::Cut {
                self.feed_override / 100.0 * self.spindle.speed / SPEED_RPM
            } else {
                1.0
            };
            self.left_s -= dt_s * pace.max(0.05);
        }
        if self.left_s <= 0.0 {
            self.next_phase(rng);
        }
        let wanted = if stands || self.phase == Phase::Load { 0.0 } else { self.speed_sp };
        self.spindle.follow(wanted, self.coolant_sp, dt_s);
        if self.cuts() {
            self.edge.cut(dt_s, self.spindle.turns());
        }
    }

    /// Whether the edge is in the material.
    fn cuts(&self) -> bool {
        self.phase == Phase::Cut && self.spindle.speed > 0.5 * self.speed_sp && !self.feed_hold
    }

    fn next_phase(&mut self, rng: &mut Rng) {
        (self.phase, self.left_s) = match self.phase {
            Phase::Load => (Phase::Cut, CUT_S),
            Phase::Cut => (Phase::Idle, IDLE_S),
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

    /// Power that goes into the chip now [kW].
    fn cutting_kw(&mut self) -> f64 {
        if self.phase != Phase::Cut || self.feed_hold || self.spindle.speed < 0.5 * self.speed_sp {
            return 0.0;
        }
        let speed = self.spindle.speed;
        if self.sharp_for != (self.feed_override, speed) {
            self.sharp_for = (self.feed_override, speed);
            let feed = FEED_MM * self.feed_override / 100.0;
            let v = std::f64::consts::PI * CUTTER_MM * speed / 1_000.0;
            self.sharp_kw =
                self.stock * power_kw(DEPTH_MM, feed, v, MILD_STEEL.kc_n_per_mm2(feed), EFFICIENCY);
        }
        self.sharp_kw * self.edge.force()
    }

    /// Velocity in the cut: beyond the limit it grows within a second to where the tool leaves the cut.
    fn vibrate(&mut self, dt_s: f64) -> f64 {
        let speed = self.spindle.speed;
        let turning = if speed > 0.0 { IDLE_VIBRATION * speed / SPEED_RPM } else { 0.0 };
        let cutting = self.cuts();
        let mut over = 0.0;
        if cutting && self.chatter > 0.0 {
            if self.limit_for != speed {
                self.limit_for = speed;
                self.limit_ratio = self.nominal_limit_m / MODE.limit_m(60.0 / (speed * TEETH));
            }
            over = (self.chatter * self.limit_ratio - 1.0).max(0.0);
        }
        self.excess += (CHATTER_GAIN * over - self.excess) * (dt_s / (0.5 + dt_s));
        // A tenth of a bearing's shocks shows as velocity, if that.
        let base = if cutting { CUT_VIBRATION } else { turning };
        base + self.excess + 0.02 * self.bearing
    }

    /// What the accelerometer at the front bearing picks up now.
    fn vibration(&self) -> Vibration {
        let turns = self.spindle.speed / SPEED_RPM;
        let cutting = self.phase == Phase::Cut && self.spindle.speed > 0.5 * self.speed_sp && !self.feed_hold;
        Vibration {
            rpm: self.spindle.speed,
            unbalance_mm_s: UNBALANCE_MM_S * unbalance_factor(self.spindle.speed, SPEED_RPM),
            misalignment_mm_s: 0.1 * turns,
            looseness_mm_s: 0.0,
            passing: (TEETH, if cutting { CUT_VIBRATION - UNBALANCE_MM_S } else { 0.0 }),
            tone: (MODE.frequency_hz, self.excess),
            shock_m_s2: SHOCK_PER_GE * self.bearing * turns,
            noise_m_s2: if cutting { CUT_NOISE } else { IDLE_NOISE * turns },
        }
    }

    fn harm(&mut self, growth: f64, cx: &mut Step<'_>) {
        let bad = growth - self.spindle.warm_growth > TOLERANCE_UM || self.edge.spent() || self.excess > 4.0;
        if bad && !self.scrapped && self.phase == Phase::Cut {
            self.scrapped = true;
            cx.image.harm.push(Harm { what: "the part in the machine is out of tolerance" });
        }
        if self.phase == Phase::Load {
            self.scrapped = false;
        }
    }
}

impl Machine for Cnc {
    fn step(&mut self, cx: &mut Step<'_>) {
        self.advance(cx.dt_s, cx.rng);
        let cut_kw = self.cutting_kw();
        let (air_c, water_c) = (cx.supply.air.temp_c, cx.supply.process_water.temp_c);
        if self.spindle.heat(cx.dt_s, cut_kw, air_c, water_c) {
            cx.image.harm.push(Harm { what: "the spindle has seized" });
        }
        let vibration = self.vibrate(cx.dt_s);
        let growth = self.spindle.growth();
        self.harm(growth, cx);
        let turns = self.spindle.turns();
        let power = DRIVE_KW * turns + self.spindle.friction_w() / 1_000.0 + cut_kw;
        let envelope = (BASE_ENVELOPE + self.bearing) * turns;
        let cutting = cut_kw > 0.0;
        let p = &self.points;
        cx.image.set(p.state, f64::from(self.phase as u8));
        cx.image.set(p.spindle_speed, self.spindle.speed);
        cx.image.set(p.spindle_speed_sp, self.speed_sp);
        cx.image.set(p.feed_override, self.feed_override);
        cx.image.set(p.feed_per_rev, if cutting { FEED_MM * self.feed_override / 100.0 } else { 0.0 });
        cx.image.set(p.depth, if cutting { DEPTH_MM } else { 0.0 });
        cx.image.set(p.power, power);
        cx.image.set(p.vibration_rms, vibration);
        cx.image.set(p.vibration_envelope, envelope);
        cx.image.set(p.temp, self.spindle.temp);
        cx.image.set(p.growth, growth);
        cx.image.set(p.coolant_temp, self.spindle.coolant_c(water_c));
        cx.image.set(p.coolant_flow, self.spindle.coolant);
        cx.image.set(p.coolant_flow_sp, self.coolant_sp);
        cx.image.set(p.tool_age, self.edge.age);
        cx.image.set(p.parts, self.parts);
        cx.image.set(p.run_enable, f64::from(self.enabled));
        cx.image.set(p.feed_hold, f64::from(self.feed_hold));
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "spindle_speed_sp" => take(c, &mut self.speed_sp, [100.0, 12_000.0]),
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
