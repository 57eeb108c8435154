//! A chemical delivery cabinet: two drums of isopropanol, a diaphragm pump, filter and regulator over a containment that
//! an exhaust airs.
//!
//! ```text
//!   drum A --+                                     line 200 kPa
//!            +--[pump]--[meter]--[filter]--[regulator]--[meter]--> tools
//!   drum B --+  strokes            z Q
//!   ............................................................
//!   containment: pool, vapour ppm   --> exhaust        --> ( bay )
//! ```

use aegis_models::physics::spill::{MOLAR_L, evaporation_kg_per_s, mixed_after};
use aegis_models::{Command, Rng, ThreatKind, Time};

use super::control::{Second, Strain, Wander, points, refuse, switch, take};
use crate::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, Supply, UnknownFault};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind =
    Kind { name: "chemical_delivery", faults: FAULTS, build: |s| Box::new(Delivery::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "leak",
        doc: "a fitting weeps into the containment: less arrives than is pumped, and vapour rises over the pool",
        unit: "l/min",
        typical: 0.1,
        threats: &[ThreatKind::ChemicalLeak],
    },
    FaultSpec {
        name: "filter_plugged",
        doc: "gel closes the filter's membrane: more pressure drop for the same flow",
        unit: "share of the clean resistance",
        typical: 1.0,
        threats: &[ThreatKind::FilterEndOfLife],
    },
    FaultSpec {
        name: "pump_diaphragm_worn",
        doc: "the pump's diaphragm and balls wear: each stroke moves less, and it strokes faster",
        unit: "% of a stroke's volume lost",
        typical: 25.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "regulator_drift",
        doc: "the regulator's seat creeps: the line stands above its set-point, and every dispense is too large",
        unit: "kPa",
        typical: 25.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
    FaultSpec {
        name: "changeover_failed",
        doc: "the changeover to the full drum comes late or never: the drum in use runs dry and the pump draws gas",
        unit: "% of a drum below the changeover level before it acts",
        typical: 6.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
];

/// A drum [l], the level at which the other is taken, and the time a crew needs to bring a full one [s].
const DRUM_L: f64 = 200.0;
const CHANGEOVER_PCT: f64 = 5.0;
const RENEWAL_S: f64 = 1_200.0;
/// What the tools take at nominal duty [l/min].
const TAKEN: f64 = 4.0;
/// Volume of a stroke [l], the share of it that a sound pump moves, and its fastest rate [1/min].
const STROKE_L: f64 = 0.1;
const FILLING: f64 = 0.9;
const MOST_STROKES: f64 = 120.0;
/// Pressure behind the pump at no flow [kPa], and its fall [kPa min/l].
const PUMP_KPA: f64 = 400.0;
const PUMP_FALL: f64 = 5.0;
/// Clean filter [kPa min/l].
const FILTER: f64 = 8.0;
/// Regulator: set-point [kPa], droop [kPa min/l], least drop over it [kPa].
const LINE_KPA: f64 = 200.0;
const DROOP: f64 = 0.4;
const LEAST_DROP_KPA: f64 = 30.0;
/// Isopropanol: density [kg/l], molar mass [g/mol], vapour pressure at 20 degC and its growth [Pa, 1/K].
const KG_PER_L: f64 = 0.785;
const MOLAR_G: f64 = 60.1;
const VAPOUR_PA: f64 = 4_400.0;
const VAPOUR_PER_K: f64 = 0.06;
/// Containment: its floor [m2], a film's depth [mm], what it holds [l], air over it [m/s].
const FLOOR_M2: f64 = 0.6;
const FILM_MM: f64 = 1.0;
const HOLDS_L: f64 = 30.0;
const AIR_M_PER_S: f64 = 0.3;
/// Cabinet: volume [m3], exhaust at 250 Pa [m3/s], vapour of sound fittings [ppm].
const CABINET_M3: f64 = 1.5;
const EXHAUST_M3_PER_S: f64 = 0.12;
const EXHAUST_PA: f64 = 250.0;
const FITTINGS_PPM: f64 = 2.0;
/// Bay: volume [m3] and the air that leaves it [m3/s]; share of the cabinet's vapour that gets out at full exhaust.
const BAY_M3: f64 = 600.0;
const BAY_AIR_M3_PER_S: f64 = 1.0;
const ESCAPES: f64 = 0.01;

points!("chemical_delivery":
    drum_level, standby_level, drum_in_use, strokes, pump_flow, pump_pressure, filter_dp, line_flow, line_pressure,
    line_temp, cabinet_exhaust, vapour, containment_level, bay_vapour, run_hours, line_pressure_sp, run_enable,
    running,
);

struct Delivery {
    points: Points,
    /// Filter [kPa min/l] and stroke [l] of this unit -- parameters, within 2 %.
    filter: f64,
    stroke_l: f64,
    /// Set-point [kPa] -- input.
    line_sp: f64,
    enabled: bool,
    /// Drums [%], the one in use, and since when the other is empty [s] -- state.
    drums: [f64; 2],
    in_use: usize,
    empty_s: f64,
    /// Line [kPa], pool [l], vapour in cabinet and bay [ppm] -- state.
    line_kpa: f64,
    pool_l: f64,
    cabinet_ppm: f64,
    bay_ppm: f64,
    demand: Wander,
    run_s: f64,
    second: Second,
    /// Leak [l/min], shares, drift [kPa], levels lost [%] -- faults.
    leak: f64,
    plugged: f64,
    worn: f64,
    drift: f64,
    late: f64,
    /// How much each has suffered [share h, s] -- state.
    element: Strain,
    diaphragm: Strain,
    dispensed: Strain,
    dry: Strain,
    spilt: bool,
}

/// What one second comes to, for the image.
#[derive(Default)]
struct Flow {
    strokes: f64,
    pumped: f64,
    arrived: f64,
    pump_kpa: f64,
    drop_kpa: f64,
    exhaust: f64,
    temp_c: f64,
}

impl Delivery {
    fn new(setup: Setup<'_>) -> Delivery {
        let rng = setup.rng;
        let mut delivery = Delivery {
            points: Points::of(setup.profile),
            filter: FILTER * rng.between(0.98, 1.02),
            stroke_l: STROKE_L * rng.between(0.98, 1.02),
            line_sp: LINE_KPA,
            enabled: true,
            drums: [rng.between(40.0, 95.0), 100.0],
            in_use: 0,
            empty_s: 0.0,
            line_kpa: LINE_KPA,
            pool_l: 0.0,
            cabinet_ppm: FITTINGS_PPM,
            bay_ppm: 0.0,
            demand: Wander::new(0.02, 300.0),
            run_s: 3_600.0 * rng.between(2_000.0, 30_000.0),
            second: Second::default(),
            leak: 0.0,
            plugged: 0.0,
            worn: 0.0,
            drift: 0.0,
            late: 0.0,
            element: Strain::default(),
            diaphragm: Strain::default(),
            dispensed: Strain::default(),
            dry: Strain::default(),
            spilt: false,
        };
        for _ in 0..600 {
            delivery.live(1.0, &Supply::default(), rng);
        }
        delivery
    }

    fn live(&mut self, dt_s: f64, supply: &Supply, rng: &mut Rng) -> Flow {
        let wanted = (TAKEN + supply.load.chemical_l_per_min) * (1.0 + self.demand.step(rng, dt_s));
        let level = self.drums[self.in_use];
        // The last of a drum comes with gas.
        let wet = (level / 0.5).clamp(0.0, 1.0);
        let stroke = self.stroke_l * FILLING * (1.0 - self.worn);
        let most = if self.enabled { MOST_STROKES * stroke * wet } else { 0.0 };

        // What the tools' valves pass goes with the root of the line's pressure.
        let drawn = wanted * (self.line_kpa.max(0.0) / LINE_KPA).sqrt();
        let pumped = (drawn + self.leak).min(most);
        let arrived = (pumped - self.leak).max(0.0);
        let strokes =
            if wet > 0.05 { pumped / (stroke * wet) } else { MOST_STROKES * f64::from(self.enabled) };
        let pump_kpa = if most > 0.0 { PUMP_KPA - PUMP_FALL * pumped } else { 0.0 };
        let drop_kpa = self.filter * (1.0 + self.plugged) * pumped;
        let before_kpa = (pump_kpa - drop_kpa - LEAST_DROP_KPA).max(0.0);
        let held_kpa = (self.line_sp + self.drift - DROOP * (arrived - TAKEN)).min(before_kpa);
        let starved = if drawn > 0.01 { (arrived / drawn).min(1.0) } else { 1.0 };
        let line_kpa = held_kpa * starved * starved;
        self.line_kpa += (line_kpa - self.line_kpa) * dt_s / (2.0 + dt_s);

        self.drums[self.in_use] = (level - pumped * dt_s / 60.0 / DRUM_L * 100.0).max(0.0);
        self.change_drums(dt_s);
        let exhaust = EXHAUST_M3_PER_S * (supply.exhaust_pa.max(0.0) / EXHAUST_PA).sqrt();
        self.evaporate(pumped.min(self.leak), exhaust, supply.air.temp_c, dt_s);
        self.run_s += if pumped > 0.0 { dt_s } else { 0.0 };
        Flow { strokes, pumped, arrived, pump_kpa, drop_kpa, exhaust, temp_c: supply.air.temp_c }
    }

    fn change_drums(&mut self, dt_s: f64) {
        let other = 1 - self.in_use;
        if self.drums[self.in_use] <= CHANGEOVER_PCT - self.late && self.drums[other] > 50.0 {
            self.in_use = other;
            self.empty_s = 0.0;
        }
        let other = 1 - self.in_use;
        if self.drums[other] < 50.0 {
            self.empty_s += dt_s;
            if self.empty_s >= RENEWAL_S {
                self.drums[other] = 100.0;
            }
        }
    }

    /// The pool below, what evaporates from it, and where that goes.
    fn evaporate(&mut self, leaking_l_per_min: f64, exhaust: f64, temp_c: f64, dt_s: f64) {
        self.pool_l += leaking_l_per_min * dt_s / 60.0;
        // A litre spread a millimetre deep is a square metre.
        let area = (self.pool_l / FILM_MM).min(FLOOR_M2);
        let mut evaporated = 0.0;
        if area > 1e-4 {
            let vapour_pa = VAPOUR_PA * (1.0 + VAPOUR_PER_K * (temp_c - 20.0)).max(0.1);
            evaporated = evaporation_kg_per_s(AIR_M_PER_S, MOLAR_G, area, vapour_pa, temp_c);
            evaporated = evaporated.min(self.pool_l * KG_PER_L / dt_s);
            self.pool_l = (self.pool_l - evaporated / KG_PER_L * dt_s).max(0.0);
        }
        // Moles a second, cubic metres of vapour, parts in a million.
        let source = evaporated * 1e3 / MOLAR_G * MOLAR_L * 1e-3 * 1e6;
        let fittings = FITTINGS_PPM * EXHAUST_M3_PER_S;
        self.cabinet_ppm = mixed_after(self.cabinet_ppm, source + fittings, exhaust, CABINET_M3, dt_s);
        let weak = (1.0 - exhaust / EXHAUST_M3_PER_S).max(0.0);
        let out = (self.cabinet_ppm - FITTINGS_PPM).max(0.0) * EXHAUST_M3_PER_S * (ESCAPES + 0.5 * weak);
        self.bay_ppm = mixed_after(self.bay_ppm, out, BAY_AIR_M3_PER_S, BAY_M3, dt_s);
    }

    fn suffer(&mut self, y: &Flow, dt_s: f64, harm: &mut Vec<Harm>) {
        let hours = dt_s / 3_600.0;
        if self.element.reaches(hours * self.plugged, 6.0) {
            harm.push(Harm { what: "six hours on a plugged filter: its element has burst into the line" });
        }
        if self.diaphragm.reaches(hours * self.worn, 0.25 * 6.0) {
            harm.push(Harm {
                what: "six hours on a worn diaphragm: it has torn, and air is in the chemical",
            });
        }
        let off = self.enabled && (self.line_kpa - self.line_sp).abs() > 15.0 && y.pumped > 0.1;
        if !off {
            self.dispensed.sum = 0.0;
        } else if self.dispensed.reaches(dt_s, 3_600.0) {
            harm.push(Harm { what: "an hour of dispenses at the wrong pressure: the lots are scrap" });
        }
        let dry = self.enabled && self.line_kpa < 0.5 * self.line_sp;
        if !dry {
            self.dry.sum = 0.0;
        } else if self.dry.reaches(dt_s, 600.0) {
            harm.push(Harm { what: "ten minutes without chemical: wafers have dried in the tools" });
        }
        if self.pool_l > HOLDS_L && !self.spilt {
            self.spilt = true;
            harm.push(Harm { what: "the containment is full: solvent is on the floor" });
        }
    }

    fn show(&self, y: &Flow, image: &mut crate::Image) {
        let p = &self.points;
        image.set(p.drum_level, self.drums[self.in_use]);
        image.set(p.standby_level, self.drums[1 - self.in_use]);
        image.set(p.drum_in_use, (self.in_use + 1) as f64);
        image.set(p.strokes, y.strokes);
        image.set(p.pump_flow, y.pumped);
        image.set(p.pump_pressure, y.pump_kpa);
        image.set(p.filter_dp, y.drop_kpa);
        image.set(p.line_flow, y.arrived);
        image.set(p.line_pressure, self.line_kpa);
        image.set(p.line_temp, y.temp_c);
        image.set(p.cabinet_exhaust, y.exhaust * 3_600.0);
        image.set(p.vapour, self.cabinet_ppm);
        image.set(p.containment_level, self.pool_l / FLOOR_M2);
        image.set(p.bay_vapour, self.bay_ppm);
        image.set(p.run_hours, self.run_s / 3_600.0);
        image.set(p.line_pressure_sp, self.line_sp);
        image.set(p.run_enable, f64::from(self.enabled));
        image.set(p.running, f64::from(y.strokes > 0.1));
    }
}

impl Machine for Delivery {
    fn step(&mut self, cx: &mut Step<'_>) {
        if self.second.full(cx.dt_s) {
            let flow = self.live(1.0, cx.supply, cx.rng);
            self.suffer(&flow, 1.0, &mut cx.image.harm);
            self.show(&flow, cx.image);
        }
        cx.given.chemical_kpa = Some(self.line_kpa);
        cx.given.air.vapour_ppm = self.bay_ppm;
        cx.given.takes.exhaust_m3_per_s = EXHAUST_M3_PER_S;
        cx.given.takes.fumes = 0.2;
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "line_pressure_sp" => take(c, &mut self.line_sp, [100.0, 300.0]),
            "run_enable" => switch(c, &mut self.enabled),
            _ => refuse(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "leak" => self.leak = size,
            "filter_plugged" => self.plugged = size,
            "pump_diaphragm_worn" => self.worn = (size / 100.0).min(0.95),
            "regulator_drift" => self.drift = size,
            "changeover_failed" => self.late = size,
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.leak, self.plugged, self.worn, self.drift, self.late) = (0.0, 0.0, 0.0, 0.0, 0.0);
        self.pool_l = 0.0;
        (self.element, self.diaphragm, self.spilt) = (Strain::default(), Strain::default(), false);
    }
}
