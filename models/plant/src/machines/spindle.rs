//! The spindle of a machine tool, and the edge that cuts at it: what mills and lathes have in common.
//!
//! ```text
//!   friction + share of the cut -> [ C, T ] --hA(V)--> coolant V, process water
//!                                    |
//!                      growth = alpha L (T - 20)
//! ```

use aegis_models::Rng;
use aegis_models::physics::thermal::{convection_factor, growth_um, lumped_after};
use aegis_models::physics::tool_life::{END_OF_LIFE_VB_MM, life_at_speed, wear_force_factor};
use aegis_models::profile::BurstSpec;

use crate::vibration::{Spall, Vibration};

/// Temperature at which a length was set to zero [degC].
pub(super) const REFERENCE_C: f64 = 20.0;
/// A spindle seizes at this temperature [degC].
const SEIZURE_C: f64 = 90.0;
/// A pump follows its set-point with this time constant [s].
const PUMP_TAU_S: f64 = 2.0;
/// Heat that a litre a minute of water carries for each kelvin [W min/(l K)].
const WATER_W_PER_K: f64 = 69.7;

/// What a spindle is built as.
#[derive(Clone, Copy)]
pub(super) struct Design {
    /// Nominal speed [rpm].
    pub(super) speed_rpm: f64,
    /// Time constant of its drive [s].
    pub(super) drive_tau_s: f64,
    /// Friction in its warm bearings at nominal speed [W].
    pub(super) friction_w: f64,
    /// Share of the cutting power that reaches it as heat [-].
    pub(super) cut_heat: f64,
    /// Heat capacity [J/K]; conductance to coolant at nominal flow and to the air [W/K].
    pub(super) capacity_j_per_k: f64,
    pub(super) coolant_w_per_k: f64,
    pub(super) air_w_per_k: f64,
    /// Nominal coolant flow [l/min].
    pub(super) coolant_l_per_min: f64,
    /// Length that grows [m].
    pub(super) length_m: f64,
}

/// A spindle with its coolant.
pub(super) struct Spindle {
    design: Design,
    /// Speed [rpm], temperature [degC], coolant flow [l/min] -- state.
    pub(super) speed: f64,
    pub(super) temp: f64,
    pub(super) coolant: f64,
    /// The convection factor of a flow, kept while it does not change [l/min, -].
    convection: (f64, f64),
    /// Growth of the warm spindle [um] -- state, slow.
    pub(super) warm_growth: f64,
    pub(super) seized: bool,
    /// Faults: share of the flow that is lost, friction added by a kelvin over what cooling takes away by one.
    pub(super) coolant_loss: f64,
    pub(super) runaway: f64,
}

impl Spindle {
    /// One that stands, warm.
    pub(super) fn new(design: Design) -> Spindle {
        Spindle {
            design,
            speed: 0.0,
            temp: 30.0,
            coolant: design.coolant_l_per_min,
            convection: (design.coolant_l_per_min, 1.0),
            warm_growth: 0.0,
            seized: false,
            coolant_loss: 0.0,
            runaway: 0.0,
        }
    }

    /// Drive and pump on their way to what they are told [rpm, l/min].
    pub(super) fn follow(&mut self, wanted: f64, coolant_sp: f64, dt_s: f64) {
        self.speed += (wanted - self.speed) * (dt_s / (self.design.drive_tau_s + dt_s));
        if self.speed < 1.0 {
            self.speed = 0.0;
        } else if (self.speed - wanted).abs() < 0.5 {
            self.speed = wanted;
        }
        let flow = coolant_sp * (1.0 - self.coolant_loss);
        self.coolant += (flow - self.coolant) * (dt_s / (PUMP_TAU_S + dt_s));
        if (self.coolant - flow).abs() < 1e-3 {
            self.coolant = flow;
        }
    }

    /// Speed over nominal [-].
    pub(super) fn turns(&self) -> f64 {
        self.speed / self.design.speed_rpm
    }

    /// Friction in the bearings now [W]; with a runaway it grows with every kelvin above the warm spindle.
    pub(super) fn friction_w(&self) -> f64 {
        let d = &self.design;
        let warm_c = REFERENCE_C + self.warm_growth / growth_um(d.length_m, 1.0);
        let loop_w = if self.runaway > 0.0 {
            // A kelvin to begin with: without a first disturbance nothing runs away.
            self.runaway * (d.coolant_w_per_k + d.air_w_per_k) * (self.temp - warm_c + 1.0).max(0.0)
        } else {
            0.0
        };
        (d.friction_w + loop_w) * self.turns()
    }

    /// Warms and cools for a while, at that cutting power [kW], air and water [degC]. True when it seizes.
    pub(super) fn heat(&mut self, dt_s: f64, cut_kw: f64, air_c: f64, water_c: f64) -> bool {
        let d = self.design;
        if self.convection.0 != self.coolant {
            self.convection = (self.coolant, convection_factor(self.coolant / d.coolant_l_per_min));
        }
        let to_coolant = d.coolant_w_per_k * self.convection.1;
        let ha = to_coolant + d.air_w_per_k;
        let fluid = (to_coolant * water_c + d.air_w_per_k * air_c) / ha;
        let heat = self.friction_w() + d.cut_heat * cut_kw * 1_000.0;
        self.temp = lumped_after(self.temp, heat, ha, fluid, d.capacity_j_per_k, dt_s);
        let seizes = self.temp > SEIZURE_C && !self.seized;
        self.seized |= seizes;
        seizes
    }

    /// Heat that goes into the coolant now [W].
    pub(super) fn to_coolant_w(&self, water_c: f64) -> f64 {
        self.design.coolant_w_per_k * self.convection.1 * (self.temp - water_c)
    }

    /// Coolant on its way back [degC].
    pub(super) fn coolant_c(&self, water_c: f64) -> f64 {
        water_c + self.to_coolant_w(water_c) / (WATER_W_PER_K * self.coolant.max(0.2))
    }

    /// Growth now [um].
    pub(super) fn growth(&self) -> f64 {
        growth_um(self.design.length_m, self.temp - REFERENCE_C)
    }

    /// A waveform of that vibration, from a race that is spalled where it stands. There is none while the shaft is on its
    /// way to the speed that it is told [rpm]: it has no orders then.
    pub(super) fn burst(
        &self,
        told: f64,
        v: &Vibration,
        spec: &BurstSpec,
        rng: &mut Rng,
    ) -> Option<Vec<f64>> {
        (self.speed > 0.0 && self.speed == told)
            .then(|| v.burst(&spec.bearing.bearing(), Spall::Outer, spec.rate_hz, spec.samples as usize, rng))
    }

    /// A crew makes good what has failed.
    pub(super) fn service(&mut self) {
        (self.coolant_loss, self.runaway, self.seized) = (0.0, 0.0, false);
    }
}

/// How long an edge is planned to cut.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// Planned life at nominal speed, and when it is changed [min of cutting].
    pub(super) life_min: f64,
    pub(super) change_min: f64,
    /// Taylor's exponent [-], and force of an edge at its end over a sharp one, less one [-].
    pub(super) taylor_n: f64,
    pub(super) wear_gain: f64,
}

/// A cutting edge.
pub(super) struct Edge {
    plan: Plan,
    /// Cutting time and flank wear [min, mm] -- state.
    pub(super) age: f64,
    pub(super) wear_mm: f64,
    /// Fault: times the planned rate of wear, beyond the plan.
    pub(super) faster: f64,
}

impl Edge {
    /// One that has cut so long [min].
    pub(super) fn aged(plan: Plan, age: f64) -> Edge {
        Edge { plan, age, wear_mm: END_OF_LIFE_VB_MM * age / plan.life_min, faster: 0.0 }
    }

    /// Cuts for a while at that speed over nominal.
    pub(super) fn cut(&mut self, dt_s: f64, turns: f64) {
        let minutes = dt_s / 60.0;
        self.age += minutes;
        let life = if turns == 1.0 {
            self.plan.life_min
        } else {
            life_at_speed(self.plan.life_min, turns, self.plan.taylor_n)
        };
        self.wear_mm += END_OF_LIFE_VB_MM / life * minutes * (1.0 + self.faster);
    }

    /// Changed when its plan says so.
    pub(super) fn change_when_due(&mut self) {
        if self.age >= self.plan.change_min {
            self.renew();
        }
    }

    /// A new one.
    pub(super) fn renew(&mut self) {
        (self.age, self.wear_mm) = (0.0, 0.0);
    }

    /// Force over that of a sharp one [-].
    pub(super) fn force(&self) -> f64 {
        wear_force_factor(self.wear_mm, self.plan.wear_gain)
    }

    /// So worn that parts come out of tolerance.
    pub(super) fn spent(&self) -> bool {
        self.wear_mm > 2.0 * END_OF_LIFE_VB_MM
    }
}
