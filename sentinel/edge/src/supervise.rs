//! Safety invariant 5: a panic in the agent ends in alert-only, never in silence.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use aegis_models::Time;
use aegis_models::event::{Body, Event, Source};
use aegis_sentinel::{Agent, Input, Output, Snapshot};

/// The alarm is repeated this often.
const REPEAT: Duration = Duration::from_secs(60);

/// An agent, or what is left to say when it is gone.
pub struct Supervised {
    agent: Option<Agent>,
    last_seq: u64,
    failure: String,
    said: Option<Time>,
}

impl Supervised {
    /// Watches over an agent.
    pub fn new(agent: Agent) -> Supervised {
        Supervised {
            last_seq: agent.snapshot().seq(),
            agent: Some(agent),
            failure: String::new(),
            said: None,
        }
    }

    /// Hands an input to the agent and collects what it wants done. An agent that panics is dropped with everything it
    /// may have half done: nothing of that leaves.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Output> {
        let Some(agent) = &mut self.agent else { return self.alert(now) };
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
                self.alert(now)
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

    fn alert(&mut self, now: Time) -> Vec<Output> {
        if self.said.is_some_and(|t| now.since(t) < REPEAT) {
            return Vec::new();
        }
        self.said = Some(now);
        self.last_seq += 1;
        let body = Body::AgentFailed { reason: self.failure.clone() };
        vec![Output::Event(Event { time: now, source: Source::Sentinel, seq: self.last_seq, body })]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aegis_models::event::Finding;
    use aegis_models::{Frame, MachineIx, PointIx, Profile, Quality, Sample};
    use aegis_sentinel::detect::Detector;
    use aegis_sentinel::{AgentConfig, MachineConfig, Policy};

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

    #[test]
    fn a_detector_that_panics_ends_in_alert_only() {
        let profile = Arc::new(Profile::built_in("ffu").unwrap());
        let machines = vec![MachineConfig::new("FFU-01".into(), profile)];
        let config =
            AgentConfig { name: "a".into(), boot: 1, key: None, policy: Policy::built_in(), machines };
        let mut agent = Agent::new(config, Time::ZERO);
        agent.attach(MachineIx(0), Box::new(Careless(30)));
        let mut supervised = Supervised::new(agent);
        let mut alerts = Vec::new();
        let mut last = 0;
        for s in 1..=300 {
            let time = Time::from_secs(s);
            let samples =
                vec![Sample { point: PointIx(0), value: 1_000.0 + s as f64, quality: Quality::Good }];
            let frame = Frame { time, machine: MachineIx(0), samples, records: vec![] };
            for output in supervised.handle(time, Input::Frame(frame)) {
                match output {
                    Output::Event(e) => {
                        assert!(e.seq > last, "numbers go on");
                        last = e.seq;
                        if let Body::AgentFailed { reason } = e.body {
                            assert!(reason.contains("as it were"));
                            alerts.push(s);
                        }
                    }
                    Output::Intend(_) | Output::Write(_) => panic!("an agent that failed wants to act"),
                }
            }
        }
        assert_eq!(alerts, [30, 90, 150, 210, 270], "at once, and again every minute");
        assert!(supervised.failed() && supervised.snapshot().is_none());
    }
}
