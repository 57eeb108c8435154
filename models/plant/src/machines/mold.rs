//! A transfer mold: one strip a shot, between two chases that water cools from behind and heaters hold.
//!
//! ```text
//!   pellet 95 C --plunger p--> runners --> cavities (mu(T, a), fill time) --> cure --> strip
//!   [ upper chase T ]  heater | insulating plate | water      clamp F holds against p A
//!   [ lower chase T ]  heater | insulating plate | water      vents let the air out
//!   [ hydraulic oil T ] --------------------------- water
//! ```

use aegis_models::physics::molding::{COMMON, Fill, compressed};
use aegis_models::physics::thermal::convection_factor;
use aegis_models::{Command, PointIx, Record, ThreatKind, Time};

use super::control::{places, show};
use super::strip_tool::StripTool;
use super::zone::{Around, Block, Zone};
use crate::supply::Supply;
use crate::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind = Kind { name: "mold", faults: FAULTS, build: |s| Box::new(Mold::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "heater_zone_failed",
        doc: "elements of the upper chase fail: its heater works harder, then its temperature falls",
        unit: "share of the upper chase's heater that is lost",
        typical: 0.5,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "transfer_pressure_low",
        doc: "the plunger's cylinder leaks: less pressure, and a longer fill as that accounts for",
        unit: "share of the transfer pressure that is lost",
        typical: 0.25,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "compound_aged",
        doc: "the compound lay open too long: it is thick and moist, fills slowly and leaves voids",
        unit: "viscosity beyond that of fresh compound, as a share",
        typical: 0.4,
        threats: &[ThreatKind::QualityDefect],
    },
    FaultSpec {
        name: "vent_clogged",
        doc: "resin bleed closes the vents: air stays in the cavities although pressure and fill are as learned",
        unit: "added voids over nominal, as a share",
        typical: 1.5,
        threats: &[ThreatKind::Contamination],
    },
    FaultSpec {
        name: "clamp_force_low",
        doc: "the clamp weakens: the chases part under the transfer pressure, and compound flashes",
        unit: "share of the clamp force that is lost",
        typical: 0.2,
        threats: &[ThreatKind::EquipmentDegradation],
    },
];

/// What a recipe sets: transfer pressure [MPa], mold [degC], preheat [degC], cure [s], clamp [kN].
const SETTINGS: [(&str, f64, f64); 5] = [
    ("pressure_set", 3.0, 12.0),
    ("mold_set", 150.0, 190.0),
    ("preheat_set", 70.0, 110.0),
    ("cure_time_set", 30.0, 150.0),
    ("clamp_set", 300.0, 1_500.0),
];
const QFN_5X5: [f64; 5] = [7.0, 175.0, 95.0, 50.0, 800.0];
const BGA_9X9: [f64; 5] = [8.0, 180.0, 95.0, 50.0, 900.0];

/// Loading and closing, and opening and taking out [s].
const LOAD_S: f64 = 13.0;
const OPEN_S: f64 = 6.0;
/// Shots after which the mold is cleaned with melamine, and how long that takes [s]; what bleed adds until then to the
/// voids [-].
const CLEAN_SHOTS: f64 = 400.0;
const CLEAN_S: f64 = 900.0;
const PLANNED_BLEED: f64 = 0.03;
/// A chase: block, and the heat that a shot takes [W].
const CHASE: Block = Block { capacity_j_per_k: 12_000.0, conductance_w_per_k: 8.0, heater_w: 2_200.0 };
const SHOT_W: f64 = 12.0;
/// Share of a chase's loss that does not go into the water [-].
const DRY_LOSS: f64 = 0.7;
/// Water flow at nominal supply [l/min]; oil's rise over the water [K], its time constant [s], and where its seals fail
/// [degC].
const WATER_L_PER_MIN: f64 = 12.0;
const OIL_RISE_K: f64 = 22.0;
const OIL_TAU_S: f64 = 900.0;
const SEALS_C: f64 = 70.0;
/// Voids of a sound shot, X-rayed [%]; flash of one [um]; wire sweep [%].
const VOID_PCT: f64 = 0.4;
const FLASH_UM: f64 = 15.0;
const SWEEP_PCT: f64 = 2.0;
/// Nominal pressure for these [MPa]; projected area of cavities and runners [mm2].
const PRESSURE_MPA: f64 = 7.0;
const AREA_MM2: f64 = 70_000.0;
/// What moisture in old compound adds to the voids for its share of viscosity [-].
const MOISTURE_VOIDS: f64 = 1.0;
/// One sigma: pressure, fill time, voids, flash, clamp, sweep [-], preheat [K].
const SPREAD_PRESSURE: f64 = 0.004;
const SPREAD_FILL: f64 = 0.012;
const SPREAD_VOID: f64 = 0.07;
const SPREAD_FLASH: f64 = 0.08;
const SPREAD_CLAMP: f64 = 0.004;
const SPREAD_SWEEP: f64 = 0.05;
const SPREAD_PREHEAT_K: f64 = 0.6;
/// A lot is scrap once so many of its last strips were bad, in whole strips.
const SCRAP_STRIPS: f64 = 10.0;
/// Floor velocity of the press at work [um/s].
const FLOOR_UM_PER_S: f64 = 4.0;

/// What it shows besides the common points, in the order of [`Mold::show`].
const SHOWN: [&str; 9] = [
    "upper_temp",
    "upper_limit_temp",
    "upper_duty",
    "lower_temp",
    "lower_limit_temp",
    "lower_duty",
    "water_temp",
    "water_flow",
    "oil_temp",
];

struct Mold {
    tool: StripTool<5>,
    shown: [PointIx; SHOWN.len()],
    record: u16,
    /// Voids and flash of this mold over the usual [-] -- parameter.
    vents: f64,
    parting: f64,
    upper: Zone,
    lower: Zone,
    oil_c: f64,
    /// Conductance to the water over nominal [-], and the flow that it belongs to [-] -- kept while that does not change.
    exchange: (f64, f64),
    /// Shots since the mold was cleaned -- state.
    shots: f64,
    /// Time until the present shot is done [s] -- state.
    wait_s: f64,
    recent: f64,
    scrapped: bool,
    leaking: bool,
    /// Faults.
    heater: f64,
    pressure: f64,
    aged: f64,
    clogged: f64,
    clamp: f64,
}

impl Mold {
    fn new(setup: Setup<'_>) -> Mold {
        let (profile, rng) = (setup.profile, setup.rng);
        let water_c = Supply::default().process_water.temp_c;
        Mold {
            tool: StripTool::new(profile, SETTINGS, &[QFN_5X5, BGA_9X9]),
            shown: places(profile, SHOWN),
            record: profile.record_ix("shot").expect("profile mold has a record shot"),
            vents: rng.between(0.9, 1.1),
            parting: rng.between(0.9, 1.1),
            upper: Zone::new(CHASE, QFN_5X5[1], water_c),
            lower: Zone::new(CHASE, QFN_5X5[1], water_c),
            oil_c: water_c + OIL_RISE_K,
            exchange: (1.0, 1.0),
            shots: (rng.uniform() * CLEAN_SHOTS).floor(),
            wait_s: rng.between(1.0, LOAD_S),
            recent: 0.0,
            scrapped: false,
            leaking: false,
            heater: 0.0,
            pressure: 0.0,
            aged: 0.0,
            clogged: 0.0,
            clamp: 0.0,
        }
    }

    /// One shot: its record, in the order of the profile's fields. It gives the time that the next one takes [s].
    fn shot(&mut self, cx: &mut Step<'_>) -> f64 {
        let [pressure_set, _, preheat_set, cure_set, clamp_set] = self.tool.recipes.program;
        let mut spread = |sigma: f64| sigma * cx.rng.normal();
        let pressure = pressure_set * (1.0 - self.pressure) * (1.0 + spread(SPREAD_PRESSURE));
        let preheat = preheat_set + spread(SPREAD_PREHEAT_K);
        let mold_c = 0.5 * (self.upper.temp_c + self.lower.temp_c);
        let fill = Fill { pressure_mpa: pressure, mold_c, preheat_c: preheat };
        let (fills_in, conversion) = COMMON.fills_in(fill, 1.0 + self.aged);
        let fill_s = fills_in * (1.0 + spread(SPREAD_FILL));
        let bleed = PLANNED_BLEED * self.shots / CLEAN_SHOTS;
        let void = VOID_PCT
            * self.vents
            * compressed(pressure, PRESSURE_MPA)
            * (1.0 + bleed + self.clogged + MOISTURE_VOIDS * self.aged)
            * (1.0 + spread(SPREAD_VOID));
        let clamp = clamp_set * (1.0 - self.clamp) * (1.0 + spread(SPREAD_CLAMP));
        // The chases part as the cavities' force nears the clamp's; nominal is 61 %.
        let used = pressure * AREA_MM2 / 1_000.0 / clamp;
        let parted = libm::exp((used - PRESSURE_MPA * AREA_MM2 / 800_000.0) / 0.08);
        let flash = FLASH_UM * self.parting * parted * (1.0 + spread(SPREAD_FLASH));
        // Drag on the wires goes with viscosity and speed, which is with pressure, and grows as the compound nears its gel.
        let gelling = COMMON.viscosity_pa_s(mold_c, conversion) / COMMON.viscosity_pa_s(mold_c, 0.0);
        let sweep = SWEEP_PCT * pressure / PRESSURE_MPA * gelling * (1.0 + spread(SPREAD_SWEEP));
        let coldest = self.upper.temp_c.min(self.lower.temp_c);
        let cure = COMMON.cured(coldest, conversion, cure_set);
        let weak = (0.1 * (void / VOID_PCT - 2.0)).max(0.0)
            + (flash / 200.0 - 0.5).max(0.0)
            + (4.0 * (0.8 - cure)).max(0.0)
            + (0.1 * (sweep - 5.0)).max(0.0);
        self.shots += 1.0;
        let values = vec![pressure, fill_s, preheat, clamp, void, flash, sweep, 100.0 * cure, self.shots];
        cx.image.records.push(Record { kind: self.record, values });
        self.recent = self.recent * 0.97 + weak.min(1.0);
        if self.recent > SCRAP_STRIPS && !self.scrapped {
            self.scrapped = true;
            cx.image.harm.push(Harm { what: "packages are open or soft: the lot is scrap" });
        }
        self.tool.strip_done(weak.min(1.0), cx);
        if self.shots >= CLEAN_SHOTS {
            self.shots = 0.0;
            self.tool.plan(CLEAN_S);
        }
        LOAD_S + fill_s + cure_set + OPEN_S
    }

    fn heat(&mut self, cx: &mut Step<'_>, works: bool) {
        let water = cx.supply.process_water;
        if self.exchange.1 != water.flow {
            let wet = convection_factor(water.flow);
            self.exchange = (DRY_LOSS + (1.0 - DRY_LOSS) * wet, water.flow);
        }
        let set_c = self.tool.recipes.program[1];
        let work_w = if works { SHOT_W } else { 0.0 };
        let around = |lost| Around {
            set_c,
            around_c: water.temp_c,
            exchange: self.exchange.0,
            mains: cx.supply.mains,
            lost,
            work_w,
        };
        self.upper.advance(cx.dt_s, around(self.heater));
        self.lower.advance(cx.dt_s, around(0.0));
        let oil = water.temp_c + OIL_RISE_K / self.exchange.0.max(0.1);
        self.oil_c += (oil - self.oil_c) * cx.dt_s / OIL_TAU_S;
        if self.oil_c > SEALS_C && !self.leaking {
            self.leaking = true;
            cx.image.harm.push(Harm { what: "hot oil has spoilt the seals of the press" });
        }
    }

    fn show(&self, cx: &mut Step<'_>, works: bool) {
        self.tool.show(cx);
        let water = cx.supply.process_water;
        let values = [
            self.upper.temp_c,
            self.upper.temp_c,
            100.0 * self.upper.duty,
            self.lower.temp_c,
            self.lower.temp_c,
            100.0 * self.lower.duty,
            water.temp_c,
            WATER_L_PER_MIN * water.flow,
            self.oil_c,
        ];
        show(cx, self.shown, values);
        let loss = self.upper.loss_w(water.temp_c) + self.lower.loss_w(water.temp_c);
        cx.given.takes.water_w = loss + 1_500.0;
        cx.given.takes.air_w = 800.0;
        cx.given.takes.exhaust_m3_per_s = 0.08;
        cx.given.takes.fumes = 0.2;
        cx.given.floor_um_per_s = if works { FLOOR_UM_PER_S } else { 1.0 };
    }
}

impl Machine for Mold {
    fn step(&mut self, cx: &mut Step<'_>) {
        let works = self.tool.works(cx);
        self.heat(cx, works);
        if works {
            self.wait_s -= cx.dt_s;
            if self.wait_s <= 0.0 {
                self.wait_s += self.shot(cx);
            }
        }
        self.show(cx, works);
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        self.tool.command(c)
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "heater_zone_failed" => self.heater = size.min(1.0),
            "transfer_pressure_low" => self.pressure = size.min(0.9),
            "compound_aged" => self.aged = size,
            "vent_clogged" => self.clogged = size,
            "clamp_force_low" => self.clamp = size.min(0.9),
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.heater, self.pressure, self.aged, self.clogged, self.clamp) = (0.0, 0.0, 0.0, 0.0, 0.0);
        (self.shots, self.recent, self.scrapped, self.leaking) = (0.0, 0.0, false, false);
    }
}
