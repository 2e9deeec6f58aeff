//! Each call of a store: sealed on its way down, opened on its way up.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::model::{
    Answer, AnswerOutcome, AnswerTo, Choice, Conflict, ConflictId, Hold, HoldKey, Link, LinkId,
    Linked, LogRow, MappingKey, Operation, RecordId, Revision, RunNumber, RunRow, Side, Timestamp,
    Work, WorkKey,
};
use fluxcascade_core::store::{
    Begun, CommitBatch, Counts, Feed, FeedKey, Hint, Intake, Lease, Page, Rows, RunStart, Store,
    StoreError, Taken, TokenStore, WorkRequest,
};

use super::Sealed;

#[async_trait]
impl<S: Rows + TokenStore> Store for Sealed<S> {
    async fn lease(
        &self,
        mapping: &MappingKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        self.look_at(mapping).await?;
        self.prints(mapping).await?;
        self.inner.lease(mapping, now, ttl).await
    }

    async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        self.inner.renew(lease, now, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.inner.release(lease).await
    }

    async fn fingerprint_key(&self, mapping: &MappingKey) -> Result<[u8; 32], StoreError> {
        Ok(self.prints(mapping).await?.match_keys())
    }

    async fn revisions(&self, mapping: &MappingKey) -> Result<Vec<Revision>, StoreError> {
        self.inner.revisions(mapping).await
    }

    async fn add_revision(&self, lease: &Lease, revision: &Revision) -> Result<(), StoreError> {
        self.inner.add_revision(lease, revision).await?;
        // What stays legible is found out anew.
        self.legible().remove(&lease.mapping);
        Ok(())
    }

    async fn start_run(&self, lease: &Lease, start: &RunStart) -> Result<RunNumber, StoreError> {
        self.inner.start_run(lease, start).await
    }

    async fn finish_run(&self, lease: &Lease, run: &RunRow) -> Result<(), StoreError> {
        let prints = self.prints(&lease.mapping).await?;
        let run = self.sealer(&prints, &lease.mapping).run(run)?;
        self.inner.finish_run(lease, &run).await
    }

    async fn feed(&self, lease: &Lease, feed: &FeedKey) -> Result<Feed, StoreError> {
        self.inner.feed(lease, feed).await
    }

    async fn notify(&self, hints: &[Hint]) -> Result<(), StoreError> {
        self.inner.notify(hints).await
    }

    async fn intake(&self, lease: &Lease, page: &Intake) -> Result<Taken, StoreError> {
        let prints = self.prints(&lease.mapping).await?;
        let page = self.sealer(&prints, &lease.mapping).page(page)?;
        self.inner.intake(lease, &page).await
    }

    async fn work(&self, lease: &Lease, request: &WorkRequest) -> Result<Vec<Work>, StoreError> {
        self.known(&lease.mapping.tenant).await?;
        let opener = self.opener(&lease.mapping);
        let found = self.inner.work(lease, request).await?;
        found.into_iter().map(|work| opener.work(work)).collect()
    }

    async fn counts(&self, mapping: &MappingKey) -> Result<Counts, StoreError> {
        self.inner.counts(mapping).await
    }

    async fn begin(
        &self,
        lease: &Lease,
        operations: &[Operation],
    ) -> Result<Vec<Begun>, StoreError> {
        let prints = self.prints(&lease.mapping).await?;
        let sealer = self.sealer(&prints, &lease.mapping);
        let shells = operations.iter().map(|operation| sealer.operation(operation));
        let shells: Vec<_> = shells.collect::<Result<_, _>>()?;
        self.inner.begin(lease, &shells).await
    }

    async fn gather(&self, lease: &Lease, keys: &[WorkKey]) -> Result<Vec<Work>, StoreError> {
        self.known(&lease.mapping.tenant).await?;
        let opener = self.opener(&lease.mapping);
        let found = self.inner.gather(lease, keys).await?;
        found.into_iter().map(|work| opener.work(work)).collect()
    }

    async fn linked(
        &self,
        mapping: &MappingKey,
        side: Side,
        records: &[RecordId],
    ) -> Result<Vec<Option<Linked>>, StoreError> {
        self.inner.linked(mapping, side, records).await
    }

    async fn answer(
        &self,
        mapping: &MappingKey,
        answers: &[AnswerTo],
    ) -> Result<Vec<AnswerOutcome>, StoreError> {
        let prints = self.prints(mapping).await?;
        let sealer = self.sealer(&prints, mapping);
        let mut asked = self.asked(mapping, answers).await?;
        let mut shells = Vec::with_capacity(answers.len());
        for to in answers {
            let answer = match asked.get(&to.hold).and_then(|asked| asked.given(&to.answer.choice))
            {
                Some(choice) => Answer { choice: choice.clone(), at: to.answer.at },
                None => sealer.answer(&to.hold, &to.answer)?,
            };
            // A hold that is not there, or is another one by now, has no version that is this one.
            let mut version = to.version;
            if let Some(asked) = asked.get_mut(&to.hold) {
                asked.answers.push((to.answer.choice.clone(), answer.choice.clone()));
                if asked.opened.version() == to.version {
                    version = asked.shell.version();
                }
            }
            shells.push(AnswerTo { hold: to.hold.clone(), version, answer });
        }
        self.inner.answer(mapping, &shells).await
    }

    async fn conflict_rows(
        &self,
        mapping: &MappingKey,
        ids: &[ConflictId],
    ) -> Result<Vec<Option<Conflict>>, StoreError> {
        let Some(prints) = self.known(&mapping.tenant).await? else {
            return Ok(vec![None; ids.len()]);
        };
        let ids: Vec<_> = ids.iter().map(|id| prints.conflict(*id)).collect();
        let opener = self.opener(mapping);
        let rows = self.inner.conflict_rows(mapping, &ids).await?;
        rows.into_iter().map(|row| row.map(|row| opener.conflict(&row)).transpose()).collect()
    }

    async fn commit(&self, lease: &Lease, batch: &CommitBatch) -> Result<(), StoreError> {
        let prints = self.prints(&lease.mapping).await?;
        let batch = self.sealer(&prints, &lease.mapping).batch(batch)?;
        self.inner.commit(lease, &batch).await
    }

    async fn links(
        &self,
        mapping: &MappingKey,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError> {
        self.known(&mapping.tenant).await?;
        let opener = self.opener(mapping);
        let links = self.inner.links(mapping, after, limit).await?;
        links.into_iter().map(|link| opener.link(link)).collect()
    }

    async fn log(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<LogRow>, StoreError> {
        self.known(&mapping.tenant).await?;
        let opener = self.opener(mapping);
        self.inner.log(mapping, page).await?.iter().map(|row| opener.log(row)).collect()
    }

    async fn conflicts(
        &self,
        mapping: &MappingKey,
        page: &Page,
    ) -> Result<Vec<Conflict>, StoreError> {
        self.known(&mapping.tenant).await?;
        let opener = self.opener(mapping);
        self.inner.conflicts(mapping, page).await?.iter().map(|row| opener.conflict(row)).collect()
    }

    async fn holds(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<Hold>, StoreError> {
        self.known(&mapping.tenant).await?;
        let opener = self.opener(mapping);
        self.inner.holds(mapping, page).await?.iter().map(|hold| opener.hold(hold)).collect()
    }

    async fn runs(&self, mapping: &MappingKey, page: &Page) -> Result<Vec<RunRow>, StoreError> {
        self.known(&mapping.tenant).await?;
        let opener = self.opener(mapping);
        self.inner.runs(mapping, page).await?.into_iter().map(|run| opener.run(run)).collect()
    }
}

/// A hold that is answered, below and above the layer.
struct Asked {
    shell: Hold,
    opened: Hold,
    /// What was answered to it, above and below: what is there, then what is on its way.
    answers: Vec<(Choice, Choice)>,
}

impl Asked {
    /// What stands below for an answer that is given again: sealed anew it would be another one.
    fn given(&self, choice: &Choice) -> Option<&Choice> {
        self.answers.iter().find(|(above, _)| above == choice).map(|(_, below)| below)
    }
}

impl<S: Rows + TokenStore> Sealed<S> {
    /// The holds that answers are to. An answer names the version of the hold that a person saw, and
    /// the store below knows its shell's alone.
    async fn asked(
        &self,
        mapping: &MappingKey,
        answers: &[AnswerTo],
    ) -> Result<BTreeMap<HoldKey, Asked>, StoreError> {
        let keys = answers.iter().map(|to| to.hold.clone()).collect();
        let page = Page { holds: Some(keys), ..Page::all() };
        let mut found = BTreeMap::new();
        for shell in self.inner.holds(mapping, &page).await? {
            let opened = self.opener(mapping).hold(&shell)?;
            let both = opened.answer.as_ref().zip(shell.answer.as_ref());
            let given = both.map(|(above, below)| (above.choice.clone(), below.choice.clone()));
            let answers = given.into_iter().collect();
            found.insert(shell.key.clone(), Asked { shell, opened, answers });
        }
        Ok(found)
    }
}
