//! The shell of the agent: HTTP/1.1 around [`Agent`].
//!
//! Whatever a peer does costs a bounded amount: so many connections and streams, so many bytes of head, so long without
//! a request, so long to take what was asked for. A stream makes its next part only when the connection has taken the
//! last one, so that a slow reader lags behind in the agent's buffer and never in memory of its own.

use std::io;
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep};

use super::agent::{Agent, Body, Response};
use super::feed::{Feed, Next};
use super::query::{ErrorCode, Refusal};
use crate::seats::{Seats, Used};
use crate::{clock, limits};

/// How a server treats its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// Connections at once, at least one.
    pub connections: usize,
    /// Streams at once, over all connections.
    pub streams: usize,
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
    streams: Arc<Semaphore>,
}

impl Served {
    /// A handle on that agent, with as many streams as `options` grant.
    pub fn new(agent: Agent, options: &ServeOptions) -> Served {
        let news = watch::Sender::new(agent.next_sequence());
        let streams = Arc::new(Semaphore::new(options.streams));
        Served { agent: Arc::new(Mutex::new(agent)), news, streams }
    }

    /// Does something to the agent, after which its streams look for news.
    pub fn with<T>(&self, f: impl FnOnce(&mut Agent) -> T) -> T {
        let mut agent = self.lock();
        let done = f(&mut agent);
        self.news.send_replace(agent.next_sequence());
        done
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
                Ok((stream, _)) => seats.seat(|used| {
                    // Without it a part may wait for the peer's delayed acknowledgement; a failure costs only that.
                    let _ = stream.set_nodelay(true);
                    tasks.spawn(connection(stream, served.clone(), options, used))
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
    connection(stream, served, options, Arc::default()).await;
}

#[derive(Clone)]
struct Connection {
    served: Served,
    used: Arc<Used>,
}

async fn connection<S>(stream: S, served: Served, options: ServeOptions, used: Arc<Used>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let router: Router = Router::new().fallback(answer).with_state(Connection { served, used });
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
    let permit = Arc::clone(&c.served.streams).try_acquire_owned();
    let response = {
        let agent = c.served.lock();
        let response = agent.request(method, uri.path(), uri.query().unwrap_or(""));
        if matches!(response.body, Body::Stream(_)) && permit.is_err() {
            let message = "the agent serves as many streams as it can".to_owned();
            agent.refusal(&Refusal { code: ErrorCode::TooMany, message })
        } else {
            response
        }
    };
    let Response { status, content_type, body } = response;
    let body = match (body, permit) {
        (Body::Stream(feed), Ok(permit)) if method == "GET" => Answer::new(Stream::new(*feed, c, permit)),
        (Body::Whole(document), _) => Answer::from(document),
        // The head of a stream is all that was asked for.
        (Body::Stream(_), _) => Answer::empty(),
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
    _permit: OwnedSemaphorePermit,
}

impl Stream {
    fn new(feed: Feed, connection: Connection, permit: OwnedSemaphorePermit) -> Stream {
        let news = connection.served.news.subscribe();
        let source = Source { feed, connection, news, began: clock::now(), _permit: permit };
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
                Next::Part(bytes) => {
                    self.connection.used.mark();
                    return Some((bytes.into(), self));
                }
                Next::Wait(until) => {
                    let due = tokio::time::sleep_until(self.began + Duration::from_nanos(until.ns));
                    tokio::select! {
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
