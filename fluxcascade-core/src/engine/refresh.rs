//! plan ⇄ refresh: the one loop. Needs are answered in batches, and the same batch is planned again.

use std::collections::BTreeSet;
use std::collections::HashMap;

use super::SyncError;
use super::batch::Batch;
use super::pull::bound;
use super::run::Run;
use crate::connector::{FetchRequest, Reader};
use crate::model::{Observation, RecordId, Side};
use crate::plan::{Plan, PlanContext, SettleRule, Step, Writing, plan};

/// A record's own needs are asked once each, for two sides and two reasons; a plan that still
/// needs something after that waits.
const MOST_ROUNDS: usize = 4;

impl Run<'_> {
    pub(super) fn context(&self, writing: Writing) -> PlanContext {
        PlanContext {
            run: self.number,
            now: self.now(),
            writing,
            settle: SettleRule {
                fence: self.lease.fence,
                sole_since: self.lease.sole.then_some(self.lease.since),
                request_timeout: self.engine.inner.settings.request_timeout,
            },
            key: self.key.clone(),
            fetched: HashMap::new(),
        }
    }

    /// Plans a batch, answering its needs, until none is left.
    pub(super) async fn decide(
        &mut self,
        batch: &mut Batch,
        writing: Writing,
    ) -> Result<Plan, SyncError> {
        let mut context = self.context(writing);
        context.fetched = std::mem::take(&mut batch.fetched);
        let mut decided = plan(&self.mapping, &batch.works, &context);
        for _ in 0..MOST_ROUNDS {
            if decided.needs.is_empty() {
                break;
            }
            let asked: BTreeSet<(Side, RecordId)> =
                decided.needs.drain(..).map(|need| (need.side, need.record)).collect();
            for side in Side::BOTH {
                let records: Vec<RecordId> =
                    asked.iter().filter(|(s, _)| *s == side).map(|(_, r)| r.clone()).collect();
                for seen in self.fetch(side, records).await? {
                    context.fetched.insert((side, seen.record.clone()), seen);
                }
            }
            decided = plan(&self.mapping, &batch.works, &context);
        }
        decided.needs.clear();
        for entry in decided.entries.iter_mut().filter(|entry| entry.step == Step::Needs) {
            entry.step = Step::Waits { why: "it could not be read".into() };
        }
        batch.fetched = context.fetched;
        Ok(decided)
    }

    /// Records by id; each asked for has one observation.
    pub(super) async fn fetch(
        &mut self,
        side: Side,
        records: Vec<RecordId>,
    ) -> Result<Vec<Observation>, SyncError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        self.keep_lease().await?;
        self.report.sides[side].fetched += records.len() as u64;
        let reader: &dyn Reader = self.connector(side).as_ref();
        let request = FetchRequest {
            object: self.mapping.endpoint(side).object.clone(),
            projection: self.mapping.projections[side].clone(),
            records,
        };
        let mut seen = reader.fetch(request).await.map_err(|error| self.failed(side, error))?;
        for observation in &mut seen {
            bound(&self.mapping, side, observation);
        }
        Ok(seen)
    }
}
