//! The BACnet Virtual Link Layer: what stands around an NPDU in a UDP datagram (Annex J). Pure.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use bytes::Bytes;

/// Annex J: the first octet of every BACnet/IP datagram.
const BACNET_IP: u8 = 0x81;
/// Type, function and length.
const HEADER: usize = 4;

/// A BVLL message (J.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bvll {
    /// The outcome of a request to the link layer.
    Result(u16),
    /// An NPDU that a router of broadcasts passes on, with the address it came from.
    Forwarded {
        /// Who sent it first.
        origin: SocketAddr,
        /// The NPDU.
        npdu: Bytes,
    },
    /// An NPDU for the receiver alone.
    Unicast(Bytes),
    /// An NPDU for everybody on the network.
    Broadcast(Bytes),
    /// A message that only a BBMD acts on, or that is unknown.
    Other {
        /// Its function.
        function: u8,
        /// What follows the header.
        data: Bytes,
    },
}

/// A datagram that is no BVLL message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBvll {
    /// Fewer octets than a header has, or than the function needs.
    #[error("the datagram is too short")]
    Short,
    /// The first octet says that it is another protocol.
    #[error("{0:#04X} is not BACnet/IP")]
    Foreign(u8),
    /// The length is not the datagram's.
    #[error("the length says {said}, the datagram has {found} octets")]
    Length {
        /// What the header says.
        said: u16,
        /// What there is.
        found: usize,
    },
}

impl Bvll {
    /// Reads one datagram. A length that is not the datagram's is an error.
    pub fn decode(datagram: &Bytes) -> Result<Bvll, BadBvll> {
        let [kind, function, high, low] = datagram.first_chunk::<HEADER>().copied().ok_or(BadBvll::Short)?;
        if kind != BACNET_IP {
            return Err(BadBvll::Foreign(kind));
        }
        let said = u16::from_be_bytes([high, low]);
        if usize::from(said) != datagram.len() {
            return Err(BadBvll::Length { said, found: datagram.len() });
        }
        let data = datagram.slice(HEADER..);
        Ok(match function {
            0x00 => {
                let [high, low] = data[..].try_into().map_err(|_| BadBvll::Short)?;
                Bvll::Result(u16::from_be_bytes([high, low]))
            }
            0x04 => {
                let [a, b, c, d, high, low] = data.first_chunk().copied().ok_or(BadBvll::Short)?;
                let origin = SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low]));
                Bvll::Forwarded { origin: origin.into(), npdu: data.slice(6..) }
            }
            0x0A => Bvll::Unicast(data),
            0x0B => Bvll::Broadcast(data),
            function => Bvll::Other { function, data },
        })
    }

    /// The datagram. An NPDU that the 16-bit length cannot hold is cut: no caller makes one.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![BACNET_IP, self.function(), 0, 0];
        match self {
            Bvll::Result(code) => out.extend(code.to_be_bytes()),
            Bvll::Forwarded { origin, npdu } => {
                // Annex J is IPv4; an address of another family has no form in it.
                let octets = match origin {
                    SocketAddr::V4(v4) => v4.ip().octets(),
                    SocketAddr::V6(_) => [0; 4],
                };
                out.extend(octets);
                out.extend(origin.port().to_be_bytes());
                out.extend(npdu);
            }
            Bvll::Unicast(data) | Bvll::Broadcast(data) | Bvll::Other { data, .. } => out.extend(data),
        }
        out.truncate(usize::from(u16::MAX));
        let length = (out.len() as u16).to_be_bytes();
        out[2..HEADER].copy_from_slice(&length);
        out
    }

    fn function(&self) -> u8 {
        match self {
            Bvll::Result(_) => 0x00,
            Bvll::Forwarded { .. } => 0x04,
            Bvll::Unicast(_) => 0x0A,
            Bvll::Broadcast(_) => 0x0B,
            Bvll::Other { function, .. } => *function,
        }
    }

    /// How a device that is no BBMD answers a request to one (J.2.1.1): with the request's own "NAK".
    pub fn refusal(&self) -> Option<Bvll> {
        let Bvll::Other { function, .. } = self else { return None };
        let code = match function {
            0x01 => 0x0010,
            0x02 => 0x0020,
            0x05 => 0x0030,
            0x06 => 0x0040,
            0x08 => 0x0050,
            0x09 => 0x0060,
            _ => return None,
        };
        Some(Bvll::Result(code))
    }
}
