//! Transactions: one per call, on a connection from the pool.
//!
//! A call that was in another's way is done again, a few times, if nothing of it was committed.
//!
//! How statements look up many rows at once: each row of an `unnest` has its look-up in a `LATERAL`
//! with `OFFSET 0`, which the planner takes as it stands. Left to itself it reads all of a mapping
//! for each of the rows where it believes that the mapping has few: while the tables are new, and
//! where one tenant has a thousand times more than most. Which index serves a look-up is settled by
//! the indexes' conditions (see the migrations), so that one plan is right for all values and sizes:
//! it is made once, and never reads a table whole. Rows are changed and deleted by the places
//! (`ctid`) that such a look-up found, in the same statement, of rows that nobody else can change.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use fluxcascade_core::store::StoreError;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::fault::Fault;

/// What a call needs of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Reads only, all of it at one moment.
    Read,
    /// What it writes is on the server's disk when the call returns.
    Write,
    /// What it writes may fall back at a power failure, and its cursor with it.
    Intake,
}

/// A value that a statement is given.
pub(super) type Value<'a> = &'a (dyn ToSql + Sync);

/// How often a call is done again.
const REPEATS: u32 = 6;

/// How long a transaction may wait for its caller: one that stands still in the middle keeps others
/// waiting at its locks for so long.
const STANDSTILL: Duration = Duration::from_secs(10);

/// How long after its own limit the server is waited for.
const GRACE: Duration = Duration::from_secs(5);

/// The pool, and how transactions begin.
#[derive(Debug)]
pub(super) struct Sessions {
    pool: Pool,
    schema: String,
    /// How long a statement may take.
    patience: Duration,
}

impl Sessions {
    pub(super) fn new(pool: Pool, schema: String, patience: Duration) -> Self {
        Self { pool, schema, patience }
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// Runs a call in one transaction; an error of it undoes everything.
    pub(super) async fn call<T, F, A>(&self, access: Access, call: F) -> Result<T, StoreError>
    where
        F: Fn(Arc<Session>) -> A,
        A: Future<Output = Result<T, Fault>>,
    {
        let mut repeats = 0;
        loop {
            match self.once(access, &call).await {
                Err(fault) if fault.may_repeat() && repeats < REPEATS => {
                    repeats += 1;
                    tokio::time::sleep(pause(repeats)).await;
                }
                outcome => return outcome.map_err(StoreError::from),
            }
        }
    }

    async fn once<T, F, A>(&self, access: Access, call: &F) -> Result<T, Fault>
    where
        F: Fn(Arc<Session>) -> A,
        A: Future<Output = Result<T, Fault>>,
    {
        let session = Arc::new(self.begin(access).await?);
        match call(Arc::clone(&session)).await {
            Ok(answer) => session.commit().await.map(|()| answer),
            Err(fault) => {
                session.roll_back().await;
                Err(fault)
            }
        }
    }

    async fn begin(&self, access: Access) -> Result<Session, Fault> {
        let session = Session {
            client: Some(self.pool.get().await?),
            under_way: AtomicBool::new(true),
            access,
            patience: self.patience + GRACE,
        };
        let opening = self.opening(access);
        let begun = session.client()?.batch_execute(&opening);
        match tokio::time::timeout(session.patience, begun).await {
            Err(_) => Err(Fault::Late),
            Ok(Err(error)) if error.is_closed() => Err(Fault::NotBegun(error)),
            Ok(begun) => begun.map(|()| session).map_err(Fault::Sql),
        }
    }

    /// All that holds for a transaction is said in it: a role, a database or a pooler between may
    /// have other defaults.
    fn opening(&self, access: Access) -> String {
        let isolation = match access {
            Access::Read => "REPEATABLE READ READ ONLY",
            Access::Write | Access::Intake => "READ COMMITTED READ WRITE",
        };
        let durable = match access {
            Access::Read | Access::Write => "on",
            Access::Intake => "off",
        };
        let limit = self.patience.as_millis();
        let standstill = self.patience.min(STANDSTILL).as_millis();
        format!(
            "BEGIN ISOLATION LEVEL {isolation}; SET LOCAL synchronous_commit TO {durable}; \
             SET LOCAL search_path TO {}, pg_temp; SET LOCAL statement_timeout TO {limit}; \
             SET LOCAL idle_in_transaction_session_timeout TO {standstill}; \
             SET LOCAL plan_cache_mode TO force_generic_plan; SET LOCAL enable_seqscan TO off",
            quoted(&self.schema)
        )
    }
}

/// A name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What became of statements that were sent together: where one failed, those behind it say only
/// that.
pub(super) fn all_of<const N: usize>(outcomes: [Result<(), Fault>; N]) -> Result<(), Fault> {
    let (after, first): (Vec<_>, Vec<_>) =
        outcomes.into_iter().filter_map(Result::err).partition(Fault::is_after_another);
    first.into_iter().chain(after).next().map_or(Ok(()), Err)
}

/// Longer each time, and not the same for two that are in each other's way.
fn pause(repeats: u32) -> Duration {
    let mut dice = [0];
    // Without randomness they may meet again, and are done again.
    let _ = getrandom::fill(&mut dice);
    Duration::from_millis((u64::from(dice[0] % 16) + 1) << repeats.min(4))
}

/// One transaction.
#[derive(Debug)]
pub(super) struct Session {
    client: Option<Object>,
    under_way: AtomicBool,
    access: Access,
    patience: Duration,
}

impl Session {
    pub(super) fn access(&self) -> Access {
        self.access
    }

    fn client(&self) -> Result<&Object, Fault> {
        self.client.as_ref().ok_or_else(|| StoreError::failed("its connection is gone").into())
    }

    async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Fault> {
        tokio::time::timeout(self.patience, answer)
            .await
            .map_err(|_| Fault::Late)?
            .map_err(Fault::Sql)
    }

    /// The rows of a statement, which is prepared once per connection.
    pub(super) async fn rows(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        let client = self.client()?;
        self.within(async { client.query(&client.prepare_cached(sql).await?, values).await }).await
    }

    /// How many rows a statement changed.
    pub(super) async fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, Fault> {
        let client = self.client()?;
        self.within(async { client.execute(&client.prepare_cached(sql).await?, values).await })
            .await
    }

    /// Several statements without values.
    pub(super) async fn script(&self, sql: &str) -> Result<(), Fault> {
        self.within(self.client()?.batch_execute(sql)).await
    }

    async fn commit(&self) -> Result<(), Fault> {
        let done =
            tokio::time::timeout(self.patience, self.client()?.batch_execute("COMMIT")).await;
        match (done, self.access) {
            (Ok(Ok(())), _) => {
                self.under_way.store(false, Ordering::Relaxed);
                Ok(())
            }
            // What only read has nothing to be done.
            (Err(_), Access::Read) => Err(Fault::Late),
            (Ok(Err(error)), Access::Read) => Err(Fault::Sql(error)),
            (Err(_), Access::Write | Access::Intake) => {
                Err(Fault::Unanswered("the server did not answer in time".into()))
            }
            (Ok(Err(error)), Access::Write | Access::Intake) => Err(Fault::of_commit(error)),
        }
    }

    async fn roll_back(&self) {
        if let Ok(client) = self.client()
            && let Ok(Ok(())) =
                tokio::time::timeout(self.patience, client.batch_execute("ROLLBACK")).await
        {
            self.under_way.store(false, Ordering::Relaxed);
        }
    }
}

/// A connection in the middle of a transaction is closed and not used again: the server undoes it.
impl Drop for Session {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && self.under_way.load(Ordering::Relaxed)
        {
            drop(Object::take(client));
        }
    }
}
