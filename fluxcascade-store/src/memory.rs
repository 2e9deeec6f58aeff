//! A store in memory, for tests and for what need not last. Nothing is written anywhere.
//!
//! One mutex around ordered maps, so that the same calls give the same answers. What a mapping
//! holds is in `ledger`, what a tenant's mappings share in `tenant`; how calls read and change it in
//! `intake`, `work`, `commit` and `read`.

mod commit;
mod index;
mod intake;
mod ledger;
mod read;
mod tenant;
mod turns;
mod upkeep;
mod work;

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::model::{
    AnswerOutcome, AnswerTo, Conflict, ConflictId, ConnectionName, Hold, Link, LinkId, Linked,
    LogRow, MappingKey, MappingName, Operation, RecordId, Revision, RunNumber, RunRow, Side,
    TenantId, Timestamp, Work, WorkKey,
};
use fluxcascade_core::store::{
    Begun, CommitBatch, Counts, Feed, FeedKey, Hint, Intake, Lease, MarkedRow, Page, Prune, Pruned,
    Receipt, Rewrite, RowMark, Rows, RunStart, Store, StoreError, StoredToken, Subject, Table,
    Taken, TokenKey, TokenStore, Upkeep, WorkRequest,
};

use self::ledger::Ledger;
use self::tenant::{Credential, Tenant};
use crate::bell::Bell;
use crate::rules;

/// A store that keeps everything in memory, and loses it when it is dropped.
///
/// Durable here means: until then. It is shared by all who have a reference to it.
///
/// ```
/// use fluxcascade_core::model::{MappingKey, MappingName};
/// use fluxcascade_core::store::{Counts, Store};
/// use fluxcascade_store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = MemoryStore::new();
/// let contacts = MappingKey::of(MappingName::new("contacts").unwrap());
/// assert_eq!(store.counts(&contacts).await.unwrap(), Counts::default());
/// # }
/// ```
#[derive(Default)]
pub struct MemoryStore {
    tenants: Mutex<BTreeMap<TenantId, Tenant>>,
    bell: Bell,
}

/// Shows no content: it has secrets in it.
impl Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn tenants(&self) -> MutexGuard<'_, BTreeMap<TenantId, Tenant>> {
        // Every call checks before it changes, so a panic leaves no half of a change behind.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T: Default>(&self, key: &MappingKey, ask: impl FnOnce(&Ledger) -> T) -> T {
        self.tenants()
            .get(&key.tenant)
            .and_then(|tenant| tenant.mappings.get(&key.mapping))
            .map(ask)
            .unwrap_or_default()
    }

    fn write<T>(&self, key: &MappingKey, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut tenants = self.tenants();
        let tenant = tenants.entry(key.tenant.clone()).or_default();
        change(tenant.mappings.entry(key.mapping.clone()).or_default())
    }

    fn under<T>(
        &self,
        lease: &Lease,
        change: impl FnOnce(&mut Ledger) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.of_tenant(lease, |tenant| change(tenant.under(lease)?))
    }

    fn of_tenant<T>(
        &self,
        lease: &Lease,
        change: impl FnOnce(&mut Tenant) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut tenants = self.tenants();
        change(tenants.get_mut(&lease.mapping.tenant).ok_or_else(|| rules::lease_lost(lease))?)
    }

    fn credential<T>(&self, key: &TokenKey, change: impl FnOnce(&mut Credential) -> T) -> T {
        let mut tenants = self.tenants();
        let tenant = tenants.entry(key.tenant.clone()).or_default();
        change(tenant.credentials.entry(key.connection.clone()).or_default())
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn lease(
        &self,
        mapping: &MappingKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        self.write(mapping, |ledger| ledger.standing.grant(mapping, now, ttl))
    }

    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        self.under(lease, |ledger| ledger.standing.renew(lease, now, ttl))
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let is_woken = self.write(&lease.mapping, |ledger| {
            ledger.standing.release(lease);
            ledger.is_woken()
        });
        if is_woken {
            self.bell.ring();
        }
        Ok(())
    }

    async fn fingerprint_key(&self, mapping: &MappingKey) -> Result<[u8; 32], StoreError> {
        let mut tenants = self.tenants();
        let tenant = tenants.entry(mapping.tenant.clone()).or_default();
        if let Some(key) = tenant.fingerprint_key {
            return Ok(key);
        }
        let key = rules::draw_key()?;
        tenant.fingerprint_key = Some(key);
        Ok(key)
    }

    async fn revisions(&self, mapping: &MappingKey) -> Result<Vec<Revision>, StoreError> {
        Ok(self.read(mapping, |ledger| ledger.revisions.clone()))
    }

    async fn add_revision(&self, lease: &Lease, revision: &Revision) -> Result<(), StoreError> {
        self.under(lease, |ledger| {
            let last = ledger.revisions.last().map(|last| last.number);
            rules::next_revision(lease, last, revision)?;
            ledger.revisions.push(revision.clone());
            Ok(())
        })
    }

    async fn start_run(&self, lease: &Lease, start: &RunStart) -> Result<RunNumber, StoreError> {
        self.under(lease, |ledger| Ok(ledger.start_run(start)))
    }

    async fn finish_run(&self, lease: &Lease, run: &RunRow) -> Result<(), StoreError> {
        self.under(lease, |ledger| {
            let row = ledger
                .runs
                .get_mut(&run.number)
                .ok_or_else(|| rules::unknown_run(lease, run.number))?;
            *row = run.clone();
            Ok(())
        })
    }

    async fn feed(&self, lease: &Lease, feed: &FeedKey) -> Result<Feed, StoreError> {
        rules::own_feed(lease, feed)?;
        self.under(lease, |ledger| Ok(ledger.feed(feed)))
    }

    async fn notify(&self, hints: &[Hint]) -> Result<(), StoreError> {
        let mut tenants = self.tenants();
        for hint in hints {
            let Some(tenant) = tenants.get_mut(&hint.tenant) else { continue };
            tenant.notify(hint);
        }
        drop(tenants);
        self.bell.ring();
        Ok(())
    }

    async fn intake(&self, lease: &Lease, page: &Intake) -> Result<Taken, StoreError> {
        rules::own_feed(lease, &page.feed_key)?;
        self.of_tenant(lease, |tenant| tenant.intake(lease, page))
    }

    async fn work(&self, lease: &Lease, request: &WorkRequest) -> Result<Vec<Work>, StoreError> {
        self.under(lease, |ledger| Ok(ledger.work(request)))
    }

    async fn counts(&self, mapping: &MappingKey) -> Result<Counts, StoreError> {
        Ok(self.read(mapping, Ledger::counts))
    }

    async fn begin(
        &self,
        lease: &Lease,
        operations: &[Operation],
    ) -> Result<Vec<Begun>, StoreError> {
        self.of_tenant(lease, |tenant| tenant.begin(lease, operations))
    }

    async fn gather(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, StoreError> {
        self.under(lease, |ledger| Ok(ledger.gather(keys)))
    }

    async fn linked(
        &self,
        mapping: &MappingKey,
        side: Side,
        records: &[RecordId],
    ) -> Result<Vec<Option<Linked>>, StoreError> {
        let found = self.read(mapping, |ledger| {
            Some(records.iter().map(|record| ledger.linked(side, record)).collect())
        });
        Ok(found.unwrap_or_else(|| vec![None; records.len()]))
    }

    async fn answer(
        &self,
        mapping: &MappingKey,
        answers: &[AnswerTo],
    ) -> Result<Vec<AnswerOutcome>, StoreError> {
        let mut tenants = self.tenants();
        let ledger = tenants
            .get_mut(&mapping.tenant)
            .and_then(|tenant| tenant.mappings.get_mut(&mapping.mapping));
        let nothing = || vec![AnswerOutcome::Gone; answers.len()];
        let outcomes = ledger.map_or_else(nothing, |ledger| ledger.answer(answers));
        drop(tenants);
        self.bell.ring();
        Ok(outcomes)
    }

    async fn conflict_rows(
        &self,
        mapping: &MappingKey,
        ids: &[ConflictId],
    ) -> Result<Vec<Option<Conflict>>, StoreError> {
        let found = self
            .read(mapping, |ledger| Some(ids.iter().map(|id| ledger.conflict_row(*id)).collect()));
        Ok(found.unwrap_or_else(|| vec![None; ids.len()]))
    }

    async fn commit(&self, lease: &Lease, batch: &CommitBatch) -> Result<(), StoreError> {
        if self.of_tenant(lease, |tenant| tenant.commit(lease, batch))? {
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
        Ok(self.read(mapping, |ledger| ledger.links_after(after, limit)))
    }

    async fn log(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<LogRow>, StoreError> {
        Ok(self.read(mapping, |ledger| ledger.log_page(page)))
    }

    async fn conflicts(
        &self,
        mapping: &MappingKey,
        page: &Page,
    ) -> Result<Vec<Conflict>, StoreError> {
        Ok(self.read(mapping, |ledger| ledger.conflict_page(page)))
    }

    async fn holds(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<Hold>, StoreError> {
        Ok(self.read(mapping, |ledger| ledger.hold_page(page)))
    }

    async fn runs(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<RunRow>, StoreError> {
        Ok(self.read(mapping, |ledger| ledger.run_page(page)))
    }
}

#[async_trait]
impl Upkeep for MemoryStore {
    async fn forget(&self, subject: &Subject, now: Timestamp) -> Result<Receipt, StoreError> {
        self.tenants().entry(subject.tenant.clone()).or_default().forget(subject, now)
    }

    async fn prune(&self, mapping: &MappingKey, prune: &Prune) -> Result<Pruned, StoreError> {
        Ok(self.write(mapping, |ledger| ledger.prune(prune)))
    }

    /// Nothing is left of what was in memory.
    async fn scrub(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Rows for MemoryStore {
    async fn mappings(&self, tenant: &TenantId) -> Result<Vec<MappingName>, StoreError> {
        let tenants = self.tenants();
        let all = tenants.get(tenant).into_iter().flat_map(|tenant| &tenant.mappings);
        let had_leases = all.filter(|(_, ledger)| ledger.standing.fence > 0);
        Ok(had_leases.map(|(name, _)| name.clone()).collect())
    }

    async fn rows(
        &self,
        mapping: &MappingKey,
        table: Table,
        after: Option<&RowMark>,
        limit: usize,
    ) -> Result<Vec<MarkedRow>, StoreError> {
        Ok(self.read(mapping, |ledger| ledger.rows(table, after, limit)))
    }

    async fn rewrite(&self, mapping: &MappingKey, rows: &[Rewrite]) -> Result<u64, StoreError> {
        self.write(mapping, |ledger| ledger.rewrite(rows))
    }

    async fn credentials(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(ConnectionName, StoredToken)>, StoreError> {
        let tenants = self.tenants();
        let held = tenants.get(tenant).map(|tenant| &tenant.credentials).into_iter().flatten();
        let told = held.filter_map(|(name, held)| Some((name.clone(), held.token.clone()?)));
        Ok(told.collect())
    }

    async fn rewrite_credential(
        &self,
        key: &TokenKey,
        from: &StoredToken,
        secret: &[u8],
    ) -> Result<bool, StoreError> {
        Ok(self.credential(key, |credential| match &mut credential.token {
            Some(token) if token == from => {
                token.secret = secret.to_vec();
                true
            }
            Some(_) | None => false,
        }))
    }

    async fn renew_fingerprint_key(&self, tenant: &TenantId) -> Result<(), StoreError> {
        self.tenants().entry(tenant.clone()).or_default().renew_fingerprint_key()
    }
}

#[async_trait]
impl TokenStore for MemoryStore {
    async fn token(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        Ok(self.credential(key, |credential| credential.token.clone()))
    }

    async fn replace_token(
        &self,
        key: &TokenKey,
        generation: u64,
        secret: &[u8],
    ) -> Result<bool, StoreError> {
        Ok(self.credential(key, |credential| {
            let current = credential.token.as_ref().map_or(0, |token| token.generation);
            if current != generation {
                return false;
            }
            credential.token =
                Some(StoredToken { generation: generation + 1, secret: secret.to_vec() });
            true
        }))
    }

    async fn claim_refresh(
        &self,
        key: &TokenKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        Ok(self.credential(key, |credential| {
            if credential.claimed_until.is_some_and(|until| until > now) {
                return false;
            }
            credential.claimed_until = Some(now + ttl);
            true
        }))
    }

    async fn release_refresh(&self, key: &TokenKey, until: Timestamp) -> Result<(), StoreError> {
        self.credential(key, |credential| {
            credential.claimed_until = credential.claimed_until.filter(|of| *of != until);
        });
        Ok(())
    }
}
