//! Event reports: what they hold, which events carry them, which events are told. S1F23, S2F33 to S2F40, S6F15 to S6F22.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aegis_models::Profile;

use super::super::Item;
use super::catalog::Catalog;
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::read::{self, Illegal};
use crate::limits;

/// Reports, their links, and the events that are told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reports {
    /// By RPTID: the variables of a report.
    pub defined: BTreeMap<u32, Vec<u32>>,
    /// By CEID: the reports that an event carries, in order.
    pub links: BTreeMap<u32, Vec<u32>>,
    /// CEIDs of the events that are told.
    pub told: BTreeSet<u32>,
}

/// DRACK, LRACK and ERACK (E5).
const DONE: u8 = 0;
const NO_SPACE: u8 = 1;
const ALREADY: u8 = 3;
const NO_VID: u8 = 4;
const NO_CEID: u8 = 4;
const NO_RPTID: u8 = 5;

impl Reports {
    /// Those that the profile says are there from the start.
    pub fn new(profile: &Profile, catalog: &Catalog) -> Reports {
        let mut reports = Reports::default();
        for r in &catalog.layout.reports {
            reports.defined.insert(r.rptid, r.vids(profile));
            for ceid in &r.events {
                reports.links.entry(*ceid).or_default().push(r.rptid);
            }
        }
        reports.told = catalog.events.iter().filter(|(_, e)| e.enabled).map(|(ceid, _)| *ceid).collect();
        reports
    }

    pub fn is_enabled(&self, ceid: u32) -> bool {
        self.told.contains(&ceid)
    }

    pub fn enabled(&self) -> impl Iterator<Item = u32> + '_ {
        self.told.iter().copied()
    }

    fn forget(&mut self, rptid: u32) {
        self.defined.remove(&rptid);
        self.links.retain(|_, reports| {
            reports.retain(|r| *r != rptid);
            !reports.is_empty()
        });
    }
}

impl Equipment {
    /// The body of S6F11, S6F13, S6F16 and S6F18: an event with its reports; annotated, with the VID at each value.
    pub(super) fn event_report(&self, data_id: u32, ceid: u32, annotated: bool) -> Item {
        let linked = self.reports.links.get(&ceid).map_or(&[][..], Vec::as_slice);
        let report = |r: &u32| Item::List(vec![Item::U4(vec![*r]), self.report(*r, annotated)]);
        Item::List(vec![
            Item::U4(vec![data_id]),
            Item::U4(vec![ceid]),
            Item::List(linked.iter().map(report).collect()),
        ])
    }

    /// The values of a report, in order; an empty list for one that is not defined.
    fn report(&self, rptid: u32, annotated: bool) -> Item {
        let vids = self.reports.defined.get(&rptid).map_or(&[][..], Vec::as_slice);
        let value = |vid: &u32| {
            let value = self.value(*vid).unwrap_or_else(|| Item::List(vec![]));
            if annotated { Item::List(vec![Item::U4(vec![*vid]), value]) } else { value }
        };
        Item::List(vids.iter().map(value).collect())
    }

    /// S1F23: names of events and the variables that mean something with each.
    pub(super) fn s1f23(&self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let ids = body.map_or(Ok(Vec::new()), read::ids)?;
        let ids = if ids.is_empty() { self.catalog.events.keys().copied().collect() } else { ids };
        let row = |ceid: u32| {
            let event = self.catalog.events.get(&ceid);
            let vids = event.map_or(&[][..], |e| e.vids.as_slice());
            Item::List(vec![
                Item::U4(vec![ceid]),
                Item::text(event.map_or("", |e| &e.name)),
                Item::List(vids.iter().map(|v| Item::U4(vec![*v])).collect()),
            ])
        };
        Ok(Answer::Body(Item::List(ids.into_iter().map(row).collect())))
    }

    /// S2F33: defines reports; all of the message or, with a code that says why, nothing of it.
    pub(super) fn s2f33(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let (data_id, rows) = numbered_rows(body)?;
        self.conversation_done(2, 33, data_id);
        if rows.is_empty() {
            self.reports.defined.clear();
            self.reports.links.clear();
            return Ok(Answer::code(DONE));
        }
        let mut reports = self.reports.clone();
        for (rptid, vids) in rows {
            if vids.is_empty() {
                reports.forget(rptid);
                continue;
            }
            if !vids.iter().all(|v| self.catalog.variables.contains_key(v)) {
                return Ok(Answer::code(NO_VID));
            }
            if reports.defined.insert(rptid, vids).is_some() {
                return Ok(Answer::code(ALREADY));
            }
        }
        let values: usize = reports.defined.values().map(Vec::len).sum();
        if reports.defined.len() > limits::GEM_REPORTS || values > limits::GEM_REPORT_VALUES {
            return Ok(Answer::code(NO_SPACE));
        }
        self.reports = reports;
        Ok(Answer::code(DONE))
    }

    /// S2F35: links reports to events; all of the message or nothing of it.
    pub(super) fn s2f35(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let (data_id, rows) = numbered_rows(body)?;
        self.conversation_done(2, 35, data_id);
        let mut links = self.reports.links.clone();
        for (ceid, rptids) in rows {
            if !self.catalog.events.contains_key(&ceid) {
                return Ok(Answer::code(NO_CEID));
            }
            if rptids.is_empty() {
                links.remove(&ceid);
                continue;
            }
            if links.contains_key(&ceid) {
                return Ok(Answer::code(ALREADY));
            }
            if !rptids.iter().all(|r| self.reports.defined.contains_key(r)) {
                return Ok(Answer::code(NO_RPTID));
            }
            links.insert(ceid, rptids);
        }
        if links.values().map(Vec::len).sum::<usize>() > limits::GEM_REPORT_LINKS {
            return Ok(Answer::code(NO_SPACE));
        }
        self.reports.links = links;
        Ok(Answer::code(DONE))
    }

    /// S2F37: which events are told; without a list, all. ERACK 1: an event that is none, and nothing done.
    pub(super) fn s2f37(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let [told, ceids] = read::fields(body.ok_or(Illegal)?)?;
        let (told, ceids) = (read::flag(told)?, read::ids(ceids)?);
        if !ceids.iter().all(|c| self.catalog.events.contains_key(c)) {
            return Ok(Answer::code(1));
        }
        let ceids = if ceids.is_empty() { self.catalog.events.keys().copied().collect() } else { ceids };
        for ceid in ceids {
            if told {
                self.reports.told.insert(ceid);
            } else {
                self.reports.told.remove(&ceid);
            }
        }
        Ok(Answer::code(DONE))
    }

    /// S2F39: may a long message come? GRANT 0: yes; 2: no space; the message is then awaited (E5).
    pub(super) fn s2f39(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let [data_id, length] = read::fields(body.ok_or(Illegal)?)?;
        let length = read::whole(length)?;
        if usize::try_from(length).map_or(true, |l| l > limits::GEM_MULTI_BLOCK_BYTES) {
            return Ok(Answer::code(2));
        }
        // Which of the messages that an inquiry may precede it will be is not said: S2F33 stands for all of them.
        Ok(Answer::code(self.converse(2, 33, data_id.clone())))
    }

    /// Awaits a message that was granted; 1 when as many as may be are awaited already.
    pub(super) fn converse(&mut self, stream: u8, function: u8, id: Item) -> u8 {
        if self.conversations.len() >= limits::GEM_CONVERSATIONS {
            return 1;
        }
        let wait: Duration = self.options.conversation;
        self.conversations.insert((stream, function), (self.now.after(wait), id));
        0
    }

    /// The message has come: S2F33, or any other that S2F39 may precede.
    pub(super) fn conversation_done(&mut self, stream: u8, function: u8, id: &Item) {
        self.conversations.remove(&(stream, function));
        if stream == 2
            && self.conversations.get(&(2, 33)).is_some_and(|(_, g)| read::whole(g) == read::whole(id))
        {
            self.conversations.remove(&(2, 33));
        }
    }

    /// S9F13: a message that was granted did not come (E5).
    pub(super) fn conversations_due(&mut self) {
        let now = self.now;
        let due: Vec<_> =
            self.conversations.iter().filter(|(_, (until, _))| *until <= now).map(|(k, _)| *k).collect();
        for key in due {
            let Some((_, id)) = self.conversations.remove(&key) else { continue };
            let expected = format!("S{:02}F{:02}", key.0, key.1);
            let body = Item::List(vec![Item::text(&expected), id]);
            let message =
                super::super::Message { stream: 9, function: 13, wants_reply: false, body: Some(body) };
            let _ = self.session.send(now, &message);
        }
    }

    /// S6F15 and S6F17: the reports of an event, now.
    pub(super) fn event_now(&mut self, body: Option<&Item>, annotated: bool) -> Result<Answer, Illegal> {
        let ceid = read::id(body.ok_or(Illegal)?)?;
        let data_id = self.next_data_id();
        Ok(Answer::Body(self.event_report(data_id, ceid, annotated)))
    }

    /// S6F19 and S6F21: one report, now.
    pub(super) fn report_now(&self, body: Option<&Item>, annotated: bool) -> Result<Answer, Illegal> {
        Ok(Answer::Body(self.report(read::id(body.ok_or(Illegal)?)?, annotated)))
    }
}

/// `L,2 <DATAID> L,n L,2 <id> L,m <id>`: the form of S2F33 and S2F35.
type Rows = Vec<(u32, Vec<u32>)>;

fn numbered_rows(body: Option<&Item>) -> Result<(&Item, Rows), Illegal> {
    let [data_id, rows] = read::fields(body.ok_or(Illegal)?)?;
    let row = |row: &Item| {
        let [id, ids] = read::fields(row)?;
        Ok((read::id(id)?, read::ids(ids)?))
    };
    Ok((data_id, read::list(rows)?.iter().map(row).collect::<Result<_, Illegal>>()?))
}
