//! What survives a restart (E30): what the host defined, what the operator chose, recipes, and the spool. Written as one
//! SECS-II item.

use std::collections::BTreeSet;

use super::super::{Item, Message, codec};
use super::communications::Communications;
use super::control::ControlState;
use super::equipment::Equipment;
use super::limits::Limit;
use super::own::CONSTANTS;
use super::read::{self, Id, Illegal};
use super::recipes::{Recipes, ppid_item};
use super::reports::Reports;

/// Why what was saved cannot be read. A part of it is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadState {
    /// It is none of ours, or was cut short.
    #[error("the saved state of the GEM equipment is damaged")]
    Damaged,
    /// It is that of another model.
    #[error("the saved state is that of a {found}, and the equipment is a {model}")]
    OtherModel {
        /// Whose it is.
        found: String,
        /// The equipment's.
        model: String,
    },
}

impl From<Illegal> for BadState {
    fn from(_: Illegal) -> BadState {
        BadState::Damaged
    }
}

/// Of the layout below; another one is not read.
const VERSION: u8 = 2;

impl Equipment {
    /// What must survive a restart, to be given to [`Equipment::new`].
    pub fn state(&self) -> Vec<u8> {
        let parts = vec![
            Item::U1(vec![VERSION]),
            Item::text(&self.catalog.layout.model),
            self.choices(),
            self.own_constants(),
            self.reports_item(),
            self.watched(),
            self.recipes_item(),
            self.spool_item(),
        ];
        // Everything in it is bounded, far below what a message may have.
        codec::encode(&Item::List(parts)).expect("the state is smaller than a message may be")
    }

    /// Takes back what [`Equipment::state`] gave. What the profile no longer has is left out.
    pub(super) fn restore(&mut self, saved: &[u8]) -> Result<(), BadState> {
        let item = codec::decode(saved).ok().flatten().ok_or(BadState::Damaged)?;
        let parts: &[Item; 8] = read::fields(&item)?;
        let [version, model, choices, constants, reports, watched, recipes, spool] = parts;
        if read::byte(version)? != VERSION {
            return Err(BadState::Damaged);
        }
        let (found, model) = (read::text(model)?, self.catalog.layout.model.clone());
        if found != model {
            return Err(BadState::OtherModel { found, model });
        }
        self.restore_choices(choices)?;
        for row in read::list(constants)? {
            let [ecid, value] = read::fields(row)?;
            let (ecid, value) = (number(ecid)?, read::number(value)?);
            if let Some(i) = CONSTANTS.iter().position(|c| c.ecid == ecid) {
                self.constants.set(i, value);
            }
        }
        self.restore_reports(reports)?;
        self.restore_watched(watched)?;
        self.restore_recipes(recipes)?;
        self.restore_spool(spool)?;
        Ok(())
    }

    fn choices(&self) -> Item {
        Item::List(vec![
            Item::I8(vec![self.clock.offset_ms]),
            Item::U1(vec![self.control.operator.map_or(0, |on| 1 + u8::from(on))]),
            Item::U1(vec![self.control.switch.map_or(0, |s| s as u8)]),
            Item::Boolean(vec![self.is_enabled()]),
        ])
    }

    fn restore_choices(&mut self, item: &Item) -> Result<(), BadState> {
        let [offset, operator, switch, enabled] = read::fields(item)?;
        self.clock.offset_ms = read::whole(offset)?;
        self.control.operator = match read::byte(operator)? {
            0 => None,
            on => Some(on == 2),
        };
        self.control.switch = match read::byte(switch)? {
            4 => Some(ControlState::Local),
            5 => Some(ControlState::Remote),
            _ => None,
        };
        if !read::flag(enabled)? {
            self.communications = Communications::Disabled;
        }
        Ok(())
    }

    fn own_constants(&self) -> Item {
        let rows = CONSTANTS.iter().enumerate();
        let row = |(i, c): (usize, &super::own::OwnConstant)| {
            Item::List(vec![Item::U4(vec![c.ecid]), Item::F8(vec![self.constants.get(i)])])
        };
        Item::List(rows.map(row).collect())
    }

    fn reports_item(&self) -> Item {
        let Reports { defined, links, told, preset } = &self.reports;
        let numbers = |ids: &mut dyn Iterator<Item = &u32>| Item::U4(ids.copied().collect());
        let ids = |ids: &mut dyn Iterator<Item = &Id>| Item::List(ids.map(Id::item).collect());
        let report =
            |(rptid, vids): (&Id, &Vec<u32>)| Item::List(vec![rptid.item(), numbers(&mut vids.iter())]);
        let link = |(ceid, rptids): (&u32, &Vec<Id>)| {
            Item::List(vec![Item::U4(vec![*ceid]), ids(&mut rptids.iter())])
        };
        Item::List(vec![
            Item::List(defined.iter().map(report).collect()),
            Item::List(links.iter().map(link).collect()),
            numbers(&mut told.iter()),
            ids(&mut preset.0.iter()),
            numbers(&mut preset.1.iter()),
        ])
    }

    fn restore_reports(&mut self, item: &Item) -> Result<(), BadState> {
        let [defined, links, told, preset, preset_links] = read::fields(item)?;
        let (variables, events) = (&self.catalog.variables, &self.catalog.events);
        let mut reports = Reports::default();
        for row in read::list(defined)? {
            let [rptid, vids] = read::fields(row)?;
            let vids = read::numbers(vids)?;
            if vids.iter().all(|v| variables.contains_key(v)) {
                reports.defined.insert(read::id(rptid)?, vids);
            }
        }
        for row in read::list(links)? {
            let [ceid, rptids] = read::fields(row)?;
            let (ceid, rptids) = (number(ceid)?, read::ids(rptids)?);
            if events.contains_key(&ceid) && rptids.iter().all(|r| reports.defined.contains_key(r)) {
                reports.links.insert(ceid, rptids);
            }
        }
        reports.told = read::numbers(told)?.into_iter().filter(|ceid| events.contains_key(ceid)).collect();
        reports.preset = (
            read::ids(preset)?.into_iter().filter(|r| reports.defined.contains_key(r)).collect(),
            read::numbers(preset_links)?.into_iter().filter(|c| reports.links.contains_key(c)).collect(),
        );
        self.reports = reports;
        Ok(())
    }

    /// Alarms, conditions that hold, and limits: without them a restart would tell again what was told.
    fn watched(&self) -> Item {
        let numbers = |set: &BTreeSet<u32>| Item::U4(set.iter().copied().collect());
        let held = self.catalog.triggers.iter().zip(&self.machine.held).filter(|(_, held)| **held);
        let limits = self.limits.defined.iter().flat_map(|(vid, limits)| {
            limits.iter().map(|(id, l)| {
                Item::List(vec![
                    Item::U4(vec![*vid]),
                    Item::U1(vec![*id]),
                    Item::F8(vec![l.upper]),
                    Item::F8(vec![l.lower]),
                    Item::U1(vec![l.above.map_or(0, |above| 1 + u8::from(above))]),
                ])
            })
        });
        Item::List(vec![
            numbers(&self.alarms.set),
            numbers(&self.alarms.enabled),
            Item::U4(held.map(|((ceid, _), _)| *ceid).collect()),
            Item::List(limits.collect()),
        ])
    }

    fn restore_watched(&mut self, item: &Item) -> Result<(), BadState> {
        let [set, enabled, held, limits] = read::fields(item)?;
        let alarms = |item| -> Result<BTreeSet<u32>, Illegal> {
            Ok(read::numbers(item)?.into_iter().filter(|a| self.catalog.alarms.contains_key(a)).collect())
        };
        (self.alarms.set, self.alarms.enabled) = (alarms(set)?, alarms(enabled)?);
        let held = read::numbers(held)?;
        for ((ceid, _), slot) in self.catalog.triggers.iter().zip(&mut self.machine.held) {
            *slot = held.contains(ceid);
        }
        for row in read::list(limits)? {
            let [vid, id, upper, lower, above] = read::fields(row)?;
            let (upper, lower) = (read::number(upper)?, read::number(lower)?);
            let above = match read::byte(above)? {
                0 => None,
                above => Some(above == 2),
            };
            let vid = number(vid)?;
            if self.catalog.variables.contains_key(&vid) {
                let limits = self.limits.defined.entry(vid).or_default();
                limits.insert(read::byte(id)?, Limit { upper, lower, above });
            }
        }
        Ok(())
    }

    fn recipes_item(&self) -> Item {
        let row = |(ppid, body): (&String, &Item)| {
            let number = self.recipes.numbers.get(ppid).copied();
            Item::List(vec![ppid_item(ppid), body.clone(), Item::F8(number.into_iter().collect())])
        };
        let rows = Item::List(self.recipes.bodies.iter().map(row).collect());
        Item::List(vec![rows, ppid_item(&self.recipes.selected)])
    }

    fn restore_recipes(&mut self, item: &Item) -> Result<(), BadState> {
        let [rows, selected] = read::fields(item)?;
        let mut recipes = Recipes { selected: read::ppid(selected)?, ..Recipes::default() };
        for row in read::list(rows)? {
            let [ppid, body, number] = read::fields(row)?;
            let ppid = read::ppid(ppid)?;
            match number {
                Item::F8(number) => recipes.numbers.extend(number.first().map(|n| (ppid.clone(), *n))),
                _ => return Err(BadState::Damaged),
            }
            // One that the machine of another profile could run, and this one cannot, is left out.
            if self.program(body).is_some() {
                recipes.bodies.insert(ppid, body.clone());
            }
        }
        self.recipes = recipes;
        Ok(())
    }

    fn spool_item(&self) -> Item {
        let stream = |(stream, functions): (&u8, &BTreeSet<u8>)| {
            Item::List(vec![Item::U1(vec![*stream]), Item::U1(functions.iter().copied().collect())])
        };
        let message = |m: &Message| {
            let mut parts = vec![
                Item::U1(vec![m.stream]),
                Item::U1(vec![m.function]),
                Item::Boolean(vec![m.wants_reply]),
            ];
            // As bytes: a spool of items may have more of them than one message.
            parts.extend(m.body.as_ref().and_then(|b| codec::encode(b).ok()).map(Item::Binary));
            Item::List(parts)
        };
        // Reports that wait for the host's word are no less worth keeping than those that wait for a host.
        let under_way = self.unacknowledged().filter(|m| self.spools(m)).map(message);
        Item::List(vec![
            Item::List(self.spool.streams.iter().map(stream).collect()),
            Item::Boolean(vec![self.spool.on]),
            Item::U4(vec![self.spool.total]),
            Item::text(&self.spool.start_time),
            Item::text(&self.spool.full_time),
            Item::List(self.spool.messages.iter().map(message).collect()),
            Item::List(under_way.collect()),
        ])
    }

    fn restore_spool(&mut self, item: &Item) -> Result<(), BadState> {
        let [streams, on, total, start, full, messages, under_way] = read::fields(item)?;
        for row in read::list(streams)? {
            let [stream, functions] = read::fields(row)?;
            let functions = read::numbers(functions)?.into_iter().filter_map(|f| u8::try_from(f).ok());
            self.spool.streams.insert(read::byte(stream)?, functions.collect());
        }
        let message = |item: &Item| {
            let (stream, function, wants_reply, body) = match read::list(item)? {
                [s, f, w] => (s, f, w, None),
                [s, f, w, Item::Binary(body)] => (s, f, w, codec::decode(body).map_err(|_| Illegal)?),
                _ => return Err(Illegal),
            };
            let (stream, function) = (read::byte(stream)?, read::byte(function)?);
            Ok(Message { stream, function, wants_reply: read::flag(wants_reply)?, body })
        };
        for item in read::list(messages)? {
            self.spool.push(message(item)?, false);
        }
        self.spool.on = read::flag(on)?;
        self.spool.total = number(total)?;
        self.spool.start_time = read::text(start)?;
        self.spool.full_time = read::text(full)?;
        for item in read::list(under_way)? {
            self.spool(message(item)?);
        }
        Ok(())
    }
}

/// A number of ours.
fn number(item: &Item) -> Result<u32, Illegal> {
    read::id(item)?.number().ok_or(Illegal)
}
