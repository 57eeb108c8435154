//! What an agent remembers of one machine: what it has seen, what is wrong, and what is under way.

use std::collections::BTreeMap;

use aegis_models::event::Proposal;
use aegis_models::{Time, Zone};
use serde::{Deserialize, Serialize};

use crate::execute::Execution;
use crate::incident::Book;
use crate::life::Trend;
use crate::monitor::{Monitor, Plan};
use crate::safety::EffectRule;

/// What an agent remembers of one machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    pub name: String,
    pub monitor: Monitor,
    pub book: Book,
    pub zone: Zone,
    pub link_up: bool,
    pub link_detail: String,
    pub execution: Option<Execution>,
    pub stopping: Option<Execution>,
    pub proposals: Vec<Pending>,
    pub last_write: BTreeMap<String, Time>,
    pub contradictory: bool,
    /// What its wearing parts have come to, in the profile's order.
    pub lives: Vec<Life>,
    /// The cascade that it is in.
    pub cascade: Option<String>,
}

/// One wearing part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Life {
    pub trend: Trend,
    /// What was last told of it [s].
    pub told_s: Option<f64>,
}

/// A proposal that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub proposal: Proposal,
    pub effect: Option<EffectRule>,
}

impl Machine {
    /// The worst tier of its incidents; RED in a cascade.
    pub fn worst(&self) -> Zone {
        if self.cascade.is_some() { Zone::Red } else { self.book.zone() }
    }

    /// A machine of which nothing is known yet.
    pub fn new(plan: &Plan) -> Machine {
        Machine {
            name: plan.name.clone(),
            monitor: Monitor::new(plan),
            book: Book::default(),
            zone: Zone::Green,
            link_up: true,
            link_detail: String::new(),
            execution: None,
            stopping: None,
            proposals: Vec::new(),
            last_write: BTreeMap::new(),
            contradictory: false,
            lives: vec![Life::default(); plan.lives.len()],
            cascade: None,
        }
    }
}
