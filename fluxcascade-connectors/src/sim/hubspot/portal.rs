//! One HubSpot account's contacts, and every way to change them. Requests and their shapes are
//! not known here.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use fluxcascade_core::Timestamp;

use super::contact::{Author, Contact, Shelf};
use super::limit::Budget;
use super::property::Properties;
use super::refusal::HubSpotRefusal;
use super::{HubSpotOptions, value};
use crate::sim::draw::{below, draw};

/// The resolution of HubSpot's times.
const MILLISECOND: Duration = Duration::from_millis(1);
/// The first record has an id after this one.
const FIRST_ID: u64 = 171_591_000_000;

/// One account.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) options: HubSpotOptions,
    pub(super) properties: Properties,
    pub(super) budget: Budget,
    pub(super) contacts: BTreeMap<u64, Contact>,
    /// (property, value in lower case) → the live record that has it.
    pub(super) unique: HashMap<(String, String), u64>,
    /// The ids that were merged away, and where to.
    pub(super) merged: HashMap<u64, u64>,
    seed: u64,
    last_id: u64,
    drawn: u64,
}

impl Portal {
    pub(super) fn new(seed: u64, options: HubSpotOptions) -> Self {
        Self {
            properties: Properties::standard(),
            budget: Budget::new(options.limits),
            options,
            contacts: BTreeMap::new(),
            unique: HashMap::new(),
            merged: HashMap::new(),
            seed,
            last_id: FIRST_ID,
            drawn: 0,
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// A number that no other draw gives.
    pub(super) fn draw_next(&mut self) -> u64 {
        self.drawn += 1;
        draw(self.seed, &[u64::MAX, self.drawn])
    }

    pub(super) fn contact(&self, id: u64) -> Option<&Contact> {
        self.contacts.get(&id)
    }

    /// The contacts of a shelf, the first id and those after it, in the order of their ids.
    pub(super) fn page(&self, first: u64, on: Shelf) -> impl Iterator<Item = &Contact> {
        let those = move |contact: &&Contact| contact.shelf() == on;
        self.contacts.range(first..).map(|(_, contact)| contact).filter(those)
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
                return Ok(id.filter(|id| self.contacts.contains_key(id)));
            }
            Some(property) => property,
        };
        if !self.properties.is_unique(property) {
            return Err(HubSpotRefusal::request(format!(
                "Property '{property}' is not a unique property of CONTACT"
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
        let live = |id: &u64| self.contacts.get(id).is_some_and(|c| c.shelf() == Shelf::Live);
        found.filter(live).ok_or_else(|| HubSpotRefusal::not_found(id))
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
        let current = of.and_then(|id| self.contacts.get(&id));
        let mut problems = Vec::new();
        let mut changes = Vec::with_capacity(given.len());
        for (name, text) in given {
            let before = current.and_then(|contact| contact.value(&name)).unwrap_or_default();
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
                Some(taken) if Some(*taken) != of => return Err(HubSpotRefusal::taken(*taken)),
                Some(_) | None => {}
            }
        }
        Ok(changes)
    }

    /// Makes a contact.
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
        self.contacts.insert(id, Contact::new(id, at.floor_to(MILLISECOND), by));
        self.write(id, changes, by, at);
        id
    }

    /// Changes a contact.
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
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        for (name, value) in changes.iter().filter(|(name, _)| self.properties.is_unique(name)) {
            if let Some(before) = contact.value(name) {
                self.unique.remove(&unique_key(name, before));
            }
            if !value.is_empty() {
                self.unique.insert(unique_key(name, value), id);
            }
        }
        let (least, most) = self.options.search_lag;
        let spread = u64::try_from(most.saturating_sub(least).as_millis()).unwrap_or(u64::MAX);
        let drawn = below(spread.saturating_add(1), self.seed, &[2, id, contact.writes]);
        let lag = least + Duration::from_millis(drawn);
        contact.write(changes, by, at.floor_to(MILLISECOND), at + lag);
    }

    /// Search shows this contact as it is from now on.
    pub(super) fn index_now(&mut self, id: u64) {
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.index_now();
        }
    }

    /// Archives a contact, which frees its unique values.
    pub(super) fn archive(&mut self, id: u64, at: Timestamp) {
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.archived.get_or_insert(at.floor_to(MILLISECOND));
        }
        self.free_unique_values(id);
    }

    /// Takes a contact back from the archive.
    pub(super) fn restore(&mut self, id: &str) -> Result<(), HubSpotRefusal> {
        let missing = || HubSpotRefusal::not_found(id);
        let id = id.parse().map_err(|_| missing())?;
        let contact = self.contacts.get(&id).filter(|contact| contact.shelf() == Shelf::Archived);
        let keys = self.unique_keys(contact.ok_or_else(missing)?);
        if let Some(taken) = keys.iter().find_map(|key| self.unique.get(key)) {
            return Err(HubSpotRefusal::taken(*taken));
        }
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.archived = None;
        }
        self.unique.extend(keys.into_iter().map(|key| (key, id)));
        Ok(())
    }

    /// Removes a contact for good.
    pub(super) fn forget(&mut self, id: u64) {
        self.free_unique_values(id);
        self.contacts.remove(&id);
    }

    /// What a contact holds in the index of unique values, its additional e-mails included.
    pub(super) fn unique_keys(&self, contact: &Contact) -> Vec<(String, String)> {
        let held = contact.state().properties.iter();
        let unique = held.filter(|(name, _)| self.properties.is_unique(name));
        let more = contact.value("hs_additional_emails").unwrap_or_default().split(';');
        unique
            .map(|(name, value)| unique_key(name, value))
            .chain(more.filter(|mail| !mail.is_empty()).map(|mail| unique_key("email", mail)))
            .collect()
    }

    fn free_unique_values(&mut self, id: u64) {
        let keys = self.contacts.get(&id).map(|contact| self.unique_keys(contact));
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
