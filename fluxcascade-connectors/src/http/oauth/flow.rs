//! Connecting an account: the address that the browser is sent to, and what it comes back with.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use reqwest::Url;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::renew::Renewing;
use super::token::Life;
use super::{Authorization, PendingAuthorization};
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::client::Client;

/// A callback's address is not longer than this, in bytes.
const LONGEST_CALLBACK: usize = 16 * 1024;

/// How a vendor does it.
#[derive(Debug, Clone)]
pub(crate) struct Vendor {
    /// Its name for people.
    pub(crate) name: &'static str,
    /// Where its API is.
    pub(crate) origin: String,
    /// Where the browser is sent.
    pub(crate) authorize_url: String,
    /// Where tokens are given, below the base address.
    pub(crate) token_path: String,
    /// Where a refresh token is given back, if the vendor has that.
    pub(crate) revoke_path: Option<String>,
    pub(crate) challenge: Challenge,
    pub(crate) scopes: Scopes,
    pub(crate) whose: Arc<dyn Whose>,
    pub(crate) life: Life,
    /// Whether a refusal of the token endpoint means that the grant is dead, and not that the app is
    /// not known, or the request not right.
    pub(crate) is_dead: fn(&Answer) -> bool,
}

/// Whether the code is bound to whoever began (PKCE, RFC 7636).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Challenge {
    Sha256,
    None,
}

/// Where an app's scopes are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scopes {
    /// In the address.
    Asked,
    /// In the app's own settings.
    OfTheApp,
}

/// How a vendor says which account a token is for.
pub(crate) trait Whose: fmt::Debug + Send + Sync {
    /// What it is asked.
    fn call(&self) -> Call;

    /// The account's id, out of its answer.
    fn account(&self, answer: &Answer) -> Result<String, ConnectorError>;
}

/// Which account the browser may come back with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MayBe {
    /// The one that was connected before, if there was one.
    #[default]
    TheSame,
    /// Any.
    Another,
}

/// Connects one account, and lets go of it.
#[derive(Debug, Clone, Copy)]
pub struct OAuth<'a> {
    client: &'a Client,
    renewing: &'a Arc<Renewing>,
}

impl<'a> OAuth<'a> {
    pub(crate) fn new(client: &'a Client, renewing: &'a Arc<Renewing>) -> Self {
        Self { client, renewing }
    }

    /// Begins: where to send the browser, and what to keep until it comes back. If an account was connected
    /// before, it must be that one again.
    ///
    /// # Errors
    /// If this machine has no random numbers.
    pub fn begin(&self) -> Result<Authorization, ConnectorError> {
        self.begun(MayBe::TheSame)
    }

    /// Begins as [`begin`](Self::begin) does, for an account that may be another than before. Adapters
    /// and engines that were made for the one before do nothing more: they are to be built anew, and what
    /// is stored of the mappings is the other account's, so that their runs stop until it is let go of.
    ///
    /// # Errors
    /// If this machine has no random numbers.
    pub fn begin_with_another(&self) -> Result<Authorization, ConnectorError> {
        self.begun(MayBe::Another)
    }

    fn begun(&self, account: MayBe) -> Result<Authorization, ConnectorError> {
        let (vendor, app) = (self.renewing.vendor(), self.renewing.app());
        let state = drawn()?;
        let mut url = Url::parse(&vendor.authorize_url).map_err(|_| no_address())?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &app.client_id)
            .append_pair("redirect_uri", &app.redirect_uri)
            .append_pair("state", &state);
        if vendor.scopes == Scopes::Asked {
            url.query_pairs_mut().append_pair("scope", &app.scopes.join(" "));
            if !app.optional_scopes.is_empty() {
                let optional = app.optional_scopes.join(" ");
                url.query_pairs_mut().append_pair("optional_scope", &optional);
            }
        }
        let verifier = match vendor.challenge {
            Challenge::None => None,
            Challenge::Sha256 => {
                let verifier = drawn()?;
                let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
                url.query_pairs_mut()
                    .append_pair("code_challenge", &hash)
                    .append_pair("code_challenge_method", "S256");
                Some(verifier)
            }
        };
        // A plus is a space to some servers and a plus to others.
        let url = url.as_str().replace('+', "%20");
        Ok(Authorization { url, pending: PendingAuthorization { state, verifier, account } })
    }

    /// Takes the address that the browser came back to, and stores the account's tokens: the connection is
    /// active then, and what waits goes on.
    ///
    /// # Errors
    /// `Auth`, if the customer did not allow it, the browser comes from somewhere else than from
    /// [`begin`](Self::begin), or it comes with another account than was connected before; else as the
    /// vendor or the store fails.
    pub async fn finish(
        &self,
        pending: &PendingAuthorization,
        callback: &str,
    ) -> Result<(), ConnectorError> {
        let code = code(pending, callback, self.renewing.vendor().name)?;
        let pending = pending.clone();
        let work = |renewing: Arc<Renewing>, client| async move {
            renewing.connect(&client, code, pending).await
        };
        self.renewing.to_its_end(self.client, work).await
    }
}

impl OAuth<'_> {
    /// Whether the store keeps that there is no access any more, or never was.
    pub(crate) async fn has_ended(&self) -> Result<bool, ConnectorError> {
        self.renewing.has_ended().await
    }

    /// Gives the refresh token back to the vendor, where it takes it, and forgets the tokens: the
    /// connection is expired until it is connected anew. If that fails, nothing is let go of.
    pub(crate) async fn disconnect(&self) -> Result<(), ConnectorError> {
        let work =
            |renewing: Arc<Renewing>, client| async move { renewing.disconnect(&client).await };
        self.renewing.to_its_end(self.client, work).await
    }
}

/// 256 drawn bits as text.
fn drawn() -> Result<String, ConnectorError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| {
        ConnectorError::new(ErrorKind::Permanent, "this machine gives no random numbers")
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn no_address() -> ConnectorError {
    ConnectorError::new(ErrorKind::Permanent, "the vendor's authorize address is no URL")
}

/// The code that the browser came back with, if it is for what was begun.
pub(super) fn code(
    pending: &PendingAuthorization,
    callback: &str,
    vendor: &str,
) -> Result<SecretString, ConnectorError> {
    let refused = |why: String| Err(ConnectorError::new(ErrorKind::Auth, why));
    let query = callback.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    if callback.len() > LONGEST_CALLBACK {
        return refused(format!("no callback of {vendor}'s is that long"));
    }
    let url =
        Url::parse(&format!("https://callback.invalid/?{query}")).map_err(|_| no_address())?;
    let value = |name: &str| {
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let not_allowed = || format!("the account was not connected: it was not allowed at {vendor}");
    let Some(state) = value("state") else {
        if value("code").is_none() {
            return refused(not_allowed());
        }
        return refused(format!(
            "the browser came back without a state: whoever starts from {vendor}'s own pages is to be \
             sent to `begin` first"
        ));
    };
    if !bool::from(state.as_bytes().ct_eq(pending.state.as_bytes())) {
        return refused(
            "the browser came back with another state than was begun in this session; begin anew"
                .to_owned(),
        );
    }
    if let Some(error) = value("error") {
        let error: String = error.chars().filter(char::is_ascii_graphic).take(60).collect();
        return refused(format!("{vendor} did not connect the account: {error}"));
    }
    match value("code") {
        Some(code) if !code.is_empty() => Ok(SecretString::from(code)),
        _ => refused(not_allowed()),
    }
}
