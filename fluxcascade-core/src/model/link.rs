//! Links and bases: what the engine remembers of two records that are the same thing.

use serde::{Deserialize, Serialize};

use super::id::{Endpoint, FieldName, Fingerprint, LinkId, PairId, RecordId, Side, Sides};
use super::time::{Timestamp, Version};
use super::value::Slot;

/// Whether a link is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkStatus {
    /// Both records are kept in sync.
    Active,
    /// Kept, but nothing is written for it now.
    Suspended,
    /// Ended; kept so that what was deleted does not come back.
    Tombstone,
}

/// Why a link ended: what a tombstone still knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// This side's record was deleted; the other one was left as it is.
    Deleted(Side),
    /// This side's record was deleted, and the engine removed the other one for it.
    TwinRemoved(Side),
    /// Both records were deleted.
    BothDeleted,
    /// A person ended it: these two records are not linked again by themselves.
    Unlinked,
    /// This side's record was deleted, and is made again from the other one: the link is in use
    /// again with the new record.
    Remade(Side),
    /// A person keeps this side's record out of the sync: the two are not parted, and match again
    /// once it is included.
    Excluded(Side),
}

/// The stored fact that two records are the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// The two records.
    pub records: Sides<RecordId>,
    /// Whether it is in use.
    pub status: LinkStatus,
    /// What each side was last confirmed to hold.
    pub bases: Sides<Base>,
    /// Why it ended, for a tombstone.
    pub ending: Option<Ending>,
}

/// A record's link, as other links and mappings need to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// The link.
    pub link: LinkId,
    /// Whether it is in use.
    pub status: LinkStatus,
    /// The record on the other side.
    pub partner: RecordId,
}

/// What one side of a link was last confirmed to hold, pair by pair, as that side stores it.
///
/// A pair has a base on both sides or on none. Positions are those of the mapping's compiled
/// base layout (see [`Layout`]); [`Slot::Absent`] means that the pair has no base.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Base {
    /// The mapping revision whose layout the positions follow.
    pub revision: u32,
    /// One slot per base position.
    pub slots: Box<[Slot]>,
    /// The fingerprint of the whole record when nothing was left to do for it.
    pub fingerprint: Option<Fingerprint>,
    /// The newest version at which this side was confirmed.
    pub version: Version,
    /// Our last writes, at most four per pair, oldest first.
    pub written: Vec<Written>,
    /// The first positions of pairs whose transform was changed, and for which it is not yet decided
    /// what comes of that.
    pub retransformed: Vec<u32>,
}

/// What caused a write of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteOrigin {
    /// A person, as far as is known.
    Person,
    /// The other system, which rewrote what we had written there just before.
    Rewriting,
}

/// A write of ours to one pair, for telling a flapping value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The first base position of the pair, or [`Written::STAMP`].
    pub position: u32,
    /// The fingerprint of the values sent.
    pub fingerprint: Fingerprint,
    /// When.
    pub at: Timestamp,
    /// What caused it.
    pub origin: WriteOrigin,
}

impl Written {
    /// The place of the other record's id in a field of ours, which is no pair. Its fingerprint is
    /// of the id and of what the system made of it.
    pub const STAMP: u32 = u32::MAX;
}

impl Base {
    /// A base without a value for any pair.
    pub fn empty(revision: u32, positions: usize) -> Self {
        Self {
            revision,
            slots: vec![Slot::Absent; positions].into_boxed_slice(),
            ..Self::default()
        }
    }

    /// Whether the transform of the pair at this position was changed, and it is not yet decided what
    /// comes of that.
    pub fn is_retransformed(&self, position: usize) -> bool {
        self.retransformed.iter().any(|&place| usize::try_from(place) == Ok(position))
    }

    pub(crate) fn note_retransformed(&mut self, position: usize) {
        self.retransformed.extend(u32::try_from(position).ok());
    }

    /// Notes a write to the pair at this position, and forgets all but its last four.
    pub fn note_written(&mut self, written: Written) {
        let position = written.position;
        self.written.push(written);
        let of_pair = self.written.iter().filter(|w| w.position == position).count();
        if of_pair > 4
            && let Some(oldest) = self.written.iter().position(|w| w.position == position)
        {
            self.written.remove(oldest);
        }
    }
}

/// Where each pair's values stand in a base, for one revision of a mapping: first the pairs that it
/// has, then those that it has no more.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layout {
    /// The pairs in base order.
    pub pairs: Vec<LayoutPair>,
}

/// A pair's place in a [`Layout`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LayoutPair {
    /// The pair.
    pub pair: PairId,
    /// Its fields on each side; each takes one position.
    pub fields: Sides<Vec<FieldName>>,
    /// A fingerprint of its transform; `None` in revisions of the first format.
    pub transform: Option<Fingerprint>,
    /// Since when the mapping has it no more; its base is kept. `None` for a pair that it has.
    pub retired: Option<Timestamp>,
    /// The first of the revisions without a gap that keep its base: what a base of an earlier one
    /// holds of it is of another time. 0 in revisions of the first format.
    pub from: u32,
}

/// A stored revision of a mapping: bases name theirs by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Its number, from 1.
    pub number: u32,
    /// A fingerprint of all that bases, keys and listed observations depend on.
    pub fingerprint: Fingerprint,
    /// A fingerprint of what else decides: strategies, directions, what is required. `None` in
    /// revisions of the first format.
    pub policies: Option<Fingerprint>,
    /// The endpoints: links are of these, and of no others.
    pub ends: Sides<Endpoint>,
    /// Where pairs stand.
    pub layout: Layout,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_four_writes_of_a_pair_are_kept() {
        let mut base = Base::empty(1, 2);
        for i in 0..6 {
            for position in 0..2 {
                base.note_written(Written {
                    position,
                    fingerprint: Fingerprint::of(&[&[i]]),
                    at: Timestamp::from_secs(i64::from(i)),
                    origin: WriteOrigin::Person,
                });
            }
        }
        assert_eq!(base.written.len(), 8);
        assert!(base.written.iter().all(|w| w.at >= Timestamp::from_secs(2)));
    }
}
