//! What a mapping says beyond its pairs: deletes, first syncs, guards, filters, ids of the other side.

use serde::{Deserialize, Serialize};

use crate::model::{FieldName, Value};

/// What becomes of the other record when one of a link was deleted and the other is unchanged.
///
/// It acts only on a side that the mapping's direction writes, and `recreate` only where the mapping
/// creates records: elsewhere it is `unlink`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeletePolicy {
    /// It stays; the link ends.
    #[default]
    Unlink,
    /// It is archived.
    Archive,
    /// It is deleted for good.
    Delete,
    /// The deleted record is made again.
    Recreate,
}

/// What is done when one record of a link was deleted and the other one was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeleteUpdate {
    /// The edited record stays, and the link ends.
    #[default]
    Survive,
    /// The deleted record is made again; where the mapping creates no records, as `survive`.
    Recreate,
    /// A person decides.
    Manual,
}

/// What is in conflict when both sides were edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictScope {
    /// The pairs that both sides edited.
    #[default]
    Pair,
    /// The whole record, also where the sides edited different pairs.
    Record,
}

/// How records are treated that are linked because a match rule found them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstSync {
    /// Blanks are filled, differences are conflicts, records without a partner are created.
    #[default]
    Merge,
    /// Both sides are taken as they are found; later edits flow. Records without a partner are
    /// created.
    LinkOnly,
    /// Blanks are filled, and other differences stay as they are found.
    FillBlanks,
    /// As `merge`, and no record is ever created.
    UpdateExisting,
    /// For a store that was lost: as `link_only`, and creates wait until a person lets them through.
    Rebuild,
}

/// What is done for a pair whose transform was changed, where the sides no longer mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnChange {
    /// Both sides stay; the next edit flows through the new transform.
    #[default]
    Keep,
    /// The target is written from the source, under the guard for overwrites.
    RewriteTarget,
    /// The source is written from the target, under the guard for overwrites.
    RewriteSource,
    /// The pair is decided as if the records had just been linked.
    FirstLink,
}

/// How much may happen in one run before a person is asked: more than the count *and* more than
/// the percentage of the mapping's links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// So many are let through, whatever share they are.
    pub count: u64,
    /// Such a share is let through, however many they are.
    pub percent: u8,
}

/// When a run stops and asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guards {
    /// Deletes and archives. 25 and 10 % unless said otherwise.
    pub deletes: Limit,
    /// Values blanked, and values overwritten at a first link. 100 and 10 % unless said otherwise.
    pub overwrites: Limit,
    /// A first sync between two sides that both hold at least so many records …
    pub match_from: u64,
    /// … of which less than this share of the smaller side was matched creates nothing unasked.
    pub match_percent: u8,
    /// A full read that shows nothing of a side that held at least so many records stops the run.
    /// 1 unless said otherwise.
    pub empty_from: u64,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            deletes: Limit { count: 25, percent: 10 },
            overwrites: Limit { count: 100, percent: 10 },
            match_from: 100,
            match_percent: 5,
            empty_from: 1,
        }
    }
}

/// What a condition asks of a field's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// It means the same as this.
    Equals(Value),
    /// It does not mean the same as this.
    Differs(Value),
    /// It means the same as one of these.
    OneOf(Vec<Value>),
    /// It is blank.
    IsBlank,
    /// It is not blank.
    IsNotBlank,
}

/// A condition on a field. A record that does not meet all conditions of its side is out of scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The field.
    pub field: FieldName,
    /// What is asked of it; a field that is absent from an answer meets no condition.
    pub test: Test,
}

/// When the other record's id is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdWrites {
    /// Into records that the engine creates.
    #[default]
    OnCreate,
    /// Into every linked record.
    Always,
}

/// A field of ours that holds the id of the other side's record. It is outside of all pairs, and
/// records are matched by it before any match rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignId {
    /// The field.
    pub field: FieldName,
    /// When it is written.
    #[serde(default)]
    pub writes: IdWrites,
}
