//! The communications state model (E30): disabled; enabled and establishing; communicating.

use std::time::Duration;

use aegis_models::Time;

use super::super::{Item, Message};
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::own;
use super::read::{self, Illegal};
use super::send::Purpose;

/// Where the model stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Communications {
    /// No host is wanted.
    Disabled,
    /// There is no selected session to establish them over.
    #[default]
    NoLink,
    /// S1F13 is sent: WAIT CRA.
    WaitCra,
    /// The last attempt failed; the next one comes then: WAIT DELAY.
    WaitDelay(Time),
    /// COMMUNICATING.
    Communicating,
}

impl Communications {
    pub fn communicating(self) -> bool {
        self == Communications::Communicating
    }

    pub fn due(self) -> Option<Time> {
        match self {
            Communications::WaitDelay(until) => Some(until),
            _ => None,
        }
    }
}

impl Equipment {
    /// The operator wants a host.
    pub fn enable(&mut self, now: Time) {
        self.advance(now);
        self.changed();
        if self.communications == Communications::Disabled {
            self.communications = Communications::NoLink;
            if self.session.is_selected() {
                self.link_selected();
            }
        }
    }

    /// The operator wants no host: the session ends.
    pub fn disable(&mut self, now: Time) {
        self.advance(now);
        self.changed();
        self.link_lost();
        self.communications = Communications::Disabled;
        self.session.separate(now);
        self.pump();
    }

    /// Whether the operator wants a host.
    pub fn is_enabled(&self) -> bool {
        self.communications != Communications::Disabled
    }

    pub(super) fn link_selected(&mut self) {
        if self.communications == Communications::Disabled {
            self.session.separate(self.now);
        } else {
            self.establish();
        }
    }

    pub(super) fn link_lost(&mut self) {
        if self.communications == Communications::Disabled {
            return;
        }
        self.communications = Communications::NoLink;
        self.conversations.clear();
        self.control_link_lost();
        self.outbox_lost();
    }

    /// S1F13, to which the host answers with S1F14.
    fn establish(&mut self) {
        let body = Item::List(vec![
            Item::text(&self.catalog.layout.model),
            Item::text(&self.catalog.layout.software),
        ]);
        let message = Message { stream: 1, function: 13, wants_reply: true, body: Some(body) };
        self.communications = match self.send_now(message, Purpose::Establish) {
            Ok(()) => Communications::WaitCra,
            Err(_) => self.delay(),
        };
    }

    fn delay(&self) -> Communications {
        let wait = Duration::from_secs(self.constants.get(own::ESTABLISH_TIMEOUT) as u64);
        Communications::WaitDelay(self.now.after(wait))
    }

    /// What came of our S1F13: the host's answer, or none.
    pub(super) fn established(&mut self, reply: Option<&Message>) {
        if self.communications != Communications::WaitCra {
            return;
        }
        let accepted = reply.is_some_and(|m| {
            let code = m.body.as_ref().and_then(|b| read::list(b).ok()?.first().map(read::byte));
            (m.stream, m.function, code) == (1, 14, Some(Ok(0)))
        });
        self.communications = if accepted { Communications::Communicating } else { self.delay() };
    }

    /// A primary other than S1F13 while communications are not established: it is discarded, and shows that somebody
    /// is there to try again with.
    pub(super) fn heard_while_not_communicating(&mut self) {
        if matches!(self.communications, Communications::WaitDelay(_)) {
            self.establish();
        }
    }

    pub(super) fn communications_due(&mut self) {
        if self.communications.due().is_some_and(|until| until <= self.now) {
            self.establish();
        }
    }

    /// S1F13 from the host. An empty list comes from hosts; anything else is not looked at (E5).
    pub(super) fn s1f13(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        read::list(body.ok_or(Illegal)?)?;
        self.communications = Communications::Communicating;
        Ok(Answer::Body(Item::List(vec![Item::Binary(vec![0]), self.identity()])))
    }

    /// MDLN and SOFTREV.
    pub(super) fn identity(&self) -> Item {
        Item::List(vec![Item::text(&self.catalog.layout.model), Item::text(&self.catalog.layout.software)])
    }
}
