//! Conflict rows: one overlapping pair of edits, with both values, the decision and its loser.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::answer::Choice;
use super::id::{ConflictId, Fingerprint, LinkId, PairId, RecordId, RunNumber, Side, Sides};
use super::record::fingerprint_values;
use super::time::Timestamp;
use super::value::Value;

/// What sort of conflict it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Both sides changed the pair since the base.
    UpdateUpdate,
    /// Two records were linked that hold different values, without a base.
    FirstLink,
    /// One record was deleted and the other was edited.
    DeleteUpdate,
}

/// Where a conflict stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictStatus {
    /// It waits for a person.
    Open,
    /// A strategy decided it.
    Auto,
    /// It was waiting, and is decided.
    Resolved,
    /// A side moved on before it was decided.
    Stale,
}

/// Whose value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Winner {
    /// The source's.
    Source,
    /// The target's.
    Target,
    /// A value made of both.
    Merged,
}

impl From<Side> for Winner {
    fn from(side: Side) -> Self {
        match side {
            Side::Source => Winner::Source,
            Side::Target => Winner::Target,
        }
    }
}

impl fmt::Display for Winner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Winner::Source => "source",
            Winner::Target => "target",
            Winner::Merged => "merged",
        })
    }
}

/// One conflict: everything that is needed to understand it later, the losing value included; of a
/// pair that keeps fingerprints alone, that value's fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Its id.
    pub id: ConflictId,
    /// The link.
    pub link: LinkId,
    /// The two records.
    pub records: Sides<RecordId>,
    /// The pair; `None` for a conflict of the whole record.
    pub pair: Option<PairId>,
    /// What sort it is.
    pub kind: ConflictKind,
    /// What the sides last agreed on; `None` without a base.
    pub base: Sides<Option<Vec<Value>>>,
    /// What each side holds.
    pub values: Sides<Vec<Value>>,
    /// When each side was changed, as far as its system says.
    pub times: Sides<Option<Timestamp>>,
    /// The strategy that was asked, in words.
    pub strategy: String,
    /// Who won, if decided.
    pub winner: Option<Winner>,
    /// Why, in words.
    pub why: String,
    /// Where it stands.
    pub status: ConflictStatus,
    /// The run that found it.
    pub run: RunNumber,
    /// When that was.
    pub at: Timestamp,
}

impl Conflict {
    /// The id of a conflict of these values: the same edits have the same id in every run.
    pub fn id_of(link: LinkId, pair: Option<&PairId>, values: &Sides<Vec<Value>>) -> ConflictId {
        let prints = values.as_ref().map(|v| fingerprint_values(v));
        let pair = pair.map_or("", PairId::as_str);
        ConflictId::of(&[&link.0, pair.as_bytes(), &prints.source.0, &prints.target.0])
    }

    /// The row once a person has decided what they were asked at this time.
    pub(crate) fn answered(self, choice: &Choice, asked: Timestamp) -> Self {
        Self {
            winner: choice.winner(),
            why: format!("a person decided: {}", choice.word()),
            status: ConflictStatus::Resolved,
            at: asked,
            ..self
        }
    }

    /// The fingerprints of both values: the version of the row that a person answers to.
    pub fn version(&self) -> Sides<Fingerprint> {
        self.values.as_ref().map(|v| fingerprint_values(v))
    }

    /// The value that lost, if one side won.
    pub fn loser(&self) -> Option<&[Value]> {
        match self.winner {
            Some(Winner::Source) => Some(&self.values.target),
            Some(Winner::Target) => Some(&self.values.source),
            Some(Winner::Merged) | None => None,
        }
    }
}
