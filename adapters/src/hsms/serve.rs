//! The shell of the equipment: one HSMS-SS connection around [`Equipment`], taken or made.
//!
//! Whatever a peer does costs a bounded amount: one connection, so many bytes at a time, nothing read while a reply
//! waits to be taken, so long to take it. How long a peer may be silent is for the session's own timers to say.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aegis_models::{Frame, PointIx, Time};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::gem::Equipment;
use crate::{Served, clock, limits};

/// How an equipment treats its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// How long the host may leave a message unread before its connection is closed.
    pub write: Duration,
    /// T5: the least time between two attempts to connect, and how long one may take, where the equipment is active.
    pub t5: Duration,
}

impl Default for ServeOptions {
    fn default() -> ServeOptions {
        ServeOptions { write: limits::GEM_WRITE, t5: Duration::from_secs(10) }
    }
}

/// An equipment that is served, as its owner holds it. Its time is tokio's, counted from when the handle was made.
#[derive(Clone, Debug)]
pub struct Handle {
    equipment: Arc<Mutex<Equipment>>,
    /// Tells the connection that there may be something to send.
    wake: Arc<Notify>,
    base: Instant,
}

impl Handle {
    /// A handle to an equipment that has seen no time yet.
    pub fn new(equipment: Equipment) -> Handle {
        Handle { equipment: Arc::new(Mutex::new(equipment)), wake: Arc::default(), base: clock::now() }
    }

    /// Does something with the equipment at the present moment, and sends what comes of it: what the operator does, or
    /// saving its state.
    pub fn with<R>(&self, act: impl FnOnce(&mut Equipment, Time) -> R) -> R {
        let result = act(&mut self.lock(), self.now());
        self.wake.notify_one();
        result
    }

    /// What the equipment must keep through a restart, with the number of its revision, when that is not the one given.
    pub fn state_since(&self, revision: u64) -> Option<(u64, Vec<u8>)> {
        let equipment = self.lock();
        let now = equipment.revision();
        (now != revision).then(|| (now, equipment.state()))
    }

    /// The present moment [on the equipment's clock].
    pub fn now(&self) -> Time {
        Time::ZERO.after(clock::now().saturating_duration_since(self.base))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Equipment> {
        // Half a message may be lost with an owner that panicked; the host's session goes on.
        self.equipment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Like `with`, for the connection itself, which need not be woken.
    fn turn<R>(&self, act: impl FnOnce(&mut Equipment, Time) -> R) -> R {
        act(&mut self.lock(), self.now())
    }

    fn due(&self) -> Option<Instant> {
        let due = self.lock().poll_timeout()?;
        self.base.checked_add(Duration::from_nanos(due.ns))
    }
}

impl Served for Handle {
    fn publish(&self, frame: &Frame) {
        self.with(|e, now| e.publish(now, frame));
    }

    fn take_writes(&self) -> Vec<(PointIx, f64)> {
        self.lock().take_writes()
    }
}

/// Serves an equipment to one host at a time, until `stop` is ready; then, or when the future is dropped, the
/// connection ends with it. Whoever connects besides is closed at once (E37.1, one connection).
pub async fn serve(
    listener: TcpListener,
    handle: Handle,
    options: ServeOptions,
    stop: impl Future<Output = ()>,
) {
    tokio::pin!(stop);
    let mut current = None;
    loop {
        let (busy, due) = (current.is_some(), handle.due());
        tokio::select! {
            biased;
            () = &mut stop => return,
            () = async { if let Some(connection) = &mut current { connection.await } }, if busy => current = None,
            // Without a host, traces and commands still have their times.
            () = until(due), if !busy && due.is_some() => handle.turn(|e, now| e.timeout(now)),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if current.is_none() => {
                    let handle = handle.clone();
                    current = Some(Box::pin(async move { connection(stream, &handle, options).await }));
                }
                Ok(_) => {}
                Err(_) => sleep(limits::ACCEPT_PAUSE).await,
            },
            () = handle.wake.notified(), if !busy => {}
        }
    }
}

/// Serves an equipment that is active: it connects to its host at `address`, again and again, until `stop` is ready.
pub async fn serve_active(
    address: impl ToSocketAddrs,
    handle: Handle,
    options: ServeOptions,
    stop: impl Future<Output = ()>,
) {
    let connect = async {
        loop {
            let next = clock::now() + options.t5;
            if let Ok(Ok(stream)) = timeout(options.t5, TcpStream::connect(&address)).await {
                connection(stream, &handle, options).await;
            }
            // T5, connect separation time (E37): traces and commands have their times meanwhile.
            while clock::now() < next {
                let due = handle.due();
                tokio::select! {
                    biased;
                    () = until(due), if due.is_some_and(|d| d < next) => handle.turn(|e, now| e.timeout(now)),
                    () = sleep_until(next) => {}
                    () = handle.wake.notified() => {}
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stop => {}
        () = connect => {}
    }
}

async fn connection(stream: TcpStream, handle: &Handle, options: ServeOptions) {
    // Without it a reply may wait for the peer's delayed acknowledgement; a failure costs only that.
    let _ = stream.set_nodelay(true);
    serve_stream(stream, handle, options).await;
}

/// Tells the equipment that the transport is gone, however it went.
struct Connected<'a>(&'a Handle);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.turn(|e, now| e.disconnected(now));
    }
}

/// Serves an equipment over one stream until either side ends it.
///
/// The order in which ready things are done is fixed, so that under tokio's paused clock a run is like the run before.
pub async fn serve_stream<S>(stream: S, handle: &Handle, options: ServeOptions)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    handle.turn(|e, now| e.connected(now));
    let connected = Connected(handle);
    let mut chunk = vec![0; limits::GEM_READ_BYTES];
    let mut out: Vec<u8> = Vec::new();
    let (mut sent, mut taken_by) = (0, clock::now());
    loop {
        if out.len() == sent {
            out = handle.turn(|e, _| e.transmit()).unwrap_or_default();
            (sent, taken_by) = (0, clock::now() + options.write);
        }
        let (idle, due) = (out.is_empty(), handle.due());
        if idle && handle.turn(|e, _| e.close_wanted()) {
            break;
        }
        tokio::select! {
            biased;
            written = writer.write(&out[sent..]), if !idle => match written {
                Ok(n) if n > 0 => {
                    sent += n;
                    if sent == out.len() && writer.flush().await.is_err() {
                        break;
                    }
                }
                _ => break,
            },
            () = sleep_until(taken_by), if !idle => break,
            () = until(due), if due.is_some() => handle.turn(|e, now| e.timeout(now)),
            // A peer that takes no replies is asked for no more requests.
            read = reader.read(&mut chunk), if idle => match read {
                Ok(n) if n > 0 => handle.turn(|e, now| e.receive(now, &chunk[..n])),
                _ => break,
            },
            () = handle.wake.notified() => {}
        }
    }
    drop(connected);
    let _ = timeout(options.write, writer.shutdown()).await;
}

/// Ready at that moment; never without one.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
