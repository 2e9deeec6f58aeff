//! Sends one request to one host and says what its answer means. Credentials, limits that are waited for and
//! repeats are the client's.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use fluxcascade_core::Clock;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use secrecy::{ExposeSecret, SecretString};

use super::answer::Answer;
use super::breaker::{Breaker, Health};
use super::budget::Meter;
use super::call::{Asker, Body, Call, Method};
use super::client::Surroundings;
use super::count::{Counter, RequestEvent};
use super::credential::Grant;
use super::failed::{Lost, lost, not_sent, too_large};
use super::host::HttpClient;
use super::oauth;
use super::retry::{Dialect, Failure, Fate, Verdict};
use super::settings::{HttpSettings, base_url};
use super::timed::Timed;

/// Sends to one host and to no other: no redirect is followed, no proxy is taken from the environment.
pub(super) struct Transport {
    inner: HttpClient,
    base: Url,
    pub(super) clock: Arc<dyn Clock>,
    dialect: Box<dyn Dialect>,
    pub(super) settings: HttpSettings,
    pub(super) counter: Counter,
    pub(super) meter: Meter,
    pub(super) breaker: Breaker,
    /// What the last call met that says something of the connection.
    trouble: Mutex<Option<ConnectorError>>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("base", &self.base.as_str())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Transport {
    /// To the host of this base address; or what is wrong with that, or with this machine's TLS set-up.
    pub(super) fn new(
        base: &str,
        settings: HttpSettings,
        surroundings: Surroundings,
        dialect: Box<dyn Dialect>,
    ) -> Result<Self, String> {
        let base = base_url(base)?;
        let Surroundings { clock, client, observer, meter } = surroundings;
        let inner = client.map_or_else(|| HttpClient::own(&settings), Ok)?;
        let patience = settings.request_timeout;
        let breaker = Breaker::new(settings.breaker_failures, settings.breaker_pause, patience);
        let (counter, trouble) = (Counter::new(observer), Mutex::default());
        Ok(Self { inner, base, clock, dialect, settings, counter, meter, breaker, trouble })
    }

    /// The time by the connection's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What the last call met that says something of the connection: a credential that is not taken, or a
    /// system that fails until it is left in peace.
    pub(super) fn trouble(&self) -> Option<ConnectorError> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let counts = trouble.kind == ErrorKind::Auth || self.breaker.is_open(self.clock.now());
        counts.then_some(trouble)
    }

    fn note(&self, judged: &Result<Answer, Failure>) {
        let trouble = match judged {
            Err(failure)
                if matches!(failure.error.kind, ErrorKind::Auth | ErrorKind::Transient) =>
            {
                Some(failure.error.clone())
            }
            Ok(_) | Err(_) => None,
        };
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Sends one request, and judges what came of it.
    pub(super) async fn attempt(
        &self,
        call: &Call,
        grant: &Grant,
        attempt: u32,
    ) -> Result<Answer, Failure> {
        let began = self.clock.now();
        let outcome = self.exchange(call, grant).await;
        let (status, received) = match &outcome {
            Ok(answer) => (Some(answer.status), answer.body.len()),
            Err(_) => (None, 0),
        };
        let now = self.clock.now();
        let took = now.since(began);
        self.counter.tell(&RequestEvent { kind: call.kind, attempt, status, took, received });
        let judged = match outcome {
            // That says nothing of the system.
            Err(Lost::Late(error)) => return Err(not_sent(error)),
            Ok(answer) => match self.judge(call, grant, &answer, attempt) {
                None => Ok(answer),
                Some((fate, error)) => Err(Failure { fate, error, answer: Some(Box::new(answer)) }),
            },
            Err(Lost::BeforeSending(error)) => Err(not_sent(error)),
            Err(Lost::AfterSending(error)) => {
                Err(Failure { fate: Fate::Unknown, error, answer: None })
            }
        };
        self.breaker.note(health(&judged), self.clock.now());
        if matches!(call.asker, Asker::Connection) {
            self.note(&judged);
        }
        judged
    }

    /// What the answer means, if it is not what was asked for.
    fn judge(
        &self,
        call: &Call,
        grant: &Grant,
        answer: &Answer,
        attempt: u32,
    ) -> Option<(Fate, ConnectorError)> {
        let now = self.clock.now();
        if matches!(call.asker, Asker::Connection) {
            for reported in self.dialect.limits(answer) {
                self.meter.learn(&reported, now);
            }
        }
        let verdict = match call.asker {
            Asker::Nobody => oauth::judge(answer),
            Asker::Connection | Asker::Token(_) | Asker::Key { .. } => {
                self.dialect.judge(answer, attempt)
            }
        };
        let (fate, mut error) = match verdict {
            Verdict::Accepted => return None,
            Verdict::Refused(error) => (Fate::Refused, error),
            Verdict::Later(error) => (Fate::NotSent, error),
            Verdict::Unclear(error) => (Fate::Unknown, error),
        };
        error.status = error.status.or(Some(answer.status));
        if error.is_transient() {
            error.retry_after = error.retry_after.or_else(|| answer.retry_after());
        }
        // Vendors repeat the credential in what they say, or the beginning of it.
        error.message = grant.hidden_in(&call.hidden_in(&error.message));
        Some((fate, error))
    }

    /// One request and its whole answer.
    async fn exchange(&self, call: &Call, grant: &Grant) -> Result<Answer, Lost> {
        #[cfg(any(test, fuzzing))]
        if let Some(answer) = self.inner.made_up(call.kind) {
            return Ok(answer);
        }
        self.inner.check().map_err(Lost::BeforeSending)?;
        let request = self.request(call, grant).build().map_err(|_| {
            Lost::BeforeSending(ConnectorError::new(
                ErrorKind::Permanent,
                format!("the {} request could not be made from these settings", call.kind),
            ))
        })?;
        self.counter.count(call.kind);
        let asked = request.url().clone();
        let sent = self.inner.inner().execute(request).await;
        let mut response = sent.map_err(|error| {
            // It went from one host to the next until it was too many.
            let strays = error.is_redirect().then(|| Lost::AfterSending(self.inner.found_out()));
            strays.unwrap_or_else(|| lost(call, &error))
        })?;
        self.inner.check_origin(&asked, response.url()).map_err(Lost::AfterSending)?;
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

    fn request(&self, call: &Call, grant: &Grant) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        // Setting the path cannot change the host, whatever is in it.
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), call.path));
        let inner = self.inner.inner();
        let mut request = match call.method {
            Method::Get => inner.get(url),
            Method::Post => inner.post(url),
            Method::Put => inner.put(url),
            Method::Patch => inner.patch(url),
            Method::Delete => inner.delete(url),
        }
        .timeout(self.settings.request_timeout);
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some((name, key)) = call.key() {
            request = request.query(&[(name, key.expose_secret())]);
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(token) = grant.token() {
            request = request.bearer_auth(token.expose_secret());
        }
        match &call.body {
            Body::Nothing => request,
            Body::Json(text) => {
                request.header(CONTENT_TYPE, "application/json").body(self.body(call, text))
            }
            Body::Form(fields) => request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(self.body(call, form_text(fields).as_bytes())),
        }
    }
}

/// A form's text.
fn form_text(fields: &[(&'static str, SecretString)]) -> String {
    let fields = fields.iter().map(|(name, value)| (*name, value.expose_secret()));
    let mut url = Url::parse("https://form.invalid/").expect("it is one");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

/// What the outcome of an attempt says of the system's health. One that is over its limit, or that has a
/// record locked and says so, is well.
fn health(judged: &Result<Answer, Failure>) -> Health {
    match judged {
        Err(failure) if failure.fate == Fate::NotSent && failure.answer.is_some() => {
            Health::Answered
        }
        Err(failure) if failure.error.kind == ErrorKind::Transient => Health::Failed,
        Ok(_) | Err(_) => Health::Answered,
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
