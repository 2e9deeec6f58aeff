//! A plan as a value: one entry per work, and what is needed to decide the rest.

use serde::{Deserialize, Serialize};

use super::guard::GuardStop;
use crate::mapping::CompiledMapping;
use crate::model::{
    Awaited, Cause, Conflict, ConflictId, ConflictStatus, Ending, FieldName, Hold, HoldKey, LinkId,
    LinkStatus, LogKind, LogPair, MappingName, OperationId, PairId, RecordId, Side, Sides, Stamp,
    Timestamp, Value, WorkKey,
};

/// New bases: pairs by place, each with both sides' values.
pub type PairBases = Vec<(usize, Sides<Vec<Value>>)>;

/// What is to be done for a batch of work.
///
/// It is saved and read back with serde, values and all, those of sensitive fields too, and of pairs of
/// which the store keeps fingerprints alone: keep it where such values may be kept, or seal it. The store
/// crate's keyring does that (`Keyring::seal_document`, feature `sealed`), with the keys of the sealed store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The mapping.
    pub mapping: MappingName,
    /// Its ends, for people.
    pub ends: Sides<String>,
    /// Its pairs, for people; entries name them by place.
    pub pairs: Vec<PairTitle>,
    /// One entry per work, in the order of the work.
    pub entries: Vec<Entry>,
    /// What must be read before the entries that need it can be decided.
    pub needs: Vec<Need>,
    /// What guards hold back, of the whole mapping.
    #[serde(default)]
    pub stops: Vec<GuardStop>,
}

/// What people are shown of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairTitle {
    /// Its id.
    pub id: PairId,
    /// What people call it: its given id, else its fields.
    pub label: String,
    /// Its values are not shown.
    pub sensitive: bool,
}

/// What must be read before something can be decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A record, by its id.
    Fetch {
        /// Its side.
        side: Side,
        /// The record.
        record: RecordId,
    },
    /// The record that a create without an answer may have made, by a value of its match key.
    Find {
        /// The create.
        operation: OperationId,
        /// The side that it wrote.
        side: Side,
        /// The field to look in.
        field: FieldName,
        /// The value that was sent.
        value: Value,
    },
    /// Whether a record of this mapping is linked, and to which.
    Linked {
        /// Its side.
        side: Side,
        /// The record.
        record: RecordId,
    },
    /// The links that a record once had.
    Former {
        /// Its side.
        side: Side,
        /// The record.
        record: RecordId,
    },
    /// The record on the other side of another mapping's link.
    Reference(Awaited),
    /// When a record's fields were changed.
    FieldTimes {
        /// Its side.
        side: Side,
        /// The record.
        record: RecordId,
    },
}

/// What is done with a whole record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordAction {
    /// It is put away.
    Archive,
    /// It is removed for good.
    Delete,
    /// It is brought back.
    Restore,
}

/// A link that changes other than in its bases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkUpdate {
    /// The link: the work's own, or a tombstone of its record.
    pub link: LinkId,
    /// What the log says happened.
    pub kind: LogKind,
    /// What it is from now on.
    pub status: LinkStatus,
    /// Why it ended.
    pub ending: Option<Ending>,
    /// Its records from now on.
    pub records: Sides<RecordId>,
    /// Why, in words.
    pub why: String,
}

/// What happens to a work in this pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Nothing has changed: its inbox entries are done with.
    Unchanged,
    /// The entry says what is done.
    Decided,
    /// Something must be fetched first; see the plan's needs.
    Needs,
    /// Its partner's work decides for both.
    Follows,
    /// It stays in the inbox for a later run.
    Waits {
        /// Why, in words.
        why: String,
    },
    /// It is unlinked, and nothing is created for it.
    Ignored,
}

/// What is to be done for one link or unlinked record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The work that it answers.
    pub key: WorkKey,
    /// The records that it is about.
    pub records: Sides<Option<RecordId>>,
    /// What happens to it.
    pub step: Step,
    /// Operations that are settled, before anything else.
    pub settled: Vec<Settled>,
    /// Creates that were not carried out, and are given up before anything else.
    pub closes: Vec<OperationId>,
    /// The link that is made, before anything is written.
    pub link: Option<NewLink>,
    /// How the link changes before anything is written for it: in use again, or it follows a merge.
    pub before: Option<LinkUpdate>,
    /// How the link changes once what is written is done: suspended, or ended.
    pub after: Option<LinkUpdate>,
    /// The side on which a record is created.
    pub create: Option<Side>,
    /// What is done with a whole record.
    pub record: Option<(Side, RecordAction)>,
    /// Ids of the other side's record that are written into fields of ours.
    pub stamps: Sides<Option<Stamp>>,
    /// The pairs for which something is done.
    pub pairs: Vec<PairPlan>,
    /// Pairs, by place, that are written only because a system rewrote our own last write.
    pub rewritings: Vec<usize>,
    /// Pairs, by place, whose transform was changed and which no longer mean the same.
    pub retransformed: Vec<usize>,
    /// Pairs, by place, of which it is decided what comes of their changed transform, and for which
    /// nothing is written.
    #[serde(default)]
    pub transforms_decided: Vec<usize>,
    /// The open half of a write to both sides that what is written here takes the place of.
    pub resumes: Option<OperationId>,
    /// Edits that are noted in the log and left, by the side they are on.
    pub notes: Vec<(Side, LogPair)>,
    /// Conflict rows that are new; those that a write comes with are stored with it.
    pub conflicts: Vec<Conflict>,
    /// Conflict rows whose status changes.
    pub judged: Vec<(ConflictId, ConflictStatus)>,
    /// The row of what a person said of the whole record, which this carries out.
    #[serde(default)]
    pub told: Option<ConflictId>,
    /// Holds that begin or stay.
    pub holds: Vec<Hold>,
    /// Holds that end.
    pub released: Vec<HoldKey>,
    /// Records that are gone: their match keys are forgotten.
    pub drops: Vec<(Side, RecordId)>,
    /// Records that are archived: they keep their match keys, so that nothing is created beside them.
    pub archived: Vec<(Side, RecordId)>,
    /// Records that are looked at again because of this.
    pub wakes: Vec<(Side, RecordId)>,
    /// Records that were read by their ids too early to be judged, with the time from which on they
    /// are read again.
    #[serde(default)]
    pub late: Vec<(Side, RecordId, Timestamp)>,
}

/// A link that is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLink {
    /// Its id.
    pub id: LinkId,
    /// Its records.
    pub records: Sides<RecordId>,
    /// The rule that found them, for people.
    pub rule: String,
    /// The open create that this settles.
    pub settles: Option<OperationId>,
    /// The ended link that is in use again with another record, if there is one.
    pub former: Option<LinkId>,
    /// Bases that the create gives: pair by place, with both sides' values.
    pub bases: PairBases,
}

/// An operation whose outcome is known now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The operation.
    pub operation: OperationId,
    /// The side that it wrote.
    pub side: Side,
    /// New bases: pair by place, with both sides' values.
    pub bases: PairBases,
    /// What the log says of it.
    pub log: Vec<LogPair>,
    /// What the log says of pairs of which it is not seen whether they were written.
    pub lost: Vec<LogPair>,
    /// Conflict rows that came with it.
    pub conflicts: Vec<Conflict>,
    /// Pairs of which it cannot be said what the system made of them.
    pub holds: Vec<Hold>,
    /// Pairs that were to be written on both sides, with the fields that they tie or tied, of which it
    /// cannot be seen how far that went: they are not in the mapping now, or the second half's record
    /// is gone. Their bases are forgotten.
    pub unseen: Vec<(PairId, Sides<Vec<FieldName>>)>,
    /// Whether it is a second half that owes its pairs still, and stays open for them: only what else
    /// it carried is settled.
    pub owes: bool,
}

/// What is done for a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairPlan {
    /// The pair's place in the mapping.
    pub index: usize,
    /// What each side holds; for a create, the side that is created holds nothing.
    pub values: Sides<Vec<Value>>,
    /// What is done.
    pub action: PairAction,
}

/// What is done for a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairAction {
    /// What both sides hold becomes the base; nothing is written.
    Adopt,
    /// A value is written.
    Write {
        /// To this side.
        to: Side,
        /// The value, as that side stores it.
        send: Vec<Value>,
        /// Why.
        cause: Cause,
        /// The conflict row that comes with it.
        conflict: Option<Box<Conflict>>,
    },
    /// A value made of both is written on both sides, as one.
    WriteBoth {
        /// The values, as each side stores them.
        send: Sides<Vec<Value>>,
        /// Why.
        cause: Cause,
        /// The conflict row that comes with it.
        conflict: Option<Box<Conflict>>,
    },
}

impl Plan {
    pub(super) fn empty(mapping: &CompiledMapping, works: usize) -> Self {
        Self {
            mapping: mapping.mapping.name.clone(),
            ends: Sides::from_fn(|side| mapping.endpoint(side).to_string()),
            pairs: mapping
                .pairs
                .iter()
                .map(|pair| PairTitle {
                    id: pair.id.clone(),
                    label: pair.label.clone(),
                    sensitive: pair.sensitive,
                })
                .collect(),
            entries: Vec::with_capacity(works),
            needs: Vec::new(),
            stops: Vec::new(),
        }
    }

    /// How many records would be written on each side.
    pub fn writes(&self) -> Sides<usize> {
        Sides::from_fn(|side| self.entries.iter().filter(|entry| entry.writes_to(side)).count())
    }
}

impl Entry {
    pub(super) fn new(key: WorkKey, records: Sides<Option<RecordId>>) -> Self {
        Self {
            key,
            records,
            step: Step::Unchanged,
            settled: Vec::new(),
            closes: Vec::new(),
            link: None,
            before: None,
            after: None,
            create: None,
            record: None,
            stamps: Sides::default(),
            pairs: Vec::new(),
            rewritings: Vec::new(),
            retransformed: Vec::new(),
            transforms_decided: Vec::new(),
            resumes: None,
            notes: Vec::new(),
            conflicts: Vec::new(),
            judged: Vec::new(),
            told: None,
            holds: Vec::new(),
            released: Vec::new(),
            drops: Vec::new(),
            archived: Vec::new(),
            wakes: Vec::new(),
            late: Vec::new(),
        }
    }

    /// Whether a record is written on this side.
    pub fn writes_to(&self, side: Side) -> bool {
        self.create == Some(side)
            || self.record.is_some_and(|(on, _)| on == side)
            || self.stamps[side].is_some()
            || self.pairs.iter().any(|pair| pair.writes_to(side))
    }

    /// Whether a pair is written on both sides.
    pub fn writes_both(&self) -> bool {
        self.pairs.iter().any(|pair| matches!(pair.action, PairAction::WriteBoth { .. }))
    }

    pub(super) fn waits(mut self, why: impl Into<String>) -> Self {
        self.step = Step::Waits { why: why.into() };
        self
    }

    pub(super) fn wait_until(self, until: Timestamp, what: &str) -> Self {
        self.waits(format!("{what} until {until}"))
    }

    /// Whether anything is stored or written for it beyond clearing inbox entries.
    pub fn is_quiet(&self) -> bool {
        self.settled.is_empty()
            && self.closes.is_empty()
            && self.link.is_none()
            && self.before.is_none()
            && self.after.is_none()
            && self.create.is_none()
            && self.record.is_none()
            && self.stamps == Sides::default()
            && self.pairs.is_empty()
            && self.notes.is_empty()
            && self.conflicts.is_empty()
            && self.judged.is_empty()
            && self.holds.is_empty()
            && self.released.is_empty()
            && self.drops.is_empty()
            && self.archived.is_empty()
            && self.wakes.is_empty()
    }
}

impl PairPlan {
    /// What is written: to which side, which values, and why.
    pub fn writes(&self) -> impl Iterator<Item = (Side, &[Value], &Cause)> {
        Side::BOTH.into_iter().filter_map(|side| match &self.action {
            PairAction::Adopt => None,
            PairAction::Write { to, send, cause, .. } => {
                (*to == side).then_some((side, send.as_slice(), cause))
            }
            PairAction::WriteBoth { send, cause, .. } => Some((side, send[side].as_slice(), cause)),
        })
    }

    /// Whether a side is written.
    pub fn is_write(&self) -> bool {
        self.cause().is_some()
    }

    /// Why it is written, if it is.
    pub fn cause(&self) -> Option<&Cause> {
        match &self.action {
            PairAction::Adopt => None,
            PairAction::Write { cause, .. } | PairAction::WriteBoth { cause, .. } => Some(cause),
        }
    }

    /// Whether this side is written.
    pub fn writes_to(&self, side: Side) -> bool {
        match &self.action {
            PairAction::Adopt => false,
            PairAction::Write { to, .. } => *to == side,
            PairAction::WriteBoth { .. } => true,
        }
    }

    /// The conflict row that comes with it.
    pub fn conflict(&self) -> Option<&Conflict> {
        match &self.action {
            PairAction::Adopt => None,
            PairAction::Write { conflict, .. } | PairAction::WriteBoth { conflict, .. } => {
                conflict.as_deref()
            }
        }
    }
}
