//! The simulated account's clients: what is stored, and what lagging indexes show of it. No
//! GraphQL, no HTTP; the time is handed in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::Timestamp;

use super::change::{Ids, Refusal};
use super::client::{JobberClient, JobberProperty, Kind, decode_id, encode_id};
use super::cost::{Bucket, Gate};
use super::custom::JobberCustomField;
use super::ledger::{Ledger, Own};
use super::webhook::Endpoint;
use super::work::sealed::WorkKind;
use super::work::{JobberInvoice, JobberJob, JobberQuote, JobberRequest, JobberVisit};
use crate::sim::draw::below;

/// Jobber's times are whole seconds.
const GRANULARITY: Duration = Duration::from_secs(1);
/// Ids begin here, so that they look like a grown account's.
const FIRST_ID: u64 = 90_001;

/// How much later than a write an index shows it; drawn for each change from the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lag {
    at_least: Duration,
    at_most: Duration,
}

impl Lag {
    /// At once.
    pub const NONE: Lag = Lag { at_least: Duration::ZERO, at_most: Duration::ZERO };

    /// Exactly so much later.
    pub const fn exactly(lag: Duration) -> Self {
        Self { at_least: lag, at_most: lag }
    }

    /// Not earlier than the one, not later than the other.
    pub fn between(at_least: Duration, at_most: Duration) -> Self {
        Self { at_least, at_most: at_most.max(at_least) }
    }

    fn drawn(self, seed: u64, purpose: &[u64]) -> Duration {
        let span = self.at_most.saturating_sub(self.at_least).as_micros();
        let span = u64::try_from(span).unwrap_or(u64::MAX - 1);
        self.at_least + Duration::from_micros(below(span + 1, seed, purpose))
    }
}

/// The indexes over the clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    /// What `clients`, `clientEmails` and `clientPhones` list.
    List,
    /// What their `searchTerm` finds.
    Search,
}

/// The account as it stands.
#[derive(Debug)]
pub(super) struct State {
    seed: u64,
    list_lag: Lag,
    search_lag: Lag,
    changes: u64,
    rows: BTreeMap<u64, Row>,
    tags: BTreeMap<String, u64>,
    pub(super) ids: Ids,
    pub(super) bucket: Bucket,
    pub(super) gate: Gate,
    /// Fields that the app may not see, as (type, field).
    pub(super) hidden: Arc<[(String, String)]>,
    /// What is done for clients.
    pub(super) ledger: Ledger,
    /// The client of each property.
    properties: BTreeMap<String, u64>,
    pub(super) property_edits: PropertyEdits,
    /// What happened since it was last asked.
    pub(super) events: Vec<Event>,
    /// Who is told of it.
    pub(super) endpoints: Vec<Endpoint>,
    /// Whether the account and the app have let go of each other.
    pub(super) is_let_go: bool,
}

/// What an edit of a property does to the time of its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyEdits {
    /// It moves it.
    MoveTheClient,
    /// It leaves it, so that no read of changes shows the edit.
    LeaveTheClient,
}

/// Something that happened to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) topic: String,
    pub(super) item: String,
    pub(super) at: Timestamp,
}

impl Event {
    fn of(object: &str, what: &str, item: &str, at: Timestamp) -> Self {
        Self { topic: format!("{object}_{what}"), item: item.to_owned(), at }
    }
}

#[derive(Debug)]
struct Row {
    live: Arc<JobberClient>,
    listed: View,
    found: View,
}

/// What an index shows of a client.
#[derive(Debug, Default)]
struct View {
    shown: Option<Arc<JobberClient>>,
    /// What it will show from when on, in order.
    coming: VecDeque<(Timestamp, Arc<JobberClient>)>,
}

impl View {
    fn put(&mut self, client: &Arc<JobberClient>, now: Timestamp, lag: Duration) {
        while self.coming.front().is_some_and(|(at, _)| *at <= now) {
            self.shown = self.coming.pop_front().map(|(_, due)| due);
        }
        if lag.is_zero() {
            self.coming.clear();
            self.shown = Some(Arc::clone(client));
            return;
        }
        // An index takes changes in their order, however long each one waits.
        let earliest = self.coming.back().map_or(now, |(at, _)| *at);
        self.coming.push_back((earliest.max(now + lag), Arc::clone(client)));
    }

    fn at(&self, now: Timestamp) -> Option<&Arc<JobberClient>> {
        let due = self.coming.iter().rev().find(|(at, _)| *at <= now);
        due.map(|(_, client)| client).or(self.shown.as_ref())
    }
}

impl State {
    pub(super) fn new(seed: u64, list_lag: Lag, search_lag: Lag, bucket: Bucket) -> Self {
        Self {
            seed,
            list_lag,
            search_lag,
            changes: 0,
            rows: BTreeMap::new(),
            tags: BTreeMap::new(),
            ids: Ids::starting(FIRST_ID),
            bucket,
            gate: Gate::default(),
            hidden: Arc::new([]),
            ledger: Ledger::default(),
            properties: BTreeMap::new(),
            property_edits: PropertyEdits::MoveTheClient,
            events: Vec::new(),
            endpoints: Vec::new(),
            is_let_go: false,
        }
    }

    /// A property, with its client.
    pub(super) fn property(&self, id: &str) -> Option<(&JobberProperty, &Arc<JobberClient>)> {
        let client = &self.rows.get(self.properties.get(id)?)?.live;
        let property = client.properties.iter().find(|of| of.id == id)?;
        Some((property, client))
    }

    /// Edits a property; its client is stored anew.
    pub(super) fn edit_property(
        &mut self,
        id: &str,
        now: Timestamp,
        edit: impl FnOnce(&mut JobberProperty),
    ) -> Option<()> {
        let (_, client) = self.property(id)?;
        let mut client = client.as_ref().clone();
        let own = client.properties.iter_mut().find(|of| of.id == id)?;
        edit(own);
        id.clone_into(&mut own.id);
        let of = client.id.clone();
        self.replace(&of, client, now).map(drop)
    }

    /// Gives a client a property. Its id.
    pub(super) fn add_property(
        &mut self,
        client: &str,
        property: JobberProperty,
        now: Timestamp,
    ) -> Option<String> {
        let mut of = self.client(client)?.as_ref().clone();
        of.properties.push(JobberProperty { id: String::new(), ..property });
        let stored = self.replace(client, of, now)?;
        stored.properties.last().map(|property| property.id.clone())
    }

    /// Takes a property from its client.
    pub(super) fn remove_property(&mut self, id: &str, now: Timestamp) -> Option<JobberProperty> {
        let (property, client) = self.property(id)?;
        let (property, mut client) = (property.clone(), client.as_ref().clone());
        client.properties.retain(|of| of.id != id);
        let of = client.id.clone();
        self.replace(&of, client, now)?;
        Some(property)
    }

    /// Stores new work, now.
    pub(super) fn insert_work<T: Own>(&mut self, mut record: T, now: Timestamp) -> Arc<T> {
        record.number(self.ids.peek());
        let row = T::table_mut(&mut self.ledger).insert(record, &mut self.ids, now);
        self.events.push(Event::of(T::KIND.topic(), "CREATE", row.id(), now));
        row
    }

    /// Stores changed work.
    pub(super) fn replace_work<T: Own>(
        &mut self,
        id: &str,
        record: T,
        now: Timestamp,
    ) -> Option<Arc<T>> {
        let table = T::table_mut(&mut self.ledger);
        let before = table.get(id).map(Arc::clone)?;
        let row = table.replace(id, record, now)?;
        if row != before {
            self.events.push(Event::of(T::KIND.topic(), "UPDATE", id, now));
            let passed = T::passed(&before, &row).into_iter();
            let event =
                |topic: &str| Event { topic: topic.to_owned(), item: id.to_owned(), at: now };
            self.events.extend(passed.map(event));
        }
        Some(row)
    }

    /// Removes work for good, a job with its visits.
    pub(super) fn remove_work<T: Own>(&mut self, id: &str, now: Timestamp) -> Option<Arc<T>> {
        let row = T::table_mut(&mut self.ledger).remove(id)?;
        if T::KIND == WorkKind::Job {
            self.remove_where(|visit: &JobberVisit| visit.job_id == id, now);
        }
        self.events.push(Event::of(T::KIND.topic(), "DESTROY", id, now));
        Some(row)
    }

    /// Removes all work of a kind that is like this.
    fn remove_where<T: Own>(&mut self, is_one: impl Fn(&T) -> bool, now: Timestamp) {
        let all = T::table(&self.ledger).all().filter(|(_, of)| is_one(of));
        let ids: Vec<String> = all.map(|(_, of)| of.id().to_owned()).collect();
        for id in ids {
            self.remove_work::<T>(&id, now);
        }
    }

    /// Stores the configuration of a custom field. Its id.
    pub(super) fn add_custom_field(&mut self, of: JobberCustomField) -> String {
        self.ledger.add_custom_field(of, &mut self.ids)
    }

    /// Edits the configuration of a custom field.
    pub(super) fn edit_custom_field(
        &mut self,
        id: &str,
        edit: impl FnOnce(&mut JobberCustomField),
    ) -> Option<&JobberCustomField> {
        let of = self.ledger.custom_field_mut(id)?;
        edit(of);
        id.clone_into(&mut of.id);
        Some(of)
    }

    /// Notes which client has which property, and what happened to them. Where one is gone, so are its jobs.
    fn note_properties(
        &mut self,
        number: u64,
        before: &[JobberProperty],
        after: &[JobberProperty],
        now: Timestamp,
    ) {
        for of in after {
            self.properties.insert(of.id.clone(), number);
            match before.iter().find(|old| old.id == of.id) {
                None => self.events.push(Event::of("PROPERTY", "CREATE", &of.id, now)),
                Some(old) if old != of => {
                    self.events.push(Event::of("PROPERTY", "UPDATE", &of.id, now));
                }
                Some(_) => {}
            }
        }
        for old in before.iter().filter(|old| !after.iter().any(|of| of.id == old.id)) {
            self.remove_where(|job: &JobberJob| job.property_id == old.id, now);
            self.properties.remove(&old.id);
            self.events.push(Event::of("PROPERTY", "DESTROY", &old.id, now));
        }
    }

    /// The client of this id.
    pub(super) fn client(&self, id: &str) -> Option<&Arc<JobberClient>> {
        self.rows.get(&decode_id(Kind::Client, id)?).map(|row| &row.live)
    }

    /// All clients, in the order in which they were made.
    pub(super) fn clients(&self) -> impl Iterator<Item = &Arc<JobberClient>> {
        self.rows.values().map(|row| &row.live)
    }

    /// What an index shows of all clients, in the order in which they were made.
    pub(super) fn seen(
        &self,
        index: Index,
        now: Timestamp,
    ) -> impl Iterator<Item = (u64, &Arc<JobberClient>)> {
        self.rows.iter().filter_map(move |(number, row)| {
            let view = match index {
                Index::List => &row.listed,
                Index::Search => &row.found,
            };
            view.at(now).map(|client| (*number, client))
        })
    }

    /// What the list shows of one client.
    pub(super) fn listed(&self, number: u64, now: Timestamp) -> Option<&Arc<JobberClient>> {
        self.rows.get(&number)?.listed.at(now)
    }

    /// Stores a new client; gives it its id, and the times that it does not have.
    pub(super) fn insert(
        &mut self,
        mut client: JobberClient,
        now: Timestamp,
        shown: Shown,
    ) -> Arc<JobberClient> {
        let unset = Timestamp::default();
        let number = self.ids.number();
        client.id = encode_id(Kind::Client, number);
        let created = Some(client.created_at).filter(|at| *at != unset).unwrap_or(now);
        let updated = Some(client.updated_at).filter(|at| *at != unset).unwrap_or(created);
        client.created_at = created.floor_to(GRANULARITY);
        client.updated_at = updated.floor_to(GRANULARITY);
        self.complete(&mut client);
        let live = Arc::new(client);
        let row = Row { live: Arc::clone(&live), listed: View::default(), found: View::default() };
        self.rows.insert(number, row);
        self.show(number, now, shown);
        let told = self.events.len();
        self.events.push(Event::of("CLIENT", "CREATE", &live.id, now));
        self.note_properties(number, &[], &live.properties, now);
        if shown == Shown::AtOnce {
            // It has been there for long.
            self.events.truncate(told);
        }
        live
    }

    /// Stores a changed client; what is the same as before leaves `updatedAt`. `None` if there is
    /// no client of this id.
    pub(super) fn replace(
        &mut self,
        id: &str,
        mut client: JobberClient,
        now: Timestamp,
    ) -> Option<Arc<JobberClient>> {
        let number = decode_id(Kind::Client, id)?;
        self.complete(&mut client);
        let row = self.rows.get_mut(&number)?;
        client.id.clone_from(&row.live.id);
        client.created_at = row.live.created_at;
        client.updated_at = row.live.updated_at;
        if client == *row.live {
            return Some(Arc::clone(&row.live));
        }
        let before = Arc::clone(&row.live);
        let mut rest = client.clone();
        rest.properties.clone_from(&before.properties);
        if rest != *before || self.property_edits == PropertyEdits::MoveTheClient {
            client.updated_at = now.floor_to(GRANULARITY);
            self.events.push(Event::of("CLIENT", "UPDATE", id, now));
        }
        row.live = Arc::new(client);
        let live = Arc::clone(&row.live);
        self.note_properties(number, &before.properties, &live.properties, now);
        self.show(number, now, Shown::Lagging);
        self.rows.get(&number).map(|row| Arc::clone(&row.live))
    }

    /// Archives a client, or takes it back.
    pub(super) fn set_archived(
        &mut self,
        id: &str,
        archived: Archived,
        now: Timestamp,
    ) -> Result<Arc<JobberClient>, Refusal> {
        let mut client = self.client(id).ok_or_else(Refusal::unknown_client)?.as_ref().clone();
        client.is_archived = match archived {
            Archived::No => false,
            Archived::Yes if client.is_archivable() => true,
            Archived::Yes => {
                return Err(Refusal::of_client("Client has active work and can not be archived"));
            }
        };
        self.replace(id, client, now).ok_or_else(Refusal::unknown_client)
    }

    /// Removes a client for good and what is done for it, as a user can and the API cannot.
    pub(super) fn remove(&mut self, id: &str, now: Timestamp) -> Option<Arc<JobberClient>> {
        let number = decode_id(Kind::Client, id)?;
        let live = self.rows.remove(&number)?.live;
        self.remove_where(|of: &JobberInvoice| of.client_id == id, now);
        self.remove_where(|of: &JobberJob| of.client_id == id, now);
        self.remove_where(|of: &JobberQuote| of.client_id == id, now);
        self.remove_where(|of: &JobberRequest| of.client_id == id, now);
        self.note_properties(number, &live.properties, &[], now);
        self.events.push(Event::of("CLIENT", "DESTROY", id, now));
        Some(live)
    }

    /// The id of a label.
    pub(super) fn tag_id(&self, label: &str) -> String {
        encode_id(Kind::Tag, self.tags.get(label).copied().unwrap_or_default())
    }

    /// Gives ids to what has none, and stores everything as Jobber stores it.
    fn complete(&mut self, client: &mut JobberClient) {
        client.settle();
        let emails = client.emails.iter_mut().map(|email| (Kind::Email, &mut email.id));
        let phones = client.phones.iter_mut().map(|phone| (Kind::Phone, &mut phone.id));
        let places = client.properties.iter_mut().map(|place| (Kind::Property, &mut place.id));
        for (kind, id) in emails.chain(phones).chain(places).filter(|(_, id)| id.is_empty()) {
            *id = self.ids.next(kind);
        }
        for label in &client.tags {
            if !self.tags.contains_key(label) {
                let number = self.ids.number();
                self.tags.insert(label.clone(), number);
            }
        }
    }

    /// Puts the live client into the indexes.
    fn show(&mut self, number: u64, now: Timestamp, shown: Shown) {
        self.changes += 1;
        let (list_lag, search_lag) = match shown {
            Shown::AtOnce => (Lag::NONE, Lag::NONE),
            Shown::Lagging => (self.list_lag, self.search_lag),
        };
        let list_lag = list_lag.drawn(self.seed, &[number, self.changes, 1]);
        let search_lag = search_lag.drawn(self.seed, &[number, self.changes, 2]);
        if let Some(row) = self.rows.get_mut(&number) {
            row.listed.put(&row.live, now, list_lag);
            row.found.put(&row.live, now, search_lag);
        }
    }
}

/// When the indexes show a new client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// It has been there for long.
    AtOnce,
    /// It was written just now.
    Lagging,
}

/// Whether a client is to be archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Archived {
    Yes,
    No,
}
