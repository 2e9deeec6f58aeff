//! What is kept in sync: two endpoints, how records match, and which fields are tied.
//!
//! A [`Mapping`] is a value: built in code, or read from a file by serde. It is checked by itself
//! when it is built, and against the systems' schemas when an engine is built; then it is compiled
//! into slots ([`CompiledMapping`]), and nothing after that looks a field up by name.

mod builder;
mod check;
mod compile;
mod foreign;
mod keeping;
mod key;
mod layout;
mod pair;
mod policy;
mod revision;
mod rule;
mod scope;

use serde::{Deserialize, Serialize};

pub use crate::model::Endpoint;
pub use builder::{MappingBuilder, PairBuilder, RuleBuilder};
pub use check::{ConfigError, Finding};
pub(crate) use compile::refs;
pub use compile::{CompiledMapping, CompiledPair, PairEnd};
pub use foreign::CompiledForeignId;
pub(crate) use foreign::holds_id;
pub use key::FingerprintKey;
pub use pair::{BaseKeeping, Drift, FieldPair, KeyForm, MatchRule, PairDirection};
pub use policy::{
    Condition, ConflictScope, DeletePolicy, DeleteUpdate, FirstSync, ForeignId, Guards, IdWrites,
    Limit, OnChange, Test,
};
pub use revision::{Adopted, DEFAULT_RETENTION};
pub use rule::CompiledRule;

use crate::model::{MappingName, Side, Sides};
use crate::resolver::Strategies;

/// Which way records flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Both ways.
    #[default]
    Bidirectional,
    /// From the source to the target alone.
    SourceToTarget,
    /// From the target to the source alone.
    TargetToSource,
}

impl Direction {
    /// Whether records are written to this side.
    pub fn writes_to(self, side: Side) -> bool {
        match self {
            Direction::Bidirectional => true,
            Direction::SourceToTarget => side == Side::Target,
            Direction::TargetToSource => side == Side::Source,
        }
    }
}

/// Where records without a partner are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Create {
    /// On either side.
    Both,
    /// On the source alone.
    ToSource,
    /// On the target alone.
    ToTarget,
    /// Nowhere.
    Never,
}

impl Create {
    /// Whether records are created on this side.
    pub fn on(self, side: Side) -> bool {
        match self {
            Create::Both => true,
            Create::ToSource => side == Side::Source,
            Create::ToTarget => side == Side::Target,
            Create::Never => false,
        }
    }
}

/// What is kept in sync.
///
/// ```
/// use fluxcascade_core::mapping::Mapping;
/// use fluxcascade_core::Side;
///
/// let contacts = Mapping::builder("contacts")
///     .source("hubspot", "contacts")
///     .target("jobber", "clients")
///     .primary(Side::Source)
///     .match_on("email", "emails.primary")
///     .pair("firstname", "firstName")
///     .pair("phone", "phones.primary")
///     .build()?;
/// assert_eq!(contacts.pairs.len(), 2);
/// # Ok::<(), fluxcascade_core::mapping::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Its name.
    pub name: MappingName,
    /// One end.
    pub source: Endpoint,
    /// The other end.
    pub target: Endpoint,
    /// Which way records flow.
    #[serde(default)]
    pub direction: Direction,
    /// The side that wins where a strategy asks for the primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<Side>,
    /// Where records are created; unset: wherever the direction lets records flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<Create>,
    /// How records are found to be the same thing, in order.
    #[serde(rename = "match")]
    pub rules: Vec<MatchRule>,
    /// The fields that are tied.
    pub pairs: Vec<FieldPair>,
    /// How conflicts between two edits are decided.
    #[serde(default)]
    pub conflicts: Strategies,
    /// How it is decided when records are linked that hold different values; unset: `primary_wins`
    /// if there is a primary, else a person. Never a strategy of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_link: Option<Strategies>,
    /// What is done when a record of this side was deleted and its twin is unchanged.
    #[serde(default)]
    pub on_delete: Sides<DeletePolicy>,
    /// What is done when a record was deleted and its twin was edited.
    #[serde(default)]
    pub delete_update: DeleteUpdate,
    /// What is in conflict when both sides were edited.
    #[serde(default)]
    pub conflict_scope: ConflictScope,
    /// How records are treated that a match rule found to be the same.
    #[serde(default)]
    pub first_sync: FirstSync,
    /// When a run stops and asks.
    #[serde(default)]
    pub guards: Guards,
    /// Which records of a side are in scope: those that meet all conditions.
    #[serde(default)]
    pub filter: Sides<Vec<Condition>>,
    /// The field of a side that holds the id of the other side's record.
    #[serde(default)]
    pub foreign_ids: Sides<Option<ForeignId>>,
}

impl Mapping {
    /// Begins a mapping in code.
    pub fn builder(name: impl AsRef<str>) -> MappingBuilder {
        MappingBuilder::new(name.as_ref())
    }

    /// The endpoint of a side.
    pub fn endpoint(&self, side: Side) -> &Endpoint {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// Whether records are created on this side: its direction, [`Mapping::create`] and its first
    /// sync all let it.
    pub fn creates_on(&self, side: Side) -> bool {
        let never = self.first_sync == FirstSync::UpdateExisting;
        !never && self.direction.writes_to(side) && self.create.is_none_or(|create| create.on(side))
    }

    /// Whether its policies make deleted records again, or let a person say so.
    pub fn remakes(&self) -> bool {
        let by_policy = |(_, policy): (Side, &DeletePolicy)| *policy == DeletePolicy::Recreate;
        self.on_delete.iter().any(by_policy)
            || match self.delete_update {
                DeleteUpdate::Recreate | DeleteUpdate::Manual => true,
                DeleteUpdate::Survive => false,
            }
    }

    /// Everything that is wrong with it and needs no system to be found. A mapping from the
    /// builder has been checked; one that was read by serde has not.
    ///
    /// # Errors
    /// All findings at once.
    pub fn check(&self) -> Result<(), ConfigError> {
        ConfigError::unless_empty(check::alone(self))
    }
}
