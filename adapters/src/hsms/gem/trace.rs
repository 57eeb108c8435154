//! Traces: values of status variables, sampled by the equipment's own clock. S2F23, S6F1.

use std::time::Duration;

use aegis_models::Time;
use aegis_models::profile::GemClass;

use super::super::{Item, Message};
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::own;
use super::read::{self, Id, Illegal};
use super::send::Purpose;
use crate::limits;

/// One trace request under way.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    period: Duration,
    /// Samples in all, and in one message.
    total: u32,
    group: u32,
    svids: Vec<u32>,
    /// When the next sample is due.
    pub due: Time,
    /// Samples taken in all, and the values of those not yet sent.
    taken: u32,
    waiting: Vec<Item>,
}

/// TIAACK (E5).
const TOO_MANY_SVIDS: u8 = 1;
const NO_MORE_TRACES: u8 = 2;
const BAD_PERIOD: u8 = 3;
const NO_SVID: u8 = 4;
const BAD_GROUP: u8 = 5;

impl Equipment {
    /// S2F23: begins a trace, replaces the one of that TRID, or with TOTSMP 0 ends it.
    pub(super) fn s2f23(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let [trid, dsper, total, group, svids] = read::fields(body.ok_or(Illegal)?)?;
        let (trid, total, group) = (read::id(trid)?, read::whole(total)?, read::whole(group)?);
        let (dsper, svids) = (read::text(dsper)?, read::ids(svids)?);
        if total == 0 {
            self.traces.remove(&trid);
            return Ok(Answer::code(0));
        }
        let Some(period) = period(&dsper) else { return Ok(Answer::code(BAD_PERIOD)) };
        let known = |id: &Id| self.catalog.get(GemClass::Status, id).map(|(svid, _)| svid);
        let Some(svids) = svids.iter().map(known).collect::<Option<Vec<u32>>>() else {
            return Ok(Answer::code(NO_SVID));
        };
        let items = self.catalog.items(&svids);
        if items > limits::GEM_TRACE_VALUES {
            return Ok(Answer::code(TOO_MANY_SVIDS));
        }
        let (Ok(total), Ok(group)) = (u32::try_from(total), u32::try_from(group)) else {
            return Ok(Answer::code(BAD_GROUP));
        };
        let values = (group as usize).saturating_mul(items);
        if group == 0 || group > total || values > limits::GEM_TRACE_VALUES {
            return Ok(Answer::code(BAD_GROUP));
        }
        if !self.traces.contains_key(&trid) && self.traces.len() >= limits::GEM_TRACES {
            return Ok(Answer::code(NO_MORE_TRACES));
        }
        let due = self.now.after(period);
        let trace = Trace { period, total, group, svids, due, taken: 0, waiting: vec![] };
        self.traces.insert(trid, trace);
        Ok(Answer::code(0))
    }

    /// Takes the samples that are due, one a trace: a clock that leaps does not bring a flood.
    pub(super) fn traces_due(&mut self) {
        let now = self.now;
        let keys: Vec<Id> =
            self.traces.iter().filter(|(_, t)| t.due <= now).map(|(k, _)| k.clone()).collect();
        for key in keys {
            let Some(mut trace) = self.traces.remove(&key) else { continue };
            let values = trace.svids.iter().map(|v| self.value(*v).unwrap_or_else(|| Item::List(vec![])));
            trace.waiting.extend(values);
            trace.taken += 1;
            let next = trace.due.after(trace.period);
            trace.due = if next > now { next } else { now.after(trace.period) };
            let done = trace.taken >= trace.total;
            if done || trace.taken % trace.group == 0 {
                let values = std::mem::take(&mut trace.waiting);
                self.send_trace(&key, trace.taken, values);
            }
            if !done {
                self.traces.insert(key, trace);
            }
        }
    }

    fn send_trace(&mut self, trid: &Id, taken: u32, values: Vec<Item>) {
        if !self.control.state.is_online() {
            return;
        }
        let body = Item::List(vec![
            trid.item(),
            Item::U4(vec![taken]),
            Item::text(&self.time_text()),
            Item::List(values),
        ]);
        let wants_reply = self.constants.flag(own::W_BIT_S6);
        self.queue(Message { stream: 6, function: 1, wants_reply, body: Some(body) }, Purpose::Report);
    }
}

/// DSPER: `hhmmss`, or `hhmmsscc` with hundredths of a second (E5).
fn period(text: &str) -> Option<Duration> {
    if !matches!(text.len(), 6 | 8) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize| text.get(from..from + 2).and_then(|t| t.parse::<u64>().ok());
    let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
    let hundredths = if text.len() == 8 { part(6)? } else { 0 };
    if minutes > 59 || seconds > 59 {
        return None;
    }
    let span = Duration::from_millis(((hours * 60 + minutes) * 60 + seconds) * 1000 + hundredths * 10);
    (span >= limits::GEM_TRACE_PERIOD).then_some(span)
}
