//! What a person says about something that waits for them.

use serde::{Deserialize, Serialize};

use super::conflict::Winner;
use super::hold::HoldKey;
use super::id::{Fingerprint, RecordId, Side, Sides};
use super::time::Timestamp;
use super::value::Value;

/// What a person decided. Which of these an item takes is told by the item itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// This side's value stands: conflicts, oscillating and unsettled pairs.
    Take(Side),
    /// These values stand, each as its side stores them: conflicts, oscillating and unsettled pairs.
    Set(Sides<Vec<Value>>),
    /// Both sides stay as they are, until one of them is edited.
    Leave,
    /// A parked record is the same as this one of the other side; a create without an answer made
    /// this one.
    LinkTo(RecordId),
    /// A parked record is none of its candidates: it is created on the other side.
    Create,
    /// A parked record is never matched or created.
    Never,
    /// A create without an answer made nothing: it is sent again.
    NotMade,
    /// A withheld write is let through.
    Allow,
    /// What was refused is tried once more: dead letters.
    Retry,
    /// A record that was deleted while its twin was edited is made again.
    Recreate,
}

impl Choice {
    /// The word that stores and reports use.
    pub fn word(&self) -> &'static str {
        match self {
            Choice::Take(Side::Source) => "take source",
            Choice::Take(Side::Target) => "take target",
            Choice::Set(_) => "set",
            Choice::Leave => "leave",
            Choice::LinkTo(_) => "link to",
            Choice::Create => "create",
            Choice::Never => "never",
            Choice::NotMade => "not made",
            Choice::Allow => "allow",
            Choice::Retry => "retry",
            Choice::Recreate => "recreate",
        }
    }

    /// Who has won by it.
    pub(crate) fn winner(&self) -> Option<Winner> {
        match self {
            Choice::Take(side) => Some((*side).into()),
            Choice::Set(_) => Some(Winner::Merged),
            Choice::Leave
            | Choice::LinkTo(_)
            | Choice::Create
            | Choice::Never
            | Choice::NotMade
            | Choice::Allow
            | Choice::Retry
            | Choice::Recreate => None,
        }
    }
}

/// An answer as it is stored with its hold until a run carries it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was decided.
    pub choice: Choice,
    /// When.
    pub at: Timestamp,
}

/// An answer on its way to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerTo {
    /// The hold.
    pub hold: HoldKey,
    /// The version of the hold that the person saw.
    pub version: Fingerprint,
    /// What they decided.
    pub answer: Answer,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerOutcome {
    /// It is stored, and the next run carries it out.
    Stored,
    /// The same answer is stored already.
    Already,
    /// What waits is no longer what the person saw, or another answer is stored: look again.
    Stale,
    /// Nothing waits there any more.
    Gone,
}
