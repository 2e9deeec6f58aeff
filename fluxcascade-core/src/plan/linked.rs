//! Linked records: from what both sides show to what is done for each pair.

use super::context::{PlanContext, Writing};
use super::detect::{View, is_read, is_refused_still, is_stale, is_unchanged, view};
use super::ending::{end, judge_forsaken, question_or, resumed};
use super::entry::{Entry, Need, PairPlan, Step};
use super::joint;
use super::late;
use super::merged::{Followed, follow};
use super::put_off::{put_off, rests};
use super::record::{Loss, may_be_back};
use super::retransform;
use super::settle::{Heard, settle_lost, settle_update};
use super::stamp;
use super::unit::{Seen, decide_pairs};
use crate::mapping::CompiledMapping;
use crate::model::{
    Base, Cause, ConflictId, ConflictStatus, Ending, Hold, HoldKey, HoldReason, Link, LinkStatus,
    OperationKind, OperationPair, PairId, Provenance, Side, Sides, Slot, State, Value, Work,
    WorkKey,
};
use crate::seeded::{self, Bug};

/// Decides what is to be done for a link.
pub(super) fn plan_link(
    mapping: &CompiledMapping,
    work: &Work,
    link: &Link,
    context: &PlanContext,
    needs: &mut Vec<Need>,
) -> Entry {
    let records = link.records.as_ref().map(|record| Some(record.clone()));
    let mut entry = Entry::new(WorkKey::Link(link.id), records);
    let mut decided = match link.status {
        LinkStatus::Active | LinkStatus::Suspended if work.operations.is_empty() => {
            follow_and_decide(mapping, work, link, context, entry, needs)
        }
        LinkStatus::Active | LinkStatus::Suspended => {
            let mut settled = link.clone();
            match settle(mapping, work, &mut settled, context, &mut entry, needs) {
                Some(waiting) => waiting,
                None => follow_and_decide(mapping, work, &settled, context, entry, needs),
            }
        }
        // What is open for it is settled with its records, which are unlinked.
        LinkStatus::Tombstone => entry,
    };
    judge_forsaken(work, &mut decided);
    put_off(work, context, &mut decided);
    decided
}

/// Decides what is to be done for a link without open operations: first, which records it is of.
pub(super) fn follow_and_decide(
    mapping: &CompiledMapping,
    work: &Work,
    link: &Link,
    context: &PlanContext,
    mut entry: Entry,
    needs: &mut Vec<Need>,
) -> Entry {
    match follow(work, link, context, &mut entry, needs) {
        Followed::Stays => decide_link(mapping, work, link, context, entry, needs),
        Followed::Moved(link) => decide_link(mapping, work, &link, context, entry, needs),
        Followed::Settled(entry) => *entry,
    }
}

/// Settles the open operations of a link, if that can be done now; else says what the entry waits
/// for. The link's bases are those after it.
fn settle(
    mapping: &CompiledMapping,
    work: &Work,
    link: &mut Link,
    context: &PlanContext,
    entry: &mut Entry,
    needs: &mut Vec<Need>,
) -> Option<Entry> {
    if let Some(waiting) = joint::awaited(work, context, entry, needs) {
        return Some(waiting);
    }
    for operation in work.operations.iter().filter(|open| !open.is_second_half()) {
        let from = context.settles_from(operation);
        if from > context.now {
            return Some(entry.clone().wait_until(from, "a write without an answer settles"));
        }
        let side = operation.side;
        let Some(record) = operation.kind.record() else {
            // The record has its partner; what else the create made is seen as one that has none.
            entry.closes.push(operation.id);
            entry.step = Step::Decided;
            continue;
        };
        let origin = (side.other(), operation.origin.clone());
        let is_unknown = operation.pairs.iter().any(OperationPair::is_kept);
        let asked = needs.len();
        if is_unknown && !context.fetched.contains_key(&origin) {
            // What was sent is known again by what it came of.
            needs.push(Need::Fetch { side: origin.0, record: origin.1 });
        }
        let seen = context.fetched.get(&(side, record.clone()));
        if seen.is_none() {
            needs.push(Need::Fetch { side, record: record.clone() });
        }
        let Some(seen) = seen.filter(|_| needs.len() == asked) else {
            entry.step = Step::Needs;
            return Some(entry.clone());
        };
        entry.step = Step::Decided;
        match (&operation.kind, &seen.state) {
            (_, State::Unreadable(why)) => {
                entry.holds.push(question_or(work, unreadable(link, side, why, context)));
                return Some(entry.clone());
            }
            (OperationKind::Create | OperationKind::Restore { .. }, _)
            | (
                OperationKind::Archive { .. } | OperationKind::Delete { .. },
                State::Known { .. } | State::OutOfScope,
            ) => entry.closes.push(operation.id),
            (
                OperationKind::Archive { .. } | OperationKind::Delete { .. },
                State::Archived(_) | State::Deleted(_) | State::Missing | State::MergedInto(_),
            ) => {
                entry.closes.push(operation.id);
                let why = "the other record was removed for it; the answer was missing";
                let ending = Ending::TwinRemoved(side.other());
                let mut ended = end(work, link, ending, why, entry.clone());
                ended.drops.push((side, record.clone()));
                return Some(ended);
            }
            (OperationKind::Update { .. }, State::Known { values, .. }) => {
                let (key, now) = (&context.key, context.now);
                let settled = settle_update(mapping, operation, values, Heard::Nothing, key, now);
                set_bases(mapping, &mut link.bases, &settled.bases);
                entry.settled.push(settled);
            }
            // It is there, and not to be seen: what was written is told when it is in scope again, and
            // until then the link rests.
            (OperationKind::Update { .. }, State::OutOfScope) => {}
            // It may be back before it counts as deleted, with what was written.
            (OperationKind::Update { .. }, State::Missing) if may_be_back(work, side, context) => {}
            (
                OperationKind::Update { .. },
                State::Archived(_) | State::Deleted(_) | State::Missing | State::MergedInto(_),
            ) => entry.settled.push(settle_lost(mapping, operation)),
        }
    }
    joint::settle_second(mapping, work, link, context, entry);
    None
}

/// Puts pairs' values into both bases.
pub(crate) fn set_bases(
    mapping: &CompiledMapping,
    bases: &mut Sides<Base>,
    pairs: &[(usize, Sides<Vec<Value>>)],
) {
    for (index, values) in pairs {
        for side in Side::BOTH {
            let range = mapping.pairs[*index].ends[side].base.clone();
            for (slot, value) in bases[side].slots[range].iter_mut().zip(&values[side]) {
                *slot = Slot::Present(value.clone());
            }
        }
    }
}

/// Decides what is to be done for a link without open operations.
fn decide_link(
    mapping: &CompiledMapping,
    work: &Work,
    link: &Link,
    context: &PlanContext,
    mut entry: Entry,
    needs: &mut Vec<Need>,
) -> Entry {
    let views = Sides::from_fn(|side| {
        view(mapping, side, Some(&link.records[side]), work.entries[side].as_ref(), context)
    });
    if let Some(waiting) = late::wait_for_link(mapping, work, link, &views, context, &entry) {
        return waiting;
    }
    let unchanged = |side: Side| {
        is_unchanged(mapping, side, views[side], &link.bases[side])
            || seeded::is(Bug::EchoByTimeWindow) && is_written_lately(&link.bases[side], context)
    };
    let is_idle = link.status == LinkStatus::Active
        && work.holds.is_empty()
        && work.operations.is_empty()
        && !context.retransformed.contains_key(&link.id)
        && link.bases.iter().all(|(_, base)| base.retransformed.is_empty())
        && entry.is_quiet();
    if is_idle && Side::BOTH.into_iter().all(unchanged) && stamp::agree(mapping, link, &views) {
        return entry;
    }
    if entry.is_quiet() && rests(work, link, &views, context) {
        return entry;
    }
    let before = needs.len();
    for side in Side::BOTH {
        if must_fetch(mapping, work, link, &views, side, context) {
            needs.push(Need::Fetch { side, record: link.records[side].clone() });
        }
    }
    if needs.len() > before {
        entry.step = Step::Needs;
        return entry;
    }
    if Side::BOTH.into_iter().any(|side| matches!(views[side], View::Other(_))) {
        return Loss { mapping, work, link, views: &views, context }.decide(entry);
    }
    if link.status == LinkStatus::Suspended {
        entry.before = Some(resumed(link, "both records are there to be synced"));
    }
    let seen = views.map(|view| match view {
        View::Known { values, .. } => Some(values),
        View::Unseen | View::IdOnly | View::Other(_) => None,
    });
    if work.holds.iter().any(|hold| is_refused_still(mapping, hold, &seen, context)) {
        return entry;
    }
    release_link_holds(work, &mut entry);
    let both = Seen { mapping, work, link, views, context };
    decide_pairs(&both, &mut entry, needs);
    let dropped = judge_record_conflict(mapping, work, context, &mut entry);
    retransform::note_decided(&both, &dropped, &mut entry);
    joint::resume(&both, &mut entry);
    let is_held = entry.holds.iter().any(|hold| matches!(hold.key, HoldKey::Link(_)));
    if both.leaves_record() {
        stamp::leave(mapping, work, link, &mut entry);
    } else if !is_held {
        stamp::add(mapping, work, link, &views, context, &mut entry);
    }
    if !entry.is_quiet() {
        entry.step = Step::Decided;
    }
    for side in Side::BOTH {
        let both = entry.writes_both() && context.writing != Writing::Neither;
        let written = context.writing.to(side) && entry.writes_to(side);
        if (both || written) && !is_fetched(views[side]) {
            needs.push(Need::Fetch { side, record: link.records[side].clone() });
        }
    }
    if needs.len() > before {
        entry.step = Step::Needs;
    }
    entry
}

/// Whether a write of ours was within minutes, for [`Bug::EchoByTimeWindow`].
fn is_written_lately(base: &Base, context: &PlanContext) -> bool {
    base.written.iter().any(|write| context.now.since(write.at).as_secs() < 300)
}

/// Whether nothing can be said before this side is fetched.
fn must_fetch(
    mapping: &CompiledMapping,
    work: &Work,
    link: &Link,
    views: &Sides<View<'_>>,
    side: Side,
    context: &PlanContext,
) -> bool {
    let is_hidden = |side: Side| matches!(views[side], View::Other(State::OutOfScope));
    let stays_hidden =
        link.status == LinkStatus::Suspended && (is_hidden(side) || is_hidden(side.other()));
    // What is done for a record that is gone rests on what the other one holds now, and a link that
    // was suspended may have missed edits.
    let is_pressing = link.status == LinkStatus::Suspended
        || matches!(views[side.other()], View::Other(_)) && !is_hidden(side.other());
    match views[side] {
        View::IdOnly => true,
        // What is held may have changed unseen, and a pair without a base must be seen.
        View::Unseen => {
            !stays_hidden
                && (is_pressing
                    || !work.holds.is_empty()
                    || mapping.living(side, &link.bases[side]).iter().any(Slot::is_absent))
        }
        View::Known { provenance: Provenance::Listed, .. } if is_pressing && !stays_hidden => true,
        // What a person decided is checked again on what both sides hold now.
        View::Known { .. } if work.holds.iter().any(|hold| hold.answer.is_some()) => {
            !is_fetched(views[side])
        }
        View::Known { .. } => {
            is_stale(mapping, work, side, views[side], &link.bases[side])
                || seeded::is(Bug::FetchesUnchanged) && !is_fetched(views[side])
        }
        View::Other(_) => !stays_hidden && !is_read(side, &link.records[side], context),
    }
}

/// Nothing is written over a record that was not fetched directly before.
fn is_fetched(view: View<'_>) -> bool {
    matches!(view, View::Known { provenance: Provenance::Fetched, .. })
        || seeded::is(Bug::NoReadBeforeWrite)
}

/// Holds of the whole link end when both sides are seen again.
fn release_link_holds(work: &Work, entry: &mut Entry) {
    for hold in &work.holds {
        match hold.key {
            HoldKey::Link(_) | HoldKey::Record(..) => entry.released.push(hold.key.clone()),
            HoldKey::Pair(..) => {}
        }
    }
}

/// The conflict row that a whole record waited for, and the pairs of a record that waits again.
///
/// Says of which pairs what was decided waits with the record.
fn judge_record_conflict(
    mapping: &CompiledMapping,
    work: &Work,
    context: &PlanContext,
    entry: &mut Entry,
) -> Vec<usize> {
    let held = entry.holds.iter().find(|hold| matches!(hold.key, HoldKey::Link(_)));
    let waits_for = held.and_then(|hold| hold.conflict);
    let mut dropped = Vec::new();
    if held.is_some() {
        // The whole record waits: nothing of it is written, and nothing becomes a base, but for what a
        // person said.
        dropped = keep_answered(mapping, work, context, entry);
    }
    if let Some(before) = record_conflict(work)
        && waits_for != Some(before)
        && entry.told != Some(before)
        && !entry.judged.iter().any(|(row, _)| *row == before)
    {
        let status = match waits_for {
            Some(_) => ConflictStatus::Stale,
            None => ConflictStatus::Resolved,
        };
        entry.judged.push((before, status));
    }
    dropped
}

/// Keeps of what is done what a person said, and their rows. What was held of the others, or said of it,
/// stands; says which they are.
fn keep_answered(
    mapping: &CompiledMapping,
    work: &Work,
    context: &PlanContext,
    entry: &mut Entry,
) -> Vec<usize> {
    let is_answer = |cause: &Cause| matches!(cause, Cause::Answered { .. });
    entry.notes.retain(|(_, note)| is_answer(&note.cause));
    let left: Vec<&PairId> = entry.notes.iter().map(|(_, note)| &note.pair).collect();
    let id = |index: usize| &mapping.pairs[index].id;
    let (kept, dropped): (Vec<PairPlan>, Vec<PairPlan>) = std::mem::take(&mut entry.pairs)
        .into_iter()
        .partition(|plan| plan.cause().is_some_and(is_answer) || left.contains(&id(plan.index)));
    entry.pairs = kept;
    for plan in &dropped {
        let pair = &mapping.pairs[plan.index];
        let print = |side| Some(pair.print(side, &plan.values[side], &context.key));
        let prints = Sides::from_fn(print);
        let stands = |hold: &Hold| {
            let is_same = match hold.reason {
                HoldReason::Guard | HoldReason::Rejected => hold.values == prints,
                HoldReason::Conflict
                | HoldReason::Reference
                | HoldReason::Oscillating
                | HoldReason::Schema
                | HoldReason::Unsettled
                | HoldReason::Ambiguous
                | HoldReason::UnknownOutcome
                | HoldReason::Unreadable
                | HoldReason::Missing
                | HoldReason::Invalid
                | HoldReason::Excluded => false,
            };
            is_same && hold.key.pair() == Some(&pair.id)
        };
        for hold in work.holds.iter().filter(|hold| stands(hold)) {
            entry.released.retain(|key| *key != hold.key);
        }
    }
    let told: Vec<&PairId> = entry.pairs.iter().map(|plan| id(plan.index)).collect();
    entry.rewritings.clear();
    entry.conflicts.retain(|row| {
        let of_told = row.pair.as_ref().map_or(!told.is_empty(), |pair| told.contains(&pair));
        row.status == ConflictStatus::Open || row.status == ConflictStatus::Resolved && of_told
    });
    dropped.iter().map(|plan| plan.index).collect()
}

fn record_conflict(work: &Work) -> Option<ConflictId> {
    work.holds.iter().find(|hold| matches!(hold.key, HoldKey::Link(_)))?.conflict
}

/// A record of which it cannot be read what a write left of it holds its link.
fn unreadable(link: &Link, side: Side, why: &str, context: &PlanContext) -> Hold {
    let record = &link.records[side];
    Hold::new(
        HoldKey::Link(link.id),
        HoldReason::Unreadable,
        format!(
            "the {side} record {record} cannot be read ({why}): nothing is written for it until it can"
        ),
        context.now,
    )
}
