//! One vehicle on the rail: how it drives, and what it is about.

use aegis_models::Rng;
use aegis_models::site::Rail;

use super::Place;
use super::bodies::Hoist;

/// Length of a vehicle [m].
pub(super) const LENGTH_M: f64 = 1.0;
/// It has arrived this close to where it must stop [m]; its own fine positioning does the rest.
const ARRIVED_M: f64 = 0.03;
/// Speed without a task, over the highest [-].
const CRUISE: f64 = 0.4;
/// Share of the highest deceleration that a driver counts on: the rest is for the jerk limit [-].
const BRAKING: f64 = 0.5;
/// How fast it corrects its speed [s], and the slowest that it drives at all [m/s].
const SPEED_TAU_S: f64 = 0.3;
const SLOWEST: f64 = 0.05;
/// The gripper opens or closes in this time, and goes its way empty at this speed [s, m/s].
const GRIP_S: f64 = 2.0;
const EMPTY_SPEED: f64 = 0.8;

/// A carrier that must be brought, with what will be drawn by chance on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Move {
    /// Whose carrier.
    pub lot: u32,
    /// From where.
    pub from: Place,
    /// To where.
    pub to: Place,
    /// When it was asked for [s].
    pub asked_s: f64,
    /// Mass of carrier and gripper [kg].
    pub mass_kg: f64,
    /// Swing at the beginning of the way up and of that down, along and across the rail [rad].
    pub swing_rad: [[f64; 2]; 2],
    /// Share of the belt that slips on the way up and down, sound [-].
    pub slip: [f64; 2],
    /// Where a gripper without force would let it go, as a share of the way up [-].
    pub drop_at: f64,
}

/// What a vehicle is about.
pub(super) enum Task {
    /// It drives about without one.
    Cruise,
    /// On its way to the carrier.
    Fetch(Move),
    /// The gripper goes down and takes hold: time left [s].
    Reach(Move, f64),
    /// The carrier is drawn up.
    Lift(Move, Box<Hoist>),
    /// On its way with the carrier.
    Bring(Move),
    /// The carrier is let down.
    Lower(Move, Box<Hoist>),
    /// The gripper opens and comes up: time left [s].
    Retract(Move, f64),
    /// It stands after a collision or a fall, until a crew has seen to it: time left [s], and what it goes on with, which
    /// it has on board or not.
    Down(f64, Option<(Move, bool)>),
}

/// One vehicle.
pub(super) struct Vehicle {
    /// Its place on the rail [m] -- state.
    pub at_m: f64,
    /// Its speed and acceleration [m/s, m/s2] -- state.
    pub speed: f64,
    pub accel: f64,
    pub task: Task,
    /// Wheel against rail: what its encoder counts too much, sound [mm/m] -- parameter.
    pub creep_mm_per_m: f64,
    /// What it has driven since the last carrier, by rail and by wheel [m] -- state.
    pub driven_m: f64,
    pub counted_m: f64,
}

/// What stands or drives before a vehicle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead {
    /// Free rail up to it [m].
    pub gap_m: f64,
    /// Its speed [m/s].
    pub speed: f64,
    /// The gap that the driver believes he must keep [m]; below the true one where his sight fails.
    pub keep_m: f64,
}

/// How a vehicle may drive in a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drive {
    /// Everything on the rail is told to stop.
    pub stop: bool,
    /// Highest speed [m/s].
    pub speed: f64,
    /// What the wheel counts too much through its fault [mm/m].
    pub worn_mm_per_m: f64,
}

impl Vehicle {
    /// A vehicle at that place, without a task.
    pub fn new(at_m: f64, rng: &mut Rng) -> Vehicle {
        let creep_mm_per_m = rng.between(0.45, 0.55);
        let (speed, accel, driven_m, counted_m) = (0.0, 0.0, 0.0, 0.0);
        Vehicle { at_m, speed, accel, task: Task::Cruise, creep_mm_per_m, driven_m, counted_m }
    }

    /// Where it must stop next [m].
    pub fn target(&self, place: impl Fn(Place) -> f64) -> Option<f64> {
        match &self.task {
            Task::Fetch(m) => Some(place(m.from)),
            Task::Bring(m) => Some(place(m.to)),
            _ => None,
        }
    }

    /// The carrier that it has.
    pub fn carries(&self) -> Option<u32> {
        match &self.task {
            Task::Lift(m, _) | Task::Bring(m) | Task::Lower(m, _) => Some(m.lot),
            Task::Down(_, Some((m, true))) => Some(m.lot),
            _ => None,
        }
    }

    /// Whether it stands because of what it does.
    fn stands(&self) -> bool {
        !matches!(self.task, Task::Cruise | Task::Fetch(_) | Task::Bring(_))
    }

    /// Drives for `dt_s`. True when it has come to its target and stands there.
    pub fn drive(
        &mut self,
        rail: &Rail,
        dt_s: f64,
        target: Option<f64>,
        ahead: Option<Ahead>,
        how: Drive,
    ) -> bool {
        let length = rail.length_m();
        let b = BRAKING * rail.accel_m_per_s2;
        let stopping = |speed: f64, way: f64| (speed * speed + 2.0 * b * way.max(0.0)).sqrt();
        let mut wanted = how.speed.min(rail.speed_m_per_s);
        if matches!(self.task, Task::Cruise) {
            wanted *= CRUISE;
        }
        let mut left = f64::INFINITY;
        if let Some(target) = target {
            left = (target - self.at_m).rem_euclid(length);
            // A little too far is there.
            if left > length - 0.3 {
                left = 0.0;
            }
            // It looks as far ahead as it takes to correct its speed.
            wanted = wanted.min(stopping(0.0, left - SPEED_TAU_S * self.speed).max(SLOWEST));
        }
        if let Some(a) = ahead {
            // It still gains on the one ahead until it has taken back its acceleration and corrected its speed.
            let late_s = SPEED_TAU_S + self.accel.max(0.0) / rail.jerk_m_per_s3;
            let room = a.gap_m - a.keep_m - late_s * (self.speed - a.speed).max(0.0);
            wanted = wanted.min(if room > 0.0 { stopping(a.speed, room) } else { 0.0 });
        }
        let halts = how.stop || self.stands();
        if halts {
            wanted = 0.0;
        }
        let most = rail.accel_m_per_s2 * if how.stop { 2.0 } else { 1.0 };
        let accel = ((wanted - self.speed) / SPEED_TAU_S).clamp(-most, most);
        let jerk = rail.jerk_m_per_s3 * if how.stop { 4.0 } else { 1.0 } * dt_s;
        self.accel += (accel - self.accel).clamp(-jerk, jerk);
        self.speed = (self.speed + self.accel * dt_s).max(0.0);
        if self.speed == 0.0 {
            self.accel = self.accel.max(0.0);
        }
        if halts && self.speed < 0.01 {
            (self.speed, self.accel) = (0.0, 0.0);
        }
        let moved = self.speed * dt_s;
        let mut arrived = false;
        if left <= moved.max(ARRIVED_M) && self.speed < 0.3 {
            self.at_m = target.unwrap_or(self.at_m);
            (self.speed, self.accel, arrived) = (0.0, 0.0, true);
        } else {
            self.at_m = (self.at_m + moved).rem_euclid(length);
        }
        self.driven_m += moved;
        self.counted_m += moved * (1.0 + (self.creep_mm_per_m + how.worn_mm_per_m) / 1_000.0);
        arrived
    }

    /// What the wheel counts too much over the way since the last call [mm/m]; none for a short way.
    pub fn take_creep(&mut self) -> Option<f64> {
        let (driven, counted) = (self.driven_m, self.counted_m);
        if driven < 5.0 {
            return None;
        }
        (self.driven_m, self.counted_m) = (0.0, 0.0);
        Some(1_000.0 * (counted / driven - 1.0))
    }
}

/// How long a gripper takes on its own, down or up [s].
pub(super) fn empty_s(rail: &Rail) -> f64 {
    GRIP_S + rail.hoist_m / EMPTY_SPEED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rail() -> Rail {
        let site = aegis_models::Site::built_in();
        site.rail.expect("the built-in site has a rail")
    }

    fn vehicle(at_m: f64) -> Vehicle {
        Vehicle::new(at_m, &mut aegis_models::Seed(1).stream("v"))
    }

    fn free(rail: &Rail) -> Drive {
        Drive { stop: false, speed: rail.speed_m_per_s, worn_mm_per_m: 0.0 }
    }

    #[test]
    fn it_keeps_its_limits_and_stops_where_it_should() {
        let rail = rail();
        let mut v = vehicle(0.0);
        let (from, to) = (Place::Stocker, Place::Stocker);
        v.task = Task::Fetch(Move::drawn(aegis_models::Seed(1), 0, 1, from, to, 0.0));
        let (mut fastest, mut last) = (0.0f64, (0.0, 0.0));
        for step in 0.. {
            assert!(step < 2_000, "it never comes: {} m", v.at_m);
            let there = v.drive(&rail, 0.1, Some(40.0), None, free(&rail));
            fastest = fastest.max(v.speed);
            if there {
                break;
            }
            assert!(
                (v.speed - last.0).abs() <= rail.accel_m_per_s2 * 0.1 + 1e-9,
                "accelerates within its limit"
            );
            assert!(
                (v.accel - last.1).abs() <= rail.jerk_m_per_s3 * 0.1 + 1e-9 || v.speed == 0.0,
                "and its jerk"
            );
            last = (v.speed, v.accel);
        }
        assert_eq!((v.at_m, v.speed), (40.0, 0.0));
        assert!(fastest > 0.95 * rail.speed_m_per_s && fastest < 1.05 * rail.speed_m_per_s, "{fastest} m/s");
    }

    #[test]
    fn it_keeps_the_gap_to_one_that_stands_unless_its_sight_fails() {
        let rail = rail();
        for (keep_m, collides) in [(rail.headway_m, false), (-0.5, true)] {
            let mut v = vehicle(0.0);
            let mut least = f64::INFINITY;
            for _ in 0..1_000 {
                let gap_m = 60.0 - v.at_m;
                least = f64::min(least, gap_m);
                let ahead = Ahead { gap_m, speed: 0.0, keep_m };
                v.drive(&rail, 0.1, None, Some(ahead), free(&rail));
            }
            assert_eq!(least < 0.0, collides, "keeps {keep_m}: {least} m");
            assert!(collides || least < rail.headway_m + 1.0, "{least} m");
        }
    }

    #[test]
    fn a_worn_wheel_counts_too_much() {
        let rail = rail();
        let mut v = vehicle(0.0);
        for _ in 0..1_000 {
            v.drive(&rail, 0.1, None, None, Drive { worn_mm_per_m: 3.0, ..free(&rail) });
        }
        let creep = v.take_creep().expect("it has driven");
        assert!((creep - 3.5).abs() < 0.06, "{creep} mm/m");
        assert_eq!(v.take_creep(), None);
    }
}
