//! Bytes and messages, both ways, for the functions 01 to 06, 15, 16, 22, 23 and 43/14. Pure.
//!
//! Whatever is wrong with a request is a value: the exception that the device answers with. Nothing here panics on
//! any input, and nothing grows beyond one frame.

use std::borrow::Cow;

use super::identity::MEI;
use tokio_modbus::{ExceptionCode, ExceptionResponse, FunctionCode, Request, Response};

/// Most bytes of a PDU (AP 4.1: 256 of a serial frame, less address and checksum).
pub const MAX_PDU: usize = 253;
/// Bytes of the MBAP header: transaction, protocol, length, unit (IG 3.1.3).
pub const HEADER: usize = 7;
/// Most bytes of a TCP frame.
pub const MAX_ADU: usize = HEADER + MAX_PDU;

/// Most bits that one request reads (AP 6.1, 6.2).
pub const MAX_READ_BITS: u16 = 2000;
/// Most registers that one request reads (AP 6.3, 6.4).
pub const MAX_READ_REGISTERS: u16 = 125;
/// Most bits that one request writes (AP 6.11).
pub const MAX_WRITE_BITS: u16 = 1968;
/// Most registers that one request writes (AP 6.12).
pub const MAX_WRITE_REGISTERS: u16 = 123;

/// Most registers that one request writes when it also reads (AP 6.17).
pub const MAX_READ_WRITE_REGISTERS: u16 = 121;

/// What a reply repeats of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Pairs a reply with its request.
    pub transaction: u16,
    /// The device behind the address.
    pub unit: u8,
}

/// What stands at the beginning of a byte stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split<'a> {
    /// Not yet a whole frame.
    Incomplete,
    /// A frame.
    Adu {
        /// Its header.
        header: Header,
        /// Its message, of 1 to [`MAX_PDU`] bytes.
        pdu: &'a [u8],
        /// Bytes of the whole frame.
        taken: usize,
    },
    /// A frame of another protocol, to be dropped without a reply.
    Foreign {
        /// Bytes of the whole frame.
        taken: usize,
    },
    /// Nobody can tell where the next frame begins: the connection is lost.
    Lost(BadLength),
}

/// A length field that no Modbus frame has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MBAP length {0}; 2 to 254 would be right")]
pub struct BadLength(pub u16);

/// Cuts the first frame off a byte stream.
pub fn split(bytes: &[u8]) -> Split<'_> {
    let [t0, t1, p0, p1, l0, l1, rest @ ..] = bytes else { return Split::Incomplete };
    // IG 3.1.3: the length counts the unit and the PDU, which has at least its function code.
    let length = u16::from_be_bytes([*l0, *l1]);
    if !(2..=1 + MAX_PDU as u16).contains(&length) {
        return Split::Lost(BadLength(length));
    }
    let Some((unit, pdu)) = rest.get(..usize::from(length)).and_then(|r| r.split_first()) else {
        return Split::Incomplete;
    };
    let taken = HEADER - 1 + usize::from(length);
    // IG 4.4.2.1: a protocol identifier that is not Modbus' is discarded.
    if [*p0, *p1] != [0, 0] {
        return Split::Foreign { taken };
    }
    let header = Header { transaction: u16::from_be_bytes([*t0, *t1]), unit: *unit };
    Split::Adu { header, pdu, taken }
}

/// Appends a frame whose message `write` appends; on an error nothing is appended.
pub fn frame<E>(
    header: Header,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    out.extend_from_slice(&header.transaction.to_be_bytes());
    out.extend_from_slice(&[0, 0, 0, 0, header.unit]);
    if let Err(e) = write(out) {
        out.truncate(start);
        return Err(e);
    }
    let length = out.len() - start - (HEADER - 1);
    assert!(length <= 1 + MAX_PDU, "encoders keep to one frame");
    out[start + 4..start + 6].copy_from_slice(&(length as u16).to_be_bytes());
    Ok(())
}

/// Reads a request. What is wrong with it comes back as the exception to answer with (AP 7).
pub fn decode_request(pdu: &[u8]) -> Result<Request<'static>, ExceptionResponse> {
    let (code, body) = pdu.split_first().map_or((0, pdu), |(c, b)| (*c, b));
    let request = match code {
        1 => read(body, MAX_READ_BITS).map(|(a, n)| Request::ReadCoils(a, n)),
        2 => read(body, MAX_READ_BITS).map(|(a, n)| Request::ReadDiscreteInputs(a, n)),
        3 => read(body, MAX_READ_REGISTERS).map(|(a, n)| Request::ReadHoldingRegisters(a, n)),
        4 => read(body, MAX_READ_REGISTERS).map(|(a, n)| Request::ReadInputRegisters(a, n)),
        5 => words(body).and_then(|[a, v]| Some(Request::WriteSingleCoil(a, coil(v)?))),
        6 => words(body).map(|[a, v]| Request::WriteSingleRegister(a, v)),
        15 => write_coils(body),
        16 => write_registers(body),
        22 => words(body).map(|[a, and, or]| Request::MaskWriteRegister(a, and, or)),
        23 => read_write(body),
        // AP 6.21: another MEI type is a function that this device has not.
        43 => match body {
            [MEI, code, object] => Some(Request::Custom(43, Cow::Owned(vec![MEI, *code, *object]))),
            [MEI, ..] => None,
            _ => return Err(exception(code, ExceptionCode::IllegalFunction)),
        },
        // AP 7, code 01: a function that this device has not, and AP 4.1: 0 and 128 to 255 are none at all.
        _ => return Err(exception(code, ExceptionCode::IllegalFunction)),
    };
    // AP 7, code 03: a value that is not allowed, or an implied length that is incorrect.
    request.ok_or_else(|| exception(code, ExceptionCode::IllegalDataValue))
}

/// The exception to a request with that function code.
pub fn exception(code: u8, exception: ExceptionCode) -> ExceptionResponse {
    ExceptionResponse { function: FunctionCode::new(code), exception }
}

fn words<const N: usize>(body: &[u8]) -> Option<[u16; N]> {
    let (pairs, rest) = body.as_chunks::<2>();
    let pairs: &[[u8; 2]; N] = pairs.try_into().ok()?;
    rest.is_empty().then(|| pairs.map(u16::from_be_bytes))
}

fn read(body: &[u8], most: u16) -> Option<(u16, u16)> {
    let [first, count] = words(body)?;
    (1..=most).contains(&count).then_some((first, count))
}

/// AP 6.5: 0xFF00 is on, 0x0000 is off, and all other values are illegal.
fn coil(value: u16) -> Option<bool> {
    match value {
        0xFF00 => Some(true),
        0x0000 => Some(false),
        _ => None,
    }
}

/// First address, quantity and data of a write of several; the byte count must be `bytes(quantity)`.
fn several(body: &[u8], most: u16, bytes: impl Fn(usize) -> usize) -> Option<(u16, usize, &[u8])> {
    let (head, [byte_count, data @ ..]) = body.split_at_checked(4)? else { return None };
    let (first, count) = read(head, most)?;
    let count = usize::from(count);
    (data.len() == bytes(count) && data.len() == usize::from(*byte_count)).then_some((first, count, data))
}

fn write_coils(body: &[u8]) -> Option<Request<'static>> {
    let (first, count, data) = several(body, MAX_WRITE_BITS, |n| n.div_ceil(8))?;
    let mut coils = unpack_bits(data);
    coils.truncate(count);
    Some(Request::WriteMultipleCoils(first, Cow::Owned(coils)))
}

fn write_registers(body: &[u8]) -> Option<Request<'static>> {
    let (first, _, data) = several(body, MAX_WRITE_REGISTERS, |n| 2 * n)?;
    Some(Request::WriteMultipleRegisters(first, Cow::Owned(unpack_words(data))))
}

/// AP 6.17: what is read stands before what is written.
fn read_write(body: &[u8]) -> Option<Request<'static>> {
    let (head, tail) = body.split_at_checked(4)?;
    let (from, count) = read(head, MAX_READ_REGISTERS)?;
    let (first, _, data) = several(tail, MAX_READ_WRITE_REGISTERS, |n| 2 * n)?;
    Some(Request::ReadWriteMultipleRegisters(from, count, first, Cow::Owned(unpack_words(data))))
}

/// AP 6.1: the least significant bit of the first byte is the first coil.
fn unpack_bits(data: &[u8]) -> Vec<bool> {
    data.iter().flat_map(|byte| (0..8).map(move |i| byte >> i & 1 == 1)).collect()
}

fn unpack_words(data: &[u8]) -> Vec<u16> {
    data.as_chunks::<2>().0.iter().copied().map(u16::from_be_bytes).collect()
}

/// A message that this codec does not send: a function it has not, or more than one frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of function {0} that is not supported or does not fit one frame")]
pub struct Unsendable(pub u8);

fn put(out: &mut Vec<u8>, code: u8, words: &[u16]) {
    out.push(code);
    words.iter().for_each(|w| out.extend_from_slice(&w.to_be_bytes()));
}

fn put_bits(out: &mut Vec<u8>, bits: &[bool]) {
    out.push(bits.len().div_ceil(8) as u8);
    out.extend(bits.chunks(8).map(|c| c.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))));
}

fn put_words(out: &mut Vec<u8>, words: &[u16]) {
    out.push(2 * words.len() as u8);
    words.iter().for_each(|w| out.extend_from_slice(&w.to_be_bytes()));
}

/// Appends a request's PDU.
pub fn encode_request(request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let code = request.function_code().value();
    let fits =
        |n: usize, most: u16| if n <= usize::from(most) { Ok(n as u16) } else { Err(Unsendable(code)) };
    match request {
        Request::ReadCoils(a, n)
        | Request::ReadDiscreteInputs(a, n)
        | Request::ReadHoldingRegisters(a, n)
        | Request::ReadInputRegisters(a, n)
        | Request::WriteSingleRegister(a, n) => put(out, code, &[*a, *n]),
        Request::WriteSingleCoil(a, on) => put(out, code, &[*a, if *on { 0xFF00 } else { 0 }]),
        Request::WriteMultipleCoils(a, bits) => {
            put(out, code, &[*a, fits(bits.len(), MAX_WRITE_BITS)?]);
            put_bits(out, bits);
        }
        Request::WriteMultipleRegisters(a, words) => {
            put(out, code, &[*a, fits(words.len(), MAX_WRITE_REGISTERS)?]);
            put_words(out, words);
        }
        Request::MaskWriteRegister(a, and, or) => put(out, code, &[*a, *and, *or]),
        Request::ReadWriteMultipleRegisters(from, n, a, words) => {
            put(out, code, &[*from, *n, *a, fits(words.len(), MAX_READ_WRITE_REGISTERS)?]);
            put_words(out, words);
        }
        Request::ReadDeviceIdentification(level, object) => {
            out.extend_from_slice(&[code, MEI, level.value(), *object]);
        }
        Request::Custom(43, body) if body.len() == 3 => {
            out.push(code);
            out.extend_from_slice(body);
        }
        _ => return Err(Unsendable(code)),
    }
    Ok(())
}

/// Appends a response's PDU.
pub fn encode_response(response: &Response, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let code = response.function_code().value();
    match response {
        Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits)
            if bits.len() <= usize::from(MAX_READ_BITS) =>
        {
            out.push(code);
            put_bits(out, bits);
        }
        Response::ReadHoldingRegisters(words)
        | Response::ReadInputRegisters(words)
        | Response::ReadWriteMultipleRegisters(words)
            if words.len() <= usize::from(MAX_READ_REGISTERS) =>
        {
            out.push(code);
            put_words(out, words);
        }
        Response::WriteSingleCoil(a, on) => put(out, code, &[*a, if *on { 0xFF00 } else { 0 }]),
        Response::WriteSingleRegister(a, n)
        | Response::WriteMultipleCoils(a, n)
        | Response::WriteMultipleRegisters(a, n) => put(out, code, &[*a, *n]),
        Response::MaskWriteRegister(a, and, or) => put(out, code, &[*a, *and, *or]),
        Response::Custom(43, body) if body.len() < MAX_PDU => {
            out.push(code);
            out.extend_from_slice(body);
        }
        _ => return Err(Unsendable(code)),
    }
    Ok(())
}

/// Appends an exception's PDU (AP 7: the function code with its highest bit set, and the reason).
pub fn encode_exception(refusal: ExceptionResponse, out: &mut Vec<u8>) {
    out.extend_from_slice(&[refusal.function.value() | 0x80, refusal.exception.into()]);
}

/// A response that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadResponse {
    /// No function code, or one that was never asked.
    #[error("a response of function {0}, which is not supported")]
    Function(u8),
    /// Not as long as its content says, or with a value that does not exist.
    #[error("a response of function {0} whose length or value is incorrect")]
    Content(u8),
}

/// Reads a response, or the exception in its place. Bits come in whole bytes: the last of them were not asked for.
pub fn decode_response(pdu: &[u8]) -> Result<Result<Response, ExceptionResponse>, BadResponse> {
    let Some((&code, body)) = pdu.split_first() else { return Err(BadResponse::Function(0)) };
    if code & 0x80 != 0 {
        let [reason] = body else { return Err(BadResponse::Content(code)) };
        return Ok(Err(exception(code & 0x7F, ExceptionCode::new(*reason))));
    }
    let counted = || match body {
        [count, data @ ..] if usize::from(*count) == data.len() && !data.is_empty() => Some(data),
        _ => None,
    };
    let even = || counted().filter(|data| data.len().is_multiple_of(2));
    let response = match code {
        1 => counted().map(|data| Response::ReadCoils(unpack_bits(data))),
        2 => counted().map(|data| Response::ReadDiscreteInputs(unpack_bits(data))),
        3 => even().map(|data| Response::ReadHoldingRegisters(unpack_words(data))),
        4 => even().map(|data| Response::ReadInputRegisters(unpack_words(data))),
        5 => words(body).and_then(|[a, v]| Some(Response::WriteSingleCoil(a, coil(v)?))),
        6 => words(body).map(|[a, v]| Response::WriteSingleRegister(a, v)),
        15 => words(body).map(|[a, n]| Response::WriteMultipleCoils(a, n)),
        16 => words(body).map(|[a, n]| Response::WriteMultipleRegisters(a, n)),
        22 => words(body).map(|[a, and, or]| Response::MaskWriteRegister(a, and, or)),
        23 => even().map(|data| Response::ReadWriteMultipleRegisters(unpack_words(data))),
        43 if body.len() >= 6 && body[0] == MEI => Some(Response::Custom(43, body.to_vec().into())),
        43 => None,
        _ => return Err(BadResponse::Function(code)),
    };
    response.map(Ok).ok_or(BadResponse::Content(code))
}
