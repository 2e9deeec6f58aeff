//! commit: what an entry says besides its writes, as one batch for the store.

use std::collections::HashMap;

use super::batch::{keep_former, put_link, seen};
use super::record::finish_records;
use super::run::Run;
use super::told::rows_settled;
use crate::model::{
    Fingerprint, Hold, HoldKey, Link, LinkId, LinkStatus, LogKind, LogPair, LogRow, Observation,
    Operation, OperationId, OperationKind, OperationPair, RecordId, Side, Slot, Values, Work,
};
use crate::plan::{
    BeforeWrite, Entry, NewLink, PairAction, PairBases, Settled, Step, set_bases, settle_lost,
};
use crate::seeded::{self, Bug};
use crate::store::{CommitBatch, InboxMark, Requeue};

type Fetched = HashMap<(Side, RecordId), Observation>;

/// The inbox entries that a work was made from.
pub(super) fn marks(work: &Work) -> impl Iterator<Item = InboxMark> {
    Side::BOTH.into_iter().filter_map(|side| {
        let entry = work.entries[side].as_ref()?;
        Some(InboxMark { side, record: entry.record.clone(), sequence: entry.sequence })
    })
}

impl Run<'_> {
    /// Takes what comes before any write into the batch and into the work: settled operations, and
    /// the new link.
    pub(super) fn fold(&mut self, commit: &mut CommitBatch, work: &mut Work, entry: &mut Entry) {
        for settled in std::mem::take(&mut entry.settled) {
            let told = rows_settled(work, &settled);
            let stored = told.iter().chain(&settled.conflicts).map(|row| row.id);
            entry.judged.retain(|(row, _)| !stored.clone().any(|told| told == *row));
            commit.conflicts.extend(told);
            self.fold_settled(commit, work, entry, settled);
        }
        for id in &entry.closes {
            let removed = work.operations.iter().find(|op| op.id == *id).filter(|op| {
                let is_ended = entry.after.is_some() && entry.record.is_none();
                let removes = |kind: &OperationKind| match kind {
                    OperationKind::Archive { .. } | OperationKind::Delete { .. } => true,
                    OperationKind::Create
                    | OperationKind::Update { .. }
                    | OperationKind::Restore { .. } => false,
                };
                is_ended && removes(&op.kind)
            });
            if let Some(operation) = removed {
                commit.log.push(self.record_row(entry, operation, "its answer was missing"));
                self.report.settled += 1;
            }
        }
        commit.closed.extend(&entry.closes);
        work.operations.retain(|operation| !entry.closes.contains(&operation.id));
        entry.closes.clear();
        if let Some(link) = entry.link.take() {
            self.fold_link(commit, work, link);
        }
        if let Some(update) = entry.before.take() {
            self.update_link(commit, work, &update);
        }
    }

    fn fold_settled(
        &mut self,
        commit: &mut CommitBatch,
        work: &mut Work,
        entry: &Entry,
        settled: Settled,
    ) {
        let Some(link) = &mut work.link else { return };
        set_bases(&self.mapping, &mut link.bases, &settled.bases);
        for (pair, fields) in &settled.unseen {
            self.mapping.forget(&mut link.bases, pair, fields);
        }
        put_link(commit, link);
        let rows = [(settled.log, "settled without an answer"), (settled.lost, LogRow::UNSEEN)];
        for (pairs, note) in rows.into_iter().filter(|(pairs, _)| !pairs.is_empty()) {
            commit.log.push(self.settled_row(link, settled.side, settled.operation, pairs, note));
        }
        commit.conflicts.extend(settled.conflicts);
        for hold in settled.holds {
            self.note_hold(&hold, &entry.records);
            work.holds.push(hold.clone());
            commit.holds.push(hold);
        }
        if settled.owes {
            let open = work.operations.iter_mut().filter(|open| open.id == settled.operation);
            for half in open {
                *half = half.only_joint();
                let stays = !entry.closes.contains(&half.id);
                self.owing.extend(stays.then(|| half.clone()));
            }
            return;
        }
        commit.closed.push(settled.operation);
        work.operations.retain(|operation| operation.id != settled.operation);
        self.report.settled += 1;
    }

    fn settled_row(
        &self,
        link: &Link,
        side: Side,
        operation: OperationId,
        pairs: Vec<LogPair>,
        note: &str,
    ) -> LogRow {
        LogRow {
            run: self.number,
            at: self.now(),
            kind: LogKind::Update,
            link: Some(link.id),
            side,
            records: link.records.as_ref().map(|record| Some(record.clone())),
            operation: Some(operation),
            pairs,
            note: note.into(),
        }
    }

    /// Closes a write that may have been carried out, to be decided anew: what it may have overwritten
    /// is in a row. A second half stays open, and is settled.
    pub(super) fn close_unseen(
        &self,
        commit: &mut CommitBatch,
        work: &Work,
        operation: &Operation,
    ) {
        if operation.is_second_half() {
            return;
        }
        commit.closed.push(operation.id);
        let lost = settle_lost(&self.mapping, operation);
        commit.conflicts.extend(lost.conflicts);
        if let Some(link) = work.link.as_ref().filter(|_| !lost.lost.is_empty()) {
            let (side, id) = (operation.side, operation.id);
            commit.log.push(self.settled_row(link, side, id, lost.lost, LogRow::UNSEEN));
        }
    }

    fn fold_link(&mut self, commit: &mut CommitBatch, work: &mut Work, new: NewLink) {
        let mut link = Link {
            id: new.id,
            records: new.records,
            status: LinkStatus::Active,
            bases: self.mapping.empty_bases(),
            ending: None,
        };
        set_bases(&self.mapping, &mut link.bases, &new.bases);
        put_link(commit, &link);
        let own = |id: &LinkId| work.tombstones.iter().find(|tombstone| tombstone.id == *id);
        let former = new.former.and_then(|id| own(&id).or_else(|| self.former.get(&id)));
        keep_former(commit, former, &link);
        for side in Side::BOTH {
            commit.released.push(HoldKey::Record(side, link.records[side].clone()));
        }
        let records = link.records.as_ref().map(|record| Some(record.clone()));
        let created = new.settles.and_then(|id| open_create(work, id)).cloned();
        if let Some(operation) = &created {
            commit.closed.push(operation.id);
            commit.log.extend(self.created_rows(operation, &link, &new.bases));
            self.report.settled += 1;
        }
        commit.log.push(LogRow {
            run: self.number,
            at: self.now(),
            kind: LogKind::Link,
            link: Some(link.id),
            side: Side::Source,
            records,
            operation: None,
            pairs: Vec::new(),
            note: format!("same {}", new.rule),
        });
        self.report.linked += 1;
        for side in Side::BOTH {
            if work.entries[side].is_none() {
                let holders = work.candidates.iter().flat_map(|c| &c.holders[side]);
                let partner = holders.into_iter().find(|h| h.record == link.records[side]);
                work.entries[side] = partner.and_then(|holder| holder.entry.clone());
            }
        }
        work.operations.clear();
        work.holds.clear();
        work.link = Some(link);
    }

    /// What the log says of a create without an answer whose record was found: what that one holds was
    /// sent to it; of the rest it is not known, for it may be another record with the same key.
    fn created_rows(
        &self,
        operation: &Operation,
        link: &Link,
        bases: &PairBases,
    ) -> impl Iterator<Item = LogRow> {
        let as_sent = |written: &OperationPair| LogPair {
            pair: written.pair.clone(),
            before: Vec::new(),
            after: written.sent.clone(),
            cause: written.cause.clone(),
        };
        let holds = |written: &&OperationPair| {
            let index = self.mapping.pair_written(written);
            bases.iter().any(|(place, _)| Some(*place) == index)
        };
        let (held, rest): (Vec<&OperationPair>, Vec<_>) = operation.pairs.iter().partition(holds);
        let found = "its answer was missing; the record was found by its key";
        let row = |pairs: Vec<&OperationPair>, note: &str| {
            let pairs = pairs.into_iter().map(as_sent).collect();
            self.settled_row(link, operation.side, operation.id, pairs, note)
        };
        let is_told = !held.is_empty() || rest.is_empty();
        let told = is_told.then(|| LogRow { kind: LogKind::Create, ..row(held, found) });
        let kind = if is_told { LogKind::Update } else { LogKind::Create };
        let rest = (!rest.is_empty()).then(|| LogRow { kind, ..row(rest, LogRow::UNSEEN) });
        told.into_iter().chain(rest)
    }

    /// Takes everything else that an entry says: bases without a write, notes, holds, conflict
    /// rows, and the clearing of its inbox entries.
    pub(super) fn finish(
        &mut self,
        commit: &mut CommitBatch,
        work: &mut Work,
        entry: &Entry,
        fetched: &Fetched,
    ) {
        match &entry.step {
            Step::Follows => return,
            Step::Waits { .. } | Step::Needs => {
                self.report.waiting += 1;
                self.note_refused_look_ups(work);
                read_again(commit, entry);
                return;
            }
            Step::Unchanged | Step::Decided | Step::Ignored => {}
        }
        // A hold that stays keeps its answer, so it is not taken away first.
        let stays = |key: &HoldKey| entry.holds.iter().any(|hold| hold.key == *key);
        commit.released.extend(entry.released.iter().filter(|key| !stays(key)).cloned());
        for hold in &entry.holds {
            let mut hold = hold.clone();
            let is_it = |h: &&Hold| {
                h.key == hold.key && h.reason == hold.reason && h.conflict == hold.conflict
            };
            if let Some(before) = work.holds.iter().find(is_it) {
                hold.since = before.since;
            }
            self.note_hold(&hold, &entry.records);
            commit.holds.push(hold);
        }
        commit.conflicts.extend(entry.conflicts.iter().cloned());
        commit.judged.extend(entry.judged.iter().copied());
        self.finish_link(commit, work, entry, fetched);
        self.log_notes(commit, work, entry);
        if let Some(update) = &entry.after {
            self.update_link(commit, work, update);
        }
        finish_records(commit, entry);
        commit.cleared.extend(marks(work));
        read_again(commit, entry);
    }

    /// Tells why it is not known what creates without an answer have made.
    fn note_refused_look_ups(&mut self, work: &Work) {
        for operation in &work.operations {
            if let Some(error) = self.refused_look_ups.get(&operation.id).cloned() {
                self.note_failure(operation, Some(&error));
            }
        }
    }

    fn log_notes(&self, commit: &mut CommitBatch, work: &Work, entry: &Entry) {
        for side in Side::BOTH {
            let of_side = entry.notes.iter().filter(|(s, _)| *s == side);
            let pairs: Vec<LogPair> = of_side.map(|(_, note)| note.clone()).collect();
            if !pairs.is_empty() {
                commit.log.push(LogRow {
                    run: self.number,
                    at: self.now(),
                    kind: LogKind::Note,
                    link: work.link.as_ref().map(|link| link.id),
                    side,
                    records: entry.records.clone(),
                    operation: None,
                    pairs,
                    note: String::new(),
                });
            }
        }
    }

    fn finish_link(
        &self,
        commit: &mut CommitBatch,
        work: &mut Work,
        entry: &Entry,
        fetched: &Fetched,
    ) {
        let Some(mut link) = work.link.take() else { return };
        let adopted: Vec<_> = entry
            .pairs
            .iter()
            .filter(|pair| pair.action == PairAction::Adopt)
            .map(|pair| (pair.index, pair.values.clone()))
            .collect();
        let mut changed = !adopted.is_empty() || self.retransformed.contains_key(&link.id);
        set_bases(&self.mapping, &mut link.bases, &adopted);
        let decided = adopted.iter().map(|(index, _)| *index);
        let decided: Vec<usize> = decided.chain(entry.transforms_decided.iter().copied()).collect();
        changed |= self.mapping.end_retransformed(&mut link.bases, &decided);
        let held = !entry.holds.is_empty()
            || work.holds.iter().any(|hold| !entry.released.contains(&hold.key));
        for side in Side::BOTH {
            let record = link.records[side].clone();
            let entry = work.entries[side]
                .as_ref()
                .filter(|e| e.revision == self.mapping.revision && e.record == record);
            let listed = entry.and_then(|entry| entry.observation.as_ref());
            let Some((values, version)) =
                fetched.get(&(side, record)).or(listed).and_then(Observation::known)
            else {
                continue;
            };
            let agreed =
                self.agreed(&link, side, values) || seeded::is(Bug::FingerprintOfUndecided);
            let base = &mut link.bases[side];
            let fingerprint: Option<Fingerprint> = (agreed && !seeded::is(Bug::NoFingerprint))
                .then(|| self.mapping.record_print(side, values, &self.key));
            changed |= base.fingerprint != fingerprint;
            base.fingerprint = fingerprint;
            if !held && (version.is_newer_than(&base.version) || base.version == <_>::default()) {
                changed |= &base.version != version;
                base.version = version.clone();
            }
        }
        if changed {
            put_link(commit, &link);
        }
        work.link = Some(link);
    }

    /// Takes the version that a side shows into its base, as it is not held any more: else what comes
    /// late from before would look new, should the write to that side fail. What is decided next in
    /// this run goes by the times that there were.
    pub(super) fn note_version(
        &mut self,
        commit: &mut CommitBatch,
        work: &mut Work,
        side: Side,
        fetched: &Fetched,
    ) {
        let shown = seen(work, side, fetched, self.mapping.revision).and_then(Observation::known);
        let Some((_, version)) = shown else { return };
        let version = version.clone();
        let Some(link) = &mut work.link else { return };
        let base = &mut link.bases[side].version;
        if version.is_newer_than(base) {
            let (confirmed, shown) = (base.modified, version.modified);
            let before = BeforeWrite { confirmed, shown, left: version.clone() };
            self.before_write.insert((side, link.records[side].clone()), before);
            *base = version;
            put_link(commit, link);
        }
    }

    /// Whether a side holds what its base says, wherever both say something.
    fn agreed(&self, link: &Link, side: Side, values: &Values) -> bool {
        self.mapping.pairs.iter().all(|pair| {
            let end = &pair.ends[side];
            let base = &link.bases[side].slots[end.base.clone()];
            end.slots.iter().zip(base).all(|(&slot, base)| match (&values[slot], base) {
                (Slot::Present(value), Slot::Present(base)) => !value.changed_from(base),
                (Slot::Absent, _) | (_, Slot::Absent) => true,
            })
        })
    }

    /// The valid keys of a work's record.
    pub(super) fn keys_of(
        &self,
        work: &Work,
        side: Side,
        fetched: &Fetched,
    ) -> Vec<(u16, Fingerprint)> {
        let seen = seen(work, side, fetched, self.mapping.revision);
        let keys = |seen: &Observation| {
            Some(self.mapping.keys(side, &seen.record, seen.values()?, &self.key))
        };
        seen.and_then(keys).unwrap_or_default().valid
    }

    /// What a create for a work's record claims among all mappings of the tenant.
    pub(super) fn claims_of(&self, work: &Work, to: Side, fetched: &Fetched) -> Vec<Fingerprint> {
        let seen = seen(work, to.other(), fetched, self.mapping.revision);
        let Some((record, values)) = seen.and_then(|seen| Some((&seen.record, seen.values()?)))
        else {
            return Vec::new();
        };
        let place = (to, self.mapping.endpoint(to), self.mapping.projections[to].fields());
        let rules = self.mapping.rules.iter().filter(|_| !seeded::is(Bug::NothingClaimed));
        rules.filter_map(|rule| rule.claim(place, record, values, &self.key)).collect()
    }
}

/// What was read too early to be judged is read again when a read by id surely shows it.
fn read_again(commit: &mut CommitBatch, entry: &Entry) {
    for (side, record, until) in &entry.late {
        let (side, record, not_before) = (*side, record.clone(), Some(*until));
        commit.requeued.push(Requeue { side, record, not_before, failed: Some(1) });
    }
}

/// The open create of this id, of the work's own record or of its partner.
fn open_create(work: &Work, id: crate::model::OperationId) -> Option<&Operation> {
    let of_partners = work
        .candidates
        .iter()
        .flat_map(|c| c.holders.source.iter().chain(&c.holders.target))
        .filter_map(|holder| holder.pending.as_ref());
    work.operations
        .iter()
        .chain(of_partners)
        .find(|operation| operation.id == id && operation.kind == OperationKind::Create)
}
