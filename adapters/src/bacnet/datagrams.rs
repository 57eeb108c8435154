//! What carries datagrams: a UDP socket, or anything else that loses, doubles and reorders no more than one may.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::limits;

/// One end of a datagram network.
pub trait Datagrams: Send {
    /// Waits for a datagram, fills it into `buf` and says who sent it. What does not fit is cut.
    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<SocketAddr>>;

    /// Sends a datagram whole.
    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8], to: SocketAddr) -> Poll<io::Result<()>>;
}

impl Datagrams for UdpSocket {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<SocketAddr>> {
        self.poll_recv_from(cx, buf)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8], to: SocketAddr) -> Poll<io::Result<()>> {
        Poll::Ready(ready!(self.poll_send_to(cx, datagram, to)).map(|_| ()))
    }
}

impl Datagrams for Box<dyn Datagrams> {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<SocketAddr>> {
        (**self).poll_recv(cx, buf)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8], to: SocketAddr) -> Poll<io::Result<()>> {
        (**self).poll_send(cx, datagram, to)
    }
}

/// Waits for a datagram: who sent it, and how many octets of `buf` it fills. Nothing is lost when the future is dropped.
pub async fn recv(socket: &mut (impl Datagrams + ?Sized), buf: &mut [u8]) -> io::Result<(SocketAddr, usize)> {
    let mut buf = ReadBuf::new(buf);
    let from = poll_fn(|cx| socket.poll_recv(cx, &mut buf)).await?;
    Ok((from, buf.filled().len()))
}

/// Sends a datagram.
pub async fn send(socket: &mut (impl Datagrams + ?Sized), datagram: &[u8], to: SocketAddr) -> io::Result<()> {
    poll_fn(|cx| socket.poll_send(cx, datagram, to)).await
}

/// One end of a pair that is joined in memory. A datagram that finds no room is lost, and so is one for another address.
#[derive(Debug)]
pub struct Pipe {
    own: SocketAddr,
    peer: SocketAddr,
    to_peer: mpsc::Sender<Vec<u8>>,
    from_peer: mpsc::Receiver<Vec<u8>>,
}

/// Two stations that hear each other alone, under these addresses.
pub fn pipe(a: SocketAddr, b: SocketAddr) -> (Pipe, Pipe) {
    let (to_b, from_a) = mpsc::channel(limits::BACNET_QUEUED_DATAGRAMS);
    let (to_a, from_b) = mpsc::channel(limits::BACNET_QUEUED_DATAGRAMS);
    (
        Pipe { own: a, peer: b, to_peer: to_b, from_peer: from_b },
        Pipe { own: b, peer: a, to_peer: to_a, from_peer: from_a },
    )
}

impl Pipe {
    /// The address of this end.
    pub fn address(&self) -> SocketAddr {
        self.own
    }
}

impl Datagrams for Pipe {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<SocketAddr>> {
        match ready!(self.from_peer.poll_recv(cx)) {
            Some(datagram) => {
                let n = datagram.len().min(buf.remaining());
                buf.put_slice(&datagram[..n]);
                Poll::Ready(Ok(self.peer))
            }
            // As with UDP, silence does not tell that nobody is there any more.
            None => Poll::Pending,
        }
    }

    fn poll_send(&mut self, _: &mut Context<'_>, datagram: &[u8], to: SocketAddr) -> Poll<io::Result<()>> {
        if to == self.peer {
            let _ = self.to_peer.try_send(datagram.to_vec());
        }
        Poll::Ready(Ok(()))
    }
}
