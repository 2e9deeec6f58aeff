//! What a person said about a conflict that a whole record waits for, where it cannot be written: it
//! is tried again, later each time; where the system refuses it, or in the end, they are asked again.

use super::retry::next_try;
use crate::mapping::{CompiledMapping, CompiledPair, FingerprintKey};
use crate::model::record::fingerprint_values;
use crate::model::{
    AskedPair, Cause, Conflict, ConflictStatus, Hold, HoldKey, HoldReason, Link, OperationPair,
    Side, Sides, Timestamp, Value, Work,
};
use crate::plan::{Entry, PairPlan, Settled};

/// A person's answer for a whole record, which an entry carries out.
pub(super) struct Told {
    pub(super) hold: Hold,
    /// When it was said.
    at: Timestamp,
    /// The row of the conflict, with who has won.
    pub(super) row: Conflict,
}

/// A pair that a system refuses, and why.
pub(super) struct RefusedPair<'e> {
    pub(super) plan: &'e PairPlan,
    pub(super) why: String,
}

impl Told {
    pub(super) fn of(work: &Work, entry: &Entry) -> Option<Self> {
        let is_asked = |hold: &&Hold| {
            matches!(hold.key, HoldKey::Link(_)) && hold.reason == HoldReason::Conflict
        };
        let hold = work.holds.iter().find(is_asked)?;
        let at = hold.answer.as_ref()?.at;
        let row = entry.conflicts.iter().find(|row| Some(row.id) == entry.told)?;
        Some(Self { hold: hold.clone(), at, row: row.clone() })
    }

    /// It could not be written: it stands, and is tried again, later each time. In the end it is asked
    /// again.
    pub(super) fn tried_again(
        &self,
        mapping: &CompiledMapping,
        entry: &Entry,
        why: &str,
        now: Timestamp,
    ) -> Hold {
        let attempts = self.hold.attempts + 1;
        let Some(at) = next_try(attempts, self.at, now) else {
            return self.asked_again(mapping, entry, why);
        };
        let pairs = labels(mapping, answered(mapping, entry));
        Hold {
            detail: format!("{pairs}: what was decided is not done yet ({why})"),
            attempts,
            not_before: Some(at),
            ..self.hold.clone()
        }
    }

    /// The system refuses all of it: it is asked again.
    pub(super) fn asked_again(&self, mapping: &CompiledMapping, entry: &Entry, why: &str) -> Hold {
        self.hold.asks_again(&labels(mapping, answered(mapping, entry)), why)
    }

    /// The system refuses these pairs of it, which are asked again: the hold, and its row. That is the
    /// same one if they are all.
    pub(super) fn asked_of(
        &self,
        mapping: &CompiledMapping,
        key: &FingerprintKey,
        link: &Link,
        refused: &[RefusedPair<'_>],
    ) -> (Hold, Conflict) {
        let pairs = || refused.iter().map(|refused| &mapping.pairs[refused.plan.index]);
        let values = Sides::from_fn(|side| {
            let of_side = |refused: &RefusedPair<'_>| {
                mapping.pairs[refused.plan.index].stored(side, &refused.plan.values[side], key)
            };
            refused.iter().flat_map(of_side).collect::<Vec<Value>>()
        });
        let base = |side: Side| {
            let of_pair = |pair: &CompiledPair| {
                let slots = &link.bases[side].slots[pair.ends[side].base.clone()];
                let base = slots.iter().map(|slot| slot.value().cloned());
                Some(pair.stored(side, &base.collect::<Option<Vec<Value>>>()?, key))
            };
            pairs().map(of_pair).collect::<Option<Vec<_>>>().map(|bases| bases.concat())
        };
        let whys: Vec<&str> = refused.iter().map(|refused| refused.why.as_str()).collect();
        let why = whys.join("; ");
        let label = labels(mapping, refused.iter().map(|refused| refused.plan.index));
        let mut hold = self.hold.asks_again(&label, &why);
        let id = Conflict::id_of(link.id, self.row.pair.as_ref(), &values);
        hold.values = values.as_ref().map(|values| Some(fingerprint_values(values)));
        hold.conflict = Some(id);
        let in_question = |refused: &RefusedPair<'_>| {
            let (pair, values) = (&mapping.pairs[refused.plan.index], &refused.plan.values);
            let print = |side| Some(pair.print(side, &values[side], key));
            AskedPair { pair: pair.id.clone(), values: Sides::from_fn(print) }
        };
        hold.pairs = refused.iter().map(in_question).collect();
        let row = Conflict {
            id,
            base: Sides::from_fn(base),
            values,
            winner: None,
            why,
            status: ConflictStatus::Open,
            ..self.row.clone()
        };
        (hold, row)
    }
}

/// Whether a person has decided a pair, and not by an answer to what that one waits for by itself.
pub(super) fn is_told_with_others(plan: &PairPlan, mapping: &CompiledMapping, work: &Work) -> bool {
    let pair = &mapping.pairs[plan.index].id;
    let is_own = |hold: &Hold| hold.key.pair() == Some(pair) && hold.answer.is_some();
    plan.cause().is_some_and(is_answer) && !work.holds.iter().any(is_own)
}

/// The rows of whole records that a write without an answer has carried out.
pub(super) fn rows_settled(work: &Work, settled: &Settled) -> Vec<Conflict> {
    if !settled.log.iter().any(|pair| is_answer(&pair.cause)) {
        return Vec::new();
    }
    let open = work.operations.iter().filter(|open| open.id == settled.operation);
    open.flat_map(|open| &open.conflicts).filter(|row| row.pair.is_none()).cloned().collect()
}

/// Whether a write has a pair that a person decided.
pub(super) fn is_told(pairs: &[OperationPair]) -> bool {
    pairs.iter().any(|written| is_answer(&written.cause))
}

fn is_answer(cause: &Cause) -> bool {
    matches!(cause, Cause::Answered { .. })
}

/// The places of the pairs that a person decided.
fn answered<'e>(
    mapping: &'e CompiledMapping,
    entry: &'e Entry,
) -> impl Iterator<Item = usize> + 'e {
    let written = entry.pairs.iter().filter(|plan| plan.cause().is_some_and(is_answer));
    let left = entry.notes.iter().filter(|(_, note)| is_answer(&note.cause));
    let left = left.filter_map(|(_, note)| mapping.pair_index(&note.pair));
    written.map(|plan| plan.index).chain(left)
}

fn labels(mapping: &CompiledMapping, places: impl Iterator<Item = usize>) -> String {
    let labels: Vec<&str> = places.map(|at| mapping.pairs[at].label.as_str()).collect();
    labels.join(", ")
}
