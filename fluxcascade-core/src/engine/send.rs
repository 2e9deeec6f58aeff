//! send: operations as requests as large as the system takes, and what their answers prove. When
//! they are sent is `apply`'s, what becomes of them is `answer`'s.

use std::collections::HashMap;

use super::batch::Batch;
use super::outcome::{Answer, Sent};
use super::run::Run;
use super::told::is_told;
use super::{LateWrite, SyncError};
use crate::connector::{ErrorKind, Write, WriteAction, WriteOutcome, WriteRequest};
use crate::model::{
    FieldName, Observation, Operation, OperationId, OperationKind, OperationPair, RecordId, Side,
    Timestamp, Value,
};
use crate::seeded::{self, Bug};

type Fetched = HashMap<(Side, RecordId), Observation>;

impl Run<'_> {
    /// Sends the operations in batches; one outcome for each.
    pub(super) async fn send(
        &mut self,
        side: Side,
        operations: &[Operation],
        batch: &Batch,
        read_at: Timestamp,
    ) -> Result<Vec<Sent>, SyncError> {
        let capabilities = self.capabilities(side);
        let is_create = |operation: &&Operation| operation.kind == OperationKind::Create;
        let (creates, updates): (Vec<&Operation>, Vec<&Operation>) =
            operations.iter().partition(is_create);
        let mut sent = Vec::with_capacity(operations.len());
        let by_kind = [(creates, capabilities.create_batch), (updates, capabilities.write_batch)];
        for (operations, size) in by_kind {
            for group in operations.chunks(size.max(1)) {
                let request = WriteRequest {
                    object: self.mapping.endpoint(side).object.clone(),
                    projection: self.mapping.projections[side].clone(),
                    writes: group.iter().map(|operation| self.write(operation, batch)).collect(),
                    not_after: group.iter().map(|o| o.not_after).min().unwrap_or(read_at),
                };
                let window = &mut self.report.sides[side].widest_window;
                if !seeded::is(Bug::WindowUntold) {
                    *window = (*window).max(self.engine.inner.clock.now().since(read_at));
                }
                let outcomes = self.connector(side).write(request).await;
                self.note_late(side, group);
                let width = self.mapping.projections[side].fields().len();
                sent.extend(pair_up(group, outcomes, width));
            }
        }
        Ok(sent)
    }

    /// An answer that comes when the lease is over: the process stood still between the check of the
    /// time and the request, or while it was under way (P24).
    fn note_late(&mut self, side: Side, group: &[&Operation]) {
        if self.now() <= self.lease.until {
            return;
        }
        self.late.extend(group.iter().map(|operation| LateWrite {
            side,
            record: operation.kind.record().cloned(),
            origin: operation.origin.clone(),
        }));
    }

    /// A write that is refused for fields that it names is sent once more without them, and so on while
    /// a system names others (P14). Its intent is what is sent last.
    pub(super) async fn send_without_refused(
        &mut self,
        side: Side,
        sent: &mut [Sent],
        batch: &Batch,
        read_at: Timestamp,
    ) -> Result<(), SyncError> {
        loop {
            // Each has fewer fields than the one before.
            let (places, operations): (Vec<usize>, Vec<Operation>) = sent
                .iter()
                .enumerate()
                .filter_map(|(place, one)| Some((place, self.without_refused(one)?)))
                .unzip();
            if operations.is_empty() {
                return Ok(());
            }
            self.send_again(side, sent, &places, operations, batch, read_at).await?;
        }
    }

    async fn send_again(
        &mut self,
        side: Side,
        sent: &mut [Sent],
        places: &[usize],
        operations: Vec<Operation>,
        batch: &Batch,
        read_at: Timestamp,
    ) -> Result<(), SyncError> {
        let mut intents = operations.clone();
        for (&place, again) in places.iter().zip(&operations) {
            let refused = &mut sent[place].operation;
            if refused.is_second_half() {
                // What is sent is owed once.
                refused.pairs.retain(|pair| again.pairs.iter().all(|sent| sent.pair != pair.pair));
                intents.push(refused.clone());
            }
        }
        let place_of = |id: OperationId| {
            let of = operations.iter().position(|again| again.id == id);
            of.and_then(|of| places.get(of).copied())
        };
        let (mut begun, _) = self.begin(intents).await?;
        begun.retain(|operation| place_of(operation.id).is_some());
        for again in self.send(side, &begun, batch, read_at).await? {
            if let Some(place) = place_of(again.operation.id) {
                sent[place].replace(again);
            }
        }
        Ok(())
    }

    /// The write without the pairs of the fields that it was refused for, if any are left.
    fn without_refused(&self, sent: &Sent) -> Option<Operation> {
        let Answer::Rejected { fields, .. } = &sent.answer else { return None };
        let is_refused = |written: &OperationPair| {
            let index = self.mapping.pair_written(written);
            let names =
                index.map(|index| &self.mapping.pairs[index].ends[sent.operation.side].names);
            names.is_some_and(|names| names.iter().any(|name| fields.contains(name)))
        };
        let mut again = sent.operation.clone();
        again.pairs.retain(|written| !is_refused(written));
        again.stamp = again.stamp.filter(|stamp| !fields.contains(&stamp.field));
        let is_same =
            again.pairs.len() == sent.operation.pairs.len() && again.stamp == sent.operation.stamp;
        let is_empty = again.pairs.is_empty()
            && (again.stamp.is_none() || again.kind == OperationKind::Create);
        if is_same || is_empty {
            return None;
        }
        let is_told = is_told(&again.pairs);
        again.conflicts.retain(|row| match &row.pair {
            Some(pair) => again.pairs.iter().any(|written| written.pair == *pair),
            None => is_told,
        });
        if again.is_second_half() {
            // What it was refused for is owed still, under its own id, and what was sent without it
            // before may be owed too.
            again.id = OperationId::of(&[
                &sent.operation.id.0,
                b"without what was refused",
                &self.number.0.to_le_bytes(),
                &self.writes.to_le_bytes(),
            ]);
        }
        Some(again)
    }

    fn write(&self, operation: &Operation, batch: &Batch) -> Write {
        let side = operation.side;
        let mut fields: Vec<(FieldName, Value)> = Vec::new();
        for pair in &operation.pairs {
            let Some(index) = self.mapping.pair_written(pair) else { continue };
            let names = self.mapping.pairs[index].ends[side].names.iter().cloned();
            fields.extend(names.zip(pair.sent.iter().cloned()));
        }
        let foreign = self.mapping.foreign_ids[side].as_ref();
        if let (Some(stamp), Some(foreign)) = (&operation.stamp, foreign) {
            fields.push((stamp.field.clone(), foreign.value(&stamp.id)));
        }
        let upserts_by = foreign
            .filter(|foreign| foreign.unique && self.capabilities(side).upserts)
            .filter(|_| operation.stamp.is_some());
        let tag_of = |record: &RecordId| {
            let seen = batch.fetched.get(&(side, record.clone()));
            seen.and_then(Observation::known).and_then(|(_, version)| version.tag.clone())
        };
        let action = match &operation.kind {
            OperationKind::Create => {
                fields.retain(|(_, value)| !value.is_blank());
                match upserts_by {
                    Some(foreign) => WriteAction::Upsert { by: foreign.field.clone() },
                    None => WriteAction::Create,
                }
            }
            OperationKind::Update { record } => {
                WriteAction::Update { record: record.clone(), if_tag: tag_of(record) }
            }
            OperationKind::Archive { record } => {
                WriteAction::Archive { record: record.clone(), if_tag: tag_of(record) }
            }
            OperationKind::Delete { record } => {
                WriteAction::Delete { record: record.clone(), if_tag: tag_of(record) }
            }
            OperationKind::Restore { record } => WriteAction::Restore { record: record.clone() },
        };
        Write { operation: operation.id, action, fields }
    }

    /// Reads back what an answer is no proof of.
    pub(super) async fn read_back(
        &mut self,
        side: Side,
        sent: &mut [Sent],
        fetched: &mut Fetched,
    ) -> Result<(), SyncError> {
        let unproven: Vec<RecordId> = sent.iter().filter_map(Sent::unproven).cloned().collect();
        let seen = self.fetch(side, unproven).await;
        let by_id: HashMap<RecordId, Observation> = match &seen {
            Ok(seen) => seen.iter().map(|o| (o.record.clone(), o.clone())).collect(),
            Err(_) => HashMap::new(),
        };
        let fetch = self.capabilities(side).fetch;
        for sent in sent.iter_mut() {
            sent.conclude(&self.mapping, &by_id, fetch);
        }
        let conflicting: Vec<RecordId> = sent.iter().filter_map(Sent::existing).cloned().collect();
        for found in self.fetch(side, conflicting).await? {
            fetched.insert((side, found.record.clone()), found);
        }
        seen.map(|_| ())
    }
}

/// One outcome per operation; a connector that gives fewer leaves the rest unknown. Values that
/// are not one per field are no proof, and are read back.
fn pair_up(group: &[&Operation], outcomes: Vec<WriteOutcome>, width: usize) -> Vec<Sent> {
    let missing = || {
        WriteOutcome::Unknown(crate::connector::ConnectorError::new(
            ErrorKind::Protocol,
            "the connector gave no outcome for this write: it has a defect",
        ))
    };
    let outcomes = outcomes.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
    group
        .iter()
        .zip(outcomes)
        .map(|(operation, outcome)| {
            let mut outcome = outcome.unwrap_or_else(missing);
            if let WriteOutcome::Applied { values, .. } = &mut outcome {
                *values = values.take().filter(|values| values.slots().len() == width);
            }
            Sent::new((*operation).clone(), outcome)
        })
        .collect()
}
