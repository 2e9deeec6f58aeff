//! What a plan says of a link, without the times and words in it: so that two plans can be compared
//! though a clock was shifted or the sides were swapped.

use std::collections::{BTreeMap, BTreeSet};

use fluxcascade_core::mapping::CompiledMapping;
use fluxcascade_core::model::{
    Cause, Conflict, ConflictStatus, HoldKey, PairId, Side, Sides, Value, Winner,
};
use fluxcascade_core::plan::{Entry, PairAction, Plan, Step, plan};

use crate::given::{Linked, context};
use crate::scene::{Scene, swap};

/// What is done for one pair.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    Adopt(Sides<Vec<Value>>),
    Write { to: Side, send: Vec<Value>, values: Sides<Vec<Value>>, cause: &'static str },
    WriteBoth { send: Sides<Vec<Value>>, values: Sides<Vec<Value>> },
}

/// A conflict row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) winner: Option<Winner>,
    pub(crate) status: ConflictStatus,
    pub(crate) values: Sides<Vec<Value>>,
}

/// What is done for a link, by the pairs' ids.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Outcome {
    pub(crate) acts: BTreeMap<PairId, Act>,
    pub(crate) notes: BTreeSet<(PairId, Side, &'static str)>,
    /// `None`: the whole record.
    pub(crate) conflicts: BTreeMap<Option<PairId>, Row>,
    /// `None`: the whole record.
    pub(crate) holds: BTreeSet<(Option<PairId>, String)>,
}

pub(crate) fn word(cause: &Cause) -> &'static str {
    match cause {
        Cause::Edit => "edit",
        Cause::EditOverwrites => "edit overwrites",
        Cause::Conflict { .. } => "conflict",
        Cause::Fill => "fill",
        Cause::FirstLinkOverwrites => "first link overwrites",
        Cause::Create => "create",
        Cause::DriftLeft => "drift left",
        Cause::DriftRestored => "drift restored",
        Cause::LeftAsFound => "left as found",
        Cause::Rewritten => "rewritten",
        Cause::Answered { .. } => "answered",
        Cause::OtherId => "other id",
        Cause::TransformChanged => "transform changed",
        Cause::TakenAsFound => "taken as found",
    }
}

fn row(row: &Conflict) -> (Option<PairId>, Row) {
    let shown = Row {
        kind: format!("{:?}", row.kind),
        winner: row.winner,
        status: row.status,
        values: row.values.clone(),
    };
    (row.pair.clone(), shown)
}

impl Outcome {
    pub(crate) fn of(mapping: &CompiledMapping, entry: &Entry) -> Self {
        let mut outcome = Outcome::default();
        let mut rows: Vec<&Conflict> = entry.conflicts.iter().collect();
        for planned in &entry.pairs {
            let values = planned.values.clone();
            let act = match &planned.action {
                PairAction::Adopt => Act::Adopt(values),
                PairAction::Write { to, send, cause, conflict } => {
                    rows.extend(conflict.as_deref());
                    Act::Write { to: *to, send: send.clone(), values, cause: word(cause) }
                }
                PairAction::WriteBoth { send, conflict, .. } => {
                    rows.extend(conflict.as_deref());
                    Act::WriteBoth { send: send.clone(), values }
                }
            };
            let before = outcome.acts.insert(mapping.pairs[planned.index].id.clone(), act);
            assert_eq!(before, None, "a pair is decided twice");
        }
        for (side, note) in &entry.notes {
            outcome.notes.insert((note.pair.clone(), *side, word(&note.cause)));
        }
        outcome.conflicts = rows.into_iter().map(row).collect();
        for hold in &entry.holds {
            let pair = match &hold.key {
                HoldKey::Pair(_, pair) => Some(pair.clone()),
                HoldKey::Link(_) | HoldKey::Record(..) => None,
            };
            outcome.holds.insert((pair, hold.reason.to_string()));
        }
        outcome
    }

    /// The same with the sides swapped.
    pub(crate) fn turn(&self) -> Outcome {
        let winner = |winner: Option<Winner>| match winner? {
            Winner::Source => Some(Winner::Target),
            Winner::Target => Some(Winner::Source),
            Winner::Merged => Some(Winner::Merged),
        };
        let act = |act: &Act| match act {
            Act::Adopt(values) => Act::Adopt(swap(values)),
            Act::WriteBoth { send, values } => {
                Act::WriteBoth { send: swap(send), values: swap(values) }
            }
            Act::Write { to, send, values, cause } => {
                Act::Write { to: to.other(), send: send.clone(), values: swap(values), cause }
            }
        };
        let turned = |(pair, row): (&Option<PairId>, &Row)| {
            let values = swap(&row.values);
            (pair.clone(), Row { winner: winner(row.winner), values, ..row.clone() })
        };
        Outcome {
            acts: self.acts.iter().map(|(pair, done)| (pair.clone(), act(done))).collect(),
            notes: self
                .notes
                .iter()
                .map(|(pair, side, w)| (pair.clone(), side.other(), *w))
                .collect(),
            conflicts: self.conflicts.iter().map(turned).collect(),
            holds: self.holds.clone(),
        }
    }

    /// Whether the whole record waits.
    pub(crate) fn holds_record(&self) -> bool {
        self.holds.iter().any(|(pair, _)| pair.is_none())
    }

    /// Both of two outcomes, of which each is about other pairs. Where a record waits, nothing else
    /// of it is done.
    pub(crate) fn and(mut self, other: Outcome) -> Outcome {
        self.acts.extend(other.acts);
        self.notes.extend(other.notes);
        self.conflicts.extend(other.conflicts);
        self.holds.extend(other.holds);
        self
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.acts.is_empty() && self.notes.is_empty() && self.conflicts.is_empty()
    }
}

/// Plans one link that needs nothing more.
pub(crate) fn plan_of(mapping: &CompiledMapping, linked: &Linked, now: i64) -> Plan {
    let context = context(fluxcascade_core::Timestamp::from_secs(now));
    plan(mapping, &[linked.work(mapping)], &context)
}

/// What is done in a scene in which both records were fetched.
pub(crate) fn decided(scene: &Scene) -> (CompiledMapping, Entry) {
    let mapping = scene.mapping();
    let mut plan = plan_of(&mapping, &scene.fetched(&mapping), scene.now);
    assert!(plan.needs.is_empty(), "needs {:?}", plan.needs);
    let entry = plan.entries.remove(0);
    assert!(matches!(entry.step, Step::Decided | Step::Unchanged), "{:?}", entry.step);
    (mapping, entry)
}

/// The same, in short.
pub(crate) fn outcome(scene: &Scene) -> Outcome {
    let (mapping, entry) = decided(scene);
    Outcome::of(&mapping, &entry)
}
