//! The line stopped in the middle: everything is planned, nothing is begun (P19).

use std::collections::{BTreeSet, HashSet};

use super::SyncError;
use super::batch::Batch;
use super::foreseen::Foreseen;
use super::guard::{work_of, works_of};
use super::options::Scope;
use super::run::Run;
use crate::model::{Hold, HoldKey, HoldReason, RunNumber, Withheld, Work, WorkKey};
use crate::plan::{Entry, Gate, MOST_EXAMPLES, Plan, Step, Writing};
use crate::seeded::{self, Bug};
use crate::store::{CommitBatch, Page};

/// What guards hold back in a plan: which works, and how many writes by kind.
#[derive(Default)]
struct Withholding {
    /// Works with their place in the plan.
    works: Vec<(usize, Work)>,
    /// Works whose stored holds were decided anew.
    decided: HashSet<WorkKey>,
    /// Only these works are planned, if the plan is for named records.
    only: Option<HashSet<WorkKey>>,
    /// Writes that this plan withholds.
    added: Vec<Withheld>,
    /// Writes that were withheld before, and are decided anew.
    gone: Vec<Withheld>,
    /// What the plan will have stored.
    foreseen: Foreseen,
}

impl Run<'_> {
    /// Plans what a run would do now.
    pub(super) async fn dry(&mut self) -> Result<Plan, SyncError> {
        let newest = Page { limit: 1, ..Page::default() };
        let last = self.store().runs(&self.mapping.key, &newest).await?;
        self.number = RunNumber(last.first().map_or(0, |run| run.number.0) + 1);
        let mut whole = crate::plan::plan(&self.mapping, &[], &self.context(Writing::Both));
        let mut held = Withholding::default();
        if let Scope::Records(named) = self.options.scope.clone() {
            let keys = self.take_in_named(&named).await?;
            self.weigh().await?;
            self.guard_named().await?;
            for works in self.gather(&keys).await? {
                let batch = self.read_named(works).await?;
                self.plan_batch(batch, &mut whole, &mut held).await?;
            }
            held.only = Some(keys.into_iter().collect());
            self.plan_withheld(&mut whole, held).await?;
            return Ok(whole);
        }
        self.pull_both().await?;
        self.weigh().await?;
        let mut after = None;
        while let Some(works) = self.next_work(&mut after).await? {
            let batch = Batch::new(works);
            self.plan_batch(batch, &mut whole, &mut held).await?;
        }
        self.plan_withheld(&mut whole, held).await?;
        Ok(whole)
    }

    async fn plan_batch(
        &mut self,
        mut batch: Batch,
        whole: &mut Plan,
        held: &mut Withholding,
    ) -> Result<(), SyncError> {
        batch.works.retain_mut(|work| held.foreseen.shows(work));
        let plan = self.decide(&mut batch, Writing::Both).await?;
        if seeded::is(Bug::PlanClears) {
            let cleared = batch.works.iter().flat_map(super::commit::marks).collect();
            self.store_commit(&CommitBatch { cleared, ..CommitBatch::default() }).await?;
        }
        for (work, entry) in batch.works.into_iter().zip(plan.entries) {
            held.foreseen.note(&entry);
            held.note(whole.entries.len(), work, &entry);
            if !entry.is_quiet() || matches!(entry.step, Step::Waits { .. }) {
                whole.entries.push(entry);
            }
        }
        Ok(())
    }

    /// What passes its guard is planned as what it is; the rest stays withheld, and is told.
    async fn plan_withheld(
        &mut self,
        whole: &mut Plan,
        held: Withholding,
    ) -> Result<(), SyncError> {
        let counts = self.store().counts(&self.mapping.key).await?;
        let withheld = held.counts(&counts.withheld);
        if withheld.is_empty() {
            return Ok(());
        }
        let linked = whole.entries.iter().filter(|entry| entry.link.is_some()).count() as u64;
        let matched = self.matched().await? + linked;
        let verdict = self.weighed(&withheld, matched).judge();
        self.open_gate(&verdict.open);
        self.plan_again(whole, &verdict.open, &held).await?;
        whole.stops = verdict.stops;
        for stop in &mut whole.stops {
            let of_kind =
                whole.entries.iter().filter(|entry| is_withheld(entry, |kind| kind == stop.what));
            stop.examples = of_kind.take(MOST_EXAMPLES).map(|e| e.records.clone()).collect();
        }
        let mut without: Vec<_> =
            whole.stops.iter().filter(|stop| stop.examples.is_empty()).cloned().collect();
        self.find_examples(&mut without).await?;
        for told in without {
            let stop = whole.stops.iter_mut().find(|stop| stop.what == told.what);
            if let Some(stop) = stop {
                stop.examples.clone_from(&told.examples);
            }
        }
        Ok(())
    }

    fn open_gate(&mut self, kinds: &BTreeSet<Withheld>) {
        if !kinds.is_empty() {
            self.guarding.gate = self.streaming(kinds.clone());
        }
    }

    /// Decides anew what is withheld and passes: of this plan, and of earlier runs.
    async fn plan_again(
        &mut self,
        whole: &mut Plan,
        open: &BTreeSet<Withheld>,
        held: &Withholding,
    ) -> Result<(), SyncError> {
        if self.guarding.gate == Gate::Closed || open.is_empty() {
            return Ok(());
        }
        let passing: Vec<&(usize, Work)> = held
            .works
            .iter()
            .filter(|(place, _)| is_withheld(&whole.entries[*place], |kind| open.contains(&kind)))
            .collect();
        for chunk in passing.chunks(self.batch_size()) {
            let mut batch = Batch::new(chunk.iter().map(|(_, work)| work.clone()).collect());
            let plan = self.decide(&mut batch, Writing::Both).await?;
            for ((place, _), entry) in chunk.iter().zip(plan.entries) {
                whole.entries[*place] = entry;
            }
        }
        let mut skip = 0;
        loop {
            let page = self.withheld_page(skip).await?;
            if page.is_empty() {
                return Ok(());
            }
            skip += page.len();
            let passing = page.iter().filter(|hold| {
                let work = work_of(&hold.key);
                hold.held_back().is_some_and(|kind| open.contains(&kind))
                    && !held.decided.contains(&work)
                    && held.only.as_ref().is_none_or(|only| only.contains(&work))
            });
            let keys = works_of(passing);
            for works in self.gather(&keys).await? {
                let mut nothing = Withholding::default();
                self.plan_batch(Batch::new(works), whole, &mut nothing).await?;
            }
        }
    }
}

impl Withholding {
    fn note(&mut self, place: usize, work: Work, entry: &Entry) {
        let anew: Vec<&HoldKey> =
            entry.released.iter().chain(entry.holds.iter().map(|hold| &hold.key)).collect();
        let stored = work.holds.iter().filter(|hold| hold.reason == HoldReason::Guard);
        let gone = stored.filter(|hold| anew.contains(&&hold.key));
        self.gone.extend(gone.filter_map(|hold| hold.withheld));
        let added = self.added.len();
        self.added.extend(entry.holds.iter().filter_map(Hold::held_back));
        if !entry.is_quiet() {
            self.decided.insert(work.key.clone());
        }
        if self.added.len() > added {
            self.works.push((place, work));
        }
    }

    /// How many writes would be withheld after this plan, given how many are now.
    fn counts(&self, stored: &[(Withheld, u64)]) -> Vec<(Withheld, u64)> {
        let of = |kinds: &[Withheld], kind| kinds.iter().filter(|k| **k == kind).count() as u64;
        let counts = Withheld::ALL.into_iter().map(|kind| {
            let before: u64 = stored.iter().filter(|(k, _)| *k == kind).map(|(_, n)| n).sum();
            let count = (before + of(&self.added, kind)).saturating_sub(of(&self.gone, kind));
            (kind, count)
        });
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

fn is_withheld(entry: &Entry, which: impl Fn(Withheld) -> bool) -> bool {
    entry.holds.iter().filter_map(Hold::held_back).any(which)
}
