//! How often what a set of scripts is for did happen: printed, and asserted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use fluxcascade_core::SyncReport;
use fluxcascade_core::model::{Conflict, Hold, Timestamp};
use fluxcascade_core::testkit::{Call, CrashKind, Fault};

use crate::cells::Cells;
use crate::setup::Setup;

/// Counts by what is counted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) most: BTreeMap<String, u64>,
    seen: BTreeSet<(String, Timestamp)>,
}

impl Tally {
    pub(crate) fn count(&mut self, what: impl Into<String>, by: u64) {
        *self.counts.entry(what.into()).or_default() += by;
    }

    pub(crate) fn most(&mut self, what: &str, value: u64) {
        let most = self.most.entry(what.to_owned()).or_default();
        *most = (*most).max(value);
    }

    pub(crate) fn report(&mut self, report: &SyncReport) {
        self.count("runs", 1);
        self.count("writes settled", report.settled);
        self.count("records linked", report.linked);
        self.count("records failed", report.failed.len() as u64);
    }

    /// Each hold once, as long as it is the same.
    pub(crate) fn holds(&mut self, holds: &[Hold]) {
        for hold in holds {
            let key = (format!("{:?} {}", hold.key, hold.reason), hold.since);
            if self.seen.insert(key) {
                self.count(format!("hold: {}", hold.reason), 1);
            }
        }
    }

    pub(crate) fn conflicts(&mut self, conflicts: &[Conflict]) {
        for row in conflicts {
            self.count(format!("conflict: {:?} by {}", row.kind, row.strategy), 1);
            self.count(format!("conflict: {:?}", row.status), 1);
        }
    }

    pub(crate) fn crash(&mut self, kind: CrashKind, count: u64) {
        self.count(format!("crash: {kind}"), count);
    }

    pub(crate) fn lost(&mut self, kind: CrashKind, count: u64) {
        self.count(format!("lost: {kind}"), count);
    }

    /// Faults that took effect.
    pub(crate) fn faults(&mut self, ledger: &[Call]) {
        for call in ledger {
            let Some(mishap) = call.mishap.filter(|mishap| mishap.took_effect) else { continue };
            self.count(format!("fault: {}", name(mishap.fault)), 1);
        }
    }

    pub(crate) fn cells(&mut self, cells: &Cells) {
        for (cell, count) in &cells.counts {
            self.count(format!("cell: {cell}"), *count);
        }
    }

    pub(crate) fn setup(&mut self, setup: &Setup) {
        self.count("scripts", 1);
        for (_, manner) in setup.systems.iter() {
            self.count(format!("system: {:?}", manner.like), 1);
            self.count(format!("system: {:?}", manner.hand), 1);
        }
        let strategies: Vec<&str> =
            setup.conflicts.iter().map(fluxcascade_core::Strategy::name).collect();
        self.count(format!("strategy: {}", strategies.join(", ")), 1);
    }

    pub(crate) fn add(&mut self, other: &Tally) {
        for (what, count) in &other.counts {
            self.count(what.as_str(), *count);
        }
        for (what, value) in &other.most {
            self.most(what, *value);
        }
    }

    /// How often it was hit.
    pub(crate) fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// How many processes died.
    pub(crate) fn crashes(&self) -> u64 {
        self.of_all("crash: ")
    }

    /// How many calls of the store lost their answer.
    pub(crate) fn losses(&self) -> u64 {
        self.of_all("lost: ")
    }

    fn of_all(&self, beginning: &str) -> u64 {
        let counts = self.counts.iter().filter(|(what, _)| what.starts_with(beginning));
        counts.map(|(_, count)| count).sum()
    }

    pub(crate) fn print(&self, title: &str) -> String {
        let mut text = format!("{title}\n");
        for (what, count) in self.counts.iter().chain(&self.most) {
            writeln!(text, "{count:>9}  {what}").unwrap();
        }
        text
    }

    /// All of these were hit so often.
    pub(crate) fn assert_floor(&self, floor: u64, wanted: &[String]) {
        let rare: Vec<String> = wanted
            .iter()
            .filter(|what| self.of(what) < floor)
            .map(|what| format!("{}  {what}", self.of(what)))
            .collect();
        assert!(rare.is_empty(), "hit fewer than {floor} times:\n{}", rare.join("\n"));
    }
}

/// A fault without its numbers.
pub(crate) fn name(fault: Fault) -> String {
    let text = format!("{fault:?}");
    text.split('(').next().unwrap_or_default().to_owned()
}
