//! Lots on their way from the first tool to the last: queues, dispatching, starvation, blocking, and what the line makes.
//!
//! ```text
//!   stocker --rail--> [queue] tool [done] --rail--> [queue] tool [done] ... --rail--> stocker
//! ```
//!
//! A tool without a lot in its queue is starved; one whose done lots fill their places is blocked. A done lot goes, first
//! in first out, to the tool of its next kind that has the least before it and room for it.

mod metrics;

use std::collections::{BTreeMap, VecDeque};

use aegis_models::Site;
use aegis_models::site::Route;
use aegis_plant::{Given, Job, Quality, Supply};

use crate::amhs::{Place, Report, Transport};

pub use metrics::{LineMetrics, Oee, Production, ToolMetrics};

use metrics::{LineClock, ToolClock};

/// The lots of a site.
pub struct Lots {
    routes: Vec<Line>,
    tools: Vec<Tool>,
    lots: BTreeMap<u32, Lot>,
    /// Lots that wait to be fetched and have nowhere to go yet, in the order of their waiting.
    ready: VecDeque<u32>,
    /// Places before a tool, and behind it.
    places: usize,
    next: u32,
    /// Lots sent on so far.
    sent: u64,
    now_s: f64,
    clock: LineClock,
}

/// A route at work.
struct Line {
    route: Route,
    /// Tools of each step, by their place in `Lots::tools`.
    tools: Vec<Vec<usize>>,
    under_way: u32,
    released_s: f64,
}

/// A tool on a route.
struct Tool {
    machine: usize,
    name: String,
    port: Place,
    queue: VecDeque<u32>,
    /// Lots on their way here.
    coming: usize,
    /// The dispatch that last sent one here, by its number.
    sent: u64,
    work: Option<u32>,
    done: Vec<u32>,
    clock: ToolClock,
}

struct Lot {
    route: usize,
    step: usize,
    quality: Quality,
    /// What is left of its pieces at the step at which the run has found it.
    left: Option<u32>,
    /// When it was released [s]; none for one that the run has found under way.
    released_s: Option<f64>,
    /// Where it stands, or the place that it was last fetched from.
    at: Option<usize>,
    /// Where it is to go: a tool, or the stocker at the end of its route.
    to: Option<usize>,
}

impl Lots {
    /// The lots of that site, some under way; none where no route has all its tools, and work is without end.
    pub fn new(site: &Site) -> Option<Lots> {
        let rail = site.rail.as_ref()?;
        let mut tools: Vec<Tool> = Vec::new();
        let mut routes = Vec::new();
        for route in &site.routes {
            let mut of_steps = Vec::new();
            for step in &route.steps {
                let machines = site.machines.iter().enumerate().filter(|(_, m)| m.kind == step.kind);
                let of_step = machines.filter_map(|(machine, entry)| {
                    let known = tools.iter().position(|t| t.machine == machine);
                    known.or_else(|| {
                        let port = rail.ports.iter().position(|p| p.machine == entry.name)?;
                        tools.push(Tool::new(machine, &entry.name, Place::Port(port)));
                        Some(tools.len() - 1)
                    })
                });
                of_steps.push(of_step.collect::<Vec<_>>());
            }
            if of_steps.iter().all(|s| !s.is_empty()) {
                let released_s = f64::NEG_INFINITY;
                routes.push(Line { route: route.clone(), tools: of_steps, under_way: 0, released_s });
            }
        }
        if routes.is_empty() {
            return None;
        }
        let mut lots = Lots {
            routes,
            tools,
            lots: BTreeMap::new(),
            ready: VecDeque::new(),
            places: rail.places as usize,
            // What stands alone works on lot 1 for ever.
            next: 2,
            sent: 0,
            now_s: 0.0,
            clock: LineClock::default(),
        };
        lots.find_under_way();
        Some(lots)
    }

    /// A run finds a lot in two of three tools of a kind, of the routes in turn; they are not done with theirs at once.
    fn find_under_way(&mut self) {
        for tool in 0..self.tools.len() {
            let visits: Vec<(usize, usize)> = self
                .routes
                .iter()
                .enumerate()
                .flat_map(|(r, line)| line.tools.iter().enumerate().map(move |(s, of)| (r, s, of)))
                .filter(|(.., of)| of.contains(&tool))
                .map(|(r, s, _)| (r, s))
                .collect();
            if visits.is_empty() {
                continue;
            }
            let (route, step) = visits[tool % visits.len()];
            let line = &self.routes[route];
            let (of, pieces) = (&line.tools[step], line.route.steps[step].pieces);
            let place = of.iter().position(|t| *t == tool).expect("it is one of them") as u32;
            let busy = (2 * of.len() as u32).div_ceil(3);
            if place >= busy {
                continue;
            }
            let left = pieces.div_ceil(busy) * (place + 1);
            let lot = self.begin(route, None);
            let begun = self.lots.get_mut(&lot).expect("it was just begun");
            (begun.step, begun.at, begun.left) = (step, Some(tool), Some(left.min(pieces)));
            self.tools[tool].work = Some(lot);
        }
    }

    fn begin(&mut self, route: usize, released_s: Option<f64>) -> u32 {
        let lot = self.next;
        // Lots are numbered for ever; a number that comes again is long gone.
        self.next = self.next.checked_add(1).unwrap_or(2);
        let quality = Quality::default();
        self.lots.insert(lot, Lot { route, step: 0, quality, left: None, released_s, at: None, to: None });
        self.routes[route].under_way += 1;
        lot
    }

    /// Lives through one step: takes what tools have finished and what the transport has brought, and leaves each tool
    /// its work.
    pub fn step(&mut self, dt_s: f64, given: &[Given], supplies: &mut [Supply], transport: &mut Transport) {
        self.now_s += dt_s;
        self.clock.tick(dt_s, self.lots.len());
        for report in transport.take_reports() {
            self.hear(report);
        }
        for tool in 0..self.tools.len() {
            self.attend(tool, dt_s, &given[self.tools[tool].machine]);
        }
        self.release();
        self.dispatch(transport);
        for t in &self.tools {
            let supply = &mut supplies[t.machine];
            supply.blocked = t.done.len() >= self.places;
            supply.job = t.work.map(|lot| self.job(lot));
        }
    }

    fn job(&self, number: u32) -> Job {
        let lot = &self.lots[&number];
        let step = &self.routes[lot.route].route.steps[lot.step];
        let pieces = lot.left.unwrap_or(step.pieces);
        Job { lot: number, recipe: step.recipe, pieces, quality: lot.quality }
    }

    fn hear(&mut self, report: Report) {
        match report {
            Report::Fetched(number) => {
                let Some(lot) = self.lots.get_mut(&number) else { return };
                if let Some(from) = lot.at.take() {
                    self.tools[from].done.retain(|l| *l != number);
                }
            }
            Report::Brought(number) => {
                self.clock.carried += 1;
                let Some(lot) = self.lots.get_mut(&number) else { return };
                match lot.to.take() {
                    Some(tool) => {
                        lot.at = Some(tool);
                        self.tools[tool].coming -= 1;
                        self.tools[tool].queue.push_back(number);
                    }
                    None => self.complete(number),
                }
            }
            Report::Lost(number) => {
                let Some(lot) = self.lots.remove(&number) else { return };
                self.routes[lot.route].under_way -= 1;
                self.clock.lost += 1;
                if let Some(from) = lot.at {
                    self.tools[from].done.retain(|l| *l != number);
                }
                if let Some(to) = lot.to {
                    self.tools[to].coming -= 1;
                }
            }
        }
    }

    fn complete(&mut self, number: u32) {
        if let Some(lot) = self.lots.remove(&number) {
            self.routes[lot.route].under_way -= 1;
            self.clock.complete(lot.released_s.map(|r| self.now_s - r));
        }
    }

    /// What a tool has done in the last step, and what it takes next.
    fn attend(&mut self, tool: usize, dt_s: f64, given: &Given) {
        let blocked = self.tools[tool].done.len() >= self.places;
        let job = self.tools[tool].work.map(|lot| self.job(lot));
        let t = &mut self.tools[tool];
        t.clock.tick(dt_s, given.e10, t.work.is_none(), blocked);
        if let (Some(quality), Some(job)) = (given.finished, job) {
            let number = job.lot;
            let lot = self.lots.get_mut(&number).expect("a lot in work exists");
            let dies = f64::from(self.routes[lot.route].route.dies_per_wafer);
            t.clock.finish(job.pieces, lot.left.is_some(), lot.quality, quality, dies);
            (lot.quality, lot.step, lot.left) = (quality, lot.step + 1, None);
            (t.work, lot.at) = (None, Some(tool));
            t.done.push(number);
            self.ready.push_back(number);
        }
        if t.work.is_none() {
            t.work = t.queue.pop_front();
        }
    }

    /// New lots start at the stocker.
    fn release(&mut self) {
        for r in 0..self.routes.len() {
            let line = &self.routes[r];
            let due = self.now_s - line.released_s >= line.route.release.every.0.as_secs_f64();
            if due && line.under_way < line.route.release.wip_cap {
                self.routes[r].released_s = self.now_s;
                let lot = self.begin(r, Some(self.now_s));
                self.ready.push_back(lot);
            }
        }
    }

    /// Sends every ready lot on whose next tool has room, first in first out.
    fn dispatch(&mut self, transport: &mut Transport) {
        for _ in 0..self.ready.len() {
            let Some(number) = self.ready.pop_front() else { return };
            let lot = &self.lots[&number];
            let line = &self.routes[lot.route];
            let from = lot.at.map_or(Place::Stocker, |t| self.tools[t].port);
            let Some(next) = line.tools.get(lot.step) else {
                transport.request(number, from, Place::Stocker);
                continue;
            };
            let waiting = |t: &Tool| t.queue.len() + t.coming;
            let room = next.iter().copied().filter(|t| waiting(&self.tools[*t]) < self.places);
            // Of equal ones the one that has waited longest for a lot, so that work goes round.
            let before = |t: &usize| {
                let t = &self.tools[*t];
                (waiting(t) + usize::from(t.work.is_some()), t.sent)
            };
            match room.min_by_key(before) {
                Some(to) => {
                    self.sent += 1;
                    (self.tools[to].sent, self.tools[to].coming) = (self.sent, self.tools[to].coming + 1);
                    self.lots.get_mut(&number).expect("it was just read").to = Some(to);
                    transport.request(number, from, self.tools[to].port);
                }
                None => self.ready.push_back(number),
            }
        }
    }

    /// Lots under way.
    pub fn wip(&self) -> usize {
        self.lots.len()
    }

    /// What the line has made, and how its tools have spent their time, since the last [`Lots::forget`].
    pub fn production(&self) -> Production {
        Production {
            line: self.clock.metrics(),
            tools: self.tools.iter().map(|t| t.clock.metrics(&t.name)).collect(),
        }
    }

    /// Begins to measure anew: what is under way stays, what was counted goes.
    pub fn forget(&mut self) {
        self.clock = LineClock::default();
        self.tools.iter_mut().for_each(|t| t.clock.forget());
    }
}

impl Tool {
    fn new(machine: usize, name: &str, port: Place) -> Tool {
        Tool {
            machine,
            name: name.to_owned(),
            port,
            queue: VecDeque::new(),
            coming: 0,
            sent: 0,
            work: None,
            done: Vec::new(),
            clock: ToolClock::default(),
        }
    }
}

#[cfg(test)]
mod tests;
