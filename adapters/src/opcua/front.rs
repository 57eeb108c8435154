//! What stands between the network and the library, which serves a listener of its own and bounds nothing before a
//! session: so many connections at once, and so long for each without a session or a request.
//!
//! The library takes no stream, only a listener: each connection is carried to one on the loopback interface.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use opcua::server::ServerHandle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout, timeout_at};

use super::pki::Keeper;
use crate::seats::{Seats, Used};
use crate::{clock, limits};

/// Bytes carried at a time.
const CHUNK: usize = 16 << 10;
/// Messages until a session stands: CreateSession and ActivateSession (Part 4, 5.7).
const TO_A_SESSION: u64 = 2;

/// Carries every connection to the library's own listener, until it is dropped.
pub(super) async fn front(
    listener: TcpListener,
    inner: SocketAddr,
    control: ServerHandle,
    mut pki: Option<Keeper>,
) {
    let outer = listener.local_addr().map_or(0, |a| a.port());
    let mut tasks = JoinSet::new();
    let mut seats = Seats::new(limits::OPCUA_CONNECTIONS);
    loop {
        tokio::select! {
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // The library tells clients the port of the listener that it was given.
                    control.info().port.store(outer, Ordering::Relaxed);
                    if let Some(pki) = &mut pki {
                        pki.look();
                    }
                    seats.seat(|used| tasks.spawn(carry(stream, inner, used)));
                }
                Err(_) => sleep(limits::ACCEPT_PAUSE).await,
            },
        }
    }
}

async fn carry(mut stream: TcpStream, inner: SocketAddr, used: Arc<Used>) {
    let Ok(mut server) = TcpStream::connect(inner).await else { return };
    // Without it a reply may wait for the peer's delayed acknowledgement; a failure costs only that.
    let _ = stream.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (from_client, to_client) = stream.split();
    let (from_server, to_server) = server.split();
    tokio::select! {
        () = requests(from_client, to_server, &used) => {}
        () = replies(from_server, to_client) => {}
    }
}

async fn requests(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, used: &Used) {
    let mut heads = Heads::default();
    let mut until = clock::now() + limits::OPCUA_SESSIONLESS;
    let mut chunk = vec![0; CHUNK];
    while let Ok(Ok(n @ 1..)) = timeout_at(until, from.read(&mut chunk)).await {
        if heads.pass(&chunk[..n]) {
            used.mark();
            if heads.messages >= TO_A_SESSION {
                until = clock::now() + limits::OPCUA_IDLE;
            }
        }
        if !matches!(timeout(limits::OPCUA_WRITE, to.write_all(&chunk[..n])).await, Ok(Ok(()))) {
            return;
        }
    }
}

async fn replies(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(n @ 1..) = from.read(&mut chunk).await {
        if !matches!(timeout(limits::OPCUA_WRITE, to.write_all(&chunk[..n])).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Counts the messages in a stream of chunks by their heads, which are never encrypted (Part 6, 6.7.2).
#[derive(Debug, Default)]
struct Heads {
    head: Vec<u8>,
    /// Bytes of the present chunk that are still to come.
    rest: usize,
    messages: u64,
}

impl Heads {
    /// Takes what passes by, and says whether a message ended in it. What is no chunk is left to the library, which
    /// closes the connection.
    fn pass(&mut self, mut bytes: &[u8]) -> bool {
        let before = self.messages;
        while !bytes.is_empty() {
            if self.rest > 0 {
                let n = self.rest.min(bytes.len());
                (self.rest, bytes) = (self.rest - n, &bytes[n..]);
                // Part 6, 6.7.2.2: MSG with F is the last chunk of a message.
                if self.rest == 0 && self.head == *b"MSGF" {
                    self.messages += 1;
                }
                if self.rest == 0 {
                    self.head.clear();
                }
                continue;
            }
            let n = (8 - self.head.len()).min(bytes.len());
            self.head.extend(&bytes[..n]);
            bytes = &bytes[n..];
            if let [_, _, _, _, a, b, c, d] = self.head[..] {
                self.head.truncate(4);
                self.rest = (u32::from_le_bytes([a, b, c, d]) as usize).saturating_sub(8);
                if self.rest == 0 {
                    self.head.clear();
                }
            }
        }
        self.messages > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8; 4], body: usize) -> Vec<u8> {
        [&kind[..], &(8 + body as u32).to_le_bytes(), &vec![0x4D; body]].concat()
    }

    #[test]
    fn messages_are_counted_however_the_bytes_come() {
        let all = [
            chunk(b"HELF", 24),
            chunk(b"OPNF", 124),
            chunk(b"MSGC", 9),
            chunk(b"MSGF", 1),
            chunk(b"MSGF", 70),
        ];
        for size in [1, 3, 8, 11, 500] {
            let mut heads = Heads::default();
            let passed: usize = all.concat().chunks(size).filter(|part| heads.pass(part)).count();
            assert_eq!(heads.messages, 2, "{size}");
            assert_eq!(passed, if size == 500 { 1 } else { 2 });
        }
    }

    #[test]
    fn what_is_no_chunk_counts_for_nothing() {
        let mut heads = Heads::default();
        assert!(!heads.pass(&[0; 64]));
        assert!(!heads.pass(&[0xA5; 64]));
    }
}
