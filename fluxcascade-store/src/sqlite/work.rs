//! What there is to do now, gathered for the planner. Changes nothing.
//!
//! The keys of a page come from a few indexes, each asked for one page at most; then each key's
//! rows are read by prepared statements.

use std::collections::{BTreeMap, BTreeSet};

use fluxcascade_core::model::{
    Candidates, Fingerprint, KeyHolder, LinkId, LinkStatus, Operation, OperationId, RecordId, Side,
    Sides, Work, WorkKey,
};
use fluxcascade_core::store::WorkRequest;
use rusqlite::params;

use super::fault::Fault;
use super::ledger::{Ledger, link_id, record, side};
use super::links::id_bytes;
use crate::columns::size;
use crate::rules;

/// Links that have work, each query in order of their ids: by due entries, due holds, own
/// operations, and operations that name a record of theirs for a link that does not exist or has
/// ended.
pub(super) const DUE_LINKS: [&str; 4] = [
    "SELECT DISTINCT link FROM inbox
     WHERE mapping = ?1 AND link > ?2 AND ifnull(not_before, ?3) <= ?3 ORDER BY link LIMIT ?4",
    "SELECT DISTINCT h.link FROM holds h
     WHERE h.mapping = ?1 AND h.link > ?2 AND h.not_before <= ?3 AND EXISTS
     (SELECT 1 FROM links l WHERE l.mapping = h.mapping AND l.id = h.link)
     ORDER BY h.link LIMIT ?4",
    "SELECT DISTINCT o.link FROM operations o
     WHERE o.mapping = ?1 AND o.link > ?2 AND ?3 = ?3 AND EXISTS
     (SELECT 1 FROM links l WHERE l.mapping = o.mapping AND l.id = o.link AND l.status < 2)
     ORDER BY o.link LIMIT ?4",
    // Few operations are open at any time, so these may be sorted.
    "SELECT DISTINCT d.link FROM operation_records r
     JOIN operations o ON o.mapping = r.mapping AND o.id = r.operation
     JOIN linked d ON d.mapping = r.mapping AND d.side = r.side AND d.record = r.record
     WHERE r.mapping = ?1 AND d.link > ?2 AND ?3 = ?3 AND NOT EXISTS
     (SELECT 1 FROM links l WHERE l.mapping = o.mapping AND l.id = o.link AND l.status < 2)
     ORDER BY d.link LIMIT ?4",
];

/// Unlinked records that have work, each query in order: by due entries, and by due holds.
pub(super) const DUE_RECORDS: [&str; 2] = [
    "SELECT side, record FROM inbox
     WHERE mapping = ?1 AND link IS NULL AND (side, record) > (?2, ?3)
     AND ifnull(not_before, ?4) <= ?4 ORDER BY side, record LIMIT ?5",
    "SELECT side, name FROM holds
     WHERE mapping = ?1 AND link IS NULL AND (side, name) > (?2, ?3)
     AND not_before <= ?4 AND kind = 2 ORDER BY side, name LIMIT ?5",
];

/// Whether another record that counts has one of a record's keys under an earlier rule.
pub(super) const SHARED: &str = "SELECT EXISTS (
    SELECT 1 FROM match_keys own
    JOIN match_keys other ON other.mapping = own.mapping AND other.rule = own.rule
        AND other.fingerprint = own.fingerprint
    WHERE own.mapping = ?1 AND own.side = ?2 AND own.record = ?3 AND own.rule < ?4
        AND (other.side <> own.side OR other.record <> own.record)
        AND (other.archived = 0 OR (other.side <> own.side AND NOT EXISTS (
            SELECT 1 FROM links ended INDEXED BY links_ended_by_source
            WHERE ended.mapping = own.mapping AND ended.status = 2
                AND ended.source = iif(own.side = 0, own.record, other.record)
                AND ended.target = iif(own.side = 0, other.record, own.record)))))";

impl Ledger<'_> {
    pub(super) fn work(&self, request: &WorkRequest) -> Result<Vec<Work>, Fault> {
        let mut work = Vec::new();
        for key in self.due(request)? {
            work.extend(self.work_of(key)?);
        }
        Ok(work)
    }

    /// The work of keys, each once.
    pub(super) fn gather(&self, keys: &[WorkKey]) -> Result<Vec<Work>, Fault> {
        let mut gathered = BTreeSet::new();
        let mut work = Vec::new();
        for key in keys {
            let key = match key {
                WorkKey::Link(_) => key.clone(),
                WorkKey::Record(side, record) => {
                    self.linked(*side, record)?.map_or_else(|| key.clone(), WorkKey::Link)
                }
            };
            if gathered.insert(key.clone()) {
                work.extend(self.work_of(key)?.filter(rules::tells_something));
            }
        }
        Ok(work)
    }

    fn due(&self, request: &WorkRequest) -> Result<Vec<WorkKey>, Fault> {
        let (after_link, after_record) = match &request.after {
            None => (Some(None), None),
            Some(WorkKey::Link(id)) => (Some(Some(*id)), None),
            Some(WorkKey::Record(side, record)) => (None, Some((*side, record))),
        };
        let mut keys = Vec::new();
        if let Some(after) = after_link {
            keys = self.due_links(after, request)?;
        }
        if keys.len() < request.limit {
            keys.extend(self.due_records(after_record, request)?);
        }
        keys.truncate(request.limit);
        Ok(keys)
    }

    fn due_links(
        &self,
        after: Option<LinkId>,
        request: &WorkRequest,
    ) -> Result<Vec<WorkKey>, Fault> {
        let mut due = BTreeSet::new();
        for sql in DUE_LINKS {
            let place =
                params![self.mapping, id_bytes(after), request.now.micros(), size(request.limit)];
            due.extend(self.all(sql, place, |row| link_id(row, 0))?);
        }
        Ok(due.into_iter().map(WorkKey::Link).collect())
    }

    fn due_records(
        &self,
        after: Option<(Side, &RecordId)>,
        request: &WorkRequest,
    ) -> Result<Vec<WorkKey>, Fault> {
        let after =
            after.map_or((-1, ""), |(side, record)| (i64::from(side.number()), record.as_str()));
        let mut due = BTreeSet::new();
        for sql in DUE_RECORDS {
            let place =
                params![self.mapping, after.0, after.1, request.now.micros(), size(request.limit)];
            due.extend(self.all(sql, place, |row| Ok((side(row, 0)?, record(row, 1)?)))?);
        }
        Ok(due.into_iter().map(|(side, record)| WorkKey::Record(side, record)).collect())
    }

    fn work_of(&self, key: WorkKey) -> Result<Option<Work>, Fault> {
        match key {
            WorkKey::Link(id) => self.link_work(id),
            WorkKey::Record(side, record) => self.record_work(side, record).map(Some),
        }
    }

    fn link_work(&self, id: LinkId) -> Result<Option<Work>, Fault> {
        let Some(link) = self.link(id)? else { return Ok(None) };
        let mut entries = Sides::default();
        let mut operations = self.operations_of_link(id)?;
        if link.status != LinkStatus::Tombstone {
            for (side, record) in link.records.iter() {
                entries[side] = self.entry(side, record)?;
                operations.extend(self.stray_operations(side, record)?);
            }
        }
        let operations: BTreeMap<OperationId, Operation> =
            operations.into_iter().map(|operation| (operation.id, operation)).collect();
        Ok(Some(Work {
            key: WorkKey::Link(id),
            link: Some(link),
            entries,
            holds: self.holds_of_link(id)?,
            operations: operations.into_values().collect(),
            candidates: Vec::new(),
            tombstones: Vec::new(),
        }))
    }

    fn record_work(&self, side: Side, record: RecordId) -> Result<Work, Fault> {
        let mut entries = Sides::default();
        entries[side] = self.entry(side, &record)?;
        let mut candidates = Vec::new();
        for key in self.keys(side, &record)? {
            candidates.push(self.candidates(key, side, &record)?);
        }
        Ok(Work {
            link: None,
            entries,
            holds: self.hold_of_record(side, &record)?.into_iter().collect(),
            operations: self.stray_operations(side, &record)?,
            candidates,
            tombstones: self.ended(side, &record)?,
            key: WorkKey::Record(side, record),
        })
    }

    fn candidates(
        &self,
        key: (u16, Fingerprint),
        side: Side,
        record: &RecordId,
    ) -> Result<Candidates, Fault> {
        let mut holders = Sides::default();
        for side in Side::BOTH {
            holders[side] = self.holders(key, side)?;
        }
        let pending = self.pending(key, side, record)?;
        Ok(Candidates { rule: key.0, key: key.1, holders, pending })
    }

    fn holders(
        &self,
        (rule, print): (u16, Fingerprint),
        side: Side,
    ) -> Result<Vec<KeyHolder>, Fault> {
        let records = self.all(
            "SELECT record, archived FROM match_keys
             WHERE mapping = ?1 AND rule = ?2 AND fingerprint = ?3 AND side = ?4
             ORDER BY archived, record LIMIT ?5",
            params![self.mapping, rule, print.0, side.number(), size(Candidates::MOST_HOLDERS)],
            |row| Ok((record(row, 0)?, row.get::<_, bool>(1)?)),
        )?;
        let holder = |(record, archived): (RecordId, bool)| {
            Ok(KeyHolder {
                link: self.linked(side, &record)?,
                entry: self.entry(side, &record)?,
                pending: self.open_create(side, &record)?,
                decided_earlier: self.shares_earlier_key(rule, side, &record)?,
                hold: self.hold_of_record(side, &record)?.map(|hold| hold.reason),
                archived,
                record,
            })
        };
        records.into_iter().map(holder).collect()
    }

    /// Whether another record that counts has one of its keys under an earlier rule.
    fn shares_earlier_key(&self, rule: u16, side: Side, record: &RecordId) -> Result<bool, Fault> {
        if rule == 0 {
            return Ok(false);
        }
        let shared =
            self.all(SHARED, params![self.mapping, side.number(), record.as_str(), rule], |row| {
                Ok(row.get::<_, bool>(0)?)
            })?;
        Ok(shared.first().copied().unwrap_or(false))
    }
}
