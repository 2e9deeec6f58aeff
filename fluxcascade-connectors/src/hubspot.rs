//! HubSpot: contacts, by its CRM API. Other object types come later.
//!
//! - `config` has the settings, `client` the requests, `wire` what they carry, `error` the one
//!   place that makes errors of answers, `convert` the one place where HubSpot meets the model.
//! - `changes`, `read` and `write` are what a [`Connector`] does, `webhook` reads what HubSpot sends.
//!
//! [`HubSpot::requests`] counts by these kinds: `account`, `schema`, `list`, `search`, `read` (a
//! batch by id), `resolve` (one id, after a merge), `create`, `update`.

mod changes;
mod client;
mod config;
mod convert;
mod error;
mod read;
#[cfg(test)]
mod tests;
mod webhook;
mod wire;
mod write;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, Consistency,
    DeleteSignal, ErrorKind, Extensions, FetchRequest, FindRequest, Found, Reader, WriteOutcome,
    WriteRequest,
};
use fluxcascade_core::model::{ObjectSchema, ObjectType, Observation, SystemName, Timestamp};

pub use config::{HubSpotBuilder, HubSpotConfig, HubSpotLimits, HubSpotPaths};

use client::Api;
use error::Scrub;

use crate::http::oauth::OAuth;
use crate::http::{ConnectionStatus, RequestCounts};

/// One account of HubSpot.
///
/// ```
/// use fluxcascade_connectors::hubspot::HubSpot;
/// use fluxcascade_core::Reader;
/// let hubspot = HubSpot::builder().token("pat-na1-0000").build().unwrap();
/// assert_eq!(hubspot.system().as_str(), "hubspot");
///
/// let error = HubSpot::builder().base_url("http://api.hubapi.com").build().unwrap_err();
/// assert_eq!(error.problems().len(), 2); // no token, and it would go over the wire in clear
/// ```
#[derive(Debug)]
pub struct HubSpot {
    system: SystemName,
    api: Api,
    /// The properties as last read: values cannot be read or written without their types.
    catalog: tokio::sync::Mutex<Option<Catalog>>,
    look_back: Duration,
    search_lag: Duration,
    webhooks: Option<webhook::Webhooks>,
}

#[derive(Debug, Clone)]
struct Catalog {
    schema: Arc<ObjectSchema>,
    read_at: Timestamp,
}

/// Properties come and go while an account is used; after this long they are read anew.
const CATALOG_AGE: Duration = Duration::from_secs(3600);

/// The object type that there is.
const CONTACTS: &str = "contacts";

impl HubSpot {
    /// Begins with the defaults; the token is missing.
    pub fn builder() -> HubSpotBuilder {
        HubSpotBuilder::empty()
    }

    /// Begins with the settings of a configuration file.
    pub fn from_config(config: HubSpotConfig) -> HubSpotBuilder {
        HubSpotBuilder::new(config)
    }

    /// How many requests were sent so far, by kind.
    pub fn requests(&self) -> RequestCounts {
        self.api.requests()
    }

    /// How an account is connected; none with a fixed token.
    pub fn oauth(&self) -> Option<OAuth<'_>> {
        self.api.http().oauth()
    }

    /// How the connection stands: by the stored credential, and by what the last call met. Nothing is sent.
    pub async fn status(&self) -> ConnectionStatus {
        self.api.http().status().await
    }

    async fn read_schema(&self, object: &ObjectType) -> Result<Arc<ObjectSchema>, ConnectorError> {
        let list = self.api.properties(object).await?;
        Ok(Arc::new(convert::schema(object, &list)))
    }

    /// The properties, read anew if they are old.
    async fn catalog(&self, object: &ObjectType) -> Result<Arc<ObjectSchema>, ConnectorError> {
        supported(object)?;
        let now = self.api.clock().now();
        let mut catalog = self.catalog.lock().await;
        if let Some(known) = catalog.as_ref().filter(|known| now.since(known.read_at) < CATALOG_AGE)
        {
            return Ok(Arc::clone(&known.schema));
        }
        let schema = self.read_schema(object).await?;
        *catalog = Some(Catalog { schema: Arc::clone(&schema), read_at: now });
        Ok(schema)
    }
}

fn supported(object: &ObjectType) -> Result<(), ConnectorError> {
    if object.as_str() == CONTACTS {
        return Ok(());
    }
    Err(ConnectorError::new(
        ErrorKind::Permanent,
        format!("the HubSpot adapter does not have `{object}` yet; it has `{CONTACTS}`"),
    ))
}

/// Cuts HubSpot's words to a length that can be kept.
fn told(error: ConnectorError) -> ConnectorError {
    Scrub::default().apply(error)
}

#[async_trait]
impl Reader for HubSpot {
    fn system(&self) -> &SystemName {
        &self.system
    }

    fn capabilities(&self, object: &ObjectType) -> Capabilities {
        if supported(object).is_err() {
            return Capabilities::default();
        }
        Capabilities {
            page: changes::PAGE,
            read_batch: read::BATCH,
            write_batch: write::BATCH,
            create_batch: write::BATCH,
            list: Consistency::Lagging(self.look_back),
            // By a unique property it is consistent; by any other it is a search, which is late.
            find: Consistency::Lagging(self.search_lag),
            fetch: Consistency::Consistent,
            look_back: self.look_back,
            deletes: DeleteSignal::Flag,
            conditional_writes: false,
            refuses_duplicates: true,
            ..Capabilities::default()
        }
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        Ok(convert::account(&self.api.account().await.map_err(told)?))
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        supported(object)?;
        let read_at = self.api.clock().now();
        let schema = self.read_schema(object).await.map_err(told)?;
        *self.catalog.lock().await = Some(Catalog { schema: Arc::clone(&schema), read_at });
        Ok(Arc::unwrap_or_clone(schema))
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        let schema = self.catalog(&request.object).await.map_err(told)?;
        let (api, look_back) = (&self.api, self.look_back);
        let changes = changes::Changes { api, schema: &schema, request: &request, look_back };
        changes.page().await.map_err(told)
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        let schema = self.catalog(&request.object).await.map_err(told)?;
        read::fetch(&self.api, &schema, &request).await.map_err(told)
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        let schema = self.catalog(&request.object).await.map_err(told)?;
        let scrub = Scrub::of(request.values.iter().filter_map(|value| value.as_text()));
        read::find(&self.api, &schema, &request).await.map_err(|error| scrub.apply(error))
    }
}

#[async_trait]
impl Connector for HubSpot {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        match self.catalog(&request.object).await {
            Ok(schema) => write::write(&self.api, &schema, &request).await,
            Err(error) => write::none_sent(&request, &told(error)),
        }
    }

    fn extensions(&self) -> Extensions<'_> {
        match &self.webhooks {
            Some(webhooks) => Extensions::none().webhooks(webhooks),
            None => Extensions::none(),
        }
    }
}
