//! HubSpot's contacts, as HubSpot serves them: list, single and batch reads and writes, search
//! with its late index, properties, merges, limits. Other objects, associations and webhooks
//! are not simulated.
//!
//! Where HubSpot's behaviour is not documented the stricter or the more awkward reading is
//! taken, so that a client that gets along here has not relied on luck:
//! a JSON `null` in a write is refused; batch reads refuse repeated ids; neither archiving nor
//! restoring moves `lastmodifieddate`; deleting what is gone answers 204; an archived record no
//! longer keeps its unique values; a merged-away id is found by single requests only.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use fluxcascade_core::Timestamp;
use secrecy::SecretString;

use super::{Person, Sim, SimConfig, SimError, lock};

mod batch;
mod contact;
mod filter;
mod limit;
mod merge;
mod portal;
mod property;
mod refusal;
mod route;
mod schema;
mod search;
mod single;
mod value;
mod wire;

use contact::Author;
use portal::Portal;
pub use refusal::HubSpotRefusal;

/// A running simulator of HubSpot.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
/// use fluxcascade_connectors::sim::SimConfig;
/// use fluxcascade_connectors::sim::hubspot::HubSpotSim;
///
/// let sim = HubSpotSim::start(SimConfig::new(1)).await?;
/// let id = sim.seed_contact([("email", " Ann@Example.com"), ("firstname", "Ann")])?;
/// assert_eq!(sim.contact(&id).unwrap().value("email"), "ann@example.com");
/// assert!(sim.base_url().starts_with("http://127.0.0.1:"));
/// # Ok(()) })
/// # }
/// ```
pub type HubSpotSim = Sim<HubSpotSystem>;

/// HubSpot's side of a simulator: one portal.
#[derive(Debug)]
pub struct HubSpotSystem {
    portal: Mutex<Portal>,
    token: Option<SecretString>,
}

/// How the simulated portal differs from the usual one.
#[derive(Debug, Clone)]
pub struct HubSpotOptions {
    /// How long after a write search shows it: drawn for each write between these two.
    pub search_lag: (Duration, Duration),
    /// Whether and how the vendor's limits hold.
    pub limits: Limits,
    /// What the portal makes of a phone number that is written.
    pub phone: fn(&str) -> String,
    /// Which id a merged record has.
    pub merged_id: MergedId,
    /// The account's id.
    pub portal_id: u64,
    /// The id of the app whose token is used: the source of writes over the API.
    pub app_id: u64,
}

/// The vendor's limits on requests, by the simulator's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// No limit.
    Off,
    /// This many requests in any ten seconds, searches in any second, requests in a day (UTC).
    On {
        /// Requests in any ten seconds, searches apart.
        ten_secondly: usize,
        /// Searches in any second.
        search_secondly: usize,
        /// Requests in a day, searches apart.
        daily: u64,
    },
}

/// Which id a merged record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergedId {
    /// The primary's.
    Primary,
    /// A new one; both old ids are gone.
    New,
}

impl Default for HubSpotOptions {
    /// A lag of 0 to 30 s, the limits of a small account, phones kept as they are written but
    /// for white space around them.
    fn default() -> Self {
        Self {
            search_lag: (Duration::ZERO, Duration::from_secs(30)),
            limits: Limits::On { ten_secondly: 100, search_secondly: 5, daily: 250_000 },
            phone: |text| text.trim().to_owned(),
            merged_id: MergedId::Primary,
            portal_id: 62_515,
            app_id: 9_393_361,
        }
    }
}

/// A contact as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimContact {
    /// The record id.
    pub id: String,
    /// The properties that have a value.
    pub properties: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last written, to the millisecond.
    pub updated_at: Timestamp,
    /// When it was archived, if it is.
    pub archived_at: Option<Timestamp>,
}

impl SimContact {
    /// A property's value; empty if it has none.
    pub fn value(&self, property: &str) -> &str {
        self.properties.get(property).map_or("", String::as_str)
    }
}

impl Sim<HubSpotSystem> {
    /// Starts a portal without contacts; must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If the port cannot be listened on.
    pub async fn start(config: SimConfig) -> Result<Self, SimError> {
        Self::start_with(config, HubSpotOptions::default()).await
    }

    /// The same with options.
    ///
    /// # Errors
    /// If the port cannot be listened on.
    pub async fn start_with(config: SimConfig, options: HubSpotOptions) -> Result<Self, SimError> {
        let portal = Portal::new(config.seed, options);
        let system = HubSpotSystem { portal: Mutex::new(portal), token: config.token.clone() };
        Self::serve(config, system).await
    }

    /// A contact that has been there long enough for search to show it; its times are now.
    /// Gives its id.
    ///
    /// # Errors
    /// If HubSpot would refuse it.
    pub fn seed_contact<K: Into<String>, T: Into<String>>(
        &self,
        properties: impl IntoIterator<Item = (K, T)>,
    ) -> Result<String, HubSpotRefusal> {
        let id = self.portal().create(given(properties), Author::User, self.now())?;
        self.portal().index_now(id);
        Ok(id.to_string())
    }

    /// So many synthetic [`Person`]s, made over the year before now, which search shows; gives
    /// how many. The same seed gives the same people in every simulator.
    ///
    /// # Errors
    /// If HubSpot would refuse one, which means that these people are there already.
    pub fn seed_people(&self, people: u64) -> Result<u64, HubSpotRefusal> {
        let now = self.now();
        let mut portal = self.portal();
        for number in 0..people {
            let person = Person::of(portal.seed(), number);
            // Evenly over a year, in the order of their ids, as if they had come one by one.
            let age =
                Duration::from_secs(365 * 24 * 3600) / clamped(people) * clamped(people - number);
            let id = portal.create(contact_of(&person), Author::User, now - age)?;
            portal.index_now(id);
        }
        Ok(people)
    }

    /// A user makes a contact. Gives its id.
    ///
    /// # Errors
    /// If HubSpot would refuse it.
    pub fn create_contact<K: Into<String>, T: Into<String>>(
        &self,
        properties: impl IntoIterator<Item = (K, T)>,
    ) -> Result<String, HubSpotRefusal> {
        let id = self.portal().create(given(properties), Author::User, self.now())?;
        Ok(id.to_string())
    }

    /// A user edits a contact; an empty value clears the property.
    ///
    /// # Errors
    /// If there is no such contact, or HubSpot would refuse the edit.
    pub fn edit_contact<K: Into<String>, T: Into<String>>(
        &self,
        id: &str,
        properties: impl IntoIterator<Item = (K, T)>,
    ) -> Result<(), HubSpotRefusal> {
        let mut portal = self.portal();
        let found = portal.live(None, id)?;
        portal.update(found, given(properties), Author::User, self.now())
    }

    /// A user archives a contact.
    ///
    /// # Errors
    /// If there is no such contact.
    pub fn archive_contact(&self, id: &str) -> Result<(), HubSpotRefusal> {
        let mut portal = self.portal();
        let found = portal.live(None, id)?;
        portal.archive(found, self.now());
        Ok(())
    }

    /// A user restores an archived contact, which only HubSpot's own pages can do.
    ///
    /// # Errors
    /// If there is no such archived contact, or another has taken its e-mail meanwhile.
    pub fn restore_contact(&self, id: &str) -> Result<(), HubSpotRefusal> {
        self.portal().restore(id)
    }

    /// A user merges a contact into another. Gives the id of the merged record.
    ///
    /// # Errors
    /// If one of them is not there.
    pub fn merge_contacts(&self, primary: &str, other: &str) -> Result<String, HubSpotRefusal> {
        let id = self.portal().merge(primary, other, Author::User, self.now())?;
        Ok(id.to_string())
    }

    /// A contact, archived or not.
    pub fn contact(&self, id: &str) -> Option<SimContact> {
        let id = id.parse().ok()?;
        self.portal().contact(id).map(contact::Contact::public)
    }

    /// All contacts that are not archived, in the order of their ids.
    pub fn contacts(&self) -> Vec<SimContact> {
        self.portal().page(0, contact::Shelf::Live).map(contact::Contact::public).collect()
    }

    fn portal(&self) -> std::sync::MutexGuard<'_, Portal> {
        lock(&self.vendor().portal)
    }
}

fn clamped(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX).max(1)
}

fn given<K: Into<String>, T: Into<String>>(
    properties: impl IntoIterator<Item = (K, T)>,
) -> Vec<(String, String)> {
    properties.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn contact_of(person: &Person) -> Vec<(String, String)> {
    given([
        ("email", person.email.as_str()),
        ("firstname", &person.first_name),
        ("lastname", &person.last_name),
        ("phone", &person.phone),
        ("company", person.company.as_deref().unwrap_or_default()),
        ("address", &person.street),
        ("city", &person.city),
        ("state", &person.state),
        ("zip", &person.zip),
        ("country", &person.country),
        ("lifecyclestage", "lead"),
    ])
}
