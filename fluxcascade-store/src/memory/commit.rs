//! What became of a batch. All of it is checked before any of it is stored.

use std::collections::BTreeMap;

use fluxcascade_core::model::{Conflict, Link, LinkId, LinkStatus, RecordId, Side, WorkKey};
use fluxcascade_core::store::{CommitBatch, LinkChange, StoreError};

use super::ledger::Ledger;
use crate::rules;

impl Ledger {
    pub(super) fn commit(&mut self, batch: &CommitBatch) -> Result<(), StoreError> {
        self.check_links(&batch.links)?;
        self.change_links(&batch.links);
        for keys in &batch.keys {
            self.keys.replace(keys.side, &keys.record, &keys.keys);
        }
        for id in &batch.closed {
            if let Some(operation) = self.operations.remove(*id) {
                self.review_operation(&operation);
            }
        }
        for key in &batch.released {
            self.holds.remove(key);
            self.review_hold(key);
        }
        for hold in &batch.holds {
            self.holds.put(hold.clone());
            self.review_hold(&hold.key);
        }
        for conflict in &batch.conflicts {
            self.put_conflict(conflict);
        }
        for (id, status) in &batch.judged {
            if let Some(place) = self.conflict_places.get(id) {
                self.conflicts[*place].status = *status;
            }
        }
        self.log.extend(batch.log.iter().cloned());
        for mark in &batch.cleared {
            self.clear(mark.side, &mark.record, mark.sequence);
        }
        for requeue in &batch.requeued {
            let entry = self.inbox[requeue.side].get(&requeue.record);
            let entry = rules::requeued(entry, requeue, self.sequence + 1);
            self.enter(requeue.side, entry);
        }
        Ok(())
    }

    /// Whether each record has one link at most once all changes are made.
    fn check_links(&self, changes: &[LinkChange]) -> Result<(), StoreError> {
        let links: BTreeMap<LinkId, &Link> =
            changes.iter().map(|change| (change.link.id, &change.link)).collect();
        let mut taken: BTreeMap<(Side, &RecordId), LinkId> = BTreeMap::new();
        for (id, link) in &links {
            if link.status == LinkStatus::Tombstone {
                continue;
            }
            for (side, record) in link.records.iter() {
                let standing =
                    self.links.of(side, record).filter(|other| !links.contains_key(other));
                if standing.is_some() || taken.insert((side, record), *id).is_some() {
                    return Err(rules::linked_twice(side, record));
                }
            }
        }
        Ok(())
    }

    fn change_links(&mut self, changes: &[LinkChange]) {
        let mut moved: Vec<(Side, RecordId)> = Vec::new();
        for change in changes {
            if let Some(old) = self.links.get(change.link.id) {
                moved.extend(old.records.iter().map(|(side, record)| (side, record.clone())));
            }
            self.links.unseat(change.link.id);
        }
        // The last change of a link is the one that counts.
        let last: BTreeMap<LinkId, &Link> =
            changes.iter().map(|change| (change.link.id, &change.link)).collect();
        for link in last.values() {
            moved.extend(link.records.iter().map(|(side, record)| (side, record.clone())));
            self.links.put((*link).clone());
        }
        for (side, record) in moved {
            self.review(WorkKey::Record(side, record.clone()));
            self.review(self.work_key(side, &record));
        }
        for id in last.into_keys() {
            self.review(WorkKey::Link(id));
            let served: Vec<_> = self.operations.of_link(id).cloned().collect();
            for operation in served {
                self.review_operation(&operation);
            }
        }
    }

    fn put_conflict(&mut self, conflict: &Conflict) {
        if let Some(place) = self.conflict_places.get(&conflict.id) {
            self.conflicts[*place] = conflict.clone();
        } else {
            self.conflict_places.insert(conflict.id, self.conflicts.len());
            self.conflicts.push(conflict.clone());
        }
    }
}
