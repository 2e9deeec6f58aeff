//! A worker's turns: it claims a mapping that is due, syncs it, and claims again. Any number of workers
//! share a store; there is no coordinator.

use std::time::Duration;

use futures::future::{Either, select};

use super::{Engine, RunRequest, SyncError};
use crate::model::{Timestamp, WorkerName};
use crate::store::{ClaimRequest, Schedule, Scheduled};

/// How long a worker rests at most: word of what is due may be lost with its connection.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// What a worker is to do.
#[derive(Debug)]
#[must_use = "a mapping that was claimed waits for its run"]
pub enum Turn<'e> {
    /// A mapping is due: its run, under the lease that was claimed. One that is not done keeps its
    /// mapping from others until the lease ends.
    Due(RunRequest<'e>),
    /// Nothing is due; when the next mapping is, if one is scheduled.
    Idle(Option<Timestamp>),
}

impl Engine {
    /// Schedules all of the engine's mappings, each to be synced this often. Every worker may do so
    /// when it starts: what is scheduled already keeps its time.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn schedule(
        &self,
        schedule: &dyn Schedule,
        every: Duration,
    ) -> Result<(), SyncError> {
        let first = self.inner.clock.now();
        for name in self.inner.mappings.keys() {
            let mapping = self.mapping_key(name);
            schedule.schedule(&Scheduled { mapping, every, first }).await?;
        }
        Ok(())
    }

    /// Claims the mapping that is due longest, if one is. The schedule is the engine's own store.
    ///
    /// ```
    /// # async fn f<S: fluxcascade_core::store::Schedule>(
    /// #     engine: fluxcascade_core::Engine,
    /// #     store: std::sync::Arc<S>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use fluxcascade_core::engine::Turn;
    /// use fluxcascade_core::model::WorkerName;
    ///
    /// let me = WorkerName::new("worker 17")?;
    /// engine.schedule(&*store, Duration::from_secs(300)).await?;
    /// loop {
    ///     match engine.next_turn(&*store, &me).await? {
    ///         Turn::Due(run) => match run.sync().await {
    ///             Ok(report) => println!("{report}"),
    ///             Err(error) => println!("{error}"), // it is due again at its time
    ///         },
    ///         Turn::Idle(until) => engine.rest(&*store, until).await,
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the store cannot tell what is due.
    pub async fn next_turn(
        &self,
        schedule: &dyn Schedule,
        worker: &WorkerName,
    ) -> Result<Turn<'_>, SyncError> {
        let mappings = self.inner.mappings.keys().map(|name| self.mapping_key(name));
        let claim = ClaimRequest {
            worker: worker.clone(),
            among: Some(mappings.collect()),
            now: self.inner.clock.now(),
            ttl: self.inner.settings.lease,
            limit: 1,
        };
        let claimed = schedule.claim(&claim).await?;
        Ok(match claimed.leases.into_iter().next() {
            Some(lease) => Turn::Due(self.run(lease.mapping.mapping.as_str()).under(lease)),
            None => Turn::Idle(claimed.next),
        })
    }

    /// Waits until something may be due: at this time, or when the store tells so; a minute at most.
    pub async fn rest(&self, schedule: &dyn Schedule, until: Option<Timestamp>) {
        let left = until.map(|until| until.since(self.inner.clock.now()));
        let time = self.inner.clock.sleep(left.unwrap_or(LONGEST_REST).min(LONGEST_REST));
        match select(schedule.woken(), time).await {
            // A store that cannot listen: what is due by time is seen, and the rest within a minute.
            Either::Left((Err(_), time)) => time.await,
            Either::Left((Ok(()), _)) | Either::Right(_) => {}
        }
    }
}
