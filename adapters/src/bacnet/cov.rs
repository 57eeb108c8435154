//! Who wants to be told of changes, and when they are (clause 13.1). Pure.

use std::net::SocketAddr;

use aegis_models::Time;
use bacnet_encoding::constructed;
use bacnet_types::constructed::{
    BACnetAddress, BACnetCOVSubscription, BACnetObjectPropertyReference, BACnetRecipient,
    BACnetRecipientProcess,
};
use bacnet_types::enums::{ErrorClass, ErrorCode, PropertyIdentifier as P};
use bacnet_types::primitives::ObjectIdentifier;
use bytes::BytesMut;

use super::codec::Peer;
use super::device::Device;
use super::object::Object;
use super::service::{Notification, PropertyRef, Refusal};
use crate::limits;

/// One subscription.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    /// Its number, never given twice.
    pub(super) serial: u64,
    pub(super) peer: Peer,
    process: u32,
    /// The place of its object.
    object: usize,
    pub(super) confirmed: bool,
    /// None for ever.
    until: Option<Time>,
    /// Present value and status flags when it was last told.
    told: Option<(f64, u8)>,
    /// A confirmed notification is under way: the next one waits for its end.
    pub(super) under_way: bool,
}

/// All subscriptions of a device.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions {
    list: Vec<Subscription>,
    serial: u64,
}

impl Subscriptions {
    /// Begins a subscription, or renews the one of that peer, process and object (13.14.2): either is told at once.
    pub(super) fn subscribe(
        &mut self,
        now: Time,
        peer: Peer,
        process: u32,
        object: usize,
        (confirmed, lifetime_s): (bool, u32),
    ) -> Result<(), Refusal> {
        let until = (lifetime_s > 0).then(|| now.after(std::time::Duration::from_secs(lifetime_s.into())));
        let same = |s: &&mut Subscription| s.peer == peer && s.process == process && s.object == object;
        if let Some(s) = self.list.iter_mut().find(same) {
            (s.confirmed, s.until, s.told) = (confirmed, until, None);
            return Ok(());
        }
        let of_peer = self.list.iter().filter(|s| s.peer.address.ip() == peer.address.ip()).count();
        if self.list.len() >= limits::BACNET_SUBSCRIPTIONS || of_peer >= limits::BACNET_SUBSCRIPTIONS_PER_PEER
        {
            return Err(Refusal {
                class: ErrorClass::RESOURCES,
                code: ErrorCode::NO_SPACE_TO_ADD_LIST_ELEMENT,
            });
        }
        self.serial += 1;
        self.list.push(Subscription {
            serial: self.serial,
            peer,
            process,
            object,
            confirmed,
            until,
            told: None,
            under_way: false,
        });
        Ok(())
    }

    /// Ends a subscription and gives its number; ending one that is not there is no error (13.14.2).
    pub(super) fn cancel(&mut self, peer: &Peer, process: u32, object: usize) -> Option<u64> {
        let this = |s: &Subscription| s.peer == *peer && s.process == process && s.object == object;
        let i = self.list.iter().position(this)?;
        Some(self.list.remove(i).serial)
    }

    /// Ends those whose time is over, and gives their numbers.
    pub(super) fn expire(&mut self, now: Time) -> Vec<u64> {
        let over = self.list.extract_if(.., |s| s.until.is_some_and(|until| until <= now));
        over.map(|s| s.serial).collect()
    }

    /// When the next one ends.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.list.iter().filter_map(|s| s.until).min()
    }

    /// The confirmed notification of that subscription ended.
    pub(super) fn settle(&mut self, serial: u64) {
        if let Some(s) = self.list.iter_mut().find(|s| s.serial == serial) {
            s.under_way = false;
        }
    }

    /// Those to be told now, with what to tell them. A caller that cannot tell one leaves it as it is.
    pub(super) fn due<'a>(
        &'a mut self,
        now: Time,
        device: &'a Device,
    ) -> impl Iterator<Item = (&'a mut Subscription, Notification)> {
        self.list.iter_mut().filter(|s| !s.under_way).filter_map(move |s| {
            let object = device.object(s.object);
            s.stale(object).then(|| {
                let notification = Notification {
                    process: s.process,
                    device: device.id(),
                    object: object.place.object,
                    remaining: s.remaining(now),
                    values: report(object),
                };
                (s, notification)
            })
        })
    }

    /// Active_COV_Subscriptions (12.11.39).
    pub(super) fn put(&self, now: Time, device: &Device, out: &mut BytesMut) {
        for s in &self.list {
            let object = device.object(s.object);
            let subscription = BACnetCOVSubscription {
                recipient: BACnetRecipientProcess {
                    recipient: BACnetRecipient::Address(recipient(&s.peer)),
                    process_identifier: s.process,
                },
                monitored_property_reference: BACnetObjectPropertyReference::new(
                    object.place.object,
                    P::PRESENT_VALUE.to_raw(),
                ),
                issue_confirmed_notifications: s.confirmed,
                time_remaining: s.remaining(now),
                cov_increment: object.cov_increment().map(|c| c as f32),
            };
            // An address that the encoder refuses is one that no datagram can come from.
            let _ = constructed::encode_cov_subscription(out, &subscription);
        }
    }
}

impl Subscription {
    /// Told what the object says now.
    pub(super) fn mark(&mut self, device: &Device) {
        let object = device.object(self.object);
        self.told = Some((object.present(), object.status_flags()));
    }

    /// 13.1: the flags changed, or the value by its increment; what is not analogue by anything at all.
    fn stale(&self, object: &Object) -> bool {
        let Some((value, flags)) = self.told else { return true };
        let change = (object.present() - value).abs();
        flags != object.status_flags() || (change > 0.0 && change >= object.cov_increment().unwrap_or(0.0))
    }

    /// Whole seconds, at least one while it lasts: 0 would mean for ever.
    fn remaining(&self, now: Time) -> u32 {
        self.until.map_or(0, |until| {
            u32::try_from(until.since(now).as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
        })
    }
}

/// What every notification of these object types carries (table 13-1).
fn report(object: &Object) -> Vec<(PropertyRef, bytes::Bytes)> {
    let (mut value, mut flags) = (BytesMut::new(), BytesMut::new());
    object.put_present(&mut value);
    object.put_status(&mut flags);
    vec![
        (PropertyRef::of(P::PRESENT_VALUE), value.freeze()),
        (PropertyRef::of(P::STATUS_FLAGS), flags.freeze()),
    ]
}

/// A peer as the standard writes addresses: of a station on this network, six octets of IPv4 address and port (J.1.2).
fn recipient(peer: &Peer) -> BACnetAddress {
    let local = match peer.address {
        SocketAddr::V4(v4) => [&v4.ip().octets()[..], &v4.port().to_be_bytes()[..]].concat(),
        SocketAddr::V6(v6) => v6.ip().octets().to_vec(),
    };
    match &peer.route {
        Some(r) => BACnetAddress { network_number: r.network, mac_address: r.mac_address.clone() },
        None => BACnetAddress { network_number: 0, mac_address: local.into_iter().collect() },
    }
}

/// Who a subscription is of an object that cannot change.
pub(super) fn no_cov(object: &ObjectIdentifier, device: &Device) -> Refusal {
    if device.holds(object) {
        Refusal::object(ErrorCode::OPTIONAL_FUNCTIONALITY_NOT_SUPPORTED)
    } else {
        Refusal::object(ErrorCode::UNKNOWN_OBJECT)
    }
}
