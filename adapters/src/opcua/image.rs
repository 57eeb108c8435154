//! What a server shows of its machine and remembers of its last hour, without a clock or a socket.

use std::collections::VecDeque;
use std::sync::Arc;

use aegis_models::{Frame, PointIx, Quality, Sample};
use opcua::types::{DataValue, StatusCode, Variant, VariantTypeId};

use super::binding::{Binding, Place};
use super::{values, wave};
use crate::limits::{OPCUA_HISTORY, OPCUA_HISTORY_VALUES, OPCUA_QUEUED_WRITES};

/// A point's value at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// When it held [100 ns since 1601].
    pub ticks: i64,
    /// In the point's unit, as its type holds it.
    pub value: f64,
    /// How far to trust it.
    pub quality: Quality,
}

/// Something that a client who listens for events should hear of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Happening {
    /// The point of that place has no value any more.
    Lost(usize),
    /// It has one again.
    Recovered(usize),
    /// Its value left the range.
    OutOfRange(usize, f64),
    /// It is back.
    InRange(usize, f64),
    /// A client set it.
    Commanded(usize, f64),
}

/// What became visible with one frame.
#[derive(Debug, Default)]
pub struct Shown {
    /// The moment of the frame [100 ns since 1601].
    pub ticks: i64,
    /// Places whose value was renewed, each once.
    pub renewed: Vec<usize>,
    /// Waveforms that came, by their place among [`Binding::waves`].
    pub waves: Vec<usize>,
    /// What happened.
    pub happenings: Vec<Happening>,
}

/// A machine's values as its server shows them.
///
/// - A write takes effect for the next read at once, waits in a queue for the machine's owner, and stays visible over
///   what the owner publishes until the owner has taken it.
/// - Of each point the last hour is remembered, one value a period and every change of quality.
#[derive(Debug)]
pub struct Image {
    binding: Arc<Binding>,
    points: Vec<Point>,
    /// The last of each kind.
    waves: Vec<Option<DataValue>>,
    writes: VecDeque<(usize, f64)>,
    /// The last frame's moment: what is written holds from then on. Times never go back.
    now: i64,
}

#[derive(Debug, Default)]
struct Point {
    held: Option<Held>,
    outside: bool,
    past: VecDeque<Held>,
}

impl Image {
    /// A machine none of whose points has a value yet. `start` is the moment before which nothing is published.
    pub fn new(binding: Arc<Binding>, start: i64) -> Image {
        let points = binding.places().iter().map(|_| Point::default()).collect();
        let waves = vec![None; binding.waves().len()];
        Image { binding, points, waves, writes: VecDeque::new(), now: start }
    }

    /// Shows a frame, whose moment is `ticks`.
    pub fn publish(&mut self, frame: &Frame, ticks: i64) -> Shown {
        self.now = self.now.max(ticks);
        let mut shown = Shown { ticks: self.now, ..Shown::default() };
        for sample in &frame.samples {
            if let Some(i) = self.binding.index(sample.point) {
                self.show(i, *sample, &mut shown);
            }
        }
        let binding = Arc::clone(&self.binding);
        for record in &frame.records {
            for (field, value) in binding.fields(record.kind).iter().zip(&record.values) {
                let Some(i) = *field else { continue };
                // A happening that yields nothing for a field leaves the last value standing.
                if value.is_finite() {
                    let point = binding.places()[i].point;
                    self.show(i, Sample { point, value: *value, quality: Quality::Good }, &mut shown);
                }
            }
        }
        for burst in &frame.bursts {
            let Some(w) = binding.waves().iter().position(|w| w.kind == burst.kind) else { continue };
            self.waves[w] = Some(wave::data_value(&burst.values, self.now));
            shown.waves.push(w);
        }
        shown.renewed.sort_unstable();
        shown.renewed.dedup();
        shown
    }

    fn show(&mut self, i: usize, sample: Sample, shown: &mut Shown) {
        let place = &self.binding.places()[i];
        let written = self.writes.iter().rev().find(|(w, _)| *w == i).map(|(_, v)| *v);
        let value = place.data.quantise(written.unwrap_or(sample.value));
        let quality = match written {
            Some(_) => Quality::Good,
            None if value.is_finite() => sample.quality,
            None => Quality::Bad,
        };
        let held = Held { ticks: self.now, value, quality };
        let outside = quality != Quality::Bad && !place.accepts(value);
        let point = &mut self.points[i];
        let was_lost = point.held.is_some_and(|h| h.quality == Quality::Bad);
        match (was_lost, quality == Quality::Bad) {
            (false, true) => shown.happenings.push(Happening::Lost(i)),
            (true, false) => shown.happenings.push(Happening::Recovered(i)),
            _ => {}
        }
        match (point.outside, outside) {
            (false, true) => shown.happenings.push(Happening::OutOfRange(i, value)),
            (true, false) if quality != Quality::Bad => shown.happenings.push(Happening::InRange(i, value)),
            _ => {}
        }
        // Out of range and then without a value is still not back in range.
        point.outside = outside || (point.outside && quality == Quality::Bad);
        point.set(held, place);
        shown.renewed.push(i);
    }

    /// Takes a client's write of a value that its type holds, or says why not (Part 4, 5.11.4).
    pub fn write(&mut self, i: usize, variant: &Variant) -> Result<Shown, StatusCode> {
        let place = &self.binding.places()[i];
        if !place.writable {
            return Err(StatusCode::BadNotWritable);
        }
        if variant.type_id() != VariantTypeId::Scalar(values::scalar(place.data)) {
            return Err(StatusCode::BadTypeMismatch);
        }
        match values::unpack(variant) {
            Some((value, _)) if place.accepts(value) => self.command(i, value),
            _ => Err(StatusCode::BadOutOfRange),
        }
    }

    /// Takes a value that is known to be right.
    pub fn command(&mut self, i: usize, value: f64) -> Result<Shown, StatusCode> {
        if self.writes.len() >= OPCUA_QUEUED_WRITES {
            return Err(StatusCode::BadTooManyOperations);
        }
        self.writes.push_back((i, value));
        let place = &self.binding.places()[i];
        self.points[i].outside = false;
        self.points[i].set(Held { ticks: self.now, value, quality: Quality::Good }, place);
        let happenings = vec![Happening::Commanded(i, value)];
        Ok(Shown { ticks: self.now, renewed: vec![i], waves: vec![], happenings })
    }

    /// What clients wrote since the last call, in order, all of it in the points' ranges [the point's unit].
    pub fn take_writes(&mut self) -> Vec<(PointIx, f64)> {
        let places = self.binding.places();
        self.writes.drain(..).map(|(i, value)| (places[i].point, value)).collect()
    }

    /// The last value of a place, as the wire carries it.
    pub fn current(&self, i: usize) -> DataValue {
        match self.points[i].held {
            Some(held) => data_value(&self.binding.places()[i], held),
            None => self.waiting(),
        }
    }

    /// The last waveform of a kind, by its place among [`Binding::waves`].
    pub fn wave(&self, w: usize) -> DataValue {
        self.waves[w].clone().unwrap_or_else(|| self.waiting())
    }

    fn waiting(&self) -> DataValue {
        DataValue {
            status: Some(StatusCode::BadWaitingForInitialData),
            source_timestamp: Some(values::date_time(self.now)),
            ..DataValue::default()
        }
    }

    /// The last value of a place, as a number.
    pub fn held(&self, i: usize) -> Option<Held> {
        self.points[i].held
    }

    /// At most `most` values of a place with `from <= ticks < to`, the oldest first; or, for `to < from`, those with
    /// `to < ticks <= from`, the newest first. (Part 11, 6.5.3: the end is left out.)
    pub fn history(&self, i: usize, from: i64, to: i64, most: usize) -> Vec<DataValue> {
        let place = &self.binding.places()[i];
        let past = &self.points[i].past;
        let wire = |held: &Held| data_value(place, *held);
        if from <= to {
            // A range of no length holds the moment itself.
            let until = if from == to { to.saturating_add(1) } else { to };
            let first = past.partition_point(|h| h.ticks < from);
            past.range(first..).take_while(|h| h.ticks < until).take(most).map(wire).collect()
        } else {
            let end = past.partition_point(|h| h.ticks <= from);
            past.range(..end).rev().take_while(|h| h.ticks > to).take(most).map(wire).collect()
        }
    }

    /// The value that bounds a time range at its beginning (Part 11, 6.5.3.2): the last one before `at`, or, for a range
    /// that runs backwards, the first one after it; none where a value stands at `at` itself, which is in the range.
    pub fn bound_before(&self, i: usize, at: i64, backwards: bool) -> Option<DataValue> {
        let past = &self.points[i].past;
        let next = past.partition_point(|h| h.ticks < at);
        if past.get(next).is_some_and(|h| h.ticks == at) {
            return None;
        }
        let held = if backwards { past.get(next) } else { next.checked_sub(1).and_then(|n| past.get(n)) };
        Some(self.bound(i, at, held))
    }

    /// The value that bounds it at its end: the first one at or after `at`, or backwards the last one at or before it.
    pub fn bound_after(&self, i: usize, at: i64, backwards: bool) -> DataValue {
        let past = &self.points[i].past;
        let held = if backwards {
            past.partition_point(|h| h.ticks <= at).checked_sub(1).and_then(|n| past.get(n))
        } else {
            past.get(past.partition_point(|h| h.ticks < at))
        };
        self.bound(i, at, held)
    }

    fn bound(&self, i: usize, at: i64, held: Option<&Held>) -> DataValue {
        match held {
            Some(held) => data_value(&self.binding.places()[i], *held),
            None => DataValue {
                status: Some(StatusCode::BadBoundNotFound),
                source_timestamp: Some(values::date_time(at)),
                ..DataValue::default()
            },
        }
    }
}

impl Point {
    fn set(&mut self, held: Held, place: &Place) {
        let due = match self.past.back() {
            Some(last) => {
                let period = (place.period.0.as_nanos() / 100) as i64;
                held.ticks - last.ticks >= period || held.quality != last.quality
            }
            None => true,
        };
        // A set-point's changes are few and each counts, whenever it comes.
        let changed = place.writable && self.held.is_none_or(|h| h.value != held.value);
        if due || changed {
            match self.past.back_mut() {
                // One value a moment: the later word counts.
                Some(last) if last.ticks == held.ticks => *last = held,
                _ => self.past.push_back(held),
            }
        }
        let oldest = held.ticks - (OPCUA_HISTORY.as_nanos() / 100) as i64;
        while self.past.len() > OPCUA_HISTORY_VALUES || self.past.front().is_some_and(|h| h.ticks < oldest) {
            self.past.pop_front();
        }
        self.held = Some(held);
    }
}

fn data_value(place: &Place, held: Held) -> DataValue {
    let bad = held.quality == Quality::Bad;
    let moment = values::date_time(held.ticks);
    DataValue {
        value: if bad { None } else { values::pack(values::scalar(place.data), held.value) },
        status: Some(values::status(held.quality, place.role)),
        source_timestamp: Some(moment),
        server_timestamp: Some(moment),
        ..DataValue::default()
    }
}
