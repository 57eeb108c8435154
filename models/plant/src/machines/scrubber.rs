//! An exhaust scrubber: fan, packed bed and alkaline sump that draw the tools' acid air off and wash it.
//!
//! ```text
//!   tools --> duct -250 Pa --> [ packing ]--> demister --[damper]--[fan]--> stack, outlet ppm
//!                                 ^   |
//!                          [pump] |   v
//!               caustic -->  ( sump ) pH 9 --> blowdown
//! ```

use aegis_models::physics::acid::ph;
use aegis_models::physics::fan::{Fan, electrical_power_w};
use aegis_models::physics::pump::{Pump, power_kw};
use aegis_models::physics::scrubber::{flooding_pa_per_m, passed, unit_factor};
use aegis_models::physics::spill::MOLAR_L;
use aegis_models::physics::vibration::unbalance_factor;
use aegis_models::{Command, Rng, ThreatKind, Time};

use super::control::{Actuator, Pi, Second, Strain, Wander, points, refuse, switch, take};
use crate::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind =
    Kind { name: "scrubber", faults: FAULTS, build: |s| Box::new(Scrubber::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "fan_belt",
        doc: "the belt slips: the wheel stays behind the drive, which runs up to hold the suction",
        unit: "% of speed",
        typical: 12.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
    FaultSpec {
        name: "fan_bearing",
        doc: "friction and play in the fan's bearing: more vibration, more current than the air takes",
        unit: "mm/s of added velocity",
        typical: 2.5,
        threats: &[ThreatKind::BearingFailure],
    },
    FaultSpec {
        name: "packing_fouled",
        doc: "salt and slime close the packing: more pressure drop for the same air, and the liquid finds channels",
        unit: "share of the clean resistance",
        typical: 1.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "dosing_failed",
        doc: "the caustic's dosing pump loses its prime: it gives less than it is told, and the sump turns sour",
        unit: "% of the dose lost",
        typical: 80.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
    FaultSpec {
        name: "recirc_pump_failing",
        doc: "the recirculation pump's impeller corrodes: it shakes, gives less than its curve, and the bed runs dry",
        unit: "% of pressure lost",
        typical: 25.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "damper_stuck",
        doc: "the damper before the fan jams half closed: the fan runs up against it",
        unit: "% of travel lost on the way to what it is told",
        typical: 60.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
];

/// Fan, its housing's loss [Pa s2/m6], efficiency, and the highest speed of its drive [rpm].
const FAN: Fan = Fan { p0_pa: 1_400.0, a_pa_s2_per_m6: 20.0, n0_rpm: 1_450.0 };
const HOUSING: f64 = 20.0;
const EFFICIENCY: f64 = 0.6;
const MOST_RPM: f64 = 1_650.0;
/// Power over current of the three-phase motor [V]; what friction takes for each mm/s of a worn bearing [A].
const VOLTS: f64 = 588.9;
const FRICTION_A_PER_MM_S: f64 = 0.5;
/// What the tools draw at nominal suction [m3/s], and that suction [Pa].
const DRAWN: f64 = 4.0;
const SUCTION_PA: f64 = 250.0;
/// Resistance of clean packing, and of demister, open damper and stack [Pa s2/m6].
const PACKING: f64 = 25.0;
const STACK: f64 = 9.4;
/// The bed [m], and its packing's factor [1/ft].
const BED_M: f64 = 2.5;
const PACKING_FACTOR: f64 = 25.0;
/// Recirculation: pump, what its spray takes [kPa s2/l2], efficiency, nominal flow [l/s].
const PUMP: Pump = Pump { p0_kpa: 250.0, a: 0.35, n0_rpm: 1_450.0 };
const SPRAY: f64 = 0.76;
const PUMP_EFFICIENCY: f64 = 0.6;
const LIQUID_L_PER_S: f64 = 15.0;
/// Acid in the tools' air at nominal duty [ppm], and how many tools that duty stands for.
const ACID_PPM: f64 = 10.0;
const TOOLS: f64 = 30.0;
/// Transfer units at nominal duty: 99 % removal.
const UNITS: f64 = 4.605;
/// Sump [l], what it gives to the drain [l/s], and the carbonate that it takes from the air [mol/l].
const SUMP_L: f64 = 1_000.0;
const BLOWDOWN_L_PER_S: f64 = 0.05;
const CARBONATE: f64 = 0.02;
/// Caustic of 25 % [mol/l], and what its pump gives at 100 % [l/h].
const CAUSTIC_MOL_PER_L: f64 = 7.9;
const DOSE_L_PER_H: f64 = 3.0;
/// Velocity of sound fan and pump [mm/s RMS].
const FAN_MM_S: f64 = 1.4;
const PUMP_MM_S: f64 = 1.2;
/// Mains over nominal below which the pump's contactor drops out, and how long until it is in again [s].
const DROP_OUT: f64 = 0.8;
const AGAIN_S: f64 = 10.0;

points!("scrubber":
    duct_pressure, airflow, fan_pressure, packing_dp, fan_command, fan_speed, fan_current, fan_vibration,
    damper_position, liquid_flow, pump_pressure, pump_speed, pump_power, pump_vibration, ph, ph_b, dose_command,
    dose_flow, inlet_ppm, outlet_ppm, run_hours, duct_pressure_sp, damper_sp, ph_sp, run_enable, running,
);

struct Scrubber {
    points: Points,
    /// This unit's fan, packing and pump -- parameters, within 1 to 3 %.
    fan: Fan,
    packing: f64,
    pump: Pump,
    /// Set-points [Pa, %, -] -- inputs.
    suction_sp: f64,
    damper_sp: f64,
    ph_sp: f64,
    enabled: bool,
    suction: Pi,
    dosing: Pi,
    damper: Actuator,
    /// Drive and pump [rpm] -- state.
    drive_rpm: f64,
    pump_rpm: f64,
    /// Suction [Pa] and base in the sump [mol/l] -- state.
    duct_pa: f64,
    base: f64,
    ph: f64,
    demand: Wander,
    fumes: Wander,
    /// The pump stands until this has run down [s] -- state.
    wait_s: f64,
    run_s: f64,
    second: Second,
    /// Shares lost and added, velocity [mm/s] -- faults.
    slip: f64,
    bearing: f64,
    fouled: f64,
    dose_lost: f64,
    worn: f64,
    /// How much each has suffered [share h, mm/s h, s] -- state.
    belt: Strain,
    race: Strain,
    impeller: Strain,
    carried: Strain,
    unwashed: Strain,
    unsucked: Strain,
}

/// What one second comes to, for the image.
#[derive(Default)]
struct Wash {
    flow: f64,
    packing_pa: f64,
    fan_pa: f64,
    drive_rpm: f64,
    wheel_rpm: f64,
    liquid_l_per_s: f64,
    pump_kpa: f64,
    dose_pct: f64,
    dose_l_per_h: f64,
    inlet_ppm: f64,
    outlet_ppm: f64,
}

impl Scrubber {
    fn new(setup: Setup<'_>) -> Scrubber {
        let rng = setup.rng;
        let mut scrubber = Scrubber {
            points: Points::of(setup.profile),
            fan: Fan { p0_pa: FAN.p0_pa * rng.between(0.99, 1.01), ..FAN },
            packing: PACKING * rng.between(0.97, 1.03),
            pump: Pump { p0_kpa: PUMP.p0_kpa * rng.between(0.99, 1.01), ..PUMP },
            suction_sp: SUCTION_PA,
            damper_sp: 100.0,
            ph_sp: 9.0,
            enabled: true,
            suction: Pi { gain: 0.05, reset_s: 20.0, sum: 78.0 },
            dosing: Pi { gain: 40.0, reset_s: 2_400.0, sum: 40.0 },
            damper: Actuator { position: 100.0, travel_s: 60.0, lost: 0.0 },
            drive_rpm: 1_290.0,
            pump_rpm: PUMP.n0_rpm,
            duct_pa: SUCTION_PA,
            base: 0.021,
            ph: 9.0,
            demand: Wander::new(0.008, 900.0),
            fumes: Wander::new(0.03, 1_200.0),
            wait_s: 0.0,
            run_s: 3_600.0 * rng.between(2_000.0, 30_000.0),
            second: Second::default(),
            slip: 0.0,
            bearing: 0.0,
            fouled: 0.0,
            dose_lost: 0.0,
            worn: 0.0,
            belt: Strain::default(),
            race: Strain::default(),
            impeller: Strain::default(),
            carried: Strain::default(),
            unwashed: Strain::default(),
            unsucked: Strain::default(),
        };
        // It has run for hours when the twin begins: its sump and its controllers have settled.
        for _ in 0..4 * 3_600 {
            scrubber.live(1.0, 0.0, 0.0, rng);
        }
        scrubber
    }

    fn live(&mut self, dt_s: f64, coupled_m3_per_s: f64, coupled_fumes: f64, rng: &mut Rng) -> Wash {
        let demand = (DRAWN + coupled_m3_per_s) * (1.0 + self.demand.step(rng, dt_s));
        let fumes = 1.0 + self.fumes.step(rng, dt_s) + coupled_fumes / TOOLS;

        // Fan, damper, packing and the tools' ducts in a row: one flow, every drop with its square.
        let told_pct = self.suction.output(self.suction_sp - self.duct_pa, dt_s);
        let command_rpm = if self.enabled { MOST_RPM * told_pct / 100.0 } else { 0.0 };
        self.drive_rpm += (command_rpm - self.drive_rpm) * dt_s / (3.0 + dt_s);
        let wheel_rpm = self.drive_rpm * (1.0 - self.slip);
        self.damper.step(self.damper_sp, dt_s);
        let open = (self.damper.position / 100.0).max(0.05);
        let packing = self.packing * (1.0 + self.fouled);
        let tools = SUCTION_PA / (demand * demand);
        let turns = wheel_rpm / self.fan.n0_rpm;
        let parts = tools + packing + STACK / (open * open);
        let flow = turns * (self.fan.p0_pa / (self.fan.a_pa_s2_per_m6 + parts)).sqrt();
        self.duct_pa = tools * flow * flow;

        // Liquid over the packing.
        self.wait_s = (self.wait_s - dt_s).max(0.0);
        let wanted = if self.wait_s > 0.0 || !self.enabled { 0.0 } else { self.pump.n0_rpm };
        self.pump_rpm += (wanted - self.pump_rpm) * dt_s / (1.0 + dt_s);
        let liquid_l_per_s = self.pump.flow_l_per_s(self.pump_rpm, SPRAY, 0.0, self.worn);

        // Acid into base: a sour sump takes up less, a bed with channels washes less.
        let inlet_ppm = ACID_PPM * fumes * DRAWN / demand;
        let alkaline = ((self.ph - 4.0) / 3.0).clamp(0.05, 1.0);
        let units = UNITS * unit_factor(liquid_l_per_s / LIQUID_L_PER_S, flow / DRAWN) * alkaline
            / (1.0 + 0.3 * self.fouled);
        let outlet_ppm = inlet_ppm * passed(units);
        let acid = (inlet_ppm - outlet_ppm) * 1e-6 * flow * 1_000.0 / MOLAR_L;
        let dose_pct = self.dosing.output(self.ph_sp - self.ph, dt_s);
        let dose_l_per_h = DOSE_L_PER_H * dose_pct / 100.0 * (1.0 - self.dose_lost);
        let caustic = dose_l_per_h / 3_600.0 * CAUSTIC_MOL_PER_L;
        self.base += (caustic - acid - BLOWDOWN_L_PER_S * self.base) * dt_s / SUMP_L;
        self.ph = ph(self.base, CARBONATE);
        self.run_s += if wheel_rpm > 10.0 { dt_s } else { 0.0 };
        Wash {
            flow,
            packing_pa: packing * flow * flow,
            fan_pa: parts * flow * flow,
            drive_rpm: self.drive_rpm,
            wheel_rpm,
            liquid_l_per_s,
            pump_kpa: SPRAY * liquid_l_per_s * liquid_l_per_s,
            dose_pct,
            dose_l_per_h,
            inlet_ppm,
            outlet_ppm,
        }
    }

    fn suffer(&mut self, y: &Wash, dt_s: f64, harm: &mut Vec<Harm>) {
        let hours = dt_s / 3_600.0;
        if self.belt.reaches(hours * self.slip, 0.12 * 3.0) {
            harm.push(Harm {
                what: "three hours of a slipping belt: it has burnt through, and the exhaust stands",
            });
        }
        if self.race.reaches(hours * self.bearing, 2.5 * 3.0) {
            harm.push(Harm { what: "three hours on a worn bearing: the exhaust fan has seized" });
        }
        if self.impeller.reaches(hours * self.worn, 0.25 * 4.0) {
            harm.push(Harm { what: "four hours on a corroded impeller: the recirculation pump has broken" });
        }
        let flooding = y.packing_pa > 0.5 * flooding_pa_per_m(PACKING_FACTOR) * BED_M;
        if self.carried.reaches(if flooding { dt_s } else { 0.0 }, 3_600.0) {
            harm.push(Harm { what: "an hour near flooding: liquid is carried over into fan and stack" });
        }
        if self.unwashed.reaches(if y.outlet_ppm > 2.0 { dt_s } else { 0.0 }, 1_800.0) {
            harm.push(Harm { what: "half an hour of acid from the stack: the permit is broken" });
        }
        let weak = self.enabled && self.duct_pa < 0.5 * self.suction_sp;
        if self.unsucked.reaches(if weak { dt_s } else { 0.0 }, 600.0) {
            harm.push(Harm {
                what: "ten minutes of half the suction: the tools' interlocks have stopped their lots",
            });
        }
    }

    fn show(&self, y: &Wash, image: &mut crate::Image) {
        let p = &self.points;
        let fan_w = electrical_power_w(y.fan_pa + HOUSING * y.flow * y.flow, y.flow, EFFICIENCY);
        let turns = y.wheel_rpm / self.fan.n0_rpm;
        image.set(p.duct_pressure, self.duct_pa);
        image.set(p.airflow, y.flow * 3_600.0);
        image.set(p.fan_pressure, y.fan_pa);
        image.set(p.packing_dp, y.packing_pa);
        image.set(p.fan_command, y.drive_rpm);
        image.set(p.fan_speed, y.wheel_rpm);
        image.set(p.fan_current, fan_w / VOLTS + FRICTION_A_PER_MM_S * self.bearing * turns);
        image
            .set(p.fan_vibration, (FAN_MM_S + self.bearing) * unbalance_factor(y.wheel_rpm, self.fan.n0_rpm));
        image.set(p.damper_position, self.damper.position);
        image.set(p.liquid_flow, y.liquid_l_per_s);
        image.set(p.pump_pressure, y.pump_kpa);
        image.set(p.pump_speed, self.pump_rpm);
        image.set(p.pump_power, power_kw(y.pump_kpa, y.liquid_l_per_s, PUMP_EFFICIENCY));
        let shakes = (PUMP_MM_S + 8.0 * self.worn) * unbalance_factor(self.pump_rpm, self.pump.n0_rpm);
        image.set(p.pump_vibration, shakes);
        image.set(p.ph, self.ph);
        image.set(p.ph_b, self.ph);
        image.set(p.dose_command, y.dose_pct * DOSE_L_PER_H / 100.0);
        image.set(p.dose_flow, y.dose_l_per_h);
        image.set(p.inlet_ppm, y.inlet_ppm);
        image.set(p.outlet_ppm, y.outlet_ppm);
        image.set(p.run_hours, self.run_s / 3_600.0);
        image.set(p.duct_pressure_sp, self.suction_sp);
        image.set(p.damper_sp, self.damper_sp);
        image.set(p.ph_sp, self.ph_sp);
        image.set(p.run_enable, f64::from(self.enabled));
        image.set(p.running, f64::from(y.wheel_rpm > 10.0));
    }
}

impl Machine for Scrubber {
    fn step(&mut self, cx: &mut Step<'_>) {
        if cx.supply.mains < DROP_OUT {
            self.wait_s = AGAIN_S;
        }
        if self.second.full(cx.dt_s) {
            let load = &cx.supply.load;
            let wash = self.live(1.0, load.exhaust_m3_per_s, load.fumes, cx.rng);
            self.suffer(&wash, 1.0, &mut cx.image.harm);
            self.show(&wash, cx.image);
        }
        cx.given.exhaust_pa = Some(self.duct_pa);
        cx.given.floor_um_per_s = if self.enabled { 0.5 * (FAN_MM_S + self.bearing) } else { 0.0 };
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "duct_pressure_sp" => take(c, &mut self.suction_sp, [100.0, 400.0]),
            "damper_sp" => take(c, &mut self.damper_sp, [0.0, 100.0]),
            "ph_sp" => take(c, &mut self.ph_sp, [7.0, 10.0]),
            "run_enable" => switch(c, &mut self.enabled),
            _ => refuse(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        let share = size / 100.0;
        match fault.name.as_str() {
            "fan_belt" => self.slip = share.min(0.9),
            "fan_bearing" => self.bearing = size,
            "packing_fouled" => self.fouled = size,
            "dosing_failed" => self.dose_lost = share.min(1.0),
            "recirc_pump_failing" => self.worn = share.min(0.9),
            "damper_stuck" => self.damper.lost = share.min(1.0),
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.slip, self.bearing, self.fouled, self.dose_lost, self.worn) = (0.0, 0.0, 0.0, 0.0, 0.0);
        self.damper.lost = 0.0;
        for s in [&mut self.belt, &mut self.race, &mut self.impeller, &mut self.carried] {
            *s = Strain::default();
        }
    }
}
