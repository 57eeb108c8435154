//! An ultrapure water plant: tank, loop pump, lamp, polishing bed and ultrafilter of one loop.
//!
//! ```text
//!   make-up --> ( tank, nitrogen ) --[pump]--[UV]--[bed]--[ultrafilter]--> 300 kPa, 18.2 Mohm cm --> tools
//!                    ^    oxygen                                                                    |
//!                    +------------------------------- return ---------------------------------------+
//! ```

use aegis_models::physics::acid::{AIR_CO2_ATM, carbonic_us_per_cm};
use aegis_models::physics::pump::{Pump, power_kw};
use aegis_models::physics::pure_water::{breakthrough, carbon_left, resistivity_mohm_cm};
use aegis_models::physics::vibration::unbalance_factor;
use aegis_models::{Command, Rng, ThreatKind, Time};

use super::control::{Second, Strain, Wander, points, refuse, switch, take};
use crate::supply::Upw as Water;
use crate::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind = Kind { name: "upw", faults: FAULTS, build: |s| Box::new(Upw::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "resin_exhausted",
        doc: "the polishing bed is spent: silica comes through first, then salts, and the resistivity falls",
        unit: "% of the bed's capacity spent beyond what was planned",
        typical: 40.0,
        threats: &[ThreatKind::Contamination, ThreatKind::FilterEndOfLife],
    },
    FaultSpec {
        name: "uv_lamp_weak",
        doc: "the lamp's quartz clouds: less ultraviolet light, and more organic carbon is left",
        unit: "% of intensity lost",
        typical: 40.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "filter_breach",
        doc: "fibres of the ultrafilter break: particles come through, and its resistance falls",
        unit: "share of the flow that bypasses",
        typical: 0.005,
        threats: &[ThreatKind::FacilityIntegrity],
    },
    FaultSpec {
        name: "filter_plugged",
        doc: "the ultrafilter's membranes close: more pressure drop, and the pump runs up",
        unit: "share of the clean resistance",
        typical: 0.6,
        threats: &[ThreatKind::FilterEndOfLife],
    },
    FaultSpec {
        name: "pump_worn",
        doc: "the loop pump's wear rings open: it shakes and gives less than its curve",
        unit: "% of pressure lost",
        typical: 12.0,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "air_ingress",
        doc: "the tank loses its nitrogen: oxygen and carbon dioxide dissolve, and the bed is spent on carbonate",
        unit: "% of the tank's gas that is air",
        typical: 50.0,
        threats: &[ThreatKind::Contamination],
    },
];

/// Loop pump, its efficiency and the highest speed of its drive [rpm].
const PUMP: Pump = Pump { p0_kpa: 700.0, a: 0.5, n0_rpm: 2_900.0 };
const PUMP_EFFICIENCY: f64 = 0.65;
const MOST_RPM: f64 = 3_250.0;
/// Loop at nominal duty [l/s, kPa].
const LOOP_L_PER_S: f64 = 20.0;
const LOOP_KPA: f64 = 300.0;
/// Bed and clean ultrafilter [kPa s/l].
const BED: f64 = 3.0;
const ULTRAFILTER: f64 = 5.0;
/// Ions that come to the bed [uS/cm at 25 degC], and what no bed takes out.
const FEED_IONS: f64 = 0.01;
const LEFT_IONS: f64 = 2.0e-5;
/// Silica that comes to the bed, and what a fresh one leaves [ppb]; it breaks through this share of capacity sooner.
const FEED_SILICA: f64 = 3.0;
const LEFT_SILICA: f64 = 0.2;
const SILICA_SOONER: f64 = 0.1;
/// Steepness of the bed's front [-]; its life at nominal duty [s]; where a crew changes it, and what a new one begins at [-].
const SHARPNESS: f64 = 40.0;
const BED_LIFE_S: f64 = 180.0 * 86_400.0;
const CHANGED_AT: f64 = 0.7;
const FRESH: f64 = 0.05;
/// Organic carbon that comes to the lamp [ppb], and the decades that a new lamp takes off at nominal flow.
const FEED_TOC: f64 = 3.0;
const DECADES: f64 = 0.5;
/// Particles >= 50 nm that come to the ultrafilter [1/ml], and the share that whole fibres pass.
const FEED_PARTICLES: f64 = 1_000.0;
const PASSED: f64 = 1.0e-3;
/// A breach takes this many times its share off the resistance [-].
const RELIEF: f64 = 10.0;
/// Share of saturation that the tank's water reaches in its stay, oxygen under air, and what nitrogen leaves [ppb].
const STAY: f64 = 0.03;
const AIR_OXYGEN_PPB: f64 = 8_700.0;
const LEFT_OXYGEN_PPB: f64 = 2.0;
/// Water [degC] and its swing over a day [K].
const WATER_C: f64 = 22.5;
const SWING_K: f64 = 0.5;
/// Velocity of the sound pump [mm/s RMS].
const PUMP_MM_S: f64 = 1.2;
/// Mains over nominal below which the drive trips, and how long until it turns again [s].
const DROP_OUT: f64 = 0.8;
const AGAIN_S: f64 = 20.0;

points!("upw":
    resistivity, resistivity_raw, water_temp, feed_resistivity, silica, toc_feed, toc, uv_intensity, particles,
    oxygen, loop_pressure, loop_flow, bed_dp, filter_dp, pump_pressure, pump_speed, pump_power, pump_vibration,
    tank_level, run_hours, loop_pressure_sp, run_enable, running,
);

struct Upw {
    points: Points,
    /// This unit's pump, bed, ultrafilter and lamp -- parameters, within 1 to 3 %.
    pump: Pump,
    bed: f64,
    filter: f64,
    decades: f64,
    /// Set-point [kPa] -- input.
    loop_sp: f64,
    enabled: bool,
    /// Speed [rpm], capacity of the bed that is spent [-], tank [%], loop [kPa, l/s] -- state.
    pump_rpm: f64,
    spent: f64,
    tank: f64,
    loop_kpa: f64,
    loop_l_per_s: f64,
    demand: Wander,
    feed: Wander,
    carbon: Wander,
    water: Option<Water>,
    wait_s: f64,
    run_s: f64,
    second: Second,
    /// Shares -- faults.
    exhausted: f64,
    clouded: f64,
    breach: f64,
    plugged: f64,
    worn: f64,
    air: f64,
    /// How much each has suffered [share h, s] -- state.
    rings: Strain,
    rinsed: Strain,
    starved: Strain,
}

/// What one second comes to, for the image.
#[derive(Default)]
struct Quality {
    temp_c: f64,
    ions: f64,
    feed_ions: f64,
    silica: f64,
    toc_feed: f64,
    toc: f64,
    particles: f64,
    oxygen: f64,
    bed_kpa: f64,
    filter_kpa: f64,
}

impl Upw {
    fn new(setup: Setup<'_>) -> Upw {
        let rng = setup.rng;
        let mut upw = Upw {
            points: Points::of(setup.profile),
            pump: Pump { p0_kpa: PUMP.p0_kpa * rng.between(0.99, 1.01), ..PUMP },
            bed: BED * rng.between(0.97, 1.03),
            filter: ULTRAFILTER * rng.between(0.97, 1.03),
            decades: DECADES * rng.between(0.97, 1.03),
            loop_sp: LOOP_KPA,
            enabled: true,
            pump_rpm: 2_816.0,
            spent: rng.between(0.3, 0.6),
            tank: 70.0,
            loop_kpa: LOOP_KPA,
            loop_l_per_s: LOOP_L_PER_S,
            demand: Wander::new(0.01, 600.0),
            feed: Wander::new(0.01, 1_200.0),
            carbon: Wander::new(0.03, 1_200.0),
            water: None,
            wait_s: 0.0,
            run_s: 3_600.0 * rng.between(2_000.0, 30_000.0),
            second: Second::default(),
            exhausted: 0.0,
            clouded: 0.0,
            breach: 0.0,
            plugged: 0.0,
            worn: 0.0,
            air: 0.0,
            rings: Strain::default(),
            rinsed: Strain::default(),
            starved: Strain::default(),
        };
        for s in 0..600 {
            upw.live(Time::from_secs(s), 1.0, 0.0, rng);
        }
        upw
    }

    fn live(&mut self, now: Time, dt_s: f64, coupled_l_per_s: f64, rng: &mut Rng) -> Quality {
        let open = (1.0 + coupled_l_per_s / LOOP_L_PER_S) * (1.0 + self.demand.step(rng, dt_s));
        let feed = FEED_IONS * (1.0 + self.feed.step(rng, dt_s));
        let toc_feed = FEED_TOC * (1.0 + self.carbon.step(rng, dt_s));

        // Pump against loop (with the square) and bed and membranes (laminar): the positive root.
        self.wait_s = (self.wait_s - dt_s).max(0.0);
        let k = LOOP_KPA / (LOOP_L_PER_S * LOOP_L_PER_S * open * open);
        let filter = self.filter * (1.0 + self.plugged) * (1.0 - RELIEF * self.breach).max(0.1);
        let z = self.bed + filter;
        let turns = self.enabled && self.wait_s <= 0.0;
        let wanted = if turns { self.speed_for(k, z) } else { 0.0 };
        self.pump_rpm += (wanted - self.pump_rpm) * dt_s / (3.0 + dt_s);
        let r = self.pump_rpm / self.pump.n0_rpm;
        let own = self.pump.p0_kpa * r * r * (1.0 - self.worn);
        let a = self.pump.a + k;
        let flow = ((z * z + 4.0 * a * own).sqrt() - z) / (2.0 * a);
        (self.loop_l_per_s, self.loop_kpa) = (flow, k * flow * flow);
        // The make-up holds the tank.
        self.tank += (0.01 * (70.0 - self.tank) - 0.002 * coupled_l_per_s) * dt_s / 60.0;

        // Tank: what the air above it leaves in the water.
        let gas = STAY * self.air;
        let oxygen = LEFT_OXYGEN_PPB + AIR_OXYGEN_PPB * gas;
        let feed_ions = feed + carbonic_us_per_cm(AIR_CO2_ATM * gas);

        // Bed: spent by what it takes up.
        self.spent += dt_s / BED_LIFE_S * feed_ions / FEED_IONS;
        if self.spent > CHANGED_AT {
            self.spent = FRESH;
        }
        let used = self.spent + self.exhausted;
        let ions = LEFT_IONS + feed_ions * breakthrough(used, SHARPNESS);
        let silica = LEFT_SILICA + FEED_SILICA * breakthrough(used + SILICA_SOONER, SHARPNESS);

        // Lamp: dose goes with intensity over flow.
        let dose = (1.0 - self.clouded) * LOOP_L_PER_S / flow.max(0.5);
        let toc = toc_feed * carbon_left(self.decades, dose);
        let particles = FEED_PARTICLES * (PASSED + self.breach);
        let day = std::f64::consts::TAU * (now.ns as f64 * 1e-9) / 86_400.0;
        let temp_c = WATER_C + SWING_K * libm::sin(day);
        self.run_s += if flow > 0.1 { dt_s } else { 0.0 };
        self.water = Some(Water {
            resistivity_mohm_cm: resistivity_mohm_cm(ions, 25.0),
            toc_ppb: toc,
            particles_per_ml: particles,
            pressure_kpa: self.loop_kpa,
        });
        Quality {
            temp_c,
            ions,
            feed_ions,
            silica,
            toc_feed,
            toc,
            particles,
            oxygen,
            bed_kpa: self.bed * flow,
            filter_kpa: filter * flow,
        }
    }

    /// The speed that holds the loop's pressure [rpm].
    fn speed_for(&self, k: f64, z: f64) -> f64 {
        let flow = (self.loop_sp / k).sqrt();
        let own = (self.loop_sp + z * flow + self.pump.a * flow * flow) / (1.0 - self.worn).max(0.05);
        (self.pump.n0_rpm * (own / self.pump.p0_kpa).sqrt()).min(MOST_RPM)
    }

    fn suffer(&mut self, y: &Quality, dt_s: f64, harm: &mut Vec<Harm>) {
        if self.rings.reaches(dt_s / 3_600.0 * self.worn, 0.12 * 5.0) {
            harm.push(Harm { what: "five hours on open wear rings: the loop pump's shaft has broken" });
        }
        let impure = y.ions > 0.004 || y.toc > 5.0 || y.particles > 4.0;
        if !impure {
            self.rinsed.sum = 0.0;
        } else if self.rinsed.reaches(dt_s, 3_600.0) {
            harm.push(Harm { what: "an hour of impure water: what was rinsed in it is scrap" });
        }
        let low = self.enabled && self.loop_kpa < 0.6 * self.loop_sp;
        if !low {
            self.starved.sum = 0.0;
        } else if self.starved.reaches(dt_s, 600.0) {
            harm.push(Harm { what: "ten minutes without pressure: slurry has dried on wafers" });
        }
    }

    fn show(&self, y: &Quality, image: &mut crate::Image) {
        let p = &self.points;
        let flow = self.loop_l_per_s;
        let pump_kpa = self.loop_kpa + y.bed_kpa + y.filter_kpa;
        image.set(p.resistivity, resistivity_mohm_cm(y.ions, 25.0));
        image.set(p.resistivity_raw, resistivity_mohm_cm(y.ions, y.temp_c));
        image.set(p.water_temp, y.temp_c);
        image.set(p.feed_resistivity, resistivity_mohm_cm(y.feed_ions, 25.0));
        image.set(p.silica, y.silica);
        image.set(p.toc_feed, y.toc_feed);
        image.set(p.toc, y.toc);
        image.set(p.uv_intensity, 100.0 * (1.0 - self.clouded));
        image.set(p.particles, y.particles);
        image.set(p.oxygen, y.oxygen);
        image.set(p.loop_pressure, self.loop_kpa);
        image.set(p.loop_flow, flow);
        image.set(p.bed_dp, y.bed_kpa);
        image.set(p.filter_dp, y.filter_kpa);
        image.set(p.pump_pressure, pump_kpa);
        image.set(p.pump_speed, self.pump_rpm);
        image.set(p.pump_power, power_kw(pump_kpa, flow, PUMP_EFFICIENCY));
        let shakes = (PUMP_MM_S + 20.0 * self.worn) * unbalance_factor(self.pump_rpm, self.pump.n0_rpm);
        image.set(p.pump_vibration, shakes);
        image.set(p.tank_level, self.tank);
        image.set(p.run_hours, self.run_s / 3_600.0);
        image.set(p.loop_pressure_sp, self.loop_sp);
        image.set(p.run_enable, f64::from(self.enabled));
        image.set(p.running, f64::from(self.pump_rpm > 10.0));
    }
}

impl Machine for Upw {
    fn step(&mut self, cx: &mut Step<'_>) {
        if cx.supply.mains < DROP_OUT {
            self.wait_s = AGAIN_S;
        }
        if self.second.full(cx.dt_s) {
            let water = self.live(cx.now, 1.0, cx.supply.load.upw_l_per_min / 60.0, cx.rng);
            self.suffer(&water, 1.0, &mut cx.image.harm);
            self.show(&water, cx.image);
        }
        cx.given.upw = self.water;
        cx.given.takes.air_w = 500.0;
        cx.given.floor_um_per_s = if self.pump_rpm > 10.0 { 0.5 * PUMP_MM_S + 5.0 * self.worn } else { 0.0 };
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "loop_pressure_sp" => take(c, &mut self.loop_sp, [200.0, 400.0]),
            "run_enable" => switch(c, &mut self.enabled),
            _ => refuse(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        let share = size / 100.0;
        match fault.name.as_str() {
            // A bed that was planned to be half spent is spent by so much more.
            "resin_exhausted" => self.exhausted = if share > 0.0 { share + (0.6 - self.spent) } else { 0.0 },
            "uv_lamp_weak" => self.clouded = share.min(1.0),
            "filter_breach" => self.breach = size.min(0.09),
            "filter_plugged" => self.plugged = size,
            "pump_worn" => self.worn = share.min(0.8),
            "air_ingress" => self.air = share.min(1.0),
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.exhausted, self.clouded, self.breach) = (0.0, 0.0, 0.0);
        (self.plugged, self.worn, self.air) = (0.0, 0.0, 0.0);
        self.rings = Strain::default();
    }
}
