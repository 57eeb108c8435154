//! What a host has an equipment do before it reads: go on-line, report, tell alarms. It is done again when the equipment
//! was away in the meantime.

use std::sync::Arc;

use aegis_models::Time;

use super::super::Item;
use super::super::binding::{Reported, number};
use super::{About, Ask, Heard, Host, Outcome, code, list};

/// The steps by which a host makes an equipment tell what it needs, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Establish,
    GoOnline,
    ForgetReports,
    DefineReports,
    /// Which reports the event of that record carries already.
    SeeLinks(usize),
    Unlink,
    Link,
    EnableEvents,
    EnableFinished,
    EnableAlarms,
}

/// How far the setup has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Setup {
    /// It was done once since the session was selected.
    pub up: bool,
    /// It is under way.
    under_way: Option<Step>,
    /// It is to be done once more when it is done.
    again: bool,
    /// A step of the one under way was aborted.
    incomplete: bool,
    refresh: Refresh,
    /// For each record, the reports that its event carried before: another host's, or the equipment's own.
    others: Vec<Vec<Item>>,
    /// The equipment tells when commands have finished.
    pub tells_finished: bool,
}

/// Whether the reports are as this host defined them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Refresh {
    #[default]
    Done,
    /// The equipment aborted something, as it does off-line: to be done again when it answers.
    Due,
    /// Done again, and still aborted. Not once more until reading is aborted, which says that it went off-line.
    Tried,
}

impl Setup {
    /// A read was aborted: the equipment is off-line.
    pub fn aborted(&mut self) {
        self.refresh = Refresh::Due;
    }
}

impl Step {
    /// Steps, but that [`Step::SeeLinks`] counts once for each record.
    pub const COUNT: u32 = 10;

    fn next(self, records: usize) -> Option<Step> {
        Some(match self {
            Step::Establish => Step::GoOnline,
            Step::GoOnline => Step::ForgetReports,
            Step::ForgetReports => Step::DefineReports,
            Step::DefineReports if records > 0 => Step::SeeLinks(0),
            Step::SeeLinks(n) if n + 1 < records => Step::SeeLinks(n + 1),
            Step::DefineReports | Step::SeeLinks(_) => Step::Unlink,
            Step::Unlink => Step::Link,
            Step::Link => Step::EnableEvents,
            Step::EnableEvents => Step::EnableFinished,
            Step::EnableFinished => Step::EnableAlarms,
            Step::EnableAlarms => return None,
        })
    }

    /// What it asks, and what is missing without it; none where nothing is.
    fn words(self) -> Option<&'static str> {
        match self {
            Step::GoOnline => Some("S1F17: it does not go on-line"),
            Step::DefineReports => Some("S2F33: records are not reported"),
            Step::Link => Some("S2F35: records are not reported"),
            Step::EnableEvents => Some("S2F37: records are not reported"),
            Step::EnableAlarms => Some("S5F3: alarms are not told"),
            // Without an answer to S1F13 there is no link to say it of.
            Step::Establish => None,
            Step::ForgetReports | Step::SeeLinks(_) | Step::Unlink | Step::EnableFinished => None,
        }
    }
}

impl Host {
    /// Takes the first step, from there on, that has something to ask.
    pub(super) fn set_up(&mut self, now: Time, from: Step) {
        let mut step = Some(from);
        if matches!(from, Step::Establish | Step::GoOnline | Step::ForgetReports) {
            self.setup.incomplete = false;
        }
        while let Some(s) = step {
            if let Some((stream, function, body)) = self.question(s) {
                self.setup.under_way = Some(s);
                self.ask(now, Ask::Setup(s), stream, function, body);
                return;
            }
            step = s.next(self.binding.records().len());
        }
        self.set_up_is_done(now);
    }

    fn set_up_is_done(&mut self, now: Time) {
        self.setup.under_way = None;
        self.setup.refresh = match (self.setup.incomplete, self.setup.refresh) {
            (false, _) => Refresh::Done,
            (true, Refresh::Tried) => Refresh::Tried,
            (true, _) => Refresh::Due,
        };
        if !std::mem::replace(&mut self.setup.up, true) {
            self.hear(Heard::Up);
        }
        if std::mem::take(&mut self.setup.again) {
            self.set_up(now, Step::GoOnline);
        }
    }

    /// The equipment answers what it aborted before: what it did not take then it is told again.
    pub(super) fn set_up_again(&mut self, now: Time) {
        if self.setup.refresh == Refresh::Due && self.setup.up && self.setup.under_way.is_none() {
            self.setup.refresh = Refresh::Tried;
            self.notes.remove(&About::Setup(Step::GoOnline));
            self.set_up(now, Step::ForgetReports);
        }
    }

    /// S1F13 from the equipment: it begins anew, and may know nothing of what it was told.
    pub(super) fn equipment_establishes(&mut self, now: Time) {
        match self.setup.under_way {
            None if self.setup.up => self.set_up(now, Step::GoOnline),
            None | Some(Step::Establish) => {}
            Some(_) => self.setup.again = true,
        }
    }

    fn question(&self, step: Step) -> Option<(u8, u8, Option<Item>)> {
        let binding = Arc::clone(&self.binding);
        let records = binding.records();
        let id = |n: u32| Item::U4(vec![n]);
        let rows = |rows: Vec<Item>| Some(list([id(1), Item::List(rows)])).filter(|_| !records.is_empty());
        let enable = |ceids: Vec<u32>| {
            let body = list([Item::Boolean(vec![true]), Item::List(ceids.iter().map(|c| id(*c)).collect())]);
            (!ceids.is_empty()).then_some((2, 37, Some(body)))
        };
        let others = |n: usize| self.setup.others.get(n).map_or(&[][..], Vec::as_slice);
        let define = |vids: &dyn Fn(&Reported) -> Vec<Item>| {
            rows(records.iter().map(|r| list([id(r.rptid), Item::List(vids(r))])).collect())
        };
        match step {
            Step::Establish => Some((1, 13, Some(list([])))),
            Step::GoOnline => Some((1, 17, None)),
            // A report without variables is one that is taken away, and its links with it (E5, S2F33). An empty message
            // would take away those of others.
            Step::ForgetReports => Some((2, 33, Some(define(&|_| Vec::new())?))),
            Step::DefineReports => {
                Some((2, 33, Some(define(&|r| r.fields.iter().flatten().map(|v| id(*v)).collect())?)))
            }
            Step::SeeLinks(n) => Some((6, 15, Some(id(records.get(n)?.ceid)))),
            // An event that carries reports takes no other until its links are taken away (E5, LRACK 3).
            Step::Unlink => {
                let linked = records.iter().enumerate().filter(|(n, _)| !others(*n).is_empty());
                let unlinks: Vec<_> = linked.map(|(_, r)| list([id(r.ceid), list([])])).collect();
                (!unlinks.is_empty()).then(|| (2, 35, rows(unlinks)))
            }
            Step::Link => {
                let link = |(n, r): (usize, &Reported)| {
                    let reports = others(n).iter().cloned().chain([id(r.rptid)]);
                    list([id(r.ceid), Item::List(reports.collect())])
                };
                Some((2, 35, Some(rows(records.iter().enumerate().map(link).collect())?)))
            }
            Step::EnableEvents => enable(records.iter().map(|r| r.ceid).collect()),
            // Apart from the others: an equipment that does not know one of them refuses all of a message.
            Step::EnableFinished => enable(binding.commands().iter().filter_map(|c| c.finished).collect()),
            // An ALID of length zero means all alarms (E5, S5F3).
            Step::EnableAlarms => Some((5, 3, Some(list([Item::Binary(vec![0x80]), Item::U4(vec![])])))),
        }
    }

    pub(super) fn step_ends(&mut self, now: Time, step: Step, outcome: Outcome) {
        let answer = match &outcome {
            Outcome::Answer(body) => {
                self.take_links(step, body.as_ref());
                let code = code(body.as_ref(), step == Step::Establish);
                // S1F18: 2 says that it is on-line already, which is what was asked for.
                let well = code == Some(0)
                    || (step == Step::GoOnline && code == Some(2))
                    || matches!(step, Step::SeeLinks(_));
                (!well).then(|| code.map_or("something else".to_owned(), |c| c.to_string()))
            }
            Outcome::Aborted => {
                self.setup.incomplete = true;
                Some("an abort".to_owned())
            }
            Outcome::Refused(why) | Outcome::Garbled(why) => Some(why.clone()),
            // E5 has an equipment say by stream 9 what it does not know: silence is a link that fails.
            Outcome::Silent => return self.hear(Heard::Silent),
        };
        if step == Step::EnableFinished {
            self.setup.tells_finished = answer.is_none();
        }
        let about = About::Setup(step);
        match (&answer, step.words()) {
            (Some(answer), Some(words)) => {
                self.note_of(about, format!("the equipment answers {answer} to {words}"));
            }
            _ => drop(self.notes.remove(&about)),
        }
        // Without communications there is nothing to go on with (E30).
        if let (Step::Establish, Some(answer)) = (step, answer) {
            let words = format!("{answer} to S1F13: the equipment does not communicate");
            return self.hear(Heard::Garbled(words));
        }
        match step.next(self.binding.records().len()) {
            Some(next) => self.set_up(now, next),
            None => self.set_up_is_done(now),
        }
    }

    /// S6F16: `L,3 DATAID CEID L,n L,2 RPTID values` tells which reports an event carries.
    fn take_links(&mut self, step: Step, body: Option<&Item>) {
        let Step::SeeLinks(n) = step else { return };
        if n == 0 {
            self.setup.others.clear();
        }
        let reports = match body {
            Some(Item::List(parts)) => match &parts[..] {
                [_, _, Item::List(reports)] => &reports[..],
                _ => &[],
            },
            _ => &[],
        };
        let own = |id: &Item| {
            let id = number(id);
            self.binding.records().iter().any(|r| id == Some(f64::from(r.rptid)))
        };
        let rptid = |report: &Item| match report {
            Item::List(parts) => parts.first().filter(|id| !own(id)).cloned(),
            _ => None,
        };
        let others = reports.iter().filter_map(rptid).collect();
        self.setup.others.resize(n, Vec::new());
        self.setup.others.push(others);
    }
}
