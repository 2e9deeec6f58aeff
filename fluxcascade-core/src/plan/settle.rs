//! Settling: what became of a write that has no answer, told from what the written side holds.

use rust_decimal::Decimal;

use super::entry::Settled;
use super::kept::are_known;
use crate::mapping::{CompiledMapping, CompiledPair, FingerprintKey};
use crate::model::{
    Cause, FieldName, Fingerprint, Hold, HoldKey, HoldReason, LogPair, Operation, OperationPair,
    PairId, Side, Sides, Timestamp, Value, Values,
};
use crate::seeded::{self, Bug};

/// What the system said to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing: it may have been carried out.
    Nothing,
    /// It was carried out, but not what was stored.
    Applied,
}

/// What became of one pair of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The written side holds what was sent.
    Done,
    /// It holds what it held before: the write was not applied, and is decided anew.
    NotApplied,
    /// It took the write, and holds what it held before: to it both are the same.
    Kept,
    /// It holds something else: the write was applied, and then a person edited the record.
    Edited,
    /// It holds less than was sent: a person or the system may have made it so.
    Unsettled,
}

/// Settles an update against the values that the written record holds now.
pub(crate) fn settle_update(
    mapping: &CompiledMapping,
    operation: &Operation,
    observed: &Values,
    heard: Heard,
    key: &FingerprintKey,
    now: Timestamp,
) -> Settled {
    let side = operation.side;
    let mut settled = Settled {
        operation: operation.id,
        side,
        bases: Vec::new(),
        log: Vec::new(),
        lost: Vec::new(),
        conflicts: Vec::new(),
        holds: Vec::new(),
        unseen: unseen(mapping, operation),
        owes: false,
    };
    for written in &operation.pairs {
        let own_rows = operation
            .conflicts
            .iter()
            .filter(|row| row.pair.as_ref() == Some(&written.pair))
            .cloned();
        let Some((index, held)) = held_now(mapping, side, written, observed) else {
            if seeded::is(Bug::OverwrittenUnlogged) {
                continue;
            }
            // The mapping no longer ties it so, or it is not in the answer and is decided anew when it
            // is. What may have been overwritten is kept all the same.
            settled.conflicts.extend(own_rows);
            settled.lost.push(as_sent(written));
            continue;
        };
        let pair = &mapping.pairs[index];
        let base = |written_side: Vec<Value>| match side {
            Side::Source => Sides::new(written_side, written.origin.clone()),
            Side::Target => Sides::new(written.origin.clone(), written_side),
        };
        let fate = fate(pair, side, written, &held, heard);
        match fate {
            Fate::Done | Fate::Kept => settled.bases.push((index, base(held.clone()))),
            Fate::Edited => settled.bases.push((index, base(written.sent.clone()))),
            Fate::Unsettled => {
                settled.bases.push((index, base(written.sent.clone())));
                let values = base(held.clone());
                let prints = Sides::from_fn(|s| Some(pair.print(s, &values[s], key)));
                settled.holds.push(unsettled(operation, pair, written, prints, now));
            }
            Fate::NotApplied => continue,
        }
        settled.log.push(LogPair {
            pair: pair.id.clone(),
            before: written.planned.clone(),
            after: if fate == Fate::Done { held.clone() } else { written.sent.clone() },
            cause: written.cause.clone(),
        });
        if fate == Fate::Kept {
            settled.log.push(LogPair {
                pair: pair.id.clone(),
                before: written.sent.clone(),
                after: held,
                cause: Cause::Rewritten,
            });
        }
        settled.conflicts.extend(own_rows);
    }
    settled
}

/// A pair's place, and what a record holds in it.
fn held_now(
    mapping: &CompiledMapping,
    side: Side,
    written: &OperationPair,
    observed: &Values,
) -> Option<(usize, Vec<Value>)> {
    let index = mapping.pair_written(written)?;
    let slots = mapping.pairs[index].ends[side].slots.iter();
    let held =
        slots.map(|&slot| observed[slot].value().cloned()).collect::<Option<Vec<Value>>>()?;
    Some((index, held))
}

/// Settles an update of a record that is not there any more. What it may have overwritten is kept in
/// the log, and what it left is seen if the record comes back.
pub(crate) fn settle_lost(mapping: &CompiledMapping, operation: &Operation) -> Settled {
    let lost = operation.pairs.iter().map(as_sent);
    Settled {
        operation: operation.id,
        side: operation.side,
        bases: Vec::new(),
        log: Vec::new(),
        lost: lost.collect(),
        conflicts: operation.conflicts.clone(),
        holds: Vec::new(),
        unseen: unseen(mapping, operation),
        owes: false,
    }
}

/// A write as it was sent.
fn as_sent(written: &OperationPair) -> LogPair {
    LogPair {
        pair: written.pair.clone(),
        before: written.planned.clone(),
        after: written.sent.clone(),
        cause: written.cause.clone(),
    }
}

/// Gives up a second half that was not sent.
pub(crate) fn settle_unsent(mapping: &CompiledMapping, half: &Operation) -> Settled {
    Settled {
        operation: half.id,
        side: half.side,
        bases: Vec::new(),
        log: Vec::new(),
        lost: Vec::new(),
        conflicts: Vec::new(),
        holds: Vec::new(),
        unseen: unseen(mapping, half),
        owes: false,
    }
}

/// The pairs written on both sides that the mapping has not now: the other half may be done already,
/// so that their bases say nothing of this one.
fn unseen(
    mapping: &CompiledMapping,
    operation: &Operation,
) -> Vec<(PairId, Sides<Vec<FieldName>>)> {
    let gone = operation.joint().filter(|written| mapping.pair_written(written).is_none());
    gone.map(|written| (written.pair.clone(), written.fields.clone())).collect()
}

fn unsettled(
    operation: &Operation,
    pair: &CompiledPair,
    written: &OperationPair,
    values: Sides<Option<Fingerprint>>,
    now: Timestamp,
) -> Hold {
    let holds = if are_known(&written.sent) {
        "less than was sent to it"
    } else {
        "another value than was sent to it, of which only the fingerprint is kept"
    };
    let detail = format!(
        "{}: the {} holds {holds}; edit the field on either side to go on",
        pair.label, operation.side
    );
    let key = HoldKey::Pair(operation.link, pair.id.clone());
    Hold { values, ..Hold::new(key, HoldReason::Unsettled, detail, now) }
}

fn fate(
    pair: &CompiledPair,
    side: Side,
    written: &OperationPair,
    held: &[Value],
    heard: Heard,
) -> Fate {
    let refs = crate::mapping::refs;
    let held_refs = refs(held);
    let agrees = are_known(&written.origin)
        && match side {
            Side::Source => pair.equivalent(&held_refs, &refs(&written.origin)),
            Side::Target => pair.equivalent(&refs(&written.origin), &held_refs),
        };
    let is_believed = seeded::is(Bug::SettledUnseen) && heard == Heard::Nothing;
    if is_believed || agrees || pair.same(side, &held_refs, &refs(&written.sent)) {
        return Fate::Done;
    }
    let unchanged = |(held, planned): (&Value, &Value)| !held.changed_from(planned);
    if held.len() == written.planned.len() && held.iter().zip(&written.planned).all(unchanged) {
        return match heard {
            Heard::Applied => Fate::Kept,
            Heard::Nothing => Fate::NotApplied,
        };
    }
    // Of a value that is not known it cannot be said who made this one of it.
    if !are_known(&written.sent)
        || held.iter().zip(&written.sent).any(|(held, sent)| carries_less(held, sent))
    {
        return Fate::Unsettled;
    }
    Fate::Edited
}

/// Whether a value looks like what a system left of the one sent: nothing, a beginning, a rounded
/// number, a part of a set.
fn carries_less(held: &Value, sent: &Value) -> bool {
    if held.is_blank() {
        return !sent.is_blank();
    }
    match (held, sent) {
        (Value::Set(held), Value::Set(sent)) => held.len() < sent.len() && held.is_subset(sent),
        (Value::Int(held), Value::Decimal(sent)) => sent.round() == Decimal::from(*held),
        (Value::Decimal(held), Value::Decimal(sent)) => {
            held != sent && held.scale() < sent.scale() && sent.round_dp(held.scale()) == *held
        }
        _ => match (held.as_text(), sent.as_text()) {
            (Some(held), Some(sent)) => {
                held.len() < sent.len() && sent.starts_with(held.trim_end())
            }
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_a_rounding_and_a_subset_carry_less() {
        let decimal = |text: &str| Value::Decimal(text.parse().unwrap());
        assert!(carries_less(&"Marsh".into(), &"Marshall".into()));
        assert!(carries_less(&Value::Null, &"x".into()));
        assert!(carries_less(&decimal("1.5"), &decimal("1.46")));
        assert!(!carries_less(&"Mitchell".into(), &"Marshall".into()));
        assert!(!carries_less(&decimal("1.50"), &decimal("1.46")));
        let set = |items: &[&str]| Value::Set(items.iter().map(|&i| i.into()).collect());
        assert!(carries_less(&set(&["a"]), &set(&["a", "b"])));
        assert!(!carries_less(&set(&["c"]), &set(&["a", "b"])));
    }
}
