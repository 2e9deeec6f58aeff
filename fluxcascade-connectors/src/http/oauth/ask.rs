//! A vendor's token endpoint: what is asked of it, and what its answers mean for a connection.

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;
use secrecy::SecretString;

use super::renew::Renewing;
use super::token::{self, Stored, TokenAnswer, Tokens};
use crate::http::answer::Answer;
use crate::http::call::{Asker, Body, Call, Method};
use crate::http::client::Client;
use crate::http::retry::{Failure, Fate};

impl Renewing {
    /// The vendor's next tokens after these, asked for before a time; or that there are none.
    pub(super) async fn asked(
        &self,
        client: &Client,
        old: &Tokens,
        leaves: Timestamp,
    ) -> Result<Stored, ConnectorError> {
        let vendor = self.vendor().name;
        let Some(refresh) = &old.refresh else {
            return Ok(Stored::Expired {
                why: format!(
                    "{vendor}'s token has ended and cannot be renewed; reconnect the account"
                ),
                account: Some(old.account.clone()),
            });
        };
        let form = vec![
            ("grant_type", SecretString::from("refresh_token")),
            ("refresh_token", refresh.secret()),
        ];
        let began = client.transport().now();
        match self.ask(client, form, Some(leaves)).await {
            Ok(answer) => {
                let next = self.tokens(Answered::read(&answer, began)?, old.account.clone());
                let refresh = next.refresh.or_else(|| Some(refresh.clone()));
                Ok(Stored::Active(Tokens { refresh, ..next }))
            }
            Err(failure) if self.is_dead(&failure) => {
                let said = failure.error;
                let why = format!(
                    "{vendor} does not renew this connection any more: the app was removed from the \
                     account, or a renewal was lost on its way; reconnect the account ({said})"
                );
                Ok(Stored::Expired { why, account: Some(old.account.clone()) })
            }
            Err(failure) => Err(self.unavailable(failure)),
        }
    }

    pub(super) fn is_dead(&self, failure: &Failure) -> bool {
        failure.fate == Fate::Refused
            && failure.answer.as_deref().is_some_and(self.vendor().is_dead)
    }

    /// A token endpoint that refuses the app, or does not answer. It says nothing of the account.
    pub(super) fn unavailable(&self, failure: Failure) -> ConnectorError {
        let error = failure.error;
        if failure.fate != Fate::Refused || error.is_transient() {
            return error;
        }
        let vendor = self.vendor().name;
        let message = format!(
            "{vendor} refused to give this app a token; check `oauth.client_id` and \
             `oauth.client_secret`: {}",
            error.message
        );
        ConnectorError { kind: ErrorKind::Permanent, message, ..error }
    }

    /// Asks for tokens once.
    pub(super) async fn ask(
        &self,
        client: &Client,
        mut form: Vec<(&'static str, SecretString)>,
        leaves: Option<Timestamp>,
    ) -> Result<Answer, Failure> {
        form.push(("client_id", SecretString::from(self.app().client_id.clone())));
        form.push(("client_secret", self.app().client_secret.clone()));
        // Others wait for what comes of it, and try again themselves. A token that rotates is good once: a
        // second request with it is refused at best.
        let path = &*self.vendor().token_path;
        let call = Call::write("token", Method::Post, path, leaves).once();
        client.send(&call.asked_by(Asker::Nobody).body(Body::Form(form))).await
    }

    /// The tokens of an answer, their times told from when it was asked for.
    pub(super) fn tokens(&self, answered: Answered, account: String) -> Tokens {
        let Answered { token, began, vendors_now } = answered;
        let life = self.vendor().life.of(&token, vendors_now);
        Tokens {
            access: token.access_token,
            refresh: token.refresh_token,
            issuer: self.issuer(),
            account,
            since: began.micros(),
            until: (began + life).micros(),
        }
    }
}

/// What the token endpoint gave.
pub(super) struct Answered {
    pub(super) token: TokenAnswer,
    /// When it was asked for.
    began: Timestamp,
    vendors_now: Timestamp,
}

impl Answered {
    pub(super) fn read(answer: &Answer, began: Timestamp) -> Result<Self, ConnectorError> {
        let vendors_now = answer.date().unwrap_or(began);
        Ok(Self { token: token::read(answer)?, began, vendors_now })
    }
}
