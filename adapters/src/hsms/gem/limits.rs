//! Limits monitoring (E30): up to seven bands a variable, each crossed by hysteresis. S2F45, S2F47.

use std::collections::{BTreeMap, BTreeSet};

use aegis_models::PointIx;
use aegis_models::profile::{DataType, GemClass};

use super::super::Item;
use super::catalog::{self, Origin, Variable};
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::own::OwnEvent;
use super::read::{self, Id, Illegal};

/// Limits of one variable (E30: LIMITID 1 to 7).
const LIMITS: u8 = 7;

/// A limit: the deadband that a value must cross as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limit {
    pub upper: f64,
    pub lower: f64,
    /// Whether the value is in the zone above; unknown before the first value.
    pub above: Option<bool>,
}

/// By VID and LIMITID.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Limits {
    pub defined: BTreeMap<u32, BTreeMap<u8, Limit>>,
}

/// LVACK (E5).
const NO_VARIABLE: u8 = 1;
const NO_LIMITS: u8 = 2;
const REPEATED: u8 = 3;
const BAD_LIMIT: u8 = 4;

/// One limit as S2F45 asks for it: a new band, or none.
type Wish = (u8, Option<(f64, f64)>);
/// What is wrong with a variable's part of S2F45: LVACK, and LIMITID with LIMITACK where one limit is to blame.
type Refusal = (Id, u8, Option<(u8, u8)>);

impl Equipment {
    /// A point has a value: where it crossed bands, their events come, upward and downward apart.
    pub(super) fn watch_limits(&mut self, point: PointIx) {
        let value = self.machine.value(point);
        if value.is_nan() || self.limits.defined.is_empty() {
            return;
        }
        let catalog = &self.catalog;
        let of_point =
            |vid: &u32| catalog.variables.get(vid).is_some_and(|v| v.origin == Origin::Point(point));
        let Some((vid, limits)) = self.limits.defined.iter_mut().find(|(vid, _)| of_point(vid)) else {
            return;
        };
        let (vid, mut up, mut down) = (*vid, Vec::new(), Vec::new());
        for (id, limit) in limits {
            let above = match limit.above {
                _ if value >= limit.upper => true,
                _ if value <= limit.lower => false,
                Some(before) => before,
                None => continue,
            };
            match limit.above.replace(above) {
                Some(false) if above => up.push(*id),
                Some(true) if !above => down.push(*id),
                _ => {}
            }
        }
        // TransitionType 0: from the lower zone to the upper; 1: from the upper to the lower (E30).
        for (crossed, kind) in [(up, 0), (down, 1)] {
            if !crossed.is_empty() {
                self.changed();
                self.happened.limit_variable = vid;
                self.happened.event_limit = crossed;
                self.happened.transition_type = kind;
                self.fire_own(OwnEvent::LimitTransition);
            }
        }
    }

    fn limitable(&self, id: &Id) -> Result<(u32, &Variable), u8> {
        let vid = self.catalog.variable(id).ok_or(NO_VARIABLE)?;
        let variable = self.catalog.variables.get(&vid).ok_or(NO_VARIABLE)?;
        let number = matches!(variable.origin, Origin::Point(_)) && variable.data != DataType::Bool;
        if number && variable.class != GemClass::Constant { Ok((vid, variable)) } else { Err(NO_LIMITS) }
    }

    /// S2F45: defines and deletes limits; all of the message or, with the reasons, nothing of it.
    pub(super) fn s2f45(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let [data_id, rows] = read::fields(body.ok_or(Illegal)?)?;
        let rows = read::list(rows)?;
        let mut wishes = Vec::new();
        let mut refusals: Vec<Refusal> = Vec::new();
        let mut seen = BTreeSet::new();
        for row in rows {
            let [vid, limits] = read::fields(row)?;
            let id = read::id(vid)?;
            let limits = read::list(limits)?;
            if !seen.insert(id.clone()) {
                refusals.push((id, REPEATED, None));
                continue;
            }
            match self.limitable(&id) {
                Err(code) => refusals.push((id, code, None)),
                Ok((vid, variable)) => match wished(variable.range, limits)? {
                    Ok(wish) => wishes.push((vid, wish)),
                    Err(wrong) => refusals.push((id, BAD_LIMIT, Some(wrong))),
                },
            }
        }
        self.conversation_done(2, 45, data_id);
        if refusals.is_empty() {
            if rows.is_empty() {
                self.limits.defined.clear();
            }
            for (vid, wish) in wishes {
                self.set_limits(vid, &wish);
            }
        }
        let code = u8::from(!refusals.is_empty());
        let refusal = |(id, code, limit): Refusal| {
            let limit =
                limit.map_or(vec![], |(id, code)| vec![Item::Binary(vec![id]), Item::Binary(vec![code])]);
            Item::List(vec![id.item(), Item::Binary(vec![code]), Item::List(limit)])
        };
        let refusals = Item::List(refusals.into_iter().map(refusal).collect());
        Ok(Answer::Body(Item::List(vec![Item::Binary(vec![code]), refusals])))
    }

    fn set_limits(&mut self, vid: u32, wish: &[Wish]) {
        let value = match self.catalog.variables.get(&vid).map(|v| v.origin) {
            Some(Origin::Point(ix)) => self.machine.value(ix),
            _ => f64::NAN,
        };
        let limits = self.limits.defined.entry(vid).or_default();
        if wish.is_empty() {
            limits.clear();
        }
        for (id, band) in wish {
            match band {
                None => {
                    limits.remove(id);
                }
                Some((upper, lower)) => {
                    // The zone where it begins is no crossing; within the band it counts as below until it leaves it.
                    let above = (!value.is_nan()).then_some(value >= *upper);
                    limits.insert(*id, Limit { upper: *upper, lower: *lower, above });
                }
            }
        }
        self.limits.defined.retain(|_, limits| !limits.is_empty());
    }

    /// S2F47: limits and what they may be; without VIDs, of every variable that can have some.
    pub(super) fn s2f47(&self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let all = self.catalog.variables.keys().filter(|v| self.limitable(&Id::of(**v)).is_ok());
        let ids = read::named(body, all)?;
        Ok(Answer::rows(ids.iter().map(|id| self.limits_row(id))))
    }

    fn limits_row(&self, id: &Id) -> Item {
        let rest = match self.limitable(id) {
            Err(_) => vec![],
            Ok((vid, v)) => {
                let value = |x| catalog::item(v.data, x);
                let rows = self.limits.defined.get(&vid).into_iter().flatten();
                let rows = rows
                    .map(|(id, l)| Item::List(vec![Item::Binary(vec![*id]), value(l.upper), value(l.lower)]));
                vec![Item::text(&v.unit), value(v.range[0]), value(v.range[1]), Item::List(rows.collect())]
            }
        };
        Item::List(vec![id.item(), Item::List(rest)])
    }
}

/// The limits that one variable's part of S2F45 asks for, or the LIMITID and LIMITACK of the first that cannot be.
fn wished([low, high]: [f64; 2], limits: &[Item]) -> Result<Result<Vec<Wish>, (u8, u8)>, Illegal> {
    let mut wishes: Vec<Wish> = Vec::new();
    for limit in limits {
        let [id, band] = read::fields(limit)?;
        let id = read::byte(id)?;
        if !(1..=LIMITS).contains(&id) {
            return Ok(Err((id, 1)));
        }
        if wishes.iter().any(|(other, _)| *other == id) {
            return Ok(Err((id, 7)));
        }
        let band = match read::list(band)? {
            [] => None,
            [upper, lower] => {
                let (Ok(upper), Ok(lower)) = (read::number(upper), read::number(lower)) else {
                    return Ok(Err((id, 5)));
                };
                // LIMITACK 2: above LIMITMAX; 3: below LIMITMIN; 4: the upper end below the lower (E5).
                match () {
                    () if !(upper.is_finite() && lower.is_finite()) => return Ok(Err((id, 5))),
                    () if upper > high => return Ok(Err((id, 2))),
                    () if lower < low => return Ok(Err((id, 3))),
                    () if upper < lower => return Ok(Err((id, 4))),
                    () => Some((upper, lower)),
                }
            }
            _ => return Err(Illegal),
        };
        wishes.push((id, band));
    }
    Ok(Ok(wishes))
}
