//! HubSpot, as HubSpot serves it: contacts, companies, deals, notes, tasks and custom objects with
//! lists, single and batch reads and writes, search with its late index, merges, archives; their
//! properties, schemas, pipelines and associations; an app's webhooks; limits.
//!
//! Both families of paths are served: `/crm/v3/…` with `/crm/v4/…` for associations, and dated ones
//! such as `/crm/objects/2026-03/…`.
//!
//! Where HubSpot's behaviour is not documented the stricter or the more awkward reading is
//! taken, so that a client that gets along here has not relied on luck:
//! a JSON `null` in a write is refused; batch reads refuse repeated ids; neither archiving nor
//! restoring moves `lastmodifieddate`; deleting what is gone answers 204; an archived record no
//! longer keeps its unique values; a merged-away id is found by single requests only; two deals
//! that are merged become a third one; records of different types may have the same id; a unique
//! property of one's own that is taken is a 400, not a 409; the associations of an archived record
//! are not shown.
//!
//! Beside [what every simulator takes](super), people's doings are done over HTTP by:
//!
//! | request | meaning |
//! | --- | --- |
//! | `GET /__sim/records/{object}` | all records, archived ones too, with all of their values |
//! | `POST /__sim/records/{object}` | a user makes a record: `{"properties":{"email":"ann@example.com"}}`; answers its `id` |
//! | `GET /__sim/records/{object}/{id}` | one record, archived or not |
//! | `PATCH /__sim/records/{object}/{id}` | a user edits it: `{"properties":{"phone":""}}` |
//! | `DELETE /__sim/records/{object}/{id}` | a user archives it |
//! | `POST /__sim/records/{object}/{id}/restore` | a user restores it |
//! | `POST /__sim/records/{object}/{id}/merge` | a user merges another record into it: `{"other":"17"}`; answers the `id` that is left |
//! | `PUT`, `DELETE /__sim/records/{object}/{id}/associations/{to}/{to_id}` | a user ties two records (`{"primary":true}` makes a company the primary one), or unties them |

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fluxcascade_core::Timestamp;
use secrecy::SecretString;

use super::outbox::Outbox;
use super::{Sim, SimConfig, SimError, lock};

mod association;
mod batch;
mod collection;
mod control;
mod delivery;
mod event;
mod filter;
mod kind;
mod limit;
mod link;
mod merge;
mod object_schema;
mod owner;
mod portal;
mod property;
mod record;
mod refusal;
mod route;
mod schema;
mod search;
mod seed;
mod single;
mod standard;
mod subscription;
mod value;
mod wire;

use association::Label;
use portal::Portal;
use record::{Author, Record};
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
    outbox: Arc<Outbox>,
}

impl HubSpotSystem {
    /// Sends what happened to those who want to know.
    fn tell(&self, portal: &mut Portal) {
        for letter in delivery::letters(portal) {
            self.outbox.post(letter);
        }
    }
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
    /// The app's client secret, which its webhooks are signed with.
    pub client_secret: SecretString,
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
    /// As HubSpot has it: a new one for deals, else the primary's.
    Usual,
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
            merged_id: MergedId::Usual,
            portal_id: 62_515,
            app_id: 9_393_361,
            client_secret: SecretString::from("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"),
        }
    }
}

/// A contact as it is stored.
pub type SimContact = SimRecord;

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimRecord {
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

impl SimRecord {
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
        let outbox = Arc::new(Outbox::new(Arc::clone(&config.clock)));
        let token = config.token.clone();
        let system = HubSpotSystem { portal: Mutex::new(portal), token, outbox };
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
        self.seed("contacts", properties)
    }

    /// A record that has been there long enough for search to show it; its times are now. Gives
    /// its id. Object types are named as in paths: `deals`, `0-3`, `2-7001`.
    ///
    /// # Errors
    /// If HubSpot would refuse it.
    pub fn seed<K: Into<String>, T: Into<String>>(
        &self,
        object: &str,
        properties: impl IntoIterator<Item = (K, T)>,
    ) -> Result<String, HubSpotRefusal> {
        let now = self.now();
        self.change(|portal| {
            let among = portal.of_mut(object)?;
            let id = among.create(given(properties), Author::User, now)?;
            among.index_now(id);
            Ok(id.to_string())
        })
    }

    /// A user makes a record. Gives its id.
    ///
    /// # Errors
    /// If HubSpot would refuse it.
    pub fn create<K: Into<String>, T: Into<String>>(
        &self,
        object: &str,
        properties: impl IntoIterator<Item = (K, T)>,
    ) -> Result<String, HubSpotRefusal> {
        let now = self.now();
        self.change(|portal| {
            let id = portal.of_mut(object)?.create(given(properties), Author::User, now)?;
            Ok(id.to_string())
        })
    }

    /// A user edits a record; an empty value clears the property.
    ///
    /// # Errors
    /// If there is no such record, or HubSpot would refuse the edit.
    pub fn edit<K: Into<String>, T: Into<String>>(
        &self,
        object: &str,
        id: &str,
        properties: impl IntoIterator<Item = (K, T)>,
    ) -> Result<(), HubSpotRefusal> {
        let now = self.now();
        self.change(|portal| {
            let among = portal.of_mut(object)?;
            let found = among.live(None, id)?;
            among.update(found, given(properties), Author::User, now)
        })
    }

    /// A user archives a record.
    ///
    /// # Errors
    /// If there is no such record.
    pub fn archive(&self, object: &str, id: &str) -> Result<(), HubSpotRefusal> {
        let now = self.now();
        self.change(|portal| {
            let among = portal.of_mut(object)?;
            let found = among.live(None, id)?;
            among.archive(found, Author::User, now);
            Ok(())
        })
    }

    /// A user restores an archived record, which only HubSpot's own pages can do.
    ///
    /// # Errors
    /// If there is no such archived record, or another has taken its unique value meanwhile.
    pub fn restore(&self, object: &str, id: &str) -> Result<(), HubSpotRefusal> {
        let now = self.now();
        self.change(|portal| portal.of_mut(object)?.restore(id, now))
    }

    /// A user merges a record into another. Gives the id of the merged record.
    ///
    /// # Errors
    /// If one of them is not there.
    pub fn merge(
        &self,
        object: &str,
        primary: &str,
        other: &str,
    ) -> Result<String, HubSpotRefusal> {
        let now = self.now();
        self.change(|portal| {
            let id = portal.merge(object, primary, other, Author::User, now)?;
            Ok(id.to_string())
        })
    }

    /// A user ties two records, each an object type and an id.
    ///
    /// # Errors
    /// If one of them is not there, or HubSpot does not tie such records.
    pub fn associate(&self, from: (&str, &str), to: (&str, &str)) -> Result<(), HubSpotRefusal> {
        self.tie(from, to, Label::Unlabelled)
    }

    /// A user makes a company the primary one of a contact or a deal.
    ///
    /// # Errors
    /// If one of them is not there, or HubSpot has no such label between them.
    pub fn associate_primary(
        &self,
        from: (&str, &str),
        to: (&str, &str),
    ) -> Result<(), HubSpotRefusal> {
        self.tie(from, to, Label::Primary)
    }

    fn tie(
        &self,
        from: (&str, &str),
        to: (&str, &str),
        label: Label,
    ) -> Result<(), HubSpotRefusal> {
        let now = self.now();
        self.change(|portal| {
            let (from, to) = (portal.end(from.0, from.1)?, portal.end(to.0, to.1)?);
            portal.associate(&from, &to, label, Author::User, now)
        })
    }

    /// A user unties two records.
    ///
    /// # Errors
    /// If one of them is not there.
    pub fn dissociate(&self, from: (&str, &str), to: (&str, &str)) -> Result<(), HubSpotRefusal> {
        let now = self.now();
        self.change(|portal| {
            let (from, to) = (portal.end(from.0, from.1)?, portal.end(to.0, to.1)?);
            portal.dissociate(&from, &to, Author::User, now);
            Ok(())
        })
    }

    /// What a record is tied to, of this object type: ids, with whether it is the primary one.
    pub fn associated(&self, from: (&str, &str), to: &str) -> Vec<(String, bool)> {
        let portal = self.portal();
        let (Ok(from), Ok(to)) = (portal.end(from.0, from.1), portal.resolve(to)) else {
            return Vec::new();
        };
        let tied = portal.associations.of(&from, &to);
        tied.map(|(id, labels)| (id.to_string(), labels.contains(&Label::Primary))).collect()
    }

    /// A record, archived or not.
    pub fn record(&self, object: &str, id: &str) -> Option<SimRecord> {
        let id = id.parse().ok()?;
        self.portal().of(object).ok()?.record(id).map(Record::public)
    }

    /// All records that are not archived, in the order of their ids.
    pub fn records(&self, object: &str) -> Vec<SimRecord> {
        let portal = self.portal();
        let among = portal.of(object).ok();
        among.map_or_else(Vec::new, |among| {
            among.page(0, record::Shelf::Live).map(Record::public).collect()
        })
    }

    /// A user makes a contact. Gives its id.
    ///
    /// # Errors
    /// If HubSpot would refuse it.
    pub fn create_contact<K: Into<String>, T: Into<String>>(
        &self,
        properties: impl IntoIterator<Item = (K, T)>,
    ) -> Result<String, HubSpotRefusal> {
        self.create("contacts", properties)
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
        self.edit("contacts", id, properties)
    }

    /// A user archives a contact.
    ///
    /// # Errors
    /// If there is no such contact.
    pub fn archive_contact(&self, id: &str) -> Result<(), HubSpotRefusal> {
        self.archive("contacts", id)
    }

    /// A user restores an archived contact, which only HubSpot's own pages can do.
    ///
    /// # Errors
    /// If there is no such archived contact, or another has taken its e-mail meanwhile.
    pub fn restore_contact(&self, id: &str) -> Result<(), HubSpotRefusal> {
        self.restore("contacts", id)
    }

    /// A user merges a contact into another. Gives the id of the merged record.
    ///
    /// # Errors
    /// If one of them is not there.
    pub fn merge_contacts(&self, primary: &str, other: &str) -> Result<String, HubSpotRefusal> {
        self.merge("contacts", primary, other)
    }

    /// A contact, archived or not.
    pub fn contact(&self, id: &str) -> Option<SimContact> {
        self.record("contacts", id)
    }

    /// All contacts that are not archived, in the order of their ids.
    pub fn contacts(&self) -> Vec<SimContact> {
        self.records("contacts")
    }

    /// Changes the portal as a person does.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Portal) -> Result<T, HubSpotRefusal>,
    ) -> Result<T, HubSpotRefusal> {
        let mut portal = self.portal();
        let changed = change(&mut portal);
        self.vendor().tell(&mut portal);
        changed
    }

    fn portal(&self) -> std::sync::MutexGuard<'_, Portal> {
        lock(&self.vendor().portal)
    }
}

fn given<K: Into<String>, T: Into<String>>(
    properties: impl IntoIterator<Item = (K, T)>,
) -> Vec<(String, String)> {
    properties.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}
