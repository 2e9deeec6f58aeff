//! The wall to storage: [`Store`] for what a sync remembers, [`TokenStore`] for credentials.
//!
//! Every call is one transaction over a batch. Sequence numbers and the lease's fencing number are
//! checked inside of it. The nouns live in [`crate::model`], the ways to write them as bytes in
//! [`crate::codec`].

mod batch;
mod error;
mod token;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

pub use batch::{
    Begun, CommitBatch, Counts, Feed, FeedKey, Hint, InboxMark, Intake, IntakeRow, LinkChange,
    Made, Page, RecordKeys, Requeue, RunStart, Sweep, Taken, WorkRequest,
};
pub use error::{StoreError, StoreErrorKind};
pub use token::{StoredToken, TokenKey, TokenStore};

use crate::model::{
    AnswerOutcome, AnswerTo, Conflict, ConflictId, Hold, Link, LinkId, Linked, LogRow, MappingKey,
    Operation, RecordId, Revision, RunNumber, RunRow, Side, Timestamp, Work, WorkKey,
};

/// The right to sync one mapping, until a time.
///
/// A store accepts a call under a lease only while no later lease of the mapping was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The mapping.
    pub mapping: MappingKey,
    /// Grows with every lease of the mapping.
    pub fence: u64,
    /// When it was given.
    pub since: Timestamp,
    /// When it ends, unless renewed.
    pub until: Timestamp,
    /// Whether no earlier holder can be alive, because the store is open in this process alone.
    pub sole: bool,
}

/// What a sync remembers: links, bases, the key index, the inbox, cursors, operations, holds,
/// conflicts, the log and the runs.
///
/// Times are given by the caller, so that a test's clock reaches all of it.
///
/// # Contract
///
/// - A call that fails has changed nothing.
/// - What a call changed is durable when it returns; what only [`intake`](Store::intake) changed
///   may fall back at a power failure, and then its cursor falls back with it.
/// - A call under a lease that is not the mapping's latest fails as `LeaseLost`.
/// - Nothing of one tenant or mapping is seen by a call for another.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// Takes the mapping's lease.
    ///
    /// # Contract
    /// - While another lease of the mapping is neither released nor past its end, this is `Busy`.
    /// - Each lease has a greater fencing number than the one before.
    ///
    /// # Errors
    /// `Busy`, or if the store fails.
    async fn lease(
        &self,
        mapping: &MappingKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError>;

    /// Extends a lease to `now + ttl`.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError>;

    /// Gives a lease back.
    ///
    /// # Errors
    /// If the store fails; a lease that was lost already is no error.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// The key of the tenant's fingerprints: 32 random bytes, drawn when first asked for.
    ///
    /// # Errors
    /// If the store fails.
    async fn fingerprint_key(&self, mapping: &MappingKey) -> Result<[u8; 32], StoreError>;

    /// All revisions of the mapping, oldest first.
    ///
    /// # Errors
    /// If the store fails.
    async fn revisions(&self, mapping: &MappingKey) -> Result<Vec<Revision>, StoreError>;

    /// Stores a new revision. Its number must follow the last one's.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn add_revision(&self, lease: &Lease, revision: &Revision) -> Result<(), StoreError>;

    /// Begins a run: gives it the next number.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn start_run(&self, lease: &Lease, start: &RunStart) -> Result<RunNumber, StoreError>;

    /// Stores how a run ended.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn finish_run(&self, lease: &Lease, run: &RunRow) -> Result<(), StoreError>;

    /// Where the reading of a feed stands; the default if it was never read.
    ///
    /// # Errors
    /// If the store fails.
    async fn feed(&self, lease: &Lease, feed: &FeedKey) -> Result<Feed, StoreError>;

    /// Puts ids into the inboxes of all mappings that read the object type: webhooks.
    ///
    /// # Contract
    /// - An entry that exists gets a new sequence number and keeps no observation.
    ///
    /// # Errors
    /// If the store fails.
    async fn notify(&self, hints: &[Hint]) -> Result<(), StoreError>;

    /// Takes in a page: its records, their match keys, and the feed's new place, together.
    ///
    /// # Contract
    /// - A row is dropped only if its record's link is active, with no hold and no open operation,
    ///   and the fingerprint equals the base's; if an inbox entry waits for it, the row is not dropped.
    /// - A row that is not dropped makes an entry, or replaces an entry's observation unless its
    ///   version is older; where the two versions cannot be compared the entry keeps the id alone.
    /// - The match keys of each row replace those that its record had, also for a dropped row.
    /// - A new or replaced entry has a greater sequence number than any before it.
    /// - After a sweep's last page each record of its side that is linked or has a match key, and was
    ///   on none of the sweep's pages, has an entry that is its id alone.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn intake(&self, lease: &Lease, page: &Intake) -> Result<Taken, StoreError>;

    /// The next work in key order, after `request.after`; changes nothing.
    ///
    /// # Contract
    /// - There is one work per link, and one per unlinked record, that has an inbox entry due, a
    ///   hold due, or, for a link, an open operation; it has all holds and open operations of its link or record.
    /// - A tombstone's records count as unlinked, and what is open for it is theirs.
    /// - For an unlinked record, `candidates` has one item per rule under which it has a key, and
    ///   `tombstones` has all that name it.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn work(&self, lease: &Lease, request: &WorkRequest) -> Result<Vec<Work>, StoreError>;

    /// How much there is of everything.
    ///
    /// # Errors
    /// If the store fails.
    async fn counts(&self, mapping: &MappingKey) -> Result<Counts, StoreError>;

    /// Makes intents durable, and says of each whether it was begun, in the order given.
    ///
    /// # Contract
    /// - A create whose claim is held by an operation of another mapping of the tenant, or by a
    ///   record that such an operation made and whose time is not over, is not begun; the others are.
    /// - An operation that is begun again takes the place of the one with its id.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails; then no request may leave.
    async fn begin(
        &self,
        lease: &Lease,
        operations: &[Operation],
    ) -> Result<Vec<Begun>, StoreError>;

    /// The work of these keys, in the order asked, whether it is due or not; changes nothing. A
    /// key of which nothing is stored has none. A link's key gives the link's work also if it is a
    /// tombstone; the key of a record that is linked gives the work of its link.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn gather(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, StoreError>;

    /// The links of a mapping's records, in the order asked: the one that is no tombstone.
    ///
    /// # Errors
    /// If the store fails.
    async fn linked(
        &self,
        mapping: &MappingKey,
        side: Side,
        records: &[RecordId],
    ) -> Result<Vec<Option<Linked>>, StoreError>;

    /// Stores what a person decided; the holds are due then. No lease is needed.
    ///
    /// # Contract
    /// - An answer to another version than the hold's is `Stale`, and changes nothing.
    /// - The same answer twice is stored once; another answer to an answered hold is `Stale`.
    ///
    /// # Errors
    /// If the store fails.
    async fn answer(
        &self,
        mapping: &MappingKey,
        answers: &[AnswerTo],
    ) -> Result<Vec<AnswerOutcome>, StoreError>;

    /// Conflict rows by id, in the order asked.
    ///
    /// # Errors
    /// If the store fails.
    async fn conflict_rows(
        &self,
        mapping: &MappingKey,
        ids: &[ConflictId],
    ) -> Result<Vec<Option<Conflict>>, StoreError>;

    /// Stores what became of a batch.
    ///
    /// # Contract
    /// - An inbox entry is cleared only if its sequence number is the one given.
    /// - A requeued record gets an entry without an observation; one that exists keeps the later of both times.
    /// - A record has at most one link that is not a tombstone; a commit that would make a second one fails.
    /// - A hold that takes the place of one with the same version keeps its answer.
    /// - A link that becomes active makes the holds of the tenant's mappings that wait for one of its
    ///   records due.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn commit(&self, lease: &Lease, batch: &CommitBatch) -> Result<(), StoreError>;

    /// Links of the mapping in id order, after `after`.
    ///
    /// # Errors
    /// If the store fails.
    async fn links(
        &self,
        mapping: &MappingKey,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError>;

    /// Log rows, newest first.
    ///
    /// # Errors
    /// If the store fails.
    async fn log(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<LogRow>, StoreError>;

    /// Conflict rows, newest first.
    ///
    /// # Errors
    /// If the store fails.
    async fn conflicts(
        &self,
        mapping: &MappingKey,
        page: &Page,
    ) -> Result<Vec<Conflict>, StoreError>;

    /// Holds, in key order; `page.skip` and `page.limit` cut it.
    ///
    /// # Errors
    /// If the store fails.
    async fn holds(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<Hold>, StoreError>;

    /// Runs, newest first.
    ///
    /// # Errors
    /// If the store fails.
    async fn runs(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<RunRow>, StoreError>;
}

const _: Option<&dyn Store> = None; // stays object-safe
