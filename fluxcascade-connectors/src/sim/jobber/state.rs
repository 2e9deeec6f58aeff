//! The simulated account's clients: what is stored, and what lagging indexes show of it. No
//! GraphQL, no HTTP; the time is handed in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::Timestamp;

use super::change::{Ids, Refusal};
use super::client::{JobberClient, Kind, decode_id, encode_id};
use super::cost::{Bucket, Gate};
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
        client.updated_at = now.floor_to(GRANULARITY);
        row.live = Arc::new(client);
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

    /// Removes a client for good, as a user can and the API cannot.
    pub(super) fn remove(&mut self, id: &str) -> Option<Arc<JobberClient>> {
        self.rows.remove(&decode_id(Kind::Client, id)?).map(|row| row.live)
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
