//! A line in front of a server on a socket.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aegis_adapters::bacnet::Datagrams;
use aegis_adapters::limits;
use tokio::io::ReadBuf;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::ferry::{Shore, ferry};
use super::line::Line;
use super::pump::pump;

/// Clients of one machine whose datagrams are told apart; a further one takes the place of the one unheard for longest.
const CLIENTS: usize = 64;
/// Datagrams of one client that may wait.
const WAITING: usize = 64;

/// Hands every connection to the server at `inner`, over the line, until it is dropped.
pub async fn proxy(listener: TcpListener, inner: String, line: Line) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, inner.clone(), line.clone()));
                }
                Err(_) => sleep(limits::ACCEPT_PAUSE).await,
            },
        }
    }
}

async fn connection(stream: TcpStream, inner: String, line: Line) -> io::Result<()> {
    // The system has accepted already: a cut line closes at once, a half-open one leaves the peer waiting.
    if line.admits().await {
        let server = TcpStream::connect(inner).await?;
        stream.set_nodelay(true)?;
        server.set_nodelay(true)?;
        pump(stream, server, line).await;
    }
    Ok(())
}

/// Hands every client's datagrams to the server at `inner`, over the line, until it is dropped.
pub async fn proxy_datagrams(socket: UdpSocket, inner: SocketAddr, line: Line) {
    let socket = Arc::new(socket);
    let mut ferries = JoinSet::new();
    let mut clients: BTreeMap<SocketAddr, (u64, mpsc::Sender<Vec<u8>>, tokio::task::AbortHandle)> =
        BTreeMap::new();
    let mut buf = vec![0; limits::BACNET_DATAGRAM_BYTES + 1];
    let mut heard = 0;
    loop {
        let Ok((n, from)) = socket.recv_from(&mut buf).await else {
            sleep(limits::ACCEPT_PAUSE).await;
            continue;
        };
        while ferries.try_join_next().is_some() {}
        heard += 1;
        if !clients.contains_key(&from) {
            let longest = clients.iter().min_by_key(|(_, (last, ..))| *last).map(|(a, _)| *a);
            if let Some((.., ferry)) =
                longest.filter(|_| clients.len() >= CLIENTS).and_then(|a| clients.remove(&a))
            {
                ferry.abort();
            }
            // To the server each client is somebody else, as it would be without the line.
            let Ok(own) = UdpSocket::bind((inner.ip(), 0)).await else { continue };
            let (sender, came) = mpsc::channel(WAITING);
            let client = Client { socket: Arc::clone(&socket), came, address: from };
            let (near, far) = (Shore { socket: client, to: from }, Shore { socket: own, to: inner });
            let task = ferries.spawn(ferry(near, far, line.clone()));
            clients.insert(from, (heard, sender, task));
        }
        if let Some((last, sender, _)) = clients.get_mut(&from) {
            *last = heard;
            // A full queue loses it, as a full socket does.
            let _ = sender.try_send(buf[..n].to_vec());
        }
    }
}

/// One client of a socket that many use.
struct Client {
    socket: Arc<UdpSocket>,
    came: mpsc::Receiver<Vec<u8>>,
    address: SocketAddr,
}

impl Datagrams for Client {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<SocketAddr>> {
        match ready!(self.came.poll_recv(cx)) {
            Some(datagram) => {
                let n = datagram.len().min(buf.remaining());
                buf.put_slice(&datagram[..n]);
                Poll::Ready(Ok(self.address))
            }
            None => Poll::Pending,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8], to: SocketAddr) -> Poll<io::Result<()>> {
        Poll::Ready(ready!(self.socket.poll_send_to(cx, datagram, to)).map(|_| ()))
    }
}
