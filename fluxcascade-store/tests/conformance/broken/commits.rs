//! Defects in what is begun and committed.

use std::time::Duration;

use fluxcascade_core::model::{
    Hold, Link, LinkStatus, MatchKeys, Operation, OperationId, OperationKind, RecordId, Side,
    Timestamp,
};
use fluxcascade_core::store::{
    Begun, CommitBatch, InboxMark, Lease, LinkChange, Made, Page, RecordKeys, Store, StoreError,
    StoreErrorKind,
};
use fluxcascade_core::testkit::conformance::store::nouns::{contacts, record};

use super::{Broken, misuse};

fn is_create(operation: &Operation) -> bool {
    operation.kind == OperationKind::Create
}

fn share(one: &Operation, other: &Operation) -> bool {
    is_create(one) && one.claims.iter().any(|claim| other.claims.contains(claim))
}

impl Broken {
    pub(super) async fn broken_begin(
        &self,
        lease: &Lease,
        operations: &[Operation],
    ) -> Result<Vec<Begun>, StoreError> {
        // An error is the same for any operations.
        self.inner.begin(lease, &[]).await?;
        let mut begun = Vec::new();
        for (place, operation) in operations.iter().enumerate() {
            let said = self.begin_one(lease, operation, &operations[..place]).await?;
            begun.push(said);
        }
        let rule = "of_each_operation_is_said_whether_it_was_begun_in_the_order_given";
        if self.breaks(rule) {
            begun.reverse();
        }
        Ok(begun)
    }

    async fn begin_one(
        &self,
        lease: &Lease,
        operation: &Operation,
        before: &[Operation],
    ) -> Result<Begun, StoreError> {
        let mapping = lease.mapping.mapping.clone();
        let mut operation = operation.clone();
        if before.iter().any(|other| share(other, &operation))
            && self.breaks("a_claim_of_the_same_mapping_does_not_refuse_a_create")
        {
            return Ok(Begun::ClaimedBy(mapping));
        }
        let place = (mapping.clone(), operation.id);
        let claimed = operation.claims.iter().any(|claim| self.state().claims.contains(claim));
        if claimed
            && lease.mapping.tenant != contacts().tenant
            && self.breaks("claims_are_of_one_tenant")
        {
            return Ok(Begun::ClaimedBy(contacts().mapping));
        }
        let again = "an_operation_that_is_begun_again_takes_the_place_of_the_one_with_its_id";
        if self.state().open.contains(&place) && self.breaks(again) {
            return Ok(Begun::Yes);
        }
        let rule = "a_create_whose_claim_an_operation_of_another_mapping_holds_is_not_begun";
        if self.breaks(rule) && mapping.as_str() == "leads" {
            // Only the first claim is looked at.
            operation.claims.truncate(1);
        }
        let said = self.inner.begin(lease, std::slice::from_ref(&operation)).await?;
        let said = said.into_iter().next().unwrap();
        if said == Begun::Yes {
            let mut state = self.state();
            state.open.insert(place);
            state.claims.extend(operation.claims);
        }
        Ok(said)
    }

    pub(super) async fn broken_commit(
        &self,
        lease: &Lease,
        batch: &CommitBatch,
    ) -> Result<(), StoreError> {
        let mut broken = batch.clone();
        self.break_operations(lease, &mut broken);
        self.break_links(lease, &broken).await?;
        self.break_entries(lease, &mut broken).await;
        self.break_holds(lease, &mut broken).await?;
        if self.breaks("a_judged_conflict_row_has_another_status_and_the_same_values") {
            broken.judged.clear();
        }
        let outcome = self.inner.commit(lease, &broken).await;
        if outcome.is_ok() {
            let mapping = &lease.mapping.mapping;
            let mut state = self.state();
            for id in &broken.closed {
                state.open.remove(&(mapping.clone(), *id));
            }
        }
        self.forgive(lease, &broken, outcome).await
    }

    /// What is made of a commit that failed.
    async fn forgive(
        &self,
        lease: &Lease,
        batch: &CommitBatch,
        outcome: Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let Err(error) = outcome else { return Ok(()) };
        if self.breaks("a_call_that_fails_has_changed_nothing") {
            // The log is written first, and stays.
            let log = CommitBatch { log: batch.log.clone(), ..CommitBatch::default() };
            self.inner.commit(lease, &log).await?;
        }
        let only_links = CommitBatch { links: batch.links.clone(), ..CommitBatch::default() };
        let is_second = error.kind == StoreErrorKind::Misuse && batch.links.len() > 1;
        if is_second
            && *batch == only_links
            && self.breaks("a_record_has_at_most_one_link_that_is_no_tombstone")
        {
            return Ok(());
        }
        Err(error)
    }

    fn break_operations(&self, lease: &Lease, batch: &mut CommitBatch) {
        match self.rule {
            "a_create_whose_claim_a_record_of_another_mapping_holds_is_not_begun" => {
                batch.made.clear();
            }
            "a_claim_of_a_made_record_ends_at_its_time" => {
                for made in &mut batch.made {
                    made.until = made.until + Duration::from_secs(1);
                }
            }
            "a_create_that_is_closed_without_a_record_gives_up_its_claims" => {
                let until = Timestamp::from_micros(i64::MAX);
                let made = batch
                    .closed
                    .iter()
                    .filter(|id| batch.made.iter().all(|made| made.operation != **id));
                let made: Vec<_> = made
                    .map(|id| Made { operation: *id, record: record("nothing"), until })
                    .collect();
                batch.made.extend(made);
            }
            "a_closed_operation_is_no_more" => {
                // It stops at one that it does not know.
                let mapping = &lease.mapping.mapping;
                let state = self.state();
                let known = |id: &&OperationId| state.open.contains(&(mapping.clone(), **id));
                let many = batch.closed.iter().take_while(known).count();
                batch.closed.truncate(many);
            }
            _ => {}
        }
    }

    /// Refuses links that are in order.
    async fn break_links(&self, lease: &Lease, batch: &CommitBatch) -> Result<(), StoreError> {
        let stored = self.inner.links(&lease.mapping, None, usize::MAX).await?;
        let old = |change: &LinkChange| stored.iter().find(|link| link.id == change.link.id);
        let takes = |one: &Link, from: &Link| {
            Side::BOTH.into_iter().any(|side| one.records[side] == from.records[side])
        };
        let pairs =
            || batch.links.iter().flat_map(|one| batch.links.iter().map(move |other| (one, other)));
        let gives_up = |other: &LinkChange, to: &Link| {
            let Some(old) = old(other) else { return false };
            let given = |side| old.records[side] != other.link.records[side];
            Side::BOTH.iter().any(|&side| given(side) && old.records[side] == to.records[side])
        };
        let exchanged =
            pairs().any(|(one, other)| old(one).is_some() && gives_up(other, &one.link));
        if exchanged && self.breaks("links_may_exchange_their_records_in_one_commit") {
            return Err(misuse());
        }
        let is_ended = |change: &LinkChange| change.link.status == LinkStatus::Tombstone;
        let freed = pairs()
            .any(|(one, other)| !is_ended(one) && is_ended(other) && takes(&one.link, &other.link));
        if freed && self.breaks("the_records_of_a_tombstone_are_free_for_another_link") {
            return Err(misuse());
        }
        Ok(())
    }

    async fn break_entries(&self, lease: &Lease, batch: &mut CommitBatch) {
        if self.breaks("an_inbox_entry_is_cleared_only_if_its_sequence_number_is_the_one_given") {
            for mark in &mut batch.cleared {
                let entry = self.entry_of(lease, mark.side, &mark.record).await;
                mark.sequence = entry.map_or(mark.sequence, |entry| entry.sequence);
            }
        }
        if self.breaks("a_requeued_record_gets_an_entry_without_an_observation") {
            // What is cleared stays cleared.
            let cleared = batch.cleared.clone();
            batch
                .requeued
                .retain(|requeue| cleared.iter().all(|mark| mark.record != requeue.record));
        }
        if self.breaks("a_requeued_entry_keeps_the_later_of_both_times") {
            for requeue in &batch.requeued {
                let entry = self.entry_of(lease, requeue.side, &requeue.record).await;
                batch.cleared.extend(entry.map(|entry| {
                    let (side, record) = (requeue.side, requeue.record.clone());
                    let sequence = entry.sequence;
                    InboxMark { side, record, sequence }
                }));
            }
        }
        if self.breaks("a_record_that_is_archived_keeps_its_match_keys") {
            let gone = std::mem::take(&mut batch.archived).into_iter();
            batch.keys.extend(gone.map(|(side, record)| RecordKeys {
                side,
                record,
                keys: MatchKeys::default(),
            }));
        }
        if self.breaks("a_record_that_gets_an_active_link_is_archived_no_more") {
            for (side, record) in records_of(&batch.links) {
                let work = self.work_of(lease, side, &record).await;
                let holders = work.iter().flat_map(|work| &work.candidates);
                let mut holders = holders.flat_map(|found| &found.holders[side]);
                if holders.any(|holder| holder.record == record && holder.archived) {
                    batch.archived.push((side, record));
                }
            }
        }
        if self.breaks("a_match_key_that_a_commit_does_not_show_is_as_it_was") {
            batch.keys.iter_mut().for_each(|keys| keys.keys.hidden.clear());
        }
        if self.breaks("match_keys_of_a_commit_replace_those_that_the_record_had") {
            for keys in std::mem::take(&mut batch.keys) {
                let work = self.work_of(lease, keys.side, &keys.record).await;
                if work.is_none_or(|work| work.candidates.is_empty()) {
                    batch.keys.push(keys);
                }
            }
        }
    }

    async fn break_holds(&self, lease: &Lease, batch: &mut CommitBatch) -> Result<(), StoreError> {
        let stored = self.inner.holds(&lease.mapping, &Page::all()).await?;
        let old = |hold: &Hold| stored.iter().find(|old| old.key == hold.key);
        let set: Vec<_> = batch.holds.iter().map(|hold| hold.key.clone()).collect();
        match self.rule {
            "a_released_hold_is_no_more" => {
                let known = |key: &&_| stored.iter().any(|hold| hold.key == **key);
                let many = batch.released.iter().take_while(known).count();
                batch.released.truncate(many);
            }
            "a_hold_that_is_released_and_set_again_in_one_commit_has_no_answer" => {
                batch.released.retain(|key| !set.contains(key));
            }
            "a_hold_that_takes_the_place_of_one_with_the_same_version_keeps_its_answer" => {
                batch.released.extend(set);
            }
            "a_hold_of_another_version_has_no_answer" => {
                for hold in &mut batch.holds {
                    if !batch.released.contains(&hold.key) {
                        hold.answer = old(hold).and_then(|old| old.answer.clone());
                    }
                }
            }
            "a_link_that_becomes_active_makes_the_holds_that_wait_for_its_records_due" => {
                for hold in &mut batch.holds {
                    let of_source = hold.waits_for.as_ref().is_some_and(|awaited| {
                        awaited.side == Side::Source && awaited.mapping != lease.mapping.mapping
                    });
                    if of_source && !self.is_active(lease, hold).await {
                        hold.waits_for = None;
                    }
                }
            }
            "a_hold_that_waits_for_an_active_link_is_due" => {
                for hold in &mut batch.holds {
                    if self.is_active(lease, hold).await {
                        hold.waits_for = None;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn records_of(changes: &[LinkChange]) -> Vec<(Side, RecordId)> {
    let records = changes.iter().flat_map(|change| change.link.records.iter());
    records.map(|(side, record)| (side, record.clone())).collect()
}
