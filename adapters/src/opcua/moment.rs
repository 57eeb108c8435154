//! When values held: the clocks that a server tells (Part 4, 7.7), and which of them to believe.
//!
//! A value that waited in a queue, on a slow line or in a history held when its time stamp says, and not when it came.
//! The source's stamp is believed where it moves and agrees with the server's; else the server's where that moves;
//! else nobody says when, and whoever hears it knows only that it came now.

use std::collections::{BTreeSet, VecDeque};

use aegis_models::{Quality, Sample};
use opcua::types::DataValue;

use super::values;
use crate::limits::OPCUA_SKEW;

/// A source whose clock is further than this from its server's is not believed [100 ns]: ten seconds.
const APART: i64 = 100_000_000;
/// A clock that was set back by more than this tells new moments, and none that have been heard already [100 ns]: a
/// minute.
const SET_BACK: i64 = 600_000_000;

/// Whose clock tells a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The one that made the value.
    Source,
    /// The one that served it.
    Server,
}

/// A time stamp, and whose [100 ns since 1601].
pub(super) type Stamp = (By, i64);

/// A moment of another's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Whose.
    pub by: By,
    /// When it was [ns since 1970].
    pub unix_ns: u64,
    /// The newest moment by that clock that has come so far [ns since 1970]: values may have come together that held
    /// one after the other, and only the newest can have come at once.
    pub newest_unix_ns: u64,
}

/// What a server told of one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) place: usize,
    pub(super) sample: Sample,
    /// The time stamps [100 ns since 1601].
    pub(super) source: Option<i64>,
    pub(super) server: Option<i64>,
}

impl Change {
    pub(super) fn of(place: usize, sample: Sample, value: &DataValue) -> Change {
        let given = |t: Option<opcua::types::DateTime>| t.filter(|t| !t.is_null()).map(|t| t.ticks());
        Change { place, sample, source: given(value.source_timestamp), server: given(value.server_timestamp) }
    }

    /// The source's stamp, unless it is far from the server's.
    fn believable(&self) -> Option<i64> {
        let near = |t: &i64| self.server.is_none_or(|s| t.abs_diff(s) <= APART as u64);
        self.source.filter(near)
    }
}

/// What was last told of one place.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    sample: Option<Sample>,
    source: Option<i64>,
    server: Option<i64>,
    /// Whether its source is believed.
    sourced: bool,
    /// Told from the history up to here: what a subscription tells of the time before is known.
    recalled: Option<i64>,
}

/// What has been heard of a machine, over all the connections to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stamps {
    places: Vec<Past>,
    /// The newest moment by each clock [100 ns since 1601].
    newest: [Option<i64>; 2],
    /// The moment of the last waveform of each kind.
    waves: Vec<Option<i64>>,
}

impl Stamps {
    /// Makes room for that many places and waveforms.
    pub(super) fn fit(&mut self, places: usize, waves: usize) {
        self.places.resize(places, Past::default());
        self.waves.resize(waves, None);
    }

    /// The newest moment that the sources told [100 ns since 1601].
    pub(super) fn newest(&self) -> Option<i64> {
        self.newest[By::Source as usize]
    }

    /// Until when a place's source has been heard; none when it is not believed.
    pub(super) fn heard_until(&self, place: usize) -> Option<i64> {
        self.places[place].source.filter(|_| self.places[place].sourced)
    }

    /// A place's value was read: what a subscription begins with is known by it.
    pub(super) fn read(&mut self, read: &Change) {
        let source = read.believable();
        let past = &mut self.places[read.place];
        *past = Past {
            sample: Some(read.sample),
            source: read.source,
            server: read.server,
            sourced: source.is_some(),
            recalled: None,
        };
        if let Some(t) = source {
            self.advance(By::Source, t);
        }
    }

    /// A value out of a history, when it is newer than what was heard before.
    pub(super) fn recall(&mut self, change: &Change, heard_until: i64) -> Option<Stamp> {
        let t = change.source.filter(|t| *t > heard_until)?;
        let past = &mut self.places[change.place];
        past.recalled = past.recalled.max(Some(t));
        if past.source.is_none_or(|s| s < t) {
            past.source = Some(t);
            past.sample = Some(change.sample);
        }
        self.advance(By::Source, t);
        Some((By::Source, t))
    }

    /// The moment of a change: none at all when it is known already, and no moment where nobody tells one.
    pub(super) fn judge(&mut self, change: &Change) -> Option<Option<Stamp>> {
        let past = &mut self.places[change.place];
        let same = past.sample.is_some_and(|s| alike(&s, &change.sample));
        if same && change.source == past.source {
            return None;
        }
        let believed = change.believable();
        if let (Some(t), Some(recalled)) = (believed, past.recalled) {
            if t <= recalled && recalled - t < SET_BACK {
                return None;
            }
            past.recalled = None;
        }
        let source = believed.filter(|t| past.source.is_none_or(|p| *t > p));
        let server = change.server.filter(|t| past.server.is_none_or(|p| *t > p));
        past.sample = Some(change.sample);
        past.sourced = source.is_some();
        past.source = change.source.or(past.source);
        past.server = change.server.or(past.server);
        let moment = source.map(|t| (By::Source, t)).or(server.map(|t| (By::Server, t)));
        if let Some((by, t)) = moment {
            self.advance(by, t);
        }
        Some(moment)
    }

    /// The moment of a waveform: none when it is known already, or older than what the machine tells now of what it does,
    /// by which the waveform would be judged.
    pub(super) fn judge_wave(&mut self, wave: usize, t: i64) -> Option<Stamp> {
        let known = self.waves[wave].replace(t) == Some(t);
        let skew = (OPCUA_SKEW.as_nanos() / 100) as i64;
        let old = self.newest().is_some_and(|now| now.saturating_sub(t) > skew);
        if known || old {
            return None;
        }
        self.advance(By::Source, t);
        Some((By::Source, t))
    }

    fn advance(&mut self, by: By, t: i64) {
        let newest = &mut self.newest[by as usize];
        *newest = match *newest {
            Some(n) if n - t < SET_BACK => Some(n.max(t)),
            _ => Some(t),
        };
    }

    /// As others are told it.
    pub(super) fn moment(&self, (by, ticks): Stamp) -> Moment {
        let newest = self.newest[by as usize].unwrap_or(ticks);
        Moment { by, unix_ns: values::unix_ns(ticks), newest_unix_ns: values::unix_ns(newest) }
    }
}

fn alike(a: &Sample, b: &Sample) -> bool {
    a.quality == b.quality && (a.value == b.value || a.quality == Quality::Bad)
}

/// Places and their values at one moment.
pub(super) type Group = Vec<(usize, Sample)>;

/// A change whose moment is known.
pub(super) type Placed = (Option<Stamp>, usize, Sample);

/// Changes that wait to be told, those of the earliest moment first.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    changes: VecDeque<Placed>,
}

impl Waiting {
    pub(super) fn add(&mut self, changes: impl IntoIterator<Item = Placed>) {
        let before = self.changes.len();
        self.changes.extend(changes);
        if self.changes.len() > before {
            // Those of one place stay in the order in which they came.
            self.changes.make_contiguous().sort_by_key(|(moment, ..)| *moment);
        }
    }

    /// The changes of one moment, of each place one, and in the places' order. What lies closer together than `within`
    /// [100 ns] is of one moment: a machine samples its points one after the other.
    pub(super) fn take(&mut self, within: i64) -> Option<(Option<Stamp>, Group)> {
        let (first, ..) = *self.changes.front()?;
        let mut taken = Group::new();
        let mut seen = BTreeSet::new();
        while let Some((moment, place, sample)) = self.changes.front().copied() {
            match (first, moment) {
                // Nobody says how far apart they were: only the newest of a place is as of now.
                (None, None) => taken.retain(|(p, _)| *p != place),
                (Some((by, t)), Some((b, u))) if b == by && u - t < within.max(1) && seen.insert(place) => {}
                _ => break,
            }
            taken.push((place, sample));
            self.changes.pop_front();
        }
        taken.sort_by_key(|(place, _)| *place);
        Some((first, taken))
    }
}

#[cfg(test)]
mod tests {
    use aegis_models::PointIx;

    use super::*;

    const SECOND: i64 = 10_000_000;

    fn change(value: f64, source: Option<i64>, server: Option<i64>) -> Change {
        let sample = Sample { point: PointIx(0), value, quality: Quality::Good };
        Change { place: 0, sample, source, server }
    }

    fn heard(stamps: &mut Stamps, changes: &[Change]) -> Vec<Option<Option<Stamp>>> {
        stamps.fit(1, 0);
        changes.iter().map(|c| stamps.judge(c)).collect()
    }

    #[test]
    fn a_source_that_moves_is_believed() {
        let told = heard(&mut Stamps::default(), &[1, 2, 3].map(|t| change(t as f64, Some(t), Some(9))));
        assert_eq!(told, [1, 2, 3].map(|t| Some(Some((By::Source, t)))));
    }

    #[test]
    fn a_source_that_stands_still_or_is_far_off_gives_way_to_the_server_and_then_to_nobody() {
        let still = [1, 2, 3].map(|t| change(t as f64, Some(5), Some(SECOND + t)));
        let by_server = |t| Some(Some((By::Server, SECOND + t)));
        assert_eq!(heard(&mut Stamps::default(), &still)[1..], [by_server(2), by_server(3)]);
        let far = [1, 2].map(|t| change(t as f64, Some(t), Some(3_600 * SECOND + t)));
        assert_eq!(
            heard(&mut Stamps::default(), &far),
            [1, 2].map(|t| Some(Some((By::Server, 3_600 * SECOND + t))))
        );
        let silent = [1, 2].map(|t| change(t as f64, None, None));
        assert_eq!(heard(&mut Stamps::default(), &silent), [Some(None), Some(None)]);
    }

    #[test]
    fn what_was_read_or_recalled_is_not_told_again() {
        let mut stamps = Stamps::default();
        stamps.fit(1, 0);
        stamps.read(&change(1.0, Some(SECOND), None));
        assert_eq!(stamps.judge(&change(1.0, Some(SECOND), None)), None);
        let recalled = change(2.0, Some(2 * SECOND), None);
        assert_eq!(stamps.recall(&recalled, 2 * SECOND), None, "it was heard before");
        assert_eq!(stamps.recall(&recalled, SECOND), Some((By::Source, 2 * SECOND)));
        assert_eq!(stamps.judge(&change(1.5, Some(SECOND + 1), None)), None);
        assert_eq!(stamps.judge(&change(3.0, Some(3 * SECOND), None)), Some(Some((By::Source, 3 * SECOND))));
    }

    #[test]
    fn a_waveform_is_told_once_and_not_long_after_its_time() {
        let mut stamps = Stamps::default();
        stamps.fit(1, 1);
        let skew = (OPCUA_SKEW.as_nanos() / 100) as i64;
        let now = 100 * skew;
        stamps.read(&change(1.0, Some(now), Some(now)));
        assert_eq!(stamps.judge_wave(0, now - skew - 1), None);
        assert_eq!(stamps.judge_wave(0, now - skew), Some((By::Source, now - skew)));
        assert_eq!(stamps.judge_wave(0, now - skew), None);
        assert_eq!(stamps.judge_wave(0, now + 1), Some((By::Source, now + 1)));
        assert_eq!(stamps.newest(), Some(now + 1));
    }

    #[test]
    fn a_clock_that_was_set_back_is_heard_on() {
        let mut stamps = Stamps::default();
        let set_back = [900, 901, 300, 301].map(|t| change(t as f64, Some(t * SECOND), None));
        let told = heard(&mut stamps, &set_back);
        assert_eq!(told[2..], [Some(None), Some(Some((By::Source, 301 * SECOND)))]);
        assert_eq!(stamps.newest(), Some(301 * SECOND));
    }

    #[test]
    fn changes_that_came_together_are_told_apart_by_their_moments() {
        let sample = |point, value| Sample { point: PointIx(point), value, quality: Quality::Good };
        let at = |t| Some((By::Source, t));
        let mut waiting = Waiting::default();
        // Two places, three values each, as one notification brings them: a place after the other.
        waiting.add([1, 2, 3].map(|t| (at(10 * t), 0, sample(0, t as f64))));
        waiting.add([1, 2, 3].map(|t| (at(10 * t + 1), 1, sample(1, t as f64))));
        for t in [1, 2, 3] {
            let (moment, taken) = waiting.take(5).unwrap();
            assert_eq!(moment, at(10 * t));
            assert_eq!(taken, [(0, sample(0, t as f64)), (1, sample(1, t as f64))]);
        }
        assert!(waiting.take(5).is_none());
        // Without a moment only the newest counts.
        waiting.add([1, 2, 3].map(|v| (None, 0, sample(0, f64::from(v)))));
        assert_eq!(waiting.take(5), Some((None, vec![(0, sample(0, 3.0))])));
        assert!(waiting.take(5).is_none());
    }
}
