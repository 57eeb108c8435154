//! The shell of the host: a [`Host`] on a stream.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aegis_models::{PointIx, Record, Sample, Time};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::binding::Binding;
use super::host::{Heard, Host};
use super::session::{Options, Role, Timers};
use crate::client::{ClientError, LinkError};
use crate::clock;
use crate::limits::GEM_READ_BYTES;

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

/// A connection to one equipment.
///
/// Everything lies in the client itself, so that a call may be given up at any moment and the next goes on where it
/// stood: no byte is lost or sent twice.
pub struct Client {
    host: Host,
    from: ReadHalf<Pin<Box<dyn Stream>>>,
    to: WriteHalf<Pin<Box<dyn Stream>>>,
    /// What the stream has not taken yet.
    out: VecDeque<u8>,
    began: Instant,
    timeout: Duration,
    closed: bool,
    records: Vec<Record>,
    note: String,
}

impl Client {
    /// Connects to `address`, as `host:port`, and establishes communication with the device of that identifier.
    /// `timeout` bounds each step, and then each transaction (T3).
    pub async fn connect(
        address: &str,
        device: u16,
        binding: Arc<Binding>,
        timeout: Duration,
    ) -> Result<Client, LinkError> {
        let connected = tokio::time::timeout(timeout, TcpStream::connect(address)).await;
        let stream = connected.map_err(|_| LinkError::Timeout(timeout))??;
        stream.set_nodelay(true)?;
        Client::attach(stream, device, binding, timeout).await
    }

    /// Establishes communication over a stream that is connected already.
    pub async fn attach<S>(
        stream: S,
        device: u16,
        binding: Arc<Binding>,
        timeout: Duration,
    ) -> Result<Client, LinkError>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let timers = Timers { t3: timeout, t6: timeout, t7: timeout, ..Timers::default() };
        let host = Host::new(Options { role: Role::Active, device, timers }, binding);
        let (from, to) = split(Box::pin(stream) as Pin<Box<dyn Stream>>);
        let mut client = Client {
            host,
            from,
            to,
            out: VecDeque::new(),
            began: clock::now(),
            timeout,
            closed: false,
            records: Vec::new(),
            note: String::new(),
        };
        let now = client.now();
        client.host.connected(now);
        client.until(|heard| matches!(heard, Heard::Up)).await?;
        Ok(client)
    }

    /// What it reads.
    pub fn binding(&self) -> &Arc<Binding> {
        self.host.binding()
    }

    /// What the equipment does not do as this host would have it; empty when all is well.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Reads the points of [`Binding::groups`]`[group]`, in the profile's order.
    pub async fn read_group(&mut self, group: usize) -> Result<Vec<Sample>, ClientError> {
        let now = self.now();
        self.host.read(now, group);
        match self.until(|heard| matches!(heard, Heard::Samples(_))).await? {
            Heard::Samples(samples) => Ok(samples),
            _ => Err(LinkError::Closed.into()),
        }
    }

    /// Writes one point [the point's unit] and waits until the equipment confirms.
    pub async fn write_point(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        let now = self.now();
        if !self.host.write(now, point, value) {
            let problem = "it is no constant, or the value is outside its range";
            return Err(ClientError::Unwritable { point, problem });
        }
        match self.until(|heard| matches!(heard, Heard::Written(_))).await? {
            Heard::Written(Some(answer)) => Err(ClientError::Refused { what: "S2F15".to_owned(), answer }),
            _ => Ok(()),
        }
    }

    /// Waits for records that the equipment reports by itself, and keeps the link meanwhile. May be given up.
    pub async fn heard(&mut self) -> Result<(), LinkError> {
        while self.records.is_empty() {
            self.turn().await?;
            while let Some(heard) = self.host.heard() {
                self.sort(heard)?;
            }
        }
        Ok(())
    }

    /// The records that were reported since the last call.
    pub fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    fn now(&self) -> Time {
        Time::ZERO.after(self.began.elapsed())
    }

    /// Goes on until that is heard.
    async fn until(&mut self, wanted: impl Fn(&Heard) -> bool) -> Result<Heard, LinkError> {
        loop {
            while let Some(heard) = self.host.heard() {
                if wanted(&heard) {
                    return Ok(heard);
                }
                self.sort(heard)?;
            }
            self.turn().await?;
        }
    }

    /// Puts what was heard where it belongs.
    fn sort(&mut self, heard: Heard) -> Result<(), LinkError> {
        match heard {
            Heard::Record(record) => self.records.push(record),
            Heard::Note(note) => self.note = note,
            Heard::Silent => return Err(self.fail(LinkError::Timeout(self.timeout))),
            Heard::Close(why) => {
                let e = io::Error::new(io::ErrorKind::ConnectionAborted, why.to_string());
                return Err(self.fail(e.into()));
            }
            // An answer that nobody waits for any more, or that the sentinel has no use for.
            Heard::Samples(_) | Heard::Written(_) | Heard::Alarm { .. } | Heard::Up => {}
        }
        Ok(())
    }

    fn fail(&mut self, e: LinkError) -> LinkError {
        self.closed = true;
        e
    }

    /// One step of the link: something is sent, comes, or is due. May be given up.
    async fn turn(&mut self) -> Result<(), LinkError> {
        if self.closed {
            return Err(LinkError::Closed);
        }
        while let Some(bytes) = self.host.transmit() {
            self.out.extend(bytes);
        }
        if self.host.has_heard() {
            return Ok(());
        }
        let due = self.host.poll_timeout().map(|t| self.began + t.since(Time::ZERO));
        let mut chunk = [0; GEM_READ_BYTES];
        let done = tokio::select! {
            biased;
            written = self.to.write(self.out.as_slices().0), if !self.out.is_empty() => match written {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.out.drain(..n);
                    Ok(())
                }
                Err(e) => Err(e),
            },
            read = self.from.read(&mut chunk) => match read {
                Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the equipment closed the connection")),
                Ok(n) => {
                    let now = self.now();
                    self.host.receive(now, &chunk[..n]);
                    Ok(())
                }
                Err(e) => Err(e),
            },
            () = sleep_until(due.unwrap_or(self.began)), if due.is_some() => {
                let now = self.now();
                self.host.timeout(now);
                Ok(())
            }
        };
        done.map_err(|e| self.fail(e.into()))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("closed", &self.closed).finish_non_exhaustive()
    }
}
