//! The client's side, without the socket: requests and time in; datagrams, events and the next deadline out. Pure.

use std::collections::VecDeque;
use std::net::SocketAddr;

use aegis_models::Time;
use bacnet_encoding::apdu::{AbortPdu, Apdu, ErrorPdu, RejectPdu, SimpleAck, decode_apdu};
use bacnet_types::enums::{
    AbortReason, ConfirmedServiceChoice as Confirmed, ErrorClass, ErrorCode, RejectReason,
};
use bytes::Bytes;

use super::codec::{self, Opened, Peer};
use super::server::{confirmed, unconfirmed};
use super::service::{Announcement, Notification, Refusal, Request};
use super::transaction::{Patience, Transactions};
use crate::limits;

/// How a device answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done.
    Done,
    /// The parameters of its acknowledgement.
    Data(Bytes),
    /// It understood and refused.
    Refused(Refusal),
    /// It did not understand (clause 18.9).
    Rejected(RejectReason),
    /// It broke off (clause 18.10).
    Aborted(AbortReason),
}

/// What became of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The call was answered; none when the device was silent through all retries.
    Called(Option<Reply>),
    /// The request on the side was answered, likewise.
    Aside(Option<Reply>),
    /// A change that was subscribed to.
    Notified(Notification),
    /// The device said who it is.
    IAm {
        /// Its instance.
        instance: u32,
        /// The longest APDU that it takes [octets].
        max_apdu: u32,
    },
}

/// For what a request was sent, and by which service it must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Call(Confirmed),
    Aside(Confirmed),
}

/// Requests to one device: one call at a time, and beside it one that nobody waits for.
///
/// After every call, take what [`Exchange::poll_transmit`] and [`Exchange::poll_event`] give until they give nothing.
#[derive(Debug)]
pub struct Exchange {
    peer: Peer,
    /// This client's number in its subscriptions.
    process: u32,
    open: Transactions<About>,
    out: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
}

impl Exchange {
    /// Nothing is said yet to the device at `address`. `process` is this client's number in its subscriptions.
    pub fn new(address: SocketAddr, process: u32, patience: Patience) -> Exchange {
        Exchange {
            peer: Peer { address, route: None },
            process,
            open: Transactions::new(patience),
            out: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The device's address.
    pub fn address(&self) -> SocketAddr {
        self.peer.address
    }

    /// Sends a request and awaits its answer. An earlier call that was not answered yet is forgotten.
    pub fn call(&mut self, now: Time, request: &Request) {
        self.open.forget(|about| matches!(about, About::Call(_)));
        self.events.retain(|e| !matches!(e, Event::Called(_)));
        self.send(now, request, About::Call);
    }

    /// Sends a request beside the calls. One that was not answered yet is forgotten.
    pub fn aside(&mut self, now: Time, request: &Request) {
        self.open.forget(|about| matches!(about, About::Aside(_)));
        self.events.retain(|e| !matches!(e, Event::Aside(_)));
        self.send(now, request, About::Aside);
    }

    /// Whether a request beside the calls awaits its answer.
    pub fn is_aside(&self) -> bool {
        self.open.any(|about| matches!(about, About::Aside(_)))
    }

    fn send(&mut self, now: Time, request: &Request, about: fn(Confirmed) -> About) {
        // Two are open at most, so that an id is always free.
        let invoke = self.open.free_id().expect("fewer than 256 requests are open");
        let apdu = confirmed(invoke, request);
        let datagram = codec::datagram(&self.peer, true, &apdu);
        self.push(datagram.clone());
        self.open.open(now, invoke, about(request.encode().0), datagram);
    }

    /// Says something that nobody answers.
    pub fn announce(&mut self, announcement: &Announcement) {
        self.push(codec::datagram(&self.peer, false, &unconfirmed(announcement)));
    }

    /// The next datagram to send to the device.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Exchange::advance`] has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.open.deadline()
    }

    /// Asks again where no answer came, and gives up what was asked often enough.
    pub fn advance(&mut self, now: Time) {
        let out = &mut self.out;
        let failed = self.open.advance(now, |_, datagram| {
            if out.len() < limits::BACNET_QUEUED_DATAGRAMS {
                out.push_back(datagram);
            }
        });
        for about in failed {
            self.finish(about, None);
        }
    }

    /// Takes a datagram that came from `from`. What the device did not send, or nobody waits for, is dropped.
    pub fn receive(&mut self, from: SocketAddr, datagram: &[u8]) {
        if datagram.len() > limits::BACNET_DATAGRAM_BYTES || from != self.peer.address {
            return;
        }
        let Ok(Opened::Apdu(received)) = codec::open(from, datagram) else { return };
        if received.peer != self.peer {
            return;
        }
        // A malformed APDU answers nothing; the request is sent again.
        let Ok(apdu) = decode_apdu(received.apdu) else { return };
        match apdu {
            Apdu::SimpleAck(a) => self.close(a.invoke_id, Some(a.service_choice), Reply::Done),
            Apdu::ComplexAck(a) if a.segmented => {
                // 5.4.4.1: segments are not taken here, as every request says.
                let invoke_id = a.invoke_id;
                let abort_reason = AbortReason::SEGMENTATION_NOT_SUPPORTED;
                let abort = Apdu::Abort(AbortPdu { sent_by_server: false, invoke_id, abort_reason });
                self.push(codec::datagram(&self.peer, false, &abort));
                self.close(invoke_id, Some(a.service_choice), Reply::Aborted(abort_reason));
            }
            Apdu::ComplexAck(a) => {
                self.close(a.invoke_id, Some(a.service_choice), Reply::Data(a.service_ack))
            }
            Apdu::Error(e) => {
                let refusal = Refusal { class: e.error_class, code: e.error_code };
                self.close(e.invoke_id, Some(e.service_choice), Reply::Refused(refusal));
            }
            Apdu::Reject(r) => self.close(r.invoke_id, None, Reply::Rejected(r.reject_reason)),
            Apdu::Abort(a) if a.sent_by_server => {
                self.close(a.invoke_id, None, Reply::Aborted(a.abort_reason));
            }
            Apdu::ConfirmedRequest(request) if !received.broadcast => {
                let (invoke_id, service_choice) = (request.invoke_id, request.service_choice);
                let reply = match Request::decode(service_choice, &request.service_request) {
                    _ if request.segmented => Apdu::Abort(AbortPdu {
                        sent_by_server: true,
                        invoke_id,
                        abort_reason: AbortReason::SEGMENTATION_NOT_SUPPORTED,
                    }),
                    Some(Ok(Request::CovNotification(n))) if n.process == self.process => {
                        self.note(Event::Notified(n));
                        Apdu::SimpleAck(SimpleAck { invoke_id, service_choice })
                    }
                    Some(Ok(Request::CovNotification(_))) => Apdu::Error(ErrorPdu {
                        invoke_id,
                        service_choice,
                        error_class: ErrorClass::SERVICES,
                        error_code: ErrorCode::UNKNOWN_SUBSCRIPTION,
                        error_data: Bytes::new(),
                    }),
                    Some(Err(reject_reason)) => Apdu::Reject(RejectPdu { invoke_id, reject_reason }),
                    _ => {
                        let reject_reason = RejectReason::UNRECOGNIZED_SERVICE;
                        Apdu::Reject(RejectPdu { invoke_id, reject_reason })
                    }
                };
                self.push(codec::datagram(&self.peer, false, &reply));
            }
            Apdu::UnconfirmedRequest(r) => match Announcement::decode(r.service_choice, &r.service_request) {
                Some(Announcement::IAm { device, max_apdu, .. }) => {
                    self.note(Event::IAm { instance: device.instance_number(), max_apdu });
                }
                Some(Announcement::CovNotification(n)) if n.process == self.process => {
                    self.note(Event::Notified(n));
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn close(&mut self, invoke: u8, service: Option<Confirmed>, reply: Reply) {
        let fits = |about: &About| {
            let (About::Call(asked) | About::Aside(asked)) = about;
            service.is_none_or(|s| s == *asked)
        };
        if let Some(about) = self.open.close(invoke, fits) {
            self.finish(about, Some(reply));
        }
    }

    /// At most one of each kind is open, and calling takes the one before away: these events stay few.
    fn finish(&mut self, about: About, reply: Option<Reply>) {
        self.events.push_back(match about {
            About::Call(_) => Event::Called(reply),
            About::Aside(_) => Event::Aside(reply),
        });
    }

    /// What the device says unasked: the oldest is dropped for the newest.
    fn note(&mut self, event: Event) {
        if self.events.len() >= limits::BACNET_QUEUED_NOTIFICATIONS {
            let unasked = |e: &Event| matches!(e, Event::Notified(_) | Event::IAm { .. });
            if let Some(i) = self.events.iter().position(unasked) {
                self.events.remove(i);
            }
        }
        self.events.push_back(event);
    }

    fn push(&mut self, datagram: Vec<u8>) {
        if self.out.len() < limits::BACNET_QUEUED_DATAGRAMS {
            self.out.push_back(datagram);
        }
    }
}
