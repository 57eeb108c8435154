//! The master's end of a line of serial frames: a port, or a stream behind a serial gateway.
//!
//! All units of a line share it, and one exchange is under way at a time (SL 2.1). Serial frames carry no transaction
//! number: what tells a reply is its unit, its function and its length, and that it comes while it is waited for. A unit
//! that did not answer in time may still do so; until that is over it is asked nothing, and what comes is let go.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep_until, timeout};

use super::rtu::{self, Awaited};
use crate::client::LinkError;
use crate::{clock, limits};

/// A line, shared by all units on it: every copy is the same line. It is closed until somebody opens it.
#[derive(Clone, Default)]
pub struct Line {
    port: Arc<Mutex<Port>>,
}

/// What carries the frames.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

#[derive(Default)]
struct Port {
    /// None until it is opened, and after it failed.
    wire: Option<Open>,
    /// Until when a unit's late reply may still come.
    late: BTreeMap<u8, Instant>,
    /// Exchanges since anything was heard.
    unanswered: u32,
}

struct Open {
    wire: Box<dyn Wire>,
    /// The least time between two frames (SL 2.5.1.1).
    silence: Duration,
    /// When a byte last came or went.
    busy: Instant,
}

impl Line {
    /// A line over a stream that is open already. Frames are at least `silence` apart; behind a gateway, which keeps
    /// that itself, nought.
    pub fn over<S>(stream: S, silence: Duration) -> Line
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let port = Port { wire: Some(Open::new(stream, silence)), ..Port::default() };
        Line { port: Arc::new(Mutex::new(port)) }
    }

    /// Opens the line if it is not open, as `open` does.
    pub async fn open<S, F>(&self, silence: Duration, open: impl FnOnce() -> F) -> Result<(), LinkError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        F: Future<Output = Result<S, LinkError>>,
    {
        let mut port = self.port.lock().await;
        if port.wire.is_none() {
            port.wire = Some(Open::new(open().await?, silence));
            port.unanswered = 0;
        }
        Ok(())
    }

    /// Sends one request and gives the PDU of its reply, which may take `patience` once the line is free. None when the
    /// line is not free within `turn`: then nothing was sent.
    ///
    /// A call that its caller drops half-way is one whose reply is late.
    pub(super) async fn exchange(
        &self,
        unit: u8,
        request: &[u8],
        patience: Duration,
        turn: Option<Duration>,
    ) -> Option<Result<Vec<u8>, LinkError>> {
        let mut port = match turn {
            Some(turn) => timeout(turn, self.turn(unit)).await.ok()?,
            None => self.turn(unit).await,
        };
        Some(port.exchange(unit, request, patience).await)
    }

    /// The line, when it is free and no late reply of that unit can come any more.
    async fn turn(&self, unit: u8) -> MutexGuard<'_, Port> {
        loop {
            let port = self.port.lock().await;
            match port.late.get(&unit) {
                // The others go on meanwhile.
                Some(until) if *until > clock::now() => {
                    let until = *until;
                    drop(port);
                    sleep_until(until).await;
                }
                _ => return port,
            }
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl Port {
    async fn exchange(&mut self, unit: u8, request: &[u8], patience: Duration) -> Result<Vec<u8>, LinkError> {
        let wire = self.wire.as_mut().ok_or(LinkError::Closed)?;
        // A device that is late at all is rarely more than as late again.
        self.late.insert(unit, clock::now() + 2 * patience);
        let heard = &mut self.unanswered;
        *heard += 1;
        let answer = timeout(patience, wire.ask(unit, request, heard)).await;
        match answer {
            Ok(Ok(reply)) => {
                self.late.remove(&unit);
                return Ok(reply);
            }
            Ok(Err(e)) => {
                self.wire = None;
                return Err(LinkError::Broken(e));
            }
            Err(_) => {}
        }
        // A gateway that was started anew knows nothing of the connection, and says nothing either.
        if self.unanswered >= limits::MODBUS_LINE_UNANSWERED {
            self.wire = None;
        }
        Err(LinkError::Timeout(patience))
    }
}

impl Open {
    fn new<S: Wire + 'static>(stream: S, silence: Duration) -> Open {
        Open { wire: Box::new(stream), silence, busy: clock::now() }
    }

    /// Sends a request when the line is silent, and waits for its reply among whatever else comes.
    async fn ask(&mut self, unit: u8, request: &[u8], unanswered: &mut u32) -> io::Result<Vec<u8>> {
        self.quiet().await?;
        self.wire.write_all(&rtu::frame(unit, request)).await?;
        self.wire.flush().await?;
        let mut awaited = Awaited::new(unit, request);
        let mut chunk = [0; rtu::MAX_FRAME];
        loop {
            let n = self.wire.read(&mut chunk).await?;
            self.heard(n)?;
            *unanswered = 0;
            if let Some(reply) = awaited.receive(&chunk[..n]) {
                return Ok(reply);
            }
        }
    }

    /// Waits until nothing has come or gone for the least silence between frames. What comes meanwhile, or has come
    /// since the last exchange, answers nothing that is asked now.
    async fn quiet(&mut self) -> io::Result<()> {
        let mut chunk = [0; rtu::MAX_FRAME];
        loop {
            let due = self.busy + self.silence;
            let n = tokio::select! {
                biased;
                read = self.wire.read(&mut chunk) => read?,
                () = sleep_until(due) => return Ok(()),
            };
            self.heard(n)?;
        }
    }

    fn heard(&mut self, n: usize) -> io::Result<()> {
        self.busy = clock::now();
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the device closed the connection"));
        }
        Ok(())
    }
}
