//! What the tests of every kind are made with: one machine, stepped as the twin steps it.

use aegis_models::{Command, CommandId, PointIx, Profile, Rng, Seed, Time};

use super::find;
use crate::{Given, Image, Machine, ProcessFault, Refusal, Setup, Step, Supply};

/// A machine and the image it leaves, stepped at the twin's base step.
pub struct Rig {
    pub profile: Profile,
    pub machine: Box<dyn Machine>,
    pub image: Image,
    /// What it gets; nominal until a test changes it.
    pub supply: Supply,
    /// What it gave in the last step.
    pub given: Given,
    rng: Rng,
    tick: u64,
}

/// How far a fault at its typical size moves a point: its mean over what it was, from and to.
pub type Case = (&'static str, &'static str, f64, f64);

impl Rig {
    /// A machine of that kind.
    pub fn new(kind: &str, seed: u64) -> Rig {
        let found = find(kind).expect("the kind is registered");
        let profile = Profile::built_in(kind).expect("every kind has a profile");
        let mut rng = Seed(seed).stream("rig");
        let machine =
            (found.build)(Setup { profile: &profile, iso_class: 5.0, volume_m3_per_ffu: 3.4, rng: &mut rng });
        let image = Image::new(profile.points.len());
        let (supply, given) = (Supply::default(), Given::default());
        Rig { profile, machine, image, supply, given, rng, tick: 0 }
    }

    /// One step of the twin.
    pub fn step(&mut self) {
        self.tick += 1;
        self.image.records.clear();
        self.given = Given::default();
        self.machine.step(&mut Step {
            now: Time::from_millis(100 * self.tick),
            dt_s: 0.1,
            rng: &mut self.rng,
            supply: &self.supply,
            given: &mut self.given,
            image: &mut self.image,
        });
    }

    /// So many seconds.
    pub fn run(&mut self, seconds: u64) {
        (0..10 * seconds).for_each(|_| self.step());
    }

    /// A point's true value now.
    pub fn get(&self, point: &str) -> f64 {
        self.image.get(self.profile.point_ix(point).expect("a point of the profile"))
    }

    /// Writes a set-point.
    pub fn command(&mut self, point: &str, value: f64) -> Result<(), Refusal> {
        let id = CommandId { boot: 0, number: 0 };
        let command = Command { id, machine: String::new(), point: point.to_owned(), value };
        self.machine.command(&command, Time::ZERO)
    }

    /// Sets a fault to a size; zero ends it.
    pub fn inject(&mut self, fault: &str, magnitude: f64) {
        let fault = ProcessFault { name: fault.to_owned(), magnitude };
        self.machine.inject(&fault).expect("the kind has the fault");
    }

    /// Sets a fault to its typical size.
    pub fn strike(&mut self, fault: &str) {
        let kind = find(&self.profile.kind).expect("the kind is registered");
        let spec = kind.faults.iter().find(|f| f.name == fault).expect("the kind has the fault");
        self.inject(fault, spec.typical);
    }

    /// Mean over `seconds` of a point, or of a field of the records in them.
    pub fn mean(&mut self, point: &str, seconds: u64) -> f64 {
        let ix = self.profile.point_ix(point).expect("a point of the profile");
        let mut records = self.profile.records.iter().enumerate();
        let field = records.find_map(|(kind, r)| Some((kind, r.fields.iter().position(|f| f == point)?)));
        let (mut sum, mut count) = (0.0, 0.0);
        for _ in 0..10 * seconds {
            self.step();
            let values = match field {
                None => vec![self.image.get(ix)],
                Some((kind, f)) => {
                    let mine = self.image.records.iter().filter(|r| usize::from(r.kind) == kind);
                    mine.map(|r| r.values[f]).collect()
                }
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
pub fn a_week_of_nominal_duty(kind: &str) {
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
        assert!(rig.image.harm.is_empty(), "{kind}: {:?}", rig.image.harm);
        if !rig.tick.is_multiple_of(10) {
            continue;
        }
        for (i, p) in rig.profile.points.iter().enumerate().filter(|(_, p)| p.record.is_none()) {
            let v = rig.image.get(PointIx(i as u16));
            assert!((p.range[0]..=p.range[1]).contains(&v), "{kind} {} = {v}", p.id);
        }
        // The first seconds of a run are the drive's way to its speed.
        for (ix, above, below) in bounds.iter().filter(|_| rig.tick > 100) {
            let v = rig.image.get(*ix);
            let name = &rig.profile.point(*ix).id;
            assert!(above.is_none_or(|a| v < a), "{kind} {name} = {v}");
            assert!(below.is_none_or(|b| v > b || v == 0.0), "{kind} {name} = {v}");
        }
    }
}

/// Each fault, at its typical size, moves what a technician would look at, the right way, and a crew makes it good again.
pub fn each_fault_shows(kind: &str, cases: &[Case]) {
    for (fault, point, low, high) in cases {
        let mut rig = Rig::new(kind, 5);
        let before = rig.mean(point, 1_200).max(1e-4);
        rig.strike(fault);
        rig.run(1_200);
        let ratio = rig.mean(point, 1_200) / before;
        assert!((*low..=*high).contains(&ratio), "{fault}: {point} at {ratio:.3} of what it was");
        rig.machine.service();
        rig.run(3_600);
        let after = rig.mean(point, 1_200).max(1e-4) / before;
        // What is counted in ones, and rare, says nothing.
        assert!(
            (0.9..=1.1).contains(&after) || before < 2e-3,
            "{fault}: {point} at {after:.3} after service"
        );
    }
}
