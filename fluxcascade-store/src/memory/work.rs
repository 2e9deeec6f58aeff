//! What there is to do now, gathered for the planner. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use fluxcascade_core::model::{
    Candidates, KeyHolder, Link, Operation, OperationId, RecordId, Side, Sides, Work, WorkKey,
};
use fluxcascade_core::store::WorkRequest;

use super::index::Key;
use super::ledger::{Ledger, live_records};
use crate::rules::{self, Kept};

impl Ledger {
    pub(super) fn work(&self, request: &WorkRequest) -> Vec<Work> {
        let after = request.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        self.agenda
            .range((after, Bound::Unbounded))
            .filter(|key| self.is_due(key, request.now))
            .filter_map(|key| self.work_of(key))
            .take(request.limit)
            .collect()
    }

    /// The work of keys, each once.
    pub(super) fn gather(&self, keys: &[WorkKey]) -> Vec<Work> {
        let mut gathered = BTreeSet::new();
        let mut work = Vec::new();
        for key in keys {
            let key = match key {
                WorkKey::Link(_) => key.clone(),
                WorkKey::Record(side, record) => self.work_key(*side, record),
            };
            if gathered.insert(key.clone()) {
                work.extend(self.work_of(&key).filter(rules::tells_something));
            }
        }
        work
    }

    fn work_of(&self, key: &WorkKey) -> Option<Work> {
        match key {
            WorkKey::Link(id) => self.links.get(*id).map(|link| self.link_work(link)),
            WorkKey::Record(side, record) => Some(self.record_work(*side, record)),
        }
    }

    fn link_work(&self, link: &Link) -> Work {
        let mut entries = Sides::default();
        let mut holds: Vec<_> = self.holds.of_link(link.id).cloned().collect();
        for (side, record) in live_records(link) {
            entries[side] = self.inbox[side].get(record).cloned();
            holds.extend(self.holds.of_record(side, record).cloned());
        }
        Work {
            key: WorkKey::Link(link.id),
            link: Some(link.clone()),
            entries,
            holds,
            operations: in_order(self.operations_of_link(link)),
            candidates: Vec::new(),
            tombstones: Vec::new(),
        }
    }

    fn record_work(&self, side: Side, record: &RecordId) -> Work {
        let mut entries = Sides::default();
        entries[side] = self.inbox[side].get(record).cloned();
        Work {
            key: WorkKey::Record(side, record.clone()),
            link: None,
            entries,
            holds: self.holds.of_record(side, record).cloned().into_iter().collect(),
            operations: in_order(self.stray_operations(side, record)),
            candidates: self
                .keys
                .of(side, record)
                .map(|key| self.candidates(key, side, record))
                .collect(),
            tombstones: self.links.ended(side, record).cloned().collect(),
        }
    }

    fn candidates(&self, key: Key, side: Side, record: &RecordId) -> Candidates {
        let mut pending = Sides::new(0, 0);
        for operation in self.operations.claiming(key) {
            if !rules::creates_for(operation, side, record) {
                pending[operation.side] += 1;
            }
        }
        let holders = Sides::from_fn(|side| {
            let holders = self.keys.holders(key, side).take(Candidates::MOST_HOLDERS);
            holders.map(|(kept, record)| self.holder(key.0, side, record, *kept)).collect()
        });
        Candidates { rule: key.0, key: key.1, holders, pending }
    }

    fn holder(&self, rule: u16, side: Side, record: &RecordId, kept: Kept) -> KeyHolder {
        KeyHolder {
            record: record.clone(),
            link: self.links.of(side, record),
            entry: self.inbox[side].get(record).cloned(),
            pending: self
                .operations
                .of_record(side, record)
                .find(|operation| rules::creates_for(operation, side, record))
                .cloned(),
            decided_earlier: self.shares_earlier_key(rule, side, record),
            archived: kept == Kept::Archived,
            hold: self.holds.of_record(side, record).map(|hold| hold.reason),
        }
    }

    /// Whether another record that counts has one of its keys under an earlier rule.
    fn shares_earlier_key(&self, rule: u16, side: Side, record: &RecordId) -> bool {
        self.keys.of(side, record).filter(|key| key.0 < rule).any(|key| {
            Side::BOTH.into_iter().any(|holders_side| {
                let mut holders = self.keys.holders(key, holders_side);
                holders.any(|(kept, holder)| match kept {
                    Kept::Live => (holders_side, holder) != (side, record),
                    Kept::Archived => {
                        holders_side != side && !self.were_linked(side, record, holder)
                    }
                })
            })
        })
    }

    /// Whether a tombstone names both.
    fn were_linked(&self, side: Side, record: &RecordId, other: &RecordId) -> bool {
        let mut former = self.links.ended(side, record);
        former.any(|tombstone| tombstone.records[side.other()] == *other)
    }
}

fn in_order<'a>(operations: impl Iterator<Item = &'a Operation>) -> Vec<Operation> {
    let unique: BTreeMap<OperationId, &Operation> =
        operations.map(|operation| (operation.id, operation)).collect();
    unique.into_values().cloned().collect()
}
