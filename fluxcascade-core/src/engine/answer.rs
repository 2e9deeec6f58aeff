//! What each outcome of a write stores: bases pair by pair, log rows, holds, requeues.

use std::collections::HashMap;

use super::batch::{keep_former, remade_by, seen};
use super::outcome::{Applied, Proof};
use super::record::kind_of;
use super::run::Run;
use crate::connector::ConnectorError;
use crate::mapping::refs;
use crate::model::{
    Cause, Hold, HoldKey, HoldReason, Link, LinkStatus, LogPair, LogRow, Observation, Operation,
    OperationKind, RecordId, Side, Sides, Value, Values, Work, WriteOrigin, Written,
};
use crate::plan::{BeforeWrite, Entry, Heard, PairBases, set_bases, settle_update};
use crate::report::Failure;
use crate::seeded::{self, Bug};
use crate::store::{CommitBatch, RecordKeys, Requeue};

type Fetched = HashMap<(Side, RecordId), Observation>;

impl Run<'_> {
    /// A write was carried out: bases pair by pair, the log row, the conflict rows it came with.
    pub(super) fn applied(
        &mut self,
        commit: &mut CommitBatch,
        work: &mut Work,
        entry: &Entry,
        operation: &Operation,
        applied: &Applied,
        fetched: &Fetched,
    ) {
        let side = operation.side;
        commit.closed.push(operation.id);
        let counts = &mut self.report.sides[side];
        match operation.kind {
            OperationKind::Create => counts.created += 1,
            OperationKind::Update { .. } => {
                counts.updated += 1;
                counts.pairs += operation.pairs.len() as u64;
            }
            OperationKind::Archive { .. } | OperationKind::Delete { .. } => counts.removed += 1,
            OperationKind::Restore { .. } => counts.restored += 1,
        }
        let mut link = match work.link.take() {
            Some(link) => link,
            None => self.created_link(commit, work, operation, applied),
        };
        let (bases, log) = match applied.proof {
            Proof::Answer => self.confirmed(operation, &applied.values),
            Proof::ReadBack => {
                let settled = settle_update(
                    &self.mapping,
                    operation,
                    &applied.values,
                    Heard::Applied,
                    &self.key,
                    self.now(),
                );
                for hold in &settled.holds {
                    self.note_hold(hold, &entry.records);
                }
                commit.holds.extend(settled.holds);
                // What the answer does not show was carried out with the rest.
                (settled.bases, [settled.log, settled.lost].concat())
            }
        };
        let before = fetched.get(&(side, applied.record.clone()));
        self.note_before(&link, operation, before, applied);
        let before = before.and_then(Observation::values);
        let mut log = log;
        log.extend(self.stamp_row(operation, before));
        log.extend(self.note_stamp(&mut link, operation, &applied.values));
        set_bases(&self.mapping, &mut link.bases, &bases);
        let written: Vec<usize> = bases.iter().map(|(index, _)| *index).collect();
        self.mapping.end_retransformed(&mut link.bases, &written);
        if seeded::is(Bug::BaseIsWholeAnswer) {
            let places = self.mapping.base_places[side].iter();
            for (slot, &place) in link.bases[side].slots.iter_mut().zip(places) {
                *slot = applied.values[place].clone();
            }
        }
        self.note_writes(&mut link, operation, entry);
        if let OperationKind::Create = operation.kind {
            self.base_the_rest(work, &mut link, side, &applied.values, fetched);
            self.note_made(commit, operation, &applied.record);
        }
        link.bases[side].version = applied.version.clone();
        let conflicts = operation
            .conflicts
            .iter()
            .filter(|c| log.iter().any(|l| Some(&l.pair) == c.pair.as_ref()));
        let conflicts: Vec<_> = conflicts.cloned().collect();
        self.report.conflicts_decided += conflicts.len() as u64;
        commit.conflicts.extend(conflicts);
        commit.log.push(self.log_write(operation, &link, log));
        if self.must_look_again(&link, operation, before, &applied.values, &bases) {
            let record = applied.record.clone();
            commit.requeued.push(Requeue { side, record, not_before: None, failed: None });
        }
        work.link = Some(link);
    }

    /// Each written pair gets the value in the write's own answer.
    fn confirmed(&self, operation: &Operation, values: &Values) -> (PairBases, Vec<LogPair>) {
        let side = operation.side;
        let (mut bases, mut log) = (Vec::new(), Vec::new());
        for written in &operation.pairs {
            let Some(index) = self.mapping.pair_written(written) else { continue };
            let pair = &self.mapping.pairs[index];
            let slots = pair.ends[side].slots.iter();
            let held: Option<Vec<Value>> =
                slots.map(|&slot| values[slot].value().cloned()).collect();
            let held = held.filter(|_| !seeded::is(Bug::BaseIsSent));
            let held = held.unwrap_or_else(|| written.sent.clone());
            let row = |before: &[Value], after: &[Value], cause: Cause| LogPair {
                pair: pair.id.clone(),
                before: before
                    .iter()
                    .filter(|_| !seeded::is(Bug::LogWithoutBefore))
                    .cloned()
                    .collect(),
                after: after.to_vec(),
                cause,
            };
            if pair.same(side, &refs(&held), &refs(&written.sent)) {
                log.push(row(&written.planned, &held, written.cause.clone()));
            } else {
                log.push(row(&written.planned, &written.sent, written.cause.clone()));
                log.push(row(&written.sent, &held, Cause::Rewritten));
            }
            let origin = written.origin.clone();
            bases.push((
                index,
                match side {
                    Side::Source => Sides::new(held, origin),
                    Side::Target => Sides::new(origin, held),
                },
            ));
        }
        (bases, log)
    }

    /// The link of a record that was created, and the new record's keys.
    fn created_link(
        &self,
        commit: &mut CommitBatch,
        work: &Work,
        operation: &Operation,
        applied: &Applied,
    ) -> Link {
        let (side, record) = (operation.side, applied.record.clone());
        let keys = self.mapping.keys(side, &record, &applied.values, &self.key);
        commit.keys.push(RecordKeys { side, record: record.clone(), keys });
        let link = self.new_link(operation, record);
        keep_former(commit, remade_by(work, &link), &link);
        link
    }

    fn new_link(&self, operation: &Operation, record: RecordId) -> Link {
        let records = match operation.side {
            Side::Source => Sides::new(record, operation.origin.clone()),
            Side::Target => Sides::new(operation.origin.clone(), record),
        };
        Link {
            id: operation.link,
            records,
            status: LinkStatus::Active,
            bases: self.mapping.empty_bases(),
            ending: None,
        }
    }

    /// Notes when people had changed the record: what is decided next in this run goes by that.
    fn note_before(
        &mut self,
        link: &Link,
        operation: &Operation,
        before: Option<&Observation>,
        applied: &Applied,
    ) {
        let Some(record) = operation.kind.record() else { return };
        let shown = before.and_then(Observation::known).and_then(|(_, version)| version.modified);
        let confirmed = link.bases[operation.side].version.modified;
        let before = BeforeWrite { confirmed, shown, left: applied.version.clone() };
        self.before_write.insert((operation.side, record.clone()), before);
    }

    /// Notes what was written, for telling a value that flaps.
    fn note_writes(&self, link: &mut Link, operation: &Operation, entry: &Entry) {
        for written in &operation.pairs {
            let Some(index) = self.mapping.pair_written(written) else { continue };
            let pair = &self.mapping.pairs[index];
            let start = pair.ends[operation.side].base.start;
            link.bases[operation.side].note_written(Written {
                position: u32::try_from(start).unwrap_or(u32::MAX),
                fingerprint: pair.print(operation.side, &written.sent, &self.key),
                at: self.now(),
                origin: if entry.rewritings.contains(&index) {
                    WriteOrigin::Rewriting
                } else {
                    WriteOrigin::Person
                },
            });
        }
    }

    /// Pairs that were not sent with a create, and are the same on both sides: blank on both.
    fn base_the_rest(
        &self,
        work: &Work,
        link: &mut Link,
        side: Side,
        created: &Values,
        fetched: &Fetched,
    ) {
        let origin = seen(work, side.other(), fetched, self.mapping.revision);
        let Some(origin) = origin.and_then(Observation::values) else { return };
        for (index, pair) in self.mapping.pairs.iter().enumerate() {
            let values = Sides::from_fn(|s| {
                let record = if s == side { created } else { origin };
                let slots = pair.ends[s].slots.iter();
                slots.map(|&slot| record[slot].value()).collect::<Option<Vec<&Value>>>()
            });
            let has_base = !link.bases[side].slots[pair.ends[side].base.start].is_absent();
            if let (false, Some(source), Some(target)) = (has_base, &values.source, &values.target)
                && pair.equivalent(source, target)
            {
                let own = |values: &[&Value]| values.iter().map(|&v| v.clone()).collect();
                let both = Sides::new(own(source), own(target));
                set_bases(&self.mapping, &mut link.bases, &[(index, both)]);
            }
        }
    }

    fn log_write(&self, operation: &Operation, link: &Link, pairs: Vec<LogPair>) -> LogRow {
        LogRow {
            run: self.number,
            at: self.now(),
            kind: kind_of(operation),
            link: Some(link.id),
            side: operation.side,
            records: link.records.as_ref().map(|record| Some(record.clone())),
            operation: Some(operation.id),
            pairs,
            note: String::new(),
        }
    }

    /// A write was carried out and could not be read back: an update stays open and is settled
    /// when it can be read; a new record is linked, and compared when it can be read.
    pub(super) fn unread(
        &mut self,
        commit: &mut CommitBatch,
        work: &mut Work,
        operation: &Operation,
        record: &RecordId,
        error: Option<&ConnectorError>,
    ) {
        self.report.waiting += 1;
        if error.is_some() {
            self.note_failure(operation, error);
        }
        if operation.kind == OperationKind::Create {
            let link = self.new_link(operation, record.clone());
            keep_former(commit, remade_by(work, &link), &link);
            commit.closed.push(operation.id);
            self.note_made(commit, operation, record);
            let pairs = operation.pairs.iter().map(|written| LogPair {
                pair: written.pair.clone(),
                before: Vec::new(),
                after: written.sent.clone(),
                cause: written.cause.clone(),
            });
            let pairs = pairs.chain(self.stamp_row(operation, None)).collect();
            commit.log.push(self.log_write(operation, &link, pairs));
            super::batch::put_link(commit, &link);
            for side in Side::BOTH {
                let record = link.records[side].clone();
                commit.requeued.push(Requeue { side, record, not_before: None, failed: None });
            }
            self.report.sides[operation.side].created += 1;
            work.link = Some(link);
        }
    }

    /// A create ran into a record that exists: it is matched by its keys in the next run. If it
    /// shares none, or was known to share one when the create was decided, a person must say.
    pub(super) fn exists(
        &mut self,
        commit: &mut CommitBatch,
        work: &Work,
        operation: &Operation,
        record: &RecordId,
        fetched: &Fetched,
    ) {
        let (side, origin) = (operation.side, operation.side.other());
        commit.closed.push(operation.id);
        let found = fetched.get(&(side, record.clone())).and_then(Observation::values);
        let keys = found.map(|values| self.mapping.keys(side, record, values, &self.key));
        let shared =
            keys.iter().flat_map(|keys| &keys.valid).any(|key| operation.keys.contains(key));
        let holders = work.candidates.iter().flat_map(|found| &found.holders[side]);
        let known = holders.into_iter().find(|holder| holder.record == *record);
        // One that cannot be read now keeps the keys that it had.
        commit.keys.extend(keys.map(|keys| RecordKeys { side, record: record.clone(), keys }));
        if shared && known.is_none() {
            self.report.waiting += 1;
            let record = record.clone();
            commit.requeued.push(Requeue { side, record, not_before: None, failed: None });
            return;
        }
        let but = match known {
            Some(holder) if holder.hold == Some(HoldReason::Excluded) => {
                "a person said that that one is never matched; say that they are one"
            }
            Some(_) => "they were to be two; say that they are one",
            None => "no match key says so; make a key equal",
        };
        let detail = format!(
            "the {side} refuses to create it: it says that {record} is the same, but {but}, or \
             change the value that must be unique"
        );
        let key = HoldKey::Record(origin, operation.origin.clone());
        let before = work.holds.iter().find(|hold| hold.key == key);
        let mut hold = Hold::new(key, HoldReason::Ambiguous, detail, self.now());
        // What was answered before is asked once more: that answer is not one to this.
        hold.attempts = before.map_or(0, |before| before.attempts + 1);
        hold.candidates = vec![(side, record.clone())];
        self.hold_record(commit, work, hold);
    }

    /// A write without an answer: it is settled later, and a create is looked into before it is
    /// sent again.
    pub(super) fn unanswered(
        &mut self,
        commit: &mut CommitBatch,
        work: &Work,
        operation: &Operation,
        error: &ConnectorError,
    ) {
        self.note_failure(operation, Some(error));
        if operation.kind != OperationKind::Create {
            self.report.waiting += 1;
            return;
        }
        if self.is_keyless_create(operation) {
            // What it has made may be told in this very run.
            self.keyless_creates[operation.side].push(operation.origin.clone());
        }
        let words = self.storable_words(operation, error);
        let mut hold = Hold::new(
            HoldKey::Record(operation.side.other(), operation.origin.clone()),
            HoldReason::UnknownOutcome,
            format!(
                "a create on the {} has no answer ({words}): when the new record is seen it is \
                 linked, and none is made until it is known whether there is one",
                operation.side
            ),
            self.now(),
        );
        hold.values[operation.side] = Some(operation.fingerprint());
        hold.not_before = Some(operation.not_after + self.engine.inner.settings.request_timeout);
        self.hold_record(commit, work, hold);
    }

    pub(super) fn hold_record(&mut self, commit: &mut CommitBatch, work: &Work, hold: Hold) {
        let records = match &work.link {
            Some(link) => link.records.as_ref().map(|record| Some(record.clone())),
            None => Sides::default(),
        };
        self.note_hold(&hold, &records);
        commit.holds.push(hold);
        commit.cleared.extend(super::commit::marks(work));
    }

    pub(super) fn note_failure(&mut self, operation: &Operation, error: Option<&ConnectorError>) {
        let Some(error) = error else {
            self.report.waiting += 1;
            return;
        };
        self.report.failed.push(Failure {
            side: operation.side,
            record: operation.kind.record().cloned(),
            origin: operation.origin.clone(),
            error: error.clone(),
        });
    }
}
