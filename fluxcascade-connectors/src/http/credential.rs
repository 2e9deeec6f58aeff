//! What a connection's calls are signed with, and how that stands. Getting and renewing tokens is
//! [`oauth`](super::oauth)'s.

use std::fmt;
use std::future::ready;
use std::sync::Arc;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;
use futures::future::{BoxFuture, FutureExt};
use secrecy::{ExposeSecret, SecretString};

use super::client::Client;
use super::oauth::{OAuth, Renewing};

/// A connection's credential.
#[derive(Clone)]
pub(crate) enum Credential {
    /// A token that stays what it is.
    Fixed(SecretString),
    /// Tokens that end and are renewed.
    OAuth(Arc<Renewing>),
}

/// Never shows the secret.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credential::Fixed(_) => f.write_str("Fixed([redacted])"),
            Credential::OAuth(renewing) => renewing.fmt(f),
        }
    }
}

/// What one attempt is signed with.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    token: Option<SecretString>,
    /// Which of the stored ones it is; 0 if it is none of them.
    pub(super) generation: u64,
    /// When it was given.
    pub(super) since: Timestamp,
}

impl Grant {
    /// Nothing.
    pub(super) fn none() -> Self {
        Self { token: None, generation: 0, since: Timestamp::from_secs(0) }
    }

    /// A token that is not renewed.
    pub(super) fn fixed(token: SecretString) -> Self {
        Self { token: Some(token), ..Self::none() }
    }

    /// A token of this generation.
    pub(super) fn stored(token: SecretString, generation: u64, since: Timestamp) -> Self {
        Self { token: Some(token), generation, since }
    }

    pub(super) fn token(&self) -> Option<&SecretString> {
        self.token.as_ref()
    }

    /// The text without the token, or the beginning of it.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        self.token.as_ref().map_or_else(|| text.to_owned(), |token| hidden_in(text, token))
    }
}

impl Credential {
    /// What to sign with now: renewed, if it is about to end.
    pub(super) fn grant<'a>(
        &'a self,
        client: &'a Client,
    ) -> BoxFuture<'a, Result<Grant, ConnectorError>> {
        // Boxed, as a renewal sends calls itself.
        match self {
            Credential::Fixed(token) => ready(Ok(Grant::fixed(token.clone()))).boxed(),
            Credential::OAuth(renewing) => renewing.grant(client).boxed(),
        }
    }

    /// Whether there is a newer one than this, which was refused. If need be it is renewed.
    pub(super) fn has_newer<'a>(
        &'a self,
        client: &'a Client,
        refused: &'a Grant,
    ) -> BoxFuture<'a, Result<bool, ConnectorError>> {
        match self {
            Credential::OAuth(renewing) if refused.generation > 0 => {
                renewing.has_newer(client, refused).boxed()
            }
            Credential::Fixed(_) | Credential::OAuth(_) => ready(Ok(false)).boxed(),
        }
    }
}

/// So many characters of a secret are told from other words.
const TELLING: usize = 8;

/// The text without a secret, and without words that a secret begins with.
pub(super) fn hidden_in(text: &str, secret: &SecretString) -> String {
    let secret = secret.expose_secret();
    if secret.len() < TELLING {
        return text.to_owned();
    }
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || "-_.~+/=".contains(c);
    let hide = |word: &str| {
        let begins = word.len() >= TELLING && secret.starts_with(word.trim_end_matches('.'));
        if begins || word.contains(secret) { "[secret]".to_owned() } else { word.to_owned() }
    };
    let mut hidden = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars() {
        if is_of_word(c) {
            word.push(c);
            continue;
        }
        hidden.push_str(&hide(&std::mem::take(&mut word)));
        hidden.push(c);
    }
    hidden.push_str(&hide(&word));
    hidden
}

/// How a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    /// Its credential is taken, as far as is known.
    Active,
    /// A person has to connect the account anew.
    Expired,
    /// The system is not to be reached, or fails; it is tried again by itself.
    Error,
}

/// How a connection stands, and why, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionStatus {
    /// How it stands.
    pub state: ConnectionState,
    /// What happened and what to do; none if it is active.
    pub why: Option<String>,
}

impl ConnectionStatus {
    pub(super) fn active() -> Self {
        Self { state: ConnectionState::Active, why: None }
    }

    pub(super) fn of(error: &ConnectorError) -> Self {
        let state = match error.kind {
            ErrorKind::Auth => ConnectionState::Expired,
            ErrorKind::Permission
            | ErrorKind::RateLimited
            | ErrorKind::NotFound
            | ErrorKind::Validation
            | ErrorKind::PreconditionFailed
            | ErrorKind::PositionLost
            | ErrorKind::Transient
            | ErrorKind::Permanent
            | ErrorKind::Protocol => ConnectionState::Error,
        };
        Self { state, why: Some(error.to_string()) }
    }
}

impl Client {
    /// How an account is connected; none with a fixed token.
    pub(crate) fn oauth(&self) -> Option<OAuth<'_>> {
        match self.credential() {
            Credential::Fixed(_) => None,
            Credential::OAuth(renewing) => Some(OAuth::new(self, renewing)),
        }
    }

    /// How the connection stands: by the stored credential, and by what the last call met. Nothing is sent.
    pub(crate) async fn status(&self) -> ConnectionStatus {
        let stored = match self.credential() {
            Credential::Fixed(_) => Ok(()),
            Credential::OAuth(renewing) => renewing.check().await,
        };
        match stored.err().or_else(|| self.transport().trouble()) {
            Some(error) => ConnectionStatus::of(&error),
            None => ConnectionStatus::active(),
        }
    }
}
