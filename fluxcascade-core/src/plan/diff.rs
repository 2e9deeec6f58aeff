//! Two plans side by side: what was added, what is gone, and what is decided otherwise. Ids and
//! times that differ from run to run do not count.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::entry::{Entry, LinkUpdate, NewLink, PairAction, PairPlan, Plan, Step};
use crate::model::{Conflict, Hold, LogPair, Side, WorkKey};

/// How one plan differs from another; each difference in the words of a printed plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanDiff {
    /// Only the other plan has these.
    pub added: Vec<Vec<String>>,
    /// The other plan no longer has these.
    pub removed: Vec<Vec<String>>,
    /// Both plans have these, and decide otherwise: before, and after.
    pub changed: Vec<(Vec<String>, Vec<String>)>,
}

impl PlanDiff {
    /// Whether both plans do the same.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl fmt::Display for PlanDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "both plans do the same");
        }
        writeln!(
            f,
            "{} added, {} removed, {} changed",
            self.added.len(),
            self.removed.len(),
            self.changed.len()
        )?;
        let mut lines = |sign: char, lines: &[String]| {
            lines.iter().try_for_each(|line| writeln!(f, "{sign} {line}"))
        };
        for entry in &self.removed {
            lines('-', entry)?;
        }
        for (before, after) in &self.changed {
            lines('-', before)?;
            lines('+', after)?;
        }
        self.added.iter().try_for_each(|entry| lines('+', entry))
    }
}

impl Plan {
    /// How `other` differs from this plan: what a review of a second plan has to look at.
    ///
    /// Plans of mappings whose pairs differ are compared by what each entry says in words.
    pub fn diff(&self, other: &Plan) -> PlanDiff {
        let mut left: BTreeMap<&WorkKey, &Entry> = told(self).collect();
        let mut diff = PlanDiff::default();
        for (key, after) in told(other) {
            let words = other.words(after);
            match left.remove(key) {
                None => diff.added.push(words),
                Some(before) => {
                    let same = if self.pairs == other.pairs {
                        same_decision(before, after)
                    } else {
                        self.words(before) == words
                    };
                    if !same {
                        diff.changed.push((self.words(before), words));
                    }
                }
            }
        }
        diff.removed = left.into_values().map(|entry| self.words(entry)).collect();
        diff
    }
}

fn told(plan: &Plan) -> impl Iterator<Item = (&WorkKey, &Entry)> {
    let told = plan.entries.iter().filter(|entry| is_told(entry));
    told.map(|entry| (&entry.key, entry))
}

/// Whether an entry says anything to people.
pub(super) fn is_told(entry: &Entry) -> bool {
    !entry.is_quiet() || matches!(entry.step, Step::Waits { .. } | Step::Needs)
}

/// Whether two entries of one work do the same: write and store the same. Which pairs' transforms
/// were changed is only counted.
pub(crate) fn same_decision(a: &Entry, b: &Entry) -> bool {
    let records = |a: &Entry| a.records.clone();
    let waits = |entry: &Entry| matches!(entry.step, Step::Waits { .. } | Step::Needs);
    records(a) == records(b)
        && waits(a) == waits(b)
        && a.closes == b.closes
        && alike(&a.settled, &b.settled, |a, b| a.operation == b.operation)
        && both(a.link.as_ref(), b.link.as_ref(), same_link)
        && both(a.before.as_ref(), b.before.as_ref(), same_update)
        && both(a.after.as_ref(), b.after.as_ref(), same_update)
        && Side::BOTH.into_iter().all(|side| same_writes(a, b, side))
        && alike(&a.pairs, &b.pairs, same_pair)
        && alike(&a.notes, &b.notes, |a, b| a.0 == b.0 && same_note(&a.1, &b.1))
        && alike(&a.holds, &b.holds, same_hold)
        && alike(&a.conflicts, &b.conflicts, same_row)
        && a.judged == b.judged
        && a.released == b.released
        && a.rewritings == b.rewritings
        && a.resumes == b.resumes
        && a.drops == b.drops
        && a.wakes == b.wakes
}

/// Whether two entries of one work write the same to a side.
pub(crate) fn same_writes(a: &Entry, b: &Entry, side: Side) -> bool {
    let written = |entry: &Entry| -> Vec<PairPlan> {
        entry.pairs.iter().filter(|pair| pair.writes_to(side)).cloned().collect()
    };
    let of_side = |entry: &Entry| entry.record.filter(|(on, _)| *on == side);
    (a.create == Some(side)) == (b.create == Some(side))
        && of_side(a) == of_side(b)
        && a.stamps[side] == b.stamps[side]
        && alike(&written(a), &written(b), same_pair)
}

fn alike<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

fn both<T>(a: Option<&T>, b: Option<&T>, same: impl Fn(&T, &T) -> bool) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same(a, b),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// A link's id tells of the run that makes it.
fn same_link(a: &NewLink, b: &NewLink) -> bool {
    a.records == b.records && a.settles == b.settles && a.bases == b.bases
}

fn same_update(a: &LinkUpdate, b: &LinkUpdate) -> bool {
    a.kind == b.kind && a.status == b.status && a.ending == b.ending && a.records == b.records
}

/// Why a value is written may be said in other words; a conflict's row has the link's id.
fn same_pair(a: &PairPlan, b: &PairPlan) -> bool {
    let action = match (&a.action, &b.action) {
        (PairAction::Adopt, PairAction::Adopt) => true,
        (
            PairAction::Write { to, send, .. },
            PairAction::Write { to: other_to, send: other_send, .. },
        ) => to == other_to && send == other_send,
        (PairAction::WriteBoth { send, .. }, PairAction::WriteBoth { send: other, .. }) => {
            send == other
        }
        (
            PairAction::Adopt | PairAction::Write { .. } | PairAction::WriteBoth { .. },
            PairAction::Adopt | PairAction::Write { .. } | PairAction::WriteBoth { .. },
        ) => false,
    };
    action && a.index == b.index && a.values == b.values
}

/// A row's id and its time tell of the run that makes it.
fn same_row(a: &Conflict, b: &Conflict) -> bool {
    a.pair == b.pair
        && a.kind == b.kind
        && a.base == b.base
        && a.values == b.values
        && a.winner == b.winner
        && a.status == b.status
}

fn same_note(a: &LogPair, b: &LogPair) -> bool {
    a.pair == b.pair && a.before == b.before && a.after == b.after
}

fn same_hold(a: &Hold, b: &Hold) -> bool {
    a.key.pair() == b.key.pair()
        && a.reason == b.reason
        && a.values == b.values
        && a.candidates == b.candidates
        && a.withheld == b.withheld
}
