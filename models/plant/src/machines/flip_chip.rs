//! A flip chip bonder with its reflow oven: dies dipped in flux, placed bumps down, and soldered on a belt.
//!
//! ```text
//!   [ wafer ] --flip--> dip (flux um) --> place x, y (gantry T, floor) --> strip of 16
//!   strip --> [ zone 1 150 ][ zone 2 200 ][ zone 3 250 ][ cooling, water ] --> peak, time above 217, standoff, shear
//!                 belt v -->
//! ```

use aegis_models::physics::reflow::{LIQUIDUS_C, Oven, standoff_um, wetted};
use aegis_models::physics::thermal::{convection_factor, growth_um};
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
    Kind { name: "flip_chip", faults: FAULTS, build: |s| Box::new(FlipChip::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "reflow_zone_failed",
        doc: "elements of the reflow zone fail: its heater works harder, then the peak falls",
        unit: "share of the third zone's heater that is lost",
        typical: 0.5,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "flux_low",
        doc: "the flux plate runs dry: the dip is thinner, bumps wet less and shear as that accounts for",
        unit: "share of the flux height that is lost",
        typical: 0.35,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "placement_drift",
        doc: "the vision loses its calibration: dies lie beside their place by more than the gantry's growth",
        unit: "um of added offset",
        typical: 6.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "bump_oxidised",
        doc: "a wafer's bumps are oxidised: joints shear early although flux and reflow are as learned",
        unit: "share of the wetting that is lost",
        typical: 0.25,
        threats: &[ThreatKind::Contamination],
    },
    FaultSpec {
        name: "conveyor_slow",
        doc: "the belt's drive slips under load: boards stay longer above liquidus, as its speed accounts for",
        unit: "share of the speed that is lost",
        typical: 0.2,
        threats: &[ThreatKind::EquipmentDegradation],
    },
];

/// What a recipe sets: zones [degC], belt [mm/s], flux [um].
const SETTINGS: [(&str, f64, f64); 5] = [
    ("zone1_set", 100.0, 200.0),
    ("zone2_set", 150.0, 230.0),
    ("zone3_set", 220.0, 300.0),
    ("conveyor_set", 4.0, 20.0),
    ("flux_set", 10.0, 80.0),
];
const FCBGA_100: [f64; 5] = [150.0, 200.0, 250.0, 10.0, 30.0];
const FCCSP_80: [f64; 5] = [150.0, 195.0, 245.0, 10.5, 24.0];

/// A die takes this long [s]; dies of a strip, and its index [s].
const DIE_S: f64 = 2.4;
const DIES: u32 = 16;
const INDEX_S: f64 = 4.0;
/// The head is warmer than the bay by its drives [K], and follows it in this time [s]; the gantry's length [m].
const REFERENCE_C: f64 = 22.5;
const HEAD_RISE_K: f64 = 1.5;
const HEAD_TAU_S: f64 = 600.0;
const GANTRY_M: f64 = 0.3;
/// The zones, and the heat that boards take from each [W].
const ZONES: [Block; 3] = [
    Block { capacity_j_per_k: 15_000.0, conductance_w_per_k: 12.0, heater_w: 2_800.0 },
    Block { capacity_j_per_k: 15_000.0, conductance_w_per_k: 12.0, heater_w: 3_900.0 },
    Block { capacity_j_per_k: 15_000.0, conductance_w_per_k: 12.0, heater_w: 4_600.0 },
];
const BOARDS_W: f64 = 15.0;
/// Length of a zone [m], and time constant of a board in it [s].
const ZONE_M: f64 = 0.75;
const BOARD_S: f64 = 18.0;
/// The cooling zone over its water [K], its time constant [s]; its water at nominal supply [l/min].
const COOL_RISE_K: f64 = 22.0;
const COOL_TAU_S: f64 = 120.0;
const WATER_L_PER_MIN: f64 = 8.0;
/// Bumps and pads [um]; flux that wets all but 37 % [um], and the share that it wets at its nominal height [-].
const BALL_UM: f64 = 100.0;
const PAD_UM: f64 = 40.0;
const FLUX_FULL_UM: f64 = 10.0;
const NOMINAL_WETTED: f64 = 0.950;
/// Shear of a bump on a fully wetted pad [gf] (about 5 gf/mil2 of pad); what a second above liquidus beyond nominal takes
/// [1/s], and that nominal [s].
const SHEAR_GF: f64 = 40.0;
const SHEAR_PER_S: f64 = 0.003;
const NOMINAL_ABOVE_S: f64 = 70.0;
/// One sigma: place [um], flux, shear, standoff [-], peak [K], time above liquidus [s], belt [-].
const SPREAD_UM: f64 = 1.0;
const SPREAD_FLUX: f64 = 0.02;
const SPREAD_SHEAR: f64 = 0.04;
const SPREAD_STANDOFF: f64 = 0.025;
const SPREAD_PEAK_K: f64 = 0.3;
const SPREAD_ABOVE_S: f64 = 0.5;
/// Place that a micrometre a second of floor beyond VC-E costs [um].
const UM_PER_FLOOR: f64 = 0.08;
/// A lot is scrap once so many of its last strips' joints were weak, in whole strips.
const SCRAP_STRIPS: f64 = 12.0;

/// What it shows besides the common points, in the order of [`FlipChip::show`].
const SHOWN: [&str; 15] = [
    "head_temp",
    "zone1_temp",
    "zone1_limit_temp",
    "zone1_duty",
    "zone2_temp",
    "zone2_limit_temp",
    "zone2_duty",
    "zone3_temp",
    "zone3_limit_temp",
    "zone3_duty",
    "cool_temp",
    "conveyor_speed",
    "water_temp",
    "water_flow",
    "exhaust_suction",
];

struct FlipChip {
    tool: StripTool<5>,
    shown: [PointIx; SHOWN.len()],
    die_record: u16,
    strip_record: u16,
    /// Offsets of this unit [um] -- parameter.
    offset_um: [f64; 2],
    /// Time constant of a board in this oven over the usual [-] -- parameter.
    gas: f64,
    head_c: f64,
    zones: [Zone; 3],
    cool_c: f64,
    /// Conductance to the water over nominal [-], and the flow that it belongs to [-] -- kept while that does not change.
    exchange: (f64, f64),
    /// Time until the next die [s], dies left in the strip, sum of their weakness -- state.
    wait_s: f64,
    left: u32,
    weak: f64,
    /// Flux of the strip's dies in sum [um] -- state.
    flux: f64,
    recent: f64,
    scrapped: bool,
    /// Faults.
    heater: f64,
    dry: f64,
    drift_um: f64,
    oxide: f64,
    slow: f64,
}

impl FlipChip {
    fn new(setup: Setup<'_>) -> FlipChip {
        let (profile, rng) = (setup.profile, setup.rng);
        let record = |id| profile.record_ix(id).unwrap_or_else(|| panic!("flip_chip has a record {id}"));
        let nominal = Supply::default();
        let zone = |i: usize| Zone::new(ZONES[i], FCBGA_100[i], nominal.air.temp_c);
        FlipChip {
            tool: StripTool::new(profile, SETTINGS, &[FCBGA_100, FCCSP_80]),
            shown: places(profile, SHOWN),
            die_record: record("die"),
            strip_record: record("strip"),
            offset_um: [rng.between(-1.0, 1.0), rng.between(-1.0, 1.0)],
            gas: rng.between(0.98, 1.02),
            head_c: nominal.air.temp_c + HEAD_RISE_K,
            zones: [zone(0), zone(1), zone(2)],
            cool_c: nominal.process_water.temp_c + COOL_RISE_K,
            exchange: (1.0, 1.0),
            wait_s: rng.between(0.0, INDEX_S),
            left: DIES,
            weak: 0.0,
            flux: 0.0,
            recent: 0.0,
            scrapped: false,
            heater: 0.0,
            dry: 0.0,
            drift_um: 0.0,
            oxide: 0.0,
            slow: 0.0,
        }
    }

    fn speed(&self) -> f64 {
        self.tool.recipes.program[3] * (1.0 - self.slow)
    }

    /// One die: its record, in the order of the profile's fields.
    fn die(&mut self, cx: &mut Step<'_>) {
        let flux_set = self.tool.recipes.program[4];
        let shake = UM_PER_FLOOR * (cx.supply.floor_um_per_s - 3.0).max(0.0);
        let sigma = (SPREAD_UM * SPREAD_UM + shake * shake).sqrt();
        let grown = growth_um(GANTRY_M, self.head_c - REFERENCE_C);
        let x = self.offset_um[0] + grown + self.drift_um + sigma * cx.rng.normal();
        let y = self.offset_um[1] + sigma * cx.rng.normal();
        let flux = flux_set * (1.0 - self.dry) * (1.0 + SPREAD_FLUX * cx.rng.normal());
        let beside = (x * x + y * y).sqrt();
        // Solder pulls a die back into its place as long as bumps touch half of their pads.
        self.weak += ((beside - 12.0) / 20.0).clamp(0.0, 1.0);
        self.flux += flux;
        cx.image.records.push(Record { kind: self.die_record, values: vec![x, y, flux] });
    }

    /// A strip leaves the oven. Its way is taken as if zones and belt had stood as they are now.
    fn strip(&mut self, cx: &mut Step<'_>) {
        let oven = Oven {
            zones_c: [self.zones[0].temp_c, self.zones[1].temp_c, self.zones[2].temp_c, self.cool_c],
            zone_m: ZONE_M,
            speed_mm_per_s: self.speed(),
            board_s: BOARD_S * self.gas,
            start_c: cx.supply.air.temp_c,
        };
        let (peak, above) = oven.profile(LIQUIDUS_C);
        let wets = wetted(self.flux / f64::from(DIES), FLUX_FULL_UM) * (1.0 - self.oxide);
        // Below some seconds above liquidus solder has not run.
        let molten = (above / 20.0).min(1.0);
        let aged = 1.0 - SHEAR_PER_S * (above - NOMINAL_ABOVE_S);
        let shear = SHEAR_GF * wets * molten * aged * (1.0 + SPREAD_SHEAR * cx.rng.normal());
        // An opening that solder does not fill leaves it higher.
        let pad = PAD_UM * (wets * molten / NOMINAL_WETTED).min(1.0).sqrt();
        let standoff = standoff_um(BALL_UM, pad) * (1.0 + SPREAD_STANDOFF * cx.rng.normal());
        let peak_read = peak + SPREAD_PEAK_K * cx.rng.normal();
        let above_read = (above + SPREAD_ABOVE_S * cx.rng.normal()).max(0.0);
        let joints =
            (2.0 * (0.85 - wets * molten)).clamp(0.0, 1.0) + (0.01 * (above - 120.0)).clamp(0.0, 1.0);
        let weak = (self.weak / f64::from(DIES) + joints).min(1.0);
        let values = vec![peak_read, above_read, standoff, shear];
        cx.image.records.push(Record { kind: self.strip_record, values });
        self.recent = self.recent * 0.96 + weak;
        if self.recent > SCRAP_STRIPS && !self.scrapped {
            self.scrapped = true;
            cx.image.harm.push(Harm { what: "bumps are not joined: the lot is scrap" });
        }
        (self.weak, self.flux, self.left) = (0.0, 0.0, DIES);
        self.tool.strip_done(weak, cx);
    }

    fn heat(&mut self, cx: &Step<'_>, works: bool) {
        let (air_c, water) = (cx.supply.air.temp_c, cx.supply.process_water);
        self.head_c += (air_c + HEAD_RISE_K - self.head_c) * cx.dt_s / HEAD_TAU_S;
        if self.exchange.1 != water.flow {
            self.exchange = (convection_factor(water.flow), water.flow);
        }
        let cool = water.temp_c + COOL_RISE_K / self.exchange.0.max(0.1);
        self.cool_c += (cool - self.cool_c) * cx.dt_s / COOL_TAU_S;
        let lost = [0.0, 0.0, self.heater];
        for (i, zone) in self.zones.iter_mut().enumerate() {
            zone.advance(
                cx.dt_s,
                Around {
                    set_c: self.tool.recipes.program[i],
                    around_c: air_c,
                    exchange: 1.0,
                    mains: cx.supply.mains,
                    lost: lost[i],
                    work_w: if works { BOARDS_W } else { 0.0 },
                },
            );
        }
    }

    fn show(&self, cx: &mut Step<'_>) {
        self.tool.show(cx);
        let [a, b, c] = [0, 1, 2].map(|i| (self.zones[i].temp_c, 100.0 * self.zones[i].duty));
        let water = cx.supply.process_water;
        let values = [
            self.head_c,
            a.0,
            a.0,
            a.1,
            b.0,
            b.0,
            b.1,
            c.0,
            c.0,
            c.1,
            self.cool_c,
            self.speed(),
            water.temp_c,
            WATER_L_PER_MIN * water.flow,
            cx.supply.exhaust_pa,
        ];
        show(cx, self.shown, values);
        let air_c = cx.supply.air.temp_c;
        let loss: f64 = self.zones.iter().map(|z| z.loss_w(air_c)).sum();
        // A third goes with the boards into the cooling zone's water, a third with the exhaust.
        cx.given.takes.water_w = 0.33 * loss + 500.0;
        cx.given.takes.air_w = 0.33 * loss + 600.0;
        cx.given.takes.exhaust_m3_per_s = 0.1;
        cx.given.takes.fumes = 0.4;
        cx.given.floor_um_per_s = 1.0;
    }
}

impl Machine for FlipChip {
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
            "reflow_zone_failed" => self.heater = size.min(1.0),
            "flux_low" => self.dry = size.min(1.0),
            "placement_drift" => self.drift_um = size,
            "bump_oxidised" => self.oxide = size.min(1.0),
            "conveyor_slow" => self.slow = size.min(0.9),
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.heater, self.dry, self.drift_um, self.oxide, self.slow) = (0.0, 0.0, 0.0, 0.0, 0.0);
        (self.recent, self.scrapped) = (0.0, false);
    }
}
