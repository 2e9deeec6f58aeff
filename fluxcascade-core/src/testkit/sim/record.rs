//! What a simulated system holds: records with what they were before, in order of their times.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{FieldName, RecordId, Timestamp, Value};

pub(super) type Fields = BTreeMap<FieldName, Value>;

/// Whether a record is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Life {
    Live,
    /// Archived, in the bin: it can be restored.
    Binned,
    /// Gone for good.
    Erased,
    MergedInto(RecordId),
}

/// A state that a record is or was in.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// When, by the test's clock: what a lag counts from.
    pub(super) at: Timestamp,
    /// When, as the system tells it.
    pub(super) modified: Timestamp,
    /// The number of the change among all of the system.
    pub(super) number: u64,
    pub(super) life: Life,
    pub(super) values: Arc<Fields>,
}

/// Who sees a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sight {
    #[default]
    Clear,
    OutOfScope,
    Garbled,
}

/// A record with what it was: listings may show an older state.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    /// Oldest first; never empty once the record is made.
    states: Vec<Snapshot>,
    pub(super) sight: Sight,
    /// Fields that a permission hides.
    pub(super) hidden: BTreeSet<FieldName>,
    /// Listings do not show it before this, by the system's own clock.
    pub(super) invisible_until: Option<Timestamp>,
    /// When fields were changed, where the system keeps that.
    pub(super) times: BTreeMap<FieldName, Timestamp>,
}

impl Record {
    pub(super) fn now(&self) -> Option<&Snapshot> {
        self.states.last()
    }

    pub(super) fn live(&self) -> Option<&Snapshot> {
        self.now().filter(|now| now.life == Life::Live)
    }

    pub(super) fn as_of(&self, at: Timestamp) -> Option<&Snapshot> {
        self.states.iter().rev().find(|state| state.at <= at)
    }

    /// The state before this one.
    pub(super) fn before(&self, number: u64) -> Option<&Snapshot> {
        let at = self.states.iter().position(|state| state.number == number)?;
        self.states.get(at.checked_sub(1)?)
    }
}

/// All records, and their states in order of the times that the system tells.
#[derive(Debug, Default)]
pub(super) struct Records {
    by_id: BTreeMap<RecordId, Record>,
    by_time: BTreeMap<Timestamp, BTreeSet<RecordId>>,
    changes: u64,
}

impl Records {
    pub(super) fn get(&self, id: &RecordId) -> Option<&Record> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &RecordId) -> Option<&mut Record> {
        self.by_id.get_mut(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&RecordId, &Record)> {
        self.by_id.iter()
    }

    /// The records whose times are not before `since`, in order of time and id, after a row.
    pub(super) fn from(
        &self,
        since: Option<Timestamp>,
        after: Option<(Timestamp, &RecordId)>,
    ) -> impl Iterator<Item = (Timestamp, &RecordId, &Record)> {
        let begin = after.map(|(at, _)| at).max(since);
        let rows = self.by_time.range((begin.map_or(Unbounded, Included), Unbounded));
        let rows = rows.flat_map(move |(at, ids)| {
            let after = after.filter(|(after, _)| after == at).map(|(_, id)| id.clone());
            let ids = ids.range((after.map_or(Unbounded, Excluded), Unbounded));
            ids.map(move |id| (*at, id))
        });
        rows.filter_map(|(at, id)| Some((at, id, self.by_id.get(id)?)))
    }

    /// Adds a state. States that no lag shows any more are forgotten, but for the one before.
    pub(super) fn push(
        &mut self,
        id: &RecordId,
        (at, modified): (Timestamp, Timestamp),
        life: Life,
        values: Arc<Fields>,
        longest_lag: Duration,
    ) {
        self.changes += 1;
        let number = self.changes;
        let record = self.by_id.entry(id.clone()).or_default();
        record.states.push(Snapshot { at, modified, number, life, values });
        self.by_time.entry(modified).or_default().insert(id.clone());
        while record.states.len() > 2 && record.states[1].at <= at - longest_lag {
            let gone = record.states.remove(0).modified;
            if record.states.iter().all(|state| state.modified != gone)
                && let Some(ids) = self.by_time.get_mut(&gone)
            {
                ids.remove(id);
                if ids.is_empty() {
                    self.by_time.remove(&gone);
                }
            }
        }
    }
}
