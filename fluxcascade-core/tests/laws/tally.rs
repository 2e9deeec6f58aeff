//! How often each cell of the tables of decisions, each strategy and each policy was met.

use std::collections::BTreeMap;
use std::fmt;

use fluxcascade_core::mapping::{CompiledMapping, PairDirection};
use fluxcascade_core::model::{Conflict, Sides, Slot, Value};
use fluxcascade_core::plan::{Entry, PairAction};

use crate::drawn::strategies;
use crate::outcome::word;
use crate::scene::{Pair, Scene};

#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<String, usize>);

const DIRECTIONS: [PairDirection; 3] =
    [PairDirection::Bidirectional, PairDirection::SourceOnly, PairDirection::TargetOnly];

/// How two sides stand against their bases, and whether they mean the same.
fn with_base(changed: Sides<bool>, equivalent: bool) -> String {
    let changed = match (changed.source, changed.target) {
        (false, false) => "neither changed",
        (true, false) => "source changed",
        (false, true) => "target changed",
        (true, true) => "both changed",
    };
    format!("{changed}, {}", if equivalent { "equivalent" } else { "another" })
}

fn without_base(blank: Sides<bool>, equivalent: bool) -> String {
    match (blank.source, blank.target, equivalent) {
        (true, true, _) => "no base: both blank",
        (_, _, true) => "no base: equivalent",
        (true, false, false) => "no base: source blank",
        (false, true, false) => "no base: target blank",
        (false, false, false) => "no base: two values",
    }
    .to_owned()
}

fn cells() -> Vec<String> {
    let bools = [false, true];
    let pairs: Vec<Sides<bool>> =
        bools.iter().flat_map(|&s| bools.map(|t| Sides::new(s, t))).collect();
    let mut cells: Vec<String> = pairs
        .iter()
        .flat_map(|&sides| {
            bools.iter().flat_map(move |&e| [with_base(sides, e), without_base(sides, e)])
        })
        .collect();
    cells.sort();
    cells.dedup();
    cells
}

fn cell(mapping: &CompiledMapping, index: usize, pair: &Pair) -> String {
    if pair.is_absent() {
        return "a field absent".to_owned();
    }
    let held: Sides<Vec<&Value>> =
        pair.seen.as_ref().map(|slots| slots.iter().filter_map(Slot::value).collect());
    let equivalent = mapping.pairs[index].equivalent(&held.source, &held.target);
    match &pair.base {
        Some(base) => {
            let changed = Sides::from_fn(|side| {
                held[side].iter().zip(&base[side]).any(|(seen, base)| seen.changed_from(base))
            });
            with_base(changed, equivalent)
        }
        None => without_base(held.map(|h| h.iter().all(|value| value.is_blank())), equivalent),
    }
}

impl Tally {
    fn count(&mut self, what: String) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn add(&mut self, scene: &Scene, mapping: &CompiledMapping, entry: &Entry) {
        for (index, pair) in scene.pairs.iter().enumerate() {
            self.count(format!("{:?}: {}", pair.direction, cell(mapping, index, pair)));
            self.count(format!("carried: {:?}", pair.carried));
        }
        for planned in &entry.pairs {
            match &planned.action {
                PairAction::Adopt => {}
                PairAction::Write { cause, conflict, .. }
                | PairAction::WriteBoth { cause, conflict, .. } => {
                    self.count(format!("written: {}", word(cause)));
                    if let Some(row) = conflict {
                        self.asked(row);
                    }
                }
            }
        }
        for (_, note) in &entry.notes {
            self.count(format!("noted: {}", word(&note.cause)));
        }
        for hold in &entry.holds {
            self.count(format!("held: {}", hold.reason));
        }
        entry.conflicts.iter().for_each(|row| self.asked(row));
    }

    /// Each strategy that was asked alone.
    fn asked(&mut self, row: &Conflict) {
        let single = strategies().into_iter().find(|strategy| strategy.name() == row.strategy);
        let name = match &single {
            Some(strategy) => strategy.name(),
            None => "in order",
        };
        self.count(format!("strategy: {:?} {name}", row.kind));
    }

    /// What must have been met for the laws to mean anything.
    fn wanted() -> Vec<String> {
        let absent = "a field absent".to_owned();
        let mut wanted: Vec<String> = DIRECTIONS
            .iter()
            .flat_map(|direction| {
                let all = cells().into_iter().chain([absent.clone()]);
                all.map(move |cell| format!("{direction:?}: {cell}"))
            })
            .collect();
        for strategy in strategies() {
            wanted.push(format!("strategy: UpdateUpdate {}", strategy.name()));
            if !strategy.goes_by_time() {
                wanted.push(format!("strategy: FirstLink {}", strategy.name()));
            }
        }
        let others = [
            "strategy: UpdateUpdate in order",
            "strategy: FirstLink in order",
            "written: edit",
            "written: edit overwrites",
            "written: conflict",
            "written: fill",
            "written: first link overwrites",
            "written: drift restored",
            "noted: drift left",
            "noted: left as found",
            "held: conflict",
            "held: invalid",
            "carried: AsItIs",
            "carried: Trimmed",
            "carried: Lower",
            "carried: TrimmedThenLower",
            "carried: Phone",
            "carried: ByTable",
            "carried: TrimmedThenByTable",
        ];
        wanted.extend(others.map(str::to_owned));
        wanted
    }

    pub(crate) fn assert_each_at_least(&self, floor: usize) {
        let count = |what: &String| self.0.get(what).copied().unwrap_or(0);
        let few: Vec<String> = Self::wanted()
            .iter()
            .filter(|what| count(what) < floor)
            .map(|what| format!("{what}: {}", count(what)))
            .collect();
        assert!(few.is_empty(), "met fewer than {floor} times:\n{}", few.join("\n"));
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, count)| writeln!(f, "{count:>7}  {what}"))
    }
}
