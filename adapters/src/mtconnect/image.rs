//! What a client knows of a machine: the last value of each point, and the samples that a moment makes of it.

use std::sync::Arc;

use aegis_models::{Quality, Sample};

use super::binding::Binding;

/// What the agent told of one moment, before what holds is added.
#[derive(Debug)]
pub(super) struct Moment {
    /// When it was, by the agent's clock [ns since 1970].
    pub unix_ns: u64,
    /// Which of the binding's items was told which value; none when it is unavailable.
    pub values: Vec<(usize, Option<f64>)>,
    /// What it is about.
    pub kind: Kind,
}

/// What a moment is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The state of everything.
    State,
    /// What changed.
    Change,
    /// Only that the agent is there.
    Life,
}

/// The points as they were told last.
#[derive(Debug)]
pub(super) struct Image {
    binding: Arc<Binding>,
    held: Vec<Held>,
}

#[derive(Clone, Debug, Default)]
struct Held {
    /// None when it is unavailable.
    value: Option<f64>,
    /// When it was said last, by the agent's clock [ns since 1970].
    said: Option<u64>,
}

impl Image {
    /// Nothing was told yet.
    pub fn new(binding: Arc<Binding>) -> Image {
        let held = vec![Held::default(); binding.items().len()];
        Image { binding, held }
    }

    /// The samples of a moment: what was told then, and what holds and was not said for a period.
    pub fn take(&mut self, moment: &Moment) -> Vec<Sample> {
        let mut told = vec![moment.kind == Kind::State; self.held.len()];
        if moment.kind == Kind::State {
            // What the state leaves out has no value.
            self.held.iter_mut().for_each(|h| h.value = None);
        }
        for (i, value) in &moment.values {
            self.held[*i].value = *value;
            told[*i] = true;
        }
        // A sign of life may come just before what it would contradict: it says again only what is long due.
        let periods = if moment.kind == Kind::Life { 2 } else { 1 };
        let mut samples = Vec::new();
        for ((item, held), told) in self.binding.items().iter().zip(&mut self.held).zip(told) {
            let period = u64::try_from(item.period.as_nanos()).unwrap_or(u64::MAX).saturating_mul(periods);
            let due = held.said.is_none_or(|said| moment.unix_ns.saturating_sub(said) >= period);
            if !(told || due) {
                continue;
            }
            held.said = Some(held.said.unwrap_or(0).max(moment.unix_ns));
            let (value, quality) = match held.value {
                Some(value) => (value, Quality::Good),
                None => (f64::NAN, Quality::Bad),
            };
            samples.push(Sample { point: item.point, value, quality });
        }
        samples
    }
}
