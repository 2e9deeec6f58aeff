//! Unlinked records that tombstones name: what was deleted does not come back as something new, and
//! a record that is seen again has its link again.

use super::detect::is_read;
use super::ending::resumed;
use super::entry::{Entry, Need, RecordAction, Step};
use super::linked::follow_and_decide;
use super::matching::Subject;
use super::parked::park;
use crate::model::{
    Ending, HoldKey, Link, LinkStatus, Operation, OperationKind, RecordId, Side, State, Work,
    WorkKey,
};
use crate::plan::context::PlanContext;
use crate::seeded::{self, Bug};

/// What an unlinked record is free for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freedom {
    /// No tombstone names it.
    Free,
    /// Its twin was deleted, and is made again.
    Remade,
    /// A link of it ended: it is linked to what it matches, and nothing is created for it.
    Ended,
}

/// Whether a tombstone's record of this side is the one that was gone when the link ended.
fn was_gone(tombstone: &Link, side: Side) -> bool {
    match tombstone.ending {
        Some(Ending::Deleted(gone) | Ending::Remade(gone)) => gone == side,
        Some(Ending::TwinRemoved(_) | Ending::BothDeleted) => true,
        Some(Ending::Unlinked | Ending::Excluded(_)) | None => false,
    }
}

/// The tombstone whose link is made again with a new record on the side other than this one.
pub(crate) fn remade(work: &Work, side: Side) -> Option<&Link> {
    remade_of(&work.tombstones, side)
}

fn remade_of(tombstones: &[Link], side: Side) -> Option<&Link> {
    tombstones.iter().find(|t| t.ending == Some(Ending::Remade(side.other())))
}

/// Whether a person said that these two are not the same.
pub(super) fn is_parted(work: &Work, side: Side, other: &RecordId) -> bool {
    let parted = |t: &&Link| t.ending == Some(Ending::Unlinked);
    work.tombstones.iter().filter(parted).any(|t| t.records[side.other()] == *other)
}

impl Subject<'_> {
    /// What the record's tombstones say: its link is in use again, or what it is free for.
    pub(super) fn rise(
        &self,
        context: &PlanContext,
        entry: Entry,
        needs: &mut Vec<Need>,
    ) -> Result<(Freedom, Entry), Box<Entry>> {
        let other = self.side.other();
        let back: Vec<&Link> =
            self.work.tombstones.iter().filter(|t| was_gone(t, self.side)).collect();
        let before = needs.len();
        // What is to be made again may be back: it is looked at once more before it is.
        let again = remade(self.work, self.side).filter(|_| !self.is_being_made());
        for tombstone in back.iter().copied().chain(again) {
            ask(other, &tombstone.records[other], context, needs);
        }
        // A late listing still shows a record that is gone.
        if !back.is_empty() && !is_read(self.side, self.record, context) {
            needs.push(Need::Fetch { side: self.side, record: self.record.clone() });
        }
        if needs.len() > before {
            return Err(Box::new(Entry { step: Step::Needs, ..entry }));
        }
        let twin = |t: &Link| (other, t.records[other].clone());
        let is_taken = |t: &Link| matches!(context.linked.get(&twin(t)), Some(Some(_)));
        let state = |t: &Link| context.fetched.get(&twin(t)).map(|seen| &seen.state);
        let (taken, free): (Vec<&Link>, Vec<&Link>) = back.into_iter().partition(|t| is_taken(t));
        let there: Vec<&Link> =
            free.iter().copied().filter(|t| state(t).is_some_and(is_there)).collect();
        let ours: Vec<&Link> = free
            .iter()
            .copied()
            .filter(|t| t.ending == Some(Ending::TwinRemoved(self.side)))
            .filter(|t| !state(t).is_some_and(is_there))
            .collect();
        let again = again.filter(|t| !is_taken(t) && state(t).is_some_and(is_back));
        if let Some(tombstone) = again.filter(|_| there.is_empty()) {
            return Err(Box::new(self.revive(other, tombstone, context, entry, needs)));
        }
        match (there.as_slice(), ours.as_slice(), taken.as_slice()) {
            ([one], _, _) => Err(Box::new(self.revive(self.side, one, context, entry, needs))),
            ([_, _, ..], _, _) => Err(Box::new(self.park_beside(
                &there,
                "several former partners are there",
                context,
                entry,
            ))),
            ([], [one], _) => Err(Box::new(self.restore_twin(one, context, entry))),
            ([], [_, _, ..], _) => Err(Box::new(self.park_beside(
                &ours,
                "several of its former partners were removed for it",
                context,
                entry,
            ))),
            ([], [], [_, ..]) => Err(Box::new(self.park_beside(
                &taken,
                "it was deleted and is back, and its former partner is linked to another record",
                context,
                entry,
            ))),
            ([], [], []) => Ok((self.freedom(), entry)),
        }
    }

    /// What must be known of a partner before it is linked: the links that it once had. Of one that a
    /// create without an answer seems to have made, always.
    pub(super) fn asks_former(
        &self,
        partner: &RecordId,
        operation: Option<&Operation>,
        context: &PlanContext,
    ) -> Option<Need> {
        let (side, record) = (self.side.other(), partner.clone());
        let may_be_made = operation.is_some_and(|operation| operation.side == side);
        let may_be_remade =
            self.mapping.mapping.remakes() && remade(self.work, self.side).is_none();
        let is_known = context.former.contains_key(&(side, record.clone()));
        let is_asked = (may_be_made || may_be_remade) && !is_known;
        is_asked.then_some(Need::Former { side, record })
    }

    /// Whether what a create without an answer seems to have made was linked to another record before:
    /// then it is rather that one's, and no value of it is known to be the create's.
    pub(super) fn is_of_another(
        &self,
        operation: &Operation,
        partner: &RecordId,
        context: &PlanContext,
    ) -> bool {
        let made = operation.side;
        let former = if made == self.side {
            Some(&self.work.tombstones)
        } else {
            context.former.get(&(made, partner.clone()))
        };
        let mut origins = former.into_iter().flatten().map(|link| &link.records[made.other()]);
        origins.any(|origin| *origin != operation.origin)
    }

    /// The ended link of the record, or of this partner, that waits for a new record: it is in use
    /// again with this one. Else it would wait on, and what it waits for would be made once more.
    pub(super) fn taken_up(&self, partner: &RecordId, context: &PlanContext) -> Option<Link> {
        let other = self.side.other();
        let of_partner = || remade_of(context.former.get(&(other, partner.clone()))?, other);
        remade(self.work, self.side).or_else(of_partner).cloned()
    }

    fn freedom(&self) -> Freedom {
        let is_new = self.work.tombstones.is_empty() || seeded::is(Bug::TombstoneForgets);
        match (remade(self.work, self.side), is_new) {
            (Some(_), _) => Freedom::Remade,
            (None, true) => Freedom::Free,
            (None, false) => Freedom::Ended,
        }
    }

    /// Whether a create for it has begun and has no answer yet.
    fn is_being_made(&self) -> bool {
        self.work.operations.iter().any(|op| op.kind == OperationKind::Create)
    }

    /// The link is in use again, with its old bases, for its record of the side `back` is back: what
    /// was edited since flows as ever.
    fn revive(
        &self,
        back: Side,
        tombstone: &Link,
        context: &PlanContext,
        mut entry: Entry,
        needs: &mut Vec<Need>,
    ) -> Entry {
        let link = Link { status: LinkStatus::Active, ending: None, ..tombstone.clone() };
        let why = format!("the {back} record {} is back", tombstone.records[back]);
        entry.before = Some(resumed(&link, &why));
        entry.records = link.records.as_ref().map(|record| Some(record.clone()));
        for (side, record) in link.records.iter() {
            entry.released.push(HoldKey::Record(side, record.clone()));
        }
        entry.step = Step::Decided;
        let revived = Work {
            key: WorkKey::Link(link.id),
            link: Some(link.clone()),
            entries: self.work.entries.clone(),
            holds: Vec::new(),
            operations: Vec::new(),
            candidates: Vec::new(),
            tombstones: Vec::new(),
        };
        follow_and_decide(self.mapping, &revived, &link, context, entry, needs)
    }

    /// The engine removed the other record when this one was deleted: it is brought back, if the
    /// system can do that.
    fn restore_twin(&self, tombstone: &Link, context: &PlanContext, mut entry: Entry) -> Entry {
        let other = self.side.other();
        let twin = (other, tombstone.records[other].clone());
        let is_archived =
            matches!(context.fetched.get(&twin).map(|seen| &seen.state), Some(State::Archived(_)));
        let can = context.powers[other].restores && self.mapping.mapping.direction.writes_to(other);
        if !(is_archived && can) {
            let why = "it was deleted, its partner was removed for it, and now it is back: restore \
                       the partner in its system, or";
            return self.park_beside(&[tombstone], why, context, entry);
        }
        let link = Link { status: LinkStatus::Active, ending: None, ..tombstone.clone() };
        entry.records = link.records.as_ref().map(|record| Some(record.clone()));
        entry.record = Some((other, RecordAction::Restore));
        let why = format!("the {} record {} is back, and the other one", self.side, self.record);
        entry.after = Some(resumed(&link, &why));
        for (side, record) in link.records.iter() {
            entry.released.push(HoldKey::Record(side, record.clone()));
            entry.wakes.push((side, record.clone()));
        }
        entry.step = Step::Decided;
        entry
    }

    fn park_beside(
        &self,
        tombstones: &[&Link],
        why: &str,
        context: &PlanContext,
        entry: Entry,
    ) -> Entry {
        let other = self.side.other();
        let candidates = tombstones.iter().map(|t| (other, t.records[other].clone())).collect();
        park(self.side, self.record, candidates, why, context, entry)
    }
}

fn ask(side: Side, record: &RecordId, context: &PlanContext, needs: &mut Vec<Need>) {
    let key = (side, record.clone());
    if !context.linked.contains_key(&key) {
        needs.push(Need::Linked { side, record: record.clone() });
    }
    if !is_read(side, record, context) {
        needs.push(Need::Fetch { side, record: record.clone() });
    }
}

/// Whether a record is there in one way or another: it is not deleted.
fn is_there(state: &State) -> bool {
    match state {
        State::Known { .. } | State::OutOfScope | State::Unreadable(_) | State::MergedInto(_) => {
            true
        }
        State::Archived(_) | State::Deleted(_) | State::Missing => false,
    }
}

/// Whether a record that was gone is there again, as itself.
fn is_back(state: &State) -> bool {
    match state {
        State::Known { .. } | State::OutOfScope | State::Unreadable(_) => true,
        State::MergedInto(_) | State::Archived(_) | State::Deleted(_) | State::Missing => false,
    }
}
