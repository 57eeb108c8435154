//! A fan filter unit: a fan against a HEPA filter, over a share of its bay's air.
//!
//! ```text
//!   make-up and return air
//!        |  3e6 /m3
//!      [fan] n, I, vibration      p0 r^2 - a Q^2
//!        |
//!   ====[HEPA]==== dP = Z Q       Z grows with loading, falls with a tear
//!        |  Q, supply_temp
//!     ( bay )      C: source, supply and air changes
//! ```

use aegis_models::physics::clean_room::Room;
use aegis_models::physics::fan::{Fan, electrical_power_w};
use aegis_models::physics::filter::loaded_impedance;
use aegis_models::physics::vibration::unbalance_factor;
use aegis_models::{Command, PointIx, Profile, ThreatKind, Time};

use super::control::{refuse, switch, take};
use crate::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};

#[cfg(test)]
mod tests;

/// The kind, for the registry.
pub(super) const KIND: Kind = Kind { name: "ffu", faults: FAULTS, build: |s| Box::new(Ffu::new(s)) };

const FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "filter_clog",
        doc: "dust loads the filter: its impedance rises, the flow falls along the fan's curve",
        unit: "share of the clean impedance",
        typical: 1.0,
        threats: &[ThreatKind::FilterEndOfLife],
    },
    FaultSpec {
        name: "filter_tear",
        doc: "air bypasses the medium: particles rise, the impedance falls",
        unit: "share of the flow that bypasses",
        typical: 0.005,
        // A pinhole shows in the counts alone, long before the impedance: until then it is named by what it does.
        threats: &[ThreatKind::FacilityIntegrity, ThreatKind::IsoViolation],
    },
    FaultSpec {
        name: "motor_bearing_wear",
        doc: "friction and play: more current than the air takes, more vibration",
        unit: "mm/s of added velocity",
        typical: 2.5,
        threats: &[ThreatKind::BearingFailure],
    },
    FaultSpec {
        name: "vfd_slip",
        doc: "the drive stays behind its set-point: speed and flow fall together",
        unit: "% of speed",
        typical: 10.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
];

/// Nominal fan: 1,166 m3/h against 370 Pa s/m3 at 1,400 rpm.
const FAN: Fan = Fan { p0_pa: 300.0, a_pa_s2_per_m6: 1_716.0, n0_rpm: 1_400.0 };
/// Impedance of a clean filter [Pa s/m3].
const CLEAN_Z: f64 = 370.0;
/// Housing loss that the motor carries beside the filter [Pa s2/m6].
const HOUSING: f64 = 190.5;
/// Air power over electrical power [-].
const EFFICIENCY: f64 = 0.36;
/// Supply [V].
const VOLTS: f64 = 230.0;
/// What a sound motor takes beside the air, mostly its electronics [A].
const BASE_CURRENT_A: f64 = 0.05;
/// Current that friction takes for each mm/s that a worn bearing adds [A].
const FRICTION_A_PER_MM_S: f64 = 0.03;
/// Velocity of a sound unit at nominal speed [mm/s RMS].
const BASE_VIBRATION: f64 = 0.8;
/// A whole HEPA filter lets through this share at 0.5 um (EN 1822: H14, 99.995 %, at its worst size).
const PENETRATION: f64 = 5.0e-5;
/// The drive follows its set-point with this time constant [s].
const DRIVE_TAU_S: f64 = 3.0;
/// A tear takes this many times its bypass share off the impedance [-].
const TEAR_RELIEF: f64 = 12.0;

struct Points {
    airflow: PointIx,
    filter_dp: PointIx,
    fan_speed: PointIx,
    motor_current: PointIx,
    vibration: PointIx,
    particles: PointIx,
    supply_temp: PointIx,
    run_hours: PointIx,
    fan_speed_sp: PointIx,
    run_enable: PointIx,
    running: PointIx,
    motor_fault: PointIx,
}

struct Ffu {
    points: Points,
    /// Fan of this unit -- parameter, within 1 % of nominal.
    fan: Fan,
    /// Clean impedance of this unit's filter [Pa s/m3] -- parameter, within 2 %.
    clean_z: f64,
    /// The air below -- parameter.
    room: Room,
    /// Particles that make the class fail [1/m3] -- parameter.
    class_limit: f64,
    /// Set-point [rpm] -- input.
    speed_sp: f64,
    /// Enabled [-] -- input.
    enabled: bool,
    /// Speed [rpm] -- state.
    speed: f64,
    /// Particles >= 0.5 um below [1/m3] -- state.
    particles: f64,
    /// Run time [s] -- state.
    run_s: f64,
    /// Loading by the clog fault [share of clean impedance] -- fault.
    clog: f64,
    /// Bypass by the tear fault [share of flow] -- fault.
    tear: f64,
    /// Velocity that the worn bearing adds [mm/s] -- fault.
    bearing: f64,
    /// Slip of the drive [share] -- fault.
    slip: f64,
    /// How long the class has failed [s] -- state.
    dirty_s: f64,
}

impl Ffu {
    fn new(setup: Setup<'_>) -> Ffu {
        let rng = setup.rng;
        let fan = Fan { p0_pa: FAN.p0_pa * rng.between(0.99, 1.01), ..FAN };
        let clean_z = CLEAN_Z * rng.between(0.98, 1.02);
        // People and tools below give off what a nominal unit dilutes to about 400 /m3 above its supply.
        let room = Room { volume_m3: setup.volume_m3_per_ffu, source_per_s: 400.0 * 1_166.0 / 3_600.0 };
        let flow = fan.flow_m3_per_s(FAN.n0_rpm, clean_z);
        let supply = crate::Supply::default().air.make_up_particles_per_m3 * PENETRATION;
        Ffu {
            points: Points::of(setup.profile),
            particles: room.steady_per_m3(supply, flow),
            fan,
            clean_z,
            room,
            class_limit: aegis_models::physics::clean_room::class_limit_per_m3(setup.iso_class, 0.5),
            speed_sp: FAN.n0_rpm,
            enabled: true,
            speed: FAN.n0_rpm,
            run_s: 3_600.0 * rng.between(1_000.0, 9_000.0),
            clog: 0.0,
            tear: 0.0,
            bearing: 0.0,
            slip: 0.0,
            dirty_s: 0.0,
        }
    }
}

impl Points {
    fn of(profile: &Profile) -> Points {
        let p = |id| profile.point_ix(id).unwrap_or_else(|| panic!("profile ffu has a point {id}"));
        Points {
            airflow: p("airflow"),
            filter_dp: p("filter_dp"),
            fan_speed: p("fan_speed"),
            motor_current: p("motor_current"),
            vibration: p("vibration"),
            particles: p("particles_05um"),
            supply_temp: p("supply_temp"),
            run_hours: p("run_hours"),
            fan_speed_sp: p("fan_speed_sp"),
            run_enable: p("run_enable"),
            running: p("running"),
            motor_fault: p("motor_fault"),
        }
    }
}

impl Machine for Ffu {
    fn step(&mut self, cx: &mut Step<'_>) {
        let wanted = if self.enabled { self.speed_sp * (1.0 - self.slip) } else { 0.0 };
        self.speed += (wanted - self.speed) * (cx.dt_s / (DRIVE_TAU_S + cx.dt_s));
        if self.speed < 1.0 {
            self.speed = 0.0;
        }
        let z = loaded_impedance(self.clean_z, self.clog) * (1.0 - TEAR_RELIEF * self.tear).max(0.1);
        let flow = self.fan.flow_m3_per_s(self.speed, z);
        let drop = z * flow;
        let air_w = electrical_power_w(drop + HOUSING * flow * flow, flow, EFFICIENCY);
        let turns = self.speed / FAN.n0_rpm;
        let friction = FRICTION_A_PER_MM_S * self.bearing * turns;
        let current = air_w / VOLTS + if self.speed > 0.0 { BASE_CURRENT_A + friction } else { 0.0 };
        let incoming = cx.supply.air.make_up_particles_per_m3;
        let supply = incoming * (PENETRATION + self.tear);
        self.particles = self.room.after(self.particles, supply, flow, cx.dt_s);
        if self.speed > 0.0 {
            self.run_s += cx.dt_s;
        }
        cx.given.air.particles_per_m3 = Some(self.particles);
        // A lot that stands in dirty air for ten minutes is scrap.
        self.dirty_s = if self.particles > self.class_limit { self.dirty_s + cx.dt_s } else { 0.0 };
        if self.dirty_s >= 600.0 && self.dirty_s - cx.dt_s < 600.0 {
            cx.image.harm.push(Harm { what: "ten minutes outside the ISO class: the lots below are scrap" });
        }
        let p = &self.points;
        cx.image.set(p.airflow, flow * 3_600.0);
        cx.image.set(p.filter_dp, drop);
        cx.image.set(p.fan_speed, self.speed);
        cx.image.set(p.motor_current, current);
        let vibration = (BASE_VIBRATION + self.bearing) * unbalance_factor(self.speed, FAN.n0_rpm);
        cx.image.set(p.vibration, vibration);
        cx.image.set(p.particles, self.particles);
        // 1,166 m3/h of air take 1 K for each 390 W.
        cx.image.set(p.supply_temp, cx.supply.air.temp_c + air_w / (1_206.0 * flow.max(0.01)));
        cx.image.set(p.run_hours, self.run_s / 3_600.0);
        cx.image.set(p.fan_speed_sp, self.speed_sp);
        cx.image.set(p.run_enable, f64::from(self.enabled));
        cx.image.set(p.running, f64::from(self.speed > 0.0));
        cx.image.set(p.motor_fault, 0.0);
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        match c.point.as_str() {
            "fan_speed_sp" => take(c, &mut self.speed_sp, [0.0, 2_000.0]),
            "run_enable" => switch(c, &mut self.enabled),
            _ => refuse(c),
        }
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "filter_clog" => self.clog = size,
            "filter_tear" => self.tear = size.min(1.0 / TEAR_RELIEF),
            "motor_bearing_wear" => self.bearing = size,
            "vfd_slip" => self.slip = (size / 100.0).min(1.0),
            _ => return Err(super::unknown(fault, FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        (self.clog, self.tear, self.bearing, self.slip) = (0.0, 0.0, 0.0, 0.0);
    }
}
