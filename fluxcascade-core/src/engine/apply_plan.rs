//! An approved plan, carried out: each entry is planned anew, and written only where the decision is
//! still the one that was approved, judged on what both records hold directly before the write.

use std::collections::{BTreeSet, HashMap};

use super::batch::Batch;
use super::run::{Purpose, Run};
use super::{Compiled, Engine, SyncError};
use crate::model::{Hold, Side, Withheld, Work, WorkKey};
use crate::plan::{Entry, Gate, Plan, Writing, same_decision, same_writes};
use crate::report::{Moved, SyncReport};

/// The plan that a run carries out.
pub(super) struct Approved {
    /// The plan without its entries: what names records and pairs.
    titles: Plan,
    /// What was approved, by work, in the plan's order.
    order: Vec<WorkKey>,
    entries: HashMap<WorkKey, Entry>,
}

impl Approved {
    fn new(plan: &Plan) -> Self {
        let told: Vec<&Entry> = plan.entries.iter().filter(|entry| !entry.is_quiet()).collect();
        Self {
            titles: Plan { entries: Vec::new(), needs: Vec::new(), ..plan.clone() },
            order: told.iter().map(|entry| entry.key.clone()).collect(),
            entries: told.into_iter().map(|entry| (entry.key.clone(), entry.clone())).collect(),
        }
    }

    fn moved(&self, planned: &Entry, now: Option<&Entry>) -> Moved {
        Moved {
            records: planned.records.clone(),
            planned: self.titles.words(planned),
            now: match now {
                Some(entry) if !entry.is_quiet() => self.titles.words(entry),
                Some(_) => vec!["nothing is to be done any more".to_owned()],
                None => vec!["nothing is known of it any more".to_owned()],
            },
        }
    }

    /// What guards let through for an approved entry: everything but what it withheld itself.
    fn gate(entry: &Entry) -> BTreeSet<Withheld> {
        let withheld: Vec<Withheld> = entry.holds.iter().filter_map(Hold::held_back).collect();
        Withheld::ALL.into_iter().filter(|kind| !withheld.contains(kind)).collect()
    }
}

impl Engine {
    /// Carries out a plan that was reviewed: what it says, and nothing else.
    ///
    /// Changes are read first, and each entry is planned anew. One whose decision is another now,
    /// because a record has moved since, is not carried out: the report has it under `moved`, with
    /// what would be done now, and the next run does that. What the plan does not name stays in the
    /// inbox.
    ///
    /// # Errors
    /// If the mapping's pairs are not those of the plan, or the run could not be done.
    pub async fn apply(&self, plan: &Plan) -> Result<SyncReport, SyncError> {
        self.applying(plan).await
    }

    fn applying<'a>(&'a self, plan: &'a Plan) -> Compiled<'a, Result<SyncReport, SyncError>> {
        Box::pin(async move {
            let mut run = Run::lease(self, plan.mapping.as_str(), Purpose::Write).await?;
            let result = if run.has_titles_of(plan) {
                run.approved = Some(Approved::new(plan));
                run.sync().await
            } else {
                Err(SyncError::PlanOutdated(plan.mapping.clone()))
            };
            run.release().await;
            result
        })
    }
}

impl Run<'_> {
    fn has_titles_of(&self, plan: &Plan) -> bool {
        let own = crate::plan::plan(&self.mapping, &[], &self.context(Writing::Neither));
        own.pairs == plan.pairs && own.ends == plan.ends
    }

    /// Takes the approved entries through the line.
    pub(super) async fn walk_approved(&mut self) -> Result<(), SyncError> {
        self.pull_both().await?;
        self.weigh().await?;
        for (gate, keys) in self.approved_by_gate() {
            self.guarding.gate = Gate::Open(gate);
            for chunk in keys.chunks(self.batch_size()) {
                let works = self.gather(chunk).await?;
                self.note_unknown(chunk, works.iter().flatten());
                for works in works {
                    self.process(works).await?;
                }
            }
        }
        Ok(())
    }

    /// The works of approved entries, by what guards let through for them.
    fn approved_by_gate(&self) -> Vec<(BTreeSet<Withheld>, Vec<WorkKey>)> {
        let mut gates: Vec<(BTreeSet<Withheld>, Vec<WorkKey>)> = Vec::new();
        let Some(approved) = &self.approved else { return gates };
        for key in &approved.order {
            let gate = Approved::gate(&approved.entries[key]);
            match gates.iter_mut().find(|(known, _)| *known == gate) {
                Some((_, keys)) => keys.push(key.clone()),
                None => gates.push((gate, vec![key.clone()])),
            }
        }
        gates
    }

    /// Entries of records that are something else now, or of which nothing is stored any more.
    fn note_unknown<'w>(&mut self, asked: &[WorkKey], works: impl Iterator<Item = &'w Work>) {
        let works: Vec<&Work> = works.collect();
        let Some(approved) = &mut self.approved else { return };
        for key in asked {
            if works.iter().any(|work| work.key == *key) {
                continue;
            }
            let is_of = |work: &&&Work| match (key, &work.link) {
                (WorkKey::Record(side, record), Some(link)) => link.records[*side] == *record,
                (WorkKey::Record(..) | WorkKey::Link(_), _) => false,
            };
            let Some(planned) = approved.entries.get(key).cloned() else { continue };
            match works.iter().find(is_of) {
                // It was linked since: what was approved is compared with what is done for the link.
                Some(work) => {
                    approved.entries.insert(work.key.clone(), planned);
                }
                None => self.report.moved.push(approved.moved(&planned, None)),
            }
        }
    }

    /// For what a batch is first looked at: an approved entry was made on what both sides held.
    pub(super) fn first_look(&self) -> Writing {
        match self.approved {
            Some(_) => Writing::Both,
            None => Writing::Neither,
        }
    }

    /// Whether a work is left as it is: nothing of it was approved, or its decision is another now,
    /// or creates wait until all is matched.
    pub(super) fn passes_over(&mut self, work: &Work, entry: &Entry) -> bool {
        let Some(approved) = &self.approved else { return self.leaves(entry) };
        let Some(planned) = approved.entries.get(&work.key) else { return true };
        if same_decision(planned, entry) {
            return false;
        }
        self.report.moved.push(approved.moved(planned, Some(entry)));
        true
    }

    /// Drops what is decided otherwise directly before it is written: the record has moved since
    /// the plan was made. It stays in the inbox.
    pub(super) fn keep_approved(&mut self, side: Side, batch: &mut Batch, plan: &mut Plan) {
        let Some(approved) = &self.approved else { return };
        let works = std::mem::take(&mut batch.works);
        let entries = std::mem::take(&mut plan.entries);
        for (work, entry) in works.into_iter().zip(entries) {
            match approved.entries.get(&work.key) {
                Some(planned) if !same_writes(planned, &entry, side) => {
                    self.report.moved.push(approved.moved(planned, Some(&entry)));
                }
                Some(_) | None => {
                    batch.works.push(work);
                    plan.entries.push(entry);
                }
            }
        }
    }
}
