//! The HTTP client that requests leave through: our own, or the host's. What is sent is not decided here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use reqwest::{ClientBuilder, redirect, retry as library_retry};

use super::settings::HttpSettings;
#[cfg(any(test, fuzzing))]
use super::{answer::Answer, canned::Canned};

const USER_AGENT: &str = concat!("fluxcascade/", env!("CARGO_PKG_VERSION"));

/// An HTTP client of the host's, for proxies, certificates and resolvers of its own. Connections that are
/// given the same one share its pool.
///
/// ```
/// use fluxcascade_connectors::HubSpot;
/// use fluxcascade_connectors::http::{HttpClient, reqwest};
/// # fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let proxied = reqwest::Client::builder().user_agent("acme-sync/2").no_proxy();
/// let client = HttpClient::from_builder(proxied)?;
/// let hubspot = HubSpot::builder().token("pat-na1-1").http_client(client).build()?;
/// # Ok(()) }
/// # f().unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct HttpClient {
    inner: reqwest::Client,
    /// It was seen to follow a redirect.
    strays: Arc<AtomicBool>,
    #[cfg(any(test, fuzzing))]
    canned: Option<Arc<Canned>>,
}

impl HttpClient {
    /// A client that is built with these settings, and with what the adapters rely on: no redirect is
    /// followed, no referer is told, and nothing is sent again by the library.
    ///
    /// # Errors
    /// If it cannot be built on this machine.
    pub fn from_builder(builder: ClientBuilder) -> Result<Self, String> {
        install_tls();
        let strict =
            builder.redirect(redirect::Policy::none()).referer(false).retry(library_retry::never());
        let built = strict.build();
        let inner = built.map_err(|error| format!("the HTTP client cannot be built: {error}"))?;
        Ok(Self::new(inner))
    }

    /// A client that is built already. It must not follow redirects
    /// (`reqwest::redirect::Policy::none()`): a token could go to another host. One that does is found
    /// out by the first redirect, and is not used any more; [`from_builder`](Self::from_builder) is
    /// safe from the start.
    pub fn new(client: reqwest::Client) -> Self {
        Self {
            inner: client,
            strays: Arc::default(),
            #[cfg(any(test, fuzzing))]
            canned: None,
        }
    }

    /// A client that answers out of a text.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn canned(known: &[(&'static str, &'static str)], input: &[u8]) -> Self {
        let canned = Some(Arc::new(Canned::new(known, input)));
        Self { canned, ..Self::new(super::canned::UNUSED.clone()) }
    }

    /// The next answer out of a text, if that is where answers come from.
    #[cfg(any(test, fuzzing))]
    pub(super) fn made_up(&self, kind: &str) -> Option<Answer> {
        self.canned.as_ref().map(|canned| canned.next(kind))
    }

    /// Our own.
    pub(super) fn own(settings: &HttpSettings) -> Result<Self, String> {
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(settings.connect_timeout)
            // Servers drop idle connections after a minute or so; a write on a dropped one would
            // have an unknown fate.
            .pool_idle_timeout(Duration::from_secs(20))
            .no_proxy()
            .gzip(true);
        Self::from_builder(builder)
    }

    pub(super) fn inner(&self) -> &reqwest::Client {
        &self.inner
    }

    /// Refuses to send with a client that follows redirects.
    pub(super) fn check(&self) -> Result<(), ConnectorError> {
        if self.strays.load(Ordering::Relaxed) { Err(strayed()) } else { Ok(()) }
    }

    /// Looks where an answer came from; it is not believed if that is not where the request went.
    pub(super) fn check_origin(
        &self,
        asked: &reqwest::Url,
        answered: &reqwest::Url,
    ) -> Result<(), ConnectorError> {
        if asked == answered { Ok(()) } else { Err(self.found_out()) }
    }

    /// It was seen to follow a redirect: nothing is sent with it any more.
    pub(super) fn found_out(&self) -> ConnectorError {
        self.strays.store(true, Ordering::Relaxed);
        strayed()
    }
}

fn strayed() -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Permanent,
        "the host's HTTP client follows redirects, which could give a token to another host; build it \
         with `HttpClient::from_builder`",
    )
}

/// Sees to it that there is something to make TLS with: the library brings nothing of its own.
pub(super) fn install_tls() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails only if another thread was faster, and then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
