//! Whole records and whole links: how a link changes besides its bases, what was archived, deleted
//! or brought back, and creates that another mapping claims.

use super::batch::put_link;
use super::run::Run;
use crate::mapping::{IdWrites, holds_id};
use crate::model::{
    Cause, Ending, Fingerprint, Hold, HoldKey, HoldReason, Link, LogKind, LogPair, LogRow,
    MappingName, MatchKeys, Observation, Operation, OperationKind, RecordId, Side, State, Values,
    Version, Work, WriteOrigin, Written,
};
use crate::plan::{Entry, LinkUpdate, gone_mark, stamp_print};
use crate::store::{CommitBatch, Made, RecordKeys, Requeue};

impl Run<'_> {
    /// Takes a change of a link into the batch and into the work: of the work's own link, or of a
    /// tombstone that names its record.
    pub(super) fn update_link(
        &self,
        commit: &mut CommitBatch,
        work: &mut Work,
        update: &LinkUpdate,
    ) {
        let own = work.link.take().filter(|link| link.id == update.link);
        let tombstone = || work.tombstones.iter().find(|t| t.id == update.link).cloned();
        let Some(mut link) = own.or_else(tombstone) else { return };
        for side in Side::BOTH {
            if link.records[side] != update.records[side] {
                link.bases[side].version = Version::oldest();
                link.bases[side].fingerprint = None;
            }
        }
        link.status = update.status;
        link.ending = update.ending;
        link.records = update.records.clone();
        put_link(commit, &link);
        commit.log.push(LogRow {
            run: self.number,
            at: self.now(),
            kind: update.kind,
            link: Some(link.id),
            side: told_of(update),
            records: link.records.as_ref().map(|record| Some(record.clone())),
            operation: None,
            pairs: Vec::new(),
            note: update.why.clone(),
        });
        work.link = Some(link);
    }

    /// A record was archived, deleted or brought back.
    pub(super) fn done(&mut self, commit: &mut CommitBatch, entry: &Entry, operation: &Operation) {
        commit.closed.push(operation.id);
        let counts = &mut self.report.sides[operation.side];
        match operation.kind {
            OperationKind::Archive { .. } | OperationKind::Delete { .. } => counts.removed += 1,
            OperationKind::Restore { .. } => counts.restored += 1,
            OperationKind::Create | OperationKind::Update { .. } => {}
        }
        commit.log.push(self.record_row(entry, operation, ""));
    }

    /// The log row of a record that was archived, deleted or brought back.
    pub(super) fn record_row(&self, entry: &Entry, operation: &Operation, note: &str) -> LogRow {
        LogRow {
            run: self.number,
            at: self.now(),
            kind: kind_of(operation),
            link: Some(operation.link),
            side: operation.side,
            records: entry.records.clone(),
            operation: Some(operation.id),
            pairs: Vec::new(),
            note: note.to_owned(),
        }
    }

    /// A create has made a record: its claims are kept until every listing shows it, and the origin
    /// gets its id, if it is to have it.
    pub(super) fn note_made(
        &self,
        commit: &mut CommitBatch,
        operation: &Operation,
        record: &RecordId,
    ) {
        let lag = match self.capabilities(operation.side).list {
            crate::connector::Consistency::Consistent => std::time::Duration::ZERO,
            crate::connector::Consistency::Lagging(lag) => lag,
        };
        commit.made.push(Made {
            operation: operation.id,
            record: record.clone(),
            until: self.now() + lag + self.engine.inner.settings.request_timeout,
        });
        let origin = operation.side.other();
        let writes = self.mapping.foreign_ids[origin].as_ref().map(|foreign| foreign.writes);
        if writes == Some(IdWrites::Always) {
            let record = operation.origin.clone();
            commit.requeued.push(Requeue { side: origin, record, not_before: None, failed: None });
        }
    }

    /// What the log says of an id that was written into a field of ours.
    pub(super) fn stamp_row(
        &self,
        operation: &Operation,
        before: Option<&Values>,
    ) -> Option<LogPair> {
        let stamp = operation.stamp.as_ref()?;
        let foreign = self.mapping.foreign_ids[operation.side].as_ref()?;
        let held = before.and_then(|values| values[foreign.slot].value());
        Some(LogPair {
            pair: foreign.pair_id(),
            before: held.cloned().into_iter().collect(),
            after: vec![foreign.value(&stamp.id)],
            cause: Cause::OtherId,
        })
    }

    /// Notes that an id was written, and what the system made of it, so that it is not written again
    /// and again (P22). The log row of what is something else, too.
    pub(super) fn note_stamp(
        &self,
        link: &mut Link,
        operation: &Operation,
        after: &Values,
    ) -> Option<LogPair> {
        let stamp = operation.stamp.as_ref()?;
        let foreign = self.mapping.foreign_ids[operation.side].as_ref()?;
        let held = after[foreign.slot].value()?;
        let is_kept = holds_id(held, &stamp.id);
        let sent = foreign.value(&stamp.id);
        link.bases[operation.side].note_written(Written {
            position: Written::STAMP,
            fingerprint: stamp_print(&stamp.id, if is_kept { &sent } else { held }),
            at: self.now(),
            origin: WriteOrigin::Person,
        });
        (!is_kept).then(|| LogPair {
            pair: foreign.pair_id(),
            before: vec![sent],
            after: vec![held.clone()],
            cause: Cause::Rewritten,
        })
    }

    /// What a hold keeps of a record, so that it is known when it has changed.
    pub(super) fn mark_of(&self, side: Side, seen: &Observation) -> Option<Fingerprint> {
        match &seen.state {
            State::Known { values, .. } => Some(self.mapping.record_print(side, values, &self.key)),
            State::Archived(_) | State::Deleted(_) | State::Missing => Some(gone_mark()),
            State::MergedInto(_) | State::OutOfScope | State::Unreadable(_) => None,
        }
    }

    /// Another mapping is making the same record: this one looks at it again in the next run.
    pub(super) fn claimed(
        &mut self,
        commit: &mut CommitBatch,
        work: &Work,
        operation: &Operation,
        by: &MappingName,
    ) {
        let mut hold = Hold::new(
            HoldKey::Record(operation.side.other(), operation.origin.clone()),
            HoldReason::UnknownOutcome,
            format!(
                "the mapping {by} is creating a record with the same key on the {}: it is looked \
                 at again in the next run",
                operation.side
            ),
            self.now(),
        );
        hold.not_before = Some(self.now());
        self.hold_record(commit, work, hold);
    }
}

/// What an entry says of match keys, and of records that are to be looked at again.
pub(super) fn finish_records(commit: &mut CommitBatch, entry: &Entry) {
    for (side, record) in &entry.drops {
        commit.keys.push(RecordKeys {
            side: *side,
            record: record.clone(),
            keys: MatchKeys::default(),
        });
    }
    commit.archived.extend(entry.archived.iter().cloned());
    for (side, record) in &entry.wakes {
        let (side, record) = (*side, record.clone());
        commit.requeued.push(Requeue { side, record, not_before: None, failed: None });
    }
}

/// What the log calls an operation.
pub(super) fn kind_of(operation: &Operation) -> LogKind {
    match operation.kind {
        OperationKind::Create => LogKind::Create,
        OperationKind::Update { .. } => LogKind::Update,
        OperationKind::Archive { .. } => LogKind::Archive,
        OperationKind::Delete { .. } => LogKind::Delete,
        OperationKind::Restore { .. } => LogKind::Restore,
    }
}

fn told_of(update: &LinkUpdate) -> Side {
    match update.ending {
        Some(
            Ending::Deleted(side)
            | Ending::TwinRemoved(side)
            | Ending::Remade(side)
            | Ending::Excluded(side),
        ) => side,
        Some(Ending::BothDeleted | Ending::Unlinked) | None => Side::Source,
    }
}
