//! A pair whose transform was changed: what is done where the sides no longer mean the same (P20).

use super::context::PlanContext;
use super::decide::Decision;
use super::detect::pair_values;
use super::entry::{Entry, Step};
use super::unit::Seen;
use crate::mapping::{CompiledMapping, OnChange, PairDirection};
use crate::model::{
    Hold, HoldKey, HoldReason, Link, LinkStatus, Side, Sides, Value, Withheld, Work,
};

/// What the mapping says of a pair that neither side has edited since its transform was changed.
/// What a guard held back because of that, what was refused then, and what was not shown, is still about
/// it.
pub(super) fn applies(seen: &Seen<'_>, index: usize, hold: Option<&Hold>) -> Option<OnChange> {
    let pair = &seen.mapping.pairs[index];
    let print = |side| {
        let values = pair_values(pair, side, seen.views[side], &seen.link.bases[side])?;
        let values: Vec<Value> = values.into_iter().cloned().collect();
        Some(pair.print(side, &values, &seen.context.key))
    };
    // Where both sides hold what they held, and neither was edited, it can be about nothing else.
    let stands =
        |hold: &Hold| hold.reason == HoldReason::Unreadable || hold.values == Sides::from_fn(print);
    let withheld = hold.is_some_and(|hold| {
        let kinds = [Some(Withheld::Overwrite), Some(Withheld::Blanking)];
        let reasons = [HoldReason::Guard, HoldReason::Rejected, HoldReason::Unreadable];
        reasons.contains(&hold.reason) && kinds.contains(&hold.withheld) && stands(hold)
    });
    (withheld || is_changed(seen, index)).then_some(pair.on_change)
}

/// Whether the transform is another one since the link was last decided.
pub(super) fn is_changed(seen: &Seen<'_>, index: usize) -> bool {
    let changed = seen.context.retransformed.get(&seen.link.id);
    changed.is_some_and(|pairs| pairs.contains(&index))
}

/// What the mapping says of these pairs is done when both records show them: the link is of the new
/// revision from now on, and a hold remembers it.
pub(super) fn owe(
    mapping: &CompiledMapping,
    (work, link): (&Work, &Link),
    context: &PlanContext,
    entry: &mut Entry,
    is_left: impl Fn(usize) -> bool,
) {
    let Some(changed) = context.retransformed.get(&link.id) else { return };
    let ends = entry.after.as_ref().is_some_and(|after| after.status == LinkStatus::Tombstone);
    match entry.step {
        Step::Unchanged | Step::Decided if !ends => {}
        Step::Unchanged
        | Step::Decided
        | Step::Needs
        | Step::Follows
        | Step::Waits { .. }
        | Step::Ignored => return,
    }
    for &index in changed.iter().filter(|&&index| is_left(index)) {
        let pair = &mapping.pairs[index];
        let key = HoldKey::Pair(link.id, pair.id.clone());
        let stays = |hold: &Hold| hold.key == key && !entry.released.contains(&key);
        let is_held =
            entry.holds.iter().any(|hold| hold.key == key) || work.holds.iter().any(stays);
        if pair.on_change == OnChange::Keep || is_held {
            continue;
        }
        let why = format!(
            "{}: its transform was changed: what differs is rewritten when both systems show it",
            pair.label
        );
        let mut hold = Hold::new(key, HoldReason::Unreadable, why, context.now);
        hold.withheld = Some(Withheld::Overwrite);
        entry.holds.push(hold);
        entry.step = Step::Decided;
    }
}

/// The decision, for sides that do not mean the same.
pub(super) fn decision(
    direction: PairDirection,
    on_change: OnChange,
    anew: impl FnOnce() -> Decision,
) -> Decision {
    let rewrite = |side: Side| {
        if direction.writes_to(side) {
            Decision::OverwriteAtFirstLink(side)
        } else {
            Decision::Nothing
        }
    };
    match on_change {
        OnChange::Keep => Decision::Nothing,
        OnChange::RewriteTarget => rewrite(Side::Target),
        OnChange::RewriteSource => rewrite(Side::Source),
        OnChange::FirstLink => anew(),
    }
}
