//! The server: one machine on its own port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use aegis_models::{Frame, PointIx, Profile};
use opcua::crypto::SecurityPolicy;
use opcua::server::address_space::AddressSpace;
use opcua::server::node_manager::ServerContext;
use opcua::server::node_manager::memory::{InMemoryNodeManager, InMemoryNodeManagerBuilder};
use opcua::server::{Limits, Server, ServerBuilder, ServerEndpoint, ServerHandle};
use opcua::types::{BuildInfo, DateTime};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::binding::{BadBinding, Binding};
use super::device::{Device, Nodes};
use super::events::Teller;
use super::front::front;
use super::image::Image;
use super::security::{Anonymous, Doorman, Mode, Secret};
use super::space::{Identity, Space};
use super::{pki, values};
use crate::limits;
use crate::served::Served;

/// How a server shows itself, and whom it lets in.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The wall-clock moment of [`aegis_models::Time::ZERO`] [ns since 1970]: the source time stamps begin there.
    pub began_unix_ns: u64,
    /// The serial number of the machine; its name when empty.
    pub serial: String,
    /// The host that clients are told to connect to; empty for the address that the listener is bound to.
    pub host: String,
    /// The protections offered; more than one is usual.
    pub modes: Vec<Mode>,
    /// What a client without a name may do.
    pub anonymous: Anonymous,
    /// Names and passwords. They travel over protected channels only.
    pub users: Vec<(String, Secret)>,
    /// Folder of certificates and trust list, made when missing; needed for any mode but [`Mode::None`]. Several
    /// machines may share one.
    pub pki: Option<PathBuf>,
    /// Whether a client with an unknown certificate comes in and is trusted from then on. For test beds.
    pub trust_unknown: bool,
}

impl Default for ServeOptions {
    /// What a machine shows on a bench: everybody may read, nobody may write.
    fn default() -> ServeOptions {
        ServeOptions {
            began_unix_ns: 0,
            serial: String::new(),
            host: String::new(),
            modes: vec![Mode::None],
            anonymous: Anonymous::Reads,
            users: Vec::new(),
            pki: None,
            trust_unknown: false,
        }
    }
}

/// Why a machine cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its profile has no nodes.
    #[error(transparent)]
    Binding(#[from] BadBinding),
    /// The listener or the certificate folder.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The options contradict each other, or the library refuses them.
    #[error("{0}")]
    Options(String),
}

/// A server that is ready: its address is taken, and clients that connect wait until it runs.
pub struct Endpoint {
    server: Server,
    control: ServerHandle,
    listener: TcpListener,
    address: SocketAddr,
    pki: Option<pki::Keeper>,
}

impl Endpoint {
    /// Where it listens, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The owner's side of a served machine.
#[derive(Clone)]
pub struct Handle {
    device: Arc<Device>,
    control: ServerHandle,
    began_unix_ns: u64,
}

impl Served for Handle {
    fn publish(&self, frame: &Frame) {
        let ticks = values::ticks(self.began_unix_ns.saturating_add(frame.time.ns));
        let shown = self.device.image().publish(frame, ticks);
        self.device.tell(&shown, self.control.subscriptions());
    }

    fn take_writes(&self) -> Vec<(PointIx, f64)> {
        self.device.take_writes()
    }
}

/// Makes the server of a machine on a listener. Nothing is answered before [`serve`] runs.
pub fn open(
    listener: TcpListener,
    name: &str,
    profile: &Profile,
    options: &ServeOptions,
) -> Result<(Endpoint, Handle), ServeError> {
    let binding = Arc::new(Binding::new(profile)?);
    let address = listener.local_addr()?;
    let uri = format!("urn:aegis:machine:{name}");
    let serial = if options.serial.is_empty() { name } else { &options.serial };
    let identity = Identity {
        name: name.to_owned(),
        serial: serial.to_owned(),
        instance_uri: format!("{}:{serial}", binding.namespace()),
    };
    let builder = builder(name, profile, address, &uri, options)?;
    let nodes = {
        let (profile, began) = (profile.clone(), options.began_unix_ns);
        move |context: ServerContext, nodes: &mut AddressSpace| {
            let mut types = context.type_tree.write();
            let index_of = |uri: &str| types.namespaces_mut().add_namespace(uri);
            let space = Space::build(&profile, &binding, &identity, nodes, index_of);
            let image = Image::new(Arc::clone(&binding), values::ticks(began));
            Nodes(Arc::new(Device::new(binding, space, image, Teller::new(began))))
        }
    };
    let builder = builder.with_node_manager(InMemoryNodeManagerBuilder::new(nodes));
    let (server, control) = builder.build().map_err(ServeError::Options)?;
    let manager = control.node_managers().get_of_type::<InMemoryNodeManager<Nodes>>();
    let device = Arc::clone(&manager.expect("it was given one").inner().0);
    let handle = Handle { device, control: control.clone(), began_unix_ns: options.began_unix_ns };
    let pki = options.pki.clone().map(pki::Keeper::new);
    Ok((Endpoint { server, control, listener, address, pki }, handle))
}

/// Serves a machine to all who connect, until `stop` is ready; then, or when the future is dropped, every connection
/// ends with it.
pub async fn serve(endpoint: Endpoint, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
    let Endpoint { server, control, listener, pki, .. } = endpoint;
    let inner = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let carrying = front(listener, inner.local_addr()?, control.clone(), pki);
    let running = server.run_with(inner);
    tokio::pin!(running, carrying, stop);
    tokio::select! {
        ended = &mut running => return ended.map_err(ServeError::Options),
        () = &mut carrying => {}
        () = &mut stop => control.cancel(),
    }
    // Those that do not take their leave in time lose their connection with the server.
    let ending = async {
        tokio::select! {
            ended = running => ended.map_err(ServeError::Options),
            () = carrying => Ok(()),
        }
    };
    timeout(limits::OPCUA_STOP, ending).await.unwrap_or(Ok(()))
}

fn builder(
    name: &str,
    profile: &Profile,
    address: SocketAddr,
    uri: &str,
    options: &ServeOptions,
) -> Result<ServerBuilder, ServeError> {
    let refuse = |problem: &str| Err(ServeError::Options(format!("{name}: {problem}")));
    let secured = options.modes.iter().any(|m| *m != Mode::None);
    if options.modes.is_empty() {
        return refuse("no security mode is offered, so nobody could connect");
    }
    if options.anonymous == Anonymous::Refused && options.users.is_empty() {
        return refuse("anonymous clients are refused and there are no users, so nobody could connect");
    }
    if !options.users.is_empty() && !secured {
        return refuse("passwords need a mode that protects them: sign, or sign and encrypt");
    }
    let host = if options.host.is_empty() { address.ip().to_string() } else { options.host.clone() };
    let hosts = [address.ip().to_string(), host.clone()];
    // An IPv6 address stands in brackets in a URL.
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let product =
        profile.opcua.as_ref().map(|l| (l.manufacturer.clone(), l.model.clone())).unwrap_or_default();
    let mut builder = ServerBuilder::new()
        .application_name(name)
        .application_uri(uri)
        .product_uri("urn:aegis:machine")
        .host(host)
        .port(address.port())
        .hello_timeout(limits::OPCUA_HELLO.as_secs() as u32)
        .discovery_urls(vec!["/".to_owned()])
        .limits(bounds())
        .max_session_timeout_ms(limits::OPCUA_SESSION_MS)
        .subscription_poll_interval_ms(50)
        .with_authenticator(Arc::new(Doorman { anonymous: options.anonymous, users: options.users.clone() }))
        .build_info(BuildInfo {
            product_uri: "urn:aegis:machine".into(),
            manufacturer_name: product.0.as_str().into(),
            product_name: product.1.as_str().into(),
            software_version: env!("CARGO_PKG_VERSION").into(),
            build_number: "".into(),
            build_date: DateTime::null(),
        });
    match &options.pki {
        Some(folder) if secured => {
            let own = pki::prepare(folder, name, uri, &hosts).map_err(ServeError::Options)?;
            builder = builder
                .pki_dir(folder)
                .certificate_path(own.certificate)
                .private_key_path(own.key)
                .trust_client_certs(options.trust_unknown);
        }
        _ if secured => return refuse("signing needs a folder for certificates"),
        _ => builder = builder.pki_dir(pki::nowhere()),
    }
    for mode in &options.modes {
        let mut endpoint = ServerEndpoint::new("/", mode.policy(), mode.message(), &[]);
        if *mode != Mode::None {
            endpoint.password_security_policy = Some(SecurityPolicy::Basic256Sha256.to_string());
        }
        builder = builder.add_endpoint(format!("{mode:?}"), endpoint);
    }
    Ok(builder)
}

fn bounds() -> Limits {
    use limits::{OPCUA_CONTINUATIONS, OPCUA_MESSAGE_BYTES, OPCUA_OPERATIONS, OPCUA_STRING_BYTES};
    let mut bounds = Limits {
        max_array_length: limits::OPCUA_ARRAY,
        max_string_length: OPCUA_STRING_BYTES,
        max_byte_string_length: OPCUA_STRING_BYTES,
        max_message_size: OPCUA_MESSAGE_BYTES,
        max_chunk_count: limits::OPCUA_MESSAGE_CHUNKS,
        max_browse_continuation_points: OPCUA_CONTINUATIONS,
        max_history_continuation_points: OPCUA_CONTINUATIONS,
        max_query_continuation_points: OPCUA_CONTINUATIONS,
        max_sessions: limits::OPCUA_SESSIONS,
        ..Limits::default()
    };
    let s = &mut bounds.subscriptions;
    s.max_subscriptions_per_session = limits::OPCUA_SUBSCRIPTIONS;
    s.max_pending_publish_requests = limits::OPCUA_PENDING_PUBLISHES;
    s.max_monitored_items_per_sub = limits::OPCUA_MONITORED_ITEMS;
    s.max_monitored_item_queue_size = limits::OPCUA_QUEUED_VALUES;
    s.max_queued_notifications = limits::OPCUA_QUEUED_NOTIFICATIONS;
    // An item with a sampling interval of 0 is told of every frame: the machine is the sampler.
    s.min_sampling_interval_ms = 0.0;
    s.min_publishing_interval_ms = 50.0;
    let o = &mut bounds.operational;
    for most in [
        &mut o.max_nodes_per_translate_browse_paths_to_node_ids,
        &mut o.max_nodes_per_read,
        &mut o.max_nodes_per_write,
        &mut o.max_nodes_per_method_call,
        &mut o.max_nodes_per_browse,
        &mut o.max_nodes_per_register_nodes,
        &mut o.max_monitored_items_per_call,
        &mut o.max_references_per_browse_node,
    ] {
        *most = OPCUA_OPERATIONS;
    }
    // Each of these may bring thousands of values, and a reply must fit into a message.
    o.max_nodes_per_history_read_data = 8;
    bounds
}
