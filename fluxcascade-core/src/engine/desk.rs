//! The desk: everything that waits for a person, what they can say about each, and in what words.
//!
//! What is done with an answer is decided in [`crate::plan`]; how the desk is asked is in `ask`,
//! what can be said about each in `offer`, what a person does without being asked in `act`.

mod act;
mod ask;
mod offer;
mod show;

use serde::{Deserialize, Serialize};

pub use ask::{DeskAnswer, DeskPage};
use offer::Offers;

use super::SyncError;
use crate::mapping::CompiledMapping;
use crate::model::{
    Choice, Conflict, ConflictId, ConflictKind, FieldName, Fingerprint, Hold, HoldKey, HoldReason,
    Link, LinkId, MappingName, RecordId, Side, Sides, Timestamp, Value, Withheld,
};
use crate::store::{StoreError, StoreErrorKind};

/// What waits for a person in a mapping: a page of it, and how much there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Desk {
    /// The mapping.
    pub mapping: MappingName,
    /// Its ends, for people.
    pub ends: Sides<String>,
    /// The items of this page.
    pub items: Vec<DeskItem>,
    /// How many writes guards hold back, by kind, in all.
    pub withheld: Vec<(Withheld, u64)>,
    /// Where the next page begins; see [`DeskPage::skip`].
    pub next: Option<usize>,
}

/// One thing that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeskItem {
    /// What waits.
    pub key: HoldKey,
    /// The version that an answer is to; an answer to another one is refused as stale.
    pub version: Fingerprint,
    /// Why it waits.
    pub reason: HoldReason,
    /// The records that it is about.
    pub records: Sides<Option<RecordId>>,
    /// The pair, as people call it, if it is about one.
    pub pair: Option<String>,
    /// What happened, in words.
    pub detail: String,
    /// What happens next, or what a person can do, in words.
    pub next: String,
    /// Since when it waits.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Records that could be meant.
    pub candidates: Vec<(Side, RecordId)>,
    /// What a guard holds back.
    pub withheld: Option<Withheld>,
    /// The conflict, if it is one.
    pub conflict: Option<DeskConflict>,
    /// What both sides were last confirmed to hold for the pair; `None`: never, or sensitive.
    pub confirmed: Sides<Option<Vec<Value>>>,
    /// What was answered, until a run has carried it out.
    pub answered: Option<Choice>,
    offers: Offers,
}

/// A conflict as the desk shows it: no value of a sensitive pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskConflict {
    /// Its row.
    pub id: ConflictId,
    /// What sort it is.
    pub kind: ConflictKind,
    /// What each side holds; `None` if the pair is sensitive.
    pub values: Sides<Option<Vec<Value>>>,
    /// When each side was changed, as far as its system says.
    pub times: Sides<Option<Timestamp>>,
    /// The strategy that left it to a person.
    pub strategy: String,
    /// Why it did.
    pub why: String,
}

/// Why the desk did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// The item does not take this choice.
    #[error("{item} does not take \"{choice}\": it takes {takes}")]
    NotOffered {
        /// The item, in words.
        item: String,
        /// What was chosen.
        choice: &'static str,
        /// What it takes.
        takes: String,
    },
    /// One of the values of one's own is none that its field can hold.
    #[error("{item} does not take these values: {field} on the {side} takes {takes}")]
    WrongType {
        /// The item, in words.
        item: String,
        /// The side of the field.
        side: Side,
        /// The field.
        field: FieldName,
        /// What the field takes, in words.
        takes: String,
    },
    /// A sync of the mapping is under way.
    #[error("a sync of {mapping} is under way: try again when it has ended")]
    Busy {
        /// The mapping.
        mapping: MappingName,
    },
    /// A record is linked to another one.
    #[error("the {side} record {record} is linked to {partner}: unlink it first")]
    Linked {
        /// Its side.
        side: Side,
        /// The record.
        record: RecordId,
        /// The record that it is linked to.
        partner: RecordId,
    },
    /// There is no such link, or it has ended.
    #[error("{mapping} has no link {link} in use: look at its links again")]
    NoLink {
        /// The mapping.
        mapping: MappingName,
        /// The link.
        link: LinkId,
    },
    /// The records were not linked.
    #[error("{source_record} and {target} were not linked: {why}")]
    NotLinked {
        /// The source's record.
        source_record: RecordId,
        /// The target's record.
        target: RecordId,
        /// Why, as far as the run says.
        why: String,
    },
    /// The record is not excluded.
    #[error("the {side} record {record} is not excluded: there is nothing to take back")]
    NotExcluded {
        /// Its side.
        side: Side,
        /// The record.
        record: RecordId,
    },
    /// A write has no answer yet.
    #[error("a write for {record} has no answer yet: sync once, then try again")]
    Unanswered {
        /// The record.
        record: RecordId,
    },
    /// The run that it needs could not be done.
    #[error(transparent)]
    Sync(SyncError),
}

impl DeskError {
    fn of(mapping: &MappingName, error: impl Into<SyncError>) -> Self {
        let error = error.into();
        if let SyncError::Store(StoreError { kind: StoreErrorKind::Busy, .. }) = &error {
            return DeskError::Busy { mapping: mapping.clone() };
        }
        DeskError::Sync(error)
    }
}

impl DeskItem {
    /// The choices that it takes and that can be listed. Besides these, conflicts and pairs that do
    /// not settle take values of one's own that their fields can hold, and a create without an
    /// answer any record that it may have made: see [`DeskItem::takes`].
    pub fn choices(&self) -> &[Choice] {
        &self.offers.choices
    }

    /// Whether it takes this choice.
    pub fn takes(&self, choice: &Choice) -> bool {
        self.offers.take(choice)
    }

    /// This choice as an answer to what is shown here.
    pub fn answer(&self, choice: Choice) -> DeskAnswer {
        DeskAnswer { key: self.key.clone(), version: self.version, choice }
    }
}

/// A hold as an item, under the one that its whole record waits for.
fn item(
    mapping: &CompiledMapping,
    hold: &Hold,
    above: Option<&Hold>,
    link: Option<&Link>,
    row: Option<&Conflict>,
) -> DeskItem {
    let pair = hold.key.pair().and_then(|id| mapping.pair_index(id)).map(|at| &mapping.pairs[at]);
    let sensitive = pair.is_some_and(|pair| pair.sensitive)
        || pair.is_none() && mapping.pairs.iter().any(|pair| pair.sensitive);
    let mut records: Sides<Option<RecordId>> = Sides::default();
    if let Some(link) = link {
        records = link.records.as_ref().map(|record| Some(record.clone()));
    } else if let HoldKey::Record(side, record) = &hold.key {
        records[*side] = Some(record.clone());
    }
    let confirmed = Sides::from_fn(|side| {
        let slots = &link?.bases[side].slots[pair?.ends[side].base.clone()];
        offer::values_of(slots).filter(|_| !sensitive)
    });
    let conflict = row.map(|row| DeskConflict {
        id: row.id,
        kind: row.kind,
        values: row.values.as_ref().map(|values| Some(values.clone()).filter(|_| !sensitive)),
        times: row.times,
        strategy: row.strategy.clone(),
        why: row.why.clone(),
    });
    DeskItem {
        key: hold.key.clone(),
        version: hold.version(),
        reason: hold.reason,
        records,
        pair: pair.map(|pair| pair.label.clone()),
        detail: hold.detail.clone(),
        next: hold.next_step_under(above),
        since: hold.since,
        attempts: hold.attempts,
        candidates: hold.candidates.clone(),
        withheld: hold.withheld,
        conflict,
        confirmed,
        answered: hold.choice().cloned(),
        offers: Offers::of(mapping, hold, link, row),
    }
}
