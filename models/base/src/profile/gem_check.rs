//! What a profile's GEM rows must keep: identifiers that stand once, names that name something, levels that make sense.

use std::collections::BTreeSet;

use super::check::{BadProfile, refuse};
use super::{Access, GEM_FIRST_ID, GemClass, GemCommand, GemCondition, GemLayout, GemTrigger, Profile, Role};

/// Longest MDLN and SOFTREV (E5) [characters].
const REVISION: usize = 20;
/// Longest alarm text and PPID (E5) [characters].
const TEXT: usize = 120;

impl Profile {
    pub(super) fn check_gem(&self) -> Result<(), BadProfile> {
        let variables = self.points.iter().filter_map(|p| Some((p, p.gem.as_ref()?)));
        let Some(gem) = &self.gem else {
            return match variables.into_iter().next() {
                Some((p, _)) => {
                    refuse(format!("point {}", p.id), "is a gem variable, and the profile has no [gem]")
                }
                None => Ok(()),
            };
        };
        let (mut vids, mut names) = (BTreeSet::new(), BTreeSet::new());
        for (p, g) in variables {
            let place = || format!("point {}", p.id);
            own_id(place(), "vid", g.vid)?;
            if !vids.insert(g.vid) {
                return refuse(place(), format!("gem vid {} is another point's", g.vid));
            }
            if !names.insert(p.gem_name()) {
                return refuse(place(), format!("gem name {:?} is another point's", p.gem_name()));
            }
        }
        for (what, text) in [("model", &gem.model), ("software", &gem.software)] {
            if text.is_empty() || text.len() > REVISION || !text.is_ascii() {
                return refuse("gem".into(), format!("{what} must be 1 to {REVISION} ASCII characters"));
            }
        }
        if let Some(p) = &gem.process {
            self.condition("gem.process".into(), &p.running)?;
            p.enabled.iter().try_for_each(|c| self.condition("gem.process".into(), c))?;
        }
        self.gem_recipes(gem)?;
        self.gem_events(gem)?;
        self.gem_reports(gem)?;
        self.gem_alarms(gem)?;
        let mut names = BTreeSet::new();
        for c in &gem.commands {
            if !names.insert(&c.name) {
                return refuse(format!("gem.command {}", c.name), "stands twice");
            }
            self.gem_command(gem, c)?;
        }
        Ok(())
    }

    fn gem_recipes(&self, gem: &GemLayout) -> Result<(), BadProfile> {
        let Some(recipes) = &gem.recipes else { return Ok(()) };
        let Some(point) = self.points.iter().find(|p| p.id == recipes.point && p.role == Role::State) else {
            return refuse(
                "gem.recipes".into(),
                format!("{} is no point with role \"state\"", recipes.point),
            );
        };
        let mut names = BTreeSet::new();
        for p in &recipes.parameters {
            let place = || format!("gem.recipes.parameter {}", p.name);
            if p.name.is_empty() || !p.name.bytes().all(|b| b.is_ascii_graphic() && b != b';') {
                return refuse(place(), "a name is ASCII characters without blanks and semicolons");
            }
            if !names.insert(&p.name) {
                return refuse(place(), "stands twice");
            }
            let settable = |x: &&super::PointSpec| x.role == Role::Setpoint && x.access == Access::Write;
            if !self.points.iter().filter(settable).any(|x| x.id == p.point) {
                return refuse(place(), format!("{} is no set-point with access \"write\"", p.point));
            }
        }
        let mut names = BTreeSet::new();
        for r in &recipes.recipes {
            let place = || format!("gem.recipes.recipe {}", r.ppid);
            if r.ppid.is_empty() || r.ppid.len() > TEXT || !r.ppid.is_ascii() {
                return refuse(place(), format!("ppid must be 1 to {TEXT} ASCII characters"));
            }
            if !names.insert(&r.ppid) {
                return refuse(place(), "stands twice");
            }
            if !(point.range[0]..=point.range[1]).contains(&r.value) {
                return refuse(place(), format!("value {} lies outside the range of {}", r.value, point.id));
            }
            if self.gem_program(Some(&r.body)).is_none() {
                let names: Vec<_> = recipes.parameters.iter().map(|p| p.name.as_str()).collect();
                return refuse(
                    place(),
                    format!("body: {} once each, in range and in its unit, would be right", names.join(", ")),
                );
            }
        }
        Ok(())
    }

    fn gem_events(&self, gem: &GemLayout) -> Result<(), BadProfile> {
        let mut ceids = BTreeSet::new();
        let mut names = BTreeSet::new();
        for e in &gem.events {
            let place = || format!("gem.event {}", e.ceid);
            own_id(place(), "ceid", e.ceid)?;
            if !ceids.insert(e.ceid) {
                return refuse(place(), "stands twice");
            }
            if !names.insert(&e.name) {
                return refuse(place(), format!("another event is named {} too", e.name));
            }
            match &e.on {
                GemTrigger::Record(r) if self.record_ix(r).is_none() => {
                    return refuse(place(), format!("no record is named {r}"));
                }
                GemTrigger::RecordWith(c) => {
                    self.condition(place(), c)?;
                    if !self.points.iter().any(|p| p.id == c.point && p.record.is_some()) {
                        return refuse(place(), format!("{} is no field of a record", c.point));
                    }
                }
                GemTrigger::Changed(p) if self.point_ix(p).is_none() => {
                    return refuse(place(), format!("no point is named {p}"));
                }
                GemTrigger::Crosses(c) => self.condition(place(), c)?,
                GemTrigger::Finished(c)
                    if !gem.commands.iter().any(|x| &x.name == c && x.until.is_some()) =>
                {
                    return refuse(place(), format!("no command {c} finishes later (until)"));
                }
                _ => {}
            }
        }
        for a in &gem.alarms {
            for ceid in [a.set_ceid, a.clear_ceid] {
                own_id(format!("gem.alarm {}", a.alid), "ceid", ceid)?;
                if !ceids.insert(ceid) {
                    return refuse(
                        format!("gem.alarm {}", a.alid),
                        format!("ceid {ceid} is another event's"),
                    );
                }
            }
        }
        Ok(())
    }

    fn gem_reports(&self, gem: &GemLayout) -> Result<(), BadProfile> {
        let mut ids = BTreeSet::new();
        for r in &gem.reports {
            let place = || format!("gem.report {}", r.rptid);
            own_id(place(), "rptid", r.rptid)?;
            if !ids.insert(r.rptid) {
                return refuse(place(), "stands twice");
            }
            if let Some(v) = r.values.iter().find(|v| self.gem_vid(v).is_none()) {
                return refuse(place(), format!("{v:?} is no point with a gem vid"));
            }
            let known = |e: u32| {
                gem.events.iter().any(|x| x.ceid == e)
                    || gem.alarms.iter().any(|a| a.set_ceid == e || a.clear_ceid == e)
            };
            if let Some(e) = r.events.iter().find(|e| !known(**e)) {
                return refuse(place(), format!("no event is numbered {e}"));
            }
        }
        Ok(())
    }

    fn gem_alarms(&self, gem: &GemLayout) -> Result<(), BadProfile> {
        let mut ids = BTreeSet::new();
        for a in &gem.alarms {
            let place = || format!("gem.alarm {}", a.alid);
            if !ids.insert(a.alid) {
                return refuse(place(), "stands twice");
            }
            if a.text.len() > TEXT || !a.text.is_ascii() {
                return refuse(place(), format!("text must be at most {TEXT} ASCII characters"));
            }
            self.condition(place(), &a.when)?;
        }
        Ok(())
    }

    fn gem_command(&self, gem: &GemLayout, c: &GemCommand) -> Result<(), BadProfile> {
        let place = || format!("gem.command {}", c.name);
        if c.name.is_empty() || !c.name.bytes().all(|b| b.is_ascii_graphic()) {
            return refuse(place(), "a name is ASCII characters without blanks");
        }
        let parameter = |name: &str| c.parameters.iter().find(|p| p.name == name);
        let mut names = BTreeSet::new();
        for p in &c.parameters {
            if !names.insert(&p.name) {
                return refuse(place(), format!("parameter {} stands twice", p.name));
            }
            if p.range.is_some_and(|[low, high]| !(low.is_finite() && high.is_finite() && low < high)) {
                return refuse(place(), format!("parameter {}: range is empty", p.name));
            }
        }
        for w in &c.writes {
            let Some(point) = self.points.iter().find(|p| p.id == w.point && p.access == Access::Write)
            else {
                return refuse(
                    place(),
                    format!("writes {}, which is no point with access \"write\"", w.point),
                );
            };
            let [low, high] = match (w.value, &w.parameter) {
                (Some(v), None) => [v, v],
                (None, Some(name)) => match parameter(name).map(|p| p.range) {
                    Some(Some(range)) => range,
                    _ => return refuse(place(), format!("no parameter {name} has a range")),
                },
                _ => return refuse(place(), format!("{}: say either value or parameter", w.point)),
            };
            if !(point.range[0] <= low && high <= point.range[1]) {
                return refuse(
                    place(),
                    format!("may write {low} .. {high}, outside the range of {}", w.point),
                );
            }
        }
        if let Some(name) = &c.selects
            && (gem.recipes.is_none() || parameter(name).is_none_or(|p| p.range.is_some()))
        {
            return refuse(
                place(),
                format!("selects by {name}: needs [gem.recipes] and a text parameter {name}"),
            );
        }
        Ok(())
    }

    /// A condition over a known point, whose levels are in order.
    fn condition(&self, place: String, c: &GemCondition) -> Result<(), BadProfile> {
        if self.point_ix(&c.point).is_none() {
            return refuse(place, format!("no point is named {}", c.point));
        }
        let levels = [c.above, c.below, c.clear];
        if levels.iter().flatten().any(|l| !l.is_finite()) {
            return refuse(place, "a level is no number");
        }
        let wrong = match levels {
            [None, None, _] => Some("say above or below"),
            [Some(_), Some(_), Some(_)] => Some("clear goes with one of above and below"),
            [Some(a), Some(b), None] if b >= a => Some("below must lie under above"),
            [Some(a), None, Some(c)] if c > a => Some("clear must not lie over above"),
            [None, Some(b), Some(c)] if c < b => Some("clear must not lie under below"),
            _ => None,
        };
        wrong.map_or(Ok(()), |problem| refuse(place, problem))
    }

    /// The points that are variables of that class, in the order of the profile.
    pub fn gem_variables(&self, class: GemClass) -> impl Iterator<Item = &super::PointSpec> {
        self.points.iter().filter(move |p| p.gem_class() == Some(class))
    }
}

/// Identifiers of the profile keep clear of the equipment's own.
fn own_id(place: String, what: &str, id: u32) -> Result<(), BadProfile> {
    if id >= GEM_FIRST_ID {
        return Ok(());
    }
    refuse(place, format!("{what} {id} is one of the equipment's own; a profile's begin at {GEM_FIRST_ID}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bonder's profile with one text replaced is refused for that reason.
    fn refused(from: &str, to: &str, why: &str) {
        let (_, text) = Profile::built_ins().iter().find(|(k, _)| *k == "wire_bonder").unwrap();
        assert!(text.contains(from), "{from}");
        let problem = Profile::parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(problem.contains(why), "{problem}");
    }

    #[test]
    fn gem_rows_that_make_no_sense_are_refused() {
        refused("vid = 1002", "vid = 1001", "gem vid 1001 is another point's");
        refused("vid = 1002", "vid = 7", "vid 7 is one of the equipment's own");
        refused("\"Availability\"", "\"Recipe\"", "gem name \"Recipe\" is another point's");
        refused("ceid = 1002", "ceid = 1001", "stands twice");
        refused(
            "name = \"BondStarted\"",
            "name = \"BondCompleted\"",
            "another event is named BondCompleted too",
        );
        refused("ceid = 1002", "ceid = 3011", "ceid 3011 is another event's");
        refused("alid = 2", "alid = 1", "stands twice");
        refused("on = { changed = \"units\" }", "on = { changed = \"unit\" }", "no point is named unit");
        refused("on = { record = \"bond\" }", "on = { record = \"bonds\" }", "no record is named bonds");
        refused(
            "on = { finished = \"STOP\" }",
            "on = { finished = \"HALT\" }",
            "no command HALT finishes later",
        );
        refused("above = 30.0, clear = 28.0", "above = 30.0, clear = 31.0", "clear must not lie over above");
        refused("above = 58.0, below = 33.0", "clear = 33.0", "say above or below");
        refused(
            "range = [-20.0, 20.0] }]",
            "range = [-25.0, 20.0] }]",
            "outside the range of bond_force_adj",
        );
        refused("selects = \"PPID\"", "selects = \"RECIPE\"", "selects by RECIPE");
        refused("value = 2.0\nbody", "value = 200.0\nbody", "outside the range of recipe");
        refused("TIME 12 ms;", "TIME 12 us;", "FORCE, TIME, CURRENT, STAGE, BONDS once each");
        refused("BONDS 64", "BONDS 6.4", "once each, in range");
        refused("name = \"STAGE\"", "name = \"TIME\"", "stands twice");
        refused("point = \"stage_set\" }", "point = \"capillary_temp\" }", "is no set-point");
        refused("values = [\"recipe\"]", "values = [\"recipes\"]", "is no point with a gem vid");
        refused("events = [1005]", "events = [1015]", "no event is numbered 1015");
        refused("model = \"AEGIS-WB25\"", "model = \"A bonder with a name too long\"", "1 to 20 ASCII");
    }

    #[test]
    fn a_condition_ends_at_its_clear_level() {
        let c = GemCondition { point: "p".into(), above: Some(10.0), below: None, clear: Some(8.0) };
        let mut held = false;
        let seen = [9.0, 10.5, 9.0, f64::NAN, 8.0, 9.0].map(|v| {
            held = c.holds(held, v);
            held
        });
        assert_eq!(seen, [false, true, true, true, false, false]);
        let band = GemCondition { point: "p".into(), above: Some(10.0), below: Some(2.0), clear: None };
        assert!(band.holds(false, 11.0) && band.holds(false, 1.0) && !band.holds(true, 5.0));
    }
}
