//! What a side shows of a record, and what has changed since the base. Walks arrays, allocates
//! nothing.

use crate::mapping::{CompiledMapping, CompiledPair};
use crate::model::{
    Base, Hold, HoldKey, HoldReason, InboxEntry, Provenance, RecordId, Side, Sides, Slot, State,
    Value, Values, Version, Work,
};
use crate::seeded::{self, Bug};

use super::context::PlanContext;

/// What a side shows of a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum View<'a> {
    /// There is no inbox entry: with a base it counts as unchanged.
    Unseen,
    /// The record may have changed, and must be fetched.
    IdOnly,
    /// The record's values.
    Known { values: &'a Values, version: &'a Version, provenance: Provenance },
    /// The record is not there, or cannot be read.
    Other(&'a State),
}

/// How a pair stands on one side against its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// A field is not in the answer: nothing is decided.
    Absent,
    /// The pair has no base.
    NoBase,
    /// It holds what the base says.
    Same,
    /// It holds something else.
    Changed,
}

/// What is known of a record: fetched in this run, else listed for this revision of the mapping.
pub(super) fn view<'a>(
    mapping: &CompiledMapping,
    side: Side,
    record: Option<&RecordId>,
    entry: Option<&'a InboxEntry>,
    context: &'a PlanContext,
) -> View<'a> {
    let fetched = record
        .filter(|_| !context.fetched.is_empty())
        .and_then(|record| context.fetched.get(&(side, record.clone())));
    let entry = entry.filter(|entry| record.is_none_or(|record| *record == entry.record));
    let listed = || entry.filter(|e| e.revision == mapping.revision)?.observation.as_ref();
    match fetched.or_else(listed) {
        Some(observation) => match &observation.state {
            // Of a record that was listed some values were not stored: it is read by its id.
            State::Known { values, .. } if mapping.is_stripped(side, values) => View::IdOnly,
            State::Known { values, version } => {
                View::Known { values, version, provenance: observation.provenance }
            }
            state @ (State::Archived(_)
            | State::Deleted(_)
            | State::Missing
            | State::MergedInto(_)
            | State::OutOfScope
            | State::Unreadable(_)) => View::Other(state),
        },
        None if entry.is_some() && !seeded::is(Bug::HintDropped) => View::IdOnly,
        None => View::Unseen,
    }
}

/// Whether a side holds in every pair what its base says: one walk over arrays, and the only one for
/// most records. What is `false` here is looked at pair by pair.
pub(super) fn is_unchanged(
    mapping: &CompiledMapping,
    side: Side,
    view: View<'_>,
    base: &Base,
) -> bool {
    match view {
        View::Known { version, .. }
            if seeded::is(Bug::ClockDetects) && is_of_one_tick(version, &base.version) =>
        {
            true
        }
        View::Known { values, .. } => {
            let places = &mapping.base_places[side];
            let same = |(base, &place): (&Slot, &usize)| match (base, &values[place]) {
                (Slot::Present(base), Slot::Present(value)) => !value.changed_from(base),
                (Slot::Absent, _) | (_, Slot::Absent) => false,
            };
            base.slots.len() == mapping.base_width[side] && base.slots.iter().zip(places).all(same)
        }
        View::Unseen => !mapping.living(side, base).iter().any(Slot::is_absent),
        View::IdOnly | View::Other(_) => false,
    }
}

/// Whether a coarse clock cannot tell two versions apart, for [`Bug::ClockDetects`].
fn is_of_one_tick(version: &Version, base: &Version) -> bool {
    let is_coarse = version.modified.is_some_and(|modified| modified.granularity.as_secs() > 0);
    is_coarse && !version.is_newer_than(base)
}

/// How a pair stands on one side.
pub(super) fn change(pair: &CompiledPair, side: Side, view: View<'_>, base: &Base) -> Change {
    let end = &pair.ends[side];
    let base = &base.slots[end.base.clone()];
    let View::Known { values, .. } = view else {
        return if base.iter().any(Slot::is_absent) { Change::NoBase } else { Change::Same };
    };
    let mut change = Change::Same;
    for (&slot, base) in end.slots.iter().zip(base) {
        match (&values[slot], base) {
            (Slot::Absent, _) => return Change::Absent,
            (Slot::Present(_), Slot::Absent) => change = Change::NoBase,
            (Slot::Present(value), Slot::Present(base)) => {
                if change == Change::Same && value.changed_from(base) {
                    change = Change::Changed;
                }
            }
        }
    }
    change
}

/// A pair's values on one side: as seen, else as the base has them; `None` if one is absent.
pub(super) fn pair_values<'a>(
    pair: &CompiledPair,
    side: Side,
    view: View<'a>,
    base: &'a Base,
) -> Option<Vec<&'a Value>> {
    let end = &pair.ends[side];
    match view {
        View::Known { values, .. } => end.slots.iter().map(|&slot| values[slot].value()).collect(),
        View::Unseen | View::IdOnly | View::Other(_) => {
            base.slots[end.base.clone()].iter().map(Slot::value).collect()
        }
    }
}

/// Whether a listed row is not to be believed: it differs from the base, and its version is not
/// newer than the last one that is known.
pub(super) fn is_stale(
    mapping: &CompiledMapping,
    work: &Work,
    side: Side,
    view: View<'_>,
    base: &Base,
) -> bool {
    match view {
        View::Known { version, provenance: Provenance::Listed, .. } => {
            !seeded::is(Bug::ListedRowBelieved)
                && ((!version.is_newer_than(&base.version) || base.version.is_oldest())
                    && edited(mapping, side, view, base).next().is_some()
                    || is_unversioned_edit(mapping, work, side, view, base))
        }
        View::Known { .. } | View::Unseen | View::IdOnly | View::Other(_) => false,
    }
}

/// Whether a pair was edited of which the base's version says nothing: under a hold that stays the
/// version of before, which tells when what is held was edited, while other pairs go on.
pub(super) fn is_unversioned_edit(
    mapping: &CompiledMapping,
    work: &Work,
    side: Side,
    view: View<'_>,
    base: &Base,
) -> bool {
    let is_held = |pair: &CompiledPair| {
        work.holds.iter().any(|hold| match &hold.key {
            HoldKey::Pair(_, held) => *held == pair.id,
            // It may have come after a write to the other side.
            HoldKey::Link(_) | HoldKey::Record(..) => false,
        })
    };
    !work.holds.is_empty()
        && !seeded::is(Bug::HeldVersionBelieved)
        && edited(mapping, side, view, base).any(|pair| !is_held(pair))
}

/// The pairs in which a side differs from its base.
pub(super) fn edited<'a>(
    mapping: &'a CompiledMapping,
    side: Side,
    view: View<'a>,
    base: &'a Base,
) -> impl Iterator<Item = &'a CompiledPair> {
    mapping.pairs.iter().filter(move |pair| change(pair, side, view, base) == Change::Changed)
}

/// Whether a record was read by its id in this run.
pub(super) fn is_read(side: Side, record: &RecordId, context: &PlanContext) -> bool {
    !context.fetched.is_empty() && context.fetched.contains_key(&(side, record.clone()))
}

/// Whether what was refused is not to be tried again yet: its time has not come, and no side has
/// been edited since.
pub(super) fn is_refused_still(
    mapping: &CompiledMapping,
    hold: &Hold,
    seen: &Sides<Option<&Values>>,
    context: &PlanContext,
) -> bool {
    let print = |side| Some(mapping.record_print(side, seen[side]?, &context.key));
    hold.reason == HoldReason::Rejected
        && hold.answer.is_none()
        && hold.not_before.is_none_or(|due| due > context.now)
        && hold.values == Sides::from_fn(print)
}
