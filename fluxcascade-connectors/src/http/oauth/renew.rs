//! Tokens that are renewed: ahead of their end, by one of all tasks and processes, and each new pair is
//! stored before it is used.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcascade_core::Clock;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::credential::{Stale, refreshed};
use fluxcascade_core::model::Timestamp;
use fluxcascade_core::store::{StoreError, StoredToken};
use secrecy::SecretString;

use super::flow::{Rotation, Vendor};
use super::token::{self, SecretText, Stored, Tokens};
use super::{OAuthApp, TokenPlace};
use crate::http::answer::Answer;
use crate::http::call::{Asker, Body, Call, Method};
use crate::http::client::Client;
use crate::http::credential::Grant;
use crate::http::retry::{Failure, Fate};

/// A token that is younger is not renewed because it was refused: a new one would be, too.
const YOUNG: Duration = Duration::from_secs(60);
/// After a renewal that failed, the next one is tried after this at the earliest.
const REST: Duration = Duration::from_secs(30);
/// However long the vendor asks to wait: what is well again is found out.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// How long the store's work around a renewal may take.
const STORING: Duration = Duration::from_secs(30);

/// One connection's tokens.
pub(crate) struct Renewing {
    app: OAuthApp,
    vendor: Vendor,
    place: TokenPlace,
    known: Mutex<Known>,
    /// Whoever asks the store or the vendor holds it: the other tasks of this process wait here.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    current: Option<(u64, Tokens)>,
    /// A renewal failed: not before then, and why.
    resting: Option<(Timestamp, ConnectorError)>,
    /// What the vendor answered and the store did not take yet, and the generation that it follows.
    unsaved: Option<(u64, Vec<u8>)>,
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

    /// Whether a grant that was refused is worth renewing: it is a stored one, and no new one.
    pub(in crate::http) fn may_renew(grant: &Grant, now: Timestamp) -> bool {
        grant.generation > 0 && now.since(grant.since) >= YOUNG
    }

    /// The access token to sign with now.
    pub(in crate::http) async fn grant(&self, client: &Client) -> Result<Grant, ConnectorError> {
        if let Some(grant) = self.at_hand(client.clock().now()) {
            return Ok(grant);
        }
        let _turn = self.turn.lock().await;
        if let Some(grant) = self.at_hand(client.clock().now()) {
            return Ok(grant);
        }
        let (generation, tokens) = self.stored().await?;
        self.keep(generation, &tokens);
        let now = client.clock().now();
        if now < tokens.renew_at() {
            return Ok(grant_of(generation, &tokens));
        }
        match self.renew_in_turn(client, generation).await {
            Ok(grant) => Ok(grant),
            // It was ahead of time: what there is still holds.
            Err(error) if error.kind != ErrorKind::Auth && now < tokens.until() => {
                Ok(grant_of(generation, &tokens))
            }
            Err(error) => Err(error),
        }
    }

    /// Renews a token that was refused.
    pub(in crate::http) async fn renew(
        &self,
        client: &Client,
        generation: u64,
    ) -> Result<(), ConnectorError> {
        let _turn = self.turn.lock().await;
        if lock(&self.known).current.as_ref().is_some_and(|(newer, _)| *newer > generation) {
            return Ok(());
        }
        self.renew_in_turn(client, generation).await.map(|_| ())
    }

    /// The error of a connection that cannot be used as it is stored.
    pub(in crate::http) async fn check(&self) -> Result<(), ConnectorError> {
        self.stored().await.map(|_| ())
    }

    fn at_hand(&self, now: Timestamp) -> Option<Grant> {
        let known = lock(&self.known);
        let (generation, tokens) = known.current.as_ref()?;
        let rests = known.resting.as_ref().is_some_and(|(until, _)| now < *until);
        let holds = now < tokens.renew_at() || (rests && now < tokens.until());
        holds.then(|| grant_of(*generation, tokens))
    }

    fn keep(&self, generation: u64, tokens: &Tokens) {
        lock(&self.known).current = Some((generation, tokens.clone()));
    }

    /// What is stored, if it can be used.
    async fn stored(&self) -> Result<(u64, Tokens), ConnectorError> {
        let stored = self.place.store.token(&self.place.key()).await;
        let Some(StoredToken { generation, secret }) = stored.map_err(|e| of_store(&e))? else {
            return Err(self.not_connected());
        };
        self.usable(generation, &secret)
    }

    fn usable(&self, generation: u64, secret: &[u8]) -> Result<(u64, Tokens), ConnectorError> {
        match Stored::from_bytes(secret)? {
            Stored::Active(tokens) if tokens.issuer != self.issuer() => Err(self.of_another()),
            Stored::Active(tokens) => Ok((generation, tokens)),
            Stored::Expired { why } => {
                lock(&self.known).current = None;
                Err(ConnectorError::new(ErrorKind::Auth, why))
            }
        }
    }

    /// Whom the tokens are of, and for: they go nowhere else.
    fn issuer(&self) -> String {
        format!("{} {} {}", self.vendor.name, self.vendor.origin, self.app.client_id)
    }

    fn of_another(&self) -> ConnectorError {
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
    async fn renew_in_turn(
        &self,
        client: &Client,
        generation: u64,
    ) -> Result<Grant, ConnectorError> {
        let now = client.clock().now();
        if let Some((_, why)) = lock(&self.known).resting.clone().filter(|(until, _)| now < *until)
        {
            return Err(why);
        }
        let stale = Stale {
            key: self.place.key(),
            generation,
            patience: client.settings().request_timeout + STORING,
        };
        let clock: &dyn Clock = client.clock().as_ref();
        let store = self.place.store.as_ref();
        let renewed: Result<StoredToken, NotRenewed> =
            refreshed(store, clock, &stale, |old| self.next(client, old)).await;
        let renewed = renewed.map_err(|error| self.rest(error.into(), client.clock().now()))?;
        *lock(&self.known) = Known::default();
        let (generation, tokens) = self.usable(renewed.generation, &renewed.secret)?;
        self.keep(generation, &tokens);
        Ok(grant_of(generation, &tokens))
    }

    /// Notes that a renewal failed, so that not every call asks again at once.
    fn rest(&self, error: ConnectorError, now: Timestamp) -> ConnectorError {
        let rest = error.retry_after.unwrap_or(REST).clamp(Duration::from_secs(1), LONGEST_REST);
        lock(&self.known).resting = Some((now + rest, error.clone()));
        error
    }

    /// What is to be stored after this: the vendor's next tokens, or that there are none.
    async fn next(&self, client: &Client, old: Option<StoredToken>) -> Result<Vec<u8>, NotRenewed> {
        let old = old.ok_or_else(|| NotRenewed::Vendor(self.not_connected()))?;
        let saved_late = lock(&self.known).unsaved.clone();
        if let Some((_, bytes)) = saved_late.filter(|(after, _)| *after == old.generation) {
            return Ok(bytes);
        }
        let next = match self.usable(old.generation, &old.secret) {
            Ok((_, tokens)) => self.asked(client, &tokens).await.map_err(NotRenewed::Vendor)?,
            Err(error) => return Err(NotRenewed::Vendor(error)),
        };
        let bytes = next.to_bytes().map_err(NotRenewed::Vendor)?;
        // A pair that was answered once must not be lost if the store is away just now.
        lock(&self.known).unsaved = Some((old.generation, bytes.clone()));
        Ok(bytes)
    }

    async fn asked(&self, client: &Client, old: &Tokens) -> Result<Stored, ConnectorError> {
        let vendor = self.vendor.name;
        let Some(refresh) = &old.refresh else {
            return Ok(Stored::Expired {
                why: format!(
                    "{vendor}'s token has ended and cannot be renewed; reconnect the account"
                ),
            });
        };
        let form = vec![
            ("grant_type", SecretString::from("refresh_token")),
            ("refresh_token", refresh.secret()),
        ];
        let began = client.clock().now();
        match self.ask(client, form).await {
            Ok(answer) => Ok(Stored::Active(self.tokens(&answer, began, Some(refresh))?)),
            Err(failure) if self.is_dead(&failure) => {
                let said = failure.error;
                let why = format!(
                    "{vendor} does not renew this connection any more: the app was removed from the \
                     account, or a renewal was lost on its way; reconnect the account ({said})"
                );
                Ok(Stored::Expired { why })
            }
            Err(failure) => Err(self.unavailable(failure)),
        }
    }

    fn is_dead(&self, failure: &Failure) -> bool {
        failure.fate == Fate::Refused && failure.answer.as_deref().is_some_and(self.vendor.is_dead)
    }

    /// A token endpoint that refuses the app, or does not answer. It says nothing of the account.
    fn unavailable(&self, failure: Failure) -> ConnectorError {
        let error = failure.error;
        if failure.fate != Fate::Refused || error.is_transient() {
            return error;
        }
        let vendor = self.vendor.name;
        let message = format!(
            "{vendor} refused to give this app a token; check `oauth.client_id` and \
             `oauth.client_secret`: {}",
            error.message
        );
        ConnectorError { kind: ErrorKind::Permanent, message, ..error }
    }

    async fn ask(
        &self,
        client: &Client,
        mut form: Vec<(&'static str, SecretString)>,
    ) -> Result<Answer, Failure> {
        form.push(("client_id", SecretString::from(self.app.client_id.clone())));
        form.push(("client_secret", self.app.client_secret.clone()));
        let path = &*self.vendor.token_path;
        let call = match self.vendor.rotation {
            Rotation::Stays => Call::read("token", Method::Post, path),
            // A second request with a token that was used is refused at best.
            Rotation::Rotates => Call::write("token", Method::Post, path, None),
        };
        // Others wait for what comes of it, and try again themselves.
        client.send(&call.once().asked_by(Asker::Nobody).body(Body::Form(form))).await
    }

    /// The tokens of an answer, their times told from when it was asked for.
    fn tokens(
        &self,
        answer: &Answer,
        began: Timestamp,
        old_refresh: Option<&SecretText>,
    ) -> Result<Tokens, ConnectorError> {
        let token = token::read(answer)?;
        let life = self.vendor.life.of(&token, answer.date().unwrap_or(began));
        Ok(Tokens {
            refresh: token.refresh_token.or_else(|| old_refresh.cloned()),
            access: token.access_token,
            issuer: self.issuer(),
            since: began.micros(),
            until: (began + life).micros(),
        })
    }

    /// Takes a code for the account's first tokens.
    pub(super) async fn connect(
        &self,
        client: &Client,
        code: SecretString,
        verifier: Option<SecretString>,
    ) -> Result<(), ConnectorError> {
        let mut form = vec![
            ("grant_type", SecretString::from("authorization_code")),
            ("code", code),
            ("redirect_uri", SecretString::from(self.app.redirect_uri.clone())),
        ];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        let _turn = self.turn.lock().await;
        let began = client.clock().now();
        let answer = self.ask(client, form).await.map_err(|failure| {
            if self.is_dead(&failure) { self.spent_code() } else { self.unavailable(failure) }
        })?;
        let stored = Stored::Active(self.tokens(&answer, began, None)?);
        self.replace(&stored).await
    }

    fn spent_code(&self) -> ConnectorError {
        let vendor = self.vendor.name;
        ConnectorError::new(
            ErrorKind::Auth,
            format!(
                "{vendor} does not take the browser's code any more: it is good once, and not for long; begin anew"
            ),
        )
    }

    /// Gives the refresh token back, and keeps that there is none.
    pub(super) async fn disconnect(&self, client: &Client) -> Result<(), ConnectorError> {
        let _turn = self.turn.lock().await;
        let stored = match self.stored().await {
            Ok((_, tokens)) => tokens.refresh,
            // There is nothing to give back.
            Err(error) if error.kind == ErrorKind::Auth => None,
            Err(error) => return Err(error),
        };
        if let (Some(refresh), Some(path)) = (stored, &self.vendor.revoke_path) {
            let form = vec![
                ("token", refresh.secret()),
                ("token_type_hint", SecretString::from("refresh_token")),
                ("client_id", SecretString::from(self.app.client_id.clone())),
                ("client_secret", self.app.client_secret.clone()),
            ];
            let call = Call::read("token", Method::Post, &**path);
            client.send(&call.asked_by(Asker::Nobody).body(Body::Form(form))).await?;
        }
        let why = format!("the {} account was disconnected; connect one", self.vendor.name);
        self.replace(&Stored::Expired { why }).await
    }

    /// Stores this instead of whatever is there.
    async fn replace(&self, stored: &Stored) -> Result<(), ConnectorError> {
        let (store, key) = (self.place.store.as_ref(), self.place.key());
        let bytes = stored.to_bytes()?;
        // Another one may replace it at the same time; more often than this would be a mistake.
        for _ in 0..20 {
            let current = store.token(&key).await.map_err(|error| of_store(&error))?;
            let generation = current.map_or(0, |current| current.generation);
            let replaced = store.replace_token(&key, generation, &bytes).await;
            if replaced.map_err(|error| of_store(&error))? {
                *lock(&self.known) = Known::default();
                return Ok(());
            }
        }
        Err(ConnectorError::new(
            ErrorKind::Transient,
            "the credential was replaced by others again and again; try again",
        ))
    }
}

fn grant_of(generation: u64, tokens: &Tokens) -> Grant {
    Grant::stored(tokens.access.secret(), generation, tokens.since())
}

fn of_store(error: &StoreError) -> ConnectorError {
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
