//! One file per kind of machine, and the registry that names them.

mod ahu;
mod cnc;
mod ffu;
mod wire_bonder;

use crate::Kind;

/// The kinds the twin can simulate.
pub const KINDS: &[Kind] = &[ahu::KIND, cnc::KIND, ffu::KIND, wire_bonder::KIND];

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.name == name)
}

/// What a kind says of a fault it does not have.
fn unknown(fault: &crate::ProcessFault, known: &[crate::FaultSpec]) -> crate::UnknownFault {
    crate::UnknownFault { name: fault.name.clone(), known: known.iter().map(|f| f.name).collect() }
}

#[cfg(test)]
mod tests {
    use aegis_models::{Profile, Seed, Time};

    use super::*;
    use crate::{Image, Machine, ProcessFault, Setup, Step, Utilities};

    /// A machine and the image it leaves, stepped at the twin's base step.
    struct Rig {
        profile: Profile,
        machine: Box<dyn Machine>,
        image: Image,
        rng: aegis_models::Rng,
        tick: u64,
    }

    impl Rig {
        fn new(kind: &Kind, seed: u64) -> Rig {
            let profile = Profile::built_in(kind.name).expect("every kind has a profile");
            let mut rng = Seed(seed).stream("rig");
            let machine = (kind.build)(Setup {
                profile: &profile,
                iso_class: 5.0,
                volume_m3_per_ffu: 3.4,
                rng: &mut rng,
            });
            Rig { image: Image::new(profile.points.len()), profile, machine, rng, tick: 0 }
        }

        fn step(&mut self) {
            self.tick += 1;
            self.image.records.clear();
            self.machine.step(&mut Step {
                now: Time::from_millis(100 * self.tick),
                dt_s: 0.1,
                rng: &mut self.rng,
                utilities: &Utilities::default(),
                image: &mut self.image,
            });
        }

        fn get(&self, point: &str) -> f64 {
            self.image.get(self.profile.point_ix(point).expect("a point of the profile"))
        }

        /// Mean over `seconds` of a point, or of a field of the records in them.
        fn mean(&mut self, point: &str, seconds: u64) -> f64 {
            let ix = self.profile.point_ix(point).expect("a point of the profile");
            let field = self.profile.records.iter().find_map(|r| r.fields.iter().position(|f| f == point));
            let (mut sum, mut count) = (0.0, 0.0);
            for _ in 0..10 * seconds {
                self.step();
                let values = match field {
                    None => vec![self.image.get(ix)],
                    Some(f) => self.image.records.iter().map(|r| r.values[f]).collect(),
                };
                for v in values.into_iter().filter(|v| v.is_finite()) {
                    (sum, count) = (sum + v, count + 1.0);
                }
            }
            sum / count
        }
    }

    /// Nominal duty, maintenance included, for a week: no harm, every point inside its instrument's range, and what the
    /// severity rules call worse than nominal never reached.
    #[test]
    fn a_week_of_nominal_duty_stays_inside_every_limit() {
        for kind in KINDS {
            let mut rig = Rig::new(kind, 11);
            let bounds: Vec<_> = rig
                .profile
                .signatures
                .iter()
                .flat_map(|s| &s.severity.raise)
                .filter_map(|r| Some((rig.profile.point_ix(&r.channel)?, r.above, r.below)))
                .collect();
            for _ in 0..7 * 864_000 {
                rig.step();
                assert!(rig.image.harm.is_empty(), "{}: {:?}", kind.name, rig.image.harm);
                if !rig.tick.is_multiple_of(10) {
                    continue;
                }
                for (i, p) in rig.profile.points.iter().enumerate().filter(|(_, p)| p.record.is_none()) {
                    let v = rig.image.get(aegis_models::PointIx(i as u16));
                    assert!((p.range[0]..=p.range[1]).contains(&v), "{} {} = {v}", kind.name, p.id);
                }
                // The first seconds of a run are the drive's way to its speed.
                for (ix, above, below) in bounds.iter().filter(|_| rig.tick > 100) {
                    let v = rig.image.get(*ix);
                    let name = &rig.profile.point(*ix).id;
                    assert!(above.is_none_or(|a| v < a), "{} {name} = {v}", kind.name);
                    assert!(below.is_none_or(|b| v > b || v == 0.0), "{} {name} = {v}", kind.name);
                }
            }
        }
    }

    /// Each fault, at its typical size, moves what a technician would look at, the right way.
    #[test]
    fn each_fault_shows_where_it_should() {
        let cases = [
            ("ahu", "filter_clog", "airflow", 0.88, 0.96),
            ("ahu", "filter_clog", "filter_dp", 1.6, 1.95),
            ("ahu", "belt_slip", "fan_speed", 0.915, 0.925),
            ("ahu", "belt_slip", "overpressure", 0.4, 0.9),
            ("ahu", "motor_bearing_wear", "vibration", 3.0, 3.6),
            ("ahu", "motor_bearing_wear", "motor_current", 1.05, 1.2),
            ("ahu", "coil_fouling", "valve_position", 1.03, 1.4),
            ("ahu", "valve_stuck", "bay_temp", 1.02, 1.6),
            ("ahu", "damper_stuck", "overpressure", 0.0, 0.3),
            ("ahu", "chilled_water_warm", "valve_position", 1.05, 1.4),
            ("ffu", "filter_clog", "airflow", 0.70, 0.85),
            ("ffu", "filter_clog", "filter_dp", 1.4, 1.8),
            ("ffu", "filter_tear", "particles_05um", 10.0, 100.0),
            ("ffu", "filter_tear", "filter_dp", 0.90, 0.99),
            ("ffu", "motor_bearing_wear", "vibration", 3.0, 6.0),
            ("ffu", "motor_bearing_wear", "motor_current", 1.05, 1.5),
            ("ffu", "vfd_slip", "fan_speed", 0.895, 0.905),
            ("ffu", "vfd_slip", "airflow", 0.85, 0.92),
            ("cnc", "coolant_loss", "coolant_flow", 0.15, 0.25),
            ("cnc", "coolant_loss", "spindle_temp", 1.2, 2.5),
            ("cnc", "bearing_defect", "vibration_envelope", 3.0, 6.0),
            ("cnc", "bearing_defect", "vibration_rms", 1.0, 1.2),
            ("cnc", "chatter", "vibration_rms", 2.5, 8.0),
            ("cnc", "thermal_runaway", "spindle_temp", 1.05, 3.0),
            ("wire_bonder", "contaminated_pad", "shear_strength", 0.7, 0.95),
            ("wire_bonder", "contaminated_pad", "nsop", 10.0, 1e6),
            ("wire_bonder", "worn_capillary", "deformation", 0.8, 0.95),
            ("wire_bonder", "usg_drift", "usg_impedance", 1.15, 1.25),
            ("wire_bonder", "clamp_loose", "bond_force", 0.8, 0.97),
        ];
        for (kind, fault, point, low, high) in cases {
            let kind = find(kind).expect("the kind is registered");
            let spec = kind.faults.iter().find(|f| f.name == fault).expect("it has the fault");
            let mut rig = Rig::new(kind, 5);
            let before = rig.mean(point, 1_200).max(1e-4);
            rig.machine
                .inject(&ProcessFault { name: fault.to_owned(), magnitude: spec.typical })
                .expect("it has the fault");
            rig.mean(point, 1_200);
            let ratio = rig.mean(point, 1_200) / before;
            assert!((low..=high).contains(&ratio), "{fault}: {point} at {ratio:.3} of what it was");
            // A crew makes it good again.
            rig.machine.service();
            rig.mean(point, 3_600);
            let after = rig.mean(point, 1_200).max(1e-4) / before;
            assert!(
                (0.9..=1.1).contains(&after) || point == "nsop",
                "{fault}: {point} at {after:.3} after service"
            );
        }
    }

    #[test]
    fn accelerated_wear_costs_power_beyond_the_plan() {
        let kind = find("cnc").expect("registered");
        let wear = |rate: f64| {
            let mut rig = Rig::new(kind, 5);
            rig.machine.service();
            let fault = ProcessFault { name: "tool_wear_accelerated".to_owned(), magnitude: rate };
            rig.machine.inject(&fault).expect("it has the fault");
            rig.mean("spindle_power", 1_200);
            rig.mean("spindle_power", 600)
        };
        assert!(wear(3.0) > 1.1 * wear(0.0));
    }

    #[test]
    fn a_bonder_bonds_by_the_recipe_that_it_was_told() {
        let mut rig = Rig::new(find("wire_bonder").expect("it is registered"), 1);
        let command = |rig: &mut Rig, point: &str, value: f64| {
            let id = aegis_models::CommandId { boot: 0, number: 0 };
            let c = aegis_models::Command { id, machine: "WB".into(), point: point.into(), value };
            rig.machine.command(&c, Time::ZERO).map_err(|e| e.to_string())
        };
        // Units in two hours: 40 bonds of half a second and an index, or 64.
        let units = |rig: &mut Rig| {
            let before = rig.get("units");
            (0..72_000).for_each(|_| rig.step());
            rig.get("units") - before
        };
        rig.step();
        let short = units(&mut rig);
        command(&mut rig, "recipe", 2.0).expect("it has two");
        let long = units(&mut rig);
        assert_eq!(rig.get("recipe"), 2.0);
        assert!((1.4..1.6).contains(&(short / long)), "{short} units of 40 bonds, {long} of 64");
        let force = rig.mean("bond_force", 600);
        assert!((39.0..41.0).contains(&force), "{force} gf");
        assert!((114.9..115.1).contains(&rig.mean("usg_current", 60)));
        // A number is a recipe only once a program was set for it.
        for none in [0.0, 3.0, 100.0] {
            command(&mut rig, "recipe", none).expect_err("it has none of that number");
        }
        command(&mut rig, "force_set", 30.0).expect("inside its range");
        command(&mut rig, "bonds_set", 8.0).expect("inside its range");
        command(&mut rig, "recipe", 3.0).expect("it was just set");
        let force = rig.mean("bond_force", 600);
        assert!((29.0..31.0).contains(&force), "{force} gf");
        command(&mut rig, "recipe", 1.0).expect("it has two");
        command(&mut rig, "recipe", 3.0).expect("it keeps it");
        rig.step();
        assert_eq!((rig.get("force_set"), rig.get("bonds_set")), (30.0, 8.0));
        assert!(command(&mut rig, "force_set", 101.0).is_err());
        // Stopped it works no more.
        command(&mut rig, "run_enable", 0.0).expect("it can be stopped");
        rig.step();
        assert_eq!(rig.get("bonding"), 0.0);
    }

    #[test]
    fn mitigation_works_on_the_physics() {
        let command = |rig: &mut Rig, point: &str, value: f64| {
            let id = aegis_models::CommandId { boot: 0, number: 0 };
            let c = aegis_models::Command { id, machine: String::new(), point: point.to_owned(), value };
            rig.machine.command(&c, Time::ZERO)
        };
        let mut ffu = Rig::new(find("ffu").expect("registered"), 5);
        let clog = ProcessFault { name: "filter_clog".to_owned(), magnitude: 1.0 };
        ffu.machine.inject(&clog).expect("it has the fault");
        let clogged = ffu.mean("airflow", 60);
        command(&mut ffu, "fan_speed_sp", 1_540.0).expect("inside its range");
        ffu.mean("airflow", 60);
        assert!(ffu.mean("airflow", 60) > 1.1 * clogged, "more speed, more air");
        assert!(command(&mut ffu, "fan_speed_sp", 9_999.0).is_err());
        assert!(command(&mut ffu, "airflow", 1.0).is_err());
        let mut cnc = Rig::new(find("cnc").expect("registered"), 5);
        let warm = cnc.mean("spindle_temp", 1_200);
        command(&mut cnc, "spindle_speed_sp", 600.0).expect("inside its range");
        cnc.mean("spindle_temp", 3_600);
        assert!(cnc.mean("spindle_temp", 1_200) < warm - 1.0, "less speed, less heat");
        command(&mut cnc, "run_enable", 0.0).expect("it can be stopped");
        cnc.mean("spindle_temp", 60);
        assert_eq!(cnc.get("spindle_speed"), 0.0);
    }
}
