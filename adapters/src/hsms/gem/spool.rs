//! Spooling (E30): what cannot be sent is kept, through restarts too, until the host asks for it or gives it up.
//! S2F43, S6F23.
//!
//! ```text
//!   INACTIVE --link lost, first message--> ACTIVE: load  NOT FULL --> FULL
//!      ^                                           unload NO OUTPUT --S6F23 0--> TRANSMIT (one at a time)
//!      +--------- empty <--------------------------------- S6F23 1: PURGE
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::session::SendError;
use super::super::{Item, Message};
use super::dispatch::Answer;
use super::equipment::Equipment;
use super::own::{self, OwnEvent};
use super::read::{self, Illegal};
use super::send::{Purpose, weight};
use crate::limits;

/// The spool and what the host wants in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spool {
    pub messages: VecDeque<Message>,
    bytes: usize,
    /// By stream, the functions that are spooled.
    pub streams: BTreeMap<u8, BTreeSet<u8>>,
    /// Messages that were to be spooled since it became active, those that found no space among them.
    pub total: u32,
    /// When it became active, and when it was full; empty before.
    pub start_time: String,
    pub full_time: String,
    /// SPOOL ACTIVE.
    pub on: bool,
    /// Messages that this transmission may still send; `None` while nothing is asked for.
    left: Option<u64>,
    /// Whether one of them waits for its reply.
    sending: bool,
}

/// The primary messages of the equipment that a host may have spooled: those of every stream but 1 (E30). In stream 2 the
/// equipment asks for nothing.
const SPOOLABLE: &[(u8, &[u8])] =
    &[(2, &[]), (5, &[1]), (6, &[1, 11]), (7, &[1, 3, 5]), (9, &[1, 3, 5, 7, 9, 11, 13]), (10, &[1])];

impl Spool {
    pub fn active(&self) -> bool {
        self.on
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Puts a message behind all others; false when there is no space and old ones may not go.
    pub fn push(&mut self, message: Message, overwrite: bool) -> bool {
        let size = weight(&message);
        self.total = self.total.saturating_add(1);
        while self.len() >= limits::GEM_SPOOL_MESSAGES || self.bytes + size > limits::GEM_SPOOL_BYTES {
            // The oldest may be on its way to the host: its reply is then for nothing, and it is not sent twice.
            if !overwrite || self.pop().is_none() {
                return false;
            }
        }
        self.bytes += size;
        self.messages.push_back(message);
        true
    }

    fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= weight(&message);
        Some(message)
    }
}

impl Equipment {
    /// Whether a message that cannot be sent goes into the spool.
    pub(super) fn spools(&self, message: &Message) -> bool {
        self.constants.flag(own::ENABLE_SPOOLING)
            && self.spool.streams.get(&message.stream).is_some_and(|f| f.contains(&message.function))
    }

    pub(super) fn spool(&mut self, message: Message) {
        self.changed();
        let begins = !self.spool.on;
        if begins {
            self.spool.on = true;
            self.spool.total = 0;
            self.spool.full_time.clear();
            self.spool.start_time = self.time_text();
        }
        let kept = self.spool.push(message, self.constants.flag(own::OVERWRITE_SPOOL));
        if !kept && self.spool.full_time.is_empty() {
            self.spool.full_time = self.time_text();
        }
        if begins {
            self.fire_own(OwnEvent::SpoolingActivated);
        }
    }

    /// Sends the next spooled message, when the host asked for it and has acknowledged the one before.
    pub(super) fn unload(&mut self) {
        while self.is_communicating() && !self.spool.sending && self.has_turn() {
            match self.spool.left {
                None => return,
                // MaxSpoolTransmit is reached: the host asks again.
                Some(0) => self.spool.left = None,
                Some(left) => {
                    let Some(message) = self.spool.messages.front().cloned() else {
                        return self.spool_empty();
                    };
                    let waits = message.wants_reply;
                    match self.send_now(message, Purpose::Spooled) {
                        Ok(()) => {}
                        Err(SendError::Encode(_)) => {
                            self.spool.pop();
                            continue;
                        }
                        Err(_) => return,
                    }
                    self.spool.left = Some(left - 1);
                    self.spool.sending = waits;
                    if !waits {
                        self.spool.pop();
                        self.changed();
                    }
                }
            }
            if self.spool.messages.is_empty() {
                return self.spool_empty();
            }
        }
    }

    /// What came of a spooled message: acknowledged it is gone; else it stays, and the transmission has failed.
    pub(super) fn unloaded(&mut self, message: Message, acknowledged: bool) {
        self.spool.sending = false;
        self.changed();
        if !self.spool.on {
            return;
        }
        if !acknowledged {
            self.spool.left = None;
            return self.fire_own(OwnEvent::SpoolTransmitFailure);
        }
        // An overwriting spool may have let it go in the meantime.
        if self.spool.messages.front() == Some(&message) {
            self.spool.pop();
        }
        if self.spool.messages.is_empty() {
            self.spool_empty();
        }
    }

    /// PURGE: nothing is kept.
    pub(super) fn purge(&mut self) {
        self.spool.messages.clear();
        self.spool.bytes = 0;
        self.spool_empty();
    }

    fn spool_empty(&mut self) {
        if !self.spool.on {
            return;
        }
        self.spool.on = false;
        self.spool.left = None;
        self.changed();
        self.fire_own(OwnEvent::SpoolingDeactivated);
    }

    /// S2F43: which streams and functions are spooled; none when it names none. All of the message or nothing of it.
    pub(super) fn s2f43(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let mut streams = BTreeMap::new();
        let mut refused = Vec::new();
        for row in read::list(body.ok_or(Illegal)?)? {
            let [stream, functions] = read::fields(row)?;
            let stream = u8::try_from(read::whole(stream)?).map_err(|_| Illegal)?;
            let functions = read::list(functions)?.iter().map(read::whole).collect::<Result<Vec<_>, _>>()?;
            let functions = functions.into_iter().map(|f| u8::try_from(f).map_err(|_| Illegal));
            let functions: Vec<u8> = functions.collect::<Result<_, _>>()?;
            match wanted(stream, &functions) {
                Ok(functions) => streams.entry(stream).or_insert_with(BTreeSet::new).extend(functions),
                Err((code, functions)) => refused.push((stream, code, functions)),
            }
        }
        let code = u8::from(!refused.is_empty());
        if refused.is_empty() {
            self.spool.streams = streams;
        }
        let row = |(stream, code, functions): (u8, u8, Vec<u8>)| {
            let functions = functions.into_iter().map(|f| Item::U1(vec![f])).collect();
            Item::List(vec![Item::U1(vec![stream]), Item::Binary(vec![code]), Item::List(functions)])
        };
        let refused = Item::List(refused.into_iter().map(row).collect());
        Ok(Answer::Body(Item::List(vec![Item::Binary(vec![code]), refused])))
    }

    /// S6F23: 0 asks for the spooled messages, 1 gives them up. RSDA 1: not now; 2: there are none.
    pub(super) fn s6f23(&mut self, body: Option<&Item>) -> Result<Answer, Illegal> {
        let code = read::byte(body.ok_or(Illegal)?)?;
        let answer = match code {
            0 | 1 if !self.spool.on || self.spool.messages.is_empty() => 2,
            0 | 1 if self.spool.left.is_some() || self.spool.sending => 1,
            0 => {
                let most = self.constants.get(own::MAX_SPOOL_TRANSMIT) as u64;
                // The reply goes first: what is unloaded follows when the replies are sent.
                self.spool.left = Some(if most == 0 { u64::MAX } else { most });
                0
            }
            1 => {
                self.purge();
                0
            }
            _ => return Err(Illegal),
        };
        Ok(Answer::code(answer))
    }

    /// Messages in the spool.
    pub fn spooled(&self) -> usize {
        self.spool.len()
    }
}

/// The functions of a stream to spool; all that can be when none are named. Else STRACK and the functions to blame.
fn wanted(stream: u8, functions: &[u8]) -> Result<Vec<u8>, (u8, Vec<u8>)> {
    // STRACK 1: not allowed; 2: unknown stream; 3: unknown function; 4: a reply's function (E5).
    if stream == 1 {
        return Err((1, vec![]));
    }
    let Some((_, known)) = SPOOLABLE.iter().find(|(s, _)| *s == stream) else { return Err((2, vec![])) };
    let even: Vec<u8> = functions.iter().copied().filter(|f| f % 2 == 0).collect();
    if !even.is_empty() {
        return Err((4, even));
    }
    let unknown: Vec<u8> = functions.iter().copied().filter(|f| !known.contains(f)).collect();
    if !unknown.is_empty() {
        return Err((3, unknown));
    }
    Ok(if functions.is_empty() { known.to_vec() } else { functions.to_vec() })
}
