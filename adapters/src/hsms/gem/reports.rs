//! Event reports: what they hold, which events carry them, which events are told. S1F23, S2F33 to S2F40, S6F15 to S6F22.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aegis_models::Profile;

use super::super::{Item, Message};
use super::catalog::Catalog;
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::read::{self, Id, Illegal};
use crate::limits;

/// Reports, their links, and the events that are told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reports {
    /// By RPTID: the variables of a report.
    pub defined: BTreeMap<Id, Vec<u32>>,
    /// By CEID: the reports that an event carries, in order.
    pub links: BTreeMap<u32, Vec<Id>>,
    /// CEIDs of the events that are told.
    pub told: BTreeSet<u32>,
    /// RPTIDs that the profile defined and CEIDs that it linked: a host that defines or links its own replaces them,
    /// since it cannot know that they are there.
    pub preset: (BTreeSet<Id>, BTreeSet<u32>),
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
            reports.defined.insert(Id::of(r.rptid), r.vids(profile));
            for ceid in &r.events {
                reports.links.entry(*ceid).or_default().push(Id::of(r.rptid));
            }
        }
        reports.preset = (reports.defined.keys().cloned().collect(), reports.links.keys().copied().collect());
        reports.told = catalog.events.iter().filter(|(_, e)| e.enabled).map(|(ceid, _)| *ceid).collect();
        reports
    }

    pub fn is_enabled(&self, ceid: u32) -> bool {
        self.told.contains(&ceid)
    }

    pub fn enabled(&self) -> impl Iterator<Item = u32> + '_ {
        self.told.iter().copied()
    }

    fn forget(&mut self, rptid: &Id) {
        self.preset.0.remove(rptid);
        self.defined.remove(rptid);
        self.links.retain(|_, reports| {
            reports.retain(|r| r != rptid);
            !reports.is_empty()
        });
        let links = &self.links;
        self.preset.1.retain(|ceid| links.contains_key(ceid));
    }

    fn unlink(&mut self, ceid: u32) {
        self.preset.1.remove(&ceid);
        self.links.remove(&ceid);
    }

    fn vids(&self, rptid: &Id) -> &[u32] {
        self.defined.get(rptid).map_or(&[], Vec::as_slice)
    }
}

impl Equipment {
    /// The body of S6F11, S6F13, S6F16 and S6F18: an event with its reports; annotated, with the VID at each value.
    pub(super) fn event_report(&self, data_id: u32, ceid: &Id, annotated: bool) -> Item {
        let linked = ceid.number().and_then(|c| self.reports.links.get(&c)).map_or(&[][..], Vec::as_slice);
        let report = |r: &Id| Item::List(vec![r.item(), self.report(r, annotated)]);
        Item::List(vec![
            Item::U4(vec![data_id]),
            ceid.item(),
            Item::List(linked.iter().map(report).collect()),
        ])
    }

    /// The values of a report, in order; an empty list for one that is not defined.
    fn report(&self, rptid: &Id, annotated: bool) -> Item {
        let value = |vid: &u32| {
            let value = self.value(*vid).unwrap_or_else(|| Item::List(vec![]));
            if annotated { Item::List(vec![Item::U4(vec![*vid]), value]) } else { value }
        };
        Item::List(self.reports.vids(rptid).iter().map(value).collect())
    }

    /// S1F23: names of events and the variables that mean something with each.
    pub(super) fn s1f23(&self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let ids = read::named(body, self.catalog.events.keys())?;
        let row = |ceid: Id| {
            let event = ceid.number().and_then(|c| self.catalog.events.get(&c));
            let vids = event.map_or(&[][..], |e| e.vids.as_slice());
            Item::List(vec![
                ceid.item(),
                Item::text(event.map_or("", |e| &e.name)),
                Item::List(vids.iter().map(|v| Item::U4(vec![*v])).collect()),
            ])
        };
        Ok(Answer::rows(ids.into_iter().map(row)))
    }

    /// S2F33: defines reports; all of the message or, with a code that says why, nothing of it.
    pub(super) fn s2f33(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let (data_id, rows) = numbered_rows(body)?;
        self.conversation_done(2, 33, data_id);
        if rows.is_empty() {
            let told = std::mem::take(&mut self.reports.told);
            self.reports = Reports { told, ..Reports::default() };
            return Ok(Answer::code(DONE));
        }
        let mut reports = self.reports.clone();
        for (rptid, vids) in rows {
            if vids.is_empty() {
                reports.forget(&rptid);
                continue;
            }
            let Some(vids) = vids.iter().map(|v| self.catalog.variable(v)).collect::<Option<Vec<u32>>>()
            else {
                return Ok(Answer::code(NO_VID));
            };
            // Sending it must never cost more than a message may.
            if self.catalog.items(&vids) > limits::GEM_EVENT_VALUES {
                return Ok(Answer::code(NO_SPACE));
            }
            if reports.preset.0.contains(&rptid) {
                reports.forget(&rptid);
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
        let mut reports = self.reports.clone();
        for (ceid, rptids) in rows {
            let known = ceid.number().filter(|c| self.catalog.events.contains_key(c));
            let Some(ceid) = known else { return Ok(Answer::code(NO_CEID)) };
            if rptids.is_empty() || reports.preset.1.contains(&ceid) {
                reports.unlink(ceid);
            }
            if rptids.is_empty() {
                continue;
            }
            if !rptids.iter().all(|r| reports.defined.contains_key(r)) {
                return Ok(Answer::code(NO_RPTID));
            }
            // A report that an event would carry twice is linked already.
            let once: BTreeSet<&Id> = rptids.iter().collect();
            if once.len() < rptids.len() || reports.links.contains_key(&ceid) {
                return Ok(Answer::code(ALREADY));
            }
            let items: usize = rptids.iter().map(|r| self.catalog.items(reports.vids(r))).sum();
            if items > limits::GEM_EVENT_VALUES {
                return Ok(Answer::code(NO_SPACE));
            }
            reports.links.insert(ceid, rptids);
        }
        if reports.links.values().map(Vec::len).sum::<usize>() > limits::GEM_REPORT_LINKS {
            return Ok(Answer::code(NO_SPACE));
        }
        self.reports = reports;
        Ok(Answer::code(DONE))
    }

    /// S2F37: which events are told; without a list, all. ERACK 1: an event that is none, and nothing done.
    pub(super) fn s2f37(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let [told, ceids] = read::fields(body.ok_or(Illegal)?)?;
        let (told, ceids) = (read::flag(told)?, read::named(Some(ceids), self.catalog.events.keys())?);
        let known = |c: &Id| c.number().filter(|c| self.catalog.events.contains_key(c));
        let Some(ceids) = ceids.iter().map(known).collect::<Option<Vec<u32>>>() else {
            return Ok(Answer::code(1));
        };
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
            && let Some((_, granted)) = self.conversations.get(&(2, 33))
            && read::id(granted).is_ok_and(|granted| read::id(id) == Ok(granted))
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
            self.tell_error(Message { stream: 9, function: 13, wants_reply: false, body: Some(body) });
        }
    }

    /// S6F15 and S6F17: the reports of an event, now.
    pub(super) fn event_now(&mut self, body: Option<&Item>, annotated: bool) -> Result<Answer, Illegal> {
        let ceid = read::id(body.ok_or(Illegal)?)?;
        let data_id = self.next_data_id();
        Ok(Answer::Body(self.event_report(data_id, &ceid, annotated)))
    }

    /// S6F19 and S6F21: one report, now.
    pub(super) fn report_now(&self, body: Option<&Item>, annotated: bool) -> Result<Answer, Illegal> {
        Ok(Answer::Body(self.report(&read::id(body.ok_or(Illegal)?)?, annotated)))
    }
}

/// `L,2 <DATAID> L,n L,2 <id> L,m <id>`: the form of S2F33 and S2F35.
type Rows = Vec<(Id, Vec<Id>)>;

fn numbered_rows(body: Option<&Item>) -> Result<(&Item, Rows), Illegal> {
    let [data_id, rows] = read::fields(body.ok_or(Illegal)?)?;
    let row = |row: &Item| {
        let [id, ids] = read::fields(row)?;
        Ok((read::id(id)?, read::ids(ids)?))
    };
    Ok((data_id, read::list(rows)?.iter().map(row).collect::<Result<_, Illegal>>()?))
}
