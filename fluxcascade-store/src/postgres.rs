//! A store in a PostgreSQL database, for many workers that share it.
//!
//! Every call is one transaction on a connection from a pool. What is in the database is in
//! `migrations/postgres`, how calls of one mapping come one after another in `ledger`, how
//! transactions begin and end in `session`, and what goes wrong in `fault`. How workers come by mappings
//! is in `turns`, and what wakes them in `listen`.

mod claims;
mod commit;
mod fault;
mod forgotten;
mod holds;
mod inbox;
mod keys;
mod ledger;
mod links;
mod listen;
mod options;
mod pending;
mod read;
mod rows;
mod schema;
mod session;
mod sweep;
mod tls;
mod tokens;
mod turns;
mod upkeep;
mod work;

use std::future::Future;
use std::sync::Arc;
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

pub use self::options::PostgresOptions;

use self::fault::Fault;
use self::ledger::Ledger;
use self::listen::Ears;
use self::session::{Access, Session, Sessions};
use crate::rules;

/// A store in a PostgreSQL database.
///
/// Any number of processes may open it at once, on one database: the mapping's lease says who of
/// them syncs a mapping, and is checked in the transaction of each call under it. What a call wrote
/// is on the server's disk when it returns; what only an intake wrote may fall back at a power
/// failure of the server, and its cursor with it. A server whose replicas must confirm commits
/// confirms those, too.
///
/// A call that was in another call's way is done again, a few times. Where the answer to a commit
/// was lost the call fails as `Unanswered`: it may have been done.
///
/// A later version brings the tables up to date when it opens them. Replace processes of earlier versions
/// before, or right after: what they have open goes on with statements of the tables that were there.
///
/// The tables are in a schema of their own. The role needs the right to make that schema once, and then
/// `SELECT`, `INSERT`, `UPDATE` and `DELETE` on its tables. The database's encoding must be UTF-8.
///
/// What is removed, forgotten or written anew is in no dump from then on. The server's own files have
/// it until it has vacuumed its tables, and its archived logs and backups as long as they are kept.
///
/// # Many tenants, many servers
///
/// Every table but the one row that tells the schema's version has a column `tenant`, every primary key
/// and every index begins with it, no table refers to another by a foreign key, and no row of one
/// tenant depends on one of another: the layout that it takes to distribute tables by tenant, as Citus
/// does with `create_distributed_table('fluxcascade.links', 'tenant')`. A test reads it from the
/// database's catalogue.
///
/// The statements are written for tables on one server: some find the rows that they change by their
/// places (`ctid`) alone. So give each group of tenants a schema of its own
/// ([`PostgresOptions::schema`]), and each schema a server: databases that are apart, or one that is
/// distributed by schema (in Citus, `citus_schema_distribute('fluxcascade_7')`). Because of the layout a
/// tenant moves from one to another by its rows alone: copy those with its name from each table, and
/// delete them where they were.
#[derive(Debug)]
pub struct PostgresStore {
    sessions: Sessions,
    ears: Ears,
}

impl PostgresStore {
    /// Opens the store at a URL, in the schema `fluxcascade`: [`PostgresOptions`] can say more.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn connect(url: impl Into<String>) -> Result<Self, StoreError> {
        Self::open(&PostgresOptions::new(url)).await
    }

    /// Opens the store, makes its tables if there are none, and brings them up to date. Several
    /// processes may do so at once.
    ///
    /// # Errors
    /// `Newer` if a later version made the tables, `Misuse` if the schema has tables of another
    /// program, or the options are wrong; these leave the database as it is. `Failed` if the server
    /// cannot be reached, or the role may not do what the store needs.
    pub async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let sessions = options.pool()?;
        schema::open(&sessions).await?;
        Ok(Self { sessions, ears: options.ears()? })
    }

    /// Reads of a mapping that was never written to return nothing.
    async fn read<T, A>(
        &self,
        mapping: &MappingKey,
        ask: impl Fn(Ledger) -> A,
    ) -> Result<Option<T>, StoreError>
    where
        A: Future<Output = Result<T, Fault>>,
    {
        let ask = &ask;
        let call = |session: Arc<Session>| async move {
            match Ledger::find(&session, mapping).await? {
                Some(ledger) => ask(ledger).await.map(Some),
                None => Ok(None),
            }
        };
        self.sessions.call(Access::Read, call).await
    }

    async fn under<T, A>(
        &self,
        access: Access,
        lease: &Lease,
        call: impl Fn(Ledger) -> A,
    ) -> Result<T, StoreError>
    where
        A: Future<Output = Result<T, Fault>>,
    {
        let call = &call;
        let call = |session: Arc<Session>| async move {
            call(Ledger::under(&session, lease).await?).await
        };
        self.sessions.call(access, call).await
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn lease(
        &self,
        mapping: &MappingKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        let call = |session: Arc<Session>| async move {
            let ledger = Ledger::make(&session, mapping).await?;
            let mut standing = ledger.standing.clone();
            let lease = standing.grant(mapping, now, ttl)?;
            ledger.set_standing(&standing).await?;
            Ok(lease)
        };
        self.sessions.call(Access::Write, call).await
    }

    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        let renew = |ledger: Ledger| async move {
            let mut standing = ledger.standing.clone();
            let lease = standing.renew(lease, now, ttl)?;
            ledger.set_standing(&standing).await?;
            Ok(lease)
        };
        self.under(Access::Write, lease, renew).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let call = |session: Arc<Session>| async move {
            let Some(ledger) = Ledger::find(&session, &lease.mapping).await? else { return Ok(()) };
            let mut standing = ledger.standing.clone();
            standing.release(lease);
            ledger.set_standing(&standing).await?;
            ledger.ring_if_woken().await
        };
        self.sessions.call(Access::Write, call).await
    }

    async fn fingerprint_key(&self, mapping: &MappingKey) -> Result<[u8; 32], StoreError> {
        let call = |session| tokens::fingerprint_key(session, &mapping.tenant);
        self.sessions.call(Access::Write, call).await
    }

    async fn revisions(&self, mapping: &MappingKey) -> Result<Vec<Revision>, StoreError> {
        let ask = |ledger: Ledger| async move { ledger.revisions().await };
        self.read(mapping, ask).await.map(Option::unwrap_or_default)
    }

    async fn add_revision(&self, lease: &Lease, revision: &Revision) -> Result<(), StoreError> {
        let add = |ledger: Ledger| async move { ledger.add_revision(lease, revision).await };
        self.under(Access::Write, lease, add).await
    }

    async fn start_run(&self, lease: &Lease, start: &RunStart) -> Result<RunNumber, StoreError> {
        let begin = |ledger: Ledger| async move { ledger.start_run(start).await };
        self.under(Access::Write, lease, begin).await
    }

    async fn finish_run(&self, lease: &Lease, run: &RunRow) -> Result<(), StoreError> {
        let finish = |ledger: Ledger| async move { ledger.finish_run(lease, run).await };
        self.under(Access::Write, lease, finish).await
    }

    async fn feed(&self, lease: &Lease, feed: &FeedKey) -> Result<Feed, StoreError> {
        rules::own_feed(lease, feed)?;
        let ask = |ledger: Ledger| async move { ledger.feed(feed).await };
        self.under(Access::Read, lease, ask).await
    }

    async fn notify(&self, hints: &[Hint]) -> Result<(), StoreError> {
        self.sessions.call(Access::Write, |session| inbox::notify(session, hints)).await
    }

    async fn intake(&self, lease: &Lease, page: &Intake) -> Result<Taken, StoreError> {
        rules::own_feed(lease, &page.feed_key)?;
        let take = |ledger: Ledger| async move {
            ledger.intake(&*ledger.without_forgotten(lease, page).await?).await
        };
        self.under(Access::Intake, lease, take).await
    }

    async fn work(&self, lease: &Lease, request: &WorkRequest) -> Result<Vec<Work>, StoreError> {
        let ask = |ledger: Ledger| async move { ledger.work(request).await };
        self.under(Access::Read, lease, ask).await
    }

    async fn counts(&self, mapping: &MappingKey) -> Result<Counts, StoreError> {
        let ask = |ledger: Ledger| async move { ledger.counts().await };
        self.read(mapping, ask).await.map(Option::unwrap_or_default)
    }

    async fn begin(
        &self,
        lease: &Lease,
        operations: &[Operation],
    ) -> Result<Vec<Begun>, StoreError> {
        let begin = |ledger: Ledger| async move { ledger.begin(operations).await };
        self.under(Access::Write, lease, begin).await
    }

    async fn gather(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, StoreError> {
        let ask = |ledger: Ledger| async move { ledger.gather(keys).await };
        self.under(Access::Read, lease, ask).await
    }

    async fn linked(
        &self,
        mapping: &MappingKey,
        side: Side,
        records: &[RecordId],
    ) -> Result<Vec<Option<Linked>>, StoreError> {
        let ask = |ledger: Ledger| async move { ledger.linked(side, records).await };
        let found = self.read(mapping, ask).await?;
        Ok(found.unwrap_or_else(|| vec![None; records.len()]))
    }

    async fn answer(
        &self,
        mapping: &MappingKey,
        answers: &[AnswerTo],
    ) -> Result<Vec<AnswerOutcome>, StoreError> {
        let call = |session: Arc<Session>| async move {
            match Ledger::find(&session, mapping).await? {
                Some(ledger) => ledger.answer(answers).await,
                None => Ok(vec![AnswerOutcome::Gone; answers.len()]),
            }
        };
        self.sessions.call(Access::Write, call).await
    }

    async fn conflict_rows(
        &self,
        mapping: &MappingKey,
        ids: &[ConflictId],
    ) -> Result<Vec<Option<Conflict>>, StoreError> {
        let ask = |ledger: Ledger| async move { ledger.conflicts_by_id(ids).await };
        let found = self.read(mapping, ask).await?.unwrap_or_default();
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn commit(&self, lease: &Lease, batch: &CommitBatch) -> Result<(), StoreError> {
        let commit = |ledger: Ledger| async move { ledger.commit(batch).await };
        self.under(Access::Write, lease, commit).await
    }

    async fn links(
        &self,
        mapping: &MappingKey,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError> {
        let ask = |ledger: Ledger| async move { ledger.links_after(after, limit).await };
        self.read(mapping, ask).await.map(Option::unwrap_or_default)
    }

    async fn log(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<LogRow>, StoreError> {
        let ask = |ledger: Ledger| async move { ledger.log(page).await };
        self.read(mapping, ask).await.map(Option::unwrap_or_default)
    }

    async fn conflicts(
        &self,
        mapping: &MappingKey,
        page: &Page,
    ) -> Result<Vec<Conflict>, StoreError> {
        let ask = |ledger: Ledger| async move { ledger.conflicts(page).await };
        self.read(mapping, ask).await.map(Option::unwrap_or_default)
    }

    async fn holds(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<Hold>, StoreError> {
        let ask = |ledger: Ledger| async move { ledger.holds(page).await };
        self.read(mapping, ask).await.map(Option::unwrap_or_default)
    }

    async fn runs(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<RunRow>, StoreError> {
        let ask = |ledger: Ledger| async move { ledger.runs(page).await };
        self.read(mapping, ask).await.map(Option::unwrap_or_default)
    }
}
