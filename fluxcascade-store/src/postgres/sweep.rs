//! What a complete read of a side has shown, so that what it did not show is looked at.

use std::collections::BTreeSet;

use fluxcascade_core::model::{RecordId, Side};

use super::fault::Fault;
use super::inbox::Entries;
use super::ledger::{Ledger, Places, record};
use crate::columns::{side_number, size};
use crate::rules;

/// Whether anything is known of a side.
pub(super) const KNOWN: &str = "SELECT 1 WHERE
     EXISTS (SELECT 1 FROM linked WHERE tenant = $1 AND mapping = $2 AND side = $3)
     OR EXISTS (SELECT 1 FROM match_keys
         WHERE tenant = $1 AND mapping = $2 AND side = $3 AND rule >= 0)";

/// Known records after one that a sweep has not shown, in order: linked ones, and those with keys.
pub(super) const MISSED: [&str; 2] = [
    "SELECT d.record FROM linked d
     WHERE d.tenant = $1 AND d.mapping = $2 AND d.side = $3 AND d.record > $4
     AND NOT EXISTS (SELECT 1 FROM seen s WHERE s.tenant = $1 AND s.mapping = $2 AND s.side = $3
         AND s.record = d.record OFFSET 0)
     ORDER BY d.record LIMIT $5",
    "SELECT DISTINCT k.record FROM match_keys k
     WHERE k.tenant = $1 AND k.mapping = $2 AND k.side = $3 AND k.record > $4
     AND k.rule >= 0
     AND NOT EXISTS (SELECT 1 FROM seen s WHERE s.tenant = $1 AND s.mapping = $2 AND s.side = $3
         AND s.record = k.record OFFSET 0)
     ORDER BY k.record LIMIT $5",
];

/// How many missed records are in memory at a time.
const CHUNK: usize = 512;

impl Ledger {
    /// Forgets what earlier sweeps saw. What was not known before cannot be missed, so that the
    /// first read of a side marks nothing.
    pub(super) async fn begin_sweep(&self, side: Side) -> Result<(), Fault> {
        self.forget_sweep(side).await?;
        let side = side_number(side);
        if !self.rows(KNOWN, &[&side]).await?.is_empty() {
            self.run("INSERT INTO sweeps (tenant, mapping, side) VALUES ($1, $2, $3)", &[&side])
                .await?;
        }
        Ok(())
    }

    /// Whether what the sweep of a side shows is marked.
    pub(super) async fn marks(&self, side: Side) -> Result<Marks, Fault> {
        let sql = "SELECT 1 FROM sweeps WHERE tenant = $1 AND mapping = $2 AND side = $3";
        let found = self.rows(sql, &[&side_number(side)]).await?;
        Ok(if found.is_empty() { Marks::None } else { Marks::Kept })
    }

    pub(super) async fn mark(&self, side: Side, shown: &BTreeSet<&RecordId>) -> Result<(), Fault> {
        let records: Vec<&str> = shown.iter().map(|record| record.as_str()).collect();
        self.run(
            "INSERT INTO seen (tenant, mapping, side, record)
             SELECT $1, $2, $3, p.record FROM unnest($4::text[]) p (record)
             ON CONFLICT (tenant, mapping, side, record) DO NOTHING",
            &[&side_number(side), &records],
        )
        .await?;
        Ok(())
    }

    /// Gives each known record an entry that the sweep did not show, with the numbers after
    /// `sequence`; says how many they are.
    pub(super) async fn end_sweep(&self, side: Side, sequence: u64) -> Result<u64, Fault> {
        let mut missed = 0;
        let mut chunk = self.missed_after(side, "").await?;
        while let Some(last) = chunk.last().cloned() {
            let places = Places::from_refs(chunk.iter().map(|record| (side, record)));
            let entries = self.entries(&places).await?;
            let mut made = Entries::new();
            for record in chunk {
                let place = (side, record);
                let number = sequence + missed + 1;
                if let Some(entry) = rules::missed(entries.get(&place), &place.1, number) {
                    made.insert(place, entry);
                    missed += 1;
                }
            }
            self.enter(&made).await?;
            chunk = self.missed_after(side, last.as_str()).await?;
        }
        self.forget_sweep(side).await?;
        Ok(missed)
    }

    async fn missed_after(&self, side: Side, after: &str) -> Result<Vec<RecordId>, Fault> {
        let mut found = BTreeSet::new();
        for sql in MISSED {
            for row in self.rows(sql, &[&side_number(side), &after, &size(CHUNK)]).await? {
                found.insert(record(&row, 0)?);
            }
        }
        Ok(found.into_iter().take(CHUNK).collect())
    }

    async fn forget_sweep(&self, side: Side) -> Result<(), Fault> {
        let side = side_number(side);
        for sql in [
            "DELETE FROM seen WHERE tenant = $1 AND mapping = $2 AND side = $3",
            "DELETE FROM sweeps WHERE tenant = $1 AND mapping = $2 AND side = $3",
        ] {
            self.run(sql, &[&side]).await?;
        }
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
