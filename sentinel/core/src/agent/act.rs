//! From decisions to deeds: GREEN begins an execution, YELLOW proposes, RED alerts.

use aegis_models::action::SetPoint;
use aegis_models::event::{Body, ExecutionStep, IncidentState, Proposal};
use aegis_models::{Action, Command, Time, Zone};

use super::Agent;
use crate::execute::{Execution, Phase};
use crate::machine::Pending;
use crate::safety::{Decision, EffectRule, inside};

impl Agent {
    /// Decides over every incident that asks for it, then acts: first all decisions, so that nothing GREEN moves on a
    /// machine that another incident has just made RED.
    pub(super) fn decide(&mut self, i: usize) {
        let now = self.now;
        let mut due = Vec::new();
        for k in 0..self.machines[i].book.open.len() {
            let t = &self.machines[i].book.open[k];
            if !(t.undecided || t.review_at.is_some_and(|at| now >= at)) {
                continue;
            }
            let decision = self.decision(i, k);
            let review = self.circuit.policy().review.0;
            let t = &mut self.machines[i].book.open[k];
            t.zone = decision.zone;
            t.undecided = false;
            t.review_at = Some(now.after(review));
            let said = format!("{} {} {:?}", decision.zone, decision.action.kind, decision.action.write);
            let news = t.said != said;
            t.said = said;
            let (incident, machine) = (t.incident.id.clone(), t.incident.machine.clone());
            if news {
                self.emit(Body::Decision {
                    incident: incident.clone(),
                    machine,
                    zone: decision.zone,
                    action: decision.action.clone(),
                    reason: decision.reason.clone(),
                });
            }
            due.push((incident, decision, news));
        }
        self.set_zone(i);
        for (incident, decision, news) in due {
            self.act(i, &incident, decision, news);
        }
    }

    fn decision(&self, i: usize, k: usize) -> Decision {
        let t = &self.machines[i].book.open[k];
        let mut decision = self.circuit.decide(&t.incident.threat, &self.state(i));
        if let Some(cascade) = &self.machines[i].cascade {
            let reason = format!("the machine is in {cascade}");
            return Decision::alert(reason);
        }
        if let Some(w) = &decision.action.write
            && t.tried.contains(&w.point)
        {
            let reason = format!("changing {} had no effect before", w.point);
            decision = Decision::alert(reason);
        }
        decision
    }

    fn act(&mut self, i: usize, incident: &str, decision: Decision, news: bool) {
        let writes = decision.action.write.is_some();
        if self.machines[i].zone == Zone::Red && decision.zone != Zone::Red && (writes || !news) {
            return;
        }
        match decision.zone {
            // A write is carried out as often as it is decided, whatever was said before: each is one bounded step.
            Zone::Green if writes => self.begin(i, incident, &decision.action, decision.effect, None),
            Zone::Yellow => self.propose(i, incident, decision),
            _ if news => self.done(i, incident, decision.action),
            _ => {}
        }
    }

    pub(super) fn done(&mut self, i: usize, incident: &str, action: Action) {
        let machine = self.machines[i].name.clone();
        self.emit(Body::Done { incident: incident.to_owned(), machine, action });
    }

    fn propose(&mut self, i: usize, incident: &str, decision: Decision) {
        let same = |p: &Pending| p.proposal.incident == incident && p.proposal.action == decision.action;
        let answered = self.machines[i].book.find(incident).is_none_or(|t| t.answered);
        if answered || self.machines[i].proposals.iter().any(same) || self.machines[i].execution.is_some() {
            return;
        }
        self.void_of(i, incident, "another action takes its place");
        let policy = self.circuit.policy();
        let (policy_version, expires) = (policy.version, self.now.after(policy.proposal_ttl.0));
        let Some(threat) = self.machines[i].book.find(incident).map(|t| t.incident.threat.kind) else {
            return;
        };
        let proposal = Proposal {
            nonce: self.next_id(),
            incident: incident.to_owned(),
            machine: self.machines[i].name.clone(),
            threat,
            action: decision.action,
            policy_version,
            expires,
        };
        self.machines[i].proposals.push(Pending { proposal: proposal.clone(), effect: decision.effect });
        self.emit(Body::Proposal(proposal));
    }

    /// Starts an execution, if one may start now. `approved` is the name a person signed.
    pub(super) fn begin(
        &mut self,
        i: usize,
        incident: &str,
        action: &Action,
        effect: Option<EffectRule>,
        approved: Option<aegis_models::CommandId>,
    ) {
        let Some(SetPoint { point, from, to }) = action.write.clone() else { return };
        let Some(tolerance) = self.plans[i].profile.command(&point).map(|c| c.tolerance) else { return };
        if self.machines[i].execution.is_some() || !self.may_write(i, &point, to) {
            return;
        }
        let id = approved.unwrap_or_else(|| self.next_id());
        let command = Command { id, machine: self.machines[i].name.clone(), point, value: to };
        let channel = effect.as_ref().and_then(|e| self.plans[i].channel(&e.channel));
        let before = channel.and_then(|c| self.machines[i].monitor.smooth[c]);
        self.start(
            i,
            Execution {
                incident: incident.to_owned(),
                command,
                from,
                tolerance,
                effect,
                before,
                rollback: false,
                stop: false,
                phase: Phase::AwaitDurable,
                deadline: self.now.after(std::time::Duration::from_secs(15)),
                seen: None,
            },
        );
        self.set_state(i, incident, IncidentState::Mitigating);
    }

    /// Asks for an execution's intent to be made durable.
    pub(super) fn start(&mut self, i: usize, execution: Execution) {
        let id = execution.command.id;
        let detail = format!("from {} to {}", execution.from, execution.command.value);
        let (incident, command) = (execution.incident.clone(), execution.command.clone());
        let slot = &mut self.machines[i];
        if execution.stop {
            slot.stopping = Some(execution);
        } else {
            slot.execution = Some(execution);
        }
        self.emit(Body::Execution { incident, command, step: ExecutionStep::Intended, detail });
        self.out.push_back(crate::io::Output::Intend(id));
    }

    /// Every write but a person's own stop passes here, when it is begun and again when it leaves.
    pub(super) fn may_write(&self, i: usize, point: &str, value: f64) -> bool {
        let state = self.state(i);
        let Some(command) = self.plans[i].profile.command(point) else { return false };
        self.machines[i].worst() != Zone::Red
            && state.fresh
            && !state.contradictory
            && inside(command, value)
            && self.rate_allows(i, point)
    }

    pub(super) fn rate_allows(&self, i: usize, point: &str) -> bool {
        let Some(command) = self.plans[i].profile.command(point) else { return false };
        let last: Option<&Time> = self.machines[i].last_write.get(point);
        last.is_none_or(|t| self.now.since(*t) >= command.min_interval.0)
    }

    pub(super) fn set_state(&mut self, i: usize, incident: &str, state: IncidentState) {
        let Some(t) = self.machines[i].book.find(incident) else { return };
        if t.set_state(state) {
            let incident = t.incident.clone();
            self.emit(Body::IncidentUpdated { incident });
        }
    }
}
