//! The shell of the host: a [`Host`] on a stream.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use aegis_models::{PointIx, Record, Sample, Time};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::binding::Binding;
use super::host::{Heard, Host, Refusal};
use super::session::Options;
use crate::client::{ClientError, LinkError};
use crate::clock;
use crate::limits::{GEM_READ_BYTES, HSMS_LEAVE};

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
    closed: bool,
    records: Vec<Record>,
    /// The group that is being read, and until when.
    reading: Option<(usize, Instant)>,
    /// What came of it while something else was waited for.
    read: Option<Vec<Sample>>,
}

impl Client {
    /// Establishes communication over a stream that is connected already. `unix_ms` is the wall clock now
    /// [ms since 1970]: equipment may ask for the time.
    pub async fn attach<S>(
        stream: S,
        options: Options,
        unix_ms: i64,
        binding: Arc<Binding>,
    ) -> Result<Client, LinkError>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let host = Host::new(options, unix_ms, binding);
        let (from, to) = split(Box::pin(stream) as Pin<Box<dyn Stream>>);
        let (out, began) = (VecDeque::new(), clock::now());
        let (records, reading, read) = (Vec::new(), None, None);
        let mut client = Client { host, from, to, out, began, closed: false, records, reading, read };
        let now = client.now();
        client.host.connected(now);
        let asks = client.host.setup_asks();
        let deadline = client.deadline(asks);
        match client.until(deadline, |heard| matches!(heard, Heard::Up)).await {
            Ok(_) => Ok(client),
            Err(e) => {
                client.leave().await;
                Err(e)
            }
        }
    }

    /// What it reads.
    pub fn binding(&self) -> &Arc<Binding> {
        self.host.binding()
    }

    /// What the equipment does not do as this host would have it, and its alarms; empty when all is well.
    pub fn note(&self) -> String {
        self.host.note(self.now())
    }

    /// Reads the points of [`Binding::groups`]`[group]`, in the profile's order. May be given up: the next call for the
    /// same group goes on with it, and a write in between is not held back by it.
    pub async fn read_group(&mut self, group: usize) -> Result<Vec<Sample>, ClientError> {
        let deadline = match self.reading {
            Some((under_way, deadline)) if under_way == group => deadline,
            _ => {
                let (now, deadline) = (self.now(), self.deadline(1));
                self.host.read(now, group);
                (self.reading, self.read) = (Some((group, deadline)), None);
                deadline
            }
        };
        let samples = match self.read.take() {
            Some(samples) => samples,
            None => match self.until(deadline, |heard| matches!(heard, Heard::Samples(_))).await? {
                Heard::Samples(samples) => samples,
                _ => return Err(LinkError::Closed.into()),
            },
        };
        self.reading = None;
        Ok(samples)
    }

    /// Writes one point [the point's unit] and waits until the equipment confirms, or says that it will do it.
    pub async fn write_point(&mut self, point: PointIx, value: f64) -> Result<(), ClientError> {
        let now = self.now();
        if !self.host.write(now, point, value) {
            let problem = "no command or constant writes it, or the value is outside its range";
            return Err(ClientError::Unwritable { point, problem });
        }
        let asks = self.binding().commands().len() as u32 + 1;
        let deadline = self.deadline(asks);
        match self.until(deadline, |heard| matches!(heard, Heard::Written(_))).await? {
            Heard::Written(Some(Refusal { what, answer })) => Err(ClientError::Refused { what, answer }),
            _ => Ok(()),
        }
    }

    /// Takes leave: the equipment need not find out by itself that nobody is there (E37, separate). What the stream
    /// does not take soon is not sent.
    pub async fn leave(&mut self) {
        let now = self.now();
        self.host.separate(now);
        while let Some(bytes) = self.host.transmit() {
            self.out.extend(bytes);
        }
        let (first, second) = self.out.as_slices();
        let bytes = [first, second].concat();
        let said = async {
            self.to.write_all(&bytes).await?;
            self.to.flush().await
        };
        // Who does not listen any more misses nothing.
        let _ = timeout(HSMS_LEAVE, said).await;
        self.closed = true;
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

    /// Until when so many transactions, one after another, may take at most. The host's own timers end every ask; this is
    /// for whatever they do not see.
    fn deadline(&self, asks: u32) -> Instant {
        let timers = self.host.options().timers;
        clock::now() + timers.t3 * (asks + 1) + timers.t6 + timers.t7
    }

    /// Goes on until that is heard.
    async fn until(
        &mut self,
        deadline: Instant,
        wanted: impl Fn(&Heard) -> bool,
    ) -> Result<Heard, LinkError> {
        loop {
            while let Some(heard) = self.host.heard() {
                if wanted(&heard) {
                    return Ok(heard);
                }
                self.sort(heard)?;
            }
            match timeout_at(deadline, self.turn()).await {
                Ok(turned) => turned?,
                Err(_) => {
                    let t3 = self.host.options().timers.t3;
                    return Err(self.fail(LinkError::Timeout(t3)));
                }
            }
        }
    }

    /// Puts what was heard where it belongs.
    fn sort(&mut self, heard: Heard) -> Result<(), LinkError> {
        match heard {
            Heard::Record(record) => self.records.push(record),
            Heard::Silent => {
                let t3 = self.host.options().timers.t3;
                return Err(self.fail(LinkError::Timeout(t3)));
            }
            Heard::Garbled(what) => return Err(self.fail(LinkError::Mismatch(what))),
            Heard::Close(why) => {
                let e = io::Error::new(io::ErrorKind::ConnectionAborted, why.to_string());
                return Err(self.fail(e.into()));
            }
            Heard::Samples(samples) => self.read = Some(samples),
            // An answer that nobody waits for any more.
            Heard::Written(_) | Heard::Up => {}
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
