//! HSMS messages as bytes (E37, message format): a length of four bytes, a header of ten, a body. Pure.

use std::collections::VecDeque;

use crate::limits::HSMS_MESSAGE_BYTES;

/// Bytes of a header.
pub const HEADER: usize = 10;

/// A message's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The session: the device of a data message, 0xFFFF for control.
    pub session: u16,
    /// Stream and W bit of a data message; what a reject is about.
    pub byte2: u8,
    /// Function of a data message; status or reason of an answer.
    pub byte3: u8,
    /// Presentation type: 0 is SECS-II.
    pub ptype: u8,
    /// Session type: data or which control message.
    pub stype: u8,
    /// What ties an answer to its question.
    pub system: u32,
}

impl Header {
    /// As on the wire, which is also MHEAD and SHEAD of stream 9.
    pub fn to_bytes(&self) -> [u8; HEADER] {
        let ([s1, s2], [a, b, c, d]) = (self.session.to_be_bytes(), self.system.to_be_bytes());
        [s1, s2, self.byte2, self.byte3, self.ptype, self.stype, a, b, c, d]
    }

    /// From the wire.
    pub fn from_bytes(b: [u8; HEADER]) -> Header {
        Header {
            session: u16::from_be_bytes([b[0], b[1]]),
            byte2: b[2],
            byte3: b[3],
            ptype: b[4],
            stype: b[5],
            system: u32::from_be_bytes([b[6], b[7], b[8], b[9]]),
        }
    }
}

/// A whole message as bytes.
pub fn frame(header: &Header, body: &[u8]) -> Vec<u8> {
    let length = (HEADER + body.len()) as u32;
    [&length.to_be_bytes()[..], &header.to_bytes(), body].concat()
}

/// A message's length is none that a message can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of {0} bytes: 10 to {most} would be right", most = HSMS_MESSAGE_BYTES + HEADER)]
pub struct BadLength(pub u32);

/// Cuts a stream of bytes into messages. Holds at most one message and what came with it.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    buffer: VecDeque<u8>,
}

impl Reader {
    /// Takes bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
    }

    /// The next whole message.
    pub fn pop(&mut self) -> Result<Option<(Header, Vec<u8>)>, BadLength> {
        if self.buffer.len() < 4 {
            return Ok(None);
        }
        let mut prefix = [0; 4];
        prefix.iter_mut().zip(&self.buffer).for_each(|(p, b)| *p = *b);
        let claimed = u32::from_be_bytes(prefix);
        let length = claimed as usize;
        if !(HEADER..=HEADER + HSMS_MESSAGE_BYTES).contains(&length) {
            return Err(BadLength(claimed));
        }
        if self.buffer.len() < 4 + length {
            return Ok(None);
        }
        self.buffer.drain(..4);
        let mut header = [0; HEADER];
        header.iter_mut().zip(self.buffer.drain(..HEADER)).for_each(|(h, b)| *h = b);
        let body = self.buffer.drain(..length - HEADER).collect();
        Ok(Some((Header::from_bytes(header), body)))
    }

    /// Whether a message has begun and not ended.
    pub fn is_waiting(&self) -> bool {
        !self.buffer.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_out_as_it_went_in_however_it_was_cut() {
        let header = Header { session: 1, byte2: 0x81, byte3: 3, ptype: 0, stype: 0, system: 0x0102_0304 };
        let bytes = frame(&header, &[0x01, 0]);
        assert_eq!(bytes, [0, 0, 0, 12, 0, 1, 0x81, 3, 0, 0, 1, 2, 3, 4, 0x01, 0]);
        let mut reader = Reader::default();
        for (i, b) in bytes.iter().enumerate() {
            reader.push(&[*b]);
            let out = reader.pop().unwrap();
            assert_eq!(out.is_some(), i == bytes.len() - 1);
            if let Some(out) = out {
                assert_eq!(out, (header, vec![0x01, 0]));
            }
        }
        assert!(!reader.is_waiting());
        reader.push(&[0, 0, 0, 9]);
        assert_eq!(reader.pop(), Err(BadLength(9)));
    }
}
