//! Log rows: every write with before, after and why. And run rows.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::id::{ConflictId, LinkId, OperationId, PairId, RecordId, RunNumber, Side, Sides};
use super::time::Timestamp;
use super::value::Value;

/// What a log row tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// A record was created.
    Create,
    /// A record was updated.
    Update,
    /// Two records were linked.
    Link,
    /// A side's own edit was noted and left as it is.
    Note,
    /// A record was archived.
    Archive,
    /// A record was deleted for good.
    Delete,
    /// An archived record was brought back.
    Restore,
    /// A link was suspended: nothing is written for it.
    Suspend,
    /// A link is in use again.
    Resume,
    /// A link ended.
    End,
    /// A link follows a record that its own was merged into.
    Follow,
}

impl fmt::Display for LogKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            LogKind::Create => "create",
            LogKind::Update => "update",
            LogKind::Link => "link",
            LogKind::Note => "note",
            LogKind::Archive => "archive",
            LogKind::Delete => "delete",
            LogKind::Restore => "restore",
            LogKind::Suspend => "suspend",
            LogKind::Resume => "resume",
            LogKind::End => "end",
            LogKind::Follow => "follow",
        })
    }
}

/// Why a pair was written, or left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The other side was edited.
    Edit,
    /// The other side was edited, and an edit of this side was overwritten by it (a one-way pair).
    EditOverwrites,
    /// A conflict was decided.
    Conflict {
        /// Its row.
        conflict: ConflictId,
        /// The rule that decided it, in words.
        why: String,
    },
    /// The records were linked, and this side was blank.
    Fill,
    /// The records were linked, and a one-way pair overwrote what this side held.
    FirstLinkOverwrites,
    /// The record was created.
    Create,
    /// A one-way pair's target was edited: left as it is.
    DriftLeft,
    /// A one-way pair's target was edited: set back.
    DriftRestored,
    /// A one-way pair's origin was blank when the records were linked: left as found.
    LeftAsFound,
    /// The system stored another value than was sent.
    Rewritten,
    /// A person decided.
    Answered {
        /// What they chose, in words.
        choice: String,
    },
    /// The other record of the link, in a field of ours.
    OtherId,
    /// The pair's transform was changed, and the mapping says that this side follows.
    TransformChanged,
    /// The records were linked, and the mapping takes both sides as they were found.
    TakenAsFound,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Edit => f.pad("edited on the other side"),
            Cause::EditOverwrites => {
                f.pad("edited on the other side; an edit here was overwritten")
            }
            Cause::Conflict { why, .. } => write!(f, "conflict: {why}"),
            Cause::Fill => f.pad("was blank when linked"),
            Cause::FirstLinkOverwrites => f.pad("overwritten when linked (one-way)"),
            Cause::Create => f.pad("new record"),
            Cause::DriftLeft => f.pad("edited against the pair's direction: left"),
            Cause::DriftRestored => f.pad("edited against the pair's direction: set back"),
            Cause::LeftAsFound => f.pad("origin was blank when linked: left as found"),
            Cause::Rewritten => f.pad("the system stored another value than was sent"),
            Cause::Answered { choice } => write!(f, "a person decided: {choice}"),
            Cause::OtherId => f.pad("the other record's id"),
            Cause::TransformChanged => f.pad("the transform was changed"),
            Cause::TakenAsFound => f.pad("taken as found when linked"),
        }
    }
}

/// One pair of a log row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPair {
    /// The pair.
    pub pair: PairId,
    /// What the record held before; empty for a create.
    pub before: Vec<Value>,
    /// What it holds now.
    pub after: Vec<Value>,
    /// Why.
    pub cause: Cause,
}

/// One record write, or one thing that was noted about a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    /// The run.
    pub run: RunNumber,
    /// When it was committed.
    pub at: Timestamp,
    /// What it tells of.
    pub kind: LogKind,
    /// The link, once there is one.
    pub link: Option<LinkId>,
    /// The side that was written.
    pub side: Side,
    /// Both records, as far as there are both.
    pub records: Sides<Option<RecordId>>,
    /// The operation, for a write.
    pub operation: Option<OperationId>,
    /// What was written and why.
    pub pairs: Vec<LogPair>,
    /// More for people: the match rule, for a link.
    pub note: String,
}

impl LogRow {
    /// The note of a write without an answer that could not be told from its record since: the record
    /// was gone or hidden, or the mapping ties other fields. It may have been carried out or not.
    pub const UNSEEN: &str = "without an answer, and not seen since: it may have been carried out";
}

/// How a run ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It has not begun.
    Pending,
    /// It is under way, or was cut off.
    Running,
    /// All of it was done.
    Completed,
    /// Some records wait.
    Partial,
    /// It could not be done.
    Failed,
}

/// One pass over a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its number.
    pub number: RunNumber,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub status: RunStatus,
    /// Records written per side.
    pub writes: Sides<u64>,
    /// What went wrong, for a failed run.
    pub error: Option<String>,
}
