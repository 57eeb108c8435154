//! The transport as equipment of its own: the hoist controller and the floor's sensors, as machines of the twin.

use std::sync::{Arc, Mutex};

use aegis_models::{Command, PointIx, Profile, Seed, Site, ThreatKind, Time};
use aegis_plant::{FaultSpec, Harm, Kind, Machine, ProcessFault, Refusal, Setup, Step, UnknownFault};

use super::{QUIET_UM_PER_S, Shared, Task, Transport, ground, lock};

/// What the controller takes as highest speed [m/s], besides the rail's own.
const SLOWEST_SP: f64 = 0.5;
/// Acceleration of a quiet floor [gal].
const QUIET_GAL: f64 = 0.3;

/// The kinds that the transport provides.
pub(crate) const KINDS: &[Kind] = &[
    Kind { name: "hoist", faults: HOIST_FAULTS, build: |s| alone("hoist", s) },
    Kind { name: "floor_sensor", faults: FLOOR_FAULTS, build: |s| alone("floor_sensor", s) },
];

const HOIST_FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "hoist_slip",
        doc: "belts slip on the drum of a vehicle: carriers come down lower than the encoder says, and hard",
        unit: "share of the way that slips through",
        typical: 0.02,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "carrier_dropped",
        doc: "a gripper loses its force, and in the end a carrier",
        unit: "share of its force",
        typical: 0.7,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "headway_lost",
        doc: "a vehicle's distance sensor fails: it comes too near to others, and runs into them",
        unit: "share of its sight",
        typical: 0.45,
        threats: &[ThreatKind::EquipmentDegradation],
    },
    FaultSpec {
        name: "wheel_worn",
        doc: "a drive wheel has worn: it turns further for its way than the marks on the rail say",
        unit: "mm counted too much for a metre",
        typical: 4.0,
        threats: &[ThreatKind::ToolWear],
    },
];

const FLOOR_FAULTS: &[FaultSpec] = &[
    FaultSpec {
        name: "zone_intrusion",
        doc: "people step into the zones under the hoists, whose light curtains hold what hangs there",
        unit: "times an hour",
        typical: 12.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
    FaultSpec {
        name: "earthquake",
        doc: "the floor shakes under every machine, and all hoists stop",
        unit: "gal of peak acceleration",
        typical: 80.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
    FaultSpec {
        name: "floor_vibration",
        doc: "something heavy is built or runs near: the floor shakes more than its class allows",
        unit: "um/s added to the floor's velocity, RMS",
        typical: 12.0,
        threats: &[ThreatKind::FacilityIntegrity],
    },
    FaultSpec {
        name: "curtain_stuck",
        doc: "a light curtain says that somebody stands in it, for ever: the hoist above waits",
        unit: "1 while it does",
        typical: 1.0,
        threats: &[ThreatKind::SensorFault],
    },
];

/// The machine of that kind beside a site's transport, if the transport provides it.
pub(crate) fn face(kind: &str, profile: &Profile, transport: &Shared) -> Option<Box<dyn Machine>> {
    build(kind, profile, transport, false)
}

/// The same on a rail of its own: that of the site which comes with Aegis.
fn alone(kind: &str, setup: Setup<'_>) -> Box<dyn Machine> {
    let seed = Seed((setup.rng.uniform() * 9.0e15) as u64);
    let mut transport = Transport::new(&Site::built_in(), seed).expect("the built-in site has a rail");
    transport.warm_up();
    build(kind, setup.profile, &Arc::new(Mutex::new(transport)), true).expect("one of the kinds above")
}

fn build(kind: &str, profile: &Profile, transport: &Shared, alone: bool) -> Option<Box<dyn Machine>> {
    let transport = Arc::clone(transport);
    match kind {
        "hoist" => Some(Box::new(Controller { points: ControllerPoints::of(profile), transport, alone })),
        "floor_sensor" => Some(Box::new(FloorSensors { points: FloorPoints::of(profile), transport, alone })),
        _ => None,
    }
}

fn place(profile: &Profile, id: &str) -> PointIx {
    profile.point_ix(id).unwrap_or_else(|| panic!("profile {} has a point {id}", profile.kind))
}

/// The hoist controller.
struct Controller {
    points: ControllerPoints,
    transport: Shared,
    /// Nobody else moves the transport.
    alone: bool,
}

struct ControllerPoints {
    state: PointIx,
    moves: PointIx,
    waiting: PointIx,
    delivery: PointIx,
    swing: PointIx,
    belt: PointIx,
    touchdown: PointIx,
    current: PointIx,
    grip: PointIx,
    creep: PointIx,
    short: PointIx,
    down: PointIx,
    collisions: PointIx,
    drops: PointIx,
    speed_sp: PointIx,
    run_enable: PointIx,
}

impl ControllerPoints {
    fn of(profile: &Profile) -> ControllerPoints {
        let p = |id| place(profile, id);
        ControllerPoints {
            state: p("state"),
            moves: p("moves_per_h"),
            waiting: p("carriers_waiting"),
            delivery: p("delivery_time"),
            swing: p("swing"),
            belt: p("belt_residual"),
            touchdown: p("touchdown_speed"),
            current: p("hoist_current"),
            grip: p("grip_force"),
            creep: p("wheel_creep"),
            short: p("headway_shortfall"),
            down: p("vehicles_down"),
            collisions: p("collisions"),
            drops: p("carriers_dropped"),
            speed_sp: p("speed_sp"),
            run_enable: p("run_enable"),
        }
    }
}

impl Machine for Controller {
    fn step(&mut self, cx: &mut Step<'_>) {
        let mut t = lock(&self.transport);
        if self.alone {
            t.step(cx.dt_s);
        }
        cx.image.harm.extend(std::mem::take(&mut t.harm).into_iter().map(|what| Harm { what }));
        let (p, r) = (&self.points, &t.readings);
        let down = t.vehicles.iter().filter(|v| matches!(v.task, Task::Down(..))).count();
        for (point, value) in [
            (p.state, f64::from(!t.stands())),
            (p.moves, r.moves_per_h()),
            (p.waiting, t.waiting.len() as f64),
            (p.delivery, r.delivery.get()),
            (p.swing, r.swing.get()),
            (p.belt, r.belt.get()),
            (p.touchdown, r.touchdown.get()),
            (p.current, r.current.get()),
            (p.grip, r.grip_pct()),
            (p.creep, r.creep.get()),
            (p.short, r.short_m()),
            (p.down, down as f64),
            (p.collisions, f64::from(r.collisions)),
            (p.drops, f64::from(r.drops)),
            (p.speed_sp, t.speed_sp),
            (p.run_enable, f64::from(t.enabled)),
        ] {
            cx.image.set(point, value);
        }
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        let mut t = lock(&self.transport);
        match c.point.as_str() {
            "run_enable" => t.enabled = c.value != 0.0,
            "speed_sp" => {
                let (low, high) = (SLOWEST_SP, t.rail.speed_m_per_s);
                if !(low..=high).contains(&c.value) {
                    return Err(Refusal::OutOfRange { point: c.point.clone(), value: c.value, low, high });
                }
                t.speed_sp = c.value;
            }
            _ => return Err(Refusal::NotWritable(c.point.clone())),
        }
        Ok(())
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let faults = &mut lock(&self.transport).faults;
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "hoist_slip" => faults.slip = size.min(0.5),
            "carrier_dropped" => faults.grip = size.min(1.0),
            "headway_lost" => faults.headway = size.min(1.0),
            "wheel_worn" => faults.worn = size,
            _ => return Err(unknown(fault, HOIST_FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        lock(&self.transport).service();
    }
}

/// Light curtains, seismometer and whoever counts the people.
struct FloorSensors {
    points: FloorPoints,
    transport: Shared,
    /// Nobody else moves the transport.
    alone: bool,
}

struct FloorPoints {
    vibration: PointIx,
    acceleration: PointIx,
    curtains: PointIx,
    intrusions: PointIx,
    people: PointIx,
}

impl FloorPoints {
    fn of(profile: &Profile) -> FloorPoints {
        let p = |id| place(profile, id);
        FloorPoints {
            vibration: p("vibration"),
            acceleration: p("acceleration"),
            curtains: p("curtains_broken"),
            intrusions: p("intrusions_per_h"),
            people: p("people"),
        }
    }
}

impl Machine for FloorSensors {
    fn step(&mut self, cx: &mut Step<'_>) {
        let mut t = lock(&self.transport);
        if self.alone {
            t.step(cx.dt_s);
        }
        let p = &self.points;
        for (point, value) in [
            (p.vibration, t.floor_um_per_s(QUIET_UM_PER_S)),
            (p.acceleration, QUIET_GAL + t.faults.quake_gal),
            (p.curtains, f64::from(u8::from(t.intrusions.now.is_some()) + u8::from(t.faults.curtain))),
            (p.intrusions, t.intrusions.per_h()),
            (p.people, ground::people(t.floor.as_ref(), t.now_s) as f64),
        ] {
            cx.image.set(point, value);
        }
    }

    fn command(&mut self, c: &Command, _now: Time) -> Result<(), Refusal> {
        Err(Refusal::NotWritable(c.point.clone()))
    }

    fn inject(&mut self, fault: &ProcessFault) -> Result<(), UnknownFault> {
        let faults = &mut lock(&self.transport).faults;
        let size = fault.magnitude.max(0.0);
        match fault.name.as_str() {
            "zone_intrusion" => faults.intrusions_per_h = size,
            "earthquake" => faults.quake_gal = size,
            "floor_vibration" => faults.floor_um_per_s = size,
            "curtain_stuck" => faults.curtain = size >= 0.5,
            _ => return Err(unknown(fault, FLOOR_FAULTS)),
        }
        Ok(())
    }

    fn service(&mut self) {
        let faults = &mut lock(&self.transport).faults;
        (faults.intrusions_per_h, faults.floor_um_per_s, faults.curtain) = (0.0, 0.0, false);
    }
}

fn unknown(fault: &ProcessFault, known: &[FaultSpec]) -> UnknownFault {
    UnknownFault { name: fault.name.clone(), known: known.iter().map(|f| f.name).collect() }
}
