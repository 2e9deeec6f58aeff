//! What a person does without being asked: links two records, ends a link, keeps a record out.

use std::collections::HashSet;

use super::DeskError;
use crate::engine::named::record_key;
use crate::engine::{Engine, SyncError};
use crate::model::{
    Choice, ConflictStatus, Ending, Hold, HoldKey, HoldReason, Link, LinkId, LinkStatus, LogKind,
    LogRow, MappingKey, MappingName, RecordId, RunNumber, Side, Sides, Work, WorkKey,
};
use crate::store::{CommitBatch, Lease, Page, Requeue};

impl Engine {
    /// Links two records now: a person says that they are the same. Their pairs are decided as when
    /// a match rule finds two records, in a run for these two.
    ///
    /// # Errors
    /// If one of them is linked already, another sync is under way, or the run could not be done.
    pub async fn link(
        &self,
        mapping: &str,
        source: &RecordId,
        target: &RecordId,
    ) -> Result<LinkId, DeskError> {
        let compiled = self.mapping(mapping).map_err(DeskError::Sync)?;
        let (key, name) = (compiled.key.clone(), compiled.mapping.name.clone());
        for (side, record) in [(Side::Source, source), (Side::Target, target)] {
            if let Some((_, partner)) = self.link_of(&key, side, record).await? {
                let record = record.clone();
                return Err(DeskError::Linked { side, record, partner });
            }
        }
        let run = self
            .run(mapping)
            .records(Side::Source, [source.clone()])
            .records(Side::Target, [target.clone()])
            .told(source, target);
        let report = run.sync().await.map_err(|error| DeskError::of(&name, error))?;
        match self.link_of(&key, Side::Source, source).await? {
            Some((link, partner)) if partner == *target => Ok(link),
            Some(_) | None => Err(DeskError::NotLinked {
                source_record: source.clone(),
                target: target.clone(),
                why: match report.held.first() {
                    Some(held) => held.detail.clone(),
                    None => "one of them could not be read, or is gone".to_owned(),
                },
            }),
        }
    }

    /// Ends a link: both records stay as they are, and are not linked to each other again by
    /// themselves. What waits for a person about the link waits no longer.
    ///
    /// # Errors
    /// If there is no such link in use, a write for it has no answer yet, another sync is under way,
    /// or the store fails.
    pub async fn unlink(&self, mapping: &str, link: LinkId) -> Result<(), DeskError> {
        let act = Act::begin(self, mapping).await?;
        let result = act.unlink(link).await;
        act.end(result).await
    }

    /// Keeps a record out of the sync: it is never matched, created or written. Its link ends, if it
    /// has one; nothing is created for the other record in its place. A record that was not seen yet can
    /// be excluded ahead of time.
    ///
    /// # Errors
    /// If a write for it has no answer yet, another sync is under way, or the store fails.
    pub async fn exclude(
        &self,
        mapping: &str,
        side: Side,
        record: &RecordId,
    ) -> Result<(), DeskError> {
        let act = Act::begin(self, mapping).await?;
        let result = act.exclude(side, record).await;
        act.end(result).await
    }

    /// Takes back that a record was excluded: the next run looks at it as at any other, and links it
    /// to what it matches, also to the record that it was linked to. As for every record whose link
    /// has ended, nothing is created for it if it matches none.
    ///
    /// # Errors
    /// If it is not excluded, another sync is under way, or the store fails.
    pub async fn include(
        &self,
        mapping: &str,
        side: Side,
        record: &RecordId,
    ) -> Result<(), DeskError> {
        let act = Act::begin(self, mapping).await?;
        let result = act.include(side, record).await;
        act.end(result).await
    }

    async fn link_of(
        &self,
        key: &MappingKey,
        side: Side,
        record: &RecordId,
    ) -> Result<Option<(LinkId, RecordId)>, DeskError> {
        let links = self.store().linked(key, side, std::slice::from_ref(record)).await;
        let links = links.map_err(|error| DeskError::of(&key.mapping, error))?;
        Ok(links.into_iter().flatten().next().map(|link| (link.link, link.partner)))
    }
}

/// One thing that is done under the mapping's lease, in one transaction.
struct Act<'e> {
    engine: &'e Engine,
    name: MappingName,
    key: MappingKey,
    lease: Lease,
}

impl<'e> Act<'e> {
    async fn begin(engine: &'e Engine, mapping: &str) -> Result<Self, DeskError> {
        let compiled = engine.mapping(mapping).map_err(DeskError::Sync)?;
        let (key, name) = (compiled.key.clone(), compiled.mapping.name.clone());
        let ttl = engine.inner.settings.lease;
        let lease = engine.store().lease(&key, engine.inner.clock.now(), ttl).await;
        let lease = lease.map_err(|error| DeskError::of(&name, error))?;
        Ok(Self { engine, name, key, lease })
    }

    async fn end(self, result: Result<CommitBatch, DeskError>) -> Result<(), DeskError> {
        let result = match result {
            Ok(commit) => self.engine.store().commit(&self.lease, &commit).await,
            Err(error) => {
                let _ = self.engine.store().release(&self.lease).await;
                return Err(error);
            }
        };
        let _ = self.engine.store().release(&self.lease).await;
        result.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: impl Into<SyncError>) -> DeskError {
        DeskError::of(&self.name, error)
    }

    async fn gather(&self, key: WorkKey) -> Result<Option<Work>, DeskError> {
        let works = self.engine.store().gather(&self.lease, &[key]).await;
        Ok(works.map_err(|error| self.failed(error))?.into_iter().next())
    }

    async fn unlink(&self, id: LinkId) -> Result<CommitBatch, DeskError> {
        let work = self.gather(WorkKey::Link(id)).await?;
        let in_use = |link: &Link| link.status != LinkStatus::Tombstone;
        match work {
            Some(Work { link: Some(ref link), .. }) if in_use(link) => {
                self.end_link(work.as_ref(), link, Ending::Unlinked, "a person unlinked them").await
            }
            Some(_) | None => Err(DeskError::NoLink { mapping: self.name.clone(), link: id }),
        }
    }

    async fn exclude(&self, side: Side, record: &RecordId) -> Result<CommitBatch, DeskError> {
        let work = self.gather(WorkKey::Record(side, record.clone())).await?;
        let mut commit = match &work {
            Some(Work { link: Some(link), .. }) if link.status != LinkStatus::Tombstone => {
                let why = "a person excluded one of them";
                self.end_link(work.as_ref(), link, Ending::Excluded(side), why).await?
            }
            Some(work) if !work.operations.is_empty() => {
                return Err(DeskError::Unanswered { record: record.clone() });
            }
            // What it was linked to comes back without it.
            Some(work) => CommitBatch {
                links: work.tombstones.iter().filter_map(|t| left_out(t, side)).collect(),
                ..CommitBatch::default()
            },
            None => CommitBatch::default(),
        };
        self.take_back_answers(side, record, &mut commit).await?;
        let now = self.engine.inner.clock.now();
        let detail = format!("a person said that the {side} record {record} is not synced");
        let key = record_key(side, record);
        commit.holds.push(Hold::new(key, HoldReason::Excluded, detail, now));
        Ok(commit)
    }

    /// Whoever was said to be the same as a record that is excluded is asked again.
    async fn take_back_answers(
        &self,
        side: Side,
        record: &RecordId,
        commit: &mut CommitBatch,
    ) -> Result<(), DeskError> {
        for reason in [HoldReason::Ambiguous, HoldReason::UnknownOutcome] {
            let mut page = Page { reason: Some(reason), limit: 200, ..Page::default() };
            loop {
                let holds = self.engine.store().holds(&self.key, &page).await;
                let holds = holds.map_err(|error| self.failed(error))?;
                if holds.is_empty() {
                    break;
                }
                page.skip += holds.len();
                let names = |hold: &Hold| match (&hold.key, hold.choice()) {
                    (HoldKey::Record(on, _), Some(Choice::LinkTo(same))) => {
                        *on == side.other() && same == record
                    }
                    (HoldKey::Record(..) | HoldKey::Link(_) | HoldKey::Pair(..), _) => false,
                };
                for hold in holds.into_iter().filter(names) {
                    commit.released.push(hold.key.clone());
                    commit.holds.push(Hold { answer: None, ..hold });
                }
            }
        }
        Ok(())
    }

    async fn include(&self, side: Side, record: &RecordId) -> Result<CommitBatch, DeskError> {
        let work = self.gather(WorkKey::Record(side, record.clone())).await?;
        let holds = work.map(|work| work.holds).unwrap_or_default();
        if !holds.iter().any(|hold| hold.reason == HoldReason::Excluded) {
            return Err(DeskError::NotExcluded { side, record: record.clone() });
        }
        let again = Requeue { side, record: record.clone(), not_before: None, failed: None };
        Ok(CommitBatch {
            released: vec![record_key(side, record)],
            requeued: vec![again],
            ..CommitBatch::default()
        })
    }

    /// A link's end: its tombstone, its log row, and nothing that still waits about it.
    async fn end_link(
        &self,
        work: Option<&Work>,
        link: &Link,
        ending: Ending,
        why: &str,
    ) -> Result<CommitBatch, DeskError> {
        let mut commit = CommitBatch::default();
        if let Some(work) = work {
            if !work.operations.is_empty() {
                return Err(DeskError::Unanswered { record: link.records.source.clone() });
            }
            commit.released.extend(work.holds.iter().map(|hold| hold.key.clone()));
            let rows: HashSet<_> = work.holds.iter().filter_map(|hold| hold.conflict).collect();
            commit.judged.extend(rows.into_iter().map(|id| (id, ConflictStatus::Stale)));
        }
        let ended = Link { status: LinkStatus::Tombstone, ending: Some(ending), ..link.clone() };
        commit.log.push(LogRow {
            run: self.last_run().await?,
            at: self.engine.inner.clock.now(),
            kind: LogKind::End,
            link: Some(link.id),
            side: Side::Source,
            records: Sides::from_fn(|side| Some(link.records[side].clone())),
            operation: None,
            pairs: Vec::new(),
            note: why.to_owned(),
        });
        commit.links.push(crate::store::LinkChange { link: ended });
        Ok(commit)
    }

    /// What is done between two runs is told with the last one.
    async fn last_run(&self) -> Result<RunNumber, DeskError> {
        let newest = Page { limit: 1, ..Page::default() };
        let runs = self.engine.store().runs(&self.key, &newest).await;
        let runs = runs.map_err(|error| self.failed(error))?;
        Ok(runs.first().map_or(RunNumber(0), |run| run.number))
    }
}

/// An ended link of a record that is excluded now: it is not in use again when the other record is
/// seen.
fn left_out(tombstone: &Link, side: Side) -> Option<crate::store::LinkChange> {
    match tombstone.ending {
        Some(Ending::Unlinked | Ending::Excluded(_)) => None,
        Some(
            Ending::Deleted(_) | Ending::TwinRemoved(_) | Ending::BothDeleted | Ending::Remade(_),
        )
        | None => {
            let ending = Some(Ending::Excluded(side));
            Some(crate::store::LinkChange { link: Link { ending, ..tombstone.clone() } })
        }
    }
}
