//! The records of one object type, and every way to change them. Requests and their shapes are
//! not known here.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use fluxcascade_core::Timestamp;

use super::event::{Event, What};
use super::kind::Kind;
use super::property::Properties;
use super::record::{Author, Record, Shelf};
use super::refusal::HubSpotRefusal;
use super::{HubSpotOptions, value};
use crate::sim::draw::below;

/// The resolution of HubSpot's times.
const MILLISECOND: Duration = Duration::from_millis(1);
/// The first record has an id after this one.
const FIRST_ID: u64 = 171_591_000_000;

/// All records of one object type.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) kind: Kind,
    pub(super) options: HubSpotOptions,
    pub(super) properties: Properties,
    pub(super) records: BTreeMap<u64, Record>,
    /// (property, value in lower case) → the live record that has it.
    pub(super) unique: HashMap<(String, String), u64>,
    /// The ids that were merged away, and where to.
    pub(super) merged: HashMap<u64, u64>,
    /// What happened since it was last asked for, if anybody asks.
    pub(super) events: Option<Vec<Event>>,
    seed: u64,
    last_id: u64,
}

impl Collection {
    /// Ids begin with the same number in each object type: HubSpot's are unique within one alone.
    pub(super) fn new(
        kind: Kind,
        properties: Properties,
        seed: u64,
        options: HubSpotOptions,
    ) -> Self {
        Self {
            kind,
            options,
            properties,
            records: BTreeMap::new(),
            unique: HashMap::new(),
            merged: HashMap::new(),
            events: None,
            seed,
            last_id: FIRST_ID,
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn record(&self, id: u64) -> Option<&Record> {
        self.records.get(&id)
    }

    /// Whether there is such a record, and it is not archived.
    pub(super) fn is_live(&self, id: u64) -> bool {
        self.record(id).is_some_and(|record| record.shelf() == Shelf::Live)
    }

    /// The records of a shelf, the first id and those after it, in the order of their ids.
    pub(super) fn page(&self, first: u64, on: Shelf) -> impl Iterator<Item = &Record> {
        let those = move |record: &&Record| record.shelf() == on;
        self.records.range(first..).map(|(_, record)| record).filter(those)
    }

    /// The record of this id or unique value, archived ones included by id; none if nobody has it.
    pub(super) fn find(
        &self,
        id_property: Option<&str>,
        id: &str,
    ) -> Result<Option<u64>, HubSpotRefusal> {
        let property = match id_property {
            None | Some("" | "hs_object_id") => {
                let id = id.parse().ok();
                return Ok(id.filter(|id| self.records.contains_key(id)));
            }
            Some(property) => property,
        };
        if !self.properties.is_unique(property) {
            return Err(HubSpotRefusal::request(format!(
                "Property '{property}' is not a unique property of {}",
                self.kind.singular.to_uppercase()
            )));
        }
        Ok(self.unique.get(&unique_key(property, id)).copied())
    }

    /// The live record of this id or unique value; a merged-away id leads to where it went.
    pub(super) fn live(&self, id_property: Option<&str>, id: &str) -> Result<u64, HubSpotRefusal> {
        let found = match self.find(id_property, id)? {
            Some(found) => Some(found),
            None if id_property.is_none() => self.survivor(id),
            None => None,
        };
        found.filter(|id| self.is_live(*id)).ok_or_else(|| HubSpotRefusal::not_found(id))
    }

    fn survivor(&self, id: &str) -> Option<u64> {
        let mut id: u64 = id.parse().ok()?;
        let mut last = None;
        while let Some(next) = self.merged.get(&id) {
            (id, last) = (*next, Some(*next));
        }
        last
    }

    /// The values as HubSpot would store them for this record, or for a new one.
    pub(super) fn prepared(
        &self,
        of: Option<u64>,
        given: Vec<(String, String)>,
    ) -> Result<Vec<(String, String)>, HubSpotRefusal> {
        let current = of.and_then(|id| self.records.get(&id));
        let mut problems = Vec::new();
        let mut changes = Vec::with_capacity(given.len());
        for (name, text) in given {
            let before = current.and_then(|record| record.value(&name)).unwrap_or_default();
            match self.properties.writable(&name) {
                Err(problem) => problems.push(problem),
                Ok(property) => match value::stored(property, &text, before, self.options.phone) {
                    Ok(value) => changes.push((name, value)),
                    Err(problem) => problems.push(problem),
                },
            }
        }
        if !problems.is_empty() {
            return Err(HubSpotRefusal::invalid(problems));
        }
        for (name, value) in &changes {
            if value.is_empty() || !self.properties.is_unique(name) {
                continue;
            }
            match self.unique.get(&unique_key(name, value)) {
                Some(taken) if Some(*taken) != of => {
                    return Err(HubSpotRefusal::taken(name, Some(*taken)));
                }
                Some(_) | None => {}
            }
        }
        match of {
            Some(_) => Ok(changes),
            None => self.kind.check_new(&changes).map(|()| changes),
        }
    }

    /// Makes a record.
    pub(super) fn create(
        &mut self,
        given: Vec<(String, String)>,
        by: Author,
        at: Timestamp,
    ) -> Result<u64, HubSpotRefusal> {
        let changes = self.prepared(None, given)?;
        Ok(self.create_prepared(&changes, by, at))
    }

    pub(super) fn create_prepared(
        &mut self,
        changes: &[(String, String)],
        by: Author,
        at: Timestamp,
    ) -> u64 {
        self.last_id += 1 + below(50, self.seed, &[1, self.last_id]);
        let id = self.last_id;
        self.records.insert(id, Record::new(id, at.floor_to(MILLISECOND), by, &self.kind));
        self.note(What::Creation, id, by, at);
        self.write(id, changes, by, at);
        id
    }

    /// Changes a record.
    pub(super) fn update(
        &mut self,
        id: u64,
        given: Vec<(String, String)>,
        by: Author,
        at: Timestamp,
    ) -> Result<(), HubSpotRefusal> {
        let changes = self.prepared(Some(id), given)?;
        self.write(id, &changes, by, at);
        Ok(())
    }

    /// Writes prepared values, whatever they are.
    pub(super) fn write(
        &mut self,
        id: u64,
        changes: &[(String, String)],
        by: Author,
        at: Timestamp,
    ) {
        let Some(record) = self.records.get_mut(&id) else { return };
        for (name, value) in changes.iter().filter(|(name, _)| self.properties.is_unique(name)) {
            if let Some(before) = record.value(name) {
                self.unique.remove(&unique_key(name, before));
            }
            if !value.is_empty() {
                self.unique.insert(unique_key(name, value), id);
            }
        }
        let (least, most) = self.options.search_lag;
        let spread = u64::try_from(most.saturating_sub(least).as_millis()).unwrap_or(u64::MAX);
        let drawn = below(spread.saturating_add(1), self.seed, &[2, id, record.writes]);
        let lag = least + Duration::from_millis(drawn);
        let before = record.state().properties.clone();
        record.write(changes, by, at.floor_to(MILLISECOND), at + lag);
        for (name, value) in changes {
            if before.get(name).map_or("", String::as_str) != value {
                let what = What::PropertyChange { name: name.clone(), value: value.clone() };
                self.note(what, id, by, at);
            }
        }
    }

    /// Keeps in mind what happened, if anybody asks for it.
    pub(super) fn note(&mut self, what: What, id: u64, by: Author, at: Timestamp) {
        let object = &self.kind.id;
        if let Some(events) = &mut self.events {
            events.push(Event { object: object.clone(), id, what, by, at });
        }
    }

    /// Search shows this record as it is from now on.
    pub(super) fn index_now(&mut self, id: u64) {
        if let Some(record) = self.records.get_mut(&id) {
            record.index_now();
        }
    }

    /// Archives a record, which frees its unique values.
    pub(super) fn archive(&mut self, id: u64, by: Author, at: Timestamp) {
        if !self.is_live(id) {
            return;
        }
        if let Some(record) = self.records.get_mut(&id) {
            record.archived = Some(at.floor_to(MILLISECOND));
        }
        self.free_unique_values(id);
        self.note(What::Deletion, id, by, at);
    }

    /// Takes a record back from the archive.
    pub(super) fn restore(&mut self, id: &str, at: Timestamp) -> Result<(), HubSpotRefusal> {
        let missing = || HubSpotRefusal::not_found(id);
        let id = id.parse().map_err(|_| missing())?;
        let record = self.records.get(&id).filter(|record| record.shelf() == Shelf::Archived);
        let keys = self.unique_keys(record.ok_or_else(missing)?);
        let taken = keys.iter().find_map(|key| Some((key, self.unique.get(key)?)));
        if let Some(((name, _), by)) = taken {
            return Err(HubSpotRefusal::taken(name, Some(*by)));
        }
        if let Some(record) = self.records.get_mut(&id) {
            record.archived = None;
        }
        self.unique.extend(keys.into_iter().map(|key| (key, id)));
        self.note(What::Restore, id, Author::User, at);
        Ok(())
    }

    /// Removes a record for good.
    pub(super) fn forget(&mut self, id: u64, by: Author, at: Timestamp) {
        self.free_unique_values(id);
        if self.records.remove(&id).is_some() {
            self.note(What::PrivacyDeletion, id, by, at);
            self.note(What::Deletion, id, by, at);
        }
    }

    /// What a record holds in the index of unique values, its additional e-mails included.
    pub(super) fn unique_keys(&self, record: &Record) -> Vec<(String, String)> {
        let held = record.state().properties.iter();
        let unique = held.filter(|(name, _)| self.properties.is_unique(name));
        let more = record.value("hs_additional_emails").unwrap_or_default().split(';');
        unique
            .map(|(name, value)| unique_key(name, value))
            .chain(more.filter(|mail| !mail.is_empty()).map(|mail| unique_key("email", mail)))
            .collect()
    }

    fn free_unique_values(&mut self, id: u64) {
        let keys = self.records.get(&id).map(|record| self.unique_keys(record));
        for key in keys.unwrap_or_default() {
            if self.unique.get(&key) == Some(&id) {
                self.unique.remove(&key);
            }
        }
    }
}

/// Unique values are compared without case, and without white space around them.
pub(super) fn unique_key(property: &str, value: &str) -> (String, String) {
    (property.to_owned(), value.trim().to_lowercase())
}
