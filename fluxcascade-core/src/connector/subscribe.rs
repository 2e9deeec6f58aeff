//! Telling a system which webhooks to send, and where to. Reading what it sends is
//! [`WebhookSource`](super::WebhookSource)'s.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::ConnectorError;
use crate::model::{FieldName, ObjectType};

/// Asks for what happens to records of an object type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeRequest {
    /// The object type.
    pub object: ObjectType,
    /// The fields whose changes are wanted, where a system is told them one by one.
    pub fields: Vec<FieldName>,
    /// Where deliveries go: an address that the system can reach.
    pub url: String,
}

/// Something that a system sends webhooks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The system's id of it, by which it is removed.
    pub id: String,
    /// What it is about, in the system's words, such as `contact.creation` or `CLIENT_UPDATE`.
    pub topic: String,
    /// Where its deliveries go, if the system says it.
    pub url: Option<String>,
}

/// A system that can be told which webhooks to send.
#[async_trait]
pub trait Subscriptions: Debug + Send + Sync {
    /// Subscribes to what happens to an object type's records: made, changed, gone, and what else the
    /// system tells of them. What it sends already is left as it is, and answered with the rest.
    ///
    /// Hosts keep what is answered: not every system lists it again.
    ///
    /// # Errors
    /// If the system refuses. What was subscribed by then stays.
    async fn subscribe(
        &self,
        request: SubscribeRequest,
    ) -> Result<Vec<Subscription>, ConnectorError>;

    /// What is subscribed; `None` where the system cannot say it.
    ///
    /// # Errors
    /// If the system could not be asked.
    async fn subscriptions(&self) -> Result<Option<Vec<Subscription>>, ConnectorError>;

    /// Ends subscriptions. One that has ended already is no error.
    ///
    /// # Errors
    /// If the system refuses. What was ended by then stays so.
    async fn unsubscribe(&self, subscriptions: &[Subscription]) -> Result<(), ConnectorError>;
}
