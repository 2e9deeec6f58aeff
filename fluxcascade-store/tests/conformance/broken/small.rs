//! Defects in leases, runs, feeds, hints and answers.

use std::time::Duration;

use fluxcascade_core::model::{
    AnswerOutcome, AnswerTo, MappingKey, RunNumber, RunRow, Side, Timestamp,
};
use fluxcascade_core::store::{
    CommitBatch, Feed, FeedKey, Hint, InboxMark, Lease, Page, RunStart, Store, StoreError,
    StoreErrorKind, WorkRequest,
};

use super::Broken;

const SECOND: Duration = Duration::from_secs(1);

impl Broken {
    pub(super) async fn broken_lease(
        &self,
        mapping: &MappingKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        let mut given = self.inner.lease(mapping, now, ttl).await;
        let busy = "while_a_lease_is_neither_released_nor_past_its_end_another_is_busy";
        if given.is_err() && self.breaks(busy) {
            // A lease ends a second early.
            given = self.inner.lease(mapping, now + SECOND, ttl).await;
        }
        let mut lease = given?;
        let mut state = self.state();
        let was_given_back = state.given_back.remove(mapping);
        state.leases.insert(mapping.clone(), lease.clone());
        if was_given_back
            && let Some(told) = state.told.get(mapping)
            && self.breaks("each_lease_has_a_greater_fencing_number_than_the_one_before")
        {
            lease.fence = *told;
        }
        state.told.insert(mapping.clone(), lease.fence);
        lease.sole |= self.breaks("a_lease_after_one_that_ran_out_is_not_sole");
        Ok(lease)
    }

    pub(super) async fn broken_renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        let mut renewed = self.inner.renew(lease, now, ttl).await?;
        if self.breaks("a_renewed_lease_holds_until_its_new_end") {
            renewed.until = lease.until;
        }
        Ok(renewed)
    }

    pub(super) async fn broken_release(&self, lease: &Lease) -> Result<(), StoreError> {
        let latest = self.latest(&lease.mapping);
        if let Some(latest) = latest.filter(|latest| latest.fence != lease.fence) {
            if self.breaks("giving_back_a_lost_lease_leaves_the_later_one") {
                return self.inner.release(&latest).await;
            }
        } else {
            self.state().given_back.insert(lease.mapping.clone());
        }
        self.inner.release(lease).await
    }

    pub(super) async fn broken_start_run(
        &self,
        lease: &Lease,
        start: &RunStart,
    ) -> Result<RunNumber, StoreError> {
        let rule = "a_run_that_is_to_come_after_another_number_has_the_one_after_that";
        let after = if self.breaks(rule) { RunNumber(0) } else { start.after };
        let start = RunStart { after, ..start.clone() };
        let number = self.inner.start_run(lease, &start).await?;
        let counts_all = self.breaks("each_run_has_the_number_after_the_last_one_s");
        if !counts_all || start.after > RunNumber(0) {
            return Ok(number);
        }
        // The runs of all mappings are counted.
        let mappings: Vec<_> = self.state().leases.keys().cloned().collect();
        let mut runs = 0;
        for mapping in mappings {
            runs += self.inner.runs(&mapping, &Page::all()).await?.len();
        }
        Ok(RunNumber(runs as u64))
    }

    pub(super) async fn broken_finish_run(
        &self,
        lease: &Lease,
        run: &RunRow,
    ) -> Result<(), StoreError> {
        let mut run = run.clone();
        if self.breaks("a_run_is_read_as_it_was_finished") {
            run.error = None;
        }
        let forgiven = match self.inner.finish_run(lease, &run).await {
            Ok(()) => return Ok(()),
            Err(error) if error.kind == StoreErrorKind::LeaseLost => {
                (error, "a_call_under_a_lease_that_was_lost_or_given_back_fails")
            }
            Err(error) => (error, "a_run_that_was_not_begun_cannot_be_finished"),
        };
        if self.breaks(forgiven.1) { Ok(()) } else { Err(forgiven.0) }
    }

    pub(super) async fn broken_feed(
        &self,
        lease: &Lease,
        key: &FeedKey,
    ) -> Result<Feed, StoreError> {
        match self.inner.feed(lease, key).await {
            Ok(feed) if self.breaks("a_feed_is_where_the_last_page_left_it") => {
                Ok(Feed { sweep_rows: 0, ..feed })
            }
            Err(error)
                if error.kind == StoreErrorKind::Misuse
                    && self.breaks("a_lease_does_not_reach_the_feed_of_another_mapping") =>
            {
                Ok(Feed::default())
            }
            outcome => outcome,
        }
    }

    pub(super) async fn broken_notify(&self, hints: &[Hint]) -> Result<(), StoreError> {
        let mut hints = hints.to_vec();
        if self.breaks("a_hint_gives_an_entry_a_new_sequence_number_and_no_observation") {
            // One that is seen already is left alone.
            let lease = self.state().leases.values().next().cloned();
            for hint in std::mem::take(&mut hints) {
                let entry = match &lease {
                    Some(lease) => self.entry_of(lease, Side::Source, &hint.record).await,
                    None => None,
                };
                if entry.is_none_or(|entry| entry.observation.is_none()) {
                    hints.push(hint);
                }
            }
        }
        self.inner.notify(&hints).await?;
        if self.breaks("a_hint_reaches_all_mappings_that_read_the_object_type") {
            self.take_back(&hints).await?;
        }
        Ok(())
    }

    /// Leaves hints to the first mapping alone.
    async fn take_back(&self, hints: &[Hint]) -> Result<(), StoreError> {
        let others: Vec<_> = self.state().leases.values().skip(1).cloned().collect();
        let end = Timestamp::from_micros(i64::MAX);
        for lease in others {
            let request = WorkRequest { after: None, limit: usize::MAX, now: end };
            let work = self.inner.work(&lease, &request).await?;
            let entries = work.into_iter().filter_map(|work| work.entries.source);
            let cleared = entries
                .filter(|entry| hints.iter().any(|hint| hint.record == entry.record))
                .map(|entry| InboxMark {
                    side: Side::Source,
                    record: entry.record,
                    sequence: entry.sequence,
                });
            let batch = CommitBatch { cleared: cleared.collect(), ..CommitBatch::default() };
            self.inner.commit(&lease, &batch).await?;
        }
        Ok(())
    }

    pub(super) async fn broken_answer(
        &self,
        mapping: &MappingKey,
        answers: &[AnswerTo],
    ) -> Result<Vec<AnswerOutcome>, StoreError> {
        if self.state().given_back.contains(mapping) && self.breaks("an_answer_needs_no_lease") {
            return Ok(vec![AnswerOutcome::Gone; answers.len()]);
        }
        let mut answers = answers.to_vec();
        let holds = self.inner.holds(mapping, &Page::all()).await?;
        let version = |to: &AnswerTo| {
            holds
                .iter()
                .find(|hold| hold.key == to.hold)
                .map(fluxcascade_core::model::Hold::version)
        };
        if self.breaks("an_answer_to_another_version_is_stale_and_changes_nothing") {
            for to in &mut answers {
                to.version = version(to).unwrap_or(to.version);
            }
        }
        let mut outcomes = self.inner.answer(mapping, &answers).await?;
        for (outcome, to) in outcomes.iter_mut().zip(&answers) {
            let (rule, told) = match *outcome {
                AnswerOutcome::Stored => continue,
                AnswerOutcome::Already => {
                    ("the_same_answer_twice_is_stored_once", AnswerOutcome::Stored)
                }
                AnswerOutcome::Stale if version(to) != Some(to.version) => continue,
                AnswerOutcome::Stale => {
                    ("another_answer_to_an_answered_hold_is_stale", AnswerOutcome::Stored)
                }
                AnswerOutcome::Gone => {
                    ("an_answer_to_a_hold_that_is_no_more_is_gone", AnswerOutcome::Stale)
                }
            };
            if self.breaks(rule) {
                *outcome = told;
            }
        }
        Ok(outcomes)
    }
}
