//! The server's side of one connection, without the socket: bytes in, replies and a verdict out. Pure.

use aegis_models::profile::ModbusTable;
use tokio_modbus::{ExceptionCode, ExceptionResponse, Request, Response};

use super::codec::{self, BadLength, Header, Split};
use super::identity::Identity;

/// What a server serves: the four tables of the data model (AP 4.3).
///
/// The session checks quantities before it asks. An address that the device has not is
/// [`ExceptionCode::IllegalDataAddress`]; a write happens as a whole or, with an error, not at all.
pub trait Device {
    /// `count` bits from `first` on, of the coils or the discrete inputs.
    fn read_bits(&self, table: ModbusTable, first: u16, count: u16) -> Result<Vec<bool>, ExceptionCode>;

    /// `count` registers from `first` on, of the holding or the input registers.
    fn read_registers(&self, table: ModbusTable, first: u16, count: u16) -> Result<Vec<u16>, ExceptionCode>;

    /// Writes the coils from `first` on.
    fn write_bits(&mut self, first: u16, bits: &[bool]) -> Result<(), ExceptionCode>;

    /// Writes the holding registers from `first` on.
    fn write_registers(&mut self, first: u16, words: &[u16]) -> Result<(), ExceptionCode>;

    /// Who it says it is.
    fn identity(&self) -> &Identity;
}

/// Which unit identifiers a server answers to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Units {
    /// All of them: the device is found by its IP address alone.
    #[default]
    Any,
    /// This one, and the two that mean "the device itself" on TCP: 0 and 255 (IG 4.4.1.2, remark on the unit
    /// identifier). Any other is answered as a gateway answers for a device it has not: exception 0B.
    Only(u8),
}

impl Units {
    fn holds(self, unit: u8) -> bool {
        match self {
            Units::Any => true,
            Units::Only(own) => [own, 0, 255].contains(&unit),
        }
    }
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Open {
        /// Requests answered by this call, exceptions among them.
        answered: usize,
    },
    /// It ends, once the replies are sent: where the next frame begins can no longer be told.
    Close(BadLength),
}

/// One connection. It keeps less than one frame between calls.
#[derive(Debug, Default)]
pub struct Session {
    units: Units,
    rest: Vec<u8>,
    lost: Option<BadLength>,
}

impl Session {
    /// A fresh connection to a device that answers to `units`.
    pub fn new(units: Units) -> Session {
        Session { units, rest: Vec::new(), lost: None }
    }

    /// Takes what came in, however cut, and appends the reply to every request that is whole, in order (IG 4.4.2).
    ///
    /// Work and replies are bounded by the length of `bytes`: 260 bytes of reply for every 12.
    pub fn receive(&mut self, bytes: &[u8], device: &mut dyn Device, out: &mut Vec<u8>) -> Verdict {
        if let Some(reason) = self.lost {
            return Verdict::Close(reason);
        }
        self.rest.extend_from_slice(bytes);
        let (mut at, mut answered) = (0, 0);
        loop {
            match codec::split(&self.rest[at..]) {
                Split::Incomplete => break,
                Split::Foreign { taken } => at += taken,
                Split::Adu { header, pdu, taken } => {
                    reply(self.units, header, pdu, device, out);
                    answered += 1;
                    at += taken;
                }
                Split::Lost(reason) => {
                    self.lost = Some(reason);
                    self.rest = Vec::new();
                    return Verdict::Close(reason);
                }
            }
        }
        self.rest.drain(..at);
        assert!(self.rest.len() < codec::MAX_ADU, "what is kept is less than one frame");
        Verdict::Open { answered }
    }
}

fn reply(units: Units, header: Header, pdu: &[u8], device: &mut dyn Device, out: &mut Vec<u8>) {
    let written = codec::frame(header, out, |out| {
        if units.holds(header.unit) {
            respond(pdu, device, out);
        } else {
            codec::encode_exception(codec::exception(pdu[0], ExceptionCode::GatewayTargetDevice), out);
        }
        Ok::<(), std::convert::Infallible>(())
    });
    let Ok(()) = written;
}

/// Appends the PDU that answers one.
pub(super) fn respond(pdu: &[u8], device: &mut dyn Device, out: &mut Vec<u8>) {
    let start = out.len();
    let refusal = match answer(pdu, device) {
        Ok(response) => match codec::encode_response(&response, out) {
            Ok(()) => return,
            // The device gave more values than fit a frame: its fault, not the client's.
            Err(_) => codec::exception(pdu[0], ExceptionCode::ServerDeviceFailure),
        },
        Err(refusal) => refusal,
    };
    out.truncate(start);
    codec::encode_exception(refusal, out);
}

/// The order of the checks is that of the state diagrams in AP 6: function, then quantity and value, then address.
fn answer(pdu: &[u8], device: &mut dyn Device) -> Result<Response, ExceptionResponse> {
    let request = codec::decode_request(pdu)?;
    let response = match &request {
        Request::ReadCoils(a, n) => bits(device, ModbusTable::Coil, *a, *n).map(Response::ReadCoils),
        Request::ReadDiscreteInputs(a, n) => {
            bits(device, ModbusTable::Discrete, *a, *n).map(Response::ReadDiscreteInputs)
        }
        Request::ReadHoldingRegisters(a, n) => {
            registers(device, ModbusTable::Holding, *a, *n).map(Response::ReadHoldingRegisters)
        }
        Request::ReadInputRegisters(a, n) => {
            registers(device, ModbusTable::Input, *a, *n).map(Response::ReadInputRegisters)
        }
        Request::WriteSingleCoil(a, on) => {
            device.write_bits(*a, &[*on]).map(|()| Response::WriteSingleCoil(*a, *on))
        }
        Request::WriteSingleRegister(a, word) => {
            device.write_registers(*a, &[*word]).map(|()| Response::WriteSingleRegister(*a, *word))
        }
        Request::WriteMultipleCoils(a, bits) => within(*a, bits.len() as u16)
            .and_then(|()| device.write_bits(*a, bits))
            .map(|()| Response::WriteMultipleCoils(*a, bits.len() as u16)),
        Request::WriteMultipleRegisters(a, words) => within(*a, words.len() as u16)
            .and_then(|()| device.write_registers(*a, words))
            .map(|()| Response::WriteMultipleRegisters(*a, words.len() as u16)),
        Request::MaskWriteRegister(a, and, or) => registers(device, ModbusTable::Holding, *a, 1)
            // AP 6.16: what the mask keeps of the register, and what it sets where it does not.
            .and_then(|held| device.write_registers(*a, &[held[0] & and | or & !and]))
            .map(|()| Response::MaskWriteRegister(*a, *and, *or)),
        // AP 6.17: the write is performed before the read.
        Request::ReadWriteMultipleRegisters(from, n, a, words) => within(*from, *n)
            .and_then(|()| within(*a, words.len() as u16))
            .and_then(|()| registers(device, ModbusTable::Holding, *from, *n))
            .and_then(|_| device.write_registers(*a, words))
            .and_then(|()| registers(device, ModbusTable::Holding, *from, *n))
            .map(Response::ReadWriteMultipleRegisters),
        Request::Custom(43, asked) => {
            let answer = device.identity().answer(asked[1], asked[2]);
            answer.map(|body| Response::Custom(43, body.into()))
        }
        _ => Err(ExceptionCode::IllegalFunction),
    };
    response.map_err(|e| codec::exception(pdu[0], e))
}

/// AP 7, code 02: the combination of start and length must lie in the 65,536 addresses.
fn within(first: u16, count: u16) -> Result<(), ExceptionCode> {
    if u32::from(first) + u32::from(count) <= 0x1_0000 {
        Ok(())
    } else {
        Err(ExceptionCode::IllegalDataAddress)
    }
}

fn bits(device: &dyn Device, table: ModbusTable, first: u16, count: u16) -> Result<Vec<bool>, ExceptionCode> {
    within(first, count)?;
    let bits = device.read_bits(table, first, count)?;
    if bits.len() == usize::from(count) { Ok(bits) } else { Err(ExceptionCode::ServerDeviceFailure) }
}

fn registers(
    device: &dyn Device,
    table: ModbusTable,
    first: u16,
    count: u16,
) -> Result<Vec<u16>, ExceptionCode> {
    within(first, count)?;
    let words = device.read_registers(table, first, count)?;
    if words.len() == usize::from(count) { Ok(words) } else { Err(ExceptionCode::ServerDeviceFailure) }
}
