//! Writes to both sides of a pair, as two operations that name each other: both are durable before
//! the first request, and the second is sent once the first is confirmed.

use std::collections::HashSet;

use super::SyncError;
use super::batch::Batch;
use super::outcome::{Answer, Sent};
use super::run::Run;
use crate::model::{Operation, OperationId, OperationKind, OperationPair, RecordId, Side, Work};
use crate::plan::{Entry, PairAction, Plan};
use crate::store::CommitBatch;

impl Run<'_> {
    /// The half on the source of what an operation on the target is the first half of.
    pub(super) fn other_half(&self, first: &mut Operation, entry: &Entry) -> Option<Operation> {
        let record = entry.records[Side::Source].clone()?;
        let mut pairs = Vec::new();
        for pair in &entry.pairs {
            let PairAction::WriteBoth { send, cause, .. } = &pair.action else { continue };
            pairs.push(OperationPair {
                pair: self.mapping.pairs[pair.index].id.clone(),
                fields: self.mapping.pairs[pair.index].fields(),
                origin: send.target.clone(),
                planned: pair.values.source.clone(),
                sent: send.source.clone(),
                cause: cause.clone(),
                joint: true,
            });
        }
        if pairs.is_empty() || first.side != Side::Target {
            return None;
        }
        let id = OperationId::of(&[&first.id.0, b"other half"]);
        first.joint = Some(id);
        Some(Operation {
            id,
            side: Side::Source,
            origin: entry.records[Side::Target].clone()?,
            kind: OperationKind::Update { record },
            pairs,
            conflicts: Vec::new(),
            keys: Vec::new(),
            claims: Vec::new(),
            stamp: None,
            joint: Some(first.id),
            ..first.clone()
        })
    }

    /// Stores second halves without what is not open any more of what they carried, so that it is not
    /// settled again.
    pub(super) async fn keep_owing(&mut self) -> Result<(), SyncError> {
        let owing = std::mem::take(&mut self.owing);
        if !owing.is_empty() {
            self.store().begin(&self.lease, &self.stored_intents(&owing)).await?;
        }
        Ok(())
    }

    /// What becomes of the second half, after what became of the first: it is owed, or it may be, or
    /// it is given up.
    pub(super) fn close_half(
        &mut self,
        commit: &mut CommitBatch,
        work: &mut Work,
        side: Side,
        first: Option<&Sent>,
    ) {
        let is_open = match first.map(|sent| &sent.answer) {
            Some(Answer::Applied(_) | Answer::Unread { .. } | Answer::Unknown(_)) => true,
            None
            | Some(
                Answer::Exists(_)
                | Answer::Claimed(_)
                | Answer::Done(_)
                | Answer::Moved(_)
                | Answer::Rejected { .. }
                | Answer::NotApplied(_),
            ) => false,
        };
        if side == Side::Source {
            return;
        }
        // What the target refused is not owed on the source.
        let written = first.filter(|_| is_open).map_or(&[][..], |sent| &sent.operation.pairs);
        let is_written = |half: &OperationPair| written.iter().any(|w| w.pair == half.pair);
        let of_first = first.map(|sent| sent.operation.id);
        let (mut given_up, mut reduced) = (Vec::new(), Vec::new());
        let own = |operation: &&mut Operation| {
            self.unsent.contains(&operation.id) && operation.joint == of_first
        };
        for half in work.operations.iter_mut().filter(own) {
            let before = half.pairs.len();
            half.pairs.retain(is_written);
            if half.pairs.is_empty() {
                given_up.push(half.id);
            } else if half.pairs.len() < before {
                reduced.push(half.clone());
            }
        }
        self.owing.extend(reduced);
        work.operations.retain(|operation| !given_up.contains(&operation.id));
        commit.closed.extend(given_up);
    }

    /// Closes an operation that was not carried out, but for a second half: that one is owed still,
    /// without what else it carried.
    pub(super) fn close_unless_owed(&mut self, commit: &mut CommitBatch, operation: &Operation) {
        let is_owed = operation.is_second_half() && operation.joint().next().is_some();
        if !is_owed {
            commit.closed.push(operation.id);
        } else if operation.carries_more() {
            self.owing.push(operation.only_joint());
        }
    }
}

/// Records of a side that were read before now.
pub(super) fn read_before(batch: &Batch, side: Side) -> HashSet<RecordId> {
    let of_side = batch.fetched.keys().filter(|(on, _)| *on == side);
    of_side.map(|(_, record)| record.clone()).collect()
}

/// Forgets what was read earlier of records that are written on both sides: says whether there was
/// any, so that they are read again directly before.
pub(super) fn forget_early(
    batch: &mut Batch,
    plan: &Plan,
    side: Side,
    early: &HashSet<RecordId>,
) -> bool {
    let mut forgotten = false;
    for entry in plan.entries.iter().filter(|entry| entry.writes_both()) {
        if let Some(record) = entry.records[side].as_ref().filter(|r| early.contains(*r)) {
            forgotten |= batch.fetched.remove(&(side, record.clone())).is_some();
        }
    }
    forgotten
}
