//! Whether a record that was written is looked at again: it holds something that nobody accounts for.

use super::run::Run;
use crate::model::{Link, Operation, Slot, Values};
use crate::plan::PairBases;

impl Run<'_> {
    /// Whether the written record holds something that is not accounted for: a pair that was
    /// written and not confirmed, one that was not written and moved, or, in a new record, one
    /// without a base.
    pub(super) fn must_look_again(
        &self,
        link: &Link,
        operation: &Operation,
        before: Option<&Values>,
        after: &Values,
        confirmed: &PairBases,
    ) -> bool {
        let side = operation.side;
        self.mapping.pairs.iter().enumerate().any(|(index, pair)| {
            let end = &pair.ends[side];
            let base = &link.bases[side].slots[end.base.clone()];
            let now = end.slots.iter().map(|&slot| &after[slot]);
            if operation.pairs.iter().any(|written| written.pair == pair.id) {
                return !confirmed.iter().any(|(i, _)| *i == index) || differs(now, base.iter());
            }
            match before {
                Some(before) => differs(now, end.slots.iter().map(|&slot| &before[slot])),
                None => base.iter().any(Slot::is_absent) || differs(now, base.iter()),
            }
        })
    }
}

/// Whether what is there differs from what was expected; absent fields say nothing.
fn differs<'a>(
    there: impl Iterator<Item = &'a Slot>,
    expected: impl Iterator<Item = &'a Slot>,
) -> bool {
    there.zip(expected).any(|(there, expected)| match (there, expected) {
        (Slot::Present(there), Slot::Present(expected)) => there.changed_from(expected),
        (Slot::Absent, _) | (_, Slot::Absent) => false,
    })
}
