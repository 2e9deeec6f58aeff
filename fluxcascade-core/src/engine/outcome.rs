//! What became of a write: the connector's outcome, read back where the answer is no proof.
//! What each of them stores is in [`super::answer`].

use std::collections::HashMap;

use crate::connector::{ConnectorError, Consistency, ErrorKind, WriteOutcome};
use crate::mapping::{CompiledMapping, holds_id};
use crate::model::{
    FieldName, MappingName, Observation, Operation, OperationKind, OperationPair, RecordId, Side,
    Slot, State, Values, Version,
};
use crate::plan::Entry;
use crate::seeded::{self, Bug};

/// A write that was sent, and what became of it.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) operation: Operation,
    pub(super) answer: Answer,
    /// The writes that were refused before this one was sent without the fields that they named, in
    /// their order.
    pub(super) refused: Vec<Refused>,
}

/// A write that was refused for some of its fields.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) operation: Operation,
    pub(super) fields: Vec<FieldName>,
    pub(super) error: ConnectorError,
}

/// What became of a write.
#[derive(Debug)]
pub(super) enum Answer {
    /// It was carried out, and this is what the record holds.
    Applied(Applied),
    /// It was carried out, and what the record holds could not be read.
    Unread { record: RecordId, error: Option<ConnectorError> },
    /// The record is no longer as it was read: edited since, or written by this very write if that
    /// was repeated on its way.
    Moved(RecordId),
    /// A whole record was archived, deleted or brought back.
    Done(RecordId),
    /// A create was refused because this record has the key.
    Exists(RecordId),
    /// It was not sent: a create of this mapping claims the same.
    Claimed(MappingName),
    /// It was refused for good.
    Rejected { fields: Vec<FieldName>, error: ConnectorError },
    /// It was not carried out, and is decided anew.
    NotApplied(Option<ConnectorError>),
    /// It may have been carried out.
    Unknown(ConnectorError),
}

/// A record after a write.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) record: RecordId,
    pub(super) version: Version,
    pub(super) values: Values,
    pub(super) proof: Proof,
}

/// How it is known what a record holds after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The write's own answer says so.
    Answer,
    /// It was read back: another edit may have come between.
    ReadBack,
}

impl Applied {
    /// Fields that the answer does not have are as they were read before the write.
    pub(super) fn complete(&mut self, before: Option<&Observation>) {
        let Some(before) = before.and_then(Observation::values) else { return };
        for (slot, before) in self.values.slots_mut().iter_mut().zip(before.slots()) {
            if slot.is_absent() {
                slot.clone_from(before);
            }
        }
    }

    pub(super) fn observation(&self) -> Observation {
        let state = State::Known { values: self.values.clone(), version: self.version.clone() };
        Observation::fetched(self.record.clone(), state)
    }
}

impl Sent {
    pub(super) fn new(operation: Operation, outcome: WriteOutcome) -> Self {
        let is_of_whole = match operation.kind {
            OperationKind::Create | OperationKind::Update { .. } => false,
            OperationKind::Archive { .. }
            | OperationKind::Delete { .. }
            | OperationKind::Restore { .. } => true,
        };
        let answer = match outcome {
            WriteOutcome::Applied { record, .. } if is_of_whole => Answer::Done(record),
            WriteOutcome::Applied { record, version, values: Some(values) } => {
                Answer::Applied(Applied { record, version, values, proof: Proof::Answer })
            }
            WriteOutcome::Applied { record, values: None, .. } => {
                Answer::Unread { record, error: None }
            }
            WriteOutcome::Exists(record) => Answer::Exists(record),
            WriteOutcome::Rejected { fields, error } => Answer::Rejected { fields, error },
            WriteOutcome::PreconditionFailed => match &operation.kind {
                OperationKind::Update { record } => Answer::Moved(record.clone()),
                OperationKind::Create
                | OperationKind::Archive { .. }
                | OperationKind::Delete { .. }
                | OperationKind::Restore { .. } => Answer::NotApplied(None),
            },
            WriteOutcome::NotSent(error) => Answer::NotApplied(Some(error)),
            WriteOutcome::Unknown(error) => Answer::Unknown(error),
        };
        Self { operation, answer, refused: Vec::new() }
    }

    /// A create that was not sent, because another mapping's claims the same.
    pub(super) fn unsent(operation: Operation, answer: Answer) -> Self {
        Self { operation, answer, refused: Vec::new() }
    }

    /// Takes what became of the same write without the fields that it was refused for.
    pub(super) fn replace(&mut self, mut again: Sent) {
        if let Answer::Rejected { fields, error } = &self.answer {
            again.refused = std::mem::take(&mut self.refused);
            again.refused.push(Refused {
                operation: self.operation.clone(),
                fields: fields.clone(),
                error: error.clone(),
            });
            *self = again;
        }
    }

    /// Whether it was carried out, so that a record that it makes is there.
    pub(super) fn has_made(&self) -> bool {
        match &self.answer {
            Answer::Applied(_) | Answer::Unread { .. } => true,
            Answer::Moved(_)
            | Answer::Done(_)
            | Answer::Exists(_)
            | Answer::Claimed(_)
            | Answer::Rejected { .. }
            | Answer::NotApplied(_)
            | Answer::Unknown(_) => false,
        }
    }

    /// What was sent at first, before anything of it was refused.
    pub(super) fn whole(&self) -> &Operation {
        self.refused.first().map_or(&self.operation, |refused| &refused.operation)
    }

    /// The first of these fields that was refused, of the write or of what was left of it, and why.
    pub(super) fn refusal<'s>(
        &'s self,
        names: &'s [FieldName],
    ) -> Option<(&'s FieldName, &'s ConnectorError)> {
        let now = match &self.answer {
            Answer::Rejected { fields, error } => Some((fields, error)),
            Answer::Applied(_)
            | Answer::Unread { .. }
            | Answer::Moved(_)
            | Answer::Done(_)
            | Answer::Exists(_)
            | Answer::Claimed(_)
            | Answer::NotApplied(_)
            | Answer::Unknown(_) => None,
        };
        let before = self.refused.iter().map(|refused| (&refused.fields, &refused.error));
        before.chain(now).find_map(|(fields, error)| {
            names.iter().find(|name| fields.contains(name)).map(|name| (name, error))
        })
    }

    /// The record that must be read back.
    pub(super) fn unproven(&self) -> Option<&RecordId> {
        match &self.answer {
            Answer::Unread { record, .. } | Answer::Moved(record) => Some(record),
            Answer::Applied(_)
            | Answer::Done(_)
            | Answer::Exists(_)
            | Answer::Claimed(_)
            | Answer::Rejected { .. }
            | Answer::NotApplied(_)
            | Answer::Unknown(_) => None,
        }
    }

    /// The record that a create ran into.
    pub(super) fn existing(&self) -> Option<&RecordId> {
        if let Answer::Exists(record) = &self.answer { Some(record) } else { None }
    }

    /// Takes what was read back.
    pub(super) fn conclude(
        &mut self,
        mapping: &CompiledMapping,
        read: &HashMap<RecordId, Observation>,
        fetch: Consistency,
    ) {
        let may_be_late = fetch != Consistency::Consistent && !seeded::is(Bug::LateReadBelieved);
        if let Answer::Moved(record) = &self.answer {
            let seen = read.get(record);
            let shown = seen.and_then(Observation::values);
            let shown = shown.map(|values| Shown::of(mapping, &self.operation, values));
            self.answer = if shown == Some(Shown::Whole) {
                Answer::Unread { record: record.clone(), error: None }
            } else if seen.is_some() && (may_be_late || shown == Some(Shown::Part)) {
                return; // it may have been done twice, and not be shown yet, or edited since
            } else if seen.is_some() {
                Answer::NotApplied(None)
            } else {
                let message = format!("the record {record} has moved on, and could not be read");
                Answer::Unknown(ConnectorError::new(ErrorKind::Transient, message))
            };
        }
        let Answer::Unread { record, error } = &mut self.answer else { return };
        let shows = |seen: &Observation| {
            let shown = seen.values().map(|values| Shown::of(mapping, &self.operation, values));
            shown == Some(Shown::Whole)
        };
        if may_be_late && !read.get(record).is_some_and(shows) {
            // It may not be shown yet: it is settled once it surely is. An id alone is not settled:
            // if it is not there when the record is looked at again, it is written again.
            let stamped = read.get(record).and_then(|seen| stamped(mapping, &self.operation, seen));
            if let Some(applied) = stamped {
                self.answer = Answer::Applied(applied);
            }
            return;
        }
        match read.get(record) {
            Some(Observation { state: State::Known { values, version }, .. }) => {
                self.answer = Answer::Applied(Applied {
                    record: record.clone(),
                    version: version.clone(),
                    values: values.clone(),
                    proof: Proof::ReadBack,
                });
            }
            other => {
                let why = other.map_or("could not be read", |seen| seen.state.word());
                *error = Some(ConnectorError::new(
                    ErrorKind::Transient,
                    format!(
                        "the record {record} was written and then {why}: it is looked at again"
                    ),
                ));
            }
        }
    }

    pub(super) fn is_for(&self, entry: &Entry, side: Side) -> bool {
        self.operation.side == side
            && entry.records[side.other()].as_ref() == Some(&self.operation.origin)
    }

    /// Credentials that are not accepted fail every other write too.
    pub(super) fn stops_the_run(&self) -> Option<&ConnectorError> {
        match &self.answer {
            Answer::NotApplied(Some(error)) if error.kind == ErrorKind::Auth => Some(error),
            Answer::Rejected { error, .. } if seeded::is(Bug::RefusalStopsRun) => Some(error),
            Answer::Applied(_)
            | Answer::Unread { .. }
            | Answer::Moved(_)
            | Answer::Done(_)
            | Answer::Exists(_)
            | Answer::Claimed(_)
            | Answer::Rejected { .. }
            | Answer::NotApplied(_)
            | Answer::Unknown(_) => None,
        }
    }
}

/// A record as it is once an update shows that wrote the other record's id and nothing else.
fn stamped(
    mapping: &CompiledMapping,
    operation: &Operation,
    seen: &Observation,
) -> Option<Applied> {
    let stamp = operation.stamp.as_ref().filter(|_| operation.pairs.is_empty())?;
    let foreign = mapping.foreign_ids[operation.side].as_ref()?;
    let (values, version) = seen.known()?;
    let (mut values, version) = (values.clone(), version.clone());
    values.slots_mut()[foreign.slot] = Slot::Present(foreign.value(&stamp.id));
    Some(Applied { record: seen.record.clone(), version, values, proof: Proof::ReadBack })
}

/// How much of a write a record shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// All that was sent, the other record's id too.
    Whole,
    /// Some of it.
    Part,
    /// Nothing.
    Nothing,
}

impl Shown {
    fn of(mapping: &CompiledMapping, operation: &Operation, values: &Values) -> Self {
        let of_pairs =
            operation.pairs.iter().map(|written| holds(mapping, operation, written, values));
        let of_stamp = operation.stamp.iter().map(|stamp| {
            let foreign = mapping.foreign_ids[operation.side].as_ref();
            let held = foreign.and_then(|foreign| values[foreign.slot].value());
            held.is_some_and(|held| holds_id(held, &stamp.id))
        });
        let held: Vec<bool> = of_pairs.chain(of_stamp).collect();
        match (held.contains(&true), held.contains(&false)) {
            (_, false) => Shown::Whole,
            (true, true) => Shown::Part,
            (false, true) => Shown::Nothing,
        }
    }
}

/// Whether a record holds what was sent for a pair.
fn holds(
    mapping: &CompiledMapping,
    operation: &Operation,
    written: &OperationPair,
    values: &Values,
) -> bool {
    let Some(index) = mapping.pair_written(written) else { return false };
    let slots = mapping.pairs[index].ends[operation.side].slots.iter();
    slots
        .zip(&written.sent)
        .all(|(&slot, sent)| values[slot].value().is_some_and(|value| !value.changed_from(sent)))
}
