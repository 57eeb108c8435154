//! What was observed, numbered: the newest of it, and the state as of any number that is still known.

use std::collections::VecDeque;

use super::binding::Level;

/// What a data item said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Nothing can be said.
    Unavailable,
    /// A point's value, in the point's own unit.
    Number(f64),
    /// A condition's level.
    Level(Level),
    /// Anything else, as it stands in the document.
    Text(Box<str>),
}

/// One observation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observation {
    /// Its number: one more than the one before it, over all data items.
    pub sequence: u64,
    /// Whose it is, by its place in the model.
    pub entry: usize,
    /// When it held [ns since 1970].
    pub unix_ns: u64,
    /// What was said.
    pub value: Value,
}

/// A run of observations, and the number to go on from.
#[derive(Debug)]
pub(super) struct Run<'a> {
    /// In the order of their numbers.
    pub observations: Vec<&'a Observation>,
    /// The number of the first one that the run did not look at.
    pub next: u64,
}

/// The newest observations of all data items.
#[derive(Debug)]
pub(super) struct Buffer {
    most: usize,
    kept: VecDeque<Observation>,
    /// The latest of each data item.
    latest: Vec<Observation>,
    /// Of each data item, the latest that is kept no more: the state before the first that is.
    before: Vec<Option<Observation>>,
    next: u64,
}

impl Buffer {
    /// A buffer of at most `most` observations, at least one, over that many data items, which begin as unavailable.
    pub fn new(most: usize, entries: usize, unix_ns: u64) -> Buffer {
        let mut buffer = Buffer {
            most: most.max(1),
            kept: VecDeque::new(),
            latest: Vec::with_capacity(entries),
            before: vec![None; entries],
            next: 1,
        };
        for entry in 0..entries {
            let first = Observation { sequence: buffer.next, entry, unix_ns, value: Value::Unavailable };
            buffer.latest.push(first.clone());
            buffer.keep(first);
        }
        buffer
    }

    /// How many it keeps.
    pub fn most(&self) -> usize {
        self.most
    }

    /// The number of the oldest that is kept.
    pub fn first(&self) -> u64 {
        self.kept.front().map_or(self.next, |o| o.sequence)
    }

    /// The number of the newest.
    pub fn last(&self) -> u64 {
        self.next - 1
    }

    /// The number that the next one gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The latest of a data item.
    pub fn latest(&self, entry: usize) -> &Observation {
        &self.latest[entry]
    }

    /// Adds one.
    pub fn push(&mut self, entry: usize, unix_ns: u64, value: Value) {
        let observation = Observation { sequence: self.next, entry, unix_ns, value };
        self.latest[entry] = observation.clone();
        self.keep(observation);
    }

    fn keep(&mut self, observation: Observation) {
        if self.kept.len() == self.most
            && let Some(old) = self.kept.pop_front()
        {
            let entry = old.entry;
            self.before[entry] = Some(old);
        }
        self.kept.push_back(observation);
        self.next += 1;
    }

    /// Keeps nothing of what was, and numbers on as if the buffer had run over once more. The state stays.
    pub fn run_over(&mut self) {
        while let Some(old) = self.kept.pop_front() {
            let entry = old.entry;
            self.before[entry] = Some(old);
        }
        self.next += self.most as u64;
    }

    /// The observations numbered `from` to `to`, at most `count` of those that are wanted.
    pub fn forward(&self, from: u64, to: u64, count: usize, wanted: impl Fn(usize) -> bool) -> Run<'_> {
        let mut run = Run { observations: Vec::new(), next: from.max(self.first()) };
        let start = self.kept.partition_point(|o| o.sequence < from);
        for o in self.kept.range(start..) {
            if o.sequence > to || run.observations.len() == count {
                return run;
            }
            if wanted(o.entry) {
                run.observations.push(o);
            }
            run.next = o.sequence + 1;
        }
        run.next = self.next.min(to.saturating_add(1));
        run
    }

    /// At most `count` of the wanted observations numbered up to `from`, the last ones.
    pub fn backward(&self, from: u64, count: usize, wanted: impl Fn(usize) -> bool) -> Run<'_> {
        let end = self.kept.partition_point(|o| o.sequence <= from);
        let mut observations: Vec<&Observation> =
            self.kept.range(..end).rev().filter(|o| wanted(o.entry)).take(count).collect();
        observations.reverse();
        let oldest = observations.first().map_or(self.first(), |o| o.sequence);
        Run { observations, next: (oldest - 1).max(self.first()) }
    }

    /// The latest of each data item as of the number `at`, which lies between the first and the last.
    pub fn state_at(&self, at: u64) -> Vec<&Observation> {
        // All began as unavailable at one moment, which has as many numbers as there are data items.
        let at = at.max(self.latest.len() as u64);
        let mut state: Vec<Option<&Observation>> = self.before.iter().map(Option::as_ref).collect();
        for o in self.kept.iter().take_while(|o| o.sequence <= at) {
            state[o.entry] = Some(o);
        }
        state.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(run: &Run<'_>) -> Vec<u64> {
        run.observations.iter().map(|o| o.sequence).collect()
    }

    /// Two data items, eight kept of twelve: items 0 and 1 by turns, numbered from 1.
    fn buffer() -> Buffer {
        let mut buffer = Buffer::new(8, 2, 0);
        for i in 2..12_u32 {
            buffer.push(i as usize % 2, u64::from(i), Value::Number(f64::from(i)));
        }
        buffer
    }

    #[test]
    fn the_oldest_go_and_the_numbers_go_on() {
        let b = buffer();
        assert_eq!((b.first(), b.last(), b.next()), (5, 12, 13));
        assert_eq!(b.latest(1).sequence, 12);
        let all = b.forward(5, u64::MAX, 100, |_| true);
        assert_eq!(numbers(&all), (5..=12).collect::<Vec<_>>());
        assert_eq!(all.next, 13);
    }

    #[test]
    fn a_run_ends_behind_the_last_that_it_looked_at() {
        let b = buffer();
        let run = b.forward(6, u64::MAX, 2, |e| e == 1);
        assert_eq!((numbers(&run), run.next), (vec![6, 8], 9));
        let run = b.forward(6, 8, 100, |_| true);
        assert_eq!((numbers(&run), run.next), (vec![6, 7, 8], 9));
        let run = b.forward(13, u64::MAX, 100, |_| true);
        assert_eq!((numbers(&run), run.next), (vec![], 13));
        let run = b.forward(9, u64::MAX, 100, |_| false);
        assert_eq!((numbers(&run), run.next), (vec![], 13), "what is not wanted is looked at once");
        let run = b.backward(12, 3, |_| true);
        assert_eq!((numbers(&run), run.next), (vec![10, 11, 12], 9));
        let run = b.backward(6, 100, |_| true);
        assert_eq!((numbers(&run), run.next), (vec![5, 6], 5));
    }

    #[test]
    fn the_state_of_any_kept_number_is_known() {
        let b = buffer();
        let state = |at| b.state_at(at).iter().map(|o| o.sequence).collect::<Vec<_>>();
        assert_eq!(state(5), [5, 4], "item 1 was observed before what is kept");
        assert_eq!(state(8), [7, 8]);
        assert_eq!(state(12), [11, 12]);
        let fresh = Buffer::new(8, 2, 0);
        assert_eq!(fresh.state_at(1).len(), 2, "what was not observed yet is unavailable");
    }

    #[test]
    fn after_running_over_nothing_is_kept_and_the_state_stays() {
        let mut b = buffer();
        b.run_over();
        assert_eq!((b.first(), b.next()), (21, 21));
        assert_eq!(b.latest(0).sequence, 11);
        b.push(0, 20, Value::Number(1.0));
        assert_eq!((b.first(), b.last()), (21, 21));
        assert_eq!(b.state_at(21).iter().map(|o| o.sequence).collect::<Vec<_>>(), [21, 12]);
    }
}
