//! Sends calls to one host. What the answers mean is not decided here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::Clock;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Url, redirect, retry as library_retry};
use secrecy::{ExposeSecret, SecretString};

use super::answer::Answer;
use super::budget::{Leave, Meter, exhausted};
use super::count::{Counter, RequestCounts};
use super::retry::{Dialect, Failure, Fate, Repeat, Verdict, schedule};
use super::settings::{HttpSettings, base_url};
use super::timed::{Timed, TooLate};

const USER_AGENT: &str = concat!("fluxcascade/", env!("CARGO_PKG_VERSION"));

/// The verbs that adapters use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// What a call carries.
pub(crate) enum Body {
    Nothing,
    /// JSON text.
    Json(Vec<u8>),
    /// A form; its values may be secrets.
    Form(Vec<(&'static str, SecretString)>),
}

/// One thing asked of a vendor. It may take several requests.
pub(crate) struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Body,
    bearer: Option<SecretString>,
    kind: &'static str,
    repeat: Repeat,
    not_after: Option<Timestamp>,
}

impl Call {
    /// A read: it may be repeated freely. The kind is what requests are counted by.
    pub(crate) fn read(kind: &'static str, method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Body::Nothing,
            bearer: None,
            kind,
            repeat: Repeat::Safely,
            not_after: None,
        }
    }

    /// A write: it is repeated only if it surely was not carried out, and no attempt leaves after
    /// `not_after`.
    pub(crate) fn write(
        kind: &'static str,
        method: Method,
        path: impl Into<String>,
        not_after: Option<Timestamp>,
    ) -> Self {
        Self { repeat: Repeat::OnlyIfNotSent, not_after, ..Self::read(kind, method, path) }
    }

    /// Adds a part of the query.
    #[must_use]
    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds a header that is no secret.
    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// What it carries.
    #[must_use]
    pub(crate) fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Whose call it is.
    #[must_use]
    pub(crate) fn bearer(mut self, token: SecretString) -> Self {
        self.bearer = Some(token);
        self
    }
}

/// Shows where a call goes; never its query, headers or body.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} {:?} {}, {:?})", self.kind, self.method, self.path, self.repeat)
    }
}

/// Sends calls to one host and to no other: no redirect is followed, no proxy is taken from the
/// environment.
pub(crate) struct Client {
    inner: reqwest::Client,
    base: Url,
    clock: Arc<dyn Clock>,
    dialect: Box<dyn Dialect>,
    settings: HttpSettings,
    counter: Counter,
    meter: Option<Meter>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Why an attempt gave no answer.
enum Lost {
    /// Nothing reached the vendor.
    BeforeSending(ConnectorError),
    /// It may have reached the vendor.
    AfterSending(ConnectorError),
}

impl Client {
    /// A client for the host of this base address.
    ///
    /// # Errors
    /// What is wrong with the address, or with this machine's TLS set-up.
    pub(crate) fn new(
        base: &str,
        settings: HttpSettings,
        clock: Arc<dyn Clock>,
        dialect: Box<dyn Dialect>,
    ) -> Result<Self, String> {
        let base = base_url(base)?;
        install_tls();
        let inner = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .timeout(settings.request_timeout)
            .connect_timeout(settings.connect_timeout)
            // Servers drop idle connections after a minute or so; a write on a dropped one would
            // have an unknown fate.
            .pool_idle_timeout(Duration::from_secs(20))
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(library_retry::never())
            .no_proxy()
            .gzip(true)
            .build()
            .map_err(|_| "no TLS client could be set up on this machine".to_owned())?;
        Ok(Self { inner, base, clock, dialect, settings, counter: Counter::default(), meter: None })
    }

    /// Asks this budget before each request.
    #[must_use]
    pub(crate) fn metered(self, meter: Option<Meter>) -> Self {
        Self { meter, ..self }
    }

    /// The clock that it waits by.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// How many requests were sent.
    pub(crate) fn requests(&self) -> RequestCounts {
        self.counter.read()
    }

    /// Sends a call until it succeeds, or sending it again is unsafe, useless or too late.
    ///
    /// # Errors
    /// With what is known of the call's fate.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        let mut waits = schedule();
        let mut waited = Duration::ZERO;
        let mut attempt = 1;
        loop {
            waited += self.await_budget(call, waited).await?;
            if call.not_after.is_some_and(|end| self.clock.now() > end) {
                return Err(not_sent(too_late(call)));
            }
            let failure = match self.attempt(call, attempt).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let wait = failure.error.retry_after.or_else(|| waits.next()).unwrap_or_default();
            let end = call.not_after.filter(|end| self.clock.now() + wait > *end);
            if !may_repeat(call, &failure)
                || attempt >= self.settings.max_attempts
                || waited.saturating_add(wait) > self.settings.max_wait
                || end.is_some()
            {
                return Err(failure);
            }
            self.clock.sleep(wait).await;
            waited += wait;
            attempt += 1;
        }
    }

    /// Waits until the budget has room for a request; how long that was.
    async fn await_budget(&self, call: &Call, waited: Duration) -> Result<Duration, Failure> {
        let Some(meter) = &self.meter else { return Ok(Duration::ZERO) };
        let mut slept = Duration::ZERO;
        loop {
            let now = self.clock.now();
            let left = meter.take(call.kind, now).await;
            let Leave::Later(again) = left.map_err(not_sent)? else { return Ok(slept) };
            let wait = again.since(now);
            let is_late = call.not_after.is_some_and(|end| again > end);
            if is_late || waited.saturating_add(slept + wait) > self.settings.max_wait {
                return Err(not_sent(exhausted(call.kind, wait)));
            }
            self.clock.sleep(wait).await;
            slept += wait;
        }
    }

    async fn attempt(&self, call: &Call, attempt: u32) -> Result<Answer, Failure> {
        let answer = match self.exchange(call).await {
            Ok(answer) => answer,
            Err(Lost::BeforeSending(error)) => return Err(not_sent(error)),
            Err(Lost::AfterSending(error)) => {
                return Err(Failure { fate: Fate::Unknown, error, answer: None });
            }
        };
        let (fate, mut error) = match self.dialect.judge(&answer, attempt) {
            Verdict::Accepted => return Ok(answer),
            Verdict::Refused(error) => (Fate::Refused, error),
            Verdict::Later(error) => (Fate::NotSent, error),
            Verdict::Unclear(error) => (Fate::Unknown, error),
        };
        error.status = error.status.or(Some(answer.status));
        if error.is_transient() {
            error.retry_after = error.retry_after.or_else(|| answer.retry_after());
        }
        Err(Failure { fate, error, answer: Some(Box::new(answer)) })
    }

    /// One request and its whole answer.
    async fn exchange(&self, call: &Call) -> Result<Answer, Lost> {
        let request = self.request(call).build().map_err(|_| {
            Lost::BeforeSending(ConnectorError::new(
                ErrorKind::Permanent,
                format!("the {} request could not be made from these settings", call.kind),
            ))
        })?;
        self.counter.count(call.kind);
        let mut response = self.inner.execute(request).await.map_err(|error| lost(call, &error))?;
        let status = response.status().as_u16();
        let headers = text_headers(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| lost(call, &error))? {
            if body.len() + chunk.len() > self.settings.max_answer_bytes {
                return Err(Lost::AfterSending(too_large(call, status, &self.settings)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }

    /// The body of a call, which leaves in time or not at all.
    fn body(&self, call: &Call, text: &[u8]) -> reqwest::Body {
        match call.not_after {
            None => text.to_vec().into(),
            Some(end) => {
                reqwest::Body::wrap(Timed::new(text.to_vec(), end, Arc::clone(&self.clock)))
            }
        }
    }

    fn request(&self, call: &Call) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        // Setting the path cannot change the host, whatever is in it.
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), call.path));
        let mut request = match call.method {
            Method::Get => self.inner.get(url),
            Method::Post => self.inner.post(url),
            Method::Put => self.inner.put(url),
            Method::Patch => self.inner.patch(url),
            Method::Delete => self.inner.delete(url),
        };
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(token) = &call.bearer {
            request = request.bearer_auth(token.expose_secret());
        }
        match &call.body {
            Body::Nothing => request,
            Body::Json(text) => {
                request.header(CONTENT_TYPE, "application/json").body(self.body(call, text))
            }
            Body::Form(fields) => {
                let fields: Vec<(&str, &str)> =
                    fields.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
                request.form(&fields)
            }
        }
    }
}

/// Sees to it that there is something to make TLS with: the library brings nothing of its own.
pub(super) fn install_tls() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails only if another thread was faster, and then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// Whether sending the call again is safe, and may help.
fn may_repeat(call: &Call, failure: &Failure) -> bool {
    if !failure.error.is_transient() {
        return false;
    }
    match (failure.fate, call.repeat) {
        (Fate::NotSent, _) | (Fate::Unknown, Repeat::Safely) => true,
        (Fate::Unknown, Repeat::OnlyIfNotSent) | (Fate::Refused, _) => false,
    }
}

fn not_sent(error: ConnectorError) -> Failure {
    Failure { fate: Fate::NotSent, error, answer: None }
}

fn too_late(call: &Call) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Transient,
        format!("the {} request was not sent: its time to leave was over", call.kind),
    )
}

fn too_large(call: &Call, status: u16, settings: &HttpSettings) -> ConnectorError {
    ConnectorError {
        status: Some(status),
        ..ConnectorError::new(
            ErrorKind::Protocol,
            format!(
                "the answer to the {} request has more than {} bytes; raise `max_answer_bytes` if \
                 that is right",
                call.kind, settings.max_answer_bytes
            ),
        )
    }
}

/// Sorts a fault of the network by whether the vendor may have got the request. The library's own
/// text is left out, it has the address with its query in it.
fn lost(call: &Call, error: &reqwest::Error) -> Lost {
    let kind = call.kind;
    let transient = |text: String| ConnectorError::new(ErrorKind::Transient, text);
    if TooLate::is_cause_of(error) {
        Lost::BeforeSending(too_late(call))
    } else if error.is_builder() {
        let text = format!("the {kind} request could not be made from these settings");
        Lost::BeforeSending(ConnectorError::new(ErrorKind::Permanent, text))
    } else if error.is_connect() {
        let text = format!("no connection for the {kind} request; check network and base address");
        Lost::BeforeSending(transient(text))
    } else if error.is_timeout() {
        Lost::AfterSending(transient(format!("no answer to the {kind} request in time")))
    } else if error.is_decode() {
        let text = format!("the answer to the {kind} request could not be unpacked");
        Lost::AfterSending(ConnectorError::new(ErrorKind::Protocol, text))
    } else {
        Lost::AfterSending(transient(format!("the connection broke during the {kind} request")))
    }
}

/// The headers that are text; no cookies, nothing here keeps any.
fn text_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| name.as_str() != "set-cookie")
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect()
}
