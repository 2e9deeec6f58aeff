//! One run: its lease, its revision, and the walk over the work in batches.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::apply_plan::Approved;
use super::guard::Guarding;
use super::options::{RunOptions, Scope};
use super::pull::read_again;
use super::{Connection, Engine, Event, LateWrite, SyncError};
use crate::connector::{Capabilities, Connector, ConnectorError};
use crate::mapping::{Adopted, CompiledMapping, FingerprintKey};
use crate::model::{
    Endpoint, FieldName, Hold, HoldKey, HoldReason, Link, LinkId, Observation, Operation,
    OperationId, RecordId, Revision, RunNumber, RunRow, RunStatus, Side, Sides, Timestamp, Work,
    WorkKey,
};
use crate::plan::BeforeWrite;
use crate::report::{HeldItem, SideReport, SyncReport};
use crate::seeded::{self, Bug};
use crate::store::{
    Counts, FeedKey, Intake, Lease, RunStart, Store, StoreError, StoreErrorKind, Sweep, WorkRequest,
};

/// What a lease is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The line stops before anything is written: what is stored is pages, cursors and keys (P19).
    Plan,
    /// Everything.
    Write,
}

/// Whether the mapping's revision is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is.
    Stored,
    /// A plan is made for it, and nothing that is stored may be taken for it later.
    Tried,
}

/// A run under its lease.
pub(super) struct Run<'e> {
    pub(super) engine: &'e Engine,
    pub(super) mapping: CompiledMapping,
    pub(super) revisions: Vec<Revision>,
    pub(super) key: FingerprintKey,
    pub(super) lease: Lease,
    pub(super) number: RunNumber,
    pub(super) started: Timestamp,
    pub(super) report: SyncReport,
    /// The look-ups for creates so far: each is asked once in a run.
    pub(super) found: HashMap<(OperationId, FieldName), Option<Vec<Observation>>>,
    /// What systems said to look-ups for creates that they refused: their records wait.
    pub(super) refused_look_ups: HashMap<OperationId, ConnectorError>,
    /// Ended links of records that were linked in this run, by id.
    pub(super) former: HashMap<LinkId, Link>,
    /// Second halves of writes to both sides that were begun in this run, and not sent.
    pub(super) unsent: HashSet<OperationId>,
    /// Second halves of which all was settled but what they owe: they are stored so after the commit.
    pub(super) owing: Vec<Operation>,
    /// How many writes were decided so far: each has an id of its own.
    pub(super) writes: u64,
    /// Pairs of the batch's links whose transform was changed since they were last looked at.
    pub(super) retransformed: HashMap<LinkId, Vec<usize>>,
    /// Origins of creates without a key and without an answer, by the side that they create on.
    pub(super) keyless_creates: Sides<Vec<RecordId>>,
    /// The batch's records that were written, as people had left them.
    pub(super) before_write: HashMap<(Side, RecordId), BeforeWrite>,
    /// What was asked for.
    pub(super) options: RunOptions,
    pub(super) standing: Standing,
    pub(super) guarding: Guarding,
    /// The plan that is carried out, if one was approved.
    pub(super) approved: Option<Approved>,
    /// Writes whose answers came when the lease was over.
    pub(super) late: Vec<LateWrite>,
}

impl<'e> Run<'e> {
    /// Takes the lease and finds the mapping's revision.
    pub(super) async fn lease(
        engine: &'e Engine,
        name: &str,
        purpose: Purpose,
    ) -> Result<Run<'e>, SyncError> {
        Self::open(engine, name, purpose, None).await
    }

    /// The same under a lease that was claimed; it is given back if the run cannot begin.
    pub(super) async fn open(
        engine: &'e Engine,
        name: &str,
        purpose: Purpose,
        claimed: Option<Lease>,
    ) -> Result<Run<'e>, SyncError> {
        // A future that its caller can hold on the stack.
        let opened = Box::pin(Self::open_under(engine, name, purpose, claimed.clone())).await;
        if let (Err(_), Some(lease)) = (&opened, &claimed) {
            // If that fails, it ends by itself.
            let _ = engine.inner.store.release(lease).await;
        }
        opened
    }

    async fn open_under(
        engine: &'e Engine,
        name: &str,
        purpose: Purpose,
        claimed: Option<Lease>,
    ) -> Result<Run<'e>, SyncError> {
        let mapping = engine.looked_at(name).await?;
        let inner = &engine.inner;
        let now = inner.clock.now();
        let key = FingerprintKey::new(inner.store.fingerprint_key(&mapping.key).await?);
        let lease = match claimed {
            Some(lease) => own_lease(&mapping, lease)?,
            None => inner.store.lease(&mapping.key, now, inner.settings.lease).await?,
        };
        let report = empty_report(&mapping, now);
        let mut run = Run {
            engine,
            mapping,
            revisions: Vec::new(),
            key,
            lease,
            number: RunNumber(0),
            started: now,
            report,
            found: HashMap::new(),
            refused_look_ups: HashMap::new(),
            former: HashMap::new(),
            unsent: HashSet::new(),
            owing: Vec::new(),
            writes: 0,
            retransformed: HashMap::new(),
            keyless_creates: Sides::default(),
            before_write: HashMap::new(),
            options: RunOptions::default(),
            standing: Standing::Stored,
            guarding: Guarding::default(),
            approved: None,
            late: Vec::new(),
        };
        match run.find_revision(purpose).await {
            Ok(()) => Ok(run),
            Err(error) => {
                run.release().await;
                Err(error)
            }
        }
    }

    async fn find_revision(&mut self, purpose: Purpose) -> Result<(), SyncError> {
        self.revisions = self.store().revisions(&self.mapping.key).await?;
        if let Some(last) = self.revisions.last() {
            check_ends(self.engine, &self.mapping, last).await?;
        }
        self.note_keyless_creates().await?;
        match (self.engine.adopt(&mut self.mapping, &self.revisions), purpose) {
            (Adopted::Known, _) => {}
            (Adopted::Redecides(revision), _) => {
                self.wake_what_waits().await?;
                if purpose == Purpose::Write {
                    self.store().add_revision(&self.lease, &revision).await?;
                    self.revisions.push(revision);
                } else {
                    self.mapping.revision = revision.number - 1;
                }
            }
            (Adopted::New(revision), Purpose::Write) => {
                self.begin_revision(&revision).await?;
                self.revisions.push(revision);
            }
            (Adopted::New(revision), Purpose::Plan) => {
                // A number that no stored revision ever has: what is read for this plan is never
                // taken for an observation of the revision that will have the next one.
                self.mapping.revision = revision.fingerprint.tried();
                self.standing = Standing::Tried;
            }
        }
        Ok(())
    }

    /// A new revision reads both sides whole, so that the key index and the inbox are of it. The
    /// feeds fall back first: a crash between leaves a revision that is still new.
    async fn begin_revision(&mut self, revision: &Revision) -> Result<(), SyncError> {
        for side in Side::BOTH {
            let feed_key = self.feed_key(side);
            let feed = self.store().feed(&self.lease, &feed_key).await?;
            let again = read_again(feed);
            let page = Intake {
                side,
                revision: revision.number,
                rows: Vec::new(),
                feed_key,
                feed: again,
                sweep: Sweep::None,
            };
            self.store().intake(&self.lease, &page).await?;
        }
        self.store_bases_anew().await?;
        self.store().add_revision(&self.lease, revision).await?;
        Ok(())
    }

    /// Gives the lease back; if that fails, it ends by itself.
    pub(super) async fn release(&self) {
        let _ = self.store().release(&self.lease).await;
    }

    /// A run that lost its lease says which of its writes may have come too late: it cannot store
    /// that any more.
    pub(super) fn overtaken(&mut self, error: SyncError) -> SyncError {
        let SyncError::Store(error) = error else { return error };
        if error.kind != StoreErrorKind::LeaseLost || self.late.is_empty() {
            return error.into();
        }
        let late = std::mem::take(&mut self.late);
        SyncError::Overtaken { mapping: self.mapping.mapping.name.clone(), late, error }
    }

    /// A whole run.
    pub(super) async fn sync(&mut self) -> Result<SyncReport, SyncError> {
        let start = RunStart::at(self.started);
        self.number = self.store().start_run(&self.lease, &start).await?;
        self.report.run = self.number;
        let result = self.walk().await;
        let ended = self.now();
        let status = match &result {
            Err(_) => RunStatus::Failed,
            Ok(()) if self.report.is_partial() => RunStatus::Partial,
            Ok(()) => RunStatus::Completed,
        };
        let row = RunRow {
            number: self.number,
            started: self.started,
            ended: Some(ended),
            status,
            writes: self.report.sides.as_ref().map(SideReport::writes),
            error: result.as_ref().err().map(|error| self.storable_error(error)),
        };
        let finished = self.store().finish_run(&self.lease, &row).await;
        result?;
        finished?;
        self.report.status = status;
        self.report.ended = ended;
        Ok(self.report.clone())
    }

    async fn walk(&mut self) -> Result<(), SyncError> {
        if self.approved.is_some() {
            return self.walk_approved().await;
        }
        if let Scope::Records(named) = self.options.scope.clone() {
            return self.walk_named(&named).await;
        }
        self.pull_both().await?;
        self.weigh().await?;
        self.match_first().await?;
        self.walk_work().await?;
        self.pass_guards(None).await
    }

    /// Takes all work that is due through the line.
    pub(super) async fn walk_work(&mut self) -> Result<(), SyncError> {
        let (mut after, mut seen) = (None, 0);
        while let Some(works) = self.next_work(&mut after).await? {
            seen += works.len() as u64;
            self.process(works).await?;
            self.engine.tell(&Event::Decided { works: seen });
        }
        Ok(())
    }

    pub(super) async fn pull_both(&mut self) -> Result<(), SyncError> {
        for side in Side::BOTH {
            self.pull(side).await?;
        }
        Ok(())
    }

    /// The next batch of work, of links or of one side's unlinked records: target records are
    /// looked at only when all source records have been, whatever the size of batches.
    pub(super) async fn next_work(
        &mut self,
        after: &mut Option<WorkKey>,
    ) -> Result<Option<Vec<Work>>, SyncError> {
        self.keep_lease().await?;
        let request =
            WorkRequest { after: after.clone(), limit: self.batch_size(), now: self.now() };
        let mut works = self.store().work(&self.lease, &request).await?;
        let kind = |work: &Work| match &work.key {
            WorkKey::Link(_) => None,
            WorkKey::Record(side, _) => Some(*side),
        };
        let Some(first) = works.first().map(kind) else { return Ok(None) };
        works.truncate(works.iter().take_while(|work| kind(work) == first).count());
        *after = works.last().map(|work| work.key.clone());
        self.retransformed.clear();
        self.relay_all(&mut works);
        Ok(Some(works))
    }

    /// Lays bases of other revisions out for this one.
    pub(super) fn relay_all(&mut self, works: &mut [Work]) {
        let links = works.iter_mut().flat_map(|w| w.link.iter_mut().chain(&mut w.tombstones));
        links.for_each(|link| self.relay(link));
    }

    /// Lays a link's bases out for this revision, and notes whose transform is another since.
    pub(super) fn relay(&mut self, link: &mut Link) {
        for side in Side::BOTH {
            let base = &link.bases[side];
            if base.revision != self.mapping.revision && !seeded::is(Bug::OldPlacesKept) {
                let changed = self.mapping.retransformed(base.revision, &self.revisions);
                if !changed.is_empty() {
                    self.retransformed.insert(link.id, changed);
                }
                link.bases[side] = self.mapping.relay(side, base, &self.revisions);
            }
        }
    }

    /// Creates fill their requests: the batch is a multiple of the larger create batch.
    pub(super) fn batch_size(&self) -> usize {
        let creates = Side::BOTH.map(|side| self.capabilities(side).create_batch.max(1));
        let unit = creates[0].max(creates[1]);
        self.engine.inner.settings.batch.div_ceil(unit) * unit
    }

    /// Renews the lease once half of it is over.
    pub(super) async fn keep_lease(&mut self) -> Result<(), SyncError> {
        let now = self.now();
        let ttl = self.engine.inner.settings.lease;
        if now + ttl / 2 >= self.lease.until {
            self.lease = self.store().renew(&self.lease, now, ttl).await?;
        }
        Ok(())
    }

    pub(super) fn capabilities(&self, side: Side) -> Capabilities {
        self.connector(side).capabilities(&self.mapping.endpoint(side).object)
    }

    fn connection(&self, side: Side) -> &Connection {
        // Engine::build has checked that each endpoint's connection exists.
        &self.engine.inner.connections[&self.mapping.endpoint(side).connection]
    }

    pub(super) fn connector(&self, side: Side) -> &Arc<dyn Connector> {
        &self.connection(side).connector
    }

    pub(super) fn account(&self, side: Side) -> &str {
        &self.connection(side).account
    }

    pub(super) fn store(&self) -> &'e dyn Store {
        self.engine.inner.store.as_ref()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.engine.inner.clock.now()
    }

    pub(super) fn feed_key(&self, side: Side) -> FeedKey {
        let endpoint = self.mapping.endpoint(side);
        FeedKey {
            connection: endpoint.connection.clone(),
            object: endpoint.object.clone(),
            reader: self.mapping.mapping.name.clone(),
        }
    }

    pub(super) fn failed(&self, side: Side, error: ConnectorError) -> SyncError {
        SyncError::Connector {
            connection: self.mapping.endpoint(side).connection.clone(),
            error: Box::new(error),
        }
    }

    /// Counts links that no longer mean the same because a transform was changed.
    pub(super) fn note_retransformed(&mut self, plan: &crate::plan::Plan) {
        for &index in plan.entries.iter().flat_map(|entry| &entry.retransformed) {
            let pair = &self.mapping.pairs[index].label;
            let counts = &mut self.report.retransformed;
            match counts.iter_mut().find(|(label, _)| label == pair) {
                Some((_, count)) => *count += 1,
                None => counts.push((pair.clone(), 1)),
            }
        }
    }

    /// Notes a hold for the report.
    pub(super) fn note_hold(&mut self, hold: &Hold, records: &Sides<Option<RecordId>>) {
        if matches!(hold.reason, HoldReason::Guard | HoldReason::Excluded) {
            return; // told in numbers when all of the run is planned; said by a person
        }
        let mut records = records.clone();
        if let HoldKey::Record(side, record) = &hold.key {
            records[*side] = Some(record.clone());
        }
        self.report.held.push(HeldItem {
            records,
            reason: hold.reason,
            detail: hold.detail.clone(),
            candidates: hold.candidates.clone(),
            next: hold.next_step(),
        });
    }
}

impl Engine {
    /// How much a mapping's store has of everything.
    ///
    /// # Errors
    /// If there is no such mapping, or the store fails.
    pub async fn counts(&self, mapping: &str) -> Result<Counts, SyncError> {
        let key = self.mapping(mapping)?.key.clone();
        Ok(self.inner.store.counts(&key).await?)
    }
}

impl Engine {
    /// Finds which revision a mapping is, by the time and the retention time of the engine.
    pub(super) fn adopt(&self, mapping: &mut CompiledMapping, stored: &[Revision]) -> Adopted {
        mapping.adopt(stored, self.inner.clock.now(), self.inner.settings.retention)
    }
}

/// Links are of the endpoints that they were made between: others would take their records for
/// ones that happen to have the same ids.
pub(super) async fn check_ends(
    engine: &Engine,
    mapping: &CompiledMapping,
    last: &Revision,
) -> Result<(), SyncError> {
    let ends = Sides::from_fn(|side| mapping.endpoint(side).clone());
    if last.ends == ends {
        return Ok(());
    }
    let counts = engine.inner.store.counts(&mapping.key).await?;
    if counts.active_links + counts.suspended_links + counts.tombstones + counts.operations == 0 {
        return Ok(());
    }
    let words = |ends: &Sides<Endpoint>| format!("{} and {}", ends.source, ends.target);
    Err(SyncError::OtherEndpoints {
        mapping: mapping.mapping.name.clone(),
        before: words(&last.ends),
        now: words(&ends),
    })
}

/// A lease is of one mapping.
fn own_lease(mapping: &CompiledMapping, lease: Lease) -> Result<Lease, StoreError> {
    if lease.mapping == mapping.key {
        return Ok(lease);
    }
    let message = format!(
        "the lease is of mapping {}, and the run is of {}: claim this one's",
        lease.mapping, mapping.key
    );
    Err(StoreError::new(StoreErrorKind::Misuse, message))
}

fn empty_report(mapping: &CompiledMapping, now: Timestamp) -> SyncReport {
    SyncReport {
        mapping: mapping.mapping.name.clone(),
        ends: Sides::from_fn(|side| mapping.endpoint(side).to_string()),
        run: RunNumber(0),
        status: RunStatus::Running,
        started: now,
        ended: now,
        sides: Sides::default(),
        linked: 0,
        settled: 0,
        conflicts_decided: 0,
        held: Vec::new(),
        guards: Vec::new(),
        moved: Vec::new(),
        waiting: 0,
        failed: Vec::new(),
        retransformed: Vec::new(),
        warnings: mapping.warnings.iter().map(ToString::to_string).collect(),
    }
}
