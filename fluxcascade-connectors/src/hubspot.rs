//! HubSpot, by its CRM API: contacts, companies, deals, notes, tasks and custom objects.
//!
//! A custom object is named by its number (`2-123`) or by the name of its schema; references to its
//! records have the number.
//!
//! What a record is associated with are fields, too: `associations.companies` is the set of all
//! companies, `association.companies` the only one or the primary one; where there are several and none
//! of them is primary, it is absent. They are read only if they are asked for, and a change of them
//! moves no record's time: webhooks tell of it, or a full read. Associations with custom objects are
//! fields of the custom objects.
//!
//! `lifecyclestage` only moves forward in HubSpot: to take it back, it is cleared and then set, in two
//! requests. Between them everybody who reads the record sees it blank. Map it in one mapping alone: another
//! one that reads it then would clear it on its other side.
//!
//! - `config` has the settings, `client` the requests, `wire` what they carry, `error` the one
//!   place that makes errors of answers, `convert` the one place where HubSpot meets the model.
//! - `object` has the object types, `catalog` their properties as last read.
//! - `changes`, `read`, `history` and `write` are what a [`Connector`] does, `association` and `relate`
//!   the same for associations.
//! - `webhook` reads what HubSpot sends, `subscribe` tells it what to send, `provision` makes fields.
//!
//! [`HubSpot::requests`] counts by these kinds: `account`, `schema`, `list`, `search`, `read` (a
//! batch by id), `history` (the same, for the times of properties), `resolve` (one id, after a merge),
//! `associations` (a read of them), `create`, `update`, `upsert`, `archive`, `associate` (a write of
//! associations), `property`, `webhooks`.

mod association;
mod catalog;
mod changes;
mod client;
mod config;
mod convert;
mod error;
mod history;
mod object;
mod provision;
mod read;
mod relate;
mod subscribe;
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
use fluxcascade_core::model::{ObjectSchema, ObjectType, Observation, SystemName};

pub use config::{HubSpotApp, HubSpotBuilder, HubSpotConfig, HubSpotLimits, HubSpotPaths};

use crate::scrub::Scrub;
use catalog::{Catalog, Known, Reading};
use client::Api;

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
    catalog: Catalog,
    look_back: Duration,
    search_lag: Duration,
    webhooks: Option<webhook::Webhooks>,
    app: Option<subscribe::App>,
}

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

    /// Lets go of the account: the refresh token is given back to HubSpot, and the stored tokens are
    /// forgotten, so that the connection is expired until it is connected anew.
    ///
    /// # Errors
    /// If HubSpot could not be told, or the store fails: nothing is let go of then. With a private token
    /// there is nothing that could be given back.
    pub async fn disconnect(&self) -> Result<(), ConnectorError> {
        let fixed = || {
            ConnectorError::new(
                ErrorKind::Permanent,
                "a private token is not given back: delete its app in HubSpot, under Integrations",
            )
        };
        self.oauth().ok_or_else(fixed)?.disconnect().await
    }

    async fn known(&self, object: &ObjectType) -> Result<Arc<Known>, ConnectorError> {
        self.catalog.get(&self.api, object).await
    }

    fn reading<'a>(&'a self, known: &'a Known) -> Reading<'a> {
        Reading { api: &self.api, catalog: &self.catalog, known }
    }
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

    fn capabilities(&self, _: &ObjectType) -> Capabilities {
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
            // Of a unique property: contacts' e-mail, and whatever the account has made unique.
            refuses_duplicates: true,
            upserts: true,
            archives: true,
            ..Capabilities::default()
        }
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        Ok(convert::account(&self.api.account().await.map_err(told)?))
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        Ok(self.catalog.renew(&self.api, object).await.map_err(told)?.schema.clone())
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        let known = self.known(&request.object).await.map_err(told)?;
        let (reading, look_back) = (self.reading(&known), self.look_back);
        let changes = changes::Changes { reading, request: &request, look_back };
        changes.page().await.map_err(told)
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        let known = self.known(&request.object).await.map_err(told)?;
        read::fetch(&self.reading(&known), &request).await.map_err(told)
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        let known = self.known(&request.object).await.map_err(told)?;
        let scrub = Scrub::of(request.values.iter().filter_map(|value| value.as_text()));
        read::find(&self.reading(&known), &request).await.map_err(|error| scrub.apply(error))
    }
}

#[async_trait]
impl Connector for HubSpot {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        match self.known(&request.object).await {
            Ok(known) => write::write(&self.api, &known, &request).await,
            Err(error) => write::none_sent(&request, &told(error)),
        }
    }

    fn extensions(&self) -> Extensions<'_> {
        let mut extensions = Extensions::none().provisioner(self).field_history(self);
        if let Some(webhooks) = &self.webhooks {
            extensions = extensions.webhooks(webhooks);
        }
        if self.app.is_some() {
            extensions = extensions.subscriptions(self);
        }
        extensions
    }
}
