//! Datagrams to APDUs and back: link, network and application header in one. Pure.

use std::net::SocketAddr;

use bacnet_encoding::apdu::{self, Apdu};
use bacnet_encoding::npdu::{self, Npdu, NpduAddress};
use bytes::{Bytes, BytesMut};

use super::bvll::{BadBvll, Bvll};

/// Where an APDU comes from or goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The UDP address.
    pub address: SocketAddr,
    /// The device behind the router at that address; none for the station itself.
    pub route: Option<NpduAddress>,
}

/// A datagram as it reached this station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub peer: Peer,
    /// Whether it was for everybody.
    pub broadcast: bool,
    /// The APDU, not yet decoded.
    pub apdu: Bytes,
}

/// What a datagram is to a station that is neither router nor BBMD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It carries an APDU.
    Apdu(Received),
    /// It is for somebody else, or a message of the network or link layer that asks for nothing.
    Ignored,
    /// A request to the link layer, and the answer to it.
    Refused(Bvll),
}

/// Why a datagram cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Its link header.
    #[error(transparent)]
    Bvll(#[from] BadBvll),
    /// Its network header.
    #[error("the network header: {0}")]
    Npdu(String),
}

/// Opens a datagram that came from `from`.
pub fn open(from: SocketAddr, datagram: &[u8]) -> Result<Opened, Malformed> {
    let bvll = Bvll::decode(&Bytes::copy_from_slice(datagram))?;
    if let Some(refusal) = bvll.refusal() {
        return Ok(Opened::Refused(refusal));
    }
    let (address, broadcast, npdu) = match bvll {
        Bvll::Unicast(npdu) => (from, false, npdu),
        Bvll::Broadcast(npdu) => (from, true, npdu),
        // J.2.5: to be treated as if the origin had broadcast it here.
        Bvll::Forwarded { origin, npdu } => (origin, true, npdu),
        Bvll::Result(_) | Bvll::Other { .. } => return Ok(Opened::Ignored),
    };
    let npdu = npdu::decode_npdu(npdu).map_err(|e| Malformed::Npdu(e.to_string()))?;
    // Clause 6.5.2: a station that is no router takes what is for its own network, and global broadcasts.
    let global = npdu.destination.as_ref().is_some_and(|d| d.network == 0xFFFF);
    if npdu.is_network_message() || (npdu.destination.is_some() && !global) {
        return Ok(Opened::Ignored);
    }
    let peer = Peer { address, route: npdu.source };
    Ok(Opened::Apdu(Received { peer, broadcast: broadcast || global, apdu: npdu.payload }))
}

/// A unicast datagram with `apdu` in it. `expecting_reply` stands in the network header for routers (6.2.2).
///
/// # Panics
///
/// When a header of ours has no form on the wire: the arguments come from this program or from [`open`].
pub fn datagram(to: &Peer, expecting_reply: bool, apdu: &Apdu) -> Vec<u8> {
    let mut payload = BytesMut::with_capacity(64);
    apdu::encode_apdu(&mut payload, apdu).expect("our own APDU has a form");
    let npdu =
        Npdu { expecting_reply, destination: to.route.clone(), payload: payload.freeze(), ..Npdu::default() };
    let mut out = BytesMut::with_capacity(npdu.payload.len() + 32);
    npdu::encode_npdu(&mut out, &npdu).expect("our own NPDU has a form");
    Bvll::Unicast(out.freeze()).encode()
}
