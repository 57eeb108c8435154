//! Remote commands: S2F21, S2F41, S2F49. What is accepted for later (HCACK 4) is watched until it is done or will not be.

use aegis_models::profile::{GemCommand, GemProcessState, GemTrigger};
use aegis_models::{PointIx, Time};

use super::super::Item;
use super::control::ControlState;
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::own::OwnEvent;
use super::process::Wanted;
use super::read::{self, Illegal};
use crate::limits;

/// Commands that were accepted and have not finished.
#[derive(Clone, Debug, Default)]
pub(super) struct Remote {
    pending: Vec<Pending>,
    /// Number of the last command.
    last: u64,
}

#[derive(Clone, Debug)]
struct Pending {
    /// Its number.
    number: u64,
    name: String,
    /// What must read back for the command to be done.
    writes: Vec<(PointIx, f64)>,
    enters: Option<GemProcessState>,
    ppid: Option<String>,
    /// The state from before, to which a recipe that is not taken leads back.
    from: GemProcessState,
    until: Time,
}

/// HCACK (E5): what becomes of a command.
const DONE: u8 = 0;
const NO_COMMAND: u8 = 1;
const CANNOT_NOW: u8 = 2;
const BAD_PARAMETER: u8 = 3;
const LATER: u8 = 4;
const ALREADY: u8 = 5;
const NO_OBJECT: u8 = 6;
/// CPACK and CEPACK (E5): what is wrong with a parameter.
const NO_SUCH_NAME: u8 = 1;
const BAD_VALUE: u8 = 2;
const BAD_FORMAT: u8 = 3;

/// What a command comes to: its code, and the CPNAMEs that are wrong with the reason for each.
type Outcome = (u8, Vec<(Item, u8)>);

/// A parameter as the host gave it.
struct Given<'a> {
    name: String,
    /// CPNAME, to be given back.
    cpname: &'a Item,
    value: &'a Item,
}

/// What a command writes, and the recipe that it selects.
type Effects = (Vec<(PointIx, f64)>, Option<String>);

impl Remote {
    pub fn due(&self) -> Option<Time> {
        self.pending.iter().map(|p| p.until).min()
    }
}

impl Equipment {
    /// S2F21: a command without parameters. CMDA has the first of HCACK's codes.
    pub(super) fn s2f21(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let name = read::name(body.ok_or(Illegal)?)?;
        let (code, _) = self.command(&name, &[]);
        Ok(Answer::Body(Item::Binary(vec![code])))
    }

    /// S2F41: a command with parameters.
    pub(super) fn s2f41(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let [name, parameters] = read::fields(body.ok_or(Illegal)?)?;
        let (code, wrong) = self.command(&read::name(name)?, &given(parameters)?);
        Ok(outcome(code, wrong, |code| Item::Binary(vec![code])))
    }

    /// S2F49: the enhanced form, for an object of the equipment: none, or the equipment itself by its model's name.
    pub(super) fn s2f49(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let [data_id, object, name, parameters] = read::fields(body.ok_or(Illegal)?)?;
        self.conversation_done(2, 49, data_id);
        let object = read::text(object)?;
        let (code, wrong) = if object.is_empty() || object == self.catalog.layout.model {
            self.command(&read::name(name)?, &given(parameters)?)
        } else {
            (NO_OBJECT, Vec::new())
        };
        Ok(outcome(code, wrong, |code| Item::U1(vec![code])))
    }

    fn command(&mut self, name: &str, given: &[Given<'_>]) -> Outcome {
        let Some(command) = self.catalog.layout.commands.iter().find(|c| c.name == name).cloned() else {
            return (NO_COMMAND, Vec::new());
        };
        let values = match parameters(&command, given) {
            Ok(values) => values,
            Err(wrong) => return (BAD_PARAMETER, wrong),
        };
        // The operator alone commands while the equipment is local (E30, control).
        if self.control.state != ControlState::Remote {
            return (CANNOT_NOW, Vec::new());
        }
        let (writes, ppid) = match self.writes_of(&command, &values) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        let state = self.process.state;
        let there = command.selects.is_none() && command.enters == Some(state);
        // A machine that stands for want of work is idle, and must be told to stop all the same: work may come.
        if there && writes.iter().all(|(point, value)| self.machine.value(*point) == *value) {
            return (ALREADY, Vec::new());
        }
        let fits = there || command.states.is_empty() || command.states.contains(&state);
        if !fits || self.remote.pending.len() >= limits::GEM_PENDING_COMMANDS {
            return (CANNOT_NOW, Vec::new());
        }
        if !self.write(&writes) {
            return (CANNOT_NOW, Vec::new());
        }
        self.begin(command, writes, ppid)
    }

    /// What the command writes, and the recipe that it selects.
    fn writes_of(&self, command: &GemCommand, values: &[Value]) -> Result<Effects, Outcome> {
        let mut writes = Vec::new();
        for w in &command.writes {
            let number = |name: &String| {
                values.iter().find_map(|v| match v {
                    Value::Number(n, x) if n == name => Some(*x),
                    _ => None,
                })
            };
            let value = w.value.or_else(|| w.parameter.as_ref().and_then(number));
            let (Some(ix), Some(value)) = (self.catalog.point(&w.point), value) else {
                return Err((CANNOT_NOW, Vec::new()));
            };
            let (data, _) = self.catalog.points[usize::from(ix.0)];
            writes.push((ix, data.quantise(value)));
        }
        let Some(by) = &command.selects else { return Ok((writes, None)) };
        let ppid = values.iter().find_map(|v| match v {
            Value::Text(n, t) if n == by => Some(t.clone()),
            _ => None,
        });
        let refused = || (BAD_PARAMETER, vec![(Item::text(by), BAD_VALUE)]);
        let ppid = ppid.ok_or_else(refused)?;
        let number = self.recipes.number(&ppid).ok_or_else(refused)?;
        if let Some((point, writable)) = self.catalog.recipe {
            if writable {
                let body = self.recipes.bodies.get(&ppid).ok_or_else(refused)?;
                writes.extend(self.program(body).ok_or_else(refused)?);
                writes.push((point, number));
            } else if self.machine.value(point) != number {
                // The machine cannot be told, and runs another.
                return Err((CANNOT_NOW, Vec::new()));
            }
        }
        Ok((writes, Some(ppid)))
    }

    fn begin(&mut self, command: GemCommand, writes: Vec<(PointIx, f64)>, ppid: Option<String>) -> Outcome {
        for (point, value) in &writes {
            self.constants.wrote(*point, *value);
        }
        // What an earlier command wanted of the same points will not come any more.
        let clash = |p: &Pending| p.writes.iter().any(|(a, _)| writes.iter().any(|(b, _)| a == b));
        let (over, pending) = std::mem::take(&mut self.remote.pending).into_iter().partition(clash);
        self.remote.pending = pending;
        for p in over {
            self.command_failed(p);
        }
        let from = self.process.state;
        if ppid.is_some() {
            self.enter(GemProcessState::Setup);
        }
        self.remote.last += 1;
        let (number, enters) = (self.remote.last, command.enters);
        if let Some(state) = enters.filter(|s| *s != GemProcessState::Executing) {
            self.process.wanted = Some(Wanted { state, by: number });
        }
        let until = self.now.after(self.options.command);
        let pending = Pending { number, name: command.name, writes, enters, ppid, from, until };
        if command.until.is_none() {
            self.command_done(pending);
            return (DONE, Vec::new());
        }
        self.remote.pending.push(pending);
        (LATER, Vec::new())
    }

    /// After every frame: which commands the machine has by now done.
    pub(super) fn commands_read_back(&mut self) {
        let (machine, running) = (&self.machine, self.process.running);
        // A machine that took the order and does not yet stand, or run, has not done it.
        let arrived = |p: &Pending| match p.enters {
            Some(state) if self.catalog.running.is_some() => running == (state == GemProcessState::Executing),
            _ => true,
        };
        let done =
            |p: &Pending| arrived(p) && p.writes.iter().all(|(point, value)| machine.value(*point) == *value);
        let (done, pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.remote.pending).into_iter().partition(done);
        self.remote.pending = pending;
        for p in done {
            self.command_done(p);
        }
    }

    fn command_done(&mut self, p: Pending) {
        if let Some(ppid) = p.ppid {
            self.recipes.selected = ppid;
            self.changed();
            self.fire_own(OwnEvent::ProcessProgramSelected);
        }
        // EXECUTING is where the machine itself leads, where the profile says how that is seen.
        match p.enters {
            Some(GemProcessState::Executing) if self.catalog.running.is_some() => {}
            Some(state) if !self.process.running => {
                self.process.wanted.take_if(|w| w.by == p.number);
                let held = self.process.state == GemProcessState::Pause;
                self.enter(state);
                // Work that was held and is not resumed has ended by a command.
                if held && state == GemProcessState::Idle {
                    self.fire_own(OwnEvent::ProcessingStopped);
                }
            }
            _ => {}
        }
        self.happened.command_name = p.name;
        let finished = |e: &&aegis_models::profile::GemEvent| matches!(&e.on, GemTrigger::Finished(name) if *name == self.happened.command_name);
        let ceids: Vec<u32> = self.catalog.layout.events.iter().filter(finished).map(|e| e.ceid).collect();
        for ceid in ceids {
            self.fire(ceid);
        }
    }

    /// Commands whose time is up: the host is told that no end will come.
    pub(super) fn commands_due(&mut self) {
        let now = self.now;
        let (over, pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.remote.pending).into_iter().partition(|p| p.until <= now);
        self.remote.pending = pending;
        for p in over {
            self.command_failed(p);
        }
    }

    fn command_failed(&mut self, p: Pending) {
        // What another command wants of the machine still holds.
        self.process.wanted.take_if(|w| w.by == p.number);
        if p.ppid.is_some() && self.process.state == GemProcessState::Setup {
            self.enter(p.from);
        }
        self.happened.command_name = p.name;
        self.fire_own(OwnEvent::RemoteCommandFailed);
    }
}

/// A parameter's value.
enum Value {
    Number(String, f64),
    Text(String, String),
}

/// The values of a command's parameters, or what is wrong with those given.
fn parameters(command: &GemCommand, given: &[Given<'_>]) -> Result<Vec<Value>, Vec<(Item, u8)>> {
    let (mut values, mut wrong) = (Vec::new(), Vec::new());
    for g in given {
        let Some(spec) = command.parameters.iter().find(|p| p.name == g.name) else {
            wrong.push((g.cpname.clone(), NO_SUCH_NAME));
            continue;
        };
        let name = || g.name.clone();
        let value = match spec.range {
            None => read::ppid(g.value).map(|t| Value::Text(name(), t)).map_err(|_| BAD_FORMAT),
            Some([low, high]) => match read::number(g.value) {
                Ok(x) if (low..=high).contains(&x) => Ok(Value::Number(name(), x)),
                Ok(_) => Err(BAD_VALUE),
                Err(Illegal) => Err(BAD_FORMAT),
            },
        };
        match value {
            Ok(value) => values.push(value),
            Err(code) => wrong.push((g.cpname.clone(), code)),
        }
    }
    // One that is missing is a value that it cannot have; so is one that stands twice.
    for p in &command.parameters {
        if given.iter().filter(|g| g.name == p.name).count() != 1 {
            wrong.push((Item::text(&p.name), BAD_VALUE));
        }
    }
    if wrong.is_empty() { Ok(values) } else { Err(wrong) }
}

fn given(item: &Item) -> Result<Vec<Given<'_>>, Illegal> {
    let pair = |row| {
        let [cpname, value] = read::fields(row)?;
        Ok(Given { name: read::name(cpname)?, cpname, value })
    };
    read::list(item)?.iter().map(pair).collect()
}

/// `L,2 HCACK L,n L,2 CPNAME CPACK`.
fn outcome(code: u8, wrong: Vec<(Item, u8)>, ack: impl Fn(u8) -> Item) -> Answer {
    let wrong = wrong.into_iter().map(|(cpname, code)| Item::List(vec![cpname, ack(code)]));
    Answer::Body(Item::List(vec![Item::Binary(vec![code]), Item::List(wrong.collect())]))
}
