//! A pair whose transform was changed: what is done where the sides no longer mean the same (P20). The
//! link's bases say of which pairs that is not decided yet, whatever is held or hidden meanwhile.

use super::decide::Decision;
use super::entry::Entry;
use super::unit::Seen;
use crate::mapping::{OnChange, PairDirection};
use crate::model::{HoldKey, Side};

/// What the mapping says of a pair that neither side has edited since its transform was changed.
pub(super) fn applies(seen: &Seen<'_>, index: usize) -> Option<OnChange> {
    let is_open = seen.mapping.is_retransformed(&seen.link.bases, index);
    is_open.then(|| seen.mapping.pairs[index].on_change)
}

/// Whether the transform is another one since the link was last looked at.
pub(super) fn is_changed(seen: &Seen<'_>, index: usize) -> bool {
    let changed = seen.context.retransformed.get(&seen.link.id);
    changed.is_some_and(|pairs| pairs.contains(&index))
}

/// Notes the pairs of which it is decided what comes of their changed transform: both records show them,
/// and nothing is written for them or waits. What was decided of those in `dropped` waits with the record.
pub(super) fn note_decided(seen: &Seen<'_>, dropped: &[usize], entry: &mut Entry) {
    if entry.holds.iter().any(|hold| matches!(hold.key, HoldKey::Link(_))) {
        return;
    }
    let is_held = |index: usize| {
        let key = HoldKey::Pair(seen.link.id, seen.mapping.pairs[index].id.clone());
        entry.holds.iter().any(|hold| hold.key == key)
            || !entry.released.contains(&key) && seen.work.holds.iter().any(|hold| hold.key == key)
    };
    let is_planned = |index: usize| entry.pairs.iter().any(|plan| plan.index == index);
    let decided = (0..seen.mapping.pairs.len()).filter(|&index| {
        applies(seen, index).is_some()
            && !seen.hides(index)
            && !dropped.contains(&index)
            && !is_held(index)
            && !is_planned(index)
    });
    entry.transforms_decided = decided.collect();
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
