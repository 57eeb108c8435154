//! A mill behind OPC UA, and clients of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aegis_adapters::Served;
use aegis_adapters::opcua::{Anonymous, Binding, Client, ClientOptions, Handle, ServeOptions, open, serve};
use aegis_models::{Frame, MachineIx, PointIx, Profile, Quality, Sample, Time};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything here takes.
pub const SOON: Duration = Duration::from_secs(20);
/// 2026-01-01, where the mill's time begins.
pub const BEGAN: u64 = 1_767_225_600_000_000_000;

pub fn mill() -> Profile {
    Profile::built_in("cnc").unwrap()
}

pub fn binding() -> Arc<Binding> {
    Arc::new(Binding::new(&mill()).unwrap())
}

pub fn point(id: &str) -> PointIx {
    mill().point_ix(id).unwrap()
}

/// Every point at a quarter of its range, as its type holds it, less what `change` says otherwise.
pub fn frame(ms: u64, change: &[(&str, f64, Quality)]) -> Frame {
    let mill = mill();
    let value = |p: &aegis_models::profile::PointSpec| {
        let [low, high] = p.range;
        p.data.quantise(p.nominal.unwrap_or(low + (high - low) / 4.0))
    };
    let specs = (0..).map(PointIx).zip(&mill.points);
    let samples = specs.map(|(point, p)| {
        let (value, quality) = match change.iter().find(|(id, ..)| *id == p.id) {
            Some((_, value, quality)) => (p.data.quantise(*value), *quality),
            None => (value(p), Quality::Good),
        };
        Sample { point, value, quality }
    });
    Frame {
        time: Time::from_millis(ms),
        machine: MachineIx(0),
        samples: samples.collect(),
        records: Vec::new(),
        bursts: Vec::new(),
    }
}

/// Everybody may write.
pub fn free() -> ServeOptions {
    ServeOptions { began_unix_ns: BEGAN, anonymous: Anonymous::Writes, ..ServeOptions::default() }
}

pub fn quick() -> ClientOptions {
    ClientOptions {
        timeout: Duration::from_secs(5),
        publishing: Duration::from_millis(50),
        // Long enough never to be in the way of a test that waits for changes.
        image: Duration::from_secs(600),
        // The tests' machine changes faster than its profile says.
        rate: 100.0,
        deadband: false,
        ..ClientOptions::default()
    }
}

pub struct Running {
    pub address: SocketAddr,
    pub mill: Handle,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Serves until stopped or dropped.
    pub async fn start(options: &ServeOptions) -> Running {
        Running::start_at("127.0.0.1:0".parse().unwrap(), options).await
    }

    pub async fn start_at(address: SocketAddr, options: &ServeOptions) -> Running {
        let listener = TcpListener::bind(address).await.unwrap();
        let (endpoint, mill) = open(listener, "CNC-01", &self::mill(), options).unwrap();
        let address = endpoint.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(endpoint, stopped).await.unwrap();
        });
        Running { address, mill, stop, task }
    }

    pub async fn client(&self) -> Client {
        self.client_with(&quick()).await
    }

    pub async fn client_with(&self, options: &ClientOptions) -> Client {
        Client::connect(&self.address.to_string(), binding(), options).await.unwrap()
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(SOON, self.task).await.unwrap().unwrap();
    }

    pub fn publish(&self, ms: u64, change: &[(&str, f64, Quality)]) {
        self.mill.publish(&frame(ms, change));
    }
}

/// What is heard until `found` finds something in it.
pub async fn hear<T>(client: &mut Client, mut found: impl FnMut(&[Sample]) -> Option<T>) -> T {
    let hearing = async {
        loop {
            if let Some(t) = found(&client.heard().await.unwrap().samples) {
                break t;
            }
        }
    };
    timeout(SOON, hearing).await.expect("it is heard soon")
}

pub fn of(samples: &[Sample], id: &str) -> Option<Sample> {
    let point = point(id);
    samples.iter().find(|s| s.point == point).copied()
}
