//! A store that breaks one rule, named by the rule: a store in memory with one defect. The defects
//! are beside this file, by what they are in: `pages` taken in, `work` handed out, `commits`,
//! `small` things, `reads`, whose turn it is (`turns`), and `upkeep`.

mod commits;
mod pages;
mod reads;
mod small;
mod turns;
mod upkeep;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::model::{
    AnswerOutcome, AnswerTo, Conflict, ConflictId, Fingerprint, Hold, InboxEntry, Link, LinkId,
    Linked, LogRow, MappingKey, MappingName, Operation, OperationId, RecordId, Revision, RunNumber,
    RunRow, Side, Timestamp, Work, WorkKey,
};
use fluxcascade_core::store::{
    Begun, CommitBatch, Counts, Feed, FeedKey, Hint, Intake, IntakeRow, Lease, Page, RunStart,
    Schedule, Scheduled, Store, StoreError, StoreErrorKind, StoredToken, Subject, Taken, TokenKey,
    TokenStore, WorkRequest,
};
use fluxcascade_store::MemoryStore;

/// No rule: each commit with log rows stores these, and fails at first.
pub(crate) const HALF_A_COMMIT: &str = "half a commit";
/// No rule: each commit is carried out, and fails at first.
pub(crate) const A_WHOLE_COMMIT: &str = "a whole commit";

/// A store in memory with one defect.
pub(crate) struct Broken {
    inner: Arc<MemoryStore>,
    rule: &'static str,
    /// How often it was opened before.
    opened: usize,
    state: Mutex<State>,
}

/// What a defect goes by.
#[derive(Default)]
struct State {
    /// The latest lease of each mapping, as the store in memory gave it.
    leases: BTreeMap<MappingKey, Lease>,
    given_back: BTreeSet<MappingKey>,
    /// The fencing number that was told for the latest lease.
    told: BTreeMap<MappingKey, u64>,
    open: BTreeSet<(MappingName, OperationId)>,
    claims: BTreeSet<Fingerprint>,
    sweeping: BTreeSet<(MappingName, Side)>,
    /// The last call, if it asked for work.
    asked: Option<(MappingKey, WorkRequest)>,
    secret: Vec<u8>,
    /// Until when each credential was last claimed.
    refreshing: BTreeMap<TokenKey, Timestamp>,
    /// When each mapping is due by time.
    scheduled: BTreeMap<MappingKey, Scheduled>,
    /// Leases that were claimed and not given back.
    claimed: BTreeMap<MappingKey, Lease>,
    /// What was woken while it was claimed.
    woken_late: BTreeSet<MappingKey>,
    forgotten: BTreeSet<RecordId>,
    subjects: BTreeSet<Subject>,
    /// Log rows of what was forgotten.
    kept_log: Vec<LogRow>,
    /// Log rows that are not shown.
    hidden: Vec<LogRow>,
    rewritten: bool,
    /// Whether the last commit failed though something of it was stored.
    failing: bool,
}

impl Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Broken");
        if self.breaks("a_secret_is_not_shown") {
            shown.field("secret", &self.state().secret);
        }
        shown.finish_non_exhaustive()
    }
}

impl Broken {
    pub(crate) fn new(inner: Arc<MemoryStore>, rule: &'static str, opened: usize) -> Self {
        Self { inner, rule, opened, state: Mutex::default() }
    }

    /// Whether this is the rule that it breaks.
    fn breaks(&self, rule: &str) -> bool {
        self.rule == rule
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Every call but those for work passes here.
    fn called(&self) {
        self.state().asked = None;
    }

    /// A lease as the store in memory knows it.
    fn real(&self, lease: &Lease) -> Lease {
        self.called();
        let state = self.state();
        let told = state.told.get(&lease.mapping) == Some(&lease.fence);
        match state.leases.get(&lease.mapping) {
            Some(latest) if told => Lease { fence: latest.fence, ..lease.clone() },
            _ => lease.clone(),
        }
    }

    fn latest(&self, mapping: &MappingKey) -> Option<Lease> {
        self.state().leases.get(mapping).cloned()
    }

    async fn work_of(&self, lease: &Lease, side: Side, record: &RecordId) -> Option<Work> {
        let key = WorkKey::Record(side, record.clone());
        self.inner.gather(lease, &[key]).await.ok()?.into_iter().next()
    }

    async fn entry_of(&self, lease: &Lease, side: Side, record: &RecordId) -> Option<InboxEntry> {
        self.work_of(lease, side, record).await?.entries[side].clone()
    }

    async fn is_active(&self, lease: &Lease, hold: &Hold) -> bool {
        let Some(awaited) = &hold.waits_for else { return false };
        let mapping =
            MappingKey { tenant: lease.mapping.tenant.clone(), mapping: awaited.mapping.clone() };
        let records = std::slice::from_ref(&awaited.record);
        let linked = self.inner.linked(&mapping, awaited.side, records).await.unwrap();
        linked
            .iter()
            .flatten()
            .any(|linked| linked.status == fluxcascade_core::model::LinkStatus::Active)
    }
}

impl Broken {
    async fn commit_and_fail(&self, lease: &Lease, batch: &CommitBatch) -> Result<(), StoreError> {
        self.inner.commit(lease, batch).await?;
        self.state().failing = true;
        Err(StoreError::failed("this store is broken"))
    }
}

fn misuse() -> StoreError {
    StoreError::new(StoreErrorKind::Misuse, "it is not done: this store is broken")
}

#[async_trait]
impl Store for Broken {
    async fn lease(
        &self,
        mapping: &MappingKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        self.called();
        self.broken_lease(mapping, now, ttl).await
    }

    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        self.broken_renew(&self.real(lease), now, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.before_release(&lease.mapping).await?;
        self.broken_release(&self.real(lease)).await
    }

    async fn fingerprint_key(&self, mapping: &MappingKey) -> Result<[u8; 32], StoreError> {
        self.called();
        let mut key = self.inner.fingerprint_key(mapping).await?;
        if self.breaks("the_fingerprint_key_is_the_tenant_s_and_stays") {
            key[0] ^= u8::from(mapping.mapping.as_str() == "deals");
        }
        Ok(key)
    }

    async fn revisions(&self, mapping: &MappingKey) -> Result<Vec<Revision>, StoreError> {
        self.called();
        let mut revisions = self.inner.revisions(mapping).await?;
        if self.breaks("revisions_come_oldest_first") {
            revisions.reverse();
        }
        Ok(revisions)
    }

    async fn add_revision(&self, lease: &Lease, revision: &Revision) -> Result<(), StoreError> {
        let outcome = self.inner.add_revision(&self.real(lease), revision).await;
        match outcome {
            Err(error)
                if error.kind == StoreErrorKind::Misuse
                    && self.breaks("a_revision_must_follow_the_last_one") =>
            {
                Ok(())
            }
            outcome => outcome,
        }
    }

    async fn start_run(&self, lease: &Lease, start: &RunStart) -> Result<RunNumber, StoreError> {
        self.broken_start_run(&self.real(lease), start).await
    }

    async fn finish_run(&self, lease: &Lease, run: &RunRow) -> Result<(), StoreError> {
        self.broken_finish_run(&self.real(lease), run).await
    }

    async fn feed(&self, lease: &Lease, feed: &FeedKey) -> Result<Feed, StoreError> {
        self.broken_feed(&self.real(lease), feed).await
    }

    async fn notify(&self, hints: &[Hint]) -> Result<(), StoreError> {
        self.called();
        self.broken_notify(hints).await?;
        if self.breaks("a_hint_wakes_the_mappings_that_it_reaches") {
            self.unwake(None).await?;
        }
        Ok(())
    }

    async fn intake(&self, lease: &Lease, page: &Intake) -> Result<Taken, StoreError> {
        let mut taken = self.broken_intake(&self.real(lease), page).await?;
        if self.breaks("a_page_or_a_hint_does_not_bring_a_forgotten_record_back") {
            let state = self.state();
            let back = |row: &&IntakeRow| state.forgotten.contains(&row.observation.record);
            taken.entered += page.rows.iter().filter(back).count() as u64;
        }
        Ok(taken)
    }

    async fn work(&self, lease: &Lease, request: &WorkRequest) -> Result<Vec<Work>, StoreError> {
        let asked = (lease.mapping.clone(), request.clone());
        let again = self.state().asked.as_ref() == Some(&asked);
        let mut work = self.broken_work(&self.real(lease), request).await?;
        self.state().asked = Some(asked);
        if again && !work.is_empty() && self.breaks("asking_for_work_changes_nothing") {
            work.remove(0);
        }
        Ok(work)
    }

    async fn counts(&self, mapping: &MappingKey) -> Result<Counts, StoreError> {
        self.called();
        let mut counts = self.inner.counts(mapping).await?;
        if self.breaks("counts_are_of_everything") {
            counts.withheld.clear();
        }
        Ok(counts)
    }

    async fn begin(
        &self,
        lease: &Lease,
        operations: &[Operation],
    ) -> Result<Vec<Begun>, StoreError> {
        self.broken_begin(&self.real(lease), operations).await
    }

    async fn gather(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, StoreError> {
        self.broken_gather(&self.real(lease), keys).await
    }

    async fn linked(
        &self,
        mapping: &MappingKey,
        side: Side,
        records: &[RecordId],
    ) -> Result<Vec<Option<Linked>>, StoreError> {
        self.called();
        let mut linked = self.inner.linked(mapping, side, records).await?;
        if self.breaks("links_of_records_come_in_the_order_asked_and_tombstones_are_none") {
            linked.reverse();
        }
        Ok(linked)
    }

    async fn answer(
        &self,
        mapping: &MappingKey,
        answers: &[AnswerTo],
    ) -> Result<Vec<AnswerOutcome>, StoreError> {
        self.called();
        let outcomes = self.broken_answer(mapping, answers).await?;
        if self.breaks("an_answer_that_is_stored_wakes_its_mapping") {
            self.unwake(None).await?;
        }
        let is_stored = |outcome: &AnswerOutcome| *outcome == AnswerOutcome::Stored;
        if self.breaks("an_answer_that_is_not_stored_wakes_nothing")
            && !outcomes.iter().all(is_stored)
        {
            self.inner.wake(std::slice::from_ref(mapping)).await?;
        }
        Ok(outcomes)
    }

    async fn conflict_rows(
        &self,
        mapping: &MappingKey,
        ids: &[ConflictId],
    ) -> Result<Vec<Option<Conflict>>, StoreError> {
        self.called();
        let mut rows = self.inner.conflict_rows(mapping, ids).await?;
        if self.breaks("conflict_rows_are_found_by_id_in_the_order_asked") {
            rows.reverse();
        }
        Ok(rows)
    }

    async fn commit(&self, lease: &Lease, batch: &CommitBatch) -> Result<(), StoreError> {
        let first = !std::mem::replace(&mut self.state().failing, false);
        if first && self.breaks(HALF_A_COMMIT) && !batch.log.is_empty() {
            let half = CommitBatch { log: batch.log.clone(), ..CommitBatch::default() };
            return self.commit_and_fail(lease, &half).await;
        }
        if first && self.breaks(A_WHOLE_COMMIT) {
            return self.commit_and_fail(lease, batch).await;
        }
        self.broken_commit(&self.real(lease), batch).await?;
        let rule = "a_link_that_becomes_active_wakes_the_other_mappings_whose_holds_wait_for_it";
        if self.breaks(rule) && !batch.links.is_empty() {
            self.unwake(None).await?;
        }
        Ok(())
    }

    async fn links(
        &self,
        mapping: &MappingKey,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError> {
        self.called();
        self.broken_links(mapping, after, limit).await
    }

    async fn log(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<LogRow>, StoreError> {
        self.called();
        if self.opened > 0 && self.breaks("what_a_call_changed_is_durable_when_it_returns") {
            return Ok(Vec::new());
        }
        let page = self.page("log_rows_come_newest_first_by_run_record_and_page", page);
        Ok(self.shown(self.inner.log(mapping, &page).await?))
    }

    async fn conflicts(
        &self,
        mapping: &MappingKey,
        page: &Page,
    ) -> Result<Vec<Conflict>, StoreError> {
        self.called();
        let rule = "conflict_rows_come_newest_first_and_a_changed_row_keeps_its_place";
        self.inner.conflicts(mapping, &self.page(rule, page)).await
    }

    async fn holds(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<Hold>, StoreError> {
        self.called();
        let mut page = page.clone();
        if page.reason.is_none() && page.holds.is_none() {
            page = self.page("holds_come_in_key_order", &page);
        }
        if self.breaks("holds_are_found_by_their_reason") {
            page.reason = None;
        }
        if self.breaks("holds_are_found_by_their_keys") {
            page.holds = None;
        }
        let mut holds = self.inner.holds(mapping, &page).await?;
        if !self.state().forgotten.is_empty()
            && self.breaks("holds_of_other_records_that_name_it_are_due")
        {
            for hold in &mut holds {
                hold.not_before = None;
            }
        }
        Ok(holds)
    }

    async fn runs(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<RunRow>, StoreError> {
        self.called();
        let mut mapping = mapping.clone();
        if mapping.mapping.as_str() == "deals"
            && self.breaks("nothing_of_one_tenant_or_mapping_is_seen_by_a_call_for_another")
        {
            mapping.mapping = MappingName::new("contacts").unwrap();
        }
        self.inner.runs(&mapping, &self.page("runs_come_newest_first", page)).await
    }
}

#[async_trait]
impl TokenStore for Broken {
    async fn token(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        if self.opened > 0 && self.breaks("a_replaced_token_is_durable_when_the_call_returns") {
            return Ok(None);
        }
        self.inner.token(&self.key(key)).await
    }

    async fn replace_token(
        &self,
        key: &TokenKey,
        generation: u64,
        secret: &[u8],
    ) -> Result<bool, StoreError> {
        self.state().secret = secret.to_vec();
        self.broken_replace(&self.key(key), generation, secret).await
    }

    async fn claim_refresh(
        &self,
        key: &TokenKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        // As if it ended ten seconds early.
        let rule = "while_a_claim_holds_another_claim_of_the_same_key_is_refused";
        let early = if self.breaks(rule) { Duration::from_secs(10) } else { Duration::ZERO };
        let given =
            self.inner.claim_refresh(&self.key(key), now, ttl.saturating_sub(early)).await?;
        if given {
            self.state().refreshing.insert(key.clone(), now + ttl);
        }
        Ok(given)
    }

    async fn release_refresh(&self, key: &TokenKey, until: Timestamp) -> Result<(), StoreError> {
        let latest = self.state().refreshing.get(key).copied();
        let rule = "a_claim_that_is_given_back_late_leaves_a_later_one";
        let until = latest.filter(|_| self.breaks(rule)).unwrap_or(until);
        self.inner.release_refresh(&self.key(key), until).await
    }
}
