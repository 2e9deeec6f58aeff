//! apply: one side after the other, intents first, then requests as large as the system takes.

use std::collections::HashMap;

use super::batch::{Batch, put_link, release_written};
use super::joint::{forget_early, read_before};
use super::outcome::{Answer, Refused, Sent};
use super::retry::{Reach, reach, refused_everywhere};
use super::run::Run;
use super::told::{Told, is_told};
use super::{Event, SyncError};
use crate::model::{
    Observation, Operation, OperationId, OperationKind, OperationPair, RecordId, Side, Work,
};
use crate::plan::{Entry, PairAction, Plan, RecordAction, Writing, link_id, remade};
use crate::seeded::{self, Bug};
use crate::store::{Begun, CommitBatch};

type Fetched = HashMap<(Side, RecordId), Observation>;

/// Whether more is to be done for a work in this run.
enum Next {
    Done,
    OtherSide(Box<Work>),
}

impl Run<'_> {
    /// Takes a batch through decide, apply and commit.
    pub(super) async fn process(&mut self, works: Vec<Work>) -> Result<(), SyncError> {
        self.process_batch(Batch::new(works)).await
    }

    /// The same for a batch of which something was fetched already.
    pub(super) async fn process_batch(&mut self, mut batch: Batch) -> Result<(), SyncError> {
        self.before_write.clear();
        self.former.clear();
        let plan = self.decide(&mut batch, self.first_look()).await?;
        self.note_retransformed(&plan);
        let mut commit = CommitBatch::default();
        let (mut to_target, mut to_source): (Vec<Work>, Vec<Work>) = (Vec::new(), Vec::new());
        for (mut work, mut entry) in batch.works.into_iter().zip(plan.entries) {
            if self.passes_over(&work, &entry) {
                continue;
            }
            if entry.writes_to(Side::Target) {
                to_target.push(work);
            } else if entry.writes_to(Side::Source) {
                to_source.push(work);
            } else {
                self.fold(&mut commit, &mut work, &mut entry);
                self.finish(&mut commit, &mut work, &entry, &batch.fetched);
            }
        }
        self.store_commit(&commit).await?;
        let mut fetched = batch.fetched;
        to_source.extend(self.write_all(Side::Target, to_target, &mut fetched).await?);
        let left = self.write_all(Side::Source, to_source, &mut fetched).await?;
        self.report.waiting += left.len() as u64; // their entries stay for the next run
        Ok(())
    }

    /// Writes one side, chunk by chunk: each is fetched directly before it is written.
    /// Returns the work that has more to write on the other side.
    async fn write_all(
        &mut self,
        side: Side,
        works: Vec<Work>,
        fetched: &mut Fetched,
    ) -> Result<Vec<Work>, SyncError> {
        let capabilities = self.capabilities(side);
        let most = capabilities.read_batch.max(capabilities.create_batch).max(1);
        let mut left = Vec::new();
        let mut works = works.into_iter().peekable();
        while works.peek().is_some() {
            let chunk: Vec<Work> = works.by_ref().take(most).collect();
            left.extend(self.write_chunk(side, chunk, fetched).await?);
        }
        Ok(left)
    }

    async fn write_chunk(
        &mut self,
        side: Side,
        works: Vec<Work>,
        fetched: &mut Fetched,
    ) -> Result<Vec<Work>, SyncError> {
        self.keep_lease().await?;
        let mut batch = Batch { works, fetched: std::mem::take(fetched) };
        batch.forget(side);
        let read_at = self.now();
        let early = read_before(&batch, side.other());
        let mut plan = self.decide(&mut batch, Writing::Only(side)).await?;
        if forget_early(&mut batch, &plan, side.other(), &early) {
            plan = self.decide(&mut batch, Writing::Only(side)).await?;
        }
        self.keep_approved(side, &mut batch, &mut plan);
        let mut entries = self.prepare(&mut batch, plan).await?;
        let operations = self.operations(side, &mut batch, &entries);
        let (mut operations, unsent) = self.begin(operations).await?;
        operations.retain(|operation| operation.side == side); // second halves are sent later
        for operation in &operations {
            self.unsent.remove(&operation.id);
        }
        let mut sent = self.send(side, &operations, &batch, read_at).await?;
        sent.extend(unsent);
        self.send_without_refused(side, &mut sent, &batch, read_at).await?;
        let unread = self.read_back(side, &mut sent, &mut batch.fetched).await;
        let mut commit = CommitBatch::default();
        let mut left = Vec::new();
        let mut stop = unread.err();
        if let Some(error) = refused_everywhere(&mut sent) {
            stop.get_or_insert_with(|| self.failed(side, error));
        }
        let reach = reach(&sent);
        for (mut work, entry) in batch.works.into_iter().zip(entries.drain(..)) {
            let own = sent.iter().position(|sent| sent.is_for(&entry, side));
            let own = own.map(|at| sent.swap_remove(at));
            if let Some(error) = own.as_ref().and_then(Sent::stops_the_run) {
                stop.get_or_insert_with(|| self.failed(side, error.clone()));
            }
            self.close_half(&mut commit, &mut work, side, own.as_ref());
            if let (Reach::Record, Some(sent)) = (reach, &own) {
                self.hold_failed(&mut commit, &work, &entry, sent, &batch.fetched);
            }
            match self.close(&mut commit, &mut work, &entry, side, own, &mut batch.fetched) {
                Next::Done => {}
                Next::OtherSide(work) => left.push(*work),
            }
        }
        self.store_commit(&commit).await?;
        *fetched = batch.fetched;
        let records = self.report.sides[side].writes();
        self.engine.tell(&Event::Wrote { side, records });
        match stop {
            Some(error) => Err(error),
            None => Ok(left),
        }
    }

    /// Makes links and settled operations durable before anything rests on them.
    async fn prepare(&mut self, batch: &mut Batch, plan: Plan) -> Result<Vec<Entry>, SyncError> {
        let mut commit = CommitBatch::default();
        let mut entries = plan.entries;
        for (work, entry) in batch.works.iter_mut().zip(&mut entries) {
            self.fold(&mut commit, work, entry);
        }
        self.store_commit(&commit).await?;
        Ok(entries)
    }

    /// What is written to the side, as intents, with the second halves of what is written on both.
    fn operations(&mut self, side: Side, batch: &mut Batch, entries: &[Entry]) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (work, entry) in batch.works.iter_mut().zip(entries) {
            if !entry.writes_to(side) {
                continue;
            }
            self.writes += 1;
            let Some(mut operation) = self.operation(side, work, entry, &batch.fetched) else {
                continue;
            };
            if let Some(half) = self.other_half(&mut operation, entry) {
                self.unsent.insert(half.id);
                work.operations.push(half.clone());
                operations.push(half);
            }
            operations.push(operation);
        }
        operations
    }

    fn operation(
        &self,
        side: Side,
        work: &Work,
        entry: &Entry,
        fetched: &Fetched,
    ) -> Option<Operation> {
        let origin = entry.records[side.other()].clone()?;
        let kind = kind_on(side, entry)?;
        let link = match (&work.link, &entry.after, remade(work, side.other())) {
            (Some(link), _, _) => link.id,
            (None, Some(update), _) => update.link,
            (None, None, Some(tombstone)) => tombstone.id,
            (None, None, None) => link_id(&self.mapping, side.other(), &origin, self.number),
        };
        let mut open = work.operations.iter().filter(|open| open.side == side);
        let resumed = open.find(|open| Some(open.id) == entry.resumes);
        let mut pairs = Vec::new();
        let mut conflicts = Vec::new();
        for pair in &entry.pairs {
            let id = &self.mapping.pairs[pair.index].id;
            let (send, cause, conflict) = match &pair.action {
                PairAction::Write { to, send, cause, conflict } if *to == side => {
                    (send, cause, conflict)
                }
                // The target goes first. What only turns out on the source to be written on both
                // sides is left for the next run.
                PairAction::WriteBoth { send, cause, conflict } if side == Side::Target => {
                    (&send.target, cause, conflict)
                }
                PairAction::Adopt | PairAction::Write { .. } | PairAction::WriteBoth { .. } => {
                    continue;
                }
            };
            conflicts.extend(conflict.iter().map(|row| row.as_ref().clone()));
            pairs.push(OperationPair {
                pair: id.clone(),
                fields: self.mapping.pairs[pair.index].fields(),
                origin: pair.values[side.other()].clone(),
                planned: pair.values[side].clone(),
                sent: send.clone(),
                cause: cause.clone(),
                joint: matches!(pair.action, PairAction::WriteBoth { .. })
                    || resumed.is_some_and(|half| half.is_joint(id, send)),
            });
        }
        if pairs.is_empty() && entry.writes_both() {
            return None;
        }
        let told = Told::of(work, entry).filter(|_| is_told(&pairs));
        conflicts.extend(told.map(|told| told.row));
        let (keys, claims) = match kind {
            OperationKind::Create => {
                (self.keys_of(work, side.other(), fetched), self.claims_of(work, side, fetched))
            }
            OperationKind::Update { .. }
            | OperationKind::Archive { .. }
            | OperationKind::Delete { .. }
            | OperationKind::Restore { .. } => (Vec::new(), Vec::new()),
        };
        let id = || {
            OperationId::of(&[
                self.mapping.key.tenant.as_str().as_bytes(),
                self.mapping.key.mapping.as_str().as_bytes(),
                &[side.number()],
                origin.as_str().as_bytes(),
                &self.number.0.to_le_bytes(),
                &self.writes.to_le_bytes(),
            ])
        };
        Some(Operation {
            id: resumed.map_or_else(id, |open| open.id),
            link,
            side,
            origin,
            keys,
            claims,
            stamp: entry.stamps[side].clone(),
            joint: resumed.and_then(|open| open.joint),
            kind,
            pairs,
            conflicts,
            run: self.number,
            fence: self.lease.fence,
            begun: self.now(),
            not_after: self.lease.until - self.engine.inner.settings.request_timeout,
        })
    }

    /// Makes intents durable. A create that another mapping claims is not sent: it waits, or has
    /// run into the record that the other one has made.
    pub(super) async fn begin(
        &mut self,
        operations: Vec<Operation>,
    ) -> Result<(Vec<Operation>, Vec<Sent>), SyncError> {
        let makes = |operation: &Operation| operation.kind == OperationKind::Create;
        if seeded::is(Bug::CreateBeforeIntent) && operations.iter().any(makes) {
            return Ok((operations, Vec::new()));
        }
        let stored = self.stored_intents(&operations);
        let answers = self.store().begin(&self.lease, &stored).await?;
        let (mut begun, mut unsent) = (Vec::new(), Vec::new());
        for (operation, answer) in operations.into_iter().zip(answers) {
            match answer {
                Begun::Yes => begun.push(operation),
                Begun::ClaimedBy(by) => {
                    unsent.push(Sent::unsent(operation, Answer::Claimed(by)));
                }
                Begun::MadeBy(_, record) => {
                    unsent.push(Sent::unsent(operation, Answer::Exists(record)));
                }
            }
        }
        Ok((begun, unsent))
    }

    /// Stores what became of one work's write, and what else its entry says.
    fn close(
        &mut self,
        commit: &mut CommitBatch,
        work: &mut Work,
        entry: &Entry,
        side: Side,
        sent: Option<Sent>,
        fetched: &mut Fetched,
    ) -> Next {
        let Some(mut sent) = sent else {
            // Decided anew, nothing is written to this side any more.
            return self.go_on(commit, work, entry, side, fetched);
        };
        for Refused { operation, error, .. } in &sent.refused {
            if operation.id != sent.operation.id {
                self.close_unless_owed(commit, operation);
            }
            self.note_failure(operation, Some(error));
        }
        // A record that was not made has no pairs that could wait.
        let is_there = work.link.is_some() || sent.has_made();
        let rest = if is_there { self.hold_refused(commit, work, entry, &sent) } else { None };
        if let Answer::Applied(applied) = &mut sent.answer {
            applied.complete(fetched.get(&(side, applied.record.clone())));
        }
        let operation = &sent.operation;
        match &sent.answer {
            Answer::Applied(applied) => {
                self.applied(commit, work, entry, operation, applied, fetched);
                fetched.insert((side, applied.record.clone()), applied.observation());
                let entry = rest.as_ref().unwrap_or(entry);
                if entry.writes_to(side.other()) && release_written(commit, work, entry, operation)
                {
                    self.note_version(commit, work, side.other(), fetched);
                }
                self.go_on(commit, work, entry, side, fetched)
            }
            Answer::Unread { record, error } => {
                self.unread(commit, work, operation, record, error.as_ref());
                Next::Done
            }
            Answer::Done(record) => {
                self.done(commit, entry, operation);
                fetched.remove(&(side, record.clone()));
                self.go_on(commit, work, entry, side, fetched)
            }
            Answer::Claimed(by) => {
                self.claimed(commit, work, operation, by);
                Next::Done
            }
            Answer::Exists(record) => {
                self.exists(commit, work, operation, record, fetched);
                Next::Done
            }
            Answer::Rejected { error, .. } => {
                self.close_unless_owed(commit, operation);
                self.note_failure(operation, Some(error));
                if let Some(rest) = rest.filter(|_| self.is_concluded(&sent)) {
                    return self.go_on(commit, work, &rest, side, fetched);
                }
                self.hold_refused_record(commit, work, entry, operation, error, fetched);
                Next::Done
            }
            // The record has moved on; whether by this write, done twice, a late read does not show.
            Answer::Moved(_) => {
                self.close_unseen(commit, work, operation);
                Next::Done
            }
            Answer::NotApplied(error) => {
                self.close_unless_owed(commit, operation);
                self.note_failure(operation, error.as_ref());
                Next::Done
            }
            Answer::Unknown(error) => {
                self.unanswered(commit, work, operation, error);
                Next::Done
            }
        }
    }

    fn go_on(
        &mut self,
        commit: &mut CommitBatch,
        work: &mut Work,
        entry: &Entry,
        side: Side,
        fetched: &Fetched,
    ) -> Next {
        if let Some(link) = &work.link {
            put_link(commit, link);
        }
        if entry.writes_to(side.other()) {
            return Next::OtherSide(Box::new(work.clone()));
        }
        self.finish(commit, work, entry, fetched);
        Next::Done
    }

    pub(super) async fn store_commit(&mut self, commit: &CommitBatch) -> Result<(), SyncError> {
        if !commit.is_empty() {
            self.store().commit(&self.lease, &self.stored_commit(commit)).await?;
        }
        self.keep_owing().await
    }
}

/// What is done to an entry's record of this side.
fn kind_on(side: Side, entry: &Entry) -> Option<OperationKind> {
    if entry.create == Some(side) {
        return Some(OperationKind::Create);
    }
    let record = entry.records[side].clone()?;
    let action = entry.record.filter(|(on, _)| *on == side).map(|(_, action)| action);
    Some(match action {
        Some(RecordAction::Archive) => OperationKind::Archive { record },
        Some(RecordAction::Delete) => OperationKind::Delete { record },
        Some(RecordAction::Restore) => OperationKind::Restore { record },
        None => OperationKind::Update { record },
    })
}
