//! What a complete read of a side has shown, so that what it did not show is looked at.

use fluxcascade_core::model::{RecordId, Side};
use rusqlite::params;

use super::fault::Fault;
use super::ledger::{Ledger, record};
use crate::columns::size;
use crate::rules;

/// Whether anything is known of a side.
pub(super) const KNOWN: &str = "SELECT 1 WHERE
     EXISTS (SELECT 1 FROM linked WHERE mapping = ?1 AND side = ?2)
     OR EXISTS (SELECT 1 FROM match_keys WHERE mapping = ?1 AND side = ?2)";

/// Known records after one that a sweep has not shown, in order: linked ones, and those with keys.
pub(super) const MISSED: [&str; 2] = [
    "SELECT d.record FROM linked d WHERE d.mapping = ?1 AND d.side = ?2 AND d.record > ?3
     AND NOT EXISTS (SELECT 1 FROM seen s
         WHERE s.mapping = d.mapping AND s.side = d.side AND s.record = d.record)
     ORDER BY d.record LIMIT ?4",
    "SELECT DISTINCT k.record FROM match_keys k
     WHERE k.mapping = ?1 AND k.side = ?2 AND k.record > ?3
     AND NOT EXISTS (SELECT 1 FROM seen s
         WHERE s.mapping = k.mapping AND s.side = k.side AND s.record = k.record)
     ORDER BY k.record LIMIT ?4",
];

/// How many missed records are in memory at a time.
const CHUNK: usize = 512;

impl Ledger<'_> {
    /// Forgets what earlier sweeps saw. What was not known before cannot be missed, so that the
    /// first read of a side marks nothing.
    pub(super) fn begin_sweep(&self, side: Side) -> Result<(), Fault> {
        self.forget_sweep(side)?;
        let place = params![self.mapping, side.number()];
        if self.one(KNOWN, place, |_| Ok(()))?.is_some() {
            self.run("INSERT INTO sweeps (mapping, side) VALUES (?1, ?2)", place)?;
        }
        Ok(())
    }

    /// Whether what the sweep of a side shows is marked.
    pub(super) fn marks(&self, side: Side) -> Result<Marks, Fault> {
        let place = params![self.mapping, side.number()];
        let found =
            self.one("SELECT 1 FROM sweeps WHERE mapping = ?1 AND side = ?2", place, |_| Ok(()))?;
        Ok(if found.is_some() { Marks::Kept } else { Marks::None })
    }

    pub(super) fn mark(&self, side: Side, record: &RecordId) -> Result<(), Fault> {
        self.run(
            "INSERT OR IGNORE INTO seen (mapping, side, record) VALUES (?1, ?2, ?3)",
            params![self.mapping, side.number(), record.as_str()],
        )?;
        Ok(())
    }

    /// Gives each known record an entry that the sweep did not show, with the numbers after
    /// `sequence`; says how many they are.
    pub(super) fn end_sweep(&self, side: Side, sequence: u64) -> Result<u64, Fault> {
        let mut missed = 0;
        let mut chunk = self.missed_after(side, "")?;
        while let Some(last) = chunk.last().cloned() {
            for record in &chunk {
                let entry = self.entry(side, record)?;
                let number = sequence + missed + 1;
                if let Some(entry) = rules::missed(entry.as_ref(), record, number) {
                    self.enter(side, &entry)?;
                    missed += 1;
                }
            }
            chunk = self.missed_after(side, last.as_str())?;
        }
        self.forget_sweep(side)?;
        Ok(missed)
    }

    fn missed_after(&self, side: Side, after: &str) -> Result<Vec<RecordId>, Fault> {
        let mut found = Vec::new();
        for sql in MISSED {
            let place = params![self.mapping, side.number(), after, size(CHUNK)];
            found.extend(self.all(sql, place, |row| record(row, 0))?);
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(CHUNK);
        Ok(found)
    }

    fn forget_sweep(&self, side: Side) -> Result<(), Fault> {
        let place = params![self.mapping, side.number()];
        self.run("DELETE FROM seen WHERE mapping = ?1 AND side = ?2", place)?;
        self.run("DELETE FROM sweeps WHERE mapping = ?1 AND side = ?2", place)?;
        Ok(())
    }
}

/// Whether a sweep is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// What it shows is stored until it is complete.
    Kept,
    /// No sweep is under way, or nothing could be missed by it.
    None,
}
