//! What a run did, in numbers and in words.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::connector::ConnectorError;
use crate::model::{
    HoldReason, MappingName, RecordId, RunNumber, RunStatus, Side, Sides, Timestamp,
};

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
}

impl fmt::Display for SyncReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "run {} of {}: {}, {} linked, {} decided, {} held, {} waiting, {} failed",
            self.run,
            self.mapping,
            counted(self.writes(), "write"),
            self.linked,
            counted(self.conflicts_decided, "conflict"),
            self.held.len(),
            self.waiting,
            self.failed.len()
        )?;
        for (side, report) in self.sides.iter() {
            writeln!(
                f,
                "  {}: {} listed on {}, {} looked at, {} fetched, {} created, {} updated",
                self.ends[side],
                report.listed,
                counted(report.pages, "page"),
                report.taken,
                report.fetched,
                report.created,
                report.updated
            )?;
        }
        for held in &self.held {
            let name = |side: Side| held.records[side].as_ref().map_or("-", RecordId::as_str);
            writeln!(
                f,
                "  held ({}): {} ↔ {}: {}",
                held.reason,
                name(Side::Source),
                name(Side::Target),
                held.detail
            )?;
        }
        for failure in &self.failed {
            let what = failure.record.as_ref().map_or_else(
                || format!("a new record for {}", failure.origin),
                RecordId::to_string,
            );
            writeln!(f, "  failed: {} {what}: {}", self.ends[failure.side], failure.error)?;
        }
        for (pair, count) in &self.retransformed {
            writeln!(
                f,
                "  {pair}: its transform was changed, and {} not mean the same by it",
                if *count == 1 { "1 link does".into() } else { format!("{count} links do") }
            )?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "  warning: {warning}"))
    }
}

/// `1 write`, `2 writes`.
fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
