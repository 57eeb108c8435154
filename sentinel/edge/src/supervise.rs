//! Safety invariant 5: a panic in the agent ends in alert-only, never in silence.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use aegis_models::event::{Body, Event, Source};
use aegis_models::{CommandId, Time};
use aegis_sentinel::{Agent, Input, Output, Snapshot};

/// The alarm is repeated this often.
const REPEAT: Duration = Duration::from_secs(60);

/// An agent, or what is left to say when it is gone.
pub struct Supervised {
    agent: Option<Agent>,
    /// This start's number: a stop that is refused is named by it.
    boot: u64,
    last_seq: u64,
    failure: String,
    said: Option<Time>,
}

impl Supervised {
    /// Watches over an agent.
    pub fn new(agent: Agent, boot: u64) -> Supervised {
        Supervised {
            last_seq: agent.snapshot().seq(),
            agent: Some(agent),
            boot,
            failure: String::new(),
            said: None,
        }
    }

    /// Hands an input to the agent and collects what it wants done. An agent that panics is dropped with everything it
    /// may have half done: nothing of that leaves.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Output> {
        let asked = self.asked(&input);
        let Some(agent) = &mut self.agent else { return self.alert(now, asked) };
        let work = AssertUnwindSafe(|| {
            agent.handle(now, input);
            let mut out = Vec::new();
            while let Some(output) = agent.poll() {
                out.push(output);
            }
            out
        });
        match catch_unwind(work) {
            Ok(out) => {
                let told = out.iter().filter_map(|o| match o {
                    Output::Event(e) => Some(e.seq),
                    _ => None,
                });
                self.last_seq = told.max().unwrap_or(self.last_seq);
                out
            }
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                self.failure = text.unwrap_or_else(|| "it panicked".to_owned());
                self.agent = None;
                self.alert(now, asked)
            }
        }
    }

    /// When it wants to be called again at the latest.
    pub fn poll_timeout(&self) -> Option<Time> {
        match &self.agent {
            Some(agent) => agent.poll_timeout(),
            None => self.said.map(|t| t.after(REPEAT)),
        }
    }

    /// What a restart must not forget; none of an agent that failed.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.agent.as_ref().map(Agent::snapshot)
    }

    /// Whether the agent is gone.
    pub fn failed(&self) -> bool {
        self.agent.is_none()
    }

    /// What a person asks for: whoever asks gets an answer.
    fn asked(&self, input: &Input) -> Option<CommandId> {
        match input {
            Input::Answer(a) => Some(a.answer.nonce),
            Input::Stop(s) => Some(CommandId { boot: self.boot, number: s.stop.serial }),
            _ => None,
        }
    }

    /// All that is left to say: that the agent has failed, and no to what people ask for.
    fn alert(&mut self, now: Time, asked: Option<CommandId>) -> Vec<Output> {
        let mut bodies = Vec::new();
        if self.said.is_none_or(|t| now.since(t) >= REPEAT) {
            self.said = Some(now);
            bodies.push(Body::AgentFailed { reason: self.failure.clone() });
        }
        if let Some(nonce) = asked {
            let reason = "the agent has failed and only alerts: act at the machine".to_owned();
            bodies.push(Body::AnswerTaken { nonce, accepted: false, reason });
        }
        let event = |body| {
            self.last_seq += 1;
            Output::Event(Event { time: now, source: Source::Sentinel, seq: self.last_seq, body })
        };
        bodies.into_iter().map(event).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aegis_models::event::Finding;
    use aegis_models::{Frame, MachineIx, PointIx, Profile, Quality, Sample};
    use aegis_sentinel::detect::Detector;
    use aegis_sentinel::{AgentConfig, MachineConfig, Policy, SignedStop, SigningKey, Stop, WriteOutcome};

    use super::*;

    /// A detector that somebody wrote in a hurry.
    struct Careless(u32);

    impl Detector for Careless {
        fn observe(&mut self, _: &Sample, _: Time) -> Option<Finding> {
            self.0 -= 1;
            assert!(self.0 > 0, "index out of bounds, as it were");
            None
        }
    }

    fn key() -> SigningKey {
        SigningKey::from_secret([7; 32])
    }

    /// An agent whose detector panics at that sample.
    fn supervised(panics_at: u32) -> Supervised {
        let profile = Arc::new(Profile::built_in("ffu").unwrap());
        let machines = vec![MachineConfig::new("FFU-01".into(), profile)];
        let (key, policy) = (Some(key().public()), Policy::built_in());
        let config = AgentConfig { name: "a".into(), boot: 1, key, policy, machines };
        let mut agent = Agent::new(config, Time::ZERO);
        agent.attach(MachineIx(0), Box::new(Careless(panics_at)));
        Supervised::new(agent, 1)
    }

    fn frame(s: u64) -> (Time, Input) {
        let time = Time::from_secs(s);
        let samples = vec![Sample { point: PointIx(0), value: 1_000.0 + s as f64, quality: Quality::Good }];
        (time, Input::Frame(Frame { time, machine: MachineIx(0), samples, records: vec![], bursts: vec![] }))
    }

    fn stop(serial: u64) -> SignedStop {
        let expires = Time::from_secs(10_000);
        key().sign_stop(Stop { machine: "FFU-01".into(), serial, expires, operator: "Ada".into() })
    }

    fn acts(outputs: &[Output]) -> bool {
        outputs.iter().any(|o| !matches!(o, Output::Event(_)))
    }

    #[test]
    fn a_detector_that_panics_ends_in_alert_only() {
        let mut supervised = supervised(30);
        let mut alerts = Vec::new();
        let mut last = 0;
        for s in 1..=300 {
            let (time, input) = frame(s);
            for output in supervised.handle(time, input) {
                let Output::Event(e) = output else { panic!("an agent that failed wants to act") };
                assert!(e.seq > last, "numbers go on");
                last = e.seq;
                if let Body::AgentFailed { reason } = e.body {
                    assert!(reason.contains("as it were"));
                    alerts.push(s);
                }
            }
        }
        assert_eq!(alerts, [30, 90, 150, 210, 270], "at once, and again every minute");
        assert!(supervised.failed() && supervised.snapshot().is_none());
        assert_eq!(supervised.poll_timeout(), Some(Time::from_secs(330)), "and without a frame, too");
    }

    /// Whatever was on its way when the agent failed, nothing more leaves.
    #[test]
    fn an_agent_that_fails_in_the_middle_of_a_command_writes_nothing_more() {
        for sent in [false, true] {
            let mut supervised = supervised(3);
            let (t1, f1) = frame(1);
            supervised.handle(t1, f1);
            let wants = supervised.handle(t1, Input::Stop(stop(1)));
            let id = wants.iter().find_map(|o| match o {
                Output::Intend(id) => Some(*id),
                _ => None,
            });
            let id = id.expect("before it fails, it obeys");
            if sent {
                assert!(acts(&supervised.handle(t1, Input::Durable { id })), "and writes");
            }
            (2..=3).map(frame).for_each(|(t, f)| drop(supervised.handle(t, f)));
            assert!(supervised.failed());
            let outcome = WriteOutcome::Unknown { reason: "lost".into() };
            let inputs = [Input::Durable { id }, Input::Written { id, outcome }, Input::Tick];
            for (i, input) in (4..).zip(inputs) {
                assert!(!acts(&supervised.handle(Time::from_secs(i), input)));
            }
            for s in 10..=400 {
                let (time, input) = frame(s);
                assert!(!acts(&supervised.handle(time, input)));
            }
        }
    }

    #[test]
    fn a_person_who_asks_a_failed_agent_is_told_no() {
        let mut supervised = supervised(1);
        let (time, input) = frame(1);
        supervised.handle(time, input);
        let told = supervised.handle(time, Input::Stop(stop(5)));
        let [Output::Event(e)] = &told[..] else { panic!("{told:?}") };
        let Body::AnswerTaken { nonce, accepted, reason } = &e.body else { panic!("{e:?}") };
        assert_eq!((nonce.number, *accepted), (5, false));
        assert!(reason.contains("at the machine"));
    }
}
