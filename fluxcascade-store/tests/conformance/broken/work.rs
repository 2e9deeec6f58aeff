//! Defects in the work that is handed out or gathered.

use std::time::Duration;

use fluxcascade_core::model::{
    Candidates, Hold, HoldKey, InboxEntry, LinkStatus, Operation, OperationKind, Side, Sides,
    Timestamp, Work, WorkKey,
};
use fluxcascade_core::store::{Lease, Store, StoreError, WorkRequest};

use super::Broken;

fn is_due(entry: &InboxEntry, now: Timestamp) -> bool {
    entry.not_before.is_none_or(|at| at <= now)
}

fn has_due_entry(work: &Work, now: Timestamp) -> bool {
    work.entries.iter().any(|(_, entry)| entry.as_ref().is_some_and(|entry| is_due(entry, now)))
}

fn has_hold(work: &Work, is_so: impl Fn(&Hold) -> bool) -> bool {
    work.holds.iter().any(is_so)
}

fn is_own(work: &Work, operation: &Operation) -> bool {
    work.link.as_ref().is_some_and(|link| link.id == operation.link)
}

fn is_tombstone(work: &Work) -> bool {
    work.link.as_ref().is_some_and(|link| link.status == LinkStatus::Tombstone)
}

impl Broken {
    pub(super) async fn broken_work(
        &self,
        lease: &Lease,
        request: &WorkRequest,
    ) -> Result<Vec<Work>, StoreError> {
        let mut found = self.inner.work(lease, request).await?;
        if self.breaks("an_entry_that_is_not_due_makes_no_work") {
            found = self.with_early_entries(lease, request).await?;
        }
        found.retain(|work| !self.is_left_out(work, request.now));
        if matches!(request.after, Some(WorkKey::Link(_)))
            && matches!(found.first().map(|work| &work.key), Some(WorkKey::Record(..)))
            && self.breaks("work_comes_in_key_order_at_any_page_size")
        {
            // Between links and records one is lost.
            found.remove(0);
        }
        let mut handed_out = Vec::new();
        for mut work in found {
            self.break_one(&mut work);
            self.break_candidates(lease, &mut work).await;
            handed_out.push(work.clone());
            let seen = |entry: &Option<InboxEntry>| {
                entry.as_ref().is_some_and(|entry| entry.observation.is_some())
            };
            if work.entries.iter().all(|(_, entry)| seen(entry))
                && self.breaks("there_is_one_work_per_link_and_per_unlinked_record")
            {
                handed_out.push(work); // one per entry
            }
        }
        Ok(handed_out)
    }

    /// What is due, and what an entry makes due within a second.
    async fn with_early_entries(
        &self,
        lease: &Lease,
        request: &WorkRequest,
    ) -> Result<Vec<Work>, StoreError> {
        let (now, later) = (request.now, request.now + Duration::from_secs(1));
        let early = WorkRequest { now: later, ..request.clone() };
        let due: Vec<WorkKey> =
            self.inner.work(lease, request).await?.into_iter().map(|work| work.key).collect();
        let mut found = self.inner.work(lease, &early).await?;
        found.retain(|work| {
            let early = has_due_entry(work, later) && !has_due_entry(work, now);
            due.contains(&work.key) || early
        });
        Ok(found)
    }

    fn is_left_out(&self, work: &Work, now: Timestamp) -> bool {
        let entry_due = has_due_entry(work, now);
        let by_time = |hold: &Hold| hold.not_before.is_some_and(|at| at <= now);
        let by_answer = |hold: &Hold| hold.answer.is_some();
        match self.rule {
            // A hold is due only once its time is over.
            "a_due_hold_makes_work_and_one_without_a_time_does_not" => {
                let over = |hold: &Hold| hold.not_before.is_some_and(|at| at < now);
                let other = has_hold(work, over) || has_hold(work, by_answer);
                !entry_due && work.operations.is_empty() && !other
            }
            "an_open_operation_makes_work_for_its_link" => {
                let held = has_hold(work, by_time) || has_hold(work, by_answer);
                let own = work.operations.iter().all(|operation| is_own(work, operation));
                !entry_due && !held && own && !work.operations.is_empty()
            }
            "an_answered_hold_is_due_whatever_its_time" => {
                let other = has_hold(work, by_time) || !work.operations.is_empty();
                !entry_due && !other && has_hold(work, by_answer)
            }
            "a_tombstone_s_holds_are_its_own" => is_tombstone(work),
            _ => false,
        }
    }

    fn break_one(&self, work: &mut Work) {
        let ended: Vec<_> = work.tombstones.iter().map(|link| link.id).collect();
        let linked = work.link.is_some();
        let id = work.link.as_ref().map(|link| link.id);
        let is_create = |operation: &Operation| operation.kind == OperationKind::Create;
        match self.rule {
            "a_work_has_all_holds_and_open_operations_of_its_link" => work.holds.truncate(2),
            "what_is_open_for_a_tombstone_is_its_records" => {
                work.operations.retain(|operation| !ended.contains(&operation.link));
            }
            "an_open_create_is_in_the_work_of_its_origin" => {
                work.operations.retain(|operation| linked || !is_create(operation));
            }
            "an_open_create_follows_an_origin_that_is_linked_otherwise" => {
                let own = |operation: &Operation| id == Some(operation.link);
                work.operations.retain(|o| !linked || !is_create(o) || own(o));
            }
            "entries_and_holds_follow_their_record" => {
                work.holds.retain(|hold| !linked || !matches!(hold.key, HoldKey::Record(..)));
            }
            "an_unlinked_record_has_all_tombstones_that_name_it" => work.tombstones.truncate(1),
            "a_new_or_replaced_entry_has_a_greater_sequence_number_than_any_before_it" => {
                for side in Side::BOTH {
                    if let Some(entry) = &mut work.entries[side] {
                        entry.sequence = entry.sequence.min(5);
                    }
                }
            }
            _ => {}
        }
    }

    async fn break_candidates(&self, lease: &Lease, work: &mut Work) {
        if self.breaks("candidates_have_one_item_per_rule_under_which_the_record_has_a_key") {
            work.candidates.retain(|candidates| candidates.rule < 2);
        }
        if self.breaks("creates_under_way_are_counted_but_not_the_record_s_own") {
            let own: Vec<_> = work.operations.iter().map(|operation| operation.side).collect();
            for candidates in &mut work.candidates {
                for side in &own {
                    candidates.pending[*side] += 1;
                }
            }
        }
        for candidates in &mut work.candidates {
            for side in Side::BOTH {
                self.break_holders(lease, candidates, side).await;
            }
        }
    }

    async fn break_holders(&self, lease: &Lease, candidates: &mut Candidates, side: Side) {
        let holders = &mut candidates.holders[side];
        if self.breaks("of_a_key_that_many_share_the_first_holders_of_each_side_are_told") {
            holders.truncate(Candidates::MOST_HOLDERS - 1);
        }
        if self.breaks("holders_that_are_archived_come_last") {
            holders.sort_by(|one, other| one.record.cmp(&other.record));
        }
        for holder in holders {
            match self.rule {
                "a_holder_has_its_link_its_entry_its_open_create_and_the_reason_of_its_hold" => {
                    holder.hold = None;
                }
                "a_holder_is_decided_earlier_if_another_record_has_its_earlier_key" => {
                    holder.decided_earlier = false;
                }
                "a_tombstone_s_records_count_as_unlinked" => {
                    let work = self.work_of(lease, side, &holder.record).await;
                    let ended = work.and_then(|work| work.tombstones.first().map(|link| link.id));
                    holder.link = holder.link.or(ended);
                }
                _ => {}
            }
        }
    }

    pub(super) async fn broken_gather(
        &self,
        lease: &Lease,
        keys: &[WorkKey],
    ) -> Result<Vec<Work>, StoreError> {
        let mut asked = Vec::new();
        let mut unknown = Vec::new();
        for key in keys {
            let WorkKey::Record(side, record) = key else {
                asked.push(key.clone());
                continue;
            };
            let work = self.work_of(lease, *side, record).await;
            let linked = work.as_ref().is_some_and(|work| work.link.is_some());
            if !(linked && self.breaks("the_key_of_a_linked_record_gives_the_work_of_its_link")) {
                asked.push(key.clone());
            }
            if work.is_none() && *side == Side::Target {
                unknown.push(empty(key));
            }
        }
        let mut found = self.inner.gather(lease, &asked).await?;
        match self.rule {
            "gathered_work_comes_in_the_order_asked_and_each_once" => {
                found.sort_by(|a, b| a.key.cmp(&b.key));
            }
            "work_is_gathered_whether_it_is_due_or_not" => found.retain(|work| {
                let told = !work.holds.is_empty() || !work.operations.is_empty();
                let entry = work.entries.iter().any(|(_, entry)| entry.is_some());
                work.link.is_some() || told || entry || !work.tombstones.is_empty()
            }),
            "a_key_of_which_nothing_is_stored_has_no_work" => found.extend(unknown),
            "a_tombstone_s_key_gives_its_work" => found.retain(|work| !is_tombstone(work)),
            _ => {}
        }
        Ok(found)
    }
}

fn empty(key: &WorkKey) -> Work {
    Work {
        key: key.clone(),
        link: None,
        entries: Sides::default(),
        holds: Vec::new(),
        operations: Vec::new(),
        candidates: Vec::new(),
        tombstones: Vec::new(),
    }
}
