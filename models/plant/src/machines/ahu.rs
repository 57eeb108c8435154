//! An air handling unit: fan, filter and cooling coil that hold one bay's temperature, humidity and overpressure.
//!
//! ```text
//!   make-up --[damper]--+                                     supply
//!                       +--[filter]--[coil]--[steam]--[fan]----------> ( bay ) heat, leaks
//!   return  <-----------+     z Q      |UA                               |
//!      ^                            chilled water, valve                 |
//!      +-----------------------------------------------------------------+
//! ```

use aegis_models::physics::coil::{WATER_J_PER_KG_K, effectiveness, flow_factor};
use aegis_models::physics::fan::{Fan, electrical_power_w};
use aegis_models::physics::filter::loaded_impedance;
use aegis_models::physics::moist_air::{
    DENSITY_KG_PER_M3, HEAT_J_PER_KG_K, relative_pct, saturated_kg_per_kg,
};
use aegis_models::physics::vibration::unbalance_factor;
use aegis_models::{Command, PointIx, Profile, ThreatKind, Time};

use super::control::{Actuator, Pi, refuse, switch, take};
use crate::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind = Kind { name: "ahu", faults: FAULTS, build: |s| Box::new(Ahu::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "filter_clog",
        doc: "dust loads the filter: its impedance rises, the flow falls along the fan's curve",
        unit: "share of the clean impedance",
        typical: 1.0,
        threats: &[ThreatKind::FilterEndOfLife],
    },
    FaultSpec {
        name: "belt_slip",
        doc: "the belt slips: the wheel stays behind its set-point, and speed and flow fall together",
        unit: "% of speed",
        typical: 8.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
    FaultSpec {
        name: "motor_bearing_wear",
        doc: "friction and play: more current than the air takes, more vibration",
        unit: "mm/s of added velocity",
        typical: 2.5,
        threats: &[ThreatKind::BearingFailure],
    },
    FaultSpec {
        name: "coil_fouling",
        doc: "dirt on the fins: the coil passes less heat, and its valve opens further for the same cooling",
        unit: "% of conductance lost",
        typical: 35.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "valve_stuck",
        doc: "the cooling valve's stem jams: it no longer goes where it is told, and the bay drifts away",
        unit: "% of travel lost on the way to what it is told",
        typical: 35.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
    FaultSpec {
        name: "damper_stuck",
        doc: "the make-up damper jams half closed: less fresh air, and the bay loses its overpressure",
        unit: "% of travel lost on the way to what it is told",
        typical: 30.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
    FaultSpec {
        name: "chilled_water_warm",
        doc: "the chiller behind the coil gives warmer water: the valve opens, then the bay follows",
        unit: "K",
        typical: 3.0,
        threats: &[ThreatKind::CoolantFailure],
    },
];

/// Nominal fan: 18,000 m3/h through a clean filter at 900 rpm; coil and ducts are in the fall of its curve.
const FAN: Fan = Fan { p0_pa: 1_000.0, a_pa_s2_per_m6: 34.0, n0_rpm: 900.0 };
/// Flow at nominal speed through a clean filter [m3/s].
const NOMINAL_FLOW: f64 = 5.0;
/// Impedance of a clean filter [Pa s/m3]: 150 Pa at nominal flow.
const CLEAN_Z: f64 = 30.0;
/// Coil, ducts and housing that the motor carries beside the filter [Pa s2/m6].
const DUCTS: f64 = 34.0;
/// Air power over electrical power [-].
const EFFICIENCY: f64 = 0.55;
/// Power over current of the three-phase motor: root 3 x 400 V x 0.85 [V].
const VOLTS: f64 = 588.9;
/// Current that friction takes for each mm/s that a worn bearing adds [A].
const FRICTION_A_PER_MM_S: f64 = 0.6;
/// Velocity of a sound unit at nominal speed [mm/s RMS].
const BASE_VIBRATION: f64 = 1.1;
/// The drive follows its set-point with this time constant [s].
const DRIVE_TAU_S: f64 = 5.0;
/// Conductance of the clean coil at nominal flow [W/K].
const COIL_UA: f64 = 9_000.0;
/// Chilled water at a fully open valve [kg/s].
const WATER_KG_PER_S: f64 = 1.5;
/// Rangeability of the equal-percentage valve [-]: ln 30.
const LN_RANGE: f64 = 3.401_197_381_662_155;
/// Heat that a kilogram of vapour gives up when it condenses [J/kg].
const EVAPORATION_J_PER_KG: f64 = 2.45e6;
/// Full travel of valve and damper [s].
const TRAVEL_S: f64 = 90.0;
/// Make-up air comes treated: its mean, its swing over a day [degC], and its water [kg/kg].
const MAKE_UP_C: f64 = 24.0;
const MAKE_UP_SWING_K: f64 = 1.5;
const MAKE_UP_KG_PER_KG: f64 = 0.005;
/// Lamps, people, and what is not coupled to the unit below [W].
const BAY_HEAT_W: f64 = 25_000.0;
/// Air and furniture of the bay [J/K].
const BAY_HEAT_J_PER_K: f64 = 6.0e6;
/// Air in the bay [kg].
const BAY_AIR_KG: f64 = 1_200.0;
/// What tools and scrubbers draw off [m3/s].
const EXHAUST: f64 = 0.6;
/// Leakage of the bay: flow over the root of its overpressure [m3/s/Pa^0.5]: 0.4 m3/s at 20 Pa.
const LEAK: f64 = 0.089_44;
/// The steam that the humidifier gives at 100 % [kg/s].
const STEAM_KG_PER_S: f64 = 0.008;
/// Temperature control: gain [%/K] and reset time [s]; and the same for humidity, in % and seconds.
const COOLING: Pi = Pi { gain: 40.0, reset_s: 600.0, sum: 0.0 };
const HUMIDITY: Pi = Pi { gain: 4.0, reset_s: 600.0, sum: 0.0 };
/// A bay so far from its set-point [K] for ten minutes costs the lots in it.
const LOST_K: f64 = 2.0;

struct Points {
    airflow: PointIx,
    filter_dp: PointIx,
    fan_speed: PointIx,
    motor_current: PointIx,
    vibration: PointIx,
    mixed_temp: PointIx,
    coil_temp: PointIx,
    supply_temp: PointIx,
    water_temp: PointIx,
    water_flow: PointIx,
    valve_command: PointIx,
    valve_position: PointIx,
    damper_position: PointIx,
    bay_temp: PointIx,
    bay_humidity: PointIx,
    overpressure: PointIx,
    steam: PointIx,
    run_hours: PointIx,
    mode: PointIx,
    fan_speed_sp: PointIx,
    damper_sp: PointIx,
    bay_temp_sp: PointIx,
    bay_humidity_sp: PointIx,
    run_enable: PointIx,
    running: PointIx,
    motor_fault: PointIx,
}

struct Ahu {
    points: Points,
    /// Fan of this unit -- parameter, within 1 % of nominal.
    fan: Fan,
    /// Clean impedance of this unit's filter [Pa s/m3] -- parameter, within 2 %.
    clean_z: f64,
    /// Conductance of this unit's coil [W/K] -- parameter, within 3 %.
    clean_ua: f64,
    /// Heat of the bay [W] -- parameter, within 5 %.
    heat_w: f64,
    /// Set-points [rpm, %, degC, %] -- inputs.
    speed_sp: f64,
    damper_sp: f64,
    temp_sp: f64,
    humidity_sp: f64,
    enabled: bool,
    /// Speed [rpm] -- state.
    speed: f64,
    cooling: Pi,
    humidity: Pi,
    valve: Actuator,
    damper: Actuator,
    /// Bay [degC, kg/kg] -- state.
    bay_c: f64,
    bay_kg_per_kg: f64,
    /// Run time [s] -- state.
    run_s: f64,
    /// How long the bay has been too far away [s] -- state.
    lost_s: f64,
    /// Loading, slip, velocity [mm/s], share of conductance lost, warmth of the water [K] -- faults.
    clog: f64,
    slip: f64,
    bearing: f64,
    fouling: f64,
    warm_k: f64,
}

/// What the air does in one step, for the image.
struct Air {
    flow: f64,
    drop: f64,
    current: f64,
    mixed_c: f64,
    coil_c: f64,
    supply_c: f64,
    water_c: f64,
    water_kg_per_s: f64,
    valve: f64,
    steam: f64,
    overpressure: f64,
    /// Heat that the coil gives to its water, that of the water it sheds included [W].
    cooled_w: f64,
}

impl Ahu {
    fn new(setup: Setup<'_>) -> Ahu {
        let rng = setup.rng;
        let mut ahu = Ahu {
            points: Points::of(setup.profile),
            fan: Fan { p0_pa: FAN.p0_pa * rng.between(0.99, 1.01), ..FAN },
            clean_z: CLEAN_Z * rng.between(0.98, 1.02),
            clean_ua: COIL_UA * rng.between(0.97, 1.03),
            heat_w: BAY_HEAT_W * rng.between(0.95, 1.05),
            speed_sp: FAN.n0_rpm,
            damper_sp: 20.0,
            temp_sp: 22.0,
            humidity_sp: 45.0,
            enabled: true,
            speed: FAN.n0_rpm,
            cooling: Pi { sum: 75.0, ..COOLING },
            humidity: Pi { sum: 40.0, ..HUMIDITY },
            valve: Actuator { position: 75.0, travel_s: TRAVEL_S, lost: 0.0 },
            damper: Actuator { position: 20.0, travel_s: TRAVEL_S, lost: 0.0 },
            bay_c: 22.0,
            bay_kg_per_kg: 0.007_4,
            run_s: 3_600.0 * rng.between(1_000.0, 9_000.0),
            lost_s: 0.0,
            clog: 0.0,
            slip: 0.0,
            bearing: 0.0,
            fouling: 0.0,
            warm_k: 0.0,
        };
        let supply = crate::Supply::default();
        // It has run for hours when the twin begins: its bay and its controllers have settled.
        for s in 0..4 * 3_600 {
            ahu.live(Time::from_secs(s), 1.0, supply.chilled_water_c, 0.0);
        }
        ahu.lost_s = 0.0;
        ahu
    }

    fn live(&mut self, now: Time, dt_s: f64, supplied_c: f64, tools_w: f64) -> Air {
        let wanted = if self.enabled { self.speed_sp * (1.0 - self.slip) } else { 0.0 };
        self.speed += (wanted - self.speed) * (dt_s / (DRIVE_TAU_S + dt_s));
        if self.speed < 1.0 {
            self.speed = 0.0;
        }
        let z = loaded_impedance(self.clean_z, self.clog);
        let flow = self.fan.flow_m3_per_s(self.speed, z);
        let drop = z * flow;
        let power_w = electrical_power_w(drop + DUCTS * flow * flow, flow, EFFICIENCY);
        let friction = FRICTION_A_PER_MM_S * self.bearing * self.speed / FAN.n0_rpm;

        // Fresh air and the bay's own.
        self.damper.step(self.damper_sp, dt_s);
        let fresh = self.damper.position / 100.0;
        let day = std::f64::consts::TAU * (now.ns as f64 * 1e-9) / 86_400.0;
        let make_up_c = MAKE_UP_C + MAKE_UP_SWING_K * libm::sin(day);
        let mixed_c = fresh * make_up_c + (1.0 - fresh) * self.bay_c;
        let mixed_w = fresh * MAKE_UP_KG_PER_KG + (1.0 - fresh) * self.bay_kg_per_kg;

        // The coil, its valve held by the bay's temperature.
        let running = self.speed > 0.0;
        let told = if running { self.cooling.output(self.bay_c - self.temp_sp, dt_s) } else { 0.0 };
        self.valve.step(told, dt_s);
        let water_kg_per_s = WATER_KG_PER_S * libm::exp(LN_RANGE * (self.valve.position / 100.0 - 1.0));
        let water_c = supplied_c + self.warm_k;
        let air_w_per_k = DENSITY_KG_PER_M3 * HEAT_J_PER_KG_K * flow;
        let water_w_per_k = WATER_J_PER_KG_K * water_kg_per_s;
        let (least, most) = (air_w_per_k.min(water_w_per_k), air_w_per_k.max(water_w_per_k));
        let ua = self.clean_ua * (1.0 - self.fouling) * flow_factor(flow, NOMINAL_FLOW);
        let (coil_c, coil_w) = if least > 1.0 {
            let passed = effectiveness(ua / least, least / most) * least * (mixed_c - water_c);
            let leaving = mixed_c - passed / air_w_per_k;
            // The share of the air that meets the coil's surface (its contact factor) leaves at the surface's dew point
            // when it is wetter: what it carries beyond that stays as water.
            let contact = 1.0 - libm::exp(-ua / air_w_per_k);
            let surface_c = mixed_c - (mixed_c - leaving) / contact.max(0.05);
            let shed = contact * (mixed_w - saturated_kg_per_kg(surface_c)).max(0.0);
            (leaving, mixed_w - shed)
        } else {
            (mixed_c, mixed_w)
        };
        let supply_c = coil_c + power_w / air_w_per_k.max(1.0);

        // The bay.
        let humidity = relative_pct(self.bay_kg_per_kg, self.bay_c);
        let steam = if running { self.humidity.output(self.humidity_sp - humidity, dt_s) } else { 0.0 };
        let gained_w = self.heat_w + tools_w + air_w_per_k * (supply_c - self.bay_c);
        self.bay_c += gained_w * dt_s / BAY_HEAT_J_PER_K;
        let water_in = DENSITY_KG_PER_M3 * flow * (coil_w - self.bay_kg_per_kg);
        self.bay_kg_per_kg += (water_in + STEAM_KG_PER_S * steam / 100.0) * dt_s / BAY_AIR_KG;
        let left_over = (fresh * flow - EXHAUST).max(0.0);
        let overpressure = left_over * left_over / (LEAK * LEAK);
        if running {
            self.run_s += dt_s;
        }
        let current = power_w / VOLTS + if running { friction } else { 0.0 };
        let valve = told;
        Air {
            flow,
            drop,
            current,
            mixed_c,
            coil_c,
            supply_c,
            water_c,
            water_kg_per_s,
            valve,
            steam,
            overpressure,
            cooled_w: air_w_per_k * (mixed_c - coil_c)
                + DENSITY_KG_PER_M3 * flow * (mixed_w - coil_w) * EVAPORATION_J_PER_KG,
        }
    }
}

impl Points {
    fn of(profile: &Profile) -> Points {
        let p = |id| profile.point_ix(id).unwrap_or_else(|| panic!("profile ahu has a point {id}"));
        Points {
            airflow: p("airflow"),
            filter_dp: p("filter_dp"),
            fan_speed: p("fan_speed"),
            motor_current: p("motor_current"),
            vibration: p("vibration"),
            mixed_temp: p("mixed_temp"),
            coil_temp: p("coil_temp"),
            supply_temp: p("supply_temp"),
            water_temp: p("water_temp"),
            water_flow: p("water_flow"),
            valve_command: p("valve_command"),
            valve_position: p("valve_position"),
            damper_position: p("damper_position"),
            bay_temp: p("bay_temp"),
            bay_humidity: p("bay_humidity"),
            overpressure: p("overpressure"),
            steam: p("steam"),
            run_hours: p("run_hours"),
            mode: p("mode"),
            fan_speed_sp: p("fan_speed_sp"),
            damper_sp: p("damper_sp"),
            bay_temp_sp: p("bay_temp_sp"),
            bay_humidity_sp: p("bay_humidity_sp"),
            run_enable: p("run_enable"),
            running: p("running"),
            motor_fault: p("motor_fault"),
        }
    }
}

impl Machine for Ahu {
    fn step(&mut self, cx: &mut Step<'_>) {
        let air = self.live(cx.now, cx.dt_s, cx.supply.chilled_water_c, cx.supply.load.air_w);
        cx.given.air.temp_c = Some(self.bay_c);
        cx.given.air.humidity_pct = Some(relative_pct(self.bay_kg_per_kg, self.bay_c));
        cx.given.air.overpressure_pa = Some(air.overpressure);
        cx.given.takes.water_w = air.cooled_w;
        let off = (self.bay_c - self.temp_sp).abs() > LOST_K;
        self.lost_s = if off { self.lost_s + cx.dt_s } else { 0.0 };
        if self.lost_s >= 600.0 && self.lost_s - cx.dt_s < 600.0 {
            cx.image
                .harm
                .push(Harm { what: "ten minutes 2 K beside the bay's temperature: its lots are scrap" });
        }
        let p = &self.points;
        cx.image.set(p.airflow, air.flow * 3_600.0);
        cx.image.set(p.filter_dp, air.drop);
        cx.image.set(p.fan_speed, self.speed);
        cx.image.set(p.motor_current, air.current);
        let vibration = (BASE_VIBRATION + self.bearing) * unbalance_factor(self.speed, FAN.n0_rpm);
        cx.image.set(p.vibration, vibration);
        cx.image.set(p.mixed_temp, air.mixed_c);
        cx.image.set(p.coil_temp, air.coil_c);
        cx.image.set(p.supply_temp, air.supply_c);
        cx.image.set(p.water_temp, air.water_c);
        cx.image.set(p.water_flow, air.water_kg_per_s * 60.0);
        cx.image.set(p.valve_command, air.valve);
        cx.image.set(p.valve_position, self.valve.position);
        cx.image.set(p.damper_position, self.damper.position);
        cx.image.set(p.bay_temp, self.bay_c);
        cx.image.set(p.bay_humidity, relative_pct(self.bay_kg_per_kg, self.bay_c));
        cx.image.set(p.overpressure, air.overpressure);
        cx.image.set(p.steam, air.steam);
        cx.image.set(p.run_hours, self.run_s / 3_600.0);
        let mode = match (self.speed > 0.0, air.valve > 0.0) {
            (false, _) => 0.0,
            (true, false) => 1.0,
            (true, true) => 2.0,
        };
        cx.image.set(p.mode, mode);
        cx.image.set(p.fan_speed_sp, self.speed_sp);
        cx.image.set(p.damper_sp, self.damper_sp);
        cx.image.set(p.bay_temp_sp, self.temp_sp);
        cx.image.set(p.bay_humidity_sp, self.humidity_sp);
        cx.image.set(p.run_enable, f64::from(self.enabled));
        cx.image.set(p.running, f64::from(self.speed > 0.0));
        cx.image.set(p.motor_fault, 0.0);
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "fan_speed_sp" => take(c, &mut self.speed_sp, [0.0, 1_200.0]),
            "damper_sp" => take(c, &mut self.damper_sp, [0.0, 100.0]),
            "bay_temp_sp" => take(c, &mut self.temp_sp, [18.0, 26.0]),
            "bay_humidity_sp" => take(c, &mut self.humidity_sp, [30.0, 60.0]),
            "run_enable" => switch(c, &mut self.enabled),
            _ => refuse(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        let share = (size / 100.0).min(1.0);
        match fault.name.as_str() {
            "filter_clog" => self.clog = size,
            "belt_slip" => self.slip = share,
            "motor_bearing_wear" => self.bearing = size,
            "coil_fouling" => self.fouling = share.min(0.95),
            "valve_stuck" => self.valve.lost = share,
            "damper_stuck" => self.damper.lost = share,
            "chilled_water_warm" => self.warm_k = size,
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.clog, self.slip, self.bearing, self.fouling, self.warm_k) = (0.0, 0.0, 0.0, 0.0, 0.0);
        (self.valve.lost, self.damper.lost) = (0.0, 0.0);
    }
}
