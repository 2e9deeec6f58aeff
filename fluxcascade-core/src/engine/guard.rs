//! Guards in a run (P18): what the first walk withholds is counted when all is planned; what
//! passes, or was overridden, is decided anew and carried out in a second walk.

use std::collections::{BTreeSet, HashSet};

use super::SyncError;
use super::run::Run;
use crate::model::{
    Hold, HoldKey, HoldReason, LogKind, RecordId, RunRow, RunStatus, Side, Sides, Timestamp,
    Withheld, Work, WorkKey,
};
use crate::plan::{Creates, Entry, Gate, GuardStop, MOST_EXAMPLES, Progress, Weighed};
use crate::store::Page;

/// Where a run stands with its guards.
#[derive(Debug, Clone)]
pub(super) struct Guarding {
    pub(super) gate: Gate,
    pub(super) creates: Creates,
    /// The mapping's links before the run.
    pub(super) links: u64,
    /// Records on each side, as its last full read showed them.
    pub(super) sizes: Sides<u64>,
    /// What becomes of creates that the gate withholds in this walk.
    pub(super) unmatched: Unmatched,
}

/// What becomes of a record without a partner while creates are withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unmatched {
    /// It is held.
    Held,
    /// It stays in the inbox: records are matched first, and then it is decided.
    Left,
}

impl Default for Guarding {
    fn default() -> Self {
        Self {
            gate: Gate::Closed,
            creates: Creates::Stream,
            links: 0,
            sizes: Sides::new(0, 0),
            unmatched: Unmatched::Held,
        }
    }
}

/// How many holds are looked at together.
const PAGE: usize = 200;

impl Run<'_> {
    /// Takes the measures before anything is decided: links, sizes, and what creates may do.
    pub(super) async fn weigh(&mut self) -> Result<(), SyncError> {
        let counts = self.store().counts(&self.mapping.key).await?;
        for side in Side::BOTH {
            let feed = self.store().feed(&self.lease, &self.feed_key(side)).await?;
            self.guarding.sizes[side] = feed.sweep_rows;
        }
        let withheld = counts.withheld.iter().any(|(kind, _)| *kind == Withheld::Create);
        let progress = if withheld || !self.has_ended_before().await? {
            Progress::First
        } else {
            Progress::Passed
        };
        let policy = &self.mapping.mapping;
        self.guarding.links = counts.active_links + counts.suspended_links;
        self.guarding.creates =
            Creates::of(policy.first_sync, &policy.guards, progress, &self.guarding.sizes);
        self.guarding.gate = self.streaming(BTreeSet::new());
        Ok(())
    }

    /// A gate for these kinds, for what a person overrode, and for creates where they stream.
    pub(super) fn streaming(&self, mut kinds: BTreeSet<Withheld>) -> Gate {
        kinds.extend(&self.options.overridden);
        if self.guarding.creates == Creates::Stream {
            kinds.insert(Withheld::Create);
        }
        if kinds.is_empty() { Gate::Closed } else { Gate::Open(kinds) }
    }

    /// Whether an earlier run of the mapping came to its end.
    async fn has_ended_before(&self) -> Result<bool, SyncError> {
        let has_ended = |run: &RunRow| match run.status {
            RunStatus::Completed | RunStatus::Partial => true,
            RunStatus::Pending | RunStatus::Running | RunStatus::Failed => false,
        };
        let mut skip = 0;
        loop {
            let page = Page { skip, limit: PAGE, ..Page::default() };
            let runs = self.store().runs(&self.mapping.key, &page).await?;
            skip += runs.len();
            if runs.is_empty() || runs.iter().any(has_ended) {
                return Ok(!runs.is_empty());
            }
        }
    }

    /// A first sync between large sides matches all records before it creates any: then it is known
    /// whether enough of them found a partner.
    pub(super) async fn match_first(&mut self) -> Result<(), SyncError> {
        if self.guarding.creates != Creates::AfterMatching
            || self.guarding.gate.lets(Withheld::Create)
        {
            return Ok(());
        }
        self.guarding.unmatched = Unmatched::Left;
        self.walk_work().await?;
        self.guarding.unmatched = Unmatched::Held;
        let matched = self.matched().await?;
        if self.weighed(&[], matched).few_matched().is_none() {
            self.guarding.gate = self.streaming(BTreeSet::from([Withheld::Create]));
        }
        Ok(())
    }

    /// Links that a match made. Those of records that were created say nothing about the rules; they
    /// are told apart only while a first sync has to be judged.
    pub(super) async fn matched(&self) -> Result<u64, SyncError> {
        let counts = self.store().counts(&self.mapping.key).await?;
        let links = counts.active_links + counts.suspended_links;
        if self.guarding.creates != Creates::AfterMatching {
            return Ok(links);
        }
        let mut created = 0;
        // Each page is counted off from the first row on, so that small ones would cost the square of
        // the log.
        let mut page = Page { limit: 10 * PAGE, ..Page::default() };
        loop {
            let rows = self.store().log(&self.mapping.key, &page).await?;
            if rows.is_empty() {
                return Ok(links.saturating_sub(created));
            }
            page.skip += rows.len();
            created += rows.iter().filter(|row| row.kind == LogKind::Create).count() as u64;
        }
    }

    /// Whether a work stays in the inbox, because nothing is created before all is matched.
    pub(super) fn leaves(&self, entry: &Entry) -> bool {
        self.guarding.unmatched == Unmatched::Left
            && entry.holds.iter().any(|hold| hold.withheld == Some(Withheld::Create))
    }

    pub(super) fn weighed<'a>(
        &'a self,
        withheld: &'a [(Withheld, u64)],
        matched: u64,
    ) -> Weighed<'a> {
        let sizes = &self.guarding.sizes;
        Weighed {
            guards: &self.mapping.mapping.guards,
            links: self.guarding.links,
            withheld,
            creates: self.guarding.creates,
            matched: (matched, sizes.source.min(sizes.target)),
            overridden: &self.options.overridden,
        }
    }

    /// All is planned: what passes its guard is carried out, the rest is told. `only`: of these
    /// works alone.
    pub(super) async fn pass_guards(
        &mut self,
        only: Option<&HashSet<WorkKey>>,
    ) -> Result<(), SyncError> {
        let counts = self.store().counts(&self.mapping.key).await?;
        if counts.withheld.is_empty() {
            return Ok(());
        }
        let matched = self.matched().await?;
        let verdict = self.weighed(&counts.withheld, matched).judge();
        if !verdict.open.is_empty() {
            let passing = verdict.open.clone();
            self.guarding.gate = self.streaming(verdict.open);
            self.walk_withheld(&passing, only).await?;
        }
        let mut stops = verdict.stops;
        self.find_examples(&mut stops).await?;
        self.report.guards = stops;
        Ok(())
    }

    /// What is held for these kinds, decided anew on fetched values.
    async fn walk_withheld(
        &mut self,
        kinds: &BTreeSet<Withheld>,
        only: Option<&HashSet<WorkKey>>,
    ) -> Result<(), SyncError> {
        let mut skip = 0;
        loop {
            self.keep_lease().await?;
            let page = self.withheld_page(skip).await?;
            if page.is_empty() {
                return Ok(());
            }
            let keys = works_of(page.iter().filter(|hold| is_of(hold, kinds)));
            let keys: Vec<WorkKey> =
                keys.into_iter().filter(|key| only.is_none_or(|only| only.contains(key))).collect();
            for mut works in self.gather(&keys).await? {
                let now = self.now();
                works.retain(|work| !waits_above(work, now));
                self.process(works).await?;
            }
            // What is still held stands where it stood; the rest is gone from the page.
            let before: HashSet<&HoldKey> = page.iter().map(|hold| &hold.key).collect();
            let after = self.withheld_page(skip).await?;
            skip += after.iter().filter(|hold| before.contains(&hold.key)).count();
        }
    }

    pub(super) async fn withheld_page(&self, skip: usize) -> Result<Vec<Hold>, SyncError> {
        let page = Page { reason: Some(HoldReason::Guard), skip, limit: PAGE, ..Page::default() };
        Ok(self.store().holds(&self.mapping.key, &page).await?)
    }

    /// Works by key, in batches of one kind, as the walk has them.
    pub(super) async fn gather(&mut self, keys: &[WorkKey]) -> Result<Vec<Vec<Work>>, SyncError> {
        self.retransformed.clear();
        let mut batches: Vec<Vec<Work>> = Vec::new();
        for keys in keys.chunks(self.batch_size()) {
            let mut works = self.store().gather(&self.lease, keys).await?;
            let mut seen = HashSet::new();
            works.retain(|work| seen.insert(work.key.clone()));
            self.relay_all(&mut works);
            for work in works {
                match batches.last_mut() {
                    Some(batch)
                        if batch.len() < self.batch_size()
                            && batch.last().is_some_and(|last| kind(last) == kind(&work)) =>
                    {
                        batch.push(work);
                    }
                    Some(_) | None => batches.push(vec![work]),
                }
            }
        }
        Ok(batches)
    }

    /// Some of the records that each stop is about.
    pub(super) async fn find_examples(&self, stops: &mut [GuardStop]) -> Result<(), SyncError> {
        let mut skip = 0;
        while stops.iter().any(|stop| (stop.examples.len() as u64) < wanted(stop)) {
            let page = self.withheld_page(skip).await?;
            if page.is_empty() {
                return Ok(());
            }
            skip += page.len();
            for stop in stops.iter_mut() {
                let room = MOST_EXAMPLES - stop.examples.len();
                let of_kind = page.iter().filter(|hold| hold.withheld == Some(stop.what));
                let keys: Vec<WorkKey> = works_of(of_kind).into_iter().take(room).collect();
                for work in self.store().gather(&self.lease, &keys).await? {
                    stop.examples.push(records_of(&work));
                }
            }
        }
        Ok(())
    }
}

fn wanted(stop: &GuardStop) -> u64 {
    // Several values of one record are one example.
    stop.count.min(1)
}

fn is_of(hold: &Hold, kinds: &BTreeSet<Withheld>) -> bool {
    hold.held_back().is_some_and(|kind| kinds.contains(&kind))
}

/// Whether a whole record waits for something else than a guard, so that nothing is let through of it.
fn waits_above(work: &Work, now: Timestamp) -> bool {
    let waits = |hold: &Hold| {
        matches!(hold.key, HoldKey::Link(_))
            && hold.reason != HoldReason::Guard
            && hold.waits_on(now)
    };
    work.holds.iter().any(waits)
}

/// The works that holds are on, each once, in order.
pub(super) fn works_of<'a>(holds: impl Iterator<Item = &'a Hold>) -> Vec<WorkKey> {
    let mut keys: Vec<WorkKey> = Vec::new();
    for hold in holds {
        let key = work_of(&hold.key);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// The work that a hold is on.
pub(super) fn work_of(key: &HoldKey) -> WorkKey {
    match key {
        HoldKey::Pair(link, _) | HoldKey::Link(link) => WorkKey::Link(*link),
        HoldKey::Record(side, record) => WorkKey::Record(*side, record.clone()),
    }
}

/// The records that a work is about.
fn records_of(work: &Work) -> Sides<Option<RecordId>> {
    match (&work.link, &work.key) {
        (Some(link), _) => link.records.as_ref().map(|record| Some(record.clone())),
        (None, WorkKey::Record(side, record)) => {
            let mut records = Sides::default();
            records[*side] = Some(record.clone());
            records
        }
        (None, WorkKey::Link(_)) => Sides::default(),
    }
}

/// Links are processed apart from records, and one side's records apart from the other's.
fn kind(work: &Work) -> Option<Side> {
    match &work.key {
        WorkKey::Link(_) => None,
        WorkKey::Record(side, _) => Some(*side),
    }
}
