//! What comes to the host's webhook endpoint: checked by the connector, kept as hints by the store.

use super::Engine;
use crate::connector::{Delivery, DeliveryError, Notice};
use crate::model::ConnectionName;
use crate::store::{Hint, StoreError};

/// So many hints go to the store in one call.
const HINTS: usize = 500;

/// What a delivery came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// Records that are read again, where a mapping reads their object type.
    pub records: usize,
    /// Records of accounts that are not the connection's: another engine's, if there is one for them.
    pub of_others: usize,
}

/// Why a delivery was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The engine has no such connection.
    #[error("there is no connection {connection:?}: the engine has {known}")]
    UnknownConnection {
        /// What was asked for.
        connection: String,
        /// What there is.
        known: String,
    },
    /// The connection takes no webhooks.
    #[error("{0} takes no webhooks: give its connector the secret that deliveries are signed with")]
    NotTaken(ConnectionName),
    /// The delivery was refused.
    #[error("{connection}: {error}")]
    Refused {
        /// The connection.
        connection: ConnectionName,
        /// Why.
        #[source]
        error: DeliveryError,
    },
    /// The store failed: let the system send it again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WebhookError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            WebhookError::UnknownConnection { .. } | WebhookError::NotTaken(_) => 404,
            WebhookError::Refused { error, .. } => error.status(),
            WebhookError::Store(_) => 503,
        }
    }
}

impl Engine {
    /// Takes a delivery that came to the host's webhook endpoint for a connection: its signature is
    /// checked, and the records that it is about are read in their mappings' next runs, which are due at
    /// once where they are scheduled. Nothing that it says of them is believed.
    ///
    /// It asks no system and waits for no run, so that it answers as fast as the store does: systems want
    /// their answer within a second to five.
    ///
    /// ```
    /// # async fn f(engine: fluxcascade_core::Engine) -> Result<(), Box<dyn std::error::Error>> {
    /// use fluxcascade_core::connector::Delivery;
    /// use fluxcascade_core::model::Timestamp;
    ///
    /// // In the host's handler of POST /hooks/hubspot:
    /// let delivery = Delivery {
    ///     method: "POST",
    ///     url: "https://sync.example.com/hooks/hubspot",
    ///     headers: &[("X-HubSpot-Signature-v3", "…"), ("X-HubSpot-Request-Timestamp", "…")],
    ///     body: b"[]",
    ///     received: Timestamp::from_secs(1_772_000_000),
    /// };
    /// let status = match engine.webhook("hubspot", &delivery).await {
    ///     Ok(_) => 204,
    ///     Err(error) => error.status(),
    /// };
    /// # let _ = status;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the delivery is not from the system, the connection takes none, or the store fails. Nothing of
    /// it is kept then, but for hints that the store had kept before it failed.
    pub async fn webhook(
        &self,
        connection: &str,
        delivery: &Delivery<'_>,
    ) -> Result<Heard, WebhookError> {
        let found = self.inner.connections.get_key_value(connection);
        let Some((name, behind)) = found else {
            return Err(WebhookError::UnknownConnection {
                connection: connection.to_owned(),
                known: self.connection_names(),
            });
        };
        let source = behind.connector.extensions().webhooks;
        let source = source.ok_or_else(|| WebhookError::NotTaken(name.clone()))?;
        let notices = source
            .read(delivery)
            .map_err(|error| WebhookError::Refused { connection: name.clone(), error })?;
        let (ours, others): (Vec<Notice>, Vec<Notice>) =
            notices.into_iter().partition(|notice| notice.account == behind.account);
        let hint = |notice: &Notice| Hint {
            tenant: self.inner.tenant.clone(),
            connection: name.clone(),
            object: notice.object.clone(),
            record: notice.record.clone(),
        };
        for some in ours.chunks(HINTS) {
            let hints: Vec<Hint> = some.iter().map(hint).collect();
            self.inner.store.notify(&hints).await?;
        }
        Ok(Heard { records: ours.len(), of_others: others.len() })
    }
}
