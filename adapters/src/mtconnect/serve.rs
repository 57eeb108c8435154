//! The shell of the agent: HTTP/1.1 around [`Agent`].
//!
//! Whatever a peer does costs a bounded amount: so many connections and streams, so many bytes of head, so long without
//! a request, so long to take what was asked for. A long document is written beside everything else, and not many of one
//! agent's at a time. A stream makes its next part only when the connection has taken the
//! last one, so that a slow reader lags behind in the agent's buffer and never in memory of its own.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aegis_models::{Frame, PointIx, Time};
use axum::Router;
use axum::body::Body as Answer;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use hyper::body::{Body as HttpBody, Bytes};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep};

use super::agent::{Agent, Body, Response};
use super::feed::{Feed, Next};
use super::streams::{Place, Streams};
use crate::seats::{Seats, Used};
use crate::{clock, limits};

/// How a server treats its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// Connections at once, at least one.
    pub connections: usize,
    /// Streams at once, over all connections.
    pub streams: usize,
    /// Streams at once to one address.
    pub streams_per_peer: usize,
    /// How long a connection may take for the head of its next request.
    pub idle: Duration,
    /// How long a peer may leave what it asked for unread.
    pub write: Duration,
}

impl Default for ServeOptions {
    fn default() -> ServeOptions {
        ServeOptions {
            connections: limits::MTCONNECT_CONNECTIONS,
            streams: limits::MTCONNECT_STREAMS,
            streams_per_peer: limits::MTCONNECT_STREAMS_PER_PEER,
            idle: limits::MTCONNECT_IDLE,
            write: limits::MTCONNECT_WRITE,
        }
    }
}

/// An agent that is served. A handle: all of its copies are about the same agent.
#[derive(Clone, Debug)]
pub struct Served {
    agent: Arc<Mutex<Agent>>,
    /// Rings when something was observed.
    news: watch::Sender<u64>,
    streams: Arc<Mutex<Streams>>,
    /// Long documents that may be written at the same time.
    writing: Arc<Semaphore>,
}

impl Served {
    /// A handle on that agent, with as many streams as `options` grant.
    pub fn new(agent: Agent, options: &ServeOptions) -> Served {
        let news = watch::Sender::new(agent.next_sequence());
        let streams = Arc::new(Mutex::new(Streams::new(options.streams, options.streams_per_peer)));
        let writing = Arc::new(Semaphore::new(limits::MTCONNECT_LONG_AT_ONCE));
        Served { agent: Arc::new(Mutex::new(agent)), news, streams, writing }
    }

    /// Does something to the agent, after which its streams look for news.
    pub fn with<T>(&self, f: impl FnOnce(&mut Agent) -> T) -> T {
        let mut agent = self.lock();
        let done = f(&mut agent);
        self.news.send_replace(agent.next_sequence());
        done
    }

    /// Writes a document that has so many observations: a long one where it holds up nobody else.
    async fn write<T, F>(&self, observations: usize, write: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if observations <= limits::MTCONNECT_SHORT {
            return Some(write());
        }
        let _turn = self.writing.acquire().await.ok()?;
        // It fails only with the runtime.
        tokio::task::spawn_blocking(write).await.ok()
    }

    fn lock(&self) -> MutexGuard<'_, Agent> {
        // An agent whose owner panicked still holds whole observations: each is added at once or not.
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl crate::Served for Served {
    fn publish(&self, frame: &Frame) {
        self.with(|agent| agent.publish(frame));
    }

    /// Nothing: MTConnect only reads.
    fn take_writes(&self) -> Vec<(PointIx, f64)> {
        Vec::new()
    }
}

/// Serves an agent to all who connect, until `stop` is ready; then, or when the future is dropped, every connection
/// ends with it.
pub async fn serve(
    listener: TcpListener,
    served: Served,
    options: ServeOptions,
    stop: impl Future<Output = ()>,
) {
    let mut tasks = JoinSet::new();
    let mut seats = Seats::new(options.connections);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            // Ended connections are reaped, so that the set does not grow.
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => seats.seat(|used| {
                    // Without it a part may wait for the peer's delayed acknowledgement; a failure costs only that.
                    let _ = stream.set_nodelay(true);
                    let whose = Connection { served: served.clone(), used, peer: Some(peer.ip()) };
                    tasks.spawn(connection(stream, whose, options))
                }),
                Err(_) => sleep(limits::ACCEPT_PAUSE).await,
            },
        }
    }
    tasks.shutdown().await;
}

/// Serves an agent over one stream until the peer ends it, breaks HTTP, or takes too long.
pub async fn serve_stream<S>(stream: S, served: Served, options: ServeOptions)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    connection(stream, Connection { served, used: Arc::default(), peer: None }, options).await;
}

#[derive(Clone)]
struct Connection {
    served: Served,
    used: Arc<Used>,
    /// Who asks; none in memory.
    peer: Option<IpAddr>,
}

async fn connection<S>(stream: S, whose: Connection, options: ServeOptions)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let router: Router = Router::new().fallback(answer).with_state(whose);
    let stream = Patient { inner: stream, limit: options.write, stalled: None };
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.idle)
        .max_buf_size(limits::MTCONNECT_HTTP_HEAD_BYTES)
        .max_headers(limits::MTCONNECT_HTTP_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A peer that breaks HTTP or goes away is no news to anybody.
    let _ = served.await;
}

async fn answer(State(c): State<Connection>, request: axum::extract::Request) -> axum::response::Response {
    c.used.mark();
    let (uri, method) = (request.uri(), request.method().as_str());
    let response = c.served.lock().request(method, uri.path(), uri.query().unwrap_or(""));
    let Response { status, content_type, body } = response;
    let (status, body) = match body {
        Body::Stream(feed) if method == "GET" => (status, Answer::new(Stream::new(*feed, c))),
        // The head of a stream is all that was asked for.
        Body::Stream(_) => (status, Answer::empty()),
        Body::Whole(draft) => match c.served.write(draft.observations(), || draft.write()).await {
            Some(document) => (status, Answer::from(document)),
            None => (500, Answer::empty()),
        },
    };
    let mut reply = axum::response::Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = HeaderValue::from_str(&content_type).unwrap_or(HeaderValue::from_static("application/xml"));
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}

/// A stream as the body of a reply: each part is made when it is asked for.
struct Stream {
    part: Pin<Box<dyn Future<Output = Made> + Send>>,
}

/// A part and what makes the next; none at the end.
type Made = Option<(Bytes, Source)>;

struct Source {
    feed: Feed,
    connection: Connection,
    news: watch::Receiver<u64>,
    began: Instant,
    place: Place,
}

impl Stream {
    fn new(feed: Feed, connection: Connection) -> Stream {
        let news = connection.served.news.subscribe();
        let place = Streams::place(&connection.served.streams, connection.peer);
        let source = Source { feed, connection, news, began: clock::now(), place };
        Stream { part: Box::pin(source.next()) }
    }
}

impl Source {
    async fn next(mut self) -> Made {
        loop {
            // Before the look, so that what comes after it rings.
            self.news.mark_unchanged();
            let now = Time::ZERO.after(clock::now().duration_since(self.began));
            let next = self.feed.poll(now, &self.connection.served.lock());
            match next {
                Next::Part(part) => {
                    let (served, much) = (&self.connection.served, part.observations());
                    let written = served.write(much, move || part.write()).await?;
                    self.connection.used.mark();
                    self.place.mark();
                    return Some((written.into(), self));
                }
                Next::Wait(until) => {
                    let due = tokio::time::sleep_until(self.began + Duration::from_nanos(until.ns));
                    tokio::select! {
                        () = self.place.ended() => return None,
                        () = due => {}
                        changed = self.news.changed() => changed.ok()?,
                    }
                }
                Next::End => return None,
            }
        }
    }
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        let made = ready!(self.part.as_mut().poll(cx));
        Poll::Ready(match made {
            Some((bytes, source)) => {
                self.part = Box::pin(source.next());
                Some(Ok(hyper::body::Frame::data(bytes)))
            }
            None => {
                self.part = Box::pin(std::future::ready(None));
                None
            }
        })
    }
}

/// A stream whose writes fail when the peer takes nothing for too long.
struct Patient<S> {
    inner: S,
    limit: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    fn judge<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let limit = self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.judge(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What is flushed here was written: only a write or the end can stall.
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.judge(cx, polled)
    }
}
