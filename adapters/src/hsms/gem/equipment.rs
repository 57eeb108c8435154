//! The equipment as its shell sees it: the session's face, and what a machine's owner puts in and takes out.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use aegis_models::{PointIx, Profile, Time};

use super::super::session::{self, Event, Session};
use super::super::{Item, Message};
use super::alarms::Alarms;
use super::catalog::Catalog;
use super::clock::Clock;
use super::communications::Communications;
use super::constants::Constants;
use super::control::Control;
use super::limits::Limits;
use super::machine::{Happened, Machine};
use super::process::Process;
use super::read::Id;
use super::recipes::Recipes;
use super::remote::Remote;
use super::reports::Reports;
use super::send::Outbox;
use super::spool::Spool;
use super::store::BadState;
use super::terminal::Terminal;
use super::trace::Trace;

/// How an equipment is set up.
#[derive(Clone, Debug)]
pub struct EquipmentOptions {
    /// Its HSMS session: role, device id, timers.
    pub session: session::Options,
    /// What the wall clock shows at [`Time::ZERO`]: Unix time [ms].
    pub unix_ms: i64,
    /// How long a host may take from a granted inquiry to the message itself, before S9F13 (E5, conversation timeout).
    pub conversation: Duration,
    /// How long a remote command may take to its end, before the event RemoteCommandFailed says that there is none.
    pub command: Duration,
}

/// Why there is no equipment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEquipment {
    /// Nothing says what it would show a host.
    #[error("profile {0} has no [gem] section")]
    NoGem(String),
    /// What was saved cannot be read.
    #[error(transparent)]
    State(#[from] BadState),
}

/// A GEM equipment: one machine, one HSMS session, no socket.
#[derive(Debug)]
pub struct Equipment {
    pub(super) session: Session,
    pub(super) options: EquipmentOptions,
    pub(super) catalog: Catalog,
    pub(super) now: Time,
    pub(super) clock: Clock,
    pub(super) machine: Machine,
    pub(super) happened: Happened,
    pub(super) constants: Constants,
    pub(super) communications: Communications,
    pub(super) control: Control,
    pub(super) process: Process,
    pub(super) reports: Reports,
    pub(super) alarms: Alarms,
    pub(super) limits: Limits,
    pub(super) traces: BTreeMap<Id, Trace>,
    pub(super) remote: Remote,
    pub(super) recipes: Recipes,
    pub(super) terminal: Terminal,
    pub(super) spool: Spool,
    pub(super) outbox: Outbox,
    pub(super) conversations: Conversations,
    pub(super) writes: VecDeque<(PointIx, f64)>,
    pub(super) close: bool,
    /// Counts the changes of what [`Equipment::state`] keeps.
    pub(super) revision: u64,
}

/// Messages that a host announced, by stream and function, until when each is awaited, and the id that goes with it.
pub(super) type Conversations = BTreeMap<(u8, u8), (Time, Item)>;

impl Equipment {
    /// The equipment that a profile describes. `saved` is what [`Equipment::state`] gave before a restart, or empty.
    pub fn new(
        profile: &Profile,
        options: EquipmentOptions,
        saved: &[u8],
    ) -> Result<Equipment, BadEquipment> {
        let catalog = Catalog::new(profile).ok_or_else(|| BadEquipment::NoGem(profile.kind.clone()))?;
        let mut equipment = Equipment {
            session: Session::new(options.session),
            now: Time::ZERO,
            clock: Clock { zero_ms: options.unix_ms, offset_ms: 0 },
            machine: Machine::new(profile.points.len(), &catalog),
            happened: Happened::default(),
            communications: Communications::default(),
            control: Control::default(),
            constants: Constants::new(),
            process: Process::default(),
            reports: Reports::new(profile, &catalog),
            alarms: Alarms::new(&catalog),
            limits: Limits::default(),
            traces: BTreeMap::new(),
            remote: Remote::default(),
            recipes: Recipes::new(&catalog),
            terminal: Terminal::default(),
            spool: Spool::default(),
            outbox: Outbox::default(),
            conversations: BTreeMap::new(),
            writes: VecDeque::new(),
            close: false,
            revision: 0,
            options,
            catalog,
        };
        if !saved.is_empty() {
            equipment.restore(saved)?;
        }
        equipment.start_control();
        Ok(equipment)
    }

    /// The transport is connected.
    pub fn connected(&mut self, now: Time) {
        self.advance(now);
        self.close = false;
        self.session.connected(now);
        self.pump();
    }

    /// The transport is gone.
    pub fn disconnected(&mut self, now: Time) {
        self.advance(now);
        self.close = false;
        self.session.disconnected(now);
        self.pump();
        self.link_lost();
    }

    /// Bytes came in, however cut.
    pub fn receive(&mut self, now: Time, bytes: &[u8]) {
        self.advance(now);
        self.session.receive(now, bytes);
        self.pump();
    }

    /// The moment of [`Equipment::poll_timeout`] has come, or passed.
    pub fn timeout(&mut self, now: Time) {
        self.advance(now);
        self.session.timeout(now);
        self.pump();
        self.communications_due();
        self.traces_due();
        self.commands_due();
        self.conversations_due();
        self.pump();
    }

    /// When [`Equipment::timeout`] is due next.
    pub fn poll_timeout(&self) -> Option<Time> {
        let own = [
            self.session.poll_timeout(),
            self.communications.due(),
            self.traces.values().map(|t| t.due).min(),
            self.remote.due(),
            self.conversations.values().map(|(until, _)| *until).min(),
        ];
        own.into_iter().flatten().min()
    }

    /// The next bytes to send.
    pub fn transmit(&mut self) -> Option<Vec<u8>> {
        if let Some(bytes) = self.session.transmit() {
            return Some(bytes);
        }
        self.all_taken();
        self.session.transmit()
    }

    /// Whether the session wants its transport closed, once all is transmitted.
    pub fn close_wanted(&self) -> bool {
        self.close
    }

    /// What the host wrote to points since the last call, in order and in range [the point's unit].
    pub fn take_writes(&mut self) -> Vec<(PointIx, f64)> {
        self.writes.drain(..).collect()
    }

    /// Whether host and equipment have established communications (E30).
    pub fn is_communicating(&self) -> bool {
        self.communications.communicating()
    }

    /// Primary messages that were given up because the host took none.
    pub fn lost(&self) -> u64 {
        self.outbox.lost
    }

    /// How often what [`Equipment::state`] keeps has changed since this equipment was made.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Something of what is kept has changed.
    pub(super) fn changed(&mut self) {
        self.revision += 1;
    }

    /// Time never goes back, whatever the caller says.
    pub(super) fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// Does all that the session has seen, then sends what may be sent.
    pub(super) fn pump(&mut self) {
        while let Some(event) = self.session.event() {
            match event {
                Event::Selected => self.link_selected(),
                Event::Deselected => self.link_lost(),
                Event::Primary(received) => self.primary(&received),
                Event::Reply(received) => self.replied(received.system, &received.message),
                Event::TimedOut { system, header, rejected: None } => self.unanswered(system, header),
                // The host said at once that it takes none of it: no timer ran out.
                Event::TimedOut { system, rejected: Some(_), .. } => self.refused(system),
                Event::Undecodable { header, system } => {
                    self.error(7, Some(header));
                    self.given_up(system, header);
                }
                Event::WrongDevice { header, .. } => self.error(1, Some(header)),
                Event::Close(_) => self.close = true,
            }
            self.attempt_due();
            self.flush();
        }
        self.flush();
    }

    /// S9Fx, with the header of the message that caused it (E5, stream 9).
    pub(super) fn error(&mut self, function: u8, header: Option<[u8; 10]>) {
        let body = header.map(|h| Item::Binary(h.to_vec()));
        self.tell_error(Message { stream: 9, function, wants_reply: false, body });
    }

    pub(super) fn tell_error(&mut self, message: Message) {
        if self.spool.active() && self.spools(&message) {
            return self.spool(message);
        }
        let _ = self.session.send(self.now, &message);
    }

    /// Asks for a write to a point. The queue is bounded: a machine whose owner takes no writes refuses more.
    pub(super) fn write(&mut self, writes: &[(PointIx, f64)]) -> bool {
        if self.writes.len() + writes.len() > crate::limits::GEM_QUEUED_WRITES {
            return false;
        }
        self.writes.extend(writes);
        true
    }
}
