//! A store whose calls are points.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{CrashPoints, Wall};
use crate::model::{
    AnswerOutcome, AnswerTo, Conflict, ConflictId, Hold, Link, LinkId, Linked, LogRow, MappingKey,
    Operation, RecordId, Revision, RunNumber, RunRow, Side, Timestamp, Work, WorkKey,
};
use crate::store::{
    Begun, CommitBatch, Counts, Feed, FeedKey, Hint, Intake, Lease, Page, RunStart, Store,
    StoreError, Taken, WorkRequest,
};

/// A store whose calls are points; see [`CrashPoints`].
#[derive(Debug, Clone)]
pub struct CrashingStore {
    points: CrashPoints,
    inner: Arc<dyn Store>,
}

impl CrashingStore {
    pub(super) fn new(points: CrashPoints, inner: Arc<dyn Store>) -> Self {
        Self { points, inner }
    }
}

/// The store's call with its two points.
macro_rules! around {
    ($store:ident . $method:ident ( $($argument:expr),* )) => {{
        let call = $store.inner.$method($($argument),*);
        let lost = || Some(Err(StoreError::unanswered("a test has lost it")));
        $store.points.around_or(Wall::Store, stringify!($method), call, lost).await
    }};
}

#[async_trait]
impl Store for CrashingStore {
    async fn lease(
        &self,
        mapping: &MappingKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        around!(self.lease(mapping, now, ttl))
    }

    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        around!(self.renew(lease, now, ttl))
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        around!(self.release(lease))
    }

    async fn fingerprint_key(&self, mapping: &MappingKey) -> Result<[u8; 32], StoreError> {
        around!(self.fingerprint_key(mapping))
    }

    async fn revisions(&self, mapping: &MappingKey) -> Result<Vec<Revision>, StoreError> {
        around!(self.revisions(mapping))
    }

    async fn add_revision(&self, lease: &Lease, revision: &Revision) -> Result<(), StoreError> {
        around!(self.add_revision(lease, revision))
    }

    async fn start_run(&self, lease: &Lease, start: &RunStart) -> Result<RunNumber, StoreError> {
        around!(self.start_run(lease, start))
    }

    async fn finish_run(&self, lease: &Lease, run: &RunRow) -> Result<(), StoreError> {
        around!(self.finish_run(lease, run))
    }

    async fn feed(&self, lease: &Lease, feed: &FeedKey) -> Result<Feed, StoreError> {
        around!(self.feed(lease, feed))
    }

    async fn notify(&self, hints: &[Hint]) -> Result<(), StoreError> {
        around!(self.notify(hints))
    }

    async fn intake(&self, lease: &Lease, page: &Intake) -> Result<Taken, StoreError> {
        around!(self.intake(lease, page))
    }

    async fn work(&self, lease: &Lease, request: &WorkRequest) -> Result<Vec<Work>, StoreError> {
        around!(self.work(lease, request))
    }

    async fn counts(&self, mapping: &MappingKey) -> Result<Counts, StoreError> {
        around!(self.counts(mapping))
    }

    async fn begin(
        &self,
        lease: &Lease,
        operations: &[Operation],
    ) -> Result<Vec<Begun>, StoreError> {
        around!(self.begin(lease, operations))
    }

    async fn gather(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, StoreError> {
        around!(self.gather(lease, keys))
    }

    async fn linked(
        &self,
        mapping: &MappingKey,
        side: Side,
        records: &[RecordId],
    ) -> Result<Vec<Option<Linked>>, StoreError> {
        around!(self.linked(mapping, side, records))
    }

    async fn answer(
        &self,
        mapping: &MappingKey,
        answers: &[AnswerTo],
    ) -> Result<Vec<AnswerOutcome>, StoreError> {
        around!(self.answer(mapping, answers))
    }

    async fn conflict_rows(
        &self,
        mapping: &MappingKey,
        ids: &[ConflictId],
    ) -> Result<Vec<Option<Conflict>>, StoreError> {
        around!(self.conflict_rows(mapping, ids))
    }

    async fn commit(&self, lease: &Lease, batch: &CommitBatch) -> Result<(), StoreError> {
        around!(self.commit(lease, batch))
    }

    async fn links(
        &self,
        mapping: &MappingKey,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError> {
        around!(self.links(mapping, after, limit))
    }

    async fn log(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<LogRow>, StoreError> {
        around!(self.log(mapping, page))
    }

    async fn conflicts(
        &self,
        mapping: &MappingKey,
        page: &Page,
    ) -> Result<Vec<Conflict>, StoreError> {
        around!(self.conflicts(mapping, page))
    }

    async fn holds(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<Hold>, StoreError> {
        around!(self.holds(mapping, page))
    }

    async fn runs(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<RunRow>, StoreError> {
        around!(self.runs(mapping, page))
    }
}
