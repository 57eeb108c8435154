//! Cuts a stream into the frames of its protocol, each of which gets a verdict of its own.

use aegis_models::Protocol;

/// A longer frame is handed on in pieces, so that little is kept of a peer that announces much.
const LONGEST: usize = 1 << 20;

/// One direction of a connection.
pub struct Frames {
    protocol: Protocol,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
    /// What is still to come of a frame that is too long to be kept.
    beyond: usize,
}

impl Frames {
    /// A stream that has just begun.
    pub fn of(protocol: Protocol) -> Frames {
        Frames { protocol, rest: Vec::new(), beyond: 0 }
    }

    /// Takes what came in, however cut, and gives the frames that are whole now.
    pub fn take(&mut self, mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        if self.beyond > 0 {
            let piece = bytes.split_off(..self.beyond.min(bytes.len())).unwrap_or_default();
            self.beyond -= piece.len();
            whole.push(piece.to_vec());
        }
        self.rest.extend_from_slice(bytes);
        while !self.rest.is_empty() {
            // Where a protocol's frames are not told apart, what was written in one go is one.
            let length = match header(self.protocol) {
                Some(header) if self.rest.len() < header => break,
                Some(_) => length(self.protocol, &self.rest),
                None => self.rest.len(),
            };
            if length > self.rest.len() && length <= LONGEST {
                break;
            }
            let rest = self.rest.split_off(length.min(self.rest.len()));
            self.beyond = length - self.rest.len();
            whole.push(std::mem::replace(&mut self.rest, rest));
        }
        whole
    }

    /// What is left when the stream has ended in the middle of a frame.
    pub fn end(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then_some(rest)
    }
}

/// The bytes that tell a frame's length, where a protocol has them.
fn header(protocol: Protocol) -> Option<usize> {
    match protocol {
        Protocol::ModbusTcp => Some(6),
        Protocol::Hsms => Some(4),
        Protocol::Opcua => Some(8),
        _ => None,
    }
}

/// The length of the frame whose header that is.
fn length(protocol: Protocol, head: &[u8]) -> usize {
    match (protocol, head) {
        // The MBAP header counts what follows it (Modbus Messaging on TCP/IP V1.0b, 3.1.3).
        (Protocol::ModbusTcp, [_, _, _, _, high, low, ..]) => {
            6 + usize::from(u16::from_be_bytes([*high, *low]))
        }
        // SEMI E37, 8.2.3: four bytes of length, which do not count themselves.
        (Protocol::Hsms, [a, b, c, d, ..]) => 4 + u32::from_be_bytes([*a, *b, *c, *d]) as usize,
        // OPC 10000-6, 7.1.2.2: the whole message's size, after its type and the chunk's.
        (Protocol::Opcua, [_, _, _, _, a, b, c, d, ..]) => {
            (u32::from_le_bytes([*a, *b, *c, *d]) as usize).max(8)
        }
        _ => head.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart_however_they_come() {
        let modbus = [[0, 1, 0, 0, 0, 2, 7, 3], [0, 2, 0, 0, 0, 2, 7, 4]];
        let hsms = [vec![0, 0, 0, 3, 1, 2, 3], vec![0, 0, 0, 0]];
        let opcua = [b"HELF\x09\0\0\0x".to_vec(), b"OPNF\x08\0\0\0".to_vec()];
        let of = |protocol, sent: &[Vec<u8>]| {
            for size in 1..20 {
                let mut frames = Frames::of(protocol);
                let cut: Vec<_> = sent.concat().chunks(size).flat_map(|c| frames.take(c)).collect();
                assert_eq!(cut, sent, "{protocol} in chunks of {size}");
                assert_eq!(frames.end(), None);
            }
        };
        of(Protocol::ModbusTcp, &modbus.map(Vec::from));
        of(Protocol::Hsms, &hsms);
        of(Protocol::Opcua, &opcua);
        assert_eq!(Frames::of(Protocol::Mtconnect).take(b"GET /probe"), [b"GET /probe".to_vec()]);
    }

    #[test]
    fn a_peer_that_announces_much_is_not_waited_for() {
        let mut frames = Frames::of(Protocol::Hsms);
        assert_eq!(frames.take(&[0xFF; 100]), [vec![0xFF; 100]]);
        assert_eq!(frames.take(&[1; 50]), [vec![1; 50]]);
        assert!(frames.rest.is_empty());
        // The frame behind it is found again.
        let mut frames = Frames::of(Protocol::Hsms);
        let long = [&(LONGEST as u32 + 10).to_be_bytes()[..], &vec![7; LONGEST + 10]].concat();
        let pieces = frames.take(&[&long[..], &[0, 0, 0, 1, 9]].concat());
        assert_eq!(pieces.last().unwrap(), &[0, 0, 0, 1, 9]);
    }

    #[test]
    fn half_a_frame_is_told_at_the_end() {
        let mut frames = Frames::of(Protocol::ModbusTcp);
        assert!(frames.take(&[0, 1, 0]).is_empty());
        assert_eq!(frames.end(), Some(vec![0, 1, 0]));
    }
}
