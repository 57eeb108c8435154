//! Modbus on a serial line: frames with a checksum and silence between them. Pure.
//!
//! Clauses cited as *SL* are those of *MODBUS over Serial Line, Specification and Implementation Guide*, V1.02. The same
//! frames travel over a TCP stream as *RTU over TCP*, where serial gateways pass them on unchanged.

use std::time::Duration;

use aegis_models::Time;

use super::codec;
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
fn length(bytes: &[u8]) -> Option<usize> {
    let function = bytes.get(1)?;
    let counted = |at: usize| Some(at + 1 + usize::from(*bytes.get(at)?) + 2);
    match function {
        1..=6 => Some(8),
        15 | 16 => counted(6),
        22 => Some(10),
        23 => counted(10),
        43 => Some(7),
        _ => None,
    }
}

/// A device on a line. It keeps less than one frame.
///
/// An operating system hands bytes on in pieces whose times are not those of the wire, so that the 1.5 characters which
/// may at most lie inside a frame are not enforced: a frame ends where its function says, or with the silence.
#[derive(Debug)]
pub struct Session {
    unit: u8,
    silence: Duration,
    rest: Vec<u8>,
    /// Something was damaged: nothing counts until the line is silent.
    deaf: bool,
    heard: Time,
}

impl Session {
    /// A device of that address, on a line whose frames are so far apart.
    pub fn new(unit: u8, silence: Duration) -> Session {
        Session { unit, silence, rest: Vec::new(), deaf: false, heard: Time::ZERO }
    }

    /// Takes what came in, however cut, and appends the replies. Gives the number of requests for this device.
    ///
    /// A damaged frame, or one for another device, is never answered (SL 2.4.1): its sender asks again. A broadcast is
    /// obeyed and not answered.
    pub fn receive(&mut self, now: Time, bytes: &[u8], device: &mut dyn Device, out: &mut Vec<u8>) -> usize {
        self.timeout(now, device, out);
        self.heard = now;
        let mut answered = 0;
        for byte in bytes {
            if self.deaf {
                break;
            }
            self.rest.push(*byte);
            if length(&self.rest).is_some_and(|whole| self.rest.len() >= whole) {
                match self.take(device, out) {
                    Some(own) => answered += usize::from(own),
                    None => self.deaf = true,
                }
            } else if self.rest.len() >= MAX_FRAME {
                self.deaf = true;
            }
        }
        if self.deaf {
            self.rest.clear();
        }
        answered
    }

    /// When the silence that ends a frame has lasted long enough; none while nothing is awaited.
    pub fn poll_timeout(&self) -> Option<Time> {
        (self.deaf || !self.rest.is_empty()).then(|| self.heard.after(self.silence))
    }

    /// The line has been silent: what has come is a frame, or nothing.
    pub fn timeout(&mut self, now: Time, device: &mut dyn Device, out: &mut Vec<u8>) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            if !self.deaf {
                self.take(device, out);
            }
            self.rest.clear();
            self.deaf = false;
        }
    }

    /// Obeys the frame that has come; says whether it was for this device, and nothing when it is damaged.
    fn take(&mut self, device: &mut dyn Device, out: &mut Vec<u8>) -> Option<bool> {
        let bytes = std::mem::take(&mut self.rest);
        let (unit, pdu) = open(&bytes)?;
        if unit != self.unit && unit != BROADCAST {
            return Some(false);
        }
        let mut reply = Vec::new();
        server::respond(pdu, device, &mut reply);
        if unit != BROADCAST {
            out.extend_from_slice(&frame(unit, &reply));
        }
        Some(true)
    }
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
