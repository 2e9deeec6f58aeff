//! Telling Jobber which webhooks to send: one endpoint per topic, made and removed by its API.
//! Jobber lists none of them: whoever subscribes keeps the ids.
//!
//! A topic that is subscribed already is refused by Jobber, which does not say its id. What this
//! connector made itself it remembers, and answers where Jobber refuses it as one that is there: it may
//! have been ended since by somebody else, and is made anew then; of what somebody else made, or was made and the
//! answer lost, the error names the topic, and the ids that were made beside it. Nothing is ended.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::connector::{
    ConnectorError, ErrorKind, SubscribeRequest, Subscription, Subscriptions,
};

use super::Jobber;
use super::client::Sending;
use super::document::Document;
use super::error;
use super::object::Object;
use super::wire::{ByAlias, Payload};
use crate::http::Fate;

/// How long an endpoint may be waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What Jobber tells of an object's records.
pub(super) fn topics(object: Object) -> &'static [&'static str] {
    match object {
        Object::Clients => &["CLIENT_CREATE", "CLIENT_UPDATE", "CLIENT_DESTROY"],
        Object::Properties => &["PROPERTY_CREATE", "PROPERTY_UPDATE", "PROPERTY_DESTROY"],
        Object::Requests => &["REQUEST_CREATE", "REQUEST_UPDATE", "REQUEST_DESTROY"],
        Object::Jobs => &["JOB_CREATE", "JOB_UPDATE", "JOB_DESTROY", "JOB_CLOSED"],
        Object::Quotes => {
            &["QUOTE_CREATE", "QUOTE_UPDATE", "QUOTE_DESTROY", "QUOTE_SENT", "QUOTE_APPROVED"]
        }
        Object::Visits => &["VISIT_CREATE", "VISIT_UPDATE", "VISIT_DESTROY", "VISIT_COMPLETE"],
        Object::Invoices => &["INVOICE_CREATE", "INVOICE_UPDATE", "INVOICE_DESTROY"],
    }
}

#[async_trait]
impl Subscriptions for Jobber {
    async fn subscribe(
        &self,
        request: SubscribeRequest,
    ) -> Result<Vec<Subscription>, ConnectorError> {
        let mut all = Vec::new();
        let mut failed: Option<ConnectorError> = None;
        for topic in topics(Object::named(&request.object)?) {
            match self.endpoint(topic, &request.url).await {
                Ok(subscription) => {
                    self.subscribed.add(&subscription);
                    all.push(subscription);
                }
                // The others can be had all the same.
                Err(error) if error.kind == ErrorKind::Validation => {
                    failed =
                        Some(failed.map_or_else(|| error.clone(), |first| both(first, &error)));
                }
                Err(error) => {
                    failed =
                        Some(failed.map_or_else(|| error.clone(), |first| both(first, &error)));
                    break;
                }
            }
        }
        match failed {
            None => Ok(all),
            Some(error) => Err(with_made(error, &all)),
        }
    }

    async fn subscriptions(&self) -> Result<Option<Vec<Subscription>>, ConnectorError> {
        Ok(None)
    }

    async fn unsubscribe(&self, subscriptions: &[Subscription]) -> Result<(), ConnectorError> {
        self.end(subscriptions).await
    }
}

impl Jobber {
    async fn endpoint(&self, topic: &str, url: &str) -> Result<Subscription, ConnectorError> {
        let payload = self.told(topic, &Document::webhook_endpoint(topic, url)).await?;
        if let Some(first) = payload.user_errors.first() {
            let known = || self.subscribed.of(topic, url);
            if let Some(known) = is_there(&first.message).then(known).flatten() {
                return Ok(known);
            }
            return Err(ConnectorError::new(
                ErrorKind::Validation,
                format!(
                    "jobber refused the webhook for {topic}: {}; if it is there already it is left as \
                     it is, and is ended by the id that was kept when it was made",
                    error::said(&first.message)
                ),
            ));
        }
        let made = payload.written("webhookEndpoint").ok_or_else(|| unclear(topic))?;
        let (topic, url) = (topic.to_owned(), Some(url.to_owned()));
        Ok(Subscription { id: made.id, topic, url })
    }

    /// Ends them one by one: whether Jobber ends the rest where one is not there is not documented.
    async fn end(&self, subscriptions: &[Subscription]) -> Result<(), ConnectorError> {
        for subscription in subscriptions {
            let document = Document::no_webhook_endpoint(&subscription.id);
            let payload = self.told(&subscription.topic, &document).await?;
            let refused = payload.user_errors.iter().find(|error| !is_gone(&error.message));
            if let Some(refused) = refused {
                return Err(ConnectorError::new(
                    ErrorKind::Validation,
                    format!(
                        "jobber does not end the webhook for {}: {}",
                        subscription.topic,
                        error::said(&refused.message)
                    ),
                ));
            }
            self.subscribed.forget(&subscription.id);
        }
        Ok(())
    }

    async fn told(&self, topic: &str, document: &Document) -> Result<Payload, ConnectorError> {
        let not_after = self.api.now() + PATIENCE;
        let reply = match self.api.send(document, Sending::Write { not_after }).await {
            Err(failure) if failure.fate == Fate::Unknown => {
                let error = failure.error;
                let message = format!("{}: {}", unclear(topic).message, error.message);
                return Err(ConnectorError { message, ..error });
            }
            reply => reply?,
        };
        let unclear = || unclear(topic);
        let payloads: ByAlias = reply.data()?;
        match payloads.get("webhook").and_then(Option::as_deref) {
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| unclear()),
            None => Err(reply.errors.first().map_or_else(unclear, error::of_graph)),
        }
    }
}

/// Whether a refusal says that there is such an endpoint. Its words are not documented.
fn is_there(said: &str) -> bool {
    let said = said.to_lowercase();
    ["already", "taken", "duplicate", "exists"].iter().any(|word| said.contains(word))
        && !is_gone(&said)
}

/// Whether a refusal says that there is no such endpoint, which is what was wanted.
fn is_gone(said: &str) -> bool {
    let said = said.to_lowercase();
    ["not found", "could not be found", "does not exist"].iter().any(|words| said.contains(words))
}

fn unclear(topic: &str) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Protocol,
        format!(
            "jobber does not say what became of the webhook for {topic}; it may be there, and then is \
             refused the next time"
        ),
    )
}

/// Both of two errors, as the first kind of them that is not a mere refusal.
fn both(first: ConnectorError, second: &ConnectorError) -> ConnectorError {
    let kind = if second.kind == ErrorKind::Validation { first.kind } else { second.kind };
    ConnectorError { kind, message: format!("{}; {}", first.message, second.message), ..first }
}

/// The error, and what is to be kept of what was made before it.
fn with_made(error: ConnectorError, made: &[Subscription]) -> ConnectorError {
    if made.is_empty() {
        return error;
    }
    let ids: Vec<String> = made.iter().map(|of| format!("{} is {}", of.topic, of.id)).collect();
    let message = format!("{}; these are there, keep their ids: {}", error.message, ids.join(", "));
    ConnectorError { message, ..error }
}

/// What this connector has subscribed, as nobody else can say it.
#[derive(Debug, Default)]
pub(super) struct Subscribed(Mutex<Vec<Subscription>>);

impl Subscribed {
    fn of(&self, topic: &str, url: &str) -> Option<Subscription> {
        let is = |of: &&Subscription| of.topic == topic && of.url.as_deref() == Some(url);
        self.lock().iter().find(is).cloned()
    }

    fn add(&self, subscription: &Subscription) {
        let mut all = self.lock();
        all.retain(|of| of.topic != subscription.topic);
        all.push(subscription.clone());
    }

    fn forget(&self, id: &str) {
        self.lock().retain(|of| of.id != id);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Subscription>> {
        // Each change of it is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
