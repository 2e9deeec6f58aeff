//! Sends calls to one host. What the answers mean is not decided here.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fluxcascade_core::Clock;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use secrecy::{ExposeSecret, SecretString};

use super::answer::Answer;
use super::breaker::{Breaker, Health};
use super::budget::{Leave, Meter, exhausted};
use super::call::{Asker, Body, Call, Method};
use super::count::{Counter, RequestCounts, RequestEvent, RequestObserver};
use super::credential::{Credential, Grant};
use super::failed::{Lost, lost, may_repeat, not_sent, too_large, too_late};
use super::host::HttpClient;
use super::oauth;
use super::retry::{Dialect, Failure, Fate, Verdict, schedule};
use super::settings::{HttpSettings, base_url};
use super::timed::Timed;

/// What a connection runs with, whatever its vendor.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    /// The host's, if it is not to be our own.
    pub(crate) client: Option<HttpClient>,
    pub(crate) observer: Option<Arc<dyn RequestObserver>>,
}

/// Sends calls to one host and to no other: no redirect is followed, no proxy is taken from the
/// environment.
pub(crate) struct Client {
    inner: HttpClient,
    base: Url,
    clock: Arc<dyn Clock>,
    dialect: Box<dyn Dialect>,
    settings: HttpSettings,
    credential: Credential,
    counter: Counter,
    meter: Meter,
    breaker: Breaker,
    /// What the last call met that says something of the connection.
    trouble: Mutex<Option<ConnectorError>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .field("settings", &self.settings)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client for the host of this base address.
    ///
    /// # Errors
    /// What is wrong with the address, or with this machine's TLS set-up.
    pub(crate) fn new(
        base: &str,
        settings: HttpSettings,
        surroundings: Surroundings,
        credential: Credential,
        dialect: Box<dyn Dialect>,
    ) -> Result<Self, String> {
        let base = base_url(base)?;
        let Surroundings { clock, client, observer } = surroundings;
        let inner = client.map_or_else(|| HttpClient::own(&settings), Ok)?;
        let patience = settings.request_timeout;
        let breaker = Breaker::new(settings.breaker_failures, settings.breaker_pause, patience);
        let (counter, meter) = (Counter::new(observer), Meter::new(None, [], 0));
        let trouble = Mutex::default();
        Ok(Self {
            inner,
            base,
            clock,
            dialect,
            settings,
            credential,
            counter,
            meter,
            breaker,
            trouble,
        })
    }

    /// Keeps to these limits.
    #[must_use]
    pub(crate) fn metered(self, meter: Meter) -> Self {
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

    /// The limits.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The limits on time and repeats.
    pub(crate) fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    /// Whose requests these are.
    pub(crate) fn credential(&self) -> &Credential {
        &self.credential
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

    /// Sends a call until it succeeds, or sending it again is unsafe, useless or too late.
    ///
    /// # Errors
    /// With what is known of the call's fate.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        let mut waits = schedule();
        let mut waited = Duration::ZERO;
        let mut attempt = 1;
        let mut renewed = false;
        let mut last: Option<Failure> = None;
        loop {
            if self.breaker.is_open(self.clock.now()) {
                return Err(self.resting(call, last));
            }
            let grant = self.grant(call).await.map_err(not_sent)?;
            waited += self.await_budget(call, waited).await?;
            if call.not_after.is_some_and(|end| self.clock.now() > end) {
                return Err(not_sent(too_late(call)));
            }
            if self.breaker.admit(call.kind, self.clock.now()).is_err() {
                return Err(self.resting(call, last));
            }
            let failure = match self.attempt(call, &grant, attempt).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if self.may_renew(&failure, &grant) && !renewed {
                // A refused credential did nothing, so that this is safe for a write, too.
                self.renew(&grant).await.map_err(not_sent)?;
                renewed = true;
                continue;
            }
            let wait = failure.error.retry_after.or_else(|| waits.next()).unwrap_or_default();
            let end = call.not_after.filter(|end| self.clock.now() + wait > *end);
            if !may_repeat(call, &failure)
                || attempt >= self.settings.max_attempts.min(call.attempts)
                || waited.saturating_add(wait) > self.settings.max_wait
                || end.is_some()
            {
                return Err(failure);
            }
            self.clock.sleep(wait).await;
            waited += wait;
            attempt += 1;
            last = Some(failure);
        }
    }

    /// Nothing is sent while the system is left in peace: what the last attempt met, or that.
    fn resting(&self, call: &Call, last: Option<Failure>) -> Failure {
        let rests = self.breaker.resting(call.kind, self.clock.now());
        let retry_after = rests.retry_after;
        let mut failure = last.unwrap_or_else(|| not_sent(rests));
        failure.error.retry_after = retry_after;
        failure
    }

    /// What the call is signed with.
    async fn grant(&self, call: &Call) -> Result<Grant, ConnectorError> {
        match &call.asker {
            Asker::Nobody | Asker::Key => Ok(Grant::none()),
            Asker::Connection => Box::pin(self.credential.grant(self)).await,
        }
    }

    fn may_renew(&self, failure: &Failure, grant: &Grant) -> bool {
        failure.fate == Fate::Refused
            && failure.error.kind == ErrorKind::Auth
            && self.credential.may_renew(grant, self.clock.now())
    }

    async fn renew(&self, grant: &Grant) -> Result<(), ConnectorError> {
        Box::pin(self.credential.renew(self, grant)).await
    }

    /// Waits until the limits have room for a request; how long that was.
    async fn await_budget(&self, call: &Call, waited: Duration) -> Result<Duration, Failure> {
        let mut slept = Duration::ZERO;
        if matches!(call.asker, Asker::Nobody) {
            // Tokens are not given under the account's limits.
            return Ok(slept);
        }
        loop {
            let now = self.clock.now();
            let left = self.meter.take(call.kind, now).await;
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

    async fn attempt(&self, call: &Call, grant: &Grant, attempt: u32) -> Result<Answer, Failure> {
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
            Asker::Connection | Asker::Key => self.dialect.judge(answer, attempt),
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
            Body::Form(fields) => {
                let fields: Vec<(&str, &str)> =
                    fields.iter().map(|(name, value)| (*name, exposed(value))).collect();
                request.form(&fields)
            }
        }
    }
}

fn exposed(secret: &SecretString) -> &str {
    secret.expose_secret()
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
