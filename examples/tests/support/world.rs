//! HubSpot and Jobber as simulators on 127.0.0.1, the real adapters before them, and one clock that
//! the test moves. What is kept in sync, and where, is each test's own.

#![allow(dead_code, reason = "each test program uses its part of this")]

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::http::HttpSettings;
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, HubSpotSim};
use fluxcascade_connectors::sim::jobber::{JobberClient, JobberOptions, JobberSim};
use fluxcascade_connectors::sim::{LoggedRequest, SimConfig};
use fluxcascade_connectors::{HubSpot, Jobber};
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::mapping::{Mapping, MappingBuilder};
use fluxcascade_core::model::{Conflict, Hold, Link, LogRow, MappingKey, RecordId};
use fluxcascade_core::store::{Page, Store};
use fluxcascade_core::transform::phone_e164;
use fluxcascade_core::{Engine, SyncReport, Timestamp};

/// The name of the mapping in all of these tests.
pub(crate) const NAME: &str = "contacts";
/// The only token that each simulator takes.
pub(crate) const TOKEN: &str = "pat-na1-the-right-one";

/// Both systems, and their time.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) hubspot: HubSpotSim,
    pub(crate) jobber: Arc<JobberSim>,
}

/// A time of the day on which all tests play.
pub(crate) fn at(time: &str) -> Timestamp {
    format!("2026-03-01T{time}:00Z").parse().unwrap()
}

pub(crate) fn id(text: &str) -> RecordId {
    RecordId::new(text).unwrap()
}

/// People by e-mail, with names, a phone and an address of one piece.
pub(crate) fn people() -> MappingBuilder {
    Mapping::builder(NAME)
        .source("hubspot", "contacts")
        .target("jobber", "clients")
        .match_on("email", "emails.primary")
        .pair("email", "emails.primary")
        .pair("firstname", "firstName")
        .pair("lastname", "lastName")
        .pair_with("phone", "phones.primary", |pair| pair.transform(phone_e164("US")))
        .pair_fields(
            ["address", "city", "zip"],
            ["billingAddress.street1", "billingAddress.city", "billingAddress.postalCode"],
            |pair| pair,
        )
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(HubSpotOptions::default(), JobberOptions::default()).await
    }

    pub(crate) async fn with(hubspot: HubSpotOptions, jobber: JobberOptions) -> Self {
        let clock = Arc::new(ManualClock::starting(at("12:00")));
        let config = || SimConfig::steered(7, Arc::clone(&clock)).token(TOKEN);
        let hubspot = HubSpotSim::start_with(config(), hubspot).await.unwrap();
        let jobber = JobberSim::start_with(config(), jobber).await.unwrap();
        Self { clock, hubspot, jobber: Arc::new(jobber) }
    }

    pub(crate) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::<ManualClock>::clone(&self.clock)
    }

    pub(crate) fn hubspot_at(&self, base_url: &str, token: &str) -> HubSpot {
        let builder = HubSpot::builder().token(token.to_owned()).base_url(base_url);
        builder.http(patience()).clock(self.shared_clock()).build().unwrap()
    }

    pub(crate) fn jobber_at(&self, base_url: &str, token: &str) -> Jobber {
        let builder = Jobber::builder().token(token.to_owned()).base_url(base_url);
        builder.http(patience()).clock(self.shared_clock()).build().unwrap()
    }

    /// An engine over the simulators.
    pub(crate) async fn engine(&self, store: Arc<dyn Store>, mapping: Mapping) -> Engine {
        Engine::builder()
            .connection("hubspot", self.hubspot_at(&self.hubspot.base_url(), TOKEN))
            .connection("jobber", self.jobber_at(&self.jobber.base_url(), TOKEN))
            .store(store)
            .clock(self.shared_clock())
            .mapping(mapping)
            .build()
            .await
            .unwrap()
    }

    pub(crate) fn minutes(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }

    pub(crate) fn time(&self, time: &str) {
        self.clock.set(at(time));
    }

    pub(crate) fn clear_requests(&self) {
        self.hubspot.clear_requests();
        self.jobber.clear_requests();
    }

    /// The requests since the log was cleared that would change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let hubspot = self.hubspot.requests();
        let jobber = self.jobber.requests();
        let of_hubspot = hubspot.iter().filter(|request| changes_hubspot(request));
        let of_jobber = jobber.iter().filter(|request| changes_jobber(request));
        of_hubspot.chain(of_jobber).map(|r| format!("{} {} {}", r.method, r.path, r.body)).collect()
    }

    /// Ann on both sides, with one phone and one address; gives both ids.
    pub(crate) fn ann(&self) -> (String, String) {
        let contact = [
            ("email", "ann@lee.example"),
            ("firstname", "Ann"),
            ("lastname", "Lee"),
            ("phone", "256 593 8310"),
            ("address", "1 Main St"),
            ("city", "Boaz"),
            ("zip", "35957"),
        ];
        let client = JobberClient::person("Ann", "Lee")
            .with_email("ann@lee.example")
            .with_phone("256 593 8310")
            .with_billing_address(address("1 Main St", "Boaz", "35957"));
        (self.hubspot.seed_contact(contact).unwrap(), self.jobber.seed_client(client))
    }

    /// A user of HubSpot edits a field.
    pub(crate) fn edit_contact(&self, contact: &str, field: &str, value: &str) {
        self.hubspot.edit_contact(contact, [(field, value)]).unwrap();
    }

    /// A user of Jobber edits the only phone.
    pub(crate) fn edit_client_phone(&self, client: &str, number: &str) {
        let edited = self.jobber.edit_client(client, |ann| ann.phones[0].number = number.into());
        assert!(edited.is_some());
    }

    pub(crate) fn contact_value(&self, contact: &str, field: &str) -> String {
        self.hubspot.contact(contact).unwrap().value(field).to_owned()
    }

    /// The digits of both sides' phones, without the country code.
    pub(crate) fn phones(&self, contact: &str, client: &str) -> (String, String) {
        let client = self.jobber.client(client).unwrap();
        assert!(client.phones.len() <= 1, "{:?}", client.phones);
        let theirs = client.phones.first().map(|phone| phone.number.clone()).unwrap_or_default();
        (national(&self.contact_value(contact, "phone")), national(&theirs))
    }
}

pub(crate) fn address(
    street: &str,
    city: &str,
    zip: &str,
) -> fluxcascade_connectors::sim::jobber::JobberAddress {
    fluxcascade_connectors::sim::jobber::JobberAddress {
        street1: street.to_owned(),
        city: city.to_owned(),
        postal_code: zip.to_owned(),
        ..Default::default()
    }
}

/// The ten digits of a phone of the United States.
pub(crate) fn national(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix('1').filter(|rest| rest.len() == 10).unwrap_or(&digits).to_owned()
}

pub(crate) fn changes_hubspot(request: &LoggedRequest) -> bool {
    let reads = ["/search", "/batch/read"];
    request.method != "GET" && !reads.iter().any(|path| request.path.ends_with(path))
}

pub(crate) fn changes_jobber(request: &LoggedRequest) -> bool {
    request.body.contains("mutation ")
}

/// Real time is only spent where a server does not answer.
fn patience() -> HttpSettings {
    HttpSettings {
        request_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
        ..HttpSettings::default()
    }
}

/// What an engine remembers of the mapping.
pub(crate) struct Memory {
    store: Arc<dyn Store>,
    key: MappingKey,
}

impl Memory {
    pub(crate) fn of(engine: &Engine) -> Self {
        let key = engine.mapping(NAME).unwrap().key.clone();
        Self { store: Arc::clone(engine.store()), key }
    }

    pub(crate) async fn conflicts(&self) -> Vec<Conflict> {
        self.store.conflicts(&self.key, &Page::all()).await.unwrap()
    }

    pub(crate) async fn holds(&self) -> Vec<Hold> {
        self.store.holds(&self.key, &Page::all()).await.unwrap()
    }

    pub(crate) async fn links(&self) -> Vec<Link> {
        self.store.links(&self.key, None, usize::MAX).await.unwrap()
    }

    pub(crate) async fn log(&self) -> Vec<LogRow> {
        self.store.log(&self.key, &Page::all()).await.unwrap()
    }
}

pub(crate) async fn sync(engine: &Engine) -> SyncReport {
    engine.sync(NAME).await.unwrap()
}
