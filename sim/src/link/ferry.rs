//! Carries datagrams over a line.

use std::net::SocketAddr;

use aegis_adapters::bacnet::Datagrams;
use aegis_adapters::bacnet::datagrams::{recv, send};
use aegis_adapters::limits;
use tokio::time::sleep;

use super::line::Line;
use super::plan::Toward;
use super::way::{Travel, Way};

/// One end of a ferry: the socket on which a side's datagrams come and go, and the address behind which it is.
pub struct Shore<D> {
    /// The socket.
    pub socket: D,
    /// To whom datagrams go.
    pub to: SocketAddr,
}

/// Carries datagrams between the sentinel's side and the device's until the future is dropped. While the line is cut or
/// half open they are lost: nobody is told of a datagram that did not arrive.
pub async fn ferry(mut sentinel: Shore<impl Datagrams>, mut device: Shore<impl Datagrams>, line: Line) {
    // One octet more than fits, so that what is too long shows as such at the other end.
    let mut asked = vec![0; limits::BACNET_DATAGRAM_BYTES + 1];
    let mut said = asked.clone();
    let (mut there, mut back) = (Way::default(), Way::default());
    loop {
        // A datagram that cannot be sent or received is lost, as datagrams are.
        tokio::select! {
            biased;
            () = there.due() => {
                if let Some(bytes) = there.pop() {
                    let _ = send(&mut device.socket, &bytes, device.to).await;
                }
            }
            () = back.due() => {
                if let Some(bytes) = back.pop() {
                    let _ = send(&mut sentinel.socket, &bytes, sentinel.to).await;
                }
            }
            came = recv(&mut sentinel.socket, &mut asked) => match came {
                Ok((_, n)) if !line.vanishes() => {
                    let verdict = line.verdict(Toward::Device, &asked[..n]);
                    if let Some(answer) = verdict.answer {
                        let _ = send(&mut sentinel.socket, &answer, sentinel.to).await;
                    }
                    put(&mut there, verdict.arrives);
                }
                Ok(_) => {}
                Err(_) => sleep(limits::ACCEPT_PAUSE).await,
            },
            came = recv(&mut device.socket, &mut said) => match came {
                Ok((_, n)) if !line.vanishes() => {
                    let verdict = line.verdict(Toward::Sentinel, &said[..n]);
                    put(&mut back, verdict.arrives);
                }
                Ok(_) => {}
                Err(_) => sleep(limits::ACCEPT_PAUSE).await,
            },
        }
    }
}

fn put(way: &mut Way, arrives: Vec<(Vec<u8>, Travel)>) {
    for (bytes, travel) in arrives {
        if !way.is_full() {
            way.send_on(bytes, travel);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aegis_adapters::bacnet::pipe;
    use aegis_models::{Protocol, Seed, Time};
    use tokio::time::timeout;

    use super::super::plan::{LinkFault, LinkKind};
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn datagrams_pass_are_doubled_and_vanish_as_the_line_says() {
        let fault = |kind, onset| LinkFault {
            kind,
            onset: Time::from_secs(onset),
            duration: Some(Duration::from_secs(10)),
            share: 1.0,
            delay: Duration::ZERO,
            rate: 0.0,
            toward: Some(Toward::Device),
        };
        let faults = vec![fault(LinkKind::Duplicate, 10), fault(LinkKind::Cut, 20)];
        let line = Line::new("AHU", Protocol::Bacnet, faults, Seed(1), 1.0);
        let at = |host| SocketAddr::from(([192, 0, 2, host], 47_808));
        let (mut client, client_side) = pipe(at(1), at(2));
        let (server_side, mut server) = pipe(at(1), at(2));
        let near = Shore { socket: client_side, to: at(1) };
        let far = Shore { socket: server_side, to: at(2) };
        let carried = tokio::spawn(ferry(near, far, line.clone()));
        let mut arrived = Vec::new();
        for s in [0, 10, 20, 30] {
            line.advance(Time::from_secs(s));
            send(&mut client, b"who is", at(2)).await.unwrap();
            let mut n = 0;
            let mut buf = [0; 64];
            while timeout(Duration::from_secs(1), recv(&mut server, &mut buf)).await.is_ok() {
                n += 1;
            }
            arrived.push(n);
        }
        assert_eq!(arrived, [1, 2, 0, 1]);
        carried.abort();
    }
}
