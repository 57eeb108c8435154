//! Process programs, unformatted: S7F1 to S7F6, S7F17 to S7F20 (E30, process recipe management).

use std::collections::BTreeMap;

use aegis_models::profile::GemProcessState;
use aegis_models::{PointIx, Time};

use super::super::{Item, Message};
use super::catalog::Catalog;
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::own::OwnEvent;
use super::read::{self, Illegal};
use super::send::{Purpose, code};
use crate::limits;

/// The process programs that the equipment holds, and which is selected. A PPID is held with a character for each byte.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recipes {
    /// By PPID, the bodies: binary or text, as they came.
    pub bodies: BTreeMap<String, Item>,
    /// By PPID, the numbers by which the machine knows them. Another body is another recipe, with a number of its own.
    pub numbers: BTreeMap<String, f64>,
    pub selected: String,
}

/// ACKC7 (E5).
const ACCEPTED: u8 = 0;
const NOT_PERMITTED: u8 = 1;
const BAD_LENGTH: u8 = 2;
const NO_PPID: u8 = 4;
/// Mode unsupported: the body is none that this machine could run.
const NO_PROGRAM: u8 = 5;
const NO_SPACE: u8 = 7;
/// PPCHANGESTATUS (E30).
const CREATED: u8 = 1;
const EDITED: u8 = 2;
const DELETED: u8 = 3;

impl Recipes {
    pub fn new(catalog: &Catalog) -> Recipes {
        let mut recipes = Recipes::default();
        for r in catalog.layout.recipes.iter().flat_map(|r| &r.recipes) {
            recipes.bodies.insert(r.ppid.clone(), Item::text(&r.body));
            recipes.numbers.insert(r.ppid.clone(), r.value);
        }
        recipes
    }

    /// The number by which the machine knows a recipe that the equipment holds.
    pub fn number(&self, ppid: &str) -> Option<f64> {
        self.bodies.get(ppid).and_then(|_| self.numbers.get(ppid).copied())
    }

    /// The number for a body that is to be kept; none where the machine has none left, or knows recipes by none.
    fn number_for(&self, catalog: &Catalog, ppid: &str, body: &Item) -> Option<f64> {
        let built_in = catalog.layout.recipes.iter().flat_map(|r| &r.recipes);
        if self.bodies.get(ppid) == Some(body) {
            return self.numbers.get(ppid).copied();
        }
        if let Some(r) = built_in.clone().find(|r| r.ppid == ppid && Item::text(&r.body) == *body) {
            return Some(r.value);
        }
        let (point, _) = catalog.recipe?;
        let (_, [_, last]) = catalog.points[usize::from(point.0)];
        let taken: Vec<f64> = self.numbers.values().copied().chain(built_in.map(|r| r.value)).collect();
        // A new one first: what was seen of the recipe that had a number before is not this one's.
        let newest = taken.iter().copied().fold(0.0, f64::max);
        let after = (newest < last).then_some(newest + 1.0);
        after.or_else(|| (1..=last as u32).map(f64::from).find(|n| !taken.contains(n)))
    }

    pub fn forget(&mut self, ppid: &str) -> bool {
        self.numbers.remove(ppid);
        self.bodies.remove(ppid).is_some()
    }

    fn named(&self, number: f64) -> Option<&str> {
        self.numbers.iter().find(|(_, n)| **n == number).map(|(ppid, _)| ppid.as_str())
    }

    fn bytes(&self) -> usize {
        self.bodies.values().map(size).sum()
    }
}

impl Equipment {
    /// PPExecName: the recipe that the machine says it runs, else the one that was selected.
    pub(super) fn executing(&self) -> String {
        let running =
            self.catalog.recipe.and_then(|(point, _)| self.recipes.named(self.machine.value(point)));
        running.unwrap_or(&self.recipes.selected).to_owned()
    }

    /// A recipe under execution is neither replaced nor deleted.
    fn in_use(&self, ppid: &str) -> bool {
        matches!(self.process.state, GemProcessState::Executing | GemProcessState::Pause)
            && self.executing() == ppid
    }

    /// S7F1: may a process program come? PPGNT.
    pub(super) fn s7f1(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let [ppid, length] = read::fields(body.ok_or(Illegal)?)?;
        let (name, length) = (read::ppid(ppid)?, read::whole(length)?);
        let fits = usize::try_from(length).is_ok_and(|l| l <= limits::GEM_RECIPE_BYTES);
        let code = match () {
            () if name.is_empty() || name.len() > limits::GEM_PPID_BYTES => 3,
            () if !fits || !self.has_space(&name, length as usize) => 2,
            () if self.in_use(&name) => 5,
            // 4: busy, where as many messages as may be are awaited.
            () => 4 * self.converse(7, 3, ppid.clone()),
        };
        Ok(Answer::code(code))
    }

    fn has_space(&self, ppid: &str, bytes: usize) -> bool {
        let known = self.recipes.bodies.get(ppid);
        let count = self.recipes.bodies.len() + usize::from(known.is_none());
        let total = self.recipes.bytes() - known.map_or(0, size) + bytes;
        count <= limits::GEM_RECIPES && total <= limits::GEM_RECIPES_BYTES
    }

    /// S7F3: a process program from the host.
    pub(super) fn s7f3(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let [ppid, body] = read::fields(body.ok_or(Illegal)?)?;
        self.conversation_done(7, 3, ppid);
        let ppid = read::ppid(ppid)?;
        if matches!(body, Item::List(_)) {
            return Err(Illegal);
        }
        Ok(Answer::code(self.keep(ppid, body.clone())))
    }

    fn keep(&mut self, ppid: String, body: Item) -> u8 {
        match () {
            () if ppid.is_empty() || ppid.len() > limits::GEM_PPID_BYTES => NO_PPID,
            () if size(&body) > limits::GEM_RECIPE_BYTES => BAD_LENGTH,
            () if !self.has_space(&ppid, size(&body)) => NO_SPACE,
            () if self.in_use(&ppid) => NOT_PERMITTED,
            () if self.program(&body).is_none() => NO_PROGRAM,
            () => {
                let number = self.recipes.number_for(&self.catalog, &ppid, &body);
                if number.is_none() && self.catalog.recipe.is_some() {
                    return NO_SPACE;
                }
                self.recipes.numbers.extend(number.map(|n| (ppid.clone(), n)));
                self.recipes.bodies.insert(ppid, body);
                self.changed();
                ACCEPTED
            }
        }
    }

    /// What a body sets the machine to; none when the machine cannot run it.
    pub(super) fn program(&self, body: &Item) -> Option<Vec<(PointIx, f64)>> {
        let text = match body {
            Item::Ascii(bytes) | Item::Binary(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        };
        self.catalog.profile.gem_program(text)
    }

    /// S7F5: a process program for the host; an empty list when there is none of that name.
    pub(super) fn s7f5(&self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let ppid = read::ppid(body.ok_or(Illegal)?)?;
        let pair = self.recipes.bodies.get(&ppid).map(|b| vec![ppid_item(&ppid), b.clone()]);
        Ok(Answer::Body(Item::List(pair.unwrap_or_default())))
    }

    /// S7F17: deletes process programs; without PPIDs, all. All that are named or none.
    pub(super) fn s7f17(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let ppids =
            read::list(body.ok_or(Illegal)?)?.iter().map(read::ppid).collect::<Result<Vec<_>, _>>()?;
        let ppids = if ppids.is_empty() { self.recipes.bodies.keys().cloned().collect() } else { ppids };
        if !ppids.iter().all(|p| self.recipes.bodies.contains_key(p)) {
            return Ok(Answer::code(NO_PPID));
        }
        if ppids.iter().any(|p| self.in_use(p)) {
            return Ok(Answer::code(NOT_PERMITTED));
        }
        for ppid in &ppids {
            self.recipes.forget(ppid);
        }
        Ok(Answer::code(ACCEPTED))
    }

    /// S7F19: the names of all process programs.
    pub(super) fn s7f19(&self) -> Answer {
        Answer::Body(Item::List(self.recipes.bodies.keys().map(|p| ppid_item(p)).collect()))
    }

    /// The operator creates a process program or edits the one of that name; false when it cannot be kept.
    pub fn operator_recipe(&mut self, now: Time, ppid: &str, body: &str) -> bool {
        self.advance(now);
        let status = if self.recipes.bodies.contains_key(ppid) { EDITED } else { CREATED };
        let kept = self.keep(ppid.to_owned(), Item::text(body)) == ACCEPTED;
        if kept {
            self.recipe_changed(ppid, status);
        }
        kept
    }

    /// The operator deletes a process program; false when there is none of that name, or it runs.
    pub fn operator_delete_recipe(&mut self, now: Time, ppid: &str) -> bool {
        self.advance(now);
        let deleted = !self.in_use(ppid) && self.recipes.forget(ppid);
        if deleted {
            self.recipe_changed(ppid, DELETED);
        }
        deleted
    }

    fn recipe_changed(&mut self, ppid: &str, status: u8) {
        self.changed();
        self.happened.pp_change_name = ppid.to_owned();
        self.happened.pp_change_status = status;
        self.fire_own(OwnEvent::ProcessProgramChange);
        self.pump();
    }

    /// The operator sends a process program to the host: S7F1, and S7F3 once it is granted. False when there is none.
    pub fn operator_upload(&mut self, now: Time, ppid: &str) -> bool {
        self.advance(now);
        let Some(body) = self.recipes.bodies.get(ppid).filter(|_| self.control.state.is_online()) else {
            return false;
        };
        let body = Item::List(vec![ppid_item(ppid), Item::U4(vec![size(body) as u32])]);
        self.queue(request(1, body), Purpose::UploadInquiry(ppid.to_owned()));
        self.pump();
        true
    }

    /// The operator asks the host for a process program: S7F5.
    pub fn operator_download(&mut self, now: Time, ppid: &str) -> bool {
        self.advance(now);
        if !self.control.state.is_online() {
            return false;
        }
        self.queue(request(5, ppid_item(ppid)), Purpose::Download(ppid.to_owned()));
        self.pump();
        true
    }

    /// Why the last transfer of a process program that the operator asked for failed; empty when it did not.
    pub fn recipe_error(&self) -> &str {
        &self.happened.pp_error
    }

    pub(super) fn upload_granted(&mut self, ppid: String, code: Option<u8>) {
        match (code, self.recipes.bodies.get(&ppid)) {
            (Some(0), Some(body)) => {
                let body = Item::List(vec![ppid_item(&ppid), body.clone()]);
                self.queue(request(3, body), Purpose::Upload(ppid));
            }
            // 1: the host has it already.
            (Some(1), _) => self.happened.pp_error.clear(),
            _ => self.recipe_failed(&ppid, "the host takes it not"),
        }
    }

    pub(super) fn uploaded(&mut self, ppid: &str, code: Option<u8>) {
        if code == Some(0) {
            self.happened.pp_error.clear();
        } else {
            self.recipe_failed(ppid, "the host refused it");
        }
    }

    pub(super) fn downloaded(&mut self, ppid: &str, reply: Option<&Message>) {
        let body = reply.filter(|m| (m.stream, m.function) == (7, 6)).and_then(|m| m.body.as_ref());
        let body = body.and_then(|b| match read::list(b) {
            Ok([_, body @ (Item::Ascii(_) | Item::Binary(_))]) => Some(body.clone()),
            _ => None,
        });
        match body.map(|b| self.keep(ppid.to_owned(), b)) {
            Some(ACCEPTED) => self.happened.pp_error.clear(),
            Some(NO_PROGRAM) => self.recipe_failed(ppid, "the machine cannot run it"),
            Some(_) => self.recipe_failed(ppid, "it cannot be kept"),
            None => self.recipe_failed(ppid, "the host has it not"),
        }
    }

    /// A message of a transfer came out of the spool, and is answered as it would have been then.
    pub(super) fn spooled_recipe(&mut self, message: &Message, reply: Option<&Message>) {
        let ppid = match &message.body {
            Some(Item::List(fields)) => fields.first(),
            other => other.as_ref(),
        };
        let Some(Ok(ppid)) = ppid.map(read::ppid) else { return };
        match (message.stream, message.function) {
            (7, 1) => self.upload_granted(ppid, code(reply)),
            (7, 3) => self.uploaded(&ppid, code(reply)),
            (7, 5) => self.downloaded(&ppid, reply),
            _ => {}
        }
    }

    pub(super) fn recipe_failed(&mut self, ppid: &str, why: &str) {
        self.happened.pp_error = format!("{ppid}: {why}");
    }
}

/// A PPID as the equipment writes it.
pub(super) fn ppid_item(ppid: &str) -> Item {
    Item::Ascii(ppid.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect())
}

fn request(function: u8, body: Item) -> Message {
    Message { stream: 7, function, wants_reply: true, body: Some(body) }
}

/// Bytes of a body.
fn size(body: &Item) -> usize {
    match body {
        Item::Ascii(b) | Item::Jis8(b) | Item::Local(_, b) | Item::Binary(b) => b.len(),
        Item::I1(v) => v.len(),
        Item::U1(v) => v.len(),
        Item::Boolean(v) => v.len(),
        Item::I2(v) => 2 * v.len(),
        Item::U2(v) => 2 * v.len(),
        Item::I4(v) => 4 * v.len(),
        Item::U4(v) => 4 * v.len(),
        Item::F4(v) => 4 * v.len(),
        Item::I8(v) => 8 * v.len(),
        Item::U8(v) => 8 * v.len(),
        Item::F8(v) => 8 * v.len(),
        Item::List(items) => items.iter().map(size).sum(),
    }
}
