//! What waits, looked at when a run begins: creates of which nothing is known, and what another
//! mapping may decide. Holds are read, page by page, and after a run that was cut off what is due.

use super::SyncError;
use super::guard::work_of;
use super::run::Run;
use crate::model::{
    HoldReason, LinkId, Operation, OperationKind, RecordId, RunStatus, Side, Sides, Work, WorkKey,
};
use crate::plan::sends_key;
use crate::store::{CommitBatch, Page, Requeue, WorkRequest};

/// How many holds are read together.
const PAGE: usize = 200;

impl Run<'_> {
    /// Notes the origins of creates that sent no key and have no answer, also of those that a person left
    /// (P6).
    pub(super) async fn note_keyless_creates(&mut self) -> Result<(), SyncError> {
        let mut origins: Sides<Vec<RecordId>> = Sides::default();
        for keys in self.held(HoldReason::UnknownOutcome).await? {
            for work in self.store().gather(&self.lease, &keys).await? {
                if let WorkKey::Record(side, record) = &work.key
                    && work.operations.is_empty()
                    && self.is_keyless(*side, &work)
                {
                    origins[side.other()].push(record.clone());
                }
                let open = work.operations.into_iter();
                for create in open.filter(|open| self.is_keyless_create(open)) {
                    origins[create.side].push(create.origin);
                }
            }
        }
        self.keyless_creates = origins;
        if self.may_be_torn().await? {
            self.note_torn_creates().await?;
        }
        Ok(())
    }

    /// Whether the run before may have been cut off, with intents of which no hold tells, and what those
    /// made could be carried back.
    async fn may_be_torn(&self) -> Result<bool, SyncError> {
        if !Side::BOTH.iter().all(|&side| self.mapping.mapping.creates_on(side)) {
            return Ok(false);
        }
        let newest = Page { limit: 1, ..Page::default() };
        let runs = self.store().runs(&self.mapping.key, &newest).await?;
        Ok(runs.iter().any(|run| match run.status {
            RunStatus::Running | RunStatus::Failed => true,
            RunStatus::Pending | RunStatus::Completed | RunStatus::Partial => false,
        }))
    }

    /// Notes the origins of open creates that sent no key, among all works of unlinked records that are
    /// due: those come before what they made, whichever side that is on.
    async fn note_torn_creates(&mut self) -> Result<(), SyncError> {
        let mut after = Some(WorkKey::Link(LinkId([u8::MAX; 16])));
        loop {
            let request = WorkRequest { after, limit: PAGE, now: self.now() };
            let works = self.store().work(&self.lease, &request).await?;
            let Some(last) = works.last() else { return Ok(()) };
            after = Some(last.key.clone());
            for create in works.into_iter().flat_map(|work| work.operations) {
                let known = &self.keyless_creates[create.side];
                if !known.contains(&create.origin) && self.is_keyless_create(&create) {
                    self.keyless_creates[create.side].push(create.origin);
                }
            }
        }
    }

    /// Whether a write is a create that sent no key.
    pub(super) fn is_keyless_create(&self, operation: &Operation) -> bool {
        let is_sent = |(rule, _): &(u16, _)| sends_key(&self.mapping, operation, *rule);
        operation.kind == OperationKind::Create && !operation.keys.iter().any(is_sent)
    }

    /// Whether a record has no key but its own id.
    fn is_keyless(&self, side: Side, work: &Work) -> bool {
        let own_id = |rule: u16| self.mapping.rules.get(usize::from(rule))?.own_id;
        work.candidates.iter().all(|found| own_id(found.rule) == Some(side))
    }

    /// What the mapping decides otherwise than the one before is looked at in this run, not when a
    /// side changes: what waits for a person, and what was refused (P20).
    pub(super) async fn wake_what_waits(&mut self) -> Result<(), SyncError> {
        for reason in [HoldReason::Conflict, HoldReason::Invalid] {
            for keys in self.held(reason).await? {
                let mut commit = CommitBatch::default();
                for work in self.store().gather(&self.lease, &keys).await? {
                    let records = match (work.link, work.key) {
                        (Some(link), _) => {
                            Side::BOTH.map(|side| (side, link.records[side].clone())).into()
                        }
                        (None, WorkKey::Record(side, record)) => vec![(side, record)],
                        (None, WorkKey::Link(_)) => Vec::new(),
                    };
                    commit.requeued.extend(records.into_iter().map(|(side, record)| Requeue {
                        side,
                        record,
                        not_before: None,
                        failed: None,
                    }));
                }
                self.store_commit(&commit).await?;
            }
        }
        Ok(())
    }

    /// The works of the holds that wait for this reason, page by page.
    async fn held(&self, reason: HoldReason) -> Result<Vec<Vec<WorkKey>>, SyncError> {
        let (mut pages, mut skip) = (Vec::new(), 0);
        loop {
            let page = Page { reason: Some(reason), skip, limit: PAGE, ..Page::default() };
            let holds = self.store().holds(&self.mapping.key, &page).await?;
            if holds.is_empty() {
                return Ok(pages);
            }
            skip += holds.len();
            let mut keys: Vec<WorkKey> = holds.iter().map(|h| work_of(&h.key)).collect();
            keys.dedup();
            pages.extend((!keys.is_empty()).then_some(keys));
        }
    }
}
