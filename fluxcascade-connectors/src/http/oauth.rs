//! OAuth 2: how a host connects its customers' accounts, and how tokens stay good.
//!
//! A host registers an app with the vendor ([`OAuthApp`]) and gives the adapter a place for its tokens
//! ([`TokenPlace`]). [`OAuth::begin`] makes the address that the customer's browser is sent to, with a
//! state and, where the vendor has it, a challenge (PKCE); [`OAuth::finish`] takes what the browser
//! comes back with, and stores the first tokens. From then on they are renewed ahead of their end, by one
//! of all tasks and processes that share the store.
//!
//! When the vendor says that a grant is dead, that is stored, too: nobody asks in vain again, every call
//! is the error `Auth` with the words to reconnect, and after [`OAuth::finish`] everything that waits
//! goes on.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use fluxcascade_connectors::Jobber;
//! use fluxcascade_connectors::http::oauth::{OAuthApp, PendingAuthorization, TokenPlace};
//! use fluxcascade_core::model::{ConnectionName, TenantId};
//! # async fn f(store: Arc<dyn fluxcascade_core::store::TokenStore>, session: &mut Option<PendingAuthorization>, callback: &str)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let app = OAuthApp::new("client id", "client secret", "https://acme.example/connected");
//! let tokens = TokenPlace {
//!     store, // the one that the engine has
//!     tenant: TenantId::default(),
//!     connection: ConnectionName::new("jobber")?,
//! };
//! let jobber = Jobber::builder().oauth(app, tokens).build()?;
//! let oauth = jobber.oauth().ok_or("it has a fixed token")?;
//!
//! // When the customer clicks on "connect":
//! let begun = oauth.begin()?;
//! println!("send the browser to {}", begun.url);
//! *session = Some(begun.pending); // kept on the server until the browser comes back
//!
//! // When it comes back, with the whole address that it was sent to:
//! let pending = session.take().ok_or("nothing was begun in this session")?;
//! oauth.finish(&pending, callback).await?;
//! # Ok(()) }
//! ```

mod ask;
mod connect;
mod flow;
mod renew;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;
use std::sync::Arc;

use fluxcascade_core::model::{ConnectionName, TenantId};
use fluxcascade_core::store::{TokenKey, TokenStore};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::config::Problems;

pub use flow::OAuth;
pub(crate) use flow::{Challenge, Scopes, Vendor, Whose};
pub(crate) use renew::Renewing;
pub(crate) use token::Life;
pub(super) use token::judge;

/// An app that a host registered with a vendor.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthApp {
    /// The app's id.
    pub client_id: String,
    /// Its secret. Vendors sign webhooks with it, too.
    #[serde(deserialize_with = "secret")]
    pub client_secret: SecretString,
    /// Where the browser is sent back to, exactly as it was registered.
    pub redirect_uri: String,
    /// What the app must be allowed to do, where a vendor is told it for each account.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What it may be allowed to do, if the account has it.
    #[serde(default)]
    pub optional_scopes: Vec<String>,
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    String::deserialize(from).map(SecretString::from)
}

impl OAuthApp {
    /// An app without scopes of its own.
    pub fn new(
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
        redirect_uri: impl Into<String>,
    ) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            redirect_uri: redirect_uri.into(),
            scopes: Vec::new(),
            optional_scopes: Vec::new(),
        }
    }

    /// With these scopes.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Notes what is wrong.
    pub(crate) fn check(&self, problems: &mut Problems) {
        if self.client_id.trim().is_empty() {
            problems.add("`oauth.client_id` is empty; take it from the app's settings");
        }
        if self.client_secret.expose_secret().trim().is_empty() {
            problems.add("`oauth.client_secret` is empty; take it from the app's settings");
        }
        if let Err(why) = super::settings::base_url(&self.redirect_uri) {
            let why = why.replace("the base address", "it");
            problems.add(format!("`oauth.redirect_uri` cannot be used: {why}"));
        }
        let scopes = self.scopes.iter().chain(&self.optional_scopes);
        for scope in scopes.filter(|scope| scope.is_empty() || scope.contains(char::is_whitespace))
        {
            problems.add(format!("`oauth.scopes` has {scope:?}, which is not one scope"));
        }
    }
}

/// Where a connection's tokens are kept.
#[derive(Clone)]
pub struct TokenPlace {
    /// The store that all processes share.
    pub store: Arc<dyn TokenStore>,
    /// Whose connection.
    pub tenant: TenantId,
    /// The connection, as the engine has it.
    pub connection: ConnectionName,
}

impl TokenPlace {
    fn key(&self) -> TokenKey {
        TokenKey { tenant: self.tenant.clone(), connection: self.connection.clone() }
    }
}

impl fmt::Debug for TokenPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPlace")
            .field("tenant", &self.tenant)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// An authorization that was begun.
#[derive(Debug)]
#[non_exhaustive]
pub struct Authorization {
    /// Where the customer's browser is to be sent.
    pub url: String,
    /// What is kept until it comes back.
    pub pending: PendingAuthorization,
}

/// What a host keeps in the customer's session, on the server or encrypted, until the browser comes back.
/// Whoever has it and the callback's address can connect the account; it is good once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingAuthorization {
    state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verifier: Option<String>,
    #[serde(default)]
    account: flow::MayBe,
}

/// Shows nothing of it.
impl fmt::Debug for PendingAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingAuthorization([redacted])")
    }
}
