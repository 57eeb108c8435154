//! The overhead hoist transport: vehicles on a rail loop, their hoists, and the floor beneath them.
//!
//! Vehicles are followed at the twin's step along the rail (a place, a speed, an acceleration each); while a carrier
//! hangs on its belts, falls, or meets another, it is a rigid body. What a move draws by chance is drawn from a stream
//! of its own, so that a fault of one move changes nothing of the others.

mod bodies;
mod faces;
mod ground;
mod readings;
mod vehicle;
mod view;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use aegis_models::site::{Floor, Rail};
use aegis_models::{Rng, Seed, Site};

pub use view::{TransportView, VehicleView, WalkerView};

pub(crate) use faces::{KINDS, face};

use bodies::{Hoist, Order, collide};
use ground::{Intrusions, QUIET_UM_PER_S, Quake, quake};
use readings::Readings;
use vehicle::{Ahead, Drive, LENGTH_M, Move, Task, Vehicle, empty_s};

/// Above this acceleration everything on the rail is stopped [gal]; it runs again so long after the earth is quiet [s].
const TRIP_GAL: f64 = 25.0;
const INSPECTION_S: f64 = 600.0;
/// A crew has put a vehicle back on its way after this time [s].
const RECOVERY_S: f64 = 900.0;
/// Without lots of a route: from one carrier to the next [s], and how many may wait.
const TRAFFIC_S: [f64; 2] = [40.0, 80.0];
const TRAFFIC_WAITING: usize = 4;
/// Steps of 0.1 s before a run begins: half an hour of carriers without a route.
const WARM_UP_STEPS: u32 = 18_000;
/// Share of the gripper's force below which a carrier slips out of it [-].
const GRIP_NEEDED: f64 = 0.4;
/// The crew leaves this between two that have met [m].
const BUMPER_M: f64 = 0.05;
/// Wafers crack when a carrier is set down faster [m/s], and in a collision that changes a speed by more [m/s].
const CRACKS_M_PER_S: f64 = 0.3;
const CRASH_M_PER_S: f64 = 0.5;
/// How much of the belt slips through a sound hoist [-].
const SOUND_SLIP: f64 = 5.0e-4;

/// Where a carrier can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the stocker.
    Stocker,
    /// At a port of the rail, by its place in the site's list.
    Port(usize),
}

/// What the transport has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// A carrier has left its port.
    Fetched(u32),
    /// It stands where it was to go.
    Brought(u32),
    /// It has fallen: its lot is lost.
    Lost(u32),
}

/// The present size of each fault, in the units of [`faces`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Faults {
    slip: f64,
    grip: f64,
    headway: f64,
    worn: f64,
    intrusions_per_h: f64,
    quake_gal: f64,
    floor_um_per_s: f64,
    curtain: bool,
}

/// The transport of a site.
pub struct Transport {
    rail: Rail,
    floor: Option<Floor>,
    seed: Seed,
    vehicles: Vec<Vehicle>,
    waiting: VecDeque<Move>,
    moves: u64,
    /// Carriers that go about without a route; none where lots are carried.
    traffic: Option<Traffic>,
    reports: Vec<Report>,
    faults: Faults,
    intrusions: Intrusions,
    earth: Quake,
    readings: Readings,
    now_s: f64,
    /// Set-points of the controller: it runs, and how fast at most [m/s].
    enabled: bool,
    speed_sp: f64,
    /// How long everything still stands after an earthquake [s].
    tripped_s: f64,
    harm: Vec<&'static str>,
}

/// A transport that its equipment and the lots share.
pub(crate) type Shared = Arc<Mutex<Transport>>;

/// The transport, for as long as the guard lives.
pub(crate) fn lock(shared: &Shared) -> MutexGuard<'_, Transport> {
    shared.lock().expect("nobody panics with the transport in hand")
}

/// The transport that a site's machines need beside them: where lots are carried, or its own equipment takes part.
pub(crate) fn beside(site: &Site, seed: Seed, lots: bool) -> Option<Shared> {
    let equipment = site.machines.iter().any(|m| KINDS.iter().any(|k| k.name == m.kind));
    let mut transport = Transport::new(site, seed).filter(|_| lots || equipment)?;
    if lots {
        transport.carry_lots();
    } else {
        transport.warm_up();
    }
    Some(Arc::new(Mutex::new(transport)))
}

struct Traffic {
    rng: Rng,
    left_s: f64,
    lot: u32,
}

impl Transport {
    /// The transport of that site, which goes about without lots until [`Transport::carry_lots`]; none without a rail.
    pub fn new(site: &Site, seed: Seed) -> Option<Transport> {
        let rail = site.rail.clone()?;
        let mut build = seed.stream("transport/build");
        let (n, length) = (f64::from(rail.vehicles), rail.length_m());
        let vehicles =
            (0..rail.vehicles).map(|i| Vehicle::new(f64::from(i) * length / n, &mut build)).collect();
        Some(Transport {
            floor: site.floor.clone(),
            seed,
            vehicles,
            waiting: VecDeque::new(),
            moves: 0,
            traffic: Some(Traffic { rng: seed.stream("transport/traffic"), left_s: 0.0, lot: 0 }),
            reports: Vec::new(),
            faults: Faults::default(),
            intrusions: Intrusions::default(),
            earth: Quake::default(),
            readings: Readings::new(seed, usize::from(rail.vehicles)),
            now_s: 0.0,
            enabled: true,
            speed_sp: rail.speed_m_per_s,
            tripped_s: 0.0,
            harm: Vec::new(),
            rail,
        })
    }

    /// Lives as long as its means look back, so that a run begins with a rail at work.
    fn warm_up(&mut self) {
        for _ in 0..WARM_UP_STEPS {
            self.step(0.1);
        }
        self.reports.clear();
    }

    /// From now on it carries what [`Transport::request`] asks for, and nothing else.
    pub fn carry_lots(&mut self) {
        self.traffic = None;
    }

    /// Asks for a carrier to be brought.
    pub fn request(&mut self, lot: u32, from: Place, to: Place) {
        let number = self.moves;
        self.moves += 1;
        self.waiting.push_back(Move::drawn(self.seed, number, lot, from, to, self.now_s));
    }

    /// What it has done since the last call.
    pub fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// RMS velocity of a floor that else has `quiet` [um/s].
    pub fn floor_um_per_s(&self, quiet: f64) -> f64 {
        let (earth, near) = (self.earth.rms_um_per_s, self.faults.floor_um_per_s);
        if earth + near == 0.0 { quiet } else { (quiet * quiet + earth * earth + near * near).sqrt() }
    }

    /// Lives through one step.
    pub fn step(&mut self, dt_s: f64) {
        // Without lots nobody need ask what became of a carrier.
        if self.traffic.is_some() {
            self.reports.clear();
        }
        self.now_s += dt_s;
        self.earth = quake(self.faults.quake_gal, self.now_s);
        self.tripped_s =
            if self.faults.quake_gal >= TRIP_GAL { INSPECTION_S } else { (self.tripped_s - dt_s).max(0.0) };
        self.watch_floor(dt_s);
        self.make_traffic(dt_s);
        self.assign();
        let stop = self.stands();
        let before: Vec<(f64, f64)> = self.vehicles.iter().map(|v| (v.at_m, v.speed)).collect();
        for i in 0..self.vehicles.len() {
            self.move_vehicle(i, dt_s, stop, &before);
        }
        self.readings.tick(self.now_s);
    }

    /// Whether everything on the rail is told to stop.
    fn stands(&self) -> bool {
        !self.enabled || self.tripped_s > 0.0
    }

    /// A crew has seen to what is worn or broken.
    fn service(&mut self) {
        let f = &mut self.faults;
        (f.slip, f.grip, f.headway, f.worn) = (0.0, 0.0, 0.0, 0.0);
        for v in &mut self.vehicles {
            if let Task::Down(left_s, _) = &mut v.task {
                *left_s = 0.0;
            }
        }
    }

    fn place_m(&self, place: Place) -> f64 {
        match place {
            Place::Stocker => self.rail.stocker_m,
            Place::Port(i) => self.rail.ports[i].at_m,
        }
    }

    /// People who come where nobody may stand below a hoist at work, if one works.
    fn watch_floor(&mut self, dt_s: f64) {
        let works = self.vehicles.iter().find_map(|v| match &v.task {
            Task::Reach(m, _) | Task::Lift(m, _) => Some(m.from),
            Task::Lower(m, _) | Task::Retract(m, _) => Some(m.to),
            _ => None,
        });
        let port = match works {
            Some(Place::Port(i)) => i,
            _ => 0,
        };
        self.intrusions.step(self.now_s, dt_s, self.faults.intrusions_per_h, port);
    }

    /// Light curtains hold the hoist above somebody.
    fn held(&self, place: Place) -> bool {
        let stuck = self.faults.curtain && place == Place::Port(0);
        stuck || self.intrusions.now.is_some_and(|i| place == Place::Port(i.port))
    }

    fn make_traffic(&mut self, dt_s: f64) {
        let ports = self.rail.ports.len();
        let Some(t) = &mut self.traffic else { return };
        t.left_s -= dt_s;
        if t.left_s > 0.0 {
            return;
        }
        t.left_s = t.rng.between(TRAFFIC_S[0], TRAFFIC_S[1]);
        let mut pick = || (t.rng.uniform() * (ports + 1) as f64) as usize;
        let (from, to) = (pick(), pick());
        t.lot += 1;
        let place = |i: usize| if i == ports { Place::Stocker } else { Place::Port(i) };
        let (lot, to) = (t.lot, if from == to { (to + 1) % (ports + 1) } else { to });
        if self.waiting.len() < TRAFFIC_WAITING {
            self.request(lot, place(from), place(to));
        }
    }

    /// Gives what waits to the nearest vehicle without a task, first come, first served.
    fn assign(&mut self) {
        let length = self.rail.length_m();
        while let Some(first) = self.waiting.front() {
            let from = self.place_m(first.from);
            let way = |v: &Vehicle| {
                let d = (from - v.at_m).rem_euclid(length);
                // Who is too near to stop comes round again.
                if d < v.speed * v.speed / self.rail.accel_m_per_s2 + 0.5 { d + length } else { d }
            };
            let free = self.vehicles.iter().enumerate().filter(|(_, v)| matches!(v.task, Task::Cruise));
            let Some((i, _)) = free.min_by(|(_, a), (_, b)| way(a).total_cmp(&way(b))) else { return };
            let first = self.waiting.pop_front().expect("it was just seen");
            self.vehicles[i].task = Task::Fetch(first);
        }
    }

    /// Whether vehicle `i` is the one that a fault has struck: each fault has a vehicle of its own.
    fn struck(&self, i: usize, fault: usize) -> bool {
        i == fault % self.vehicles.len()
    }

    fn move_vehicle(&mut self, i: usize, dt_s: f64, stop: bool, before: &[(f64, f64)]) {
        let ahead = self.ahead(i, before);
        let mut how = Drive { stop, speed: self.speed_sp, worn_mm_per_m: 0.0 };
        if self.struck(i, 3) {
            how.worn_mm_per_m = self.faults.worn;
        }
        let target = self.vehicles[i].target(|p| self.place_m(p));
        let arrived = self.vehicles[i].drive(&self.rail, dt_s, target, ahead, how);
        self.look_ahead(i, ahead);
        self.work(i, dt_s, stop, arrived);
    }

    /// What is before vehicle `i`, as it was at the beginning of the step.
    fn ahead(&self, i: usize, before: &[(f64, f64)]) -> Option<Ahead> {
        if before.len() < 2 {
            return None;
        }
        let (at, speed) = before[(i + 1) % before.len()];
        // Where they overlap the gap is below nought, not a whole round.
        let round = self.rail.length_m();
        let d = (at - before[i].0).rem_euclid(round);
        let gap_m = if d > round - LENGTH_M { d - round } else { d } - LENGTH_M;
        let lost = if self.struck(i, 0) { self.faults.headway } else { 0.0 };
        Some(Ahead { gap_m, speed, keep_m: self.rail.headway_m * (1.0 - 2.0 * lost) })
    }

    /// How near it has come, and whether too near.
    fn look_ahead(&mut self, i: usize, ahead: Option<Ahead>) {
        let Some(a) = ahead else { return };
        let v = &self.vehicles[i];
        let more = (v.speed * v.speed - a.speed * a.speed).max(0.0) / (2.0 * self.rail.accel_m_per_s2);
        // Three tenths are the driver's own.
        self.readings.gap(0.7 * self.rail.headway_m + more - a.gap_m);
        if a.gap_m <= 0.0 && v.speed > a.speed {
            self.crash(i);
        }
    }

    /// Vehicle `i` has run into the one before it.
    fn crash(&mut self, i: usize) {
        let j = (i + 1) % self.vehicles.len();
        let speeds = [self.vehicles[i].speed, self.vehicles[j].speed];
        let loaded = [i, j].map(|k| self.vehicles[k].carries().is_some());
        let crash = collide(speeds, loaded, 9.0);
        self.readings.collisions += 1;
        for (k, after, was) in [(i, crash.speeds[0], speeds[0]), (j, crash.speeds[1], speeds[1])] {
            if (after - was).abs() > CRASH_M_PER_S && self.vehicles[k].carries().is_some() {
                self.harm.push("wafers in a carrier have cracked in a collision");
            }
        }
        self.readings.swing.push(crash.swing_deg);
        for k in [i, j] {
            let v = &mut self.vehicles[k];
            (v.speed, v.accel) = (0.0, 0.0);
            // One that hangs on its belts is let down first.
            v.task = match std::mem::replace(&mut v.task, Task::Cruise) {
                Task::Fetch(m) => Task::Down(RECOVERY_S, Some((m, false))),
                Task::Bring(m) => Task::Down(RECOVERY_S, Some((m, true))),
                Task::Cruise => Task::Down(RECOVERY_S, None),
                other => other,
            };
        }
        let back = self.vehicles[j].at_m - LENGTH_M - BUMPER_M;
        self.vehicles[i].at_m = back.rem_euclid(self.rail.length_m());
    }

    /// What vehicle `i` does where it stands.
    fn work(&mut self, i: usize, dt_s: f64, stop: bool, arrived: bool) {
        let task = std::mem::replace(&mut self.vehicles[i].task, Task::Cruise);
        let next = match task {
            Task::Fetch(m) if arrived => Task::Reach(m, empty_s(&self.rail)),
            Task::Bring(m) if arrived => {
                if let Some(creep) = self.vehicles[i].take_creep() {
                    self.readings.creep.push(creep);
                }
                Task::Lower(m, self.hoist(&m, i, true))
            }
            Task::Reach(m, left) if stop || self.held(m.from) => Task::Reach(m, left),
            Task::Reach(m, left) if left > dt_s => Task::Reach(m, left - dt_s),
            Task::Reach(m, _) => Task::Lift(m, self.hoist(&m, i, false)),
            Task::Lift(m, hoist) => self.wind(i, m, hoist, false, stop),
            Task::Lower(m, hoist) => self.wind(i, m, hoist, true, stop),
            Task::Retract(m, left) if stop => Task::Retract(m, left),
            Task::Retract(m, left) if left > dt_s => Task::Retract(m, left - dt_s),
            Task::Retract(m, _) => {
                self.readings.brought(self.now_s, self.now_s - m.asked_s);
                Task::Cruise
            }
            Task::Down(left, m) if left > dt_s => Task::Down(left - dt_s, m),
            Task::Down(_, m) => match m {
                None => Task::Cruise,
                Some((m, true)) => Task::Bring(m),
                Some((m, false)) => Task::Fetch(m),
            },
            other => other,
        };
        self.vehicles[i].task = next;
    }

    /// The hoist of vehicle `i` with a carrier on it, about to begin.
    fn hoist(&self, m: &Move, i: usize, down: bool) -> Box<Hoist> {
        let weak = self.struck(i, 2) && 1.0 - self.faults.grip < GRIP_NEEDED;
        Box::new(Hoist::new(Order {
            down,
            way_m: self.rail.hoist_m,
            mass_kg: m.mass_kg,
            swing_rad: m.swing_rad[usize::from(down)],
            drop_at: (weak && !down).then_some(m.drop_at),
        }))
    }

    /// Winds the belts of vehicle `i` for one step.
    fn wind(&mut self, i: usize, m: Move, mut hoist: Box<Hoist>, down: bool, stop: bool) -> Task {
        let slip = m.slip[usize::from(down)] + if self.struck(i, 1) { self.faults.slip } else { 0.0 };
        let hold = stop || self.held(if down { m.to } else { m.from });
        let Some(outcome) = hoist.step(hold, slip, self.earth.shift_m) else {
            return if down { Task::Lower(m, hoist) } else { Task::Lift(m, hoist) };
        };
        let grip = if self.struck(i, 2) { 1.0 - self.faults.grip } else { 1.0 };
        self.readings.hoisted(i, &outcome, m.mass_kg, slip, grip, down);
        if outcome.fell_m_per_s.is_some() {
            self.readings.drops += 1;
            self.harm.push("a carrier has fallen");
            self.reports.push(Report::Lost(m.lot));
            return Task::Down(RECOVERY_S, None);
        }
        if outcome.touchdown_m_per_s > CRACKS_M_PER_S {
            self.harm.push("wafers have cracked: a carrier was set down too hard");
        }
        if down {
            self.reports.push(Report::Brought(m.lot));
            Task::Retract(m, empty_s(&self.rail))
        } else {
            self.reports.push(Report::Fetched(m.lot));
            Task::Bring(m)
        }
    }
}

impl Move {
    /// A move with all that it will draw by chance.
    fn drawn(seed: Seed, number: u64, lot: u32, from: Place, to: Place, asked_s: f64) -> Move {
        let mut rng = seed.stream(&format!("transport/move/{number}"));
        // A vehicle stands some millimetres beside its port, and a stop leaves half a degree.
        let mut swing = |most: f64| [rng.between(0.5 * most, most), rng.between(-0.3 * most, 0.3 * most)];
        let swing_rad = [swing(0.002), swing(0.010)];
        Move {
            lot,
            from,
            to,
            asked_s,
            swing_rad,
            mass_kg: rng.between(8.8, 9.2),
            slip: [0, 1].map(|_| SOUND_SLIP * rng.between(0.8, 1.2)),
            drop_at: rng.between(0.4, 0.9),
        }
    }
}

#[cfg(test)]
mod tests;
