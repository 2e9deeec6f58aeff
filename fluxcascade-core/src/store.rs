//! The wall to storage: [`Store`] for what a sync remembers, [`TokenStore`] for credentials.
//!
//! Every call is one transaction over a batch. Sequence numbers and the lease's fencing number are
//! checked inside of it. The nouns live in [`crate::model`], the ways to write them as bytes in
//! [`crate::codec`].

mod batch;
mod budget;
mod error;
mod schedule;
mod token;
mod transfer;
mod upkeep;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

pub use batch::{
    Begun, CommitBatch, Counts, Feed, FeedKey, Hint, InboxMark, Intake, IntakeRow, LinkChange,
    Made, Page, RecordKeys, Requeue, RunStart, Sweep, Taken, WorkRequest,
};
pub use budget::{Budget, Budgets, Draw, Drawn};
pub use error::{StoreError, StoreErrorKind};
pub use schedule::{ClaimRequest, Claimed, Schedule, Scheduled};
pub use token::{StoredToken, TokenKey, TokenStore};
pub use transfer::{TransferError, Transferred, export_links, import_links};
pub use upkeep::{
    MarkedRow, Prune, Pruned, Receipt, Removed, Retained, Rewrite, Row, RowMark, Rows, Subject,
    Table, Upkeep,
};

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
/// Times are given by the caller, so that a test's clock reaches all of it. Processes that share a store
/// each give their own: keep their clocks together (NTP). A lease ends for its successor as much too
/// early as the successor's clock is ahead, and a write that takes its whole time limit may then be looked
/// at while it is still under way; what is stored stays fenced by numbers, whatever the clocks say.
///
/// # What is atomic
///
/// Each call is one transaction: all that it changes is stored together, or nothing of it. A batch is
/// one call, in which each part sees what the parts before it have done. What a call returns is what
/// its transaction has read and done: nothing that another call does at the same time comes between.
/// What a call says is refused in an `Ok` (an operation that is not begun, an answer that is stale) is
/// left out, and the rest of the batch is stored.
///
/// # What is ordered
///
/// Calls of one mapping come one after the other: each sees all that those before it have done,
/// whoever made them. Calls of two mappings may be carried out at the same time, but for what the
/// mappings of a tenant share: claims of creates, and holds that wait for another mapping's link. Of
/// two of those that are in each other's way, one comes first: of two creates with one claim, one is
/// not begun; a hold that is stored while the link it waits for is, is due in the end. Nothing is
/// shared by tenants. A lease is checked in the transaction of the call under it, so that a call under
/// a lost lease never comes after one under the next lease.
///
/// Where a call returns a list, its order is said there; where rows were stored in one call, they have
/// the order of the batch. Sequence numbers, fencing numbers, run numbers and the places of log and
/// conflict rows only grow, also across restarts.
///
/// # What is durable
///
/// What a call changed survives the end of the process and a power failure from when it returns: the
/// caller sends requests to systems because of it. There are two exceptions. What only
/// [`intake`](Store::intake) changed may fall back at a power failure to an earlier state of the
/// mapping, with its cursor; a call that returns after it makes it durable, too. What a [`Budgets`]
/// call granted may be forgotten.
///
/// # What may happen when a call fails
///
/// | kind | what was done | what the caller does |
/// | --- | --- | --- |
/// | [`Busy`](StoreErrorKind::Busy), [`LeaseLost`](StoreErrorKind::LeaseLost), [`Misuse`](StoreErrorKind::Misuse) | nothing | another call |
/// | [`Newer`](StoreErrorKind::Newer), [`Damaged`](StoreErrorKind::Damaged), [`Locked`](StoreErrorKind::Locked) | nothing | a person is needed |
/// | [`Failed`](StoreErrorKind::Failed) | nothing | the same call again, or a later run |
/// | [`Unanswered`](StoreErrorKind::Unanswered) | all of it, or nothing | see below |
///
/// A store whose commits can lose their answer (a server behind a network) says so with `Unanswered`,
/// and does not make such a call again by itself. A call that only reads never is. The engine ends its
/// run with that error, and the next run goes on from what it reads: as after the end of a process at
/// that point. A caller that goes on instead may make these calls again, whatever became of them, and
/// is answered as it would have been: `renew`, `release`, `fingerprint_key`, `finish_run`, `begin` and
/// `notify` here, `release_refresh` of [`TokenStore`], `schedule`, `unschedule` and `wake` of
/// [`Schedule`]. [`answer`](Store::answer) is made again, too: it then says `Already`, and what the
/// first one woke is woken. Any other call may be made again only once what is stored was read.
///
/// A caller may stop waiting for a call at any time. The call is then as one without an answer.
///
/// # The suite
///
/// Each sentence of a `# Contract` is a rule of the suite in `testkit::conformance::store` (feature
/// `testkit`), which the author of a store runs with `store_conformance!`. `testkit::Insisting` puts the
/// rules to the store while its calls fail, by whatever means it can be made to.
///
/// # Contract
///
/// - What a call changed is durable when it returns; what only [`intake`](Store::intake) changed
///   may fall back at a power failure, and then its cursor falls back with it.
/// - A call that fails has changed nothing, unless it fails as `Unanswered`: then it has changed all
///   that it was to change, or nothing, and which of both stands once the mapping's next lease is
///   given.
/// - A call under a lease that was lost or given back fails as `LeaseLost`.
/// - Nothing of one tenant or mapping is seen by a call for another.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// Takes the mapping's lease. Nothing of the mapping need be there: a lease is how a mapping begins.
    /// After `Unanswered` it may be held by nobody, and ends by itself.
    ///
    /// # Contract
    /// - While a lease is neither released nor past its end, another is `Busy`.
    /// - Each lease has a greater fencing number than the one before.
    /// - A lease after one that ran out is not `sole`: the one before may have a holder that still runs.
    ///
    /// # Errors
    /// `Busy`, or if the store fails.
    async fn lease(
        &self,
        mapping: &MappingKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError>;

    /// Extends a lease to `now + ttl`. One that is past its end is extended as long as no other was
    /// given.
    ///
    /// # Contract
    /// - A renewed lease holds until its new end.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError>;

    /// Gives a lease back. If the mapping was woken while it was held, those who wait for that are told
    /// ([`Schedule::woken`]).
    ///
    /// # Contract
    /// - Giving back a lost lease leaves the later one.
    ///
    /// # Errors
    /// If the store fails; a lease that was lost already is no error.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// The key of the tenant's fingerprints: 32 random bytes, drawn when first asked for.
    ///
    /// # Contract
    /// - The fingerprint key is the tenant's, and stays.
    ///
    /// # Errors
    /// If the store fails.
    async fn fingerprint_key(&self, mapping: &MappingKey) -> Result<[u8; 32], StoreError>;

    /// All revisions of the mapping.
    ///
    /// # Contract
    /// - Revisions come oldest first.
    ///
    /// # Errors
    /// If the store fails.
    async fn revisions(&self, mapping: &MappingKey) -> Result<Vec<Revision>, StoreError>;

    /// Stores a new revision.
    ///
    /// # Contract
    /// - A revision must follow the last one: the first has the number 1.
    ///
    /// # Errors
    /// `LeaseLost`, `Misuse` for another number, or if the store fails.
    async fn add_revision(&self, lease: &Lease, revision: &Revision) -> Result<(), StoreError>;

    /// Begins a run.
    ///
    /// # Contract
    /// - Each run has the number after the last one's: the first has 1.
    /// - A run that is to come after another number has the one after that.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn start_run(&self, lease: &Lease, start: &RunStart) -> Result<RunNumber, StoreError>;

    /// Stores how a run ended.
    ///
    /// # Contract
    /// - A run is read as it was finished.
    /// - A run that was not begun cannot be finished.
    ///
    /// # Errors
    /// `LeaseLost`, `Misuse` for a run that was not begun, or if the store fails.
    async fn finish_run(&self, lease: &Lease, run: &RunRow) -> Result<(), StoreError>;

    /// Where the reading of a feed stands; the default if it was never read.
    ///
    /// # Contract
    /// - A feed is where the last page left it.
    /// - A lease does not reach the feed of another mapping.
    ///
    /// # Errors
    /// `LeaseLost`, `Misuse` for another mapping's feed, or if the store fails.
    async fn feed(&self, lease: &Lease, feed: &FeedKey) -> Result<Feed, StoreError>;

    /// Puts ids into the inboxes of all mappings that read the object type, and wakes those
    /// ([`Schedule`]): webhooks. It needs no lease. All hints of a call are stored together; a mapping
    /// that has not read the type yet reads all of it first.
    ///
    /// # Contract
    /// - A hint reaches all mappings that read the object type: that took in a page of it.
    /// - A hint gives an entry a new sequence number and no observation, and makes it due with no
    ///   attempts.
    ///
    /// # Errors
    /// If the store fails.
    async fn notify(&self, hints: &[Hint]) -> Result<(), StoreError>;

    /// Takes in a page: its records, their match keys, and the feed's new place, together. It is the
    /// only call of which a part may fall back at a power failure, with the cursor: what was read since
    /// is read again.
    ///
    /// # Contract
    /// - A row that tells nothing new is dropped: one that breaks none of the next six rules.
    /// - A row is dropped only if its link is active.
    /// - A row is dropped only if its fingerprint is the base's; two that are not known are not equal.
    /// - A row is dropped only if the base is of its revision.
    /// - A row is dropped only if its link has no hold, nor its records.
    /// - A row is dropped only if its link has no open operation, nor its records.
    /// - A row that an entry waits for is not dropped.
    /// - A row replaces an entry's observation unless its version is older.
    /// - Where two versions cannot be compared, the entry keeps the id alone.
    /// - An entry that is an id alone stays one: what put it there may be newer than the row.
    /// - A delete that a feed told of replaces any entry: it is believed only of a record that is not
    ///   found when it is read.
    /// - A row leaves the time and the attempts of an id alone.
    /// - The match keys of a row replace those that its record had, also for a dropped row.
    /// - A match key that a row does not show is as it was.
    /// - The keys of a row are an archived record's if the row says so, and else a live one's.
    /// - A new or replaced entry has a greater sequence number than any before it.
    /// - After a sweep each known record that it did not show has an entry that is its id alone; a
    ///   record is known by its link, unless that is a tombstone, or by a match key.
    /// - A record on a page of the sweep was shown, whatever its state.
    /// - A first page forgets what earlier sweeps showed.
    /// - Only pages of a sweep show records to it, and only those of its side.
    /// - The first read of a side misses nothing: nothing of it was known before.
    /// - A missed record's entry that is an id alone stays as it is.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn intake(&self, lease: &Lease, page: &Intake) -> Result<Taken, StoreError>;

    /// The next work in key order, after `request.after`; changes nothing.
    ///
    /// # Contract
    /// - There is one work per link and per unlinked record that has an inbox entry due or a hold
    ///   due, and per link that has an open operation.
    /// - An entry that is not due makes no work.
    /// - A due hold makes work, and one without a time does not.
    /// - An open operation makes work for its link.
    /// - A work has all holds and open operations of its link, its pairs and its records.
    /// - Work comes in key order at any page size.
    /// - A tombstone's records count as unlinked.
    /// - What is open for a tombstone is its records'.
    /// - A tombstone's holds are its own.
    /// - An open create is in the work of its origin.
    /// - An open create follows an origin that is linked otherwise, until its own link is there.
    /// - Asking for work changes nothing.
    /// - Candidates have one item per rule under which the record has a key.
    /// - A holder has its link, its entry, its open create and the reason of its hold.
    /// - A holder is decided earlier if another record has its earlier key; one that is archived
    ///   counts only on the other side, and not if a tombstone names both.
    /// - Holders that are archived come last.
    /// - Of a key that many share the first holders of each side are told: as many as
    ///   [`MOST_HOLDERS`](crate::model::Candidates::MOST_HOLDERS).
    /// - Creates under way are counted, but not the record's own.
    /// - An unlinked record has all tombstones that name it.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn work(&self, lease: &Lease, request: &WorkRequest) -> Result<Vec<Work>, StoreError>;

    /// How much there is of everything.
    ///
    /// # Contract
    /// - Counts are of everything that is stored for the mapping now.
    ///
    /// # Errors
    /// If the store fails.
    async fn counts(&self, mapping: &MappingKey) -> Result<Counts, StoreError>;

    /// Makes intents durable, and says of each whether it was begun, in the order given. Requests leave
    /// because of what it says: it returns only when the intents are durable.
    ///
    /// # Contract
    /// - Of each operation is said whether it was begun, in the order given; one that is not begun
    ///   hinders no other.
    /// - A create whose claim an operation of another mapping holds is not begun.
    /// - A create whose claim a record of another mapping holds is not begun: one that a create made.
    /// - A claim of a made record ends at its time, as the operation that begins has it.
    /// - A claim of the same mapping does not refuse a create.
    /// - A create that is closed without a record gives up its claims.
    /// - Claims are of one tenant.
    /// - An operation that is begun again takes the place of the one with its id.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails; then no request may leave.
    async fn begin(
        &self,
        lease: &Lease,
        operations: &[Operation],
    ) -> Result<Vec<Begun>, StoreError>;

    /// The work of these keys; changes nothing.
    ///
    /// # Contract
    /// - Gathered work comes in the order asked, and each once, at the first of its keys.
    /// - Work is gathered whether it is due or not.
    /// - A key of which nothing is stored has no work.
    /// - The key of a linked record gives the work of its link.
    /// - A tombstone's key gives its work.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn gather(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, StoreError>;

    /// The links of a mapping's records.
    ///
    /// # Contract
    /// - Links of records come in the order asked, and tombstones are none.
    ///
    /// # Errors
    /// If the store fails.
    async fn linked(
        &self,
        mapping: &MappingKey,
        side: Side,
        records: &[RecordId],
    ) -> Result<Vec<Option<Linked>>, StoreError>;

    /// Stores what a person decided, with the holds, until runs carry it out. Answers are looked at in
    /// the order given, and what is told of each is in that order. One that is stored wakes the mapping
    /// in the same transaction ([`Schedule`]), so that a lost reply delays nothing.
    ///
    /// # Contract
    /// - An answered hold is due, whatever its time.
    /// - An answer needs no lease.
    /// - An answer to another version is stale, and changes nothing.
    /// - The same answer twice is stored once.
    /// - Another answer to an answered hold is stale.
    /// - An answer to a hold that is no more is gone.
    ///
    /// # Errors
    /// If the store fails.
    async fn answer(
        &self,
        mapping: &MappingKey,
        answers: &[AnswerTo],
    ) -> Result<Vec<AnswerOutcome>, StoreError>;

    /// Conflict rows by id.
    ///
    /// # Contract
    /// - Conflict rows are found by id, in the order asked.
    ///
    /// # Errors
    /// If the store fails.
    async fn conflict_rows(
        &self,
        mapping: &MappingKey,
        ids: &[ConflictId],
    ) -> Result<Vec<Option<Conflict>>, StoreError>;

    /// Stores what became of a batch, all of it together, in the order of the batch's fields. It is
    /// what a run's progress rests on: once it returns, no crash leads to a second write of what it says
    /// was written.
    ///
    /// # Contract
    /// - An inbox entry is cleared only if its sequence number is the one given.
    /// - A requeued record gets an entry without an observation, with a new sequence number.
    /// - A requeued entry keeps the later of both times.
    /// - Match keys of a commit replace those that the record had.
    /// - A match key that a commit does not show is as it was.
    /// - A record that is archived keeps its match keys: it is told as archived from then on.
    /// - A record that gets an active link is archived no more.
    /// - A closed operation is no more.
    /// - A judged conflict row has another status and the same values.
    /// - A record has at most one link that is no tombstone: a commit that would make a second fails.
    /// - Links may exchange their records in one commit.
    /// - The records of a tombstone are free for another link.
    /// - Entries and holds follow their record to its link, and away from it.
    /// - A link is read as it was committed.
    /// - A released hold is no more.
    /// - A hold that is released and set again in one commit has no answer.
    /// - A hold that takes the place of one with the same version keeps its answer.
    /// - A hold of another version has no answer.
    /// - A link that becomes active makes the holds that wait for its records due, in all mappings
    ///   of the tenant.
    /// - A hold that waits for an active link is due.
    ///
    /// # Errors
    /// `LeaseLost`, or if the store fails.
    async fn commit(&self, lease: &Lease, batch: &CommitBatch) -> Result<(), StoreError>;

    /// Links of the mapping, by page.
    ///
    /// # Contract
    /// - Links come in id order after an id.
    ///
    /// # Errors
    /// If the store fails.
    async fn links(
        &self,
        mapping: &MappingKey,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError>;

    /// Log rows.
    ///
    /// # Contract
    /// - Log rows come newest first, by run, record and page.
    ///
    /// # Errors
    /// If the store fails.
    async fn log(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<LogRow>, StoreError>;

    /// Conflict rows, by run, record and page.
    ///
    /// # Contract
    /// - Conflict rows come newest first, and a changed row keeps its place.
    ///
    /// # Errors
    /// If the store fails.
    async fn conflicts(
        &self,
        mapping: &MappingKey,
        page: &Page,
    ) -> Result<Vec<Conflict>, StoreError>;

    /// Holds, by reason, key and page.
    ///
    /// # Contract
    /// - Holds come in key order.
    /// - Holds are found by their reason.
    /// - Holds are found by their keys.
    ///
    /// # Errors
    /// If the store fails.
    async fn holds(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<Hold>, StoreError>;

    /// Runs, by number and page.
    ///
    /// # Contract
    /// - Runs come newest first.
    ///
    /// # Errors
    /// If the store fails.
    async fn runs(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<RunRow>, StoreError>;
}

const _: Option<&dyn Store> = None; // stays object-safe
