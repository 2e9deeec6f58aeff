//! A pair whose transform was changed: what is done where the sides no longer mean the same (P20).

use super::decide::Decision;
use super::unit::Seen;
use crate::mapping::{OnChange, PairDirection};
use crate::model::{Hold, HoldReason, Side, Withheld};

/// What the mapping says of a pair that neither side has edited since its transform was changed.
/// What a guard held back because of that is still about it.
pub(super) fn applies(seen: &Seen<'_>, index: usize, hold: Option<&Hold>) -> Option<OnChange> {
    let changed = seen.context.retransformed.get(&seen.link.id);
    let withheld = hold.is_some_and(|hold| {
        let kinds = [Some(Withheld::Overwrite), Some(Withheld::Blanking)];
        hold.reason == HoldReason::Guard && kinds.contains(&hold.withheld)
    });
    let applies = withheld || changed.is_some_and(|pairs| pairs.contains(&index));
    applies.then(|| seen.mapping.pairs[index].on_change)
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
