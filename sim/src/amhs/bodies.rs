//! A loaded carrier on the belts of a hoist, as rigid bodies.
//!
//! ```text
//!      [ vehicle ]      moves with the building, else stands
//!          | belts      as long as the drum has let out, and what slips
//!      [ carrier ]      9 kg, swings, lands on the port or falls
//!     ==== port ====
//! ```
//!
//! Sizes and masses are those of a 300 mm FOUP (SEMI E47.1): 9 kg with 25 wafers. Steps are counted, never timed.

use rapier3d::prelude::*;

/// Rigid-body steps of one step of the twin, and their length [s].
const SUBSTEPS: usize = 4;
const DT_S: f64 = 0.025;
/// Belt between vehicle and carrier when it is drawn up [m].
const DRAWN_UP_M: f64 = 0.3;
/// Speed of the belts, and over the last of the way down [m/s]; that last piece [m]; their acceleration [m/s2].
const SPEED: f64 = 0.5;
const CREEP: f64 = 0.05;
const CREEP_M: f64 = 0.03;
const ACCEL: f64 = 1.0;
/// Half the carrier's sides [m].
const HALF: [f32; 3] = [0.21, 0.17, 0.20];
/// Height of a load port over the floor [m] (SEMI E15.1).
const PORT_M: f64 = 0.9;
/// What the belts' own friction takes from a swing [1/s].
const DAMPING: f32 = 0.15;
/// How long a fallen carrier is followed [steps of the twin].
const FALL_STEPS: u32 = 20;
/// Gravity [m/s2].
const G: f64 = 9.81;

/// What a hoist has to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Order {
    /// Down to the port; else up from it.
    pub down: bool,
    /// The way [m].
    pub way_m: f64,
    /// Mass of carrier and gripper [kg].
    pub mass_kg: f64,
    /// On the way down the swing that is left from the vehicle's stop; on the way up how far the belts are off the plumb
    /// line because the vehicle stands beside its port [rad], along and across the rail.
    pub swing_rad: [f64; 2],
    /// The gripper lets go after this share of the way.
    pub drop_at: Option<f64>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// Largest angle of the belts to the plumb line [deg].
    pub swing_deg: f64,
    /// What the belts' encoder is off the carrier's range finder at the end [mm].
    pub belt_mm: f64,
    /// Speed with which the carrier met the port [m/s]; nought on the way up.
    pub touchdown_m_per_s: f64,
    /// Speed with which it fell [m/s], if it did.
    pub fell_m_per_s: Option<f64>,
}

/// A hoist at work.
pub(super) struct Hoist {
    world: PhysicsWorld,
    vehicle: RigidBodyHandle,
    carrier: RigidBodyHandle,
    belts: Option<ImpulseJointHandle>,
    order: Order,
    /// How far the vehicle stands beside the port [m].
    beside_m: [f64; 2],
    /// What the encoder says is let out [m], and how fast that changes [m/s].
    out_m: f64,
    speed: f64,
    /// What has slipped through [m].
    slipped_m: f64,
    last_fall: f64,
    landed: bool,
    falling: u32,
    outcome: Outcome,
}

impl Hoist {
    /// A hoist about to begin.
    pub fn new(order: Order) -> Hoist {
        let mut world = PhysicsWorld::new();
        world.integration_parameters.dt = DT_S as f32;
        let full = DRAWN_UP_M + order.way_m;
        let out_m = if order.down { 0.0 } else { order.way_m };
        let length = (DRAWN_UP_M + out_m) as f32;
        let beside_m = order.swing_rad.map(|a| if order.down { 0.0 } else { a * f64::from(length) });
        let [x, z] = beside_m.map(|m| m as f32);
        let stands = RigidBodyBuilder::kinematic_position_based().translation(Vector::new(x, 0.0, z));
        let vehicle = world.insert_body(stands);
        let [along, across] = order.swing_rad.map(|a| if order.down { a as f32 } else { 0.0 });
        // A swing at its lowest point: all of it is speed.
        let swing = (G as f32 * length).sqrt();
        let hung = RigidBodyBuilder::dynamic()
            .translation(Vector::new(0.0, -length, 0.0))
            .linvel(Vector::new(along * swing, 0.0, across * swing))
            .linear_damping(DAMPING)
            .can_sleep(false)
            .ccd_enabled(true)
            // Four belts keep it level.
            .lock_rotations();
        let shell = ColliderBuilder::cuboid(HALF[0], HALF[1], HALF[2])
            .mass(order.mass_kg as f32)
            .restitution(0.1)
            .friction(0.6);
        let (carrier, _) = world.insert(hung, shell);
        let port_top = -(full as f32) - HALF[1];
        let port =
            ColliderBuilder::cuboid(0.25, 0.05, 0.25).translation(Vector::new(0.0, port_top - 0.05, 0.0));
        world.insert_collider(port.friction(0.8), None);
        let floor = port_top - PORT_M as f32 - 0.5;
        world.insert_collider(
            ColliderBuilder::cuboid(20.0, 0.5, 20.0).translation(Vector::new(0.0, floor, 0.0)),
            None,
        );
        let rope = RopeJointBuilder::new(length).contacts_enabled(false);
        let belts = Some(world.insert_impulse_joint(vehicle, carrier, rope));
        let (landed, outcome) = (!order.down, Outcome::default());
        Hoist {
            world,
            vehicle,
            carrier,
            belts,
            order,
            beside_m,
            out_m,
            speed: 0.0,
            slipped_m: 0.0,
            last_fall: 0.0,
            landed,
            falling: 0,
            outcome,
        }
    }

    /// One step of the twin. `hold` keeps the belts where they are, `slip` is the share of the way that slips through,
    /// and `shake_m` is how far the building is from its place. Some when it is over.
    pub fn step(&mut self, hold: bool, slip: f64, shake_m: [f64; 2]) -> Option<Outcome> {
        for _ in 0..SUBSTEPS {
            self.wind(hold, slip);
            let [x, z] = [0, 1].map(|i: usize| (shake_m[i] + self.beside_m[i]) as f32);
            self.world.bodies[self.vehicle].set_next_kinematic_translation(Vector::new(x, 0.0, z));
            self.world.step();
            self.look();
        }
        if self.belts.is_none() {
            self.falling += 1;
            return (self.falling >= FALL_STEPS).then_some(self.outcome);
        }
        let there = if self.order.down { self.out_m >= self.order.way_m } else { self.out_m <= 0.0 };
        there.then(|| {
            self.outcome.belt_mm = 1_000.0 * self.slipped_m.abs();
            self.outcome
        })
    }

    /// Where the carrier is below its vehicle: along, across, down [m].
    pub fn carrier(&self) -> [f64; 3] {
        let (at, from) =
            (self.world.bodies[self.carrier].translation(), self.world.bodies[self.vehicle].translation());
        [f64::from(at.x - from.x), f64::from(at.z - from.z), f64::from(from.y - at.y)]
    }

    /// The drum: up to speed, and down to a creep before the port.
    fn wind(&mut self, hold: bool, slip: f64) {
        let left = if self.order.down { self.order.way_m - self.out_m } else { self.out_m };
        let braking = |end: f64, over: f64| (end * end + 1.6 * ACCEL * over.max(0.0)).sqrt().min(SPEED);
        let wanted = match (hold, self.order.down) {
            (true, _) => 0.0,
            (false, true) => braking(CREEP, left - CREEP_M),
            (false, false) => braking(CREEP, left),
        };
        // A brake that holds acts at once, a drive ramps.
        let change = if hold { 4.0 } else { 1.0 } * ACCEL * DT_S;
        self.speed += (wanted - self.speed).clamp(-change, change);
        let moved = (self.speed * DT_S).min(left.max(0.0));
        let sign = if self.order.down { 1.0 } else { -1.0 };
        self.out_m += sign * moved;
        // The load pulls belt through, whichever way the drum turns.
        self.slipped_m += slip * moved;
        let gone = 1.0 - (left - moved) / self.order.way_m;
        if let Some(belts) = self.belts
            && self.order.drop_at.is_some_and(|at| gone >= at)
        {
            self.world.remove_impulse_joint(belts);
            self.belts = None;
            let body = &mut self.world.bodies[self.carrier];
            body.lock_rotations(false, true);
            // It leaves the jaws one after the other.
            body.set_angvel(Vector::new(0.4, 0.1, 0.6), true);
        }
        let length = (DRAWN_UP_M + self.out_m + self.slipped_m).max(0.05) as f32;
        if let Some(joint) = self.belts.and_then(|b| self.world.impulse_joints.get_mut(b, true)) {
            joint.data.set_limits(JointAxis::LinX, [0.0, length]);
        }
    }

    /// What instruments on the hoist, and whoever stands below, would see.
    fn look(&mut self) {
        let [along, across, down] = self.carrier();
        let speed = f64::from(self.world.bodies[self.carrier].linvel().length());
        let falls = -f64::from(self.world.bodies[self.carrier].linvel().y);
        if self.belts.is_none() {
            let fell = self.outcome.fell_m_per_s.get_or_insert(0.0);
            *fell = fell.max(speed);
            return;
        }
        let lies = down > DRAWN_UP_M + self.order.way_m - 0.004;
        if !self.landed && lies {
            self.landed = true;
            self.outcome.touchdown_m_per_s = self.last_fall;
        }
        self.last_fall = falls.max(0.0);
        // Slack belts have no angle.
        if !(self.order.down && self.landed) && down > 0.0 {
            let angle = libm::atan2((along * along + across * across).sqrt(), down).to_degrees();
            self.outcome.swing_deg = self.outcome.swing_deg.max(angle);
        }
    }
}

/// What a collision leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Crash {
    /// Speeds afterwards, of the one that ran into the other and of the other [m/s].
    pub speeds: [f64; 2],
    /// The largest swing of a carrier that hung in one of them [deg].
    pub swing_deg: f64,
}

/// Two vehicles that meet, as bodies on a straight rail, with a carrier drawn up in each that is loaded.
pub(super) fn collide(speeds: [f64; 2], loaded: [bool; 2], mass_kg: f64) -> Crash {
    let mut world = PhysicsWorld::new();
    world.integration_parameters.dt = DT_S as f32;
    let length = DRAWN_UP_M as f32;
    let mut bodies = Vec::new();
    for (i, speed) in speeds.iter().enumerate() {
        let x = i as f32 * (super::vehicle::LENGTH_M as f32 + 0.01);
        let along = Vector::new(*speed as f32, 0.0, 0.0);
        let body = RigidBodyBuilder::dynamic()
            .translation(Vector::new(x, 0.0, 0.0))
            .linvel(along)
            .gravity_scale(0.0)
            .lock_rotations()
            .enabled_translations(true, false, false);
        let half = super::vehicle::LENGTH_M as f32 / 2.0;
        let shell = ColliderBuilder::cuboid(half, 0.15, 0.2).mass(120.0).restitution(0.3).friction(0.0);
        let (vehicle, _) = world.insert(body, shell);
        let hung = RigidBodyBuilder::dynamic()
            .translation(Vector::new(x, -length, 0.0))
            .linvel(along)
            .additional_mass(if loaded[i] { mass_kg as f32 } else { 6.0 });
        let carrier = world.insert_body(hung.lock_rotations());
        world.insert_impulse_joint(vehicle, carrier, RopeJointBuilder::new(length));
        bodies.push((vehicle, carrier));
    }
    let mut swing_deg = 0.0f64;
    for _ in 0..40 {
        world.step();
        for (vehicle, carrier) in bodies.iter().enumerate().filter(|(i, _)| loaded[*i]).map(|(_, b)| *b) {
            let d = world.bodies[carrier].translation() - world.bodies[vehicle].translation();
            swing_deg = swing_deg.max(libm::atan2(f64::from(d.x.abs()), f64::from(-d.y)).to_degrees());
        }
    }
    let speeds = [0, 1].map(|i: usize| f64::from(world.bodies[bodies[i].0].linvel().x));
    Crash { speeds, swing_deg }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Order =
        Order { down: true, way_m: 3.0, mass_kg: 9.0, swing_rad: [0.003, 0.001], drop_at: None };

    fn run(order: Order, slip: f64, shake: fn(f64) -> [f64; 2]) -> (u32, Outcome) {
        let mut hoist = Hoist::new(order);
        for step in 1..2_000 {
            if let Some(outcome) = hoist.step(false, slip, shake(f64::from(step) / 10.0)) {
                return (step, outcome);
            }
        }
        panic!("it never ends: {:?}", hoist.carrier());
    }

    fn still(_: f64) -> [f64; 2] {
        [0.0, 0.0]
    }

    #[test]
    fn a_sound_hoist_lands_gently_and_swings_little() {
        for down in [true, false] {
            let (steps, o) = run(Order { down, ..ORDER }, 0.0, still);
            assert!((60..110).contains(&steps), "{steps} steps");
            assert!(o.swing_deg > 0.1 && o.swing_deg < 2.0, "{o:?}");
            assert!(o.touchdown_m_per_s < 0.1 && o.belt_mm == 0.0 && o.fell_m_per_s.is_none(), "{o:?}");
        }
    }

    #[test]
    fn a_carrier_swings_with_the_period_of_its_pendulum() {
        let mut hoist = Hoist::new(Order { swing_rad: [0.02, 0.0], ..ORDER });
        let mut crossings = Vec::new();
        let mut last = 0.0;
        for step in 0..200 {
            assert!(hoist.step(true, 0.0, [0.0, 0.0]).is_none());
            let along = hoist.carrier()[0];
            if last < 0.0 && along >= 0.0 {
                crossings.push(f64::from(step) * 0.1);
            }
            last = along;
        }
        // T = 2 pi sqrt(l / g) = 1.099 s for 0.3 m.
        let periods = crossings.windows(2).map(|w| w[1] - w[0]).collect::<Vec<_>>();
        let mean = periods.iter().sum::<f64>() / periods.len() as f64;
        assert!((mean - 1.099).abs() < 0.03, "{periods:?}");
    }

    #[test]
    fn a_belt_that_slips_sets_the_carrier_down_hard() {
        let (_, o) = run(ORDER, 0.04, still);
        assert!((o.belt_mm - 120.0).abs() < 1.0, "{o:?}");
        assert!(o.touchdown_m_per_s > 0.3, "{o:?}");
    }

    #[test]
    fn a_carrier_let_go_falls_as_bodies_fall() {
        let (_, o) = run(Order { down: false, drop_at: Some(0.6), ..ORDER }, 0.0, still);
        // 1.8 m down to the port, less what the belts still gave it upward.
        let fell = o.fell_m_per_s.expect("it fell");
        assert!((5.0..7.5).contains(&fell), "{fell} m/s");
    }

    #[test]
    fn a_building_that_shakes_near_the_pendulum_swings_the_carrier() {
        let shake = |t: f64| [0.05 * libm::sin(2.0 * std::f64::consts::PI * t / 3.0), 0.0];
        assert!(run(ORDER, 0.0, shake).1.swing_deg > 2.0 * run(ORDER, 0.0, still).1.swing_deg);
    }

    #[test]
    fn a_collision_keeps_the_momentum_and_swings_what_hangs() {
        let crash = collide([2.0, 0.0], [true, true], 9.0);
        assert!(crash.speeds[1] > crash.speeds[0] && crash.swing_deg > 5.0, "{crash:?}");
        let momentum: f64 = crash.speeds.iter().map(|v| 129.0 * v).sum();
        assert!((momentum - 258.0).abs() < 30.0, "{crash:?}");
    }

    /// FNV-1a over where the carrier is in five minutes of hoists, down and up again, with a drum that slips and a floor
    /// that moves.
    fn digest() -> u64 {
        let mut digest = 0xcbf2_9ce4_8422_2325u64;
        let mut down = true;
        let mut hoist = Hoist::new(ORDER);
        for step in 0..3_000 {
            if hoist.step(false, 0.01, [0.001 * f64::from(step % 7), 0.0]).is_some() {
                down = !down;
                hoist = Hoist::new(Order { down, ..ORDER });
            }
            for x in hoist.carrier() {
                digest = (digest ^ x.to_bits()).wrapping_mul(0x0100_0000_01b3);
            }
        }
        digest
    }

    /// The same bits on any thread and any machine, in debug and release.
    #[test]
    fn five_minutes_of_bodies_have_this_digest_on_every_thread() {
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(digest)).collect();
        for t in threads {
            assert_eq!(format!("{:016x}", t.join().unwrap()), "432a10ff11931845");
        }
    }
}
