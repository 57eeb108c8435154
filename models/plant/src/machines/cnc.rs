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
use aegis_models::physics::thermal::{convection_factor, growth_um, lumped_after};
use aegis_models::physics::tool_life::{END_OF_LIFE_VB_MM, life_at_speed, wear_force_factor};
use aegis_models::physics::vibration::unbalance_factor;
use aegis_models::profile::BurstSpec;
use aegis_models::{Command, PointIx, Profile, Rng, ThreatKind, Time};

use crate::vibration::{Spall, Vibration};
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
/// Friction in the bearings of a warm spindle at nominal speed [W].
const FRICTION_W: f64 = 200.0;
/// Share of the cutting power that reaches the spindle as heat [-].
const CUT_HEAT: f64 = 0.02;
/// Heat capacity of the spindle [J/K]; conductance to coolant at nominal flow and to the air [W/K].
const CAPACITY_J_PER_K: f64 = 12_000.0;
const COOLANT_W_PER_K: f64 = 22.0;
const AIR_W_PER_K: f64 = 3.0;
/// Nominal coolant flow [l/min]; a pump follows its set-point with this time constant [s].
const COOLANT_L_PER_MIN: f64 = 12.0;
const PUMP_TAU_S: f64 = 2.0;
/// Length that grows [m]; temperature at which it was set to zero [degC].
const LENGTH_M: f64 = 0.3;
const REFERENCE_C: f64 = 20.0;
/// Planned tool life at nominal speed, and when the tool is changed [min of cutting]; Taylor's exponent for carbide.
const LIFE_MIN: f64 = 40.0;
const CHANGE_MIN: f64 = 36.0;
const TAYLOR_N: f64 = 0.25;
/// Force of an edge at its end over a sharp one, less one [-].
const WEAR_GAIN: f64 = 0.3;
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
/// A part is out of tolerance beyond this growth over the warm spindle's [um]; a spindle seizes at this temperature.
const TOLERANCE_UM: f64 = 40.0;
const SEIZURE_C: f64 = 90.0;
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
    /// Spindle speed [rpm] -- state.
    speed: f64,
    /// Spindle temperature [degC] -- state.
    temp: f64,
    /// Coolant flow [l/min], and the convection factor that belongs to it [-] -- state.
    coolant: f64,
    convection: (f64, f64),
    /// Cutting time and flank wear of the tool [min, mm] -- state.
    tool_age: f64,
    wear_mm: f64,
    /// Vibration in excess of a stable cut [mm/s] -- state.
    excess: f64,
    /// Growth of the warm spindle [um] -- state, slow.
    warm_growth: f64,
    parts: f64,
    /// Cutting power of a sharp edge at present feed and speed [kW] -- kept while neither changes.
    sharp_kw: f64,
    sharp_for: (f64, f64),
    /// Limit depth at nominal speed over that at present speed [-] -- kept while the speed does not change.
    limit_ratio: f64,
    limit_for: f64,
    nominal_limit_m: f64,
    /// Faults.
    coolant_loss: f64,
    bearing: f64,
    wear_rate: f64,
    chatter: f64,
    runaway: f64,
    seized: bool,
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
        let tool_age = rng.between(0.0, CHANGE_MIN);
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
            speed: 0.0,
            temp: 30.0,
            coolant: COOLANT_L_PER_MIN,
            convection: (COOLANT_L_PER_MIN, 1.0),
            wear_mm: END_OF_LIFE_VB_MM * tool_age / LIFE_MIN,
            tool_age,
            excess: 0.0,
            warm_growth: 0.0,
            parts: 0.0,
            sharp_kw: 0.0,
            sharp_for: (0.0, 0.0),
            limit_ratio: 1.0,
            limit_for: SPEED_RPM,
            nominal_limit_m,
            coolant_loss: 0.0,
            bearing: 0.0,
            wear_rate: 0.0,
            chatter: 0.0,
            runaway: 0.0,
            seized: false,
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
            self.heat(1.0, cut, air, water);
            if n >= 3_600 {
                mean += growth_um(LENGTH_M, self.temp - REFERENCE_C) / 3_600.0;
            }
        }
        self.warm_growth = mean;
        self.parts = (rng.uniform() * 5_000.0).floor();
    }

    /// The part program, the spindle and the pump.
    fn advance(&mut self, dt_s: f64, rng: &mut Rng) {
        let stands = !self.enabled || self.seized;
        let held = self.feed_hold && self.phase == Phase::Cut;
        if !stands && !held {
            // A slower feed takes longer over the same part.
            let pace = if self.phase == Phase::Cut {
                self.feed_override / 100.0 * self.speed / SPEED_RPM
            } else {
                1.0
            };
            self.left_s -= dt_s * pace.max(0.05);
        }
        if self.left_s <= 0.0 {
            self.next_phase(rng);
        }
        let wanted = if stands || self.phase == Phase::Load { 0.0 } else { self.speed_sp };
        self.speed += (wanted - self.speed) * (dt_s / (0.5 + dt_s));
        if self.speed < 1.0 {
            self.speed = 0.0;
        } else if (self.speed - wanted).abs() < 0.5 {
            self.speed = wanted;
        }
        let flow = self.coolant_sp * (1.0 - self.coolant_loss);
        self.coolant += (flow - self.coolant) * (dt_s / (PUMP_TAU_S + dt_s));
        if (self.coolant - flow).abs() < 1e-3 {
            self.coolant = flow;
        }
        if self.phase == Phase::Cut && self.speed > 0.5 * self.speed_sp && !self.feed_hold {
            let minutes = dt_s / 60.0;
            self.tool_age += minutes;
            let life = if self.speed == SPEED_RPM {
                LIFE_MIN
            } else {
                life_at_speed(LIFE_MIN, self.speed / SPEED_RPM, TAYLOR_N)
            };
            self.wear_mm += END_OF_LIFE_VB_MM / life * minutes * (1.0 + self.wear_rate);
        }
    }

    fn next_phase(&mut self, rng: &mut Rng) {
        (self.phase, self.left_s) = match self.phase {
            Phase::Load => (Phase::Cut, CUT_S),
            Phase::Cut => (Phase::Idle, IDLE_S),
            Phase::Idle => {
                self.parts += 1.0;
                if self.tool_age >= CHANGE_MIN {
                    (self.tool_age, self.wear_mm) = (0.0, 0.0);
                }
                // Hands and grippers are not clocks.
                (Phase::Load, LOAD_S * rng.between(0.95, 1.05))
            }
        };
    }

    /// Power that goes into the chip now [kW].
    fn cutting_kw(&mut self) -> f64 {
        if self.phase != Phase::Cut || self.feed_hold || self.speed < 0.5 * self.speed_sp {
            return 0.0;
        }
        if self.sharp_for != (self.feed_override, self.speed) {
            self.sharp_for = (self.feed_override, self.speed);
            let feed = FEED_MM * self.feed_override / 100.0;
            let v = std::f64::consts::PI * CUTTER_MM * self.speed / 1_000.0;
            self.sharp_kw =
                self.stock * power_kw(DEPTH_MM, feed, v, MILD_STEEL.kc_n_per_mm2(feed), EFFICIENCY);
        }
        self.sharp_kw * wear_force_factor(self.wear_mm, WEAR_GAIN)
    }

    /// Friction in the bearings now [W]; with a runaway it grows with every kelvin above the warm spindle.
    fn friction_w(&self) -> f64 {
        let turns = self.speed / SPEED_RPM;
        let warm_c = REFERENCE_C + self.warm_growth / growth_um(LENGTH_M, 1.0);
        let loop_w = if self.runaway > 0.0 {
            // A kelvin to begin with: without a first disturbance nothing runs away.
            self.runaway * (COOLANT_W_PER_K + AIR_W_PER_K) * (self.temp - warm_c + 1.0).max(0.0)
        } else {
            0.0
        };
        (FRICTION_W + loop_w) * turns
    }

    fn heat(&mut self, dt_s: f64, cut_kw: f64, air_c: f64, water_c: f64) {
        if self.convection.0 != self.coolant {
            self.convection = (self.coolant, convection_factor(self.coolant / COOLANT_L_PER_MIN));
        }
        let to_coolant = COOLANT_W_PER_K * self.convection.1;
        let ha = to_coolant + AIR_W_PER_K;
        let fluid = (to_coolant * water_c + AIR_W_PER_K * air_c) / ha;
        let heat = self.friction_w() + CUT_HEAT * cut_kw * 1_000.0;
        self.temp = lumped_after(self.temp, heat, ha, fluid, CAPACITY_J_PER_K, dt_s);
    }

    /// Velocity in the cut: beyond the limit it grows within a second to where the tool leaves the cut.
    fn vibrate(&mut self, dt_s: f64) -> f64 {
        let turning = if self.speed > 0.0 { IDLE_VIBRATION * self.speed / SPEED_RPM } else { 0.0 };
        let cutting = self.phase == Phase::Cut && self.speed > 0.5 * self.speed_sp && !self.feed_hold;
        let mut over = 0.0;
        if cutting && self.chatter > 0.0 {
            if self.limit_for != self.speed {
                self.limit_for = self.speed;
                self.limit_ratio = self.nominal_limit_m / MODE.limit_m(60.0 / (self.speed * TEETH));
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
        let turns = self.speed / SPEED_RPM;
        let cutting = self.phase == Phase::Cut && self.speed > 0.5 * self.speed_sp && !self.feed_hold;
        Vibration {
            rpm: self.speed,
            unbalance_mm_s: UNBALANCE_MM_S * unbalance_factor(self.speed, SPEED_RPM),
            misalignment_mm_s: 0.1 * turns,
            looseness_mm_s: 0.0,
            passing: (TEETH, if cutting { CUT_VIBRATION - UNBALANCE_MM_S } else { 0.0 }),
            tone: (MODE.frequency_hz, self.excess),
            shock_m_s2: SHOCK_PER_GE * self.bearing * turns,
            noise_m_s2: if cutting { CUT_NOISE } else { IDLE_NOISE * turns },
        }
    }

    fn harm(&mut self, growth: f64, cx: &mut Step<'_>) {
        if self.temp > SEIZURE_C && !self.seized {
            self.seized = true;
            cx.image.harm.push(Harm { what: "the spindle has seized" });
        }
        let bad = growth - self.warm_growth > TOLERANCE_UM
            || self.wear_mm > 2.0 * END_OF_LIFE_VB_MM
            || self.excess > 4.0;
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
        self.heat(cx.dt_s, cut_kw, cx.supply.air.temp_c, cx.supply.process_water.temp_c);
        let vibration = self.vibrate(cx.dt_s);
        let growth = growth_um(LENGTH_M, self.temp - REFERENCE_C);
        self.harm(growth, cx);
        let turns = self.speed / SPEED_RPM;
        let power = DRIVE_KW * turns + self.friction_w() / 1_000.0 + cut_kw;
        let to_coolant = COOLANT_W_PER_K * self.convection.1 * (self.temp - cx.supply.process_water.temp_c);
        let envelope = (BASE_ENVELOPE + self.bearing) * turns;
        let cutting = cut_kw > 0.0;
        let p = &self.points;
        cx.image.set(p.state, f64::from(self.phase as u8));
        cx.image.set(p.spindle_speed, self.speed);
        cx.image.set(p.spindle_speed_sp, self.speed_sp);
        cx.image.set(p.feed_override, self.feed_override);
        cx.image.set(p.feed_per_rev, if cutting { FEED_MM * self.feed_override / 100.0 } else { 0.0 });
        cx.image.set(p.depth, if cutting { DEPTH_MM } else { 0.0 });
        cx.image.set(p.power, power);
        cx.image.set(p.vibration_rms, vibration);
        cx.image.set(p.vibration_envelope, envelope);
        cx.image.set(p.temp, self.temp);
        cx.image.set(p.growth, growth);
        // A litre a minute of water carries 69.7 W for each kelvin.
        cx.image.set(
            p.coolant_temp,
            cx.supply.process_water.temp_c + to_coolant / (69.7 * self.coolant.max(0.2)),
        );
        cx.image.set(p.coolant_flow, self.coolant);
        cx.image.set(p.coolant_flow_sp, self.coolant_sp);
        cx.image.set(p.tool_age, self.tool_age);
        cx.image.set(p.parts, self.parts);
        cx.image.set(p.run_enable, f64::from(self.enabled));
        cx.image.set(p.feed_hold, f64::from(self.feed_hold));
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        let (slot, low, high) = match c.point.as_str() {
            "spindle_speed_sp" => (&mut self.speed_sp, 100.0, 12_000.0),
            "feed_override" => (&mut self.feed_override, 0.0, 150.0),
            "coolant_flow_sp" => (&mut self.coolant_sp, 0.0, 30.0),
            "run_enable" => {
                self.enabled = c.value != 0.0;
                return Ok(());
            }
            "feed_hold" => {
                self.feed_hold = c.value != 0.0;
                return Ok(());
            }
            _ => return Err(Refusal::NotWritable(c.point.clone())),
        };
        if !(low..=high).contains(&c.value) {
            return Err(Refusal::OutOfRange { point: c.point.clone(), value: c.value, low, high });
        }
        *slot = c.value;
        Ok(())
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "coolant_loss" => self.coolant_loss = size.min(1.0),
            "bearing_defect" => self.bearing = size,
            "tool_wear_accelerated" => self.wear_rate = size,
            "chatter" => self.chatter = size,
            "thermal_runaway" => self.runaway = size,
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn burst(&mut self, spec: &BurstSpec, rng: &mut Rng) -> Option<Vec<f64>> {
        // A spindle that is on its way up or down has no orders.
        if self.speed == 0.0 || self.speed != self.speed_sp {
            return None;
        }
        let bearing = spec.bearing.bearing();
        Some(self.vibration().burst(&bearing, Spall::Outer, spec.rate_hz, spec.samples as usize, rng))
    }

    fn service(&mut self) {
        (self.coolant_loss, self.bearing, self.wear_rate, self.chatter, self.runaway) =
            (0.0, 0.0, 0.0, 0.0, 0.0);
        (self.tool_age, self.wear_mm, self.seized) = (0.0, 0.0, false);
    }
}
