//! Jobber as a server on 127.0.0.1: its GraphQL endpoint over one account, with its costs, limits
//! and habits.
//!
//! Simulated: the account; clients with their e-mails, phones, tags and billing address, and their
//! archive; properties, requests, quotes, jobs, visits and invoices; custom fields of all kinds;
//! webhooks, really sent and signed. Deliberately not: contacts, notes, payments, schedules and
//! what a calendar would do to a status, items after a create, and taxes; a quote's `transitionedAt` is the
//! time of its last change, and a job's `invoicedTotal` is always 0.
//!
//! What is done for a client goes with it, and jobs with their property. Where the account and the app have let
//! go of each other, by `appDisconnect` or in Jobber's own pages, `APP_DISCONNECT` is told, the webhook endpoints
//! end, and a call with a token of before meets Jobber's own words; with an [`app`](SimConfig::app) it
//! can be connected anew.
//!
//! Below `/__sim/records` people's own doings can be had over HTTP, by the names of the structs'
//! fields as JSON has them (`firstName`, `billingAddress`):
//!
//! | request | meaning |
//! | --- | --- |
//! | `GET /__sim/records/jobs` | all jobs; likewise `clients`, `properties`, `requests`, `quotes`, `visits`, `invoices`, `customFields` |
//! | `POST /__sim/records/clients` | makes one, and answers its `id`; a property needs a `clientId` |
//! | `GET /__sim/records/clients/ID` | one of them |
//! | `PATCH /__sim/records/clients/ID` | edits it: `{"isArchived":true}`, `{"companyName":"Lee Ltd"}` |
//! | `DELETE /__sim/records/clients/ID` | deletes it for good; a custom field can only be archived |
//!
//! Where the vendor documents nothing, the simulator decides, mostly for the more awkward of two
//! ways, and an adapter must not rely on it:
//!
//! - an edit of anything moves `updatedAt`, one that changes nothing does not;
//! - null and the empty text clear a field;
//! - an edit of the billing address replaces it whole, unless [`JobberOptions`] says otherwise;
//! - a search finds a write up to ten seconds late, unless [`JobberOptions`] says otherwise;
//! - an edit of a property moves its client's time, unless [`JobberOptions`] says otherwise;
//! - of lists, those of clients and properties lag alone; lists of work come with what changed last
//!   first; a property where there is a job stays;
//! - an edit while a list is read moves the edited row alone, unless [`JobberOptions`] says otherwise;
//! - instants are taken in the zone `Etc/UTC` alone where Jobber takes local times;
//! - of a list's deltas the edits come first, then the deletes, then the adds;
//! - `first` and `last` over 100 are taken as 100; without a sort, rows come as they were made;
//! - asking for no version is asking for one that does not exist.
//!
//! Faults speak Jobber's words: [`Effect::Limit`](super::Effect::Limit) is `THROTTLED`,
//! [`Effect::Status`](super::Effect::Status) 429 the request limit, 401 an expired token, and 200
//! the waiting room, a page in HTML.

mod change;
mod client;
mod control;
mod cost;
mod custom;
mod endpoint;
mod input;
mod ledger;
mod listing;
mod people;
mod phone;
mod schema;
mod search;
mod state;
mod variable;
mod version;
mod webhook;
mod work;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fluxcascade_core::Timestamp;
use fluxcascade_core::clock::Clock;
use secrecy::{ExposeSecret as _, SecretString};

pub use client::{
    ClientTitle, JobberAddress, JobberClient, JobberEmail, JobberPhone, JobberProperty, Receives,
};
pub use custom::{CustomFieldAppliesTo, JobberCustomField, JobberCustomValue};
pub use listing::Cursors;
pub use state::{Lag, PropertyEdits};
pub use version::ApiVersion;
pub use work::{
    CustomValues, InvoiceStatusTypeEnum, JobStatusTypeEnum, JobberInvoice, JobberJob, JobberQuote,
    JobberRecord, JobberRequest, JobberVisit, QuoteStatusTypeEnum, RequestStatusTypeEnum,
};

use super::outbox::Outbox;
use super::{Person, Sim, SimConfig, SimError, lock};
use cost::Bucket;
use schema::JobberSchema;
use state::{Shown, State};
use version::Versions;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A running simulator of Jobber. Dropping it stops it.
///
/// ```
/// # use fluxcascade_connectors::sim::SimConfig;
/// # use fluxcascade_connectors::sim::jobber::{JobberClient, JobberSim};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let sim = JobberSim::start(SimConfig::new(1)).await.unwrap();
/// let id = sim.seed_client(JobberClient::person("Ann", "Lee").with_phone("256 593 8310"));
/// sim.edit_client(&id, |ann| ann.company_name = Some("Lee Ltd".to_owned()));
/// assert_eq!(sim.client(&id).unwrap().phones[0].number, "(256) 593-8310");
/// # });
/// ```
pub type JobberSim = Sim<JobberAccount>;

/// How the simulated account differs from the usual one.
#[derive(Debug, Clone)]
pub struct JobberOptions {
    /// The account's name.
    pub account_name: String,
    /// The account's number, which makes its id.
    pub account_number: u64,
    /// The versions of the API that can be asked for.
    pub versions: Vec<ApiVersion>,
    /// How late `clients`, `clientEmails` and `clientPhones` show a write; they then list a client
    /// as it was.
    pub list_lag: Lag,
    /// How late a `searchTerm` finds what was written.
    pub search_lag: Lag,
    /// What an edit of a billing address does to the parts that it does not name.
    pub address_edit: AddressEdit,
    /// What an edit of a property does to the time of its client.
    pub property_edits: PropertyEdits,
    /// What the cursors of lists are.
    pub cursors: Cursors,
    /// The client secret by which webhooks are signed, where there is no [`app`](SimConfig::app).
    pub client_secret: String,
    /// The most points that are there for queries.
    pub maximum_available: u64,
    /// The points that come back every second.
    pub restore_rate: u64,
    /// The most requests in a window of five minutes.
    pub requests_per_window: u32,
}

/// What an edit of a billing address does to the parts that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressEdit {
    /// It clears them.
    Replaces,
    /// It leaves them.
    Merges,
}

impl Default for JobberOptions {
    /// Jobber's published limits, a consistent list, a search that is up to ten seconds late.
    fn default() -> Self {
        Self {
            account_name: "Simulated Services".to_owned(),
            account_number: 1001,
            versions: Versions::default().0,
            list_lag: Lag::NONE,
            search_lag: Lag::between(Duration::ZERO, Duration::from_secs(10)),
            address_edit: AddressEdit::Replaces,
            property_edits: PropertyEdits::MoveTheClient,
            cursors: Cursors::Places,
            client_secret: "simulated client secret".to_owned(),
            maximum_available: 10_000,
            restore_rate: 500,
            requests_per_window: 2_500,
        }
    }
}

/// The system behind a [`JobberSim`].
#[derive(Debug)]
pub struct JobberAccount {
    account: Arc<Account>,
    schema: Endpoint,
    versions: Versions,
    token: Option<SecretString>,
}

/// The schema, which has no `Debug` of its own.
struct Endpoint(JobberSchema);

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JobberSchema")
    }
}

/// What the schema's resolvers reach.
#[derive(Debug)]
struct Account {
    number: u64,
    name: String,
    created_at: Timestamp,
    requests_per_window: u32,
    address_edit: AddressEdit,
    cursors: Cursors,
    seed: u64,
    client_secret: String,
    outbox: Arc<Outbox>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Account {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The part of a list that is asked for.
    fn window(
        &self,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> listing::Window {
        listing::Window { cursors: self.cursors, first, last, after, before }
    }

    /// Never held over an await, and never taken twice.
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl JobberSim {
    /// Starts an account without clients; must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If the port cannot be listened on.
    pub async fn start(config: SimConfig) -> Result<Self, SimError> {
        Self::start_with(config, JobberOptions::default()).await
    }

    /// The same with options.
    ///
    /// # Errors
    /// If the port cannot be listened on.
    pub async fn start_with(config: SimConfig, options: JobberOptions) -> Result<Self, SimError> {
        let bucket = Bucket::full(options.maximum_available, options.restore_rate);
        let mut state = State::new(config.seed, options.list_lag, options.search_lag, bucket);
        state.property_edits = options.property_edits;
        let account = Arc::new(Account {
            number: options.account_number,
            name: options.account_name,
            created_at: config.clock.now(),
            requests_per_window: options.requests_per_window,
            address_edit: options.address_edit,
            cursors: options.cursors,
            seed: config.seed,
            client_secret: match &config.app {
                Some(app) => app.client_secret.expose_secret().to_owned(),
                None => options.client_secret,
            },
            outbox: Arc::new(Outbox::new(Arc::clone(&config.clock))),
            clock: Arc::clone(&config.clock),
            state: Mutex::new(state),
        });
        let vendor = JobberAccount {
            schema: Endpoint(schema::over(Arc::clone(&account))),
            account,
            versions: Versions(options.versions),
            token: config.token.clone(),
        };
        Self::serve(config, vendor).await
    }

    /// Where queries go: the base address and the vendor's path.
    pub fn graphql_url(&self) -> String {
        format!("{}{}", self.base_url(), endpoint::PATH)
    }

    /// A client that has been there long enough for every index to show it. Its times are kept if
    /// it has some, else they are now. Returns its id.
    pub fn seed_client(&self, client: JobberClient) -> String {
        let account = &self.vendor().account;
        account.state().insert(client, account.now(), Shown::AtOnce).id.clone()
    }

    /// So many synthetic [`Person`]s, made over the year before now; every index shows them. The
    /// same seed gives the same people in every simulator. Returns their ids.
    pub fn seed_people(&self, people: u64) -> Vec<String> {
        let account = &self.vendor().account;
        let now = account.now();
        let clamped = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        let seeded = (0..people).map(|number| {
            let mut client = JobberClient::from(Person::of(account.seed, number));
            // Evenly over a year, in the order of their ids, as if they had come one by one.
            client.created_at = now - YEAR / clamped(people) * clamped(people - number);
            account.state().insert(client, now, Shown::AtOnce).id.clone()
        });
        seeded.collect()
    }

    /// A user makes a client, now by the simulator's clock. Returns its id.
    pub fn create_client(&self, client: JobberClient) -> String {
        self.change(|state, now| state.insert(client, now, Shown::Lagging).id.clone())
    }

    /// A client as it is stored.
    pub fn client(&self, id: &str) -> Option<JobberClient> {
        self.vendor().account.state().client(id).map(|client| client.as_ref().clone())
    }

    /// All clients as they are stored, in the order in which they were made.
    pub fn clients(&self) -> Vec<JobberClient> {
        let state = self.vendor().account.state();
        state.clients().map(|client| client.as_ref().clone()).collect()
    }

    /// A user edits a client in Jobber's own pages, now by the simulator's clock. What it then is;
    /// `None` if there is no such client. The edit must not ask the simulator for anything.
    pub fn edit_client(
        &self,
        id: &str,
        edit: impl FnOnce(&mut JobberClient),
    ) -> Option<JobberClient> {
        // One step: what the API writes meanwhile must not be undone.
        self.change(|state, now| {
            let mut client = state.client(id)?.as_ref().clone();
            edit(&mut client);
            let stored = state.replace(id, client, now)?;
            Some(stored.as_ref().clone())
        })
    }

    /// A user deletes a client, and with it what is done for it, which only Jobber's own pages can do. What
    /// it was.
    pub fn delete_client(&self, id: &str) -> Option<JobberClient> {
        let removed = self.change(|state, now| state.remove(id, now))?;
        Some(removed.as_ref().clone())
    }

    /// Takes the permission for a field of a type away: `hide_field("Client", "emails")`.
    pub fn hide_field(&self, object: impl Into<String>, field: impl Into<String>) {
        let mut state = self.vendor().account.state();
        let mut hidden = state.hidden.to_vec();
        hidden.push((object.into(), field.into()));
        state.hidden = hidden.into();
    }

    /// Gives all permissions back.
    pub fn show_all_fields(&self) {
        self.vendor().account.state().hidden = Arc::new([]);
    }
}

impl From<Person> for JobberClient {
    fn from(person: Person) -> Self {
        let mut client = JobberClient::person(person.first_name, person.last_name)
            .with_email(person.email)
            .with_phone(person.phone)
            .with_billing_address(JobberAddress {
                street1: person.street,
                street2: String::new(),
                city: person.city,
                province: person.state,
                postal_code: person.zip,
                country: person.country,
            });
        client.company_name = person.company;
        client
    }
}
