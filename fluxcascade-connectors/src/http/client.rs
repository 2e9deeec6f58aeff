//! Sends calls to one host: signs them, waits for the account's limits, and repeats what may be repeated.
//! What the answers mean is not decided here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::Clock;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;

use super::answer::Answer;
use super::budget::{Leave, Meter, exhausted};
use super::call::{Asker, Call, Method};
use super::count::{RequestCounts, RequestObserver};
use super::credential::{Credential, Grant};
use super::failed::{may_repeat, not_sent, too_late};
use super::host::HttpClient;
use super::retry::{Dialect, Failure, Fate, schedule};
use super::settings::HttpSettings;
use super::transport::Transport;

/// What a connection runs with, whatever its vendor.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    /// The host's, if it is not to be our own.
    pub(crate) client: Option<HttpClient>,
    pub(crate) observer: Option<Arc<dyn RequestObserver>>,
    /// The account's limits.
    pub(crate) meter: Meter,
}

/// Sends calls to one host and to no other. Its clones are the same connection.
#[derive(Clone)]
pub(crate) struct Client {
    /// Shared with renewals of the credential, which outlive the calls that asked for them.
    transport: Arc<Transport>,
    credential: Credential,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("transport", &self.transport)
            .field("credential", &self.credential)
            .finish()
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
        let transport = Transport::new(base, settings, surroundings, dialect)?;
        Ok(Self { transport: Arc::new(transport), credential })
    }

    /// The clock that it waits by.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.transport.clock
    }

    /// How many requests were sent.
    pub(crate) fn requests(&self) -> RequestCounts {
        self.transport.counter.read()
    }

    /// The limits on time and repeats.
    pub(crate) fn settings(&self) -> &HttpSettings {
        &self.transport.settings
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Whose requests these are.
    pub(super) fn credential(&self) -> &Credential {
        &self.credential
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
            if self.transport.breaker.is_open(self.transport.now()) {
                return Err(self.resting(call, last));
            }
            let grant = self.grant(call).await.map_err(not_sent)?;
            if attempt > 1 || !call.has_room {
                waited += self.await_budget(call, waited).await?;
            }
            if call.not_after.is_some_and(|end| self.transport.now() > end) {
                return Err(not_sent(too_late(call)));
            }
            if self.transport.breaker.admit(call.kind, self.transport.now()).is_err() {
                return Err(self.resting(call, last));
            }
            let failure = match self.transport.attempt(call, &grant, attempt).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            // A refused credential did nothing, so that this is safe for a write, too.
            if is_refused(&failure) && !renewed && self.has_newer(&grant).await? {
                renewed = true;
                continue;
            }
            let wait = failure.error.retry_after.or_else(|| waits.next()).unwrap_or_default();
            let end = call.not_after.filter(|end| self.transport.now() + wait > *end);
            if !may_repeat(call, &failure)
                || attempt >= self.transport.settings.max_attempts.min(call.attempts)
                || waited.saturating_add(wait) > self.transport.settings.max_wait
                || end.is_some()
            {
                return Err(failure);
            }
            self.transport.clock.sleep(wait).await;
            waited += wait;
            attempt += 1;
            last = Some(failure);
        }
    }

    /// Takes room in the limits for a call like this one that is to leave directly behind something else
    /// ([`Call::with_room`]), so that the limits do not come between the two.
    ///
    /// # Errors
    /// If there is none in time, or the system is left in peace.
    pub(crate) async fn set_aside(&self, call: &Call) -> Result<(), Failure> {
        if self.transport.breaker.is_open(self.transport.now()) {
            return Err(self.resting(call, None));
        }
        self.await_budget(call, Duration::ZERO).await.map(|_| ())
    }

    /// Nothing is sent while the system is left in peace: what the last attempt met, or that.
    fn resting(&self, call: &Call, last: Option<Failure>) -> Failure {
        let rests = self.transport.breaker.resting(call.kind, self.transport.now());
        let retry_after = rests.retry_after;
        let mut failure = last.unwrap_or_else(|| not_sent(rests));
        failure.error.retry_after = retry_after;
        failure
    }

    /// What the call is signed with.
    async fn grant(&self, call: &Call) -> Result<Grant, ConnectorError> {
        match &call.asker {
            Asker::Nobody | Asker::Key { .. } => Ok(Grant::none()),
            Asker::Token(token) => Ok(Grant::fixed(token.clone())),
            Asker::Connection => self.credential.grant(self).await,
        }
    }

    /// Whether there is another credential now than this one, which was refused.
    async fn has_newer(&self, grant: &Grant) -> Result<bool, Failure> {
        self.credential.has_newer(self, grant).await.map_err(not_sent)
    }

    /// Waits until the limits have room for a request; how long that was.
    async fn await_budget(&self, call: &Call, waited: Duration) -> Result<Duration, Failure> {
        if matches!(call.asker, Asker::Nobody) {
            // Tokens are not given under the account's limits.
            return Ok(Duration::ZERO);
        }
        let began = self.transport.now();
        loop {
            let leave = self.transport.meter.take(call.kind, &*self.transport.clock).await;
            let leave = leave.map_err(not_sent)?;
            // Drawing takes time, too.
            let now = self.transport.now();
            let again = match leave {
                Leave::Now => return Ok(now.since(began)),
                Leave::Later(again) => again.max(now),
                Leave::TooLate => now,
            };
            let wait = again.since(now);
            let is_late = call.not_after.is_some_and(|end| again > end);
            let waiting = waited.saturating_add(again.since(began));
            if is_late || waiting > self.transport.settings.max_wait {
                return Err(not_sent(exhausted(call.kind, leave, wait)));
            }
            self.transport.clock.sleep(wait).await;
        }
    }
}

/// Whether the credential was not taken.
fn is_refused(failure: &Failure) -> bool {
    failure.fate == Fate::Refused && failure.error.kind == ErrorKind::Auth
}
