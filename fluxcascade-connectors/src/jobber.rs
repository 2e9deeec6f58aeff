//! Jobber's clients, over its GraphQL API. What is common to all adapters is in [`crate::http`].
//!
//! # Fields of a client
//!
//! | field | |
//! | --- | --- |
//! | `firstName`, `lastName`, `companyName` | texts |
//! | `isCompany` | cannot be cleared |
//! | `title` | `DR`, `MISS`, `MR`, `MRS`, `MS` |
//! | `billingAddress.street1`, `.street2`, `.city`, `.province`, `.postalCode`, `.country` | texts; a write reads the address first and sends it whole |
//! | `emails.primary`, `.main`, `.work`, `.personal`, `.other` | entries of the list of e-mails |
//! | `phones.primary`, `.main`, `.work`, `.mobile`, `.home`, `.fax`, `.other` | entries of the list of phones |
//! | `isLead`, `isArchived`, `balance`, `jobberWebUri`, `createdAt`, `updatedAt` | read only |
//!
//! `primary` is the first entry that is flagged so. A client without a flag has a blank primary:
//! where an account has such clients, let a second match rule go by `emails.main`. A description
//! is the first entry of it that is not flagged, else one that is. A write reads the list first,
//! and does the least that makes the field show the value and leaves the other fields of the
//! mapping as they are; entries that no such field shows are not deleted, and keep their address.
//!
//! # What is read of a client
//!
//! - Archived is [`Archived`](fluxcascade_core::model::State::Archived), with its values. There is no
//!   other delete to be seen.
//! - A field that Jobber hides for want of a scope is absent, never blank. A client that it hides,
//!   or of which it hides a field that cannot be null, is
//!   [`OutOfScope`](fluxcascade_core::model::State::OutOfScope).
//! - `balance` changes without `updatedAt`: only full reads show it, and the schema says so.
//!
//! # Requests
//!
//! They are counted by these kinds: `account`, `clients`, `search`, `fetch`, `edit`, `create`.
//! Every query costs points of the account; one that is known to need more than there are waits.

mod changes;
mod client;
mod config;
mod convert;
mod cost;
mod document;
mod error;
mod fields;
mod lists;
mod read;
#[cfg(test)]
mod tests;
mod version;
mod webhook;
mod wire;
mod write;

use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::connector::{
    Account, Capabilities, ChangesPage, ChangesRequest, Connector, ConnectorError, Consistency,
    DeleteSignal, Extensions, FetchRequest, FindRequest, Found, Reader, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{ObjectSchema, ObjectType, Observation, SystemName};

pub use config::{JobberBuilder, JobberConfig, JobberLimits, VERSION};
pub use version::VersionNotice;

use crate::http::oauth::OAuth;
use crate::http::{ConnectionStatus, RequestCounts};

/// What the system calls itself.
const SYSTEM: &str = "jobber";

/// The clients of one Jobber account.
#[derive(Debug)]
pub struct Jobber {
    api: client::Api,
    system: SystemName,
    reading: changes::Reading,
    edits_per_request: usize,
    find_lag: Duration,
    webhooks: Option<webhook::Webhooks>,
}

impl Jobber {
    /// Sets up a connection.
    pub fn builder() -> JobberBuilder {
        JobberBuilder::default()
    }

    /// How an account is connected; none with a fixed token.
    pub fn oauth(&self) -> Option<OAuth<'_>> {
        self.api.http().oauth()
    }

    /// How the connection stands: by the stored credential, and by what the last call met. Nothing is sent.
    pub async fn status(&self) -> ConnectionStatus {
        self.api.http().status().await
    }

    /// How many requests were sent, by kind.
    pub fn requests(&self) -> RequestCounts {
        self.api.requests()
    }

    /// What Jobber said of the API version in its last answer that spoke of it: that another one
    /// answered, or that this one will go. Hosts show it to whoever keeps the program up to date.
    pub fn version_notice(&self) -> Option<VersionNotice> {
        self.api.version_notice()
    }
}

#[async_trait]
impl Reader for Jobber {
    fn system(&self) -> &SystemName {
        &self.system
    }

    fn capabilities(&self, _object: &ObjectType) -> Capabilities {
        Capabilities {
            page: self.reading.page_size,
            read_batch: read::READ_BATCH,
            write_batch: self.edits_per_request,
            create_batch: 1,
            list: Consistency::Lagging(self.reading.look_back),
            find: Consistency::Lagging(self.find_lag),
            fetch: Consistency::Consistent,
            look_back: self.reading.look_back,
            deletes: DeleteSignal::Flag,
            conditional_writes: false,
            refuses_duplicates: false,
            ..Capabilities::default()
        }
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        read::account(&self.api).await
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        fields::expect_clients(object)?;
        Ok(fields::schema(object))
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        fields::expect_clients(&request.object)?;
        changes::page(&self.api, self.reading, request).await
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        fields::expect_clients(&request.object)?;
        read::fetch(&self.api, request).await
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        fields::expect_clients(&request.object)?;
        read::find(&self.api, request).await
    }
}

#[async_trait]
impl Connector for Jobber {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        match fields::expect_clients(&request.object) {
            Ok(()) => write::write(&self.api, self.edits_per_request, request).await,
            Err(error) => vec![WriteOutcome::NotSent(error); request.writes.len()],
        }
    }

    fn extensions(&self) -> Extensions<'_> {
        match &self.webhooks {
            Some(webhooks) => Extensions::none().webhooks(webhooks),
            None => Extensions::none(),
        }
    }
}
