//! Values that flap: told from our last writes of a pair, which the bases keep (P5).

use std::time::Duration;

use super::detect::{Change, View};
use super::merge::Case;
use crate::model::{Fingerprint, Side, Sides, Value, WriteOrigin, Written};

/// How long a value is watched.
const WATCHED: Duration = Duration::from_secs(24 * 3600);
/// So soon after our write, and its clock's step, a change is the system's own.
const REWRITES_WITHIN: Duration = Duration::from_secs(5);
/// A value that would come back for the third time flaps.
const COMES_BACK: usize = 3;
/// So many writes in a row that only answer a rewriting do not settle.
const REWRITINGS: usize = 3;

/// What the last writes say of one more.
pub(super) enum Look {
    /// Nothing.
    Fresh,
    /// It is caused only by a system's rewriting of our last write.
    Rewriting,
    /// It would go on without end; why, in words.
    Flaps(String),
}

/// Looks at what would be written to a side.
pub(super) fn look(case: &Case<'_>, to: Side, send: &[Value]) -> Look {
    let writes = last_writes(case);
    if writes.is_empty() {
        return Look::Fresh;
    }
    let rewriter = rewritten_by(case, &writes);
    let now = case.seen.context.now;
    let watched: Vec<(Side, &Written)> =
        writes.iter().copied().filter(|(_, write)| now.since(write.at) <= WATCHED).collect();
    if comes_back(&watched, to, print(case, to, send)) {
        let why = "writes went to both sides by turns within a day, and the same value comes back";
        return Look::Flaps(said(case, why));
    }
    let Some(rewriter) = rewriter else { return Look::Fresh };
    let in_a_row = |(_, write): &&(Side, &Written)| write.origin == WriteOrigin::Rewriting;
    if writes.iter().rev().take_while(in_a_row).count() + 1 >= REWRITINGS {
        let why = format!("the {rewriter} changes again and again what is written to it");
        return Look::Flaps(said(case, &why));
    }
    Look::Rewriting
}

/// Our last writes of the pair on both sides, oldest first.
fn last_writes<'a>(case: &Case<'a>) -> Vec<(Side, &'a Written)> {
    let mut writes: Vec<(Side, &Written)> = Vec::new();
    for side in Side::BOTH {
        let position = u32::try_from(case.pair().ends[side].base.start);
        let all = case.seen.link.bases[side].written.iter();
        let own = all.filter(|write| Ok(write.position) == position);
        writes.extend(own.map(|write| (side, write)));
    }
    writes.sort_by_key(|(_, write)| write.at);
    writes
}

/// What a base keeps of a value that is written.
fn print(case: &Case<'_>, to: Side, send: &[Value]) -> Fingerprint {
    case.pair().print(to, send, &case.seen.context.key)
}

/// Whether this value is what we wrote last for the pair, to this side.
pub(super) fn was_written_last(case: &Case<'_>, to: Side, send: &[Value]) -> bool {
    let writes = last_writes(case);
    let last = writes.last();
    last.is_some_and(|(on, write)| *on == to && write.fingerprint == print(case, to, send))
}

/// The side whose system alone caused this: no other side was edited, our last write of the pair
/// went there, and its record was changed within moments of it.
fn rewritten_by(case: &Case<'_>, writes: &[(Side, &Written)]) -> Option<Side> {
    let changed = case.changes.map(|change| change == Change::Changed);
    let side = match (changed.source, changed.target) {
        (true, false) => Side::Source,
        (false, true) => Side::Target,
        (true, true) | (false, false) => return None,
    };
    let newest = writes.last()?.1.at;
    let was_last = writes.iter().any(|(on, write)| *on == side && write.at == newest);
    let View::Known { version, .. } = case.seen.views[side] else { return None };
    let (seen, ours) = (version.modified?, case.seen.link.bases[side].version.modified?);
    let moments = REWRITES_WITHIN + seen.granularity.max(ours.granularity);
    (was_last && seen.at.since(ours.at) <= moments).then_some(side)
}

/// Whether this value was written to this side twice before, and between and since then writes
/// went to both sides by turns.
fn comes_back(watched: &[(Side, &Written)], to: Side, value: Fingerprint) -> bool {
    let is_it = |(on, write): &(Side, &Written)| *on == to && write.fingerprint == value;
    let before: Vec<usize> =
        watched.iter().enumerate().filter(|(_, write)| is_it(write)).map(|(i, _)| i).collect();
    let Some(&first) = before.iter().rev().nth(COMES_BACK - 2) else { return false };
    let sides: Vec<Side> = watched[first..].iter().map(|(on, _)| *on).chain([to]).collect();
    sides.windows(2).all(|two| two[0] != two[1])
}

/// Why it is held, with both values unless they are sensitive, or not kept.
fn said(case: &Case<'_>, why: &str) -> String {
    let both = Sides::from_fn(|side| {
        let texts = case.values[side].iter().map(|value| format!("\"{value}\""));
        texts.collect::<Vec<_>>().join(" + ")
    });
    let values = if case.pair().sensitive || case.pair().is_kept() {
        String::new()
    } else {
        format!(": {} on the source, {} on the target", both.source, both.target)
    };
    format!("{why}{values}; say which value stands, or stop what changes it in one of the systems")
}
