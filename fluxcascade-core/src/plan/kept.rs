//! Values of which fingerprints alone are kept: what a system shows again is known again.
//!
//! A kept value is equal to no value that is seen, so that to the tables a side that holds it still
//! would have changed. Therefore, before anything is decided, what is kept and shown takes the place
//! of its fingerprint: what is left is a value that the side does not hold any more, or one of a record
//! that was not read. The decisions know nothing of it.

use super::context::PlanContext;
use super::entry::Need;
use super::unit::Seen;
use crate::mapping::{CompiledMapping, CompiledPair, FingerprintKey, refs};
use crate::model::{
    FieldName, InboxEntry, Link, Operation, OperationPair, RecordId, Side, Sides, Slot, State,
    Value, Values, Work,
};

/// Takes what was seen of records for the kept values of bases and intents that it has the
/// fingerprints of. To be called before [`super::plan`], whenever more was fetched.
///
/// A base that was kept under another key, in a store that was moved, says nothing: its pair is
/// decided as a new one.
pub fn recall(mapping: &CompiledMapping, works: &mut [Work], context: &PlanContext) {
    for work in works {
        let Work { link, entries, operations, candidates, tombstones, .. } = work;
        let shown = Shown { mapping, key: &context.key, entries, context };
        for link in link.iter_mut().chain(tombstones) {
            recall_link(mapping, link, &context.key, |side, record| shown.of(side, record));
        }
        for operation in operations {
            shown.recall(operation);
        }
        for found in candidates {
            for side in Side::BOTH {
                let pending = found.holders[side].iter_mut().filter_map(|h| h.pending.as_mut());
                pending.for_each(|operation| shown.recall(operation));
            }
        }
    }
}

/// The same for the bases of one link, of whose records these values were seen.
pub(crate) fn recall_link<'s>(
    mapping: &CompiledMapping,
    link: &mut Link,
    key: &FingerprintKey,
    shown: impl Fn(Side, &RecordId) -> Vec<&'s Values>,
) {
    let is_kept = |slot: &Slot| slot.value().is_some_and(Value::is_kept);
    if !link.bases.iter().any(|(side, base)| mapping.living(side, base).iter().any(is_kept)) {
        return;
    }
    let seen = Sides::from_fn(|side| shown(side, &link.records[side]));
    for pair in &mapping.pairs {
        let mut foreign = false;
        for side in Side::BOTH {
            let end = &pair.ends[side];
            let slots = &mut link.bases[side].slots[end.base.clone()];
            foreign |= slots.iter().filter_map(Slot::value).any(|value| !key.can_tell(value));
            for values in &seen[side] {
                for ((slot, &at), name) in slots.iter_mut().zip(&end.slots).zip(&end.names) {
                    if let Slot::Present(value) = slot {
                        know(value, side, name, &values[at], key);
                    }
                }
            }
        }
        if foreign {
            for side in Side::BOTH {
                link.bases[side].slots[pair.ends[side].base.clone()].fill(Slot::Absent);
            }
        }
    }
}

/// Takes a value that was seen for the kept one, if it has its fingerprint.
fn know(value: &mut Value, side: Side, name: &FieldName, seen: &Slot, key: &FingerprintKey) {
    let Slot::Present(seen) = seen else { return };
    if value.is_kept() && !seen.is_kept() && key.kept(side, name, seen) == *value {
        *value = seen.clone();
    }
}

/// What was seen of the records of a work.
struct Shown<'a> {
    mapping: &'a CompiledMapping,
    key: &'a FingerprintKey,
    entries: &'a Sides<Option<InboxEntry>>,
    context: &'a PlanContext,
}

impl<'a> Shown<'a> {
    /// What was fetched or listed of a record, or of the one that it was merged into.
    fn of(&self, side: Side, record: &RecordId) -> Vec<&'a Values> {
        let mut seen = Vec::new();
        let mut trail = vec![record.clone()];
        while let Some(here) = trail.last() {
            let listed = self.entries[side]
                .as_ref()
                .filter(|entry| entry.record == *here && entry.revision == self.mapping.revision);
            let listed = listed.and_then(|entry| entry.observation.as_ref());
            let fetched = self.context.fetched.get(&(side, here.clone()));
            let mut next = None;
            for observation in fetched.into_iter().chain(listed) {
                match &observation.state {
                    State::Known { values, .. } => seen.push(values),
                    State::MergedInto(survivor) => next = Some(survivor.clone()),
                    State::Archived(_)
                    | State::Deleted(_)
                    | State::Missing
                    | State::OutOfScope
                    | State::Unreadable(_) => {}
                }
            }
            match next.filter(|next| !trail.contains(next)) {
                Some(next) => trail.push(next),
                None => break,
            }
        }
        seen
    }

    /// An intent: what its records hold, and what came of the origin's value.
    fn recall(&self, operation: &mut Operation) {
        if !operation.pairs.iter().any(OperationPair::is_kept) {
            return;
        }
        let (side, from) = (operation.side, operation.side.other());
        let origins = self.of(from, &operation.origin);
        let written = operation.kind.record().map(|record| self.of(side, record));
        for pair in operation.pairs.iter_mut().filter(|pair| pair.is_kept()) {
            let Some(index) = self.mapping.pair_written(pair) else { continue };
            let of = &self.mapping.pairs[index];
            for values in &origins {
                self.know_all(of, from, &mut pair.origin, values);
            }
            for values in written.iter().flatten() {
                self.know_all(of, side, &mut pair.planned, values);
                self.know_all(of, side, &mut pair.sent, values);
            }
            if pair.sent.iter().any(Value::is_kept)
                && !pair.origin.iter().any(Value::is_kept)
                && let Ok(carried) = of.carry(from, &refs(&pair.origin))
                && is_sent(of, side, &pair.sent, &refs(&carried), self.key)
            {
                pair.sent = carried;
            }
        }
    }

    fn know_all(&self, pair: &CompiledPair, side: Side, kept: &mut [Value], seen: &Values) {
        let end = &pair.ends[side];
        for ((value, &at), name) in kept.iter_mut().zip(&end.slots).zip(&end.names) {
            know(value, side, name, &seen[at], self.key);
        }
    }
}

/// Whether these values are what was sent to a side, as far as that is kept.
pub(super) fn is_sent(
    pair: &CompiledPair,
    side: Side,
    sent: &[Value],
    values: &[&Value],
    key: &FingerprintKey,
) -> bool {
    let is_it = |((sent, value), name): ((&Value, &&Value), &FieldName)| {
        if sent.is_kept() {
            key.kept(side, name, value) == *sent
        } else {
            !value.changed_from(sent)
        }
    };
    sent.len() == values.len() && sent.iter().zip(values).zip(&pair.ends[side].names).all(is_it)
}

/// The sides whose values must be read before anything is said of a pair: of a record that was not
/// seen only fingerprints are known.
pub(super) fn unread(seen: &Seen<'_>, values: &Sides<Vec<&Value>>) -> Vec<Need> {
    let unread = values.iter().filter(|(_, values)| values.iter().any(|value| value.is_kept()));
    let need = |side: Side| Need::Fetch { side, record: seen.link.records[side].clone() };
    unread.map(|(side, _)| need(side)).collect()
}

/// Whether all of these are known as they are.
pub(super) fn are_known(values: &[Value]) -> bool {
    !values.iter().any(Value::is_kept)
}
