//! The witness: what happened to records on two systems, in order, and whose doing it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{FieldName, OperationId, RecordId, Side, Sides, Timestamp, Value};

/// Whose doing something was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Author {
    /// A person's.
    #[default]
    Person,
    /// The system's own: a workflow, a trigger. It counts as a person.
    System,
    /// The engine's, by this operation.
    Engine(OperationId),
}

impl Author {
    /// Whether it was the engine.
    pub fn is_engine(self) -> bool {
        match self {
            Author::Engine(_) => true,
            Author::Person | Author::System => false,
        }
    }
}

/// Whether a record is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is there.
    Here,
    /// It is there, and the engine may not see it: out of scope, unreadable.
    Hidden,
    /// It was deleted or archived.
    Gone,
    /// It was merged into another.
    MergedInto(RecordId),
}

/// Something that happened to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// On which side.
    pub side: Side,
    /// To which record.
    pub record: RecordId,
    /// When.
    pub at: Timestamp,
    /// How many requests the engine had begun on that side when it was sent; 0: as many as there are when
    /// it is noted. A write may be carried out long after its caller has stopped waiting.
    pub calls: u64,
    /// Whose doing it was.
    pub by: Author,
    /// What the record is since.
    pub standing: Standing,
    /// The fields that were written, and what was sent: the system may store another value.
    pub sent: Vec<(FieldName, Value)>,
    /// What the record holds since.
    pub values: Arc<BTreeMap<FieldName, Value>>,
}

/// A read of a record by its id, by the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) side: Side,
    pub(super) record: RecordId,
    pub(super) at: Timestamp,
    pub(super) calls: u64,
    /// How many acts there were before it.
    pub(super) acts: usize,
}

/// Sees all that happens on two systems. Clones are the same witness.
///
/// A [`SimSystem`](crate::testkit::SimSystem) tells it everything by itself; for a system of another
/// kind, its test does.
#[derive(Debug, Clone, Default)]
pub struct Witness {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    acts: Vec<Act>,
    reads: Vec<Read>,
    calls: Sides<u64>,
}

impl Witness {
    /// A witness that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The engine begins a request on this side.
    pub fn called(&self, side: Side) {
        self.seen().calls[side] += 1;
    }

    /// The engine reads a record by its id.
    pub fn read(&self, side: Side, record: &RecordId, at: Timestamp) {
        let mut seen = self.seen();
        let (calls, acts) = (seen.calls[side], seen.acts.len());
        seen.reads.push(Read { side, record: record.clone(), at, calls, acts });
    }

    /// How many requests the engine has begun on this side.
    pub fn calls(&self, side: Side) -> u64 {
        self.seen().calls[side]
    }

    /// Something happens to a record. How many calls there were is filled in where it is not said.
    pub fn note(&self, act: Act) {
        let mut seen = self.seen();
        let calls = if act.calls == 0 { seen.calls[act.side] } else { act.calls };
        seen.acts.push(Act { calls, ..act });
    }

    /// All that happened, in order.
    pub fn acts(&self) -> Vec<Act> {
        self.seen().acts.clone()
    }

    pub(super) fn reads(&self) -> Vec<Read> {
        self.seen().reads.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
