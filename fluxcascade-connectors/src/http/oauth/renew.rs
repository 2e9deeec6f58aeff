//! Tokens that are renewed: ahead of their end, by one of all tasks and processes, and each new pair is
//! stored before it is used. What is asked of the vendor, and what its answers mean, is in `ask`.

use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcascade_core::Clock;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::credential::{Claimed, IfClaimed, Stale, refreshed};
use fluxcascade_core::model::Timestamp;
use fluxcascade_core::store::{StoreError, StoreErrorKind, StoredToken};

use super::flow::Vendor;
use super::token::{Stored, Tokens};
use super::{OAuthApp, TokenPlace};
use crate::http::client::Client;
use crate::http::credential::Grant;

/// A token that is younger is not renewed because it was refused: a new one would be, too.
const YOUNG: Duration = Duration::from_secs(60);
/// What was read in the store is relied on for so long: then somebody may have let go of the account.
const TRUST: Duration = Duration::from_secs(60);
/// After a renewal that failed, the next one is tried after this at the earliest.
const REST: Duration = Duration::from_secs(30);
/// However long the vendor asks to wait: what is well again is found out.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// How long the work around a renewal may take: until the request leaves, and then until its answer is
/// stored.
const LEAVING: Duration = Duration::from_secs(15);
const STORING: Duration = Duration::from_secs(15);

/// One connection's tokens.
pub(crate) struct Renewing {
    app: OAuthApp,
    vendor: Vendor,
    pub(super) place: TokenPlace,
    known: Mutex<Known>,
    /// Whoever asks the store or the vendor holds it: the other tasks of this process wait here.
    pub(super) turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    held: Option<Held>,
    /// A renewal failed: not before then, and why.
    resting: Option<(Timestamp, ConnectorError)>,
    /// What the vendor answered and the store did not take yet, and the generation that it follows.
    unsaved: Option<(u64, Vec<u8>)>,
    /// The account that this process works with.
    account: Option<String>,
}

/// Stored tokens as they were read.
struct Held {
    generation: u64,
    tokens: Tokens,
    at: Timestamp,
}

impl Known {
    /// Why nobody asks for a new token now.
    fn resting(&self, now: Timestamp) -> Option<ConnectorError> {
        let (until, why) = self.resting.as_ref()?;
        // A clock that was set back does not prolong it.
        let rests = now < *until && until.since(now) <= LONGEST_REST;
        rests.then(|| why.clone())
    }

    /// What can be signed with at this time.
    fn good(&self, now: Timestamp) -> Option<&Held> {
        self.held.as_ref().filter(|held| now < held.tokens.until())
    }

    /// Lets go of the tokens.
    fn forget(&mut self) {
        *self = Known { account: self.account.take(), ..Known::default() };
    }
}

/// Never shows a secret.
impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth")
            .field("client_id", &self.app.client_id)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Why a renewal did not come about.
enum NotRenewed {
    Store(StoreError),
    Vendor(ConnectorError),
}

impl From<StoreError> for NotRenewed {
    fn from(error: StoreError) -> Self {
        NotRenewed::Store(error)
    }
}

impl From<NotRenewed> for ConnectorError {
    fn from(error: NotRenewed) -> Self {
        match error {
            NotRenewed::Store(error) => of_store(&error),
            NotRenewed::Vendor(error) => error,
        }
    }
}

impl Renewing {
    pub(crate) fn new(app: OAuthApp, vendor: Vendor, place: TokenPlace) -> Self {
        Self { app, vendor, place, known: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    pub(super) fn app(&self) -> &OAuthApp {
        &self.app
    }

    pub(super) fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    /// The access token to sign with now.
    pub(in crate::http) async fn grant(
        self: &Arc<Self>,
        client: &Client,
    ) -> Result<Grant, ConnectorError> {
        if let Some(grant) = self.at_hand(client.transport().now()) {
            return Ok(grant);
        }
        let work = |renewing: Arc<Self>, client| async move { renewing.looked_up(&client).await };
        self.to_its_end(client, work).await
    }

    /// Whether there is a newer token than this one, which was refused: another one's, or a renewed one.
    pub(in crate::http) async fn has_newer(
        self: &Arc<Self>,
        client: &Client,
        refused: &Grant,
    ) -> Result<bool, ConnectorError> {
        let (generation, since) = (refused.generation, refused.since);
        let work = move |renewing: Arc<Self>, client| async move {
            renewing.newer_than(&client, generation, since).await
        };
        self.to_its_end(client, work).await
    }

    /// Does what must come to its end, in a task of its own: whoever asked may be gone by then, and what
    /// the vendor answers is answered once.
    pub(super) async fn to_its_end<T, F>(
        self: &Arc<Self>,
        client: &Client,
        work: impl FnOnce(Arc<Self>, Client) -> F,
    ) -> Result<T, ConnectorError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ConnectorError>> + Send + 'static,
    {
        let task = tokio::spawn(work(Arc::clone(self), client.clone()));
        task.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Err(ConnectorError::new(
                ErrorKind::Transient,
                "the process is shutting down, and no credential was asked for",
            )),
        })
    }

    /// The error of a connection that cannot be used as it is stored.
    pub(in crate::http) async fn check(&self) -> Result<(), ConnectorError> {
        self.stored().await.map(|_| ())
    }

    fn at_hand(&self, now: Timestamp) -> Option<Grant> {
        let known = lock(&self.known);
        let held = known.good(now)?;
        // What was read later than now was read before the clock was set back.
        let is_trusted = held.at <= now && now.since(held.at) < TRUST;
        let holds = now < held.tokens.renew_at() || known.resting(now).is_some();
        (is_trusted && holds).then(|| grant_of(held.generation, &held.tokens))
    }

    /// What is known and has not ended, however long ago it was looked at.
    fn still_good(&self, now: Timestamp) -> Option<Grant> {
        let known = lock(&self.known);
        known.good(now).map(|held| grant_of(held.generation, &held.tokens))
    }

    async fn looked_up(&self, client: &Client) -> Result<Grant, ConnectorError> {
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            // Another task asks, and may do so for long: what there is still holds.
            Err(_) => match self.still_good(client.transport().now()) {
                Some(grant) => return Ok(grant),
                None => self.turn.lock().await,
            },
        };
        let now = client.transport().now();
        if let Some(grant) = self.at_hand(now) {
            return Ok(grant);
        }
        let (generation, tokens) = match self.stored().await {
            Ok(stored) => stored,
            Err(error) if error.is_transient() => return self.not_looked_up(error, now),
            Err(error) => return Err(error),
        };
        let now = client.transport().now();
        self.keep(generation, &tokens, now);
        if now < tokens.renew_at() {
            return Ok(grant_of(generation, &tokens));
        }
        let is_good = now < tokens.until();
        let if_claimed = if is_good { IfClaimed::Leave } else { IfClaimed::Wait };
        match self.renewed(client, generation, if_claimed).await {
            Ok(grant) => Ok(grant),
            // It was ahead of time: what there is still holds.
            Err(error) if error.kind != ErrorKind::Auth && is_good => {
                Ok(grant_of(generation, &tokens))
            }
            Err(error) => Err(error),
        }
    }

    /// The store is away: what is known is good until its end, and is relied on for a while more.
    fn not_looked_up(
        &self,
        error: ConnectorError,
        now: Timestamp,
    ) -> Result<Grant, ConnectorError> {
        let mut known = lock(&self.known);
        let Some(Held { generation, tokens, .. }) = known.good(now) else { return Err(error) };
        let (generation, tokens) = (*generation, tokens.clone());
        let grant = grant_of(generation, &tokens);
        known.held = Some(Held { generation, tokens, at: now });
        Ok(grant)
    }

    async fn newer_than(
        &self,
        client: &Client,
        generation: u64,
        since: Timestamp,
    ) -> Result<bool, ConnectorError> {
        let _turn = self.turn.lock().await;
        let is_newer = |held: &Held| held.generation > generation;
        if lock(&self.known).held.as_ref().is_some_and(is_newer) {
            return Ok(true);
        }
        let (stored, tokens) = self.stored().await?;
        let now = client.transport().now();
        self.keep(stored, &tokens, now);
        if stored > generation {
            return Ok(true);
        }
        if since <= now && now.since(since) < YOUNG {
            return Ok(false);
        }
        self.renewed(client, generation, IfClaimed::Wait).await.map(|_| true)
    }

    fn keep(&self, generation: u64, tokens: &Tokens, at: Timestamp) {
        lock(&self.known).held = Some(Held { generation, tokens: tokens.clone(), at });
    }

    /// What is stored, if it can be used.
    pub(super) async fn stored(&self) -> Result<(u64, Tokens), ConnectorError> {
        let stored = self.place.store.token(&self.place.key()).await;
        let Some(StoredToken { generation, secret }) = stored.map_err(|e| of_store(&e))? else {
            return Err(self.not_connected());
        };
        self.usable(generation, &secret)
    }

    fn usable(&self, generation: u64, secret: &[u8]) -> Result<(u64, Tokens), ConnectorError> {
        match Stored::from_bytes(secret)? {
            Stored::Active(tokens) if tokens.issuer != self.issuer() => Err(self.of_another()),
            Stored::Active(tokens) => {
                self.check_account(&tokens.account)?;
                Ok((generation, tokens))
            }
            Stored::Expired { why, .. } => {
                self.forget();
                Err(ConnectorError::new(ErrorKind::Auth, why))
            }
        }
    }

    pub(super) fn forget(&self) {
        lock(&self.known).forget();
    }

    /// Whom the tokens are of, and for: they go nowhere else.
    pub(super) fn issuer(&self) -> String {
        format!("{} {} {}", self.vendor.name, self.vendor.origin, self.app.client_id)
    }

    /// One adapter is for one account as long as it lives: what is known of the first is not asked of
    /// another.
    fn check_account(&self, account: &str) -> Result<(), ConnectorError> {
        let mut known = lock(&self.known);
        let first = known.account.get_or_insert_with(|| account.to_owned());
        if first == account {
            return Ok(());
        }
        Err(ConnectorError::new(
            ErrorKind::Permanent,
            format!(
                "{} account {account} was connected in the place of {first}, for which this adapter was \
                 made; build the adapter and its engine anew",
                self.vendor.name
            ),
        ))
    }

    pub(super) fn of_another(&self) -> ConnectorError {
        let vendor = self.vendor.name;
        ConnectorError::new(
            ErrorKind::Auth,
            format!(
                "this connection was connected at another system, address or app than it is set up for \
                 now ({vendor}); put that back, or connect the account anew"
            ),
        )
    }

    fn not_connected(&self) -> ConnectorError {
        let vendor = self.vendor.name;
        ConnectorError::new(
            ErrorKind::Auth,
            format!("this connection has no {vendor} account yet; connect one"),
        )
    }

    /// Renews what is of this generation, or takes what another one has renewed.
    async fn renewed(
        &self,
        client: &Client,
        generation: u64,
        if_claimed: IfClaimed,
    ) -> Result<Grant, ConnectorError> {
        let transport = client.transport();
        if let Some(why) = lock(&self.known).resting(transport.now()) {
            return Err(why);
        }
        let patience = LEAVING + transport.settings.request_timeout + STORING;
        let stale = Stale { key: self.place.key(), generation, patience, if_claimed };
        let clock: &dyn Clock = transport.clock.as_ref();
        let store = self.place.store.as_ref();
        let renewed: Result<StoredToken, NotRenewed> =
            refreshed(store, clock, &stale, |claimed| self.next(client, claimed)).await;
        let renewed = renewed.map_err(|error| match error {
            // Another one asks the vendor, and may be done any time.
            NotRenewed::Store(error) if error.kind == StoreErrorKind::Busy => of_store(&error),
            error @ (NotRenewed::Store(_) | NotRenewed::Vendor(_)) => {
                self.rest(error.into(), transport.now())
            }
        })?;
        self.forget();
        let (generation, tokens) = self.usable(renewed.generation, &renewed.secret)?;
        self.keep(generation, &tokens, transport.now());
        Ok(grant_of(generation, &tokens))
    }

    /// Notes that a renewal failed, so that not every call asks again at once.
    fn rest(&self, error: ConnectorError, now: Timestamp) -> ConnectorError {
        let rest = error.retry_after.unwrap_or(REST).clamp(Duration::from_secs(1), LONGEST_REST);
        lock(&self.known).resting = Some((now + rest, error.clone()));
        error
    }

    /// What is to be stored after this: the vendor's next tokens, or that there are none.
    async fn next(&self, client: &Client, claimed: Claimed) -> Result<Vec<u8>, NotRenewed> {
        let old = claimed.token.ok_or_else(|| NotRenewed::Vendor(self.not_connected()))?;
        let saved_late = lock(&self.known).unsaved.clone();
        if let Some((_, bytes)) = saved_late.filter(|(after, _)| *after == old.generation) {
            return Ok(bytes);
        }
        // A process that stood still must not ask with what another one has used since.
        let leaves = claimed.until - client.transport().settings.request_timeout - STORING;
        let next = match self.usable(old.generation, &old.secret) {
            Ok((_, tokens)) => self.asked(client, &tokens, leaves).await,
            Err(error) => Err(error),
        };
        let bytes = next.and_then(|next| next.to_bytes()).map_err(NotRenewed::Vendor)?;
        // A pair that was answered once must not be lost if the store is away just now.
        lock(&self.known).unsaved = Some((old.generation, bytes.clone()));
        Ok(bytes)
    }
}

fn grant_of(generation: u64, tokens: &Tokens) -> Grant {
    Grant::stored(tokens.access.secret(), generation, tokens.since())
}

pub(super) fn of_store(error: &StoreError) -> ConnectorError {
    let kind = if error.is_transient() { ErrorKind::Transient } else { ErrorKind::Permanent };
    ConnectorError::new(
        kind,
        format!("the connection's credential could not be read or stored: {error}"),
    )
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    // Each part is whole.
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
