//! A client, and the far ends that a test gives it.

use std::time::Duration;

use aegis_adapters::bacnet::apdu::ComplexAck;
use aegis_adapters::bacnet::codec::{self, Opened, Peer, Received};
use aegis_adapters::bacnet::{
    Apdu, Client, ClientOptions, Datagrams, Handle, Patience, Pipe, apdu, pipe, serve,
};
use aegis_models::{Frame, MachineIx, Sample, Time};
use bytes::Bytes;

use super::support::*;

pub fn options() -> ClientOptions {
    let patience = Patience { timeout: Duration::from_millis(500), retries: 2 };
    ClientOptions { patience, ..ClientOptions::default() }
}

/// A client, and the far end of its link.
pub fn client() -> (Client, Pipe) {
    let (near, far) = pipe(address(1), address(2));
    (Client::attach(near, address(2), binding(), options()), far)
}

/// A client and the owner's handle of the device that serves it.
pub fn served() -> (Client, Handle) {
    let (client, far) = client();
    let handle = Handle::new(session());
    tokio::spawn(serve(far, handle.clone(), std::future::pending()));
    (client, handle)
}

pub fn frame(samples: Vec<Sample>) -> Frame {
    Frame { time: Time::ZERO, machine: MachineIx(0), samples, records: vec![], bursts: vec![] }
}

pub async fn recv(far: &mut Pipe) -> Vec<u8> {
    let mut buf = [0; 2048];
    let mut buf = tokio::io::ReadBuf::new(&mut buf);
    std::future::poll_fn(|cx| far.poll_recv(cx, &mut buf)).await.unwrap();
    buf.filled().to_vec()
}

pub async fn send(far: &mut Pipe, apdu: &Apdu) {
    let datagram = codec::datagram(&Peer { address: address(1), route: None }, false, apdu);
    std::future::poll_fn(|cx| far.poll_send(cx, &datagram, address(1))).await.unwrap();
}

/// A device that answers each confirmed request as `answer` says.
pub fn device(
    mut far: Pipe,
    mut answer: impl FnMut(apdu::ConfirmedRequest) -> Option<Apdu> + Send + 'static,
) {
    tokio::spawn(async move {
        loop {
            let datagram = recv(&mut far).await;
            let Ok(Opened::Apdu(Received { apdu, .. })) = codec::open(address(1), &datagram) else {
                panic!()
            };
            if let Ok(Apdu::ConfirmedRequest(request)) = apdu::decode_apdu(apdu)
                && let Some(reply) = answer(request)
            {
                send(&mut far, &reply).await;
            }
        }
    });
}

pub fn complex(request: &apdu::ConfirmedRequest, service_ack: Bytes) -> Apdu {
    Apdu::ComplexAck(ComplexAck {
        segmented: false,
        more_follows: false,
        invoke_id: request.invoke_id,
        sequence_number: None,
        proposed_window_size: None,
        service_choice: request.service_choice,
        service_ack,
    })
}

pub fn groups(samples: &[Sample]) -> Vec<Vec<Sample>> {
    let binding = binding();
    let of_group = |i: usize| {
        let places = &binding.groups()[i].places;
        samples.iter().filter(|s| places.iter().any(|p| p.point == s.point)).copied().collect()
    };
    vec![of_group(0), of_group(1)]
}
