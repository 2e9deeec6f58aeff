//! What a side says of one record: its values by slot, its version, or why there are none.

use std::fmt;
use std::ops::Index;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::{FieldName, Fingerprint, RecordId};
use super::time::Version;
use super::value::{Slot, Value};

/// The fields that are asked for, in the order in which [`Values`] answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Projection(Arc<[FieldName]>);

impl Projection {
    /// Asks for these fields, in this order.
    pub fn new(fields: impl IntoIterator<Item = FieldName>) -> Self {
        Self(fields.into_iter().collect())
    }

    /// The fields in slot order.
    pub fn fields(&self) -> &[FieldName] {
        &self.0
    }

    /// The slot of a field.
    pub fn slot(&self, field: &str) -> Option<usize> {
        self.0.iter().position(|name| name.as_str() == field)
    }

    /// Builds values in slot order, from what is known of each field.
    pub fn values(&self, mut slot: impl FnMut(&FieldName) -> Slot) -> Values {
        Values(self.0.iter().map(&mut slot).collect())
    }
}

/// A record's fields, one slot for each field of a [`Projection`] and in its order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Values(Box<[Slot]>);

impl Values {
    /// Values in slot order.
    pub fn new(slots: impl Into<Box<[Slot]>>) -> Self {
        Self(slots.into())
    }

    /// The slots.
    pub fn slots(&self) -> &[Slot] {
        &self.0
    }

    /// The slots, to change them.
    pub fn slots_mut(&mut self) -> &mut [Slot] {
        &mut self.0
    }

    /// A fingerprint: equal values have equal ones.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(self.0.iter())
    }
}

/// A fingerprint of slots in order.
pub fn fingerprint<'a>(slots: impl Iterator<Item = &'a Slot>) -> Fingerprint {
    let mut sink = HashSink(blake3::Hasher::new());
    for slot in slots {
        match slot.value().and_then(Value::canonical) {
            Some(canonical) => sink.take(&Slot::Present(canonical)),
            None => sink.take(slot),
        }
    }
    Fingerprint(super::id::first16(&sink.0.finalize()))
}

/// A fingerprint of anything that is written alike whenever it is equal.
pub(super) fn fingerprint_of(item: &impl Serialize) -> Fingerprint {
    let mut sink = HashSink(blake3::Hasher::new());
    // Writing to a hasher cannot fail.
    let _ = postcard::to_io(item, &mut sink);
    Fingerprint(super::id::first16(&sink.0.finalize()))
}

/// A keyed fingerprint of what a value means for telling that it has changed: all blanks have one.
/// Who it is the value of is part of it.
pub(crate) fn keyed_fingerprint(key: &[u8; 32], of: &[&[u8]], value: &Value) -> Fingerprint {
    let mut sink = HashSink(blake3::Hasher::new_keyed(key));
    sink.take(&of);
    match value.canonical() {
        _ if value.is_blank() => sink.take(&Value::Null),
        Some(canonical) => sink.take(&canonical),
        None => sink.take(value),
    }
    Fingerprint(super::id::first16(&sink.0.finalize()))
}

/// A fingerprint of present values in order.
pub fn fingerprint_values(values: &[Value]) -> Fingerprint {
    let mut sink = HashSink(blake3::Hasher::new());
    for value in values {
        match value.canonical() {
            Some(canonical) => sink.take(&canonical),
            None => sink.take(value),
        }
    }
    Fingerprint(super::id::first16(&sink.0.finalize()))
}

struct HashSink(blake3::Hasher);

impl HashSink {
    fn take(&mut self, part: &impl Serialize) {
        // Writing to a hasher cannot fail, and everything that is hashed here can be written.
        let _ = postcard::to_io(part, self);
    }
}

impl std::io::Write for HashSink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Index<usize> for Values {
    type Output = Slot;
    fn index(&self, slot: usize) -> &Slot {
        &self.0[slot]
    }
}

/// How an observation was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// From a changes page: it may be late.
    Listed,
    /// By id: as fresh as the system is.
    Fetched,
}

/// How it is known that a record is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeleteEvidence {
    /// A delete event, confirmed by not-found.
    Feed,
    /// Not found twice, the grace time apart.
    Missing,
}

/// What is known of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It exists, with these values.
    Known {
        /// The fields asked for.
        values: Values,
        /// The record's version.
        version: Version,
    },
    /// It is put away, and says so itself: archived, in the bin. It counts as deleted, and may come
    /// back.
    ///
    /// Its values are told for its match keys alone, so that nothing is created beside it; they are
    /// not kept. A field that the system does not show of such a record is absent.
    Archived(Values),
    /// It is gone.
    Deleted(DeleteEvidence),
    /// It was not found; why is not known.
    Missing,
    /// It was merged into another record, and lives on there.
    MergedInto(RecordId),
    /// It exists, but a filter or a permission hides it.
    OutOfScope,
    /// It exists, but its answer cannot be read; the text says what was wrong.
    Unreadable(String),
}

impl State {
    /// A word for people.
    pub fn word(&self) -> &'static str {
        match self {
            State::Known { .. } => "known",
            State::Archived(_) => "archived",
            State::Deleted(_) => "deleted",
            State::Missing => "missing",
            State::MergedInto(_) => "merged into another record",
            State::OutOfScope => "out of scope",
            State::Unreadable(_) => "unreadable",
        }
    }
}

/// What a side says of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The record.
    pub record: RecordId,
    /// What is known of it.
    pub state: State,
    /// How that was come by.
    pub provenance: Provenance,
}

impl Observation {
    /// A record on a changes page.
    pub fn listed(record: RecordId, values: Values, version: Version) -> Self {
        Self { record, state: State::Known { values, version }, provenance: Provenance::Listed }
    }

    /// A record read by id.
    pub fn fetched(record: RecordId, state: State) -> Self {
        Self { record, state, provenance: Provenance::Fetched }
    }

    /// The values, if the record is known.
    pub fn values(&self) -> Option<&Values> {
        self.known().map(|(values, _)| values)
    }

    /// The values that its match keys are told from: those of a record that is known or archived.
    pub fn values_for_keys(&self) -> Option<&Values> {
        match &self.state {
            State::Known { values, .. } | State::Archived(values) => Some(values),
            State::Deleted(_)
            | State::Missing
            | State::MergedInto(_)
            | State::OutOfScope
            | State::Unreadable(_) => None,
        }
    }

    /// Values and version, if the record is known.
    pub fn known(&self) -> Option<(&Values, &Version)> {
        if let State::Known { values, version } = &self.state {
            Some((values, version))
        } else {
            None
        }
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.record, self.state.word())
    }
}
