//! Maps with their reverse: match keys, links, operations and holds, each found from every end.
//!
//! An index keeps itself consistent; it knows nothing of inboxes, leases or what is due.

use std::collections::{BTreeMap, BTreeSet};

use fluxcascade_core::model::{
    Awaited, Fingerprint, Hold, HoldKey, Link, LinkId, LinkStatus, MatchKeys, Operation,
    OperationId, RecordId, Side, Sides,
};

use crate::rules::{self, Kept};

/// A match key: the rule, and the keyed fingerprint.
pub(super) type Key = (u16, Fingerprint);

/// A record's keys, by rule, and where it is.
type KeysOf = (Kept, BTreeMap<u16, Fingerprint>);

/// Which record has which match keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    of_record: Sides<BTreeMap<RecordId, KeysOf>>,
    holders: BTreeMap<Key, Sides<BTreeSet<(Kept, RecordId)>>>,
}

impl Keys {
    /// Replaces a record's keys.
    pub(super) fn replace(&mut self, side: Side, record: &RecordId, keys: &MatchKeys, kept: Kept) {
        let had = MatchKeys::from(self.of(side, record).collect::<Vec<_>>());
        self.put(side, record, keys.after(&had).valid.into_iter().collect(), kept);
    }

    /// Notes that a record is archived, or live again. It keeps its keys.
    pub(super) fn keep_as(&mut self, side: Side, record: &RecordId, kept: Kept) {
        match self.of_record[side].get(record) {
            Some((on, keys)) if *on != kept => self.put(side, record, keys.clone(), kept),
            Some(_) | None => {}
        }
    }

    fn put(&mut self, side: Side, record: &RecordId, keys: BTreeMap<u16, Fingerprint>, kept: Kept) {
        if let Some((on, old)) = self.of_record[side].remove(record) {
            let place = (on, record.clone());
            for key in old {
                let Some(holders) = self.holders.get_mut(&key) else { continue };
                holders[side].remove(&place);
                if Side::BOTH.iter().all(|side| holders[*side].is_empty()) {
                    self.holders.remove(&key);
                }
            }
        }
        for key in &keys {
            let holders = self.holders.entry((*key.0, *key.1)).or_default();
            holders[side].insert((kept, record.clone()));
        }
        if !keys.is_empty() {
            self.of_record[side].insert(record.clone(), (kept, keys));
        }
    }

    /// A record's keys, in order of the rules.
    pub(super) fn of(&self, side: Side, record: &RecordId) -> impl Iterator<Item = Key> {
        let keys = self.of_record[side].get(record).into_iter().flat_map(|(_, keys)| keys);
        keys.map(|(rule, print)| (*rule, *print))
    }

    /// The records of a side that have any key, in order.
    pub(super) fn records(&self, side: Side) -> impl Iterator<Item = &RecordId> {
        self.of_record[side].keys()
    }

    /// The records of a side that have a key: live ones first, each kind in order.
    pub(super) fn holders(&self, key: Key, side: Side) -> impl Iterator<Item = &(Kept, RecordId)> {
        self.holders.get(&key).into_iter().flat_map(move |holders| &holders[side])
    }
}

/// Links by id, and the one link that a record has.
#[derive(Debug, Default)]
pub(super) struct Links {
    by_id: BTreeMap<LinkId, Link>,
    of_record: Sides<BTreeMap<RecordId, LinkId>>,
    /// Tombstones, by the records that they name.
    ended: Sides<BTreeMap<RecordId, BTreeSet<LinkId>>>,
}

impl Links {
    /// All links, in order of their ids.
    pub(super) fn by_id(&self) -> &BTreeMap<LinkId, Link> {
        &self.by_id
    }

    /// A link.
    pub(super) fn get(&self, id: LinkId) -> Option<&Link> {
        self.by_id.get(&id)
    }

    /// The link of a record, unless it is a tombstone.
    pub(super) fn of(&self, side: Side, record: &RecordId) -> Option<LinkId> {
        self.of_record[side].get(record).copied()
    }

    /// The records of a side that have a link which is no tombstone, in order.
    pub(super) fn records(&self, side: Side) -> impl Iterator<Item = &RecordId> {
        self.of_record[side].keys()
    }

    /// The tombstones that name a record, in order of their ids.
    pub(super) fn ended(&self, side: Side, record: &RecordId) -> impl Iterator<Item = &Link> {
        let ids = self.ended[side].get(record).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id))
    }

    /// All links that name a record, tombstones too.
    pub(super) fn naming(&self, side: Side, record: &RecordId) -> impl Iterator<Item = &Link> {
        let live = self.of(side, record).and_then(|id| self.by_id.get(&id));
        live.into_iter().chain(self.ended(side, record))
    }

    /// A link, to write it anew with the same records.
    pub(super) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.by_id.get_mut(&id)
    }

    /// Forgets a link.
    pub(super) fn remove(&mut self, id: LinkId) {
        self.unseat(id);
        self.by_id.remove(&id);
    }

    /// Stores a link. The caller has checked that its records are free.
    pub(super) fn put(&mut self, link: Link) {
        for side in Side::BOTH {
            let record = link.records[side].clone();
            if link.status == LinkStatus::Tombstone {
                self.ended[side].entry(record).or_default().insert(link.id);
            } else {
                self.of_record[side].insert(record, link.id);
            }
        }
        self.by_id.insert(link.id, link);
    }

    /// Takes a link's records out of the index before the link is changed.
    pub(super) fn unseat(&mut self, id: LinkId) {
        let Some(link) = self.by_id.get(&id) else { return };
        for side in Side::BOTH {
            let record = &link.records[side];
            if self.of_record[side].get(record) == Some(&id) {
                self.of_record[side].remove(record);
            }
            drop_from(&mut self.ended[side], record, &id);
        }
    }
}

/// Operations whose outcome is not known.
#[derive(Debug, Default)]
pub(super) struct Operations {
    by_id: BTreeMap<OperationId, Operation>,
    of_link: BTreeMap<LinkId, BTreeSet<OperationId>>,
    of_record: Sides<BTreeMap<RecordId, BTreeSet<OperationId>>>,
    claims: BTreeMap<Key, BTreeSet<OperationId>>,
}

impl Operations {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// All of them, in order of their ids.
    pub(super) fn all_by_id(&self) -> impl Iterator<Item = &Operation> {
        self.by_id.values()
    }

    /// An operation, to write it anew with the same records, keys and link.
    pub(super) fn get_mut(&mut self, id: OperationId) -> Option<&mut Operation> {
        self.by_id.get_mut(&id)
    }

    /// Those that serve a link.
    pub(super) fn of_link(&self, link: LinkId) -> impl Iterator<Item = &Operation> {
        self.all(self.of_link.get(&link))
    }

    /// Those that name a record.
    pub(super) fn of_record(
        &self,
        side: Side,
        record: &RecordId,
    ) -> impl Iterator<Item = &Operation> {
        self.all(self.of_record[side].get(record))
    }

    /// Creates that claim a key.
    pub(super) fn claiming(&self, key: Key) -> impl Iterator<Item = &Operation> {
        self.all(self.claims.get(&key))
    }

    fn all<'a>(
        &'a self,
        ids: Option<&'a BTreeSet<OperationId>>,
    ) -> impl Iterator<Item = &'a Operation> {
        ids.into_iter().flatten().filter_map(|id| self.by_id.get(id))
    }

    /// Stores an operation in place of one with its id.
    pub(super) fn put(&mut self, operation: Operation) {
        self.remove(operation.id);
        let id = operation.id;
        self.of_link.entry(operation.link).or_default().insert(id);
        for (side, record) in rules::touched(&operation) {
            self.of_record[side].entry(record.clone()).or_default().insert(id);
        }
        for key in rules::claimed_keys(&operation) {
            self.claims.entry(*key).or_default().insert(id);
        }
        self.by_id.insert(id, operation);
    }

    /// Forgets an operation, and returns it.
    pub(super) fn remove(&mut self, id: OperationId) -> Option<Operation> {
        let operation = self.by_id.remove(&id)?;
        drop_from(&mut self.of_link, &operation.link, &id);
        for (side, record) in rules::touched(&operation) {
            drop_from(&mut self.of_record[side], record, &id);
        }
        for key in rules::claimed_keys(&operation) {
            drop_from(&mut self.claims, key, &id);
        }
        Some(operation)
    }
}

/// Holds by key, those of a link, and those that wait for one.
#[derive(Debug, Default)]
pub(super) struct Holds {
    by_key: BTreeMap<HoldKey, Hold>,
    of_link: BTreeMap<LinkId, BTreeSet<HoldKey>>,
    waiting: BTreeMap<Awaited, BTreeSet<HoldKey>>,
}

impl Holds {
    /// All holds, in key order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Hold> {
        self.by_key.values()
    }

    /// A hold.
    pub(super) fn get(&self, key: &HoldKey) -> Option<&Hold> {
        self.by_key.get(key)
    }

    /// A hold, to write it anew where it waits for the same.
    pub(super) fn get_mut(&mut self, key: &HoldKey) -> Option<&mut Hold> {
        self.by_key.get_mut(key)
    }

    /// The keys of holds that wait for a link.
    pub(super) fn waiting_for(&self, awaited: &Awaited) -> Vec<HoldKey> {
        self.waiting.get(awaited).into_iter().flatten().cloned().collect()
    }

    /// The holds on a link and its pairs, in key order.
    pub(super) fn of_link(&self, link: LinkId) -> impl Iterator<Item = &Hold> {
        let keys = self.of_link.get(&link).into_iter().flatten();
        keys.filter_map(|key| self.by_key.get(key))
    }

    /// The hold on a record.
    pub(super) fn of_record(&self, side: Side, record: &RecordId) -> Option<&Hold> {
        self.by_key.get(&HoldKey::Record(side, record.clone()))
    }

    /// Stores a hold in place of one with its key.
    pub(super) fn put(&mut self, hold: Hold) {
        self.remove(&hold.key);
        if let Some(link) = hold.key.link() {
            self.of_link.entry(link).or_default().insert(hold.key.clone());
        }
        if let Some(awaited) = &hold.waits_for {
            self.waiting.entry(awaited.clone()).or_default().insert(hold.key.clone());
        }
        self.by_key.insert(hold.key.clone(), hold);
    }

    /// Forgets a hold.
    pub(super) fn remove(&mut self, key: &HoldKey) {
        let Some(hold) = self.by_key.remove(key) else { return };
        if let Some(link) = key.link() {
            drop_from(&mut self.of_link, &link, key);
        }
        if let Some(awaited) = &hold.waits_for {
            drop_from(&mut self.waiting, awaited, key);
        }
    }
}

fn drop_from<K: Ord, V: Ord>(index: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(values) = index.get_mut(key) {
        values.remove(value);
        if values.is_empty() {
            index.remove(key);
        }
    }
}
