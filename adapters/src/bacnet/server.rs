//! The device's side, without the socket: datagrams and time in; datagrams, writes and the next deadline out. Pure.

use std::collections::VecDeque;
use std::net::SocketAddr;

use aegis_models::{PointIx, Record, Sample, Time};
use bacnet_encoding::apdu::{
    AbortPdu, Apdu, ComplexAck, ConfirmedRequest, ErrorPdu, RejectPdu, SimpleAck, UnconfirmedRequest,
    decode_apdu,
};
use bacnet_encoding::primitives as put;
use bacnet_encoding::tags::{encode_closing_tag, encode_opening_tag};
use bacnet_types::enums::{
    AbortReason, ConfirmedServiceChoice as Confirmed, PropertyIdentifier, RejectReason,
};
use bacnet_types::primitives::ObjectIdentifier;
use bytes::{Bytes, BytesMut};

use super::codec::{self, Opened, Peer, Received};
use super::cov::{self, Subscriptions};
use super::device::{Device, MAX_APDU, NO_SEGMENTATION};
use super::service::{self, Announcement, PropertyRef, Refusal, Request, Write};
use super::transaction::{Patience, Transactions};
use crate::limits;

/// Each subscription has one confirmed notification under way at most, with an invoke id of its own.
const _: () = assert!(limits::BACNET_SUBSCRIPTIONS <= 256);

/// A device and the subscriptions to it.
///
/// After every call, take what [`Session::poll_transmit`] gives until it gives nothing. Each datagram in makes at most
/// one answer and, for each subscription, one notification; what waits is bounded, and so is the work of a request.
#[derive(Debug)]
pub struct Session {
    device: Device,
    subscriptions: Subscriptions,
    /// Confirmed notifications under way, by the number of their subscription.
    notifications: Transactions<(u64, Peer)>,
    /// A value may differ from what somebody was told.
    stirred: bool,
    /// Somebody is still to be told, and waits for room among the datagrams.
    held_up: bool,
    out: VecDeque<(SocketAddr, Vec<u8>)>,
}

/// What answers a confirmed request.
enum Answer {
    Done,
    Data(Bytes),
    Refused(Refusal),
    /// WritePropertyMultiple-Error (15.10.1.3): which write failed.
    RefusedAt(Refusal, ObjectIdentifier, PropertyRef),
    Rejected(RejectReason),
    Aborted(AbortReason),
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        Answer::Refused(refusal)
    }
}

impl Session {
    /// A device nobody has spoken to yet. `patience` is for its confirmed notifications.
    pub fn new(device: Device, patience: Patience) -> Session {
        Session {
            device,
            subscriptions: Subscriptions::default(),
            notifications: Transactions::new(patience),
            stirred: false,
            held_up: false,
            out: VecDeque::new(),
        }
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Shows the machine's values. Subscribers are told by the next [`Session::advance`], which is due at once.
    pub fn publish(&mut self, samples: &[Sample], records: &[Record]) {
        self.device.publish(samples, records);
        self.stirred = true;
    }

    /// What clients' commands came to since the last call, in order, all of it in the points' ranges [the point's unit].
    pub fn take_writes(&mut self) -> Vec<(PointIx, f64)> {
        self.device.take_writes()
    }

    /// The next datagram to send, and where to.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let next = self.out.pop_front();
        if self.out.is_empty() && std::mem::take(&mut self.held_up) {
            self.stirred = true;
        }
        next
    }

    /// When [`Session::advance`] has something to do: at once, where something was published or there is room again, and
    /// never for what time or a subscriber's answer alone can bring about.
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.stirred {
            return Some(Time::ZERO);
        }
        self.notifications.deadline().into_iter().chain(self.subscriptions.deadline()).min()
    }

    /// Tells subscribers what changed, asks again where no answer came, and ends what is over.
    pub fn advance(&mut self, now: Time) {
        for serial in self.subscriptions.expire(now) {
            self.notifications.forget(|(of, _)| *of == serial);
        }
        let out = &mut self.out;
        let failed = self.notifications.advance(now, |(_, peer), datagram| push(out, peer.address, datagram));
        // 13.8.2: a subscriber that does not answer keeps its subscription until its time is over.
        for (serial, _) in failed {
            self.subscriptions.settle(serial);
            self.stirred = true;
        }
        if std::mem::take(&mut self.stirred) {
            self.tell(now);
        }
    }

    fn tell(&mut self, now: Time) {
        for (s, notification) in self.subscriptions.due(now, &self.device) {
            // What does not fit now is told later: the subscription stays as it was told last.
            if self.out.len() >= limits::BACNET_QUEUED_DATAGRAMS {
                self.held_up = true;
                return;
            }
            if s.confirmed {
                // As many ids as subscriptions, each with one notification under way at most.
                let Some(invoke) = self.notifications.free_id() else { return };
                let request = Request::CovNotification(notification);
                let datagram = codec::datagram(&s.peer, true, &confirmed(invoke, &request));
                push(&mut self.out, s.peer.address, datagram.clone());
                s.under_way = true;
                self.notifications.open(now, invoke, (s.serial, s.peer.clone()), datagram);
            } else {
                let apdu = unconfirmed(&Announcement::CovNotification(notification));
                push(&mut self.out, s.peer.address, codec::datagram(&s.peer, false, &apdu));
            }
            s.mark(&self.device);
        }
    }

    /// Takes a datagram that came from `from`. Whatever it holds, this answers it as the standard says or drops it.
    pub fn receive(&mut self, now: Time, from: SocketAddr, datagram: &[u8]) {
        if datagram.len() > limits::BACNET_DATAGRAM_BYTES {
            return;
        }
        match codec::open(from, datagram) {
            Ok(Opened::Apdu(received)) => self.take(now, &received),
            Ok(Opened::Refused(result)) => push(&mut self.out, from, result.encode()),
            // Nobody can be told what is wrong with it.
            Ok(Opened::Ignored) | Err(_) => {}
        }
        self.advance(now);
    }

    fn take(&mut self, now: Time, received: &Received) {
        let peer = &received.peer;
        match decode_apdu(received.apdu.clone()) {
            // 5.4.5: a request for everybody that wants an answer is none.
            Ok(Apdu::ConfirmedRequest(_)) if received.broadcast => {}
            Ok(Apdu::ConfirmedRequest(request)) => {
                let answer = self.answer(now, peer, &request);
                let apdu = encode(answer, &request);
                push(&mut self.out, peer.address, codec::datagram(peer, false, &apdu));
            }
            Ok(Apdu::UnconfirmedRequest(request)) => self.hear(peer, &request),
            Ok(Apdu::SimpleAck(SimpleAck { invoke_id, service_choice })) => {
                if service_choice == Confirmed::CONFIRMED_COV_NOTIFICATION {
                    self.settle(peer, invoke_id);
                }
            }
            Ok(Apdu::Error(ErrorPdu { invoke_id, .. }))
            | Ok(Apdu::Reject(RejectPdu { invoke_id, .. }))
            | Ok(Apdu::Abort(AbortPdu { invoke_id, sent_by_server: true, .. })) => {
                self.settle(peer, invoke_id);
            }
            // 5.4.5.1: what belongs to no transaction of this side is dropped.
            Ok(Apdu::Abort(_) | Apdu::ComplexAck(_) | Apdu::SegmentAck(_)) => {}
            Err(_) => self.reject_header(received),
        }
    }

    /// A confirmed request whose header is malformed gets a Reject, if its invoke id can be told.
    fn reject_header(&mut self, received: &Received) {
        let apdu = &received.apdu;
        let [kind, _, invoke_id, ..] = apdu[..] else { return };
        if kind >> 4 == 0 && !received.broadcast {
            let reject = Apdu::Reject(RejectPdu { invoke_id, reject_reason: RejectReason::OTHER });
            let datagram = codec::datagram(&received.peer, false, &reject);
            push(&mut self.out, received.peer.address, datagram);
        }
    }

    fn settle(&mut self, peer: &Peer, invoke: u8) {
        if let Some((serial, _)) = self.notifications.close(invoke, |(_, p)| p == peer) {
            self.subscriptions.settle(serial);
            // It may have changed again meanwhile.
            self.stirred = true;
        }
    }

    fn hear(&mut self, peer: &Peer, request: &UnconfirmedRequest) {
        let own = self.device.id().instance_number();
        let meant = |limits: Option<(u32, u32)>| limits.is_none_or(|(low, high)| (low..=high).contains(&own));
        let answer = match Announcement::decode(request.service_choice, &request.service_request) {
            Some(Announcement::WhoIs(limits)) if meant(limits) => Announcement::IAm {
                device: self.device.id(),
                max_apdu: MAX_APDU.into(),
                segmentation: NO_SEGMENTATION,
                vendor: self.device.vendor_id().into(),
            },
            Some(Announcement::WhoHas { limits, what }) if meant(limits) => match self.device.seek(&what) {
                Some((object, name)) => {
                    Announcement::IHave { device: self.device.id(), object, name: name.to_owned() }
                }
                None => return,
            },
            _ => return,
        };
        let datagram = codec::datagram(peer, false, &unconfirmed(&answer));
        push(&mut self.out, peer.address, datagram);
    }

    fn answer(&mut self, now: Time, peer: &Peer, request: &ConfirmedRequest) -> Answer {
        if request.segmented {
            return Answer::Aborted(AbortReason::SEGMENTATION_NOT_SUPPORTED);
        }
        let decoded = match Request::decode(request.service_choice, &request.service_request) {
            None => return Answer::Rejected(RejectReason::UNRECOGNIZED_SERVICE),
            Some(Err(reason)) => return Answer::Rejected(reason),
            Some(Ok(decoded)) => decoded,
        };
        let most = usize::from(request.max_apdu_length.min(MAX_APDU));
        match decoded {
            Request::ReadProperty(object, property) => self.read(now, object, property, most),
            Request::ReadPropertyMultiple(specifications) => self.read_multiple(now, &specifications, most),
            Request::WriteProperty(write) => match self.write(&write) {
                Ok(()) => Answer::Done,
                Err(refusal) => refusal.into(),
            },
            Request::WritePropertyMultiple(writes) => {
                match writes.iter().find_map(|w| self.write(w).err().map(|e| (e, w))) {
                    None => Answer::Done,
                    Some((refusal, w)) => Answer::RefusedAt(refusal, w.object, w.property),
                }
            }
            Request::SubscribeCov { process, object, terms } => {
                self.subscribe(now, peer, process, object, terms)
            }
            Request::CovNotification(_) => Answer::Rejected(RejectReason::UNRECOGNIZED_SERVICE),
        }
    }

    fn write(&mut self, write: &Write) -> Result<(), Refusal> {
        self.device.write(write)?;
        self.stirred = true;
        Ok(())
    }

    fn subscribe(
        &mut self,
        now: Time,
        peer: &Peer,
        process: u32,
        object: ObjectIdentifier,
        terms: Option<(bool, u32)>,
    ) -> Answer {
        let Some(i) = self.device.find(&object) else {
            return cov::no_cov(&self.device.resolve(object), &self.device).into();
        };
        let Some(terms) = terms else {
            // Nobody waits any more for what it was told.
            if let Some(serial) = self.subscriptions.cancel(peer, process, i) {
                self.notifications.forget(|(of, _)| *of == serial);
            }
            return Answer::Done;
        };
        match self.subscriptions.subscribe(now, peer.clone(), process, i, terms) {
            Ok(()) => {
                self.stirred = true;
                Answer::Done
            }
            Err(refusal) => refusal.into(),
        }
    }

    fn value(
        &self,
        now: Time,
        object: &ObjectIdentifier,
        property: PropertyRef,
        out: &mut BytesMut,
    ) -> Result<(), Refusal> {
        let subscriptions = |out: &mut BytesMut| self.subscriptions.put(now, &self.device, out);
        self.device.read(object, property, subscriptions, out)
    }

    fn read(&self, now: Time, object: ObjectIdentifier, property: PropertyRef, most: usize) -> Answer {
        let object = self.device.resolve(object);
        let mut out = BytesMut::new();
        service::open_read_ack(&mut out, &object, property);
        if let Err(refusal) = self.value(now, &object, property, &mut out) {
            return refusal.into();
        }
        service::close_read_ack(&mut out);
        fitting(out, most)
    }

    fn read_multiple(
        &self,
        now: Time,
        specifications: &[(ObjectIdentifier, Vec<PropertyRef>)],
        most: usize,
    ) -> Answer {
        let (mut out, mut value) = (BytesMut::new(), BytesMut::new());
        for (object, properties) in specifications {
            let object = self.device.resolve(*object);
            put::encode_ctx_object_id(&mut out, 0, &object);
            encode_opening_tag(&mut out, 1);
            for asked in properties {
                for property in self.named(&object, *asked) {
                    value.clear();
                    let result = self.value(now, &object, property, &mut value);
                    service::put_result(&mut out, property, result.map(|()| &value[..]));
                    // What no longer fits need not be made.
                    if out.len() > most {
                        return Answer::Aborted(AbortReason::SEGMENTATION_NOT_SUPPORTED);
                    }
                }
            }
            encode_closing_tag(&mut out, 1);
        }
        fitting(out, most)
    }

    fn named(&self, object: &ObjectIdentifier, asked: PropertyRef) -> Vec<PropertyRef> {
        let several = [PropertyIdentifier::ALL, PropertyIdentifier::REQUIRED, PropertyIdentifier::OPTIONAL];
        if !several.contains(&asked.property) || !self.device.holds(object) {
            return vec![asked];
        }
        let all = self.device.expand(object, asked.property).unwrap_or_default();
        all.into_iter().map(PropertyRef::of).collect()
    }
}

/// 5.4.5.3: an answer that needs segments, of a device that makes none.
fn fitting(ack: BytesMut, most: usize) -> Answer {
    // Type, invoke id and service.
    const HEADER: usize = 3;
    if HEADER + ack.len() > most {
        Answer::Aborted(AbortReason::SEGMENTATION_NOT_SUPPORTED)
    } else {
        Answer::Data(ack.freeze())
    }
}

fn push(out: &mut VecDeque<(SocketAddr, Vec<u8>)>, to: SocketAddr, datagram: Vec<u8>) {
    if out.len() < limits::BACNET_QUEUED_DATAGRAMS {
        out.push_back((to, datagram));
    }
}

fn encode(answer: Answer, request: &ConfirmedRequest) -> Apdu {
    let (invoke_id, service_choice) = (request.invoke_id, request.service_choice);
    match answer {
        Answer::Done => Apdu::SimpleAck(SimpleAck { invoke_id, service_choice }),
        Answer::Data(service_ack) => Apdu::ComplexAck(ComplexAck {
            segmented: false,
            more_follows: false,
            invoke_id,
            sequence_number: None,
            proposed_window_size: None,
            service_choice,
            service_ack,
        }),
        Answer::Refused(refusal) => error(request, refusal, Bytes::new()),
        Answer::RefusedAt(refusal, object, property) => {
            let mut out = BytesMut::new();
            encode_opening_tag(&mut out, 0);
            service::put_refusal(&mut out, refusal);
            encode_closing_tag(&mut out, 0);
            encode_opening_tag(&mut out, 1);
            put::encode_ctx_object_id(&mut out, 0, &object);
            property.write(&mut out, 1, 2);
            encode_closing_tag(&mut out, 1);
            error(request, refusal, out.freeze())
        }
        Answer::Rejected(reject_reason) => Apdu::Reject(RejectPdu { invoke_id, reject_reason }),
        Answer::Aborted(abort_reason) => {
            Apdu::Abort(AbortPdu { sent_by_server: true, invoke_id, abort_reason })
        }
    }
}

fn error(request: &ConfirmedRequest, refusal: Refusal, error_data: Bytes) -> Apdu {
    Apdu::Error(ErrorPdu {
        invoke_id: request.invoke_id,
        service_choice: request.service_choice,
        error_class: refusal.class,
        error_code: refusal.code,
        error_data,
    })
}

/// A confirmed request that takes no segments back.
pub(super) fn confirmed(invoke_id: u8, request: &Request) -> Apdu {
    let (service_choice, service_request) = request.encode();
    Apdu::ConfirmedRequest(ConfirmedRequest {
        segmented: false,
        more_follows: false,
        segmented_response_accepted: false,
        max_segments: None,
        max_apdu_length: MAX_APDU,
        invoke_id,
        sequence_number: None,
        proposed_window_size: None,
        service_choice,
        service_request,
    })
}

/// An unconfirmed request.
pub(super) fn unconfirmed(announcement: &Announcement) -> Apdu {
    let (service_choice, service_request) = announcement.encode();
    Apdu::UnconfirmedRequest(UnconfirmedRequest { service_choice, service_request })
}
