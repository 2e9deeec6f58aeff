//! Who wins when both sides hold another value: the strategies, and the trait for one's own.

mod builtin;
mod merged;
mod ordered;

use std::fmt::{self, Debug};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use ordered::Strategies;

use crate::model::{ConflictKind, FieldType, Modified, PairId, Side, Sides, Value};

/// A conflict as a resolver sees it. Values are in each side's own representation.
#[derive(Debug, Clone)]
pub struct ConflictCase<'a> {
    /// The pair; of several that conflict together, the first. Values, types and bases are then
    /// those of all of them, one after the other.
    pub pair: &'a PairId,
    /// What sort of conflict it is.
    pub kind: ConflictKind,
    /// What each side was last confirmed to hold, if there is a base; [`Value::Kept`] where only a
    /// fingerprint of that is stored.
    pub base: Option<Sides<Vec<&'a Value>>>,
    /// What each side holds.
    pub values: Sides<Vec<&'a Value>>,
    /// What each side holds, as the other side stores it; `None` where that cannot be said.
    pub carried: Sides<Option<Vec<Value>>>,
    /// The types of each side's fields.
    pub types: Sides<&'a [FieldType]>,
    /// When each side was changed, if that is newer than its base.
    pub times: Sides<Option<Modified>>,
    /// What the times are of.
    pub timed_by: Sides<TimedBy>,
    /// The mapping's primary side, if it names one.
    pub primary: Option<Side>,
}

/// What a time of a [`ConflictCase`] is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimedBy {
    /// The record's: any of its fields may have been changed then.
    #[default]
    Record,
    /// The newest of the fields in conflict.
    Fields,
}

impl fmt::Display for TimedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TimedBy::Record => "record",
            TimedBy::Fields => "field",
        })
    }
}

impl ConflictCase<'_> {
    /// Whether all of a side's values are blank.
    pub fn is_blank(&self, side: Side) -> bool {
        self.values[side].iter().all(|value| value.is_blank())
    }
}

/// What a resolver says; each with why, in words that are stored: without a value in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// One side's value stands.
    Wins(Side, String),
    /// A value made of both stands, written here as each side stores it. A side that holds it
    /// already is not written; a person is asked if the two do not mean the same.
    Merges(Sides<Vec<Value>>, String),
    /// Both values stay where they are; nothing is written until one of them is edited again.
    Leaves(String),
    /// A person decides; the pair waits, others go on.
    AsksPerson(String),
    /// The whole record waits.
    HoldsRecord(String),
    /// It cannot say: the next strategy of the list is asked, and after the last one a person.
    Declines(String),
}

/// Decides conflicts: synchronous and pure. `manual` is how a person is asked.
///
/// # Contract
///
/// - The same case has the same resolution: no clock, no randomness, no outside.
pub trait ConflictResolver: Debug + Send + Sync + 'static {
    /// Its name, for conflict rows.
    fn name(&self) -> &str;

    /// Decides.
    fn resolve(&self, case: &ConflictCase<'_>) -> Resolution;
}

/// How conflicts are decided.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The side that was changed last wins. Within 5 s plus the coarser granularity the primary
    /// wins, and without one a person decides. Declines if a side has no usable time.
    #[default]
    NewestWins,
    /// The side that was changed first wins; otherwise as `newest_wins`.
    OldestWins,
    /// The source wins.
    SourceWins,
    /// The target wins.
    TargetWins,
    /// The mapping's primary side wins. Declines if it names none.
    PrimaryWins,
    /// The side that is not blank wins. Declines if both or neither are.
    NonBlankWins,
    /// The source wins, unless it is blank.
    PreferSourceUnlessBlank,
    /// The target wins, unless it is blank.
    PreferTargetUnlessBlank,
    /// The larger number or the later time wins. Declines for what has no such order.
    Max,
    /// The smaller number or the earlier time wins. Declines for what has no such order.
    Min,
    /// The longer text wins. Declines if both are as long, or are no texts.
    Longest,
    /// Both sides' items, without those that either side has removed since the base. Declines for
    /// what is no set: what has none on both sides is warned of when the mapping is checked.
    Union,
    /// Both sides' texts, one after the other. If both have only added to the base's text, that is
    /// kept once, with what each has added; else both are kept whole. Lines that one has of the
    /// other, or all of the other at its beginning, are not repeated. Declines for what is no text:
    /// what has no text on both sides is warned of when the mapping is checked.
    Append,
    /// A person decides; the pair waits, others go on.
    Manual,
    /// Both values stay where they are, and become the base.
    Skip,
    /// The whole record waits.
    Error,
    /// A resolver of the host's. It has no form in a config file.
    #[serde(skip)]
    Custom(Arc<dyn ConflictResolver>),
}

impl Strategy {
    /// A resolver of one's own.
    pub fn custom(resolver: impl ConflictResolver) -> Self {
        Strategy::Custom(Arc::new(resolver))
    }

    /// Its name, for conflict rows.
    pub fn name(&self) -> &str {
        match self {
            Strategy::NewestWins => "newest_wins",
            Strategy::OldestWins => "oldest_wins",
            Strategy::SourceWins => "source_wins",
            Strategy::TargetWins => "target_wins",
            Strategy::PrimaryWins => "primary_wins",
            Strategy::NonBlankWins => "non_blank_wins",
            Strategy::PreferSourceUnlessBlank => "prefer_source_unless_blank",
            Strategy::PreferTargetUnlessBlank => "prefer_target_unless_blank",
            Strategy::Max => "max",
            Strategy::Min => "min",
            Strategy::Longest => "longest",
            Strategy::Union => "union",
            Strategy::Append => "append",
            Strategy::Manual => "manual",
            Strategy::Skip => "skip",
            Strategy::Error => "error",
            Strategy::Custom(resolver) => resolver.name(),
        }
    }

    /// Whether it goes by time, which a first link cannot be decided by.
    pub fn goes_by_time(&self) -> bool {
        matches!(self, Strategy::NewestWins | Strategy::OldestWins)
    }

    /// Whether it makes a set of both sides'.
    pub fn unites(&self) -> bool {
        matches!(self, Strategy::Union)
    }

    /// Decides a conflict.
    pub fn resolve(&self, case: &ConflictCase<'_>) -> Resolution {
        match self {
            Strategy::NewestWins => builtin::newest_wins(case),
            Strategy::OldestWins => builtin::oldest_wins(case),
            Strategy::SourceWins => Resolution::Wins(Side::Source, "source_wins".into()),
            Strategy::TargetWins => Resolution::Wins(Side::Target, "target_wins".into()),
            Strategy::PrimaryWins => builtin::primary_wins(case),
            Strategy::NonBlankWins => builtin::non_blank_wins(case),
            Strategy::PreferSourceUnlessBlank => builtin::prefer(Side::Source, case),
            Strategy::PreferTargetUnlessBlank => builtin::prefer(Side::Target, case),
            Strategy::Max => builtin::largest(case),
            Strategy::Min => builtin::smallest(case),
            Strategy::Longest => builtin::longest(case),
            Strategy::Union => merged::union(case),
            Strategy::Append => merged::append(case),
            Strategy::Manual => Resolution::AsksPerson("a person decides".into()),
            Strategy::Skip => Resolution::Leaves("skip: both values stay".into()),
            Strategy::Error => Resolution::HoldsRecord("error: the record waits".into()),
            Strategy::Custom(resolver) => resolver.resolve(case),
        }
    }
}

impl Debug for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Two strategies are equal by name.
impl PartialEq for Strategy {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Strategy {}
