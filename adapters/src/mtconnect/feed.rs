//! One client's stream: which part comes next, and when (Part 1, HTTP data streaming). Pure.
//!
//! Nothing is queued for a client: a part is made when the connection takes it, from where the last one ended. Who reads
//! so slowly that the buffer has run over meanwhile is told so and let go.

use std::time::Duration;

use aegis_models::Time;

use super::agent::Agent;
use super::document::Draft;
use super::multipart;
use super::query::{ErrorCode, Refusal};
use crate::limits;

/// A sign of life comes after this when the client does not say (Part 1, `heartbeat`).
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Where one client's stream stands.
#[derive(Debug)]
pub struct Feed {
    boundary: String,
    wanted: Vec<bool>,
    interval: Duration,
    kind: Kind,
    /// When the last part was made; none before the first.
    sent: Option<Time>,
    ended: bool,
}

#[derive(Debug)]
enum Kind {
    Current,
    Sample { next: u64, count: usize, heartbeat: Duration },
}

/// One part of a stream, yet to be written.
#[derive(Debug)]
pub struct Part {
    boundary: String,
    draft: Draft,
    last: bool,
}

impl Part {
    /// Its bytes.
    pub fn write(self) -> Vec<u8> {
        let mut bytes = multipart::part(&self.boundary, &self.draft.write());
        if self.last {
            bytes.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        }
        bytes
    }

    /// How much there is to write.
    pub fn observations(&self) -> usize {
        self.draft.observations()
    }
}

/// What a stream does next.
#[derive(Debug)]
pub enum Next {
    /// This goes out.
    Part(Part),
    /// Nothing until then, or until something is observed.
    Wait(Time),
    /// Nothing any more.
    End,
}

impl Feed {
    pub(super) fn current(instance_id: u64, wanted: Vec<bool>, interval: Duration) -> Feed {
        let interval = interval.max(limits::MTCONNECT_LEAST_INTERVAL);
        let boundary = boundary(instance_id);
        Feed { boundary, wanted, interval, kind: Kind::Current, sent: None, ended: false }
    }

    pub(super) fn sample(
        instance_id: u64,
        wanted: Vec<bool>,
        from: u64,
        count: u64,
        interval: Duration,
        heartbeat: Option<Duration>,
    ) -> Feed {
        // 0 asks for as soon as possible.
        let interval = interval.max(limits::MTCONNECT_LEAST_INTERVAL);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let kind = Kind::Sample { next: from, count, heartbeat: heartbeat.unwrap_or(HEARTBEAT) };
        Feed { boundary: boundary(instance_id), wanted, interval, kind, sent: None, ended: false }
    }

    /// The media type of the whole stream.
    pub fn content_type(&self) -> String {
        format!("multipart/x-mixed-replace;boundary={}", self.boundary)
    }

    /// What comes next, at the moment `now` of whatever clock the caller keeps to.
    pub fn poll(&mut self, now: Time, agent: &Agent) -> Next {
        if self.ended {
            return Next::End;
        }
        if let Some(due) = self.sent.map(|sent| sent.after(self.interval))
            && now < due
        {
            return Next::Wait(due);
        }
        let draft = match &mut self.kind {
            Kind::Current => match agent.current(None, &self.wanted) {
                Ok(draft) => draft,
                Err(refusal) => return self.end(agent, &refusal),
            },
            Kind::Sample { next, count, heartbeat } => {
                let (first, end) = (agent.buffer().first(), agent.buffer().next());
                if !(first..=end).contains(next) {
                    let message = format!("the stream is at {next}; the buffer begins at {first}");
                    return self.end(agent, &Refusal { code: ErrorCode::OutOfRange, message });
                }
                let run = agent.buffer().forward(*next, u64::MAX, *count, |entry| self.wanted[entry]);
                *next = run.next;
                if let Some(sent) = self.sent
                    && run.observations.is_empty()
                    && now < sent.after(*heartbeat)
                {
                    return Next::Wait(sent.after(*heartbeat));
                }
                agent.writer().streams(&run.observations, run.next)
            }
        };
        self.sent = Some(now);
        Next::Part(Part { boundary: self.boundary.clone(), draft, last: false })
    }

    fn end(&mut self, agent: &Agent, refusal: &Refusal) -> Next {
        self.ended = true;
        let draft = agent.writer().error(refusal);
        Next::Part(Part { boundary: self.boundary.clone(), draft, last: true })
    }
}

fn boundary(instance_id: u64) -> String {
    format!("aegis-{instance_id:016x}")
}
