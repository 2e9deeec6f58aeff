//! Who wins when both sides changed: the strategies, and the trait for one's own.

mod builtin;

use std::fmt::{self, Debug};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{ConflictKind, Modified, PairId, Side, Sides, Value};

/// A conflict as a resolver sees it. Values are in each side's own representation.
#[derive(Debug, Clone)]
pub struct ConflictCase<'a> {
    /// The pair.
    pub pair: &'a PairId,
    /// What sort of conflict it is.
    pub kind: ConflictKind,
    /// What each side was last confirmed to hold, if there is a base.
    pub base: Option<Sides<Vec<&'a Value>>>,
    /// What each side holds.
    pub values: Sides<Vec<&'a Value>>,
    /// When each side's record was changed, if that is newer than its base.
    pub times: Sides<Option<Modified>>,
    /// The mapping's primary side, if it names one.
    pub primary: Option<Side>,
}

/// What a resolver says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// One side's value stands; why, in words.
    Wins(Side, String),
    /// It cannot say; why, in words. Without another strategy the pair waits for a person.
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
    /// wins, and without one a person decides; a side without a usable time: likewise.
    #[default]
    NewestWins,
    /// The source wins.
    SourceWins,
    /// The target wins.
    TargetWins,
    /// The mapping's primary side wins.
    PrimaryWins,
    /// A person decides; the pair waits, others go on.
    Manual,
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
            Strategy::SourceWins => "source_wins",
            Strategy::TargetWins => "target_wins",
            Strategy::PrimaryWins => "primary_wins",
            Strategy::Manual => "manual",
            Strategy::Custom(resolver) => resolver.name(),
        }
    }

    /// Decides a conflict.
    pub fn resolve(&self, case: &ConflictCase<'_>) -> Resolution {
        match self {
            Strategy::NewestWins => builtin::newest_wins(case),
            Strategy::SourceWins => Resolution::Wins(Side::Source, "source_wins".into()),
            Strategy::TargetWins => Resolution::Wins(Side::Target, "target_wins".into()),
            Strategy::PrimaryWins => builtin::primary_wins(case),
            Strategy::Manual => Resolution::Declines("a person decides".into()),
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
