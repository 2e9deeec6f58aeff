//! plan ⇄ refresh: the one loop. Needs are answered in batches, and the same batch is planned again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::SyncError;
use super::batch::Batch;
use super::options::Scope;
use super::pull::{bound, scope};
use super::run::Run;
use crate::connector::{
    ConnectorError, Consistency, ErrorKind, FetchRequest, FieldTimesRequest, FindRequest, Found,
    Reader,
};
use crate::model::{
    Awaited, FieldName, MappingName, Observation, OperationId, Provenance, RecordId, Side, Sides,
    Value, WorkKey,
};
use crate::plan::{
    Leads, Need, Plan, PlanContext, Powers, SettleRule, Step, Writing, plan, recall,
};

/// What is needed may tell what else is: a record that was found is looked at, its former link, what it
/// refers to. No more than so many, so that a system's answers do not lead on for ever.
const MOST_ROUNDS: usize = 16;

impl Run<'_> {
    pub(super) fn context(&self, writing: Writing) -> PlanContext {
        let settle = SettleRule {
            fence: self.lease.fence,
            sole_since: self.lease.sole.then_some(self.lease.since),
            request_timeout: self.engine.inner.settings.request_timeout,
        };
        PlanContext {
            find_lag: Sides::from_fn(|side| lag(self.capabilities(side).find)),
            list_lag: Sides::from_fn(|side| lag(self.capabilities(side).list)),
            fetch_lag: Sides::from_fn(|side| lag(self.capabilities(side).fetch)),
            refuses_duplicates: Sides::from_fn(|side| self.capabilities(side).refuses_duplicates),
            found: self.found.clone(),
            knows_field_times: Sides::from_fn(|side| {
                self.connector(side).extensions().field_history.is_some()
            }),
            powers: Sides::from_fn(|side| {
                let capabilities = self.capabilities(side);
                Powers {
                    archives: capabilities.archives,
                    deletes_for_good: capabilities.deletes_for_good,
                    restores: capabilities.restores,
                    upserts: capabilities.upserts,
                }
            }),
            leads: match self.options.scope {
                Scope::Changed | Scope::Full => Leads::Source,
                Scope::Records(_) => Leads::Named,
            },
            grace: self.engine.inner.settings.grace,
            gate: self.guarding.gate.clone(),
            told: self.options.told.clone(),
            unsent: self.unsent.clone(),
            keyless_creates: self.keyless_creates.clone(),
            before_write: self.before_write.clone(),
            retransformed: self.retransformed.clone(),
            ..PlanContext::new(self.number, self.now(), writing, settle, self.key.clone())
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
        recall(&self.mapping, &mut batch.works, &context);
        let mut decided = plan(&self.mapping, &batch.works, &context);
        let mut asked = BTreeSet::new();
        for _ in 0..MOST_ROUNDS {
            let needs: BTreeSet<Need> = decided.needs.drain(..).collect();
            // What has no answer the second time has none: its record waits.
            if needs.is_subset(&asked) {
                break;
            }
            self.answer(needs.clone(), &mut context).await?;
            asked.extend(needs);
            recall(&self.mapping, &mut batch.works, &context);
            decided = plan(&self.mapping, &batch.works, &context);
        }
        decided.needs.clear();
        for entry in decided.entries.iter_mut().filter(|entry| entry.step == Step::Needs) {
            entry.step = Step::Waits { why: "it could not be read".into() };
        }
        #[cfg(feature = "testkit")]
        if let Some(watch) = &self.engine.inner.watch {
            watch(&self.mapping, &batch.works, &context, &decided);
        }
        batch.fetched = context.fetched;
        Ok(decided)
    }

    /// Answers needs in as few requests as they take.
    async fn answer(
        &mut self,
        needs: BTreeSet<Need>,
        context: &mut PlanContext,
    ) -> Result<(), SyncError> {
        let mut fetches: Sides<Vec<RecordId>> = Sides::default();
        let mut finds: BTreeMap<(Side, FieldName), Vec<(OperationId, Value)>> = BTreeMap::new();
        let mut linked: Sides<Vec<RecordId>> = Sides::default();
        let mut former: Vec<WorkKey> = Vec::new();
        let mut references: BTreeMap<(MappingName, Side), Vec<RecordId>> = BTreeMap::new();
        let mut times: Sides<Vec<RecordId>> = Sides::default();
        for need in needs {
            match need {
                Need::Fetch { side, record } => fetches[side].push(record),
                Need::Find { operation, side, field, value } => {
                    finds.entry((side, field)).or_default().push((operation, value));
                }
                Need::Linked { side, record } => linked[side].push(record),
                Need::Former { side, record } => former.push(WorkKey::Record(side, record)),
                Need::Reference(Awaited { mapping, side, record }) => {
                    references.entry((mapping, side)).or_default().push(record);
                }
                Need::FieldTimes { side, record } => times[side].push(record),
            }
        }
        self.answer_links(linked, references, context).await?;
        self.answer_former(&former, context).await?;
        for (side, records) in [(Side::Source, times.source), (Side::Target, times.target)] {
            self.answer_times(side, records, context).await?;
        }
        for (side, records) in [(Side::Source, fetches.source), (Side::Target, fetches.target)] {
            for seen in self.fetch(side, records).await? {
                context.fetched.insert((side, seen.record.clone()), seen);
            }
        }
        for ((side, field), wanted) in finds {
            if let [one] = &wanted[..] {
                self.answer_find(side, &field, one, context).await?;
            } else if let Answered::Not(_) =
                self.answer_finds(side, &field, &wanted, context).await?
            {
                // The value of one may be what was refused: the others do not wait for it.
                for one in &wanted {
                    self.answer_find(side, &field, one, context).await?;
                }
            }
        }
        self.found.clone_from(&context.found);
        Ok(())
    }

    /// The records that one create may have made. Why that is refused is told with what waits for it.
    async fn answer_find(
        &mut self,
        side: Side,
        field: &FieldName,
        wanted: &(OperationId, Value),
        context: &mut PlanContext,
    ) -> Result<(), SyncError> {
        let one = std::slice::from_ref(wanted);
        if let Answered::Not(error) = self.answer_finds(side, field, one, context).await? {
            self.refused_look_ups.insert(wanted.0, error);
        }
        Ok(())
    }

    /// The records that creates may have made, by what they sent for a field. What is refused stays
    /// without an answer, so that its record waits.
    async fn answer_finds(
        &mut self,
        side: Side,
        field: &FieldName,
        wanted: &[(OperationId, Value)],
        context: &mut PlanContext,
    ) -> Result<Answered, SyncError> {
        let values = wanted.iter().map(|(_, value)| value.clone()).collect();
        let found = match self.find(side, field, values).await? {
            LookedUp::Found(found) => Some(found),
            LookedUp::NoLookUp => None,
            LookedUp::Refused(error) => return Ok(Answered::Not(error)),
        };
        let looked_up: Vec<_> = wanted.iter().map(|(id, _)| (*id, field.clone())).collect();
        for look_up in &looked_up {
            context.found.insert(look_up.clone(), found.as_ref().map(|_| Vec::new()));
        }
        for seen in found.into_iter().flatten() {
            let record = (side, seen.observation.record.clone());
            context.fetched.insert(record, seen.observation.clone());
            let of = looked_up.get(seen.value).and_then(|of| context.found.get_mut(of));
            of.into_iter().flatten().for_each(|all| all.push(seen.observation.clone()));
        }
        Ok(Answered::All)
    }

    /// Links of this mapping's records, and of other mappings' records that pairs refer to.
    async fn answer_links(
        &self,
        linked: Sides<Vec<RecordId>>,
        references: BTreeMap<(MappingName, Side), Vec<RecordId>>,
        context: &mut PlanContext,
    ) -> Result<(), SyncError> {
        for (side, records) in [(Side::Source, linked.source), (Side::Target, linked.target)] {
            let links = self.store().linked(&self.mapping.key, side, &records).await?;
            let asked = records.into_iter().map(|record| (side, record));
            context.linked.extend(asked.zip(links));
        }
        for ((mapping, side), records) in references {
            let key = self.engine.mapping_key(&mapping);
            let links = self.store().linked(&key, side, &records).await?;
            for (record, link) in records.into_iter().zip(links) {
                // A link that is suspended still says which record is meant.
                let partner = link.map(|link| link.partner);
                // A record has one link: what is known of one is known of the other.
                if let Some(partner) = &partner {
                    let (side, back) = (side.other(), Some(record.clone()));
                    let partner = partner.clone();
                    let awaited = Awaited { mapping: mapping.clone(), side, record: partner };
                    context.references.insert(awaited, back);
                }
                let awaited = Awaited { mapping: mapping.clone(), side, record };
                context.references.insert(awaited, partner);
            }
        }
        Ok(())
    }

    /// The links that records once had.
    async fn answer_former(
        &mut self,
        keys: &[WorkKey],
        context: &mut PlanContext,
    ) -> Result<(), SyncError> {
        if keys.is_empty() {
            return Ok(());
        }
        for key in keys {
            let WorkKey::Record(side, record) = key else { continue };
            context.former.entry((*side, record.clone())).or_default();
        }
        for work in self.store().gather(&self.lease, keys).await? {
            if let WorkKey::Record(side, record) = work.key {
                let links = work.tombstones.iter().map(|link| (link.id, link.clone()));
                self.former.extend(links);
                context.former.insert((side, record), work.tombstones);
            }
        }
        Ok(())
    }

    /// When the fields of records in conflict were changed.
    async fn answer_times(
        &mut self,
        side: Side,
        records: Vec<RecordId>,
        context: &mut PlanContext,
    ) -> Result<(), SyncError> {
        let connector = Arc::clone(self.connector(side));
        let Some(history) = connector.extensions().field_history.filter(|_| !records.is_empty())
        else {
            return Ok(());
        };
        self.keep_lease().await?;
        let request = FieldTimesRequest {
            object: self.mapping.endpoint(side).object.clone(),
            records: records.clone(),
            fields: self.mapping.projections[side].fields().to_vec(),
        };
        let told = history.field_times(request).await.map_err(|error| self.failed(side, error))?;
        for (record, times) in records.into_iter().zip(told) {
            let times = times.into_iter().map(|time| (time.field, time.modified)).collect();
            context.field_times.insert((side, record), times);
        }
        Ok(())
    }

    /// Records by a field's value.
    async fn find(
        &mut self,
        side: Side,
        field: &FieldName,
        values: Vec<Value>,
    ) -> Result<LookedUp, SyncError> {
        self.keep_lease().await?;
        let reader: &dyn Reader = self.connector(side).as_ref();
        let request = FindRequest {
            object: self.mapping.endpoint(side).object.clone(),
            projection: self.mapping.projections[side].clone(),
            field: field.clone(),
            values,
        };
        match reader.find(request).await {
            Ok(mut found) => {
                for Found { observation, .. } in &mut found {
                    bound(&self.mapping, side, observation);
                    scope(&self.mapping, side, observation);
                    // A look-up may be late: nothing is written over what it shows.
                    observation.provenance = Provenance::Listed;
                }
                Ok(LookedUp::Found(found))
            }
            Err(error) if error.is_no_look_up(field) => Ok(LookedUp::NoLookUp),
            Err(error) => match error.kind {
                ErrorKind::Validation | ErrorKind::Permanent => Ok(LookedUp::Refused(error)),
                ErrorKind::Auth
                | ErrorKind::Permission
                | ErrorKind::RateLimited
                | ErrorKind::NotFound
                | ErrorKind::PreconditionFailed
                | ErrorKind::PositionLost
                | ErrorKind::Transient
                | ErrorKind::Protocol => Err(self.failed(side, error)),
            },
        }
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
            scope(&self.mapping, side, observation);
        }
        Ok(seen)
    }
}

/// What came of a look-up.
enum LookedUp {
    Found(Vec<Found>),
    /// The system has none by this field, and never will.
    NoLookUp,
    /// The system does not take it now, be it for a value or for something that passes.
    Refused(ConnectorError),
}

/// Whether needs have their answers.
enum Answered {
    All,
    /// None of them, for this.
    Not(ConnectorError),
}

/// How long a read may not show what was written.
fn lag(consistency: Consistency) -> Duration {
    match consistency {
        Consistency::Consistent => Duration::ZERO,
        Consistency::Lagging(lag) => lag,
    }
}
