//! The master's side: reads a machine's points and writes its set-points, over any stream.
//!
//! A device that refuses is not a link that failed: after a refusal the connection goes on; after a timeout, a broken
//! stream or a reply that is not the one asked for, the client is closed for good, and its owner connects anew.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aegis_models::profile::ModbusTable;
use aegis_models::{PointIx, Sample};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_modbus::client::{Client as _, Context as Stream, tcp};
use tokio_modbus::prelude::{DeviceIdObject, ReadCode};
use tokio_modbus::{ExceptionCode, Request, Response, Slave};

use super::binding::{self, Binding, Place, is_bits};
use super::codec;
use super::identity;
use super::line::Line;
use super::plan::Block;
use crate::client::{ClientError, LinkError};

/// Replies of which one identification is made at most.
const IDENTITY_REPLIES: usize = 8;

/// How one device is reached.
enum Master {
    /// Over a connection of its own.
    Stream(Stream),
    /// On a line that it may share, by its address there.
    Line(Line, u8),
}

/// A connection to one device.
pub struct Client {
    /// None once the link has failed. It is also out while a call is under way, so that a call which its caller
    /// drops half-way leaves a closed client, and never a reply that the next call would take for its own.
    master: Option<Master>,
    binding: Arc<Binding>,
    timeout: Duration,
}

impl Client {
    /// Connects to `address`, as `host:port`. `timeout` bounds this call and then each request.
    pub async fn connect(
        address: &str,
        unit: u8,
        binding: Arc<Binding>,
        timeout: Duration,
    ) -> Result<Client, LinkError> {
        let connected = tokio::time::timeout(timeout, TcpStream::connect(address)).await;
        let stream = connected.map_err(|_| LinkError::Timeout(timeout))??;
        // Requests are small and each waits for its reply: holding them back would only delay.
        stream.set_nodelay(true)?;
        Ok(Client::attach(stream, unit, binding, timeout))
    }

    /// Talks over a stream that is connected already.
    pub fn attach<S>(stream: S, unit: u8, binding: Arc<Binding>, timeout: Duration) -> Client
    where
        S: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin + 'static,
    {
        let master = Master::Stream(tcp::attach_slave(Ends(stream), Slave(unit)));
        Client { master: Some(master), binding, timeout }
    }

    /// Talks to one unit of a line of serial frames. After a failure another client may go on over the same line.
    pub fn attach_line(line: Line, unit: u8, binding: Arc<Binding>, timeout: Duration) -> Client {
        Client { master: Some(Master::Line(line, unit)), binding, timeout }
    }

    /// Whether the link has failed: connect anew.
    pub fn is_closed(&self) -> bool {
        self.master.is_none()
    }

    /// What it reads and where.
    pub fn binding(&self) -> &Arc<Binding> {
        &self.binding
    }

    /// Reads the points of [`Binding::groups`]`[group]`, in the profile's order.
    ///
    /// A point that the device gives no value for, or refuses, is of bad quality. When it refuses all of them, the
    /// first refusal is the error.
    pub async fn read_group(&mut self, group: usize) -> Result<Vec<Sample>, ClientError> {
        let binding = Arc::clone(&self.binding);
        let mut samples = Vec::new();
        let mut refusal = None;
        let mut given = false;
        for block in &binding.groups()[group].blocks {
            match self.read_block(block).await? {
                Ok(read) => {
                    given = true;
                    samples.extend(read);
                }
                Err(e) if block.places.len() > 1 && concerns_address(e) => {
                    refusal = refusal.or(Some((block, e)));
                    // One point may have spoilt the read for its neighbours.
                    for place in &block.places {
                        let one = self.read_block(&Block::of(*place)).await?;
                        given |= one.is_ok();
                        samples.extend(one.unwrap_or_else(|_| bad(std::slice::from_ref(place))));
                    }
                }
                Err(e) => {
                    refusal = refusal.or(Some((block, e)));
                    samples.extend(bad(&block.places));
                }
            }
        }
        samples.sort_by_key(|s: &Sample| s.point);
        match refusal {
            Some((block, exception)) if !given => {
                let what = format!("the read of {} {:?} from {}", block.count, block.table, block.first);
                Err(refused(what, exception))
            }
            _ => Ok(samples),
        }
    }

    /// Reads one point.
    ///
    /// # Panics
    ///
    /// When the point is not bound.
    pub async fn read_point(&mut self, point: PointIx) -> Result<Sample, ClientError> {
        let place = *self.binding.place(point).expect("the point is bound");
        let read = self.read_block(&Block::of(place)).await?;
        let what = || format!("the read of {:?} {}", place.table, place.address);
        read.map(|samples| samples[0]).map_err(|exception| refused(what(), exception))
    }

    /// Writes one point [the point's unit] and waits until the device confirms. The value must be in the point's
    /// range; what is sent is the nearest one that the point's type holds.
    pub async fn write_point(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        let refuse = |problem| Err(ClientError::Unwritable { point, problem });
        let Some(place) = self.binding.place(point).copied().filter(|p| p.writable) else {
            return refuse("the profile does not let it be written");
        };
        if !place.accepts(place.data.quantise(value)) {
            return refuse("the value is outside its range");
        }
        let Some(words) = self.binding.pack(place.data, value) else { return refuse("it is no number") };
        let words = &words[..usize::from(place.width())];
        let (request, reply) = match (place.table, words) {
            (ModbusTable::Coil, [bit]) => (
                Request::WriteSingleCoil(place.address, *bit != 0),
                Response::WriteSingleCoil(place.address, *bit != 0),
            ),
            (_, [word]) => (
                Request::WriteSingleRegister(place.address, *word),
                Response::WriteSingleRegister(place.address, *word),
            ),
            _ => (
                Request::WriteMultipleRegisters(place.address, words.into()),
                Response::WriteMultipleRegisters(place.address, place.width()),
            ),
        };
        // What was decided long ago is not what would be decided now.
        match self.turned(request, Some(self.timeout)).await? {
            None => refuse("the line was busy with other units"),
            Some(Ok(response)) if response == reply => Ok(()),
            Some(Ok(other)) => Err(self.mismatch(&other).into()),
            Some(Err(exception)) => {
                let what = format!("the write of {:?} {}", place.table, place.address);
                Err(refused(what, exception))
            }
        }
    }

    /// Who the device says it is (function 43/14): the basic objects, by their numbers.
    pub async fn identify(&mut self) -> Result<identity::Objects, ClientError> {
        let (mut objects, mut next) = (Vec::new(), 0);
        // A device that always has more to tell is not asked for ever.
        for _ in 0..IDENTITY_REPLIES {
            let request = Request::ReadDeviceIdentification(ReadCode::Basic, next);
            let reply = match self.call(request).await? {
                Ok(reply) => reply,
                Err(exception) => return Err(refused("to say who it is".to_owned(), exception)),
            };
            let told = match &reply {
                Response::ReadDeviceIdentification(told) => {
                    let object = |o: &DeviceIdObject| (o.id, String::from_utf8_lossy(&o.value).into_owned());
                    let more = told.more_follows.then_some(told.next_object_id);
                    Some((told.device_id_objects.iter().map(object).collect(), more))
                }
                Response::Custom(43, body) => identity::read(body),
                _ => None,
            };
            let Some((read, more)) = told else { return Err(self.mismatch(&reply).into()) };
            objects.extend::<identity::Objects>(read);
            match more {
                Some(more) if more > next => next = more,
                _ => break,
            }
        }
        Ok(objects)
    }

    /// Sets the coils from `first` on in one request (function 15).
    pub async fn write_coils(&mut self, first: u16, coils: &[bool]) -> Result<(), ClientError> {
        let request = Request::WriteMultipleCoils(first, coils.into());
        let what = || format!("the write of {} coils from {first}", coils.len());
        self.confirmed(request, Response::WriteMultipleCoils(first, coils.len() as u16), what).await
    }

    /// Keeps the bits of a holding register that `and` has, and sets the others as `or` has them (function 22).
    pub async fn mask_write(&mut self, address: u16, and: u16, or: u16) -> Result<(), ClientError> {
        let request = Request::MaskWriteRegister(address, and, or);
        let what = || format!("the mask write of {address}");
        self.confirmed(request, Response::MaskWriteRegister(address, and, or), what).await
    }

    /// Writes the holding registers from `to` on, and then reads `count` of them from `from` on, with nobody else's
    /// request in between (function 23).
    pub async fn write_and_read(
        &mut self,
        to: u16,
        words: &[u16],
        from: u16,
        count: u16,
    ) -> Result<Vec<u16>, ClientError> {
        let request = Request::ReadWriteMultipleRegisters(from, count, to, words.into());
        match self.call(request).await? {
            Ok(Response::ReadWriteMultipleRegisters(read)) if read.len() == usize::from(count) => Ok(read),
            Ok(other) => Err(self.mismatch(&other).into()),
            Err(exception) => Err(refused(format!("the write and read of {to} and {from}"), exception)),
        }
    }

    async fn confirmed(
        &mut self,
        request: Request<'_>,
        reply: Response,
        what: impl Fn() -> String,
    ) -> Result<(), ClientError> {
        match self.call(request).await? {
            Ok(response) if response == reply => Ok(()),
            Ok(other) => Err(self.mismatch(&other).into()),
            Err(exception) => Err(refused(what(), exception)),
        }
    }

    async fn read_block(&mut self, block: &Block) -> Result<Result<Vec<Sample>, ExceptionCode>, LinkError> {
        let (first, count) = (block.first, block.count);
        let request = match block.table {
            ModbusTable::Coil => Request::ReadCoils(first, count),
            ModbusTable::Discrete => Request::ReadDiscreteInputs(first, count),
            ModbusTable::Input => Request::ReadInputRegisters(first, count),
            ModbusTable::Holding => Request::ReadHoldingRegisters(first, count),
        };
        let response = match self.call(request).await? {
            Ok(response) => response,
            Err(exception) => return Ok(Err(exception)),
        };
        let words: Vec<u16> = match response {
            Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits)
                if is_bits(block.table) && bits.len() == usize::from(count).next_multiple_of(8) =>
            {
                bits.into_iter().map(u16::from).collect()
            }
            Response::ReadInputRegisters(words) | Response::ReadHoldingRegisters(words)
                if !is_bits(block.table) && words.len() == usize::from(count) =>
            {
                words
            }
            other => return Err(self.mismatch(&other)),
        };
        let sample = |place: &Place| {
            let at = usize::from(place.address - first);
            let value = self.binding.unpack(place.data, &words[at..at + usize::from(place.width())]);
            binding::sample(place.point, value)
        };
        Ok(Ok(block.places.iter().map(sample).collect()))
    }

    async fn call(&mut self, request: Request<'_>) -> Result<Result<Response, ExceptionCode>, LinkError> {
        let turned = self.turned(request, None).await?;
        // Without a bound on its turn there is always one.
        turned.ok_or(LinkError::Closed)
    }

    /// The same; none when a shared line is not free within `turn`, and nothing was sent.
    async fn turned(
        &mut self,
        request: Request<'_>,
        turn: Option<Duration>,
    ) -> Result<Option<Result<Response, ExceptionCode>>, LinkError> {
        let mut master = self.master.take().ok_or(LinkError::Closed)?;
        let answer = match &mut master {
            Master::Stream(stream) => {
                let answer = tokio::time::timeout(self.timeout, stream.call(request)).await;
                match answer.map_err(|_| LinkError::Timeout(self.timeout))? {
                    Ok(answer) => Some(answer),
                    Err(tokio_modbus::Error::Transport(e)) => return Err(LinkError::Broken(e)),
                    Err(tokio_modbus::Error::Protocol(e)) => return Err(LinkError::Mismatch(e.to_string())),
                }
            }
            Master::Line(line, unit) => {
                let mut pdu = Vec::new();
                codec::encode_request(&request, &mut pdu).map_err(mismatched)?;
                match line.exchange(*unit, &pdu, self.timeout, turn).await.transpose()? {
                    Some(reply) => {
                        let answer = codec::decode_response(&reply).map_err(mismatched)?;
                        Some(answer.map_err(|refusal| refusal.exception))
                    }
                    None => None,
                }
            }
        };
        self.master = Some(master);
        Ok(answer)
    }

    fn mismatch(&mut self, response: &Response) -> LinkError {
        self.master = None;
        LinkError::Mismatch(format!("{response:?}"))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

fn mismatched(e: impl fmt::Display) -> LinkError {
    LinkError::Mismatch(e.to_string())
}

fn refused(what: String, exception: ExceptionCode) -> ClientError {
    ClientError::Refused { what, answer: format!("exception {:02X}", u8::from(exception)) }
}

/// Whether another read could fare better: a busy device or a gateway without a path refuses each alike.
fn concerns_address(exception: ExceptionCode) -> bool {
    use ExceptionCode::{IllegalDataAddress, IllegalDataValue, ServerDeviceFailure};
    matches!(exception, IllegalDataAddress | IllegalDataValue | ServerDeviceFailure)
}

fn bad(places: &[Place]) -> Vec<Sample> {
    places.iter().map(|p| binding::sample(p.point, f64::NAN)).collect()
}

/// A stream whose end is an error that says so: `tokio-modbus` reports whatever the last system call left behind.
#[derive(Debug)]
struct Ends<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for Ends<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.0).poll_read(cx, buf);
        if matches!(polled, Poll::Ready(Ok(()))) && buf.filled().len() == before && buf.remaining() > 0 {
            let e = io::Error::new(io::ErrorKind::UnexpectedEof, "the device closed the connection");
            return Poll::Ready(Err(e));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ends<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
