//! Writes to both sides of a pair: the half on the target goes first, and once it is done the half
//! on the source is owed. It is finished from its intent, and not decided anew.

use super::context::PlanContext;
use super::detect::pair_values;
use super::entry::{Entry, Need, PairAction, PairPlan, Settled, Step};
use super::record::may_be_back;
use super::settle::{Heard, settle_lost, settle_unsent, settle_update};
use super::told::answered;
use super::unit::Seen;
use crate::mapping::CompiledMapping;
use crate::model::{
    Choice, Hold, HoldKey, Link, LogPair, Operation, OperationPair, Side, Sides, State, Value,
    Values, Work,
};

/// Says what must be known of the second halves before anything is decided; else nothing.
pub(super) fn awaited(
    work: &Work,
    context: &PlanContext,
    entry: &mut Entry,
    needs: &mut Vec<Need>,
) -> Option<Entry> {
    for half in work.operations.iter().filter(|open| open.is_second_half()) {
        let from = context.settles_from(half);
        if !context.unsent.contains(&half.id) && from > context.now {
            return Some(entry.clone().wait_until(from, "a write without an answer settles"));
        }
        let Some(record) = half.kind.record() else { continue };
        if !context.fetched.contains_key(&(half.side, record.clone())) {
            needs.push(Need::Fetch { side: half.side, record: record.clone() });
            entry.step = Step::Needs;
            return Some(entry.clone());
        }
    }
    None
}

/// Whether it cannot be seen yet what became of the first half: until then the second one waits.
fn is_undecided(work: &Work, half: &Operation, entry: &Entry) -> bool {
    work.operations.iter().filter(|open| open.joint == Some(half.id)).any(|first| {
        let is_settled = entry.settled.iter().any(|settled| settled.operation == first.id);
        !is_settled && !entry.closes.contains(&first.id)
    })
}

/// Takes what second halves have done into the bases: they may have been sent before a crash.
pub(super) fn settle_second(
    mapping: &CompiledMapping,
    work: &Work,
    link: &mut Link,
    context: &PlanContext,
    entry: &mut Entry,
) {
    for half in work.operations.iter().filter(|open| open.is_second_half()) {
        if is_undecided(work, half, entry) {
            continue;
        }
        let seen = half.kind.record().and_then(|r| context.fetched.get(&(half.side, r.clone())));
        let values = match seen.map(|seen| &seen.state) {
            // What it owes is not known any more: it was stored since its mapping keeps fingerprints.
            Some(State::Known { .. }) if half.joint().any(OperationPair::is_kept) => {
                lose(mapping, work, link, half, context, entry);
                continue;
            }
            Some(State::Known { values, .. }) => values,
            // It is owed until the record is shown again.
            Some(State::OutOfScope | State::Unreadable(_)) => continue,
            Some(State::Missing) if may_be_back(work, half.side, context) => continue,
            Some(
                State::Archived(_) | State::Deleted(_) | State::Missing | State::MergedInto(_),
            )
            | None => {
                lose(mapping, work, link, half, context, entry);
                continue;
            }
        };
        if context.unsent.contains(&half.id) {
            continue;
        }
        if is_hidden(mapping, half, values) || owes(mapping, work, link, half, values, entry) {
            settle_rest(mapping, link, half, values, context, entry);
            continue;
        }
        let (key, now) = (&context.key, context.now);
        let mut settled = settle_update(mapping, half, values, Heard::Nothing, key, now);
        let joint: Vec<usize> =
            half.joint().filter_map(|pair| mapping.pair_written(pair)).collect();
        for (index, bases) in settled.bases.iter_mut().filter(|(at, _)| joint.contains(at)) {
            // The other half has said what the target holds.
            if let Some(target) = present(mapping, *index, link) {
                bases.target = target;
            }
        }
        super::linked::set_bases(mapping, &mut link.bases, &settled.bases);
        entry.step = Step::Decided;
        entry.settled.push(settled);
    }
}

/// Settles what else a second half carried that is owed: it may have been sent with that before.
fn settle_rest(
    mapping: &CompiledMapping,
    link: &mut Link,
    half: &Operation,
    observed: &Values,
    context: &PlanContext,
    entry: &mut Entry,
) {
    if !half.carries_more() {
        return;
    }
    let rest = half.without_joint();
    let (key, now) = (&context.key, context.now);
    let settled = settle_update(mapping, &rest, observed, Heard::Nothing, key, now);
    super::linked::set_bases(mapping, &mut link.bases, &settled.bases);
    entry.step = Step::Decided;
    entry.settled.push(Settled { owes: true, ..settled });
}

/// Settles a second half whose record is not there any more. The first one has said what the target
/// holds, and that it came of what the source held: so that a record that is back, or another one that
/// the link follows, is not taken to agree with it, the pairs are decided as new ones.
fn lose(
    mapping: &CompiledMapping,
    work: &Work,
    link: &mut Link,
    half: &Operation,
    context: &PlanContext,
    entry: &mut Entry,
) {
    let is_unsent = context.unsent.contains(&half.id) || half.kind.record().is_none();
    let mut settled =
        if is_unsent { settle_unsent(mapping, half) } else { settle_lost(mapping, half) };
    for written in half.joint() {
        let Some(index) = mapping.pair_written(written) else { continue };
        if is_carried_out(work, half, index, entry) {
            settled.unseen.push((written.pair.clone(), mapping.pairs[index].fields()));
        }
    }
    for (pair, fields) in &settled.unseen {
        mapping.forget(&mut link.bases, pair, fields);
    }
    entry.step = Step::Decided;
    entry.settled.push(settled);
}

/// Whether the first half of a second one has written a pair. One that is not open any more did:
/// else the second one would have ended with it.
fn is_carried_out(work: &Work, half: &Operation, index: usize, entry: &Entry) -> bool {
    let mut firsts = work.operations.iter().filter(|open| open.joint == Some(half.id)).peekable();
    let has_base = |first: &Operation| {
        let settled = entry.settled.iter().filter(|settled| settled.operation == first.id);
        settled.flat_map(|settled| &settled.bases).any(|(place, _)| *place == index)
    };
    firsts.peek().is_none() || firsts.any(has_base)
}

/// Writes what is owed from the intents, unless something else is done for the pair: one intent at a
/// time, as each is known by its own id. One of which nothing is owed any more is given up.
pub(super) fn resume(seen: &Seen<'_>, entry: &mut Entry) {
    for half in seen.work.operations.iter().filter(|open| open.is_second_half()) {
        let is_it = |settled: &Settled| settled.operation == half.id && !settled.owes;
        if entry.resumes.is_some()
            || entry.settled.iter().any(is_it)
            || is_undecided(seen.work, half, entry)
            || entry.closes.contains(&half.id)
        {
            continue;
        }
        let owed: Vec<PairPlan> =
            half.joint().filter_map(|written| owed(seen, half, written, entry)).collect();
        if seen.leaves_record() {
            for plan in owed {
                leave(seen.mapping, half, plan, entry);
            }
            give_up(seen.mapping, half, entry);
        } else if half.joint().any(|written| is_not_shown(seen, written)) {
            continue; // whether it is owed can be told once it is shown
        } else if owed.is_empty() && half.joint().any(|written| is_held(seen, written, entry)) {
            continue; // refused, and tried again later
        } else if owed.is_empty() {
            give_up(seen.mapping, half, entry);
        } else {
            entry.resumes = Some(half.id);
            entry.pairs.extend(owed);
        }
        entry.step = Step::Decided;
    }
}

/// A person left both records as they are: what is owed is not written, and the log says so.
fn leave(mapping: &CompiledMapping, half: &Operation, plan: PairPlan, entry: &mut Entry) {
    let note = LogPair {
        pair: mapping.pairs[plan.index].id.clone(),
        before: plan.values[half.side].clone(),
        after: plan.values[half.side].clone(),
        cause: answered(&Choice::Leave),
    };
    entry.notes.push((half.side, note));
    entry.pairs.push(PairPlan { action: PairAction::Adopt, ..plan });
}

/// Nothing is owed of a second half. Of a pair that the mapping has not now that cannot be seen.
fn give_up(mapping: &CompiledMapping, half: &Operation, entry: &mut Entry) {
    let settled = settle_unsent(mapping, half);
    if settled.unseen.is_empty() {
        entry.closes.push(half.id);
    } else {
        entry.settled.push(settled);
    }
}

fn owed(
    seen: &Seen<'_>,
    half: &Operation,
    written: &OperationPair,
    entry: &Entry,
) -> Option<PairPlan> {
    let index = seen.mapping.pair_written(written)?;
    let pair = &seen.mapping.pairs[index];
    if entry.pairs.iter().any(|plan| plan.index == index) || is_held(seen, written, entry) {
        return None;
    }
    let now = |side| pair_values(pair, side, seen.views[side], &seen.link.bases[side]);
    let values = Sides::new(now(Side::Source)?, now(Side::Target)?);
    let of_side = |side: Side| values[side].iter().map(|&value| value.clone()).collect();
    let values: Sides<Vec<Value>> = Sides::from_fn(of_side);
    is_owed(seen.mapping, seen.work, seen.link, half, written, &values, entry).then(|| PairPlan {
        index,
        values,
        action: PairAction::Write {
            to: half.side,
            send: written.sent.clone(),
            cause: written.cause.clone(),
            conflict: None,
        },
    })
}

/// Whether the record that a half writes does not show a pair that is owed to it.
fn is_hidden(mapping: &CompiledMapping, half: &Operation, observed: &Values) -> bool {
    let places = half.joint().filter_map(|written| mapping.pair_written(written));
    places
        .flat_map(|index| &mapping.pairs[index].ends[half.side].slots)
        .any(|&slot| observed[slot].is_absent())
}

/// Whether one of the sides does not show a pair of a half.
fn is_not_shown(seen: &Seen<'_>, written: &OperationPair) -> bool {
    let Some(index) = seen.mapping.pair_written(written) else { return false };
    let pair = &seen.mapping.pairs[index];
    let is_shown =
        |side| pair_values(pair, side, seen.views[side], &seen.link.bases[side]).is_some();
    !Side::BOTH.into_iter().all(is_shown)
}

/// Whether a pair waits under a hold.
fn is_held(seen: &Seen<'_>, written: &OperationPair, entry: &Entry) -> bool {
    let key = HoldKey::Pair(seen.link.id, written.pair.clone());
    let stays = |hold: &Hold| hold.key == key && !entry.released.contains(&key);
    seen.work.holds.iter().any(stays) || entry.holds.iter().any(|hold| hold.key == key)
}

/// Whether a half has a pair that is owed, seen from the record that it writes.
fn owes(
    mapping: &CompiledMapping,
    work: &Work,
    link: &Link,
    half: &Operation,
    observed: &Values,
    entry: &Entry,
) -> bool {
    half.joint().any(|written| {
        let Some(index) = mapping.pair_written(written) else { return false };
        let slots = mapping.pairs[index].ends[half.side].slots.iter();
        let source = slots.map(|&slot| observed[slot].value().cloned()).collect::<Option<Vec<_>>>();
        let (Some(source), Some(target)) = (source, present(mapping, index, link)) else {
            return false;
        };
        is_owed(mapping, work, link, half, written, &Sides::new(source, target), entry)
    })
}

/// Whether a pair of a second half is owed: the first half was carried out, and since then neither
/// side has changed.
fn is_owed(
    mapping: &CompiledMapping,
    work: &Work,
    link: &Link,
    half: &Operation,
    written: &OperationPair,
    now: &Sides<Vec<Value>>,
    entry: &Entry,
) -> bool {
    let Some(index) = mapping.pair_written(written) else { return false };
    let base = present(mapping, index, link);
    let target_stays = base.as_ref().is_some_and(|base| same(base, &now.target));
    // The base may be a later one: once the target agrees with what the source holds, nothing is owed.
    let is_of_it = same(&written.origin, &now.target) || {
        let refs = crate::mapping::refs;
        !mapping.pairs[index].equivalent(&refs(&written.planned), &refs(&now.target))
    };
    is_carried_out(work, half, index, entry)
        && target_stays
        && same(&written.planned, &now.source)
        && is_of_it
}

fn same(before: &[Value], now: &[Value]) -> bool {
    before.len() == now.len() && before.iter().zip(now).all(|(a, b)| !b.changed_from(a))
}

/// The target's base of a pair.
fn present(mapping: &CompiledMapping, index: usize, link: &Link) -> Option<Vec<Value>> {
    let range = mapping.pairs[index].ends.target.base.clone();
    link.bases.target.slots[range].iter().map(|slot| slot.value().cloned()).collect()
}
