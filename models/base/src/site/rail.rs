//! The overhead hoist's rail, and the floor beneath it with those who walk there.
//!
//! ```text
//!        (0, 2r) <------- straight -------        s grows against the clock,
//!          |                              |       from the lower left corner;
//!        (0, 0)  ------- straight ------->        x along, y across, z up
//! ```

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Site;
use crate::spell::nearest;
use crate::{Span, limits};

/// A closed rail of two straights and two half circles, driven in one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rail {
    /// Length of one straight [m].
    pub straight_m: f64,
    /// Radius of the bends [m].
    pub radius_m: f64,
    /// A carrier's way down from its place in the vehicle to the load port [m].
    pub hoist_m: f64,
    /// Vehicles on the rail.
    pub vehicles: u16,
    /// Highest speed [m/s].
    pub speed_m_per_s: f64,
    /// Highest acceleration, up and down [m/s2].
    pub accel_m_per_s2: f64,
    /// Highest change of acceleration [m/s3].
    pub jerk_m_per_s3: f64,
    /// Gap that a vehicle keeps to the one before it, when both stand [m].
    pub headway_m: f64,
    /// Where the stocker stands, from which lots start and to which they come back.
    pub stocker_m: f64,
    /// Lots that wait before a tool at most, and done ones that wait to be fetched.
    pub places: u32,
    /// Where it takes and leaves carriers.
    #[serde(rename = "port")]
    pub ports: Vec<Port>,
}

/// A tool's load port below the rail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The machine.
    pub machine: String,
    /// Where on the rail [m].
    pub at_m: f64,
}

/// The floor: zones that nobody enters, and the ways that people and carts take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// Half the side of the square below each port that light curtains guard [m].
    pub keep_out_m: f64,
    /// Who walks.
    #[serde(rename = "walk", default)]
    pub walks: Vec<Walk>,
}

/// Somebody's way, there and back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Walk {
    /// Who: `operator-1`.
    pub who: String,
    /// A cart rather than a person.
    #[serde(default)]
    pub cart: bool,
    /// Corners of the way [m, m].
    pub path: Vec<[f64; 2]>,
    /// How fast [m/s].
    pub speed_m_per_s: f64,
    /// From one start to the next.
    pub every: Span,
}

impl Rail {
    /// Length of the loop [m].
    pub fn length_m(&self) -> f64 {
        2.0 * (self.straight_m + PI * self.radius_m)
    }

    /// The place of a point of the rail on the floor [m, m].
    pub fn place(&self, at_m: f64) -> [f64; 2] {
        let (l, r, bend) = (self.straight_m, self.radius_m, PI * self.radius_m);
        let s = at_m.rem_euclid(self.length_m());
        if s < l {
            [s, 0.0]
        } else if s < l + bend {
            let a = (s - l) / r;
            [l + r * libm::sin(a), r - r * libm::cos(a)]
        } else if s < 2.0 * l + bend {
            [2.0 * l + bend - s, 2.0 * r]
        } else {
            let a = (s - 2.0 * l - bend) / r;
            [-r * libm::sin(a), r + r * libm::cos(a)]
        }
    }

    /// Where that machine's port is [m].
    pub fn port(&self, machine: &str) -> Option<f64> {
        self.ports.iter().find(|p| p.machine == machine).map(|p| p.at_m)
    }
}

impl Floor {
    /// Whether a point lies in the zone below a port at `port` [m, m].
    pub fn keeps_out(&self, port: [f64; 2], at: [f64; 2]) -> bool {
        (port[0] - at[0]).abs() <= self.keep_out_m && (port[1] - at[1]).abs() <= self.keep_out_m
    }

    /// Whether a straight way from `a` to `b` leads through the zone below a port (the slab method).
    fn crosses(&self, port: [f64; 2], a: [f64; 2], b: [f64; 2]) -> bool {
        let (mut enter, mut leave) = (0.0f64, 1.0f64);
        for axis in 0..2 {
            let (from, by) = (a[axis] - port[axis], b[axis] - a[axis]);
            if by == 0.0 {
                if from.abs() > self.keep_out_m {
                    return false;
                }
                continue;
            }
            let (t0, t1) = ((-self.keep_out_m - from) / by, (self.keep_out_m - from) / by);
            enter = enter.max(t0.min(t1));
            leave = leave.min(t0.max(t1));
        }
        enter <= leave
    }
}

impl Site {
    /// What is wrong with the rail or the floor, and what would be right.
    pub(super) fn rail_problem(&self) -> Option<String> {
        let Some(rail) = &self.rail else {
            return self.floor.as_ref().map(|_| "a floor belongs under a rail, and there is none".to_owned());
        };
        let positive = [
            ("straight_m", rail.straight_m),
            ("radius_m", rail.radius_m),
            ("hoist_m", rail.hoist_m),
            ("speed_m_per_s", rail.speed_m_per_s),
            ("accel_m_per_s2", rail.accel_m_per_s2),
            ("jerk_m_per_s3", rail.jerk_m_per_s3),
            ("headway_m", rail.headway_m),
        ];
        if let Some((name, value)) = positive.iter().find(|(_, v)| !(*v > 0.0 && v.is_finite())) {
            return Some(format!("rail: {name} = {value}: above 0 would be right"));
        }
        let length = rail.length_m();
        let vehicles = usize::from(rail.vehicles);
        // A vehicle is a metre long; a loop that is more than half full stands still.
        let most = ((length / (2.0 * (rail.headway_m + 1.0))) as usize).min(limits::VEHICLES_PER_RAIL);
        if vehicles == 0 || vehicles > most {
            return Some(format!("rail: {vehicles} vehicles: 1 to {most} would be right"));
        }
        if rail.places == 0 {
            return Some("rail: places of 1 or more would be right".to_owned());
        }
        let on = |at: f64| (0.0..length).contains(&at);
        for (i, p) in rail.ports.iter().enumerate() {
            let name = &p.machine;
            if self.find(name).is_none() {
                let near = nearest(name, self.machines.iter().map(|m| m.name.as_str()));
                return Some(format!("rail: a port of no machine {name:?}{near}"));
            }
            if rail.ports[..i].iter().any(|other| other.machine == *name) {
                return Some(format!("rail: machine {name} has two ports"));
            }
            if !on(p.at_m) {
                let at = p.at_m;
                return Some(format!(
                    "rail: the port of {name} at {at} m: 0 to below {length:.1} would be right"
                ));
            }
        }
        if !on(rail.stocker_m) || rail.ports.is_empty() {
            return Some(format!("rail: it needs a port, and a stocker_m from 0 to below {length:.1}"));
        }
        self.floor.as_ref().and_then(|f| f.problem(rail))
    }
}

impl Floor {
    fn problem(&self, rail: &Rail) -> Option<String> {
        if !(self.keep_out_m > 0.0 && self.keep_out_m <= 5.0) {
            return Some(format!(
                "floor: keep_out_m = {}: above 0 and at most 5 would be right",
                self.keep_out_m
            ));
        }
        for w in &self.walks {
            let who = &w.who;
            if w.path.len() < 2 || w.path.iter().flatten().any(|x| !x.is_finite()) {
                return Some(format!("floor: the path of {who} needs two corners or more"));
            }
            if !(w.speed_m_per_s > 0.0 && w.speed_m_per_s <= 3.0) || w.every.0.is_zero() {
                return Some(format!(
                    "floor: {who} needs a speed above 0 and at most 3 m/s, and an every above 0s"
                ));
            }
            for leg in w.path.windows(2) {
                let mut ports = rail.ports.iter();
                if let Some(p) = ports.find(|p| self.crosses(rail.place(p.at_m), leg[0], leg[1])) {
                    return Some(format!("floor: the path of {who} leads through the zone of {}", p.machine));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "name='x'\n[[bay]]\nid='b'\niso_class=5\nvolume_m3_per_ffu=9\n\
        [[machine]]\nname='A'\nkind='wire_bonder'\nbay='b'\n[[machine]]\nname='B'\nkind='cnc'\nbay='b'\n";
    const RAIL: &str = "[rail]\nstraight_m=40\nradius_m=4\nhoist_m=3\nvehicles=3\nspeed_m_per_s=3\n\
        accel_m_per_s2=1.5\njerk_m_per_s3=2\nheadway_m=1\nstocker_m=50\nplaces=2\nport=[{machine='A', at_m=10}]\n";
    const ROUTE: &str = "[[route]]\nname='p'\nrelease={every='5m', wip_cap=3}\ndies_per_wafer=500\n";

    fn told(text: &str) -> String {
        Site::parse(&format!("{SITE}{text}")).map_or_else(|e| e.to_string(), |_| "sound".to_owned())
    }

    #[test]
    fn the_rail_is_a_closed_loop_without_a_step() {
        let site = Site::parse(&format!("{SITE}{RAIL}")).unwrap();
        let rail = site.rail.unwrap();
        let steps = 10_000;
        let ds = rail.length_m() / f64::from(steps);
        for i in 0..steps {
            let (a, b) = (rail.place(f64::from(i) * ds), rail.place(f64::from(i + 1) * ds));
            let d = libm::hypot(a[0] - b[0], a[1] - b[1]);
            assert!((d - ds).abs() < 1e-4 * ds, "{i}: {d} for {ds}");
        }
    }

    #[test]
    fn a_rail_or_floor_that_cannot_be_is_refused() {
        assert_eq!(told(RAIL), "sound");
        for (from, to, why) in [
            ("vehicles=3", "vehicles=0", "0 vehicles: 1 to 26"),
            ("at_m=10", "at_m=200", "0 to below 105.1"),
            ("machine='A'", "machine='AA'", "no machine \"AA\""),
            ("jerk_m_per_s3=2", "jerk_m_per_s3=0", "jerk_m_per_s3 = 0"),
            ("places=2", "places=0", "places of 1"),
        ] {
            let text = told(&RAIL.replace(from, to));
            assert!(text.contains(why), "{to}: {text}");
        }
        let floor = |path: &str| {
            let walk = format!("{{who='w', path={path}, speed_m_per_s=1, every='5m'}}");
            told(&format!("{RAIL}[floor]\nkeep_out_m=1\nwalk=[{walk}]\n"))
        };
        assert_eq!(floor("[[0, 3], [20, 3]]"), "sound");
        assert!(floor("[[0, 3], [20, -3]]").contains("leads through the zone of A"));
        assert!(floor("[[0, 3]]").contains("two corners"));
    }

    #[test]
    fn a_route_that_cannot_be_is_refused() {
        let route = |steps: &str| told(&format!("{RAIL}{ROUTE}{steps}"));
        assert_eq!(route("step=[{kind='wire_bonder', pieces=25}]\n"), "sound");
        assert!(route("step=[{kind='wire_bondr', pieces=25}]\n").contains("\"wire_bonder\"?"));
        assert!(
            route("step=[{kind='cnc', pieces=25}]\n")
                .contains("visits cnc, and none of its tools has a port")
        );
        assert!(route("step=[{kind='wire_bonder', pieces=0}]\n").contains("pieces of 1 or more"));
        assert!(route("step=[]\n").contains("has no step"));
        let alone = told(&format!("{ROUTE}step=[{{kind='wire_bonder', pieces=25}}]\n"));
        assert!(alone.contains("needs a rail"), "{alone}");
    }
}
