//! An account's first tokens, and its last: connecting one, and letting go of it.

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use secrecy::SecretString;

use super::PendingAuthorization;
use super::ask::Answered;
use super::flow::MayBe;
use super::renew::{Renewing, of_store};
use super::token::Stored;
use crate::http::answer::Answer;
use crate::http::call::{Asker, Body, Call, Method};
use crate::http::client::Client;
use crate::http::retry::Failure;

impl Renewing {
    /// Takes a code for the account's first tokens.
    pub(super) async fn connect(
        &self,
        client: &Client,
        code: SecretString,
        pending: PendingAuthorization,
    ) -> Result<(), ConnectorError> {
        let mut form = vec![
            ("grant_type", SecretString::from("authorization_code")),
            ("code", code),
            ("redirect_uri", SecretString::from(self.app().redirect_uri.clone())),
        ];
        form.extend(pending.verifier.map(|it| ("code_verifier", SecretString::from(it))));
        let _turn = self.turn.lock().await;
        let began = client.transport().now();
        let answer = self.ask(client, form, None).await.map_err(|failure| {
            if self.is_dead(&failure) { self.spent_code() } else { self.unavailable(failure) }
        })?;
        let answered = Answered::read(&answer, began)?;
        let account = self.whose(client, answered.token.access_token.secret()).await?;
        match pending.account {
            MayBe::Another => {}
            MayBe::TheSame => self.check_same(&account).await?,
        }
        self.replace(&Stored::Active(self.tokens(answered, account))).await
    }

    fn spent_code(&self) -> ConnectorError {
        let vendor = self.vendor().name;
        ConnectorError::new(
            ErrorKind::Auth,
            format!(
                "{vendor} does not take the browser's code any more: it is good once, and not for long; begin anew"
            ),
        )
    }

    /// The account that a token is for.
    async fn whose(&self, client: &Client, token: SecretString) -> Result<String, ConnectorError> {
        let whose = &self.vendor().whose;
        let call = whose.call().asked_by(Asker::Token(token));
        let id = match client.send(&call).await {
            Ok(answer) => whose.account(&answer),
            Err(failure) => Err(failure.error),
        };
        id.map_err(|error| {
            let message = format!(
                "the account was not connected, as {} did not say which one it is; begin anew: {}",
                self.vendor().name,
                error.message
            );
            ConnectorError { message, ..error }
        })
    }

    /// Records of two accounts must not be taken for one another's.
    async fn check_same(&self, account: &str) -> Result<(), ConnectorError> {
        // What cannot be read is of no account any more.
        let before = self.as_stored().await?.and_then(|stored| stored.ok()?.account());
        match before.filter(|before| before != account) {
            None => Ok(()),
            Some(before) => Err(ConnectorError::new(
                ErrorKind::Auth,
                format!(
                    "the browser connected {} account {account}, and this connection is of account \
                     {before}, so that nothing was changed. Connect {before}; or, if another one is to \
                     take its place, say so when you begin (`begin_with_another`)",
                    self.vendor().name
                ),
            )),
        }
    }

    /// What is stored, if there is anything, and if it can be read.
    async fn as_stored(&self) -> Result<Option<Result<Stored, ConnectorError>>, ConnectorError> {
        let stored = self.place.store.token(&self.place.key()).await;
        let stored = stored.map_err(|error| of_store(&error))?;
        Ok(stored.map(|stored| Stored::from_bytes(&stored.secret)))
    }

    /// Whether the store has no tokens, or keeps that they have ended. Tokens of another app or address,
    /// or that this version cannot read, are some.
    pub(super) async fn has_ended(&self) -> Result<bool, ConnectorError> {
        Ok(match self.as_stored().await? {
            None | Some(Ok(Stored::Expired { .. })) => true,
            Some(Ok(Stored::Active(_)) | Err(_)) => false,
        })
    }

    /// Gives the refresh token back, and keeps that there is none.
    pub(super) async fn disconnect(&self, client: &Client) -> Result<(), ConnectorError> {
        let _turn = self.turn.lock().await;
        let Some(stored) = self.as_stored().await? else { return Ok(()) };
        let (refresh, account) = match stored {
            // They are another app's, and go on.
            Ok(Stored::Active(tokens)) if tokens.issuer != self.issuer() => {
                return Err(self.of_another());
            }
            Ok(Stored::Active(tokens)) => (tokens.refresh, Some(tokens.account)),
            // There is nothing to give back.
            Ok(Stored::Expired { account, .. }) => (None, account),
            Err(_) => (None, None),
        };
        if let (Some(refresh), Some(path)) = (refresh, &self.vendor().revoke_path) {
            let form = vec![
                ("token", refresh.secret()),
                ("token_type_hint", SecretString::from("refresh_token")),
                ("client_id", SecretString::from(self.app().client_id.clone())),
                ("client_secret", self.app().client_secret.clone()),
            ];
            let call = Call::read("token", Method::Post, &**path);
            let call = call.asked_by(Asker::Nobody).body(Body::Form(form));
            match client.send(&call).await {
                Ok(_) => {}
                Err(failure) if self.is_given_back(&failure) => {}
                Err(failure) => return Err(failure.error),
            }
        }
        let why = format!("the {} account was disconnected; connect one", self.vendor().name);
        self.replace(&Stored::Expired { why, account }).await
    }

    /// Whether a refresh token is good no more, though the answer is none of a token endpoint's: all that
    /// counts is its status (RFC 7009, 2.2), and HubSpot's has no body. One that is dead was given back
    /// before, or has ended.
    fn is_given_back(&self, failure: &Failure) -> bool {
        failure.answer.as_deref().is_some_and(Answer::is_success) || self.is_dead(failure)
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
                self.forget();
                return Ok(());
            }
        }
        Err(ConnectorError::new(
            ErrorKind::Transient,
            "the credential was replaced by others again and again; try again",
        ))
    }
}
