//! One endpoint of one machine: a server of its protocol, on a socket or in memory.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_adapters::bacnet::{self, Datagrams, Device, Identity, Patience, Session};
use aegis_adapters::hsms::gem::{BadEquipment, Equipment, EquipmentOptions};
use aegis_adapters::hsms::session::{self, Role, Timers};
use aegis_adapters::modbus::{LineTiming, RegisterMap, SerialSettings, Stations, Units};
use aegis_adapters::mtconnect::{Agent, AgentOptions};
use aegis_adapters::opcua::{Anonymous, Mode, Secret};
use aegis_adapters::{Served, hsms, modbus, mtconnect, opcua};
use aegis_models::site::{Endpoint, HsmsOptions, MachineEntry};
use aegis_models::{Profile, Protocol, Span};
use tokio::io::DuplexStream;
use tokio::net::{TcpListener, UdpSocket};

use super::state::{StateFile, StateFolder};
use crate::clock;

/// How long a GEM host may take from a granted inquiry to the message itself: T3, as nothing else is said.
const CONVERSATION: Duration = Duration::from_secs(45);
/// How long a machine may take to show that it obeyed.
const COMMAND: Duration = Duration::from_secs(30);
/// The wall clock at the beginning of every run in virtual time: 2026-01-01T00:00:00Z [ns since 1970].
const VIRTUAL_BEGINNING: u64 = 1_767_225_600_000_000_000;

/// What runs until it is dropped.
pub type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is the same for all machines that are served together.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The wall clock at [`aegis_models::Time::ZERO`] [ns since 1970]: time stamps begin there.
    pub began_unix_ns: u64,
    /// Folder of certificates and trust list; with it OPC UA is offered signed and encrypted as well.
    pub pki: Option<PathBuf>,
    /// User and password of the OPC UA servers; with them nobody else may write.
    pub user: Option<(String, String)>,
    /// Where GEM equipment keeps what must survive a restart; without it a restart begins anew.
    pub state: Option<StateFolder>,
}

impl Setting {
    /// Machines that begin now, open to whoever reaches them, as most plant networks are.
    pub fn now() -> Setting {
        Setting { began_unix_ns: clock::unix_ns(), pki: None, user: None, state: None }
    }

    /// Machines of a run in virtual time.
    pub fn virtual_time() -> Setting {
        Setting { began_unix_ns: VIRTUAL_BEGINNING, pki: None, user: None, state: None }
    }
}

/// A server of one machine. What it shows and takes goes through [`Door::served`].
pub struct Door {
    served: Box<dyn Served>,
    server: Server,
}

enum Server {
    Modbus(Arc<Mutex<RegisterMap>>, modbus::ServeOptions),
    /// One of those that may share a line, with its address there.
    Station(u8, Arc<Mutex<RegisterMap>>),
    Hsms(hsms::serve::Handle, Option<StateFile>),
    Mtconnect(mtconnect::Served, mtconnect::ServeOptions),
    Bacnet(bacnet::Handle),
    /// The library owns its sockets.
    Opcua,
}

/// Why a machine has no such door.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoDoor(String);

/// Why a machine cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It has no such door.
    #[error(transparent)]
    NoDoor(#[from] NoDoor),
    /// Its address cannot be listened on.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn no(e: impl std::fmt::Display) -> NoDoor {
    NoDoor(e.to_string())
}

/// Whether a protocol's server can do without sockets.
pub fn in_memory(protocol: Protocol) -> bool {
    !matches!(protocol, Protocol::Opcua | Protocol::ModbusRtu)
}

impl Door {
    /// A server that needs no socket, for a machine of that profile. A protocol whose library owns its sockets has none.
    pub fn in_memory(
        endpoint: &Endpoint,
        entry: &MachineEntry,
        profile: &Profile,
        setting: &Setting,
    ) -> Result<Door, NoDoor> {
        match endpoint.protocol {
            Protocol::ModbusTcp | Protocol::ModbusRtuOverTcp | Protocol::ModbusRtu => {
                let binding = modbus::Binding::new(profile).map_err(no)?;
                let map = Arc::new(Mutex::new(RegisterMap::new(Arc::new(binding))));
                let (served, unit) = (Box::new(Arc::clone(&map)), endpoint.unit as u8);
                if endpoint.protocol.shares_line() {
                    return Ok(Door { served, server: Server::Station(unit, map) });
                }
                let options =
                    modbus::ServeOptions { units: Units::Only(unit), ..modbus::ServeOptions::default() };
                Ok(Door { served, server: Server::Modbus(map, options) })
            }
            Protocol::Hsms => {
                let device = endpoint.unit as u16;
                let options = endpoint.hsms.clone().unwrap_or_default();
                let role = if options.connect.is_some() { Role::Active } else { Role::Passive };
                let session = session::Options { role, device, timers: timers(&options) };
                let unix_ms = (setting.began_unix_ns / 1_000_000) as i64;
                let (conversation, command) = (CONVERSATION, COMMAND);
                let options = EquipmentOptions { session, unix_ms, conversation, command };
                let (file, equipment) = equipment(entry, profile, options, setting)?;
                let handle = hsms::serve::Handle::new(equipment);
                Ok(Door { served: Box::new(handle.clone()), server: Server::Hsms(handle, file) })
            }
            Protocol::Mtconnect => {
                let binding = Arc::new(mtconnect::Binding::new(profile).map_err(no)?);
                let began = setting.began_unix_ns;
                // Another life of the agent, another number: whoever resumes sees that its sequences are void. In
                // microseconds, which also those clients hold exactly that know 53 bits of a number.
                let agent = Agent::new(binding, AgentOptions::new(&entry.name, began / 1_000, began));
                let options = mtconnect::ServeOptions::default();
                let served = mtconnect::Served::new(agent, &options);
                Ok(Door { served: Box::new(served.clone()), server: Server::Mtconnect(served, options) })
            }
            Protocol::Bacnet => {
                let identity = Identity { name: entry.name.clone(), instance: endpoint.unit };
                let device = Device::new(&identity, profile).map_err(no)?;
                let handle = bacnet::Handle::new(Session::new(device, Patience::default()));
                Ok(Door { served: Box::new(handle.clone()), server: Server::Bacnet(handle) })
            }
            Protocol::Opcua => Err(NoDoor("the library of OPC UA owns its sockets".to_owned())),
        }
    }

    /// A server that listens at `address`, where port 0 is any free one; gives the address at which it really listens.
    pub async fn listen(
        endpoint: &Endpoint,
        address: &str,
        entry: &MachineEntry,
        profile: &Profile,
        setting: &Setting,
    ) -> Result<(Door, String, Serving), OpenError> {
        if endpoint.protocol == Protocol::Opcua {
            return opcua_door(address, entry, profile, setting).await;
        }
        let door = Door::in_memory(endpoint, entry, profile, setting)?;
        if let Server::Bacnet(handle) = &door.server {
            let socket = UdpSocket::bind(address).await?;
            let bound = socket.local_addr()?.to_string();
            let serving = Box::pin(bacnet::serve(socket, handle.clone(), std::future::pending()));
            return Ok((door, bound, serving));
        }
        if let Some(station) = door.station() {
            let (bound, serving) = listen_line(endpoint, address, [station].into()).await?;
            return Ok((door, bound, serving));
        }
        if let (Server::Hsms(handle, file), Some(hsms)) = (&door.server, &endpoint.hsms)
            && let Some(host) = hsms.connect.clone()
        {
            let (active, options) = (handle.clone(), patience(endpoint));
            let (to, stop) = (host.clone(), std::future::pending());
            let serving = Box::pin(async move { hsms::serve::serve_active(to, active, options, stop).await });
            let serving = kept(serving, file.clone(), handle.clone());
            return Ok((door, host, serving));
        }
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?.to_string();
        let stop = std::future::pending();
        let serving: Serving = match &door.server {
            Server::Modbus(map, options) => {
                Box::pin(modbus::serve(listener, Arc::clone(map), *options, stop))
            }
            Server::Hsms(handle, file) => {
                let serving = hsms::serve::serve(listener, handle.clone(), patience(endpoint), stop);
                kept(Box::pin(serving), file.clone(), handle.clone())
            }
            Server::Mtconnect(served, options) => {
                Box::pin(mtconnect::serve(listener, served.clone(), *options, stop))
            }
            Server::Station(..) | Server::Bacnet(_) | Server::Opcua => Box::pin(stop),
        };
        Ok((door, bound, serving))
    }

    /// The machine behind the door.
    pub fn served(&self) -> &dyn Served {
        &*self.served
    }

    /// Its address on a line and what it shows there, where its protocol has lines.
    pub fn station(&self) -> Option<(u8, Arc<Mutex<RegisterMap>>)> {
        match &self.server {
            Server::Station(unit, map) => Some((*unit, Arc::clone(map))),
            _ => None,
        }
    }

    /// The GEM equipment behind the door, for its operator.
    pub fn equipment(&self) -> Option<&hsms::serve::Handle> {
        match &self.server {
            Server::Hsms(handle, _) => Some(handle),
            _ => None,
        }
    }

    /// Writes what must survive a restart a last time.
    pub fn finish(&self) {
        if let Server::Hsms(handle, Some(file)) = &self.server {
            file.finish(handle);
        }
    }

    /// What was kept for whoever comes back is kept no more: an MTConnect agent's buffer ran over.
    pub fn run_over(&self) {
        if let Server::Mtconnect(served, _) = &self.server {
            served.with(Agent::run_over);
        }
    }

    /// Serves one connection in memory; none where the protocol has no streams.
    pub fn stream(&self, stream: DuplexStream) -> Option<Serving> {
        match &self.server {
            Server::Modbus(map, options) => {
                let (map, options) = (Arc::clone(map), *options);
                Some(Box::pin(async move { modbus::serve_stream(stream, &map, options, || {}).await }))
            }
            Server::Station(unit, map) => {
                let (stations, options) = ([(*unit, Arc::clone(map))], modbus::ServeOptions::default());
                let timing = LineTiming::stream(options.idle);
                Some(Box::pin(async move {
                    modbus::serve_line(stream, &stations, timing, options.write, || {}).await;
                }))
            }
            Server::Hsms(handle, _) => {
                let handle = handle.clone();
                let options = hsms::serve::ServeOptions::default();
                Some(Box::pin(async move { hsms::serve::serve_stream(stream, &handle, options).await }))
            }
            Server::Mtconnect(served, options) => {
                Some(Box::pin(mtconnect::serve_stream(stream, served.clone(), *options)))
            }
            Server::Bacnet(_) | Server::Opcua => None,
        }
    }

    /// Serves whoever sends datagrams in memory; none where the protocol has none.
    pub fn datagrams(&self, socket: impl Datagrams + 'static) -> Option<Serving> {
        match &self.server {
            Server::Bacnet(handle) => {
                Some(Box::pin(bacnet::serve(socket, handle.clone(), std::future::pending())))
            }
            _ => None,
        }
    }
}

/// Serves all stations of a line: a serial port, or whoever connects to an address. Gives where it really listens.
pub async fn listen_line(
    endpoint: &Endpoint,
    address: &str,
    stations: Stations<RegisterMap>,
) -> Result<(String, Serving), OpenError> {
    let options = modbus::ServeOptions::default();
    if endpoint.protocol == Protocol::ModbusRtu {
        let settings = endpoint.serial.as_deref().map(str::parse::<SerialSettings>).transpose();
        let settings = settings.map_err(|e| no(format!("serial = {e}")))?.unwrap_or_default();
        let (port, timing) = (settings.open(address)?, LineTiming::wire(settings.silence()));
        let serving = async move {
            modbus::serve_line(port, &stations, timing, options.write, || {}).await;
        };
        return Ok((address.to_owned(), Box::pin(serving)));
    }
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?.to_string();
    Ok((bound, Box::pin(modbus::serve_rtu(listener, stations, options, std::future::pending()))))
}

/// A machine's GEM equipment, with what it kept through a restart.
fn equipment(
    entry: &MachineEntry,
    profile: &Profile,
    options: EquipmentOptions,
    setting: &Setting,
) -> Result<(Option<StateFile>, Equipment), NoDoor> {
    let Some(folder) = &setting.state else {
        return Ok((None, Equipment::new(profile, options, &[]).map_err(no)?));
    };
    let unusable = |e: io::Error| no(format!("state folder {}: {e}", folder.path.display()));
    let (file, saved) = StateFile::open(folder, &entry.name).map_err(unusable)?;
    let equipment = match Equipment::new(profile, options.clone(), &saved) {
        Err(BadEquipment::State(why)) => {
            file.set_aside(&why).map_err(unusable)?;
            Equipment::new(profile, options, &[])
        }
        made => made,
    };
    Ok((Some(file), equipment.map_err(no)?))
}

/// Serves, and writes what must survive a restart.
fn kept(serving: Serving, file: Option<StateFile>, handle: hsms::serve::Handle) -> Serving {
    let Some(file) = file else { return serving };
    Box::pin(async move {
        tokio::join!(serving, file.keep(handle));
    })
}

fn timers(o: &HsmsOptions) -> Timers {
    let standard = Timers::default();
    let or = |span: Option<Span>, standard| span.map_or(standard, |s| s.0);
    Timers {
        t3: or(o.t3, standard.t3),
        t5: or(o.t5, standard.t5),
        t6: or(o.t6, standard.t6),
        t7: or(o.t7, standard.t7),
        t8: or(o.t8, standard.t8),
        linktest: o.linktest.map_or(standard.linktest, |l| Some(l.0).filter(|l| !l.is_zero())),
    }
}

fn patience(endpoint: &Endpoint) -> hsms::serve::ServeOptions {
    let t5 = timers(&endpoint.hsms.clone().unwrap_or_default()).t5;
    hsms::serve::ServeOptions { t5, ..hsms::serve::ServeOptions::default() }
}

async fn opcua_door(
    address: &str,
    entry: &MachineEntry,
    profile: &Profile,
    setting: &Setting,
) -> Result<(Door, String, Serving), OpenError> {
    let listener = TcpListener::bind(address).await?;
    let mut modes = vec![Mode::None];
    if setting.pki.is_some() {
        modes.extend([Mode::Sign, Mode::SignAndEncrypt]);
    }
    let (name, password) = setting.user.clone().unzip();
    let options = opcua::ServeOptions {
        began_unix_ns: setting.began_unix_ns,
        modes,
        anonymous: if name.is_some() { Anonymous::Reads } else { Anonymous::Writes },
        users: name.zip(password.map(Secret::new)).into_iter().collect(),
        pki: setting.pki.clone(),
        ..opcua::ServeOptions::default()
    };
    let (endpoint, handle) = opcua::open(listener, &entry.name, profile, &options).map_err(no)?;
    let bound = endpoint.address().to_string();
    let serving: Serving = Box::pin(async move {
        // It ends by itself only when the library refuses its own options, which opening has checked.
        let _ = opcua::serve(endpoint, std::future::pending()).await;
    });
    Ok((Door { served: Box::new(handle), server: Server::Opcua }, bound, serving))
}

/// A datagram's sender where there are no addresses: the sentinel's, and the machine's.
pub fn stations() -> (SocketAddr, SocketAddr) {
    (SocketAddr::from(([192, 0, 2, 1], 47_808)), SocketAddr::from(([192, 0, 2, 2], 47_808)))
}

#[cfg(test)]
mod tests {
    use aegis_models::Site;
    use tokio::io::AsyncReadExt;
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn an_equipment_that_is_active_connects_to_its_host_and_selects() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let host = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let site = Site::built_in();
            let entry = site.machines.iter().find(|m| m.kind == "wire_bonder").unwrap();
            let mut endpoint = entry.endpoints[0].clone();
            let connect = Some(host.local_addr().unwrap().to_string());
            endpoint.hsms = Some(HsmsOptions { connect, t3: Some(Span::secs(20)), ..HsmsOptions::default() });
            let profile = Profile::built_in(&entry.kind).unwrap();
            let opened = Door::listen(&endpoint, "127.0.0.1:0", entry, &profile, &Setting::now()).await;
            let (_door, _, serving) = opened.unwrap();
            let serving = tokio::spawn(serving);
            let patience = Duration::from_secs(20);
            let (mut stream, _) = timeout(patience, host.accept()).await.expect("it connects").unwrap();
            let mut select = [0; 14];
            timeout(patience, stream.read_exact(&mut select)).await.expect("it selects").unwrap();
            assert_eq!(select[..10], [0, 0, 0, 10, 0xFF, 0xFF, 0, 0, 0, 1]);
            serving.abort();
        });
        // Timers are as the site has them, or E37's.
        let options =
            HsmsOptions { t3: Some(Span::secs(20)), linktest: Some(Span::secs(0)), ..HsmsOptions::default() };
        let expected = Timers { t3: Duration::from_secs(20), linktest: None, ..Timers::default() };
        assert_eq!(timers(&options), expected);
    }
}
