//! A die attach: drops of silver epoxy, dies pressed into them, and an oven that cures strip after strip.
//!
//! ```text
//!   [ syringe, age ] --P, t--> (needle r) --V--> drop
//!   [ wafer ] --collet, vacuum--> die --F, 0.2 s--> bond line h(V, mu, F)    x, y, theta(gantry T, floor)
//!   strip of 20 dies --> [ oven zone T ] --> cure --> shear of one die a strip
//! ```

use aegis_models::physics::die_attach::{arrhenius, bond_line_um, dispensed_nl, viscosity_factor};
use aegis_models::physics::thermal::growth_um;
use aegis_models::{Command, PointIx, Record, ThreatKind, Time};

use super::control::{places, show};
use super::strip_tool::StripTool;
use super::zone::{Around, Block, Zone};
use crate::supply::Supply;
use crate::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind =
    Kind { name: "die_attach", faults: FAULTS, build: |s| Box::new(DieAttach::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "epoxy_aged",
        doc: "the epoxy was thawed too long ago: drops are small and the bond line is thicker than they account for",
        unit: "viscosity beyond what its age accounts for, as a share",
        typical: 0.35,
        threats: &[ThreatKind::QualityDefect],
    },
    FaultSpec {
        name: "dispense_clogged",
        doc: "cured epoxy narrows the needle: drops are small, and the bond line is as thin as they account for",
        unit: "share of the needle's radius that is lost",
        typical: 0.08,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "placement_drift",
        doc: "the vision loses its calibration: dies lie beside their place by more than the gantry's growth",
        unit: "um of added offset",
        typical: 15.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "collet_worn",
        doc: "the collet's lip is worn: it holds with less vacuum, and dies turn and slip in it",
        unit: "share of the suction that is lost",
        typical: 0.25,
        threats: &[ThreatKind::ToolWear],
    },
    FaultSpec {
        name: "cure_oven_cold",
        doc: "elements of the oven's heater fail: its duty rises, then its temperature falls",
        unit: "share of the heater that is lost",
        typical: 0.5,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "force_low",
        doc: "the bond head's force motor weakens: less force, and a bond line as thick as that accounts for",
        unit: "share of the force that is lost",
        typical: 0.3,
        threats: &[ThreatKind::EquipmentDegradation],
    },
];

/// What a recipe sets: bond force [N], dispense time for fresh epoxy [ms], dispense pressure [kPa], cure [degC].
const SETTINGS: [(&str, f64, f64); 4] = [
    ("force_set", 0.3, 5.0),
    ("dispense_time_set", 50.0, 600.0),
    ("dispense_pressure_set", 50.0, 400.0),
    ("cure_set", 120.0, 200.0),
];
const QFN_5X5: [f64; 4] = [1.5, 250.0, 200.0, 175.0];
const BGA_9X9: [f64; 4] = [2.2, 360.0, 200.0, 165.0];

/// Needle [mm], fresh viscosity at the reference [Pa s, degC] and pot life [h] of the epoxy.
const NEEDLE_MM: f64 = 0.2;
const NEEDLE_LENGTH_MM: f64 = 10.0;
const MU_PA_S: f64 = 20.0;
const REFERENCE_C: f64 = 22.5;
const POT_LIFE_H: f64 = 24.0;
/// A syringe is changed after this time [h], a collet after so many picks; either takes this long [s].
const SYRINGE_H: f64 = 8.0;
const COLLET_PICKS: f64 = 50_000.0;
const CHANGE_S: f64 = 240.0;
/// What is good for a volume: a drop of the fresh recipe may be off by this share before joints suffer [-].
const VOLUME_SLACK: f64 = 0.15;
/// How long a die is pressed [s]; how long one takes in all [s]; dies of a strip, and its index [s].
const PRESS_S: f64 = 0.2;
const DIE_S: f64 = 1.8;
const DIES: u32 = 20;
const INDEX_S: f64 = 4.0;
/// The head is warmer than the bay by its drives [K], and follows it in this time [s]; the gantry's length [m].
const HEAD_RISE_K: f64 = 1.5;
const HEAD_TAU_S: f64 = 600.0;
const GANTRY_M: f64 = 0.4;
/// Vacuum at a sound collet [kPa], and what a collet's planned life takes of it [kPa].
const VACUUM_KPA: f64 = 80.0;
const PLANNED_KPA: f64 = 0.2;
/// The oven: block, and the heat of the strips in it [W].
const OVEN: Block = Block { capacity_j_per_k: 9_000.0, conductance_w_per_k: 6.0, heater_w: 1_700.0 };
const STRIPS_W: f64 = 8.0;
/// Snap cure: rate at 175 degC [1/s], activation energy [eV], time in the oven [s].
const CURE_PER_S: f64 = 0.05;
const CURE_EV: f64 = 0.72;
const CURE_C: f64 = 175.0;
const CURE_S: f64 = 60.0;
/// Shear strength of a fully cured die on a full drop [kgf].
const SHEAR_KGF: f64 = 9.0;
/// One sigma: volume [-], bond line [-], force [-], place [um], angle [mdeg], vacuum [kPa], shear [-].
const SPREAD_VOLUME: f64 = 0.04;
const SPREAD_LINE: f64 = 0.004;
const SPREAD_FORCE: f64 = 0.004;
const SPREAD_UM: f64 = 1.5;
const SPREAD_MDEG: f64 = 40.0;
const SPREAD_KPA: f64 = 0.5;
const SPREAD_SHEAR: f64 = 0.04;
/// Place that a micrometre a second of floor beyond VC-E costs [um].
const UM_PER_FLOOR: f64 = 0.08;
/// A lot is scrap once so many of its last strips' joints were weak, in whole strips.
const SCRAP_STRIPS: f64 = 15.0;
/// Air and fumes that the oven gives to the exhaust [m3/s, -].
const EXHAUST_M3_PER_S: f64 = 0.05;
const FUMES: f64 = 0.2;

/// What it shows besides the common points, in the order of [`DieAttach::show`].
const SHOWN: [&str; 5] = ["head_temp", "cure_temp", "cure_limit_temp", "cure_duty", "exhaust_suction"];

struct DieAttach {
    tool: StripTool<4>,
    shown: [PointIx; SHOWN.len()],
    die_record: u16,
    strip_record: u16,
    /// Offsets of this unit [um] -- parameter.
    offset_um: [f64; 2],
    /// Temperature of the head [degC] -- state.
    head_c: f64,
    oven: Zone,
    /// Age of the epoxy in the syringe [h], picks of the collet -- state.
    age_h: f64,
    picks: f64,
    /// Time until the next die [s], dies left in the strip -- state.
    wait_s: f64,
    left: u32,
    /// Sums over the strip: weak dies, volume against nominal -- state.
    weak: f64,
    volume: f64,
    /// Weak strips in the recent past, decaying -- state.
    recent: f64,
    scrapped: bool,
    /// Faults.
    aged: f64,
    clogged: f64,
    drift_um: f64,
    worn: f64,
    cold: f64,
    weak_force: f64,
}

impl DieAttach {
    fn new(setup: Setup<'_>) -> DieAttach {
        let (profile, rng) = (setup.profile, setup.rng);
        let record = |id| profile.record_ix(id).unwrap_or_else(|| panic!("die_attach has a record {id}"));
        let air_c = Supply::default().air.temp_c;
        DieAttach {
            tool: StripTool::new(profile, SETTINGS, &[QFN_5X5, BGA_9X9]),
            shown: places(profile, SHOWN),
            die_record: record("die"),
            strip_record: record("strip"),
            offset_um: [rng.between(-2.0, 2.0), rng.between(-2.0, 2.0)],
            head_c: air_c + HEAD_RISE_K,
            oven: Zone::new(OVEN, QFN_5X5[3], air_c),
            age_h: rng.between(0.0, SYRINGE_H),
            picks: (rng.uniform() * COLLET_PICKS).floor(),
            wait_s: rng.between(0.0, INDEX_S),
            left: DIES,
            weak: 0.0,
            volume: 0.0,
            recent: 0.0,
            scrapped: false,
            aged: 0.0,
            clogged: 0.0,
            drift_um: 0.0,
            worn: 0.0,
            cold: 0.0,
            weak_force: 0.0,
        }
    }

    /// One die: its record, in the order of the profile's fields.
    fn die(&mut self, cx: &mut Step<'_>) {
        let [force_set, time_set, pressure_set, _] = self.tool.recipes.program;
        let mut spread = |sigma: f64| sigma * cx.rng.normal();
        let planned = viscosity_factor(self.age_h, POT_LIFE_H, REFERENCE_C, REFERENCE_C);
        let mu =
            MU_PA_S * viscosity_factor(self.age_h, POT_LIFE_H, REFERENCE_C, self.head_c) * (1.0 + self.aged);
        // The dispenser makes up for the age that it knows of.
        let time = time_set * planned;
        let pressure = pressure_set * (1.0 + spread(0.002));
        let radius = NEEDLE_MM * (1.0 - self.clogged);
        let volume =
            dispensed_nl(radius, NEEDLE_LENGTH_MM, pressure, time, mu) * (1.0 + spread(SPREAD_VOLUME));
        let force = force_set * (1.0 - self.weak_force) * (1.0 + spread(SPREAD_FORCE));
        let line = bond_line_um(volume, mu, force, PRESS_S) * (1.0 + spread(SPREAD_LINE));
        // A die that slips in the collet lands beside its place, and so does one on a floor that shakes.
        let shake = UM_PER_FLOOR * (cx.supply.floor_um_per_s - 3.0).max(0.0);
        let sigma = (SPREAD_UM * SPREAD_UM + shake * shake).sqrt() * (1.0 + 2.0 * self.worn);
        let grown = growth_um(GANTRY_M, self.head_c - REFERENCE_C);
        let mut spread = |sigma: f64| sigma * cx.rng.normal();
        let x = self.offset_um[0] + grown + self.drift_um + spread(sigma);
        let y = self.offset_um[1] + spread(sigma);
        let theta = spread(SPREAD_MDEG) * (1.0 + 4.0 * self.worn);
        let planned_kpa = PLANNED_KPA * self.picks / COLLET_PICKS;
        let vacuum = VACUUM_KPA * (1.0 - self.worn) - planned_kpa + spread(SPREAD_KPA);
        self.picks += 1.0;
        let nominal = dispensed_nl(NEEDLE_MM, NEEDLE_LENGTH_MM, pressure_set, time_set, MU_PA_S);
        let share = volume / nominal;
        let beside = (x * x + y * y).sqrt();
        let weak = 1.5 * ((share - 1.0).abs() - VOLUME_SLACK).max(0.0)
            + ((beside - 20.0) / 40.0).max(0.0)
            + (theta.abs() - 250.0).max(0.0) / 500.0;
        self.weak += weak.min(1.0);
        self.volume += share;
        let values = vec![force, time, pressure, volume, line, x, y, theta, vacuum, self.picks, self.age_h];
        cx.image.records.push(Record { kind: self.die_record, values });
    }

    /// A strip leaves the oven: one of its dies is sheared.
    fn strip(&mut self, cx: &mut Step<'_>) {
        let rate = CURE_PER_S * arrhenius(CURE_EV, CURE_C, self.oven.temp_c);
        let cure = 1.0 - libm::exp(-rate * CURE_S);
        let full = (self.volume / f64::from(DIES)).min(1.0);
        let shear = SHEAR_KGF * cure * full * (1.0 + SPREAD_SHEAR * cx.rng.normal());
        let soft = (3.0 * (0.85 - cure)).clamp(0.0, 1.0);
        let weak = (self.weak / f64::from(DIES) + soft).min(1.0);
        cx.image.records.push(Record { kind: self.strip_record, values: vec![shear, 100.0 * cure] });
        self.recent = self.recent * 0.95 + weak;
        if self.recent > SCRAP_STRIPS && !self.scrapped {
            self.scrapped = true;
            cx.image.harm.push(Harm { what: "dies will not hold: the lot is scrap" });
        }
        (self.weak, self.volume, self.left) = (0.0, 0.0, DIES);
        self.tool.strip_done(weak, cx);
        if self.age_h >= SYRINGE_H {
            self.age_h = 0.0;
            self.tool.plan(CHANGE_S);
        }
        if self.picks >= COLLET_PICKS {
            self.picks = 0.0;
            self.tool.plan(CHANGE_S);
        }
    }

    fn heat(&mut self, cx: &Step<'_>, works: bool) {
        let air_c = cx.supply.air.temp_c;
        self.head_c += (air_c + HEAD_RISE_K - self.head_c) * cx.dt_s / HEAD_TAU_S;
        self.age_h += cx.dt_s / 3_600.0;
        let work_w = if works { STRIPS_W } else { 0.0 };
        let set_c = self.tool.recipes.program[3];
        let mains = cx.supply.mains;
        self.oven.advance(
            cx.dt_s,
            Around { set_c, around_c: air_c, exchange: 1.0, mains, lost: self.cold, work_w },
        );
    }

    fn show(&self, cx: &mut Step<'_>) {
        self.tool.show(cx);
        let oven_c = self.oven.temp_c;
        let values = [self.head_c, oven_c, oven_c, 100.0 * self.oven.duty, cx.supply.exhaust_pa];
        show(cx, self.shown, values);
        let loss = self.oven.loss_w(cx.supply.air.temp_c);
        // Half of the oven's heat goes with its exhaust.
        cx.given.takes.air_w = 500.0 + 0.5 * loss;
        cx.given.takes.exhaust_m3_per_s = EXHAUST_M3_PER_S;
        cx.given.takes.fumes = FUMES;
        cx.given.floor_um_per_s = 1.0;
    }
}

impl Machine for DieAttach {
    fn step(&mut self, cx: &mut Step<'_>) {
        let works = self.tool.works(cx);
        self.heat(cx, works);
        if works {
            self.wait_s -= cx.dt_s;
            if self.wait_s <= 0.0 && self.left > 0 {
                self.die(cx);
                self.left -= 1;
                self.wait_s += if self.left > 0 { DIE_S } else { INDEX_S };
            } else if self.wait_s <= 0.0 {
                self.strip(cx);
                self.wait_s += DIE_S;
            }
        }
        self.show(cx);
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        self.tool.command(c)
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "epoxy_aged" => self.aged = size,
            "dispense_clogged" => self.clogged = size.min(0.9),
            "placement_drift" => self.drift_um = size,
            "collet_worn" => self.worn = size.min(0.95),
            "cure_oven_cold" => self.cold = size.min(1.0),
            "force_low" => self.weak_force = size.min(0.95),
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.aged, self.clogged, self.drift_um) = (0.0, 0.0, 0.0);
        (self.worn, self.cold, self.weak_force) = (0.0, 0.0, 0.0);
        (self.age_h, self.picks, self.recent, self.scrapped) = (0.0, 0.0, 0.0, false);
    }
}
