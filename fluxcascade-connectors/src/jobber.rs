//! Jobber's clients and the work for them, over its GraphQL API. What is common to all adapters is in
//! [`crate::http`].
//!
//! # Objects
//!
//! | object | made | edited | put away | removed | its changes are read |
//! | --- | --- | --- | --- | --- | --- |
//! | `clients` | yes | yes | archived, restored | no | by `updatedAt` |
//! | `properties` | for a client | yes | no | yes | through the clients that changed; see below |
//! | `requests` | for a client | yes | archived, restored | no | by `updatedAt` |
//! | `quotes` | for a client, at a property | yes | no | no | by `updatedAt` |
//! | `jobs` | at a property | yes | no | no | newest first, down to the last read |
//! | `visits` | for a job | yes | no | yes | new ones alone; see below |
//! | `invoices` | for a client | yes | no | no | by `updatedAt` |
//!
//! References (`client`, `property`, `quote`, `request`, `job`) are [`Ref`](fluxcascade_core::model::Value::Ref)s
//! and, but for a request's `property`, set when a record is made: a later edit of one is rejected with
//! its name, unless it says what is there. A job or quote with a `client` and no `property` is made at the
//! client's only property, else at the one that is its billing address, else rejected with what to map; one
//! with both is rejected where the property is another client's.
//! A new job is invoiced once it is done, at a fixed price; new quotes and invoices have no items, and an
//! invoice without `dueDate` is due when it is issued.
//!
//! Properties have no time of their last change, and of visits only `createdAt` is known: their fields
//! are [`Webhook`](fluxcascade_core::model::SeenBy::Webhook) in the schema, and full reads find what no webhook
//! told. Statuses that come with the calendar, and balances, are
//! [`Sweep`](fluxcascade_core::model::SeenBy::Sweep). Times of visits are written in the zone `Etc/UTC`.
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
//! The fields of the other objects are those of Jobber's schema, an address and amounts with a dot
//! (`address.city`, `amounts.total`). The schema lists what the served version has of them.
//!
//! # Custom fields
//!
//! Those of clients, properties, quotes, jobs and invoices are `customFields.<name>`, with the id of
//! the configuration behind it (`customFields.Size.Z2lk…`) where several have the name; with its id a
//! field is always found. Links and areas are maps. Texts and links can be cleared; Jobber has no
//! known way to clear the others. A field that a record was given no value of is blank, whatever
//! default Jobber shows. One that is archived or renamed is absent, and a write of it is rejected with
//! its name; the other fields go on. A custom text field of clients can be looked up by. The schema is
//! kept for an hour.
//!
//! The [`Provisioner`](fluxcascade_core::connector::Provisioner) makes a text field that people cannot
//! edit and that is not carried over from one record to another.
//!
//! # What is read of a record
//!
//! - An archived client or request is [`Archived`](fluxcascade_core::model::State::Archived), with its
//!   values. A closed job and an archived quote are not: their status says it.
//! - What is deleted in Jobber is missing by id, and in full reads; webhooks tell of it.
//! - A field that Jobber hides for want of a scope is absent, never blank. A record that it hides,
//!   or of which it hides a field that cannot be null, is
//!   [`OutOfScope`](fluxcascade_core::model::State::OutOfScope). Where Jobber answers a whole page with
//!   null for it, the page is asked for with its ids alone, and its records are read by id.
//! - `balance` changes without `updatedAt`: only full reads show it, and the schema says so.
//!
//! # Requests
//!
//! They are counted by these kinds: `account`, `schema`, the name of an object whose changes are read,
//! `search`, `fetch`, `edit`, `create`, `field`, `webhook`. Every query costs points of the account; one
//! that is known to need more than there are waits, and a page that costs more than the account ever has
//! is halved until it fits. Where workers share a budget they share the points, too
//! ([`JobberLimits`]).

mod changes;
mod client;
mod config;
mod convert;
mod cost;
mod custom;
mod document;
mod error;
mod fields;
mod find;
mod leave;
mod lists;
mod mutation;
mod object;
mod points;
mod provision;
mod queue;
mod read;
mod rows;
mod schema;
mod subscribe;
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
    DeleteSignal, ErrorKind, Extensions, FetchRequest, FindRequest, Found, Reader, WriteOutcome,
    WriteRequest,
};
use fluxcascade_core::model::{FieldName, ObjectSchema, ObjectType, Observation, SystemName};
use object::{Archive, Object};

pub use config::{JobberBuilder, JobberConfig, JobberLimits, VERSION};
pub use version::VersionNotice;

use crate::http::oauth::OAuth;
use crate::http::{ConnectionStatus, RequestCounts};

/// What the system calls itself.
const SYSTEM: &str = "jobber";

/// One Jobber account.
#[derive(Debug)]
pub struct Jobber {
    api: client::Api,
    system: SystemName,
    reading: changes::Reading,
    restarts: changes::Restarts,
    edits_per_request: usize,
    find_lag: Duration,
    catalog: custom::Catalog,
    webhooks: Option<webhook::Webhooks>,
    subscribed: subscribe::Subscribed,
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

    /// Lets go of the account: Jobber is told that the app has done with it, and then the stored tokens
    /// are forgotten, so that the connection is expired until it is connected anew.
    ///
    /// # Errors
    /// If Jobber could not be told, also for a token that it does not take, or the store fails; the tokens
    /// stay then. Where the account let go of the app itself, or is not active, there is nobody to tell, and
    /// no error.
    pub async fn disconnect(&self) -> Result<(), ConnectorError> {
        let told = leave::account(&self.api).await;
        let Some(oauth) = self.oauth() else { return told };
        match told {
            // Whoever renews a token is told, and keeps, that there is nothing to renew any more.
            Err(error) if error.kind == ErrorKind::Auth && oauth.has_ended().await? => {}
            told => told?,
        }
        oauth.disconnect().await
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

    fn capabilities(&self, object: &ObjectType) -> Capabilities {
        let object = Object::named(object).ok();
        let shelves = object.is_some_and(|object| object.archive() != Archive::Never);
        Capabilities {
            page: self.reading.page_size,
            read_batch: read::READ_BATCH,
            write_batch: self.edits_per_request,
            create_batch: 1,
            list: Consistency::Lagging(self.reading.look_back),
            find: Consistency::Lagging(self.find_lag),
            fetch: Consistency::Consistent,
            look_back: self.reading.look_back,
            deletes: object.map_or(DeleteSignal::Absence, Object::delete_signal),
            conditional_writes: false,
            refuses_duplicates: false,
            archives: shelves,
            restores: shelves,
            deletes_for_good: object.is_some_and(Object::can_be_deleted),
            ..Capabilities::default()
        }
    }

    async fn account(&self) -> Result<Account, ConnectorError> {
        read::account(&self.api).await
    }

    async fn schema(&self, object: &ObjectType) -> Result<ObjectSchema, ConnectorError> {
        schema::read(&self.api, &self.catalog, object).await
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, ConnectorError> {
        let names = request.projection.fields();
        let known = self.fields(&request.object, names).await?;
        let fields = known.all_named(names)?;
        let (api, catalog) = (&self.api, &self.catalog);
        let how = (self.reading, &self.restarts);
        changes::page(api, catalog, how, known.object, &fields, &request).await
    }

    async fn fetch(&self, request: FetchRequest) -> Result<Vec<Observation>, ConnectorError> {
        let names = request.projection.fields();
        let known = self.fields(&request.object, names).await?;
        let fields = known.all_named(names)?;
        read::fetch(&self.api, &self.catalog, known.object, &fields, request.records).await
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
        let names = request.projection.fields().iter().chain([&request.field]);
        let known = self.fields(&request.object, names).await?;
        find::find(&self.api, &known, request).await
    }
}

impl Jobber {
    /// The fields of an object, by whichever of these names are known.
    async fn fields<'a>(
        &self,
        object: &ObjectType,
        names: impl IntoIterator<Item = &'a FieldName>,
    ) -> Result<custom::Fields, ConnectorError> {
        self.catalog.fields(&self.api, Object::named(object)?, names).await
    }
}

fn refuses_a_custom_field(outcome: &WriteOutcome) -> bool {
    let WriteOutcome::Rejected { fields, .. } = outcome else { return false };
    fields.iter().any(|field| field.as_str().starts_with(custom::PREFIX))
}

#[async_trait]
impl Connector for Jobber {
    async fn write(&self, request: WriteRequest) -> Vec<WriteOutcome> {
        let written = request.writes.iter().flat_map(|write| &write.fields).map(|(name, _)| name);
        let names: Vec<&FieldName> = request.projection.fields().iter().chain(written).collect();
        match self.fields(&request.object, names).await {
            Ok(known) => {
                let outcomes =
                    write::write(&self.api, self.edits_per_request, &known, request).await;
                if outcomes.iter().any(refuses_a_custom_field) {
                    // It may not be what it was when the configurations were read.
                    self.catalog.forget(known.object);
                }
                outcomes
            }
            Err(error) => vec![WriteOutcome::NotSent(error); request.writes.len()],
        }
    }

    fn extensions(&self) -> Extensions<'_> {
        let always = Extensions::none().provisioner(self).subscriptions(self);
        match &self.webhooks {
            Some(webhooks) => always.webhooks(webhooks),
            None => always,
        }
    }
}
