//! All that is stored for one mapping, and the agenda: what might have work.
//!
//! How calls change it is in the files beside this one.

use std::collections::{BTreeMap, BTreeSet};

use fluxcascade_core::model::{
    Conflict, ConflictId, ConnectionName, HoldKey, InboxEntry, Link, LinkId, LinkStatus, LogRow,
    ObjectType, Operation, RecordId, Revision, RunNumber, RunRow, Side, Sides, Timestamp, WorkKey,
};
use fluxcascade_core::store::{Feed, FeedKey, RunStart};

use super::index::{Holds, Keys, Links, Operations};
use super::turns::Turn;
use crate::rules::{self, Standing};

/// One mapping's part of the store.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) standing: Standing,
    /// Its place on the schedule of the workers, if it has one.
    pub(super) turn: Option<Turn>,
    pub(super) revisions: Vec<Revision>,
    pub(super) runs: BTreeMap<RunNumber, RunRow>,
    pub(super) feeds: BTreeMap<(ConnectionName, ObjectType), Reading>,
    /// The last sequence number that an inbox entry got.
    pub(super) sequence: u64,
    pub(super) inbox: Sides<BTreeMap<RecordId, InboxEntry>>,
    /// What the sweep that is under way has shown; `None` if nothing could be missed by it.
    pub(super) seen: Sides<Option<BTreeSet<RecordId>>>,
    pub(super) keys: Keys,
    pub(super) links: Links,
    /// Records that links had before they followed merges.
    pub(super) former: BTreeSet<(LinkId, Side, RecordId)>,
    pub(super) operations: Operations,
    pub(super) holds: Holds,
    /// Everything with an entry, a hold with a time, or a link's operation: due now or later.
    pub(super) agenda: BTreeSet<WorkKey>,
    /// In the order in which they were found.
    pub(super) conflicts: Vec<Conflict>,
    pub(super) conflict_places: BTreeMap<ConflictId, usize>,
    /// By place, which grows with each row.
    pub(super) log: BTreeMap<u64, LogRow>,
    pub(super) log_places: u64,
}

/// A feed, and the sides of the mapping that it is read for.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) feed: Feed,
    pub(super) sides: BTreeSet<Side>,
}

impl Ledger {
    pub(super) fn start_run(&mut self, start: &RunStart) -> RunNumber {
        let last = self.runs.last_key_value().map_or(0, |(number, _)| number.0);
        let number = RunNumber(last.max(start.after.0) + 1);
        self.runs.insert(number, rules::running(number, start));
        number
    }

    pub(super) fn feed(&self, key: &FeedKey) -> Feed {
        let place = (key.connection.clone(), key.object.clone());
        self.feeds.get(&place).map(|reading| reading.feed.clone()).unwrap_or_default()
    }

    /// Under which key a record's work is handed out.
    pub(super) fn work_key(&self, side: Side, record: &RecordId) -> WorkKey {
        match self.links.of(side, record) {
            Some(link) => WorkKey::Link(link),
            None => WorkKey::Record(side, record.clone()),
        }
    }

    pub(super) fn review_operation(&mut self, operation: &Operation) {
        self.review(WorkKey::Link(operation.link));
        for (side, record) in rules::touched(operation) {
            self.review(self.work_key(side, record));
        }
    }

    pub(super) fn review_hold(&mut self, key: &HoldKey) {
        if let Some(link) = key.link() {
            self.review(WorkKey::Link(link));
        }
        if let HoldKey::Record(side, record) = key {
            self.review(self.work_key(*side, record));
        }
    }

    /// Puts a key on the agenda or takes it off, by what is stored now.
    pub(super) fn review(&mut self, key: WorkKey) {
        // The end of time makes everything due that has a time at all.
        if self.is_due(&key, Timestamp::from_micros(i64::MAX)) {
            self.agenda.insert(key);
        } else {
            self.agenda.remove(&key);
        }
    }

    /// Whether there is work for a key by now.
    pub(super) fn is_due(&self, key: &WorkKey, now: Timestamp) -> bool {
        match key {
            WorkKey::Link(id) => self.links.get(*id).is_some_and(|link| {
                self.holds.of_link(*id).any(|hold| rules::hold_is_due(hold, now))
                    || live_records(link)
                        .any(|(side, record)| self.record_is_due(side, record, now))
                    || link.status != LinkStatus::Tombstone
                        && self.operations_of_link(link).next().is_some()
            }),
            WorkKey::Record(side, record) => {
                self.links.of(*side, record).is_none() && self.record_is_due(*side, record, now)
            }
        }
    }

    fn record_is_due(&self, side: Side, record: &RecordId, now: Timestamp) -> bool {
        self.inbox[side].get(record).is_some_and(|entry| rules::entry_is_due(entry, now))
            || self.holds.of_record(side, record).is_some_and(|hold| rules::hold_is_due(hold, now))
    }

    /// A link's own operations, and those that name its records for a link that is not made yet.
    pub(super) fn operations_of_link(&self, link: &Link) -> impl Iterator<Item = &Operation> {
        let strays = live_records(link)
            .flat_map(|(side, record)| self.stray_operations(side, record))
            .filter(|operation| operation.link != link.id);
        self.operations.of_link(link.id).chain(strays)
    }

    /// Operations that name a record and serve a link that does not exist, or has ended.
    pub(super) fn stray_operations(
        &self,
        side: Side,
        record: &RecordId,
    ) -> impl Iterator<Item = &Operation> {
        self.operations.of_record(side, record).filter(|operation| {
            let link = self.links.get(operation.link);
            link.is_none_or(|link| link.status == LinkStatus::Tombstone)
        })
    }
}

/// The records that a link speaks for: none, if it is a tombstone.
pub(super) fn live_records(link: &Link) -> impl Iterator<Item = (Side, &RecordId)> {
    let alive = link.status != LinkStatus::Tombstone;
    link.records.iter().filter(move |_| alive)
}
