//! What became of a batch. All of it is checked before any of it is stored.

use std::collections::BTreeMap;

use fluxcascade_core::model::{
    AnswerOutcome, AnswerTo, Conflict, Hold, HoldKey, Link, LinkId, LinkStatus, Operation,
    RecordId, Side, WorkKey,
};
use fluxcascade_core::store::{CommitBatch, LinkChange, StoreError};

use super::ledger::Ledger;
use crate::rules::{self, Kept};

/// What a commit did that other mappings of the tenant must know.
#[derive(Debug, Default)]
pub(super) struct Committed {
    /// Records whose link became active.
    pub(super) activated: Vec<(Side, RecordId)>,
    /// Operations that are no longer open.
    pub(super) closed: Vec<Operation>,
}

impl Ledger {
    pub(super) fn commit(&mut self, batch: &CommitBatch) -> Result<Committed, StoreError> {
        self.check_links(&batch.links)?;
        let mut done = Committed { activated: self.change_links(&batch.links), closed: Vec::new() };
        for (side, record) in &done.activated {
            self.keys.keep_as(*side, record, Kept::Live);
        }
        for keys in &batch.keys {
            self.keys.replace(keys.side, &keys.record, &keys.keys, Kept::Live);
        }
        for (side, record) in &batch.archived {
            self.keys.keep_as(*side, record, Kept::Archived);
        }
        for id in &batch.closed {
            if let Some(operation) = self.operations.remove(*id) {
                self.review_operation(&operation);
                done.closed.push(operation);
            }
        }
        for key in &batch.released {
            self.holds.remove(key);
            self.review_hold(key);
        }
        for hold in &batch.holds {
            self.put_hold(rules::renewed(self.holds.get(&hold.key), hold));
        }
        for conflict in &batch.conflicts {
            self.put_conflict(conflict);
        }
        for (id, status) in &batch.judged {
            if let Some(place) = self.conflict_places.get(id) {
                self.conflicts[*place].status = *status;
            }
        }
        for row in &batch.log {
            self.log_places += 1;
            self.log.insert(self.log_places, row.clone());
        }
        for mark in &batch.cleared {
            self.clear(mark.side, &mark.record, mark.sequence);
        }
        for requeue in &batch.requeued {
            let entry = self.inbox[requeue.side].get(&requeue.record);
            let entry = rules::requeued(entry, requeue, self.sequence + 1);
            self.enter(requeue.side, entry);
        }
        Ok(done)
    }

    pub(super) fn put_hold(&mut self, hold: Hold) {
        let key = hold.key.clone();
        self.holds.put(hold);
        self.review_hold(&key);
    }

    /// Makes a hold due that waited for a link.
    pub(super) fn wake(&mut self, key: &HoldKey) {
        if let Some(hold) = self.holds.get(key).cloned() {
            self.put_hold(rules::woken(hold));
        }
    }

    pub(super) fn answer(&mut self, answers: &[AnswerTo]) -> Vec<AnswerOutcome> {
        let answer = |to: &AnswerTo| {
            let (outcome, hold) = rules::answered(self.holds.get(&to.hold).cloned(), to);
            if let Some(hold) = hold {
                self.put_hold(hold);
                self.make_due();
            }
            outcome
        };
        answers.iter().map(answer).collect()
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

    /// Stores links, and returns the records that have an active one now and had none.
    fn change_links(&mut self, changes: &[LinkChange]) -> Vec<(Side, RecordId)> {
        // The last change of a link is the one that counts.
        let last: BTreeMap<LinkId, &Link> =
            changes.iter().map(|change| (change.link.id, &change.link)).collect();
        let mut moved: Vec<(Side, RecordId)> = Vec::new();
        let mut activated = Vec::new();
        for link in last.values() {
            let old = self.links.get(link.id).map(|old| (old.status, &old.records));
            let now = (link.status, &link.records);
            activated.extend(rules::activated(old, now).into_iter().map(own));
            let left = rules::left(old.map(|(_, records)| records), &link.records);
            let former = left.map(|(side, record)| (link.id, side, record.clone()));
            self.former.extend(former);
            moved.extend(old.iter().flat_map(|(_, records)| records.iter()).map(own));
            moved.extend(link.records.iter().map(own));
            self.links.unseat(link.id);
        }
        for link in last.values() {
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
        activated
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

fn own((side, record): (Side, &RecordId)) -> (Side, RecordId) {
    (side, record.clone())
}
