//! Telling Jobber which webhooks to send: one endpoint per topic, made and removed by its API.
//! Jobber lists none of them: whoever subscribes keeps the ids.
//!
//! A topic that is subscribed already is refused by Jobber, and cannot be named: its words are told,
//! and what the same call subscribed is ended again, as nobody could find it later.

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
        let mut made = Vec::new();
        for topic in topics(Object::named(&request.object)?) {
            match self.endpoint(topic, &request.url).await {
                Ok(subscription) => made.push(subscription),
                Err(error) => {
                    // Whether this works or not, the first error is the one to tell.
                    self.end(&made).await.ok();
                    return Err(error);
                }
            }
        }
        Ok(made)
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
        let payload = self.told(&Document::webhook_endpoint(topic, url)).await?;
        if let Some(first) = payload.user_errors.first() {
            return Err(ConnectorError::new(
                ErrorKind::Validation,
                format!(
                    "jobber refused the webhook for {topic}: {}; one that is there already is ended \
                     by the id that was kept when it was made",
                    error::said(&first.message)
                ),
            ));
        }
        let made = payload.written("webhookEndpoint").ok_or_else(unclear)?;
        let (topic, url) = (topic.to_owned(), Some(url.to_owned()));
        Ok(Subscription { id: made.id, topic, url })
    }

    /// Ends them one by one: whether Jobber ends the rest where one is not there is not documented.
    async fn end(&self, subscriptions: &[Subscription]) -> Result<(), ConnectorError> {
        for subscription in subscriptions {
            let payload = self.told(&Document::no_webhook_endpoint(&subscription.id)).await?;
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
        }
        Ok(())
    }

    async fn told(&self, document: &Document) -> Result<Payload, ConnectorError> {
        let not_after = self.api.now() + PATIENCE;
        let reply = self.api.send(document, Sending::Write { not_after }).await?;
        let payloads: ByAlias = reply.data()?;
        match payloads.get("webhook").and_then(Option::as_deref) {
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| unclear()),
            None => Err(reply.errors.first().map_or_else(unclear, error::of_graph)),
        }
    }
}

/// Whether a refusal says that there is no such endpoint, which is what was wanted.
fn is_gone(said: &str) -> bool {
    let said = said.to_lowercase();
    ["not found", "could not be found", "does not exist"].iter().any(|words| said.contains(words))
}

fn unclear() -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Protocol,
        "jobber does not say what became of the webhook; look in the app's settings there",
    )
}
