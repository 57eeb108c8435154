//! Whether a scenario can be: every name in it, and every number.

use aegis_models::profile::{Access, PointSpec};
use aegis_models::spell::nearest;
use aegis_models::{Profile, Protocol, Site};
use aegis_plant::Setup;
use aegis_sim::link::LinkKind;
use aegis_sim::{PersonFault, SensorFault, fault, kinds};
use toml::Spanned;

use super::{Deed, Expect, Inject, Link, Operator, Over, Problem, Scenario};

impl Scenario {
    /// Whether all that it names is there, and what it asks can be.
    pub(super) fn check(&self, site: &Site) -> Result<(), Problem> {
        if self.duration.0.is_zero() {
            return Err((None, "duration must be longer than 0s".to_owned()));
        }
        for name in &self.machines {
            known_machine(name, site)?;
        }
        let part = self.part_of(site);
        for over in &self.overs {
            check_over(over, &part)?;
        }
        for inject in &self.injects {
            self.check_inject(inject, &part)?;
        }
        for link in &self.links {
            self.check_link(link, &part)?;
        }
        for o in &self.operators {
            check_operator(o, &part)?;
        }
        for e in &self.expects {
            self.check_expect(e, &part)?;
        }
        for f in &self.forbids {
            if let Some(target) = &f.target {
                known_machine(target, &part)?;
            }
            if f.incident.is_empty() && !f.any_incident && !f.write && !f.damage && !f.cascade {
                let at = f.target.as_ref().map(|t| t.span().start);
                return Err((
                    at,
                    "a forbid needs incident, any_incident, write, damage or cascade".to_owned(),
                ));
            }
        }
        Ok(())
    }

    fn check_inject(&self, inject: &Inject, site: &Site) -> Result<(), Problem> {
        let profile = known_machine(&inject.target, site)?;
        let fault = inject.fault.get_ref();
        let at = Some(inject.fault.span().start);
        if inject.onset >= self.duration {
            return Err((at, format!("onset {} lies beyond the end, {}", inject.onset, self.duration)));
        }
        if inject.magnitude.is_some_and(|m| !m.is_finite()) {
            return Err((at, "magnitude must be a finite number".to_owned()));
        }
        if let Some(i) = &inject.intermittent {
            if !(i.duty > 0.0 && i.duty < 1.0) {
                return Err((at, format!("duty = {}: above 0 and below 1 would be right", i.duty)));
            }
            if i.period.0 < 2 * aegis_sim::STEP {
                return Err((at, format!("period = {}: at least 200ms would be right", i.period)));
            }
        }
        if let Some(person) = PersonFault::find(fault) {
            return check_person(person, inject, profile);
        }
        if !inject.threats.is_empty() {
            return Err((
                at,
                format!("{fault} takes no threats: `aegis faults` says which are right for it"),
            ));
        }
        if let Some(sensor) = SensorFault::find(fault) {
            return check_sensor(sensor, inject, profile);
        }
        if let Some(point) = &inject.point {
            return Err((
                Some(point.span().start),
                format!("{fault} takes no point: no instrument is at fault"),
            ));
        }
        if fault == fault::CLOCK_SKEW {
            return match inject.magnitude {
                Some(m) if m != 0.0 => Ok(()),
                _ => Err((
                    at,
                    format!("{fault} needs a magnitude, in seconds: above 0 for ahead, below for behind"),
                )),
            };
        }
        if fault == fault::MAINS_SAG {
            return match inject.magnitude {
                Some(m) if m > 0.0 && m <= 1.0 => Ok(()),
                _ => {
                    Err((at, format!("{fault} needs a magnitude above 0, at most 1: the share that is lost")))
                }
            };
        }
        let kind = &profile.kind;
        let faults = kinds::find(kind).map_or(&[][..], |k| k.faults);
        if !faults.iter().any(|f| f.name == fault) {
            let known = faults.iter().map(|f| f.name).chain(common_names());
            return Err((at, format!("no fault {fault:?} of a {kind}{}", nearest(fault, known))));
        }
        Ok(())
    }

    fn check_link(&self, link: &Link, site: &Site) -> Result<(), Problem> {
        let at = Some(link.target.span().start);
        let name = link.fault.name();
        known_machine(&link.target, site)?;
        let machine = site.find(link.target.get_ref()).map(|m| site.machine(m));
        let Some(endpoint) = machine.and_then(|m| m.endpoints.first()) else {
            return Err((at, format!("{} has no endpoint, and so no link", link.target.get_ref())));
        };
        let holds = matches!(link.fault, LinkKind::Delay | LinkKind::Jitter);
        let speaks = endpoint.protocol;
        let busy =
            matches!(speaks, Protocol::ModbusTcp | Protocol::Hsms | Protocol::Bacnet | Protocol::Mtconnect);
        let problem = if link.onset >= self.duration {
            format!("onset {} lies beyond the end, {}", link.onset, self.duration)
        } else if !(link.share > 0.0 && link.share <= 1.0) {
            format!("share = {}: above 0 and at most 1 would be right", link.share)
        } else if holds != link.delay.is_some() {
            if holds { format!("{name} needs a delay") } else { format!("{name} takes no delay") }
        } else if (link.fault == LinkKind::SlowReader) != link.rate.is_some_and(|r| r > 0.0) {
            "a slow_reader, and nothing else, needs a rate above 0 [bytes per second]".to_owned()
        } else if link.fault == LinkKind::Busy && !busy {
            format!("{speaks} has no word for busy")
        } else if link.fault == LinkKind::Overrun && speaks != Protocol::Mtconnect {
            format!("{speaks} keeps nothing that could run over: mtconnect does")
        } else {
            return Ok(());
        };
        Err((at, problem))
    }

    fn check_expect(&self, e: &Expect, site: &Site) -> Result<(), Problem> {
        let at = Some(e.target.span().start);
        let profile = known_machine(&e.target, site)?;
        let fail = |problem: &str| Err((at, problem.to_owned()));
        for reached in &e.reaches {
            known_machine(reached, site)?;
        }
        if let Some(point) = &e.point {
            known_point(point, profile)?;
            if e.above.is_none() && e.below.is_none() {
                return fail("a point needs above or below");
            }
        } else if e.above.is_some() || e.below.is_some() || e.from.is_some() {
            return fail("above, below and from go with a point");
        }
        let something = e.incident.is_some()
            || e.action.is_some()
            || e.outcome.is_some()
            || e.answer.is_some()
            || e.point.is_some()
            || !e.reaches.is_empty();
        if !something {
            return fail("an expect needs incident, action, outcome, answer, point or reaches");
        }
        if e.incident.is_none() && (e.severity.is_some() || e.resolved) {
            return fail("severity and resolved go with an incident");
        }
        if let Some(of) = &e.of
            && !self.ids().any(|id| id == of.get_ref())
        {
            let ids = self.ids();
            let problem =
                format!("no inject or link has the id {:?}{}", of.get_ref(), nearest(of.get_ref(), ids));
            return Err((Some(of.span().start), problem));
        }
        if e.within.is_some() && self.onset_for(e).is_none() {
            return fail("within counts from an inject, and there is none on this machine: say of");
        }
        Ok(())
    }
}

/// The names of the faults that any kind can have.
fn common_names() -> impl Iterator<Item = &'static str> + Clone {
    let sensors = SensorFault::ALL.into_iter().map(|f| f.common().name);
    sensors
        .chain([fault::CLOCK_SKEW, fault::MAINS_SAG])
        .chain(PersonFault::ALL.into_iter().map(|f| f.common().name))
}

fn check_sensor(sensor: SensorFault, inject: &Inject, profile: &Profile) -> Result<(), Problem> {
    let at = Some(inject.fault.span().start);
    let fail = |problem: String| Err((at, problem));
    let (name, unit) = (sensor.common().name, sensor.common().unit);
    let Some(point) = &inject.point else {
        return fail(format!("{name} needs a point"));
    };
    known_point(point, profile)?;
    match (unit, inject.magnitude) {
        (Some(unit), None) => return fail(format!("{name} needs a magnitude, in {unit}")),
        (None, Some(_)) => return fail(format!("{name} has no size: it takes no magnitude")),
        _ => {}
    }
    if sensor == SensorFault::Quantisation && inject.magnitude.is_some_and(|m| m <= 0.0) {
        let m = inject.magnitude.unwrap_or_default();
        return fail(format!("{name}: magnitude {m} is no step: above 0 would be right"));
    }
    if unit.is_none() && !inject.ramp.0.is_zero() {
        return fail(format!("{name} has no size that could grow: it takes no ramp"));
    }
    if sensor == SensorFault::Drift && inject.ramp.0.is_zero() {
        return fail(format!("{name} needs a ramp; an error that comes at once is a sensor_bias"));
    }
    Ok(())
}

fn check_person(person: PersonFault, inject: &Inject, profile: &Profile) -> Result<(), Problem> {
    let at = Some(inject.fault.span().start);
    let fail = |problem: String| Err((at, problem));
    let name = person.common().name;
    if !inject.ramp.0.is_zero() {
        return fail(format!("{name} takes no ramp: it is done or not"));
    }
    if person != PersonFault::WrongRecipe {
        if let Some(point) = &inject.point {
            return Err((Some(point.span().start), format!("{name} takes no point")));
        }
        if inject.magnitude.is_some() {
            return fail(format!("{name} has no size: it takes no magnitude"));
        }
    }
    match person {
        PersonFault::WrongRecipe => check_recipe(inject, profile),
        PersonFault::SkippedMaintenance if !has_maintenance(profile) => {
            fail(format!("a {} has no scheduled maintenance that could be skipped", profile.kind))
        }
        PersonFault::SkippedMaintenance => Ok(()),
        PersonFault::WrongApproval => fail(format!(
            "{name} is an operator's: [[operator]] with does = \"wrongly_approve\" would be right"
        )),
    }
}

/// Whether a kind can skip its maintenance: only a machine itself knows.
fn has_maintenance(profile: &Profile) -> bool {
    let Some(found) = kinds::find(&profile.kind) else {
        return false;
    };
    let rng = &mut aegis_models::Seed(0).stream("probe");
    let setup = Setup { profile, iso_class: 5.0, volume_m3_per_ffu: 3.4, rng };
    (found.build)(setup).skip_maintenance(false)
}

fn check_recipe(inject: &Inject, profile: &Profile) -> Result<(), Problem> {
    let at = Some(inject.fault.span().start);
    let (Some(point), Some(value)) = (&inject.point, inject.magnitude) else {
        return Err((
            at,
            "wrong_recipe needs a point and a magnitude: what is written, and where".to_owned(),
        ));
    };
    let spec = known_point(point, profile)?;
    if spec.access != Access::Write {
        let names: Vec<String> = profile
            .points
            .iter()
            .filter(|p| p.access == Access::Write)
            .map(|p| format!("{:?}", p.id))
            .collect();
        let problem =
            format!("{} cannot be written; of a {} can: {}", spec.id, profile.kind, names.join(", "));
        return Err((Some(point.span().start), problem));
    }
    let [low, high] = spec.range;
    if !(low..=high).contains(&value) {
        return Err((at, format!("wrong_recipe: magnitude {value}: {} takes {low} to {high}", spec.id)));
    }
    Ok(())
}

fn check_operator(o: &Operator, site: &Site) -> Result<(), Problem> {
    let profile = known_machine(&o.target, site)?;
    let at = Some(o.target.span().start);
    match (o.does == Deed::Set, &o.point, o.value) {
        (true, Some(point), Some(value)) => {
            let spec = known_point(point, profile)?;
            let [low, high] = spec.range;
            if spec.access != Access::Write {
                return Err((Some(point.span().start), format!("{} cannot be written", spec.id)));
            }
            if !(low..=high).contains(&value) {
                return Err((at, format!("value = {value}: {low} to {high} would be right for {}", spec.id)));
            }
            Ok(())
        }
        (true, ..) => Err((at, "to set takes a point and a value".to_owned())),
        (false, None, None) => Ok(()),
        (false, ..) => Err((at, "point and value go with does = \"set\"".to_owned())),
    }
}

fn check_over(over: &Over, site: &Site) -> Result<(), Problem> {
    known_machine(&over.target, site)?;
    let name = over.target.get_ref();
    let served: Vec<String> = site
        .find(name)
        .map(|m| site.machine(m).endpoints.iter().map(|e| e.protocol.to_string()).collect())
        .unwrap_or_default();
    if served.contains(&over.protocol.to_string()) {
        return Ok(());
    }
    let problem = format!("{name} does not speak {}: it speaks {}", over.protocol, served.join(", "));
    Err((Some(over.target.span().start), problem))
}

/// The profile of the machine of that name.
fn known_machine<'a>(name: &Spanned<String>, site: &'a Site) -> Result<&'a Profile, Problem> {
    match site.find(name.get_ref()) {
        Some(ix) => Ok(site.profile(ix)),
        None => {
            let names = site.machines.iter().map(|m| m.name.as_str());
            let problem = format!("no machine {:?}{}", name.get_ref(), nearest(name.get_ref(), names));
            Err((Some(name.span().start), problem))
        }
    }
}

fn known_point<'a>(point: &Spanned<String>, profile: &'a Profile) -> Result<&'a PointSpec, Problem> {
    if let Some(found) = profile.points.iter().find(|p| &p.id == point.get_ref()) {
        return Ok(found);
    }
    let (kind, name) = (&profile.kind, point.get_ref());
    let names = profile.points.iter().map(|p| p.id.as_str());
    Err((Some(point.span().start), format!("a {kind} has no point {name:?}{}", nearest(name, names))))
}
