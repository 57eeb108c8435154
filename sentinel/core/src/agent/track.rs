//! Follows the commands that are on their way.

use aegis_models::event::{Body, ExecutionStep};
use aegis_models::{Command, CommandId, Frame, Quality, Zone};

use super::Agent;
use crate::execute::{End, Execution, Phase, Progress};
use crate::io::{Output, WriteOutcome};

impl Agent {
    /// The intent is durable: the write may leave, if it still may.
    pub(super) fn take_durable(&mut self, id: CommandId) {
        let Some((i, stop)) = self.find_execution(id, |p| p == Phase::AwaitDurable) else { return };
        let now = self.now;
        let command = self.slot(i, stop).as_ref().map(|e| e.command.clone());
        let Some(command) = command else { return };
        if !stop && !self.may_write(i, &command.point, command.value) {
            let detail = "it may no longer leave: the zone, the values or the rate limit changed".to_owned();
            return self.apply(i, stop, Progress::Over(ExecutionStep::Held, detail, End::Vain));
        }
        self.machines[i].last_write.insert(command.point.clone(), now);
        if let Some(e) = self.slot(i, stop) {
            e.sent(now);
        }
        self.apply(
            i,
            stop,
            Progress::Step(ExecutionStep::Sent, format!("{} = {}", command.point, command.value)),
        );
        self.out.push_back(Output::Write(command));
    }

    pub(super) fn take_written(&mut self, id: CommandId, outcome: &WriteOutcome) {
        let Some((i, stop)) = self.find_execution(id, |p| p == Phase::AwaitWritten) else { return };
        let now = self.now;
        if let Some(progress) = self.slot(i, stop).as_mut().map(|e| e.written(outcome, now)) {
            self.apply(i, stop, progress);
        }
    }

    /// A frame may read a set-point back, or show an effect.
    pub(super) fn track_frame(&mut self, i: usize, frame: &Frame) {
        let now = self.now;
        for stop in [false, true] {
            let Some(e) = self.slot(i, stop).clone() else { continue };
            let point = self.plans[i].profile.point_ix(&e.command.point);
            let reading = frame.samples.iter().find(|s| Some(s.point) == point && s.quality == Quality::Good);
            if let Some(s) = reading
                && let Some(progress) = self.slot(i, stop).as_mut().and_then(|e| e.reads(s.value, now))
            {
                self.apply(i, stop, progress);
            }
            let channel = e.effect.as_ref().and_then(|r| self.plans[i].channel(&r.channel));
            if let Some(value) = channel.and_then(|c| self.machines[i].monitor.smooth[c])
                && let Some(progress) = self.slot(i, stop).as_mut().and_then(|e| e.effect_reads(value))
            {
                self.apply(i, stop, progress);
            }
        }
    }

    /// Deadlines, and rollbacks that waited for the rate limit.
    pub(super) fn track_time(&mut self, i: usize) {
        let (now, zone) = (self.now, self.machines[i].zone);
        if !self.state(i).fresh
            && let Some(e) = self.machines[i].execution.as_mut()
        {
            e.unseen(now);
        }
        for stop in [false, true] {
            let Some(progress) = self.slot(i, stop).as_mut().and_then(|e| e.late(now, zone)) else {
                continue;
            };
            self.apply(i, stop, progress);
        }
        let waiting = self.machines[i].execution.as_ref().filter(|e| e.phase == Phase::AwaitRollback);
        if let Some(e) = waiting.cloned()
            && self.may_write(i, &e.command.point, e.from)
        {
            let command = Command { id: self.next_id(), value: e.from, ..e.command.clone() };
            let mut back: Execution = e;
            back.roll_back(command.clone(), now);
            let incident = back.incident.clone();
            self.machines[i].execution = Some(back);
            let detail = format!("back to {}", command.value);
            let id = command.id;
            self.emit(Body::Execution { incident, command, step: ExecutionStep::RollingBack, detail });
            self.out.push_back(Output::Intend(id));
        }
    }

    fn apply(&mut self, i: usize, stop: bool, progress: Progress) {
        let Some(e) = self.slot(i, stop).clone() else { return };
        let (step, detail, end) = match progress {
            Progress::Step(step, detail) => (step, detail, None),
            Progress::Over(step, detail, end) => (step, detail, Some(end)),
        };
        self.emit(Body::Execution { incident: e.incident.clone(), command: e.command.clone(), step, detail });
        let Some(end) = end else { return };
        *self.slot(i, stop) = None;
        self.machines[i].contradictory |= end == End::Doubt;
        let review = self.now.after(self.circuit.policy().review.0);
        if let Some(t) = self.machines[i].book.find(&e.incident) {
            t.review_at = Some(review);
            let point = e.command.point;
            if end == End::Lost && !t.lost.contains(&point) {
                // What to do is decided anew, over what is seen then; lost a second time, it is in vain.
                t.lost.push(point);
                t.undecided = true;
            } else if end != End::Well && !t.tried.contains(&point) {
                t.tried.push(point);
                t.undecided = true;
            }
        }
        if end == End::Doubt {
            self.machines[i].book.open.iter_mut().for_each(|t| {
                t.zone = Zone::Red;
                t.undecided = true;
            });
        }
    }

    fn slot(&mut self, i: usize, stop: bool) -> &mut Option<Execution> {
        if stop { &mut self.machines[i].stopping } else { &mut self.machines[i].execution }
    }

    fn find_execution(&self, id: CommandId, phase: impl Fn(Phase) -> bool) -> Option<(usize, bool)> {
        let is = |e: &Option<Execution>| e.as_ref().is_some_and(|e| e.command.id == id && phase(e.phase));
        self.machines.iter().enumerate().find_map(|(i, m)| {
            if is(&m.execution) { Some((i, false)) } else { is(&m.stopping).then_some((i, true)) }
        })
    }
}
