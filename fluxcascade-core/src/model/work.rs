//! Work: what a store hands to the planner, one item per link or unlinked record.

use serde::{Deserialize, Serialize};

use super::hold::{Hold, HoldReason};
use super::id::{Fingerprint, LinkId, RecordId, Side, Sides};
use super::link::Link;
use super::operation::Operation;
use super::record::Observation;
use super::time::Timestamp;

/// A dirty record: something may have happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// The record.
    pub record: RecordId,
    /// Grows with every new reason; an entry is cleared only if it has not moved.
    pub sequence: u64,
    /// The mapping revision that the observation was read for.
    pub revision: u32,
    /// The listed observation; `None`: the record is known by its id alone.
    pub observation: Option<Observation>,
    /// Not looked at before this time.
    pub not_before: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: u32,
}

/// The order in which work is handed out: links first, then unlinked records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkKey {
    /// A link.
    Link(LinkId),
    /// An unlinked record.
    Record(Side, RecordId),
}

/// A record that has a certain match key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The record.
    pub record: RecordId,
    /// Its link, if it is linked (a tombstone does not count).
    pub link: Option<LinkId>,
    /// Its inbox entry, if it has one.
    pub entry: Option<InboxEntry>,
    /// Its open create, if it waits for the answer to one.
    pub pending: Option<Operation>,
    /// Whether it has a key under an earlier rule that another record holds on either side: then that
    /// rule decides about it. One that is archived counts only on the other side, and not if it was
    /// its partner.
    pub decided_earlier: bool,
    /// Whether it was archived when it was last listed or decided: nothing is created beside it, and
    /// it is nobody's second.
    pub archived: bool,
    /// Why it waits itself, if it does.
    pub hold: Option<HoldReason>,
}

/// Who has an unlinked record's key under one match rule, the record itself included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// The rule, by its place in the mapping.
    pub rule: u16,
    /// The key that the record had when it was last listed.
    pub key: Fingerprint,
    /// The records that have the key: those that are not archived first, each kind in order of their
    /// ids; at most [`Candidates::MOST_HOLDERS`] on each side, so that a key that thousands of records
    /// share costs no more than another.
    pub holders: Sides<Vec<KeyHolder>>,
    /// Creates under way on each side that claim the key, those of the record itself not counted.
    pub pending: Sides<u32>,
}

impl Candidates {
    /// How many holders of a key are looked at on each side.
    pub const MOST_HOLDERS: usize = 16;
}

/// Everything that is stored about one link or one unlinked record and bears on what to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Its place in the order.
    pub key: WorkKey,
    /// The link with its bases.
    pub link: Option<Link>,
    /// The inbox entries of the linked records, or of the unlinked record alone.
    pub entries: Sides<Option<InboxEntry>>,
    /// Holds on the link, its pairs, or the record.
    pub holds: Vec<Hold>,
    /// Operations whose outcome is not known.
    pub operations: Vec<Operation>,
    /// Who has its keys, for an unlinked record; rules without a valid key are left out.
    pub candidates: Vec<Candidates>,
    /// Tombstones that name an unlinked record, in order of their ids.
    pub tombstones: Vec<Link>,
}
