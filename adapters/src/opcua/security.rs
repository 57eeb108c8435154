//! Who may come in, and what they may do.

use std::fmt;

use async_trait::async_trait;
use opcua::crypto::SecurityPolicy;
use opcua::nodes::AccessLevel;
use opcua::server::ServerEndpoint;
use opcua::server::authenticator::{AuthManager, Password, UserToken, user_pass_security_policy_id};
use opcua::types::{
    Error, MessageSecurityMode, NodeId, StatusCode, UAString, UserTokenPolicy, UserTokenType,
};

/// How messages are protected (Part 4, 7.20). Signatures and encryption are Basic256Sha256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Not at all.
    #[default]
    None,
    /// Signed: nobody can change them.
    Sign,
    /// Signed and encrypted: nobody can read them either.
    SignAndEncrypt,
}

impl Mode {
    pub(super) fn policy(self) -> SecurityPolicy {
        if self == Mode::None { SecurityPolicy::None } else { SecurityPolicy::Basic256Sha256 }
    }

    pub(super) fn message(self) -> MessageSecurityMode {
        match self {
            Mode::None => MessageSecurityMode::None,
            Mode::Sign => MessageSecurityMode::Sign,
            Mode::SignAndEncrypt => MessageSecurityMode::SignAndEncrypt,
        }
    }
}

/// What a client without a name may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anonymous {
    /// Nothing.
    Refused,
    /// Read, subscribe, and read history.
    #[default]
    Reads,
    /// Also write and call methods, as a named user may.
    Writes,
}

/// A password, which no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the password.
    pub fn new(password: impl Into<String>) -> Secret {
        Secret(password.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Takes as long for a password that is almost right as for any other of its length.
    fn is(&self, other: &str) -> bool {
        let (a, b) = (self.0.as_bytes(), other.as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0, |different, (a, b)| different | (a ^ b)) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// Decides for one server.
pub(super) struct Doorman {
    pub(super) anonymous: Anonymous,
    pub(super) users: Vec<(String, Secret)>,
}

impl Doorman {
    fn may_write(&self, token: &UserToken) -> bool {
        !token.is_anonymous() || self.anonymous == Anonymous::Writes
    }
}

#[async_trait]
impl AuthManager for Doorman {
    async fn authenticate_anonymous_token(&self, _: &ServerEndpoint) -> Result<(), Error> {
        match self.anonymous {
            Anonymous::Refused => {
                Err(Error::new(StatusCode::BadIdentityTokenRejected, "a name and a password are needed"))
            }
            Anonymous::Reads | Anonymous::Writes => Ok(()),
        }
    }

    async fn authenticate_username_identity_token(
        &self,
        _: &ServerEndpoint,
        username: &str,
        password: &Password,
    ) -> Result<UserToken, Error> {
        let known = self.users.iter().find(|(name, secret)| name == username && secret.is(password.get()));
        // One answer for a wrong name and a wrong password.
        let refused = || Error::new(StatusCode::BadUserAccessDenied, "no such user with that password");
        known.map(|(name, _)| UserToken(format!("user {name}"))).ok_or_else(refused)
    }

    fn effective_user_access_level(&self, token: &UserToken, level: AccessLevel, _: &NodeId) -> AccessLevel {
        if self.may_write(token) { level } else { level - AccessLevel::CURRENT_WRITE }
    }

    fn is_user_executable(&self, token: &UserToken, _: &NodeId) -> bool {
        self.may_write(token)
    }

    /// A password travels over protected channels only.
    fn user_token_policies(&self, endpoint: &ServerEndpoint) -> Vec<UserTokenPolicy> {
        let policy = |token_type: UserTokenType, id: UAString| UserTokenPolicy {
            policy_id: id,
            token_type,
            issued_token_type: UAString::null(),
            issuer_endpoint_url: UAString::null(),
            security_policy_uri: UAString::null(),
        };
        let mut policies = Vec::new();
        if self.anonymous != Anonymous::Refused {
            policies.push(policy(UserTokenType::Anonymous, "anonymous".into()));
        }
        if !self.users.is_empty() && endpoint.message_security_mode() != MessageSecurityMode::None {
            policies.push(policy(UserTokenType::UserName, user_pass_security_policy_id(endpoint)));
        }
        policies
    }
}
