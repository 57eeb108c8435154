//! A client's session: how it comes about, and the task that keeps it going and says when it is lost.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use opcua::client::{
    ClientBuilder, IdentityToken, Password, Session, SessionActivity, SessionPollResult, SubscriptionActivity,
};
use opcua::crypto::SecurityPolicy;
use opcua::types::{EndpointDescription, Error, StatusCode, UAString};
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep_until, timeout};

use super::moment::Change;
use super::pki;
use super::security::{Mode, Secret};
use crate::client::LinkError;
use crate::{clock, limits};

/// Who a client says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Login {
    /// Nobody.
    #[default]
    Anonymous,
    /// A user. The password is sent over protected channels only.
    User {
        /// Their name.
        name: String,
        /// Their password.
        password: Secret,
    },
}

/// How a client connects.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// What it calls itself, also in its certificate.
    pub name: String,
    /// How messages are protected.
    pub mode: Mode,
    /// Who it says it is.
    pub login: Login,
    /// Folder of its certificate and trust list, made when missing; needed for any mode but [`Mode::None`].
    pub pki: Option<PathBuf>,
    /// Whether a server with an unknown certificate is believed and trusted from then on. For test beds.
    pub trust_unknown: bool,
    /// Bounds the connecting, then each request, and how long the link may be silent before it counts as lost.
    pub timeout: Duration,
    /// How often the server tells what changed.
    pub publishing: Duration,
    /// Seconds of the machine's time in one of ours: 1 but where a trainer's machine runs fast. The points are sampled
    /// at their own periods in the machine's time.
    pub rate: f64,
    /// How often the whole image is repeated, changed or not, while the server is heard.
    pub image: Duration,
    /// Whether changes that say nothing, below a tenth of a point's repeatability, are left out.
    pub deadband: bool,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            name: "aegis-sentinel".to_owned(),
            mode: Mode::None,
            login: Login::Anonymous,
            pki: None,
            trust_unknown: false,
            timeout: Duration::from_secs(3),
            publishing: Duration::from_millis(250),
            rate: 1.0,
            image: Duration::from_secs(1),
            deadband: true,
        }
    }
}

/// Why a session ended.
#[derive(Clone, Debug)]
pub(super) enum Loss {
    Silent,
    Broken(String),
}

impl Loss {
    pub(super) fn error(self, timeout: Duration) -> LinkError {
        match self {
            Loss::Silent => LinkError::Timeout(timeout),
            Loss::Broken(why) => LinkError::Broken(io::Error::new(io::ErrorKind::ConnectionAborted, why)),
        }
    }
}

/// A waveform: its place among the binding's, the moment of its last sample [100 ns since 1601], its samples.
pub(super) type Waveform = (usize, i64, Vec<f64>);

/// What the task hands to the client.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    pub(super) news: Notify,
}

#[derive(Debug, Default)]
struct State {
    changes: VecDeque<Change>,
    waves: VecDeque<Waveform>,
    /// Places some of whose values were lost: the queue at the server, or this one, ran over.
    lossy: BTreeSet<usize>,
    /// Whether the subscription was heard of since somebody asked.
    alive: bool,
    loss: Option<Loss>,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A change, and whether others were lost before it.
    pub(super) fn push(&self, change: Change, overflow: bool) {
        let mut state = self.state();
        if overflow {
            state.lossy.insert(change.place);
        }
        if state.changes.len() >= limits::OPCUA_HEARD
            && let Some(lost) = state.changes.pop_front()
        {
            state.lossy.insert(lost.place);
        }
        state.changes.push_back(change);
        drop(state);
        self.news.notify_one();
    }

    /// A waveform; of too many the oldest goes.
    pub(super) fn push_wave(&self, wave: Waveform) {
        let mut state = self.state();
        if state.waves.len() >= limits::OPCUA_WAVES {
            state.waves.pop_front();
        }
        state.waves.push_back(wave);
        drop(state);
        self.news.notify_one();
    }

    pub(super) fn lose(&self, loss: Loss) {
        self.state().loss.get_or_insert(loss);
        self.news.notify_one();
    }

    pub(super) fn loss(&self) -> Option<Loss> {
        self.state().loss.clone()
    }

    /// All that came since the last call, in order.
    pub(super) fn take(&self) -> (VecDeque<Change>, VecDeque<Waveform>) {
        let mut state = self.state();
        (std::mem::take(&mut state.changes), std::mem::take(&mut state.waves))
    }

    /// The places some of whose values were lost.
    pub(super) fn lossy(&self) -> BTreeSet<usize> {
        self.state().lossy.clone()
    }

    /// Whether the subscription was heard of since the last call: then what it did not tell of has not changed.
    pub(super) fn take_alive(&self) -> bool {
        std::mem::take(&mut self.state().alive)
    }
}

/// A session that is up. Dropping it takes leave of the server, in the background and for a bounded time.
pub(super) struct Link {
    pub(super) session: Arc<Session>,
    pub(super) inbox: Arc<Inbox>,
    /// What is amiss with the client's own certificate.
    pub(super) note: Option<String>,
    _stay: oneshot::Sender<()>,
}

/// Connects and activates a session.
pub(super) async fn establish(url: &str, options: &ClientOptions) -> Result<Link, LinkError> {
    let bound = options.timeout;
    let within = timeout(bound, connect(url, options)).await;
    within.map_err(|_| LinkError::Timeout(bound))?
}

async fn connect(url: &str, options: &ClientOptions) -> Result<Link, LinkError> {
    let uri = format!("urn:aegis:client:{}", options.name);
    let third = options.timeout / 3;
    let mut builder = ClientBuilder::new()
        .application_name(options.name.as_str())
        .application_uri(uri.as_str())
        .product_uri("urn:aegis:client")
        .session_name(options.name.as_str())
        .trust_server_certs(options.trust_unknown)
        // Its owner connects anew and asks for what was missed, which a session that came back by itself would not.
        .session_retry_limit(0)
        .recreate_subscriptions(false)
        .max_failed_keep_alive_count(1)
        .keep_alive_interval(third)
        .request_timeout(options.timeout)
        // A publish request waits at the server until there is something to tell, or to say that there is nothing.
        .publish_timeout(options.timeout.saturating_mul(4))
        .min_publish_interval(options.publishing)
        .session_timeout(millis(options.timeout.saturating_mul(4)))
        .max_message_size(limits::OPCUA_MESSAGE_BYTES)
        .max_chunk_count(limits::OPCUA_MESSAGE_CHUNKS)
        .max_array_length(limits::OPCUA_ARRAY)
        .max_string_length(limits::OPCUA_STRING_BYTES)
        .max_byte_string_length(limits::OPCUA_STRING_BYTES);
    let setup = |problem: String| LinkError::Broken(io::Error::new(io::ErrorKind::InvalidInput, problem));
    let mut own = None;
    match &options.pki {
        Some(folder) if options.mode != Mode::None => {
            let made = pki::prepare(folder, &options.name, &uri, &[]).map_err(setup)?;
            builder = builder.pki_dir(folder).certificate_path(&made.certificate).private_key_path(&made.key);
            own = Some((folder, made));
        }
        _ if options.mode != Mode::None => {
            return Err(setup("a protected channel needs a folder for certificates".to_owned()));
        }
        _ => builder = builder.pki_dir(pki::nowhere()),
    }
    let client = builder.client().map_err(|problems| setup(problems.join(", ")))?;
    let offered = client.get_server_endpoints_from_url(url).await.map_err(failed(options.timeout))?;
    let mut endpoint = choose(offered, options)?;
    // What the server calls itself may mean nothing here: a name of another network, or 0.0.0.0.
    endpoint.endpoint_url = UAString::from(url);
    let certificate = endpoint.server_certificate.clone();
    let token = match &options.login {
        Login::Anonymous => IdentityToken::Anonymous,
        Login::User { name, password } => {
            IdentityToken::UserName(name.clone(), Password(password.reveal().to_owned()))
        }
    };
    let (session, events) = client
        .session_builder()
        .connect_to_endpoint_directly(endpoint)
        .map_err(failed(options.timeout))?
        .user_identity_token(token)
        .build(Arc::clone(client.certificate_store()))
        .map_err(failed(options.timeout))?;
    let inbox = Arc::new(Inbox::default());
    let (stay, gone) = oneshot::channel();
    let (up, is_up) = oneshot::channel();
    let pump = Pump { session: Arc::clone(&session), inbox: Arc::clone(&inbox), timeout: options.timeout };
    tokio::spawn(async move { pump.run(events.enter(), up, gone).await });
    let note = own.as_ref().and_then(|(_, made)| made.note.clone());
    let link = Link { session, inbox, note, _stay: stay };
    if is_up.await.is_ok() {
        return Ok(link);
    }
    Err(match link.inbox.loss() {
        Some(Loss::Broken(why)) => {
            let advice = own.filter(|_| is_mistrust(&why)).map(|(folder, made)| {
                pki::untrusted(folder, &certificate).unwrap_or_else(|| {
                    format!("does the server trust our certificate, {}?", made.certificate.display())
                })
            });
            Loss::Broken(advice.map_or(why.clone(), |advice| format!("{why}: {advice}")))
        }
        Some(Loss::Silent) => Loss::Silent,
        None => Loss::Broken("the session did not come about".to_owned()),
    }
    .error(options.timeout))
}

/// Whether a session failed for want of trust: with a certificate that is not believed, a server may also just close.
fn is_mistrust(why: &str) -> bool {
    let mistrusts =
        ["BadCertificate", "BadSecurityChecksFailed", "BadConnectionClosed", "BadUnexpectedError"];
    mistrusts.iter().any(|m| why.contains(m))
}

fn choose(
    offered: Vec<EndpointDescription>,
    options: &ClientOptions,
) -> Result<EndpointDescription, LinkError> {
    let fits = |e: &EndpointDescription| {
        e.security_mode == options.mode.message()
            && SecurityPolicy::from_uri(e.security_policy_uri.as_ref()) == options.mode.policy()
    };
    let shown: Vec<String> = offered
        .iter()
        .map(|e| format!("{} {}", SecurityPolicy::from_uri(e.security_policy_uri.as_ref()), e.security_mode))
        .collect();
    let missing = || {
        let (wanted, shown) = (options.mode, shown.join(", "));
        LinkError::Mismatch(format!(
            "no endpoint with Basic256Sha256 or none and {wanted:?}; it offers {shown}"
        ))
    };
    offered.into_iter().find(fits).ok_or_else(missing)
}

/// Drives the library's event loop and watches for signs of life.
struct Pump {
    session: Arc<Session>,
    inbox: Arc<Inbox>,
    timeout: Duration,
}

impl Pump {
    async fn run(
        self,
        events: impl futures_util::Stream<Item = Result<SessionPollResult, StatusCode>>,
        up: oneshot::Sender<()>,
        mut gone: oneshot::Receiver<()>,
    ) {
        tokio::pin!(events);
        let mut up = Some(up);
        let mut alive = clock::now();
        loop {
            tokio::select! {
                // What has arrived counts before the time is up.
                biased;
                event = events.next() => match self.judge(event) {
                    Verdict::Alive => alive = clock::now(),
                    Verdict::Up => {
                        alive = clock::now();
                        up.take().map(|up| up.send(()));
                    }
                    Verdict::Nothing => {}
                    Verdict::Lost(loss) => return self.inbox.lose(loss),
                },
                _ = &mut gone => break,
                () = sleep_until(alive + self.timeout) => return self.inbox.lose(Loss::Silent),
            }
        }
        // Nobody listens any more: close the session, so that the server does not keep it until it times out.
        drop(self.session.close_on_drop());
        let ended = async { while let Some(Ok(_)) = events.next().await {} };
        let _ = timeout(self.timeout, ended).await;
    }

    fn judge(&self, event: Option<Result<SessionPollResult, StatusCode>>) -> Verdict {
        let lost = |status: StatusCode| Verdict::Lost(loss_of(status, ""));
        match event {
            None => Verdict::Lost(Loss::Broken("the session was closed".to_owned())),
            Some(Err(status)) => lost(status),
            Some(Ok(event)) => match event {
                SessionPollResult::Reconnected(_) => Verdict::Up,
                SessionPollResult::ConnectionLost(status) | SessionPollResult::ReconnectFailed(status) => {
                    lost(status)
                }
                SessionPollResult::SessionActivity(SessionActivity::KeepAliveSucceeded) => Verdict::Alive,
                SessionPollResult::Subscription(SubscriptionActivity::Publish) => {
                    self.inbox.state().alive = true;
                    Verdict::Alive
                }
                SessionPollResult::SessionActivity(SessionActivity::KeepAliveFailed(status)) => lost(status),
                SessionPollResult::Subscription(SubscriptionActivity::PublishFailed(
                    StatusCode::BadTooManyPublishRequests,
                )) => Verdict::Nothing,
                SessionPollResult::Subscription(
                    SubscriptionActivity::PublishFailed(status) | SubscriptionActivity::FatalFailure(status),
                ) => lost(status),
                _ => Verdict::Nothing,
            },
        }
    }
}

enum Verdict {
    Nothing,
    Alive,
    Up,
    Lost(Loss),
}

fn loss_of(status: StatusCode, context: &str) -> Loss {
    if status == StatusCode::BadTimeout {
        return Loss::Silent;
    }
    let name = status.to_string();
    Loss::Broken(if context.is_empty() { name } else { format!("{name}: {context}") })
}

/// An error of the library as one of the link.
pub(super) fn failed(timeout: Duration) -> impl Fn(Error) -> LinkError {
    move |e| loss_of(e.status(), &e.to_string()).error(timeout)
}

/// Whether an error of a whole request means that the session is gone; else the server answered and refused.
pub(super) fn is_loss(status: StatusCode) -> bool {
    use StatusCode as S;
    [
        S::BadTimeout,
        S::BadConnectionClosed,
        S::BadConnectionRejected,
        S::BadCommunicationError,
        S::BadNotConnected,
        S::BadServerNotConnected,
        S::BadServerHalted,
        S::BadShutdown,
        S::BadSessionIdInvalid,
        S::BadSessionClosed,
        S::BadSessionNotActivated,
        S::BadSecureChannelClosed,
        S::BadSecureChannelIdInvalid,
        S::BadSecureChannelTokenUnknown,
        S::BadSecurityChecksFailed,
        S::BadInvalidState,
        S::BadUnexpectedError,
        S::BadUnknownResponse,
        S::BadDecodingError,
        S::BadTcpInternalError,
    ]
    .contains(&status)
}

pub(super) fn millis(d: Duration) -> u32 {
    u32::try_from(d.as_millis()).unwrap_or(u32::MAX)
}
