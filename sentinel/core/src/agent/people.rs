//! What people say: answers to proposals, their own stop, and that they have seen an incident.

use aegis_models::event::{Body, IncidentState};
use aegis_models::{Command, CommandId, Zone};

use super::Agent;
use crate::approval::{Answer, SignedAnswer, SignedStop};
use crate::execute::{Execution, Phase};
use crate::machine::Pending;

impl Agent {
    pub(super) fn take_answer(&mut self, signed: &SignedAnswer) {
        let nonce = signed.answer.nonce;
        match self.examine(signed) {
            Err(reason) => self.emit(Body::AnswerTaken { nonce, accepted: false, reason: reason.to_owned() }),
            Ok((i, k)) => {
                let pending = self.machines[i].proposals.remove(k);
                if let Some(t) = self.machines[i].book.find(&pending.proposal.incident) {
                    // A write may be put again when its step was not enough; what a person has to do was said once.
                    t.answered = !signed.answer.approve || pending.proposal.action.write.is_none();
                }
                let approver = &signed.answer.approver;
                let verdict = if signed.answer.approve { "approved" } else { "rejected" };
                self.emit(Body::AnswerTaken {
                    nonce,
                    accepted: true,
                    reason: format!("{verdict} by {approver}"),
                });
                if signed.answer.approve {
                    self.carry_out(i, pending);
                } else {
                    let reason = format!("rejected by {approver}");
                    self.emit(Body::ProposalVoid { nonce, reason });
                }
            }
        }
    }

    /// An answer counts only for exactly the proposal that waits: its nonce, command, policy version and expiry.
    fn examine(&self, signed: &SignedAnswer) -> Result<(usize, usize), &'static str> {
        let answer = &signed.answer;
        let key = self.key.ok_or("no key is trusted")?;
        if !key.signed_answer(signed) {
            return Err("the signature is not of the trusted key");
        }
        let find = |(i, m): (usize, &crate::machine::Machine)| {
            Some((i, m.proposals.iter().position(|p| p.proposal.nonce == answer.nonce)?))
        };
        let (i, k) = self.machines.iter().enumerate().find_map(find).ok_or("no such proposal waits")?;
        let Pending { proposal, .. } = &self.machines[i].proposals[k];
        if self.now >= proposal.expires {
            return Err("it came too late");
        }
        if *answer != Answer::to(proposal, answer.approve, &answer.approver) {
            return Err("it answers something else than was proposed");
        }
        if proposal.policy_version != self.circuit.policy().version {
            return Err("the policy has changed since");
        }
        if answer.approve && (self.machines[i].worst() == Zone::Red || !self.state(i).fresh) {
            return Err("the zone is RED");
        }
        Ok((i, k))
    }

    fn carry_out(&mut self, i: usize, pending: Pending) {
        let Pending { proposal, effect } = pending;
        if proposal.action.write.is_some() {
            self.begin(i, &proposal.incident, &proposal.action, effect, Some(proposal.nonce));
        } else {
            self.set_state(i, &proposal.incident, IncidentState::Mitigating);
            self.done(i, &proposal.incident, proposal.action);
        }
    }

    /// A person's own stop passes in every zone, once: it is signed apart, and its serial only grows.
    pub(super) fn take_stop(&mut self, signed: &SignedStop) {
        let stop = &signed.stop;
        let nonce = CommandId { boot: self.boot, number: stop.serial };
        let refusal = match self.key {
            None => Some("no key is trusted"),
            Some(key) if !key.signed_stop(signed) => Some("the signature is not of the trusted key"),
            _ if stop.serial <= self.stop_serial => Some("this stop was given before"),
            _ if self.now >= stop.expires => Some("it came too late"),
            _ => None,
        };
        let place = self.plans.iter().position(|p| p.name == stop.machine);
        let spec = place.and_then(|i| Some((i, self.plans[i].profile.stop.clone()?)));
        let (i, spec) = match (refusal, spec) {
            (None, Some(found)) => found,
            (reason, _) => {
                let reason = reason.unwrap_or("that machine cannot be stopped from here").to_owned();
                return self.emit(Body::AnswerTaken { nonce, accepted: false, reason });
            }
        };
        self.stop_serial = stop.serial;
        let reason = format!("{} stops {}", stop.operator, stop.machine);
        self.emit(Body::AnswerTaken { nonce, accepted: true, reason });
        let command = Command {
            id: self.next_id(),
            machine: stop.machine.clone(),
            point: spec.point,
            value: spec.value,
        };
        let from = self.plans[i].profile.point_ix(&command.point);
        let from =
            from.and_then(|p| self.machines[i].monitor.latest[usize::from(p.0)]).unwrap_or(command.value);
        self.start(
            i,
            Execution {
                incident: String::new(),
                command,
                from,
                tolerance: 1e-6,
                effect: None,
                before: None,
                rollback: false,
                stop: true,
                phase: Phase::AwaitDurable,
                deadline: self.now.after(std::time::Duration::from_secs(15)),
                seen: None,
            },
        );
    }

    pub(super) fn take_acknowledgement(&mut self, incident: &str) {
        for i in 0..self.machines.len() {
            let doubt = self.machines[i].contradictory;
            let Some(t) = self.machines[i].book.find(incident) else { continue };
            // Once a person has looked, a doubt about what the machine does is theirs.
            t.undecided |= doubt;
            self.machines[i].contradictory = false;
            let open = |t: &mut crate::incident::Tracked| t.incident.state == IncidentState::Open;
            if self.machines[i].book.find(incident).is_some_and(open) {
                self.set_state(i, incident, IncidentState::Acknowledged);
            }
        }
    }

    pub(super) fn expire(&mut self, i: usize) {
        let now = self.now;
        let late = |p: &Pending| now >= p.proposal.expires;
        while let Some(k) = self.machines[i].proposals.iter().position(late) {
            let nonce = self.machines[i].proposals.remove(k).proposal.nonce;
            self.emit(Body::ProposalVoid { nonce, reason: "nobody answered in time".to_owned() });
        }
    }

    pub(super) fn void_all(&mut self, i: usize, reason: &str) {
        for p in std::mem::take(&mut self.machines[i].proposals) {
            self.emit(Body::ProposalVoid { nonce: p.proposal.nonce, reason: reason.to_owned() });
        }
    }

    pub(super) fn void_of(&mut self, i: usize, incident: &str, reason: &str) {
        while let Some(k) = self.machines[i].proposals.iter().position(|p| p.proposal.incident == incident) {
            let nonce = self.machines[i].proposals.remove(k).proposal.nonce;
            self.emit(Body::ProposalVoid { nonce, reason: reason.to_owned() });
        }
    }
}
