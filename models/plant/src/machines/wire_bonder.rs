//! A thermosonic ball bonder: bond after bond, each with a record.
//!
//! ```text
//!   [generator] I --> [transducer R L C] P = I^2 R --> [capillary] F, wear
//!                                                          |
//!   two bonds a second, 40 or 64 a unit, then an index  ( ball ) strength(P), deformation(F, wear), NSOP
//! ```

use aegis_models::physics::bond::{Transducer, strength_share};
use aegis_models::{Command, PointIx, Profile, Record, ThreatKind, Time};

use super::control::{switch, take};
use super::magazine::{Duty, Magazine};
use super::recipes::{Recipes, Setting};
use crate::supply::E10;
use crate::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind =
    Kind { name: "wire_bonder", faults: FAULTS, build: |s| Box::new(WireBonder::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "contaminated_pad",
        doc: "dirt on the pads: bonds are weak or do not form, at the same force, power and deformation",
        unit: "share of the pad that is dirty",
        typical: 0.4,
        threats: &[ThreatKind::Contamination],
    },
    FaultSpec {
        name: "worn_capillary",
        doc: "the capillary is worn before its time: less deformation, weaker bonds",
        unit: "planned lives beyond the plan",
        typical: 2.0,
        threats: &[ThreatKind::ToolWear],
    },
    FaultSpec {
        name: "usg_drift",
        doc: "the transducer's losses grow: impedance and power rise at the same current",
        unit: "ohm of added motional resistance",
        typical: 4.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "clamp_loose",
        doc: "the lead frame moves under the tool: force is lost and bonds do not form",
        unit: "share of the bonds that are hit",
        typical: 0.15,
        threats: &[ThreatKind::QualityDefect],
    },
];

/// What a recipe sets: force [gf], ultrasonic time [ms], current [mA], stage [degC], bonds of a unit.
const SETTINGS: [Setting; 5] = [
    ("force_set", 10.0, 100.0),
    ("time_set", 5.0, 50.0),
    ("current_set", 50.0, 250.0),
    ("stage_set", 100.0, 170.0),
    ("bonds_set", 1.0, 1_000.0),
];
/// Recipes 1 (QFN-32) and 2 (BGA-64), which the machine has from the start.
const QFN_32: [f64; 5] = [FORCE_GF, 15.0, 120.0, 150.0, 40.0];
const BGA_64: [f64; 5] = [40.0, 12.0, 115.0, 150.0, 64.0];

/// The force at which the ball sinks as far as below, and what a good bond makes of it.
const FORCE_GF: f64 = 45.0;
const STRENGTH_GF: f64 = 14.0;
const BEST_MW: f64 = 288.0;
const WIDTH_MW: f64 = 250.0;
const DEFORMATION_UM: f64 = 12.0;
/// Transducer at resonance.
const TRANSDUCER: Transducer = Transducer { r_ohm: 20.0, l_h: 58.7e-3, c_f: 30.0e-12, c0_f: 1.0e-9 };
/// A capillary's planned life [bonds].
const LIFE_BONDS: f64 = 50_000.0;
/// What planned wear costs in strength and deformation at the end of a life, and what each life beyond the plan costs
/// [-]: wear goes slowly until the tip's edge is gone.
const WEAR_STRENGTH: (f64, f64) = (0.06, 0.08);
const WEAR_DEFORMATION: (f64, f64) = (0.01, 0.06);
/// A bond takes this long; the index to the next unit and a capillary change take this long.
const BOND_S: f64 = 0.5;
const INDEX_S: f64 = 3.0;
const CHANGE_S: f64 = 120.0;
/// An operator clears a non-stick in this time [s].
const ASSIST_S: f64 = 6.0;
/// A sound bond does not stick this often [-].
const NSOP_BASE: f64 = 1.0e-4;
/// Bond-to-bond variation of strength, force and deformation, one sigma [-].
const SPREAD_STRENGTH: f64 = 0.04;
const SPREAD_FORCE: f64 = 0.01;
const SPREAD_DEFORMATION: f64 = 0.02;
/// A lot is scrap when so many of its last bonds did not stick.
const SCRAP_NSOP: f64 = 30.0;
/// Units of a strip. Magazines wait on both sides, so that their exchange costs no time.
const UNITS: u32 = 3;
/// Below this share of a good bond's strength a joint is at risk, and it is lost for certain this much further down [-].
const WEAK_BELOW: f64 = 0.85;
const WEAK_SPAN: f64 = 0.25;
/// Velocity of the floor that bonds do not feel [um/s], and non-sticks for each micrometre a second beyond [s/um].
const FLOOR_UM_PER_S: f64 = 12.0;
const NSOP_PER_FLOOR: f64 = 1.0e-3;
/// Particles that a bay may hold without harm to pads [1/m3] (ISO 6); dirt for each beyond [m3], and for vapour [1/ppm].
const CLEAN_PER_M3: f64 = 35_200.0;
const DIRT_PER_PARTICLE: f64 = 1.0e-6;
const DIRT_PER_PPM: f64 = 0.004;
/// OEE looks back about this far [s].
const OEE_TAU_S: f64 = 600.0;

struct Points {
    recipe: PointIx,
    availability: PointIx,
    performance: PointIx,
    quality: PointIx,
    oee: PointIx,
    units: PointIx,
    force_adj: PointIx,
    run_enable: PointIx,
    bonding: PointIx,
    set: [PointIx; 5],
    e10: PointIx,
    bond: u16,
}

impl Points {
    fn of(profile: &Profile) -> Points {
        let p = |id| profile.point_ix(id).unwrap_or_else(|| panic!("profile wire_bonder has a point {id}"));
        Points {
            recipe: p("recipe"),
            availability: p("availability"),
            performance: p("performance"),
            quality: p("quality"),
            oee: p("oee"),
            units: p("units"),
            force_adj: p("bond_force_adj"),
            run_enable: p("run_enable"),
            bonding: p("bonding"),
            set: SETTINGS.map(|(id, ..)| p(id)),
            e10: p("e10_state"),
            bond: profile.record_ix("bond").expect("profile wire_bonder has a record bond"),
        }
    }
}

struct WireBonder {
    points: Points,
    /// Motional resistance of this transducer [ohm] -- parameter, within 2 %.
    r_ohm: f64,
    /// Set-points -- input.
    force_adj_pct: f64,
    enabled: bool,
    /// What it bonds by -- input.
    recipes: Recipes<5>,
    /// The lot in work, and what the machine does -- state.
    magazine: Magazine,
    e10: E10,
    /// Units of the strip that are bonded, weak bonds of it, and all of them -- state.
    strip: u32,
    weak: f64,
    bonds: f64,
    /// Time until the next bond [s] -- state.
    wait_s: f64,
    /// Bonds left in this unit -- state.
    left: u32,
    units: f64,
    /// Bonds of this capillary -- state.
    capillary: f64,
    /// Smoothed shares [-] -- state: could bond, paced, good.
    available: f64,
    pace: f64,
    good: f64,
    /// Non-sticks in the recent past, decaying -- state.
    recent_nsop: f64,
    scrapped: bool,
    /// Waits for a person, not for its own mechanism -- state.
    assisted: bool,
    /// Faults.
    dirt: f64,
    worn: f64,
    usg: f64,
    clamp: f64,
    /// Nobody changes the capillary.
    skipped: bool,
}

impl WireBonder {
    fn new(setup: Setup<'_>) -> WireBonder {
        let rng = setup.rng;
        WireBonder {
            points: Points::of(setup.profile),
            r_ohm: TRANSDUCER.impedance_ohm(TRANSDUCER.resonance_hz()) * rng.between(0.98, 1.02),
            force_adj_pct: 0.0,
            enabled: true,
            recipes: Recipes::new(SETTINGS, &[QFN_32, BGA_64]),
            magazine: Magazine::new(0.0),
            e10: E10::Standby,
            strip: 0,
            weak: 0.0,
            bonds: 0.0,
            wait_s: rng.between(0.0, INDEX_S),
            left: QFN_32[4] as u32,
            units: (rng.uniform() * 10_000.0).floor(),
            capillary: (rng.uniform() * LIFE_BONDS).floor(),
            available: 0.99,
            pace: 0.99,
            good: 0.9999,
            recent_nsop: 0.0,
            scrapped: false,
            assisted: false,
            dirt: 0.0,
            worn: 0.0,
            usg: 0.0,
            clamp: 0.0,
            skipped: false,
        }
    }

    /// Bonds of a unit.
    fn of_unit(&self) -> u32 {
        self.recipes.program[4] as u32
    }

    /// Whether it bonds in this step: a lot lies there and nothing holds it.
    fn works(&mut self, cx: &Step<'_>) -> bool {
        let duty = self.magazine.duty(cx.dt_s, cx.supply, self.enabled);
        if let Duty::Begin(job) = duty
            && job.recipe != self.recipes.number
        {
            self.recipes.load(job.recipe);
            self.left = self.of_unit();
        }
        self.e10 = match duty {
            Duty::Begin(_) | Duty::Work | Duty::Exchange => E10::Productive,
            Duty::Standby => E10::Standby,
            Duty::Down => E10::UnscheduledDown,
        };
        matches!(duty, Duty::Begin(_) | Duty::Work)
    }

    /// One bond: its record, in the order of the profile's fields.
    fn bond(&mut self, cx: &mut Step<'_>) {
        let (hit, grip) = (cx.rng.chance(self.clamp), cx.rng.between(0.6, 0.85));
        let held = if hit { grip } else { 1.0 - 0.3 * self.clamp };
        let [force_gf, time_ms, current_ma, stage_c, _] = self.recipes.program;
        let force =
            force_gf * (1.0 + self.force_adj_pct / 100.0) * held * (1.0 + SPREAD_FORCE * cx.rng.normal());
        let r = self.r_ohm + self.usg;
        let power = current_ma * current_ma * r / 1_000.0;
        let air = cx.supply.air;
        let settled = DIRT_PER_PARTICLE * (air.particles_per_m3 - CLEAN_PER_M3).max(0.0);
        let dirt = (self.dirt + settled + DIRT_PER_PPM * air.vapour_ppm).min(1.0);
        let lives = self.capillary / LIFE_BONDS;
        // One that is used beyond its life wears as one that was worn before its time.
        let beyond_plan = self.worn + (lives - 1.0).max(0.0);
        let wear = |(planned, beyond): (f64, f64)| {
            (1.0 - planned * lives.min(1.0)) * (1.0 - beyond * beyond_plan).max(0.1)
        };
        let strength = STRENGTH_GF
            * strength_share(power, BEST_MW, WIDTH_MW)
            * wear(WEAR_STRENGTH)
            * (1.0 - 0.4 * dirt)
            * (1.0 + SPREAD_STRENGTH * cx.rng.normal());
        let deformation = DEFORMATION_UM
            * (force / FORCE_GF)
            * wear(WEAR_DEFORMATION)
            * (1.0 + SPREAD_DEFORMATION * cx.rng.normal());
        let weak = (1.0 - strength / STRENGTH_GF).clamp(0.0, 1.0);
        let shaken = NSOP_PER_FLOOR * (cx.supply.floor_um_per_s - FLOOR_UM_PER_S).max(0.0);
        let risk = NSOP_BASE + 0.15 * dirt + 0.05 * weak * weak + shaken + if hit { 0.6 } else { 0.0 };
        let nsop = cx.rng.chance(risk);
        self.bonds += 1.0;
        self.weak += ((WEAK_BELOW - strength / STRENGTH_GF) / WEAK_SPAN).clamp(0.0, 1.0);
        self.capillary += 1.0;
        self.recent_nsop = self.recent_nsop * 0.998 + f64::from(nsop);
        self.good += (f64::from(!nsop) - self.good) * 0.001;
        if nsop {
            self.wait_s += ASSIST_S;
            self.assisted = true;
        }
        if self.recent_nsop > SCRAP_NSOP && !self.scrapped {
            self.scrapped = true;
            cx.image.harm.push(Harm { what: "too many non-sticks: the lot is scrap" });
        }
        // A bond that did not form has no strength to measure.
        let strength = if nsop { f64::NAN } else { strength };
        let values = vec![
            force,
            time_ms,
            current_ma,
            power,
            r,
            stage_c,
            deformation,
            strength,
            f64::from(nsop),
            self.capillary,
        ];
        cx.image.records.push(Record { kind: self.points.bond, values });
    }

    /// What comes after a bond.
    fn next(&mut self, cx: &mut Step<'_>) {
        self.wait_s += BOND_S;
        self.left -= 1;
        if self.left == 0 {
            self.left = self.of_unit();
            self.units += 1.0;
            self.wait_s += INDEX_S;
            self.unit_done(cx);
            if self.capillary >= LIFE_BONDS && !self.skipped {
                self.capillary = 0.0;
                self.wait_s += CHANGE_S;
                self.assisted = true;
            }
        }
    }
}

impl WireBonder {
    /// A unit is bonded, and with the last one its strip.
    fn unit_done(&mut self, cx: &mut Step<'_>) {
        self.strip += 1;
        if self.strip == UNITS {
            cx.given.finished = self.magazine.strip_done(self.weak / self.bonds);
            (self.strip, self.weak, self.bonds) = (0, 0.0, 0.0);
        }
    }
}

impl Machine for WireBonder {
    fn step(&mut self, cx: &mut Step<'_>) {
        let bonding = self.works(cx);
        if bonding {
            self.wait_s -= cx.dt_s;
            if self.wait_s <= 0.0 {
                self.assisted = false;
                self.bond(cx);
                self.next(cx);
            }
        }
        // Time without work is nobody's loss (SEMI E10: standby), and a stop is.
        let weight = if self.enabled && self.e10 == E10::Standby { 0.0 } else { cx.dt_s / OEE_TAU_S };
        let could = bonding && !self.assisted;
        self.available += (f64::from(could) - self.available) * weight;
        if could {
            self.pace += (0.99 - self.pace) * weight;
        }
        let p = &self.points;
        cx.image.set(p.recipe, f64::from(self.recipes.number));
        cx.image.set(p.availability, 100.0 * self.available);
        cx.image.set(p.performance, 100.0 * self.pace);
        cx.image.set(p.quality, 100.0 * self.good);
        cx.image.set(p.oee, 100.0 * self.available * self.pace * self.good);
        cx.image.set(p.units, self.units);
        cx.image.set(p.force_adj, self.force_adj_pct);
        cx.image.set(p.run_enable, f64::from(self.enabled));
        cx.image.set(p.bonding, f64::from(bonding));
        for (point, value) in p.set.into_iter().zip(self.recipes.program) {
            cx.image.set(point, value);
        }
        cx.image.set(p.e10, self.e10.number());
        cx.given.e10 = self.e10;
        cx.given.takes.air_w = 900.0;
        cx.given.floor_um_per_s = 0.5;
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "bond_force_adj" => take(c, &mut self.force_adj_pct, [-20.0, 20.0])?,
            "run_enable" => switch(c, &mut self.enabled)?,
            "recipe" => {
                self.recipes.select(c)?;
                self.left = self.of_unit();
            }
            _ => {
                self.recipes.set(c)?;
                // A unit of fewer bonds ends sooner.
                self.left = self.left.min(self.of_unit());
            }
        }
        Ok(())
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "contaminated_pad" => self.dirt = size.min(1.0),
            "worn_capillary" => self.worn = size,
            "usg_drift" => self.usg = size,
            "clamp_loose" => self.clamp = size.min(1.0),
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn skip_maintenance(&mut self, skip: bool) -> bool {
        self.skipped = skip;
        true
    }

    fn service(&mut self) {
        (self.dirt, self.worn, self.usg, self.clamp, self.capillary) = (0.0, 0.0, 0.0, 0.0, 0.0);
        (self.recent_nsop, self.scrapped) = (0.0, false);
    }
}
