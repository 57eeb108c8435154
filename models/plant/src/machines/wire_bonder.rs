//! A thermosonic ball bonder: bond after bond, each with a record.
//!
//! ```text
//!   [generator] I --> [transducer R L C] P = I^2 R --> [capillary] F, wear
//!                                                          |
//!   two bonds a second, forty a unit, then an index     ( ball ) strength(P), deformation(F, wear), NSOP
//! ```

use aegis_models::physics::bond::{Transducer, strength_share};
use aegis_models::{Command, PointIx, Profile, Record, ThreatKind, Time};

use crate::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};

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

/// Recipe 1: set values and what they make.
const FORCE_GF: f64 = 45.0;
const TIME_MS: f64 = 15.0;
const CURRENT_MA: f64 = 120.0;
const STAGE_C: f64 = 150.0;
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
/// A bond takes this long; a unit has so many bonds; the index to the next unit and a capillary change take this long.
const BOND_S: f64 = 0.5;
const BONDS_PER_UNIT: u32 = 40;
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
}

impl WireBonder {
    fn new(setup: Setup<'_>) -> WireBonder {
        let rng = setup.rng;
        WireBonder {
            points: Points::of(setup.profile),
            r_ohm: TRANSDUCER.impedance_ohm(TRANSDUCER.resonance_hz()) * rng.between(0.98, 1.02),
            force_adj_pct: 0.0,
            enabled: true,
            wait_s: rng.between(0.0, INDEX_S),
            left: BONDS_PER_UNIT,
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
        }
    }

    /// One bond: its record, in the order of the profile's fields.
    fn bond(&mut self, cx: &mut Step<'_>) {
        let hit = self.clamp > 0.0 && cx.rng.chance(self.clamp);
        let held = if hit { cx.rng.between(0.6, 0.85) } else { 1.0 - 0.3 * self.clamp };
        let force =
            FORCE_GF * (1.0 + self.force_adj_pct / 100.0) * held * (1.0 + SPREAD_FORCE * cx.rng.normal());
        let r = self.r_ohm + self.usg;
        let power = CURRENT_MA * CURRENT_MA * r / 1_000.0;
        let lives = self.capillary / LIFE_BONDS;
        let wear =
            |(planned, beyond): (f64, f64)| (1.0 - planned * lives) * (1.0 - beyond * self.worn).max(0.1);
        let strength = STRENGTH_GF
            * strength_share(power, BEST_MW, WIDTH_MW)
            * wear(WEAR_STRENGTH)
            * (1.0 - 0.4 * self.dirt)
            * (1.0 + SPREAD_STRENGTH * cx.rng.normal());
        let deformation = DEFORMATION_UM
            * (force / FORCE_GF)
            * wear(WEAR_DEFORMATION)
            * (1.0 + SPREAD_DEFORMATION * cx.rng.normal());
        let weak = (1.0 - strength / STRENGTH_GF).clamp(0.0, 1.0);
        let risk = NSOP_BASE + 0.15 * self.dirt + 0.05 * weak * weak + if hit { 0.6 } else { 0.0 };
        let nsop = cx.rng.chance(risk);
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
            TIME_MS,
            CURRENT_MA,
            power,
            r,
            STAGE_C,
            deformation,
            strength,
            f64::from(nsop),
            self.capillary,
        ];
        cx.image.records.push(Record { kind: self.points.bond, values });
    }

    /// What comes after a bond.
    fn next(&mut self) {
        self.wait_s += BOND_S;
        self.left -= 1;
        if self.left == 0 {
            self.left = BONDS_PER_UNIT;
            self.units += 1.0;
            self.wait_s += INDEX_S;
            if self.capillary >= LIFE_BONDS {
                self.capillary = 0.0;
                self.wait_s += CHANGE_S;
                self.assisted = true;
            }
        }
    }
}

impl Machine for WireBonder {
    fn step(&mut self, cx: &mut Step<'_>) {
        if self.enabled {
            self.wait_s -= cx.dt_s;
            if self.wait_s <= 0.0 {
                self.assisted = false;
                self.bond(cx);
                self.next();
            }
        }
        let weight = cx.dt_s / OEE_TAU_S;
        let could = self.enabled && !self.assisted;
        self.available += (f64::from(could) - self.available) * weight;
        if could {
            self.pace += (0.99 - self.pace) * weight;
        }
        let p = &self.points;
        cx.image.set(p.recipe, 1.0);
        cx.image.set(p.availability, 100.0 * self.available);
        cx.image.set(p.performance, 100.0 * self.pace);
        cx.image.set(p.quality, 100.0 * self.good);
        cx.image.set(p.oee, 100.0 * self.available * self.pace * self.good);
        cx.image.set(p.units, self.units);
        cx.image.set(p.force_adj, self.force_adj_pct);
        cx.image.set(p.run_enable, f64::from(self.enabled));
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "bond_force_adj" => {
                let (low, high) = (-20.0, 20.0);
                if !(low..=high).contains(&c.value) {
                    return Err(Refusal::OutOfRange { point: c.point.clone(), value: c.value, low, high });
                }
                self.force_adj_pct = c.value;
            }
            "run_enable" => self.enabled = c.value != 0.0,
            _ => return Err(Refusal::NotWritable(c.point.clone())),
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

    fn service(&mut self) {
        (self.dirt, self.worn, self.usg, self.clamp, self.capillary) = (0.0, 0.0, 0.0, 0.0, 0.0);
        (self.recent_nsop, self.scrapped) = (0.0, false);
    }
}
