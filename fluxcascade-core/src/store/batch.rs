//! What is handed to a store, and what it answers: one struct per call that has more than ids.

use crate::model::{
    Conflict, ConflictId, ConflictStatus, ConnectionName, Cursor, Fingerprint, Hold, HoldKey,
    HoldReason, Link, LogRow, MappingName, MatchKeys, ObjectType, Observation, OperationId,
    RecordId, RunNumber, Side, TenantId, Timestamp, Withheld, WorkKey,
};

/// One reader of one object type: what a cursor is kept for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedKey {
    /// The connection.
    pub connection: ConnectionName,
    /// The object type.
    pub object: ObjectType,
    /// Who reads: the mapping.
    pub reader: MappingName,
}

/// Where the reading of a feed stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Feed {
    /// Where the next page begins.
    pub cursor: Option<Cursor>,
    /// Whether a full read is under way: it began, and its last page is not in.
    pub sweeping: bool,
    /// When the last complete full read began.
    pub swept: Option<Timestamp>,
    /// When the full read that is under way began.
    pub sweep_began: Option<Timestamp>,
    /// The id of the account that was read.
    pub account: Option<String>,
    /// Records on the pages of the full read that is under way so far.
    pub sweep_rows: u64,
}

/// A run that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStart {
    /// When.
    pub started: Timestamp,
    /// Its number is greater than this one, also if the store has counted fewer: that of the last run
    /// in the store that the mapping comes from. 0 for a mapping that begins here.
    pub after: RunNumber,
}

impl RunStart {
    /// A run that begins at this time.
    pub const fn at(started: Timestamp) -> Self {
        Self { started, after: RunNumber(0) }
    }
}

/// A record that may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Whose.
    pub tenant: TenantId,
    /// At which connection.
    pub connection: ConnectionName,
    /// Of which object type.
    pub object: ObjectType,
    /// Which record.
    pub record: RecordId,
}

/// The match keys of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordKeys {
    /// The record's side.
    pub side: Side,
    /// The record.
    pub record: RecordId,
    /// Its keys.
    pub keys: MatchKeys,
}

/// Which part a page has in a full read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sweep {
    /// It is a page of an incremental read.
    None,
    /// It is the first page, and others follow: what earlier sweeps saw is forgotten.
    First,
    /// Others came before it, and others follow.
    Going,
    /// It is the last, and others came before it.
    Last,
    /// It is the first and the last.
    Only,
}

/// What an intake did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Entries that its rows made or replaced.
    pub entered: u64,
    /// Entries of records that a complete sweep did not show.
    pub missed: u64,
}

/// Whether an operation was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is durable.
    Yes,
    /// Another mapping's create claims the same, and has no answer yet.
    ClaimedBy(MappingName),
    /// Another mapping's create made this record just now.
    MadeBy(MappingName, RecordId),
}

/// A record that a create has made: its claims are kept for a time, so that another mapping that
/// does not see the record yet does not make it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The create, which is closed in the same commit.
    pub operation: OperationId,
    /// The record.
    pub record: RecordId,
    /// When every listing shows it.
    pub until: Timestamp,
}

/// A page that is taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    /// The side that was read.
    pub side: Side,
    /// The mapping revision that it was read for.
    pub revision: u32,
    /// The records.
    pub rows: Vec<IntakeRow>,
    /// The feed.
    pub feed_key: FeedKey,
    /// Where the feed stands now.
    pub feed: Feed,
    /// Which part it has in a full read.
    pub sweep: Sweep,
}

/// A record of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeRow {
    /// What was seen.
    pub observation: Observation,
    /// The fingerprint of its values, if it is known.
    pub fingerprint: Option<Fingerprint>,
    /// Its match keys; `None` leaves those that it has.
    pub keys: Option<MatchKeys>,
}

/// Asks for work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkRequest {
    /// The last work that was handed out; `None` for the first.
    pub after: Option<WorkKey>,
    /// At most this many.
    pub limit: usize,
    /// Entries and holds that are due by now.
    pub now: Timestamp,
}

/// An inbox entry at the sequence number at which it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxMark {
    /// The side.
    pub side: Side,
    /// The record.
    pub record: RecordId,
    /// The sequence number.
    pub sequence: u64,
}

/// A record that is to be looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requeue {
    /// The side.
    pub side: Side,
    /// The record.
    pub record: RecordId,
    /// Not before this time.
    pub not_before: Option<Timestamp>,
    /// Whether this counts as an attempt that failed.
    pub failed: Option<u32>,
}

/// A link that is new or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkChange {
    /// The link as it is from now on, with both bases.
    pub link: Link,
}

/// What became of a batch. All of it is stored together, in the order of the fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitBatch {
    /// Links that are new or changed.
    pub links: Vec<LinkChange>,
    /// Match keys of records that were written, or that are gone and have none.
    pub keys: Vec<RecordKeys>,
    /// Records that are archived: they keep their match keys, as an archived record's.
    pub archived: Vec<(Side, RecordId)>,
    /// Operations whose outcome is known now.
    pub closed: Vec<OperationId>,
    /// What creates among them have made.
    pub made: Vec<Made>,
    /// Holds that are no more.
    pub released: Vec<HoldKey>,
    /// Holds that are new or changed.
    pub holds: Vec<Hold>,
    /// Conflict rows that are new or changed.
    pub conflicts: Vec<Conflict>,
    /// Conflict rows whose status is another now; their values stay.
    pub judged: Vec<(ConflictId, ConflictStatus)>,
    /// Log rows.
    pub log: Vec<LogRow>,
    /// Inbox entries that are done with.
    pub cleared: Vec<InboxMark>,
    /// Records that are to be looked at again.
    pub requeued: Vec<Requeue>,
}

impl CommitBatch {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How much there is of everything in a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Links that are active.
    pub active_links: u64,
    /// Links that are suspended.
    pub suspended_links: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// Inbox entries.
    pub inbox: u64,
    /// Operations whose outcome is not known.
    pub operations: u64,
    /// Holds by reason, in order of the reasons.
    pub holds: Vec<(HoldReason, u64)>,
    /// Conflict rows that are open.
    pub open_conflicts: u64,
    /// Holds of the reason [`HoldReason::Guard`] by what is held back, in order: what a guard has let through,
    /// and waits for something else, is not among them.
    pub withheld: Vec<(Withheld, u64)>,
}

/// Which rows a reading call returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Only those of these runs, the first and the last.
    pub runs: Option<(RunNumber, RunNumber)>,
    /// Only those about this record.
    pub record: Option<(Side, RecordId)>,
    /// Only holds with this reason.
    pub reason: Option<HoldReason>,
    /// Only holds with these keys, each once.
    pub holds: Option<Vec<HoldKey>>,
    /// Leave out so many.
    pub skip: usize,
    /// At most this many.
    pub limit: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { runs: None, record: None, reason: None, holds: None, skip: 0, limit: 100 }
    }
}

impl Page {
    /// The rows of a run.
    pub fn of_run(run: RunNumber) -> Self {
        Self { runs: Some((run, run)), limit: usize::MAX, ..Self::default() }
    }

    /// Whether rows of this run are asked for.
    pub fn is_of(&self, run: RunNumber) -> bool {
        self.runs.is_none_or(|(first, last)| first <= run && run <= last)
    }

    /// All rows.
    pub fn all() -> Self {
        Self { limit: usize::MAX, ..Self::default() }
    }
}
