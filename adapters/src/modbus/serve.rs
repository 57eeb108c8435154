//! The shell of the server: sockets around [`Session`].
//!
//! Whatever a peer does costs a bounded amount: so many connections, so many bytes at a time, so long without a whole
//! request, so long to take its replies.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aegis_models::Time;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};

use super::rtu;
use super::server::{Device, Session, Units, Verdict};
use crate::seats::{Seats, Used};
use crate::{clock, limits};

/// How a server treats its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// Which unit identifiers it answers to.
    pub units: Units,
    /// Connections at once, at least one.
    pub connections: usize,
    /// How long a connection may stay without a whole request.
    pub idle: Duration,
    /// How long a peer may take to accept its replies.
    pub write: Duration,
}

impl Default for ServeOptions {
    fn default() -> ServeOptions {
        ServeOptions {
            units: Units::Any,
            connections: limits::MODBUS_CONNECTIONS,
            idle: limits::MODBUS_IDLE,
            write: limits::MODBUS_WRITE,
        }
    }
}

/// The devices at one end of a line, by their addresses there.
pub type Stations<D> = Arc<[(u8, Arc<Mutex<D>>)]>;

/// Serves `device` over Modbus TCP to all who connect, until `stop` is ready; then, or when the future is dropped, every
/// connection ends with it.
///
/// The device is locked for one batch of requests at a time and never across a wait.
pub async fn serve<D>(
    listener: TcpListener,
    device: Arc<Mutex<D>>,
    options: ServeOptions,
    stop: impl Future<Output = ()>,
) where
    D: Device + Send + 'static,
{
    let each = |stream, used: Arc<Used>| {
        let device = Arc::clone(&device);
        async move { serve_stream(stream, &device, options, || used.mark()).await }
    };
    accept(listener, options.connections, each, stop).await;
}

/// The same for frames as on a serial line: RTU over TCP.
pub async fn serve_rtu<D>(
    listener: TcpListener,
    stations: Stations<D>,
    options: ServeOptions,
    stop: impl Future<Output = ()>,
) where
    D: Device + Send + 'static,
{
    let each = |stream, used: Arc<Used>| {
        let stations = Arc::clone(&stations);
        let timing = LineTiming::stream(options.idle);
        async move { serve_line(stream, &stations, timing, options.write, || used.mark()).await }
    };
    accept(listener, options.connections, each, stop).await;
}

async fn accept<F>(
    listener: TcpListener,
    connections: usize,
    each: impl Fn(TcpStream, Arc<Used>) -> F,
    stop: impl Future<Output = ()>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut seats = Seats::new(connections);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            // Ended connections are reaped, so that the set does not grow.
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => seats.seat(|used| {
                    // Without it a reply may wait for the peer's delayed acknowledgement; a failure costs only that.
                    let _ = stream.set_nodelay(true);
                    tasks.spawn(each(stream, used))
                }),
                Err(_) => sleep(limits::ACCEPT_PAUSE).await,
            },
        }
    }
    tasks.shutdown().await;
}

/// The times of a line of serial frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTiming {
    /// The silence that ends a frame.
    pub silence: Duration,
    /// The least time from a request to its reply.
    pub gap: Duration,
    /// How long it may stay without a request; none for a wire, which nobody closes.
    pub idle: Option<Duration>,
}

impl LineTiming {
    /// A wire: as much silence before a reply as between any two frames (SL 2.5.1.1).
    pub fn wire(silence: Duration) -> LineTiming {
        LineTiming { silence, gap: silence, idle: None }
    }

    /// Serial frames over TCP, where a gateway keeps the times of its own wire.
    pub fn stream(idle: Duration) -> LineTiming {
        LineTiming { silence: limits::MODBUS_STREAM_SILENCE, gap: Duration::ZERO, idle: Some(idle) }
    }
}

/// Serves the stations on a line: a serial port, or a stream of serial frames. Ends when the line does.
pub async fn serve_line<S, D>(
    mut line: S,
    stations: &[(u8, Arc<Mutex<D>>)],
    timing: LineTiming,
    write: Duration,
    mut heard: impl FnMut(),
) where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Device,
{
    let began = clock::now();
    let now = || Time::ZERO.after(began.elapsed());
    let mut session = rtu::Session::new(timing.silence);
    let mut chunk = [0; rtu::MAX_FRAME];
    let mut out = Vec::new();
    let idle = sleep(timing.idle.unwrap_or_default());
    tokio::pin!(idle);
    loop {
        let due = session.poll_timeout().map(|due| began + due.since(Time::ZERO));
        let read = tokio::select! {
            read = line.read(&mut chunk) => match read {
                Ok(n) if n > 0 => Some(n),
                _ => return,
            },
            () = sleep_until(due.unwrap_or(began)), if due.is_some() => None,
            () = &mut idle, if timing.idle.is_some() => return,
        };
        let answered = locked(stations, |stations| match read {
            Some(n) => session.receive(now(), &chunk[..n], stations, &mut out),
            None => session.timeout(now(), stations, &mut out),
        });
        if !out.is_empty() {
            // A request that the silence ended has had it already.
            if read.is_some() && !timing.gap.is_zero() {
                sleep(timing.gap).await;
            }
            let sent = async {
                line.write_all(&out).await?;
                line.flush().await
            };
            let Ok(Ok(())) = timeout(write, sent).await else { return };
            out.clear();
        }
        if answered > 0 {
            heard();
            if let Some(limit) = timing.idle {
                idle.set(sleep(limit));
            }
        }
    }
}

/// Does something with all stations, each locked meanwhile.
fn locked<'a, D: Device, T>(
    stations: &'a [(u8, Arc<Mutex<D>>)],
    f: impl FnOnce(rtu::Stations<'_, '_>) -> T,
) -> T {
    // A device whose owner panicked still holds whole values: writes are all or nothing.
    let lock = |device: &'a Mutex<D>| device.lock().unwrap_or_else(PoisonError::into_inner);
    let mut held: Vec<_> = stations.iter().map(|(unit, device)| (*unit, lock(device))).collect();
    let mut stations: Vec<(u8, &mut dyn Device)> =
        held.iter_mut().map(|(unit, device)| (*unit, &mut **device as &mut dyn Device)).collect();
    f(&mut stations)
}

/// Serves `device` over one stream until the peer ends it, breaks the framing, or takes too long. `heard` is called
/// after every batch of requests.
pub async fn serve_stream<S, D>(
    mut stream: S,
    device: &Mutex<D>,
    options: ServeOptions,
    mut heard: impl FnMut(),
) where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Device,
{
    let mut session = Session::new(options.units);
    let mut chunk = [0; limits::MODBUS_READ_BYTES];
    let mut out = Vec::new();
    let silence = sleep(options.idle);
    tokio::pin!(silence);
    loop {
        let n = tokio::select! {
            read = stream.read(&mut chunk) => match read {
                Ok(n) if n > 0 => n,
                _ => return,
            },
            () = &mut silence => return,
        };
        let verdict = {
            // A device whose owner panicked still holds whole values: writes are all or nothing.
            let mut device = device.lock().unwrap_or_else(PoisonError::into_inner);
            session.receive(&chunk[..n], &mut *device, &mut out)
        };
        if !out.is_empty() {
            let Ok(Ok(())) = timeout(options.write, stream.write_all(&out)).await else { return };
            out.clear();
        }
        match verdict {
            Verdict::Open { answered: 0 } => {}
            Verdict::Open { .. } => {
                heard();
                silence.set(sleep(options.idle));
            }
            Verdict::Close(_) => {
                let _ = timeout(options.write, stream.shutdown()).await;
                return;
            }
        }
    }
}
