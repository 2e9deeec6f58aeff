//! What a run did, in numbers and in words.

mod replay;
mod show;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use replay::{Replayed, ReplayedRecord, replay};
pub(crate) use show::{counted, names};

use crate::connector::ConnectorError;
use crate::model::{
    HoldReason, MappingName, RecordId, RunNumber, RunStatus, Side, Sides, Timestamp,
};
pub use crate::plan::{GuardStop, StopReason};

/// What a run did.
///
/// A run that could not be done is an error instead; a record that failed is data here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncReport {
    /// The mapping.
    pub mapping: MappingName,
    /// Its ends, for people.
    pub ends: Sides<String>,
    /// The run.
    pub run: RunNumber,
    /// How it ended.
    pub status: RunStatus,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What was read, written and so on, by side.
    pub sides: Sides<SideReport>,
    /// Records that were linked to each other.
    pub linked: u64,
    /// Writes without an answer that were settled.
    pub settled: u64,
    /// Conflicts that a strategy decided.
    pub conflicts_decided: u64,
    /// What began to wait in this run, or was looked at and still waits.
    pub held: Vec<HeldItem>,
    /// What guards hold back, of the whole mapping.
    #[serde(default)]
    pub guards: Vec<GuardStop>,
    /// Entries of an approved plan that were not carried out: their records have moved since.
    #[serde(default)]
    pub moved: Vec<Moved>,
    /// Records that were looked at and stay for a later run.
    pub waiting: u64,
    /// Records that a system refused or could not be sent.
    pub failed: Vec<Failure>,
    /// Pairs whose transform was changed, with how many links hold values that no longer mean the
    /// same by it. What is done about them is the pair's `on_change`.
    pub retransformed: Vec<(String, u64)>,
    /// Odd things about the mapping.
    pub warnings: Vec<String>,
}

/// What happened on one side.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SideReport {
    /// Pages of changes that were read.
    pub pages: u64,
    /// Records on them.
    pub listed: u64,
    /// Those of them that could mean something.
    pub taken: u64,
    /// Records that were read by id.
    pub fetched: u64,
    /// Records that were created.
    pub created: u64,
    /// Records that were updated.
    pub updated: u64,
    /// Records that were archived or deleted.
    pub removed: u64,
    /// Archived records that were brought back.
    pub restored: u64,
    /// Pairs that were written in updates.
    pub pairs: u64,
    /// The longest time from a record's read to its write: an edit within it may be overwritten.
    pub widest_window: Duration,
}

impl SideReport {
    /// Records written.
    pub fn writes(&self) -> u64 {
        self.created + self.updated + self.removed + self.restored
    }
}

/// Something that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldItem {
    /// The records, as far as there are both.
    pub records: Sides<Option<RecordId>>,
    /// Why.
    pub reason: HoldReason,
    /// Why and what to do, in words.
    pub detail: String,
    /// Records that could be meant.
    pub candidates: Vec<(Side, RecordId)>,
    /// What happens next, or what a person can do, in words.
    pub next: String,
}

/// An entry of an approved plan that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Its records.
    pub records: Sides<Option<RecordId>>,
    /// What was approved, in words.
    pub planned: Vec<String>,
    /// What would be done now.
    pub now: Vec<String>,
}

/// A write that was refused or could not be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The side.
    pub side: Side,
    /// The record; `None` for a create.
    pub record: Option<RecordId>,
    /// The record that it comes from.
    pub origin: RecordId,
    /// What the system said.
    pub error: ConnectorError,
}

impl SyncReport {
    /// Records written on both sides.
    pub fn writes(&self) -> u64 {
        self.sides.source.writes() + self.sides.target.writes()
    }

    /// Whether something was left undone.
    pub(crate) fn is_partial(&self) -> bool {
        self.waiting > 0
            || !self.failed.is_empty()
            || !self.guards.is_empty()
            || !self.moved.is_empty()
    }
}
