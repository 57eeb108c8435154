//! Modbus on a serial line: frames with a checksum and silence between them. Pure.
//!
//! Clauses cited as *SL* are those of *MODBUS over Serial Line, Specification and Implementation Guide*, V1.02. The same
//! frames travel over a TCP stream as *RTU over TCP*, where serial gateways pass them on unchanged.

use std::time::Duration;

use aegis_models::Time;

use super::codec;
use super::identity::MEI;
use super::server::{self, Device};

/// Most bytes of a frame (SL 2.5.1.1): address, PDU, checksum.
pub const MAX_FRAME: usize = 1 + codec::MAX_PDU + 2;
/// Least bytes of a frame: address, function, checksum.
const MIN_FRAME: usize = 4;
/// The address that all devices hear and none answers (SL 2.2).
pub const BROADCAST: u8 = 0;

/// The checksum over a frame (SL 6.2.2): CRC-16 with the polynomial 0xA001 reflected, begun with all ones. Its low byte
/// is sent first.
pub fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 })
    })
}

/// A frame of that PDU.
pub fn frame(unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(pdu.len() + 3);
    bytes.push(unit);
    bytes.extend_from_slice(pdu);
    let crc = checksum(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// The unit and the PDU of a whole frame; none when it is damaged.
pub fn open(bytes: &[u8]) -> Option<(u8, &[u8])> {
    if !(MIN_FRAME..=MAX_FRAME).contains(&bytes.len()) {
        return None;
    }
    let (body, crc) = bytes.split_last_chunk::<2>()?;
    (checksum(body) == u16::from_le_bytes(*crc)).then(|| (body[0], &body[1..]))
}

/// The least silence between two frames (SL 2.5.1.1): 3.5 characters of 11 bits, and above 19,200 baud fixed.
pub fn silence(baud: u32) -> Duration {
    if baud > 19_200 {
        return Duration::from_micros(1_750);
    }
    Duration::from_secs_f64(3.5 * 11.0 / f64::from(baud.max(1)))
}

/// How long the request that begins so is; none while that cannot be told, or for a function that this codec has not: its
/// frame ends with the silence.
fn request_length(bytes: &[u8]) -> Option<usize> {
    let function = bytes.get(1)?;
    let counted = |at: usize| Some(at + 1 + usize::from(*bytes.get(at)?) + 2);
    match function {
        1..=6 => Some(8),
        15 | 16 => counted(6),
        22 => Some(10),
        23 => counted(10),
        43 if *bytes.get(2)? == MEI => Some(7),
        _ => None,
    }
}

/// The same of a reply.
fn reply_length(bytes: &[u8]) -> Option<usize> {
    let function = bytes.get(1)?;
    match function {
        1..=4 | 23 => Some(3 + usize::from(*bytes.get(2)?) + 2),
        5 | 6 | 15 | 16 => Some(8),
        22 => Some(10),
        43 if *bytes.get(2)? == MEI => {
            // AP 6.21: six bytes, the number of objects, and of each its number, its length and its text.
            let mut at = 8;
            for _ in 0..*bytes.get(7)? {
                at += 2 + usize::from(*bytes.get(at + 1)?);
            }
            Some(at + 2)
        }
        0x80.. => Some(5),
        _ => None,
    }
}

/// Whether a frame of that length stands at the beginning.
fn whole(bytes: &[u8], length: Option<usize>) -> bool {
    length.and_then(|n| bytes.get(..n)).is_some_and(|frame| open(frame).is_some())
}

/// What a master waits for: the reply to one request, among whatever else comes. It keeps less than two frames.
#[derive(Debug)]
pub struct Awaited {
    unit: u8,
    function: u8,
    /// How the PDU begins: with the function, and with what it repeats of the request or the number of bytes that were
    /// asked for.
    begins: Vec<u8>,
    rest: Vec<u8>,
}

impl Awaited {
    /// The reply of that unit to the request of that PDU.
    pub fn new(unit: u8, request: &[u8]) -> Awaited {
        let function = request.first().copied().unwrap_or(0);
        let count = request.get(3..5).map_or(0, |n| usize::from(u16::from_be_bytes([n[0], n[1]])));
        let begins = match function {
            1 | 2 => vec![function, count.div_ceil(8) as u8],
            3 | 4 | 23 => vec![function, (2 * count) as u8],
            15 | 16 => request[..request.len().min(5)].to_vec(),
            43 => request[..request.len().min(3)].to_vec(),
            _ => request.to_vec(),
        };
        Awaited { unit, function, begins, rest: Vec::new() }
    }

    /// Takes what came in, however cut, and gives the reply's PDU once it is whole. A damaged frame, and one that is no
    /// reply to the request, is let go (SL 2.4.1: the wait goes on).
    pub fn receive(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.rest.extend_from_slice(bytes);
        let found = (0..self.rest.len()).find_map(|at| self.reply(&self.rest[at..]));
        // A frame that is not whole yet begins within the last bytes.
        let old = self.rest.len().saturating_sub(MAX_FRAME);
        self.rest.drain(..old);
        found
    }

    fn reply(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (unit, pdu) = bytes.split_first()?;
        let refused = *pdu.first()? == self.function | 0x80;
        if *unit != self.unit || !(refused || pdu.starts_with(&self.begins)) {
            return None;
        }
        let length = reply_length(bytes)?;
        open(bytes.get(..length)?).map(|(_, pdu)| pdu.to_vec())
    }
}

/// The devices at one end of a line, by their addresses.
pub type Stations<'a, 'b> = &'a mut [(u8, &'b mut dyn Device)];

/// The devices at one end of a line. It keeps less than one frame.
///
/// An operating system hands bytes on in pieces whose times are not those of the wire, so that the 1.5 characters which
/// may at most lie inside a frame are not enforced: a frame ends where its function says, or with the silence. On the
/// same line others are asked and answer. Frames are told from what is none by their checksums: behind something
/// damaged, or half of what another said, the next whole frame counts once the line is silent.
#[derive(Debug)]
pub struct Session {
    silence: Duration,
    rest: Vec<u8>,
    heard: Time,
}

impl Session {
    /// A line whose frames are so far apart.
    pub fn new(silence: Duration) -> Session {
        Session { silence, rest: Vec::new(), heard: Time::ZERO }
    }

    /// Takes what came in, however cut, and appends the replies. Gives the number of requests for these devices.
    ///
    /// A damaged frame, or one for another device, is never answered (SL 2.4.1): its sender asks again. A broadcast is
    /// obeyed and not answered.
    pub fn receive(
        &mut self,
        now: Time,
        bytes: &[u8],
        stations: Stations<'_, '_>,
        out: &mut Vec<u8>,
    ) -> usize {
        let mut answered = self.timeout(now, stations, out);
        self.heard = now;
        // In pieces, so that what is kept stays below two frames.
        for piece in bytes.chunks(MAX_FRAME) {
            self.rest.extend_from_slice(piece);
            answered += self.scan(false, stations, out);
        }
        answered
    }

    /// When the silence that ends a frame has lasted long enough; none while nothing is awaited.
    pub fn poll_timeout(&self) -> Option<Time> {
        (!self.rest.is_empty()).then(|| self.heard.after(self.silence))
    }

    /// The line has been silent: what has come is a frame, holds one, or is nothing. Gives the number of requests.
    pub fn timeout(&mut self, now: Time, stations: Stations<'_, '_>, out: &mut Vec<u8>) -> usize {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return 0;
        }
        let answered = self.scan(true, stations, out);
        self.rest.clear();
        answered
    }

    /// Takes whole frames off what has come. With `silent` it has ended; else what may yet become one is left.
    fn scan(&mut self, silent: bool, stations: Stations<'_, '_>, out: &mut Vec<u8>) -> usize {
        let bytes = std::mem::take(&mut self.rest);
        let (mut at, mut answered) = (0, 0);
        // Where a frame begins for certain: behind another, or behind a silence.
        let mut sure = true;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let own = rest[0] == BROADCAST || stations.iter().any(|(unit, _)| *unit == rest[0]);
            let request = request_length(rest);
            let reply = if own { None } else { reply_length(rest) };
            let taken = if whole(rest, request) {
                request
            } else if !own && whole(rest, reply) {
                at += reply.unwrap_or(1);
                sure = true;
                continue;
            } else if silent && open(rest).is_some() {
                Some(rest.len())
            } else {
                None
            };
            if let Some(taken) = taken {
                // What looks like a broadcast in the middle of something else is obeyed by nobody.
                if sure || rest[0] != BROADCAST {
                    answered += obey(&rest[..taken], stations, out);
                }
                at += taken;
                sure = true;
                continue;
            }
            let more = |length: Option<usize>| length.is_none_or(|n| n > rest.len());
            if !silent && rest.len() < MAX_FRAME && (more(request) || (!own && more(reply))) {
                break;
            }
            at += 1;
            sure = false;
        }
        self.rest = bytes[at.min(bytes.len())..].to_vec();
        answered
    }
}

/// Has the stations obey a whole frame; gives 1 when it is for one of them.
fn obey(bytes: &[u8], stations: Stations<'_, '_>, out: &mut Vec<u8>) -> usize {
    let Some((unit, pdu)) = open(bytes) else { return 0 };
    let mut reply = Vec::new();
    let mut heard = 0;
    for (own, device) in stations {
        if unit == *own || unit == BROADCAST {
            heard = 1;
            reply.clear();
            server::respond(pdu, &mut **device, &mut reply);
        }
    }
    if heard == 1 && unit != BROADCAST {
        out.extend_from_slice(&frame(unit, &reply));
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SL 6.2.2 gives the example of address 02, function 07: the checksum is 0x1241, sent as 41 12.
    #[test]
    fn the_published_checksum() {
        assert_eq!(checksum(&[0x02, 0x07]), 0x1241);
        assert_eq!(frame(2, &[7]), [0x02, 0x07, 0x41, 0x12]);
        assert_eq!(open(&[0x02, 0x07, 0x41, 0x12]), Some((2, &[7][..])));
        assert_eq!(open(&[0x02, 0x07, 0x41, 0x13]), None);
    }

    /// By hand: 38.5 bits at 9,600 baud are 4.01 ms.
    #[test]
    fn the_silence_between_frames() {
        assert_eq!(silence(9_600).as_micros(), 4_010);
        assert_eq!(silence(115_200).as_micros(), 1_750);
    }
}
