//! Linked records: from what both sides show to what is done for each pair.

use super::context::{PlanContext, Writing};
use super::detect::{View, is_refused_still, is_stale, is_unchanged, view};
use super::entry::{Entry, Need, Step};
use super::joint;
use super::settle::{Heard, settle_update};
use super::unit::{Seen, decide_pairs};
use crate::mapping::CompiledMapping;
use crate::model::{
    Base, ConflictId, ConflictStatus, Hold, HoldKey, HoldReason, Link, LinkStatus, Provenance,
    Side, Sides, Slot, State, Value, Work, WorkKey,
};

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
    match link.status {
        LinkStatus::Active => {}
        LinkStatus::Suspended | LinkStatus::Tombstone => return entry,
    }
    if work.operations.is_empty() {
        decide_link(mapping, work, link, context, entry, needs)
    } else {
        let mut settled = link.clone();
        if let Some(waiting) = settle(mapping, work, &mut settled, context, &mut entry, needs) {
            return waiting;
        }
        decide_link(mapping, work, &settled, context, entry, needs)
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
        let from = context.settle.from(operation);
        if from > context.now {
            return Some(entry.clone().wait_until(from, "a write without an answer settles"));
        }
        let side = operation.side;
        let record = operation.kind.record().unwrap_or(&link.records[side]);
        match context.fetched.get(&(side, record.clone())).map(|observation| &observation.state) {
            None => {
                needs.push(Need::Fetch { side, record: record.clone() });
                entry.step = Step::Needs;
                return Some(entry.clone());
            }
            Some(State::Known { values, .. }) => {
                let settled =
                    settle_update(mapping, operation, values, Heard::Nothing, context.now);
                set_bases(mapping, &mut link.bases, &settled.bases);
                entry.step = Step::Decided;
                entry.settled.push(settled);
            }
            Some(other) => {
                let mut held = entry.clone();
                held.holds.push(gone(link, side, other, context));
                held.step = Step::Decided;
                return Some(held);
            }
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
pub(super) fn decide_link(
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
    let unchanged = |side: Side| is_unchanged(mapping, side, views[side], &link.bases[side]);
    let retransformed = context.retransformed.contains_key(&link.id);
    let settled =
        work.holds.is_empty() && work.operations.is_empty() && !retransformed && entry.is_quiet();
    if settled && Side::BOTH.into_iter().all(unchanged) {
        return entry;
    }
    let before = needs.len();
    for side in Side::BOTH {
        if must_fetch(mapping, work, link, &views, side) {
            needs.push(Need::Fetch { side, record: link.records[side].clone() });
        }
    }
    if needs.len() > before {
        entry.step = Step::Needs;
        return entry;
    }
    for side in Side::BOTH {
        if let View::Other(state) = views[side] {
            entry.holds.push(gone(link, side, state, context));
            entry.step = Step::Decided;
            return entry;
        }
    }
    let seen = views.map(|view| match view {
        View::Known { values, .. } => Some(values),
        View::Unseen | View::IdOnly | View::Other(_) => None,
    });
    if work.holds.iter().any(|hold| is_refused_still(hold, &seen, context.now)) {
        return entry;
    }
    release_link_holds(work, &mut entry);
    let both = Seen { mapping, work, link, views, context };
    decide_pairs(&both, &mut entry, needs);
    judge_record_conflict(work, &mut entry);
    joint::resume(&both, &mut entry);
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

/// Whether nothing can be said before this side is fetched.
fn must_fetch(
    mapping: &CompiledMapping,
    work: &Work,
    link: &Link,
    views: &Sides<View<'_>>,
    side: Side,
) -> bool {
    match views[side] {
        View::IdOnly => true,
        // What is held may have changed unseen, and a pair without a base must be seen.
        View::Unseen => {
            !work.holds.is_empty() || link.bases[side].slots.iter().any(Slot::is_absent)
        }
        // What a person decided is checked again on what both sides hold now.
        View::Known { .. } if work.holds.iter().any(|hold| hold.answer.is_some()) => {
            !is_fetched(views[side])
        }
        View::Known { .. } => is_stale(mapping, side, views[side], &link.bases[side]),
        View::Other(_) => false,
    }
}

/// Nothing is written over a record that was not fetched directly before.
fn is_fetched(view: View<'_>) -> bool {
    matches!(view, View::Known { provenance: Provenance::Fetched, .. })
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
fn judge_record_conflict(work: &Work, entry: &mut Entry) {
    let held = entry.holds.iter().find(|hold| matches!(hold.key, HoldKey::Link(_)));
    let waits_for = held.and_then(|hold| hold.conflict);
    if held.is_some() {
        // The whole record waits: nothing of it is written, and nothing becomes a base.
        entry.pairs.clear();
        entry.rewritings.clear();
        entry.notes.clear();
        entry.conflicts.retain(|row| row.status == ConflictStatus::Open);
    }
    if let Some(before) = record_conflict(work)
        && waits_for != Some(before)
    {
        let status = match waits_for {
            Some(_) => ConflictStatus::Stale,
            None => ConflictStatus::Resolved,
        };
        entry.judged.push((before, status));
    }
}

fn record_conflict(work: &Work) -> Option<ConflictId> {
    work.holds.iter().find(|hold| matches!(hold.key, HoldKey::Link(_)))?.conflict
}
/// A record that is not there to be synced holds its link; nothing is written.
fn gone(link: &Link, side: Side, state: &State, context: &PlanContext) -> Hold {
    let record = &link.records[side];
    let (reason, why) = match state {
        State::Missing => (HoldReason::Missing, "was not found".to_owned()),
        State::Unreadable(why) => (HoldReason::Unreadable, format!("cannot be read ({why})")),
        State::Known { .. } | State::Deleted(_) | State::MergedInto(_) | State::OutOfScope => {
            (HoldReason::Gone, format!("is {}", state.word()))
        }
    };
    Hold::new(
        HoldKey::Link(link.id),
        reason,
        format!("the {side} record {record} {why}: nothing is written for it until it is back"),
        context.now,
    )
}
