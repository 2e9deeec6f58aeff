//! What the store has to say for itself when everything has settled.

use crate::model::{
    Cause, Conflict, Hold, HoldKey, HoldReason, Link, LogRow, MappingKey, OperationId, PairId,
    RecordId, Side,
};
use crate::store::{Page, Store, StoreError};

/// What is left in the store: links, holds, conflict rows, the log.
#[derive(Debug, Clone, Default)]
pub struct Remains {
    /// All links, ended ones too.
    pub links: Vec<Link>,
    /// All holds.
    pub holds: Vec<Hold>,
    /// All conflict rows.
    pub conflicts: Vec<Conflict>,
    /// The whole log.
    pub log: Vec<LogRow>,
}

impl Remains {
    /// Reads everything of a mapping.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn read(store: &dyn Store, mapping: &MappingKey) -> Result<Self, StoreError> {
        Ok(Self {
            links: store.links(mapping, None, usize::MAX).await?,
            holds: store.holds(mapping, &Page::all()).await?,
            conflicts: store.conflicts(mapping, &Page::all()).await?,
            log: store.log(mapping, &Page::all()).await?,
        })
    }

    /// Whether a link of it has ended.
    pub(super) fn had_link(&self, side: Side, record: &RecordId) -> bool {
        self.links.iter().any(|link| link.records[side] == *record)
    }

    /// Whether a hold is on a record, or on a link of it, or names it as one that could be meant.
    pub(super) fn record_is_held(&self, side: Side, record: &RecordId) -> bool {
        self.holds.iter().any(|hold| match &hold.key {
            HoldKey::Record(on, held) => {
                *on == side && held == record || hold.candidates.contains(&(side, record.clone()))
            }
            HoldKey::Link(link) | HoldKey::Pair(link, _) => {
                self.links.iter().any(|l| l.id == *link && l.records[side] == *record)
            }
        })
    }

    /// Whether a person said that it is nobody's.
    pub(super) fn is_excluded(&self, side: Side, record: &RecordId) -> bool {
        let key = HoldKey::Record(side, record.clone());
        self.holds.iter().any(|hold| hold.key == key && hold.reason == HoldReason::Excluded)
    }

    /// Whether a hold is on a pair of a link, or on the whole link.
    pub(super) fn pair_is_held(&self, link: &Link, pair: &PairId) -> bool {
        self.holds.iter().any(|hold| match &hold.key {
            HoldKey::Link(held) => *held == link.id,
            HoldKey::Pair(held, id) => *held == link.id && id == pair,
            HoldKey::Record(..) => false,
        })
    }

    /// Why an operation wrote a pair, as the log has it. Nothing, if it is not known whether it did.
    pub(super) fn cause(&self, operation: OperationId, pair: &PairId) -> Option<&Cause> {
        let is_told =
            |row: &&LogRow| row.operation == Some(operation) && row.note != LogRow::UNSEEN;
        let rows = self.log.iter().filter(is_told);
        let mut pairs = rows.flat_map(|row| &row.pairs);
        pairs.find(|written| written.pair == *pair).map(|written| &written.cause)
    }
}
