//! The shell of the client: one HTTP/1.1 connection around an [`Exchange`].

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aegis_models::Time;
use http_body_util::Empty;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::binding::Binding;
use super::exchange::{Exchange, Heard, Mode};
use crate::client::LinkError;
use crate::{clock, limits};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Sender = SendRequest<Empty<Bytes>>;

/// What carries HTTP.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

/// Connects to the agent, again and again.
type Dial = Box<dyn Fn() -> Boxed<io::Result<Box<dyn Wire>>> + Send + Sync>;

/// A client of one agent, for one device.
pub struct Client {
    exchange: Exchange,
    /// None once the link has failed.
    link: Option<Link>,
    /// How the agent is reached, and what it is called; none over a stream that was given.
    dial: Option<(Dial, String)>,
    /// Whether the connection ended as agents may end them, and another is on its way.
    reopening: bool,
    /// What the exchange's clock counts from.
    began: Instant,
}

/// One connection. All progress lies here, so that a call may be dropped at any time and the next one goes on.
struct Link {
    /// None until the connection is set up.
    sender: Option<Sender>,
    /// The work of the connection; none when it has ended.
    work: Option<Boxed<hyper::Result<()>>>,
    doing: Doing,
    /// Whether the connection takes a request.
    ready: bool,
    /// Whether a reply came in full over this connection.
    proven: bool,
}

enum Doing {
    Opening(Boxed<hyper::Result<(Sender, Boxed<hyper::Result<()>>)>>),
    Resting,
    Asking(Boxed<hyper::Result<hyper::Response<Incoming>>>),
    Reading(Incoming),
}

impl Client {
    /// Connects to the agent at `address`, as `host:port`. `timeout` bounds this call and then each reply.
    pub async fn connect(
        address: &str,
        device: &str,
        binding: Arc<Binding>,
        timeout: Duration,
    ) -> Result<Client, LinkError> {
        let mode = Client::streaming(&binding);
        let to = address.to_owned();
        let open = move || {
            let to = to.clone();
            async move {
                let stream = TcpStream::connect(to).await?;
                // Requests are small and each waits for its reply: holding them back would only delay.
                stream.set_nodelay(true)?;
                Ok(stream)
            }
        };
        let mut client = Client::dialled(open, address, Exchange::new(device, binding, mode, timeout));
        client.reconnect().await?;
        Ok(client)
    }

    /// A client that reaches the agent of that name by `open`. It is closed until [`Self::reconnect`].
    pub fn dialled<S, F>(
        open: impl Fn() -> F + Send + Sync + 'static,
        address: &str,
        exchange: Exchange,
    ) -> Client
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        let dial: Dial = Box::new(move || {
            let opening = open();
            Box::pin(async move { opening.await.map(|stream| Box::new(stream) as Box<dyn Wire>) })
        });
        let dial = Some((dial, address.to_owned()));
        Client { exchange, link: None, dial, reopening: false, began: clock::now() }
    }

    fn streaming(binding: &Binding) -> Mode {
        let heartbeat = binding.period().max(Duration::from_millis(100));
        Mode::Stream { interval: Duration::ZERO, heartbeat }
    }

    /// Talks over a stream that is connected already.
    pub fn attach<S>(stream: S, device: &str, binding: Arc<Binding>, timeout: Duration) -> Client
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mode = Client::streaming(&binding);
        Client::resume(stream, Exchange::new(device, binding, mode, timeout))
    }

    /// Goes on over another stream from where an exchange was, which [`Self::into_exchange`] gave.
    pub fn resume<S>(stream: S, mut exchange: Exchange) -> Client
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        exchange.lost(Time::ZERO);
        Client { exchange, link: Some(Link::open(stream)), dial: None, reopening: false, began: clock::now() }
    }

    /// The same, keeping up in another way. To be said before anything was heard.
    pub fn with_mode(mut self, mode: Mode) -> Client {
        let (device, binding) = (self.exchange.device().to_owned(), Arc::clone(self.exchange.binding()));
        self.exchange = Exchange::new(device, binding, mode, self.exchange.timeout());
        self
    }

    /// Whether the link has failed: connect anew.
    pub fn is_closed(&self) -> bool {
        self.link.is_none() && !self.reopening
    }

    /// What it reads.
    pub fn binding(&self) -> &Arc<Binding> {
        self.exchange.binding()
    }

    /// What it knows, to go on with over another link.
    pub fn into_exchange(self) -> Exchange {
        self.exchange
    }

    /// Connects to the same agent again and goes on from the observation it was at.
    ///
    /// A client over a given stream cannot: it is [`LinkError::Closed`].
    pub async fn reconnect(&mut self) -> Result<(), LinkError> {
        self.fail();
        self.link = Some(Link::open(self.redial().await?));
        Ok(())
    }

    /// Another connection, in a future of its own: what this client holds cannot be shared between threads.
    fn redial(&self) -> Boxed<Result<Box<dyn Wire>, LinkError>> {
        let limit = self.exchange.timeout();
        let opening = self.dial.as_ref().map(|(dial, _)| dial());
        Box::pin(async move {
            let connected = tokio::time::timeout(limit, opening.ok_or(LinkError::Closed)?).await;
            Ok(connected.map_err(|_| LinkError::Timeout(limit))??)
        })
    }

    /// Waits for what the agent tells next. The call may be dropped at any time: nothing that came is lost.
    ///
    /// After an error the client is closed. A connection that the agent ends between two replies is no error where the
    /// client can dial: it is opened again.
    pub async fn heard(&mut self) -> Result<Heard, LinkError> {
        loop {
            if let Some(heard) = self.exchange.poll() {
                return Ok(heard);
            }
            if let Err(e) = self.advance().await {
                self.fail();
                if matches!(e, LinkError::Mismatch(_)) {
                    let now = self.now();
                    self.exchange.begin_anew(now);
                }
                return Err(e);
            }
        }
    }

    fn now(&self) -> Time {
        Time::ZERO.after(clock::now().duration_since(self.began))
    }

    fn fail(&mut self) {
        (self.link, self.reopening) = (None, false);
        let now = self.now();
        self.exchange.lost(now);
    }

    /// One step: something came, or a moment that the exchange waits for.
    async fn advance(&mut self) -> Result<(), LinkError> {
        let now = self.now();
        self.exchange.check(now)?;
        if self.reopening || (self.exchange.drains() && self.dial.is_some()) {
            // A stream that is of no use any more need not end by itself.
            return self.reopen(now).await;
        }
        let Some(link) = &mut self.link else { return Err(LinkError::Closed) };
        if link.rests()
            && let Some(target) = self.exchange.request(now)
        {
            if link.work.is_none() {
                return self.reopen(now).await;
            }
            link.ask(&target, self.dial.as_ref().map_or("agent", |(_, address)| address))?;
        }
        let due = self.began + Duration::from_nanos(self.exchange.poll_timeout().ns);
        let (exchange, began) = (&mut self.exchange, self.began);
        tokio::select! {
            biased;
            step = poll_fn(|cx| link.poll(cx, exchange, began)) => step,
            () = sleep_until(due) => Ok(()),
        }
    }

    /// Opens a connection that the agent ended when nothing was under way.
    async fn reopen(&mut self, now: Time) -> Result<(), LinkError> {
        let proven = self.link.as_ref().is_none_or(|l| l.proven);
        if self.dial.is_none() || !proven {
            return Err(LinkError::Broken(closed()));
        }
        // Before the wait, so that a call dropped in it leaves what the next one can go on from.
        self.exchange.lost(now);
        (self.link, self.reopening) = (None, true);
        let stream = self.redial().await?;
        (self.link, self.reopening) = (Some(Link::open(stream)), false);
        Ok(())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl Link {
    fn open<S>(stream: S) -> Link
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let opening = async move {
            let mut builder = Builder::new();
            builder
                .max_buf_size(limits::MTCONNECT_HTTP_HEAD_BYTES)
                .max_headers(limits::MTCONNECT_HTTP_HEADERS);
            let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
            let work: Boxed<hyper::Result<()>> = Box::pin(connection);
            Ok((sender, work))
        };
        Link {
            sender: None,
            work: None,
            doing: Doing::Opening(Box::pin(opening)),
            ready: false,
            proven: false,
        }
    }

    /// Whether a request may go out, or would, had the agent not ended the connection.
    fn rests(&self) -> bool {
        matches!(self.doing, Doing::Resting) && (self.ready || self.work.is_none())
    }

    fn ask(&mut self, target: &str, host: &str) -> Result<(), LinkError> {
        let Some(sender) = &mut self.sender else { return Err(LinkError::Closed) };
        let request = hyper::Request::get(target)
            .header(HOST, host)
            .header(ACCEPT, "application/xml, multipart/x-mixed-replace")
            .body(Empty::new())
            .map_err(|e| LinkError::Mismatch(e.to_string()))?;
        self.doing = Doing::Asking(Box::pin(sender.send_request(request)));
        self.ready = false;
        Ok(())
    }

    /// Ready when the exchange took something, or when it may ask.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange,
        began: Instant,
    ) -> Poll<Result<(), LinkError>> {
        loop {
            if let Some(work) = &mut self.work
                && let Poll::Ready(ended) = work.as_mut().poll(cx)
            {
                self.work = None;
                // Of an end in the middle of a reply the reply itself tells.
                if matches!(self.doing, Doing::Resting) {
                    return Poll::Ready(ended.map_err(broken));
                }
            }
            match &mut self.doing {
                Doing::Opening(opening) => {
                    let (sender, work) = ready!(opening.as_mut().poll(cx)).map_err(broken)?;
                    (self.sender, self.work, self.doing) = (Some(sender), Some(work), Doing::Resting);
                    return Poll::Ready(Ok(()));
                }
                Doing::Resting => match &mut self.sender {
                    // An agent may end the connection behind any reply, which shows here.
                    Some(sender) if !self.ready && self.work.is_some() => {
                        match ready!(sender.poll_ready(cx)) {
                            Ok(()) => self.ready = true,
                            Err(_) => self.work = None,
                        }
                        return Poll::Ready(Ok(()));
                    }
                    // With nothing to ask, only the clock or the end of the connection goes on.
                    _ => return Poll::Pending,
                },
                Doing::Asking(reply) => {
                    let reply = ready!(reply.as_mut().poll(cx)).map_err(broken)?;
                    let kind = reply.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
                    exchange.head(reply.status().as_u16(), kind)?;
                    self.doing = Doing::Reading(reply.into_body());
                }
                Doing::Reading(body) => {
                    let now = Time::ZERO.after(clock::now().duration_since(began));
                    match ready!(Pin::new(body).poll_frame(cx)) {
                        Some(frame) => {
                            if let Ok(bytes) = frame.map_err(broken)?.into_data() {
                                exchange.body(now, &bytes)?;
                            }
                        }
                        None => {
                            (self.doing, self.proven) = (Doing::Resting, true);
                            exchange.end(now)?;
                        }
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the agent closed the connection")
}

/// What went wrong below HTTP, where that is the reason.
fn broken(e: hyper::Error) -> LinkError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&e);
    while let Some(c) = cause {
        match c.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::UnexpectedEof) => return LinkError::Broken(closed()),
            Some(kind) => return LinkError::Broken(io::Error::new(kind, c.to_string())),
            None => cause = c.source(),
        }
    }
    if e.is_incomplete_message() || e.is_canceled() || e.is_closed() {
        return LinkError::Broken(closed());
    }
    LinkError::Broken(io::Error::other(e))
}
