//! A store in one SQLite file, for a host that runs in one process.
//!
//! A thread of its own has the connection; every call is done there whole or not at all, in `worker`.
//! Who may open the file is in `lock`, what is in it in `migrations`, and what goes wrong in `fault`.
//! Two processes on one file are not supported: that is what a database server is for.

mod backup;
mod claims;
mod commit;
mod encoded;
mod fault;
mod forgotten;
mod holds;
mod inbox;
mod ledger;
mod links;
mod lock;
mod pending;
mod read;
mod rows;
mod schema;
mod sweep;
#[cfg(test)]
mod tests;
mod tokens;
mod turns;
mod upkeep;
mod work;
mod worker;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::model::{
    AnswerOutcome, AnswerTo, Conflict, ConflictId, Hold, Link, LinkId, Linked, LogRow, MappingKey,
    Operation, RecordId, Revision, RunNumber, RunRow, Side, Timestamp, Work, WorkKey,
};
use fluxcascade_core::store::{
    Begun, CommitBatch, Counts, Feed, FeedKey, Hint, Intake, Lease, Page, RunStart, Store,
    StoreError, Taken, WorkRequest,
};

use self::encoded::EncodedBatch;
use self::fault::Fault;
use self::ledger::Ledger;
use self::worker::{Access, Worker};
use crate::bell::Bell;
use crate::rules;

/// A store in one SQLite file.
///
/// What a call wrote is on the disk when it returns; what only an intake wrote may fall back at a
/// power failure, and its cursor with it. While the store is open nobody else can open it: the
/// operating system's lock on `<file>.lock` says so, and ends with the process. So whoever opens
/// the store takes over all leases at once, and a lease is `sole` unless an earlier one of the
/// same opening ran out without being given back.
///
/// The file holds credentials; it is made readable for its owner alone. Dropping the store waits
/// until the file is closed.
///
/// ```
/// use fluxcascade_core::model::{MappingKey, MappingName};
/// use fluxcascade_core::store::{Counts, Store};
/// use fluxcascade_store::SqliteStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("sync.db");
/// let store = SqliteStore::open(&path).await.unwrap();
/// let contacts = MappingKey::of(MappingName::new("contacts").unwrap());
/// assert_eq!(store.counts(&contacts).await.unwrap(), Counts::default());
/// # }
/// ```
#[derive(Debug)]
pub struct SqliteStore {
    worker: Worker,
    bell: Bell,
}

impl SqliteStore {
    /// Opens the store's file, makes it if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// `Busy` if it is open already, `Newer` if a later version wrote it, `Misuse` if it belongs
    /// to another program, `Damaged` if it is no SQLite file; all of these leave it as it is.
    /// `Failed` if the path cannot be used.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let worker = Worker::start(path.as_ref().to_owned()).await?;
        Ok(Self { worker, bell: Bell::default() })
    }

    /// Reads of a mapping that was never written to return nothing.
    async fn read<T: Default + Send + 'static>(
        &self,
        mapping: &MappingKey,
        ask: impl FnOnce(&Ledger<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mapping = mapping.clone();
        let call = move |transaction: &rusqlite::Transaction<'_>| {
            Ledger::find(transaction, &mapping)?.map_or_else(|| Ok(T::default()), |l| ask(&l))
        };
        self.worker.call(Access::Read, call).await
    }

    async fn under<T: Send + 'static>(
        &self,
        access: Access,
        lease: &Lease,
        call: impl FnOnce(&Ledger<'_>, &Lease) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let lease = lease.clone();
        let call = move |transaction: &rusqlite::Transaction<'_>| {
            call(&Ledger::under(transaction, &lease)?, &lease)
        };
        self.worker.call(access, call).await
    }
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method of a type with a lifetime is not general enough to be passed itself"
)]
#[async_trait]
impl Store for SqliteStore {
    async fn lease(
        &self,
        mapping: &MappingKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        let mapping = mapping.clone();
        let call = move |transaction: &rusqlite::Transaction<'_>| {
            let ledger = Ledger::make(transaction, &mapping)?;
            let mut standing = ledger.standing()?;
            let lease = standing.grant(&mapping, now, ttl)?;
            ledger.set_standing(&standing)?;
            Ok(lease)
        };
        self.worker.call(Access::Write, call).await
    }

    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        self.under(Access::Write, lease, move |ledger, lease| {
            let mut standing = ledger.standing()?;
            let lease = standing.renew(lease, now, ttl)?;
            ledger.set_standing(&standing)?;
            Ok(lease)
        })
        .await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let lease = lease.clone();
        let call = move |transaction: &rusqlite::Transaction<'_>| {
            let Some(ledger) = Ledger::find(transaction, &lease.mapping)? else { return Ok(false) };
            let mut standing = ledger.standing()?;
            standing.release(&lease);
            ledger.set_standing(&standing)?;
            ledger.is_woken()
        };
        if self.worker.call(Access::Write, call).await? {
            self.bell.ring();
        }
        Ok(())
    }

    async fn fingerprint_key(&self, mapping: &MappingKey) -> Result<[u8; 32], StoreError> {
        let tenant = mapping.tenant.clone();
        self.worker
            .call(Access::Write, move |transaction| tokens::fingerprint_key(transaction, &tenant))
            .await
    }

    async fn revisions(&self, mapping: &MappingKey) -> Result<Vec<Revision>, StoreError> {
        self.read(mapping, |ledger| ledger.revisions()).await
    }

    async fn add_revision(&self, lease: &Lease, revision: &Revision) -> Result<(), StoreError> {
        let revision = revision.clone();
        self.under(Access::Write, lease, move |ledger, lease| ledger.add_revision(lease, &revision))
            .await
    }

    async fn start_run(&self, lease: &Lease, start: &RunStart) -> Result<RunNumber, StoreError> {
        let start = start.clone();
        self.under(Access::Write, lease, move |ledger, _| ledger.start_run(&start)).await
    }

    async fn finish_run(&self, lease: &Lease, run: &RunRow) -> Result<(), StoreError> {
        let run = run.clone();
        self.under(Access::Write, lease, move |ledger, lease| ledger.finish_run(lease, &run)).await
    }

    async fn feed(&self, lease: &Lease, feed: &FeedKey) -> Result<Feed, StoreError> {
        rules::own_feed(lease, feed)?;
        let feed = feed.clone();
        self.under(Access::Read, lease, move |ledger, _| ledger.feed(&feed)).await
    }

    async fn notify(&self, hints: &[Hint]) -> Result<(), StoreError> {
        let hints = hints.to_vec();
        let call =
            move |transaction: &rusqlite::Transaction<'_>| inbox::notify(transaction, &hints);
        self.worker.call(Access::Write, call).await?;
        self.bell.ring();
        Ok(())
    }

    async fn intake(&self, lease: &Lease, page: &Intake) -> Result<Taken, StoreError> {
        rules::own_feed(lease, &page.feed_key)?;
        let page = page.clone();
        let take_in = move |ledger: &Ledger<'_>, lease: &Lease| {
            ledger.intake(&inbox::without_forgotten(ledger, lease, page)?)
        };
        self.under(Access::Intake, lease, take_in).await
    }

    async fn work(&self, lease: &Lease, request: &WorkRequest) -> Result<Vec<Work>, StoreError> {
        let request = request.clone();
        self.under(Access::Read, lease, move |ledger, _| ledger.work(&request)).await
    }

    async fn counts(&self, mapping: &MappingKey) -> Result<Counts, StoreError> {
        self.read(mapping, |ledger| ledger.counts()).await
    }

    async fn begin(
        &self,
        lease: &Lease,
        operations: &[Operation],
    ) -> Result<Vec<Begun>, StoreError> {
        let operations = operations.to_vec();
        self.under(Access::Write, lease, move |ledger, _| ledger.begin(&operations)).await
    }

    async fn gather(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, StoreError> {
        let keys = keys.to_vec();
        self.under(Access::Read, lease, move |ledger, _| ledger.gather(&keys)).await
    }

    async fn linked(
        &self,
        mapping: &MappingKey,
        side: Side,
        records: &[RecordId],
    ) -> Result<Vec<Option<Linked>>, StoreError> {
        let (number, records) = (records.len(), records.to_vec());
        let ask = move |ledger: &Ledger<'_>| {
            records.iter().map(|record| ledger.linked_as(side, record)).collect::<Result<_, _>>()
        };
        let found = self.read(mapping, move |ledger| ask(ledger).map(Some)).await?;
        Ok(found.unwrap_or_else(|| vec![None; number]))
    }

    async fn answer(
        &self,
        mapping: &MappingKey,
        answers: &[AnswerTo],
    ) -> Result<Vec<AnswerOutcome>, StoreError> {
        let (mapping, answers) = (mapping.clone(), answers.to_vec());
        let call = move |transaction: &rusqlite::Transaction<'_>| {
            let nothing = || Ok(vec![AnswerOutcome::Gone; answers.len()]);
            Ledger::find(transaction, &mapping)?.map_or_else(nothing, |l| l.answer(&answers))
        };
        let outcomes = self.worker.call(Access::Write, call).await?;
        self.bell.ring();
        Ok(outcomes)
    }

    async fn conflict_rows(
        &self,
        mapping: &MappingKey,
        ids: &[ConflictId],
    ) -> Result<Vec<Option<Conflict>>, StoreError> {
        let (number, ids) = (ids.len(), ids.to_vec());
        let ask = move |ledger: &Ledger<'_>| {
            ids.iter().map(|id| ledger.conflict_row(*id)).collect::<Result<_, _>>()
        };
        let found = self.read(mapping, move |ledger| ask(ledger).map(Some)).await?;
        Ok(found.unwrap_or_else(|| vec![None; number]))
    }

    async fn commit(&self, lease: &Lease, batch: &CommitBatch) -> Result<(), StoreError> {
        let batch = EncodedBatch::from(batch);
        if self.under(Access::Write, lease, move |ledger, _| ledger.commit(&batch)).await? {
            self.bell.ring();
        }
        Ok(())
    }

    async fn links(
        &self,
        mapping: &MappingKey,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError> {
        self.read(mapping, move |ledger| ledger.links_after(after, limit)).await
    }

    async fn log(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<LogRow>, StoreError> {
        let page = page.clone();
        self.read(mapping, move |ledger| ledger.log(&page)).await
    }

    async fn conflicts(
        &self,
        mapping: &MappingKey,
        page: &Page,
    ) -> Result<Vec<Conflict>, StoreError> {
        let page = page.clone();
        self.read(mapping, move |ledger| ledger.conflicts(&page)).await
    }

    async fn holds(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<Hold>, StoreError> {
        let page = page.clone();
        self.read(mapping, move |ledger| ledger.holds(&page)).await
    }

    async fn runs(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<RunRow>, StoreError> {
        let page = page.clone();
        self.read(mapping, move |ledger| ledger.runs(&page)).await
    }
}
