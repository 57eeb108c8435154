//! A water chiller with its process water loop: chilled water at 7 degC for coils, process water at 18 degC for tools.
//!
//! ```text
//!   tower water --> ( condenser ) tc, subcooling
//!                       |    ^
//!                    [liquid] [compressor] vanes, power, vibration
//!                       v    |
//!    chilled     ( evaporator ) te, superheat
//!    return --->                  ---> supply 7 degC --+--> coils
//!                                                      +--[valve]--> plate exchanger
//!                    tools <--[pump]<-- 18 degC <----------------- process water return
//! ```

use aegis_models::physics::chiller::{capacity_factor, power_factor, shell_effectiveness};
use aegis_models::physics::coil::WATER_J_PER_KG_K;
use aegis_models::physics::plate;
use aegis_models::physics::pump::{Pump, power_kw};
use aegis_models::physics::refrigerant::saturation_kpa;
use aegis_models::physics::vibration::unbalance_factor;
use aegis_models::{Command, Rng, ThreatKind, Time};

use super::control::{Actuator, Pi, Second, Strain, Wander, points, refuse, switch, take};
use crate::supply::ProcessWater;
use crate::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind = Kind { name: "chiller", faults: FAULTS, build: |s| Box::new(Chiller::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "condenser_fouling",
        doc: "scale in the condenser's tubes: it condenses warmer for the same heat, and the compressor takes more power",
        unit: "% of conductance lost",
        typical: 40.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "refrigerant_loss",
        doc: "refrigerant leaks out: subcooling goes first, then the evaporator runs dry and superheat and approach rise",
        unit: "% of the charge lost",
        typical: 20.0,
        threats: &[ThreatKind::CoolantFailure],
    },
    FaultSpec {
        name: "compressor_bearing",
        doc: "a race of the compressor's bearing spalls: impacts in the envelope, then velocity and warm oil",
        unit: "mm/s of added velocity",
        typical: 2.5,
        threats: &[ThreatKind::BearingFailure],
    },
    FaultSpec {
        name: "pump_cavitation",
        doc: "the process water pump draws vapour: it gives less than its curve, hisses in the envelope, and runs up",
        unit: "% of pressure lost",
        typical: 15.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "valve_stuck",
        doc: "the process water's valve jams: it no longer goes where it is told, and the process water warms",
        unit: "% of travel lost on the way to what it is told",
        typical: 70.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
    FaultSpec {
        name: "plate_fouling",
        doc: "slime on the plates between chilled and process water: the valve opens further for the same cooling",
        unit: "% of conductance lost",
        typical: 30.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
];

/// Capacity and power at 6.67 degC leaving and 29.4 degC entering [kW]: a COP of 5.5.
const CAPACITY_KW: f64 = 1_100.0;
const POWER_KW: f64 = 200.0;
/// Waters through evaporator and condenser [l/s].
const CHILLED_L_PER_S: f64 = 30.0;
const TOWER_L_PER_S: f64 = 45.0;
/// Conductance of the sound shells and plates [kW/K].
const EVAPORATOR_UA: f64 = 190.0;
const CONDENSER_UA: f64 = 225.0;
const PLATE_UA: f64 = 40.0;
/// Nominal duty [kW]: coils of the building, tools on process water.
const COILS_KW: f64 = 400.0;
const TOOLS_KW: f64 = 250.0;
/// Process water at which the first tools stop themselves [degC]; ten kelvin more, and the last has.
const TOOLS_STOP_C: f64 = 26.0;
/// Water in the chilled and the process loop [kg].
const CHILLED_KG: f64 = 9_000.0;
const PROCESS_KG: f64 = 3_500.0;
/// Tower water over a day [degC].
const TOWER_C: f64 = 25.5;
const TOWER_SWING_K: f64 = 1.5;
/// Process water pump; its efficiency; pressure that it holds [kPa]; nominal flow [l/s].
const PUMP: Pump = Pump { p0_kpa: 480.0, a: 0.62, n0_rpm: 2_900.0 };
const PUMP_EFFICIENCY: f64 = 0.62;
const PROCESS_KPA: f64 = 300.0;
const PROCESS_L_PER_S: f64 = 12.0;
/// The drive's highest speed [rpm].
const PUMP_MOST_RPM: f64 = 3_200.0;
/// Chilled water through the plates at a fully open valve, and at nominal duty [l/s].
const VALVE_L_PER_S: f64 = 14.0;
const PLATE_L_PER_S: f64 = 5.0;
/// Liquid and suction of a sound charge [K].
const SUBCOOLING_K: f64 = 5.0;
const SUPERHEAT_K: f64 = 2.0;
/// Velocity [mm/s RMS] and envelope [m/s2] of sound compressor and pump.
const COMPRESSOR_MM_S: f64 = 1.3;
const COMPRESSOR_ENVELOPE: f64 = 1.6;
const PUMP_MM_S: f64 = 1.1;
const PUMP_ENVELOPE: f64 = 0.9;
/// Oil of a sound compressor over its condensing temperature [K], and what a mm/s of a worn bearing adds [K].
const OIL_K: f64 = 18.0;
const OIL_K_PER_MM_S: f64 = 2.0;
/// Condensing temperature from which the vanes are held back [degC].
const HEAD_LIMIT_C: f64 = 44.0;
/// Mains over nominal below which the starter drops out, and how long the compressor then waits [s].
const DROP_OUT: f64 = 0.8;
const ANTI_RECYCLE_S: f64 = 180.0;
/// Process water so far from its set-point [K] for fifteen minutes costs the lots that it should cool.
const LOST_K: f64 = 2.0;

points!("chiller":
    chw_supply_temp, chw_return_temp, chw_flow, cw_entering_temp, cw_leaving_temp, cw_flow, evap_pressure,
    cond_pressure, liquid_temp, suction_temp, power, vanes, oil_temp, compressor_vibration, compressor_envelope,
    pcw_supply_temp, pcw_return_temp, pcw_flow, plate_flow, valve_command, valve_position, pump_speed, pump_pressure,
    pump_power, pump_vibration, pump_envelope, run_hours, mode, chw_temp_sp, pcw_temp_sp, pcw_pressure_sp, run_enable,
    running,
);

struct Chiller {
    points: Points,
    /// This unit's shells, plates [kW/K], pump and compressor -- parameters, within 1 to 3 %.
    evaporator_ua: f64,
    condenser_ua: f64,
    plate_ua: f64,
    pump: Pump,
    power_kw: f64,
    /// Set-points [degC, degC, kPa] -- inputs.
    chilled_sp: f64,
    process_sp: f64,
    pressure_sp: f64,
    enabled: bool,
    /// Waters on their way back [degC] -- state.
    chilled_return_c: f64,
    process_return_c: f64,
    /// Waters that leave [degC] -- state.
    chilled_c: f64,
    process_c: f64,
    condensing_c: f64,
    oil_c: f64,
    cooling: Pi,
    vanes: Actuator,
    mixing: Pi,
    valve: Actuator,
    /// Pump's drive [rpm] and flow [l/s] -- state.
    pump_rpm: f64,
    process_l_per_s: f64,
    coils: Wander,
    tools: Wander,
    circuit: Wander,
    /// The compressor stays off until this has run down [s] -- state.
    wait_s: f64,
    run_s: f64,
    second: Second,
    /// Shares lost and added velocity [mm/s] -- faults.
    fouling: f64,
    leaked: f64,
    bearing: f64,
    cavitation: f64,
    plate_fouling: f64,
    /// How much each has suffered [share h, mm/s h, s] -- state.
    scale: Strain,
    winding: Strain,
    race: Strain,
    impeller: Strain,
    lost: Strain,
}

/// What one second comes to, for the image.
#[derive(Default)]
struct Cycle {
    entering_c: f64,
    leaving_c: f64,
    evaporating_c: f64,
    subcooling: f64,
    superheat: f64,
    power_kw: f64,
    plate_l_per_s: f64,
    told: f64,
}

impl Chiller {
    fn new(setup: Setup<'_>) -> Chiller {
        let rng = setup.rng;
        let mut chiller = Chiller {
            points: Points::of(setup.profile),
            evaporator_ua: EVAPORATOR_UA * rng.between(0.97, 1.03),
            condenser_ua: CONDENSER_UA * rng.between(0.97, 1.03),
            plate_ua: PLATE_UA * rng.between(0.97, 1.03),
            pump: Pump { p0_kpa: PUMP.p0_kpa * rng.between(0.99, 1.01), ..PUMP },
            power_kw: POWER_KW * rng.between(0.98, 1.02),
            chilled_sp: 7.0,
            process_sp: 18.0,
            pressure_sp: PROCESS_KPA,
            enabled: true,
            chilled_return_c: 12.2,
            process_return_c: 23.0,
            chilled_c: 7.0,
            process_c: 18.0,
            condensing_c: 31.0,
            oil_c: 49.0,
            cooling: Pi { gain: 3.0, reset_s: 120.0, sum: 58.0 },
            vanes: Actuator { position: 58.0, travel_s: 90.0, lost: 0.0 },
            mixing: Pi { gain: 2.0, reset_s: 40.0, sum: 36.0 },
            valve: Actuator { position: 36.0, travel_s: 60.0, lost: 0.0 },
            pump_rpm: 2_610.0,
            process_l_per_s: PROCESS_L_PER_S,
            coils: Wander::new(8.0, 900.0),
            tools: Wander::new(4.0, 600.0),
            circuit: Wander::new(0.01, 600.0),
            wait_s: 0.0,
            run_s: 3_600.0 * rng.between(2_000.0, 30_000.0),
            second: Second::default(),
            fouling: 0.0,
            leaked: 0.0,
            bearing: 0.0,
            cavitation: 0.0,
            plate_fouling: 0.0,
            scale: Strain::default(),
            winding: Strain::default(),
            race: Strain::default(),
            impeller: Strain::default(),
            lost: Strain::default(),
        };
        // It has run for hours when the twin begins.
        for s in 0..2 * 3_600 {
            chiller.live(Time::from_secs(s), 1.0, 0.0, rng);
        }
        chiller
    }

    /// Whether the compressor turns.
    fn turns(&self) -> bool {
        self.enabled && self.wait_s <= 0.0
    }

    fn live(&mut self, now: Time, dt_s: f64, coupled_kw: f64, rng: &mut Rng) -> Cycle {
        let c = WATER_J_PER_KG_K / 1_000.0;
        // A machine tells only the sum of what it puts into water: half of it is taken for coils, half for tools.
        let coils_kw = COILS_KW + self.coils.step(rng, dt_s) + 0.5 * coupled_kw;
        // Tools stop by themselves when their water is warm.
        let cold = (1.0 - (self.process_c - TOOLS_STOP_C) / 10.0).clamp(0.0, 1.0);
        let tools_kw = cold * (TOOLS_KW + self.tools.step(rng, dt_s) + 0.5 * coupled_kw);
        let opening = 1.0 + self.circuit.step(rng, dt_s);
        self.wait_s = (self.wait_s - dt_s).max(0.0);

        // The process water's pump holds the pressure over the tools' circuit.
        let k = PROCESS_KPA / (PROCESS_L_PER_S * PROCESS_L_PER_S) * opening;
        let told = if self.enabled { self.speed_for(k) } else { 0.0 };
        self.pump_rpm += (told - self.pump_rpm) * dt_s / (5.0 + dt_s);
        self.process_l_per_s = self.pump.flow_l_per_s(self.pump_rpm, k, 0.0, self.cavitation);

        // The plates, their valve held by the process water's temperature.
        let told = self.mixing.output(self.process_c - self.process_sp, dt_s);
        self.valve.step(told, dt_s);
        let plate_l_per_s = VALVE_L_PER_S * self.valve.position / 100.0;
        let flows = plate::flow_factor(self.process_l_per_s / PROCESS_L_PER_S, plate_l_per_s / PLATE_L_PER_S);
        let ua = self.plate_ua * (1.0 - self.plate_fouling) * flows;
        let passed_kw =
            plate::heat_kw(ua, self.process_l_per_s, plate_l_per_s, self.process_return_c, self.chilled_c);
        let process_kw_per_k = c * self.process_l_per_s.max(0.5);
        self.process_c = self.process_return_c - passed_kw / process_kw_per_k;
        let back = process_kw_per_k * (self.process_c - self.process_return_c) + tools_kw;
        self.process_return_c += back * dt_s / (PROCESS_KG * c);

        let cycle = self.refrigerate(now, dt_s);
        let back = c * CHILLED_L_PER_S * (self.chilled_c - self.chilled_return_c) + coils_kw + passed_kw;
        self.chilled_return_c += back * dt_s / (CHILLED_KG * c);
        self.run_s += if self.turns() { dt_s } else { 0.0 };
        Cycle { plate_l_per_s, told, ..cycle }
    }

    /// The speed that gives the wanted pressure through the circuit [rpm].
    fn speed_for(&self, k: f64) -> f64 {
        let flow = (self.pressure_sp / k).sqrt();
        let own = (self.pressure_sp + self.pump.a * flow * flow) / (1.0 - self.cavitation).max(0.05);
        (self.pump.n0_rpm * (own / self.pump.p0_kpa).sqrt()).min(PUMP_MOST_RPM)
    }

    fn refrigerate(&mut self, now: Time, dt_s: f64) -> Cycle {
        let c = WATER_J_PER_KG_K / 1_000.0;
        let day = std::f64::consts::TAU * (now.ns as f64 * 1e-9) / 86_400.0;
        let entering_c = TOWER_C + TOWER_SWING_K * libm::sin(day);
        let (chilled, tower) = (c * CHILLED_L_PER_S, c * TOWER_L_PER_S);
        let dry = (self.leaked - 0.05).max(0.0);
        let evaporator = shell_effectiveness(self.evaporator_ua * (1.0 - 1.5 * dry).max(0.1) / chilled);
        let condenser = shell_effectiveness(self.condenser_ua * (1.0 - self.fouling) / tower);
        let sound = shell_effectiveness(self.condenser_ua / tower);

        // Vanes by the chilled water's temperature, held back by the condensing temperature.
        let told = self.cooling.output(self.chilled_c - self.chilled_sp, dt_s);
        let allowed = 100.0 * (1.0 - 0.2 * (self.condensing_c - HEAD_LIMIT_C)).clamp(0.15, 1.0);
        self.vanes.step(if self.turns() { told.min(allowed) } else { 0.0 }, dt_s);

        // The entering water that a sound condenser would need to condense where this one does.
        let heat = self.condensing_c - entering_c;
        let as_if_c = self.condensing_c - heat * condenser / sound;
        let full_kw = CAPACITY_KW * capacity_factor(self.chilled_c, as_if_c) * (1.0 - 1.2 * dry).max(0.05);
        let load_kw = full_kw * self.vanes.position / 100.0;
        let share = load_kw / (CAPACITY_KW * capacity_factor(self.chilled_c, as_if_c));
        let power_kw = if self.vanes.position > 1.0 {
            self.power_kw * power_factor(self.chilled_c, as_if_c, share)
        } else {
            0.0
        };
        self.chilled_c = self.chilled_return_c - load_kw / chilled;
        let evaporating_c = self.chilled_return_c - load_kw / (chilled * evaporator);
        let leaving_c = entering_c + (load_kw + power_kw) / tower;
        let condensing_c = entering_c + (load_kw + power_kw) / (tower * condenser);
        self.condensing_c = condensing_c;
        let oil_c = self.condensing_c + OIL_K + OIL_K_PER_MM_S * self.bearing;
        self.oil_c += (oil_c - self.oil_c) * dt_s / (600.0 + dt_s);
        let subcooling = SUBCOOLING_K * (1.0 - self.leaked / 0.16).max(0.0);
        let superheat = SUPERHEAT_K + 30.0 * (self.leaked - 0.08).max(0.0);
        Cycle { entering_c, leaving_c, evaporating_c, subcooling, superheat, power_kw, ..Cycle::default() }
    }

    fn suffer(&mut self, dt_s: f64, harm: &mut Vec<Harm>) {
        let hours = dt_s / 3_600.0;
        if self.scale.reaches(hours * (self.fouling - 0.2).max(0.0), 0.2 * 6.0) {
            harm.push(Harm {
                what: "six hours at high head: the scale has set, and the condenser's tubes pit under it",
            });
        }
        if self.winding.reaches(hours * (self.leaked - 0.1).max(0.0), 0.1 * 4.0) {
            harm.push(Harm {
                what: "four hours short of refrigerant: the motor that its gas cools has burnt its winding",
            });
        }
        if self.race.reaches(hours * self.bearing, 2.5 * 3.0) {
            harm.push(Harm { what: "three hours on a spalled race: the compressor's bearing has seized" });
        }
        if self.impeller.reaches(hours * self.cavitation, 0.15 * 4.0) {
            harm.push(Harm { what: "four hours of cavitation: the process water pump's impeller is eaten" });
        }
        let off = (self.process_c - self.process_sp).abs() > LOST_K && self.enabled;
        if !off {
            self.lost.sum = 0.0;
        } else if self.lost.reaches(dt_s, 900.0) {
            harm.push(Harm {
                what: "a quarter of an hour 2 K beside the process water's temperature: lots are scrap",
            });
        }
    }

    fn show(&self, y: &Cycle, image: &mut crate::Image) {
        let p = &self.points;
        let turns = self.vanes.position > 1.0;
        let speed = self.pump_rpm / self.pump.n0_rpm;
        let flow = self.process_l_per_s;
        let own =
            self.pump.pressure_kpa(self.pump_rpm, flow) - self.cavitation * self.pump.p0_kpa * speed * speed;
        image.set(p.chw_supply_temp, self.chilled_c);
        image.set(p.chw_return_temp, self.chilled_return_c);
        image.set(p.chw_flow, CHILLED_L_PER_S);
        image.set(p.cw_entering_temp, y.entering_c);
        image.set(p.cw_leaving_temp, y.leaving_c);
        image.set(p.cw_flow, TOWER_L_PER_S);
        image.set(p.evap_pressure, saturation_kpa(y.evaporating_c));
        image.set(p.cond_pressure, saturation_kpa(self.condensing_c));
        image.set(p.liquid_temp, self.condensing_c - y.subcooling);
        image.set(p.suction_temp, y.evaporating_c + y.superheat);
        image.set(p.power, y.power_kw);
        image.set(p.vanes, self.vanes.position);
        image.set(p.oil_temp, self.oil_c);
        let sound = f64::from(turns);
        image.set(p.compressor_vibration, sound * (COMPRESSOR_MM_S + self.bearing));
        // A spalled race rings long before it moves the housing.
        image.set(p.compressor_envelope, sound * (COMPRESSOR_ENVELOPE + 4.0 * self.bearing));
        image.set(p.pcw_supply_temp, self.process_c);
        image.set(p.pcw_return_temp, self.process_return_c);
        image.set(p.pcw_flow, flow);
        image.set(p.plate_flow, y.plate_l_per_s);
        image.set(p.valve_command, y.told);
        image.set(p.valve_position, self.valve.position);
        image.set(p.pump_speed, self.pump_rpm);
        image.set(p.pump_pressure, own.max(0.0));
        image.set(p.pump_power, power_kw(own.max(0.0), flow, PUMP_EFFICIENCY));
        let hiss = 40.0 * self.cavitation;
        image.set(
            p.pump_vibration,
            (PUMP_MM_S + 0.1 * hiss) * unbalance_factor(self.pump_rpm, self.pump.n0_rpm),
        );
        image.set(p.pump_envelope, (PUMP_ENVELOPE + hiss) * speed);
        image.set(p.run_hours, self.run_s / 3_600.0);
        image.set(
            p.mode,
            if !self.enabled {
                0.0
            } else if self.wait_s > 0.0 {
                1.0
            } else {
                2.0
            },
        );
        image.set(p.chw_temp_sp, self.chilled_sp);
        image.set(p.pcw_temp_sp, self.process_sp);
        image.set(p.pcw_pressure_sp, self.pressure_sp);
        image.set(p.run_enable, f64::from(self.enabled));
        image.set(p.running, sound);
    }
}

impl Machine for Chiller {
    fn step(&mut self, cx: &mut Step<'_>) {
        if cx.supply.mains < DROP_OUT && self.turns() {
            self.wait_s = ANTI_RECYCLE_S;
        }
        if self.second.full(cx.dt_s) {
            let cycle = self.live(cx.now, 1.0, cx.supply.load.water_w / 1_000.0, cx.rng);
            self.suffer(1.0, &mut cx.image.harm);
            self.show(&cycle, cx.image);
        }
        cx.given.chilled_water_c = Some(self.chilled_c);
        let flow = self.process_l_per_s / PROCESS_L_PER_S;
        cx.given.process_water = Some(ProcessWater { temp_c: self.process_c, flow });
        // What its motors lose beside the plant room's own ventilation, and a thousandth of what shakes its feet passes their springs.
        cx.given.takes.air_w = if self.turns() { 1_500.0 } else { 200.0 };
        cx.given.floor_um_per_s = if self.turns() { COMPRESSOR_MM_S + self.bearing } else { 0.0 };
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "chw_temp_sp" => take(c, &mut self.chilled_sp, [5.0, 12.0]),
            "pcw_temp_sp" => take(c, &mut self.process_sp, [15.0, 22.0]),
            "pcw_pressure_sp" => take(c, &mut self.pressure_sp, [200.0, 400.0]),
            "run_enable" => switch(c, &mut self.enabled),
            _ => refuse(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        let share = size / 100.0;
        match fault.name.as_str() {
            "condenser_fouling" => self.fouling = share.min(0.85),
            "refrigerant_loss" => self.leaked = share.min(0.7),
            "compressor_bearing" => self.bearing = size,
            "pump_cavitation" => self.cavitation = share.min(0.8),
            "valve_stuck" => self.valve.lost = share.min(1.0),
            "plate_fouling" => self.plate_fouling = share.min(0.9),
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.fouling, self.leaked, self.bearing, self.cavitation) = (0.0, 0.0, 0.0, 0.0);
        (self.plate_fouling, self.valve.lost) = (0.0, 0.0);
        for s in [&mut self.scale, &mut self.winding, &mut self.race, &mut self.impeller] {
            *s = Strain::default();
        }
    }
}
